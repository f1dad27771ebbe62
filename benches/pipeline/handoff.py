"""Times handing an array from a child process to its parent, and attaching one by name.

    python -m pipeline.handoff send [--mb 1000] [--runs 5] [--ways 1,2]      prints {"ways": [...]} as JSON
    python -m pipeline.handoff attach [--count 2000]

Every way begins when a child that is there already is told to go, and ends when its parent has the
array: the child makes the values (the same stores in all ways, from a block that fits the cache) and
sends them. Beside them stands what cannot be saved: the same stores to fresh shared memory, of which the
parent only hears that they are done. The ways take turns; before anything is timed one round is compared
with the exact values. Needs NumPy, and for ndshm its C library.
"""
import argparse
import json
import mmap
import multiprocessing
import os
import sys
import tempfile
import time
from multiprocessing import resource_tracker
from multiprocessing.shared_memory import SharedMemory

import numpy as np

from .machine import busy_seconds

SHM = "/dev/shm"
BLOCK = np.arange(1 << 14, dtype="f8")  # 128 KiB
FORK = multiprocessing.get_context("fork")
TURN = 100  # attaches of one kind, before it is the other's turn


def fill(out):
    """Stores the values: the block again and again."""
    for at in range(0, out.size, BLOCK.size):
        piece = out[at:at + BLOCK.size]
        piece[:] = BLOCK[:piece.size]
    return out


def is_right(array, size):
    """Whether these are the values, all of them."""
    pieces = (array[at:at + BLOCK.size] for at in range(0, size, BLOCK.size))
    return array.shape == (size,) and all(np.array_equal(piece, BLOCK[:piece.size]) for piece in pieces)


# ------------------------------------------------------------------ the ways: child and parent


def fill_tmpfs(size, queue):
    with tempfile.TemporaryFile(dir=SHM) as file:
        file.truncate(8 * size)
        memory = mmap.mmap(file.fileno(), 8 * size)
        out = fill(np.frombuffer(memory, "f8"))
        queue.put(float(out[-1]))


def send_pickled(size, queue):
    queue.put(fill(np.empty(size)))
    queue.close()
    queue.join_thread()


def send_shared_memory(size, queue):
    made = fill(np.empty(size))
    shared = SharedMemory(create=True, size=made.nbytes)
    out = np.ndarray(size, "f8", shared.buf)
    out[:] = made
    queue.put(shared.name)
    del out
    shared.close()


def send_in_place(size, queue):
    shared = SharedMemory(create=True, size=8 * size)
    out = fill(np.ndarray(size, "f8", shared.buf))
    queue.put(shared.name)
    del out
    shared.close()


def send_ndshm(size, queue):
    import ndshm

    queue.put(fill(ndshm.empty(size)))


def as_it_is(message, size):
    return message, lambda: None


def shared_memory(name, size):
    shared = SharedMemory(name)

    def end():
        shared.close()
        shared.unlink()
    return np.ndarray(size, "f8", shared.buf), end


# What it is, its kind, what the child does, what the parent does with its message.
WAYS = [
    ("the stores alone, to a fresh file in /dev/shm", "limit", fill_tmpfs, as_it_is),
    ("ndshm: made in place, sent by name", "own", send_ndshm, as_it_is),
    ("SharedMemory: made in place, attached", "peer", send_in_place, shared_memory),
    ("SharedMemory: made, copied in, attached", "peer", send_shared_memory, shared_memory),
    ("Queue: made, pickled, sent through a pipe", "peer", send_pickled, as_it_is),
]


def child(way, size, go, queue):
    go.recv()
    WAYS[way][2](size, queue)


def cpu_seconds():
    """Of this process and its children that have ended."""
    return sum(os.times()[:4])


def hand_over(way, size, check):
    """One hand-off: seconds, and those of the parent's first look at all of it."""
    title, kind, _, receive = WAYS[way]
    (there, here), queue = FORK.Pipe(duplex=False), FORK.Queue()
    process = FORK.Process(target=child, args=(way, size, there, queue), daemon=True)
    process.start()
    busy, cpu, begin = busy_seconds(), cpu_seconds(), time.perf_counter()
    here.send(None)
    array, end = receive(queue.get(), size)
    wall = time.perf_counter() - begin
    right = kind == "limit" or (array[0] == 0 and array[-1] == BLOCK[(size - 1) % BLOCK.size])
    look = time.perf_counter()
    if kind != "limit":
        array.sum()
    look = time.perf_counter() - look
    if check and kind != "limit":
        right = is_right(array, size)
    del array
    end()
    process.join()
    whole = time.perf_counter() - begin
    if process.exitcode or not right:
        sys.exit(f"{title}: {'the child failed' if process.exitcode else 'wrong values'}")
    others = max(0.0, busy_seconds() - busy - (cpu_seconds() - cpu)) / whole
    return {"wall": round(wall, 6), "look": round(look, 6), "others": round(others, 3)}


def hand_offs(ways, size, runs):
    """A list of runs for each way, taken in turns; those of the first round are compared, and not counted."""
    out = {way: [] for way in ways}
    for number in range(runs + 1):
        for way in ways:
            result = hand_over(way, size, check=number == 0)
            if number:
                out[way].append(result)
    return out


# ------------------------------------------------------------------ attaching


def attach_ndshm(name):
    import ndshm

    return ndshm.attach(name).array, None


def attach_shared_memory(name):
    shared = SharedMemory(name)
    return np.ndarray(1000, "f8", shared.buf), shared


def one_attach(attach, name):
    """Microseconds until the array is there, and until it is gone again."""
    begin = time.perf_counter_ns()
    array, shared = attach(name)
    there = time.perf_counter_ns()
    if array[999] != 999:
        sys.exit(f"{name}: wrong values")
    again = time.perf_counter_ns()
    del array
    if shared is not None:
        shared.close()
    return (there - begin) / 1000, (there - begin + time.perf_counter_ns() - again) / 1000


def own(go, queue, with_ndshm):
    """A process that has one array of each kind, until it is told to end."""
    shared = SharedMemory(create=True, size=8000)
    np.ndarray(1000, "f8", shared.buf)[:] = np.arange(1000)
    if with_ndshm:
        import ndshm

        with ndshm.create(f"bench-handoff-{os.getpid()}", 1000) as made:
            made.array[:] = np.arange(1000)
            made.publish()
            queue.put({"ndshm": made.name, "SharedMemory": shared.name})
            go.recv()
    else:
        queue.put({"SharedMemory": shared.name})
        go.recv()
    shared.close()
    shared.unlink()


ATTACHES = {"ndshm": ("ndshm.attach(name).array", "own", attach_ndshm),
            "SharedMemory": ("SharedMemory(name), np.ndarray", "peer", attach_shared_memory)}


def attaches(count, with_ndshm):
    """The times of each kind, in turns; those of the first turn do not count."""
    (there, here), queue = FORK.Pipe(duplex=False), FORK.Queue()
    process = FORK.Process(target=own, args=(there, queue, with_ndshm), daemon=True)
    process.start()
    names = queue.get()
    times = {way: [] for way in names}
    for turn in range(-1, max(1, count // TURN)):
        for way, name in names.items():
            found = [one_attach(ATTACHES[way][2], name) for _ in range(TURN)]
            times[way] += found if turn >= 0 else []
    here.send(None)
    process.join()
    return times


# ------------------------------------------------------------------ as results


def missing():
    """Why ndshm is not there; nothing if it is."""
    try:
        import ndshm

        ndshm.empty(1)
    except Exception as error:  # noqa: BLE001 - the others are timed all the same
        return f"failed: {type(error).__name__}: {error}"[:200]
    return ""


def send_results(ways, mb, runs, fault):
    there = [way for way in ways if not (fault and WAYS[way][1] == "own")]
    found = hand_offs(there, mb * 1_000_000 // 8, runs)
    return {str(way): {"title": WAYS[way][0], "kind": WAYS[way][1], "state": "ok" if way in found else fault,
                       "runs": found.get(way, [])} for way in ways}


def attach_results(count, fault):
    found = attaches(count, not fault)
    return {way: {"title": title, "kind": kind, "state": "ok" if way in found else fault, "runs": [
        {"wall": round(there / 1e6, 9), "whole": round(gone / 1e6, 9)} for there, gone in found.get(way, [])]}
        for way, (title, kind, _) in ATTACHES.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["send", "attach"])
    parser.add_argument("--mb", type=int, default=1000, help="megabytes of the array (default 1000)")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--count", type=int, default=2000, help="attaches (default 2000)")
    parser.add_argument("--ways", help="numbers of the ways, separated by commas (default: all)")
    args = parser.parse_args()
    resource_tracker.ensure_running()  # one for all processes here
    fault = missing()
    if args.what == "attach":
        print(json.dumps(attach_results(args.count, fault)))
        return
    room = os.statvfs(SHM)
    if room.f_bavail * room.f_frsize < args.mb * 1_100_000:
        sys.exit(f"{SHM} has no room for {args.mb} MB")
    ways = [int(way) for way in args.ways.split(",")] if args.ways else range(len(WAYS))
    print(json.dumps(send_results(ways, args.mb, args.runs, fault)))


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Times handing an array from a child process to its parent, and attaching one by name.

    handoff.py [--mb 1000] [--runs 5] [--attaches 2000] [--write docs/performance.md]

Every way begins when a child that is there already is told to go, and ends when its parent has the
array: the child makes the values (the same stores in all ways, from a block that fits the cache) and
sends them. Beside them stands what cannot be saved: the same stores to fresh shared memory, of which the
parent only hears that they are done. The ways take turns; before anything is timed one round is compared
with the exact values. Needs NumPy, and the C library of `make lib` (or NDSHM_LIBRARY).
"""
import argparse
import mmap
import multiprocessing
import os
import platform
import statistics
import sys
import tempfile
import time
from multiprocessing import resource_tracker
from multiprocessing.shared_memory import SharedMemory

import numpy as np

ROOT = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
sys.path[:0] = [os.path.join(ROOT, "python"), os.path.join(ROOT, "benches", "pipeline")]
os.environ.setdefault("NDSHM_LIBRARY", os.path.join(ROOT, "target", "lib", "libndshm.so"))

import compare
import ndshm

SHM = "/dev/shm"
BLOCK = np.arange(1 << 14, dtype="f8")  # 128 KiB
FORK = multiprocessing.get_context("fork")


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


def send_ndshm(size, queue):
    queue.put(fill(ndshm.empty(size)))


def as_it_is(message, size):
    return message, lambda: None


def shared_memory(name, size):
    shared = SharedMemory(name)

    def end():
        shared.close()
        shared.unlink()
    return np.ndarray(size, "f8", shared.buf), end


# Name -> what the child does, what the parent does with its message.
WAYS = {
    "the stores alone, to a fresh file in /dev/shm": (fill_tmpfs, as_it_is),
    "**ndshm**: made in place, sent by name": (send_ndshm, as_it_is),
    "SharedMemory: made, copied in, attached": (send_shared_memory, shared_memory),
    "Queue: made, pickled, sent through a pipe": (send_pickled, as_it_is),
}
BASE = next(iter(WAYS))


def child(way, size, go, queue):
    go.recv()
    WAYS[way][0](size, queue)


def cpu_seconds():
    """Of this process and its children that have ended."""
    return sum(os.times()[:4])


def hand_over(way, size, check):
    """One hand-off: seconds, and those of the parent's first look at all of it."""
    (there, here), queue = FORK.Pipe(duplex=False), FORK.Queue()
    process = FORK.Process(target=child, args=(way, size, there, queue), daemon=True)
    process.start()
    busy, cpu, begin = compare.busy_seconds(), cpu_seconds(), time.perf_counter()
    here.send(None)
    array, end = WAYS[way][1](queue.get(), size)
    wall = time.perf_counter() - begin
    right = way == BASE or (array[0] == 0 and array[-1] == BLOCK[(size - 1) % BLOCK.size])
    look = time.perf_counter()
    if way != BASE:
        array.sum()
    look = time.perf_counter() - look
    if check and way != BASE:
        right = is_right(array, size)
    del array
    end()
    process.join()
    whole = time.perf_counter() - begin
    if process.exitcode or not right:
        sys.exit(f"{way}: {'the child failed' if process.exitcode else 'wrong values'}")
    others = max(0.0, compare.busy_seconds() - busy - (cpu_seconds() - cpu)) / whole
    return {"wall": wall, "look": look, "others": others}


def hand_offs(args):
    """Name -> runs, taken in turns; those of the first round are compared, and not counted."""
    size, runs = args.mb * 1_000_000 // 8, {way: [] for way in WAYS}
    for number in range(args.runs + 1):
        for way in WAYS:
            result = hand_over(way, size, check=number == 0)
            if number:
                runs[way].append(result)
            print(f"{number:2d} {result['wall']:8.3f} s  {way}", file=sys.stderr, flush=True)
    return runs


# ------------------------------------------------------------------ attaching


def attach_ndshm(name):
    return ndshm.attach(name).array, None


def attach_shared_memory(name):
    shared = SharedMemory(name)
    return np.ndarray(1000, "f8", shared.buf), shared


def one_attach(attach, name):
    """Microseconds until the array is there, and until it is gone again."""
    begin = time.perf_counter_ns()
    array, shared = attach(name)
    there = time.perf_counter_ns()
    del array
    if shared is not None:
        shared.close()
    return (there - begin) / 1000, (time.perf_counter_ns() - begin) / 1000


def own(go, queue):
    """A process that has one array of each kind, until it is told to end."""
    shared = SharedMemory(create=True, size=8000)
    with ndshm.create(f"bench-handoff-{os.getpid()}", 1000) as made:
        made.publish()
        queue.put((made.name, shared.name))
        go.recv()
    shared.close()
    shared.unlink()


def attaches(count):
    """Name -> (microseconds to attach, with the end of it), medians; in turns of 100."""
    (there, here), queue = FORK.Pipe(duplex=False), FORK.Queue()
    process = FORK.Process(target=own, args=(there, queue), daemon=True)
    process.start()
    names = dict(zip(("ndshm.attach(name).array", "SharedMemory(name), np.ndarray"), queue.get()))
    times = {way: [] for way in names}
    for _ in range(0, count, 100):
        for (way, name), attach in zip(names.items(), (attach_ndshm, attach_shared_memory)):
            times[way] += [one_attach(attach, name) for _ in range(100)]
    here.send(None)
    process.join()
    return {way: tuple(map(statistics.median, zip(*each))) for way, each in times.items()}


# ------------------------------------------------------------------ the report


def report(args, runs, latencies):
    """The text between the markers."""
    versions = {"ndshm": ndshm.__version__, "python": platform.python_version(), "numpy": np.__version__}
    where = argparse.Namespace(out=SHM, binaries={}, recipes=[])
    others = statistics.median(r["others"] for rs in runs.values() for r in rs)
    medians = {way: statistics.median(r["wall"] for r in rs) for way, rs in runs.items()}
    lines = [compare.machine_line(where, versions) + ".", "",
             f"{args.mb:,} MB, median of {args.runs} runs taken in turns; other programs used {others:.2f} processors "
             "meanwhile (median).", "",
             "| from child to parent | median s | fastest s | time / stores | parent's first sum s |",
             "|---|---:|---:|---:|---:|"]
    for way, rs in runs.items():
        look = "-" if way == BASE else f"{statistics.median(r['look'] for r in rs):.3f}"
        lines.append(f"| {way} | {medians[way]:.3f} | {min(r['wall'] for r in rs):.3f} | "
                     f"{medians[way] / medians[BASE]:.2f} | {look} |")
    lines += ["", f"Attaching 8 kB that another process has made, median of {args.attaches:,}:", "",
              "| | attach µs | attach and let go µs |", "|---|---:|---:|"]
    lines += [f"| {way} | {there:.1f} | {gone:.1f} |" for way, (there, gone) in latencies.items()]
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mb", type=int, default=1000, help="megabytes of the array (default 1000)")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--attaches", type=int, default=2000)
    parser.add_argument("--write", metavar="FILE.md", help="write the report between the markers of this file")
    args = parser.parse_args()
    room = os.statvfs(SHM)
    if room.f_bavail * room.f_frsize < args.mb * 1_100_000:
        sys.exit(f"{SHM} has no room for {args.mb} MB: say less with --mb")
    resource_tracker.ensure_running()  # one for all processes here
    latencies = attaches(args.attaches)
    text = report(args, hand_offs(args), latencies)
    print(text)
    if args.write:
        compare.write_between_markers(args.write, text, "handoff")


if __name__ == "__main__":
    main()

"""What no program can avoid: reading the text and writing as many bytes as the result has. Standard library only.

    python -m pipeline.limit PROCESSES OUT BYTES FILE...       OUT '-': into fresh memory

Reads the files (from the page cache) and writes BYTES, by turns and in pieces that fit the cache, without a look at
them. Prints {"work": seconds}, from the start of the processes to the end of the last one.
"""
import json
import mmap
import os
import sys
import time

PIECE = 256 << 10


def shares(paths, processes):
    """For each process: what it reads, as (path, from, to)."""
    sizes = [os.path.getsize(path) for path in paths]
    total, out = sum(sizes), []
    for n in range(processes):
        first, last, mine, at = total * n // processes, total * (n + 1) // processes, [], 0
        for path, size in zip(paths, sizes):
            start, end = max(first, at), min(last, at + size)
            if start < end:
                mine.append((path, start - at, end - at))
            at += size
        out.append(mine)
    return out


def copy(mine, put, at, end):
    """Reads a share, and puts the bytes from `at` to `end` meanwhile."""
    piece = memoryview(bytearray(PIECE))
    total = sum(to - start for _, start, to in mine)
    first, done = at, 0
    for path, start, to in mine:
        file = os.open(path, os.O_RDONLY)
        while start < to:
            got = os.preadv(file, [piece[:min(PIECE, to - start)]], start)
            start, done = start + got, done + got
            due = first + (end - first) * done // total
            while at < due:
                step = min(PIECE, due - at)
                put(piece[:step], at)
                at += step
        os.close(file)


def run(processes, out, size, paths):
    """Seconds."""
    begin = time.perf_counter()
    if out == "-":
        kind = mmap.MAP_PRIVATE if processes == 1 else mmap.MAP_SHARED
        memory = mmap.mmap(-1, size, flags=kind | mmap.MAP_ANONYMOUS)

        def put(piece, at):
            memory[at:at + len(piece)] = piece
    else:
        file = os.open(out, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        os.ftruncate(file, size)

        def put(piece, at):
            os.pwrite(file, piece, at)
    jobs = [(mine, put, size * n // processes, size * (n + 1) // processes)
            for n, mine in enumerate(shares(paths, processes))]
    children = []
    for job in jobs[1:]:
        child = os.fork()
        if child == 0:
            copy(*job)
            os._exit(0)
        children.append(child)
    copy(*jobs[0])
    failed = [status for status in (os.waitpid(child, 0)[1] for child in children) if status]
    if failed:
        raise RuntimeError(f"a process ended with {failed[0]}")
    return time.perf_counter() - begin


def main():
    processes, out, size, *paths = sys.argv[1:]
    print(json.dumps({"work": run(int(processes), out, int(size), paths)}))


if __name__ == "__main__":
    main()

"""One process for each file, a queue, a message when it is done: with np.loadtxt, SharedMemory and h5py."""

import multiprocessing
import sys
from multiprocessing import shared_memory
from pathlib import Path

import h5py
import numpy as np

DTYPE = np.dtype([("chr", "S10"), ("pos", "<i4"), ("pct", "<f4")])


def read(path: str, queue: "multiprocessing.Queue") -> None:
    """Reads one file to shared memory, and tells its name and shape."""
    table = np.loadtxt(path, dtype=DTYPE, ndmin=1)
    memory = shared_memory.SharedMemory(create=True, size=max(1, table.nbytes))
    np.ndarray(table.shape, DTYPE, memory.buf)[:] = table
    queue.put((path, memory.name, table.shape))
    queue.put((path, None, None))
    memory.close()


def main(output: str, *paths: str) -> None:
    queue: multiprocessing.Queue = multiprocessing.Queue()
    children = [multiprocessing.Process(target=read, args=(path, queue)) for path in paths]
    for child in children:
        child.start()
    running = len(children)
    with h5py.File(output, "w") as file:
        while running:
            path, name, shape = queue.get()
            if name is None:
                running -= 1
                continue
            memory = shared_memory.SharedMemory(name)
            file[Path(path).stem] = np.ndarray(shape, DTYPE, memory.buf)
            memory.close()
            memory.unlink()
    for child in children:
        child.join()


if __name__ == "__main__":
    main(*sys.argv[1:])

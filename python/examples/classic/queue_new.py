"""One process for each file, and a queue: the arrays themselves are put into it, and travel by name."""

import multiprocessing
import sys
from pathlib import Path

import h5py
import numpy as np

import ndshm

DTYPE = np.dtype([("chr", "S10"), ("pos", "<i4"), ("pct", "<f4")])


def read(path: str, queue: "multiprocessing.Queue") -> None:
    """Reads one file to shared memory, and sends the table."""
    queue.put((path, ndshm.loadtxt(path, dtype=DTYPE, ndmin=1)))


def main(output: str, *paths: str) -> None:
    queue: multiprocessing.Queue = multiprocessing.Queue()
    children = [multiprocessing.Process(target=read, args=(path, queue)) for path in paths]
    for child in children:
        child.start()
    with h5py.File(output, "w") as file:
        for _ in children:
            path, table = queue.get()
            file[Path(path).stem] = table
    for child in children:
        child.join()


if __name__ == "__main__":
    main(*sys.argv[1:])

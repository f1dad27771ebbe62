"""A pool of workers that read files: with np.loadtxt, whose tables go through a pipe, and h5py."""

import multiprocessing
import sys
from pathlib import Path

import h5py
import numpy as np

DTYPE = np.dtype([("chr", "S10"), ("pos", "<i4"), ("pct", "<f4")])


def read(path: str) -> np.ndarray:
    """The (rows,) table of one file."""
    return np.loadtxt(path, dtype=DTYPE, ndmin=1)


def main(output: str, *paths: str) -> None:
    with multiprocessing.Pool(2) as pool:
        tables = pool.map(read, paths)
    with h5py.File(output, "w") as file:
        for path, table in zip(paths, tables):
            file[Path(path).stem] = table


if __name__ == "__main__":
    main(*sys.argv[1:])

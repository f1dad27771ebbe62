"""Is a result right: bit by bit beside the exact values that the generator wrote.

    python -m pipeline.equal hdf5 KEY SCALE FOLDER OUT.h5
    python -m pipeline.equal segment KEY SCALE FOLDER NAME            one segment of ndshm
    python -m pipeline.equal blocks KEY SCALE FOLDER NAME             SharedMemory NAME-0, NAME-1, ...

Prints {"different": values, "ulp": largest distance in units of the last place}, or {"fault": what is wrong}.
"""
import json
import sys

import numpy as np

from .workloads import workload

PIECE = 50_000  # rows


def ulps(got, want):
    """(number of different values, largest distance in units of the last place; -1 if not floats)."""
    different = got != want
    if not different.any():
        return 0, 0
    if want.dtype.kind != "f":
        return int(different.sum()), -1
    bits = f"i{want.dtype.itemsize}"
    a, b = (np.ascontiguousarray(x[different]).view(bits).astype("i8") for x in (got, want))
    return int(different.sum()), int(np.abs(a - b).max())


class Comparison:
    """What was different so far."""

    def __init__(self):
        self.different, self.worst, self.fault = 0, 0, None

    def values(self, name, got, want):
        number, distance = ulps(got, want)
        if distance < 0:
            self.fault = self.fault or f"{name}: {number} values differ"
        self.different, self.worst = self.different + number, max(self.worst, distance)

    def piece(self, name, got, want):
        for field in want.dtype.names or [None]:
            self.values(name, got if field is None else got[field], want if field is None else want[field])

    def table(self, name, got, want, rows):
        """Rows that can be sliced (or a dict of columns) beside the values, which come again where they end."""
        if isinstance(got, dict):
            shapes = {column.shape for column in got.values()}
            if set(got) != set(want.dtype.names or ()) or shapes != {(rows,)}:
                self.fault = f"{name} has columns {sorted(got)} of shapes {sorted(shapes)}"
                return
        elif (got.shape, got.dtype) != ((rows, *want.shape[1:]), want.dtype):
            self.fault = f"{name} is {got.dtype} {got.shape}, not {want.dtype} {(rows, *want.shape[1:])}"
            return
        for first in range(0, rows, len(want)):
            for start in range(0, min(len(want), rows - first), PIECE):
                end = min(start + PIECE, len(want), rows - first)
                here, there = slice(first + start, first + end), want[start:end]
                if isinstance(got, dict):
                    for field, column in got.items():
                        self.values(name, column[here], there[field])
                else:
                    self.piece(name, got[here], there)

    def result(self):
        return {"fault": self.fault} if self.fault else {"different": self.different, "ulp": self.worst}


def expected(path):
    return np.load(path + ".npy", mmap_mode="r")


def arrays(work, folder, found):
    """Arrays in memory: one for each file, or one for all of them."""
    seen, paths = Comparison(), work.paths(folder)
    if len(found) == len(paths):
        for path, got in zip(paths, found):
            seen.table(path, got, expected(path), work.rows)
    elif len(found) == 1:
        rows = len(paths) * work.rows
        if len(found[0]) != rows:
            return {"fault": f"{len(found[0])} rows, not {rows}"}
        for n, path in enumerate(paths):
            seen.table(path, found[0][n * work.rows:(n + 1) * work.rows], expected(path), work.rows)
    else:
        return {"fault": f"{len(found)} arrays of {len(paths)} files"}
    return seen.result()


def hdf5(work, folder, out):
    import h5py

    seen = Comparison()
    with h5py.File(out, "r") as f:
        if sorted(f) != sorted(work.names()):
            return {"fault": f"datasets {sorted(f)}"}
        for name, path in zip(work.names(), work.paths(folder)):
            group = isinstance(f[name], h5py.Group)
            seen.table(name, {n: f[name][n] for n in f[name]} if group else f[name], expected(path), work.rows)
    return seen.result()


def segment(work, folder, name):
    import ndshm

    return arrays(work, folder, [ndshm.attach(name).array])


def blocks(work, folder, name):
    """Blocks have whole pages, and no type: that of the values."""
    from multiprocessing import resource_tracker
    from multiprocessing.shared_memory import SharedMemory

    seen, shape = Comparison(), (work.rows,) if work.fields else (work.rows, work.columns)
    for n, path in enumerate(work.paths(folder)):
        block = SharedMemory(f"{name}-{n}")
        resource_tracker.unregister(block._name, "shared_memory")  # whoever called removes it
        seen.table(path, np.ndarray(shape, work.fields or "f8", block.buf), expected(path), work.rows)
        block.close()
    return seen.result()


def main():
    kind, key, scale, folder, out = sys.argv[1:]
    check = {"hdf5": hdf5, "segment": segment, "blocks": blocks}[kind]
    try:
        print(json.dumps(check(workload(key, float(scale)), folder, out)))
    except Exception as error:  # noqa: BLE001 - whatever it is, the result is wrong
        print(json.dumps({"fault": f"{type(error).__name__}: {error}"}))


if __name__ == "__main__":
    sys.exit(main())

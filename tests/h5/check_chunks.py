#!/usr/bin/env python3
"""Reads chunks that ndshm has packed with stock readers of HDF5.

    check_chunks.py FOLDER

FOLDER/cases has one JSON object a line: what a block was, how it was parted, and the filters.
FOLDER/NAME.block is the block, NAME.chunks its chunks, NAME.table length and mask of each. They
are written to a file as they are, and read back by h5py and, if it is installed, h5repack,
which has another version of the library. Chunks of Zstandard are read if there is hdf5plugin. The last line says how many passed.
"""
import itertools
import json
import os
import shutil
import subprocess
import sys

import h5py
import numpy as np

ZSTD = 32015
try:
    import hdf5plugin  # noqa: F401
except ImportError:
    print("skipped: Zstandard, for want of hdf5plugin")


def element_type(size):
    """An integer, or a record of bytes, as ndshm has them."""
    record = [(f"byte{i}", "u1") for i in range(size)]
    return np.dtype({1: "u1", 2: "<u2", 4: "<u4", 8: "<u8"}.get(size, record))


def create(file, name, dtype, shape, chunk, case):
    """An empty dataset with the filters of a case."""
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_chunk(chunk)
    if case["shuffle"]:
        plist.set_shuffle()
    if case["codec"] == "gzip":
        plist.set_deflate(case["level"])
    if case["codec"] == "zstd":
        plist.set_filter(ZSTD, h5py.h5z.FLAG_OPTIONAL, (case["level"],))
    if case["fletcher32"]:
        plist.set_fletcher32()
    space = h5py.h5s.create_simple(shape, (h5py.h5s.UNLIMITED,) * len(shape))
    kind = h5py.h5t.py_create(dtype, logical=True)
    return h5py.h5d.create(file.id, name.encode(), kind, space, plist)


def datasets(case, block):
    """Name, values and shape of a chunk, of each dataset that a case has."""
    if case["kind"] == "columns":
        rows = block.reshape(-1, case["row"])
        for i, (offset, size) in enumerate(case["columns"]):
            column = np.ascontiguousarray(rows[:, offset:offset + size])
            yield f"{case['name']}-{i}", column.view(element_type(size)).reshape(-1), (len(rows),)
        return
    yield case["name"], block.view(element_type(case["element"])).reshape(case["block"]), tuple(case["chunk"])


def write(folder, file, case, expected):
    """The chunks of a case, in the order in which they were packed."""
    path = os.path.join(folder, case["name"])
    data = open(path + ".chunks", "rb").read()
    table = np.fromfile(path + ".table", "<u4").reshape(-1, 2)
    at, entries = 0, iter(table.tolist())
    for name, values, chunk in datasets(case, np.fromfile(path + ".block", np.uint8)):
        expected[name] = values
        dataset = create(file, name, values.dtype, values.shape, chunk, case)
        places = [range(0, n, c) for n, c in zip(values.shape, chunk)]
        for origin in itertools.product(*places):
            length, mask = next(entries)
            dataset.write_direct_chunk(origin, data[at:at + length], mask)
            at += length
    assert at == len(data) and next(entries, None) is None


def values_of(path, name):
    """The bytes of the elements as h5py reads them; none if it cannot."""
    try:
        with h5py.File(path) as file:
            return file[name][...].tobytes()
    except OSError as error:
        print(name, error)
        return None


def main(folder):
    cases = [json.loads(line) for line in open(os.path.join(folder, "cases"))]
    passed = failed = 0
    for zstd in (False, True):
        path, expected = os.path.join(folder, f"zstd-{zstd}.h5"), {}
        with h5py.File(path, "w") as file:
            for case in cases:
                if (case["codec"] == "zstd") == zstd:
                    write(folder, file, case, expected)
        readers = [path] if not zstd or h5py.h5z.filter_avail(ZSTD) else []
        if not zstd and shutil.which("h5repack"):
            plain = os.path.join(folder, "plain.h5")
            subprocess.run(["h5repack", "-f", "NONE", "-l", "CONTI", path, plain], check=True)
            readers.append(plain)
        for name, values in expected.items():
            for reader in readers:
                if values_of(reader, name) == values.tobytes():
                    passed += 1
                else:
                    failed += 1
                    print(f"FAILED {name} of {reader}")
    print(f"{passed} passed, {failed} failed")
    return 0 if failed == 0 and passed > 0 else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))

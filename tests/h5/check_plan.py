"""Compares what `ndshm convert --dry-run --json` said with the file that was made then: check_plan.py FILE < PLAN."""
import ast
import json
import sys

import h5py
import numpy as np


def dtype_of(text):
    return np.dtype(ast.literal_eval(text) if text[0] in "[{" else text)


def stored(dtype):
    """As it is in the file: text is UTF-8, of as many bytes."""
    if dtype.names:
        return np.dtype([(name, stored(dtype[name])) for name in dtype.names])
    return np.dtype(f"S{dtype.itemsize}") if dtype.kind == "U" else dtype


def filters_of(one):
    found = f"{one.compression}:{one.compression_opts}" if one.compression else None
    return found, one.shuffle, one.fletcher32


def check(one, plan, dataset):
    assert one.shape == tuple(dataset["shape"]), (one.name, one.shape, dataset)
    chunk = tuple(dataset["chunk"]) if "chunk" in dataset else None
    assert one.chunks == chunk, (one.name, one.chunks, chunk)
    wanted = plan["compression"], plan["shuffle"], plan["fletcher32"]
    assert filters_of(one) == wanted, (one.name, filters_of(one), wanted)


def main():
    plan = json.load(sys.stdin)
    assert plan["exact"] and all(dataset["exact"] for dataset in plan["datasets"]), plan
    dtype, size, rows = stored(dtype_of(plan["dtype"])), 0, plan["rows"]
    with h5py.File(sys.argv[1]) as file:
        for dataset in plan["datasets"]:
            one = file[dataset["name"]]
            if plan["layout"] == "columns" and dtype.names:
                assert set(one) == set(dtype.names), list(one)
                for name in dtype.names:
                    check(one[name], plan, dataset)
                    assert one[name].dtype == dtype[name], (name, one[name].dtype, dtype[name])
                    size += one[name].nbytes
            else:
                check(one, plan, dataset)
                assert one.dtype == dtype, (one.dtype, dtype)
                size += one.nbytes
        found = []
        file.visititems(lambda name, one: found.append(name) if isinstance(one, h5py.Dataset) else None)
    many = len(dtype.names) if plan["layout"] == "columns" and dtype.names else 1
    assert len(found) == many * len(plan["datasets"]), found
    assert size == plan["bytes"], (size, plan["bytes"])
    assert rows > 0


main()

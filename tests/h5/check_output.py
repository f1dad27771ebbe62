#!/usr/bin/env python3
"""Compares an HDF5 file that ndshm wrote with what np.loadtxt makes of the same tables.

    check_output.py OUT.h5 [NAME...]
        Each dataset against the case of its name in tests/data/expected.json (or the
        cases named). Every dataset must have a case, every named case a dataset.

    check_output.py --run target/release/ndshm [NAME...]
        Runs `ndshm convert` for every case (or the cases named) and compares.

    check_output.py --against-loadtxt OUT.h5 [--dtype TEXT|@FILE] [--delimiter C] ... -- INPUT...
        Calls np.loadtxt on the inputs, with the options of `ndshm convert`, and compares.

Compared are shape, dtype and the bytes of every element, by the documented mapping:
U*n* is a NUL-padded UTF-8 string of 4*n* bytes, M8 and m8 are 8-byte integers with an
attribute `units`, everything else is the NumPy type itself; where that loses something,
the attribute `ndshm_dtype` holds the dtype. h5dump, where it is
installed, must be able to print the header. The last line says how many passed.
"""
import argparse
import ast
import json
import os
import shutil
import subprocess
import sys
import tempfile

import h5py
import numpy as np

DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "data")


class Report:
    """Counts and prints what was checked."""

    def __init__(self):
        self.passed = self.failed = 0

    def add(self, name, fault):
        """`fault` is None, or what is wrong."""
        if fault is None:
            self.passed += 1
            return
        self.failed += 1
        print(f"FAILED {name}: {fault}")

    def finish(self):
        print(f"{self.passed} passed, {self.failed} failed")
        return 0 if self.failed == 0 and self.passed > 0 else 1


# ------------------------------------------------------------------ the mapping


def stored_dtype(dtype):
    """The dtype that h5py must see for a NumPy dtype."""
    if dtype.subdtype:
        base, extents = dtype.subdtype
        return np.dtype((stored_dtype(base), extents))
    if dtype.names:
        fields = [dtype.fields[n] for n in dtype.names]
        return np.dtype({"names": list(dtype.names), "formats": [stored_dtype(f[0]) for f in fields],
                         "offsets": [f[1] for f in fields], "itemsize": dtype.itemsize})
    if dtype.kind == "U":
        return np.dtype(f"S{dtype.itemsize}")
    if dtype.kind in "mM":
        return np.dtype(dtype.str[0] + "i8")
    return dtype


def stored(array):
    """The array as it must be in the file. Bytes between fields are zero."""
    out = np.zeros(array.shape, stored_dtype(array.dtype))
    copy_into(out, array)
    return out


def copy_into(out, array):
    dtype = array.dtype
    if dtype.names:
        for name in dtype.names:
            copy_into(out[name], array[name])
    elif dtype.kind == "U":
        for at in np.ndindex(array.shape):
            out[at] = str(array[at]).encode()
    elif dtype.kind in "mM":
        out[...] = array.view(out.dtype)
    else:
        out[...] = array


# ------------------------------------------------------------------ the comparison


def leaf_types(dtype, h5type, path=""):
    """(path, NumPy dtype, HDF5 type) of every leaf field."""
    if dtype.subdtype:
        yield from leaf_types(dtype.subdtype[0], h5type.get_super(), path + "[]")
    elif dtype.names:
        for name in dtype.names:
            member = h5type.get_member_type(h5type.get_member_index(name.encode()))
            yield from leaf_types(dtype.fields[name][0], member, f"{path}.{name}")
    else:
        yield path or "the dataset", dtype, h5type


def string_fault(dtype, h5type):
    """HDF5's own words about a string: h5py's dtype does not show them."""
    for path, leaf, kind in leaf_types(dtype, h5type):
        if leaf.kind not in "SU":
            continue
        if kind.get_strpad() != h5py.h5t.STR_NULLPAD:
            return f"{path}: the string is not NULLPAD"
        if leaf.kind == "U" and kind.get_cset() != h5py.h5t.CSET_UTF8:
            return f"{path}: the string is not marked as UTF-8"
    return None


UNITS = {"Y": "years", "M": "months", "W": "weeks", "D": "days", "h": "hours", "m": "minutes", "s": "seconds",
         "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds", "ps": "picoseconds", "fs": "femtoseconds",
         "as": "attoseconds"}


def units(dtype, path=""):
    """(attribute, text) for every field that counts time: 'units', or 'FIELD.units'."""
    if dtype.subdtype:
        yield from units(dtype.subdtype[0], path)
    elif dtype.names:
        for name in dtype.names:
            yield from units(dtype.fields[name][0], f"{path}{name}.")
    elif dtype.kind in "mM" and np.datetime_data(dtype)[0] in UNITS:
        unit, count = np.datetime_data(dtype)
        text = UNITS[unit] if count == 1 else f"{count} {UNITS[unit]}"
        yield path + "units", text + (" since 1970-01-01T00:00:00" if dtype.kind == "M" else "")


def attribute_fault(dataset, dtype):
    """What is wrong with the attributes that say what the file's type cannot, or None."""
    for name, text in units(dtype):
        found = dataset.attrs.get(name)
        if found != text:
            return f"attribute {name!r} is {found!r}, expected {text!r}"
    text = dataset.attrs.get("ndshm_dtype")
    if stored_dtype(dtype) != dtype and (text is None or read_dtype(text) != dtype):
        return f"attribute 'ndshm_dtype' is {text!r}, expected the text of {dtype}"
    return None


def first_difference(got, want):
    """Row and field of the first element whose bytes differ, or None."""
    a, b = (np.ascontiguousarray(x) for x in (got, want))
    if a.tobytes() == b.tobytes():
        return None
    for at in np.ndindex(b.shape):
        if a[at].tobytes() == b[at].tobytes():
            continue
        where = f"at {at}"
        if b.dtype.names:
            bad = [n for n in b.dtype.names if a[at][n].tobytes() != b[at][n].tobytes()]
            return f"{where}, field {bad[0]!r}: {a[at][bad[0]]!r}, expected {b[at][bad[0]]!r}"
        return f"{where}: {a[at]!r}, expected {b[at]!r}"
    return "differs"


def dataset_fault(dataset, array):
    """What is wrong with a dataset that should hold `array`, or None."""
    want = stored(array)
    if dataset.shape != want.shape:
        return f"shape {dataset.shape}, expected {want.shape}"
    if dataset.dtype != want.dtype:
        return f"dtype {dataset.dtype}, expected {want.dtype}"
    fault = string_fault(array.dtype, dataset.id.get_type())
    if fault:
        return fault
    return attribute_fault(dataset, array.dtype) or first_difference(dataset[...], want)


def h5dump_fault(path):
    """What h5dump says against the file, or None."""
    if not shutil.which("h5dump"):
        print("h5dump is not installed: its check is left out")
        return None
    done = subprocess.run(["h5dump", "-H", path], capture_output=True, text=True, check=False)
    return None if done.returncode == 0 else f"h5dump -H: {done.stderr.strip()[:300]}"


def compare(report, path, expected):
    """`expected`: name of dataset -> array."""
    report.add(path, h5dump_fault(path))
    try:
        with h5py.File(path, "r") as f:
            for name in sorted(set(f) - set(expected)):
                report.add(f"{path}:{name}", "is not expected in this file")
            for name, array in expected.items():
                fault = dataset_fault(f[name], array) if name in f else "is not in the file"
                report.add(f"{path}:{name}", fault)
    except OSError as error:
        report.add(path, error)


# ------------------------------------------------------------------ where the expected arrays come from


def cases():
    with open(os.path.join(DATA, "expected.json"), encoding="utf-8") as f:
        return {c["name"]: c for c in json.load(f)["cases"]}


def stem(path):
    """The name of an input's dataset: the file name without its last suffix."""
    return os.path.splitext(os.path.basename(path))[0]


def expected_array(case):
    return np.load(os.path.join(DATA, case["npy"]))


def check_file(report, path, names):
    known = cases()
    if not names:
        with h5py.File(path, "r") as f:
            names = [n for n in f if n in known]
    compare(report, path, {n: expected_array(known[n]) for n in names})


def convert_arguments(case):
    """The options of a case as `ndshm convert` takes them."""
    text = case["dtype"]
    args = ["--dtype", "@" + os.path.join(DATA, text[1:]) if text.startswith("@") else text]
    for name, value in case["options"].items():
        if name == "usecols":
            value = ",".join(map(str, value))
        args.append(f"--{name.replace('_', '-')}={'' if value is None else value}")
    return args


def run_cases(report, command, names):
    known = cases()
    with tempfile.TemporaryDirectory() as folder:
        for name in names or known:
            case, out = known[name], os.path.join(folder, name + ".h5")
            sample = os.path.join(DATA, case["sample"])
            done = subprocess.run([command, "convert", sample, "-o", out, *convert_arguments(case)],
                                  capture_output=True, text=True, check=False)
            if done.returncode != 0:
                report.add(name, f"exit status {done.returncode}: {done.stderr.strip()[:500]}")
            else:
                compare(report, out, {stem(sample): expected_array(case)})


def read_dtype(text):
    """np.dtype from the words that --dtype takes."""
    if text.startswith("@"):
        with open(text[1:], encoding="utf-8") as f:
            text = f.read()
    text = text.strip()
    return np.dtype(ast.literal_eval(text) if text[:1] in "[{(" else text)


def check_against_loadtxt(report, args):
    dtype = read_dtype(args.dtype)
    usecols = None if args.usecols is None else [int(c) for c in args.usecols.split(",")]
    expected = {}
    for path in args.inputs:
        with np.errstate(all="ignore"):
            expected[stem(path)] = np.loadtxt(
                path, dtype, comments=args.comments or None, delimiter=args.delimiter, skiprows=args.skiprows,
                max_rows=args.max_rows, usecols=usecols, encoding="utf-8", ndmin=1 if dtype.names else 2)
    compare(report, args.file, expected)


def loadtxt_arguments(words):
    parser = argparse.ArgumentParser(prog="check_output.py --against-loadtxt")
    parser.add_argument("file")
    parser.add_argument("inputs", nargs="+")
    parser.add_argument("--dtype", default="f8")
    parser.add_argument("--delimiter")
    parser.add_argument("--comments", default="#")
    parser.add_argument("--skiprows", type=int, default=0)
    parser.add_argument("--max-rows", type=int)
    parser.add_argument("--usecols")
    return parser.parse_args(words)


def main():
    report, words = Report(), sys.argv[1:]
    if not words or words[0] in ("-h", "--help"):
        print(__doc__.strip())
        return 0 if words else 2
    if words[0] == "--against-loadtxt":
        check_against_loadtxt(report, loadtxt_arguments(words[1:]))
    elif words[0] == "--run" and len(words) > 1:
        run_cases(report, words[1], words[2:])
    else:
        check_file(report, words[0], words[1:])
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())

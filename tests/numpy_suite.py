#!/usr/bin/env python3
"""NumPy's own tests of np.loadtxt, run against `ndshm.loadtxt`.

    numpy_suite.py [--kw workers=4,chunk_bytes=64] [--verbose]

NumPy carries its tests in its package. Every call of `np.loadtxt` in them goes to `ndshm.loadtxt`,
and NumPy's reader cannot be used meanwhile. A test is left out, with the reason, if it needs what
a reader in native code cannot have: functions or objects of Python, or long double. One
that never calls `np.loadtxt` says nothing and does not count.

Fails if a test fails, or if more are left out or fewer pass than were counted with NumPy 2.4.
"""
import argparse
import ast
import collections
import contextlib
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(HERE, "..", "python"))

import numpy as np  # noqa: E402
import pytest  # noqa: E402
from numpy.lib import _npyio_impl  # noqa: E402

import ndshm  # noqa: E402

# Test modules below NumPy's package, and words of the tests in them that may call np.loadtxt.
MODULES = {
    "lib/tests/test_loadtxt.py": "",
    "lib/tests/test_io.py": "LoadTxt or loadtxt or roundtrip or custom_writer or load_refcount or "
    "TestFromTxt and (array or skiprows or unpack_float_data or ndmin_keyword)",
    "lib/tests/test_regression.py": "loadtxt",
    "_core/tests/test_multiarray.py": "load_txt",
    "_core/tests/test_longdouble.py": "loadtxt",
}
PASSED, LEFT_OUT = 336, 36
# Tests of what is left out that does not show in their first call.
HIDDEN = {
    "test_max_rows_with_read_continuation": "the place that a file object is left at",
    "test_null_character": "dtype=object",
}


def leaves(dtype):
    if dtype.subdtype:
        yield from leaves(dtype.subdtype[0])
    elif dtype.names:
        for name in dtype.names:
            yield from leaves(dtype.fields[name][0])
    else:
        yield dtype


def foreign(_fname, dtype=float, converters=None, like=None, **_):
    """What a call needs that a native reader cannot have, if anything."""
    if like is not None:
        return "like="
    if callable(converters) or isinstance(converters, dict):
        return "converters"
    with contextlib.suppress(TypeError):
        kinds = {leaf.char for leaf in leaves(np.dtype(dtype))}
        if "O" in kinds:
            return "dtype=object"
        if kinds & set("gG"):
            return "long double"
    return None


def refuse(*_, **__):
    raise RuntimeError("NumPy's reader was called")


class Suite:
    """The reader in the place of NumPy's, and what became of the tests."""

    def __init__(self, extra):
        self.extra, self.test, self.calls = extra, "", 0
        self.counts, self.reasons, self.failed = collections.Counter(), collections.Counter(), []

    def loadtxt(self, *args, **kwargs):
        self.calls += 1
        reason = HIDDEN.get(self.test)
        with contextlib.suppress(TypeError):
            reason = reason or foreign(*args, **kwargs)
        if reason:
            pytest.skip(reason)
        with pytest.MonkeyPatch.context() as patch:
            for module, name in ((np, "genfromtxt"), (_npyio_impl, "genfromtxt"), (_npyio_impl, "_load_from_filelike")):
                patch.setattr(module, name, refuse)
            return ndshm.loadtxt(*args, **kwargs, **self.extra)

    def pytest_runtest_setup(self, item):
        self.test, self.calls = item.originalname, 0

    def pytest_runtest_logreport(self, report):
        if report.failed:
            self.failed.append(report.nodeid)
        elif report.skipped:
            self.counts["left out"] += 1
            self.reasons[report.longrepr[2] if isinstance(report.longrepr, tuple) else "expected to fail"] += 1
        elif report.when == "call":
            self.counts["passed" if self.calls else "without np.loadtxt"] += 1


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kw", default="", help="more arguments for every call: workers=4,chunk_bytes=64")
    parser.add_argument("--verbose", action="store_true", help="pytest's own report")
    args = parser.parse_args()
    pairs = (part.split("=", 1) for part in args.kw.split(",") if part)
    args.kw = {name: ast.literal_eval(value) for name, value in pairs}
    return args


def main():
    args = parse_arguments()
    if not np.__version__.startswith("2.4."):
        print(f"skipped: NumPy's tests of version 2.4 are wanted, not of {np.__version__}")
        return 0
    suite = Suite(args.kw)
    np.loadtxt = suite.loadtxt
    root = os.path.dirname(np.__file__)
    quiet = [] if args.verbose else ["-q", "--no-summary", "--show-capture=no", "--tb=short"]
    for module, words in MODULES.items():
        options = ["-p", "no:cacheprovider", "-W", "ignore", "--rootdir", root, *quiet]
        name = "numpy." + module.removesuffix(".py").replace("/", ".")
        pytest.main([*options, "-k", words, "--pyargs", name], plugins=[suite])
    counts = suite.counts
    for reason, count in sorted(suite.reasons.items()):
        print(f"left out: {count:3} {reason}")
    print(f"NumPy {np.__version__}: {counts['passed']} passed, {len(suite.failed)} failed, {counts['left out']} left out")
    for name in suite.failed:
        print(f"failed: {name}")
    return 1 if suite.failed or counts["left out"] > LEFT_OUT or counts["passed"] < PASSED else 0


if __name__ == "__main__":
    sys.exit(main())

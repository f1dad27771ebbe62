"""Type checkers understand the package, and programs that use it."""

import subprocess
import sys

import pytest
from conftest import PACKAGE

USER = """
import numpy as np
import ndshm
import ndshm.dask

with ndshm.create("x", (2, 3), "f4") as t:
    t.array[:] = 1
    t.publish()
total: float = float(ndshm.attach("x", mode="r+", timeout=5.0).array.sum())
made = ndshm.convert(["a", "b"], "c.h5", dtype=[("a", "i4")], progress=lambda now: print(now.rows))
rows: int = made.rows
spread = ndshm.dask.convert(["a", "b"], "c.h5", "a:i4", workers=None, dataset="c", materialize=True)
parts: "tuple[str, ...]" = spread.shards
joined: int = ndshm.join(parts, "d.h5", materialize=True, compression="gzip").datasets
a = ndshm.loadtxt("a.tsv", dtype="f8", delimiter=",")
names: list[str] = [i.name or "" for i in ndshm.ls()]
try:
    ndshm.export(a, "x.npy")
except ndshm.TextError as error:
    line: "int | None" = error.line
"""


def mypy(*arguments):
    pytest.importorskip("mypy")
    return subprocess.run([sys.executable, "-m", "mypy", "--strict", "--cache-dir", "/dev/null", *arguments], cwd=PACKAGE,
                          capture_output=True, text=True, check=False)


def test_the_package():
    done = mypy("-p", "ndshm")
    assert done.returncode == 0, done.stdout


def test_programs(folder):
    (folder / "user.py").write_text(USER)
    assert mypy(str(folder / "user.py")).returncode == 0
    (folder / "wrong.py").write_text(USER + "rows = made.row\nndshm.attach(5)\nndshm.convert('a', 'b', compress=1)\n")
    found = mypy(str(folder / "wrong.py")).stdout
    assert found.count("error:") == 3, found


def test_ruff():
    pytest.importorskip("ruff")
    done = subprocess.run([sys.executable, "-m", "ruff", "check", "--no-cache", "."], cwd=PACKAGE, capture_output=True,
                          text=True, check=False)
    assert done.returncode == 0, done.stdout

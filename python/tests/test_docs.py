"""The examples in docstrings run, and so do those of the README and the example programs."""

import doctest
import importlib
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import PACKAGE, PATH

import ndshm

MODULES = sorted(module.name for module in pkgutil.iter_modules(ndshm.__path__) if module.name.startswith("_"))


@pytest.mark.parametrize("module", MODULES)
def test_examples_in_docstrings(module, folder):
    found = importlib.import_module(f"ndshm.{module}")
    result = doctest.testmod(found, extraglobs={"ndshm": ndshm, "np": np, "folder": str(folder)})
    assert result.failed == 0


def test_public_functions_have_examples():
    public = {name: getattr(ndshm, name) for name in ndshm.__all__}
    functions = {name: value for name, value in public.items() if not isinstance(value, type)}
    without = [name for name, function in functions.items() if ">>>" not in function.__doc__]
    assert without == ["verify"]  # join's example verifies


def test_the_readme(folder, monkeypatch):
    (folder / "calls.tsv").write_text("chr1 1 2\nchr2 3 4\n")
    for name in "ab":
        (folder / f"{name}.tsv").write_text("chr1 1 2\n")
    blocks = re.findall("```python\n(.*?)```", (PACKAGE / "README.md").read_text(), re.DOTALL)
    assert len(blocks) == 2
    monkeypatch.chdir(folder)
    for block in blocks:
        exec(block.replace("365, 720, 1440", "3, 4, 5"), {"ndshm": ndshm})


@pytest.mark.parametrize("example", sorted((PACKAGE / "examples").glob("*.py")), ids=lambda path: path.stem)
def test_examples(example, folder):
    code = PATH + f"import runpy; runpy.run_path({str(example)!r}, run_name='__main__')"
    done = subprocess.run([sys.executable, "-B", "-c", code], cwd=folder, capture_output=True, text=True, timeout=60,
                          check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout


def test_every_module_is_small():
    sizes = {path.name: len(path.read_text().splitlines()) for path in Path(ndshm.__file__).parent.glob("*.py")}
    assert max(sizes.values()) < 300, sizes

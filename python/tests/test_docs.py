"""The examples in docstrings run, and so do those of the README and the example programs."""

import doctest
import importlib
import inspect
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
    assert without == []


def test_public_classes_have_examples():
    """Those that are used, and their methods; others are what functions return, or raise."""
    for made in (ndshm.Segment, ndshm.Pool, ndshm.NdshmError, ndshm.Progress):
        methods = [value for name, value in vars(made).items() if inspect.isfunction(value) and not name.startswith("_")]
        assert [found.__qualname__ for found in [made, *methods] if ">>>" not in found.__doc__] == []
    for name in ndshm.__all__:
        assert len(inspect.getdoc(getattr(ndshm, name))) > 20, name


def test_every_parameter_is_told(folder):
    """Each parameter of a function is in its docstring, unless it is one of `convert`, or NumPy's."""
    known = {*inspect.signature(ndshm.convert).parameters, *inspect.signature(np.loadtxt).parameters, "what", "name",
             "file", "values", "order", "shape", "text", "shards"}
    for name in ndshm.__all__:
        found = getattr(ndshm, name)
        if inspect.isfunction(found) and found not in (ndshm.convert, ndshm.load, ndshm.import_):
            missing = [each for each in inspect.signature(found).parameters
                       if each not in known and f"`{each}" not in found.__doc__ and f"{each}=" not in found.__doc__]
            assert missing == [], name


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

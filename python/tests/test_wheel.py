"""What the library shows to others, and what the wheel holds: nothing of HDF5 is to be seen beside h5py's."""

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from conftest import PACKAGE

import ndshm
from ndshm._library import library


def output(*command):
    """What a program prints."""
    if shutil.which(command[0]) is None:
        pytest.skip(f"needs {command[0]}")
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_only_the_c_functions_are_exported():
    symbols = [line.split()[-1] for line in output("nm", "-D", "--defined-only", library()._name).splitlines()]
    assert [symbol for symbol in symbols if not re.match("ndshm_[a-z0-9_]+$", symbol)] == []
    assert len(symbols) > 60


@pytest.mark.skipif("NDSHM_INSTALLED" not in os.environ, reason="for the package that is installed")
def test_the_wheel_has_all_it_needs():
    package = Path(ndshm.__file__).parent
    assert library()._name == str(package / "libndshm.so")
    needed = re.findall(r"NEEDED.*\[(.*?)\.so", output("readelf", "-d", library()._name))
    assert set(needed) <= {"libc", "libm", "libgcc_s", "libpthread", "libdl", "ld-linux-x86-64", "ld-linux-aarch64"}
    assert {"py.typed", "LICENSE-MIT", "LICENSE-APACHE"} <= {path.name for path in package.iterdir()}
    wheel = next(package.parent.glob("ndshm-*.dist-info/WHEEL")).read_text()
    assert re.search(r"^Tag: py3-none-(many)?linux", wheel, re.MULTILINE)


@pytest.fixture
def sdist(folder):
    """A source distribution, unpacked."""
    pytest.importorskip("hatchling")
    if not (PACKAGE.parent / "Cargo.toml").exists():
        pytest.skip("needs the repository")
    done = subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", str(folder)], cwd=PACKAGE,
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    with tarfile.open(next(folder.glob("ndshm-*.tar.gz"))) as file:
        assert all(member.isfile() or member.isdir() for member in file)
        file.extractall(folder, **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))
    return folder / f"ndshm-{ndshm.__version__}"


def files_of(folder, *under):
    """All files, by their paths."""
    return {str(path.relative_to(folder)) for name in under for path in sorted((folder / name).rglob("*"))
            if path.is_file() and "__pycache__" not in path.parts}


def test_the_sdist_has_the_crate(sdist):
    above = PACKAGE.parent
    assert files_of(sdist / "crate", ".") == files_of(above, "src", "include") | {
        "Cargo.toml", "Cargo.lock", "build.rs", "README.md", "LICENSE-MIT", "LICENSE-APACHE"}
    assert files_of(sdist, "ndshm", "tests", "examples") == files_of(PACKAGE, "ndshm", "tests", "examples")
    assert {path.name for path in sdist.iterdir()} == {
        "crate", "ndshm", "tests", "examples", "README.md", "PKG-INFO", "build_library.py", "pyproject.toml", ".gitignore"}
    for name in files_of(sdist / "crate", ".") - {"Cargo.toml"}:
        assert (sdist / "crate" / name).read_bytes() == (above / name).read_bytes()


def test_the_crate_of_the_sdist_can_be_built(sdist, monkeypatch):
    """As far as cargo says without building: the manifest names only what is there. Both layouts are found."""
    monkeypatch.syspath_prepend(str(sdist))
    import build_library
    assert build_library.crate_of(sdist) == sdist / "crate"
    assert build_library.crate_of(PACKAGE) == PACKAGE.parent
    assert build_library.manifest(sdist / "crate") == (sdist / "crate" / "Cargo.toml").read_text()
    assert not re.search(r"\[\[(test|bench|example)", (sdist / "crate" / "Cargo.toml").read_text())
    assert set(re.findall(r"^\[+([a-z]+)", (sdist / "crate" / "Cargo.toml").read_text(), re.MULTILINE)) >= {
        "package", "lib", "bin", "features", "dependencies", "target", "profile", "lints"}
    if shutil.which("cargo") is None:
        pytest.skip("needs cargo")
    done = subprocess.run(["cargo", "metadata", "--no-deps", "--format-version", "1", "--offline"], cwd=sdist / "crate",
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)["packages"][0]
    assert found["version"] == ndshm.__version__
    assert {kind for target in found["targets"] for kind in target["kind"]} == {"lib", "bin", "custom-build"}
    assert all(Path(target["src_path"]).exists() for target in found["targets"])

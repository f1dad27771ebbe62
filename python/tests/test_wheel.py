"""What the library shows to others, and what the wheel holds: nothing of HDF5 is to be seen beside h5py's."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

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

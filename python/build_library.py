"""Builds the library into the wheel: with cargo, and with an HDF5 of its own whose symbols nobody sees.

The first build takes minutes, most of them for HDF5; what it leaves in `target/wheel` makes the next one short. There is
one wheel for every Python, since the package loads the library with ctypes. HDF5 is built with CMake, which comes from
PyPI if the one that is there is too old.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

OLDEST_CMAKE = (3, 26)
FEATURES = "static-hdf5,compress,capi"


def is_new_enough(cmake: str | None) -> bool:
    """Whether HDF5 can be built with it."""
    if cmake is None:
        return False
    said = subprocess.run([cmake, "--version"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"version (\d+)\.(\d+)", said)
    return found is not None and (int(found[1]), int(found[2])) >= OLDEST_CMAKE


def build(crate: Path) -> Path:
    """Runs cargo; where the library is then."""
    target = Path(os.environ.get("CARGO_TARGET_DIR", crate / "target" / "wheel"))
    environment = {name: value for name, value in os.environ.items() if name != "HDF5_DIR"}
    cmake = shutil.which("cmake")
    if is_new_enough(cmake):
        environment["CMAKE"] = str(cmake)
    if shutil.which("cargo") is None:
        raise RuntimeError("cargo is missing: building ndshm needs Rust 1.89 or newer, see https://rustup.rs")
    subprocess.run(["cargo", "rustc", "--locked", "--lib", "--release", "--target-dir", str(target),
                    "--no-default-features", "--features", FEATURES, "--crate-type", "cdylib", "--", "-C",
                    "strip=symbols"], cwd=crate, env=environment, check=True)
    return target / "release" / "libndshm.so"


class Library(BuildHookInterface):
    """Puts the library beside the package's modules."""

    def dependencies(self) -> list[str]:
        """What a build needs besides hatchling."""
        return [] if is_new_enough(shutil.which("cmake")) else ["cmake>=3.26"]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called before the wheel is filled. An editable one finds the library as the tests do."""
        if self.target_name != "wheel" or version == "editable":
            return
        library = build(Path(self.root).parent)
        build_data["pure_python"] = False
        build_data["tag"] = "py3-none-" + sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data["force_include"][str(library)] = "ndshm/libndshm.so"

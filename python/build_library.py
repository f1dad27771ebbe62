"""Builds the library into the wheel: with cargo, and with an HDF5 of its own whose symbols nobody sees.

The first build takes minutes, most of them for HDF5; what it leaves in `target/wheel` makes the next one short. There is
one wheel for every Python, since the package loads the library with ctypes. HDF5 is built with CMake, which comes from
PyPI if the one that is there is too old.

The crate lies above this folder, and in a source distribution in the folder `crate`, which `sdist` fills.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

OLDEST_CMAKE = (3, 26)
FEATURES = "static-hdf5,compress,capi"
# What of the crate the library is built from, and its licenses.
CRATE = ["Cargo.lock", "build.rs", "src", "include", "README.md", "LICENSE-MIT", "LICENSE-APACHE"]


def is_new_enough(cmake: str | None) -> bool:
    """Whether HDF5 can be built with it."""
    if cmake is None:
        return False
    said = subprocess.run([cmake, "--version"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"version (\d+)\.(\d+)", said)
    return found is not None and (int(found[1]), int(found[2])) >= OLDEST_CMAKE


def crate_of(root: Path) -> Path:
    """Where the crate is: in a source distribution within it, in the repository above."""
    within = root / "crate"
    return within if within.is_dir() else root.parent


def manifest(crate: Path) -> str:
    """The crate's manifest without its tests and benchmarks, which a source distribution does not have."""
    tables = re.split(r"^(?=\[)", (crate / "Cargo.toml").read_text(), flags=re.MULTILINE)
    return "".join(table for table in tables if not table.startswith(("[[test]]", "[[bench]]", "[[example]]")))


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
        return [] if self.target_name != "wheel" or is_new_enough(shutil.which("cmake")) else ["cmake>=3.26"]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called before the wheel is filled. An editable one finds the library as the tests do."""
        crate = crate_of(Path(self.root))
        if self.target_name == "sdist":
            self.sdist(crate, build_data["force_include"])
        elif version != "editable":
            library = build(crate)
            build_data["pure_python"] = False
            build_data["tag"] = "py3-none-" + sysconfig.get_platform().replace("-", "_").replace(".", "_")
            build_data["force_include"].update({str(library): "ndshm/libndshm.so"}, **{
                str(crate / name): f"ndshm/{name}" for name in ("LICENSE-MIT", "LICENSE-APACHE")})

    def sdist(self, crate: Path, include: dict[str, str]) -> None:
        """Puts the crate into the source distribution."""
        self.folder = tempfile.TemporaryDirectory()  # gone with this object, when all is packed
        written = Path(self.folder.name, "Cargo.toml")
        written.write_text(manifest(crate))
        include[str(written)] = "crate/Cargo.toml"
        include.update({str(crate / name): f"crate/{name}" for name in CRATE})

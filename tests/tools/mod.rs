//! What the tests of the C libraries share: commands that must succeed, and tools that
//! may be missing.

#[path = "../common/skip.rs"]
pub(crate) mod skip;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Runs a command that must succeed; what it printed.
pub(crate) fn run(command: &mut Command) -> String {
    let Output { status, stdout, stderr } =
        command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let stdout = String::from_utf8_lossy(&stdout).into_owned();
    let stderr = String::from_utf8_lossy(&stderr);
    assert!(status.success(), "{command:?}: {status}\n{stdout}\n{stderr}");
    stdout
}

/// Where `make` builds the libraries for tests.
#[allow(dead_code, reason = "not every test needs the libraries")]
pub(crate) fn build_folder() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("install")
}

/// `make TARGET` with libraries of the dev profile. What they depend on was built for the tests
/// already: cargo finds it where that is, and the libraries alone are built anew.
#[allow(dead_code, reason = "not every test needs the libraries")]
pub(crate) fn make(target: &str) -> Command {
    let mut make = Command::new("make");
    make.current_dir(root()).args(["--no-print-directory", target, "PROFILE=dev"]);
    make.arg(format!("BUILD={}", build_folder().display()));
    for variable in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_TARGET", "MAKEFLAGS"] {
        make.env_remove(variable);
    }
    if let Some(built) = Path::new(env!("CARGO_TARGET_TMPDIR")).parent() {
        make.env("CARGO_BUILD_BUILD_DIR", built);
    }
    make
}

pub(crate) fn is_there(program: &str) -> bool {
    let there = Command::new(program).arg("--version").output().is_ok_and(|o| o.status.success());
    if !there {
        skip::skipped(program, "it is not installed");
    }
    there
}

//! ndshm in programs that use HDF5 themselves, with another copy of it: Python with h5py, whose
//! wheel brings its own. `tests/c/std/host.c` is the program that shares one copy.

#![cfg(all(feature = "cli", feature = "capi"))]
#![allow(clippy::unwrap_used, reason = "helpers of tests, too")]

mod tools;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use tools::{build_folder, is_there, make, root, run, skip};

fn library() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        run(&mut make("lib"));
        build_folder().join("lib/libndshm.so")
    })
}

/// Sizes of the structs that the script fills, as the header has them.
fn sizes() -> Vec<(&'static str, String)> {
    let what = [
        ("TEXT_OPTIONS", "sizeof(ndshm_text_options)"),
        ("HDF5_OPTIONS", "sizeof(ndshm_hdf5_options)"),
        ("ERROR", "sizeof(ndshm_error)"),
        ("APPEND", "offsetof(ndshm_hdf5_options, append)"),
        ("PROGRESS", "sizeof(ndshm_progress)"),
        ("DONE", "offsetof(ndshm_progress, done)"),
    ];
    let lines: Vec<_> =
        what.iter().map(|(_, c)| format!("    printf(\"%zu\\n\", {c});\n")).collect();
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("sizes.c");
    let head = "#include <stddef.h>\n#include <stdio.h>\n#include <ndshm.h>\n";
    fs::write(&source, format!("{head}int main(void)\n{{\n{}}}\n", lines.concat())).unwrap();
    let exe = folder.path().join("sizes");
    let mut compile = Command::new("cc");
    run(compile.arg("-I").arg(root().join("include")).arg(&source).arg("-o").arg(&exe));
    let printed = run(&mut Command::new(exe));
    what.iter().map(|&(name, _)| name).zip(printed.lines().map(String::from)).collect()
}

fn python(order: &str) {
    let Some(python) = env::var_os("NDSHM_PYTHON").filter(|path| !path.is_empty()) else {
        return skip::skipped(
            "files read by h5py",
            "NDSHM_PYTHON names no Python with NumPy and h5py",
        );
    };
    if !is_there("cc") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(python);
    command.arg(root().join("tests/hosts/python.py")).arg(order).arg(folder.path());
    command.env("LIBNDSHM", library()).envs(sizes());
    let output = command.output().unwrap();
    let complaints = String::from_utf8_lossy(&output.stderr);
    let what = format!("{order}: {}\n{complaints}", output.status);
    assert!(output.status.success() && output.stdout.starts_with(b"ok "), "{what}");
    assert!(complaints.is_empty(), "something was printed: {what}");
}

#[test]
fn h5py_and_its_hdf5_are_in_the_same_process() {
    python("before");
    python("after");
}

//! Adding to HDF5 files that are there: nothing of them is lost, whatever happens.
//!
//! `NDSHM_PYTHON` names a Python with h5py; without it files of other writers are not tried.

#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, reason = "helpers of tests, too")]

#[path = "../common/mod.rs"]
mod common;
#[path = "../common/full_disk.rs"]
mod full_disk;
mod kept;
mod library;
mod lost;
mod refused;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::{Folder, h5dump, joined, ndshm, python, run};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/h5/append_files.py");

/// A folder with tables to be added.
fn tables() -> Folder {
    let folder = Folder::new();
    folder.write("big.txt", joined(40_000, |i| format!("{i} {}\n", i % 7)));
    folder.write("few.txt", "1\n2\n3\n");
    folder
}

/// `ndshm convert --append` of these tables to `output`.
fn append(folder: &Folder, output: &str, inputs: &[&str]) -> Command {
    let mut command = ndshm(["convert", "--append", "-t", "f8", "-o", output]);
    command.args(inputs).current_dir(folder.root());
    command
}

/// A file with one dataset of many rows and one of few.
fn make_old(folder: &Folder, name: &str) -> PathBuf {
    let old = folder.write("old.txt", joined(30_000, |i| format!("{i} 1 2\n")));
    folder.write("old few.txt", "7\n8\n");
    let mut command = append(folder, name, &["old.txt", "old few.txt"]);
    run(&mut command).ok();
    fs::remove_file(old).unwrap();
    fs::remove_file(folder.path("old few.txt")).unwrap();
    folder.path(name)
}

fn names(path: &Path) -> Vec<String> {
    let listed = Command::new("h5ls").args(["-r"]).arg(path).output();
    let Ok(listed) = listed else { return Vec::new() };
    let text = String::from_utf8(listed.stdout).unwrap();
    text.lines().filter_map(|line| line.split_whitespace().next()).map(Into::into).collect()
}

/// Runs the script; it must find no fault. What it printed, if there is a Python.
#[track_caller]
fn script(args: &[&str], folder: &Folder) -> Option<String> {
    let mut command = python()?;
    let ran = run(command.arg(SCRIPT).args(args).current_dir(folder.root()));
    assert!(ran.status.success(), "{args:?}: {}{}", ran.stdout, ran.stderr);
    Some(ran.stdout)
}

/// The bytes of a dataset, by h5dump.
fn dumped(file: &Path, dataset: &str) -> Option<Vec<u8>> {
    let out = file.with_extension("dump");
    let to = out.to_str().unwrap();
    h5dump(&["-d", dataset, "-b", "FILE", "-o", to], file)?;
    let bytes = fs::read(&out).unwrap();
    fs::remove_file(out).unwrap();
    Some(bytes)
}

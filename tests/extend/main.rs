//! Rows added to datasets that are there: the result is that of one conversion of all rows, and
//! nothing is lost, whatever happens.
//!
//! `NDSHM_PYTHON` names a Python with h5py, and with PyTables and pandas if they are to be tried.

#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, reason = "helpers of tests, too")]

#[path = "../common/mod.rs"]
mod common;
#[path = "../common/full_disk.rs"]
mod full_disk;
mod grow;
mod lost;
mod refused;

use std::path::PathBuf;
use std::process::Command;

use common::{Folder, ndshm, python, run};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/h5/extend_files.py");
const DTYPE: &str = "chr:S5,pos:i4,v:f4,c:i2";

/// Runs the script; it must find no fault. What it printed, if there is a Python.
#[track_caller]
fn script(args: &[&str], folder: &Folder) -> Option<String> {
    let mut command = python()?;
    let ran = run(command.arg(SCRIPT).args(args).current_dir(folder.root()));
    assert!(ran.status.success(), "{args:?}: {}{}", ran.stdout, ran.stderr);
    Some(ran.stdout)
}

/// `ndshm convert` of these inputs to `output`.
fn to(folder: &Folder, output: &str, args: &[&str]) -> Command {
    let mut command = ndshm(["convert", "-o", output]);
    command.args(args).current_dir(folder.root());
    command
}

/// `ndshm convert --append-rows` of one input to a dataset.
fn add(folder: &Folder, output: &str, name: &str, input: &str) -> Command {
    to(folder, output, &[input, "--concat", name, "--append-rows"])
}

fn row(i: usize) -> String {
    format!("c{} {i} {}.25 {}\n", i % 7, i / 3, i % 5)
}

/// A table in portions: `p0.txt` and so on, and all of it.
fn portions(folder: &Folder, cuts: &[usize]) {
    let part = |from: usize, to: usize| (from..to).map(row).collect::<String>();
    for (i, ends) in cuts.windows(2).enumerate() {
        folder.write(&format!("p{i}.txt"), part(ends[0], ends[1]));
    }
    folder.write("all.txt", part(cuts[0], cuts[cuts.len() - 1]));
}

/// A file with one packed dataset, `t`, whose last chunk is not full.
fn make_old(folder: &Folder) -> PathBuf {
    portions(folder, &[0, 3000, 9000]);
    let made = ["p0.txt", "--concat", "t", "-t", DTYPE, "--compress", "gzip", "--chunks", "700"];
    run(&mut to(folder, "x.h5", &made)).ok();
    folder.path("x.h5")
}

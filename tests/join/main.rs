//! `ndshm join` and `ndshm verify`, end to end, with h5py as the judge of what a joined
//! file holds.
//!
//! `NDSHM_PYTHON` names a Python with h5py; without it what needs one is left out.

#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, reason = "helpers of tests, too")]

#[path = "../common/mod.rs"]
mod common;
mod odd;
mod rows;
mod verified;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::{Folder, Ran, ndshm, python, run};

const RECORD: &str = "i:i4,x:f8,s:S3";

/// Text of `rows` rows that no other `seed` has.
fn text(seed: usize, rows: usize) -> String {
    common::joined(rows, |i| format!("{} {}.5 s{}\n", seed * 1000 + i, i, seed % 10))
}

/// A shard with the dataset `data`.
#[track_caller]
fn shard(folder: &Folder, name: &str, seed: usize, rows: usize, options: &[&str]) -> PathBuf {
    let input = folder.write(&format!("{name}.txt"), text(seed, rows));
    let output = folder.path(name);
    let mut command = ndshm(["convert", "-q", "-f", "--concat", "data", "-t", RECORD]);
    run(command.arg(&input).arg("-o").arg(&output).args(options)).ok();
    fs::remove_file(input).unwrap();
    output
}

fn shards(folder: &Folder, count: usize) -> Vec<PathBuf> {
    (0..count).map(|i| shard(folder, &format!("part-{i}.h5"), i, 5 + i, &[])).collect()
}

fn joining(shards: &[PathBuf], output: &Path, options: &[&str]) -> Command {
    let mut command = ndshm(["join"]);
    command.args(shards).arg("-o").arg(output).args(options);
    command
}

fn verified(file: &Path, options: &[&str]) -> Ran {
    run(ndshm(["verify"]).arg(file).args(options))
}

/// The lines that `ndshm verify` prints for a file that is not whole.
#[track_caller]
fn problems(file: &Path, options: &[&str]) -> Vec<String> {
    let ran = verified(file, options);
    assert_eq!((ran.status.code(), ran.stderr.as_str()), (Some(1), ""), "{ran:?}");
    ran.stdout.lines().map(String::from).collect()
}

#[track_caller]
fn is_whole(file: &Path) {
    let said = verified(file, &[]).ok().stdout;
    assert!(said.contains(": whole, "), "{said}");
}

/// Runs a script, which must succeed, in `folder`; whether there is a Python.
#[track_caller]
fn judge(folder: &Folder, script: &str, args: &[&str]) -> Option<String> {
    let mut python = python()?;
    let head = "import glob, h5py, json, os, sys, numpy as np\nH = h5py.File\n";
    let ran =
        run(python.args(["-c", &format!("{head}{script}")]).args(args).current_dir(folder.root()));
    assert!(ran.status.success(), "{}{}", ran.stdout, ran.stderr);
    Some(ran.stdout)
}

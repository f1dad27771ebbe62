//! HDF5 files as others see them: h5dump, h5py, other processes, a full disk.
//!
//! `NDSHM_PYTHON` names a Python with h5py; without it, and without h5dump,
//! the tests that need them say so and pass.
#![cfg(feature = "hdf5")]
#![allow(unsafe_code, clippy::unwrap_used)]

mod children;
mod contents;
mod refused;
#[path = "../common/skip.rs"]
mod skip;
mod targets;

use std::fs;
use std::path::Path;
use std::process::Command;

use ndshm::dtype_buf::DTypeBuf;
use ndshm::hdf5::{Error, Options, Writer};

/// Rows that any type can hold: only 0 and 1, so booleans stay booleans.
fn pattern(len: usize, seed: usize) -> Vec<u8> {
    (0..len).map(|i| u8::from((i * i + seed).is_multiple_of(3))).collect()
}

fn append(writer: &mut Writer, rows: &[u8]) {
    // SAFETY: a live slice.
    unsafe { writer.append(rows.as_ptr(), rows.len()) }.unwrap();
}

fn add(writer: &mut Writer, name: &str, dtype: &DTypeBuf, rows: &[u8], shape: &[u64]) {
    writer.begin_dataset().unwrap();
    append(writer, rows);
    writer.finish_dataset(name, dtype.as_dtype(), shape, &[]).unwrap();
}

/// A small file with one dataset, made in the usual way.
fn simple(path: &Path, options: &Options, rows: usize) -> Result<(), Error> {
    let dtype = DTypeBuf::parse("<f8").unwrap();
    let mut writer = Writer::create(path, options, 0)?;
    add(&mut writer, "x", &dtype, &pattern(rows * 8, 1), &[rows as u64]);
    writer.close().map(|_| ())
}

fn forced() -> Options {
    let mut options = Options::default();
    options.force = true;
    options
}

/// Names in a directory, in order.
fn names(dir: &Path) -> Vec<String> {
    let mut all: Vec<_> = fs::read_dir(dir)
        .unwrap()
        .map(|e| e.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    all.sort();
    all
}

fn python() -> Option<Command> {
    let python = std::env::var_os("NDSHM_PYTHON");
    if python.is_none() {
        skip::skipped("files read by h5py", "NDSHM_PYTHON names no Python with NumPy and h5py");
    }
    python.map(Command::new)
}

/// Runs a script with arguments and gives what it printed.
fn run_python(script: &str, args: &[&Path]) -> Option<String> {
    let out = python()?.arg("-c").arg(script).args(args).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    Some(String::from_utf8(out.stdout).unwrap())
}

fn h5dump(args: &[&str], file: &Path) -> Option<String> {
    let Ok(out) = Command::new("h5dump").args(args).arg(file).output() else {
        skip::skipped("files read by h5dump", "it is not installed");
        return None;
    };
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    Some(String::from_utf8_lossy(&out.stdout).into_owned())
}

//! The command, end to end: what a person at a shell does, and sees.

#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, reason = "helpers of tests, too")]

#[path = "../common/mod.rs"]
mod common;
mod inputs;
mod outputs;
mod samples;
mod segments;

use std::fs;
use std::io::{PipeReader, Write};
use std::path::Path;
use std::process::Command;

use common::{Folder, SegmentName, data, ndshm, run};

/// The dtype of the methylation calls, in both forms.
const DESCR: &str = "[('chr','S10'),('pos','<i4'),('pct','<f4'),('c','<i4'),('t','<i4')]";
const SHORT: &str = "chr:S10,pos:i4,pct:f4,c:i4,t:i4";

fn convert(inputs: &[&Path], output: &Path, options: &[&str]) -> Command {
    let mut command = ndshm(["convert"]);
    command.args(inputs).arg("-o").arg(output).args(options);
    command
}

/// The bytes of the file that a conversion makes.
#[track_caller]
fn converted(folder: &Folder, inputs: &[&Path], options: &[&str]) -> Vec<u8> {
    let output = folder.path("converted.h5");
    run(convert(inputs, &output, options).arg("--force")).ok();
    fs::read(output).unwrap()
}

fn holds(file: &[u8], rows: &[u8]) -> bool {
    file.windows(rows.len()).any(|window| window == rows)
}

/// The value behind a key that `ndshm info` prints.
#[track_caller]
fn info(name: &SegmentName, key: &str) -> String {
    let said = run(&mut ndshm(["info", name.as_str()])).ok().stdout;
    let line = said.lines().find(|line| line.split_whitespace().next() == Some(key));
    line.unwrap_or_else(|| panic!("no {key} in {said}"))[key.len()..].trim().into()
}

#[track_caller]
fn load(name: &SegmentName, input: &Path, options: &[&str]) {
    let mut command = ndshm(["load", "--name", name.as_str(), "--quiet"]);
    let said = run(command.arg(input).args(options).current_dir(data(""))).ok().stdout;
    assert_eq!(said, "");
}

/// The data of a segment, as anybody can read it.
#[track_caller]
fn loaded(name: &SegmentName) -> Vec<u8> {
    let offset: usize = info(name, "data").rsplit_once(' ').unwrap().1.parse().unwrap();
    fs::read(name.file()).unwrap()[offset..].to_vec()
}

/// A pipe with a file's text in it.
fn piped(file: &Path) -> PipeReader {
    let (reader, mut writer) = std::io::pipe().unwrap();
    let text = fs::read(file).unwrap();
    std::thread::spawn(move || writer.write_all(&text));
    reader
}

//! `ndshm describe`: what a person sees, and what NumPy and pandas say of the same values:
//! `describe/run.py`, by the Python that `NDSHM_PYTHON` names.
#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used)]

#[path = "common/skip.rs"]
mod skip;

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

const NDSHM: &str = env!("CARGO_BIN_EXE_ndshm");

const FLIGHTS: &str = "\
from,miles,late,day
CGN,120.5,true,2024-02-27
日本,3,false,2024-02-28
CGN,NA,true,2024-03-01
MUC,88,true,
";

/// Describes a file of this text in a terminal of so many columns.
fn describe(text: &str, width: usize, args: &[&str]) -> Output {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("flights.csv");
    fs::write(&path, text).unwrap();
    Command::new(NDSHM)
        .arg("describe")
        .args(args)
        .arg(path)
        .env("COLUMNS", width.to_string())
        .env("LC_ALL", "C.UTF-8")
        .env_remove("TERM")
        .output()
        .unwrap()
}

fn shown(text: &str, width: usize, args: &[&str]) -> String {
    let done = describe(text, width, args);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap()
}

const FLAGS: [&str; 4] = ["--header", "-d,", "--missing=NA", "-tU,f8,U,U"];

#[test]
fn a_table_shows_what_is_there() {
    assert_eq!(shown(FLIGHTS, 80, &FLAGS), include_str!("describe/table.txt"));
}

#[test]
fn narrow_and_plain_terminals_are_kept() {
    let narrow = shown(FLIGHTS, 36, &[&FLAGS[..], &["--ascii"]].concat());
    assert_eq!(narrow, include_str!("describe/narrow.txt"));
    assert!(narrow.is_ascii() && narrow.lines().all(|line| line.len() <= 36), "{narrow}");
}

#[test]
fn quick_descriptions_and_chosen_columns_are_short() {
    let told = shown(FLIGHTS, 80, &[&FLAGS[..], &["--quick", "--columns=miles"]].concat());
    assert!(told.contains("70.5") && !told.contains("top") && !told.contains("late"), "{told}");
    let done = describe(FLIGHTS, 80, &[&FLAGS[..], &["--columns=kilometres"]].concat());
    let told = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(done.status.code() == Some(1) && told.contains("'kilometres'"), "{told}");
    assert!(told.contains("'miles'"), "{told}");
}

/// The comma of a place is of its name, as it is for `head`.
#[test]
fn columns_are_named_as_they_are_shown_and_keep_their_order() {
    let dtype = ["-t", "[('a','<i4',(2,2)),('b','<i4')]", "--quick"];
    let told = shown("1 2 3 4 5\n", 80, &[&dtype[..], &["--columns=b,a[0,1]"]].concat());
    let at = |name: &str| told.find(name).unwrap_or_else(|| panic!("no {name}: {told}"));
    assert!(at("b ") < at("a[0,1]") && !told.contains("a[0,0]"), "{told}");
    let done = describe("1 2 3 4 5\n", 80, &[&dtype[..], &["--columns=a[0,2]"]].concat());
    let told = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(told.contains("no column is named 'a[0,2]'; maybe 'a[0,"), "{told}");
}

#[test]
fn errors_of_the_text_show_the_place() {
    let done = describe("1\n2\nx\n", 80, &["-t", "f8"]);
    let told = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(done.status.code() == Some(1) && told.contains(":3:"), "{told}");
}

#[test]
fn numpy_and_pandas_say_the_same() {
    let Some(python) = std::env::var_os("NDSHM_PYTHON").filter(|path| !path.is_empty()) else {
        skip::skipped("what pandas says", "NDSHM_PYTHON names no Python with pandas");
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/describe/run.py");
    let done = Command::new(python).arg(script).arg(NDSHM).arg(dir.path()).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

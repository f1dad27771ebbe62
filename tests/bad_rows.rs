//! What the command says about rows that it cannot read: the line with a mark under the
//! field, or which rows it left out.

#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, reason = "helpers of tests, too")]

mod common;

use common::{Folder, SegmentName, ndshm, run};

/// The lines of standard error.
fn said(folder: &Folder, args: &[&str]) -> Vec<String> {
    let ran = run(ndshm(args).current_dir(folder.root()));
    ran.stderr.lines().map(String::from).collect()
}

#[test]
fn the_line_is_shown_with_a_mark_under_the_field() {
    let folder = Folder::new();
    folder.write("a.csv", "n,s\n1,日本\n2,日本,\tx\n");
    let args = ["convert", "a.csv", "-o", "a.h5", "-t", "i4,S9", "-d,", "--skiprows", "1"];
    let lines = said(&folder, &args);
    assert!(lines[0].starts_with("ndshm: a.csv:2:2: could not convert '日本'"), "{lines:?}");
    assert_eq!(lines[1..], ["  1,日本", "    ^^^^"]);
    folder.write("b.csv", "1,2\n1,2,3\n");
    let lines = said(&folder, &["convert", "b.csv", "-o", "b.h5", "-t", "i4", "-d,"]);
    assert!(lines[0].contains("b.csv:2: the number of columns changed"), "{lines:?}");
    assert_eq!(lines[1..], ["  1,2,3"]);
}

#[test]
fn rows_that_are_left_out_are_reported() {
    let folder = Folder::new();
    let text: Vec<_> = (0..30).map(|i| if i % 2 == 0 { "x\n" } else { "1\n" }).collect();
    folder.write("a.txt", text.concat());
    folder.write("b.txt", "1\n\u{1b}[2J\n");
    let args = ["convert", "a.txt", "b.txt", "-o", "a.h5", "-t", "i4", "--on-bad-rows", "skip"];
    let ran = run(ndshm(args).current_dir(folder.root()));
    assert!(ran.status.success() && ran.stdout.contains("16 rows in 2 datasets"), "{ran:?}");
    let lines: Vec<_> = ran.stderr.lines().collect();
    assert_eq!(lines[0], "ndshm: 16 bad rows were left out, the first 10 are:");
    assert!(lines[10].starts_with("  a.txt:19:1: could not convert 'x'"), "{lines:?}");
    assert_eq!(lines.len(), 11);
    let name = SegmentName::new("bad-rows");
    let args = ["load", "b.txt", "--name", &name.0, "-t", "i4", "--on-bad-rows", "skip", "-q"];
    let ran = run(ndshm(args).current_dir(folder.root()));
    let lines: Vec<_> = ran.stderr.lines().collect();
    assert_eq!(lines[0], "ndshm: 1 bad row was left out:");
    assert!(lines[1].starts_with("  b.txt:2:1: could not convert '\\u{1b}[2J'"), "{lines:?}");
    run(&mut ndshm(["rm", &name.0])).ok();
}

#[test]
fn footers_and_quotes_are_offered() {
    let folder = Folder::new();
    folder.write("a.csv", "1,\"a\nb\"\r\n2,c\ntotal\n\n");
    let args = [
        "convert",
        "a.csv",
        "-o",
        "a.h5",
        "-t",
        "i4,S9",
        "-d,",
        "--quote",
        "\"",
        "--skip-footer",
        "2",
    ];
    assert!(run(ndshm(args).current_dir(folder.root())).ok().stdout.contains("2 rows"));
}

//! What ndshm writes, read by R's rhdf5 and compared with the text as R itself reads it
//! (`tests/r/read.R`). Where there is no R with rhdf5 the test says so and passes.

#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, reason = "helpers of tests, too")]

mod common;

use std::process::Command;

use common::{Folder, SegmentName, joined, ndshm, run, skipped};

const TABLE: &str = "name:S6,i:i4,x:f8,ok:?,colour:S5,big:i8,day:M8[D],word:S,letter:U2";

/// R, if it has the package.
fn r() -> Option<Command> {
    let asked = "quit(status = !requireNamespace('rhdf5', quietly = TRUE))";
    let found = Command::new("Rscript").args(["-e", asked]).output();
    if !found.is_ok_and(|output| output.status.success()) {
        skipped("files read by R", "R with rhdf5 is not installed");
        return None;
    }
    let mut command = Command::new("Rscript");
    command.env("LC_ALL", "C.UTF-8");
    Some(command)
}

fn table(rows: usize) -> String {
    joined(rows, |i| {
        let colour = ["red", "green", "blue"][i % 3];
        let (ok, year, day) = (i % 2, i % 90 + 10, i % 9 + 1);
        let big = (i as i64 - 20) * 100_000_000_003;
        format!(
            "n{} {i} {}.5 {ok} {colour} {big} 20{year}-01-0{day} w{} ü{}\n",
            i % 37,
            i % 91,
            i * i,
            i % 10
        )
    })
}

#[track_caller]
fn converted(folder: &Folder, inputs: &[&str], output: &str, dtype: &str, options: &[&str]) {
    let mut command = ndshm(["convert", "-q", "-f", "-t", dtype, "-o", output]);
    run(command.args(inputs).args(options).current_dir(folder.root())).ok();
}

fn tables(folder: &Folder) {
    folder.write("t.txt", table(700));
    let gzip = ["--compress", "gzip", "--chunks", "64"];
    let columns = ["--layout", "columns"];
    let known = ["--category", "colour=blue,green,red"];
    let cases: [(&str, &[&str]); 7] = [
        ("block.h5", &["--units", "x=metres", "--attr", "title=Größe"]),
        ("chunks.h5", &["--maxshape", "--chunks", "100"]),
        ("gzip.h5", &[&gzip[..], &["--fletcher32"]].concat()),
        ("columns.h5", &columns),
        ("columns-gzip.h5", &[&columns[..], &gzip].concat()),
        ("category.h5", &["--category", "colour"]),
        ("category-columns.h5", &[&columns[..], &gzip, &known].concat()),
    ];
    for (output, options) in cases {
        converted(folder, &["t.txt"], output, TABLE, options);
    }
    folder.write("e.txt", "red 1\n'' 2\nblue 3\n");
    let empty = ["--category", "colour", "--quotechar", "'"];
    converted(folder, &["e.txt"], "empty.h5", "colour:S5,i:i4", &empty);
    for half in ["half-1.h5", "half-2.h5"] {
        converted(folder, &["t.txt"], half, TABLE, &["--concat", "data"]);
    }
    let mut join = ndshm(["join", "-q", "half-1.h5", "half-2.h5", "-o", "joined.h5"]);
    run(join.current_dir(folder.root())).ok();
}

fn grids(folder: &Folder) {
    let row = |i: usize| joined(7, |j| format!("{} ", i * 10 + j)) + "\n";
    folder.write("g.txt", joined(20, row));
    let dims = ["--dims", "lat,lon", "--coords", "lat=0:1"];
    converted(folder, &["g.txt"], "grid.h5", "f4", &dims);
    let packed = ["--compress", "gzip", "--chunks", "8,3"];
    converted(folder, &["g.txt"], "grid-gzip.h5", "f8", &packed);
    let stack = ["--stack", "c", "--compress", "gzip", "--chunks", "1,8,3"];
    converted(folder, &["g.txt"; 3], "cube.h5", ">i2", &stack);
}

fn numbers(folder: &Folder) {
    folder.write("n.txt", joined(100, |i| format!("{}\n", i % 5)));
    let types = ["i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8"];
    let others = [("big-f8", ">f8"), ("big-i4", ">i4")];
    for (name, dtype) in types.map(|name| (name, name)).into_iter().chain(others) {
        let options = ["--concat", name, "--append", "--no-provenance"];
        let mut command = ndshm(["convert", "-q", "-t", dtype, "n.txt", "-o", "numbers.h5"]);
        run(command.args(options).current_dir(folder.root())).ok();
    }
}

fn complex_numbers(folder: &Folder) {
    folder.write("c.txt", joined(20, |i| format!("{i}.5+{}j\n", i * 2)));
    converted(folder, &["c.txt"], "complex.h5", "c16", &[]);
    let record = |i| format!("{i} {i}.5+{}j {} {}\n", i * 2, i * 3, i * 4);
    folder.write("r.txt", joined(20, record));
    let dtype = "[('i', '<i4'), ('z', '<c16'), ('p', '<f4', (2,))]";
    converted(folder, &["r.txt"], "record.h5", dtype, &[]);
    converted(folder, &["r.txt"], "record-columns.h5", dtype, &["--layout", "columns"]);
}

fn exported(folder: &Folder) {
    let name = SegmentName::new("r");
    let at = |mut command: Command| drop(run(command.current_dir(folder.root())).ok());
    at(ndshm(["load", "-q", "t.txt", "-t", TABLE, "--name", name.as_str()]));
    at(ndshm(["export", "-q", name.as_str(), "-o", "exported.h5", "--dataset", "x"]));
    at(ndshm(["rm", name.as_str()]));
}

#[test]
fn rhdf5_reads_what_was_written() {
    let Some(mut r) = r() else { return };
    let folder = Folder::new();
    tables(&folder);
    grids(&folder);
    numbers(&folder);
    complex_numbers(&folder);
    exported(&folder);
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/r/read.R");
    let ran = run(r.arg(script).arg(folder.root()));
    assert!(ran.status.success(), "{}{}", ran.stdout, ran.stderr);
    assert_eq!(ran.stdout.matches(" ok\n").count(), 10, "{}", ran.stdout);
}

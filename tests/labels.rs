//! Columns of labels, as h5py sees them: numbered as they appear, in all layouts alike.
//!
//! `NDSHM_PYTHON` names a Python with h5py; without it the tests say so and pass.
#![cfg(feature = "hdf5")]
#![allow(clippy::unwrap_used)]

#[path = "common/skip.rs"]
mod skip;

use core::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// Compares numbers and labels with the text: as `pandas.factorize` has them.
const COMPARE: &str = r"
import csv, sys, h5py
rows = [row for path in sys.argv[2].split(',') for row in csv.DictReader(open(path))]
with h5py.File(sys.argv[1]) as f:
    (name,) = f.keys()
    data = f[name]
    for column in ('chr', 'strand'):
        codes = data[column][...]
        kind = data[column].dtype if isinstance(data, h5py.Group) else data.dtype[column]
        seen = {}
        want = [-1 if not r[column] else seen.setdefault(r[column], len(seen)) for r in rows]
        assert codes.tolist() == want, column
        assert h5py.check_enum_dtype(kind) == seen, (h5py.check_enum_dtype(kind), seen)
    assert data['n'][...].tolist() == [int(r['n']) for r in rows]
";

const LAYOUTS: [&str; 5] = [
    "",
    "--layout chunked",
    "--compress gzip:1 --fletcher32",
    "--compress gzip:1 --chunks 777",
    "--layout columns --compress gzip:1",
];

/// Labels that come late, and empty ones.
fn table(dir: &Path, name: &str, rows: u32) {
    let mut text = String::from("n,chr,strand,x\n");
    for i in 0..rows {
        let chr = if i % 5003 == 5000 { 1000 + i / 5003 } else { i.wrapping_mul(7919) % 23 };
        let strand = ["+", "-", ""][(i / 3) as usize % 3];
        writeln!(text, "{i},chr{chr},{strand},{}.5", i % 97).unwrap();
    }
    fs::write(dir.join(name), text).unwrap();
}

fn command(dir: &Path, args: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ndshm"));
    let fixed = "convert -q --force --header --delimiter , --category chr --category strand";
    command.current_dir(dir).args(fixed.split(' ')).args(args.split_whitespace());
    command
}

fn compare(dir: &Path, inputs: &str, what: &str) {
    let Some(python) = std::env::var_os("NDSHM_PYTHON") else {
        return skip::skipped(
            "files read by h5py",
            "NDSHM_PYTHON names no Python with NumPy and h5py",
        );
    };
    let mut run = Command::new(python);
    run.current_dir(dir).args(["-c", COMPARE, "o.h5", inputs]);
    let out = run.output().unwrap();
    assert!(out.status.success(), "{what}: {}", String::from_utf8_lossy(&out.stderr));
}

#[test]
fn labels_are_numbered_as_they_appear_whatever_the_layout_and_the_workers() {
    let dir = tempfile::tempdir().unwrap();
    table(dir.path(), "t.csv", 60_000);
    for layout in LAYOUTS {
        let mut files = Vec::new();
        for workers in 1..4 {
            let args = format!("t.csv -o o.h5 --workers {workers} {layout}");
            assert!(command(dir.path(), &args).status().unwrap().success(), "{args}");
            files.push(fs::read(dir.path().join("o.h5")).unwrap());
        }
        assert!(files.iter().all(|file| *file == files[0]), "{layout}: the bytes differ");
        compare(dir.path(), "t.csv", layout);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2, "something is left");
    }
}

#[test]
fn streams_and_several_files_have_labels() {
    let dir = tempfile::tempdir().unwrap();
    table(dir.path(), "t.csv", 20_000);
    table(dir.path(), "u.csv", 30_000);
    for layout in LAYOUTS {
        let args = format!("t.csv u.csv --concat all -o o.h5 {layout}");
        assert!(command(dir.path(), &args).status().unwrap().success(), "{args}");
        compare(dir.path(), "t.csv,u.csv", layout);
        let mut run = command(dir.path(), &format!("- -o o.h5 {layout}"));
        let mut run = run.stdin(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let text = fs::read(dir.path().join("t.csv")).unwrap();
        run.stdin.take().unwrap().write_all(&text).unwrap();
        assert!(run.wait().unwrap().success(), "{layout}");
        compare(dir.path(), "t.csv", layout);
    }
}

/// The numbers of a label are the same in all datasets; those that come later have more.
#[test]
fn datasets_of_a_file_share_their_numbers() {
    const SHARED: &str = r"
import sys, h5py
with h5py.File(sys.argv[1]) as f:
    print([(h5py.check_enum_dtype(d.dtype['s']), d['s'].tolist()) for d in f.values()])
";
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in
        [("a", "n,s\n1,x\n2,y\n"), ("b", "n,s\n1,z\n2,y\n"), ("c", "n,s\n1,x\n2,x\n")]
    {
        fs::write(dir.path().join(name), text).unwrap();
    }
    let Some(python) = std::env::var_os("NDSHM_PYTHON") else {
        return skip::skipped(
            "files read by h5py",
            "NDSHM_PYTHON names no Python with NumPy and h5py",
        );
    };
    for layout in ["", "--compress gzip"] {
        let mut run = Command::new(env!("CARGO_BIN_EXE_ndshm"));
        let args = format!(
            "convert a b c -q --force --header --delimiter , --category s -o o.h5 {layout}"
        );
        assert!(
            run.current_dir(dir.path()).args(args.split_whitespace()).status().unwrap().success()
        );
        let mut run = Command::new(&python);
        run.current_dir(dir.path()).args(["-c", SHARED, "o.h5"]);
        let seen = String::from_utf8(run.output().unwrap().stdout).unwrap();
        let all = "{'x': 0, 'y': 1, 'z': 2}";
        let want = format!("[({{'x': 0, 'y': 1}}, [0, 1]), ({all}, [2, 1]), ({all}, [0, 0])]\n");
        assert_eq!(seen, want, "{layout}");
    }
}

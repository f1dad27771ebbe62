//! `--dry-run` says what is made then, refuses what is refused then, and makes nothing. What was
//! made is read by h5py (`h5/check_plan.py`), by the Python that `NDSHM_PYTHON` names.
#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used)]

mod common;

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use common::{Folder, SegmentName, data, joined, ndshm, python, run};

/// Tables, a grid, texts that nobody can read, and tables of two widths.
fn folder() -> Folder {
    let folder = Folder::new();
    std::fs::copy(data("sample_a.tsv"), folder.path("a.tsv")).unwrap();
    std::fs::copy(data("sample_b.tsv"), folder.path("b.tsv")).unwrap();
    std::fs::copy(data("climate_grid.csv"), folder.path("grid.csv")).unwrap();
    std::fs::copy(data("climate_grid.csv"), folder.path("grid2.csv")).unwrap();
    folder.write("bad.tsv", "chr1\t5\t1.5\t1\t1\nchr1\tx\t1.5\t1\t1\n");
    folder.write("narrow.csv", "1,2\n3,4\n");
    folder.write("names.csv", "from,miles\nCGN,5\nMUC,7\n");
    folder
}

/// `ndshm convert` in a folder.
fn convert(folder: &Folder, args: &str) -> Command {
    let mut command = ndshm(["convert", "-o", "out.h5"]);
    command.args(args.split_whitespace()).current_dir(folder.root());
    command
}

const CALLS: &str = "--dtype chr:S10,pos:i4,pct:f4,c:i4,t:i4";

#[test]
fn what_is_said_is_what_is_made() {
    let all = [
        format!("a.tsv b.tsv {CALLS}"),
        "a.tsv".into(),
        format!("a.tsv b.tsv {CALLS} --layout columns --compress gzip:2"),
        format!("a.tsv b.tsv {CALLS} --concat calls --source-column file --fletcher32"),
        "a.tsv b.tsv --concat calls --compress gzip".into(),
        format!("a.tsv {CALLS} --category chr --layout chunked"),
        "grid.csv -d, --dtype f8".into(),
        "grid.csv grid2.csv -d, --dtype f4 --stack temp --compress gzip --no-shuffle".into(),
        "grid.csv -d, --dtype f8 --chunks 7,5".into(),
        "grid.csv -d, --dtype f8 --shape=-1,3,8".into(),
        "names.csv".into(),
        "names.csv -d, --header --dtype U3,?".into(),
    ];
    for args in all {
        let folder = folder();
        let before = folder.names();
        let said = run(convert(&folder, &args).args(["--dry-run", "--json"]));
        assert!(said.status.success(), "{args}: {said:?}");
        assert_eq!(folder.names(), before, "{args}");
        let shown = run(convert(&folder, &args).arg("--dry-run"));
        assert!(shown.stdout.starts_with("out.h5: a new file"), "{shown:?}");
        let made = run(convert(&folder, &args).arg("--quiet"));
        assert!(made.status.success(), "{args}: {made:?}");
        is_made(&folder.path("out.h5"), &said.stdout, &args);
    }
}

/// The file is what was said.
fn is_made(file: &Path, said: &str, args: &str) {
    let Some(mut python) = python() else { return };
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/h5/check_plan.py");
    python.arg(script).arg(file).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = python.stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(said.as_bytes()).unwrap();
    let done = child.wait_with_output().unwrap();
    assert!(done.status.success(), "{args}: {said}\n{}", String::from_utf8_lossy(&done.stderr));
}

#[test]
fn what_is_refused_is_refused_in_the_same_words() {
    let all = [
        "a.tsv nowhere.tsv".into(),
        format!("a.tsv bad.tsv {CALLS}"),
        "a.tsv --category nothing".into(),
        format!("a.tsv {CALLS} --category pos"),
        format!("a.tsv {CALLS} --units nothing=K"),
        "a.tsv --units nothing=K".into(),
        "grid.csv -d, --dtype f8 --chunks 7,5,3".into(),
        "grid.csv -d, --dtype f8 --shape=-1,7,8".into(),
        "grid.csv -d, --dtype f8 --dims time".into(),
        "grid.csv narrow.csv -d, --dtype f8 --stack temp".into(),
        format!("a.tsv {CALLS} --memory 1M"),
        format!("a.tsv {CALLS} --append-rows"),
        format!("a.tsv a.tsv {CALLS} --concat /"),
    ];
    for args in all {
        let folder = folder();
        let before = folder.names();
        let dry = run(convert(&folder, &args).arg("--dry-run"));
        assert_eq!(folder.names(), before, "{args}");
        let real = run(&mut convert(&folder, &args));
        assert_eq!((dry.status.code(), &dry.stderr), (real.status.code(), &real.stderr), "{args}");
        assert!(!dry.status.success() && dry.stdout.is_empty(), "{args}: {dry:?}");
    }
}

#[test]
fn a_file_that_is_there_stays_as_it_is() {
    let folder = folder();
    let args = format!("a.tsv {CALLS} --layout chunked");
    assert!(run(&mut convert(&folder, &args)).status.success());
    let again = |more: &[&str]| run(convert(&folder, &args).arg("--append").args(more));
    assert_eq!(again(&["--dry-run"]).stderr, again(&[]).stderr);
    let before = (folder.names(), common::Snapshot::of(&folder.path("out.h5")));
    let same = || (folder.names(), common::Snapshot::of(&folder.path("out.h5")));
    let dry = run(convert(&folder, &args).arg("--dry-run"));
    let real = run(&mut convert(&folder, &args));
    assert_eq!((dry.status.code(), dry.stderr), (Some(1), real.stderr));
    for (more, said) in [
        ("--force", "replaced"),
        ("--append-rows", "rows are added"),
        ("--append", "datasets are added"),
    ] {
        let args = if more == "--append" { args.replace("a.tsv", "b.tsv") } else { args.clone() };
        let dry = run(convert(&folder, &args).args([more, "--dry-run"])).ok();
        assert!(dry.stdout.starts_with(&format!("out.h5: {said} (")), "{dry:?}");
        assert!(same() == before, "{more}");
    }
    let grown = run(convert(&folder, &args).args(["--append-rows", "--dry-run"])).ok();
    assert!(grown.stdout.contains("a  (842,)"), "{grown:?}");
}

/// More text than is looked at: lengths are told by its size.
#[test]
fn of_much_text_the_beginning_is_read() {
    let folder = Folder::new();
    let line = |i: usize| format!("{:08},{:07}.5\n", i % 90_000_000, i % 9_000_000);
    folder.write("long.csv", joined(2_000_000, line));
    let dry =
        run(convert(&folder, "long.csv -d, --dtype a:i4,b:f8").args(["--dry-run", "--json"])).ok();
    let plan: serde_json::Value = serde_json::from_str(&dry.stdout).unwrap();
    let rows = plan["datasets"][0]["shape"][0].as_u64().unwrap();
    assert!(plan["exact"] == false && rows.abs_diff(2_000_000) < 20, "{plan}");
    assert!(plan["looked_at"].as_u64().unwrap() < 24 << 20, "{plan}");
    // So does what a person reads.
    let shown = run(convert(&folder, "long.csv -d, --dtype a:i4,b:f8").arg("--dry-run")).ok();
    assert!(shown.stdout.contains("about 2,000,0"), "{shown:?}");
}

/// Nobody knows how much text is in a compressed file that was not read to its end.
#[test]
fn of_compressed_text_the_length_is_not_known() {
    let folder = Folder::new();
    let line = |i: usize| format!("{:08},{:07}.5\n", i % 90_000_000, i % 9_000_000);
    folder.write("long.csv", joined(2_000_000, line));
    folder.write("short.csv", joined(20, line));
    for name in ["long.csv", "short.csv"] {
        assert!(Command::new("gzip").arg("-1").arg(folder.path(name)).status().unwrap().success());
    }
    let plan = |name: &str| -> serde_json::Value {
        let args = format!("{name}.csv.gz -d, --dtype a:i4,b:f8 --dry-run --json");
        serde_json::from_str(&run(&mut convert(&folder, &args)).ok().stdout).unwrap()
    };
    let (long, short) = (plan("long"), plan("short"));
    assert!(long["exact"] == false && long["rows"].is_null() && long["bytes"].is_null(), "{long}");
    assert!(long["datasets"][0]["shape"][0].is_null(), "{long}");
    assert!(short["exact"] == true && short["rows"] == 20 && short["bytes"] == 240, "{short}");
}

#[test]
fn streams_are_left_alone() {
    let folder = folder();
    run(convert(&folder, "- --dtype f8 --dry-run").stdin(Stdio::null()))
        .refused(&["stdin", "stream"]);
    assert!(Command::new("mkfifo").arg(folder.path("fifo")).status().unwrap().success());
    run(&mut convert(&folder, "fifo --dtype f8 --dry-run")).refused(&["fifo", "stream"]);
}

#[test]
fn a_load_makes_no_segment() {
    let (folder, name) = (folder(), SegmentName::new("dry"));
    let load = |more: &[&str]| {
        let mut command = ndshm(["load", "a.tsv", "--name", name.as_str()]);
        run(command.args(CALLS.split(' ')).args(more).current_dir(folder.root()))
    };
    let said = load(&["--dry-run", "--json"]).ok();
    assert!(!name.has_left_something());
    let plan: serde_json::Value = serde_json::from_str(&said.stdout).unwrap();
    let made: serde_json::Value = serde_json::from_str(&load(&["--json"]).ok().stdout).unwrap();
    assert_eq!((&plan["dtype"], &plan["bytes"]), (&made["dtype"], &made["bytes"]));
    assert_eq!(plan["datasets"][0]["shape"], made["shape"]);
    let (dry, real) = (load(&["--dry-run"]), load(&[]));
    assert_eq!((dry.status.code(), dry.stderr), (Some(1), real.stderr));
}

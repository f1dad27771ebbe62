//! Whatever happens to `ndshm import`, `export`, `join` and `verify`: a target is the old file
//! or the new one, whole; a segment is there whole or not at all; no process is left, nothing
//! hangs, and the message says what was wrong.
//!
//! `tests/crash/shim.c` is preloaded to kill the command at its calls, to let them fail, and
//! to cut files while they are read. `tests/crash.rs` does the same to `ndshm convert`.

#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, reason = "helpers of tests, too")]

mod calls;
#[path = "../common/mod.rs"]
mod common;
#[path = "../crash/crew.rs"]
mod crew;
#[path = "../crash/marked.rs"]
mod marked;
#[path = "../crash/shim.rs"]
mod shim;
mod targets;

use std::fs;
use std::path::Path;
use std::process::Command;

use common::{Folder, Ran, SegmentName, Snapshot, joined, ndshm, run};
use shim::shim;

const OLD: &[u8] = b"precious";
const RECORD: &str = "name:S6,i:i4,x:f8";

/// So many that there are several pieces of what is read and written.
const ROWS: usize = 30_000;

/// What a command makes.
#[derive(Clone, Copy, PartialEq)]
enum Makes {
    File(&'static str),
    Segment,
}

/// A command, and what it makes if nothing happens.
struct Case {
    folder: Folder,
    args: Vec<String>,
    makes: Makes,
    /// What it reads.
    reads: &'static str,
    /// The segment that it makes, or reads.
    segment: SegmentName,
    expected: Vec<u8>,
    /// By which its processes are known.
    mark: String,
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(String::from).collect()
}

fn table(rows: usize) -> String {
    joined(rows, |i| format!("n{} {} {}.{:03}\n", i % 37, i * 7919 % 10_007, i, i % 997))
}

impl Case {
    /// `prepare` are commands, a line each, whose first word is one of `ndshm`'s; in all
    /// commands SEGMENT is the segment's name.
    fn new(makes: Makes, reads: &'static str, prepare: &str, command: &str, rows: usize) -> Self {
        let folder = Folder::new();
        folder.write("in.txt", table(rows));
        let segment = SegmentName::new("crash");
        let named = |text: &str| words(&text.replace("SEGMENT", segment.as_str()));
        for line in prepare.lines() {
            run(ndshm(named(line)).arg("-q").current_dir(folder.root())).ok();
        }
        fs::remove_file(folder.path("in.txt")).unwrap();
        let mark = format!("NDSHM_TEST_MARK={}", folder.root().display());
        let args = named(command);
        let mut case = Self { folder, args, makes, reads, segment, expected: Vec::new(), mark };
        run(&mut case.command(&[])).ok();
        case.expected = case.made().unwrap();
        case.put(None);
        case
    }

    fn command(&self, options: &[&str]) -> Command {
        let mut command = ndshm(&self.args);
        let (name, value) = self.mark.split_once('=').unwrap();
        command.args(options).arg("-q").env(name, value).current_dir(self.folder.root());
        command
    }

    /// With something that happens to one of its calls.
    fn disturbed(&self, shim: &Path, options: &[&str], at: u64, how: &[(&str, &str)]) -> Command {
        let mut command = self.command(options);
        command.env("LD_PRELOAD", shim).env("CRASH_AT", at.to_string());
        command.envs(how.iter().copied());
        command
    }

    /// How many calls there are that something may happen to.
    fn calls(&self, shim: &Path, options: &[&str], how: &[(&str, &str)]) -> u64 {
        let seen = Folder::new();
        let file = seen.path("seen");
        let mut command = self.disturbed(shim, options, 0, how);
        run(command.env("CRASH_SEEN", &file)).ok();
        self.put(None);
        fs::read_to_string(file).unwrap().trim().parse().unwrap()
    }

    /// What it has made; none if there is nothing.
    fn made(&self) -> Option<Vec<u8>> {
        match self.makes {
            Makes::File(name) => fs::read(self.folder.path(name)).ok(),
            Makes::Segment => {
                if !self.segment.file().exists() {
                    return None;
                }
                let other = Folder::new();
                let mut export = ndshm(["export", "-q", self.segment.as_str(), "-o", "x.npy"]);
                run(export.current_dir(other.root())).ok();
                Some(fs::read(other.path("x.npy")).unwrap())
            }
        }
    }

    /// Options to replace a file, which a segment cannot be.
    fn replacing(&self) -> &'static [&'static str] {
        if self.makes == Makes::Segment { &[] } else { &["--force"] }
    }

    /// Removes what was made, and puts this at its place.
    fn put(&self, old: Option<&[u8]>) -> Option<Snapshot> {
        match self.makes {
            Makes::Segment => {
                let _ = fs::remove_file(self.segment.file());
                None
            }
            Makes::File(name) => {
                let _ = fs::remove_file(self.folder.path(name));
                old.map(|old| Snapshot::of(&self.folder.write(name, old)))
            }
        }
    }

    /// What is there is what was, or what was to be made; which of them.
    #[track_caller]
    fn is_old_or_new(&self, before: Option<&Snapshot>, what: &str) -> bool {
        let Some(made) = self.made() else {
            assert!(before.is_none(), "{what}: the old file is gone");
            return false;
        };
        if made == self.expected {
            return true;
        }
        let Makes::File(name) = self.makes else { panic!("{what}: half a segment") };
        assert_eq!(Some(Snapshot::of(&self.folder.path(name))).as_ref(), before, "{what}");
        false
    }

    /// No process of this case is left.
    #[track_caller]
    fn has_no_process(&self, what: &str) {
        marked::has_no_process(&self.mark, what);
    }

    #[track_caller]
    fn has_no_temporary(&self, what: &str) {
        let names = self.folder.names();
        assert!(names.iter().all(|name| !name.contains("ndshm-tmp")), "{what}: {names:?}");
    }

    /// The next run makes it, and nothing is left but that.
    #[track_caller]
    fn next_run_cleans_up(&self, what: &str) {
        self.put(None);
        run(&mut self.command(&[])).ok();
        assert!(self.made().unwrap() == self.expected, "{what}");
        self.has_no_temporary(what);
        self.put(None);
        if self.makes == Makes::Segment {
            assert!(!self.segment.has_left_something(), "{what}: something is left of the segment");
        }
    }
}

fn imports(rows: usize) -> Vec<Case> {
    let convert = format!("convert in.txt -o in.h5 -t {RECORD} --concat data");
    let two = format!("{convert}\nconvert in.txt -o b.h5 -t {RECORD} --concat data\n");
    let (import, npy) = ("import in.h5 --name SEGMENT", "import in.npy --name SEGMENT");
    let saved = format!("{convert}\nimport in.h5 --name SEGMENT.x\nexport SEGMENT.x -o in.npy");
    let case = |reads, prepare: &str, command: &str| {
        Case::new(Makes::Segment, reads, prepare, command, rows)
    };
    let cases = vec![
        case("in.h5", &convert, import),
        case("in.h5", &format!("{convert} --compress gzip:1 --chunks 1000"), import),
        case("in.npy", &saved, npy),
        case("b.h5", &format!("{two}join in.h5 b.h5 -o all.h5"), "import all.h5 --name SEGMENT"),
    ];
    let _ = fs::remove_file(SegmentName(format!("{}.x", cases[2].segment.as_str())).file());
    cases
}

fn exports(rows: usize) -> Vec<Case> {
    let load = format!("load in.txt -t {RECORD} --name SEGMENT");
    let case = |name, command| Case::new(Makes::File(name), "", &load, command, rows);
    vec![
        case("x.h5", "export SEGMENT -o x.h5 --dataset x"),
        case("x.npy", "export SEGMENT -o x.npy"),
        case("x.csv", "export SEGMENT -o x.csv"),
    ]
}

fn joins(rows: usize) -> Vec<Case> {
    let part = |name: &str, more: &str| {
        format!("convert in.txt -o {name} -t {RECORD} --concat data {more}\n")
    };
    let parts = part("a.h5", "") + &part("b.h5", "--compress gzip:1 --chunks 1000");
    let whole = format!("{parts}join a.h5 b.h5 -o all.h5 --checksum");
    let case = |reads, prepare: &str, command| {
        Case::new(Makes::File("x.h5"), reads, prepare, command, rows)
    };
    vec![
        case("a.h5", &parts, "join a.h5 b.h5 -o x.h5 --checksum"),
        case("b.h5", &parts, "join a.h5 b.h5 -o x.h5 --materialize"),
        case("a.h5", &whole, "join all.h5 -o x.h5 --materialize"),
        case("b.h5", &parts, "join a.h5 b.h5 -o x.h5 --materialize --compress gzip:1 -j 2"),
    ]
}

fn all(rows: usize) -> impl Iterator<Item = Case> {
    imports(rows).into_iter().chain(exports(rows)).chain(joins(rows))
}

/// So many of the numbers up to one, from the first to the last.
fn spread(last: u64, count: u64) -> impl Iterator<Item = u64> {
    let count = count.min(last);
    (1..=count).map(move |i| i * last / count)
}

impl Ran {
    /// It failed with a message; which one is looked at elsewhere.
    #[track_caller]
    fn failed_anyhow(self) {
        assert!(matches!(self.status.code(), Some(1 | 2)), "{self:?}");
        assert!(!self.stderr.is_empty() && !self.stderr.contains("panicked"), "{self:?}");
    }
}

/// It ended with an error, has said why in one message, and has left what was there.
#[track_caller]
fn is_told(case: &Case, ran: &Ran, texts: &[&str], before: Option<&Snapshot>, what: &str) {
    assert_eq!(ran.status.code(), Some(1), "{what}");
    let is_said = texts.iter().any(|text| ran.stderr.contains(text));
    assert!(is_said && !ran.stderr.contains("panicked"), "{what}");
    assert!(ran.stderr.starts_with("ndshm: "), "{what}");
    let is_new = case.is_old_or_new(before, what);
    // The file has its name when its directory cannot be synced.
    assert!(!is_new || ran.stderr.contains("can't sync the directory"), "{what}");
    case.has_no_temporary(what);
}

//! Inputs that cannot be read: a disk with bad sectors, met by whoever reads there.

use std::fs;
use std::process::Command;

use super::common::{Ran, ndshm, run, skipped};
use super::{Case, LAYOUTS, OLD, is_torture, shim};

/// What fails, and in which processes.
type How<'a> = [(&'a str, &'a str)];

/// It ended with the system's words about this input, and has left what was there.
#[track_caller]
fn is_told(case: &Case, ran: &Ran, input: &str, is_there: bool, what: &str) {
    assert_eq!(ran.status.code(), Some(1), "{what}");
    assert!(ran.stderr.starts_with("ndshm: "), "{what}");
    assert!(ran.stderr.contains(input), "no file is named: {what}");
    assert!(ran.stderr.contains("Input/output error"), "{what}");
    assert!(!ran.stderr.contains("panicked"), "{what}");
    let left = fs::read(case.target()).ok();
    assert_eq!(left.as_deref(), is_there.then_some(OLD), "{what}");
    let names = case.folder.names();
    assert!(names.iter().all(|name| !name.contains("ndshm-tmp")), "{what} {names:?}");
}

/// Runs it with the `at`th such call failing, and all behind it; whether it was refused.
#[track_caller]
fn refused(case: &Case, command: &mut Command, input: &str, at: u64, how: &How<'_>) -> bool {
    let shim = shim().unwrap();
    let is_there = at.is_multiple_of(2);
    case.put(is_there.then_some(OLD));
    command.env("LD_PRELOAD", shim).env("CRASH_AT", at.to_string()).env("CRASH_ON", "1");
    command.env("CRASH_FILE", input).env("CRASH_ERRNO", "5").envs(how.iter().copied());
    let ran = run(command);
    let what = format!("{:?} {input}, {how:?} {at}: {ran:?}", case.layout);
    if ran.status.success() {
        assert!(case.target().exists(), "{what}");
        return false;
    }
    is_told(case, &ran, input, is_there, &what);
    true
}

/// Workers read ranges of a file, each with a `pread` of its own.
#[test]
fn a_worker_that_cannot_read_its_input_ends_the_run() {
    if shim().is_none() {
        return;
    }
    for layout in LAYOUTS {
        let case = Case::new(layout);
        let how = [("CRASH_CALL", "pread"), ("CRASH_FORKED", "1")];
        let mut all = 0;
        for at in 1..=6 {
            let mut command = case.command(&["--force"]);
            all += usize::from(refused(&case, &mut command, "in.txt", at, &how));
        }
        assert!(all >= 4, "{layout:?}: {all} refused");
        case.has_no_process("reads that fail");
        case.next_run_cleans_up("reads that fail");
    }
}

/// The command itself reads the beginning of a file, and all of what is compressed.
#[test]
fn a_read_of_the_command_itself_that_fails_ends_the_run() {
    if shim().is_none() {
        return;
    }
    for (layout, input) in LAYOUTS.into_iter().zip(["in.txt", "in.txt.gz", "in.txt.gz"]) {
        let case = Case::new(layout);
        let packed = Command::new("gzip").arg("-k").arg(case.folder.path("in.txt")).status();
        if !packed.is_ok_and(|status| status.success()) {
            return skipped("reads of compressed text that fail", "gzip is not installed");
        }
        let mut all = 0;
        for call in ["read", "pread"] {
            for at in 1..=if is_torture() { 40 } else { 8 } {
                let mut command = ndshm(["convert", "-q", "--force", input, "-o", "x.h5"]);
                command.args(["-j", "2", "-t", "name:S6,i:i4,x:f8"]).args(layout);
                command.env("NDSHM_PIECE_BYTES", "2000").current_dir(case.folder.root());
                all +=
                    usize::from(refused(&case, &mut command, input, at, &[("CRASH_CALL", call)]));
            }
        }
        assert!(all > 0, "{layout:?}: {all} refused");
        fs::remove_file(case.folder.path("in.txt.gz")).unwrap();
        case.has_no_process("reads that fail");
        case.next_run_cleans_up("reads that fail");
    }
}

//! Kills, and calls that fail.

use std::fs;
use std::os::unix::process::ExitStatusExt;

use super::{Makes, OLD, ROWS, all, is_told, spread};
use crate::common::{Running, run};
use crate::shim::shim;

#[test]
fn a_kill_at_any_call_leaves_what_was_or_all_of_what_is_made() {
    let Some(shim) = shim() else { return };
    let mut all_made = 0;
    for case in all(3000) {
        let calls = case.calls(shim, case.replacing(), &[]);
        let (mut killed, mut made) = (0, 0);
        for at in spread(calls, 24) {
            let there = at % 2 == 0;
            let before = case.put(there.then_some(OLD));
            let ran = run(&mut case.disturbed(shim, case.replacing(), at, &[]));
            let what = format!("{:?}, call {at} of {calls}: {ran:?}", case.args);
            let is_new = case.is_old_or_new(before.as_ref(), &what);
            match ran.status.signal() {
                Some(signal) => assert_eq!(signal, libc::SIGKILL, "{what}"),
                None => assert!(ran.status.success() && is_new, "{what}"),
            }
            killed += usize::from(ran.status.signal().is_some());
            made += usize::from(is_new);
        }
        assert!(killed > 4, "{:?}: {killed} killed", case.args);
        all_made += made;
        case.has_no_process("kills");
        case.next_run_cleans_up("kills");
    }
    assert!(all_made > 4, "{all_made}");
}

#[test]
fn a_kill_at_any_time_leaves_what_was_or_all_of_what_is_made() {
    const POINTS: u32 = 7;
    for case in all(ROWS) {
        let begin = std::time::Instant::now();
        run(&mut case.command(&[])).ok();
        let whole = begin.elapsed();
        for point in 0..POINTS {
            let before = case.put((point % 2 == 0).then_some(OLD));
            let running = Running::start(&mut case.command(case.replacing()));
            std::thread::sleep(whole * point / POINTS);
            running.signal(libc::SIGKILL);
            let ran = running.wait();
            let what = format!("{:?} {point}: {ran:?}", case.args);
            let is_new = case.is_old_or_new(before.as_ref(), &what);
            assert!(ran.status.signal() == Some(libc::SIGKILL) || is_new, "{what}");
        }
        case.has_no_process("kills");
        case.next_run_cleans_up("kills");
    }
}

#[test]
fn a_call_that_fails_is_an_error_and_leaves_what_was() {
    let Some(shim) = shim() else { return };
    for case in all(ROWS) {
        let sync: &[&str] = if case.makes == Makes::Segment { &[] } else { &["--force", "--sync"] };
        let mut failed = 0;
        for call in ["pwrite", "fsync", "ftruncate", "rename", "open", "linkat"] {
            let how = [("CRASH_CALL", call), ("CRASH_ERRNO", "5")];
            let calls = case.calls(shim, sync, &how);
            for at in spread(calls, 4) {
                let before = case.put((at % 2 == 0).then_some(OLD));
                let ran = run(&mut case.disturbed(shim, sync, at, &how));
                let what = format!("{:?}, {call} {at} of {calls}: {ran:?}", case.args);
                let may_be_done_otherwise = matches!(call, "ftruncate" | "open");
                if may_be_done_otherwise && ran.status.success() {
                    // There is another way to make a file, and more room than needed is no harm.
                    assert!(case.is_old_or_new(before.as_ref(), &what), "{what}");
                    case.put(None);
                    continue;
                }
                is_told(&case, &ran, &["Input/output error"], before.as_ref(), &what);
                failed += 1;
            }
        }
        assert!(failed > 1, "{:?}: {failed}", case.args);
        case.has_no_process("errors");
        case.next_run_cleans_up("errors");
    }
}

/// A disk with bad sectors: any read of what is read fails, by the command or by a process that
/// it has forked.
#[test]
fn a_read_that_fails_is_an_error_and_leaves_what_was() {
    let Some(shim) = shim() else { return };
    for case in all(ROWS).filter(|case| !case.reads.is_empty()) {
        let how = [("CRASH_CALL", "pread"), ("CRASH_FILE", case.reads), ("CRASH_ERRNO", "5")];
        let how = [&how[..], &[("CRASH_ON", "1")]].concat();
        let calls = case.calls(shim, case.replacing(), &how);
        assert!(calls > 2, "{:?}: {calls} reads of {}", case.args, case.reads);
        for at in spread(calls, 12) {
            let before = case.put((at % 2 == 0).then_some(OLD));
            let ran = run(&mut case.disturbed(shim, case.replacing(), at, &how));
            let what = format!("{:?}, read {at} of {calls}: {ran:?}", case.args);
            // HDF5 does not always say why it cannot list what is in a file.
            let texts = ["Input/output error", "has no datasets"];
            is_told(&case, &ran, &texts, before.as_ref(), &what);
            assert!(ran.stderr.contains(case.reads), "no file is named: {what}");
        }
        // Where reading is done by others, their first reads.
        for at in 1..=3 {
            let before = case.put(Some(OLD));
            let forked = [&how[..], &[("CRASH_FORKED", "1")]].concat();
            let ran = run(&mut case.disturbed(shim, case.replacing(), at, &forked));
            let what = format!("{:?}, read {at} of others: {ran:?}", case.args);
            if ran.status.success() {
                assert!(case.is_old_or_new(before.as_ref(), &what), "{what}");
            } else {
                is_told(&case, &ran, &["Input/output error"], before.as_ref(), &what);
            }
        }
        case.has_no_process("errors");
        case.next_run_cleans_up("errors");
    }
}

/// Somebody cuts the file in the middle.
#[test]
fn a_file_that_is_cut_while_it_is_read_is_an_error() {
    let Some(shim) = shim() else { return };
    for case in all(ROWS).filter(|case| !case.reads.is_empty()) {
        let path = case.folder.path(case.reads);
        let whole = fs::read(&path).unwrap();
        let cut = path.to_str().unwrap();
        let how = [("CRASH_CALL", "pread"), ("CRASH_FILE", case.reads), ("CRASH_CUT", cut)];
        let calls = case.calls(shim, case.replacing(), &how);
        let mut refused = 0;
        for at in spread(calls, 12) {
            fs::write(&path, &whole).unwrap();
            let before = case.put((at % 2 == 0).then_some(OLD));
            let ran = run(&mut case.disturbed(shim, case.replacing(), at, &how));
            let what = format!("{:?}, cut at read {at} of {calls}: {ran:?}", case.args);
            assert!(fs::metadata(&path).unwrap().len() < whole.len() as u64, "{what}");
            let is_new = case.is_old_or_new(before.as_ref(), &what);
            assert_eq!(ran.status.code(), Some(i32::from(!is_new)), "{what}");
            assert!(is_new || ran.stderr.starts_with("ndshm: "), "{what}");
            // HDF5 2 finds it while it reads the one that was given.
            let names = [case.reads, "all.h5"].iter().any(|name| ran.stderr.contains(name));
            assert!(is_new || names, "no file is named: {what}");
            assert!(!ran.stderr.contains("panicked"), "{what}");
            refused += usize::from(!is_new);
        }
        assert!(refused > 0, "{:?}", case.args);
        fs::write(&path, &whole).unwrap();
        case.has_no_process("cuts");
        case.next_run_cleans_up("cuts");
    }
}

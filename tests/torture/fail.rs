//! An error at every call: the right answer, and nothing leaked.

use crate::arena;
use crate::cases::{CASES, Case, Stage};
use crate::kid::{End, alarm};
use crate::kill::{check, clean, count, ctx, run};
use crate::shim::{self, How};
use crate::shm::BOTH;

#[test]
fn an_error_at_any_call_is_answered_and_leaks_nothing() {
    arena::enter("fail", "4m");
}

const ERRORS: [i32; 6] =
    [libc::ENOSPC, libc::EINTR, libc::EMFILE, libc::EACCES, libc::ENOMEM, libc::EAGAIN];

/// Calls whose failure changes nothing: what they are given is gone all the
/// same, or they were asked for advice.
const HARMLESS: [&str; 5] = ["close", "munmap", "futex", "fstatvfs", "sysinfo"];

/// Calls that POSIX lets a signal interrupt, or that Linux interrupts: they are
/// made again. The others that are made never say so on a tmpfs.
const REPEATED: [&str; 11] = [
    "open",
    "shm_create",
    "shm_open",
    "ftruncate",
    "posix_fallocate",
    "pread",
    "pwrite",
    "flock",
    "getrandom",
    "syscall",
    "fchmod",
];

/// Calls without which there can be no segment: whoever makes them must hear
/// that they failed.
const VITAL: [&str; 6] =
    ["memfd_create", "posix_fallocate", "pwrite", "fchmod", "linkat", "getrandom"];

/// Calls of the last step, whose failure leaves an orphan, since nobody is left
/// to tell.
const LAST_STEP: [&str; 8] =
    ["shm_open", "fstat", "pread", "mmap", "flock", "fcntl", "lstat", "shm_unlink"];

/// What may be answered when `call` fails with `errno`, beside what is answered
/// when nothing fails.
fn answers(call: &str, errno: i32) -> Vec<&'static str> {
    let mut answers = vec!["Os"];
    match (call, errno) {
        (_, libc::EACCES) if call != "flock" && call != "fcntl" => answers.push("Permission"),
        (_, libc::ENOSPC | libc::ENOMEM) => answers.push("NoSpace"),
        _ => {}
    }
    if matches!((call, errno), ("flock" | "fcntl", libc::EAGAIN | libc::EACCES)) {
        answers = vec!["Busy", "Exists", "Os"]; // it means that another has the lock
    }
    if call == "lstat" || call == "shm_unlink" || call == "shm_open" || call == "shm_create" {
        answers.push("Exists"); // what cannot be removed is in the way
    }
    answers
}

fn is_right(case: &Case, call: &str, errno: i32, report: &str) -> bool {
    let Some(answer) = report.strip_suffix(" leaked: false") else { return false };
    if report == clean(case) {
        return errno == libc::EINTR || case.result.is_err() || !VITAL.contains(&call);
    }
    if HARMLESS.contains(&call) || (errno == libc::EINTR && REPEATED.contains(&call)) {
        return false;
    }
    let Some(error) = answer.strip_prefix("Err(") else { return false };
    let kind = error.split(|c: char| !c.is_alphanumeric()).next().unwrap();
    let said = kind != "Os" || error.contains(&format!("errno: {errno} "));
    said && answers(call, errno).contains(&kind)
}

/// Each error in turn, and interruption of all that is to be repeated; in the
/// long form all of them.
fn errors(call: &str, turn: u32) -> Vec<i32> {
    if arena::long().is_some() {
        return ERRORS.to_vec();
    }
    let mut errors = vec![ERRORS[turn as usize % ERRORS.len()]];
    if REPEATED.contains(&call) {
        errors.push(libc::EINTR);
    }
    errors
}

/// The helper: all operations, both ways to a name, every call.
pub(crate) fn sweep() {
    let mut failed = 0;
    for (case, via) in CASES.iter().flat_map(|case| BOTH.map(|via| (case, via))) {
        alarm(100);
        let ctx = ctx("fail", via);
        let calls: Vec<_> = (1..=count(case, ctx)).map(shim::call).collect();
        let before = ["nothing"].iter().chain(&calls);
        for ((n, &call), before) in (1..).zip(&calls).zip(before) {
            for errno in errors(call, n + failed / 50) {
                let ran = run(case, ctx, How::Fail(errno), n);
                let report = ran.report.unwrap_or_default();
                let at = format!("{} {via:?}: {errno} at {n}, {call}: {report}", case.name);
                assert_eq!(ran.end, End::Exit(0), "{at}");
                assert!(is_right(case, call, errno, &report), "{at}");
                let published = *before == "futex";
                assert!(!published || report == clean(case), "{at}: others have it already");
                let orphan = report.starts_with("Ok") && LAST_STEP.contains(&call);
                if case.stage == Stage::Free && !orphan && ran.holders.is_empty() {
                    assert!(arena::names(ctx.name.as_str()).is_empty(), "{at}: the name is left");
                }
                check(case, ctx, ran.holders, n % 2 == 0, &at);
                failed += 1;
            }
        }
    }
    println!("{failed} failed");
    assert!(failed > 300);
}

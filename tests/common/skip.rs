//! What a test leaves out for want of something, said where it can be found: in
//! `target/skipped.txt`, which `make check` prints at its end.

#![allow(dead_code, reason = "not every test file uses all of it")]

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

/// Notes that `what` was not tested, and why. The words are the same on every machine, as
/// `tests/skipped.allowed` lists those that need no attention.
pub(crate) fn skipped(what: &str, why: &str) {
    println!("skipped: {what}: {why}");
    let Some(folder) = Path::new(env!("CARGO_TARGET_TMPDIR")).parent() else { return };
    let file = OpenOptions::new().append(true).create(true).open(folder.join("skipped.txt"));
    // One call, so that lines of several tests do not mix. A list that cannot be kept is not
    // what is tested.
    let _ = file.and_then(|mut file| file.write_all(format!("{what}: {why}\n").as_bytes()));
}

/// Notes what a script has said that it left out.
pub(crate) fn skipped_by_script(stdout: &str) {
    for line in stdout.lines() {
        let said = line.strip_prefix("skipped: ").and_then(|rest| rest.split_once(": "));
        if let Some((what, why)) = said {
            skipped(what, why);
        }
    }
}

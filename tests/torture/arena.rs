//! Where the helpers fight: a `/dev/shm` of their own where that is permitted.

use core::mem::ManuallyDrop;
use core::time::Duration;
use std::collections::BTreeSet;
use std::io::Read;
use std::process::{Command, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};

use ndshm::segment::Name;

use crate::shim;
use crate::shm::helper::{ARGS, STARTING};
use crate::shm::skip::skipped;

/// Seconds that a storm lasts, and whether sweeps are complete: `NDSHM_TORTURE`.
pub(crate) fn long() -> Option<u64> {
    std::env::var("NDSHM_TORTURE").ok()?.parse().ok()
}

/// How long a storm blows.
pub(crate) fn storm(short: Duration) -> Duration {
    long().map_or(short, Duration::from_secs)
}

/// `short`, or `long` rounds for `make torture`.
pub(crate) fn rounds(short: u32, many: u32) -> u32 {
    if long().is_some() { many } else { short }
}

/// Runs `role` in a process of its own, with the library that counts calls,
/// and, where that is permitted, a `/dev/shm` of `size`.
pub(crate) fn enter(role: &str, size: &str) {
    if has_namespaces() {
        enter_by(with_own_shm(size), role);
    } else {
        enter_shared(role);
    }
}

/// The same in the `/dev/shm` of all, one after the other: whoever prunes there
/// prunes what another has left on purpose.
pub(crate) fn enter_shared(role: &str) {
    static ALONE: Mutex<()> = Mutex::new(());
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    enter_by(Command::new(std::env::current_exe().unwrap()), role);
}

fn enter_by(mut command: Command, role: &str) {
    let Some(library) = shim::build() else {
        return skipped(
            "calls that kill or fail",
            "there is no compiler for the library to preload",
        );
    };
    command.args(ARGS).env("NDSHM_TEST_ROLE", role).env("LD_PRELOAD", library);
    run(command, role);
}

fn with_own_shm(size: &str) -> Command {
    let script = format!(
        "mount -t tmpfs -o size={size},mode=1777 tmpfs /dev/shm 2>/dev/null && \
         export NDSHM_ARENA=private; exec \"$@\""
    );
    let mut command = Command::new("unshare");
    command.args(["-rm", "sh", "-c", &script, "sh"]).arg(std::env::current_exe().unwrap());
    command
}

fn has_namespaces() -> bool {
    let unshare = Command::new("unshare").args(["-rm", "true"]).stderr(Stdio::null()).status();
    unshare.is_ok_and(|status| status.success())
}

/// Runs a command that must succeed; what it said is shown if it does not.
fn run(mut command: Command, what: &str) {
    let starting = STARTING.write().unwrap();
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(starting);
    let mut stderr = child.stderr.take().unwrap();
    let errors = std::thread::spawn(move || {
        let mut text = Vec::new();
        let _ = stderr.read_to_end(&mut text);
        text
    });
    let mut output = Vec::new();
    child.stdout.take().unwrap().read_to_end(&mut output).unwrap();
    let errors = errors.join().unwrap();
    let status = child.wait().unwrap();
    for left in names(&format!("test.{}.", child.id())) {
        let _ = std::fs::remove_file(format!("/dev/shm/{left}")); // of one that failed
    }
    print!("{}", String::from_utf8_lossy(&output));
    assert!(status.success(), "{what}: {status}\n{}", String::from_utf8_lossy(&errors));
}

/// Who this helper is, for all its children.
static ME: OnceLock<u32> = OnceLock::new();

/// To be called by the helper before it forks.
pub(crate) fn begin() {
    ME.get_or_init(std::process::id);
}

/// A name that no other helper uses.
pub(crate) fn name(what: &str) -> Name {
    Name::new(&format!("test.{}.{what}", ME.get().unwrap())).unwrap()
}

/// What is there of the segments whose names begin so.
pub(crate) fn left(what: &str) -> BTreeSet<String> {
    names(name(what).as_str())
}

/// Whether no other test can see this `/dev/shm`.
pub(crate) fn is_private() -> bool {
    std::env::var("NDSHM_ARENA").is_ok()
}

/// The names in `/dev/shm` that begin with `ndshm.` and hold `part`.
pub(crate) fn names(part: &str) -> BTreeSet<String> {
    let entries = std::fs::read_dir("/dev/shm").unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.starts_with("ndshm.") && name.contains(part)).collect()
}

/// What a process must not leak: descriptors, and bytes mapped. The page that it keeps for the
/// next header is there when they are counted, and taken away then, so that it is mapped anew.
pub(crate) fn leaks() -> (usize, usize) {
    let kept = ManuallyDrop::new(ndshm::sys::Pages::reused(1).unwrap());
    let descriptors = std::fs::read_dir("/proc/self/fd").unwrap().count();
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let lines = maps.lines().filter(|line| !line.ends_with("[heap]") && !line.ends_with("[stack]"));
    let mapped = lines.map(length).sum();
    // SAFETY: nobody uses these pages any more, and nobody else ends them.
    assert_eq!(unsafe { libc::munmap(kept.as_ptr().cast_mut().cast(), kept.len()) }, 0);
    (descriptors, mapped)
}

fn length(line: &str) -> usize {
    let (start, end) = line.split(' ').next().unwrap().split_once('-').unwrap();
    let at = |text| usize::from_str_radix(text, 16).unwrap();
    at(end) - at(start)
}

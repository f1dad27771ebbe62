//! Killed at every system call, failed at every system call: what is left. Here
//! by `strace`, which sees what the kernel sees; `tests/torture` does the same, and
//! much more, to the calls of the C library.

#![allow(unsafe_code, clippy::unwrap_used, reason = "a test may fail, and says why it is safe")]

mod shm;

use core::time::Duration;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Instant;

use ndshm::error::Error;
use ndshm::segment::{Access, Attach, Draft, Name, Segment, Spec};
use shm::helper::{Helper, STARTING, create, pause, say, via};
use shm::{Scratch, float64, publish};

/// Not a test of its own: what the helpers are.
#[test]
fn helper() {
    let Ok(role) = std::env::var("NDSHM_TEST_ROLE") else { return };
    let words: Vec<_> = role.split(' ').collect();
    let name = Name::new(words[1]).unwrap();
    match words[0] {
        "hold" => {
            let _segment = publish(&name, &[3], |_| {});
            pause("ready");
        }
        "steps" => {
            let dtype = float64();
            let spec = Spec { via: via(words[2]), ..Spec::new(dtype.as_dtype(), &[3]) };
            pause("begin");
            every_step(&name, &spec);
            say("done");
        }
        "hand" => {
            let dtype = float64();
            pause("begin");
            hand_on(&name, &Spec::new(dtype.as_dtype(), &[3]));
            say("done");
        }
        "visit" => {
            pause("begin");
            drop(Segment::attach(&name, Access::Read, None));
            say("done");
        }
        _ => panic!("no such role: {role}"),
    }
}

fn every_step(name: &Name, spec: &Spec<'_>) {
    let Ok(draft) = Draft::create(name, spec) else { return };
    let Ok(made) = draft.publish() else { return };
    let seen = Segment::attach(name, Access::Read, None);
    made.detach();
    drop(seen);
}

/// A segment with a late name is published, promised, let go and claimed.
fn hand_on(name: &Name, spec: &Spec<'_>) {
    let Ok(mut draft) = Draft::create_late(spec) else { return };
    let Ok(()) = draft.rename(name) else { return };
    let Ok(made) = draft.publish() else { return };
    let claim = Attach { uuid: Some(made.uuid()), claim: true, ..Attach::new(Access::Read) };
    let Ok(()) = made.promise(1, PROMISED) else { return };
    made.detach();
    let Ok(seen) = Segment::attach_with(name, &claim) else { return };
    let Ok(()) = seen.promise(1, PROMISED) else { return };
    drop(seen);
    let _ = Segment::attach_with(name, &claim);
}

/// Long enough for who is not killed; whatever is left then is dead after it.
const PROMISED: Duration = Duration::from_millis(400);

/// The calls that these steps make, by which a sweep kills or fails them.
const CALLS: &[&str] = &[
    "openat",
    "close",
    "fstat",
    "newfstatat",
    "flock",
    "fcntl",
    "fchmod",
    "ftruncate",
    "fallocate",
    "fstatfs",
    "mmap",
    "munmap",
    "pwrite64",
    "pread64",
    "linkat",
    "unlink",
    "futex",
    "getrandom",
];

/// Starts `role`, tampers with the `n`th `call` of it, and lets it run. Whether
/// it ended by itself; `None` if processes cannot be traced here.
fn tampered(role: &str, call: &str, n: u32, how: &str) -> Option<bool> {
    let mut helper = Helper::start(role);
    helper.expect("begin");
    let inject = format!("inject={call}:{how}:when={n}");
    let mut strace = Command::new("strace");
    strace.args(["-f", "-o", "/dev/null", "-e", &inject, "-p", &helper.child.id().to_string()]);
    let starting = STARTING.write().unwrap();
    let mut strace = strace.stderr(Stdio::piped()).spawn().ok()?;
    drop(starting);
    let mut line = String::new();
    let mut stderr = BufReader::new(strace.stderr.take().unwrap());
    stderr.read_line(&mut line).unwrap();
    if !line.contains("attached") {
        return None;
    }
    // A wait in another thread of it begins anew when it is traced: that is a call, too, and may
    // have been the one.
    let done = helper.goes() && helper.hears("done");
    drop(helper);
    strace.wait().unwrap();
    Some(done)
}

/// Kills `role` at each of its calls, and runs `check` after each.
fn sweep(role: &str, mut check: impl FnMut(&str)) {
    let mut killed = 0;
    for call in CALLS {
        for n in 1.. {
            let Some(done) = tampered(role, call, n, "signal=KILL") else { return skipped() };
            check(&format!("{call} {n}"));
            if done {
                break;
            }
            killed += 1;
        }
    }
    assert!(killed > 10, "{killed}");
}

fn skipped() {
    shm::skip::skipped("kills at every system call", "processes cannot be traced here");
}

#[test]
fn a_creator_killed_at_any_call_leaves_nothing_in_the_way() {
    for via in ["hidden", "named"] {
        let scratch = Scratch::new("sweep");
        sweep(&format!("steps {} {via}", scratch.0), |at| {
            assert_eq!(create(&scratch.0), Ok(()), "{at}");
            assert!(!scratch.exists(), "{at}");
        });
    }
}

#[test]
fn who_is_killed_while_it_hands_on_leaves_nothing_for_longer_than_it_promised() {
    let scratch = Scratch::new("sweephand");
    sweep(&format!("hand {}", scratch.0), |at| {
        let end = Instant::now() + PROMISED + Duration::from_millis(50);
        let mut made = create(&scratch.0);
        while made == Err(Error::Exists) && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(5));
            made = create(&scratch.0);
        }
        assert_eq!(made, Ok(()), "{at}");
        assert!(!scratch.exists(), "{at}");
    });
}

#[test]
fn a_visitor_killed_at_any_call_does_no_harm() {
    let scratch = Scratch::new("sweepvisit");
    let mut holder = Helper::start(&format!("hold {}", scratch.0));
    holder.expect("ready");
    sweep(&format!("visit {}", scratch.0), |at| {
        assert_eq!(create(&scratch.0), Err(Error::Exists), "{at}");
    });
    holder.go();
    holder.end();
    assert!(!scratch.exists());
}

#[test]
fn a_call_that_fails_is_an_error_and_leaves_nothing_in_the_way() {
    for via in ["hidden", "named"] {
        let scratch = Scratch::new("failing");
        let role = format!("steps {} {via}", scratch.0);
        for call in CALLS {
            for n in 1..=4 {
                for error in ["ENOMEM", "EINTR"] {
                    if error == "EINTR" && matches!(*call, "mmap" | "munmap" | "close") {
                        continue; // they never say so
                    }
                    let how = format!("error={error}");
                    let Some(done) = tampered(&role, call, n, &how) else { return skipped() };
                    assert!(done, "{call} {n} {error}: crashed");
                    assert_eq!(create(&scratch.0), Ok(()), "{call} {n} {error}");
                    assert!(!scratch.exists(), "{call} {n} {error}");
                }
            }
        }
    }
}

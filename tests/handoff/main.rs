//! Promises and claims, names that come late, and segments that go on without one.

#![allow(unsafe_code, clippy::unwrap_used, reason = "a test may fail, and says why it is safe")]

mod late;
mod promises;
#[path = "../shm/mod.rs"]
mod shm;
mod together;

use core::time::Duration;
use std::thread::sleep;

use ndshm::error::Error;
use ndshm::segment::{Access, Attach, Draft, Info, Name, Policy, Segment, Spec};
use shm::helper::{pause, say};
use shm::{Scratch, float64, publish, values};

const MINUTE: Duration = Duration::from_secs(60);

const CLAIM: Attach = Attach { claim: true, ..Attach::new(Access::Read) };

/// Not a test of its own: what the helpers are.
#[test]
fn helper() {
    let Ok(role) = std::env::var("NDSHM_TEST_ROLE") else { return };
    let words: Vec<_> = role.split(' ').collect();
    match words[0] {
        "member" => member(&Name::new(words[1]).unwrap()),
        "forks" => forks(),
        "ring" => ring(&Name::new(words[1]).unwrap(), words[2] == "kills"),
        "small" => small(),
        _ => panic!("no such role: {role}"),
    }
}

fn claim(scratch: &Scratch) -> Segment {
    Segment::attach_with(&scratch.0, &CLAIM).unwrap()
}

fn late(change: impl FnOnce(&mut Spec<'_>)) -> Draft {
    let dtype = float64();
    let mut spec = Spec::new(dtype.as_dtype(), &[3]);
    change(&mut spec);
    let mut draft = Draft::create_late(&spec).unwrap();
    for (i, item) in (0_u32..).zip(draft.data_mut().chunks_exact_mut(8)) {
        item.copy_from_slice(&f64::from(i).to_ne_bytes());
    }
    draft
}

fn is_there(name: &Name) -> bool {
    std::path::Path::new(name.path().to_str().unwrap()).exists()
}

/// Runs `child` in a forked child, which exits without cleaning up.
fn forked(child: impl FnOnce()) -> i32 {
    // SAFETY: this process has one thread.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        child();
        // SAFETY: ends the child at once.
        unsafe { libc::_exit(0) };
    }
    assert!(pid > 0);
    pid
}

/// Whether the child ended as it should.
fn waited(pid: i32) -> bool {
    let mut status = 0;
    // SAFETY: there is room for the status of a child of this process.
    assert_eq!(unsafe { libc::waitpid(pid, &raw mut status, 0) }, pid);
    status == 0
}

/// In a child a panic is an exit status.
fn checked(child: impl FnOnce() -> bool) {
    let right = std::panic::catch_unwind(core::panic::AssertUnwindSafe(child)).unwrap_or(false);
    // SAFETY: ends the child at once.
    unsafe { libc::_exit(i32::from(!right)) };
}

fn forks() {
    pause("begin");
    for via in [0, 1] {
        for policy in [Policy::LastDetach, ndshm::segment::handoff(1, MINUTE)] {
            published_by(via, policy);
        }
    }
    for _ in 0..100 {
        published_at_once();
    }
    for _ in 0..100 {
        published_and_killed();
    }
    anonymous_by_both();
    say("done");
}

/// A child publishes (and the parent, before or after it, or not at all).
fn published_by(order: u32, policy: Policy) {
    let draft = late(|spec| spec.policy = policy);
    let name = Name::of_uuid(&draft.header().header().uuid);
    let uuid = draft.header().header().uuid;
    let mut draft = Some(draft);
    if order == 1 {
        // The parent does not publish: it lets go when the child is gone, and takes the name.
        let pid = forked(|| checked(|| draft.take().unwrap().publish().unwrap().is_current()));
        assert!(waited(pid) && is_there(&name));
        drop(draft);
        let waits = policy != Policy::LastDetach;
        assert_eq!(is_there(&name), waits);
        if waits {
            drop(Segment::attach(&name, Access::Read, None).unwrap());
        }
        return assert!(!is_there(&name));
    }
    let child = || {
        let made = draft.take().unwrap().publish().unwrap();
        made.copy_from(&9.0_f64.to_ne_bytes(), 8).unwrap();
        made.promise(1, MINUTE).unwrap();
        made.detach(); // the parent has it
        is_there(&name)
    };
    let pid = forked(|| checked(child));
    assert!(waited(pid));
    let claims = if policy == Policy::LastDetach { 1 } else { 2 };
    let made = draft.take().unwrap().publish().unwrap();
    assert_eq!((made.name(), made.promised()), (Some(&name), claims), "nothing is forgotten");
    drop(made);
    for _ in 0..claims {
        let sent = Attach { uuid: Some(uuid), ..CLAIM };
        let seen = Segment::attach_with(&name, &sent).unwrap();
        assert_eq!(values(&seen), [0.0, 9.0, 2.0]);
    }
    assert!(!is_there(&name));
}

/// Three processes publish, promise, and go, at once.
fn published_at_once() {
    let draft = late(|_| {});
    let name = Name::of_uuid(&draft.header().header().uuid);
    let mut draft = Some(draft);
    let mut publish = || {
        let made = draft.take().unwrap().publish().unwrap();
        made.promise(1, MINUTE).is_ok()
    };
    let children = [0, 1].map(|_| forked(|| checked(&mut publish)));
    assert!(publish());
    assert!(children.map(waited) == [true; 2]);
    for left in [2, 1, 0] {
        assert!(is_there(&name));
        let seen = Segment::attach_with(&name, &CLAIM).unwrap();
        assert_eq!((seen.promised(), values(&seen)), (left, vec![0.0, 1.0, 2.0]));
    }
    assert!(!is_there(&name));
}

/// A child is killed while it publishes; the parent can still do it.
fn published_and_killed() {
    let draft = late(|_| {});
    let name = Name::of_uuid(&draft.header().header().uuid);
    let mut draft = Some(draft);
    let pid = forked(|| drop(draft.take().unwrap().publish()));
    for _ in 0..pid % 16 {
        std::thread::yield_now();
    }
    // SAFETY: a child that has not been waited for.
    unsafe { libc::kill(pid, libc::SIGKILL) };
    waited(pid);
    let made = draft.take().unwrap().publish().unwrap();
    assert!(made.is_current() && made.name() == Some(&name));
    drop(made);
    assert!(!is_there(&name));
}

fn anonymous_by_both() {
    let dtype = float64();
    let mut draft = Some(Draft::create_anonymous(&Spec::new(dtype.as_dtype(), &[3])).unwrap());
    let mut publish = || draft.take().unwrap().publish().unwrap().raw_fd().is_some();
    let pid = forked(|| checked(&mut publish));
    assert!(waited(pid) && publish());
}

fn small() {
    pause("begin");
    let dtype = float64();
    let spec = Spec { fallback: true, ..Spec::new(dtype.as_dtype(), &[1 << 18]) };
    let only = Spec { fallback: false, ..spec };
    assert!(matches!(Draft::create_late(&only), Err(Error::NoSpace { .. })));
    let made = Draft::create_late(&spec).unwrap().publish().unwrap();
    assert_eq!((made.name(), made.policy()), (None, Policy::Anonymous));
    assert!(Segment::attach_fd(made.raw_fd().unwrap(), Access::Read).is_ok());
    let fits = Spec { shape: &[100], ..spec };
    assert!(Draft::create_late(&fits).unwrap().publish().unwrap().name().is_some());

    let open = Spec { shape: &[0], ..spec };
    for (row, holes) in [(100_u64, false), (70_001, false), (70_001, true)] {
        let mut growable = Draft::create_growable_late(&open).unwrap();
        let mut expected = Vec::new();
        for n in 0..30 {
            let rows: Vec<u8> = (0..row).flat_map(|i| (n * row + i).to_ne_bytes()).collect();
            if holes && n % 3 == 1 {
                expected.extend(vec![0; rows.len()]);
                continue;
            }
            // SAFETY: the bytes are readable for their length.
            unsafe { growable.write_at(expected.len() as u64, rows.as_ptr(), rows.len()) }.unwrap();
            expected.extend(rows);
        }
        let rows = expected.len() as u64 / 8;
        let made = growable.finish(rows).unwrap().publish().unwrap();
        assert_eq!(made.name().is_some(), row == 100);
        let mut bytes = vec![0; made.data_len()];
        made.copy_to(&mut bytes, 0).unwrap();
        assert!(bytes == expected, "{row} {holes}");
    }
    let used = std::fs::read_dir("/dev/shm").unwrap().count();
    assert_eq!(used, 0);
    let mut whole = Draft::create_late(&Spec { shape: &[120_000], ..only }).unwrap();
    whole.data_mut().fill(1); // what was moved is free
    say("done");
}

/// One of the processes of the model: does what it is told.
fn member(name: &Name) {
    let mut held = Vec::new();
    say("begin");
    for line in std::io::stdin().lines() {
        let line = line.unwrap();
        let words: Vec<_> = line.split(' ').collect();
        let outcome = match words[0] {
            "create" => {
                held.push(publish(name, &[3], |_| {}));
                Ok(())
            }
            "attach" => Segment::attach(name, Access::ReadWrite, None).map(|s| held.push(s)),
            "claim" => Segment::attach_with(name, &CLAIM).map(|s| held.push(s)),
            "promise" => {
                let held: &Segment = held.last().unwrap();
                let ms: u64 = words[2].parse().unwrap();
                let within = if ms == 0 { Duration::MAX } else { Duration::from_millis(ms) };
                held.promise(words[1].parse().unwrap(), within)
            }
            "detach" => {
                held.pop();
                Ok(())
            }
            other => panic!("{other}"),
        };
        say(if outcome.is_ok() { "ok" } else { "no" });
    }
}

/// Messages between processes that attach, hand on, and let go: each is promised before it is
/// written, so who reads it must find the segment, whoever is killed meanwhile.
fn ring(name: &Name, kills: bool) {
    const WORKERS: usize = 6;
    const MESSAGES: u8 = 4;
    pause("begin");
    let mut ends = [0; 2];
    // SAFETY: there is room for both ends.
    assert_eq!(unsafe { libc::pipe(ends.as_mut_ptr()) }, 0);
    // How often it is still to be handed on, and the uuid: in one piece, or nothing.
    let send = |message: [u8; 17]| {
        // SAFETY: so many bytes are readable.
        assert_eq!(unsafe { libc::write(ends[1], message.as_ptr().cast(), 17) }, 17);
    };
    let work = || {
        loop {
            let mut message = [0_u8; 17];
            // SAFETY: there is room for so many bytes.
            let got = unsafe { libc::read(ends[0], message.as_mut_ptr().cast(), 17) };
            if got != 17 || message[0] == 255 {
                return true;
            }
            let uuid = message[1..].try_into().unwrap();
            let Ok(seen) = Segment::attach_with(name, &Attach { uuid: Some(uuid), ..CLAIM }) else {
                return false;
            };
            if message[0] > 0 {
                seen.promise(1, Duration::MAX).unwrap();
                message[0] -= 1;
                send(message);
            }
        }
    };
    let mut workers = [0; WORKERS].map(|_: usize| forked(|| checked(work)));
    // After the forks: a child would have it as its parent does.
    let made = publish(name, &[3], |_| {});
    made.promise(MESSAGES.into(), Duration::MAX).unwrap();
    let mut message = [200; 17];
    message[1..].copy_from_slice(&made.uuid());
    (0..MESSAGES).for_each(|_| send(message));
    drop(made);
    let mut held = 0;
    for round in 0..if kills { 60_usize } else { 0 } {
        let worker = &mut workers[round % WORKERS];
        sleep(Duration::from_micros(300));
        // SAFETY: a child that has not been waited for.
        unsafe { libc::kill(*worker, libc::SIGKILL) };
        let mut status = 0;
        // SAFETY: there is room for the status of a child of this process.
        unsafe { libc::waitpid(*worker, &raw mut status, 0) };
        assert!(!libc::WIFEXITED(status), "a message without its segment");
        held += 1;
        *worker = forked(|| checked(work));
    }
    // All messages are used up when nobody has promised anything any more, or died with one.
    let deadline = std::time::Instant::now() + MINUTE;
    while !kills && is_there(name) && std::time::Instant::now() < deadline {
        sleep(Duration::from_millis(5));
    }
    sleep(Duration::from_millis(20));
    (0..WORKERS).for_each(|_| send([255; 17]));
    for worker in workers {
        assert!(waited(worker), "a message without its segment");
    }
    if kills {
        assert!(held > 0);
        let left = Info::peek(name).map_or(0, |info| info.promised());
        assert!(left <= u32::from(MESSAGES) + held, "{left}");
    } else {
        assert!(!is_there(name), "everything was claimed");
    }
    say("done");
}

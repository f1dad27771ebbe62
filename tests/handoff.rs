//! Promises and claims, names that come late, and segments that go on without one.

#![allow(unsafe_code, clippy::unwrap_used, reason = "a test may fail, and says why it is safe")]

mod shm;

use core::time::Duration;
use std::thread::sleep;

use ndshm::error::Error;
use ndshm::segment::{
    Access, Attach, Draft, Info, Name, Policy, Promises, Removal, Segment, Spec, unlink,
};
use shm::helper::{Helper, pause, say};
use shm::{BOTH, Scratch, float64, pruned, publish, values};

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

#[test]
fn a_promised_name_stays_until_it_is_claimed() {
    for via in BOTH {
        let scratch = Scratch::new("promise");
        let made = publish(&scratch.0, &[3], |spec| spec.via = via);
        made.promise(2, MINUTE).unwrap();
        assert_eq!(made.promised(), 2);
        drop(made);
        assert_eq!(pruned(&scratch.0), Some(Removal::Kept));
        let dtype = float64();
        let taken = Draft::create(&scratch.0, &Spec::new(dtype.as_dtype(), &[1]));
        assert_eq!(taken.unwrap_err(), Error::Exists);
        drop(Segment::attach(&scratch.0, Access::Read, None).unwrap());
        assert!(scratch.exists(), "who claims nothing does not count");
        let first = claim(&scratch);
        assert_eq!((first.promised(), values(&first)), (1, vec![0.0, 1.0, 2.0]));
        // Who has it for reading may hand it on.
        first.promise(1, MINUTE).unwrap();
        drop(first);
        assert_eq!(Info::peek(&scratch.0).unwrap().promised(), 2);
        drop(claim(&scratch));
        assert!(scratch.exists(), "one of two");
        drop(claim(&scratch));
        assert!(!scratch.exists());
    }
}

#[test]
fn a_claim_without_a_promise_does_no_harm() {
    let scratch = Scratch::new("stray");
    let made = publish(&scratch.0, &[3], |_| {});
    drop(claim(&scratch));
    made.promise(1, MINUTE).unwrap();
    drop(made);
    assert!(scratch.exists());
    drop((claim(&scratch), claim(&scratch)));
    assert!(!scratch.exists());
}

#[test]
fn promises_lapse_and_new_ones_do_not_count_them() {
    let scratch = Scratch::new("lapsed");
    let made = publish(&scratch.0, &[3], |_| {});
    made.promise(5, Duration::from_millis(20)).unwrap();
    sleep(Duration::from_millis(30));
    assert_eq!(made.promised(), 0);
    made.promise(1, Duration::from_millis(30)).unwrap();
    drop(made);
    assert!(scratch.exists());
    sleep(Duration::from_millis(40));
    assert_eq!(pruned(&scratch.0), Some(Removal::Removed));

    let made = publish(&scratch.0, &[3], |_| {});
    made.promise(1, Duration::ZERO).unwrap();
    sleep(Duration::from_millis(2));
    drop(made);
    assert!(!scratch.exists(), "no time at all");
}

#[test]
fn what_cannot_be_promised() {
    let scratch = Scratch::new("cannot");
    let made = publish(&scratch.0, &[3], |_| {});
    assert_eq!(made.promise(0, MINUTE), Err(Error::Argument));
    assert_eq!(made.promise(Promises::MAX + 1, MINUTE), Err(Error::Argument));
    made.promise(Promises::MAX, MINUTE).unwrap();
    assert_eq!(made.promise(1, MINUTE), Err(Error::Argument));
    unlink(&scratch.0).unwrap();
    let other = publish(&scratch.0, &[3], |spec| spec.policy = Policy::Owner);
    drop(claim(&scratch));
    assert_eq!(made.promise(1, MINUTE), Err(Error::Argument));
    let reader = Segment::attach(&scratch.0, Access::Read, None).unwrap();
    assert_eq!((other.promise(1, MINUTE), other.promised()), (Err(Error::Argument), 0));
    unlink(&scratch.0).unwrap();
    let gone = publish(&scratch.0, &[3], |_| {});
    unlink(&scratch.0).unwrap();
    assert_eq!(gone.promise(1, MINUTE), Err(Error::NotFound));
    let reader_of_gone = reader;
    assert_eq!(reader_of_gone.promise(1, MINUTE), Err(Error::Argument));
    let dtype = float64();
    let spec = Spec::new(dtype.as_dtype(), &[3]);
    let nameless = Draft::create_anonymous(&spec).unwrap().publish().unwrap();
    assert_eq!(nameless.promise(1, MINUTE), Err(Error::Argument));
}

#[test]
fn only_the_right_uuid_is_attached_and_claimed() {
    let scratch = Scratch::new("uuid");
    let made = publish(&scratch.0, &[3], |_| {});
    let sent = Attach { uuid: Some(made.uuid()), ..CLAIM };
    made.promise(1, MINUTE).unwrap();
    assert_eq!(Segment::attach_with(&scratch.0, &sent).unwrap().uuid(), made.uuid());
    unlink(&scratch.0).unwrap();
    let other = publish(&scratch.0, &[3], |_| {});
    other.promise(1, MINUTE).unwrap();
    let late = Attach { timeout: Some(Duration::from_millis(5)), ..sent };
    for how in [sent, late] {
        assert_eq!(Segment::attach_with(&scratch.0, &how).unwrap_err(), Error::NotFound);
    }
    assert_eq!((other.promised(), other.attach_epoch()), (1, 0), "it was not attached");
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

#[test]
fn a_late_name_follows_from_the_uuid() {
    for via in BOTH {
        let draft = late(|spec| spec.via = via);
        let name = Name::of_uuid(&draft.header().header().uuid);
        assert!(name.as_str().starts_with("anon-") && name.as_str().len() == 37);
        assert_eq!(is_there(&name), via == BOTH[1]);
        let at = draft.data_ptr().cast_const();
        let made = draft.publish().unwrap();
        assert_eq!((made.name(), made.data_ptr(), made.is_current()), (Some(&name), at, true));
        assert_eq!((made.refcount(), made.attach_epoch()), (1, 0));
        made.promise(1, MINUTE).unwrap();
        let sent = Attach { uuid: Some(made.uuid()), ..CLAIM };
        drop(made);
        let seen = Segment::attach_with(&name, &sent).unwrap();
        assert_eq!(values(&seen), [0.0, 1.0, 2.0]);
        drop(seen);
        assert!(!is_there(&name));
        let unsent = late(|spec| spec.via = via);
        let name = Name::of_uuid(&unsent.header().header().uuid);
        drop(unsent);
        assert!(!is_there(&name));
    }
}

#[test]
fn a_late_segment_may_have_any_policy_and_name() {
    let scratch = Scratch::new("renamed");
    let mut draft = late(|spec| spec.policy = ndshm::segment::handoff(1, MINUTE));
    draft.rename(&scratch.0).unwrap();
    let made = draft.publish().unwrap();
    assert_eq!((made.name(), made.promised()), (Some(&scratch.0), 1));
    drop(made);
    drop(Segment::attach(&scratch.0, Access::Read, None).unwrap());
    assert!(!scratch.exists());
    let dtype = float64();
    let spec = Spec { fallback: true, ..Spec::new(dtype.as_dtype(), &[3]) };
    assert_eq!(Draft::create(&scratch.0, &spec).unwrap_err(), Error::Argument, "a given name");
    assert_eq!(Draft::create_anonymous(&spec).unwrap_err(), Error::Argument);
    let spec = Spec { policy: Policy::Persist, ..spec };
    assert_eq!(Draft::create_late(&spec).unwrap_err(), Error::Argument);
    let spec = Spec { policy: Policy::Anonymous, fallback: false, ..spec };
    assert_eq!(Draft::create_late(&spec).unwrap_err(), Error::Argument);
}

#[test]
fn drafts_survive_forks() {
    let mut helper = Helper::start("forks");
    helper.expect("begin");
    helper.go();
    helper.expect("done");
    helper.end();
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

#[test]
fn where_shared_memory_is_small_a_segment_goes_on_without_a_name() {
    Helper::run_in_private_shm("small", "1m");
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

/// What should be there.
#[derive(Debug, Default)]
struct Model {
    there: bool,
    /// How many handles each member has.
    handles: [u32; 4],
    promised: u32,
}

impl Model {
    /// Somebody let go who could do the last step.
    fn settle(&mut self) {
        self.there &= self.handles.iter().any(|&n| n > 0) || self.promised > 0;
    }
}

#[test]
fn random_hand_offs_are_as_the_model_says() {
    for seed in 1..=12_u64 {
        let scratch = Scratch::new("model");
        let role = format!("member {}", scratch.0);
        let start = || {
            let mut member = Helper::start(&role);
            member.expect("begin");
            member
        };
        let (mut members, mut model) = ([(); 4].map(|()| start()), Model::default());
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut random = move |n: u64| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state % n
        };
        let mut orphan = false;
        for step in 0..60 {
            let who = random(4) as usize;
            let has = model.handles[who] > 0;
            let command = match random(8) {
                _ if !model.there || orphan => "create".into(),
                0 | 1 => "attach".into(),
                2 | 3 => "claim".into(),
                4 if has => format!("promise {} 0", 1 + random(3)),
                5 if has && model.promised == 0 => "promise 7 1".into(),
                6 => {
                    members[who] = start(); // the old one is killed, and waited for
                    model.handles[who] = 0;
                    orphan = model.handles == [0; 4] && model.promised == 0;
                    String::new()
                }
                _ if has => "detach".into(),
                _ => continue,
            };
            if !command.is_empty() {
                members[who].tell(&command);
                assert!(members[who].hears("ok"), "{seed} {step} {command}");
            }
            match command.split(' ').collect::<Vec<_>>()[..] {
                ["create"] => {
                    model = Model { there: true, handles: [0; 4], promised: 0 };
                    model.handles[who] = 1;
                    orphan = false;
                }
                ["attach"] => model.handles[who] += 1,
                ["claim"] => {
                    model.handles[who] += 1;
                    model.promised = model.promised.saturating_sub(1);
                }
                ["promise", n, "0"] => model.promised += n.parse::<u32>().unwrap(),
                ["promise", ..] => sleep(Duration::from_millis(3)),
                ["detach"] => {
                    model.handles[who] -= 1;
                    model.settle();
                }
                _ => {}
            }
            assert_eq!(
                scratch.exists(),
                model.there,
                "seed {seed}, step {step}: {command} {model:?}"
            );
            if model.there {
                assert_eq!(Info::peek(&scratch.0).unwrap().promised(), model.promised, "{command}");
                let expected = match (orphan, model.handles == [0; 4]) {
                    (true, _) => Removal::Removed,
                    (_, true) => Removal::Kept,
                    _ => Removal::Live,
                };
                if expected != Removal::Removed || random(2) == 0 {
                    assert_eq!(pruned(&scratch.0), Some(expected), "{command} {model:?}");
                    if expected == Removal::Removed {
                        (model.there, orphan) = (false, false);
                    }
                }
            }
        }
    }
}

#[test]
fn whoever_gets_the_message_finds_the_segment() {
    for how in ["lives", "kills"] {
        let scratch = Scratch::new("ring");
        let mut helper = Helper::start(&format!("ring {} {how}", scratch.0));
        helper.expect("begin");
        helper.go();
        helper.expect("done");
        helper.end();
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

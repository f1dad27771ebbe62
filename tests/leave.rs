//! Who leaves a segment has it no more, but may use its memory to the end of the process.

#![allow(unsafe_code, clippy::unwrap_used, reason = "a test may fail, and says why it is safe")]

mod shm;

use core::time::Duration;
use std::fs::read_dir;

use ndshm::error::Error;
use ndshm::segment::{Access, Draft, Name, Policy, Removal, Segment, Spec, Via, handoff, unlink};
use shm::helper::{Helper, pause, say};
use shm::{BOTH, Graveyard, Scratch, float64, pruned, publish, values};

const MINUTE: Duration = Duration::from_secs(60);

/// Not a test of its own: what the helpers are.
#[test]
fn helper() {
    let Ok(role) = std::env::var("NDSHM_TEST_ROLE") else { return };
    let words: Vec<_> = role.split(' ').collect();
    match words[0] {
        "member" => member(&Name::new(words[1]).unwrap()),
        "forks" => leaves_and_forks(&Name::new(words[1]).unwrap()),
        "draft" => draft_of_two(),
        "descriptors" => descriptors(),
        "read-only" => read_only(&Name::new(words[1]).unwrap()),
        "full" => full(&Name::new(words[1]).unwrap()),
        _ => panic!("no such role: {role}"),
    }
}

/// Has it, says what it sees, and lets go.
fn member(name: &Name) {
    let segment = Segment::attach(name, Access::Read, None).unwrap();
    pause("has");
    pause(&format!("{:?}", values(&segment)));
    drop(segment);
    say("gone");
}

/// Three numbers that a process may use after it has left them.
struct Left(*mut f64);

impl Left {
    fn segment(segment: Segment) -> Self {
        let at = segment.data_ptr().cast_mut().cast();
        segment.leave().unwrap();
        Self(at)
    }

    fn draft(draft: Draft) -> Self {
        let at = draft.data_ptr().cast();
        draft.leave().unwrap();
        Self(at)
    }

    fn values(&self) -> Vec<f64> {
        // SAFETY: what is left stays mapped, and there are three of them, aligned to a page.
        unsafe { self.0.cast::<[f64; 3]>().read_volatile() }.to_vec()
    }

    fn set_first(&self, value: f64) {
        // SAFETY: as above, and those who write here had it for writing.
        unsafe { self.0.write_volatile(value) };
    }
}

fn attach(name: &Name, access: Access) -> Segment {
    Segment::attach(name, access, None).unwrap()
}

fn is_there(name: &Name) -> bool {
    std::path::Path::new(name.path().to_str().unwrap()).exists()
}

#[test]
fn the_last_one_takes_the_name_and_keeps_the_memory() {
    for via in BOTH {
        let scratch = Scratch::new("leave");
        let left = Left::segment(publish(&scratch.0, &[3], |spec| spec.via = via));
        assert!(!scratch.exists());
        left.set_first(9.0);
        assert_eq!(left.values(), [9.0, 1.0, 2.0]);
        let next = publish(&scratch.0, &[3], |spec| spec.via = via);
        assert_eq!(values(&next), [0.0, 1.0, 2.0], "another one of that name");
    }
}

#[test]
fn a_reader_leaves_as_well() {
    let scratch = Scratch::new("reader");
    let made = publish(&scratch.0, &[3], |_| {});
    let reader = attach(&scratch.0, Access::Read);
    let left = Left::segment(reader);
    assert_eq!((made.refcount(), scratch.exists()), (1, true));
    made.copy_from(&7.0_f64.to_ne_bytes(), 0).unwrap();
    made.detach();
    assert!(!scratch.exists());
    assert_eq!(left.values(), [7.0, 1.0, 2.0]);
}

#[test]
fn the_name_stays_as_long_as_another_process_has_it() {
    let alone = Graveyard::lock();
    let scratch = Scratch::new("another");
    let made = publish(&scratch.0, &[3], |_| {});
    let mut other = Helper::start(&format!("member {}", scratch.0));
    other.expect("has");
    let left = Left::segment(made);
    assert!(scratch.exists());
    left.set_first(9.0);
    other.go();
    other.expect("[9.0, 1.0, 2.0]");
    assert_eq!(pruned(&alone, &scratch.0), Some(Removal::Live));
    other.go();
    other.expect("gone");
    assert!(!scratch.exists(), "the memory that was left is no holder");
    assert_eq!(left.values(), [9.0, 1.0, 2.0]);
    other.end();
}

#[test]
fn an_orphan_is_one_although_its_memory_was_left() {
    let alone = Graveyard::lock();
    let scratch = Scratch::new("killed");
    let made = publish(&scratch.0, &[3], |_| {});
    let mut other = Helper::start(&format!("member {}", scratch.0));
    other.expect("has");
    let left = Left::segment(made);
    other.kill();
    assert!(scratch.exists());
    assert_eq!(pruned(&alone, &scratch.0), Some(Removal::Removed));
    assert_eq!(left.values(), [0.0, 1.0, 2.0]);
}

#[test]
fn policies_hold_for_who_leaves() {
    let scratch = Scratch::new("policies");
    publish(&scratch.0, &[3], |spec| spec.policy = Policy::Persist).leave().unwrap();
    assert!(scratch.exists());
    unlink(&scratch.0).unwrap();
    publish(&scratch.0, &[3], |spec| spec.policy = handoff(1, MINUTE)).leave().unwrap();
    assert!(scratch.exists());
    attach(&scratch.0, Access::Read).leave().unwrap();
    assert!(!scratch.exists(), "it was taken over, and left");
    let made = publish(&scratch.0, &[3], |_| {});
    made.promise(1, MINUTE).unwrap();
    made.leave().unwrap();
    assert!(scratch.exists());
    unlink(&scratch.0).unwrap();
    let owner = publish(&scratch.0, &[3], |spec| spec.policy = Policy::Owner);
    let visitor = attach(&scratch.0, Access::Read);
    owner.leave().unwrap();
    assert_eq!((scratch.exists(), values(&visitor)), (false, vec![0.0, 1.0, 2.0]));
}

#[test]
fn what_took_the_name_is_left_alone() {
    for taken in [false, true] {
        let scratch = Scratch::new("taken");
        let made = publish(&scratch.0, &[3], |_| {});
        unlink(&scratch.0).unwrap();
        let other = taken.then(|| publish(&scratch.0, &[5], |_| {}));
        if let Some(other) = &other {
            other.copy_from(&5.0_f64.to_ne_bytes(), 0).unwrap();
        }
        let left = Left::segment(made);
        left.set_first(9.0);
        assert_eq!(left.values(), [9.0, 1.0, 2.0]);
        if let Some(other) = other {
            assert_eq!((other.is_current(), other.refcount()), (true, 1));
            assert_eq!(values(&other), [5.0, 1.0, 2.0, 3.0, 4.0]);
            other.detach();
        }
        assert!(!scratch.exists(), "only its own are its holders");
    }
}

#[test]
fn what_is_no_segment_and_took_the_name_is_left_alone() {
    let scratch = Scratch::new("stranger");
    let made = publish(&scratch.0, &[3], |_| {});
    std::fs::remove_file(scratch.file()).unwrap();
    std::fs::write(scratch.file(), "short").unwrap();
    assert_eq!(Left::segment(made).values(), [0.0, 1.0, 2.0]);
    assert_eq!(std::fs::read(scratch.file()).unwrap(), b"short");
}

/// A child that is forked by one who has left does not have it.
#[test]
fn a_child_that_is_forked_later_does_not_count() {
    let scratch = Scratch::new("forks");
    let made = publish(&scratch.0, &[3], |_| {});
    let mut other = Helper::start(&format!("forks {}", scratch.0));
    other.expect("forked");
    assert!(scratch.exists());
    made.detach();
    assert!(!scratch.exists());
    other.go();
    other.expect("[0.0, 1.0, 2.0]");
    other.end();
}

fn leaves_and_forks(name: &Name) {
    let left = Left::segment(attach(name, Access::ReadWrite));
    let child = forked(|| {
        // SAFETY: waits for the signal that ends it.
        unsafe { libc::pause() };
    });
    pause("forked");
    end(child);
    say(&format!("{:?}", left.values()));
}

/// Runs `child` in a forked child, which ends without cleaning up, at the latest with its parent.
fn forked(child: impl FnOnce()) -> i32 {
    // SAFETY: what the child does is all right beside the thread that only waits.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        // SAFETY: asks the kernel for a signal, and nothing else.
        unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
        child();
        // SAFETY: ends the child at once.
        unsafe { libc::_exit(0) };
    }
    assert!(pid > 0);
    pid
}

fn end(child: i32) {
    // SAFETY: a child that has not been waited for.
    unsafe { libc::kill(child, libc::SIGKILL) };
    assert_ne!(waited(child), 0);
}

fn waited(child: i32) -> i32 {
    let mut status = 0;
    // SAFETY: there is room for the status of a child of this process.
    assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
    status
}

fn late(change: impl FnOnce(&mut Spec<'_>)) -> (Draft, Name) {
    let dtype = float64();
    let mut spec = Spec::new(dtype.as_dtype(), &[3]);
    change(&mut spec);
    let draft = Draft::create_late(&spec).unwrap();
    let name = Name::of_uuid(&draft.header().header().uuid);
    (draft, name)
}

#[test]
fn a_draft_that_is_left_leaves_no_name() {
    for via in BOTH {
        let (draft, name) = late(|spec| spec.via = via);
        assert_eq!(is_there(&name), via == Via::ShmOpen);
        let left = Left::draft(draft);
        assert!(!is_there(&name));
        left.set_first(4.0);
        assert_eq!(left.values(), [4.0, 0.0, 0.0]);
    }
}

/// A relative that has inherited a draft publishes it after the other one has left it.
#[test]
fn a_draft_that_is_left_is_its_relatives_alone() {
    let mut other = Helper::start("draft");
    other.expect("gone");
    other.end();
}

fn draft_of_two() {
    let (draft, name) = late(|_| {});
    let mut draft = Some(draft);
    let mut go = [0; 2];
    // SAFETY: there is room for two descriptors.
    assert_eq!(unsafe { libc::pipe(go.as_mut_ptr()) }, 0);
    let child = forked(|| {
        // SAFETY: one byte of room.
        let heard = unsafe { libc::read(go[0], [0_u8].as_mut_ptr().cast(), 1) };
        let made = draft.take().unwrap().publish().unwrap();
        let right = heard == 1 && made.is_current();
        made.copy_from(&8.0_f64.to_ne_bytes(), 0).unwrap();
        made.detach();
        // SAFETY: ends the child at once.
        unsafe { libc::_exit(i32::from(!right)) };
    });
    let left = Left::draft(draft.take().unwrap());
    // SAFETY: one byte that is there.
    assert_eq!(unsafe { libc::write(go[1], [1_u8].as_ptr().cast(), 1) }, 1);
    assert_eq!(waited(child), 0);
    assert!(!is_there(&name), "the child was the last");
    assert_eq!(left.values(), [8.0, 0.0, 0.0]);
    say("gone");
}

fn anonymous() -> Draft {
    let dtype = float64();
    Draft::create_anonymous(&Spec::new(dtype.as_dtype(), &[3])).unwrap()
}

#[test]
fn memory_without_a_name_is_left_too() {
    let made = anonymous().publish().unwrap();
    let other = Segment::attach_fd(made.raw_fd().unwrap(), Access::ReadWrite).unwrap();
    let left = Left::segment(made);
    assert_eq!(other.refcount(), 1);
    left.set_first(3.0);
    assert_eq!(values(&other), [3.0, 0.0, 0.0]);
    other.detach();
    assert_eq!(left.values(), [3.0, 0.0, 0.0]);
    let left = Left::draft(anonymous());
    left.set_first(2.0);
    assert_eq!(left.values(), [2.0, 0.0, 0.0]);
}

#[test]
fn no_descriptor_is_left() {
    let mut other = Helper::start("descriptors");
    other.expect("done");
    other.end();
}

fn descriptors() {
    let open = || read_dir("/proc/self/fd").unwrap().count();
    let before = open();
    let scratch = Scratch::new("descriptors");
    for via in BOTH {
        publish(&scratch.0, &[3], |spec| spec.via = via).leave().unwrap();
        late(|spec| spec.via = via).0.leave().unwrap();
    }
    anonymous().leave().unwrap();
    anonymous().publish().unwrap().leave().unwrap();
    assert_eq!(open(), before);
    say("done");
}

/// Its file may not be opened to write any more, so no other description can take the lock's place.
#[test]
fn what_nobody_may_write_is_left_too() {
    let scratch = Scratch::new("mode");
    let mut other = Helper::start(&format!("read-only {}", scratch.0));
    other.expect("left");
    assert!(!scratch.exists(), "it was the last");
    other.go();
    other.expect("draft");
    other.end();
}

fn read_only(name: &Name) {
    // SAFETY: takes an integer only. Who is not root is none already.
    unsafe { libc::setuid(65_534) };
    let made = publish(name, &[3], |spec| spec.mode = 0o400);
    assert_eq!(Segment::attach(name, Access::ReadWrite, None).unwrap_err(), Error::Permission);
    let reader = attach(name, Access::Read);
    let left = Left::segment(made);
    assert_eq!((values(&reader), reader.refcount()), (vec![0.0, 1.0, 2.0], 0));
    left.set_first(9.0);
    assert_eq!((left.values(), values(&reader)), (vec![9.0, 1.0, 2.0], vec![0.0, 1.0, 2.0]));
    Left::segment(reader);
    pause("left");
    let dtype = float64();
    let mut spec = Spec::new(dtype.as_dtype(), &[3]);
    (spec.mode, spec.via) = (0o400, Via::ShmOpen);
    let left = Left::draft(Draft::create(name, &spec).unwrap());
    assert!(!is_there(name));
    left.set_first(8.0);
    assert_eq!(left.values(), [8.0, 0.0, 0.0]);
    say("draft");
}

/// Without a descriptor nothing can take the lock's place: that is said, and the name is dead
/// when the process ends.
#[test]
fn a_process_without_descriptors_says_that_it_cannot() {
    let alone = Graveyard::lock();
    let scratch = Scratch::new("full");
    let mut other = Helper::start(&format!("full {}", scratch.0));
    other.expect("EMFILE");
    assert_eq!(pruned(&alone, &scratch.0), Some(Removal::Live));
    other.go();
    other.expect("[9.0, 1.0, 2.0]");
    other.end();
    assert_eq!(pruned(&alone, &scratch.0), Some(Removal::Removed));
}

fn full(name: &Name) {
    let (made, draft) = (publish(name, &[3], |_| {}), late(|_| {}).0);
    let at = made.data_ptr().cast_mut().cast();
    let taken = core::iter::from_fn(|| std::fs::File::open("/dev/null").ok());
    let none = libc::rlimit { rlim_cur: 64, rlim_max: 64 };
    // SAFETY: a limit that is there for the call.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const none) }, 0);
    let taken: Vec<_> = taken.collect();
    let error = made.leave().unwrap_err();
    assert!(matches!(error, Error::Os { errno: libc::EMFILE, .. }), "{error}");
    draft.leave().unwrap(); // it has no name
    drop(taken);
    pause("EMFILE");
    let left = Left(at);
    left.set_first(9.0);
    say(&format!("{:?}", left.values()));
}

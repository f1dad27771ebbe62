//! When a segment's name goes, and segments that have none.

#![allow(unsafe_code, clippy::unwrap_used, reason = "a test may fail, and says why it is safe")]

mod shm;

use core::time::Duration;
use std::fs::File;
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::thread::sleep;

use ndshm::error::Error;
use ndshm::segment::{Access, Draft, Info, Policy, Removal, Segment, Spec, State, handoff, unlink};
use ndshm::sys::boot_ns;
use shm::{BOTH, Graveyard, Scratch, float64, pruned, publish, values};

const MINUTE: Duration = Duration::from_secs(60);

fn attach(scratch: &Scratch) -> Segment {
    Segment::attach(&scratch.0, Access::Read, None).unwrap()
}

#[test]
fn the_name_goes_with_its_owner_and_the_data_stays_with_the_others() {
    for via in BOTH {
        let scratch = Scratch::new("owner");
        let owner = publish(&scratch.0, &[3], |spec| {
            (spec.policy, spec.via) = (Policy::Owner, via);
        });
        drop(attach(&scratch));
        assert!(scratch.exists(), "a visitor is not the owner");
        let other = attach(&scratch);
        owner.detach();
        assert!(!scratch.exists());
        assert!(!other.is_current());
        assert_eq!(values(&other), [0.0, 1.0, 2.0]);
        let next = publish(&scratch.0, &[5], |_| {});
        drop(other);
        assert!(next.is_current(), "it leaves alone what is not its own");
    }
}

#[test]
fn an_owner_leaves_alone_what_took_its_name() {
    let scratch = Scratch::new("owner2");
    let owner = publish(&scratch.0, &[3], |spec| spec.policy = Policy::Owner);
    unlink(&scratch.0).unwrap();
    let next = publish(&scratch.0, &[5], |_| {});
    drop(owner);
    assert!(next.is_current());
}

#[test]
fn a_segment_waits_until_it_is_taken_over() {
    let alone = Graveyard::lock();
    for via in BOTH {
        let scratch = Scratch::new("handoff");
        let change = |spec: &mut Spec<'_>| (spec.policy, spec.via) = (handoff(2, MINUTE), via);
        publish(&scratch.0, &[3], change).detach();
        assert_eq!(pruned(&alone, &scratch.0), Some(Removal::Kept));
        let dtype = float64();
        let taken = Draft::create(&scratch.0, &Spec::new(dtype.as_dtype(), &[1]));
        assert_eq!(taken.unwrap_err(), Error::Exists);
        attach(&scratch).detach();
        assert!(scratch.exists(), "one of two");
        let first = attach(&scratch);
        let second = attach(&scratch);
        drop(first);
        assert!(scratch.exists(), "somebody has it");
        assert_eq!(values(&second), [0.0, 1.0, 2.0]);
        drop(second);
        assert!(!scratch.exists());
    }
}

fn expiry(scratch: &Scratch) -> u64 {
    Info::peek(&scratch.0).unwrap().header().promises().expiry_ns()
}

#[test]
fn a_handoff_lapses_and_its_time_runs_from_publication() {
    let alone = Graveyard::lock();
    let scratch = Scratch::new("lapse");
    let dtype = float64();
    let policy = handoff(1, Duration::from_millis(30));
    let draft =
        Draft::create(&scratch.0, &Spec { policy, ..Spec::new(dtype.as_dtype(), &[3]) }).unwrap();
    sleep(Duration::from_millis(40));
    let before = boot_ns();
    let made = draft.publish().unwrap();
    assert_eq!(made.policy(), policy);
    let expiry_ns = expiry(&scratch);
    assert!((before..=boot_ns() + 1_000_000).contains(&(expiry_ns - 30_000_000)));
    assert_eq!(Info::peek(&scratch.0).unwrap().header().policy(), made.policy());
    sleep(Duration::from_millis(40));
    assert!(scratch.exists());
    drop(made);
    assert!(!scratch.exists(), "the last one sees that the time is over");

    publish(&scratch.0, &[3], |spec| spec.policy = handoff(1, Duration::from_millis(20))).detach();
    sleep(Duration::from_millis(30));
    assert_eq!(pruned(&alone, &scratch.0), Some(Removal::Removed));
}

#[test]
fn a_handoff_waits_as_long_whenever_its_policy_was_made() {
    let scratch = Scratch::new("old");
    let dtype = float64();
    let policy = handoff(1, Duration::from_millis(20));
    sleep(Duration::from_millis(30));
    let spec = Spec { policy, ..Spec::new(dtype.as_dtype(), &[0]) };
    let growable = Draft::create_growable(&scratch.0, &spec).unwrap();
    sleep(Duration::from_millis(30));
    let before = boot_ns();
    let made = growable.finish(0).unwrap().publish().unwrap();
    let expiry_ns = expiry(&scratch);
    let from = expiry_ns - 20_000_000;
    assert!((before..=boot_ns() + 1_000_000).contains(&from), "from publication");

    let draft = Draft::create(&scratch.0, &spec);
    assert_eq!(draft.unwrap_err(), Error::Exists);
    drop(made);
    sleep(Duration::from_millis(30));
    let made = Draft::create(&scratch.0, &spec).unwrap().publish().unwrap();
    assert_eq!(made.policy(), policy);
    assert!(expiry(&scratch) > expiry_ns, "one policy for two segments");
    for (within, ns) in [(Duration::ZERO, 1), (Duration::from_nanos(u64::MAX), u64::MAX)] {
        assert_eq!(handoff(7, within), Policy::Handoff { attaches: 7, within_ns: ns });
    }
}

#[test]
fn a_handoff_may_wait_for_ever() {
    let alone = Graveyard::lock();
    let scratch = Scratch::new("forever");
    let made = publish(&scratch.0, &[3], |spec| spec.policy = handoff(1, Duration::MAX));
    assert_eq!(made.policy(), Policy::Handoff { attaches: 1, within_ns: 0 });
    drop(made);
    assert_eq!(pruned(&alone, &scratch.0), Some(Removal::Kept));
}

fn anonymous(mode: u32) -> Segment {
    let dtype = float64();
    let spec = Spec { mode, metadata: b"unit=m", ..Spec::new(dtype.as_dtype(), &[3]) };
    let mut draft = Draft::create_anonymous(&spec).unwrap();
    for (i, item) in (0_u32..).zip(draft.data_mut().chunks_exact_mut(8)) {
        item.copy_from_slice(&f64::from(i).to_ne_bytes());
    }
    let at = draft.data_ptr().cast_const();
    let segment = draft.publish().unwrap();
    assert_eq!(segment.data_ptr(), at, "pointers into the draft stay valid");
    segment
}

#[test]
fn an_anonymous_segment_is_attached_by_its_descriptor() {
    let made = anonymous(0o600);
    assert_eq!(file(&made).metadata().unwrap().nlink(), 0, "it has no name anywhere");
    assert_eq!((made.name(), made.policy(), made.is_current()), (None, Policy::Anonymous, false));
    let fd = made.raw_fd().unwrap();
    let reader = Segment::attach_fd(fd, Access::Read).unwrap();
    let writer = Segment::attach_fd(fd, Access::ReadWrite).unwrap();
    assert_eq!((reader.shape(), reader.metadata()), (&[3][..], &b"unit=m"[..]));
    assert_eq!((reader.uuid(), reader.state()), (made.uuid(), Ok(State::Ready)));
    assert_eq!((made.refcount(), made.attach_epoch()), (3, 2));
    writer.copy_from(&7.5_f64.to_ne_bytes(), 8).unwrap();
    drop((made, writer));
    assert_eq!(values(&reader), [0.0, 7.5, 2.0]);
    assert_eq!(reader.refcount(), 1);
    assert!(!reader.is_frozen());
    assert_eq!(reader.data_mut_ptr(), Err(Error::ReadOnly));
    assert!(Segment::attach_fd(reader.raw_fd().unwrap(), Access::Read).is_ok(), "passed on");
}

/// A `File` for a segment's descriptor: another description of the same memory.
fn file(segment: &Segment) -> File {
    let path = format!("/proc/self/fd/{}", segment.raw_fd().unwrap());
    File::options().read(true).write(true).open(path).unwrap()
}

#[test]
fn nobody_changes_the_length_of_an_anonymous_segment() {
    let made = anonymous(0o600);
    let len = file(&made).metadata().unwrap().len();
    assert!(file(&made).set_len(0).is_err());
    assert!(file(&made).set_len(len + 1).is_err());
    assert_eq!(values(&made), [0.0, 1.0, 2.0]);
}

#[test]
fn nobody_writes_an_anonymous_segment_that_is_for_reading() {
    use std::io::Write;
    let made = anonymous(0o400);
    assert!(made.is_frozen());
    assert_eq!((made.access(), made.data_mut_ptr()), (Access::Read, Err(Error::ReadOnly)));
    assert_eq!(made.copy_from(&[0; 8], 0), Err(Error::ReadOnly));
    let fd = made.raw_fd().unwrap();
    let writer = Segment::attach_fd(fd, Access::ReadWrite);
    assert_eq!(writer.unwrap_err(), Error::Permission);
    assert!(file(&made).write(b"x").is_err());
    let reader = Segment::attach_fd(fd, Access::Read).unwrap();
    assert_eq!(values(&reader), [0.0, 1.0, 2.0]);
    assert_eq!(made.refcount(), 1, "who cannot write is not counted");
}

#[test]
fn only_what_is_sealed_is_attached_by_a_descriptor() {
    let scratch = Scratch::new("byfd");
    let _made = publish(&scratch.0, &[3], |_| {});
    let named = File::open(scratch.file()).unwrap();
    let refused = |fd| Segment::attach_fd(fd, Access::Read).unwrap_err();
    assert_eq!(refused(named.as_raw_fd()), Error::Unsealed);
    assert_eq!(refused(File::open("/proc/self/status").unwrap().as_raw_fd()), Error::Unsealed);
    assert!(matches!(refused(-1), Error::Os { call: "fcntl", .. }));
}

#[test]
fn an_anonymous_segment_can_grow_until_it_is_finished() {
    let dtype = float64();
    let spec = Spec::new(dtype.as_dtype(), &[0]);
    let mut growable = Draft::create_growable_anonymous(&spec).unwrap();
    let rows = [1.0_f64, 2.0].map(f64::to_ne_bytes).concat();
    // SAFETY: the array is readable for its length.
    unsafe { growable.append(rows.as_ptr(), rows.len()) }.unwrap();
    let made = growable.finish(2).unwrap().publish().unwrap();
    assert_eq!(values(&made), [1.0, 2.0]);
    let seen = Segment::attach_fd(made.raw_fd().unwrap(), Access::Read).unwrap();
    assert_eq!(seen.shape(), [2]);
}

#[test]
fn a_draft_that_cannot_be_published_can_get_another_name() {
    let (taken, free) = (Scratch::new("taken"), Scratch::new("free"));
    let dtype = float64();
    let mut draft = Draft::create(&taken.0, &Spec::new(dtype.as_dtype(), &[3])).unwrap();
    draft.data_mut().fill(0);
    let other = publish(&taken.0, &[5], |_| {});
    let unpublished = draft.publish().unwrap_err();
    assert_eq!(unpublished.error, Error::Exists);
    let again = unpublished.draft.publish().unwrap_err();
    assert_eq!(again.error, Error::Exists);
    let mut draft = again.draft;
    draft.rename(&free.0).unwrap();
    let made = draft.publish().unwrap();
    assert_eq!((made.name(), made.is_current()), (Some(&free.0), true));
    assert_eq!(attach(&free).uuid(), made.uuid());
    assert!(other.is_current());
}

#[test]
fn a_name_that_shows_already_stays() {
    let (scratch, free) = (Scratch::new("shown"), Scratch::new("unused"));
    let dtype = float64();
    let spec = Spec { via: BOTH[1], ..Spec::new(dtype.as_dtype(), &[3]) };
    assert_eq!(Draft::create(&scratch.0, &spec).unwrap().rename(&free.0), Err(Error::Argument));
    let spec = Spec::new(dtype.as_dtype(), &[3]);
    assert_eq!(Draft::create_anonymous(&spec).unwrap().rename(&free.0), Err(Error::Argument));
}

#[test]
fn policies_that_cannot_be() {
    let scratch = Scratch::new("refused");
    let dtype = float64();
    let spec = Spec::new(dtype.as_dtype(), &[3]);
    for policy in [Policy::Anonymous, handoff(0, MINUTE)] {
        let made = Draft::create(&scratch.0, &Spec { policy, ..spec });
        assert_eq!(made.unwrap_err(), Error::Argument, "{policy:?}");
    }
    for policy in [Policy::Persist, Policy::Owner, handoff(1, MINUTE)] {
        let made = Draft::create_anonymous(&Spec { policy, ..spec });
        assert_eq!(made.unwrap_err(), Error::Argument, "{policy:?}");
    }
    assert!(Draft::create_anonymous(&Spec { policy: Policy::Anonymous, ..spec }).is_ok());
    assert!(!scratch.exists());
}

//! Promises and claims.

use core::time::Duration;
use std::thread::sleep;

use ndshm::error::Error;
use ndshm::segment::{
    Access, Attach, Draft, Info, Policy, Promises, Removal, Segment, Spec, unlink,
};

use super::{CLAIM, MINUTE, claim};
use crate::shm::{BOTH, Graveyard, Scratch, float64, pruned, publish, values};

#[test]
fn a_promised_name_stays_until_it_is_claimed() {
    let alone = Graveyard::lock();
    for via in BOTH {
        let scratch = Scratch::new("promise");
        let made = publish(&scratch.0, &[3], |spec| spec.via = via);
        made.promise(2, MINUTE).unwrap();
        assert_eq!(made.promised(), 2);
        drop(made);
        assert_eq!(pruned(&alone, &scratch.0), Some(Removal::Kept));
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
    let alone = Graveyard::lock();
    let scratch = Scratch::new("lapsed");
    let made = publish(&scratch.0, &[3], |_| {});
    made.promise(5, Duration::from_millis(20)).unwrap();
    sleep(Duration::from_millis(30));
    assert_eq!(made.promised(), 0);
    made.promise(1, Duration::from_millis(30)).unwrap();
    drop(made);
    assert!(scratch.exists());
    sleep(Duration::from_millis(40));
    assert_eq!(pruned(&alone, &scratch.0), Some(Removal::Removed));

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

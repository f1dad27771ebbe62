//! Names that come late.

use ndshm::error::Error;
use ndshm::segment::{Access, Attach, Draft, Name, Policy, Segment, Spec};

use super::{CLAIM, MINUTE, is_there, late};
use crate::shm::helper::Helper;
use crate::shm::{BOTH, Scratch, float64, values};

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

#[test]
fn where_shared_memory_is_small_a_segment_goes_on_without_a_name() {
    Helper::run_in_private_shm("small", "1m");
}

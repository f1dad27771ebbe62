//! What each policy keeps and lets go, whoever dies.

use core::time::Duration;

use ndshm::error::Error;
use ndshm::segment::{Access, Info, Policy, Removal, Segment, Via, handoff, prune, unlink};

use crate::arena;
use crate::cases::{Ctx, Holder, draft, is_sound, next_create, prune_now};
use crate::kid::{End, Kid, alarm};
use crate::shm::BOTH;

#[test]
fn every_policy_holds_whoever_dies() {
    arena::enter("policies", "4m");
}

/// The helper.
pub(crate) fn all() {
    alarm(100);
    for via in BOTH {
        let ctx = Ctx { name: arena::name("policy"), via };
        let gone = || assert!(arena::left("policy").is_empty(), "{via:?}");
        owner_detaches(ctx);
        gone();
        owner_is_killed(ctx);
        gone();
        persist(ctx);
        gone();
        for killed in [false, true] {
            handed_off(ctx, killed);
            gone();
            lapsed(ctx, killed);
            gone();
        }
    }
    anonymous();
}

/// Makes a segment in a child that then detaches or is killed.
fn made_by_one_who_goes(ctx: Ctx, policy: impl Fn() -> Policy, killed: bool) {
    let mut kid = Kid::start(|line| {
        let segment = draft(ctx, policy()).unwrap().publish().unwrap();
        line.ask("published");
        segment.detach();
    });
    assert_eq!(kid.line.hear().as_deref(), Some("published"));
    if killed {
        return kid.kill();
    }
    kid.line.say("go");
    assert_eq!(kid.end(), End::Exit(0));
}

fn owner_detaches(ctx: Ctx) {
    let mut owner = Kid::start(|line| {
        let segment = draft(ctx, Policy::Owner).unwrap().publish().unwrap();
        line.ask("published");
        segment.detach();
    });
    owner.line.hear();
    let mut others = [(); 2].map(|()| Holder::start(ctx, false));
    owner.line.say("go");
    assert_eq!(owner.end(), End::Exit(0));
    assert!(arena::names(ctx.name.as_str()).is_empty(), "others do not keep the name");
    for other in &mut others {
        assert_eq!(other.state(), (true, false));
    }
    // The name is free, and what the others do later is nothing to the next one.
    let mut next = Holder::start(ctx, true);
    others.into_iter().for_each(Holder::end);
    assert_eq!(next.state(), (true, true));
    next.end();
}

fn owner_is_killed(ctx: Ctx) {
    let mut owner = Kid::start(|line| {
        let _segment = draft(ctx, Policy::Owner).unwrap().publish().unwrap();
        line.ask("published");
    });
    owner.line.hear();
    let mut others = [(); 2].map(|()| Holder::start(ctx, false));
    owner.kill();
    assert_eq!(next_create(ctx), "Err(Exists)");
    for other in &mut others {
        assert_eq!(other.state(), (true, true));
    }
    others.into_iter().for_each(Holder::end);
    assert!(arena::names(ctx.name.as_str()).is_empty(), "as with the last detach");
    // Nobody else has it: an orphan, for the next one to remove.
    made_by_one_who_goes(ctx, || Policy::Owner, true);
    assert_eq!(arena::names(ctx.name.as_str()).len(), 1);
    assert_eq!(next_create(ctx), "Ok(())");
}

fn persist(ctx: Ctx) {
    made_by_one_who_goes(ctx, || Policy::Persist, true);
    assert_eq!(next_create(ctx), "Err(Exists)");
    prune_now();
    let seen = Kid::tell(|| {
        let seen = Segment::attach(&ctx.name, Access::Read, None).unwrap();
        is_sound(&seen).to_string()
    });
    assert_eq!(seen, "true");
    Kid::run(|_| unlink(&ctx.name).unwrap());
}

/// The producer is gone before the first consumer comes, and the last of them
/// leaves nothing.
fn handed_off(ctx: Ctx, killed: bool) {
    made_by_one_who_goes(ctx, || handoff(2, Duration::from_secs(600)), killed);
    let waits = || {
        assert_eq!(next_create(ctx), "Err(Exists)", "it waits to be taken over");
        Kid::run(|_| {
            prune(|name, result| {
                assert!(*name != ctx.name || result == Ok(Removal::Kept), "{result:?}");
                Ok(())
            })
            .unwrap();
        });
        assert_eq!(arena::names(ctx.name.as_str()).len(), 1);
    };
    waits();
    Holder::start(ctx, false).end();
    waits();
    let mut last = Holder::start(ctx, false);
    assert_eq!(next_create(ctx), "Err(Exists)");
    assert_eq!(last.state(), (true, true));
    last.end();
    assert!(arena::names(ctx.name.as_str()).is_empty(), "it was taken over");
}

/// Nobody comes: when its time is over it is as dead as any.
fn lapsed(ctx: Ctx, killed: bool) {
    let time = Duration::from_millis(300);
    made_by_one_who_goes(ctx, || handoff(2, time), killed);
    let expiry = Kid::tell(|| {
        let info = Info::peek(&ctx.name).unwrap();
        info.header().promises().expiry_ns().to_string()
    });
    let left = || expiry.parse::<u64>().unwrap().saturating_sub(boot_ns());
    assert!(left() <= 301_000_000);
    let next = next_create(ctx);
    // Where this machine was slow the time was over by then.
    assert!(next == "Err(Exists)" || left() == 0, "{next}");
    while left() > 0 {
        std::thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(next_create(ctx), "Ok(())");
}

fn boot_ns() -> u64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: there is room for the answer.
    unsafe { libc::clock_gettime(libc::CLOCK_BOOTTIME, &raw mut now) };
    now.tv_sec.cast_unsigned() * 1_000_000_000 + now.tv_nsec.cast_unsigned()
}

/// Never a name, never another length, and it goes with the last who has it.
fn anonymous() {
    Kid::run(|_| {
        let ctx = Ctx { name: arena::name("none"), via: Via::Auto };
        let all = || std::fs::read_dir("/dev/shm").unwrap().count();
        let before = all();
        let segment = crate::cases::make_anonymous(0o600).unwrap();
        let raw = segment.raw_fd().unwrap();
        for len in [0, 1, 1 << 20] {
            // SAFETY: takes no pointers.
            assert_eq!(unsafe { libc::ftruncate(raw, len) }, -1, "{len}");
        }
        let mut kid = Kid::start(|line| {
            let seen = Segment::attach_fd(raw, Access::Read).unwrap();
            line.ask("attached");
            line.say(&is_sound(&seen).to_string());
        });
        assert_eq!(kid.line.hear().as_deref(), Some("attached"));
        drop(segment);
        assert_eq!(kid.line.ask("go"), "true", "it outlives its creator");
        assert_eq!(kid.end(), End::Exit(0));
        assert!(all() == before || !arena::is_private());
        let frozen = crate::cases::make_anonymous(0o400).unwrap();
        let raw = frozen.raw_fd().unwrap();
        // SAFETY: the byte is readable.
        assert_eq!(unsafe { libc::pwrite(raw, [1_u8].as_ptr().cast(), 1, 0) }, -1);
        assert!(Segment::attach_fd(raw, Access::ReadWrite).is_err());
        // What anybody could shorten is refused.
        let named = crate::cases::publish(ctx).unwrap();
        let file = std::fs::File::open(ctx.name.path().to_str().unwrap()).unwrap();
        let refused = Segment::attach_fd(std::os::fd::AsRawFd::as_raw_fd(&file), Access::Read);
        assert_eq!(refused.unwrap_err(), Error::Unsealed);
        named.detach();
    });
}

//! Waiting for a creator that dies, at every call of it.

use core::time::Duration;

use ndshm::error::Error;
use ndshm::segment::{Access, Segment, Via};

use crate::arena;
use crate::cases::{Ctx, prune_now, publish};
use crate::kid::{End, Kid, alarm};
use crate::kill::ctx;
use crate::shim::{self, How};

#[test]
fn whoever_waits_for_one_who_dies_is_told_or_gets_the_next() {
    arena::enter("waiting", "4m");
}

/// The helper: the creator stops at a call, somebody waits, the creator is
/// killed; another creator comes for the one who found nothing to wait for.
pub(crate) fn sweep() {
    let ctx = ctx("wait", Via::ShmOpen);
    let (mut died, mut n) = (0, 1);
    while let Some(call) = stop_at(ctx, n) {
        let (mut creator, call) = call;
        alarm(60);
        let mut waiter = Kid::start(|line| {
            line.say("waiting");
            let wait = Some(Duration::from_secs(20));
            let seen = Segment::attach(&ctx.name, Access::Read, wait);
            line.say(&format!("{:?}", seen.map(drop)));
        });
        waiter.line.hear();
        std::thread::sleep(Duration::from_millis(u64::from(n % 3)));
        creator.signal(libc::SIGKILL);
        creator.stops();
        // Who waits for nothing gets the next one; it may need a moment to see that.
        while !waiter.line.is_speaking(5) {
            next_create_for(ctx, 20);
        }
        let told = waiter.line.hear().unwrap();
        assert!(["Ok(())", "Err(CreatorDied)"].contains(&told.as_str()), "{n} {call}: {told}");
        died += u32::from(told != "Ok(())");
        assert_eq!(waiter.end(), End::Exit(0));
        prune_now();
        assert!(arena::names(ctx.name.as_str()).is_empty(), "{n} {call}");
        n += 1;
    }
    println!("{died} of {} were told", n - 1);
    assert!(died > 1);
}

/// A creator that is stopped at its `n`th call, and the call.
fn stop_at(ctx: Ctx, n: u32) -> Option<(Kid, &'static str)> {
    let mut kid = Kid::start(|_| {
        shim::arm(How::Stop, n);
        let segment = publish(ctx).unwrap();
        shim::disarm();
        drop(segment);
    });
    kid.stops().then(|| (kid, shim::call(n)))
}

/// A segment that is there for some milliseconds, unless another is.
fn next_create_for(ctx: Ctx, ms: u64) {
    Kid::run(|_| {
        let segment = publish(ctx);
        std::thread::sleep(Duration::from_millis(ms));
        assert!(segment.is_ok() || segment.is_err_and(|error| error == Error::Exists));
    });
}

//! Killed at every call: what is left.

use crate::arena;
use crate::cases::{CASES, Case, Ctx, Holder, next_create, prune_now, set};
use crate::kid::{End, Kid, alarm};
use crate::shim::{self, How};
use crate::shm::BOTH;

#[test]
fn killed_at_any_call_it_leaves_nothing_in_the_way() {
    arena::enter("kill", "4m");
}

/// One operation, tampered with, and who has the segment after it.
pub(crate) struct Ran {
    pub(crate) end: End,
    /// What it reported: its result and what it leaked, if it lived.
    pub(crate) report: Option<String>,
    pub(crate) holders: Vec<Holder>,
}

/// Runs `case` in a child with `how` at its `n`th call.
pub(crate) fn run(case: &Case, ctx: Ctx, how: How, n: u32) -> Ran {
    let mut holders: Vec<_> = set(case.stage, ctx).into_iter().collect();
    let mut kid = Kid::start(|line| {
        let before = arena::leaks();
        shim::arm(how, n);
        let result = (case.act)(ctx, line).map(drop);
        shim::disarm();
        let leaked = arena::leaks() != before;
        line.say(&format!("{result:?} leaked: {leaked}"));
    });
    let mut report = kid.line.hear();
    while report.as_deref() == Some("join") {
        holders.push(Holder::start(ctx, false));
        kid.line.say("joined");
        report = kid.line.hear();
    }
    Ran { end: kid.end(), report, holders }
}

/// How many calls `case` makes when nothing is in its way.
pub(crate) fn count(case: &Case, ctx: Ctx) -> u32 {
    let ran = run(case, ctx, How::Count, 0);
    let calls = shim::seen();
    assert_eq!((ran.end, ran.report), (End::Exit(0), Some(clean(case))), "{}", case.name);
    for holder in ran.holders {
        holder.end();
    }
    assert!(calls > 0);
    calls
}

/// The report of an operation that nothing disturbed.
pub(crate) fn clean(case: &Case) -> String {
    format!("{:?} leaked: false", case.result)
}

/// Whoever has the segment still has it, the next create works, and one prune
/// leaves nothing.
pub(crate) fn check(case: &Case, ctx: Ctx, mut holders: Vec<Holder>, prune_first: bool, at: &str) {
    if prune_first {
        prune_now();
    }
    let unlinked = case.name.contains("unlink") && arena::names(ctx.name.as_str()).is_empty();
    for holder in &mut holders {
        assert_eq!(holder.state(), (true, !unlinked), "{at}: sound and current");
    }
    let free = holders.is_empty() || unlinked;
    let expected = if free { "Ok(())" } else { "Err(Exists)" };
    assert_eq!(next_create(ctx), expected, "{at}: the next create");
    for holder in holders {
        holder.end();
    }
    prune_now();
    assert!(arena::names(ctx.name.as_str()).is_empty(), "{at}: after a prune");
}

pub(crate) fn ctx(what: &str, via: ndshm::segment::Via) -> Ctx {
    Ctx { name: arena::name(what), via }
}

/// The helper: all operations, both ways to a name, every call.
pub(crate) fn sweep() {
    let mut killed = 0;
    for (case, via) in CASES.iter().flat_map(|case| BOTH.map(|via| (case, via))) {
        alarm(100);
        let ctx = ctx("kill", via);
        for n in 1..=count(case, ctx) {
            let both = [n % 2 == 0, n % 2 == 1];
            for prune_first in &both[..arena::rounds(1, 2) as usize] {
                let ran = run(case, ctx, How::Kill, n);
                let at = format!("{} {via:?} killed at {n}, {}", case.name, shim::call(n));
                assert_eq!(ran.end, End::Signal(libc::SIGKILL), "{at}");
                check(case, ctx, ran.holders, *prune_first, &at);
                killed += 1;
            }
        }
    }
    println!("{killed} killed");
    assert!(killed > 300);
}

//! Stopped at every call while another does something: two processes at every
//! point where they can meet.

use ndshm::error::Error;
use ndshm::segment::{Policy, Via, unlink};

use crate::arena;
use crate::cases::{CASES, Case, Ctx, Holder, Outcome, Stage, draft, prune_now, serve, set};
use crate::kid::{End, Kid, Line, alarm};
use crate::kill::ctx;
use crate::shim::{self, How};
use crate::shm::BOTH;

#[test]
fn stopped_at_any_call_it_neither_harms_another_nor_is_harmed() {
    arena::enter("interleave", "4m");
}

/// What the other one does meanwhile, and what it may be told.
const VISITORS: [(&str, &[&str]); 5] = [
    ("create over an orphan", &["Ok(())", "Err(Exists)", "Err(Busy)"]),
    ("attach and stay", &["Ok(())", "Err(NotFound)", "Err(NotReady)", "Err(Busy)"]),
    ("prune the dead", &["Ok(())", "Err(Busy)"]),
    ("attach for writing, detach", &["Ok(())", "Err(NotFound)", "Err(NotReady)", "Err(Busy)"]),
    (STEAL, &["Ok(())", "Err(Exists)", "Err(Busy)"]),
];

const STEAL: &str = "unlink, create and stay";

fn act(name: &str) -> fn(Ctx, &mut Line) -> Outcome {
    if name == STEAL {
        return steal;
    }
    let named = CASES.iter().find(|case| case.name == name);
    named.map_or(crate::cases::attach_and_stay, |case| case.act)
}

/// Takes the name away, whoever has the segment, and makes another of that name.
fn steal(ctx: Ctx, line: &mut Line) -> Outcome {
    match unlink(&ctx.name) {
        Ok(()) | Err(Error::NotFound) => act("create over an orphan")(ctx, line),
        Err(error) => Err(error),
    }
}

/// Says what came of it, and stays while it has the segment.
fn report(result: Outcome, line: &mut Line) {
    line.say(&format!("{:?}", result.as_ref().map(drop)));
    if let Ok(Some(segment)) = result {
        serve(segment, line);
    }
}

/// A process that did something, and what it was told.
struct Actor {
    told: String,
    kid: Kid,
}

impl Actor {
    /// Hears what it was told; whoever has a segment becomes a holder.
    fn settle(mut kid: Kid) -> Self {
        let told = kid.line.hear().expect("it died");
        Self { told, kid }
    }

    fn holder(mut self) -> Option<Holder> {
        if let Some(word) = self.kid.line.hear() {
            assert_eq!(word, "held");
            return Some(Holder(self.kid));
        }
        assert_eq!(self.kid.end(), End::Exit(0));
        None
    }
}

/// `case` is stopped at its `n`th call, `visitor` comes and goes, `case` goes on.
/// Whether it made so many calls.
fn meet(case: &Case, ctx: Ctx, n: u32, visitor: (&str, &[&str])) -> bool {
    let mut holders: Vec<_> = set(case.stage, ctx).into_iter().collect();
    let mut kid = Kid::start(|line| {
        shim::arm(How::Stop, n);
        let result = (case.act)(ctx, line);
        shim::disarm();
        if shim::seen() >= n {
            report(result, line);
        }
    });
    if !kid.stops() {
        holders.into_iter().for_each(Holder::end);
        prune_now();
        return false;
    }
    let at = format!("{} {:?} stopped at {n}, {}", case.name, ctx.via, shim::call(n));
    let guest = Actor::settle(Kid::start(|line| {
        shim::hurry();
        let result = act(visitor.0)(ctx, line);
        report(result, line);
    }));
    kid.signal(libc::SIGCONT);
    let host = Actor::settle(kid);
    let at = format!("{at}: {}; {}: {}", host.told, visitor.0, guest.told);
    judge(case, visitor, &host.told, &guest.told, &at);
    holders.extend(host.holder());
    let may_lose = case.name.contains("unlink") || visitor.0 == STEAL;
    for holder in &mut holders {
        let (sound, current) = holder.state();
        assert!(sound && (current || may_lose), "{at}: {sound} {current}");
    }
    let mut guest = guest.holder();
    for (sound, current) in guest.iter_mut().map(Holder::state) {
        assert!(sound && (current || case.name.contains("unlink")), "{at}: {sound} {current}");
    }
    holders.extend(guest);
    holders.into_iter().for_each(Holder::end);
    prune_now();
    assert!(arena::names(ctx.name.as_str()).is_empty(), "{at}: after a prune");
    true
}

/// Whether both were told what they may be told.
fn judge(case: &Case, visitor: (&str, &[&str]), host: &str, guest: &str, at: &str) {
    // A draft that was dropped is as one whose creator has died.
    let given_up = case.stage == Stage::Unready || case.name == "create, drop";
    assert!(visitor.1.contains(&guest) || given_up && guest == "Err(CreatorDied)", "{at}");
    let expected = format!("{:?}", case.result);
    let others = ["Ok(())", "Err(Exists)", "Err(NotFound)", "Err(NotReady)", "Err(CreatorDied)"];
    assert!(host == expected || others.contains(&host), "{at}");
    if visitor.0 == "create over an orphan" {
        judge_creators(case, host, guest, at);
    }
}

/// A name that is free is got by exactly one, and never refused for nobody.
fn judge_creators(case: &Case, host: &str, guest: &str, at: &str) {
    let both_hold = case.name.starts_with("create over");
    let won = u32::from(host == "Ok(())") + u32::from(guest == "Ok(())");
    assert!(!both_hold || won == 1, "{at}: {won} of two won");
    let nobody = case.name.starts_with("prune the") && case.stage != Stage::Held;
    assert!(!nobody || guest != "Err(Exists)", "{at}: nobody has it");
}

/// One who prunes is stopped while somebody is making a segment that is to stay;
/// when he goes on it is ready, and nobody has it.
fn meet_a_maker(n: u32) -> bool {
    let ctx = ctx("maker", Via::ShmOpen);
    let mut maker = Kid::start(|line| {
        let draft = draft(ctx, Policy::Persist).unwrap();
        line.ask("made");
        draft.publish().unwrap().detach();
    });
    assert_eq!(maker.line.hear().as_deref(), Some("made"));
    let mut pruner = Kid::start(|line| {
        shim::arm(How::Stop, n);
        drop(act("prune the dead")(ctx, line));
    });
    let stopped = pruner.stops();
    maker.line.say("go");
    // Whoever is stopped with the lock that it needs does not harm it either.
    assert_eq!(maker.end(), End::Exit(0));
    pruner.signal(libc::SIGCONT);
    assert!(!stopped || pruner.end() == End::Exit(0));
    assert_eq!(arena::names(ctx.name.as_str()).len(), 1, "{n}, {}: it was to stay", shim::call(n));
    Kid::run(|_| unlink(&ctx.name).unwrap());
    stopped
}

/// The helper: all operations, stopped at each call, and a visitor of each
/// kind in turn or, in the long form, all of them.
pub(crate) fn sweep() {
    let mut met = 0;
    while meet_a_maker(met + 1) {
        met += 1;
    }
    for (case, via) in CASES.iter().flat_map(|case| BOTH.map(|via| (case, via))) {
        alarm(100);
        let ctx = ctx("meet", via);
        if case.name.contains("be joined") {
            continue;
        }
        for (n, turn) in (1..).flat_map(|n| (0..arena::rounds(1, 5)).map(move |turn| (n, turn))) {
            if !meet(case, ctx, n, VISITORS[((n + turn) % 5) as usize]) {
                break;
            }
            met += 1;
        }
    }
    println!("{met} met");
    assert!(met > 300);
}

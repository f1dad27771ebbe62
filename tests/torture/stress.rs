//! Many at once, dying, stopping and going on at random.

use core::sync::atomic::{AtomicU64, Ordering::SeqCst};
use core::time::Duration;
use std::time::Instant;

use ndshm::error::Error;
use ndshm::segment::{Access, Name, Policy, Segment, Via, prune};

use crate::arena;
use crate::cases::{Ctx, Stage, draft, is_sound, prune_now, publish, set};
use crate::kid::{End, Kid, alarm, shared_words};
use crate::shm::BOTH;

#[test]
fn sixty_four_that_die_and_stop_take_nothing_from_the_living() {
    arena::enter("storm", "64m");
}

#[test]
fn of_two_reapers_exactly_one_wins() {
    arena::enter("duel", "4m");
}

/// Numbers that look random, the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        (self.0 >> 33) % sides
    }
}

const HERD: usize = 64;
/// Few names, so that many meet at each. Segments of the last one have an owner.
const NAMES: u64 = 12;

fn rival(dice: &mut Dice) -> (Ctx, Policy) {
    let n = dice.roll(NAMES);
    let name = arena::name(&format!("storm.{n}"));
    let policy = if n + 1 == NAMES { Policy::Owner } else { Policy::LastDetach };
    (Ctx { name, via: BOTH[dice.roll(2) as usize] }, policy)
}

/// One of the herd: makes, attaches and prunes until it dies.
fn live(mut dice: Dice, counts: &[AtomicU64]) {
    loop {
        alarm(30);
        let (ctx, policy) = rival(&mut dice);
        let what = dice.roll(10);
        let result = match what {
            0..3 => draft(ctx, policy).and_then(|draft| Ok(draft.publish()?)).map(Some),
            3..9 => {
                let access = if dice.roll(2) == 0 { Access::Read } else { Access::ReadWrite };
                let wait = Duration::from_millis(dice.roll(3) * 10);
                Segment::attach(&ctx.name, access, Some(wait)).map(Some)
            }
            _ => prune(|_, _| Ok(())).map(|()| None),
        };
        match result {
            Ok(Some(segment)) => {
                counts[usize::from(what >= 3)].fetch_add(1, SeqCst);
                keep(&segment, policy, &mut dice);
            }
            Ok(None) => {}
            Err(error) => assert!(is_fair(what < 3, error), "{what}: {error:?}"),
        }
    }
}

/// Has a segment for a while: the data stays whole, the name leads to it.
fn keep(segment: &Segment, policy: Policy, dice: &mut Dice) {
    for _ in 0..=dice.roll(3) {
        assert!(is_sound(segment), "data of another generation");
        assert!(policy == Policy::Owner || segment.is_current(), "a live name was removed");
        std::thread::sleep(Duration::from_micros(dice.roll(200)));
    }
    if dice.roll(8) == 0 {
        // SAFETY: takes no pointers.
        unsafe { libc::_exit(0) }; // another way to die
    }
}

/// Whether an error is one that the others can cause.
fn is_fair(creating: bool, error: Error) -> bool {
    match error {
        Error::Busy => true,
        Error::Exists => creating,
        Error::NotFound | Error::NotReady | Error::CreatorDied => !creating,
        _ => false,
    }
}

/// The helper: a herd, and the one that hunts it.
pub(crate) fn storm() {
    let counts = shared_words(2);
    let mut dice = Dice(7);
    let mut born = 0;
    let mut bear = || {
        born += 1;
        Kid::start(|_| live(Dice(born), counts))
    };
    let mut herd: Vec<_> = (0..HERD).map(|_| bear()).collect();
    let end = Instant::now() + arena::storm(Duration::from_millis(1500));
    while Instant::now() < end {
        alarm(60);
        let one = &herd[dice.roll(HERD as u64) as usize];
        match dice.roll(8) {
            0 => herd.iter().for_each(|kid| kid.signal(libc::SIGCONT)),
            1..4 => one.signal(libc::SIGSTOP),
            _ => one.signal(libc::SIGKILL),
        }
        std::thread::sleep(Duration::from_micros(dice.roll(1000)));
        for kid in &mut herd {
            if let Some(end) = kid.ended() {
                assert!(matches!(end, End::Signal(libc::SIGKILL) | End::Exit(0)), "{end:?}");
                *kid = bear();
            }
        }
    }
    for kid in herd {
        kid.signal(libc::SIGKILL);
        let end = kid.end();
        assert!(matches!(end, End::Signal(libc::SIGKILL) | End::Exit(0)), "{end:?}");
    }
    prune_now();
    assert!(arena::left("storm").is_empty(), "{:?}", arena::left("storm"));
    let [made, attached] = [0, 1].map(|i| counts[i].load(SeqCst));
    println!("{born} born, {made} made, {attached} attached");
    assert!(made > 50 && attached > 50);
}

/// Where a duel takes place.
struct Ring<'a> {
    name: Name,
    gate: &'a AtomicU64,
    /// What everybody was told in this round: 0 for a segment, else the error's code.
    told: &'a [AtomicU64],
    /// What is under the name when a round begins: nothing, or a dead segment.
    images: [Option<Vec<u8>>; 3],
}

const DUELLISTS: u64 = 4;
const CREATORS: [usize; 2] = [0, 1];
const ATTACHER: usize = 2;

impl Ring<'_> {
    /// Waits until all are here.
    fn meet(&self, passed: &mut u64) {
        *passed += DUELLISTS;
        self.gate.fetch_add(1, SeqCst);
        while self.gate.load(SeqCst) < *passed {
            std::thread::yield_now();
        }
    }

    fn act(&self, me: usize, round: usize) -> Result<Segment, Error> {
        match me {
            ATTACHER => Segment::attach(&self.name, Access::Read, None),
            _ if CREATORS.contains(&me) => {
                publish(Ctx { name: self.name, via: BOTH[(round / 3 + me * (round / 6)) % 2] })
            }
            _ => prune(|_, result| result.map(drop)).and(Err(Error::NotFound)),
        }
    }

    fn fight(&self, me: usize, rounds: u32) {
        let mut passed = 0;
        for round in 0..rounds as usize {
            alarm(30);
            if let (0, Some(image)) = (me, &self.images[round % 3]) {
                std::fs::write(self.name.path().to_str().unwrap(), image).unwrap();
            }
            self.meet(&mut passed);
            let mine = self.act(me, round);
            let told = mine.as_ref().map_or_else(|error| error.code().unsigned_abs(), |_| 0);
            self.told[me].store(u64::from(told), SeqCst);
            self.meet(&mut passed);
            self.judge(round);
            if let Ok(segment) = &mine {
                assert!(is_sound(segment) && segment.is_current(), "{round}");
            }
            self.meet(&mut passed);
            drop(mine);
            self.meet(&mut passed);
            let left = me == 0 && std::fs::exists(self.name.path().to_str().unwrap()).unwrap();
            assert!(!left, "{round}: the last detach left the name");
        }
    }

    /// One creator wins, and the other learns that it exists; both do only if
    /// somebody attached the dead segment before they could remove it.
    fn judge(&self, round: usize) {
        let told = |who: usize| self.told[who].load(SeqCst);
        let creators = CREATORS.map(told);
        let won = creators.iter().filter(|told| **told == 0).count();
        let exists = u64::from(Error::Exists.code().unsigned_abs());
        assert!(creators.iter().all(|told| *told == 0 || *told == exists), "{round}: {creators:?}");
        let died = u64::from(Error::CreatorDied.code().unsigned_abs());
        let attached = told(ATTACHER) == 0 || told(ATTACHER) == died;
        assert!(won == 1 || won == 0 && attached, "{round}: {creators:?}, {}", told(ATTACHER));
    }
}

/// The helper: two creators, one who attaches and one who prunes, all at once,
/// for one name that is free or that of a dead segment.
pub(crate) fn duel() {
    let name = arena::name("duel");
    let ctx = Ctx { name, via: Via::Auto };
    set(Stage::Orphan, ctx);
    let image = std::fs::read(name.path().to_str().unwrap()).unwrap();
    let words = shared_words(1 + DUELLISTS as usize);
    let images = [None, Some(vec![0; image.len()]), Some(image)];
    let ring = Ring { name, gate: &words[0], told: &words[1..], images };
    let rounds = arena::rounds(500, 100_000);
    let kids: Vec<_> =
        (0..DUELLISTS as usize).map(|me| Kid::start(|_| ring.fight(me, rounds))).collect();
    for kid in kids {
        assert_eq!(kid.end(), End::Exit(0));
    }
}

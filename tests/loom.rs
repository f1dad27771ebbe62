//! The state of a segment under every order of its creator's and its waiters'
//! steps, as far as loom tells them apart, with the creator dying between any
//! two of its steps:
//!
//!     RUSTFLAGS='--cfg loom' cargo test --test loom --no-default-features --features std
//!
//! and a segment that is handed on, under every order of promises, claims and last steps.
//!
//! What runs is the product's own code, `src/segment/ready.rs` and `src/layout/promises.rs`. Modelled are the
//! state word with the product's orderings (`sys/word.rs`), the data behind it, the
//! kernel's lock of the writer, and the futex.

#![cfg(loom)]
#![allow(clippy::unwrap_used, reason = "a test may fail")]

#[allow(dead_code, unreachable_pub, reason = "a module of the crate, of which not all is modelled")]
#[path = "../src/layout/promises.rs"]
mod promises;
#[path = "../src/segment/ready.rs"]
mod ready;

use core::cell::Cell;
use core::convert::Infallible;

use loom::model::Builder;
use loom::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};
use loom::sync::{Arc, Condvar, Mutex};
use loom::thread;
use promises::Promises;
use ready::{Creator, Outcome, Waiter};

/// What becomes of a sleep that nobody ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sleep {
    /// Its slice has ended already.
    Short,
    /// Its slice ends when the creator has died.
    Long,
    /// It never ends, so that loom finds a wake-up that is missing.
    Forever,
}

#[derive(Default)]
struct Bucket {
    slices_have_ended: bool,
}

/// One segment, as the creator and its waiters see it.
struct Segment {
    /// Loads and stores of it are relaxed: only the state orders them.
    data: AtomicU32,
    state: AtomicU32,
    /// The kernel's lock; it orders memory, as every system call on it does.
    writer: Mutex<bool>,
    /// The futex's bucket: who is about to sleep looks at the word under it.
    bucket: Mutex<Bucket>,
    sleepers: Condvar,
    sleep: Sleep,
}

impl Segment {
    fn new(sleep: Sleep) -> Arc<Self> {
        Arc::new(Self {
            data: AtomicU32::new(0),
            state: AtomicU32::new(0),
            // A name with a size has its writer: it is locked before it is sized.
            writer: Mutex::new(true),
            bucket: Mutex::new(Bucket::default()),
            sleepers: Condvar::new(),
            sleep,
        })
    }

    fn write_data(&self) {
        self.data.store(42, Ordering::Relaxed);
    }

    fn read_data(&self) -> u32 {
        self.data.load(Ordering::Relaxed)
    }

    fn release_lock(&self) {
        *self.writer.lock().unwrap() = false;
    }

    /// What the clock does some time after the creator's death.
    fn end_slices(&self) {
        self.bucket.lock().unwrap().slices_have_ended = true;
        self.sleepers.notify_all();
    }
}

impl Creator for Segment {
    type Error = Infallible;

    fn set_ready(&self) {
        self.state.store(1, Ordering::Release);
    }

    fn wake(&self) {
        let _bucket = self.bucket.lock().unwrap();
        self.sleepers.notify_all();
    }

    fn let_go(&self) -> Result<(), Infallible> {
        self.release_lock();
        Ok(())
    }
}

/// A creator that is killed after some steps, which the kernel completes by
/// releasing its lock.
struct Mortal<'a> {
    segment: &'a Segment,
    steps: Cell<u32>,
}

impl Mortal<'_> {
    fn step(&self, act: impl FnOnce()) {
        if let Some(left) = self.steps.get().checked_sub(1) {
            self.steps.set(left);
            act();
        }
    }

    fn run(&self) {
        self.step(|| self.segment.write_data());
        let Ok(()) = ready::announce(self);
        self.segment.release_lock();
        if self.segment.sleep == Sleep::Long {
            self.segment.end_slices();
        }
    }
}

impl Creator for Mortal<'_> {
    type Error = Infallible;

    fn set_ready(&self) {
        self.step(|| self.segment.set_ready());
    }

    fn wake(&self) {
        self.step(|| self.segment.wake());
    }

    fn let_go(&self) -> Result<(), Infallible> {
        self.step(|| self.segment.release_lock());
        Ok(())
    }
}

/// Steps of a creator: data, state, wake, lock.
const STEPS: u32 = 4;
/// Those after which the data is complete.
const COMPLETE: u32 = 2;

/// An attacher; it gives up after some sleeps.
struct Patient<'a> {
    segment: &'a Segment,
    sleeps: Cell<u64>,
}

impl Waiter for Patient<'_> {
    type Error = Infallible;

    fn is_initializing(&self) -> bool {
        let state = self.segment.state.load(Ordering::Relaxed);
        fence(Ordering::Acquire);
        state == 0
    }

    fn has_writer(&self) -> Result<bool, Infallible> {
        Ok(*self.segment.writer.lock().unwrap())
    }

    fn left_ns(&self) -> u64 {
        self.sleeps.get()
    }

    fn sleep(&self, ns: u64) {
        assert!(ns > 0 && ns <= self.sleeps.get());
        if self.sleeps.get() < u64::MAX {
            self.sleeps.set(self.sleeps.get() - 1);
        }
        let bucket = self.segment.bucket.lock().unwrap();
        if self.segment.state.load(Ordering::Relaxed) != 0 {
            return;
        }
        if self.segment.sleep == Sleep::Short {
            drop(bucket);
            thread::yield_now();
        } else if !bucket.slices_have_ended {
            drop(self.segment.sleepers.wait(bucket).unwrap());
        }
    }
}

/// Waits, and looks at the data if it is ready.
fn attach(segment: &Segment, sleeps: u64) -> Outcome {
    let Ok(outcome) = ready::wait(&Patient { segment, sleeps: Cell::new(sleeps) });
    if outcome == Outcome::Ready {
        assert_eq!(segment.read_data(), 42);
    }
    outcome
}

/// Tries every order of a creator that makes `steps` steps and `waiters`.
fn model(steps: u32, waiters: usize, sleeps: u64, sleep: Sleep, allowed: &'static [Outcome]) {
    let mut builder = Builder::new();
    // Every order for one waiter; for two, those with at most four forced switches.
    builder.preemption_bound = (waiters > 1).then_some(4);
    builder.check(move || {
        let segment = Segment::new(sleep);
        let others: Vec<_> = (0..waiters)
            .map(|_| {
                let segment = Arc::clone(&segment);
                thread::spawn(move || attach(&segment, sleeps))
            })
            .collect();
        Mortal { segment: &segment, steps: Cell::new(steps) }.run();
        for other in others {
            let outcome = other.join().unwrap();
            assert!(allowed.contains(&outcome), "{outcome:?} after {steps} steps");
        }
    });
}

#[test]
fn whoever_is_told_ready_sees_the_data() {
    for waiters in 1..=2 {
        model(STEPS, waiters, u64::MAX, Sleep::Long, &[Outcome::Ready]);
    }
}

/// No slice ends here: only the creator's wake does.
#[test]
fn no_wake_up_is_lost() {
    for waiters in 1..=2 {
        model(STEPS, waiters, u64::MAX, Sleep::Forever, &[Outcome::Ready]);
    }
}

#[test]
fn a_death_is_told_from_a_completion_after_every_step() {
    for steps in 0..STEPS {
        let right: &[_] = if steps < COMPLETE { &[Outcome::Abandoned] } else { &[Outcome::Ready] };
        for waiters in 1..=2 {
            model(steps, waiters, u64::MAX, Sleep::Long, right);
        }
    }
}

#[test]
fn patience_ends_and_never_tells_a_lie() {
    for sleeps in 0..3 {
        for steps in 0..=STEPS {
            let right: &[_] = match steps {
                0..COMPLETE => &[Outcome::Abandoned, Outcome::TimedOut],
                _ => &[Outcome::Ready, Outcome::TimedOut],
            };
            model(steps, 1, sleeps, Sleep::Short, right);
        }
    }
}

/// The model can fail: a creator that forgets to wake leaves a waiter asleep.
/// A deadlock ends the process, so this is the ignored test in a process of its own.
#[test]
fn a_wake_up_that_is_missing_is_a_deadlock() {
    let mut again = std::process::Command::new(std::env::current_exe().unwrap());
    let ran = again.args(["--ignored", "--exact", "without_a_wake_up"]).output().unwrap();
    let said = String::from_utf8_lossy(&ran.stdout).into_owned();
    let said = said + &String::from_utf8_lossy(&ran.stderr);
    assert!(!ran.status.success() && said.contains("deadlock"), "{said}");
}

#[test]
#[ignore = "is to fail"]
fn without_a_wake_up() {
    model(COMPLETE, 1, u64::MAX, Sleep::Forever, &[Outcome::Ready]);
}

/// A segment that is sent: the word of its promises, and the kernel's lock with the name.
struct Sent {
    promises: AtomicU64,
    kernel: Mutex<Kernel>,
}

struct Kernel {
    holders: u32,
    has_name: bool,
}

impl Sent {
    fn new() -> Arc<Self> {
        let kernel = Mutex::new(Kernel { holders: 1, has_name: true });
        Arc::new(Self { promises: AtomicU64::new(0), kernel })
    }

    /// What `Map::update_u64` does.
    fn update(&self, change: impl FnMut(u64) -> Option<u64>) {
        let _ = self.promises.fetch_update(Ordering::AcqRel, Ordering::Acquire, change);
    }

    fn promise(&self) {
        self.update(|word| Promises::of_word(word).and(1, 0, 0).map(Promises::word));
    }

    /// Takes the lock, if the name is there, then claims if `alive`.
    fn attach(&self, alive: bool) -> bool {
        let mut kernel = self.kernel.lock().unwrap();
        if !kernel.has_name {
            return false;
        }
        kernel.holders += 1;
        drop(kernel);
        if alive {
            self.update(|word| Promises::of_word(word).claimed().map(Promises::word));
        }
        true
    }

    /// Gives the lock up, and then, if `alive`, does the last step.
    fn detach(&self, alive: bool) {
        self.kernel.lock().unwrap().holders -= 1;
        if alive {
            let mut kernel = self.kernel.lock().unwrap();
            let word = Promises::of_word(self.promises.load(Ordering::Relaxed));
            if kernel.holders == 0 && word.outstanding(0) == 0 {
                kernel.has_name = false;
            }
        }
    }
}

/// Two receivers get a message each; the first one hands it on to a third. Those orders with
/// at most three forced switches.
#[test]
fn whoever_was_promised_a_segment_finds_it() {
    for deaths in 0..4 {
        let mut builder = Builder::new();
        builder.preemption_bound = Some(3);
        builder.check(move || {
            let sent = Sent::new();
            sent.promise();
            sent.promise();
            let alive = [deaths & 1 == 0, deaths & 2 == 0];
            let first = Arc::clone(&sent);
            let first = thread::spawn(move || {
                assert!(first.attach(alive[0]));
                first.promise();
                first.detach(alive[0]);
                assert!(first.attach(true), "the third");
                first.detach(true);
            });
            let second = Arc::clone(&sent);
            let second = thread::spawn(move || {
                assert!(second.attach(alive[1]));
                second.detach(alive[1]);
            });
            sent.detach(true);
            first.join().unwrap();
            second.join().unwrap();
            let left = Promises::of_word(sent.promises.load(Ordering::Relaxed)).outstanding(0);
            assert_eq!(left, (0..2).filter(|&n| !alive[n]).count() as u32);
            // Who was killed as the last leaves an orphan; who claimed everything, nothing.
            assert_eq!(sent.kernel.lock().unwrap().has_name, left > 0);
        });
    }
}

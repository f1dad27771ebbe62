//! From "being written" to "ready": what a creator does last, in which order,
//! and how attachers wait for it.
//!
//! For `attach` and `draft`, which put the kernel behind it. Knows neither
//! memory nor locks, only what may be asked of them, so that a model checker can
//! try every order of the steps, and a death between any two of them: see
//! `tests/loom.rs`, which includes this file. Imports nothing for that reason.

/// Longest time between two questions whether the creator is alive. Its death
/// wakes nobody, so this is how late it may be noticed.
const SLICE_NS: u64 = 100_000_000;

/// What the creator of a segment that has a name already can do.
pub(super) trait Creator {
    /// Why a step may fail.
    type Error;

    /// Sets the state to ready, after everything written before.
    fn set_ready(&self);

    /// Wakes everybody who sleeps on the state.
    fn wake(&self);

    /// Gives up the writer's lock, which the kernel does for a dead creator.
    fn let_go(&self) -> Result<(), Self::Error>;
}

/// Ends the writing. The lock goes last: who finds the state not ready and
/// nobody writing may then say that the creator is dead.
pub(super) fn announce<C: Creator>(creator: &C) -> Result<(), C::Error> {
    creator.set_ready();
    creator.wake();
    creator.let_go()
}

/// What an attacher can ask about a segment.
pub(super) trait Waiter {
    /// Why a question may fail.
    type Error;

    /// Whether the state says that the data is being written. If not, what was
    /// written before the state is visible afterwards.
    fn is_initializing(&self) -> bool;

    /// Whether somebody has the writer's lock.
    fn has_writer(&self) -> Result<bool, Self::Error>;

    /// Nanoseconds until the waiter gives up.
    fn left_ns(&self) -> u64;

    /// Sleeps until woken, but at most `ns`, and not at all if the state has
    /// changed. May return early.
    fn sleep(&self, ns: u64);
}

/// How waiting ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The state is no longer "being written".
    Ready,
    /// It is, and nobody will ever change it.
    Abandoned,
    /// It is, its creator is alive, and there is no time left.
    TimedOut,
}

/// Waits until the creator is ready or dead, or there is no time left.
pub(super) fn wait<W: Waiter>(waiter: &W) -> Result<Outcome, W::Error> {
    while waiter.is_initializing() {
        if !waiter.has_writer()? {
            // It is ready before the creator lets go, so look once more.
            let died = waiter.is_initializing();
            return Ok(if died { Outcome::Abandoned } else { Outcome::Ready });
        }
        let left = waiter.left_ns();
        if left == 0 {
            return Ok(Outcome::TimedOut);
        }
        waiter.sleep(left.min(SLICE_NS));
    }
    Ok(Outcome::Ready)
}

//! Stopping a job from outside.

use core::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;

use crate::error::Result;
use crate::sys::Bell;

/// Stops a job from another thread or from a signal handler. Clones stop the
/// same job; one that outlives it does nothing.
#[derive(Debug, Clone)]
pub struct Canceller(Arc<Signal>);

#[derive(Debug)]
struct Signal {
    flag: AtomicBool,
    bell: Bell,
}

impl Canceller {
    pub(crate) fn new() -> Result<Self> {
        Ok(Self(Arc::new(Signal { flag: AtomicBool::new(false), bell: Bell::new()? })))
    }

    /// One for a job that never waits, whose descriptor can always be read.
    #[cfg(feature = "hdf5")]
    pub(crate) fn always_ready() -> Result<Self> {
        let made = Self::new()?;
        made.0.bell.ring();
        Ok(made)
    }

    /// The descriptor of its bell, which stays its own.
    #[cfg(feature = "hdf5")]
    pub(crate) fn raw_fd(&self) -> i32 {
        self.0.bell.raw()
    }

    /// Asks the job to stop: its next step, or the one that is waiting now, answers
    /// [`LoadError::Cancelled`](super::LoadError::Cancelled). Async-signal-safe.
    pub fn cancel(&self) {
        self.0.flag.store(true, Ordering::Release);
        self.0.bell.ring();
    }

    /// Whether somebody has asked.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.flag.load(Ordering::Acquire)
    }

    /// What rings when somebody asks, or when the job itself has work to do.
    pub(crate) fn bell(&self) -> &Bell {
        &self.0.bell
    }
}

/// The flags that may stop a step: the job's own and that of its caller.
#[derive(Debug, Clone)]
pub(super) struct Stop<'a> {
    own: Canceller,
    callers: Option<&'a AtomicBool>,
}

impl<'a> Stop<'a> {
    pub(super) const fn new(own: Canceller, callers: Option<&'a AtomicBool>) -> Self {
        Self { own, callers }
    }

    pub(super) fn is_set(&self) -> bool {
        self.own.is_cancelled() || self.callers.is_some_and(|flag| flag.load(Ordering::Relaxed))
    }
}

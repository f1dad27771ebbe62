//! Waiting, but not for ever.

use core::cell::Cell;
use core::time::Duration;

use crate::sys;

const FIRST_PAUSE_NS: u64 = 50_000;
const LAST_PAUSE_NS: u64 = 5_000_000;

/// A moment on the boot clock, and pauses that grow until it comes.
#[derive(Debug)]
pub struct Deadline {
    end_ns: u64,
    pause_ns: Cell<u64>,
}

impl Deadline {
    /// The moment in `timeout` from now.
    #[must_use]
    pub fn after(timeout: Duration) -> Self {
        let ns = u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX);
        Self { end_ns: sys::boot_ns().saturating_add(ns), pause_ns: Cell::new(FIRST_PAUSE_NS) }
    }

    /// Nanoseconds left, 0 when it has come.
    #[must_use]
    pub fn left_ns(&self) -> u64 {
        self.end_ns.saturating_sub(sys::boot_ns())
    }

    /// Sleeps a little; `false`, at once, when the moment has come.
    #[must_use]
    pub fn pause(&self) -> bool {
        let left = self.left_ns();
        if left == 0 {
            return false;
        }
        let pause = self.pause_ns.get();
        sys::sleep_ns(pause.min(left));
        self.pause_ns.set(pause.saturating_mul(2).min(LAST_PAUSE_NS));
        true
    }
}

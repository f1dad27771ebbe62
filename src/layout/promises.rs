//! What keeps a name although nobody has the segment: promises that it will be attached.
//!
//! For `segment`, which keeps them in a word of the header, and for whoever decides whether
//! a name may go. One word, so that a promise and a claim are one atomic step each, and a
//! kill between any two steps finds all of a promise or nothing of it. Imports nothing, so
//! that a model checker can try every order of the steps: see `tests/loom.rs`.

/// Bits of the moment, in milliseconds of the boot clock: 34 years.
const MOMENT_BITS: u32 = 40;
/// Of a moment that never comes.
const NEVER: u64 = (1 << MOMENT_BITS) - 1;
const NS_PER_MS: u64 = 1_000_000;

/// Attaches that are promised and not claimed yet, and when the promises lapse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Promises(u64);

impl Promises {
    /// Most that can be outstanding.
    pub const MAX: u32 = (1 << (64 - MOMENT_BITS)) - 1;

    /// Those that the header's word says.
    #[must_use]
    pub const fn of_word(word: u64) -> Self {
        Self(word)
    }

    /// The word: the number in the upper 24 bits, the moment in the lower 40.
    #[must_use]
    pub const fn word(self) -> u64 {
        self.0
    }

    /// How many are outstanding at this moment of the boot clock.
    #[must_use]
    pub const fn outstanding(self, now_boot_ns: u64) -> u32 {
        if self.is_over(now_boot_ns) { 0 } else { (self.0 >> MOMENT_BITS) as u32 }
    }

    /// When they lapse, in nanoseconds of the boot clock; 0 for never, or without promises.
    #[must_use]
    pub const fn expiry_ns(self) -> u64 {
        match self.0 & NEVER {
            NEVER => 0,
            moment => moment * NS_PER_MS,
        }
    }

    const fn is_over(self, now_boot_ns: u64) -> bool {
        let moment = self.0 & NEVER;
        moment != NEVER && moment * NS_PER_MS <= now_boot_ns
    }

    /// These and `more`, for `within_ns` from now, 0 for ever. What has lapsed counts no
    /// more; what has not waits as long as the new ones do, if that is longer. None if
    /// there would be more than [`MAX`](Self::MAX).
    #[must_use]
    pub const fn and(self, more: u32, within_ns: u64, now_boot_ns: u64) -> Option<Self> {
        let count = self.outstanding(now_boot_ns) as u64 + more as u64;
        if count > Self::MAX as u64 {
            return None;
        }
        let end = now_boot_ns.saturating_add(within_ns).div_ceil(NS_PER_MS);
        let new = if within_ns == 0 || end > NEVER { NEVER } else { end };
        let old = if count == more as u64 { 0 } else { self.0 & NEVER };
        Some(Self(count << MOMENT_BITS | if old > new { old } else { new }))
    }

    /// One less; none if there is none. The moment stays, so that the word is 0 only before
    /// the first promise.
    #[must_use]
    pub const fn claimed(self) -> Option<Self> {
        match self.0.checked_sub(1 << MOMENT_BITS) {
            Some(word) => Some(Self(word)),
            None => None,
        }
    }
}

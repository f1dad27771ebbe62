//! What a creator asks for.

use core::time::Duration;

use super::growable::Home;
use super::{Policy, Via};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::layout::{Array, Promises};

/// How long a segment waits to be taken over, if nothing else is said.
pub const HANDOFF_TIMEOUT: Duration = Duration::from_secs(600);

/// The policy of a segment that waits to be taken over: nobody needs to have it
/// until it was attached `attaches` times, or for as long as `within` after it was
/// published. [`Duration::MAX`] is for ever.
#[must_use]
pub const fn handoff(attaches: u32, within: Duration) -> Policy {
    Policy::Handoff { attaches, within_ns: wait_ns(within) }
}

/// A time to wait in nanoseconds, 0 for ever.
pub(super) const fn wait_ns(within: Duration) -> u64 {
    match within.as_nanos() {
        0 => 1, // 0 would be for ever
        ns if ns > u64::MAX as u128 => 0,
        ns => ns as u64,
    }
}

/// What a segment is to be. Make it with [`Spec::new`] and change the rest.
#[derive(Debug, Clone, Copy)]
pub struct Spec<'a> {
    /// Type of the elements.
    pub dtype: DType<'a>,
    /// Extents, slowest first; none for a single element.
    pub shape: &'a [u64],
    /// Steps in bytes; `None` for C order.
    pub strides: Option<&'a [i64]>,
    /// Bytes of the creator's own: units, labels, attributes.
    pub metadata: &'a [u8],
    /// When the name goes. The time of a [`handoff`] begins when the segment is
    /// published, however long that takes, so one policy does for many segments.
    pub policy: Policy,
    /// Permission bits, whatever the umask. Without any for writing, nobody
    /// writes to the segment once it is published: a named one cannot be attached
    /// for writing (but by root), and the bytes of an anonymous one are sealed.
    pub mode: u32,
    /// How the segment gets its name.
    pub via: Via,
    /// Of a segment that gets its name late: where shared memory is too small, it goes on as
    /// an anonymous one, which never gets a name, also in the middle of a growth. What
    /// is there is moved. The policy is [`Policy::LastDetach`] then.
    pub fallback: bool,
}

impl<'a> Spec<'a> {
    /// An array in C order that goes with the last detach, open to its owner only.
    #[must_use]
    pub const fn new(dtype: DType<'a>, shape: &'a [u64]) -> Self {
        Self {
            dtype,
            shape,
            strides: None,
            metadata: &[],
            policy: Policy::LastDetach,
            mode: 0o600,
            via: Via::Auto,
            fallback: false,
        }
    }

    pub(super) const fn array(&self) -> Array<'a> {
        Array {
            dtype: self.dtype,
            shape: self.shape,
            strides: self.strides,
            metadata: self.metadata,
        }
    }

    /// The policy, if a segment with such a name can have it.
    pub(super) fn policy(&self, home: Home<'_>) -> Result<Policy> {
        let possible = match (home, self.policy) {
            (Home::Late, policy) if self.fallback => policy == Policy::LastDetach,
            _ if self.fallback => false,
            (Home::Anonymous, policy) => {
                return match policy {
                    Policy::LastDetach | Policy::Anonymous => Ok(Policy::Anonymous),
                    _ => Err(Error::Argument),
                };
            }
            (_, Policy::Handoff { attaches, .. }) => (1..=Promises::MAX).contains(&attaches),
            (_, policy) => policy != Policy::Anonymous,
        };
        if possible { Ok(self.policy) } else { Err(Error::Argument) }
    }

    /// The permission bits. Whoever cannot read a segment cannot find out that
    /// it is dead.
    pub(super) const fn mode(&self) -> Result<u32> {
        if self.mode <= 0o777 && self.mode & 0o400 != 0 {
            Ok(self.mode)
        } else {
            Err(Error::Argument)
        }
    }
}

//! What a creator asks for.

use core::time::Duration;

use super::{Policy, Via};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::layout::Array;

/// How long a segment waits to be taken over, if nothing else is said.
pub const HANDOFF_TIMEOUT: Duration = Duration::from_secs(600);

/// The policy of a segment that waits to be taken over: nobody needs to have it
/// until it was attached `attaches` times, or for as long as `within` after it was
/// published. [`Duration::MAX`] is for ever.
#[must_use]
pub const fn handoff(attaches: u32, within: Duration) -> Policy {
    let expiry_ns = match within.as_nanos() {
        0 => 1, // 0 would be for ever
        ns if ns > u64::MAX as u128 => 0,
        ns => ns as u64,
    };
    Policy::Handoff { attaches, expiry_ns }
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

    /// The policy, if a segment with or without a name can have it.
    pub(super) const fn policy(&self, named: bool) -> Result<Policy> {
        match (named, self.policy) {
            (true, Policy::Anonymous | Policy::Handoff { attaches: 0, .. }) => Err(Error::Argument),
            (true, policy) => Ok(policy),
            (false, Policy::LastDetach | Policy::Anonymous) => Ok(Policy::Anonymous),
            (false, _) => Err(Error::Argument),
        }
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

    /// Whether the data stays as it is once it is published.
    pub(super) const fn is_frozen(&self) -> bool {
        self.mode & 0o222 == 0
    }
}

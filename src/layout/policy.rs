//! When a segment's name goes away.

use crate::error::{Error, HeaderPart, Result};

/// When a segment's name goes away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Policy {
    /// When the last process that has it attached detaches or dies.
    #[default]
    LastDetach,
    /// When somebody removes it.
    Persist,
    /// When the creator detaches; others keep what they have attached. If the
    /// creator dies instead, as [`Policy::LastDetach`].
    Owner,
    /// As [`Policy::LastDetach`], with so many attaches promised when it is published;
    /// every attach claims one.
    Handoff {
        /// Attaches after the creator's own.
        attaches: u32,
        /// Nanoseconds that it waits for them from publication on; 0 for ever.
        within_ns: u64,
    },
    /// It never has one.
    Anonymous,
}

impl Policy {
    /// The code of [`Policy::Persist`].
    pub(super) const PERSIST: u32 = 2;

    /// Its code in the header.
    #[must_use]
    pub const fn code(self) -> u32 {
        match self {
            Self::LastDetach => 1,
            Self::Persist => Self::PERSIST,
            Self::Owner => 3,
            Self::Handoff { .. } => 4,
            Self::Anonymous => 5,
        }
    }

    /// The handoff's fields in the header.
    pub(super) const fn fields(self) -> (u32, u64) {
        match self {
            Self::Handoff { attaches, within_ns } => (attaches, within_ns),
            _ => (0, 0),
        }
    }

    pub(super) fn decode(code: u32, attaches: u32, within_ns: u64) -> Result<Self> {
        let policy = match code {
            1 => Self::LastDetach,
            Self::PERSIST => Self::Persist,
            3 => Self::Owner,
            4 => Self::Handoff { attaches, within_ns },
            5 => Self::Anonymous,
            _ => return Err(Error::Corrupt(HeaderPart::Policy)),
        };
        let plain = policy.fields() == (attaches, within_ns);
        if plain { Ok(policy) } else { Err(Error::Corrupt(HeaderPart::Policy)) }
    }
}

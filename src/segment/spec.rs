//! What a creator asks for.

use super::{Policy, Via};
use crate::dtype::DType;
use crate::layout::Array;

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
    /// When the name goes.
    pub policy: Policy,
    /// Permission bits, whatever the umask.
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
}

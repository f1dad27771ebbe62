//! Segments: typed arrays in shared memory, by name.
//!
//! For everybody above. A creator makes a [`Draft`] (or a [`Growable`], if it
//! does not know the number of rows yet), fills it, and publishes it; whoever
//! knows the name attaches it as a [`Segment`]; [`Info`] looks at one without
//! taking part in its life.
//!
//! Invariants of the unsafe code here: a mapping is as long as its validated
//! header says, so every element lies inside; nobody gets a reference to bytes
//! that another process may write, but through an unsafe accessor; and the
//! order in which fields are dropped gives the lock up before the last step
//! asks who is left.

mod attach;
mod column;
mod draft;
pub mod element;
mod growable;
mod handle;
mod head;
mod info;
mod leave;
#[cfg(feature = "ndarray")]
mod ndarray;
mod plain;
mod ready;
mod record;
mod spec;
mod typed;
mod walk;

pub use crate::layout::{Policy, Promises, State};
pub use crate::lifetime::{Alive, MAX_NAME, Name, Removal, Via};
pub use crate::sys::Access;
pub use attach::Attach;
pub use column::{Column, Iter};
pub use draft::{Draft, Unpublished};
pub use element::Element;
pub use growable::Growable;
pub use handle::Segment;
pub use info::{Glance, Info, glance, list, prune, unlink};
pub use spec::{HANDOFF_TIMEOUT, Spec, handoff};

/// What [`record!`](crate::record) needs where it is used.
#[doc(hidden)]
pub mod __private {
    pub use super::element::{Element, Tables};
    pub use super::record::{Part, Record, plain_name, room};
    pub use bytemuck::{Pod, Zeroable};
}

#[cfg(all(test, feature = "std"))]
mod tests;

//! User workers: a function runs over items in worker processes, and each result
//! is a segment that the parent gets.
//!
//! For programs, and for the C API. The function is foreign code: it may
//! allocate, lock, print and call any library. So a worker is forked only from a
//! process with one thread; a process with more starts its own program again,
//! which finds the function by its name (see [`serve`]).
//!
//! A worker runs one item at a time. An anonymous result comes back as a
//! descriptor, so that no kill leaves anything; a result with a name stays
//! attached in the worker until the parent has it. The item of a worker that dies
//! is done once more by another one; a second death is the item's error.
//!
//! ```standalone_crate
//! use ndshm::dtype_buf::DTypeBuf;
//! use ndshm::map::{Event, Items, Map, Options, Work};
//! use ndshm::segment::{Draft, Spec};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // In a process with one thread any function will do.
//! let square = Work::new(|item| {
//!     let dtype = DTypeBuf::parse("<u8")?;
//!     let mut draft = Draft::create_anonymous(&Spec::new(dtype.as_dtype(), &[]))?;
//!     draft.data_mut().copy_from_slice(&(item.index * item.index).to_le_bytes());
//!     Ok(draft.into())
//! });
//! let mut map = Map::start(square, &Items::indices(10), &Options::default())?;
//! let mut sum = 0;
//! loop {
//!     match map.next(None)? {
//!         Event::Done { segment: Some(segment), .. } => {
//!             let mut bytes = [0; 8];
//!             segment.copy_to(&mut bytes, 0)?;
//!             sum += u64::from_le_bytes(bytes);
//!         }
//!         Event::End => break,
//!         event => panic!("{event:?}"),
//!     }
//! }
//! assert_eq!(sum, 285);
//! # Ok(())
//! # }
//! ```
//!
//! Workers end with their parent: while the function runs, the kernel kills them
//! at the end of their socket. They leave by `_exit`, so nothing is flushed and no
//! destructor runs.

#![allow(unsafe_code)]

mod data;
mod error;
mod message;
mod parent;
mod spawn;
mod table;
mod worker;

pub use error::{Fault, MapError, Result};
pub use message::Failed;
pub use parent::{Event, Map};
pub use table::{lookup, serve};

use std::string::String;
use std::sync::Arc;

use crate::segment::{Access, Draft, Segment};

/// What the function gets.
#[derive(Debug)]
pub struct Item<'a> {
    /// Its number, from 0.
    pub index: u64,
    /// Its bytes, none if the items are numbers only. The first item is aligned to
    /// a page.
    pub bytes: &'a [u8],
    /// The worker's own copy of the context, aligned to a page. What the function
    /// changes in it, the next call in the same worker sees.
    pub context: &'a mut [u8],
}

/// What the function makes of an item.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "there is one at a time")]
pub enum Product {
    /// No segment.
    Nothing,
    /// A draft, to be published.
    Draft(Draft),
    /// A segment that is published.
    Segment(Segment),
}

impl From<Draft> for Product {
    fn from(draft: Draft) -> Self {
        Self::Draft(draft)
    }
}

impl From<Segment> for Product {
    fn from(segment: Segment) -> Self {
        Self::Segment(segment)
    }
}

/// What runs in the workers.
pub type Function =
    Arc<dyn Fn(Item<'_>) -> core::result::Result<Product, Failed> + Send + Sync + 'static>;

/// A function, with the name that another process finds it by, if it has one.
#[derive(Clone)]
pub struct Work {
    pub(crate) name: Option<String>,
    pub(crate) function: Function,
}

impl core::fmt::Debug for Work {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Work").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Work {
    /// A function that only forked workers can run.
    pub fn new(
        function: impl Fn(Item<'_>) -> core::result::Result<Product, Failed> + Send + Sync + 'static,
    ) -> Self {
        Self { name: None, function: Arc::new(function) }
    }

    /// A function of the table that [`serve`] got.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        lookup(name).map(|function| Self { name: Some(name.into()), function })
    }
}

/// The items: bytes side by side, or only their number. They are copied when a
/// map starts.
#[derive(Debug, Clone, Copy)]
pub struct Items<'a> {
    bytes: &'a [u8],
    item_size: usize,
    count: u64,
}

impl<'a> Items<'a> {
    /// Items of `item_size` bytes each; what is behind the last whole one is left.
    #[must_use]
    pub fn new(bytes: &'a [u8], item_size: usize) -> Self {
        let count = bytes.len().checked_div(item_size).unwrap_or(0);
        Self { bytes: &bytes[..count * item_size], item_size, count: count as u64 }
    }

    /// The numbers from 0 up to `count`, without bytes.
    #[must_use]
    pub const fn indices(count: u64) -> Self {
        Self { bytes: &[], item_size: 0, count }
    }
}

/// How workers are started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Way {
    /// By a fork if this process has one thread, else by an exec.
    #[default]
    Auto,
    /// By a fork; refused in a process with threads.
    Fork,
    /// By an exec of this program.
    Exec,
}

/// How a map runs.
#[derive(Debug, Clone, Copy)]
pub struct Options<'a> {
    /// Worker processes, 0 for one per processor; never more than items.
    pub workers: usize,
    /// How they are started.
    pub way: Way,
    /// How the results are attached here.
    pub access: Access,
    /// Bytes that every worker gets a copy of.
    pub context: &'a [u8],
}

impl Default for Options<'_> {
    fn default() -> Self {
        Self { workers: 0, way: Way::Auto, access: Access::Read, context: &[] }
    }
}

//! The element type of an array: NumPy's dtypes without NumPy.
//!
//! A dtype is a table of fixed-size [`Node`]s in depth-first order, with a pool
//! of subarray extents and a pool of names beside it. The three slices are the
//! wire form (see [`layout`](crate::layout)) and the form in memory at once, so
//! reading a header needs no translation, and a dtype of 65,535 columns needs
//! no allocator: its tables lie where the caller put them.
//!
//! * [`DType`] is a validated view of such tables; everything reads through it.
//! * [`Builder`] fills tables that the caller owns.
//! * [`parse`] reads whatever NumPy prints and the short `name:type,...` form;
//!   [`DType`]'s `Display` prints descr text, which reads back as an equal dtype.
//! * [`parse_open`] reads texts that leave widths and units open.
//! * [`DType::leaves`] walks through the plain values of one element.
//!
//! May be imported by every layer but [`error`](crate::error). No unsafe code,
//! no system calls, no allocation, no panic.

mod builder;
mod display;
mod equal;
mod leaves;
mod model;
mod parse;
mod unique;
mod validate;

#[cfg(all(test, feature = "std"))]
mod tests;

pub use builder::Builder;
pub use leaves::{Leaf, Leaves};
pub use model::{
    DType, Field, Fields, Kind, MAX_DEPTH, MAX_FIELDS, MAX_SIZE, MAX_SUBARRAY_DIMS, Node, Order,
    Unit,
};
pub use parse::{Extent, parse, parse_open};

//! Rows to datasets of chunks: which chunks a dataset has, and the way of its rows through the
//! packers, in order, to the file. And what is said of datasets when all are made: the names of
//! their axes, units, attributes of single objects.
//!
//! For [`convert`](mod@crate::convert), [`exchange`](crate::exchange) and
//! [`join`](crate::join). Packers are forked by [`press`] before the file is opened. Whoever
//! has rows asks [`ChunkedRows::tend`] first, so that nobody waits for packers who has
//! something else to wait for.

mod describe;
mod dims;
mod error;
mod geometry;
mod held;
mod rows;

pub use describe::DescribeError;
pub use dims::{Coordinates, Dataset, Dimension, ObjectAttribute};
pub(crate) use dims::{Dims, Ending, Extent};
pub use error::ChunkError;
pub(crate) use geometry::{check, chunk};
pub(crate) use rows::{ChunkedRows, Packing, press, press_of_rows};

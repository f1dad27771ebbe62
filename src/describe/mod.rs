//! What is in a table: for each column how many values there are and how many are missing,
//! the smallest and the largest, mean, deviation, quantiles, distinct and frequent values, and
//! how they are spread.
//!
//! For the command and for programs. [`describe_text`] reads text as
//! [`load`](crate::load) does; [`describe_file`] a `.npy` file or a dataset;
//! [`describe_segment`] a segment; and [`describe_elements`] an array in memory. Everything is
//! read once, and memory has a bound that does not depend on it. [`Meant`](crate::exchange::Meant)
//! says which of them the command takes a path for.
//!
//! Rows are parsed by workers or read by the caller's thread, and taken by threads of the
//! crew, each with a `columns::Table` of its own. Tables are merged at the end; what is in
//! them does not depend on who took which rows, so a description is the same for any number
//! of workers and threads, and for any size of pieces. The first rows are taken in their order
//! before all others, as they say which values are counted.

mod array;
mod columns;
mod count;
mod crew;
mod error;
mod number;
mod sketch;
mod summary;
#[cfg(test)]
mod tests;
mod text;
mod texts;

pub use array::{ArrayJob, describe_elements, describe_file, describe_segment};
pub use columns::Options;
pub use error::{DescribeError, Result};
pub use summary::{Distinct, Frequent, Histogram, Quantile, Statistics, Summary, Value};
pub use text::{TextJob, describe_text};

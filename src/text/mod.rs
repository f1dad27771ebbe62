//! Text tables: bytes in, records out, exactly as `np.loadtxt` has it.
//!
//! Called by workers after a fork and by anybody else who has text in memory:
//! no allocation, no locks, no system calls.
//!
//! * [`Format`] says how the text is written, [`Plan`] what becomes of its fields;
//! * [`parse`] reads whole records from a [`Text`] into rows;
//! * [`start_from`] finds where a line starts, so that a file can be cut anywhere, and
//!   [`record`] where a record ends that may have line ends in quotes;
//! * [`look`] finds what types the fields of a text have, without making rows, and
//!   [`names`] what its first line calls them;
//! * `exact` is the plain reading of one record, the definition of what is right;
//!   `fast` gives the same bytes for the rows that it is sure of.

mod column;
mod datetime;
mod decimal;
mod exact;
mod fast;
mod fault;
mod format;
mod infer;
mod lines;
mod missing;
mod names;
mod number;
mod plan;
mod scan;
mod space;
#[cfg(test)]
mod tests;

pub use column::{Column, Op, Unicode};
#[cfg(all(test, feature = "hdf5"))]
pub(crate) use datetime::count as time_count;
#[cfg(feature = "hdf5")]
pub(crate) use datetime::{Moment, Time, parse as time};
#[cfg(all(fuzzing, target_arch = "x86_64"))]
#[doc(hidden)]
pub use fast::at_most;
pub use fast::{OVERRUN, PADDING, kernels};
pub use fault::{BadRows, Fault, FaultKind};
pub use format::{Comments, Delimiter, Dialect, Encoding, Format};
pub use infer::{FoundType, Look, Looks, Seen, Table};
pub use lines::{last_start, skip, start_from};
pub use missing::{Missing, MissingTable, Role, missing_size};
pub use names::names;
#[cfg(feature = "hdf5")]
pub(crate) use number::half_bits;
#[cfg(feature = "std")]
pub(crate) use plan::Outline;
pub use plan::{Found, Plan, PlanOptions, columns_needed};
pub use scan::{Progress, Span, Stop, Text, capacity, look, parse};

/// Fields of one record without its line end; 0 if it does not count as a row.
#[must_use]
pub fn field_count(record: &[u8], format: Format<'_>) -> u32 {
    exact::field_count(record, format)
}

/// Where the record that starts at `from` ends, without its line end, and where the next one
/// starts. A record is a line, or several if quotes hold line ends. `ends` says that the text
/// ends where the input ends; otherwise `None` means that more of it is needed to tell.
#[must_use]
pub fn record(text: &[u8], from: usize, format: &Format<'_>, ends: bool) -> Option<(usize, usize)> {
    exact::record(text, from, format, ends)
}

//! Text tables: bytes in, records out, exactly as `np.loadtxt` has it.
//!
//! Called by workers after a fork and by anybody else who has text in memory:
//! no allocation, no locks, no system calls.
//!
//! * [`Format`] says how the text is written, [`Plan`] what becomes of its fields;
//! * [`parse`] reads whole lines from a [`Text`] into records;
//! * [`start_from`] finds where a line starts, so that a file can be cut anywhere;
//! * `exact` is the plain reading of one row, the definition of what is right;
//!   `fast` gives the same bytes for the rows that it is sure of.

mod decimal;
mod exact;
mod fast;
mod fault;
mod format;
mod lines;
mod number;
mod plan;
mod scan;
mod space;
#[cfg(test)]
mod tests;

pub use fast::{OVERRUN, PADDING};
pub use fault::{Fault, FaultKind};
pub use format::{Delimiter, Format};
pub use lines::{skip, start_from, without_end};
#[cfg(feature = "std")]
pub(crate) use plan::Outline;
pub use plan::{Column, Op, Plan, Unicode, columns_needed};
pub use scan::{Progress, Stop, Text, capacity, parse};

/// Fields of one line without its end; 0 if it does not count as a row.
#[must_use]
pub fn field_count(line: &[u8], format: Format) -> u32 {
    exact::field_count(line, format)
}

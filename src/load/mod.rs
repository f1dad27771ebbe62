//! Text tables into rows: forked workers parse, rows come out in file order.
//!
//! One engine, two sinks: `convert` writes the rows to an HDF5 file,
//! [`load_segment`] to a shared-memory segment. Inputs are cut into pieces by
//! bytes; a worker parses a piece into a buffer of a small ring of anonymous
//! shared memory, the parent hands the rows to the [`Sink`] in file order and
//! gives the buffer out again. So memory does not depend on the input's size,
//! the row count need not be known before, and the result is the same for any
//! number of workers.
//!
//! What cannot be cut, a pipe or any other [`Read`](std::io::Read), is read by the
//! parent straight into the ring, and parsed there.
//!
//! The work is a [`Job`]: it owns what it needs and goes on when it is stepped, so
//! that a caller with an event loop can poll it and cancel it. [`load`] runs one to
//! its end.
//!
//! A worker's death costs nothing: its piece is done again by another; only a
//! second death of the same piece is an error.

mod auto;
mod begun;
mod buffers;
mod cancel;
mod columns;
mod commit;
mod cutter;
mod decode;
mod dialect;
mod engine;
mod error;
mod feeder;
mod footer;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod gather;
mod head;
mod header;
mod inflate;
mod input;
mod inputs;
mod job;
mod lend;
mod note;
mod options;
mod output;
mod pass;
mod peek;
mod preview;
mod progress;
mod recipe;
mod report;
mod ring;
mod segment;
mod setup;
mod sink;
mod slots;
mod source;
mod streams;
mod task;
#[cfg(test)]
mod tests;
mod worker;

pub use auto::{OpenType, RowType, RowTypeRef, Spooled};
#[cfg(feature = "hdf5")]
pub(crate) use begun::{Begun, Misfit};
pub use cancel::Canceller;
pub use decode::Encoding;
pub use dialect::Dialect;
pub use error::{InputFault, LoadError, Position, Problem, Result, TextError};
#[cfg(feature = "hdf5")]
pub(crate) use gather::Gather;
pub use inflate::{Compression, Damage, find_compressed, without_compression};
pub use input::{Input, Stream};
#[cfg(feature = "hdf5")]
pub(crate) use job::Done;
pub use job::Job;
pub use options::{ColumnRef, Comments, Fill, MIN_MEMORY, Missing, OnBadRows, Options};
#[cfg(feature = "hdf5")]
pub(crate) use preview::ahead;
pub use preview::{Preview, preview};
pub use progress::Progress;
pub use report::Report;
pub use segment::{SegmentJob, SegmentOptions, load_segment, load_segment_reporting};
pub use sink::{Block, Sink, SinkError};

use core::sync::atomic::AtomicBool;
use core::time::Duration;

use crate::dtype::DType;
use crate::text::Unicode;

/// How long a step of a load waits: how often the caller's flag is looked at.
pub(crate) const TICK: Duration = Duration::from_millis(100);

/// Reads `inputs` into the sink that `open` makes: a [`Job`] from its start to its
/// end. Returns the sink and the number of rows.
///
/// Setting `cancel` stops the load soon, with [`LoadError::Cancelled`].
///
/// # Errors
/// [`LoadError`]: the first in file order, whatever the workers found first.
pub fn load<'t, S: Sink, I: Into<Input>>(
    inputs: impl IntoIterator<Item = I>,
    rows: impl Into<RowTypeRef<'t>>,
    unicode: Unicode,
    options: &Options,
    cancel: &AtomicBool,
    open: impl FnMut(DType<'_>) -> core::result::Result<S, SinkError> + Send + 'static,
) -> Result<(S, u64)> {
    let job = Job::start_watching(inputs, rows, unicode, options, Some(cancel), open)?;
    job.run(Some(cancel)).map(|done| (done.sink, done.rows))
}

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
//! A worker's death costs nothing: its piece is done again by another; only a
//! second death of the same piece is an error.

mod cutter;
mod engine;
mod error;
mod head;
mod options;
mod report;
mod ring;
mod segment;
mod sink;
mod task;
#[cfg(test)]
mod tests;
mod worker;

pub use error::{InputFault, LoadError, Problem, Result, TextError};
pub use options::{MIN_MEMORY, Options};
pub use segment::{SegmentOptions, load_segment};
pub use sink::{Block, Sink, SinkError};

use core::sync::atomic::AtomicBool;
use std::path::PathBuf;
use std::string::{String, ToString};
use std::vec::Vec;

use crate::dtype::DType;
use crate::error::Error;
use crate::pool::Pool;
use crate::sys::Pages;
use crate::text::{Column, PADDING, Plan, Unicode, columns_needed};

use cutter::Inputs;
use engine::{Engine, Parts};
use options::Budget;
use ring::Ring;
use worker::Reader;

/// Workers forked beyond those that are used at first.
const SPARES: usize = 2;

/// Reads `inputs` into the sink that `open` makes. `open` is called once, after
/// the workers are forked and before any row: what must not exist at a fork, an
/// open HDF5 file say, is made there. Returns the sink and the number of rows.
///
/// Setting `cancel` stops the load soon, with [`LoadError::Cancelled`].
///
/// # Errors
/// [`LoadError`]: the first in file order, whatever the workers found first.
pub fn load<S: Sink>(
    inputs: &[PathBuf],
    dtype: DType<'_>,
    unicode: Unicode,
    options: &Options,
    cancel: &AtomicBool,
    open: impl FnOnce() -> core::result::Result<S, SinkError>,
) -> Result<(S, u64)> {
    let files = Inputs::look(inputs, cancel)?;
    let usecols = options.usecols.as_deref();
    let mut columns = column_storage(dtype, usecols)?;
    let plan = Plan::compile(options.format, dtype, unicode, usecols, &mut columns)
        .map_err(|error| plan_error(error, dtype, usecols))?;
    let budget = Budget::new(options, first_row_size(&files, &plan, options)?)?;
    let ring = Ring::new(budget.buffers, budget.buffer)?;
    let mut reader = Reader {
        plan,
        paths: &files.c_paths,
        ring: &ring,
        input: Pages::new(budget.input + PADDING)?,
        open: None,
    };
    let pool = Pool::fork(budget.workers, SPARES, &mut reader)?;
    let mut sink = open().map_err(LoadError::Sink)?;
    let parts = Parts { inputs: &files, options, dtype, plan, budget, ring: &ring, pool, cancel };
    let rows = Engine::new(parts).run(&mut sink)?;
    Ok((sink, rows))
}

fn column_storage(dtype: DType<'_>, usecols: Option<&[i32]>) -> Result<Vec<Column>> {
    let count = columns_needed(dtype, usecols)?;
    let mut columns = Vec::new();
    columns.try_reserve_exact(count).map_err(|_| Error::Overflow)?;
    columns.resize(count, Column::default());
    Ok(columns)
}

/// Bytes of a row as far as they are known before the inputs are read: those of
/// the first input, if the dtype does not say.
fn first_row_size(files: &Inputs<'_>, plan: &Plan<'_>, options: &Options) -> Result<usize> {
    let size = files.file(0).size;
    if !plan.needs_column_count() || size == 0 || files.paths.is_empty() {
        return Ok(plan.row_size());
    }
    let limit = Budget::new(options, 0)?.input;
    let head = files.head(0, plan, options, limit)?;
    Ok(plan.with_columns(head.columns)?.row_size())
}

fn plan_error(error: Error, dtype: DType<'_>, usecols: Option<&[i32]>) -> LoadError {
    match error {
        Error::NotText { node } => {
            let field = dtype.field_at(node);
            LoadError::NoTextForm { field: String::from(field.name()), dtype: field.to_string() }
        }
        Error::Argument => LoadError::Usecols {
            given: usecols.map_or(0, <[i32]>::len),
            fields: dtype.leaf_count(),
        },
        other => LoadError::Core(other),
    }
}

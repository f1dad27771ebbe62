//! The sink that makes a segment of the rows.
//!
//! Workers parse into the ring, and the parent moves the rows to the segment
//! with `pwrite`: measured against touching the segment's fresh pages from all
//! workers, this is faster, zeroes nothing, and a full /dev/shm is an error
//! return instead of a SIGBUS (`docs/performance.md`).

#![allow(unsafe_code)]

use core::sync::atomic::AtomicBool;
use std::boxed::Box;
use std::path::PathBuf;

use super::error::{LoadError, Result};
use super::sink::{Block, Sink, SinkError};
use super::{Options, load};
use crate::dtype::DType;
use crate::error::Error;
use crate::segment::{Draft, Growable, Name, Policy, Segment, Spec, Via};
use crate::text::Unicode;

/// How the segment is made.
#[derive(Debug, Clone, Copy)]
pub struct SegmentOptions {
    /// When its name goes.
    pub policy: Policy,
    /// Permission bits.
    pub mode: u32,
    /// How it gets its name.
    pub via: Via,
}

impl Default for SegmentOptions {
    /// A segment that stays until somebody removes it, for its owner alone.
    fn default() -> Self {
        Self { policy: Policy::Persist, mode: 0o600, via: Via::Auto }
    }
}

/// Reads all rows of all inputs into one segment, and publishes it.
///
/// # Errors
/// [`LoadError`]; then there is no segment.
pub fn load_segment(
    inputs: &[PathBuf],
    name: &Name,
    dtype: DType<'_>,
    options: &Options,
    segment: SegmentOptions,
    cancel: &AtomicBool,
) -> Result<Segment> {
    let sink = SegmentSink { name, dtype, options: segment, inputs, growable: None, columns: None };
    let (mut sink, rows) =
        load(inputs, dtype, Unicode::Ucs4, options, cancel, || Ok(sink)).map_err(unboxed)?;
    if cancel.load(core::sync::atomic::Ordering::Relaxed) {
        return Err(LoadError::Cancelled);
    }
    sink.growable().map_err(LoadError::Sink).map_err(unboxed)?;
    let growable = sink.growable.ok_or(Error::Argument)?;
    Ok(growable.finish(rows)?.publish().map_err(Error::from)?)
}

struct SegmentSink<'a> {
    name: &'a Name,
    dtype: DType<'a>,
    options: SegmentOptions,
    inputs: &'a [PathBuf],
    growable: Option<Growable>,
    columns: Option<u32>,
}

impl SegmentSink<'_> {
    /// The segment in the making, begun when the first row is to come.
    fn growable(&mut self) -> core::result::Result<&mut Growable, SinkError> {
        if self.growable.is_none() {
            self.growable = Some(self.create().map_err(boxed)?);
        }
        self.growable.as_mut().ok_or_else(|| boxed(Error::Argument))
    }

    fn create(&self) -> core::result::Result<Growable, Error> {
        // Without any row there is no telling the columns; NumPy says one.
        let (table, records) = ([0, u64::from(self.columns.unwrap_or(1))], [0]);
        let shape: &[u64] = if self.dtype.is_record() { &records } else { &table };
        let SegmentOptions { policy, mode, via } = self.options;
        let spec = Spec { policy, mode, via, ..Spec::new(self.dtype, shape) };
        Draft::create_growable(self.name, &spec)
    }
}

impl Sink for SegmentSink<'_> {
    fn begin(&mut self, input: usize, columns: Option<u32>) -> core::result::Result<(), SinkError> {
        match (self.columns, columns) {
            // An input without rows fits every table.
            (_, Some(0)) => Ok(()),
            (Some(first), Some(here)) if first != here => {
                let path = self.inputs.get(input).cloned().unwrap_or_default();
                Err(Box::new(LoadError::ColumnsDiffer { path, first, here }))
            }
            _ => {
                self.columns = columns;
                self.growable().map(|_| ())
            }
        }
    }

    fn rows(&mut self, block: &Block) -> core::result::Result<(), SinkError> {
        if block.is_empty() {
            return Ok(());
        }
        let growable = self.growable()?;
        // SAFETY: a block's bytes are readable as long as it is borrowed.
        unsafe { growable.append(block.as_ptr(), block.len()) }.map_err(boxed)
    }

    fn end(&mut self, _input: usize, _rows: u64) -> core::result::Result<(), SinkError> {
        Ok(())
    }
}

/// An error of the sink comes back as what it was.
fn unboxed(error: LoadError) -> LoadError {
    match error {
        LoadError::Sink(inner) => match inner.downcast::<LoadError>() {
            Ok(own) => *own,
            Err(inner) => match inner.downcast::<Error>() {
                Ok(core) => LoadError::Core(*core),
                Err(other) => LoadError::Sink(other),
            },
        },
        other => other,
    }
}

fn boxed(error: Error) -> SinkError {
    Box::new(error)
}

//! Arrays of files, and segments, on their way to a description.

use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::path::Path;
use std::sync::Arc;
use std::vec::Vec;

use super::columns::Options;
use super::count::Count;
use super::error::{DescribeError, Result};
use super::summary::Summary;
use crate::error::Error;
use crate::exchange::{Elements, ExchangeError, Pieces};
use crate::load::{Canceller, Progress};
use crate::segment::Segment;
use crate::sys::{self, Bell};

/// Describes a `.npy` file, or a dataset of an HDF5 file; one that is the only one of its file
/// needs no name. `cancel` stops it.
///
/// # Errors
/// [`DescribeError`].
pub fn describe_file(
    file: &Path,
    dataset: Option<&str>,
    options: &Options,
    cancel: &AtomicBool,
) -> Result<Summary> {
    run(ArrayJob::of_file(file, dataset, options)?, cancel)
}

/// Describes a segment. What others write to it meanwhile is seen in part or not at all.
///
/// # Errors
/// [`DescribeError`].
pub fn describe_segment(
    segment: &Segment,
    options: &Options,
    cancel: &AtomicBool,
) -> Result<Summary> {
    run(ArrayJob::of_segment(segment, options)?, cancel)
}

/// Describes an array in memory.
///
/// # Errors
/// [`DescribeError`].
pub fn describe_elements(
    elements: Elements<'_>,
    options: &Options,
    cancel: &AtomicBool,
) -> Result<Summary> {
    run(ArrayJob::of_elements(elements, options)?, cancel)
}

fn run(mut job: ArrayJob<'_>, cancel: &AtomicBool) -> Result<Summary> {
    loop {
        if cancel.load(Ordering::Relaxed) {
            return Err(ExchangeError::Cancelled.into());
        }
        if job.step(Duration::ZERO)?.done {
            return job.finish();
        }
    }
}

/// An array whose elements are described: records, rows of a table, or single values.
#[derive(Debug)]
pub struct ArrayJob<'s> {
    pieces: Pieces<'s>,
    /// None after an error.
    count: Option<Count>,
    buf: Vec<u8>,
    canceller: Canceller,
    progress: Progress,
    /// The process that it belongs to.
    owner: u32,
}

impl<'s> ArrayJob<'s> {
    /// A `.npy` file, or a dataset of an HDF5 file.
    ///
    /// # Errors
    /// [`DescribeError`].
    pub fn of_file(file: &Path, dataset: Option<&str>, options: &Options) -> Result<Self> {
        Self::start(Pieces::of_file(file, dataset)?, options)
    }

    /// A segment.
    ///
    /// # Errors
    /// [`DescribeError`].
    pub fn of_segment(segment: &'s Segment, options: &Options) -> Result<Self> {
        Self::start(Pieces::of_segment(segment)?, options)
    }

    /// An array in memory.
    ///
    /// # Errors
    /// [`DescribeError`].
    pub fn of_elements(elements: Elements<'s>, options: &Options) -> Result<Self> {
        Self::start(Pieces::of_elements(elements)?, options)
    }

    fn start(pieces: Pieces<'s>, options: &Options) -> Result<Self> {
        let bell = Arc::new(Bell::new()?);
        let count = Some(Count::new(pieces.dtype(), pieces.columns(), options, bell)?);
        let bytes = pieces.progress().1.saturating_mul(u64::from(pieces.dtype().itemsize()));
        let progress =
            Progress { bytes_total: bytes, inputs_total: 1, pass: 1, ..Progress::default() };
        let canceller = Canceller::always_ready()?;
        Ok(Self { pieces, count, buf: Vec::new(), canceller, progress, owner: sys::lineage() })
    }

    /// Reads some MiB. It waits for nothing but the disk and its own threads, so the timeout
    /// does not matter.
    ///
    /// # Errors
    /// [`DescribeError`]; the job is over then. A step after that, or in a forked child, is
    /// [`Error::Argument`].
    pub fn step(&mut self, _timeout: Duration) -> Result<Progress> {
        if self.owner != sys::lineage() {
            return Err(Error::Argument.into());
        }
        let mut count = self.count.take().ok_or(Error::Argument)?;
        if self.canceller.is_cancelled() {
            return Err(ExchangeError::Cancelled.into());
        }
        if self.pieces.next(&mut self.buf)? {
            count.take(&self.buf)?;
        }
        let (done, all) = self.pieces.progress();
        self.progress.done = done >= all;
        self.progress.bytes_done = done.saturating_mul(u64::from(self.pieces.dtype().itemsize()));
        self.progress.inputs_done = usize::from(self.progress.done);
        self.progress.rows = done / self.pieces.columns().map_or(1, u64::from);
        self.count = Some(count);
        Ok(self.progress)
    }

    /// How far it is.
    #[must_use]
    pub const fn progress(&self) -> Progress {
        self.progress
    }

    /// A descriptor that is always readable: a step never waits.
    #[must_use]
    pub fn raw_fd(&self) -> i32 {
        self.canceller.raw_fd()
    }

    /// A handle that stops the job.
    #[must_use]
    pub fn canceller(&self) -> Canceller {
        self.canceller.clone()
    }

    /// Steps until everything is read.
    ///
    /// # Errors
    /// [`DescribeError`].
    pub fn finish(mut self) -> Result<Summary> {
        while !self.step(Duration::ZERO)?.done {}
        let count = self.count.take().ok_or(DescribeError::Panic)?;
        Ok(Summary::of(&count.finish()?))
    }
}

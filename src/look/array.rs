//! Rows of files and of segments.

use core::time::Duration;
use std::path::Path;
use std::vec::Vec;

use super::error::{LookError, Result};
use super::query::{Query, Take};
use super::sieve::{Found, Sieve};
use super::table::Table;
use crate::error::Error;
use crate::exchange::{ExchangeError, Pieces};
use crate::load::{Canceller, Progress};
use crate::segment::Info;
use crate::sys;

/// Bytes of a row that are held at most.
const MAX_ROW: u64 = 1 << 30;

/// An array whose rows are looked at.
#[derive(Debug)]
pub struct ArrayJob {
    pieces: Pieces<'static>,
    sieve: Sieve,
    buf: Vec<u8>,
    canceller: Canceller,
    progress: Progress,
    /// All rows.
    total: u64,
    /// The process that it belongs to.
    owner: u32,
}

impl ArrayJob {
    /// A `.npy` file, or a dataset of an HDF5 file; one that is the only one of its file needs no
    /// name.
    ///
    /// # Errors
    /// [`LookError`](super::LookError).
    pub fn of_file(file: &Path, dataset: Option<&str>, query: &Query) -> Result<Self> {
        Self::start(Pieces::of_file(file, dataset)?, query)
    }

    /// A segment, which is not attached. What others write to it meanwhile is seen in part or
    /// not at all.
    ///
    /// # Errors
    /// [`LookError`](super::LookError).
    pub fn of_segment(segment: Info, query: &Query) -> Result<Self> {
        Self::start(Pieces::of_seen(segment)?, query)
    }

    fn start(mut pieces: Pieces<'static>, query: &Query) -> Result<Self> {
        let total = pieces.shape().first().copied().unwrap_or(1);
        let (rows, take) = match query.take() {
            Take::First(most) if query.takes_any() => (0..most.min(total), Take::First(most)),
            // Nothing else is read, so these are the first ones.
            Take::Last(most) if query.takes_any() => {
                (total.saturating_sub(most)..total, Take::First(most))
            }
            // They need not be read to be counted.
            Take::Count if query.takes_any() => (0..0, Take::Count),
            take => (0..total, take),
        };
        let dims = pieces.shape().get(1..).unwrap_or_default();
        let mut sieve = query.sieve(pieces.dtype(), dims, take)?;
        let row = sieve.table().row() as u64;
        if row > MAX_ROW && !rows.is_empty() {
            return Err(LookError::Row { bytes: row, most: MAX_ROW });
        }
        let count = rows.end - rows.start;
        if query.takes_any() && take == Take::Count {
            sieve.pass(total);
        } else if row == 0 {
            sieve.pass(count);
        }
        let bytes_total = count.saturating_mul(row);
        pieces.only(if row == 0 { 0..0 } else { rows });
        let progress = Progress { bytes_total, inputs_total: 1, pass: 1, ..Progress::default() };
        let (canceller, owner) = (Canceller::always_ready()?, sys::lineage());
        Ok(Self { pieces, sieve, buf: Vec::new(), canceller, progress, total, owner })
    }

    /// Reads some MiB. It waits for nothing but the disk, so the timeout does not matter.
    ///
    /// # Errors
    /// [`LookError`](super::LookError). A step in a forked child is [`Error::Argument`].
    pub fn step(&mut self, _timeout: Duration) -> Result<Progress> {
        if self.owner != sys::lineage() {
            return Err(Error::Argument.into());
        }
        if self.canceller.is_cancelled() {
            return Err(ExchangeError::Cancelled.into());
        }
        let is_full = self.sieve.is_full();
        let more = !is_full && self.pieces.next(&mut self.buf)?;
        if more {
            self.sieve.take(&self.buf);
            self.progress.bytes_done += self.buf.len() as u64;
            self.progress.rows += (self.buf.len() / self.sieve.table().row().max(1)) as u64;
        }
        self.progress.done = !more || self.sieve.is_full();
        self.progress.inputs_done = usize::from(self.progress.done);
        Ok(self.progress)
    }

    /// A handle that stops the job.
    #[must_use]
    pub fn canceller(&self) -> Canceller {
        self.canceller.clone()
    }

    /// What is in a row.
    #[must_use]
    pub const fn table(&self) -> &Table {
        self.sieve.table()
    }

    /// The rows that were found and not taken yet, one behind the other; none as long as there may
    /// be others that are wanted instead.
    #[must_use]
    pub fn rows(&mut self) -> Vec<u8> {
        self.sieve.drain()
    }

    /// Steps until everything that is wanted is read.
    ///
    /// # Errors
    /// [`LookError`](super::LookError).
    pub fn finish(mut self) -> Result<Found> {
        while !self.step(Duration::ZERO)?.done {}
        let total = Some(self.total);
        Ok(Found { total, ..self.sieve.finish() })
    }
}

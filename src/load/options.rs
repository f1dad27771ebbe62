//! What a load is asked to do, and the memory that it may use for it.

use std::vec::Vec;

use super::error::{LoadError, Result};
use crate::pool::default_workers;
use crate::text::{Format, OVERRUN};

/// Least memory budget: small buffers for one worker.
pub const MIN_MEMORY: u64 = 4 << 20;
/// Text in one piece of work.
const PIECE: u64 = 256 << 10;
/// A buffer of the ring, if nothing asks for larger ones: with the text it
/// comes from, it fits a core's cache.
const BUFFER: usize = 512 << 10;
const MAX_WORKERS: usize = 1024;
/// Memory that a worker has at least; the others are not forked.
const MIN_SHARE: u64 = 512 << 10;

/// How text is read, in the terms of `np.loadtxt` where it has them.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Delimiter and comment character.
    pub format: Format<'static>,
    /// Physical lines to skip at the start of each input.
    pub skiprows: u64,
    /// Rows to read of each input.
    pub max_rows: Option<u64>,
    /// Columns to read, in this order; negative ones count from the end.
    pub usecols: Option<Vec<i32>>,
    /// Worker processes; by default as many as there are processors to use.
    pub workers: Option<usize>,
    /// Memory to use at most, in bytes; by default 64 MiB and 16 MiB a worker.
    pub memory: Option<u64>,
    /// Whether an input without rows is accepted.
    pub allow_empty: bool,
    /// Bytes of text in one piece of work: for tests, which make them tiny.
    #[doc(hidden)]
    pub piece_bytes: Option<u64>,
}

/// How much of what the workers get.
#[derive(Debug, Clone, Copy)]
pub(super) struct Budget {
    pub(super) workers: usize,
    pub(super) piece: u64,
    /// Bytes of a worker's input buffer: the longest piece and line.
    pub(super) input: usize,
    pub(super) buffer: usize,
    /// Bytes of it that pieces are cut to fill.
    pub(super) fill: usize,
    pub(super) buffers: usize,
    /// Bytes for the text of streams.
    pub(super) text: usize,
}

impl Budget {
    /// Parts the memory for rows of `row_size` bytes: half of it for the ring,
    /// a quarter for the workers' input, the rest for the text of streams and
    /// everything else. No `row_size` means that it will be known when the first
    /// bytes of a stream are read.
    pub(super) fn new(options: &Options, row_size: Option<usize>) -> Result<Self> {
        let asked = options.workers.unwrap_or_else(default_workers).clamp(1, MAX_WORKERS);
        let default = (64 + 16 * asked as u64) << 20;
        let memory = options.memory.unwrap_or(default);
        if memory < MIN_MEMORY {
            return Err(LoadError::Memory { what: "reading text", need: MIN_MEMORY, have: memory });
        }
        // Fewer workers with buffers worth having beat many without.
        let affordable = usize::try_from(memory / MIN_SHARE).unwrap_or(usize::MAX);
        let workers = asked.min(affordable);
        let ring = usize::try_from(memory / 2).unwrap_or(usize::MAX);
        let input = usize::try_from(memory / 4).unwrap_or(usize::MAX) / workers;
        let wanted = 2 * workers + 2;
        let row = row_size.unwrap_or(0).saturating_add(OVERRUN);
        if row > ring {
            let need = 2 * row as u64;
            return Err(LoadError::Memory { what: "one row", need, have: memory });
        }
        // As many buffers as wanted if they can be of the usual size; a row always fits.
        // Memory that was asked for is there for later inputs whose rows are longer, too.
        let may_grow = options.memory.is_some() || row_size.is_none();
        let usual = if may_grow { usize::MAX } else { BUFFER };
        let buffer = usual.min(ring / wanted).max(row.saturating_mul(2).min(ring));
        let buffers = (ring / buffer).clamp(1, wanted);
        let piece = options.piece_bytes.unwrap_or(PIECE.min(input as u64 / 2)).max(1);
        let fill = if options.memory.is_some() { buffer } else { buffer.min(BUFFER.max(2 * row)) };
        let text = usize::try_from(memory / 4).unwrap_or(usize::MAX);
        Ok(Self { workers, piece, input, buffer, fill, buffers, text })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_budget_is_kept_for_any_number_of_workers() {
        for workers in [1, 2, 16, 300] {
            for memory in [4 << 20, 96 << 20, 1 << 30] {
                let options =
                    Options { workers: Some(workers), memory: Some(memory), ..Options::default() };
                let b = Budget::new(&options, Some(26)).unwrap();
                let used = (b.buffer * b.buffers + b.input * b.workers) as u64;
                assert!(used <= memory, "{workers} workers, {memory}: {b:?}");
                assert!(b.buffers >= 1 && b.buffer > 26 + OVERRUN);
            }
        }
    }

    #[test]
    fn a_row_that_fits_nowhere_is_refused_with_what_it_needs() {
        let options = Options { memory: Some(8 << 20), ..Options::default() };
        let error = Budget::new(&options, Some(5 << 20)).unwrap_err();
        let LoadError::Memory { need, .. } = error else { panic!("{error:?}") };
        let options = Options { memory: Some(need), ..options };
        assert!(Budget::new(&options, Some(5 << 20)).is_ok());
    }
}

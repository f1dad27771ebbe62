//! What a load is asked to do, and the memory that it may use for it.

use std::string::String;
use std::vec::Vec;

use super::decode::Encoding;
use super::error::{LoadError, Result};
use crate::pool::default_workers;
use crate::text::{Delimiter, OVERRUN};

/// Least memory budget: small buffers for one worker.
pub const MIN_MEMORY: u64 = 4 << 20;
/// Text in one piece of work.
const PIECE: u64 = 1 << 20;
/// A buffer of the ring, if nothing asks for larger ones: with the text it
/// comes from, it fits a core's cache.
const BUFFER: usize = 2 << 20;
const MAX_WORKERS: usize = 1024;
/// Memory that a worker has at least; the others are not forked.
const MIN_SHARE: u64 = 512 << 10;

/// How text is read, in the terms of `np.loadtxt` where it has them.
#[derive(Debug, Clone)]
pub struct Options {
    /// What parts fields.
    pub delimiter: Delimiter,
    /// What begins a comment.
    pub comments: Comments,
    /// What encloses fields that may hold anything, line ends, too; twice in such a
    /// field it means itself.
    pub quote: Option<char>,
    /// The decimal point: `'.'` or `','`.
    pub decimal: char,
    /// How the inputs are encoded.
    pub encoding: Encoding,
    /// Physical lines to skip at the start of each input.
    pub skiprows: u64,
    /// Physical lines to leave out at the end of each input.
    pub skip_footer: u64,
    /// Rows to read of each input.
    pub max_rows: Option<u64>,
    /// Columns to read, in this order.
    pub usecols: Option<Vec<ColumnRef>>,
    /// Whether the first line of each input, behind those skipped, names its columns.
    pub header: bool,
    /// Texts that stand for a missing value.
    pub missing: Vec<Missing>,
    /// Values that take the place of missing ones.
    pub fill: Vec<Fill>,
    /// What becomes of rows that cannot be read.
    pub on_bad_rows: OnBadRows,
    /// Worker processes at most; by default as many as there are processors to use.
    pub workers: Option<usize>,
    /// Memory to use at most, in bytes; by default 64 MiB and 16 MiB a worker.
    pub memory: Option<u64>,
    /// Whether an input without rows is accepted.
    pub allow_empty: bool,
    /// Delimiter, quotes, header and decimal comma are found in the beginning of the first
    /// input, as far as nothing is said of them, but not where rows are added to datasets: see [`Report::dialect`](super::Report::dialect).
    pub sniff: bool,
    /// Bytes of text in one piece of work: for tests, which make them tiny.
    #[doc(hidden)]
    pub piece_bytes: Option<u64>,
}

impl Default for Options {
    /// As `np.loadtxt`: white space, `#`, UTF-8, every row and every column.
    fn default() -> Self {
        Self {
            delimiter: Delimiter::Whitespace,
            comments: Comments::default(),
            quote: None,
            decimal: '.',
            encoding: Encoding::default(),
            skiprows: 0,
            skip_footer: 0,
            max_rows: None,
            usecols: None,
            header: false,
            missing: Vec::new(),
            fill: Vec::new(),
            on_bad_rows: OnBadRows::default(),
            workers: None,
            memory: None,
            allow_empty: false,
            sniff: false,
            piece_bytes: None,
        }
    }
}

/// What begins a comment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Comments {
    /// Nothing does.
    None,
    /// One character, wherever it is not enclosed in quotes.
    Char(char),
    /// Any of several texts, looked for in their order as NumPy does. They cannot be
    /// combined with quotes, and hold no line ends.
    Strings(Vec<String>),
}

impl Default for Comments {
    fn default() -> Self {
        Self::Char('#')
    }
}

/// A column of the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ColumnRef {
    /// By its place, from 0; a negative one counts from the end.
    Index(i32),
    /// By its name in the header.
    Name(String),
}

impl From<i32> for ColumnRef {
    fn from(index: i32) -> Self {
        Self::Index(index)
    }
}

impl From<&str> for ColumnRef {
    fn from(name: &str) -> Self {
        Self::Name(name.into())
    }
}

/// A text that stands for a missing value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// The column in which it does; `None` for every one.
    pub column: Option<ColumnRef>,
    /// The text; the empty one for fields that hold nothing.
    pub text: String,
}

/// What takes the place of missing values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fill {
    /// The column in which it does; `None` for every one that has none of its own.
    pub column: Option<ColumnRef>,
    /// The value, as text that its column converts.
    pub value: String,
}

/// What becomes of rows that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnBadRows {
    /// The first one is an error.
    #[default]
    Error,
    /// They are left out, and counted: see [`Report`](super::Report).
    Skip,
}

/// How much of what the workers get.
#[derive(Debug, Clone, Copy)]
pub(super) struct Budget {
    pub(super) workers: usize,
    pub(super) piece: u64,
    /// Bytes of a worker's input buffer: the longest piece.
    pub(super) input: usize,
    /// Bytes of the longest record, for which one worker at a time may make room.
    pub(super) line: usize,
    pub(super) buffer: usize,
    /// Bytes of it that pieces are cut to fill.
    pub(super) fill: usize,
    pub(super) buffers: usize,
    /// Bytes for the text of streams.
    pub(super) text: usize,
    /// Bytes for text that was unpacked ahead.
    pub(super) unpacked: usize,
    /// What a decoder may have at most for its dictionary, which comes on top.
    pub(super) dictionary: u64,
}

/// Workers that are asked for.
fn workers_of(options: &Options) -> usize {
    options.workers.unwrap_or_else(default_workers).clamp(1, MAX_WORKERS)
}

/// Memory for all processes together.
pub(super) fn memory_of(options: &Options) -> u64 {
    options.memory.unwrap_or((64 + 16 * workers_of(options) as u64) << 20)
}

impl Budget {
    /// Parts the memory for rows of `row_size` bytes: half of it for the ring,
    /// a quarter for the workers' input, the rest for the text of streams and
    /// everything else. No `row_size` means that it will be known when the first
    /// bytes of a stream are read.
    pub(super) fn new(options: &Options, row_size: Option<usize>) -> Result<Self> {
        let (asked, memory) = (workers_of(options), memory_of(options));
        if memory < MIN_MEMORY {
            return Err(LoadError::Memory { what: "reading text", need: MIN_MEMORY, have: memory });
        }
        // Fewer workers with buffers worth having beat many without.
        let affordable = usize::try_from(memory / MIN_SHARE).unwrap_or(usize::MAX);
        let workers = asked.min(affordable);
        let ring = usize::try_from(memory / 2).unwrap_or(usize::MAX);
        let line = usize::try_from(memory / 4).unwrap_or(usize::MAX);
        let input = line / workers;
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
        let unpacked = line / 4;
        let (text, dictionary) = (line - unpacked, memory);
        Ok(Self { workers, piece, input, line, buffer, fill, buffers, text, unpacked, dictionary })
    }

    /// The same with so many workers at most.
    pub(super) fn for_workers(self, most: usize) -> Self {
        let workers = self.workers.min(most.max(1));
        Self { workers, buffers: self.buffers.min(2 * workers + 2), ..self }
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

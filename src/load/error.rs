//! What can go wrong on the way from text to rows, with the place it happened.

mod display;

use core::ops::Range;
use std::boxed::Box;
use std::io;
use std::path::{Path, PathBuf};
use std::string::String;

use super::decode;
use super::inflate::{Compression, Damage};
use super::options::ColumnRef;
use crate::error::{Error, code};
use crate::sys::Ended;
use crate::text::Encoding;

/// Result of a load.
pub type Result<T> = core::result::Result<T, LoadError>;

/// Why text did not become rows.
#[derive(Debug)]
#[non_exhaustive]
pub enum LoadError {
    /// An input cannot be read.
    Input {
        /// Its place in the list of inputs, from 0.
        input: usize,
        /// The input.
        path: PathBuf,
        /// Why.
        reason: InputFault,
    },
    /// A line is not as it should be.
    Text(Box<TextError>),
    /// A worker died twice on the same piece of work.
    Worker {
        /// The input's place, from 0.
        input: usize,
        /// The input.
        path: PathBuf,
        /// First byte of the piece.
        start: u64,
        /// First byte behind it.
        end: u64,
        /// How the worker died the second time.
        how: Ended,
    },
    /// Every worker and every spare died.
    NoWorkers,
    /// The memory given is too small for what has to be done.
    Memory {
        /// What does not fit.
        what: &'static str,
        /// Bytes that it needs.
        need: u64,
        /// Bytes that there are.
        have: u64,
    },
    /// `usecols` does not fit the dtype.
    Usecols {
        /// Columns asked for.
        given: usize,
        /// Fields of the dtype.
        fields: u64,
    },
    /// The characters that part fields, begin comments, enclose fields and stand before
    /// fractions cannot be told apart.
    Format,
    /// A field of the dtype has no text form yet.
    NoTextForm {
        /// Name of the field, empty for a scalar dtype.
        field: String,
        /// Its type.
        dtype: String,
    },
    /// Two inputs for one array have different numbers of columns.
    ColumnsDiffer {
        /// The first input that has rows.
        first: PathBuf,
        /// Its columns.
        columns: u32,
        /// The other input's place, from 0.
        input: usize,
        /// The other input.
        path: PathBuf,
        /// The columns there.
        here: u32,
    },
    /// A column is asked for by its name, and the inputs have no header that names it.
    NoHeader {
        /// The name.
        name: String,
    },
    /// No column has this name.
    NoColumn {
        /// The name.
        name: String,
        /// The names that there are, by commas.
        names: String,
    },
    /// What is said about a column means nothing: it is not read, or it is not there.
    ColumnNotRead {
        /// The column as it was given.
        column: ColumnRef,
    },
    /// One column has two values for missing ones.
    TwoFills,
    /// The value for missing ones is none of its column.
    Fill {
        /// The value.
        value: String,
        /// The type of the column, none if it is none of any column.
        dtype: Option<String>,
    },
    /// The user asked to stop.
    Cancelled,
    /// An error of the core.
    Core(Error),
    /// The sink could not take the rows.
    Sink(Box<dyn core::error::Error + Send + Sync>),
}

/// Why an input cannot be read.
#[derive(Debug)]
#[non_exhaustive]
pub enum InputFault {
    /// The system says no.
    Io(io::Error),
    /// It is a directory.
    Directory,
    /// It is a socket or a block device.
    NotRegular,
    /// It has no rows.
    Empty,
    /// The line that is to name its columns names none.
    NoNames {
        /// Line number, from 1.
        line: u64,
    },
    /// It must have the names of columns that the first input has, and has others.
    NamesDiffer {
        /// The column, from 1.
        column: u32,
        /// Its name; none if there are fewer columns.
        name: Option<String>,
        /// The first input.
        first: PathBuf,
        /// The name there; none if there are fewer columns.
        first_name: Option<String>,
    },
    /// It was replaced or became shorter while it was read.
    Changed,
    /// It is no text, or in another encoding.
    NotPlain(&'static str),
    /// It is compressed, and cannot be unpacked to its end.
    Compressed {
        /// How.
        compression: Compression,
        /// What is wrong.
        damage: Damage,
        /// Byte of the compressed input.
        offset: u64,
    },
    /// Its bytes are not text in the encoding that was asked for.
    Decode {
        /// The encoding.
        encoding: decode::Encoding,
        /// What is wrong.
        why: &'static str,
        /// The first byte that is wrong, of the input as it is when it is unpacked.
        offset: u64,
    },
    /// One of its rows does not fit a buffer.
    RowTooLong {
        /// Bytes that it needs.
        need: u64,
        /// Bytes of a buffer.
        have: u64,
    },
    /// A line that is skipped is not in the encoding.
    Encoding {
        /// What it is not.
        encoding: Encoding,
        /// Line number, from 1.
        line: u64,
        /// The first byte of the file that is wrong.
        offset: u64,
    },
    /// A line, or a row whose quotes hold line ends, needs more memory than there is for it.
    LineTooLong {
        /// Bytes that fit.
        limit: u64,
        /// Line number, from 1.
        line: u64,
    },
    /// The lines to leave out at the end of a stream need more memory than there is for them.
    FooterTooLong {
        /// Lines to leave out.
        lines: u64,
        /// Bytes that fit.
        limit: u64,
    },
    /// Bad rows are left out, and all of its rows are bad.
    AllBad {
        /// Its rows.
        rows: u64,
        /// What is wrong with the first one, if that was kept.
        first: Option<Box<TextError>>,
    },
}

/// A place in a file, and what is wrong there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextError {
    /// The input's place in the list of inputs, from 0.
    pub input: usize,
    /// The input.
    pub path: PathBuf,
    /// Line from 1, skipped, blank and comment lines counted.
    pub line: u64,
    /// Row from 0, as `np.loadtxt` counts: lines that hold no row left out. Bad rows count.
    pub row: u64,
    /// Column of the file from 1; 0 if the row as a whole is meant.
    pub column: u32,
    /// Byte of the text, as it is when it is unpacked, at which the offending text starts. None
    /// in text that was UTF-16 or UTF-32, of which rows are read as UTF-8.
    pub offset: Option<u64>,
    /// The offending text without its quotes, cut to 400 bytes.
    pub text: String,
    /// The line where it starts; of a long one what is around it, with `...` for the rest.
    pub line_text: String,
    /// Characters of `line_text` that are the offending text; none if the row as a whole is
    /// meant.
    pub caret: Range<usize>,
    /// What is wrong.
    pub problem: Problem,
}

/// What is wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Problem {
    /// A field does not convert.
    Convert {
        /// Its type, as NumPy writes it.
        dtype: String,
        /// Name of the field, empty for a scalar dtype.
        field: String,
        /// What text of this type looks like.
        expected: &'static str,
    },
    /// Another number of columns than in the rows before.
    ColumnsChanged {
        /// Columns so far.
        from: u32,
        /// Columns here.
        to: u32,
    },
    /// Another number of columns than the dtype has fields.
    ColumnsRequired {
        /// Fields of the dtype.
        need: u32,
        /// Columns here.
        found: u32,
    },
    /// `usecols` names a column that the row does not have.
    ColumnIndex {
        /// The index as given.
        index: i32,
        /// Columns here.
        found: u32,
    },
    /// Bytes that are not in the encoding.
    Encoding {
        /// What they are not.
        encoding: Encoding,
    },
}

/// Where in the inputs an error lies. Of what is not known, a number is 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position<'a> {
    /// The input's place in the list of inputs, from 0.
    pub input: usize,
    /// The input.
    pub path: &'a Path,
    /// Line from 1, skipped, blank and comment lines counted.
    pub line: u64,
    /// Row from 0.
    pub row: u64,
    /// Column of the text from 1; 0 if the row as a whole is meant.
    pub column: u32,
    /// Byte of the input, or of its text as it is when it is unpacked; none if it is not known.
    pub byte: Option<u64>,
}

impl LoadError {
    /// The error of a sink as what it was, if it was one of these.
    pub(crate) fn of_sink<E: core::error::Error + 'static>(self) -> core::result::Result<E, Self> {
        match self {
            Self::Sink(inner) => inner.downcast().map(|own| *own).map_err(Self::Sink),
            other => Err(other),
        }
    }

    /// The stable code of this error, see [`code`].
    #[must_use]
    pub fn code(&self) -> i32 {
        match self {
            Self::Input { reason, .. } => reason.code(),
            Self::Text(_) => code::TEXT,
            Self::Worker { .. } | Self::NoWorkers => code::WORKERS,
            Self::Memory { .. } => code::MEMORY,
            Self::Usecols { .. }
            | Self::Format
            | Self::NoHeader { .. }
            | Self::NoColumn { .. }
            | Self::ColumnNotRead { .. }
            | Self::TwoFills
            | Self::Fill { .. } => Error::Argument.code(),
            Self::NoTextForm { .. } => Error::NotText { node: 0 }.code(),
            Self::ColumnsDiffer { .. } => code::COLUMNS,
            Self::Cancelled => code::CANCELLED,
            Self::Core(error) => error.code(),
            Self::Sink(_) => code::SINK,
        }
    }

    /// The `errno` behind it, 0 if none.
    #[must_use]
    pub fn errno(&self) -> i32 {
        match self {
            Self::Input { reason: InputFault::Io(error), .. } => error.raw_os_error().unwrap_or(0),
            Self::Core(error) => error.errno(),
            _ => 0,
        }
    }

    /// Where in the inputs it lies, if it is about one of them.
    #[must_use]
    pub fn position(&self) -> Option<Position<'_>> {
        let at = |input, path| Position { input, path, line: 0, row: 0, column: 0, byte: None };
        match self {
            Self::Text(error) => Some(Position {
                line: error.line,
                row: error.row,
                column: error.column,
                byte: error.offset,
                ..at(error.input, &error.path)
            }),
            Self::Input { input, path, reason } => {
                let (line, byte) = match *reason {
                    InputFault::Encoding { line, offset, .. } => (line, Some(offset)),
                    InputFault::Decode { offset, .. } | InputFault::Compressed { offset, .. } => {
                        (0, Some(offset))
                    }
                    InputFault::LineTooLong { line, .. } | InputFault::NoNames { line } => {
                        (line, None)
                    }
                    InputFault::AllBad { first: Some(ref first), .. } => (first.line, first.offset),
                    _ => (0, None),
                };
                Some(Position { line, byte, ..at(*input, path) })
            }
            Self::Worker { input, path, start, .. } => {
                Some(Position { byte: Some(*start), ..at(*input, path) })
            }
            Self::ColumnsDiffer { input, path, .. } => Some(at(*input, path)),
            _ => None,
        }
    }
}

impl InputFault {
    const fn code(&self) -> i32 {
        match self {
            Self::Compressed { damage: Damage::Memory, .. } => code::MEMORY,
            Self::Io(_)
            | Self::Directory
            | Self::NotRegular
            | Self::Changed
            | Self::NotPlain(_)
            | Self::Compressed { .. } => code::INPUT,
            Self::Empty => code::EMPTY,
            Self::NamesDiffer { .. } => code::COLUMNS,
            Self::Encoding { .. }
            | Self::Decode { .. }
            | Self::AllBad { .. }
            | Self::NoNames { .. } => code::TEXT,
            Self::RowTooLong { .. } | Self::LineTooLong { .. } | Self::FooterTooLong { .. } => {
                code::MEMORY
            }
        }
    }
}

impl core::error::Error for LoadError {}

impl core::error::Error for InputFault {}

/// A reader may give a fault of its own instead of the system's.
impl From<io::Error> for InputFault {
    fn from(error: io::Error) -> Self {
        error.downcast().unwrap_or_else(Self::Io)
    }
}

impl From<Error> for LoadError {
    fn from(error: Error) -> Self {
        Self::Core(error)
    }
}

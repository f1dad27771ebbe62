//! Errors in words: one sentence each, for people. It names the options of the library, not
//! the flags of the command.

use core::fmt;
use std::io;

use super::{InputFault, LoadError, Problem, TextError};
use crate::error::Error;
use crate::load::options::ColumnRef;
use crate::sys;
use crate::text::Encoding;

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Convert { dtype, field, expected } => {
                write!(f, "to {dtype}")?;
                if !field.is_empty() {
                    write!(f, " (field '{field}')")?;
                }
                write!(f, ": expected {expected}")
            }
            Self::ColumnsChanged { from, to } => write!(
                f,
                "the number of columns changed from {from} to {to}; use usecols to select a subset"
            ),
            Self::ColumnsRequired { need, found } => write!(
                f,
                "the dtype has {need} fields, the line {found} columns; use usecols to select a subset"
            ),
            Self::ColumnIndex { index, found } => {
                write!(f, "column {index} of usecols does not exist: the line has {found} columns")
            }
            Self::Encoding { encoding } => write!(f, "not {}", name(*encoding)),
        }
    }
}

impl fmt::Display for TextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:", self.path.display(), self.line)?;
        if self.column > 0 {
            write!(f, "{}:", self.column)?;
        }
        match &self.problem {
            convert @ Problem::Convert { .. } => {
                write!(f, " could not convert '{}' {convert}", Short(&self.text))
            }
            Problem::Encoding { encoding } => {
                write!(f, " '{}' is not {}", Short(&self.text), name(*encoding))
            }
            other => write!(f, " {other}"),
        }?;
        match self.offset {
            Some(offset) => write!(f, " (row {}, byte {offset})", self.row),
            None => write!(f, " (row {})", self.row),
        }
    }
}

const fn name(encoding: Encoding) -> &'static str {
    match encoding {
        Encoding::Utf8 => "UTF-8",
        Encoding::Latin1 => "latin1",
        Encoding::Ascii => "ASCII",
    }
}

/// Text as far as a message has room for it.
struct Short<'a>(&'a str);

impl fmt::Display for Short<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.char_indices().nth(100) {
            Some((end, _)) => write!(f, "{}...", self.0.get(..end).unwrap_or_default()),
            None => f.write_str(self.0),
        }
    }
}

impl fmt::Display for InputFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => match error.kind() {
                io::ErrorKind::NotFound => f.write_str("no such file"),
                io::ErrorKind::PermissionDenied => f.write_str("permission denied"),
                _ => write!(f, "{error}"),
            },
            Self::Directory => f.write_str("is a directory"),
            Self::NotRegular => {
                f.write_str("is a socket or a block device: text is read from files and pipes")
            }
            Self::Empty => f.write_str("has no rows (allow_empty accepts that)"),
            Self::NotPlain(what) => write!(f, "is {what}"),
            Self::NoNames { line } => {
                write!(f, "line {line} is to name the columns, and has no names (skiprows)")
            }
            Self::NamesDiffer { column, name, first, first_name } => {
                write!(f, "column {column} is ")?;
                called(name.as_deref(), f)?;
                write!(f, ", in {} it is ", first.display())?;
                called(first_name.as_deref(), f)
            }
            Self::Changed => f.write_str("changed while it was read"),
            Self::Compressed { compression, damage, offset } => {
                damage.describe(*compression, *offset, f)
            }
            Self::Decode { encoding, why, offset } => {
                write!(f, "is not {encoding}: {why} (byte {offset})")
            }
            Self::RowTooLong { need, have } => write!(
                f,
                "a row needs {need} bytes, a buffer has {have}: name the widest input first, or \
                 give more memory"
            ),
            Self::FooterTooLong { lines, limit } => write!(
                f,
                "the last {lines} lines, which are not to be read, are longer than {limit} bytes; \
                 more memory gives them room"
            ),
            Self::AllBad { rows, first } => {
                write!(f, "none of its {rows} rows can be read")?;
                first.as_ref().map_or(Ok(()), |first| write!(f, "; the first one: {first}"))
            }
            Self::Encoding { encoding, line, offset } => {
                write!(f, "line {line} is not {} (byte {offset})", name(*encoding))
            }
            Self::LineTooLong { limit, line } => write!(
                f,
                "line {line} is longer than {limit} bytes; is this the right file? \
                 more memory gives longer lines room"
            ),
        }
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Input { path, reason, .. } => write!(f, "{}: {reason}", path.display()),
            Self::Text(error) => write!(f, "{error}"),
            Self::Worker { path, start, end, how, .. } => {
                write!(f, "{}: a worker died twice ({}) ", path.display(), *how)?;
                write!(f, "reading bytes {start} to {end}")
            }
            Self::NoWorkers => f.write_str("every worker process died"),
            Self::Memory { what, need, have } => {
                write!(f, "{what} needs {need} bytes, {have} are there; give more memory")
            }
            Self::Usecols { given, fields } => write!(
                f,
                "usecols names {given} columns, the dtype has {fields} fields: they must be as many"
            ),
            Self::Format => f.write_str(
                "delimiter, comments, quote and decimal point cannot be told apart; without a \
                 delimiter, white space parts the fields and can be nothing else, and comment \
                 strings cannot be combined with quotes",
            ),
            Self::NoTextForm { field, dtype } if field.is_empty() => {
                write!(f, "{dtype} cannot be read from text yet")
            }
            Self::NoTextForm { field, dtype } => {
                write!(f, "field '{field}': {dtype} cannot be read from text yet")
            }
            Self::ColumnsDiffer { first, columns, path, here, .. } => write!(
                f,
                "{}: has {here} columns, {} has {columns}: they cannot be one array",
                path.display(),
                first.display()
            ),
            Self::NoHeader { name } => {
                write!(f, "column '{name}' cannot be found without a header")
            }
            Self::NoColumn { name, names } => {
                write!(f, "no column is called '{name}'; there are: {names}")
            }
            Self::ColumnNotRead { column } => match column {
                ColumnRef::Index(index) => write!(f, "column {index} is not among those read"),
                ColumnRef::Name(name) => write!(f, "column '{name}' is not among those read"),
            },
            Self::TwoFills => {
                f.write_str("a column has two values for missing ones: give each column one")
            }
            Self::Fill { value, dtype: Some(dtype) } => {
                write!(f, "the value for missing ones, '{value}', is none of {dtype}")
            }
            Self::Fill { value, dtype: None } => {
                write!(f, "the value for missing ones, '{value}', is none of any column")
            }
            Self::Cancelled => f.write_str("cancelled"),
            Self::Core(Error::Os { call, errno }) => {
                write!(f, "{call}: {}", io::Error::from_raw_os_error(*errno))?;
                match *errno {
                    sys::EMFILE => f.write_str("; raise 'ulimit -n' or use fewer workers"),
                    sys::ENOMEM => f.write_str("; give less memory or use fewer workers"),
                    _ => Ok(()),
                }
            }
            Self::Core(error) => write!(f, "{error}"),
            Self::Sink(error) => write!(f, "{error}"),
        }
    }
}

/// A name of a column, if there is one.
fn called(name: Option<&str>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match name {
        Some(name) => write!(f, "called '{name}'"),
        None => f.write_str("missing"),
    }
}

#[cfg(test)]
mod tests {
    use std::boxed::Box;
    use std::path::PathBuf;
    use std::string::ToString;

    use super::*;
    use crate::load::{Compression, Damage};

    /// Who reads them may have called a library.
    #[test]
    fn messages_name_options_and_no_flags_of_the_command() {
        let (limit, line) = (1, 2);
        let faults = [
            (InputFault::Empty, "allow_empty"),
            (InputFault::NoNames { line }, "skiprows"),
            (InputFault::RowTooLong { need: 2, have: 1 }, "more memory"),
            (InputFault::LineTooLong { limit, line }, "more memory"),
            (InputFault::FooterTooLong { lines: 3, limit }, "more memory"),
            (
                InputFault::Compressed {
                    compression: Compression::Xz,
                    damage: Damage::Memory,
                    offset: 0,
                },
                "more memory",
            ),
        ];
        let inputs = faults.map(|(reason, word)| {
            (LoadError::Input { input: 0, path: PathBuf::from("a"), reason }, word)
        });
        let descriptors = Error::Os { call: "open", errno: sys::EMFILE };
        let memory = Error::Os { call: "mmap", errno: sys::ENOMEM };
        let others = [
            (LoadError::Memory { what: "one row", need: 2, have: 1 }, "more memory"),
            (LoadError::NoHeader { name: "x".into() }, "header"),
            (LoadError::Core(descriptors), "fewer workers"),
            (LoadError::Core(memory), "less memory"),
        ];
        for (error, word) in inputs.into_iter().chain(others) {
            let text = error.to_string();
            assert!(text.contains(word) && !text.contains("--"), "{text}");
        }
        let row = |problem| TextError {
            input: 0,
            path: PathBuf::from("a"),
            line,
            row: 1,
            column: 0,
            offset: Some(4),
            text: "x".into(),
            line_text: "x".into(),
            caret: 0..0,
            problem,
        };
        for problem in [
            Problem::ColumnsChanged { from: 1, to: 2 },
            Problem::ColumnsRequired { need: 1, found: 2 },
        ] {
            let text = LoadError::Text(Box::new(row(problem))).to_string();
            assert!(text.contains("use usecols to select a subset (row 1, byte 4)"), "{text}");
        }
    }
}

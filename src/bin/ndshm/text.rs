//! How text is read: the options that `convert` and `load` share.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use clap::{Args as ClapArgs, ValueEnum};
use ndshm::error::Error;
use ndshm::load::{Comments, Encoding, Input, OnBadRows, Options, RowType};
use ndshm::text::Delimiter;

use crate::output::Failure;
use crate::parse;

/// How text is read; the names are those of np.loadtxt.
#[derive(Debug, ClapArgs)]
pub(crate) struct TextArgs {
    /// Text tables to read: files, plain or compressed (gzip, bzip2, xz, zstd), FIFOs, or '-' for
    /// standard input
    #[arg(value_name = "INPUT", required_unless_present = "files_from0")]
    inputs: Vec<PathBuf>,

    /// Read the names of the inputs from FILE, each ended by NUL; '-' is standard input
    #[arg(long, value_name = "FILE", conflicts_with = "inputs", help_heading = "Text")]
    files_from0: Option<PathBuf>,

    /// Type of a row: NumPy's descr text, 'name:type,...', or one type for a 2-D table; @FILE
    /// reads it from a file; 'auto' finds it in the text; so are the width of a bare 'S' or 'U'
    /// and the unit of a bare 'M8'
    #[arg(short = 't', long, value_name = "DTYPE", default_value = "auto", help_heading = "Text")]
    dtype: String,

    /// Character between fields, '\t' or 'tab' for the tabulator [default: any white space; without
    /// --dtype it is found, as are quotes, header and decimal comma]
    #[arg(short, long, value_name = "CHAR", value_parser = parse::delimiter, help_heading = "Text")]
    delimiter: Option<char>,

    /// The first line of each input has the names of its columns
    #[arg(long, help_heading = "Text")]
    header: bool,

    /// What starts a comment; '' for nothing; may be given several times
    #[arg(long, value_name = "TEXT", default_value = "#", help_heading = "Text")]
    comments: Vec<String>,

    /// Character around fields that hold delimiters or line ends, such as '"'
    #[arg(long, visible_alias = "quote", value_name = "CHAR", value_parser = parse::character, help_heading = "Text")]
    quotechar: Option<char>,

    /// Columns to read, by place from 0 or by the name in the header, such as '0,3,-1' or
    /// 'chr,pos'; negative ones count from the end
    #[arg(long, value_name = "LIST", value_parser = parse::usecols, allow_hyphen_values = true, help_heading = "Text")]
    usecols: Option<parse::Usecols>,

    /// Lines to skip at the start of each input
    #[arg(long, value_name = "N", default_value_t = 0, help_heading = "Text")]
    skiprows: u64,

    /// Lines to leave out at the end of each input
    #[arg(long, value_name = "N", default_value_t = 0, help_heading = "Text")]
    skip_footer: u64,

    /// Rows to read of each input
    #[arg(long, value_name = "N", help_heading = "Text")]
    max_rows: Option<u64>,

    /// Text of a missing value, of every column or as COLUMN=TEXT; may be given several times
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true, help_heading = "Text")]
    missing: Vec<parse::PerColumn>,

    /// What a missing value becomes, of every column or as COLUMN=VALUE [default: nan, NaT, an
    /// empty string]
    #[arg(long, value_name = "VALUE", allow_hyphen_values = true, help_heading = "Text")]
    fill: Vec<parse::PerColumn>,

    /// What becomes of rows that cannot be read
    #[arg(long, value_enum, default_value_t = BadRows::Error, value_name = "WHAT", help_heading = "Text")]
    on_bad_rows: BadRows,

    /// Character before the fraction of a number
    #[arg(long, value_name = "CHAR", default_value = ".", value_parser = parse::character, help_heading = "Text")]
    decimal: char,

    /// Encoding of the text: utf-8, utf-8-sig, latin1, ascii, utf-16, utf-32, -le and -be of these
    #[arg(long, value_name = "NAME", default_value = "utf-8", value_parser = parse::encoding, help_heading = "Text")]
    encoding: Encoding,

    /// Accept inputs without rows
    #[arg(long, help_heading = "Text")]
    allow_empty: bool,

    /// Worker processes [default: the processors that may be used]
    #[arg(short = 'j', long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024), help_heading = "Resources")]
    workers: Option<u16>,

    /// Memory to use at most, such as 200M [default: 64M and 16M a worker]
    #[arg(long, value_name = "SIZE", value_parser = parse::size, help_heading = "Resources")]
    memory: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum BadRows {
    /// Stop with an error
    Error,
    /// Leave them out, and report the first ten
    Skip,
}

/// What is read, and how.
pub(crate) struct TextSource {
    pub(crate) inputs: Vec<Input>,
    pub(crate) rows: RowType,
    pub(crate) options: Options,
}

impl TextArgs {
    /// The input, if it is only one.
    pub(crate) fn only_input(&self) -> Option<&Path> {
        match self.inputs.as_slice() {
            [one] => Some(one),
            _ => None,
        }
    }

    /// Workers at most.
    pub(crate) fn workers(&self) -> Option<usize> {
        self.workers.map(usize::from)
    }

    pub(crate) fn source(&self) -> Result<TextSource, Failure> {
        let inputs = match &self.files_from0 {
            Some(list) => names_from(list)?.into_iter().map(Input::from).collect(),
            None => self.inputs.iter().map(|path| input(path)).collect::<Result<_, _>>()?,
        };
        Ok(TextSource { inputs, rows: row_type(&self.dtype)?, options: self.options() })
    }

    fn options(&self) -> Options {
        Options {
            delimiter: self.delimiter.map_or(Delimiter::Whitespace, Delimiter::Char),
            comments: comments(&self.comments),
            quote: self.quotechar,
            decimal: self.decimal,
            encoding: self.encoding,
            header: self.header,
            skiprows: self.skiprows,
            skip_footer: self.skip_footer,
            max_rows: self.max_rows,
            usecols: self.usecols.as_ref().map(|list| list.0.clone()),
            missing: self.missing.iter().map(parse::PerColumn::missing).collect(),
            fill: self.fill.iter().map(parse::PerColumn::fill).collect(),
            on_bad_rows: match self.on_bad_rows {
                BadRows::Error => OnBadRows::Error,
                BadRows::Skip => OnBadRows::Skip,
            },
            workers: self.workers.map(usize::from),
            memory: self.memory,
            allow_empty: self.allow_empty,
            // Who gives a type has said how the text is read: as np.loadtxt does.
            sniff: self.delimiter.is_none() && self.dtype == "auto",
            // Tests force tiny pieces with it.
            piece_bytes: std::env::var("NDSHM_PIECE_BYTES").ok().and_then(|n| n.parse().ok()),
        }
    }
}

/// One entry of one character is a comment character, which quotes may hide; anything else are
/// strings, as np.loadtxt has it.
fn comments(given: &[String]) -> Comments {
    let mut entries = given.iter().filter(|text| !text.is_empty());
    match (entries.next(), entries.next()) {
        (None, _) => Comments::None,
        (Some(one), None) if one.chars().count() == 1 => {
            one.chars().next().map_or(Comments::None, Comments::Char)
        }
        _ => Comments::Strings(given.iter().filter(|text| !text.is_empty()).cloned().collect()),
    }
}

/// A file, or standard input if it is called '-'.
fn input(path: &Path) -> Result<Input, Failure> {
    if path != Path::new("-") {
        return Ok(Input::from(path));
    }
    let fd = io::stdin().as_fd().try_clone_to_owned();
    Ok(Input::descriptor("stdin", fd.map_err(|error| Failure::about("stdin", error))?))
}

/// The names of inputs in a file, each ended by NUL.
fn names_from(list: &Path) -> Result<Vec<PathBuf>, Failure> {
    let read = if list == Path::new("-") {
        let mut bytes = Vec::new();
        io::stdin().lock().read_to_end(&mut bytes).map(|_| bytes)
    } else {
        fs::read(list)
    };
    let bytes = read.map_err(|error| Failure::about(list.display(), error))?;
    let names = bytes.split(|&b| b == 0).filter(|name| !name.is_empty());
    let names: Vec<_> = names.map(|name| PathBuf::from(OsStr::from_bytes(name))).collect();
    if names.is_empty() {
        return Err(Failure::about(list.display(), "names no inputs"));
    }
    Ok(names)
}

/// A dtype, given as text or in a file.
fn row_type(text: &str) -> Result<RowType, Failure> {
    let Some(file) = text.strip_prefix('@') else {
        return RowType::parse(text).map_err(|error| dtype_failure("--dtype", text, error));
    };
    let text = fs::read_to_string(file).map_err(|error| Failure::about(file, error))?;
    RowType::parse(&text).map_err(|error| dtype_failure(file, &text, error))
}

/// Shows where in its text a dtype went wrong.
fn dtype_failure(whence: &str, text: &str, error: Error) -> Failure {
    let Error::DType { at, fault } = error else { return Failure::about(whence, error) };
    let mut at = (at as usize).min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    let start = text[..at].rfind('\n').map_or(0, |n| n + 1);
    let line = text[start..].lines().next().unwrap_or_default();
    let number = text[..start].matches('\n').count() + 1;
    let column = text[start..at].chars().count();
    // A window of the line, so that the caret is on the screen.
    let skip = column.saturating_sub(60);
    let window: String = line.chars().skip(skip).take(76).collect();
    let caret = " ".repeat(column - skip);
    let place = if text.contains('\n') { format!("{whence}:{number}") } else { whence.into() };
    Failure::new(format!("{place}: {fault}")).showing([window, caret + "^"])
}

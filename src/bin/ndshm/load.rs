//! `ndshm load`, and what it shares with `convert`.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Instant;

use ndshm::dtype_buf::DTypeBuf;
use ndshm::error::Error;
use ndshm::load::{ColumnRef, Comments, Input, LoadError, Options, SegmentOptions, load_segment};
use ndshm::segment::Name;
use ndshm::text::Delimiter;

use crate::args::{LoadArgs, TextArgs};
use crate::output::{Failure, human, shape, shm_error, shortened};

/// What is read, and how.
pub(crate) struct TextSource {
    pub(crate) inputs: Vec<Input>,
    pub(crate) dtype: DTypeBuf,
    pub(crate) options: Options,
}

pub(crate) fn text_source(args: &TextArgs) -> Result<TextSource, Failure> {
    let inputs = match &args.files_from0 {
        Some(list) => names_from(list)?.into_iter().map(Input::from).collect(),
        None => args.inputs.iter().map(|path| input(path)).collect::<Result<_, _>>()?,
    };
    let delimiter =
        args.delimiter.map_or(Delimiter::Whitespace, |byte| Delimiter::Char(byte.into()));
    let comments = args.comments.0.map_or(Comments::None, |byte| Comments::Char(byte.into()));
    let options = Options {
        delimiter,
        comments,
        skiprows: args.skiprows,
        max_rows: args.max_rows,
        usecols: args
            .usecols
            .as_ref()
            .map(|list| list.0.iter().copied().map(ColumnRef::Index).collect()),
        workers: args.workers.map(usize::from),
        memory: args.memory,
        allow_empty: args.allow_empty,
        // Tests force tiny pieces with it.
        piece_bytes: std::env::var("NDSHM_PIECE_BYTES").ok().and_then(|n| n.parse().ok()),
        ..Options::default()
    };
    Ok(TextSource { inputs, dtype: dtype(&args.dtype)?, options })
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
fn dtype(text: &str) -> Result<DTypeBuf, Failure> {
    let Some(file) = text.strip_prefix('@') else {
        return DTypeBuf::parse(text).map_err(|error| dtype_failure("--dtype", text, error));
    };
    let text = fs::read_to_string(file).map_err(|error| Failure::about(file, error))?;
    DTypeBuf::parse(&text).map_err(|error| dtype_failure(file, &text, error))
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

pub(crate) fn run(args: &LoadArgs) -> Result<(), Failure> {
    let TextSource { inputs, dtype, options } = text_source(&args.text)?;
    let name = Name::new(&args.name).map_err(|error| Failure::about(&args.name, error))?;
    let cancel = crate::cancel_on_signals()?;
    let start = Instant::now();
    let made = SegmentOptions::default();
    let segment = load_segment(inputs, &name, dtype.as_dtype(), &options, made, cancel)
        .map_err(|error| failure(&args.name, error))?;
    if args.quiet {
        return Ok(());
    }
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "{name}: {} {}, {} in {:.2} s; it stays until 'ndshm rm {name}'",
        shape(segment.shape()),
        shortened(&segment.dtype().to_string(), 300),
        human(segment.data_len() as u64),
        start.elapsed().as_secs_f64(),
        name = args.name,
    )?;
    Ok(())
}

fn failure(name: &str, error: LoadError) -> Failure {
    match error {
        LoadError::Cancelled => Failure::interrupted(),
        LoadError::Core(Error::Exists) => {
            Failure::new(format!("segment '{name}' exists: 'ndshm rm {name}' removes it"))
        }
        LoadError::Core(Error::NoSpace { need, free }) => Failure::new(format!(
            "segment '{name}': shared memory is full: {} are free in /dev/shm, {} more were \
             needed (a container wants a larger --shm-size)",
            human(free),
            human(need)
        )),
        // Nobody asked for one by its name: it is the place that is missing.
        LoadError::Core(Error::NotFound) => Failure::new(format!(
            "segment '{name}': there is no /dev/shm: shared memory needs a tmpfs mounted there"
        )),
        LoadError::Core(error) => Failure::new(format!("segment '{name}': {}", shm_error(error))),
        error => Failure::new(error),
    }
}

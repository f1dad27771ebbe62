//! The inputs as they were when the load began.

use core::cell::Cell;
use std::ffi::CString;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, FileTypeExt, MetadataExt};
use std::path::{self, Path, PathBuf};
use std::vec::Vec;

use super::cancel::Stop;
use super::error::{InputFault, LoadError, Result};
use super::footer;
use super::head::{self, Head};
use super::input::{Input, Stream};
use super::options::Options;
use super::task::FileId;
use crate::error::Error;
use crate::sys::Fd;
use crate::text::Plan;

/// What is known of every input.
#[derive(Debug)]
pub(super) struct Inputs {
    list: Vec<Source>,
    /// The first input's head, which is asked for twice.
    first_head: Cell<Option<Head>>,
}

#[derive(Debug)]
struct Source {
    /// As it was given, for messages.
    path: PathBuf,
    /// Where it is, whatever the current directory is by now.
    place: PathBuf,
    /// `None` for a stream.
    file: Option<FileId>,
    /// How a stream begins.
    start: Vec<u8>,
    /// Where the text of a file ends, if it was looked for.
    text_end: Cell<Option<u64>>,
}

/// What a look at the inputs gives.
#[derive(Debug)]
pub(super) struct Looked {
    pub(super) inputs: Inputs,
    /// For the workers; empty for streams.
    pub(super) c_paths: Vec<CString>,
    /// The inputs that are streams, each in its place.
    pub(super) streams: Vec<Option<Stream>>,
}

impl Inputs {
    /// Looks at every input once, so that a wrong name fails before any work.
    pub(super) fn look<I: Into<Input>>(given: impl IntoIterator<Item = I>) -> Result<Looked> {
        let inputs = Self { list: Vec::new(), first_head: Cell::new(None) };
        let mut looked = Looked { inputs, c_paths: Vec::new(), streams: Vec::new() };
        for (input, given) in given.into_iter().enumerate() {
            let given = given.into();
            let path = given.path().to_path_buf();
            let (place, file, stream) = look(given).map_err(|reason| LoadError::Input {
                input,
                path: path.clone(),
                reason,
            })?;
            looked.c_paths.push(c_path(&place).unwrap_or_default());
            let (start, text_end) = (Vec::new(), Cell::new(None));
            looked.inputs.list.push(Source { path, place, file, start, text_end });
            looked.streams.push(stream);
        }
        Ok(looked)
    }

    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    pub(super) fn path(&self, input: usize) -> PathBuf {
        self.list.get(input).map(|source| source.path.clone()).unwrap_or_default()
    }

    /// The file; `None` for a stream.
    pub(super) fn file(&self, input: usize) -> Option<FileId> {
        self.list.get(input).and_then(|source| source.file)
    }

    /// Bytes of all inputs; 0 if a stream is among them.
    pub(super) fn bytes(&self) -> u64 {
        let sizes = self.list.iter().map(|source| source.file.map(|file| file.size));
        sizes.sum::<Option<u64>>().unwrap_or(0)
    }

    /// Keeps the first bytes of a stream.
    pub(super) fn note_start(&mut self, input: usize, bytes: &[u8]) {
        if let Some(source) = self.list.get_mut(input) {
            let missing = head::SNIFFED.saturating_sub(source.start.len());
            source.start.extend(bytes.iter().take(missing));
        }
    }

    /// What an input is if it is no plain text.
    pub(super) fn sniff(&self, input: usize) -> Option<&'static str> {
        let source = self.list.get(input)?;
        match source.file {
            Some(_) => head::sniff(&head::start_of(&source.place)),
            None => head::sniff(&source.start),
        }
    }

    /// Where the text of a file ends: the last `footer` lines are none.
    pub(super) fn text_end(&self, input: usize, footer: u64, stop: &Stop<'_>) -> Result<u64> {
        let Some(source) = self.list.get(input) else { return Ok(0) };
        let size = source.file.map_or(0, |file| file.size);
        if footer == 0 || size == 0 {
            return Ok(size);
        }
        if let Some(end) = source.text_end.get() {
            return Ok(end);
        }
        let end = footer::start_of(&source.place, size, footer, stop)
            .map_err(|reason| self.stopped(input, reason, stop))?;
        source.text_end.set(Some(end));
        Ok(end)
    }

    /// The error of an input, unless it is that the load was stopped.
    fn stopped(&self, input: usize, reason: InputFault, stop: &Stop<'_>) -> LoadError {
        match self.named(input, reason) {
            _ if stop.is_set() => LoadError::Cancelled,
            error => error,
        }
    }

    /// Reads the head of a file, as far as plan and options ask for it.
    pub(super) fn head(
        &self,
        input: usize,
        plan: &Plan<'_>,
        options: &Options,
        line_limit: usize,
        stop: &Stop<'_>,
    ) -> Result<Head> {
        if let (0, Some(head)) = (input, self.first_head.get()) {
            return Ok(head);
        }
        let size = self.text_end(input, options.skip_footer, stop)?;
        let count = plan.needs_column_count();
        let place = self.list.get(input).map(|source| source.place.as_path());
        let place = place.ok_or(Error::Argument)?;
        let head =
            head::read(place, size, plan.format(), options.skiprows, count, line_limit, stop)
                .map_err(|reason| self.stopped(input, reason, stop))?;
        if input == 0 {
            self.first_head.set(Some(head));
        }
        Ok(head)
    }

    /// The error of an input; bytes that are not UTF-8 may have a simple reason.
    pub(super) fn named(&self, input: usize, reason: InputFault) -> LoadError {
        let reason = match reason {
            InputFault::Encoding { .. } => self.sniff(input).map_or(reason, InputFault::NotPlain),
            other => other,
        };
        LoadError::Input { input, path: self.path(input), reason }
    }
}

/// The place, none for a stream; the file; the stream.
type Look = (PathBuf, Option<FileId>, Option<Stream>);

fn look(input: Input) -> core::result::Result<Look, InputFault> {
    let path = match input {
        Input::Stream(stream) => return Ok((PathBuf::new(), None, Some(stream))),
        Input::File(path) => path,
    };
    let data = fs::metadata(&path).map_err(InputFault::Io)?;
    if data.is_dir() {
        return Err(InputFault::Directory);
    }
    let kind = data.file_type();
    if kind.is_file()
        && !hides_its_size(&path, &data)
        && let Some(place) = lasting(&path, &data)
    {
        let file = FileId { dev: data.dev(), ino: data.ino(), size: data.size() };
        return Ok((place, Some(file), None));
    }
    if !kind.is_file() && !kind.is_fifo() && !kind.is_char_device() {
        return Err(InputFault::NotRegular);
    }
    let fd = c_path(&path).and_then(|path| {
        Fd::open_read(&path).map_err(|error| io::Error::from_raw_os_error(error.errno()))
    });
    Ok((PathBuf::new(), None, Some(Stream::opened(fd.map_err(InputFault::Io)?))))
}

fn c_path(path: &Path) -> io::Result<CString> {
    CString::new(path.as_os_str().as_bytes()).map_err(|_| io::ErrorKind::InvalidInput.into())
}

/// A path that leads to a file also from another directory and from a worker, for whom
/// `/dev/stdin` and `/proc/self/fd/3` are others. None for a file that has no other name.
fn lasting(path: &Path, data: &fs::Metadata) -> Option<PathBuf> {
    let place = path::absolute(path).ok()?;
    if !place.starts_with("/dev") && !place.starts_with("/proc") {
        return Some(place);
    }
    let place = fs::canonicalize(place).ok()?;
    let found = fs::metadata(&place).ok()?;
    (found.dev() == data.dev() && found.ino() == data.ino()).then_some(place)
}

/// A file of the kernel's says that it is empty, and is not.
fn hides_its_size(path: &Path, data: &fs::Metadata) -> bool {
    let read = || fs::File::open(path).and_then(|file| file.read_at(&mut [0], 0));
    data.size() == 0 && read().is_ok_and(|n| n > 0)
}

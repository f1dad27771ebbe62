//! The inputs as they were when the load began.

use core::cell::Cell;
use std::env;
use std::ffi::CString;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{self, Path, PathBuf};
use std::vec::Vec;

use super::cancel::Stop;
use super::decode::{Encoding, MARK};
use super::error::{InputFault, LoadError, Result};
use super::footer;
use super::head::{self, Head};
use super::header::Header;
use super::inflate::{self, Compression};
use super::input::{Input, Packed, Stream};
use super::options::Options;
use super::task::FileId;
use crate::error::Error;
use crate::sys::{self, Fd, Stat};
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
    /// Where the text of a file starts: behind a byte order mark that is left out.
    text_start: u64,
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
    pub(super) fn look<I: Into<Input>>(
        given: impl IntoIterator<Item = I>,
        encoding: Encoding,
    ) -> Result<Looked> {
        let inputs = Self { list: Vec::new(), first_head: Cell::new(None) };
        let mut looked = Looked { inputs, c_paths: Vec::new(), streams: Vec::new() };
        let here = env::current_dir().ok();
        for (input, given) in given.into_iter().enumerate() {
            let given = given.into();
            let path = given.path().to_path_buf();
            let found = match look(given, here.as_deref(), encoding) {
                Ok(found) => found,
                Err(reason) => return Err(LoadError::Input { input, path, reason }),
            };
            let Found { place, file, text_start, stream } = found;
            looked.c_paths.push(c_path(&place).unwrap_or_default());
            let (start, text_end) = (Vec::new(), Cell::new(None));
            looked.inputs.list.push(Source { path, place, file, start, text_start, text_end });
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

    /// Where a file is; nowhere for a stream.
    pub(super) fn place(&self, input: usize) -> &Path {
        self.list.get(input).map_or(Path::new(""), |source| source.place.as_path())
    }

    /// The file; `None` for a stream.
    pub(super) fn file(&self, input: usize) -> Option<FileId> {
        self.list.get(input).and_then(|source| source.file)
    }

    /// Byte of a file at which its text starts.
    pub(super) fn text_start(&self, input: usize) -> u64 {
        self.list.get(input).map_or(0, |source| source.text_start)
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
        header: Option<&Header>,
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
        let head = head::read(
            place,
            (self.text_start(input), size),
            plan.format(),
            options.skiprows,
            header,
            count,
            line_limit,
            stop,
        )
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

/// What an input is: a file that workers read, or a stream.
#[derive(Default)]
struct Found {
    place: PathBuf,
    file: Option<FileId>,
    text_start: u64,
    stream: Option<Stream>,
}

impl Found {
    fn stream(stream: Stream) -> Self {
        Self { stream: Some(stream), ..Self::default() }
    }
}

fn look(
    input: Input,
    here: Option<&Path>,
    encoding: Encoding,
) -> core::result::Result<Found, InputFault> {
    let path = match input {
        Input::Stream(stream) => return Ok(Found::stream(stream)),
        Input::File(path) => path,
    };
    let fd = match open(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            // As NumPy does.
            let other = inflate::find_compressed(&path).ok_or(InputFault::Io(error))?;
            return look(Input::File(other), here, encoding);
        }
        Err(error) if error.raw_os_error() == Some(sys::ENXIO) => {
            return Err(InputFault::NotRegular);
        }
        other => other.map_err(InputFault::Io)?,
    };
    let data = fd.stat().map_err(system)?;
    if data.is_dir() {
        return Err(InputFault::Directory);
    }
    if data.is_file() {
        let mut start = [0; inflate::SNIFFED];
        let seen = fd.read_at(&mut start, 0).map_err(system)?;
        let start = start.get(..seen).unwrap_or_default();
        // A file of the kernel's says that it is empty, and is not.
        if (data.size > 0 || start.is_empty())
            && let Some(place) = lasting(path, here, &data)
        {
            return Ok(regular(place, &data, start, encoding));
        }
    } else if !data.is_fifo() && !data.is_character_device() {
        return Err(InputFault::NotRegular);
    }
    Ok(Found::stream(Stream::opened(fd)))
}

/// A file that begins like this.
fn regular(place: PathBuf, data: &Stat, start: &[u8], encoding: Encoding) -> Found {
    let file = FileId { dev: data.dev, ino: data.ino, size: data.size };
    let compression = Compression::of_file(start, &place);
    if compression.is_some() || (encoding.is_wide() && data.size > 0) {
        return Found::stream(Stream::packed(Packed { place, file, compression }));
    }
    let marked = encoding == Encoding::Utf8Sig && start.starts_with(MARK);
    let text_start = if marked { MARK.len() as u64 } else { 0 };
    Found { place, file: Some(file), text_start, stream: None }
}

fn open(path: &Path) -> io::Result<Fd> {
    Fd::open_read(&c_path(path)?).map_err(|error| io::Error::from_raw_os_error(error.errno()))
}

fn system(error: Error) -> InputFault {
    InputFault::Io(io::Error::from_raw_os_error(error.errno()))
}

fn c_path(path: &Path) -> io::Result<CString> {
    CString::new(path.as_os_str().as_bytes()).map_err(|_| io::ErrorKind::InvalidInput.into())
}

/// A path that leads to a file also from another directory and from a worker, for whom
/// `/dev/stdin` and `/proc/self/fd/3` are others. None for a file that has no other name.
fn lasting(path: PathBuf, here: Option<&Path>, data: &Stat) -> Option<PathBuf> {
    let place = if path.is_absolute() { path } else { here?.join(path) };
    // Of ten thousand paths none is taken apart that cannot be one of these.
    let names = |part: &[u8]| place.as_os_str().as_bytes().windows(part.len()).any(|w| w == part);
    if !names(b"dev") && !names(b"proc") {
        return Some(place);
    }
    let place = path::absolute(place).ok()?;
    if !place.starts_with("/dev") && !place.starts_with("/proc") {
        return Some(place);
    }
    let place = fs::canonicalize(place).ok()?;
    let found = fs::metadata(&place).ok()?;
    (found.dev() == data.dev && found.ino() == data.ino).then_some(place)
}

//! What text is read from: files, which workers read in ranges, and streams,
//! which can be read only once and in order.
//!
//! What is compressed, or in an encoding that has to be made UTF-8 first, is a stream,
//! too: its text is made by threads of its own if it comes from a file or a descriptor,
//! and in place if it comes from any other reader, which only the thread that steps the
//! job may call.

use core::fmt;
use std::boxed::Box;
use std::fs::File;
use std::io::{self, Cursor, Read};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::string::String;
use std::vec::Vec;

use super::error::InputFault;
use super::inflate::{Compression, Crew, Reading, Seen, Unpacking, text_of};
use super::task::FileId;
use crate::sys::{self, Fd, Watch};

/// A compressed file of at most so many bytes is unpacked in place: a thread costs more.
const SMALL: u64 = 16 << 10;

/// One input of a load.
#[derive(Debug)]
pub enum Input {
    /// A file by its path. Workers open it and read ranges of it. A FIFO, a character
    /// device or a file of the kernel's is opened and read as a stream, and so is a file
    /// that is compressed.
    File(PathBuf),
    /// Anything that can only be read from its beginning to its end.
    Stream(Stream),
}

/// Text that comes once and in order, with a name for messages. It may be compressed.
pub struct Stream {
    name: String,
    state: State,
    /// What was read to see what it is, and is to be given first if it is plain text.
    head: Vec<u8>,
    how: Unpacking,
}

enum State {
    /// A file to be unpacked, or to be made UTF-8, and not opened yet.
    Closed(Packed),
    /// Nobody knows what it gives.
    Unseen { reader: Box<dyn Read + Send>, fd: Option<i32> },
    /// Gives text. The descriptor says when, if there is one.
    Text { reader: Box<dyn Read + Send>, fd: Option<i32> },
    /// It could not be begun.
    Broken(Option<io::Error>),
}

/// What a stream reads from.
pub(super) enum Origin {
    /// A file, which can be opened again.
    Packed(Packed),
    /// A reader, and the descriptor that says when there is something to read.
    Reader(Box<dyn Read + Send>, Option<i32>),
}

/// A file that is read as a stream.
#[derive(Debug, Clone)]
pub(super) struct Packed {
    pub(super) place: PathBuf,
    pub(super) file: FileId,
    pub(super) compression: Option<Compression>,
}

impl Input {
    /// Text from a reader. Steps of a job take as long as its `read` takes; one that
    /// answers [`WouldBlock`](io::ErrorKind::WouldBlock) is asked again a little later.
    #[must_use]
    pub fn stream(name: impl Into<String>, reader: impl Read + Send + 'static) -> Self {
        Self::Stream(Stream::new(name.into(), Box::new(reader), None))
    }

    /// Text from a descriptor: a pipe, a socket, a terminal. It is read only when it
    /// has something, so that no step of a job waits longer than asked to.
    #[must_use]
    pub fn descriptor(name: impl Into<String>, fd: impl Into<OwnedFd>) -> Self {
        let file = File::from(fd.into());
        let fd = Some(file.as_raw_fd());
        Self::Stream(Stream::new(name.into(), Box::new(file), fd))
    }

    /// Its path, or the name of the stream.
    #[must_use]
    pub fn path(&self) -> &Path {
        match self {
            Self::File(path) => path,
            Self::Stream(stream) => Path::new(&stream.name),
        }
    }
}

impl<P: Into<PathBuf>> From<P> for Input {
    fn from(path: P) -> Self {
        Self::File(path.into())
    }
}

impl Stream {
    fn new(name: String, reader: Box<dyn Read + Send>, fd: Option<i32>) -> Self {
        Self::of(name, State::Unseen { reader, fd })
    }

    fn of(name: String, state: State) -> Self {
        Self { name, state, head: Vec::new(), how: Unpacking::default() }
    }

    /// A file that cannot be read in ranges, opened by [`Fd::open_read`]: so a FIFO
    /// whose writer has not come yet is not ready, and not at its end.
    pub(super) fn opened(fd: Fd) -> Self {
        let raw = fd.raw();
        Self::new(String::new(), Box::new(Opened(fd)), Some(raw))
    }

    /// What it reads from; it is not begun yet.
    pub(super) fn into_origin(self) -> Origin {
        match self.state {
            State::Closed(packed) => Origin::Packed(packed),
            State::Unseen { reader, fd } | State::Text { reader, fd } => Origin::Reader(reader, fd),
            State::Broken(_) => Origin::Reader(Box::new(io::empty()), None),
        }
    }

    /// What a reader gives, and a descriptor that says when, if there is one.
    pub(super) fn reading(reader: Box<dyn Read + Send>, fd: Option<i32>) -> Self {
        Self::new(String::new(), reader, fd)
    }

    /// A file that has to be unpacked, or made UTF-8.
    pub(super) fn packed(file: Packed) -> Self {
        Self::of(String::new(), State::Closed(file))
    }

    /// Whether it is of use to begin with it before its turn: a file that is unpacked by a
    /// thread of its own.
    pub(super) fn can_go_ahead(&self) -> bool {
        matches!(&self.state, State::Closed(packed) if packed.file.size > SMALL)
    }

    /// Opens a file, and begins to unpack it; a failure is told when it is read. Nothing
    /// for a file that is begun already.
    pub(super) fn begin(&mut self, how: &Unpacking) {
        self.how = *how;
        if let State::Closed(packed) = &self.state {
            self.state = packed.open(how).unwrap_or_else(|error| State::Broken(Some(error)));
        }
    }

    /// The descriptor that says when there is something to read, if there is one. It may
    /// be another one after a read.
    pub(super) const fn fd(&self) -> Option<i32> {
        match &self.state {
            State::Unseen { fd, .. } | State::Text { fd, .. } => *fd,
            State::Closed(_) | State::Broken(_) => None,
        }
    }

    /// Reads what there is; `None` if there is nothing yet.
    pub(super) fn read(&mut self, room: &mut [u8]) -> io::Result<Option<usize>> {
        if let (State::Text { .. }, false) = (&self.state, self.head.is_empty()) {
            return Ok(Some(self.give_head(room)));
        }
        if let Some(fd) = self.fd() {
            let mut watches = [Watch::readable(fd)];
            sys::poll(&mut watches, 0).map_err(|e| io::Error::from_raw_os_error(e.errno()))?;
            if watches.iter().all(|watch| !watch.is_ready()) {
                return Ok(None);
            }
        }
        let (State::Unseen { reader, .. } | State::Text { reader, .. }) = &mut self.state else {
            let State::Broken(error) = &mut self.state else { return Ok(Some(0)) };
            return error.take().map_or(Ok(Some(0)), Err);
        };
        // No reader may make more of it than there is room for.
        let n = match reader.read(room) {
            Ok(n) => n.min(room.len()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
            Err(error) => return Err(error),
        };
        if matches!(self.state, State::Text { .. }) || self.is_plain(room.get(..n)) {
            return Ok(Some(n));
        }
        self.look(room.get(..n).unwrap_or_default())?;
        self.read(room)
    }

    /// Plain text is left where it was read to: nothing of it may have to be unpacked.
    fn is_plain(&mut self, first: Option<&[u8]>) -> bool {
        let plain = self.head.is_empty()
            && !self.how.encoding.is_wide()
            && first.is_some_and(|first| Compression::seen(first) == Seen::Plain);
        if plain && let State::Unseen { reader, fd } = self.take_state() {
            self.state = State::Text { reader, fd };
        }
        plain
    }

    /// Keeps the next bytes of what nobody knows; none are its end. When it is known what it
    /// is, it becomes text.
    fn look(&mut self, next: &[u8]) -> io::Result<()> {
        self.head.extend_from_slice(next);
        let compression = match Compression::seen(&self.head) {
            Seen::Unsure if !next.is_empty() => return Ok(()),
            Seen::Compressed(compression) => Some(compression),
            _ => None,
        };
        if let State::Unseen { reader, fd } = self.take_state() {
            if compression.is_none() && !self.how.encoding.is_wide() {
                self.state = State::Text { reader, fd };
            } else {
                let head = core::mem::take(&mut self.head);
                self.state = text(Reading { head, reader, fd, compression }, &self.how)?;
            }
        }
        Ok(())
    }

    fn take_state(&mut self) -> State {
        core::mem::replace(&mut self.state, State::Broken(None))
    }

    fn give_head(&mut self, room: &mut [u8]) -> usize {
        let n = self.head.len().min(room.len());
        for (to, byte) in room.iter_mut().zip(self.head.drain(..n)) {
            *to = byte;
        }
        n
    }
}

/// The text that is made of what is compressed, or in a wide encoding.
fn text(input: Reading, how: &Unpacking) -> io::Result<State> {
    if input.fd.is_some() {
        return in_thread(input, how);
    }
    let Reading { head, reader, compression, .. } = input;
    let reader = text_of(Cursor::new(head).chain(reader), compression, how);
    Ok(State::Text { reader, fd: None })
}

fn in_thread(input: Reading, how: &Unpacking) -> io::Result<State> {
    let crew = Crew::start(input, how)?;
    let fd = Some(crew.raw_fd());
    Ok(State::Text { reader: Box::new(crew), fd })
}

impl Packed {
    fn open(&self, how: &Unpacking) -> io::Result<State> {
        let file = File::open(&self.place)?;
        let data = file.metadata()?;
        let found = FileId { dev: data.dev(), ino: data.ino(), size: data.size() };
        if found != self.file {
            return Err(io::Error::other(InputFault::Changed));
        }
        let (reader, compression) = (Box::new(file), self.compression);
        let reading = Reading { head: Vec::new(), reader, fd: None, compression };
        if found.size > SMALL { in_thread(reading, how) } else { text(reading, how) }
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream")
            .field("name", &self.name)
            .field("fd", &self.fd())
            .finish_non_exhaustive()
    }
}

/// A descriptor of the system layer's as a reader.
struct Opened(Fd);

impl Read for Opened {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        self.0.read(room).map_err(|error| io::Error::from_raw_os_error(error.errno()))
    }
}

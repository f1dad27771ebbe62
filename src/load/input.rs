//! What text is read from: files, which workers read in ranges, and streams,
//! which can be read only once and in order.

use core::fmt;
use std::boxed::Box;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::string::String;

use crate::sys::{self, Fd, Watch};

/// One input of a load.
#[derive(Debug)]
pub enum Input {
    /// A file by its path. Workers open it and read ranges of it. A FIFO, a character
    /// device or a file of the kernel's is opened and read as a stream.
    File(PathBuf),
    /// Anything that can only be read from its beginning to its end.
    Stream(Stream),
}

/// Text that comes once and in order, with a name for messages.
pub struct Stream {
    name: String,
    reader: Box<dyn Read + Send>,
    /// The reader's own descriptor, if it says when there is something to read.
    fd: Option<i32>,
}

impl Input {
    /// Text from a reader. Steps of a job take as long as its `read` takes; one that
    /// answers [`WouldBlock`](io::ErrorKind::WouldBlock) is asked again a little later.
    #[must_use]
    pub fn stream(name: impl Into<String>, reader: impl Read + Send + 'static) -> Self {
        Self::Stream(Stream { name: name.into(), reader: Box::new(reader), fd: None })
    }

    /// Text from a descriptor: a pipe, a socket, a terminal. It is read only when it
    /// has something, so that no step of a job waits longer than asked to.
    #[must_use]
    pub fn descriptor(name: impl Into<String>, fd: impl Into<OwnedFd>) -> Self {
        let file = File::from(fd.into());
        let fd = Some(file.as_raw_fd());
        Self::Stream(Stream { name: name.into(), reader: Box::new(file), fd })
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
    /// A file that cannot be read in ranges, opened by [`Fd::open_read`]: so a FIFO
    /// whose writer has not come yet is not ready, and not at its end.
    pub(super) fn opened(fd: Fd) -> Self {
        let raw = fd.raw();
        Self { name: String::new(), reader: Box::new(Opened(fd)), fd: Some(raw) }
    }

    pub(super) const fn fd(&self) -> Option<i32> {
        self.fd
    }

    /// Reads what there is; `None` if there is nothing yet.
    pub(super) fn read(&mut self, room: &mut [u8]) -> io::Result<Option<usize>> {
        if let Some(fd) = self.fd {
            let mut watches = [Watch::readable(fd)];
            sys::poll(&mut watches, 0).map_err(|e| io::Error::from_raw_os_error(e.errno()))?;
            if watches.iter().all(|watch| !watch.is_ready()) {
                return Ok(None);
            }
        }
        match self.reader.read(room) {
            // No reader may make more of it than there is room for.
            Ok(n) => Ok(Some(n.min(room.len()))),
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock => Ok(None),
                _ => Err(error),
            },
        }
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream")
            .field("name", &self.name)
            .field("fd", &self.fd)
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

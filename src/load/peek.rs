//! The beginning of the first input, which is looked at before the first pass.

use core::time::Duration;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::thread;
use std::time::Instant;
use std::vec::Vec;

use super::cancel::{Canceller, Stop};
use super::decode::{Encoding, MARK};
use super::engine::Round;
use super::error::{InputFault, LoadError, Result};
use super::input::Stream;
use super::inputs::Inputs;
use super::options::Budget;
use super::pass::ASK_AGAIN_MS;
use super::setup::Setup;
use super::streams::Streams;
use crate::error::Error;
use crate::sys::{Epoll, whole_ms};

/// What the beginning of the first input shows.
#[derive(Debug)]
pub(super) struct Beginning {
    /// Its text, from the start.
    pub(super) text: Vec<u8>,
    /// Where that lies in the input: behind a byte order mark.
    pub(super) offset: u64,
    /// This is all of it.
    pub(super) ends: bool,
}

/// Bytes that are read at once.
const BLOCK: usize = 64 << 10;

/// Reads the beginning of a file, until it is enough or as long as a line may be.
pub(super) fn read_file(inputs: &Inputs, setup: &Setup, stop: &Stop<'_>) -> Result<Beginning> {
    let limit = Budget::new(&setup.options, Some(0))?.line;
    let size = inputs.file(0).map_or(0, |file| file.size);
    let start = inputs.text_start(0).min(size);
    let left = usize::try_from(size - start).unwrap_or(usize::MAX);
    let fault = |error| inputs.named(0, InputFault::Io(error));
    let file = File::open(inputs.place(0)).map_err(fault)?;
    let mut text = Vec::new();
    loop {
        if stop.is_set() {
            return Err(LoadError::Cancelled);
        }
        let old = text.len();
        text.resize((old + BLOCK.max(old)).min(limit).min(left), 0);
        let room = text.get_mut(old..).unwrap_or_default();
        match file.read_exact_at(room, start + old as u64) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                return Err(inputs.named(0, InputFault::Changed));
            }
            other => other.map_err(fault)?,
        }
        let ends = text.len() == left;
        if text.len() >= limit || setup.is_enough(&text, ends) {
            return Ok(Beginning { text, offset: start, ends });
        }
    }
}

/// The beginning of a stream while it is read.
#[derive(Debug)]
pub(super) struct Peek {
    stream: Stream,
    text: Vec<u8>,
    /// It may begin with a byte order mark that is none of it.
    marked: bool,
    ends: bool,
    limit: usize,
    /// The descriptor that is waited for.
    watched: Option<i32>,
}

impl Peek {
    pub(super) fn new(stream: Stream, setup: &Setup) -> Result<Self> {
        let (budget, encoding) = (Budget::new(&setup.options, Some(0))?, setup.options.encoding);
        let stream = Streams::new([Some(stream)].into(), encoding, &budget).take(0);
        let stream = stream.ok_or(Error::Argument)?;
        let marked = encoding == Encoding::Utf8Sig;
        let limit = budget.line;
        Ok(Self { stream, text: Vec::new(), marked, ends: false, limit, watched: None })
    }

    pub(super) fn into_beginning(self) -> Beginning {
        let Self { mut text, marked, ends, .. } = self;
        let mark = if marked && text.starts_with(MARK) { MARK.len() } else { 0 };
        text.drain(..mark);
        Beginning { text, offset: mark as u64, ends }
    }

    /// One step; whether it is enough.
    pub(super) fn advance(
        &mut self,
        timeout: Duration,
        round: Round<'_>,
        setup: &Setup,
        canceller: &Canceller,
        ready: &Epoll,
        named: impl Fn(InputFault) -> LoadError,
    ) -> Result<bool> {
        canceller.bell().silence();
        if let Some(fd) = self.watched.take() {
            ready.remove(fd)?;
        }
        let mut waited = false;
        loop {
            if round.stop.is_set() {
                return Err(LoadError::Cancelled);
            }
            if self.text.len() >= self.limit || setup.is_enough(&self.text, self.ends) {
                return Ok(true);
            }
            match self.read() {
                Ok(true) if round.until.is_some_and(|until| Instant::now() >= until) => {
                    // The next step goes on.
                    canceller.bell().ring();
                    return Ok(false);
                }
                Ok(true) => {}
                Ok(false) if waited => return self.watch(ready),
                Ok(false) => {
                    waited = true;
                    self.wait(timeout, ready)?;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // The rows before it come first: the pass meets it again.
                Err(_) if setup.has_head(&self.text).map_err(&named)? => return Ok(true),
                Err(error) => return Err(named(error.into())),
            }
        }
    }

    /// Reads once; false if there is nothing yet.
    fn read(&mut self) -> io::Result<bool> {
        let old = self.text.len();
        self.text.resize(old + BLOCK, 0);
        let read = self.stream.read(self.text.get_mut(old..).unwrap_or_default());
        let count = match read {
            Ok(Some(count)) => count,
            _ => 0,
        };
        self.text.truncate(old + count);
        self.ends |= matches!(read, Ok(Some(0)));
        read.map(|count| count.is_some())
    }

    fn wait(&mut self, timeout: Duration, ready: &Epoll) -> Result<()> {
        let Some(fd) = self.stream.fd() else {
            thread::sleep(timeout.min(Duration::from_millis(ASK_AGAIN_MS as u64)));
            return Ok(());
        };
        ready.add(fd, 2)?;
        let waited = ready.wait(whole_ms(timeout));
        ready.remove(fd)?;
        waited?;
        Ok(())
    }

    /// Has whoever waits for the job's descriptor look when there is something.
    fn watch(&mut self, ready: &Epoll) -> Result<bool> {
        self.watched = self.stream.fd();
        if let Some(fd) = self.watched {
            ready.add(fd, 2)?;
        }
        Ok(false)
    }
}

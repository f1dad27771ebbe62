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
use super::head::Skip;
use super::input::Stream;
use super::inputs::Inputs;
use super::options::{Budget, Options};
use super::pass::ASK_AGAIN_MS;
use super::setup::Setup;
use super::streams::Streams;
use crate::error::Error;
use crate::sys::{Epoll, whole_ms};

/// What the beginning of the first input shows.
#[derive(Debug)]
pub(super) struct Beginning {
    /// Its text, behind a byte order mark and the lines that are skipped.
    pub(super) text: Vec<u8>,
    /// Where that lies in the input.
    pub(super) offset: u64,
    /// Lines that are skipped.
    pub(super) skipped: u64,
    /// This is all of it.
    pub(super) ends: bool,
}

/// Bytes that are read at once.
const BLOCK: usize = 64 << 10;

/// A beginning that is being read. Lines that are skipped are not kept, however many there are.
#[derive(Debug)]
struct Opening {
    skip: Skip,
    text: Vec<u8>,
    offset: u64,
    ends: bool,
    /// Bytes that the longest line may have.
    limit: usize,
}

impl Opening {
    fn new(setup: &Setup, offset: u64) -> Result<Self> {
        let Options { skiprows, .. } = setup.options;
        let skip = Skip::new(skiprows, setup.format().encoding());
        let limit = Budget::new(&setup.options, Some(0))?.line;
        Ok(Self { skip, text: Vec::new(), offset, ends: false, limit })
    }

    /// Lets go of what is skipped; whether the rest is enough.
    fn is_enough(&mut self, setup: &Setup) -> core::result::Result<bool, InputFault> {
        if self.skip.left > 0 {
            let passed = self.skip.pass(&self.text, self.offset, self.ends)?;
            self.text.drain(..passed);
            self.offset += passed as u64;
        }
        let is_long = self.text.len() >= self.limit;
        Ok(self.ends || self.skip.left == 0 && (is_long || setup.is_enough(&self.text)))
    }

    fn into_beginning(self) -> Beginning {
        let Self { skip, text, offset, ends, .. } = self;
        Beginning { text, offset, skipped: skip.done, ends }
    }
}

/// Reads the beginning of a file, until it is enough or as long as a line may be.
pub(super) fn read_file(inputs: &Inputs, setup: &Setup, stop: &Stop<'_>) -> Result<Beginning> {
    let size = inputs.file(0).map_or(0, |file| file.size);
    let mut opening = Opening::new(setup, inputs.text_start(0).min(size))?;
    let named = |fault| inputs.named(0, fault);
    let file = File::open(inputs.place(0)).map_err(|error| named(InputFault::Io(error)))?;
    loop {
        if stop.is_set() {
            return Err(LoadError::Cancelled);
        }
        let old = opening.text.len();
        let at = opening.offset + old as u64;
        let left = usize::try_from(size - at).unwrap_or(usize::MAX);
        let more = BLOCK.max(old).min(opening.limit.saturating_sub(old)).min(left);
        opening.text.resize(old + more, 0);
        let room = opening.text.get_mut(old..).unwrap_or_default();
        file.read_exact_at(room, at).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => named(InputFault::Changed),
            _ => named(InputFault::Io(error)),
        })?;
        opening.ends = more == left;
        if opening.is_enough(setup).map_err(named)? {
            return Ok(opening.into_beginning());
        }
    }
}

/// The beginning of a stream while it is read.
#[derive(Debug)]
pub(super) struct Peek {
    stream: Stream,
    opening: Opening,
    /// It may begin with a byte order mark that is none of it.
    marked: bool,
    /// The descriptor that is waited for.
    watched: Option<i32>,
}

impl Peek {
    pub(super) fn new(stream: Stream, setup: &Setup) -> Result<Self> {
        let (budget, encoding) = (Budget::new(&setup.options, Some(0))?, setup.options.encoding);
        let stream = Streams::new([Some(stream)].into(), encoding, &budget).take(0);
        let stream = stream.ok_or(Error::Argument)?;
        let marked = encoding == Encoding::Utf8Sig;
        Ok(Self { stream, opening: Opening::new(setup, 0)?, marked, watched: None })
    }

    pub(super) fn into_beginning(self) -> Beginning {
        self.opening.into_beginning()
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
            if self.has_passed_mark() && self.opening.is_enough(setup).map_err(&named)? {
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
                Err(_) if self.opening.skip.left == 0 && setup.has_head(&self.opening.text) => {
                    return Ok(true);
                }
                Err(error) => return Err(named(error.into())),
            }
        }
    }

    /// Leaves out a byte order mark; whether enough is there to see if there is one.
    fn has_passed_mark(&mut self) -> bool {
        let Opening { text, offset, ends, .. } = &mut self.opening;
        if self.marked && (*ends || text.len() >= MARK.len() || !MARK.starts_with(text)) {
            self.marked = false;
            let mark = if text.starts_with(MARK) { MARK.len() } else { 0 };
            text.drain(..mark);
            *offset += mark as u64;
        }
        !self.marked
    }

    /// Reads once; false if there is nothing yet.
    fn read(&mut self) -> io::Result<bool> {
        let Opening { text, ends, .. } = &mut self.opening;
        let old = text.len();
        text.resize(old + BLOCK, 0);
        let read = self.stream.read(text.get_mut(old..).unwrap_or_default());
        let count = match read {
            Ok(Some(count)) => count,
            _ => 0,
        };
        text.truncate(old + count);
        *ends |= matches!(read, Ok(Some(0)));
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

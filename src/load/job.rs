//! A load that goes on when it is stepped.

use core::sync::atomic::AtomicBool;
use core::time::Duration;
use std::sync::Arc;
use std::time::Instant;

use super::TICK;
use super::cancel::{Canceller, Stop};
use super::cutter::{Cutter, Wait};
use super::engine::{Engine, Parts, Round};
use super::error::{LoadError, Result};
use super::input::Input;
use super::inputs::{Inputs, Looked};
use super::options::{Budget, Options};
use super::recipe::{Compiled, Recipe};
use super::report::Report;
use super::ring::Ring;
use super::sink::{Sink, SinkError};
use super::slots::Slots;
use super::streams::Streams;
use super::worker::Reader;
use crate::dtype::DType;
use crate::error::Error;
use crate::pool::Pool;
use crate::sys::Pages;
use crate::text::{PADDING, Unicode};

/// Workers forked beyond those that are used at first.
const SPARES: usize = 2;
/// After this long a reader that had nothing, and has no descriptor, is asked again.
const ASK_AGAIN_MS: i32 = 10;

/// How far a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// Bytes of text whose rows are with the sink.
    pub bytes_done: u64,
    /// Bytes of all inputs; 0 if a stream is among them.
    pub bytes_total: u64,
    /// Rows that are with the sink.
    pub rows: u64,
    /// Inputs that are read to their end.
    pub inputs_done: usize,
    /// Inputs.
    pub inputs_total: usize,
    /// Everything is done but [`Job::finish`].
    pub done: bool,
}

/// Text on its way to rows: workers that parse, and a sink that takes the rows.
///
/// A job owns all that it needs. It goes on while a thread is in [`step`](Self::step)
/// or [`finish`](Self::finish); workers go on parsing what they have in between.
/// Dropping it cancels it: workers are killed and reaped, the sink is dropped.
///
/// It may move to another thread, but the workers end with the thread that started
/// them (the kernel ties their lives to it): that one has to stay.
#[derive(Debug)]
pub struct Job<S: Sink> {
    engine: Engine,
    /// None after an error.
    sink: Option<S>,
    canceller: Canceller,
    /// The stream's descriptor that is waited for.
    watched: Option<i32>,
    /// There is something to do before the next wait.
    pending: bool,
    bytes_total: u64,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Running,
    Done,
    Failed,
}

impl<S: Sink> Job<S> {
    /// Looks at the inputs, forks the workers, and calls `open` for the sink: after the
    /// fork and before any row, so that what must not exist at a fork, an open HDF5 file
    /// say, is made there. Reads no stream.
    ///
    /// # Errors
    /// [`LoadError`].
    pub fn start<I: Into<Input>>(
        inputs: impl IntoIterator<Item = I>,
        dtype: DType<'_>,
        unicode: Unicode,
        options: &Options,
        open: impl FnOnce() -> core::result::Result<S, SinkError>,
    ) -> Result<Self> {
        Self::start_watching(inputs, dtype, unicode, options, None, open)
    }

    /// [`Job::start`] that a caller's flag can stop while it reads the head of a file.
    pub(crate) fn start_watching<I: Into<Input>>(
        inputs: impl IntoIterator<Item = I>,
        dtype: DType<'_>,
        unicode: Unicode,
        options: &Options,
        flag: Option<&AtomicBool>,
        open: impl FnOnce() -> core::result::Result<S, SinkError>,
    ) -> Result<Self> {
        let canceller = Canceller::new()?;
        let stop = Stop::new(canceller.clone(), flag);
        let Looked { inputs, c_paths, streams } = Inputs::look(inputs, options.encoding)?;
        let compiled = Compiled::new(dtype, unicode, options)?;
        let budget = Budget::new(options, first_row_size(&inputs, &compiled, options, &stop)?)?;
        let has_streams = streams.iter().any(Option::is_some);
        let slots = if has_streams { 2 * budget.workers + 2 } else { 0 };
        let slots = Slots::new(slots, budget.text, budget.line);
        let ring = Ring::new(budget.buffers, budget.buffer, slots.region())?;
        let recipe = Arc::new(Recipe { compiled, paths: c_paths, ring });
        let input = Pages::new(budget.input + PADDING)?;
        let mut reader = Reader { recipe: recipe.clone(), input, open: None };
        let pool = Pool::fork(budget.workers, SPARES, &mut reader)?;
        let bytes_total = inputs.bytes();
        let streams = Streams::new(streams, options.encoding, &budget);
        let cutter = Cutter::new(budget.piece, streams, slots);
        let options = options.clone();
        let engine = Engine::new(Parts { inputs, options, budget, recipe, cutter, pool });
        engine.pool.watch(canceller.bell().raw())?;
        canceller.bell().ring();
        let sink = Some(open().map_err(LoadError::Sink)?);
        let (watched, pending, state) = (None, true, State::Running);
        Ok(Self { engine, sink, canceller, watched, pending, bytes_total, state })
    }

    /// Does what can be done now, then waits for something to happen, at most `timeout`,
    /// and does what that makes possible. A timeout of 0 never waits; any step may
    /// return earlier than its timeout. A step may take longer where the system does:
    /// where a reader without a descriptor waits for data, or the sink for its disk.
    ///
    /// # Errors
    /// [`LoadError`]; the job is over then, its workers and its sink are gone. A step
    /// after that, or after a panic of a reader or of the sink, is [`Error::Argument`],
    /// and so is one in a forked child.
    pub fn step(&mut self, timeout: Duration) -> Result<Progress> {
        self.step_watching(timeout, None)
    }

    fn step_watching(&mut self, timeout: Duration, flag: Option<&AtomicBool>) -> Result<Progress> {
        match self.state {
            State::Done => return Ok(self.progress()),
            State::Failed => return Err(LoadError::Core(Error::Argument)),
            // A forked child would take the answers that its parent waits for.
            State::Running if !self.engine.pool.is_own() => {
                return Err(LoadError::Core(Error::Argument));
            }
            State::Running => {}
        }
        let stop = Stop::new(self.canceller.clone(), flag);
        // So it stays, should a reader or the sink panic: what they had is lost.
        self.state = State::Failed;
        match self.advance(timeout, &stop) {
            Ok(false) => self.state = State::Running,
            Ok(true) => self.end(State::Done),
            Err(error) => {
                self.end(State::Failed);
                self.sink = None;
                return Err(error);
            }
        }
        Ok(self.progress())
    }

    /// One step; whether everything is done.
    fn advance(&mut self, timeout: Duration, stop: &Stop<'_>) -> Result<bool> {
        let until = Instant::now().checked_add(timeout);
        let round = Round { stop, until };
        if self.pending && self.settle(round)? {
            return Ok(true);
        }
        if self.pending {
            // The next step goes on with what the time was too short for.
            self.engine.wait(0)?;
            return Ok(false);
        }
        let most = match self.engine.waiting {
            Some(Wait::Data(None)) => ASK_AGAIN_MS,
            _ => i32::MAX,
        };
        self.engine.wait(whole_ms(timeout).min(most))?;
        self.settle(round)
    }

    fn settle(&mut self, round: Round<'_>) -> Result<bool> {
        // It may also ring because a forked child has cancelled its copy of the job.
        self.canceller.bell().silence();
        self.pending = false;
        self.unwatch()?;
        let sink = self.sink.as_mut().ok_or(Error::Argument)?;
        let done = self.engine.settle(sink, round)?;
        match self.engine.waiting {
            Some(Wait::Data(Some(fd))) => {
                self.engine.pool.watch(fd)?;
                self.watched = Some(fd);
            }
            Some(Wait::Turn) => {
                self.pending = true;
                self.canceller.bell().ring();
            }
            _ => {}
        }
        Ok(done)
    }

    /// Before a stream's descriptor is closed, it must not be waited for any more.
    fn unwatch(&mut self) -> Result<()> {
        Ok(self.watched.take().map_or(Ok(()), |fd| self.engine.pool.unwatch(fd))?)
    }

    /// The workers have nothing to do any more; and whoever waits for the descriptor
    /// shall look.
    fn end(&mut self, state: State) {
        self.state = state;
        self.engine.pool.end();
        self.canceller.bell().ring();
    }

    /// How far it is.
    #[must_use]
    pub fn progress(&self) -> Progress {
        Progress {
            bytes_done: self.engine.done_bytes + self.engine.current.bytes,
            bytes_total: self.bytes_total,
            rows: self.engine.total_rows,
            inputs_done: self.engine.done_inputs,
            inputs_total: self.engine.inputs.len(),
            done: self.state == State::Done,
        }
    }

    /// The rows that were left out so far.
    #[must_use]
    pub const fn report(&self) -> &Report {
        &self.engine.report
    }

    /// A descriptor that is readable when a step has something to do, or when the job is
    /// over. It belongs to the job, and stays the same.
    ///
    /// It tells nothing of a reader without a descriptor that answered `WouldBlock`.
    #[must_use]
    pub const fn raw_fd(&self) -> i32 {
        self.engine.pool.raw_fd()
    }

    /// A handle that stops the job.
    #[must_use]
    pub fn canceller(&self) -> Canceller {
        self.canceller.clone()
    }

    /// Steps until everything is done; the sink and the number of rows.
    ///
    /// # Errors
    /// As for [`Job::step`].
    pub fn finish(self) -> Result<(S, u64)> {
        self.run(None).map(|(sink, rows, _)| (sink, rows))
    }

    /// [`Job::finish`] that a caller's flag can stop, and that tells what was left out.
    pub(crate) fn run(mut self, flag: Option<&AtomicBool>) -> Result<(S, u64, Report)> {
        while !self.step_watching(TICK, flag)?.done {}
        if Stop::new(self.canceller.clone(), flag).is_set() {
            return Err(LoadError::Cancelled);
        }
        let Engine { total_rows, report, .. } = self.engine;
        Ok((self.sink.ok_or(Error::Argument)?, total_rows, report))
    }
}

/// Milliseconds of a wait, rounded up, so that only 0 does not wait.
fn whole_ms(timeout: Duration) -> i32 {
    i32::try_from(timeout.as_micros().div_ceil(1000)).unwrap_or(i32::MAX)
}

/// Bytes of a row as far as they are known before the inputs are read: those of
/// the first input, if the dtype does not say; none if that is a stream.
fn first_row_size(
    inputs: &Inputs,
    compiled: &Compiled,
    options: &Options,
    stop: &Stop<'_>,
) -> Result<Option<usize>> {
    let plan = compiled.plan();
    if !plan.needs_column_count() || inputs.len() == 0 {
        return Ok(Some(plan.row_size()));
    }
    match inputs.file(0) {
        None => Ok(None),
        Some(_) if inputs.text_end(0, options.skip_footer, stop)? == 0 => Ok(Some(plan.row_size())),
        Some(_) => {
            let limit = Budget::new(options, Some(0))?.line;
            let head = inputs.head(0, &plan, options, limit, stop)?;
            Ok(Some(plan.with_columns(head.columns)?.row_size()))
        }
    }
}

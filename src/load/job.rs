//! A load that goes on when it is stepped.

use core::sync::atomic::AtomicBool;
use core::time::Duration;
use std::boxed::Box;
use std::vec::Vec;

use super::TICK;
use super::auto::{Merge, RowTypeRef, Spooled};
use super::begun::{Begun, Misfit, Open};
use super::cancel::{Canceller, Stop};
use super::dialect::Dialect;
use super::engine::Round;
use super::error::{LoadError, Problem, Result};
use super::input::Input;
use super::inputs::{Inputs, Looked};
use super::options::Options;
use super::pass::{Sources, Start, Workers, end_of};
use super::peek::{self, Beginning, Peek};
use super::progress::Progress;
use super::recipe::{Aim, Formula};
use super::report::Report;
use super::setup::Setup;
use super::sink::{Sink, SinkError};
use super::source::{Source, sources};
use crate::dtype::DType;
use crate::dtype_buf::DTypeBuf;
use crate::error::Error;
use crate::sys::{self, Epoll};
use crate::text::Unicode;

/// Text on its way to rows: workers that parse, and a sink that takes the rows.
///
/// A job owns all that it needs. It goes on while a thread is in [`step`](Self::step)
/// or [`finish`](Self::finish); workers go on parsing what they have in between.
/// Dropping it cancels it: workers are killed and reaped, the sink is dropped.
///
/// It may move to another thread, but the workers end with the thread that forked
/// them (the kernel ties their lives to it): that one has to stay. It is the one that
/// started the job, but for types that are found in the text, and for a header of a
/// stream: then steps fork, too, always after the sink is dropped.
#[derive(Debug)]
pub struct Job<S: Sink> {
    setup: Setup,
    /// How the text is written, if that was to be found.
    found: Option<Dialect>,
    /// Bytes of text of an only input that is a stream, if that is short.
    text_len: Option<u64>,
    open: Open<S>,
    canceller: Canceller,
    /// What [`Job::raw_fd`] gives: readable if the bell rings, the workers answer, or there
    /// is something to read of the stream that is looked at.
    ready: Epoll,
    streams: Vec<Source>,
    stage: Stage<S>,
    progress: Progress,
    /// The process that it belongs to.
    owner: u32,
}

#[derive(Debug)]
enum Stage<S> {
    /// The first input is a stream, of which the beginning is read.
    Peeking(Box<Peek>, Box<Sources>),
    /// Workers look at the text for its types.
    Looking(Box<Workers>, Merge),
    /// Workers parse; the types may be guessed.
    Loading {
        workers: Box<Workers>,
        sink: S,
        guess: bool,
    },
    Done(Box<Done<S>>),
    Failed,
}

/// What is left when everything is done.
#[derive(Debug)]
pub(crate) struct Done<S> {
    pub(crate) sink: S,
    pub(crate) rows: u64,
    pub(crate) report: Report,
    pub(crate) dtype: DTypeBuf,
}

impl<S: Sink> Job<S> {
    /// Looks at the inputs, forks the workers, and calls `open` for the sink: after the
    /// fork and before any row, so that what must not exist at a fork, an open HDF5 file
    /// say, is made there. It is called with the dtype of the rows, and once more for
    /// every new beginning, if types are found in the text; the sink before is dropped
    /// then. Reads no stream.
    ///
    /// # Errors
    /// [`LoadError`].
    pub fn start<'t, I: Into<Input>>(
        inputs: impl IntoIterator<Item = I>,
        rows: impl Into<RowTypeRef<'t>>,
        unicode: Unicode,
        options: &Options,
        open: impl FnMut(DType<'_>) -> core::result::Result<S, SinkError> + Send + 'static,
    ) -> Result<Self> {
        Self::start_watching(inputs, rows, unicode, options, None, open)
    }

    /// [`Job::start`] that a caller's flag can stop while it reads the head of a file.
    pub(crate) fn start_watching<'t, I: Into<Input>>(
        inputs: impl IntoIterator<Item = I>,
        rows: impl Into<RowTypeRef<'t>>,
        unicode: Unicode,
        options: &Options,
        flag: Option<&AtomicBool>,
        mut open: impl FnMut(DType<'_>) -> core::result::Result<S, SinkError> + Send + 'static,
    ) -> Result<Self> {
        let open = move |begun: Begun<'_>| open(begun.dtype);
        Self::start_with(inputs, rows, unicode, options, flag, open)
    }

    /// [`Job::start_watching`] for a sink that wants to know how much work there is.
    pub(crate) fn start_with<'t, I: Into<Input>>(
        inputs: impl IntoIterator<Item = I>,
        rows: impl Into<RowTypeRef<'t>>,
        unicode: Unicode,
        options: &Options,
        flag: Option<&AtomicBool>,
        open: impl FnMut(Begun<'_>) -> core::result::Result<S, SinkError> + Send + 'static,
    ) -> Result<Self> {
        let canceller = Canceller::new()?;
        let stop = Stop::new(canceller.clone(), flag);
        let Looked { inputs, c_paths, streams } = Inputs::look(inputs, options.encoding)?;
        let mut setup = Setup::new(rows.into().to_owned()?, unicode, options.clone())?;
        // While a descriptor is waited for, forks cost nothing.
        if matches!(streams.as_slice(), [Some(s)] if s.fd().is_none() && !s.can_go_ahead()) {
            setup.note_reader();
        }
        let ready = Epoll::new()?;
        ready.add(canceller.bell().raw(), 0)?;
        let mut job = Self {
            streams: sources(streams, &setup)?,
            setup,
            found: None,
            text_len: None,
            open: Open::new(open),
            canceller,
            ready,
            stage: Stage::Failed,
            progress: Progress::default(),
            owner: sys::lineage(),
        };
        let sources = Sources { inputs, c_paths };
        job.stage = job.begin(sources, &stop)?;
        job.note_progress();
        Ok(job)
    }

    /// Begins with what needs to be known before the first pass.
    fn begin(&mut self, sources: Sources, stop: &Stop<'_>) -> Result<Stage<S>> {
        if !self.setup.needs_beginning() || sources.inputs.len() == 0 {
            return self.first_pass(sources, None, stop);
        }
        if sources.inputs.file(0).is_some() {
            let beginning = peek::read_file(&sources.inputs, &self.setup, stop)?;
            return self.first_pass(sources, Some(&beginning), stop);
        }
        let stream = self.streams.first_mut().and_then(Source::stream).ok_or(Error::Argument)?;
        // The first step begins to read.
        self.canceller.bell().ring();
        Ok(Stage::Peeking(Box::new(Peek::new(stream, &self.setup)?), Box::new(sources)))
    }

    fn first_pass(
        &mut self,
        sources: Sources,
        beginning: Option<&Beginning>,
        stop: &Stop<'_>,
    ) -> Result<Stage<S>> {
        if let Some(beginning) = beginning {
            self.found = self.setup.find_dialect(beginning)?;
            self.setup.read_header(&sources.inputs.path(0), beginning)?;
        }
        let formula = self.setup.first(&sources.inputs, beginning, stop)?;
        let guess = self.setup.can_begin_again();
        if !guess {
            self.keep_no_more();
        }
        match formula.looks {
            None => self.load(sources, formula, guess, stop),
            Some(_) => self.look(sources, formula, stop),
        }
    }

    /// Forks workers that look at the text.
    fn look(&mut self, sources: Sources, formula: Formula, stop: &Stop<'_>) -> Result<Stage<S>> {
        let types = formula.looks.clone().unwrap_or_default();
        let merge = Merge::new(types, &self.setup.rows);
        Ok(Stage::Looking(self.fork(sources, formula, stop)?, merge))
    }

    /// Forks workers that parse, and makes the sink.
    fn load(
        &mut self,
        sources: Sources,
        formula: Formula,
        guess: bool,
        stop: &Stop<'_>,
    ) -> Result<Stage<S>> {
        let workers = self.fork(sources, formula, stop)?;
        let begun = Begun {
            dtype: workers.dtype(),
            options: &self.setup.options,
            processes: workers.processes(),
            guess,
        };
        let sink = match self.open.make(begun) {
            Err(error) if guess && error.is::<Misfit>() => {
                let sources = self.end(*workers)?;
                let formula = self.setup.look()?;
                return self.look(sources, formula, stop);
            }
            made => made.map_err(LoadError::Sink)?,
        };
        if let Some(fd) = sink.raw_fd() {
            workers.watch(fd)?;
        }
        Ok(Stage::Loading { workers, sink, guess })
    }

    fn fork(
        &mut self,
        sources: Sources,
        formula: Formula,
        stop: &Stop<'_>,
    ) -> Result<Box<Workers>> {
        let streams = self.streams.iter_mut().map(Source::stream).collect();
        let (options, canceller) = (&self.setup.options, &self.canceller);
        let text_len = self.text_len.filter(|_| sources.inputs.len() == 1);
        let start = Start { sources, streams, formula, text_len, options, canceller, stop };
        let workers = Workers::start(start)?;
        self.ready.add(workers.raw_fd(), 1)?;
        self.progress.pass += 1;
        Ok(Box::new(workers))
    }

    /// Ends the workers of a pass.
    fn end(&self, workers: Workers) -> Result<Sources> {
        self.ready.remove(workers.raw_fd())?;
        Ok(workers.end())
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

    pub(super) fn step_watching(
        &mut self,
        timeout: Duration,
        flag: Option<&AtomicBool>,
    ) -> Result<Progress> {
        if matches!(self.stage, Stage::Done(_)) {
            return Ok(self.progress);
        }
        // A forked child would take the answers that its parent waits for.
        if self.owner != sys::lineage() {
            return Err(LoadError::Core(Error::Argument));
        }
        let stop = Stop::new(self.canceller.clone(), flag);
        // So it stays, should a reader or the sink panic: what they had is lost.
        let stage = core::mem::replace(&mut self.stage, Stage::Failed);
        let was_over = matches!(stage, Stage::Failed);
        let done = self.advance(stage, timeout, &stop);
        // A signal may be for all processes: what went wrong with workers, readers or the sink
        // may come of it. A job that was over before has not been stopped.
        let done = done.map_err(|error| {
            let is_stop = !was_over && stop.is_set();
            if is_stop { LoadError::Cancelled } else { error }
        });
        if !matches!(done, Ok(Stage::Peeking(..) | Stage::Looking(..) | Stage::Loading { .. })) {
            // Whoever waits for the descriptor shall look.
            self.canceller.bell().ring();
        }
        self.stage = done?;
        self.note_progress();
        Ok(self.progress)
    }

    fn advance(&mut self, stage: Stage<S>, timeout: Duration, stop: &Stop<'_>) -> Result<Stage<S>> {
        let round = Round { stop, until: end_of(timeout) };
        match stage {
            Stage::Peeking(mut peek, sources) => {
                let input = |reason| sources.inputs.named(0, reason);
                if !peek.advance(
                    timeout,
                    round,
                    &self.setup,
                    &self.canceller,
                    &self.ready,
                    input,
                )? {
                    return Ok(Stage::Peeking(peek, sources));
                }
                let beginning = peek.into_beginning();
                let end = beginning.offset + beginning.text.len() as u64;
                self.text_len = beginning.ends.then_some(end);
                self.first_pass(*sources, Some(&beginning), stop)
            }
            Stage::Looking(mut workers, mut merge) => {
                if !workers.advance(&mut merge, timeout, round, &self.canceller)? {
                    return Ok(Stage::Looking(workers, merge));
                }
                let sources = self.end(*workers)?;
                self.keep_no_more();
                let formula = self.setup.load(merge.types(), &merge.seen, Aim::Load)?;
                self.load(sources, formula, false, stop)
            }
            Stage::Loading { mut workers, mut sink, guess } => {
                if !self.prepare(&mut sink, stop)? {
                    return Ok(Stage::Loading { workers, sink, guess });
                }
                match workers.advance(&mut sink, timeout, round, &self.canceller) {
                    Ok(true) if sink.complete().map_err(LoadError::Sink)? => {
                        self.done(*workers, sink)
                    }
                    // The next step waits for what the sink has not done.
                    Ok(_) => Ok(Stage::Loading { workers, sink, guess }),
                    Err(error) if guess && is_conflict(&error) => {
                        // What it has open must not be open at the fork.
                        drop(sink);
                        let sources = self.end(*workers)?;
                        let formula = self.setup.look()?;
                        self.look(sources, formula, stop)
                    }
                    Err(error) => Err(error),
                }
            }
            Stage::Done(_) | Stage::Failed => Err(LoadError::Core(Error::Argument)),
        }
    }

    /// Has the sink prepare itself a bit; whether it is ready for rows.
    fn prepare(&self, sink: &mut S, stop: &Stop<'_>) -> Result<bool> {
        if stop.is_set() {
            return Err(LoadError::Cancelled);
        }
        let ready = sink.prepare().map_err(LoadError::Sink)?;
        if !ready {
            // There is something to do at once.
            self.canceller.bell().ring();
        }
        Ok(ready)
    }

    fn done(&mut self, workers: Workers, sink: S) -> Result<Stage<S>> {
        self.progress = Progress { pass: self.progress.pass, done: true, ..workers.progress() };
        let (rows, dtype) = (workers.progress().rows, DTypeBuf::copy_of(workers.dtype())?);
        let mut report = workers.report().clone();
        report.dialect.clone_from(&self.found);
        let sources = self.end(workers)?;
        report.spooled = self.spooled(&sources.inputs);
        Ok(Stage::Done(Box::new(Done { sink, rows, report, dtype })))
    }

    /// Nothing will be read again.
    fn keep_no_more(&self) {
        for source in &self.streams {
            if let Source::Kept(spool) = source {
                spool.keep_no_more();
            }
        }
    }

    fn spooled(&self, inputs: &Inputs) -> Vec<Spooled> {
        let kept = (0..).zip(&self.streams).filter_map(|(input, source)| match source {
            Source::Kept(spool) => Spooled::of(inputs.path(input), spool),
            _ => None,
        });
        kept.collect()
    }

    fn note_progress(&mut self) {
        let workers = match &self.stage {
            Stage::Looking(workers, _) | Stage::Loading { workers, .. } => workers,
            Stage::Peeking(_, sources) => {
                self.progress.inputs_total = sources.inputs.len();
                return;
            }
            Stage::Done(_) | Stage::Failed => return,
        };
        self.progress = Progress { pass: self.progress.pass, ..workers.progress() };
    }

    /// How far it is.
    #[must_use]
    pub const fn progress(&self) -> Progress {
        self.progress
    }

    /// The dtype of the rows, as far as it is known: the sink's. It is final when everything
    /// is done; before, types that are found in the text may become others.
    #[must_use]
    pub fn dtype(&self) -> Option<DType<'_>> {
        match &self.stage {
            Stage::Loading { workers, .. } => Some(workers.dtype()),
            Stage::Done(done) => Some(done.dtype.as_dtype()),
            Stage::Peeking(..) | Stage::Looking(..) | Stage::Failed => None,
        }
    }

    /// The rows that were left out so far, and at the end what was kept in files.
    #[must_use]
    pub fn report(&self) -> &Report {
        static NOTHING: Report =
            Report { bad_rows: 0, first: Vec::new(), spooled: Vec::new(), dialect: None };
        match &self.stage {
            Stage::Loading { workers, .. } => workers.report(),
            Stage::Done(done) => &done.report,
            Stage::Peeking(..) | Stage::Looking(..) | Stage::Failed => &NOTHING,
        }
    }

    /// A descriptor that is readable when a step has something to do, or when the job is
    /// over. It belongs to the job, and stays the same.
    ///
    /// It tells nothing of a reader without a descriptor that answered `WouldBlock`.
    #[must_use]
    pub const fn raw_fd(&self) -> i32 {
        self.ready.raw()
    }

    /// A handle that stops the job.
    #[must_use]
    pub fn canceller(&self) -> Canceller {
        self.canceller.clone()
    }

    /// The sink, while rows come to it.
    #[cfg(feature = "hdf5")]
    pub(crate) const fn sink(&self) -> Option<&S> {
        match &self.stage {
            Stage::Loading { sink, .. } => Some(sink),
            _ => None,
        }
    }

    /// The processes that parse, and whether the dtype is a guess, while rows come.
    pub(super) fn loading(&self) -> Option<(usize, bool)> {
        match &self.stage {
            Stage::Loading { workers, guess, .. } => Some((workers.processes(), *guess)),
            _ => None,
        }
    }

    /// With what was found in the text.
    pub(super) const fn options(&self) -> &Options {
        &self.setup.options
    }

    /// How the text is written, if that was to be found.
    pub(super) const fn dialect(&self) -> Option<&Dialect> {
        self.found.as_ref()
    }

    /// Ends it, done or not, for who has all that is wanted: what is there.
    pub(crate) fn so_far(self) -> Result<Done<S>> {
        let (workers, sink) = match self.stage {
            Stage::Done(done) => return Ok(*done),
            Stage::Loading { workers, sink, .. } => (workers, sink),
            _ => return Err(LoadError::Core(Error::Argument)),
        };
        let (rows, dtype) = (workers.progress().rows, DTypeBuf::copy_of(workers.dtype())?);
        let report = Report { dialect: self.found, ..workers.report().clone() };
        Ok(Done { sink, rows, report, dtype })
    }

    /// Steps until everything is done; the sink and the number of rows.
    ///
    /// # Errors
    /// As for [`Job::step`].
    pub fn finish(self) -> Result<(S, u64)> {
        self.run(None).map(|done| (done.sink, done.rows))
    }

    /// [`Job::finish`] that a caller's flag can stop, and that tells everything.
    pub(crate) fn run(mut self, flag: Option<&AtomicBool>) -> Result<Done<S>> {
        while !self.step_watching(TICK, flag)?.done {}
        if Stop::new(self.canceller.clone(), flag).is_set() {
            return Err(LoadError::Cancelled);
        }
        match self.stage {
            Stage::Done(done) => Ok(*done),
            _ => Err(LoadError::Core(Error::Argument)),
        }
    }
}

/// Whether a field may have another type than was guessed. If it cannot have, whoever looks
/// at the whole text finds the same fault.
fn is_conflict(error: &LoadError) -> bool {
    matches!(error, LoadError::Text(text) if matches!(text.problem, Problem::Convert { .. }))
}

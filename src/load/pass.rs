//! One pass of workers over all inputs.

use core::time::Duration;
use std::ffi::CString;
use std::sync::Arc;
use std::time::Instant;
use std::vec::Vec;

use super::cancel::{Canceller, Stop};
use super::cutter::{Cutter, Wait};
use super::engine::{Engine, Parts, Round};
use super::error::Result;
use super::input::Stream;
use super::inputs::Inputs;
use super::options::{Budget, Options};
use super::progress::Progress;
use super::recipe::{Formula, Recipe};
use super::report::Report;
use super::ring::Ring;
use super::setup::share;
use super::sink::Sink;
use super::slots::Slots;
use super::streams::Streams;
use super::worker::{Reader, table_size};
use crate::dtype::DType;
use crate::pool::Pool;
use crate::sys::{Pages, whole_ms};
use crate::text::{PADDING, Plan};

/// Workers forked beyond those that are used at first.
const SPARES: usize = 2;
/// A worker for fewer files costs more than it saves.
const FILES: usize = 16;
/// After this long a reader that had nothing, and has no descriptor, is asked again.
pub(super) const ASK_AGAIN_MS: i32 = 10;

/// The inputs of a job, before a pass over them and after it.
#[derive(Debug)]
pub(super) struct Sources {
    pub(super) inputs: Inputs,
    /// For the workers; empty for streams.
    pub(super) c_paths: Vec<CString>,
}

/// Workers at work, forked for one pass.
#[derive(Debug)]
pub(super) struct Workers {
    engine: Engine,
    /// The stream's descriptor that is waited for.
    watched: Option<i32>,
    /// There is something to do before the next wait.
    pending: bool,
    bytes_total: u64,
}

/// What a pass is begun with.
#[derive(Debug)]
pub(super) struct Start<'a> {
    pub(super) sources: Sources,
    pub(super) streams: Vec<Option<Stream>>,
    pub(super) formula: Formula,
    /// Bytes of text in all, if that is known of streams.
    pub(super) text_len: Option<u64>,
    pub(super) options: &'a Options,
    pub(super) canceller: &'a Canceller,
    pub(super) stop: &'a Stop<'a>,
}

impl Workers {
    /// Forks the workers, if there is enough for them to do.
    pub(super) fn start(start: Start<'_>) -> Result<Self> {
        let Start { sources, streams, formula, text_len, options, canceller, stop } = start;
        let Sources { inputs, c_paths } = sources;
        let has_streams = streams.iter().any(Option::is_some);
        let known = text_len.or_else(|| (!has_streams).then(|| inputs.bytes()));
        let shares = known.map_or(usize::MAX, |bytes| shares(bytes, inputs.len(), options));
        let row_size = first_row_size(&inputs, &formula, options, stop)?;
        let budget = Budget::new(options, row_size)?.for_workers(shares);
        let slots = if has_streams { 2 * budget.workers + 2 } else { 0 };
        let slots = Slots::new(slots, budget.text, budget.line);
        let ring = Ring::new(budget.buffers, budget.buffer, slots.region())?;
        let Formula { compiled, looks, header, same_columns } = formula;
        let recipe = Recipe { compiled, looks, header, same_columns, paths: c_paths, ring };
        let recipe = Arc::new(recipe);
        let input = Pages::new(budget.input + PADDING)?;
        let mut reader = Reader { recipe: recipe.clone(), input, open: None };
        let pool = match shares {
            0 | 1 => Pool::here(reader)?,
            _ => Pool::fork(budget.workers, SPARES, &mut reader)?,
        };
        let streams = Streams::new(streams, options.encoding, &budget);
        let cutter = Cutter::new(budget.piece, streams, slots);
        let bytes_total = inputs.bytes();
        let options = options.clone();
        let engine = Engine::new(Parts { inputs, options, budget, recipe, cutter, pool });
        engine.pool.watch(canceller.bell().raw())?;
        canceller.bell().ring();
        Ok(Self { engine, watched: None, pending: true, bytes_total })
    }

    /// One step; whether everything is done.
    pub(super) fn advance(
        &mut self,
        sink: &mut dyn Sink,
        timeout: Duration,
        round: Round<'_>,
        canceller: &Canceller,
    ) -> Result<bool> {
        if self.pending && self.settle(sink, round, canceller)? {
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
        self.settle(sink, round, canceller)
    }

    fn settle(
        &mut self,
        sink: &mut dyn Sink,
        round: Round<'_>,
        canceller: &Canceller,
    ) -> Result<bool> {
        // It may also ring because a forked child has cancelled its copy of the job.
        canceller.bell().silence();
        self.pending = false;
        self.unwatch()?;
        let done = self.engine.settle(sink, round)?;
        if self.engine.pool.has_answer() {
            self.pending = true;
            canceller.bell().ring();
        }
        match self.engine.waiting {
            Some(Wait::Data(Some(fd))) => {
                self.engine.pool.watch(fd)?;
                self.watched = Some(fd);
            }
            Some(Wait::Turn) => {
                self.pending = true;
                canceller.bell().ring();
            }
            _ => {}
        }
        Ok(done)
    }

    /// Waits for a descriptor, too.
    pub(super) fn watch(&self, fd: i32) -> Result<()> {
        Ok(self.engine.pool.watch(fd)?)
    }

    /// Worker processes; 0 if this one does their work.
    pub(super) fn processes(&self) -> usize {
        self.engine.pool.processes()
    }

    /// Before a stream's descriptor is closed, it must not be waited for any more.
    fn unwatch(&mut self) -> Result<()> {
        Ok(self.watched.take().map_or(Ok(()), |fd| self.engine.pool.unwatch(fd))?)
    }

    /// The descriptor that is readable when a step has something to do.
    pub(super) const fn raw_fd(&self) -> i32 {
        self.engine.pool.raw_fd()
    }

    /// What the rows are made of.
    pub(super) fn dtype(&self) -> DType<'_> {
        self.engine.recipe.compiled.dtype()
    }

    pub(super) const fn report(&self) -> &Report {
        &self.engine.report
    }

    /// How far the pass is.
    pub(super) fn progress(&self) -> Progress {
        Progress {
            bytes_done: self.engine.done_bytes + self.engine.current.bytes,
            bytes_total: self.bytes_total,
            rows: self.engine.total_rows,
            inputs_done: self.engine.done_inputs,
            inputs_total: self.engine.inputs.len(),
            ..Progress::default()
        }
    }

    /// Ends the workers, and gives the inputs back.
    pub(super) fn end(self) -> Sources {
        let Engine { mut pool, inputs, recipe, .. } = self.engine;
        pool.end();
        Sources { inputs, c_paths: recipe.paths.clone() }
    }
}

/// Bytes of a row as far as they are known before the inputs are read: those of
/// the first input, if the dtype does not say; none if that is a stream.
fn first_row_size(
    inputs: &Inputs,
    formula: &Formula,
    options: &Options,
    stop: &Stop<'_>,
) -> Result<Option<usize>> {
    let plan = formula.compiled.plan();
    let bytes = |plan: Plan<'_>| {
        plan.row_size() + if formula.looks.is_some() { table_size(&plan) } else { 0 }
    };
    if !plan.needs_column_count() || inputs.len() == 0 {
        return Ok(Some(bytes(plan)));
    }
    match inputs.file(0) {
        None => Ok(None),
        Some(_) if inputs.text_end(0, options.skip_footer, stop)? == 0 => Ok(Some(bytes(plan))),
        Some(_) => {
            let limit = Budget::new(options, Some(0))?.line;
            let head = inputs.head(0, &plan, options, formula.header.as_ref(), limit, stop)?;
            Ok(Some(bytes(plan.with_columns(head.columns)?)))
        }
    }
}

/// How many workers can have enough to do.
fn shares(bytes: u64, files: usize, options: &Options) -> usize {
    let shares = usize::try_from(bytes.div_ceil(share(options))).unwrap_or(usize::MAX);
    shares.max(files.div_ceil(FILES))
}

/// When a step of so long has to end.
pub(super) fn end_of(timeout: Duration) -> Option<Instant> {
    Instant::now().checked_add(timeout)
}

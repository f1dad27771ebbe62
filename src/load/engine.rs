//! The engine: pieces out to the workers, rows back in file order.
//!
//! Pieces are numbered as they are cut. The queue holds those that are not
//! committed yet, the oldest in front; buffers are granted to the oldest piece
//! that waits, and only the front commits, so the front can always run: it has a
//! buffer, or gets the next one that is free.
//!
//! Where quotes may hold line ends, a piece does not show where its first record
//! starts: the worker guesses. The front knows, since everything before it is
//! committed; if the guess was wrong, it is read again, from the right place.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;
use std::vec::Vec;

use super::cancel::Stop;
use super::cutter::{Cutter, Cutting, Next, Range, Wait};
use super::error::{InputFault, LoadError, Result};
use super::inputs::Inputs;
use super::options::{Budget, OnBadRows, Options};
use super::recipe::Recipe;
use super::report::Report;
use super::sink::Sink;
use super::task::{FileId, IN_FILE, Outcome, Reply, Task};
use super::worker::{self, Reader};
use crate::pool::{Event, Pool};
use crate::sys::Ended;

/// Tasks that a worker has at once: one to do, one to begin with right after.
const DEPTH: usize = 2;

/// Where a piece is.
#[derive(Debug)]
pub(super) enum State {
    Waiting,
    Running {
        buffer: u32,
    },
    Read {
        buffer: u32,
        reply: Reply,
    },
    /// The input could not be read on, which counts if its rows before are not enough.
    Broken(Option<InputFault>),
    /// What counts in any case.
    Failed(Option<LoadError>),
}

#[derive(Debug)]
pub(super) struct Piece {
    pub(super) range: Range,
    pub(super) deaths: u32,
    /// Its rows are not wanted any more: `max_rows` is reached.
    pub(super) discard: bool,
    /// Its first record does not fit a worker's input buffer.
    pub(super) large: bool,
    /// Rows wanted of it at most.
    pub(super) max_rows: u64,
    pub(super) state: State,
}

/// What has been committed of the input at the front.
#[derive(Debug, Default)]
pub(super) struct Current {
    /// Its first piece was at the front.
    pub(super) entered: bool,
    /// The sink knows of it.
    pub(super) begun: bool,
    pub(super) rows: u64,
    /// Rows left out.
    pub(super) bad_rows: u64,
    pub(super) lines: u64,
    /// The bytes up to this one.
    pub(super) bytes: u64,
    /// Where the first record starts that is not committed.
    pub(super) next: u64,
}

/// What an [`Engine`] is made of.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) inputs: Inputs,
    pub(super) options: Options,
    pub(super) budget: Budget,
    pub(super) recipe: Arc<Recipe>,
    pub(super) cutter: Cutter,
    pub(super) pool: Pool<Reader>,
}

/// The engine at work.
#[derive(Debug)]
pub(super) struct Engine {
    pub(super) inputs: Inputs,
    pub(super) options: Options,
    pub(super) budget: Budget,
    pub(super) recipe: Arc<Recipe>,
    pub(super) cutter: Cutter,
    pub(super) pool: Pool<Reader>,
    pub(super) needs_columns: bool,
    /// A record may have several lines.
    pub(super) quotes: bool,
    pub(super) queue: VecDeque<Piece>,
    /// Number of the piece at the front.
    pub(super) front: u64,
    pub(super) free: Vec<u32>,
    /// Numbers of the pieces that each worker has, in its order.
    given: Vec<VecDeque<u64>>,
    pub(super) current: Current,
    pub(super) total_rows: u64,
    /// What was left out of the rows committed.
    pub(super) report: Report,
    pub(super) done_bytes: u64,
    pub(super) done_inputs: usize,
    /// The input that has set the columns of an array made of all, and the columns.
    pub(super) columns: Option<(usize, u32)>,
    /// What the stream that is read waits for.
    pub(super) waiting: Option<Wait>,
}

/// What one round of work may look at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Round<'a> {
    pub(super) stop: &'a Stop<'a>,
    /// When reading from streams has to end.
    pub(super) until: Option<Instant>,
}

impl Engine {
    pub(super) fn new(parts: Parts) -> Self {
        let Parts { inputs, options, budget, recipe, cutter, pool } = parts;
        Self {
            needs_columns: recipe.compiled.plan().needs_column_count(),
            quotes: recipe.compiled.plan().format().quote().is_some(),
            queue: VecDeque::new(),
            front: 0,
            free: (0..recipe.ring.count() as u32).rev().collect(),
            given: (0..pool.len()).map(|_| VecDeque::with_capacity(DEPTH)).collect(),
            current: Current::default(),
            total_rows: 0,
            report: Report::default(),
            done_bytes: 0,
            done_inputs: 0,
            columns: None,
            waiting: None,
            inputs,
            options,
            budget,
            recipe,
            cutter,
            pool,
        }
    }

    /// Does what can be done without waiting for workers; whether everything is done.
    pub(super) fn settle(&mut self, sink: &mut dyn Sink, round: Round<'_>) -> Result<bool> {
        loop {
            if round.stop.is_set() {
                return Err(LoadError::Cancelled);
            }
            self.waiting = None;
            self.dispatch(round)?;
            self.commit(sink, round)?;
            if self.queue.is_empty() && matches!(self.cut_one(round), Cut::End) {
                return Ok(true);
            }
            // Room in the ring comes with the commits of what the workers have.
            if self.is_busy() || matches!(self.waiting, Some(Wait::Data(_) | Wait::Turn)) {
                return Ok(false);
            }
        }
    }

    fn is_busy(&self) -> bool {
        self.given.iter().any(|list| !list.is_empty())
    }

    /// Cuts one more piece off the inputs.
    fn cut_one(&mut self, round: Round<'_>) -> Cut {
        self.waiting = None;
        let cutting = Cutting {
            plan: self.recipe.compiled.plan(),
            looks: self.recipe.looks.is_some(),
            header: self.recipe.header.as_ref(),
            options: &self.options,
            budget: &self.budget,
            ring: &self.recipe.ring,
            stop: round.stop,
            until: round.until,
        };
        let (range, state) = match self.cutter.next(&mut self.inputs, &cutting) {
            Next::Range(range) => (range, State::Waiting),
            Next::Broken(range, fault) => (range, State::Broken(Some(fault))),
            Next::Failed(error) => (Range::whole(0, 0), State::Failed(Some(error))),
            Next::Wait(wait) => {
                self.waiting = Some(wait);
                return Cut::Later;
            }
            Next::End => return Cut::End,
        };
        let max_rows = self.options.max_rows.unwrap_or(u64::MAX);
        let (deaths, discard, large) = (0, false, false);
        self.queue.push_back(Piece { range, deaths, discard, large, max_rows, state });
        Cut::Piece
    }

    /// Gives the oldest waiting pieces to workers, as long as there are buffers.
    pub(super) fn dispatch(&mut self, round: Round<'_>) -> Result<()> {
        while !self.free.is_empty() {
            let Some(worker) = self.least_busy() else { return Ok(()) };
            let Some(at) = self.next_waiting(round) else { return Ok(()) };
            let Some(buffer) = self.free.pop() else { return Ok(()) };
            self.give(worker, at, buffer)?;
        }
        Ok(())
    }

    /// The living worker with the fewest tasks, if one can take more.
    fn least_busy(&self) -> Option<usize> {
        let alive = (0..self.given.len()).filter(|&w| self.pool.is_alive(w));
        let load = |w: &usize| self.given.get(*w).map_or(DEPTH, VecDeque::len);
        alive.min_by_key(load).filter(|w| load(w) < DEPTH)
    }

    /// Place of the oldest piece that waits, cutting a new one if none does.
    fn next_waiting(&mut self, round: Round<'_>) -> Option<usize> {
        let waits =
            |p: &Piece| matches!(p.state, State::Waiting) && !p.discard && !p.range.is_empty();
        if let Some(at) = self.queue.iter().position(waits) {
            return Some(at);
        }
        // A failure stops everything behind it, so nothing more needs to be cut.
        while self.queue.back().is_none_or(|piece| !piece.is_failure())
            && matches!(self.cut_one(round), Cut::Piece)
        {
            let at = self.queue.len() - 1;
            if self.queue.get(at).is_some_and(waits) {
                return Some(at);
            }
        }
        None
    }

    fn give(&mut self, worker: usize, at: usize, buffer: u32) -> Result<()> {
        let Some(piece) = self.queue.get_mut(at) else { return Ok(()) };
        let range = piece.range;
        let task = Task {
            input: range.input as u32,
            buffer,
            start: range.start,
            end: range.end,
            text_end: range.text_end,
            text_at: range.place.map_or(IN_FILE, |place| place.at),
            file: self.inputs.file(range.input).unwrap_or(FileId { dev: 0, ino: 0, size: 0 }),
            max_rows: piece.max_rows,
            room: if piece.large { self.budget.line as u64 } else { 0 },
            columns: range.columns,
            at_record: u32::from(range.at_record),
            skip_bad: u32::from(self.options.on_bad_rows == OnBadRows::Skip),
            padding: 0,
        };
        piece.state = State::Running { buffer };
        if let Some(list) = self.given.get_mut(worker) {
            list.push_back(self.front + at as u64);
        }
        Ok(self.pool.send(worker, &task)?)
    }

    /// Waits for the next thing to happen, at most `timeout_ms`.
    pub(super) fn wait(&mut self, timeout_ms: i32) -> Result<()> {
        match self.pool.wait(timeout_ms)? {
            Event::Reply { worker, reply } => self.take(worker, reply),
            Event::Died { worker, how, .. } => self.redo(worker, how)?,
            Event::Idle => {}
        }
        Ok(())
    }

    /// Takes a worker's answer to its oldest task.
    fn take(&mut self, worker: usize, reply: Reply) {
        let Some(number) = self.given.get_mut(worker).and_then(VecDeque::pop_front) else { return };
        let at = (number - self.front) as usize;
        let row_size = self.row_size(at);
        let Some(piece) = self.queue.get_mut(at) else { return };
        let State::Running { buffer } = piece.state else { return };
        piece.state = State::Read { buffer, reply };
        let end =
            if matches!(reply.outcome(), Outcome::Full) { reply.next } else { piece.range.end };
        let text = end.saturating_sub(piece.range.start);
        self.cutter.learn(text, reply.rows * row_size as u64, self.budget.fill);
    }

    /// Puts back what a dead worker had. What it was doing may have killed it.
    fn redo(&mut self, worker: usize, how: Ended) -> Result<()> {
        let lost = self.given.get_mut(worker).map(core::mem::take).unwrap_or_default();
        for (i, number) in lost.into_iter().enumerate() {
            let at = (number - self.front) as usize;
            let Some(piece) = self.queue.get_mut(at) else { continue };
            piece.deaths += u32::from(i == 0);
            if piece.deaths > 1
                && self.quotes
                && !piece.range.at_record
                && let State::Running { buffer } = piece.state
            {
                // A guess that led nowhere; from the right place it may be harmless.
                piece.state = State::Read { buffer, reply: Reply::new(Outcome::Done) };
                continue;
            }
            if let State::Running { buffer } = piece.state {
                self.free.push(buffer);
            }
            piece.state = State::Waiting;
            if piece.deaths > 1 && !piece.discard {
                let range = piece.range;
                let error = self.lost(range, how);
                if let Some(piece) = self.queue.get_mut(at) {
                    piece.state = State::Failed(Some(error));
                }
            }
        }
        if self.pool.is_empty() { Err(LoadError::NoWorkers) } else { Ok(()) }
    }

    /// The error of a piece that no worker could do.
    pub(super) fn lost(&self, range: Range, how: Ended) -> LoadError {
        let Range { input, start, end, .. } = range;
        LoadError::Worker { input, path: self.inputs.path(input), start, end, how }
    }

    /// Bytes of the table that a worker leaves of an input with so many columns.
    pub(super) fn table_size(&self, columns: u32) -> usize {
        let plan = self.recipe.compiled.plan().with_columns(columns);
        plan.map_or(0, |plan| worker::table_size(&plan)).min(self.recipe.ring.rows_size())
    }

    /// Bytes of a row, 0 if none are made.
    pub(super) fn row_size(&self, at: usize) -> usize {
        if self.recipe.looks.is_some() {
            return 0;
        }
        let columns = self.queue.get(at).map_or(0, |piece| piece.range.columns);
        self.recipe.compiled.plan().with_columns(columns).map_or(0, |plan| plan.row_size())
    }
}

/// What became of a try to cut a piece.
enum Cut {
    Piece,
    Later,
    End,
}

impl Piece {
    pub(super) const fn is_failure(&self) -> bool {
        matches!(self.state, State::Failed(_) | State::Broken(_))
    }
}

//! The engine: pieces out to the workers, rows back in file order.
//!
//! Pieces are numbered as they are cut. The queue holds those that are not
//! committed yet, the oldest in front; buffers are granted to the oldest piece
//! that waits, and only the front commits, so the front can always run: it has a
//! buffer, or gets the next one that is free.

use core::sync::atomic::{AtomicBool, Ordering};
use std::collections::VecDeque;
use std::vec::Vec;

use super::cutter::{Cutter, Inputs, Range};
use super::error::{InputFault, LoadError, Result, TextError};
use super::head;
use super::options::{Budget, Options};
use super::report;
use super::ring::Ring;
use super::sink::{Block, Sink};
use super::task::{FaultAt, Outcome, Reply, Task};
use super::worker::Reader;
use crate::dtype::DType;
use crate::pool::{Event, Pool};
use crate::sys::Ended;
use crate::text::{FaultKind, Plan};

/// Tasks that a worker has at once: one to do, one to begin with right after.
const DEPTH: usize = 2;
/// How often a wait looks whether the user asked to stop.
const TICK_MS: i32 = 100;

/// Where a piece is.
#[derive(Debug)]
enum State {
    Waiting,
    Running { buffer: u32 },
    Read { buffer: u32, reply: Reply },
    Failed(Option<LoadError>),
}

#[derive(Debug)]
struct Piece {
    range: Range,
    deaths: u32,
    /// Its rows are not wanted any more: `max_rows` is reached.
    discard: bool,
    state: State,
}

/// What has been committed of the input at the front.
#[derive(Debug, Default)]
struct Current {
    begun: bool,
    rows: u64,
    lines: u64,
}

/// What an [`Engine`] is made of.
pub(super) struct Parts<'a> {
    pub(super) inputs: &'a Inputs<'a>,
    pub(super) options: &'a Options,
    pub(super) dtype: DType<'a>,
    pub(super) plan: Plan<'a>,
    pub(super) budget: Budget,
    pub(super) ring: &'a Ring,
    pub(super) pool: Pool<Reader<'a>>,
    pub(super) cancel: &'a AtomicBool,
}

/// The engine at work.
pub(super) struct Engine<'a> {
    job: Parts<'a>,
    cutter: Cutter,
    queue: VecDeque<Piece>,
    /// Number of the piece at the front.
    front: u64,
    free: Vec<u32>,
    /// Numbers of the pieces that each worker has, in its order.
    given: Vec<VecDeque<u64>>,
    current: Current,
    total_rows: u64,
}

impl core::fmt::Debug for Engine<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Engine").field("queue", &self.queue).finish_non_exhaustive()
    }
}

impl<'a> Engine<'a> {
    pub(super) fn new(job: Parts<'a>) -> Self {
        Self {
            cutter: Cutter::new(job.budget.piece),
            queue: VecDeque::new(),
            front: 0,
            free: (0..job.ring.count() as u32).rev().collect(),
            given: (0..job.pool.len()).map(|_| VecDeque::with_capacity(DEPTH)).collect(),
            current: Current::default(),
            total_rows: 0,
            job,
        }
    }

    /// Reads everything into `sink`; the number of rows.
    pub(super) fn run(mut self, sink: &mut dyn Sink) -> Result<u64> {
        loop {
            if self.job.cancel.load(Ordering::Relaxed) {
                return Err(LoadError::Cancelled);
            }
            self.dispatch()?;
            self.commit(sink)?;
            if self.queue.is_empty() && !self.cut_one() {
                return Ok(self.total_rows);
            }
            if self.is_busy() {
                self.wait()?;
            }
        }
    }

    fn is_busy(&self) -> bool {
        self.given.iter().any(|list| !list.is_empty())
    }

    /// Cuts one more piece off the inputs.
    fn cut_one(&mut self) -> bool {
        let limits = (self.job.budget.input, self.job.budget.buffer);
        let Some(next) =
            self.cutter.next(self.job.inputs, &self.job.plan, self.job.options, limits)
        else {
            return false;
        };
        let piece = match next {
            Ok(range) => Piece { range, deaths: 0, discard: false, state: State::Waiting },
            Err(error) => Piece {
                range: Range::NOWHERE,
                deaths: 0,
                discard: false,
                state: State::Failed(Some(error)),
            },
        };
        self.queue.push_back(piece);
        true
    }

    /// Gives the oldest waiting pieces to workers, as long as there are buffers.
    fn dispatch(&mut self) -> Result<()> {
        while !self.free.is_empty() {
            let Some(worker) = self.least_busy() else { return Ok(()) };
            let Some(at) = self.next_waiting() else { return Ok(()) };
            let Some(buffer) = self.free.pop() else { return Ok(()) };
            self.give(worker, at, buffer)?;
        }
        Ok(())
    }

    /// The living worker with the fewest tasks, if one can take more.
    fn least_busy(&self) -> Option<usize> {
        let alive = (0..self.given.len()).filter(|&w| self.job.pool.is_alive(w));
        let load = |w: &usize| self.given.get(*w).map_or(DEPTH, VecDeque::len);
        alive.min_by_key(load).filter(|w| load(w) < DEPTH)
    }

    /// Place of the oldest piece that waits, cutting a new one if none does.
    fn next_waiting(&mut self) -> Option<usize> {
        let waits = |p: &Piece| matches!(p.state, State::Waiting) && !p.discard && !p.is_empty();
        if let Some(at) = self.queue.iter().position(waits) {
            return Some(at);
        }
        // A failure stops everything behind it, so nothing more needs to be cut.
        while self.queue.back().is_none_or(|p| !matches!(p.state, State::Failed(_)))
            && self.cut_one()
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
            file: self.job.inputs.file(range.input),
            max_rows: self.job.options.max_rows.unwrap_or(u64::MAX),
            columns: range.columns,
            at_line_start: u32::from(range.at_line_start),
        };
        piece.state = State::Running { buffer };
        if let Some(list) = self.given.get_mut(worker) {
            list.push_back(self.front + at as u64);
        }
        Ok(self.job.pool.send(worker, &task)?)
    }

    fn wait(&mut self) -> Result<()> {
        match self.job.pool.wait(TICK_MS)? {
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
        self.cutter.learn(text, reply.rows * row_size as u64, self.job.budget.buffer);
    }

    /// Puts back what a dead worker had. What it was doing may have killed it.
    fn redo(&mut self, worker: usize, how: Ended) -> Result<()> {
        let lost = self.given.get_mut(worker).map(core::mem::take).unwrap_or_default();
        for (i, number) in lost.into_iter().enumerate() {
            let at = (number - self.front) as usize;
            let Some(piece) = self.queue.get_mut(at) else { continue };
            if let State::Running { buffer } = piece.state {
                self.free.push(buffer);
            }
            piece.state = State::Waiting;
            piece.deaths += u32::from(i == 0);
            if piece.deaths > 1 && !piece.discard {
                let range = piece.range;
                let error = self.lost(range, how);
                if let Some(piece) = self.queue.get_mut(at) {
                    piece.state = State::Failed(Some(error));
                }
            }
        }
        if self.job.pool.is_empty() { Err(LoadError::NoWorkers) } else { Ok(()) }
    }

    /// The error of a piece that no worker could do.
    fn lost(&self, range: Range, how: Ended) -> LoadError {
        let Range { input, start, end, .. } = range;
        LoadError::Worker { path: self.job.inputs.path(input), start, end, how }
    }

    fn row_size(&self, at: usize) -> usize {
        let columns = self.queue.get(at).map_or(0, |piece| piece.range.columns);
        self.job.plan.with_columns(columns).map_or(0, |plan| plan.row_size())
    }

    /// Commits pieces from the front on, as far as they are read.
    fn commit(&mut self, sink: &mut dyn Sink) -> Result<()> {
        while let Some(piece) = self.queue.front_mut() {
            let range = piece.range;
            match &mut piece.state {
                State::Failed(error) => {
                    return Err(error.take().unwrap_or(LoadError::NoWorkers));
                }
                State::Waiting if piece.discard => {}
                State::Waiting if range.is_empty() => self.finish_empty(range, sink)?,
                State::Waiting | State::Running { .. } => return Ok(()),
                State::Read { buffer, .. } if piece.discard => {
                    let buffer = *buffer;
                    self.free.push(buffer);
                }
                State::Read { buffer, reply } => {
                    let (buffer, reply) = (*buffer, *reply);
                    let done = self.commit_read(range, buffer, &reply, sink)?;
                    self.free.push(buffer);
                    if !done {
                        // Its rest is the oldest piece now, and gets the next buffer.
                        self.dispatch()?;
                        return Ok(());
                    }
                }
            }
            self.queue.pop_front();
            self.front += 1;
        }
        Ok(())
    }

    fn finish_empty(&mut self, range: Range, sink: &mut dyn Sink) -> Result<()> {
        self.begin(range, sink)?;
        self.finish(range, sink)
    }

    /// Commits what was read of the front piece; false if there is more of it.
    fn commit_read(
        &mut self,
        range: Range,
        buffer: u32,
        reply: &Reply,
        sink: &mut dyn Sink,
    ) -> Result<bool> {
        self.begin(range, sink)?;
        let row_size = self.row_size(0);
        // The block below is made of the worker's word: it must lie in the buffer.
        let room = self.job.ring.buffer_size() / row_size.max(1);
        if row_size > 0 && reply.rows > room as u64 {
            return Err(self.lost(range, Ended::Unknown));
        }
        let wanted = self.job.options.max_rows.unwrap_or(u64::MAX) - self.current.rows;
        let rows = reply.rows.min(wanted);
        let data = self.job.ring.buffer(buffer as usize);
        sink.rows(&Block::new(data, rows, row_size)).map_err(LoadError::Sink)?;
        if rows < wanted {
            self.check(range, reply)?;
        }
        self.current.rows += rows;
        self.current.lines += reply.lines;
        self.total_rows += rows;
        if rows == wanted {
            self.discard_rest(range.input);
            self.finish(range, sink)?;
            return Ok(true);
        }
        if let Outcome::Full = reply.outcome() {
            self.go_on(reply)?;
            return Ok(false);
        }
        if range.last {
            self.finish(range, sink)?;
        }
        Ok(true)
    }

    /// The rest of the front piece becomes a piece of its own.
    fn go_on(&mut self, reply: &Reply) -> Result<()> {
        if reply.rows == 0 {
            // What no buffer holds was refused before; this only keeps a bug from going on
            // for ever.
            let (need, have) = (self.row_size(0) as u64, self.job.budget.buffer as u64);
            return Err(LoadError::Memory { what: "one row", need, have });
        }
        let Some(piece) = self.queue.front_mut() else { return Ok(()) };
        piece.range.start = reply.next;
        piece.range.at_line_start = true;
        piece.state = State::Waiting;
        Ok(())
    }

    fn discard_rest(&mut self, input: usize) {
        self.cutter.stop(input);
        for piece in self.queue.iter_mut().filter(|p| p.range.input == input) {
            piece.discard = !matches!(piece.state, State::Failed(_));
        }
    }

    fn begin(&mut self, range: Range, sink: &mut dyn Sink) -> Result<()> {
        if self.current.begun {
            return Ok(());
        }
        self.current = Current { begun: true, rows: 0, lines: range.skipped };
        let columns = self.job.plan.needs_column_count().then_some(range.columns);
        let columns = columns
            .or_else(|| self.job.plan.is_table().then(|| self.job.plan.column_count() as u32));
        sink.begin(range.input, columns).map_err(LoadError::Sink)
    }

    fn finish(&mut self, range: Range, sink: &mut dyn Sink) -> Result<()> {
        let rows = self.current.rows;
        self.current = Current::default();
        if rows == 0 && !self.job.options.allow_empty && self.job.options.max_rows != Some(0) {
            return Err(self.job.inputs.error(range.input, InputFault::Empty));
        }
        sink.end(range.input, rows).map_err(LoadError::Sink)
    }

    /// Makes an error of what a worker could not read.
    fn check(&self, range: Range, reply: &Reply) -> Result<()> {
        let reason = match reply.outcome() {
            Outcome::Done | Outcome::Full => return Ok(()),
            Outcome::Fault(fault) => match self.not_plain(range, &fault) {
                Some(what) => InputFault::NotPlain(what),
                None => return Err(self.text_error(range, &fault)),
            },
            Outcome::Io(errno) => InputFault::Io(std::io::Error::from_raw_os_error(errno)),
            Outcome::Changed => InputFault::Changed,
            Outcome::LineTooLong => InputFault::LineTooLong {
                limit: self.job.budget.input as u64,
                line: self.current.lines + reply.lines + 1,
            },
        };
        Err(self.job.inputs.error(range.input, reason))
    }

    /// Bytes that are not UTF-8 may have a simple reason.
    fn not_plain(&self, range: Range, fault: &FaultAt) -> Option<&'static str> {
        match fault.kind {
            FaultKind::Encoding => head::sniff(&self.job.inputs.path(range.input)),
            _ => None,
        }
    }

    fn text_error(&self, range: Range, fault: &FaultAt) -> LoadError {
        let text = fault.text.get(..fault.text_len).unwrap_or_default();
        LoadError::Text(std::boxed::Box::new(TextError {
            path: self.job.inputs.path(range.input),
            line: self.current.lines + fault.line + 1,
            row: self.current.rows + fault.row,
            column: fault.column,
            offset: fault.offset,
            text: report::text(text),
            problem: report::problem(fault.kind, &self.job.plan, self.job.dtype),
        }))
    }
}

impl Range {
    /// What an input that cannot be cut has instead.
    const NOWHERE: Self = Self {
        input: 0,
        start: 0,
        end: 0,
        at_line_start: true,
        last: true,
        columns: 0,
        skipped: 0,
    };

    const fn is_empty(&self) -> bool {
        self.start >= self.end
    }
}

impl Piece {
    const fn is_empty(&self) -> bool {
        self.range.is_empty()
    }
}

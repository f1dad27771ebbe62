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

use super::buffers::Buffers;
use super::cancel::Stop;
use super::cutter::{Cutter, Cutting, Next, Range, Wait};
use super::error::{InputFault, LoadError, Result};
use super::inputs::Inputs;
use super::lend::DEPTH;
use super::options::{Budget, Options};
use super::recipe::Recipe;
use super::report::Report;
use super::sink::Sink;
use super::task::Reply;
use super::worker::Reader;
use crate::pool::Pool;

/// Where a piece is.
#[derive(Debug)]
pub(super) enum State {
    Waiting,
    Running {
        buffer: u32,
    },
    Read {
        part: Part,
        reply: Reply,
    },
    /// The input could not be read on, which counts if its rows before are not enough.
    Broken(Option<InputFault>),
    /// What went wrong otherwise; counts in the same way.
    Failed(Option<LoadError>),
}

/// Where the rows of a piece lie, and its notes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part {
    pub(super) buffer: u32,
    /// Byte of the buffer at which they start.
    pub(super) at: usize,
    /// Its first note.
    pub(super) note: usize,
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
    pub(super) buffers: Buffers,
    /// The buffers that each worker has, in its order.
    pub(super) given: Vec<VecDeque<u32>>,
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
    /// The sink takes no rows at the moment.
    pub(super) held: bool,
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
            buffers: Buffers::new(recipe.ring.count()),
            given: (0..pool.len()).map(|_| VecDeque::with_capacity(DEPTH)).collect(),
            current: Current::default(),
            total_rows: 0,
            report: Report::default(),
            done_bytes: 0,
            done_inputs: 0,
            columns: None,
            waiting: None,
            held: false,
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
            self.takes_rows(sink)?;
            self.dispatch(round)?;
            self.commit(sink, round)?;
            if self.queue.is_empty() && matches!(self.cut_one(round), Cut::End) {
                return Ok(true);
            }
            // Room in the ring comes with the commits of what the workers have.
            if self.held
                || self.is_busy()
                || matches!(self.waiting, Some(Wait::Data(_) | Wait::Turn))
            {
                return Ok(false);
            }
        }
    }

    /// Has the sink do what it can; whether it takes rows.
    pub(super) fn takes_rows(&mut self, sink: &mut dyn Sink) -> Result<bool> {
        let takes = sink.tend().map_err(LoadError::Sink)?;
        self.held = !takes;
        Ok(takes)
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
            Next::Failed(input, error) => (Range::whole(input, 0), State::Failed(Some(error))),
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

    /// Cuts one more piece, unless nothing more needs to be: a failure stops everything
    /// behind it.
    pub(super) fn cut_more(&mut self, round: Round<'_>) -> bool {
        self.queue.back().is_none_or(|piece| !piece.is_failure())
            && matches!(self.cut_one(round), Cut::Piece)
    }
}

/// What became of a try to cut a piece.
enum Cut {
    Piece,
    Later,
    End,
}

impl Piece {
    /// Whether it was read, and is wanted.
    pub(super) const fn has_rows(&self) -> bool {
        matches!(self.state, State::Read { .. }) && !self.discard
    }

    pub(super) const fn is_failure(&self) -> bool {
        matches!(self.state, State::Failed(_) | State::Broken(_))
    }

    /// Whether it may share a buffer: all that is left of a file, from a record's start. One
    /// whose worker died is given alone, so that only the piece that kills is blamed again.
    pub(super) const fn is_small(&self) -> bool {
        let Range { at_record, last, place, .. } = self.range;
        at_record && last && place.is_none() && !self.large && self.deaths == 0
    }
}

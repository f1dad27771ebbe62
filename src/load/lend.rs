//! Pieces to the workers, with buffers to put their rows in, and back: with an answer, or
//! after a death.
//!
//! Small files that wait one behind the other are given together, in one message and with
//! one buffer. Each stays a piece of its own: it is committed by itself, and waits again if
//! there was no room for it. None that waits is passed over, and a piece that waits again
//! gives its buffer back, or had it together with older ones: so there is always a buffer
//! for the front of the queue in the end.

#![allow(unsafe_code)]

use std::collections::VecDeque;

use super::cutter::Range;
use super::engine::{Engine, Part, Piece, Round, State};
use super::error::{LoadError, Result};
use super::options::OnBadRows;
use super::ring::MEMBERS;
use super::task::{FileId, IN_FILE, Outcome, Reply, Task};
use crate::pool::Event;
use crate::sys::Ended;

/// Tasks that a worker has at once: one to do, one to begin with right after.
pub(super) const DEPTH: usize = 2;
/// Small files are given out in so many parts for each worker at least, so that all have
/// something to do to the end.
const PARTS: usize = 4;

impl Engine {
    /// Gives the oldest waiting pieces to workers, as long as there are buffers.
    pub(super) fn dispatch(&mut self, round: Round<'_>) -> Result<()> {
        while self.buffers.has_free() {
            let Some(worker) = self.least_busy() else { return Ok(()) };
            let Some(at) = self.next_waiting(round) else { return Ok(()) };
            let Some(buffer) = self.buffers.take() else { return Ok(()) };
            self.lend(at, buffer);
            self.lend_more(at, buffer, round);
            self.give(worker, buffer)?;
        }
        Ok(())
    }

    fn lend(&mut self, at: usize, buffer: u32) {
        if let Some(piece) = self.queue.get_mut(at) {
            piece.state = State::Running { buffer };
            self.buffers.lend(buffer, self.front + at as u64);
        }
    }

    /// Lends a buffer also to the small files that wait behind its first piece.
    fn lend_more(&mut self, at: usize, buffer: u32, round: Round<'_>) {
        let Some(first) = self.queue.get(at).filter(|piece| piece.is_small()) else { return };
        let left = self.inputs.len().saturating_sub(first.range.input);
        let most = (left / (PARTS * self.given.len().max(1))).min(MEMBERS);
        let usual = self.cutter.usual();
        let (mut count, mut text, mut at) = (1, first.range.len(), at);
        while count < most && text < usual {
            at += 1;
            if at >= self.queue.len() && !self.cut_more(round) {
                return;
            }
            let Some(piece) = self.queue.get(at) else { return };
            match piece.state {
                State::Running { .. } | State::Read { .. } => continue,
                State::Waiting if piece.discard || piece.range.is_empty() => continue,
                State::Waiting if piece.is_small() => {}
                _ => return,
            }
            text += piece.range.len();
            if text > usual {
                return;
            }
            self.lend(at, buffer);
            count += 1;
        }
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
        while self.cut_more(round) {
            let at = self.queue.len() - 1;
            if self.queue.get(at).is_some_and(waits) {
                return Some(at);
            }
        }
        None
    }

    /// Gives a worker the pieces that a buffer was lent to.
    fn give(&mut self, worker: usize, buffer: u32) -> Result<()> {
        let pieces = self.buffers.pieces(buffer);
        let tasks = pieces.iter().filter_map(|&number| self.task(number, buffer));
        let Some(first) = tasks.clone().next() else { return Ok(()) };
        let members = if pieces.len() > 1 { pieces.len() } else { 0 };
        for (place, task) in tasks.take(members).enumerate() {
            // SAFETY: the buffer was free, so nobody but this process knows of it.
            unsafe { self.recipe.ring.put_task(buffer as usize, place, &task) };
        }
        if let Some(list) = self.given.get_mut(worker) {
            list.push_back(buffer);
        }
        let message = Task { members: members as u32, ..first };
        Ok(self.pool.send(worker, &message)?)
    }

    /// What a worker is told of a piece.
    fn task(&self, number: u64, buffer: u32) -> Option<Task> {
        let piece = self.queue.get(self.place_of(number)?)?;
        let range = piece.range;
        Some(Task {
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
            members: 0,
        })
    }

    /// Place of a piece in the queue; none if it is committed.
    fn place_of(&self, number: u64) -> Option<usize> {
        usize::try_from(number.checked_sub(self.front)?).ok()
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

    /// Takes a worker's answer to what it has had for longest.
    fn take(&mut self, worker: usize, reply: Reply) {
        let Some(buffer) = self.given.get_mut(worker).and_then(VecDeque::pop_front) else { return };
        let count = self.buffers.pieces(buffer).len();
        let answered = if count > 1 { reply.members as usize } else { 1 };
        let mut part = Part { buffer, at: 0, note: 0 };
        let (mut text, mut rows) = (0, 0);
        for place in 0..count {
            if place >= answered {
                self.put_back(place, buffer, answered);
                continue;
            }
            // SAFETY: the buffer's worker has answered, and it is not given out again yet.
            let own = || unsafe { self.recipe.ring.reply(buffer as usize, place) };
            let reply = if count > 1 { own() } else { reply };
            let Some(piece) = self.lent_to(place, buffer) else { return };
            piece.state = State::Read { part, reply };
            let range = piece.range;
            let end = if matches!(reply.outcome(), Outcome::Full) { reply.next } else { range.end };
            let stored = self.recipe.stored(range.columns, reply.rows);
            text = end.saturating_sub(range.start).saturating_add(text);
            let made = if self.recipe.looks.is_some() { 0 } else { stored as u64 };
            rows = made.saturating_add(rows);
            part.at = part.at.saturating_add(stored);
            part.note = part.note.saturating_add(reply.notes as usize);
        }
        self.cutter.learn(text, rows, self.budget.fill);
    }

    /// A piece that a buffer was lent to, as long as a worker has it.
    fn lent_to(&mut self, place: usize, buffer: u32) -> Option<&mut Piece> {
        let number = *self.buffers.pieces(buffer).get(place)?;
        let at = self.place_of(number)?;
        let has_it =
            |piece: &&mut Piece| matches!(piece.state, State::Running { buffer: b } if b == buffer);
        self.queue.get_mut(at).filter(has_it)
    }

    /// Has a piece wait again that got no answer, because it did not fit behind others.
    fn put_back(&mut self, place: usize, buffer: u32, answered: usize) {
        let Some(range) = self.lent_to(place, buffer).map(|piece| piece.range) else { return };
        // The first one always has an answer: this only keeps a bug from going on for ever.
        let error = (answered == 0).then(|| self.lost(range, Ended::Unknown));
        let Some(piece) = self.lent_to(place, buffer) else { return };
        piece.state = error.map_or(State::Waiting, |error| State::Failed(Some(error)));
        self.buffers.release(buffer);
    }

    /// Takes a buffer from the pieces that still have it: they shared it with the front one,
    /// which has to wait again, and needs a buffer before they do.
    pub(super) fn take_back(&mut self, buffer: u32) {
        for place in 0..self.buffers.pieces(buffer).len() {
            let number = self.buffers.pieces(buffer).get(place).copied();
            let at = number.and_then(|number| self.place_of(number));
            let Some(piece) = at.and_then(|at| self.queue.get_mut(at)) else { continue };
            if matches!(piece.state, State::Read { part, .. } if part.buffer == buffer) {
                piece.state = State::Waiting;
                self.buffers.release(buffer);
            }
        }
    }

    /// Puts back what a dead worker had. What it was doing may have killed it.
    fn redo(&mut self, worker: usize, how: Ended) -> Result<()> {
        let lost = self.given.get_mut(worker).map(core::mem::take).unwrap_or_default();
        for (i, buffer) in lost.into_iter().enumerate() {
            for place in 0..self.buffers.pieces(buffer).len() {
                self.redo_piece(place, buffer, i == 0, how);
            }
        }
        if self.pool.is_empty() { Err(LoadError::NoWorkers) } else { Ok(()) }
    }

    fn redo_piece(&mut self, place: usize, buffer: u32, blamed: bool, how: Ended) {
        let Some(piece) = self.lent_to(place, buffer) else { return };
        piece.deaths += u32::from(blamed);
        let (range, twice, discard) = (piece.range, piece.deaths > 1, piece.discard);
        let error = (twice && !discard).then(|| self.lost(range, how));
        let guessed = self.quotes && !range.at_record;
        let Some(piece) = self.lent_to(place, buffer) else { return };
        if twice && guessed {
            // A guess that led nowhere; from the right place it may be harmless.
            let part = Part { buffer, at: 0, note: 0 };
            piece.state = State::Read { part, reply: Reply::new(Outcome::Done) };
            return;
        }
        piece.state = error.map_or(State::Waiting, |error| State::Failed(Some(error)));
        self.buffers.release(buffer);
    }

    /// The error of a piece that no worker could do.
    pub(super) fn lost(&self, range: Range, how: Ended) -> LoadError {
        let Range { input, start, end, .. } = range;
        LoadError::Worker { input, path: self.inputs.path(input), start, end, how }
    }
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};
    use std::sync::Arc;
    use std::vec::Vec;

    use bytemuck::Zeroable;

    use super::super::cancel::{Canceller, Stop};
    use super::super::cutter::Cutter;
    use super::super::decode::Encoding;
    use super::super::engine::Parts;
    use super::super::inputs::{Inputs, Looked};
    use super::super::options::{Budget, Options};
    use super::super::recipe::{Aim, Blueprint, Compiled, Recipe};
    use super::super::ring::Ring;
    use super::super::sink::{Block, Sink, SinkError};
    use super::super::slots::Slots;
    use super::super::streams::Streams;
    use super::super::task::Member;
    use super::super::worker::Reader;
    use super::*;
    use crate::dtype_buf::DTypeBuf;
    use crate::pool::Pool;
    use crate::sys::Pages;
    use crate::text::{Found, PADDING, Unicode};

    /// Touches every byte that it is given.
    #[derive(Debug, Default)]
    struct Sum(u64);

    impl Sink for Sum {
        fn begin(&mut self, _: usize, _: Option<u32>) -> core::result::Result<(), SinkError> {
            Ok(())
        }

        fn rows(&mut self, block: &Block) -> core::result::Result<(), SinkError> {
            self.0 += block.as_bytes().iter().map(|&byte| u64::from(byte)).sum::<u64>();
            Ok(())
        }

        fn end(&mut self, _: usize, _: u64) -> core::result::Result<(), SinkError> {
            Ok(())
        }
    }

    fn engine(paths: &[PathBuf], options: &Options) -> Engine {
        let dtype = DTypeBuf::parse("i4,i4").unwrap();
        let blueprint = Blueprint {
            dtype: dtype.as_dtype(),
            found: Found::Nothing,
            auto: false,
            aim: Aim::Load,
            common_fill: true,
            unicode: Unicode::Ucs4,
            options,
            header: None,
        };
        let Looked { inputs, c_paths, streams } = Inputs::look(paths, Encoding::Utf8).unwrap();
        let budget = Budget::new(options, Some(8)).unwrap();
        let recipe = Arc::new(Recipe {
            compiled: Compiled::new(&blueprint).unwrap(),
            looks: None,
            header: None,
            same_columns: false,
            paths: c_paths,
            ring: Ring::new(budget.buffers, budget.buffer, 0).unwrap(),
        });
        let input = Pages::new(budget.input + PADDING).unwrap();
        let mut reader = Reader { recipe: recipe.clone(), input, open: None };
        let pool = Pool::fork(1, 0, &mut reader).unwrap();
        let streams = Streams::new(streams, options.encoding, &budget);
        let cutter = Cutter::new(budget.piece, streams, Slots::new(0, budget.text, budget.line));
        Engine::new(Parts { inputs, options: options.clone(), budget, recipe, cutter, pool })
    }

    fn forty(dir: &Path) -> Engine {
        let paths: Vec<_> = (0..40).map(|i| dir.join(std::format!("{i}"))).collect();
        for path in &paths {
            std::fs::write(path, "1 2\n3 4\n").unwrap();
        }
        engine(&paths, &Options { workers: Some(1), ..Options::default() })
    }

    /// What the engine says if the answers to the first ten of forty files are these.
    fn told(tamper: impl FnOnce(&mut Reply, &mut [Member])) -> Result<()> {
        let dir = tempfile::tempdir().unwrap();
        let mut engine = forty(dir.path());
        let stop = Stop::new(Canceller::new().unwrap(), None);
        let round = Round { stop: &stop, until: None };
        engine.dispatch(round).unwrap();
        let buffer = engine.given[0][0];
        assert_eq!(engine.buffers.pieces(buffer), (0..10).collect::<Vec<_>>());
        let mut reply = loop {
            if let Event::Reply { reply, .. } = engine.pool.wait(-1).unwrap() {
                break reply;
            }
        };
        let mut members = [Member::zeroed(); MEMBERS];
        // SAFETY: the worker has answered, and nothing else refers to the buffer.
        let table = unsafe { engine.recipe.ring.buffer_mut(buffer as usize) }.table;
        let bytes: &mut [u8] = bytemuck::cast_slice_mut(&mut members);
        bytes.copy_from_slice(table);
        tamper(&mut reply, &mut members);
        table.copy_from_slice(bytemuck::cast_slice(&members));
        engine.take(0, reply);
        engine.commit(&mut Sum::default(), round)
    }

    #[test]
    fn what_a_worker_says_is_not_believed() {
        told(|_, _| {}).unwrap();
        let lost = |tamper: fn(&mut Reply, &mut [Member]), input| {
            let error = told(tamper).unwrap_err();
            assert!(matches!(error, LoadError::Worker { input: i, .. } if i == input), "{error}");
        };
        lost(|all, _| all.members = 0, 0);
        lost(|_, members| members[3].reply.rows = u64::MAX, 3);
        lost(|_, members| members[3].reply.rows = 1 << 40, 3);
        // What it said of one is what the next ones are measured by.
        lost(|_, members| members[9].reply.rows = u64::MAX / 8, 9);
        // None of these leads anywhere but to an error, or to rows that are in the buffer.
        for i in [0, 5, 9] {
            let _ = told(|all, _| all.members = u32::MAX - i);
            let _ = told(|_, members| members[i as usize].reply.notes = u32::MAX);
            let _ = told(|_, members| members[i as usize].reply.next = u64::MAX);
            let _ = told(|_, members| members[i as usize].reply.bad_rows = u64::MAX >> 8);
            let _ = told(|_, members| members[i as usize].reply.lines = u64::MAX >> 8);
            let _ = told(|_, members| members[i as usize].reply = Reply::new(Outcome::Fault));
            let _ = told(|_, members| members[i as usize].reply = Reply::new(Outcome::Full));
            let _ = told(|_, members| members[i as usize].reply = Reply::new(Outcome::TooLong));
            let _ = told(|_, members| bytemuck::bytes_of_mut(&mut members[i as usize]).fill(0xFF));
        }
    }

    /// One that waits but may not share would have no buffer, should those behind it have all.
    #[test]
    fn none_that_waits_is_passed_over() {
        let dir = tempfile::tempdir().unwrap();
        let mut engine = forty(dir.path());
        let stop = Stop::new(Canceller::new().unwrap(), None);
        let round = Round { stop: &stop, until: None };
        (0..20).for_each(|_| assert!(engine.cut_more(round)));
        engine.queue[3].deaths = 1;
        engine.dispatch(round).unwrap();
        let given: Vec<_> = engine.given[0].iter().map(|&b| engine.buffers.pieces(b)).collect();
        assert_eq!(given, [&[0, 1, 2][..], &[3]]);
    }
}

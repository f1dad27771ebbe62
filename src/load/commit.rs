//! Rows to the sink, in file order, and the errors that are met on the way.

#![allow(unsafe_code)]

use std::boxed::Box;
use std::vec::Vec;

use super::cutter::Range;
use super::engine::{Current, Engine, Part, Piece, Round, State};
use super::error::{InputFault, LoadError, Result, TextError};
use super::note::{KEPT, Note};
use super::report::{self, Place};
use super::sink::{Block, Sink};
use super::task::{Outcome, Reply};
use crate::sys::Ended;
use crate::text::FaultKind;

impl Engine {
    /// Commits pieces from the front on, as far as they are read.
    pub(super) fn commit(&mut self, sink: &mut dyn Sink, round: Round<'_>) -> Result<()> {
        loop {
            self.place_front();
            if self.queue.front().is_some_and(Piece::has_rows) && !self.takes_rows(sink)? {
                return Ok(());
            }
            let Some(piece) = self.queue.front_mut() else { return Ok(()) };
            let range = piece.range;
            match &mut piece.state {
                State::Waiting | State::Broken(_) | State::Failed(_) if piece.discard => {}
                State::Failed(error) => {
                    return Err(error.take().unwrap_or(LoadError::NoWorkers));
                }
                State::Broken(fault) => {
                    let fault = fault.take().unwrap_or(InputFault::Changed);
                    self.enter(range);
                    return Err(self.broken(range, fault));
                }
                State::Waiting if range.is_empty() => self.finish_empty(range, sink)?,
                State::Waiting => return self.dispatch(round),
                State::Running { .. } => return Ok(()),
                State::Read { part, .. } if piece.discard => {
                    let buffer = part.buffer;
                    self.buffers.release(buffer);
                }
                State::Read { part, reply } => {
                    let (part, reply) = (*part, *reply);
                    let done = self.commit_read(range, part, &reply, sink)?;
                    self.buffers.release(part.buffer);
                    if !done {
                        // Its rest is the oldest piece now, and gets the next buffer.
                        self.take_back(part.buffer);
                        self.dispatch(round)?;
                        return Ok(());
                    }
                }
            }
            self.queue.pop_front();
            self.front += 1;
            if let Some(place) = range.place {
                self.cutter.slots.release(place.slot);
            }
        }
    }

    /// Compares where the first record of the front piece starts with where the records
    /// before it end. A piece that lies inside a record becomes empty, one that was read
    /// from the wrong place has to wait again.
    fn place_front(&mut self) {
        let next = self.current.next;
        let Some(piece) = self.queue.front_mut() else { return };
        if !self.quotes || piece.range.at_record || piece.discard || piece.is_failure() {
            return;
        }
        match piece.state {
            State::Running { .. } => return,
            State::Read { reply, .. } if reply.first == next => return,
            State::Read { part, .. } => self.buffers.release(part.buffer),
            _ => {}
        }
        piece.state = State::Waiting;
        piece.range.start = next.clamp(piece.range.start, piece.range.end);
        piece.range.at_record = true;
        // Another place, another piece.
        piece.deaths = 0;
    }

    fn finish_empty(&mut self, range: Range, sink: &mut dyn Sink) -> Result<()> {
        self.enter(range);
        self.current.bytes = range.end;
        if range.last { self.finish(range, sink) } else { Ok(()) }
    }

    /// Commits what was read of the front piece; false if there is more of it.
    fn commit_read(
        &mut self,
        range: Range,
        part: Part,
        reply: &Reply,
        sink: &mut dyn Sink,
    ) -> Result<bool> {
        self.enter(range);
        // As long as a stream has no rows, its columns are not known.
        if !self.needs_columns || range.columns > 0 || range.last {
            self.begin(range, sink)?;
        }
        // The block below is made of the worker's word: it must lie in the buffer.
        let stored = self.recipe.stored(range.columns, reply.rows);
        if part.at.saturating_add(stored) > self.recipe.ring.rows_size() {
            return Err(self.lost(range, Ended::Unknown));
        }
        let wanted = self.options.max_rows.unwrap_or(u64::MAX) - self.current.rows;
        let looks = self.recipe.looks.is_some();
        // What is too much cannot be left out of what columns are like.
        let too_much = (reply.bad_rows > 0 || looks) && reply.rows >= wanted;
        if too_much && self.ask_for(wanted) {
            return Ok(false);
        }
        let rows = reply.rows.min(wanted);
        let data = self.recipe.ring.buffer(part.buffer as usize).wrapping_add(part.at);
        if self.current.begun {
            let len = self.recipe.stored(range.columns, rows);
            sink.rows(&Block::new(data, rows, len)).map_err(LoadError::Sink)?;
        }
        let again = self.goes_on(reply);
        if rows < wanted && !again {
            self.check(range, part, reply)?;
        }
        self.keep_bad_rows(range, part, reply);
        self.current.rows += rows;
        self.current.lines += reply.lines;
        self.current.next = reply.next;
        self.total_rows += rows;
        if rows == wanted && self.current.begun {
            self.discard_rest(range.input);
            self.finish(range, sink)?;
            return Ok(true);
        }
        // No row at all is wanted of a stream whose columns are not known yet.
        if wanted > 0 && again {
            self.current.bytes = reply.next;
            self.go_on(reply)?;
            return Ok(false);
        }
        self.current.bytes = range.end;
        if range.last {
            self.finish(range, sink)?;
        }
        Ok(true)
    }

    /// Why there are no rows.
    fn empty(&self, input: usize, bad_rows: u64) -> InputFault {
        if bad_rows == 0 {
            return InputFault::Empty;
        }
        let first = self.report.first.iter().find(|error| error.input == input);
        match self.inputs.sniff(input) {
            Some(what) => InputFault::NotPlain(what),
            None => InputFault::AllBad { rows: bad_rows, first: first.cloned().map(Box::new) },
        }
    }

    /// Has the front piece read again, so that it ends with the last row wanted: bad rows
    /// behind that do not count. False if it was read so.
    fn ask_for(&mut self, rows: u64) -> bool {
        let Some(piece) = self.queue.front_mut().filter(|p| p.max_rows > rows) else {
            return false;
        };
        piece.max_rows = rows;
        piece.state = State::Waiting;
        true
    }

    /// Whether the front piece goes on at [`Reply::next`]. A record that does not fit the
    /// input buffer may get a larger one, now that nothing else is before it.
    fn goes_on(&self, reply: &Reply) -> bool {
        let usual = self.queue.front().is_some_and(|piece| !piece.large);
        match reply.outcome() {
            Outcome::Full => true,
            Outcome::TooLong => usual && self.budget.line > self.budget.input,
            _ => false,
        }
    }

    /// The rest of the front piece becomes a piece of its own.
    fn go_on(&mut self, reply: &Reply) -> Result<()> {
        let Some(piece) = self.queue.front_mut() else { return Ok(()) };
        let need = self.recipe.stored(piece.range.columns, 1) as u64;
        let have = self.budget.buffer as u64;
        piece.large = matches!(reply.outcome(), Outcome::TooLong);
        if reply.next <= piece.range.start && piece.range.at_record && !piece.large {
            // What no buffer holds was refused before; this only keeps a bug from going on
            // for ever.
            return Err(LoadError::Memory { what: "one row", need, have });
        }
        if let Some(place) = &mut piece.range.place {
            place.at += reply.next.saturating_sub(piece.range.start);
        }
        piece.range.start = reply.next;
        piece.range.at_record = true;
        piece.state = State::Waiting;
        Ok(())
    }

    fn discard_rest(&mut self, input: usize) {
        self.cutter.stop(input);
        // The stream that was waited for may be closed.
        self.waiting = None;
        for piece in self.queue.iter_mut().filter(|p| p.range.input == input) {
            piece.discard = true;
        }
    }

    /// The first piece of an input is at the front.
    fn enter(&mut self, range: Range) {
        if !self.current.entered {
            self.current = Current { entered: true, lines: range.skipped, ..Current::default() };
        }
    }

    fn begin(&mut self, range: Range, sink: &mut dyn Sink) -> Result<()> {
        if self.current.begun {
            return Ok(());
        }
        self.current.begun = true;
        let plan = self.recipe.compiled.plan();
        let columns = if plan.needs_column_count() {
            Some(range.columns)
        } else {
            plan.is_table().then(|| plan.column_count() as u32)
        };
        let is_table = plan.is_table();
        if sink.joins_inputs() || self.recipe.same_columns {
            self.compare(range.input, columns)?;
        }
        let columns = columns.filter(|_| is_table);
        sink.begin(range.input, columns).map_err(LoadError::Sink)
    }

    /// Inputs that become one array have the same columns; one without rows fits all.
    fn compare(&mut self, input: usize, columns: Option<u32>) -> Result<()> {
        let Some(here) = columns.filter(|&columns| columns > 0) else { return Ok(()) };
        match self.columns {
            Some((first, columns)) if columns != here => Err(LoadError::ColumnsDiffer {
                first: self.inputs.path(first),
                columns,
                input,
                path: self.inputs.path(input),
                here,
            }),
            Some(_) => Ok(()),
            None => {
                self.columns = Some((input, here));
                Ok(())
            }
        }
    }

    fn finish(&mut self, range: Range, sink: &mut dyn Sink) -> Result<()> {
        self.begin(range, sink)?;
        let Current { rows, bad_rows, .. } = self.current;
        // What was not wanted of a file is done, too.
        self.done_bytes += self.inputs.file(range.input).map_or(self.current.bytes, |f| f.size);
        self.done_inputs += 1;
        self.current = Current::default();
        if rows == 0 && !self.options.allow_empty && self.options.max_rows != Some(0) {
            return Err(self.inputs.named(range.input, self.empty(range.input, bad_rows)));
        }
        sink.end(range.input, rows).map_err(LoadError::Sink)
    }

    /// Adds the rows that were left out to the report.
    fn keep_bad_rows(&mut self, range: Range, part: Part, reply: &Reply) {
        if reply.bad_rows == 0 {
            return;
        }
        let wanted = KEPT.saturating_sub(self.report.first.len());
        let notes = self.notes(part, reply).into_iter().take(wanted);
        for (i, note) in (0u64..).zip(notes) {
            let error = self.text_error(range, &note, i);
            self.report.first.push(error);
        }
        self.report.bad_rows += reply.bad_rows;
        self.current.bad_rows += reply.bad_rows;
    }

    /// The notes that a worker left in a buffer.
    fn notes(&self, part: Part, reply: &Reply) -> Vec<Note> {
        let Part { buffer, note, .. } = part;
        // SAFETY: the buffer's worker has answered, and it is not given out again yet.
        unsafe { self.recipe.ring.notes(buffer as usize, note, reply.notes as usize) }
    }

    /// Makes an error of what a worker could not read.
    fn check(&self, range: Range, part: Part, reply: &Reply) -> Result<()> {
        let reason = match reply.outcome() {
            Outcome::Done | Outcome::Full => return Ok(()),
            Outcome::Fault => {
                let notes = self.notes(part, reply);
                let note = notes.last().ok_or_else(|| self.lost(range, Ended::Unknown))?;
                match self.not_plain(range, note.kind()) {
                    Some(what) => InputFault::NotPlain(what),
                    None => return Err(LoadError::Text(Box::new(self.text_error(range, note, 0)))),
                }
            }
            Outcome::Io(errno) => InputFault::Io(std::io::Error::from_raw_os_error(errno)),
            Outcome::Changed => InputFault::Changed,
            Outcome::TooLong => InputFault::LineTooLong {
                limit: self.budget.line as u64,
                line: self.current.lines + reply.lines + 1,
            },
        };
        Err(self.inputs.named(range.input, reason))
    }

    /// The error of a stream that could not be read on: at the line behind those committed.
    fn broken(&self, range: Range, fault: InputFault) -> LoadError {
        let reason = match fault {
            InputFault::LineTooLong { limit, .. } => {
                InputFault::LineTooLong { limit, line: self.current.lines + 1 }
            }
            other => other,
        };
        self.inputs.named(range.input, reason)
    }

    /// Bytes that are not UTF-8 may have a simple reason.
    fn not_plain(&self, range: Range, kind: FaultKind) -> Option<&'static str> {
        match kind {
            FaultKind::Encoding => self.inputs.sniff(range.input),
            _ => None,
        }
    }

    /// The error of a row with `before` bad rows of the same reply before it.
    fn text_error(&self, range: Range, note: &Note, before: u64) -> TextError {
        let compiled = &self.recipe.compiled;
        let place = Place {
            input: range.input,
            path: self.inputs.path(range.input),
            recoded: self.options.encoding.is_wide(),
            lines: self.current.lines,
            rows: self.current.rows + self.current.bad_rows + before,
        };
        report::text_error(place, note, &compiled.plan(), compiled.dtype())
    }
}

//! Rows to the sink, in file order, and the errors that are met on the way.

use std::boxed::Box;

use super::cutter::Range;
use super::engine::{Current, Engine, Round, State};
use super::error::{InputFault, LoadError, Result, TextError};
use super::report;
use super::sink::{Block, Sink};
use super::task::{FaultAt, Outcome, Reply};
use crate::sys::Ended;
use crate::text::FaultKind;

impl Engine {
    /// Commits pieces from the front on, as far as they are read.
    pub(super) fn commit(&mut self, sink: &mut dyn Sink, round: Round<'_>) -> Result<()> {
        while let Some(piece) = self.queue.front_mut() {
            let range = piece.range;
            match &mut piece.state {
                State::Failed(error) => {
                    return Err(error.take().unwrap_or(LoadError::NoWorkers));
                }
                State::Waiting | State::Broken(_) if piece.discard => {}
                State::Broken(fault) => {
                    let fault = fault.take().unwrap_or(InputFault::Changed);
                    self.enter(range);
                    return Err(self.broken(range, fault));
                }
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
        Ok(())
    }

    fn finish_empty(&mut self, range: Range, sink: &mut dyn Sink) -> Result<()> {
        self.enter(range);
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
        self.enter(range);
        // As long as a stream has no rows, its columns are not known.
        if !self.needs_columns || range.columns > 0 || range.last {
            self.begin(range, sink)?;
        }
        let row_size = self.row_size(0);
        // The block below is made of the worker's word: it must lie in the buffer.
        let room = self.recipe.ring.buffer_size() / row_size.max(1);
        if row_size > 0 && reply.rows > room as u64 {
            return Err(self.lost(range, Ended::Unknown));
        }
        let wanted = self.options.max_rows.unwrap_or(u64::MAX) - self.current.rows;
        let rows = reply.rows.min(wanted);
        let data = self.recipe.ring.buffer(buffer as usize);
        if self.current.begun {
            sink.rows(&Block::new(data, rows, row_size)).map_err(LoadError::Sink)?;
        }
        if rows < wanted {
            self.check(range, reply)?;
        }
        self.current.rows += rows;
        self.current.lines += reply.lines;
        self.total_rows += rows;
        if rows == wanted && self.current.begun {
            self.discard_rest(range.input);
            self.finish(range, sink)?;
            return Ok(true);
        }
        // No row at all is wanted of a stream whose columns are not known yet.
        if wanted > 0 && matches!(reply.outcome(), Outcome::Full) {
            self.current.bytes += reply.next.saturating_sub(range.start);
            self.go_on(reply)?;
            return Ok(false);
        }
        self.current.bytes += range.end.saturating_sub(range.start);
        if range.last {
            self.finish(range, sink)?;
        }
        Ok(true)
    }

    /// The rest of the front piece becomes a piece of its own.
    fn go_on(&mut self, reply: &Reply) -> Result<()> {
        let (need, have) = (self.row_size(0) as u64, self.budget.buffer as u64);
        let Some(piece) = self.queue.front_mut() else { return Ok(()) };
        if reply.next <= piece.range.start {
            // What no buffer holds was refused before; this only keeps a bug from going on
            // for ever.
            return Err(LoadError::Memory { what: "one row", need, have });
        }
        if let Some(place) = &mut piece.range.place {
            place.at += reply.next.saturating_sub(piece.range.start);
        }
        piece.range.start = reply.next;
        piece.range.at_line_start = true;
        piece.state = State::Waiting;
        Ok(())
    }

    fn discard_rest(&mut self, input: usize) {
        self.cutter.stop(input);
        // The stream that was waited for may be closed.
        self.waiting = None;
        for piece in self.queue.iter_mut().filter(|p| p.range.input == input) {
            piece.discard = !matches!(piece.state, State::Failed(_));
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
        if sink.joins_inputs() {
            self.compare(range.input, columns)?;
        }
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
        let rows = self.current.rows;
        // What was not wanted of a file is done, too.
        self.done_bytes += self.inputs.file(range.input).map_or(self.current.bytes, |f| f.size);
        self.done_inputs += 1;
        self.current = Current::default();
        if rows == 0 && !self.options.allow_empty && self.options.max_rows != Some(0) {
            return Err(self.inputs.named(range.input, InputFault::Empty));
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
                limit: self.budget.input as u64,
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
    fn not_plain(&self, range: Range, fault: &FaultAt) -> Option<&'static str> {
        match fault.kind {
            FaultKind::Encoding => self.inputs.sniff(range.input),
            _ => None,
        }
    }

    fn text_error(&self, range: Range, fault: &FaultAt) -> LoadError {
        let text = fault.text.get(..fault.text_len).unwrap_or_default();
        let compiled = &self.recipe.compiled;
        LoadError::Text(Box::new(TextError {
            input: range.input,
            path: self.inputs.path(range.input),
            line: self.current.lines + fault.line + 1,
            row: self.current.rows + fault.row,
            column: fault.column,
            offset: fault.offset,
            text: report::text(text),
            problem: report::problem(fault.kind, &compiled.plan(), compiled.dtype()),
        }))
    }
}

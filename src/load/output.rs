//! The output of a task: rows in a buffer of the ring, and notes of those that there are
//! none of. Core code only, as the [`worker`](super::worker) that it belongs to.

use super::auto::Types;
use super::note::{KEPT, Note};
use super::recipe::Recipe;
use super::task::{Outcome, Reply, Task};
use super::worker::table_size;
use crate::text::{self, BadRows, Encoding, Fault, Looks, OVERRUN, Plan, Span, Stop, Table, Text};

/// Rows that are tried to tell whether a record starts at a place.
const TRIED: u64 = 4;

/// What a task may write to: the rest of a buffer.
#[derive(Debug)]
pub(super) struct Room<'r> {
    out: &'r mut [u8],
    notes: &'r mut [u8],
    /// Rows left out that there is room to note.
    kept: usize,
}

impl<'r> Room<'r> {
    /// Behind the notes of tasks before.
    pub(super) fn new(out: &'r mut [u8], notes: &'r mut [u8], before: usize) -> Self {
        let notes = notes.get_mut(before * size_of::<Note>()..).unwrap_or_default();
        Self { out, notes, kept: KEPT.saturating_sub(before) }
    }

    /// Whether there is room for at least one row of a task.
    pub(super) fn holds_row(&self, recipe: &Recipe, task: &Task) -> bool {
        let row = recipe.compiled.plan().with_columns(task.columns);
        let table = if recipe.looks.is_some() { recipe.stored(task.columns, 0) } else { 0 };
        row.is_ok_and(|plan| table + plan.row_size() + OVERRUN <= self.out.len())
    }
}

/// Rows of a task on their way into its buffer.
#[derive(Debug)]
pub(super) struct Output<'r> {
    pub(super) plan: Plan<'r>,
    /// What is looked for, if no rows are made.
    looks: Option<Looks<'r>>,
    task: &'r Task,
    room: Room<'r>,
    rows: u64,
    lines: u64,
    bad_rows: u64,
    notes: usize,
}

impl<'r> Output<'r> {
    pub(super) fn new(recipe: &'r Recipe, task: &'r Task, room: Room<'r>) -> Option<Self> {
        let plan = recipe.compiled.plan().with_columns(task.columns).ok()?;
        let looks = recipe.looks.as_ref().map(Types::looks);
        if looks.is_some() {
            room.out.get_mut(..table_size(&plan))?.fill(0);
        }
        Some(Self { plan, looks, task, room, rows: 0, lines: 0, bad_rows: 0, notes: 0 })
    }

    /// Whether a record may have more than one line.
    pub(super) fn quotes(&self) -> bool {
        self.plan.format().quote().is_some()
    }

    /// Parses the records of `span`; `text` lies at `offset` of the input. Returns the bytes
    /// that were used.
    pub(super) fn parse(&mut self, text: Text<'_>, span: Span, offset: u64) -> (usize, Stop) {
        let mut faults = [Fault::NONE; KEPT];
        let room = faults.get_mut(self.notes..self.room.kept).unwrap_or_default();
        let mut bad = if self.task.skip_bad == 1 { BadRows::skip(room) } else { BadRows::stop() };
        let wanted = self.task.max_rows.saturating_sub(self.rows);
        let progress = match self.looks {
            None => {
                let stored = self.plan.row_size().saturating_mul(self.rows as usize);
                let out = self.room.out.get_mut(stored..).unwrap_or_default();
                text::parse(&self.plan, text, span, wanted, out, &mut bad)
            }
            Some(looks) => {
                let (table, row) = self.room.out.split_at_mut(table_size(&self.plan));
                let seen = bytemuck::try_cast_slice_mut(table).unwrap_or_default();
                let mut table = Table::new(&self.plan, looks, seen, row);
                text::look(&self.plan, text, span, wanted, &mut table, &mut bad)
            }
        };
        self.bad_rows += bad.count();
        for fault in bad.first() {
            self.note(fault, text, offset);
        }
        if let Stop::Fault(fault) = &progress.stop {
            self.note(fault, text, offset);
        }
        self.rows += progress.rows;
        self.lines += progress.lines;
        (progress.used, progress.stop)
    }

    /// Whether the first rows of `span` can be read. Leaves nothing but bytes in the buffer.
    pub(super) fn try_rows(&mut self, text: Text<'_>, span: Span) -> bool {
        let mut bad = BadRows::stop();
        // What is looked for is put at the start of the buffer.
        let from = if self.looks.is_some() { table_size(&self.plan) } else { 0 };
        let room = self.room.out.get_mut(from..).unwrap_or_default();
        let progress = text::parse(&self.plan, text, span, TRIED, room, &mut bad);
        match progress.stop {
            Stop::InputEnd | Stop::OutputFull => true,
            Stop::Incomplete => progress.rows > 0,
            Stop::Fault(_) => false,
        }
    }

    /// Leaves a note of a fault, whose lines and rows count from the last parse.
    fn note(&mut self, fault: &Fault, text: Text<'_>, offset: u64) {
        let fault = Fault { line: self.lines + fault.line, row: self.rows + fault.row, ..*fault };
        let (quote, len) = self.quote();
        let quote = quote.get(..len).unwrap_or_default();
        let note = Note::new(&fault, text.text(), offset, quote);
        let mut places = self.room.notes.chunks_exact_mut(size_of::<Note>());
        if let Some(place) = places.nth(self.notes) {
            place.copy_from_slice(bytemuck::bytes_of(&note));
            self.notes += 1;
        }
    }

    /// The quote character as it is written, and its bytes.
    pub(super) fn quote(&self) -> ([u8; 4], usize) {
        let mut bytes = [0; 4];
        let format = self.plan.format();
        let len = match (format.quote(), format.encoding()) {
            (None, _) => 0,
            (Some(c), Encoding::Utf8) => c.encode_utf8(&mut bytes).len(),
            (Some(c), Encoding::Latin1 | Encoding::Ascii) => {
                bytes = [u8::try_from(u32::from(c)).unwrap_or(0), 0, 0, 0];
                1
            }
        };
        (bytes, len)
    }

    pub(super) fn reply(&self, outcome: Outcome, first: u64, next: u64) -> Reply {
        let mut reply = Reply::new(outcome);
        (reply.rows, reply.lines) = (self.rows, self.lines);
        (reply.bad_rows, reply.notes) = (self.bad_rows, self.notes as u32);
        (reply.first, reply.next) = (first, next);
        reply
    }
}

//! Cutting the inputs into pieces of work, by bytes and in order.

use super::cancel::Stop;
use super::error::{InputFault, LoadError, Result};
use super::feeder::{Fed, Feeder, Until};
use super::header::Header;
use super::inputs::Inputs;
use super::options::{Budget, Options};
use super::ring::Ring;
use super::slots::Slots;
use super::streams::Streams;
use super::worker::table_size;
use crate::text::{OVERRUN, Plan};

/// A range of an input: the records that start in it are one piece of work.
#[derive(Debug, Clone, Copy)]
pub(super) struct Range {
    pub(super) input: usize,
    pub(super) start: u64,
    pub(super) end: u64,
    /// Where the input's text ends.
    pub(super) text_end: u64,
    /// A record is known to start at `start`.
    pub(super) at_record: bool,
    /// The input ends with it.
    pub(super) last: bool,
    pub(super) columns: u32,
    /// Lines skipped before the input's first range.
    pub(super) skipped: u64,
    /// Where the text of a stream lies.
    pub(super) place: Option<Place>,
}

/// A piece of a stream in the text region of the ring.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) slot: u32,
    /// Byte of the region at which the range starts.
    pub(super) at: u64,
}

impl Range {
    /// A whole input, nothing of which is read.
    pub(super) const fn whole(input: usize, size: u64) -> Self {
        Self {
            input,
            start: 0,
            end: size,
            text_end: size,
            at_record: true,
            last: true,
            columns: 0,
            skipped: 0,
            place: None,
        }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.start >= self.end
    }

    /// Bytes of text.
    pub(super) const fn len(&self) -> u64 {
        self.end.saturating_sub(self.start)
    }
}

/// What comes next.
#[derive(Debug)]
pub(super) enum Next {
    Range(Range),
    /// An error that belongs to an input and counts if its rows before are not enough.
    Broken(Range, InputFault),
    /// An error of an input that may be about something else, such as memory.
    Failed(usize, LoadError),
    /// A stream has to be waited for.
    Wait(Wait),
    End,
}

/// What a stream waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wait {
    /// Room in the ring, which pieces that are being worked on have.
    Room,
    /// Data: this descriptor says when it is there, if there is one.
    Data(Option<i32>),
    /// Nothing: the time for this step is over.
    Turn,
}

/// What cutting looks at.
#[derive(Debug)]
pub(super) struct Cutting<'a> {
    pub(super) plan: Plan<'a>,
    /// No rows are made, but a table of what the columns are like.
    pub(super) looks: bool,
    /// The names that the columns of each input must have.
    pub(super) header: Option<&'a Header>,
    pub(super) options: &'a Options,
    pub(super) budget: &'a Budget,
    pub(super) ring: &'a Ring,
    pub(super) stop: &'a Stop<'a>,
    pub(super) until: Until,
}

/// Cuts one input after the other.
#[derive(Debug)]
pub(super) struct Cutter {
    next_input: usize,
    /// What is left of the current input.
    rest: Option<Range>,
    /// Streams until their turn comes.
    streams: Streams,
    /// The stream that is read now.
    feeder: Option<Feeder>,
    pub(super) slots: Slots,
    piece: u64,
    /// Bytes of rows that a byte of text makes: the most of the last pieces.
    growth: f64,
    max_piece: u64,
}

impl Cutter {
    /// Begins with small pieces, until it is seen how much rows they make.
    pub(super) fn new(piece: u64, streams: Streams, slots: Slots) -> Self {
        Self {
            next_input: 0,
            rest: None,
            streams,
            feeder: None,
            slots,
            piece: piece.min(64 << 10),
            growth: 0.0,
            max_piece: piece,
        }
    }

    /// Tells how many bytes of rows came of a piece of text, so that the next
    /// ones fit a buffer.
    pub(super) fn learn(&mut self, text: u64, rows: u64, buffer: usize) {
        if text == 0 {
            return;
        }
        self.growth = (rows as f64 / text as f64).max(0.9 * self.growth);
        let fits = 0.9 * buffer as f64 / self.growth.max(1e-9);
        self.piece = (fits as u64).clamp(self.max_piece.min(1024), self.max_piece);
    }

    /// Bytes of text whose rows are expected to fit a buffer.
    pub(super) const fn usual(&self) -> u64 {
        self.piece
    }

    /// Leaves out the rest of an input.
    pub(super) fn stop(&mut self, input: usize) {
        if self.rest.is_some_and(|rest| rest.input == input) {
            self.rest = None;
        }
        if let Some(feeder) = self.feeder.take_if(|feeder| feeder.input() == input) {
            feeder.close(&mut self.slots);
        }
    }

    /// The next range, or why there is none.
    pub(super) fn next(&mut self, inputs: &mut Inputs, cutting: &Cutting<'_>) -> Next {
        if let Some(rest) = self.rest.take() {
            return Next::Range(self.cut(rest));
        }
        if self.feeder.is_some() {
            return self.feed(inputs, cutting);
        }
        let input = self.next_input;
        if input >= inputs.len() {
            return Next::End;
        }
        self.next_input += 1;
        if let Some(stream) = self.streams.take(input) {
            self.feeder = Some(Feeder::new(input, stream, cutting));
            return self.feed(inputs, cutting);
        }
        match begin(inputs, input, cutting) {
            Ok(range) => Next::Range(self.cut(range)),
            Err(error) => Next::Failed(input, error),
        }
    }

    /// Cuts a piece off `range`; the rest comes next.
    fn cut(&mut self, mut range: Range) -> Range {
        let size = range.end;
        if size - range.start > self.piece + self.piece / 2 {
            range.end = range.start + self.piece;
            range.last = false;
            self.rest =
                Some(Range { start: range.end, end: size, at_record: false, last: true, ..range });
        }
        range
    }

    /// The next piece of the stream that is read now.
    fn feed(&mut self, inputs: &mut Inputs, cutting: &Cutting<'_>) -> Next {
        let Some(mut feeder) = self.feeder.take() else { return Next::End };
        let next = match feeder.next(inputs, &mut self.slots, self.piece, cutting) {
            Ok(Fed::Piece(range)) if !range.last => Next::Range(range),
            Ok(Fed::Wait(wait)) => Next::Wait(wait),
            // The stream is over, or of no use any more.
            Ok(Fed::Piece(range)) => return Next::Range(range),
            Ok(Fed::Broken(fault)) => {
                let range = feeder.nothing();
                feeder.close(&mut self.slots);
                return Next::Broken(range, fault);
            }
            Err(error) => {
                let input = feeder.input();
                feeder.close(&mut self.slots);
                return Next::Failed(input, error);
            }
        };
        self.feeder = Some(feeder);
        next
    }
}

/// The whole of a file as one range.
fn begin(inputs: &Inputs, input: usize, cutting: &Cutting<'_>) -> Result<Range> {
    let (plan, options) = (&cutting.plan, cutting.options);
    let size = inputs.text_end(input, options.skip_footer, cutting.stop)?;
    let start = inputs.text_start(input).min(size);
    let mut range = Range { start, ..Range::whole(input, size) };
    if size > 0 && (plan.needs_column_count() || options.skiprows > 0 || options.header) {
        let limit = cutting.budget.line;
        let head = inputs.head(input, plan, options, cutting.header, limit, cutting.stop)?;
        (range.start, range.skipped, range.columns) = (head.start, head.skipped, head.columns);
    }
    check_row(inputs, input, range.columns, cutting)?;
    Ok(range)
}

/// Refuses rows that no buffer holds, now that their columns are known.
pub(super) fn check_row(
    inputs: &Inputs,
    input: usize,
    columns: u32,
    cutting: &Cutting<'_>,
) -> Result<()> {
    if cutting.plan.needs_column_count() {
        let plan = cutting.plan.with_columns(columns)?;
        let table = if cutting.looks { table_size(&plan) } else { 0 };
        let row = plan.row_size() + table + OVERRUN;
        let buffer = cutting.budget.buffer;
        if row > buffer {
            let (need, have) = (row as u64, buffer as u64);
            return Err(inputs.named(input, InputFault::RowTooLong { need, have }));
        }
    }
    Ok(())
}

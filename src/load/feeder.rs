//! The feeder: reads a stream into the ring and cuts it between records.
//!
//! It reads straight into a slot of the ring's text region, which the workers have
//! mapped. When there is enough for a piece, the whole records in the slot become
//! one; what is behind them goes to the next slot. A slot is taken back when its
//! piece is committed, so that a piece can be done again.

#![allow(unsafe_code)]

use std::io;
use std::time::Instant;
use std::vec::Vec;

use super::cutter::{Cutting, Place, Range, Wait, check_row};
use super::decode::{Encoding, MARK};
use super::error::{InputFault, Result};
use super::footer::HoldBack;
use super::head::Skip;
use super::input::Stream;
use super::inputs::Inputs;
use super::options::Options;
use super::slots::Slots;
use crate::text::{self, Format};

/// Bytes read at a time to complete a line.
const BLOCK: usize = 64 * 1024;

/// When a step has to end; `None` for never.
pub(super) type Until = Option<Instant>;

/// One stream being read.
#[derive(Debug)]
pub(super) struct Feeder {
    input: usize,
    stream: Stream,
    /// The slot that is filled.
    slot: Option<u32>,
    /// Bytes of text in it.
    have: usize,
    /// So many of them hold no line end; where quotes may hold some, so many are whole
    /// records.
    searched: usize,
    /// There is no use in looking for the end of a record before there are so many.
    look_at: usize,
    /// Place of the slot's text in the stream.
    offset: u64,
    /// What is to come first in the next slot.
    carry: Vec<u8>,
    /// A byte order mark at the start is to be left out.
    mark: bool,
    skip: Skip,
    /// The next record names the columns.
    header: bool,
    /// Columns of the first row, 0 until there is one.
    columns: u32,
    /// Lines at the end that are not to be read.
    footer: Option<HoldBack>,
    ended: bool,
    /// Reading has failed behind the last piece.
    broken: Option<InputFault>,
}

/// What a stream gives.
#[derive(Debug)]
pub(super) enum Fed {
    Piece(Range),
    /// Reading failed behind the pieces that it gave.
    Broken(InputFault),
    Wait(Wait),
}

impl Feeder {
    pub(super) fn new(input: usize, stream: Stream, cutting: &Cutting<'_>) -> Self {
        let &Options { skiprows, skip_footer, encoding, .. } = cutting.options;
        let held = |lines| HoldBack::new(lines, cutting.budget.input);
        Self {
            input,
            stream,
            slot: None,
            have: 0,
            searched: 0,
            look_at: 0,
            offset: 0,
            carry: Vec::new(),
            mark: encoding == Encoding::Utf8Sig,
            skip: Skip::new(skiprows, cutting.plan.format().encoding()),
            header: cutting.header.is_some(),
            columns: 0,
            footer: Some(skip_footer).filter(|&lines| lines > 0).map(held),
            ended: false,
            broken: None,
        }
    }

    pub(super) const fn input(&self) -> usize {
        self.input
    }

    /// Gives back what it has of the ring.
    pub(super) fn close(mut self, slots: &mut Slots) {
        if let Some(slot) = self.slot.take() {
            slots.release(slot);
        }
    }

    /// An empty range where it stands.
    pub(super) const fn nothing(&self) -> Range {
        Range {
            start: self.offset,
            end: self.offset,
            columns: self.columns,
            skipped: self.skip.done,
            ..Range::whole(self.input, 0)
        }
    }

    /// Reads until there is a piece of about `piece` bytes, or nothing more to read now.
    pub(super) fn next(
        &mut self,
        inputs: &mut Inputs,
        slots: &mut Slots,
        piece: u64,
        cutting: &Cutting<'_>,
    ) -> Result<Fed> {
        if let Some(fault) = self.broken.take() {
            return Ok(Fed::Broken(fault));
        }
        if !self.enter_slot(slots, cutting) {
            return Ok(Fed::Wait(Wait::Room));
        }
        for turn in 0u64.. {
            let skipped = self.skip(slots, cutting);
            if let Err(fault) = skipped.and_then(|()| self.pass_header(slots, cutting)) {
                return Ok(Fed::Broken(fault));
            }
            let wanted = usize::try_from(piece).unwrap_or(usize::MAX).clamp(1, slots.slot_room());
            if let Some(cut) = self.cut(slots, wanted, cutting) {
                return self.piece(cut, inputs, slots, cutting).map(Fed::Piece);
            }
            if turn > 0 && is_over(cutting) {
                break;
            }
            match self.read(inputs, slots, wanted, cutting) {
                Ok(None) => {}
                Ok(Some(wait)) => return Ok(Fed::Wait(wait)),
                Err(fault) => {
                    // The rows before it come first: one may be wrong, or the last one wanted.
                    self.look_at = 0;
                    let Some(cut) = self.cut(slots, 1, cutting) else {
                        return Ok(Fed::Broken(fault));
                    };
                    self.broken = Some(fault);
                    return self.piece(cut, inputs, slots, cutting).map(Fed::Piece);
                }
            }
        }
        Ok(Fed::Wait(Wait::Turn))
    }

    /// Takes a slot, and puts into it what is left of the one before: less than a slot.
    fn enter_slot(&mut self, slots: &mut Slots, cutting: &Cutting<'_>) -> bool {
        if self.slot.is_none() {
            self.slot = slots.take();
            if self.slot.is_none() {
                return false;
            }
            let carry = core::mem::take(&mut self.carry);
            for (to, &from) in self.bytes(slots, carry.len(), cutting).iter_mut().zip(&carry) {
                *to = from;
            }
            (self.have, self.searched, self.look_at) = (carry.len(), 0, 0);
            self.carry = carry;
        }
        true
    }

    /// The first `len` bytes of the slot that is filled.
    fn bytes<'r>(&self, slots: &Slots, len: usize, cutting: &Cutting<'r>) -> &'r mut [u8] {
        let at = self.slot.map_or(usize::MAX, |slot| slots.at(slot));
        // SAFETY: the slot is taken and no piece yet, so no worker knows of it; the slices
        // made of it in this thread are each used before the next one is made.
        unsafe { cutting.ring.text_mut(at, len) }
    }

    /// Leaves out a byte order mark; false if it takes more to see whether there is one.
    fn pass_mark(&mut self, slots: &Slots, cutting: &Cutting<'_>) -> bool {
        if !self.mark {
            return true;
        }
        let window = self.bytes(slots, self.have, cutting);
        if window.len() < MARK.len() && MARK.starts_with(window) && !self.ended {
            return false;
        }
        if window.starts_with(MARK) {
            window.copy_within(MARK.len().., 0);
            self.have -= MARK.len();
            self.offset += MARK.len() as u64;
        }
        self.mark = false;
        true
    }

    /// Leaves out the lines to be skipped at the start of the slot.
    fn skip(
        &mut self,
        slots: &Slots,
        cutting: &Cutting<'_>,
    ) -> core::result::Result<(), InputFault> {
        while self.pass_mark(slots, cutting) && self.skip.left > 0 {
            let window = self.bytes(slots, self.have, cutting);
            let gone = self.skip.pass(window, self.offset, self.ended)?;
            if gone == 0 {
                break;
            }
            window.copy_within(gone.., 0);
            self.have -= gone;
            self.offset += gone as u64;
        }
        Ok(())
    }

    /// Leaves out the record that names the columns, if it is whole.
    fn pass_header(
        &mut self,
        slots: &Slots,
        cutting: &Cutting<'_>,
    ) -> core::result::Result<(), InputFault> {
        let Some(header) = cutting.header.filter(|_| self.header && self.skip.left == 0) else {
            return Ok(());
        };
        let window = self.bytes(slots, self.have, cutting);
        let format = cutting.plan.format();
        let Some((end, next)) = text::record(window, 0, &format, self.ended) else {
            return Ok(());
        };
        self.header = false;
        if next > 0 {
            let record = window.get(..end).unwrap_or_default();
            header.check(record, &format, self.skip.done + 1, self.offset)?;
            self.skip.done += text::skip(record, u64::MAX, true).0.max(1);
            window.copy_within(next.., 0);
            self.have -= next;
            self.offset += next as u64;
        }
        Ok(())
    }

    /// End of the whole records in the slot, if there is enough for a piece.
    fn cut(&mut self, slots: &Slots, wanted: usize, cutting: &Cutting<'_>) -> Option<usize> {
        if self.ended {
            return Some(self.have);
        }
        if self.skip.left > 0 || self.header || self.have < wanted {
            return None;
        }
        let bytes: &[u8] = self.bytes(slots, self.have, cutting);
        let format = cutting.plan.format();
        if format.quote().is_some() {
            return self.cut_records(bytes, format, slots);
        }
        let cut = text::last_start(bytes, self.searched);
        if cut.is_none() {
            // A `\r` at the end is looked at again when it is seen what follows.
            self.searched = self.have - usize::from(bytes.ends_with(b"\r"));
        }
        cut
    }

    /// End of the whole records in `text`, if there are any. A quote may hold line ends, so
    /// each record is looked at; one that is not whole, again when there is twice as much of
    /// it.
    fn cut_records(&mut self, text: &[u8], format: Format<'_>, slots: &Slots) -> Option<usize> {
        if self.have < self.look_at.min(slots.room()) {
            return None;
        }
        while let Some((_, next)) = text::record(text, self.searched, &format, false) {
            self.searched = next;
        }
        // What comes until then may be what is left of it: that must fit a slot.
        self.look_at = self.have + (self.have - self.searched).min(slots.slot_room());
        Some(self.searched).filter(|&end| end > 0)
    }

    /// Makes a piece of the first `cut` bytes of the slot.
    fn piece(
        &mut self,
        cut: usize,
        inputs: &Inputs,
        slots: &mut Slots,
        cutting: &Cutting<'_>,
    ) -> Result<Range> {
        let text: &[u8] = self.bytes(slots, self.have, cutting);
        let (lines, rest) = text.split_at_checked(cut).unwrap_or((text, &[]));
        if cutting.plan.needs_column_count() && self.columns == 0 {
            self.columns = first_columns(lines, cutting);
            check_row(inputs, self.input, self.columns, cutting)?;
        }
        self.carry.clear();
        self.carry.extend_from_slice(rest);
        let mut range = Range { last: self.ended, ..self.nothing() };
        range.end = range.start + cut as u64;
        self.offset = range.end;
        match self.slot.take() {
            Some(slot) if cut == 0 => slots.release(slot),
            slot => {
                range.place = slot.map(|slot| Place { slot, at: slots.at(slot) as u64 });
            }
        }
        Ok(range)
    }

    /// Reads once; what has to be waited for, if anything.
    fn read(
        &mut self,
        inputs: &mut Inputs,
        slots: &mut Slots,
        wanted: usize,
        cutting: &Cutting<'_>,
    ) -> core::result::Result<Option<Wait>, InputFault> {
        if self.have == slots.room() && !self.widen(slots, cutting)? {
            return Ok(Some(Wait::Room));
        }
        let most = if self.have < wanted { wanted - self.have } else { BLOCK };
        // Not more than a slot at once: what is behind the last line end must fit one.
        let most = most.min(slots.slot_room()).min(slots.room() - self.have);
        let most = if self.look_at > self.have { most.min(self.look_at - self.have) } else { most };
        let bytes = self.bytes(slots, self.have + most, cutting);
        let room = bytes.get_mut(self.have..).unwrap_or_default();
        match self.take(room) {
            // A signal, which may have asked to stop.
            Err(InputFault::Io(error)) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(fault) => return Err(fault),
            Ok(None) => return Ok(Some(Wait::Data(self.stream.fd()))),
            Ok(Some(n)) => {
                inputs.note_start(self.input, room.get(..n).unwrap_or_default());
                self.have += n;
            }
        }
        Ok(None)
    }

    /// Reads once, and takes what is no footer; `None` if there is nothing to read yet.
    fn take(&mut self, room: &mut [u8]) -> core::result::Result<Option<usize>, InputFault> {
        let Some(footer) = &mut self.footer else {
            let read = self.stream.read(room)?;
            self.ended = read == Some(0);
            return Ok(read);
        };
        let mut count = footer.give(room);
        if count == 0 && !footer.is_over() {
            if !footer.read(&mut self.stream)? {
                return Ok(None);
            }
            count = footer.give(room);
        }
        self.ended = footer.is_over();
        Ok(Some(count))
    }

    /// Makes room for a line that fills the slot; false as long as other pieces are in
    /// the way.
    fn widen(
        &mut self,
        slots: &mut Slots,
        cutting: &Cutting<'_>,
    ) -> core::result::Result<bool, InputFault> {
        if slots.is_spread() {
            // The line's number is known when the lines before it are counted.
            let limit = cutting.budget.line as u64;
            return Err(InputFault::LineTooLong { limit, line: 0 });
        }
        let from = self.slot.map_or(0, |slot| slots.at(slot));
        if !slots.spread() {
            return Ok(false);
        }
        // SAFETY: the slot that is filled is the only one in use.
        let region = unsafe { cutting.ring.text_mut(0, usize::MAX) };
        region.copy_within(from..from + self.have, 0);
        self.slot = Some(0);
        Ok(true)
    }
}

fn is_over(cutting: &Cutting<'_>) -> bool {
    cutting.stop.is_set() || cutting.until.is_some_and(|until| Instant::now() >= until)
}

/// Columns of the first row in whole records, 0 if they hold none.
fn first_columns(lines: &[u8], cutting: &Cutting<'_>) -> u32 {
    let format = cutting.plan.format();
    let mut at = 0;
    while at < lines.len()
        && let Some((end, next)) = text::record(lines, at, &format, true)
    {
        match text::field_count(lines.get(at..end).unwrap_or_default(), format) {
            0 => at = next,
            columns => return columns,
        }
    }
    0
}

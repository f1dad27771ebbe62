//! Where the fields of a stretch of text start and end, found 64 bytes at a time.

use core::mem::MaybeUninit;

use super::machine::{Machine, Masks};
use super::marks::Marks;

/// Fields that an index has room for; one block more may be found at once.
pub(super) const FIELDS: usize = 4096;
const ROOM: usize = FIELDS + BLOCK + 1;
/// Bytes looked at in one step.
pub(super) const BLOCK: usize = 64;
/// Bytes of text that an index can tell apart.
pub(super) const REACH: usize = 1 << 16;

/// Starts and ends of fields, counted from the text's start. The entries of found fields are
/// written, no others.
pub(super) struct Index {
    starts: [MaybeUninit<u16>; ROOM],
    ends: [MaybeUninit<u16>; ROOM],
    /// Fields whose end was found; a start may be known for one more.
    pub(super) fields: usize,
    /// Fields whose start was found.
    started: usize,
    /// Line ends among them.
    pub(super) lines: usize,
}

/// What one block hands to the next.
#[derive(Clone, Copy)]
struct Carry {
    /// The last byte parted fields.
    stop: u64,
    /// It ended a line.
    line: u64,
    /// It was the `\r` of a line end.
    half: u64,
    /// It was in quotes, or the quote that opens them.
    inside: u64,
    /// It was a quote that opens or closes.
    opened: u64,
    closed: u64,
}

impl Carry {
    /// Before a line's first byte.
    const START: Self = Self { stop: 1, line: 1, half: 0, inside: 0, opened: 0, closed: 0 };

    /// Whether the next block needs a closer look, whatever is in it.
    const fn is_special(self) -> bool {
        self.half | self.inside | self.opened | self.closed != 0
    }
}

/// What a closer look at a block finds.
#[derive(Clone, Copy, Default)]
struct Look {
    /// What rows are left alone for.
    odd: u64,
    /// The first bytes of line ends of two.
    half: u64,
    /// In quotes, those that open them included.
    inside: u64,
    opens: u64,
    closes: u64,
}

/// One block's fields.
struct Found {
    starts: u64,
    ends: u64,
    lines: u64,
    /// Nothing behind this block is to be read.
    done: bool,
    /// A row ends it that is to be left alone.
    odd: bool,
}

impl Index {
    pub(super) const fn new() -> Self {
        let starts = [MaybeUninit::uninit(); ROOM];
        let ends = [MaybeUninit::uninit(); ROOM];
        Self { starts, ends, fields: 0, started: 0, lines: 0 }
    }

    pub(super) const fn starts(&self) -> *const u16 {
        self.starts.as_ptr().cast()
    }

    pub(super) const fn ends(&self) -> *const u16 {
        self.ends.as_ptr().cast()
    }

    /// The end of a field.
    pub(super) fn end(&self, field: usize) -> usize {
        debug_assert!(field < self.fields);
        // SAFETY: the entries of found fields are written.
        self.ends.get(field).map_or(0, |end| usize::from(unsafe { end.assume_init() }))
    }

    /// The start of a field, if it was found.
    pub(super) fn start(&self, field: usize) -> Option<usize> {
        let start = self.starts.get(..self.started)?.get(field)?;
        // SAFETY: the entries of found fields are written.
        Some(usize::from(unsafe { start.assume_init() }))
    }

    /// Finds the fields from `base` on, where a line starts: of lines that start before
    /// `until`, within `reach` bytes, up to the first byte that rows are left alone for.
    /// Answers whether there was one.
    ///
    /// # Safety
    /// * The processor has the machine's instructions.
    /// * The text from `base` is readable up to the first line end at `until - 1` or behind,
    ///   and 63 bytes more.
    #[inline(always)]
    pub(super) unsafe fn fill<M: Machine>(
        &mut self,
        marks: &Marks,
        base: *const u8,
        until: usize,
        reach: usize,
    ) -> bool {
        (self.fields, self.started, self.lines) = (0, 0, 0);
        let mut carry = Carry::START;
        let mut at = 0;
        while at < reach && self.fields <= FIELDS - BLOCK {
            // SAFETY: no line end at `until - 1` or behind was found yet, so `at` is not
            // behind it, and the block is readable.
            let found = unsafe { block::<M>(marks, base, at, until, &mut carry) };
            self.lines += found.lines.count_ones() as usize;
            // SAFETY: there are at most `FIELDS` starts, and one.
            let starts = unsafe { self.starts.as_mut_ptr().cast::<u16>().add(self.started) };
            // SAFETY: so there is room for one block's.
            unsafe { M::positions(found.starts, at as u16, starts) };
            self.started += found.starts.count_ones() as usize;
            // SAFETY: as for the starts.
            let ends = unsafe { self.ends.as_mut_ptr().cast::<u16>().add(self.fields) };
            // SAFETY: as for the starts.
            unsafe { M::positions(found.ends, at as u16, ends) };
            self.fields += found.ends.count_ones() as usize;
            if found.done {
                return found.odd;
            }
            at += BLOCK;
        }
        // The first half of a line end was looked at, the second was seen to follow.
        self.lines += carry.half as usize;
        // Of a quote at the end, it was not.
        self.fields -= carry.closed as usize;
        false
    }
}

/// # Safety
/// * The processor has the machine's instructions.
/// * The block at `base + at` is readable; so is the byte behind it, unless a line end at
///   `until - 1` or behind is in the block.
#[inline(always)]
unsafe fn block<M: Machine>(
    marks: &Marks,
    base: *const u8,
    at: usize,
    until: usize,
    carry: &mut Carry,
) -> Found {
    // SAFETY: the caller's promise.
    let p = unsafe { base.add(at) };
    // SAFETY: likewise.
    let found = unsafe { M::classify(marks, p) };
    let mut keep = u64::MAX;
    let (mut done, mut stopped) = (false, false);
    if at + BLOCK >= until {
        let behind = u64::MAX.checked_shl((until - 1).saturating_sub(at) as u32).unwrap_or(0);
        let last = found.line & behind;
        if last != 0 {
            keep = last ^ (last - 1);
            done = true;
        }
    }
    let mut look = Look::default();
    let empty = found.line & (found.line << 1 | carry.line);
    if (found.special & keep) | empty != 0 || carry.is_special() {
        // SAFETY: the block is readable, and the byte behind it unless `done`.
        look = unsafe { closer_look::<M>(marks, p, found, keep, *carry) };
        let odd = (look.odd | empty) & keep;
        if odd != 0 {
            keep &= (odd & odd.wrapping_neg()) - 1;
            (done, stopped) = (true, true);
        }
    }
    let (starts, ends) = if marks.by_space {
        let stop = found.stop | found.line | look.half;
        let before = stop << 1 | carry.stop;
        carry.stop = stop >> 63;
        (!stop & before, stop & !before)
    } else {
        let stop = (found.stop | found.line) & !look.inside;
        // Quotes are no part of a field.
        let starts = (stop << 1 | carry.stop) & !look.opens | look.opens << 1 | carry.opened;
        // Of `\r\n`, the first byte ends the field.
        let behind = (look.half | look.closes) << 1 | carry.half | carry.closed;
        carry.stop = stop >> 63;
        (starts, (stop | look.half) & !behind | look.closes)
    };
    carry.line = found.line >> 63;
    carry.half = look.half >> 63;
    carry.inside = look.inside >> 63;
    carry.opened = look.opens >> 63;
    carry.closed = look.closes >> 63;
    Found { starts: starts & keep, ends: ends & keep, lines: found.line & keep, done, odd: stopped }
}

/// Looks at a block with special bytes.
///
/// # Safety
/// * The processor has the machine's instructions.
/// * 64 bytes are readable at `p`; and one more, if `keep` has all bits.
#[inline(always)]
unsafe fn closer_look<M: Machine>(
    marks: &Marks,
    p: *const u8,
    found: Masks,
    keep: u64,
    carry: Carry,
) -> Look {
    // SAFETY: the caller's promises.
    let special = unsafe { M::inspect(marks, p) };
    let mut next = 0;
    if keep == u64::MAX && special.returns >> 63 == 1 {
        // SAFETY: no line ends the text in this block, so it goes on behind it.
        let behind = unsafe { p.add(BLOCK) };
        // SAFETY: likewise.
        next = u64::from(unsafe { *behind } == b'\n') << 63;
    }
    let half = special.returns & (found.line >> 1 | next);
    // Half a line end alone, a line without anything.
    let odd = special.odd | (special.returns & !half) | (half & (found.line << 1 | carry.line));
    let ends = found.stop | found.line | half;
    if special.quotes == 0 && carry.inside | carry.closed == 0 {
        return Look { odd, half, ..Look::default() };
    }
    if marks.by_space {
        // White space behind a quoted field counts in its own way.
        let quoted = special.quotes & (ends << 1 | carry.stop);
        return Look { odd: odd | quoted, half, ..Look::default() };
    }
    let inside = parity(special.quotes) ^ carry.inside.wrapping_neg();
    let (opens, closes) = (special.quotes & inside, special.quotes & !inside);
    let ends = ends & !inside;
    // Quotes in other places than the borders of a field, and line ends in quotes.
    let inner = opens & !(ends << 1 | carry.stop);
    let doubled = (closes << 1 | carry.closed) & !ends;
    let odd = odd | inner | doubled | ((found.line | half) & inside);
    Look { odd, half, inside, opens, closes }
}

/// For each bit whether it and those below are odd in number.
#[inline(always)]
const fn parity(mut bits: u64) -> u64 {
    let mut shift = 1;
    while shift < 64 {
        bits ^= bits << shift;
        shift *= 2;
    }
    bits
}

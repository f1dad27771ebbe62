//! Rows: whole records of text in, rows of the array out.

#![allow(unsafe_code)]

use super::exact;
use super::fast::{self, OVERRUN, PADDING};
use super::fault::{BadRows, Fault, FaultKind};
use super::infer::Table;
use super::lines;
use super::plan::Plan;
use super::{Comments, Encoding};

/// Text to read, followed by the sentinel and the padding that the kernels need.
#[derive(Debug, Clone, Copy)]
pub struct Text<'t> {
    /// The text and its padding.
    bytes: &'t [u8],
    len: usize,
}

impl<'t> Text<'t> {
    /// The first `len` bytes of `bytes`, which must have [`PADDING`] bytes more.
    /// A line end is put behind the text.
    #[must_use]
    pub fn new(bytes: &'t mut [u8], len: usize) -> Option<Self> {
        if bytes.len() < len.checked_add(PADDING)? {
            return None;
        }
        *bytes.get_mut(len)? = b'\n';
        Some(Self { bytes, len })
    }

    /// The text alone.
    #[must_use]
    pub fn text(&self) -> &'t [u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

/// Which records of a text are read: those that start in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Where a record starts: the first one to be read.
    pub from: usize,
    /// Records that start here or later are not read.
    pub until: usize,
    /// The text ends where the input ends, or at least where a record does.
    pub ends: bool,
}

impl Span {
    /// All of a text that consists of whole records.
    #[must_use]
    pub const fn whole(text: &Text<'_>) -> Self {
        Self { from: 0, until: text.len, ends: true }
    }
}

/// How far [`parse`] came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Where the next record starts; behind the span's end if the last one reaches over it.
    pub used: usize,
    /// Rows stored.
    pub rows: u64,
    /// Lines used up, those that hold no row included.
    pub lines: u64,
    /// Why it stopped.
    pub stop: Stop,
}

/// Why [`parse`] stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// Every record of the span is read.
    InputEnd,
    /// The record at [`Progress::used`] does not end in the text, which goes on.
    Incomplete,
    /// The output is full, or `max_rows` is reached.
    OutputFull,
    /// A row could not be read; the rows before it are stored. [`Progress::used`] is where
    /// its record starts.
    Fault(Fault),
}

/// Rows that fit `bytes` of output.
#[must_use]
pub fn capacity(plan: &Plan<'_>, bytes: usize) -> usize {
    bytes.saturating_sub(OVERRUN) / plan.row_size().max(1)
}

/// Reads the records of `span`, at most `max_rows` rows and as many as [`capacity`] says,
/// and stores them one behind the other in `out`. What becomes of bad rows is `bad`'s to say.
///
/// The bytes of `out` behind the rows may be written, too.
#[must_use]
pub fn parse(
    plan: &Plan<'_>,
    text: Text<'_>,
    span: Span,
    max_rows: u64,
    out: &mut [u8],
    bad: &mut BadRows<'_>,
) -> Progress {
    let room = capacity(plan, out.len()) as u64;
    let limit = match plan.row_size() {
        // Even rows without bytes are stored sixteen bytes at a time.
        _ if out.len() < OVERRUN => 0,
        0 => max_rows,
        _ => max_rows.min(room),
    };
    let guard = Guard::new(plan, text, span);
    Run::new(plan, text, span, limit, guard).go(&mut Out::Rows(out), bad)
}

/// Looks at the records of `span` as [`parse`] reads them, at most `max_rows` rows: what their
/// fields are like goes to `table`.
#[must_use]
pub fn look(
    plan: &Plan<'_>,
    text: Text<'_>,
    span: Span,
    max_rows: u64,
    table: &mut Table<'_>,
    bad: &mut BadRows<'_>,
) -> Progress {
    let guard = Guard { limit: 0, ..Guard::new(plan, text, span) };
    Run::new(plan, text, span, max_rows, guard).go(&mut Out::Seen(table), bad)
}

/// What becomes of the rows.
enum Out<'o, 't> {
    Rows(&'o mut [u8]),
    Seen(&'o mut Table<'t>),
}

/// Comment strings that are looked for in a whole text; more keep the kernels away.
const STRINGS: usize = 8;

/// What keeps the kernels from text that they do not know how to read.
struct Guard {
    /// The first byte from here on that is not in the encoding.
    bad_byte: usize,
    /// Next places of the comment strings.
    strings: [usize; STRINGS],
    /// Kernels read lines that start before this.
    limit: usize,
}

impl Guard {
    fn new(plan: &Plan<'_>, text: Text<'_>, span: Span) -> Self {
        let bytes = text.text();
        let mut limit = bytes.len();
        if !span.ends {
            // The last line may go on behind the text.
            limit = lines::last_start(bytes, 0).unwrap_or(0);
        }
        if plan.format.plain().is_none() {
            limit = 0;
        }
        if let Comments::Strings(list) = plan.format.comments()
            && list.split('\n').count() > STRINGS
        {
            limit = 0;
        }
        Self { bad_byte: 0, strings: [0; STRINGS], limit }
    }

    /// Looks ahead from `at`; where kernels have to stop.
    fn look(&mut self, plan: &Plan<'_>, text: &[u8], at: usize) -> usize {
        let rest = text.get(at..).unwrap_or_default();
        if self.bad_byte <= at {
            let bad = first_outside(rest, plan.format.encoding());
            self.bad_byte = bad.map_or(usize::MAX, |n| at + n);
        }
        let mut stop = self.limit.min(line_start(text, self.bad_byte));
        if let Comments::Strings(list) = plan.format.comments() {
            for (place, string) in self.strings.iter_mut().zip(list.split('\n')) {
                if *place <= at {
                    let found = exact::find_string(rest, string, plan.format.encoding());
                    *place = found.map_or(usize::MAX, |n| at + n);
                }
                stop = stop.min(line_start(text, *place));
            }
        }
        stop
    }
}

/// The first byte that is not in the encoding.
fn first_outside(text: &[u8], encoding: Encoding) -> Option<usize> {
    match encoding {
        Encoding::Latin1 => None,
        _ if text.is_ascii() => None,
        Encoding::Ascii => text.iter().position(|byte| !byte.is_ascii()),
        Encoding::Utf8 => core::str::from_utf8(text).err().map(|e| e.valid_up_to()),
    }
}

/// Where the line with the byte `at` starts.
fn line_start(text: &[u8], at: usize) -> usize {
    match text.get(..at) {
        Some(before) => memchr::memrchr2(b'\n', b'\r', before).map_or(0, |i| i + 1),
        None => usize::MAX,
    }
}

struct Run<'p, 't> {
    plan: &'p Plan<'p>,
    text: Text<'t>,
    ends: bool,
    at: usize,
    until: usize,
    rows: u64,
    lines: u64,
    limit: u64,
    guard: Guard,
}

impl<'p, 't> Run<'p, 't> {
    fn new(plan: &'p Plan<'p>, text: Text<'t>, span: Span, limit: u64, guard: Guard) -> Self {
        let until = span.until.min(text.len);
        Self { plan, text, ends: span.ends, at: span.from, until, rows: 0, lines: 0, limit, guard }
    }

    fn go(mut self, out: &mut Out<'_, '_>, bad: &mut BadRows<'_>) -> Progress {
        let stop = self.run(out, bad);
        Progress { used: self.at, rows: self.rows, lines: self.lines, stop }
    }

    fn run(&mut self, out: &mut Out<'_, '_>, bad: &mut BadRows<'_>) -> Stop {
        while self.at < self.until {
            if self.rows == self.limit {
                return Stop::OutputFull;
            }
            let stop = self.guard.look(self.plan, self.text.text(), self.at).min(self.until);
            if let Out::Rows(out) = out
                && self.at < stop
            {
                self.fast_rows(stop, out);
                if self.at >= stop || self.rows == self.limit {
                    continue;
                }
            }
            match self.exact_row(out, bad) {
                Ok(true) => {}
                Ok(false) => return Stop::Incomplete,
                Err(fault) => return Stop::Fault(fault),
            }
        }
        Stop::InputEnd
    }

    /// As many rows as the kernels are sure of, of the lines that start before `stop`.
    fn fast_rows(&mut self, stop: usize, out: &mut [u8]) {
        let (plan, at, limit) = (self.plan, self.at, self.limit - self.rows);
        let text = self.text.bytes.as_ptr();
        // SAFETY: `rows` is at most the limit, whose rows fit `out` (see `capacity`).
        let row = unsafe { out.as_mut_ptr().add(plan.row_size * self.rows as usize) };
        // SAFETY: `at` is below `stop`, which is in the text, and `Text` pads it; there is
        // room for `limit` rows and `OVERRUN` bytes.
        let read = unsafe { fast::rows(plan, text, at, stop, row, limit) };
        // The kernels count the sentinel as the last line's end.
        self.at = read.at.min(self.text.len);
        self.lines += read.rows;
        self.rows += read.rows;
    }

    /// One record; false if it does not end in the text.
    fn exact_row(&mut self, out: &mut Out<'_, '_>, bad: &mut BadRows<'_>) -> Result<bool, Fault> {
        let (text, start) = (self.text.text(), self.at);
        let Some((end, next)) = exact::record(text, start, &self.plan.format, self.ends) else {
            return Ok(false);
        };
        let record = text.get(start..end).unwrap_or_default();
        match self.read(record, out, bad.skips()) {
            Ok(counted) => self.rows += u64::from(counted),
            Err(fault) if self.is_conflict(&fault) => return Err(fault),
            Err(fault) => bad.take(fault)?,
        }
        // A record has its own line end, and those in its quotes.
        self.lines += 1 + if self.plan.format.quote().is_some() { lines::count(record) } else { 0 };
        self.at = next;
        Ok(true)
    }

    /// Whether a type that was guessed is not that of a field: it is not the row that is wrong
    /// then.
    fn is_conflict(&self, fault: &Fault) -> bool {
        match fault.kind {
            FaultKind::Convert { slot } if self.plan.guessed => {
                self.plan.column(slot as usize).is_some_and(|column| column.is_strict())
            }
            _ => false,
        }
    }

    fn read(&self, record: &[u8], out: &mut Out<'_, '_>, skips: bool) -> Result<bool, Fault> {
        let fault = if (self.at..self.at + record.len()).contains(&self.guard.bad_byte) {
            self.encoding_fault(record)
        } else {
            let read = match out {
                Out::Rows(out) => {
                    let size = self.plan.row_size();
                    let start = size * self.rows as usize;
                    let row = out.get_mut(start..start + size).unwrap_or_default();
                    exact::read(self.plan, record, row)
                }
                Out::Seen(table) => table.read(self.plan, record, skips),
            };
            match read {
                Ok(counted) => return Ok(counted),
                Err(fault) => fault,
            }
        };
        let before = record.get(..fault.start).unwrap_or_default();
        Err(Fault {
            kind: fault.kind,
            line: self.lines + lines::count(before),
            row: self.rows,
            column: fault.column,
            start: self.at + fault.start,
            len: fault.len,
        })
    }

    /// The field with the bad byte; column 0 and the byte alone in a comment or between fields.
    fn encoding_fault(&self, record: &[u8]) -> exact::RowFault {
        let bad = self.guard.bad_byte - self.at;
        let fields = exact::Fields::new(record, self.plan.format);
        let mut spans = (1..).zip(fields.map(|f| f.start..f.start + f.raw.len()));
        let (column, span) =
            spans.find(|(_, span)| span.contains(&bad)).unwrap_or((0, bad..bad + 1));
        exact::RowFault { kind: FaultKind::Encoding, column, start: span.start, len: span.len() }
    }
}

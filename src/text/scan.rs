//! Rows: whole lines in, records out.

#![allow(unsafe_code)]

use core::ops::Range;

use super::Format;
use super::exact;
use super::fast::{self, OVERRUN, PADDING};
use super::fault::{Fault, FaultKind};
use super::lines;
use super::plan::Plan;

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

/// How far [`parse`] came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Bytes of text used up: whole lines.
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
    /// The text is used up.
    InputEnd,
    /// The output is full, or `max_rows` is reached.
    OutputFull,
    /// A row could not be read; the rows before it are stored.
    Fault(Fault),
}

/// Rows that fit `bytes` of output.
#[must_use]
pub fn capacity(plan: &Plan<'_>, bytes: usize) -> usize {
    bytes.saturating_sub(OVERRUN) / plan.row_size().max(1)
}

/// Reads rows from `from` on, at most `max_rows` and as many as [`capacity`]
/// says, and stores them one behind the other in `out`.
///
/// `text` begins at the start of a line and consists of whole lines; only its
/// last one may lack its end. `from` is 0 or what an earlier call used.
/// The bytes of `out` behind the rows may be written, too.
#[must_use]
pub fn parse(
    plan: &Plan<'_>,
    text: Text<'_>,
    from: usize,
    max_rows: u64,
    out: &mut [u8],
) -> Progress {
    match invalid_utf8(text, from) {
        None => rows(plan, text, from, text.len, max_rows, out),
        Some(bad) => {
            // The rows before the line with the bad byte come first.
            let start = line_start_before(text.text(), bad).max(from);
            let progress = rows(plan, text, from, start, max_rows, out);
            if progress.stop != Stop::InputEnd {
                return progress;
            }
            let (column, field) = field_at(text.text(), plan.format, start, bad);
            let fault = Fault {
                kind: FaultKind::Encoding,
                line: progress.lines,
                row: progress.rows,
                column,
                start: field.start,
                len: field.len(),
            };
            Progress { stop: Stop::Fault(fault), ..progress }
        }
    }
}

/// The first byte that is not UTF-8.
fn invalid_utf8(text: Text<'_>, from: usize) -> Option<usize> {
    let bytes = text.text().get(from..)?;
    if bytes.is_ascii() {
        return None;
    }
    core::str::from_utf8(bytes).err().map(|e| from + e.valid_up_to())
}

/// Column, from 1, and place of the field that holds the byte `bad` of the line
/// at `start`; column 0 and the byte alone in a comment or between fields.
fn field_at(text: &[u8], format: Format, start: usize, bad: usize) -> (u32, Range<usize>) {
    let line = lines::without_end(text.get(start..).unwrap_or_default());
    let spans = exact::Fields::new(line, format)
        .map(|field| start + field.start..start + field.start + field.text.len());
    (1..).zip(spans).find(|(_, span)| span.contains(&bad)).unwrap_or((0, bad..bad + 1))
}

fn line_start_before(text: &[u8], at: usize) -> usize {
    let before = text.get(..at).unwrap_or_default();
    before.iter().rposition(|b| matches!(b, b'\n' | b'\r')).map_or(0, |i| i + 1)
}

fn rows(
    plan: &Plan<'_>,
    text: Text<'_>,
    from: usize,
    until: usize,
    max_rows: u64,
    out: &mut [u8],
) -> Progress {
    let room = capacity(plan, out.len()) as u64;
    let limit = match plan.row_size() {
        // Even rows without bytes are stored sixteen bytes at a time.
        _ if out.len() < OVERRUN => 0,
        0 => max_rows,
        _ => max_rows.min(room),
    };
    let mut run = Run { plan, text, at: from, until, rows: 0, lines: 0, limit };
    let stop = fast::with_separator!(plan.format, |separator| run.go(separator, out));
    Progress { used: run.at, rows: run.rows, lines: run.lines, stop }
}

struct Run<'p, 't> {
    plan: &'p Plan<'p>,
    text: Text<'t>,
    at: usize,
    until: usize,
    rows: u64,
    lines: u64,
    limit: u64,
}

impl Run<'_, '_> {
    fn go<S: fast::Separator>(&mut self, separator: S, out: &mut [u8]) -> Stop {
        let fast = self.plan.in_file_order && self.plan.format.is_plain();
        while self.at < self.until {
            if self.rows == self.limit {
                return Stop::OutputFull;
            }
            if fast {
                self.fast_rows(separator, out);
                if self.at >= self.until || self.rows == self.limit {
                    continue;
                }
            }
            if let Err(fault) = self.exact_row(out) {
                return Stop::Fault(fault);
            }
        }
        Stop::InputEnd
    }

    /// As many rows as the kernel is sure of.
    fn fast_rows<S: fast::Separator>(&mut self, separator: S, out: &mut [u8]) {
        let size = self.plan.row_size;
        let text = self.text.bytes.as_ptr();
        let mut done = self.rows;
        let mut at = self.at;
        // SAFETY: `rows` is at most the limit, whose rows fit `out` (see `capacity`).
        let mut row = unsafe { out.as_mut_ptr().add(size * done as usize) };
        while at < self.until && done < self.limit {
            // SAFETY: `at` is below the text's length.
            let p = unsafe { text.add(at) };
            if self.plan.holes {
                // SAFETY: the limit leaves room for a row here.
                unsafe { row.write_bytes(0, size) };
            }
            // SAFETY: `p` is in the text, which `Text` pads; the limit leaves room for a
            // row and `OVERRUN` bytes at `row`.
            let Some(end) = (unsafe { fast::row(separator, self.plan, p, row) }) else { break };
            at = (end as usize).wrapping_sub(text as usize);
            done += 1;
            // SAFETY: at most the end of the last row that fits.
            row = unsafe { row.add(size) };
        }
        // The kernel counts the sentinel as the last line's end.
        self.at = at.min(self.until);
        self.lines += done - self.rows;
        self.rows = done;
    }

    fn exact_row(&mut self, out: &mut [u8]) -> Result<(), Fault> {
        let rest = self.text.text().get(self.at..).unwrap_or_default();
        let len = lines::find_end(rest).unwrap_or(rest.len());
        let (line, behind) = rest.split_at(len);
        let size = self.plan.row_size;
        let start = size * self.rows as usize;
        let row = out.get_mut(start..start + size).unwrap_or_default();
        let counted = exact::read(self.plan, line, row).map_err(|fault| Fault {
            kind: fault.kind,
            line: self.lines,
            row: self.rows,
            column: fault.column,
            start: self.at + fault.start,
            len: fault.len,
        })?;
        self.rows += u64::from(counted);
        self.lines += 1;
        self.at += len + lines::end_len(behind);
        Ok(())
    }
}

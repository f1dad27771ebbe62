//! What parent and workers say to each other: plain bytes of fixed size.

use bytemuck::{Pod, Zeroable};

use crate::text::{Fault, FaultKind};

/// Bytes of offending text that travel with a fault.
pub(super) const TEXT_BYTES: usize = 100;

/// [`Task::text_at`] of a file.
pub(super) const IN_FILE: u64 = u64::MAX;

/// Reads the lines that start in a range of an input into a buffer of the ring.
#[repr(C)]
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
pub(super) struct Task {
    /// Index of the input.
    pub(super) input: u32,
    /// Index of the ring's buffer.
    pub(super) buffer: u32,
    /// The range: lines that start in `start..end` belong to it.
    pub(super) start: u64,
    pub(super) end: u64,
    /// Where the range of a stream, whole lines, lies in the ring's text region.
    pub(super) text_at: u64,
    /// The file as it was when it was opened first.
    pub(super) file: FileId,
    /// Rows wanted at most.
    pub(super) max_rows: u64,
    /// Columns of the file, where the dtype does not say.
    pub(super) columns: u32,
    /// 1 if a line is known to start at `start`.
    pub(super) at_line_start: u32,
}

/// A file as `fstat` tells it apart from a later one of the same name.
#[repr(C)]
#[derive(Debug, Clone, Copy, Pod, Zeroable, PartialEq, Eq)]
pub(super) struct FileId {
    pub(super) dev: u64,
    pub(super) ino: u64,
    pub(super) size: u64,
}

/// What became of a task.
#[repr(C)]
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
pub(super) struct Reply {
    /// Rows in the buffer.
    pub(super) rows: u64,
    /// Lines used up.
    pub(super) lines: u64,
    /// Where it stopped, if the buffer is full.
    pub(super) next: u64,
    /// [`Outcome`] and what belongs to it.
    outcome: u32,
    errno: i32,
    fault_line: u64,
    fault_row: u64,
    fault_offset: u64,
    fault_kind: u32,
    fault_column: u32,
    fault_a: u32,
    fault_b: u32,
    text_len: u32,
    text: [u8; TEXT_BYTES],
}

/// How a task ended.
#[derive(Debug, Clone, Copy)]
pub(super) enum Outcome {
    /// Every line of the range was read.
    Done,
    /// A buffer or `max_rows` is full; the rest starts at [`Reply::next`].
    Full,
    /// The file cannot be read.
    Io(i32),
    /// It is not the file it was.
    Changed,
    /// A line does not fit the input buffer.
    LineTooLong,
    /// A row could not be read.
    Fault(FaultAt),
}

/// A fault with its place in the file.
#[derive(Debug, Clone, Copy)]
pub(super) struct FaultAt {
    pub(super) kind: FaultKind,
    /// Lines of the range before it.
    pub(super) line: u64,
    /// Rows of the range before it.
    pub(super) row: u64,
    pub(super) column: u32,
    pub(super) offset: u64,
    pub(super) text: [u8; TEXT_BYTES],
    pub(super) text_len: usize,
}

const DONE: u32 = 0;
const FULL: u32 = 1;
const IO: u32 = 2;
const CHANGED: u32 = 3;
const LINE_TOO_LONG: u32 = 4;
const FAULT: u32 = 5;

impl Reply {
    /// An answer without rows.
    pub(super) fn new(outcome: Outcome) -> Self {
        Self::with_rows(outcome, 0, 0, 0)
    }

    pub(super) fn with_rows(outcome: Outcome, rows: u64, lines: u64, next: u64) -> Self {
        let mut reply = Self { rows, lines, next, ..Self::zeroed() };
        reply.outcome = match outcome {
            Outcome::Done => DONE,
            Outcome::Full => FULL,
            Outcome::Io(errno) => {
                reply.errno = errno;
                IO
            }
            Outcome::Changed => CHANGED,
            Outcome::LineTooLong => LINE_TOO_LONG,
            Outcome::Fault(fault) => {
                reply.set_fault(&fault);
                FAULT
            }
        };
        reply
    }

    pub(super) fn outcome(&self) -> Outcome {
        match self.outcome {
            DONE => Outcome::Done,
            FULL => Outcome::Full,
            CHANGED => Outcome::Changed,
            LINE_TOO_LONG => Outcome::LineTooLong,
            FAULT => Outcome::Fault(self.fault()),
            _ => Outcome::Io(self.errno),
        }
    }

    fn set_fault(&mut self, fault: &FaultAt) {
        let (kind, a, b) = match fault.kind {
            FaultKind::Convert { slot } => (1, slot, 0),
            FaultKind::ColumnsChanged { from, to } => (2, from, to),
            FaultKind::ColumnsRequired { need, found } => (3, need, found),
            FaultKind::ColumnIndex { index, found } => (4, index.cast_unsigned(), found),
            FaultKind::Encoding => (5, 0, 0),
        };
        (self.fault_kind, self.fault_a, self.fault_b) = (kind, a, b);
        self.fault_line = fault.line;
        self.fault_row = fault.row;
        self.fault_offset = fault.offset;
        self.fault_column = fault.column;
        self.text = fault.text;
        self.text_len = fault.text_len as u32;
    }

    fn fault(&self) -> FaultAt {
        let (a, b) = (self.fault_a, self.fault_b);
        let kind = match self.fault_kind {
            1 => FaultKind::Convert { slot: a },
            2 => FaultKind::ColumnsChanged { from: a, to: b },
            3 => FaultKind::ColumnsRequired { need: a, found: b },
            4 => FaultKind::ColumnIndex { index: a.cast_signed(), found: b },
            _ => FaultKind::Encoding,
        };
        FaultAt {
            kind,
            line: self.fault_line,
            row: self.fault_row,
            column: self.fault_column,
            offset: self.fault_offset,
            text: self.text,
            text_len: (self.text_len as usize).min(TEXT_BYTES),
        }
    }
}

/// Length of a text cut to what travels, between characters.
fn cut(text: &[u8]) -> usize {
    let continues = |&at: &usize| text.get(at).is_some_and(|byte| byte & 0xC0 == 0x80);
    let from = TEXT_BYTES.saturating_sub(3);
    if text.len() <= TEXT_BYTES {
        return text.len();
    }
    (from..=TEXT_BYTES).rev().find(|at| !continues(at)).unwrap_or(TEXT_BYTES)
}

impl FaultAt {
    /// Completes a fault with its place in the file and its text.
    pub(super) fn new(fault: &Fault, text: &[u8], text_offset: u64) -> Self {
        let bytes = text.get(fault.start..).unwrap_or_default();
        let bytes = bytes.get(..fault.len).unwrap_or(bytes);
        let mut copy = [0; TEXT_BYTES];
        let text_len = cut(bytes);
        for (to, &from) in copy.iter_mut().zip(bytes) {
            *to = from;
        }
        Self {
            kind: fault.kind,
            line: fault.line,
            row: fault.row,
            column: fault.column,
            offset: text_offset + fault.start as u64,
            text: copy,
            text_len,
        }
    }
}

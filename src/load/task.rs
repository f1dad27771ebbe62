//! What parent and workers say to each other: plain bytes of fixed size.

use bytemuck::{Pod, Zeroable};

/// [`Task::text_at`] of a file.
pub(super) const IN_FILE: u64 = u64::MAX;

/// [`Reply::first`] where no record starts.
pub(super) const NOWHERE: u64 = u64::MAX;

/// Reads the records that start in a range of an input into a buffer of the ring; or those
/// of several inputs, one after the other, whose tasks are in the buffer's table.
#[repr(C)]
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
pub(super) struct Task {
    /// Index of the input.
    pub(super) input: u32,
    /// Index of the ring's buffer.
    pub(super) buffer: u32,
    /// The range: records that start in `start..end` belong to it.
    pub(super) start: u64,
    pub(super) end: u64,
    /// Where the text of the input ends: behind it is a footer, or nothing.
    pub(super) text_end: u64,
    /// Where the range of a stream, whole records, lies in the ring's text region.
    pub(super) text_at: u64,
    /// The file as it was when it was opened first.
    pub(super) file: FileId,
    /// Rows wanted at most.
    pub(super) max_rows: u64,
    /// Longest record that it may make room for, if not just its input buffer's.
    pub(super) room: u64,
    /// Columns of the file, where the dtype does not say.
    pub(super) columns: u32,
    /// 1 if a record is known to start at `start`. Otherwise the first line that starts
    /// in the range is taken for the start of one.
    pub(super) at_record: u32,
    /// 1 if bad rows are left out; otherwise the first one ends the task.
    pub(super) skip_bad: u32,
    /// [`Member`]s of the buffer's table that are meant, this task being the first; 0 if it
    /// is alone.
    pub(super) members: u32,
}

/// A file as `fstat` tells it apart from a later one of the same name.
#[repr(C)]
#[derive(Debug, Clone, Copy, Pod, Zeroable, PartialEq, Eq)]
pub(super) struct FileId {
    pub(super) dev: u64,
    pub(super) ino: u64,
    pub(super) size: u64,
}

/// What became of a task. Its bad rows are in the buffer, behind the rows.
#[repr(C)]
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
pub(super) struct Reply {
    /// Rows in the buffer.
    pub(super) rows: u64,
    /// Lines used up.
    pub(super) lines: u64,
    /// Where the first record of the range was taken to start, or [`NOWHERE`].
    pub(super) first: u64,
    /// Where the first record starts that was not read: behind the range, if all was.
    pub(super) next: u64,
    /// Rows that were left out.
    pub(super) bad_rows: u64,
    /// [`Note`](super::note::Note)s in the buffer.
    pub(super) notes: u32,
    /// [`Outcome`] and what belongs to it.
    outcome: u32,
    errno: i32,
    /// [`Member`]s that have an answer, from the first on; 0 if the task was alone.
    pub(super) members: u32,
}

/// One of several tasks that share a message and a buffer, and what became of it.
#[repr(C)]
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
pub(super) struct Member {
    pub(super) task: Task,
    pub(super) reply: Reply,
}

/// How a task ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Every record of the range was read.
    Done,
    /// A buffer or `max_rows` is full; the rest starts at [`Reply::next`].
    Full,
    /// The file cannot be read.
    Io(i32),
    /// It is not the file it was.
    Changed,
    /// The record at [`Reply::next`] does not fit the input buffer.
    TooLong,
    /// A row could not be read: the last note says why.
    Fault,
}

const DONE: u32 = 0;
const FULL: u32 = 1;
const IO: u32 = 2;
const CHANGED: u32 = 3;
const TOO_LONG: u32 = 4;
const FAULT: u32 = 5;

impl Reply {
    /// An answer without rows.
    pub(super) fn new(outcome: Outcome) -> Self {
        let mut reply = Self { first: NOWHERE, ..Self::zeroed() };
        reply.outcome = match outcome {
            Outcome::Done => DONE,
            Outcome::Full => FULL,
            Outcome::Io(errno) => {
                reply.errno = errno;
                IO
            }
            Outcome::Changed => CHANGED,
            Outcome::TooLong => TOO_LONG,
            Outcome::Fault => FAULT,
        };
        reply
    }

    /// Whether everything was read that a task asked for, `max_rows` rows at most.
    pub(super) fn is_whole(&self, max_rows: u64) -> bool {
        match self.outcome() {
            Outcome::Done => true,
            Outcome::Full => self.rows >= max_rows,
            _ => false,
        }
    }

    pub(super) fn outcome(&self) -> Outcome {
        match self.outcome {
            DONE => Outcome::Done,
            FULL => Outcome::Full,
            CHANGED => Outcome::Changed,
            TOO_LONG => Outcome::TooLong,
            FAULT => Outcome::Fault,
            _ => Outcome::Io(self.errno),
        }
    }
}

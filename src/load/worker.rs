//! The worker's work: a range of a file, or of the ring where the text of a stream
//! lies, in; rows in a buffer of the ring out.
//!
//! Runs in a forked child: core code only. What it needs was made before the
//! fork; it opens files itself, so that ten thousand inputs need no descriptors
//! in the parent.

#![allow(unsafe_code)]

use core::ffi::CStr;
use core::ops::Range;
use std::sync::Arc;

use super::recipe::Recipe;
use super::task::{FaultAt, FileId, IN_FILE, Outcome, Reply, Task};
use crate::error::{Error, Result};
use crate::pool::Work;
use crate::sys::{Fd, Pages, Stat};
use crate::text::{self, BadRows, PADDING, Progress, Span, Stop, Text};

/// Bytes read behind the end of a range for the line that goes on there.
const SLACK: usize = 4096;

/// Everything a worker reads with.
#[derive(Debug)]
pub(super) struct Reader {
    pub(super) recipe: Arc<Recipe>,
    /// Private to each worker: pages are copied at the fork's first write.
    pub(super) input: Pages,
    pub(super) open: Option<(u32, Fd)>,
}

// SAFETY: `run` parses with core code from private pages into the ring, and makes
// system calls; the recipe is read where it lay before the fork.
unsafe impl Work for Reader {
    type Task = Task;
    type Reply = Reply;

    fn run(&mut self, task: &Task) -> Reply {
        if task.text_at != IN_FILE {
            return self.parse_stream(task);
        }
        match self.open(task) {
            Ok(true) => self.read(task),
            Ok(false) => Reply::new(Outcome::Changed),
            Err(error) => Reply::new(Outcome::Io(error.errno())),
        }
    }
}

impl FileId {
    pub(super) const fn of(stat: &Stat) -> Self {
        Self { dev: stat.dev, ino: stat.ino, size: stat.size }
    }
}

/// Where the lines of a range lie in the input buffer.
enum Lines {
    Range {
        first: usize,
        last: usize,
    },
    /// The same as far as the buffer goes: the line behind `last` does not fit it.
    Cut {
        first: usize,
        last: usize,
    },
    None,
    FileEnded,
}

impl Reader {
    /// Opens the task's file unless it is open; false if it is another file by now.
    fn open(&mut self, task: &Task) -> Result<bool> {
        if self.open.as_ref().is_some_and(|(input, _)| *input == task.input) {
            return Ok(true);
        }
        self.open = None;
        let path: &CStr = self.recipe.paths.get(task.input as usize).ok_or(Error::Argument)?;
        let fd = Fd::open_read(path)?;
        let same = FileId::of(&fd.stat()?) == task.file;
        self.open = Some((task.input, fd));
        Ok(same)
    }

    fn read(&mut self, task: &Task) -> Reply {
        // A line starts at a place if a line end lies right before it: look there, too.
        let base = task.start - u64::from(task.start > 0 && task.at_line_start == 0);
        match self.fill(task, base) {
            Err(error) => Reply::new(Outcome::Io(error.errno())),
            Ok(Lines::None) => Reply::new(Outcome::Done),
            Ok(Lines::FileEnded) => Reply::new(Outcome::Changed),
            Ok(Lines::Range { first, last }) => self.parse(task, base, first..last, Outcome::Done),
            Ok(Lines::Cut { first, last }) => {
                // The line may fit when what lies in front of it is out of the way.
                let start = base + last as u64;
                let again = task.start < start && start < task.end;
                let done = if again { Outcome::Full } else { Outcome::LineTooLong };
                self.parse(task, base, first..last, done)
            }
        }
    }

    /// Reads from `base` until the last line of the range is whole.
    fn fill(&mut self, task: &Task, base: u64) -> Result<Lines> {
        let Some((_, fd)) = &self.open else { return Ok(Lines::FileEnded) };
        let room = self.input.len() - PADDING;
        let left = usize::try_from(task.file.size - base).unwrap_or(usize::MAX);
        let range = usize::try_from(task.end - base).unwrap_or(usize::MAX);
        let from = usize::try_from(task.start - base).unwrap_or(0);
        let mut have = 0;
        let mut want = range.saturating_add(SLACK).min(left);
        loop {
            while have < want.min(room) {
                let buf = self.input.get_mut(have..want.min(room)).unwrap_or_default();
                match fd.read_at(buf, base + have as u64)? {
                    0 => return Ok(Lines::FileEnded),
                    n => have += n,
                }
            }
            let text = self.input.get(..have).unwrap_or_default();
            let whole = have == left;
            // The range alone says whether a line starts in it: one that fills it and goes
            // on is not looked through again by every piece that it fills.
            let seen = text.get(..range).unwrap_or(text);
            let first = match text::start_from(seen, from, false) {
                _ if task.at_line_start == 1 => 0,
                Some(first) if first < range => first,
                _ => return Ok(Lines::None),
            };
            if let Some(last) = text::start_from(text, range.min(left), whole) {
                return Ok(Lines::Range { first, last });
            }
            if have == room {
                let lines = text.get(first..).unwrap_or_default();
                return Ok(Lines::Cut {
                    first,
                    last: first + text::skip(lines, u64::MAX, false).1,
                });
            }
            want = have.saturating_mul(2).min(left);
        }
    }

    /// Parses whole lines of the input buffer; `done` is the outcome if all were read.
    fn parse(&mut self, task: &Task, base: u64, range: Range<usize>, done: Outcome) -> Reply {
        let Range { start: first, end: last } = range;
        let lines = self.input.get_mut(first..).unwrap_or_default();
        let Some(text) = Text::new(lines, last - first) else { return Reply::new(Outcome::Io(0)) };
        parse(&self.recipe, task, text, base + first as u64, done)
    }

    /// Parses the piece of a stream where it lies.
    fn parse_stream(&self, task: &Task) -> Reply {
        let len = (task.end - task.start) as usize;
        // SAFETY: the parent gave this piece to this task; until the reply it leaves the
        // text and the padding behind it alone.
        let lines = unsafe { self.recipe.ring.text_mut(task.text_at as usize, len + PADDING) };
        let Some(text) = Text::new(lines, len) else { return Reply::new(Outcome::Io(0)) };
        parse(&self.recipe, task, text, task.start, Outcome::Done)
    }
}

/// Parses `text`, which lies at `offset` of the input, into the task's buffer.
fn parse(recipe: &Recipe, task: &Task, text: Text<'_>, offset: u64, done: Outcome) -> Reply {
    let Ok(plan) = recipe.compiled.plan().with_columns(task.columns) else {
        return Reply::new(Outcome::Io(0));
    };
    // SAFETY: the parent granted this buffer to this task, and reads it only after the reply.
    let out = unsafe { recipe.ring.buffer_mut(task.buffer as usize) };
    let progress =
        text::parse(&plan, text, Span::whole(&text), task.max_rows, out, &mut BadRows::stop());
    reply(&progress, text, offset, done)
}

fn reply(progress: &Progress, text: Text<'_>, offset: u64, done: Outcome) -> Reply {
    let outcome = match progress.stop {
        // Only whole records are given, so none is incomplete.
        Stop::InputEnd | Stop::Incomplete => done,
        Stop::OutputFull => Outcome::Full,
        Stop::Fault(fault) => Outcome::Fault(FaultAt::new(&fault, text.text(), offset)),
    };
    let next = offset + progress.used as u64;
    Reply::with_rows(outcome, progress.rows, progress.lines, next)
}

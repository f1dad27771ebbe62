//! The worker's work: a range of a file, or of the ring where the text of a stream
//! lies, in; rows in a buffer of the ring out.
//!
//! Runs in a forked child: core code only. What it needs was made before the
//! fork; it opens files itself, so that ten thousand inputs need no descriptors
//! in the parent.
//!
//! A record is a line, or several if quotes hold line ends. Whether the first line that
//! starts in a range starts a record, too, cannot be seen in the range: the worker
//! takes it for one and says where it was. The parent knows where the records before end,
//! and has a range read again that was read from the wrong place.
//!
//! Small files come many at a time: their tasks lie in the buffer that they share, the rows
//! of one behind those of the other. Those that there is no room for get no answer.

#![allow(unsafe_code)]

use core::ffi::CStr;
use core::mem::offset_of;
use std::sync::Arc;

use super::output::{Output, Room};
use super::recipe::Recipe;
use super::ring::Parts;
use super::task::{FileId, IN_FILE, Member, Outcome, Reply, Task};
use crate::error::{Error, Result};
use crate::pool::Work;
use crate::sys::{Fd, Pages, Stat};
use crate::text::{self, PADDING, Plan, Seen, Span, Stop, Text};

/// Bytes read behind the end of a range for the line that goes on there.
const SLACK: usize = 4096;
/// Bytes read behind the end of a range for a record that may be none.
const GUESS: usize = 1 << 20;

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
        let recipe = Arc::clone(&self.recipe);
        // SAFETY: the parent granted this buffer to this task, and reads it only after the
        // reply.
        let mut parts = unsafe { recipe.ring.buffer_mut(task.buffer as usize) };
        match task.members {
            0 => self.run_one(&recipe, task, Room::new(parts.rows, parts.notes, 0)),
            count => self.run_members(&recipe, count as usize, &mut parts),
        }
    }
}

impl Reader {
    fn run_one(&mut self, recipe: &Recipe, task: &Task, room: Room<'_>) -> Reply {
        let Some(output) = Output::new(recipe, task, room) else {
            return Reply::new(Outcome::Io(0));
        };
        let read = match task.text_at {
            IN_FILE => self.read_file(task, output),
            at => Ok(parse_stream(recipe, task, at as usize, output)),
        };
        read.unwrap_or_else(|error| Reply::new(Outcome::Io(error.errno())))
    }

    /// Does the tasks of a buffer's table, until one is not whole: what is behind it would not
    /// fit, or not count. The first gets an answer in any case; one behind it, of which not
    /// even a row would fit the rest of the buffer, gets none.
    fn run_members(&mut self, recipe: &Recipe, count: usize, parts: &mut Parts<'_>) -> Reply {
        let (mut stored, mut noted) = (0, 0);
        let mut all = Reply::new(Outcome::Done);
        for place in parts.table.chunks_exact_mut(size_of::<Member>()).take(count) {
            let Member { task, .. } = bytemuck::pod_read_unaligned(place);
            let rows = parts.rows.get_mut(stored..).unwrap_or_default();
            let room = Room::new(rows, parts.notes, noted);
            if all.members > 0 && !room.holds_row(recipe, &task) {
                break;
            }
            let reply = self.run_one(recipe, &task, room);
            let (_, answer) = place.split_at_mut(offset_of!(Member, reply));
            answer.copy_from_slice(bytemuck::bytes_of(&reply));
            all.members += 1;
            if !reply.is_whole(task.max_rows) {
                break;
            }
            stored += recipe.stored(task.columns, reply.rows);
            noted += reply.notes as usize;
        }
        all
    }
}

impl FileId {
    pub(super) const fn of(stat: &Stat) -> Self {
        Self { dev: stat.dev, ino: stat.ino, size: stat.size }
    }
}

/// Parses the piece of a stream where it lies.
fn parse_stream(recipe: &Recipe, task: &Task, at: usize, mut output: Output<'_>) -> Reply {
    let len = (task.end - task.start) as usize;
    // SAFETY: the parent gave this piece to this task; until the reply it leaves the
    // text and the padding behind it alone.
    let bytes = unsafe { recipe.ring.text_mut(at, len + PADDING) };
    let Some(text) = Text::new(bytes, len) else { return Reply::new(Outcome::Io(0)) };
    // What ends a piece of a stream ends a record.
    let (used, stop) = output.parse(text, Span::whole(&text), task.start);
    output.reply(outcome(stop), task.start, task.start + used as u64)
}

/// How a task ends whose range was parsed to its end, or to where it stopped.
const fn outcome(stop: Stop) -> Outcome {
    match stop {
        Stop::InputEnd => Outcome::Done,
        Stop::OutputFull | Stop::Incomplete => Outcome::Full,
        Stop::Fault(_) => Outcome::Fault,
    }
}

impl Reader {
    fn read_file(&mut self, task: &Task, output: Output<'_>) -> Result<Reply> {
        if !self.open(task)? {
            return Ok(Reply::new(Outcome::Changed));
        }
        let room = usize::try_from(task.room).map_err(|_| Error::Overflow)?;
        if room + PADDING <= self.input.len() {
            return self.read(task, output);
        }
        // For a record that is longer than the input buffer, once.
        let large = Pages::new(room + PADDING)?;
        let usual = core::mem::replace(&mut self.input, large);
        let reply = self.read(task, output);
        self.input = usual;
        reply
    }

    /// Opens the task's file unless it is open; false if it is another file by now.
    fn open(&mut self, task: &Task) -> Result<bool> {
        if self.open.as_ref().is_some_and(|(input, _)| *input == task.input) {
            return Ok(true);
        }
        self.open = None;
        let path: &CStr = self.recipe.paths.get(task.input as usize).ok_or(Error::Argument)?;
        let fd = Fd::open_read(path)?;
        let stat = fd.stat()?;
        #[cfg(test)]
        die_of(&fd, &stat);
        let same = FileId::of(&stat) == task.file;
        // Another file is not kept, or the next task would take it for the right one.
        self.open = same.then_some((task.input, fd));
        Ok(same)
    }

    /// Reads and parses until the last record of the range is done.
    fn read(&mut self, task: &Task, mut output: Output<'_>) -> Result<Reply> {
        let view = View::new(task, self.input.len() - PADDING, output.quotes());
        let mut have = 0;
        // Place of the first record, and of the one to read next.
        let mut first = view.first;
        let mut at = first.unwrap_or(0);
        let mut want = view.range.saturating_add(SLACK);
        loop {
            have = match self.fill(view.base, have, want.min(view.most))? {
                Some(have) => have,
                None => return Ok(Reply::new(Outcome::Changed)),
            };
            if first.is_none() {
                first = self.first_line(&view, have);
                if output.quotes() {
                    first = first.and_then(|line| self.guess(&view, line, have, &mut output));
                }
                let Some(first) = first else { return Ok(Reply::new(Outcome::Done)) };
                at = first;
            }
            let (used, stop) = self.parse(&view, at, have, &mut output);
            at += used;
            let done = match stop {
                Stop::InputEnd if at < view.range && have < view.left => Outcome::Full,
                other => outcome(other),
            };
            let more = matches!(done, Outcome::Full) && !matches!(stop, Stop::OutputFull);
            if !more || have >= view.most {
                let known = view.first.is_some() && at == 0;
                let done = if more && known { Outcome::TooLong } else { done };
                let start = first.unwrap_or(0) as u64;
                return Ok(output.reply(done, view.base + start, view.base + at as u64));
            }
            want = have.saturating_mul(2);
        }
    }

    /// Reads until `want` bytes from `base` on are there; how many are, or `None` if the
    /// file ends before.
    fn fill(&mut self, base: u64, mut have: usize, want: usize) -> Result<Option<usize>> {
        let Some((_, fd)) = &self.open else { return Ok(None) };
        while have < want {
            let room = self.input.get_mut(have..want).unwrap_or_default();
            match fd.read_at(room, base + have as u64)? {
                0 => return Ok(None),
                n => have += n,
            }
        }
        Ok(Some(have))
    }

    /// Where the first line of the range starts, if one does. The range alone says it: a
    /// line that fills it and goes on is not looked through again by every range in it.
    fn first_line(&self, view: &View, have: usize) -> Option<usize> {
        let text = self.input.get(..have.min(view.range)).unwrap_or_default();
        text::start_from(text, view.from, false).filter(|&first| first < view.range)
    }

    /// Where the first record of the range starts, as far as can be told: with its first
    /// line; or, if that does not look like a row, the range starts within quotes, and the
    /// record ends somewhere behind them. `None` if that is behind the range.
    fn guess(
        &mut self,
        view: &View,
        line: usize,
        have: usize,
        output: &mut Output<'_>,
    ) -> Option<usize> {
        if self.looks_right(view, line, have, output) {
            return Some(line);
        }
        match self.behind_quotes(view, have, output) {
            Some(next) if next >= view.range => None,
            Some(next) if self.looks_right(view, next, have, output) => Some(next),
            _ => Some(line),
        }
    }

    /// Whether the first rows from `at` on can be read.
    fn looks_right(
        &mut self,
        view: &View,
        at: usize,
        have: usize,
        output: &mut Output<'_>,
    ) -> bool {
        let look = |text: Text<'_>, span| output.try_rows(text, span);
        self.on_text(view, at, have, true, look).unwrap_or(false)
    }

    /// Where the next record starts if the range starts within quotes, and they end in what
    /// was read.
    fn behind_quotes(&mut self, view: &View, have: usize, output: &Output<'_>) -> Option<usize> {
        let (quote, 1) = output.quote() else { return None };
        // With a quote right before the range.
        let place = self.input.get_mut(view.from.checked_sub(1)?)?;
        let byte = core::mem::replace(place, quote[0]);
        let text = self.input.get(..have).unwrap_or_default();
        let format = output.plan.format();
        let record = text::record(text, view.from - 1, &format, have >= view.left);
        if let Some(place) = self.input.get_mut(view.from - 1) {
            *place = byte;
        }
        record.map(|(_, next)| next)
    }

    /// Parses what is whole of the records from `at` on.
    fn parse(
        &mut self,
        view: &View,
        at: usize,
        have: usize,
        output: &mut Output<'_>,
    ) -> (usize, Stop) {
        let quotes = output.quotes();
        let parse = |text: Text<'_>, span| output.parse(text, span, view.base + at as u64);
        self.on_text(view, at, have, quotes, parse).unwrap_or((0, Stop::Incomplete))
    }

    /// Calls `read` with the whole lines from `at` on, and which records of them are meant.
    /// Those behind the range are among them only if a record may have several.
    fn on_text<T>(
        &mut self,
        view: &View,
        at: usize,
        have: usize,
        quotes: bool,
        read: impl FnOnce(Text<'_>, Span) -> T,
    ) -> Option<T> {
        let whole = have >= view.left;
        let text = self.input.get(at..have).unwrap_or_default();
        let until = view.range.saturating_sub(at);
        let end = match () {
            () if whole => text.len(),
            () if quotes => text::last_start(text, 0).unwrap_or(0),
            () => text::start_from(text, until, false)
                .or_else(|| text::last_start(text, 0))
                .unwrap_or(0),
        };
        // The byte behind the text is that of a line which may be needed later.
        let behind = self.input.get(at + end).copied();
        let bytes = self.input.get_mut(at..).unwrap_or_default();
        // Without quotes a record ends where the text does, also if that is with a lone `\r`.
        let ends = whole || !quotes;
        let done = read(Text::new(bytes, end)?, Span { from: 0, until: until.min(end), ends });
        if let (Some(byte), Some(behind)) = (self.input.get_mut(at + end), behind) {
            *byte = behind;
        }
        Some(done)
    }
}

/// Kills the worker that opens an executable file, once for each such bit.
#[cfg(test)]
fn die_of(fd: &Fd, stat: &Stat) {
    if let Some(bit) = [0o100, 0o010, 0o001].into_iter().find(|bit| stat.mode & bit != 0) {
        let _ = fd.set_mode(stat.mode & 0o777 & !bit);
        crate::sys::exit_now(9);
    }
}

/// What of a file a task looks at: everything counts from `base`.
#[derive(Debug)]
struct View {
    base: u64,
    /// Where the range starts, and ends.
    from: usize,
    range: usize,
    /// Where the text of the file ends.
    left: usize,
    /// Bytes that may be read.
    most: usize,
    /// Where the first record starts, if that is known.
    first: Option<usize>,
}

impl View {
    fn new(task: &Task, room: usize, quotes: bool) -> Self {
        let known = task.at_record == 1;
        // A line starts at a place if a line end lies right before it: look there, too.
        let base = task.start - u64::from(task.start > 0 && !known);
        let place = |at: u64| usize::try_from(at.saturating_sub(base)).unwrap_or(usize::MAX);
        let (from, range, left) = (place(task.start), place(task.end), place(task.text_end));
        let guess = range.saturating_add(range.max(GUESS));
        let most = if known || !quotes { room } else { room.min(guess) };
        Self { base, from, range, left, most: most.min(left), first: known.then_some(0) }
    }
}

/// Bytes of the table in which it is put what the columns of a plan are like.
pub(super) const fn table_size(plan: &Plan<'_>) -> usize {
    plan.column_count() * size_of::<Seen>()
}

#[cfg(test)]
mod tests {
    use super::super::options::Options;
    use super::super::recipe::{Aim, Blueprint, Compiled};
    use super::super::ring::Ring;
    use super::*;
    use crate::dtype_buf::DTypeBuf;
    use crate::text::{Delimiter, Found, Unicode};
    use bytemuck::Zeroable;
    use std::ffi::CString;
    use std::io::Write;
    use std::os::unix::ffi::OsStrExt;
    use std::vec::Vec;

    fn reader(path: &std::path::Path) -> Reader {
        let dtype = DTypeBuf::parse("n:i4,s:S9").unwrap();
        let delimiter = Delimiter::Char(',');
        let options = Options { quote: Some('"'), delimiter, ..Options::default() };
        let blueprint = Blueprint {
            dtype: dtype.as_dtype(),
            found: Found::Nothing,
            auto: false,
            aim: Aim::Load,
            common_fill: true,
            unicode: Unicode::Ucs4,
            options: &options,
            header: None,
        };
        let recipe = Recipe {
            compiled: Compiled::new(&blueprint).unwrap(),
            looks: None,
            header: None,
            same_columns: false,
            paths: Vec::from([CString::new(path.as_os_str().as_bytes()).unwrap()]),
            ring: Ring::new(1, 1 << 16, 0).unwrap(),
        };
        Reader { recipe: Arc::new(recipe), input: Pages::new(1 << 16).unwrap(), open: None }
    }

    /// Where the first record of each range is taken to start, and where the next one does.
    #[test]
    fn guesses_are_good_where_rows_can_be_told_from_text() {
        let text = b"1,\"a\nb, c\nd\ne\"\n2,f\n3,\"\ng\"\n";
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text).unwrap();
        let mut reader = reader(file.path());
        let fd = Fd::open_read(&reader.recipe.paths[0]).unwrap();
        let file = FileId::of(&fd.stat().unwrap());
        let size = text.len() as u64;
        // Within quotes, and behind them; of the last record's second line there is no telling.
        for start in 3..=19 {
            let task = Task {
                start,
                end: size,
                text_end: size,
                text_at: IN_FILE,
                file,
                max_rows: u64::MAX,
                ..Task::zeroed()
            };
            let reply = reader.run(&task);
            let (first, rows) = if start <= 15 { (15, 2) } else { (19, 1) };
            assert_eq!((reply.first, reply.next), (first, size), "{start}");
            assert_eq!((reply.rows, reply.notes), (rows, 0));
        }
    }

    /// The same worker was asked again, and then it believed the file that it had open.
    #[test]
    fn a_file_that_is_another_one_stays_another_one() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"1,a\n2,b\n").unwrap();
        let mut reader = reader(file.path());
        let fd = Fd::open_read(&reader.recipe.paths[0]).unwrap();
        let right = FileId::of(&fd.stat().unwrap());
        let task = |file| Task {
            end: 8,
            text_end: 8,
            text_at: IN_FILE,
            file,
            max_rows: u64::MAX,
            ..Task::zeroed()
        };
        let wrong = FileId { ino: right.ino + 1, ..right };
        for _ in 0..2 {
            assert!(matches!(reader.run(&task(wrong)).outcome(), Outcome::Changed));
        }
        assert_eq!(reader.run(&task(right)).rows, 2);
    }
}

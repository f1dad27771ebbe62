//! What a load would do, from the beginning of its text: for who wants to know before it is done.

use core::sync::atomic::AtomicBool;
use std::boxed::Box;
use std::sync::Arc;

use super::TICK;
use super::auto::RowTypeRef;
use super::begun::Begun;
use super::error::Result;
use super::input::Input;
use super::job::{Done, Job};
use super::options::{Options, memory_of};
use super::progress::Progress;
use super::report::Report;
use super::sink::{Block, Sink, SinkError};
use crate::dtype_buf::DTypeBuf;
use crate::text::Unicode;

/// Bytes of text after which enough is known.
const ENOUGH: u64 = 16 << 20;

/// What is known of a load before it is done. Nothing is made, and nothing is left.
#[derive(Debug)]
#[non_exhaustive]
pub struct Preview {
    /// How far the text was read: all of it if this is `done`, which makes everything exact.
    pub read: Progress,
    /// Of the rows; none if all of the text has to be read to know.
    pub dtype: Option<Arc<DTypeBuf>>,
    /// It was found in a part of the text, and the rest may show another one.
    pub may_change: bool,
    /// Columns of the rows of the input that was read last, if the dtype is no record.
    pub columns: Option<u32>,
    /// How the text is written, if that was found, and rows that would be left out.
    pub report: Report,
    /// Processes that parse; 0 if the caller's does, because the text is short.
    pub workers: usize,
    /// Bytes that all processes together may take.
    pub memory: u64,
}

impl Preview {
    /// All rows: exactly if everything was read, or about as many as the text behind what was
    /// read has by its size. None if it is not known how much text there is.
    #[must_use]
    pub fn rows(&self) -> Option<u64> {
        if self.read.done {
            return Some(self.read.rows);
        }
        self.rows_of(self.read.bytes_total).filter(|_| self.read.bytes_total > 0)
    }

    /// Rows that so much text has, about.
    #[must_use]
    pub fn rows_of(&self, text: u64) -> Option<u64> {
        let Progress { rows, bytes_done, .. } = self.read;
        let about = u128::from(rows) * u128::from(text) / u128::from(bytes_done.max(1));
        u64::try_from(about).ok().filter(|_| rows > 0)
    }
}

/// Reads the beginning of the text, or all of it if that is short, as [`Job`] would, and says what
/// the rows are. What would be wrong with the inputs, the options or this part of the text is an
/// error, as it is to a load. A stream is read; files are left as they are.
///
/// # Errors
/// [`LoadError`](super::LoadError).
pub fn preview<'t, I: Into<Input>>(
    inputs: impl IntoIterator<Item = I>,
    rows: impl Into<RowTypeRef<'t>>,
    unicode: Unicode,
    options: &Options,
    flag: Option<&AtomicBool>,
) -> Result<Preview> {
    let job = Job::start_with(inputs, rows, unicode, options, flag, |_: Begun<'_>| {
        Ok(Columns { last: None })
    })?;
    let (preview, sink) = ahead(job, flag)?;
    Ok(Preview { columns: sink.and_then(|sink| sink.last), ..preview })
}

/// Goes ahead with a job until enough is known. Its sink is there unless all text has to be read
/// before.
pub(crate) fn ahead<S: Sink>(
    mut job: Job<S>,
    flag: Option<&AtomicBool>,
) -> Result<(Preview, Option<Box<S>>)> {
    let memory = memory_of(job.options());
    let (mut workers, mut may_change) = (0, false);
    loop {
        if let Some((processes, guess)) = job.loading() {
            (workers, may_change) = (processes, guess);
        }
        let read = job.step_watching(TICK, flag)?;
        if read.done || is_enough(&job, read) {
            break;
        }
    }
    let read = job.progress();
    if job.loading().is_none() && !read.done {
        let report = Report { dialect: job.dialect().cloned(), ..Report::default() };
        let (dtype, columns, may_change) = (None, None, true);
        return Ok((Preview { read, dtype, may_change, columns, report, workers, memory }, None));
    }
    let Done { sink, report, dtype, .. } = job.so_far()?;
    let (dtype, may_change) = (Some(Arc::new(dtype)), may_change && !read.done);
    let preview = Preview { read, dtype, may_change, columns: None, report, workers, memory };
    Ok((preview, Some(Box::new(sink))))
}

/// Whether more text would say little more. A text that is all read goes to its end, which makes
/// everything exact.
fn is_enough<S: Sink>(job: &Job<S>, read: Progress) -> bool {
    let more = read.bytes_total == 0 || read.bytes_done < read.bytes_total;
    read.bytes_done >= ENOUGH && more && (read.rows > 0 || job.loading().is_none())
}

/// A sink that only notes how many columns there are.
#[derive(Debug)]
struct Columns {
    last: Option<u32>,
}

impl Sink for Columns {
    fn begin(&mut self, _: usize, columns: Option<u32>) -> core::result::Result<(), SinkError> {
        if columns != Some(0) || self.last.is_none() {
            self.last = columns;
        }
        Ok(())
    }

    /// As of a segment.
    fn joins_inputs(&self) -> bool {
        true
    }

    fn rows(&mut self, _: &Block) -> core::result::Result<(), SinkError> {
        Ok(())
    }

    fn end(&mut self, _: usize, _: u64) -> core::result::Result<(), SinkError> {
        Ok(())
    }
}

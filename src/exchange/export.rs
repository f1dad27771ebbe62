//! A segment on its way to a file.

#![allow(unsafe_code)]

use core::borrow::Borrow;
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::boxed::Box;
use std::path::{Path, PathBuf};
use std::string::{String, ToString};
use std::vec::Vec;

use super::copy::{self, Order};
use super::csv::Table;
use super::error::{ExchangeError, Result};
use super::output::Output;
use super::value;
use super::{PIECE, STEP, npy};
use crate::dtype::{DType, Field, Kind};
use crate::error::Error;
use crate::hdf5::{self, Writer, check_dtype};
use crate::load::{Canceller, Progress};
use crate::segment::Segment;
use crate::sys;

/// Metadata of a file with one dataset, beside its type.
const METADATA: u64 = 512;
/// Name of the dataset of a segment that has none.
const DATASET: &str = "data";

/// What kind of file is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// HDF5, one dataset.
    Hdf5,
    /// NumPy's `.npy`.
    Npy,
    /// Lines of text.
    Csv,
}

impl Format {
    /// The format that a file's name asks for by its suffix.
    #[must_use]
    pub fn of(path: &Path) -> Option<Self> {
        let suffix = path.extension()?.to_str()?.to_ascii_lowercase();
        Some(match suffix.as_str() {
            "h5" | "hdf5" | "hdf" | "he5" => Self::Hdf5,
            "npy" => Self::Npy,
            "csv" | "tsv" | "txt" => Self::Csv,
            _ => return None,
        })
    }
}

/// How a segment becomes a file. By default a new one, of the kind that its suffix says.
#[derive(Debug, Clone, Default)]
#[allow(clippy::struct_excessive_bools, reason = "each is a choice of its own")]
pub struct ExportOptions {
    /// What kind of file it is; without it, the suffix says.
    pub format: Option<Format>,
    /// Replace a file that is there; it stays until the new one is complete.
    pub force: bool,
    /// Wait until the disk has it all, also where the target is new.
    pub sync: bool,
    /// HDF5: path of the dataset; without it, the segment's name.
    pub dataset: Option<String>,
    /// HDF5: `?` as plain `u1` instead of an enumeration.
    pub bool_as_u8: bool,
    /// CSV: what stands between values; without it a comma, or a tabulator in `.tsv`.
    pub delimiter: Option<char>,
    /// CSV: no line of names before records.
    pub no_header: bool,
}

/// What an export made.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Exported {
    /// The file; empty for standard output.
    pub path: PathBuf,
    /// Its bytes.
    pub bytes: u64,
    /// Its kind.
    pub format: Format,
}

/// Makes a file of a segment: an [`ExportJob`] from its start to its end, which `cancel` stops.
///
/// # Errors
/// [`ExchangeError`]; everything is as it was before then.
pub fn export(
    segment: &Segment,
    output: &Path,
    options: &ExportOptions,
    cancel: &AtomicBool,
) -> Result<Exported> {
    let mut job = ExportJob::start(segment, output, options)?;
    loop {
        if cancel.load(Ordering::Relaxed) {
            return Err(ExchangeError::Cancelled);
        }
        if job.step(Duration::ZERO)?.done {
            return job.finish();
        }
    }
}

/// A segment on its way to a file. What others write to the segment meanwhile is seen in
/// part or not at all. Dropping the job leaves everything as it was before.
///
/// HDF5 is entered by the thread that starts, steps, finishes or drops the job, and locked
/// for each entry alone.
#[derive(Debug)]
pub struct ExportJob<S: Borrow<Segment>> {
    segment: S,
    /// None after an error.
    work: Option<Work>,
    canceller: Canceller,
    progress: Progress,
    /// The process that it belongs to.
    owner: u32,
}

#[derive(Debug)]
struct Work {
    sink: Sink,
    /// How elements are taken out of the segment.
    order: Order,
    /// Elements of the segment, and those that are done.
    count: u64,
    done: u64,
    buf: Vec<u8>,
    text: String,
    path: PathBuf,
}

#[derive(Debug)]
enum Sink {
    Hdf5 { writer: Box<Writer>, dataset: String },
    Npy(Output),
    Csv(Output, Table),
}

impl<S: Borrow<Segment>> ExportJob<S> {
    /// Looks at the target and begins a temporary file beside it. For CSV, `-` is standard
    /// output.
    ///
    /// # Errors
    /// [`ExchangeError`].
    pub fn start(segment: S, output: &Path, options: &ExportOptions) -> Result<Self> {
        let (shared, canceller) = (segment.borrow(), Canceller::new()?);
        let work = Work::begin(shared, output, options)?;
        // Steps never wait, so whoever polls shall step at once, until the end.
        canceller.bell().ring();
        let bytes_total = work.count.saturating_mul(u64::from(shared.itemsize()));
        let progress = Progress { bytes_total, inputs_total: 1, pass: 1, ..Progress::default() };
        Ok(Self { segment, work: Some(work), canceller, progress, owner: sys::lineage() })
    }

    /// Copies some MiB. It never waits for anything but the disk, so the timeout does not
    /// matter.
    ///
    /// # Errors
    /// [`ExchangeError`]; the job is over then, and nothing is left of it. A step after
    /// that, or in a forked child, is [`Error::Argument`].
    pub fn step(&mut self, _timeout: Duration) -> Result<Progress> {
        if self.owner != sys::lineage() {
            return Err(Error::Argument.into());
        }
        let mut work = self.work.take().ok_or(Error::Argument)?;
        if self.canceller.is_cancelled() {
            return Err(ExchangeError::Cancelled);
        }
        let segment = self.segment.borrow();
        work.advance(segment)?;
        let progress = &mut self.progress;
        progress.bytes_done = work.done.saturating_mul(u64::from(segment.itemsize()));
        progress.done = work.done >= work.count;
        progress.inputs_done = usize::from(progress.done);
        progress.rows = if progress.done { rows(segment) } else { 0 };
        self.work = Some(work);
        Ok(self.progress)
    }

    /// How far it is.
    #[must_use]
    pub const fn progress(&self) -> Progress {
        self.progress
    }

    /// A descriptor that is always readable: a step never waits.
    #[must_use]
    pub fn raw_fd(&self) -> i32 {
        self.canceller.bell().raw()
    }

    /// A handle that stops the job.
    #[must_use]
    pub fn canceller(&self) -> Canceller {
        self.canceller.clone()
    }

    /// Steps until everything is copied, completes the file and gives it its name.
    ///
    /// # Errors
    /// [`ExchangeError`]; everything is as it was before then.
    pub fn finish(mut self) -> Result<Exported> {
        while !self.step(Duration::ZERO)?.done {}
        let work = self.work.take().ok_or(Error::Argument)?;
        work.finish(self.segment.borrow())
    }
}

fn rows(segment: &Segment) -> u64 {
    segment.shape().first().copied().unwrap_or(1)
}

impl Work {
    fn begin(segment: &Segment, output: &Path, options: &ExportOptions) -> Result<Self> {
        let format = options
            .format
            .or_else(|| if is_stdout(output) { Some(Format::Csv) } else { Format::of(output) });
        let format = format.ok_or_else(|| ExchangeError::Format { path: output.to_path_buf() })?;
        if format != Format::Csv && is_stdout(output) {
            return Err(ExchangeError::Stdout);
        }
        let count = copy::count(segment).ok_or(Error::Overflow)?;
        let sink = match format {
            Format::Hdf5 => hdf5_sink(segment, output, options)?,
            Format::Npy => npy_sink(segment, output, options)?,
            Format::Csv => csv_sink(segment, output, options)?,
        };
        let order = match (copy::order_of(segment), &sink) {
            // The bytes go out as they lie.
            (Order::Fortran, Sink::Npy(_)) => Order::C,
            (order, _) => order,
        };
        let (buf, text, path) = (Vec::new(), String::new(), output.to_path_buf());
        Ok(Self { sink, order, count, done: 0, buf, text, path })
    }

    fn advance(&mut self, segment: &Segment) -> Result<()> {
        let item = u64::from(segment.itemsize()).max(1);
        let end = (self.done + (STEP / item).max(1)).min(self.count);
        if self.order == Order::C && self.is_verbatim(segment.dtype()) {
            return self.pass(segment, end);
        }
        while self.done < end {
            let n = (end - self.done).min((PIECE as u64 / item).max(1));
            self.buf.resize((n * item) as usize, 0);
            if segment.itemsize() > 0 {
                copy::elements(segment, self.order, self.done, &mut self.buf)?;
            }
            self.give(segment.dtype())?;
            self.done += n;
        }
        Ok(())
    }

    /// Whether the bytes of the segment are those of the file.
    fn is_verbatim(&self, dtype: DType<'_>) -> bool {
        match &self.sink {
            Sink::Hdf5 { .. } => !has_unicode(dtype.root()),
            Sink::Npy(_) => true,
            Sink::Csv(..) => false,
        }
    }

    /// Has the kernel copy the elements up to `end` straight out of the segment.
    fn pass(&mut self, segment: &Segment, end: u64) -> Result<()> {
        let item = segment.itemsize() as usize;
        let (from, len) = (self.done as usize * item, (end - self.done) as usize * item);
        if from.checked_add(len).is_none_or(|end| end > segment.data_len()) {
            return Err(Error::Argument.into());
        }
        let data = segment.data_ptr().wrapping_add(from);
        match &mut self.sink {
            // SAFETY: so many bytes from there on are in the segment's mapping.
            Sink::Hdf5 { writer, .. } => unsafe { writer.append(data, len) }?,
            // SAFETY: as above.
            Sink::Npy(output) => unsafe { output.write_shared(data, len) }?,
            Sink::Csv(..) => return Err(Error::Argument.into()),
        }
        self.done = end;
        Ok(())
    }

    /// Writes the elements in the buffer.
    fn give(&mut self, dtype: DType<'_>) -> Result<()> {
        match &mut self.sink {
            Sink::Hdf5 { writer, .. } => {
                value::to_utf8(dtype, &mut self.buf, self.done)?;
                // SAFETY: the buffer is readable for its length.
                unsafe { writer.append(self.buf.as_ptr(), self.buf.len()) }?;
            }
            Sink::Npy(output) => output.write(&self.buf)?,
            Sink::Csv(output, table) => {
                self.text.clear();
                table.write(&self.buf, self.done, &mut self.text)?;
                output.write(self.text.as_bytes())?;
            }
        }
        Ok(())
    }

    fn finish(self, segment: &Segment) -> Result<Exported> {
        match self.sink {
            Sink::Hdf5 { mut writer, dataset } => {
                writer.finish_dataset(&dataset, segment.dtype(), segment.shape(), &[])?;
                let made = writer.close()?;
                Ok(Exported { path: made.path, bytes: made.bytes, format: Format::Hdf5 })
            }
            Sink::Npy(output) => {
                let bytes = output.finish()?;
                Ok(Exported { path: self.path, bytes, format: Format::Npy })
            }
            Sink::Csv(mut output, mut table) => {
                // An array without rows has its line of names.
                let mut text = String::new();
                table.write(&[], 0, &mut text)?;
                output.write(text.as_bytes())?;
                let path = if is_stdout(&self.path) { PathBuf::new() } else { self.path };
                Ok(Exported { path, bytes: output.finish()?, format: Format::Csv })
            }
        }
    }
}

fn is_stdout(path: &Path) -> bool {
    path.as_os_str() == "-"
}

fn has_unicode(field: Field<'_>) -> bool {
    field.kind() == Kind::Unicode || field.fields().any(has_unicode)
}

fn hdf5_sink(segment: &Segment, output: &Path, options: &ExportOptions) -> Result<Sink> {
    let mut made = hdf5::Options::default();
    (made.force, made.sync, made.bool_as_u8) = (options.force, options.sync, options.bool_as_u8);
    hdf5::check_target(output, &made)?;
    let metadata = check_dtype(segment.dtype(), &made)? + METADATA;
    let mut writer = Writer::create(output, &made, metadata)?;
    writer.begin_dataset()?;
    let own = segment.name().map_or(DATASET, |name| name.as_str());
    let dataset = options.dataset.clone().unwrap_or_else(|| own.to_string());
    Ok(Sink::Hdf5 { writer: Box::new(writer), dataset })
}

fn npy_sink(segment: &Segment, output: &Path, options: &ExportOptions) -> Result<Sink> {
    let fortran = copy::order_of(segment) == Order::Fortran;
    let header = npy::header(segment.dtype(), segment.shape(), fortran)?;
    let mut output = Output::create(output, options.force, options.sync)?;
    output.write(&header)?;
    Ok(Sink::Npy(output))
}

fn csv_sink(segment: &Segment, output: &Path, options: &ExportOptions) -> Result<Sink> {
    let tabs = output.extension().is_some_and(|suffix| suffix.eq_ignore_ascii_case("tsv"));
    let delimiter = options.delimiter.unwrap_or(if tabs { '\t' } else { ',' });
    let names = !options.no_header;
    let table = Table::new(segment.dtype(), segment.shape(), delimiter, names)?;
    let output = if is_stdout(output) {
        Output::Stdout
    } else {
        Output::create(output, options.force, options.sync)?
    };
    Ok(Sink::Csv(output, table))
}

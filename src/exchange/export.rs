//! A segment on its way to a file.

#![allow(unsafe_code)]

use core::borrow::Borrow;
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::boxed::Box;
use std::path::{Path, PathBuf};
use std::string::String;
use std::time::Instant;
use std::vec::Vec;

use super::copy::{self, Order, Walk};
use super::csv::Table;
use super::dataset::Hdf5;
use super::error::{ExchangeError, Result};
use super::output::Output;
use super::value;
use super::{PIECE, STEP, npy};
use crate::dtype::DType;
use crate::error::Error;
use crate::hdf5::{Attribute, Storage};
use crate::load::{Canceller, Progress};
use crate::segment::Segment;
use crate::store::{Dimension, ObjectAttribute};
use crate::sys::{self, Epoll};

/// How long a step waits that nobody else waits for.
const TICK: Duration = Duration::from_millis(50);

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
    /// HDF5: add the dataset to a file that is there; it stays until the new one is complete.
    pub append: bool,
    /// HDF5: where the elements lie, and how they are packed. The rows are the elements with
    /// one index of the first axis.
    pub storage: Storage,
    /// HDF5: attributes of the dataset.
    pub attributes: Vec<(String, Attribute)>,
    /// HDF5: attributes of single objects.
    pub object_attributes: Vec<ObjectAttribute>,
    /// HDF5: the names of the axes.
    pub dims: Vec<Dimension>,
    /// HDF5: units of fields.
    pub units: Vec<(String, String)>,
    /// Processes that pack chunks; without it, as many as there are cores, and with 0 it is done
    /// in this process. They make no difference to the file.
    pub workers: Option<usize>,
    /// Bytes that they may use, about.
    pub memory: Option<u64>,
}

impl ExportOptions {
    /// Refuses what this kind of file does not have.
    fn check(&self, format: Format) -> Result<()> {
        const H5: Format = Format::Hdf5;
        let has_attributes = !self.attributes.is_empty() || !self.object_attributes.is_empty();
        let asked = [
            (H5, self.append, "a dataset is added"),
            (H5, self.dataset.is_some(), "datasets have paths"),
            (H5, self.bool_as_u8, "truth values are numbers if asked for"),
            (H5, self.storage != Storage::default(), "there are layouts, chunks and compression"),
            (H5, self.workers.is_some() || self.memory.is_some(), "chunks are packed by workers"),
            (H5, has_attributes, "there are attributes"),
            (H5, !self.dims.is_empty(), "axes have names"),
            (H5, !self.units.is_empty(), "fields have units"),
            (Format::Csv, self.delimiter.is_some(), "a character stands between values"),
            (Format::Csv, self.no_header, "there is a line of names"),
        ];
        for (of, asked, what) in asked {
            if asked && format != of {
                return Err(ExchangeError::Only { format: of, what });
            }
        }
        match self.delimiter {
            // Only texts are quoted: what numbers are made of would cut them.
            Some(c) if c.is_alphanumeric() || "+-.\"#\n\r".contains(c) => {
                Err(ExchangeError::Delimiter(c))
            }
            _ => Ok(()),
        }
    }
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
        if job.step(TICK)?.done {
            return job.finish();
        }
    }
}

/// A segment on its way to a file. What others write to the segment meanwhile is seen in
/// part or not at all. Dropping the job leaves everything as it was before.
///
/// HDF5 is entered by the thread that starts, steps, finishes or drops the job, and locked
/// for each entry alone. Where chunks are packed, that is done by processes which the job
/// forks when it starts, and which die with the thread that started it.
#[derive(Debug)]
pub struct ExportJob<S: Borrow<Segment>> {
    segment: S,
    /// None after an error.
    work: Option<Work>,
    canceller: Canceller,
    /// The canceller's bell and what packers ring, if there are any.
    ready: Option<Epoll>,
    progress: Progress,
    /// The process that it belongs to.
    owner: u32,
}

#[derive(Debug)]
struct Work {
    sink: Sink,
    /// How elements are taken out of the segment.
    walk: Walk,
    /// Elements of the segment, and those that are done.
    count: u64,
    done: u64,
    /// Whether the file only waits for its name.
    complete: bool,
    buf: Vec<u8>,
    text: String,
    path: PathBuf,
}

#[derive(Debug)]
enum Sink {
    Hdf5(Box<Hdf5>),
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
        let (shared, canceller) = (segment.borrow(), Canceller::always_ready()?);
        let work = Work::begin(shared, output, options)?;
        let ready = match work.raw_fd() {
            None => None,
            Some(packers) => {
                let both = Epoll::new()?;
                both.add(canceller.bell().raw(), 0)?;
                both.add(packers, 1)?;
                Some(both)
            }
        };
        let bytes_total = work.count.saturating_mul(u64::from(shared.itemsize()));
        let progress = Progress { bytes_total, inputs_total: 1, pass: 1, ..Progress::default() };
        Ok(Self { segment, work: Some(work), canceller, ready, progress, owner: sys::lineage() })
    }

    /// Copies some MiB, or as much as packers take; if they take nothing at the moment, it
    /// waits for them as long as `timeout`. Without packers it never waits for anything but the
    /// disk.
    ///
    /// # Errors
    /// [`ExchangeError`]; the job is over then, and nothing is left of it. A step after
    /// that, or in a forked child, is [`Error::Argument`].
    pub fn step(&mut self, timeout: Duration) -> Result<Progress> {
        if self.owner != sys::lineage() {
            return Err(Error::Argument.into());
        }
        let mut work = self.work.take().ok_or(Error::Argument)?;
        let begin = Instant::now();
        loop {
            if self.canceller.is_cancelled() {
                return Err(ExchangeError::Cancelled);
            }
            let segment = self.segment.borrow();
            let went_on = !self.progress.done && work.advance(segment)?;
            self.note(&work, went_on);
            if went_on
                || self.progress.done
                || !self.wait(timeout.saturating_sub(begin.elapsed()))?
            {
                break;
            }
        }
        self.work = Some(work);
        Ok(self.progress)
    }

    fn note(&mut self, work: &Work, went_on: bool) {
        let (segment, progress) = (self.segment.borrow(), &mut self.progress);
        progress.bytes_done = work.done.saturating_mul(u64::from(segment.itemsize()));
        progress.done = work.complete;
        progress.inputs_done = usize::from(progress.done);
        progress.rows = if progress.done { rows(segment) } else { 0 };
        if self.ready.is_some() && (went_on || progress.done) {
            // There is more to do, or nothing to wait for.
            self.canceller.bell().ring();
        }
    }

    /// Waits until packers have done something, or somebody cancels; whether there was time.
    fn wait(&self, time: Duration) -> Result<bool> {
        let Some(ready) = &self.ready else { return Ok(false) };
        self.canceller.bell().silence();
        if self.canceller.is_cancelled() {
            // It may have been rung just before.
            self.canceller.bell().ring();
            return Ok(true);
        }
        let ms = time.as_micros().div_ceil(1000).min(60_000) as i32;
        ready.wait(ms)?;
        Ok(!time.is_zero())
    }

    /// How far it is.
    #[must_use]
    pub const fn progress(&self) -> Progress {
        self.progress
    }

    /// A descriptor that can be read whenever a step has something to do: always, unless
    /// packers have all that they can take.
    #[must_use]
    pub fn raw_fd(&self) -> i32 {
        self.ready.as_ref().map_or_else(|| self.canceller.raw_fd(), Epoll::raw)
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
        while !self.step(TICK)?.done {}
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
        options.check(format)?;
        let count = copy::count(segment.shape()).ok_or(Error::Overflow)?;
        let sink = match format {
            Format::Hdf5 => Sink::Hdf5(Hdf5::start(segment, output, options)?.into()),
            Format::Npy => npy_sink(segment, output, options)?,
            Format::Csv => csv_sink(segment, output, options)?,
        };
        let fortran = copy::order_of(segment) == Order::Fortran;
        let walk = Walk::new(segment, fortran && format == Format::Npy);
        let (buf, text, path) = (Vec::new(), String::new(), output.to_path_buf());
        Ok(Self { sink, walk, count, done: 0, complete: false, buf, text, path })
    }

    /// What is readable when a step that could do nothing can go on, if there are such.
    fn raw_fd(&self) -> Option<i32> {
        if let Sink::Hdf5(dataset) = &self.sink { dataset.raw_fd() } else { None }
    }

    /// Does some MiB; false if it has to wait before it can do anything.
    fn advance(&mut self, segment: &Segment) -> Result<bool> {
        let begin = self.done;
        if let Sink::Hdf5(dataset) = &mut self.sink
            && !dataset.prepare(segment.shape())?
        {
            return Ok(true);
        }
        let item = u64::from(segment.itemsize()).max(1);
        let end = (self.done + (STEP / item).max(1)).min(self.count);
        if self.done < end && self.walk.is_c() && self.is_verbatim() {
            self.pass(segment, end)?;
        }
        while self.done < end && self.has_room()? {
            let n = (end - self.done).min((self.piece() / item).max(1));
            self.buf.resize((n * item) as usize, 0);
            if segment.itemsize() > 0 {
                self.walk.copy(segment, self.done, &mut self.buf)?;
            }
            self.give(segment.dtype())?;
            self.done += n;
        }
        if self.done < self.count {
            return Ok(self.done > begin);
        }
        self.complete = match &mut self.sink {
            Sink::Hdf5(dataset) => dataset.complete(segment)?,
            Sink::Npy(_) | Sink::Csv(..) => true,
        };
        Ok(self.done > begin || self.complete)
    }

    /// Whether the bytes of the segment are those of the file.
    fn is_verbatim(&self) -> bool {
        match &self.sink {
            Sink::Hdf5(dataset) => dataset.is_verbatim(),
            Sink::Npy(_) => true,
            Sink::Csv(..) => false,
        }
    }

    fn has_room(&mut self) -> Result<bool> {
        if let Sink::Hdf5(dataset) = &mut self.sink { dataset.tend() } else { Ok(true) }
    }

    /// Bytes that are copied at a time.
    fn piece(&self) -> u64 {
        let most = if let Sink::Hdf5(dataset) = &self.sink { dataset.most() } else { None };
        most.unwrap_or(u64::MAX).min(self.walk.piece(PIECE as u64, STEP))
    }

    /// Has the kernel copy the elements up to `end` straight out of the segment.
    fn pass(&mut self, segment: &Segment, end: u64) -> Result<()> {
        let item = segment.itemsize() as usize;
        let (from, len) = (self.done as usize * item, (end - self.done) as usize * item);
        if from.checked_add(len).is_none_or(|end| end > segment.data_len()) {
            return Err(Error::Argument.into());
        }
        for begin in (from..from + len).step_by(PIECE) {
            let (data, len) =
                (segment.data_ptr().wrapping_add(begin), PIECE.min(from + len - begin));
            // The kernel would meet one page after the other that is not mapped.
            sys::map_ahead(data, len);
            match &mut self.sink {
                // SAFETY: so many bytes from there on are in the segment's mapping.
                Sink::Hdf5(dataset) => unsafe { dataset.add_shared(data, len) }?,
                // SAFETY: as above.
                Sink::Npy(output) => unsafe { output.write_shared(data, len) }?,
                Sink::Csv(..) => return Err(Error::Argument.into()),
            }
        }
        self.done = end;
        Ok(())
    }

    /// Writes the elements in the buffer.
    fn give(&mut self, dtype: DType<'_>) -> Result<()> {
        match &mut self.sink {
            Sink::Hdf5(dataset) => {
                value::to_utf8(dtype, &mut self.buf, self.done)?;
                dataset.add(&self.buf)?;
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
            Sink::Hdf5(dataset) => dataset.close(segment),
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

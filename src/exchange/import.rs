//! A file's array on its way to a segment.

#![allow(unsafe_code)]

use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::boxed::Box;
use std::path::Path;
use std::vec::Vec;

use super::crew::Crew;
use super::error::{ExchangeError, Result};
use super::source::{Flat, Found, Measuring, Source, Way};
use super::{PIECE, STEP};
use crate::dtype::DType;
use crate::error::Error;
use crate::hdf5::{Made, Stored};
use crate::load::{Canceller, Progress, SegmentOptions};
use crate::pool::default_workers;
use crate::segment::{Draft, Growable, Name, Segment, Spec};
use crate::sys::{self, Epoll};

/// How long a step of [`import`] waits for workers before the caller's flag is looked at.
const TICK: Duration = Duration::from_millis(100);

/// How an import is done.
#[derive(Debug, Clone, Default)]
pub struct ImportOptions {
    /// How the segment is made.
    pub segment: SegmentOptions,
    /// Processes that unpack chunks; none for as many as there are processors.
    pub workers: Option<usize>,
}

impl From<SegmentOptions> for ImportOptions {
    fn from(segment: SegmentOptions) -> Self {
        Self { segment, workers: None }
    }
}

impl From<&SegmentOptions> for ImportOptions {
    fn from(segment: &SegmentOptions) -> Self {
        segment.clone().into()
    }
}

/// Makes a segment of a `.npy` file, or of a dataset of an HDF5 file, and publishes it: an
/// [`ImportJob`] from its start to its end, which `cancel` stops.
///
/// # Errors
/// [`ExchangeError`]; then there is no segment.
pub fn import<'n>(
    file: &Path,
    dataset: Option<&str>,
    name: impl Into<Option<&'n Name>>,
    options: impl Into<ImportOptions>,
    cancel: &AtomicBool,
) -> Result<Segment> {
    let mut job = ImportJob::start(file, dataset, name, options)?;
    loop {
        if cancel.load(Ordering::Relaxed) {
            return Err(ExchangeError::Cancelled);
        }
        if job.step(TICK)?.done {
            return job.finish();
        }
    }
}

/// An array on its way from a file to a segment. Dropping it leaves nothing.
///
/// HDF5 is entered by the thread that starts, steps, finishes or drops the job, and locked
/// for each entry alone.
#[derive(Debug)]
pub struct ImportJob {
    /// None after an error.
    stage: Option<Stage>,
    plan: Plan,
    canceller: Canceller,
    /// See [`raw_fd`](Self::raw_fd).
    ready: Epoll,
    progress: Progress,
    /// The process that it belongs to.
    owner: u32,
}

/// What is under way.
#[derive(Debug)]
enum Stage {
    /// How long texts are is found out, which says what the segment is.
    Measuring(Box<Measuring>),
    Copying(Box<Work>),
}

/// How the segment is to be made.
#[derive(Debug)]
struct Plan {
    name: Option<Name>,
    segment: SegmentOptions,
    workers: usize,
}

#[derive(Debug)]
struct Work {
    // Its workers end before the segment that they fill.
    crew: Option<Crew>,
    source: Source,
    sink: Sink,
    buf: Vec<u8>,
}

/// The segment in the making.
#[derive(Debug)]
enum Sink {
    /// Written from its beginning to its end, which needs no page to be cleared before.
    Growing(Growable),
    /// Of one piece from the beginning.
    Whole(Draft),
}

impl ImportJob {
    /// Looks at the file and begins the segment; without a name, an anonymous one. An HDF5
    /// file that has only one dataset needs no name for it. Strings of variable length are
    /// all read by the first steps, and the segment begins when the longest is known.
    ///
    /// # Errors
    /// [`ExchangeError`].
    pub fn start<'n>(
        file: &Path,
        dataset: Option<&str>,
        name: impl Into<Option<&'n Name>>,
        options: impl Into<ImportOptions>,
    ) -> Result<Self> {
        let ImportOptions { segment, workers } = options.into();
        let workers = workers.unwrap_or_else(default_workers);
        let plan = Plan { name: name.into().copied(), segment, workers };
        let found = Source::open(file, dataset, true)?;
        let (canceller, ready) = (Canceller::new()?, Epoll::new()?);
        ready.add(canceller.bell().raw(), 0)?;
        let progress = Progress { inputs_total: 1, pass: 1, ..Progress::default() };
        let owner = sys::lineage();
        let mut job = Self { stage: None, plan, canceller, ready, progress, owner };
        match found {
            Found::Array(source) => job.copy(source)?,
            Found::Texts(texts) => {
                job.progress.bytes_total = texts.progress().1;
                job.canceller.bell().ring();
                job.stage = Some(Stage::Measuring(texts));
            }
        }
        Ok(job)
    }

    /// Begins the segment.
    fn copy(&mut self, source: Source) -> Result<()> {
        let Plan { name, segment, workers } = &self.plan;
        let sink = Sink::create(&source, name.as_ref(), segment)?;
        let crew = sink.crew(&source, *workers)?;
        match crew.as_ref().filter(|crew| crew.is_forked()) {
            Some(crew) => {
                self.ready.add(crew.raw_fd(), 1)?;
                crew.watch(self.canceller.bell().raw())?;
            }
            // Steps never wait, so whoever polls shall step at once, until the end.
            None => self.canceller.bell().ring(),
        }
        (self.progress.bytes_done, self.progress.bytes_total) = (0, source.len);
        self.stage = Some(Stage::Copying(Work { crew, source, sink, buf: Vec::new() }.into()));
        Ok(())
    }

    /// Copies some MiB, or a row of chunks, and waits for nothing but the disk. Where workers
    /// unpack chunks, it waits for one of them, no longer than `timeout`.
    ///
    /// # Errors
    /// [`ExchangeError`]; the job is over then, and nothing is left of it. A step after
    /// that, or in a forked child, is [`Error::Argument`].
    pub fn step(&mut self, timeout: Duration) -> Result<Progress> {
        if self.owner != sys::lineage() {
            return Err(Error::Argument.into());
        }
        let stage = self.stage.take().ok_or(Error::Argument)?;
        if self.canceller.is_cancelled() {
            return Err(ExchangeError::Cancelled);
        }
        match stage {
            Stage::Measuring(texts) => self.measure(texts)?,
            Stage::Copying(mut work) => {
                if !self.progress.done {
                    self.progress.bytes_done = work.advance(self.progress.bytes_done, timeout)?;
                    if self.canceller.is_cancelled() {
                        return Err(ExchangeError::Cancelled);
                    }
                    self.note(work.rows());
                }
                self.stage = Some(Stage::Copying(work));
            }
        }
        Ok(self.progress)
    }

    /// Looks at some more texts, and begins the segment behind the last of them.
    fn measure(&mut self, mut texts: Box<Measuring>) -> Result<()> {
        if texts.step()? {
            self.progress.pass += 1;
            return self.copy(texts.array()?);
        }
        self.progress.bytes_done = texts.progress().0;
        self.stage = Some(Stage::Measuring(texts));
        Ok(())
    }

    fn note(&mut self, rows: u64) {
        let progress = &mut self.progress;
        progress.done = progress.bytes_done >= progress.bytes_total;
        progress.inputs_done = usize::from(progress.done);
        progress.rows = if progress.done { rows } else { progress.rows };
        if progress.done {
            // Whoever polls shall learn of it.
            self.canceller.bell().ring();
        }
    }

    /// How far it is.
    #[must_use]
    pub const fn progress(&self) -> Progress {
        self.progress
    }

    /// The dtype of the elements; none after an error, and as long as texts are measured.
    #[must_use]
    pub fn dtype(&self) -> Option<DType<'_>> {
        self.source().map(|source| source.dtype.as_dtype())
    }

    /// The extents; none where there is no dtype.
    #[must_use]
    pub fn shape(&self) -> Option<&[u64]> {
        self.source().map(|source| source.shape.as_slice())
    }

    fn source(&self) -> Option<&Source> {
        match self.stage.as_ref()? {
            Stage::Measuring(_) => None,
            Stage::Copying(work) => Some(&work.source),
        }
    }

    /// A descriptor that can be read when a step has something to do: always, but where
    /// workers unpack chunks. It stays the same for the job's life.
    #[must_use]
    pub const fn raw_fd(&self) -> i32 {
        self.ready.raw()
    }

    /// A handle that stops the job.
    #[must_use]
    pub fn canceller(&self) -> Canceller {
        self.canceller.clone()
    }

    /// Steps until everything is copied, and publishes the segment.
    ///
    /// # Errors
    /// [`ExchangeError`]; then there is no segment.
    pub fn finish(mut self) -> Result<Segment> {
        while !self.step(TICK)?.done {}
        let Some(Stage::Copying(work)) = self.stage.take() else {
            return Err(Error::Argument.into());
        };
        let Work { crew, source, sink, .. } = *work;
        source.check()?;
        // Workers have the segment mapped, and would keep it from being sealed.
        drop(crew);
        let draft = match sink {
            Sink::Whole(draft) => draft,
            Sink::Growing(growable) => {
                growable.finish(source.shape.first().copied().unwrap_or(0))?
            }
        };
        Ok(draft.publish().map_err(Error::from)?)
    }
}

impl Sink {
    fn create(source: &Source, name: Option<&Name>, made: &SegmentOptions) -> Result<Self> {
        let SegmentOptions { policy, mode, via, ref metadata, .. } = *made;
        let dtype = source.dtype.as_dtype();
        let spec = Spec { metadata, policy, mode, via, ..Spec::new(dtype, &source.shape) };
        let spec = Spec { strides: source.strides.as_deref(), ..spec };
        let mut open = source.shape.clone();
        let grows =
            matches!(source.way, Way::Flat { .. } | Way::Made(_)) && source.strides.is_none();
        match open.first_mut() {
            Some(rows) if grows => *rows = 0,
            _ => {
                return Ok(Self::Whole(match name {
                    Some(name) => Draft::create(name, &spec),
                    None => Draft::create_anonymous(&spec),
                }?));
            }
        }
        let spec = Spec { shape: &open, ..spec };
        let growable = match name {
            Some(name) => Draft::create_growable(name, &spec),
            None => Draft::create_growable_anonymous(&spec),
        }?;
        growable.check_room(source.len)?;
        Ok(Self::Growing(growable))
    }

    /// Those who unpack the chunks of a source that has some.
    fn crew(&self, source: &Source, workers: usize) -> Result<Option<Crew>> {
        let (Way::Packed(packed), Self::Whole(draft)) = (&source.way, self) else {
            return Ok(None);
        };
        if packed.tiles.block_bytes() > draft.data_len() {
            return Err(Error::Argument.into());
        }
        // SAFETY: the draft has room for the array. It is shared memory, and dropped or
        // published after the crew is gone.
        unsafe { Crew::start(packed.clone(), draft.data_ptr(), workers) }.map(Some)
    }

    /// Writes bytes of the array to their place.
    fn write(&mut self, bytes: &[u8], at: u64) -> Result<()> {
        match self {
            // SAFETY: the slice is readable for its length.
            Self::Growing(to) => unsafe { to.write_at(at, bytes.as_ptr(), bytes.len()) }?,
            // SAFETY: as above.
            Self::Whole(to) => unsafe { to.write_at(at, bytes.as_ptr(), bytes.len()) }?,
        }
        Ok(())
    }
}

impl Work {
    /// Rows of the array.
    fn rows(&self) -> u64 {
        self.source.shape.first().copied().unwrap_or(1)
    }

    /// Goes on from a byte of the array; up to which one it came.
    fn advance(&mut self, from: u64, timeout: Duration) -> Result<u64> {
        let Self { crew, source, sink, buf } = self;
        match &mut source.way {
            Way::Flat { file, offset } => {
                let item = source.dtype.as_dtype().itemsize();
                flat(Flow { file, offset: *offset, len: source.len, item }, sink, buf, from)
            }
            Way::Packed(_) => match crew {
                Some(crew) => crew.step(timeout),
                None => Err(Error::Argument.into()),
            },
            Way::Made(made) => some_made(made, sink, buf, source.len, from),
            Way::Rows { stored, step } => rows(stored, *step, sink, source.len, from),
        }
    }
}

/// What bytes are copied.
#[derive(Clone, Copy)]
struct Flow<'a> {
    file: &'a Flat,
    offset: u64,
    len: u64,
    item: u32,
}

fn flat(flow: Flow<'_>, sink: &mut Sink, buf: &mut Vec<u8>, from: u64) -> Result<u64> {
    let changed = flow.file.changed();
    let item = (flow.item as usize).max(1);
    // Whole elements, if they are changed on the way.
    let piece = if changed.is_some() { (PIECE / item).max(1) * item } else { PIECE };
    let (mut at, end) = (from, from.saturating_add(STEP).min(flow.len));
    while at < end {
        let n = (flow.len - at).min(piece as u64) as usize;
        buf.resize(n, 0);
        flow.file.read(buf, flow.offset + at)?;
        if let Some(stored) = changed {
            stored.change(buf, at / item as u64)?;
        }
        sink.write(buf, at)?;
        at += n as u64;
    }
    Ok(at)
}

/// Makes some rows.
fn some_made(
    made: &mut Made,
    sink: &mut Sink,
    buf: &mut Vec<u8>,
    len: u64,
    from: u64,
) -> Result<u64> {
    let row = made.row().max(1) as u64;
    let rows = (STEP / row).max(1).min((len - from).div_ceil(row));
    buf.resize((rows * row) as usize, 0);
    made.read(from / row, buf)?;
    sink.write(buf, from)?;
    Ok(from + rows * row)
}

/// Has HDF5 unpack some rows to where they are to lie.
fn rows(stored: &Stored, step: u64, sink: &mut Sink, len: u64, from: u64) -> Result<u64> {
    let Sink::Whole(draft) = sink else { return Err(Error::Argument.into()) };
    let extents = stored.extents();
    let all = extents.first().copied().unwrap_or(1).max(1);
    let row_len = len / all;
    let first = from / row_len.max(1);
    let count = step.min(all - first.min(all));
    let (start, end) = (first * row_len, (first + count) * row_len);
    let item = u64::from(stored.dtype().itemsize()).max(1);
    let into = draft.data_mut().get_mut(start as usize..end as usize).ok_or(Error::Argument)?;
    // SAFETY: the slice has room for so many rows, and nobody else has the draft.
    unsafe { stored.read_rows(first, count, into.as_mut_ptr()) }?;
    if stored.needs_change() {
        stored.change(into, start / item)?;
    }
    Ok(end)
}

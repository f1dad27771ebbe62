//! The sink that makes a segment of the rows.
//!
//! Workers parse into the ring, and the parent moves the rows to the segment
//! with `pwrite`: measured against touching the segment's fresh pages from all
//! workers, this is faster, zeroes nothing, and a full /dev/shm is an error
//! return instead of a SIGBUS (`docs/performance.md`).

#![allow(unsafe_code)]

use core::sync::atomic::AtomicBool;
use core::time::Duration;
use std::boxed::Box;
use std::vec::Vec;

use super::auto::RowTypeRef;
use super::cancel::Canceller;
use super::error::{LoadError, Result};
use super::gather::Gather;
use super::input::Input;
use super::job::{Done, Job};
use super::options::Options;
use super::progress::Progress;
use super::report::Report;
use super::sink::{Block, Sink, SinkError};
use crate::dtype::DType;
use crate::dtype_buf::DTypeBuf;
use crate::error::Error;
use crate::segment::{Draft, Growable, Name, Policy, Segment, Spec, Via};
use crate::text::Unicode;

/// How the segment is made.
#[derive(Debug, Clone)]
pub struct SegmentOptions {
    /// When its name goes.
    pub policy: Policy,
    /// Permission bits.
    pub mode: u32,
    /// How it gets its name.
    pub via: Via,
    /// Bytes of the creator's own: units, labels, attributes.
    pub metadata: Vec<u8>,
    /// Without a name: it is not anonymous, but gets a name that follows from its uuid when
    /// it is published. See [`Draft::create_late`].
    pub late: bool,
    /// With `late`: as [`Spec::fallback`].
    pub fallback: bool,
}

impl Default for SegmentOptions {
    /// A segment that stays until somebody removes it, for its owner alone.
    fn default() -> Self {
        Self {
            policy: Policy::Persist,
            mode: 0o600,
            via: Via::Auto,
            metadata: Vec::new(),
            late: false,
            fallback: false,
        }
    }
}

/// Reads all rows of all inputs into one segment, and publishes it. Without a
/// name it is anonymous; `segment.policy` says so, too.
///
/// # Errors
/// [`LoadError`]; then there is no segment.
pub fn load_segment<'n, 't, I: Into<Input>>(
    inputs: impl IntoIterator<Item = I>,
    name: impl Into<Option<&'n Name>>,
    rows: impl Into<RowTypeRef<'t>>,
    options: &Options,
    segment: SegmentOptions,
    cancel: &AtomicBool,
) -> Result<Segment> {
    load_segment_reporting(inputs, name, rows, options, segment, cancel).map(|(made, _)| made)
}

/// [`load_segment`] that also tells which rows were left out.
///
/// # Errors
/// [`LoadError`]; then there is no segment.
pub fn load_segment_reporting<'n, 't, I: Into<Input>>(
    inputs: impl IntoIterator<Item = I>,
    name: impl Into<Option<&'n Name>>,
    rows: impl Into<RowTypeRef<'t>>,
    options: &Options,
    segment: SegmentOptions,
    cancel: &AtomicBool,
) -> Result<(Segment, Report)> {
    let open = SegmentSink::maker(name.into(), segment);
    let job = Job::start_watching(inputs, rows, Unicode::Ucs4, options, Some(cancel), open);
    let Done { sink, rows, report, .. } =
        job.and_then(|job| job.run(Some(cancel))).map_err(unboxed)?;
    Ok((publish((sink, rows)).map_err(unboxed)?, report))
}

/// Text on its way to a segment: a [`Job`] whose end is a published segment, or a draft.
#[derive(Debug)]
pub struct SegmentJob {
    job: Job<SegmentSink>,
    late: bool,
}

impl SegmentJob {
    /// As [`Job::start`]. Without a name the segment is anonymous.
    ///
    /// # Errors
    /// [`LoadError`].
    pub fn start<'n, 't, I: Into<Input>>(
        inputs: impl IntoIterator<Item = I>,
        name: impl Into<Option<&'n Name>>,
        rows: impl Into<RowTypeRef<'t>>,
        options: &Options,
        segment: SegmentOptions,
    ) -> Result<Self> {
        Self::start_watching(inputs, name, rows, options, segment, None)
    }

    /// The same, which `flag` can stop while it reads the head of a file.
    ///
    /// # Errors
    /// [`LoadError`].
    pub fn start_watching<'n, 't, I: Into<Input>>(
        inputs: impl IntoIterator<Item = I>,
        name: impl Into<Option<&'n Name>>,
        rows: impl Into<RowTypeRef<'t>>,
        options: &Options,
        segment: SegmentOptions,
        flag: Option<&AtomicBool>,
    ) -> Result<Self> {
        let (name, late) = (name.into(), segment.late);
        let open = SegmentSink::maker(name, segment);
        let job = Job::start_watching(inputs, rows, Unicode::Ucs4, options, flag, open);
        Ok(Self { job: job.map_err(unboxed)?, late: late && name.is_none() })
    }

    /// As [`Job::step`].
    ///
    /// # Errors
    /// [`LoadError`]; the job is over then.
    pub fn step(&mut self, timeout: Duration) -> Result<Progress> {
        self.job.step(timeout).map_err(unboxed)
    }

    /// How far it is.
    #[must_use]
    pub fn progress(&self) -> Progress {
        self.job.progress()
    }

    /// The rows that were left out so far.
    #[must_use]
    pub fn report(&self) -> &Report {
        self.job.report()
    }

    /// As [`Job::dtype`].
    #[must_use]
    pub fn dtype(&self) -> Option<DType<'_>> {
        self.job.dtype()
    }

    /// As [`Job::raw_fd`].
    #[must_use]
    pub const fn raw_fd(&self) -> i32 {
        self.job.raw_fd()
    }

    /// A handle that stops the job.
    #[must_use]
    pub fn canceller(&self) -> Canceller {
        self.job.canceller()
    }

    /// Steps until everything is done, and publishes the segment.
    ///
    /// # Errors
    /// [`LoadError`]; then there is no segment.
    pub fn finish(self) -> Result<Segment> {
        self.job.finish().and_then(publish).map_err(unboxed)
    }

    /// Whether its name is one that comes late.
    #[must_use]
    pub const fn is_late(&self) -> bool {
        self.late
    }

    /// Steps until everything is done. The segment can be published later, or never.
    ///
    /// # Errors
    /// [`LoadError`]; then there is no segment.
    pub fn finish_draft(self) -> Result<Draft> {
        self.job.finish().and_then(complete).map_err(unboxed)
    }
}

fn publish(read: (SegmentSink, u64)) -> Result<Segment> {
    Ok(complete(read)?.publish().map_err(Error::from)?)
}

fn complete((mut sink, rows): (SegmentSink, u64)) -> Result<Draft> {
    sink.growable().map_err(LoadError::Sink)?;
    let mut growable = sink.growable.ok_or(Error::Argument)?;
    sink.gather.flush(appending(&mut growable))?;
    Ok(growable.finish(rows)?)
}

#[derive(Debug)]
struct SegmentSink {
    name: Option<Name>,
    dtype: DTypeBuf,
    options: SegmentOptions,
    growable: Option<Growable>,
    gather: Gather,
    columns: Option<u32>,
}

impl SegmentSink {
    /// Makes a sink for each attempt.
    fn maker(
        name: Option<&Name>,
        options: SegmentOptions,
    ) -> impl FnMut(DType<'_>) -> core::result::Result<Self, SinkError> + Send + 'static {
        let name = name.copied();
        move |dtype| {
            let dtype = DTypeBuf::copy_of(dtype).map_err(boxed)?;
            let (options, gather) = (options.clone(), Gather::default());
            Ok(Self { name, dtype, options, growable: None, gather, columns: None })
        }
    }

    /// The segment in the making, begun when the first row is to come.
    fn growable(&mut self) -> core::result::Result<&mut Growable, SinkError> {
        if self.growable.is_none() {
            self.growable = Some(self.create().map_err(boxed)?);
        }
        self.growable.as_mut().ok_or_else(|| boxed(Error::Argument))
    }

    fn create(&self) -> core::result::Result<Growable, Error> {
        let dtype = self.dtype.as_dtype();
        // Without any row there is no telling the columns; NumPy says one.
        let (table, records) = ([0, u64::from(self.columns.unwrap_or(1))], [0]);
        let shape: &[u64] = if dtype.is_record() { &records } else { &table };
        let SegmentOptions { policy, mode, via, late, fallback, ref metadata } = self.options;
        let spec = Spec { metadata, policy, mode, via, fallback, ..Spec::new(dtype, shape) };
        match &self.name {
            Some(name) => Draft::create_growable(name, &spec),
            None if late => Draft::create_growable_late(&spec),
            None => Draft::create_growable_anonymous(&spec),
        }
    }
}

impl Sink for SegmentSink {
    fn begin(
        &mut self,
        _input: usize,
        columns: Option<u32>,
    ) -> core::result::Result<(), SinkError> {
        // An input without rows fits every table.
        if columns == Some(0) {
            return Ok(());
        }
        self.columns = columns;
        self.growable().map(|_| ())
    }

    fn joins_inputs(&self) -> bool {
        true
    }

    fn rows(&mut self, block: &Block) -> core::result::Result<(), SinkError> {
        if block.is_empty() {
            return Ok(());
        }
        self.growable()?;
        let Some(growable) = &mut self.growable else { return Ok(()) };
        self.gather.add(block.as_bytes(), appending(growable)).map_err(boxed)
    }

    fn end(&mut self, _input: usize, _rows: u64) -> core::result::Result<(), SinkError> {
        Ok(())
    }
}

/// How rows come to a segment.
fn appending(to: &mut Growable) -> impl FnMut(&[u8]) -> core::result::Result<(), Error> + '_ {
    // SAFETY: a slice is readable for its length.
    |bytes| unsafe { to.append(bytes.as_ptr(), bytes.len()) }
}

/// An error of the sink comes back as what it was.
fn unboxed(error: LoadError) -> LoadError {
    let own = |error: LoadError| error.of_sink().unwrap_or_else(|other| other);
    error.of_sink().map_or_else(own, LoadError::Core)
}

fn boxed(error: Error) -> SinkError {
    Box::new(error)
}

//! Long work, step by step.

use core::ffi::c_int;
use core::time::Duration;
use std::boxed::Box;
use std::sync::{Mutex, MutexGuard};

use super::args::{self, Options};
use super::error::{Fault, NDSHM_ERR_END, NDSHM_OK, ndshm_error, record, size_of_record};
use super::guard::{Failed, guard};
use super::handle::{self, Storage, borrow, is_shareable};
use crate::load::{Canceller, LoadError, Progress, Report, SegmentJob};

/// Words of storage in an `ndshm_job`.
pub const NDSHM_JOB_WORDS: usize = 7;

/// A handle: work that goes on while it is stepped. All zeros is a handle that
/// is not open, so begin with `ndshm_job j = {0};`.
#[repr(C)]
#[derive(Debug)]
pub struct ndshm_job {
    /// Says whether the handle is open.
    state: u64,
    /// The library's own.
    storage: [u64; NDSHM_JOB_WORDS],
}

// SAFETY: as it is written above.
unsafe impl Storage for ndshm_job {
    type Content = Box<Job>;
    const NAME: &'static str = "job";
}

const _: () = assert!(size_of::<ndshm_job>() == 64);
const _: () = is_shareable::<Job>();

/// What a job is about.
#[derive(Debug)]
pub(super) enum Work {
    Load(Box<SegmentJob>),
    #[cfg(feature = "hdf5")]
    Convert(Box<crate::convert::Job>),
    #[cfg(feature = "hdf5")]
    Import(Box<crate::exchange::ImportJob>),
    /// The caller keeps the segment as long as the job.
    #[cfg(feature = "hdf5")]
    Export(Box<crate::exchange::ExportJob<&'static crate::segment::Segment>>),
    #[cfg(feature = "hdf5")]
    Join(Box<crate::join::Job>),
    #[cfg(feature = "hdf5")]
    Verify(Box<crate::join::VerifyJob>),
    #[cfg(feature = "hdf5")]
    Describe(super::describe::Describing),
}

/// A job of one thread at a time, which any thread may cancel.
#[derive(Debug)]
pub(super) struct Job {
    canceller: Canceller,
    fd: c_int,
    work: Mutex<Work>,
}

impl Job {
    pub(super) fn new(work: Work) -> Self {
        let (canceller, fd) = match &work {
            Work::Load(job) => (job.canceller(), job.raw_fd()),
            #[cfg(feature = "hdf5")]
            Work::Convert(job) => (job.canceller(), job.raw_fd()),
            #[cfg(feature = "hdf5")]
            Work::Import(job) => (job.canceller(), job.raw_fd()),
            #[cfg(feature = "hdf5")]
            Work::Export(job) => (job.canceller(), job.raw_fd()),
            #[cfg(feature = "hdf5")]
            Work::Join(job) => (job.canceller(), job.raw_fd()),
            #[cfg(feature = "hdf5")]
            Work::Verify(job) => (job.canceller(), job.raw_fd()),
            #[cfg(feature = "hdf5")]
            Work::Describe(job) => (job.canceller(), job.raw_fd()),
        };
        Self { canceller, fd, work: Mutex::new(work) }
    }

    fn work(&self) -> Result<MutexGuard<'_, Work>, Fault> {
        // It is taken by another thread, or a panic has left it half done.
        self.work.try_lock().map_err(|_| Fault::NotOpen(ndshm_job::NAME))
    }

    /// Steps it to its end, if it fits: what came of that.
    fn run_if(&self, fits: impl FnOnce(&Work) -> bool) -> Result<Result<(), Failed>, Fault> {
        let mut work = self.work()?;
        if !fits(&work) {
            return Err(Fault::Range(ndshm_job::NAME));
        }
        loop {
            match work.step(TICK) {
                Ok(Progress { done: true, .. }) => return Ok(Ok(())),
                Ok(_) => {}
                Err(failed) => return Ok(Err(failed)),
            }
        }
    }

    /// The work, to be finished.
    fn into_work(self) -> Result<Work, Fault> {
        self.work.into_inner().map_err(|_| Fault::NotOpen(ndshm_job::NAME))
    }
}

/// Opens a handle for work that has begun.
///
/// # Safety
/// * `job` is aligned and can be written.
pub(super) unsafe fn open(job: *mut ndshm_job, work: Work) {
    // SAFETY: the caller's promise, passed on.
    unsafe { handle::store(job, Box::new(Job::new(work))) };
}

/// How long a step of [`take`] waits.
const TICK: Duration = Duration::from_millis(100);

/// Steps a job to its end, closes its handle and takes its work, if `fits` says that it
/// is the right one.
///
/// # Safety
/// * `job` is NULL, or a handle that no other thread uses.
pub(super) unsafe fn take(
    job: *mut ndshm_job,
    fits: impl FnOnce(&Work) -> bool,
) -> Result<Work, Failed> {
    // The handle is open as long as there is something to wait for, so that a signal
    // handler can cancel that.
    // SAFETY: the caller's promise; the reference ends with the line.
    let ended = unsafe { borrow(job.cast_const()) }?.run_if(fits)?;
    // SAFETY: the caller's promise, passed on.
    let job = unsafe { handle::take_open(job) }?;
    ended?;
    Ok(job.into_work()?)
}

impl Work {
    /// The load, which [`take`] has asked for.
    #[cfg_attr(not(feature = "hdf5"), allow(clippy::unnecessary_wraps, reason = "no other jobs"))]
    pub(super) fn into_load(self) -> Result<Box<SegmentJob>, Fault> {
        match self {
            Self::Load(job) => Ok(job),
            #[cfg(feature = "hdf5")]
            _ => Err(Fault::Range(ndshm_job::NAME)),
        }
    }

    /// The conversion, which [`take`] has asked for.
    #[cfg(feature = "hdf5")]
    pub(super) fn into_conversion(self) -> Result<Box<crate::convert::Job>, Fault> {
        match self {
            Self::Convert(job) => Ok(job),
            _ => Err(Fault::Range(ndshm_job::NAME)),
        }
    }

    /// The joining, which [`take`] has asked for.
    #[cfg(feature = "hdf5")]
    pub(super) fn into_join(self) -> Result<Box<crate::join::Job>, Fault> {
        match self {
            Self::Join(job) => Ok(job),
            _ => Err(Fault::Range(ndshm_job::NAME)),
        }
    }

    /// The verifying, which [`take`] has asked for.
    #[cfg(feature = "hdf5")]
    pub(super) fn into_verify(self) -> Result<Box<crate::join::VerifyJob>, Fault> {
        match self {
            Self::Verify(job) => Ok(job),
            _ => Err(Fault::Range(ndshm_job::NAME)),
        }
    }

    /// The description, which [`take`] has asked for.
    #[cfg(feature = "hdf5")]
    pub(super) fn into_description(self) -> Result<super::describe::Describing, Fault> {
        match self {
            Self::Describe(job) => Ok(job),
            _ => Err(Fault::Range(ndshm_job::NAME)),
        }
    }

    /// The import, which [`take`] has asked for.
    #[cfg(feature = "hdf5")]
    pub(super) fn into_import(self) -> Result<Box<crate::exchange::ImportJob>, Fault> {
        match self {
            Self::Import(job) => Ok(job),
            _ => Err(Fault::Range(ndshm_job::NAME)),
        }
    }

    /// The export, which [`take`] has asked for.
    #[cfg(feature = "hdf5")]
    pub(super) fn into_export(
        self,
    ) -> Result<Box<crate::exchange::ExportJob<&'static crate::segment::Segment>>, Fault> {
        match self {
            Self::Export(job) => Ok(job),
            _ => Err(Fault::Range(ndshm_job::NAME)),
        }
    }

    /// The rows that were left out; only text has some.
    fn report(&self) -> &Report {
        #[cfg(feature = "hdf5")]
        const NOTHING: &Report = &Report {
            bad_rows: 0,
            first: std::vec::Vec::new(),
            spooled: std::vec::Vec::new(),
            dialect: None,
        };
        match self {
            Self::Load(job) => job.report(),
            #[cfg(feature = "hdf5")]
            Self::Convert(job) => job.report(),
            #[cfg(feature = "hdf5")]
            Self::Describe(job) => job.report().unwrap_or(NOTHING),
            #[cfg(feature = "hdf5")]
            Self::Join(_) | Self::Verify(_) | Self::Import(_) | Self::Export(_) => NOTHING,
        }
    }

    fn step(&mut self, timeout: Duration) -> Result<Progress, Failed> {
        Ok(match self {
            Self::Load(job) => job.step(timeout)?,
            #[cfg(feature = "hdf5")]
            Self::Convert(job) => job.step(timeout)?,
            #[cfg(feature = "hdf5")]
            Self::Import(job) => job.step(timeout)?,
            #[cfg(feature = "hdf5")]
            Self::Export(job) => job.step(timeout)?,
            #[cfg(feature = "hdf5")]
            Self::Join(job) => job.step(timeout)?,
            #[cfg(feature = "hdf5")]
            Self::Verify(job) => job.step(timeout)?,
            #[cfg(feature = "hdf5")]
            Self::Describe(job) => job.step(timeout)?,
        })
    }
}

/// How far a job is. Set `struct_size` to `sizeof(ndshm_progress)`; the rest is
/// written by `ndshm_job_step`.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct ndshm_progress {
    /// `sizeof(ndshm_progress)`. More than this library knows is left alone.
    pub struct_size: u32,
    /// 1 if everything is done, so that finishing the job waits for nothing.
    pub done: u32,
    /// Bytes of text whose rows are written: of a compressed input, or one in
    /// UTF-16 or UTF-32, those of the UTF-8 made of it.
    pub bytes_done: u64,
    /// Bytes of all inputs; 0 if one of them is a stream, compressed, or in
    /// UTF-16 or UTF-32: how much text that is is not known before.
    pub bytes_total: u64,
    /// Rows that are written.
    pub rows: u64,
    /// Inputs that are read to their end.
    pub inputs_done: u64,
    /// Inputs.
    pub inputs_total: u64,
    /// Rows that were left out, with `NDSHM_BAD_ROWS_SKIP`.
    pub bad_rows: u64,
    /// When everything is done: bytes of temporary files in which streams were kept,
    /// because their types were found by reading them more than once.
    pub bytes_kept: u64,
}

// SAFETY: `repr(C)`, the size first; integers, which may be zero.
unsafe impl Options for ndshm_progress {
    const NAME: &'static str = "ndshm_progress";
    const MIN_SIZE: usize = size_of::<Self>();
}

impl ndshm_progress {
    fn of(progress: &Progress, report: &Report) -> Self {
        Self {
            struct_size: size_of::<Self>() as u32,
            done: progress.done as u32,
            bytes_done: progress.bytes_done,
            bytes_total: progress.bytes_total,
            rows: progress.rows,
            inputs_done: progress.inputs_done as u64,
            inputs_total: progress.inputs_total as u64,
            bad_rows: report.bad_rows,
            bytes_kept: report.spooled.iter().map(|kept| kept.bytes).sum(),
        }
    }
}

/// Goes on with a job: does what can be done now, then waits for something to
/// happen, at most `timeout_ms`, and does what that makes possible. 0 never
/// waits. It may return earlier; a step takes longer where the disk, or a reader
/// of the caller's, does. `progress` may be NULL.
///
/// Returns what can go wrong with the work; the job is over then, nothing is
/// left of it, and the handle is still to be closed. `NDSHM_ERR_CANCELLED`;
/// `NDSHM_ERR_HANDLE` also while another thread is stepping it.
///
/// # Safety
/// * `job` is NULL, or a handle that nobody closes meanwhile.
/// * `progress` is NULL, or its `struct_size` is set.
/// * `error` is NULL, or its `struct_size` is set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndshm_job_step(
    job: *mut ndshm_job,
    timeout_ms: u32,
    progress: *mut ndshm_progress,
    error: *mut ndshm_error,
) -> i32 {
    let call = || {
        // SAFETY: the caller's promise.
        let room = if progress.is_null() { 0 } else { unsafe { args::room(progress) }? };
        // SAFETY: the caller's promise.
        let mut work = unsafe { borrow(job.cast_const()) }?.work()?;
        let now = work.step(Duration::from_millis(timeout_ms.into()))?;
        if room != 0 {
            // SAFETY: the caller's promise; the size was checked.
            unsafe { args::fill(progress, room, &ndshm_progress::of(&now, work.report())) };
        }
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard(error, call) }
}

/// Tells of one of the first ten rows that a job has left out, number `index`, in
/// the order of the inputs: `row` gets what the error would have been. Ask before
/// the job is finished.
///
/// Returns `NDSHM_ERR_END` if there are not so many; `NDSHM_ERR_ARGUMENT`,
/// `NDSHM_ERR_HANDLE`. Only with `NDSHM_OK` anything is written.
///
/// # Safety
/// * `job` is NULL, or a handle that nobody closes meanwhile.
/// * `row` is NULL, or its `struct_size` is set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndshm_job_bad_row(
    job: *const ndshm_job,
    index: u32,
    row: *mut ndshm_error,
) -> i32 {
    let call = || {
        // SAFETY: the caller's promise.
        let size = unsafe { size_of_record(row) }.filter(|&size| size > 0);
        let size = size.ok_or(Fault::Range("row"))?;
        // SAFETY: the caller's promise.
        let work = unsafe { borrow(job) }?.work()?;
        let bad = work.report().first.get(index as usize).ok_or(Fault::Stopped(NDSHM_ERR_END))?;
        let bad = LoadError::Text(Box::new(bad.clone()));
        // SAFETY: the caller's promise; the size is what the record said.
        unsafe { record(row, size, &bad) };
        Ok(())
    };
    // SAFETY: there is no record.
    unsafe { guard(core::ptr::null_mut(), call) }
}

/// A descriptor for `poll`, `epoll` and event loops: it can be read when a step
/// has something to do, and when the job is over. It belongs to the job and stays
/// the same. -1 if the handle is not open. It tells nothing of a reader that
/// answered `-EAGAIN`: then step from time to time, too.
///
/// # Safety
/// * `job` is NULL, or a handle that nobody closes meanwhile.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndshm_job_fd(job: *const ndshm_job) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { borrow(job) }.map_or(-1, |job| job.fd)
}

/// Asks a job to stop: its next step, or the one that is waiting just now,
/// returns `NDSHM_ERR_CANCELLED`. May be called from a signal handler, at any
/// time, and from any thread. Does nothing if the handle is not open.
///
/// # Safety
/// * `job` is NULL, or a handle that no other thread closes meanwhile, as finishing
///   does, too: who cancels from another thread steps the job to its end before.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndshm_job_cancel(job: *const ndshm_job) {
    // SAFETY: the caller's promise.
    if let Ok(job) = unsafe { borrow(job) } {
        job.canceller.cancel();
    }
}

/// Closes a job, finished or not: its workers are ended, and of work that is not
/// finished nothing is left. NULL and a handle that never was open are fine; one
/// that is closed already is `NDSHM_ERR_HANDLE`.
///
/// # Safety
/// * `job` is NULL, or a handle that no other thread uses.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndshm_job_discard(job: *mut ndshm_job) -> i32 {
    if job.is_null() {
        return NDSHM_OK;
    }
    // SAFETY: the caller's promise.
    let call = || Ok(unsafe { handle::take(job) }.map(drop)?);
    // SAFETY: there is no record.
    unsafe { guard(core::ptr::null_mut(), call) }
}

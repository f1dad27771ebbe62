//! Text to a segment.

use core::ffi::c_char;

use super::args;
use super::error::ndshm_error;
use super::guard::{Failed, guard};
use super::handle::{self, Handle, ndshm_segment};
use super::job::{self, Work, ndshm_job};
use super::reading::{Reading, ndshm_text_options};
use super::segment::ndshm_create_options;
use super::text::{self, ndshm_input};
use crate::load::SegmentJob;

/// Begins to read text tables into one segment: workers are forked, which parse
/// while the job is stepped. They end with the thread that called this.
///
/// The rows of all inputs come one after the other. With a record as dtype the
/// segment has one dimension, else two, rows and columns. Of `options`, which may
/// be NULL, policy, mode, via, metadata and naming count; dtype, shape and strides are
/// not set. `name` is NULL for `NDSHM_POLICY_ANONYMOUS` and a name that comes late.
///
/// Returns `NDSHM_ERR_INPUT`, `NDSHM_ERR_DTYPE`, `NDSHM_ERR_NOT_TEXT`,
/// `NDSHM_ERR_MEMORY`, `NDSHM_ERR_NAME`, `NDSHM_ERR_ARGUMENT`, `NDSHM_ERR_OS`.
/// That the name is taken is said when the first row is there.
///
/// # Safety
/// * `inputs` leads to `inputs_len` inputs; they, `text`, `name`, `options` and
///   what they lead to stay as they are during the call.
/// * `job` can be written. What was in it is forgotten, not closed.
/// * `error` is NULL, or its `struct_size` is set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndshm_load_start(
    inputs: *const ndshm_input,
    inputs_len: usize,
    text: *const ndshm_text_options,
    name: *const c_char,
    options: *const ndshm_create_options,
    job: *mut ndshm_job,
    error: *mut ndshm_error,
) -> i32 {
    let call = || {
        let out = args::output(job, "job")?;
        // SAFETY: the caller's promise.
        let work = unsafe { start(inputs, inputs_len, text, name, options) }?;
        // SAFETY: the caller's promise; it is aligned.
        unsafe { job::open(out, Work::Load(work.into())) };
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard(error, call) }
}

/// Steps a load until everything is done, publishes the segment, and closes the
/// job, also if that fails. The segment is open for writing. If its name comes late
/// (`NDSHM_NAMING_LATE`), it is a draft, to be published when somebody is to attach it.
///
/// Returns what can go wrong with the text and with a new segment:
/// `NDSHM_ERR_TEXT` with the place, `NDSHM_ERR_INPUT`, `NDSHM_ERR_COLUMNS`,
/// `NDSHM_ERR_EMPTY`, `NDSHM_ERR_MEMORY`, `NDSHM_ERR_WORKERS`,
/// `NDSHM_ERR_CANCELLED`, `NDSHM_ERR_EXISTS`, `NDSHM_ERR_NO_SPACE`,
/// `NDSHM_ERR_PERMISSION`, `NDSHM_ERR_OS`.
///
/// # Safety
/// * `job` is NULL, or a handle that no other thread uses.
/// * `segment` can be written. What was in it is forgotten, not detached.
/// * `error` is NULL, or its `struct_size` is set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndshm_load_finish(
    job: *mut ndshm_job,
    segment: *mut ndshm_segment,
    error: *mut ndshm_error,
) -> i32 {
    let call = || {
        let out = args::output(segment, "segment")?;
        // SAFETY: the caller's promise.
        let work = unsafe { job::take(job, |work| matches!(work, Work::Load(_))) }?;
        let made = finish(*work.into_load()?)?;
        // SAFETY: the caller's promise; it is aligned.
        unsafe { handle::store(out, made) };
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard(error, call) }
}

/// Reads text tables into one segment: `ndshm_load_start` and
/// `ndshm_load_finish` in one call.
///
/// # Safety
/// * As for both.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndshm_load(
    inputs: *const ndshm_input,
    inputs_len: usize,
    text: *const ndshm_text_options,
    name: *const c_char,
    options: *const ndshm_create_options,
    segment: *mut ndshm_segment,
    error: *mut ndshm_error,
) -> i32 {
    let call = || {
        let out = args::output(segment, "segment")?;
        // SAFETY: the caller's promise.
        let made = finish(unsafe { start(inputs, inputs_len, text, name, options) }?)?;
        // SAFETY: the caller's promise; it is aligned.
        unsafe { handle::store(out, made) };
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard(error, call) }
}

/// What a load ends in.
fn finish(job: SegmentJob) -> Result<Handle, Failed> {
    let late = job.is_late();
    Ok(if late { Handle::Draft(job.finish_draft()?) } else { Handle::Segment(job.finish()?) })
}

/// # Safety
/// * As for [`ndshm_load_start`].
unsafe fn start(
    inputs: *const ndshm_input,
    inputs_len: usize,
    text: *const ndshm_text_options,
    name: *const c_char,
    options: *const ndshm_create_options,
) -> Result<SegmentJob, Failed> {
    // SAFETY: the caller's promise.
    let reading = unsafe { ndshm_text_options::reading(text) }?;
    // SAFETY: the caller's promise.
    let (name, segment) = unsafe { ndshm_create_options::of_load(name, options) }?;
    // SAFETY: the caller's promise.
    let inputs = unsafe { text::inputs(inputs, inputs_len) }?;
    let Reading { rows, options } = &reading;
    Ok(SegmentJob::start(inputs, name.as_ref(), rows, options, segment)?)
}

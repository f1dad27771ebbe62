//! Text to an HDF5 file.

use core::ffi::c_char;
use std::string::String;

use super::args::{self, Options};
use super::error::{Failure, Fault, Place, RowFault, ndshm_error};
use super::guard::{Failed, guard};
use super::job::{self, Work, ndshm_job};
use super::reading::ndshm_text_options;
use super::text::{self, ndshm_input};
use crate::convert::{self, Arrange, ConvertError, Job, Summary};
use crate::hdf5;

impl Failure for ConvertError {
    fn code(&self) -> i32 {
        Self::code(self)
    }

    fn errno(&self) -> i32 {
        Self::errno(self)
    }

    fn place(&self) -> Place {
        Place::of(self.position())
    }

    fn row_fault(&self) -> RowFault<'_> {
        match self {
            Self::Load(error) => error.row_fault(),
            _ => RowFault::NONE,
        }
    }
}

/// How the file is written. All zeros: a new file, a dataset for each input.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct ndshm_hdf5_options {
    /// `sizeof(ndshm_hdf5_options)`.
    pub struct_size: u32,
    /// 1 to replace a file that is there, which stays until the new one is
    /// complete.
    pub replace: u32,
    /// 1 to wait until the disk has it all.
    pub sync: u32,
    /// 1 to write `?` as `u1` instead of an enumeration.
    pub bool_as_u8: u32,
    /// Name of the one dataset that takes the rows of all inputs; NULL for a
    /// dataset for each, named after its file.
    pub dataset: *const c_char,
}

// SAFETY: `repr(C)`, the size first; integers and a pointer, which may be zero.
unsafe impl Options for ndshm_hdf5_options {
    const NAME: &'static str = "ndshm_hdf5_options";
    const MIN_SIZE: usize = size_of::<Self>();
}

impl ndshm_hdf5_options {
    fn file(&self) -> Result<hdf5::Options, Fault> {
        let flag = |value: u32, what| match value {
            0 | 1 => Ok(value == 1),
            _ => Err(Fault::Range(what)),
        };
        Ok(hdf5::Options {
            force: flag(self.replace, "options->replace")?,
            sync: flag(self.sync, "options->sync")?,
            bool_as_u8: flag(self.bool_as_u8, "options->bool_as_u8")?,
            storage: hdf5::Storage::default(),
        })
    }

    /// # Safety
    /// * `dataset` is NULL, or text.
    unsafe fn dataset(&self) -> Result<Option<String>, Fault> {
        if self.dataset.is_null() {
            return Ok(None);
        }
        // SAFETY: the caller's promise, passed on.
        let name = unsafe { args::text(self.dataset, "options->dataset") }?;
        Ok(Some(name.into()))
    }
}

/// What a conversion made. Set `struct_size` to `sizeof(ndshm_conversion)`; the
/// rest is written.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct ndshm_conversion {
    /// `sizeof(ndshm_conversion)`. More than this library knows is left alone.
    pub struct_size: u32,
    /// 0.
    pub reserved: u32,
    /// Rows of all datasets.
    pub rows: u64,
    /// Datasets.
    pub datasets: u64,
    /// Bytes of the file.
    pub bytes: u64,
}

// SAFETY: `repr(C)`, the size first; integers, which may be zero.
unsafe impl Options for ndshm_conversion {
    const NAME: &'static str = "ndshm_conversion";
    const MIN_SIZE: usize = size_of::<Self>();
}

impl ndshm_conversion {
    const fn of(summary: &Summary) -> Self {
        Self {
            struct_size: size_of::<Self>() as u32,
            reserved: 0,
            rows: summary.rows,
            datasets: summary.datasets.len() as u64,
            bytes: summary.bytes,
        }
    }
}

/// Begins to convert text tables to one HDF5 file: workers are forked, which
/// parse while the job is stepped. They end with the thread that called this.
/// The file `output` appears when it is complete; after an error, or when the job
/// is discarded, everything is as it was before. `options` may be NULL.
///
/// HDF5 is entered by the thread that starts, steps, finishes or discards the job.
/// A program that uses HDF5 itself in other threads needs a thread-safe build of
/// it, or has to keep them apart.
///
/// Returns `NDSHM_ERR_FILE_EXISTS`, `NDSHM_ERR_FILE`, `NDSHM_ERR_DATASET_NAME`,
/// `NDSHM_ERR_HDF5_TYPE`, `NDSHM_ERR_HDF5`, and as `ndshm_load_start`.
///
/// # Safety
/// * `inputs` leads to `inputs_len` inputs; they, `text`, `output`, `options` and
///   what they lead to stay as they are during the call.
/// * `job` can be written. What was in it is forgotten, not closed.
/// * `error` is NULL, or its `struct_size` is set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndshm_convert_start(
    inputs: *const ndshm_input,
    inputs_len: usize,
    text: *const ndshm_text_options,
    output: *const c_char,
    options: *const ndshm_hdf5_options,
    job: *mut ndshm_job,
    error: *mut ndshm_error,
) -> i32 {
    let call = || {
        let out = args::output(job, "job")?;
        // SAFETY: the caller's promise.
        let work = unsafe { start(inputs, inputs_len, text, output, options) }?;
        // SAFETY: the caller's promise; it is aligned.
        unsafe { job::open(out, Work::Convert(work.into())) };
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard(error, call) }
}

/// Steps a conversion until everything is done, completes the file and gives it
/// its name, and closes the job, also if that fails. `made` may be NULL.
///
/// Returns what can go wrong with the text, see `ndshm_load_finish`, and with the
/// file: `NDSHM_ERR_DISK_FULL`, `NDSHM_ERR_FILE`, `NDSHM_ERR_HDF5`.
///
/// # Safety
/// * `job` is NULL, or a handle that no other thread uses.
/// * `made` is NULL, or its `struct_size` is set.
/// * `error` is NULL, or its `struct_size` is set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndshm_convert_finish(
    job: *mut ndshm_job,
    made: *mut ndshm_conversion,
    error: *mut ndshm_error,
) -> i32 {
    let call = || {
        // SAFETY: the caller's promise.
        let room = unsafe { room(made) }?;
        // SAFETY: the caller's promise.
        let work = unsafe { job::take(job, |work| matches!(work, Work::Convert(_))) }?;
        let summary = work.into_conversion()?.finish()?;
        // SAFETY: the caller's promise; the size was checked.
        unsafe { fill(made, room, &summary) };
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard(error, call) }
}

/// Converts text tables to one HDF5 file: `ndshm_convert_start` and
/// `ndshm_convert_finish` in one call.
///
/// # Safety
/// * As for both.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndshm_convert(
    inputs: *const ndshm_input,
    inputs_len: usize,
    text: *const ndshm_text_options,
    output: *const c_char,
    options: *const ndshm_hdf5_options,
    made: *mut ndshm_conversion,
    error: *mut ndshm_error,
) -> i32 {
    let call = || {
        // SAFETY: the caller's promise.
        let room = unsafe { room(made) }?;
        // SAFETY: the caller's promise.
        let summary = unsafe { start(inputs, inputs_len, text, output, options) }?.finish()?;
        // SAFETY: the caller's promise; the size was checked.
        unsafe { fill(made, room, &summary) };
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard(error, call) }
}

/// The size that `made` says it has, 0 for NULL.
///
/// # Safety
/// * As for [`ndshm_convert_finish`].
unsafe fn room(made: *mut ndshm_conversion) -> Result<usize, Fault> {
    // SAFETY: the caller's promise.
    if made.is_null() { Ok(0) } else { unsafe { args::room(made) } }
}

/// # Safety
/// * `made` can be written for `room` bytes.
unsafe fn fill(made: *mut ndshm_conversion, room: usize, summary: &Summary) {
    if room != 0 {
        // SAFETY: the caller's promise.
        unsafe { args::fill(made, room, &ndshm_conversion::of(summary)) };
    }
}

/// # Safety
/// * As for [`ndshm_convert_start`].
unsafe fn start(
    inputs: *const ndshm_input,
    inputs_len: usize,
    text: *const ndshm_text_options,
    output: *const c_char,
    options: *const ndshm_hdf5_options,
) -> Result<Job, Failed> {
    // SAFETY: the caller's promise.
    let reading = unsafe { ndshm_text_options::reading(text) }?;
    // SAFETY: the caller's promise.
    let options = unsafe { args::options(options) }?;
    let options = convert::Options {
        load: reading.options,
        hdf5: options.file()?,
        // SAFETY: the caller's promise.
        arrange: unsafe { options.dataset() }?.map_or(Arrange::Each, Arrange::Concat),
        ..convert::Options::default()
    };
    // SAFETY: the caller's promise.
    let output = unsafe { text::path(output, "output") }?;
    // SAFETY: the caller's promise.
    let inputs = unsafe { text::inputs(inputs, inputs_len) }?;
    Ok(Job::start(inputs, &output, &reading.rows, &options)?)
}

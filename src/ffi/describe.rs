//! What is in the columns of a table: jobs that read all of it once.

use core::ffi::{c_char, c_int, c_void};
use core::time::Duration;
use std::boxed::Box;
use std::string::String;

use super::args::{self, Options};
use super::description::ndshm_description;
use super::error::{Failure, Fault, Place, RowFault, ndshm_error};
use super::guard::{Failed, guard};
use super::handle::{self, Handle, ndshm_segment};
use super::job::{self, Work, ndshm_job};
use super::reading::{self, Reading, flag, ndshm_text_options};
use super::text::{self, ndshm_input};
use crate::describe::{self, ArrayJob, DescribeError, Summary, TextJob};
use crate::dtype_buf::DTypeBuf;
use crate::exchange::{Elements, Meant, split_path};
use crate::load::{Canceller, Progress, Report};

impl Failure for DescribeError {
    fn code(&self) -> i32 {
        Self::code(self)
    }

    fn errno(&self) -> i32 {
        Self::errno(self)
    }

    fn place(&self) -> Place {
        match self {
            Self::Load(error) => error.place(),
            _ => Place::NONE,
        }
    }

    fn row_fault(&self) -> RowFault<'_> {
        match self {
            Self::Load(error) => error.row_fault(),
            _ => RowFault::NONE,
        }
    }
}

/// Text.
pub const NDSHM_DESCRIBE_TEXT: u32 = 0;
/// A `.npy` file, or a dataset of an HDF5 file.
pub const NDSHM_DESCRIBE_FILE: u32 = 1;
/// A segment.
pub const NDSHM_DESCRIBE_SEGMENT: u32 = 2;

/// What is to be told of which columns. All zeros: everything, of all of them.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct ndshm_describe_options {
    /// `sizeof(ndshm_describe_options)`.
    pub struct_size: u32,
    /// Threads that count, 0 for as many as there are workers or processors. They make
    /// no difference to the description.
    pub threads: u32,
    /// 1 to leave out what takes bins and dictionaries: quantiles, histograms, distinct
    /// and frequent values.
    pub quick: u32,
    /// 0.
    pub reserved: u32,
    /// `columns_len` names of columns to describe, NULL for all. Records in records and
    /// places in subarrays are spelled out: `"a.b[0]"`; columns without names are
    /// `"0"`, `"1"` and so on.
    pub columns: *const *const c_char,
    /// Names at `columns`.
    pub columns_len: usize,
}

// SAFETY: `repr(C)`, the size first; integers and a pointer, which may be zero.
unsafe impl Options for ndshm_describe_options {
    const NAME: &'static str = "ndshm_describe_options";
    const MIN_SIZE: usize = size_of::<Self>();
}

impl ndshm_describe_options {
    /// # Safety
    /// * `options` is NULL, or points to options as [`args::options`] asks for,
    ///   whose pointers lead to what their documentation says.
    unsafe fn read(options: *const Self) -> Result<describe::Options, Fault> {
        // SAFETY: the caller's promise.
        let given = unsafe { args::options(options) }?;
        if given.reserved != 0 {
            return Err(Fault::Range("options->reserved"));
        }
        let (at, len) = (given.columns, given.columns_len);
        Ok(describe::Options {
            // SAFETY: the caller's promise.
            columns: unsafe { reading::texts(at, len, "options->columns") }?,
            quick: flag(given.quick, "options->quick")?,
            threads: (given.threads != 0).then_some(given.threads as usize),
        })
    }
}

/// A description on its way.
#[derive(Debug)]
pub(super) enum Describing {
    Text(Box<TextJob>),
    /// The caller keeps the array as long as the job.
    Array(Box<ArrayJob<'static>>),
}

impl Describing {
    pub(super) fn canceller(&self) -> Canceller {
        match self {
            Self::Text(job) => job.canceller(),
            Self::Array(job) => job.canceller(),
        }
    }

    pub(super) fn raw_fd(&self) -> c_int {
        match self {
            Self::Text(job) => job.raw_fd(),
            Self::Array(job) => job.raw_fd(),
        }
    }

    /// The rows that were left out; only text has some.
    pub(super) fn report(&self) -> Option<&Report> {
        match self {
            Self::Text(job) => Some(job.report()),
            Self::Array(_) => None,
        }
    }

    pub(super) fn step(&mut self, timeout: Duration) -> Result<Progress, DescribeError> {
        match self {
            Self::Text(job) => job.step(timeout),
            Self::Array(job) => job.step(timeout),
        }
    }

    fn finish(self) -> Result<Summary, DescribeError> {
        match self {
            Self::Text(job) => job.finish(),
            Self::Array(job) => job.finish(),
        }
    }
}

/// Starts a job that `make` makes.
///
/// # Safety
/// * `job` can be written.
/// * `error` is NULL, or its `struct_size` is set.
unsafe fn start(
    job: *mut ndshm_job,
    error: *mut ndshm_error,
    make: impl FnOnce() -> Result<Describing, Failed>,
) -> i32 {
    let call = || {
        let out = args::output(job, "job")?;
        let work = Work::Describe(make()?);
        // SAFETY: the caller's promise; it is aligned.
        unsafe { job::open(out, work) };
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard(error, call) }
}

/// Begins to describe the columns of text: as `ndshm_load_start`, but the rows stay
/// nowhere. The rows of all inputs are one table. `options` may be NULL.
///
/// Returns as `ndshm_load_start` about the text, and `NDSHM_ERR_ARGUMENT` for options.
/// That there is no column of a name is said when the first row is there.
///
/// # Safety
/// * `inputs` leads to `inputs_len` inputs; they, `text`, `options` and what they lead to
///   stay as they are during the call.
/// * `job` can be written. What was in it is forgotten, not closed.
/// * `error` is NULL, or its `struct_size` is set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndshm_describe_text_start(
    inputs: *const ndshm_input,
    inputs_len: usize,
    text: *const ndshm_text_options,
    options: *const ndshm_describe_options,
    job: *mut ndshm_job,
    error: *mut ndshm_error,
) -> i32 {
    let make = || {
        // SAFETY: the caller's promise.
        let Reading { rows, options: how } = unsafe { ndshm_text_options::reading(text) }?;
        // SAFETY: the caller's promise.
        let given = unsafe { ndshm_describe_options::read(options) }?;
        let given = describe::Options { threads: given.threads.or(how.workers), ..given };
        // SAFETY: the caller's promise.
        let inputs = unsafe { text::inputs(inputs, inputs_len) }?;
        Ok(Describing::Text(TextJob::start(inputs, &rows, &how, &given)?.into()))
    };
    // SAFETY: the caller's promise.
    unsafe { start(job, error, make) }
}

/// Begins to describe the columns of a `.npy` file, or of a dataset of an HDF5 file,
/// which the job reads while it is stepped.
///
/// `dataset` is the dataset's path; NULL for the one that `file` ends in
/// (`"all.h5:/run1/calls"`), else the only one of the file, and for `.npy`. An array of
/// two axes of a plain type has a column for each place of its last axis, `"0"`, `"1"`
/// and so on; one with more axes or with one has one, `"value"`; a record has one for each
/// field. `options` may be NULL.
///
/// Returns as `ndshm_import_start` about the file, and `NDSHM_ERR_ARGUMENT`, also if no
/// column has a name in `options`.
///
/// # Safety
/// * `file`, `dataset`, `options` and what they lead to stay as they are during the call.
/// * `job` can be written. What was in it is forgotten, not closed.
/// * `error` is NULL, or its `struct_size` is set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndshm_describe_file_start(
    file: *const c_char,
    dataset: *const c_char,
    options: *const ndshm_describe_options,
    job: *mut ndshm_job,
    error: *mut ndshm_error,
) -> i32 {
    let make = || {
        // SAFETY: the caller's promise.
        let file = unsafe { text::path(file, "file") }?;
        let (file, dataset) = if dataset.is_null() {
            split_path(&file)
        } else {
            // SAFETY: the caller's promise.
            (file, Some(String::from(unsafe { args::text(dataset, "dataset") }?)))
        };
        // SAFETY: the caller's promise.
        let given = unsafe { ndshm_describe_options::read(options) }?;
        Ok(Describing::Array(ArrayJob::of_file(&file, dataset.as_deref(), &given)?.into()))
    };
    // SAFETY: the caller's promise.
    unsafe { start(job, error, make) }
}

/// Begins to describe the columns of a segment; which ones it has is as for
/// `ndshm_describe_file_start`. What others write to it meanwhile is seen in part or not
/// at all. `options` may be NULL.
///
/// Returns `NDSHM_ERR_HANDLE`, also for a draft, and `NDSHM_ERR_ARGUMENT`.
///
/// # Safety
/// * `segment` is NULL, or a handle that nobody closes or moves until the job is
///   finished or discarded.
/// * `options` and what it leads to stay as they are during the call.
/// * `job` can be written. What was in it is forgotten, not closed.
/// * `error` is NULL, or its `struct_size` is set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndshm_describe_segment_start(
    segment: *const ndshm_segment,
    options: *const ndshm_describe_options,
    job: *mut ndshm_job,
    error: *mut ndshm_error,
) -> i32 {
    let make = || {
        // SAFETY: the caller's promise: it is there as long as what is made here.
        let Handle::Segment(segment) = unsafe { handle::borrow::<'static, _>(segment) }? else {
            return Err(Fault::NotPublished.into());
        };
        // SAFETY: the caller's promise.
        let given = unsafe { ndshm_describe_options::read(options) }?;
        Ok(Describing::Array(ArrayJob::of_segment(segment, &given)?.into()))
    };
    // SAFETY: the caller's promise.
    unsafe { start(job, error, make) }
}

/// Begins to describe the columns of an array in memory; which ones it has is as for
/// `ndshm_describe_file_start`. `data` is where its first element lies, `dtype` the
/// type of an element as for `ndshm_create_options`, `shape` and `strides` are `ndim`
/// extents, slowest first, and bytes from one element to the next, which may be
/// negative. `strides` is NULL for an array in C order. `options` may be NULL.
///
/// Returns `NDSHM_ERR_DTYPE`, `NDSHM_ERR_OVERFLOW`, `NDSHM_ERR_ARGUMENT`.
///
/// # Safety
/// * All elements can be read, and this process does not write them, until the job is
///   finished or discarded. What other processes write meanwhile is seen in part or not
///   at all.
/// * `dtype`, `shape`, `strides`, `options` and what it leads to stay as they are during
///   the call.
/// * `job` can be written. What was in it is forgotten, not closed.
/// * `error` is NULL, or its `struct_size` is set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndshm_describe_array_start(
    data: *const c_void,
    dtype: *const c_char,
    ndim: u32,
    shape: *const u64,
    strides: *const i64,
    options: *const ndshm_describe_options,
    job: *mut ndshm_job,
    error: *mut ndshm_error,
) -> i32 {
    let make = || {
        // SAFETY: the caller's promise.
        let elements = unsafe { elements(data, dtype, ndim as usize, shape, strides) }?;
        // SAFETY: the caller's promise.
        let given = unsafe { ndshm_describe_options::read(options) }?;
        Ok(Describing::Array(ArrayJob::of_elements(elements, &given)?.into()))
    };
    // SAFETY: the caller's promise.
    unsafe { start(job, error, make) }
}

/// # Safety
/// * As for [`ndshm_describe_array_start`].
unsafe fn elements(
    data: *const c_void,
    dtype: *const c_char,
    ndim: usize,
    shape: *const u64,
    strides: *const i64,
) -> Result<Elements<'static>, Fault> {
    // SAFETY: the caller's promise, here and below.
    let dtype = DTypeBuf::parse(unsafe { args::text(dtype, "dtype") }?)?;
    // SAFETY: as above.
    let shape = unsafe { args::items(shape, ndim, "shape") }?;
    let itemsize = dtype.as_dtype().itemsize();
    let mut dense = std::vec![0_i64; ndim];
    let mut step = i64::from(itemsize);
    for (to, &extent) in dense.iter_mut().zip(shape).rev() {
        *to = step;
        step = step.saturating_mul(i64::try_from(extent).unwrap_or(i64::MAX));
    }
    let strides = if strides.is_null() {
        &dense
    } else {
        // SAFETY: as above.
        unsafe { args::items(strides, ndim, "strides") }?
    };
    if step != 0 {
        // Where there are elements, there is memory.
        args::output(data.cast_mut().cast::<u8>(), "data")?;
    }
    // SAFETY: as above, for as long as the job is there.
    Ok(unsafe { Elements::at(data.cast(), dtype.as_dtype(), shape, strides) }?)
}

/// Steps a description until everything is read, and closes the job, also if that fails.
///
/// Returns what can go wrong with the text, the file or the segment:
/// `NDSHM_ERR_TEXT` with the place, `NDSHM_ERR_INPUT`, `NDSHM_ERR_COLUMNS`,
/// `NDSHM_ERR_EMPTY`, `NDSHM_ERR_MEMORY`, `NDSHM_ERR_WORKERS`, `NDSHM_ERR_CANCELLED`,
/// `NDSHM_ERR_ARGUMENT`, `NDSHM_ERR_HDF5`, `NDSHM_ERR_OS`.
///
/// # Safety
/// * `job` is NULL, or a handle that no other thread uses.
/// * `description` can be written. What was in it is forgotten, not closed.
/// * `error` is NULL, or its `struct_size` is set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndshm_describe_finish(
    job: *mut ndshm_job,
    description: *mut ndshm_description,
    error: *mut ndshm_error,
) -> i32 {
    let call = || {
        let out = args::output(description, "description")?;
        // SAFETY: the caller's promise.
        let work = unsafe { job::take(job, |work| matches!(work, Work::Describe(_))) }?;
        let made = work.into_description()?.finish()?;
        // SAFETY: the caller's promise; it is aligned.
        unsafe { handle::store(out, Box::new(made)) };
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard(error, call) }
}

/// What the command `ndshm describe` would take a path or a name for:
/// `NDSHM_DESCRIBE_FILE` if it ends in the path of a dataset (`"all.h5:/run1"`), or begins
/// or is named as HDF5 or `.npy`; `NDSHM_DESCRIBE_SEGMENT` if it is no file, but the name of
/// a segment; else, and for NULL, `NDSHM_DESCRIBE_TEXT`.
///
/// # Safety
/// * `what` is NULL, or text, which stays as it is during the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndshm_describe_kind(what: *const c_char) -> u32 {
    // SAFETY: the caller's promise.
    let path = unsafe { text::path(what, "what") };
    match path.map_or(Meant::Text, |what| Meant::by(&what)) {
        Meant::Text => NDSHM_DESCRIBE_TEXT,
        Meant::File => NDSHM_DESCRIBE_FILE,
        Meant::Segment => NDSHM_DESCRIBE_SEGMENT,
    }
}

//! Text to an HDF5 file.

use core::ffi::c_char;
use core::mem::offset_of;

use super::args::{self, Options};
use super::datasets::{ndshm_attribute, ndshm_category};
use super::dimensions::{ndshm_dimension, ndshm_object_attribute};
use super::error::{Failure, Fault, Place, RowFault, ndshm_error};
use super::guard::{Failed, guard};
use super::job::{self, Work, ndshm_job};
use super::reading::{flag, ndshm_text_options};
use super::text::{self, ndshm_input};
use crate::convert::{self, ConvertError, Job, Summary};
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
    /// Name of the one dataset that takes all inputs, as `arrange` says: their rows
    /// one behind the other, or stacked; NULL for a dataset for each, named after
    /// its file.
    pub dataset: *const c_char,
    /// 1 to add the datasets to a file that is there, which stays until the new one
    /// is complete; a file that is not there is made. Not together with `replace`.
    pub append: u32,
    /// 1 to add the rows behind those of the datasets that would be made, which must
    /// be there and have chunks; they keep their type (a dtype of "auto" takes it),
    /// chunks and filters. Not together with `replace`.
    pub append_rows: u32,
    /// How rows lie in the file: `NDSHM_LAYOUT_...`.
    pub layout: u32,
    /// How chunks are compressed, by the workers: `NDSHM_COMPRESSION_...`.
    pub compression: u32,
    /// The level of the compression, 0 for the usual one.
    pub level: u32,
    /// 1 to compress without sorting the bytes of numbers by significance before.
    pub no_shuffle: u32,
    /// 1 to give each chunk a checksum, which readers check.
    pub fletcher32: u32,
    /// Which inputs become which datasets: `NDSHM_ARRANGE_...`.
    pub arrange: u32,
    /// 1 not to note in the file where it comes from: name and bytes of each input,
    /// version and options.
    pub no_provenance: u32,
    /// 1 to note the CRC-32 of each input, too.
    pub checksum: u32,
    /// `chunk_len` extents of a chunk, one for each axis of the dataset; NULL for
    /// about 1 MiB of whole rows.
    pub chunk: *const u64,
    /// Extents at `chunk`.
    pub chunk_len: usize,
    /// `shape_len` extents of each dataset, whose elements are those of the text in
    /// their order; the first may be `NDSHM_OPEN_EXTENT`. NULL for rows, and columns
    /// if the type is no record.
    pub shape: *const u64,
    /// Extents at `shape`.
    pub shape_len: usize,
    /// Name of a last column with the name of the file that each row comes from, for
    /// records of several inputs in one dataset; NULL for none.
    pub source_column: *const c_char,
    /// `attributes_len` attributes for each dataset.
    pub attributes: *const ndshm_attribute,
    /// Attributes at `attributes`.
    pub attributes_len: usize,
    /// `categories_len` columns of text to store as numbers with labels.
    pub categories: *const ndshm_category,
    /// Columns at `categories`.
    pub categories_len: usize,
    /// `dims_len` dimensions: the names of the axes of each dataset.
    pub dims: *const ndshm_dimension,
    /// Dimensions at `dims`.
    pub dims_len: usize,
    /// `units_len` attributes with the name of a column each, and its units as `text`.
    pub units: *const ndshm_attribute,
    /// Attributes at `units`.
    pub units_len: usize,
    /// `object_attributes_len` attributes of single objects.
    pub object_attributes: *const ndshm_object_attribute,
    /// Attributes at `object_attributes`.
    pub object_attributes_len: usize,
}

// SAFETY: `repr(C)`, the size first; integers and pointers, which may be zero.
unsafe impl Options for ndshm_hdf5_options {
    const NAME: &'static str = "ndshm_hdf5_options";
    const MIN_SIZE: usize = offset_of!(Self, append);
}

impl ndshm_hdf5_options {
    /// # Safety
    /// * Its pointers are NULL, or lead to what their documentation says.
    pub(super) unsafe fn file(&self) -> Result<hdf5::Options, Fault> {
        if self.append_rows != 0 && self.replace != 0 {
            return Err(Fault::Conflict(
                "options->append_rows",
                " and options->replace are both set",
            ));
        }
        if self.append != 0 && self.replace != 0 {
            return Err(Fault::Conflict("options->append", " and options->replace are both set"));
        }
        Ok(hdf5::Options {
            append: flag(self.append, "options->append")?,
            force: flag(self.replace, "options->replace")?,
            sync: flag(self.sync, "options->sync")?,
            bool_as_u8: flag(self.bool_as_u8, "options->bool_as_u8")?,
            // SAFETY: the caller's promise.
            storage: unsafe { self.storage() }?,
        })
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
        // SAFETY: the caller's promise.
        hdf5: unsafe { options.file() }?,
        append_rows: flag(options.append_rows, "options->append_rows")?,
        // SAFETY: the caller's promise.
        ..unsafe { options.datasets() }?
    };
    // SAFETY: the caller's promise.
    let output = unsafe { text::path(output, "output") }?;
    // SAFETY: the caller's promise.
    let inputs = unsafe { text::inputs(inputs, inputs_len) }?;
    Ok(Job::start(inputs, &output, &reading.rows, &options)?)
}

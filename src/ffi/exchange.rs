//! Files to segments, and segments to files.

use core::ffi::c_char;
use core::mem::offset_of;
use std::string::String;

use super::args::{self, Options};
use super::convert::ndshm_hdf5_options;
use super::error::{Failure, Fault, ndshm_error};
use super::guard::{Failed, guard};
use super::handle::{self, Handle, ndshm_segment};
use super::job::{self, Work, ndshm_job};
use super::reading::flag;
use super::segment::ndshm_create_options;
use super::text;
use crate::exchange::{ExchangeError, ExportJob, ExportOptions, Format, ImportJob, ImportOptions};
use crate::segment::Segment;

impl Failure for ExchangeError {
    fn code(&self) -> i32 {
        Self::code(self)
    }

    fn errno(&self) -> i32 {
        Self::errno(self)
    }
}

/// How a file becomes a segment. All zeros: as `ndshm_create_options` of zeros has it.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct ndshm_import_options {
    /// `sizeof(ndshm_import_options)`.
    pub struct_size: u32,
    /// HDF5: worker processes that unpack chunks, 0 for as many as there are processors
    /// to use.
    pub workers: u32,
    /// What the segment is to be, of which policy, mode, via and metadata count; dtype,
    /// shape and strides are not set. NULL for all of it as usual.
    pub create: *const ndshm_create_options,
}

// SAFETY: `repr(C)`, the size first; integers and a pointer, which may be zero.
unsafe impl Options for ndshm_import_options {
    const NAME: &'static str = "ndshm_import_options";
    const MIN_SIZE: usize = size_of::<Self>();
}

/// An HDF5 file with one dataset.
pub const NDSHM_EXPORT_HDF5: u32 = 1;
/// NumPy's `.npy`.
pub const NDSHM_EXPORT_NPY: u32 = 2;
/// Lines of text.
pub const NDSHM_EXPORT_CSV: u32 = 3;

/// How a segment becomes a file. All zeros: a new file, of the kind that its
/// suffix says (`.h5`, `.npy`, `.csv`, `.tsv`).
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct ndshm_export_options {
    /// `sizeof(ndshm_export_options)`.
    pub struct_size: u32,
    /// `NDSHM_EXPORT_...`, 0 for what the suffix says.
    pub format: u32,
    /// 1 to replace a file that is there, which stays until the new one is
    /// complete.
    pub replace: u32,
    /// 1 to wait until the disk has it all.
    pub sync: u32,
    /// HDF5: 1 to write `?` as `u1` instead of an enumeration.
    pub bool_as_u8: u32,
    /// CSV: code point of the character between values; 0 for a comma, or a
    /// tabulator in `.tsv`.
    pub delimiter: u32,
    /// CSV: 1 for no line of names before records.
    pub no_header: u32,
    /// 0.
    pub reserved: u32,
    /// HDF5: path of the dataset; NULL for the segment's name.
    pub dataset: *const c_char,
    /// HDF5: how the elements lie in the file, what is said of them, and whether they
    /// are added to a file that is there; NULL for one block in a new file. What is
    /// about inputs stays zero: `dataset`, `arrange`, `shape`, `source_column`,
    /// `categories`, `checksum`, and `append_rows`.
    pub hdf5: *const ndshm_hdf5_options,
    /// HDF5: bytes that packing may use, 0 for 48 MiB.
    pub memory: u64,
    /// HDF5: worker processes that pack chunks, 0 for as many as there are processors
    /// to use. They make no difference to the file.
    pub workers: u32,
    /// 0.
    pub reserved2: u32,
}

// SAFETY: `repr(C)`, the size first; integers and a pointer, which may be zero.
unsafe impl Options for ndshm_export_options {
    const NAME: &'static str = "ndshm_export_options";
    const MIN_SIZE: usize = offset_of!(Self, hdf5);
}

impl ndshm_export_options {
    /// # Safety
    /// * Its pointers are NULL, or lead to what their documentation says.
    unsafe fn read(&self) -> Result<ExportOptions, Fault> {
        if self.reserved != 0 || self.reserved2 != 0 {
            return Err(Fault::Range("options->reserved"));
        }
        let format = match self.format {
            0 => None,
            NDSHM_EXPORT_HDF5 => Some(Format::Hdf5),
            NDSHM_EXPORT_NPY => Some(Format::Npy),
            NDSHM_EXPORT_CSV => Some(Format::Csv),
            _ => return Err(Fault::Range("options->format")),
        };
        let delimiter = match char::from_u32(self.delimiter) {
            Some('\0') => None,
            None => return Err(Fault::Range("options->delimiter")),
            given => given,
        };
        // SAFETY: the caller's promise.
        let hdf5 = unsafe { ndshm_hdf5_options::of_one_dataset(self.hdf5) }?;
        Ok(ExportOptions {
            format,
            force: flag(self.replace, "options->replace")? || hdf5.hdf5.force,
            append: hdf5.hdf5.append,
            sync: flag(self.sync, "options->sync")? || hdf5.hdf5.sync,
            // SAFETY: the caller's promise, passed on.
            dataset: unsafe { optional(self.dataset, "options->dataset") }?,
            bool_as_u8: flag(self.bool_as_u8, "options->bool_as_u8")? || hdf5.hdf5.bool_as_u8,
            delimiter,
            no_header: flag(self.no_header, "options->no_header")?,
            storage: hdf5.hdf5.storage,
            attributes: hdf5.attributes,
            object_attributes: hdf5.object_attributes,
            dims: hdf5.dims,
            units: hdf5.units,
            workers: (self.workers != 0).then_some(self.workers as usize),
            memory: (self.memory != 0).then_some(self.memory),
        })
    }
}

/// Begins to make a segment of a `.npy` file, or of a dataset of an HDF5 file, which
/// the job reads while it is stepped: a step copies some MiB, and waits for nothing
/// but the disk.
///
/// `dataset` is the dataset's path; NULL for the only one of the file, and for
/// `.npy`. `options` may be NULL. `name` is NULL for `NDSHM_POLICY_ANONYMOUS`.
///
/// Returns `NDSHM_ERR_INPUT` for a file that is missing, damaged, cut, or of another
/// kind, `NDSHM_ERR_DATASET_NAME`, `NDSHM_ERR_HDF5_TYPE` for a type that no dtype
/// stands for, `NDSHM_ERR_HDF5`, and what can go wrong with a new segment:
/// `NDSHM_ERR_EXISTS`, `NDSHM_ERR_NO_SPACE`, `NDSHM_ERR_NAME`,
/// `NDSHM_ERR_PERMISSION`, `NDSHM_ERR_ARGUMENT`, `NDSHM_ERR_OS`.
///
/// # Safety
/// * `file`, `dataset`, `name`, `options` and what they lead to stay as they are
///   during the call.
/// * `job` can be written. What was in it is forgotten, not closed.
/// * `error` is NULL, or its `struct_size` is set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndshm_import_start(
    file: *const c_char,
    dataset: *const c_char,
    name: *const c_char,
    options: *const ndshm_import_options,
    job: *mut ndshm_job,
    error: *mut ndshm_error,
) -> i32 {
    let call = || {
        let out = args::output(job, "job")?;
        // SAFETY: the caller's promise.
        let work = unsafe { import(file, dataset, name, options) }?;
        // SAFETY: the caller's promise; it is aligned.
        unsafe { job::open(out, Work::Import(work.into())) };
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard(error, call) }
}

/// Steps an import until everything is copied, publishes the segment, and closes the
/// job, also if that fails. The segment is open for writing.
///
/// Returns as `ndshm_import_start`, `NDSHM_ERR_TEXT` for a text that is not what its
/// dtype says, and `NDSHM_ERR_CANCELLED`.
///
/// # Safety
/// * `job` is NULL, or a handle that no other thread uses.
/// * `segment` can be written. What was in it is forgotten, not detached.
/// * `error` is NULL, or its `struct_size` is set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndshm_import_finish(
    job: *mut ndshm_job,
    segment: *mut ndshm_segment,
    error: *mut ndshm_error,
) -> i32 {
    let call = || {
        let out = args::output(segment, "segment")?;
        // SAFETY: the caller's promise.
        let work = unsafe { job::take(job, |work| matches!(work, Work::Import(_))) }?;
        let made = work.into_import()?.finish()?;
        // SAFETY: the caller's promise; it is aligned.
        unsafe { handle::store(out, Handle::Segment(made)) };
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard(error, call) }
}

/// Makes a segment of a file: `ndshm_import_start` and `ndshm_import_finish` in one
/// call.
///
/// # Safety
/// * As for both.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndshm_import(
    file: *const c_char,
    dataset: *const c_char,
    name: *const c_char,
    options: *const ndshm_import_options,
    segment: *mut ndshm_segment,
    error: *mut ndshm_error,
) -> i32 {
    let call = || {
        let out = args::output(segment, "segment")?;
        // SAFETY: the caller's promise.
        let made = unsafe { import(file, dataset, name, options) }?.finish()?;
        // SAFETY: the caller's promise; it is aligned.
        unsafe { handle::store(out, Handle::Segment(made)) };
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard(error, call) }
}

/// Begins to write a segment to the file `output`, while the job is stepped: a step
/// copies some MiB, and waits for nothing but the disk. The file appears when it is
/// complete; after an error, or when the job is discarded, everything is as it was
/// before. `options` may be NULL.
///
/// Returns `NDSHM_ERR_FILE_EXISTS`, `NDSHM_ERR_FILE`, `NDSHM_ERR_HDF5_TYPE` for a
/// dtype that the format does not have, `NDSHM_ERR_DATASET_NAME`, `NDSHM_ERR_HDF5`,
/// `NDSHM_ERR_HANDLE`, `NDSHM_ERR_ARGUMENT`, `NDSHM_ERR_OS`.
///
/// # Safety
/// * `segment` is NULL, or a handle that nobody closes or moves until the job is
///   finished or discarded.
/// * `output`, `options` and what they lead to stay as they are during the call.
/// * `job` can be written. What was in it is forgotten, not closed.
/// * `error` is NULL, or its `struct_size` is set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndshm_export_start(
    segment: *const ndshm_segment,
    output: *const c_char,
    options: *const ndshm_export_options,
    job: *mut ndshm_job,
    error: *mut ndshm_error,
) -> i32 {
    let call = || {
        let out = args::output(job, "job")?;
        // SAFETY: the caller's promise, for as long as the job is there.
        let work = unsafe { export(segment, output, options) }?;
        // SAFETY: the caller's promise; it is aligned.
        unsafe { job::open(out, Work::Export(work.into())) };
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard(error, call) }
}

/// Steps an export until everything is copied, completes the file and gives it its
/// name, and closes the job, also if that fails. `bytes`, which may be NULL, gets the
/// file's length.
///
/// Returns as `ndshm_export_start`, `NDSHM_ERR_DISK_FULL`, `NDSHM_ERR_TEXT` for a
/// text that holds what is no character, `NDSHM_ERR_INPUT` if the file cannot be
/// written, and `NDSHM_ERR_CANCELLED`.
///
/// # Safety
/// * `job` is NULL, or a handle that no other thread uses.
/// * `bytes` is NULL, or can be written.
/// * `error` is NULL, or its `struct_size` is set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndshm_export_finish(
    job: *mut ndshm_job,
    bytes: *mut u64,
    error: *mut ndshm_error,
) -> i32 {
    let call = || {
        // SAFETY: the caller's promise.
        let work = unsafe { job::take(job, |work| matches!(work, Work::Export(_))) }?;
        let made = work.into_export()?.finish()?;
        // SAFETY: the caller's promise.
        unsafe { tell(bytes, made.bytes) };
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard(error, call) }
}

/// Writes a segment to a file: `ndshm_export_start` and `ndshm_export_finish` in one
/// call.
///
/// # Safety
/// * As for both.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndshm_export(
    segment: *const ndshm_segment,
    output: *const c_char,
    options: *const ndshm_export_options,
    bytes: *mut u64,
    error: *mut ndshm_error,
) -> i32 {
    let call = || {
        // SAFETY: the caller's promise.
        let made = unsafe { export(segment, output, options) }?.finish()?;
        // SAFETY: the caller's promise.
        unsafe { tell(bytes, made.bytes) };
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard(error, call) }
}

/// # Safety
/// * `to` is NULL, or can be written.
unsafe fn tell(to: *mut u64, bytes: u64) {
    if !to.is_null() {
        // SAFETY: the caller's promise; it may lie anywhere.
        unsafe { to.write_unaligned(bytes) };
    }
}

/// # Safety
/// * `at` is NULL, or text.
unsafe fn optional(at: *const c_char, what: &'static str) -> Result<Option<String>, Fault> {
    if at.is_null() {
        return Ok(None);
    }
    // SAFETY: the caller's promise, passed on.
    let text = unsafe { args::text(at, what) }?;
    Ok(Some(text.into()))
}

/// # Safety
/// * As for [`ndshm_import_start`].
unsafe fn import(
    file: *const c_char,
    dataset: *const c_char,
    name: *const c_char,
    options: *const ndshm_import_options,
) -> Result<ImportJob, Failed> {
    // SAFETY: the caller's promise, here and below.
    let file = unsafe { text::path(file, "file") }?;
    // SAFETY: as above.
    let dataset = unsafe { optional(dataset, "dataset") }?;
    // SAFETY: as above.
    let options = unsafe { args::options(options) }?;
    // SAFETY: as above.
    let (name, segment) = unsafe { ndshm_create_options::of_load(name, options.create) }?;
    if segment.late {
        return Err(Fault::Range("options->create->naming of an import").into());
    }
    let workers = (options.workers != 0).then_some(options.workers as usize);
    let options = ImportOptions { segment, workers };
    Ok(ImportJob::start(&file, dataset.as_deref(), name.as_ref(), options)?)
}

/// # Safety
/// * As for [`ndshm_export_start`].
unsafe fn export(
    segment: *const ndshm_segment,
    output: *const c_char,
    options: *const ndshm_export_options,
) -> Result<ExportJob<&'static Segment>, Failed> {
    // SAFETY: the caller's promise: it is there as long as what is made here.
    let Handle::Segment(segment) = unsafe { handle::borrow::<'static, _>(segment) }? else {
        return Err(Fault::NotPublished.into());
    };
    // SAFETY: the caller's promise, here and below.
    let output = unsafe { text::path(output, "output") }?;
    // SAFETY: as above.
    let options = unsafe { args::options(options) }?;
    // SAFETY: as above.
    let options = unsafe { options.read() }?;
    Ok(ExportJob::start(segment, &output, &options)?)
}

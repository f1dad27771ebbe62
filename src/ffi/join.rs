//! Many HDF5 files as one, and whether files are whole.

use core::ffi::{CStr, c_char, c_void};
use core::mem::offset_of;
use core::ptr;
use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::string::{String, ToString};
use std::vec::Vec;

use super::args::{self, Options};
use super::convert::ndshm_hdf5_options;
use super::error::{Failure, Fault, Place, ndshm_error};
use super::guard::{Failed, guard};
use super::job::{self, Work, ndshm_job};
use super::reading::flag;
use super::text::path;
use crate::join::{self, Job, JoinError, Problem, Summary, Verified, VerifyJob, VerifyOptions};

impl Failure for JoinError {
    fn code(&self) -> i32 {
        Self::code(self)
    }

    fn errno(&self) -> i32 {
        Self::errno(self)
    }

    fn place(&self) -> Place {
        let shard = self.shard().and_then(|index| u32::try_from(index).ok());
        shard.map_or(Place::NONE, |input| Place { input, ..Place::NONE })
    }
}

/// How shards become one file. All zeros: a new file that refers to the shards, with
/// everything that they have, rows one behind the other.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct ndshm_join_options {
    /// `sizeof(ndshm_join_options)`.
    pub struct_size: u32,
    /// 1 to replace a file that is there, which stays until the new one is
    /// complete.
    pub replace: u32,
    /// 1 to wait until the disk has it all.
    pub sync: u32,
    /// 1 to give each shard a place of a new first axis.
    pub new_axis: u32,
    /// 1 to note a checksum of each shard, for which all of it is read.
    pub checksum: u32,
    /// 1 to copy the rows. Then one joined file can be the only shard: what it refers
    /// to is verified and copied.
    pub materialize: u32,
    /// Paths of the datasets to join, which every shard must have; NULL for all.
    pub datasets: *const *const c_char,
    /// How many.
    pub datasets_len: usize,
    /// How the rows lie in the file, if they are copied: `layout`, but for columns,
    /// `chunk`, and how chunks are packed. The rest stays zero. NULL for one block for
    /// each dataset.
    pub hdf5: *const ndshm_hdf5_options,
    /// Bytes that packing may use, 0 for 48 MiB.
    pub memory: u64,
    /// Worker processes that pack chunks, 0 for as many as there are processors to use.
    /// They make no difference to the file.
    pub workers: u32,
    /// 0.
    pub reserved: u32,
}

// SAFETY: `repr(C)`, the size first; integers and pointers, which may be zero.
unsafe impl Options for ndshm_join_options {
    const NAME: &'static str = "ndshm_join_options";
    const MIN_SIZE: usize = offset_of!(Self, hdf5);
}

impl ndshm_join_options {
    /// # Safety
    /// * Its pointers are NULL, or lead to what their documentation says.
    unsafe fn read(&self) -> Result<join::Options, Fault> {
        let mut options = join::Options::default();
        options.hdf5.force = flag(self.replace, "options->replace")?;
        options.hdf5.sync = flag(self.sync, "options->sync")?;
        options.new_axis = flag(self.new_axis, "options->new_axis")?;
        options.checksum = flag(self.checksum, "options->checksum")?;
        options.materialize = flag(self.materialize, "options->materialize")?;
        // SAFETY: the caller's promise.
        let given = unsafe { args::items(self.datasets, self.datasets_len, "options->datasets") }?;
        for &at in given {
            // SAFETY: the caller's promise.
            let text = unsafe { args::text(at, "options->datasets") }?;
            options.datasets.push(text.into());
        }
        if self.reserved != 0 {
            return Err(Fault::Range("options->reserved"));
        }
        // SAFETY: the caller's promise.
        options.hdf5.storage = unsafe { ndshm_hdf5_options::of_storage(self.hdf5) }?;
        options.workers = (self.workers != 0).then_some(self.workers as usize);
        options.memory = (self.memory != 0).then_some(self.memory);
        Ok(options)
    }
}

/// What was joined. Set `struct_size` to `sizeof(ndshm_joined)`; the rest is
/// written.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct ndshm_joined {
    /// `sizeof(ndshm_joined)`. More than this library knows is left alone.
    pub struct_size: u32,
    /// 0.
    pub reserved: u32,
    /// Shards.
    pub shards: u64,
    /// Datasets.
    pub datasets: u64,
    /// Bytes of the file.
    pub bytes: u64,
}

// SAFETY: `repr(C)`, the size first; integers, which may be zero.
unsafe impl Options for ndshm_joined {
    const NAME: &'static str = "ndshm_joined";
    const MIN_SIZE: usize = size_of::<Self>();
}

impl ndshm_joined {
    const fn of(made: &Summary) -> Self {
        Self {
            struct_size: size_of::<Self>() as u32,
            reserved: 0,
            shards: made.shards.len() as u64,
            datasets: made.datasets.len() as u64,
            bytes: made.bytes,
        }
    }
}

/// Begins to join HDF5 files to one. `options` may be NULL. The file `output` appears
/// when it is complete; after an error, or when the job is discarded, everything is as
/// it was before. In the progress of the job, inputs are shards, and bytes those that are
/// copied or go into checksums; their sum becomes known on the way.
///
/// Returns `NDSHM_ERR_FILE_EXISTS`, `NDSHM_ERR_FILE`, `NDSHM_ERR_ARGUMENT`,
/// `NDSHM_ERR_INPUT`, `NDSHM_ERR_HDF5`.
///
/// # Safety
/// * `shards` leads to `shards_len` texts; they, `output`, `options` and what it leads
///   to stay as they are during the call.
/// * `job` can be written. What was in it is forgotten, not closed.
/// * `error` is NULL, or its `struct_size` is set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndshm_join_start(
    shards: *const *const c_char,
    shards_len: usize,
    output: *const c_char,
    options: *const ndshm_join_options,
    job: *mut ndshm_job,
    error: *mut ndshm_error,
) -> i32 {
    let call = || {
        let out = args::output(job, "job")?;
        // SAFETY: the caller's promise.
        let work = unsafe { start(shards, shards_len, output, options) }?;
        // SAFETY: the caller's promise; it is aligned.
        unsafe { job::open(out, Work::Join(work.into())) };
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard(error, call) }
}

/// Steps a joining until everything is done, completes the file and gives it its name,
/// and closes the job, also if that fails. `made` may be NULL.
///
/// Returns `NDSHM_ERR_INPUT` for a shard that cannot be read or is not whole,
/// `NDSHM_ERR_SHARDS` for shards that do not fit together, `NDSHM_ERR_DISK_FULL`,
/// `NDSHM_ERR_FILE`, `NDSHM_ERR_HDF5`, `NDSHM_ERR_CANCELLED`.
///
/// # Safety
/// * `job` is NULL, or a handle that no other thread uses.
/// * `made` is NULL, or its `struct_size` is set.
/// * `error` is NULL, or its `struct_size` is set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndshm_join_finish(
    job: *mut ndshm_job,
    made: *mut ndshm_joined,
    error: *mut ndshm_error,
) -> i32 {
    let call = || {
        // SAFETY: the caller's promise.
        let room = unsafe { room(made) }?;
        // SAFETY: the caller's promise.
        let work = unsafe { job::take(job, |work| matches!(work, Work::Join(_))) }?;
        let summary = work.into_join()?.finish()?;
        // SAFETY: the caller's promise; the size was checked.
        unsafe { fill(made, room, &ndshm_joined::of(&summary)) };
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard(error, call) }
}

/// Joins HDF5 files to one: `ndshm_join_start` and `ndshm_join_finish` in one call.
///
/// # Safety
/// * As for both.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndshm_join(
    shards: *const *const c_char,
    shards_len: usize,
    output: *const c_char,
    options: *const ndshm_join_options,
    made: *mut ndshm_joined,
    error: *mut ndshm_error,
) -> i32 {
    let call = || {
        // SAFETY: the caller's promise.
        let room = unsafe { room(made) }?;
        // SAFETY: the caller's promise.
        let summary = unsafe { start(shards, shards_len, output, options) }?.finish()?;
        // SAFETY: the caller's promise; the size was checked.
        unsafe { fill(made, room, &ndshm_joined::of(&summary)) };
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard(error, call) }
}

/// # Safety
/// * As for [`ndshm_join_start`].
unsafe fn start(
    shards: *const *const c_char,
    shards_len: usize,
    output: *const c_char,
    options: *const ndshm_join_options,
) -> Result<Job, Failed> {
    // SAFETY: the caller's promise.
    let options = unsafe { args::options(options) }?;
    // SAFETY: the caller's promise.
    let options = unsafe { options.read() }?;
    // SAFETY: the caller's promise.
    let output = unsafe { path(output, "output") }?;
    // SAFETY: the caller's promise.
    let given = unsafe { args::items(shards, shards_len, "shards") }?;
    // SAFETY: the caller's promise.
    let paths = given.iter().map(|&at| unsafe { path(at, "a shard") });
    let paths: Vec<PathBuf> = paths.collect::<Result<_, _>>()?;
    Ok(Job::start(paths, &output, &options)?)
}

/// What came out of verifying. Set `struct_size` to `sizeof(ndshm_verified)`; the
/// rest is written.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct ndshm_verified {
    /// `sizeof(ndshm_verified)`. More than this library knows is left alone.
    pub struct_size: u32,
    /// 0.
    pub reserved: u32,
    /// How much is wrong; 0 if the file is whole.
    pub problems: u64,
    /// Shards that the file refers to; 0 if it is not a joined one.
    pub shards: u64,
    /// Datasets.
    pub datasets: u64,
    /// Shards whose checksum was compared.
    pub checksums: u64,
}

// SAFETY: `repr(C)`, the size first; integers, which may be zero.
unsafe impl Options for ndshm_verified {
    const NAME: &'static str = "ndshm_verified";
    const MIN_SIZE: usize = size_of::<Self>();
}

impl ndshm_verified {
    const fn of(found: &Verified) -> Self {
        Self {
            struct_size: size_of::<Self>() as u32,
            reserved: 0,
            problems: found.problems.len() as u64,
            shards: found.shards as u64,
            datasets: found.datasets as u64,
            checksums: found.checksums as u64,
        }
    }
}

/// Called with a problem: the file or shard; the dataset in it, or NULL; one word for
/// the sort of problem, which never changes; a sentence for people, without the names;
/// and `user` as it was given. All are valid during the call. Returns 0 to go on;
/// anything else ends the telling and is what the call returns.
pub type ndshm_problem_callback = Option<
    unsafe extern "C" fn(
        file: *const c_char,
        dataset: *const c_char,
        kind: *const c_char,
        message: *const c_char,
        user: *mut c_void,
    ) -> i32,
>;

/// Begins to look whether an HDF5 file is whole: of a joined one, whether all shards
/// are there and as they were. 1 for `quick` leaves out the checksums.
///
/// Returns `NDSHM_ERR_ARGUMENT`, `NDSHM_ERR_OS`.
///
/// # Safety
/// * `file` is text.
/// * `job` can be written. What was in it is forgotten, not closed.
/// * `error` is NULL, or its `struct_size` is set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndshm_verify_start(
    file: *const c_char,
    quick: u32,
    job: *mut ndshm_job,
    error: *mut ndshm_error,
) -> i32 {
    let call = || {
        let out = args::output(job, "job")?;
        // SAFETY: the caller's promise.
        let work = unsafe { look(file, quick) }?;
        // SAFETY: the caller's promise; it is aligned.
        unsafe { job::open(out, Work::Verify(work.into())) };
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard(error, call) }
}

/// Steps a verifying until everything is done, tells of each problem, and closes the
/// job, also if that fails. `callback` and `found` may be NULL. A file that is not whole
/// is not an error: see `found`, which is written before the callback is called.
///
/// Returns `NDSHM_ERR_CANCELLED`, or what the callback returned.
///
/// # Safety
/// * `job` is NULL, or a handle that no other thread uses.
/// * `callback` returns, and does not leave by `longjmp` or an exception.
/// * `found` is NULL, or its `struct_size` is set.
/// * `error` is NULL, or its `struct_size` is set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndshm_verify_finish(
    job: *mut ndshm_job,
    callback: ndshm_problem_callback,
    user: *mut c_void,
    found: *mut ndshm_verified,
    error: *mut ndshm_error,
) -> i32 {
    let call = || {
        // SAFETY: the caller's promise.
        let room = unsafe { room(found) }?;
        // SAFETY: the caller's promise.
        let work = unsafe { job::take(job, |work| matches!(work, Work::Verify(_))) }?;
        let verified = work.into_verify()?.finish()?;
        // SAFETY: the caller's promise; the size was checked.
        unsafe { fill(found, room, &ndshm_verified::of(&verified)) };
        // SAFETY: the caller's promise.
        Ok(unsafe { tell(&verified.problems, callback, user) }?)
    };
    // SAFETY: the caller's promise.
    unsafe { guard(error, call) }
}

/// Looks whether an HDF5 file is whole: `ndshm_verify_start` and `ndshm_verify_finish`
/// in one call.
///
/// # Safety
/// * As for both.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndshm_verify(
    file: *const c_char,
    quick: u32,
    callback: ndshm_problem_callback,
    user: *mut c_void,
    found: *mut ndshm_verified,
    error: *mut ndshm_error,
) -> i32 {
    let call = || {
        // SAFETY: the caller's promise.
        let room = unsafe { room(found) }?;
        // SAFETY: the caller's promise.
        let verified = unsafe { look(file, quick) }?.finish()?;
        // SAFETY: the caller's promise; the size was checked.
        unsafe { fill(found, room, &ndshm_verified::of(&verified)) };
        // SAFETY: the caller's promise.
        Ok(unsafe { tell(&verified.problems, callback, user) }?)
    };
    // SAFETY: the caller's promise.
    unsafe { guard(error, call) }
}

/// # Safety
/// * `file` is NULL, or text.
unsafe fn look(file: *const c_char, quick: u32) -> Result<VerifyJob, Failed> {
    if quick > 1 {
        return Err(Fault::Range("quick").into());
    }
    let options = VerifyOptions { quick: quick == 1 };
    // SAFETY: the caller's promise.
    let file = unsafe { path(file, "file") }?;
    Ok(VerifyJob::start(&file, &options)?)
}

/// # Safety
/// * As for [`ndshm_verify_finish`].
unsafe fn tell(
    problems: &[Problem],
    callback: ndshm_problem_callback,
    user: *mut c_void,
) -> Result<(), Fault> {
    let Some(callback) = callback else { return Ok(()) };
    for problem in problems {
        let file = c_text(problem.file.as_os_str().as_bytes());
        let dataset = problem.dataset.as_ref().map(|name| c_text(name.as_bytes()));
        let dataset = dataset.as_deref().map_or(ptr::null(), CStr::as_ptr);
        let kind = c_text(problem.fault.kind().as_bytes());
        let message: String = problem.fault.to_string();
        let message = c_text(message.as_bytes());
        let (file, kind, message) = (file.as_ptr(), kind.as_ptr(), message.as_ptr());
        // SAFETY: the texts end with a NUL and live during the call; the rest is the
        // caller's promise.
        match unsafe { callback(file, dataset, kind, message, user) } {
            0 => {}
            answer => return Err(Fault::Stopped(answer)),
        }
    }
    Ok(())
}

/// A text as C has it: up to the first NUL.
fn c_text(bytes: &[u8]) -> CString {
    let end = bytes.iter().position(|&b| b == 0).unwrap_or(bytes.len());
    CString::new(bytes.get(..end).unwrap_or_default()).unwrap_or_default()
}

/// The size that `at` says it has, 0 for NULL.
///
/// # Safety
/// * `at` is NULL, or its `struct_size` is set.
unsafe fn room<T: Options>(at: *mut T) -> Result<usize, Fault> {
    // SAFETY: the caller's promise.
    if at.is_null() { Ok(0) } else { unsafe { args::room(at) } }
}

/// # Safety
/// * `at` can be written for `room` bytes.
unsafe fn fill<T: Options>(at: *mut T, room: usize, value: &T) {
    if room != 0 {
        // SAFETY: the caller's promise.
        unsafe { args::fill(at, room, value) };
    }
}

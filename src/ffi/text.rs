//! Text: which inputs. How they are read is in `reading`.

use core::ffi::{CStr, c_char, c_void};
use std::ffi::OsStr;
use std::io::{self, Read};
use std::os::fd::{FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::vec::Vec;

use super::args;
use super::error::{
    Failure, Fault, NDSHM_FAULT_COLUMN_INDEX, NDSHM_FAULT_COLUMNS_CHANGED,
    NDSHM_FAULT_COLUMNS_REQUIRED, NDSHM_FAULT_CONVERT, NDSHM_FAULT_ENCODING, NDSHM_NO_INPUT,
    NDSHM_NO_PLACE, Place, RowFault,
};
use crate::load::{Input, InputFault, LoadError, Position, Problem, TextError};
use crate::sys::duplicate;

impl Place {
    /// A place in the inputs, in the words of the record.
    pub(super) fn of(position: Option<Position<'_>>) -> Self {
        position.map_or(Self::NONE, |at| Self {
            input: u32::try_from(at.input).unwrap_or(NDSHM_NO_INPUT),
            line: at.line,
            row: if at.line == 0 { NDSHM_NO_PLACE } else { at.row },
            byte: at.byte.unwrap_or(NDSHM_NO_PLACE),
            column: at.column,
        })
    }
}

impl Failure for LoadError {
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
            Self::Text(error) => RowFault::of(error),
            Self::Input { reason: InputFault::Encoding { .. }, .. } => {
                RowFault { kind: NDSHM_FAULT_ENCODING, ..RowFault::NONE }
            }
            _ => RowFault::NONE,
        }
    }
}

impl<'a> RowFault<'a> {
    /// What is wrong with a row, in the words of the record.
    fn of(error: &'a TextError) -> Self {
        let (kind, wanted, found, dtype) = match &error.problem {
            Problem::Convert { dtype, .. } => (NDSHM_FAULT_CONVERT, 0, 0, dtype.as_str()),
            Problem::ColumnsChanged { from, to } => {
                (NDSHM_FAULT_COLUMNS_CHANGED, i64::from(*from), *to, "")
            }
            Problem::ColumnsRequired { need, found } => {
                (NDSHM_FAULT_COLUMNS_REQUIRED, i64::from(*need), *found, "")
            }
            Problem::ColumnIndex { index, found } => {
                (NDSHM_FAULT_COLUMN_INDEX, i64::from(*index), *found, "")
            }
            _ => (NDSHM_FAULT_ENCODING, 0, 0, ""),
        };
        Self { kind, wanted, found: found.into(), text: &error.text, dtype }
    }
}

/// The input is the file `path`.
pub const NDSHM_INPUT_FILE: u32 = 0;
/// The input is what comes out of the descriptor `fd`.
pub const NDSHM_INPUT_FD: u32 = 1;
/// The input is what the function `read` gives.
pub const NDSHM_INPUT_READER: u32 = 2;

/// Gives text: writes at most `size` bytes to `buffer`, and returns how many, 0
/// at the end, or a negative `errno` (`-EIO`). It is called in the thread that
/// steps the job, and the step takes as long as it does; `-EAGAIN` says that
/// there is nothing yet. It returns, and does not leave by `longjmp` or an
/// exception.
pub type ndshm_read_function =
    Option<unsafe extern "C" fn(context: *mut c_void, buffer: *mut c_void, size: usize) -> isize>;

/// One input. Zeros and a path are a file: `{.path = "a.tsv"}`.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct ndshm_input {
    /// `NDSHM_INPUT_...`.
    pub kind: u32,
    /// A descriptor that can be read; it is duplicated, and stays the caller's.
    pub fd: i32,
    /// The file; of other kinds the name for messages, may be NULL.
    pub path: *const c_char,
    /// The function that gives the text.
    pub read: ndshm_read_function,
    /// Passed to it. It stays valid until the job is closed.
    pub context: *mut c_void,
}

/// The inputs of a job.
///
/// # Safety
/// * `inputs` leads to `count` inputs, whose pointers lead to what their
///   documentation says.
pub(super) unsafe fn inputs(inputs: *const ndshm_input, count: usize) -> Result<Vec<Input>, Fault> {
    if count == 0 {
        return Err(Fault::Range("inputs_len"));
    }
    // SAFETY: the caller's promise.
    let given = unsafe { args::items(inputs, count, "inputs") }?;
    // SAFETY: the caller's promise.
    given.iter().map(|input| unsafe { input.open() }).collect()
}

impl ndshm_input {
    /// # Safety
    /// * Its pointers lead to what their documentation says.
    unsafe fn open(&self) -> Result<Input, Fault> {
        match self.kind {
            NDSHM_INPUT_FILE => {
                // SAFETY: the caller's promise.
                let path = unsafe { path(self.path, "path of an input") }?;
                Ok(Input::File(path))
            }
            NDSHM_INPUT_FD => {
                let own = duplicate(self.fd)?.into_raw();
                // SAFETY: just duplicated, and nobody else knows the number.
                let own = unsafe { OwnedFd::from_raw_fd(own) };
                // SAFETY: the caller's promise.
                Ok(Input::descriptor(unsafe { self.name("descriptor") }, own))
            }
            NDSHM_INPUT_READER => {
                let read = self.read.ok_or(Fault::Null("read of an input"))?;
                let reader = Callback { read, context: self.context };
                // SAFETY: the caller's promise.
                Ok(Input::stream(unsafe { self.name("reader") }, reader))
            }
            _ => Err(Fault::Range("kind of an input")),
        }
    }

    /// What messages call it.
    ///
    /// # Safety
    /// * The path is NULL, or text.
    unsafe fn name(&self, otherwise: &str) -> std::string::String {
        // SAFETY: the caller's promise.
        let name = unsafe { args::text(self.path, "path of an input") };
        name.unwrap_or(otherwise).into()
    }
}

/// A path, which need not be UTF-8.
///
/// # Safety
/// * `at` is NULL, or points to text with a NUL at its end.
pub(super) unsafe fn path(at: *const c_char, what: &'static str) -> Result<PathBuf, Fault> {
    if at.is_null() {
        return Err(Fault::Null(what));
    }
    // SAFETY: the caller's promise, and it is not NULL.
    let bytes = unsafe { CStr::from_ptr(at) }.to_bytes();
    if bytes.is_empty() { Err(Fault::Range(what)) } else { Ok(OsStr::from_bytes(bytes).into()) }
}

/// A function of the caller's as a reader.
struct Callback {
    read: unsafe extern "C" fn(*mut c_void, *mut c_void, usize) -> isize,
    context: *mut c_void,
}

// SAFETY: `ndshm_input` says that the function is called by the thread that steps the job,
// whichever that is.
unsafe impl Send for Callback {}

impl Read for Callback {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // SAFETY: the caller promised such a function and such a context; the buffer is
        // writable for its length.
        let got = unsafe { (self.read)(self.context, buffer.as_mut_ptr().cast(), buffer.len()) };
        match usize::try_from(got) {
            Ok(len) if len <= buffer.len() => Ok(len),
            Ok(_) => Err(io::Error::from(io::ErrorKind::InvalidData)),
            Err(_) => Err(io::Error::from_raw_os_error(
                i32::try_from(got.unsigned_abs()).unwrap_or(i32::MAX),
            )),
        }
    }
}

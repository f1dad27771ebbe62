//! Text: which inputs, and how they are read.

use core::ffi::{CStr, c_char, c_void};
use std::ffi::OsStr;
use std::io::{self, Read};
use std::os::fd::{FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::vec::Vec;

use super::args::{self, Options};
use super::error::{Failure, Fault, NDSHM_NO_INPUT, NDSHM_NO_PLACE, Place};
use crate::dtype_buf::DTypeBuf;
use crate::load::{self, ColumnRef, Comments, Input, LoadError, Position};
use crate::sys::duplicate;
use crate::text::Delimiter;

impl Place {
    /// A place in the inputs, in the words of the record.
    pub(super) fn of(position: Option<Position<'_>>) -> Self {
        position.map_or(Self::NONE, |at| Self {
            input: u32::try_from(at.input).unwrap_or(NDSHM_NO_INPUT),
            line: at.line,
            row: if at.line == 0 { NDSHM_NO_PLACE } else { at.row },
            byte: if at.line == 0 { NDSHM_NO_PLACE } else { at.byte },
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

/// How text is read, in the terms of `np.loadtxt` where it has them. Zeros are
/// defaults, but `dtype` must be there.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct ndshm_text_options {
    /// `sizeof(ndshm_text_options)`.
    pub struct_size: u32,
    /// Worker processes, 0 for as many as there are processors to use.
    pub workers: u32,
    /// Type of the rows, if it is a record, or else of every value, as for
    /// `ndshm_create_options`.
    pub dtype: *const c_char,
    /// The one character that parts fields; NULL for any white space.
    pub delimiter: *const c_char,
    /// The one character that begins a comment; NULL for `"#"`, `""` for none.
    pub comments: *const c_char,
    /// `usecols_len` columns to read, in this order, from 0; negative ones count
    /// from the end. NULL for all.
    pub usecols: *const i32,
    /// Columns at `usecols`.
    pub usecols_len: usize,
    /// Lines to skip at the start of each input.
    pub skiprows: u64,
    /// Rows to read of each input, 0 for all.
    pub max_rows: u64,
    /// Bytes of memory to use at most, 0 for 64 MiB and 16 MiB a worker.
    pub memory: u64,
    /// 1 if an input without rows is no error.
    pub allow_empty: u32,
    /// 0.
    pub reserved: u32,
}

// SAFETY: `repr(C)`, the size first; integers and pointers, which may be zero.
unsafe impl Options for ndshm_text_options {
    const NAME: &'static str = "ndshm_text_options";
    const MIN_SIZE: usize = size_of::<Self>();
}

/// How text is read, in Rust's terms.
pub(super) struct Reading {
    pub(super) dtype: DTypeBuf,
    pub(super) options: load::Options,
}

impl ndshm_text_options {
    /// # Safety
    /// * `options` is NULL, or points to options as [`args::options`] asks for,
    ///   whose pointers lead to what their documentation says.
    pub(super) unsafe fn reading(options: *const Self) -> Result<Reading, Fault> {
        // SAFETY: the caller's promise.
        let given = unsafe { args::options(options) }?;
        if given.allow_empty > 1 || given.reserved != 0 {
            return Err(Fault::Range("options->allow_empty or reserved"));
        }
        // SAFETY: the caller's promise.
        let dtype = DTypeBuf::parse(unsafe { args::text(given.dtype, "options->dtype") }?)?;
        let all = given.usecols.is_null();
        // SAFETY: the caller's promise.
        let usecols = unsafe { args::items(given.usecols, given.usecols_len, "options->usecols") }?;
        // SAFETY: the caller's promise.
        let (delimiter, comments) = unsafe { given.marks() }?;
        let options = load::Options {
            delimiter,
            comments,
            skiprows: given.skiprows,
            max_rows: (given.max_rows != 0).then_some(given.max_rows),
            usecols: (!all).then(|| usecols.iter().copied().map(ColumnRef::Index).collect()),
            workers: (given.workers != 0).then_some(given.workers as usize),
            memory: (given.memory != 0).then_some(given.memory),
            allow_empty: given.allow_empty == 1,
            ..load::Options::default()
        };
        Ok(Reading { dtype, options })
    }

    /// # Safety
    /// * The texts are NULL, or stay as they are during the call.
    unsafe fn marks(&self) -> Result<(Delimiter, Comments), Fault> {
        // SAFETY: the caller's promise.
        let delimiter = match unsafe { character(self.delimiter, "options->delimiter") }? {
            Given::Nothing => Delimiter::Whitespace,
            Given::Empty => return Err(Fault::Range("options->delimiter")),
            Given::Byte(byte) => Delimiter::Char(byte.into()),
        };
        // SAFETY: the caller's promise.
        let comments = match unsafe { character(self.comments, "options->comments") }? {
            Given::Nothing => Comments::Char('#'),
            Given::Empty => Comments::None,
            Given::Byte(byte) => Comments::Char(byte.into()),
        };
        Ok((delimiter, comments))
    }
}

/// A text of at most one character.
enum Given {
    Nothing,
    Empty,
    Byte(u8),
}

/// # Safety
/// * As for [`args::text`].
unsafe fn character(at: *const c_char, what: &'static str) -> Result<Given, Fault> {
    if at.is_null() {
        return Ok(Given::Nothing);
    }
    // SAFETY: the caller's promise, passed on.
    match unsafe { args::text(at, what) }?.as_bytes() {
        [] => Ok(Given::Empty),
        [byte] => Ok(Given::Byte(*byte)),
        _ => Err(Fault::Range(what)),
    }
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

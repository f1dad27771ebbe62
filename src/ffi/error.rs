//! Errors at the boundary: codes, their texts, and the caller's record of one.

mod fault;

use core::ffi::{CStr, c_char};
use core::fmt::{self, Write};

#[cfg(feature = "std")]
pub(super) use fault::RowFault;
pub(super) use fault::{Failure, Fault, Place};

use crate::error::{DTypeFault, Error, HeaderPart, NameFault};

/// No error.
pub const NDSHM_OK: i32 = 0;

/// An argument is NULL or out of its range; an options struct has a size or a
/// field that this library does not know.
pub const NDSHM_ERR_ARGUMENT: i32 = -1;
/// A size does not fit this machine.
pub const NDSHM_ERR_OVERFLOW: i32 = -2;
/// A system call failed; `os_errno` says why.
pub const NDSHM_ERR_OS: i32 = -3;

/// The text is not a segment name.
pub const NDSHM_ERR_NAME: i32 = -10;
/// A live or persistent segment has this name.
pub const NDSHM_ERR_EXISTS: i32 = -11;
/// No segment has this name.
pub const NDSHM_ERR_NOT_FOUND: i32 = -12;
/// The segment is there, its data is not complete yet.
pub const NDSHM_ERR_NOT_READY: i32 = -13;
/// Another process holds the segment's lock exclusively.
pub const NDSHM_ERR_BUSY: i32 = -14;
/// The object of this name was not made by ndshm.
pub const NDSHM_ERR_NOT_NDSHM: i32 = -15;
/// The segment needs a newer library.
pub const NDSHM_ERR_TOO_NEW: i32 = -16;
/// The segment was made by a machine of the other byte order.
pub const NDSHM_ERR_ENDIAN: i32 = -17;
/// The object is shorter than its header says.
pub const NDSHM_ERR_TRUNCATED: i32 = -18;
/// The header contradicts itself.
pub const NDSHM_ERR_CORRUPT: i32 = -19;
/// Shared memory is full.
pub const NDSHM_ERR_NO_SPACE: i32 = -20;
/// The owner's permissions do not allow it.
pub const NDSHM_ERR_PERMISSION: i32 = -21;
/// The creator died before the data was complete.
pub const NDSHM_ERR_CREATOR_DIED: i32 = -22;
/// The segment is attached for reading only.
pub const NDSHM_ERR_READ_ONLY: i32 = -23;
/// The memory behind the descriptor is not sealed: somebody could shorten it.
pub const NDSHM_ERR_UNSEALED: i32 = -24;

/// The text is not a dtype.
pub const NDSHM_ERR_DTYPE: i32 = -40;
/// A dtype has more fields than the tables given for it.
pub const NDSHM_ERR_DTYPE_SPACE: i32 = -41;
/// A dtype has no text form that can be read.
pub const NDSHM_ERR_NOT_TEXT: i32 = -42;
/// The elements are of another type than the one asked for.
pub const NDSHM_ERR_DTYPE_DIFFERS: i32 = -43;
/// What missing values of a column are to become is no value of its type.
pub const NDSHM_ERR_FILL: i32 = -44;

/// An input cannot be read: it is missing, a directory, not plain text, or it
/// changed meanwhile.
pub const NDSHM_ERR_INPUT: i32 = -50;
/// A line of an input is not what the dtype and the options say.
pub const NDSHM_ERR_TEXT: i32 = -51;
/// Inputs that become one array have different numbers of columns.
pub const NDSHM_ERR_COLUMNS: i32 = -52;
/// Workers died: twice at the same piece, or all of them.
pub const NDSHM_ERR_WORKERS: i32 = -53;
/// Somebody cancelled the job.
pub const NDSHM_ERR_CANCELLED: i32 = -54;
/// The memory given is too small for a row or a line.
pub const NDSHM_ERR_MEMORY: i32 = -55;
/// An input has no rows.
pub const NDSHM_ERR_EMPTY: i32 = -56;
/// The HDF5 library failed.
pub const NDSHM_ERR_HDF5: i32 = -60;
/// The file exists, and replacing it was not asked for.
pub const NDSHM_ERR_FILE_EXISTS: i32 = -61;
/// The file cannot be written there.
pub const NDSHM_ERR_FILE: i32 = -62;
/// The disk is full.
pub const NDSHM_ERR_DISK_FULL: i32 = -63;
/// A dataset cannot have this name, or two would have it.
pub const NDSHM_ERR_DATASET_NAME: i32 = -64;
/// HDF5 has no type for the dtype.
pub const NDSHM_ERR_HDF5_TYPE: i32 = -65;
/// Shards do not fit together, or are not what the joined file has noted.
pub const NDSHM_ERR_SHARDS: i32 = -68;

/// The process has threads, so workers cannot be forked, and the function was not
/// given to `ndshm_map_serve`, so they cannot be started by exec.
pub const NDSHM_ERR_THREADS: i32 = -70;
/// The function of a map returned a number that is no status.
pub const NDSHM_ERR_MAP_FUNCTION: i32 = -71;
/// Two workers died of the same item.
pub const NDSHM_ERR_MAP_DIED: i32 = -72;
/// Workers die before they get an item.
pub const NDSHM_ERR_MAP_START: i32 = -73;
/// Nothing happened in the time that was given.
pub const NDSHM_ERR_TIMEOUT: i32 = -74;
/// There is no more.
pub const NDSHM_ERR_END: i32 = -75;

/// The handle is not open: never, not any more, or not in the state that the
/// function needs.
pub const NDSHM_ERR_HANDLE: i32 = -80;
/// The record has no such field.
pub const NDSHM_ERR_NO_FIELD: i32 = -81;

/// The library has a bug: it gave up in the middle of the call. What the call
/// was given is not to be used again, but to be freed.
pub const NDSHM_ERR_PANIC: i32 = -90;

const _: () = {
    assert!(NDSHM_ERR_ARGUMENT == Error::Argument.code());
    assert!(NDSHM_ERR_OVERFLOW == Error::Overflow.code());
    assert!(NDSHM_ERR_OS == Error::Os { call: "", errno: 0 }.code());
    assert!(NDSHM_ERR_NAME == Error::Name(NameFault::Empty).code());
    assert!(NDSHM_ERR_EXISTS == Error::Exists.code());
    assert!(NDSHM_ERR_NOT_FOUND == Error::NotFound.code());
    assert!(NDSHM_ERR_NOT_READY == Error::NotReady.code());
    assert!(NDSHM_ERR_BUSY == Error::Busy.code());
    assert!(NDSHM_ERR_NOT_NDSHM == Error::NotNdshm.code());
    assert!(NDSHM_ERR_TOO_NEW == Error::TooNew { major: 0, minor: 0 }.code());
    assert!(NDSHM_ERR_ENDIAN == Error::Endian.code());
    assert!(NDSHM_ERR_TRUNCATED == Error::Truncated { need: 0, have: 0 }.code());
    assert!(NDSHM_ERR_CORRUPT == Error::Corrupt(HeaderPart::Data).code());
    assert!(NDSHM_ERR_NO_SPACE == Error::NoSpace { need: 0, free: 0 }.code());
    assert!(NDSHM_ERR_PERMISSION == Error::Permission.code());
    assert!(NDSHM_ERR_CREATOR_DIED == Error::CreatorDied.code());
    assert!(NDSHM_ERR_READ_ONLY == Error::ReadOnly.code());
    assert!(NDSHM_ERR_UNSEALED == Error::Unsealed.code());
    assert!(NDSHM_ERR_DTYPE == Error::DType { at: 0, fault: DTypeFault::Empty }.code());
    assert!(NDSHM_ERR_DTYPE_SPACE == Error::DTypeSpace.code());
    assert!(NDSHM_ERR_DTYPE_DIFFERS == Error::DTypeDiffers.code());
    assert!(NDSHM_ERR_NOT_TEXT == Error::NotText { node: 0 }.code());
    assert!(NDSHM_ERR_FILL == Error::Fill { slot: 0 }.code());
};

#[cfg(feature = "std")]
const _: () = {
    use crate::error::code;

    assert!(NDSHM_ERR_INPUT == code::INPUT);
    assert!(NDSHM_ERR_TEXT == code::TEXT);
    assert!(NDSHM_ERR_COLUMNS == code::COLUMNS);
    assert!(NDSHM_ERR_WORKERS == code::WORKERS);
    assert!(NDSHM_ERR_CANCELLED == code::CANCELLED);
    assert!(NDSHM_ERR_MEMORY == code::MEMORY);
    assert!(NDSHM_ERR_EMPTY == code::EMPTY);
    assert!(NDSHM_ERR_HDF5 == code::HDF5);
    assert!(NDSHM_ERR_FILE_EXISTS == code::TARGET_EXISTS);
    assert!(NDSHM_ERR_FILE == code::TARGET);
    assert!(NDSHM_ERR_DISK_FULL == code::DISK_FULL);
    assert!(NDSHM_ERR_DATASET_NAME == code::DATASET_NAME);
    assert!(NDSHM_ERR_HDF5_TYPE == code::HDF5_TYPE);
    assert!(NDSHM_ERR_SHARDS == code::SHARDS);
    assert!(NDSHM_ERR_THREADS == code::THREADS);
    assert!(NDSHM_ERR_MAP_FUNCTION == code::MAP_FUNCTION);
    assert!(NDSHM_ERR_MAP_DIED == code::MAP_DIED);
    assert!(NDSHM_ERR_MAP_START == code::MAP_START);
    assert!(NDSHM_ERR_PANIC == code::PANIC);
};

/// Bytes of the message in `ndshm_error`, its NUL included.
pub const NDSHM_MESSAGE_SIZE: usize = 464;
/// Bytes of the text that is wrong in `ndshm_error`, its NUL included.
pub const NDSHM_FAULT_TEXT_SIZE: usize = 408;
/// Bytes of the type in `ndshm_error`, its NUL included.
pub const NDSHM_FAULT_DTYPE_SIZE: usize = 80;

/// In `ndshm_error`: `text` does not convert to `dtype`.
pub const NDSHM_FAULT_CONVERT: u32 = 1;
/// In `ndshm_error`: the rows before have `wanted` columns, this one `found`.
pub const NDSHM_FAULT_COLUMNS_CHANGED: u32 = 2;
/// In `ndshm_error`: the dtype has `wanted` fields, the row `found` columns.
pub const NDSHM_FAULT_COLUMNS_REQUIRED: u32 = 3;
/// In `ndshm_error`: `usecols` asks for the column `wanted`, the row has `found`.
pub const NDSHM_FAULT_COLUMN_INDEX: u32 = 4;
/// In `ndshm_error`: bytes that are not in the encoding.
pub const NDSHM_FAULT_ENCODING: u32 = 5;

/// In `ndshm_error`: the error is not about one of several inputs.
pub const NDSHM_NO_INPUT: u32 = u32::MAX;
/// In `ndshm_error`: no such place.
pub const NDSHM_NO_PLACE: u64 = u64::MAX;

/// What went wrong and where, in the caller's memory. Set `struct_size` to
/// `sizeof(ndshm_error)` before the first call; the rest is written when a call
/// fails, and left alone when it succeeds.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct ndshm_error {
    /// `sizeof(ndshm_error)`. A call that finds less than this struct has, or
    /// more than 4096, fails with `NDSHM_ERR_ARGUMENT` and does nothing.
    pub struct_size: u32,
    /// The status that the call returned.
    pub code: i32,
    /// The `errno` of a failed system call, 0 if there was none.
    pub os_errno: i32,
    /// Which of the inputs, files or items, from 0; else `NDSHM_NO_INPUT`.
    pub input: u32,
    /// Line of the input, from 1, every line counted; 0 if none is meant.
    pub line: u64,
    /// Row of the input, from 0, lines without a row not counted; else
    /// `NDSHM_NO_PLACE`.
    pub row: u64,
    /// Byte of the input, or of the text that was given, at which it went
    /// wrong, from 0; of a row that was compressed, byte of the text when it is
    /// unpacked. `NDSHM_NO_PLACE` if there is none, or if it is not known: for a
    /// row of UTF-16 or UTF-32.
    pub byte: u64,
    /// Column of the input, from 1; 0 if none is meant.
    pub column: u32,
    /// What is wrong with a row of text: `NDSHM_FAULT_...`, 0 for all else.
    pub fault: u32,
    /// A sentence for people, in UTF-8, cut off if it is too long, always
    /// ended by a NUL.
    pub message: [c_char; NDSHM_MESSAGE_SIZE],
    /// The number that there should be, see `NDSHM_FAULT_...`; else 0.
    pub wanted: i64,
    /// The number that there is; else 0.
    pub found: i64,
    /// Bytes at `text`, without the NUL at its end.
    pub text_len: u32,
    /// 0.
    pub reserved: u32,
    /// The text that is wrong, without quotes around it: its first 100 characters,
    /// among which may be NULs.
    pub text: [c_char; NDSHM_FAULT_TEXT_SIZE],
    /// The type that the text does not convert to: `<i4`, `|S10`, `<M8[s]`.
    pub dtype: [c_char; NDSHM_FAULT_DTYPE_SIZE],
}

/// What a status means, as static text; "unknown status" for a number that is
/// none. The message in `ndshm_error` says more.
#[unsafe(no_mangle)]
pub extern "C" fn ndshm_strerror(status: i32) -> *const c_char {
    meaning(status).as_ptr()
}

pub(super) const UNKNOWN: &CStr = c"unknown status";

pub(super) const fn meaning(status: i32) -> &'static CStr {
    match status {
        NDSHM_OK => c"no error",
        NDSHM_ERR_ARGUMENT => c"argument out of range",
        NDSHM_ERR_OVERFLOW => c"size does not fit this machine",
        NDSHM_ERR_OS => c"system call failed",
        NDSHM_ERR_NAME => c"not a segment name",
        NDSHM_ERR_EXISTS => c"a segment of this name exists",
        NDSHM_ERR_NOT_FOUND => c"no segment of this name",
        NDSHM_ERR_NOT_READY => c"segment is not ready",
        NDSHM_ERR_BUSY => c"segment is locked by another process",
        NDSHM_ERR_NOT_NDSHM => c"not an ndshm segment",
        NDSHM_ERR_TOO_NEW => c"segment needs a newer library",
        NDSHM_ERR_ENDIAN => c"segment was written in the other byte order",
        NDSHM_ERR_TRUNCATED => c"segment is truncated",
        NDSHM_ERR_CORRUPT => c"segment header is corrupt",
        NDSHM_ERR_NO_SPACE => c"shared memory is full",
        NDSHM_ERR_PERMISSION => c"permission denied",
        NDSHM_ERR_CREATOR_DIED => c"segment was abandoned by its creator",
        NDSHM_ERR_READ_ONLY => c"mapping is read-only",
        NDSHM_ERR_UNSEALED => c"memory is not sealed",
        NDSHM_ERR_DTYPE => c"not a dtype",
        NDSHM_ERR_DTYPE_SPACE => c"dtype has too many fields",
        NDSHM_ERR_DTYPE_DIFFERS => c"elements are of another type",
        NDSHM_ERR_NOT_TEXT => c"this type cannot be read from text",
        NDSHM_ERR_FILL => c"fill is not a value of its column",
        NDSHM_ERR_INPUT => c"input cannot be read",
        NDSHM_ERR_TEXT => c"text is not what the dtype says",
        NDSHM_ERR_COLUMNS => c"inputs have different numbers of columns",
        NDSHM_ERR_WORKERS => c"worker processes died",
        NDSHM_ERR_CANCELLED => c"job was cancelled",
        NDSHM_ERR_MEMORY => c"memory given is too small",
        NDSHM_ERR_EMPTY => c"input has no rows",
        NDSHM_ERR_HDF5 => c"HDF5 failed",
        NDSHM_ERR_FILE_EXISTS => c"file exists",
        NDSHM_ERR_FILE => c"file cannot be written",
        NDSHM_ERR_DISK_FULL => c"disk is full",
        NDSHM_ERR_DATASET_NAME => c"dataset cannot be named so",
        NDSHM_ERR_HDF5_TYPE => c"HDF5 has no type for this dtype",
        NDSHM_ERR_THREADS => c"workers cannot be forked from a process with threads",
        NDSHM_ERR_MAP_FUNCTION => c"the function returned no status",
        NDSHM_ERR_MAP_DIED => c"two workers died of the same item",
        NDSHM_ERR_MAP_START => c"workers die before they get an item",
        NDSHM_ERR_TIMEOUT => c"nothing happened in time",
        NDSHM_ERR_END => c"there is no more",
        NDSHM_ERR_HANDLE => c"handle is not open",
        NDSHM_ERR_NO_FIELD => c"no such field",
        NDSHM_ERR_SHARDS => c"shards do not fit together",
        NDSHM_ERR_PANIC => c"bug in the library",
        _ => UNKNOWN,
    }
}

/// Makes the status of a call, and its record.
///
/// # Safety
/// * `error` is NULL, or points to an `ndshm_error` that nobody else uses.
pub(super) unsafe fn report(
    error: *mut ndshm_error,
    call: impl FnOnce() -> Result<(), Fault>,
) -> i32 {
    // SAFETY: the caller's promise, passed on.
    let Some(struct_size) = (unsafe { size_of_record(error) }) else { return NDSHM_ERR_ARGUMENT };
    let Err(fault) = call() else { return NDSHM_OK };
    // SAFETY: the caller's promise; the size is what the record said.
    unsafe { record(error, struct_size, &fault) }
}

/// Writes the record of a failed call, if the caller wants one; its status.
///
/// # Safety
/// * As for [`report`], and [`size_of_record`] has accepted it.
pub(super) unsafe fn record(
    error: *mut ndshm_error,
    struct_size: u32,
    failure: &(impl Failure + ?Sized),
) -> i32 {
    if !error.is_null() {
        let made = ndshm_error { struct_size, ..ndshm_error::of(failure) };
        let len = size_of::<ndshm_error>().min(struct_size as usize);
        let (from, to) = (core::ptr::from_ref(&made).cast::<u8>(), error.cast::<u8>());
        // SAFETY: not more than either has; the caller's struct is not this one.
        unsafe { to.copy_from_nonoverlapping(from, len) };
    }
    failure.code()
}

/// Sizes that a record may say: what it had when it was released first, up to
/// more than it will ever have.
const RECORD_SIZES: core::ops::RangeInclusive<u32> = 1024..=4096;
const _: () = assert!(size_of::<ndshm_error>() == *RECORD_SIZES.start() as usize);

/// The size that a record says it has, 0 if there is none; nothing for one that
/// cannot be written.
///
/// # Safety
/// * As for [`report`].
pub(super) unsafe fn size_of_record(error: *const ndshm_error) -> Option<u32> {
    if error.is_null() {
        return Some(0);
    }
    if !error.is_aligned() {
        return None;
    }
    // SAFETY: the caller's promise; every record begins with its size.
    let size = unsafe { (*error).struct_size };
    RECORD_SIZES.contains(&size).then_some(size)
}

impl ndshm_error {
    /// A record in which nothing is written yet.
    #[cfg(feature = "std")]
    pub(super) const EMPTY: Self = Self {
        struct_size: size_of::<Self>() as u32,
        code: NDSHM_OK,
        os_errno: 0,
        input: NDSHM_NO_INPUT,
        line: 0,
        row: NDSHM_NO_PLACE,
        byte: NDSHM_NO_PLACE,
        column: 0,
        fault: 0,
        message: [0; NDSHM_MESSAGE_SIZE],
        wanted: 0,
        found: 0,
        text_len: 0,
        reserved: 0,
        text: [0; NDSHM_FAULT_TEXT_SIZE],
        dtype: [0; NDSHM_FAULT_DTYPE_SIZE],
    };

    fn of(failure: &(impl Failure + ?Sized)) -> Self {
        let mut message = Message::<NDSHM_MESSAGE_SIZE>::new();
        // It takes as much as there is room for.
        let _ = write!(message, "{failure}");
        let Place { input, line, row, byte, column } = failure.place();
        let fault = failure.row_fault();
        let text = Message::<NDSHM_FAULT_TEXT_SIZE>::of(fault.text.chars().take(FAULT_CHARACTERS));
        let dtype = Message::<NDSHM_FAULT_DTYPE_SIZE>::of(fault.dtype.chars());
        Self {
            struct_size: size_of::<Self>() as u32,
            code: failure.code(),
            os_errno: failure.errno(),
            input,
            line,
            row,
            byte,
            column,
            fault: fault.kind,
            message: message.text,
            wanted: fault.wanted,
            found: fault.found,
            text_len: text.len as u32,
            reserved: 0,
            text: text.text,
            dtype: dtype.text,
        }
    }
}

/// As many characters of a text that is wrong fit in any case.
const FAULT_CHARACTERS: usize = 100;
const _: () = assert!(4 * FAULT_CHARACTERS < NDSHM_FAULT_TEXT_SIZE);

/// Text in a fixed room with a NUL at its end. What does not fit is dropped,
/// whole characters at a time.
pub(super) struct Message<const SIZE: usize> {
    pub(super) text: [c_char; SIZE],
    pub(super) len: usize,
}

impl<const SIZE: usize> Message<SIZE> {
    pub(super) const fn new() -> Self {
        Self { text: [0; SIZE], len: 0 }
    }

    fn of(mut characters: impl Iterator<Item = char>) -> Self {
        let mut message = Self::new();
        // It takes as much as there is room for.
        let _ = characters.try_for_each(|c| message.write_char(c));
        message
    }
}

impl<const SIZE: usize> Write for Message<SIZE> {
    fn write_char(&mut self, c: char) -> fmt::Result {
        let end = self.len.saturating_add(c.len_utf8());
        let room = self.text.get_mut(self.len..end).filter(|_| end < SIZE).ok_or(fmt::Error)?;
        let mut bytes = [0; 4];
        let bytes = c.encode_utf8(&mut bytes).as_bytes();
        room.iter_mut().zip(bytes).for_each(|(to, &from)| *to = from as c_char);
        self.len = end;
        Ok(())
    }

    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.chars().try_for_each(|c| self.write_char(c))
    }
}

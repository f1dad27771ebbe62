//! The type of a segment's elements: its text, its fields.

use core::ffi::c_char;
use core::fmt::{self, Write};

use super::args;
use super::error::{Fault, ndshm_error, report};
use super::handle::{borrow, ndshm_segment};
use crate::dtype::{DType, Field, Kind, Order};

/// `'b'`: one byte, 0 or 1.
pub const NDSHM_KIND_BOOL: u8 = b'b';
/// `'i'`: signed integer.
pub const NDSHM_KIND_INT: u8 = b'i';
/// `'u'`: unsigned integer.
pub const NDSHM_KIND_UINT: u8 = b'u';
/// `'f'`: IEEE 754 floating point.
pub const NDSHM_KIND_FLOAT: u8 = b'f';
/// `'c'`: complex number, the real part first.
pub const NDSHM_KIND_COMPLEX: u8 = b'c';
/// `'S'`: bytes, padded with NULs.
pub const NDSHM_KIND_BYTES: u8 = b'S';
/// `'U'`: 4-byte Unicode code points, padded with NULs.
pub const NDSHM_KIND_UNICODE: u8 = b'U';
/// `'V'`: bytes without a meaning.
pub const NDSHM_KIND_VOID: u8 = b'V';
/// `'M'`: signed 8-byte count of `unit` since 1970.
pub const NDSHM_KIND_DATETIME: u8 = b'M';
/// `'m'`: signed 8-byte count of `unit`.
pub const NDSHM_KIND_TIMEDELTA: u8 = b'm';
/// `'r'`: record of fields.
pub const NDSHM_KIND_RECORD: u8 = b'r';

/// `'<'`: little-endian.
pub const NDSHM_ORDER_LITTLE: u8 = b'<';
/// `'>'`: big-endian.
pub const NDSHM_ORDER_BIG: u8 = b'>';
/// `'|'`: none.
pub const NDSHM_ORDER_NONE: u8 = b'|';

const _: () = {
    assert!(NDSHM_KIND_BOOL == Kind::Bool as u8);
    assert!(NDSHM_KIND_INT == Kind::Int as u8);
    assert!(NDSHM_KIND_UINT == Kind::Uint as u8);
    assert!(NDSHM_KIND_FLOAT == Kind::Float as u8);
    assert!(NDSHM_KIND_COMPLEX == Kind::Complex as u8);
    assert!(NDSHM_KIND_BYTES == Kind::Bytes as u8);
    assert!(NDSHM_KIND_UNICODE == Kind::Unicode as u8);
    assert!(NDSHM_KIND_VOID == Kind::Void as u8);
    assert!(NDSHM_KIND_DATETIME == Kind::Datetime as u8);
    assert!(NDSHM_KIND_TIMEDELTA == Kind::Timedelta as u8);
    assert!(NDSHM_KIND_RECORD == Kind::Record as u8);
    assert!(NDSHM_ORDER_LITTLE == Order::Little as u8);
    assert!(NDSHM_ORDER_BIG == Order::Big as u8);
    assert!(NDSHM_ORDER_NONE == Order::None as u8);
};

/// One type of a dtype: the whole element, or a field of a record. Its pointers
/// are valid until the segment is detached.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct ndshm_field {
    /// Name in UTF-8, `name_len` bytes without a NUL; empty for the element.
    pub name: *const c_char,
    /// `ndim` extents, if the field is an array.
    pub dims: *const u32,
    /// Bytes of the name.
    pub name_len: u32,
    /// Dimensions of the field, 0 if it is no array.
    pub ndim: u32,
    /// Byte offset in its record; 0 for the element.
    pub offset: u32,
    /// Bytes of one item, `dims` not counted.
    pub itemsize: u32,
    /// Bytes of all of the field: `itemsize` times all of `dims`.
    pub size: u32,
    /// Fields of a record, 0 for other kinds.
    pub field_count: u32,
    /// The field's place in the tables of the dtype.
    pub node: u32,
    /// Multiple of `unit` that a date or a duration counts, 0 for other kinds.
    pub unit_count: u32,
    /// `NDSHM_KIND_...`.
    pub kind: u8,
    /// `NDSHM_ORDER_...`.
    pub order: u8,
    /// Unit of a date or a duration: 1 none given, 2 year, 3 month, 4 week,
    /// 5 day, 6 hour, 7 minute, 8 second, 9 ms, 10 us, 11 ns, 12 ps, 13 fs,
    /// 14 as; 0 for other kinds.
    pub unit: u8,
    /// 0.
    pub reserved: [u8; 13],
}

impl ndshm_field {
    fn of(field: Field<'_>) -> Self {
        let (node, name, dims) = (field.node(), field.name(), field.dims());
        Self {
            name: name.as_ptr().cast(),
            dims: dims.as_ptr(),
            name_len: name.len() as u32,
            ndim: dims.len() as u32,
            offset: field.offset(),
            itemsize: field.itemsize(),
            size: field.size(),
            field_count: field.fields().count() as u32,
            node: field.index() as u32,
            unit_count: node.unit_count,
            kind: node.kind,
            order: node.order,
            unit: node.unit,
            reserved: [0; 13],
        }
    }
}

/// The record to look in: the element for NULL.
///
/// # Safety
/// * `record` is NULL, or can be read.
unsafe fn record_of(dtype: DType<'_>, record: *const ndshm_field) -> Result<Field<'_>, Fault> {
    if record.is_null() {
        return Ok(dtype.root());
    }
    let record = args::output(record.cast_mut(), "record")?;
    // SAFETY: the caller's promise; it is aligned. A node that the dtype does
    // not have is a field of no fields.
    Ok(dtype.field_at(unsafe { (*record).node }))
}

/// The field `name` of a record.
///
/// # Safety
/// * `record` is NULL, or can be read; `name` is NULL, or text.
pub(super) unsafe fn find(
    dtype: DType<'_>,
    record: *const ndshm_field,
    name: *const c_char,
) -> Result<Field<'_>, Fault> {
    // SAFETY: the caller's promise.
    let name = unsafe { args::text(name, "name") }?;
    // SAFETY: the caller's promise.
    let record = unsafe { record_of(dtype, record) }?;
    record.fields().find(|field| field.name() == name).ok_or(Fault::NoField)
}

/// Field number `index` of a record.
///
/// # Safety
/// * `record` is NULL, or can be read.
pub(super) unsafe fn nth(
    dtype: DType<'_>,
    record: *const ndshm_field,
    index: u32,
) -> Result<Field<'_>, Fault> {
    // SAFETY: the caller's promise.
    let record = unsafe { record_of(dtype, record) }?;
    record.fields().nth(index as usize).ok_or(Fault::NoField)
}

/// Writes the description of the field that `find` finds, if it can be written.
///
/// # Safety
/// * `at` is NULL, or can be written.
pub(super) unsafe fn describe<'a>(
    at: *mut ndshm_field,
    find: impl FnOnce() -> Result<Field<'a>, Fault>,
) -> Result<(), Fault> {
    let out = args::output(at, "field")?;
    let found = ndshm_field::of(find()?);
    // SAFETY: the caller's promise; it is aligned.
    unsafe { out.write(found) };
    Ok(())
}

/// Describes the type of a whole element.
///
/// Returns `NDSHM_ERR_ARGUMENT`, `NDSHM_ERR_HANDLE`.
///
/// # Safety
/// * `segment` is NULL, or a handle that nobody closes meanwhile.
/// * `field` is NULL, or can be written.
/// * `error` is NULL, or its `struct_size` is set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndshm_field_element(
    segment: *const ndshm_segment,
    field: *mut ndshm_field,
    error: *mut ndshm_error,
) -> i32 {
    // SAFETY: the caller's promise.
    let find = || Ok(unsafe { borrow(segment) }?.view().dtype().root());
    // SAFETY: the caller's promise.
    let call = || unsafe { describe(field, find) };
    // SAFETY: the caller's promise.
    unsafe { report(error, call) }
}

/// Describes the field `name` of `record`, a field of this segment that came
/// from one of these functions, or NULL for the whole element.
///
/// Returns `NDSHM_ERR_NO_FIELD` if there is none, also because `record` is not
/// a record; `NDSHM_ERR_ARGUMENT`, `NDSHM_ERR_HANDLE`.
///
/// # Safety
/// * `segment` is NULL, or a handle that nobody closes meanwhile.
/// * `record` and `name` stay as they are during the call.
/// * `field` is NULL, or can be written; it may be `record`.
/// * `error` is NULL, or its `struct_size` is set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndshm_field_find(
    segment: *const ndshm_segment,
    record: *const ndshm_field,
    name: *const c_char,
    field: *mut ndshm_field,
    error: *mut ndshm_error,
) -> i32 {
    let find = || {
        // SAFETY: the caller's promise.
        let dtype = unsafe { borrow(segment) }?.view().dtype();
        // SAFETY: the caller's promise.
        unsafe { find(dtype, record, name) }
    };
    // SAFETY: the caller's promise.
    let call = || unsafe { describe(field, find) };
    // SAFETY: the caller's promise.
    unsafe { report(error, call) }
}

/// Describes field number `index` of `record`, counted from 0 up to
/// `field_count`; otherwise as `ndshm_field_find`.
///
/// # Safety
/// * As for `ndshm_field_find`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndshm_field_at(
    segment: *const ndshm_segment,
    record: *const ndshm_field,
    index: u32,
    field: *mut ndshm_field,
    error: *mut ndshm_error,
) -> i32 {
    let find = || {
        // SAFETY: the caller's promise.
        let dtype = unsafe { borrow(segment) }?.view().dtype();
        // SAFETY: the caller's promise.
        unsafe { nth(dtype, record, index) }
    };
    // SAFETY: the caller's promise.
    let call = || unsafe { describe(field, find) };
    // SAFETY: the caller's promise.
    unsafe { report(error, call) }
}

/// Writes the dtype as text into `buf`, which has room for `buf_size` bytes:
/// as NumPy prints it, so that `ndshm_segment_create` and `numpy.dtype` read it
/// back. What does not fit is cut off; there is a NUL at the end, if `buf_size`
/// is not 0.
///
/// Returns the bytes of the whole text without the NUL, however much was
/// written, like `snprintf`; 0 if the handle is not open.
///
/// # Safety
/// * `segment` is NULL, or a handle that nobody closes meanwhile.
/// * `buf` can be written for `buf_size` bytes, or is NULL, then `buf_size`
///   counts as 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndshm_segment_dtype(
    segment: *const ndshm_segment,
    buf: *mut c_char,
    buf_size: usize,
) -> usize {
    // SAFETY: the caller's promise.
    let dtype = unsafe { borrow(segment) }.ok().map(|handle| handle.view().dtype());
    // SAFETY: the caller's promise.
    unsafe { write_dtype(dtype, buf, buf_size) }
}

/// Writes a dtype as text, see [`ndshm_segment_dtype`]; the bytes of all of it.
///
/// # Safety
/// * As for [`ndshm_segment_dtype`].
pub(super) unsafe fn write_dtype(
    dtype: Option<DType<'_>>,
    buf: *mut c_char,
    buf_size: usize,
) -> usize {
    match dtype {
        // SAFETY: the caller's promise, passed on.
        Some(dtype) => unsafe { write_text(dtype, buf, buf_size) },
        // SAFETY: as before.
        None => unsafe { write_text("", buf, buf_size) },
    }
}

/// Writes a text, as far as there is room, with a NUL at its end; the bytes of all of it.
///
/// # Safety
/// * As for [`ndshm_segment_dtype`].
pub(super) unsafe fn write_text(
    shown: impl fmt::Display,
    buf: *mut c_char,
    buf_size: usize,
) -> usize {
    let buf_size = if buf.is_null() { 0 } else { buf_size };
    let mut text = Measured { buf, room: buf_size.saturating_sub(1), len: 0 };
    // It counts what it has no room for, and never fails.
    let _ = write!(text, "{shown}");
    if buf_size > 0 {
        // SAFETY: not behind the last of `buf_size` bytes, which the caller lets us write.
        let end = unsafe { buf.add(text.len.min(text.room)) };
        // SAFETY: as before.
        unsafe { end.write(0) };
    }
    text.len
}

/// Writes what there is room for and counts everything.
struct Measured {
    /// Can be written for `room` bytes.
    buf: *mut c_char,
    room: usize,
    len: usize,
}

impl Write for Measured {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let part = text.len().min(self.room.saturating_sub(self.len));
        if part > 0 {
            // SAFETY: `len` is less than `room`.
            let at = unsafe { self.buf.add(self.len) };
            // SAFETY: `part` bytes of `text` fit between there and the end of the room.
            unsafe { at.cast::<u8>().copy_from(text.as_ptr(), part) };
        }
        self.len = self.len.saturating_add(text.len());
        Ok(())
    }
}

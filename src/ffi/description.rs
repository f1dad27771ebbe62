//! What is in the columns of a table, as it was found.

use core::ffi::c_char;
use std::boxed::Box;

use super::args::{self, Options};
use super::dtype::{NDSHM_KIND_BOOL, write_text};
use super::error::{Fault, NDSHM_ERR_END, NDSHM_OK, ndshm_error, report};
use super::handle::{self, Storage, borrow, is_shareable};
use crate::describe::{Quantile, Statistics, Summary, Value};

/// Words of storage in an `ndshm_description`.
pub const NDSHM_DESCRIPTION_WORDS: usize = 7;

/// A handle: what is in the columns of a table. All zeros is a handle that is not open, so
/// begin with `ndshm_description d = {0};`. It may be moved like an `ndshm_segment`.
#[repr(C)]
#[derive(Debug)]
pub struct ndshm_description {
    /// Says whether the handle is open.
    state: u64,
    /// The library's own.
    storage: [u64; NDSHM_DESCRIPTION_WORDS],
}

// SAFETY: as it is written above.
unsafe impl Storage for ndshm_description {
    type Content = Box<Summary>;
    const NAME: &'static str = "description";
}

const _: () = assert!(size_of::<ndshm_description>() == 64);
const _: () = is_shareable::<Summary>();

/// A value of a column. Which of the fields say what it is depends on the column's kind.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
pub struct ndshm_value {
    /// The number as float64: of floats the value itself, of integers and times rounded,
    /// of texts 0.
    pub number: f64,
    /// Of signed integers, truth values and times, which count units of the column.
    pub integer: i64,
    /// Of unsigned integers and truth values.
    pub natural: u64,
    /// Of texts: bytes of all of it in UTF-8. `ndshm_description_text` gives the text.
    pub text_len: u64,
}

/// In `known`: `min` and `max`.
pub const NDSHM_KNOWN_RANGE: u32 = 1;
/// In `known`: `mean`, which may be infinite or NaN.
pub const NDSHM_KNOWN_MEAN: u32 = 2;
/// In `known`: `std`.
pub const NDSHM_KNOWN_STD: u32 = 4;
/// In `known`: `distinct` and `distinct_error`.
pub const NDSHM_KNOWN_DISTINCT: u32 = 8;
/// In `known`: `frequent_len` and its like.
pub const NDSHM_KNOWN_FREQUENT: u32 = 16;
/// In `known`: `histogram_len` and its like.
pub const NDSHM_KNOWN_HISTOGRAM: u32 = 32;

/// What is in a column. Set `struct_size` to `sizeof(ndshm_column)`; the rest is written by
/// `ndshm_description_column`. docs/describe.md says how exact it is.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct ndshm_column {
    /// `sizeof(ndshm_column)`. More than this library knows is left alone.
    pub struct_size: u32,
    /// `NDSHM_KIND_...` of the values.
    pub kind: u32,
    /// `NDSHM_KNOWN_...`, added up. What is not known is 0.
    pub known: u32,
    /// Unit of times, as in `ndshm_field`; 0 for other kinds.
    pub unit: u32,
    /// Multiple of `unit` that they count, 0 for other kinds.
    pub unit_count: u32,
    /// Quantiles that `ndshm_description_quantiles` gives.
    pub quantiles_len: u32,
    /// Bars that `ndshm_description_histogram` gives.
    pub histogram_len: u32,
    /// Values that `ndshm_description_frequent` gives.
    pub frequent_len: u32,
    /// Values that are not missing.
    pub count: u64,
    /// Values that are: NaN, NaT, empty texts.
    pub missing: u64,
    /// Values that differ; rounded if it is an estimate.
    pub distinct: u64,
    /// Rows of values that were counted and are not among the most frequent ones.
    pub frequent_rest: u64,
    /// Rows of values that were not counted, because there are too many.
    pub frequent_uncounted: u64,
    /// Bytes of the column's name, without a NUL.
    pub name_len: u64,
    /// Bytes of its type as text, without a NUL.
    pub dtype_len: u64,
    /// The standard error of `distinct` as a part of it; 0 if it was counted.
    pub distinct_error: f64,
    /// The mean, rounded once; of times in units since 1970.
    pub mean: f64,
    /// The standard deviation of a sample (`ddof=1`).
    pub std: f64,
    /// Where the first bar begins: the smallest finite value.
    pub histogram_low: f64,
    /// Where the last bar ends: the largest one.
    pub histogram_high: f64,
    /// How far a value may be from its bar; 0 if each is in its own.
    pub histogram_error: f64,
    /// The smallest value; of texts the first one in the order of code points.
    pub min: ndshm_value,
    /// The largest value.
    pub max: ndshm_value,
}

// SAFETY: `repr(C)`, the size first; numbers, which may be zero.
unsafe impl Options for ndshm_column {
    const NAME: &'static str = "ndshm_column";
    const MIN_SIZE: usize = size_of::<Self>();
}

/// A value that a part of all values is below.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct ndshm_quantile {
    /// The part: 0.05, 0.25, 0.5, 0.75, 0.95.
    pub part: f64,
    /// The value, as `numpy.quantile` has it; of times in units since 1970.
    pub value: f64,
    /// How far it may be from the right one; 0 if it is that.
    pub error: f64,
}

/// For `ndshm_description_text`: the column's name.
pub const NDSHM_TEXT_NAME: u32 = 0;
/// For `ndshm_description_text`: its type in NumPy's short form, `"i4"`.
pub const NDSHM_TEXT_DTYPE: u32 = 1;
/// For `ndshm_description_text`: the smallest value, of a column of texts.
pub const NDSHM_TEXT_MIN: u32 = 2;
/// For `ndshm_description_text`: the largest value, of a column of texts.
pub const NDSHM_TEXT_MAX: u32 = 3;
/// For `ndshm_description_text`: number `index` of the most frequent values, of a column of
/// texts.
pub const NDSHM_TEXT_FREQUENT: u32 = 4;

impl ndshm_value {
    fn of(value: &Value) -> Self {
        match *value {
            Value::Bool(is) => Self {
                number: f64::from(u8::from(is)),
                integer: is.into(),
                natural: is.into(),
                text_len: 0,
            },
            Value::Int(is) => Self {
                number: is as f64,
                integer: i64::try_from(is).unwrap_or(0),
                natural: u64::try_from(is).unwrap_or(0),
                text_len: 0,
            },
            Value::Float(number) => Self { number, ..Self::default() },
            Value::Time(integer) => Self { number: integer as f64, integer, ..Self::default() },
            Value::Text(ref text) => Self { text_len: text.len() as u64, ..Self::default() },
        }
    }
}

impl ndshm_column {
    fn of(column: &Statistics) -> Self {
        let (distinct, frequent) = (column.distinct.as_ref(), column.frequent.as_ref());
        let histogram = column.histogram.as_ref();
        let value = |value: &Option<Value>| value.as_ref().map(ndshm_value::of).unwrap_or_default();
        Self {
            struct_size: 0,
            kind: kind(column).into(),
            known: known(column),
            unit: column.unit.map_or(0, |(unit, _)| unit as u32),
            unit_count: column.unit.map_or(0, |(_, times)| times),
            quantiles_len: column.quantiles.len() as u32,
            histogram_len: histogram.map_or(0, |is| is.counts.len() as u32),
            frequent_len: frequent.map_or(0, |is| is.values.len() as u32),
            count: column.count,
            missing: column.missing,
            distinct: distinct.map_or(0, |is| is.count),
            frequent_rest: frequent.map_or(0, |is| is.rest),
            frequent_uncounted: frequent.map_or(0, |is| is.uncounted),
            name_len: column.name.len() as u64,
            dtype_len: column.dtype.len() as u64,
            distinct_error: distinct.map_or(0.0, |is| is.error),
            mean: column.mean.unwrap_or(0.0),
            std: column.std.unwrap_or(0.0),
            histogram_low: histogram.map_or(0.0, |is| is.low),
            histogram_high: histogram.map_or(0.0, |is| is.high),
            histogram_error: histogram.map_or(0.0, |is| is.error),
            min: value(&column.min),
            max: value(&column.max),
        }
    }
}

/// The short form of a type begins with its kind, but that of truth values.
fn kind(column: &Statistics) -> u8 {
    column.dtype.bytes().next().filter(|&kind| kind != b'?').unwrap_or(NDSHM_KIND_BOOL)
}

fn known(column: &Statistics) -> u32 {
    let all = [
        (column.min.is_some(), NDSHM_KNOWN_RANGE),
        (column.mean.is_some(), NDSHM_KNOWN_MEAN),
        (column.std.is_some(), NDSHM_KNOWN_STD),
        (column.distinct.is_some(), NDSHM_KNOWN_DISTINCT),
        (column.frequent.is_some(), NDSHM_KNOWN_FREQUENT),
        (column.histogram.is_some(), NDSHM_KNOWN_HISTOGRAM),
    ];
    all.iter().filter(|(is, _)| *is).map(|(_, bit)| bit).sum()
}

/// # Safety
/// * `description` is NULL, or a handle that nobody closes for `'a`.
unsafe fn column_of<'a>(
    description: *const ndshm_description,
    column: usize,
) -> Result<&'a Statistics, Fault> {
    // SAFETY: the caller's promise.
    let summary = unsafe { borrow(description) }?;
    summary.columns.get(column).ok_or(Fault::Range("column"))
}

/// Rows of the table. 0 if the handle is not open.
///
/// # Safety
/// * `description` is NULL, or a handle that nobody closes meanwhile.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndshm_description_rows(description: *const ndshm_description) -> u64 {
    // SAFETY: the caller's promise.
    unsafe { borrow(description) }.map_or(0, |summary| summary.rows)
}

/// Rows of text that were left out, with `NDSHM_BAD_ROWS_SKIP`. 0 if the handle is not
/// open.
///
/// # Safety
/// * `description` is NULL, or a handle that nobody closes meanwhile.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndshm_description_bad_rows(description: *const ndshm_description) -> u64 {
    // SAFETY: the caller's promise.
    unsafe { borrow(description) }.map_or(0, |summary| summary.report.bad_rows)
}

/// Columns that are described. 0 if the handle is not open.
///
/// # Safety
/// * `description` is NULL, or a handle that nobody closes meanwhile.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndshm_description_columns(description: *const ndshm_description) -> usize {
    // SAFETY: the caller's promise.
    unsafe { borrow(description) }.map_or(0, |summary| summary.columns.len())
}

/// What is in a column, counted from 0.
///
/// Returns `NDSHM_ERR_ARGUMENT`, `NDSHM_ERR_HANDLE`.
///
/// # Safety
/// * `description` is NULL, or a handle that nobody closes meanwhile.
/// * `found` is NULL, or its `struct_size` is set.
/// * `error` is NULL, or its `struct_size` is set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndshm_description_column(
    description: *const ndshm_description,
    column: usize,
    found: *mut ndshm_column,
    error: *mut ndshm_error,
) -> i32 {
    let call = || {
        // SAFETY: the caller's promise.
        let room = unsafe { args::room(found) }?;
        // SAFETY: the caller's promise.
        let column = ndshm_column::of(unsafe { column_of(description, column) }?);
        // SAFETY: the caller's promise; the size was checked.
        unsafe { args::fill(found, room, &column) };
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { report(error, call) }
}

/// Writes a text of a column into `buf`, which has room for `buf_size` bytes: `what` is
/// `NDSHM_TEXT_...`, `index` is 0 unless that says otherwise. What does not fit is cut off;
/// there is a NUL at the end, if `buf_size` is not 0. Among the characters may be NULs.
///
/// Returns the bytes of the whole text without the NUL at its end, however much was
/// written, like `snprintf`; 0 if the handle is not open or there is no such text.
///
/// # Safety
/// * `description` is NULL, or a handle that nobody closes meanwhile.
/// * `buf` can be written for `buf_size` bytes, or is NULL, then `buf_size` counts as 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndshm_description_text(
    description: *const ndshm_description,
    column: usize,
    what: u32,
    index: usize,
    buf: *mut c_char,
    buf_size: usize,
) -> usize {
    // SAFETY: the caller's promise.
    let text = unsafe { column_of(description, column) }.ok().and_then(|c| text(c, what, index));
    // SAFETY: the caller's promise.
    unsafe { write_text(text.unwrap_or_default(), buf, buf_size) }
}

fn text(column: &Statistics, what: u32, index: usize) -> Option<&str> {
    let value = match what {
        NDSHM_TEXT_NAME => return Some(&column.name),
        NDSHM_TEXT_DTYPE => return Some(&column.dtype),
        NDSHM_TEXT_MIN => column.min.as_ref(),
        NDSHM_TEXT_MAX => column.max.as_ref(),
        NDSHM_TEXT_FREQUENT => column.frequent.as_ref()?.values.get(index).map(|(value, _)| value),
        _ => None,
    };
    match value? {
        Value::Text(text) => Some(text),
        _ => None,
    }
}

/// Number `index` of the most frequent values of a column, from 0, the most frequent one
/// first: the value, and in `count` how often it occurs, which is exact.
///
/// Returns `NDSHM_ERR_END` if there are not so many; `NDSHM_ERR_ARGUMENT`,
/// `NDSHM_ERR_HANDLE`.
///
/// # Safety
/// * `description` is NULL, or a handle that nobody closes meanwhile.
/// * `value` and `count` can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndshm_description_frequent(
    description: *const ndshm_description,
    column: usize,
    index: usize,
    value: *mut ndshm_value,
    count: *mut u64,
) -> i32 {
    let call = || {
        let (to, times) = (args::output(value, "value")?, args::output(count, "count")?);
        // SAFETY: the caller's promise.
        let column = unsafe { column_of(description, column) }?;
        let found = column.frequent.as_ref().and_then(|is| is.values.get(index));
        let (value, count) = found.ok_or(Fault::Stopped(NDSHM_ERR_END))?;
        // SAFETY: the caller's promise; it is aligned.
        unsafe { to.write(ndshm_value::of(value)) };
        // SAFETY: the caller's promise; it is aligned.
        unsafe { times.write(*count) };
        Ok(())
    };
    // SAFETY: there is no record.
    unsafe { report(core::ptr::null_mut(), call) }
}

/// Copies the quantiles of a column to `quantiles`, which has room for `quantiles_len`: as
/// many as `ndshm_column` says.
///
/// Returns `NDSHM_ERR_ARGUMENT`, also if there is not enough room; `NDSHM_ERR_HANDLE`.
///
/// # Safety
/// * `description` is NULL, or a handle that nobody closes meanwhile.
/// * `quantiles` can be written for `quantiles_len` of them.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndshm_description_quantiles(
    description: *const ndshm_description,
    column: usize,
    quantiles: *mut ndshm_quantile,
    quantiles_len: usize,
) -> i32 {
    let call = || {
        // SAFETY: the caller's promise.
        let found = &unsafe { column_of(description, column) }?.quantiles;
        let quantile = |&Quantile { part, value, error }| ndshm_quantile { part, value, error };
        // SAFETY: the caller's promise.
        unsafe { copy(found.iter().map(quantile), quantiles, quantiles_len, "quantiles_len") }
    };
    // SAFETY: there is no record.
    unsafe { report(core::ptr::null_mut(), call) }
}

/// Copies the values of each bar of a column's histogram to `counts`, which has room for
/// `counts_len`: as many as `ndshm_column` says, evenly wide.
///
/// Returns `NDSHM_ERR_ARGUMENT`, also if there is not enough room; `NDSHM_ERR_HANDLE`.
///
/// # Safety
/// * `description` is NULL, or a handle that nobody closes meanwhile.
/// * `counts` can be written for `counts_len` numbers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndshm_description_histogram(
    description: *const ndshm_description,
    column: usize,
    counts: *mut u64,
    counts_len: usize,
) -> i32 {
    let call = || {
        // SAFETY: the caller's promise.
        let found = unsafe { column_of(description, column) }?.histogram.as_ref();
        let bars = found.map(|is| is.counts.as_slice()).unwrap_or_default();
        // SAFETY: the caller's promise.
        unsafe { copy(bars.iter().copied(), counts, counts_len, "counts_len") }
    };
    // SAFETY: there is no record.
    unsafe { report(core::ptr::null_mut(), call) }
}

/// Copies items, if there is room for all of them.
///
/// # Safety
/// * `to` can be written for `room` items.
unsafe fn copy<T>(
    items: impl ExactSizeIterator<Item = T>,
    to: *mut T,
    room: usize,
    what: &'static str,
) -> Result<(), Fault> {
    if items.len() > room {
        return Err(Fault::Range(what));
    }
    if items.len() == 0 {
        return Ok(());
    }
    let to = args::output(to, what)?;
    for (number, item) in items.enumerate() {
        // SAFETY: not behind the last of `room` items, which the caller lets us write.
        let at = unsafe { to.add(number) };
        // SAFETY: as before; it is aligned.
        unsafe { at.write(item) };
    }
    Ok(())
}

/// Closes a description. NULL and a handle that never was open are fine; one that is closed
/// already is `NDSHM_ERR_HANDLE`.
///
/// # Safety
/// * `description` is NULL, or a handle that no other thread uses.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndshm_description_close(description: *mut ndshm_description) -> i32 {
    if description.is_null() {
        return NDSHM_OK;
    }
    // SAFETY: the caller's promise.
    let call = || unsafe { handle::take(description) }.map(drop);
    // SAFETY: there is no record.
    unsafe { report(core::ptr::null_mut(), call) }
}

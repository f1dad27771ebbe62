//! Attributes: what the caller adds, and what the file type cannot say.

use core::ffi::{c_char, c_void};
use std::ffi::CString;
use std::format;
use std::string::{String, ToString};
use std::vec::Vec;

use hdf5_sys::h5i::hid_t;
use hdf5_sys::{h5a, h5p, h5s, h5t};

use super::error::{Error, PathFault, Result};
use super::id::Id;
use super::library::Session;
use super::types;
use crate::dtype::{DType, Field, Kind, Unit};

/// The value of an attribute, a scalar or a list.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum AttrValue<'a> {
    /// UTF-8 of any length without a NUL; h5py gives it back as `str`.
    Str(&'a str),
    /// A signed 8-byte integer.
    Int(i64),
    /// An 8-byte float.
    Float(f64),
    /// A list of texts, each as [`Str`](Self::Str).
    Strs(&'a [String]),
    /// A list of signed 8-byte integers.
    Ints(&'a [i64]),
}

/// The value of an attribute, as options hold it.
#[derive(Debug, Clone, PartialEq)]
pub enum Attribute {
    /// A text.
    Str(String),
    /// A signed 8-byte integer.
    Int(i64),
    /// An 8-byte float.
    Float(f64),
    /// A list of texts.
    Strs(Vec<String>),
    /// A list of signed 8-byte integers.
    Ints(Vec<i64>),
}

impl Attribute {
    /// As it is written.
    pub(crate) fn value(&self) -> AttrValue<'_> {
        match self {
            Self::Str(text) => AttrValue::Str(text),
            Self::Int(number) => AttrValue::Int(*number),
            Self::Float(number) => AttrValue::Float(*number),
            Self::Strs(texts) => AttrValue::Strs(texts),
            Self::Ints(numbers) => AttrValue::Ints(numbers),
        }
    }
}

impl From<AttrValue<'_>> for Attribute {
    fn from(value: AttrValue<'_>) -> Self {
        match value {
            AttrValue::Str(text) => Self::Str(text.into()),
            AttrValue::Int(number) => Self::Int(number),
            AttrValue::Float(number) => Self::Float(number),
            AttrValue::Strs(texts) => Self::Strs(texts.to_vec()),
            AttrValue::Ints(numbers) => Self::Ints(numbers.to_vec()),
        }
    }
}

/// Attribute that holds the dtype's text where the file type loses something.
pub(super) const DTYPE: &str = "ndshm_dtype";

/// Whether the file type of `field` says less than the dtype.
fn loses(field: Field<'_>) -> bool {
    match field.kind() {
        Kind::Unicode | Kind::Datetime | Kind::Timedelta => true,
        // By h5py's conventions it is a complex number.
        Kind::Record if field.fields().map(|f| f.name()).eq(["r", "i"]) => true,
        _ => field.fields().any(loses),
    }
}

/// What the file type of `field` leaves out: units, and the dtype itself.
fn of_field(field: Field<'_>) -> Vec<(String, String)> {
    let mut all = Vec::new();
    units(field, "", &mut all);
    if loses(field) {
        all.push((DTYPE.to_string(), field.to_string()));
    }
    all
}

/// `units` of a scalar, `NAME.units` of each field that counts time.
fn units(field: Field<'_>, path: &str, all: &mut Vec<(String, String)>) {
    if let Some(text) = unit_text(field) {
        all.push((types::dotted(path, "units"), text));
    }
    for child in field.fields() {
        units(child, &types::dotted(path, child.name()), all);
    }
}

/// The unit as netCDF's conventions spell it; none for a unit that nobody gave.
fn unit_text(field: Field<'_>) -> Option<String> {
    let (unit, count) = field.unit()?;
    let name = plural(unit)?;
    let steps = if count == 1 { name.to_string() } else { format!("{count} {name}") };
    match field.kind() {
        Kind::Datetime => Some(format!("{steps} since 1970-01-01T00:00:00")),
        Kind::Timedelta => Some(steps),
        _ => None,
    }
}

const fn plural(unit: Unit) -> Option<&'static str> {
    Some(match unit {
        Unit::Generic => return None,
        Unit::Year => "years",
        Unit::Month => "months",
        Unit::Week => "weeks",
        Unit::Day => "days",
        Unit::Hour => "hours",
        Unit::Minute => "minutes",
        Unit::Second => "seconds",
        Unit::Milli => "milliseconds",
        Unit::Micro => "microseconds",
        Unit::Nano => "nanoseconds",
        Unit::Pico => "picoseconds",
        Unit::Femto => "femtoseconds",
        Unit::Atto => "attoseconds",
    })
}

/// What every attribute is made with, made once for a file.
#[derive(Debug)]
pub(super) struct Kit {
    /// The type of a text.
    text: Id,
    /// The space of one value.
    scalar: Id,
    /// A creation list for names in UTF-8.
    list: Id,
}

impl Kit {
    pub(super) fn new(session: &Session) -> Result<Self> {
        Ok(Self { text: types::text(session)?, scalar: scalar(session)?, list: list(session)? })
    }

    pub(super) fn close(self, session: &Session) -> Result<()> {
        self.text.close(session, "H5Tclose")?;
        self.scalar.close(session, "H5Sclose")?;
        self.list.close(session, "H5Pclose")
    }
}

/// Writes attributes that the caller gives.
pub(super) fn write_given(
    session: &Session,
    kit: &Kit,
    object: hid_t,
    given: &[(&str, AttrValue<'_>)],
) -> Result<()> {
    given.iter().try_for_each(|&(name, value)| write(session, kit, object, name, value))
}

/// Writes the attributes of the group that a table's columns are in: the caller's, and the
/// dtype of a row.
pub(super) fn write_of_group(
    session: &Session,
    kit: &Kit,
    object: hid_t,
    dtype: DType<'_>,
    given: &[(&str, AttrValue<'_>)],
) -> Result<()> {
    write_given(session, kit, object, given)?;
    if given.iter().all(|(name, _)| *name != DTYPE) {
        write(session, kit, object, DTYPE, AttrValue::Str(&dtype.to_string()))?;
    }
    Ok(())
}

/// Writes the attributes of a dataset: the caller's, and those of its dtype
/// that the caller did not set.
pub(super) fn write_of_field(
    session: &Session,
    kit: &Kit,
    object: hid_t,
    field: Field<'_>,
    given: &[(&str, AttrValue<'_>)],
) -> Result<()> {
    write_given(session, kit, object, given)?;
    for (name, text) in of_field(field) {
        if given.iter().all(|(other, _)| *other != name) {
            write(session, kit, object, &name, AttrValue::Str(&text))?;
        }
    }
    Ok(())
}

fn write(
    session: &Session,
    kit: &Kit,
    object: hid_t,
    name: &str,
    value: AttrValue<'_>,
) -> Result<()> {
    let (text, space) = (kit.text.raw(), &kit.scalar);
    let number = |disk, memory| Value { kit, space, disk, memory };
    match value {
        AttrValue::Str(string) => {
            let string = c_string(name, string)?;
            let pointer: *const c_char = string.as_ptr();
            let at = (&raw const pointer).cast();
            // SAFETY: a string of any length is a pointer to a C string.
            unsafe { write_values(session, object, name, number(text, text), at) }
        }
        AttrValue::Strs(strings) => {
            let strings: Vec<_> =
                strings.iter().map(|string| c_string(name, string)).collect::<Result<_>>()?;
            let pointers: Vec<*const c_char> = strings.iter().map(|s| s.as_ptr()).collect();
            let space = list_of(session, pointers.len())?;
            let value = Value { space: &space, ..number(text, text) };
            // SAFETY: as many strings of any length as the space has, each a C string.
            unsafe { write_values(session, object, name, value, pointers.as_ptr().cast()) }
        }
        AttrValue::Int(value) => {
            let (at, form) =
                ((&raw const value).cast(), number(*h5t::H5T_STD_I64LE, *h5t::H5T_NATIVE_INT64));
            // SAFETY: the value is a native 8-byte integer.
            unsafe { write_values(session, object, name, form, at) }
        }
        AttrValue::Ints(values) => {
            let space = list_of(session, values.len())?;
            let form = number(*h5t::H5T_STD_I64LE, *h5t::H5T_NATIVE_INT64);
            let (at, form) = (values.as_ptr().cast(), Value { space: &space, ..form });
            // SAFETY: as many native 8-byte integers as the space has.
            unsafe { write_values(session, object, name, form, at) }
        }
        AttrValue::Float(value) => {
            let (at, form) =
                ((&raw const value).cast(), number(*h5t::H5T_IEEE_F64LE, *h5t::H5T_NATIVE_DOUBLE));
            // SAFETY: the value is a native 8-byte float.
            unsafe { write_values(session, object, name, form, at) }
        }
    }
}

/// What an attribute's values are.
#[derive(Clone, Copy)]
struct Value<'a> {
    kit: &'a Kit,
    space: &'a Id,
    disk: hid_t,
    memory: hid_t,
}

/// Writes one attribute.
///
/// # Safety
/// * `values` points to as many values of the type in memory as the space has, which hold
///   during the call.
unsafe fn write_values(
    session: &Session,
    object: hid_t,
    name: &str,
    value: Value<'_>,
    values: *const c_void,
) -> Result<()> {
    let c_name = c_string(name, name)?;
    let named = |e: Error| e.about(&format!("attribute '{name}'"));
    let (at, disk, extent) = (c_name.as_ptr(), value.disk, value.space.raw());
    let list = value.kit.list.raw();
    // SAFETY: the name is a C string, the ids are live.
    let raw = unsafe { h5a::H5Acreate2(object, at, disk, extent, list, h5p::H5P_DEFAULT) };
    let attribute = session.own("H5Acreate2", raw, h5a::H5Aclose).map_err(named)?;
    // SAFETY: `values` are what the type says, by this function's contract.
    let status = unsafe { h5a::H5Awrite(attribute.raw(), value.memory, values) };
    session.check("H5Awrite", status).map_err(named)?;
    attribute.close(session, "H5Aclose").map_err(named)
}

/// Creation list for a name in UTF-8.
pub(super) fn list(session: &Session) -> Result<Id> {
    // SAFETY: takes no pointers.
    let raw = unsafe { h5p::H5Pcreate(*h5p::H5P_CLS_ATTRIBUTE_CREATE) };
    let list = session.own("H5Pcreate", raw, h5p::H5Pclose)?;
    // SAFETY: `list` is an attribute creation list.
    let status = unsafe { h5p::H5Pset_char_encoding(list.raw(), h5t::H5T_CSET_UTF8) };
    session.check("H5Pset_char_encoding", status)?;
    Ok(list)
}

/// The dataspace of a list.
fn list_of(session: &Session, len: usize) -> Result<Id> {
    super::dataset::space_of(session, &[len as u64], &[len as u64])
}

/// The dataspace of one value.
pub(super) fn scalar(session: &Session) -> Result<Id> {
    // SAFETY: takes no pointers.
    let raw = unsafe { h5s::H5Screate(h5s::H5S_SCALAR) };
    session.own("H5Screate", raw, h5s::H5Sclose)
}

fn c_string(name: &str, text: &str) -> Result<CString> {
    CString::new(text)
        .map_err(|_| Error::Dataset { path: format!("attribute {name}"), fault: PathFault::Nul })
}

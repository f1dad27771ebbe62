//! Attributes that are carried from one file to another, whatever their type.

use core::ffi::{CStr, c_char};
use core::ptr;
use std::ffi::CString;
use std::format;
use std::string::String;
use std::vec;
use std::vec::Vec;

use hdf5_sys::h5::{H5_INDEX_NAME, H5_ITER_INC};
use hdf5_sys::h5i::hid_t;
use hdf5_sys::{h5a, h5d, h5p, h5s, h5t};

use super::error::Result;
use super::foreign::Type;
use super::id::Id;
use super::library::Session;
use super::shard::simple;
use super::there;
use super::{attribute, types};

/// A larger attribute is left behind.
const MOST: u64 = 1 << 20;

/// An attribute of a dataset.
#[derive(Debug)]
pub(crate) struct Attribute {
    name: CString,
    kind: Type,
    /// None if it can have no elements.
    shape: Option<Vec<u64>>,
    value: Value,
}

#[derive(Debug, PartialEq, Eq)]
enum Value {
    Bytes(Vec<u8>),
    /// Strings of any length; null pointers are none.
    Texts(Vec<Option<CString>>),
}

impl Attribute {
    /// Its name, as far as it is UTF-8.
    pub(crate) fn name(&self) -> &str {
        self.name.to_str().unwrap_or_default()
    }

    /// Whether both have the same name, type and value.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.name == other.name
            && self.kind.text() == other.kind.text()
            && self.shape == other.shape
            && self.value == other.value
    }

    /// The same as callers give it.
    fn as_given(&self) -> Option<attribute::Attribute> {
        let is_one = self.shape.as_ref()?.is_empty();
        match &self.value {
            Value::Texts(texts) => {
                let own = |text: &Option<CString>| Some(text.as_ref()?.to_str().ok()?.into());
                let all: Vec<String> = texts.iter().map(own).collect::<Option<_>>()?;
                if !is_one {
                    return Some(attribute::Attribute::Strs(all));
                }
                all.into_iter().next().map(attribute::Attribute::Str)
            }
            Value::Bytes(bytes) if self.kind.text() == "<i8" => {
                let numbers = bytes.as_chunks().0.iter().map(|&number| i64::from_le_bytes(number));
                let all: Vec<i64> = numbers.collect();
                if !is_one {
                    return Some(attribute::Attribute::Ints(all));
                }
                all.first().map(|&number| attribute::Attribute::Int(number))
            }
            Value::Bytes(_) => None,
        }
    }

    /// The one text that it is, for a message.
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Texts(texts) => texts.first()?.as_ref()?.to_str().ok(),
            Value::Bytes(_) => None,
        }
    }
}

/// All attributes of an object, but those that refer to other objects and large ones.
pub(super) fn all(session: &Session, object: hid_t) -> Result<Vec<Attribute>> {
    // SAFETY: the id is live.
    #[allow(deprecated, reason = "what came after it differs between versions")]
    let count = unsafe { h5a::H5Aget_num_attrs(object) };
    session.check("H5Aget_num_attrs", count)?;
    let mut all = Vec::new();
    for n in 0..count as u64 {
        let (here, list) = (c".".as_ptr(), h5p::H5P_DEFAULT);
        let (index, way) = (H5_INDEX_NAME, H5_ITER_INC);
        // SAFETY: the name is a C string, the id is live.
        let raw = unsafe { h5a::H5Aopen_by_idx(object, here, index, way, n, list, list) };
        let attribute = session.own("H5Aopen_by_idx", raw, h5a::H5Aclose)?;
        all.extend(read(session, &attribute)?);
    }
    Ok(all)
}

/// An attribute as callers give one: a text, an integer, or a list; none if it is not there, or
/// something else.
pub(super) fn given(
    session: &Session,
    object: hid_t,
    name: &str,
) -> Result<Option<attribute::Attribute>> {
    let Some(opened) = there::attribute(session, object, name)? else { return Ok(None) };
    Ok(read(session, &opened)?.and_then(|attribute| attribute.as_given()))
}

/// The text of a scalar attribute; none if there is no such attribute, or it is no text.
pub(super) fn read_text(session: &Session, object: hid_t, name: &str) -> Result<Option<String>> {
    let Some(opened) = there::attribute(session, object, name)? else { return Ok(None) };
    let Some(found) = read(session, &opened)? else { return Ok(None) };
    if found.shape.is_none_or(|shape| shape.iter().any(|&n| n != 1)) {
        return Ok(None);
    }
    let bytes = match found.value {
        Value::Texts(mut texts) => {
            texts.pop().flatten().map(CString::into_bytes).unwrap_or_default()
        }
        Value::Bytes(mut bytes) if found.kind.text().starts_with("|S") => {
            bytes.truncate(bytes.iter().position(|&b| b == 0).unwrap_or(bytes.len()));
            bytes
        }
        Value::Bytes(_) => return Ok(None),
    };
    Ok(String::from_utf8(bytes).ok())
}

fn read(session: &Session, attribute: &Id) -> Result<Option<Attribute>> {
    let name = name(session, attribute)?;
    let kind = there::attribute_type(session, attribute)?;
    let kind = Type::copy(session, kind.raw())?;
    let space = there::attribute_space(session, attribute)?;
    let shape = there::extents(session, &space)?.map(|(extents, _)| extents);
    let count = shape
        .as_ref()
        .map_or(Some(0), |shape| shape.iter().try_fold(1_u64, |count, &n| count.checked_mul(n)));
    let bytes = count.and_then(|count| count.checked_mul(kind.size() as u64));
    let Some(bytes) = bytes.filter(|&bytes| bytes <= MOST) else { return Ok(None) };
    let value = if kind.is_plain() {
        Value::Bytes(plain(session, attribute, &kind, bytes as usize)?)
    } else if kind.is_text() {
        let count = count.unwrap_or(0) as usize;
        Value::Texts(texts(session, attribute, &kind, &space, count)?)
    } else {
        return Ok(None);
    };
    Ok(Some(Attribute { name, kind, shape, value }))
}

fn name(session: &Session, attribute: &Id) -> Result<CString> {
    // SAFETY: no room is the documented way to ask for the length.
    let len = unsafe { h5a::H5Aget_name(attribute.raw(), 0, ptr::null_mut()) };
    let mut bytes = vec![0_u8; usize::try_from(len).unwrap_or(0) + 1];
    // SAFETY: there is room for as many bytes as are announced.
    let got = unsafe { h5a::H5Aget_name(attribute.raw(), bytes.len(), bytes.as_mut_ptr().cast()) };
    session.check("H5Aget_name", if got < 0 { -1 } else { 0 })?;
    Ok(CStr::from_bytes_until_nul(&bytes).map(CString::from).unwrap_or_default())
}

fn plain(session: &Session, attribute: &Id, kind: &Type, bytes: usize) -> Result<Vec<u8>> {
    let mut value = vec![0; bytes];
    if !value.is_empty() {
        // SAFETY: the value has room for all elements in this type, which refer to nothing.
        let status =
            unsafe { h5a::H5Aread(attribute.raw(), kind.raw(), value.as_mut_ptr().cast()) };
        session.check("H5Aread", status)?;
    }
    Ok(value)
}

/// The type of strings of any length in memory, with the letters of `kind`.
fn pointers(session: &Session, kind: &Type) -> Result<Id> {
    let id = types::text(session)?;
    // SAFETY: the id is live.
    let cset = unsafe { h5t::H5Tget_cset(kind.raw()) };
    // SAFETY: `id` is an own, unlocked string type.
    session.check("H5Tset_cset", unsafe { h5t::H5Tset_cset(id.raw(), cset) })?;
    Ok(id)
}

fn texts(
    session: &Session,
    attribute: &Id,
    kind: &Type,
    space: &Id,
    count: usize,
) -> Result<Vec<Option<CString>>> {
    let memory = pointers(session, kind)?;
    let mut read: Vec<*mut c_char> = vec![ptr::null_mut(); count];
    if read.is_empty() {
        return Ok(Vec::new());
    }
    // SAFETY: there is room for a pointer for each element.
    let status = unsafe { h5a::H5Aread(attribute.raw(), memory.raw(), read.as_mut_ptr().cast()) };
    session.check("H5Aread", status)?;
    let copied = read.iter().map(|&at| {
        // SAFETY: HDF5 has written C strings, or null.
        (!at.is_null()).then(|| CString::from(unsafe { CStr::from_ptr(at) }))
    });
    let copied = copied.collect();
    let (list, at) = (h5p::H5P_DEFAULT, read.as_mut_ptr().cast());
    // SAFETY: gives back what `H5Aread` has allocated; the pointers are not used after this.
    #[allow(deprecated, reason = "what came after it is not in HDF5 1.10")]
    let status = unsafe { h5d::H5Dvlen_reclaim(memory.raw(), space.raw(), list, at) };
    session.check("H5Dvlen_reclaim", status)?;
    Ok(copied)
}

/// A space without elements.
pub(super) fn nothing(session: &Session) -> Result<Id> {
    // SAFETY: takes no pointers.
    let raw = unsafe { h5s::H5Screate(h5s::H5S_class_t::H5S_NULL) };
    session.own("H5Screate", raw, h5s::H5Sclose)
}

/// Writes an attribute to an object of another file.
pub(super) fn write(session: &Session, object: hid_t, given: &Attribute) -> Result<()> {
    put(session, object, given).map_err(|e| e.about(&format!("attribute '{}'", given.name())))
}

fn put(session: &Session, object: hid_t, given: &Attribute) -> Result<()> {
    let space = match &given.shape {
        Some(shape) => simple(session, shape)?,
        None => nothing(session)?,
    };
    let list = attribute::list(session)?;
    let (name, kind, extent) = (given.name.as_ptr(), given.kind.raw(), space.raw());
    // SAFETY: the name is a C string, the ids are live.
    let raw = unsafe { h5a::H5Acreate2(object, name, kind, extent, list.raw(), h5p::H5P_DEFAULT) };
    let made = session.own("H5Acreate2", raw, h5a::H5Aclose)?;
    match &given.value {
        Value::Bytes(bytes) if bytes.is_empty() => {}
        Value::Bytes(bytes) => {
            // SAFETY: the bytes are all elements in this type.
            let status = unsafe { h5a::H5Awrite(made.raw(), kind, bytes.as_ptr().cast()) };
            session.check("H5Awrite", status)?;
        }
        Value::Texts(texts) if texts.is_empty() => {}
        Value::Texts(texts) => {
            let memory = pointers(session, &given.kind)?;
            let at = |text: &Option<CString>| text.as_ref().map_or(ptr::null(), |t| t.as_ptr());
            let texts: Vec<*const c_char> = texts.iter().map(at).collect();
            // SAFETY: a pointer for each element, to C strings that hold during the call.
            let status = unsafe { h5a::H5Awrite(made.raw(), memory.raw(), texts.as_ptr().cast()) };
            session.check("H5Awrite", status)?;
        }
    }
    made.close(session, "H5Aclose")
}

//! Types as they are in somebody's file: kept beyond it, and as text.
//!
//! The text is NumPy's dtype where there is one, and says as much as HDF5 does: two
//! types with the same text are the same.

use core::ffi::{CStr, c_char, c_int, c_uint};
use std::format;
use std::string::{String, ToString};
use std::vec;
use std::vec::Vec;

use hdf5_sys::h5::{H5free_memory, hsize_t};
use hdf5_sys::h5i::hid_t;
use hdf5_sys::h5t::{self, H5T_class_t, H5T_order_t, H5T_sign_t};

use super::error::{Error, Result, Stack};
use super::id::Id;
use super::library::{self, Session};
use super::types;
use crate::sys;

/// Types within types that are looked at: nobody nests deeper, but a file may.
const DEPTH: usize = 32;

/// A type of a file's that outlives the file.
#[derive(Debug)]
pub(crate) struct Type {
    /// None when it is gone.
    id: Option<Id>,
    text: String,
    size: usize,
    /// Elements are their own bytes, without references to others.
    is_plain: bool,
    /// A string of any length.
    is_text: bool,
    owner: u32,
}

impl Type {
    /// A copy of the type `of`.
    pub(super) fn copy(session: &Session, of: hid_t) -> Result<Self> {
        let id = types::copy(session, of)?;
        let mut plain = true;
        let text = describe(session, id.raw(), &mut plain, DEPTH)?;
        let (size, is_text) = (size(session, id.raw())?, is_variable(session, id.raw())?);
        Ok(Self { id: Some(id), text, size, is_plain: plain, is_text, owner: sys::lineage() })
    }

    /// What it is, in the words of NumPy.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Bytes of an element.
    pub(crate) const fn size(&self) -> usize {
        self.size
    }

    /// Whether elements are their own bytes, without references to others.
    pub(crate) const fn is_plain(&self) -> bool {
        self.is_plain
    }

    pub(super) const fn is_text(&self) -> bool {
        self.is_text
    }

    pub(super) fn raw(&self) -> hid_t {
        self.id.as_ref().map_or(-1, Id::raw)
    }

    /// Whether both are the same type.
    pub(crate) fn is_same(&self, other: &Self) -> Result<bool> {
        if self.text != other.text {
            return Ok(false);
        }
        library::with(|session| {
            // SAFETY: both ids are live.
            let equal = unsafe { h5t::H5Tequal(self.raw(), other.raw()) };
            session.check("H5Tequal", equal)?;
            Ok(equal > 0)
        })
    }
}

impl Drop for Type {
    fn drop(&mut self) {
        let id = self.id.take();
        if self.owner != sys::lineage() {
            // A forked child: another thread may have held HDF5's lock at the fork.
            core::mem::forget(id);
            return;
        }
        // Ids are dropped inside the library, and nothing can be said about it here.
        let _ = library::with(move |_| {
            drop(id);
            Ok(())
        });
    }
}

/// Bytes of an element.
pub(super) fn size(session: &Session, id: hid_t) -> Result<usize> {
    // SAFETY: a wrong id is an error return.
    match unsafe { h5t::H5Tget_size(id) } {
        0 => Err(failed(session, "H5Tget_size")),
        size => Ok(size),
    }
}

fn failed(session: &Session, call: &'static str) -> Error {
    let unknown = || Error::hdf5(call, Stack::default());
    session.check(call, -1).err().unwrap_or_else(unknown)
}

pub(super) fn class(session: &Session, id: hid_t) -> Result<H5T_class_t> {
    // SAFETY: a wrong id is an error return.
    let class = unsafe { h5t::H5Tget_class(id) };
    if class == H5T_class_t::H5T_NO_CLASS {
        Err(failed(session, "H5Tget_class"))
    } else {
        Ok(class)
    }
}

fn is_variable(session: &Session, id: hid_t) -> Result<bool> {
    if class(session, id)? != H5T_class_t::H5T_STRING {
        return Ok(false);
    }
    // SAFETY: the id is live.
    let answer = unsafe { h5t::H5Tis_variable_str(id) };
    session.check("H5Tis_variable_str", answer)?;
    Ok(answer > 0)
}

/// The members of a compound: name, offset, type.
pub(super) fn members(session: &Session, id: hid_t) -> Result<Vec<(String, usize, Id)>> {
    let count = count(session, id)?;
    (0..count)
        .map(|i| Ok((name(session, id, i)?, offset(id, i), member(session, id, i)?)))
        .collect()
}

/// How many members a compound or an enumeration has.
fn count(session: &Session, id: hid_t) -> Result<c_uint> {
    // SAFETY: the id is live.
    let count = unsafe { h5t::H5Tget_nmembers(id) };
    session.check("H5Tget_nmembers", count)?;
    Ok(count as c_uint)
}

fn offset(id: hid_t, i: c_uint) -> usize {
    // SAFETY: the id is live; 0 stands for an error as well, which `member` meets, too.
    unsafe { h5t::H5Tget_member_offset(id, i) }
}

fn member(session: &Session, id: hid_t, i: c_uint) -> Result<Id> {
    // SAFETY: the id is live, and a wrong number an error return.
    session.own("H5Tget_member_type", unsafe { h5t::H5Tget_member_type(id, i) }, h5t::H5Tclose)
}

fn name(session: &Session, id: hid_t, i: c_uint) -> Result<String> {
    // SAFETY: the id is live, and a wrong number an error return.
    taken(session, "H5Tget_member_name", unsafe { h5t::H5Tget_member_name(id, i) })
}

/// Text that HDF5 has allocated.
fn taken(session: &Session, call: &'static str, at: *mut c_char) -> Result<String> {
    if at.is_null() {
        return Err(failed(session, call));
    }
    // SAFETY: not null, so a C string of HDF5's.
    let text = unsafe { CStr::from_ptr(at) }.to_string_lossy().into_owned();
    // SAFETY: it is ours to be freed, and not used after this.
    unsafe { H5free_memory(at.cast()) };
    Ok(text)
}

/// Base type of an enumeration, an array, or a sequence.
pub(super) fn base(session: &Session, id: hid_t) -> Result<Id> {
    // SAFETY: the id is live.
    session.own("H5Tget_super", unsafe { h5t::H5Tget_super(id) }, h5t::H5Tclose)
}

/// Extents of an array type.
fn extents(session: &Session, id: hid_t) -> Result<Vec<hsize_t>> {
    // SAFETY: the id is live.
    let ndims = unsafe { h5t::H5Tget_array_ndims(id) };
    session.check("H5Tget_array_ndims", ndims)?;
    let mut dims: Vec<hsize_t> = vec![0; ndims as usize];
    // SAFETY: as many extents have room as the type has.
    let got = unsafe { h5t::H5Tget_array_dims2(id, dims.as_mut_ptr()) };
    session.check("H5Tget_array_dims2", got)?;
    Ok(dims)
}

/// The text of a type; `plain` is cleared if elements refer to something.
fn describe(session: &Session, id: hid_t, plain: &mut bool, depth: usize) -> Result<String> {
    let Some(depth) = depth.checked_sub(1) else {
        let outer = "types are nested too deep".to_string();
        return Err(Error::hdf5("H5Tget_class", Stack { outer, ..Stack::default() }));
    };
    let size = size(session, id)?;
    Ok(match class(session, id)? {
        H5T_class_t::H5T_INTEGER => format!("{}{}{size}{}", order(id), sign(id), odd(id, size)),
        H5T_class_t::H5T_FLOAT => format!("{}f{size}{}", order(id), odd_float(id, size)),
        H5T_class_t::H5T_STRING => string(session, id, size, plain)?,
        H5T_class_t::H5T_OPAQUE => opaque(session, id, size)?,
        H5T_class_t::H5T_ENUM => enumeration(session, id, size, plain, depth)?,
        H5T_class_t::H5T_COMPOUND => compound(session, id, size, plain, depth)?,
        H5T_class_t::H5T_ARRAY => {
            let (base, dims) = (base(session, id)?, extents(session, id)?);
            format!("({}, {})", quoted(session, base.raw(), plain, depth)?, tuple(&dims))
        }
        H5T_class_t::H5T_VLEN => {
            *plain = false;
            let base = base(session, id)?;
            format!("vlen({})", describe(session, base.raw(), plain, depth)?)
        }
        H5T_class_t::H5T_REFERENCE => {
            *plain = false;
            format!("reference{size}")
        }
        H5T_class_t::H5T_BITFIELD => format!("{}bits{size}{}", order(id), odd(id, size)),
        other => format!("{other:?}{size}"),
    })
}

/// The text of a member or a base, in quotes where NumPy has them.
fn quoted(session: &Session, id: hid_t, plain: &mut bool, depth: usize) -> Result<String> {
    let text = describe(session, id, plain, depth)?;
    Ok(if text.starts_with(['[', '{', '(']) { text } else { format!("'{text}'") })
}

fn order(id: hid_t) -> &'static str {
    // SAFETY: the id is live.
    let size = unsafe { h5t::H5Tget_size(id) };
    // SAFETY: as above.
    match unsafe { h5t::H5Tget_order(id) } {
        H5T_order_t::H5T_ORDER_BE if size > 1 => ">",
        H5T_order_t::H5T_ORDER_LE if size > 1 => "<",
        _ => "|",
    }
}

fn sign(id: hid_t) -> &'static str {
    // SAFETY: the id is live.
    if unsafe { h5t::H5Tget_sign(id) } == H5T_sign_t::H5T_SGN_2 { "i" } else { "u" }
}

/// What is odd about the bits of a number.
fn odd(id: hid_t, size: usize) -> String {
    // SAFETY: the id is live.
    let (bits, shift) = (unsafe { h5t::H5Tget_precision(id) }, unsafe { h5t::H5Tget_offset(id) });
    if (bits, shift) == (8 * size, 0) { String::new() } else { format!("({bits} bits at {shift})") }
}

/// What is odd about the parts of a float.
fn odd_float(id: hid_t, size: usize) -> String {
    let (mut sign, mut exp, mut exp_bits, mut man, mut man_bits) = (0, 0, 0, 0, 0);
    // SAFETY: the id is live, all places are writable.
    unsafe {
        h5t::H5Tget_fields(
            id,
            &raw mut sign,
            &raw mut exp,
            &raw mut exp_bits,
            &raw mut man,
            &raw mut man_bits,
        )
    };
    // SAFETY: the id is live.
    let bias = unsafe { h5t::H5Tget_ebias(id) };
    let is_ieee = matches!(
        (size, sign, exp, exp_bits, man, man_bits, bias),
        (2, 15, 10, 5, 0, 10, 15) | (4, 31, 23, 8, 0, 23, 127) | (8, 63, 52, 11, 0, 52, 1023)
    );
    if is_ieee {
        return odd(id, size);
    }
    format!("(sign {sign}, exponent {exp_bits} at {exp} - {bias}, mantissa {man_bits} at {man})")
}

fn string(session: &Session, id: hid_t, size: usize, plain: &mut bool) -> Result<String> {
    // SAFETY: the id is live.
    let (cset, pad) = (unsafe { h5t::H5Tget_cset(id) }, unsafe { h5t::H5Tget_strpad(id) });
    let cset = if cset == h5t::H5T_cset_t::H5T_CSET_UTF8 { "utf-8" } else { "" };
    if is_variable(session, id)? {
        *plain = false;
        return Ok(format!("str({cset})"));
    }
    let pad = match pad {
        h5t::H5T_str_t::H5T_STR_NULLPAD => "",
        h5t::H5T_str_t::H5T_STR_NULLTERM => "nul-terminated",
        _ => "blank-padded",
    };
    let notes: Vec<&str> = [cset, pad].into_iter().filter(|note| !note.is_empty()).collect();
    let notes = if notes.is_empty() { String::new() } else { format!("({})", notes.join(", ")) };
    Ok(format!("|S{size}{notes}"))
}

fn opaque(session: &Session, id: hid_t, size: usize) -> Result<String> {
    // SAFETY: the id is live.
    let tag = taken(session, "H5Tget_tag", unsafe { h5t::H5Tget_tag(id) })?;
    Ok(if tag.is_empty() { format!("|V{size}") } else { format!("|V{size}({tag:?})") })
}

fn enumeration(
    session: &Session,
    id: hid_t,
    size: usize,
    plain: &mut bool,
    depth: usize,
) -> Result<String> {
    let base = base(session, id)?;
    let base = describe(session, base.raw(), plain, depth)?;
    let mut members = Vec::new();
    for i in 0..count(session, id)? {
        members.push((name(session, id, i)?, value(session, id, i, size)?));
    }
    members.sort();
    let list: Vec<String> =
        members.iter().map(|(name, value)| format!("{name:?}: {value}")).collect();
    let list = list.join(", ");
    let is_bool = base == "|i1" && list == "\"FALSE\": 00, \"TRUE\": 01";
    Ok(if is_bool { "|b1".to_string() } else { format!("enum({base}, {{{list}}})") })
}

/// The members of an enumeration, and their values as they lie in memory of its base type.
pub(super) fn numbered(session: &Session, id: hid_t) -> Result<Vec<(String, Vec<u8>)>> {
    let size = size(session, id)?;
    (0..count(session, id)?)
        .map(|i| Ok((name(session, id, i)?, value_bytes(session, id, i, size)?)))
        .collect()
}

/// The value of an enumeration's member, its bytes in hexadecimal digits.
fn value(session: &Session, id: hid_t, i: c_uint, size: usize) -> Result<String> {
    let bytes = value_bytes(session, id, i, size)?;
    let digits: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(digits.concat())
}

fn value_bytes(session: &Session, id: hid_t, i: c_uint, size: usize) -> Result<Vec<u8>> {
    let mut bytes = vec![0_u8; size];
    // SAFETY: a value has as many bytes as the type.
    let status = unsafe { h5t::H5Tget_member_value(id, i, bytes.as_mut_ptr().cast()) };
    session.check("H5Tget_member_value", status)?;
    Ok(bytes)
}

fn compound(
    session: &Session,
    id: hid_t,
    size: usize,
    plain: &mut bool,
    depth: usize,
) -> Result<String> {
    let mut fields = Vec::new();
    let mut end = 0;
    let mut packed = true;
    for (name, offset, member) in members(session, id)? {
        packed &= offset == end;
        end = offset + self::size(session, member.raw())?;
        fields.push((name, offset, describe(session, member.raw(), plain, depth)?));
    }
    if let Some(text) = complex(&fields, size) {
        return Ok(text);
    }
    let is_array = |text: &str| text.starts_with('(');
    let format = |text: &str| {
        if text.starts_with(['[', '{', '(']) { text.to_string() } else { format!("'{text}'") }
    };
    if packed && end == size {
        let field = |(name, _, text): &(String, usize, String)| match text.strip_prefix('(') {
            Some(inner) if is_array(text) => format!("('{}', {inner}", escaped(name)),
            _ => format!("('{}', {})", escaped(name), format(text)),
        };
        return Ok(format!("[{}]", joined(fields.iter().map(field))));
    }
    let names = joined(fields.iter().map(|(name, ..)| format!("'{}'", escaped(name))));
    let formats = joined(fields.iter().map(|(.., text)| format(text)));
    let offsets = joined(fields.iter().map(|(_, offset, _)| offset.to_string()));
    Ok(format!(
        "{{'names': [{names}], 'formats': [{formats}], 'offsets': [{offsets}], 'itemsize': {size}}}"
    ))
}

/// A pair of floats that NumPy takes for one number.
fn complex(fields: &[(String, usize, String)], size: usize) -> Option<String> {
    let [(r, 0, real), (i, _, imaginary)] = fields else { return None };
    let is_it = r == "r" && i == "i" && real == imaginary;
    let half = size / 2;
    let order = real.strip_suffix(&format!("f{half}")).filter(|order| order.len() == 1)?;
    (is_it && matches!(half, 4 | 8)).then(|| format!("{order}c{size}"))
}

fn joined(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join(", ")
}

fn escaped(name: &str) -> String {
    name.replace('\\', "\\\\").replace('\'', "\\'")
}

fn tuple(dims: &[hsize_t]) -> String {
    let list = joined(dims.iter().map(ToString::to_string));
    if dims.len() == 1 { format!("({list},)") } else { format!("({list})") }
}

/// Elements of an array type.
pub(super) fn array_len(session: &Session, id: hid_t) -> Result<usize> {
    let dims = extents(session, id)?;
    Ok(dims.iter().fold(1, |n, &dim| n.saturating_mul(dim as usize)))
}

/// Where the member `name` of a compound lies, and its type.
pub(super) fn find_member(session: &Session, id: hid_t, name: &CStr) -> Result<(usize, Id)> {
    // SAFETY: the id is live, the name is a C string.
    let i: c_int = unsafe { h5t::H5Tget_member_index(id, name.as_ptr()) };
    session.check("H5Tget_member_index", i)?;
    Ok((offset(id, i as c_uint), member(session, id, i as c_uint)?))
}

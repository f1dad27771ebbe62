//! dtype to file type, by h5py's conventions.
//!
//! | NumPy | HDF5 |
//! |---|---|
//! | `i` `u` `f4` `f8` | the standard types of both byte orders |
//! | `f2` | IEEE half precision, spelled out field by field |
//! | `?` | enumeration `FALSE`, `TRUE` over `i1`, or plain `u1` |
//! | `c8` `c16` | compound of `r` and `i` |
//! | `S`*n* | string of *n* bytes, NUL-padded, ASCII |
//! | `U`*n* | string of 4 *n* bytes, NUL-padded, UTF-8 |
//! | `V`*n* | opaque with an empty tag |
//! | `M8` `m8` | 8-byte integer; units go into attributes |
//! | subarray | array |
//! | record | compound with the dtype's offsets and itemsize |

use core::ffi::{CStr, c_char, c_void};
use std::ffi::CString;
use std::format;
use std::string::{String, ToString};
use std::vec::Vec;

use hdf5_sys::h5::hsize_t;
use hdf5_sys::h5i::hid_t;
use hdf5_sys::h5t;

use super::category::{self, Category};
use super::error::{Error, Result, TypeFault};
use super::id::Id;
use super::library::Session;
use crate::dtype::{Field, Kind, Order};

/// Refuses what HDF5 has no type for, without asking HDF5.
pub(super) fn check(field: Field<'_>, path: &str) -> Result<()> {
    let refuse = |fault| Err(Error::Type { field: path.to_string(), fault });
    if field.size() == 0 {
        return refuse(TypeFault::ZeroSize);
    }
    if field.kind() != Kind::Record && !field.kind().allows_itemsize(field.itemsize()) {
        return refuse(TypeFault::Size);
    }
    for child in field.fields() {
        let below = dotted(path, child.name());
        if child.name().is_empty() || child.name().contains('\0') {
            return Err(Error::Type { field: below, fault: TypeFault::Name });
        }
        check(child, &below)?;
    }
    Ok(())
}

/// The name of a field below `path`.
pub(super) fn dotted(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_string() } else { format!("{path}.{name}") }
}

/// The path of an object below a group; the group's if there is no name.
pub(super) fn slashed(path: &str, name: &str) -> String {
    if name.is_empty() { path.to_string() } else { format!("{path}/{name}") }
}

/// What of a file type the dtype does not say.
#[derive(Debug, Clone, Copy)]
pub(super) struct Forms<'a> {
    /// `?` as plain `u1`.
    pub(super) bool_as_u8: bool,
    /// Fields of the outermost record that are numbers of labels.
    pub(super) categories: &'a [Category],
}

/// The file type of a field, its subarray included. With `most` only that many
/// fields of the outermost record, and no room for the others.
pub(super) fn file_type(
    session: &Session,
    field: Field<'_>,
    forms: Forms<'_>,
    most: usize,
) -> Result<Id> {
    let element = match field.kind() {
        Kind::Record => record(session, field, forms, most)?,
        Kind::Bool if !forms.bool_as_u8 => boolean(session)?,
        Kind::Complex => complex(session, field)?,
        Kind::Bytes => string(session, field.itemsize() as usize, h5t::H5T_CSET_ASCII)?,
        Kind::Unicode => string(session, field.itemsize() as usize, h5t::H5T_CSET_UTF8)?,
        Kind::Void => opaque(session, field)?,
        Kind::Float if field.itemsize() == 2 => half(session, field.order())?,
        _ => copy(session, standard(field)?)?,
    };
    array(session, element, field.dims())
}

/// The type of a field of the outermost record, or of one below.
pub(super) fn column_type(
    session: &Session,
    field: Field<'_>,
    place: usize,
    forms: Forms<'_>,
) -> Result<Id> {
    match category::of(forms.categories, place) {
        Some(category) => category::file_type(session, field, category),
        None => file_type(session, field, Forms { categories: &[], ..forms }, usize::MAX),
    }
}

/// The predefined type of a number.
fn standard(field: Field<'_>) -> Result<hid_t> {
    let big = field.order() == Order::Big;
    let kind = match field.kind() {
        Kind::Datetime | Kind::Timedelta => Kind::Int,
        Kind::Bool => Kind::Uint,
        kind => kind,
    };
    Ok(match (kind, field.itemsize(), big) {
        (Kind::Int, 1, _) => *h5t::H5T_STD_I8LE,
        (Kind::Int, 2, false) => *h5t::H5T_STD_I16LE,
        (Kind::Int, 2, true) => *h5t::H5T_STD_I16BE,
        (Kind::Int, 4, false) => *h5t::H5T_STD_I32LE,
        (Kind::Int, 4, true) => *h5t::H5T_STD_I32BE,
        (Kind::Int, 8, false) => *h5t::H5T_STD_I64LE,
        (Kind::Int, 8, true) => *h5t::H5T_STD_I64BE,
        (Kind::Uint, 1, _) => *h5t::H5T_STD_U8LE,
        (Kind::Uint, 2, false) => *h5t::H5T_STD_U16LE,
        (Kind::Uint, 2, true) => *h5t::H5T_STD_U16BE,
        (Kind::Uint, 4, false) => *h5t::H5T_STD_U32LE,
        (Kind::Uint, 4, true) => *h5t::H5T_STD_U32BE,
        (Kind::Uint, 8, false) => *h5t::H5T_STD_U64LE,
        (Kind::Uint, 8, true) => *h5t::H5T_STD_U64BE,
        (Kind::Float, 4, false) => *h5t::H5T_IEEE_F32LE,
        (Kind::Float, 4, true) => *h5t::H5T_IEEE_F32BE,
        (Kind::Float, 8, false) => *h5t::H5T_IEEE_F64LE,
        (Kind::Float, 8, true) => *h5t::H5T_IEEE_F64BE,
        _ => {
            let field = field.name().to_string();
            return Err(Error::Type { field, fault: TypeFault::Size });
        }
    })
}

/// A copy of a type, which may be changed and closed.
pub(super) fn copy(session: &Session, of: hid_t) -> Result<Id> {
    // SAFETY: a wrong id is an error return, not a fault.
    session.own("H5Tcopy", unsafe { h5t::H5Tcopy(of) }, h5t::H5Tclose)
}

fn half(session: &Session, order: Order) -> Result<Id> {
    let big = order == Order::Big;
    let id = copy(session, if big { *h5t::H5T_IEEE_F32BE } else { *h5t::H5T_IEEE_F32LE })?;
    // SAFETY: `id` is an own, unlocked copy of a float type. Sign in bit 15, five bits of
    // exponent from bit 10, ten bits of mantissa from bit 0.
    let status = unsafe { h5t::H5Tset_fields(id.raw(), 15, 10, 5, 0, 10) };
    session.check("H5Tset_fields", status)?;
    // SAFETY: as above.
    session.check("H5Tset_size", unsafe { h5t::H5Tset_size(id.raw(), 2) })?;
    // SAFETY: as above.
    session.check("H5Tset_ebias", unsafe { h5t::H5Tset_ebias(id.raw(), 15) })?;
    Ok(id)
}

fn boolean(session: &Session) -> Result<Id> {
    // SAFETY: the base is a predefined type.
    let raw = unsafe { h5t::H5Tenum_create(*h5t::H5T_STD_I8LE) };
    let id = session.own("H5Tenum_create", raw, h5t::H5Tclose)?;
    for (name, value) in [(c"FALSE", 0_i8), (c"TRUE", 1)] {
        let value = (&raw const value).cast::<c_void>();
        // SAFETY: the name is a C string, the value one byte as the base type says.
        let status = unsafe { h5t::H5Tenum_insert(id.raw(), name.as_ptr(), value) };
        session.check("H5Tenum_insert", status)?;
    }
    Ok(id)
}

fn complex(session: &Session, field: Field<'_>) -> Result<Id> {
    let part = match (field.itemsize(), field.order() == Order::Big) {
        (8, false) => *h5t::H5T_IEEE_F32LE,
        (8, true) => *h5t::H5T_IEEE_F32BE,
        (_, false) => *h5t::H5T_IEEE_F64LE,
        (_, true) => *h5t::H5T_IEEE_F64BE,
    };
    let size = field.itemsize() as usize;
    let id = compound(session, size)?;
    insert(session, &id, c"r", 0, part)?;
    insert(session, &id, c"i", size / 2, part)?;
    Ok(id)
}

/// A string type of fixed size, NUL-padded: a string may fill it.
fn string(session: &Session, size: usize, cset: h5t::H5T_cset_t) -> Result<Id> {
    let id = copy(session, *h5t::H5T_C_S1)?;
    // SAFETY: `id` is an own, unlocked copy of a string type.
    session.check("H5Tset_size", unsafe { h5t::H5Tset_size(id.raw(), size) })?;
    // SAFETY: as above.
    let status = unsafe { h5t::H5Tset_strpad(id.raw(), h5t::H5T_STR_NULLPAD) };
    session.check("H5Tset_strpad", status)?;
    // SAFETY: as above.
    session.check("H5Tset_cset", unsafe { h5t::H5Tset_cset(id.raw(), cset) })?;
    Ok(id)
}

/// The type of a `str` attribute as h5py writes it.
pub(super) fn text(session: &Session) -> Result<Id> {
    let id = copy(session, *h5t::H5T_C_S1)?;
    // SAFETY: `id` is an own, unlocked copy of a string type.
    let status = unsafe { h5t::H5Tset_size(id.raw(), h5t::H5T_VARIABLE) };
    session.check("H5Tset_size", status)?;
    // SAFETY: as above.
    let status = unsafe { h5t::H5Tset_cset(id.raw(), h5t::H5T_CSET_UTF8) };
    session.check("H5Tset_cset", status)?;
    Ok(id)
}

fn opaque(session: &Session, field: Field<'_>) -> Result<Id> {
    // SAFETY: takes no pointers.
    let raw = unsafe { h5t::H5Tcreate(h5t::H5T_OPAQUE, field.itemsize() as usize) };
    let id = session.own("H5Tcreate", raw, h5t::H5Tclose)?;
    // SAFETY: the tag is a C string.
    session.check("H5Tset_tag", unsafe { h5t::H5Tset_tag(id.raw(), c"".as_ptr()) })?;
    Ok(id)
}

fn compound(session: &Session, size: usize) -> Result<Id> {
    // SAFETY: takes no pointers.
    let raw = unsafe { h5t::H5Tcreate(h5t::H5T_COMPOUND, size) };
    session.own("H5Tcreate", raw, h5t::H5Tclose)
}

fn insert(session: &Session, into: &Id, name: &CStr, at: usize, member: hid_t) -> Result<()> {
    let name: *const c_char = name.as_ptr();
    // SAFETY: the name is a C string; the member type is copied.
    session.check("H5Tinsert", unsafe { h5t::H5Tinsert(into.raw(), name, at, member) })
}

/// Fields go in as the dtype orders them: h5py then gives back the same dtype,
/// also where the offsets are in another order.
fn record(session: &Session, field: Field<'_>, forms: Forms<'_>, most: usize) -> Result<Id> {
    let used = field.fields().take(most).map(|child| child.offset() + child.size()).max();
    let all = field.fields().nth(most).is_none();
    let size = if all { field.itemsize() } else { used.unwrap_or(1) };
    let id = compound(session, size as usize)?;
    for (i, child) in field.fields().take(most).enumerate() {
        let member = column_type(session, child, i, forms)?;
        let name = CString::new(child.name())
            .map_err(|_| Error::Type { field: child.name().to_string(), fault: TypeFault::Name })?;
        insert(session, &id, &name, child.offset() as usize, member.raw())
            .map_err(|e| e.about(&format!("field '{}'", child.name())))?;
    }
    Ok(id)
}

fn array(session: &Session, element: Id, dims: &[u32]) -> Result<Id> {
    if dims.is_empty() {
        return Ok(element);
    }
    let dims: Vec<hsize_t> = dims.iter().map(|&d| hsize_t::from(d)).collect();
    // SAFETY: `dims` has as many extents as are announced; the element type is copied.
    let raw = unsafe { h5t::H5Tarray_create2(element.raw(), dims.len() as _, dims.as_ptr()) };
    session.own("H5Tarray_create2", raw, h5t::H5Tclose)
}

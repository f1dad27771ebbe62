//! Categories: columns whose values are numbers, each with a label in the type.

use core::ffi::c_void;
use std::ffi::CString;
use std::string::{String, ToString};
use std::vec::Vec;

use hdf5_sys::h5t;

use super::error::{Error, Result, TypeFault};
use super::id::Id;
use super::library::Session;
use crate::dtype::{Field, Kind};

/// Bytes that the labels of a column may take: its type is described in 64 KiB at most, together
/// with the other columns'.
pub const MOST_LABEL_BYTES: usize = 60_000;

/// A field of the outermost record that holds labels by their numbers, from 0 on, as `i2`.
/// A number without a label, such as -1, says that there is none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Category {
    /// Which field.
    pub field: usize,
    /// The label of each number: not empty, without a NUL, all different.
    pub labels: Vec<String>,
}

impl Category {
    /// Bytes of the description that labels take.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.labels.iter().map(|label| label.len() + 1 + size_of::<i16>()).sum()
    }
}

/// The category that a field is, if it is one.
pub(super) fn of(categories: &[Category], field: usize) -> Option<&Category> {
    categories.iter().find(|category| category.field == field)
}

/// The enumeration of a column's labels.
pub(super) fn file_type(session: &Session, field: Field<'_>, category: &Category) -> Result<Id> {
    let refused = |fault| Error::Type { field: field.name().to_string(), fault };
    if field.kind() != Kind::Int || field.size() != size_of::<i16>() as u32 {
        return Err(refused(TypeFault::Size));
    }
    if category.bytes() > MOST_LABEL_BYTES {
        return Err(refused(TypeFault::Labels));
    }
    // SAFETY: the base is a predefined type.
    let raw = unsafe { h5t::H5Tenum_create(*h5t::H5T_STD_I16LE) };
    let id = session.own("H5Tenum_create", raw, h5t::H5Tclose)?;
    for (number, label) in (0_i16..).zip(&category.labels) {
        let name = CString::new(label.as_str()).map_err(|_| refused(TypeFault::Name))?;
        let number = number.to_le();
        let value = (&raw const number).cast::<c_void>();
        // SAFETY: the name is a C string, the value two bytes as the base type says.
        let status = unsafe { h5t::H5Tenum_insert(id.raw(), name.as_ptr(), value) };
        session.check("H5Tenum_insert", status)?;
    }
    Ok(id)
}

//! File type to dtype: the table of [`types`](super::types) backwards, and what other
//! writers make.
//!
//! | HDF5 | NumPy |
//! |---|---|
//! | integers and bit fields of 1, 2, 4, 8 bytes, all bits in use | `i` `u` |
//! | IEEE half, single, double | `f2` `f4` `f8` |
//! | enumeration `FALSE` = 0, `TRUE` = 1 over one byte | `?` |
//! | other enumerations | their integer |
//! | compound of `r` and `i`, two floats side by side; the complex type of HDF5 2 | `c8` `c16` |
//! | string of *n* bytes, whatever pads it | `S`*n* |
//! | opaque | `V`*n* |
//! | array | subarray |
//! | compound | record with its offsets and itemsize |

use core::ffi::{CStr, c_char, c_uint};
use std::format;
use std::string::{String, ToString};
use std::vec::Vec;

use hdf5_sys::h5::{self, hsize_t};
use hdf5_sys::h5t::{self, H5T_class_t};

use super::error::{Error, Result};
use super::id::Id;
use super::library::Session;
use super::read_error::{Foreign, ReadFault};
use super::types::dotted;
use crate::dtype::{Builder, Kind, MAX_DEPTH, MAX_FIELDS, MAX_SIZE, Order, Unit};
use crate::dtype_buf::{DTypeBuf, Room};
use crate::error::Result as CoreResult;

/// The complex type of HDF5 2, which the bindings of older ones do not name.
const COMPLEX: i32 = 11;

/// What pads a string, where it is not NULs to the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Padding {
    /// NULs, all of them.
    Nul,
    /// Behind the first NUL lies anything.
    Terminated,
    /// Spaces.
    Space,
}

/// One type of a file, with all that is in it.
#[derive(Debug, Clone)]
pub(super) struct Element {
    pub(super) name: String,
    pub(super) offset: u32,
    pub(super) kind: Kind,
    pub(super) itemsize: u32,
    pub(super) order: Order,
    /// Of a datetime or a timedelta.
    pub(super) unit: Option<(Unit, u32)>,
    pub(super) dims: Vec<u32>,
    pub(super) fields: Vec<Element>,
    pub(super) padding: Padding,
}

impl Element {
    pub(super) fn leaf(kind: Kind, itemsize: u32, order: Order) -> Self {
        let (name, dims, fields) = (String::new(), Vec::new(), Vec::new());
        let (unit, padding) = (None, Padding::Nul);
        Self { name, offset: 0, kind, itemsize, order, unit, dims, fields, padding }
    }

    /// What tables for it need.
    fn room(&self) -> Room {
        let own = Room { nodes: 1, dims: self.dims.len(), names: self.name.len() };
        self.fields.iter().map(Self::room).fold(own, |a, b| Room {
            nodes: a.nodes + b.nodes,
            dims: a.dims + b.dims,
            names: a.names + b.names,
        })
    }

    fn add(&self, to: &mut Builder<'_>, root: bool) -> CoreResult<()> {
        if self.kind == Kind::Record {
            to.begin_record(&self.name)?;
            self.fields.iter().try_for_each(|field| field.add(to, false))?;
            to.end_record()?;
            to.resize(self.itemsize)?;
        } else {
            to.leaf(&self.name, self.kind, self.itemsize, self.order)?;
        }
        if let Some((unit, count)) = self.unit {
            to.unit(unit, count)?;
        }
        if root {
            return Ok(());
        }
        if !self.dims.is_empty() {
            to.subarray(&self.dims)?;
        }
        to.place(self.offset)
    }

    /// The dtype of it, without the extents of an array around it.
    pub(super) fn dtype(&self) -> Result<DTypeBuf> {
        let built = DTypeBuf::build(self.room(), |mut builder| {
            self.add(&mut builder, true)?;
            builder.finish()
        });
        built.map_err(|error| foreign("", Foreign::DType(error)))
    }
}

fn foreign(field: &str, what: Foreign) -> Error {
    Error::Read {
        subject: String::new(),
        fault: ReadFault::Type { field: field.to_string(), what },
    }
}

/// Takes a type of a file apart.
pub(super) fn element(session: &Session, id: &Id) -> Result<Element> {
    let mut left = MAX_FIELDS + 1;
    Walk { session, left: &mut left }.one(id, "", 0)
}

/// A walk through a type.
struct Walk<'a> {
    session: &'a Session,
    /// Fields that may still come.
    left: &'a mut usize,
}

#[allow(clippy::unused_self, reason = "a walk holds the proof that HDF5 may be asked")]
impl Walk<'_> {
    fn one(&mut self, id: &Id, path: &str, depth: usize) -> Result<Element> {
        *self.left = self.left.checked_sub(1).ok_or_else(|| too_large(path))?;
        if depth > 2 * MAX_DEPTH {
            return Err(too_large(path));
        }
        // SAFETY: the id is live.
        let class = unsafe { h5t::H5Tget_class(id.raw()) };
        if class as i32 == COMPLEX {
            return self.complex_class(id, path);
        }
        match class {
            H5T_class_t::H5T_INTEGER | H5T_class_t::H5T_BITFIELD => self.integer(id, class, path),
            H5T_class_t::H5T_FLOAT => self.float(id, path),
            H5T_class_t::H5T_STRING => self.string(id, path),
            H5T_class_t::H5T_OPAQUE => {
                Ok(Element::leaf(Kind::Void, self.size(id, path)?, Order::None))
            }
            H5T_class_t::H5T_COMPOUND => self.compound(id, path, depth),
            H5T_class_t::H5T_ENUM => self.enumeration(id, path),
            H5T_class_t::H5T_ARRAY => self.array(id, path, depth),
            H5T_class_t::H5T_REFERENCE => Err(foreign(path, Foreign::Reference)),
            H5T_class_t::H5T_VLEN => Err(foreign(path, Foreign::Sequence)),
            H5T_class_t::H5T_TIME => Err(foreign(path, Foreign::Time)),
            _ => Err(foreign(path, Foreign::Unknown)),
        }
    }

    fn bytes(&self, id: &Id) -> usize {
        // SAFETY: the id is live, as all ids here are.
        unsafe { h5t::H5Tget_size(id.raw()) }
    }

    fn size(&self, id: &Id, path: &str) -> Result<u32> {
        let size = u32::try_from(self.bytes(id)).ok();
        size.filter(|&size| (1..=MAX_SIZE).contains(&size)).ok_or_else(|| too_large(path))
    }

    fn order(&self, id: &Id, path: &str) -> Result<Order> {
        // SAFETY: the id is live.
        match unsafe { h5t::H5Tget_order(id.raw()) } {
            h5t::H5T_ORDER_LE => Ok(Order::Little),
            h5t::H5T_ORDER_BE => Ok(Order::Big),
            h5t::H5T_ORDER_NONE => Ok(Order::None),
            _ => Err(foreign(path, Foreign::Order)),
        }
    }

    /// Whether all bits of a number are in use.
    fn fills(&self, id: &Id) -> bool {
        // SAFETY: the id is live, here and below.
        let bits = unsafe { h5t::H5Tget_precision(id.raw()) };
        // SAFETY: as above.
        let first = unsafe { h5t::H5Tget_offset(id.raw()) };
        first == 0 && bits == self.bytes(id) * 8
    }

    fn bits(&self, id: &Id) -> usize {
        // SAFETY: the id is live.
        unsafe { h5t::H5Tget_precision(id.raw()) }
    }

    fn integer(&self, id: &Id, class: H5T_class_t, path: &str) -> Result<Element> {
        let bytes = self.bytes(id);
        if !self.fills(id) || !matches!(bytes, 1 | 2 | 4 | 8) {
            return Err(foreign(path, Foreign::Integer { bits: self.bits(id), bytes }));
        }
        // SAFETY: the id is live, and one of an integer.
        let signed = class == H5T_class_t::H5T_INTEGER
            && unsafe { h5t::H5Tget_sign(id.raw()) } != h5t::H5T_SGN_NONE;
        let kind = if signed { Kind::Int } else { Kind::Uint };
        // A single byte may be marked with an order that it does not have.
        let order = if bytes == 1 { Order::None } else { self.order(id, path)? };
        Ok(Element::leaf(kind, bytes as u32, order))
    }

    fn float(&self, id: &Id, path: &str) -> Result<Element> {
        let bytes = self.bytes(id);
        let ieee = match bytes {
            2 => ([15, 10, 5, 0, 10], 15),
            4 => ([31, 23, 8, 0, 23], 127),
            8 => ([63, 52, 11, 0, 52], 1023),
            _ => ([0; 5], 0),
        };
        if !self.fills(id) || self.layout(id)? != ieee {
            return Err(foreign(path, Foreign::Float { bits: self.bits(id), bytes }));
        }
        Ok(Element::leaf(Kind::Float, bytes as u32, self.order(id, path)?))
    }

    /// Places of the sign, the exponent and the mantissa, and the exponent's bias.
    fn layout(&self, id: &Id) -> Result<([usize; 5], usize)> {
        let [mut s, mut e, mut e_bits, mut m, mut m_bits] = [0_usize; 5];
        let (s_at, e_at, e_n) = (&raw mut s, &raw mut e, &raw mut e_bits);
        let (m_at, m_n) = (&raw mut m, &raw mut m_bits);
        // SAFETY: the id is one of a float, the places are writable.
        let status = unsafe { h5t::H5Tget_fields(id.raw(), s_at, e_at, e_n, m_at, m_n) };
        self.session.check("H5Tget_fields", status)?;
        // SAFETY: as above.
        let bias = unsafe { h5t::H5Tget_ebias(id.raw()) };
        Ok(([s, e, e_bits, m, m_bits], bias))
    }

    fn string(&self, id: &Id, path: &str) -> Result<Element> {
        // SAFETY: the id is one of a string, here and below.
        if unsafe { h5t::H5Tis_variable_str(id.raw()) } != 0 {
            return Err(foreign(path, Foreign::VariableString));
        }
        let mut element = Element::leaf(Kind::Bytes, self.size(id, path)?, Order::None);
        // SAFETY: as above.
        element.padding = match unsafe { h5t::H5Tget_strpad(id.raw()) } {
            h5t::H5T_STR_NULLPAD => Padding::Nul,
            h5t::H5T_STR_SPACEPAD => Padding::Space,
            _ => Padding::Terminated,
        };
        Ok(element)
    }

    fn parent(&self, id: &Id) -> Result<Id> {
        // SAFETY: the id is live.
        self.session.own("H5Tget_super", unsafe { h5t::H5Tget_super(id.raw()) }, h5t::H5Tclose)
    }

    fn members(&self, id: &Id) -> Result<c_uint> {
        // SAFETY: the id is live.
        let count = unsafe { h5t::H5Tget_nmembers(id.raw()) };
        self.session.check("H5Tget_nmembers", count)?;
        Ok(count.unsigned_abs())
    }

    fn enumeration(&self, id: &Id, path: &str) -> Result<Element> {
        let base = self.parent(id)?;
        let mut element = self.integer(&base, H5T_class_t::H5T_INTEGER, path)?;
        if element.itemsize == 1 && self.is_boolean(id)? {
            (element.kind, element.order) = (Kind::Bool, Order::None);
        }
        Ok(element)
    }

    /// Whether the members are h5py's of a boolean, in either order.
    fn is_boolean(&self, id: &Id) -> Result<bool> {
        if self.members(id)? != 2 {
            return Ok(false);
        }
        for i in 0..2 {
            let name = self.member_name(id, i)?;
            let mut value = 0_u8;
            // SAFETY: the base type has one byte, for which there is room.
            let status = unsafe { h5t::H5Tget_member_value(id.raw(), i, (&raw mut value).cast()) };
            self.session.check("H5Tget_member_value", status)?;
            if !matches!((name.as_str(), value), ("FALSE", 0) | ("TRUE", 1)) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn member_name(&self, id: &Id, index: c_uint) -> Result<String> {
        // SAFETY: the id is live; a wrong index is an error return.
        let name: *mut c_char = unsafe { h5t::H5Tget_member_name(id.raw(), index) };
        if name.is_null() {
            self.session.check("H5Tget_member_name", -1)?;
        }
        // SAFETY: not null, so a C string.
        let text = unsafe { CStr::from_ptr(name) }.to_str().map(ToString::to_string);
        // SAFETY: the caller frees the name, with the library's own function; nobody uses it
        // again.
        unsafe { h5::H5free_memory(name.cast()) };
        text.map_err(|_| Error::Read {
            subject: String::new(),
            fault: ReadFault::Type { field: format!("#{index}"), what: Foreign::Unknown },
        })
    }

    fn compound(&mut self, id: &Id, path: &str, depth: usize) -> Result<Element> {
        let mut record = Element::leaf(Kind::Record, self.size(id, path)?, Order::None);
        for index in 0..self.members(id)? {
            let name = self.member_name(id, index)?;
            // SAFETY: the id is live; a wrong index is an error return.
            let raw = unsafe { h5t::H5Tget_member_type(id.raw(), index) };
            let member = self.session.own("H5Tget_member_type", raw, h5t::H5Tclose)?;
            let mut field = self.one(&member, &dotted(path, &name), depth + 1)?;
            // SAFETY: as above.
            let offset = unsafe { h5t::H5Tget_member_offset(id.raw(), index) };
            field.offset = u32::try_from(offset).map_err(|_| too_large(path))?;
            field.name = name;
            record.fields.push(field);
        }
        Ok(as_complex(&record).unwrap_or(record))
    }

    fn array(&mut self, id: &Id, path: &str, depth: usize) -> Result<Element> {
        // SAFETY: the id is one of an array.
        let rank = unsafe { h5t::H5Tget_array_ndims(id.raw()) };
        self.session.check("H5Tget_array_ndims", rank)?;
        let mut dims: Vec<hsize_t> = std::vec![0; rank.unsigned_abs() as usize];
        // SAFETY: as above; there is room for as many extents as the type has.
        let status = unsafe { h5t::H5Tget_array_dims2(id.raw(), dims.as_mut_ptr()) };
        self.session.check("H5Tget_array_dims2", status)?;
        let mut element = self.one(&self.parent(id)?, path, depth + 1)?;
        let narrow = dims.iter().map(|&d| u32::try_from(d));
        let mut all: Vec<u32> =
            narrow.collect::<core::result::Result<_, _>>().map_err(|_| too_large(path))?;
        all.append(&mut element.dims);
        element.dims = all;
        Ok(element)
    }

    fn complex_class(&self, id: &Id, path: &str) -> Result<Element> {
        let part = self.float(&self.parent(id)?, path)?;
        let whole = self.size(id, path)?;
        if part.itemsize == 2 || whole != 2 * part.itemsize {
            return Err(foreign(path, Foreign::Unknown));
        }
        Ok(Element::leaf(Kind::Complex, whole, part.order))
    }
}

fn too_large(path: &str) -> Error {
    foreign(path, Foreign::DType(crate::error::Error::Overflow))
}

/// A record of `r` and `i` that are two floats side by side.
fn as_complex(record: &Element) -> Option<Element> {
    let [r, i] = record.fields.as_slice() else { return None };
    let float = |part: &Element, at: u32| {
        part.kind == Kind::Float && part.dims.is_empty() && part.offset == at && part.itemsize != 2
    };
    let same = r.itemsize == i.itemsize && r.order == i.order;
    let beside = float(r, 0) && float(i, r.itemsize) && record.itemsize == 2 * r.itemsize;
    let complex = r.name == "r" && i.name == "i" && same && beside;
    complex.then(|| Element::leaf(Kind::Complex, record.itemsize, r.order))
}

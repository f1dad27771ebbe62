//! Dimension scales, as HDF5's high-level library and netCDF know them, and attributes for
//! objects that are made already. For `convert`, which calls it when all rows are in.
//!
//! The attributes are written here one by one: `CLASS`, `NAME` and `REFERENCE_LIST` on a
//! scale, `DIMENSION_LABELS` and `DIMENSION_LIST` on a dataset.

use core::ffi::{c_char, c_int, c_uint, c_void};
use core::mem::offset_of;
use std::ffi::CString;
use std::format;
use std::string::String;
use std::vec::Vec;

use hdf5_sys::h5::herr_t;
use hdf5_sys::h5i::hid_t;
use hdf5_sys::h5r::hobj_ref_t;
use hdf5_sys::h5t::hvl_t;
use hdf5_sys::{h5a, h5d, h5o, h5p, h5t};

use super::attribute::{self, AttrValue};
use super::chunks::{ChunkBlock, ChunkedPlan};
use super::dataset::{c_path, space_of};
use super::error::{Error, Result};
use super::file::{self, File};
use super::id::Id;
use super::library::{self, Session};
use super::old_scales;
use super::writer::{CLOSED, Writer};
use crate::filter::{Chunk, Filters};

/// Reference to an object: `H5R_OBJECT`, which the bindings call `H5R_OBJECT1` from HDF5 1.12 on.
const OBJECT: c_int = 0;

unsafe extern "C" {
    /// As the bindings have it, but for the enumeration that changed its names.
    fn H5Rcreate(
        made: *mut c_void,
        at: hid_t,
        name: *const c_char,
        kind: c_int,
        space: hid_t,
    ) -> herr_t;
}

/// The name of a scale without values, before its extent.
pub(super) const NO_VARIABLE: &str = "This is a netCDF dimension but not a netCDF variable.";

/// A scale that is to be made.
#[derive(Debug, Clone)]
pub(crate) struct Scale {
    /// Its path in the file.
    pub(crate) path: String,
    pub(crate) extent: u64,
    /// Whether it is there, in the file that is added to.
    pub(crate) there: bool,
    /// Whether it may grow, as the datasets' axes may.
    pub(crate) unlimited: bool,
    /// Its values, as many as the extent; without them it only has a name.
    pub(crate) values: Option<Vec<f64>>,
    /// The datasets that it belongs to, and their axes.
    pub(crate) users: Vec<(String, u32)>,
}

/// The axes of a dataset.
#[derive(Debug, Clone)]
pub(crate) struct Axes {
    /// The path of the dataset.
    pub(crate) path: String,
    pub(crate) labels: Vec<String>,
    /// The path of the scale of each axis.
    pub(crate) scales: Vec<String>,
}

/// An entry of `REFERENCE_LIST`.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct User {
    pub(super) dataset: hobj_ref_t,
    pub(super) dimension: c_uint,
    /// A byte without a meaning would differ from run to run.
    pub(super) zero: c_uint,
}

impl Writer {
    /// Makes the scales that are not there, and attaches all to datasets that are.
    ///
    /// # Errors
    /// [`Error::Dataset`] if a name is taken, [`Error::Io`], [`Error::NoSpace`],
    /// [`Error::Order`], [`Error::Hdf5`].
    pub(crate) fn attach_dims(&mut self, scales: &[Scale], axes: &[Axes]) -> Result<()> {
        self.usable()?;
        let made = self.make_all(scales).and_then(|first| {
            let file = self.file.as_ref().ok_or(CLOSED)?;
            library::with(|session| {
                let mut number = first;
                for scale in scales {
                    describe(session, file, scale, number)?;
                    number = number.map(|number| number + i32::from(!scale.there));
                }
                axes.iter().try_for_each(|axes| attach(session, file, axes))
            })
        });
        self.remember(made)
    }

    /// Answers with the number of the first one.
    fn make_all(&mut self, scales: &[Scale]) -> Result<Option<i32>> {
        let mut new = scales.iter().filter(|scale| !scale.there).peekable();
        if new.peek().is_none() {
            return Ok(None);
        }
        let first = library::with(|session| self.next_dimension(session))?;
        for scale in new {
            match &scale.values {
                Some(values) if scale.unlimited => self.make_growing(scale, values)?,
                Some(values) => self.make_valued(scale, values)?,
                None => self.make_bare(scale)?,
            }
        }
        Ok(first)
    }

    /// A scale that may grow has chunks, as a dataset that may.
    fn make_growing(&mut self, scale: &Scale, values: &[f64]) -> Result<()> {
        let dtype = crate::dtype_buf::DTypeBuf::parse("<f8").map_err(Error::Core)?;
        let (dtype, rows) = (dtype.as_dtype(), chunk_rows(scale.extent));
        self.set_categories(Vec::new());
        self.begin_chunked(ChunkedPlan {
            path: &scale.path,
            dtype,
            columns: false,
            chunk: &[rows],
            fixed: &[],
            filters: Filters::default(),
        })?;
        for (origin, part) in (0..).step_by(rows as usize).zip(values.chunks(rows as usize)) {
            let mut bytes: Vec<u8> = part.iter().flat_map(|value| value.to_le_bytes()).collect();
            bytes.resize(rows as usize * size_of::<f64>(), 0);
            let chunks = [Chunk { len: bytes.len() as u32, mask: 0 }];
            let block = ChunkBlock { shape: &[scale.extent], origin: &[origin], chunks: &chunks };
            // SAFETY: one chunk of these bytes.
            unsafe { self.append_chunks(block, bytes.as_ptr()) }?;
        }
        self.finish_chunked(&[scale.extent], dtype, &[])
    }

    /// A scale with values is a dataset as any other.
    fn make_valued(&mut self, scale: &Scale, values: &[f64]) -> Result<()> {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let dtype = crate::dtype_buf::DTypeBuf::parse("<f8").map_err(Error::Core)?;
        self.set_categories(Vec::new());
        self.begin_dataset()?;
        // SAFETY: a live slice.
        unsafe { self.append(bytes.as_ptr(), bytes.len()) }?;
        self.finish_dataset(&scale.path, dtype.as_dtype(), &[scale.extent], &[])
    }

    /// A scale without values takes no room for rows.
    fn make_bare(&mut self, scale: &Scale) -> Result<()> {
        let path = self.names.check(&scale.path)?.into_owned();
        let file = self.file.as_ref().ok_or(CLOSED)?;
        library::with(|session| {
            let (name, extent) = (c_path(&path)?, [scale.extent]);
            let most = if scale.unlimited { [hdf5_sys::h5s::H5S_UNLIMITED] } else { extent };
            let space = space_of(session, &extent, &most)?;
            let list = file::untimed(session, *h5p::H5P_CLS_DATASET_CREATE)?;
            if scale.unlimited {
                let chunk = [chunk_rows(scale.extent)];
                // SAFETY: a dataset creation list, and as many extents as announced.
                let status = unsafe { h5p::H5Pset_chunk(list.raw(), 1, chunk.as_ptr()) };
                session.check("H5Pset_chunk", status)?;
            }
            let (name, link, space) = (name.as_ptr(), file.link_list(), space.raw());
            let (element, access) = (*h5t::H5T_IEEE_F32LE, h5p::H5P_DEFAULT);
            // SAFETY: the name is a C string, the ids are live.
            let raw = unsafe {
                h5d::H5Dcreate2(file.id(), name, element, space, link, list.raw(), access)
            };
            session.own("H5Dcreate2", raw, h5d::H5Dclose)?.close(session, "H5Dclose")
        })?;
        self.names.add_dataset(&path);
        Ok(())
    }

    /// Gives an object that is there attributes, in the place of those it has by their names.
    ///
    /// # Errors
    /// [`Error::Order`], [`Error::Dataset`] for a NUL, [`Error::Hdf5`] if there is no object.
    pub(crate) fn set_attributes(
        &mut self,
        path: &str,
        attrs: &[(&str, AttrValue<'_>)],
    ) -> Result<()> {
        let file = self.usable()?;
        let written = library::with(|session| {
            let object = open(session, file, path)?;
            for (name, _) in attrs {
                remove(session, &object, name)?;
            }
            attribute::write_given(session, file.attributes(), object.raw(), attrs)
        });
        let written = written.map_err(|e| e.about(&format_args!("object '{path}'")));
        self.remember(written)
    }
}

/// Elements of a chunk of a scale that may grow.
fn chunk_rows(extent: u64) -> u64 {
    extent.clamp(1, 1 << 17)
}

/// Writes what makes a dataset a scale, and which datasets have it.
fn describe(session: &Session, file: &File, scale: &Scale, number: Option<i32>) -> Result<()> {
    let object = open(session, file, &scale.path)?;
    if !scale.there {
        name(session, &object, scale, number)?;
    }
    let user = |(path, axis): &(String, u32)| {
        Ok(User { dataset: reference(session, file, path)?, dimension: *axis, zero: 0 })
    };
    let users: Vec<User> = scale.users.iter().map(user).collect::<Result<_>>()?;
    let users = old_scales::users(session, &object, &users)?;
    remove(session, &object, "REFERENCE_LIST")?;
    let of_users = user_type(session)?;
    let space = space_of(session, &[users.len() as u64], &[users.len() as u64])?;
    let kind = Kind { disk: of_users.raw(), memory: of_users.raw(), space: &space };
    // SAFETY: as many entries as the space has, laid out as the type says.
    unsafe { write(session, &object, "REFERENCE_LIST", kind, users.as_ptr().cast()) }
}

/// Writes by what a scale is known.
fn name(session: &Session, object: &Id, scale: &Scale, number: Option<i32>) -> Result<()> {
    fixed_text(session, object, "CLASS", "DIMENSION_SCALE")?;
    let last = scale.path.rsplit('/').next().unwrap_or_default();
    let name = match &scale.values {
        Some(_) => last.into(),
        None => format!("{NO_VARIABLE}{:11}", scale.extent),
    };
    fixed_text(session, object, "NAME", &name)?;
    if let Some(number) = number {
        let (space, at) = (attribute::scalar(session)?, (&raw const number).cast());
        let (disk, memory) = (*h5t::H5T_STD_I32LE, *h5t::H5T_NATIVE_INT32);
        let kind = Kind { disk, memory, space: &space };
        // SAFETY: the value is a native 4-byte integer.
        unsafe { write(session, object, "_Netcdf4Dimid", kind, at) }?;
    }
    Ok(())
}

/// Writes the names of a dataset's axes, and which scales they have.
fn attach(session: &Session, file: &File, axes: &Axes) -> Result<()> {
    let object = open(session, file, &axes.path)?;
    let labels = [("DIMENSION_LABELS", AttrValue::Strs(&axes.labels))];
    attribute::write_given(session, file.attributes(), object.raw(), &labels)?;
    let mut references: Vec<hobj_ref_t> =
        axes.scales.iter().map(|path| reference(session, file, path)).collect::<Result<_>>()?;
    let lists: Vec<hvl_t> = references
        .iter_mut()
        .map(|one| hvl_t { len: 1, p: core::ptr::from_mut(one).cast() })
        .collect();
    // SAFETY: a predefined type.
    let raw = unsafe { h5t::H5Tvlen_create(*h5t::H5T_STD_REF_OBJ) };
    let list = session.own("H5Tvlen_create", raw, h5t::H5Tclose)?;
    let space = space_of(session, &[lists.len() as u64], &[lists.len() as u64])?;
    let kind = Kind { disk: list.raw(), memory: list.raw(), space: &space };
    // SAFETY: as many lists as the space has, each of one reference that lives.
    unsafe { write(session, &object, "DIMENSION_LIST", kind, lists.as_ptr().cast()) }
}

fn open(session: &Session, file: &File, path: &str) -> Result<Id> {
    let name = c_path(path)?;
    // SAFETY: the name is a C string, the id is live.
    let raw = unsafe { h5o::H5Oopen(file.id(), name.as_ptr(), h5p::H5P_DEFAULT) };
    session.own("H5Oopen", raw, h5o::H5Oclose)
}

fn reference(session: &Session, file: &File, path: &str) -> Result<hobj_ref_t> {
    let (name, mut made): (CString, hobj_ref_t) = (c_path(path)?, 0);
    let (at, to) = (name.as_ptr(), (&raw mut made).cast());
    // SAFETY: the name is a C string, the id is live, and an object reference is written.
    let status = unsafe { H5Rcreate(to, file.id(), at, OBJECT, -1) };
    session.check("H5Rcreate", status)?;
    Ok(made)
}

/// The type of [`User`], with the names that the high-level library gives.
pub(super) fn user_type(session: &Session) -> Result<Id> {
    // SAFETY: takes no pointers.
    let raw = unsafe { h5t::H5Tcreate(h5t::H5T_COMPOUND, size_of::<User>()) };
    let made = session.own("H5Tcreate", raw, h5t::H5Tclose)?;
    let members = [
        (c"dataset", offset_of!(User, dataset), *h5t::H5T_STD_REF_OBJ),
        (c"dimension", offset_of!(User, dimension), *h5t::H5T_NATIVE_UINT),
    ];
    for (name, offset, kind) in members {
        // SAFETY: the name is a C string, the ids are live.
        let status = unsafe { h5t::H5Tinsert(made.raw(), name.as_ptr(), offset, kind) };
        session.check("H5Tinsert", status)?;
    }
    Ok(made)
}

/// Writes a text as C has it, the one form in which a scale is known by its `CLASS`.
pub(super) fn fixed_text(session: &Session, object: &Id, name: &str, text: &str) -> Result<()> {
    let text = c_path(text)?;
    // SAFETY: a predefined type.
    let made = session.own("H5Tcopy", unsafe { h5t::H5Tcopy(*h5t::H5T_C_S1) }, h5t::H5Tclose)?;
    // SAFETY: `made` is a type of texts.
    let status = unsafe { h5t::H5Tset_size(made.raw(), text.as_bytes_with_nul().len()) };
    session.check("H5Tset_size", status)?;
    let space = attribute::scalar(session)?;
    let kind = Kind { disk: made.raw(), memory: made.raw(), space: &space };
    // SAFETY: the text has as many bytes as the type.
    unsafe { write(session, object, name, kind, text.as_ptr().cast()) }
}

/// What an attribute's values are.
#[derive(Clone, Copy)]
struct Kind<'a> {
    disk: hid_t,
    memory: hid_t,
    space: &'a Id,
}

/// Writes one attribute.
///
/// # Safety
/// * `values` points to as many values of the type in memory as the space has.
unsafe fn write(
    session: &Session,
    object: &Id,
    name: &str,
    kind: Kind<'_>,
    values: *const c_void,
) -> Result<()> {
    let (name, all) = (c_path(name)?, h5p::H5P_DEFAULT);
    let (at, disk, space) = (name.as_ptr(), kind.disk, kind.space.raw());
    // SAFETY: the name is a C string, the ids are live.
    let raw = unsafe { h5a::H5Acreate2(object.raw(), at, disk, space, all, all) };
    let made = session.own("H5Acreate2", raw, h5a::H5Aclose)?;
    // SAFETY: by this function's contract.
    let status = unsafe { h5a::H5Awrite(made.raw(), kind.memory, values) };
    session.check("H5Awrite", status)?;
    made.close(session, "H5Aclose")
}

/// Removes an attribute, if it is there.
pub(super) fn remove(session: &Session, object: &Id, name: &str) -> Result<()> {
    let name = c_path(name)?;
    // SAFETY: the name is a C string, the id is live.
    let there: c_int = unsafe { h5a::H5Aexists(object.raw(), name.as_ptr()) };
    if there <= 0 {
        return session.check("H5Aexists", there);
    }
    // SAFETY: as above.
    session.check("H5Adelete", unsafe { h5a::H5Adelete(object.raw(), name.as_ptr()) })
}

//! Dimension scales of the file that is added to, for datasets that use them again.

use core::ffi::c_void;
use std::collections::BTreeMap;
use std::string::String;
use std::vec;
use std::vec::Vec;

use hdf5_sys::h5r::hobj_ref_t;
use hdf5_sys::{h5a, h5d, h5o, h5p, h5s, h5t};

use super::carried::read_text;
use super::dataset::c_path;
use super::error::{Error, PathFault, Result};
use super::id::Id;
use super::library::{self, Session};
use super::scales::{NO_VARIABLE, User, user_type};
use super::there::{self, Lock, There};
use super::writer::Writer;

/// Elements of a scale that are read, at most.
const MOST: u64 = 1 << 27;

/// A scale that is there.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct OldScale {
    pub(crate) extent: u64,
    /// Its values; none if it only has a name, or if they are no numbers.
    pub(crate) values: Option<Vec<f64>>,
    /// They are not as exact as an `f8`.
    pub(crate) short: bool,
}

impl OldScale {
    /// Whether its values are these.
    #[allow(clippy::float_cmp, reason = "they were written as they are given, or as an `f4`")]
    pub(crate) fn has(&self, values: &[f64]) -> bool {
        let same = |(a, b): (&f64, &f64)| {
            a.to_bits() == b.to_bits() || a == b || self.short && *a as f32 == *b as f32
        };
        let own = self.values.as_deref();
        own.is_some_and(|own| own.len() == values.len() && own.iter().zip(values).all(same))
    }
}

impl Writer {
    /// Those of the paths that are scales in the file that is added to.
    ///
    /// # Errors
    /// [`Error::Dataset`] if something else has such a name, [`Error::Hdf5`].
    pub(crate) fn old_scales<'p>(
        &self,
        paths: impl Iterator<Item = &'p String>,
    ) -> Result<BTreeMap<String, OldScale>> {
        let taken: Vec<&String> = paths.filter(|path| self.names.is_dataset(path)).collect();
        if taken.is_empty() {
            return Ok(BTreeMap::new());
        }
        // The rows are not in the memory that the writer's HDF5 works on.
        let path = self.target.path();
        let found = library::with(|session| {
            let file = There::open(session, path, Lock::Usual)?;
            let read = |path: &String| match read(session, &file, path)? {
                Some(scale) => Ok((path.clone(), scale)),
                None => Err(Error::Dataset { path: path.clone(), fault: PathFault::Exists }),
            };
            let all: Result<_> = taken.into_iter().map(read).collect();
            file.close(session)?;
            all
        });
        found.map_err(|e| e.about(&path.display()))
    }

    /// The number of the next dimension, as netCDF counts them; none if it does not count
    /// those of the file.
    pub(super) fn next_dimension(&self, session: &Session) -> Result<Option<i32>> {
        let file = self.usable()?;
        let (mut next, mut counted) = (0, true);
        for path in self.names.all_datasets().filter(|_| self.adds()) {
            let object = open(session, file.id(), path)?;
            match number(session, &object)? {
                Some(number) => next = next.max(number.saturating_add(1)),
                None => counted &= !is_scale(session, &object)?,
            }
        }
        Ok((counted || next > 0).then_some(next))
    }
}

/// Notes more users on a scale that is there: all of them, the old ones first.
pub(super) fn users(session: &Session, object: &Id, more: &[User]) -> Result<Vec<User>> {
    const NAME: &str = "REFERENCE_LIST";
    let mut all = Vec::new();
    if let Some(attribute) = there::attribute(session, object.raw(), NAME)? {
        let space = there::attribute_space(session, &attribute)?;
        // SAFETY: the id is live.
        let count = unsafe { h5s::H5Sget_simple_extent_npoints(space.raw()) };
        let none = User { dataset: hobj_ref_t::default(), dimension: 0, zero: 0 };
        all = vec![none; usize::try_from(count).unwrap_or(0)];
        let kind = user_type(session)?;
        let at = all.as_mut_ptr().cast::<c_void>();
        // SAFETY: there are as many entries as the space has, laid out as the type says.
        let status = unsafe { h5a::H5Aread(attribute.raw(), kind.raw(), at) };
        session.check("H5Aread", status)?;
    }
    all.extend_from_slice(more);
    Ok(all)
}

fn read(session: &Session, file: &There, path: &str) -> Result<Option<OldScale>> {
    let object = file.object(session, &c_path(path)?)?;
    // SAFETY: the id is live.
    let kind = unsafe { hdf5_sys::h5i::H5Iget_type(object.raw()) };
    if kind != hdf5_sys::h5i::H5I_type_t::H5I_DATASET || !is_scale(session, &object)? {
        return Ok(None);
    }
    let Some(extent) = extent(session, &object)? else { return Ok(None) };
    let name = text(session, &object, "NAME")?;
    let element = there::type_of(session, object.raw())?;
    // SAFETY: the id is live.
    let class = unsafe { h5t::H5Tget_class(element.raw()) };
    // SAFETY: as above.
    let size = unsafe { h5t::H5Tget_size(element.raw()) };
    let is_number = matches!(class, h5t::H5T_INTEGER | h5t::H5T_FLOAT);
    let short = class == h5t::H5T_FLOAT && size < size_of::<f64>();
    if name.starts_with(NO_VARIABLE) || !is_number || extent > MOST {
        return Ok(Some(OldScale { extent, values: None, short }));
    }
    let mut values = vec![0.0_f64; usize::try_from(extent).unwrap_or(0)];
    let (memory, all) = (*h5t::H5T_NATIVE_DOUBLE, h5s::H5S_ALL);
    let at = values.as_mut_ptr().cast::<c_void>();
    // SAFETY: there is room for as many values as the one axis has.
    let status = unsafe { h5d::H5Dread(object.raw(), memory, all, all, h5p::H5P_DEFAULT, at) };
    session.check("H5Dread", status)?;
    Ok(Some(OldScale { extent, values: Some(values), short }))
}

/// The extent of a dataset of one axis.
fn extent(session: &Session, object: &Id) -> Result<Option<u64>> {
    let space = there::space(session, object.raw())?;
    let extents = there::extents(session, &space)?.unwrap_or_default().0;
    Ok(if let [extent] = *extents { Some(extent) } else { None })
}

fn is_scale(session: &Session, object: &Id) -> Result<bool> {
    Ok(text(session, object, "CLASS")? == "DIMENSION_SCALE")
}

/// An attribute's text; empty if it has none.
fn text(session: &Session, object: &Id, name: &str) -> Result<String> {
    Ok(read_text(session, object.raw(), name)?.unwrap_or_default())
}

/// The number of a dimension, if netCDF counts it.
fn number(session: &Session, object: &Id) -> Result<Option<i32>> {
    const NAME: &str = "_Netcdf4Dimid";
    let Some(attribute) = there::attribute(session, object.raw(), NAME)? else { return Ok(None) };
    let space = there::attribute_space(session, &attribute)?;
    // SAFETY: the id is live.
    if unsafe { h5s::H5Sget_simple_extent_npoints(space.raw()) } != 1 {
        return Ok(None);
    }
    let mut number = 0_i32;
    let at = (&raw mut number).cast();
    // SAFETY: the one value is written to a native integer of 4 bytes.
    let status = unsafe { h5a::H5Aread(attribute.raw(), *h5t::H5T_NATIVE_INT32, at) };
    session.check("H5Aread", status)?;
    Ok(Some(number))
}

fn open(session: &Session, file: hdf5_sys::h5i::hid_t, path: &str) -> Result<Id> {
    let name = c_path(path)?;
    // SAFETY: the name is a C string, the id is live.
    let raw = unsafe { h5o::H5Oopen(file, name.as_ptr(), h5p::H5P_DEFAULT) };
    session.own("H5Oopen", raw, h5o::H5Oclose)
}

//! Datasets and groups within one file.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ffi::CString;
use std::format;
use std::string::{String, ToString};
use std::vec::Vec;

use hdf5_sys::h5::hsize_t;
use hdf5_sys::{h5d, h5g, h5p, h5s};

use super::attribute::{self, AttrValue};
use super::error::{Error, PathFault, Result};
use super::file::File;
use super::id::Id;
use super::library::Session;
use crate::dtype::DType;

/// Every name in the file; whether it is a group.
#[derive(Debug, Default)]
pub(super) struct Names(BTreeMap<String, bool>, Aliases);

/// Further paths of groups that were there, and the one that counts.
type Aliases = BTreeMap<String, String>;

impl Names {
    /// The names of a file that is there.
    pub(super) fn of(all: Vec<(String, bool)>, aliases: Vec<(String, String)>) -> Self {
        Self(all.into_iter().collect(), aliases.into_iter().collect())
    }

    /// The path of a new dataset without a slash in front, if it can be one.
    pub(super) fn check<'a>(&self, path: &'a str) -> Result<Cow<'a, str>> {
        let inner = self.resolved(path.strip_prefix('/').unwrap_or(path));
        match self.fault(&inner) {
            Some(fault) => Err(Error::Dataset { path: path.to_string(), fault }),
            None => Ok(inner),
        }
    }

    /// The path by which the groups that lead to it are known.
    fn resolved<'a>(&self, path: &'a str) -> Cow<'a, str> {
        let mut known = Cow::Borrowed(path);
        // The path of a group that counts has no alias in it: every turn leaves less behind it.
        while !self.1.is_empty() {
            let alias = parents(&known).find_map(|part| Some((part.len(), self.1.get(part)?)));
            let Some((len, group)) = alias else { break };
            known = Cow::Owned(format!("{group}{}", known.get(len..).unwrap_or_default()));
        }
        known
    }

    fn fault(&self, path: &str) -> Option<PathFault> {
        if path.split('/').any(str::is_empty) {
            Some(PathFault::Empty)
        } else if path.split('/').any(|part| part == ".") {
            Some(PathFault::Dot)
        } else if path.contains('\0') {
            Some(PathFault::Nul)
        } else if self.0.contains_key(path) {
            Some(PathFault::Exists)
        } else if parents(path).any(|p| self.0.get(p) == Some(&false)) {
            Some(PathFault::NotGroup)
        } else {
            None
        }
    }

    /// Creates the groups that lead to a path and are not there.
    pub(super) fn make_parents(
        &mut self,
        session: &Session,
        file: &File,
        path: &str,
    ) -> Result<()> {
        for group in parents(path) {
            if !self.0.contains_key(group) {
                create_group(session, file, group)?;
                self.add_group(group);
            }
        }
        Ok(())
    }

    pub(super) fn add_group(&mut self, path: &str) {
        self.0.insert(path.to_string(), true);
    }

    pub(super) fn add_dataset(&mut self, path: &str) {
        self.0.insert(path.to_string(), false);
    }

    /// Whether this is a dataset.
    pub(super) fn is_dataset(&self, path: &str) -> bool {
        let path = self.resolved(path.strip_prefix('/').unwrap_or(path));
        self.0.get(path.as_ref()) == Some(&false)
    }

    /// The paths of all datasets.
    pub(super) fn all_datasets(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter(|&(_, &group)| !group).map(|(path, _)| path.as_str())
    }

    /// Datasets named so far.
    pub(super) fn datasets(&self) -> usize {
        self.0.values().filter(|&&group| !group).count()
    }
}

/// The groups that lead to a path, the outermost first.
fn parents(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/').filter_map(move |(at, _)| path.get(..at))
}

/// What a new dataset is to be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan<'a> {
    /// Checked by [`Names::check`].
    pub(super) path: &'a str,
    pub(super) dtype: DType<'a>,
    pub(super) shape: &'a [u64],
    pub(super) attrs: &'a [(&'a str, AttrValue<'a>)],
}

/// Creates a dataset with its groups and attributes, and says where its bytes
/// lie; none if it has none.
pub(super) fn create(
    session: &Session,
    file: &File,
    names: &mut Names,
    plan: Plan<'_>,
    file_type: &Id,
) -> Result<Option<u64>> {
    names.make_parents(session, file, plan.path)?;
    let dataset = create_bare(session, file, plan, file_type)?;
    names.add_dataset(plan.path);
    // SAFETY: the id is live.
    let offset = unsafe { h5d::H5Dget_offset(dataset.raw()) };
    attribute::write_of_field(
        session,
        file.attributes(),
        dataset.raw(),
        plan.dtype.root(),
        plan.attrs,
    )?;
    dataset.close(session, "H5Dclose")?;
    Ok(Some(offset).filter(|&at| at != hdf5_sys::h5::HADDR_UNDEF))
}

fn create_group(session: &Session, file: &File, path: &str) -> Result<()> {
    let name = c_path(path)?;
    let (link, create) = (file.link_list(), file.group_list());
    // SAFETY: the name is a C string, the ids are live.
    let raw = unsafe { h5g::H5Gcreate2(file.id(), name.as_ptr(), link, create, h5p::H5P_DEFAULT) };
    session.own("H5Gcreate2", raw, h5g::H5Gclose)?.close(session, "H5Gclose")
}

fn create_bare(session: &Session, file: &File, plan: Plan<'_>, file_type: &Id) -> Result<Id> {
    let name = c_path(plan.path)?;
    let space = space_of(session, plan.shape, plan.shape)?;
    let (link, create) = (file.link_list(), file.dataset_list());
    let (name, element, extent) = (name.as_ptr(), file_type.raw(), space.raw());
    // SAFETY: the name is a C string, the ids are live.
    let raw = unsafe {
        h5d::H5Dcreate2(file.id(), name, element, extent, link, create, h5p::H5P_DEFAULT)
    };
    session.own("H5Dcreate2", raw, h5d::H5Dclose)
}

/// A dataspace of these extents, which may grow up to `most`.
pub(super) fn space_of(session: &Session, shape: &[u64], most: &[u64]) -> Result<Id> {
    if shape.is_empty() {
        return attribute::scalar(session);
    }
    let (extents, most): (Vec<hsize_t>, Vec<hsize_t>) = (shape.to_vec(), most.to_vec());
    let rank = extents.len().min(most.len());
    // SAFETY: both have as many numbers as are announced.
    let raw = unsafe { h5s::H5Screate_simple(rank as _, extents.as_ptr(), most.as_ptr()) };
    session.own("H5Screate_simple", raw, h5s::H5Sclose)
}

pub(super) fn c_path(path: &str) -> Result<CString> {
    CString::new(path).map_err(|_| Error::Dataset { path: path.to_string(), fault: PathFault::Nul })
}

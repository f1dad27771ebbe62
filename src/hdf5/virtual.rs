//! What only a joined file has: datasets whose rows lie in other files, links to
//! others, and tables of notes; and datasets whose place is known before their rows.
//!
//! A virtual dataset is unknown to HDF5 1.8, so the file gets the bounds V18 to V110
//! with the first one. Without one it stays as every reader knows it.

use std::ffi::CString;
use std::string::{String, ToString};

use hdf5_sys::h5::{HADDR_UNDEF, herr_t};
use hdf5_sys::h5f::{H5F_LIBVER_V18, H5F_LIBVER_V110, H5F_libver_t};
use hdf5_sys::h5i::hid_t;
use hdf5_sys::{h5d, h5l, h5p, h5s};

use super::carried::{self, Attribute};
use super::dataset::Names;
use super::error::{Error, PathFault, Result, Stack};
use super::file::{self, ALIGNMENT, File};
use super::foreign::Type;
use super::id::Id;
use super::library::{self, Session};
use super::shard::{Box, hyperslab, simple};
use super::writer::{CLOSED, Writer};
use super::{fill, types};
use crate::dtype::DType;

unsafe extern "C" {
    /// Not in the bindings; HDF5 has it since 1.10.2, and older ones are refused.
    fn H5Fset_libver_bounds(file: hid_t, low: H5F_libver_t, high: H5F_libver_t) -> herr_t;
}

/// How the columns of a table of notes are stored.
const PLAIN: types::Forms<'_> = types::Forms { bool_as_u8: false, categories: &[] };

/// What a virtual dataset takes from one file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part<'a> {
    /// The file, relative to the joined one.
    pub(crate) file: &'a str,
    /// The whole dataset there.
    pub(crate) shape: &'a [u64],
    /// Where its rows begin.
    pub(crate) first: u64,
}

/// A dataset of a joined file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Joined<'a> {
    /// Its path, which is the path in the other files, too.
    pub(crate) path: &'a str,
    pub(crate) kind: &'a Type,
    /// None if it has no elements by its nature.
    pub(crate) shape: Option<&'a [u64]>,
    pub(crate) attributes: &'a [Attribute],
}

impl Writer {
    /// Makes a dataset of all the parts. A `new_axis` has a place for each part; else
    /// they follow one another along the first axis.
    pub(crate) fn add_virtual<'p>(
        &mut self,
        joined: &Joined<'_>,
        new_axis: bool,
        parts: impl Iterator<Item = Part<'p>>,
    ) -> Result<()> {
        self.add(joined.path, |session, file, names| {
            // SAFETY: the file's id is live.
            let status =
                unsafe { H5Fset_libver_bounds(file.id(), H5F_LIBVER_V18, H5F_LIBVER_V110) };
            session.check("H5Fset_libver_bounds", status)?;
            let list = mapping(session, joined, new_axis, parts)?;
            create(session, file, names, joined, list.raw())?.close(session, "H5Dclose")
        })
    }

    /// Makes a link to the dataset of the same path in another file, relative to this one.
    pub(crate) fn add_link(&mut self, path: &str, to: &str) -> Result<()> {
        self.add(path, |session, file, names| {
            names.make_parents(session, file, path)?;
            let (to, name) = (c_text(path, to)?, c_text(path, path)?);
            let (to, name, link) = (to.as_ptr(), name.as_ptr(), file.link_list());
            // SAFETY: the texts are C strings, the ids are live.
            let status = unsafe {
                h5l::H5Lcreate_external(to, name, file.id(), name, link, h5p::H5P_DEFAULT)
            };
            session.check("H5Lcreate_external", status)?;
            names.add_dataset(path);
            Ok(())
        })
    }

    /// Makes a small table with its rows.
    pub(crate) fn add_table(&mut self, path: &str, dtype: DType<'_>, rows: &[u8]) -> Result<()> {
        let count = rows.len() as u64 / u64::from(dtype.root().size().max(1));
        self.make_room(rows.len() as u64)?;
        self.add(path, |session, file, names| {
            let kind = types::file_type(session, dtype.root(), PLAIN, usize::MAX)?;
            let kind = Type::copy(session, kind.raw())?;
            let shape = Some([count]);
            let shape = shape.as_ref().map(<[u64; 1]>::as_slice);
            let table = Joined { path, kind: &kind, shape, attributes: &[] };
            let made = create(session, file, names, &table, file.dataset_list())?;
            let (all, at) = (h5s::H5S_ALL, rows.as_ptr().cast());
            // SAFETY: `rows` are all rows of the table in its own type.
            let status =
                unsafe { h5d::H5Dwrite(made.raw(), kind.raw(), all, all, h5p::H5P_DEFAULT, at) };
            session.check("H5Dwrite", status)?;
            made.close(session, "H5Dclose")
        })
    }

    /// Makes a dataset in one piece, and says where its `bytes` are to be written with
    /// [`put`](Self::put); none if it has none.
    pub(crate) fn add_place(&mut self, joined: &Joined<'_>, bytes: u64) -> Result<Option<u64>> {
        self.make_room(bytes)?;
        let at = self.add(joined.path, |session, file, names| {
            let made = create(session, file, names, joined, file.dataset_list())?;
            // SAFETY: the id is live.
            let at = unsafe { h5d::H5Dget_offset(made.raw()) };
            made.close(session, "H5Dclose")?;
            Ok(at)
        })?;
        if at == HADDR_UNDEF {
            let nowhere = Error::hdf5("H5Dget_offset", Stack::default());
            return if bytes == 0 { Ok(None) } else { Err(nowhere) };
        }
        self.note_extent(at, bytes);
        Ok(Some(at))
    }

    /// Writes bytes of a dataset made by [`add_place`](Self::add_place).
    pub(crate) fn put(&mut self, at: u64, bytes: &[u8]) -> Result<()> {
        self.usable()?;
        let written = self.temporary.write_all(bytes, at);
        self.hurry(at.saturating_add(bytes.len() as u64));
        self.remember(written)
    }

    /// Refuses what would pass the limit on file sizes, before HDF5 is told of it.
    fn make_room(&mut self, bytes: u64) -> Result<()> {
        let end = self.usable().and_then(|file| library::with(|session| file.end(session)));
        let end = end.map(|end| end.saturating_add(bytes).saturating_add(2 * ALIGNMENT));
        let checked = end.and_then(|end| file::check_limit(self.target.path(), end));
        self.remember(checked)
    }

    /// Runs `work` on the file that HDF5 has open.
    pub(super) fn add<T>(
        &mut self,
        path: &str,
        work: impl FnOnce(&Session, &File, &mut Names) -> Result<T>,
    ) -> Result<T> {
        self.usable()?;
        self.names.check(path)?;
        let made = library::with(|session| {
            work(session, self.file.as_ref().ok_or(CLOSED)?, &mut self.names)
        })
        .map_err(|error| error.about(&std::format!("dataset '{path}'")));
        self.remember(made)
    }
}

/// Makes a dataset with its groups and attributes.
fn create(
    session: &Session,
    file: &File,
    names: &mut Names,
    joined: &Joined<'_>,
    list: hid_t,
) -> Result<Id> {
    let space = match joined.shape {
        Some(shape) => simple(session, shape)?,
        None => carried::nothing(session)?,
    };
    create_in(session, file, names, joined, &space, (list, h5p::H5P_DEFAULT))
}

/// Makes a dataset of this space with its groups and attributes, by lists for its creation and
/// for access to it.
pub(super) fn create_in(
    session: &Session,
    file: &File,
    names: &mut Names,
    joined: &Joined<'_>,
    space: &Id,
    (list, access): (hid_t, hid_t),
) -> Result<Id> {
    names.make_parents(session, file, joined.path)?;
    let name = c_text(joined.path, joined.path)?;
    let (name, kind, extent) = (name.as_ptr(), joined.kind.raw(), space.raw());
    let link = file.link_list();
    // SAFETY: the name is a C string, the ids are live.
    let raw = unsafe { h5d::H5Dcreate2(file.id(), name, kind, extent, link, list, access) };
    let made = session.own("H5Dcreate2", raw, h5d::H5Dclose)?;
    for attribute in joined.attributes {
        carried::write(session, made.raw(), attribute)?;
    }
    names.add_dataset(joined.path);
    Ok(made)
}

/// The creation list of a virtual dataset.
fn mapping<'p>(
    session: &Session,
    joined: &Joined<'_>,
    new_axis: bool,
    parts: impl Iterator<Item = Part<'p>>,
) -> Result<Id> {
    let list = file::untimed(session, *h5p::H5P_CLS_DATASET_CREATE)?;
    // SAFETY: `list` is a dataset creation list, here and below.
    let status = unsafe { h5p::H5Pset_layout(list.raw(), h5d::H5D_VIRTUAL) };
    session.check("H5Pset_layout", status)?;
    if let Some(value) = fill::telling(session, joined.kind.raw())? {
        let kind = joined.kind.raw();
        // SAFETY: the value is one element of this type.
        let status = unsafe { h5p::H5Pset_fill_value(list.raw(), kind, value.as_ptr().cast()) };
        session.check("H5Pset_fill_value", status)?;
    }
    let whole = joined.shape.unwrap_or_default();
    let space = simple(session, whole)?;
    let path = c_text(joined.path, &in_pattern(joined.path))?;
    for part in parts.filter(|part| !part.shape.contains(&0)) {
        let mut start = std::vec![0; whole.len()];
        let mut count = whole.to_vec();
        if let (Some(start), Some(count)) = (start.first_mut(), count.first_mut()) {
            let rows = part.shape.first().copied().unwrap_or(1);
            (*start, *count) = (part.first, if new_axis { 1 } else { rows });
        }
        hyperslab(session, &space, &Box { start: &start, count: &count })?;
        let file = c_text(joined.path, &in_pattern(part.file))?;
        let source = simple(session, part.shape)?;
        let (file, path) = (file.as_ptr(), path.as_ptr());
        // SAFETY: the texts are C strings, the ids are live.
        let status =
            unsafe { h5p::H5Pset_virtual(list.raw(), space.raw(), file, path, source.raw()) };
        session.check("H5Pset_virtual", status)?;
    }
    Ok(list)
}

/// A name for HDF5, which takes these for patterns: `%b` would be a number.
fn in_pattern(name: &str) -> String {
    name.replace('%', "%%")
}

fn c_text(path: &str, text: &str) -> Result<CString> {
    CString::new(text).map_err(|_| Error::Dataset { path: path.to_string(), fault: PathFault::Nul })
}

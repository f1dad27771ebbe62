//! Somebody's HDF5 file, opened for a look or for some rows, and closed again.
//!
//! For `join`. Nothing stays open between two calls, so that thousands of files can
//! take turns, and a fork meets none.

use core::ffi::{CStr, c_char, c_void};
use std::ffi::CString;
use std::path::Path;
use std::string::{String, ToString};
use std::vec;
use std::vec::Vec;

use hdf5_sys::h5::{H5_INDEX_NAME, H5_ITER_INC, HADDR_UNDEF, herr_t, hsize_t};
use hdf5_sys::h5i::{self, H5I_type_t, hid_t};
use hdf5_sys::h5l::{self, H5L_info_t, H5L_type_t};
use hdf5_sys::h5s::{self};
use hdf5_sys::{h5d, h5g, h5p};

use super::attribute;
use super::carried::{self, Attribute};
use super::error::{Error, Result, Stack};
use super::foreign::{self, Type};
use super::id::Id;
use super::library::{self, Session};
use super::there::{self, Lock, There};

/// The group that a joined file keeps its own notes in.
pub(crate) const NOTES: &str = ".ndshm";
/// Groups within groups that are entered.
const DEPTH: usize = 64;
/// Names that are looked at; a file may link a group into itself.
const MOST_NAMES: usize = 4 << 20;
/// Most bytes of a table that is read as a whole.
const MOST_BYTES: u64 = 1 << 30;

/// A file that is open for reading.
#[derive(Debug)]
pub(crate) struct Reading<'s> {
    session: &'s Session,
    file: There,
}

/// How the bytes of a dataset are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kept {
    /// In one piece, from this byte of the file on.
    Contiguous(u64),
    /// In chunks, with the description, or nowhere yet.
    Other,
    /// In other files.
    Virtual,
}

/// What a dataset is.
#[derive(Debug)]
pub(crate) struct Described {
    /// Its path, without a slash in front.
    pub(crate) path: String,
    /// Its extents; none if it has no elements by its nature.
    pub(crate) shape: Option<Vec<u64>>,
    pub(crate) kind: Type,
    pub(crate) storage: Kept,
    /// Bytes that it takes in the file.
    pub(crate) stored: u64,
    pub(crate) attributes: Vec<Attribute>,
}

impl Described {
    /// Bytes of all elements; none if that is no number.
    pub(crate) fn bytes(&self) -> Option<u64> {
        let Some(shape) = &self.shape else { return Some(0) };
        shape.iter().try_fold(self.kind.size() as u64, |bytes, &n| bytes.checked_mul(n))
    }
}

/// Opens a file, does something with it, and closes it.
pub(crate) fn read<T>(path: &Path, work: impl FnOnce(&Reading<'_>) -> Result<T>) -> Result<T> {
    library::with(|session| {
        let reading = Reading { session, file: There::open(session, path, Lock::Usual)? };
        let done = work(&reading);
        let closed = reading.file.close(session);
        done.and_then(|done| closed.map(|()| done))
    })
    .map_err(|error| error.about(&path.display()))
}

/// A refusal of our own, in the place of HDF5's.
fn refused(call: &'static str, outer: &str) -> Error {
    Error::hdf5(call, Stack { outer: outer.to_string(), ..Stack::default() })
}

fn c_path(path: &str) -> Result<CString> {
    CString::new(path).map_err(|_| refused("H5Dopen2", "a name has a NUL"))
}

impl Reading<'_> {
    /// Paths of all datasets, in the order of their names; those that links lead to are
    /// among them, and what `join` has noted is not.
    pub(crate) fn datasets(&self) -> Result<Vec<String>> {
        let (mut found, mut names) = (Vec::new(), MOST_NAMES);
        self.list("", DEPTH, &mut names, &mut found)?;
        Ok(found)
    }

    fn list(
        &self,
        group: &str,
        depth: usize,
        names: &mut usize,
        found: &mut Vec<String>,
    ) -> Result<()> {
        let Some(depth) = depth.checked_sub(1) else {
            return Err(refused("H5Gopen2", "groups lie too deep in each other, or in themselves"));
        };
        for (name, is_hard) in self.links(group)? {
            *names = names.checked_sub(1).ok_or_else(|| refused("H5Literate", "too many names"))?;
            let name = name.into_string();
            let name = name.map_err(|_| refused("H5Literate", "a name in it is not UTF-8"))?;
            if group.is_empty() && name == NOTES {
                continue;
            }
            let path = if group.is_empty() { name } else { std::format!("{group}/{name}") };
            match self.what_is(&path, is_hard)? {
                H5I_type_t::H5I_DATASET => found.push(path),
                H5I_type_t::H5I_GROUP if is_hard => self.list(&path, depth, names, found)?,
                _ => {}
            }
        }
        Ok(())
    }

    /// Names in a group, and whether they are more than references.
    fn links(&self, group: &str) -> Result<Vec<(CString, bool)>> {
        let path = c_path(if group.is_empty() { "/" } else { group })?;
        // SAFETY: the path is a C string, the id is live.
        let raw = unsafe { h5g::H5Gopen2(self.file.raw(), path.as_ptr(), h5p::H5P_DEFAULT) };
        let group = self.session.own("H5Gopen2", raw, h5g::H5Gclose)?;
        let mut found: Vec<(CString, bool)> = Vec::new();
        let (mut from, to) = (0, (&raw mut found).cast::<c_void>());
        let (index, way) = (H5_INDEX_NAME, H5_ITER_INC);
        // SAFETY: `note` matches the callback's type and gets `found`, which outlives the call.
        let status =
            unsafe { h5l::H5Literate(group.raw(), index, way, &raw mut from, Some(note), to) };
        self.session.check("H5Literate", status)?;
        Ok(found)
    }

    /// The sort of an object. What a reference leads to may be missing.
    fn what_is(&self, path: &str, is_hard: bool) -> Result<H5I_type_t> {
        let name = c_path(path)?;
        match self.file.object(self.session, &name) {
            // SAFETY: the id is live.
            Ok(object) => Ok(unsafe { h5i::H5Iget_type(object.raw()) }),
            Err(error @ Error::Read { .. }) => Err(error.about(&path)),
            Err(error) if is_hard => Err(error.about(&path)),
            Err(_) => Ok(H5I_type_t::H5I_BADID),
        }
    }

    /// Whether a dataset has this path.
    pub(crate) fn has(&self, path: &str) -> Result<bool> {
        Ok(self.what_is(path, false)? == H5I_type_t::H5I_DATASET)
    }

    /// Whether anything has this path, be it a reference to what is missing.
    pub(crate) fn has_name(&self, path: &str) -> Result<bool> {
        for (at, _) in path.match_indices('/') {
            if !self.exists(path.get(..at).unwrap_or_default())? {
                return Ok(false);
            }
        }
        self.exists(path)
    }

    fn exists(&self, path: &str) -> Result<bool> {
        let name = c_path(path)?;
        // SAFETY: the name is a C string, the id is live.
        let answer = unsafe { h5l::H5Lexists(self.file.raw(), name.as_ptr(), h5p::H5P_DEFAULT) };
        self.session.check("H5Lexists", answer)?;
        Ok(answer > 0)
    }

    /// What the dataset `path` is, but for its attributes.
    pub(crate) fn describe(&self, path: &str) -> Result<Described> {
        self.look(path, false).map_err(|error| error.about(&std::format!("dataset '{path}'")))
    }

    /// What the dataset `path` is, with its attributes.
    pub(crate) fn describe_all(&self, path: &str) -> Result<Described> {
        self.look(path, true).map_err(|error| error.about(&std::format!("dataset '{path}'")))
    }

    fn look(&self, path: &str, attributes: bool) -> Result<Described> {
        let session = self.session;
        let dataset = self.dataset(path)?;
        let space = there::space(session, dataset.raw())?;
        // SAFETY: the id is live.
        let stored = unsafe { h5d::H5Dget_storage_size(dataset.raw()) };
        Ok(Described {
            path: path.to_string(),
            shape: shape(session, &space)?,
            kind: self.kind(&dataset)?,
            storage: self.storage(&dataset)?,
            stored,
            attributes: if attributes { carried::all(session, dataset.raw())? } else { Vec::new() },
        })
    }

    fn dataset(&self, path: &str) -> Result<Id> {
        self.file.dataset(self.session, &c_path(path)?)
    }

    fn kind(&self, dataset: &Id) -> Result<Type> {
        let id = there::type_of(self.session, dataset.raw())?;
        Type::copy(self.session, id.raw())
    }

    fn storage(&self, dataset: &Id) -> Result<Kept> {
        let list = there::creation(self.session, dataset.raw())?;
        // SAFETY: `list` is a dataset creation list, here and below.
        let layout = unsafe { h5p::H5Pget_layout(list.raw()) };
        // SAFETY: as above.
        let files = unsafe { h5p::H5Pget_external_count(list.raw()) };
        self.session.check("H5Pget_external_count", files)?;
        // SAFETY: the id is live.
        let at = unsafe { h5d::H5Dget_offset(dataset.raw()) };
        Ok(match layout {
            h5d::H5D_VIRTUAL => Kept::Virtual,
            h5d::H5D_CONTIGUOUS if files == 0 && at != HADDR_UNDEF => Kept::Contiguous(at),
            _ => Kept::Other,
        })
    }

    /// Reads a box of elements, laid out as the file's type says.
    pub(crate) fn elements(&self, from: &Described, part: &Box<'_>, into: &mut [u8]) -> Result<()> {
        self.fetch(from, part, into)
            .map_err(|error| error.about(&std::format!("dataset '{}'", from.path)))
    }

    fn fetch(&self, from: &Described, part: &Box<'_>, into: &mut [u8]) -> Result<()> {
        let session = self.session;
        let count = part.count.iter().try_fold(1_u64, |n, &k| n.checked_mul(k));
        let need = count.and_then(|n| n.checked_mul(from.kind.size() as u64));
        if need != Some(into.len() as u64) || !from.kind.is_plain() {
            return Err(Error::Order("a buffer does not fit what is read"));
        }
        let dataset = self.dataset(&from.path)?;
        let space = there::space(session, dataset.raw())?;
        // The file may be another one by now.
        if shape(session, &space)? != from.shape || !self.kind(&dataset)?.is_same(&from.kind)? {
            return Err(refused("H5Dread", "it has changed meanwhile"));
        }
        let memory = select(session, &space, part)?;
        let (id, kind, at) = (dataset.raw(), from.kind.raw(), into.as_mut_ptr().cast());
        let (memory, space) = (memory.raw(), space.raw());
        // SAFETY: `into` has room for the elements that are selected, in this type, as was
        // compared above; they refer to nothing.
        let status = unsafe { h5d::H5Dread(id, kind, memory, space, h5p::H5P_DEFAULT, at) };
        session.check("H5Dread", status)
    }

    /// Reads columns of the table `path` as a whole; none if there is no such dataset.
    pub(crate) fn table(&self, path: &str, columns: &[&CStr]) -> Result<Option<Table>> {
        if !self.has(path)? {
            return Ok(None);
        }
        let found = self.describe(path)?;
        let (rows, bytes) = match (found.shape.as_deref(), found.bytes()) {
            (Some(&[rows]), Some(bytes)) if bytes <= MOST_BYTES && found.kind.is_plain() => {
                (rows, bytes)
            }
            _ => return Err(refused("H5Dread", "it is not a table that join has made")),
        };
        let mut table = Table { rows, row: found.kind.size(), columns: Vec::new(), bytes: vec![] };
        for name in columns {
            let (at, kind) = foreign::find_member(self.session, found.kind.raw(), name)?;
            let kind = Type::copy(self.session, kind.raw())?;
            table.columns.push((at, kind.size(), kind.text().to_string()));
        }
        table.bytes = vec![0; bytes as usize];
        self.elements(&found, &Box { start: &[0], count: &[rows] }, &mut table.bytes)?;
        Ok(Some(table))
    }
}

/// Called by HDF5 for each name of a group.
extern "C" fn note(
    _group: hid_t,
    name: *const c_char,
    info: *const H5L_info_t,
    to: *mut c_void,
) -> herr_t {
    if name.is_null() {
        return 0;
    }
    // SAFETY: HDF5 passes a C string that lives during the call.
    let name = CString::from(unsafe { CStr::from_ptr(name) });
    // SAFETY: HDF5 passes a description that lives during the call, or null.
    let is_hard = unsafe { info.as_ref() }.is_some_and(|l| l.type_ == H5L_type_t::H5L_TYPE_HARD);
    // SAFETY: `to` is the list that `links` passed, which nobody else uses now.
    if let Some(list) = unsafe { to.cast::<Vec<(CString, bool)>>().as_mut() } {
        list.push((name, is_hard));
    }
    0
}

/// A part of a dataset, in elements.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Box<'a> {
    pub(crate) start: &'a [u64],
    pub(crate) count: &'a [u64],
}

/// Selects a part of `space`, and makes a space for its elements in memory.
fn select(session: &Session, space: &Id, part: &Box<'_>) -> Result<Id> {
    if part.count.is_empty() {
        return attribute::scalar(session);
    }
    hyperslab(session, space, part)?;
    simple(session, part.count)
}

/// Selects a part of a space.
pub(super) fn hyperslab(session: &Session, space: &Id, part: &Box<'_>) -> Result<()> {
    let (start, count): (Vec<hsize_t>, Vec<hsize_t>) = (part.start.to_vec(), part.count.to_vec());
    // SAFETY: the id is live.
    let ndims = unsafe { h5s::H5Sget_simple_extent_ndims(space.raw()) };
    if ndims < 0 || ndims as usize != start.len() || start.len() != count.len() {
        return Err(Error::Order("a part of a dataset has another number of dimensions"));
    }
    let (way, start, count) = (h5s::H5S_SELECT_SET, start.as_ptr(), count.as_ptr());
    let none = core::ptr::null();
    // SAFETY: the id is live, both lists are as long as the space has dimensions.
    let status = unsafe { h5s::H5Sselect_hyperslab(space.raw(), way, start, none, count, none) };
    session.check("H5Sselect_hyperslab", status)
}

/// A space of fixed extents.
pub(super) fn simple(session: &Session, shape: &[u64]) -> Result<Id> {
    if shape.is_empty() {
        return attribute::scalar(session);
    }
    let extents: Vec<hsize_t> = shape.to_vec();
    let none = core::ptr::null();
    // SAFETY: `extents` has as many numbers as are announced; no maximum is given.
    let raw = unsafe { h5s::H5Screate_simple(extents.len() as _, extents.as_ptr(), none) };
    session.own("H5Screate_simple", raw, h5s::H5Sclose)
}

/// The extents of a space; none if it can have no elements.
fn shape(session: &Session, space: &Id) -> Result<Option<Vec<u64>>> {
    Ok(there::extents(session, space)?.map(|(extents, _)| extents))
}

/// Columns of a table, read from a file.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) rows: u64,
    row: usize,
    /// Where a column lies in a row, its bytes, and its type.
    columns: Vec<(usize, usize, String)>,
    bytes: Vec<u8>,
}

impl Table {
    fn cell(&self, row: u64, column: usize) -> Option<(&[u8], &str)> {
        let (at, size, kind) = self.columns.get(column)?;
        let from = (row as usize).checked_mul(self.row)?.checked_add(*at)?;
        Some((self.bytes.get(from..)?.get(..*size)?, kind))
    }

    /// A text; none if it is something else.
    pub(crate) fn text(&self, row: u64, column: usize) -> Option<&str> {
        let (bytes, kind) = self.cell(row, column)?;
        let end = bytes.iter().rposition(|&b| b != 0).map_or(0, |last| last + 1);
        let bytes = bytes.get(..end).filter(|_| kind.starts_with("|S"))?;
        core::str::from_utf8(bytes).ok()
    }

    /// A number; none if it is something else.
    pub(crate) fn number(&self, row: u64, column: usize) -> Option<u64> {
        let (bytes, kind) = self.cell(row, column)?;
        let bytes = bytes.first_chunk::<8>().filter(|_| kind == "<u8")?;
        Some(u64::from_le_bytes(*bytes))
    }
}

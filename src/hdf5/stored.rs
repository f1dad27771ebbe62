//! A dataset that is in a file: what it is, and its bytes.

use core::ffi::c_void;
use core::ptr;
use std::format;
use std::path::Path;
use std::string::{String, ToString};
use std::sync::Arc;
use std::vec::Vec;

use hdf5_sys::h5::HADDR_UNDEF;
use hdf5_sys::h5d::{self, H5D_layout_t, H5D_space_status_t};
use hdf5_sys::h5i::hid_t;
use hdf5_sys::{h5p, h5s};

use super::attribute::DTYPE;
use super::carried::read_text;
use super::dataset::{c_path, space_of};
use super::error::{Error, Result};
use super::heaps::REFERENCE;
use super::id::Id;
use super::library::{self, Session};
use super::meaning;
use super::open::Opened;
use super::packed::has_fill;
use super::read_error::ReadFault;
use super::read_types::{self, Element};
use super::there;
use crate::dtype::{DType, Field, Kind, Order};
use crate::dtype_buf::DTypeBuf;

/// How many dtypes a new one is compared with.
const KNOWN: usize = 64;

/// Where the bytes of a dataset lie.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Place {
    /// One behind the other in the file.
    Contiguous {
        /// The first one, from the beginning of the file.
        offset: u64,
    },
    /// In chunks, which may be packed.
    Chunked {
        /// Extents of a chunk.
        chunk: Vec<u64>,
    },
    /// In the dataset's header, in other files, or nowhere yet: only HDF5 knows.
    Elsewhere,
}

/// A dataset of a file that [`Reader`](super::Reader) has opened. It keeps the file open.
#[derive(Debug)]
pub struct Stored {
    /// None while it is dropped, and once HDF5 is not needed.
    ids: Option<Ids>,
    file: Arc<Opened>,
    path: String,
    element: Element,
    dtype: Arc<DTypeBuf>,
    /// Extents of the dataspace.
    extents: Vec<u64>,
    /// The same, and behind them those of an array type.
    shape: Vec<u64>,
    place: Place,
    is_text: bool,
}

/// As what a dataset is opened.
#[derive(Debug, Clone, Copy)]
pub(super) enum Wanted<'a> {
    /// As what it is.
    Any,
    /// As references to texts, whatever its type is.
    Texts,
    /// As a column that has this field.
    Field(Field<'a>),
}

#[derive(Debug)]
struct Ids {
    dataset: Id,
    /// Its file type.
    element: Id,
}

impl Stored {
    pub(super) fn open(
        session: &Session,
        file: &Arc<Opened>,
        path: &str,
        wanted: Wanted<'_>,
    ) -> Result<Self> {
        let what = format!("{}: dataset '{path}'", file.path().display());
        Self::open_unnamed(session, file, path, wanted).map_err(|e| e.about(&what))
    }

    fn open_unnamed(
        session: &Session,
        file: &Arc<Opened>,
        path: &str,
        wanted: Wanted<'_>,
    ) -> Result<Self> {
        let there = file.there()?;
        let dataset = there.dataset(session, &c_path(path)?)?;
        if !there.has(session, &dataset)? {
            return fault(ReadFault::Link);
        }
        let element_id = there::type_of(session, dataset.raw())?;
        let extents = extents(session, &dataset)?;
        let element = match wanted {
            // As they lie in the file: references.
            Wanted::Texts => Element::leaf(Kind::Void, REFERENCE as u32, Order::None),
            _ => read_types::element(session, &element_id)?,
        };
        let element = match wanted {
            Wanted::Texts => element,
            Wanted::Any => {
                let said = read_text(session, dataset.raw(), DTYPE)?;
                let said = said.and_then(|text| DTypeBuf::parse(&text).ok());
                let agreed = said.and_then(|said| meaning::agree(&element, said.as_dtype().root()));
                agreed.unwrap_or(element)
            }
            Wanted::Field(field) => {
                let agreed =
                    meaning::agree(&element, field).filter(|_| element.dims == field.dims());
                match agreed {
                    Some(agreed) => agreed,
                    None => return fault(ReadFault::Column),
                }
            }
        };
        let mut shape = extents.clone();
        shape.extend(element.dims.iter().map(|&d| u64::from(d)));
        let place = place(session, &dataset, extents.len())?;
        let dtype = Arc::new(element.dtype()?);
        let ids = Some(Ids { dataset, element: element_id });
        let (file, path) = (Arc::clone(file), path.to_string());
        let is_text = matches!(wanted, Wanted::Texts);
        Ok(Self { ids, file, path, element, dtype, extents, shape, place, is_text })
    }

    /// Whether its elements, as they are taken here, are references to texts.
    pub(super) const fn is_text(&self) -> bool {
        self.is_text
    }

    /// Whether nobody has written any of its texts.
    pub(super) fn is_nowhere(&self) -> Result<bool> {
        let (dataset, _) = self.ids()?;
        library::with(|session| {
            let list = there::creation(session, dataset.raw())?;
            // SAFETY: the id is live, here and below.
            let layout = unsafe { h5p::H5Pget_layout(list.raw()) };
            // SAFETY: as above.
            let external = unsafe { h5p::H5Pget_external_count(list.raw()) };
            let is_own = layout == H5D_layout_t::H5D_CONTIGUOUS && external == 0;
            Ok(self.is_text && is_own && !has_fill(session, &list)?)
        })
    }

    /// Closes HDF5's side of it: its bytes lie in this file, and are read without HDF5 from now on.
    pub(super) fn part(&mut self, session: &Session) -> Result<()> {
        let Some(Ids { dataset, element }) = self.ids.take() else { return Ok(()) };
        element.close(session, "H5Tclose")?;
        dataset.close(session, "H5Dclose")
    }

    /// Takes its dtype from `known` if it is there, else adds it: each takes a page.
    pub(super) fn share_dtype(&mut self, known: &mut Vec<Arc<DTypeBuf>>) {
        match known.iter().rev().take(KNOWN).find(|dtype| dtype.as_dtype() == self.dtype()) {
            Some(dtype) => self.dtype = Arc::clone(dtype),
            None => known.push(Arc::clone(&self.dtype)),
        }
    }

    /// Whether HDF5 does not have it open any more.
    pub(super) const fn is_apart(&self) -> bool {
        self.ids.is_none()
    }

    /// The file that it is in.
    pub(super) fn opened(&self) -> &Opened {
        &self.file
    }

    /// The dataset, and its type.
    pub(super) fn ids(&self) -> Result<(&Id, &Id)> {
        let ids = self.ids.as_ref().ok_or(Error::Order("the dataset is closed already"))?;
        Ok((&ids.dataset, &ids.element))
    }

    /// Its path in the file.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The file that it is in.
    #[must_use]
    pub fn file(&self) -> &Path {
        self.file.path()
    }

    /// Its id, which is live.
    pub(super) fn dataset_id(&self) -> hid_t {
        self.ids.as_ref().map_or(-1, |ids| ids.dataset.raw())
    }

    /// The dtype of its elements.
    #[must_use]
    pub fn dtype(&self) -> DType<'_> {
        self.dtype.as_dtype()
    }

    /// Its extents, as NumPy has them: those of an array type come last.
    #[must_use]
    pub fn shape(&self) -> &[u64] {
        &self.shape
    }

    /// The extents that HDF5 gives it, without those of an array type.
    #[must_use]
    pub fn extents(&self) -> &[u64] {
        &self.extents
    }

    /// Where its bytes lie.
    #[must_use]
    pub const fn place(&self) -> &Place {
        &self.place
    }

    /// Bytes of all elements; none if that is no number.
    #[must_use]
    pub fn len(&self) -> Option<u64> {
        let element = u64::from(self.dtype.as_dtype().itemsize());
        self.shape.iter().try_fold(element, |bytes, &n| bytes.checked_mul(n))
    }

    /// Whether it has no element.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.shape.contains(&0)
    }

    /// Where its bytes begin in the file, if they lie there one behind the other.
    ///
    /// # Errors
    /// [`Error::Read`] if the file ends before.
    pub fn offset(&self) -> Result<Option<u64>> {
        let Place::Contiguous { offset } = self.place else { return Ok(None) };
        let end = self.len().and_then(|len| len.checked_add(offset));
        match end {
            Some(end) if end <= self.file.len()? => Ok(Some(offset)),
            _ => {
                let subject = format!("{}: dataset '{}'", self.file.path().display(), self.path);
                Err(Error::Read { subject, fault: ReadFault::Truncated })
            }
        }
    }

    /// Reads some of the file's bytes, see [`offset`](Self::offset); fewer than `buf` has
    /// room for only at the end of the file.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn read_file(&self, buf: &mut [u8], at: u64) -> Result<usize> {
        self.file.read(buf, at)
    }

    /// Reads a box of elements as they lie in the file, one behind the other: `count` of
    /// them from `start` on, along each of [`extents`](Self::extents).
    ///
    /// # Safety
    /// * `into` is writable for the bytes of so many elements during the call, array types
    ///   counted whole.
    ///
    /// # Errors
    /// [`Error::Shape`] for a box that is not in the dataset; [`Error::Hdf5`].
    pub unsafe fn read_box(&self, start: &[u64], count: &[u64], into: *mut u8) -> Result<()> {
        // Memory of HDF5's would be lost.
        if self.is_text {
            return Err(Error::Order("texts of variable length are not read by HDF5"));
        }
        if !self.contains(start, count) {
            let path = self.path.clone();
            return Err(Error::Shape { path, need: self.len(), have: 0 });
        }
        let ids = self.ids.as_ref().ok_or(Error::Order("the dataset is closed already"))?;
        let into = into.cast::<c_void>();
        library::with(|session| {
            let (memory, file) = spaces(session, &ids.dataset, start, count)?;
            let (dataset, element) = (ids.dataset.raw(), ids.element.raw());
            let (memory, file) = (memory.raw(), file.raw());
            // SAFETY: the ids are live. The type in memory is that of the file, so as many
            // bytes are written as the box has, for which there is room by this function's
            // contract.
            let status =
                unsafe { h5d::H5Dread(dataset, element, memory, file, h5p::H5P_DEFAULT, into) };
            session.check("H5Dread", status)
        })
        .map_err(|e| {
            e.about(&format_args!("{}: dataset '{}'", self.file.path().display(), self.path))
        })
    }

    /// Reads `rows` rows from `first` on: [`read_box`](Self::read_box) with all of the other
    /// axes.
    ///
    /// # Safety
    /// * As for [`read_box`](Self::read_box).
    ///
    /// # Errors
    /// As for [`read_box`](Self::read_box).
    pub unsafe fn read_rows(&self, first: u64, rows: u64, into: *mut u8) -> Result<()> {
        let (mut start, mut count) = (std::vec![0; self.extents.len()], self.extents.clone());
        if let (Some(start), Some(count)) = (start.first_mut(), count.first_mut()) {
            (*start, *count) = (first, rows);
        }
        // SAFETY: by this function's contract.
        unsafe { self.read_box(&start, &count, into) }
    }

    /// Whether bytes of the file must be changed to be those of [`dtype`](Self::dtype), see
    /// [`change`](Self::change).
    #[must_use]
    pub fn needs_change(&self) -> bool {
        meaning::needs_change(&self.element)
    }

    /// Makes whole elements of [`dtype`](Self::dtype) of as many as they lie in the file:
    /// strings get NULs behind them, and UTF-8 that is `U` becomes UCS-4. `first` is the
    /// number of the first one, for messages.
    ///
    /// # Errors
    /// [`Error::Read`] for a text that is not UTF-8, or too long.
    pub fn change(&self, elements: &mut [u8], first: u64) -> Result<()> {
        meaning::change(&self.element, elements, first).map_err(|e| {
            e.about(&format_args!("{}: dataset '{}'", self.file.path().display(), self.path))
        })
    }

    /// The text of an attribute, if it has one of this name.
    ///
    /// # Errors
    /// [`Error::Hdf5`].
    pub fn attribute_text(&self, name: &str) -> Result<Option<String>> {
        let ids = self.ids.as_ref().ok_or(Error::Order("the dataset is closed already"))?;
        library::with(|session| read_text(session, ids.dataset.raw(), name))
    }

    fn contains(&self, start: &[u64], count: &[u64]) -> bool {
        let rank = self.extents.len();
        let mut axes = self.extents.iter().zip(start.iter().zip(count));
        start.len() == rank
            && count.len() == rank
            && axes.all(|(&extent, (&start, &count))| {
                start.checked_add(count).is_some_and(|end| end <= extent)
            })
    }
}

impl Drop for Stored {
    fn drop(&mut self) {
        if !self.file.is_own() {
            // A forked child: another thread may have held HDF5's lock at the fork.
            core::mem::forget(self.ids.take());
            return;
        }
        let ids = self.ids.take();
        let _ = library::with(move |_| {
            drop(ids);
            Ok(())
        });
    }
}

fn fault<T>(fault: ReadFault) -> Result<T> {
    Err(Error::Read { subject: String::new(), fault })
}

fn extents(session: &Session, dataset: &Id) -> Result<Vec<u64>> {
    let space = there::space(session, dataset.raw())?;
    match there::extents(session, &space)? {
        Some((extents, _)) => Ok(extents),
        None => fault(ReadFault::NoValues),
    }
}

fn place(session: &Session, dataset: &Id, rank: usize) -> Result<Place> {
    let list = there::creation(session, dataset.raw())?;
    // SAFETY: the id is live, as those below.
    match unsafe { h5p::H5Pget_layout(list.raw()) } {
        H5D_layout_t::H5D_CONTIGUOUS => {
            // SAFETY: as above.
            let external = unsafe { h5p::H5Pget_external_count(list.raw()) };
            session.check("H5Pget_external_count", external)?;
            let mut status = H5D_space_status_t::H5D_SPACE_STATUS_ERROR;
            // SAFETY: as above; the place is writable.
            let asked = unsafe { h5d::H5Dget_space_status(dataset.raw(), &raw mut status) };
            session.check("H5Dget_space_status", asked)?;
            // SAFETY: as above.
            let offset = unsafe { h5d::H5Dget_offset(dataset.raw()) };
            // Behind a user block HDF5 1.10 has an offset for what has no place.
            let is_given = status == H5D_space_status_t::H5D_SPACE_STATUS_ALLOCATED;
            let is_here = external == 0 && is_given && offset != HADDR_UNDEF;
            Ok(if is_here { Place::Contiguous { offset } } else { Place::Elsewhere })
        }
        H5D_layout_t::H5D_CHUNKED => {
            Ok(Place::Chunked { chunk: there::chunk(session, &list, rank)? })
        }
        _ => Ok(Place::Elsewhere),
    }
}

/// The space of a box in memory, and the dataset's with the box selected.
fn spaces(session: &Session, dataset: &Id, start: &[u64], count: &[u64]) -> Result<(Id, Id)> {
    let file = there::space(session, dataset.raw())?;
    let memory = space_of(session, count, count)?;
    if !count.is_empty() {
        let (start, count) = (start.as_ptr(), count.as_ptr());
        let (op, one) = (h5s::H5S_SELECT_SET, ptr::null());
        // SAFETY: the id is live, and there are as many numbers as axes; without strides and
        // blocks they are 1.
        let status = unsafe { h5s::H5Sselect_hyperslab(file.raw(), op, start, one, count, one) };
        session.check("H5Sselect_hyperslab", status)?;
    }
    Ok((memory, file))
}

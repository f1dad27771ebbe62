//! The chunks of a dataset, for who unpacks them without HDF5.
//!
//! HDF5 says what the dataset is, and is not needed any more then. Where the chunks lie is read
//! from the file; HDF5 is asked only where it keeps them in another way than usual, and they are
//! few: it walks over half of all chunks to find one. Nothing of this is believed: a chunk has
//! its own place in the grid, and lies in the file.

use core::ffi::c_uint;
use core::ptr;
use std::format;
use std::string::String;
use std::sync::Arc;
use std::vec;
use std::vec::Vec;

use hdf5_sys::h5::{HADDR_UNDEF, haddr_t, hsize_t};
use hdf5_sys::h5d::{self, H5D_fill_time_t, H5D_fill_value_t};
use hdf5_sys::{h5o, h5p, h5s, h5t, h5z};

use super::chunk_tree::{Entry, Found};
use super::error::{Error, Result, io_error};
use super::header::View;
use super::heaps::REFERENCE;
use super::id::Id;
use super::layout::ZSTD;
use super::library::{self, Session};
use super::read_error::{ChunkFault, ReadFault};
use super::stored::{Place, Stored};
use super::superblock;
use super::there;
use crate::filter::{Codec, Filters, Tiles};
use crate::sys::Fd;

/// Larger chunks are left to HDF5: a worker has memory for three of them.
const MOST_CHUNK: usize = 256 << 20;
/// Chunks that HDF5 is asked for one by one.
const MOST_ASKED: u64 = 4096;
/// Bytes that the entry of a chunk takes in a file at least.
const ENTRY: u64 = 32;
/// Numbers that a filter is set up with; those that are known have one at most.
const NUMBERS: usize = 8;

/// A dataset of chunks.
#[derive(Debug)]
pub(crate) struct Packed {
    /// The file.
    pub(crate) fd: Arc<Fd>,
    pub(crate) filters: Filters,
    /// Bytes of an element.
    pub(crate) element: usize,
    /// The chunks that there may be.
    pub(crate) tiles: Tiles<'static>,
    /// Those that there are, in the order of their places in the file.
    pub(crate) chunks: Vec<PackedChunk>,
    /// What elements of the others are; none for zeros.
    pub(crate) fill: Option<Vec<u8>>,
    extents: Vec<u64>,
    chunk: Vec<u64>,
    /// File and dataset, for messages.
    subject: String,
}

/// A chunk in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PackedChunk {
    pub(crate) at: u64,
    pub(crate) len: u32,
    pub(crate) mask: u32,
    /// Its number among the tiles.
    pub(crate) index: u64,
}

impl Packed {
    /// What is wrong with a chunk, by its number among the tiles.
    pub(crate) fn fault(&self, index: u64, what: ChunkFault) -> Error {
        let places = self.origin(index).iter().zip(&self.chunk).map(|(at, len)| at * len).collect();
        let fault = ReadFault::Chunk { origin: places, what };
        Error::Read { subject: self.subject.clone(), fault }
    }

    /// The file cannot be read.
    pub(crate) fn unreadable(&self, errno: i32) -> Error {
        let source = std::io::Error::from_raw_os_error(errno);
        Error::io("read", std::path::Path::new(&self.subject), source)
    }

    /// Bytes of the array that a chunk has.
    pub(crate) fn bytes(&self, index: u64) -> u64 {
        let axes = self.origin(index).into_iter().zip(self.extents.iter().zip(&self.chunk));
        axes.fold(self.element as u64, |bytes, (at, (&extent, &chunk))| {
            bytes * chunk.min(extent.saturating_sub(at * chunk))
        })
    }

    /// Bytes of the longest chunk as it is stored.
    pub(crate) fn most_stored(&self) -> usize {
        self.chunks.iter().map(|chunk| chunk.len as usize).max().unwrap_or(0)
    }

    /// The chunks of a row of them, and how many there may be.
    pub(super) fn band(&self, band: u64) -> Option<(Tiles<'static>, u64)> {
        let (mut block, chunk) = (small(&self.extents)?, small(&self.chunk)?);
        let (rows, band) = (*block.first()?, usize::try_from(band).ok()?);
        let (first, high) = (block.first_mut()?, *chunk.first()?);
        *first = high.min(rows.checked_sub(band.checked_mul(high)?)?);
        let tiles = Tiles::boxes(self.element, &block, &chunk)?;
        let across = tiles.count() as u64;
        Some((tiles, across))
    }

    /// A chunk's place in the grid.
    fn origin(&self, mut index: u64) -> Vec<u64> {
        let mut origin = vec![0; self.extents.len()];
        let axes = origin.iter_mut().zip(self.extents.iter().zip(&self.chunk)).rev();
        for (at, (extent, &chunk)) in axes {
            let count = extent.div_ceil(chunk).max(1);
            *at = index % count;
            index /= count;
        }
        origin
    }
}

impl Stored {
    /// The chunks, if there are some that are packed in a way that is known here, and nothing
    /// is to be changed of their bytes.
    ///
    /// # Errors
    /// [`Error::Read`] for a table of chunks that cannot be; [`Error::Hdf5`], [`Error::Io`].
    pub(crate) fn packed(&self) -> Result<Option<Packed>> {
        if self.needs_change() { Ok(None) } else { self.packed_as_is() }
    }

    /// The same, whatever is to be changed of their bytes.
    pub(super) fn packed_as_is(&self) -> Result<Option<Packed>> {
        let Place::Chunked { chunk } = self.place() else { return Ok(None) };
        if self.is_empty() {
            return Ok(None);
        }
        library::with(|session| self.look(session, chunk)).map_err(|e| e.about(&self.subject()))
    }

    fn look(&self, session: &Session, chunk: &[u64]) -> Result<Option<Packed>> {
        let (dataset, kind) = self.ids()?;
        // SAFETY: the id is live.
        let size = unsafe { h5t::H5Tget_size(kind.raw()) };
        let element = if self.is_text() { REFERENCE } else { size };
        let list = there::creation(session, dataset.raw())?;
        let Some(filters) = filters(session, &list, element, self.is_text())? else {
            return Ok(None);
        };
        let sizes = small(self.extents()).zip(small(chunk));
        let tiles = sizes.and_then(|(block, chunk)| Tiles::boxes(element, &block, &chunk));
        let fits = |tiles: &Tiles<'_>| {
            self.len() == Some(tiles.block_bytes() as u64) && tiles.chunk_bytes(0) <= MOST_CHUNK
        };
        let Some(tiles) = tiles.filter(fits) else { return Ok(None) };
        let Some(found) = self.entries(session, dataset, tiles.count() as u64)? else {
            return Ok(None);
        };
        let damaged = Error::Read { subject: String::new(), fault: ReadFault::Chunks };
        let chunks = placed(&found, self.extents(), chunk).ok_or(damaged)?;
        let fd = self.opened().shared()?;
        let fill = if !self.is_text() {
            fill(session, &list, kind, element)?
        } else if has_fill(session, &list)? {
            return Ok(None);
        } else {
            None
        };
        let (extents, chunk) = (self.extents().to_vec(), chunk.to_vec());
        let subject = self.subject();
        let made = Packed { fd, filters, element, tiles, chunks, fill, extents, chunk, subject };
        made.check_places(self.opened().len()?)?;
        // Longer than they can be: it may be that HDF5 knows why.
        let is_usual = made.most_stored() <= made.tiles.chunk_bytes(0).saturating_mul(2) + 4096;
        Ok(is_usual.then_some(made))
    }

    /// The chunks as the file has them; none if they are too many to be asked for.
    fn entries(&self, session: &Session, dataset: &Id, most: u64) -> Result<Option<Vec<Entry>>> {
        let size = self.opened().len()?;
        let most = most.min(size / ENTRY + 1);
        let fd = self.opened().fd()?;
        let found =
            superblock::find(fd, size).map_err(|e| io_error("read", self.opened().path(), e));
        let superblock::Found::Block(block) = found? else { return Ok(None) };
        let mut info = h5o::H5O_info1_t::default();
        #[allow(deprecated, reason = "this one is in every version, with one signature")]
        // SAFETY: the id is live, the place is writable.
        let asked = unsafe { h5o::H5Oget_info2(dataset.raw(), &raw mut info, h5o::H5O_INFO_BASIC) };
        session.check("H5Oget_info2", asked)?;
        let tree = View::new(fd, block.base);
        match tree.entries(info.addr, self.extents().len(), most) {
            Found::Chunks(found) => Ok(Some(found)),
            Found::Unreadable(error) => Err(io_error("read", self.opened().path(), error)),
            Found::Damaged => Err(Error::Read { subject: String::new(), fault: ReadFault::Chunks }),
            // Versions differ in what addresses count from.
            Found::Other if block.base != 0 => Ok(None),
            Found::Other => asked_for(session, dataset, self.extents().len()),
        }
    }

    fn subject(&self) -> String {
        format!("{}: dataset '{}'", self.opened().path().display(), self.path())
    }
}

impl Packed {
    fn check_places(&self, size: u64) -> Result<()> {
        let is_in = |chunk: &PackedChunk| {
            chunk.len > 0 && chunk.at.checked_add(chunk.len.into()).is_some_and(|end| end <= size)
        };
        match self.chunks.iter().find(|&chunk| !is_in(chunk)) {
            Some(chunk) => match self.fault(chunk.index, ChunkFault::Outside) {
                Error::Read { fault, .. } => Err(Error::Read { subject: String::new(), fault }),
                other => Err(other),
            },
            None => Ok(()),
        }
    }
}

fn small(extents: &[u64]) -> Option<Vec<usize>> {
    extents.iter().map(|&n| usize::try_from(n).ok()).collect()
}

/// The filters, if they are those that ndshm has, in its order.
fn filters(session: &Session, list: &Id, element: usize, is_text: bool) -> Result<Option<Filters>> {
    let mut options: c_uint = 0;
    // SAFETY: `list` is a dataset creation list, here and below; the place is writable.
    let status = unsafe { h5p::H5Pget_chunk_opts(list.raw(), &raw mut options) };
    session.check("H5Pget_chunk_opts", status)?;
    // SAFETY: as above.
    let count = unsafe { h5p::H5Pget_nfilters(list.raw()) };
    session.check("H5Pget_nfilters", count)?;
    let mut filters = Filters::default();
    // Chunks at the edges may be exempt.
    let mut is_known = options == 0;
    let mut before = 0;
    for i in 0..count {
        let (filter, number) = one_filter(session, list, i as c_uint)?;
        let place = match filter {
            // HDF5 does not set it up for what has a variable length, and then leaves it away.
            h5z::H5Z_FILTER_SHUFFLE if number as usize == element || is_text && number == 0 => {
                filters.shuffle = true;
                1
            }
            h5z::H5Z_FILTER_DEFLATE | ZSTD => {
                let gzip = filter == h5z::H5Z_FILTER_DEFLATE;
                filters.codec = if gzip { Codec::Gzip(1) } else { Codec::Zstd(1) };
                2
            }
            h5z::H5Z_FILTER_FLETCHER32 => {
                filters.fletcher32 = true;
                3
            }
            _ => 0,
        };
        is_known &= place > before;
        before = place;
    }
    Ok(is_known.then_some(filters))
}

/// A filter's number, and the first one that it is set up with.
fn one_filter(session: &Session, list: &Id, i: c_uint) -> Result<(h5z::H5Z_filter_t, c_uint)> {
    let (mut flags, mut count, mut numbers, mut config) = (0, NUMBERS, [0; NUMBERS], 0);
    let (flags, count, config) = (&raw mut flags, &raw mut count, &raw mut config);
    let (numbers_at, list) = (numbers.as_mut_ptr(), list.raw());
    // SAFETY: the id is live, all places are writable, as many numbers as announced; no room
    // for a name.
    let filter = unsafe {
        h5p::H5Pget_filter2(list, i, flags, count, numbers_at, 0, ptr::null_mut(), config)
    };
    session.check("H5Pget_filter2", filter)?;
    let [first, ..] = numbers;
    Ok((filter, first))
}

/// Whether somebody has said what elements are that nobody writes.
pub(super) fn has_fill(session: &Session, list: &Id) -> Result<bool> {
    let mut defined = H5D_fill_value_t::H5D_FILL_VALUE_ERROR;
    // SAFETY: `list` is a dataset creation list, the place is writable.
    let status = unsafe { h5p::H5Pfill_value_defined(list.raw(), &raw mut defined) };
    session.check("H5Pfill_value_defined", status)?;
    Ok(defined == H5D_fill_value_t::H5D_FILL_VALUE_USER_DEFINED)
}

/// What HDF5 would give for elements that are nowhere, if it is not all zeros.
fn fill(session: &Session, list: &Id, kind: &Id, element: usize) -> Result<Option<Vec<u8>>> {
    let mut time = H5D_fill_time_t::H5D_FILL_TIME_ERROR;
    // SAFETY: `list` is a dataset creation list, here and below; the place is writable.
    let status = unsafe { h5p::H5Pget_fill_time(list.raw(), &raw mut time) };
    session.check("H5Pget_fill_time", status)?;
    if time == H5D_fill_time_t::H5D_FILL_TIME_NEVER || !has_fill(session, list)? {
        return Ok(None);
    }
    let mut value = vec![0_u8; element];
    // SAFETY: the ids are live; there is room for a value of the type.
    let status =
        unsafe { h5p::H5Pget_fill_value(list.raw(), kind.raw(), value.as_mut_ptr().cast()) };
    session.check("H5Pget_fill_value", status)?;
    Ok(value.iter().any(|&byte| byte != 0).then_some(value))
}

/// The chunks by their places, if each has one of its own in the grid. Those behind the ends of
/// the axes are none.
fn placed(found: &[Entry], extents: &[u64], chunk: &[u64]) -> Option<Vec<PackedChunk>> {
    let mut placed = Vec::with_capacity(found.len());
    for entry in found {
        let mut index = 0_u64;
        let mut is_in = true;
        for (&at, (&extent, &chunk)) in entry.origin.iter().zip(extents.iter().zip(chunk)) {
            if at % chunk != 0 {
                return None;
            }
            is_in &= at < extent;
            index = index.wrapping_mul(extent.div_ceil(chunk)).wrapping_add(at / chunk);
        }
        let Entry { at, len, mask, .. } = *entry;
        if is_in {
            placed.push(PackedChunk { at, len, mask, index });
        }
    }
    placed.sort_unstable_by_key(|chunk| chunk.index);
    if placed.windows(2).any(|pair| matches!(pair, [a, b] if a.index == b.index)) {
        return None;
    }
    placed.sort_by_key(|chunk| chunk.at);
    Some(placed)
}

/// The chunks as HDF5 tells them one by one.
fn asked_for(session: &Session, dataset: &Id, axes: usize) -> Result<Option<Vec<Entry>>> {
    // SAFETY: the id is live.
    let raw = unsafe { h5d::H5Dget_space(dataset.raw()) };
    let space = session.own("H5Dget_space", raw, h5s::H5Sclose)?;
    let mut count: hsize_t = 0;
    // SAFETY: the ids are live, the place is writable.
    let status = unsafe { h5d::H5Dget_num_chunks(dataset.raw(), space.raw(), &raw mut count) };
    session.check("H5Dget_num_chunks", status)?;
    if count > MOST_ASKED {
        return Ok(None);
    }
    (0..count).map(|index| one_chunk(session, dataset, &space, axes, index)).collect()
}

/// One chunk; none if it has no place, or is too long.
fn one_chunk(
    session: &Session,
    dataset: &Id,
    space: &Id,
    axes: usize,
    index: u64,
) -> Result<Option<Entry>> {
    let (mut origin, mut mask): (Vec<hsize_t>, c_uint) = (vec![0; axes], 0);
    let (mut at, mut len): (haddr_t, hsize_t) = (HADDR_UNDEF, 0);
    let (o, m, a, l) = (origin.as_mut_ptr(), &raw mut mask, &raw mut at, &raw mut len);
    // SAFETY: the ids are live; there is room for as many numbers as the dataset has axes, and
    // the other places are writable.
    let status = unsafe { h5d::H5Dget_chunk_info(dataset.raw(), space.raw(), index, o, m, a, l) };
    session.check("H5Dget_chunk_info", status)?;
    let len = u32::try_from(len).ok().filter(|_| at != HADDR_UNDEF);
    Ok(len.map(|len| Entry { at, len, mask, origin }))
}

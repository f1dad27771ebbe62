//! Datasets of chunks: made when their first block comes, grown with each, and closed.
//!
//! HDF5 gives a chunk its place when the chunk is written. It writes to memory, as all that
//! it writes ([`temporary`](super::temporary)); the bytes go to the disk from where they
//! are, and the memory is given back.

use std::ffi::CString;
use std::string::ToString;
use std::vec::Vec;

use hdf5_sys::h5::{HADDR_UNDEF, haddr_t, hsize_t};
use hdf5_sys::h5i::hid_t;
use hdf5_sys::{h5d, h5g, h5p};

use super::attribute::{self, AttrValue};
use super::dataset::{self, c_path};
use super::error::{Error, Result, Stack, TypeFault};
use super::file::{self, ALIGNMENT, File, THRESHOLD};
use super::id::Id;
use super::layout::{chunked_list, uncached_list};
use super::library::{self, Session};
use super::sets::Sets;
use super::temporary::Temporary;
use super::types;
use super::writer::{CLOSED, Writer};
use crate::dtype::{DType, Field};
use crate::filter::{Chunk, Filters};

/// Chunks of which HDF5 keeps the index as it likes: more would take more than some 10 MiB.
const FEW_CHUNKS: u64 = 16 << 10;

/// What a dataset of chunks is to be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ChunkedPlan<'a> {
    /// Its path in the file; that of the group, if each column is a dataset.
    pub(crate) path: &'a str,
    pub(crate) dtype: DType<'a>,
    /// A dataset for each field.
    pub(crate) columns: bool,
    /// Extents of a chunk.
    pub(crate) chunk: &'a [u64],
    /// Extents of the dataset as far as they are fixed, those of the last axes.
    pub(crate) fixed: &'a [u64],
    pub(crate) filters: Filters,
}

/// The dataset that chunks are written to, or the datasets of its columns.
#[derive(Debug)]
pub(super) struct Chunked {
    pub(super) sets: Sets,
    /// The group of columns.
    pub(super) group: Option<Id>,
    pub(super) chunk: Vec<u64>,
    /// Extents up to now.
    pub(super) shape: Vec<hsize_t>,
    pub(super) columns: bool,
    /// The table that was there before.
    pub(super) grown: Option<usize>,
}

/// The next chunks of a dataset: all that have the same place on its first axes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ChunkBlock<'a> {
    /// Extents of the dataset with them.
    pub(crate) shape: &'a [u64],
    /// Their first element on the first axes; on the others they lie one behind the other.
    pub(crate) origin: &'a [u64],
    /// How many bytes each has; they follow one another.
    pub(crate) chunks: &'a [Chunk],
}

/// What HDF5 has to remember of chunks.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// Chunks that were written.
    chunks: u64,
    /// Whether HDF5 has less memory because of them, or of their datasets.
    is_large: bool,
}

/// Bytes that lie in the file as they do in memory.
#[derive(Debug, Clone, Copy)]
struct Run {
    /// Where in the file.
    at: u64,
    /// Where behind the first chunk's first byte.
    from: usize,
    len: usize,
}

impl Writer {
    /// Makes a dataset of chunks, without rows as yet.
    ///
    /// # Errors
    /// [`Error::Dataset`], [`Error::Type`], [`Error::Order`], [`Error::Hdf5`].
    pub(crate) fn begin_chunked(&mut self, plan: ChunkedPlan<'_>) -> Result<()> {
        self.usable()?;
        let path = self.names.check(plan.path)?;
        types::check(plan.dtype.root(), "")?;
        if plan.columns {
            check_columns(plan.dtype)?;
        }
        let plan = ChunkedPlan { path: &path, ..plan };
        let made = library::with(|session| self.make_chunked(session, plan))
            .map_err(|e| e.about(&format_args!("dataset '{path}'")));
        self.chunked = Some(self.remember(made)?);
        Ok(())
    }

    fn make_chunked(&mut self, session: &Session, plan: ChunkedPlan<'_>) -> Result<Chunked> {
        let grow = plan.chunk.len().saturating_sub(plan.fixed.len());
        let mut shape: Vec<hsize_t> = std::vec![0; grow];
        shape.extend(plan.fixed);
        let mut most = std::vec![hdf5_sys::h5s::H5S_UNLIMITED; grow];
        most.extend(plan.fixed);
        let space = dataset::space_of(session, &shape, &most)?;
        let list = chunked_list(session, plan.chunk, plan.filters)?;
        let (mut sets, mut group) = (Sets::default(), None);
        if plan.columns {
            let file = self.file.as_ref().ok_or(CLOSED)?;
            self.names.make_parents(session, file, plan.path)?;
            group = Some(columns_group(session, file, plan.path)?);
            self.names.add_group(plan.path);
            for field in plan.dtype.root().fields().enumerate() {
                let (set, path) =
                    self.make_one(session, plan.path, Some(field), plan, &space, &list)?;
                sets.push(session, set, path)?;
                self.save_memory(session, &sets, 0)?;
            }
        } else {
            let (set, path) = self.make_one(session, plan.path, None, plan, &space, &list)?;
            sets.push(session, set, path)?;
        }
        let (chunk, columns) = (plan.chunk.to_vec(), plan.columns);
        Ok(Chunked { sets, group, chunk, shape, columns, grown: None })
    }

    /// Makes one dataset, of a column or of all.
    fn make_one(
        &mut self,
        session: &Session,
        path: &str,
        column: Option<(usize, Field<'_>)>,
        plan: ChunkedPlan<'_>,
        space: &Id,
        list: &Id,
    ) -> Result<(Id, CString)> {
        let field = column.map_or_else(|| plan.dtype.root(), |(_, field)| field);
        let element = match column {
            Some((place, field)) => types::column_type(session, field, place, self.forms())?,
            None => types::file_type(session, field, self.forms(), usize::MAX)?,
        };
        let path = types::slashed(path, column.map_or("", |(_, field)| field.name()));
        let file = self.file.as_ref().ok_or(CLOSED)?;
        self.names.make_parents(session, file, &path)?;
        let (name, link, access) = (c_path(&path)?, file.link_list(), uncached_list(session)?);
        let (text, element, space) = (name.as_ptr(), element.raw(), space.raw());
        // SAFETY: the name is a C string, the ids are live.
        let raw = unsafe {
            h5d::H5Dcreate2(file.id(), text, element, space, link, list.raw(), access.raw())
        };
        let set = session.own("H5Dcreate2", raw, h5d::H5Dclose)?;
        self.names.add_dataset(&path);
        if column.is_some() {
            attribute::write_of_field(session, file.attributes(), set.raw(), field, &[])?;
        }
        Ok((set, name))
    }

    /// Adds the next chunks to the dataset that was begun last.
    ///
    /// # Safety
    /// * The bytes of all chunks are readable from `data` on during the call. It may be
    ///   shared memory: the kernel copies them.
    ///
    /// # Errors
    /// [`Error::NoSpace`], [`Error::Io`], [`Error::Order`], [`Error::Hdf5`].
    pub(crate) unsafe fn append_chunks(
        &mut self,
        block: ChunkBlock<'_>,
        data: *const u8,
    ) -> Result<()> {
        self.usable()?;
        let mut chunked = self.chunked.take().ok_or(CLOSED)?;
        // SAFETY: by this function's contract.
        let added = unsafe { self.add_block(&mut chunked, block, data) };
        self.chunked = Some(chunked);
        self.remember(added)
    }

    /// # Safety
    /// * As [`append_chunks`](Self::append_chunks).
    unsafe fn add_block(
        &mut self,
        chunked: &mut Chunked,
        block: ChunkBlock<'_>,
        data: *const u8,
    ) -> Result<()> {
        if let (Some(table), Some(&rows)) = (chunked.grown, block.shape.first()) {
            self.check_rows(table, rows)?;
        }
        let places = library::with(|session| {
            self.save_memory(session, &chunked.sets, block.chunks.len() as u64)?;
            let all = block.chunks.iter().map(|chunk| u64::from(chunk.len)).sum();
            let end = self.file.as_ref().ok_or(CLOSED)?.end(session)?;
            // HDF5 may begin a chunk at the next page, and needs room for their index.
            let more = block.chunks.len() as u64 * 2 * ALIGNMENT;
            file::check_limit(self.target.path(), end.saturating_add(all).saturating_add(more))?;
            let file = self.file.as_ref().ok_or(CLOSED)?;
            // Those that are opened for their chunk grow then.
            let each = chunked.columns && block.chunks.len() == chunked.sets.len();
            chunked.grow(session, file.id(), block.shape, !each)?;
            let placing = Placing {
                session,
                file,
                temporary: &self.temporary,
                alignment: self.options.alignment(),
                shifted: self.chunk_shift != 0,
            };
            // SAFETY: by this function's contract.
            unsafe { chunked.give_places(&placing, block, data) }
        })?;
        for Run { at, from, len } in places {
            let at = at + self.chunk_shift;
            // SAFETY: runs are parts of the chunks, by this function's contract.
            unsafe { self.temporary.write(data.wrapping_add(from), len, at) }?;
            let merged = self.note_extent(at, len as u64);
            self.hurry(at + len as u64);
            self.temporary.forget(merged.0, at, len as u64)?;
        }
        Ok(())
    }

    /// Has HDF5 take less memory once there are many datasets, or many chunks in all.
    fn save_memory(&mut self, session: &Session, sets: &Sets, more: u64) -> Result<()> {
        self.index.chunks += more;
        if self.index.is_large || !sets.are_many() && self.index.chunks <= FEW_CHUNKS {
            return Ok(());
        }
        self.index.is_large = true;
        self.file.as_ref().ok_or(CLOSED)?.save_memory(session)
    }

    /// Ends the dataset that was begun last, and gives it attributes.
    ///
    /// # Errors
    /// [`Error::Order`], [`Error::Hdf5`].
    pub(crate) fn finish_chunked(
        &mut self,
        shape: &[u64],
        dtype: DType<'_>,
        attrs: &[(&str, AttrValue<'_>)],
    ) -> Result<()> {
        self.usable()?;
        let mut chunked = self.chunked.take().ok_or(CLOSED)?;
        let finished = library::with(|session| {
            let file = self.file.as_ref().ok_or(CLOSED)?;
            chunked.grow(session, file.id(), shape, true)?;
            if chunked.grown.is_some() {
                return self.finish_rows(session, chunked, attrs);
            }
            let kit = file.attributes();
            match (&chunked.group, chunked.sets.first()) {
                (Some(group), _) => {
                    attribute::write_of_group(session, kit, group.raw(), dtype, attrs)?;
                }
                (None, Some(set)) => {
                    attribute::write_of_field(session, kit, set.raw(), dtype.root(), attrs)?;
                }
                (None, None) => {}
            }
            chunked.close(session)
        });
        self.remember(finished)
    }
}

impl Chunked {
    /// Has HDF5 write chunks, and says where they lie in the file; those that lie there as they
    /// do in memory are one run.
    ///
    /// # Safety
    /// * The bytes of all chunks are readable from `data` on during the call.
    unsafe fn give_places(
        &self,
        placing: &Placing<'_>,
        block: ChunkBlock<'_>,
        data: *const u8,
    ) -> Result<Vec<Run>> {
        let mut origin = block.origin.to_vec();
        origin.resize(self.shape.len(), 0);
        let mut runs: Vec<Run> = Vec::new();
        let mut from = 0;
        for (i, chunk) in block.chunks.iter().enumerate() {
            let (number, bytes) = (if self.columns { i } else { 0 }, data.wrapping_add(from));
            let give = |set: hid_t, is_grown: bool| {
                if !is_grown {
                    self.extend(placing.session, set)?;
                }
                // SAFETY: one chunk lies behind the other, by this function's contract.
                unsafe { placing.give_place(set, &origin, *chunk, bytes) }
            };
            let at = self.sets.with(placing.session, placing.file.id(), number, give)?;
            let len = chunk.len as usize;
            match runs.last_mut().filter(|run| run.at + run.len as u64 == at) {
                Some(run) => run.len += len,
                None => runs.push(Run { at, from, len }),
            }
            from += len;
            if !self.columns {
                advance(&mut origin, block.origin.len(), &self.shape, &self.chunk);
            }
        }
        Ok(runs)
    }

    /// Gives the datasets these extents: all of them, or those that are open.
    pub(super) fn grow(
        &mut self,
        session: &Session,
        file: hid_t,
        shape: &[u64],
        all: bool,
    ) -> Result<()> {
        if shape.len() != self.shape.len() {
            return Err(Error::Order("a dataset of chunks cannot change its number of axes"));
        }
        if self.shape == shape {
            return Ok(());
        }
        self.shape = shape.to_vec();
        for set in self.sets.open() {
            self.extend(session, set.raw())?;
        }
        let others = if all { self.sets.open().len()..self.sets.len() } else { 0..0 };
        for number in others {
            self.sets.with(session, file, number, |set, _| self.extend(session, set))?;
        }
        Ok(())
    }

    fn extend(&self, session: &Session, set: hid_t) -> Result<()> {
        // SAFETY: the id is live, and there are as many extents as the dataset has.
        let status = unsafe { h5d::H5Dset_extent(set, self.shape.as_ptr()) };
        session.check("H5Dset_extent", status)
    }

    pub(super) fn close(self, session: &Session) -> Result<()> {
        self.sets.close(session)?;
        self.group.map_or(Ok(()), |group| group.close(session, "H5Gclose"))
    }
}

/// The next chunk on the axes behind the first `fixed` ones, the last axis the fastest.
pub(super) fn advance(origin: &mut [u64], fixed: usize, shape: &[u64], chunk: &[u64]) {
    for axis in (fixed..origin.len()).rev() {
        let (Some(at), Some(&extent), Some(&step)) =
            (origin.get_mut(axis), shape.get(axis), chunk.get(axis))
        else {
            return;
        };
        *at += step;
        if *at < extent {
            return;
        }
        *at = 0;
    }
}

/// What is needed to find out where HDF5 has put a chunk.
#[derive(Debug)]
struct Placing<'a> {
    session: &'a Session,
    file: &'a File,
    temporary: &'a Temporary,
    alignment: u64,
    /// HDF5's addresses are not those in the file.
    shifted: bool,
}

impl Placing<'_> {
    /// Has HDF5 write a chunk, and finds out where to.
    ///
    /// HDF5 looks through all chunks when it is asked. So it is asked only if the bytes are
    /// not where the file has grown: what lies there was nothing before. Of zeros nobody can
    /// tell; those are asked for.
    ///
    /// # Safety
    /// * `data` is readable for the chunk's bytes during the call.
    unsafe fn give_place(
        &self,
        set: hid_t,
        origin: &[u64],
        chunk: Chunk,
        data: *const u8,
    ) -> Result<u64> {
        let (at, len) = (origin.as_ptr(), chunk.len as usize);
        let end = self.file.end(self.session)?;
        // SAFETY: the id is live, there are as many numbers as axes, and the bytes are
        // readable by this function's contract.
        let status =
            unsafe { h5d::H5Dwrite_chunk(set, h5p::H5P_DEFAULT, chunk.mask, at, len, data.cast()) };
        self.session.check("H5Dwrite_chunk", status)?;
        let bytes = u64::from(chunk.len);
        let aligned = if bytes >= THRESHOLD { self.alignment } else { 1 };
        let first = end.checked_next_multiple_of(aligned).unwrap_or(end);
        // Metadata may have found its place before it, or behind it.
        let last = self.file.end(self.session)?.saturating_sub(bytes);
        for place in [first, last] {
            // SAFETY: by this function's contract.
            if !self.shifted && place >= end && unsafe { self.temporary.holds(data, len, place) }? {
                return Ok(place);
            }
        }
        place_of(self.session, set, origin, bytes)
    }
}

/// Asks where a chunk of so many bytes lies.
fn place_of(session: &Session, set: hid_t, origin: &[u64], bytes: u64) -> Result<u64> {
    let (mut mask, mut place, mut size) = (0, HADDR_UNDEF, 0);
    let (m, p, s): (_, *mut haddr_t, *mut hsize_t) = (&raw mut mask, &raw mut place, &raw mut size);
    // SAFETY: the id is live, there are as many numbers as axes; three places are writable.
    let status = unsafe { h5d::H5Dget_chunk_info_by_coord(set, origin.as_ptr(), m, p, s) };
    session.check("H5Dget_chunk_info_by_coord", status)?;
    if place == HADDR_UNDEF || size != bytes {
        return Err(Error::hdf5("H5Dget_chunk_info_by_coord", Stack::default()));
    }
    Ok(place)
}

/// The group of a table's columns, which remembers their order.
fn columns_group(session: &Session, file: &File, path: &str) -> Result<Id> {
    let list = file::untimed(session, *h5p::H5P_CLS_GROUP_CREATE)?;
    let order = h5p::H5P_CRT_ORDER_TRACKED | h5p::H5P_CRT_ORDER_INDEXED;
    // SAFETY: `list` is a group creation list.
    let status = unsafe { h5p::H5Pset_link_creation_order(list.raw(), order) };
    session.check("H5Pset_link_creation_order", status)?;
    let (name, link) = (c_path(path)?, file.link_list());
    let (name, list) = (name.as_ptr(), list.raw());
    // SAFETY: the name is a C string, the ids are live.
    let raw = unsafe { h5g::H5Gcreate2(file.id(), name, link, list, h5p::H5P_DEFAULT) };
    session.own("H5Gcreate2", raw, h5g::H5Gclose)
}

/// Whether the fields of a record can be datasets of a group.
pub(super) fn check_columns(dtype: DType<'_>) -> Result<()> {
    for field in dtype.root().fields() {
        let name = field.name();
        if name.contains('/') || name == "." {
            return Err(Error::Type { field: name.to_string(), fault: TypeFault::Slash });
        }
    }
    Ok(())
}

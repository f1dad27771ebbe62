//! Rows behind the rows of datasets that are there, in the copy that [`append`](super::append)
//! makes of their file.
//!
//! Chunks are full but for the last ones. The rows of those are read again, packed anew with
//! the first new rows behind them, and written in the place of what was there: HDF5 gives the
//! old place back, or takes it again. What lies there on the disk is the copy's alone, so
//! nothing is lost if it stays incomplete.

use std::path::Path;
use std::vec;
use std::vec::Vec;

use hdf5_sys::h5::{HADDR_UNDEF, haddr_t, hsize_t};
use hdf5_sys::h5i::hid_t;
use hdf5_sys::{h5a, h5d, h5s, h5t};

use super::append::changed;
use super::attached;
use super::attribute::{self, AttrValue};
use super::chunks::{Chunked, advance};
use super::error::{AppendFault, Error, Result, io_error};
use super::id::Id;
use super::library::{self, Session};
use super::rows_fault::RowsFault;
use super::scales;
use super::table::{self, Extendable, open_group, open_sets};
use super::temporary::Extent;
use super::there::{self, Lock, There};
use super::writer::{CLOSED, Options, Writer};
use crate::filter::{Tiles, Unpacker};

/// The attribute in which PyTables notes the number of rows.
const ROWS: &str = "NROWS";

/// A table that grows.
#[derive(Debug)]
pub(super) struct Growing {
    table: Extendable,
    /// The chunks that are not full, in their order.
    tail: Vec<Option<Packed>>,
}

/// A chunk on the disk.
#[derive(Debug, Clone, Copy)]
struct Packed {
    at: u64,
    len: u64,
    /// Filters that were left out.
    mask: u32,
}

impl Writer {
    /// Begins to add rows to datasets of a file that is there: [`start`](Self::start) with
    /// `append`, for what [`table::look`] has found.
    ///
    /// # Errors
    /// As for [`add_to`](Self::add_to).
    pub(crate) fn start_rows(
        target: &Path,
        options: &Options,
        tables: &[Extendable],
    ) -> Result<Self> {
        let options = Options { append: true, force: false, ..options.clone() };
        let mut writer = Self::start(target, &options, 0)?;
        if !writer.adds() {
            let path = writer.target.path().to_path_buf();
            return Err(Error::Append { path, fault: AppendFault::Missing });
        }
        let growing = |table: &Extendable| Growing { table: table.clone(), tail: Vec::new() };
        writer.growing = tables.iter().map(growing).collect();
        Ok(writer)
    }

    /// Looks again at the tables, in the copy: it may have been made of another file than the
    /// one that was looked at.
    pub(super) fn find_tails(&mut self) -> Result<()> {
        if self.growing.is_empty() {
            return Ok(());
        }
        let (path, shift) = (self.temporary.path(), self.chunk_shift);
        let found = library::with(|session| {
            let file = There::open(session, path, Lock::Own)?;
            let names = self.growing.iter().map(|growing| growing.table.path.as_str());
            let tables = table::of_all(session, &file, names)?;
            let growing =
                tables.into_iter().map(|table| growing(session, file.raw(), table, shift));
            let growing: Vec<Growing> = growing.collect::<Result<_>>()?;
            file.close(session)?;
            Ok(growing)
        })?;
        if found.iter().zip(&self.growing).any(|(now, before)| now.table != before.table) {
            return Err(changed(self.target.path()));
        }
        self.growing = found;
        Ok(())
    }

    fn growing(&self, table: usize) -> Result<&Growing> {
        self.growing.get(table).ok_or(Error::Order("there is no such table"))
    }

    /// The rows of a table's last chunks, if these are not full: they are written again with
    /// what comes behind them.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Order`], [`Error::Rows`] if they cannot be unpacked.
    pub(crate) fn tail(&self, table: usize) -> Result<Vec<u8>> {
        let Growing { table, tail } = self.growing(table)?;
        let rows = table.extents.first().copied().unwrap_or(0) - table.full_rows();
        if rows == 0 {
            return Ok(Vec::new());
        }
        let mut block = self.unpacked(table, tail)?;
        block.truncate(rows.saturating_mul(table.row_bytes()) as usize);
        Ok(block)
    }

    fn unpacked(&self, table: &Extendable, tail: &[Option<Packed>]) -> Result<Vec<u8>> {
        let broken = || table.refused(RowsFault::Broken);
        let columns = places(table);
        let tiles = tiles(table, &columns).ok_or_else(broken)?;
        let mut block = table.fill.repeat(tiles.block_bytes() / table.fill.len().max(1));
        block.resize(tiles.block_bytes(), 0);
        let most = (0..tiles.count()).map(|i| tiles.chunk_bytes(i)).max().unwrap_or(0);
        let mut unpacker = Unpacker::new(most, table.filters).map_err(Error::Core)?;
        for (i, packed) in tail.iter().enumerate() {
            let Some(Packed { at, len, mask }) = *packed else { continue };
            // Nothing gets much longer by packing.
            let len = usize::try_from(len).ok().filter(|&len| len <= 2 * most + 1024);
            let mut stored = vec![0; len.ok_or_else(broken)?];
            let read = self.temporary.fd().read_at(&mut stored, at);
            let n = read.map_err(|e| io_error("read it", self.temporary.path(), e))?;
            let stored = stored.get(..n).unwrap_or_default();
            // SAFETY: the block has the bytes of the tiles' block.
            let done = unsafe { unpacker.unpack(&tiles, i, stored, mask, block.as_mut_ptr()) };
            done.map_err(|_| broken())?;
        }
        Ok(block)
    }

    /// Opens a table for rows behind those that it has; its chunks come by
    /// [`append_chunks`](Self::append_chunks).
    ///
    /// # Errors
    /// [`Error::Order`], [`Error::Hdf5`].
    pub(crate) fn begin_rows(&mut self, table: usize) -> Result<()> {
        let file = self.usable()?.id();
        let Growing { table: grown, tail } = self.growing(table)?;
        let opened = library::with(|session| {
            Ok(Chunked {
                sets: open_sets(session, file, grown)?,
                group: open_group(session, file, grown)?,
                chunk: grown.chunk.clone(),
                shape: grown.extents.clone(),
                columns: grown.columns,
                grown: Some(table),
            })
        })
        .map_err(|e| e.about(&std::format!("dataset '{}'", grown.path)));
        // HDF5 may put there what it likes from now on.
        let tail: Vec<Packed> = tail.iter().flatten().copied().collect();
        for Packed { at, len, .. } in tail {
            without(&mut self.extents, (at, len));
        }
        self.chunked = Some(self.remember(opened)?);
        Ok(())
    }

    /// Refuses more rows than a table can have.
    pub(super) fn check_rows(&self, table: usize, rows: u64) -> Result<()> {
        let table = &self.growing(table)?.table;
        match table.most {
            Some(most) if rows > most => Err(table.refused(RowsFault::Full { most })),
            _ => Ok(()),
        }
    }

    /// Ends a table that grew. Attributes take the place of those of their names.
    pub(super) fn finish_rows(
        &self,
        session: &Session,
        chunked: Chunked,
        attrs: &[(&str, AttrValue<'_>)],
    ) -> Result<()> {
        let file = self.file.as_ref().ok_or(CLOSED)?;
        let (set, rows) = (chunked.sets.first(), chunked.shape.first().copied().unwrap_or(0));
        let object = chunked.group.as_ref().or(set).ok_or(CLOSED)?;
        for (name, _) in attrs {
            scales::remove(session, object, name)?;
        }
        // An empty list stands for none.
        let is_none = |value: &AttrValue<'_>| matches!(value, AttrValue::Strs([]));
        let attrs: Vec<_> = attrs.iter().copied().filter(|(_, value)| !is_none(value)).collect();
        attribute::write_given(session, file.attributes(), object.raw(), &attrs)?;
        count_rows(session, object.raw(), rows)?;
        chunked.close(session)
    }

    /// Has scales without values grow as their datasets have, and sees to it that all others have.
    ///
    /// # Errors
    /// [`Error::Rows`], [`Error::Order`], [`Error::Hdf5`].
    pub(crate) fn grow_scales(&mut self) -> Result<()> {
        let file = self.usable()?.id();
        let grown = library::with(|session| {
            for Growing { table, .. } in self.growing.iter().filter(|g| !g.table.scales.is_empty())
            {
                let sets = open_sets(session, file, table)?;
                let own = sets.first().map_or(Ok(0), |set| rows(session, set))?;
                for scale in &table.scales {
                    let attached = attached::look(session, file, scale)?;
                    let have = attached.rows;
                    if attached.follows && have < own {
                        attached.follow(session, own)?;
                    } else if have != own {
                        let scale = scale.clone();
                        return Err(table.refused(RowsFault::ScaleRows { scale, own, have }));
                    }
                }
            }
            Ok(())
        });
        self.remember(grown)
    }
}

/// Finds out where the last chunks of a table lie.
fn growing(session: &Session, file: hid_t, table: Extendable, shift: u64) -> Result<Growing> {
    let full = table.full_rows();
    let mut tail = Vec::new();
    if table.extents.first().is_none_or(|&rows| rows == full) || table.row_bytes() == 0 {
        return Ok(Growing { table, tail });
    }
    let sets = open_sets(session, file, &table)?;
    for number in 0..sets.len() {
        let mut origin: Vec<hsize_t> = vec![0; table.extents.len()];
        if let Some(first) = origin.first_mut() {
            *first = full;
        }
        loop {
            let look = |set, _| packed(session, set, &origin, shift);
            tail.push(sets.with(session, file, number, look)?);
            advance(&mut origin, 1, &table.extents, &table.chunk);
            if table.columns || origin.iter().skip(1).all(|&at| at == 0) {
                break;
            }
        }
    }
    Ok(Growing { table, tail })
}

/// Where a chunk lies; none if nobody has written it.
fn packed(session: &Session, set: hid_t, origin: &[u64], shift: u64) -> Result<Option<Packed>> {
    let (mut mask, mut at, mut len) = (0, HADDR_UNDEF, 0);
    let (m, a, l): (_, *mut haddr_t, *mut hsize_t) = (&raw mut mask, &raw mut at, &raw mut len);
    // SAFETY: the id is live, there are as many numbers as axes; three places are writable.
    let status = unsafe { h5d::H5Dget_chunk_info_by_coord(set, origin.as_ptr(), m, a, l) };
    session.check("H5Dget_chunk_info_by_coord", status)?;
    Ok((at != HADDR_UNDEF).then_some(Packed { at: at.saturating_add(shift), len, mask }))
}

/// Offset and bytes of each column.
fn places(table: &Extendable) -> Vec<(u32, u32)> {
    let fields = table.dtype.as_dtype().root().fields();
    fields.map(|field| (field.offset(), field.size())).collect()
}

/// How the last chunks part their rows.
fn tiles<'c>(table: &Extendable, columns: &'c [(u32, u32)]) -> Option<Tiles<'c>> {
    let narrow = |n: &u64| usize::try_from(*n).ok();
    let chunk: Vec<usize> = table.chunk.iter().map(narrow).collect::<Option<_>>()?;
    let element = table.dtype.as_dtype().itemsize() as usize;
    let mut block: Vec<usize> = table.extents.iter().map(narrow).collect::<Option<_>>()?;
    *block.first_mut()? = *chunk.first()?;
    if table.columns {
        let rows = block.iter().try_fold(1_usize, |all, &n| all.checked_mul(n))?;
        return Tiles::columns(element, rows, columns);
    }
    Tiles::boxes(element, &block, &chunk)
}

/// Takes a place out of those where rows lie.
fn without(extents: &mut Vec<Extent>, (at, len): Extent) {
    let end = at.saturating_add(len);
    let mut behind = Vec::new();
    extents.retain_mut(|(start, bytes)| {
        let last = *start + *bytes;
        if last <= at || *start >= end {
            return true;
        }
        if last > end {
            behind.push((end, last - end));
        }
        *bytes = at.saturating_sub(*start);
        *bytes > 0
    });
    extents.append(&mut behind);
}

fn rows(session: &Session, set: &Id) -> Result<u64> {
    let shape = there::extents(session, &there::space(session, set.raw())?)?;
    Ok(shape.and_then(|shape| shape.0.first().copied()).unwrap_or(0))
}

/// Corrects the number of rows where PyTables has noted it.
fn count_rows(session: &Session, object: hid_t, rows: u64) -> Result<()> {
    let Some(attribute) = there::attribute(session, object, ROWS)? else { return Ok(()) };
    let space = there::attribute_space(session, &attribute)?;
    // SAFETY: the id is live, as those below.
    let count = unsafe { h5s::H5Sget_simple_extent_npoints(space.raw()) };
    let kind = there::attribute_type(session, &attribute)?;
    // SAFETY: as above.
    let class = unsafe { h5t::H5Tget_class(kind.raw()) };
    if count == 1 && class == h5t::H5T_class_t::H5T_INTEGER {
        let at = (&raw const rows).cast();
        // SAFETY: the value is a native 8-byte number, and there is one.
        let status = unsafe { h5a::H5Awrite(attribute.raw(), *h5t::H5T_NATIVE_UINT64, at) };
        session.check("H5Awrite", status)?;
    }
    attribute.close(session, "H5Aclose")
}

#[cfg(test)]
mod tests {
    use super::super::chunks::{ChunkBlock, ChunkedPlan};
    use super::*;
    use crate::dtype_buf::DTypeBuf;
    use crate::filter::{Chunk, Filters};

    /// A file with one dataset of `rows` bytes, a chunk for each.
    fn with_rows(path: &Path, rows: u64) {
        let mut writer = Writer::create(path, &Options::default(), 0).unwrap();
        let dtype = DTypeBuf::parse("u1").unwrap();
        let (path, dtype, filters) = ("t", dtype.as_dtype(), Filters::default());
        let (columns, chunk, fixed) = (false, &[2][..], &[][..]);
        let plan = ChunkedPlan { path, dtype, columns, chunk, fixed, filters };
        writer.begin_chunked(plan).unwrap();
        for at in (0..rows).step_by(2) {
            let chunks = [Chunk { len: 2, mask: 0 }];
            let block = ChunkBlock { shape: &[rows.min(at + 2)], origin: &[at], chunks: &chunks };
            // SAFETY: as many bytes as the chunk has.
            unsafe { writer.append_chunks(block, [7, 8].as_ptr()) }.unwrap();
        }
        writer.finish_chunked(&[rows], dtype, &[]).unwrap();
        writer.close().unwrap();
    }

    #[test]
    fn a_file_that_became_another_is_not_added_to() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.h5");
        with_rows(&path, 5);
        let tables = table::look(&path, &["t".into()]).unwrap();
        let tail = |tables: &[Extendable]| {
            let mut writer = Writer::start_rows(&path, &Options::default(), tables)?;
            while !writer.prepare()? {}
            writer.tail(0)
        };
        assert_eq!(tail(&tables).unwrap(), [7]);
        std::fs::remove_file(&path).unwrap();
        with_rows(&path, 6);
        let refused = tail(&tables).unwrap_err();
        let changed = AppendFault::Changed;
        assert!(matches!(refused, Error::Append { fault, .. } if fault == changed), "{refused:?}");
        std::fs::remove_file(&path).unwrap();
        let refused = tail(&tables).unwrap_err();
        let missing = AppendFault::Missing;
        assert!(matches!(refused, Error::Append { fault, .. } if fault == missing), "{refused:?}");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_place_is_taken_out_wherever_it_lies() {
        let all = vec![(0, 100), (200, 100)];
        for (place, left) in [
            ((100, 100), vec![(0, 100), (200, 100)]),
            ((0, 100), vec![(200, 100)]),
            ((50, 10), vec![(0, 50), (200, 100), (60, 40)]),
            ((90, 120), vec![(0, 90), (210, 90)]),
            ((0, 400), vec![]),
            ((200, 1), vec![(0, 100), (201, 99)]),
        ] {
            let mut extents = all.clone();
            without(&mut extents, place);
            assert_eq!(extents, left, "{place:?}");
        }
    }
}

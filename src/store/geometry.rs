//! Which chunks a dataset has: what was asked for, or what readers are served best by.
//!
//! Nothing here depends on the machine, the memory or the number of workers, so that the file
//! does not.

use core::num::NonZero;
use std::vec::Vec;

use super::error::ChunkError;
use crate::dtype::DType;
use crate::hdf5::{Extendable, Layout, Storage};
use crate::pack::{AXES, Order};

/// Bytes of a chunk, about: the chunk cache of HDF5 up to 1.14 holds one such, and readers
/// get no faster with larger ones.
const CHUNK: u64 = 1 << 20;
/// Bytes of a block of chunks, where columns are chunks: wide tables get small ones.
const BLOCK: u64 = 8 << 20;

type Result<T> = core::result::Result<T, ChunkError>;

/// The shape of the rows of one dataset and of its chunks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Geometry {
    /// Bytes of an element: of a whole row, if that is a record.
    pub(crate) element: u64,
    /// Extents behind the first.
    pub(crate) fixed: Vec<u64>,
    /// Extents of a chunk, of all axes.
    pub(crate) chunk: Vec<u64>,
    /// Whether there is an axis before that of the rows, whose elements come one by one.
    pub(crate) stacked: bool,
    /// Whether each column is a dataset.
    pub(crate) columns: bool,
}

impl Geometry {
    /// Of the dataset `name`, whose rows have so many columns, if they are not records.
    pub(crate) fn new(
        name: &str,
        dtype: DType<'_>,
        fixed: &[u64],
        stacked: bool,
        storage: &Storage,
    ) -> Result<Self> {
        let element = u64::from(dtype.root().size());
        let columns = storage.layout == Layout::Columns && dtype.is_record();
        let widest = dtype.root().fields().map(|field| u64::from(field.size())).max();
        let widest = columns.then(|| widest.unwrap_or(1));
        Self::sized(name, (element, widest), fixed, stacked, storage)
    }

    /// Of a dataset whose elements have so many bytes, whatever they are.
    pub(crate) fn of_bytes(
        name: &str,
        element: u64,
        fixed: &[u64],
        storage: &Storage,
    ) -> Result<Self> {
        Self::sized(name, (element, None), fixed, false, storage)
    }

    /// Of elements of so many bytes, and the widest of their columns, if these are datasets.
    fn sized(
        name: &str,
        (element, widest): (u64, Option<u64>),
        fixed: &[u64],
        stacked: bool,
        storage: &Storage,
    ) -> Result<Self> {
        let (element, columns) = (element.max(1), widest.is_some());
        let fixed: Vec<u64> = fixed.iter().map(|&extent| extent.max(1)).collect();
        let own = Self { element, fixed, chunk: Vec::new(), stacked, columns };
        let chunk = match storage.chunk.as_slice() {
            [] if stacked => [1].into_iter().chain(own.usual(widest)).collect(),
            [] => own.usual(widest),
            given => own.asked(name, given)?,
        };
        Ok(Self { chunk, ..own })
    }

    /// Of a dataset that is there.
    pub(crate) fn of(table: &Extendable, stacked: bool) -> Self {
        let element = u64::from(table.dtype.as_dtype().itemsize()).max(1);
        let fixed = table.extents.get(1 + usize::from(stacked)..).unwrap_or_default().into();
        Self { element, fixed, chunk: table.chunk.clone(), stacked, columns: table.columns }
    }

    /// Bytes of a row: of all elements with one index of the first axis.
    pub(crate) fn row_bytes(&self) -> u64 {
        self.fixed.iter().fold(self.element, |bytes, &extent| bytes.saturating_mul(extent))
    }

    /// Whole rows of about 1 MiB, or that much of a longer row.
    fn usual(&self, widest: Option<u64>) -> Vec<u64> {
        let row = self.row_bytes();
        if let Some(widest) = widest {
            let widest = widest.saturating_mul(row / self.element);
            let rows = (CHUNK / widest.max(1)).min(BLOCK / row);
            return [rows.max(1)].into_iter().chain(self.fixed.clone()).collect();
        }
        let mut chunk = Vec::from([(CHUNK / row).max(1)]);
        chunk.extend(&self.fixed);
        let mut bytes = row;
        for extent in chunk.iter_mut().skip(1) {
            if bytes <= CHUNK {
                break;
            }
            bytes /= *extent;
            *extent = (CHUNK / bytes.max(1)).clamp(1, *extent);
            bytes = bytes.saturating_mul(*extent);
        }
        chunk
    }

    fn asked(&self, name: &str, given: &[NonZero<u64>]) -> Result<Vec<u64>> {
        let lead = usize::from(self.stacked);
        let axes = lead + 1 + self.fixed.len();
        if given.len() != axes || axes > AXES {
            return Err(ChunkError::Axes { name: name.into(), given: given.len(), axes });
        }
        let mut chunk: Vec<u64> = given.iter().map(|extent| extent.get()).collect();
        if self.stacked && chunk.first() != Some(&1) {
            return Err(ChunkError::Stack);
        }
        // HDF5 refuses a chunk that is larger than an extent that cannot grow.
        for (chunk, &extent) in chunk.iter_mut().skip(lead + 1).zip(&self.fixed) {
            *chunk = (*chunk).min(extent);
        }
        if self.columns && chunk.get(lead + 1..) != Some(&self.fixed) {
            return Err(ChunkError::Columns);
        }
        let rows = chunk.get(lead).copied().unwrap_or(1);
        if self.row_bytes().checked_mul(rows).is_none() {
            return Err(ChunkError::Size);
        }
        let bytes = chunk.iter().try_fold(self.element, |bytes, &n| bytes.checked_mul(n));
        if bytes.is_none_or(|bytes| bytes > u64::from(u32::MAX)) {
            return Err(ChunkError::Size);
        }
        Ok(chunk)
    }

    /// Rows of a block: all that have the same place on the first axis of chunks.
    pub(crate) fn block_rows(&self) -> u64 {
        self.chunk.get(usize::from(self.stacked)).copied().unwrap_or(1)
    }

    /// How a block of `rows` rows is parted into chunks, which have as many.
    pub(crate) fn order(&self, rows: u64) -> Option<Order> {
        if self.columns {
            return Order::columns(
                self.element,
                rows.checked_mul(self.row_bytes() / self.element)?,
            );
        }
        let mut block = Vec::from([rows]);
        block.extend(&self.fixed);
        let mut chunk: Vec<u64> =
            self.chunk.iter().skip(usize::from(self.stacked)).copied().collect();
        *chunk.first_mut()? = rows;
        Order::boxes(self.element, &block, &chunk)
    }
}

/// Refuses chunks that a dataset cannot have.
pub(crate) fn check(
    name: &str,
    dtype: DType<'_>,
    fixed: &[u64],
    stacked: bool,
    storage: &Storage,
) -> Result<()> {
    Geometry::new(name, dtype, fixed, stacked, storage).map(drop)
}

/// The extents of a dataset's chunks; none if it has no chunks.
pub(crate) fn chunk(
    name: &str,
    dtype: DType<'_>,
    fixed: &[u64],
    stacked: bool,
    storage: &Storage,
) -> Result<Vec<u64>> {
    if !storage.is_chunked() {
        return Ok(Vec::new());
    }
    Geometry::new(name, dtype, fixed, stacked, storage).map(|geometry| geometry.chunk)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtype_buf::DTypeBuf;

    fn geometry(dtype: &str, fixed: &[u64], layout: Layout, chunk: &[u64]) -> Geometry {
        let dtype = DTypeBuf::parse(dtype).unwrap();
        let chunk = chunk.iter().map(|&n| NonZero::new(n).unwrap()).collect();
        let storage = Storage { layout, chunk, ..Storage::default() };
        Geometry::new("x", dtype.as_dtype(), fixed, false, &storage).unwrap()
    }

    #[test]
    fn chunks_are_about_a_megabyte_of_whole_rows() {
        let table = geometry("chr:S10,pos:i4,pct:f4,c:i4,t:i4", &[], Layout::Chunked, &[]);
        assert_eq!(table.chunk, [40329]);
        let grid = geometry("f8", &[73], Layout::Chunked, &[]);
        assert_eq!(grid.chunk, [1795, 73]);
        let wide = geometry("f8", &[1_000_000], Layout::Chunked, &[]);
        assert_eq!(wide.chunk, [1, 131_072]);
        let cube = geometry("f4", &[720, 1440], Layout::Chunked, &[]);
        assert_eq!(cube.chunk, [1, 182, 1440]);
    }

    #[test]
    fn columns_have_a_number_of_rows_in_common() {
        let table = geometry("a:S10,b:f8", &[], Layout::Columns, &[]);
        assert_eq!((table.chunk, table.columns), (Vec::from([104_857]), true));
        let names: Vec<_> = (0..2000).map(|i| std::format!("c{i}:f8")).collect();
        let wide = geometry(&names.join(","), &[], Layout::Columns, &[]);
        assert_eq!(wide.chunk, [524]);
        let cube = geometry("a:S10,b:f8", &[3, 2], Layout::Columns, &[]);
        assert_eq!(cube.chunk, [17_476, 3, 2]);
    }

    #[test]
    fn a_chunk_is_not_larger_than_what_cannot_grow() {
        assert_eq!(geometry("f8", &[73], Layout::Chunked, &[100, 100]).chunk, [100, 73]);
    }
}

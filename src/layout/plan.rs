//! Lengths and places of a segment that does not exist yet.

use super::extent::{MAX_LEN, MAX_NDIM, c_strides, span};
use super::header::{HEADER_SIZE, MAX_HEADER_LEN, MIN_ALIGNMENT, Section};
use crate::dtype::{DType, Node};
use crate::error::{Error, Result};

/// What a segment is to hold.
#[derive(Debug, Clone, Copy)]
pub struct Array<'a> {
    /// Type of the elements.
    pub dtype: DType<'a>,
    /// Extents, slowest first; none for a single element.
    pub shape: &'a [u64],
    /// Steps in bytes; `None` for C order.
    pub strides: Option<&'a [i64]>,
    /// Bytes of the creator's own.
    pub metadata: &'a [u8],
}

/// Lengths and places of one segment, all in bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    pub(super) strides_bytes: [i64; MAX_NDIM],
    row_len: u64,
    pub(super) itemsize: u32,
    pub(super) alignment: u32,
    pub(super) shape: Section,
    pub(super) strides: Section,
    pub(super) nodes: Section,
    pub(super) dims: Section,
    pub(super) names: Section,
    pub(super) metadata: Section,
    pub(super) header_len: u64,
    pub(super) data_offset: u64,
    pub(super) data_len: u64,
    pub(super) total_len: u64,
}

impl Plan {
    /// Plans a segment on a machine with pages of `page` bytes.
    ///
    /// # Errors
    /// [`Error::Argument`] for too many dimensions, or strides that do not fit
    /// the shape; [`Error::Overflow`] for a size beyond this machine.
    pub fn new(array: &Array<'_>, page: usize) -> Result<Self> {
        let (shape, itemsize) = (array.shape, array.dtype.itemsize());
        let strides_bytes = strides_of(array)?;
        let used = strides_bytes.get(..shape.len()).unwrap_or_default();
        let data_len = span(shape, used, itemsize).ok_or(match array.strides {
            Some(_) => Error::Argument,
            None => Error::Overflow,
        })?;
        let alignment = (page as u64).next_power_of_two().max(MIN_ALIGNMENT);
        let mut end = HEADER_SIZE as u64;
        let mut plan = Self {
            strides_bytes,
            row_len: row_len(shape, used),
            itemsize,
            alignment: u32::try_from(alignment).map_err(|_| Error::Overflow)?,
            shape: place(&mut end, shape.len(), size_of::<u64>())?,
            strides: place(&mut end, shape.len(), size_of::<i64>())?,
            nodes: place(&mut end, array.dtype.nodes().len(), size_of::<Node>())?,
            dims: place(&mut end, array.dtype.dims().len(), size_of::<u32>())?,
            names: place(&mut end, array.dtype.names().len(), 1)?,
            metadata: place(&mut end, array.metadata.len(), 1)?,
            header_len: end,
            data_offset: end.checked_next_multiple_of(alignment).ok_or(Error::Overflow)?,
            data_len: 0,
            total_len: 0,
        };
        plan.set_data_len(data_len)?;
        Ok(plan)
    }

    pub(super) fn set_data_len(&mut self, data_len: u64) -> Result<()> {
        let total_len = self.data_offset.checked_add(data_len).ok_or(Error::Overflow)?;
        if total_len > MAX_LEN {
            return Err(Error::Overflow);
        }
        (self.data_len, self.total_len) = (data_len, total_len);
        Ok(())
    }

    /// Bytes of one row: of all elements that share the first index.
    ///
    /// # Errors
    /// [`Error::Argument`] for an array without dimensions.
    pub fn row_len(&self) -> Result<u64> {
        if self.shape.count == 0 { Err(Error::Argument) } else { Ok(self.row_len) }
    }

    /// Bytes of the fixed part and all sections.
    #[must_use]
    pub const fn header_len(&self) -> u64 {
        self.header_len
    }

    /// Start of the data.
    #[must_use]
    pub const fn data_offset(&self) -> u64 {
        self.data_offset
    }

    /// Bytes of data.
    #[must_use]
    pub const fn data_len(&self) -> u64 {
        self.data_len
    }

    /// Bytes of the whole segment; fits a pointer difference.
    #[must_use]
    pub const fn total_len(&self) -> u64 {
        self.total_len
    }
}

fn strides_of(array: &Array<'_>) -> Result<[i64; MAX_NDIM]> {
    let ndim = array.shape.len();
    if ndim > MAX_NDIM {
        return Err(Error::Argument);
    }
    let Some(given) = array.strides else { return c_strides(array.shape, array.dtype.itemsize()) };
    if given.len() != ndim {
        return Err(Error::Argument);
    }
    let mut strides = [0; MAX_NDIM];
    for (to, from) in strides.iter_mut().zip(given) {
        *to = *from;
    }
    Ok(strides)
}

fn row_len(shape: &[u64], strides: &[i64]) -> u64 {
    let others = shape.get(1..).unwrap_or_default();
    let step = strides.first().and_then(|&step| u64::try_from(step).ok());
    if others.contains(&0) { 0 } else { step.unwrap_or(0) }
}

/// Puts a section of `count` items behind `end`, and moves `end` behind it.
fn place(end: &mut u64, count: usize, size: usize) -> Result<Section> {
    let bytes = count.checked_mul(size).ok_or(Error::Overflow)? as u64;
    let start = *end;
    let behind = start.checked_add(bytes).and_then(|end| end.checked_next_multiple_of(8));
    *end = behind.filter(|&end| end <= MAX_HEADER_LEN).ok_or(Error::Overflow)?;
    let offset = u32::try_from(start).map_err(|_| Error::Overflow)?;
    Ok(Section { offset, count: u32::try_from(count).map_err(|_| Error::Overflow)? })
}

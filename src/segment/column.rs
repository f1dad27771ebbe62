//! Columns: the elements of a segment, or one field of them, copied out and in.
//!
//! For whoever reads or writes values of a known type; `typed` has checked the
//! dtype before it makes a [`Column`].

use core::fmt;
use core::marker::PhantomData;

use super::Segment;
use super::element::Value;
use super::walk::{Extent, Walk};
use crate::error::{Error, Result};

/// Refuses elements that are not there.
fn check_range(extent: Extent<'_>, start: u64, count: usize) -> Result<()> {
    let end = start.checked_add(count as u64).ok_or(Error::Argument)?;
    if end > extent.count() { Err(Error::Argument) } else { Ok(()) }
}

/// Whether items of this size, one behind the other, are all of the data.
fn is_dense(extent: Extent<'_>, size: usize) -> bool {
    size == extent.itemsize as usize && extent.is_c_contiguous()
}

/// Fills `items` through a function that copies bytes of the data from an
/// offset on; in one piece, if it can.
pub(super) fn read_with<V: Value>(
    extent: Extent<'_>,
    offset: u32,
    start: u64,
    items: &mut [V],
    mut copy: impl FnMut(u64, &mut [u8]) -> Result<()>,
) -> Result<()> {
    check_range(extent, start, items.len())?;
    if is_dense(extent, size_of::<V>()) {
        let bytes = bytemuck::try_cast_slice_mut(items).map_err(|_| Error::Argument)?;
        return copy(start.saturating_mul(size_of::<V>() as u64), bytes);
    }
    let mut walk = Walk::at(extent, start);
    for item in items {
        copy(walk.offset().saturating_add(u64::from(offset)), bytemuck::bytes_of_mut(item))?;
        walk.advance();
    }
    Ok(())
}

/// The elements of a segment, or one field of all its records: to be copied out
/// of and, if the mapping allows it, into the shared memory.
///
/// Elements have numbers, which count in C order, the last index fastest,
/// whatever the strides are; or an index per dimension.
///
/// ```
/// # use ndshm::segment::{Draft, Name, Spec};
/// # let name = Name::new(&format!("doc.column.{}", std::process::id()))?;
/// let fortran = Spec { strides: Some(&[4, 8]), ..Spec::of::<i32>(&[2, 3]) };
/// let segment = Draft::create(&name, &fortran)?.publish()?;
/// let items = segment.elements::<i32>()?;
/// items.write(0, &[1, 2, 3, 4, 5, 6])?;
/// items.set(&[1, 0], -4)?;
/// assert!(items.iter().eq([1, 2, 3, -4, 5, 6]));
/// # Ok::<(), ndshm::error::Error>(())
/// ```
///
/// It needs its segment:
///
/// ```compile_fail,E0505
/// # use ndshm::segment::Segment;
/// # fn sum(segment: Segment) -> ndshm::error::Result<f64> {
/// let items = segment.elements::<f64>()?;
/// segment.detach();
/// Ok(items.iter().sum())
/// # }
/// ```
#[derive(Clone, Copy)]
pub struct Column<'a, V> {
    segment: &'a Segment,
    /// Where the value begins in each element.
    offset: u32,
    type_: PhantomData<fn() -> V>,
}

impl<'a, V: Value> Column<'a, V> {
    /// The values at `offset` of every element. Whether they are there was checked.
    pub(super) const fn new(segment: &'a Segment, offset: u32) -> Self {
        Self { segment, offset, type_: PhantomData }
    }

    const fn extent(&self) -> Extent<'a> {
        Extent::of(self.segment.header())
    }

    /// How many there are, see [`Segment::len`].
    #[must_use]
    pub fn len(&self) -> u64 {
        self.segment.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.segment.is_empty()
    }

    /// Where the value of an index lies in the data.
    fn place(&self, index: &[u64]) -> Result<usize> {
        position(self.extent().offset_of(index)?, self.offset)
    }

    /// Copies one value.
    ///
    /// # Errors
    /// [`Error::Argument`] for an index outside the shape, or of another length.
    pub fn get(&self, index: &[u64]) -> Result<V> {
        let mut value = V::zeroed();
        self.segment.copy_to(bytemuck::bytes_of_mut(&mut value), self.place(index)?)?;
        Ok(value)
    }

    /// Copies values from the one of number `start` on.
    ///
    /// # Errors
    /// [`Error::Argument`] for values that are not there.
    pub fn read(&self, start: u64, items: &mut [V]) -> Result<()> {
        read_with(self.extent(), self.offset, start, items, |at, bytes| {
            self.segment.copy_to(bytes, position(at, 0)?)
        })
    }

    /// Copies all values.
    ///
    /// # Errors
    /// [`Error::Overflow`] if memory is short.
    #[cfg(feature = "std")]
    pub fn to_vec(&self) -> Result<std::vec::Vec<V>> {
        let count = usize::try_from(self.len()).map_err(|_| Error::Overflow)?;
        let mut items = std::vec::Vec::new();
        items.try_reserve_exact(count).map_err(|_| Error::Overflow)?;
        items.resize(count, V::zeroed());
        self.read(0, &mut items)?;
        Ok(items)
    }

    /// Copies the values one by one, in C order.
    #[must_use]
    pub fn iter(&self) -> Iter<'a, V> {
        Iter {
            column: Self::new(self.segment, self.offset),
            walk: Walk::at(self.extent(), 0),
            left: self.len(),
        }
    }

    /// Writes one value. Others may see part of it.
    ///
    /// # Errors
    /// As for [`get`](Self::get); [`Error::ReadOnly`].
    pub fn set(&self, index: &[u64], value: V) -> Result<()> {
        self.segment.copy_from(bytemuck::bytes_of(&value), self.place(index)?)
    }

    /// Writes values from the one of number `start` on. Others may see part of them.
    ///
    /// # Errors
    /// As for [`read`](Self::read); [`Error::ReadOnly`].
    pub fn write(&self, start: u64, items: &[V]) -> Result<()> {
        let extent = self.extent();
        check_range(extent, start, items.len())?;
        if is_dense(extent, size_of::<V>()) {
            let bytes = bytemuck::try_cast_slice(items).map_err(|_| Error::Argument)?;
            let at = start.saturating_mul(size_of::<V>() as u64);
            return self.segment.copy_from(bytes, position(at, 0)?);
        }
        let mut walk = Walk::at(extent, start);
        for item in items {
            let at = position(walk.offset(), self.offset)?;
            self.segment.copy_from(bytemuck::bytes_of(item), at)?;
            walk.advance();
        }
        Ok(())
    }
}

/// A byte offset as this machine counts.
fn position(at: u64, offset: u32) -> Result<usize> {
    usize::try_from(at.saturating_add(u64::from(offset))).map_err(|_| Error::Overflow)
}

impl<V> fmt::Debug for Column<'_, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Column")
            .field("shape", &self.segment.shape())
            .field("offset", &self.offset)
            .finish_non_exhaustive()
    }
}

impl<'a, V: Value> IntoIterator for &Column<'a, V> {
    type Item = V;
    type IntoIter = Iter<'a, V>;

    fn into_iter(self) -> Iter<'a, V> {
        self.iter()
    }
}

/// Copies of the values of a [`Column`], one by one.
#[derive(Debug, Clone)]
pub struct Iter<'a, V> {
    column: Column<'a, V>,
    walk: Walk<'a>,
    left: u64,
}

impl<V: Value> Iterator for Iter<'_, V> {
    type Item = V;

    fn next(&mut self) -> Option<V> {
        self.left = self.left.checked_sub(1)?;
        let Column { segment, offset, .. } = self.column;
        let mut value = V::zeroed();
        let at = position(self.walk.offset(), offset).ok()?;
        segment.copy_to(bytemuck::bytes_of_mut(&mut value), at).ok()?;
        self.walk.advance();
        Some(value)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = usize::try_from(self.left);
        (left.unwrap_or(usize::MAX), left.ok())
    }
}

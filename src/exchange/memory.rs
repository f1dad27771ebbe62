//! Elements that lie in memory of the caller's.

#![allow(unsafe_code)]

use core::marker::PhantomData;
use std::vec::Vec;

use super::copy::{Bytes, Steps, Walk, count};
use crate::dtype::DType;
use crate::dtype_buf::DTypeBuf;
use crate::error::{Error, Result};
use crate::sys;

/// An array in memory, as NumPy has it: any steps, also such that lead backwards.
#[derive(Debug)]
pub struct Elements<'s> {
    part: Part<'s>,
    dtype: DTypeBuf,
    shape: Vec<u64>,
    walk: Walk,
}

impl<'s> Elements<'s> {
    /// The array whose first element is at byte `first`. `strides` are bytes from one element to
    /// the next, one for each axis.
    ///
    /// # Errors
    /// [`Error::Argument`] for an element that does not lie in `bytes`, and for as many strides
    /// as there are no axes; [`Error::Overflow`]; what keeping the dtype can end in.
    pub fn new(
        bytes: &'s [u8],
        first: usize,
        dtype: DType<'_>,
        shape: &[u64],
        strides: &[i64],
    ) -> Result<Self> {
        let (below, above) = reach(shape, strides, dtype.itemsize())?;
        let end = first.checked_add(above).ok_or(Error::Overflow)?;
        if !shape.contains(&0) && (below > first || end > bytes.len()) {
            return Err(Error::Argument);
        }
        // SAFETY: all elements lie in `bytes`, as was checked, which nobody writes for `'s`.
        unsafe { Self::at(bytes.as_ptr().wrapping_add(first), dtype, shape, strides) }
    }

    /// The array whose first element is at `data`, in memory that other processes may write
    /// meanwhile: what they write is seen in part or not at all.
    ///
    /// # Errors
    /// [`Error::Argument`] for as many strides as there are no axes; [`Error::Overflow`]; what
    /// keeping the dtype can end in.
    ///
    /// # Safety
    /// * All elements can be read for `'s`.
    /// * This process does not write them meanwhile, but by atomics.
    pub unsafe fn at(
        data: *const u8,
        dtype: DType<'_>,
        shape: &[u64],
        strides: &[i64],
    ) -> Result<Self> {
        let (below, above) = reach(shape, strides, dtype.itemsize())?;
        let part = Part { data: data.wrapping_sub(below), len: below + above, of: PhantomData };
        let steps = Steps { shape, strides, item: dtype.itemsize() as usize, first: below };
        let (dtype, walk) = (DTypeBuf::copy_of(dtype)?, Walk::over(steps));
        Ok(Self { part, dtype, shape: shape.to_vec(), walk })
    }

    pub(super) fn dtype(&self) -> DType<'_> {
        self.dtype.as_dtype()
    }

    pub(super) fn shape(&self) -> &[u64] {
        &self.shape
    }

    pub(super) fn count(&self) -> Option<u64> {
        count(&self.shape)
    }

    /// Copies elements in their order, from number `at` on.
    pub(super) fn copy(&self, at: u64, to: &mut [u8]) -> Result<()> {
        self.walk.copy(&self.part, at, to)
    }
}

/// How many bytes in front of the first element belong to an array, and how many from there on;
/// none of one that has no elements.
///
/// # Errors
/// [`Error::Argument`] for as many strides as there are no axes; [`Error::Overflow`] if that is
/// more than there can be.
fn reach(shape: &[u64], strides: &[i64], itemsize: u32) -> Result<(usize, usize)> {
    if shape.len() != strides.len() {
        return Err(Error::Argument);
    }
    if shape.contains(&0) {
        return Ok((0, 0));
    }
    let (mut below, mut above) = (0_i64, i64::from(itemsize));
    for (&extent, &stride) in shape.iter().zip(strides) {
        let steps = i64::try_from(extent - 1).map_err(|_| Error::Overflow)?;
        let far = steps.checked_mul(stride).ok_or(Error::Overflow)?;
        below = below.checked_sub(far.min(0)).ok_or(Error::Overflow)?;
        above = above.checked_add(far.max(0)).ok_or(Error::Overflow)?;
    }
    let all = below.checked_add(above).and_then(|all| isize::try_from(all).ok());
    all.ok_or(Error::Overflow)?;
    Ok((below as usize, above as usize))
}

/// The bytes in which all elements lie. Others may write them, so nothing refers to them.
#[derive(Debug)]
struct Part<'s> {
    data: *const u8,
    len: usize,
    of: PhantomData<&'s [u8]>,
}

// SAFETY: whoever made it lets its bytes be read for `'s`, by whatever thread.
unsafe impl Send for Part<'_> {}

impl Bytes for Part<'_> {
    fn copy_to(&self, to: &mut [u8], at: usize) -> Result<()> {
        let end = at.checked_add(to.len()).ok_or(Error::Overflow)?;
        if end > self.len {
            return Err(Error::Argument);
        }
        // SAFETY: inside the bytes, which can be read, and which this process does not write, as
        // who made it has promised; `to` is the caller's alone.
        unsafe { sys::copy_shared(self.data.wrapping_add(at), to) };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made<'s>(
        bytes: &'s [u8],
        first: usize,
        shape: &[u64],
        strides: &[i64],
    ) -> Result<Elements<'s>> {
        Elements::new(bytes, first, DTypeBuf::parse("<u2").unwrap().as_dtype(), shape, strides)
    }

    /// The elements in their order, `piece` at a time.
    fn read(of: &Elements<'_>, piece: usize) -> Vec<u16> {
        let mut bytes = std::vec![0; 2 * of.count().unwrap() as usize];
        for (number, to) in bytes.chunks_mut(2 * piece).enumerate() {
            of.copy((number * piece) as u64, to).unwrap();
        }
        bytes.chunks_exact(2).map(|two| u16::from_le_bytes([two[0], two[1]])).collect()
    }

    #[test]
    fn steps_lead_anywhere_in_the_memory() {
        let bytes: Vec<u8> = (0..600_u16).flat_map(u16::to_le_bytes).collect();
        let cases: [(usize, &[u64], &[i64]); 9] = [
            (0, &[600], &[2]),
            (1198, &[600], &[-2]),
            (0, &[20, 30], &[60, 2]),
            (1198, &[20, 30], &[-60, -2]),
            (58, &[20, 30], &[60, -2]),
            (1140, &[30, 20], &[2, -60]),
            (6, &[5, 7], &[0, 4]),
            (600, &[3, 4, 5], &[-12, 60, -2]),
            (44, &[], &[]),
        ];
        for (first, shape, strides) in cases {
            let of = made(&bytes, first, shape, strides).unwrap();
            let mut wanted = std::vec![first as i64];
            for (&extent, &stride) in shape.iter().zip(strides) {
                let step = |at: i64| (0..extent as i64).map(move |index| at + index * stride);
                wanted = wanted.into_iter().flat_map(step).collect();
            }
            let wanted: Vec<u16> = wanted.into_iter().map(|at| (at / 2) as u16).collect();
            for piece in [1, 7, 600] {
                assert_eq!(read(&of, piece), wanted, "{first} {shape:?} {strides:?} {piece}");
            }
        }
    }

    #[test]
    fn nothing_outside_of_the_memory_is_an_element() {
        let bytes = [0; 40];
        let refused =
            |first, shape: &[u64], strides: &[i64]| made(&bytes, first, shape, strides).err();
        assert_eq!(refused(0, &[20], &[2]), None);
        assert_eq!(refused(2, &[20], &[2]), Some(Error::Argument));
        assert_eq!(refused(36, &[20], &[-2]), Some(Error::Argument));
        assert_eq!(refused(39, &[], &[]), Some(Error::Argument));
        assert_eq!(refused(0, &[4], &[]), Some(Error::Argument));
        assert_eq!(refused(99, &[7, 0], &[i64::MAX, 2]), None);
        for (shape, strides) in
            [([u64::MAX, 2], [2, 2]), ([1 << 40, 2], [1 << 40, 2]), ([2, 2], [i64::MAX, 2])]
        {
            assert_eq!(refused(0, &shape, &strides), Some(Error::Overflow));
        }
    }
}

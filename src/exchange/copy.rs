//! Elements of a segment in C order, whatever its steps are.

use crate::error::{Error, Result};
use crate::segment::Segment;

/// How the elements of a segment lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// The last axis is the fastest, without gaps.
    C,
    /// The first axis is the fastest, without gaps.
    Fortran,
    /// In another way.
    Other,
}

/// The order of a segment; an array that is in both orders is in C order.
pub(super) fn order_of(segment: &Segment) -> Order {
    let (shape, strides) = (segment.shape(), segment.strides());
    let item = u64::from(segment.itemsize());
    let axes = || shape.iter().copied().zip(strides.iter().copied());
    if shape.contains(&0) || is_dense(axes().rev(), item) {
        Order::C
    } else if is_dense(axes(), item) {
        Order::Fortran
    } else {
        Order::Other
    }
}

/// Whether each axis steps over all of the one before it, the fastest first.
fn is_dense(axes: impl Iterator<Item = (u64, i64)>, item: u64) -> bool {
    let mut step = item;
    for (extent, stride) in axes {
        if extent != 1 && i64::try_from(step) != Ok(stride) {
            return false;
        }
        step = step.saturating_mul(extent);
    }
    true
}

/// Elements of a segment; none if that is no number.
pub(super) fn count(segment: &Segment) -> Option<u64> {
    segment.shape().iter().try_fold(1_u64, |n, &extent| n.checked_mul(extent))
}

/// Copies whole elements, in C order, from the element `first` on.
pub(super) fn elements(segment: &Segment, order: Order, first: u64, buf: &mut [u8]) -> Result<()> {
    let item = segment.itemsize() as usize;
    if order == Order::C {
        let at = usize::try_from(first).ok().and_then(|first| first.checked_mul(item));
        return segment.copy_to(buf, at.ok_or(Error::Overflow)?);
    }
    for (number, one) in (first..).zip(buf.chunks_exact_mut(item.max(1))) {
        segment.copy_to(one, place(segment, number)?)?;
    }
    Ok(())
}

/// Where an element lies, by its number in C order.
fn place(segment: &Segment, number: u64) -> Result<usize> {
    let (mut rest, mut at) = (number, 0_i64);
    for (&extent, &stride) in segment.shape().iter().zip(segment.strides()).rev() {
        let index = (rest % extent.max(1)) as i64;
        rest /= extent.max(1);
        at = index
            .checked_mul(stride)
            .and_then(|step| at.checked_add(step))
            .ok_or(Error::Overflow)?;
    }
    usize::try_from(at).map_err(|_| Error::Overflow)
}

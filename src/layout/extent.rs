//! Shapes and strides: sizes that cannot overflow.

use crate::error::{Error, Result};

/// Most dimensions of an array (HDF5's limit).
pub const MAX_NDIM: usize = 32;

/// Largest size of anything: what a pointer difference can hold.
pub(super) const MAX_LEN: u64 = isize::MAX as u64;

/// Steps in bytes of an array in C order. Extents of 0 count as 1.
pub(super) fn c_strides(shape: &[u64], itemsize: u32) -> Result<[i64; MAX_NDIM]> {
    let mut strides = [0; MAX_NDIM];
    let mut step = u64::from(itemsize);
    let used = strides.get_mut(..shape.len()).ok_or(Error::Argument)?;
    for (stride, &extent) in used.iter_mut().zip(shape).rev() {
        *stride = i64::try_from(step).map_err(|_| Error::Overflow)?;
        step = step.checked_mul(extent.max(1)).ok_or(Error::Overflow)?;
    }
    Ok(strides)
}

/// Bytes of data that an array needs, counted from the data's start; `None`
/// if an element lies in front of that, or it does not fit.
pub(super) fn span(shape: &[u64], strides: &[i64], itemsize: u32) -> Option<u64> {
    if shape.contains(&0) {
        return Some(0);
    }
    let (mut low, mut high) = (0_i128, i128::from(itemsize));
    for (&extent, &stride) in shape.iter().zip(strides) {
        let reach = i128::from(extent - 1).checked_mul(i128::from(stride))?;
        low = low.checked_add(reach.min(0))?;
        high = high.checked_add(reach.max(0))?;
    }
    let end = u64::try_from(high).ok()?;
    (low >= 0 && end <= MAX_LEN).then_some(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c_order_steps() {
        assert_eq!(c_strides(&[2, 3, 4], 8).unwrap()[..3], [96, 32, 8]);
        assert_eq!(c_strides(&[2, 0, 4], 8).unwrap()[..3], [32, 32, 8]);
        assert_eq!(c_strides(&[u64::MAX, 2], 8).unwrap_err(), Error::Overflow);
    }

    #[test]
    fn span_counts_to_the_end_of_the_last_element() {
        assert_eq!(span(&[], &[], 8), Some(8));
        assert_eq!(span(&[2, 3], &[24, 8], 8), Some(48));
        assert_eq!(span(&[2, 3], &[8, 16], 8), Some(48));
        assert_eq!(span(&[5], &[0], 8), Some(8));
        assert_eq!(span(&[0, u64::MAX], &[i64::MAX, i64::MAX], 8), Some(0));
    }

    #[test]
    fn span_refuses_what_leaves_the_data() {
        assert_eq!(span(&[2], &[-8], 8), None);
        assert_eq!(span(&[1], &[-8], 8), Some(8));
        assert_eq!(span(&[2, 2], &[-8, 8], 8), None);
        assert_eq!(span(&[u64::MAX; 32], &[i64::MAX; 32], 8), None);
        assert_eq!(span(&[u64::MAX; 32], &[i64::MIN; 32], 8), None);
        assert_eq!(span(&[u64::MAX], &[1], 8), None);
    }
}

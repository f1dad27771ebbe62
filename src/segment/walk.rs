//! Where the elements of an array lie.
//!
//! For typed access alone. An [`Extent`] is a shape with its strides, as a
//! validated header has them; a [`Walk`] goes through the elements in C order,
//! the last index fastest, whatever the strides are.

use crate::error::{Error, Result};
use crate::layout::{MAX_NDIM, View};

/// Shape, strides and size of the elements.
#[derive(Debug, Clone, Copy)]
pub(super) struct Extent<'a> {
    pub(super) shape: &'a [u64],
    pub(super) strides: &'a [i64],
    pub(super) itemsize: u32,
}

impl<'a> Extent<'a> {
    pub(super) const fn of(view: &'a View<'_>) -> Self {
        Self { shape: view.shape(), strides: view.strides(), itemsize: view.header().itemsize }
    }

    /// Elements; [`u64::MAX`] for that many or more, which only a stride of 0 allows.
    pub(super) fn count(self) -> u64 {
        if self.shape.contains(&0) {
            return 0;
        }
        self.shape.iter().fold(1, |n: u64, &extent| n.saturating_mul(extent))
    }

    /// Whether the elements follow each other, the indices going from `axes`'
    /// first, the fastest, to its last.
    fn is_contiguous(self, axes: impl Iterator<Item = (&'a u64, &'a i64)>) -> bool {
        let mut step = u64::from(self.itemsize);
        for (&extent, &stride) in axes {
            if extent > 1 && u64::try_from(stride) != Ok(step) {
                return false;
            }
            step = step.saturating_mul(extent);
        }
        true
    }

    pub(super) fn is_c_contiguous(self) -> bool {
        self.count() == 0 || self.is_contiguous(self.shape.iter().zip(self.strides).rev())
    }

    pub(super) fn is_f_contiguous(self) -> bool {
        self.count() == 0 || self.is_contiguous(self.shape.iter().zip(self.strides))
    }

    /// Byte offset of an element.
    pub(super) fn offset_of(self, index: &[u64]) -> Result<u64> {
        if index.len() != self.shape.len() {
            return Err(Error::Argument);
        }
        let mut walk = Walk { extent: self, index: [0; MAX_NDIM], offset: 0 };
        for (to, (&at, &extent)) in walk.index.iter_mut().zip(index.iter().zip(self.shape)) {
            if at >= extent {
                return Err(Error::Argument);
            }
            *to = at;
        }
        Ok(walk.locate().offset())
    }
}

/// A place in an array.
#[derive(Debug, Clone)]
pub(super) struct Walk<'a> {
    extent: Extent<'a>,
    index: [u64; MAX_NDIM],
    /// Of the element there. At every element that exists it is in range, so
    /// steps between them may wrap.
    offset: i64,
}

impl<'a> Walk<'a> {
    /// At the element `number`, counted in C order; there must be one.
    pub(super) fn at(extent: Extent<'a>, number: u64) -> Self {
        let (mut index, mut rest) = ([0; MAX_NDIM], number);
        let axes = index.get_mut(..extent.shape.len()).unwrap_or_default();
        for (at, &extent) in axes.iter_mut().zip(extent.shape).rev() {
            *at = rest.checked_rem(extent).unwrap_or(0);
            rest = rest.checked_div(extent).unwrap_or(0);
        }
        Self { extent, index, offset: 0 }.locate()
    }

    /// Computes the offset of the index.
    fn locate(mut self) -> Self {
        let steps = self.index.iter().zip(self.extent.strides);
        self.offset =
            steps.fold(0, |sum, (&at, &by)| sum.wrapping_add((at as i64).wrapping_mul(by)));
        self
    }

    /// Byte offset of the element.
    pub(super) const fn offset(&self) -> u64 {
        self.offset.cast_unsigned()
    }

    /// Goes to the next element; from the last one to the first one.
    pub(super) fn advance(&mut self) {
        let axes = self.extent.shape.iter().zip(self.extent.strides);
        let used = self.index.get_mut(..self.extent.shape.len()).unwrap_or_default();
        for (at, (&extent, &stride)) in used.iter_mut().zip(axes).rev() {
            *at = at.saturating_add(1);
            self.offset = self.offset.wrapping_add(stride);
            if *at < extent {
                return;
            }
            self.offset = self.offset.wrapping_sub((extent as i64).wrapping_mul(stride));
            *at = 0;
        }
    }
}

#[cfg(all(test, feature = "std"))]
mod tests {
    use super::*;
    use std::vec::Vec;

    /// Every index of a shape in C order, the plain way.
    fn indices(shape: &[u64]) -> Vec<Vec<u64>> {
        let mut all = std::vec![Vec::new()];
        for &extent in shape {
            let longer = |index: &Vec<u64>| {
                let index = index.clone();
                (0..extent).map(move |i| index.iter().copied().chain([i]).collect())
            };
            all = all.iter().flat_map(longer).collect();
        }
        all
    }

    fn offset(index: &[u64], strides: &[i64]) -> i64 {
        index.iter().zip(strides).map(|(&i, &step)| i as i64 * step).sum()
    }

    const CASES: [(&[u64], &[i64]); 8] = [
        (&[], &[]),
        (&[5], &[8]),
        (&[2, 3, 4], &[96, 32, 8]),
        (&[2, 3, 4], &[8, 16, 48]),
        (&[3, 2], &[-24, -8]),
        (&[2, 1, 3], &[0, -777, 5]),
        (&[2, 0, 3], &[8, 8, 8]),
        (&[1, 1], &[i64::MIN, i64::MAX]),
    ];

    #[test]
    fn a_walk_visits_every_index_in_c_order() {
        for (shape, strides) in CASES {
            let extent = Extent { shape, strides, itemsize: 8 };
            let all = indices(shape);
            assert_eq!(extent.count(), all.len() as u64);
            for (start, first) in all.iter().enumerate() {
                let mut walk = Walk::at(extent, start as u64);
                assert_eq!(walk.offset().cast_signed(), offset(first, strides));
                for index in &all[start..] {
                    assert_eq!(walk.offset().cast_signed(), offset(index, strides), "{shape:?}");
                    assert_eq!(extent.offset_of(index), Ok(walk.offset()));
                    walk.advance();
                }
                assert_eq!(walk.offset(), 0, "behind the last element is the first one");
            }
        }
    }

    #[test]
    fn indices_outside_are_refused() {
        let extent = Extent { shape: &[2, 3], strides: &[24, 8], itemsize: 8 };
        for index in [&[][..], &[0], &[0, 0, 0], &[2, 0], &[0, 3], &[u64::MAX, 0]] {
            assert_eq!(extent.offset_of(index), Err(Error::Argument), "{index:?}");
        }
        let single = Extent { shape: &[], strides: &[], itemsize: 8 };
        assert_eq!(single.offset_of(&[]), Ok(0));
        assert_eq!(single.offset_of(&[0]), Err(Error::Argument));
    }

    #[test]
    fn contiguous_in_either_order() {
        let order = |shape, strides| {
            let extent = Extent { shape, strides, itemsize: 8 };
            (extent.is_c_contiguous(), extent.is_f_contiguous())
        };
        assert_eq!(order(&[], &[]), (true, true));
        assert_eq!(order(&[3], &[8]), (true, true));
        assert_eq!(order(&[3], &[16]), (false, false));
        assert_eq!(order(&[3], &[-8]), (false, false));
        assert_eq!(order(&[3], &[0]), (false, false));
        assert_eq!(order(&[2, 3], &[24, 8]), (true, false));
        assert_eq!(order(&[2, 3], &[8, 16]), (false, true));
        assert_eq!(order(&[2, 3], &[32, 8]), (false, false));
        // The step of an axis with one index, or of an empty array, is never taken.
        assert_eq!(order(&[1, 3], &[-777, 8]), (true, true));
        assert_eq!(order(&[0, 3], &[-777, 5]), (true, true));
    }

    #[test]
    fn more_elements_than_can_be_counted() {
        let strides = [0; 3];
        let extent = Extent { shape: &[u64::MAX, 2, 3], strides: &strides, itemsize: 8 };
        assert_eq!(extent.count(), u64::MAX);
        assert!(!extent.is_c_contiguous());
        assert_eq!(extent.offset_of(&[u64::MAX - 1, 1, 2]), Ok(0));
    }
}

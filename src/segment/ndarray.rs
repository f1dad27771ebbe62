//! Views and copies of the `ndarray` crate (feature `ndarray`).
//!
//! For whoever computes with it. A view has the segment's own strides, so a
//! Fortran array or a broadcast one is seen as it is, without a copy. What
//! `ndarray` cannot see, such as a stride that is no whole number of elements,
//! is refused; [`Segment::to_array`] copies it all the same.
//!
//! Invariant of the unsafe code here: `ndarray` itself checks that the strides
//! stay inside the slice, and for views to write that no element is there twice.

use ndarray::{
    ArrayBase, ArrayD, ArrayViewD, ArrayViewMutD, Data, Dimension, IxDyn, ShapeBuilder, StrideShape,
};
use std::vec::Vec;

use super::element::Element;
use super::walk::Extent;
use super::{Draft, Name, Segment, Spec};
use crate::error::{Error, Result};

/// Shape and strides, in elements of `size` bytes.
fn shape_of(extent: Extent<'_>, size: usize) -> Result<StrideShape<IxDyn>> {
    let shape = shape_in_elements(extent)?;
    if extent.count() == 0 {
        return Ok(IxDyn(&shape).into()); // there is no element to find
    }
    let step = |(&n, &stride): (&u64, &i64)| match usize::try_from(stride) {
        _ if n == 1 => Ok(0), // a step that nobody takes
        Ok(stride) if stride.is_multiple_of(size) => {
            stride.checked_div(size).ok_or(Error::Argument)
        }
        _ => Err(Error::Argument),
    };
    let steps = extent.shape.iter().zip(extent.strides).map(step);
    let strides: Vec<usize> = steps.collect::<Result<_>>()?;
    Ok(IxDyn(&shape).strides(IxDyn(&strides)))
}

fn shape_in_elements(extent: Extent<'_>) -> Result<Vec<usize>> {
    let lengths = extent.shape.iter().map(|&n| usize::try_from(n));
    lengths.collect::<core::result::Result<_, _>>().map_err(|_| Error::Overflow)
}

impl Segment {
    /// The data as an array view, with its strides and without a copy.
    ///
    /// ```
    /// # use ndshm::segment::{Draft, Name, Spec};
    /// # let name = Name::new(&format!("doc.nd.{}", std::process::id()))?;
    /// let fortran = Spec { strides: Some(&[8, 16]), ..Spec::of::<f64>(&[2, 3]) };
    /// let mut draft = Draft::create(&name, &fortran)?;
    /// draft.as_array_mut::<f64>()?[[1, 2]] = 7.0;
    /// let segment = draft.publish()?;
    ///
    /// // SAFETY: nobody who knows the name writes or shortens it.
    /// let view = unsafe { segment.as_array::<f64>() }?;
    /// assert_eq!((view.shape(), view[[1, 2]]), (&[2, 3][..], 7.0));
    /// assert_eq!(segment.to_array::<f64>()?.sum(), 7.0);
    /// # Ok::<(), ndshm::error::Error>(())
    /// ```
    ///
    /// # Safety
    /// * As for [`as_slice`](Self::as_slice): nobody writes or shortens the data
    ///   while the view is used.
    ///
    /// # Errors
    /// [`Error::DTypeDiffers`]; [`Error::Argument`] for a stride that is no
    /// whole number of elements.
    pub unsafe fn as_array<T: Element>(&self) -> Result<ArrayViewD<'_, T>> {
        if !T::matches(self.dtype()) {
            return Err(Error::DTypeDiffers);
        }
        let shape = shape_of(Extent::of(self.header()), size_of::<T>())?;
        let at = self.data_ptr().cast::<T>();
        let count = self.data_len().checked_div(size_of::<T>()).ok_or(Error::Argument)?;
        if !at.is_aligned() {
            return Err(Error::Argument);
        }
        // SAFETY: so many items lie in the mapping, which lives as long as `self`, at an
        // address that suits; every bit pattern is a `T`; and the caller promises that
        // nobody writes.
        let items = unsafe { core::slice::from_raw_parts(at, count) };
        ArrayViewD::from_shape(shape, items).map_err(|_| Error::Argument)
    }

    /// Copies all elements into an array of the same shape, in C order.
    ///
    /// # Errors
    /// As for [`to_vec`](Self::to_vec).
    pub fn to_array<T: Element>(&self) -> Result<ArrayD<T>> {
        let shape = shape_in_elements(Extent::of(self.header()))?;
        let items = self.to_vec::<T>()?;
        ArrayD::from_shape_vec(IxDyn(&shape), items).map_err(|_| Error::Overflow)
    }
}

impl Draft {
    /// The data as an array view to be written, with its strides. The duty
    /// after a fork is that of [`data_mut`](Self::data_mut).
    ///
    /// # Errors
    /// As for [`Segment::as_array`]; [`Error::Argument`] also for an array in
    /// which an element is there twice.
    pub fn as_array_mut<T: Element>(&mut self) -> Result<ArrayViewMutD<'_, T>> {
        if !T::matches(self.header().dtype()) {
            return Err(Error::DTypeDiffers);
        }
        let shape = shape_of(Extent::of(self.header()), size_of::<T>())?;
        let whole = self.data_len() - self.data_len().checked_rem(size_of::<T>()).unwrap_or(0);
        let bytes = self.data_mut().get_mut(..whole).unwrap_or_default();
        let items = bytemuck::try_cast_slice_mut(bytes).map_err(|_| Error::Argument)?;
        ArrayViewMutD::from_shape(shape, items).map_err(|_| Error::Argument)
    }

    /// Makes a segment that is a copy of an array, in C order, with the policy
    /// and the mode of [`Spec::new`]. For others make a draft, and assign the
    /// array to its [`as_array_mut`](Self::as_array_mut).
    ///
    /// ```
    /// # use ndshm::segment::{Draft, Name};
    /// # let name = Name::new(&format!("doc.from.{}", std::process::id()))?;
    /// let array = ndarray::array![[1.0, 2.0], [3.0, 4.0]];
    /// let segment = Draft::from_array(&name, &array.t())?.publish()?;
    /// assert_eq!(segment.to_vec::<f64>()?, [1.0, 3.0, 2.0, 4.0]);
    /// # Ok::<(), ndshm::error::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`create`](Self::create).
    pub fn from_array<T, S, D>(name: &Name, array: &ArrayBase<S, D>) -> Result<Self>
    where
        T: Element,
        S: Data<Elem = T>,
        D: Dimension,
    {
        let shape: Vec<u64> = array.shape().iter().map(|&n| n as u64).collect();
        let mut draft = Self::create(name, &Spec::of::<T>(&shape))?;
        for (to, from) in draft.as_mut_slice::<T>()?.iter_mut().zip(array) {
            *to = *from;
        }
        Ok(draft)
    }
}

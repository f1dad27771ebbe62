//! Elements as Rust values: slices and copies; what is copied goes through a
//! [`Column`].
//!
//! For whoever has a segment and knows what is in it. Everything here checks the
//! dtype first ([`Error::DTypeDiffers`]). Slices of published data are unsafe,
//! since another process may write it; copies are always safe, and see what is
//! being written in part or not at all.
//!
//! Invariant of the unsafe code here: a slice is given only of elements that
//! follow each other, inside the data, at an address that suits the type.

use super::column::{Column, read_with};
use super::element::{Element, Value};
use super::walk::Extent;
use super::{Draft, Info, Segment, Spec};
use crate::dtype::{DType, Field, Kind};
use crate::error::{Error, Result};

impl<'a> Spec<'a> {
    /// [`Spec::new`] for elements of a Rust type.
    ///
    /// ```
    /// use ndshm::segment::Spec;
    ///
    /// assert_eq!(Spec::of::<f64>(&[3, 4]).dtype.to_string(), "<f8");
    /// ```
    #[must_use]
    pub fn of<T: Element>(shape: &'a [u64]) -> Self {
        Self::new(T::dtype(), shape)
    }
}

macro_rules! places {
    ($($type:ty),+) => {$(
        impl $type {
            /// Elements. A stride of 0 allows more than a [`u64`] counts; then it is the
            /// greatest one.
            #[must_use]
            pub fn len(&self) -> u64 {
                Extent::of(self.header()).count()
            }

            /// Whether an extent is 0.
            #[must_use]
            pub fn is_empty(&self) -> bool {
                self.len() == 0
            }

            /// Whether the elements follow each other in C order, the last index fastest.
            #[must_use]
            pub fn is_c_contiguous(&self) -> bool {
                Extent::of(self.header()).is_c_contiguous()
            }

            /// Whether the elements follow each other in Fortran's order, the first index
            /// fastest.
            #[must_use]
            pub fn is_f_contiguous(&self) -> bool {
                Extent::of(self.header()).is_f_contiguous()
            }

            /// Byte offset of an element in the data.
            ///
            /// # Errors
            /// [`Error::Argument`] for an index outside the shape, or of another length.
            pub fn offset_of(&self, index: &[u64]) -> Result<u64> {
                Extent::of(self.header()).offset_of(index)
            }
        }
    )+};
}

places!(Segment, Draft, Info);

/// How many elements there are, if they are `T`s that follow each other in C order.
fn dense<T: Element>(dtype: DType<'_>, extent: Extent<'_>) -> Result<usize> {
    if !T::matches(dtype) {
        return Err(Error::DTypeDiffers);
    }
    if !extent.is_c_contiguous() {
        return Err(Error::Argument);
    }
    usize::try_from(extent.count()).map_err(|_| Error::Overflow)
}

impl Draft {
    /// The data as elements. Other processes do not read or write it before it
    /// is published; as for [`data_mut`](Self::data_mut), that children forked
    /// meanwhile do not either is the duty of the code after the fork.
    ///
    /// ```
    /// use ndshm::segment::{Draft, Name, Spec};
    ///
    /// let name = Name::new(&format!("doc.mut.{}", std::process::id()))?;
    /// let mut draft = Draft::create(&name, &Spec::of::<f64>(&[2, 2]))?;
    /// draft.as_mut_slice::<f64>()?.copy_from_slice(&[1.0, 2.0, 3.0, 4.0]);
    /// assert!(draft.as_mut_slice::<i64>().is_err());
    /// # Ok::<(), ndshm::error::Error>(())
    /// ```
    ///
    /// It ends when the draft is published:
    ///
    /// ```compile_fail,E0505
    /// # use ndshm::segment::{Draft, Name, Spec};
    /// # let name = Name::new(&format!("doc.late.{}", std::process::id()))?;
    /// # let mut draft = Draft::create(&name, &Spec::of::<f64>(&[2, 2]))?;
    /// let items = draft.as_mut_slice::<f64>()?;
    /// let segment = draft.publish()?;
    /// items[0] = 1.0;
    /// # Ok::<(), ndshm::error::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::DTypeDiffers`]; [`Error::Argument`] if the elements do not
    /// follow each other in C order.
    pub fn as_mut_slice<T: Element>(&mut self) -> Result<&mut [T]> {
        let count = dense::<T>(self.header().dtype(), Extent::of(self.header()))?;
        let len = count.checked_mul(size_of::<T>()).ok_or(Error::Overflow)?;
        let bytes = self.data_mut().get_mut(..len).ok_or(Error::Overflow)?;
        bytemuck::try_cast_slice_mut(bytes).map_err(|_| Error::Argument)
    }
}

impl Segment {
    /// The data as elements, without a copy.
    ///
    /// ```
    /// # use ndshm::segment::{Draft, Name, Spec};
    /// # let name = Name::new(&format!("doc.ref.{}", std::process::id()))?;
    /// # let mut draft = Draft::create(&name, &Spec::of::<i32>(&[3]))?;
    /// # draft.as_mut_slice::<i32>()?.copy_from_slice(&[1, 2, 3]);
    /// # let segment = draft.publish()?;
    /// // SAFETY: nobody who knows the name writes or shortens it.
    /// let items = unsafe { segment.as_slice::<i32>() }?;
    /// assert_eq!(items, [1, 2, 3]);
    /// # Ok::<(), ndshm::error::Error>(())
    /// ```
    ///
    /// It is a promise, so it takes `unsafe`:
    ///
    /// ```compile_fail,E0133
    /// # fn sum(segment: &ndshm::segment::Segment) -> ndshm::error::Result<f64> {
    /// Ok(segment.as_slice::<f64>()?.iter().sum())
    /// # }
    /// ```
    ///
    /// # Safety
    /// * No process, this one included, writes the data while the slice is used.
    /// * Nobody shortens the object: the next access would be a SIGBUS.
    ///
    /// # Errors
    /// [`Error::DTypeDiffers`]; [`Error::Argument`] if the elements do not
    /// follow each other in C order.
    pub unsafe fn as_slice<T: Element>(&self) -> Result<&[T]> {
        let count = dense::<T>(self.dtype(), Extent::of(self.header()))?;
        let len = count.checked_mul(size_of::<T>()).ok_or(Error::Overflow)?;
        let at = self.data_ptr().cast::<T>();
        if len > self.data_len() || !at.is_aligned() {
            return Err(Error::Argument);
        }
        // SAFETY: so many items lie in the mapping, which lives as long as `self`, at an
        // address that suits; every bit pattern is a `T`; and the caller promises that
        // nobody writes.
        Ok(unsafe { core::slice::from_raw_parts(at, count) })
    }

    /// The elements, to be copied one by one or many at once. It checks the
    /// dtype once for all of them.
    ///
    /// # Errors
    /// [`Error::DTypeDiffers`].
    pub fn elements<T: Element>(&self) -> Result<Column<'_, T>> {
        if T::matches(self.dtype()) { Ok(Column::new(self, 0)) } else { Err(Error::DTypeDiffers) }
    }

    /// One field of all records, to be copied. A field of a nested record has
    /// its path as its name: `"from.pos"`. Subarrays are Rust arrays.
    ///
    /// ```
    /// # use ndshm::dtype_buf::DTypeBuf;
    /// # use ndshm::segment::{Draft, Name, Spec};
    /// # let name = Name::new(&format!("doc.field.{}", std::process::id()))?;
    /// let dtype = DTypeBuf::parse("[('pos', '<i4'), ('xyz', '<f4', (3,))]")?;
    /// let segment = Draft::create(&name, &Spec::new(dtype.as_dtype(), &[2]))?.publish()?;
    /// segment.field::<i32>("pos")?.write(0, &[7, 8])?;
    /// assert!(segment.field::<i32>("pos")?.iter().eq([7, 8]));
    /// assert_eq!(segment.field::<[f32; 3]>("xyz")?.get(&[1])?, [0.0; 3]);
    /// # Ok::<(), ndshm::error::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Argument`] if there is no such field, [`Error::DTypeDiffers`]
    /// if it is of another type.
    pub fn field<V: Value>(&self, path: &str) -> Result<Column<'_, V>> {
        let (field, offset) = find(self.dtype(), path)?;
        if V::matches_field(self.dtype(), field) {
            Ok(Column::new(self, offset))
        } else {
            Err(Error::DTypeDiffers)
        }
    }

    /// Copies one element.
    ///
    /// # Errors
    /// [`Error::DTypeDiffers`]; [`Error::Argument`] for an index outside the
    /// shape, or of another length.
    pub fn get<T: Element>(&self, index: &[u64]) -> Result<T> {
        self.elements()?.get(index)
    }

    /// Copies elements from the one of number `start` on, counted in C order.
    ///
    /// # Errors
    /// [`Error::DTypeDiffers`]; [`Error::Argument`] for elements that are not there.
    pub fn read<T: Element>(&self, start: u64, items: &mut [T]) -> Result<()> {
        self.elements()?.read(start, items)
    }

    /// Copies all elements, in C order.
    ///
    /// # Errors
    /// [`Error::DTypeDiffers`]; [`Error::Overflow`] if memory is short.
    #[cfg(feature = "std")]
    pub fn to_vec<T: Element>(&self) -> Result<std::vec::Vec<T>> {
        self.elements()?.to_vec()
    }

    /// Writes one element. Others may see part of it.
    ///
    /// # Errors
    /// As for [`get`](Self::get); [`Error::ReadOnly`].
    pub fn set<T: Element>(&self, index: &[u64], item: T) -> Result<()> {
        self.elements()?.set(index, item)
    }

    /// Writes elements from the one of number `start` on, counted in C order.
    /// Others may see part of them.
    ///
    /// # Errors
    /// As for [`read`](Self::read); [`Error::ReadOnly`].
    pub fn write<T: Element>(&self, start: u64, items: &[T]) -> Result<()> {
        self.elements()?.write(start, items)
    }
}

impl Info {
    /// Copies elements from the one of number `start` on, counted in C order,
    /// through the kernel.
    ///
    /// # Errors
    /// [`Error::DTypeDiffers`]; [`Error::Argument`] for elements that are not
    /// there; [`Error::Truncated`] if somebody has shortened the object;
    /// [`Error::Os`].
    pub fn read<T: Element>(&self, start: u64, items: &mut [T]) -> Result<()> {
        if !T::matches(self.header().dtype()) {
            return Err(Error::DTypeDiffers);
        }
        let extent = Extent::of(self.header());
        read_with(extent, 0, start, items, |offset, bytes| {
            let need = bytes.len() as u64;
            match self.read_at(bytes, offset)? as u64 {
                have if have < need => Err(Error::Truncated { need, have }),
                _ => Ok(()),
            }
        })
    }
}

/// The field of a path, and its offset in the whole element.
fn find<'a>(dtype: DType<'a>, path: &str) -> Result<(Field<'a>, u32)> {
    let (mut record, mut offset, mut rest) = (dtype.root(), 0_u32, path);
    loop {
        let (field, behind) = step(record, rest).ok_or(Error::Argument)?;
        offset = offset.saturating_add(field.offset());
        if behind.is_empty() {
            return Ok((field, offset));
        }
        (record, rest) = (field, behind);
    }
}

/// The field that a path begins with, and the path in it. A name may have dots
/// itself: the longest one that fits is taken.
fn step<'a, 'p>(record: Field<'a>, path: &'p str) -> Option<(Field<'a>, &'p str)> {
    let fits = |field: Field<'a>| {
        let behind = path.strip_prefix(field.name())?;
        if behind.is_empty() {
            return Some((field, behind));
        }
        let within = behind.strip_prefix('.').filter(|within| !within.is_empty())?;
        let opens = field.kind() == Kind::Record && field.dims().is_empty();
        opens.then_some((field, within))
    };
    record.fields().filter_map(fits).min_by_key(|(_, behind)| behind.len())
}

//! The elements of an array, some MiB at a time, for who looks at all of them once.

#![allow(unsafe_code)]

use core::ops::Range;
use std::boxed::Box;
use std::path::Path;
use std::vec::Vec;

use super::PIECE;
use super::copy::{self, Walk};
use super::error::Result;
use super::memory::Elements;
use super::source::{Flat, Source, Way};
use crate::dtype::DType;
use crate::error::Error;
use crate::segment::{Info, Segment};

/// An array, and how far it was read.
#[derive(Debug)]
pub(crate) struct Pieces<'s> {
    from: From<'s>,
    /// The next element, the one behind the last that is wanted, and all of them.
    at: u64,
    end: u64,
    count: u64,
    /// Elements that belong together: those of a row of a table.
    width: u64,
}

#[derive(Debug)]
enum From<'s> {
    File(Source),
    Segment(&'s Segment, Walk),
    Seen(Box<Info>, Walk),
    Memory(Elements<'s>),
}

impl<'s> Pieces<'s> {
    /// A `.npy` file, or a dataset of an HDF5 file.
    pub(crate) fn of_file(file: &Path, dataset: Option<&str>) -> Result<Self> {
        let source = Source::open(file, dataset, false)?.array()?;
        let item = u64::from(source.dtype.as_dtype().itemsize());
        let count = match item {
            0 => source.shape.iter().product(),
            item => source.len / item,
        };
        Ok(Self::new(From::File(source), count))
    }

    /// A segment, whose bytes are copied.
    pub(crate) fn of_segment(segment: &'s Segment) -> Result<Self> {
        let count = copy::count(segment.shape()).ok_or(Error::Overflow)?;
        Ok(Self::new(From::Segment(segment, Walk::new(segment, false)), count))
    }

    /// A segment that is only looked at.
    pub(crate) fn of_seen(info: Info) -> Result<Self> {
        let count = copy::count(info.header().shape()).ok_or(Error::Overflow)?;
        let walk = Walk::new(&info, false);
        Ok(Self::new(From::Seen(Box::new(info), walk), count))
    }

    /// An array in memory.
    pub(crate) fn of_elements(elements: Elements<'s>) -> Result<Self> {
        let count = elements.count().ok_or(Error::Overflow)?;
        Ok(Self::new(From::Memory(elements), count))
    }

    fn new(from: From<'s>, count: u64) -> Self {
        let mut pieces = Self { from, at: 0, end: count, count, width: 1 };
        pieces.width = pieces.columns().map_or(1, u64::from);
        pieces
    }

    pub(crate) fn dtype(&self) -> DType<'_> {
        match &self.from {
            From::File(source) => source.dtype.as_dtype(),
            From::Segment(segment, _) => segment.dtype(),
            From::Seen(info, _) => info.header().dtype(),
            From::Memory(elements) => elements.dtype(),
        }
    }

    pub(crate) fn shape(&self) -> &[u64] {
        match &self.from {
            From::File(source) => &source.shape,
            From::Segment(segment, _) => segment.shape(),
            From::Seen(info, _) => info.header().shape(),
            From::Memory(elements) => elements.shape(),
        }
    }

    /// The columns of a table: of an array of two axes of a plain type.
    pub(crate) fn columns(&self) -> Option<u32> {
        let &[_, columns] = self.shape() else { return None };
        u32::try_from(columns).ok().filter(|&n| n > 0 && !self.dtype().is_record())
    }

    /// Reads only these rows, all elements that have one place on the first axis.
    pub(crate) fn only(&mut self, rows: Range<u64>) {
        let inner = self.shape().iter().skip(1);
        self.width = inner.fold(1_u64, |n, &extent| n.saturating_mul(extent)).max(1);
        self.at = rows.start.saturating_mul(self.width).min(self.count);
        self.end = rows.end.saturating_mul(self.width).clamp(self.at, self.count);
    }

    /// Elements that were read, and all of them.
    pub(crate) const fn progress(&self) -> (u64, u64) {
        (self.at, self.count)
    }

    /// Reads some more elements, of tables whole rows in their order; false if there are none.
    pub(crate) fn next(&mut self, buf: &mut Vec<u8>) -> Result<bool> {
        buf.clear();
        if self.at >= self.end {
            return Ok(false);
        }
        let item = (self.dtype().itemsize() as usize).max(1);
        let row = (item as u64).saturating_mul(self.width);
        let rows = (4 * PIECE as u64 / row).max(1);
        let left = self.end - self.at;
        let mut wanted = rows.saturating_mul(self.width).min(left);
        let (at, count) = (self.at, self.count);
        match &mut self.from {
            From::Segment(segment, walk) => {
                buf.resize(bytes(wanted, item)?, 0);
                walk.copy(*segment, at, buf)?;
            }
            From::Seen(info, walk) => {
                buf.resize(bytes(wanted, item)?, 0);
                walk.copy(&**info, at, buf)?;
            }
            From::Memory(elements) => {
                buf.resize(bytes(wanted, item)?, 0);
                elements.copy(at, buf)?;
            }
            From::File(source) => match &mut source.way {
                Way::Flat { file, offset } if source.strides.is_some() && self.width > 1 => {
                    let (rows, width) = (count / self.width, self.width as usize);
                    let inner = source.shape.get(1..).unwrap_or_default();
                    let columns = Columns { file, offset: *offset, rows, width, inner };
                    columns.read(at / self.width, wanted / self.width, item, buf)?;
                }
                Way::Flat { file, offset } => {
                    buf.resize(bytes(wanted, item)?, 0);
                    flat(file, *offset, at, buf, item)?;
                }
                Way::Rows { stored, step } => {
                    let span = Span::of(stored.extents(), count, at, *step, left);
                    buf.resize(bytes(span.elements(), item)?, 0);
                    // SAFETY: the buffer has room for so many rows, and nobody else has it.
                    unsafe { stored.read_rows(span.first, span.rows, buf.as_mut_ptr()) }?;
                    if stored.needs_change() {
                        stored.change(buf, span.first * span.across)?;
                    }
                    wanted = span.cut(buf, item, left);
                }
                Way::Made(made) => {
                    let step = (4 * PIECE / made.row().max(1)).max(1) as u64;
                    let span = Span::of(made.shape(), count, at, step, left);
                    buf.resize(bytes(span.elements(), item)?, 0);
                    made.read(span.first, buf)?;
                    wanted = span.cut(buf, item, left);
                }
                Way::Packed(_) => return Err(Error::Argument.into()),
            },
        }
        if wanted >= left
            && let From::File(source) = &self.from
        {
            source.check()?;
        }
        self.at += wanted;
        Ok(true)
    }
}

/// Elements from `at` on, of a file that has them one behind the other.
fn flat(file: &Flat, offset: u64, at: u64, buf: &mut [u8], item: usize) -> Result<()> {
    file.read(buf, offset + at * item as u64)?;
    if let Some(stored) = file.changed() {
        stored.change(buf, at)?;
    }
    Ok(())
}

/// Rows of a dataset that are read at once.
struct Span {
    first: u64,
    rows: u64,
    /// Elements of each.
    across: u64,
    /// Elements of the first one that are not wanted: one value of an array type is one row to
    /// HDF5, and several here.
    skip: u64,
}

impl Span {
    /// From element `at` of all on, at most `step` rows, where `left` elements are wanted.
    fn of(shape: &[u64], count: u64, at: u64, step: u64, left: u64) -> Self {
        let all = shape.first().copied().unwrap_or(1).max(1);
        let across = (count / all).max(1);
        let (first, skip) = (at / across, at % across);
        let rows = left.saturating_add(skip).div_ceil(across).min(step.max(1));
        Self { first, rows, across, skip }
    }

    const fn elements(&self) -> u64 {
        self.rows * self.across
    }

    /// Leaves what is wanted of the elements; how many that are.
    fn cut(&self, buf: &mut Vec<u8>, item: usize, left: u64) -> u64 {
        let wanted = (self.elements() - self.skip).min(left);
        buf.truncate((self.skip + wanted) as usize * item);
        buf.drain(..self.skip as usize * item);
        wanted
    }
}

fn bytes(elements: u64, item: usize) -> Result<usize> {
    let bytes = usize::try_from(elements).ok().and_then(|n| n.checked_mul(item));
    Ok(bytes.ok_or(Error::Overflow)?)
}

/// An array that lies in a file with the first axis as the fastest one: column by column.
struct Columns<'f> {
    file: &'f Flat,
    offset: u64,
    rows: u64,
    width: usize,
    /// Extents of a row.
    inner: &'f [u64],
}

impl Columns<'_> {
    /// Reads `count` rows, and puts them one behind the other.
    fn read(&self, first: u64, count: u64, item: usize, buf: &mut Vec<u8>) -> Result<()> {
        let width = self.width;
        let mut column = std::vec![0; bytes(count, item)?];
        buf.resize(column.len().checked_mul(width).ok_or(Error::Overflow)?, 0);
        for place in 0..width {
            let at = (place as u64 * self.rows + first) * item as u64;
            self.file.read(&mut column, self.offset + at)?;
            let place = self.in_row(place);
            let to = buf.chunks_exact_mut(width * item);
            for (row, value) in to.zip(column.chunks_exact(item)) {
                if let Some(to) = row.get_mut(place * item..(place + 1) * item) {
                    to.copy_from_slice(value);
                }
            }
        }
        Ok(())
    }

    /// The place in a row of what is column number `at` in the file.
    fn in_row(&self, at: usize) -> usize {
        let (mut rest, mut step, mut place) = (at as u64, self.width as u64, 0);
        for &extent in self.inner {
            step /= extent.max(1);
            place += rest % extent.max(1) * step;
            rest /= extent.max(1);
        }
        place as usize
    }
}

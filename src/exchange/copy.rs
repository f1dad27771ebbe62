//! Elements of an array in C order, whatever its steps are.

use std::vec;
use std::vec::Vec;

use crate::error::{Error, Result};
use crate::segment::{Info, Segment};

/// Lines that are copied at once: so many cache lines of the result are open at a time.
const LINES: u64 = 64;
/// Bytes of the segment that are taken at once.
const WINDOW: usize = 4096;

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

/// What elements are copied from.
pub(super) trait Bytes {
    /// Copies bytes from `at` on; an error if they are not all there.
    fn copy_to(&self, to: &mut [u8], at: usize) -> Result<()>;
}

impl Bytes for Segment {
    fn copy_to(&self, to: &mut [u8], at: usize) -> Result<()> {
        Self::copy_to(self, to, at)
    }
}

/// A segment that is only looked at: it is not attached, and nobody is kept from anything.
impl Bytes for Info {
    fn copy_to(&self, to: &mut [u8], at: usize) -> Result<()> {
        let (need, read) = (to.len(), self.read_at(to, at as u64)?);
        if read == need {
            return Ok(());
        }
        let have = at.saturating_add(read) as u64;
        Err(Error::Truncated { need: at.saturating_add(need) as u64, have })
    }
}

/// Extents of an array, and the step of each axis in bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Steps<'a> {
    pub(super) shape: &'a [u64],
    pub(super) strides: &'a [i64],
    pub(super) item: usize,
    /// The byte where the first element lies.
    pub(super) first: usize,
}

impl<'a> From<&'a Segment> for Steps<'a> {
    fn from(segment: &'a Segment) -> Self {
        let item = segment.itemsize() as usize;
        Self { shape: segment.shape(), strides: segment.strides(), item, first: 0 }
    }
}

impl<'a> From<&'a Info> for Steps<'a> {
    fn from(info: &'a Info) -> Self {
        let (header, item) = (info.header(), info.header().header().itemsize as usize);
        Self { shape: header.shape(), strides: header.strides(), item, first: 0 }
    }
}

/// The order of an array; one that is in both orders is in C order.
pub(super) fn order_of<'a>(of: impl Into<Steps<'a>>) -> Order {
    let of = of.into();
    let (shape, strides, item) = (of.shape, of.strides, of.item as u64);
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

/// Elements of an array; none if that is no number.
pub(super) fn count(shape: &[u64]) -> Option<u64> {
    shape.iter().try_fold(1_u64, |n, &extent| n.checked_mul(extent))
}

/// How the elements of an array are brought into C order.
///
/// They are copied in blocks: some indices of the axis with the shortest step, along which the
/// array is read, by all indices of the axes behind it.
#[derive(Debug)]
pub(super) struct Walk {
    /// Extents and steps; axes that follow without a gap are one.
    axes: Vec<(u64, i64)>,
    /// The axis with the shortest step.
    fast: usize,
    /// Elements of the axes behind it: those of a line.
    inner: u64,
    item: usize,
    /// Where the first element lies.
    first: usize,
    /// One index of the first axis after the other is the order of the array.
    is_c: bool,
}

impl Walk {
    /// The way through a segment; `verbatim` if its bytes go out as they lie.
    pub(super) fn new<'a>(segment: impl Into<Steps<'a>>, verbatim: bool) -> Self {
        let walk = Self::over(segment.into());
        Self { is_c: verbatim || walk.is_c, ..walk }
    }

    /// The way through an array, all of whose elements lie in what is copied from.
    pub(super) fn over(steps: Steps<'_>) -> Self {
        let axes = merged(steps);
        let fast = (0..axes.len()).min_by_key(|&at| axes[at].1.unsigned_abs()).unwrap_or(0);
        let inner = axes.iter().skip(fast + 1).map(|&(extent, _)| extent).product();
        let is_c = order_of(steps) == Order::C;
        Self { axes, fast, inner, item: steps.item, first: steps.first, is_c }
    }

    /// Whether the elements lie in the order in which they go out.
    pub(super) const fn is_c(&self) -> bool {
        self.is_c
    }

    /// Bytes that should be copied at a time: several lines where these are long.
    pub(super) fn piece(&self, least: u64, most: u64) -> u64 {
        if self.is_c {
            return least;
        }
        let lines = self.inner.saturating_mul(self.item as u64).saturating_mul(LINES);
        lines.clamp(least, most)
    }

    /// Copies whole elements from the element `first` on.
    pub(super) fn copy(&self, from: &impl Bytes, first: u64, mut to: &mut [u8]) -> Result<()> {
        let item = self.item.max(1);
        if self.is_c {
            let at = usize::try_from(first).ok().and_then(|first| first.checked_mul(item));
            let at = at.and_then(|at| at.checked_add(self.first));
            return from.copy_to(to, at.ok_or(Error::Overflow)?);
        }
        let extent = self.axes.get(self.fast).map_or(1, |axis| axis.0).max(1);
        let mut number = first;
        while to.len() >= item {
            let (line, column) = (number / self.inner, number % self.inner);
            let left = (to.len() / item) as u64;
            let n = if column > 0 || left < self.inner {
                left.min(self.inner - column)
            } else {
                let most = if self.inner == 1 { u64::MAX } else { LINES };
                (left / self.inner).min(extent - line % extent).min(most) * self.inner
            };
            let (block, rest) = to.split_at_mut(n as usize * item);
            if n < self.inner {
                self.part(from, line, column, block)?;
            } else {
                self.lines(from, line, block)?;
            }
            to = rest;
            number += n;
        }
        Ok(())
    }

    /// Copies some elements of a line.
    fn part(&self, from: &impl Bytes, line: u64, column: u64, to: &mut [u8]) -> Result<()> {
        let mut columns = Odometer::new(self.inner_axes(), column);
        let start = self.start(line)?;
        for one in to.chunks_exact_mut(self.item) {
            from.copy_to(one, place(start, columns.at)?)?;
            columns.advance();
        }
        Ok(())
    }

    /// Copies whole lines, which differ in the index of the fast axis alone.
    fn lines(&self, from: &impl Bytes, line: u64, to: &mut [u8]) -> Result<()> {
        let item = self.item;
        let step = self.axes.get(self.fast).map_or(item as i64, |axis| axis.1);
        let count = to.len() / item / self.inner as usize;
        let start = self.start(line)?;
        let step = match usize::try_from(step) {
            Ok(step) if self.inner == 1 && step == item => {
                return from.copy_to(to, place(start, 0)?);
            }
            // What is taken at once holds two elements, at least.
            Ok(step) if step >= item && step + item <= WINDOW => step,
            _ => return self.scattered(from, line, to),
        };
        let (row, at_once) = (self.inner as usize * item, (WINDOW - item) / step + 1);
        let mut window = [0; WINDOW];
        for begin in (0..count).step_by(at_once) {
            let n = at_once.min(count - begin);
            let taken = window.get_mut(..(n - 1) * step + item).ok_or(Error::Overflow)?;
            let to = to.get_mut(begin * row..(begin + n) * row).ok_or(Error::Overflow)?;
            let mut columns = Odometer::new(self.inner_axes(), 0);
            for column in (0..row).step_by(item) {
                let at = place(start, columns.at)?.checked_add(begin * step);
                from.copy_to(taken, at.ok_or(Error::Overflow)?)?;
                scatter(taken, step, item, to, row, column);
                columns.advance();
            }
        }
        Ok(())
    }

    /// The same, where elements lie too far from one another.
    fn scattered(&self, from: &impl Bytes, first: u64, to: &mut [u8]) -> Result<()> {
        let row = self.inner as usize * self.item;
        (first..).zip(to.chunks_exact_mut(row)).try_for_each(|(n, to)| self.part(from, n, 0, to))
    }

    fn inner_axes(&self) -> &[(u64, i64)] {
        self.axes.get(self.fast + 1..).unwrap_or_default()
    }

    /// Where a line begins.
    fn start(&self, line: u64) -> Result<i64> {
        let first = i64::try_from(self.first).map_err(|_| Error::Overflow)?;
        let (mut rest, mut at) = (line, first);
        for &(extent, stride) in self.axes.iter().take(self.fast + 1).rev() {
            let index = (rest % extent.max(1)) as i64;
            rest /= extent.max(1);
            let step = index.checked_mul(stride);
            at = step.and_then(|step| at.checked_add(step)).ok_or(Error::Overflow)?;
        }
        Ok(at)
    }
}

fn place(start: i64, column: i64) -> Result<usize> {
    let at = start.checked_add(column).ok_or(Error::Overflow)?;
    usize::try_from(at).map_err(|_| Error::Overflow)
}

/// The axes of an array without those of one index; two that follow without a gap are one.
fn merged(of: Steps<'_>) -> Vec<(u64, i64)> {
    let mut axes: Vec<(u64, i64)> = Vec::new();
    for (&extent, &stride) in of.shape.iter().zip(of.strides) {
        match axes.last_mut() {
            _ if extent == 1 => {}
            Some(last)
                if i64::try_from(extent).ok().and_then(|n| n.checked_mul(stride))
                    == Some(last.1) =>
            {
                *last = (last.0.saturating_mul(extent), stride);
            }
            _ => axes.push((extent, stride)),
        }
    }
    axes
}

/// The places of elements, one after the other, without a division for each.
struct Odometer<'a> {
    axes: &'a [(u64, i64)],
    indices: Vec<u64>,
    at: i64,
}

impl<'a> Odometer<'a> {
    fn new(axes: &'a [(u64, i64)], number: u64) -> Self {
        let (mut rest, mut at, mut indices) = (number, 0_i64, vec![0; axes.len()]);
        for (index, &(extent, stride)) in indices.iter_mut().zip(axes).rev() {
            *index = rest % extent.max(1);
            rest /= extent.max(1);
            at = at.wrapping_add((*index as i64).wrapping_mul(stride));
        }
        Self { axes, indices, at }
    }

    fn advance(&mut self) {
        for (index, &(extent, stride)) in self.indices.iter_mut().zip(self.axes).rev() {
            *index += 1;
            self.at = self.at.wrapping_add(stride);
            if *index < extent {
                return;
            }
            self.at = self.at.wrapping_sub((extent as i64).wrapping_mul(stride));
            *index = 0;
        }
    }
}

/// Brings elements that lie `step` apart into one column of rows.
fn scatter(from: &[u8], step: usize, item: usize, to: &mut [u8], row: usize, column: usize) {
    match item {
        1 => spread::<1>(from, step, to, row, column),
        2 => spread::<2>(from, step, to, row, column),
        4 => spread::<4>(from, step, to, row, column),
        8 => spread::<8>(from, step, to, row, column),
        16 => spread::<16>(from, step, to, row, column),
        _ => {
            for (from, to) in from.chunks(step).zip(to.chunks_exact_mut(row)) {
                if let (Some(from), Some(to)) =
                    (from.get(..item), to.get_mut(column..column + item))
                {
                    to.copy_from_slice(from);
                }
            }
        }
    }
}

fn spread<const N: usize>(from: &[u8], step: usize, to: &mut [u8], row: usize, column: usize) {
    for (from, to) in from.chunks(step).zip(to.chunks_exact_mut(row)) {
        let to = to.get_mut(column..).and_then(<[u8]>::first_chunk_mut::<N>);
        if let (Some(from), Some(to)) = (from.first_chunk::<N>(), to) {
            *to = *from;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtype_buf::DTypeBuf;
    use crate::segment::{Draft, Spec};

    /// A segment whose axes lie in this order, the fastest first, with `gap` elements behind
    /// each run of the fastest.
    fn made(dtype: &str, shape: &[u64], order: &[usize], gap: u64) -> Segment {
        let dtype = DTypeBuf::parse(dtype).unwrap();
        let (mut strides, mut step) =
            (vec![0; shape.len()], u64::from(dtype.as_dtype().itemsize()));
        for (rank, &axis) in order.iter().enumerate() {
            strides[axis] = step as i64;
            step *= shape[axis] + if rank == 0 { gap } else { 0 };
        }
        let spec = Spec { strides: Some(&strides), ..Spec::new(dtype.as_dtype(), shape) };
        let mut draft = Draft::create_anonymous(&spec).unwrap();
        let mut state = 1_u32;
        draft.data_mut().fill_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        });
        draft.publish().unwrap()
    }

    /// All elements, placed one by one.
    fn expected(segment: &Segment) -> Vec<u8> {
        let item = segment.itemsize() as usize;
        let mut all = vec![0; count(segment.shape()).unwrap() as usize * item];
        for (number, one) in (0..).zip(all.chunks_exact_mut(item)) {
            let (mut rest, mut at) = (number, 0);
            for (&extent, &stride) in segment.shape().iter().zip(segment.strides()).rev() {
                at += (rest % extent) * stride as u64;
                rest /= extent;
            }
            segment.copy_to(one, at as usize).unwrap();
        }
        all
    }

    fn check(segment: &Segment, pieces: &[usize]) {
        let (walk, item) = (Walk::new(segment, false), segment.itemsize() as usize);
        let all = expected(segment);
        for &piece in pieces {
            let mut done = vec![0; all.len()];
            for (i, to) in done.chunks_mut(piece * item).enumerate() {
                walk.copy(segment, (i * piece) as u64, to).unwrap();
            }
            let (shape, strides) = (segment.shape(), segment.strides());
            assert!(done == all, "{shape:?} {strides:?} {item} {piece}");
        }
    }

    #[test]
    fn elements_come_in_c_order_from_wherever_they_lie() {
        let orders = [[0, 1, 2], [2, 1, 0], [1, 0, 2], [0, 2, 1], [2, 0, 1], [1, 2, 0]];
        for dtype in ["i1", "<i2", "<f4", "<f8", "<c16", "S3", "S70"] {
            for shape in [[5, 7, 3], [130, 1, 9], [2, 3, 70], [1, 1, 4]] {
                for order in &orders {
                    for gap in [0, 1, 300] {
                        check(&made(dtype, &shape, order, gap), &[1, 2, 13, 64, 100, 5000]);
                    }
                }
            }
        }
    }

    #[test]
    fn elements_that_no_window_holds_come_too() {
        for order in [[0, 1], [1, 0]] {
            check(&made("S5000", &[70, 3], &order, 0), &[1, 4, 210]);
            check(&made("<f8", &[70, 30], &order, 600), &[1, 64, 2100]);
        }
    }
}

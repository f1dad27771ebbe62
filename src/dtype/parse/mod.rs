//! Dtypes from text: whatever NumPy prints or a person types.
//!
//! One parser walks the text once and fills a [`Builder`] as it goes; nothing
//! is remembered but the place in the text. `plain` reads what is not Python
//! (`f8`, `i4,f8`, `x:f8,y:f8`), `python` reads lists, tuples and strings,
//! `dict` the dict with names and formats; `scalar` reads single types.
//!
//! A fault that only the whole table shows (a name twice) is known by its node.
//! The text is then read once more up to the place that made this node, which
//! costs nothing while the text is right.

mod cursor;
mod dict;
mod label;
mod plain;
mod python;
mod scalar;

use super::model::{MAX_DEPTH, MAX_SIZE, MAX_SUBARRAY_DIMS, fault};
use super::{Builder, DType, Kind, Order, Unit};
use crate::error::{DTypeFault, Error, Result};
use cursor::{Cursor, moved};
use label::Label;
use scalar::Scalar;

/// Extents of a subarray.
type Dims = heapless::Vec<u32, MAX_SUBARRAY_DIMS>;

/// Types in types that are not records (`('f8', (2,))`) count too.
const MAX_NESTING: usize = 3 * MAX_DEPTH;

/// Reads the text of a dtype into tables of the caller's; what was in them
/// before is gone. White space and comment lines may stand around it.
///
/// * One type: `f8`, `<f8`, `|S10`, `float64`, `M8[10s]`, `?`.
/// * Fields with names, by commas or by lines: `chr:S10,pos:i4,xyz:(3)f4`,
///   nested `n:{a:i4,b:f8}`; `#` begins a comment.
/// * NumPy's comma string `i4,3f8,(2,3)S3`: fields `f0`, `f1`, ...
/// * NumPy's list `[('chr', 'S10'), ('xyz', '<f4', (3,))]`, in which
///   `('', '|V4')` is four unused bytes.
/// * NumPy's dict `{'names': [...], 'formats': [...], 'offsets': [...],
///   'itemsize': 16, 'aligned': True}`.
/// * Any of NumPy's in `dtype(...)`, with or without `align=True`.
///
/// A type without an order mark has the machine's own order.
///
/// ```
/// use ndshm::dtype::{parse, Builder, Node};
///
/// let (mut nodes, mut dims, mut names) = ([Node::default(); 8], [0; 8], [0; 64]);
/// let builder = Builder::new(&mut nodes, &mut dims, &mut names);
/// let dtype = parse("chr:S10, pos:<i4, xyz:(3)<f4", builder)?;
/// assert_eq!(dtype.itemsize(), 26);
/// # Ok::<(), ndshm::error::Error>(())
/// ```
///
/// # Errors
/// [`Error::DType`] with the byte of the text where it went wrong,
/// [`Error::DTypeSpace`] if the tables are too small, [`Error::Overflow`] for
/// a text of 4 GiB or more.
pub fn parse<'a>(text: &str, into: Builder<'a>) -> Result<DType<'a>> {
    run(text, into, None)
}

/// What a type becomes that [`parse_open`] asks about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// A string of so many characters.
    Chars(u32),
    /// A datetime that counts so many of a unit.
    Unit(Unit, u32),
}

/// As [`parse`], for a text that may leave things open: the widths of strings (`S`, `U`),
/// the units of datetimes (`M8`). `close` is asked for each of them in the order of the text,
/// with the index of its node and its kind; an answer for another kind is none, so that a
/// string is refused as [`parse`] does, and a datetime stays without a unit. After a fault it
/// may be asked again from the first one on.
///
/// # Errors
/// As for [`parse`]; [`DTypeFault::TooLarge`] for a width that is.
pub fn parse_open<'a>(
    text: &str,
    into: Builder<'a>,
    close: &mut dyn FnMut(usize, Kind) -> Extent,
) -> Result<DType<'a>> {
    run(text, into, Some(close))
}

fn run<'a>(text: &str, into: Builder<'a>, close: Option<Close<'_>>) -> Result<DType<'a>> {
    if u32::try_from(text.len()).is_err() {
        return Err(Error::Overflow);
    }
    let mut parser = Parser { at: Cursor::new(text), into, close, sought: None, nesting: 0 };
    parser.whole()?;
    match parser.into.check() {
        Ok(()) => Ok(parser.into.into_dtype()),
        Err(Error::DType { at, fault }) => Err(parser.locate(text, at as usize, fault)),
        Err(other) => Err(other),
    }
}

/// Says what becomes of an open type.
type Close<'c> = &'c mut dyn FnMut(usize, Kind) -> Extent;

struct Parser<'t, 'a, 'c> {
    at: Cursor<'t>,
    into: Builder<'a>,
    close: Option<Close<'c>>,
    /// When looking for the text that made a bad node: its index, its fault.
    sought: Option<(usize, DTypeFault)>,
    nesting: usize,
}

/// What its record needs to know of a type just added.
#[derive(Debug, Clone, Copy)]
struct Added {
    /// Where its text begins.
    at: usize,
    alignment: u32,
}

impl<'t> Parser<'t, '_, '_> {
    /// The text and nothing behind it.
    fn whole(&mut self) -> Result<()> {
        self.into.clear();
        self.at.lines();
        if self.at.peek().is_none() {
            return self.at.fail(DTypeFault::Empty);
        }
        if self.looks_python() { self.format(Label::ROOT, false) } else { self.plain() }?;
        self.at.lines();
        if self.at.peek().is_some() { self.at.fail(DTypeFault::Trailing) } else { Ok(()) }
    }

    /// The error for a node that the check refused, at its place in the text.
    fn locate(mut self, text: &'t str, node: usize, what: DTypeFault) -> Error {
        self.at = Cursor::new(text);
        self.sought = Some((node, what));
        self.whole().err().unwrap_or(Error::DType { at: 0, fault: what })
    }

    /// Whether the next node is the one that is looked for.
    fn meet(&self, label: Label<'_>, at: usize) -> Result<()> {
        let Some((_, what)) = self.sought.filter(|&(node, _)| node == self.into.len()) else {
            return Ok(());
        };
        Err(label.blame(Error::DType { at: 0, fault: what }, at))
    }

    fn leaf(&mut self, label: Label<'_>, at: usize, order: Order, is: Scalar) -> Result<Added> {
        self.meet(label, at)?;
        let is = match is.open {
            Some(word) => self.closed(is, word)?,
            None => is,
        };
        label.write(&mut self.into)?;
        let added = self.into.named_leaf(is.kind, is.itemsize, order);
        added.map_err(|error| label.blame(error, at))?;
        if let Some((unit, count)) = is.unit {
            self.into.unit(unit, count)?;
        }
        Ok(Added { at, alignment: is.alignment() })
    }

    /// A type with the width or the unit that its text, at `word`, leaves open.
    fn closed(&mut self, is: Scalar, word: usize) -> Result<Scalar> {
        let node = self.into.len();
        let extent = self.close.as_mut().map(|close| close(node, is.kind));
        let bytes_each = match is.kind {
            Kind::Bytes => 1,
            Kind::Unicode => 4,
            _ => {
                let Some(Extent::Unit(unit, count)) = extent else { return Ok(is) };
                return Ok(Scalar { unit: Some((unit, count)), ..is });
            }
        };
        let Some(Extent::Chars(chars)) = extent else { return fault(word, DTypeFault::Size) };
        match chars.checked_mul(bytes_each).filter(|&bytes| bytes <= MAX_SIZE) {
            Some(itemsize) => Ok(Scalar { itemsize, ..is }),
            None => fault(word, DTypeFault::TooLarge),
        }
    }

    fn begin(&mut self, label: Label<'_>) -> Result<()> {
        let at = self.at.at();
        self.meet(label, at)?;
        label.write(&mut self.into)?;
        self.into.begin_named_record().map_err(|error| label.blame(error, at))
    }

    /// Ends the record that began at `at`; aligned, its size is rounded up.
    fn end(&mut self, at: usize, align: Option<u32>) -> Result<Added> {
        self.into.end_record().map_err(|error| moved(error, at))?;
        let Some(alignment) = align else { return Ok(Added { at, alignment: 1 }) };
        let (_, node) = self.into.last_node()?;
        self.resize(at, round_up(node.itemsize, alignment))?;
        Ok(Added { at, alignment })
    }

    fn resize(&mut self, at: usize, itemsize: u32) -> Result<()> {
        self.into.resize(itemsize).map_err(|error| moved(error, at))
    }

    /// Makes the type just added, from `at` on, a subarray.
    fn subarray(&mut self, at: usize, dims: &Dims) -> Result<()> {
        if dims.is_empty() {
            return Ok(());
        }
        if self.into.at_root() {
            return fault(at, DTypeFault::Subarray);
        }
        self.into.subarray(dims).map_err(|error| moved(error, at))
    }

    /// Puts the field just added in its place, at its alignment or directly
    /// behind the one before it; the greatest alignment so far.
    fn settle(&mut self, field: Added, align: bool, so_far: u32) -> Result<u32> {
        if align {
            let (_, node) = self.into.last_node()?;
            self.into.place(round_up(node.offset, field.alignment))?;
        }
        self.into.settle().map_err(|error| moved(error, field.at))?;
        Ok(so_far.max(field.alignment))
    }

    /// `(2, 3)`, `[2, 3]`, `3`: where it begins, and the extents.
    fn shape(&mut self) -> Result<(usize, Dims)> {
        let (start, mut dims) = (self.at.at(), Dims::new());
        if !matches!(self.at.peek(), Some(b'(' | b'[')) {
            self.extent(&mut dims)?;
            return Ok((start, dims));
        }
        let mut items = cursor::Items::open(&mut self.at)?;
        while items.more(&mut self.at)? {
            self.extent(&mut dims)?;
        }
        Ok((start, dims))
    }

    fn extent(&mut self, dims: &mut Dims) -> Result<()> {
        let at = self.at;
        let extent = self.at.integer(DTypeFault::Subarray)?;
        if extent == 0 || dims.push(extent).is_err() {
            return at.fail(DTypeFault::Subarray);
        }
        Ok(())
    }
}

fn round_up(bytes: u32, alignment: u32) -> u32 {
    bytes.checked_next_multiple_of(alignment).unwrap_or(u32::MAX)
}

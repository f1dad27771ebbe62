//! Filling tables that the caller owns.
//!
//! Fields are added in order, each directly behind the one before it. What is
//! special about a field (a subarray, a unit, another offset) is said after it
//! was added, so that it can be said of leaves and of records alike.

use super::model::{MAX_DEPTH, MAX_FIELDS, MAX_SIZE, MAX_SUBARRAY_DIMS, fault};
use super::{DType, Field, Kind, Node, Order, Unit, validate};
use crate::error::{DTypeFault, Error, Result};

/// How much of the three tables is in use.
#[derive(Debug, Clone, Copy, Default)]
struct Used {
    nodes: usize,
    dims: usize,
    names: usize,
}

/// A dtype in the making, in tables of the caller's.
///
/// After an error a builder is spent. Start again, after [`Error::DTypeSpace`]
/// with larger tables.
///
/// ```
/// use ndshm::dtype::{Builder, Kind, Node, Order};
///
/// let (mut nodes, mut dims, mut names) = ([Node::default(); 3], [0; 1], [0; 16]);
/// let mut b = Builder::new(&mut nodes, &mut dims, &mut names);
/// b.begin_record("")?;
/// b.leaf("chr", Kind::Bytes, 10, Order::None)?;
/// b.leaf("xyz", Kind::Float, 4, Order::Little)?;
/// b.subarray(&[3])?;
/// b.end_record()?;
/// assert_eq!(b.finish()?.itemsize(), 22);
/// # Ok::<(), ndshm::error::Error>(())
/// ```
#[derive(Debug)]
pub struct Builder<'a> {
    nodes: &'a mut [Node],
    dims: &'a mut [u32],
    names: &'a mut [u8],
    used: Used,
    /// End of the names that belong to nodes; behind it, the next node's name.
    named: usize,
    /// Records begun and not ended.
    open: heapless::Vec<u16, MAX_DEPTH>,
    /// The field added last, not yet counted in its record's itemsize.
    last: Option<u16>,
}

impl<'a> Builder<'a> {
    /// Starts with nothing. The tables' contents are overwritten.
    #[must_use]
    pub fn new(nodes: &'a mut [Node], dims: &'a mut [u32], names: &'a mut [u8]) -> Self {
        let (used, open) = (Used::default(), heapless::Vec::new());
        Self { nodes, dims, names, used, named: 0, open, last: None }
    }

    /// A dtype of one plain type.
    ///
    /// # Errors
    /// As for [`leaf`](Self::leaf) and [`finish`](Self::finish).
    pub fn scalar(mut self, kind: Kind, itemsize: u32, order: Order) -> Result<DType<'a>> {
        self.leaf("", kind, itemsize, order)?;
        self.finish()
    }

    /// Adds a field that is not a record; without an open record, the root,
    /// whose name is empty. A kind without byte order ignores `order`, a
    /// datetime or timedelta has no unit until [`unit`](Self::unit) names one.
    ///
    /// # Errors
    /// [`Error::DTypeSpace`]; [`Error::DType`] for what can be seen at once.
    pub fn leaf(&mut self, name: &str, kind: Kind, itemsize: u32, order: Order) -> Result<()> {
        self.name(name.chars())?;
        self.named_leaf(kind, itemsize, order)
    }

    /// Begins a record: as a field, or as the root with an empty name. Fields
    /// go into it until [`end_record`](Self::end_record).
    ///
    /// # Errors
    /// As for [`leaf`](Self::leaf), and fault [`DTypeFault::Depth`].
    pub fn begin_record(&mut self, name: &str) -> Result<()> {
        self.name(name.chars())?;
        self.begin_named_record()
    }

    /// Ends the record begun last; its itemsize is the end of its last byte.
    ///
    /// # Errors
    /// [`Error::Argument`] if none is open; [`DTypeFault::Empty`],
    /// [`DTypeFault::TooLarge`].
    pub fn end_record(&mut self) -> Result<()> {
        self.settle()?;
        let index = self.open.pop().ok_or(Error::Argument)?;
        let span = self.used.nodes.saturating_sub(usize::from(index));
        if span < 2 {
            return fault(usize::from(index), DTypeFault::Empty);
        }
        self.node_mut(index)?.span = u32::try_from(span).map_err(|_| Error::Overflow)?;
        self.last = Some(index);
        Ok(())
    }

    /// Makes the field just added an array of `dims` of what it was. Once more
    /// puts the new extents in front.
    ///
    /// # Errors
    /// [`Error::Argument`] if there is no such field, [`Error::DTypeSpace`],
    /// [`DTypeFault::Subarray`] for an extent of 0 or too many of them,
    /// [`DTypeFault::TooLarge`].
    pub fn subarray(&mut self, dims: &[u32]) -> Result<()> {
        let (index, mut node) = self.last_node()?;
        let had = usize::from(node.ndim);
        let ndim = had.saturating_add(dims.len());
        if ndim > MAX_SUBARRAY_DIMS || dims.contains(&0) {
            return fault(usize::from(index), DTypeFault::Subarray);
        }
        let start = self.used.dims.saturating_sub(had);
        let all = self.dims.get_mut(start..).and_then(|pool| pool.get_mut(..ndim));
        prepend(all.ok_or(Error::DTypeSpace)?, dims);
        self.used.dims = start.saturating_add(ndim);
        node.dims_start = u32::try_from(start).map_err(|_| Error::DTypeSpace)?;
        node.ndim = u16::try_from(ndim).map_err(|_| Error::Overflow)?;
        if self.size(&node).is_none_or(|size| size > MAX_SIZE) {
            return fault(usize::from(index), DTypeFault::TooLarge);
        }
        *self.node_mut(index)? = node;
        Ok(())
    }

    /// Gives the datetime or timedelta just added its unit, `count` of it.
    ///
    /// # Errors
    /// [`Error::Argument`] if there is no such field.
    pub fn unit(&mut self, unit: Unit, count: u32) -> Result<()> {
        let node = self.last_mut()?;
        if node.unit == 0 {
            return Err(Error::Argument);
        }
        (node.unit, node.unit_count) = (unit as u8, count);
        Ok(())
    }

    /// Moves the field just added to another offset in its record.
    ///
    /// # Errors
    /// [`Error::Argument`] if there is no such field, or it is the root.
    pub fn place(&mut self, offset: u32) -> Result<()> {
        let root = self.open.is_empty();
        let node = self.last_mut()?;
        if root {
            return Err(Error::Argument);
        }
        node.offset = offset;
        Ok(())
    }

    /// Leaves `bytes` unused behind what the open record has so far.
    ///
    /// # Errors
    /// [`Error::Argument`] without an open record, [`DTypeFault::TooLarge`].
    pub fn skip(&mut self, bytes: u32) -> Result<()> {
        self.settle()?;
        let record = *self.open.last().ok_or(Error::Argument)?;
        let node = self.node_mut(record)?;
        match node.itemsize.checked_add(bytes).filter(|&size| size <= MAX_SIZE) {
            Some(size) => node.itemsize = size,
            None => return fault(usize::from(record), DTypeFault::TooLarge),
        }
        Ok(())
    }

    /// Makes the record just ended larger, with unused bytes at its end.
    ///
    /// # Errors
    /// [`Error::Argument`] if the last field is not a record,
    /// [`DTypeFault::Offset`] if a field would lie outside,
    /// [`DTypeFault::TooLarge`].
    pub fn resize(&mut self, itemsize: u32) -> Result<()> {
        let (index, node) = self.last_node()?;
        if node.kind != Kind::Record as u8 {
            return Err(Error::Argument);
        }
        if itemsize < node.itemsize {
            return fault(usize::from(index), DTypeFault::Offset);
        }
        if itemsize > MAX_SIZE {
            return fault(usize::from(index), DTypeFault::TooLarge);
        }
        self.node_mut(index)?.itemsize = itemsize;
        Ok(())
    }

    /// Adds a copy of another dtype's field (or of all of it, its root) under
    /// `name`, with all that is in it.
    ///
    /// # Errors
    /// As for [`leaf`](Self::leaf).
    pub fn copy(&mut self, name: &str, from: Field<'_>) -> Result<()> {
        self.name(name.chars())?;
        let first = Node { offset: self.next_offset()?, ..from.node() };
        let index = self.push(first, from.dims())?;
        for part in from.subtree().skip(1) {
            self.name(part.name().chars())?;
            self.push(part.node(), part.dims())?;
        }
        self.last = Some(index);
        Ok(())
    }

    /// Makes the root a record of some fields of another dtype's root, by their
    /// place in it, in the order given and without gaps.
    ///
    /// # Errors
    /// [`Error::Argument`] if there is no such field; as for
    /// [`copy`](Self::copy).
    pub fn select(
        &mut self,
        from: DType<'_>,
        fields: impl IntoIterator<Item = usize>,
    ) -> Result<()> {
        self.begin_record("")?;
        let (mut rest, mut passed) = (from.root().fields(), 0);
        for wanted in fields {
            if wanted < passed {
                (rest, passed) = (from.root().fields(), 0);
            }
            // Ascending indices cost one pass in all.
            let field = rest.nth(wanted.saturating_sub(passed)).ok_or(Error::Argument)?;
            passed = wanted.saturating_add(1);
            self.copy(field.name(), field)?;
        }
        self.end_record()
    }

    /// The finished dtype, validated.
    ///
    /// # Errors
    /// [`Error::Argument`] if a record is still open; [`Error::DType`] whose
    /// `at` is the index of a bad node.
    pub fn finish(self) -> Result<DType<'a>> {
        self.check()?;
        Ok(self.into_dtype())
    }

    /// What [`finish`](Self::finish) would say.
    pub(super) fn check(&self) -> Result<()> {
        if !self.open.is_empty() {
            return Err(Error::Argument);
        }
        let nodes = self.nodes.get(..self.used.nodes).unwrap_or_default();
        let dims = self.dims.get(..self.used.dims).unwrap_or_default();
        let names = self.names.get(..self.used.names).unwrap_or_default();
        validate::tables(nodes, dims, names)
    }

    /// The dtype that [`check`](Self::check) has approved.
    pub(super) fn into_dtype(self) -> DType<'a> {
        let Self { nodes, dims, names, used, .. } = self;
        let (nodes, dims, names): (&'a [Node], &'a [u32], &'a [u8]) = (nodes, dims, names);
        DType::trusted(
            nodes.get(..used.nodes).unwrap_or_default(),
            dims.get(..used.dims).unwrap_or_default(),
            names.get(..used.names).unwrap_or_default(),
        )
    }

    /// Forgets everything added.
    pub(super) fn clear(&mut self) {
        self.used = Used::default();
        self.named = 0;
        self.open.clear();
        self.last = None;
    }

    /// Nodes added so far: the index of the next one.
    pub(super) const fn len(&self) -> usize {
        self.used.nodes
    }

    /// Whether no record is open.
    pub(super) fn at_root(&self) -> bool {
        self.open.is_empty()
    }

    /// The field just added.
    pub(super) fn last_node(&self) -> Result<(u16, Node)> {
        let index = self.last.ok_or(Error::Argument)?;
        let node = self.nodes.get(usize::from(index)).ok_or(Error::Argument)?;
        Ok((index, *node))
    }

    /// Takes the leaf just added back; the answer is its size.
    pub(super) fn take_back(&mut self) -> Result<u32> {
        let (index, node) = self.last_node()?;
        let size = self.size(&node).ok_or(Error::Overflow)?;
        self.used.nodes = usize::from(index);
        self.used.dims = self.used.dims.saturating_sub(usize::from(node.ndim));
        self.used.names = node.name_start as usize;
        self.named = self.used.names;
        self.last = None;
        Ok(size)
    }

    /// The name of the node that is added next.
    pub(super) fn name(&mut self, chars: impl Iterator<Item = char>) -> Result<()> {
        self.used.names = self.named;
        chars.into_iter().try_for_each(|c| self.name_char(c))
    }

    /// One more character of that name.
    pub(super) fn name_char(&mut self, c: char) -> Result<()> {
        let mut bytes = [0; 4];
        let bytes = c.encode_utf8(&mut bytes).as_bytes();
        let rest = self.names.get_mut(self.used.names..).unwrap_or_default();
        let place = rest.get_mut(..bytes.len()).ok_or(Error::DTypeSpace)?;
        place.iter_mut().zip(bytes).for_each(|(to, &from)| *to = from);
        self.used.names = self.used.names.saturating_add(bytes.len());
        Ok(())
    }

    /// [`leaf`](Self::leaf) whose name was given before.
    pub(super) fn named_leaf(&mut self, kind: Kind, itemsize: u32, order: Order) -> Result<()> {
        let order = if kind.has_order(itemsize) { order } else { Order::None };
        let timed = matches!(kind, Kind::Datetime | Kind::Timedelta);
        let node = Node {
            kind: kind as u8,
            order: order as u8,
            itemsize,
            offset: self.next_offset()?,
            span: 1,
            unit: if timed { Unit::Generic as u8 } else { 0 },
            unit_count: u32::from(timed),
            ..Node::default()
        };
        self.last = Some(self.push(node, &[])?);
        Ok(())
    }

    /// [`begin_record`](Self::begin_record) whose name was given before.
    pub(super) fn begin_named_record(&mut self) -> Result<()> {
        let (kind, order) = (Kind::Record as u8, Order::None as u8);
        let node = Node { kind, order, offset: self.next_offset()?, ..Node::default() };
        let index = self.push(node, &[])?;
        self.open.push(index).or_else(|index| fault(usize::from(index), DTypeFault::Depth))
    }

    /// Where the next field lies if nobody moves it.
    fn next_offset(&mut self) -> Result<u32> {
        self.settle()?;
        match self.open.last() {
            Some(&record) => Ok(self.node_mut(record)?.itemsize),
            None if self.used.nodes == 0 => Ok(0),
            None => fault(self.used.nodes, DTypeFault::Trailing),
        }
    }

    /// Counts the field just added in its record's itemsize. It cannot be
    /// changed any more.
    pub(super) fn settle(&mut self) -> Result<()> {
        let Ok((index, node)) = self.last_node() else { return Ok(()) };
        let Some(&record) = self.open.last() else { return Ok(()) };
        self.last = None;
        let end = self.size(&node).and_then(|size| size.checked_add(node.offset));
        let Some(end) = end.filter(|&end| end <= MAX_SIZE) else {
            return fault(usize::from(index), DTypeFault::TooLarge);
        };
        let record = self.node_mut(record)?;
        record.itemsize = record.itemsize.max(end);
        Ok(())
    }

    fn size(&self, node: &Node) -> Option<u32> {
        let start = node.dims_start as usize;
        let dims = self.dims.get(start..start.saturating_add(usize::from(node.ndim)))?;
        dims.iter().try_fold(node.itemsize, |n, &d| n.checked_mul(d))
    }

    /// Adds a node with the name given before.
    fn push(&mut self, node: Node, dims: &[u32]) -> Result<u16> {
        let index = self.used.nodes;
        let Some(number) = u16::try_from(index).ok().filter(|_| index <= MAX_FIELDS) else {
            return fault(index, DTypeFault::TooManyFields);
        };
        let name_len = self.used.names.saturating_sub(self.named);
        let Ok(name_len) = u16::try_from(name_len) else {
            return fault(index, DTypeFault::Name);
        };
        let name_start = u32::try_from(self.named).map_err(|_| Error::DTypeSpace)?;
        let dims_start = self.push_dims(dims)?;
        let entry = self.nodes.get_mut(index).ok_or(Error::DTypeSpace)?;
        *entry = Node { name_start, name_len, dims_start, ..node };
        self.used.nodes = index.saturating_add(1);
        self.named = self.used.names;
        Ok(number)
    }

    fn push_dims(&mut self, dims: &[u32]) -> Result<u32> {
        if dims.is_empty() {
            return Ok(0);
        }
        let start = self.used.dims;
        let all = self.dims.get_mut(start..).and_then(|pool| pool.get_mut(..dims.len()));
        prepend(all.ok_or(Error::DTypeSpace)?, dims);
        self.used.dims = start.saturating_add(dims.len());
        u32::try_from(start).map_err(|_| Error::DTypeSpace)
    }

    fn last_mut(&mut self) -> Result<&mut Node> {
        let index = self.last.ok_or(Error::Argument)?;
        self.node_mut(index)
    }

    fn node_mut(&mut self, index: u16) -> Result<&mut Node> {
        self.nodes.get_mut(usize::from(index)).ok_or(Error::Argument)
    }
}

/// Moves what `all` begins with to its end, and puts `dims` in front of it.
fn prepend(all: &mut [u32], dims: &[u32]) {
    for place in (dims.len()..all.len()).rev() {
        let moved = all.get(place.saturating_sub(dims.len())).copied().unwrap_or_default();
        if let Some(to) = all.get_mut(place) {
            *to = moved;
        }
    }
    all.iter_mut().zip(dims).for_each(|(to, &from)| *to = from);
}

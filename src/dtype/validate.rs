//! The check of tables that may come from anywhere: a header in shared memory,
//! a C caller, the parser.
//!
//! One pass over the nodes with a fixed stack of the open records. The table is
//! in depth-first order, so children follow each other without a gap by
//! construction, and only their ends need a check. Then the names of every
//! record are compared. Work is bounded by the size of the tables, not by what
//! they claim.

use super::model::{MAX_DEPTH, MAX_FIELDS, MAX_SIZE, MAX_SUBARRAY_DIMS, fault};
use super::unique;
use super::{Kind, Node, Order, Unit};
use crate::error::{DTypeFault, Result};

/// A record whose fields are being checked.
#[derive(Debug, Clone, Copy)]
struct Open {
    /// Index behind its last node.
    end: usize,
    itemsize: u32,
}

/// The pools, and how much of them the nodes before this one used. No two
/// nodes share a name or a shape, so the sums bound the whole work.
#[derive(Debug)]
struct Pools<'a> {
    dims: &'a [u32],
    names: &'a [u8],
    dims_used: usize,
    names_used: usize,
}

/// Refuses every table that is not exactly a dtype.
pub(super) fn tables(nodes: &[Node], dims: &[u32], names: &[u8]) -> Result<()> {
    let Some(root) = nodes.first() else {
        return fault(0, DTypeFault::Empty);
    };
    if nodes.len() > MAX_FIELDS + 1 {
        return fault(MAX_FIELDS + 1, DTypeFault::TooManyFields);
    }
    if root.span as usize != nodes.len() {
        return fault(0, DTypeFault::Table);
    }
    let mut pools = Pools { dims, names, dims_used: 0, names_used: 0 };
    let mut open: heapless::Vec<Open, MAX_DEPTH> = heapless::Vec::new();
    for (index, node) in nodes.iter().enumerate() {
        while open.last().is_some_and(|record| record.end <= index) {
            open.pop();
        }
        let checked = one(node, open.last(), index, &mut pools);
        checked.or_else(|what| fault(index, what))?;
        if node.kind == Kind::Record as u8 {
            let end = index.saturating_add(node.span as usize);
            if open.push(Open { end, itemsize: node.itemsize }).is_err() {
                return fault(index, DTypeFault::Depth);
            }
        }
    }
    unique_names(nodes, names)
}

fn unique_names(nodes: &[Node], names: &[u8]) -> Result<()> {
    let records = nodes.iter().enumerate().filter(|(_, node)| node.kind == Kind::Record as u8);
    for (index, _) in records {
        if let Some(second) = unique::duplicate(nodes, names, index) {
            return fault(second, DTypeFault::DuplicateName);
        }
    }
    Ok(())
}

type Check = core::result::Result<(), DTypeFault>;

fn ensure(holds: bool, otherwise: DTypeFault) -> Check {
    if holds { Ok(()) } else { Err(otherwise) }
}

fn one(node: &Node, parent: Option<&Open>, index: usize, pools: &mut Pools<'_>) -> Check {
    let kind = Kind::from_code(node.kind).ok_or(DTypeFault::UnknownType)?;
    element(node, kind)?;
    span(node, kind, parent, index)?;
    let count = pools.shape(node)?;
    let size = u64::from(node.itemsize).checked_mul(count).ok_or(DTypeFault::TooLarge)?;
    ensure(size <= u64::from(MAX_SIZE), DTypeFault::TooLarge)?;
    let end = size.checked_add(u64::from(node.offset)).ok_or(DTypeFault::TooLarge)?;
    match parent {
        Some(record) => {
            ensure(end <= u64::from(record.itemsize), DTypeFault::Offset)?;
            pools.name(node)
        }
        None => root(node),
    }
}

/// The codes and the size of one element.
fn element(node: &Node, kind: Kind) -> Check {
    ensure(kind.allows_itemsize(node.itemsize), DTypeFault::Size)?;
    let order = Order::from_code(node.order).ok_or(DTypeFault::Table)?;
    let has_order = kind.has_order(node.itemsize);
    ensure((order == Order::None) != has_order, DTypeFault::Table)?;
    ensure(node.reserved == 0, DTypeFault::Table)?;
    if !matches!(kind, Kind::Datetime | Kind::Timedelta) {
        return ensure(node.unit == 0 && node.unit_count == 0, DTypeFault::Unit);
    }
    let unit = Unit::from_code(node.unit).ok_or(DTypeFault::Unit)?;
    let most = if unit == Unit::Generic { 1 } else { i32::MAX.unsigned_abs() };
    ensure((1..=most).contains(&node.unit_count), DTypeFault::Unit)
}

fn span(node: &Node, kind: Kind, parent: Option<&Open>, index: usize) -> Check {
    match (kind, node.span) {
        (Kind::Record, 1) => return Err(DTypeFault::Empty),
        (Kind::Record, 0) => return Err(DTypeFault::Table),
        (Kind::Record, _) => {}
        (_, span) => ensure(span == 1, DTypeFault::Table)?,
    }
    let end = index.saturating_add(node.span as usize);
    ensure(parent.is_none_or(|record| end <= record.end), DTypeFault::Table)
}

/// What only fields have, the root must not have.
fn root(node: &Node) -> Check {
    ensure(node.ndim == 0, DTypeFault::Subarray)?;
    ensure(node.offset == 0, DTypeFault::Offset)?;
    ensure(node.name_len == 0, DTypeFault::Name)
}

impl Pools<'_> {
    /// Elements of the node's subarray, 1 for none.
    fn shape(&mut self, node: &Node) -> core::result::Result<u64, DTypeFault> {
        let len = usize::from(node.ndim);
        ensure(len <= MAX_SUBARRAY_DIMS, DTypeFault::Subarray)?;
        let dims = take(self.dims, node.dims_start, len, &mut self.dims_used)?;
        ensure(!dims.contains(&0), DTypeFault::Subarray)?;
        let count = dims.iter().try_fold(1, |n: u64, &d| n.checked_mul(u64::from(d)));
        count.filter(|&n| n <= u64::from(MAX_SIZE)).ok_or(DTypeFault::TooLarge)
    }

    fn name(&mut self, node: &Node) -> Check {
        let len = usize::from(node.name_len);
        let name = take(self.names, node.name_start, len, &mut self.names_used)?;
        ensure(!name.is_empty() && !name.contains(&0), DTypeFault::Name)?;
        ensure(core::str::from_utf8(name).is_ok(), DTypeFault::Name)
    }
}

/// `len` entries of a pool from `start`, counted against the pool's length.
fn take<'p, T>(
    pool: &'p [T],
    start: u32,
    len: usize,
    used: &mut usize,
) -> core::result::Result<&'p [T], DTypeFault> {
    *used = used.saturating_add(len);
    ensure(*used <= pool.len(), DTypeFault::Table)?;
    let start = start as usize;
    pool.get(start..start.saturating_add(len)).ok_or(DTypeFault::Table)
}

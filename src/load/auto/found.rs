//! From what columns are like to a dtype.

use std::format;
use std::string::String;
use std::vec::Vec;

use super::{OpenType, RowType};
use crate::dtype::{Extent, Kind, Order, Unit};
use crate::dtype_buf::{DTypeBuf, Room};
use crate::error::{Error, Result};
use crate::load::sink::{Block, Sink, SinkError};
use crate::text::{FoundType, Look, Looks, Plan, Seen};

/// What is to be found out of which column, and what is known already.
#[derive(Debug, Clone, Default)]
pub(in crate::load) struct Types {
    /// What is to be found out of each column; of all columns if it is one.
    looks: Vec<Look>,
    /// The open node that a column belongs to, counted from 0; open dtypes only.
    groups: Vec<Option<usize>>,
    /// How columns are from the start: their fills are values of theirs.
    start: Vec<Seen>,
}

impl Types {
    /// For a plan of the least dtype of `rows`.
    pub(in crate::load) fn new(rows: &RowType, plan: &Plan<'_>) -> Self {
        let nodes = match rows {
            RowType::Open(open) => open.nodes(),
            RowType::Fixed(_) | RowType::Exact(_) | RowType::Auto => {
                return Self { looks: [Look::Type].into(), ..Self::default() };
            }
        };
        let count = if plan.needs_column_count() { 1 } else { plan.column_count() as u32 };
        let place = |slot| match nodes {
            // One plain type for all columns.
            [(0, _)] => Some(0),
            _ => nodes.binary_search_by_key(&plan.node_of(slot), |&(node, _)| node).ok(),
        };
        let groups: Vec<_> = (0..count).map(place).collect();
        let look = |group: &Option<usize>| {
            group.and_then(|at| nodes.get(at)).map_or(Look::Convert, |&(_, kind)| look_for(kind))
        };
        Self { looks: groups.iter().map(look).collect(), groups, start: Vec::new() }
    }

    /// Takes the text that missing values of a column become for one of its values.
    pub(in crate::load) fn note_fill(&mut self, slot: u32, text: &str, point: u8) {
        let look = self.look(slot);
        let slot = slot as usize;
        if self.start.len() <= slot {
            self.start.resize(slot + 1, Seen::default());
        }
        if let Some(seen) = self.start.get_mut(slot) {
            seen.note_fill(look, text, point);
        }
    }

    /// What is to be found out of each column.
    pub(in crate::load) fn looks(&self) -> Looks<'_> {
        match self.looks.as_slice() {
            [look] => Looks::All(*look),
            list => Looks::Listed(list),
        }
    }

    /// Columns that are told apart.
    pub(in crate::load) const fn columns(&self) -> usize {
        self.looks.len()
    }

    /// What is to be found out of a column.
    fn look(&self, slot: u32) -> Look {
        let own = if self.looks.len() == 1 { 0 } else { slot as usize };
        self.looks.get(own).copied().unwrap_or(Look::Convert)
    }

    /// Columns before anything was looked at.
    pub(in crate::load) fn begin(&self, columns: usize) -> Vec<Seen> {
        let mut seen = self.start.clone();
        seen.resize(columns, Seen::default());
        seen
    }

    /// The dtype that an open one becomes: the same as [`Guess`], but that nothing stays open.
    pub(in crate::load) fn close(&self, open: &OpenType, seen: &[Seen]) -> Result<DTypeBuf> {
        let groups = self.merged(open, seen);
        open.close(|at, kind| {
            let seen = groups.get(at).copied().unwrap_or_default();
            match kind {
                Kind::Datetime => Extent::Unit(seen.unit().unwrap_or(Unit::Generic), 1),
                _ => Extent::Chars(seen.chars()),
            }
        })
    }

    /// What all columns of each open node are like.
    fn merged(&self, open: &OpenType, seen: &[Seen]) -> Vec<Seen> {
        let mut groups: Vec<Seen> = open.nodes().iter().map(|_| Seen::default()).collect();
        for (slot, seen) in seen.iter().enumerate() {
            let own = if self.groups.len() == 1 { 0 } else { slot };
            if let Some(group) = self.groups.get(own).copied().flatten()
                && let Some(group) = groups.get_mut(group)
            {
                group.merge(seen);
            }
        }
        groups
    }

    /// Whether the columns of a sample say what their types are at least.
    pub(in crate::load) fn suffice(&self, rows: &RowType, seen: &[Seen]) -> bool {
        match rows {
            RowType::Fixed(_) | RowType::Exact(_) => true,
            // Without a row nothing is known, and that all values are missing is known at the
            // end only.
            RowType::Auto => !seen.is_empty() && seen.iter().all(Seen::is_some),
            // What is never a time has no unit, but it is known at the end only that it is none.
            RowType::Open(open) => {
                let groups = self.merged(open, seen);
                let is_known = |(&(_, kind), seen): (&(u32, Kind), &Seen)| match kind {
                    Kind::Datetime => seen.unit().is_some(),
                    _ => true,
                };
                open.nodes().iter().zip(&groups).all(is_known)
            }
        }
    }
}

const fn look_for(kind: Kind) -> Look {
    match kind {
        Kind::Bytes => Look::Bytes,
        Kind::Datetime => Look::Time,
        _ => Look::Chars,
    }
}

/// The dtype of columns: a plain type for a table of that type, a record of `names`, or of
/// `f0`, `f1` and so on, for others.
pub(in crate::load) fn dtype_of(seen: &[Seen], names: Option<&[String]>) -> Result<DTypeBuf> {
    let types: Vec<FoundType> =
        seen.iter().map(|seen| seen.found().unwrap_or(FoundType::Float)).collect();
    let first = types.first().copied().unwrap_or(FoundType::Float);
    let is_string = matches!(first, FoundType::Bytes(_) | FoundType::Chars(_));
    if names.is_none() && !is_string && types.iter().all(|&is| is == first) {
        let (kind, itemsize) = layout(first)?;
        return DTypeBuf::scalar(kind, itemsize, Order::NATIVE);
    }
    let counted: Vec<String> = (0..types.len()).map(|place| format!("f{place}")).collect();
    let names = names.unwrap_or(&counted);
    let layouts = types.into_iter().map(layout).collect::<Result<Vec<_>>>()?;
    record(names, |place| layouts.get(place).copied())
}

/// A record of fields with these names.
pub(in crate::load) fn record(
    names: &[String],
    layout: impl Fn(usize) -> Option<(Kind, u32)>,
) -> Result<DTypeBuf> {
    let bytes = names.iter().map(String::len).sum();
    let room = Room { nodes: names.len() + 1, dims: 0, names: bytes };
    DTypeBuf::build(room, |mut builder| {
        builder.begin_record("")?;
        for (place, name) in names.iter().enumerate() {
            let (kind, itemsize) = layout(place).ok_or(Error::Argument)?;
            builder.leaf(name, kind, itemsize, Order::NATIVE)?;
        }
        builder.end_record()?;
        builder.finish()
    })
}

fn layout(of: FoundType) -> Result<(Kind, u32)> {
    Ok(match of {
        FoundType::Bool => (Kind::Bool, 1),
        FoundType::Int => (Kind::Int, 8),
        FoundType::Uint => (Kind::Uint, 8),
        FoundType::Float => (Kind::Float, 8),
        FoundType::Bytes(chars) => (Kind::Bytes, chars),
        FoundType::Chars(chars) => (Kind::Unicode, chars.checked_mul(4).ok_or(Error::Overflow)?),
    })
}

/// The sink of a pass that looks: what the columns of all inputs are like together.
#[derive(Debug)]
pub(in crate::load) struct Merge {
    types: Types,
    pub(in crate::load) seen: Vec<Seen>,
    /// Inputs must have the same columns.
    joins: bool,
}

impl Merge {
    pub(in crate::load) const fn types(&self) -> &Types {
        &self.types
    }

    pub(in crate::load) fn new(types: Types, rows: &RowType) -> Self {
        Self { types, seen: Vec::new(), joins: matches!(rows, RowType::Auto) }
    }
}

impl Sink for Merge {
    fn begin(
        &mut self,
        _input: usize,
        _columns: Option<u32>,
    ) -> core::result::Result<(), SinkError> {
        Ok(())
    }

    fn joins_inputs(&self) -> bool {
        self.joins
    }

    fn rows(&mut self, block: &Block) -> core::result::Result<(), SinkError> {
        let here: &[Seen] = bytemuck::try_cast_slice(block.as_bytes()).unwrap_or_default();
        if self.seen.len() < here.len() {
            let mut seen = self.types.begin(here.len());
            seen.iter_mut().zip(&self.seen).for_each(|(new, old)| new.merge(old));
            self.seen = seen;
        }
        self.seen.iter_mut().zip(here).for_each(|(all, here)| all.merge(here));
        Ok(())
    }

    fn end(&mut self, _input: usize, _rows: u64) -> core::result::Result<(), SinkError> {
        Ok(())
    }
}

//! Dtypes that leave widths and units open.

use std::string::String;
use std::vec::Vec;

use crate::dtype::{Extent, Kind, Unit};
use crate::dtype_buf::DTypeBuf;
use crate::error::Result;

/// A dtype with strings without a width, or datetimes without a unit.
#[derive(Debug, Clone)]
pub struct OpenType {
    /// As it was given: read again with the widths and units put in.
    text: String,
    /// Nodes of the dtype that are open, in ascending order, and their kinds.
    nodes: Vec<(u32, Kind)>,
}

impl OpenType {
    pub(super) fn parse(text: &str) -> Result<Self> {
        let mut nodes = Vec::new();
        DTypeBuf::parse_open(text, &mut |node, kind| {
            nodes.push((node as u32, kind));
            least(kind)
        })?;
        Ok(Self { text: text.into(), nodes })
    }

    pub(super) const fn is_open(&self) -> bool {
        !self.nodes.is_empty()
    }

    /// The open nodes, in ascending order, and their kinds.
    pub(in crate::load) fn nodes(&self) -> &[(u32, Kind)] {
        &self.nodes
    }

    /// The dtype with what `extent` says of the open node of this index.
    pub(super) fn close(&self, extent: impl Fn(usize, Kind) -> Extent) -> Result<DTypeBuf> {
        DTypeBuf::parse_open(&self.text, &mut |node, kind| match self
            .nodes
            .binary_search_by_key(&(node as u32), |&(node, _)| node)
        {
            Ok(index) => extent(index, kind),
            Err(_) => least(kind),
        })
    }

    /// The dtype with the widths and units that `other` has in the same places.
    #[cfg(feature = "hdf5")]
    pub(crate) fn closed_as(&self, other: crate::dtype::DType<'_>) -> Result<DTypeBuf> {
        self.close(|index, kind| {
            let node = self.nodes.get(index).map(|&(node, _)| node);
            let mut leaves = other.leaves().map(|leaf| leaf.field);
            let same = leaves.find(|field| Some(field.index() as u32) == node);
            match same.filter(|field| field.kind() == kind) {
                Some(field) if kind == Kind::Unicode => Extent::Chars(field.itemsize() / 4),
                Some(field) if kind == Kind::Bytes => Extent::Chars(field.itemsize()),
                Some(field) => field
                    .unit()
                    .map_or_else(|| least(kind), |(unit, count)| Extent::Unit(unit, count)),
                None => least(kind),
            }
        })
    }

    /// The dtype with the least widths, and no units.
    pub(in crate::load) fn least(&self) -> Result<DTypeBuf> {
        self.close(|_, kind| least(kind))
    }
}

/// What an open type is before anything was seen.
const fn least(kind: Kind) -> Extent {
    match kind {
        Kind::Datetime => Extent::Unit(Unit::Generic, 1),
        _ => Extent::Chars(1),
    }
}

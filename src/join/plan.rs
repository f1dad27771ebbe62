//! What is joined with what: datasets of the same path.

use std::boxed::Box;
use std::collections::BTreeMap;
use std::format;
use std::path::PathBuf;
use std::string::{String, ToString};
use std::sync::Arc;
use std::vec::Vec;

use super::error::{Difference, JoinError, Result};
use super::{Dataset, Shard};
use crate::hdf5::{CarriedAttribute, Described};

/// Attributes that belong to the type: they must be the same everywhere.
fn is_of_type(name: &str) -> bool {
    name == "ndshm_dtype"
        || name == "units"
        || name.rsplit_once('.').is_some_and(|(_, end)| end == "units")
}

/// All datasets of all shards.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) datasets: BTreeMap<String, Joined>,
    new_axis: bool,
}

/// What becomes one dataset.
#[derive(Debug)]
pub(super) struct Joined {
    /// As the first shard has it, with the attributes that all shards share.
    pub(super) first: Arc<Described>,
    pub(super) parts: Vec<Part>,
    pub(super) way: Way,
    /// Extents of all of it.
    pub(super) shape: Option<Vec<u64>>,
}

/// A dataset of one shard.
#[derive(Debug)]
pub(super) struct Part {
    /// Which shard.
    pub(super) shard: usize,
    pub(super) shape: Option<Vec<u64>>,
    /// Where its rows begin.
    pub(super) first: u64,
}

/// How a dataset is put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// One shard has it.
    Link,
    /// Rows one behind the other.
    Rows,
    /// A place of a new first axis for each shard.
    Axis,
}

impl Way {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Link => "link",
            Self::Rows => "rows",
            Self::Axis => "axis",
        }
    }
}

impl Part {
    /// Rows along the first axis.
    pub(super) fn rows(&self) -> u64 {
        self.shape.as_ref().and_then(|shape| shape.first().copied()).unwrap_or(1)
    }
}

/// A shape as NumPy prints it.
pub(super) fn text_of(shape: Option<&[u64]>) -> String {
    let Some(shape) = shape else { return "none".into() };
    let list: Vec<_> = shape.iter().map(ToString::to_string).collect();
    let comma = if shape.len() == 1 { "," } else { "" };
    format!("({}{comma})", list.join(", "))
}

impl Plan {
    pub(super) fn new(new_axis: bool) -> Self {
        Self { datasets: BTreeMap::new(), new_axis }
    }

    /// Adds a dataset of the shard number `index`, which is the last of `shards`.
    pub(super) fn add(&mut self, found: Described, shards: &[Shard], index: usize) -> Result<()> {
        let part = Part { shard: index, shape: found.shape.clone(), first: 0 };
        let Some(joined) = self.datasets.get_mut(&found.path) else {
            let (parts, way) = (Vec::from([part]), Way::Link);
            let joined = Joined { shape: found.shape.clone(), parts, way, first: Arc::new(found) };
            self.datasets.insert(joined.first.path.clone(), joined);
            return Ok(());
        };
        if let Some((what, wanted, got)) = joined.difference(&found, self.new_axis)? {
            let path = |i: usize| shards.get(i).map(|shard| shard.path.clone()).unwrap_or_default();
            let first = joined.parts.first().map_or(0, |part| part.shard);
            let (dataset, shard, first): (_, PathBuf, PathBuf) =
                (found.path, path(index), path(first));
            let difference = Difference { index, dataset, what, shard, found: got, first, wanted };
            return Err(JoinError::Differs(Box::new(difference)));
        }
        let shared = |a: &CarriedAttribute| found.attributes.iter().any(|b| a.is_same(b));
        // Nobody else has it as long as shards are added.
        if let Some(first) = Arc::get_mut(&mut joined.first) {
            first.attributes.retain(shared);
        }
        joined.parts.push(part);
        Ok(())
    }

    /// Decides how each dataset is put together, now that all shards are known.
    pub(super) fn settle(&mut self, shards: &[Shard]) -> Result<()> {
        let new_axis = self.new_axis;
        self.datasets.values_mut().try_for_each(|joined| joined.settle(shards, new_axis))
    }

    pub(super) fn summary(&self) -> Vec<Dataset> {
        let list = self.datasets.values().map(|joined| Dataset {
            name: joined.first.path.clone(),
            shape: joined.shape.clone().unwrap_or_default(),
            dtype: joined.first.kind.text().into(),
            shards: joined.parts.len(),
        });
        list.collect()
    }
}

type Differs = Option<(String, String, String)>;

impl Joined {
    /// What of `other` differs, as it must not; with what was expected and what is found.
    fn difference(&self, other: &Described, new_axis: bool) -> Result<Differs> {
        let first = &self.first;
        if !first.kind.is_same(&other.kind)? {
            let texts = (first.kind.text().into(), other.kind.text().into());
            return Ok(Some(("dtype".into(), texts.0, texts.1)));
        }
        let trailing = |shape: &Option<Vec<u64>>| match shape {
            Some(shape) if !new_axis && !shape.is_empty() => Some(shape.get(1..).map(Vec::from)),
            Some(shape) => Some(Some(shape.clone())),
            None => None,
        };
        let same_ndim = first.shape.as_ref().map(Vec::len) == other.shape.as_ref().map(Vec::len);
        if !same_ndim || trailing(&first.shape) != trailing(&other.shape) {
            let texts = (text_of(first.shape.as_deref()), text_of(other.shape.as_deref()));
            return Ok(Some(("shape".into(), texts.0, texts.1)));
        }
        Ok(attribute(&first.attributes, &other.attributes))
    }

    fn settle(&mut self, shards: &[Shard], new_axis: bool) -> Result<()> {
        let dataset = || self.first.path.clone();
        if self.parts.len() == 1 && !(new_axis && shards.len() == 1) {
            self.way = Way::Link;
            return Ok(());
        }
        if self.parts.len() != shards.len() {
            let lacks = (0..shards.len()).find(|&i| self.parts.iter().all(|part| part.shard != i));
            let path = |i: Option<usize>| {
                i.and_then(|i| shards.get(i)).map(|shard| shard.path.clone()).unwrap_or_default()
            };
            let has = path(self.parts.first().map(|part| part.shard));
            return Err(JoinError::Partly { dataset: dataset(), has, lacks: path(lacks) });
        }
        let Some(shape) = &self.first.shape else {
            let why = "has no elements in any shard, so it cannot be joined";
            return Err(JoinError::Shape { dataset: dataset(), why });
        };
        let mut whole = shape.clone();
        if new_axis {
            whole.insert(0, self.parts.len() as u64);
            (0..).zip(&mut self.parts).for_each(|(place, part)| part.first = place);
            self.way = Way::Axis;
        } else {
            let why = "is a single value, which has no rows to be joined; a new axis could";
            let Some(rows) = whole.first_mut() else {
                return Err(JoinError::Shape { dataset: dataset(), why });
            };
            *rows = 0;
            for part in &mut self.parts {
                part.first = *rows;
                let why = "has more rows than can be counted";
                let sum = rows.checked_add(part.rows());
                *rows =
                    sum.ok_or_else(|| JoinError::Shape { dataset: self.first.path.clone(), why })?;
            }
            self.way = Way::Rows;
        }
        if whole.len() > 32 {
            let why = "has too many axes";
            return Err(JoinError::Shape { dataset: dataset(), why });
        }
        self.shape = Some(whole);
        Ok(())
    }
}

/// An attribute of the type that not both have.
fn attribute(first: &[CarriedAttribute], other: &[CarriedAttribute]) -> Differs {
    let of = |list: &[CarriedAttribute], name: &str| {
        let found = list.iter().find(|a| a.name() == name);
        found.map_or("none".to_string(), |a| format!("'{}'", a.text().unwrap_or("another value")))
    };
    let missing = |a: &[CarriedAttribute], b: &[CarriedAttribute]| {
        let of_type = a.iter().filter(|attribute| is_of_type(attribute.name()));
        let mut lacking =
            of_type.filter(|attribute| !b.iter().any(|other| attribute.is_same(other)));
        lacking.next().map(|attribute| attribute.name().to_string())
    };
    let name = missing(first, other).or_else(|| missing(other, first))?;
    let (wanted, found) = (of(first, &name), of(other, &name));
    Some((name, wanted, found))
}

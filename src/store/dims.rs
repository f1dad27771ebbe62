//! Names of axes, and attributes of single objects: what is said of the datasets when all of
//! them are made.

use std::collections::{BTreeMap, BTreeSet};
use std::format;
use std::string::String;
use std::vec::Vec;

use super::describe::DescribeError;
use crate::dtype::DType;
use crate::hdf5::{
    self, AttrValue, Attribute, Axes, Layout, OldScale, PathFault, Scale, Storage, Writer,
};

/// Result of describing datasets.
type Result<T> = core::result::Result<T, DescribeError>;

/// A dataset that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dataset {
    /// Its path in the file.
    pub name: String,
    /// Its shape: rows, and columns if the dtype is a scalar.
    pub shape: Vec<u64>,
}

/// A dimension of every dataset that is made.
#[derive(Debug, Clone, PartialEq)]
pub struct Dimension {
    /// The name of the axis, and of its scale beside the datasets.
    pub name: String,
    /// The values of the scale.
    pub coordinates: Option<Coordinates>,
}

/// The values of a scale.
#[derive(Debug, Clone, PartialEq)]
pub enum Coordinates {
    /// These, as many as the axis has elements.
    Values(Vec<f64>),
    /// Numbers of equal distance.
    Range {
        /// The first one.
        start: f64,
        /// The distance.
        step: f64,
        /// The last one, or the one behind it; without it there are as many as the axis has
        /// elements.
        stop: Option<f64>,
    },
}

/// An attribute of one object.
#[derive(Debug, Clone, PartialEq)]
pub struct ObjectAttribute {
    /// `/` for the file; the path of a dataset or a scale, or the name of a dimension, for its
    /// scales in all groups.
    pub object: String,
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: Attribute,
}

/// What is said of datasets when all are made.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ending {
    dims: Vec<Dimension>,
    attributes: Vec<ObjectAttribute>,
    units: Vec<(String, String)>,
    /// Each column is a dataset.
    columns: bool,
    /// The first axis of datasets may grow.
    grows: bool,
}

/// The dimensions of a file, as far as its datasets are known.
#[derive(Debug, Default)]
pub(crate) struct Dims {
    scales: BTreeMap<String, Scale>,
    axes: Vec<Axes>,
    /// Those of the file that is added to.
    there: BTreeMap<String, OldScale>,
}

/// The extent of an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    Unknown,
    Exactly(u64),
    /// It may grow.
    AtLeast(u64),
}

impl Extent {
    /// Whether it is not, or will not be, this one.
    fn misses(self, extent: u64) -> bool {
        match self {
            Self::Unknown => false,
            Self::Exactly(own) => own != extent,
            Self::AtLeast(own) => own > extent,
        }
    }

    const fn number(self) -> u64 {
        match self {
            Self::Unknown => 0,
            Self::Exactly(own) | Self::AtLeast(own) => own,
        }
    }
}

impl Ending {
    /// # Errors
    /// [`DescribeError::DimName`] and [`DescribeError::Range`].
    pub(crate) fn new(
        dims: &[Dimension],
        attributes: &[ObjectAttribute],
        units: &[(String, String)],
        storage: &Storage,
    ) -> Result<Self> {
        let wrong =
            |d: &&Dimension| d.name.is_empty() || d.name == "." || d.name.contains(['/', '\0']);
        if let Some(dim) = dims.iter().find(wrong) {
            return Err(DescribeError::DimName { name: dim.name.clone() });
        }
        if let Some(dim) = dims.iter().find(|dim| dim.has_no_end()) {
            return Err(DescribeError::Range { name: dim.name.clone() });
        }
        let (columns, grows) = (storage.layout == Layout::Columns, storage.is_chunked());
        let (dims, attributes, units) = (dims.into(), attributes.into(), units.into());
        Ok(Self { dims, attributes, units, columns, grows })
    }

    /// Whether there is anything to know of axes.
    pub(crate) const fn names_axes(&self) -> bool {
        !self.dims.is_empty()
    }

    /// Refuses what will not fit datasets of these names, as far as their axes are known, and
    /// rows of this dtype.
    pub(crate) fn check(
        &self,
        names: &[String],
        extents: &[Extent],
        dtype: DType<'_>,
    ) -> Result<()> {
        let columns = columns(dtype);
        if let Some((column, _)) = self.units.iter().find(|(c, _)| !columns.contains(&c.as_str())) {
            return Err(DescribeError::UnitsColumn { column: column.clone() });
        }
        let sets: BTreeSet<String> =
            names.iter().flat_map(|name| self.paths_of(name, &columns)).collect();
        let scales = self.scale_paths(names);
        if let Some(path) = scales.iter().find(|path| sets.contains(*path)) {
            let (path, fault) = (path.clone(), PathFault::Exists);
            return Err(hdf5::Error::Dataset { path, fault }.into());
        }
        for ObjectAttribute { object, .. } in &self.attributes {
            let known = object == "/" || names.contains(object) || sets.contains(object);
            if !known && !scales.iter().any(|path| is_named(path, object)) {
                return Err(DescribeError::NoObject { name: object.clone() });
            }
        }
        names.first().map_or(Ok(()), |name| self.check_extents(&Dims::default(), name, extents))
    }

    /// The paths of the scales that these datasets will have.
    pub(crate) fn scale_paths(&self, names: &[String]) -> BTreeSet<String> {
        let of = |name: &String| {
            let group = self.group(name);
            self.dims.iter().map(move |dim| joined(group, &dim.name)).collect::<Vec<_>>()
        };
        names.iter().flat_map(of).collect()
    }

    /// Refuses a dataset whose axes, as far as they are known, are not those of its group.
    pub(crate) fn check_extents(&self, dims: &Dims, set: &str, extents: &[Extent]) -> Result<()> {
        if self.dims.is_empty() {
            return Ok(());
        }
        if self.dims.len() != extents.len() {
            let (dims, axes) = (self.dims.len(), extents.len());
            return Err(DescribeError::DimAxes { name: set.into(), dims, axes });
        }
        let group = self.group(set);
        for (at, (dim, &extent)) in self.dims.iter().zip(extents).enumerate() {
            dim.check(extent)?;
            let path = joined(group, &dim.name);
            let first = dims.scales.get(&path).map(|scale| scale.extent);
            let twin = self.dims.iter().zip(extents).take(at).find(|(d, _)| d.name == dim.name);
            let twin = twin.and_then(|(_, extent)| match extent {
                Extent::Exactly(extent) => Some(*extent),
                _ => None,
            });
            let there = dims.there.get(&path).map(|scale| scale.extent);
            if let Some(first) = first.or(twin).or(there).filter(|&first| extent.misses(first)) {
                let (dataset, extent) = (set.into(), extent.number());
                return Err(DescribeError::DimExtent { name: path, first, dataset, extent });
            }
        }
        Ok(())
    }

    /// Does it.
    pub(crate) fn write(
        &self,
        to: &mut Writer,
        dims: &Dims,
        made: &[Dataset],
        dtype: DType<'_>,
    ) -> Result<()> {
        let columns = columns(dtype);
        if !dims.scales.is_empty() {
            let scales: Vec<Scale> = dims.scales.values().cloned().collect();
            to.attach_dims(&scales, &dims.axes)?;
        }
        self.write_units(to, made, &columns)?;
        for ObjectAttribute { object, name, value } in &self.attributes {
            let scales = dims.scales.keys().filter(|path| is_named(path, object));
            let mut paths: Vec<&String> = scales.collect();
            let known = made.iter().any(|set| {
                set.name == *object || self.paths_of(&set.name, &columns).contains(object)
            });
            if object == "/" || known {
                paths = Vec::from([object]);
            }
            for path in paths {
                to.set_attributes(path, &[(name, value.value())])?;
            }
        }
        Ok(())
    }

    /// The datasets that one name stands for.
    fn paths_of(&self, name: &str, columns: &[&str]) -> Vec<String> {
        if self.columns {
            return columns.iter().map(|column| format!("{name}/{column}")).collect();
        }
        Vec::from([name.into()])
    }

    /// Where the scales of a dataset lie.
    fn group<'n>(&self, name: &'n str) -> Option<&'n str> {
        if self.columns {
            return Some(name);
        }
        name.rsplit_once('/').map(|(group, _)| group)
    }

    /// Notes the axes of a dataset that is complete, and their scales.
    pub(crate) fn note(&self, dims: &mut Dims, set: &Dataset, dtype: DType<'_>) -> Result<()> {
        if self.dims.is_empty() {
            return Ok(());
        }
        let extents: Vec<_> = set.shape.iter().map(|&extent| Extent::Exactly(extent)).collect();
        self.check_extents(dims, &set.name, &extents)?;
        for path in self.paths_of(&set.name, &columns(dtype)) {
            let axes = self.axes(dims, path, &set.shape)?;
            dims.axes.push(axes);
        }
        Ok(())
    }

    fn axes(&self, dims: &mut Dims, path: String, shape: &[u64]) -> Result<Axes> {
        let group = path.rsplit_once('/').map(|(group, _)| group);
        let mut all = Vec::new();
        for ((dim, &extent), axis) in self.dims.iter().zip(shape).zip(0..) {
            let at = joined(group, &dim.name);
            if !dims.scales.contains_key(&at) {
                let (values, there) = (dim.values(extent)?, dims.there.contains_key(&at));
                let (path, users, unlimited) = (at.clone(), Vec::new(), self.grows);
                let scale = Scale { path, extent, there, unlimited, values, users };
                dims.scales.insert(at.clone(), scale);
            }
            if let Some(scale) = dims.scales.get_mut(&at) {
                // Of a stack, the rows of an element may, but only as long as it is made.
                scale.unlimited &= axis == 0;
                scale.users.push((path.clone(), axis));
            }
            all.push(at);
        }
        let labels = self.dims.iter().map(|dim| dim.name.clone()).collect();
        Ok(Axes { path, labels, scales: all })
    }

    fn write_units(&self, to: &mut Writer, made: &[Dataset], columns: &[&str]) -> Result<()> {
        for (column, text) in &self.units {
            if !columns.contains(&column.as_str()) {
                return Err(DescribeError::UnitsColumn { column: column.clone() });
            }
            for set in made {
                let (path, name) = if self.columns {
                    (format!("{}/{column}", set.name), "units".into())
                } else {
                    (set.name.clone(), format!("{column}.units"))
                };
                to.set_attributes(&path, &[(&name, AttrValue::Str(text))])?;
            }
        }
        Ok(())
    }

    /// Looks which scales are in the file that is added to: they are used again, if their
    /// values are those that are given.
    pub(crate) fn look(&self, at: &Writer, names: &[String]) -> Result<Dims> {
        let there = at.old_scales(self.scale_paths(names).iter())?;
        for (path, scale) in &there {
            let last = path.rsplit('/').next().unwrap_or_default();
            let given = self.dims.iter().find(|dim| dim.name == last);
            let Some(given) = given.filter(|dim| dim.coordinates.is_some()) else { continue };
            let values = given.values(scale.extent).ok().flatten();
            if !values.is_some_and(|values| scale.has(&values)) {
                return Err(DescribeError::DimValues { name: path.clone() });
            }
        }
        Ok(Dims { there, ..Dims::default() })
    }
}

fn columns(dtype: DType<'_>) -> Vec<&str> {
    dtype.root().fields().map(|field| field.name()).collect()
}

fn joined(group: Option<&str>, name: &str) -> String {
    group.map_or_else(|| name.into(), |group| format!("{group}/{name}"))
}

/// Whether the path of a scale, or its dimension's name, is this.
fn is_named(path: &str, object: &str) -> bool {
    path == object || path.rsplit('/').next() == Some(object)
}

impl Dimension {
    /// Its values for an axis of this extent.
    fn values(&self, extent: u64) -> Result<Option<Vec<f64>>> {
        let values = match &self.coordinates {
            None => return Ok(None),
            Some(Coordinates::Values(values)) if values.len() as u64 == extent => values.clone(),
            Some(Coordinates::Range { start, step, stop })
                if fits(*start, *step, *stop, extent) =>
            {
                (0..extent).map(|i| start + i as f64 * step).collect()
            }
            Some(_) => {
                let (name, given) = (self.name.clone(), self.count());
                return Err(DescribeError::Coordinates { name, given, extent });
            }
        };
        Ok(Some(values))
    }

    /// How many coordinates are given, if that is said.
    fn count(&self) -> Option<u64> {
        match &self.coordinates {
            Some(Coordinates::Values(values)) => Some(values.len() as u64),
            Some(Coordinates::Range { start, step, stop }) => {
                let steps = stop.map(|stop| (stop - start) / step);
                steps.map(|steps| (steps + 1e-6).floor() as u64 + 1)
            }
            None => None,
        }
    }

    /// Whether no number of steps ends at the end.
    fn has_no_end(&self) -> bool {
        match &self.coordinates {
            Some(Coordinates::Range { start, step, stop: Some(stop) }) => {
                let steps = (stop - start) / step;
                !steps.is_finite() || steps < 0.0 || !near(steps, steps.round())
            }
            _ => false,
        }
    }

    /// Refuses coordinates that are not as many as the axis has elements.
    fn check(&self, extent: Extent) -> Result<()> {
        let wrong = match (&self.coordinates, extent) {
            (None, _) | (_, Extent::Unknown) => false,
            (Some(Coordinates::Range { start, step, stop }), Extent::Exactly(extent)) => {
                !fits(*start, *step, *stop, extent)
            }
            _ => self.count().is_some_and(|count| extent.misses(count)),
        };
        let (given, extent) = (self.count(), extent.number());
        if wrong {
            return Err(DescribeError::Coordinates { name: self.name.clone(), given, extent });
        }
        Ok(())
    }
}

/// Whether so many numbers end at `end`, or one step in front of it.
fn fits(start: f64, step: f64, end: Option<f64>, extent: u64) -> bool {
    let steps = end.map(|end| (end - start) / step);
    steps.is_none_or(|n| near(n, extent as f64) || near(n + 1.0, extent as f64))
}

fn near(n: f64, count: f64) -> bool {
    (n - count).abs() < 1e-6 * count.max(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_ends_at_its_last_value_or_behind_it() {
        assert!(fits(-90.0, 0.25, Some(90.0), 721) && fits(-90.0, 0.25, Some(90.0), 720));
        assert!(!fits(-90.0, 0.25, Some(90.0), 719) && fits(5.0, 0.1, None, 3));
    }
}

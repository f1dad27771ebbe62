//! Names of axes, and attributes of single objects: what is said of the datasets when all of
//! them are made.

use std::collections::BTreeMap;
use std::format;
use std::string::String;
use std::vec::Vec;

use super::error::{ConvertError, Result};
use super::options::Options;
use super::sink::Dataset;
use crate::dtype::DType;
use crate::hdf5::Attribute;
use crate::hdf5::{AttrValue, Axes, Layout, Scale, Writer};

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

/// What of [`Options`] is done at the end.
#[derive(Debug, Clone, Default)]
pub(super) struct Ending {
    dims: Vec<Dimension>,
    attributes: Vec<ObjectAttribute>,
    units: Vec<(String, String)>,
    columns: bool,
}

impl Ending {
    pub(super) fn of(options: &Options) -> Result<Self> {
        let (dims, columns) = (&options.dims, options.hdf5.storage.layout == Layout::Columns);
        let wrong =
            |d: &&Dimension| d.name.is_empty() || d.name == "." || d.name.contains(['/', '\0']);
        if let Some(dim) = dims.iter().find(wrong) {
            return Err(ConvertError::DimName { name: dim.name.clone() });
        }
        let (dims, units) = (dims.clone(), options.units.clone());
        Ok(Self { dims, attributes: options.object_attributes.clone(), units, columns })
    }

    /// Does it.
    pub(super) fn write(&self, to: &mut Writer, made: &[Dataset], dtype: DType<'_>) -> Result<()> {
        let columns: Vec<&str> = dtype.root().fields().map(|field| field.name()).collect();
        let scales = self.attach(to, made, &columns)?;
        self.write_units(to, made, &columns)?;
        for ObjectAttribute { object, name, value } in &self.attributes {
            let is_it = |path: &&String| *path == object || path.rsplit('/').next() == Some(object);
            let mut paths: Vec<String> = scales.iter().filter(is_it).cloned().collect();
            let known = self.paths(made, &columns).any(|path| path == *object);
            if object == "/" || known || made.iter().any(|set| set.name == *object) {
                paths = Vec::from([object.clone()]);
            }
            if paths.is_empty() {
                return Err(ConvertError::NoObject { name: object.clone() });
            }
            for path in paths {
                to.set_attributes(&path, &[(name, value.value())])?;
            }
        }
        Ok(())
    }

    /// The paths of all datasets.
    fn paths<'a>(
        &'a self,
        made: &'a [Dataset],
        columns: &'a [&'a str],
    ) -> impl Iterator<Item = String> + 'a {
        made.iter().flat_map(move |set| self.paths_of(set, columns))
    }

    fn paths_of(&self, set: &Dataset, columns: &[&str]) -> Vec<String> {
        if self.columns {
            return columns.iter().map(|column| format!("{}/{column}", set.name)).collect();
        }
        Vec::from([set.name.clone()])
    }

    /// Makes the scales of all groups, and answers with their paths.
    fn attach(&self, to: &mut Writer, made: &[Dataset], columns: &[&str]) -> Result<Vec<String>> {
        let (mut scales, mut axes) = (BTreeMap::new(), Vec::new());
        let added = to.adds();
        for set in made.iter().filter(|_| !self.dims.is_empty()) {
            let (dims, shape) = (self.dims.len(), set.shape.len());
            if dims != shape {
                let name = set.name.clone();
                return Err(ConvertError::DimAxes { name, dims, axes: shape });
            }
            for path in self.paths_of(set, columns) {
                axes.push(self.axes(&mut scales, path, &set.shape)?);
            }
        }
        let mut scales: Vec<Scale> = scales.into_values().collect();
        for (scale, number) in scales.iter_mut().zip(0..) {
            scale.number = Some(number).filter(|_| !added);
        }
        if !scales.is_empty() {
            to.attach_dims(&scales, &axes)?;
        }
        Ok(scales.into_iter().map(|scale| scale.path).collect())
    }

    /// Notes the axes of a dataset, and their scales.
    fn axes(
        &self,
        scales: &mut BTreeMap<String, Scale>,
        path: String,
        shape: &[u64],
    ) -> Result<Axes> {
        let group = path.rsplit_once('/').map(|(group, _)| group);
        let of_axes = self.dims.iter().zip(shape).zip(0..);
        let mut all = Vec::new();
        for ((dim, &extent), axis) in of_axes {
            let at =
                group.map_or_else(|| dim.name.clone(), |group| format!("{group}/{}", dim.name));
            if !scales.contains_key(&at) {
                let values = dim.values(extent)?;
                let (path, users) = (at.clone(), Vec::new());
                scales.insert(at.clone(), Scale { path, extent, number: None, values, users });
            }
            if let Some(scale) = scales.get_mut(&at) {
                if scale.extent != extent {
                    let (name, first) = (at, scale.extent);
                    return Err(ConvertError::DimExtent { name, first, dataset: path, extent });
                }
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
                return Err(ConvertError::UnitsColumn { column: column.clone() });
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
                return Err(ConvertError::Coordinates { name: self.name.clone(), extent });
            }
        };
        Ok(Some(values))
    }
}

/// Whether so many numbers end at `end`, or one step in front of it.
fn fits(start: f64, step: f64, end: Option<f64>, extent: u64) -> bool {
    let steps = end.map(|end| (end - start) / step);
    let near = |n: f64, count: f64| (n - count).abs() < 1e-6 * count.max(1.0);
    steps.is_none_or(|n| near(n, extent as f64) || near(n + 1.0, extent as f64))
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

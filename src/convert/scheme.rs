//! What becomes of which input: names, shapes, and what is said of the inputs.

use std::collections::HashMap;
use std::format;
use std::path::{Path, PathBuf};
use std::string::{String, ToString};
use std::vec::Vec;

use super::error::{ConvertError, Result};
use super::names;
use super::options::{Arrange, CategoryColumn, Options, Provenance, Shape};
use crate::dtype::DType;
use crate::hdf5::Attribute;
use crate::load::Input;
use crate::pack;
use crate::store::{DescribeError, Ending, Extent};

/// Axes of an HDF5 dataset, at most.
const AXES: usize = 32;

/// How inputs are joined to a dataset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Join {
    /// Not at all.
    Each,
    /// One behind the other.
    Concat,
    /// Along a new first axis.
    Stack,
}

/// One input, as the file speaks of it.
#[derive(Debug, Clone)]
pub(super) struct Source {
    pub(super) path: PathBuf,
    /// Name of its file, without a directory.
    pub(super) name: String,
    /// Whether it is a file, and not a stream.
    pub(super) is_file: bool,
}

/// [`Options`], once the inputs are known.
#[derive(Debug, Clone)]
pub(super) struct Scheme {
    pub(super) join: Join,
    /// Of the datasets: one for each input, or one.
    pub(super) names: Vec<String>,
    pub(super) sources: Vec<Source>,
    pub(super) shape: Option<Shape>,
    pub(super) source_column: Option<String>,
    pub(super) categories: Vec<CategoryColumn>,
    /// Some labels are known only when the last row of a dataset is.
    pub(super) finds_labels: bool,
    /// The columns' names are those of a header.
    header: bool,
    pub(super) attributes: Vec<(String, Attribute)>,
    pub(super) provenance: Provenance,
    /// What is said of the datasets at the end.
    pub(super) ending: Ending,
}

impl Scheme {
    pub(super) fn new(inputs: &[Input], options: &Options) -> Result<Self> {
        let paths: Vec<PathBuf> = inputs.iter().map(|input| input.path().into()).collect();
        let (join, names) = match &options.arrange {
            Arrange::Each => (Join::Each, names::of_inputs(&paths)?),
            Arrange::Groups => (Join::Each, names::in_groups(&paths)?),
            Arrange::Concat(name) => (Join::Concat, Vec::from([name.clone()])),
            Arrange::Stack(name) => (Join::Stack, Vec::from([name.clone()])),
        };
        if options.source_column.is_some() && join != Join::Concat {
            return Err(ConvertError::SourceColumn);
        }
        let shape = options.shape.as_ref().map_or(2, |shape| 1 + shape.rest.len());
        let axes = shape + usize::from(join == Join::Stack);
        let most = if options.hdf5.storage.is_chunked() { pack::AXES } else { AXES };
        if axes > most {
            return Err(ConvertError::Axes { axes, most });
        }
        let keys = options.attributes.iter().map(|(name, _)| name);
        let twice =
            keys.clone().enumerate().find(|(i, name)| keys.clone().take(*i).any(|n| n == *name));
        if let Some((_, name)) = twice {
            return Err(ConvertError::AttributeTwice { name: name.clone() });
        }
        let source = options.source_column.as_ref();
        let is_open = |c: &&CategoryColumn| c.labels.is_none() && Some(&c.name) != source;
        Ok(Self {
            join,
            names,
            sources: inputs.iter().map(Source::of).collect(),
            shape: options.shape.clone(),
            source_column: options.source_column.clone(),
            categories: options.categories.clone(),
            finds_labels: options.categories.iter().any(|column| is_open(&column)),
            header: options.load.header,
            attributes: options.attributes.clone(),
            provenance: options.provenance,
            ending: Ending::new(
                &options.dims,
                &options.object_attributes,
                &options.units,
                &options.hdf5.storage,
            )?,
        })
    }

    /// The extents of a dataset, as far as they are known: `columns` is how many a table has.
    pub(super) fn extents(&self, is_record: bool, rows: Extent, columns: Extent) -> Vec<Extent> {
        let stacked = Extent::Exactly(self.sources.len() as u64);
        let mut all: Vec<_> = (self.join == Join::Stack).then_some(stacked).into_iter().collect();
        if let Some(shape) = &self.shape {
            all.push(shape.first.map_or(Extent::Unknown, Extent::Exactly));
            all.extend(shape.rest.iter().map(|&extent| Extent::Exactly(extent)));
        } else {
            all.push(rows);
            all.extend(Some(columns).filter(|_| !is_record));
        }
        all
    }

    /// Whether another dtype, of the same text, might do where this one leads to an error.
    pub(super) fn may_change(&self, dtype: DType<'_>, error: &ConvertError) -> bool {
        match error {
            ConvertError::Category { column } => {
                !self.header || dtype.root().fields().any(|field| field.name() == *column)
            }
            ConvertError::Describe(
                DescribeError::DimAxes { .. }
                | DescribeError::UnitsColumn { .. }
                | DescribeError::NoObject { .. },
            )
            | ConvertError::SourceColumn
            | ConvertError::Chunks(_) => !self.header,
            _ => false,
        }
    }

    /// Datasets that will be made.
    pub(super) fn datasets(&self) -> usize {
        self.names.len()
    }

    /// The dataset that an input goes to.
    pub(super) fn name(&self, input: usize) -> &str {
        let at = if self.join == Join::Each { input } else { 0 };
        self.names.get(at).map_or("", |name| name)
    }

    /// The inputs of the dataset that ends with this one.
    pub(super) fn sources_of(&self, input: usize) -> &[Source] {
        let range = if self.join == Join::Each { input..input + 1 } else { 0..self.sources.len() };
        self.sources.get(range).unwrap_or_default()
    }

    /// Whether the dataset is complete with this input.
    pub(super) fn is_last(&self, input: usize) -> bool {
        self.join == Join::Each || input + 1 == self.sources.len()
    }
}

impl Source {
    fn of(input: &Input) -> Self {
        let path = input.path();
        let name = path.file_name().map_or_else(|| path.to_string_lossy(), |n| n.to_string_lossy());
        let is_file = matches!(input, Input::File(_));
        Self { path: path.into(), name: name.into_owned(), is_file }
    }
}

/// The last column of rows that say where they come from: the text of each input.
pub(super) fn source_texts(sources: &[Source]) -> Vec<String> {
    let mut seen: HashMap<&str, u32> = HashMap::new();
    for source in sources {
        *seen.entry(&source.name).or_default() += 1;
    }
    let text = |source: &Source| match seen.get(source.name.as_str()) {
        // Two files of one name are told apart by their directories.
        Some(1) | None => source.name.clone(),
        Some(_) => with_directory(&source.path, &source.name),
    };
    sources.iter().map(text).collect()
}

fn with_directory(path: &Path, name: &str) -> String {
    let parent = path.parent().and_then(Path::file_name);
    parent.map_or_else(|| name.to_string(), |dir| format!("{}/{name}", dir.to_string_lossy()))
}

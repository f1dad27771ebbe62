//! How inputs become a file.

use std::string::String;
use std::vec::Vec;

use crate::hdf5::{self, Attribute};
use crate::load;
use crate::store::{Dimension, ObjectAttribute};

/// How inputs become a file.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// How the text is read.
    pub load: load::Options,
    /// How the file is written.
    pub hdf5: hdf5::Options,
    /// Which inputs become which datasets.
    pub arrange: Arrange,
    /// Add the rows behind those of datasets that are there, in a file that is there: those of
    /// which `arrange` says that they would be made. They keep their type, which the text is
    /// read as if none is given, their chunks and their filters. The file stays as it is until
    /// the new one is complete.
    pub append_rows: bool,
    /// Shape of each dataset, whose elements are those of the text in their order. The first
    /// extent may be left open; without it, a dataset has rows, and columns if the dtype is
    /// a scalar.
    pub shape: Option<Shape>,
    /// A last column of this name, with the name of the file that each row comes from: for
    /// records of several inputs that become one dataset.
    pub source_column: Option<String>,
    /// Columns of text that are stored as numbers, each with its label in the type (an
    /// enumeration over `i2`): for few different texts that are repeated.
    pub categories: Vec<CategoryColumn>,
    /// Attributes for each dataset.
    pub attributes: Vec<(String, Attribute)>,
    /// Attributes for single objects.
    pub object_attributes: Vec<ObjectAttribute>,
    /// The names of the axes of every dataset.
    pub dims: Vec<Dimension>,
    /// Units of columns.
    pub units: Vec<(String, String)>,
    /// What the file says of where it comes from.
    pub provenance: Provenance,
}

/// Which inputs become which datasets.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Arrange {
    /// Each one of its own, named after its file.
    #[default]
    Each,
    /// Each one of its own, in groups that are named after the directories, as far as these
    /// are not the same for all.
    Groups,
    /// One dataset of this name: the rows of all inputs, one behind the other.
    Concat(String),
    /// One dataset of this name with an axis more: each input, all of the same shape, is one
    /// element of the first axis.
    Stack(String),
}

/// A shape whose first extent may follow from the number of elements.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape {
    /// The first extent, if it must be this one.
    pub first: Option<u64>,
    /// The others.
    pub rest: Vec<u64>,
}

/// A column whose texts are labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CategoryColumn {
    /// Its name.
    pub name: String,
    /// The labels in the order of their numbers; another text is an error. Without them they
    /// are numbered as they appear. An empty text has the number -1.
    pub labels: Option<Vec<String>>,
}

/// What the file says of where it comes from: no time, no path of a directory, and nothing that
/// depends on the machine, so that the same input gives the same bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Provenance {
    /// Name and bytes of each dataset's inputs; version and options of ndshm.
    #[default]
    Inputs,
    /// And the CRC-32 of each input that is a file.
    Checksums,
    /// Nothing.
    None,
}

//! The main job: text tables in, one HDF5 file out.
//!
//! [`convert`] joins [`load`](mod@crate::load), whose workers parse into shared
//! memory, and [`hdf5`](crate::hdf5), which writes the rows from there. HDF5 is
//! entered after the fork only, and only by the thread that steps.

mod error;
mod extend;
mod job;
mod names;
mod options;
mod output;
mod preview;
mod provenance;
mod rows;
mod scheme;
mod sink;

pub use error::{ConvertError, Result};
pub use extend::ExtendFault;
pub use job::Job;
pub use options::{Arrange, CategoryColumn, Options, Provenance, Shape};
pub use preview::{Length, Planned, Preview, Target, preview};

pub use crate::hdf5::Attribute;
pub use crate::store::{
    ChunkError, Coordinates, Dataset, DescribeError, Dimension, ObjectAttribute,
};

use core::sync::atomic::AtomicBool;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::vec::Vec;

use crate::dtype_buf::DTypeBuf;
use crate::load::{Input, Report, RowTypeRef};

/// What a conversion made.
#[derive(Debug, Clone)]
pub struct Summary {
    /// The file, absolute.
    pub path: PathBuf,
    /// Its bytes.
    pub bytes: u64,
    /// Rows of all datasets.
    pub rows: u64,
    /// The datasets, in the order of the inputs.
    pub datasets: Vec<Dataset>,
    /// The dtype of the rows: the one that was found, if it was not given.
    pub dtype: Arc<DTypeBuf>,
    /// The rows that were left out because they could not be read.
    pub report: Report,
}

/// Converts text tables to one HDF5 file: a [`Job`] from its start to its end. The
/// file appears under its name when it is complete; after an error, or when `cancel`
/// is set, everything is as it was before.
///
/// # Errors
/// [`ConvertError`].
pub fn convert<'t, I: Into<Input>>(
    inputs: impl IntoIterator<Item = I>,
    output: &Path,
    rows: impl Into<RowTypeRef<'t>>,
    options: &Options,
    cancel: &AtomicBool,
) -> Result<Summary> {
    Job::start_watching(inputs, output, rows, options, Some(cancel))?.run(Some(cancel))
}

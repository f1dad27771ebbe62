//! The main job: text tables in, one HDF5 file out.
//!
//! [`convert`] joins [`mod@load`], whose workers parse into shared
//! memory, and [`hdf5`], which writes the rows from there. HDF5 is
//! entered after the fork only, and only by the thread that steps.

mod error;
mod job;
mod names;
mod sink;

pub use error::{ConvertError, Result};
pub use job::Job;
pub use sink::Dataset;

use core::sync::atomic::AtomicBool;
use std::path::{Path, PathBuf};
use std::string::String;
use std::sync::Arc;
use std::vec::Vec;

use crate::dtype_buf::DTypeBuf;
use crate::hdf5;
use crate::load::{self, Input, Report, RowTypeRef};

/// How inputs become a file.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// How the text is read.
    pub load: load::Options,
    /// How the file is written.
    pub hdf5: hdf5::Options,
    /// Name of the one dataset that takes the rows of all inputs; without it
    /// each input becomes a dataset named after its file.
    pub concat: Option<String>,
}

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

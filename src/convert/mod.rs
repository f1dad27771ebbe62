//! The main job: text tables in, one HDF5 file out.
//!
//! [`convert`] joins [`mod@load`], whose workers parse into shared
//! memory, and [`hdf5`], which writes the rows from there. HDF5 is
//! entered after the fork only, and only by the calling thread.

mod error;
mod names;
mod sink;

pub use error::{ConvertError, Result};
pub use sink::Dataset;

use core::sync::atomic::{AtomicBool, Ordering};
use std::fs;
use std::path::{Path, PathBuf};
use std::string::String;
use std::vec::Vec;

use crate::dtype::DType;
use crate::hdf5::{self, Writer, check_dtype, check_target};
use crate::load::{self, LoadError, load};
use crate::text::Unicode;

use error::boxed;
use sink::{FileSink, Names};

/// Bytes of metadata for a dataset beside its type: headers, names, links.
const METADATA_PER_DATASET: u64 = 512;

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
}

/// Converts text tables to one HDF5 file. The file appears under its name when
/// it is complete; after an error, or when `cancel` is set, everything is as it
/// was before.
///
/// # Errors
/// [`ConvertError`].
pub fn convert(
    inputs: &[PathBuf],
    output: &Path,
    dtype: DType<'_>,
    options: &Options,
    cancel: &AtomicBool,
) -> Result<Summary> {
    check_target(output, &options.hdf5)?;
    check_output_is_no_input(inputs, output)?;
    let names = match &options.concat {
        Some(name) => Names::Concat(name.clone()),
        None => Names::Each(names::of_inputs(inputs)?),
    };
    let open = || {
        let type_bytes = check_dtype(dtype, &options.hdf5).map_err(boxed)?;
        let datasets = if options.concat.is_some() { 1 } else { inputs.len() as u64 };
        let metadata = (type_bytes + METADATA_PER_DATASET) * datasets;
        let writer = Writer::create(output, &options.hdf5, metadata).map_err(boxed)?;
        Ok(FileSink::new(writer, dtype, &names, inputs))
    };
    let (sink, rows) = load(inputs, dtype, Unicode::Utf8, &options.load, cancel, open)?;
    if cancel.load(Ordering::Relaxed) {
        return Err(LoadError::Cancelled.into());
    }
    let FileSink { writer, made, .. } = sink;
    let summary = writer.close()?;
    Ok(Summary { path: summary.path, bytes: summary.bytes, rows, datasets: made })
}

/// With `--force` the output would replace what is being read.
fn check_output_is_no_input(inputs: &[PathBuf], output: &Path) -> Result<()> {
    let Ok(target) = fs::canonicalize(output) else { return Ok(()) };
    match inputs.iter().find(|path| fs::canonicalize(path).is_ok_and(|path| path == target)) {
        Some(path) => Err(ConvertError::OutputIsInput { path: path.clone() }),
        None => Ok(()),
    }
}

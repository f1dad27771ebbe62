//! A conversion that goes on when it is stepped.

use core::sync::atomic::AtomicBool;
use core::time::Duration;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{self, Path, PathBuf};
use std::sync::Arc;
use std::vec::Vec;

use super::error::{ConvertError, Result, boxed};
use super::names;
use super::sink::{FileSink, Names};
use super::{Options, Summary};
use crate::dtype::DType;
use crate::dtype_buf::DTypeBuf;
use crate::hdf5::{Writer, check_dtype, check_target};
use crate::load::{self, Canceller, Input, Progress, Report, RowTypeRef};
use crate::text::Unicode;

/// Bytes of metadata for a dataset beside its type: headers, names, links.
const METADATA_PER_DATASET: u64 = 512;

/// Text tables on their way to an HDF5 file: a [`load::Job`] whose end is the file
/// under its name. Dropping it leaves everything as it was before.
///
/// HDF5 is entered by the thread that starts, steps, finishes or drops the job, and
/// locked for each entry alone, so that jobs may take turns in one thread.
#[derive(Debug)]
pub struct Job(load::Job<FileSink>);

impl Job {
    /// Looks at the inputs and the target, forks the workers, and creates a temporary
    /// file beside the target.
    ///
    /// # Errors
    /// [`ConvertError`].
    pub fn start<'t, I: Into<Input>>(
        inputs: impl IntoIterator<Item = I>,
        output: &Path,
        rows: impl Into<RowTypeRef<'t>>,
        options: &Options,
    ) -> Result<Self> {
        Self::start_watching(inputs, output, rows, options, None)
    }

    pub(super) fn start_watching<'t, I: Into<Input>>(
        inputs: impl IntoIterator<Item = I>,
        output: &Path,
        rows: impl Into<RowTypeRef<'t>>,
        options: &Options,
        flag: Option<&AtomicBool>,
    ) -> Result<Self> {
        check_target(output, &options.hdf5)?;
        let inputs: Vec<Input> = inputs.into_iter().map(Into::into).collect();
        let paths: Vec<PathBuf> = inputs.iter().map(|input| input.path().into()).collect();
        check_output_is_no_input(&inputs, output)?;
        let (names, datasets) = match &options.concat {
            Some(name) => (Names::Concat(name.clone()), 1),
            None => (Names::Each(names::of_inputs(&paths)?), paths.len() as u64),
        };
        let output = path::absolute(output).unwrap_or_else(|_| output.into());
        let (hdf5, count) = (options.hdf5.clone(), paths.len());
        let open = move |dtype: DType<'_>| {
            let type_bytes = check_dtype(dtype, &hdf5).map_err(boxed)?;
            let metadata = (type_bytes + METADATA_PER_DATASET) * datasets;
            let writer = Writer::create(&output, &hdf5, metadata).map_err(boxed)?;
            let own = DTypeBuf::copy_of(dtype)?;
            Ok(FileSink::new(writer, own, names.clone(), count))
        };
        let load = &options.load;
        Ok(Self(load::Job::start_watching(inputs, rows, Unicode::Utf8, load, flag, open)?))
    }

    /// As [`load::Job::step`].
    ///
    /// # Errors
    /// [`ConvertError`]; the job is over then, and nothing is left of it.
    pub fn step(&mut self, timeout: Duration) -> Result<Progress> {
        Ok(self.0.step(timeout)?)
    }

    /// How far it is.
    #[must_use]
    pub fn progress(&self) -> Progress {
        self.0.progress()
    }

    /// The rows that were left out so far.
    #[must_use]
    pub fn report(&self) -> &Report {
        self.0.report()
    }

    /// As [`load::Job::dtype`].
    #[must_use]
    pub fn dtype(&self) -> Option<DType<'_>> {
        self.0.dtype()
    }

    /// As [`load::Job::raw_fd`].
    #[must_use]
    pub const fn raw_fd(&self) -> i32 {
        self.0.raw_fd()
    }

    /// A handle that stops the job.
    #[must_use]
    pub fn canceller(&self) -> Canceller {
        self.0.canceller()
    }

    /// Steps until everything is done, completes the file and gives it its name.
    ///
    /// # Errors
    /// [`ConvertError`]; everything is as it was before then.
    pub fn finish(self) -> Result<Summary> {
        self.run(None)
    }

    pub(super) fn run(self, flag: Option<&AtomicBool>) -> Result<Summary> {
        complete(self.0.run(flag)?)
    }
}

fn complete(done: load::Done<FileSink>) -> Result<Summary> {
    let load::Done { sink, rows, report, dtype } = done;
    let FileSink { writer, made, .. } = sink;
    let file = writer.close()?;
    let dtype = Arc::new(dtype);
    Ok(Summary { path: file.path, bytes: file.bytes, rows, datasets: made, dtype, report })
}

/// With `--force` the output would replace what is being read.
fn check_output_is_no_input(inputs: &[Input], output: &Path) -> Result<()> {
    let Ok(target) = fs::canonicalize(output) else { return Ok(()) };
    let Ok(data) = fs::metadata(&target) else { return Ok(()) };
    // To look at a file costs less than to take its path apart.
    let is_it = |path: &&PathBuf| {
        fs::metadata(path).is_ok_and(|m| (m.dev(), m.ino()) == (data.dev(), data.ino()))
            && fs::canonicalize(path).is_ok_and(|path| path == target)
    };
    let mut files = inputs.iter().filter_map(|input| match input {
        Input::File(path) => Some(path),
        Input::Stream(_) => None,
    });
    match files.find(is_it) {
        Some(path) => Err(ConvertError::OutputIsInput { path: path.clone() }),
        None => Ok(()),
    }
}

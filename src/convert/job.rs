//! A conversion that goes on when it is stepped.

use core::sync::atomic::AtomicBool;
use core::time::Duration;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{self, Path, PathBuf};
use std::string::String;
use std::sync::Arc;
use std::vec::Vec;

use super::error::{ConvertError, Result, boxed};
use super::extend::Growth;
use super::options::{Options, Provenance};
use super::output::{Nowhere, Output};
use super::rows::{Rewrite, Wanted};
use super::scheme::{self, Join, Scheme};
use super::sink::FileSink;
use super::{Summary, provenance};
use crate::dtype::DType;
use crate::dtype_buf::DTypeBuf;
use crate::hdf5::Attribute;
use crate::hdf5::{self, Writer, check_dtype, check_target};
use crate::load::{
    self, Begun, Canceller, Input, Misfit, Progress, Report, RowType, RowTypeRef, SinkError,
};
use crate::store::{self, ChunkError, ChunkedRows, Extent, Packing};
use crate::text::Unicode;

/// Bytes of metadata for a dataset beside its type: headers, names, links.
const METADATA_PER_DATASET: u64 = 512;
/// Memory for packing if nobody says how much.
const DEFAULT_PACKING: u64 = 48 << 20;

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

    /// The same, which `flag` can stop while it reads the head of a file.
    ///
    /// # Errors
    /// [`ConvertError`].
    pub fn start_watching<'t, I: Into<Input>>(
        inputs: impl IntoIterator<Item = I>,
        output: &Path,
        rows: impl Into<RowTypeRef<'t>>,
        options: &Options,
        flag: Option<&AtomicBool>,
    ) -> Result<Self> {
        Ok(Self(start(inputs, output, rows, options, flag, true)?))
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

/// Starts the load whose sink is the file, or, unless it `writes`, only says what would be in it.
pub(super) fn start<'t, I: Into<Input>>(
    inputs: impl IntoIterator<Item = I>,
    output: &Path,
    rows: impl Into<RowTypeRef<'t>>,
    options: &Options,
    flag: Option<&AtomicBool>,
    writes: bool,
) -> Result<load::Job<FileSink>> {
    let mut own = options.hdf5.clone();
    own.append |= options.append_rows;
    check_target(output, &own)?;
    let inputs: Vec<Input> = inputs.into_iter().map(Into::into).collect();
    check_output_is_no_input(&inputs, output)?;
    let rows = rows.into();
    let (scheme, growth) = schemed(&inputs, output, options)?;
    let kept = growth.as_ref().map(|g| g.rows(rows, options.load.header)).transpose()?;
    let growth = growth.map(Arc::new);
    if let Some(growth) = &growth {
        own.storage = growth.storage.clone();
    }
    let path = path::absolute(output).unwrap_or_else(|_| output.into());
    let (mut load, packing) = shares(&options.load, &own);
    // What the dataset is says what the text has to be.
    load.sniff &= growth.is_none();
    let opening = Opening { hdf5: own, path, scheme, growth, packing, writes };
    let provenance = options.provenance;
    let rows = kept.as_ref().map_or(rows, RowType::as_ref);
    let open = move |begun: Begun<'_>| {
        let root = match provenance {
            Provenance::None => Vec::new(),
            _ => provenance::of_file(begun.options),
        };
        opening.open(begun, &root).map_err(|error| {
            if begun.guess && opening.scheme.may_change(begun.dtype, &error) {
                return SinkError::from(Misfit);
            }
            boxed(error)
        })
    };
    Ok(load::Job::start_with(inputs, rows, Unicode::Utf8, &load, flag, open)?)
}

/// How a file is begun.
#[derive(Debug)]
struct Opening {
    hdf5: hdf5::Options,
    path: PathBuf,
    scheme: Arc<Scheme>,
    growth: Option<Arc<Growth>>,
    packing: Packing,
    /// Whether there is to be a file.
    writes: bool,
}

impl Opening {
    /// Makes the temporary file, behind the fork of the packers.
    fn open(&self, begun: Begun<'_>, root: &[(String, Attribute)]) -> Result<FileSink> {
        let dtype = begun.dtype;
        let (rewrite, own) = self.rewritten(dtype)?;
        self.check(own.as_dtype())?;
        let mut packing = self.packing;
        if begun.processes == 0 {
            // Little text, few rows.
            packing.workers = Some(0);
        }
        let mut output = self.output(own, packing)?;
        let root: Vec<_> =
            root.iter().map(|(name, value)| (name.as_str(), value.value())).collect();
        output.set_root(&root)?;
        let sink = FileSink::new(output, self.scheme.clone(), rewrite, dtype.root().size());
        Ok(sink.growing(self.growth.clone()))
    }

    /// Refuses, before any text is parsed, what can be known not to fit.
    fn check(&self, dtype: DType<'_>) -> Result<()> {
        let (scheme, storage) = (&self.scheme, &self.hdf5.storage);
        let unknown = Extent::Unknown;
        let extents = scheme.extents(dtype.is_record(), unknown, unknown);
        scheme.ending.check(&scheme.names, &extents, dtype)?;
        let name = scheme.name(0);
        let (stacked, axes) = (scheme.join == Join::Stack, extents.len());
        match &scheme.shape {
            _ if !storage.is_chunked() || self.growth.is_some() => Ok(()),
            Some(shape) => Ok(store::check(name, dtype, &shape.rest, stacked, storage)?),
            None if dtype.is_record() => Ok(store::check(name, dtype, &[], stacked, storage)?),
            None if storage.chunk.is_empty() => Ok(()),
            None if storage.chunk.len() == axes => {
                let one = storage.chunk.first().is_none_or(|extent| extent.get() == 1);
                if stacked && !one { Err(ChunkError::Stack.into()) } else { Ok(()) }
            }
            None => {
                let (name, given) = (name.into(), storage.chunk.len());
                Err(ChunkError::Axes { name, given, axes }.into())
            }
        }
    }

    /// The dtype of rows in the file, and how they are made.
    fn rewritten(&self, dtype: DType<'_>) -> Result<(Option<Rewrite>, DTypeBuf)> {
        if let Some(growth) = &self.growth {
            return growth.rewritten(dtype);
        }
        let column = self.scheme.source_column.as_deref();
        let source = column.map(|name| (name, scheme::source_texts(&self.scheme.sources)));
        let wanted = Wanted { categories: &self.scheme.categories, source };
        match Rewrite::new(dtype, wanted)? {
            Some((rewrite, made)) => Ok((Some(rewrite), made)),
            None => Ok((None, DTypeBuf::copy_of(dtype).map_err(hdf5::Error::Core)?)),
        }
    }

    /// The same checks, and no file.
    fn unwritten(&self, dtype: DTypeBuf, packing: Packing) -> Result<Output> {
        if self.growth.is_none() {
            check_dtype(dtype.as_dtype(), &self.hdf5)?;
        }
        let storage = &self.hdf5.storage;
        if storage.is_chunked() {
            store::press(&dtype, storage, packing).map(drop)?;
        }
        Ok(Output::Nowhere(Nowhere::new(&self.path, &self.hdf5, dtype)))
    }

    fn output(&self, dtype: DTypeBuf, packing: Packing) -> Result<Output> {
        if !self.writes {
            return self.unwritten(dtype, packing);
        }
        if let Some(growth) = &self.growth {
            let press = store::press(&dtype, &growth.storage, packing)?;
            let writer = Writer::start_rows(&self.path, &self.hdf5, &growth.tables)?;
            let storage = growth.storage.clone();
            return Ok(Output::Chunked(ChunkedRows::new(writer, press, storage), dtype.into()));
        }
        let type_bytes = check_dtype(dtype.as_dtype(), &self.hdf5)?;
        let metadata = (type_bytes + METADATA_PER_DATASET) * self.scheme.datasets() as u64;
        let storage = &self.hdf5.storage;
        let create = || Writer::start(&self.path, &self.hdf5, metadata);
        if !storage.is_chunked() {
            return Ok(Output::contiguous(create()?, dtype));
        }
        let press = store::press(&dtype, storage, packing)?;
        let mut rows = ChunkedRows::new(create()?, press, storage.clone());
        if self.scheme.finds_labels {
            rows.hold()?;
        }
        Ok(Output::Chunked(rows, dtype.into()))
    }
}

/// Which datasets there will be, and which of them are there.
fn schemed(
    inputs: &[Input],
    output: &Path,
    options: &Options,
) -> Result<(Arc<Scheme>, Option<Growth>)> {
    if !options.append_rows {
        return Ok((Arc::new(Scheme::new(inputs, options)?), None));
    }
    // Labels are those of the datasets.
    let own = Options { categories: Vec::new(), ..options.clone() };
    let scheme = Scheme::new(inputs, &own)?;
    let growth = Growth::look(output, &scheme, options)?;
    Ok((Arc::new(scheme), Some(growth)))
}

/// Memory for those who parse, and for those who pack.
fn shares(load: &load::Options, hdf5: &hdf5::Options) -> (load::Options, Packing) {
    let mut load = load.clone();
    let workers = load.workers;
    if !hdf5.storage.is_chunked() {
        return (load, Packing { workers, memory: 0 });
    }
    let memory = load.memory.map_or(DEFAULT_PACKING, |memory| memory / 2);
    load.memory = load.memory.map(|memory| memory - memory / 2);
    (load, Packing { workers, memory })
}

fn complete(done: load::Done<FileSink>) -> Result<Summary> {
    let load::Done { sink, rows, report, dtype } = done;
    let FileSink { mut output, made, scheme, dims, .. } = sink;
    output.end(&scheme.ending, &dims, &made)?;
    let file = output.close()?;
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

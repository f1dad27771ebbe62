//! What a conversion would make, from the beginning of its text.

use core::sync::atomic::AtomicBool;
use std::fs;
use std::path::{Path, PathBuf};
use std::string::String;
use std::sync::Arc;
use std::vec::Vec;

use super::error::Result;
use super::job;
use super::options::Options;
use super::output::Output;
use super::scheme::Join;
use super::sink::FileSink;
use crate::dtype_buf::DTypeBuf;
use crate::hdf5::{self, Storage};
use crate::load::{self, Input, RowTypeRef};
use crate::store::{self, Extent};

/// What becomes of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// It is new.
    New,
    /// It takes the place of the one that is there.
    Replaced,
    /// Datasets are added to it.
    Added,
    /// Rows are added to its datasets.
    Grown,
}

/// How long an axis will be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Length {
    /// So long.
    Exactly(u64),
    /// About so long, by the bytes of the text that was not read.
    About(u64),
    /// Nobody knows before the text is read.
    Unknown,
}

/// A dataset that would be made, or get more rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// Its path in the file; of a group, if its columns are datasets.
    pub name: String,
    /// Its extents, with the rows that are there.
    pub shape: Vec<Length>,
    /// Those of its chunks; none if it has none, or if they depend on columns that were not seen.
    pub chunk: Vec<u64>,
}

/// What a conversion would make.
#[derive(Debug)]
#[non_exhaustive]
pub struct Preview {
    /// How the text is read, and what is in it.
    pub load: load::Preview,
    /// What becomes of the file.
    pub target: Target,
    /// Of rows in the file; none if all of the text has to be read to know.
    pub dtype: Option<Arc<DTypeBuf>>,
    /// How the rows lie in it.
    pub storage: Storage,
    /// The datasets, in the order of the inputs.
    pub datasets: Vec<Planned>,
}

impl Preview {
    /// Bytes of the rows that would be written, before they are packed: exactly, or about.
    #[must_use]
    pub fn bytes(&self) -> Option<u64> {
        let item = u64::from(self.dtype.as_ref()?.as_dtype().itemsize());
        let columns = u64::from(self.load.columns.unwrap_or(1).max(1));
        self.load.rows()?.checked_mul(item)?.checked_mul(columns)
    }
}

/// Reads the beginning of the text, or all of it if that is short, and says what
/// [`convert`](super::convert) would make of it. What is refused there before anything is written
/// is refused here, and so is text that cannot be read, as far as it is read. Nothing is made, and
/// nothing is left. A stream is read; files are left as they are.
///
/// # Errors
/// [`ConvertError`](super::ConvertError).
pub fn preview<'t, I: Into<Input>>(
    inputs: impl IntoIterator<Item = I>,
    output: &Path,
    rows: impl Into<RowTypeRef<'t>>,
    options: &Options,
    flag: Option<&AtomicBool>,
) -> Result<Preview> {
    let inputs: Vec<Input> = inputs.into_iter().map(Into::into).collect();
    let paths: Vec<PathBuf> = inputs.iter().map(|input| input.path().into()).collect();
    let target = match output.exists() {
        _ if options.append_rows => Target::Grown,
        true if options.hdf5.force => Target::Replaced,
        true => Target::Added,
        false => Target::New,
    };
    let job = job::start(inputs, output, rows, options, flag, false)?;
    let (load, sink) = load::ahead(job, flag)?;
    let mut all = Preview {
        load,
        target,
        dtype: None,
        storage: options.hdf5.storage.clone(),
        datasets: Vec::new(),
    };
    let Some(sink) = sink else { return Ok(all) };
    let FileSink { output: Output::Nowhere(nowhere), .. } = &*sink else { return Ok(all) };
    let dtype = DTypeBuf::copy_of(nowhere.dtype.as_dtype()).map_err(hdf5::Error::Core)?;
    all.dtype = Some(Arc::new(dtype));
    all.storage = nowhere.storage.clone();
    all.load.columns = sink.columns();
    let planner = Planner { sink: &sink, load: &all.load, paths: &paths };
    all.datasets = (0..sink.scheme.datasets()).map(|at| planner.dataset(at)).collect();
    Ok(all)
}

/// Says what datasets will be like.
struct Planner<'a> {
    sink: &'a FileSink,
    load: &'a load::Preview,
    paths: &'a [PathBuf],
}

impl Planner<'_> {
    fn dataset(&self, at: usize) -> Planned {
        let scheme = &self.sink.scheme;
        let name = scheme.names.get(at).cloned().unwrap_or_default();
        match self.sink.made.get(at) {
            Some(made) => {
                let shape = made.shape.iter().map(|&extent| Length::Exactly(extent)).collect();
                Planned { name, shape, chunk: self.cut(self.chunk(at), &made.shape) }
            }
            None => Planned { name, shape: self.shape(at), chunk: self.chunk(at) },
        }
    }

    /// A dataset of less than one chunk has a chunk of its size, unless one was asked for.
    fn cut(&self, mut chunk: Vec<u64>, shape: &[u64]) -> Vec<u64> {
        let Output::Nowhere(nowhere) = &self.sink.output else { return chunk };
        let rows = usize::from(self.sink.scheme.join == Join::Stack);
        let is_usual = nowhere.storage.chunk.is_empty() && self.sink.there(0).1.is_none();
        if let (true, Some(own), Some(&all)) = (is_usual, chunk.get_mut(rows), shape.get(rows)) {
            *own = if all > 0 { all.min(*own) } else { *own };
        }
        chunk
    }

    /// Extents of one that was not read to its end.
    fn shape(&self, at: usize) -> Vec<Length> {
        let (scheme, columns) = (&self.sink.scheme, self.load.columns);
        let (there, fixed) = self.sink.there(at);
        if let Some(fixed) = fixed {
            let rows = self.rows(at).map_or(Length::Unknown, |rows| Length::About(there + rows));
            return [rows].into_iter().chain(fixed.into_iter().map(Length::Exactly)).collect();
        }
        let rows = self.rows(at).map_or(Extent::Unknown, Extent::AtLeast);
        let across = columns.map_or(Extent::Unknown, |n| Extent::Exactly(n.max(1).into()));
        let length = |extent| match extent {
            Extent::Exactly(extent) => Length::Exactly(extent),
            Extent::AtLeast(about) => Length::About(about),
            Extent::Unknown => Length::Unknown,
        };
        scheme.extents(columns.is_none(), rows, across).into_iter().map(length).collect()
    }

    /// About how many rows come for it.
    fn rows(&self, at: usize) -> Option<u64> {
        match self.sink.scheme.join {
            Join::Concat => self.load.rows(),
            Join::Each => self.load.rows_of(self.size(at)?),
            Join::Stack => self.load.rows_of(self.size(0)?),
        }
    }

    /// Bytes of an input's text, if they are those of its file.
    fn size(&self, input: usize) -> Option<u64> {
        let path = self.paths.get(input).filter(|_| self.load.read.bytes_total > 0)?;
        fs::metadata(path).ok().map(|data| data.len())
    }

    /// Of chunks; those of a table depend on its columns, which may be others in other inputs.
    fn chunk(&self, at: usize) -> Vec<u64> {
        let Output::Nowhere(nowhere) = &self.sink.output else { return Vec::new() };
        if let Some(chunk) = nowhere.chunks.get(at) {
            return chunk.clone();
        }
        let scheme = &self.sink.scheme;
        let fixed = match &scheme.shape {
            Some(shape) => shape.rest.clone(),
            None if self.load.columns.is_none() => Vec::new(),
            None => return Vec::new(),
        };
        let (name, stacked) = (scheme.name(at), scheme.join == Join::Stack);
        let dtype = nowhere.dtype.as_dtype();
        store::chunk(name, dtype, &fixed, stacked, &nowhere.storage).unwrap_or_default()
    }
}

//! What an import reads: an array in a file, and how its bytes come.

use std::boxed::Box;
use std::format;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::string::{String, ToString};
use std::sync::Arc;
use std::vec::Vec;

use super::error::{ExchangeError, FileFault, Result};
use super::npy;
use crate::dtype_buf::DTypeBuf;
use crate::hdf5::{
    self, Foreign, Made, NOTES, Packed, Place, ReadFault, Reader, Sources, Stored, Unmeasured,
};
use crate::layout::MAX_NDIM;

/// How many datasets a message names.
const NAMED: usize = 5;

/// An array in a file.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) dtype: DTypeBuf,
    pub(super) shape: Vec<u64>,
    pub(super) strides: Option<Vec<i64>>,
    /// Bytes of the array.
    pub(super) len: u64,
    /// What HDF5 reads of.
    seen: Option<Sources>,
    pub(super) way: Way,
}

/// What a file turned out to have.
#[derive(Debug)]
pub(super) enum Found {
    Array(Source),
    /// Strings of variable length, which are an array when the longest is known.
    Texts(Box<Measuring>),
}

impl From<Source> for Found {
    fn from(source: Source) -> Self {
        Self::Array(source)
    }
}

impl Found {
    /// The array, whatever has to be read for that.
    pub(super) fn array(self) -> Result<Source> {
        match self {
            Self::Array(source) => Ok(source),
            Self::Texts(mut texts) => {
                while !texts.step()? {}
                texts.array()
            }
        }
    }
}

/// Strings of variable length whose longest is looked for.
#[derive(Debug)]
pub(super) struct Measuring {
    texts: Unmeasured,
    seen: Sources,
    path: PathBuf,
}

impl Measuring {
    /// Bytes of the dataset that were read, and all of them.
    pub(super) fn progress(&self) -> (u64, u64) {
        let ((done, all), row) = (self.texts.progress(), self.texts.row());
        (done.saturating_mul(row), all.saturating_mul(row))
    }

    /// Reads some; whether that was all.
    pub(super) fn step(&mut self) -> Result<bool> {
        self.texts.step()?;
        let (done, all) = self.texts.progress();
        Ok(done >= all)
    }

    /// The array, when all is read.
    pub(super) fn array(self) -> Result<Source> {
        Source::of_made(&self.path, self.texts.made()?, self.seen)
    }
}

/// How the bytes come.
#[derive(Debug)]
pub(super) enum Way {
    /// One behind the other, from a place in the file on.
    Flat { file: Flat, offset: u64 },
    /// From chunks that are unpacked without HDF5.
    Packed(Arc<Packed>),
    /// By HDF5, rows of chunks at a time.
    Rows { stored: Box<Stored>, step: u64 },
    /// Made of one dataset, or of several.
    Made(Box<Made>),
}

/// A file whose bytes are read without HDF5.
#[derive(Debug)]
pub(super) enum Flat {
    Npy { file: File, path: PathBuf },
    Stored(Box<Stored>),
}

impl Flat {
    /// Reads all of `buf`.
    pub(super) fn read(&self, buf: &mut [u8], at: u64) -> Result<()> {
        match self {
            Self::Npy { file, path } => {
                file.read_exact_at(buf, at).map_err(|e| ExchangeError::io("read", path, e))
            }
            Self::Stored(stored) => read_all(stored, buf, at),
        }
    }

    /// The dataset, if its bytes must be changed.
    pub(super) fn changed(&self) -> Option<&Stored> {
        match self {
            Self::Stored(stored) if stored.needs_change() => Some(stored),
            _ => None,
        }
    }
}

fn read_all(stored: &Stored, buf: &mut [u8], at: u64) -> Result<()> {
    let mut done = 0;
    while let Some(rest) = buf.get_mut(done..).filter(|rest| !rest.is_empty()) {
        match stored.read_file(rest, at + done as u64)? {
            0 => {
                let source = io::ErrorKind::UnexpectedEof.into();
                return Err(ExchangeError::io("read", stored.file(), source));
            }
            n => done += n,
        }
    }
    Ok(())
}

impl Source {
    /// Looks whether what was read is what is there: a part that is missing or cut in the
    /// middle is no error to HDF5.
    pub(super) fn check(&self) -> Result<()> {
        match (&self.seen, &self.way) {
            (Some(seen), Way::Rows { stored, .. }) => seen.compare(stored)?,
            // Those of the first are the first ones.
            (Some(seen), Way::Made(made)) => {
                made.datasets().next().map_or(Ok(()), |stored| seen.compare(stored))?;
            }
            _ => {}
        }
        Ok(())
    }

    /// Looks at a file, and in an HDF5 file at a dataset. Who has `workers` takes its chunks as
    /// they lie there.
    pub(super) fn open(path: &Path, dataset: Option<&str>, workers: bool) -> Result<Found> {
        let io = |e| ExchangeError::io("open it", path, e);
        // A pipe would be waited for.
        if !std::fs::metadata(path).map_err(io)?.is_file() {
            return Err(ExchangeError::file(path, FileFault::Unknown));
        }
        let file = File::open(path).map_err(io)?;
        let len = file.metadata().map_err(io)?.len();
        let mut magic = [0; npy::MAGIC.len()];
        let is_npy = file.read_exact_at(&mut magic, 0).is_ok() && magic == npy::MAGIC;
        match (is_npy, dataset) {
            (true, None) => Ok(Self::npy(file, path, len)?.into()),
            (true, Some(_)) => Err(ExchangeError::file(path, FileFault::NoPaths)),
            (false, dataset) => Self::hdf5(path, dataset, workers),
        }
    }

    fn npy(file: File, path: &Path, len: u64) -> Result<Self> {
        let header = npy::read(&file, path, len)?;
        let strides = header.strides();
        let len = header.data_len().ok_or_else(|| ExchangeError::file(path, FileFault::Shape))?;
        let npy::Header { dtype, shape, data_at, .. } = header;
        let file = Flat::Npy { file, path: path.to_path_buf() };
        Ok(Self {
            dtype,
            shape,
            strides,
            len,
            seen: None,
            way: Way::Flat { file, offset: data_at },
        })
    }

    fn hdf5(path: &Path, dataset: Option<&str>, workers: bool) -> Result<Found> {
        let mut seen = Sources::begin(path)?;
        let reader = Reader::open(path).map_err(|error| match error {
            hdf5::Error::Read { fault: ReadFault::NotHdf5, .. } => {
                ExchangeError::file(path, FileFault::Unknown)
            }
            other => other.into(),
        })?;
        let only_one;
        let name = if let Some(name) = dataset {
            name
        } else {
            only_one = only(&reader)?;
            &only_one
        };
        let stored = match reader.dataset(name) {
            Ok(stored) => stored,
            Err(error) => return made(&reader, name, seen, error),
        };
        seen.follow(&stored)?;
        let seen = Some(seen);
        let len = checked_len(path, stored.shape(), stored.len())?;
        let dtype = DTypeBuf::copy_of(stored.dtype())?;
        let shape = stored.shape().to_vec();
        let offset = if len == 0 { Some(0) } else { stored.offset()? };
        let packed = if workers { stored.packed()? } else { None };
        let stored = Box::new(stored);
        let way = match (offset, packed) {
            (Some(offset), _) => Way::Flat { file: Flat::Stored(stored), offset },
            (None, Some(packed)) => Way::Packed(Arc::new(packed)),
            (None, None) => Way::Rows { step: step(&stored), stored },
        };
        Ok(Self { dtype, shape, strides: None, len, seen, way }.into())
    }

    fn of_made(path: &Path, made: Made, seen: Sources) -> Result<Self> {
        let (shape, dtype) = (made.shape().to_vec(), DTypeBuf::copy_of(made.dtype())?);
        let item = u64::from(made.dtype().itemsize());
        let len = shape.iter().try_fold(item, |bytes, &n| bytes.checked_mul(n));
        let len = checked_len(path, &shape, len)?;
        let way = Way::Made(Box::new(made));
        Ok(Self { dtype, shape, strides: None, len, seen: Some(seen), way })
    }
}

/// What is no array, but can be made one; else the error that said so.
fn made(reader: &Reader, name: &str, mut seen: Sources, error: hdf5::Error) -> Result<Found> {
    match &error {
        hdf5::Error::Read { fault: ReadFault::NotDataset, .. } => {
            let Some(made) = reader.columns(name)? else { return Err(error.into()) };
            made.datasets().try_for_each(|stored| seen.follow(stored))?;
            Ok(Source::of_made(reader.path(), made, seen)?.into())
        }
        hdf5::Error::Read {
            fault: ReadFault::Type { field, what: Foreign::VariableString },
            ..
        } if field.is_empty() => {
            let (texts, path) = (reader.texts(name)?, reader.path().to_path_buf());
            seen.follow(texts.stored())?;
            Ok(Found::Texts(Box::new(Measuring { texts, seen, path })))
        }
        _ => Err(error.into()),
    }
}

/// Bytes of an array that a segment can have.
fn checked_len(path: &Path, shape: &[u64], len: Option<u64>) -> Result<u64> {
    if shape.len() > MAX_NDIM {
        return Err(ExchangeError::file(path, FileFault::Axes(shape.len())));
    }
    let len = len.filter(|&len| i64::try_from(len).is_ok());
    len.ok_or_else(|| ExchangeError::file(path, FileFault::Shape))
}

/// The only dataset of a file.
fn only(reader: &Reader) -> Result<String> {
    let mut all = reader.datasets()?;
    // What a joined file notes of its shards is none of its data.
    all.retain(|name| name.split('/').next() != Some(NOTES));
    if let Some(group) = columns_of(reader, &all)? {
        return Ok(group);
    }
    let fault = match all.len() {
        0 => FileFault::NoDatasets,
        1 => return Ok(all.remove(0)),
        count => {
            let first = all.iter().take(NAMED).map(|name| format!("/{name}")).collect();
            FileFault::Several { count, first }
        }
    };
    Err(ExchangeError::file(reader.path(), fault))
}

/// The group of columns that all datasets are.
fn columns_of(reader: &Reader, all: &[String]) -> Result<Option<String>> {
    let group = all.first().and_then(|first| first.rsplit_once('/'));
    let Some((group, _)) = group.filter(|_| all.len() > 1) else { return Ok(None) };
    let is_in = |name: &String| name.rsplit_once('/').is_some_and(|(of, _)| of == group);
    if !all.iter().all(is_in) || reader.columns(group)?.is_none() {
        return Ok(None);
    }
    Ok(Some(group.to_string()))
}

/// Rows that are read at a time: as many as make a step, in whole chunks.
fn step(stored: &Stored) -> u64 {
    let rows = stored.extents().first().copied().unwrap_or(1).max(1);
    let row_len = stored.len().unwrap_or(0) / rows;
    let chunk = match stored.place() {
        Place::Chunked { chunk } => chunk.first().copied().unwrap_or(1).max(1),
        _ => 1,
    };
    let chunks = super::STEP / row_len.saturating_mul(chunk).max(1);
    chunk.saturating_mul(chunks.max(1))
}

/// Takes `FILE:/PATH` apart. A file that is called like the whole text is meant, if there is
/// one; else the part in front of the last colon that is the name of a file.
#[must_use]
pub fn split_path(text: &Path) -> (PathBuf, Option<String>) {
    let whole = || (text.to_path_buf(), None);
    let Some(shown) = text.to_str().filter(|_| !text.exists()) else { return whole() };
    let colons = shown.rmatch_indices(':').map(|(at, _)| shown.split_at(at));
    let mut files = colons.filter(|(file, _)| Path::new(file).exists());
    match files.next() {
        Some((file, dataset)) => {
            (PathBuf::from(file), dataset.strip_prefix(':').map(ToString::to_string))
        }
        None => whole(),
    }
}

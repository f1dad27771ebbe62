//! How rows come to their place in the file: into one block, or into chunks.

#![allow(unsafe_code)]

use std::path::{Path, PathBuf};
use std::string::String;
use std::sync::Arc;
use std::vec::Vec;

use super::error::Result;
use super::extend::Growth;
use crate::dtype::DType;
use crate::dtype_buf::DTypeBuf;
use crate::hdf5::{self, AttrValue, Category, Storage, Writer};
use crate::load::Gather;
use crate::store::{self, ChunkedRows, Dataset, Dims, Ending};

/// The file that rows go to.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "there is one in a job")]
pub(super) enum Output {
    /// Into one block.
    Contiguous(Contiguous),
    /// Into chunks, as rows of this dtype.
    Chunked(ChunkedRows, Arc<DTypeBuf>),
    /// Only what would be made is noted.
    Nowhere(Nowhere),
}

/// What would be made.
#[derive(Debug)]
pub(super) struct Nowhere {
    target: PathBuf,
    options: hdf5::Options,
    pub(super) dtype: DTypeBuf,
    pub(super) storage: Storage,
    /// Of each dataset that was begun: the extents of a chunk, if it has some.
    pub(super) chunks: Vec<Vec<u64>>,
}

impl Nowhere {
    pub(super) fn new(target: &Path, options: &hdf5::Options, dtype: DTypeBuf) -> Self {
        let storage = options.storage.clone();
        Self { target: target.into(), options: options.clone(), dtype, storage, chunks: Vec::new() }
    }

    fn begin(&mut self, name: &str, fixed: &[u64], stacked: bool) -> Result<()> {
        let dtype = self.dtype.as_dtype();
        self.chunks.push(store::chunk(name, dtype, fixed, stacked, &self.storage)?);
        Ok(())
    }
}

#[derive(Debug)]
pub(super) struct Contiguous {
    writer: Writer,
    gather: Gather,
    dtype: DTypeBuf,
}

impl Output {
    pub(super) fn contiguous(writer: Writer, dtype: DTypeBuf) -> Self {
        Self::Contiguous(Contiguous { writer, gather: Gather::default(), dtype })
    }

    fn writer(&mut self) -> Option<&mut Writer> {
        match self {
            Self::Contiguous(own) => Some(&mut own.writer),
            Self::Chunked(rows, _) => Some(&mut rows.writer),
            Self::Nowhere(_) => None,
        }
    }

    /// Does a piece of what comes before the first dataset; whether all is done. A name that
    /// is taken in the file is refused then, before any text is parsed. Answers with the
    /// dimensions that are there.
    pub(super) fn prepare(&mut self, names: &[String], ending: &Ending) -> Result<Option<Dims>> {
        if let Self::Nowhere(own) = self {
            hdf5::check_names(&own.target, &own.options, names)?;
            return Ok(Some(Dims::default()));
        }
        let Some(writer) = self.writer() else { return Ok(None) };
        if !writer.prepare()? {
            return Ok(None);
        }
        names.iter().try_for_each(|name| writer.check_name(name))?;
        Ok(Some(ending.look(writer, names)?))
    }

    /// The dtype of rows in the file.
    pub(super) fn dtype(&self) -> DType<'_> {
        match self {
            Self::Contiguous(own) => own.dtype.as_dtype(),
            Self::Chunked(_, dtype) => dtype.as_dtype(),
            Self::Nowhere(own) => own.dtype.as_dtype(),
        }
    }

    /// Begins a dataset whose last extents are these. If it is stacked, the elements of its
    /// first axis come one by one.
    pub(super) fn begin(&mut self, name: &str, fixed: &[u64], stacked: bool) -> Result<()> {
        match self {
            Self::Contiguous(own) => Ok(own.writer.begin_dataset().map(|_| ())?),
            Self::Chunked(rows, dtype) => Ok(rows.begin(name, dtype, fixed, stacked)?),
            Self::Nowhere(own) => own.begin(name, fixed, stacked),
        }
    }

    /// Begins to add rows to a dataset that is there.
    pub(super) fn begin_rows(&mut self, growth: &Growth, table: usize) {
        let Some(there) = growth.tables.get(table) else { return };
        match self {
            Self::Chunked(rows, dtype) => rows.begin_rows(table, there, dtype, growth.stacked),
            Self::Nowhere(own) => own.chunks.push(there.chunk.clone()),
            Self::Contiguous(_) => {}
        }
    }

    pub(super) fn add(&mut self, rows: &[u8]) -> Result<()> {
        match self {
            Self::Contiguous(own) => Ok(own.gather.add(rows, appending(&mut own.writer))?),
            Self::Chunked(chunked, _) => Ok(chunked.add(rows)?),
            Self::Nowhere(_) => Ok(()),
        }
    }

    /// What comes next is the next element of a stacked dataset.
    pub(super) fn next_element(&mut self) -> Result<()> {
        match self {
            Self::Contiguous(_) | Self::Nowhere(_) => Ok(()),
            Self::Chunked(rows, _) => Ok(rows.next_element()?),
        }
    }

    /// Ends the dataset that was begun.
    pub(super) fn finish(
        &mut self,
        dataset: &Dataset,
        attrs: &[(&str, AttrValue<'_>)],
    ) -> Result<()> {
        match self {
            Self::Contiguous(own) => {
                own.gather.flush(appending(&mut own.writer))?;
                let (name, dtype) = (&dataset.name, own.dtype.as_dtype());
                Ok(own.writer.finish_dataset(name, dtype, &dataset.shape, attrs)?)
            }
            Self::Chunked(rows, _) => Ok(rows.finish(&dataset.shape, attrs)?),
            Self::Nowhere(_) => Ok(()),
        }
    }

    /// Says which fields of the datasets to come are numbers of labels.
    pub(super) fn set_categories(&mut self, categories: Vec<Category>) {
        match self {
            Self::Contiguous(own) => own.writer.set_categories(categories),
            Self::Chunked(rows, _) => rows.set_categories(categories),
            Self::Nowhere(_) => {}
        }
    }

    /// Gives the file itself attributes; one that is added to keeps its own.
    pub(super) fn set_root(&mut self, attrs: &[(&str, AttrValue<'_>)]) -> Result<()> {
        match self.writer() {
            Some(writer) if !writer.adds() => Ok(writer.set_root_attributes(attrs)?),
            _ => Ok(()),
        }
    }

    /// Does what can be done without waiting; whether it takes rows.
    pub(super) fn tend(&mut self) -> Result<bool> {
        match self {
            Self::Contiguous(_) | Self::Nowhere(_) => Ok(true),
            Self::Chunked(rows, _) => Ok(rows.tend()?),
        }
    }

    /// What is readable when there is something to do, if it ever takes no rows.
    pub(super) fn raw_fd(&self) -> Option<i32> {
        match self {
            Self::Contiguous(_) | Self::Nowhere(_) => None,
            Self::Chunked(rows, _) => Some(rows.raw_fd()),
        }
    }

    /// Does what can be done without waiting; whether all rows are in the file.
    pub(super) fn complete(&mut self) -> Result<bool> {
        match self {
            Self::Contiguous(_) | Self::Nowhere(_) => Ok(true),
            Self::Chunked(rows, _) => Ok(rows.complete()?),
        }
    }

    /// Says what is to be said of the datasets when all are made.
    pub(super) fn end(&mut self, ending: &Ending, dims: &Dims, made: &[Dataset]) -> Result<()> {
        match self {
            Self::Contiguous(own) => {
                Ok(ending.write(&mut own.writer, dims, made, own.dtype.as_dtype())?)
            }
            Self::Chunked(ChunkedRows { writer, .. }, dtype) => {
                writer.grow_scales()?;
                Ok(ending.write(writer, dims, made, dtype.as_dtype())?)
            }
            Self::Nowhere(_) => Ok(()),
        }
    }

    /// Completes the file.
    pub(super) fn close(self) -> Result<hdf5::Summary> {
        match self {
            Self::Contiguous(own) => Ok(own.writer.close()?),
            Self::Chunked(rows, _) => Ok(rows.writer.close()?),
            Self::Nowhere(_) => Err(hdf5::Error::Order("there is no file to complete").into()),
        }
    }
}

/// How rows come to a dataset.
fn appending(to: &mut Writer) -> impl FnMut(&[u8]) -> core::result::Result<(), hdf5::Error> + '_ {
    // SAFETY: a slice is readable for its length.
    |bytes| unsafe { to.append(bytes.as_ptr(), bytes.len()) }
}

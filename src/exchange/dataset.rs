//! A segment on its way to a dataset of an HDF5 file: into one block, or through packers into
//! chunks.

#![allow(unsafe_code)]

use std::boxed::Box;
use std::path::Path;
use std::string::{String, ToString};
use std::sync::Arc;
use std::vec::Vec;

use super::error::{ExchangeError, Result};
use super::export::{ExportOptions, Exported, Format};
use crate::dtype::{Field, Kind};
use crate::dtype_buf::DTypeBuf;
use crate::error::Error;
use crate::hdf5::{self, Attribute, Writer, check_dtype};
use crate::segment::Segment;
use crate::store::{self, ChunkedRows, Dataset, Dims, Ending, Extent, Packing};

/// Metadata of a file with one dataset, beside its type.
const METADATA: u64 = 512;
/// Name of the dataset of a segment that has none.
const DATASET: &str = "data";
/// Memory for packing if nobody says how much.
const DEFAULT_PACKING: u64 = 48 << 20;
/// So few bytes are packed sooner than a worker is forked.
const NO_FORK: usize = 256 << 10;

/// The dataset in the making.
#[derive(Debug)]
pub(super) struct Hdf5 {
    file: File,
    name: String,
    attributes: Vec<(String, Attribute)>,
    ending: Ending,
    /// Those of the file that is added to, and its own.
    dims: Dims,
    /// Whether it takes elements.
    begun: bool,
    /// Whether all elements were added.
    ended: bool,
    /// Texts have to be brought into the form that files have.
    has_unicode: bool,
}

#[derive(Debug)]
enum File {
    Plain(Box<Writer>),
    /// Elements of this dtype.
    Chunked(Box<ChunkedRows>, Arc<DTypeBuf>),
}

impl Hdf5 {
    /// Forks the packers, if there are any, and begins the file behind that.
    pub(super) fn start(segment: &Segment, output: &Path, options: &ExportOptions) -> Result<Self> {
        let made = written(options);
        hdf5::check_target(output, &made)?;
        let dtype = segment.dtype();
        let metadata = check_dtype(dtype, &made)? + METADATA;
        let own = segment.name().map_or(DATASET, |name| name.as_str());
        let name = options.dataset.clone().unwrap_or_else(|| own.to_string());
        let (dims, objects, units) = (&options.dims, &options.object_attributes, &options.units);
        let ending = Ending::new(dims, objects, units, &made.storage).map_err(Box::new)?;
        let extents: Vec<_> = segment.shape().iter().map(|&n| Extent::Exactly(n)).collect();
        ending.check(core::slice::from_ref(&name), &extents, dtype).map_err(Box::new)?;
        let file = if made.storage.is_chunked() {
            if segment.shape().is_empty() {
                return Err(ExchangeError::OneValue { dataset: name });
            }
            let own = DTypeBuf::copy_of(dtype)?;
            let packing = packing(segment, options);
            let press = store::press(&own, &made.storage, packing).map_err(Box::new)?;
            let writer = Writer::start(output, &made, metadata)?;
            let rows = ChunkedRows::new(writer, press, made.storage.clone());
            File::Chunked(rows.into(), own.into())
        } else {
            File::Plain(Writer::start(output, &made, metadata)?.into())
        };
        let attributes = options.attributes.clone();
        let has_unicode = has_unicode(dtype.root());
        let dims = Dims::default();
        Ok(Self { file, name, attributes, ending, dims, begun: false, ended: false, has_unicode })
    }

    fn writer(&mut self) -> &mut Writer {
        match &mut self.file {
            File::Plain(writer) => writer,
            File::Chunked(rows, _) => &mut rows.writer,
        }
    }

    /// Does a piece of what comes before the first element; whether that is all.
    pub(super) fn prepare(&mut self, shape: &[u64]) -> Result<bool> {
        if self.begun {
            return Ok(true);
        }
        let name = self.name.clone();
        let writer = self.writer();
        if !writer.prepare()? {
            return Ok(false);
        }
        writer.check_name(&name)?;
        let names = core::slice::from_ref(&name);
        let dims = match &self.file {
            File::Plain(writer) => self.ending.look(writer, names),
            File::Chunked(rows, _) => self.ending.look(&rows.writer, names),
        };
        self.dims = dims.map_err(Box::new)?;
        match &mut self.file {
            File::Plain(writer) => writer.begin_dataset().map(|_| ())?,
            File::Chunked(rows, dtype) => {
                let fixed = shape.get(1..).unwrap_or_default();
                rows.begin(&name, dtype, fixed, false).map_err(Box::new)?;
            }
        }
        self.begun = true;
        Ok(true)
    }

    /// Whether elements go to the file as they lie in the segment.
    pub(super) const fn is_verbatim(&self) -> bool {
        !self.has_unicode && matches!(self.file, File::Plain(_))
    }

    /// Does what can be done without waiting; whether it takes elements.
    pub(super) fn tend(&mut self) -> Result<bool> {
        match &mut self.file {
            File::Plain(_) => Ok(true),
            File::Chunked(rows, _) => Ok(rows.tend().map_err(Box::new)?),
        }
    }

    /// What is readable when it takes elements again.
    pub(super) fn raw_fd(&self) -> Option<i32> {
        match &self.file {
            File::Plain(_) => None,
            File::Chunked(rows, _) => Some(rows.raw_fd()),
        }
    }

    /// Bytes that may be added before it is [tended](Self::tend) again, if not any number.
    pub(super) fn most(&self) -> Option<u64> {
        match &self.file {
            File::Plain(_) => None,
            File::Chunked(rows, _) => Some(rows.block_bytes()),
        }
    }

    /// Adds elements that may lie in shared memory.
    ///
    /// # Safety
    /// * `data` is readable for `len` bytes during the call.
    pub(super) unsafe fn add_shared(&mut self, data: *const u8, len: usize) -> Result<()> {
        match &mut self.file {
            // SAFETY: by this function's contract.
            File::Plain(writer) => Ok(unsafe { writer.append(data, len) }?),
            File::Chunked(..) => Err(Error::Argument.into()),
        }
    }

    /// Adds elements.
    pub(super) fn add(&mut self, elements: &[u8]) -> Result<()> {
        match &mut self.file {
            // SAFETY: the slice is readable for its length.
            File::Plain(writer) => Ok(unsafe { writer.append(elements.as_ptr(), elements.len()) }?),
            File::Chunked(rows, _) => Ok(rows.add(elements).map_err(Box::new)?),
        }
    }

    /// Ends the dataset, all of whose elements were added; whether all are in the file. If not,
    /// it is to be called again when there is something to read.
    pub(super) fn complete(&mut self, segment: &Segment) -> Result<bool> {
        let attributes: Vec<_> =
            self.attributes.iter().map(|(name, value)| (name.as_str(), value.value())).collect();
        let shape = segment.shape();
        match &mut self.file {
            File::Plain(writer) if !self.ended => {
                writer.finish_dataset(&self.name, segment.dtype(), shape, &attributes)?;
            }
            File::Plain(_) => {}
            File::Chunked(rows, _) => {
                if !self.ended {
                    rows.finish(shape, &attributes).map_err(Box::new)?;
                }
                self.ended = true;
                return Ok(rows.complete().map_err(Box::new)?);
            }
        }
        self.ended = true;
        Ok(true)
    }

    /// Says what is to be said of the dataset, and gives the file its name.
    pub(super) fn close(mut self, segment: &Segment) -> Result<Exported> {
        let dataset = Dataset { name: self.name.clone(), shape: segment.shape().into() };
        let (ending, mut dims) =
            (core::mem::take(&mut self.ending), core::mem::take(&mut self.dims));
        let dtype = segment.dtype();
        ending.note(&mut dims, &dataset, dtype).map_err(Box::new)?;
        ending.write(self.writer(), &dims, &[dataset], dtype).map_err(Box::new)?;
        let made = match self.file {
            File::Plain(writer) => writer.close()?,
            File::Chunked(rows, _) => rows.writer.close()?,
        };
        Ok(Exported { path: made.path, bytes: made.bytes, format: Format::Hdf5 })
    }
}

fn has_unicode(field: Field<'_>) -> bool {
    field.kind() == Kind::Unicode || field.fields().any(has_unicode)
}

/// How the file is written.
fn written(options: &ExportOptions) -> hdf5::Options {
    let mut made = hdf5::Options::default();
    (made.force, made.append, made.sync) = (options.force, options.append, options.sync);
    made.bool_as_u8 = options.bool_as_u8;
    made.storage = options.storage.clone();
    made
}

/// What packers may use.
fn packing(segment: &Segment, options: &ExportOptions) -> Packing {
    let workers = if segment.data_len() <= NO_FORK { Some(0) } else { options.workers };
    Packing { workers, memory: options.memory.unwrap_or(DEFAULT_PACKING) }
}

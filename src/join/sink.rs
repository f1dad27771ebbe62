//! The file that is made of shards: what lies in one block is put there, what has chunks goes
//! through packers.

use std::boxed::Box;

use super::Options;
use super::copy::described;
use super::error::{JoinError, Result};
use super::plan::Joined;
use crate::hdf5::{self, Layout, Storage, Writer};
use crate::pack::Press;
use crate::store::{self, ChunkedRows, Packing};

/// Memory for packing if nobody says how much.
const DEFAULT_PACKING: u64 = 48 << 20;
/// So few bytes are packed sooner than a worker is forked.
const NO_FORK: u64 = 256 << 10;

/// The file in the making.
#[derive(Debug)]
pub(super) enum Sink {
    Plain(Box<Writer>),
    Chunked(Box<ChunkedRows>),
}

/// Where the bytes of a dataset go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Home {
    /// It has none.
    Nowhere,
    /// One behind the other, from this byte of the file on.
    Block(u64),
    /// Through packers.
    Chunks,
}

/// Refuses options that do not fit together.
pub(super) fn check(options: &Options) -> Result<()> {
    let storage = &options.hdf5.storage;
    if *storage != Storage::default() && !options.materialize {
        return Err(JoinError::Storage {
            why: "rows stay as they are in the shards: only where they are copied (materialize) \
                  they can be laid out, compressed or checked",
        });
    }
    if storage.layout == Layout::Columns {
        return Err(JoinError::Storage {
            why: "columns become datasets where text is read: a join copies datasets as they are",
        });
    }
    Ok(())
}

/// Forks the packers, if there is anything to pack, for shards of so many bytes.
pub(super) fn press(options: &Options, bytes: u64) -> Result<Option<Press>> {
    let storage = &options.hdf5.storage;
    if !storage.is_chunked() {
        return Ok(None);
    }
    let workers = if bytes <= NO_FORK { Some(0) } else { options.workers };
    let packing = Packing { workers, memory: options.memory.unwrap_or(DEFAULT_PACKING) };
    Ok(Some(store::press_of_rows(storage, packing).map_err(Box::new)?))
}

impl Sink {
    pub(super) fn new(writer: Writer, press: Option<Press>, storage: &Storage) -> Self {
        match press {
            Some(press) => Self::Chunked(ChunkedRows::new(writer, press, storage.clone()).into()),
            None => Self::Plain(writer.into()),
        }
    }

    pub(super) fn writer(&mut self) -> &mut Writer {
        match self {
            Self::Plain(writer) => writer,
            Self::Chunked(rows) => &mut rows.writer,
        }
    }

    /// Makes a dataset if it lies in one block. One of chunks is begun when the one before it has
    /// all its rows.
    pub(super) fn place(&mut self, joined: &Joined, bytes: u64) -> Result<Home> {
        // A single value has no rows.
        let has_rows = joined.shape.as_ref().is_some_and(|shape| !shape.is_empty());
        if has_rows && matches!(self, Self::Chunked(_)) {
            return Ok(Home::Chunks);
        }
        let at = self.writer().add_place(&described(joined), bytes)?;
        Ok(at.map_or(Home::Nowhere, Home::Block))
    }

    /// Begins a dataset of chunks.
    pub(super) fn begin(&mut self, joined: &Joined) -> Result<()> {
        let fixed = joined.shape.as_deref().and_then(|shape| shape.get(1..)).unwrap_or_default();
        match self {
            Self::Plain(_) => Ok(()),
            Self::Chunked(rows) => Ok(rows.begin_like(&joined.first, fixed).map_err(Box::new)?),
        }
    }

    /// Adds as many bytes to the dataset as there is room for; how many.
    pub(super) fn add(&mut self, bytes: &[u8]) -> Result<usize> {
        let Self::Chunked(rows) = self else { return Ok(bytes.len()) };
        let mut added = 0;
        while added < bytes.len() && rows.tend().map_err(Box::new)? {
            let left = bytes.get(added..).unwrap_or_default();
            let most = usize::try_from(rows.block_bytes()).unwrap_or(usize::MAX);
            let piece = left.get(..most).unwrap_or(left);
            rows.add(piece).map_err(Box::new)?;
            added += piece.len();
        }
        Ok(added)
    }

    /// Ends the dataset, all of whose rows were added.
    pub(super) fn end(&mut self, joined: &Joined) -> Result<()> {
        match (self, &joined.shape) {
            (Self::Chunked(rows), Some(shape)) => Ok(rows.finish(shape, &[]).map_err(Box::new)?),
            _ => Ok(()),
        }
    }

    /// Does what can be done without waiting; whether that was all.
    pub(super) fn complete(&mut self) -> Result<bool> {
        match self {
            Self::Plain(_) => Ok(true),
            Self::Chunked(rows) => Ok(rows.complete().map_err(Box::new)?),
        }
    }

    pub(super) fn close(self) -> Result<hdf5::Summary> {
        Ok(match self {
            Self::Plain(writer) => writer.close()?,
            Self::Chunked(rows) => rows.writer.close()?,
        })
    }
}

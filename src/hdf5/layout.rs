//! How a dataset lies in its file: in one piece, or in chunks that may be packed.

use core::num::NonZero;
use std::vec::Vec;

use hdf5_sys::h5::hsize_t;
use hdf5_sys::{h5d, h5p, h5z};

use super::error::Result;
use super::file;
use super::id::Id;
use super::library::Session;
use crate::filter::{Codec, Filters};

/// Zstandard's number in the registry of HDF5 filters.
pub(super) const ZSTD: h5z::H5Z_filter_t = 32015;

/// Where the rows of a dataset lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Layout {
    /// One behind the other in one block, which may be mapped. Cannot be packed or grown.
    #[default]
    Contiguous,
    /// In chunks of so many rows. They may be packed, and rows may be added later on.
    Chunked,
    /// A group with a dataset for each field of the record, in chunks: packed better than
    /// rows, and one column is read without the others. A record may have any number.
    Columns,
}

/// Layout, and what belongs to it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Storage {
    /// Where the rows lie. What packs chunks, or gives their shape, asks for chunks if this
    /// is [`Layout::Contiguous`].
    pub layout: Layout,
    /// How chunks are packed.
    pub filters: Filters,
    /// The extents of a chunk, one for each axis of the dataset; without them, chunks of
    /// about 1 MiB that hold whole rows.
    pub chunk: Vec<NonZero<u64>>,
}

impl Storage {
    /// Whether the datasets have chunks, one way or the other.
    #[must_use]
    pub fn is_chunked(&self) -> bool {
        self.layout != Layout::Contiguous
            || self.filters != Filters::default()
            || !self.chunk.is_empty()
    }
}

/// Creation list of a dataset of chunks with these extents.
pub(super) fn chunked_list(session: &Session, chunk: &[u64], filters: Filters) -> Result<Id> {
    let list = file::untimed(session, *h5p::H5P_CLS_DATASET_CREATE)?;
    let extents: Vec<hsize_t> = chunk.to_vec();
    // SAFETY: `list` is a dataset creation list, here and below; as many extents as announced.
    let status = unsafe { h5p::H5Pset_chunk(list.raw(), extents.len() as _, extents.as_ptr()) };
    session.check("H5Pset_chunk", status)?;
    // SAFETY: as above.
    let status = unsafe { h5p::H5Pset_alloc_time(list.raw(), h5d::H5D_ALLOC_TIME_INCR) };
    session.check("H5Pset_alloc_time", status)?;
    // SAFETY: as above.
    let status = unsafe { h5p::H5Pset_fill_time(list.raw(), h5d::H5D_FILL_TIME_NEVER) };
    session.check("H5Pset_fill_time", status)?;
    set_filters(session, &list, filters)?;
    Ok(list)
}

/// Access list of datasets whose chunks are written whole: HDF5 keeps none of them.
pub(super) fn uncached_list(session: &Session) -> Result<Id> {
    let list = file::new_list(session, *h5p::H5P_CLS_DATASET_ACCESS)?;
    // SAFETY: `list` is a dataset access list.
    let status = unsafe { h5p::H5Pset_chunk_cache(list.raw(), 1, 0, 1.0) };
    session.check("H5Pset_chunk_cache", status)?;
    Ok(list)
}

/// The filters in the order in which the packer applies them.
fn set_filters(session: &Session, list: &Id, filters: Filters) -> Result<()> {
    if filters.shuffle {
        // SAFETY: `list` is a dataset creation list, here and below.
        session.check("H5Pset_shuffle", unsafe { h5p::H5Pset_shuffle(list.raw()) })?;
    }
    match filters.codec {
        Codec::None => {}
        Codec::Gzip(level) => {
            // SAFETY: as above.
            let status = unsafe { h5p::H5Pset_deflate(list.raw(), u32::from(level)) };
            session.check("H5Pset_deflate", status)?;
        }
        Codec::Zstd(level) => {
            let (flag, level) = (h5z::H5Z_FLAG_OPTIONAL, [level as u32]);
            // SAFETY: as above; one value is announced. An optional filter may be one that
            // this HDF5 does not have: the chunks come packed.
            let status = unsafe { h5p::H5Pset_filter(list.raw(), ZSTD, flag, 1, level.as_ptr()) };
            session.check("H5Pset_filter", status)?;
        }
    }
    if filters.fletcher32 {
        // SAFETY: as above.
        session.check("H5Pset_fletcher32", unsafe { h5p::H5Pset_fletcher32(list.raw()) })?;
    }
    Ok(())
}

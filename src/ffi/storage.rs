//! How datasets lie in an HDF5 file: in one piece, or in chunks that may be packed.

use core::num::NonZero;
use std::vec::Vec;

use super::args;
use super::convert::ndshm_hdf5_options;
use super::error::Fault;
use super::reading::flag;
use crate::hdf5::{Codec, Filters, Layout, Storage};

/// Contiguous, or chunked where chunks are asked for.
pub const NDSHM_LAYOUT_AUTO: u32 = 0;
/// One block, which may be mapped. It has no chunks.
pub const NDSHM_LAYOUT_CONTIGUOUS: u32 = 1;
/// Chunks of rows, which may be compressed and extended.
pub const NDSHM_LAYOUT_CHUNKED: u32 = 2;
/// A dataset for each column in a group, in chunks: compresses best, and one
/// column is read without the others.
pub const NDSHM_LAYOUT_COLUMNS: u32 = 3;

/// Chunks are stored as they are.
pub const NDSHM_COMPRESSION_NONE: u32 = 0;
/// Deflate, which every HDF5 reads: levels 1 to 9, usually 4.
pub const NDSHM_COMPRESSION_GZIP: u32 = 1;
/// Zstandard, for which readers need a plugin: levels 1 to 19, usually 3.
pub const NDSHM_COMPRESSION_ZSTD: u32 = 2;

impl ndshm_hdf5_options {
    /// # Safety
    /// * `chunk` is NULL, or leads to as many extents as there are said to be.
    pub(super) unsafe fn storage(&self) -> Result<Storage, Fault> {
        let filters = self.filters()?;
        // SAFETY: the caller's promise.
        let given = unsafe { args::items(self.chunk, self.chunk_len, "options->chunk") }?;
        let extent = |&extent: &u64| NonZero::new(extent).ok_or(Fault::Range("options->chunk"));
        let chunk: Vec<_> = given.iter().map(extent).collect::<Result<_, _>>()?;
        let chunks = filters != Filters::default() || !chunk.is_empty();
        let layout = match self.layout {
            NDSHM_LAYOUT_CONTIGUOUS if chunks => {
                return Err(Fault::Conflict(
                    "options->layout",
                    " is contiguous, and without chunks nothing can be compressed, checked or \
                     given a shape: use another one",
                ));
            }
            NDSHM_LAYOUT_AUTO if chunks => Layout::Chunked,
            NDSHM_LAYOUT_AUTO | NDSHM_LAYOUT_CONTIGUOUS => Layout::Contiguous,
            NDSHM_LAYOUT_CHUNKED => Layout::Chunked,
            NDSHM_LAYOUT_COLUMNS => Layout::Columns,
            _ => return Err(Fault::Range("options->layout")),
        };
        Ok(Storage { layout, filters, chunk })
    }

    fn filters(&self) -> Result<Filters, Fault> {
        let codec = self.codec()?;
        let packed = codec != Codec::None;
        let no_shuffle = flag(self.no_shuffle, "options->no_shuffle")?;
        if no_shuffle && !packed {
            return Err(Fault::Conflict("options->no_shuffle", " is set without a compression"));
        }
        let fletcher32 = flag(self.fletcher32, "options->fletcher32")?;
        Ok(Filters { shuffle: packed && !no_shuffle, codec, fletcher32 })
    }

    fn codec(&self) -> Result<Codec, Fault> {
        let level = |most: u8, usual: u8| match u8::try_from(self.level) {
            Ok(0) => Ok(usual),
            Ok(level) if level <= most => Ok(level),
            _ => Err(Fault::Range("options->level")),
        };
        match self.compression {
            NDSHM_COMPRESSION_NONE => level(0, 0).map(|_| Codec::None),
            NDSHM_COMPRESSION_GZIP => level(9, 4).map(Codec::Gzip),
            NDSHM_COMPRESSION_ZSTD => level(19, 3).map(|level| Codec::Zstd(level as i8)),
            _ => Err(Fault::Range("options->compression")),
        }
    }
}

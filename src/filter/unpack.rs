//! Chunks to blocks of rows.

use super::codec::Decoder;
use super::gather::scatter;
use super::{Codec, Filters, Tiles, checksum};
use crate::error::Result;
use crate::sys::Pages;

/// Why a chunk cannot be unpacked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Broken {
    /// There is no such tile, or it is larger than promised.
    Tile,
    /// The mask has bits of filters that there are not.
    Mask,
    /// The checksum is another one, or not there.
    Checksum,
    /// The codec cannot make sense of it, or its content has another length.
    Content,
}

/// Unpacks chunks, without allocating.
#[derive(Debug)]
pub(crate) struct Unpacker {
    filters: Filters,
    decoder: Decoder,
    /// A chunk, not compressed any more.
    chunk: Pages,
    /// The same, to be used between.
    spare: Pages,
    most_chunk: usize,
}

impl Unpacker {
    /// For chunks that were of up to so many bytes.
    ///
    /// # Errors
    /// What the system says if there is no memory.
    pub(crate) fn new(most_chunk: usize, filters: Filters) -> Result<Self> {
        let decoder = Decoder::new(filters.codec)?;
        let (chunk, spare) = (Pages::new(most_chunk)?, Pages::new(most_chunk)?);
        Ok(Self { filters, decoder, chunk, spare, most_chunk })
    }

    /// Writes tile `i` to its place in a block; the block is as it was if the chunk is broken.
    /// `stored` are the bytes of the chunk as they are in the file, `mask` its filter mask.
    ///
    /// # Errors
    /// What is wrong with the chunk.
    ///
    /// # Safety
    /// * `block` is writable for the bytes of the tiles' block.
    pub(crate) unsafe fn unpack(
        &mut self,
        tiles: &Tiles<'_>,
        i: usize,
        stored: &[u8],
        mask: u32,
        block: *mut u8,
    ) -> core::result::Result<(), Broken> {
        let bytes = tiles.chunk_bytes(i);
        if !(1..=self.most_chunk).contains(&bytes) {
            return Err(Broken::Tile);
        }
        let Filters { shuffle, codec, fletcher32 } = self.filters;
        let checksum = self.filters.checksum_bit();
        let behind = if fletcher32 { checksum << 1 } else { checksum };
        if mask >= behind {
            return Err(Broken::Mask);
        }
        let mut data = stored;
        if fletcher32 && mask & checksum == 0 {
            data = checked(stored).ok_or(Broken::Checksum)?;
        }
        if codec != Codec::None && mask & self.filters.codec_bit() == 0 {
            let chunk = self.chunk.get_mut(..bytes).ok_or(Broken::Tile)?;
            if !self.decoder.decode(data, chunk) {
                return Err(Broken::Content);
            }
            data = chunk;
        }
        if data.len() != bytes {
            return Err(Broken::Content);
        }
        let shuffled = shuffle && mask & 1 == 0;
        // SAFETY: there is such a tile, and the block is writable.
        unsafe { scatter(tiles, i, shuffled, data, &mut self.spare, block) }.ok_or(Broken::Tile)
    }
}

/// What the checksum at the end is of, if it is right.
fn checked(stored: &[u8]) -> Option<&[u8]> {
    let (data, sum) = stored.split_last_chunk()?;
    let right = checksum::fletcher32(data);
    let [a, b, c, d] = right;
    // HDF5 up to 1.6.2 exchanged the bytes of each half, and is still read.
    (right == *sum || [b, a, d, c] == *sum).then_some(data)
}

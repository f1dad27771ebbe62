//! Rows to the chunks of an HDF5 file and back, as HDF5's own filters would have made them:
//! shuffle, then deflate or Zstandard, then Fletcher's checksum.
//!
//! For [`pack`](crate::pack) and for imports, which fork workers. [`Tiles`] say
//! how a block of rows is parted into chunks. A [`Packer`] makes the chunks, an [`Unpacker`]
//! puts one back in its place.
//!
//! # What it costs
//!
//! Nearly all is the codec's, which for deflate is libdeflate. Of measured floats most bytes are
//! noise, of names and counts most are one byte again and again, and deflate takes as long for these
//! as for others. So such planes at the front of a shuffled chunk are found out, by a look at
//! how often values and sequences come, and stored or written as runs. That makes deflate up to
//! several times as fast, and chunks no larger. Readers see an ordinary zlib stream.
//!
//! # After a fork
//!
//! A packer may be made before a fork and used in the child, whatever other threads of the
//! parent held at that moment: after its construction nothing allocates, locks or unwinds.
//! * Scratch is mapped by [`Packer::new`]. Its pages come when they are touched, which is the
//!   kernel's matter.
//! * libdeflate has all of its memory in the compressor, of which there is one.
//! * Zstandard works in memory that is ours, and so has no allocator to ask. One that allocates
//!   would, even if it was warmed: after many small chunks it trades its workspace for a smaller
//!   one. What does not fit is stored as it is.
//! * Sizes are checked once, when tiles are made and when a block comes in.

#![allow(unsafe_code)]

mod checksum;
mod codec;
mod deflate;
mod gather;
mod noise;
mod pack;
#[cfg(test)]
mod readers;
mod run;
mod shuffle;
#[cfg(test)]
mod tests;
mod tiles;
mod unpack;
mod zstd;

pub(crate) use pack::{Chunk, Packer};
pub(crate) use tiles::Tiles;
pub(crate) use unpack::{Broken, Unpacker};

/// How the bytes of a chunk are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Codec {
    /// Not at all.
    #[default]
    None,
    /// Deflate, which every reader of HDF5 has: levels 0 to 9, as HDF5 records them.
    Gzip(u8),
    /// Zstandard, for which readers need a plugin: levels 1 to 22.
    Zstd(i8),
}

/// The filters of a dataset, in the order in which they are applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Filters {
    /// Whether the bytes of elements are sorted: all first ones, all second ones, and so on.
    pub shuffle: bool,
    /// How they are compressed then.
    pub codec: Codec,
    /// Whether a checksum is added.
    pub fletcher32: bool,
}

impl Filters {
    /// The bit of a chunk's mask that says that the codec was not applied.
    const fn codec_bit(self) -> u32 {
        1 << self.shuffle as u32
    }

    /// The same for the checksum.
    const fn checksum_bit(self) -> u32 {
        let codec = !matches!(self.codec, Codec::None);
        1 << (self.shuffle as u32 + codec as u32)
    }

    /// Bytes that are added to a chunk.
    const fn added(self) -> usize {
        if self.fletcher32 { checksum::LEN } else { 0 }
    }
}

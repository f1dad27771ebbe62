//! The codecs, with all of their memory.

use core::fmt;

use libdeflater::Decompressor;

use super::Codec;
use super::deflate::Deflate;
use super::zstd::{ZstdDecoder, ZstdEncoder};
use crate::error::Result;

/// Compresses chunks.
pub(super) enum Encoder {
    None,
    Gzip(Deflate),
    Zstd(ZstdEncoder),
}

impl Encoder {
    /// For chunks of so many bytes at most.
    pub(super) fn new(codec: Codec, most_chunk: usize) -> Result<Self> {
        Ok(match codec {
            Codec::None | Codec::Gzip(0) => Self::None,
            Codec::Gzip(level) => Self::Gzip(Deflate::new(level)?),
            Codec::Zstd(level) => Self::Zstd(ZstdEncoder::new(level, most_chunk)?),
        })
    }

    /// Compresses `chunk` to fewer bytes, if that is possible; returns how many. It has planes
    /// of so many bytes of one sort, 0 if it was not shuffled.
    pub(super) fn encode(&mut self, chunk: &[u8], plane: usize, out: &mut [u8]) -> Option<usize> {
        let out = out.get_mut(..chunk.len().checked_sub(1)?)?;
        match self {
            Self::None => None,
            Self::Gzip(deflate) => deflate.encode(chunk, plane, out),
            Self::Zstd(encoder) => encoder.encode(chunk, out),
        }
    }
}

impl fmt::Debug for Encoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Gzip(_) => "Gzip",
            Self::Zstd(_) => "Zstd",
        })
    }
}

/// Decompresses them.
pub(super) enum Decoder {
    None,
    Gzip(Decompressor),
    Zstd(ZstdDecoder),
}

impl Decoder {
    pub(super) fn new(codec: Codec) -> Result<Self> {
        Ok(match codec {
            Codec::None => Self::None,
            Codec::Gzip(_) => Self::Gzip(Decompressor::new()),
            Codec::Zstd(_) => Self::Zstd(ZstdDecoder::new()?),
        })
    }

    /// Decompresses to `out`, which is filled exactly, or there is something wrong.
    pub(super) fn decode(&mut self, packed: &[u8], out: &mut [u8]) -> bool {
        let len = match self {
            Self::None => None,
            Self::Gzip(decompressor) => decompressor.zlib_decompress(packed, out).ok(),
            Self::Zstd(decoder) => decoder.decode(packed, out),
        };
        len == Some(out.len())
    }
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Gzip(_) => "Gzip",
            Self::Zstd(_) => "Zstd",
        })
    }
}

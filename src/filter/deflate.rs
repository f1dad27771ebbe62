//! zlib streams. Noise at the begin of a chunk is stored, and the rest compressed.

use libdeflater::{Adler32, CompressionLvl, Compressor};

use super::noise::leading_noise;
use crate::error::{Error, Result};

/// libdeflate's level for each of zlib's.
const EFFORT: [i32; 10] = [1, 1, 2, 2, 2, 5, 5, 7, 8, 9];
/// A zlib stream's first bytes: deflate with the usual window.
const HEADER: [u8; 2] = [0x78, 0x9C];
/// Bytes of the checksum at its end.
const TRAILER: usize = 4;
/// Most bytes of a stored block.
const STORED: usize = 0xFFFF;

/// Compresses chunks.
pub(super) struct Deflate {
    compressor: Compressor,
}

impl Deflate {
    /// For one of zlib's levels.
    pub(super) fn new(level: u8) -> Result<Self> {
        let effort = EFFORT.get(usize::from(level)).ok_or(Error::Argument)?;
        let effort = CompressionLvl::new(*effort).map_err(|_| Error::Argument)?;
        Ok(Self { compressor: Compressor::new(effort) })
    }

    /// Compresses `chunk`, which has planes of so many bytes of one sort, if it fits `out`;
    /// returns to how many bytes.
    pub(super) fn encode(&mut self, chunk: &[u8], plane: usize, out: &mut [u8]) -> Option<usize> {
        let (noise, rest) = chunk.split_at_checked(leading_noise(chunk, plane))?;
        if noise.is_empty() {
            return self.compressor.zlib_compress(chunk, out).ok();
        }
        let mut at = 0;
        put(out, &mut at, &HEADER)?;
        for block in noise.chunks(STORED) {
            let len = block.len() as u16;
            let ([a, b], [c, d]) = (len.to_le_bytes(), (!len).to_le_bytes());
            put(out, &mut at, &[0, a, b, c, d])?;
            put(out, &mut at, block)?;
        }
        let end = out.len().checked_sub(TRAILER)?;
        at += self.compressor.deflate_compress(rest, out.get_mut(at..end)?).ok()?;
        let mut sum = Adler32::new();
        sum.update(chunk);
        put(out, &mut at, &sum.sum().to_be_bytes())?;
        Some(at)
    }
}

/// Writes bytes at `at`, which is put behind them.
fn put(out: &mut [u8], at: &mut usize, bytes: &[u8]) -> Option<()> {
    let end = *at + bytes.len();
    out.get_mut(*at..end)?.copy_from_slice(bytes);
    *at = end;
    Some(())
}

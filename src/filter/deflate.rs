//! zlib streams. Noise at the begin of a chunk is stored, and the rest compressed.

use libdeflater::{Adler32, CompressionLvl, Compressor};

use super::noise::leading_noise;
use crate::error::{Error, Result};

/// libdeflate's level for each of zlib's: the fastest whose chunks are not larger, on the tables
/// of `benches/pipeline`. Only slowly rising integers alone come out larger at levels 1 to 3,
/// by 4 %.
const EFFORT: [i32; 10] = [1, 1, 2, 2, 2, 4, 5, 7, 8, 9];
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

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use libdeflater::Decompressor;

    use super::super::noise::tests::{noise, ramp};
    use super::*;

    /// What a reader gets.
    fn inflated(stream: &[u8], len: usize) -> Vec<u8> {
        let mut out = std::vec![0; len];
        assert_eq!(Decompressor::new().zlib_decompress(stream, &mut out), Ok(len));
        out
    }

    #[test]
    fn noise_in_front_is_stored_and_costs_next_to_nothing() {
        let plane = 50_000;
        let chunk: Vec<u8> = noise(3 * plane).chain(ramp(plane)).collect();
        let mut deflate = Deflate::new(4).unwrap();
        let mut out = std::vec![0; chunk.len()];
        let len = deflate.encode(&chunk, plane, &mut out).unwrap();
        assert_eq!(inflated(&out[..len], chunk.len()), chunk);
        assert_eq!(out[2..7], [0, 0xFF, 0xFF, 0, 0], "a stored block of 65535 bytes");
        let without = deflate.encode(&chunk, 0, &mut out).unwrap();
        assert!(len <= without + 50, "{len}, {without} without");
    }

    #[test]
    fn what_does_not_fit_is_none() {
        let plane = 10_000;
        let chunk: Vec<u8> = noise(plane).chain(ramp(plane)).collect();
        let mut deflate = Deflate::new(4).unwrap();
        let mut out = std::vec![0; chunk.len()];
        let len = deflate.encode(&chunk, plane, &mut out).unwrap();
        for room in [0, 1, 2, 6, 7, plane, plane + 7, plane + 10, len - 1] {
            assert_eq!(deflate.encode(&chunk, plane, &mut out[..room]), None, "{room}");
        }
        assert_eq!(deflate.encode(&chunk, plane, &mut out[..len]), Some(len));
    }

    #[test]
    fn all_levels_of_zlib_are_there() {
        for level in 0..=9 {
            assert!(Deflate::new(level).is_ok());
        }
        assert!(Deflate::new(10).is_err());
    }
}

//! zlib streams. Planes at the begin of a chunk that are noise are stored, those that are one
//! byte again and again are written as such, and the rest is compressed.

use libdeflater::{Adler32, CompressionLvl, Compressor};

use super::noise::is_noise;
use super::run::Bits;
use crate::error::{Error, Result};

/// libdeflate's level for each of zlib's: the fastest whose chunks are not larger, on the tables
/// of `benches/pipeline`. Only slowly rising integers alone come out larger at levels 1 to 3,
/// by 4 %.
const EFFORT: [i32; 10] = [1, 1, 2, 2, 2, 4, 5, 7, 8, 9];
/// A zlib stream's first bytes: deflate with the usual window.
const HEADER: [u8; 2] = [0x78, 0x9C];
/// Bytes of the checksum at its end.
const TRAILER: usize = 4;
/// Planes of fewer bytes are not looked at.
const PLANE: usize = 8192;

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
        let end = out.len().checked_sub(TRAILER)?;
        let (body, _) = out.split_at_mut(end);
        body.first_chunk_mut().map(|header| *header = HEADER)?;
        let mut bits = Bits::new(body.get_mut(HEADER.len()..)?);
        let plain = leading_plain(chunk, plane, &mut bits)?;
        let mut at = HEADER.len() + bits.align()?;
        at += self.compressor.deflate_compress(&chunk[plain..], body.get_mut(at..)?).ok()?;
        let mut sum = Adler32::new();
        sum.update(chunk);
        out.get_mut(at..at + TRAILER)?.copy_from_slice(&sum.sum().to_be_bytes());
        Some(at + TRAILER)
    }
}

/// Writes the planes at the begin of a chunk that need no compressor; how many bytes they have.
fn leading_plain(chunk: &[u8], plane: usize, bits: &mut Bits<'_>) -> Option<usize> {
    if plane < PLANE {
        return Some(0);
    }
    let mut done = 0;
    while let Some(next) = chunk.get(done..done + plane) {
        if let Some(byte) = only(next) {
            let planes = chunk[done..].chunks_exact(plane);
            let len = planes.take_while(|plane| only(plane) == Some(byte)).count() * plane;
            bits.run(byte, len)?;
            done += len;
        } else if is_noise(next) {
            bits.stored(next)?;
            done += plane;
        } else {
            break;
        }
    }
    Some(done)
}

/// The byte of which there is nothing but copies.
fn only(plane: &[u8]) -> Option<u8> {
    let (first, rest) = plane.split_first()?;
    (rest == &plane[..rest.len()]).then_some(*first)
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

    /// Planes one behind the other as they are packed, which come back.
    fn packed(planes: &[&[u8]], plane: usize) -> Vec<u8> {
        let chunk = planes.concat();
        let mut out = std::vec![0; chunk.len()];
        let len = Deflate::new(4).unwrap().encode(&chunk, plane, &mut out).unwrap();
        out.truncate(len);
        assert!(inflated(&out, chunk.len()) == chunk);
        out
    }

    #[test]
    fn plain_planes_in_front_cost_next_to_nothing() {
        let plane = 50_000;
        let (noise, same) = (noise(2 * plane).collect::<Vec<_>>(), std::vec![9; 2 * plane]);
        let eights = std::vec![8; plane];
        let ramp = ramp(plane).collect::<Vec<_>>();
        let cases: [&[&[u8]]; 7] = [
            &[&noise, &ramp],
            &[&same, &ramp],
            &[&same, &noise, &same, &ramp],
            &[&same, &eights, &noise, &ramp, &same, &noise],
            &[&same],
            &[&ramp, &same],
            &[&same, &noise, &[1, 2, 3]],
        ];
        for (i, planes) in cases.into_iter().enumerate() {
            let (with, without) = (packed(planes, plane).len(), packed(planes, 0).len());
            assert!(with <= without + 50, "case {i}: {with}, {without} without");
        }
        let stored = packed(&[&noise, &ramp], plane);
        assert_eq!(stored[2..7], [0, 0x50, 0xC3, 0xAF, 0x3C], "a stored block of 50,000 bytes");
        assert!(packed(&[&same], plane).len() < 150);
    }

    #[test]
    fn what_does_not_fit_is_none() {
        let plane = 10_000;
        let chunk: Vec<u8> =
            noise(plane).chain([0; 10_000]).chain(noise(plane)).chain(ramp(plane)).collect();
        let mut deflate = Deflate::new(4).unwrap();
        let mut out = std::vec![0; chunk.len()];
        let len = deflate.encode(&chunk, plane, &mut out).unwrap();
        let places = [0, 1, 2, 6, 7, plane, plane + 7, plane + 10, plane + 60, len - 5, len - 1];
        for room in places {
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

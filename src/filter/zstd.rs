//! Zstandard in memory that is ours: it cannot allocate, however many chunks of whatever size
//! are compressed.

use core::ptr::NonNull;

use zstd_safe::zstd_sys as sys;

use crate::error::{Error, Result};
use crate::sys::Pages;

/// Sizes up to which Zstandard has its own sets of parameters for each level.
const TIERS: [usize; 3] = [16 << 10, 128 << 10, 256 << 10];

/// Compresses to frames that say how long their content is.
#[derive(Debug)]
pub(super) struct ZstdEncoder {
    context: NonNull<sys::ZSTD_CCtx>,
    /// Where it lives.
    _workspace: Pages,
}

// SAFETY: the context lies in the workspace, which belongs to this value alone.
unsafe impl Send for ZstdEncoder {}

impl ZstdEncoder {
    /// For chunks of so many bytes at most.
    pub(super) fn new(level: i8, most_chunk: usize) -> Result<Self> {
        if !(1..=22).contains(&level) {
            return Err(Error::Argument);
        }
        let mut workspace = Pages::new(workspace_len(level, most_chunk))?;
        let (at, len) = (workspace.as_mut_ptr().cast(), workspace.len());
        // SAFETY: so many bytes, from the start of a page, that nobody else uses.
        let context = unsafe { sys::ZSTD_initStaticCCtx(at, len) };
        let context = NonNull::new(context).ok_or(Error::Overflow)?;
        let all = sys::ZSTD_ResetDirective::ZSTD_reset_session_and_parameters;
        // SAFETY: a context that was just made. It has zeros for parameters, not the defaults:
        // the length of the content would not be told, which HDF5's plugin needs.
        let code = unsafe { sys::ZSTD_CCtx_reset(context.as_ptr(), all) };
        checked(code).ok_or(Error::Argument)?;
        let parameter = sys::ZSTD_cParameter::ZSTD_c_compressionLevel;
        // SAFETY: the context is alive.
        let code =
            unsafe { sys::ZSTD_CCtx_setParameter(context.as_ptr(), parameter, level.into()) };
        checked(code).ok_or(Error::Argument)?;
        Ok(Self { context, _workspace: workspace })
    }

    /// Compresses `chunk`, if it fits `out`; returns to how many bytes.
    pub(super) fn encode(&mut self, chunk: &[u8], out: &mut [u8]) -> Option<usize> {
        let (to, room) = (out.as_mut_ptr().cast(), out.len());
        let (from, len) = (chunk.as_ptr().cast(), chunk.len());
        // SAFETY: the context is alive, and both slices are as long as it is told.
        checked(unsafe { sys::ZSTD_compress2(self.context.as_ptr(), to, room, from, len) })
    }
}

/// Bytes that a context needs for chunks of up to so many bytes.
fn workspace_len(level: i8, most_chunk: usize) -> usize {
    let sizes = TIERS.iter().map(|&tier| tier.min(most_chunk)).chain([most_chunk]);
    let needs = sizes.map(|size| {
        // SAFETY: these only compute.
        let parameters = unsafe { sys::ZSTD_getCParams(level.into(), size.max(1) as u64, 0) };
        // SAFETY: likewise.
        let need = unsafe { sys::ZSTD_estimateCCtxSize_usingCParams(parameters) };
        checked(need).unwrap_or(0)
    });
    needs.max().unwrap_or(0)
}

/// The result of a function, unless it is an error.
fn checked(code: usize) -> Option<usize> {
    // SAFETY: this looks at the number only.
    (unsafe { sys::ZSTD_isError(code) } == 0).then_some(code)
}

/// Decompresses frames.
#[derive(Debug)]
pub(super) struct ZstdDecoder {
    context: NonNull<sys::ZSTD_DCtx>,
    /// Where it lives.
    _workspace: Pages,
}

// SAFETY: the context lies in the workspace, which belongs to this value alone.
unsafe impl Send for ZstdDecoder {}

impl ZstdDecoder {
    pub(super) fn new() -> Result<Self> {
        // SAFETY: this only computes.
        let mut workspace = Pages::new(unsafe { sys::ZSTD_estimateDCtxSize() })?;
        let (at, len) = (workspace.as_mut_ptr().cast(), workspace.len());
        // SAFETY: so many bytes, from the start of a page, that nobody else uses.
        let context = unsafe { sys::ZSTD_initStaticDCtx(at, len) };
        Ok(Self { context: NonNull::new(context).ok_or(Error::Overflow)?, _workspace: workspace })
    }

    /// Decompresses all of `packed`, if it fits `out`; returns to how many bytes.
    pub(super) fn decode(&mut self, packed: &[u8], out: &mut [u8]) -> Option<usize> {
        let (to, room) = (out.as_mut_ptr().cast(), out.len());
        let (from, len) = (packed.as_ptr().cast(), packed.len());
        // SAFETY: the context is alive, and both slices are as long as it is told.
        checked(unsafe { sys::ZSTD_decompressDCtx(self.context.as_ptr(), to, room, from, len) })
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    /// The length that a frame says its content has.
    fn told(frame: &[u8]) -> u64 {
        // SAFETY: the frame is as long as it is told.
        unsafe { sys::ZSTD_getFrameContentSize(frame.as_ptr().cast(), frame.len()) }
    }

    /// Sizes at the ends of the sets of parameters, and between.
    fn sizes(most: usize) -> impl Iterator<Item = usize> {
        let ends = TIERS.into_iter().chain([most]);
        let near = ends.flat_map(|end| [end / 3, end - 1, end, end + 1]);
        near.chain([1, 2, 300]).filter(move |&size| size <= most)
    }

    #[test]
    fn every_level_has_memory_for_chunks_of_every_size() {
        for level in 1..=22 {
            // The higher levels are slow.
            let first = if level > 9 { 3 } else { 0 };
            for &most in &[1, 3000, 20 << 10, 300 << 10][first..] {
                let chunk: Vec<u8> = (0..most).map(|i| (i / 97) as u8 ^ (i % 7) as u8).collect();
                let mut encoder = ZstdEncoder::new(level, most).unwrap();
                let mut decoder = ZstdDecoder::new().unwrap();
                let mut out = std::vec![0; most + 100];
                let mut back = std::vec![0; most];
                let step = if level > 4 { 7 } else { 1 };
                for size in sizes(most).step_by(step).chain([most]) {
                    let len = encoder.encode(&chunk[..size], &mut out);
                    let len = len.unwrap_or_else(|| panic!("level {level}, {size} of {most}"));
                    assert_eq!(told(&out[..len]), size as u64);
                    assert_eq!(decoder.decode(&out[..len], &mut back), Some(size));
                    assert_eq!(back[..size], chunk[..size]);
                }
            }
        }
    }

    #[test]
    fn a_chunk_that_does_not_fit_does_no_harm_to_the_next() {
        let mut encoder = ZstdEncoder::new(3, 1000).unwrap();
        let chunk = [7; 1000];
        let mut out = [0; 1000];
        let len = encoder.encode(&chunk, &mut out).unwrap();
        assert_eq!(encoder.encode(&chunk, &mut [0; 10]), None);
        let mut again = [0; 1000];
        assert_eq!(encoder.encode(&chunk, &mut again), Some(len));
        assert_eq!(again, out);
    }
}

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
        let parameter = sys::ZSTD_cParameter::ZSTD_c_compressionLevel;
        // SAFETY: a context that was just made.
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

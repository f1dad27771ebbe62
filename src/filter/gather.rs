//! Tiles out of a block, and back into it.

use super::shuffle::{Spaced, shuffle, unshuffle};
use super::tiles::{Kind, Tiles};

/// What is shuffled of a chunk: whole elements, and bytes that are left over.
const fn elements(unit: usize, bytes: usize) -> (Spaced, usize) {
    let spaced = Spaced { size: unit, stride: unit, count: bytes / unit };
    (spaced, spaced.size * spaced.count)
}

/// Shuffles a chunk that lies in one piece.
///
/// # Safety
/// * `from` is readable and `to` is writable for `bytes`; both do not overlap.
unsafe fn shuffle_all(unit: usize, bytes: usize, from: *const u8, to: *mut u8) {
    let (spaced, whole) = elements(unit, bytes);
    // SAFETY: the elements are in the chunk.
    unsafe { shuffle(from, spaced, to) };
    let (from, to) = (from.wrapping_add(whole), to.wrapping_add(whole));
    // SAFETY: so are the bytes behind them.
    unsafe { core::ptr::copy_nonoverlapping(from, to, bytes - whole) };
}

/// The other way.
///
/// # Safety
/// * As for [`shuffle_all`].
unsafe fn unshuffle_all(unit: usize, bytes: usize, from: *const u8, to: *mut u8) {
    let (spaced, whole) = elements(unit, bytes);
    // SAFETY: the elements are in the chunk.
    unsafe { unshuffle(from, spaced, to) };
    let (from, to) = (from.wrapping_add(whole), to.wrapping_add(whole));
    // SAFETY: so are the bytes behind them.
    unsafe { core::ptr::copy_nonoverlapping(from, to, bytes - whole) };
}

/// Copies tile `i` of the block to `chunk`, shuffled or not. `spare` is as long, and may be used.
///
/// # Safety
/// * There is such a tile; `block` is readable for the bytes of the tiles' block.
pub(super) unsafe fn gather(
    tiles: &Tiles<'_>,
    i: usize,
    shuffled: bool,
    block: *const u8,
    chunk: &mut [u8],
    spare: &mut [u8],
) -> Option<()> {
    let bytes = tiles.chunk_bytes(i);
    let chunk = chunk.get_mut(..bytes)?;
    match tiles.kind {
        Kind::Whole { unit } if shuffled => {
            // SAFETY: the chunk is the block; `chunk` has its length.
            unsafe { shuffle_all(unit, bytes, block, chunk.as_mut_ptr()) };
        }
        Kind::Whole { .. } => {
            // SAFETY: as before.
            unsafe { core::ptr::copy_nonoverlapping(block, chunk.as_mut_ptr(), bytes) };
        }
        Kind::Columns { row, rows, columns } => {
            let &(offset, size) = columns.get(i)?;
            let spaced = Spaced { size: size as usize, stride: row, count: rows };
            let from = block.wrapping_add(offset as usize);
            // SAFETY: the column lies in the rows, and its bytes are those of the chunk.
            unsafe { column(from, spaced, shuffled, chunk.as_mut_ptr()) };
        }
        Kind::Boxes(boxes) => {
            let raw = if shuffled { spare.get_mut(..bytes)? } else { &mut *chunk };
            raw.fill(0);
            let to = raw.as_mut_ptr();
            boxes.runs(i, |from, at, len| {
                let (from, to) = (block.wrapping_add(from), to.wrapping_add(at));
                // SAFETY: the run lies in the block and in the chunk.
                unsafe { core::ptr::copy_nonoverlapping(from, to, len) };
            });
            if shuffled {
                // SAFETY: both have the length of the chunk.
                unsafe { shuffle_all(boxes.unit, bytes, to, chunk.as_mut_ptr()) };
            }
        }
    }
    Some(())
}

/// Copies a column, shuffled or not.
///
/// # Safety
/// * As for [`shuffle`].
unsafe fn column(from: *const u8, spaced: Spaced, shuffled: bool, to: *mut u8) {
    if shuffled {
        // SAFETY: by this function's contract.
        return unsafe { shuffle(from, spaced, to) };
    }
    for i in 0..spaced.count {
        let (from, to) = (from.wrapping_add(i * spaced.stride), to.wrapping_add(i * spaced.size));
        // SAFETY: one of the elements.
        unsafe { core::ptr::copy_nonoverlapping(from, to, spaced.size) };
    }
}

/// Writes tile `i`, which `chunk` holds, to its place in the block. `spare` is as long, and may
/// be used.
///
/// # Safety
/// * There is such a tile; `block` is writable for the bytes of the tiles' block.
pub(super) unsafe fn scatter(
    tiles: &Tiles<'_>,
    i: usize,
    shuffled: bool,
    chunk: &[u8],
    spare: &mut [u8],
    block: *mut u8,
) -> Option<()> {
    let bytes = tiles.chunk_bytes(i);
    let chunk = chunk.get(..bytes)?;
    match tiles.kind {
        Kind::Whole { unit } if shuffled => {
            // SAFETY: the chunk is the block; `chunk` has its length.
            unsafe { unshuffle_all(unit, bytes, chunk.as_ptr(), block) };
        }
        Kind::Whole { .. } => {
            // SAFETY: as before.
            unsafe { core::ptr::copy_nonoverlapping(chunk.as_ptr(), block, bytes) };
        }
        Kind::Columns { row, rows, columns } => {
            let &(offset, size) = columns.get(i)?;
            let spaced = Spaced { size: size as usize, stride: row, count: rows };
            let to = block.wrapping_add(offset as usize);
            // SAFETY: the column lies in the rows, and its bytes are those of the chunk.
            unsafe { column_back(chunk.as_ptr(), spaced, shuffled, to) };
        }
        Kind::Boxes(boxes) => {
            let mut raw = chunk;
            if shuffled {
                let spare = spare.get_mut(..bytes)?;
                // SAFETY: both have the length of the chunk.
                unsafe { unshuffle_all(boxes.unit, bytes, chunk.as_ptr(), spare.as_mut_ptr()) };
                raw = spare;
            }
            boxes.runs(i, |to, at, len| {
                let (from, to) = (raw.as_ptr().wrapping_add(at), block.wrapping_add(to));
                // SAFETY: the run lies in the block and in the chunk.
                unsafe { core::ptr::copy_nonoverlapping(from, to, len) };
            });
        }
    }
    Some(())
}

/// The other way.
///
/// # Safety
/// * As for [`unshuffle`].
unsafe fn column_back(from: *const u8, spaced: Spaced, shuffled: bool, to: *mut u8) {
    if shuffled {
        // SAFETY: by this function's contract.
        return unsafe { unshuffle(from, spaced, to) };
    }
    for i in 0..spaced.count {
        let (from, to) = (from.wrapping_add(i * spaced.size), to.wrapping_add(i * spaced.stride));
        // SAFETY: one of the elements.
        unsafe { core::ptr::copy_nonoverlapping(from, to, spaced.size) };
    }
}

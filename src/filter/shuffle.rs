//! Sorting the bytes of elements: all first ones, then all second ones, and so on.

/// Elements of `size` bytes that lie `stride` bytes apart.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spaced {
    pub(super) size: usize,
    pub(super) stride: usize,
    pub(super) count: usize,
}

/// Writes the bytes of the elements at `from` to `to`, sorted.
///
/// # Safety
/// * The elements are readable at `from`; `to` is writable for the bytes of all of them; both
///   do not overlap.
pub(super) unsafe fn shuffle(from: *const u8, spaced: Spaced, to: *mut u8) {
    let Spaced { size, stride, count } = spaced;
    for byte in 0..size {
        for i in 0..count {
            // SAFETY: the byte is one of element `i`.
            let value = unsafe { *from.add(i * stride + byte) };
            // SAFETY: as many bytes are written as the elements have.
            unsafe { *to.add(byte * count + i) = value };
        }
    }
}

/// Writes the elements whose sorted bytes are at `from` to `to`.
///
/// # Safety
/// * `from` is readable for the bytes of all elements; these are writable at `to`; both do not
///   overlap.
pub(super) unsafe fn unshuffle(from: *const u8, spaced: Spaced, to: *mut u8) {
    let Spaced { size, stride, count } = spaced;
    for byte in 0..size {
        for i in 0..count {
            // SAFETY: the elements have so many bytes.
            let value = unsafe { *from.add(byte * count + i) };
            // SAFETY: the byte is one of element `i`.
            unsafe { *to.add(i * stride + byte) = value };
        }
    }
}

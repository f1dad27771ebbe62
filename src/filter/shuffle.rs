//! Sorting the bytes of elements: all first ones, then all second ones, and so on.
//!
//! Sixteen elements are taken at once and transposed in registers, as many of their bytes as a
//! power of two has, up to 16. What is left of elements of other sizes is taken with bytes that
//! were done before. The last few elements, and other processors, have a plain loop.

use core::ops::Range;

/// Elements of `size` bytes that lie `stride` bytes apart.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spaced {
    pub(super) size: usize,
    pub(super) stride: usize,
    pub(super) count: usize,
}

/// Elements done together: a cache line of each of the sorted bytes.
const LINE: usize = 64;

/// Writes the bytes of the elements at `from` to `to`, sorted.
///
/// # Safety
/// * The elements are readable at `from`; `to` is writable for the bytes of all of them; both
///   do not overlap.
pub(super) unsafe fn shuffle(from: *const u8, spaced: Spaced, to: *mut u8) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: by this function's contract.
    let done = unsafe { sse2::shuffle(from, spaced, to) };
    #[cfg(not(target_arch = "x86_64"))]
    let done = 0;
    // SAFETY: likewise.
    unsafe { plain(from, spaced, done..spaced.count, to) };
}

/// Writes the elements whose sorted bytes are at `from` to `to`.
///
/// # Safety
/// * `from` is readable for the bytes of all elements; these are writable at `to`; both do not
///   overlap.
pub(super) unsafe fn unshuffle(from: *const u8, spaced: Spaced, to: *mut u8) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: by this function's contract.
    let done = unsafe { sse2::unshuffle(from, spaced, to) };
    #[cfg(not(target_arch = "x86_64"))]
    let done = 0;
    // SAFETY: likewise.
    unsafe { plain_back(from, spaced, done..spaced.count, to) };
}

/// [`shuffle`] of some of the elements.
///
/// # Safety
/// * As for [`shuffle`]; there are such elements.
unsafe fn plain(from: *const u8, spaced: Spaced, some: Range<usize>, to: *mut u8) {
    let Spaced { size, stride, count } = spaced;
    for first in some.clone().step_by(LINE) {
        for byte in 0..size {
            for i in first..some.end.min(first + LINE) {
                // SAFETY: the byte is one of element `i`.
                let value = unsafe { *from.wrapping_add(i * stride + byte) };
                // SAFETY: as many bytes are written as the elements have.
                unsafe { *to.wrapping_add(byte * count + i) = value };
            }
        }
    }
}

/// [`unshuffle`] of some of the elements.
///
/// # Safety
/// * As for [`unshuffle`]; there are such elements.
unsafe fn plain_back(from: *const u8, spaced: Spaced, some: Range<usize>, to: *mut u8) {
    let Spaced { size, stride, count } = spaced;
    for first in some.clone().step_by(LINE) {
        for byte in 0..size {
            for i in first..some.end.min(first + LINE) {
                // SAFETY: the elements have so many bytes.
                let value = unsafe { *from.wrapping_add(byte * count + i) };
                // SAFETY: the byte is one of element `i`.
                unsafe { *to.wrapping_add(i * stride + byte) = value };
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod sse2 {
    //! With the instructions that every processor of this architecture has.

    #![allow(clippy::cast_ptr_alignment, reason = "all pieces are read and written unaligned")]

    use core::arch::x86_64::{__m128i, _mm_loadu_si128, _mm_storeu_si128};
    use core::arch::x86_64::{_mm_unpackhi_epi8, _mm_unpacklo_epi8};
    use core::array;

    use super::{LINE, Spaced};

    /// Elements that are transposed at once.
    const ROWS: usize = 16;

    /// As many bytes of an element as are taken at once.
    trait Piece: Copy {
        /// A vector of pieces that lie `stride` bytes apart.
        ///
        /// # Safety
        /// * They are readable.
        unsafe fn load(from: *const u8, stride: usize) -> __m128i;

        /// The other way.
        ///
        /// # Safety
        /// * They are writable.
        unsafe fn store(vector: __m128i, to: *mut u8, stride: usize);
    }

    macro_rules! piece {
        ($($piece:ty),*) => {$(
            impl Piece for $piece {
                #[inline(always)]
                unsafe fn load(from: *const u8, stride: usize) -> __m128i {
                    let pieces: [$piece; ROWS / size_of::<$piece>()] = array::from_fn(|i| {
                        // SAFETY: by this function's contract.
                        unsafe { from.wrapping_add(i * stride).cast::<$piece>().read_unaligned() }
                    });
                    // SAFETY: 16 bytes, whatever they are.
                    unsafe { core::mem::transmute(pieces) }
                }

                #[inline(always)]
                unsafe fn store(vector: __m128i, to: *mut u8, stride: usize) {
                    type Pieces = [$piece; ROWS / size_of::<$piece>()];
                    // SAFETY: 16 bytes, whatever they are.
                    let pieces = unsafe { core::mem::transmute::<__m128i, Pieces>(vector) };
                    for (i, piece) in pieces.into_iter().enumerate() {
                        let to = to.wrapping_add(i * stride).cast::<$piece>();
                        // SAFETY: by this function's contract.
                        unsafe { to.write_unaligned(piece) };
                    }
                }
            }
        )*};
    }

    piece!(u16, u32, u64, u128);

    /// Takes the bytes of both halves by turns: the highest bit of each byte's number becomes
    /// the lowest. As often as an element's number has bits, it transposes.
    #[inline(always)]
    fn interleave<const N: usize>(vectors: [__m128i; N]) -> [__m128i; N] {
        array::from_fn(|i| {
            let (a, b) = (vectors[i / 2], vectors[i / 2 + N / 2]);
            if i % 2 == 0 {
                // SAFETY: every processor of this architecture has it.
                unsafe { _mm_unpacklo_epi8(a, b) }
            } else {
                // SAFETY: likewise.
                unsafe { _mm_unpackhi_epi8(a, b) }
            }
        })
    }

    /// Sixteen elements, `N` bytes of each, which are as many as a piece has.
    ///
    /// # Safety
    /// * The bytes are readable at `from`; `to` is writable for 16 bytes, and so on for each of
    ///   the bytes, `count` bytes apart.
    #[inline(always)]
    unsafe fn sort<P: Piece, const N: usize>(
        from: *const u8,
        stride: usize,
        to: *mut u8,
        count: usize,
    ) {
        let mut vectors: [__m128i; N] = array::from_fn(|i| {
            // SAFETY: by this function's contract.
            unsafe { P::load(from.wrapping_add(i * (ROWS / N) * stride), stride) }
        });
        for _ in 0..ROWS.ilog2() {
            vectors = interleave(vectors);
        }
        for (i, vector) in vectors.into_iter().enumerate() {
            // SAFETY: likewise.
            unsafe { _mm_storeu_si128(to.wrapping_add(i * count).cast(), vector) };
        }
    }

    /// The other way.
    ///
    /// # Safety
    /// * As for [`sort`], with reading and writing exchanged.
    #[inline(always)]
    unsafe fn unsort<P: Piece, const N: usize>(
        from: *const u8,
        stride: usize,
        to: *mut u8,
        count: usize,
    ) {
        let mut vectors: [__m128i; N] = array::from_fn(|i| {
            // SAFETY: by this function's contract.
            unsafe { _mm_loadu_si128(from.wrapping_add(i * count).cast()) }
        });
        for _ in 0..N.ilog2() {
            vectors = interleave(vectors);
        }
        for (i, vector) in vectors.into_iter().enumerate() {
            // SAFETY: likewise.
            unsafe { P::store(vector, to.wrapping_add(i * (ROWS / N) * stride), stride) };
        }
    }

    /// Calls `f` with the number of an element and of a byte: for sixteen elements each, and
    /// `width` bytes. Returns how many elements it was called for.
    #[inline(always)]
    fn pieces(spaced: Spaced, width: usize, mut f: impl FnMut(usize, usize)) -> usize {
        let whole = spaced.count / ROWS * ROWS;
        for first in (0..whole).step_by(LINE) {
            for byte in (0..spaced.size).step_by(width) {
                let byte = byte.min(spaced.size - width);
                for row in (first..whole.min(first + LINE)).step_by(ROWS) {
                    f(row, byte);
                }
            }
        }
        whole
    }

    /// [`shuffle`](super::shuffle) of as many elements as there are sixteens, which is returned.
    ///
    /// # Safety
    /// * As for that function.
    pub(super) unsafe fn shuffle(from: *const u8, spaced: Spaced, to: *mut u8) -> usize {
        match spaced.size {
            0 | 1 => 0,
            // SAFETY: by this function's contract; an element has as many bytes.
            2..4 => unsafe { shuffle_by::<u16, 2>(from, spaced, to) },
            // SAFETY: likewise.
            4..8 => unsafe { shuffle_by::<u32, 4>(from, spaced, to) },
            // SAFETY: likewise.
            8..16 => unsafe { shuffle_by::<u64, 8>(from, spaced, to) },
            // SAFETY: likewise.
            _ => unsafe { shuffle_by::<u128, 16>(from, spaced, to) },
        }
    }

    /// The same for a width.
    ///
    /// # Safety
    /// * As for [`shuffle`]; an element has `N` bytes or more.
    unsafe fn shuffle_by<P: Piece, const N: usize>(
        from: *const u8,
        spaced: Spaced,
        to: *mut u8,
    ) -> usize {
        let Spaced { stride, count, .. } = spaced;
        pieces(spaced, N, |row, byte| {
            let from = from.wrapping_add(row * stride + byte);
            let to = to.wrapping_add(byte * count + row);
            // SAFETY: these are bytes of the elements.
            unsafe { sort::<P, N>(from, stride, to, count) };
        })
    }

    /// [`unshuffle`](super::unshuffle) of as many elements as there are sixteens, which is
    /// returned.
    ///
    /// # Safety
    /// * As for that function.
    pub(super) unsafe fn unshuffle(from: *const u8, spaced: Spaced, to: *mut u8) -> usize {
        match spaced.size {
            0 | 1 => 0,
            // SAFETY: by this function's contract; an element has as many bytes.
            2..4 => unsafe { unshuffle_by::<u16, 2>(from, spaced, to) },
            // SAFETY: likewise.
            4..8 => unsafe { unshuffle_by::<u32, 4>(from, spaced, to) },
            // SAFETY: likewise.
            8..16 => unsafe { unshuffle_by::<u64, 8>(from, spaced, to) },
            // SAFETY: likewise.
            _ => unsafe { unshuffle_by::<u128, 16>(from, spaced, to) },
        }
    }

    /// The same for a width.
    ///
    /// # Safety
    /// * As for [`unshuffle`]; an element has `N` bytes or more.
    unsafe fn unshuffle_by<P: Piece, const N: usize>(
        from: *const u8,
        spaced: Spaced,
        to: *mut u8,
    ) -> usize {
        let Spaced { stride, count, .. } = spaced;
        pieces(spaced, N, |row, byte| {
            let from = from.wrapping_add(byte * count + row);
            let to = to.wrapping_add(row * stride + byte);
            // SAFETY: these are bytes of the elements.
            unsafe { unsort::<P, N>(from, stride, to, count) };
        })
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    #[test]
    fn kernels_are_as_their_plain_twins_for_every_size() {
        for size in 1..=50 {
            for (gap, count) in
                [(0, 0), (0, 1), (3, 15), (0, 16), (1, 17), (0, 63), (16, 64), (5, 200)]
            {
                let spaced = Spaced { size, stride: size + gap, count };
                let block: Vec<u8> =
                    (0..spaced.stride * count).map(|i| (i * 31 + i / 7) as u8).collect();
                let (mut fast, mut slow) =
                    (std::vec![1; size * count + 1], std::vec![1; size * count + 1]);
                // SAFETY: room for all elements.
                unsafe { shuffle(block.as_ptr(), spaced, fast.as_mut_ptr()) };
                // SAFETY: likewise.
                unsafe { plain(block.as_ptr(), spaced, 0..count, slow.as_mut_ptr()) };
                assert_eq!(fast, slow, "{spaced:?}");

                let (mut back, mut slow) =
                    (std::vec![9; block.len() + 1], std::vec![9; block.len() + 1]);
                // SAFETY: room for all elements.
                unsafe { unshuffle(fast.as_ptr(), spaced, back.as_mut_ptr()) };
                // SAFETY: likewise.
                unsafe { plain_back(fast.as_ptr(), spaced, 0..count, slow.as_mut_ptr()) };
                assert_eq!(back, slow, "{spaced:?}");
                let same = |i: &usize| i % spaced.stride >= size || back[*i] == block[*i];
                assert!((0..block.len()).all(|i| same(&i)), "{spaced:?}");
            }
        }
    }
}

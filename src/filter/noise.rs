//! Which bytes of a shuffled chunk are noise, such as the last ones of measured floats.
//!
//! Deflate cannot make them smaller, and needs as long to find out as for anything else. What
//! is to be known of them: values are all as frequent, and sequences do not come again. Both
//! are looked at, so that noise is told from a counter, whose values are as frequent.

/// Bytes of which values are counted together. Deflate's blocks are longer.
const WINDOW: usize = 8192;
/// One such is looked at in so many bytes.
const STEP: usize = 8 * WINDOW;
/// By how many hundredths the sum of squares may be larger than that of values that are all
/// as frequent. True noise has 3 more; with 6, Huffman codes would save a quarter of a percent.
const EXCESS: u64 = 6;
/// How far back deflate looks.
const REACH: usize = 32 << 10;
/// Sequences of four bytes that begin with one of these are looked up.
const FIRST: [u8; 3] = [0x35, 0x9A, 0xE7];
/// Bits of a hash that say where in the table it is.
const PLACE_BITS: u32 = 11;
/// One in so many sequences that were looked up may have been there before.
const AGAIN: usize = 256;

/// Whether the bytes of a plane are noise: at least a window of them.
pub(super) fn is_noise(plane: &[u8]) -> bool {
    let windows = plane.chunks(STEP).filter_map(|step| step.first_chunk::<WINDOW>());
    windows.chain(plane.last_chunk()).all(is_even) && !comes_again(plane)
}

/// Whether the values of a window are about as frequent.
fn is_even(window: &[u8; WINDOW]) -> bool {
    let mut counts = [0_u32; 256];
    for &byte in window {
        counts[usize::from(byte)] += 1;
    }
    let squares: u64 = counts.iter().map(|&count| u64::from(count) * u64::from(count)).sum();
    let even = (WINDOW * WINDOW / 256) as u64;
    squares * 100 <= even * (100 + EXCESS)
}

/// Whether sequences come again within deflate's reach. Those are looked up that begin with
/// one of some bytes: wherever a sequence is, it is looked up.
fn comes_again(plane: &[u8]) -> bool {
    let mut seen = [0_u32; 1 << PLACE_BITS];
    let (mut looked, mut again) = (0, 0);
    let [a, b, c] = FIRST;
    for at in memchr::memchr3_iter(a, b, c, plane) {
        let Some(bytes) = plane.get(at..).and_then(<[u8]>::first_chunk::<4>) else { break };
        let hash = u32::from_le_bytes(*bytes).wrapping_mul(0x9E37_79B1);
        let last = &mut seen[(hash >> (32 - PLACE_BITS)) as usize];
        let before = core::mem::replace(last, at as u32 + 1) as usize;
        looked += 1;
        let near = before > 0 && at + 1 - before <= REACH;
        again += usize::from(near && plane[before - 1..].starts_with(bytes));
    }
    again * AGAIN > looked
}

#[cfg(test)]
pub(super) mod tests {
    use std::vec::Vec;

    use super::*;

    /// Bytes that have no order, always the same.
    pub(in crate::filter) fn noise(len: usize) -> impl Iterator<Item = u8> + Clone {
        let mut state = 1_u64;
        let next = move |_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 56) as u8
        };
        (0..len).map(next)
    }

    /// Bytes that rise slowly.
    pub(in crate::filter) fn ramp(len: usize) -> impl Iterator<Item = u8> {
        (0..len).map(|i| (i / 100) as u8)
    }

    fn plane(bytes: impl Iterator<Item = u8>) -> Vec<u8> {
        bytes.take(100_000).collect()
    }

    #[test]
    fn only_what_has_no_order_is_noise() {
        let all = noise(1 << 20);
        assert!(is_noise(&plane(all.clone())));
        assert!(is_noise(&plane(all.clone())[..WINDOW]));
        assert!(!is_noise(&plane(ramp(1 << 20))));
        // A counter: each value as often as the others.
        assert!(!is_noise(&plane((0..1 << 20).map(|i| i as u8))));
        // The second bytes of numbers that rise by about as much each time.
        let steps = all.clone().scan(0_u32, |sum, byte| {
            *sum += 1150 + u32::from(byte);
            Some((*sum >> 8) as u8)
        });
        assert!(!is_noise(&plane(steps)));
        // The same rows again and again, within deflate's reach.
        let again = all.clone().take(20_000).collect::<Vec<_>>();
        assert!(!is_noise(&plane(again.iter().copied().cycle())));
        // Beyond its reach that is no help.
        let again = all.clone().take(40_000).collect::<Vec<_>>();
        assert!(is_noise(&plane(again.iter().copied().cycle())));
        // One value a hundredth more often than it should be.
        let more = all.clone().zip(all.clone().skip(9)).map(|(a, b)| if b < 8 { 0 } else { a });
        assert!(!is_noise(&plane(more)));
        // The end is something else.
        let end = all.clone().take(99_000).chain(ramp(1000));
        assert!(!is_noise(&plane(end)));
    }
}

//! Runs of one byte as blocks of deflate, which take 2 bits for 258 bytes.
//!
//! A compressor enters every byte of a run into its tables; what to write is known here from the
//! length alone. A run becomes two blocks (RFC 1951, section 3.2): one of fixed codes with the
//! byte itself and what is left over by whole matches, one whose code has the longest match and
//! the end only.

/// Bytes of the longest match.
const LONGEST: usize = 258;
/// Bytes of the shortest.
const SHORTEST: usize = 3;

/// Bits in deflate's order: the first is the lowest of the first byte.
#[derive(Debug)]
pub(super) struct Bits<'a> {
    out: &'a mut [u8],
    /// Whole bytes that were written.
    len: usize,
    /// Bits that make no byte yet, fewer than 8.
    held: u64,
    count: u32,
}

impl<'a> Bits<'a> {
    pub(super) fn new(out: &'a mut [u8]) -> Self {
        Self { out, len: 0, held: 0, count: 0 }
    }

    /// Adds the lowest `count` bits, 56 at most, the lowest first; none if there is no room.
    fn put(&mut self, bits: u64, count: u32) -> Option<()> {
        self.held |= bits << self.count;
        self.count += count;
        let whole = (self.count / 8) as usize;
        let end = self.len + whole;
        self.out.get_mut(self.len..end)?.copy_from_slice(&self.held.to_le_bytes()[..whole]);
        self.held >>= 8 * whole;
        self.count %= 8;
        self.len = end;
        Some(())
    }

    /// Adds a Huffman code, whose bits come the highest first.
    fn code(&mut self, code: u32, count: u32) -> Option<()> {
        self.put(u64::from(code.reverse_bits() >> (32 - count)), count)
    }

    /// Adds bytes behind a border of bytes.
    fn bytes(&mut self, bytes: &[u8]) -> Option<()> {
        debug_assert_eq!(self.count, 0, "at no border of bytes");
        let end = self.len + bytes.len();
        self.out.get_mut(self.len..end)?.copy_from_slice(bytes);
        self.len = end;
        Some(())
    }

    /// Adds a stored block, not the last one, of 65,535 bytes at most. It ends at a border of bytes.
    fn stored_block(&mut self, bytes: &[u8]) -> Option<()> {
        self.put(0b000, 3)?;
        self.put(0, (8 - self.count) % 8)?;
        let len = bytes.len() as u16;
        self.bytes(&len.to_le_bytes())?;
        self.bytes(&(!len).to_le_bytes())?;
        self.bytes(bytes)
    }

    /// Adds bytes as they are.
    pub(super) fn stored(&mut self, bytes: &[u8]) -> Option<()> {
        bytes.chunks(usize::from(u16::MAX)).try_for_each(|block| self.stored_block(block))
    }

    /// Ends at a border of bytes, by an empty block if need be; how many bytes there are.
    pub(super) fn align(&mut self) -> Option<usize> {
        if self.count > 0 {
            self.stored_block(&[])?;
        }
        Some(self.len)
    }

    /// Adds `len` times `byte`.
    pub(super) fn run(&mut self, byte: u8, len: usize) -> Option<()> {
        let Some(more) = len.checked_sub(1) else { return Some(()) };
        let (matches, left) = (more / LONGEST, more % LONGEST);
        self.put(0b010, 3)?;
        self.fixed_literal(byte)?;
        if left < SHORTEST {
            (0..left).try_for_each(|_| self.fixed_literal(byte))?;
        } else {
            self.fixed_match(left)?;
        }
        self.code(0, 7)?;
        if matches > 0 { self.long_matches(matches) } else { Some(()) }
    }

    fn fixed_literal(&mut self, byte: u8) -> Option<()> {
        match u32::from(byte) {
            low @ 0..144 => self.code(0x30 + low, 8),
            high => self.code(0x190 + high - 144, 9),
        }
    }

    /// A match of 3 to 257 bytes that begins one byte back.
    fn fixed_match(&mut self, len: usize) -> Option<()> {
        let beyond = (len - SHORTEST) as u32;
        // From 8 on, each four lengths' codes stand for twice as many as the four before.
        let extra = beyond.checked_ilog2().unwrap_or(0).saturating_sub(2);
        match 1 + 4 * extra + (beyond >> extra) {
            low @ 1..24 => self.code(low, 7)?,
            high => self.code(0xC0 + high - 24, 8)?,
        }
        self.put(u64::from(beyond) & ((1 << extra) - 1), extra)?;
        self.code(0, 5)
    }

    /// A block of nothing but matches of the longest kind that begin one byte back.
    fn long_matches(&mut self, matches: usize) -> Option<()> {
        // Dynamic codes; 29 lengths' codes beyond the first, one distance, 18 lengths of the
        // codes that follow, of which 18 (so many zeros) and 1 have one bit each, in the order
        // 16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1.
        self.put(0b100, 3)?;
        self.put(29 + (14 << 10), 14)?;
        self.put(1 << (3 * 2), 27)?;
        self.put(1 << (3 * (17 - 9)), 27)?;
        // The end (256) and the longest match (285) have one bit each, the rest has none.
        self.zeros(138)?;
        self.zeros(118)?;
        self.put(0b0, 1)?;
        self.zeros(28)?;
        // The longest match, and the only distance.
        self.put(0b00, 2)?;
        // A match is 1, its distance 0.
        for _ in 0..matches / 16 {
            self.put(0x5555_5555, 32)?;
        }
        (0..matches % 16).try_for_each(|_| self.put(0b01, 2))?;
        self.put(0b0, 1)
    }

    /// So many codes, 11 to 138, that have no bits.
    fn zeros(&mut self, count: u64) -> Option<()> {
        self.put(0b1 | (count - 11) << 1, 8)
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use libdeflater::{CompressionLvl, Compressor, Decompressor};

    use super::*;

    /// A whole stream of what `write` adds.
    fn stream(write: impl FnOnce(&mut Bits<'_>) -> Option<()>) -> Vec<u8> {
        let mut out = std::vec![0; 1 << 20];
        let mut bits = Bits::new(&mut out);
        write(&mut bits).unwrap();
        let len = bits.align().unwrap();
        let mut last = Compressor::new(CompressionLvl::fastest());
        let end = len + last.deflate_compress(&[], &mut out[len..]).unwrap();
        out.truncate(end);
        out
    }

    #[track_caller]
    fn holds(stream: &[u8], bytes: &[u8]) {
        let mut out = std::vec![!0; bytes.len()];
        let len = Decompressor::new().deflate_decompress(stream, &mut out);
        assert_eq!(len, Ok(bytes.len()));
        assert!(out == bytes, "other bytes");
    }

    #[test]
    fn a_run_of_any_length_comes_back() {
        let lengths = (0..800).chain([4127, 4128, 4129, 40_329, 1 << 20]);
        for (len, byte) in lengths.zip((0..=255).cycle()) {
            holds(&stream(|bits| bits.run(byte, len)), &std::vec![byte; len]);
        }
    }

    #[test]
    fn runs_and_stored_bytes_come_back_in_any_order() {
        let other: Vec<u8> = (0..70_000_u32).map(|i| (i % 251) as u8).collect();
        let stream = stream(|bits| {
            bits.run(7, 1000)?;
            bits.run(200, 1)?;
            bits.stored(&other)?;
            bits.stored(&[])?;
            bits.run(0, 5)?;
            bits.stored(&[1])
        });
        let all = [&[7; 1000][..], &[200], &other, &[0; 5], &[1]].concat();
        holds(&stream, &all);
    }

    #[test]
    fn a_run_is_as_short_as_deflate_can_say_it() {
        let len = stream(|bits| bits.run(99, 100_000)).len();
        let mut own = std::vec![0; 1 << 10];
        let mut compressor = Compressor::new(CompressionLvl::best());
        let best = compressor.deflate_compress(&std::vec![99; 100_000], &mut own).unwrap();
        assert!(len <= best + 20, "{len} bytes, {best} at libdeflate's best");
    }

    #[test]
    fn what_does_not_fit_is_none() {
        let mut out = [0; 64];
        let whole = stream(|bits| bits.run(1, 10_000)).len() - 2;
        for room in 0..whole {
            let mut bits = Bits::new(out.get_mut(..room).unwrap_or_default());
            let fits = bits.run(1, 10_000).and_then(|()| bits.align());
            assert!(fits.is_none_or(|len| len <= room), "{room}");
        }
    }
}

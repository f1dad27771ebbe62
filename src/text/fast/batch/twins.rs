//! The functions of a machine once more, byte by byte, and every machine compared with them.

use std::vec::Vec;

use super::cpu::{self, Level};
use super::machine::{Fields, Limits, Machine, Masks, Special};
use super::marks::Marks;
use super::x86::{Avx2, Avx512};
use crate::text::format::Plain;
use crate::text::number;

/// A generator with a fixed seed (splitmix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }
}

/// Bits of the bytes for which something holds.
fn bits(block: &[u8; 64], holds: impl Fn(u8) -> bool) -> u64 {
    block.iter().enumerate().fold(0, |bits, (i, &byte)| bits | u64::from(holds(byte)) << i)
}

fn classify(plain: Plain, block: &[u8; 64]) -> (Masks, Special) {
    let line = bits(block, |b| b == b'\n');
    let stop = bits(block, |b| match plain.delimiter {
        Some(delimiter) => b == delimiter,
        None => b == b' ' || b == b'\t',
    });
    let returns = bits(block, |b| b == b'\r');
    let quotes = bits(block, |b| b == plain.quote && b != b'\n');
    let odd = bits(block, |b| {
        let other_space = plain.delimiter.is_none() && b < b' ' && !b"\t\n\r".contains(&b);
        !b.is_ascii() || other_space || (b == plain.comment && b != b'\n')
    });
    (Masks { stop, line, special: returns | quotes | odd }, Special { returns, quotes, odd })
}

/// An integer of at most 16 characters within its limits.
fn integer(text: &[u8], limits: Limits) -> Option<u64> {
    let negative = text.starts_with(b"-");
    let digits = text.get(usize::from(negative || text.starts_with(b"+"))..)?;
    let value = number::unsigned(digits).filter(|_| digits.iter().all(u8::is_ascii_digit))?;
    let most = if negative { limits.negative } else { limits.positive };
    let sure = text.len() <= 16 && value <= most && (limits.signed || !negative);
    sure.then_some(if negative { value.wrapping_neg() } else { value })
}

/// A float, not by its name.
fn float(text: &[u8]) -> Option<u64> {
    let plain = |b: &u8| b.is_ascii_digit() || b"+-.eE".contains(b);
    if text.iter().all(plain) { number::float(text, b'.').map(f64::to_bits) } else { None }
}

const PLAINS: [Plain; 3] = [
    Plain { delimiter: None, comment: b'#', quote: b'\n' },
    Plain { delimiter: Some(b','), comment: b'\n', quote: b'"' },
    Plain { delimiter: Some(b'\t'), comment: b'%', quote: b'\'' },
];

fn blocks<M: Machine>() {
    let mut random = Random(1);
    for round in 0..20_000 {
        let mut block = [0; 64];
        for byte in &mut block {
            *byte = match random.below(3) {
                0 => random.next() as u8,
                1 => b" \t\n\r,#%\"'\x0b\x1f\x80"[random.below(12)],
                _ => b'0' + random.below(10) as u8,
            };
        }
        let plain = PLAINS[round % 3];
        let marks = Marks::new(plain);
        let (found, special) = classify(plain, &block);
        // SAFETY: the processor was asked; the block has 64 bytes.
        assert_eq!(unsafe { M::classify(&marks, block.as_ptr()) }, found);
        // SAFETY: likewise.
        assert_eq!(unsafe { M::inspect(&marks, block.as_ptr()) }, special);
        let mask = random.next() & if round % 2 == 0 { random.next() } else { u64::MAX };
        let base = random.next() as u16;
        let mut out = [0; 64];
        // SAFETY: the processor was asked; there are 64 entries.
        unsafe { M::positions(mask, base, out.as_mut_ptr()) };
        let set = (0..64u16).filter(|i| mask >> i & 1 == 1).map(|i| base.wrapping_add(i));
        assert!(set.eq(out.iter().copied().take(mask.count_ones() as usize)));
    }
}

/// Eight random fields, and the text that they lie in.
fn fields(random: &mut Random, step: usize) -> (Vec<u8>, Vec<u16>, Vec<u16>) {
    let mut text = Vec::from([b'1'; 64]);
    let (mut starts, mut ends) = (Vec::new(), Vec::new());
    let with_exponents = random.below(4) == 0;
    for _ in 0..8 * step {
        starts.push(text.len() as u16);
        let most = [4, 10, 18, 36][random.below(4)];
        for i in 0..random.below(most) {
            text.push(match random.below(40) {
                0 => b"+-./:e,"[random.below(7)],
                n if n < 6 && i == 0 => b"+-.0-"[random.below(5)],
                n if n < 6 => b"..0000"[random.below(6)],
                _ => b'0' + random.below(10) as u8,
            });
        }
        if with_exponents && random.below(50) > 0 {
            text.push(b"eeeeeE"[random.below(6)]);
            text.push(b"+-+-+-+-1"[random.below(9)]);
            text.extend([b'0' + random.below(10) as u8, b"0123456789:"[random.below(11)]]);
        }
        ends.push(text.len() as u16);
        text.extend_from_slice(b" 9.");
    }
    text.resize(text.len() + 64, b'5');
    (text, starts, ends)
}

/// Answers how many floats with an exponent the machine was sure of.
fn numbers<M: Machine>() -> u32 {
    let mut random = Random(2);
    let (mut sure, mut known, mut exponents) = (0, 0, 0);
    for round in 0..20_000 {
        let step = [1, 3][round % 2];
        let (text, starts, ends) = fields(&mut random, step);
        let fields =
            Fields { base: text.as_ptr(), starts: starts.as_ptr(), ends: ends.as_ptr(), step };
        let field = |i: usize| &text[starts[i * step].into()..ends[i * step].into()];
        let max = u64::MAX >> random.below(64);
        let signed = random.below(2) == 0;
        let limits = Limits { positive: max, negative: max.saturating_add(1), signed };
        // SAFETY: the processor was asked, and the text and its index hold eight fields.
        let (values, bad) = unsafe { M::integers(fields, limits) };
        // SAFETY: likewise.
        let halves = unsafe { M::halves(values) };
        // SAFETY: likewise.
        let values = unsafe { M::words(values) };
        for i in 0..8 {
            let expected = integer(field(i), limits);
            let got = (bad >> i & 1 == 0).then_some(values[i]);
            assert_eq!(got, expected, "{}", field(i).escape_ascii());
            assert_eq!(halves[i], values[i] as u32);
        }
        // SAFETY: likewise.
        let (values, bad) = unsafe { M::floats(fields, b'.') };
        // SAFETY: likewise.
        let singles = unsafe { M::singles(values) };
        // SAFETY: likewise.
        let values = unsafe { M::words(values) };
        // One exponent may keep a machine from all eight.
        let has_exponent = (0..8).any(|i| field(i).iter().any(u8::is_ascii_alphabetic));
        for i in 0..8 {
            let expected = float(field(i));
            let is_sure = bad >> i & 1 == 0;
            if is_sure {
                assert_eq!(Some(values[i]), expected, "{}", field(i).escape_ascii());
                assert_eq!(singles[i], (f64::from_bits(values[i]) as f32).to_bits());
            }
            let digits = field(i).iter().filter(|b| b.is_ascii_digit()).count();
            sure += u32::from(is_sure && !has_exponent);
            exponents += u32::from(is_sure && has_exponent);
            known += u32::from(expected.is_some() && digits <= 19 && !has_exponent);
        }
    }
    assert!(sure * 50 >= known * 49, "{sure} of {known}");
    exponents
}

fn copies<M: Machine>() {
    let mut random = Random(3);
    for _ in 0..50_000 {
        let text: Vec<u8> = (0..128).map(|_| random.next() as u8).collect();
        let width = random.below(65);
        let len = random.below(width + 1);
        let mut out = [0xAA; 128];
        // SAFETY: the processor was asked; 64 bytes are readable and `width` writable.
        unsafe { M::copy(text[7..].as_ptr(), len, out[5..].as_mut_ptr(), width) };
        let mut expected = [0xAA; 128];
        expected[5..5 + width].fill(0);
        expected[5..5 + len].copy_from_slice(&text[7..7 + len]);
        assert_eq!(out, expected, "{len} of {width}");
    }
}

#[test]
fn avx2_is_its_twin() {
    if cpu::level() >= Level::Avx2 {
        blocks::<Avx2>();
        numbers::<Avx2>();
        copies::<Avx2>();
    }
}

#[test]
fn avx512_is_its_twin() {
    if cpu::level() >= Level::Avx512 {
        blocks::<Avx512>();
        assert!(numbers::<Avx512>() > 10_000);
        copies::<Avx512>();
    }
}

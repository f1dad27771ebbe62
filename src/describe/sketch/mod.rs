//! What is kept of the values of a column: sums that are exact, bins, a dictionary, registers.
//!
//! Of fixed size each, whatever comes. Two of a kind that saw parts of the values are merged
//! to what one would be that saw all of them, whatever the parts and their order are.

mod big;
mod bins;
mod exact;
mod registers;
mod values;

#[cfg(test)]
mod tests;

pub(super) use bins::{Bin, Bins};
pub(super) use exact::Moments;
pub(super) use registers::Registers;
pub(super) use values::{Counted, Values};

/// How much is kept of each column: less if there are many, so that all of them have a bound.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Bins of a column; a power of two.
    pub(super) bins: usize,
    /// Two to this power are the registers that count distinct values.
    pub(super) precision: u32,
    /// Values of the first rows whose occurrences are counted, and as many others.
    pub(super) values: usize,
    /// Bytes of their texts.
    pub(super) bytes: usize,
    /// Values that are collected before they are added; a power of two.
    pub(super) cache: usize,
}

impl Limits {
    /// For so many columns.
    pub(super) const fn for_columns(columns: usize) -> Self {
        match columns {
            0..=64 => {
                Self { bins: 2048, precision: 14, values: 1 << 12, bytes: 1 << 20, cache: 1024 }
            }
            65..=1024 => {
                Self { bins: 512, precision: 12, values: 1 << 10, bytes: 128 << 10, cache: 64 }
            }
            _ => Self { bins: 128, precision: 10, values: 128, bytes: 8 << 10, cache: 8 },
        }
    }
}

/// A number whose bits all depend on all bits of another; no two have the same.
pub(super) const fn mixed(value: u64) -> u64 {
    let x = (value ^ (value >> 32)).wrapping_mul(0xD6E8_FEB8_6659_FD93);
    let x = (x ^ (x >> 29)).wrapping_mul(0xA076_1D64_78BD_642F);
    x ^ (x >> 32)
}

/// The same of bytes.
pub(super) fn mixed_bytes(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    let step = |hash: u64, word: u64| {
        let wide = u128::from(hash ^ word) * 0x9E37_79B9_7F4A_7C15;
        (wide >> 64) as u64 ^ wide as u64
    };
    let mut hash = 0x243F_6A88_85A3_08D3 ^ bytes.len() as u64;
    for word in words {
        hash = step(hash, u64::from_le_bytes(*word)).wrapping_add(0x1319_8A2E_0370_7344);
    }
    let mut last = [0; 8];
    last.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
    mixed(hash ^ u64::from_le_bytes(last).rotate_left(11))
}

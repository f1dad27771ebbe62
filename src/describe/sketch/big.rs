//! Whole numbers of any length, as far as means and variances need them.

use core::cmp::Ordering;
use std::vec;
use std::vec::Vec;

/// A number that is not negative, in digits of 32 bits, the lowest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Big(Vec<u32>);

impl Big {
    pub(super) fn new(mut digits: Vec<u32>) -> Self {
        while digits.last() == Some(&0) {
            digits.pop();
        }
        Self(digits)
    }

    pub(super) const fn is_zero(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn times(&self, other: &Self) -> Self {
        let mut product = vec![0_u32; self.0.len() + other.0.len() + 1];
        for (at, &a) in self.0.iter().enumerate() {
            let mut carry = 0_u64;
            let tail = product.get_mut(at..).unwrap_or_default();
            let digits = other.0.iter().copied().chain(core::iter::repeat(0));
            for (to, b) in tail.iter_mut().zip(digits) {
                let sum = u64::from(a) * u64::from(b) + u64::from(*to) + carry;
                *to = sum as u32;
                carry = sum >> 32;
            }
        }
        Self::new(product)
    }

    pub(super) fn times_small(&self, factor: u64) -> Self {
        self.times(&Self::new(vec![factor as u32, (factor >> 32) as u32]))
    }

    /// What is left of it; zero if the other is larger.
    pub(super) fn minus(&self, other: &Self) -> Self {
        if self.cmp(other) == Ordering::Less {
            return Self(Vec::new());
        }
        let mut borrow = 0_i64;
        let others = other.0.iter().copied().chain(core::iter::repeat(0));
        let digits = self.0.iter().zip(others).map(|(&a, b)| {
            let digit = i64::from(a) - i64::from(b) + borrow;
            borrow = digit >> 32;
            digit as u32
        });
        Self::new(digits.collect())
    }

    fn cmp(&self, other: &Self) -> Ordering {
        let by_len = self.0.len().cmp(&other.0.len());
        by_len.then_with(|| self.0.iter().rev().cmp(other.0.iter().rev()))
    }

    /// With so many digits of zero below.
    pub(super) fn raised(&self, digits: usize) -> Self {
        if self.is_zero() {
            return self.clone();
        }
        let mut all = vec![0; digits];
        all.extend(&self.0);
        Self(all)
    }

    /// The quotient, and whether there is a rest.
    pub(super) fn divided(&self, by: u64) -> (Self, bool) {
        let by = u128::from(by.max(1));
        let mut rest = 0_u128;
        let mut digits = vec![0_u32; self.0.len()];
        for (to, &digit) in digits.iter_mut().zip(&self.0).rev() {
            let part = rest << 32 | u128::from(digit);
            *to = (part / by) as u32;
            rest = part % by;
        }
        (Self::new(digits), rest != 0)
    }

    /// The number as `m * 2^e`, `m` with 64 bits at most, the last of which tells of all
    /// below, and of a `rest` of it.
    pub(super) fn leading(&self, rest: bool) -> (u64, i64) {
        let Some(&top) = self.0.last() else { return (u64::from(rest), 0) };
        let bits = self.0.len() as i64 * 32 - i64::from(top.leading_zeros());
        let drop = (bits - 64).max(0);
        let (whole, part) = ((drop / 32) as usize, (drop % 32) as u32);
        let upper = self.0.iter().skip(whole).take(3).rev();
        let upper = upper.fold(0_u128, |all, &digit| all << 32 | u128::from(digit));
        let below = self.0.iter().take(whole).any(|&digit| digit != 0);
        let below = below || upper & ((1 << part) - 1) != 0 || rest;
        ((upper >> part) as u64 | u64::from(below), drop)
    }
}

//! How many values there are that differ, estimated: `HyperLogLog`, with the estimator of Ertl
//! (arXiv:1702.01284), which needs no table of corrections.

use std::boxed::Box;
use std::vec;
use std::vec::Vec;

/// Registers, each the most leading zeros that a part of the hashes has, and one.
#[derive(Debug, Clone)]
pub(in crate::describe) struct Registers {
    ranks: Box<[u8]>,
    precision: u32,
}

impl Registers {
    pub(in crate::describe) fn new(precision: u32) -> Self {
        Self { ranks: vec![0; 1 << precision].into_boxed_slice(), precision }
    }

    /// Notes a hash.
    #[inline]
    pub(in crate::describe) fn add(&mut self, hash: u64) {
        let rest = hash << self.precision | 1 << (self.precision - 1);
        if let Some(to) = self.ranks.get_mut((hash >> (64 - self.precision)) as usize) {
            // Few have more zeros than the register has seen; only of these they are counted.
            if rest <= u64::MAX >> *to {
                *to = rest.leading_zeros() as u8 + 1;
            }
        }
    }

    pub(in crate::describe) fn merge(&mut self, other: &Self) {
        self.ranks.iter_mut().zip(&other.ranks).for_each(|(to, &from)| *to = from.max(*to));
    }

    /// The standard error of the estimate, as a part of it.
    pub(in crate::describe) fn error(&self) -> f64 {
        1.04 / (self.ranks.len() as f64).sqrt()
    }

    /// About how many hashes there were.
    pub(in crate::describe) fn estimate(&self) -> f64 {
        let (registers, most) = (self.ranks.len() as f64, 64 - self.precision as usize);
        let mut counts: Vec<f64> = vec![0.0; most + 2];
        for &rank in &self.ranks {
            if let Some(count) = counts.get_mut(usize::from(rank)) {
                *count += 1.0;
            }
        }
        let of = |rank: usize| counts.get(rank).copied().unwrap_or(0.0);
        let mut sum = registers * tau(1.0 - of(most + 1) / registers);
        for rank in (1..=most).rev() {
            sum = 0.5 * (sum + of(rank));
        }
        sum += registers * sigma(of(0) / registers);
        0.5 / core::f64::consts::LN_2 * registers * registers / sum
    }
}

fn sigma(mut x: f64) -> f64 {
    if x >= 1.0 {
        return f64::INFINITY;
    }
    let (mut power, mut sum) = (1.0, x);
    loop {
        x *= x;
        let before = sum;
        sum += x * power;
        power += power;
        if sum <= before {
            return sum;
        }
    }
}

fn tau(mut x: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return 0.0;
    }
    let (mut power, mut sum) = (1.0, 1.0 - x);
    loop {
        x = x.sqrt();
        let before = sum;
        power *= 0.5;
        sum -= (1.0 - x) * (1.0 - x) * power;
        if sum >= before {
            return sum / 3.0;
        }
    }
}

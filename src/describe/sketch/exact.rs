//! Sums without a rounding error: of numbers, and of their squares.
//!
//! Digits of 32 bits in words of 64, so that carries can wait. The digits reach from the
//! smallest to the largest number that there is, so every order of adding gives the same sum,
//! and what is made of it is rounded once.

use std::boxed::Box;
use std::vec;
use std::vec::Vec;

use super::big::Big;

/// Additions after which carries are taken on: each adds less than 2^33 to a word.
const PATIENCE: u32 = 1 << 28;
/// Words that an addition touches.
const TOUCHED: usize = 5;

/// Words of the sum of float64 values: bits of 2^-1074 and up.
const FLOATS: usize = 76;
/// Of their squares: of 2^-2148 and up.
const FLOAT_SQUARES: usize = 144;
/// Of the sums of integers and of their squares.
const INTEGERS: usize = 10;

/// A sum.
#[derive(Debug, Clone)]
struct Sum {
    words: Box<[i64]>,
    waiting: u32,
}

impl Sum {
    fn new(words: usize) -> Self {
        Self { words: vec![0; words].into_boxed_slice(), waiting: 0 }
    }

    /// Adds `value * 2^bit`, or subtracts it.
    #[inline]
    fn add(&mut self, value: u128, bit: usize, negative: bool) {
        let (first, shift) = (bit / 32, bit % 32);
        let low = (value & (u128::MAX >> 32)) << shift;
        let high = ((value >> 96) as u64) << shift;
        let Some(words) = self.words.get_mut(first..first + TOUCHED) else { return };
        let digit = |n: u32| i64::from((low >> (32 * n)) as u32);
        let digits =
            [digit(0), digit(1), digit(2), digit(3) + i64::from(high as u32), (high >> 32) as i64];
        let sign = if negative { -1 } else { 1 };
        words.iter_mut().zip(digits).for_each(|(word, digit)| *word += sign * digit);
        self.waiting += 1;
        if self.waiting >= PATIENCE {
            self.carry();
        }
    }

    fn carry(&mut self) {
        self.waiting = 0;
        let mut carry = 0;
        let last = self.words.len().saturating_sub(1);
        for (at, word) in self.words.iter_mut().enumerate() {
            *word += carry;
            carry = *word >> 32;
            // The last one keeps the sign.
            if at < last {
                *word &= 0xFFFF_FFFF;
            }
        }
    }

    fn merge(&mut self, other: &Self) {
        let mut other = other.clone();
        other.carry();
        self.carry();
        self.words.iter_mut().zip(&other.words).for_each(|(to, from)| *to += from);
        self.carry();
    }

    /// Its size, and whether it is negative.
    fn value(&self) -> (Big, bool) {
        let mut sum = self.clone();
        sum.carry();
        let negative = sum.words.last().is_some_and(|&last| last < 0);
        if negative {
            sum.words.iter_mut().for_each(|word| *word = -*word);
            sum.carry();
        }
        (Big::new(sum.words.iter().map(|&word| word as u32).collect::<Vec<_>>()), negative)
    }
}

/// Sums of numbers with the same exponent, whose digits need no places then.
#[derive(Debug, Clone, Copy, Default)]
struct Drawer {
    exponent: u16,
    first: i128,
    second: u128,
    waiting: u32,
}

/// Drawers, of which each exponent has one that it may have to itself for a while.
const DRAWERS: usize = 32;
/// Numbers in a drawer, at most: their squares have 106 bits.
const FULL: u32 = 1 << 21;

/// The sums that mean and variance are made of.
#[derive(Debug, Clone)]
pub(in crate::describe) struct Moments {
    first: Sum,
    second: Sum,
    /// The power of two of the lowest bit of the first sum.
    scale: i64,
    /// Of floats: what is not in the sums yet.
    drawers: Box<[Drawer]>,
    /// The same of integers; of the squares also what went over.
    integers: (i128, u128, u64),
}

impl Moments {
    pub(in crate::describe) fn of_floats() -> Self {
        let (first, second) = (Sum::new(FLOATS), Sum::new(FLOAT_SQUARES));
        let drawers = vec![Drawer::default(); DRAWERS].into_boxed_slice();
        Self { first, second, scale: -1074, drawers, integers: (0, 0, 0) }
    }

    pub(in crate::describe) fn of_integers() -> Self {
        let (first, second) = (Sum::new(INTEGERS), Sum::new(INTEGERS));
        Self { first, second, scale: 0, drawers: Box::default(), integers: (0, 0, 0) }
    }

    /// Adds a finite number `times` times.
    #[inline]
    pub(in crate::describe) fn add_float(&mut self, value: f64, times: u16) {
        let bits = value.to_bits();
        let exponent = (bits >> 52) as u16 & 0x7FF;
        let fraction = bits & ((1 << 52) - 1);
        let digits = if exponent == 0 { fraction } else { fraction | 1 << 52 };
        let Some(drawer) = self.drawers.get_mut(usize::from(exponent) % DRAWERS) else { return };
        if drawer.exponent != exponent || drawer.waiting + u32::from(times) > FULL {
            let full = core::mem::replace(drawer, Drawer { exponent, ..Drawer::default() });
            full.empty(&mut self.first, &mut self.second);
        }
        let product = digits as i128 * i128::from(times);
        drawer.first += if bits >> 63 == 1 { -product } else { product };
        drawer.second += u128::from(digits) * u128::from(digits) * u128::from(times);
        drawer.waiting += u32::from(times);
    }

    /// Adds an integer `times` times, given as its size and its sign.
    #[inline]
    pub(in crate::describe) fn add_integer(&mut self, size: u64, negative: bool, times: u16) {
        let (first, second, over) = &mut self.integers;
        let product = i128::from(size) * i128::from(times);
        *first += if negative { -product } else { product };
        let square = u128::from(size) * u128::from(size);
        let (low, high) = (square & u128::from(u64::MAX), square >> 64);
        // Each half times so many has less than 80 bits.
        let (low, high) = (low * u128::from(times), high * u128::from(times));
        let high = high + (low >> 64);
        let part = high << 64 | low & u128::from(u64::MAX);
        let (sum, is_over) = second.overflowing_add(part);
        *second = sum;
        *over += (high >> 64) as u64 + u64::from(is_over);
    }

    /// Adds what is not in the sums yet.
    pub(in crate::describe) fn settle(&mut self) {
        for drawer in &mut self.drawers {
            core::mem::take(drawer).empty(&mut self.first, &mut self.second);
        }
        let (first, second, over) = core::mem::take(&mut self.integers);
        self.first.add(first.unsigned_abs(), 0, first < 0);
        self.second.add(second, 0, false);
        self.second.add(u128::from(over), 128, false);
    }

    pub(in crate::describe) fn merge(&mut self, other: &Self) {
        self.settle();
        let mut other = other.clone();
        other.settle();
        self.first.merge(&other.first);
        self.second.merge(&other.second);
    }

    /// The mean of `count` numbers, rounded once.
    pub(in crate::describe) fn mean(&self, count: u64) -> f64 {
        let mut settled = self.clone();
        settled.settle();
        let (size, negative) = settled.first.value();
        // Bits enough below the point, also of a small sum.
        let (quotient, rest) = size.raised(4).divided(count);
        let (digits, exponent) = quotient.leading(rest);
        let mean = scaled(digits as f64, exponent - 128 + self.scale);
        if negative { -mean } else { mean }
    }

    /// The standard deviation of a sample of `count` numbers; `None` for less than two.
    pub(in crate::describe) fn deviation(&self, count: u64) -> Option<f64> {
        if count < 2 {
            return None;
        }
        let mut settled = self.clone();
        settled.settle();
        let ((sum, _), (squares, _)) = (settled.first.value(), settled.second.value());
        let spread = squares.times_small(count).minus(&sum.times(&sum));
        let (part, rest) = spread.raised(8).divided(count);
        let (variance, more) = part.divided(count - 1);
        let (digits, exponent) = variance.leading(rest || more);
        let exponent = exponent - 256 + 2 * self.scale;
        // The root of an even power is one.
        let odd = exponent.rem_euclid(2);
        let digits = digits as f64 * if odd == 1 { 2.0 } else { 1.0 };
        Some(scaled(digits.sqrt(), (exponent - odd) / 2))
    }
}

impl Drawer {
    fn empty(&self, first: &mut Sum, second: &mut Sum) {
        // Numbers without an exponent lie where those with the smallest one do.
        let bit = usize::from(self.exponent.max(1)) - 1;
        first.add(self.first.unsigned_abs(), bit, self.first < 0);
        second.add(self.second, 2 * bit, false);
    }
}

/// `value * 2^exponent`, for exponents beyond those of one factor, too.
fn scaled(mut value: f64, mut exponent: i64) -> f64 {
    while exponent != 0 && value != 0.0 && value.is_finite() {
        let step = exponent.clamp(-1000, 1000);
        value *= 2_f64.powi(step as i32);
        exponent -= step;
    }
    value
}

//! How often which values occur, as finely as a number of bins allows.
//!
//! A key orders the values. At first every key has a bin. When there are too many, the lowest
//! bit of all keys goes, again and again until there are few enough: so the bins depend on
//! nothing but the values.

use std::boxed::Box;
use std::vec;
use std::vec::Vec;

/// The keys from `low` to `high`, and how many values have one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::describe) struct Bin {
    pub(in crate::describe) low: u64,
    pub(in crate::describe) high: u64,
    pub(in crate::describe) count: u64,
}

/// A place of the table; without a count it is free.
#[derive(Debug, Clone, Copy, Default)]
struct Place {
    key: u64,
    count: u64,
}

/// All bins of a column.
#[derive(Debug, Clone)]
pub(in crate::describe) struct Bins {
    /// Twice as many as there may be bins.
    places: Box<[Place]>,
    used: usize,
    /// Bits that are left out of keys.
    level: u32,
}

impl Bins {
    /// With at most `most` bins, a power of two.
    pub(in crate::describe) fn new(most: usize) -> Self {
        let places = vec![Place::default(); 2 * most.next_power_of_two()].into_boxed_slice();
        Self { places, used: 0, level: 0 }
    }

    /// Adds `count` values with this key.
    #[inline]
    pub(in crate::describe) fn add(&mut self, key: u64, count: u64) {
        while !self.try_add(key >> self.level, count) {
            self.coarsen();
        }
    }

    /// False if there is no bin for it, and no room for one.
    #[inline]
    fn try_add(&mut self, key: u64, count: u64) -> bool {
        let (len, mask) = (self.places.len(), self.places.len() - 1);
        let shift = len.leading_zeros() + 1;
        let mut at = (key.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> shift) as usize & mask;
        while let Some(place) = self.places.get_mut(at) {
            if place.count == 0 {
                if self.used * 2 >= len {
                    return false;
                }
                *place = Place { key, count };
                self.used += 1;
                return true;
            }
            if place.key == key {
                place.count += count;
                return true;
            }
            at = (at + 1) & mask;
        }
        false
    }

    fn coarsen(&mut self) {
        let free = vec![Place::default(); self.places.len()].into_boxed_slice();
        let old = core::mem::replace(&mut self.places, free);
        self.used = 0;
        self.level = (self.level + 1).min(63);
        for place in old.iter().filter(|place| place.count > 0) {
            self.try_add(place.key >> 1, place.count);
        }
    }

    pub(in crate::describe) fn merge(&mut self, other: &Self) {
        while self.level < other.level {
            self.coarsen();
        }
        for place in other.places.iter().filter(|place| place.count > 0) {
            self.add(place.key << other.level, place.count);
        }
    }

    /// Whether every key has a bin of its own.
    pub(in crate::describe) const fn is_exact(&self) -> bool {
        self.level == 0
    }

    pub(in crate::describe) const fn len(&self) -> usize {
        self.used
    }

    /// The bins in the order of their keys.
    pub(in crate::describe) fn sorted(&self) -> Vec<Bin> {
        let bin = |place: &Place| Bin {
            low: place.key << self.level,
            high: place.key << self.level | ((1 << self.level) - 1),
            count: place.count,
        };
        let mut all: Vec<Bin> = self.places.iter().filter(|p| p.count > 0).map(bin).collect();
        all.sort_unstable_by_key(|bin| bin.low);
        all
    }
}

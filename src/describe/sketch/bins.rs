//! How often which values occur, as finely as a number of bins allows.
//!
//! A key orders the values. At first every key has a bin. When there are too many, the lowest
//! bit of all keys goes, again and again until there are few enough: so the bins depend on
//! nothing but the values.
//!
//! Bins are found by a hash. As soon as bits are left out, most keys lie near one another, and
//! those of a window need no hash: their bins lie side by side. There is a window for each
//! value of the first bit, as that is the sign of numbers.

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

/// Bins of keys that follow one another, from `first` on.
#[derive(Debug, Clone, Default)]
struct Window {
    first: u64,
    counts: Box<[u64]>,
}

/// All bins of a column.
#[derive(Debug, Clone)]
pub(in crate::describe) struct Bins {
    /// Twice as many as there may be bins.
    places: Box<[Place]>,
    /// Bins that are not in `places`, by the first bit of their keys.
    windows: [Window; 2],
    used: usize,
    /// Bits that are left out of keys.
    level: u32,
}

/// The window of keys, by their first bit.
const fn side(key: u64) -> usize {
    (key >> 63) as usize
}

impl Bins {
    /// With at most `most` bins, a power of two.
    pub(in crate::describe) fn new(most: usize) -> Self {
        let places = vec![Place::default(); 2 * most.next_power_of_two()].into_boxed_slice();
        Self { places, windows: [Window::default(), Window::default()], used: 0, level: 0 }
    }

    /// Bins for other values, which come to the same ones when they are merged: what was too
    /// fine for these is too fine for all.
    pub(in crate::describe) fn another(&self) -> Self {
        let mut other = self.clone();
        other.clear();
        other
    }

    /// Adds `count` values with this key.
    #[inline]
    pub(in crate::describe) fn add(&mut self, key: u64, count: u64) {
        let short = key >> self.level;
        let window = &mut self.windows[side(key)];
        match window.counts.get_mut(short.wrapping_sub(window.first) as usize) {
            Some(bin) if *bin > 0 => *bin += count,
            Some(_) => self.add_new(key, count),
            None => {
                if !self.try_place(short, count) {
                    self.add_new(key, count);
                }
            }
        }
    }

    #[cold]
    fn add_new(&mut self, key: u64, count: u64) {
        while !self.try_add(key, count) {
            self.coarsen(key);
        }
    }

    /// False if there is no bin for it, and no room for one.
    fn try_add(&mut self, key: u64, count: u64) -> bool {
        let (short, has_room) = (key >> self.level, self.used < self.most());
        let window = &mut self.windows[side(key)];
        let Some(bin) = window.counts.get_mut(short.wrapping_sub(window.first) as usize) else {
            return self.try_place(short, count);
        };
        if *bin == 0 {
            if !has_room {
                return false;
            }
            self.used += 1;
        }
        *bin += count;
        true
    }

    /// The same for one that no window has.
    #[inline]
    fn try_place(&mut self, key: u64, count: u64) -> bool {
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

    const fn most(&self) -> usize {
        self.places.len() / 2
    }

    /// Makes room for one more key, if it needs room then.
    fn coarsen(&mut self, key: u64) {
        let mut all: Vec<u64> = self.iter().map(|place| place.key).collect();
        all.push(key >> self.level);
        all.sort_unstable();
        // Two neighbours are one when all bits are gone in which they differ.
        let mut joined = [0_usize; 65];
        for pair in all.windows(2) {
            if let &[one, next] = pair {
                joined[(u64::BITS - (one ^ next).leading_zeros()) as usize] += 1;
            }
        }
        let (mut bins, mut drop) = (all.len() - joined[0], 0);
        while bins > self.most() && self.level + drop < 63 {
            drop += 1;
            bins -= joined[drop as usize];
        }
        self.raise(self.level + drop.max(1));
    }

    /// Leaves out more bits.
    fn raise(&mut self, level: u32) {
        let drop = level.min(63) - self.level;
        let mut all: Vec<Place> = self.iter().collect();
        for place in &mut all {
            place.key >>= drop;
        }
        all.sort_unstable_by_key(|place| place.key);
        self.level += drop;
        self.clear();
        let sign = all.partition_point(|place| side(place.key << self.level) == 0);
        let (low, high) = all.split_at(sign);
        let width = self.most();
        self.windows = [Window::over(low, width), Window::over(high, width)];
        for place in &all {
            self.try_add(place.key << self.level, place.count);
        }
    }

    fn clear(&mut self) {
        self.places.fill(Place::default());
        self.windows.iter_mut().for_each(|window| window.counts.fill(0));
        self.used = 0;
    }

    /// Bins with their short keys, in any order.
    fn iter(&self) -> impl Iterator<Item = Place> {
        let near = self.windows.iter().flat_map(|window| {
            (window.first..).zip(&window.counts).map(|(key, &count)| Place { key, count })
        });
        self.places.iter().copied().chain(near).filter(|place| place.count > 0)
    }

    pub(in crate::describe) fn merge(&mut self, other: &Self) {
        if self.level < other.level {
            self.raise(other.level);
        }
        for place in other.iter() {
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
        let bin = |place: Place| Bin {
            low: place.key << self.level,
            high: place.key << self.level | ((1 << self.level) - 1),
            count: place.count,
        };
        let mut all: Vec<Bin> = self.iter().map(bin).collect();
        all.sort_unstable_by_key(|bin| bin.low);
        all
    }
}

impl Window {
    /// Where most of the values are, as far as one can see, with room at both ends.
    fn over(sorted: &[Place], width: usize) -> Self {
        let span = width as u64;
        let (mut start, mut values) = (0, 0_u64);
        let (mut best, mut first, mut last) = (0, 0, 0);
        for place in sorted {
            values = values.saturating_add(place.count);
            while let Some(gone) = sorted.get(start).filter(|gone| place.key - gone.key >= span) {
                values -= gone.count.min(values);
                start += 1;
            }
            if values > best {
                (best, last) = (values, place.key);
                first = sorted.get(start).map_or(place.key, |place| place.key);
            }
        }
        let room = (span - 1).saturating_sub(last - first) / 2;
        Self { first: first.saturating_sub(room), counts: vec![0; width].into_boxed_slice() }
    }
}

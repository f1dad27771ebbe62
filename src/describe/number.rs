//! What is kept of a column of numbers, times or truth values.

use std::boxed::Box;
use std::vec;

use super::sketch::{Bins, Limits, Moments, Registers, Values, mixed};

/// How the 64 bits of a value are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    Signed,
    Unsigned,
    Float,
    Time,
}

const TOP: u64 = 1 << 63;

impl Class {
    /// A number that is in the order of the values; without a loss.
    #[inline]
    pub(super) const fn ordered(self, raw: u64) -> u64 {
        match self {
            Self::Signed | Self::Time => raw ^ TOP,
            Self::Unsigned => raw,
            Self::Float if raw & TOP != 0 => !raw,
            Self::Float => raw | TOP,
        }
    }

    /// The value of an [ordered](Self::ordered) number.
    pub(super) const fn raw(self, ordered: u64) -> u64 {
        match self {
            Self::Signed | Self::Time => ordered ^ TOP,
            Self::Unsigned => ordered,
            Self::Float if ordered & TOP != 0 => ordered & !TOP,
            Self::Float => !ordered,
        }
    }

    /// The key of a value's bin, and whether it is that of no other value. Those of times are
    /// evenly spaced; others become coarser as they become larger.
    #[inline]
    fn key(self, raw: u64) -> (u64, bool) {
        let (value, same) = match self {
            Self::Float | Self::Time => return (self.ordered(raw), true),
            Self::Signed => {
                let value = raw as i64 as f64;
                (value, value as i128 == i128::from(raw as i64))
            }
            Self::Unsigned => (raw as f64, raw as f64 as u128 == u128::from(raw)),
        };
        (Self::Float.ordered(value.to_bits()), same)
    }

    /// The least and the greatest value with these keys.
    pub(super) fn edges(self, low: u64, high: u64) -> (f64, f64) {
        let value = |key: u64| match self {
            Self::Time => self.raw(key) as i64 as f64,
            _ => f64::from_bits(Self::Float.raw(key)),
        };
        let (low, high) = (value(low), value(high));
        // Behind infinity there are keys of what is no number.
        let low = if low.is_nan() { f64::NEG_INFINITY } else { low };
        (low, if high.is_nan() { f64::INFINITY } else { high })
    }
}

/// A value that was there some times, and is not added yet.
#[derive(Debug, Clone, Copy, Default)]
struct Waiting {
    raw: u64,
    times: u16,
}

/// All that is kept.
#[derive(Debug, Clone)]
pub(super) struct Numbers {
    pub(super) class: Class,
    pub(super) count: u64,
    pub(super) missing: u64,
    /// Of minus infinity, and of infinity.
    pub(super) infinite: [u64; 2],
    /// The smallest and the largest value, ordered.
    pub(super) range: Option<(u64, u64)>,
    pub(super) moments: Moments,
    pub(super) more: Option<More>,
    limits: Limits,
    /// Values of later rows that come again soon are added together.
    cache: Option<Cache>,
}

#[derive(Debug, Clone)]
struct Cache {
    places: Box<[Waiting]>,
    /// Values that were looked for since the last count, and those that were there.
    tries: u32,
    hits: u32,
    /// Values that are not looked for, because too few were there.
    rest: u32,
}

/// Values after which it is seen whether the cache is worth it: if one in eight was there.
const TRIES: u32 = 4096;
/// Values that pass it by if it is not.
const REST: u32 = 1 << 16;

/// What is left out where it has to be quick.
#[derive(Debug, Clone)]
pub(super) struct More {
    pub(super) bins: Bins,
    /// Values share a bin that are not the same, also where bins are exact.
    pub(super) is_lossy: bool,
    pub(super) registers: Registers,
    /// Of integers.
    pub(super) values: Option<Values>,
}

impl Numbers {
    pub(super) fn new(class: Class, limits: Limits, quick: bool) -> Self {
        let values = || Values::new(limits.values, limits.bytes);
        let more = || More {
            bins: Bins::new(limits.bins),
            is_lossy: false,
            registers: Registers::new(limits.precision),
            values: matches!(class, Class::Signed | Class::Unsigned).then(values),
        };
        let moments = match class {
            Class::Float => Moments::of_floats(),
            _ => Moments::of_integers(),
        };
        Self {
            class,
            count: 0,
            missing: 0,
            infinite: [0; 2],
            range: None,
            moments,
            more: (!quick).then(more),
            limits,
            cache: None,
        }
    }

    /// One for other rows.
    pub(super) fn another(&self) -> Self {
        let mut other = Self::new(self.class, self.limits, self.more.is_none());
        let places = vec![Waiting::default(); self.limits.cache].into_boxed_slice();
        other.cache = Some(Cache { places, tries: 0, hits: 0, rest: 0 });
        if let (Some(to), Some(from)) = (&mut other.more, &self.more) {
            to.values = from.values.as_ref().map(Values::another);
        }
        other
    }

    /// The first rows are over.
    pub(super) fn settle(&mut self) {
        if let Some(values) = self.more.as_mut().and_then(|more| more.values.as_mut()) {
            values.settle();
        }
    }

    /// Takes a value.
    #[inline]
    pub(super) fn note(&mut self, raw: u64) {
        let Some(cache) = &mut self.cache else { return self.add(raw, 1) };
        if cache.rest > 0 {
            cache.rest -= 1;
            return self.add(raw, 1);
        }
        cache.tries += 1;
        if cache.tries == TRIES {
            cache.rest = if cache.hits < TRIES / 8 { REST } else { 0 };
            (cache.tries, cache.hits) = (0, 0);
        }
        let mask = cache.places.len() - 1;
        let at = (raw.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40) as usize & mask;
        let Some(place) = cache.places.get_mut(at) else { return };
        if place.raw == raw && place.times < u16::MAX {
            cache.hits += 1;
            place.times += 1;
            return;
        }
        let Waiting { raw, times } = core::mem::replace(place, Waiting { raw, times: 1 });
        if times > 0 {
            self.add(raw, times);
        }
    }

    /// Adds what waits.
    pub(super) fn flush(&mut self) {
        let Some(cache) = self.cache.take() else { return };
        for waiting in cache.places.iter().filter(|waiting| waiting.times > 0) {
            self.add(waiting.raw, waiting.times);
        }
    }

    #[inline]
    fn add(&mut self, raw: u64, times: u16) {
        let (class, count) = (self.class, u64::from(times));
        match class {
            Class::Float => {
                let value = f64::from_bits(raw);
                if value.is_nan() {
                    self.missing += count;
                    return;
                }
                if value.is_infinite() {
                    let [below, above] = &mut self.infinite;
                    *if value < 0.0 { below } else { above } += count;
                } else {
                    self.moments.add_float(value, times);
                }
            }
            Class::Time if raw == TOP => {
                self.missing += count;
                return;
            }
            Class::Signed | Class::Time => {
                let value = raw as i64;
                self.moments.add_integer(value.unsigned_abs(), value < 0, times);
            }
            Class::Unsigned => self.moments.add_integer(raw, false, times),
        }
        self.count += count;
        let ordered = class.ordered(raw);
        self.range = Some(match self.range {
            None => (ordered, ordered),
            Some((low, high)) => (low.min(ordered), high.max(ordered)),
        });
        if let Some(more) = &mut self.more {
            more.add(class, raw, count);
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.missing += other.missing;
        self.infinite.iter_mut().zip(other.infinite).for_each(|(to, from)| *to += from);
        self.range = match (self.range, other.range) {
            (Some((a, b)), Some((c, d))) => Some((a.min(c), b.max(d))),
            (one, None) | (None, one) => one,
        };
        self.moments.merge(&other.moments);
        if let (Some(more), Some(other)) = (&mut self.more, &other.more) {
            more.bins.merge(&other.bins);
            more.is_lossy |= other.is_lossy;
            more.registers.merge(&other.registers);
            if let (Some(values), Some(other)) = (&mut more.values, &other.values) {
                values.merge(other);
            }
        }
    }
}

impl More {
    #[inline]
    fn add(&mut self, class: Class, raw: u64, count: u64) {
        let (key, same) = class.key(raw);
        self.bins.add(key, count);
        self.is_lossy |= !same;
        let hash = mixed(raw);
        self.registers.add(hash);
        if let Some(values) = &mut self.values {
            values.count(&raw.to_ne_bytes(), hash, count);
        }
    }
}

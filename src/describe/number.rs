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
/// Integers up to here are float64 values, too.
const EXACT: u64 = 1 << 53;
/// Values that are taken at a time.
const BATCH: usize = 256;
/// How often each of them was there, if that is once.
const ONCE: [u16; BATCH] = [1; BATCH];

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
                let (whole, value) = (raw as i64, raw as i64 as f64);
                let fits = whole.unsigned_abs() <= EXACT;
                (value, fits || value as i128 == i128::from(whole))
            }
            Self::Unsigned => {
                let value = raw as f64;
                (value, raw <= EXACT || value as u128 == u128::from(raw))
            }
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
            to.bins = from.bins.another();
            // Registers are merged by what is more, so it may be in both.
            to.registers = from.registers.clone();
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

    /// Takes values.
    pub(super) fn take(&mut self, mut values: impl Iterator<Item = u64>) {
        let mut batch = [0; BATCH];
        loop {
            let mut len = 0;
            for (to, value) in batch.iter_mut().zip(&mut values) {
                *to = value;
                len += 1;
            }
            self.note(batch.get(..len).unwrap_or_default());
            if len < BATCH {
                return;
            }
        }
    }

    /// Takes some values, a batch at most.
    fn note(&mut self, raws: &[u64]) {
        match &mut self.cache {
            Some(cache) if cache.rest == 0 => {
                let (mut gone, mut times) = ([0; BATCH], [0; BATCH]);
                let len = cache.exchange(raws, &mut gone, &mut times);
                let (gone, times) = (gone.get(..len), times.get(..len));
                self.add::<false>(gone.unwrap_or_default(), times.unwrap_or_default());
            }
            Some(cache) => {
                cache.rest = cache.rest.saturating_sub(raws.len() as u32);
                self.add::<true>(raws, &ONCE);
            }
            None => self.add::<true>(raws, &ONCE),
        }
    }

    /// Adds what waits.
    pub(super) fn flush(&mut self) {
        let Some(cache) = self.cache.take() else { return };
        for waiting in cache.places.iter().filter(|waiting| waiting.times > 0) {
            self.add::<false>(&[waiting.raw], &[waiting.times]);
        }
    }

    /// Adds values, a batch at most, each so many times; or each once, which is faster.
    fn add<const IS_ONCE: bool>(&mut self, raws: &[u64], times: &[u16]) {
        let (mut kept, mut often) = ([0; BATCH], ONCE);
        let class = self.class;
        let is_missing = |raw: u64| match class {
            Class::Float => f64::from_bits(raw).is_nan(),
            Class::Time => raw == TOP,
            Class::Signed | Class::Unsigned => false,
        };
        if !raws.iter().any(|&raw| is_missing(raw)) {
            return self.add_present::<IS_ONCE>(raws, times);
        }
        let mut len = 0;
        for (&raw, &times) in raws.iter().zip(times) {
            if is_missing(raw) {
                self.missing += u64::from(times);
            } else if let (Some(to), Some(count)) = (kept.get_mut(len), often.get_mut(len)) {
                (*to, *count) = (raw, times);
                len += 1;
            }
        }
        self.add_present::<IS_ONCE>(kept.get(..len).unwrap_or_default(), &often);
    }

    /// The same of values none of which is missing. What is kept of them is gone through one
    /// after the other, so that each is in the processor's reach while it is at work.
    fn add_present<const IS_ONCE: bool>(&mut self, raws: &[u64], times: &[u16]) {
        let all = || {
            let times = times.iter().map(|&times| if IS_ONCE { 1 } else { times });
            raws.iter().copied().zip(times)
        };
        self.count += if IS_ONCE { raws.len() as u64 } else { sum(all()) };
        match self.class {
            Class::Float => self.add_floats(all()),
            Class::Signed | Class::Time => all().for_each(|(raw, times)| {
                let value = raw as i64;
                self.moments.add_integer(value.unsigned_abs(), value < 0, times);
            }),
            Class::Unsigned => {
                all().for_each(|(raw, times)| self.moments.add_integer(raw, false, times));
            }
        }
        for raw in raws {
            let ordered = self.class.ordered(*raw);
            let (low, high) = self.range.unwrap_or((ordered, ordered));
            self.range = Some((low.min(ordered), high.max(ordered)));
        }
        if let Some(more) = &mut self.more {
            more.add(self.class, all());
        }
    }

    fn add_floats(&mut self, all: impl Iterator<Item = (u64, u16)>) {
        for (raw, times) in all {
            let value = f64::from_bits(raw);
            if value.is_infinite() {
                let [below, above] = &mut self.infinite;
                *if value < 0.0 { below } else { above } += u64::from(times);
            } else {
                self.moments.add_float(value, times);
            }
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

fn sum(all: impl Iterator<Item = (u64, u16)>) -> u64 {
    all.map(|(_, times)| u64::from(times)).sum()
}

impl Cache {
    /// Takes values in, and gives those that make room for them, which are not more; how many.
    fn exchange(
        &mut self,
        raws: &[u64],
        gone: &mut [u64; BATCH],
        times: &mut [u16; BATCH],
    ) -> usize {
        let (mut len, mask) = (0, self.places.len() - 1);
        for &raw in raws {
            let at = (raw.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40) as usize & mask;
            let Some(place) = self.places.get_mut(at) else { continue };
            if place.raw == raw && place.times < u16::MAX {
                self.hits += 1;
                place.times += 1;
                continue;
            }
            let was = core::mem::replace(place, Waiting { raw, times: 1 });
            if let (true, Some(to), Some(count)) =
                (was.times > 0, gone.get_mut(len), times.get_mut(len))
            {
                (*to, *count) = (was.raw, was.times);
                len += 1;
            }
        }
        self.tries += raws.len() as u32;
        if self.tries >= TRIES {
            self.rest = if self.hits < TRIES / 8 { REST } else { 0 };
            (self.tries, self.hits) = (0, 0);
        }
        len
    }
}

impl More {
    fn add(&mut self, class: Class, all: impl Iterator<Item = (u64, u16)> + Clone) {
        for (raw, times) in all.clone() {
            let (key, same) = class.key(raw);
            self.bins.add(key, u64::from(times));
            self.is_lossy |= !same;
        }
        let Some(values) = &mut self.values else {
            return all.for_each(|(raw, _)| self.registers.add(mixed(raw)));
        };
        for (raw, times) in all {
            let hash = mixed(raw);
            self.registers.add(hash);
            values.count(&raw.to_ne_bytes(), hash, u64::from(times));
        }
    }
}

//! How often which values occur, each by itself: a dictionary with a bound.
//!
//! The values of the first rows are counted in any case, as many as there is room for, the
//! first ones first. Others are counted as long as all of them fit the other half; if one more
//! comes, all of them go, and the dictionary is closed. So what is in it at the end depends
//! on the first rows and on which values there are, and every count in it is exact.

use std::vec;
use std::vec::Vec;

/// A value, and how often it occurs.
#[derive(Debug, Clone, Copy, Default)]
struct Entry {
    hash: u64,
    count: u64,
    start: u32,
    len: u32,
}

/// What became of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::describe) enum Counted {
    /// It was in the dictionary.
    Known,
    /// It is now.
    New,
    /// It is not.
    Not,
}

/// The dictionary of a column.
#[derive(Debug, Clone)]
pub(in crate::describe) struct Values {
    entries: Vec<Entry>,
    bytes: Vec<u8>,
    /// Places of entries by their hashes, and one; 0 is free.
    index: Vec<u32>,
    /// Entries of the first rows, and their bytes; none as long as these come.
    early: Option<(usize, usize)>,
    closed: bool,
    /// When it is closed: a bit for each hash of a value in it, by which most others are known
    /// without a look.
    bits: Vec<u64>,
    most: usize,
    most_bytes: usize,
}

/// Bits of the filter for each value that there may be.
const BITS: usize = 16;

impl Values {
    /// For `most` values of the first rows, and for as many others, and so many bytes of each.
    pub(in crate::describe) fn new(most: usize, most_bytes: usize) -> Self {
        Self {
            entries: Vec::new(),
            bytes: Vec::new(),
            index: vec![0; 64],
            early: None,
            closed: false,
            bits: Vec::new(),
            most,
            most_bytes,
        }
    }

    /// The first rows are over.
    pub(in crate::describe) fn settle(&mut self) {
        self.early.get_or_insert((self.entries.len(), self.bytes.len()));
    }

    /// One for other rows: with the same values, none of which has occurred.
    pub(in crate::describe) fn another(&self) -> Self {
        let mut other = self.clone();
        other.settle();
        other.entries.iter_mut().for_each(|entry| entry.count = 0);
        other
    }

    /// Counts a value.
    #[inline]
    pub(in crate::describe) fn count(&mut self, value: &[u8], hash: u64, times: u64) -> Counted {
        if self.closed && !self.may_have(hash) {
            return Counted::Not;
        }
        match self.find(value, hash) {
            Ok(entry) => {
                if let Some(entry) = self.entries.get_mut(entry) {
                    entry.count += times;
                }
                Counted::Known
            }
            Err(_) if self.closed => Counted::Not,
            Err(place) => self.insert(value, hash, times, place),
        }
    }

    /// The value's entry, or where one belongs.
    #[inline]
    fn find(&self, value: &[u8], hash: u64) -> Result<usize, usize> {
        let mask = self.index.len() - 1;
        let mut at = hash as usize & mask;
        loop {
            let Some(entry) = self.index.get(at).and_then(|&n| (n as usize).checked_sub(1)) else {
                return Err(at);
            };
            if self.entries.get(entry).is_some_and(|e| e.hash == hash) && self.value(entry) == value
            {
                return Ok(entry);
            }
            at = (at + 1) & mask;
        }
    }

    #[cold]
    fn insert(&mut self, value: &[u8], hash: u64, count: u64, place: usize) -> Counted {
        let (entries, bytes) = self.early.unwrap_or((0, 0));
        if self.entries.len() - entries >= self.most
            || self.bytes.len() - bytes + value.len() > self.most_bytes
        {
            self.close();
            return Counted::Not;
        }
        let (start, len) = (self.bytes.len() as u32, value.len() as u32);
        self.entries.push(Entry { hash, count, start, len });
        self.bytes.extend_from_slice(value);
        if let Some(to) = self.index.get_mut(place) {
            *to = self.entries.len() as u32;
        }
        if self.entries.len() * 2 > self.index.len() {
            self.rebuild(self.index.len() * 4);
        }
        Counted::New
    }

    /// Whether the filter knows the hash.
    #[inline]
    fn may_have(&self, hash: u64) -> bool {
        let (word, bit) = self.bit(hash);
        self.bits.get(word).is_some_and(|bits| bits & bit != 0)
    }

    /// The word and the bit of a hash: other bits of it than those of its place.
    #[inline]
    const fn bit(&self, hash: u64) -> (usize, u64) {
        let number = (hash >> 40) as usize & (self.bits.len() * 64 - 1);
        (number / 64, 1 << (number % 64))
    }

    /// No more values: those of later rows go.
    fn close(&mut self) {
        self.closed = true;
        self.forget_later();
        self.bits = vec![0; (self.most * BITS).div_ceil(64).next_power_of_two()];
        for entry in 0..self.entries.len() {
            let (word, bit) = self.bit(self.entries.get(entry).map_or(0, |entry| entry.hash));
            if let Some(to) = self.bits.get_mut(word) {
                *to |= bit;
            }
        }
    }

    fn forget_later(&mut self) {
        if let Some((entries, bytes)) = self.early {
            self.entries.truncate(entries);
            self.bytes.truncate(bytes);
            self.rebuild(self.index.len());
        }
    }

    fn rebuild(&mut self, len: usize) {
        self.index.clear();
        self.index.resize(len, 0);
        let mask = len - 1;
        for (number, entry) in (1..).zip(&self.entries) {
            let mut at = entry.hash as usize & mask;
            while self.index.get(at).is_some_and(|&taken| taken != 0) {
                at = (at + 1) & mask;
            }
            if let Some(to) = self.index.get_mut(at) {
                *to = number;
            }
        }
    }

    /// Adds what [another](Self::another) one has counted.
    pub(in crate::describe) fn merge(&mut self, other: &Self) {
        self.settle();
        if other.closed && !self.closed {
            self.close();
        }
        for (number, entry) in other.entries.iter().enumerate() {
            if entry.count > 0 {
                self.count(other.value(number), entry.hash, entry.count);
            }
        }
    }

    /// Whether all values are in it.
    pub(in crate::describe) const fn is_complete(&self) -> bool {
        !self.closed
    }

    pub(in crate::describe) fn len(&self) -> usize {
        self.entries.iter().filter(|entry| entry.count > 0).count()
    }

    /// How often the values in it occur.
    pub(in crate::describe) fn total(&self) -> u64 {
        self.entries.iter().map(|entry| entry.count).sum()
    }

    fn value(&self, entry: usize) -> &[u8] {
        let Some(entry) = self.entries.get(entry) else { return &[] };
        let start = entry.start as usize;
        self.bytes.get(start..start + entry.len as usize).unwrap_or_default()
    }

    /// All of them.
    pub(in crate::describe) fn iter(&self) -> impl Iterator<Item = (&[u8], u64)> {
        let all = self.entries.iter().enumerate().filter(|(_, entry)| entry.count > 0);
        all.map(|(number, entry)| (self.value(number), entry.count))
    }
}

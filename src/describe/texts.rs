//! What is kept of a column of strings.

use std::borrow::ToOwned;
use std::vec::Vec;

use super::sketch::{Counted, Limits, Registers, Values, mixed_bytes};

/// All that is kept. An empty string is a missing value.
#[derive(Debug, Clone)]
pub(super) struct Texts {
    pub(super) count: u64,
    pub(super) missing: u64,
    /// The first and the last one in the order of their bytes.
    pub(super) range: Option<(Vec<u8>, Vec<u8>)>,
    pub(super) more: Option<(Registers, Values)>,
    limits: Limits,
    /// The text that came last, and how often it came again: many columns are sorted.
    last: (Vec<u8>, u64),
}

impl Texts {
    pub(super) fn new(limits: Limits, quick: bool) -> Self {
        let more = || (Registers::new(limits.precision), Values::new(limits.values, limits.bytes));
        Self {
            count: 0,
            missing: 0,
            range: None,
            more: (!quick).then(more),
            limits,
            last: (Vec::new(), 0),
        }
    }

    /// One for other rows.
    pub(super) fn another(&self) -> Self {
        let mut other = Self::new(self.limits, self.more.is_none());
        if let (Some((_, to)), Some((_, from))) = (&mut other.more, &self.more) {
            *to = from.another();
        }
        other
    }

    /// The first rows are over.
    pub(super) fn settle(&mut self) {
        self.flush();
        if let Some((_, values)) = &mut self.more {
            values.settle();
        }
    }

    /// Takes a text.
    #[inline]
    pub(super) fn note(&mut self, text: &[u8]) {
        if text.is_empty() {
            self.missing += 1;
            return;
        }
        if self.last.0 == text {
            self.last.1 += 1;
            return;
        }
        self.flush();
        text.clone_into(&mut self.last.0);
        self.count += 1;
        if let Some((registers, values)) = &mut self.more {
            let hash = mixed_bytes(text);
            // One that is known was noted when it came first.
            if values.count(text, hash, 1) == Counted::Known {
                return;
            }
            registers.add(hash);
        }
        match &mut self.range {
            None => self.range = Some((text.to_vec(), text.to_vec())),
            Some((low, high)) => {
                if text < low.as_slice() {
                    text.clone_into(low);
                } else if text > high.as_slice() {
                    text.clone_into(high);
                }
            }
        }
    }

    /// Adds what came again.
    pub(super) fn flush(&mut self) {
        let (text, times) = &mut self.last;
        let times = core::mem::take(times);
        self.count += times;
        if let Some((_, values)) = self.more.as_mut().filter(|_| times > 0) {
            values.count(text, mixed_bytes(text), times);
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.missing += other.missing;
        if let Some((low, high)) = &other.range {
            match &mut self.range {
                None => self.range.clone_from(&other.range),
                Some((least, most)) => {
                    if low < least {
                        least.clone_from(low);
                    }
                    if high > most {
                        most.clone_from(high);
                    }
                }
            }
        }
        if let (Some((registers, values)), Some((more, others))) = (&mut self.more, &other.more) {
            registers.merge(more);
            values.merge(others);
        }
    }
}

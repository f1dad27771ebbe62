//! Texts that stand for missing values, and what is stored in their place.
//!
//! All of them lie in one table of bytes that the caller keeps and a [`Plan`](super::Plan)
//! borrows: an index of the columns that have markers of their own, in ascending order, the
//! that for all columns the last; the end; then their texts.

use crate::error::{Error, Result};

/// What one text is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// A field with this text is missing.
    Marker,
    /// Missing values become this; it is written as in the table. By default floats and
    /// complex numbers become NaN, times NaT, strings empty, and others are errors.
    Fill,
}

/// One text, for a column of the result or for all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Missing<'t> {
    /// The column, counted in the result from 0.
    pub slot: Option<u32>,
    /// What it is for.
    pub role: Role,
    /// White space around it counts in columns of strings only.
    pub text: &'t str,
}

/// The slot that stands for all columns.
const ALL: u32 = u32::MAX;
/// Bytes of an index entry: slot, and where its texts start.
const ENTRY: usize = 8;
/// Bytes before a text: its role and its length.
const HEAD: usize = 5;

/// Bytes that the table of these texts needs.
///
/// # Errors
/// [`Error::Overflow`] if that does not fit 32 bits.
pub fn missing_size(texts: &[Missing<'_>]) -> Result<usize> {
    let bytes = texts.iter().try_fold(4 + ENTRY, |sum: usize, item| {
        sum.checked_add(ENTRY + HEAD)?.checked_add(item.text.len())
    });
    bytes.filter(|&sum| u32::try_from(sum).is_ok()).ok_or(Error::Overflow)
}

/// Texts for missing values, as a plan reads them. By default there are none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MissingTable<'a>(&'a [u8]);

impl<'a> MissingTable<'a> {
    /// Makes the table of `texts`, which are sorted by their columns, in `storage` of
    /// [`missing_size`] bytes.
    ///
    /// # Errors
    /// [`Error::Argument`] if a column has two fills, [`Error::DTypeSpace`] if `storage` is
    /// too short, [`Error::Overflow`] as for [`missing_size`].
    pub fn build(texts: &mut [Missing<'_>], storage: &'a mut [u8]) -> Result<Self> {
        if texts.is_empty() {
            return Ok(Self::default());
        }
        let storage = storage.get_mut(..missing_size(texts)?).ok_or(Error::DTypeSpace)?;
        texts.sort_unstable_by_key(slot_of);
        let groups = || texts.chunk_by(|a, b| slot_of(a) == slot_of(b));
        let count = groups().count();
        let mut writer = Writer { storage: &mut *storage, at: 4 + (count + 1) * ENTRY };
        writer.put(0, &(count as u32).to_ne_bytes());
        for (i, group) in groups().enumerate() {
            if group.iter().filter(|item| item.role == Role::Fill).count() > 1 {
                return Err(Error::Argument);
            }
            writer.entry(i, group.first().map_or(ALL, slot_of));
            for item in group {
                writer.append(item);
            }
        }
        writer.entry(count, ALL);
        Ok(Self(storage))
    }

    /// The table that was built in these bytes before; of others it may answer nonsense.
    #[cfg(feature = "std")]
    pub(crate) const fn built(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The texts of one column and of all columns, its own first.
    pub(super) fn of(&self, slot: u32) -> impl Iterator<Item = (Role, &'a str)> + use<'a> {
        self.own(slot).chain(self.common())
    }

    /// The texts of this column alone.
    pub(super) fn own(&self, slot: u32) -> Items<'a> {
        self.group(slot).filter(|_| slot != ALL).unwrap_or_default()
    }

    /// The texts of all columns.
    pub(super) fn common(&self) -> Items<'a> {
        self.group(ALL).unwrap_or_default()
    }

    /// The columns that have texts of their own.
    pub(super) fn slots(&self) -> impl Iterator<Item = u32> + use<'a> {
        let table = *self;
        (0..self.count())
            .filter_map(move |i| table.entry(i))
            .map(|(slot, _)| slot)
            .filter(|&slot| slot != ALL)
    }

    fn count(&self) -> usize {
        self.word(0).unwrap_or(0) as usize
    }

    fn word(&self, at: usize) -> Option<u32> {
        let bytes = self.0.get(at..at.checked_add(4)?)?;
        bytes.try_into().ok().map(u32::from_ne_bytes)
    }

    /// Slot and start of an entry of the index.
    fn entry(&self, i: usize) -> Option<(u32, usize)> {
        let at = 4 + i * ENTRY;
        Some((self.word(at)?, self.word(at + 4)? as usize))
    }

    fn group(&self, slot: u32) -> Option<Items<'a>> {
        let (mut low, mut high) = (0, self.count());
        while low < high {
            let middle = low.midpoint(high);
            let (found, start) = self.entry(middle)?;
            match found.cmp(&slot) {
                core::cmp::Ordering::Less => low = middle + 1,
                core::cmp::Ordering::Greater => high = middle,
                core::cmp::Ordering::Equal => {
                    let (_, end) = self.entry(middle + 1)?;
                    return self.0.get(start..end).map(Items);
                }
            }
        }
        None
    }
}

/// The texts of a group.
#[derive(Debug, Clone, Default)]
pub(super) struct Items<'a>(&'a [u8]);

impl<'a> Iterator for Items<'a> {
    type Item = (Role, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        let (&[role, a, b, c, d], rest) = self.0.split_first_chunk::<HEAD>()?;
        let (text, rest) = rest.split_at_checked(u32::from_ne_bytes([a, b, c, d]) as usize)?;
        self.0 = rest;
        let role = if role == 0 { Role::Marker } else { Role::Fill };
        Some((role, core::str::from_utf8(text).ok()?))
    }
}

fn slot_of(item: &Missing<'_>) -> u32 {
    item.slot.unwrap_or(ALL)
}

struct Writer<'s> {
    storage: &'s mut [u8],
    at: usize,
}

impl Writer<'_> {
    fn put(&mut self, at: usize, bytes: &[u8]) {
        if let Some(place) = self.storage.get_mut(at..at + bytes.len()) {
            place.copy_from_slice(bytes);
        }
    }

    /// Entry `i` of the index: the texts of `slot` start here.
    fn entry(&mut self, i: usize, slot: u32) {
        let at = 4 + i * ENTRY;
        self.put(at, &slot.to_ne_bytes());
        self.put(at + 4, &(self.at as u32).to_ne_bytes());
    }

    fn append(&mut self, item: &Missing<'_>) {
        self.put(self.at, &[u8::from(item.role == Role::Fill)]);
        self.put(self.at + 1, &(item.text.len() as u32).to_ne_bytes());
        self.put(self.at + HEAD, item.text.as_bytes());
        self.at += HEAD + item.text.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec;
    use std::vec::Vec;

    const fn text(slot: Option<u32>, role: Role, text: &str) -> Missing<'_> {
        Missing { slot, role, text }
    }

    /// The texts, markers first.
    fn list<'t>(texts: impl Iterator<Item = (Role, &'t str)>) -> Vec<(Role, &'t str)> {
        let mut list: Vec<_> = texts.collect();
        list.sort_unstable_by_key(|&(role, text)| (role == Role::Fill, text));
        list
    }

    #[test]
    fn each_column_finds_its_own_texts_and_those_of_all() {
        let mut texts = [
            text(None, Role::Marker, "NA"),
            text(Some(7), Role::Marker, ""),
            text(Some(3), Role::Fill, "0"),
            text(Some(70_000), Role::Marker, "ü"),
            text(None, Role::Fill, "-1"),
            text(Some(7), Role::Marker, "?"),
        ];
        let mut storage = vec![0xEE; missing_size(&texts).unwrap() + 5];
        let table = MissingTable::build(&mut texts, &mut storage).unwrap();
        let common = [(Role::Marker, "NA"), (Role::Fill, "-1")];
        let own = |slot| list(table.own(slot));
        assert_eq!(own(3), [(Role::Fill, "0")]);
        assert_eq!(own(7), [(Role::Marker, ""), (Role::Marker, "?")]);
        assert_eq!(own(70_000), [(Role::Marker, "ü")]);
        for slot in [0, 4, 8, u32::MAX - 1, u32::MAX] {
            assert!(own(slot).is_empty(), "{slot}");
        }
        assert_eq!(list(table.common()), common);
        assert_eq!(list(table.of(7)).len(), 4);
        assert_eq!(table.slots().collect::<Vec<_>>(), [3, 7, 70_000]);
    }

    #[test]
    fn no_texts_are_no_table() {
        let table = MissingTable::build(&mut [], &mut []).unwrap();
        assert_eq!(table, MissingTable::default());
        assert_eq!(table.of(0).count() + table.slots().count(), 0);
    }

    #[test]
    fn two_fills_and_short_storage_are_refused() {
        let fill = text(Some(1), Role::Fill, "0");
        let mut storage = [0; 100];
        let two = MissingTable::build(&mut [fill, fill], &mut storage);
        assert_eq!(two, Err(Error::Argument));
        assert_eq!(MissingTable::build(&mut [fill], &mut storage[..10]), Err(Error::DTypeSpace));
        let other = text(Some(2), Role::Fill, "0");
        assert!(MissingTable::build(&mut [fill, other], &mut storage).is_ok());
    }

    #[test]
    fn any_bytes_may_be_looked_at() {
        let mut state = 1u64;
        for _ in 0..2_000 {
            let bytes: Vec<u8> = (0..48)
                .map(|i| {
                    state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    if i % 4 == 0 {
                        (state >> 60) as u8
                    } else {
                        (state >> 33) as u8 & u8::from(i > 30)
                    }
                })
                .collect();
            let table = MissingTable(&bytes);
            let _ = table.slots().chain(0..4).map(|slot| table.of(slot).count()).sum::<usize>();
        }
    }
}

//! Names of columns, from the first line of the inputs.

use core::ops::Range;
use std::collections::{HashMap, HashSet};
use std::format;
use std::path::PathBuf;
use std::string::String;
use std::vec::Vec;

use super::error::InputFault;
use super::head::Skip;
use crate::text::{self, Format};

/// The names of the columns, as the first input has them. All others must have the same.
#[derive(Debug, Clone)]
pub(super) struct Header {
    /// Where they are from.
    path: PathBuf,
    names: Vec<String>,
}

impl Header {
    /// Reads the names in a record that lies on `line` and at `offset` of an input.
    pub(super) fn read(
        path: PathBuf,
        record: &[u8],
        format: &Format<'_>,
        line: u64,
        offset: u64,
    ) -> core::result::Result<Self, InputFault> {
        Skip::behind(line - 1, format.encoding()).check(record, offset)?;
        let names = unique(given(record, format));
        if names.is_empty() {
            return Err(InputFault::NoNames { line });
        }
        Ok(Self { path, names })
    }

    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    /// The names of some columns by their places; an error is a place that is none.
    pub(super) fn of(&self, places: &[i32]) -> core::result::Result<Vec<String>, i32> {
        let count = i64::try_from(self.names.len()).unwrap_or(i64::MAX);
        let name = |&index: &i32| {
            let place = i64::from(index) + if index < 0 { count } else { 0 };
            let name = usize::try_from(place).ok().and_then(|place| self.names.get(place));
            name.cloned().ok_or(index)
        };
        places.iter().map(name).collect::<core::result::Result<_, _>>().map(unique)
    }

    /// Compares the names in a record of another input, at `line` and `offset` of it.
    pub(super) fn check(
        &self,
        record: &[u8],
        format: &Format<'_>,
        line: u64,
        offset: u64,
    ) -> core::result::Result<(), InputFault> {
        let here = Self::read(PathBuf::new(), record, format, line, offset)?.names;
        let pair = |at: usize| (here.get(at), self.names.get(at));
        let differs = |&at: &usize| pair(at).0 != pair(at).1;
        let Some(at) = (0..self.names.len().max(here.len())).find(differs) else { return Ok(()) };
        let (name, first_name) = (pair(at).0.cloned(), pair(at).1.cloned());
        let (column, first) = (at as u32 + 1, self.path.clone());
        Err(InputFault::NamesDiffer { column, name, first, first_name })
    }
}

/// Where the rows of an input begin, and what names its columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    /// The record with the names.
    pub(super) names: Range<usize>,
    /// Where the rows begin.
    pub(super) start: usize,
}

/// Looks for it in the beginning of an input, of which this is what is behind the lines that are
/// skipped; `None` if that is too short to tell. `ends` says that this is all of it.
pub(super) fn find(text: &[u8], has_names: bool, format: &Format<'_>, ends: bool) -> Option<Found> {
    if !has_names {
        return Some(Found { names: 0..0, start: 0 });
    }
    let (end, start) = text::record(text, 0, format, ends)?;
    Some(Found { names: 0..end, start })
}

/// The fields as names of fields, without white space around them.
fn given(record: &[u8], format: &Format<'_>) -> Vec<String> {
    let is_space = |c: char| c.is_whitespace() || ('\u{1C}'..='\u{1F}').contains(&c);
    // No field's name holds a NUL.
    let trimmed = |name: String| name.trim_matches(is_space).replace('\0', "");
    text::names(record, format).map(|name| trimmed(name.collect())).collect()
}

/// Every name once, and none empty: a column without a name is called `f` and its place from
/// 0, and of a name that is there already `_1`, `_2` and so on makes another one.
fn unique(given: Vec<String>) -> Vec<String> {
    let mut taken: HashSet<String> = given.iter().cloned().collect();
    let mut used = HashSet::with_capacity(given.len());
    let mut numbers = HashMap::new();
    let mut names = Vec::with_capacity(given.len());
    for (place, name) in given.into_iter().enumerate() {
        let name = if name.is_empty() {
            free(format!("f{place}"), &taken, &mut numbers)
        } else if used.contains(&name) {
            free_numbered(&name, &taken, &mut numbers)
        } else {
            name
        };
        taken.insert(name.clone());
        used.insert(name.clone());
        names.push(name);
    }
    names
}

/// Where the numbers of each name go on: a header may have one name a million times.
type Numbers = HashMap<String, u64>;

fn free(name: String, taken: &HashSet<String>, numbers: &mut Numbers) -> String {
    if taken.contains(&name) { free_numbered(&name, taken, numbers) } else { name }
}

fn free_numbered(name: &str, taken: &HashSet<String>, numbers: &mut Numbers) -> String {
    let next = numbers.entry(name.into()).or_insert(1);
    loop {
        let numbered = format!("{name}_{next}");
        *next += 1;
        if !taken.contains(&numbered) {
            return numbered;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    fn names(line: &str) -> Vec<String> {
        let format = Format::default();
        Header::read(PathBuf::from("a"), line.as_bytes(), &format, 1, 0).unwrap().names
    }

    fn all(given: &[&str]) -> Vec<String> {
        unique(given.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn names_are_what_stands_there() {
        assert_eq!(names("# chr pos pct%"), ["chr", "pos", "pct%"]);
        assert_eq!(names("a\0b \0"), ["ab", "f1"]);
        let error = Header::read(PathBuf::from("a"), b" # ", &Format::default(), 3, 0);
        assert!(matches!(error, Err(InputFault::NoNames { line: 3 })));
    }

    #[test]
    fn every_name_is_there_once() {
        assert_eq!(all(&["a", "a", "b", "a"]), ["a", "a_1", "b", "a_2"]);
        assert_eq!(all(&["a", "a", "a_1"]), ["a", "a_2", "a_1"]);
        assert_eq!(all(&["", "x", ""]), ["f0", "x", "f2"]);
        assert_eq!(all(&["", "f0", "f0"]), ["f0_1", "f0", "f0_2"]);
        // As many tries as names, not as many squared: that would be days.
        let million = all(&std::vec!["x"; 1_000_000]);
        assert_eq!(million.last().unwrap(), "x_999999");
    }

    #[test]
    fn names_are_the_first_record() {
        let format = Format::default();
        let found = |text: &str, ends| find(text.as_bytes(), true, &format, ends);
        assert_eq!(found("a b\n1 2\n", false), Some(Found { names: 0..3, start: 4 }));
        assert_eq!(found("a b", false), None);
        assert_eq!(found("a b", true), Some(Found { names: 0..3, start: 3 }));
        assert_eq!(found("", true), Some(Found { names: 0..0, start: 0 }));
        let rows = find(b"a b\n", false, &format, false).unwrap();
        assert_eq!((rows.start, rows.names), (0, 0..0));
    }

    #[test]
    fn the_first_name_that_differs_is_told() {
        let format = Format::default();
        let header = Header::read(PathBuf::from("a"), b"x y", &format, 1, 0).unwrap();
        let check = |line: &str| header.check(line.as_bytes(), &format, 1, 0);
        assert!(check("# x y").is_ok());
        for (line, what) in [("x z", "'z'"), ("x", "'y'"), ("x y z", "'z'"), ("y x", "'y'")] {
            let error = check(line).unwrap_err().to_string();
            assert!(error.contains(what) && error.contains(" in a it is"), "{error}");
        }
    }
}

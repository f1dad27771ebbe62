//! Why rows are not found.

use core::fmt;
use core::ops::Range;
use std::boxed::Box;
use std::string::String;
use std::vec::Vec;

use crate::error::Error;
use crate::exchange::ExchangeError;
use crate::load::{LoadError, SinkError};

/// Result of a look.
pub type Result<T> = core::result::Result<T, LookError>;

/// Names that a hint tells.
const NAMED: usize = 12;

/// Why there are no rows.
#[derive(Debug)]
#[non_exhaustive]
pub enum LookError {
    /// A condition that is none, or does not fit the columns.
    Condition(ConditionError),
    /// There is no such column.
    Column {
        /// What is wrong.
        what: String,
        /// What to try.
        hint: Option<String>,
    },
    /// A row is too large to be held.
    Row {
        /// Its bytes.
        bytes: u64,
        /// How many there may be.
        most: u64,
    },
    /// The text.
    Load(LoadError),
    /// The file or the segment.
    Exchange(ExchangeError),
    /// Something else.
    Core(Error),
}

/// What is wrong with a condition, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConditionError {
    /// The condition.
    pub condition: String,
    /// Which of its characters are meant; none at its end.
    pub at: Range<usize>,
    /// What is wrong with them.
    pub what: String,
    /// What to try.
    pub hint: Option<String>,
    /// It is about the types of columns, and may be right with other ones.
    pub(super) by_type: bool,
}

impl fmt::Display for ConditionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl core::error::Error for ConditionError {}

impl fmt::Display for LookError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Condition(error) => error.fmt(f),
            Self::Column { what, .. } => f.write_str(what),
            Self::Row { bytes, most } => {
                write!(f, "a row has {bytes} bytes, and at most {most} are held")
            }
            Self::Load(error) => error.fmt(f),
            Self::Exchange(error) => error.fmt(f),
            Self::Core(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for LookError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Load(error) => error.source(),
            Self::Exchange(error) => error.source(),
            _ => None,
        }
    }
}

impl From<ConditionError> for LookError {
    fn from(error: ConditionError) -> Self {
        Self::Condition(error)
    }
}

impl From<Error> for LookError {
    fn from(error: Error) -> Self {
        Self::Core(error)
    }
}

impl From<ExchangeError> for LookError {
    fn from(error: ExchangeError) -> Self {
        Self::Exchange(error)
    }
}

impl From<LoadError> for LookError {
    /// An error of the sink comes back as what it was.
    fn from(error: LoadError) -> Self {
        error.of_sink().unwrap_or_else(Self::Load)
    }
}

pub(super) fn boxed(error: LookError) -> SinkError {
    Box::new(error)
}

/// The names that may be meant, or the first ones that there are.
pub(super) fn similar(name: &str, names: &[&str]) -> Option<String> {
    let lower = name.to_lowercase();
    let mut near: Vec<(usize, &str)> = names
        .iter()
        .map(|there| (apart(&lower, &there.to_lowercase()), *there))
        .filter(|(apart, there)| 5 * apart <= 2 * there.chars().count().max(3))
        .collect();
    near.sort_by_key(|(apart, _)| *apart);
    let quoted = |names: &mut dyn Iterator<Item = &str>| {
        names.map(|name| std::format!("'{name}'")).collect::<Vec<_>>().join(", ")
    };
    if !near.is_empty() {
        let list = quoted(&mut near.iter().take(3).map(|(_, name)| *name));
        return Some(std::format!("maybe {list} is meant"));
    }
    let more = if names.len() > NAMED { ", ..." } else { "" };
    let list = quoted(&mut names.iter().take(NAMED).copied());
    (!names.is_empty()).then(|| std::format!("there are {list}{more}"))
}

/// How far names are from each other; one that goes on where the other ends is near.
fn apart(one: &str, other: &str) -> usize {
    let is_begun = one.starts_with(other) || other.starts_with(one);
    let short = one.len().min(other.len());
    if is_begun && short > 1 && one != other { 1 } else { strsim::osa_distance(one, other) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_may_be_meant_are_told() {
        let names = ["chr", "pos", "percent"];
        assert_eq!(similar("chrom", &names).unwrap(), "maybe 'chr' is meant");
        assert_eq!(similar("start", &names).unwrap(), "there are 'chr', 'pos', 'percent'");
        assert_eq!(similar("CHR", &names).unwrap(), "maybe 'chr' is meant");
        assert_eq!(similar("precent", &names).unwrap(), "maybe 'percent' is meant");
        assert_eq!(similar("x", &[]), None);
    }
}

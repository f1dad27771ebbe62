//! Which rows are wanted, and what of them.

use std::string::String;
use std::vec::Vec;

use super::condition::Condition;
use super::error::{ConditionError, Result};
use super::sieve::Sieve;
use super::table::Table;
use crate::dtype::DType;

/// Which of the rows that fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Take {
    /// So many from the first one on.
    First(u64),
    /// So many up to the last one.
    Last(u64),
    /// None: only how many there are.
    Count,
}

/// Which rows are wanted, and what of them.
#[derive(Debug, Clone)]
pub struct Query {
    take: Take,
    columns: Vec<String>,
    conditions: Vec<Condition>,
}

impl Query {
    /// Rows of all columns.
    #[must_use]
    pub const fn new(take: Take) -> Self {
        Self { take, columns: Vec::new(), conditions: Vec::new() }
    }

    /// Only these columns: by their names, by the steps that lead to them (`a.b[0]`), by their
    /// places from 0 on, or ranges of these (`2-4`).
    #[must_use]
    pub fn columns<T: Into<String>>(mut self, columns: impl IntoIterator<Item = T>) -> Self {
        self.columns.extend(columns.into_iter().map(Into::into));
        self
    }

    /// Only rows for which this holds, too.
    ///
    /// # Errors
    /// [`ConditionError`].
    pub fn holding(mut self, condition: &str) -> core::result::Result<Self, ConditionError> {
        self.conditions.push(Condition::parse(condition)?);
        Ok(self)
    }

    pub(super) const fn take(&self) -> Take {
        self.take
    }

    /// Whether all rows fit.
    pub(super) const fn takes_any(&self) -> bool {
        self.conditions.is_empty()
    }

    /// What takes rows that are elements of this dtype, as many as the extents say, and keeps some
    /// of those that fit.
    pub(super) fn sieve(&self, dtype: DType<'_>, dims: &[u64], take: Take) -> Result<Sieve> {
        let mut table = Table::new(dtype, dims)?;
        let tests = self.conditions.iter().map(|condition| condition.check(&table));
        let tests = tests.collect::<core::result::Result<_, _>>()?;
        table.choose(&self.columns)?;
        Ok(Sieve::new(table, tests, take))
    }
}

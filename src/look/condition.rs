//! A condition, from its text to a test of rows.

use std::string::{String, ToString};

use super::check;
use super::error::ConditionError;
use super::parse::{self, Expr, Wrong};
use super::table::Table;
use super::test::Test;

/// A condition that was read.
#[derive(Debug, Clone)]
pub(super) struct Condition {
    text: String,
    expr: Expr,
}

impl Condition {
    pub(super) fn parse(text: &str) -> Result<Self, ConditionError> {
        let expr = parse::condition(text).map_err(|wrong| placed(text, wrong))?;
        Ok(Self { text: text.to_string(), expr })
    }

    /// The test of rows with these columns.
    pub(super) fn check(&self, table: &Table) -> Result<Test, ConditionError> {
        check::test(&self.expr, table).map_err(|wrong| placed(&self.text, wrong))
    }
}

fn placed(text: &str, wrong: Wrong) -> ConditionError {
    let Wrong { at, what, hint, by_type } = wrong;
    ConditionError { condition: text.to_string(), at, what, hint, by_type }
}

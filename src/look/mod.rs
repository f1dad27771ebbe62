//! Rows of anything that has rows: the first ones, the last ones, those for which a condition
//! holds, and how many these are.
//!
//! For the command and for programs. A [`Query`] says which rows and which columns of them; a
//! [`TextJob`] takes the rows of text as [`load`](crate::load) reads it, an [`ArrayJob`] those
//! of a `.npy` file, a dataset or a segment. Of arrays only what is wanted is read, and of text
//! no more than the first rows, where these are wanted and there is no condition. What is held
//! are the rows that were found, so memory does not depend on how many there are besides.
//!
//! A row is what has one place on the first axis. A condition is parsed before anything is
//! read (`parse`), compared with the columns when they are known (`check`), and looked at for
//! some thousand rows at a time, on their bytes (`test`).

mod array;
mod check;
mod condition;
mod error;
mod number;
mod parse;
mod query;
mod sieve;
mod table;
mod test;
mod text;
mod time;
mod token;
mod value;

pub use array::ArrayJob;
pub use error::{ConditionError, LookError, Result};
pub use query::{Query, Take};
pub use sieve::Found;
pub use table::{Column, Table};
pub use text::TextJob;
pub use value::{Cell, Items, Real, Value};

//! Rows in their order: the first ones are taken at once, the others by threads.

use std::sync::Arc;

use super::columns::{Options, Table};
use super::crew::Crew;
use super::error::Result;
use crate::dtype::DType;
use crate::pool::default_workers;
use crate::sys::Bell;

/// Most threads.
const MAX_THREADS: usize = 256;

/// What is known of the rows so far.
#[derive(Debug)]
pub(super) struct Count {
    table: Table,
    /// First rows that are still to come.
    first: u64,
    threads: usize,
    bell: Arc<Bell>,
    crew: Option<Crew>,
}

impl Count {
    /// For rows of one element, or of `width` elements of a plain type. The bell rings when
    /// there is room again after there was none, or all is taken after it was not.
    pub(super) fn new(
        dtype: DType<'_>,
        width: Option<u32>,
        options: &Options,
        bell: Arc<Bell>,
    ) -> Result<Self> {
        let table = Table::new(dtype, width, options)?;
        let threads = options.threads.unwrap_or_else(default_workers).clamp(1, MAX_THREADS);
        Ok(Self { first: table.first_rows(), table, threads, bell, crew: None })
    }

    /// Takes whole rows, those behind the ones before. Waits if there is no room.
    pub(super) fn take(&mut self, rows: &[u8]) -> Result<()> {
        let first = usize::try_from(self.first).unwrap_or(usize::MAX);
        let first = first.saturating_mul(self.table.row).min(rows.len());
        let (first, rest) = rows.split_at(first);
        if !first.is_empty() {
            self.table.take(first);
            self.first -= (first.len() / self.table.row.max(1)) as u64;
        }
        if rest.is_empty() {
            return Ok(());
        }
        if self.crew.is_none() {
            self.table.settle();
            self.crew = Some(Crew::new(&self.table, self.threads, Arc::clone(&self.bell))?);
        }
        self.crew.as_mut().map_or(Ok(()), |crew| crew.send(rest))
    }

    /// Whether rows are taken without a wait.
    pub(super) fn has_room(&self) -> bool {
        self.crew.as_ref().is_none_or(Crew::has_room)
    }

    /// Whether all rows were taken.
    pub(super) fn is_idle(&self) -> bool {
        self.crew.as_ref().is_none_or(Crew::is_idle)
    }

    /// All of it.
    pub(super) fn finish(mut self) -> Result<Table> {
        self.table.settle();
        if let Some(crew) = self.crew.take() {
            crew.finish(&mut self.table)?;
        }
        Ok(self.table)
    }
}

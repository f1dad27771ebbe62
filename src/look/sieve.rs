//! Rows that are kept of those that come.

use std::vec::Vec;

use super::query::Take;
use super::table::Table;
use super::test::Test;
use crate::load::Report;

/// Rows that are tested at a time.
const TILE: usize = 4096;
/// Bytes of rows that are not wanted any more, before they are dropped.
const STALE: usize = 4 << 20;

/// What was found.
#[derive(Debug)]
#[non_exhaustive]
pub struct Found {
    /// What is in a row.
    pub table: Table,
    /// The rows one behind the other; those that were not taken before.
    pub rows: Vec<u8>,
    /// Rows that were looked at, and fit.
    pub fitting: u64,
    /// Rows that were looked at.
    pub seen: u64,
    /// All rows, if that is known.
    pub total: Option<u64>,
    /// Of text: the rows that were left out.
    pub report: Report,
}

/// Keeps the rows that are wanted.
#[derive(Debug)]
pub(super) struct Sieve {
    table: Table,
    tests: Vec<Test>,
    take: Take,
    kept: Vec<u8>,
    fitting: u64,
    seen: u64,
}

impl Sieve {
    pub(super) const fn new(table: Table, tests: Vec<Test>, take: Take) -> Self {
        Self { table, tests, take, kept: Vec::new(), fitting: 0, seen: 0 }
    }

    pub(super) const fn table(&self) -> &Table {
        &self.table
    }

    /// Whether all that is wanted is there.
    pub(super) const fn is_full(&self) -> bool {
        matches!(self.take, Take::First(most) if self.fitting >= most)
    }

    /// Counts rows that have no bytes, or are not looked at: all of them fit, or none.
    pub(super) fn pass(&mut self, rows: u64) {
        let mut fit = [true];
        self.tests.iter().for_each(|test| test.narrow(&[0], 1, &mut fit));
        self.seen += rows;
        self.fitting += if fit == [true] { rows } else { 0 };
    }

    /// Takes whole rows.
    pub(super) fn take(&mut self, rows: &[u8]) {
        let row = self.table.row().max(1);
        let mut mask = Vec::new();
        for tile in rows.chunks(row * TILE) {
            if self.is_full() {
                return;
            }
            let count = tile.len() / row;
            self.seen += count as u64;
            if self.tests.is_empty() {
                self.keep(tile, count as u64);
                continue;
            }
            mask.clear();
            mask.resize(count, true);
            self.tests.iter().for_each(|test| test.narrow(tile, row, &mut mask));
            self.keep_marked(tile, row, &mask);
        }
    }

    /// Keeps runs of rows that fit.
    fn keep_marked(&mut self, tile: &[u8], row: usize, mask: &[bool]) {
        let mut at = 0;
        for run in mask.chunk_by(|a, b| a == b) {
            let end = at + run.len();
            if run.first() == Some(&true) {
                self.keep(tile.get(at * row..end * row).unwrap_or_default(), run.len() as u64);
            }
            at = end;
        }
    }

    fn keep(&mut self, rows: &[u8], count: u64) {
        let row = self.table.row().max(1);
        match self.take {
            Take::First(most) => {
                let room = most.saturating_sub(self.fitting);
                let wanted = usize::try_from(room).unwrap_or(usize::MAX).saturating_mul(row);
                self.kept.extend_from_slice(rows.get(..wanted).unwrap_or(rows));
            }
            Take::Last(most) => {
                self.kept.extend_from_slice(rows);
                self.drop_before(most, STALE);
            }
            Take::Count => {}
        }
        self.fitting += count;
    }

    /// Drops what is before the last rows, if that is more than so many bytes.
    fn drop_before(&mut self, most: u64, stale: usize) {
        let wanted = usize::try_from(most).unwrap_or(usize::MAX);
        let wanted = wanted.saturating_mul(self.table.row().max(1));
        let extra = self.kept.len().saturating_sub(wanted);
        // Moving them costs as much as they are, so there have to be as many that go.
        if extra > stale.max(wanted.min(self.kept.len())) || (stale == 0 && extra > 0) {
            self.kept.drain(..extra);
        }
    }

    /// The rows that were found so far and not taken; none as long as there may be later ones.
    pub(super) fn drain(&mut self) -> Vec<u8> {
        match self.take {
            Take::Last(_) => Vec::new(),
            _ => core::mem::take(&mut self.kept),
        }
    }

    pub(super) fn finish(mut self) -> Found {
        if let Take::Last(most) = self.take {
            self.drop_before(most, 0);
        }
        let Self { table, kept, fitting, seen, .. } = self;
        Found { table, rows: kept, fitting, seen, total: None, report: Report::default() }
    }
}

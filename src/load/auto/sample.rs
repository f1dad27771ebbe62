//! A look at some of the text before the load, for what the types are at least.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::vec;
use std::vec::Vec;

use super::Types;
use crate::load::error::Result;
use crate::load::options::{OnBadRows, Options};
use crate::text::{self, BadRows, Fault, PADDING, Plan, Seen, Span, Table, Text};

/// Bytes at the start of the first input that are looked at.
const FIRST: usize = 64 << 10;
/// Places further in that are looked at, and bytes there.
pub(in crate::load) const PLACES: u64 = 32;
const BLOCK: usize = 8 << 10;

/// What was seen of the columns.
#[derive(Debug)]
pub(in crate::load) struct Sample<'a> {
    plan: Plan<'a>,
    types: &'a Types,
    options: &'a Options,
    /// Columns of the first row; 0 if there is none.
    pub(in crate::load) columns: u32,
    pub(in crate::load) seen: Vec<Seen>,
    rows: u64,
}

impl<'a> Sample<'a> {
    /// Nothing yet, of text that is looked at with `plan`.
    pub(in crate::load) fn new(plan: Plan<'a>, types: &'a Types, options: &'a Options) -> Self {
        Self { plan, types, options, columns: 0, seen: Vec::new(), rows: 0 }
    }

    /// Looks at the start of the rows of the first input; `ends` says that this is all of it.
    pub(in crate::load) fn first(&mut self, text: &[u8], ends: bool) -> Result<()> {
        let part = text.get(..first_bytes(self.options));
        let (text, ends) = part.map_or((text, ends), |part| (part, false));
        let (text, ends) = self.without_footer(text, ends);
        self.columns = first_columns(text, &self.plan, ends);
        if self.columns > 0 {
            self.look(text, ends)?;
        }
        Ok(())
    }

    /// Looks at a part of a file, behind the place where its rows start. Nothing if it cannot
    /// be told what would count.
    pub(in crate::load) fn further(&mut self, path: &Path, at: u64, size: u64) -> Result<()> {
        if self.columns == 0 || !Self::can_look_anywhere(self.options) || at == 0 {
            return Ok(());
        }
        let mut block = Vec::new();
        // A line starts behind a line end.
        let len = usize::try_from(size - at + 1).unwrap_or(usize::MAX);
        let len = len.min(BLOCK).min(first_bytes(self.options));
        block.resize(len, 0);
        let read = File::open(path).and_then(|file| file.read_at(&mut block, at - 1));
        // What cannot be read now is an error later.
        block.truncate(read.unwrap_or(0));
        let ends = at - 1 + block.len() as u64 >= size;
        let (text, ends) = self.without_footer(&block, ends);
        match text::start_from(text, 1, false) {
            Some(start) => self.look(text.get(start..).unwrap_or_default(), ends),
            None => Ok(()),
        }
    }

    /// Whether a line anywhere is a row that counts: no quotes say otherwise, and no number
    /// of rows.
    pub(in crate::load) const fn can_look_anywhere(options: &Options) -> bool {
        options.quote.is_none() && options.max_rows.is_none()
    }

    /// Text without the lines that may be a footer.
    fn without_footer<'t>(&self, text: &'t [u8], ends: bool) -> (&'t [u8], bool) {
        let footer = self.options.skip_footer;
        if footer == 0 {
            return (text, ends);
        }
        let (lines, _) = text::skip(text, u64::MAX, true);
        let (_, end) = text::skip(text, lines.saturating_sub(footer), true);
        // Whether a record ends there, too, is not known where quotes may hold line ends.
        (text.get(..end).unwrap_or_default(), ends || self.options.quote.is_none())
    }

    fn look(&mut self, text: &[u8], ends: bool) -> Result<()> {
        let plan = self.plan.with_columns(self.columns)?;
        let mut bytes = Vec::with_capacity(text.len() + PADDING);
        bytes.extend_from_slice(text);
        bytes.resize(text.len() + PADDING, 0);
        let Some(text) = Text::new(&mut bytes, text.len()) else { return Ok(()) };
        if self.seen.is_empty() {
            self.seen = self.types.begin(plan.column_count());
        }
        let mut row = vec![0; plan.row_size()];
        let mut faults: [Fault; 0] = [];
        let mut bad = match self.options.on_bad_rows {
            OnBadRows::Skip => BadRows::skip(&mut faults),
            OnBadRows::Error => BadRows::stop(),
        };
        let wanted = self.options.max_rows.unwrap_or(u64::MAX).saturating_sub(self.rows);
        let mut table = Table::new(&plan, self.types.looks(), &mut self.seen, &mut row);
        let span = Span { ends, ..Span::whole(&text) };
        // A fault stops the load where it is met again, if it gets there.
        let progress = text::look(&plan, text, span, wanted, &mut table, &mut bad);
        self.rows += progress.rows;
        Ok(())
    }
}

/// Bytes at the start of the first input that are looked at: as tiny as pieces, if those are
/// made tiny.
pub(in crate::load) fn first_bytes(options: &Options) -> usize {
    let piece = options.piece_bytes.and_then(|bytes| usize::try_from(bytes).ok());
    piece.map_or(FIRST, |bytes| bytes.min(FIRST))
}

/// Columns of the first row, 0 if there is none.
fn first_columns(text: &[u8], plan: &Plan<'_>, ends: bool) -> u32 {
    let format = plan.format();
    let mut at = 0;
    while at < text.len()
        && let Some((end, next)) = text::record(text, at, &format, ends)
    {
        match text::field_count(text.get(at..end).unwrap_or_default(), format) {
            0 => at = next,
            columns => return columns,
        }
    }
    0
}

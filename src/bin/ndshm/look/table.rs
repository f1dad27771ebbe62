//! Rows as a table on a terminal.

use std::env;
use std::io::{self, IsTerminal, Write};

use ndshm::dtype::Kind;
use ndshm::look::{Column, Table};

use crate::output::{has_unicode, padded, terminal_columns, thousands, width, width_of};
use crate::value::{self, Marks};

/// Between columns.
const GAP: &str = "  ";

/// A table whose columns only become wider.
pub(super) struct Grid {
    /// The columns that are shown, once that is known; none where some are left out.
    shown: Option<Vec<Option<usize>>>,
    widths: Vec<usize>,
    /// Columns that the terminal has, if it is one.
    room: Option<usize>,
    marks: Marks,
}

impl Grid {
    pub(super) fn new(of: &Table) -> Self {
        let is_given = env::var_os("COLUMNS").is_some();
        let room = (is_given || io::stdout().is_terminal()).then(terminal_columns);
        let marks = Marks::new(has_unicode());
        Self { shown: None, widths: vec![0; of.columns().len()], room, marks }
    }

    /// Writes rows, behind the names of the columns if they are the first ones.
    pub(super) fn write(&mut self, out: &mut dyn Write, of: &Table, rows: &[u8]) -> io::Result<()> {
        let is_first = self.shown.is_none();
        let names = of.columns().iter().map(|column| self.cell(value::shown(column.name())));
        let names = names.collect();
        let mut lines: Vec<Vec<String>> = Vec::new();
        if is_first && of.is_named() && !of.columns().is_empty() {
            lines.push(names);
        }
        // What is not shown needs no text.
        let some = self.shown.as_ref().filter(|shown| shown.contains(&None));
        let is_shown = |at: usize| some.is_none_or(|shown| shown.contains(&Some(at)));
        for row in rows.chunks_exact(of.row().max(1)) {
            let cells = of.columns().iter().enumerate().map(|(at, column)| {
                let text = is_shown(at).then(|| value::text(&of.cell(column, row), &self.marks));
                self.cell(text.unwrap_or_default())
            });
            lines.push(cells.collect());
        }
        for line in &lines {
            for (width, cell) in self.widths.iter_mut().zip(line) {
                *width = width_of(cell).max(*width);
            }
        }
        let shown = self.shown.take().unwrap_or_else(|| self.fitting());
        for line in &lines {
            writeln!(out, "{}", self.line(of, &shown, line).trim_end())?;
        }
        self.shown = Some(shown);
        Ok(())
    }

    /// What is said of columns that are not shown.
    pub(super) fn besides(&self) -> Option<String> {
        let shown = self.shown.as_ref().filter(|shown| shown.contains(&None))?;
        let (some, all) = (shown.len() - 1, thousands(self.widths.len() as u64));
        Some(format!("{some} of {all} columns are shown; --columns names others"))
    }

    /// A value as it is shown: on a terminal none takes all room from others.
    fn cell(&self, text: String) -> String {
        let Some(room) = self.room else { return text };
        let most = if self.widths.len() == 1 { room } else { (room / 2).max(20) };
        if width_of(&text) <= most {
            return text;
        }
        let mut left = most.saturating_sub(width_of(self.marks.more));
        let fits = |c: &char| {
            let fits = width(*c) <= left;
            left = left.saturating_sub(width(*c));
            fits
        };
        text.chars().take_while(fits).chain(self.marks.more.chars()).collect()
    }

    fn line(&self, of: &Table, shown: &[Option<usize>], cells: &[String]) -> String {
        let cell = |place: &Option<usize>| {
            let Some(at) = *place else { return self.marks.more.to_string() };
            let (cell, width) = (cells.get(at), self.widths.get(at));
            let is_right = of.columns().get(at).is_some_and(|column| is_number(of, column));
            padded(cell.map_or("", String::as_str), width.copied().unwrap_or(0), is_right)
        };
        shown.iter().map(cell).collect::<Vec<_>>().join(GAP)
    }

    /// The columns that fit, from both ends.
    fn fitting(&self) -> Vec<Option<usize>> {
        let count = self.widths.len();
        let all = || (0..count).map(Some).collect();
        let Some(room) = self.room else { return all() };
        let wide = |width: usize| width + GAP.len();
        let total: usize = self.widths.iter().copied().map(wide).sum();
        if total <= room + GAP.len() {
            return all();
        }
        let mut left = (room + GAP.len()).saturating_sub(wide(self.marks.more.len().min(3)));
        let (mut first, mut last) = (0, count);
        // Two of the first for one of the last ones, and one in any case.
        for turn in 0.. {
            let at = if turn % 3 == 2 { last - 1 } else { first };
            let width = self.widths.get(at).copied().map_or(0, wide);
            if first + 1 >= last || (width > left && turn > 0) {
                break;
            }
            left = left.saturating_sub(width);
            if turn % 3 == 2 { last -= 1 } else { first += 1 }
        }
        if first >= last {
            return all();
        }
        (0..first).map(Some).chain([None]).chain((last..count).map(Some)).collect()
    }
}

/// Whether numbers are in a column, which end below each other.
fn is_number(of: &Table, column: &Column) -> bool {
    let is_other = matches!(
        of.field(column).kind(),
        Kind::Bytes | Kind::Unicode | Kind::Record | Kind::Void | Kind::Datetime
    );
    !is_other && column.dims().is_empty()
}

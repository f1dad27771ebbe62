//! Rows as lines of text.

use std::string::String;
use std::vec::Vec;

use super::error::{ExchangeError, Result};
use super::value::{self, Column};
use crate::dtype::DType;

/// How the lines are written.
#[derive(Debug)]
pub(super) struct Table {
    columns: Vec<Column>,
    delimiter: char,
    /// Elements in a line.
    per_line: u64,
    item: usize,
    /// The line of names, if there is one that is not written yet.
    header: bool,
}

impl Table {
    /// A table whose lines are the rows of an array: one record, or all numbers with the same
    /// place on the first axis.
    pub(super) fn new(
        dtype: DType<'_>,
        shape: &[u64],
        delimiter: char,
        header: bool,
    ) -> Result<Self> {
        let columns = value::columns(dtype)?;
        let across = || shape.get(1..).unwrap_or_default().iter().product::<u64>().max(1);
        let per_line = if dtype.is_record() { 1 } else { across() };
        let item = dtype.itemsize() as usize;
        Ok(Self { columns, delimiter, per_line, item, header: header && dtype.is_record() })
    }

    /// Appends the text of elements to `to`; `first` is the number of the first one.
    pub(super) fn write(&mut self, elements: &[u8], first: u64, to: &mut String) -> Result<()> {
        if self.header {
            self.header = false;
            self.write_names(to);
        }
        let mut left = self.per_line - first % self.per_line;
        for (number, element) in (first..).zip(elements.chunks_exact(self.item.max(1))) {
            self.element(element, to).map_err(|field| {
                let field = field.into();
                ExchangeError::Text { field, element: number }
            })?;
            left -= 1;
            if left == 0 {
                left = self.per_line;
                to.push('\n');
            } else {
                to.push(self.delimiter);
            }
        }
        Ok(())
    }

    fn write_names(&self, to: &mut String) {
        for (i, column) in self.columns.iter().enumerate() {
            if i > 0 {
                to.push(self.delimiter);
            }
            let at = to.len();
            to.push_str(&column.name);
            self.quote(to, at);
        }
        to.push('\n');
    }

    /// Writes one element; the field that cannot be written, else.
    fn element<'s>(&'s self, element: &[u8], to: &mut String) -> core::result::Result<(), &'s str> {
        for (i, column) in self.columns.iter().enumerate() {
            if i > 0 {
                to.push(self.delimiter);
            }
            let at = to.len();
            if !column.write(element, to) {
                return Err(&column.field);
            }
            if column.is_text() {
                self.quote(to, at);
            }
        }
        Ok(())
    }

    /// Encloses the text from `at` on if a reader would take it for something else.
    fn quote(&self, to: &mut String, at: usize) {
        let text = to.get(at..).unwrap_or_default();
        let blank = self.delimiter.is_whitespace();
        let special = |c: char| {
            c == self.delimiter
                || matches!(c, '"' | '#' | '\n' | '\r')
                || (blank && c.is_whitespace())
        };
        if text.is_empty() || text.contains(special) {
            let doubled = text.replace('"', "\"\"");
            to.truncate(at);
            to.push('"');
            to.push_str(&doubled);
            to.push('"');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtype_buf::DTypeBuf;

    #[test]
    fn texts_are_quoted_where_they_must_be() {
        let dtype = DTypeBuf::parse("[('a,b', 'S6'), ('n', '<i2')]").unwrap();
        let mut table = Table::new(dtype.as_dtype(), &[4], ',', true).unwrap();
        let mut text = String::new();
        for (i, name) in
            [b"ab\0\0\0\0", b"a\"b\0\0\0", b"a,\nb\0\0", b"\0\0\0\0\0\0"].iter().enumerate()
        {
            let row = [&name[..], &[i as u8, 0]].concat();
            table.write(&row, i as u64, &mut text).unwrap();
        }
        assert_eq!(text, "\"a,b\",n\nab,0\n\"a\"\"b\",1\n\"a,\nb\",2\n\"\",3\n");
    }

    #[test]
    fn lines_are_rows() {
        let dtype = DTypeBuf::parse("i1").unwrap();
        let mut table = Table::new(dtype.as_dtype(), &[2, 3], '\t', true).unwrap();
        let mut text = String::new();
        table.write(&[1, 2], 0, &mut text).unwrap();
        table.write(&[3, 4, 5, 255], 2, &mut text).unwrap();
        assert_eq!(text, "1\t2\t3\n4\t5\t-1\n");
    }
}

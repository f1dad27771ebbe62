//! One row, read the plain way: the meaning of everything, and the errors.
//!
//! The fast kernels hand every row to this module that they are not sure of;
//! tests and fuzzing compare them with it row by row.

use super::fault::FaultKind;
use super::number;
use super::plan::{Column, Op, Plan};
use super::space;
use super::{Delimiter, Format};

/// A field: where it starts in its line, and its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span<'t> {
    pub(crate) start: usize,
    pub(crate) text: &'t [u8],
}

/// The fields of one line without its end, up to a comment.
#[derive(Debug, Clone)]
pub(crate) struct Fields<'t> {
    line: &'t [u8],
    format: Format,
    at: usize,
    done: bool,
}

impl<'t> Fields<'t> {
    pub(crate) const fn new(line: &'t [u8], format: Format) -> Self {
        Self { line, format, at: 0, done: false }
    }

    fn span(&self, start: usize, end: usize) -> Span<'t> {
        Span { start, text: self.line.get(start..end).unwrap_or_default() }
    }

    fn next_by_byte(&mut self, delimiter: u8) -> Span<'t> {
        let start = self.at;
        let rest = self.line.get(start..).unwrap_or_default();
        let stop = |&b: &u8| b == delimiter || Some(b) == self.format.comment();
        let len = rest.iter().position(stop).unwrap_or(rest.len());
        self.done = rest.get(len) != Some(&delimiter);
        self.at = start + len + 1;
        self.span(start, start + len)
    }

    fn next_by_space(&mut self) -> Option<Span<'t>> {
        let rest = |at: usize| self.line.get(at..).unwrap_or_default();
        let mut start = self.at;
        while let n @ 1.. = space::leading(rest(start)) {
            start += n;
        }
        let mut end = start;
        while let Some(&byte) = self.line.get(end) {
            if space::leading(rest(end)) > 0 || Some(byte) == self.format.comment() {
                break;
            }
            end += 1;
        }
        self.done = self.line.get(end).is_none_or(|&b| Some(b) == self.format.comment());
        self.at = end;
        (end > start).then(|| self.span(start, end))
    }
}

impl<'t> Iterator for Fields<'t> {
    type Item = Span<'t>;

    fn next(&mut self) -> Option<Span<'t>> {
        if self.done {
            return None;
        }
        match self.format.delimiter() {
            Delimiter::Byte(delimiter) => Some(self.next_by_byte(delimiter)),
            Delimiter::Whitespace => self.next_by_space(),
        }
    }
}

/// Fields of a line; 0 for a line that does not count: blank, or a comment.
pub(crate) fn field_count(line: &[u8], format: Format) -> u32 {
    let mut fields = Fields::new(line, format);
    match fields.next() {
        None => 0,
        Some(first) => match fields.count() {
            0 if first.text.is_empty() => 0,
            more => u32::try_from(more).unwrap_or(u32::MAX).saturating_add(1),
        },
    }
}

/// What is wrong with a row, and where in its line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RowFault {
    pub(crate) kind: FaultKind,
    pub(crate) column: u32,
    pub(crate) start: usize,
    pub(crate) len: usize,
}

/// Reads one line into `row`; `Ok(false)` if it does not count as a row.
pub(crate) fn read(plan: &Plan<'_>, line: &[u8], row: &mut [u8]) -> Result<bool, RowFault> {
    let found = field_count(line, plan.format);
    if found == 0 {
        return Ok(false);
    }
    row.fill(0);
    match plan.usecols {
        None => read_all(plan, line, found, row)?,
        Some(list) => read_some(plan, list, line, found, row)?,
    }
    Ok(true)
}

fn read_all(plan: &Plan<'_>, line: &[u8], found: u32, row: &mut [u8]) -> Result<(), RowFault> {
    let need = u32::try_from(plan.column_count()).unwrap_or(u32::MAX);
    if need != found {
        let kind = if plan.record {
            FaultKind::ColumnsRequired { need, found }
        } else {
            FaultKind::ColumnsChanged { from: need, to: found }
        };
        return Err(RowFault { kind, column: 0, start: 0, len: line.len() });
    }
    for (i, field) in (0..need).zip(Fields::new(line, plan.format)) {
        store(plan, i, field, i, row)?;
    }
    Ok(())
}

/// Columns that one walk along a line collects.
const BATCH: usize = 128;

/// Reads the columns of `usecols`, which may be in any order: a batch of them is
/// found in one walk along the line, and converted in the order asked for.
fn read_some(
    plan: &Plan<'_>,
    usecols: &[i32],
    line: &[u8],
    found: u32,
    row: &mut [u8],
) -> Result<(), RowFault> {
    for (batch, list) in usecols.chunks(BATCH).enumerate() {
        let fields = collect(plan.format, list, line, found);
        for (i, (&index, &(place, field))) in list.iter().zip(&fields).enumerate() {
            if place == NOWHERE {
                let kind = FaultKind::ColumnIndex { index, found };
                return Err(RowFault { kind, column: 0, start: 0, len: line.len() });
            }
            store(plan, (batch * BATCH + i) as u32, field, place, row)?;
        }
    }
    Ok(())
}

/// The place of a column that the line does not have.
const NOWHERE: u32 = u32::MAX;

/// Place and text of each column of a batch.
fn collect<'t>(
    format: Format,
    list: &[i32],
    line: &'t [u8],
    found: u32,
) -> [(u32, Span<'t>); BATCH] {
    let mut fields = [(NOWHERE, Span { start: 0, text: &[] }); BATCH];
    // Places in the order of the line, each with its index in the batch.
    let mut order = [(NOWHERE, 0usize); BATCH];
    for (i, (&index, slot)) in list.iter().zip(&mut order).enumerate() {
        *slot = (resolve(index, found), i);
    }
    let order = order.get_mut(..list.len()).unwrap_or_default();
    order.sort_unstable();
    let mut walk = Fields::new(line, format);
    let mut next = 0;
    let mut field = None;
    for &mut (place, i) in order.iter_mut().take_while(|(place, _)| *place != NOWHERE) {
        if place >= next {
            field = walk.nth((place - next) as usize);
            next = place + 1;
        }
        if let (Some(slot), Some(field)) = (fields.get_mut(i), field) {
            *slot = (place, field);
        }
    }
    fields
}

/// The place that an index means in a row of `found` columns.
fn resolve(index: i32, found: u32) -> u32 {
    let place = if index < 0 { i64::from(found) + i64::from(index) } else { i64::from(index) };
    u32::try_from(place).ok().filter(|&place| place < found).unwrap_or(NOWHERE)
}

fn store(
    plan: &Plan<'_>,
    slot: u32,
    field: Span<'_>,
    place: u32,
    row: &mut [u8],
) -> Result<(), RowFault> {
    let converted = plan.column(slot as usize).and_then(|column| {
        let start = column.offset as usize;
        let bytes = row.get_mut(start..start.checked_add(column.width as usize)?)?;
        convert(column, field.text, bytes)
    });
    converted.ok_or(RowFault {
        kind: FaultKind::Convert { slot },
        column: place.saturating_add(1),
        start: field.start,
        len: field.text.len(),
    })
}

/// Converts one field; `out` has the column's width.
fn convert(column: Column, text: &[u8], out: &mut [u8]) -> Option<()> {
    let swap = column.swap;
    match column.op {
        Op::Bool => put(out, [u8::from(number::signed(text)? != 0)], false),
        Op::I1 => put(out, i8::try_from(number::signed(text)?).ok()?.to_ne_bytes(), swap),
        Op::I2 => put(out, i16::try_from(number::signed(text)?).ok()?.to_ne_bytes(), swap),
        Op::I4 => put(out, i32::try_from(number::signed(text)?).ok()?.to_ne_bytes(), swap),
        Op::I8 => put(out, number::signed(text)?.to_ne_bytes(), swap),
        Op::U1 => put(out, u8::try_from(number::unsigned(text)?).ok()?.to_ne_bytes(), swap),
        Op::U2 => put(out, u16::try_from(number::unsigned(text)?).ok()?.to_ne_bytes(), swap),
        Op::U4 => put(out, u32::try_from(number::unsigned(text)?).ok()?.to_ne_bytes(), swap),
        Op::U8 => put(out, number::unsigned(text)?.to_ne_bytes(), swap),
        Op::F2 => put(out, number::half_bits(number::float(text)?).to_ne_bytes(), swap),
        Op::F4 => put(out, (number::float(text)? as f32).to_ne_bytes(), swap),
        Op::F8 => put(out, number::float(text)?.to_ne_bytes(), swap),
        Op::C8 => {
            let (re, im) = number::complex(text)?;
            let (first, second) = out.split_at_mut_checked(4)?;
            put(first, (re as f32).to_ne_bytes(), swap)?;
            put(second, (im as f32).to_ne_bytes(), swap)
        }
        Op::C16 => {
            let (re, im) = number::complex(text)?;
            let (first, second) = out.split_at_mut_checked(8)?;
            put(first, re.to_ne_bytes(), swap)?;
            put(second, im.to_ne_bytes(), swap)
        }
        Op::Timedelta => put(out, number::timedelta(text)?.to_ne_bytes(), swap),
        Op::Bytes => latin1(text, zeroed(out)),
        Op::Ucs4 => ucs4(text, zeroed(out), swap),
        Op::Utf8 => utf8(text, zeroed(out)),
    }
}

fn put<const N: usize>(out: &mut [u8], mut bytes: [u8; N], swap: bool) -> Option<()> {
    if swap {
        bytes.reverse();
    }
    out.get_mut(..N)?.copy_from_slice(&bytes);
    Some(())
}

/// A string's room, empty: with overlapping fields it may hold something already.
fn zeroed(out: &mut [u8]) -> &mut [u8] {
    out.fill(0);
    out
}

/// `S`: each character's code as a byte, cut to the width. What is behind the
/// cut is not looked at.
fn latin1(text: &[u8], out: &mut [u8]) -> Option<()> {
    let text = core::str::from_utf8(text).ok()?;
    for (byte, c) in out.iter_mut().zip(text.chars()) {
        *byte = u8::try_from(u32::from(c)).ok()?;
    }
    Some(())
}

fn ucs4(text: &[u8], out: &mut [u8], swap: bool) -> Option<()> {
    let text = core::str::from_utf8(text).ok()?;
    for (slot, c) in out.chunks_exact_mut(4).zip(text.chars()) {
        put(slot, u32::from(c).to_ne_bytes(), swap)?;
    }
    Some(())
}

/// `U`*n* on its way to HDF5: at most *n* characters, as UTF-8.
fn utf8(text: &[u8], out: &mut [u8]) -> Option<()> {
    let text = core::str::from_utf8(text).ok()?;
    let len: usize = text.chars().take(out.len() / 4).map(char::len_utf8).sum();
    out.get_mut(..len)?.copy_from_slice(text.as_bytes().get(..len)?);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    fn split(line: &str, delimiter: Delimiter) -> Vec<&str> {
        let format = Format::new(delimiter, Some(b'#')).unwrap();
        Fields::new(line.as_bytes(), format)
            .map(|f| core::str::from_utf8(f.text).unwrap())
            .collect()
    }

    #[test]
    fn fields_by_a_delimiter() {
        let comma = Delimiter::Byte(b',');
        assert_eq!(split("1,2,", comma), ["1", "2", ""]);
        assert_eq!(split("1,#x", comma), ["1", ""]);
        assert_eq!(split("a # b,c", comma), ["a "]);
        assert_eq!(split(" , ", comma), [" ", " "]);
        assert_eq!(split("", comma), [""]);
    }

    #[test]
    fn fields_by_white_space() {
        let space = Delimiter::Whitespace;
        assert_eq!(split("  a\u{2003}b\tc#d", space), ["a", "b", "c"]);
        assert_eq!(split("a #b", space), ["a"]);
        assert!(split(" \t# b", space).is_empty());
        assert!(split("", space).is_empty());
    }

    #[test]
    fn blank_lines_do_not_count() {
        let comma = Format::new(Delimiter::Byte(b','), Some(b'#')).unwrap();
        for line in ["", "#", "# 1,2"] {
            assert_eq!(field_count(line.as_bytes(), comma), 0, "{line:?}");
        }
        assert_eq!(field_count(b"  ", comma), 1);
        assert_eq!(field_count(b",", comma), 2);
        assert_eq!(field_count(b"  # x", Format::default()), 0);
    }
}

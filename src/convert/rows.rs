//! Rows on their way into the file, where they are not as they were read: with labels by their
//! numbers, and with a column for the file that they come from.

use std::collections::HashMap;
use std::string::{String, ToString};
use std::vec::Vec;

use super::error::{ConvertError, Result};
use super::options::CategoryColumn;
use crate::dtype::{DType, Field, Kind, Order};
use crate::dtype_buf::{DTypeBuf, Room};
use crate::hdf5::{self, Category, MOST_LABEL_BYTES};

/// Bytes of rows that are made at once.
const ROOM: usize = 256 << 10;
/// Bytes of the number of a label.
const NUMBER: usize = size_of::<i16>();

/// How rows of the file are made of those that were read.
#[derive(Debug)]
pub(super) struct Rewrite {
    /// Bytes of a row as it was read, and in the file.
    from: usize,
    to: usize,
    copies: Vec<Copy>,
    labels: Vec<Labels>,
    source: Option<Source>,
    rows: Vec<u8>,
}

/// Bytes that stay as they are.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Copy {
    from: usize,
    to: usize,
    len: usize,
}

/// A column of text that becomes numbers.
#[derive(Debug)]
struct Labels {
    name: String,
    /// Which field of the record.
    field: usize,
    from: usize,
    len: usize,
    to: usize,
    /// The number of each label.
    numbers: HashMap<Vec<u8>, i16>,
    all: Vec<String>,
    bytes: usize,
    /// Others than these are refused.
    fixed: bool,
    /// The last text, and its number: often the next one is the same.
    last: (Vec<u8>, i16),
}

/// A column that is the same for all rows of an input.
#[derive(Debug)]
struct Source {
    to: usize,
    /// The bytes for each input.
    values: Vec<Vec<u8>>,
    /// What the values are numbers of, if they are no texts.
    category: Option<Category>,
}

/// What rows are to become.
#[derive(Debug)]
pub(super) struct Wanted<'a> {
    pub(super) categories: &'a [CategoryColumn],
    /// The name of the last column, and the text of each input.
    pub(super) source: Option<(&'a str, Vec<String>)>,
}

impl Rewrite {
    /// How to make them, and their dtype; none if they stay as they are.
    pub(super) fn new(dtype: DType<'_>, wanted: Wanted<'_>) -> Result<Option<(Self, DTypeBuf)>> {
        if wanted.categories.is_empty() && wanted.source.is_none() {
            return Ok(None);
        }
        if !dtype.is_record() {
            return Err(match wanted.categories.first() {
                Some(column) => ConvertError::Category { column: column.name.clone() },
                None => ConvertError::SourceColumn,
            });
        }
        let source = wanted.source.as_ref().map(|(name, _)| *name);
        let is_source = |column: &&CategoryColumn| Some(column.name.as_str()) == source;
        let numbered = wanted.categories.iter().any(|column| is_source(&column));
        let others = wanted.categories.iter().filter(|column| !is_source(column));
        if let Some(name) = source.filter(|name| dtype.root().fields().any(|f| f.name() == *name)) {
            return Err(ConvertError::SourceName { name: name.into() });
        }
        let labels = labels(dtype, others)?;
        let from = dtype.root().size() as usize;
        let mut own =
            Self { from, to: 0, copies: Vec::new(), labels, source: None, rows: Vec::new() };
        let made = own.dtype(dtype, wanted.source, numbered)?;
        own.to = made.as_dtype().root().size() as usize;
        Ok(Some((own, made)))
    }

    /// Lays out the record: its fields follow one another, without gaps.
    fn dtype(
        &mut self,
        dtype: DType<'_>,
        source: Option<(&str, Vec<String>)>,
        numbered: bool,
    ) -> Result<DTypeBuf> {
        let room = Room::of(dtype);
        let names = source.as_ref().map_or(0, |(name, _)| name.len());
        let room = Room { nodes: room.nodes + 2, names: room.names + names, dims: room.dims };
        let built = DTypeBuf::build(room, |mut builder| {
            builder.begin_record("")?;
            let mut at = 0;
            for (i, field) in dtype.root().fields().enumerate() {
                if let Some(labels) = self.labels.iter_mut().find(|labels| labels.field == i) {
                    builder.leaf(field.name(), Kind::Int, NUMBER as u32, Order::Little)?;
                    builder.place(at as u32)?;
                    labels.to = at;
                    at += NUMBER;
                } else {
                    builder.copy(field.name(), field)?;
                    builder.place(at as u32)?;
                    let (from, len) = (field.offset() as usize, field.size() as usize);
                    push(&mut self.copies, Copy { from, to: at, len });
                    at += len;
                }
            }
            if let Some((name, texts)) = source {
                let field = dtype.root().fields().count();
                let source = Source::new(at, field, texts, numbered);
                let (kind, size, order) = match &source.category {
                    Some(_) => (Kind::Int, NUMBER, Order::Little),
                    None => (Kind::Bytes, source.width(), Order::None),
                };
                builder.leaf(name, kind, size as u32, order)?;
                builder.place(at as u32)?;
                self.source = Some(source);
            }
            builder.end_record()?;
            builder.finish()
        });
        Ok(built.map_err(hdf5::Error::Core)?)
    }

    /// Gives `take` the rows of a block of an input as they are in the file, some at a time.
    pub(super) fn rows(
        &mut self,
        block: &[u8],
        input: usize,
        mut take: impl FnMut(&[u8]) -> Result<()>,
    ) -> Result<()> {
        let most = (ROOM / self.to.max(1)).max(1);
        for rows in block.chunks(self.from.max(1).saturating_mul(most)) {
            let count = rows.len() / self.from.max(1);
            self.rows.clear();
            self.rows.resize(count * self.to, 0);
            self.copy(rows);
            self.number(rows)?;
            self.name(input);
            take(&self.rows)?;
        }
        Ok(())
    }

    fn copy(&mut self, rows: &[u8]) {
        for (to, from) in self.rows.chunks_exact_mut(self.to).zip(rows.chunks_exact(self.from)) {
            for part in &self.copies {
                let to = to.get_mut(part.to..part.to + part.len).unwrap_or_default();
                to.copy_from_slice(from.get(part.from..part.from + part.len).unwrap_or_default());
            }
        }
    }

    fn number(&mut self, rows: &[u8]) -> Result<()> {
        for labels in &mut self.labels {
            let (to, from) = (labels.to..labels.to + NUMBER, labels.from..labels.from + labels.len);
            let pairs = self.rows.chunks_exact_mut(self.to).zip(rows.chunks_exact(self.from));
            for (row, text) in pairs {
                let number = labels.number(text.get(from.clone()).unwrap_or_default())?;
                if let Some(place) = row.get_mut(to.clone()) {
                    place.copy_from_slice(&number.to_le_bytes());
                }
            }
        }
        Ok(())
    }

    fn name(&mut self, input: usize) {
        let Some(source) = &self.source else { return };
        let value = source.values.get(input).map(Vec::as_slice).unwrap_or_default();
        for row in self.rows.chunks_exact_mut(self.to) {
            let place = row.get_mut(source.to..source.to + value.len()).unwrap_or_default();
            place.copy_from_slice(value);
        }
    }

    /// The labels that were met so far.
    pub(super) fn categories(&self) -> Vec<Category> {
        let category =
            |labels: &Labels| Category { field: labels.field, labels: labels.all.clone() };
        let source = self.source.as_ref().and_then(|source| source.category.clone());
        self.labels.iter().map(category).chain(source).collect()
    }
}

impl Source {
    fn new(to: usize, field: usize, texts: Vec<String>, numbered: bool) -> Self {
        if !numbered {
            let values = texts.into_iter().map(String::into_bytes).collect();
            return Self { to, values, category: None };
        }
        let mut labels: Vec<String> = Vec::new();
        let mut numbers: HashMap<String, i16> = HashMap::new();
        let mut values = Vec::new();
        for text in texts {
            let number = *numbers.entry(text.clone()).or_insert_with(|| {
                labels.push(text);
                // More labels than that are refused when the type is made.
                i16::try_from(labels.len() - 1).unwrap_or(NONE)
            });
            values.push(number.to_le_bytes().to_vec());
        }
        Self { to, values, category: Some(Category { field, labels }) }
    }

    /// Bytes of the longest text.
    fn width(&self) -> usize {
        self.values.iter().map(Vec::len).max().unwrap_or(0).max(1)
    }
}

/// Adds a part, to the one before if it follows that on both sides.
fn push(copies: &mut Vec<Copy>, part: Copy) {
    match copies.last_mut() {
        Some(last) if last.from + last.len == part.from && last.to + last.len == part.to => {
            last.len += part.len;
        }
        _ => copies.push(part),
    }
}

fn labels<'c>(
    dtype: DType<'_>,
    columns: impl Iterator<Item = &'c CategoryColumn>,
) -> Result<Vec<Labels>> {
    let find = |column: &CategoryColumn| {
        let found = dtype.root().fields().enumerate().find(|(_, f)| f.name() == column.name);
        let found = found.filter(|(_, field)| is_text(*field));
        let (place, field) =
            found.ok_or_else(|| ConvertError::Category { column: column.name.clone() })?;
        Labels::new(place, field, column)
    };
    columns.map(find).collect()
}

fn is_text(field: Field<'_>) -> bool {
    matches!(field.kind(), Kind::Bytes | Kind::Unicode) && field.dims().is_empty()
}

impl Labels {
    fn new(place: usize, field: Field<'_>, column: &CategoryColumn) -> Result<Self> {
        let mut own = Self {
            name: column.name.clone(),
            field: place,
            from: field.offset() as usize,
            len: field.size() as usize,
            to: 0,
            numbers: HashMap::new(),
            all: Vec::new(),
            bytes: 0,
            fixed: false,
            last: (Vec::new(), NONE),
        };
        for label in column.labels.iter().flatten() {
            own.number(label.as_bytes())?;
        }
        own.fixed = column.labels.is_some();
        Ok(own)
    }

    /// The number of a text, which is padded with NUL.
    fn number(&mut self, text: &[u8]) -> Result<i16> {
        let len = text.iter().rposition(|&byte| byte != 0).map_or(0, |at| at + 1);
        let text = text.get(..len).unwrap_or_default();
        if self.last.0 == text {
            return Ok(self.last.1);
        }
        let number = match self.numbers.get(text) {
            Some(number) => *number,
            None if text.is_empty() => NONE,
            None => self.add(text)?,
        };
        self.last.0.clear();
        self.last.0.extend_from_slice(text);
        self.last.1 = number;
        Ok(number)
    }

    fn add(&mut self, text: &[u8]) -> Result<i16> {
        let refused = || ConvertError::Label {
            column: self.name.clone(),
            text: String::from_utf8_lossy(text).into_owned(),
        };
        let label = core::str::from_utf8(text).ok().filter(|label| !label.contains('\0'));
        let label = label.filter(|_| !self.fixed).ok_or_else(refused)?.to_string();
        self.bytes += label.len() + 1 + NUMBER;
        let number = i16::try_from(self.all.len()).ok().filter(|_| self.bytes <= MOST_LABEL_BYTES);
        let number = number.ok_or_else(|| ConvertError::TooManyLabels {
            column: self.name.clone(),
            labels: self.all.len(),
        })?;
        self.numbers.insert(text.into(), number);
        self.all.push(label);
        Ok(number)
    }
}

/// The number of no label: of an empty text.
const NONE: i16 = -1;

#[cfg(test)]
mod tests {
    use super::*;

    fn category(name: &str, labels: Option<&[&str]>) -> CategoryColumn {
        let labels = labels.map(|list| list.iter().map(ToString::to_string).collect());
        CategoryColumn { name: name.into(), labels }
    }

    #[test]
    fn texts_become_numbers_in_the_order_of_their_appearance() {
        let dtype = DTypeBuf::parse("a:i4,s:S3,b:u1,t:S2").unwrap();
        let categories = [category("s", None), category("t", Some(&["x", "yy"]))];
        let source = Some(("from", Vec::from(["one".into(), "three".into()])));
        let wanted = Wanted { categories: &categories, source };
        let (mut rewrite, made) = Rewrite::new(dtype.as_dtype(), wanted).unwrap().unwrap();
        assert_eq!(
            made.as_dtype().to_string(),
            "[('a', '<i4'), ('s', '<i2'), ('b', '|u1'), ('t', '<i2'), ('from', '|S5')]"
        );
        let rows =
            b"\x01\0\0\0abc\x09yy\x02\0\0\0\0\0\0\x08x\0\x03\0\0\0d\0\0\x07\0\0\x04\0\0\0abc\x06yy";
        let mut out = Vec::new();
        let take = |rows: &[u8]| {
            out.extend_from_slice(rows);
            Ok(())
        };
        rewrite.rows(rows, 1, take).unwrap();
        let expected = b"\x01\0\0\0\0\0\x09\x01\0three\x02\0\0\0\xff\xff\x08\0\0three\
                         \x03\0\0\0\x01\0\x07\xff\xffthree\x04\0\0\0\0\0\x06\x01\0three";
        assert_eq!(out, expected);
        let labels: Vec<_> = rewrite.categories().into_iter().map(|c| c.labels).collect();
        assert_eq!(labels, [["abc", "d"], ["x", "yy"]]);
        let other = b"\x01\0\0\0abc\x09zz";
        assert!(matches!(rewrite.rows(other, 0, |_| Ok(())), Err(ConvertError::Label { .. })));
    }

    #[test]
    fn only_texts_of_records_have_labels() {
        for (dtype, name) in [("a:i4,s:S3", "a"), ("a:i4,s:S3", "x"), ("f8", "a")] {
            let dtype = DTypeBuf::parse(dtype).unwrap();
            let wanted = Wanted { categories: &[category(name, None)], source: None };
            let refused = Rewrite::new(dtype.as_dtype(), wanted).unwrap_err();
            assert!(matches!(refused, ConvertError::Category { .. }));
        }
    }

    #[test]
    fn a_source_column_needs_a_name_of_its_own() {
        let dtype = DTypeBuf::parse("a:i4,s:S3").unwrap();
        let source = Some(("s", Vec::from(["one".into()])));
        let wanted = Wanted { categories: &[], source };
        let refused = Rewrite::new(dtype.as_dtype(), wanted).unwrap_err();
        assert!(matches!(refused, ConvertError::SourceName { .. }));
    }

    #[test]
    fn more_labels_than_a_type_can_have_are_refused() {
        let dtype = DTypeBuf::parse("s:S8,b:i4").unwrap();
        let wanted = Wanted { categories: &[category("s", None)], source: None };
        let (mut rewrite, _) = Rewrite::new(dtype.as_dtype(), wanted).unwrap().unwrap();
        let rows: Vec<u8> =
            (0..9000).flat_map(|i| std::format!("{i:08}abcd").into_bytes()).collect();
        let refused = rewrite.rows(&rows, 0, |_| Ok(())).unwrap_err();
        assert!(matches!(refused, ConvertError::TooManyLabels { labels: 5454, .. }), "{refused}");
    }
}

//! The columns of rows, and what is kept of all of them.

use core::fmt::Write;
use std::boxed::Box;
use std::format;
use std::string::{String, ToString};
use std::vec::Vec;

use super::error::{DescribeError, Result};
use super::number::{Class, Numbers};
use super::sketch::Limits;
use super::texts::Texts;
use crate::dtype::{DType, Field, Kind, Order, Unit};
use crate::exchange::similar;

/// Bytes of rows that are taken column by column: they stay in the processor's cache, as what
/// is kept of a column does meanwhile.
const TILE: usize = 256 << 10;
/// Most columns.
const MAX_COLUMNS: u64 = 1 << 20;

/// A column: a plain value of every row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Column {
    /// Records in records and places in subarrays are spelled out: `a.b[0]`.
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) size: usize,
    pub(super) big: bool,
    pub(super) unit: (Unit, u32),
    offset: usize,
}

/// What is to be kept of which columns.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// Columns by their names, in this order; all of them if there are none.
    pub columns: Vec<String>,
    /// Nothing that is found by bins and dictionaries: no quantiles, histograms, distinct and
    /// frequent values.
    pub quick: bool,
    /// Threads at most; by default as many as there are processors to use.
    pub threads: Option<usize>,
}

/// What is kept of a column.
#[derive(Debug, Clone)]
pub(super) enum Kept {
    Numbers(Box<Numbers>),
    Texts(Box<Texts>),
    /// Complex numbers: how many there are, and how many are none.
    Complex {
        count: u64,
        missing: u64,
    },
    /// Bytes without a meaning.
    Counted {
        count: u64,
    },
}

/// What is kept of all columns.
#[derive(Debug, Clone)]
pub(super) struct Table {
    /// Bytes of a row.
    pub(super) row: usize,
    pub(super) rows: u64,
    pub(super) columns: Vec<(Column, Kept)>,
    limits: Limits,
    scratch: Vec<u8>,
}

impl Table {
    /// For rows of one element, or of `width` elements of a plain type.
    pub(super) fn new(dtype: DType<'_>, width: Option<u32>, options: &Options) -> Result<Self> {
        let size = dtype.itemsize() as usize;
        let count = u64::from(width.unwrap_or(1)).saturating_mul(dtype.leaf_count());
        if count > MAX_COLUMNS {
            return Err(DescribeError::Columns { count, most: MAX_COLUMNS });
        }
        let mut all = Vec::new();
        for place in 0..width.unwrap_or(1) {
            let name = width.map(|_| place.to_string()).unwrap_or_default();
            spread(dtype.root(), place as usize * size, &name, &mut all);
        }
        if let [only] = all.as_mut_slice()
            && only.name.is_empty()
        {
            only.name.push_str("value");
        }
        let all = chosen(all, &options.columns)?;
        let limits = Limits::for_columns(all.len());
        let columns = all.into_iter().map(|column| {
            let kept = Kept::new(&column, limits, options.quick);
            (column, kept)
        });
        let row = size * width.unwrap_or(1) as usize;
        Ok(Self { row, rows: 0, columns: columns.collect(), limits, scratch: Vec::new() })
    }

    /// How many rows are the first ones, whose values are counted in any case.
    pub(super) const fn first_rows(&self) -> u64 {
        4 * self.limits.values as u64
    }

    /// Takes whole rows.
    pub(super) fn take(&mut self, rows: &[u8]) {
        for tile in rows.chunks((TILE / self.row.max(1)).max(1) * self.row.max(1)) {
            for (column, kept) in &mut self.columns {
                kept.take(column, tile, self.row, &mut self.scratch);
            }
        }
        self.rows += (rows.len() / self.row.max(1)) as u64;
    }

    /// The first rows are over.
    pub(super) fn settle(&mut self) {
        self.columns.iter_mut().for_each(|(_, kept)| kept.settle());
    }

    /// One for other rows.
    pub(super) fn another(&self) -> Self {
        let columns = self.columns.iter().map(|(column, kept)| (column.clone(), kept.another()));
        Self {
            row: self.row,
            rows: 0,
            columns: columns.collect(),
            limits: self.limits,
            scratch: Vec::new(),
        }
    }

    /// Adds what [another](Self::another) one has of other rows.
    pub(super) fn merge(&mut self, mut other: Self) {
        self.rows += other.rows;
        for ((_, to), (_, from)) in self.columns.iter_mut().zip(&mut other.columns) {
            to.merge(from);
        }
    }
}

/// The columns with these names, in the order of the names.
fn chosen(all: Vec<Column>, names: &[String]) -> Result<Vec<Column>> {
    if names.is_empty() {
        return Ok(all);
    }
    let column = |name: &String| {
        all.iter().find(|column| column.name == *name).cloned().ok_or_else(|| {
            let there: Vec<&str> = all.iter().map(|column| column.name.as_str()).collect();
            DescribeError::NoColumn { name: name.clone(), hint: similar(name, &there) }
        })
    };
    names.iter().map(column).collect()
}

/// Adds the values of a field, whose elements begin at `start`.
fn spread(field: Field<'_>, start: usize, name: &str, all: &mut Vec<Column>) {
    for index in 0..field.count() {
        let name = format!("{name}{}", place(field.dims(), index));
        let start = start + index as usize * field.itemsize() as usize;
        if field.kind() == Kind::Record {
            for child in field.fields() {
                let dot = if name.is_empty() { "" } else { "." };
                let name = format!("{name}{dot}{}", child.name());
                spread(child, start + child.offset() as usize, &name, all);
            }
            continue;
        }
        all.push(Column {
            name,
            kind: field.kind(),
            size: field.itemsize() as usize,
            big: field.order() == Order::Big,
            unit: field.unit().unwrap_or((Unit::Generic, 1)),
            offset: start,
        });
    }
}

/// `[0,1]`: where an element of a subarray is.
fn place(dims: &[u32], index: u32) -> String {
    let mut rest = index;
    let mut parts: Vec<String> = Vec::new();
    for &extent in dims.iter().rev() {
        parts.push((rest % extent.max(1)).to_string());
        rest /= extent.max(1);
    }
    parts.reverse();
    if parts.is_empty() { String::new() } else { format!("[{}]", parts.join(",")) }
}

impl Column {
    /// The type in NumPy's short form.
    pub(super) fn dtype(&self) -> String {
        let (letter, size) = match self.kind {
            Kind::Bool => return "?".into(),
            Kind::Int => ('i', self.size),
            Kind::Uint => ('u', self.size),
            Kind::Float => ('f', self.size),
            Kind::Complex => ('c', self.size),
            Kind::Bytes => ('S', self.size),
            Kind::Unicode => ('U', self.size / 4),
            Kind::Void | Kind::Record => ('V', self.size),
            Kind::Datetime => ('M', self.size),
            Kind::Timedelta => ('m', self.size),
        };
        let mut text = format!("{letter}{size}");
        // Writing to a string does not fail.
        let _ = match (self.kind, self.unit) {
            (Kind::Datetime | Kind::Timedelta, (Unit::Generic, _)) => Ok(()),
            (Kind::Datetime | Kind::Timedelta, (unit, 1)) => write!(text, "[{}]", unit.symbol()),
            (Kind::Datetime | Kind::Timedelta, (unit, n)) => {
                write!(text, "[{n}{}]", unit.symbol())
            }
            _ => Ok(()),
        };
        text
    }

    /// The bytes of its values.
    fn fields<'r>(&self, rows: &'r [u8], row: usize) -> impl Iterator<Item = &'r [u8]> {
        let (start, end) = (self.offset, self.offset + self.size);
        rows.chunks_exact(row.max(1)).map(move |row| row.get(start..end).unwrap_or_default())
    }
}

impl Kept {
    fn new(column: &Column, limits: Limits, quick: bool) -> Self {
        let numbers = |class| Self::Numbers(Box::new(Numbers::new(class, limits, quick)));
        match column.kind {
            Kind::Bool | Kind::Uint => numbers(Class::Unsigned),
            Kind::Int => numbers(Class::Signed),
            Kind::Float => numbers(Class::Float),
            Kind::Datetime | Kind::Timedelta => numbers(Class::Time),
            Kind::Bytes | Kind::Unicode => Self::Texts(Box::new(Texts::new(limits, quick))),
            Kind::Complex => Self::Complex { count: 0, missing: 0 },
            Kind::Void | Kind::Record => Self::Counted { count: 0 },
        }
    }

    fn settle(&mut self) {
        match self {
            Self::Numbers(numbers) => numbers.settle(),
            Self::Texts(texts) => texts.settle(),
            Self::Complex { .. } | Self::Counted { .. } => {}
        }
    }

    fn another(&self) -> Self {
        match self {
            Self::Numbers(numbers) => Self::Numbers(Box::new(numbers.another())),
            Self::Texts(texts) => Self::Texts(Box::new(texts.another())),
            Self::Complex { .. } => Self::Complex { count: 0, missing: 0 },
            Self::Counted { .. } => Self::Counted { count: 0 },
        }
    }

    fn merge(&mut self, from: &mut Self) {
        match (self, from) {
            (Self::Numbers(to), Self::Numbers(from)) => {
                from.flush();
                to.merge(from);
            }
            (Self::Texts(to), Self::Texts(from)) => {
                from.flush();
                to.merge(from);
            }
            (
                Self::Complex { count, missing },
                Self::Complex { count: more, missing: also_missing },
            ) => {
                *count += *more;
                *missing += *also_missing;
            }
            (Self::Counted { count }, Self::Counted { count: more }) => *count += *more,
            // Both were made for the same columns.
            _ => {}
        }
    }

    fn take(&mut self, column: &Column, rows: &[u8], row: usize, scratch: &mut Vec<u8>) {
        let fields = column.fields(rows, row);
        match self {
            Self::Numbers(numbers) => take_numbers(numbers, column, rows, row),
            Self::Texts(texts) if column.kind == Kind::Bytes => {
                fields.for_each(|field| texts.note(without_padding(field)));
            }
            Self::Texts(texts) => fields.for_each(|field| {
                as_utf8(field, column.big, scratch);
                texts.note(scratch);
            }),
            Self::Complex { count, missing } => {
                let half = column.size / 2;
                let is_none = |part: &[u8]| float(part, column.big).is_nan();
                for field in fields {
                    let (re, im) = field.split_at(half.min(field.len()));
                    *if is_none(re) || is_none(im) { &mut *missing } else { &mut *count } += 1;
                }
            }
            Self::Counted { count } => *count += fields.count() as u64,
        }
    }
}

/// Takes the values of a column of numbers, each kind in a loop of its own.
fn take_numbers(numbers: &mut Numbers, column: &Column, rows: &[u8], row: usize) {
    let fields = column.fields(rows, row);
    match (column.kind, column.size) {
        (Kind::Bool, _) => numbers.take(fields.map(|field| u64::from(field.first() != Some(&0)))),
        (Kind::Float, 8) if !column.big => numbers.take(fields.map(|field| {
            let value = f64::from_le_bytes(field.try_into().unwrap_or_default());
            (value + 0.0).to_bits()
        })),
        (Kind::Float, 4) if !column.big => numbers.take(fields.map(|field| {
            let value = f32::from_le_bytes(field.try_into().unwrap_or_default());
            (f64::from(value) + 0.0).to_bits()
        })),
        // Zero has one sign only.
        (Kind::Float, _) => {
            numbers.take(fields.map(|field| (float(field, column.big) + 0.0).to_bits()));
        }
        (Kind::Uint, _) => numbers.take(fields.map(|field| unsigned(field, column.big))),
        (_, 8) if !column.big => numbers
            .take(fields.map(|field| u64::from_le_bytes(field.try_into().unwrap_or_default()))),
        (_, 4) if !column.big => numbers.take(fields.map(|field| {
            let value = i32::from_le_bytes(field.try_into().unwrap_or_default());
            i64::from(value) as u64
        })),
        _ => numbers.take(fields.map(|field| {
            let unused = 64 - 8 * field.len().clamp(1, 8) as u32;
            ((unsigned(field, column.big) << unused) as i64 >> unused) as u64
        })),
    }
}

fn unsigned(bytes: &[u8], big: bool) -> u64 {
    let fold = |value: u64, &byte: &u8| value << 8 | u64::from(byte);
    if big { bytes.iter().fold(0, fold) } else { bytes.iter().rev().fold(0, fold) }
}

fn float(bytes: &[u8], big: bool) -> f64 {
    let bits = unsigned(bytes, big);
    match bytes.len() {
        2 => half(bits as u16),
        4 => f64::from(f32::from_bits(bits as u32)),
        _ => f64::from_bits(bits),
    }
}

fn half(bits: u16) -> f64 {
    let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
    let fraction = f64::from(bits & 0x3FF);
    sign * match (bits >> 10) & 31 {
        0 => fraction * 2_f64.powi(-24),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        exponent => (1024.0 + fraction) * 2_f64.powi(i32::from(exponent) - 25),
    }
}

/// Without the zeros at the end.
fn without_padding(field: &[u8]) -> &[u8] {
    let end = field.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
    field.get(..end).unwrap_or_default()
}

/// What stands before a number that is no character; no UTF-8 text has it.
const NO_CHARACTER: u8 = 0xFF;

/// Code points as UTF-8, which is in the same order.
fn as_utf8(field: &[u8], big: bool, to: &mut Vec<u8>) {
    to.clear();
    let (points, _) = field.as_chunks::<4>();
    let point = |p: &[u8; 4]| if big { u32::from_be_bytes(*p) } else { u32::from_le_bytes(*p) };
    let end = points.iter().rposition(|p| *p != [0; 4]).map_or(0, |last| last + 1);
    for p in points.iter().take(end).map(point) {
        match char::from_u32(p) {
            Some(c) if c.is_ascii() => to.push(c as u8),
            Some(c) => to.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            None => {
                to.push(NO_CHARACTER);
                to.extend_from_slice(&p.to_be_bytes());
            }
        }
    }
}

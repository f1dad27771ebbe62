//! From what was kept of columns to what is told of them.

use std::string::String;
use std::vec;
use std::vec::Vec;

use super::columns::{Column, Kept, Table};
use super::number::{Class, More, Numbers};
use super::sketch::{Bin, Registers, Values};
use super::texts::Texts;
use crate::dtype::{Kind, Unit};
use crate::exchange::stamp;
use crate::load::Report;

/// Bars of a histogram, at most.
const BARS: usize = 20;
/// Frequent values that are told.
const FREQUENT: usize = 10;
/// The quantiles that are told.
const QUANTILES: [f64; 5] = [0.05, 0.25, 0.5, 0.75, 0.95];

/// What is in a table.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Summary {
    /// Rows.
    pub rows: u64,
    /// The columns in their order.
    pub columns: Vec<Statistics>,
    /// Of text: the rows that were left out.
    pub report: Report,
}

/// What is in a column.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Statistics {
    /// Its name; records in records and places in subarrays are spelled out.
    pub name: String,
    /// Its type in NumPy's short form.
    pub dtype: String,
    /// Values that are not missing.
    pub count: u64,
    /// Values that are: NaN, `NaT`, empty strings.
    pub missing: u64,
    /// The smallest value; of strings the first one in the order of code points.
    pub min: Option<Value>,
    /// The largest value.
    pub max: Option<Value>,
    /// The mean, rounded once; of times in units from 1970 on.
    pub mean: Option<f64>,
    /// The standard deviation of a sample, as pandas has it (`ddof=1`).
    pub std: Option<f64>,
    /// Of numbers and times.
    pub quantiles: Vec<Quantile>,
    /// How many values differ.
    pub distinct: Option<Distinct>,
    /// Of strings, integers and truth values.
    pub frequent: Option<Frequent>,
    /// Of numbers and times that are finite.
    pub histogram: Option<Histogram>,
    /// Unit of times and how many of it are one.
    pub unit: Option<(Unit, u32)>,
    /// Whether they are moments, which are written as dates.
    moments: bool,
}

/// A value of a column.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A truth value.
    Bool(bool),
    /// An integer.
    Int(i128),
    /// A number, from any of the floats.
    Float(f64),
    /// A datetime or a timedelta, in units of its column.
    Time(i64),
    /// A string.
    Text(String),
}

/// A value that a part of all values is below.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quantile {
    /// The part.
    pub part: f64,
    /// The value, between two values as NumPy has it.
    pub value: f64,
    /// How far it may be from the right one; 0 if it is that.
    pub error: f64,
}

/// How many values differ.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Distinct {
    /// How many; rounded if it is estimated.
    pub count: u64,
    /// The standard error of the estimate as a part of it; 0 if it was counted.
    pub error: f64,
}

/// The values that occur most often.
#[derive(Debug, Clone, PartialEq)]
pub struct Frequent {
    /// They and how often they occur, which is exact: the most frequent first, then in the order
    /// of the values.
    pub values: Vec<(Value, u64)>,
    /// Rows of values that are not in `values`, but were counted, too: each of them is not more
    /// frequent than these.
    pub rest: u64,
    /// Rows of values that were not counted, because there are too many and they are not among
    /// the first rows. Each of them may be that frequent at most.
    pub uncounted: u64,
}

/// How the values are spread.
#[derive(Debug, Clone, PartialEq)]
pub struct Histogram {
    /// Where the first bar begins: the smallest finite value.
    pub low: f64,
    /// Where the last one ends: the largest.
    pub high: f64,
    /// Values of each bar, which are evenly wide.
    pub counts: Vec<u64>,
    /// How far a value may be from its bar; 0 if each is in its own.
    pub error: f64,
}

impl Summary {
    pub(super) fn of(table: &Table) -> Self {
        let columns = table.columns.iter().map(|(column, kept)| Statistics::of(column, kept));
        Self { rows: table.rows, columns: columns.collect(), report: Report::default() }
    }
}

impl Statistics {
    fn of(column: &Column, kept: &Kept) -> Self {
        let is_time = matches!(column.kind, Kind::Datetime | Kind::Timedelta);
        let told = Self {
            name: column.name.clone(),
            dtype: column.dtype(),
            count: 0,
            missing: 0,
            min: None,
            max: None,
            mean: None,
            std: None,
            quantiles: Vec::new(),
            distinct: None,
            frequent: None,
            histogram: None,
            unit: is_time.then_some(column.unit),
            moments: column.kind == Kind::Datetime,
        };
        match kept {
            Kept::Numbers(numbers) => told.with_numbers(column, numbers),
            Kept::Texts(texts) => told.with_texts(column, texts),
            &Kept::Complex { count, missing } => Self { count, missing, ..told },
            &Kept::Counted { count } => Self { count, ..told },
        }
    }

    fn with_numbers(self, column: &Column, numbers: &Numbers) -> Self {
        let class = numbers.class;
        let (count, range) = (numbers.count, numbers.range);
        let value = |ordered: u64| value_of(column.kind, class, class.raw(ordered));
        let [below, above] = numbers.infinite;
        let (mean, std) = match (count, below, above) {
            (0, ..) => (None, None),
            (_, 0, 0) => (Some(numbers.moments.mean(count)), numbers.moments.deviation(count)),
            (_, _, 0) => (Some(f64::NEG_INFINITY), Some(f64::NAN)),
            (_, 0, _) => (Some(f64::INFINITY), Some(f64::NAN)),
            _ => (Some(f64::NAN), Some(f64::NAN)),
        };
        let mut told = Self {
            count,
            missing: numbers.missing,
            min: range.map(|(low, _)| value(low)),
            max: range.map(|(_, high)| value(high)),
            mean,
            std: std.filter(|_| count > 1),
            ..self
        };
        let (Some(more), Some(range)) = (&numbers.more, range) else { return told };
        let bins = Sorted::of(class, &more.bins.sorted(), more, range);
        if column.kind != Kind::Bool {
            told.quantiles = QUANTILES.iter().map(|&part| bins.quantile(part, count)).collect();
            told.histogram = bins.histogram(class);
        }
        let values = more.values.as_ref();
        told.distinct = Some(distinct(&more.registers, values, exact_bins(more)));
        told.frequent = values.map(|values| {
            let read = |bytes: &[u8]| {
                let raw = u64::from_ne_bytes(bytes.try_into().unwrap_or_default());
                (class.ordered(raw), raw)
            };
            frequent(values, count, read, |raw| value_of(column.kind, class, raw))
        });
        told
    }

    fn with_texts(self, column: &Column, texts: &Texts) -> Self {
        let text = |bytes: &[u8]| Value::Text(shown(column.kind, bytes));
        let told = Self {
            count: texts.count,
            missing: texts.missing,
            min: texts.range.as_ref().map(|(low, _)| text(low)),
            max: texts.range.as_ref().map(|(_, high)| text(high)),
            ..self
        };
        let Some((registers, values)) = texts.more.as_ref().filter(|_| texts.count > 0) else {
            return told;
        };
        let read = |bytes: &[u8]| (bytes.to_vec(), bytes.to_vec());
        Self {
            distinct: Some(distinct(registers, Some(values), None)),
            frequent: Some(frequent(values, texts.count, read, |bytes| text(&bytes))),
            ..told
        }
    }

    /// A number of units as a moment, if that is what they are; else none.
    #[must_use]
    pub fn moment(&self, units: f64) -> Option<String> {
        let (unit, times) = self.unit.filter(|_| self.moments && units.is_finite())?;
        let mut text = String::new();
        stamp::write(&mut text, units.round() as i64, unit, times);
        Some(text)
    }
}

fn value_of(kind: Kind, class: Class, raw: u64) -> Value {
    match class {
        Class::Unsigned if kind == Kind::Bool => Value::Bool(raw != 0),
        Class::Unsigned => Value::Int(i128::from(raw)),
        Class::Signed => Value::Int(i128::from(raw as i64)),
        Class::Time => Value::Time(raw as i64),
        Class::Float => Value::Float(f64::from_bits(raw)),
    }
}

/// `S` is Latin-1, `U` was made UTF-8.
fn shown(kind: Kind, bytes: &[u8]) -> String {
    if kind == Kind::Bytes {
        bytes.iter().map(|&byte| char::from(byte)).collect()
    } else {
        String::from_utf8_lossy(bytes).into_owned()
    }
}

/// How many values there are, if each has a bin.
fn exact_bins(more: &More) -> Option<u64> {
    (more.bins.is_exact() && !more.is_lossy).then_some(more.bins.len() as u64)
}

fn distinct(registers: &Registers, values: Option<&Values>, exact: Option<u64>) -> Distinct {
    let counted = values.filter(|values| values.is_complete()).map(|values| values.len() as u64);
    match counted.or(exact) {
        Some(count) => Distinct { count, error: 0.0 },
        None => Distinct { count: registers.estimate().round() as u64, error: registers.error() },
    }
}

/// The most frequent values; `read` gives what orders a value, and what it is made of.
fn frequent<O: Ord, R>(
    values: &Values,
    count: u64,
    read: impl Fn(&[u8]) -> (O, R),
    value: impl Fn(R) -> Value,
) -> Frequent {
    let mut all: Vec<_> = values
        .iter()
        .map(|(bytes, times)| {
            let (order, raw) = read(bytes);
            (core::cmp::Reverse(times), order, raw)
        })
        .collect();
    let total = values.total();
    if all.len() > FREQUENT {
        all.select_nth_unstable_by(FREQUENT, |a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
        all.truncate(FREQUENT);
    }
    all.sort_unstable_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
    let told: u64 = all.iter().map(|(times, ..)| times.0).sum();
    Frequent {
        values: all.into_iter().map(|(times, _, raw)| (value(raw), times.0)).collect(),
        rest: total - told,
        uncounted: count - total,
    }
}

/// Bins in their order, as values.
struct Sorted {
    /// The middle of each bin, how many values it has, and how far they may be from there.
    bins: Vec<(f64, u64, f64)>,
    low: f64,
    high: f64,
    integers: bool,
}

impl Sorted {
    fn of(class: Class, bins: &[Bin], more: &More, (least, most): (u64, u64)) -> Self {
        let number = |raw: u64| match class {
            Class::Float => f64::from_bits(raw),
            Class::Unsigned => raw as f64,
            Class::Signed | Class::Time => raw as i64 as f64,
        };
        let (low, high) = (number(class.raw(least)), number(class.raw(most)));
        // What float64 has no number for was rounded.
        let rounded = if more.is_lossy { 2_f64.powi(-53) } else { 0.0 };
        let bin = |bin: &Bin| {
            let (start, end) = class.edges(bin.low, bin.high);
            let (start, end) = (start.max(low), end.min(high));
            let middle = if start >= end { start } else { start / 2.0 + end / 2.0 };
            let half = if start >= end { 0.0 } else { end / 2.0 - start / 2.0 };
            (middle, bin.count, half + rounded * middle.abs())
        };
        let integers = class != Class::Float;
        Self { bins: bins.iter().map(bin).collect(), low, high, integers }
    }

    fn quantile(&self, part: f64, count: u64) -> Quantile {
        let rank = part * (count - 1) as f64;
        let (below, above) = (rank.floor(), rank.ceil());
        let ((a, a_error), (b, b_error)) = (self.at(below as u64), self.at(above as u64));
        let share = rank - below;
        // As numpy.quantile weighs them, from the nearer end.
        let value = match b - a {
            0.0 => a,
            gap if !gap.is_finite() => {
                if share > 0.0 {
                    b
                } else {
                    a
                }
            }
            gap if share >= 0.5 => b - gap * (1.0 - share),
            gap => a + gap * share,
        };
        Quantile { part, value, error: a_error.max(b_error) }
    }

    /// The value of a rank from 0, and how far it may be from there.
    fn at(&self, rank: u64) -> (f64, f64) {
        let mut before = 0;
        for &(middle, count, error) in &self.bins {
            before += count;
            if rank < before {
                return (middle, error);
            }
        }
        (self.high, 0.0)
    }

    fn histogram(&self, class: Class) -> Option<Histogram> {
        let finite = || self.bins.iter().filter(|(middle, ..)| middle.is_finite());
        let is_in = |edge: f64| edge.is_finite();
        let first = finite().next()?;
        let last = finite().next_back()?;
        let low = if is_in(self.low) { self.low } else { first.0 };
        let high = if is_in(self.high) { self.high } else { last.0 };
        let whole = self.integers && class != Class::Time && high - low < BARS as f64;
        let bars = match () {
            () if low >= high => 1,
            () if whole => (high - low) as usize + 1,
            () => BARS,
        };
        let mut counts = vec![0; bars];
        let mut error: f64 = 0.0;
        for &(middle, count, off) in finite() {
            let part = match () {
                () if whole => middle - low,
                // Halves, as the range may be wider than any number.
                () => (middle / 2.0 - low / 2.0) / (high / 2.0 - low / 2.0) * bars as f64,
            };
            if let Some(to) = counts.get_mut((part as usize).min(bars - 1)) {
                *to += count;
            }
            error = error.max(off);
        }
        Some(Histogram { low, high, counts, error })
    }
}

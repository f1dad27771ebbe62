//! A description for programs.

use ndshm::describe::{Frequent, Histogram, Statistics, Summary, Value};
use serde::Serialize;

use crate::json::{self, Number};
use crate::output::Failure;

#[derive(Serialize)]
struct Described<'s> {
    rows: u64,
    bad_rows: u64,
    columns: Vec<Column<'s>>,
}

/// What is not known of a column has no key.
#[derive(Serialize)]
struct Column<'s> {
    name: &'s str,
    dtype: &'s str,
    count: u64,
    missing: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    min: Option<One<'s>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max: Option<One<'s>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mean: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    std: Option<Number>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    quantiles: Vec<Quantile>,
    #[serde(skip_serializing_if = "Option::is_none")]
    distinct: Option<Distinct>,
    #[serde(skip_serializing_if = "Option::is_none")]
    frequent: Option<Often<'s>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    histogram: Option<Bins<'s>>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum One<'s> {
    Bool(bool),
    Int(i128),
    Float(Number),
    Text(&'s str),
}

#[derive(Serialize)]
struct Quantile {
    q: f64,
    value: Number,
    error: Number,
}

#[derive(Serialize)]
struct Distinct {
    count: u64,
    relative_error: Number,
}

#[derive(Serialize)]
struct Often<'s> {
    values: Vec<Counted<'s>>,
    rest: u64,
    uncounted: u64,
}

#[derive(Serialize)]
struct Counted<'s> {
    value: One<'s>,
    count: u64,
}

#[derive(Serialize)]
struct Bins<'s> {
    low: Number,
    high: Number,
    error: Number,
    counts: &'s [u64],
}

pub(super) fn print(summary: &Summary) -> Result<(), Failure> {
    json::print(&Described {
        rows: summary.rows,
        bad_rows: summary.report.bad_rows,
        columns: summary.columns.iter().map(column).collect(),
    })
}

fn column(is: &Statistics) -> Column<'_> {
    let quantiles = is.quantiles.iter().map(|quantile| Quantile {
        q: quantile.part,
        value: Number(quantile.value),
        error: Number(quantile.error),
    });
    let distinct = is.distinct.as_ref();
    Column {
        name: &is.name,
        dtype: &is.dtype,
        count: is.count,
        missing: is.missing,
        min: is.min.as_ref().map(one),
        max: is.max.as_ref().map(one),
        mean: is.mean.map(Number),
        std: is.std.map(Number),
        quantiles: quantiles.collect(),
        distinct: distinct.map(|is| Distinct { count: is.count, relative_error: Number(is.error) }),
        frequent: is.frequent.as_ref().map(often),
        histogram: is.histogram.as_ref().map(bins),
    }
}

fn one(is: &Value) -> One<'_> {
    match is {
        Value::Bool(is) => One::Bool(*is),
        Value::Int(is) => One::Int(*is),
        Value::Time(is) => One::Int(i128::from(*is)),
        Value::Float(is) => One::Float(Number(*is)),
        Value::Text(is) => One::Text(is),
    }
}

fn often(is: &Frequent) -> Often<'_> {
    let values =
        is.values.iter().map(|(value, count)| Counted { value: one(value), count: *count });
    Often { values: values.collect(), rest: is.rest, uncounted: is.uncounted }
}

fn bins(is: &Histogram) -> Bins<'_> {
    let (low, high, error) = (Number(is.low), Number(is.high), Number(is.error));
    Bins { low, high, error, counts: &is.counts }
}

//! A description for programs.

use std::io::{self, Write};

use ndshm::describe::{Frequent, Histogram, Statistics, Summary, Value};

use crate::json::{number, string};

pub(super) fn write(out: &mut dyn Write, summary: &Summary) -> io::Result<()> {
    let bad = summary.report.bad_rows;
    write!(out, "{{\"rows\": {}, \"bad_rows\": {bad}, \"columns\": [", summary.rows)?;
    for (i, column) in summary.columns.iter().enumerate() {
        writeln!(out, "{}", if i > 0 { "," } else { "" })?;
        write!(out, "  {}", object(column))?;
    }
    writeln!(out, "]}}")
}

fn object(column: &Statistics) -> String {
    let mut parts = vec![
        format!("\"name\": {}", string(&column.name)),
        format!("\"dtype\": {}", string(&column.dtype)),
        format!("\"count\": {}", column.count),
        format!("\"missing\": {}", column.missing),
    ];
    let extremes = [("min", &column.min), ("max", &column.max)];
    let extremes = extremes.into_iter().filter_map(|(key, is)| Some((key, value(is.as_ref()?))));
    parts.extend(extremes.map(|(key, value)| format!("\"{key}\": {value}")));
    let moments = [("mean", column.mean), ("std", column.std)];
    let moments = moments.into_iter().filter_map(|(key, is)| Some((key, number(is?))));
    parts.extend(moments.map(|(key, value)| format!("\"{key}\": {value}")));
    if !column.quantiles.is_empty() {
        let list = column.quantiles.iter().map(|q| {
            let (value, error) = (number(q.value), number(q.error));
            format!("{{\"q\": {}, \"value\": {value}, \"error\": {error}}}", q.part)
        });
        let list: Vec<_> = list.collect();
        parts.push(format!("\"quantiles\": [{}]", list.join(", ")));
    }
    if let Some(is) = &column.distinct {
        parts.push(format!(
            "\"distinct\": {{\"count\": {}, \"relative_error\": {}}}",
            is.count,
            number(is.error)
        ));
    }
    parts.extend(column.frequent.as_ref().map(frequent));
    parts.extend(column.histogram.as_ref().map(histogram));
    format!("{{{}}}", parts.join(", "))
}

fn value(is: &Value) -> String {
    match is {
        Value::Bool(is) => is.to_string(),
        Value::Int(is) => is.to_string(),
        Value::Time(is) => is.to_string(),
        Value::Float(is) => number(*is),
        Value::Text(is) => string(is),
    }
}

fn frequent(is: &Frequent) -> String {
    let pair =
        |(is, count): &(Value, u64)| format!("{{\"value\": {}, \"count\": {count}}}", value(is));
    let list: Vec<_> = is.values.iter().map(pair).collect();
    format!(
        "\"frequent\": {{\"values\": [{}], \"rest\": {}, \"uncounted\": {}}}",
        list.join(", "),
        is.rest,
        is.uncounted
    )
}

fn histogram(is: &Histogram) -> String {
    let counts: Vec<_> = is.counts.iter().map(ToString::to_string).collect();
    format!(
        "\"histogram\": {{\"low\": {}, \"high\": {}, \"error\": {}, \"counts\": [{}]}}",
        number(is.low),
        number(is.high),
        number(is.error),
        counts.join(", ")
    )
}

//! A description on a terminal: a table with a column for each column, in groups that fit.

use std::io::{self, Write};

use ndshm::describe::{Histogram, Statistics, Summary, Value};

use crate::output::{self, printable, thousands};

/// Characters of a column at most.
const WIDEST: usize = 24;
/// Frequent values that are shown.
const FREQUENT: usize = 5;
/// Bars from none to the highest.
const BLOCKS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const ASCII: [char; 9] = [' ', '.', ':', '-', '=', '+', '*', '#', '@'];

/// How it is drawn.
#[derive(Debug, Clone, Copy)]
pub(super) struct Look {
    /// Characters of a line.
    pub(super) width: usize,
    /// No other characters.
    pub(super) ascii: bool,
}

pub(super) fn write(out: &mut dyn Write, summary: &Summary, look: Look) -> io::Result<()> {
    let (rows, columns) = (thousands(summary.rows), summary.columns.len());
    let of = |n: &str, what: &str| format!("{n} {what}{}", if n == "1" { "" } else { "s" });
    writeln!(out, "{}, {}", of(&rows, "row"), of(&columns.to_string(), "column"))?;
    let labels = labels(summary);
    let margin = labels.iter().map(|label| label.len()).max().unwrap_or(0);
    let all: Vec<Vec<String>> =
        summary.columns.iter().map(|column| cells(column, &labels, look)).collect();
    let width_of = |cells: &Vec<String>| cells.iter().map(|cell| length(cell)).max().unwrap_or(0);
    let widths: Vec<usize> = all.iter().map(width_of).collect();
    let mut from = 0;
    while from < all.len() {
        let mut until = from;
        let mut used = margin;
        while until < all.len() && (until == from || used + 2 + widths[until] <= look.width) {
            used += 2 + widths[until];
            until += 1;
        }
        writeln!(out)?;
        let group = all[from..until].iter().zip(&widths[from..until]);
        for (row, label) in labels.iter().enumerate() {
            if group.clone().all(|(cells, _)| cells[row].is_empty()) {
                continue;
            }
            let mut line = format!("{label:margin$}");
            for (cells, &width) in group.clone() {
                let cell = &cells[row];
                // Bars keep their places, numbers stand to the right.
                let pad = " ".repeat(width - length(cell));
                line.push_str("  ");
                line.push_str(&if *label == HISTOGRAM { cell.clone() + &pad } else { pad + cell });
            }
            writeln!(out, "{}", line.trim_end())?;
        }
        from = until;
    }
    notes(out, summary)
}

const HISTOGRAM: &str = "histogram";

/// What the lines of the table are, those that any column has.
fn labels(summary: &Summary) -> Vec<&'static str> {
    let top = ["top 1", "top 2", "top 3", "top 4", "top 5"];
    let head = ["", "type", "count", "missing", "distinct", "mean", "std", "min"];
    let rest = ["5%", "25%", "50%", "75%", "95%", "max", HISTOGRAM];
    let longest = |column: &Statistics| column.frequent.as_ref().map_or(0, |f| f.values.len());
    let tops = summary.columns.iter().map(longest).max().unwrap_or(0).min(FREQUENT);
    let others = summary.columns.iter().any(|column| rest_of(column) > 0);
    let more = others.then_some("others");
    head.into_iter().chain(rest).chain(top.into_iter().take(tops)).chain(more).collect()
}

/// Rows of values that are not shown.
fn rest_of(column: &Statistics) -> u64 {
    column.frequent.as_ref().map_or(0, |frequent| {
        let hidden = frequent.values.iter().skip(FREQUENT).map(|(_, count)| count).sum::<u64>();
        hidden + frequent.rest + frequent.uncounted
    })
}

fn cells(column: &Statistics, labels: &[&'static str], look: Look) -> Vec<String> {
    labels.iter().map(|label| cell(column, label, look)).collect()
}

fn cell(column: &Statistics, label: &str, look: Look) -> String {
    let shown = |is: Option<&Value>| is.map(|is| value(column, is, look)).unwrap_or_default();
    let quantile = |at: usize| {
        let Some(is) = column.quantiles.get(at) else { return String::new() };
        let mark = if is.error > 0.0 { "~" } else { "" };
        format!("{mark}{}", units(column, is.value))
    };
    match label {
        "" => text(&column.name, look),
        "type" => column.dtype.clone(),
        "count" => thousands(column.count),
        "missing" => thousands(column.missing),
        "distinct" => column.distinct.map_or(String::new(), |is| {
            format!("{}{}", if is.error > 0.0 { "~" } else { "" }, thousands(is.count))
        }),
        "mean" => column.mean.map(|mean| units(column, mean)).unwrap_or_default(),
        "std" => column.std.map(short).unwrap_or_default(),
        "min" => shown(column.min.as_ref()),
        "max" => shown(column.max.as_ref()),
        "5%" => quantile(0),
        "25%" => quantile(1),
        "50%" => quantile(2),
        "75%" => quantile(3),
        "95%" => quantile(4),
        HISTOGRAM => column.histogram.as_ref().map(|is| bars(is, look)).unwrap_or_default(),
        "others" => Some(rest_of(column)).filter(|&n| n > 0).map(thousands).unwrap_or_default(),
        top => {
            let place = top.bytes().last().map_or(0, |digit| usize::from(digit - b'1'));
            let frequent = column.frequent.as_ref();
            frequent.and_then(|is| is.values.get(place)).map_or(String::new(), |(is, count)| {
                let count = format!(" ({})", thousands(*count));
                let text = value(column, is, look);
                shortened(&text, WIDEST.saturating_sub(count.len()).max(4), look) + &count
            })
        }
    }
}

/// A value in a cell.
fn value(column: &Statistics, is: &Value, look: Look) -> String {
    let shown = match is {
        Value::Bool(is) => if *is { "True" } else { "False" }.into(),
        Value::Int(is) => return is.to_string(),
        Value::Float(is) => return short(*is),
        Value::Time(is) => column.moment(*is as f64).unwrap_or_else(|| is.to_string()),
        Value::Text(is) => return text(is, look),
    };
    shortened(&shown, WIDEST, look)
}

/// A text in a cell.
fn text(is: &str, look: Look) -> String {
    let shown = printable(is);
    let shown = if look.ascii { shown.chars().map(in_ascii).collect() } else { shown };
    shortened(&shown, WIDEST, look)
}

fn in_ascii(c: char) -> char {
    if c.is_ascii() { c } else { '?' }
}

/// A number of the column's units.
fn units(column: &Statistics, is: f64) -> String {
    column.moment(is).unwrap_or_else(|| short(is))
}

/// A number with six digits that count.
fn short(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return match value {
            0.0 => "0".into(),
            v if v.is_nan() => "nan".into(),
            v => if v > 0.0 { "inf" } else { "-inf" }.into(),
        };
    }
    // Rounded first, as that may make it ten times as large.
    let scientific = format!("{value:.5e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if !(-4..15).contains(&exponent) {
        let digits = digits.trim_end_matches('0').trim_end_matches('.');
        return format!("{digits}e{exponent}");
    }
    let decimals = usize::try_from(5 - exponent).unwrap_or(0);
    let text = format!("{value:.decimals$}");
    if decimals == 0 { text } else { text.trim_end_matches('0').trim_end_matches('.').into() }
}

fn shortened(text: &str, width: usize, look: Look) -> String {
    if length(text) <= width {
        return text.into();
    }
    let mark = if look.ascii { ".." } else { "…" };
    let mut room = width.saturating_sub(length(mark));
    let fits = |c: &char| {
        let fits = output::width(*c) <= room;
        room = room.saturating_sub(output::width(*c));
        fits
    };
    let kept: String = text.chars().take_while(fits).collect();
    kept + mark
}

fn length(text: &str) -> usize {
    text.chars().map(output::width).sum()
}

/// A bar for each part of the range, as high as there are values; of one value a low one.
fn bars(of: &Histogram, look: Look) -> String {
    let marks = if look.ascii { ASCII } else { BLOCKS };
    let most = of.counts.iter().copied().max().unwrap_or(0).max(1);
    let mark = |&count: &u64| {
        let height = (u128::from(count) * 8).div_ceil(u128::from(most));
        marks[height as usize]
    };
    let drawn: String = of.counts.iter().map(mark).collect();
    if look.ascii { format!("|{drawn}|") } else { drawn }
}

/// What the marks mean, and how far estimates may be from the truth.
fn notes(out: &mut dyn Write, summary: &Summary) -> io::Result<()> {
    let columns = || summary.columns.iter();
    let distinct = columns().filter_map(|column| column.distinct).map(|is| is.error);
    let distinct = distinct.fold(0.0, f64::max);
    let relative = |column: &Statistics| {
        // A bin with zero in it is narrow, whatever part of zero that is.
        let parts = column.quantiles.iter().filter(|q| q.value.is_normal());
        parts.map(|q| q.error / q.value.abs()).fold(0.0, f64::max)
    };
    let numbers = columns().filter(|column| column.unit.is_none()).map(relative);
    let numbers = numbers.fold(0.0, f64::max);
    let times = columns().filter(|column| column.unit.is_some());
    let times = times.flat_map(|column| &column.quantiles).any(|q| q.error > 0.0);
    let uncounted = columns().any(|c| c.frequent.as_ref().is_some_and(|f| f.uncounted > 0));
    let mut lines = Vec::new();
    if numbers > 0.0 {
        lines.push(format!("~ quantiles: within {} % of the value", percent(numbers)));
    }
    if times {
        lines.push("~ quantiles of times: see --json for how far they may be off".into());
    }
    if distinct > 0.0 {
        lines.push(format!("~ distinct: standard error {} %", percent(distinct)));
    }
    if uncounted {
        lines.push(
            "top: counted exactly, but values not among the first rows were not counted where \
             there are too many"
                .into(),
        );
    }
    if !lines.is_empty() {
        writeln!(out)?;
    }
    lines.iter().try_for_each(|line| writeln!(out, "{line}"))
}

/// A part in percent, with two digits that count, rounded up.
fn percent(part: f64) -> String {
    let percent = part * 100.0;
    let step = 10_f64.powf(percent.log10().floor() - 1.0);
    short((percent / step).ceil() * step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_six_digits_that_count() {
        let told = [0.0, 1.0, -0.5, 123_456.7, 999_999.5, 2.0 / 3.0, 1e15, 1.5e-7, 1e-4];
        let told = told.map(short);
        let wanted =
            ["0", "1", "-0.5", "123457", "1000000", "0.666667", "1e15", "1.5e-7", "0.0001"];
        assert_eq!(told, wanted);
        assert_eq!([f64::NAN, f64::INFINITY, -f64::INFINITY].map(short), ["nan", "inf", "-inf"]);
        assert_eq!([0.008_13, 0.059, 1.0].map(percent), ["0.82", "5.9", "100"]);
    }

    #[test]
    fn long_texts_are_cut_where_they_are_too_wide() {
        let look = |ascii| Look { width: 80, ascii };
        assert_eq!(shortened("日本語", 5, look(false)), "日本…");
        assert_eq!(shortened("日本語", 6, look(false)), "日本語");
        assert_eq!(shortened("abcdefgh", 6, look(true)), "abcd..");
        assert_eq!(text("é\u{1b}", look(true)), "?\\u{1b}");
    }
}

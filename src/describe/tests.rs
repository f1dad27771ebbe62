use core::fmt::Write as _;
use core::sync::atomic::AtomicBool;
use std::collections::BTreeSet;
use std::format;
use std::string::{String, ToString};
use std::vec::Vec;

use super::*;
use crate::dtype_buf::DTypeBuf;
use crate::load::{self, Input, RowType};
use crate::segment::{Draft, Spec};
use crate::text::Delimiter;

/// Describes text, in pieces of so many bytes.
fn described(text: &str, dtype: &str, workers: usize, piece: Option<u64>) -> Result<Summary> {
    let options = load::Options {
        delimiter: Delimiter::Char(','),
        workers: Some(workers),
        piece_bytes: piece,
        missing: [load::Missing { column: None, text: "NA".into() }].into(),
        ..load::Options::default()
    };
    let own = Options { threads: Some(workers), ..Options::default() };
    let input = Input::stream("text", std::io::Cursor::new(text.as_bytes().to_vec()));
    let rows = RowType::parse(dtype)?;
    describe_text([input], &rows, &options, &own, &AtomicBool::new(false))
}

fn only(text: &str, dtype: &str) -> Statistics {
    described(text, dtype, 1, None).unwrap().columns.remove(0)
}

#[test]
fn a_column_of_integers_is_exact() {
    let of = only("3\n-1\n3\n7\n", "i8");
    assert_eq!(
        (of.count, of.missing, of.mean, of.std),
        (4, 0, Some(3.0), Some((32_f64 / 3.0).sqrt()))
    );
    assert_eq!((of.min, of.max), (Some(Value::Int(-1)), Some(Value::Int(7))));
    assert_eq!(of.distinct, Some(Distinct { count: 3, error: 0.0 }));
    let frequent = of.frequent.unwrap();
    let pairs = [(Value::Int(3), 2), (Value::Int(-1), 1), (Value::Int(7), 1)];
    assert_eq!((frequent.values.as_slice(), frequent.rest, frequent.uncounted), (&pairs[..], 0, 0));
    let told: Vec<f64> = of.quantiles.iter().map(|q| q.value).collect();
    assert_eq!((told[1], told[2], told[3]), (2.0, 3.0, 4.0));
    assert!(of.quantiles.iter().all(|q| q.error == 0.0));
    let histogram = of.histogram.unwrap();
    assert_eq!((histogram.low, histogram.high), (-1.0, 7.0));
    assert_eq!(histogram.counts, [1, 0, 0, 0, 2, 0, 0, 0, 1]);
}

#[test]
fn the_largest_integers_are_told_as_they_are() {
    let of = only("18446744073709551615\n18446744073709551614\n18446744073709551615\n", "u8");
    assert_eq!(of.max, Some(Value::Int(u64::MAX.into())));
    assert_eq!(of.min, Some(Value::Int(i128::from(u64::MAX) - 1)));
    assert_eq!(of.distinct.map(|d| (d.count, d.error)), Some((2, 0.0)));
    assert_eq!(of.mean, Some(u64::MAX as f64));
    assert_eq!(of.std, Some((1_f64 / 3.0).sqrt()));
    assert!(of.quantiles.iter().all(|q| q.error > 0.0));
    let of = only("-9223372036854775808\n9223372036854775807\n", "i8");
    assert_eq!((of.mean, of.min), (Some(-0.5), Some(Value::Int(i64::MIN.into()))));
}

#[test]
fn what_is_no_number_is_missing_and_infinity_is_not() {
    let of = only("nan\n1\nNA\ninf\n-0\n", "f8");
    assert_eq!((of.count, of.missing), (3, 2));
    assert_eq!((of.min, of.max), (Some(Value::Float(0.0)), Some(Value::Float(f64::INFINITY))));
    assert_eq!(of.mean, Some(f64::INFINITY));
    assert!(of.std.is_some_and(f64::is_nan));
    assert_eq!(of.distinct.map(|d| d.count), Some(3));
    assert_eq!(
        of.histogram.map(|h| (h.low, h.high, h.counts.iter().sum())),
        Some((0.0, 1.0, 2_u64))
    );
    let of = only("nan\n", "f8");
    assert_eq!((of.count, of.min, of.mean, of.quantiles.len()), (0, None, None, 0));
    let of = only("inf\n-inf\n", "f8");
    assert!(of.mean.is_some_and(f64::is_nan) && of.histogram.is_none());
    let of = only("5.5\n", "f4");
    assert_eq!(
        (of.std, of.mean, of.histogram.map(|h| h.counts)),
        (None, Some(5.5), Some([1].into()))
    );
}

#[test]
fn texts_times_and_others_are_told() {
    let of = only("b\n\u{fc}\n\nb\na\n", "U3");
    assert_eq!((of.count, of.missing, of.distinct.map(|d| d.count)), (4, 0, Some(3)));
    assert_eq!(
        (of.min, of.max),
        (Some(Value::Text("a".into())), Some(Value::Text("\u{fc}".into())))
    );
    assert_eq!(of.frequent.map(|f| f.values.len()), Some(3));
    let of = only("a,\nb,x\n", "n:S1,s:S3");
    assert_eq!(of.name, "n");
    let summary = described("a,\nb,x\n", "n:S1,s:S3", 1, None).unwrap();
    assert_eq!((summary.columns[1].count, summary.columns[1].missing), (1, 1));
    let of = only("2020-01-01\nNaT\n2020-01-03\n", "M8[D]");
    assert_eq!((of.count, of.missing, of.dtype.as_str()), (2, 1, "M8[D]"));
    assert_eq!(of.moment(of.mean.unwrap()), Some("2020-01-02".into()));
    assert_eq!(of.min, Some(Value::Time(18262)));
    let of = only("1+2j\nnan\n", "c16");
    assert_eq!((of.count, of.missing, of.min, of.distinct), (1, 1, None, None));
    let of = only("1\n0\n1\n", "?");
    assert_eq!((of.mean, of.max), (Some(2.0 / 3.0), Some(Value::Bool(true))));
    assert!(of.quantiles.is_empty() && of.histogram.is_none());
}

#[test]
fn columns_are_named_after_their_place_and_chosen_by_that() {
    let dtype = DTypeBuf::parse("a:u1,b:(2,2)>i2,c:{d:i1,e:(1)S2},v:V3").unwrap();
    let bytes = [1, 0, 2, 0, 3, 0, 4, 255, 254, 9, b'x', 0, 0, 0, 0];
    let names = |options: &Options| {
        let mut draft = Draft::create_anonymous(&Spec::new(dtype.as_dtype(), &[1])).unwrap();
        draft.data_mut().copy_from_slice(&bytes[..dtype.as_dtype().itemsize() as usize]);
        let segment = draft.publish().unwrap();
        describe_segment(&segment, options, &AtomicBool::new(false))
    };
    let all = names(&Options::default()).unwrap();
    let told: Vec<&str> = all.columns.iter().map(|column| column.name.as_str()).collect();
    assert_eq!(told, ["a", "b[0,0]", "b[0,1]", "b[1,0]", "b[1,1]", "c.d", "c.e[0]", "v"]);
    assert_eq!(all.columns[4].min, Some(Value::Int(-2)));
    assert_eq!(all.columns[6].min, Some(Value::Text("x".into())));
    assert_eq!((all.columns[7].count, all.columns[7].min.clone()), (1, None));
    let chosen = Options { columns: ["v".into(), "b[0,1]".into()].into(), ..Options::default() };
    let told: Vec<_> = names(&chosen).unwrap().columns.into_iter().map(|c| c.name).collect();
    assert_eq!(told, ["v", "b[0,1]"]);
    let none = Options { columns: ["x".into()].into(), ..Options::default() };
    assert!(matches!(names(&none), Err(DescribeError::NoColumn { .. })));
}

/// What is missing is left out of a batch, and only that; the same of what comes often.
#[test]
fn values_among_missing_ones_are_counted_each() {
    let mut text = String::new();
    for row in 0..30_000_i64 {
        let float = match row % 7 {
            0 => "nan".into(),
            1 if row % 5 == 0 => "inf".into(),
            _ => format!("{}", row % 11 * (row % 3 - 1)),
        };
        let time = if row % 256 < 3 { "NaT".into() } else { row.to_string() };
        writeln!(text, "{float},{time}").unwrap();
    }
    let of = described(&text, "x:f8,t:m8[s]", 3, Some(5_000)).unwrap().columns;
    let floats = || text.lines().map(|line| line.split(',').next().unwrap());
    let finite: Vec<f64> = floats().flat_map(str::parse).filter(|x: &f64| x.is_finite()).collect();
    let infinite = floats().filter(|&x| x == "inf").count();
    let count = finite.len() + infinite;
    assert_eq!((of[0].count, of[0].missing), (count as u64, 30_000 - count as u64));
    let distinct: BTreeSet<_> = finite.iter().map(|x| (x + 0.0).to_bits()).collect();
    assert_eq!(of[0].distinct, Some(Distinct { count: distinct.len() as u64 + 1, error: 0.0 }));
    let bars = &of[0].histogram.as_ref().unwrap().counts;
    assert_eq!(bars.iter().sum::<u64>(), finite.len() as u64);
    let times = (0..30_000_i64).filter(|row| row % 256 >= 3);
    let (count, sum) = (times.clone().count() as u64, times.clone().sum::<i64>());
    assert_eq!((of[1].count, of[1].missing), (count, 30_000 - count));
    assert_eq!(of[1].mean, Some(sum as f64 / count as f64));
    assert_eq!(
        (of[1].min.clone(), of[1].max.clone()),
        (Some(Value::Time(3)), Some(Value::Time(29_999)))
    );
}

/// A text with columns of which each fills another sketch.
fn long_text() -> String {
    let mut state = 11_u64;
    let mut text = String::new();
    for row in 0..40_000_u64 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(row | 1);
        let n = state >> 20;
        let float = (n as f64 / 1e6).powi(3) - 1e15;
        let word =
            if n.is_multiple_of(3) { "common".to_string() } else { format!("w{}", n % 9_000) };
        let small = if row > 30_000 { n % 400 + 50 } else { n % 50 };
        writeln!(text, "{float:e},{n},{small},{word},{}", row / 100).unwrap();
    }
    text
}

#[test]
fn nothing_depends_on_workers_and_pieces() {
    let text = long_text();
    let dtype = "f8,i8,u2,S8,M8[h]".split(',').enumerate().map(|(i, t)| format!("c{i}:{t}"));
    let dtype = dtype.collect::<Vec<_>>().join(",");
    let one = described(&text, &dtype, 1, None).unwrap();
    assert_eq!(one.rows, 40_000);
    for (workers, piece) in [(1, 1000), (2, 70_000), (5, 9_999), (5, 400_000)] {
        let other = described(&text, &dtype, workers, Some(piece)).unwrap();
        assert_eq!(other.columns, one.columns, "{workers} {piece}");
    }
    // What was estimated is near, and what is exact is exact.
    let mut floats: Vec<f64> =
        text.lines().map(|line| line.split(',').next().unwrap().parse().unwrap()).collect();
    floats.sort_by(f64::total_cmp);
    for q in &one.columns[0].quantiles {
        let at = q.part * 39_999.0;
        let (low, high) = (floats[at.floor() as usize], floats[at.ceil() as usize]);
        assert!(q.error > 0.0 && q.value >= low - q.error && q.value <= high + q.error, "{q:?}");
        assert!(q.error <= q.value.abs() / 50.0, "{q:?}");
    }
    assert!(one.columns[1].distinct.unwrap().error > 0.0);
    assert_eq!(one.columns[2].distinct, Some(Distinct { count: 450, error: 0.0 }));
    let frequent = one.columns[3].frequent.as_ref().unwrap();
    assert_eq!(frequent.values[0].0, Value::Text("common".into()));
    let common = text.lines().filter(|line| line.contains("common")).count() as u64;
    assert_eq!(frequent.values[0].1, common);
    let told: u64 = frequent.values.iter().map(|(_, count)| count).sum();
    assert_eq!(told + frequent.rest + frequent.uncounted, 40_000);
}

#[test]
fn errors_of_the_text_and_of_columns_come_through() {
    let failed = described("1\nx\n", "f8", 1, None);
    assert!(matches!(failed, Err(DescribeError::Load(load::LoadError::Text(_)))), "{failed:?}");
    let own = Options { columns: ["q".into()].into(), ..Options::default() };
    let input = Input::stream("text", std::io::Cursor::new(b"1 2\n".to_vec()));
    let rows = RowType::parse("f8").unwrap();
    let cancel = AtomicBool::new(false);
    let failed = describe_text([input], &rows, &load::Options::default(), &own, &cancel);
    assert!(matches!(failed, Err(DescribeError::NoColumn { .. })), "{failed:?}");
}

//! Types that are found in the text, against a plain look at every field.

mod header;
mod missing;
mod passes;
mod random;

use std::format;
use std::io::Cursor;

use super::*;
use crate::load::{Missing, OnBadRows, RowType};

/// What a job made, with the dtype of its last attempt.
fn found(inputs: Vec<Input>, rows: &str, options: &Options) -> Result<(String, Keep)> {
    let rows = RowType::parse(rows).unwrap();
    let open = |_: DType<'_>| Ok(Keep::default());
    let job = Job::start(inputs, &rows, Unicode::Ucs4, options, open)?;
    let done = job.run(None)?;
    assert!(children().is_empty(), "every worker is reaped");
    Ok((done.dtype.to_string(), done.sink))
}

fn file(dir: &Path, name: &str, text: &str) -> Input {
    Input::File(write(dir, name, text.as_bytes()))
}

fn stream(text: &str) -> Input {
    Input::stream("stream", Cursor::new(text.as_bytes().to_vec()))
}

fn dtype_of(text: &str, options: &Options) -> String {
    found([stream(text)].into(), "auto", options).unwrap().0
}

/// The error of a fixed type, of an open one or of `auto`.
fn error_of(text: &str, rows: &str, options: &Options) -> String {
    found([stream(text)].into(), rows, options).unwrap_err().to_string()
}

#[test]
fn columns_have_the_least_type_that_fits() {
    for (text, dtype) in [
        ("1,2\n3,4\n", "<i8"),
        ("1,2.5\n", "[('f0', '<i8'), ('f1', '<f8')]"),
        ("1.5,2\n3,4.5\n", "<f8"),
        ("True,false\n", "|b1"),
        ("18446744073709551615\n1\n", "<u8"),
        ("18446744073709551615\n-1\n", "<f8"),
        ("99999999999999999999\n", "<f8"),
        ("a,xyz\nbc,\n", "[('f0', '|S2'), ('f1', '|S3')]"),
        ("é,1\n", "[('f0', '<U1'), ('f1', '<i8')]"),
        ("1,\n,\n", "<f8"),
        (",\n", "<f8"),
        ("1,2\n,3\n", "[('f0', '<f8'), ('f1', '<i8')]"),
        ("True\nx\n", "[('f0', '|S4')]"),
        ("True,1\n,2\n", "[('f0', '|S4'), ('f1', '<i8')]"),
        ("", "<f8"),
        ("# nothing\n", "<f8"),
        (" 7 , a b \n", "[('f0', '<i8'), ('f1', '|S5')]"),
    ] {
        for piece in [1, 4, 1000] {
            assert_eq!(dtype_of(text, &tiny(2, piece)), dtype, "{text:?}");
        }
    }
}

/// The fault that says so has its place behind the ten bad rows that are noted.
#[test]
fn a_conflict_behind_many_bad_rows_is_seen() {
    let dir = tempfile::tempdir().unwrap();
    for bad in 9..13 {
        let text = "5,6\n".to_string() + &"1\n".repeat(bad) + "x,2\n";
        let inputs = [file(dir.path(), "a", "1,2\n3,4\n"), stream(&text)];
        let options = Options { on_bad_rows: OnBadRows::Skip, ..tiny(2, 1000) };
        let (dtype, keep) = found(inputs.into(), "auto", &options).unwrap();
        assert_eq!(dtype, "[('f0', '|S1'), ('f1', '<i8')]", "{bad}");
        assert_eq!(keep.inputs[1].0, 2);
    }
}

#[test]
fn no_columns_and_no_rows_are_tables_of_numbers() {
    let none = Options { usecols: Some(Vec::new()), ..tiny(2, 4) };
    let (dtype, keep) = found([stream("1,a\n2,b\n")].into(), "auto", &none).unwrap();
    assert_eq!((dtype.as_str(), keep.inputs[0].0), ("<f8", 2));
    let none = Options { max_rows: Some(0), ..tiny(2, 4) };
    let (dtype, keep) = found([stream("1,a\n2,b\n")].into(), "auto", &none).unwrap();
    assert_eq!((dtype.as_str(), keep.inputs[0].0), ("<f8", 0));
}

#[test]
fn what_does_not_count_is_no_sample() {
    let dir = tempfile::tempdir().unwrap();
    let numbers = "1\n".repeat(50);
    let strings = "x\n".repeat(50);
    let input = |text: &str| [file(dir.path(), "a", text)].into();
    let skip = Options { skiprows: 50, ..tiny(2, 8) };
    assert_eq!(found(input(&(strings.clone() + &numbers)), "auto", &skip).unwrap().0, "<i8");
    let footer = Options { skip_footer: 50, ..tiny(2, 8) };
    assert_eq!(found(input(&(numbers.clone() + &strings)), "auto", &footer).unwrap().0, "<i8");
    let most = Options { max_rows: Some(50), ..tiny(2, 8) };
    assert_eq!(found(input(&(numbers.clone() + &strings)), "auto", &most).unwrap().0, "<i8");
    // What looks like rows within quotes.
    let quotes = Options { quote: Some('"'), ..tiny(2, 64) };
    let long = format!("2,\"{}\"\n", "x,longer\n".repeat(5));
    let within = [long.as_str(), &"1,a\n".repeat(20), &long].concat();
    let (dtype, _) = found(input(&within), "auto", &quotes).unwrap();
    assert_eq!(dtype, "[('f0', '<i8'), ('f1', '|S45')]");
    // A field that goes on behind the sample.
    let cut = Options { skip_footer: 1, piece_bytes: Some(6), ..quotes };
    let (dtype, _) = found(input("1,\"\n5\"\n2,3\nfoot\n"), "auto", &cut).unwrap();
    assert_eq!(dtype, "<i8");
    let header = Options { header: true, ..tiny(2, 8) };
    let name = "n".repeat(60) + "\n";
    let (dtype, _) = found(input(&(name + &numbers)), "auto", &header).unwrap();
    assert!(dtype.ends_with("n', '<i8')]"), "{dtype}");
}

#[test]
fn open_widths_and_units_are_what_the_text_needs() {
    for (text, rows, dtype) in [
        ("1,a\n2,abc\n", "i4,S", "[('f0', '<i4'), ('f1', '|S3')]"),
        ("1,a\n2,é\n", "i4,U", "[('f0', '<i4'), ('f1', '<U1')]"),
        ("a,bcd\n", "S", "|S3"),
        ("ab,\u{1F600}\n", ">U", ">U2"),
        ("", "S", "|S1"),
        ("2020,x\n2020-01-02,\n", "a:M8,b:S2", "[('a', '<M8[D]'), ('b', '|S2')]"),
        ("2020-01-01T00:00:00.123\nNaT\n", "M8", "<M8[ms]"),
        (
            "a,b,c,dd\n",
            "a:(2)S,b:{c:S,d:S3}",
            "[('a', '|S1', (2,)), ('b', [('c', '|S1'), ('d', '|S3')])]",
        ),
    ] {
        for piece in [1, 4, 1000] {
            let (made, _) = found([stream(text)].into(), rows, &tiny(2, piece)).unwrap();
            assert_eq!(made, dtype, "{text:?}");
        }
    }
}

#[test]
fn what_is_wrong_is_wrong_for_found_types_too() {
    let plain = tiny(2, 4);
    for rows in ["auto", "S"] {
        let error = error_of("1,2\nabc,4\n5\n", rows, &plain);
        assert!(
            error.starts_with("stream:3: the number of columns changed from 2 to 1"),
            "{error}"
        );
    }
    // A type that is given stays as it is.
    let error = error_of("1,a\n2,abc\nx,abcd\n", "i4,S", &plain);
    assert!(error.starts_with("stream:3:1: could not convert 'x' to <i4"), "{error}");
    let error = error_of("1,a\n2,ab\u{100}\n", "i4,S", &plain);
    assert!(error.contains("stream:2:2: could not convert 'ab\u{100}'"), "{error}");
    let error = error_of("2020\n2020-13\n", "M8", &plain);
    assert!(error.contains("stream:2:1: could not convert '2020-13'"), "{error}");
    let dir = tempfile::tempdir().unwrap();
    let inputs = || [file(dir.path(), "a", "1,2\n"), file(dir.path(), "b", "1,2.5,3\n")];
    let error = found(inputs().into(), "auto", &plain).unwrap_err().to_string();
    assert!(error.contains("b: has 3 columns") && error.contains("a has 2"), "{error}");
    // Whatever makes the difference known.
    for b in ["1,2,3\n", "1,2,x\n"] {
        for a in ["1,2\n", "1,x\n", "1,2.5\n"] {
            let inputs = [file(dir.path(), "a", a), file(dir.path(), "b", b)];
            let error = found(inputs.into(), "auto", &plain).unwrap_err().to_string();
            assert!(error.contains("b: has 3 columns") && error.contains("a has 2"), "{error}");
        }
    }
    let header = Options { header: true, ..plain };
    let error = error_of("a,b\n1,2\nabc,4,5\n", "auto", &header);
    assert!(error.starts_with("stream:3: the dtype has 2 fields, the line 3 columns"), "{error}");
}

#[test]
fn bad_rows_count_for_nothing() {
    let text = "1,ab\n2\nx,abcdef\n3,abc\n4,ab\u{100}defgh\n5,a,b\n";
    for piece in [1, 4, 7, 1000] {
        let skip = Options { on_bad_rows: OnBadRows::Skip, ..tiny(2, piece) };
        let rows = RowType::parse("a:i4,b:S").unwrap();
        let open = |_: DType<'_>| Ok(Keep::default());
        let job = Job::start([stream(text)], &rows, Unicode::Ucs4, &skip, open).unwrap();
        let done = job.run(None).unwrap();
        assert_eq!(done.dtype.to_string(), "[('a', '<i4'), ('b', '|S3')]");
        assert_eq!((done.rows, done.report.bad_rows), (2, 4));
        let lines: Vec<u64> = done.report.first.iter().map(|error| error.line).collect();
        assert_eq!(lines, [2, 3, 5, 6]);
        let (dtype, keep) = found([stream(text)].into(), "auto", &skip).unwrap();
        assert_eq!(dtype, "[('f0', '|S1'), ('f1', '<U8')]");
        assert_eq!(keep.inputs[0].0, 4);
    }
}

#[test]
fn only_rows_that_are_wanted_count() {
    let dir = tempfile::tempdir().unwrap();
    let text = "skip,me\n1,a\n2,b\n3.5,ccc\nx,dddd\nfoot,er\n";
    for piece in [1, 5, 9, 1000] {
        for (max_rows, dtype) in [
            (1, "[('f0', '<i8'), ('f1', '|S1')]"),
            (2, "[('f0', '<i8'), ('f1', '|S1')]"),
            (3, "[('f0', '<f8'), ('f1', '|S3')]"),
            (9, "[('f0', '|S3'), ('f1', '|S4')]"),
        ] {
            let options =
                Options { skiprows: 1, skip_footer: 1, max_rows: Some(max_rows), ..tiny(3, piece) };
            for input in [stream(text), file(dir.path(), "a", text)] {
                let (made, keep) = found([input].into(), "auto", &options).unwrap();
                assert_eq!((made.as_str(), keep.inputs[0].0), (dtype, max_rows.min(4)));
            }
        }
    }
}

#[test]
fn a_wrong_row_behind_those_wanted_counts_for_nothing() {
    let text = "1,a\n1,a\n1,a\nx,bb\n2.5,zzzz,9\n";
    for piece in [10, 11, 12, 15] {
        let options = Options { max_rows: Some(4), ..tiny(2, piece) };
        let (dtype, keep) = found([stream(text)].into(), "auto", &options).unwrap();
        assert_eq!((dtype.as_str(), keep.inputs[0].0), ("[('f0', '|S1'), ('f1', '|S2')]", 4));
    }
}

#[test]
fn types_of_quoted_text_do_not_depend_on_pieces() {
    let rows = (0..4_000).map(|i| format!("{i},\"a\n{i},bb\n\"\"\n{i},d\",{i}\n"));
    let text = rows.collect::<String>() + "2.5,\"longer,\nthan\nbefore\",-1\n";
    let dir = tempfile::tempdir().unwrap();
    let quoted = |piece| Options { quote: Some('"'), ..tiny(3, piece) };
    let input = || [file(dir.path(), "a", &text)].into();
    let (dtype, expected) = found(input(), "auto", &quoted(1 << 20)).unwrap();
    assert_eq!(dtype, "[('f0', '<f8'), ('f1', '|S19'), ('f2', '<i8')]");
    for piece in [150, 1_000] {
        let (here, keep) = found(input(), "auto", &quoted(piece)).unwrap();
        assert_eq!(here, dtype, "{piece}");
        assert!(keep.inputs == expected.inputs);
    }
}

//! Rows that are left out, and footers.

use super::stream::Drops;
use super::*;
use crate::error::code;
use crate::load::{Input, OnBadRows};

fn skipping(workers: usize, piece: u64) -> Options {
    Options { on_bad_rows: OnBadRows::Skip, ..tiny(workers, piece) }
}

fn any_line() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        20 => (any::<i32>(), "[a-z]{0,9}").prop_map(|(n, s)| std::format!("{n},{s}").into_bytes()),
        1 => Just(b"x,y".to_vec()),
        1 => Just(b"1,2,3".to_vec()),
        1 => Just(b"77777777777,b".to_vec()),
        1 => Just(b"1".to_vec()),
        1 => Just(b"1,\xff".to_vec()),
        1 => Just(b"# \xe9".to_vec()),
        1 => Just(b"# c".to_vec()),
        1 => Just(b"".to_vec()),
    ]
}

fn any_text() -> impl Strategy<Value = Vec<u8>> {
    let end = prop_oneof![4 => Just("\n"), 1 => Just("\r\n"), 1 => Just("\r")];
    let line = (any_line(), end).prop_map(|(line, end)| [&line, end.as_bytes()].concat());
    let tail = prop_oneof![2 => Just(Vec::new()), 1 => any_line()];
    (prop::collection::vec(line, 0..40), tail)
        .prop_map(|(lines, tail)| [lines.concat(), tail].concat())
}

#[track_caller]
fn compare(text: &[u8], dtype: &str, options: &Options) {
    let dir = tempfile::tempdir().unwrap();
    let path = write(dir.path(), "a", text);
    let drops = Input::stream("a", Drops::new(text, text.len()));
    for input in [Input::from(path), drops] {
        same_as_naive(Vec::from([input]), text, dtype, options);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..config() })]

    #[test]
    fn bad_rows_are_those_of_a_naive_loop(
        text in any_text(),
        workers in 1..5usize, piece in 1..80u64,
        skiprows in prop_oneof![4 => Just(0), 1 => 0..5u64],
        skip_footer in prop_oneof![4 => Just(0), 1 => 0..9u64],
        max_rows in prop_oneof![2 => Just(None), 1 => (0..20u64).prop_map(Some)],
        dtype in prop::sample::select(vec!["n:i4,s:S12", "i4", "S5"]),
        skip in prop_oneof![3 => Just(true), 1 => Just(false)],
    ) {
        let on_bad_rows = if skip { OnBadRows::Skip } else { OnBadRows::Error };
        let options =
            Options { skiprows, skip_footer, max_rows, on_bad_rows, ..tiny(workers, piece) };
        // What is skipped must be in the encoding.
        let skipped = text::skip(&text, skiprows, true).1;
        prop_assume!(core::str::from_utf8(&text[..skipped]).is_ok());
        compare(&text, dtype, &options);
    }
}

#[test]
fn the_report_counts_all_and_keeps_the_first_ten() {
    let dir = tempfile::tempdir().unwrap();
    let a = (0..100).map(|i| if i % 20 == 7 { "x,y\n".into() } else { std::format!("{i},{i}\n") });
    let a = write(dir.path(), "a", a.collect::<String>().as_bytes());
    let b = write(dir.path(), "b", &b"1,2\n# c\n\n3\n".repeat(30));
    for (workers, piece) in [(1, 10), (3, 10), (2, 1 << 20)] {
        let inputs = Vec::from([Input::from(&a), Input::from(&b)]);
        let (keep, report) = run_reporting(inputs, "i4", &skipping(workers, piece)).unwrap();
        assert_eq!(keep.inputs.iter().map(|i| i.0).collect::<Vec<_>>(), [95, 30]);
        assert_eq!(report.bad_rows, 35);
        let places: Vec<_> = report.first.iter().map(|e| (e.input, e.line, e.row)).collect();
        let expected = [
            (0, 8, 7),
            (0, 28, 27),
            (0, 48, 47),
            (0, 68, 67),
            (0, 88, 87),
            (1, 4, 1),
            (1, 8, 3),
            (1, 12, 5),
            (1, 16, 7),
            (1, 20, 9),
        ];
        assert_eq!(places, expected);
        assert_eq!(report.first[0].path, a);
        assert_eq!((report.first[5].line_text.as_str(), report.first[5].caret.len()), ("3", 0));
    }
}

#[test]
fn bad_rows_behind_the_last_one_wanted_do_not_count() {
    let text = "x\n1\nx\n2\nx\nx\n3\nx\n4\nx\n".repeat(5);
    for (max_rows, bad) in [(0, 0), (1, 1), (2, 2), (3, 4), (4, 5), (5, 7), (20, 29)] {
        for piece in [1, 9, 1000] {
            let options = Options { max_rows: Some(max_rows), ..skipping(2, piece) };
            let dir = tempfile::tempdir().unwrap();
            let path = write(dir.path(), "a", text.as_bytes());
            let (keep, report) = run_reporting(Vec::from([path.into()]), "i4", &options).unwrap();
            assert_eq!((keep.inputs[0].0, report.bad_rows), (max_rows, bad), "{max_rows} {piece}");
            compare(text.as_bytes(), "i4", &options);
        }
    }
}

#[test]
fn only_bad_rows_are_no_rows() {
    let dir = tempfile::tempdir().unwrap();
    let path = write(dir.path(), "a", b"x\ny\n");
    let strict = Options { allow_empty: false, ..skipping(1, 64) };
    let error = run(core::slice::from_ref(&path), "i4", &strict).unwrap_err();
    let said = error.to_string();
    assert!(said.contains("none of its 2 rows can be read; the first one: "), "{said}");
    assert!(said.contains("a:1:1: could not convert 'x'"), "{said}");
    assert_eq!((error.code(), error.position().unwrap().line), (code::TEXT, 1));
    let (keep, report) = run_reporting(Vec::from([path.into()]), "i4", &skipping(1, 64)).unwrap();
    assert_eq!((keep.inputs[0].0, report.bad_rows), (0, 2));
    let zip = write(dir.path(), "z", b"\x1f\x8b\x08\0\xff\xfe1\n");
    let error = run(&[zip], "i4", &strict).unwrap_err().to_string();
    assert!(error.contains("gzip"), "{error}");
}

#[test]
fn an_index_out_of_range_is_a_bad_row() {
    let dir = tempfile::tempdir().unwrap();
    let path = write(dir.path(), "a", b"1,2,3\n4\n5,6\n7,8,9,10\n");
    let usecols = Some(vec![(-2).into()]);
    let options = Options { usecols, ..skipping(2, 3) };
    let (keep, report) = run_reporting(Vec::from([path.into()]), "i4", &options).unwrap();
    assert_eq!((keep.inputs[0].0, report.bad_rows, report.first[0].line), (3, 1, 2));
    assert_eq!(report.first[0].problem, Problem::ColumnIndex { index: -2, found: 1 });
}

/// Where the caret of the first bad row of `text` points.
fn pointed(text: &[u8], dtype: &str, options: &Options) -> (String, String, String) {
    let dir = tempfile::tempdir().unwrap();
    let path = write(dir.path(), "a", text);
    let LoadError::Text(error) = run(&[path], dtype, options).unwrap_err() else { panic!() };
    let marked = error.line_text.chars().skip(error.caret.start).take(error.caret.len());
    (error.text.clone(), marked.collect(), error.line_text.clone())
}

#[test]
fn errors_show_their_line() {
    let options = tiny(1, 64);
    let (text, marked, line) = pointed("1,2\r\né,3.5x,7\n".as_bytes(), "S3,f8,i4", &options);
    assert_eq!((text.as_str(), marked.as_str(), line.as_str()), ("1,2", "", "1,2"));
    let (text, marked, line) = pointed("é,3.5x,7\n".as_bytes(), "S3,f8,i4", &options);
    assert_eq!((text.as_str(), marked.as_str(), line.as_str()), ("3.5x", "3.5x", "é,3.5x,7"));
    let (text, marked, line) = pointed(b"a,\xe9,7\n", "S3,S3,i4", &options);
    assert_eq!((text.as_str(), marked.as_str(), line.as_str()), ("\\xe9", "\\xe9", "a,\\xe9,7"));
    let long = std::format!("{},x,{}\n", "1,".repeat(500), "2,".repeat(500));
    let (_, marked, line) = pointed(long.as_bytes(), "i4", &options);
    assert_eq!(marked, "");
    assert!(line.starts_with("...1,1,") || line.starts_with("1,1,"), "{line}");
    let quoted = Options { quote: Some('\''), ..options };
    let (text, marked, line) = pointed(b"1,'a''b\nc',2\n", "i4,i4,i4", &quoted);
    assert_eq!((text.as_str(), marked.as_str(), line.as_str()), ("a'b\nc", "'a''b", "1,'a''b"));
}

#[test]
fn a_footer_is_not_read() {
    let text = b"1,2\n3,4\r\ntotal,of\r\xff all\n\n";
    for (skip_footer, rows) in [(3, 2), (4, 1), (5, 0), (6, 0), (u64::MAX, 0)] {
        for piece in [1, 4, 100] {
            let options = Options { skip_footer, ..tiny(2, piece) };
            compare(text, "i4", &options);
            assert_eq!(naive(text, "i4", &options).rows, rows);
        }
    }
    // What is skipped at both ends is none twice.
    let both = Options { skip_footer: 4, skiprows: 3, ..tiny(2, 4) };
    compare(text, "i4", &both);
}

#[test]
fn a_footer_of_a_stream_has_a_limit() {
    let options = Options { skip_footer: 300_000, memory: Some(MIN_MEMORY), ..tiny(2, 1 << 20) };
    let stream = Input::stream("a", std::io::Cursor::new(b"1234567\n".repeat(400_000)));
    let error = run_reporting(Vec::from([stream]), "i4", &options).unwrap_err();
    assert_eq!(error.code(), code::MEMORY);
    assert!(error.to_string().starts_with("a: the last 300000 lines"), "{error}");
}

#[test]
fn messages_speak_the_encoding_of_the_text() {
    let shown = |encoding, text: &[u8], dtype| {
        let options = Options { encoding, ..tiny(1, 64) };
        let dir = tempfile::tempdir().unwrap();
        let path = write(dir.path(), "a", text);
        let LoadError::Text(error) = run(&[path], dtype, &options).unwrap_err() else { panic!() };
        (error.to_string(), error.line_text, error.caret)
    };
    let (said, line, caret) = shown(Encoding::Latin1, b"\xe0,1\xe9\n", "S3,i4");
    assert!(said.contains("could not convert '1é' to"), "{said}");
    assert_eq!((line.as_str(), caret), ("à,1é", 2..4));
    let (said, line, caret) = shown(Encoding::Ascii, "1,2é\n".as_bytes(), "S3,S3");
    assert!(said.contains("'2é' is not ASCII"), "{said}");
    assert_eq!((line.as_str(), caret), ("1,2é", 2..4));
}

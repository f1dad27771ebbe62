//! Types that are found in the text, against a plain look at every field.

use core::time::Duration;
use std::format;
use std::io::Cursor;

use super::*;
use crate::load::{Fill, Missing, OnBadRows, RowType};

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
fn a_late_contradiction_begins_again() {
    let dir = tempfile::tempdir().unwrap();
    let text = "1,ab\n".repeat(2_000) + "2.5,abcdef\n";
    for workers in 1..4 {
        let options = tiny(workers, 500);
        for input in [file(dir.path(), "a", &text), stream(&text)] {
            let (dtype, keep) = found([input].into(), "auto", &options).unwrap();
            assert_eq!(dtype, "[('f0', '<f8'), ('f1', '|S6')]");
            assert_eq!((keep.inputs[0].0, keep.inputs[0].2.len()), (2_001, 2_001 * 14));
            assert_eq!(keep.inputs[0].2[..10], *b"\0\0\0\0\0\0\xf0\x3fab");
        }
    }
}

#[test]
fn sampling_all_over_a_file_saves_a_new_beginning() {
    let dir = tempfile::tempdir().unwrap();
    // Wider and wider, and integers at first.
    let line = |i: usize| {
        let number = if i < 20_000 { i.to_string() } else { format!("{i}.5") };
        format!("{number},{}\n", "x".repeat(1 + i / 6_000))
    };
    let text: String = (0..40_000).map(line).collect();
    let rows = RowType::parse("auto").unwrap();
    let open = |_: DType<'_>| Ok(Keep::default());
    for (header, first) in [(true, "number,name\n"), (false, "")] {
        let input = file(dir.path(), "a", &(first.to_string() + &text));
        let options = Options { piece_bytes: None, header, ..tiny(2, 1) };
        let mut job = Job::start([input], &rows, Unicode::Ucs4, &options, open).unwrap();
        while !job.step(Duration::from_secs(1)).unwrap().done {}
        assert_eq!((job.progress().pass, job.progress().rows), (1, 40_000));
        let dtype = job.dtype().unwrap();
        assert_eq!(dtype.field_at(2).itemsize(), 7);
        assert_eq!(dtype.field_at(1).name(), if header { "number" } else { "f0" });
    }
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
    let header = Options { header: true, ..plain };
    let error = error_of("a,b\n1,2\nabc,4,5\n", "auto", &header);
    assert!(error.starts_with("stream:3: the dtype has 2 fields, the line 3 columns"), "{error}");
}

#[test]
fn a_header_names_the_fields() {
    let text = "junk\n# pos, name,pos\n1,ab,2\n3,c,4\n";
    let options = Options { header: true, skiprows: 1, ..tiny(2, 3) };
    let dir = tempfile::tempdir().unwrap();
    for is_stream in [true, false] {
        let dtype = |rows: &str, options: &Options| {
            let input = if is_stream { stream(text) } else { file(dir.path(), "a", text) };
            let (dtype, keep) = found([input].into(), rows, options).unwrap();
            assert_eq!(keep.inputs[0].0, 2);
            dtype
        };
        assert_eq!(dtype("auto", &options), "[('pos', '<i8'), ('name', '|S2'), ('pos_1', '<i8')]");
        let named = "[('pos', '<i4'), ('name', '|S3'), ('pos_1', '<i2')]";
        assert_eq!(dtype("i4,S3,i2", &options), named);
        assert_eq!(dtype("a:i4,b:S,c:i2", &options), "[('a', '<i4'), ('b', '|S2'), ('c', '<i2')]");
        assert_eq!(dtype("S", &options), "[('pos', '|S2'), ('name', '|S2'), ('pos_1', '|S2')]");
        assert_eq!(dtype("S1", &options), "[('pos', '|S1'), ('name', '|S1'), ('pos_1', '|S1')]");
        let pairs = dtype("(2)S3,i4", &options);
        assert_eq!(pairs, "[('pos', '|S3', (2,)), ('pos_1', '<i4')]");
        let some = |list: &[ColumnRef]| Options { usecols: Some(list.to_vec()), ..options.clone() };
        let swapped = some(&["name".into(), 0.into()]);
        assert_eq!(dtype("auto", &swapped), "[('name', '|S2'), ('pos', '<i8')]");
        assert_eq!(dtype("S5,f4", &swapped), "[('name', '|S5'), ('pos', '<f4')]");
        let last = some(&[(-1).into(), "pos".into(), "pos".into()]);
        assert_eq!(dtype("f8", &last), "[('pos_1', '<f8'), ('pos', '<f8'), ('pos_2', '<f8')]");
    }
}

#[test]
fn headers_may_be_quoted_and_hold_line_ends() {
    let text = "\"a\nb\",\"c\"\"d\"\n1,2\nx,y\n";
    let options = Options { header: true, quote: Some('"'), ..tiny(2, 3) };
    let dir = tempfile::tempdir().unwrap();
    for input in [stream(text), file(dir.path(), "stream", text)] {
        let error = found([input].into(), "i4", &options).unwrap_err().to_string();
        assert!(error.contains("stream:4:1: could not convert 'x'"), "{error}");
    }
    let (dtype, _) = found([stream(text)].into(), "auto", &options).unwrap();
    assert_eq!(dtype, "[('a\\nb', '|S1'), ('c\"d', '|S1')]");
}

#[test]
fn all_inputs_have_the_same_names() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options { header: true, ..tiny(2, 3) };
    let good = ["# x,y\n1,2\n", "x,y\n3,4\n5,6\n", "x,y\n"];
    let inputs = |texts: &[&str]| -> Vec<Input> {
        let input = |(i, text): (usize, &&str)| match i % 2 {
            0 => file(dir.path(), &i.to_string(), text),
            _ => stream(text),
        };
        texts.iter().enumerate().map(input).collect()
    };
    let (dtype, keep) = found(inputs(&good), "auto", &options).unwrap();
    assert_eq!(dtype, "[('x', '<i8'), ('y', '<i8')]");
    assert_eq!(keep.inputs.iter().map(|input| input.0).collect::<Vec<_>>(), [1, 2, 0]);
    for bad in ["x,z\n3,4\n", "x\n3,4\n", "x,y,z\n", "#\n1,2\n"] {
        for texts in [[good[0], bad, good[1]], [good[0], good[1], bad]] {
            let error = found(inputs(&texts), "auto", &options).unwrap_err().to_string();
            assert!(error.contains("column ") || error.contains("no names"), "{error}");
        }
    }
    let error = found(inputs(&["", "x,y\n1,2\n"]), "auto", &options).unwrap_err().to_string();
    assert!(error.contains("line 1 is to name the columns"), "{error}");
}

#[test]
fn columns_that_are_not_there_are_told() {
    let text = "a,b\n1,2\n";
    let header = Options { header: true, ..tiny(1, 3) };
    let by_name = |name: &str| Some([ColumnRef::from(name)].into());
    let error = error_of(text, "f8", &Options { usecols: by_name("c"), ..header.clone() });
    assert!(error.contains("no column is called 'c'; there are: a, b"), "{error}");
    let error = error_of(text, "f8", &Options { usecols: by_name("a"), ..tiny(1, 3) });
    assert!(error.contains("without a header"), "{error}");
    let beyond = Options { usecols: Some([7.into()].into()), ..header.clone() };
    assert!(error_of(text, "f8", &beyond).contains("column 7 is not among those read"));
    let missing = |column: ColumnRef| Missing { column: Some(column), text: "NA".into() };
    let unread = Options { usecols: by_name("a"), missing: [missing(1.into())].into(), ..header };
    assert!(error_of(text, "f8", &unread).contains("column 1 is not among those read"));
}

fn missing(column: Option<ColumnRef>, text: &str) -> Missing {
    Missing { column, text: text.into() }
}

fn fill(column: Option<ColumnRef>, value: &str) -> Fill {
    Fill { column, value: value.into() }
}

#[test]
fn missing_values_are_filled() {
    let text = "a,b,c\n1,NA,x\nNA,2.5,NA\n,4,\n";
    let all = Options { header: true, missing: [missing(None, "NA")].into(), ..tiny(2, 3) };
    let made = |options: &Options| {
        let (dtype, keep) = found([stream(text)].into(), "auto", options).unwrap();
        (dtype, keep.inputs[0].2.clone())
    };
    let (dtype, bytes) = made(&all);
    assert_eq!(dtype, "[('a', '<f8'), ('b', '<f8'), ('c', '|S1')]");
    assert!(f64::from_le_bytes(bytes[17..25].try_into().unwrap()).is_nan());
    assert_eq!([bytes[16], bytes[33], bytes[50]], [b'x', 0, 0]);
    // A fill of the column's own is a value of it, whether it is needed or not.
    let own = Options {
        fill: [fill(Some("a".into()), "-1"), fill(Some(2.into()), "none"), fill(None, "7")].into(),
        ..all.clone()
    };
    let (dtype, bytes) = made(&own);
    assert_eq!(dtype, "[('a', '<i8'), ('b', '<f8'), ('c', '|S4')]");
    assert_eq!(i64::from_le_bytes(bytes[20..28].try_into().unwrap()), -1);
    assert_eq!(bytes[8..16], 7f64.to_le_bytes());
    assert_eq!(&bytes[36..40], b"none");
    // What is for all columns is for numbers.
    let common = Options { fill: [fill(None, "-1")].into(), ..all.clone() };
    let (dtype, bytes) = made(&common);
    assert_eq!((dtype.as_str(), bytes[33]), ("[('a', '<i8'), ('b', '<f8'), ('c', '|S1')]", 0));
    let useless = Options { fill: [fill(None, "long")].into(), ..all.clone() };
    assert_eq!(made(&useless).0, "[('a', '<f8'), ('b', '<f8'), ('c', '|S1')]");
    // Only in one column.
    let one = Options { missing: [missing(Some(0.into()), "NA")].into(), ..all };
    assert_eq!(made(&one).0, "[('a', '<f8'), ('b', '|S3'), ('c', '|S2')]");
}

#[test]
fn fills_of_fixed_and_open_types_are_values_of_them() {
    let options = Options { missing: [missing(None, "NA")].into(), ..tiny(2, 3) };
    let with = |list: &[Fill]| Options { fill: list.to_vec(), ..options.clone() };
    let text = "1,ab\nNA,NA\n";
    let error = error_of(text, "i4,S2", &with(&[fill(Some(0.into()), "x")]));
    assert!(error.contains("'x', is none of <i4"), "{error}");
    let error = error_of(text, "i4", &with(&[fill(None, "x")]));
    assert!(error.contains("'x', is none of any column"), "{error}");
    let twice = with(&[fill(Some(0.into()), "1"), fill(Some(0.into()), "2")]);
    assert!(error_of(text, "i4,S2", &twice).contains("two values"));
    let none = error_of(text, "i4,S2", &options);
    assert!(none.contains("could not convert 'NA' to <i4"), "{none}");
    let open = |list: &[Fill]| found([stream(text)].into(), "i4,S", &with(list)).unwrap().0;
    assert_eq!(open(&[fill(None, "-1")]), "[('f0', '<i4'), ('f1', '|S2')]");
    assert_eq!(open(&[fill(None, "-1000")]), "[('f0', '<i4'), ('f1', '|S5')]");
    let own = [fill(Some(0.into()), "-1"), fill(Some((-1).into()), "absent")];
    assert_eq!(open(&own), "[('f0', '<i4'), ('f1', '|S6')]");
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
fn streams_are_kept_and_read_again() {
    let text = "1\n".repeat(200_000) + "x\n";
    for descriptor in [false, true] {
        let (reader, mut writer) = std::io::pipe().unwrap();
        let input =
            if descriptor { Input::descriptor("x", reader) } else { Input::stream("x", reader) };
        let feed = std::thread::spawn({
            let text = text.clone();
            move || writer.write_all(text.as_bytes()).unwrap()
        });
        let rows = RowType::parse("auto").unwrap();
        let open = |_: DType<'_>| Ok(Keep::default());
        let options = Options { workers: Some(2), ..Options::default() };
        let mut job = Job::start([input], &rows, Unicode::Ucs4, &options, open).unwrap();
        while !job.step(Duration::from_secs(1)).unwrap().done {}
        feed.join().unwrap();
        assert_eq!((job.progress().pass, job.progress().rows), (3, 200_001));
        let spooled = &job.report().spooled[0];
        assert_eq!(
            (spooled.path.as_path(), spooled.bytes),
            (Path::new("x"), 400_002 - (128 << 10))
        );
        let done = job.run(None).unwrap();
        assert_eq!(done.dtype.to_string(), "[('f0', '|S1')]");
    }
    // What is small needs no file, and what is read once neither.
    let rows = RowType::parse("i4").unwrap();
    let header = Options { header: true, ..tiny(2, 5_000) };
    let open = |_: DType<'_>| Ok(Keep::default());
    let input = stream(&("a\n".to_string() + &"1\n".repeat(200_000)));
    let done = Job::start([input], &rows, Unicode::Ucs4, &header, open).unwrap().run(None).unwrap();
    assert_eq!((done.rows, done.report.spooled.len()), (200_000, 0));
}

#[test]
fn a_job_that_waits_for_the_beginning_can_be_polled_and_cancelled() {
    let (reader, mut writer) = std::io::pipe().unwrap();
    let rows = RowType::parse("auto").unwrap();
    let open = |_: DType<'_>| Ok(Keep::default());
    let options = Options { header: true, workers: Some(1), ..Options::default() };
    let input = Input::descriptor("x", reader);
    let mut job = Job::start([input], &rows, Unicode::Ucs4, &options, open).unwrap();
    let ready = |job: &Job<Keep>| {
        let mut watches = [crate::sys::Watch::readable(job.raw_fd())];
        crate::sys::poll(&mut watches, 0).unwrap();
        watches[0].is_ready()
    };
    assert!(ready(&job) && !job.step(Duration::ZERO).unwrap().done);
    assert!(!ready(&job) && job.progress().pass == 0 && job.dtype().is_none());
    writer.write_all(b"a b\n1 2\n").unwrap();
    assert!(ready(&job));
    for _ in 0..2 {
        job.step(Duration::ZERO).unwrap();
    }
    assert!(!ready(&job), "there may be more");
    job.canceller().cancel();
    assert!(ready(&job));
    assert!(matches!(job.step(Duration::ZERO), Err(LoadError::Cancelled)));
    assert!(ready(&job));
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

/// Kills a worker as soon as the sink is there, and again after some rows.
struct Murderer {
    keep: Keep,
    blocks: u32,
}

impl Sink for Murderer {
    fn begin(&mut self, input: usize, columns: Option<u32>) -> core::result::Result<(), SinkError> {
        self.keep.begin(input, columns)
    }

    fn rows(&mut self, block: &Block) -> core::result::Result<(), SinkError> {
        self.blocks += 1;
        if self.blocks == 3 {
            kill(children()[0]);
        }
        self.keep.rows(block)
    }

    fn end(&mut self, input: usize, rows: u64) -> core::result::Result<(), SinkError> {
        self.keep.end(input, rows)
    }
}

#[test]
fn workers_may_be_killed_in_every_pass() {
    let dir = tempfile::tempdir().unwrap();
    let text = "1,ab\n".repeat(3_000) + "2.5,abcdef\n";
    for is_stream in [false, true] {
        let input = if is_stream { stream(&text) } else { file(dir.path(), "a", &text) };
        let rows = RowType::parse("auto").unwrap();
        let open = |_: DType<'_>| Ok(Murderer { keep: Keep::default(), blocks: 0 });
        let mut job = Job::start([input], &rows, Unicode::Ucs4, &tiny(2, 300), open).unwrap();
        let mut passes = 0;
        loop {
            let now = job.step(Duration::from_millis(20)).unwrap();
            if now.pass > passes && !now.done {
                passes = now.pass;
                kill(children()[0]);
            }
            if now.done {
                break;
            }
        }
        let done = job.run(None).unwrap();
        assert_eq!(passes, 3);
        assert_eq!(done.dtype.to_string(), "[('f0', '<f8'), ('f1', '|S6')]");
        assert_eq!(done.sink.keep.inputs[0].2.len(), 3_001 * 14);
        assert!(children().is_empty());
    }
}

mod random;

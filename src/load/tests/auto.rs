//! Types that are found in the text, against a plain look at every field.

use std::format;

use super::*;
use crate::load::RowType;

/// What a sink got, with the dtype of the last attempt.
fn found(inputs: Vec<Input>, rows: &str, options: &Options) -> Result<(String, Keep)> {
    let rows = RowType::parse(rows).unwrap();
    let cancel = AtomicBool::new(false);
    let open = |_: DType<'_>| Ok(Keep::default());
    let job = Job::start(inputs, &rows, Unicode::Ucs4, options, open)?;
    let done = job.run(Some(&cancel))?;
    Ok((done.dtype.to_string(), done.sink))
}

fn file(dir: &Path, name: &str, text: &str) -> Input {
    Input::File(write(dir, name, text.as_bytes()))
}

fn dtype_of(text: &str, options: &Options) -> String {
    let dir = tempfile::tempdir().unwrap();
    found([file(dir.path(), "a", text)].into(), "auto", options).unwrap().0
}

#[test]
fn columns_have_the_least_type_that_fits() {
    let plain = tiny(2, 10);
    for (text, dtype) in [
        ("1,2\n3,4\n", "<i8"),
        ("1,2.5\n", "[('f0', '<i8'), ('f1', '<f8')]"),
        ("1.5,2\n3,4.5\n", "<f8"),
        ("True,false\n", "|b1"),
        ("18446744073709551615\n1\n", "<u8"),
        ("18446744073709551615\n-1\n", "<f8"),
        ("a,xyz\nbc,\n", "[('f0', '|S2'), ('f1', '|S3')]"),
        ("é,1\n", "[('f0', '<U1'), ('f1', '<i8')]"),
        ("1,\n,\n", "<f8"),
        ("1,2\n,3\n", "[('f0', '<f8'), ('f1', '<i8')]"),
        ("True\nx\n", "[('f0', '|S4')]"),
        ("True,1\n,2\n", "[('f0', '|S4'), ('f1', '<i8')]"),
        ("", "<f8"),
        ("# nothing\n", "<f8"),
        (" 7 , a b \n", "[('f0', '<i8'), ('f1', '|S5')]"),
    ] {
        assert_eq!(dtype_of(text, &plain), dtype, "{text:?}");
    }
}

#[test]
fn a_late_contradiction_begins_again() {
    let dir = tempfile::tempdir().unwrap();
    let mut text = "1,ab\n".repeat(9_000);
    text += "2.5,abcdef\n";
    for workers in 1..4 {
        let options = tiny(workers, 1_000);
        let input = [file(dir.path(), "a", &text)];
        let (dtype, keep) = found(input.into(), "auto", &options).unwrap();
        assert_eq!(dtype, "[('f0', '<f8'), ('f1', '|S6')]");
        assert_eq!((keep.inputs[0].0, keep.inputs[0].2.len()), (9_001, 9_001 * 14));
        assert_eq!(keep.inputs[0].2[..10], *b"\0\0\0\0\0\0\xf0\x3fab");
    }
}

#[test]
fn a_header_names_the_fields() {
    let dir = tempfile::tempdir().unwrap();
    let text = "junk\n# pos, name,pos\n1,ab,2\n3,c,4\n";
    let options = Options { header: true, skiprows: 1, ..tiny(2, 3) };
    let input = || [file(dir.path(), "a", text)].into();
    let dtype = |rows: &str, options: &Options| found(input(), rows, options).unwrap().0;
    assert_eq!(dtype("auto", &options), "[('pos', '<i8'), ('name', '|S2'), ('pos_1', '<i8')]");
    assert_eq!(dtype("i4,S3,i2", &options), "[('pos', '<i4'), ('name', '|S3'), ('pos_1', '<i2')]");
    assert_eq!(dtype("a:i4,b:S,c:i2", &options), "[('a', '<i4'), ('b', '|S2'), ('c', '<i2')]");
    assert_eq!(dtype("S", &options), "[('pos', '|S2'), ('name', '|S2'), ('pos_1', '|S2')]");
    let some = Options { usecols: Some(["name".into(), 0.into()].into()), ..options };
    assert_eq!(dtype("auto", &some), "[('name', '|S2'), ('pos', '<i8')]");
    let stream = Input::stream("x", std::io::Cursor::new(text.as_bytes()));
    let (dtype, keep) = found([stream].into(), "auto", &some).unwrap();
    assert_eq!(dtype, "[('name', '|S2'), ('pos', '<i8')]");
    assert_eq!(keep.inputs[0].0, 2);
}

#[test]
fn streams_are_read_again() {
    let text = "1\n".repeat(200_000) + "x\n";
    let stream = Input::stream("x", std::io::Cursor::new(text.into_bytes()));
    let rows = RowType::parse("auto").unwrap();
    let open = |_: DType<'_>| Ok(Keep::default());
    let job = Job::start([stream], &rows, Unicode::Ucs4, &tiny(2, 10_000), open).unwrap();
    let done = job.run(None).unwrap();
    assert_eq!(done.dtype.to_string(), "[('f0', '|S1')]");
    assert_eq!((done.rows, done.report.spooled[0].bytes), (200_001, 400_002));
    let _ = format!("{:?}", done.report);
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

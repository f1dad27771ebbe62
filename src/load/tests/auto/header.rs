//! Names of columns.

use super::*;
use crate::load::{Encoding, Missing};

#[test]
fn names_are_in_the_encoding_too() {
    let dir = tempfile::tempdir().unwrap();
    let bad = b"skip\n# a,b\xff\n1,2\n".as_slice();
    let good = b"skip\na,b\n1,2\n".as_slice();
    let options = Options { header: true, skiprows: 1, ..tiny(2, 3) };
    let inputs = |texts: [&[u8]; 2], streams: bool| -> Vec<Input> {
        let input = |(i, text): (usize, &[u8])| {
            if streams {
                Input::stream("stream", Cursor::new(text.to_vec()))
            } else {
                Input::File(write(dir.path(), &i.to_string(), text))
            }
        };
        texts.into_iter().enumerate().map(input).collect()
    };
    for streams in [false, true] {
        for texts in [[bad, good], [good, bad]] {
            for rows in ["auto", "i4"] {
                let error = found(inputs(texts, streams), rows, &options).unwrap_err();
                let error = error.to_string();
                assert!(error.contains("line 2 is not UTF-8 (byte 10)"), "{error}");
            }
            let latin1 = Options { encoding: Encoding::Latin1, ..options.clone() };
            let error = found(inputs(texts, streams), "auto", &latin1).unwrap_err().to_string();
            assert!(error.contains("'b\u{ff}'"), "{error}");
        }
    }
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

#[test]
fn marks_and_wide_encodings_are_no_part_of_names_or_values() {
    let dir = tempfile::tempdir().unwrap();
    for (header, text) in [(true, "a,é\n1,ab\nx,é\n"), (false, "1,ab\nx,é\n")] {
        let marked = ["\u{feff}", text].concat();
        let wide: Vec<u8> = marked.encode_utf16().flat_map(u16::to_be_bytes).collect();
        for (encoding, bytes) in [
            (Encoding::Utf8Sig, marked.as_bytes()),
            (Encoding::Utf8Sig, text.as_bytes()),
            (Encoding::Utf16, &wide),
        ] {
            let options = Options { encoding, header, ..tiny(2, 4) };
            let inputs = [
                Input::File(write(dir.path(), "a", bytes)),
                Input::stream("b", Cursor::new(bytes.to_vec())),
            ];
            for input in inputs {
                let (dtype, keep) = found([input].into(), "auto", &options).unwrap();
                let names = if header { ["a", "é"] } else { ["f0", "f1"] };
                let expected = format!("[('{}', '|S1'), ('{}', '<U2')]", names[0], names[1]);
                assert_eq!((dtype, keep.inputs[0].0), (expected, 2));
            }
        }
    }
}

/// Skipped lines are those that the reader skips, whatever ends them and however they are encoded.
#[test]
fn a_header_stands_behind_any_lines_that_are_skipped() {
    for end in ["\n", "\r\n", "\r"] {
        let line = |line: &str| format!("{line}{end}");
        for (skiprows, front) in [(0, ""), (1, "Title"), (3, "Title||x;y")] {
            let front = front.split_terminator('|').map(line).collect::<String>();
            for encoding in [Encoding::Utf8, Encoding::Utf8Sig, Encoding::Utf16Le] {
                found_behind(&front, end, &Options { encoding, skiprows, ..tiny(2, 4096) });
            }
        }
    }
}

/// Neither many skipped lines nor a long one are held: they may be more than a line may have.
#[test]
fn a_header_stands_behind_any_number_of_bytes_that_are_skipped() {
    let long = usize::try_from(MIN_MEMORY).unwrap();
    let line = "as much as no single line may ever have\n";
    for (skiprows, front) in [
        (long / line.len(), line.repeat(long / line.len())),
        (2, format!("Title\n{}\n", "y".repeat(long))),
    ] {
        found_behind(&front, "\n", &Options { skiprows: skiprows as u64, ..tiny(2, 4096) });
    }
    let text = "x\n".repeat(long) + "\u{e9},";
    let options = Options { header: true, memory: Some(MIN_MEMORY), ..tiny(2, 4096) };
    let options = Options { skiprows: long as u64, encoding: Encoding::Ascii, ..options };
    let error = error_of(&text, "auto", &options);
    let place = format!("line {} is not ASCII (byte {})", long + 1, 2 * long);
    assert!(error.contains(&place), "{error}");
}

/// The header and the dialect of a table behind `front` are found, in a file and in a stream.
fn found_behind(front: &str, end: &str, options: &Options) {
    let dir = tempfile::tempdir().unwrap();
    let text = format!("{front}a;b{end}1;2{end}3;4.5{end}");
    let bytes: Vec<u8> = match options.encoding {
        Encoding::Utf8Sig => format!("\u{feff}{text}").into_bytes(),
        Encoding::Utf16Le => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        _ => text.into_bytes(),
    };
    let sniffed = Options { memory: Some(MIN_MEMORY), sniff: true, ..options.clone() };
    let delimiter = Delimiter::Char(';');
    let said = Options { sniff: false, header: true, delimiter, ..sniffed.clone() };
    for options in [Options { delimiter: Delimiter::Whitespace, ..sniffed }, said] {
        let file = Input::File(write(dir.path(), "a", &bytes));
        for input in [file, Input::stream("stream", Cursor::new(bytes.clone()))] {
            let (dtype, keep) = found([input].into(), "auto", &options).unwrap();
            assert_eq!(dtype, "[('a', '<i8'), ('b', '<f8')]", "{} {end:?}", options.skiprows);
            assert_eq!(keep.inputs[0].0, 2);
        }
    }
}

//! UTF-16, UTF-32 and the like, plain and packed.

use super::*;

const ENCODINGS: [Encoding; 9] = [
    Encoding::Utf8,
    Encoding::Utf8Sig,
    Encoding::Latin1,
    Encoding::Utf16,
    Encoding::Utf16Le,
    Encoding::Utf16Be,
    Encoding::Utf32,
    Encoding::Utf32Le,
    Encoding::Utf32Be,
];

/// The text as Python writes it.
fn encoded(encoding: Encoding, text: &str) -> Vec<u8> {
    let mark = if matches!(encoding, Encoding::Utf16 | Encoding::Utf32) { "\u{feff}" } else { "" };
    let text = [mark, text].concat();
    let bytes: Vec<Vec<u8>> = match encoding {
        Encoding::Utf16 | Encoding::Utf16Le => {
            text.encode_utf16().map(|unit| unit.to_le_bytes().to_vec()).collect()
        }
        Encoding::Utf16Be => text.encode_utf16().map(|unit| unit.to_be_bytes().to_vec()).collect(),
        Encoding::Utf32 | Encoding::Utf32Le => {
            text.chars().map(|c| u32::from(c).to_le_bytes().to_vec()).collect()
        }
        Encoding::Utf32Be => text.chars().map(|c| u32::from(c).to_be_bytes().to_vec()).collect(),
        Encoding::Latin1 => {
            text.chars().map(|c| vec![u8::try_from(u32::from(c)).unwrap()]).collect()
        }
        Encoding::Utf8Sig => vec![b"\xef\xbb\xbf".to_vec(), text.into_bytes()],
        _ => vec![text.into_bytes()],
    };
    bytes.concat()
}

#[test]
fn every_encoding_gives_the_rows_of_utf8() {
    let _guard = beside_others();
    let dir = tempfile::tempdir().unwrap();
    let mut plain = String::from("# caf\u{e9}\r\n");
    plain.push_str(core::str::from_utf8(&text(5_000, 4)).unwrap());
    let wide = plain.replace('\u{e9}', "\u{20ac}\u{1f600}");
    for (skiprows, piece) in [(0, None), (3, Some(3_000))] {
        let utf8 = Options { skiprows, ..options(2, piece) };
        let expected = run_file(&write(dir.path(), "utf8", wide.as_bytes()), &utf8).unwrap();
        for encoding in ENCODINGS {
            let text = if encoding == Encoding::Latin1 { &plain } else { &wide };
            let bytes = encoded(encoding, text);
            let options = Options { encoding, ..utf8.clone() };
            let mut found = every_way(dir.path(), "txt", &bytes, &options);
            found.extend(every_way(dir.path(), "gz", &pack::gzip(&bytes), &options));
            for keep in found {
                assert!(keep.unwrap() == expected, "{encoding}");
            }
        }
    }
}

#[test]
fn a_file_that_is_not_in_its_encoding_is_an_error_with_its_place() {
    let _guard = beside_others();
    let dir = tempfile::tempdir().unwrap();
    for (encoding, bytes, at) in [
        (Encoding::Utf16, &b"1\0\n\0"[..], 0),
        (Encoding::Utf16, b"\xff\xfe1\0\n", 4),
        (Encoding::Utf16Le, b"1\0\0\xd8\n\0", 2),
        (Encoding::Utf32, b"\xff\xfe\0\0\0\0\x11\0", 4),
    ] {
        for found in every_way(dir.path(), "txt", bytes, &Options { encoding, ..options(1, None) })
        {
            let error = found.unwrap_err();
            assert_eq!(error.code(), code::TEXT, "{error}");
            assert_eq!(error.position().unwrap().byte, Some(at), "{error}");
        }
    }
}

/// Rows are read as UTF-8: bytes of that say nothing of the bytes of the file.
#[test]
fn a_row_of_a_recoded_text_is_told_without_its_byte() {
    let _guard = beside_others();
    let dir = tempfile::tempdir().unwrap();
    for encoding in ENCODINGS {
        let bytes = encoded(encoding, "1,2\n3,x\n");
        let mark = if encoding == Encoding::Utf8Sig { 3 } else { 0 };
        let byte = (bytes.len() - mark == 8).then_some(mark as u64 + 6);
        let options = Options { encoding, ..options(1, None) };
        let mut found = every_way(dir.path(), "txt", &bytes, &options);
        found.extend(every_way(dir.path(), "gz", &pack::gzip(&bytes), &options));
        for found in found {
            let error = found.unwrap_err();
            let place = byte.map_or(String::new(), |byte| format!(", byte {byte}"));
            assert!(error.to_string().ends_with(&format!("(row 1{place})")), "{error}");
            let position = error.position().unwrap();
            assert_eq!((position.line, position.column, position.byte), (2, 2, byte), "{error}");
        }
    }
}

/// A byte order mark is left out only where that was asked for.
#[test]
fn a_byte_order_mark_is_a_character_of_plain_utf8() {
    let _guard = beside_others();
    let dir = tempfile::tempdir().unwrap();
    let twice = b"\xef\xbb\xbf\xef\xbb\xbf1,2\n";
    for (encoding, bytes, good) in [
        (Encoding::Utf8, &twice[3..], false),
        (Encoding::Utf8Sig, &twice[3..], true),
        (Encoding::Utf8Sig, twice, false),
        (Encoding::Utf8Sig, b"1,2\n", true),
        (Encoding::Utf8Sig, b"\xef\xbb\xbf", true),
        (Encoding::Utf8Sig, b"", true),
    ] {
        for workers in [1, 2] {
            let options = Options { encoding, ..options(workers, Some(1)) };
            for found in every_way(dir.path(), "txt", bytes, &options) {
                assert_eq!(found.is_ok(), good, "{bytes:?}");
                if let Err(error) = found {
                    let byte = error.position().unwrap().byte;
                    assert_eq!(byte, Some(bytes.len() as u64 - 7), "{error}");
                }
            }
        }
    }
}

//! Fields to the bytes of their columns, by the plain way and by the kernels.

use std::vec;
use std::vec::Vec;

use proptest::prelude::*;

use super::super::missing::{Missing, MissingTable, Role, missing_size};
use super::super::{
    BadRows, Column, Delimiter, Dialect, Encoding, FaultKind, Format, Found, OVERRUN, PADDING,
    Plan, PlanOptions, Span, Stop, Text, Unicode, columns_needed, parse,
};
use crate::dtype_buf::DTypeBuf;
use crate::error::{Error, Result};

const COMMAS: Dialect<'_> = Dialect {
    delimiter: Delimiter::Char(','),
    comments: crate::text::Comments::Char('#'),
    quote: Some('"'),
    decimal: b'.',
    encoding: Encoding::Utf8,
};

type Read = core::result::Result<Vec<u8>, (u32, usize)>;

/// The rows of a text, or the first field that is wrong; the same with the kernels, which
/// may be kept away by quotes.
fn read_with(
    dtype: &str,
    options: PlanOptions<'_>,
    columns: u32,
    texts: &[Missing<'_>],
    input: &[u8],
) -> Read {
    let read = read_once(dtype, options, columns, texts, input);
    if !input.contains(&b'"') {
        let format = options.format;
        let (delimiter, comments) = (format.delimiter(), format.comments());
        let (decimal, encoding) = (format.decimal(), format.encoding());
        let bare = Dialect { delimiter, comments, quote: None, decimal, encoding };
        let bare = PlanOptions { format: Format::new(bare).unwrap(), ..options };
        assert_eq!(read_once(dtype, bare, columns, texts, input), read, "{dtype}");
    }
    read
}

fn read_once(
    dtype: &str,
    options: PlanOptions<'_>,
    columns: u32,
    texts: &[Missing<'_>],
    input: &[u8],
) -> Read {
    let dtype = DTypeBuf::parse(dtype).unwrap();
    let mut texts = texts.to_vec();
    let mut table = vec![0; missing_size(&texts).unwrap()];
    let missing = MissingTable::build(&mut texts, &mut table).unwrap();
    let options = PlanOptions { missing, ..options };
    let count = columns_needed(dtype.as_dtype(), None).unwrap();
    let mut columns_of = vec![Column::default(); count];
    let plan = Plan::compile(dtype.as_dtype(), &options, &mut columns_of).unwrap();
    let plan = plan.with_columns(columns).unwrap();
    let mut bytes = input.to_vec();
    bytes.resize(input.len() + PADDING, 0);
    let text = Text::new(&mut bytes, input.len()).unwrap();
    let mut out = vec![0xAA; (input.len() + 1) * plan.row_size() + OVERRUN];
    let stop = &mut BadRows::stop();
    let progress = parse(&plan, text, Span::whole(&text), u64::MAX, &mut out, stop);
    out.truncate(progress.rows as usize * plan.row_size());
    match progress.stop {
        Stop::InputEnd => Ok(out),
        Stop::Fault(fault) => {
            let is_field = matches!(fault.kind, FaultKind::Convert { .. });
            assert!(is_field || fault.column == 0, "{fault:?}");
            Err((fault.column, progress.rows as usize))
        }
        other => panic!("{other:?}"),
    }
}

fn commas() -> PlanOptions<'static> {
    PlanOptions { format: Format::new(COMMAS).unwrap(), ..PlanOptions::default() }
}

fn found() -> PlanOptions<'static> {
    PlanOptions { found: Found::Everything, ..commas() }
}

fn read(dtype: &str, input: &str) -> Read {
    read_with(dtype, commas(), 1, &[], input.as_bytes())
}

const fn marker(text: &str) -> Missing<'_> {
    Missing { slot: None, role: Role::Marker, text }
}

const fn fill(text: &str) -> Missing<'_> {
    Missing { slot: None, role: Role::Fill, text }
}

fn floats(bytes: &[u8]) -> Vec<f64> {
    bytes.chunks(8).map(|b| f64::from_le_bytes(b.try_into().unwrap())).collect()
}

fn long(bytes: &[u8]) -> Vec<i64> {
    bytes.chunks(8).map(|b| i64::from_le_bytes(b.try_into().unwrap())).collect()
}

#[test]
fn dates_are_stored_in_their_unit_and_order() {
    assert_eq!(long(&read("M8[D]", "1970-01-02\nNaT\n\"1970-02\"\n").unwrap()), [1, i64::MIN, 31]);
    assert_eq!(long(&read("<M8[25s]", "1970-01-01T00:01\n").unwrap()), [2]);
    assert_eq!(read(">M8[Y]", "1972\n").unwrap(), 2i64.to_be_bytes());
    let record = read("d:M8[h],n:i2,e:<m8[s]", "1970-01-01T05+01,7,\n").unwrap();
    assert_eq!(long(&record[..8]), [4]);
    assert_eq!(long(&record[10..]), [i64::MIN]);
    assert_eq!(read("M8[D]", "1970\n1970-02-30\n"), Err((1, 1)));
    assert_eq!(read("M8[D]", "now\n"), Err((1, 0)));
    // Without a unit there is only NaT, as in NumPy's records.
    assert_eq!(long(&read("M8", "NaT\n").unwrap()), [i64::MIN]);
    assert_eq!(read("M8", "1970\n"), Err((1, 0)));
}

#[test]
fn blanks_around_timedeltas_are_those_of_numpy() {
    assert_eq!(long(&read("m8[s]", " 5\n\t-6\nnat\n").unwrap()), [5, -6, i64::MIN]);
    assert_eq!(read("m8[s]", "5 \n"), Err((1, 0)));
    assert_eq!(read("a:m8[s],b:i1", "5\t,1\n"), Err((1, 0)));
    let spaces = PlanOptions::default();
    assert_eq!(long(&read_with("m8", spaces, 2, &[], b" 5 6 \n").unwrap()), [5, 6]);
}

#[test]
fn a_decimal_comma_is_read_and_a_point_is_not() {
    let dialect = Dialect { decimal: b',', delimiter: Delimiter::Char(';'), ..COMMAS };
    let options = PlanOptions { format: Format::new(dialect).unwrap(), ..commas() };
    let row = read_with("f8", options, 2, &[], b"1,5;\"-,25e1\"\n").unwrap();
    assert_eq!(floats(&row), [1.5, -2.5]);
    let complex = read_with("c16", options, 1, &[], b"(0,5+1,5j)\n").unwrap();
    assert_eq!(floats(&complex), [0.5, 1.5]);
    assert_eq!(read_with("f4", options, 1, &[], b"1,5\n").unwrap(), 1.5f32.to_le_bytes());
    assert_eq!(read_with("f2", options, 1, &[], b"1,5\n").unwrap(), [0x00, 0x3E]);
    assert_eq!(read_with("f8", options, 2, &[], b"1;2\n1;2.5\n"), Err((2, 1)));
    let integers = read_with("i1", options, 1, &[], b"1\n1,0\n");
    assert_eq!(integers, Err((1, 1)));
}

#[test]
fn latin1_bytes_are_characters_of_strings() {
    let dialect = Dialect { encoding: Encoding::Latin1, ..COMMAS };
    let options = PlanOptions { format: Format::new(dialect).unwrap(), ..commas() };
    let record = |unicode, texts: &[Missing<'_>], input: &[u8]| {
        let options = PlanOptions { unicode, ..options };
        read_with("s:S2,u:<U2", options, 1, texts, input).unwrap()
    };
    let row = record(Unicode::Ucs4, &[], b"\xe9t\xe9,\"\xff\"\"x\"\n");
    assert_eq!(row, [0xE9, b't', 0xFF, 0, 0, 0, b'"', 0, 0, 0]);
    let row = record(Unicode::Utf8, &[], b"a,\xff\xe9x\n");
    assert_eq!(row, b"a\0\xC3\xBF\xC3\xA9\0\0\0\0");
    let row = record(Unicode::Ucs4, &[marker("é"), fill("ü")], b"\xe9,\xe9\n");
    assert_eq!(row, [0xFC, 0, 0xFC, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(read("S2", "é\n").unwrap(), [0xE9, 0]);
    assert_eq!(read("S2", "ab€\n").unwrap(), b"ab");
    assert_eq!(read("S3", "ab€\n"), Err((1, 0)));
}

#[test]
fn found_types_take_nothing_that_does_not_fit() {
    for (dtype, good, bad) in [
        ("S2", "ab", "abc"),
        ("<U2", "äö", "abc"),
        ("M8[D]", "2000-01-01", "2000-01-01T00"),
        ("S0", "", "a"),
        ("?", "True", "1"),
    ] {
        let text = std::format!("7,{good}\n7,{bad}\n");
        let record = std::format!("n:i1,x:{dtype}");
        assert_eq!(read_with(&record, found(), 1, &[], text.as_bytes()), Err((2, 1)), "{dtype}");
        let utf8 = PlanOptions { unicode: Unicode::Utf8, ..found() };
        assert_eq!(read_with(&record, utf8, 1, &[], text.as_bytes()), Err((2, 1)), "{dtype}");
        let given = read_with(&record, commas(), 1, &[], text.as_bytes());
        assert_eq!(given.is_ok(), dtype != "?", "{dtype}");
    }
    let words = read_with("?", found(), 2, &[], b"True,false\n FALSE ,\"true\"\n");
    assert_eq!(words.unwrap(), [1, 0, 0, 1]);
    // Only the second of two columns was found: node 2, behind the record and the first.
    let some = PlanOptions { found: Found::Nodes(&[2]), ..commas() };
    assert_eq!(read_with("a:S1,b:S1", some, 1, &[], b"xx,y\nx,yy\n"), Err((2, 1)));
}

#[test]
fn missing_values_become_what_their_type_has_for_them() {
    let markers = [marker("NA"), marker(""), marker("-999")];
    let dtype = "f:<f8,h:<f4,c:<c16,t:<m8[s],d:<M8[D],s:S3,u:<U1";
    let row = read_with(dtype, commas(), 1, &markers, b"NA, ,-999,-999,\" NA \",NA,\n").unwrap();
    assert!(floats(&row[..8])[0].is_nan() && row[8..12] == f32::NAN.to_le_bytes());
    assert!(floats(&row[12..20])[0].is_nan() && row[20..28] == [0; 8]);
    assert_eq!(long(&row[28..44]), [i64::MIN; 2]);
    assert_eq!(row[44..], [0; 7]);
    // Strings are compared as they are, and what is no marker is a value.
    let row = read_with("S4", commas(), 3, &markers, b" NA,-999,x\n").unwrap();
    assert_eq!(row, b" NA\0\0\0\0\0x\0\0\0");
    let row = read_with("f8", commas(), 2, &markers, b"-999.0,-0999\n").unwrap();
    assert_eq!(floats(&row), [-999.0, -999.0]);
}

#[test]
fn a_type_without_a_fill_has_no_missing_values() {
    for dtype in ["i4", "u1", "?"] {
        let markers = [marker("NA"), marker("9")];
        assert_eq!(read_with(dtype, commas(), 1, &markers, b"1\nNA\n"), Err((1, 1)), "{dtype}");
        assert_eq!(read_with(dtype, commas(), 1, &markers, b"1\n9\n"), Err((1, 1)), "{dtype}");
        let filled = [marker("NA"), marker("9"), fill("0")];
        let rows = read_with(dtype, commas(), 1, &filled, b"1\nNA\n9\n").unwrap();
        assert_eq!(rows.iter().filter(|&&byte| byte != 0).count(), 1, "{dtype}");
    }
}

#[test]
fn fills_are_those_of_the_column_then_of_all_then_of_the_type() {
    let own = |slot, role, text| Missing { slot: Some(slot), role, text };
    let texts = [
        marker("-"),
        own(1, Role::Marker, "x"),
        own(1, Role::Fill, "7"),
        own(2, Role::Fill, "lots"),
        fill("0.5"),
    ];
    let row = read_with("a:<f8,b:<i2,c:S3", commas(), 1, &texts, b"-,x,-\n").unwrap();
    assert_eq!((floats(&row[..8])[0], &row[8..]), (0.5, b"\x07\0lot".as_slice()));
    // Without one of its own a column has that of all if it is a value, or its type's.
    let mixed = [marker("-"), fill("x")];
    let row = read_with("a:<f8,b:S1", commas(), 1, &mixed, b"-,-\n").unwrap();
    assert!(floats(&row[..8])[0].is_nan() && row[8] == b'x');
    // No integer is 0.5, and that type has nothing else.
    assert_eq!(
        read_with("a:<f8,b:i2", commas(), 1, &[marker("-"), fill("0.5")], b"-,-\n"),
        Err((2, 0))
    );
    assert_eq!(read_with("a:<f8,b:i2", commas(), 1, &texts[..2], b"x,1\n"), Err((1, 0)));
}

#[test]
fn uniform_columns_may_have_texts_of_their_own() {
    let texts = [
        Missing { slot: Some(2), role: Role::Marker, text: "9" },
        Missing { slot: Some(2), role: Role::Fill, text: "1" },
        Missing { slot: Some(0), role: Role::Marker, text: "NA" },
    ];
    let row = read_with("f8", commas(), 3, &texts, b"9,9,9\nNA,8,8\n").unwrap();
    let values = floats(&row);
    assert_eq!((&values[..3], &values[4..]), ([9.0, 9.0, 1.0].as_slice(), [8.0; 2].as_slice()));
    assert!(values[3].is_nan());
    assert_eq!(read_with("f8", commas(), 3, &texts, b"1,NA,1\n"), Err((2, 0)));
}

/// Fields and markers out of the same few texts, so that they often meet.
fn some_text() -> impl Strategy<Value = &'static str> {
    const TEXTS: [&str; 20] = [
        "",
        "NA",
        "-999",
        "-999.0",
        "nan",
        "-nan",
        "0",
        "1",
        " 1",
        "1 ",
        "True",
        "NaT",
        "2000-01",
        "2000-01-02T03",
        "abc",
        "a",
        "é",
        "1e3",
        " NA ",
        "99999999999",
    ];
    proptest::sample::select(&TEXTS)
}

fn some_dtype() -> impl Strategy<Value = &'static str> {
    const DTYPES: [&str; 14] = [
        "<f8", "<f8", "<f8", ">i4", "S2", "<U2", "m8[s]", "<M8[D]", "?", "<f4", "u1", "c8", "S20",
        "f2",
    ];
    proptest::sample::select(&DTYPES)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 3_000,
        rng_seed: proptest::test_runner::RngSeed::Fixed(20_261_122),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// What kernels read is what the plain reading gives: `read_with` compares them.
    #[test]
    fn kernels_mind_markers_and_found_types(
        dtypes in prop::collection::vec(some_dtype(), 1..4),
        texts in prop::collection::vec((0..4u32, some_text()), 0..5),
        fill in proptest::option::of(some_text()),
        is_found: bool, by_space: bool,
        rows in prop::collection::vec(prop::collection::vec(some_text(), 3), 1..4),
    ) {
        let mut missing: Vec<_> = texts.iter().map(|&(slot, text)| {
            Missing { slot: (slot < 3).then_some(slot), role: Role::Marker, text }
        }).collect();
        missing.extend(fill.map(|text| Missing { slot: None, role: Role::Fill, text }));
        let delimiter = if by_space { Delimiter::Whitespace } else { Delimiter::Char(',') };
        let format = Format::new(Dialect { delimiter, ..COMMAS }).unwrap();
        let found = if is_found { Found::Everything } else { Found::Nothing };
        let options = PlanOptions { format, found, ..PlanOptions::default() };
        let between = if by_space { " " } else { "," };
        let line = |row: &Vec<&str>| row[..dtypes.len()].join(between) + "\n";
        let input: std::string::String = rows.iter().map(line).collect();
        let fields = dtypes.iter().enumerate().map(|(i, dtype)| std::format!("f{i}:{dtype}"));
        let record = fields.collect::<Vec<_>>().join(",");
        for (dtype, columns) in [(record.as_str(), 1), (dtypes[0], dtypes.len() as u32)] {
            if flags_with(dtype, options, &missing).is_ok() {
                let _ = read_with(dtype, options, columns, &missing, input.as_bytes());
            }
        }
    }
}

fn flags_of(dtype: &str, texts: &[Missing<'_>]) -> Result<Vec<u8>> {
    flags_with(dtype, commas(), texts)
}

fn flags_with(dtype: &str, options: PlanOptions<'_>, texts: &[Missing<'_>]) -> Result<Vec<u8>> {
    let dtype = DTypeBuf::parse(dtype).unwrap();
    let mut texts = texts.to_vec();
    let mut table = vec![0; missing_size(&texts).unwrap()];
    let missing = MissingTable::build(&mut texts, &mut table).unwrap();
    let count = columns_needed(dtype.as_dtype(), None).unwrap();
    let mut columns = vec![Column::default(); count];
    let options = PlanOptions { missing, ..options };
    Plan::compile(dtype.as_dtype(), &options, &mut columns)?;
    Ok(columns.iter().map(|column| column.flags).collect())
}

#[test]
fn kernels_are_told_of_markers_that_look_like_values() {
    const LOOKS: u8 = Column::MISSING | Column::LOOKALIKE;
    let three = "a:f8,b:i4,c:S1,d:M8[s]";
    assert_eq!(flags_of(three, &[]).unwrap(), [0; 4]);
    assert_eq!(flags_of(three, &[fill("0")]).unwrap(), [0; 4]);
    let plain = [Column::MISSING, Column::MISSING, LOOKS, Column::MISSING];
    assert_eq!(flags_of(three, &[marker("NA"), marker("")]).unwrap(), plain);
    // A string that is missing if it is empty is empty then.
    assert_eq!(flags_of("S2", &[marker("")]).unwrap(), [0]);
    assert_eq!(flags_of("S2", &[marker(""), fill("x")]).unwrap(), [LOOKS]);
    assert_eq!(flags_of("U2", &[marker("x"), fill("x")]).unwrap(), [0]);
    // What is read as the fill anyway may be read: nan, not -nan.
    assert_eq!(flags_of("f4", &[marker("nan")]).unwrap(), [Column::MISSING]);
    assert_eq!(flags_of("f4", &[marker("-nan")]).unwrap(), [LOOKS]);
    assert_eq!(flags_of("a:f8,b:i4", &[marker(" -9 ")]).unwrap(), [LOOKS, LOOKS]);
    assert_eq!(flags_of("a:f8,b:i4", &[marker("1e3")]).unwrap(), [LOOKS, Column::MISSING]);
    let own = Missing { slot: Some(1), ..marker("0") };
    assert_eq!(flags_of("a:f8,b:i4", &[own]).unwrap(), [0, LOOKS]);
    assert_eq!(flags_of("f8", &[own]).unwrap(), [LOOKS]);
}

#[test]
fn a_fill_must_be_a_value_of_its_column() {
    let own = |slot, text| Missing { slot: Some(slot), ..fill(text) };
    assert_eq!(flags_of("a:f8,b:i4", &[own(1, "x")]), Err(Error::Fill { slot: 1 }));
    assert_eq!(flags_of("f8", &[own(5, "x")]), Err(Error::Fill { slot: 5 }));
    assert_eq!(flags_of("S2", &[own(0, "€")]), Err(Error::Fill { slot: 0 }));
    assert_eq!(flags_of("a:f8,b:i4", &[fill("x")]), Err(Error::Fill { slot: u32::MAX }));
    assert!(flags_of("a:f8,b:S4", &[fill("x")]).is_ok());
}

//! The kernels against the plain reading, row by row.

use std::format;
use std::string::String;
use std::vec;
use std::vec::Vec;

use proptest::prelude::*;

use super::fault::FaultKind;
use super::*;
use crate::dtype_buf::DTypeBuf;
use crate::error::Error;

/// What a whole text gives: the rows' bytes, their number, lines, and the fault.
type Read = (Vec<u8>, u64, u64, Option<Fault>);

fn with_plan<T>(
    dtype: &str,
    format: Format<'_>,
    usecols: Option<&[i32]>,
    columns: u32,
    run: impl FnOnce(&Plan<'_>) -> T,
) -> T {
    let dtype = DTypeBuf::parse(dtype).unwrap();
    let count = columns_needed(dtype.as_dtype(), usecols).unwrap();
    let mut storage = vec![Column::default(); count];
    let options = PlanOptions { format, usecols, ..PlanOptions::default() };
    let plan = Plan::compile(dtype.as_dtype(), &options, &mut storage).unwrap();
    run(&plan.with_columns(columns).unwrap())
}

fn read(plan: &Plan<'_>, text: &[u8], max_rows: u64) -> Read {
    let mut input = text.to_vec();
    input.resize(text.len() + PADDING, 0xEE);
    let room = (text.len() + 1) * plan.row_size() + OVERRUN;
    let mut out = vec![0xAA; room];
    let text = Text::new(&mut input, text.len()).unwrap();
    let progress = whole(plan, text, max_rows, &mut out);
    out.truncate(progress.rows as usize * plan.row_size());
    let fault = match progress.stop {
        Stop::Fault(fault) => Some(fault),
        _ => None,
    };
    (out, progress.rows, progress.lines, fault)
}

fn whole(plan: &Plan<'_>, text: Text<'_>, max_rows: u64, out: &mut [u8]) -> Progress {
    parse(plan, text, Span::whole(&text), max_rows, out, &mut BadRows::stop())
}

/// A format as most tests want it.
fn dialect(delimiter: Delimiter, comment: Option<u8>) -> Result<Format<'static>, Error> {
    let comments = comment.map_or(Comments::None, |byte| Comments::Char(byte.into()));
    Format::new(Dialect { delimiter, comments, ..Dialect::default() })
}

/// The same by the plain reading alone.
fn read_plainly(plan: &Plan<'_>, text: &[u8]) -> Read {
    let (mut out, mut rows, mut lines, mut at) = (Vec::new(), 0, 0, 0);
    while at < text.len() {
        let (end, next) = record(text, at, &plan.format(), true).unwrap();
        let line = &text[at..end];
        let mut row = vec![0xAA; plan.row_size()];
        match exact::read(plan, line, &mut row) {
            Ok(false) => {}
            Ok(true) => {
                out.extend(row);
                rows += 1;
            }
            Err(exact::RowFault { kind, column, start, len }) => {
                let line = lines + self::lines::count(&line[..start]);
                let fault = Fault { kind, line, row: rows, column, start: at + start, len };
                return (out, rows, lines, Some(fault));
            }
        }
        lines += 1 + self::lines::count(line);
        at = next;
    }
    (out, rows, lines, None)
}

const RECORDS: [&str; 6] = [
    "chr:S10,pos:i4,pct:f4,c:i4,t:i4",
    "a:f8,b:u1,c:S3,d:>i2,e:U2",
    "a:?,b:>f8,c:f2,d:i8,e:u8",
    "{'names':['a','b','c'],'formats':['S5','<i4','<f8'],'offsets':[12,0,20],'itemsize':32}",
    "a:i1,b:S20,c:m8[s],d:c16",
    "s:S4",
];
const SCALARS: [&str; 6] = ["f8", "i4", "S3", "f4", ">u2", "U3"];

/// Fields that are near the edge of something.
fn field() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => any::<i32>().prop_map(|n| format!("{n}")),
        4 => any::<u8>().prop_map(|n| format!("{n}")),
        4 => (-99999i64..99999, 0u32..7).prop_map(|(n, p)| format!("{:.*}", p as usize, n as f64 / 777.0)),
        4 => any::<f64>().prop_map(|x| format!("{x:e}")),
        4 => any::<f64>().prop_map(|x| format!("{x}")),
        2 => any::<i64>().prop_map(|n| format!("{n}")),
        2 => any::<u64>().prop_map(|n| format!("+{n}")),
        2 => "[0-9]{0,25}\\.?[0-9]{0,25}([eE][+-]?[0-9]{0,6})?",
        2 => "[a-zA-Z]{0,20}",
        1 => "[+-]?(nan|NaN|inf|Infinity|INF|infinit|NaT)[a-z]?",
        1 => "[ \\t]{0,2}-?[0-9]{1,3}[ \\t]{0,2}",
        1 => "[é\u{2003}ß\u{1F600}a]{1,4}",
        1 => "\\(?[0-9]\\.[0-9][+-][0-9]j\\)?",
        1 => Just(String::new()),
    ]
}

fn line(columns: usize) -> impl Strategy<Value = String> {
    let end = prop_oneof![6 => Just("\n"), 1 => Just("\r\n"), 1 => Just("\r"), 1 => Just("#x y\n"), 1 => Just(" \n")];
    let special =
        prop_oneof![Just("\n"), Just("  \n"), Just("# 1,2\n"), Just("\u{1}\n"), Just("\r\r\n")];
    let separator = prop_oneof![8 => Just(","), 1 => Just(", "), 1 => Just(" ,")];
    let count =
        prop_oneof![30 => Just(columns), 1 => Just(columns + 1), 1 => Just(columns.max(2) - 1)];
    prop_oneof![
        12 => (count.prop_flat_map(|n| prop::collection::vec(field(), n)), separator, end)
            .prop_map(|(fields, separator, end)| fields.join(separator) + end),
        1 => special.prop_map(String::from),
    ]
}

fn text(columns: usize) -> impl Strategy<Value = String> {
    prop::collection::vec(line(columns), 1..12).prop_map(|lines| lines.concat())
}

fn agree(
    dtype: &str,
    comma: bool,
    comment: bool,
    usecols: Option<&[i32]>,
    columns: u32,
    text: &str,
) {
    let delimiter = if comma { Delimiter::Char(',') } else { Delimiter::Whitespace };
    let text = if comma { String::from(text) } else { text.replace(',', " \t") };
    let format = dialect(delimiter, comment.then_some(b'#')).unwrap();
    with_plan(dtype, format, usecols, columns, |plan| {
        let fast = read(plan, text.as_bytes(), u64::MAX);
        let plain = read_plainly(plan, text.as_bytes());
        assert_eq!(fast, plain, "{dtype} {text:?}");
        let cut = trimmed(&text);
        assert_eq!(read(plan, cut, u64::MAX), read_plainly(plan, cut), "{dtype} {cut:?}");
    });
}

/// The text without its last line end.
fn trimmed(text: &str) -> &[u8] {
    text.trim_end_matches(['\n', '\r']).as_bytes()
}

fn config() -> ProptestConfig {
    let cases = if cfg!(debug_assertions) { 3_000 } else { 50_000 };
    ProptestConfig {
        cases,
        rng_seed: proptest::test_runner::RngSeed::Fixed(20_261_122),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

/// Text in which quotes, delimiters, comments and line ends meet.
fn quoted_text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        8 => "[0-9]{1,3}",
        5 => Just(String::from(",")),
        5 => Just(String::from("\"")),
        3 => Just(String::from("\n")),
        1 => prop_oneof![Just("\r\n"), Just("\r"), Just("#"), Just(" "), Just("é"), Just("\"\"")]
            .prop_map(String::from),
    ];
    prop::collection::vec(piece, 0..30).prop_map(|pieces| pieces.concat())
}

/// What is read of a text of which only the first `have` bytes are there, with those records
/// that start before `until`; and so on from where that ended.
fn read_in_steps(plan: &Plan<'_>, text: &[u8], step: usize) -> Read {
    let (mut rows, mut lines, mut all) = (0, 0, Vec::new());
    let (mut from, mut have) = (0, step);
    loop {
        let here = &text[from..text.len().min(have)];
        let mut input = here.to_vec();
        input.resize(here.len() + PADDING, 0xEE);
        let input = Text::new(&mut input, here.len()).unwrap();
        let mut out = vec![0xAA; (here.len() + 1) * plan.row_size() + OVERRUN];
        let until = here.len().min(step);
        let span = Span { from: 0, until, ends: have >= text.len() };
        let progress = parse(plan, input, span, u64::MAX, &mut out, &mut BadRows::stop());
        all.extend(&out[..progress.rows as usize * plan.row_size()]);
        if let Stop::Fault(fault) = progress.stop {
            let (line, row, start) = (fault.line + lines, fault.row + rows, fault.start + from);
            let fault = Fault { line, row, start, ..fault };
            return (all, rows + progress.rows, lines + progress.lines, Some(fault));
        }
        (rows, lines, from) = (rows + progress.rows, lines + progress.lines, from + progress.used);
        if from >= text.len() {
            return (all, rows, lines, None);
        }
        have = if progress.stop == Stop::Incomplete { have + step } else { from + step };
    }
}

/// Formats that are not NumPy's default.
fn formats() -> [Format<'static>; 6] {
    let comma = Dialect { delimiter: Delimiter::Char(','), ..Dialect::default() };
    let quoted = Dialect { quote: Some('"'), ..comma };
    let strings = Comments::Strings("12\n#\n\u{e9}");
    [
        quoted,
        Dialect { delimiter: Delimiter::Whitespace, ..quoted },
        Dialect { comments: Comments::None, ..quoted },
        Dialect { comments: strings, ..comma },
        Dialect { delimiter: Delimiter::Char('é'), quote: Some('1'), ..comma },
        Dialect { encoding: Encoding::Latin1, ..quoted },
    ]
    .map(|dialect| Format::new(dialect).unwrap())
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn formats_of_every_kind_are_read_alike(text in quoted_text(), which in 0..6usize, columns in 1..4u32) {
        for dtype in ["S4", "i4", "U3"] {
            with_plan(dtype, formats()[which], None, columns, |plan| {
                let plain = read_plainly(plan, text.as_bytes());
                assert_eq!(read(plan, text.as_bytes(), u64::MAX), plain, "{text:?}");
            });
        }
    }

    #[test]
    fn records_are_whole_wherever_the_text_is_cut(text in quoted_text(), which in 0..6usize, step in 1..9usize) {
        let format = formats()[which];
        with_plan("S4", format, Some(&[0]), 0, |plan| {
            if format.quote().is_some() {
                let expected = read_plainly(plan, text.as_bytes());
                assert_eq!(read_in_steps(plan, text.as_bytes(), step), expected, "{text:?}");
            }
        });
    }

    #[test]
    fn records_are_read_alike((which, text) in (0..5usize).prop_flat_map(|w| (Just(w), text([5, 5, 5, 3, 4][w]))),
                              comma: bool, comment: bool) {
        agree(RECORDS[which], comma, comment, None, 0, &text);
    }

    #[test]
    fn tables_are_read_alike(which in 0..6usize, columns in 1..4usize, text in text(3), comma: bool) {
        agree(SCALARS[which], comma, true, None, columns as u32, &text);
        agree(RECORDS[5], comma, true, None, 0, &text);
    }

    #[test]
    fn chosen_columns_are_read_alike(text in text(4), comma: bool,
                                     list in prop::collection::vec(-5..5i32, 1..4), sorted: bool) {
        let mut list = list;
        if sorted {
            for index in &mut list {
                *index = index.abs();
            }
            list.sort_unstable();
            list.dedup();
        }
        agree("f8", comma, true, Some(&list), 0, &text);
        agree("S4", comma, true, Some(&list), 0, &text);
        if list.len() == 3 {
            agree(RECORDS[3], comma, true, Some(&list), 0, &text);
        }
    }

    /// A delimiter or comment character that numbers may hold: the kernels once
    /// read across it.
    #[test]
    fn characters_of_numbers_may_part_fields(text in text(2), delimiter in "[0-9eE.+i -]",
                                             comment in proptest::option::of("[0-9eE.+n# \t-]")) {
        let byte = |s: &str| s.as_bytes()[0];
        let comment = comment.as_deref().map(byte);
        let text = text.replace(',', &delimiter);
        if let Ok(format) = dialect(Delimiter::Char(byte(&delimiter).into()), comment) {
            for dtype in ["f8", "i4"] {
                with_plan(dtype, format, None, 2, |plan| {
                    let plain = read_plainly(plan, text.as_bytes());
                    assert_eq!(read(plan, text.as_bytes(), u64::MAX), plain, "{format:?} {text:?}");
                });
            }
        }
    }

    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..200), comma: bool) {
        let delimiter = if comma { Delimiter::Char(',') } else { Delimiter::Whitespace };
        let format = dialect(delimiter, Some(b'#')).unwrap();
        for dtype in RECORDS.iter().chain(&SCALARS) {
            with_plan(dtype, format, None, 2, |plan| read(plan, &bytes, u64::MAX));
        }
    }

    #[test]
    fn floats_are_those_of_the_standard_library(bits: u64, digits in 0..18usize) {
        let value = f64::from_bits(bits);
        for text in [format!("{value}"), format!("{value:e}"), format!("{value:.digits$e}")] {
            let expected: f64 = text.parse().unwrap();
            with_plan("f8", Format::default(), None, 1, |plan| {
                let (out, rows, ..) = read(plan, text.as_bytes(), u64::MAX);
                assert_eq!(rows, 1, "{text}");
                let got = f64::from_le_bytes(out.try_into().unwrap());
                assert!(got.to_bits() == expected.to_bits() || got.is_nan() && expected.is_nan(), "{text}");
            });
        }
    }
}

#[test]
fn every_length_of_digits_is_read() {
    for n in 1..=19 {
        for digit in ['1', '9'] {
            let text: String = core::iter::repeat_n(digit, n).collect();
            let expected: u64 = text.parse().unwrap();
            with_plan("u8", Format::default(), None, 1, |plan| {
                let (out, ..) = read(plan, text.as_bytes(), u64::MAX);
                assert_eq!(u64::from_le_bytes(out.try_into().unwrap()), expected);
            });
        }
    }
}

#[test]
fn bytes_of_holes_are_zero() {
    with_plan(RECORDS[3], Format::default(), None, 0, |plan| {
        let (out, rows, ..) = read(plan, b"abc 1 2.5\nabcdef -1 7\n", u64::MAX);
        assert_eq!(rows, 2);
        for row in out.chunks(32) {
            assert!(row[4..12].iter().chain(&row[17..20]).chain(&row[28..]).all(|&b| b == 0));
        }
    });
}

#[test]
fn a_full_output_stops_and_goes_on() {
    with_plan("i4", Format::default(), None, 1, |plan| {
        let text = b"1\n# c\n2\n\n3\n";
        let mut input = text.to_vec();
        input.resize(text.len() + PADDING, 0);
        let text = Text::new(&mut input, 11).unwrap();
        let mut out = [0; 4 + OVERRUN];
        let mut from = 0;
        for (value, lines) in [(1, 1), (2, 2), (3, 2)] {
            let span = Span { from, ..Span::whole(&text) };
            let progress = parse(plan, text, span, u64::MAX, &mut out, &mut BadRows::stop());
            assert_eq!((progress.rows, progress.lines), (1, lines));
            assert_eq!(out[0], value);
            from = progress.used;
        }
        let progress = whole(plan, text, 0, &mut out);
        assert_eq!((progress.rows, progress.stop), (0, Stop::OutputFull));
    });
}

#[test]
fn rows_without_bytes_need_room_all_the_same() {
    with_plan("S0", Format::default(), None, 1, |plan| {
        let mut input = b"abc\n".to_vec();
        input.resize(4 + PADDING, 0);
        let text = Text::new(&mut input, 4).unwrap();
        let mut guarded = [7; OVERRUN];
        let progress = whole(plan, text, u64::MAX, &mut guarded[..OVERRUN - 1]);
        assert_eq!((progress.rows, progress.stop), (0, Stop::OutputFull));
        assert_eq!(guarded, [7; OVERRUN]);
        assert_eq!(whole(plan, text, u64::MAX, &mut guarded).rows, 1);
    });
}

#[test]
fn columns_beyond_all_are_refused_not_wrapped() {
    with_plan("i4", Format::default(), Some(&[0, i32::MAX]), 0, |plan| {
        let (.., fault) = read(plan, b"1 2\n", u64::MAX);
        let kind = FaultKind::ColumnIndex { index: i32::MAX, found: 2 };
        assert_eq!(fault.unwrap().kind, kind);
    });
}

#[test]
fn many_columns_in_any_order_are_read() {
    let list: Vec<i32> =
        (0..1000).map(|i| (i * 389 + 7) % 1000 - if i % 3 == 0 { 1000 } else { 0 }).collect();
    let text = (0..1000).map(|i| format!("{i}")).collect::<Vec<_>>().join(" ");
    with_plan("i4", Format::default(), Some(&list), 0, |plan| {
        let (out, rows, ..) = read(plan, text.as_bytes(), u64::MAX);
        assert_eq!(rows, 1);
        for (bytes, index) in out.chunks(4).zip(&list) {
            assert_eq!(i32::from_le_bytes(bytes.try_into().unwrap()), index.rem_euclid(1000));
        }
    });
}

#[test]
fn bad_utf8_is_found_behind_good_rows_and_even_in_comments() {
    with_plan("i4", Format::default(), None, 1, |plan| {
        let (out, rows, lines, fault) = read(plan, b"1\n2\n# \xff\n3\n", u64::MAX);
        let fault = fault.unwrap();
        assert_eq!((out.len(), rows, lines, fault.start, fault.line), (8, 2, 2, 6, 2));
        assert_eq!((fault.kind, fault.column), (FaultKind::Encoding, 0));
        let (.., fault) = read(plan, b"1\nx\n\xff", u64::MAX);
        assert!(matches!(fault.unwrap().kind, FaultKind::Convert { slot: 0 }));
        let (_, rows, _, fault) = read(plan, b"1\n2\n\xff", 1);
        assert_eq!((rows, fault), (1, None));
    });
}

#[test]
fn bad_rows_are_left_out_and_the_first_ones_kept() {
    with_plan("i4", Format::default(), None, 1, |plan| {
        let text = b"1\nx\n2\n\xff\n3 4\n# \xff\n\n5\ny\n";
        let mut input = text.to_vec();
        input.resize(text.len() + PADDING, 0);
        let input = Text::new(&mut input, text.len()).unwrap();
        let mut out = vec![0; 1000];
        let mut kept = [Fault::NONE; 3];
        let mut bad = BadRows::skip(&mut kept);
        let progress = parse(plan, input, Span::whole(&input), u64::MAX, &mut out, &mut bad);
        assert_eq!((progress.rows, progress.lines, progress.stop), (3, 9, Stop::InputEnd));
        assert_eq!((out[0], out[4], out[8], bad.count()), (1, 2, 5, 5));
        let places: Vec<_> = bad.first().iter().map(|f| (f.line, f.row, f.start)).collect();
        assert_eq!(places, [(1, 1, 2), (3, 2, 6), (4, 2, 8)]);
        assert_eq!(bad.first()[2].kind, FaultKind::ColumnsChanged { from: 1, to: 2 });
    });
}

/// Once the kernels took the end of the text for that of its last line, unless there were quotes.
#[test]
fn a_line_that_goes_on_behind_the_text_is_left_alone() {
    for quote in [None, Some('"')] {
        for text in ["1\n12", "1\n1\r", "1\n", "12", "1\r"] {
            let format = Format::new(Dialect { quote, ..Dialect::default() }).unwrap();
            with_plan("i4", format, None, 1, |plan| {
                let mut input = text.as_bytes().to_vec();
                input.resize(text.len() + PADDING, 0);
                let input = Text::new(&mut input, text.len()).unwrap();
                let span = Span { ends: false, ..Span::whole(&input) };
                let (mut out, mut bad) = (vec![0; 100], BadRows::stop());
                let progress = parse(plan, input, span, u64::MAX, &mut out, &mut bad);
                let whole = if text.starts_with("1\n") { 2 } else { 0 };
                assert_eq!((progress.used, progress.rows), (whole, whole as u64 / 2), "{text:?}");
                let stop = if whole == text.len() { Stop::InputEnd } else { Stop::Incomplete };
                assert_eq!(progress.stop, stop, "{text:?}");
            });
        }
    }
}

#[test]
fn a_fault_in_quotes_is_at_its_own_line() {
    let quoted =
        Dialect { delimiter: Delimiter::Char(','), quote: Some('"'), ..Dialect::default() };
    with_plan("a:S3,b:i4", Format::new(quoted).unwrap(), None, 0, |plan| {
        let (_, rows, lines, fault) = read(plan, b"a,1\n\"b\n\n\",x\n", u64::MAX);
        let fault = fault.unwrap();
        assert_eq!((rows, lines, fault.line, fault.column), (1, 1, 3, 2));
        let (_, rows, lines, fault) = read(plan, b"\"b\r\n\",1\nc,2\n", u64::MAX);
        assert_eq!((rows, lines, fault), (2, 3, None));
    });
}

/// Reads a text of which everything can be said; the rows' bytes, and how far it came.
fn read_with(
    dtype: &str,
    options: PlanOptions<'_>,
    columns: u32,
    text: &[u8],
    bad: &mut BadRows<'_>,
) -> (Vec<u8>, Progress) {
    let dtype = DTypeBuf::parse(dtype).unwrap();
    let count = columns_needed(dtype.as_dtype(), options.usecols).unwrap();
    let mut storage = vec![Column::default(); count];
    let plan = Plan::compile(dtype.as_dtype(), &options, &mut storage).unwrap();
    let plan = plan.with_columns(columns).unwrap();
    let mut input = text.to_vec();
    input.resize(text.len() + PADDING, 0xEE);
    let input = Text::new(&mut input, text.len()).unwrap();
    let mut out = vec![0xAA; (text.len() + 1) * plan.row_size() + OVERRUN];
    let progress = parse(&plan, input, Span::whole(&input), u64::MAX, &mut out, bad);
    out.truncate(progress.rows as usize * plan.row_size());
    (out, progress)
}

/// Of the comment strings that are looked for in a whole text there are as many as there is
/// room for; with more of them each line is looked at alone.
#[test]
fn any_number_of_comment_strings_cuts_lines() {
    for count in 1..12 {
        let strings: Vec<_> = (1..=count).map(|i| format!("-{i:02}")).collect();
        let strings = strings.join("\n");
        let dialect = Dialect { comments: Comments::Strings(&strings), ..Dialect::default() };
        let format = Format::new(dialect).unwrap();
        let lines: Vec<_> = (1..=count).map(|i| format!("a\nb-{i:02}\n")).collect();
        let text = lines.concat();
        with_plan("S9", format, None, 1, |plan| {
            let (rows, ..) = read(plan, text.as_bytes(), u64::MAX);
            assert_eq!(rows, b"a\0\0\0\0\0\0\0\0b\0\0\0\0\0\0\0\0".repeat(count), "{count}");
        });
    }
}

/// A field that is not of a type that was guessed is no fault of its row; any other is.
#[test]
fn only_guessed_types_stop_what_leaves_bad_rows_out() {
    // Node 1 is the first column, node 2 the second one.
    for (found, guessed, stops) in [
        (Found::Nodes(&[1]), false, [false, false]),
        (Found::Nodes(&[1]), true, [true, false]),
        (Found::Everything, true, [true, true]),
        (Found::Nothing, true, [false, false]),
    ] {
        for (text, stops) in [("1 2\nx 2\n3 4\n", stops[0]), ("1 2\n1 x\n3 4\n", stops[1])] {
            let options = PlanOptions { found, guessed, ..PlanOptions::default() };
            let mut kept = [Fault::NONE; 1];
            let mut bad = BadRows::skip(&mut kept);
            let (_, progress) = read_with("a:i4,b:i4", options, 0, text.as_bytes(), &mut bad);
            let stopped = matches!(progress.stop, Stop::Fault(_));
            assert_eq!((stopped, bad.count()), (stops, u64::from(!stops)), "{found:?} {text:?}");
            assert_eq!(progress.rows, if stops { 1 } else { 2 });
        }
    }
}

#[test]
fn what_is_used_ends_with_the_text() {
    let stop = &mut BadRows::stop();
    for text in ["1\n2", "1\n2\n", "1\n\n", "1\r\n2\r", "1 # x"] {
        let (_, progress) = read_with("i4", PlanOptions::default(), 1, text.as_bytes(), stop);
        assert_eq!((progress.used, progress.stop), (text.len(), Stop::InputEnd), "{text:?}");
    }
}

#[test]
fn quotes_within_numbers_are_what_they_stand_for() {
    let stop = &mut BadRows::stop();
    // A digit as the quote: doubled, it is a digit of the number.
    let dialect = Dialect { quote: Some('5'), ..Dialect::default() };
    let options = PlanOptions { format: Format::new(dialect).unwrap(), ..PlanOptions::default() };
    let (rows, progress) = read_with("<i4", options, 1, b"55525\n5125\n", stop);
    assert_eq!(progress.stop, Stop::InputEnd);
    assert_eq!(rows, [52i32, 12].map(i32::to_le_bytes).concat());
}

/// By white space an empty field at the end is none, not even for who asks for it by number.
#[test]
fn a_field_that_does_not_count_has_no_number() {
    let options = PlanOptions { usecols: Some(&[2]), ..PlanOptions::default() };
    let (_, progress) = read_with("S1", options, 0, b"1 2 \n", &mut BadRows::stop());
    let Stop::Fault(fault) = progress.stop else { panic!("{progress:?}") };
    assert_eq!(fault.kind, FaultKind::ColumnIndex { index: 2, found: 2 });
}

#[test]
fn a_record_that_was_counted_makes_no_demands() {
    let kind = |counted| {
        let options = PlanOptions { counted, ..PlanOptions::default() };
        let (_, progress) = read_with("a:i4,b:i4", options, 0, b"1 2\n3\n", &mut BadRows::stop());
        let Stop::Fault(fault) = progress.stop else { panic!("{progress:?}") };
        fault.kind
    };
    assert_eq!(kind(false), FaultKind::ColumnsRequired { need: 2, found: 1 });
    assert_eq!(kind(true), FaultKind::ColumnsChanged { from: 2, to: 1 });
}

/// Rounded in one step: by way of a float32 it would be a tie, and go down.
#[test]
fn float16_values_are_rounded_once() {
    let stop = &mut BadRows::stop();
    let lines = "1.00048828126\n".repeat(40);
    for text in [lines.clone(), lines.replace('\n', "\u{a0}\n")] {
        let (rows, _) = read_with("<f2", PlanOptions::default(), 1, text.as_bytes(), stop);
        assert_eq!(rows, [0x01, 0x3C].repeat(40));
    }
}

#[test]
fn fields_may_lie_in_any_order_and_over_each_other() {
    let stop = &mut BadRows::stop();
    let dtype = |formats, offsets, itemsize| {
        format!(
            "{{'names':['a','b'],'formats':[{formats}],'offsets':[{offsets}],'itemsize':{itemsize}}}"
        )
    };
    for times in [1, 40] {
        for end in ["\n", "\u{a0}\n"] {
            let read = |dtype: &str, line: &str, stop: &mut BadRows<'_>| {
                let text = (String::from(line) + end).repeat(times);
                read_with(dtype, PlanOptions::default(), 0, text.as_bytes(), stop).0
            };
            // What the second one does not need is not what the first one left.
            let over = dtype("'S4','S4'", "0,0", 4);
            assert_eq!(read(&over, "abcd x", stop), b"x\0\0\0".repeat(times));
            let turned = dtype("'<i4','S4'", "4,0", 8);
            assert_eq!(read(&turned, "7 ab", stop), b"ab\0\0\x07\0\0\0".repeat(times));
            // Nothing runs over into bytes of no field.
            let holes = dtype("'S2','<i2'", "0,8", 12);
            let row = b"ab\0\0\0\0\0\0\x05\0\0\0";
            assert_eq!(read(&holes, "abcdefgh 5", stop), row.repeat(times));
        }
    }
}

/// What only stands for a missing value among numbers of the same kind, one row by one and many
/// at once; blanks around it make no difference.
#[test]
fn markers_that_are_numbers_are_minded_everywhere() {
    let marker = Missing { slot: None, role: Role::Marker, text: " -9 " };
    let mut storage = vec![0; missing_size(&[marker]).unwrap()];
    let missing = MissingTable::build(&mut [marker], &mut storage).unwrap();
    let options = PlanOptions { missing, ..PlanOptions::default() };
    let text: String = (0..60).map(|i| if i % 7 == 3 { "-9\n" } else { "-8\n" }).collect();
    let (rows, progress) = read_with("<f8", options, 1, text.as_bytes(), &mut BadRows::stop());
    assert_eq!(progress.rows, 60);
    for (i, value) in rows.as_chunks::<8>().0.iter().enumerate() {
        let expected = if i % 7 == 3 { f64::NAN } else { -8.0 };
        assert_eq!(*value, expected.to_le_bytes(), "{i}");
    }
}

#[test]
fn a_found_width_is_exact_in_every_row() {
    for (dtype, kinds) in [("S3", Unicode::Ucs4), ("<U3", Unicode::Ucs4), ("<U3", Unicode::Utf8)] {
        let options =
            PlanOptions { found: Found::Everything, unicode: kinds, ..PlanOptions::default() };
        let text = "abc\n".repeat(50) + "abcd\n";
        let (_, progress) = read_with(dtype, options, 1, text.as_bytes(), &mut BadRows::stop());
        assert_eq!(progress.rows, 50);
        assert!(matches!(progress.stop, Stop::Fault(_)), "{dtype}");
    }
}

//! The kernels against the plain reading, over many rows and every border of a block.

use std::format;
use std::string::String;
use std::vec;
use std::vec::Vec;

use super::*;
use crate::dtype_buf::DTypeBuf;
use crate::text::{
    Column, Comments, Delimiter, Dialect, Format, PlanOptions, Unicode, columns_needed, exact,
};

/// A generator with a fixed seed (splitmix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn pick<'t>(&mut self, list: &[&'t str]) -> &'t str {
        list[self.below(list.len())]
    }

    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// A number as people write it, or nearly.
fn number(random: &mut Random, strange: usize) -> String {
    let magnitude = 10f64.powi(random.below(12) as i32 - 4);
    let value = (2.0 * random.unit() - 1.0) * magnitude;
    if random.one_in(strange) {
        let odd = [
            "",
            "-",
            "+",
            ".",
            "-.",
            "+5",
            "5.",
            ".5",
            "-.5",
            "1.2.3",
            "1e5",
            "-1E-7",
            "nan",
            "-inf",
            "NaT",
            "1 2",
            " 7",
            "7 ",
            "--1",
            "1-",
            "1,5",
            "\"8\"",
            "0x1",
            "١",
            "1\u{a0}",
            "00000000000000000000000000000001",
            "123456789012345678901234567890",
            "0.00000000000000000000000000000000001",
            "99999999999999999",
            "9999999999999999",
            "18446744073709551615",
            "18446744073709551616",
            "9223372036854775808",
            "-9223372036854775808",
            "-9223372036854775809",
            "2147483648",
            "-2147483648",
            "128",
            "-129",
            "65536",
            "9007199254740993",
            "9007199254740993.0",
            "0.1",
            "-0",
            "-0.0",
            "1/2",
            "1:2",
            "12345678.",
            ".12345678",
            "1.7976931348623157e308",
            "4.35",
            "0.000001",
        ];
        return String::from(random.pick(&odd));
    }
    if strange % 2 == 1 && random.one_in(4) {
        return format!("\"{}\"", random.below(10_000));
    }
    match random.below(10) {
        9 => {
            let text = format!("{:.*e}", random.below(19), value);
            let (mantissa, exponent) = text.split_once('e').unwrap();
            format!("{mantissa}e{:+03}", exponent.parse::<i32>().unwrap())
        }
        0 => format!("{}", random.below(10)),
        1 => format!("{}", random.next() as i64 >> random.below(64)),
        2 => format!("{}", random.next() >> random.below(64)),
        3 => format!("{value:.6}"),
        4 => format!("{value}"),
        5 => format!("{value:.0}"),
        6 => format!("{:.*}", random.below(20), value),
        7 => format!("{value:e}"),
        _ => format!("{}", random.below(100_000) as i64 - 50_000),
    }
}

fn word(random: &mut Random, strange: usize) -> String {
    if strange % 2 == 1 && random.one_in(2) {
        return format!("\"{}\"", quoted(random, strange));
    }
    if random.one_in(strange) {
        return String::from(
            random.pick(&["", "é", "\"q\"", "\"", "a\"b", "#", "\u{2003}", "a b"]),
        );
    }
    let len = if random.one_in(20) { random.below(80) } else { random.below(12) };
    (0..=len).map(|_| char::from(b'a' + random.below(26) as u8)).collect()
}

/// What may be between quotes.
fn quoted(random: &mut Random, strange: usize) -> String {
    if random.one_in(strange) {
        return String::from(random.pick(&["", "\n", "a\"\"b", "a\"b", "é", "\r\n", "\" ", "#"]));
    }
    let len = if random.one_in(9) { random.below(80) } else { random.below(9) };
    (0..len).map(|_| char::from(b"abc;;, \t12."[random.below(11)])).collect()
}

/// A date or a time, as most are written.
fn date(random: &mut Random, strange: usize) -> String {
    if random.one_in(strange) {
        return String::from(random.pick(&[
            "",
            "NaT",
            "2024",
            "2023-02-29",
            "2024-02-30T00:00",
            "1970-01-01T24:00:00",
            "-44-03-15",
            "2024-01-01T00:00:00+01:30",
            "2024-01-01T00:00:00.",
            "2024-01-01Z",
            "2262-04-11T23:47:16.854775808",
            "\"2024-01-01\"",
        ]));
    }
    let [year, month, day, hour, minute, second] =
        [130, 12, 28, 24, 60, 60].map(|n| random.below(n) as u64);
    let date = format!("{}-{:02}-{:02}", 1900 + year, month + 1, day + 1);
    let fraction = random.next() % 1_000_000_000;
    match random.below(8) {
        0 => date,
        1 => format!("{date}T{hour:02}:{minute:02}"),
        2 => format!("{date}T{hour:02}:{minute:02}:{second:02}Z"),
        3 => format!("{date}T{hour:02}:{minute:02}:{second:02}.{:03}", fraction / 1_000_000),
        4 => format!("{date}T{hour:02}:{minute:02}:{second:02}.{fraction:09}Z"),
        _ => format!("{date}T{hour:02}:{minute:02}:{second:02}"),
    }
}

/// A text of many rows, most of them plain. `kinds` has a letter for each column.
fn table(random: &mut Random, kinds: &str, delimiter: &str, strange: usize) -> String {
    let mut text = String::new();
    let rows = random.below(60);
    let end = random.pick(&["\n", "\n", "\n", "\r\n"]);
    let around = if random.one_in(4) { random.pick(&["", " ", "  "]) } else { "" };
    for _ in 0..rows {
        if random.one_in(strange) {
            text +=
                random.pick(&["\n", "#\n", "  \n", "# a\r", "\r", "\r\r\n", "\t\n", "1\n", "\n\n"]);
        }
        text += around;
        for (i, kind) in kinds.chars().enumerate() {
            if i > 0 {
                text += delimiter;
                if random.one_in(strange) {
                    text += random.pick(&[" ", "\t", delimiter]);
                }
            }
            text += &match kind {
                's' => word(random, strange),
                'd' => date(random, strange),
                _ => number(random, strange),
            };
        }
        if random.one_in(strange) {
            text += random.pick(&[" ", "\t ", "#", " # 1,2", "\r", " \r"]);
        }
        text += end;
    }
    if random.one_in(3) {
        text.truncate(text.trim_end_matches(['\r', '\n']).len());
    }
    text
}

fn with_plan<T>(
    dtype: &str,
    format: Format<'_>,
    usecols: Option<&[i32]>,
    columns: u32,
    unicode: Unicode,
    run: impl FnOnce(&Plan<'_>) -> T,
) -> T {
    let dtype = DTypeBuf::parse(dtype).unwrap();
    let count = columns_needed(dtype.as_dtype(), usecols).unwrap();
    let mut storage = vec![Column::default(); count];
    let options = PlanOptions { format, unicode, usecols, ..PlanOptions::default() };
    let plan = Plan::compile(dtype.as_dtype(), &options, &mut storage).unwrap();
    run(&plan.with_columns(columns).unwrap())
}

const LEAD: usize = 64;

/// Reads with `kernel` from every place where a row starts that the last call left off at, and
/// compares all rows and places with the plain reading. Answers how many rows the kernel read.
fn check(
    plan: &Plan<'_>,
    text: &str,
    until: usize,
    kernel: impl Fn(*const u8, usize, usize, *mut u8, u64) -> Rows,
) -> u64 {
    let mut input = vec![b'7'; LEAD];
    input.extend_from_slice(text.as_bytes());
    let len = input.len();
    input.push(b'\n');
    input.resize(len + PADDING, b'3');
    let size = plan.row_size();
    let until = (LEAD + until).min(len);
    let (mut at, mut sure) = (LEAD, 0);
    while at < until {
        let room = text.len() + 1;
        let mut out = vec![0xAA; room * size + OVERRUN];
        let limit = if sure % 3 == 0 { 5 } else { room as u64 };
        let read = kernel(input.as_ptr(), at, until, out.as_mut_ptr(), limit);
        assert!(read.rows <= limit);
        sure += read.rows;
        for row in out.chunks(size.max(1)).take(read.rows as usize) {
            assert!(at < until, "a row behind the end");
            let mut expected = vec![0xAA; size];
            at = plainly(plan, &input, len, at, Some(&mut expected));
            let line = &input[at.saturating_sub(LEAD)..at];
            assert_eq!(row, expected, "{:?}", String::from_utf8_lossy(line));
        }
        // A sentinel counts as a line end.
        assert_eq!(read.at.min(len), at);
        if at < until && read.rows < limit {
            at = plainly(plan, &input, len, at, None);
        }
    }
    sure
}

/// Reads the record at `at`, if `out` is given, and answers where the next one starts.
fn plainly(plan: &Plan<'_>, input: &[u8], len: usize, at: usize, out: Option<&mut [u8]>) -> usize {
    let text = &input[..len];
    let (end, next) = crate::text::record(text, at, &plan.format(), true).unwrap();
    if let Some(out) = out {
        assert_eq!(exact::read(plan, &text[at..end], out), Ok(true), "{:?}", &text[at..end]);
    }
    next
}

const TABLES: [(&str, &str, u32); 18] = [
    ("s:S10,pos:i4,pct:f4,c:i4,t:i4", "snnnn", 0),
    ("a:f8,b:u1,c:S3,d:>i2,e:U2", "nnsns", 0),
    ("a:?,b:>f8,c:f2,d:i8,e:u8", "nnnnn", 0),
    (
        "{'names':['a','b','c'],'formats':['S5','<i4','<f8'],'offsets':[12,0,20],'itemsize':32}",
        "snn",
        0,
    ),
    ("a:i1,b:S20,c:m8[s]", "nsn", 0),
    ("a:S70,b:S40,c:S1", "sss", 0),
    ("s:S4", "s", 0),
    ("f8", "nnnnnnnnnn", 10),
    ("f8", "n", 1),
    ("f4", "nnn", 3),
    ("i4", "nnnn", 4),
    ("i8", "nn", 2),
    (">u2", "n", 1),
    ("u8", "nnnnn", 5),
    ("S5", "sss", 3),
    ("U3", "ss", 2),
    ("at:M8[s],n:i4,day:>M8[D]", "dnd", 0),
    ("M8[ns]", "ddd", 3),
];

fn formats() -> [(Format<'static>, &'static str); 8] {
    let dialect = Dialect::default();
    let by = |c: char| Dialect { delimiter: Delimiter::Char(c), ..dialect };
    let format = |dialect: Dialect<'static>| Format::new(dialect).unwrap();
    [
        (format(dialect), " "),
        (format(dialect), "\t  "),
        (format(by(',')), ","),
        (format(by('\t')), "\t"),
        (format(by(' ')), " "),
        (format(Dialect { quote: Some('"'), ..by(',') }), ","),
        (format(Dialect { quote: Some('"'), comments: Comments::None, ..by(';') }), ";"),
        (format(Dialect { decimal: b',', quote: Some('"'), ..dialect }), " "),
    ]
}

/// Tables for all plans and formats; `run` answers rows that were sure.
fn for_all(rounds: usize, mut run: impl FnMut(&Plan<'_>, &str, usize) -> u64) {
    let mut random = Random(20_261_122);
    let (mut sure, mut total) = (0, 0);
    for round in 0..rounds {
        for (format, delimiter) in formats() {
            for (dtype, kinds, columns) in TABLES {
                let strange = [8, 60, 4000, 61, 4001][round % 5];
                let mut text = table(&mut random, kinds, delimiter, strange);
                if format.decimal() == b',' {
                    text = text.replace('.', ",");
                }
                let until =
                    if random.one_in(3) { random.below(text.len() + 1) } else { text.len() };
                let unicode = if random.one_in(2) { Unicode::Ucs4 } else { Unicode::Utf8 };
                sure += with_plan(dtype, format, None, columns, unicode, |plan| {
                    run(plan, &text, until)
                });
                total += text.lines().count() as u64;
            }
        }
    }
    assert!(sure * 5 > total, "{sure} of {total}");
}

#[test]
fn rows_are_those_of_the_plain_reading() {
    let rounds = if cfg!(debug_assertions) { 10 } else { 600 };
    for_all(rounds, |plan, text, until| {
        check(plan, text, until, |text, at, until, out, limit| {
            // SAFETY: `check` gives a text with padding, and room for so many rows.
            unsafe { rows(plan, text, at, until, out, limit) }
        })
    });
}

#[cfg(target_arch = "x86_64")]
#[test]
fn batches_of_every_size_are_those_of_the_plain_reading() {
    let rounds = if cfg!(debug_assertions) { 5 } else { 300 };
    let machines =
        [(cpu::Level::Avx2, batch::avx2 as batch::Read), (cpu::Level::Avx512, batch::avx512)];
    for (_, read) in machines.into_iter().filter(|(level, _)| *level <= cpu::level()) {
        let reach = core::cell::Cell::new(1);
        for_all(rounds, |plan, text, until| {
            let marks = Marks::new(plan.format.plain().unwrap());
            check(plan, text, until, |text, at, until, out, limit| {
                reach.set(reach.get() % 2_000 + 1);
                // SAFETY: `at` is in the text.
                let base = unsafe { text.add(at) };
                let stretch =
                    batch::Stretch { base, until: until - at, reach: reach.get(), out, limit };
                // SAFETY: the processor was asked, and `check` gives the rest.
                let done = unsafe { read(plan, &marks, stretch) };
                Rows { rows: done.rows as u64, at: at + done.bytes }
            })
        });
    }
}

#[test]
fn chosen_columns_are_those_of_the_plain_reading() {
    let mut random = Random(4);
    let (mut sure, rounds) = (0, if cfg!(debug_assertions) { 300 } else { 30_000 });
    for round in 0..rounds {
        let list: Vec<i32> = (0..=random.below(3)).map(|_| random.below(8) as i32 - 4).collect();
        for (format, delimiter) in formats().into_iter().take(5) {
            let (dtype, kinds) = if random.one_in(3) { ("S6", "ssss") } else { ("f8", "nnnn") };
            let text = table(&mut random, kinds, delimiter, [8, 60, 4000][round % 3]);
            sure += with_plan(dtype, format, Some(&list), 0, Unicode::Ucs4, |plan| {
                check(plan, &text, text.len(), |text, at, until, out, limit| {
                    // SAFETY: `check` gives a text with padding, and room for so many rows.
                    unsafe { rows(plan, text, at, until, out, limit) }
                })
            });
        }
    }
    assert!(sure > 10 * rounds as u64);
}

#[cfg(target_arch = "x86_64")]
#[test]
fn plain_quotes_are_not_left_alone() {
    let format = formats()[5].0;
    let line = |n| format!("\"a,{n}\",{n},\"{n}.5\",\"\"\n");
    let text = (0..300).map(line).collect::<Vec<_>>().concat();
    with_plan("a:S9,b:i4,c:f8,d:S2", format, None, 0, Unicode::Ucs4, |plan| {
        let sure = check(plan, &text, text.len(), |text, at, until, out, limit| {
            // SAFETY: `check` gives a text with padding, and room for so many rows.
            unsafe { rows(plan, text, at, until, out, limit) }
        });
        assert_eq!(sure, if cpu::level() == cpu::Level::Base { 0 } else { 300 });
    });
}

/// Reads with every machine there is, as `check` does, and with rows one by one.
#[cfg(target_arch = "x86_64")]
fn check_all(plan: &Plan<'_>, text: &str, until: usize, reach: usize) -> u64 {
    let marks = Marks::new(plan.format.plain().unwrap());
    let mut sure = check(plan, text, until, |text, at, until, out, limit| {
        // SAFETY: `check` gives a text with padding, and room for so many rows.
        unsafe { rows(plan, text, at, until, out, limit) }
    });
    for (level, read) in
        [(cpu::Level::Avx2, batch::avx2 as batch::Read), (cpu::Level::Avx512, batch::avx512)]
    {
        if level > cpu::level() {
            continue;
        }
        sure += check(plan, text, until, |text, at, until, out, limit| {
            // SAFETY: `at` is in the text.
            let base = unsafe { text.add(at) };
            let stretch = batch::Stretch { base, until: until - at, reach, out, limit };
            // SAFETY: the processor was asked, and `check` gives the rest.
            let done = unsafe { read(plan, &marks, stretch) };
            Rows { rows: done.rows as u64, at: at + done.bytes }
        });
    }
    sure
}

/// Everything that may stand at the border between two blocks of 64 bytes, at all places
/// around it.
#[cfg(target_arch = "x86_64")]
#[test]
fn borders_of_blocks_are_places_like_others() {
    let odd = [
        "\"x\",1\n",
        "\"x\"y,1\n",
        "\"x\"\"y\",1\n",
        "\"x\"\"\",1\n",
        "x\"y\",1\n",
        "\"x\ny\",1\n",
        "\"x,y\",1\n",
        "\"\",1\n",
        "x#y,1\n",
        "x,1 # y\n",
        "xé,1\n",
        "x,1\r\n",
        "x,1\r\n\r\n",
        "x,1\r\r\n",
        "x,1\n\n",
        "x\ny\n",
        "x,\n1,2\n",
        "x,1,2\n",
        "x,\"1\"\n",
        "x,\"1\"\r\n",
        "x, 1\n",
        "\n\nx,1\n",
    ];
    let mut sure = 0;
    let format = formats()[5].0;
    for dtype in ["a:S70,b:i4", "a:U70,b:f8"] {
        with_plan(dtype, format, None, 0, Unicode::Utf8, |plan| {
            for odd in odd {
                for pad in 0..132 {
                    let fill = "p".repeat(pad % 66);
                    let lead = if pad < 66 { "" } else { "q,7\n" };
                    let text = format!("{lead}{fill},5\n{odd}z,6\n{odd}\"w\",8\n");
                    sure += check_all(plan, &text, text.len(), 1 << 12);
                    // And the border within a quoted field.
                    let text = format!("{lead}\"{fill}\",5\n\"{fill}{odd}z,6\n");
                    sure += check_all(plan, &text, text.len(), 64);
                }
            }
        });
    }
    assert!(sure > 10_000);
}

/// Lines that start where a range ends are not read, also if that is the border of a block.
#[cfg(target_arch = "x86_64")]
#[test]
fn a_range_may_end_with_a_block() {
    with_plan("i4", formats()[2].0, None, 2, Unicode::Ucs4, |plan| {
        for len in [4, 8, 16, 32, 64] {
            let line = format!("{:0>width$},1\n", 7, width = len - 3);
            let text = line.repeat(512 / len);
            for until in [64, 128, 192, 256, 63, 65, 129] {
                check_all(plan, &text, until, 1 << 12);
                check_all(plan, &text[..until], until, 1 << 12);
            }
        }
    });
}

/// Half-way between two floats, and numbers as long as a register and longer.
#[cfg(target_arch = "x86_64")]
#[test]
fn edges_of_numbers_are_those_of_the_plain_reading() {
    let mut numbers: Vec<String> = Vec::new();
    for k in 1..=4u32 {
        for odd in 0..24u64 {
            let ways = (1u64 << 53) + 2 * odd + 1;
            let fraction = (ways % (1 << k)) * 5u64.pow(k) * 10u64.pow(4 - k);
            let text = format!("{}.{fraction:04}", ways >> k);
            numbers.push(String::from(text.trim_end_matches('0')));
        }
    }
    for len in 14..40 {
        for tail in ["7", "1234567890123456789", "0.5", ".5", "5.", "123456789.0123456789", "1e5"] {
            for head in ["", "-", "+", "1", "-1"] {
                if let Some(zeros) = usize::checked_sub(len, head.len() + tail.len()) {
                    numbers.push(format!("{head}{}{tail}", "0".repeat(zeros)));
                }
            }
        }
    }
    let mut sure = 0;
    for (dtype, columns) in [("f8", 1), ("f4", 1), ("i8", 1), ("u8", 1), ("f8", 3)] {
        with_plan(dtype, formats()[2].0, None, columns, Unicode::Ucs4, |plan| {
            for lines in numbers.chunks(21) {
                for by in [1, 2, 5] {
                    let turned = lines.iter().cycle().step_by(by).take(21);
                    let mut text = String::new();
                    for (i, number) in turned.enumerate() {
                        let last = i % columns as usize + 1 == columns as usize;
                        text += number;
                        text += if last { "\n" } else { "," };
                    }
                    sure += check_all(plan, &text, text.len(), 1 << 12);
                }
            }
        });
    }
    assert!(sure > 2_000);
}

/// Once the line end behind a batch's last byte was taken for one that had been counted: so the
/// first two lines passed for a row of two fields.
#[cfg(target_arch = "x86_64")]
#[test]
fn a_quote_at_the_end_of_a_batch_ends_no_row() {
    let text = format!("1\n2\n3,\"{}\"\n", "x".repeat(56));
    with_plan("a:S1,b:S60", formats()[5].0, None, 0, Unicode::Ucs4, |plan| {
        let marks = Marks::new(plan.format.plain().unwrap());
        let mut input = vec![b'7'; LEAD];
        input.extend_from_slice(text.as_bytes());
        input.resize(input.len() + PADDING, b'3');
        let mut out = vec![0; 10 * plan.row_size() + OVERRUN];
        for (level, read) in
            [(cpu::Level::Avx2, batch::avx2 as batch::Read), (cpu::Level::Avx512, batch::avx512)]
        {
            if level > cpu::level() {
                continue;
            }
            let base = input[LEAD..].as_ptr();
            let stretch = batch::Stretch {
                base,
                until: text.len(),
                reach: 64,
                out: out.as_mut_ptr(),
                limit: 10,
            };
            // SAFETY: the processor was asked; there is padding, and room for ten rows.
            assert_eq!(unsafe { read(plan, &marks, stretch) }.rows, 0);
        }
    });
}

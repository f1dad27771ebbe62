//! The types that are found in a text: enough for every field, no larger than they must be, and
//! the same from however many parts.

use ndshm::dtype_buf::DTypeBuf;
use ndshm::text::{
    BadRows, Column, Comments, Delimiter, Dialect, Fault, Format, Found, FoundType, Look, Looks,
    Missing, MissingTable, PADDING, Plan, PlanOptions, Role, Seen, Span, Stop, Table, Text,
    columns_needed, look, missing_size, start_from,
};

use super::bytes::Bytes;
use super::text_case::read;

/// What looking at a text needs.
struct Case<'t> {
    dialect: Dialect<'static>,
    missing: Vec<Missing<'static>>,
    text: &'t [u8],
    columns: u32,
    skip: bool,
}

/// Some bytes choose the format, the columns and the cuts; the text follows.
pub(crate) fn check(bytes: &[u8]) {
    let mut bytes = Bytes::new(bytes);
    let choice = bytes.u8();
    let columns = 1 + bytes.below(4) as u32;
    let cuts: [u16; 2] = core::array::from_fn(|_| bytes.u32() as u16);
    let marker = |text| Missing { slot: None, role: Role::Marker, text };
    let missing = [&[][..], &["NA"], &["", "NA"], &[" -9 ", ""]][usize::from(choice >> 6)];
    let delimiters = [Delimiter::Char(','), Delimiter::Whitespace, Delimiter::Char('\t')];
    let case = Case {
        dialect: Dialect {
            delimiter: *delimiters.get(usize::from(choice & 3)).unwrap_or(&delimiters[0]),
            comments: if choice & 4 == 0 { Comments::Char('#') } else { Comments::None },
            quote: (choice & 0x18 == 0x18).then_some('"'),
            ..Dialect::default()
        },
        missing: missing.iter().map(|text| marker(*text)).collect(),
        text: bytes.rest(),
        columns,
        skip: choice & 0x20 == 0x20,
    };
    let Some((seen, rows)) = case.look(Span::whole, case.text) else { return };
    case.is_found_in_parts(&seen, cuts);
    let found: Option<Vec<_>> = seen.iter().map(Seen::found).collect();
    let Some(found) = found else { return assert_eq!(rows, 0, "rows without fields") };
    let values = case.parse(&found).expect("a type that every field has");
    assert_eq!(values.0, rows);
    case.is_least(&found);
    case.is_what_is_written(&found, &values.1);
}

impl Case<'_> {
    fn with_plan<T>(&self, dtype: &str, found: Found<'_>, run: impl FnOnce(&Plan<'_>) -> T) -> T {
        let dtype = DTypeBuf::parse(dtype).expect("a dtype");
        let needed = columns_needed(dtype.as_dtype(), None).expect("few");
        let mut columns = vec![Column::default(); needed];
        let mut texts = self.missing.clone();
        let mut storage = vec![0; missing_size(&texts).expect("short texts")];
        let missing = MissingTable::build(&mut texts, &mut storage).expect("room");
        let format = Format::new(self.dialect).expect("a format");
        let options =
            PlanOptions { format, found, missing, counted: true, ..PlanOptions::default() };
        let plan = Plan::compile(dtype.as_dtype(), &options, &mut columns).expect("a plan");
        run(&plan.with_columns(self.columns).expect("few columns"))
    }

    fn bad<'f>(&self, first: &'f mut [Fault]) -> BadRows<'f> {
        if self.skip { BadRows::skip(first) } else { BadRows::stop() }
    }

    /// What a span shows, and its rows; `None` if a row is bad.
    fn look(&self, span: impl Fn(&Text<'_>) -> Span, text: &[u8]) -> Option<(Vec<Seen>, u64)> {
        self.with_plan("U1", Found::Nothing, |plan| {
            let mut bytes = text.to_vec();
            bytes.resize(text.len() + PADDING, 0xEE);
            let text = Text::new(&mut bytes, text.len()).expect("padding");
            let mut seen = vec![Seen::default(); plan.column_count()];
            let mut row = vec![0; plan.row_size()];
            let mut table = Table::new(plan, Looks::All(Look::Type), &mut seen, &mut row);
            let bad = &mut self.bad(&mut []);
            let progress = look(plan, text, span(&text), u64::MAX, &mut table, bad);
            (progress.stop == Stop::InputEnd).then_some((seen, progress.rows))
        })
    }

    /// Each part of the text shows something; merged in any order it is what all of it shows.
    fn is_found_in_parts(&self, whole: &[Seen], mut cuts: [u16; 2]) {
        if self.dialect.quote.is_some() {
            return;
        }
        cuts.sort_unstable();
        let len = self.text.len();
        let [a, b] = cuts.map(|cut| usize::from(cut) % (len + 1));
        let (a, b) = (a.min(b), a.max(b));
        let parts = [(0, a), (a, b), (b, len)].map(|(from, until)| {
            let from = start_from(self.text, from, true).expect("the text ends");
            self.look(|_| Span { from, until, ends: true }, self.text).expect("good rows").0
        });
        for order in [[0, 1, 2], [2, 0, 1], [1, 2, 0], [2, 1, 0]] {
            let mut merged = vec![Seen::default(); whole.len()];
            for part in order {
                merged.iter_mut().zip(&parts[part]).for_each(|(all, here)| all.merge(here));
            }
            assert_eq!(merged, whole, "{order:?} of {}", self.text.escape_ascii());
        }
    }

    /// The rows with these types; `None` if a field does not have its type.
    fn parse(&self, found: &[FoundType]) -> Option<(u64, Vec<u8>)> {
        self.with_plan(&dtype_of(found), Found::Everything, |plan| {
            let mut first = [Fault::NONE; 1];
            let limits = (self.text.len() + 1, u64::MAX);
            let read = if self.skip {
                // A type that was guessed is no fault of the row: see `is_least`.
                read(plan, self.text, None, limits, &mut self.bad(&mut first))
            } else {
                read(plan, self.text, None, limits, &mut BadRows::stop())
            };
            let done = read.progress.stop == Stop::InputEnd;
            done.then_some((read.progress.rows, read.rows))
        })
    }

    /// The next smaller type of each column does not take all of its fields.
    fn is_least(&self, found: &[FoundType]) {
        let all = self.parse(found).map(|(rows, _)| rows);
        for (i, &here) in found.iter().enumerate() {
            for smaller in smaller(here) {
                let mut types = found.to_vec();
                types[i] = smaller;
                let rows = self.parse(&types).map(|(rows, _)| rows);
                // Rows that are not of the type are left out, if bad ones are.
                assert_ne!(rows, all, "{here:?} {smaller:?} {}", self.text.escape_ascii());
            }
        }
    }

    /// What the plainest of tables says, read by the standard library.
    fn is_what_is_written(&self, found: &[FoundType], rows: &[u8]) {
        let Ok(text) = core::str::from_utf8(self.text) else { return };
        let plain = self.dialect.delimiter == Delimiter::Char(',')
            && self.dialect.quote.is_none()
            && self.missing.is_empty()
            && !self.skip
            && !text.contains(['#', '\r']);
        if !plain {
            return;
        }
        let lines: Vec<_> = text.split('\n').filter(|line| !line.is_empty()).collect();
        let size = rows.len() / lines.len().max(1);
        for (line, row) in lines.iter().zip(rows.chunks(size.max(1))) {
            let mut row = row;
            for (field, found) in line.split(',').zip(found) {
                let (value, rest) = row.split_at(width(*found));
                is_value(field, *found, value);
                row = rest;
            }
        }
    }
}

/// Bytes of a value.
const fn width(found: FoundType) -> usize {
    match found {
        FoundType::Bool => 1,
        FoundType::Bytes(n) => n as usize,
        FoundType::Chars(n) => 4 * n as usize,
        _ => 8,
    }
}

fn is_value(field: &str, found: FoundType, value: &[u8]) {
    let trimmed = field.trim_matches(|c: char| c.is_whitespace() || ('\x1c'..='\x1f').contains(&c));
    let word = || u64::from_le_bytes(value.try_into().expect("eight bytes"));
    match found {
        FoundType::Bool => {
            assert_eq!(value[0] == 1, trimmed.eq_ignore_ascii_case("true"), "{field:?}");
        }
        FoundType::Int => assert_eq!(Ok(word().cast_signed()), trimmed.parse(), "{field:?}"),
        FoundType::Uint => assert_eq!(Ok(word()), trimmed.parse(), "{field:?}"),
        FoundType::Float => {
            let expected: f64 = trimmed.parse().expect("a number");
            let value = f64::from_bits(word());
            let same = value.to_bits() == expected.to_bits();
            assert!(same || (value.is_nan() && expected.is_nan()), "{field:?}");
        }
        FoundType::Bytes(_) => {
            let text: Vec<u8> = value.to_vec();
            assert!(text.starts_with(field.as_bytes()), "{field:?}");
            assert!(text[field.len()..].iter().all(|&byte| byte == 0), "{field:?}");
        }
        FoundType::Chars(_) => {
            let points = value.chunks(4).map(|c| u32::from_le_bytes(c.try_into().expect("four")));
            let padded = field.chars().map(u32::from).chain(core::iter::repeat(0));
            assert!(points.clone().eq(padded.take(points.count())), "{field:?}");
        }
    }
}

fn dtype_of(found: &[FoundType]) -> String {
    let of = |(i, found): (usize, &FoundType)| match found {
        FoundType::Bool => format!("f{i}:?"),
        FoundType::Int => format!("f{i}:<i8"),
        FoundType::Uint => format!("f{i}:<u8"),
        FoundType::Float => format!("f{i}:<f8"),
        FoundType::Bytes(n) => format!("f{i}:S{n}"),
        FoundType::Chars(n) => format!("f{i}:<U{n}"),
    };
    found.iter().enumerate().map(of).collect::<Vec<_>>().join(",")
}

/// Types before a type, in their order; of strings the narrower one.
fn smaller(found: FoundType) -> Vec<FoundType> {
    use FoundType::{Bool, Bytes, Chars, Float, Int, Uint};
    let numbers = [Bool, Int, Uint, Float];
    match found {
        Bytes(n) if n > 1 => [&numbers[..], &[Bytes(n - 1)]].concat(),
        Chars(n) if n > 1 => [&numbers[..], &[Chars(n - 1)]].concat(),
        Bytes(_) | Chars(_) => numbers.to_vec(),
        number => numbers.into_iter().take_while(|&smaller| smaller != number).collect(),
    }
}

//! Columns of small tables, and of random ones against the parser.

use super::super::{
    BadRows, Column, Delimiter, Dialect, Fault, Format, MissingTable, PADDING, PlanOptions,
    Progress, Span, Stop, Text, columns_needed, look,
};
use super::*;
use crate::dtype_buf::DTypeBuf;
use crate::text::{Missing, missing_size};
use FoundType::{Bool, Bytes, Chars, Float, Int, Uint};
use proptest::prelude::*;
use std::string::{String, ToString};
use std::vec::Vec;
use std::{format, vec};

/// How a text is looked at.
#[derive(Clone, Copy)]
struct How<'a> {
    dtype: &'a str,
    columns: u32,
    looks: Looks<'a>,
    dialect: Dialect<'a>,
    missing: &'a [Missing<'a>],
    skips: bool,
    /// Every row is looked at closely.
    closely: bool,
}

impl How<'_> {
    fn types(columns: u32) -> How<'static> {
        let dialect = Dialect { delimiter: Delimiter::Char(','), ..Dialect::default() };
        let looks = Looks::All(Look::Type);
        How { dtype: "U1", columns, looks, dialect, missing: &[], skips: false, closely: false }
    }

    fn plan<T>(&self, with: impl FnOnce(&Plan<'_>) -> T) -> T {
        let dtype = DTypeBuf::parse(self.dtype).unwrap();
        let mut columns = vec![Column::default(); columns_needed(dtype.as_dtype(), None).unwrap()];
        let mut texts = self.missing.to_vec();
        let mut storage = vec![0; missing_size(&texts).unwrap()];
        let missing = MissingTable::build(&mut texts, &mut storage).unwrap();
        let format = Format::new(self.dialect).unwrap();
        let options = PlanOptions { format, missing, ..PlanOptions::default() };
        let plan = Plan::compile(dtype.as_dtype(), &options, &mut columns).unwrap();
        with(&plan.with_columns(self.columns).unwrap())
    }

    fn look(&self, text: &str) -> (Vec<Seen>, Progress) {
        self.plan(|plan| {
            let mut bytes = text.as_bytes().to_vec();
            bytes.resize(text.len() + PADDING, 0);
            let text = Text::new(&mut bytes, text.len()).unwrap();
            let mut seen = vec![Seen::default(); plan.column_count()];
            let mut row = vec![0; plan.row_size()];
            let mut table = Table::new(plan, self.looks, &mut seen, &mut row);
            if self.closely {
                table.quick = None;
            }
            let mut first = [Fault::NONE; 3];
            let mut bad = if self.skips { BadRows::skip(&mut first) } else { BadRows::stop() };
            let span = Span::whole(&text);
            let progress = look(plan, text, span, u64::MAX, &mut table, &mut bad);
            (seen, progress)
        })
    }

    fn found(&self, text: &str) -> Vec<Option<FoundType>> {
        let (seen, progress) = self.look(text);
        assert_eq!(progress.stop, Stop::InputEnd, "{text:?}");
        seen.iter().map(Seen::found).collect()
    }
}

fn one(text: &str) -> FoundType {
    How::types(1).found(&(text.to_string() + "\n"))[0].unwrap()
}

#[test]
fn a_field_has_the_first_type_that_converts_it() {
    for (text, found) in [
        ("True", Bool),
        ("tRUE", Bytes(4)),
        ("1", Int),
        ("-9223372036854775808", Int),
        ("9223372036854775808", Uint),
        ("18446744073709551616", Float),
        ("+007", Int),
        ("1.", Float),
        ("1e5", Float),
        ("-inf", Float),
        ("1_0", Bytes(3)),
        ("0x1", Bytes(3)),
        (" 12 ", Int),
        ("\u{2003}7", Int),
        (" a ", Bytes(3)),
        ("é", Chars(1)),
        ("日本\u{1F600}", Chars(3)),
    ] {
        assert_eq!(one(text), found, "{text:?}");
    }
}

#[test]
fn every_type_is_left_for_the_next_one() {
    let types = ["True", "1", "18446744073709551615", "1.5", "x", "é"];
    let mut text = String::new();
    let mut seen = Vec::new();
    for field in types {
        text.extend([field, "\n"]);
        seen.push(How::types(1).found(&text)[0].unwrap());
    }
    // The word is no number: what comes behind it makes a string of all.
    let string = |n| FoundType::Bytes(n);
    assert_eq!(seen[..5], [FoundType::Bool, string(4), string(20), string(20), string(20)]);
    assert_eq!(seen[5], FoundType::Chars(20));
    let numbers = How::types(1).found("1\n18446744073709551615\n");
    assert_eq!(numbers, [Some(FoundType::Uint)]);
}

#[test]
fn missing_values_are_no_integers_unless_their_fill_is_one() {
    let marker = |text| Missing { slot: None, role: Role::Marker, text };
    let fill = |slot, text| Missing { slot, role: Role::Fill, text };
    let found = |missing: &[Missing<'_>], text: &str| {
        let how = How { missing, ..How::types(2) };
        let (mut seen, _) = how.look(text);
        for item in missing.iter().filter(|item| item.role == Role::Fill) {
            if let Some(slot) = item.slot {
                seen[slot as usize].note_fill(Look::Type, item.text, b'.');
            }
        }
        [seen[0].found().unwrap(), seen[1].found().unwrap()]
    };
    let both = [marker("NA"), marker("")];
    assert_eq!(found(&both, "1,a\nNA,bcd\n"), [Float, Bytes(3)]);
    assert_eq!(found(&both, ",\nNA, NA\n"), [Float, Float]);
    assert_eq!(found(&both, "1,a\n NA , NA \n"), [Float, Bytes(4)]);
    assert_eq!(found(&both, "True,True\nNA,x\n"), [Bytes(4), Bytes(4)]);
    // Where they look like values, they are none.
    assert_eq!(found(&[marker("-9")], "1,1.5\n-9,-9\n"), [Float, Float]);
    assert_eq!(found(&[marker("9"), fill(None, "0")], "1,a\n9,9\n"), [Int, Bytes(1)]);
    let own = [marker("9"), fill(Some(0), "0.5"), fill(Some(1), "long"), fill(None, "1")];
    assert_eq!(found(&own, "1,1\n9,9\n"), [Float, Bytes(4)]);
    assert_eq!(found(&own[1..], "1,1\n9,9\n"), [Float, Bytes(4)]);
    assert_eq!(found(&[marker("9"), fill(None, "True")], "True,1\n9,9\n"), [Bool, Float]);
}

#[test]
fn widths_and_units_are_found_beside_known_types() {
    let looks = [Look::Convert, Look::Bytes, Look::Time, Look::Chars];
    let how = How { dtype: "i2,S1,M8[s],U1", looks: Looks::Listed(&looks), ..How::types(4) };
    let (seen, progress) = how.look("1,ab,2020,é\n2,\u{e9}bcd,2020-01-01T00,abc\n3,,NaT,\n");
    assert_eq!((progress.stop, progress.rows), (Stop::InputEnd, 3));
    assert_eq!([seen[1].chars(), seen[3].chars()], [4, 3]);
    assert_eq!([seen[2].unit(), seen[1].unit()], [Some(Unit::Hour), None]);
    assert_eq!(how.look("").0[1].chars(), 1);
    for (text, slot, rows) in [
        ("1,a,2020,a\nx,abc,2020-01,abcd\n", 0, 1),
        ("1,a,2020,a\n1,ab\u{100},2020-01,abcd\n", 1, 1),
        ("1,a,2020,a\n1,ab,2020-13,abcd\n", 2, 1),
    ] {
        let (_, progress) = how.look(text);
        let Stop::Fault(fault) = progress.stop else { panic!("{progress:?}") };
        assert_eq!(fault.kind, crate::text::FaultKind::Convert { slot });
        assert_eq!((progress.rows, fault.line, fault.column), (rows, 1, slot + 1));
        let (seen, progress) = How { skips: true, ..how }.look(text);
        // Nothing of a bad row counts.
        assert_eq!((progress.stop, progress.rows), (Stop::InputEnd, 1));
        assert_eq!([seen[1].chars(), seen[3].chars()], [1, 1]);
        assert_eq!(seen[2].unit(), Some(Unit::Year));
    }
}

#[test]
fn quoted_fields_are_what_is_within_the_quotes() {
    let dialect = Dialect { quote: Some('"'), ..How::types(1).dialect };
    let how = How { dialect, ..How::types(2) };
    let found = how.found("\"12\",\"a\"\"b\nc\"\n \"3\",x\n");
    assert_eq!(found, [Some(FoundType::Bytes(4)), Some(FoundType::Bytes(5))]);
    assert_eq!(how.found("\"12\",\"\"\n")[0], Some(FoundType::Int));
}

#[test]
fn a_decimal_comma_makes_other_numbers() {
    let dialect = Dialect { decimal: b',', delimiter: Delimiter::Char(';'), ..Dialect::default() };
    let how = How { dialect, ..How::types(2) };
    let found = how.found("1,5;1.5\n");
    assert_eq!(found, [Some(FoundType::Float), Some(FoundType::Bytes(3))]);
}

/// Of a row without one of the columns asked for, nothing counts, not even what it has.
#[test]
fn nothing_of_a_row_that_is_too_short_counts() {
    let dtype = DTypeBuf::parse("U1").unwrap();
    let mut columns = [Column::default(); 2];
    let format = Format::new(How::types(1).dialect).unwrap();
    let options = PlanOptions { format, usecols: Some(&[0, 2]), ..PlanOptions::default() };
    let plan = Plan::compile(dtype.as_dtype(), &options, &mut columns).unwrap();
    let mut bytes = b"1,x,2\nabc,y\n3,z,4\n".to_vec();
    let len = bytes.len();
    bytes.resize(len + PADDING, 0);
    let text = Text::new(&mut bytes, len).unwrap();
    let (mut seen, mut row) = ([Seen::default(); 2], vec![0; plan.row_size()]);
    let mut table = Table::new(&plan, Looks::All(Look::Type), &mut seen, &mut row);
    let (mut first, span) = ([Fault::NONE; 1], Span::whole(&text));
    let mut bad = BadRows::skip(&mut first);
    let progress = look(&plan, text, span, u64::MAX, &mut table, &mut bad);
    assert_eq!((progress.rows, bad.count()), (2, 1));
    assert_eq!(seen.map(|seen| seen.found()), [Some(Int), Some(Int)]);
}

fn field() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => (-200i64..200).prop_map(|n| n.to_string()),
        1 => any::<u64>().prop_map(|n| n.to_string()),
        1 => any::<f32>().prop_map(|n| n.to_string()),
        1 => "[ ]{0,2}[+-]?[0-9]{0,3}[.]?[0-9]{0,2}([eE][+-]?[0-9]{0,2})?[ ]{0,1}",
        1 => prop_oneof![Just("true"), Just("FALSE"), Just("nan"), Just("-Infinity")]
            .prop_map(String::from),
        1 => "[a-zé日 ]{0,5}",
    ]
}

fn odd_field() -> impl Strategy<Value = String> {
    let odd = ["", "NA", "-9", "\"a b\"", "#", "1.5.5", ".", "+", "-0", "1.", ".5", "\u{a0}7"];
    prop_oneof![3 => field(), 1 => prop::sample::select(odd.to_vec()).prop_map(String::from)]
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 400,
        rng_seed: proptest::test_runner::RngSeed::Fixed(11),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn the_parts_together_are_the_whole(
        rows in prop::collection::vec((field(), field()), 1..12),
        cuts in prop::collection::vec(0usize..12, 0..4),
    ) {
        let lines: Vec<String> = rows.iter().map(|(a, b)| format!("{a},{b}\n")).collect();
        let how = How::types(2);
        let (whole, _) = how.look(&lines.concat());
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(lines.len())).collect();
        cuts.extend([0, lines.len()]);
        cuts.sort_unstable();
        let parts = cuts.windows(2).map(|cut| how.look(&lines[cut[0]..cut[1]].concat()).0);
        for order in [false, true] {
            let mut parts: Vec<_> = parts.clone().collect();
            if order {
                parts.reverse();
            }
            let mut merged = vec![Seen::default(); 2];
            for part in parts {
                merged.iter_mut().zip(&part).for_each(|(all, here)| all.merge(here));
            }
            prop_assert_eq!(&merged, &whole);
        }
    }

    /// Plain rows are looked at in a shorter way, which says the same.
    #[test]
    fn quick_looks_are_close_looks(
        rows in (1usize..4).prop_flat_map(|columns| {
            prop::collection::vec(prop::collection::vec(odd_field(), columns), 1..6)
        }),
        by in 0usize..4,
        (markers, quotes, strings) in (0usize..4, any::<bool>(), any::<bool>()),
    ) {
        let delimiter = [
            Delimiter::Whitespace,
            Delimiter::Char(','),
            Delimiter::Char('\t'),
            Delimiter::Char('§'),
        ][by];
        let parting = [" ", ",", "\t", "§"][by];
        let text = rows.iter().map(|row| row.join(parting) + "\n").collect::<String>();
        let marker = |slot, text| Missing { slot, role: Role::Marker, text };
        let all = [marker(None, ""), marker(Some(1), "NA"), marker(None, " -9 ")];
        let dialect = Dialect { delimiter, quote: quotes.then_some('"'), ..Dialect::default() };
        let look = if strings { Look::Chars } else { Look::Type };
        let how = How {
            dialect,
            looks: Looks::All(look),
            missing: &all[..markers],
            ..How::types(rows[0].len() as u32)
        };
        let (quick, close) = (how.look(&text), How { closely: true, ..how }.look(&text));
        prop_assert_eq!(quick.1, close.1);
        // Of a row that stops the look, some fields may have been looked at.
        if quick.1.stop == Stop::InputEnd {
            prop_assert_eq!(quick.0, close.0, "{:?}", text);
        }
    }

    /// What is said to have a type is read as that type, and as none before it.
    #[test]
    fn what_is_found_is_what_the_parser_takes(fields in prop::collection::vec(field(), 1..4)) {
        let text = fields.join(",\n") + ",\n";
        let marker = [Missing { slot: None, role: Role::Marker, text: "" }];
        let how = How { missing: &marker, ..How::types(2) };
        let found = how.found(&text)[0].unwrap();
        let order = ["?", "i8", "u8", "f8"];
        let takes = |dtype: &str| parses(dtype, &text);
        let first = order.into_iter().position(takes);
        let expected = match found {
            FoundType::Bool => Some(0),
            FoundType::Int => Some(1),
            FoundType::Uint => Some(2),
            FoundType::Float => Some(3),
            FoundType::Bytes(_) | FoundType::Chars(_) => None,
        };
        prop_assert_eq!(first, expected, "{:?}", text);
    }
}

/// Whether the first of two columns is read as a type that was found.
fn parses(dtype: &str, text: &str) -> bool {
    let dtype = DTypeBuf::parse(&format!("a:{dtype},b:U9")).unwrap();
    let mut columns = [Column::default(); 2];
    let mut texts = [Missing { slot: None, role: Role::Marker, text: "" }];
    let mut storage = vec![0; missing_size(&texts).unwrap()];
    let missing = MissingTable::build(&mut texts, &mut storage).unwrap();
    let format = Format::new(How::types(1).dialect).unwrap();
    let found = crate::text::Found::Everything;
    let options = PlanOptions { format, found, missing, ..PlanOptions::default() };
    let plan = Plan::compile(dtype.as_dtype(), &options, &mut columns).unwrap();
    let mut bytes = text.as_bytes().to_vec();
    bytes.resize(text.len() + PADDING, 0);
    let text = Text::new(&mut bytes, text.len()).unwrap();
    let mut out = vec![0; 4096];
    let mut bad = BadRows::stop();
    let span = Span::whole(&text);
    let progress = crate::text::parse(&plan, text, span, u64::MAX, &mut out, &mut bad);
    progress.stop == Stop::InputEnd
}

//! Random tables, and what a plain look at every field makes of them.

use super::*;

/// What one column turns out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Is {
    Bool,
    Int,
    Uint,
    Float,
    Bytes(usize),
    Chars(usize),
}

impl Is {
    fn name(self) -> String {
        match self {
            Self::Bool => "|b1".into(),
            Self::Int => "<i8".into(),
            Self::Uint => "<u8".into(),
            Self::Float => "<f8".into(),
            Self::Bytes(n) => format!("|S{n}"),
            Self::Chars(n) => format!("<U{n}"),
        }
    }
}

fn is_number(text: &str) -> bool {
    let body = text.strip_prefix(['+', '-']).unwrap_or(text).to_lowercase();
    if ["inf", "infinity", "nan"].contains(&body.as_str()) {
        return true;
    }
    body.starts_with(|c: char| c.is_ascii_digit() || c == '.') && body.parse::<f64>().is_ok()
}

fn is_integer(text: &str, least: i128, most: i128) -> bool {
    let value = text.parse::<i128>().ok();
    value.is_some_and(|value| (least..=most).contains(&value))
        && (least < 0 || !text.starts_with('-'))
}

/// The type of a column: the first whose values all of its fields are.
fn judge<'a>(fields: &(impl Iterator<Item = &'a str> + Clone), missing: &[&str]) -> Is {
    let is_missing = |text: &str| missing.contains(&text.trim());
    let words = ["true", "True", "TRUE", "false", "False", "FALSE"];
    let all = |fits: &dyn Fn(&str) -> bool| fields.clone().all(|text| fits(text.trim()));
    if fields.clone().next().is_none() {
        Is::Float
    } else if all(&|text| !is_missing(text) && words.contains(&text)) {
        Is::Bool
    } else if all(&|text| !is_missing(text) && is_integer(text, i64::MIN.into(), i64::MAX.into())) {
        Is::Int
    } else if all(&|text| !is_missing(text) && is_integer(text, 0, u64::MAX.into())) {
        Is::Uint
    } else if all(&|text| is_missing(text) || is_number(text)) {
        Is::Float
    } else {
        let strings = || fields.clone().filter(|text| !missing.contains(text));
        let width = strings().map(|text| text.chars().count()).max().unwrap_or(0).max(1);
        if strings().all(str::is_ascii) { Is::Bytes(width) } else { Is::Chars(width) }
    }
}

/// The bytes of a field.
fn store(is: Is, text: &str, missing: &[&str]) -> Vec<u8> {
    let short = text.trim();
    match is {
        Is::Bool => [u8::from(short.eq_ignore_ascii_case("true"))].into(),
        Is::Int => short.parse::<i64>().unwrap().to_le_bytes().into(),
        Is::Uint => short.parse::<u64>().unwrap().to_le_bytes().into(),
        Is::Float if missing.contains(&short) => f64::NAN.to_le_bytes().into(),
        Is::Float => short.parse::<f64>().unwrap().to_le_bytes().into(),
        Is::Bytes(width) => {
            let text = if missing.contains(&text) { "" } else { text };
            let mut bytes = text.as_bytes().to_vec();
            bytes.resize(width, 0);
            bytes
        }
        Is::Chars(width) => {
            let text = if missing.contains(&text) { "" } else { text };
            let mut chars: Vec<u32> = text.chars().map(u32::from).collect();
            chars.resize(width, 0);
            chars.into_iter().flat_map(u32::to_le_bytes).collect()
        }
    }
}

/// What is asked for besides the types.
#[derive(Debug, Clone)]
#[allow(clippy::struct_excessive_bools, reason = "facts that have nothing to do with each other")]
struct Case {
    columns: usize,
    /// Rows of each input.
    tables: Vec<Vec<Vec<String>>>,
    header: bool,
    quotes: bool,
    markers: bool,
    streams: bool,
    usecols: Option<Vec<usize>>,
    max_rows: Option<usize>,
    ends: &'static str,
    workers: usize,
    piece: u64,
}

fn field(flavour: u8) -> BoxedStrategy<String> {
    let number = prop_oneof![
        6 => (-99i64..999).prop_map(|n| n.to_string()),
        1 => any::<i64>().prop_map(|n| n.to_string()),
    ];
    let float = prop_oneof![
        4 => (-9.0f64..9.0).prop_map(|n| format!("{n:.3}")),
        1 => Just("1e5".to_string()),
        1 => Just("-inf".to_string()),
    ];
    let odd = prop_oneof![
        2 => Just(String::new()),
        1 => Just("NA".to_string()),
        1 => Just(" 7 ".to_string()),
        1 => Just("18446744073709551615".to_string()),
        1 => Just("99999999999999999999".to_string()),
        1 => Just("+5".to_string()),
        1 => Just("True".to_string()),
        1 => Just("é\u{1F600}".to_string()),
        1 => "[a-z]{1,6}",
    ];
    let usual: BoxedStrategy<String> = match flavour {
        0 | 1 => number.boxed(),
        2 => float.boxed(),
        3 => prop_oneof![Just("true".to_string()), Just("FALSE".to_string())].boxed(),
        _ => "[a-z]{0,5}".boxed(),
    };
    // Most columns have nothing odd, others a little.
    if flavour == 1 { prop_oneof![30 => usual, 1 => odd].boxed() } else { usual }
}

fn case() -> impl Strategy<Value = Case> {
    let shapes = prop::collection::vec(prop_oneof![Just(1u8), 0u8..5], 1..4);
    let table = |flavours: Vec<u8>| {
        let row = flavours.iter().map(|&flavour| field(flavour)).collect::<Vec<_>>();
        prop::collection::vec(row, 0..25)
    };
    shapes.prop_flat_map(move |flavours| {
        let columns = flavours.len();
        let flags = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
        let picked = prop::option::weighted(0.3, prop::collection::vec(0..columns, 1..4));
        let most = prop::option::weighted(0.3, 0usize..20);
        let ends = prop_oneof![4 => Just("\n"), 1 => Just("\r\n"), 1 => Just("\r")];
        let tables = prop::collection::vec(table(flavours), 1..4);
        (tables, flags, picked, most, ends, 1..4usize, 1..90u64).prop_map(
            move |(
                tables,
                (header, quotes, markers, streams),
                usecols,
                max_rows,
                ends,
                workers,
                piece,
            )| {
                Case {
                    columns,
                    tables,
                    header,
                    quotes,
                    markers,
                    streams,
                    usecols,
                    max_rows,
                    ends,
                    workers,
                    piece,
                }
            },
        )
    })
}

impl Case {
    fn text(&self, table: &[Vec<String>]) -> String {
        let is_quoted = |text: &String| self.quotes && text.len().is_multiple_of(2);
        let quote = |text: &String| {
            if is_quoted(text) { format!("\"{text}\"") } else { text.clone() }
        };
        let line =
            |row: &Vec<String>| row.iter().map(quote).collect::<Vec<_>>().join(",") + self.ends;
        let names = self.header.then(|| {
            (0..self.columns).map(|i| format!("c{i}")).collect::<Vec<_>>().join(",") + self.ends
        });
        names.into_iter().chain(table.iter().map(line)).collect()
    }

    /// A row of one empty field without quotes is a blank line.
    fn counts(&self, row: &[String]) -> bool {
        row.len() > 1 || self.quotes || row.iter().any(|text| !text.is_empty())
    }

    fn options(&self) -> Options {
        let marker = |text: &str| Missing { column: None, text: text.into() };
        Options {
            header: self.header,
            quote: self.quotes.then_some('"'),
            missing: if self.markers { [marker("NA")].into() } else { Vec::new() },
            usecols: self
                .usecols
                .as_ref()
                .map(|list| list.iter().map(|&i| (i as i32).into()).collect()),
            max_rows: self.max_rows.map(|n| n as u64),
            ..tiny(self.workers, self.piece)
        }
    }

    /// The dtype, and the bytes of each input.
    fn expected(&self) -> (String, Vec<Vec<u8>>) {
        let missing: &[&str] = if self.markers { &["", "NA"] } else { &[""] };
        let most = self.max_rows.unwrap_or(usize::MAX);
        let rows = |table: &'_ [Vec<String>]| -> Vec<Vec<String>> {
            table.iter().filter(|row| self.counts(row)).take(most).cloned().collect()
        };
        let tables: Vec<_> = self.tables.iter().map(|table| rows(table)).collect();
        let known = self.header || tables.iter().any(|table| !table.is_empty());
        let all = (0..self.columns).collect::<Vec<_>>();
        let used = self.usecols.as_ref().unwrap_or(&all);
        let types: Vec<Is> = used
            .iter()
            .map(|&column| judge(&tables.iter().flatten().map(|row| row[column].as_str()), missing))
            .collect();
        let is_plain = !matches!(types[0], Is::Bytes(_) | Is::Chars(_));
        let same = is_plain && types.iter().all(|&is| is == types[0]);
        let dtype = if (same && !self.header) || (!known && self.usecols.is_none()) {
            types[0].name()
        } else {
            let mut seen = Vec::new();
            let mut name = |(place, &column): (usize, &usize)| {
                let name = if self.header { format!("c{column}") } else { format!("f{place}") };
                let before = seen.iter().filter(|&other| *other == name).count();
                seen.push(name.clone());
                if before > 0 { format!("{name}_{before}") } else { name }
            };
            let fields = used.iter().enumerate().zip(&types);
            let fields: Vec<_> =
                fields.map(|(used, is)| format!("('{}', '{}')", name(used), is.name())).collect();
            format!("[{}]", fields.join(", "))
        };
        let bytes = |table: &Vec<Vec<String>>| {
            let fields = table
                .iter()
                .flat_map(|row| used.iter().zip(&types).map(move |(&i, &is)| (&row[i], is)));
            fields.flat_map(|(text, is)| store(is, text, missing)).collect()
        };
        (dtype, tables.iter().map(bytes).collect())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..config() })]

    #[test]
    fn any_table_has_the_types_of_all_of_its_fields(case in case()) {
        let dir = tempfile::tempdir().unwrap();
        let inputs: Vec<Input> = case.tables.iter().enumerate().map(|(i, table)| {
            let text = case.text(table);
            if case.streams { stream(&text) } else { file(dir.path(), &i.to_string(), &text) }
        }).collect();
        let (dtype, keep) = found(inputs, "auto", &case.options()).unwrap();
        let (expected, bytes) = case.expected();
        prop_assert_eq!(dtype, expected);
        let made: Vec<_> = keep.inputs.into_iter().map(|input| input.2).collect();
        prop_assert_eq!(made, bytes);
    }
}

//! Values of options.

use core::time::Duration;

use ndshm::load::{ColumnRef, Encoding, Fill, Missing};

/// A list of columns.
#[derive(Debug, Clone)]
pub(crate) struct Usecols(pub(crate) Vec<ColumnRef>);

/// A text for one column or for all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PerColumn {
    column: Option<ColumnRef>,
    text: String,
}

impl PerColumn {
    pub(crate) fn missing(&self) -> Missing {
        Missing { column: self.column.clone(), text: self.text.clone() }
    }

    pub(crate) fn fill(&self) -> Fill {
        Fill { column: self.column.clone(), value: self.text.clone() }
    }
}

/// One character, or a name for the tabulator.
pub(crate) fn delimiter(text: &str) -> Result<char, String> {
    if text == "tab" { Ok('\t') } else { character(text) }
}

/// One character; `\t` is the tabulator.
pub(crate) fn character(text: &str) -> Result<char, String> {
    let mut chars = text.chars();
    match (chars.next(), chars.next()) {
        (Some('\\'), Some('t')) if text.len() == 2 => Ok('\t'),
        (Some('\n' | '\r'), None) => Err("a line end cannot be part of a line".into()),
        (Some(c), None) => Ok(c),
        _ => Err("one character is needed".into()),
    }
}

pub(crate) fn usecols(text: &str) -> Result<Usecols, String> {
    let entry = |part: &str| match part.trim() {
        "" => Err("a column's number or name is missing between commas".to_string()),
        part => Ok(column(part)),
    };
    text.split(',').map(entry).collect::<Result<_, _>>().map(Usecols)
}

/// The parts between commas that are not in brackets or backticks.
pub(crate) fn parted(list: &str) -> Vec<&str> {
    let (mut depth, mut quoted) = (0_u32, false);
    let is_border = |c: char| {
        match c {
            '`' => quoted = !quoted,
            '[' if !quoted => depth += 1,
            ']' if !quoted => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == ',' && depth == 0 && !quoted
    };
    list.split(is_border).map(str::trim).collect()
}

/// A column by its place or its name.
fn column(text: &str) -> ColumnRef {
    text.parse().map_or_else(|_| ColumnRef::Name(text.into()), ColumnRef::Index)
}

/// `TEXT`, or `COLUMN=TEXT` with a number or a name; `=TEXT` is a text that may hold an `=`.
impl From<&str> for PerColumn {
    fn from(text: &str) -> Self {
        let (name, text) = text.split_once('=').unwrap_or(("", text));
        let name = name.trim();
        Self { column: (!name.is_empty()).then(|| column(name)), text: text.into() }
    }
}

pub(crate) fn encoding(text: &str) -> Result<Encoding, String> {
    Encoding::named(text).ok_or_else(|| "not an encoding that can be read".into())
}

/// A number of bytes, with K, M, G or T for powers of 1024.
pub(crate) fn size(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let number = text.trim_end_matches(['B', 'b']).trim_end_matches(['i', 'I']);
    let (digits, shift) = match number.char_indices().last() {
        Some((at, 'k' | 'K')) => (&number[..at], 10),
        Some((at, 'm' | 'M')) => (&number[..at], 20),
        Some((at, 'g' | 'G')) => (&number[..at], 30),
        Some((at, 't' | 'T')) => (&number[..at], 40),
        _ => (number, 0),
    };
    let value: u64 = digits.trim().parse().map_err(|_| "not a size such as 200M".to_string())?;
    value.checked_mul(1 << shift).ok_or_else(|| "too large".to_string())
}

/// A time in seconds.
pub(crate) fn seconds(text: &str) -> Result<Duration, String> {
    let wrong = || "not a number of seconds such as 2.5".to_string();
    let seconds = text.trim().parse().map_err(|_| wrong())?;
    Duration::try_from_secs_f64(seconds).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_seconds() {
        assert_eq!(seconds("2.5"), Ok(Duration::from_millis(2500)));
        for wrong in ["", "-1", "nan", "1e300", "2s"] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn sizes_have_binary_units() {
        assert_eq!(size("200M"), Ok(200 << 20));
        assert_eq!(size("1GiB"), Ok(1 << 30));
        assert_eq!(size("4096"), Ok(4096));
        assert!(size("x").is_err() && size("M").is_err() && size("99999999T").is_err());
    }

    #[test]
    fn columns_have_numbers_or_names() {
        let list = usecols("0, pos,-1").unwrap().0;
        assert_eq!(list, [0.into(), "pos".into(), (-1).into()]);
        assert!(usecols("0,,1").is_err());
    }

    #[test]
    fn commas_in_brackets_and_backticks_are_of_a_name() {
        assert_eq!(parted("a, b[1,2],`c,d`,"), ["a", "b[1,2]", "`c,d`", ""]);
    }

    #[test]
    fn a_text_may_be_for_one_column() {
        let parsed = |text: &str| PerColumn::from(text);
        assert_eq!(parsed("NA"), PerColumn { column: None, text: "NA".into() });
        let pct = PerColumn { column: Some(ColumnRef::Name("pct".into())), text: ".".into() };
        assert_eq!(parsed("pct=."), pct);
        let last = PerColumn { column: Some(ColumnRef::Index(-1)), text: String::new() };
        assert_eq!(parsed("-1="), last);
        assert_eq!(parsed("=a=b"), PerColumn { column: None, text: "a=b".into() });
    }

    #[test]
    fn characters_are_single() {
        assert_eq!(delimiter("tab"), Ok('\t'));
        assert_eq!(
            (delimiter("\\t"), delimiter("é"), character("\\")),
            (Ok('\t'), Ok('é'), Ok('\\'))
        );
        assert!(delimiter("").is_err() && delimiter("ab").is_err() && character("\n").is_err());
    }
}

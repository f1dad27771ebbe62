//! What the text itself says of how it is to be read: delimiter, quotes, header, decimal comma.
//!
//! A guess from the beginning of the first input, for people at a terminal; whoever says how the
//! text is to be read is not second-guessed. It must not cost rows: where lines do not agree, it
//! is white space and no header, as `np.loadtxt` reads.

use std::string::String;
use std::vec::Vec;

use super::options::{Comments, Options};
use crate::text::Delimiter;

/// Lines that are looked at.
const LINES: usize = 200;
/// Bytes of them.
const BYTES: usize = 64 << 10;
/// Delimiters other than white space. Where two would do, the one is right that text between
/// delimiters has less often.
const CANDIDATES: [char; 4] = ['\t', ';', '|', ','];

/// How text is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dialect {
    /// What is between two fields.
    pub delimiter: Delimiter,
    /// What encloses fields that hold a delimiter.
    pub quote: Option<char>,
    /// What is before the fraction of a number.
    pub decimal: char,
    /// The first line has the names of the columns.
    pub header: bool,
}

impl Dialect {
    /// What the beginning of a text shows, behind the lines that are skipped. What `options`
    /// say of delimiter, quotes, header and decimal character stays.
    pub(super) fn find(text: &[u8], ends: bool, options: &Options) -> Self {
        let ends = ends && text.len() <= BYTES;
        let text = String::from_utf8_lossy(text.get(..BYTES).unwrap_or(text));
        let lines = lines(&text, ends, options);
        let quote = options.quote.or_else(|| {
            // What is said may leave no room for quotes.
            let goes_with = match options.comments {
                Comments::None => true,
                Comments::Char(mark) => mark != '"',
                Comments::Strings(_) => false,
            };
            let goes_with = goes_with && options.delimiter != Delimiter::Char('"');
            (goes_with && has_quotes(&lines)).then_some('"')
        });
        let split = |delimiter: Delimiter| -> Vec<Vec<&str>> {
            lines.iter().map(|line| fields(line, delimiter, quote)).collect()
        };
        let mut delimiter = options.delimiter;
        let mut rows = split(delimiter);
        if delimiter == Delimiter::Whitespace {
            let is_other = |c: &char| {
                let is_comment = matches!(&options.comments, Comments::Char(mark) if mark == c);
                quote != Some(*c) && options.decimal != *c && !is_comment
            };
            let candidates = CANDIDATES.into_iter().filter(is_other).map(Delimiter::Char);
            let mut found = candidates.map(|one| (split(one), one));
            if let Some(found) = found.find(|(rows, _)| are_rows(rows)) {
                (rows, delimiter) = found;
            }
        }
        let commas = options.decimal == '.'
            && delimiter != Delimiter::Char(',')
            && are_decimal_commas(&rows);
        let decimal = if commas { ',' } else { options.decimal };
        Self { delimiter, quote, decimal, header: options.header || has_header(&rows) }
    }

    /// The same options, with what was found.
    pub(super) fn apply(&self, options: &mut Options) {
        let &Self { delimiter, quote, decimal, header } = self;
        (options.delimiter, options.quote) = (delimiter, quote);
        (options.decimal, options.header) = (decimal, header);
    }
}

/// The lines that hold something, without comments.
fn lines<'t>(text: &'t str, ends: bool, options: &Options) -> Vec<&'t str> {
    let whole = if ends { text.len() } else { text.rfind(['\n', '\r']).unwrap_or(text.len()) };
    let lines = text.get(..whole).unwrap_or(text).split(['\n', '\r']);
    let bare = |line: &'t str| {
        let at = match &options.comments {
            Comments::None => None,
            Comments::Char(mark) => line.find(*mark),
            Comments::Strings(marks) => marks.iter().filter_map(|mark| line.find(mark)).min(),
        };
        at.and_then(|at| line.get(..at)).unwrap_or(line)
    };
    lines.map(bare).filter(|line| !line.trim().is_empty()).take(LINES).collect()
}

/// Whether fields are enclosed in double quotes.
fn has_quotes(lines: &[&str]) -> bool {
    let begins = |line: &str| {
        line.match_indices('"').any(|(at, _)| {
            let front = line.get(..at).unwrap_or_default().trim_end_matches(' ');
            front.is_empty() || front.ends_with(CANDIDATES)
        })
    };
    lines.iter().any(|line| begins(line) && line.matches('"').count().is_multiple_of(2))
}

/// The fields of a line, with their quotes.
fn fields(line: &str, delimiter: Delimiter, quote: Option<char>) -> Vec<&str> {
    let mut is_quoted = false;
    let mut ends_field = |c: char| {
        is_quoted ^= Some(c) == quote;
        !is_quoted
            && match delimiter {
                Delimiter::Whitespace => c.is_whitespace(),
                Delimiter::Char(delimiter) => c == delimiter,
            }
    };
    let fields = line.split(&mut ends_field);
    match delimiter {
        Delimiter::Whitespace => fields.filter(|field| !field.is_empty()).collect(),
        Delimiter::Char(_) => fields.map(str::trim).collect(),
    }
}

/// Whether nearly all lines have as many fields, more than one, and no field is two numbers.
fn are_rows(rows: &[Vec<&str>]) -> bool {
    let agree = |row: &Vec<&str>| rows.iter().filter(|other| other.len() == row.len()).count();
    let Some((agree, width)) = rows.iter().map(|row| (agree(row), row.len())).max() else {
        return false;
    };
    let is_two = |field: &&str| {
        let mut parts = field.split_whitespace();
        parts.clone().count() > 1 && parts.all(|part| part.parse::<f64>().is_ok())
    };
    width > 1 && agree * 10 >= rows.len() * 9 && !rows.iter().flatten().any(is_two)
}

/// Whether numbers have a comma where others have a point. Three digits behind it may be
/// thousands.
fn are_decimal_commas(rows: &[Vec<&str>]) -> bool {
    let (mut commas, mut thousands) = (false, true);
    for field in rows.iter().flatten() {
        let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        match field.trim_start_matches(['-', '+']).split_once(',') {
            Some((whole, fraction)) if is_digits(whole) && is_digits(fraction) => {
                commas = true;
                thousands &= fraction.len() == 3;
            }
            _ if field.contains('.') && field.parse::<f64>().is_ok() => return false,
            _ => {}
        }
    }
    commas && !thousands
}

/// Whether the first row has names: no numbers, above at least one column of nothing but numbers
/// or dates.
fn has_header(rows: &[Vec<&str>]) -> bool {
    let Some((names, rows)) = rows.split_first().filter(|(_, rows)| !rows.is_empty()) else {
        return false;
    };
    let is_name = |field: &&str| !bare(field).is_empty() && !is_number(field);
    let mut others = names.iter().enumerate();
    let are_names = names.iter().all(is_name)
        && others.all(|(at, name)| !names.iter().take(at).any(|before| before == name));
    let is_column = |at: usize| {
        let mut fields = rows.iter().filter_map(|row| row.get(at));
        fields.clone().any(|field| is_number(field))
            && fields.all(|field| bare(field).is_empty() || is_number(field))
    };
    are_names && (0..names.len()).any(is_column)
}

/// A field without its quotes.
fn bare(field: &str) -> &str {
    field.trim_matches('"')
}

/// A number, or a date; what is missing, too.
fn is_number(field: &str) -> bool {
    let field = bare(field);
    let is_missing = matches!(field, "NA" | "N/A" | "nan" | "NaN" | "NAN" | "null" | "NULL");
    is_missing
        || field.trim_start_matches(['-', '+', '.', ',']).starts_with(|c: char| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> (Delimiter, Option<char>, char, bool) {
        let Dialect { delimiter, quote, decimal, header } =
            Dialect::find(text.as_bytes(), true, &Options::default());
        (delimiter, quote, decimal, header)
    }

    const SPACE: Delimiter = Delimiter::Whitespace;
    const fn by(c: char) -> Delimiter {
        Delimiter::Char(c)
    }

    #[test]
    fn delimiters_are_found() {
        assert_eq!(found("1 2\n3 4\n"), (SPACE, None, '.', false));
        assert_eq!(found("1,2\n3,4\n"), (by(','), None, '.', false));
        assert_eq!(found("chr1\t5\t0.5\nchr2\t6\t1\n"), (by('\t'), None, '.', false));
        assert_eq!(found("1|2\n3|4"), (by('|'), None, '.', false));
        assert_eq!(found("a b\n# x,y\n\nc d\n"), (SPACE, None, '.', false));
        assert_eq!(found("2020-01-01 12:00,1\n2020-01-02 12:00,2\n"), (by(','), None, '.', false));
        assert_eq!(found(""), (SPACE, None, '.', false));
        assert_eq!(found("1\n2\n3\n"), (SPACE, None, '.', false));
    }

    #[test]
    fn headers_are_names_above_numbers() {
        assert!(found("pos,pct\n1,2\n3,4\n").3);
        assert!(found("day price\n2020-01-01 3.5\n").3);
        assert!(found("a,b\n1,\n,x\n").3, "a column of numbers, some missing");
        for none in ["a,b\nc,d\n", "a,1\nb,2\n", "1,2\n3,4\n", "a,b\n", "a,a\n1,2\n", "a,\n1,2\n"] {
            assert!(!found(none).3, "{none}");
        }
    }

    #[test]
    fn quotes_are_found_where_fields_begin_with_them() {
        assert_eq!(found("\"a,b\",1\n\"c\",2\n"), (by(','), Some('"'), '.', false));
        assert_eq!(found("x,\"a;b\"\ny,\"c\"\n"), (by(','), Some('"'), '.', false));
        assert_eq!(found("5\" pipe,1\n6\" pipe,2\n").1, None);
    }

    #[test]
    fn decimal_commas_are_no_delimiters() {
        assert_eq!(found("1,5;2,25\n3,5;4,5\n"), (by(';'), None, ',', false));
        assert_eq!(found("1,5 2,25\n3,5 4,5\n"), (SPACE, None, ',', false));
        assert_eq!(found("a\t1,5\nb\t2\n"), (by('\t'), None, ',', false));
        assert_eq!(found("1,500;2.5\n").2, '.', "a point is one");
        assert_eq!(found("1,500;2,250\n").2, '.', "these may be thousands");
    }

    #[test]
    fn a_line_that_differs_is_left_to_the_reader_to_complain_about() {
        let text = "1,2,3\n".repeat(30) + "4,5\n" + &"6,7,8\n".repeat(30);
        assert_eq!(found(&text).0, by(','));
        assert_eq!(found("1,2\n3\n4,5,6\n7\n").0, SPACE);
    }

    #[test]
    fn what_is_said_stays() {
        let options = Options { quote: Some('\''), header: true, ..Options::default() };
        let found = Dialect::find(b"'a',1\n'b',2\n", true, &options);
        assert_eq!((found.quote, found.header), (Some('\''), true));
        let options = Options { delimiter: by('x'), ..Options::default() };
        let found = Dialect::find(b"1x2,5\n3x4,5\n", true, &options);
        assert_eq!((found.delimiter, found.decimal), (by('x'), ','));
        let options = Options { quote: Some('|'), ..Options::default() };
        assert_eq!(Dialect::find(b"1|2\n3|4\n", true, &options).delimiter, SPACE);
        let comments = Comments::Strings(["//".into()].into());
        let options = Options { comments, ..Options::default() };
        assert_eq!(Dialect::find(b"\"a\",1\n\"b\",2\n", true, &options).quote, None);
    }

    #[test]
    fn a_text_of_as_many_bytes_as_are_looked_at_has_its_last_line() {
        let text = "1,2\n".repeat(2) + "3 4 5";
        let text = " ".repeat(BYTES - text.len()) + &text;
        let lines = |ends| lines(&text, ends, &Options::default()).len();
        assert_eq!((lines(true), lines(false)), (3, 2));
        assert_eq!(Dialect::find(text.as_bytes(), true, &Options::default()).delimiter, SPACE);
    }
}

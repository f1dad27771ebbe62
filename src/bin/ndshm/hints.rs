//! What to try after an error: the command's own words for it, below the message.

use ndshm::convert::{ChunkError, ConvertError};
use ndshm::hdf5::{self, AppendFault, PathFault, RowsFault, TargetFault, TypeFault};
use ndshm::load::{Damage, InputFault, LoadError, Options, Problem, TextError};
use ndshm::text::Delimiter;

/// What else may part fields.
const DELIMITERS: [char; 4] = [',', ';', '\t', '|'];
/// What may enclose them.
const QUOTES: [char; 2] = ['"', '\''];

/// What to try after an error of `convert` that is none of the text.
pub(crate) fn converting(error: &ConvertError) -> Option<String> {
    let hint = match error {
        ConvertError::SameName { .. } => {
            "--groups tells them apart by their directories, --concat NAME puts all rows into one \
             dataset"
        }
        ConvertError::NoName { .. } => "--concat NAME puts all rows into one dataset",
        ConvertError::Hdf5(hdf5::Error::Dataset { fault: PathFault::Exists, .. }) => {
            "--append-rows adds the rows behind those that it has"
        }
        ConvertError::Hdf5(hdf5::Error::Append { fault: AppendFault::Missing, .. }) => {
            "without --append-rows it is made; --layout chunked lets it grow"
        }
        ConvertError::Hdf5(hdf5::Error::Rows { fault: RowsFault::NotThere, .. }) => {
            "--append makes it; --concat NAME names one that is there"
        }
        ConvertError::Hdf5(hdf5::Error::Rows { fault: RowsFault::Contiguous, .. }) => {
            "--layout chunked makes datasets that can grow"
        }
        ConvertError::Hdf5(error) => return writing(error),
        ConvertError::Chunks(error) => return packing(error),
        _ => return None,
    };
    Some(hint.into())
}

/// What to try after an error of a file with datasets.
pub(crate) fn writing(error: &hdf5::Error) -> Option<String> {
    let hint = match error {
        hdf5::Error::Target { fault: TargetFault::Exists, .. } => {
            "--force replaces it, --append adds to it"
        }
        hdf5::Error::TooWide { .. } => "--layout columns makes each column a dataset in a group",
        hdf5::Error::Type { fault: TypeFault::Slash, .. } => {
            "--layout chunked keeps the columns together"
        }
        _ => return None,
    };
    Some(hint.into())
}

/// What to try after an error of chunks.
pub(crate) fn packing(error: &ChunkError) -> Option<String> {
    let hint = match error {
        ChunkError::Size => "--memory SIZE gives more, --chunks another shape",
        ChunkError::Count => "--chunks gives another shape",
        _ => return None,
    };
    Some(hint.into())
}

/// What to try after an error of text that was read with `options`.
pub(crate) fn loading(error: &LoadError, options: &Options) -> Option<String> {
    let hint = match error {
        LoadError::Text(text) => return reading(text, options),
        LoadError::Memory { .. } => "--memory SIZE gives more",
        LoadError::NoHeader { .. } => "--header takes the names from the first line",
        LoadError::Input { reason, .. } => match reason {
            InputFault::AllBad { first: Some(first), .. } => return reading(first, options),
            InputFault::Empty => "--allow-empty accepts that",
            InputFault::NoNames { .. } => "--skiprows N leaves out the lines before the names",
            InputFault::RowTooLong { .. }
            | InputFault::LineTooLong { .. }
            | InputFault::FooterTooLong { .. }
            | InputFault::Compressed { damage: Damage::Memory, .. } => "--memory SIZE gives more",
            _ => return None,
        },
        _ => return None,
    };
    Some(hint.into())
}

/// How a line may be meant that cannot be read.
fn reading(error: &TextError, options: &Options) -> Option<String> {
    if let Some(quote) = quote(error, options) {
        return Some(format!("fields look quoted: try --quotechar {}", shown(quote)));
    }
    let fits: Box<dyn Fn(usize) -> bool> = match error.problem {
        Problem::Convert { .. } => return parted(error, options),
        Problem::ColumnsChanged { from: wanted, .. }
        | Problem::ColumnsRequired { need: wanted, .. } => {
            Box::new(move |count| wanted > 1 && count == wanted as usize)
        }
        Problem::ColumnIndex { index, .. } => {
            let wanted = if index < 0 { index.unsigned_abs() } else { index.unsigned_abs() + 1 };
            Box::new(move |count| count > 1 && count >= wanted as usize)
        }
        _ => return None,
    };
    let count = |c: char| error.line_text.split(c).count();
    let given = |c: char| options.delimiter == Delimiter::Char(c);
    let c = DELIMITERS.into_iter().find(|&c| !given(c) && fits(count(c)))?;
    let (columns, c) = (count(c), shown(c));
    let fact = format!("with {c} between fields the line has {columns} columns");
    // Other lines before it were as they should be.
    Some(if error.row == 0 { format!("{fact}: try --delimiter {c}") } else { fact })
}

/// What a field may be that is several with another delimiter, in the first row.
fn parted(error: &TextError, options: &Options) -> Option<String> {
    let is_inside = |&c: &char| error.row == 0 && error.text.trim_matches(c).contains(c);
    let c = DELIMITERS.into_iter().find(is_inside)?;
    if c == ',' && error.text.matches(c).count() == 1 && options.decimal == '.' {
        let words = "if ',' stands between fields: --delimiter ','; if it is the decimal point";
        return Some(format!("{words}: --decimal ','"));
    }
    let (columns, c) = (error.line_text.split(c).count(), shown(c));
    Some(format!("with {c} between fields the line has {columns} columns: try --delimiter {c}"))
}

/// The character that seems to enclose fields, if none is said to.
fn quote(error: &TextError, options: &Options) -> Option<char> {
    if options.quote.is_some() {
        return None;
    }
    let line = error.line_text.trim();
    let parts = |c: char| match options.delimiter {
        Delimiter::Char(delimiter) => c == delimiter,
        Delimiter::Whitespace => c.is_whitespace(),
    };
    let encloses = |quote: &char| match error.problem {
        Problem::Convert { .. } => {
            let text = error.text.trim();
            text.starts_with(*quote) || text.ends_with(*quote)
        }
        Problem::Encoding { .. } => false,
        _ => line.split(parts).any(|field| field.trim_start().starts_with(*quote)),
    };
    QUOTES.into_iter().filter(|&c| line.matches(c).count() > 1).find(encloses)
}

/// A character as a shell takes it.
fn shown(c: char) -> String {
    match c {
        '\t' => "tab".into(),
        '\'' => "\"'\"".into(),
        c => format!("'{c}'"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(line: &str, text: &str, row: u64, problem: Problem) -> TextError {
        TextError {
            input: 0,
            path: "a".into(),
            line: row + 1,
            row,
            column: 0,
            offset: None,
            text: text.into(),
            line_text: line.into(),
            caret: 0..0,
            problem,
        }
    }

    fn convert() -> Problem {
        Problem::Convert { dtype: "<i4".into(), field: String::new(), expected: "an integer" }
    }

    #[test]
    fn quotes_that_nobody_asked_for_are_seen() {
        let comma = Options { delimiter: Delimiter::Char(','), ..Options::default() };
        let changed = || Problem::ColumnsChanged { from: 2, to: 3 };
        let hint = |line: &str, text: &str, problem: Problem, options: &Options| {
            reading(&error(line, text, 3, problem), options)
        };
        let double = Some("fields look quoted: try --quotechar '\"'".to_string());
        let single = Some("fields look quoted: try --quotechar \"'\"".to_string());
        assert_eq!(hint("3,\"a,b\"", "", changed(), &comma), double);
        assert_eq!(hint("3 \"a b\"", "", changed(), &Options::default()), double);
        assert_eq!(hint("'x', 'y z'", "", changed(), &comma), single);
        assert_eq!(hint("1,\"2\"", "\"2\"", convert(), &comma), double);
        assert_eq!(hint("1,\"2,3\"", "3\"", convert(), &comma), double);
        for line in ["3,don't,can't", "5\",6\",7\"", "3,a,b", "\"1,2,3"] {
            assert_eq!(hint(line, "", changed(), &comma), None, "{line}");
        }
        assert_eq!(hint("\"1\",x", "x", convert(), &comma), None);
        let quoted = Options { quote: Some('"'), ..comma };
        assert_eq!(hint("3,\"a\",\"b\"", "", changed(), &quoted), None);
    }

    #[test]
    fn another_delimiter_is_seen_by_the_number_of_columns() {
        let comma = Options { delimiter: Delimiter::Char(','), ..Options::default() };
        let need = |need| Problem::ColumnsRequired { need, found: 1 };
        let hint = |line: &str, row, problem, options: &Options| {
            reading(&error(line, "", row, problem), options)
        };
        let first = hint("1;2;3", 0, need(3), &comma).unwrap();
        assert_eq!(first, "with ';' between fields the line has 3 columns: try --delimiter ';'");
        let later = hint("1\t2\t3", 5, need(3), &Options::default()).unwrap();
        assert_eq!(later, "with tab between fields the line has 3 columns");
        assert_eq!(hint("1;2;3", 0, need(2), &comma), None);
        assert_eq!(hint("1", 0, need(1), &comma), None, "any other delimiter gives one column");
        assert_eq!(hint("1,2,3", 0, need(3), &comma), None, "it was given");
        let changed = Problem::ColumnsChanged { from: 2, to: 1 };
        assert!(hint("1|2", 1, changed, &comma).unwrap().starts_with("with '|' between"));
        for (index, fits) in [(1, true), (2, true), (3, false), (-3, true), (-4, false)] {
            let problem = Problem::ColumnIndex { index, found: 1 };
            assert_eq!(hint("1;2;3", 0, problem, &comma).is_some(), fits, "{index}");
        }
        assert_eq!(hint("1;2", 0, convert(), &comma), None);
    }

    #[test]
    fn another_delimiter_is_seen_within_a_field() {
        let hint =
            |text: &str, row| reading(&error(text, text, row, convert()), &Options::default());
        let first = hint("1,2,3", 0).unwrap();
        assert_eq!(first, "with ',' between fields the line has 3 columns: try --delimiter ','");
        assert!(hint("1|2", 0).unwrap().ends_with("try --delimiter '|'"));
        assert!(hint("1,5", 0).unwrap().contains("--decimal ','"));
        for (text, row) in [("1,2,3", 7), ("1,", 0), ("x", 0), ("", 0)] {
            assert_eq!(hint(text, row), None, "{text:?}");
        }
    }
}

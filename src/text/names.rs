//! The first line of a table as names of its columns.

use super::exact::{Fields, field_count};
use super::{Comments, Encoding, Format, space};

/// The fields of a record that names the columns, each by its characters. A comment character
/// or string in front of them is left out, as often as it is there, as `np.genfromtxt` does.
pub fn names<'t>(
    record: &'t [u8],
    format: &Format<'t>,
) -> impl Iterator<Item = impl Iterator<Item = char> + use<'t>> + use<'t> {
    let format = *format;
    let record = uncommented(record, &format);
    let count = field_count(record, format) as usize;
    Fields::new(record, format).take(count).map(move |field| field.chars(&format))
}

/// The record behind the comment marks that it begins with.
fn uncommented<'t>(mut record: &'t [u8], format: &Format<'_>) -> &'t [u8] {
    loop {
        let behind = without_blanks(record, format);
        match mark_len(behind, format) {
            0 => return record,
            n => record = behind.get(n..).unwrap_or_default(),
        }
    }
}

fn without_blanks<'t>(mut text: &'t [u8], format: &Format<'_>) -> &'t [u8] {
    while format.delimiter.at(text) == 0
        && let n @ 1.. = space::leading_in(text, format.encoding())
    {
        text = text.get(n..).unwrap_or_default();
    }
    text
}

/// Bytes of the comment mark that `text` begins with, 0 if none.
fn mark_len(text: &[u8], format: &Format<'_>) -> usize {
    let Comments::Strings(list) = format.comments() else { return format.comment.at(text) };
    let len_of = |string: &str| match format.encoding() {
        Encoding::Latin1 => {
            let mut here = text.iter();
            let is_here = |c: char| here.next().is_some_and(|&byte| u32::from(byte) == c.into());
            if string.chars().all(is_here) { string.chars().count() } else { 0 }
        }
        _ if text.starts_with(string.as_bytes()) => string.len(),
        _ => 0,
    };
    list.split('\n').map(len_of).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::super::{Delimiter, Dialect};
    use super::*;
    use std::string::String;
    use std::vec::Vec;

    fn split(line: &str, dialect: Dialect<'_>) -> Vec<String> {
        let format = Format::new(dialect).unwrap();
        names(line.as_bytes(), &format).map(Iterator::collect).collect()
    }

    fn by(delimiter: char) -> Dialect<'static> {
        let delimiter = Delimiter::Char(delimiter);
        Dialect { delimiter, quote: Some('"'), ..Dialect::default() }
    }

    #[test]
    fn comment_marks_in_front_go_and_comments_behind_too() {
        let space = Dialect::default();
        for line in ["a b c", "# a b c", " ## a b c # d", "#a b c", "\t#\u{a0}# a b c "] {
            assert_eq!(split(line, space), ["a", "b", "c"], "{line:?}");
        }
        assert_eq!(split("# a,,b ", by(',')), [" a", "", "b "]);
        assert!(split(" # ", space).is_empty() && split("", space).is_empty());
    }

    #[test]
    fn a_delimiter_in_front_is_none_of_the_blanks() {
        assert_eq!(split("\t#", by('\t')), ["", ""]);
        assert_eq!(split("#\ta", by('\t')), ["", "a"]);
    }

    #[test]
    fn names_may_be_quoted() {
        assert_eq!(split("\"a,b\",\"c\"\"d\"", by(',')), ["a,b", "c\"d"]);
    }

    #[test]
    fn comment_strings_go_too() {
        let strings = Dialect { comments: Comments::Strings("//\n--§"), ..Dialect::default() };
        assert_eq!(split("// --§a b", strings), ["a", "b"]);
        let latin1 = Dialect { encoding: Encoding::Latin1, ..strings };
        let format = Format::new(latin1).unwrap();
        assert_eq!(names(b"--\xa7 x", &format).flatten().collect::<String>(), "x");
    }
}

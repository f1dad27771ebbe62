//! How a table is written as text: what parts fields, starts comments, quotes.

use super::space;
use crate::error::{Error, Result};

/// What parts the fields of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delimiter {
    /// Any run of white space (Python's `str.isspace`), as `delimiter=None`.
    Whitespace,
    /// One character; two in a row enclose an empty field.
    Char(char),
}

/// What starts a comment, which ends with its line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comments<'a> {
    /// Nothing: there are no comments.
    None,
    /// One character, where it is not quoted.
    Char(char),
    /// Several strings, parted by `\n`: a line is cut at the first occurrence of the first
    /// one, the rest at the first occurrence of the second one, and so on, before anything
    /// else is looked at. The order matters where they overlap.
    Strings(&'a str),
}

/// How characters are written as bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Encoding {
    /// UTF-8, strictly.
    #[default]
    Utf8,
    /// ISO 8859-1: each byte is the character of its number.
    Latin1,
    /// Bytes below 128 only.
    Ascii,
}

/// What a [`Format`] is made of; by default what `np.loadtxt` does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dialect<'a> {
    /// What parts fields.
    pub delimiter: Delimiter,
    /// What starts a comment.
    pub comments: Comments<'a>,
    /// The character that encloses a field which may hold delimiters, comment characters and
    /// line ends; two of them in a row within such a field are one.
    pub quote: Option<char>,
    /// The ASCII character between a number's digits and its fraction.
    pub decimal: u8,
    /// How characters are written.
    pub encoding: Encoding,
}

impl Default for Dialect<'_> {
    fn default() -> Self {
        Self {
            delimiter: Delimiter::Whitespace,
            comments: Comments::Char('#'),
            quote: None,
            decimal: b'.',
            encoding: Encoding::Utf8,
        }
    }
}

/// A character as it is written; of no length if it cannot be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    bytes: [u8; 4],
    len: u8,
}

impl Mark {
    const NEVER: Self = Self { bytes: [0; 4], len: 0 };

    fn new(c: Option<char>, encoding: Encoding) -> Self {
        let Some(c) = c else { return Self::NEVER };
        let mut bytes = [0; 4];
        let len = match (encoding, u8::try_from(u32::from(c))) {
            (Encoding::Utf8, _) => c.encode_utf8(&mut bytes).len(),
            (Encoding::Latin1, Ok(byte)) => {
                bytes = [byte, 0, 0, 0];
                1
            }
            (Encoding::Ascii, Ok(byte)) if byte.is_ascii() => {
                bytes = [byte, 0, 0, 0];
                1
            }
            _ => 0,
        };
        Self { bytes, len: len as u8 }
    }

    /// Bytes of the mark if `text` begins with it, else 0.
    #[inline]
    pub(super) fn at(self, text: &[u8]) -> usize {
        let [first, ..] = self.bytes;
        match self.len {
            0 => 0,
            1 => usize::from(text.first() == Some(&first)),
            len => {
                let mark = self.bytes.get(..usize::from(len)).unwrap_or_default();
                if text.starts_with(mark) { mark.len() } else { 0 }
            }
        }
    }

    /// Whether it is anywhere in `text`.
    pub(super) fn is_in(self, text: &[u8]) -> bool {
        let [first, ..] = self.bytes;
        // A character's first byte is never one of its later ones.
        self.len > 0 && memchr::memchr(first, text).is_some()
    }
}

/// The marks of a format for the kernels, which know single ASCII characters only.
/// `\n` stands for what there is not.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plain {
    /// `None` for white space.
    pub(super) delimiter: Option<u8>,
    pub(super) comment: u8,
    pub(super) quote: u8,
}

/// The text format of a table: a [`Dialect`] whose characters can be told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Format<'a> {
    dialect: Dialect<'a>,
    pub(super) delimiter: Mark,
    pub(super) comment: Mark,
    pub(super) quote: Mark,
}

impl Default for Format<'_> {
    /// As `np.loadtxt`: white space, `#`.
    fn default() -> Self {
        let dialect = Dialect::default();
        let comment = Mark::new(Some('#'), Encoding::Utf8);
        Self { dialect, delimiter: Mark::NEVER, comment, quote: Mark::NEVER }
    }
}

impl<'a> Format<'a> {
    /// A format, if its characters can be told apart.
    ///
    /// # Errors
    /// [`Error::Argument`] if a character ends lines or has two roles, if a comment string
    /// is empty, if there are comment strings and a quote, or if the decimal point is not an
    /// ASCII character that numbers do not have otherwise.
    pub fn new(dialect: Dialect<'a>) -> Result<Self> {
        let delimiter = match dialect.delimiter {
            Delimiter::Whitespace => None,
            Delimiter::Char(c) => Some(c),
        };
        let comment = match dialect.comments {
            Comments::Char(c) => Some(c),
            Comments::None | Comments::Strings(_) => None,
        };
        // As NumPy has it, the usual point may also part fields: no number holds it then.
        let point = Some(char::from(dialect.decimal)).filter(|&point| point != '.');
        let marks = [delimiter, comment, dialect.quote, point];
        if !are_apart(marks) || !is_point(dialect.decimal) {
            return Err(Error::Argument);
        }
        let by_space = delimiter.is_none();
        if by_space && [comment, dialect.quote].into_iter().flatten().any(space::is_space) {
            return Err(Error::Argument);
        }
        if let Comments::Strings(list) = dialect.comments
            && (dialect.quote.is_some() || list.split('\n').any(str::is_empty))
        {
            return Err(Error::Argument);
        }
        Ok(Self {
            delimiter: Mark::new(delimiter, dialect.encoding),
            comment: Mark::new(comment, dialect.encoding),
            quote: Mark::new(dialect.quote, dialect.encoding),
            dialect,
        })
    }

    /// The characters that the kernels work with, if none of them can be taken for a part of
    /// a number or for a blank beside one. Comment strings are not among them: kernels are
    /// kept away from lines that have one.
    pub(super) fn plain(&self) -> Option<Plain> {
        let in_number = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.');
        let usable =
            |mark: Mark| mark.len == 1 && mark.bytes[0].is_ascii() && !in_number(mark.bytes[0]);
        let or_end = |mark: Mark| if mark.len == 0 { b'\n' } else { mark.bytes[0] };
        let by_space = self.dialect.delimiter == Delimiter::Whitespace;
        let not_blank = |mark: Mark| !matches!(mark.bytes[0], b' ' | b'\t');
        let others = [self.comment, self.quote];
        if !(by_space || usable(self.delimiter))
            || !others.into_iter().all(|mark| mark.len == 0 || usable(mark) && not_blank(mark))
        {
            return None;
        }
        let delimiter = (!by_space).then(|| self.delimiter.bytes[0]);
        Some(Plain { delimiter, comment: or_end(self.comment), quote: or_end(self.quote) })
    }

    /// What parts fields.
    #[must_use]
    pub const fn delimiter(&self) -> Delimiter {
        self.dialect.delimiter
    }

    /// What starts a comment.
    #[must_use]
    pub const fn comments(&self) -> Comments<'a> {
        self.dialect.comments
    }

    /// What encloses fields.
    #[must_use]
    pub const fn quote(&self) -> Option<char> {
        self.dialect.quote
    }

    /// What stands before a number's fraction.
    #[must_use]
    pub const fn decimal(&self) -> u8 {
        self.dialect.decimal
    }

    /// How characters are written.
    #[must_use]
    pub const fn encoding(&self) -> Encoding {
        self.dialect.encoding
    }
}

/// Whether no two are the same, and none ends lines.
fn are_apart(marks: [Option<char>; 4]) -> bool {
    let ends_line = |c: char| c == '\n' || c == '\r';
    let mut rest = marks.as_slice();
    while let [first, others @ ..] = rest {
        if first.is_some_and(|c| ends_line(c) || others.contains(&Some(c))) {
            return false;
        }
        rest = others;
    }
    true
}

/// Whether a byte can stand before a fraction: no number has it otherwise.
const fn is_point(byte: u8) -> bool {
    byte.is_ascii_punctuation() && !matches!(byte, b'+' | b'-' | b'(' | b')')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn format(
        delimiter: Delimiter,
        comments: Comments<'_>,
        quote: Option<char>,
    ) -> Result<Format<'_>> {
        Format::new(Dialect { delimiter, comments, quote, ..Dialect::default() })
    }

    #[test]
    fn characters_with_two_roles_are_refused() {
        let (hash, comma) = (Comments::Char('#'), Delimiter::Char(','));
        assert!(format(Delimiter::Char('#'), hash, None).is_err());
        assert!(format(comma, hash, Some(',')).is_err());
        assert!(format(comma, hash, Some('#')).is_err());
        assert!(format(Delimiter::Whitespace, Comments::Char('\t'), None).is_err());
        assert!(format(Delimiter::Whitespace, hash, Some('\u{2003}')).is_err());
        assert!(format(Delimiter::Char('\r'), Comments::None, None).is_err());
        assert!(format(Delimiter::Char('.'), hash, None).is_ok());
        assert!(format(Delimiter::Char('§'), hash, Some('"')).is_ok());
        assert!(format(Delimiter::Char(' '), hash, Some('\t')).is_ok());
    }

    #[test]
    fn comment_strings_go_without_quotes_and_are_not_empty() {
        let strings = Comments::Strings("//\n--");
        assert!(format(Delimiter::Whitespace, strings, None).is_ok());
        assert!(format(Delimiter::Whitespace, strings, Some('"')).is_err());
        assert!(format(Delimiter::Whitespace, Comments::Strings("//\n"), None).is_err());
    }

    #[test]
    fn a_decimal_comma_is_no_delimiter() {
        let german = Dialect { decimal: b',', ..Dialect::default() };
        assert!(Format::new(german).is_ok());
        assert!(Format::new(Dialect { delimiter: Delimiter::Char(','), ..german }).is_err());
        assert!(Format::new(Dialect { delimiter: Delimiter::Char('.'), ..german }).is_ok());
        for decimal in [b'e', b'-', b'5', b' ', 0xB7] {
            assert!(Format::new(Dialect { decimal, ..german }).is_err(), "{decimal}");
        }
    }

    #[test]
    fn kernels_see_only_what_cannot_be_in_a_number() {
        let plain = |d, q| format(d, Comments::Char('#'), q).unwrap().plain().is_some();
        assert!(plain(Delimiter::Char(','), Some('"')) && plain(Delimiter::Whitespace, None));
        assert!(!plain(Delimiter::Char('e'), None) && !plain(Delimiter::Char('§'), None));
        assert!(!plain(Delimiter::Char(','), Some(' ')) && !plain(Delimiter::Char(','), Some('1')));
    }
}

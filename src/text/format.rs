//! How a table is written as text: what parts fields, what starts a comment.

use crate::error::{Error, Result};

/// What parts the fields of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delimiter {
    /// Any run of white space (Python's `str.isspace`), as `delimiter=None`.
    Whitespace,
    /// One ASCII character; two in a row enclose an empty field.
    Byte(u8),
}

/// The text format of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Format {
    delimiter: Delimiter,
    comment: Option<u8>,
}

impl Default for Format {
    /// As `np.loadtxt`: white space, `#`.
    fn default() -> Self {
        Self { delimiter: Delimiter::Whitespace, comment: Some(b'#') }
    }
}

impl Format {
    /// A format, if its characters can be told apart.
    ///
    /// # Errors
    /// [`Error::Argument`] if a character is not ASCII, ends lines, or has two roles.
    pub fn new(delimiter: Delimiter, comment: Option<u8>) -> Result<Self> {
        let usable = |byte: u8| byte.is_ascii() && byte != b'\n' && byte != b'\r';
        let clash = match (delimiter, comment) {
            (Delimiter::Byte(d), Some(c)) => d == c,
            (Delimiter::Whitespace, Some(c)) => super::space::is_ascii_space(c),
            (_, None) => false,
        };
        let delimiter_usable = match delimiter {
            Delimiter::Byte(d) => usable(d),
            Delimiter::Whitespace => true,
        };
        if clash || !delimiter_usable || !comment.is_none_or(usable) {
            return Err(Error::Argument);
        }
        Ok(Self { delimiter, comment })
    }

    /// Whether delimiter and comment cannot be taken for a part of a number or
    /// for a blank beside one: what the fast kernels count on.
    #[must_use]
    pub(super) fn is_plain(self) -> bool {
        let in_number = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.');
        let delimiter = !matches!(self.delimiter, Delimiter::Byte(b) if in_number(b));
        delimiter && self.comment.is_none_or(|b| !in_number(b) && !matches!(b, b' ' | b'\t'))
    }

    /// What parts fields.
    #[must_use]
    pub const fn delimiter(&self) -> Delimiter {
        self.delimiter
    }

    /// What starts a comment.
    #[must_use]
    pub const fn comment(&self) -> Option<u8> {
        self.comment
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_with_two_roles_are_refused() {
        assert!(Format::new(Delimiter::Byte(b'#'), Some(b'#')).is_err());
        assert!(Format::new(Delimiter::Whitespace, Some(b'\t')).is_err());
        assert!(Format::new(Delimiter::Byte(b'\r'), None).is_err());
        assert!(Format::new(Delimiter::Byte(0xA7), None).is_err());
        assert!(Format::new(Delimiter::Byte(b' '), Some(b'#')).is_ok());
    }
}

//! Names of fields as the text gives them.

use super::cursor::{Cursor, moved};
use crate::dtype::Builder;
use crate::dtype::model::fault;
use crate::error::{DTypeFault, Error, Result};

/// The name of a field, and where it is in the text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Label<'t> {
    pub(super) at: usize,
    text: Text<'t>,
}

#[derive(Debug, Clone, Copy)]
enum Text<'t> {
    Plain(&'t str),
    /// The inside of a Python string with backslashes.
    Escaped(&'t str),
    /// NumPy's `f0`, `f1`, ... for fields without a name.
    Counted(u32),
}

impl<'t> Label<'t> {
    /// No name: the root.
    pub(super) const ROOT: Self = Self { at: 0, text: Text::Plain("") };

    pub(super) const fn plain(at: usize, name: &'t str) -> Self {
        Self { at, text: Text::Plain(name) }
    }

    pub(super) const fn counted(at: usize, index: u32) -> Self {
        Self { at, text: Text::Counted(index) }
    }

    /// Reads a quoted Python string.
    pub(super) fn quoted(cursor: &mut Cursor<'t>) -> Result<Self> {
        let at = cursor.at();
        let (start, end) = quoted(cursor)?;
        let inside = cursor.slice(start, end);
        let text = if inside.contains('\\') { Text::Escaped(inside) } else { Text::Plain(inside) };
        Ok(Self { at, text })
    }

    pub(super) fn is_empty(&self) -> bool {
        matches!(self.text, Text::Plain(""))
    }

    /// The error of a node with this name, at the name or at its type.
    pub(super) const fn blame(&self, error: Error, type_at: usize) -> Error {
        match error {
            Error::DType { fault: DTypeFault::Name | DTypeFault::DuplicateName, .. } => {
                moved(error, self.at)
            }
            _ => moved(error, type_at),
        }
    }

    /// Gives it to the next node.
    pub(super) fn write(self, into: &mut Builder<'_>) -> Result<()> {
        match self.text {
            Text::Plain(name) => into.name(name.chars()),
            Text::Escaped(inside) => {
                into.name(core::iter::empty())?;
                unescape(inside, self.at.saturating_add(1), into)
            }
            Text::Counted(index) => {
                into.name(core::iter::once('f'))?;
                count(index, into)
            }
        }
    }
}

/// Steps over a quoted string; where its inside begins and ends.
pub(super) fn quoted(cursor: &mut Cursor<'_>) -> Result<(usize, usize)> {
    let open = *cursor;
    let Some(mark) = open.peek().filter(|b| matches!(b, b'\'' | b'"')) else {
        return open.fail(DTypeFault::Syntax);
    };
    cursor.bump();
    let start = cursor.at();
    loop {
        match cursor.peek() {
            None | Some(b'\n') => return open.fail(DTypeFault::Syntax),
            Some(b'\\') => cursor.bump(),
            Some(b) if b == mark => break,
            Some(_) => {}
        }
        cursor.bump();
    }
    let end = cursor.at();
    cursor.bump();
    Ok((start, end))
}

/// The decimal digits of a number.
fn count(number: u32, into: &mut Builder<'_>) -> Result<()> {
    if number >= 10 {
        count(number / 10, into)?;
    }
    into.name_char(char::from(b'0'.saturating_add((number % 10) as u8)))
}

/// Python's escapes but for `\N{...}` and octal numbers.
fn unescape(inside: &str, start: usize, into: &mut Builder<'_>) -> Result<()> {
    let mut chars = inside.chars();
    loop {
        let at = start.saturating_add(inside.len().saturating_sub(chars.as_str().len()));
        let Some(c) = chars.next() else { return Ok(()) };
        let decoded = if c == '\\' { escape(&mut chars) } else { Some(c) };
        match decoded {
            Some(c) => into.name_char(c)?,
            None => return fault(at, DTypeFault::Syntax),
        }
    }
}

fn escape(chars: &mut core::str::Chars<'_>) -> Option<char> {
    Some(match chars.next()? {
        c @ ('\\' | '\'' | '"') => c,
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'x' => hex(chars, 2)?,
        'u' => hex(chars, 4)?,
        'U' => hex(chars, 8)?,
        _ => return None,
    })
}

fn hex(chars: &mut core::str::Chars<'_>, digits: u32) -> Option<char> {
    let mut code: u32 = 0;
    for _ in 0..digits {
        code = code.checked_mul(16)?.checked_add(chars.next()?.to_digit(16)?)?;
    }
    char::from_u32(code)
}

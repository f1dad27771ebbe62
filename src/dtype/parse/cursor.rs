//! A place in the text, and the few steps that every form shares.

use crate::dtype::model::fault;
use crate::error::{DTypeFault, Error, Result};

/// A place in the text, which may end before the text does.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor<'t> {
    text: &'t str,
    at: usize,
    end: usize,
}

impl<'t> Cursor<'t> {
    pub(super) const fn new(text: &'t str) -> Self {
        Self { text, at: 0, end: text.len() }
    }

    /// The same text between two byte offsets.
    pub(super) const fn within(self, at: usize, end: usize) -> Self {
        Self { text: self.text, at, end }
    }

    /// Byte offset in the text.
    pub(super) const fn at(&self) -> usize {
        self.at
    }

    /// What is still to come.
    pub(super) fn rest(&self) -> &'t str {
        self.slice(self.at, self.end)
    }

    /// The text between two byte offsets.
    pub(super) fn slice(&self, from: usize, to: usize) -> &'t str {
        self.text.get(from..to).unwrap_or_default()
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied().filter(|_| self.at < self.end)
    }

    pub(super) fn bump(&mut self) {
        self.at = self.at.saturating_add(1).min(self.end);
    }

    /// Steps over `byte` if it is next.
    pub(super) fn eat(&mut self, byte: u8) -> bool {
        let next = self.peek() == Some(byte);
        if next {
            self.bump();
        }
        next
    }

    pub(super) fn expect(&mut self, byte: u8) -> Result<()> {
        if self.eat(byte) { Ok(()) } else { self.fail(DTypeFault::Syntax) }
    }

    /// Steps over all bytes that `is`.
    pub(super) fn skip(&mut self, is: impl Fn(u8) -> bool) {
        while self.peek().is_some_and(&is) {
            self.bump();
        }
    }

    /// Steps over blanks in a line.
    pub(super) fn blanks(&mut self) {
        self.skip(|b| matches!(b, b' ' | b'\t' | b'\r'));
    }

    /// Steps over white space, ends of lines, and comments from `#` on.
    pub(super) fn lines(&mut self) {
        loop {
            self.skip(|b| b.is_ascii_whitespace());
            if !self.eat(b'#') {
                return;
            }
            self.skip(|b| b != b'\n');
        }
    }

    /// The digits here as a number, saturating; none without a digit.
    pub(super) fn number(&mut self) -> Option<u64> {
        let mut value = None;
        while let Some(digit) = self.peek().filter(u8::is_ascii_digit) {
            let tens = value.unwrap_or(0_u64).saturating_mul(10);
            value = Some(tens.saturating_add(u64::from(digit.saturating_sub(b'0'))));
            self.bump();
        }
        value
    }

    /// A whole number; `otherwise` if it is negative or does not fit.
    pub(super) fn integer(&mut self, otherwise: DTypeFault) -> Result<u32> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            return fault(start, otherwise);
        }
        let value = self.number().map(u32::try_from);
        match value {
            Some(Ok(value)) => Ok(value),
            Some(Err(_)) => fault(start, otherwise),
            None => fault(start, DTypeFault::Syntax),
        }
    }

    /// The letters, digits and `_.?` that come next.
    pub(super) fn word(&mut self) -> &'t str {
        let start = self.at;
        self.skip(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'?'));
        self.slice(start, self.at)
    }

    /// A fault at this place.
    pub(super) const fn fail<T>(&self, what: DTypeFault) -> Result<T> {
        fault(self.at, what)
    }
}

/// The items of a bracketed list, Python's way: commas between, one more allowed.
#[derive(Debug)]
pub(super) struct Items {
    close: u8,
    first: bool,
}

impl Items {
    /// Steps over the opening bracket.
    pub(super) fn open(cursor: &mut Cursor<'_>) -> Result<Self> {
        let close = match cursor.peek() {
            Some(b'(') => b')',
            Some(b'[') => b']',
            Some(b'{') => b'}',
            _ => return cursor.fail(DTypeFault::Syntax),
        };
        cursor.bump();
        Ok(Self { close, first: true })
    }

    /// Steps to the next item; false behind the closing bracket.
    pub(super) fn more(&mut self, cursor: &mut Cursor<'_>) -> Result<bool> {
        cursor.lines();
        if cursor.eat(self.close) {
            return Ok(false);
        }
        if !self.first {
            cursor.expect(b',')?;
            cursor.lines();
        }
        Ok(core::mem::take(&mut self.first) || !cursor.eat(self.close))
    }

    /// Steps behind the closing bracket; no more items may come.
    pub(super) fn close(&mut self, cursor: &mut Cursor<'_>) -> Result<()> {
        let at = *cursor;
        if self.more(cursor)? { at.fail(DTypeFault::Syntax) } else { Ok(()) }
    }
}

/// The same fault at another place: builders count nodes, readers count bytes.
pub(super) const fn moved(error: Error, at: usize) -> Error {
    match error {
        Error::DType { fault, .. } => Error::DType { at: at as u32, fault },
        other => other,
    }
}

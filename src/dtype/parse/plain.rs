//! What is not Python: one type, NumPy's comma string, the short form.

use super::scalar::{order, scalar};
use super::{Added, Dims, Label, Parser};
use crate::dtype::Order;
use crate::error::{DTypeFault, Result};

impl Parser<'_, '_, '_> {
    /// The whole text: the short form if there is a colon.
    pub(super) fn plain(&mut self) -> Result<Added> {
        if self.at.peek() == Some(b'{') {
            return self.braces(Label::ROOT);
        }
        if self.at.rest().contains(':') {
            return self.short(Label::ROOT, None);
        }
        self.commas(Label::ROOT, false)
    }

    /// NumPy's comma string up to its end, or a single item without a comma.
    pub(super) fn commas(&mut self, label: Label<'_>, align: bool) -> Result<Added> {
        if !self.has_comma() {
            return self.item(label, false);
        }
        let start = self.at.at();
        self.begin(label)?;
        let (mut index, mut alignment) = (0, 1);
        loop {
            self.at.lines();
            if index > 0 && self.at.peek().is_none() {
                break;
            }
            let field = self.item(Label::counted(self.at.at(), index), false)?;
            alignment = self.settle(field, align, alignment)?;
            index = index.saturating_add(1);
            self.at.lines();
            if !self.at.eat(b',') {
                break;
            }
        }
        self.end(start, align.then_some(alignment))
    }

    /// Whether a comma comes that is not in brackets.
    fn has_comma(&self) -> bool {
        let mut depth = 0_u32;
        self.at.rest().bytes().any(|b| {
            match b {
                b'(' | b'[' => depth = depth.saturating_add(1),
                b')' | b']' => depth = depth.saturating_sub(1),
                _ => {}
            }
            b == b',' && depth == 0
        })
    }

    /// `<(2,3)f8`, and in the short form `3{a:i4}`.
    fn item(&mut self, label: Label<'_>, short: bool) -> Result<Added> {
        self.at.blanks();
        let outer = order(&mut self.at);
        self.at.blanks();
        let (at, dims) = match self.at.peek() {
            Some(b'(' | b'0'..=b'9') => self.shape()?,
            _ => (self.at.at(), Dims::new()),
        };
        self.at.blanks();
        let field = if short && self.at.peek() == Some(b'{') {
            self.braces(label)?
        } else {
            self.ordered(label, outer)?
        };
        self.subarray(at, &dims)?;
        Ok(field)
    }

    /// A type with its order mark; `outer` is one that was given before.
    pub(super) fn ordered(&mut self, label: Label<'_>, outer: Option<Order>) -> Result<Added> {
        let start = self.at;
        let inner = order(&mut self.at);
        if outer.zip(inner).is_some_and(|(a, b)| a != b) {
            return start.fail(DTypeFault::Syntax);
        }
        let at = self.at.at();
        let is = scalar(&mut self.at)?;
        self.leaf(label, at, inner.or(outer).unwrap_or(Order::NATIVE), is)
    }

    /// `{a:i4,b:f8}`
    fn braces(&mut self, label: Label<'_>) -> Result<Added> {
        self.nested(|parser| parser.short(label, Some(b'}')))
    }

    /// `name:type` items by commas or lines, up to the end or the brace.
    fn short(&mut self, label: Label<'_>, close: Option<u8>) -> Result<Added> {
        let start = self.at.at();
        self.begin(label)?;
        if close.is_some() {
            self.at.bump();
        }
        loop {
            self.at.lines();
            match (self.at.peek(), close) {
                (None, None) => break,
                (Some(next), Some(close)) if next == close => break self.at.bump(),
                (None, Some(_)) => return self.at.fail(DTypeFault::Syntax),
                _ => self.pair()?,
            }
            self.separator(close)?;
        }
        self.end(start, None)
    }

    fn pair(&mut self) -> Result<()> {
        let start = self.at.at();
        self.at.skip(|b| !matches!(b, b':' | b',' | b'\n'));
        let name = self.at.slice(start, self.at.at());
        self.at.expect(b':')?;
        let field = self.item(Label::plain(start, name.trim()), true)?;
        self.settle(field, false, 1)?;
        Ok(())
    }

    /// A comma, the end of a line, or what ends the whole list.
    fn separator(&mut self, close: Option<u8>) -> Result<()> {
        self.at.blanks();
        match self.at.peek() {
            Some(b',') => self.at.bump(),
            None | Some(b'\n' | b'#') => {}
            next if next == close => {}
            _ => return self.at.fail(DTypeFault::Syntax),
        }
        Ok(())
    }
}

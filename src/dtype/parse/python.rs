//! Python's lists, tuples and strings, and `dtype(...)` around them.

use super::cursor::Items;
use super::label::quoted;
use super::{Added, Label, MAX_NESTING, Parser};
use crate::dtype::Kind;
use crate::error::{DTypeFault, Result};

impl<'t> Parser<'t, '_, '_> {
    /// Whether the text is Python: a bracket alone may begin a name too.
    pub(super) fn looks_python(&self) -> bool {
        let mut next = self.at;
        let first = next.peek();
        next.bump();
        next.lines();
        match first {
            Some(b'\'' | b'"') => true,
            Some(b'[') => matches!(next.peek(), Some(b'(' | b']')) || !self.at.rest().contains(':'),
            Some(b'{') => matches!(next.peek(), Some(b'\'' | b'"' | b'}')),
            Some(b'(') => next.peek().is_some_and(|b| {
                matches!(b, b'\'' | b'"' | b'[' | b'{' | b'(') || b.is_ascii_alphabetic()
            }),
            _ => self.at_wrapper(),
        }
    }

    /// Whether `dtype(` comes next.
    fn at_wrapper(&self) -> bool {
        let mut next = self.at;
        let word = next.word();
        next.lines();
        matches!(word, "dtype" | "np.dtype" | "numpy.dtype") && next.peek() == Some(b'(')
    }

    /// Runs one level deeper.
    pub(super) fn nested<T>(&mut self, run: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if self.nesting >= MAX_NESTING {
            return self.at.fail(DTypeFault::Depth);
        }
        self.nesting = self.nesting.saturating_add(1);
        let done = run(self);
        self.nesting = self.nesting.saturating_sub(1);
        done
    }

    /// Any type as Python writes it, added under a name.
    pub(super) fn format(&mut self, label: Label<'_>, align: bool) -> Result<Added> {
        self.nested(|parser| match parser.at.peek() {
            Some(b'\'' | b'"') => parser.string(label, align),
            Some(b'[') => parser.list(label, align),
            Some(b'{') => parser.dict(label, align),
            Some(b'(') => parser.tuple(label, align),
            _ if parser.at_wrapper() => parser.wrapper(label),
            _ => parser.ordered(label, None),
        })
    }

    /// A type in quotes, or a comma string.
    fn string(&mut self, label: Label<'_>, align: bool) -> Result<Added> {
        let (start, end) = quoted(&mut self.at)?;
        let behind = self.at;
        self.at = behind.within(start, end);
        let added = self.commas(label, align)?;
        self.at.blanks();
        if self.at.peek().is_some() {
            return self.at.fail(DTypeFault::Syntax);
        }
        self.at = behind;
        Ok(added)
    }

    /// `[('a', '<i4'), ...]`
    fn list(&mut self, label: Label<'_>, align: bool) -> Result<Added> {
        let start = self.at.at();
        self.begin(label)?;
        let mut items = Items::open(&mut self.at)?;
        let (mut index, mut alignment) = (0_u32, 1);
        while items.more(&mut self.at)? {
            alignment = self.entry(index, align, alignment)?;
            index = index.saturating_add(1);
        }
        self.end(start, align.then_some(alignment))
    }

    /// `('a', '<i4')` or `('a', '<i4', (3,))`; the greatest alignment so far.
    fn entry(&mut self, index: u32, align: bool, so_far: u32) -> Result<u32> {
        if self.at.peek() != Some(b'(') {
            return self.at.fail(DTypeFault::Syntax);
        }
        let mut items = Items::open(&mut self.at)?;
        self.item_of(&mut items)?;
        let given = self.entry_name()?;
        self.item_of(&mut items)?;
        let nameless = given.is_empty();
        let label = if nameless { Label::counted(given.at, index) } else { given };
        let field = self.format(label, align)?;
        if items.more(&mut self.at)? {
            let (at, dims) = self.shape()?;
            self.subarray(at, &dims)?;
            items.close(&mut self.at)?;
        }
        if nameless && self.into.last_node()?.1.kind == Kind::Void as u8 {
            let bytes = self.into.take_back()?;
            self.into.skip(bytes)?;
            return Ok(so_far);
        }
        self.settle(field, align, so_far)
    }

    /// Steps to an item that must be there.
    fn item_of(&mut self, items: &mut Items) -> Result<()> {
        let at = self.at;
        if items.more(&mut self.at)? { Ok(()) } else { at.fail(DTypeFault::Syntax) }
    }

    /// `'a'` or `('title', 'a')`
    fn entry_name(&mut self) -> Result<Label<'t>> {
        if self.at.peek() != Some(b'(') {
            return Label::quoted(&mut self.at);
        }
        let mut items = Items::open(&mut self.at)?;
        self.item_of(&mut items)?;
        quoted(&mut self.at)?;
        self.item_of(&mut items)?;
        let name = Label::quoted(&mut self.at)?;
        items.close(&mut self.at)?;
        Ok(name)
    }

    /// `('<f4', (2,))`, or `(numpy.record, [...])` as recarrays print.
    fn tuple(&mut self, label: Label<'_>, align: bool) -> Result<Added> {
        let mut items = Items::open(&mut self.at)?;
        self.item_of(&mut items)?;
        if self.eat_record_class() {
            self.item_of(&mut items)?;
            let added = self.format(label, align)?;
            items.close(&mut self.at)?;
            return Ok(added);
        }
        let added = self.format(label, align)?;
        self.item_of(&mut items)?;
        let (at, dims) = self.shape()?;
        self.subarray(at, &dims)?;
        items.close(&mut self.at)?;
        Ok(added)
    }

    fn eat_record_class(&mut self) -> bool {
        let mut next = self.at;
        let found = matches!(next.word(), "record" | "np.record" | "numpy.record");
        if found {
            self.at = next;
        }
        found
    }

    /// `dtype(..., align=True)`. The flag comes last, so the type is read twice.
    fn wrapper(&mut self, label: Label<'_>) -> Result<Added> {
        self.at.word();
        self.at.lines();
        let mut items = Items::open(&mut self.at)?;
        self.item_of(&mut items)?;
        let inside = self.at;
        self.value()?;
        let align = self.keywords(&mut items)?;
        let behind = core::mem::replace(&mut self.at, inside);
        let added = self.format(label, align)?;
        self.at = behind;
        Ok(added)
    }

    /// `align=True, copy=False` up to the bracket: whether it is aligned.
    fn keywords(&mut self, items: &mut Items) -> Result<bool> {
        let mut align = false;
        while items.more(&mut self.at)? {
            let start = self.at;
            let word = self.at.word();
            self.at.lines();
            if !self.at.eat(b'=') {
                self.at = start;
                align = self.flag()?;
                continue;
            }
            self.at.lines();
            let flag = self.flag()?;
            match word {
                "align" => align = flag,
                "copy" => {}
                _ => return start.fail(DTypeFault::Syntax),
            }
        }
        Ok(align)
    }

    /// `True` or `False`
    pub(super) fn flag(&mut self) -> Result<bool> {
        let start = self.at;
        match self.at.word() {
            "True" | "1" => Ok(true),
            "False" | "0" => Ok(false),
            _ => start.fail(DTypeFault::Syntax),
        }
    }

    /// Steps over one value of any kind: to the comma or bracket behind it.
    pub(super) fn value(&mut self) -> Result<()> {
        let start = self.at;
        let mut depth = 0_u32;
        loop {
            match self.at.peek() {
                None => return start.fail(DTypeFault::Syntax),
                Some(b'\'' | b'"') => {
                    quoted(&mut self.at)?;
                    continue;
                }
                Some(b',' | b')' | b']' | b'}') if depth == 0 => return Ok(()),
                Some(b'(' | b'[' | b'{') => depth = depth.saturating_add(1),
                Some(b')' | b']' | b'}') => depth = depth.saturating_sub(1),
                Some(b'#') => {
                    self.at.lines();
                    continue;
                }
                Some(_) => {}
            }
            self.at.bump();
        }
    }
}

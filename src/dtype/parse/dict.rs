//! NumPy's dict: `{'names': [...], 'formats': [...], 'offsets': [...], ...}`.
//!
//! The keys come in any order, so the first pass notes where each value
//! begins; the second walks through names, formats and offsets side by side.

use super::cursor::{Cursor, Items};
use super::label::quoted;
use super::{Added, Label, Parser};
use crate::error::{DTypeFault, Result};

/// Where the values begin, as far as they are there.
#[derive(Debug, Default)]
struct Keys<'t> {
    names: Option<Cursor<'t>>,
    formats: Option<Cursor<'t>>,
    offsets: Option<Cursor<'t>>,
    itemsize: Option<Cursor<'t>>,
    aligned: bool,
}

/// One of the lists, read item by item.
#[derive(Debug)]
struct List<'t> {
    at: Cursor<'t>,
    items: Items,
}

impl<'t> List<'t> {
    fn open(mut at: Cursor<'t>) -> Result<Self> {
        if at.peek() == Some(b'{') {
            return at.fail(DTypeFault::Syntax);
        }
        let items = Items::open(&mut at)?;
        Ok(Self { at, items })
    }

    /// Where the next item begins, or none.
    fn next(&mut self) -> Result<Option<Cursor<'t>>> {
        Ok(self.items.more(&mut self.at)?.then_some(self.at))
    }
}

impl<'t> Parser<'t, '_, '_> {
    /// Reads a dict and adds its record.
    pub(super) fn dict(&mut self, label: Label<'_>, align: bool) -> Result<Added> {
        let start = self.at;
        let keys = self.keys()?;
        let behind = core::mem::replace(&mut self.at, start);
        let (Some(names), Some(formats)) = (keys.names, keys.formats) else {
            return start.fail(DTypeFault::Syntax);
        };
        let align = align || keys.aligned;
        self.begin(label)?;
        let alignment = self.columns(names, formats, keys.offsets, align)?;
        let added = if let Some(itemsize) = keys.itemsize {
            self.sized_end(start.at(), itemsize, align.then_some(alignment))?
        } else {
            self.end(start.at(), align.then_some(alignment))?
        };
        self.at = behind;
        Ok(added)
    }

    fn keys(&mut self) -> Result<Keys<'t>> {
        let mut keys = Keys::default();
        let mut items = Items::open(&mut self.at)?;
        while items.more(&mut self.at)? {
            let key = self.at;
            let (from, to) = quoted(&mut self.at)?;
            self.at.lines();
            self.at.expect(b':')?;
            self.at.lines();
            let place = match self.at.slice(from, to) {
                "names" => &mut keys.names,
                "formats" => &mut keys.formats,
                "offsets" => &mut keys.offsets,
                "itemsize" => &mut keys.itemsize,
                "aligned" => {
                    keys.aligned = self.flag()?;
                    continue;
                }
                "titles" => &mut None,
                _ => return key.fail(DTypeFault::Syntax),
            };
            *place = Some(self.at);
            self.value()?;
        }
        Ok(keys)
    }

    /// Adds all fields; the greatest alignment among them.
    fn columns(
        &mut self,
        names: Cursor<'t>,
        formats: Cursor<'t>,
        offsets: Option<Cursor<'t>>,
        align: bool,
    ) -> Result<u32> {
        let (mut names, mut formats) = (List::open(names)?, List::open(formats)?);
        let mut offsets = offsets.map(List::open).transpose()?;
        let mut alignment = 1;
        while let Some(name) = names.next()? {
            let label = Label::quoted(&mut names.at)?;
            let Some(format) = formats.next()? else { return name.fail(DTypeFault::Syntax) };
            self.at = format;
            let field = self.format(label, align)?;
            formats.at = self.at;
            alignment = match &mut offsets {
                Some(list) => self.place(list, field, align)?.max(alignment),
                None => self.settle(field, align, alignment)?,
            };
        }
        if let Some(surplus) = formats.next()? {
            return surplus.fail(DTypeFault::Syntax);
        }
        match offsets.map(|mut list| list.next()).transpose()?.flatten() {
            Some(surplus) => surplus.fail(DTypeFault::Offset),
            None => Ok(alignment),
        }
    }

    /// Moves the field just added to the next offset of the list.
    fn place(&mut self, offsets: &mut List<'t>, field: Added, align: bool) -> Result<u32> {
        let Some(at) = offsets.next()? else { return offsets.at.fail(DTypeFault::Offset) };
        let offset = offsets.at.integer(DTypeFault::Offset)?;
        if align && !offset.is_multiple_of(field.alignment.max(1)) {
            return at.fail(DTypeFault::Offset);
        }
        self.into.place(offset)?;
        self.settle(field, false, 1)
    }

    /// Ends the record with the itemsize that the dict gives.
    fn sized_end(&mut self, start: usize, at: Cursor<'t>, align: Option<u32>) -> Result<Added> {
        let itemsize = at.clone().integer(DTypeFault::TooLarge)?;
        let ended = self.end(start, None)?;
        let alignment = align.unwrap_or(1).max(1);
        if !itemsize.is_multiple_of(alignment) {
            return at.fail(DTypeFault::Offset);
        }
        self.resize(at.at(), itemsize)?;
        Ok(Added { alignment, ..ended })
    }
}

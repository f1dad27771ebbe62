//! Which types the fields of a table can have, found by looking at all of them.
//!
//! No rows are made of the text: each column has a [`Seen`], which every field of it changes.
//! What two parts of a table show together, [`Seen::merge`] says, in whatever order; so parts
//! may be looked at by different workers. Called by [`look`](super::look).
//!
//! A type is possible as long as `number` converts every field to it: a column that is found
//! to have a type is read as that type without a fault.

mod quick;
#[cfg(test)]
mod tests;

use bytemuck::{Pod, Zeroable};

use self::quick::Quick;
use super::datetime::{self, Time};
use super::exact::{self, Field, RowFault, SCRATCH};
use super::missing::{Items, Role};
use super::plan::Plan;
use super::{number, space};
use crate::dtype::Unit;

/// What is to be found out about a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// Nothing: its type is known, and its fields have to convert to it.
    Convert,
    /// Its type.
    Type,
    /// The width of its strings, whose characters have to be below U+0100.
    Bytes,
    /// The width of its strings.
    Chars,
    /// The finest unit of its datetimes.
    Time,
}

/// What is to be found out about each column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Looks<'a> {
    /// The same.
    All(Look),
    /// One after the other, in the order of the plan.
    Listed(&'a [Look]),
}

impl Looks<'_> {
    fn of(&self, slot: u32) -> Look {
        match self {
            Self::All(look) => *look,
            Self::Listed(list) => list.get(slot as usize).copied().unwrap_or(Look::Convert),
        }
    }

    /// Whether a field can be wrong.
    fn can_fail(&self) -> bool {
        let fails = |look: &Look| !matches!(look, Look::Type | Look::Chars);
        match self {
            Self::All(look) => fails(look),
            Self::Listed(list) => list.iter().any(fails),
        }
    }
}

/// What the fields of a column are like. Zeros are a column without any.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Pod, Zeroable)]
pub struct Seen {
    /// Characters of its longest text.
    width: u32,
    /// Types that it cannot have.
    excluded: u8,
    /// [`SOME`], [`WIDE`].
    flags: u8,
    /// The finest unit.
    unit: u8,
    reserved: u8,
}

/// There is a field.
const SOME: u8 = 1;
/// There are characters beyond ASCII.
const WIDE: u8 = 2;

const BOOL: u8 = 1;
const INT: u8 = 2;
const UINT: u8 = 4;
const FLOAT: u8 = 8;
const ALL: u8 = BOOL | INT | UINT | FLOAT;

/// The type of a column: the first in this order that all of its fields convert to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FoundType {
    /// The words true and false.
    Bool,
    /// `i8`
    Int,
    /// `u8`
    Uint,
    /// `f8`: also integers among which values are missing, and nothing but missing values.
    Float,
    /// `S` of so many characters, at least one: all of them are ASCII.
    Bytes(u32),
    /// `U` of so many characters.
    Chars(u32),
}

impl Seen {
    /// Whether there was any field.
    #[must_use]
    pub const fn is_some(&self) -> bool {
        self.flags & SOME != 0
    }

    /// What both columns are like together.
    pub fn merge(&mut self, other: &Self) {
        self.width = self.width.max(other.width);
        self.excluded |= other.excluded;
        self.flags |= other.flags;
        self.unit = self.unit.max(other.unit);
    }

    /// The type of the column; `None` without any field.
    #[must_use]
    pub fn found(&self) -> Option<FoundType> {
        let can_be = |types: u8| self.excluded & types == 0;
        Some(match self.flags & (SOME | WIDE) {
            0 => return None,
            _ if can_be(BOOL) => FoundType::Bool,
            _ if can_be(INT) => FoundType::Int,
            _ if can_be(UINT) => FoundType::Uint,
            _ if can_be(FLOAT) => FoundType::Float,
            SOME => FoundType::Bytes(self.chars()),
            _ => FoundType::Chars(self.chars()),
        })
    }

    /// Characters of its longest text, at least one.
    #[must_use]
    pub fn chars(&self) -> u32 {
        self.width.max(1)
    }

    /// The finest unit of its datetimes; `None` if no field has one.
    #[must_use]
    pub fn unit(&self) -> Option<Unit> {
        Unit::ALL.into_iter().find(|&unit| unit as u8 == self.unit)
    }

    /// Takes the text that missing values of the column become for one of its values, though
    /// none need be missing. Only a text that can be one counts.
    pub fn note_fill(&mut self, look: Look, text: &str, point: u8) {
        let bytes = text.as_bytes();
        match look {
            Look::Convert => {}
            Look::Type => {
                self.excluded |= excluded(bytes, ALL, point);
                self.note_text(text.chars(), text.is_ascii());
            }
            Look::Bytes | Look::Chars => self.note_text(text.chars(), text.is_ascii()),
            Look::Time => {
                self.note_time(bytes);
            }
        }
    }

    fn note(&mut self, look: Look, slot: u32, field: &Field<'_>, plan: &Plan<'_>) -> Option<()> {
        self.flags |= SOME;
        match look {
            Look::Convert => {}
            Look::Type => {
                self.note_type(slot, field, plan);
                self.note_chars(slot, field, plan);
            }
            Look::Chars => self.note_chars(slot, field, plan),
            Look::Bytes => {
                self.note_chars(slot, field, plan);
                let is_beyond = |c: char| u32::from(c) > 0xFF;
                let missing = || is_missing(plan, slot, &field.chars(&plan.format));
                if !field.raw.is_ascii() && field.chars(&plan.format).any(is_beyond) && !missing() {
                    return None;
                }
            }
            Look::Time => {
                let mut scratch = [0; SCRATCH];
                let text = field.utf8(&plan.format, &mut scratch)?;
                if !is_missing_number(plan, slot, space::strip(text)) {
                    return self.note_time(text);
                }
            }
        }
        Some(())
    }

    fn note_chars(&mut self, slot: u32, field: &Field<'_>, plan: &Plan<'_>) {
        let chars = || field.chars(&plan.format);
        if !is_missing(plan, slot, &chars()) {
            self.note_text(chars(), field.raw.is_ascii());
        }
    }

    fn note_text(&mut self, chars: impl Iterator<Item = char> + Clone, ascii: bool) {
        if !ascii && chars.clone().any(|c| !c.is_ascii()) {
            self.flags |= WIDE;
        }
        self.width = self.width.max(u32::try_from(chars.count()).unwrap_or(u32::MAX));
    }

    fn note_type(&mut self, slot: u32, field: &Field<'_>, plan: &Plan<'_>) {
        let left = ALL & !self.excluded;
        if left == 0 {
            return;
        }
        let (mut scratch, point) = ([0; SCRATCH], plan.format.decimal());
        let gone = match field.utf8(&plan.format, &mut scratch).map(space::strip) {
            None => ALL,
            Some(text) if !is_missing_number(plan, slot, text) => excluded(text, left, point),
            Some(_) => match (fill(plan.missing.own(slot)), fill(plan.missing.common())) {
                // What a missing value becomes was noted before.
                (Some(_), _) => 0,
                (None, Some(common)) => excluded(common.as_bytes(), left, point) & !FLOAT,
                (None, None) => BOOL | INT | UINT,
            },
        };
        self.excluded |= gone;
    }

    /// A datetime, or none at all; `None` for a text that is neither.
    fn note_time(&mut self, text: &[u8]) -> Option<()> {
        if let Time::At(moment) = datetime::parse(text)? {
            self.unit = self.unit.max(moment.finest() as u8);
        }
        Some(())
    }
}

/// The types that a text does not convert to, of those `left`.
fn excluded(text: &[u8], left: u8, point: u8) -> u8 {
    let mut gone = if left & BOOL != 0 && number::word(text).is_none() { BOOL } else { 0 };
    if left & INT != 0 && number::signed(text).is_none() {
        gone |= INT;
    }
    if left & UINT != 0 && number::unsigned(text).is_none() {
        gone |= UINT;
    }
    // What is an integer is a number.
    let is_integer = left & !gone & (INT | UINT) != 0;
    if left & FLOAT != 0 && !is_integer && number::float(text, point).is_none() {
        gone |= FLOAT;
    }
    gone
}

/// Whether a text is one that stands for a missing value in a column of strings.
fn is_missing(plan: &Plan<'_>, slot: u32, text: &(impl Iterator<Item = char> + Clone)) -> bool {
    markers(plan, slot).any(|marker| marker.chars().eq(text.clone()))
}

/// Whether a text without blanks around it is one that stands for a missing value in a column
/// of anything else.
fn is_missing_number(plan: &Plan<'_>, slot: u32, text: &[u8]) -> bool {
    markers(plan, slot).any(|marker| space::strip(marker.as_bytes()) == text)
}

fn markers<'a>(plan: &Plan<'a>, slot: u32) -> impl Iterator<Item = &'a str> + use<'a> {
    plan.missing.of(slot).filter(|(role, _)| *role == Role::Marker).map(|(_, text)| text)
}

fn fill(mut texts: Items<'_>) -> Option<&str> {
    texts.find(|(role, _)| *role == Role::Fill).map(|(_, text)| text)
}

/// Where [`look`](super::look) puts what it finds.
#[derive(Debug)]
pub struct Table<'t> {
    looks: Looks<'t>,
    /// One for each column.
    seen: &'t mut [Seen],
    /// Room for the row that columns with known types are converted to.
    row: &'t mut [u8],
    /// How plain rows are looked at, if there may be some.
    quick: Option<Quick>,
}

impl<'t> Table<'t> {
    /// A table for the columns of a plan: as many as `seen` has, which it adds to. `row` has the
    /// bytes of a row, if there are columns with known types.
    #[must_use]
    pub fn new(plan: &Plan<'_>, looks: Looks<'t>, seen: &'t mut [Seen], row: &'t mut [u8]) -> Self {
        Self { looks, seen, row, quick: Quick::new(plan, looks) }
    }

    /// Looks at one record without its line end; `Ok(false)` if it does not count.
    /// Of a wrong row nothing counts, not even the fields before the wrong one, if such rows
    /// are left out: `careful`.
    pub(super) fn read(
        &mut self,
        plan: &Plan<'_>,
        record: &[u8],
        careful: bool,
    ) -> Result<bool, RowFault> {
        let looks = self.looks;
        if let Some(quick) = self.quick.filter(|_| !careful)
            && let Some(counts) = quick.read(plan, looks, record, self.seen)
        {
            return Ok(counts);
        }
        let found = exact::field_count(record, plan.format);
        if found == 0 {
            return Ok(false);
        }
        if careful && (looks.can_fail() || plan.usecols.is_some()) {
            exact::walk(plan, record, found, &mut |slot, field| match looks.of(slot) {
                Look::Convert => exact::store(plan, slot, field, self.row),
                look => Seen::default().note(look, slot, field, plan),
            })?;
        }
        exact::walk(plan, record, found, &mut |slot, field| match looks.of(slot) {
            Look::Convert if careful => Some(()),
            Look::Convert => exact::store(plan, slot, field, self.row),
            look => self.seen.get_mut(slot as usize)?.note(look, slot, field, plan),
        })?;
        Ok(true)
    }
}

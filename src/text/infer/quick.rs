//! Rows that are looked at without `exact`: plain fields of ASCII text.
//!
//! What it says is what the plain look says; what it is not sure of, it leaves alone.

use super::super::exact::Field;
use super::super::missing::Role;
use super::super::plan::Plan;
use super::super::{Comments, space};
use super::{ALL, BOOL, INT, Look, Looks, SOME, Seen, UINT, excluded};

/// Digits that any integer type holds.
const SURE_DIGITS: usize = 18;

/// What is known of all rows of a plan.
#[derive(Debug, Clone, Copy)]
pub(super) struct Quick {
    delimiter: Option<u8>,
    comment: u8,
    quote: u8,
    point: u8,
    /// Bytes of the longest text that stands for a missing value.
    longest: usize,
}

impl Quick {
    /// None for a plan whose rows have to be looked at closely.
    pub(super) fn new(plan: &Plan<'_>, looks: Looks<'_>) -> Option<Self> {
        let marks = plan.format.plain()?;
        let strings = matches!(plan.format.comments(), Comments::Strings(_));
        if strings || plan.usecols.is_some() || looks.can_fail() {
            return None;
        }
        let own = plan.missing.slots().flat_map(|slot| plan.missing.own(slot));
        let markers = own.chain(plan.missing.common()).filter(|(role, _)| *role == Role::Marker);
        Some(Self {
            delimiter: marks.delimiter,
            comment: marks.comment,
            quote: marks.quote,
            point: plan.format.decimal(),
            longest: markers.map(|(_, text)| text.len()).max().unwrap_or(0),
        })
    }

    /// Looks at one record; whether it counts. `None` if it has to be looked at closely: then
    /// some of its fields may be looked at already.
    pub(super) fn read(
        &self,
        plan: &Plan<'_>,
        looks: Looks<'_>,
        record: &[u8],
        seen: &mut [Seen],
    ) -> Option<bool> {
        if !record.is_ascii() || memchr::memchr(self.quote, record).is_some() {
            return None;
        }
        let end = memchr::memchr(self.comment, record).unwrap_or(record.len());
        let record = record.get(..end)?;
        let mut rest = Some(record);
        let mut slot = 0;
        while let Some(field) = self.next(&mut rest) {
            if field.is_empty() && rest.is_none() && slot == 0 {
                // A blank line.
                return Some(false);
            }
            let (look, here) = (looks.of(slot as u32), seen.get_mut(slot)?);
            if !self.note(look, field, here) {
                let field = Field { start: 0, raw: field, quoted: false };
                here.note(look, slot as u32, &field, plan)?;
            }
            slot += 1;
        }
        match slot {
            0 => Some(false),
            _ if slot == seen.len() => Some(true),
            _ => None,
        }
    }

    /// Takes the next field off a record.
    #[inline]
    fn next<'t>(&self, rest: &mut Option<&'t [u8]>) -> Option<&'t [u8]> {
        let text = (*rest)?;
        if let Some(delimiter) = self.delimiter {
            let end = memchr::memchr(delimiter, text);
            *rest = end.and_then(|end| text.get(end + 1..));
            return text.get(..end.unwrap_or(text.len()));
        }
        let is_space = |byte: &u8| space::is_ascii_space(*byte);
        let start = text.iter().position(|byte| !is_space(byte));
        let Some(text) = start.and_then(|start| text.get(start..)) else {
            *rest = None;
            return None;
        };
        let end = text.iter().position(is_space).unwrap_or(text.len());
        *rest = text.get(end..);
        text.get(..end)
    }

    /// Looks at one field; false if it may be missing.
    #[inline]
    fn note(&self, look: Look, field: &[u8], seen: &mut Seen) -> bool {
        let is_bare = |byte: Option<&u8>| byte.is_some_and(|&byte| byte > b' ');
        let bare = is_bare(field.first()) && is_bare(field.last());
        let text = if bare { field } else { space::strip(field) };
        if text.len() <= self.longest {
            return false;
        }
        let left = ALL & !seen.excluded;
        if look == Look::Type && left != 0 {
            seen.excluded |= self.excluded(text, left);
        }
        seen.flags |= SOME;
        seen.width = seen.width.max(u32::try_from(field.len()).unwrap_or(u32::MAX));
        true
    }

    /// The types that a text does not convert to, of those `left`.
    #[inline]
    fn excluded(&self, text: &[u8], left: u8) -> u8 {
        let (negative, body) = match text {
            [b'-', body @ ..] => (true, body),
            [b'+', body @ ..] => (false, body),
            _ => (false, text),
        };
        let digits = body.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if digits == body.len() && (1..=SURE_DIGITS).contains(&digits) {
            return if negative { BOOL | UINT } else { BOOL };
        }
        match body.get(digits..) {
            Some([point, fraction @ ..])
                if *point == self.point
                    && digits + fraction.len() > 0
                    && fraction.iter().all(u8::is_ascii_digit) =>
            {
                BOOL | INT | UINT
            }
            _ => excluded(text, left, self.point),
        }
    }
}

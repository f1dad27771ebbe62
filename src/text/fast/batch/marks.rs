//! What the bytes of a text mean to a format.

use crate::text::format::Plain;

/// A delimiter, or a blank if fields are parted by white space.
pub(super) const STOP: u8 = 1;
/// `\n`
pub(super) const LINE: u8 = 2;
/// `\r`
pub(super) const RETURN: u8 = 4;
/// The quote: special only where a field starts.
pub(super) const QUOTE: u8 = 8;
/// A comment, a byte beyond ASCII, other white space: a row that has one is not for a batch.
pub(super) const ODD: u8 = 128;

/// The classes of all bytes.
#[derive(Debug, Clone, Copy)]
pub(in crate::text::fast) struct Marks {
    /// Fields are parted by white space.
    pub(super) by_space: bool,
    /// What parts fields.
    pub(super) stops: [u8; 2],
    /// Bytes below, as signed numbers, are odd unless they have another class.
    pub(super) floor: i8,
    /// The comment character and the quote; `\n` if there is none.
    pub(super) comment: u8,
    pub(super) quote: u8,
    /// Classes of ASCII.
    pub(super) classes: [u8; 128],
}

impl Marks {
    pub(in crate::text::fast) const fn new(plain: Plain) -> Self {
        let mut classes = if plain.delimiter.is_none() { BY_SPACE } else { [0; 128] };
        // What there is not, `\n` stands for: the last lines put that right.
        if let Some(delimiter) = plain.delimiter {
            set(&mut classes, delimiter, STOP);
        }
        set(&mut classes, plain.comment, ODD);
        set(&mut classes, plain.quote, QUOTE);
        set(&mut classes, b'\r', RETURN);
        set(&mut classes, b'\n', LINE);
        let Plain { comment, quote, .. } = plain;
        let (by_space, stops, floor) = match plain.delimiter {
            None => (true, [b' ', b'\t'], b' ' as i8),
            Some(delimiter) => (false, [delimiter; 2], 0),
        };
        Self { by_space, stops, floor, comment, quote, classes }
    }
}

/// Classes of ASCII where white space parts fields.
const BY_SPACE: [u8; 128] = {
    let mut classes = [0; 128];
    let mut byte = 0;
    while byte < b' ' {
        set(&mut classes, byte, ODD);
        byte += 1;
    }
    set(&mut classes, b' ', STOP);
    set(&mut classes, b'\t', STOP);
    classes
};

const fn set(classes: &mut [u8; 128], byte: u8, class: u8) {
    if byte < 128 {
        classes[byte as usize] = class;
    }
}

//! Encodings of text, and the reader that makes UTF-8 of UTF-16 and UTF-32, as strictly
//! as Python does. Used by the streams of [`load`](crate::load).

use core::fmt;
use std::boxed::Box;
use std::io::{self, Read};
use std::string::String;
use std::vec;

use super::error::InputFault;

/// UTF-8's byte order mark.
pub(super) const MARK: &[u8] = b"\xEF\xBB\xBF";

/// How the characters of an input are written, in Python's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Encoding {
    /// UTF-8; a byte order mark is a character like others.
    #[default]
    Utf8,
    /// UTF-8; a byte order mark at the start is left out.
    Utf8Sig,
    /// Each byte is the character of its number, U+0000 to U+00FF.
    Latin1,
    /// The first half of it; other bytes are errors.
    Ascii,
    /// UTF-16 with a byte order mark, which says which bytes come first.
    Utf16,
    /// UTF-16, low byte first; a byte order mark is a character like others.
    Utf16Le,
    /// UTF-16, high byte first; likewise.
    Utf16Be,
    /// UTF-32 with a byte order mark.
    Utf32,
    /// UTF-32, low byte first.
    Utf32Le,
    /// UTF-32, high byte first.
    Utf32Be,
}

impl Encoding {
    /// By a name that Python knows it by; case, `-`, `_` and spaces make no difference.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let signs = name.chars().filter(|c| !matches!(c, '-' | '_' | ' '));
        let plain: String = signs.map(|c| c.to_ascii_lowercase()).collect();
        Some(match plain.as_str() {
            "utf8" | "u8" | "utf" | "cp65001" => Self::Utf8,
            "utf8sig" => Self::Utf8Sig,
            "latin1" | "latin" | "l1" | "iso88591" | "88591" | "8859" | "cp819" => Self::Latin1,
            "ascii" | "usascii" | "646" => Self::Ascii,
            "utf16" | "u16" => Self::Utf16,
            "utf16le" => Self::Utf16Le,
            "utf16be" => Self::Utf16Be,
            "utf32" | "u32" => Self::Utf32,
            "utf32le" => Self::Utf32Le,
            "utf32be" => Self::Utf32Be,
            _ => return None,
        })
    }

    /// Its name in messages and in Python.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "utf-8",
            Self::Utf8Sig => "utf-8-sig",
            Self::Latin1 => "latin1",
            Self::Ascii => "ascii",
            Self::Utf16 => "utf-16",
            Self::Utf16Le => "utf-16-le",
            Self::Utf16Be => "utf-16-be",
            Self::Utf32 => "utf-32",
            Self::Utf32Le => "utf-32-le",
            Self::Utf32Be => "utf-32-be",
        }
    }

    /// How many bytes a unit of it has, if it has to be made UTF-8 of before it is read.
    const fn units(self) -> Option<(usize, Option<Order>)> {
        Some(match self {
            Self::Utf16 => (2, None),
            Self::Utf16Le => (2, Some(Order::Little)),
            Self::Utf16Be => (2, Some(Order::Big)),
            Self::Utf32 => (4, None),
            Self::Utf32Le => (4, Some(Order::Little)),
            Self::Utf32Be => (4, Some(Order::Big)),
            _ => return None,
        })
    }

    /// Whether it is read as UTF-8 that was made of it.
    pub(super) const fn is_wide(self) -> bool {
        self.units().is_some()
    }
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Which byte of a unit comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    Little,
    Big,
}

/// Bytes read at a time.
const BLOCK: usize = 32 * 1024;
/// Bytes of a character in UTF-8, at most.
const LONGEST: usize = 4;

/// UTF-8 made of UTF-16 or UTF-32.
pub(super) struct Transcode<R> {
    reader: R,
    encoding: Encoding,
    width: usize,
    /// None until the byte order mark is read.
    order: Option<Order>,
    buf: Box<[u8]>,
    /// What of it is still to be decoded.
    from: usize,
    until: usize,
    /// Place of `from` in what the reader gave.
    offset: u64,
    ended: bool,
    /// A character that the caller had too little room for, and how much of it is gone.
    spill: ([u8; LONGEST], usize, usize),
}

impl<R: Read> Transcode<R> {
    /// `None` for encodings that are read as they are.
    pub(super) fn new(reader: R, encoding: Encoding) -> Result<Self, R> {
        let Some((width, order)) = encoding.units() else { return Err(reader) };
        Ok(Self {
            reader,
            encoding,
            width,
            order,
            buf: vec![0; BLOCK].into_boxed_slice(),
            from: 0,
            until: 0,
            offset: 0,
            ended: false,
            spill: ([0; LONGEST], 0, 0),
        })
    }

    fn rest(&self) -> &[u8] {
        self.buf.get(self.from..self.until).unwrap_or_default()
    }

    fn pass(&mut self, used: usize) {
        self.from += used;
        self.offset += used as u64;
    }

    fn fault(&self, why: &'static str) -> io::Error {
        let fault = InputFault::Decode { encoding: self.encoding, why, offset: self.offset };
        io::Error::new(io::ErrorKind::InvalidData, fault)
    }

    fn fill(&mut self) -> io::Result<()> {
        self.buf.copy_within(self.from..self.until, 0);
        (self.from, self.until) = (0, self.until - self.from);
        let room = self.buf.get_mut(self.until..).unwrap_or_default();
        let size = room.len();
        let n = self.reader.read(room)?.min(size);
        self.until += n;
        self.ended = n == 0;
        Ok(())
    }

    /// Reads the byte order mark as soon as it is there.
    fn enter(&mut self) -> io::Result<()> {
        if self.order.is_some() || self.rest().len() < self.width {
            return Ok(());
        }
        self.order = match (self.width, self.rest()) {
            (2, [0xFF, 0xFE, ..]) | (4, [0xFF, 0xFE, 0, 0, ..]) => Some(Order::Little),
            (2, [0xFE, 0xFF, ..]) | (4, [0, 0, 0xFE, 0xFF, ..]) => Some(Order::Big),
            _ => return Err(self.fault("does not start with a byte order mark")),
        };
        self.pass(self.width);
        Ok(())
    }

    /// Decodes what there is and fits; how many bytes of UTF-8 it made.
    fn decode(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let Some(order) = self.order else { return Ok(0) };
        let (mut used, mut made) = (0, 0);
        let rest = self.buf.get(self.from..self.until).unwrap_or_default();
        let stop = loop {
            if self.width == 2 && order == Order::Little {
                let n = ascii_run(
                    rest.get(used..).unwrap_or_default(),
                    out.get_mut(made..).unwrap_or_default(),
                );
                (used, made) = (used + 2 * n, made + n);
            }
            let rest = rest.get(used..).unwrap_or_default();
            let (c, size) = match character(rest, self.width, order) {
                Ok(Some(found)) => found,
                Ok(None) => break None,
                Err(why) => break Some(why),
            };
            let Some(room) = out.get_mut(made..).filter(|room| room.len() >= c.len_utf8()) else {
                break None;
            };
            made += c.encode_utf8(room).len();
            used += size;
        };
        self.pass(used);
        match stop {
            Some(why) if made == 0 => Err(self.fault(why)),
            _ => Ok(made),
        }
    }

    /// Gives what is left of a character that did not fit.
    fn take_spilled(&mut self, out: &mut [u8]) -> usize {
        let (bytes, from, until) = &mut self.spill;
        let left = bytes.get(*from..*until).unwrap_or_default();
        let n = left.len().min(out.len());
        for (to, byte) in out.iter_mut().zip(left) {
            *to = *byte;
        }
        *from += n;
        n
    }
}

impl<R: Read> Read for Transcode<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        loop {
            self.enter()?;
            let n = match self.take_spilled(out) {
                0 => self.decode(out)?,
                n => n,
            };
            if n > 0 {
                return Ok(n);
            }
            if out.len() < LONGEST {
                let mut bytes = [0; LONGEST];
                // One character at most: no two fit where one did not.
                let one = self.decode(&mut bytes)?;
                self.spill = (bytes, 0, one);
                if one > 0 {
                    continue;
                }
            }
            match (self.ended, self.rest().len()) {
                (true, 0) => return Ok(0),
                (true, left) if left < self.width => return Err(self.fault("truncated data")),
                (true, _) => return Err(self.fault("unexpected end of data")),
                (false, _) => self.fill()?,
            }
        }
    }
}

impl<R> fmt::Debug for Transcode<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transcode")
            .field("encoding", &self.encoding)
            .field("offset", &self.offset)
            .finish_non_exhaustive()
    }
}

/// Four characters at a time, as long as all are ASCII: how many.
fn ascii_run(units: &[u8], out: &mut [u8]) -> usize {
    const OTHERS: u64 = 0xFF80_FF80_FF80_FF80;
    let mut done = 0;
    for (four, room) in units.as_chunks::<8>().0.iter().zip(out.as_chunks_mut::<4>().0) {
        if u64::from_le_bytes(*four) & OTHERS != 0 {
            break;
        }
        *room = [four[0], four[2], four[4], four[6]];
        done += 4;
    }
    done
}

/// The first character and its bytes; none if more bytes are needed.
fn character(
    rest: &[u8],
    width: usize,
    order: Order,
) -> Result<Option<(char, usize)>, &'static str> {
    if width == 4 {
        let Some(&[a, b, c, d]) = rest.first_chunk() else { return Ok(None) };
        let code = match order {
            Order::Little => u32::from_le_bytes([a, b, c, d]),
            Order::Big => u32::from_be_bytes([a, b, c, d]),
        };
        let why = if code > 0x10_FFFF { "code point beyond U+10FFFF" } else { "surrogate" };
        return char::from_u32(code).map(|c| Some((c, 4))).ok_or(why);
    }
    let unit = |at: usize| {
        let (&a, &b) = (rest.get(at)?, rest.get(at + 1)?);
        Some(match order {
            Order::Little => u16::from_le_bytes([a, b]),
            Order::Big => u16::from_be_bytes([a, b]),
        })
    };
    let Some(first) = unit(0) else { return Ok(None) };
    match first {
        0xD800..0xDC00 => {
            let Some(second) = unit(2) else { return Ok(None) };
            if !(0xDC00..0xE000).contains(&second) {
                return Err("surrogate without its second half");
            }
            let code = 0x1_0000 + ((u32::from(first) - 0xD800) << 10) + u32::from(second) - 0xDC00;
            char::from_u32(code).map(|c| Some((c, 4))).ok_or("surrogate")
        }
        0xDC00..0xE000 => Err("surrogate without its first half"),
        _ => char::from_u32(u32::from(first)).map(|c| Some((c, 2))).ok_or("surrogate"),
    }
}

//! The reader that makes UTF-8 of UTF-16 and UTF-32, as strictly as Python does.

use core::fmt;
use std::boxed::Box;
use std::io::{self, Read};
use std::vec;

use super::{Encoding, Order};
use crate::load::error::InputFault;

/// Bytes read at a time.
const BLOCK: usize = 32 * 1024;
/// Bytes of a character in UTF-8, at most.
const LONGEST: usize = 4;

/// UTF-8 made of UTF-16 or UTF-32.
pub(in crate::load) struct Transcode<R> {
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
    pub(in crate::load) fn new(reader: R, encoding: Encoding) -> Result<Self, R> {
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

#[cfg(test)]
mod tests {
    use std::string::String;
    use std::vec::Vec;

    use super::*;

    /// Gives so many bytes at a time.
    struct Parts<'a>(&'a [u8], usize);

    impl Read for Parts<'_> {
        fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
            let n = self.1.min(self.0.len()).min(room.len());
            let (now, rest) = self.0.split_at(n);
            room[..n].copy_from_slice(now);
            self.0 = rest;
            Ok(n)
        }
    }

    fn decode(
        bytes: &[u8],
        encoding: Encoding,
        part: usize,
        most: usize,
    ) -> (Vec<u8>, Option<InputFault>) {
        let mut reader = Transcode::new(Parts(bytes, part), encoding).unwrap_or_else(|_| panic!());
        let (mut all, mut room) = (Vec::new(), vec![0; most]);
        loop {
            match reader.read(&mut room) {
                Ok(0) => return (all, None),
                Ok(n) => all.extend_from_slice(&room[..n]),
                Err(error) => return (all, Some(error.into())),
            }
        }
    }

    /// Every way to cut it at both ends must give the same.
    #[track_caller]
    fn every_way(bytes: &[u8], encoding: Encoding) -> (Vec<u8>, Option<(&'static str, u64)>) {
        let mut found = None;
        for part in [1, 2, 3, 4, 5, 7, 1000] {
            for most in [1, 2, 3, 4, 5, 1000] {
                let (text, fault) = decode(bytes, encoding, part, most);
                let fault = fault.map(|fault| match fault {
                    InputFault::Decode { encoding: named, why, offset } if named == encoding => {
                        (why, offset)
                    }
                    other => panic!("{other:?}"),
                });
                assert_eq!(
                    *found.get_or_insert((text.clone(), fault)),
                    (text, fault),
                    "{part} {most}"
                );
            }
        }
        found.unwrap()
    }

    const TEXT: &str = "a1,\u{7f}\u{80}\u{7ff}\u{800}\n\u{d7ff}\u{e000}\u{feff}\u{ffff}\u{10000}x\u{10ffff}0123456789abcdef,\0\r\n";

    /// What Python's `TEXT.encode(...)` gives, in hexadecimal digits.
    const PYTHON: [(Encoding, &str); 6] = [
        (
            Encoding::Utf16,
            "fffe610031002c007f008000ff0700080a00ffd700e0fffeffff00d800dc7800ffdbffdf30003100320033003400350036003700380039006100620063006400650066002c0000000d000a00",
        ),
        (
            Encoding::Utf16Le,
            "610031002c007f008000ff0700080a00ffd700e0fffeffff00d800dc7800ffdbffdf30003100320033003400350036003700380039006100620063006400650066002c0000000d000a00",
        ),
        (
            Encoding::Utf16Be,
            "00610031002c007f008007ff0800000ad7ffe000feffffffd800dc000078dbffdfff0030003100320033003400350036003700380039006100620063006400650066002c0000000d000a",
        ),
        (
            Encoding::Utf32,
            "fffe000061000000310000002c0000007f00000080000000ff070000000800000a000000ffd7000000e00000fffe0000ffff00000000010078000000ffff1000300000003100000032000000330000003400000035000000360000003700000038000000390000006100000062000000630000006400000065000000660000002c000000000000000d0000000a000000",
        ),
        (
            Encoding::Utf32Le,
            "61000000310000002c0000007f00000080000000ff070000000800000a000000ffd7000000e00000fffe0000ffff00000000010078000000ffff1000300000003100000032000000330000003400000035000000360000003700000038000000390000006100000062000000630000006400000065000000660000002c000000000000000d0000000a000000",
        ),
        (
            Encoding::Utf32Be,
            "00000061000000310000002c0000007f00000080000007ff000008000000000a0000d7ff0000e0000000feff0000ffff00010000000000780010ffff000000300000003100000032000000330000003400000035000000360000003700000038000000390000006100000062000000630000006400000065000000660000002c000000000000000d0000000a",
        ),
    ];

    fn bytes(hex: &str) -> Vec<u8> {
        let digits = |i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap();
        (0..hex.len()).step_by(2).map(digits).collect()
    }

    #[test]
    fn what_python_encodes_is_decoded() {
        for (encoding, hex) in PYTHON {
            assert_eq!(every_way(&bytes(hex), encoding), (TEXT.into(), None), "{encoding}");
            // What is cut off ends behind a whole character, or is an error.
            for cut in 0..bytes(hex).len() {
                let (text, fault) = decode(&bytes(hex)[..cut], encoding, 3, 1000);
                assert!(TEXT.starts_with(core::str::from_utf8(&text).unwrap()));
                assert_eq!(fault.is_none(), is_whole(cut, encoding), "{encoding} cut at {cut}");
            }
        }
    }

    /// Whether so many bytes of the text are whole characters.
    fn is_whole(cut: usize, encoding: Encoding) -> bool {
        let (width, order) = encoding.units().unwrap();
        let mut ends = if order.is_none() { vec![0, width] } else { vec![0] };
        for c in TEXT.chars() {
            let units = if width == 2 { c.len_utf16() } else { 1 };
            ends.push(ends.last().unwrap() + width * units);
        }
        ends.contains(&cut)
    }

    #[test]
    fn the_byte_order_mark_decides_and_must_be_there() {
        for (order, mark) in [(Encoding::Utf16Be, "feff0031"), (Encoding::Utf16Le, "fffe3100")] {
            assert_eq!(every_way(&bytes(mark), Encoding::Utf16), (b"1".to_vec(), None), "{order}");
        }
        let big = every_way(&bytes("0000feff00000031"), Encoding::Utf32);
        assert_eq!(big, (b"1".to_vec(), None));
        let why = "does not start with a byte order mark";
        for (encoding, hex) in [
            (Encoding::Utf16, "3100"),
            (Encoding::Utf16, "0000feff"),
            (Encoding::Utf32, "31000000"),
            (Encoding::Utf32, "fffe3100"),
        ] {
            assert_eq!(every_way(&bytes(hex), encoding), (Vec::new(), Some((why, 0))), "{hex}");
        }
        for (encoding, hex) in
            [(Encoding::Utf16, ""), (Encoding::Utf16, "fffe"), (Encoding::Utf32, "")]
        {
            assert_eq!(every_way(&bytes(hex), encoding), (Vec::new(), None));
        }
        // Where the order is known, it is a character.
        let marked = every_way(&bytes("fffe3100"), Encoding::Utf16Le);
        assert_eq!(marked, ("\u{feff}1".into(), None));
    }

    #[test]
    fn what_is_no_text_is_an_error_with_its_place() {
        let cases = [
            (Encoding::Utf16Le, "310000d83100", "surrogate without its second half", 2),
            (Encoding::Utf16Le, "310000d800d8", "surrogate without its second half", 2),
            (Encoding::Utf16Le, "310000dc3100", "surrogate without its first half", 2),
            (Encoding::Utf16Le, "310000d8", "unexpected end of data", 2),
            (Encoding::Utf16Le, "310000", "truncated data", 2),
            (Encoding::Utf16Be, "0031dc00", "surrogate without its first half", 2),
            (Encoding::Utf16, "ff", "truncated data", 0),
            (Encoding::Utf16, "fffe310032", "truncated data", 4),
            (Encoding::Utf32Le, "3100000000001100", "code point beyond U+10FFFF", 4),
            (Encoding::Utf32Le, "3100000000d80000", "surrogate", 4),
            (Encoding::Utf32Be, "00000031000000", "truncated data", 4),
            (Encoding::Utf32, "fffe0000310000", "truncated data", 4),
        ];
        for (encoding, hex, why, at) in cases {
            let (text, fault) = every_way(&bytes(hex), encoding);
            assert_eq!(fault, Some((why, at)), "{encoding} {hex}");
            assert!(text.is_empty() || text == b"1");
        }
    }

    #[test]
    fn a_long_text_goes_through_the_window() {
        let text: String = "0123456789,\u{1F600}\n".repeat(9_000);
        let units: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        for most in [1000, 1 << 20] {
            assert!(decode(&units, Encoding::Utf16Le, 1 << 20, most).0 == text.as_bytes());
        }
    }
}

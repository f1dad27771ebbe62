//! White space as Python's `str.isspace` has it, on UTF-8 bytes.
//!
//! 29 code points: U+0009-000D, 001C-001F, 0020, 0085, 00A0, 1680, 2000-200A,
//! 2028, 2029, 202F, 205F, 3000. Rust's `char::is_whitespace` lacks 001C-001F.

use super::Encoding;

/// Whether an ASCII byte is white space.
#[must_use]
pub(crate) const fn is_ascii_space(byte: u8) -> bool {
    matches!(byte, 0x09..=0x0D | 0x1C..=0x20)
}

/// Whether a character is white space.
#[must_use]
pub(crate) fn is_space(c: char) -> bool {
    let mut bytes = [0; 4];
    leading(c.encode_utf8(&mut bytes).as_bytes()) > 0
}

/// Bytes of the white-space character that `text` begins with, 0 if none.
#[must_use]
pub(crate) fn leading_in(text: &[u8], encoding: Encoding) -> usize {
    match (encoding, text) {
        (Encoding::Latin1, [0x85 | 0xA0, ..]) => 1,
        (Encoding::Latin1, [byte, ..]) => usize::from(is_ascii_space(*byte)),
        _ => leading(text),
    }
}

/// Bytes of the white-space character that UTF-8 `text` begins with, 0 if none.
#[must_use]
pub(crate) fn leading(text: &[u8]) -> usize {
    match *text {
        [byte, ..] if is_ascii_space(byte) => 1,
        [0xC2, 0x85 | 0xA0, ..] => 2,
        [0xE1, 0x9A, 0x80, ..]
        | [0xE2, 0x80, 0x80..=0x8A | 0xA8 | 0xA9 | 0xAF, ..]
        | [0xE2, 0x81, 0x9F, ..]
        | [0xE3, 0x80, 0x80, ..] => 3,
        _ => 0,
    }
}

/// Bytes of the white-space character that `text` ends with, 0 if none.
#[must_use]
fn trailing(text: &[u8]) -> usize {
    (1..=3.min(text.len()))
        .find(|&n| text.get(text.len() - n..).is_some_and(|end| leading(end) == n))
        .unwrap_or(0)
}

/// `text` without white space at both ends.
#[must_use]
pub(crate) fn strip(mut text: &[u8]) -> &[u8] {
    while let n @ 1.. = leading(text) {
        text = text.get(n..).unwrap_or_default();
    }
    while let n @ 1.. = trailing(text) {
        text = text.get(..text.len() - n).unwrap_or_default();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPACES: &str = "\t\n\x0b\x0c\r\x1c\x1d\x1e\x1f \u{85}\u{a0}\u{1680}\u{2000}\u{2001}\u{2002}\u{2003}\
        \u{2004}\u{2005}\u{2006}\u{2007}\u{2008}\u{2009}\u{200a}\u{2028}\u{2029}\u{202f}\u{205f}\u{3000}";

    #[test]
    fn exactly_the_29_code_points_are_space() {
        assert_eq!(SPACES.chars().count(), 29);
        for point in 0..=0x3100u32 {
            let Some(c) = char::from_u32(point) else { continue };
            let mut buf = [0; 4];
            let bytes = c.encode_utf8(&mut buf).as_bytes();
            let expected = if SPACES.contains(c) { bytes.len() } else { 0 };
            assert_eq!(leading(bytes), expected, "U+{point:04X}");
            assert_eq!(trailing(bytes), expected, "U+{point:04X}");
        }
    }

    #[test]
    fn strip_leaves_the_middle_alone() {
        assert_eq!(strip("\u{2003} a b\u{a0}\t".as_bytes()), b"a b");
        assert_eq!(strip(b"  "), b"");
        assert_eq!(strip("\u{200b}1".as_bytes()), "\u{200b}1".as_bytes());
    }
}

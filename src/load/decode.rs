//! Encodings of text. Used by the streams of [`load`](crate::load).

mod transcode;

use core::fmt;
use std::string::String;

pub(super) use transcode::Transcode;

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings_have_the_names_that_python_knows() {
        for encoding in [
            Encoding::Utf16,
            Encoding::Utf16Le,
            Encoding::Utf16Be,
            Encoding::Utf32,
            Encoding::Utf32Le,
            Encoding::Utf32Be,
        ] {
            assert_eq!(Encoding::named(encoding.name()), Some(encoding));
        }
        assert_eq!(Encoding::named("UTF-8"), Some(Encoding::Utf8));
        assert_eq!(Encoding::named("Latin-1"), Some(Encoding::Latin1));
        assert_eq!(Encoding::named("utf_8_sig"), Some(Encoding::Utf8Sig));
        assert_eq!(Encoding::named("cp1252"), None);
    }
}

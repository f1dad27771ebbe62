//! Rust types for the dtypes that Rust has no plain type for.
//!
//! For typed access; public as part of [`element`](super::element). Every bit
//! pattern is a value of them, because other processes write what they like.

use core::fmt;

use bytemuck::{Pod, Zeroable};

/// `?`: one byte, 0 for false.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Pod, Zeroable)]
#[repr(transparent)]
pub struct Bool(
    /// The byte. NumPy writes 0 or 1.
    pub u8,
);

impl Bool {
    /// Whether the byte is not 0.
    #[must_use]
    pub const fn get(self) -> bool {
        self.0 != 0
    }
}

impl From<bool> for Bool {
    fn from(value: bool) -> Self {
        Self(u8::from(value))
    }
}

/// `f2`: the bits of a half-precision number, which stable Rust has no type for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Pod, Zeroable)]
#[repr(transparent)]
pub struct F16(
    /// The bits: sign, 5 of the exponent, 10 of the fraction.
    pub u16,
);

/// `c8` and `c16`: real part, imaginary part.
#[derive(Debug, Clone, Copy, PartialEq, Default, Zeroable)]
#[repr(C)]
pub struct Complex<T> {
    /// Real part.
    pub re: T,
    /// Imaginary part.
    pub im: T,
}

// SAFETY: two numbers without padding, of which every bit pattern is one.
unsafe impl Pod for Complex<f32> {}
// SAFETY: as above.
unsafe impl Pod for Complex<f64> {}

/// `S`*n*: bytes, padded with NUL.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Zeroable, Pod)]
#[repr(transparent)]
pub struct Bytes<const N: usize>(
    /// All bytes, the padding too.
    pub [u8; N],
);

impl<const N: usize> Bytes<N> {
    /// The text, padded; `None` if it is too long.
    ///
    /// ```
    /// use ndshm::segment::element::Bytes;
    ///
    /// let chr = Bytes::<10>::new(b"chr1").unwrap();
    /// assert_eq!((chr.as_bytes(), chr.as_str()), (&b"chr1"[..], Some("chr1")));
    /// assert_eq!(Bytes::<3>::new(b"chr1"), None);
    /// ```
    #[must_use]
    pub fn new(text: &[u8]) -> Option<Self> {
        let mut all = [0; N];
        all.get_mut(..text.len())?.copy_from_slice(text);
        Some(Self(all))
    }

    /// The bytes without the padding behind them.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        let end = self.0.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
        self.0.get(..end).unwrap_or_default()
    }

    /// The same as text, if it is UTF-8.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        core::str::from_utf8(self.as_bytes()).ok()
    }
}

impl<const N: usize> Default for Bytes<N> {
    fn default() -> Self {
        Self([0; N])
    }
}

impl<const N: usize> fmt::Debug for Bytes<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "b\"{}\"", self.as_bytes().escape_ascii())
    }
}

/// `V`*n*: bytes without a meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Zeroable, Pod)]
#[repr(transparent)]
pub struct Void<const N: usize>(
    /// The bytes.
    pub [u8; N],
);

impl<const N: usize> Default for Void<N> {
    fn default() -> Self {
        Self([0; N])
    }
}

/// `U`*n*: code points, padded with 0. Nothing says that they are valid ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Zeroable, Pod)]
#[repr(transparent)]
pub struct Unicode<const N: usize>(
    /// All code points, the padding too.
    pub [u32; N],
);

impl<const N: usize> Unicode<N> {
    /// The text, padded; `None` if it is too long.
    ///
    /// ```
    /// use ndshm::segment::element::Unicode;
    ///
    /// let city = Unicode::<6>::new("Zürich").unwrap();
    /// assert!(city.chars().eq("Zürich".chars()));
    /// assert_eq!(Unicode::<5>::new("Zürich"), None);
    /// ```
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let mut all = [0; N];
        let mut places = all.iter_mut();
        for c in text.chars() {
            *places.next()? = u32::from(c);
        }
        Some(Self(all))
    }

    /// The characters without the padding behind them; U+FFFD for what is none.
    pub fn chars(&self) -> impl Iterator<Item = char> + '_ {
        let end = self.0.iter().rposition(|&code| code != 0).map_or(0, |last| last + 1);
        let codes = self.0.get(..end).unwrap_or_default();
        codes.iter().map(|&code| char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER))
    }
}

impl<const N: usize> Default for Unicode<N> {
    fn default() -> Self {
        Self([0; N])
    }
}

/// `M8[unit]`: a count of the unit since 1970-01-01T00:00:00.
///
/// ```
/// use ndshm::dtype::Unit;
/// use ndshm::segment::element::{Datetime, Element};
///
/// type Nanoseconds = Datetime<{ Unit::Nano as u8 }>;
/// assert_eq!(Nanoseconds::dtype().to_string(), "<M8[ns]");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Zeroable, Pod)]
#[repr(transparent)]
pub struct Datetime<const UNIT: u8, const COUNT: u32 = 1>(
    /// The count; the least one is "not a time".
    pub i64,
);

/// `m8[unit]`: a count of the unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Zeroable, Pod)]
#[repr(transparent)]
pub struct Timedelta<const UNIT: u8, const COUNT: u32 = 1>(
    /// The count; the least one is "not a time".
    pub i64,
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_padding_at_the_end_is_cut() {
        assert_eq!(Bytes(*b"a\0b\0\0").as_bytes(), b"a\0b");
        assert_eq!(Bytes([0_u8; 3]).as_bytes(), b"");
        assert_eq!(Bytes([0xff_u8]).as_str(), None);
        assert!(Unicode([0, 0x61, 0, 0]).chars().eq(['\0', 'a']));
    }

    #[test]
    fn what_is_no_character_is_replaced() {
        assert!(Unicode([0xd800, 0x11_0000]).chars().eq(['\u{fffd}', '\u{fffd}']));
    }

    #[test]
    fn every_byte_is_a_truth_value() {
        assert_eq!([0, 1, 2, 255].map(|b| Bool(b).get()), [false, true, true, true]);
        assert_eq!((Bool::from(false), Bool::from(true)), (Bool(0), Bool(1)));
    }
}

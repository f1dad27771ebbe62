//! What the batch kernels ask of a machine's vector instructions.

#[cfg(doc)]
use super::columns;
use super::columns::{Items, Rows};
use super::marks::Marks;
use crate::text::plan::Column;

/// A bit for each of 64 bytes of text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Masks {
    /// Delimiters; blanks if fields are parted by white space.
    pub(super) stop: u64,
    /// `\n`.
    pub(super) line: u64,
    /// Anything that asks for a closer look: see [`Special`].
    pub(super) special: u64,
}

/// Bytes of a block that ask for a closer look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Special {
    /// `\r`.
    pub(super) returns: u64,
    /// Quotes.
    pub(super) quotes: u64,
    /// Comment characters, bytes beyond ASCII, white space that is no blank.
    pub(super) odd: u64,
}

/// Eight fields of a column: `step` entries apart from each other in the index.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fields {
    /// The text that the index refers to.
    pub(super) base: *const u8,
    pub(super) starts: *const u16,
    pub(super) ends: *const u16,
    pub(super) step: usize,
}

/// Largest magnitudes of an integer type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limits {
    pub(super) positive: u64,
    pub(super) negative: u64,
    /// Whether there may be a minus sign at all.
    pub(super) signed: bool,
}

/// A set of vector instructions. Tests compare each function with a plain twin.
///
/// # Safety
/// * The functions do as they say: others rely on the bits of [`Masks`] for where it is
///   allowed to read.
pub(super) unsafe trait Machine: Copy {
    /// Eight values of 64 bits.
    type Eight: Copy;

    /// Sorts 64 bytes.
    ///
    /// # Safety
    /// * The processor has the machine's instructions.
    /// * 64 bytes are readable at `p`.
    unsafe fn classify(marks: &Marks, p: *const u8) -> Masks;

    /// Sorts what is special of 64 bytes.
    ///
    /// # Safety
    /// * As for [`Self::classify`].
    unsafe fn inspect(marks: &Marks, p: *const u8) -> Special;

    /// Writes `base` plus the number of each bit that is set, in ascending order.
    ///
    /// # Safety
    /// * The processor has the machine's instructions.
    /// * 64 entries are writable at `out`.
    unsafe fn positions(mask: u64, base: u16, out: *mut u16);

    /// Eight integers in two's complement, and a bit for each that is not sure.
    ///
    /// # Safety
    /// * The processor has the machine's instructions.
    /// * The index has entries for eight fields; 16 bytes before each field's end are readable.
    unsafe fn integers(fields: Fields, limits: Limits) -> (Self::Eight, u8);

    /// Eight float64 values as their bits, and a bit for each that is not sure.
    ///
    /// # Safety
    /// * The processor has the machine's instructions.
    /// * The index has entries for eight fields; 48 bytes before each field's end are readable.
    unsafe fn floats(fields: Fields, point: u8) -> (Self::Eight, u8);

    /// A column of integers: [`columns::integers`], compiled for this machine.
    ///
    /// # Safety
    /// * As for that function.
    unsafe fn integer_column(
        rows: &Rows<'_>,
        column: Column,
        limits: Limits,
        items: Items,
    ) -> usize;

    /// A column of floats: [`columns::floats`], compiled for this machine.
    ///
    /// # Safety
    /// * As for that function.
    unsafe fn float_column(rows: &Rows<'_>, column: Column, items: Items) -> usize;

    /// The eight values.
    ///
    /// # Safety
    /// * The processor has the machine's instructions.
    unsafe fn words(eight: Self::Eight) -> [u64; 8];

    /// The lower halves of the eight values.
    ///
    /// # Safety
    /// * The processor has the machine's instructions.
    unsafe fn halves(eight: Self::Eight) -> [u32; 8];

    /// Eight float64 values, narrowed to the bits of float32 values.
    ///
    /// # Safety
    /// * The processor has the machine's instructions.
    unsafe fn singles(eight: Self::Eight) -> [u32; 8];

    /// Copies the `len` bytes at `from`, then zeros up to `width`, which is at most 64.
    ///
    /// # Safety
    /// * The processor has the machine's instructions.
    /// * 64 bytes are readable at `from`, `width` bytes are writable at `out`.
    unsafe fn copy(from: *const u8, len: usize, out: *mut u8, width: usize);
}

//! The fixed part of the header, each row of the table asserted.

use core::mem::offset_of;

use bytemuck::{Pod, Zeroable};

use crate::error::{Error, HeaderPart, Result};

/// The first bytes of every segment.
pub const MAGIC: [u8; 8] = *b"\x89NDSHM\r\n";
/// The endian tag in the reader's own order.
pub(super) const ENDIAN: u32 = 0x0102_0304;
/// Layout of the header; a reader of another major version cannot read it.
pub const FORMAT_MAJOR: u16 = 1;
/// Additions to the layout that old readers may ignore.
pub const FORMAT_MINOR: u16 = 0;
/// Bytes of the fixed part.
pub const HEADER_SIZE: usize = size_of::<Header>();
/// Most bytes of a header with all its sections.
pub const MAX_HEADER_LEN: u64 = 256 << 20;
/// Least alignment of the data.
pub(super) const MIN_ALIGNMENT: u64 = 4096;
/// Features that this library knows: none yet.
pub(super) const KNOWN_INCOMPAT: u32 = 0;
pub(super) const KNOWN_RO_COMPAT: u32 = 0;

/// Place of a table in the header.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Pod, Zeroable)]
pub struct Section {
    /// Bytes from the start of the segment.
    pub offset: u32,
    /// Items.
    pub count: u32,
}

/// The fixed part of the header; the table in [`layout`](super) says what each
/// field means.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Pod, Zeroable)]
#[allow(missing_docs, reason = "the table in the module documentation has them all")]
pub struct Header {
    pub magic: [u8; 8],
    pub endian: u32,
    pub format_major: u16,
    pub format_minor: u16,
    pub incompat: u32,
    pub ro_compat: u32,
    pub compat: u32,
    pub policy: u32,
    pub header_len: u64,
    pub total_len: u64,
    pub data_offset: u64,
    pub data_len: u64,
    pub state: u32,
    pub refcount: u32,
    pub attach_epoch: u32,
    pub checksum: u32,
    pub promises: u64,
    pub handoff_ns: u64,
    pub created_ns: u64,
    pub generation: u64,
    pub uuid: [u8; 16],
    pub ndim: u32,
    pub itemsize: u32,
    pub shape: Section,
    pub strides: Section,
    pub nodes: Section,
    pub dims: Section,
    pub names: Section,
    pub metadata: Section,
    pub alignment: u32,
    pub handoff: u32,
    pub creator_pid: u32,
    pub reserved: [u32; 15],
}

/// Offsets of the words that change during a segment's life.
pub mod offset {
    /// Of the [`State`](super::State).
    pub const STATE: usize = 64;
    /// Of the number of attached processes.
    pub const REFCOUNT: usize = 68;
    /// Of the number of attaches so far.
    pub const ATTACH_EPOCH: usize = 72;
    /// Of the [`Promises`](super::super::Promises).
    pub const PROMISES: usize = 80;
    /// End of what the checksum covers in front of the words that change.
    pub(crate) const MUTABLE: usize = STATE;
    /// Start of what it covers behind them and itself.
    pub(crate) const BEHIND_CHECKSUM: usize = 88;
}

macro_rules! assert_rows {
    ($($field:ident at $offset:expr),* $(,)?) => {
        $(const _: () = assert!(offset_of!(Header, $field) == $offset);)*
    };
}

assert_rows! {
    magic at 0,
    endian at 8,
    format_major at 12,
    format_minor at 14,
    incompat at 16,
    ro_compat at 20,
    compat at 24,
    policy at 28,
    header_len at 32,
    total_len at 40,
    data_offset at 48,
    data_len at 56,
    state at offset::STATE,
    refcount at offset::REFCOUNT,
    attach_epoch at offset::ATTACH_EPOCH,
    checksum at 76,
    promises at offset::PROMISES,
    handoff_ns at offset::BEHIND_CHECKSUM,
    created_ns at 96,
    generation at 104,
    uuid at 112,
    ndim at 128,
    itemsize at 132,
    shape at 136,
    strides at 144,
    nodes at 152,
    dims at 160,
    names at 168,
    metadata at 176,
    alignment at 184,
    handoff at 188,
    creator_pid at 192,
    reserved at 196,
}
const _: () = assert!(HEADER_SIZE == 256);

/// What the state word says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum State {
    /// The name is there, the data is not complete. Zero, so that a new page says it.
    Initializing = 0,
    /// The data is complete.
    Ready = 1,
}

impl State {
    /// The state of a word.
    ///
    /// # Errors
    /// [`Error::Corrupt`].
    pub const fn decode(word: u32) -> Result<Self> {
        match word {
            0 => Ok(Self::Initializing),
            1 => Ok(Self::Ready),
            _ => Err(Error::Corrupt(HeaderPart::State)),
        }
    }
}

/// CRC-32 of everything in `header` that never changes.
pub(super) fn checksum(header: &[u8]) -> Result<u32> {
    let missing = Error::Corrupt(HeaderPart::Lengths);
    let mut crc = crc32fast::Hasher::new();
    crc.update(header.get(..offset::MUTABLE).ok_or(missing)?);
    crc.update(header.get(offset::BEHIND_CHECKSUM..).ok_or(missing)?);
    Ok(crc.finalize())
}

//! Validating a private copy of a header.

use bytemuck::{AnyBitPattern, pod_read_unaligned, try_cast_slice};

use super::extent::{MAX_LEN, MAX_NDIM, span};
use super::header::{
    ENDIAN, FORMAT_MAJOR, HEADER_SIZE, Header, KNOWN_INCOMPAT, KNOWN_RO_COMPAT, MAGIC,
    MAX_HEADER_LEN, MIN_ALIGNMENT, Section, State, checksum,
};
use super::policy::Policy;
use super::promises::Promises;
use crate::dtype::DType;
use crate::error::{Error, HeaderPart, Result};

/// A header that holds together, borrowed from its private copy.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    header: Header,
    policy: Policy,
    state: State,
    dtype: DType<'a>,
    shape: &'a [u64],
    strides: &'a [i64],
    metadata: &'a [u8],
}

/// Looks at the first bytes of an object of `object_size` bytes: whether it is
/// a segment of this format, and how long its header is.
///
/// # Errors
/// [`Error::NotNdshm`], [`Error::Endian`], [`Error::TooNew`],
/// [`Error::Truncated`], [`Error::Corrupt`].
pub fn check_prefix(bytes: &[u8], object_size: u64) -> Result<Header> {
    if !bytes.starts_with(&MAGIC) {
        return Err(Error::NotNdshm);
    }
    let truncated = Error::Truncated { need: HEADER_SIZE as u64, have: object_size };
    let header: Header = pod_read_unaligned(bytes.get(..HEADER_SIZE).ok_or(truncated)?);
    check_version(&header)?;
    check_lengths(&header, object_size)?;
    Ok(header)
}

fn check_version(header: &Header) -> Result<()> {
    if header.endian != ENDIAN {
        let swapped = header.endian == ENDIAN.swap_bytes();
        return Err(if swapped { Error::Endian } else { Error::Corrupt(HeaderPart::Lengths) });
    }
    let (major, minor) = (header.format_major, header.format_minor);
    if major > FORMAT_MAJOR || header.incompat & !KNOWN_INCOMPAT != 0 {
        return Err(Error::TooNew { major, minor });
    }
    if major == 0 { Err(Error::Corrupt(HeaderPart::Lengths)) } else { Ok(()) }
}

fn check_lengths(header: &Header, object_size: u64) -> Result<()> {
    let len = header.header_len;
    if len < HEADER_SIZE as u64 || len > MAX_HEADER_LEN || !len.is_multiple_of(8) {
        return Err(Error::Corrupt(HeaderPart::Lengths));
    }
    let alignment = u64::from(header.alignment);
    if header.data_offset < len
        || alignment < MIN_ALIGNMENT
        || !alignment.is_power_of_two()
        || !header.data_offset.is_multiple_of(alignment)
    {
        return Err(Error::Corrupt(HeaderPart::Data));
    }
    let total = header.data_offset.checked_add(header.data_len);
    if total != Some(header.total_len) || header.total_len > MAX_LEN {
        return Err(Error::Corrupt(HeaderPart::Data));
    }
    if header.total_len > object_size {
        return Err(Error::Truncated { need: header.total_len, have: object_size });
    }
    Ok(())
}

/// Validates `bytes`, a private copy of a header that is aligned to 8 bytes
/// and at least `header_len` long, of an object of `object_size` bytes.
///
/// # Errors
/// As [`check_prefix`]; [`Error::Argument`] if the copy is short or not aligned.
pub fn decode(bytes: &[u8], object_size: u64) -> Result<View<'_>> {
    let header = check_prefix(bytes, object_size)?;
    let len = usize::try_from(header.header_len).map_err(|_| Error::Overflow)?;
    let bytes = bytes.get(..len).ok_or(Error::Argument)?;
    if checksum(bytes)? != header.checksum {
        return Err(Error::Corrupt(HeaderPart::Checksum));
    }
    let state = State::decode(header.state)?;
    let policy = Policy::decode(header.policy, header.handoff, header.handoff_ns)?;
    let (shape, strides) = extents(bytes, &header)?;
    let dtype = dtype(bytes, &header)?;
    let metadata = table(bytes, header.metadata, HeaderPart::Lengths)?;
    Ok(View { header, policy, state, dtype, shape, strides, metadata })
}

fn extents<'a>(bytes: &'a [u8], header: &Header) -> Result<(&'a [u64], &'a [i64])> {
    let shape: &[u64] = table(bytes, header.shape, HeaderPart::Shape)?;
    let strides: &[i64] = table(bytes, header.strides, HeaderPart::Strides)?;
    let ndim = header.ndim as usize;
    if ndim > MAX_NDIM || shape.len() != ndim {
        return Err(Error::Corrupt(HeaderPart::Shape));
    }
    let end = span(shape, strides, header.itemsize);
    if strides.len() != ndim || end.is_none_or(|end| end > header.data_len) {
        return Err(Error::Corrupt(HeaderPart::Strides));
    }
    Ok((shape, strides))
}

fn dtype<'a>(bytes: &'a [u8], header: &Header) -> Result<DType<'a>> {
    let corrupt = Error::Corrupt(HeaderPart::DType);
    let nodes = table(bytes, header.nodes, HeaderPart::DType)?;
    let dims = table(bytes, header.dims, HeaderPart::DType)?;
    let names = table(bytes, header.names, HeaderPart::DType)?;
    let dtype = DType::new(nodes, dims, names).map_err(|_| corrupt)?;
    if dtype.itemsize() == header.itemsize { Ok(dtype) } else { Err(corrupt) }
}

/// The items of a section.
fn table<T: AnyBitPattern>(bytes: &[u8], at: Section, part: HeaderPart) -> Result<&[T]> {
    let corrupt = Error::Corrupt(part);
    if (at.offset as usize) < HEADER_SIZE || !at.offset.is_multiple_of(8) {
        return Err(corrupt);
    }
    let len = (at.count as usize).checked_mul(size_of::<T>()).ok_or(corrupt)?;
    let start = bytes.get(at.offset as usize..).ok_or(corrupt)?;
    try_cast_slice(start.get(..len).ok_or(corrupt)?).map_err(|_| Error::Argument)
}

/// Whether the first bytes of an object say that its data is complete.
#[must_use]
pub fn is_ready(bytes: &[u8]) -> bool {
    let header = bytes.get(..HEADER_SIZE).map(pod_read_unaligned::<Header>);
    header.is_some_and(|header| header.state == State::Ready as u32)
}

/// What its first bytes say about an object under our prefix that nobody has
/// locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reaping {
    /// It stays: it is not ours, needs a newer reader, or is to persist.
    Never,
    /// Its creator never finished it.
    Always,
    /// Its policy lets it go, if [`is_intact`] says so of its whole header.
    IfIntact {
        /// Bytes of the header.
        header_len: u64,
    },
}

/// Decides by the first [`HEADER_SIZE`] bytes of an object, or all it has.
#[must_use]
pub fn reaping(bytes: &[u8], now_boot_ns: u64) -> Reaping {
    let head = bytes.get(..HEADER_SIZE).unwrap_or(bytes);
    if head.iter().all(|&b| b == 0) {
        return Reaping::Always;
    }
    let Some(head) = bytes.get(..HEADER_SIZE) else { return Reaping::Never };
    let header: Header = pod_read_unaligned(head);
    if header.magic != MAGIC || check_version(&header).is_err() {
        return Reaping::Never;
    }
    if header.state == State::Initializing as u32 {
        return Reaping::Always;
    }
    let policy = Policy::decode(header.policy, header.handoff, header.handoff_ns);
    let goes = policy.is_ok_and(|policy| policy != Policy::Persist);
    let promised = Promises::of_word(header.promises).outstanding(now_boot_ns) > 0;
    if goes && !promised && header.header_len <= MAX_HEADER_LEN {
        Reaping::IfIntact { header_len: header.header_len }
    } else {
        Reaping::Never
    }
}

/// Whether `bytes`, a whole header, has the checksum that it says: a damaged
/// policy must not cost a segment that was to persist.
#[must_use]
pub fn is_intact(bytes: &[u8]) -> bool {
    let Some(head) = bytes.get(..HEADER_SIZE) else { return false };
    let header: Header = pod_read_unaligned(head);
    header.header_len == bytes.len() as u64 && checksum(bytes) == Ok(header.checksum)
}

impl<'a> View<'a> {
    /// The fixed part.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// When the segment's name goes.
    #[must_use]
    pub const fn policy(&self) -> Policy {
        self.policy
    }

    /// What was promised when the header was copied.
    #[must_use]
    pub const fn promises(&self) -> Promises {
        Promises::of_word(self.header.promises)
    }

    /// Whether the data was complete when the header was copied.
    #[must_use]
    pub const fn state(&self) -> State {
        self.state
    }

    /// Type of the elements.
    #[must_use]
    pub const fn dtype(&self) -> DType<'a> {
        self.dtype
    }

    /// Extents, slowest first.
    #[must_use]
    pub const fn shape(&self) -> &'a [u64] {
        self.shape
    }

    /// Steps in bytes; every element they reach lies in the data.
    #[must_use]
    pub const fn strides(&self) -> &'a [i64] {
        self.strides
    }

    /// The creator's own bytes.
    #[must_use]
    pub const fn metadata(&self) -> &'a [u8] {
        self.metadata
    }

    /// Whether this library may write to the segment.
    #[must_use]
    pub const fn is_writable(&self) -> bool {
        self.header.ro_compat & !KNOWN_RO_COMPAT == 0
    }
}

//! Writing a header into private memory.

use bytemuck::{Pod, Zeroable, bytes_of, cast_slice};

use super::header::{
    ENDIAN, FORMAT_MAJOR, FORMAT_MINOR, HEADER_SIZE, Header, MAGIC, Section, State, checksum,
};
use super::plan::{Array, Plan};
use super::policy::Policy;
use crate::error::{Error, Result};

/// What tells one segment from another of the same kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stamp {
    /// Random bytes.
    pub uuid: [u8; 16],
    /// When its name goes.
    pub policy: Policy,
    /// Time of creation, for people.
    pub created_ns: u64,
    /// Process of the creator, for people.
    pub creator_pid: u32,
    /// Counts replacements under one name.
    pub generation: u64,
}

/// Writes the header of `array` to the start of `buf`, which is zeroed. It
/// says that the data is not complete, and that the creator is attached.
///
/// # Errors
/// [`Error::Argument`] if `buf` is short, or `plan` is another array's.
pub fn encode(buf: &mut [u8], plan: &Plan, array: &Array<'_>, stamp: &Stamp) -> Result<()> {
    let ndim = array.shape.len();
    let strides = plan.strides_bytes.get(..ndim).ok_or(Error::Argument)?;
    section(buf, plan.shape, array.shape)?;
    section(buf, plan.strides, strides)?;
    section(buf, plan.nodes, array.dtype.nodes())?;
    section(buf, plan.dims, array.dtype.dims())?;
    section(buf, plan.names, array.dtype.names())?;
    section(buf, plan.metadata, array.metadata)?;
    seal(buf, fixed(plan, ndim, stamp))
}

/// Sets the extent of the first dimension of an encoded array in C order, and
/// the lengths that follow from it.
///
/// # Errors
/// [`Error::Argument`] for an array without dimensions; [`Error::Overflow`].
pub fn set_rows(buf: &mut [u8], plan: &mut Plan, rows: u64) -> Result<()> {
    let head = buf.get(..HEADER_SIZE).ok_or(Error::Argument)?;
    let mut header: Header = bytemuck::pod_read_unaligned(head);
    plan.set_data_len(plan.row_len()?.checked_mul(rows).ok_or(Error::Overflow)?)?;
    put(buf, plan.shape.offset as usize, &rows.to_ne_bytes())?;
    (header.data_len, header.total_len) = (plan.data_len, plan.total_len);
    seal(buf, header)
}

/// Sets when the name of an encoded array goes.
///
/// # Errors
/// [`Error::Argument`] if `buf` is short.
pub fn set_policy(buf: &mut [u8], policy: Policy) -> Result<()> {
    let head = buf.get(..HEADER_SIZE).ok_or(Error::Argument)?;
    let (handoff, handoff_ns) = policy.fields();
    let policy = policy.code();
    let header = Header { policy, handoff_ns, handoff, ..bytemuck::pod_read_unaligned(head) };
    seal(buf, header)
}

fn fixed(plan: &Plan, ndim: usize, stamp: &Stamp) -> Header {
    let (handoff, handoff_ns) = stamp.policy.fields();
    Header {
        magic: MAGIC,
        endian: ENDIAN,
        format_major: FORMAT_MAJOR,
        format_minor: FORMAT_MINOR,
        policy: stamp.policy.code(),
        header_len: plan.header_len,
        total_len: plan.total_len,
        data_offset: plan.data_offset,
        data_len: plan.data_len,
        state: State::Initializing as u32,
        refcount: 1,
        handoff_ns,
        created_ns: stamp.created_ns,
        generation: stamp.generation,
        uuid: stamp.uuid,
        ndim: ndim as u32,
        itemsize: plan.itemsize,
        shape: plan.shape,
        strides: plan.strides,
        nodes: plan.nodes,
        dims: plan.dims,
        names: plan.names,
        metadata: plan.metadata,
        alignment: plan.alignment,
        handoff,
        creator_pid: stamp.creator_pid,
        ..Header::zeroed()
    }
}

/// Writes the fixed part with its checksum.
fn seal(buf: &mut [u8], mut header: Header) -> Result<()> {
    put(buf, 0, bytes_of(&header))?;
    let len = usize::try_from(header.header_len).map_err(|_| Error::Argument)?;
    header.checksum = checksum(buf.get(..len).ok_or(Error::Argument)?)?;
    put(buf, 0, bytes_of(&header))
}

fn section<T: Pod>(buf: &mut [u8], at: Section, items: &[T]) -> Result<()> {
    if items.len() != at.count as usize {
        return Err(Error::Argument);
    }
    put(buf, at.offset as usize, cast_slice(items))
}

fn put(buf: &mut [u8], offset: usize, bytes: &[u8]) -> Result<()> {
    let place = buf.get_mut(offset..).and_then(|rest| rest.get_mut(..bytes.len()));
    place.ok_or(Error::Argument)?.copy_from_slice(bytes);
    Ok(())
}

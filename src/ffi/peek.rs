//! A look at a segment that does not attach it.

use core::ffi::c_char;

use super::args::{self, Options};
use super::dtype::write_dtype;
use super::error::{ndshm_error, report};
use super::segment::{NDSHM_MAX_NDIM, NDSHM_UUID_SIZE};
use crate::segment::Info;

/// What can be seen of a segment without attaching it. Set `struct_size` to
/// `sizeof(ndshm_info)`; the rest is written by `ndshm_segment_peek`.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct ndshm_info {
    /// `sizeof(ndshm_info)`. More than this library knows is left alone.
    pub struct_size: u32,
    /// Permission bits.
    pub mode: u32,
    /// User id of the owner.
    pub uid: u32,
    /// 1 if somebody has it attached, 0 if it is dead, or waits.
    pub attached: u32,
    /// `NDSHM_STATE_...`.
    pub state: u32,
    /// `NDSHM_POLICY_...`.
    pub policy: u32,
    /// As `ndshm_segment_refcount`.
    pub refcount: u32,
    /// As `ndshm_segment_attach_epoch`.
    pub attach_epoch: u32,
    /// Process id of the creator, as it was there.
    pub creator_pid: u32,
    /// Of `NDSHM_POLICY_HANDOFF`: how often it is to be attached; else 0.
    pub handoff_attaches: u32,
    /// Format of the segment: first number.
    pub format_major: u32,
    /// Format of the segment: second number.
    pub format_minor: u32,
    /// Bytes of one element.
    pub itemsize: u32,
    /// Dimensions.
    pub ndim: u32,
    /// Bytes of memory, the header included.
    pub size: u64,
    /// Bytes of data.
    pub data_len: u64,
    /// Bytes of metadata.
    pub metadata_len: u64,
    /// Bytes of the whole text of the dtype, without a NUL.
    pub dtype_len: u64,
    /// When it was created, in nanoseconds since 1970.
    pub created_ns: u64,
    /// When what was promised lapses, in nanoseconds of `CLOCK_BOOTTIME`; 0 for
    /// never, and if nothing ever was.
    pub expiry_ns: u64,
    /// Random bytes that no other segment has.
    pub uuid: [u8; NDSHM_UUID_SIZE],
    /// Extents, slowest first; zeros behind the `ndim`-th.
    pub shape: [u64; NDSHM_MAX_NDIM as usize],
    /// Bytes from one element to the next in each dimension; zeros behind the
    /// `ndim`-th.
    pub strides: [i64; NDSHM_MAX_NDIM as usize],
    /// Attaches that are promised and not claimed, as `ndshm_segment_promised`.
    pub promised: u32,
    /// 0.
    pub reserved: u32,
}

// SAFETY: `repr(C)`, the size first; integers, which may be zero.
unsafe impl Options for ndshm_info {
    const NAME: &'static str = "ndshm_info";
    const MIN_SIZE: usize = size_of::<Self>();
}

impl ndshm_info {
    fn of(info: &Info, dtype_len: usize) -> Self {
        let (glance, view) = (info.glance(), info.header());
        let fixed = view.header();
        let mut of = Self {
            struct_size: 0,
            mode: glance.mode,
            uid: glance.uid,
            attached: glance.alive.attached.into(),
            state: view.state() as u32,
            policy: fixed.policy,
            refcount: fixed.refcount,
            attach_epoch: fixed.attach_epoch,
            creator_pid: fixed.creator_pid,
            handoff_attaches: fixed.handoff,
            format_major: fixed.format_major.into(),
            format_minor: fixed.format_minor.into(),
            itemsize: fixed.itemsize,
            ndim: fixed.ndim,
            size: glance.size,
            data_len: fixed.data_len,
            metadata_len: view.metadata().len() as u64,
            dtype_len: dtype_len as u64,
            created_ns: fixed.created_ns,
            expiry_ns: view.promises().expiry_ns(),
            uuid: fixed.uuid,
            shape: [0; _],
            strides: [0; _],
            promised: info.promised(),
            reserved: 0,
        };
        of.shape.iter_mut().zip(view.shape()).for_each(|(to, &from)| *to = from);
        of.strides.iter_mut().zip(view.strides()).for_each(|(to, &from)| *to = from);
        of
    }
}

/// Looks at the segment `name` without attaching it: it takes no lock, counts
/// nothing, and does not keep the name. `dtype` gets the element's type as text,
/// as `ndshm_segment_dtype` writes it, into `dtype_size` bytes; it may be NULL.
///
/// Returns what `ndshm_segment_attach` returns without a timeout, but never
/// `NDSHM_ERR_BUSY`.
///
/// # Safety
/// * `name` stays as it is during the call.
/// * `dtype` can be written for `dtype_size` bytes, or is NULL.
/// * `info` is NULL, or its `struct_size` is set.
/// * `error` is NULL, or its `struct_size` is set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndshm_segment_peek(
    name: *const c_char,
    dtype: *mut c_char,
    dtype_size: usize,
    info: *mut ndshm_info,
    error: *mut ndshm_error,
) -> i32 {
    let call = || {
        // SAFETY: the caller's promise.
        let room = unsafe { args::room(info) }?;
        // SAFETY: the caller's promise.
        let seen = Info::peek(&unsafe { args::name(name) }?)?;
        // SAFETY: the caller's promise.
        let len = unsafe { write_dtype(Some(seen.header().dtype()), dtype, dtype_size) };
        // SAFETY: the caller's promise; the size was checked.
        unsafe { args::fill(info, room, &ndshm_info::of(&seen, len)) };
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { report(error, call) }
}

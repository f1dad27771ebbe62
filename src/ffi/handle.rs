//! The caller's storage of a segment. For the other files here.

use super::error::Fault;
use crate::layout::View;
use crate::segment::{Draft, Segment};

/// Words of storage in a handle. The library needs two thirds of them today.
pub const NDSHM_SEGMENT_WORDS: usize = 191;

/// A handle: room for one segment, in the caller's memory. All zeros is a
/// handle that is not open, so begin with `ndshm_segment s = {0};`. The
/// fields are the library's own. An open handle may be moved by copying its
/// bytes, if the old ones are not used any more.
#[repr(C)]
#[derive(Debug)]
pub struct ndshm_segment {
    /// Says whether the handle is open.
    state: u64,
    /// The library's own.
    storage: [u64; NDSHM_SEGMENT_WORDS],
}

/// What the storage holds if the state word is [`OPEN`].
#[derive(Debug)]
pub(super) enum Handle {
    Draft(Draft),
    Segment(Segment),
}

const _: () = assert!(size_of::<Handle>() <= size_of::<[u64; NDSHM_SEGMENT_WORDS]>());
const _: () = assert!(align_of::<Handle>() <= align_of::<u64>());
const _: () = assert!(size_of::<ndshm_segment>() == 1536);
const _: () = is_shareable::<Handle>();

/// The header promises that threads may share a handle to read, and pass it on.
const fn is_shareable<T: Send + Sync>() {}

/// The state word of an open handle.
const OPEN: u64 = u64::from_le_bytes(*b"ndshm:op");
/// The state word of a handle that was open.
const CLOSED: u64 = u64::from_le_bytes(*b"ndshm:cl");

impl Handle {
    /// What its header says.
    pub(super) const fn view(&self) -> &View<'_> {
        match self {
            Self::Draft(draft) => draft.header(),
            Self::Segment(segment) => segment.header(),
        }
    }

    /// Moves the handle into the caller's storage.
    ///
    /// # Safety
    /// * `at` is aligned and can be written; an open handle there is forgotten.
    pub(super) unsafe fn store(self, at: *mut ndshm_segment) {
        // SAFETY: the caller's promise.
        let storage = unsafe { &raw mut (*at).storage };
        // SAFETY: the storage is large enough and aligned, as asserted above.
        unsafe { storage.cast::<Self>().write(self) };
        // SAFETY: the caller's promise.
        unsafe { (*at).state = OPEN };
    }
}

/// What a handle says of itself.
///
/// # Safety
/// * `at` is NULL, or points to a handle that is zeroed or was used before.
unsafe fn state(at: *const ndshm_segment) -> Result<u64, Fault> {
    if at.is_null() {
        return Err(Fault::Null("segment"));
    }
    if !at.is_aligned() {
        return Err(Fault::Range("segment"));
    }
    // SAFETY: the caller's promise; not NULL, and aligned.
    Ok(unsafe { (*at).state })
}

/// The segment in an open handle.
///
/// # Safety
/// * `at` is NULL, or points to a handle that is zeroed or was used before, and
///   nobody closes, moves or overwrites it for `'a`.
pub(super) unsafe fn borrow<'a>(at: *const ndshm_segment) -> Result<&'a Handle, Fault> {
    // SAFETY: the caller's promise, passed on.
    if unsafe { state(at) }? != OPEN {
        return Err(Fault::NotOpen);
    }
    // SAFETY: the state was read there.
    let storage = unsafe { &raw const (*at).storage };
    // SAFETY: an open handle's storage holds a `Handle`, and the caller keeps it there.
    Ok(unsafe { &*storage.cast::<Handle>() })
}

/// Closes a handle and takes what was in it; nothing of one that never was open.
///
/// # Safety
/// * `at` is NULL, or points to a handle that is zeroed or was used before, and
///   nobody else uses it.
pub(super) unsafe fn take(at: *mut ndshm_segment) -> Result<Option<Handle>, Fault> {
    // SAFETY: the caller's promise, passed on.
    match unsafe { state(at) }? {
        OPEN => {}
        0 => return Ok(None),
        _ => return Err(Fault::NotOpen),
    }
    // SAFETY: the state was read there, and nobody else uses it.
    unsafe { (*at).state = CLOSED };
    // SAFETY: as before.
    let storage = unsafe { &raw const (*at).storage };
    // SAFETY: it was open, and being closed now it is not read a second time.
    Ok(Some(unsafe { storage.cast::<Handle>().read() }))
}

/// Takes the draft out of a handle, which is closed then. One that is published
/// stays as it is.
///
/// # Safety
/// * As for [`take`].
pub(super) unsafe fn take_draft(at: *mut ndshm_segment) -> Result<Draft, Fault> {
    // SAFETY: the caller's promise; the reference ends here.
    if matches!(unsafe { borrow(at) }?, Handle::Segment(_)) {
        return Err(Fault::NotDraft);
    }
    // SAFETY: the caller's promise, passed on.
    match unsafe { take(at) }? {
        Some(Handle::Draft(draft)) => Ok(draft),
        _ => Err(Fault::NotOpen),
    }
}

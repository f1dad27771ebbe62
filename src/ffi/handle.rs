//! The caller's storage of a segment, and of other things that are open and
//! closed. For the other files here.

use core::sync::atomic::{Ordering, compiler_fence};

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

/// Storage in the caller's memory that holds a `Content` while it is open.
///
/// # Safety
/// * It is `repr(C)` and begins with a state word, a `u64`; behind it lies a
///   field for the library's own use, aligned to 8 bytes.
pub(super) unsafe trait Storage: Sized {
    /// What it holds if the state word is [`OPEN`].
    type Content;
    /// Its parameter's name in the header.
    const NAME: &'static str;
    /// The content fits the storage, as a constant that does not compile if not.
    const FITS: () = {
        assert!(align_of::<Self>() == align_of::<u64>());
        assert!(align_of::<Self::Content>() <= align_of::<u64>());
        assert!(size_of::<Self::Content>() <= size_of::<Self>() - size_of::<u64>());
    };
}

// SAFETY: as it is written above.
unsafe impl Storage for ndshm_segment {
    type Content = Handle;
    const NAME: &'static str = "segment";
}

/// What a segment's handle holds.
#[derive(Debug)]
pub(super) enum Handle {
    Draft(Draft),
    Segment(Segment),
}

const _: () = assert!(size_of::<ndshm_segment>() == 1536);
const _: () = is_shareable::<Handle>();

/// The header promises that threads may share a handle to read, and pass it on.
pub(super) const fn is_shareable<T: Send + Sync>() {}

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
}

/// Where the content lies: behind the state word.
const fn content<S: Storage>(at: *const S) -> *const S::Content {
    let () = S::FITS;
    at.cast::<u64>().wrapping_add(1).cast()
}

/// Moves the content into the caller's storage, which is open then.
///
/// # Safety
/// * `at` is aligned and can be written; an open handle there is forgotten.
pub(super) unsafe fn store<S: Storage>(at: *mut S, what: S::Content) {
    // SAFETY: the caller's promise; the storage is large enough and aligned.
    unsafe { content(at).cast_mut().write(what) };
    // SAFETY: the caller's promise; it begins with the state word.
    unsafe { at.cast::<u64>().write(OPEN) };
}

/// What a handle says of itself.
///
/// # Safety
/// * `at` is NULL, or points to a handle that is zeroed or was used before.
unsafe fn state<S: Storage>(at: *const S) -> Result<u64, Fault> {
    if at.is_null() {
        return Err(Fault::Null(S::NAME));
    }
    if !at.is_aligned() {
        return Err(Fault::Range(S::NAME));
    }
    // SAFETY: the caller's promise; not NULL, aligned, and it begins with the state word.
    Ok(unsafe { at.cast::<u64>().read() })
}

/// What is in an open handle.
///
/// # Safety
/// * `at` is NULL, or points to a handle that is zeroed or was used before, and
///   nobody closes, moves or overwrites it for `'a`.
pub(super) unsafe fn borrow<'a, S: Storage>(at: *const S) -> Result<&'a S::Content, Fault> {
    // SAFETY: the caller's promise, passed on.
    if unsafe { state(at) }? != OPEN {
        return Err(Fault::NotOpen(S::NAME));
    }
    // SAFETY: an open handle's storage holds its content, and the caller keeps it there.
    Ok(unsafe { &*content(at) })
}

/// What is in an open handle, to be changed.
///
/// # Safety
/// * As for [`borrow`], and nobody else uses it for `'a`.
pub(super) unsafe fn borrow_mut<'a, S: Storage>(at: *mut S) -> Result<&'a mut S::Content, Fault> {
    // SAFETY: the caller's promise, passed on.
    if unsafe { state(at) }? != OPEN {
        return Err(Fault::NotOpen(S::NAME));
    }
    // SAFETY: an open handle's storage holds its content, and the caller keeps it there.
    Ok(unsafe { &mut *content(at).cast_mut() })
}

/// Closes a handle and takes what was in it; nothing of one that never was open.
///
/// # Safety
/// * `at` is NULL, or points to a handle that is zeroed or was used before, and
///   nobody else uses it.
pub(super) unsafe fn take<S: Storage>(at: *mut S) -> Result<Option<S::Content>, Fault> {
    // SAFETY: the caller's promise, passed on.
    match unsafe { state(at) }? {
        OPEN => {}
        0 => return Ok(None),
        _ => return Err(Fault::NotOpen(S::NAME)),
    }
    // SAFETY: the state was read there, and nobody else uses it.
    unsafe { at.cast::<u64>().write(CLOSED) };
    // Before the content goes: a signal handler may look at the handle.
    compiler_fence(Ordering::SeqCst);
    // SAFETY: it was open, and being closed now it is not read a second time.
    Ok(Some(unsafe { content(at).read() }))
}

/// Closes a handle that must be open, and takes what was in it.
///
/// # Safety
/// * As for [`take`].
pub(super) unsafe fn take_open<S: Storage>(at: *mut S) -> Result<S::Content, Fault> {
    // SAFETY: the caller's promise, passed on.
    unsafe { take(at) }?.ok_or(Fault::NotOpen(S::NAME))
}

/// The draft in a handle. One that is published stays as it is.
///
/// # Safety
/// * As for [`borrow_mut`].
pub(super) unsafe fn borrow_draft<'a>(at: *mut ndshm_segment) -> Result<&'a mut Draft, Fault> {
    // SAFETY: the caller's promise, passed on.
    match unsafe { borrow_mut(at) }? {
        Handle::Draft(draft) => Ok(draft),
        Handle::Segment(_) => Err(Fault::NotDraft),
    }
}

/// Takes the draft out of a handle, which is closed then. One that is published
/// stays as it is.
///
/// # Safety
/// * As for [`take`].
pub(super) unsafe fn take_draft(at: *mut ndshm_segment) -> Result<Draft, Fault> {
    // SAFETY: the caller's promise; the reference ends here.
    unsafe { borrow_draft(at) }?;
    // SAFETY: the caller's promise, passed on.
    match unsafe { take(at) }? {
        Some(Handle::Draft(draft)) => Ok(draft),
        _ => Err(Fault::NotOpen(ndshm_segment::NAME)),
    }
}

//! What comes from C: pointers, texts, arrays, structs of options. For the
//! other files here.

use core::ffi::{CStr, c_char};
use core::mem::MaybeUninit;

use super::error::{Fault, NDSHM_ERR_NAME};
use crate::error::{Error, NameFault};
use crate::segment::Name;

/// `at`, if something can be written there.
pub(super) fn output<T>(at: *mut T, what: &'static str) -> Result<*mut T, Fault> {
    if at.is_null() {
        Err(Fault::Null(what))
    } else if at.is_aligned() {
        Ok(at)
    } else {
        Err(Fault::Range(what))
    }
}

/// # Safety
/// * `at` is NULL, or points to text with a NUL at its end that stays as it is
///   for `'a`.
pub(super) unsafe fn text<'a>(at: *const c_char, what: &'static str) -> Result<&'a str, Fault> {
    if at.is_null() {
        return Err(Fault::Null(what));
    }
    // SAFETY: the caller's promise, and it is not NULL.
    let text = unsafe { CStr::from_ptr(at) };
    text.to_str().map_err(|_| Fault::Utf8(what))
}

/// # Safety
/// * As for [`text`], during the call.
pub(super) unsafe fn name(at: *const c_char) -> Result<Name, Fault> {
    const { assert!(NDSHM_ERR_NAME == Error::Name(NameFault::Character).code()) };
    // SAFETY: the caller's promise, passed on.
    match unsafe { text(at, "name") } {
        Err(Fault::Utf8(_)) => Err(Error::Name(NameFault::Character).into()),
        text => Ok(Name::new(text?)?),
    }
}

/// The name with a NUL at its end, which the POSIX spelling has behind a prefix.
pub(super) fn c_name(name: &Name) -> *const c_char {
    let posix = name.posix().to_bytes_with_nul();
    let start = posix.len().saturating_sub(name.as_str().len()).saturating_sub(1);
    posix.get(start..).map_or(core::ptr::null(), |text| text.as_ptr().cast())
}

/// `len` items, none of which need to be there if `len` is 0.
///
/// # Safety
/// * `at` is NULL, or points to `len` items that stay as they are for `'a`.
pub(super) unsafe fn items<'a, T>(
    at: *const T,
    len: usize,
    what: &'static str,
) -> Result<&'a [T], Fault> {
    if len == 0 {
        return Ok(&[]);
    }
    let fits = len.checked_mul(size_of::<T>()).is_some_and(|bytes| isize::try_from(bytes).is_ok());
    let at = output(at.cast_mut(), what)?;
    if !fits {
        return Err(Fault::Range(what));
    }
    // SAFETY: the caller's promise; not NULL, aligned, and not too long for a slice.
    Ok(unsafe { core::slice::from_raw_parts(at, len) })
}

/// `len` bytes that a call writes, none of which need to be there if `len` is 0.
///
/// # Safety
/// * `at` is NULL, or points to `len` bytes that nobody else uses for `'a`.
pub(super) unsafe fn bytes_mut<'a>(
    at: *mut u8,
    len: usize,
    what: &'static str,
) -> Result<&'a mut [u8], Fault> {
    if len == 0 {
        return Ok(&mut []);
    }
    let at = output(at, what)?;
    if isize::try_from(len).is_err() {
        return Err(Fault::Range(what));
    }
    // SAFETY: the caller's promise; not NULL, and not too long for a slice.
    Ok(unsafe { core::slice::from_raw_parts_mut(at, len) })
}

/// A struct of options.
///
/// # Safety
/// * It is `repr(C)` and begins with its size, a `u32`; all zeros are a value.
pub(super) unsafe trait Options: Copy {
    /// Its name in C.
    const NAME: &'static str;
    /// Bytes that it had when it was released first.
    const MIN_SIZE: usize;
}

/// Larger than any struct of options will be.
const MAX_SIZE: usize = 4096;

/// The options at `at` as this library knows them, the defaults for NULL. Of a
/// newer program's larger struct the part that is not known must be zeros.
///
/// # Safety
/// * `at` is NULL, or points to as many readable bytes as its first field says.
pub(super) unsafe fn options<T: Options>(at: *const T) -> Result<T, Fault> {
    let mut known = MaybeUninit::<T>::zeroed();
    if !at.is_null() {
        let (to, known_size) = (known.as_mut_ptr().cast::<u8>(), size_of::<T>());
        // SAFETY: the caller's promise, passed on.
        let given = unsafe { bytes_of(at) }?;
        let (head, tail) = given.split_at_checked(known_size).unwrap_or((given, &[]));
        if tail.iter().any(|&b| b != 0) {
            return Err(Fault::UnknownFields(T::NAME));
        }
        // SAFETY: `head` is not longer than a `T`, and not part of this new one.
        unsafe { to.copy_from_nonoverlapping(head.as_ptr(), head.len()) };
    }
    // SAFETY: bytes of a `T` of the caller's, or zeros, which are one.
    Ok(unsafe { known.assume_init() })
}

/// The size that a struct to be filled says it has.
///
/// # Safety
/// * `at` is NULL, or points to a struct that begins with its size.
pub(super) unsafe fn room<T: Options>(at: *mut T) -> Result<usize, Fault> {
    if at.is_null() {
        return Err(Fault::Null(T::NAME));
    }
    if !at.is_aligned() {
        return Err(Fault::Range(T::NAME));
    }
    // SAFETY: every such struct begins with its size.
    let size = unsafe { at.cast::<u32>().read() } as usize;
    let known = (T::MIN_SIZE..=MAX_SIZE).contains(&size);
    if known { Ok(size) } else { Err(Fault::StructSize(T::NAME)) }
}

/// Fills a struct as far as it has `room`; its size stays.
///
/// # Safety
/// * `at` can be written for `room` bytes, which [`room`](fn@room) said.
pub(super) unsafe fn fill<T: Options>(at: *mut T, room: usize, value: &T) {
    let (from, to) = (core::ptr::from_ref(value).cast::<u8>(), at.cast::<u8>());
    let (skip, len) = (size_of::<u32>(), room.min(size_of::<T>()));
    let (from, to) = (from.wrapping_add(skip), to.wrapping_add(skip));
    // SAFETY: not more than either has; the caller's struct is not this one.
    unsafe { to.copy_from_nonoverlapping(from, len.saturating_sub(skip)) };
}

/// # Safety
/// * As for [`options`], but not NULL, for `'a`.
unsafe fn bytes_of<'a, T: Options>(at: *const T) -> Result<&'a [u8], Fault> {
    if !at.is_aligned() {
        return Err(Fault::Range(T::NAME));
    }
    // SAFETY: every such struct begins with its size.
    let size = unsafe { at.cast::<u32>().read() } as usize;
    if !(T::MIN_SIZE..=MAX_SIZE).contains(&size) {
        return Err(Fault::StructSize(T::NAME));
    }
    // SAFETY: the caller's promise.
    Ok(unsafe { core::slice::from_raw_parts(at.cast(), size) })
}

//! Versions: of the library, of its interface, of the format of segments.

use core::ffi::c_char;

use crate::layout;

/// Version of this header, first number.
pub const NDSHM_VERSION_MAJOR: u32 = 0;
/// Version of this header, second number.
pub const NDSHM_VERSION_MINOR: u32 = 1;
/// Version of this header, third number.
pub const NDSHM_VERSION_PATCH: u32 = 0;
/// Version of the binary interface. It changes when a program must be compiled
/// again.
pub const NDSHM_ABI_VERSION: u32 = 1;
/// Format of the segments that this library makes, first number: it reads no
/// segment with a larger one.
pub const NDSHM_FORMAT_MAJOR: u32 = 1;
/// Format of the segments that this library makes, second number: it reads
/// segments with any.
pub const NDSHM_FORMAT_MINOR: u32 = 0;

const _: () = assert!(NDSHM_FORMAT_MAJOR == layout::FORMAT_MAJOR as u32);
const _: () = assert!(NDSHM_FORMAT_MINOR == layout::FORMAT_MINOR as u32);

/// The version of the library that is running, as static text.
#[unsafe(no_mangle)]
pub extern "C" fn ndshm_version() -> *const c_char {
    concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
}

/// The binary interface of the library that is running. A program that finds
/// another number than `NDSHM_ABI_VERSION` must not call anything else.
#[unsafe(no_mangle)]
pub extern "C" fn ndshm_abi_version() -> u32 {
    NDSHM_ABI_VERSION
}

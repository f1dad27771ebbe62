//! The HDF5 library that is there.

use core::ffi::c_int;

use hdf5_sys::h5::H5get_libversion;
use hdf5_sys::h5z::H5Zfilter_avail;

use super::error::Result;
use super::library::with;

/// Numbers of filters: deflate, and zstd as it is registered.
const GZIP: c_int = 1;
const ZSTD: c_int = 32_015;

/// What an HDF5 library is and can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct About {
    /// Major, minor and release number.
    pub version: (u32, u32, u32),
    /// It reads datasets that are compressed with gzip.
    pub gzip: bool,
    /// It reads such with zstd, for which it needs a plugin. This crate does not.
    pub zstd: bool,
}

/// What the HDF5 library is that this program is linked with.
///
/// # Errors
/// [`Error::Hdf5`](super::Error::Hdf5) if it cannot be opened.
pub fn about() -> Result<About> {
    with(|session| {
        let (mut major, mut minor, mut release) = (0, 0, 0);
        // SAFETY: three places for numbers.
        let status = unsafe { H5get_libversion(&raw mut major, &raw mut minor, &raw mut release) };
        session.check("H5get_libversion", status)?;
        // SAFETY: takes a number; what it does not find is no.
        let has = |filter| unsafe { H5Zfilter_avail(filter) } > 0;
        Ok(About { version: (major, minor, release), gzip: has(GZIP), zstd: has(ZSTD) })
    })
}

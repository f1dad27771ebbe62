//! Which user this process is, and bytes nobody can guess.

use super::{check_len, retry};
use crate::error::{Error, Result};

/// `geteuid`: the user that files made by this process belong to.
#[must_use]
pub fn user_id() -> u32 {
    // SAFETY: takes no pointers.
    unsafe { libc::geteuid() }
}

/// `getrandom`: fills `buf`, at most 256 bytes.
///
/// # Errors
/// [`Error::Os`]; [`Error::Argument`] for a longer `buf`.
pub fn random(buf: &mut [u8]) -> Result<()> {
    let got = retry(|| {
        // SAFETY: `buf` is writable for its length.
        check_len("getrandom", unsafe { libc::getrandom(buf.as_mut_ptr().cast(), buf.len(), 0) })
    })?;
    // The kernel serves up to 256 bytes in one piece.
    if got == buf.len() { Ok(()) } else { Err(Error::Argument) }
}

//! Whether a mapping carries the locks of the description it was made from.
//!
//! Linux drops them with the description, and a mapping keeps that alive after
//! `close`. POSIX promises neither, so this asks the running kernel, once.

use core::sync::atomic::{AtomicU8, Ordering};

use super::byte;
use crate::error::Result;
use crate::sys::{Access, ByteLock, Fd, Map, SHM_DIR, open_unnamed};

const UNKNOWN: u8 = 0;
const YES: u8 = 1;
#[cfg(all(test, feature = "std"))]
const NO: u8 = 2;

static VERDICT: AtomicU8 = AtomicU8::new(UNKNOWN);

/// Whether a descriptor may be closed while its mapping is to stay locked.
/// `false` if it cannot be found out. Only a yes is remembered: for want of a
/// descriptor, or because of a fork just then, the answer may be no once.
pub(super) fn mappings_carry_locks() -> bool {
    match VERDICT.load(Ordering::Relaxed) {
        UNKNOWN => {
            let yes = ask_kernel().unwrap_or(false);
            if yes {
                VERDICT.store(YES, Ordering::Relaxed);
            }
            yes
        }
        verdict => verdict == YES,
    }
}

fn ask_kernel() -> Result<bool> {
    let fd = open_unnamed(SHM_DIR)?;
    let page = crate::sys::page_size();
    fd.truncate(page as u64)?;
    let fresh = fd.reopen(Access::ReadWrite)?;
    if !fd.try_lock_shared()? || !fd.try_lock_byte(ByteLock::Read, byte::PRESENT)? {
        return Ok(false);
    }
    let map = Map::shared(&fd, page, Access::Read)?;
    drop(fd);
    let held = is_held(&fresh)?;
    drop(map);
    Ok(held == (true, true) && is_held(&fresh)? == (false, false))
}

fn is_held(fresh: &Fd) -> Result<(bool, bool)> {
    let present = fresh.is_byte_locked(ByteLock::Write, byte::PRESENT)?;
    Ok((!fresh.try_lock_exclusive()?, present))
}

/// Makes every later hold keep its descriptor, or asks the kernel again.
#[cfg(all(test, feature = "std"))]
pub(crate) fn pretend_not(pretend: bool) {
    VERDICT.store(if pretend { NO } else { UNKNOWN }, Ordering::Relaxed);
}

#[cfg(all(test, feature = "std"))]
mod tests {
    use super::*;

    #[test]
    fn this_kernel_answers_yes() {
        assert!(ask_kernel().unwrap());
    }
}

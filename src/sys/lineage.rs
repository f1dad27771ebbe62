//! Which process this is, among those that it was forked from.
//!
//! A process id does not tell: in a namespace of its own a child may have the id that its
//! parent has in another, and a dead one's is given again.
//!
//! Invariant of the unsafe code here: the page is never unmapped.

use core::ptr::{dangling_mut, null_mut};
use core::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};
use core::sync::atomic::{AtomicPtr, AtomicU32};

use super::{Pages, pid};

/// The page that the kernel empties in every forked child; dangling where there is none.
static PAGE: AtomicPtr<AtomicU32> = AtomicPtr::new(null_mut());
/// The last number given, here or before the forks that led here.
static LAST: AtomicU32 = AtomicU32::new(0);

/// A number that this process has, and none that it was forked from: copies of values
/// that a parent made are known by it.
#[must_use]
pub fn lineage() -> u32 {
    let Some(own) = page() else { return pid().unsigned_abs() };
    match own.load(Relaxed) {
        0 => {
            let next = LAST.fetch_add(1, Relaxed).wrapping_add(1);
            own.compare_exchange(0, next, Relaxed, Relaxed).map_or_else(|other| other, |_| next)
        }
        number => number,
    }
}

fn page() -> Option<&'static AtomicU32> {
    let mut at = PAGE.load(Acquire);
    if at.is_null() {
        let new = make_page().unwrap_or(dangling_mut());
        at = match PAGE.compare_exchange(null_mut(), new, AcqRel, Acquire) {
            Ok(_) => new,
            Err(first) => first, // another thread's; this one is never used
        };
    }
    // SAFETY: if it is not dangling it is the start of a page that is never unmapped, and
    // reached by atomics only.
    (at != dangling_mut()).then(|| unsafe { &*at })
}

/// None before Linux 4.14, and where memory is short.
fn make_page() -> Option<*mut AtomicU32> {
    let mut pages = Pages::new(size_of::<AtomicU32>()).ok()?;
    let (at, len, advice) = (pages.as_mut_ptr(), pages.len(), libc::MADV_WIPEONFORK);
    // SAFETY: the pages are this function's own, and hold nothing yet.
    if unsafe { libc::syscall(libc::SYS_madvise, at, len, advice) } < 0 {
        return None;
    }
    core::mem::forget(pages);
    Some(at.cast())
}

#[cfg(test)]
mod tests {
    use super::super::{Ended, Forked, exit_now, fork};
    use super::*;

    #[test]
    fn every_forked_child_has_another_number() {
        let own = lineage();
        assert!(page().is_some() && lineage() == own);
        // SAFETY: the child loads and stores words, forks once more the same way, and exits.
        let Forked::Parent(child) = (unsafe { fork() }).unwrap() else { exit_now(child_of(own)) };
        assert_eq!(child.wait(), Ended::Exited(0));
        assert_eq!(lineage(), own);
    }

    /// 0 if this child and one of its own have numbers that are new.
    fn child_of(parent: u32) -> i32 {
        let own = lineage();
        // SAFETY: as above.
        let Ok(forked) = (unsafe { fork() }) else { return 1 };
        let Forked::Parent(child) = forked else {
            exit_now(i32::from([parent, own].contains(&lineage())))
        };
        let right = child.wait() == Ended::Exited(0) && own != parent && lineage() == own;
        i32::from(!right)
    }
}

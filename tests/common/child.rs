//! A host that forks.

#![allow(unsafe_code, reason = "a host that forks")]

/// Runs `work` in a child, and waits for its end.
pub(crate) fn in_a_child(work: impl FnOnce()) {
    // SAFETY: the C library makes its allocator usable in the child, and `work` takes no locks
    // of other threads.
    let child = unsafe { libc::fork() };
    if child == 0 {
        work();
        // SAFETY: takes an integer only.
        unsafe { libc::_exit(0) };
    }
    let mut status = -1;
    // SAFETY: `status` is writable.
    assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
    assert_eq!(status, 0);
}

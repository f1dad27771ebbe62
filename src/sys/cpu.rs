//! How many processors this process may use.

/// Processors that the scheduler may put this process on; at least 1.
#[must_use]
pub fn affinity_count() -> usize {
    // SAFETY: all-zero is a valid, empty set.
    let mut set: libc::cpu_set_t = unsafe { core::mem::zeroed() };
    // SAFETY: `set` is writable for the size given.
    let got = unsafe { libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), &raw mut set) };
    if got < 0 {
        return online_count();
    }
    // SAFETY: `set` is initialised.
    let count = unsafe { libc::CPU_COUNT(&set) };
    usize::try_from(count).unwrap_or(1).max(1)
}

/// More than 1,024 processors do not fit the fixed set; then all that are online count.
fn online_count() -> usize {
    // SAFETY: takes no pointers.
    let count = unsafe { libc::sysconf(libc::_SC_NPROCESSORS_ONLN) };
    usize::try_from(count).unwrap_or(1).max(1)
}

//! Time: a clock for deadlines, a clock for people, and a short sleep.

fn read(clock: libc::clockid_t) -> u64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `now` has room for one `timespec`.
    unsafe { libc::clock_gettime(clock, &raw mut now) };
    let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
    let rest = u64::try_from(now.tv_nsec).unwrap_or(0);
    seconds.saturating_mul(1_000_000_000).saturating_add(rest)
}

/// Nanoseconds as a `timespec`.
pub(super) fn timespec(ns: u64) -> libc::timespec {
    // SAFETY: plain integers, for which zero is a value.
    let mut time: libc::timespec = unsafe { core::mem::zeroed() };
    time.tv_sec = libc::time_t::try_from(ns / 1_000_000_000).unwrap_or(libc::time_t::MAX);
    time.tv_nsec = (ns % 1_000_000_000) as _;
    time
}

/// Nanoseconds since the machine started, sleep included (`CLOCK_BOOTTIME`):
/// the same for all processes, and nobody can set it.
#[must_use]
pub fn boot_ns() -> u64 {
    read(libc::CLOCK_BOOTTIME)
}

/// Nanoseconds since 1970 (`CLOCK_REALTIME`), to be shown to people only.
#[must_use]
pub fn real_ns() -> u64 {
    read(libc::CLOCK_REALTIME)
}

/// `nanosleep`; a signal ends it early.
pub fn sleep_ns(ns: u64) {
    let time = timespec(ns);
    // SAFETY: `time` is a `timespec`, and the remaining time is not asked for.
    unsafe { libc::nanosleep(&raw const time, core::ptr::null_mut()) };
}

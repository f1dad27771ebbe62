//! Processor time, for benches.

/// Seconds of this process and of its children that have ended.
#[allow(unsafe_code)]
pub(crate) fn processor_seconds() -> f64 {
    let mut sum = 0.0;
    for who in [libc::RUSAGE_SELF, libc::RUSAGE_CHILDREN] {
        let mut usage = core::mem::MaybeUninit::<libc::rusage>::zeroed();
        // SAFETY: it has room for one.
        assert_eq!(unsafe { libc::getrusage(who, usage.as_mut_ptr()) }, 0);
        // SAFETY: zeros are a valid value, and the call has filled it.
        let usage = unsafe { usage.assume_init() };
        for time in [usage.ru_utime, usage.ru_stime] {
            sum += time.tv_sec as f64 + 1e-6 * time.tv_usec as f64;
        }
    }
    sum
}

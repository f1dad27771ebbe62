//! The terminal that standard output may be.

/// Columns of the terminal that standard output is; `None` if it is none, or does not say.
#[must_use]
pub fn terminal_width() -> Option<usize> {
    // SAFETY: plain numbers, for which zeros are values.
    let mut size: libc::winsize = unsafe { core::mem::zeroed() };
    // SAFETY: the call fills in the size, which lives as long.
    let result = unsafe { libc::ioctl(libc::STDOUT_FILENO, libc::TIOCGWINSZ, &raw mut size) };
    (result == 0 && size.ws_col > 0).then_some(usize::from(size.ws_col))
}

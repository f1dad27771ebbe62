//! One descriptor that says whether any of many is ready, and one to ring it.

use core::time::Duration;

use super::{EINTR, Fd, check};
use crate::error::{Error, Result};

/// An epoll instance: the set of descriptors that a wait is for. Its own
/// descriptor is readable as long as one of them is.
#[derive(Debug)]
pub struct Epoll(Fd);

impl Epoll {
    /// `epoll_create1`.
    ///
    /// # Errors
    /// [`Error::Os`].
    pub fn new() -> Result<Self> {
        // SAFETY: takes no pointers.
        let raw = check("epoll_create1", unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) })?;
        // SAFETY: a new descriptor that nobody else owns.
        Ok(Self(unsafe { Fd::from_raw(raw) }))
    }

    /// The descriptor that becomes readable. It stays owned by `self`.
    #[must_use]
    pub const fn raw(&self) -> i32 {
        self.0.raw()
    }

    /// Waits for `fd` from now on, until it can be read or was closed at the other
    /// end; [`wait`](Self::wait) then answers `token`.
    ///
    /// # Errors
    /// [`Error::Os`]; `EPERM` for a file that is always ready.
    pub fn add(&self, fd: i32, token: u64) -> Result<()> {
        self.control(libc::EPOLL_CTL_ADD, fd, token)
    }

    /// Waits for `fd` no longer. To be called before it is closed: a copy of it in
    /// a child would keep it in the set.
    ///
    /// # Errors
    /// [`Error::Os`].
    pub fn remove(&self, fd: i32) -> Result<()> {
        self.control(libc::EPOLL_CTL_DEL, fd, 0)
    }

    fn control(&self, operation: i32, fd: i32, token: u64) -> Result<()> {
        let mut event = libc::epoll_event { events: libc::EPOLLIN as u32, u64: token };
        // SAFETY: `event` is readable during the call.
        let done = unsafe { libc::epoll_ctl(self.raw(), operation, fd, &raw mut event) };
        check("epoll_ctl", done).map(|_| ())
    }

    /// The token of a descriptor that is ready, each in its turn; `None` if there
    /// is none for `timeout_ms` (negative: for ever), or a signal came.
    ///
    /// # Errors
    /// [`Error::Os`].
    pub fn wait(&self, timeout_ms: i32) -> Result<Option<u64>> {
        let mut event = libc::epoll_event { events: 0, u64: 0 };
        // SAFETY: there is room for the one event asked for.
        let n = unsafe { libc::epoll_wait(self.raw(), &raw mut event, 1, timeout_ms) };
        match check("epoll_wait", n) {
            Ok(0) | Err(Error::Os { errno: EINTR, .. }) => Ok(None),
            Ok(_) => Ok(Some(event.u64)),
            Err(error) => Err(error),
        }
    }
}

/// An eventfd: readable from [`ring`](Self::ring) to [`silence`](Self::silence).
#[derive(Debug)]
pub struct Bell(Fd);

impl Bell {
    /// `eventfd`, silent.
    ///
    /// # Errors
    /// [`Error::Os`].
    pub fn new() -> Result<Self> {
        let flags = libc::EFD_CLOEXEC | libc::EFD_NONBLOCK;
        // SAFETY: takes no pointers.
        let raw = check("eventfd", unsafe { libc::eventfd(0, flags) })?;
        // SAFETY: a new descriptor that nobody else owns.
        Ok(Self(unsafe { Fd::from_raw(raw) }))
    }

    /// Its descriptor, which stays owned by `self`.
    #[must_use]
    pub const fn raw(&self) -> i32 {
        self.0.raw()
    }

    /// Makes it readable. Async-signal-safe; leaves `errno` as it was.
    pub fn ring(&self) {
        // SAFETY: takes nothing.
        let place = unsafe { libc::__errno_location() };
        // SAFETY: it is this thread's own errno.
        let before = unsafe { *place };
        let one = 1u64.to_ne_bytes();
        // Full means that it rings already.
        // SAFETY: `one` is readable for its length.
        unsafe { libc::write(self.raw(), one.as_ptr().cast(), one.len()) };
        // SAFETY: as above.
        unsafe { *place = before };
    }

    /// Makes it not readable any more.
    pub fn silence(&self) {
        let mut count = [0; 8];
        let _ = self.0.read(&mut count);
    }
}

/// Milliseconds of a wait, rounded up, so that only 0 does not wait.
#[must_use]
pub fn whole_ms(timeout: Duration) -> i32 {
    i32::try_from(timeout.as_micros().div_ceil(1000)).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::{receive, send, socket_pair};

    #[test]
    fn what_is_ready_is_told_in_turn_until_it_is_taken() {
        let epoll = Epoll::new().unwrap();
        let (one, other) = (socket_pair().unwrap(), socket_pair().unwrap());
        epoll.add(one.0.raw(), 1).unwrap();
        epoll.add(other.0.raw(), 2).unwrap();
        assert_eq!(epoll.wait(0), Ok(None));
        send(&one.1, b"x").unwrap();
        send(&other.1, b"x").unwrap();
        let mut seen = [epoll.wait(0).unwrap(), epoll.wait(0).unwrap()];
        seen.sort_unstable();
        assert_eq!(seen, [Some(1), Some(2)]);
        receive(&one.0, &mut [0]).unwrap();
        epoll.remove(other.0.raw()).unwrap();
        assert_eq!(epoll.wait(0), Ok(None));
    }

    #[test]
    fn a_bell_rings_until_it_is_silenced() {
        let (epoll, bell) = (Epoll::new().unwrap(), Bell::new().unwrap());
        epoll.add(bell.raw(), 7).unwrap();
        bell.silence();
        assert_eq!(epoll.wait(0), Ok(None));
        bell.ring();
        bell.ring();
        assert_eq!((epoll.wait(0), epoll.wait(-1)), (Ok(Some(7)), Ok(Some(7))));
        bell.silence();
        assert_eq!(epoll.wait(0), Ok(None));
    }
}

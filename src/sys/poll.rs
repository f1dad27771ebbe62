//! Waiting for descriptors, and the sockets that workers are driven by.

use super::{Fd, check, check_len, retry};
use crate::error::Result;

/// One descriptor to wait for. Has the layout of `struct pollfd`.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct Watch {
    fd: i32,
    events: i16,
    revents: i16,
}

const _: () = assert!(size_of::<Watch>() == size_of::<libc::pollfd>());
const _: () = assert!(align_of::<Watch>() == align_of::<libc::pollfd>());

impl Watch {
    /// Waits until `fd` can be read or was closed at the other end. A negative
    /// `fd` is never ready.
    #[must_use]
    pub const fn readable(fd: i32) -> Self {
        Self { fd, events: libc::POLLIN, revents: 0 }
    }

    /// Whether the last [`poll`] found it ready.
    #[must_use]
    pub const fn is_ready(&self) -> bool {
        self.revents != 0
    }
}

/// `poll`: waits until one of them is ready, at most `timeout_ms` (negative:
/// for ever). A signal ends the wait early, as if the time were over.
///
/// # Errors
/// [`Error::Os`](crate::error::Error::Os).
pub fn poll(watches: &mut [Watch], timeout_ms: i32) -> Result<()> {
    // SAFETY: `Watch` has the layout of `pollfd`, and the slice is writable for its length.
    let n = unsafe {
        libc::poll(watches.as_mut_ptr().cast(), watches.len() as libc::nfds_t, timeout_ms)
    };
    match check("poll", n) {
        Err(crate::error::Error::Os { errno: super::EINTR, .. }) => {
            for watch in watches {
                watch.revents = 0;
            }
            Ok(())
        }
        other => other.map(|_| ()),
    }
}

/// A connected pair of sockets that keep the borders of messages.
///
/// # Errors
/// [`Error::Os`](crate::error::Error::Os).
pub fn socket_pair() -> Result<(Fd, Fd)> {
    let mut raw = [-1; 2];
    let kind = libc::SOCK_SEQPACKET | libc::SOCK_CLOEXEC;
    // SAFETY: `raw` has room for two descriptors.
    check("socketpair", unsafe { libc::socketpair(libc::AF_UNIX, kind, 0, raw.as_mut_ptr()) })?;
    // SAFETY: a new descriptor that nobody else owns.
    let first = unsafe { Fd::from_raw(raw[0]) };
    // SAFETY: likewise.
    let second = unsafe { Fd::from_raw(raw[1]) };
    Ok((first, second))
}

/// Sends one whole message; a closed other end is `EPIPE`, never a signal.
///
/// # Errors
/// [`Error::Os`](crate::error::Error::Os).
pub fn send(socket: &Fd, message: &[u8]) -> Result<()> {
    retry(|| {
        // SAFETY: `message` is readable for its length.
        let n = unsafe {
            libc::send(socket.raw(), message.as_ptr().cast(), message.len(), libc::MSG_NOSIGNAL)
        };
        check_len("send", n)
    })
    .map(|_| ())
}

/// Receives one message if there is one, `EAGAIN` if not; 0 when the other end is closed.
///
/// # Errors
/// [`Error::Os`](crate::error::Error::Os).
pub fn receive_now(socket: &Fd, message: &mut [u8]) -> Result<usize> {
    receive_with(socket, message, libc::MSG_DONTWAIT)
}

/// Receives one message; 0 when the other end is closed.
///
/// # Errors
/// [`Error::Os`](crate::error::Error::Os).
pub fn receive(socket: &Fd, message: &mut [u8]) -> Result<usize> {
    receive_with(socket, message, 0)
}

fn receive_with(socket: &Fd, message: &mut [u8], flags: i32) -> Result<usize> {
    retry(|| {
        // SAFETY: `message` is writable for its length.
        let n =
            unsafe { libc::recv(socket.raw(), message.as_mut_ptr().cast(), message.len(), flags) };
        check_len("recv", n)
    })
}

//! Descriptors on their way to another process, as passengers of a message.

use super::{Fd, check_len, retry};
use crate::error::{Error, Result};

/// The control message of one descriptor, with the layout that `CMSG_DATA` and its
/// like compute.
#[repr(C)]
struct Control {
    head: libc::cmsghdr,
    fd: i32,
    padding: [u8; CONTROL_LEN - MESSAGE_LEN],
}

const FD_LEN: u32 = size_of::<i32>() as u32;
// SAFETY: computes a size, nothing else.
const CONTROL_LEN: usize = unsafe { libc::CMSG_SPACE(FD_LEN) } as usize;
// SAFETY: as above.
const MESSAGE_LEN: usize = unsafe { libc::CMSG_LEN(FD_LEN) } as usize;

const _: () = assert!(size_of::<Control>() == CONTROL_LEN);
const _: () = assert!(core::mem::offset_of!(Control, fd) + size_of::<i32>() == MESSAGE_LEN);

/// The message that `control` accompanies; both live in the caller's frame.
fn header(part: &mut libc::iovec, control: Option<&mut Control>) -> libc::msghdr {
    // SAFETY: all zeros is a message header: no address, no parts.
    let mut header: libc::msghdr = unsafe { core::mem::zeroed() };
    header.msg_iov = part;
    header.msg_iovlen = 1;
    if let Some(control) = control {
        header.msg_control = core::ptr::from_mut(control).cast();
        header.msg_controllen = CONTROL_LEN as _;
    }
    header
}

/// Sends a message through `socket` (a local one), and a descriptor with it, which
/// stays open here, too. A closed other end is `EPIPE`, never a signal.
///
/// # Errors
/// [`Error::Os`]; [`Error::Argument`] if a stream took only part of the message.
pub fn send_with(socket: i32, message: &[u8], passenger: Option<i32>) -> Result<()> {
    let base = message.as_ptr().cast_mut().cast();
    let mut part = libc::iovec { iov_base: base, iov_len: message.len() };
    let mut control = passenger.map(boarded);
    let header = header(&mut part, control.as_mut());
    let sent = retry(|| {
        // SAFETY: the header leads to the message and its passenger, which outlive the call.
        let n = unsafe { libc::sendmsg(socket, &raw const header, libc::MSG_NOSIGNAL) };
        check_len("sendmsg", n)
    })?;
    if sent == message.len() { Ok(()) } else { Err(Error::Argument) }
}

/// The control message that takes `fd` along.
fn boarded(fd: i32) -> Control {
    // SAFETY: all zeros is a header of a control message; its padding, where it has any,
    // is named by no field.
    let mut head: libc::cmsghdr = unsafe { core::mem::zeroed() };
    head.cmsg_len = MESSAGE_LEN as _;
    head.cmsg_level = libc::SOL_SOCKET;
    head.cmsg_type = libc::SCM_RIGHTS;
    Control { head, fd, padding: [0; _] }
}

/// The descriptor that a control message brought.
fn arrived(control: &Control) -> Option<Fd> {
    let head = &control.head;
    let ours = head.cmsg_level == libc::SOL_SOCKET && head.cmsg_type == libc::SCM_RIGHTS;
    if !ours || head.cmsg_len != MESSAGE_LEN as _ {
        return None;
    }
    // SAFETY: the kernel opened it for this process just now; nobody else knows it.
    Some(unsafe { Fd::from_raw(control.fd) })
}

/// Receives one message and the descriptor that came with it, closed on exec;
/// 0 bytes when the other end is closed. Of several descriptors only the first
/// arrives; the kernel closes the others.
///
/// # Errors
/// [`Error::Os`].
pub fn receive_with(socket: i32, message: &mut [u8]) -> Result<(usize, Option<Fd>)> {
    receive(socket, message, 0)
}

/// The same if there is a message, `EAGAIN` if not.
///
/// # Errors
/// [`Error::Os`].
pub fn receive_with_now(socket: i32, message: &mut [u8]) -> Result<(usize, Option<Fd>)> {
    receive(socket, message, libc::MSG_DONTWAIT)
}

fn receive(socket: i32, message: &mut [u8], flags: i32) -> Result<(usize, Option<Fd>)> {
    let base = message.as_mut_ptr().cast();
    let mut part = libc::iovec { iov_base: base, iov_len: message.len() };
    // Its length stays 0 if none arrives.
    let mut control = boarded(-1);
    control.head.cmsg_len = 0;
    let mut header = header(&mut part, Some(&mut control));
    // Behind the padding there would be room for a second one, which nobody would close.
    header.msg_controllen = MESSAGE_LEN as _;
    let n = retry(|| {
        // SAFETY: the header leads to the caller's buffer and to the control buffer.
        let n = unsafe { libc::recvmsg(socket, &raw mut header, flags | libc::MSG_CMSG_CLOEXEC) };
        check_len("recvmsg", n)
    })?;
    Ok((n, arrived(&control)))
}

#[cfg(test)]
mod tests {
    use super::super::{EAGAIN, EPIPE, memory_file, socket_pair};
    use super::*;

    #[test]
    fn a_descriptor_arrives_with_its_message() {
        let (a, b) = socket_pair().unwrap();
        let file = memory_file().unwrap();
        send_with(a.raw(), b"with", Some(file.raw())).unwrap();
        send_with(a.raw(), b"alone", None).unwrap();
        let mut room = [0; 8];
        let (n, fd) = receive_with(b.raw(), &mut room).unwrap();
        let fd = fd.unwrap();
        assert_eq!(&room[..n], b"with");
        assert_ne!(fd.raw(), file.raw());
        assert!(fd.stat().unwrap().same_inode(&file.stat().unwrap()));
        // SAFETY: takes no pointers.
        let flags = unsafe { libc::fcntl(fd.raw(), libc::F_GETFD) };
        assert_eq!(flags, libc::FD_CLOEXEC);
        let (n, fd) = receive_with_now(b.raw(), &mut room).unwrap();
        assert_eq!((&room[..n], fd), (&b"alone"[..], None));
        let none = receive_with_now(b.raw(), &mut room);
        assert!(matches!(none, Err(Error::Os { errno: EAGAIN, .. })));
    }

    /// Sends two descriptors with one message, in the room of one and its padding.
    #[cfg(target_pointer_width = "64")] // elsewhere there is no padding
    fn send_two(socket: i32, fds: [i32; 2]) {
        let mut byte = 0_u8;
        let mut part = libc::iovec { iov_base: (&raw mut byte).cast(), iov_len: 1 };
        let mut control = boarded(fds[0]);
        control.head.cmsg_len = (MESSAGE_LEN + size_of::<i32>()) as _;
        control.padding[..size_of::<i32>()].copy_from_slice(&fds[1].to_ne_bytes());
        let header = header(&mut part, Some(&mut control));
        // SAFETY: the header leads to values that outlive the call.
        let sent = unsafe { libc::sendmsg(socket, &raw const header, 0) };
        assert_eq!(check_len("sendmsg", sent), Ok(1));
    }

    #[test]
    #[cfg(target_pointer_width = "64")]
    fn of_two_descriptors_one_arrives_and_none_leaks() {
        let (a, b) = socket_pair().unwrap();
        let (one, two) = (memory_file().unwrap(), memory_file().unwrap());
        send_two(a.raw(), [one.raw(), two.raw()]);
        let (n, fd) = receive_with(b.raw(), &mut [0; 8]).unwrap();
        let fd = fd.expect("the first one");
        assert_eq!(n, 1);
        assert!(fd.stat().unwrap().same_inode(&one.stat().unwrap()));
        let second = two.stat().unwrap();
        for raw in (0..1000).filter(|&raw| raw != two.raw()) {
            // SAFETY: given back at once; a number that is not open only has no `stat`.
            let any = unsafe { Fd::from_raw(raw) };
            assert!(!any.stat().is_ok_and(|stat| stat.same_inode(&second)), "leaked");
            let _ = any.into_raw();
        }
    }

    #[test]
    fn a_closed_end_is_no_signal() {
        let (a, b) = socket_pair().unwrap();
        drop(a);
        assert_eq!(receive_with(b.raw(), &mut [0; 8]), Ok((0, None)));
        let sent = send_with(b.raw(), b"x", None);
        assert!(matches!(sent, Err(Error::Os { errno: EPIPE, .. })));
    }

    #[test]
    fn a_number_that_is_no_descriptor_is_refused() {
        let (a, _b) = socket_pair().unwrap();
        assert!(send_with(a.raw(), b"x", Some(-1)).is_err());
        assert!(send_with(-1, b"x", None).is_err());
    }
}

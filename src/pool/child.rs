//! The worker's side: set up, then one task after the other until the end.

#![allow(unsafe_code)]

use super::Work;
use crate::sys::{self, Fd, SignalMask};

/// Status of a worker that found its socket broken.
const BROKEN: i32 = 70;

/// Runs tasks until the parent closes the socket or dies. The caller has
/// blocked every signal.
///
/// An `extern "C"` function, so that a panic, which only a bug can cause, aborts
/// here: it must not unwind into this process's copy of the parent's frames.
#[allow(improper_ctypes_definitions, reason = "called by Rust only")]
pub(super) extern "C" fn run<W: Work>(work: &mut W, socket: &Fd, parent: i32) -> ! {
    sys::reset_signals();
    SignalMask::allow_all();
    // Everything waits for the parent, and for what unpacks its text: a worker that gets its
    // next task shall not take their processor.
    sys::wake_up_gently();
    let kept = work.kept();
    match kept.fd {
        Some(fd) => sys::close_all_but(&[socket.raw(), fd]),
        None => sys::close_all_but(&[socket.raw()]),
    }
    // Segments of the host would live as long as this worker. Where that cannot be
    // helped, they do.
    // SAFETY: a worker uses no segments but the one that it keeps, with or without a name, by
    // the contract of `Work`; the ring, which it does use, has no file.
    let _ = unsafe { sys::unmap_shared_below(&[b"/dev/shm/", b"/memfd:ndshm "], kept.map) };
    if !sys::die_with_parent(parent) {
        sys::exit_now(0);
    }
    let mut task = <W::Task as bytemuck::Zeroable>::zeroed();
    loop {
        let room = bytemuck::bytes_of_mut(&mut task);
        let size = room.len();
        match sys::receive(socket, room) {
            Ok(n) if n == size => {}
            Ok(0) => sys::exit_now(0),
            _ => sys::exit_now(BROKEN),
        }
        let reply = work.run(&task);
        if sys::send(socket, bytemuck::bytes_of(&reply)).is_err() {
            sys::exit_now(BROKEN);
        }
    }
}

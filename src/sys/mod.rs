//! The system calls, one short function each: the only module that names libc.
//!
//! Every call answers with [`Result`]; `errno` is read in one place,
//! `check`. Nothing here allocates, locks or panics, so all of it but [`fork`] may
//! run in a forked child. May be imported by every layer but `error`, `dtype` and
//! `layout`.
//!
//! Invariant of the unsafe code here: a descriptor or a mapping is owned by
//! exactly one [`Fd`], [`Pages`] or [`Map`], which ends it when dropped.

mod cgroup;
mod clock;
mod clone;
mod copy;
mod cpu;
mod dir;
mod disk;
mod epoll;
mod fd;
mod foreign;
mod ident;
mod interrupt;
mod lineage;
mod lock;
mod maps;
mod mem;
mod pass;
mod poll;
mod process;
mod seal;
mod shm;
mod terminal;
mod word;

pub use cgroup::memory_left;
pub use clock::{boot_ns, real_ns, sleep_ns};
pub use clone::{clone_file, copy_range};
pub use copy::copy_shared;
pub use cpu::affinity_count;
pub use dir::for_each_name;
pub use disk::{
    OPEN_WARILY, Space, is_network, memory_file, next_data, punch_hole, rename_noreplace, replace,
    space, start_writeback,
};
pub use epoll::{Bell, Epoll, whole_ms};
pub use fd::{Fd, Stat};
pub use foreign::{
    close_all_but_standard_and, default_signals, die_with_socket, end_sending, exec, fork_whole,
    has_more_rights, inherited_socket, set_inherited,
};
pub use ident::{random, user_id};
pub use interrupt::{ignore_size_limit_signal, set_on_interrupt};
pub use lineage::lineage;
pub use lock::ByteLock;
pub use maps::unmap_shared_below;
pub use mem::{Access, Map, Pages, map_ahead, page_size, round_up_to_page};
pub use seal::{Seals, duplicate, sealable_file};
pub use shm::{SHM_DIR, open_unnamed, shm_create, shm_open, shm_unlink, stat_path};
pub use terminal::terminal_width;

use crate::error::{Error, Result};

pub use pass::{receive_with, receive_with_now, send_with};
pub use poll::{Watch, poll, receive, receive_now, send, socket_pair};
pub use process::{
    Child, Ended, Forked, SignalMask, abort, close_all_but, descriptor_limit, die_with_parent,
    exit_now, file_size_limit, fork, parent_pid, pid, reset_signals, wake_up_gently,
};

/// An `errno` by its POSIX name, for callers that decide by it.
pub use libc::{
    EACCES, EAGAIN, EBADF, EBUSY, ECONNRESET, EDQUOT, EEXIST, EINTR, EINVAL, EIO, EISDIR, ELOOP,
    EMFILE, ENAMETOOLONG, ENOENT, ENOMEM, ENOSPC, ENOSYS, ENOTDIR, ENXIO, EOPNOTSUPP, EPERM, EPIPE,
    EROFS, ESRCH, EXDEV,
};

/// `errno` of this thread.
fn errno() -> i32 {
    // SAFETY: takes nothing.
    let place = unsafe { libc::__errno_location() };
    // SAFETY: it is this thread's own errno, valid while the thread runs.
    unsafe { *place }
}

/// Turns a negative result into the `errno` it left.
pub(crate) fn check(call: &'static str, result: i32) -> Result<i32> {
    if result < 0 { Err(Error::Os { call, errno: errno() }) } else { Ok(result) }
}

/// [`check`] for calls that answer with a length.
pub(crate) fn check_len(call: &'static str, result: isize) -> Result<usize> {
    usize::try_from(result).map_err(|_| Error::Os { call, errno: errno() })
}

/// Repeats a call that a signal interrupted.
pub(crate) fn retry<T>(mut call: impl FnMut() -> Result<T>) -> Result<T> {
    loop {
        match call() {
            Err(Error::Os { errno: EINTR, .. }) => {}
            other => return other,
        }
    }
}

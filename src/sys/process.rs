//! Processes: fork with a pidfd, the child's first steps, waiting, signals.

use core::fmt;

use super::{EINVAL, ENOSYS, EPERM, Fd, check, errno, retry};
use crate::error::{Error, Result};

/// Which side of a fork the caller is on.
#[derive(Debug)]
pub enum Forked {
    /// In the parent: the child.
    Parent(Child),
    /// In the child.
    Child,
}

/// A forked child. Dropping it neither ends nor waits for it.
#[derive(Debug)]
pub struct Child {
    pid: i32,
    pidfd: Option<Fd>,
    /// Sends no SIGCHLD and is invisible to a plain `wait`.
    silent: bool,
}

/// How a child ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// By `_exit` with this status.
    Exited(i32),
    /// By this signal.
    Signaled(i32),
    /// Somebody else waited for it first, so nobody can tell.
    Unknown,
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Signaled(signal) => write!(f, "signal {signal}"),
            Self::Exited(status) => write!(f, "exit status {status}"),
            Self::Unknown => f.write_str("cause unknown"),
        }
    }
}

#[repr(C)]
#[derive(Default)]
struct CloneArgs {
    flags: u64,
    pidfd: u64,
    child_tid: u64,
    parent_tid: u64,
    exit_signal: u64,
    stack: u64,
    stack_size: u64,
    tls: u64,
}

/// Forks by `clone3` with a pidfd and without an exit signal, so that neither
/// the host's SIGCHLD handling nor its `wait` calls meet the child, and no
/// `pthread_atfork` handler runs; by `fork` where `clone3` is refused.
///
/// # Safety
/// * The child calls only async-signal-safe code until it calls [`exit_now`]:
///   no allocation, no locks, no unwinding, whatever threads the host has.
///
/// # Errors
/// [`Error::Os`].
pub unsafe fn fork() -> Result<Forked> {
    let mut pidfd: i32 = -1;
    let args = CloneArgs {
        flags: libc::CLONE_PIDFD as u64,
        pidfd: core::ptr::addr_of_mut!(pidfd) as u64,
        ..CloneArgs::default()
    };
    // SAFETY: the arguments are a valid `clone_args` of the size given; without CLONE_VM the
    // child runs on its own copy of this stack, and the caller answers for what it does there.
    let pid = unsafe { libc::syscall(libc::SYS_clone3, &raw const args, size_of::<CloneArgs>()) };
    match pid {
        0 => Ok(Forked::Child),
        1.. => {
            // SAFETY: the kernel stored a new descriptor there, which nobody else owns.
            let pidfd = Some(unsafe { Fd::from_raw(pidfd) });
            Ok(Forked::Parent(Child { pid: pid as i32, pidfd, silent: true }))
        }
        _ => match errno() {
            // SAFETY: the caller's promise is the one that is asked for.
            ENOSYS | EPERM | EINVAL => unsafe { fork_by_libc() },
            // No more processes or memory: `fork` would have none either.
            errno => Err(Error::Os { call: "clone3", errno }),
        },
    }
}

/// # Safety
/// As for [`fork`].
pub(super) unsafe fn fork_by_libc() -> Result<Forked> {
    // SAFETY: the caller keeps the child to async-signal-safe code.
    let pid = check("fork", unsafe { libc::fork() })?;
    if pid == 0 {
        return Ok(Forked::Child);
    }
    // SAFETY: takes no pointers.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) } as i32;
    // SAFETY: a descriptor that is not negative is new and owned by nobody else.
    let pidfd = (fd >= 0).then(|| unsafe { Fd::from_raw(fd) });
    Ok(Forked::Parent(Child { pid, pidfd, silent: false }))
}

impl Child {
    /// Its process id, for messages.
    #[must_use]
    pub const fn pid(&self) -> i32 {
        self.pid
    }

    /// The descriptor that becomes readable when it ends, where the kernel has one.
    #[must_use]
    pub fn pidfd(&self) -> Option<i32> {
        self.pidfd.as_ref().map(Fd::raw)
    }

    /// Sends SIGKILL. No other process can be hit as long as [`Child::wait`] was not called, but
    /// where the kernel has no pidfd and the host ignores SIGCHLD.
    pub fn kill(&self) {
        match &self.pidfd {
            // SAFETY: takes no pointers but a null one.
            Some(fd) => unsafe {
                libc::syscall(libc::SYS_pidfd_send_signal, fd.raw(), libc::SIGKILL, 0usize, 0);
            },
            // SAFETY: takes no pointers.
            None => unsafe {
                libc::kill(self.pid, libc::SIGKILL);
            },
        }
    }

    /// Waits until it has ended, and reaps it.
    #[must_use]
    pub fn wait(self) -> Ended {
        let mut status = 0;
        let flags = if self.silent { libc::__WALL } else { 0 };
        let waited = retry(|| {
            // SAFETY: `status` is writable.
            check("waitpid", unsafe { libc::waitpid(self.pid, &raw mut status, flags) })
        });
        match waited {
            Err(_) => Ended::Unknown,
            Ok(_) if libc::WIFSIGNALED(status) => Ended::Signaled(libc::WTERMSIG(status)),
            Ok(_) => Ended::Exited(libc::WEXITSTATUS(status)),
        }
    }
}

/// `_exit`: ends the process without handlers, destructors or flushing.
pub fn exit_now(status: i32) -> ! {
    // SAFETY: `_exit` has no preconditions.
    unsafe { libc::_exit(status) }
}

/// `abort`: ends the process by SIGABRT.
pub fn abort() -> ! {
    // SAFETY: `abort` has no preconditions.
    unsafe { libc::abort() }
}

/// Process id of the caller.
#[must_use]
pub fn pid() -> i32 {
    // SAFETY: no preconditions.
    unsafe { libc::getpid() }
}

/// Process id of the parent.
#[must_use]
pub fn parent_pid() -> i32 {
    // SAFETY: no preconditions.
    unsafe { libc::getppid() }
}

/// Asks the kernel to kill this process when the thread that forked it ends,
/// and says whether that parent is still there.
#[must_use]
pub fn die_with_parent(parent: i32) -> bool {
    // SAFETY: takes integers only.
    unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
    parent_pid() == parent
}

/// `SCHED_BATCH`: from now on, when this process wakes up, it waits until a processor is free or
/// its turn comes. Where that is not allowed, nothing changes, nor where somebody has chosen
/// another class, such as `SCHED_IDLE`.
pub fn wake_up_gently() {
    // SAFETY: takes an integer.
    if unsafe { libc::sched_getscheduler(0) } != libc::SCHED_OTHER {
        return;
    }
    let param = libc::sched_param { sched_priority: 0 };
    // SAFETY: `param` is a whole record.
    unsafe { libc::sched_setscheduler(0, libc::SCHED_BATCH, &raw const param) };
}

/// Closes every descriptor but one, the standard streams, too.
pub fn close_all_but(keep: &[i32]) {
    let mut from = 0;
    while let Some(next) = keep.iter().map(|&fd| fd as u32).filter(|&fd| fd >= from).min() {
        if next > from {
            close_range(from, next - 1);
        }
        from = next.saturating_add(1);
    }
    close_range(from, u32::MAX);
}

pub(super) fn close_range(first: u32, last: u32) {
    // SAFETY: closes descriptors of a process that will not use them again.
    let done = unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) };
    if done < 0 {
        let limit = last.min(descriptor_limit());
        for fd in first..=limit {
            // SAFETY: as above.
            unsafe { libc::close(fd as i32) };
        }
    }
}

/// Descriptors that the process may have open.
#[must_use]
pub fn descriptor_limit() -> u32 {
    let mut limit = libc::rlimit { rlim_cur: 1024, rlim_max: 1024 };
    // SAFETY: `limit` is writable.
    unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) };
    u32::try_from(limit.rlim_cur).unwrap_or(65_536).min(1 << 20)
}

/// Bytes that a file of this process may have; `u64::MAX` without a limit.
#[must_use]
pub fn file_size_limit() -> u64 {
    let mut limit = libc::rlimit { rlim_cur: libc::RLIM_INFINITY, rlim_max: libc::RLIM_INFINITY };
    // SAFETY: `limit` is writable.
    unsafe { libc::getrlimit(libc::RLIMIT_FSIZE, &raw mut limit) };
    limit.rlim_cur
}

/// The signal mask of a thread.
#[derive(Clone, Copy)]
pub struct SignalMask(libc::sigset_t);

impl core::fmt::Debug for SignalMask {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("SignalMask")
    }
}

impl SignalMask {
    /// Blocks every signal for this thread and returns the mask before.
    ///
    /// # Errors
    /// [`Error::Os`].
    pub fn block_all() -> Result<Self> {
        let mut all = core::mem::MaybeUninit::<libc::sigset_t>::zeroed();
        let mut old = core::mem::MaybeUninit::<libc::sigset_t>::zeroed();
        // SAFETY: `all` has room for a set.
        unsafe { libc::sigfillset(all.as_mut_ptr()) };
        // SAFETY: both point to a set.
        let failed =
            unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), old.as_mut_ptr()) };
        if failed != 0 {
            return Err(Error::Os { call: "pthread_sigmask", errno: failed });
        }
        // SAFETY: zero-initialised and filled by the call.
        Ok(Self(unsafe { old.assume_init() }))
    }

    /// Makes this the mask of the calling thread.
    pub fn restore(&self) {
        // SAFETY: the set is initialised; a null pointer asks for no old mask.
        unsafe {
            libc::pthread_sigmask(libc::SIG_SETMASK, &raw const self.0, core::ptr::null_mut())
        };
    }

    /// Lets every signal through.
    pub fn allow_all() {
        let mut none = core::mem::MaybeUninit::<libc::sigset_t>::zeroed();
        // SAFETY: `none` has room for a set.
        unsafe { libc::sigemptyset(none.as_mut_ptr()) };
        // SAFETY: the set is initialised.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, none.as_ptr(), core::ptr::null_mut()) };
    }
}

/// Gives every signal its default action, so that no handler of the host runs
/// in a child; those that a terminal sends to the whole group are ignored: the
/// parent decides what they mean.
pub fn reset_signals() {
    for signal in 1..=64 {
        set_action(signal, libc::SIG_DFL);
    }
    for signal in [libc::SIGINT, libc::SIGQUIT, libc::SIGHUP, libc::SIGPIPE] {
        set_action(signal, libc::SIG_IGN);
    }
}

pub(super) fn set_action(signal: i32, action: usize) {
    // SAFETY: all-zero is a valid `sigaction`: no flags, an empty mask.
    let mut new: libc::sigaction = unsafe { core::mem::zeroed() };
    new.sa_sigaction = action;
    // SAFETY: `new` is initialised. Signals that have no settable action are refused harmlessly.
    unsafe { libc::sigaction(signal, &raw const new, core::ptr::null_mut()) };
}

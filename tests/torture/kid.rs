//! Children made by a bare fork: a thousand of them in the time that ten new
//! processes take. Only for helpers, which have one thread.

use core::panic::AssertUnwindSafe;
use core::sync::atomic::AtomicU64;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::os::fd::{AsRawFd, FromRawFd};
use std::panic::catch_unwind;

/// Seconds after which whatever still runs has hung.
const PATIENCE: u32 = 30;

/// One end of the conversation between a child and its parent.
pub(crate) struct Line {
    from: BufReader<File>,
    to: File,
}

impl Line {
    /// The other side's next word; `None` if it is gone.
    pub(crate) fn hear(&mut self) -> Option<String> {
        let mut line = String::new();
        let len = self.from.read_line(&mut line).unwrap_or(0);
        (len > 0).then(|| line.trim_end().to_string())
    }

    pub(crate) fn say(&mut self, word: &str) {
        let _ = self.to.write_all(format!("{word}\n").as_bytes());
    }

    /// Whether a word comes, or the end, within some milliseconds.
    pub(crate) fn is_speaking(&self, ms: i32) -> bool {
        let fd = self.from.get_ref().as_raw_fd();
        let mut poll = libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
        // SAFETY: there is room for one answer.
        unsafe { libc::poll(&raw mut poll, 1, ms) > 0 }
    }

    /// Says `word`, and waits for the answer.
    pub(crate) fn ask(&mut self, word: &str) -> String {
        self.say(word);
        self.hear().unwrap_or_default()
    }
}

/// How a child ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Exit(i32),
    Signal(i32),
}

/// A child; killed and waited for when dropped.
pub(crate) struct Kid {
    pub(crate) pid: i32,
    pub(crate) line: Line,
    waited: bool,
}

fn pipe() -> (File, File) {
    let mut ends = [0; 2];
    // SAFETY: there is room for two descriptors.
    assert_eq!(unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) }, 0);
    // SAFETY: just opened, and owned by nobody else.
    ends.map(|end| unsafe { File::from_raw_fd(end) }).into()
}

impl Kid {
    /// Forks; the child runs `body` and leaves without running anything else.
    pub(crate) fn start(body: impl FnOnce(&mut Line)) -> Self {
        let (down, up) = (pipe(), pipe());
        let parent = std::process::id();
        // SAFETY: the helper has no other thread whose locks could be left taken.
        let pid = unsafe { libc::fork() };
        assert!(pid >= 0, "{}", std::io::Error::last_os_error());
        if pid > 0 {
            let line = Line { from: BufReader::new(up.0), to: down.1 };
            return Self { pid, line, waited: false };
        }
        drop((up.0, down.1));
        die_with(parent);
        let mut line = Line { from: BufReader::new(down.0), to: up.1 };
        let result = catch_unwind(AssertUnwindSafe(|| body(&mut line)));
        // SAFETY: ends the process without running anything.
        unsafe { libc::_exit(if result.is_ok() { 0 } else { 101 }) }
    }

    /// Runs `body` in a child to its end.
    pub(crate) fn run(body: impl FnOnce(&mut Line)) {
        assert_eq!(Self::start(body).end(), End::Exit(0));
    }

    /// Runs `body` in a child; what it answers.
    pub(crate) fn tell(body: impl FnOnce() -> String) -> String {
        let mut kid = Self::start(|line| line.say(&body()));
        let answer = kid.line.hear().unwrap_or_default();
        assert_eq!(kid.end(), End::Exit(0));
        answer
    }

    pub(crate) fn signal(&self, signal: i32) {
        // SAFETY: sends a signal to a child that has not been waited for.
        unsafe { libc::kill(self.pid, signal) };
    }

    /// Waits until it stops; `false` if it ended instead.
    pub(crate) fn stops(&mut self) -> bool {
        let mut status = 0;
        // SAFETY: `status` has room for the answer.
        let got = unsafe { libc::waitpid(self.pid, &raw mut status, libc::WUNTRACED) };
        assert_eq!(got, self.pid);
        self.waited = !libc::WIFSTOPPED(status);
        libc::WIFSTOPPED(status)
    }

    /// Waits for its end.
    pub(crate) fn end(mut self) -> End {
        self.wait()
    }

    /// How it ended, if it has.
    pub(crate) fn ended(&mut self) -> Option<End> {
        let mut status = 0;
        // SAFETY: `status` has room for the answer.
        let got = unsafe { libc::waitpid(self.pid, &raw mut status, libc::WNOHANG) };
        self.waited |= got == self.pid;
        self.waited.then(|| end(status))
    }

    pub(crate) fn kill(self) {
        self.signal(libc::SIGKILL);
        self.end();
    }

    fn wait(&mut self) -> End {
        let mut status = 0;
        // SAFETY: `status` has room for the answer.
        let got = unsafe { libc::waitpid(self.pid, &raw mut status, 0) };
        assert_eq!(got, self.pid);
        self.waited = true;
        end(status)
    }
}

fn end(status: i32) -> End {
    if libc::WIFSIGNALED(status) {
        End::Signal(libc::WTERMSIG(status))
    } else {
        End::Exit(libc::WEXITSTATUS(status))
    }
}

impl Drop for Kid {
    fn drop(&mut self) {
        if !self.waited {
            self.signal(libc::SIGKILL);
            self.wait();
        }
    }
}

/// Ends this process with its parent, and when it has hung.
fn die_with(parent: u32) {
    // SAFETY: takes no pointers.
    unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
    // From another namespace it cannot be seen.
    assert!([parent, 0].contains(&std::os::unix::process::parent_id()));
    alarm(PATIENCE);
}

/// From now on this process may outlive its parent.
pub(crate) fn outlive() {
    // SAFETY: takes no pointers.
    unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, 0) };
}

/// In `seconds` this process is killed, unless it asks again.
pub(crate) fn alarm(seconds: u32) {
    // SAFETY: takes no pointers.
    unsafe { libc::alarm(seconds) };
}

/// Words that this process and all its later children share.
pub(crate) fn shared_words(count: usize) -> &'static [AtomicU64] {
    let (prot, flags) =
        (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED | libc::MAP_ANONYMOUS);
    // SAFETY: a new mapping at an address of the kernel's choice.
    let at = unsafe { libc::mmap(core::ptr::null_mut(), count * 8, prot, flags, -1, 0) };
    assert_ne!(at, libc::MAP_FAILED);
    // SAFETY: mapped, zeroed, aligned, and never unmapped.
    unsafe { core::slice::from_raw_parts(at.cast(), count) }
}

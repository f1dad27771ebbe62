//! What the tests of the command share: running it, disturbing it, and looking
//! at what it leaves behind. Waiting is polling for a condition; no test depends
//! on how long something takes.

#![allow(dead_code, reason = "not every test file uses all of it")]
#![allow(unsafe_code, reason = "signals are sent by libc")]
#![allow(clippy::unwrap_used, reason = "a helper that cannot go on fails its test")]

mod skip;

pub(crate) use skip::{skipped, skipped_by_script};

use core::ops::RangeInclusive;
use core::sync::atomic::{AtomicU32, Ordering};
use core::time::Duration;
use std::fs;
use std::io::Read;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::Instant;

use tempfile::TempDir;

/// The command under test.
pub(crate) const NDSHM: &str = env!("CARGO_BIN_EXE_ndshm");

/// A user who owns nothing.
pub(crate) const NOBODY: u32 = 65_534;

/// After this long something will never happen.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until `found` finds something.
#[track_caller]
pub(crate) fn poll<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let begin = Instant::now();
    loop {
        if let Some(value) = found() {
            return value;
        }
        assert!(begin.elapsed() < PATIENCE, "waited in vain for {what}");
        sleep(Duration::from_millis(2));
    }
}

/// Waits until a condition holds.
#[track_caller]
pub(crate) fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    poll(what, || holds().then_some(()));
}

/// Text made of so many pieces.
pub(crate) fn joined(count: usize, piece: impl Fn(usize) -> String) -> String {
    (0..count).map(piece).collect()
}

/// `ndshm` with nothing on standard input and no setting from outside.
pub(crate) fn ndshm<A: AsRef<std::ffi::OsStr>>(args: impl IntoIterator<Item = A>) -> Command {
    let mut command = Command::new(NDSHM);
    command.args(args).env_remove("NDSHM_PIECE_BYTES").stdin(Stdio::null());
    command
}

/// Runs a command to its end.
#[track_caller]
pub(crate) fn run(command: &mut Command) -> Ran {
    Running::start(command).wait()
}

/// What a command that ended has said.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    /// It succeeded, and complained about nothing.
    #[track_caller]
    pub(crate) fn ok(self) -> Self {
        assert!(self.status.success() && self.stderr.is_empty(), "{self:?}");
        self
    }

    /// It failed with status 1 and one message that has all these words, maybe with the line
    /// of the input below it.
    #[track_caller]
    pub(crate) fn refused(self, words: &[&str]) -> Self {
        self.failed(1, 1..=3, words)
    }

    /// As [`refused`](Self::refused), with the dtype and a caret below the message.
    #[track_caller]
    pub(crate) fn refused_with_caret(self, words: &[&str]) -> Self {
        let ran = self.failed(1, 3..=3, words);
        let caret = ran.stderr.lines().last().unwrap();
        assert_eq!(caret.trim_start(), "^", "{ran:?}");
        ran
    }

    /// It was interrupted, and says that and nothing else.
    #[track_caller]
    pub(crate) fn interrupted(self) -> Self {
        self.failed(130, 1..=1, &["interrupted"])
    }

    #[track_caller]
    fn failed(self, status: i32, lines: RangeInclusive<usize>, words: &[&str]) -> Self {
        assert_eq!(self.status.code(), Some(status), "{self:?}");
        assert_eq!(self.stdout, "", "{self:?}");
        let message = self.stderr.strip_suffix('\n').unwrap_or_default();
        assert!(message.starts_with("ndshm: "), "{self:?}");
        assert!(lines.contains(&message.lines().count()), "{self:?}");
        assert!(message.lines().skip(1).all(|line| line.starts_with("  ")), "{self:?}");
        let first = message.lines().next().unwrap_or_default();
        assert!(!first.ends_with(['.', ':', ' ']), "{self:?}");
        assert!(!message.contains("panicked"), "{self:?}");
        for word in words {
            assert!(message.contains(word), "{word:?} is not in {self:?}");
        }
        self
    }
}

/// A command that runs in a process group of its own; killed when dropped.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    stdout: Option<JoinHandle<String>>,
    stderr: Option<JoinHandle<String>>,
}

impl Running {
    pub(crate) fn start(command: &mut Command) -> Self {
        command.process_group(0).stdout(Stdio::piped()).stderr(Stdio::piped());
        // SAFETY: calls nothing but `signal`, which is async-signal-safe.
        unsafe { command.pre_exec(default_signals) };
        let mut child = command.spawn().unwrap();
        let stdout = child.stdout.take().map(|pipe| spawn(|| read_all(pipe)));
        let stderr = child.stderr.take().map(|pipe| spawn(|| read_all(pipe)));
        Self { child, stdout, stderr }
    }

    pub(crate) fn pid(&self) -> i32 {
        self.child.id().cast_signed()
    }

    /// Its children, in the order of their birth.
    pub(crate) fn children(&self) -> Vec<i32> {
        let Ok(threads) = fs::read_dir(format!("/proc/{}/task", self.pid())) else { return vec![] };
        let lists =
            threads.flatten().map(|thread| fs::read_to_string(thread.path().join("children")));
        let text = lists.map(Result::unwrap_or_default).collect::<String>();
        text.split_whitespace().map(|pid| pid.parse().unwrap()).collect()
    }

    /// Waits until it has forked `count` workers.
    #[track_caller]
    pub(crate) fn workers(&self, count: usize) -> Vec<i32> {
        poll("the workers", || Some(self.children()).filter(|list| list.len() == count))
    }

    pub(crate) fn signal(&self, signal: i32) {
        send(self.pid(), signal);
    }

    /// Signals every process of the group, as a terminal does.
    pub(crate) fn signal_group(&self, signal: i32) {
        send(-self.pid(), signal);
    }

    /// Waits for its end. Nobody may keep its output open after that.
    #[track_caller]
    pub(crate) fn wait(mut self) -> Ran {
        let status = poll("the command's end", || self.child.try_wait().unwrap());
        let (stdout, stderr) = (self.stdout.take(), self.stderr.take());
        let text = |pipe: Option<JoinHandle<String>>| {
            let pipe = pipe.unwrap();
            eventually("the end of its output", || pipe.is_finished());
            pipe.join().unwrap()
        };
        Ran { status, stdout: text(stdout), stderr: text(stderr) }
    }

    /// `kill -9`, and waits for its end.
    #[track_caller]
    pub(crate) fn kill(self) {
        self.signal(libc::SIGKILL);
        let ran = self.wait();
        assert_eq!(ran.status.signal(), Some(libc::SIGKILL), "it ended before: {ran:?}");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A shell starts background jobs with SIGINT ignored, and that is inherited.
#[allow(clippy::unnecessary_wraps, reason = "what `pre_exec` takes")]
fn default_signals() -> std::io::Result<()> {
    for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
        // SAFETY: sets no handler.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
    Ok(())
}

fn read_all(mut pipe: impl Read) -> String {
    let mut bytes = Vec::new();
    pipe.read_to_end(&mut bytes).unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Sends a signal to a process, or to a group if negative.
pub(crate) fn send(pid: i32, signal: i32) {
    assert_ne!(pid.abs(), 1);
    // SAFETY: takes integers only.
    unsafe { libc::kill(pid, signal) };
}

/// State of a process as the kernel's letter for it; none if it is gone.
fn state(pid: i32) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.chars().next()
}

/// Whether a process has ended; nobody may have waited for it yet.
pub(crate) fn is_dead(pid: i32) -> bool {
    matches!(state(pid), None | Some('Z' | 'X'))
}

/// Whether a worker has set itself up: it has closed what it does not need, and
/// sleeps until there is something to do.
pub(crate) fn is_settled(pid: i32) -> bool {
    let stderr = fs::symlink_metadata(format!("/proc/{pid}/fd/2"));
    stderr.is_err() && state(pid) == Some('S')
}

/// Whether a process has been stopped.
pub(crate) fn is_stopped(pid: i32) -> bool {
    state(pid) == Some('T')
}

/// Stops processes where they are.
#[track_caller]
pub(crate) fn stop(pids: &[i32]) {
    for &pid in pids {
        send(pid, libc::SIGSTOP);
        eventually("a process to stop", || is_stopped(pid) || is_dead(pid));
    }
}

pub(crate) fn is_root() -> bool {
    // SAFETY: has no preconditions.
    unsafe { libc::geteuid() == 0 }
}

/// A folder that goes at the end of the test.
#[derive(Debug)]
pub(crate) struct Folder(TempDir);

impl Folder {
    /// Beside the build's output, which is on a disk.
    pub(crate) fn new() -> Self {
        Self(TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap())
    }

    /// A folder that every user may enter.
    pub(crate) fn open_to_all() -> Self {
        let folder = TempDir::new().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        Self(folder)
    }

    pub(crate) fn root(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, content).unwrap();
        path
    }

    /// Everything in it, hidden files too, sorted.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.root()).unwrap();
        let mut names: Vec<_> =
            entries.map(|e| e.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    /// The temporary file of a run to `target`, if it is there.
    pub(crate) fn temporary(&self, target: &str) -> Option<PathBuf> {
        let prefix = format!(".{target}.");
        let is_it = |name: &String| name.starts_with(&prefix) && name.ends_with(".ndshm-tmp");
        self.names().into_iter().find(is_it).map(|name| self.path(&name))
    }

    /// Whether the temporary file of a run to `target` is there.
    pub(crate) fn has_temporary(&self, target: &str) -> bool {
        self.temporary(target).is_some()
    }
}

/// A file as it is now, to be compared with itself later.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Snapshot {
    inode: u64,
    mode: u32,
    modified: (i64, i64),
    bytes: Vec<u8>,
}

impl Snapshot {
    pub(crate) fn of(path: &Path) -> Self {
        let data = fs::metadata(path).unwrap();
        Self {
            inode: data.ino(),
            mode: data.mode(),
            modified: (data.mtime(), data.mtime_nsec()),
            bytes: fs::read(path).unwrap(),
        }
    }
}

/// Name of a segment that nobody else has; removed at the end of the test.
#[derive(Debug)]
pub(crate) struct SegmentName(pub(crate) String);

impl SegmentName {
    pub(crate) fn new(what: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        Self(format!("cli.{what}.{}.{n}", std::process::id()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn file(&self) -> PathBuf {
        Path::new("/dev/shm").join(format!("ndshm.{}", self.0))
    }

    /// Whether anything in shared memory has this name as a part of its own.
    pub(crate) fn has_left_something(&self) -> bool {
        let entries = fs::read_dir("/dev/shm").unwrap();
        // Behind its number is no digit more: that is another one, of a test that runs beside.
        entries.flatten().any(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            let behind = name.split_once(self.0.as_str()).map(|(_, rest)| rest);
            behind.is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_digit()))
        })
    }
}

impl Drop for SegmentName {
    fn drop(&mut self) {
        let _ = fs::remove_file(self.file());
    }
}

/// Locks that anybody has on a file; none if they cannot be seen here.
pub(crate) fn locks_on(path: &Path) -> Option<usize> {
    let Ok(file) = fs::metadata(path) else { return Some(0) };
    let (major, minor) = (libc::major(file.dev()), libc::minor(file.dev()));
    let place = format!(" {major:02x}:{minor:02x}:{} ", file.ino());
    let locks = fs::read_to_string("/proc/locks").ok()?;
    Some(locks.lines().filter(|line| line.contains(&place)).count())
}

/// A file of `tests/data`.
pub(crate) fn data(name: &str) -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data")).join(name)
}

/// The elements of an array that NumPy has saved.
pub(crate) fn numpy_bytes(name: &str) -> Vec<u8> {
    let file = fs::read(data(name)).unwrap();
    assert!(file.starts_with(b"\x93NUMPY\x01\x00"), "{name}");
    let header = usize::from(u16::from_le_bytes([file[8], file[9]]));
    file[10 + header..].to_vec()
}

/// Python with NumPy and h5py, if `NDSHM_PYTHON` says where it is.
pub(crate) fn python() -> Option<Command> {
    let named = std::env::var_os("NDSHM_PYTHON").filter(|path| !path.is_empty());
    let found = named.map(Command::new);
    if found.is_none() {
        skipped("files read by h5py", "NDSHM_PYTHON names no Python with NumPy and h5py");
    }
    found
}

/// Runs `tests/h5/check_output.py`, if there is a Python; it must find no fault.
#[track_caller]
pub(crate) fn check_output<A: AsRef<std::ffi::OsStr>>(args: impl IntoIterator<Item = A>) {
    let Some(mut python) = python() else { return };
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/h5/check_output.py");
    let ran = run(python.arg(script).args(args));
    skipped_by_script(&ran.stdout);
    assert!(ran.status.success(), "{}{}", ran.stdout, ran.stderr);
}

/// What `h5dump` prints; none if it is not installed.
#[track_caller]
pub(crate) fn h5dump(args: &[&str], file: &Path) -> Option<String> {
    if Command::new("h5dump").arg("--version").output().is_err() {
        skipped("files read by h5dump", "it is not installed");
        return None;
    }
    Some(run(Command::new("h5dump").args(args).arg(file)).ok().stdout)
}

/// Runs a shell script in mount namespaces of its own, where it may mount what
/// it likes; none if that is not permitted here.
pub(crate) fn with_private_mounts(script: &str, args: &[&Path]) -> Option<Ran> {
    let unshare = |flags: &str, script: &str| {
        let mut command = Command::new("unshare");
        command.args([flags, "sh", "-c", script, "sh"]).env_remove("NDSHM_PIECE_BYTES");
        command
    };
    let mounts = |flags: &&&str| {
        let probe = unshare(flags, "mount -t tmpfs tmpfs /dev/shm").output();
        probe.is_ok_and(|output| output.status.success())
    };
    let ways: &[&str] = if is_root() { &["-m", "-rm"] } else { &["-rm"] };
    let Some(flags) = ways.iter().find(mounts) else {
        skipped("file systems of their own", "nothing can be mounted here, even in a namespace");
        return None;
    };
    Some(run(unshare(flags, script).arg(NDSHM).args(args)))
}

//! Helper processes: the test's executable again, told by `NDSHM_TEST_ROLE`
//! what to be. They answer in lines that begin with `@`, and go on when they
//! get a line.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::RwLock;

use ndshm::error::Error;
use ndshm::segment::{Draft, Name, Segment, Spec, Via};

use super::float64;
use super::skip::skipped;

/// A helper process; killed when dropped.
pub(crate) struct Helper {
    pub(crate) child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
}

impl Helper {
    pub(crate) fn start(role: &str) -> Self {
        Self::spawn(Command::new(std::env::current_exe().unwrap()).args(ARGS), role)
    }

    /// A helper that has a `/dev/shm` of its own of `size`; `None` if that is
    /// not permitted here.
    pub(crate) fn start_in_private_shm(role: &str, size: &str) -> Option<Self> {
        let script = format!("mount -t tmpfs -o size={size} tmpfs /dev/shm && exec \"$@\"");
        let mut command = Command::new("unshare");
        command.args(["-rm", "sh", "-c", &script, "sh"]);
        let mut helper =
            Self::spawn(command.arg(std::env::current_exe().unwrap()).args(ARGS), role);
        if helper.hears("begin") {
            return Some(helper);
        }
        skipped("a /dev/shm of its own", "none can be mounted here");
        None
    }

    /// Runs a helper that has a `/dev/shm` of its own to its end, if that is permitted here.
    pub(crate) fn run_in_private_shm(role: &str, size: &str) {
        let Some(mut helper) = Self::start_in_private_shm(role, size) else { return };
        helper.go();
        helper.expect("done");
        helper.end();
    }

    fn spawn(command: &mut Command, role: &str) -> Self {
        Self::try_spawn(command, role).unwrap()
    }

    /// Starts `command` as a helper; `None` if it cannot be started.
    pub(crate) fn try_spawn(command: &mut Command, role: &str) -> Option<Self> {
        let command = command.env("NDSHM_TEST_ROLE", role);
        let starting = STARTING.write().unwrap();
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().ok()?;
        drop(starting);
        let stdout = BufReader::new(child.stdout.take().unwrap());
        Some(Self { stdin: child.stdin.take(), stdout, child })
    }

    /// Its next answer; `None` if it ended.
    pub(crate) fn answer(&mut self) -> Option<String> {
        let mut line = String::new();
        while self.stdout.read_line(&mut line).unwrap() > 0 {
            if let Some(answer) = line.trim_end().split_once('@') {
                return Some(answer.1.to_string());
            }
            line.clear();
        }
        None
    }

    pub(crate) fn hears(&mut self, answer: &str) -> bool {
        self.answer().as_deref() == Some(answer)
    }

    pub(crate) fn expect(&mut self, answer: &str) {
        assert_eq!(self.answer().as_deref(), Some(answer));
    }

    pub(crate) fn go(&mut self) {
        assert!(self.goes(), "it ended before");
    }

    /// As `go`; false if it has ended before.
    pub(crate) fn goes(&mut self) -> bool {
        writeln!(self.stdin.as_ref().unwrap()).is_ok()
    }

    /// Sends it a line.
    pub(crate) fn tell(&mut self, line: &str) {
        writeln!(self.stdin.as_ref().unwrap(), "{line}").unwrap();
    }

    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub(crate) fn end(mut self) {
        drop(self.stdin.take());
        assert!(self.child.wait().unwrap().success());
    }

    pub(crate) fn signal(&self, signal: i32) {
        // SAFETY: sends a signal to a child that has not been waited for.
        unsafe { libc::kill(self.child.id().cast_signed(), signal) };
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Arguments that make this executable run the test `helper` alone.
pub(crate) const ARGS: [&str; 4] = ["--exact", "helper", "--nocapture", "--test-threads=1"];

pub(crate) fn say(answer: &str) {
    println!("@{answer}");
    std::io::stdout().flush().unwrap();
}

/// Waits for a line; a test that is gone ends the helper.
pub(crate) fn pause(answer: &str) {
    say(answer);
    let mut line = String::new();
    if std::io::stdin().read_line(&mut line).unwrap() == 0 {
        std::process::exit(0);
    }
}

pub(crate) fn via(text: &str) -> Via {
    if text == "named" { Via::ShmOpen } else { Via::Auto }
}

/// Held for writing while a process starts: until its exec it has copies of
/// all descriptors here, and with them the locks of segments being made.
pub(crate) static STARTING: RwLock<()> = RwLock::new(());

/// Makes the segment and detaches it.
pub(crate) fn create(name: &Name) -> Result<(), Error> {
    let _quiet = STARTING.read().unwrap();
    let dtype = float64();
    Ok(Draft::create(name, &Spec::new(dtype.as_dtype(), &[2]))?.publish().map(Segment::detach)?)
}

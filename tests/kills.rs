//! Interrupts and kills, of the command and of its workers, in the middle of the
//! work: nothing lost, nothing left behind.

#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, reason = "helpers of tests, too")]

mod common;

use std::fs;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use common::{
    Folder, Running, SegmentName, Snapshot, eventually, is_dead, is_settled, is_stopped, joined,
    locks_on, ndshm, poll, run, send, stop,
};

/// An input that takes minutes in pieces of one byte.
const ENDLESS: usize = 2_000_000;

/// A job on an endless input that is under way: its workers are there.
struct Job {
    folder: Folder,
    name: SegmentName,
    running: Running,
    workers: Vec<i32>,
    before: Option<Snapshot>,
}

/// Workers asked for, and those that wait for one to die.
const WORKERS: usize = 2;
const SPARES: usize = 2;

impl Job {
    fn start(what: &str, there: bool) -> Self {
        let folder = Folder::new();
        folder.write("in.txt", "1 2\n".repeat(ENDLESS / 4));
        let name = SegmentName::new(what);
        let before = there.then(|| Snapshot::of(&folder.write("x.h5", "precious")));
        let mut command = ndshm([what, "-t", "f8", "-j", &WORKERS.to_string(), "in.txt"]);
        match what {
            "convert" => command.args(["-o", "x.h5"]).args(there.then_some("--force")),
            _ => command.args(["-n", name.as_str()]),
        };
        command.env("NDSHM_PIECE_BYTES", "1").current_dir(folder.root());
        let running = Running::start(&mut command);
        let workers = running.workers(WORKERS + SPARES);
        if what == "convert" {
            eventually("the temporary file", || folder.has_temporary("x.h5"));
        }
        Self { folder, name, running, workers, before }
    }

    /// Everything is as it was before, and no process is left.
    #[track_caller]
    fn left_nothing(
        folder: &Folder,
        name: &SegmentName,
        workers: &[i32],
        before: Option<&Snapshot>,
    ) {
        for &worker in workers {
            eventually("a worker's end", || is_dead(worker));
        }
        assert!(!name.has_left_something());
        let target = folder.path("x.h5");
        assert_eq!(target.exists().then(|| Snapshot::of(&target)).as_ref(), before);
        let expected: &[_] = if before.is_some() { &["in.txt", "x.h5"] } else { &["in.txt"] };
        assert_eq!(folder.names(), expected);
    }

    /// Ends it by `signal`; it must be interrupted without a trace.
    fn interrupt(self, signal: impl Fn(&Running)) {
        let Self { folder, name, running, workers, before } = self;
        signal(&running);
        let ran = running.wait().interrupted();
        assert!(!ran.stderr.contains("died"), "{ran:?}");
        Self::left_nothing(&folder, &name, &workers, before.as_ref());
    }
}

#[test]
fn an_interrupt_of_the_whole_group_is_a_clean_end() {
    for signal in [libc::SIGINT, libc::SIGHUP, libc::SIGTERM] {
        for (what, there) in [("convert", false), ("convert", true), ("load", false)] {
            Job::start(what, there).interrupt(|job| job.signal_group(signal));
        }
    }
}

#[test]
fn a_signal_to_the_command_alone_is_a_clean_end() {
    for signal in [libc::SIGINT, libc::SIGTERM] {
        for (what, there) in [("convert", true), ("load", false)] {
            Job::start(what, there).interrupt(|job| job.signal(signal));
        }
    }
}

#[test]
fn an_interrupt_counts_though_the_workers_are_stopped() {
    let job = Job::start("convert", true);
    stop(&job.workers);
    job.interrupt(|running| running.signal(libc::SIGINT));
}

/// Ctrl-C while the workers are being forked.
#[test]
fn an_interrupt_counts_while_workers_are_forked() {
    let folder = Folder::new();
    folder.write("in.txt", "1 2\n".repeat(ENDLESS / 4));
    for _ in 0..5 {
        let mut command = ndshm(["convert", "-t", "f8", "-j", "64", "in.txt", "-o", "x.h5"]);
        command.env("NDSHM_PIECE_BYTES", "1").current_dir(folder.root());
        let running = Running::start(&mut command);
        eventually("the first worker", || !running.children().is_empty());
        running.signal_group(libc::SIGINT);
        running.wait().interrupted();
        assert_eq!(folder.names(), ["in.txt"]);
    }
}

/// An input and what becomes of it undisturbed.
struct Disturbed {
    folder: Folder,
    expected: Vec<u8>,
}

impl Disturbed {
    fn new() -> Self {
        let folder = Folder::new();
        let lines = joined(12_000, |i| format!("{i} {}\n", i % 7));
        folder.write("in.txt", lines);
        run(&mut Self::command(&folder, "expected.h5", 2)).ok();
        let expected = fs::read(folder.path("expected.h5")).unwrap();
        Self { folder, expected }
    }

    fn command(folder: &Folder, output: &str, workers: usize) -> Command {
        let workers = workers.to_string();
        let mut command = ndshm(["convert", "-t", "f8", "--quiet", "--concat", "all", "in.txt"]);
        // A stream has no name of a file.
        command.arg("--no-provenance");
        command.args(["-o", output, "-j", &workers]).current_dir(folder.root());
        command
    }

    /// A run in so many pieces that it does not end before it is disturbed.
    fn start(&self, workers: usize) -> (Running, Vec<i32>) {
        let mut command = Self::command(&self.folder, "x.h5", workers);
        let running = Running::start(command.env("NDSHM_PIECE_BYTES", "2"));
        let pids = running.workers(workers + SPARES);
        (running, pids)
    }

    #[track_caller]
    fn is_unharmed(&self, running: Running) {
        running.wait().ok();
        assert!(fs::read(self.folder.path("x.h5")).unwrap() == self.expected);
        assert_eq!(self.folder.names(), ["expected.h5", "in.txt", "x.h5"]);
        fs::remove_file(self.folder.path("x.h5")).unwrap();
    }

    /// It failed; its temporary file is gone.
    #[track_caller]
    fn is_refused(&self, running: Running, words: &[&str]) {
        running.wait().refused(words);
        assert_eq!(self.folder.names(), ["expected.h5", "in.txt"]);
    }
}

/// A stopped worker keeps its pieces, so the run cannot end before it is killed.
#[test]
fn a_worker_that_is_killed_costs_nothing() {
    let disturbed = Disturbed::new();
    for victim in 0..2 {
        let (running, pids) = disturbed.start(2);
        stop(&[pids[victim]]);
        send(pids[victim], libc::SIGKILL);
        disturbed.is_unharmed(running);
    }
    // Both at once: the spares do their work.
    let (running, pids) = disturbed.start(2);
    stop(&pids[..2]);
    send(pids[0], libc::SIGKILL);
    send(pids[1], libc::SIGKILL);
    disturbed.is_unharmed(running);
}

/// Its pieces are in the ring until they are committed: nobody can read them again.
#[test]
fn a_worker_that_is_killed_costs_nothing_of_a_stream() {
    let disturbed = Disturbed::new();
    let text = fs::read(disturbed.folder.path("in.txt")).unwrap();
    for victims in [&[0][..], &[1], &[0, 1]] {
        let mut command = ndshm(["convert", "-t", "f8", "--quiet", "--concat", "all", "-"]);
        command.arg("--no-provenance");
        command.args(["-o", "x.h5", "-j", "2"]).current_dir(disturbed.folder.root());
        let (reader, mut writer) = std::io::pipe().unwrap();
        let running = Running::start(command.env("NDSHM_PIECE_BYTES", "20").stdin(reader));
        drop(command);
        let pids = running.workers(2 + SPARES);
        // Half of the text is with the workers, or was.
        let (half, rest) = text.split_at(text.len() / 2);
        writer.write_all(half).unwrap();
        let chosen: Vec<i32> = victims.iter().map(|&victim| pids[victim]).collect();
        stop(&chosen);
        writer.write_all(&rest[..100]).unwrap();
        for &pid in &chosen {
            send(pid, libc::SIGKILL);
        }
        writer.write_all(&rest[100..]).unwrap();
        drop(writer);
        disturbed.is_unharmed(running);
    }
}

#[test]
fn an_interrupt_counts_while_a_stream_has_nothing() {
    let folder = Folder::new();
    let fifo = folder.path("fifo");
    run(Command::new("mkfifo").arg(&fifo)).ok();
    let (reader, mut writer) = std::io::pipe().unwrap();
    writer.write_all(b"1 2\n3").unwrap();
    let mut reader = Some(reader);
    for input in ["-", "fifo"] {
        let mut command = ndshm(["convert", "-t", "f8", "-j", "2", "-o", "x.h5", input]);
        command.current_dir(folder.root());
        if let Some(reader) = reader.take() {
            command.stdin(reader);
        }
        let running = Running::start(&mut command);
        let workers = running.workers(WORKERS + SPARES);
        eventually("the temporary file", || folder.has_temporary("x.h5"));
        running.signal(libc::SIGINT);
        running.wait().interrupted();
        for worker in workers {
            eventually("a worker's end", || is_dead(worker));
        }
        assert_eq!(folder.names(), ["fifo"]);
    }
}

#[test]
fn a_spare_that_is_killed_costs_nothing() {
    let disturbed = Disturbed::new();
    let (running, pids) = disturbed.start(2);
    stop(&pids[..1]);
    send(pids[3], libc::SIGKILL);
    eventually("the spare's end", || is_dead(pids[3]));
    send(pids[0], libc::SIGKILL);
    disturbed.is_unharmed(running);
}

/// The whole group gets these from a terminal; the command decides what they mean.
#[test]
fn workers_do_not_mind_what_a_terminal_sends() {
    let disturbed = Disturbed::new();
    let (running, pids) = disturbed.start(2);
    for signal in [libc::SIGINT, libc::SIGHUP, libc::SIGQUIT] {
        for &pid in &pids {
            send(pid, signal);
        }
    }
    stop(&pids);
    assert!(!pids.iter().any(|&pid| is_dead(pid)));
    for &pid in &pids {
        send(pid, libc::SIGCONT);
    }
    disturbed.is_unharmed(running);
}

/// Ctrl-Z, and on again.
#[test]
fn a_run_that_is_suspended_goes_on() {
    let disturbed = Disturbed::new();
    let (running, pids) = disturbed.start(2);
    running.signal_group(libc::SIGTSTP);
    for pid in [&[running.pid()], &pids[..]].concat() {
        eventually("everybody to stop", || is_stopped(pid));
    }
    running.signal_group(libc::SIGCONT);
    disturbed.is_unharmed(running);
}

/// Some die by a signal that a crash sends.
#[test]
fn a_worker_that_crashes_costs_nothing() {
    let disturbed = Disturbed::new();
    let (running, pids) = disturbed.start(2);
    stop(&pids[1..2]);
    send(pids[1], libc::SIGSEGV);
    send(pids[1], libc::SIGCONT);
    disturbed.is_unharmed(running);
}

#[test]
fn a_piece_that_kills_twice_is_an_error_with_its_place() {
    let disturbed = Disturbed::new();
    let (running, pids) = disturbed.start(1);
    stop(&pids);
    // The spare forked last takes the place of the worker, and its piece.
    send(pids[0], libc::SIGKILL);
    eventually("the worker to be replaced", || !running.children().contains(&pids[0]));
    send(pids[2], libc::SIGKILL);
    disturbed.is_refused(running, &["in.txt: a worker died twice (signal 9)", "reading bytes "]);
    eventually("the last one's end", || is_dead(pids[1]));
}

#[test]
fn a_run_without_workers_ends() {
    let disturbed = Disturbed::new();
    let (running, pids) = disturbed.start(1);
    stop(&pids[..1]);
    for &pid in &pids[1..] {
        send(pid, libc::SIGKILL);
        eventually("a spare's end", || is_dead(pid));
    }
    send(pids[0], libc::SIGKILL);
    disturbed.is_refused(running, &["every worker process died"]);
}

#[test]
fn a_killed_run_is_swept_by_the_next_one() {
    for there in [false, true] {
        let Job { folder, name, running, workers, before } = Job::start("convert", there);
        running.kill();
        for worker in workers {
            eventually("a worker to follow the command", || is_dead(worker));
        }
        let target = folder.path("x.h5");
        assert_eq!(target.exists().then(|| Snapshot::of(&target)), before);
        assert!(folder.has_temporary("x.h5"));
        // A run that fails before it writes anything leaves it to the next one.
        folder.write("small.txt", "1 2\n");
        let other = ["convert", "-t", "f8", "small.txt", "-o", "y.h5", "-q"];
        run(ndshm(other).current_dir(folder.root())).ok();
        assert!(folder.has_temporary("x.h5"), "a run to another target has swept");
        let next = ["convert", "-t", "f8", "small.txt", "-o", "x.h5", "-q", "--force"];
        run(ndshm(next).current_dir(folder.root())).ok();
        assert_eq!(folder.names(), ["in.txt", "small.txt", "x.h5", "y.h5"]);
        assert!(!name.has_left_something());
    }
}

/// Even a worker that is stopped, and hears nothing, goes with the command.
#[test]
fn stopped_workers_die_with_the_command() {
    let Job { folder: _folder, running, workers, .. } = Job::start("convert", false);
    // The kernel wakes the stopped of a group that nobody outside looks after: keep a
    // process in it that this one looks after.
    let mut member = Command::new("cat");
    member.process_group(running.pid()).stdin(Stdio::piped());
    let mut member = member.spawn().unwrap();
    for &worker in &workers {
        eventually("a worker to set itself up", || is_settled(worker));
    }
    stop(&workers);
    running.kill();
    for worker in workers {
        eventually("a stopped worker's end", || is_dead(worker));
    }
    drop(member.stdin.take());
    assert!(member.wait().unwrap().success());
}

#[test]
fn a_killed_load_leaves_nothing() {
    let Job { folder, name, running, workers, .. } = Job::start("load", false);
    running.kill();
    Job::left_nothing(&folder, &name, &workers, None);
    folder.write("small.txt", "1 2\n");
    let again = ["load", "-t", "f8", "small.txt", "-q", "-n", name.as_str()];
    run(ndshm(again).current_dir(folder.root())).ok();
    assert!(name.file().exists());
}

#[test]
fn an_input_that_becomes_shorter_is_an_error() {
    let Job { folder, running, .. } = Job::start("convert", true);
    fs::OpenOptions::new().write(true).open(folder.path("in.txt")).unwrap().set_len(4).unwrap();
    running.wait().refused(&["in.txt: changed while it was read"]);
    assert_eq!(folder.names(), ["in.txt", "x.h5"]);
}

/// What happens to the output while a run goes on.
#[test]
fn a_file_that_appears_meanwhile_is_not_replaced() {
    let disturbed = Disturbed::new();
    let (running, pids) = disturbed.start(1);
    stop(&pids[..1]);
    let there = disturbed.folder.write("x.h5", "precious");
    let before = Snapshot::of(&there);
    send(pids[0], libc::SIGCONT);
    running.wait().refused(&["x.h5: file exists"]);
    assert_eq!(Snapshot::of(&there), before);
    assert_eq!(disturbed.folder.names(), ["expected.h5", "in.txt", "x.h5"]);
}

#[test]
fn a_temporary_file_that_is_removed_is_an_error() {
    let disturbed = Disturbed::new();
    let (running, pids) = disturbed.start(1);
    // HDF5 creates one before it, which nobody locks.
    let temporary = poll("a locked temporary file", || {
        disturbed.folder.temporary("x.h5").filter(|path| locks_on(path) != Some(0))
    });
    stop(&pids[..1]);
    fs::remove_file(temporary).unwrap();
    send(pids[0], libc::SIGCONT);
    disturbed.is_refused(running, &["ndshm-tmp: ", "removed"]);
}

#[test]
fn a_segment_that_appears_meanwhile_is_not_replaced() {
    let Disturbed { folder, .. } = Disturbed::new();
    let name = SegmentName::new("rivals");
    let load = ["load", "-q", "-t", "f8", "-j", "1", "-n", name.as_str()];
    let mut command = ndshm(load);
    command.arg("in.txt").env("NDSHM_PIECE_BYTES", "2").current_dir(folder.root());
    let running = Running::start(&mut command);
    let pids = running.workers(1 + SPARES);
    stop(&pids[..1]);
    run(ndshm(load).arg(folder.write("small.txt", "1 2\n"))).ok();
    let before = Snapshot::of(&name.file());
    send(pids[0], libc::SIGCONT);
    running.wait().refused(&[name.as_str(), "exists"]);
    assert_eq!(Snapshot::of(&name.file()), before);
}

//! Jobs: stepped, polled, cancelled, dropped, moved.

use core::time::Duration;
use std::io::{self, Read};
use std::thread;

use super::*;
use crate::error::{Error, code};
use crate::load::{Input, Job, Progress};
use crate::sys::{self, Watch};

const NOW: Duration = Duration::ZERO;

fn start<I: Into<Input>>(inputs: impl IntoIterator<Item = I>, options: &Options) -> Job<Keep> {
    let dtype = DTypeBuf::parse("i4").unwrap();
    let open = |_: DType<'_>| Ok(Keep::default());
    Job::start(inputs, dtype.as_dtype(), Unicode::Ucs4, options, open).unwrap()
}

fn rows_text(rows: usize) -> String {
    (0..rows).map(|i| std::format!("{i},{}\n", i * 7)).collect::<Vec<_>>().concat()
}

fn is_ready(fd: i32) -> bool {
    let mut watches = [Watch::readable(fd)];
    sys::poll(&mut watches, 0).unwrap();
    watches[0].is_ready()
}

/// Waits by the job's descriptor alone; the number of steps.
pub(super) fn drive(job: &mut Job<Keep>) -> Result<u64> {
    let fd = job.raw_fd();
    for steps in 1.. {
        sys::poll(&mut [Watch::readable(fd)], -1).unwrap();
        if job.step(NOW)?.done {
            return Ok(steps);
        }
    }
    Ok(0)
}

#[test]
fn jobs_and_cancellers_can_move_between_threads() {
    fn is_send<T: Send>() {}
    fn is_sync<T: Sync>() {}
    is_send::<Job<Keep>>();
    is_send::<crate::load::SegmentJob>();
    is_send::<crate::load::Canceller>();
    is_sync::<crate::load::Canceller>();
    let dir = tempfile::tempdir().unwrap();
    let path = write(dir.path(), "a", rows_text(3_000).as_bytes());
    let mut job = start([path], &tiny(2, 100));
    // The thread that started it stays, as it must.
    let rows = thread::spawn(move || {
        job.step(NOW).unwrap();
        job.finish().unwrap().1
    });
    assert_eq!(rows.join().unwrap(), 3_000);
}

#[test]
fn the_descriptor_drives_a_job_to_its_end_without_idle_steps() {
    let dir = tempfile::tempdir().unwrap();
    let text = rows_text(3_000);
    let path = write(dir.path(), "a", text.as_bytes());
    let expected = run(core::slice::from_ref(&path), "i4", &tiny(1, 1 << 20)).unwrap();
    let (reader, mut writer) = io::pipe().unwrap();
    let copy = text.clone();
    let feed = thread::spawn(move || {
        for part in copy.as_bytes().chunks(300) {
            thread::sleep(Duration::from_micros(200));
            writer.write_all(part).unwrap();
        }
    });
    let pieces = text.len() as u64 / 100 + 1;
    for (input, reads) in [
        (Input::from(&path), 0),
        (Input::stream("a", io::Cursor::new(text.clone())), pieces),
        (Input::descriptor("a", reader), text.len() as u64 / 300 + pieces),
    ] {
        let mut job = start([input], &tiny(2, 100));
        let steps = drive(&mut job).unwrap();
        // One for each answer, for each time that there was something to read, and a few.
        assert!(steps <= pieces + reads + 10, "{steps} steps, {pieces} pieces, {reads} reads");
        assert!(is_ready(job.raw_fd()), "whoever waits is told of the end");
        assert!(job.step(NOW).unwrap().done && children().is_empty());
        let (keep, rows) = job.finish().unwrap();
        assert!(rows == 3_000 && keep.inputs == expected.inputs);
    }
    feed.join().unwrap();
}

#[test]
fn progress_is_counted_to_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let path = write(dir.path(), "a", rows_text(1_000).as_bytes());
    let size = fs::metadata(&path).unwrap().len();
    let options = Options { skiprows: 1, max_rows: Some(500), ..tiny(2, 100) };
    let mut job = start([&path, &path], &options);
    let zero = Progress { bytes_total: 2 * size, inputs_total: 2, pass: 1, ..Progress::default() };
    assert_eq!(job.progress(), zero);
    let mut before = zero;
    while !before.done {
        let now = job.step(Duration::from_secs(1)).unwrap();
        assert!(now.bytes_done >= before.bytes_done && now.rows >= before.rows);
        assert!(now.inputs_done >= before.inputs_done && now.bytes_done <= 2 * size);
        before = now;
    }
    let all = Progress { bytes_done: 2 * size, rows: 1_000, inputs_done: 2, done: true, ..zero };
    assert_eq!((before, job.progress()), (all, all));
    let mut job = start([Input::from(&path), Input::stream("b", &b"1,2\n"[..])], &tiny(1, 100));
    while !job.step(NOW).unwrap().done {}
    let progress = job.progress();
    assert_eq!((progress.bytes_done, progress.bytes_total), (size + 4, 0));
}

/// If one of these steps waited, it would wait for ever.
#[test]
fn a_step_without_time_never_waits() {
    let dir = tempfile::tempdir().unwrap();
    let path = write(dir.path(), "a", rows_text(500).as_bytes());
    let (reader, mut writer) = io::pipe().unwrap();
    let mut stopped = start([&path], &tiny(2, 100));
    signal(&children(), "STOP");
    for _ in 0..5 {
        assert!(!stopped.step(NOW).unwrap().done);
    }
    assert!(!is_ready(stopped.raw_fd()));
    let mut starved = start([Input::descriptor("pipe", reader)], &tiny(2, 100));
    for _ in 0..5 {
        assert!(!starved.step(NOW).unwrap().done);
    }
    assert!(!is_ready(starved.raw_fd()));
    writer.write_all(b"1,2\n3").unwrap();
    assert!(is_ready(starved.raw_fd()));
    assert!(!starved.step(NOW).unwrap().done);
    assert!(!is_ready(starved.raw_fd()), "what there was is read");
    writer.write_all(b",4\n").unwrap();
    drop(writer);
    signal(&children(), "CONT");
    assert_eq!((starved.finish().unwrap().1, stopped.finish().unwrap().1), (2, 500));
}

/// Workers have all that they take, and the pipe has more: nothing to do.
#[test]
fn a_full_pipe_is_no_work_while_workers_are_busy() {
    let (reader, mut writer) = io::pipe().unwrap();
    let mut job = start([Input::descriptor("pipe", reader)], &tiny(1, 100));
    job.step(NOW).unwrap();
    signal(&children(), "STOP");
    writer.write_all(rows_text(300).as_bytes()).unwrap();
    drop(writer);
    let mut steps = 0;
    while is_ready(job.raw_fd()) {
        job.step(NOW).unwrap();
        steps += 1;
        assert!(steps < 10, "no end of steps, and nobody works");
    }
    signal(&children(), "CONT");
    drive(&mut job).unwrap();
    assert_eq!(job.finish().unwrap().1, 300);
}

/// The rows are complete while a worker is busy and the pipe has no more text: it is
/// closed, and must not be waited for.
#[test]
fn a_pipe_that_is_closed_early_is_not_waited_for() {
    let (reader, mut writer) = io::pipe().unwrap();
    let options = Options { max_rows: Some(1), ..tiny(1, 1) };
    let mut job = start([Input::descriptor("pipe", reader)], &options);
    signal(&children(), "STOP");
    for _ in 0..2 {
        writer.write_all(b"1\n").unwrap();
        job.step(NOW).unwrap();
    }
    signal(&children(), "CONT");
    assert_eq!(job.finish().unwrap().1, 1);
    assert!(writer.write_all(b"1\n").is_err(), "nobody reads it any more");
}

pub(super) fn signal(pids: &[i32], name: &str) {
    let pids = pids.iter().map(ToString::to_string);
    let kill = std::process::Command::new("kill").arg(std::format!("-{name}")).args(pids).status();
    assert!(kill.unwrap().success());
}

#[test]
fn a_cancel_ends_a_step_that_waits() {
    let dir = tempfile::tempdir().unwrap();
    let path = write(dir.path(), "a", rows_text(500).as_bytes());
    let (reader, _writer) = io::pipe().unwrap();
    for (input, stopped) in [(Input::from(&path), true), (Input::descriptor("pipe", reader), false)]
    {
        let mut job = start([input], &tiny(2, 100));
        if stopped {
            signal(&children(), "STOP");
        }
        job.step(NOW).unwrap();
        let canceller = job.canceller();
        let other = thread::spawn(move || canceller.cancel());
        let error = loop {
            if let Err(error) = job.step(Duration::MAX) {
                break error;
            }
        };
        other.join().unwrap();
        assert_eq!(error.code(), code::CANCELLED);
        assert!(children().is_empty() && job.canceller().is_cancelled());
        assert!(is_ready(job.raw_fd()), "the job is over");
        assert!(matches!(job.step(NOW), Err(LoadError::Core(Error::Argument))));
        assert!(job.finish().is_err());
    }
}

/// Cancelled before the first step, between any two, and behind the last.
#[test]
fn a_cancel_counts_in_every_phase() {
    let dir = tempfile::tempdir().unwrap();
    let path = write(dir.path(), "a", rows_text(100).as_bytes());
    let mut done = false;
    for steps in 0.. {
        let mut job = start([&path], &tiny(2, 100));
        for _ in 0..steps {
            done = job.step(Duration::from_secs(9)).unwrap().done;
        }
        job.canceller().cancel();
        assert!(matches!(job.finish(), Err(LoadError::Cancelled)), "after {steps} steps");
        assert!(children().is_empty());
        if done {
            return;
        }
    }
}

#[test]
fn a_dropped_job_leaves_no_process() {
    let dir = tempfile::tempdir().unwrap();
    let path = write(dir.path(), "a", rows_text(500).as_bytes());
    for steps in [0, 1, 5] {
        let mut job = start([&path], &tiny(2, 100));
        assert_eq!(children().len(), 4);
        for _ in 0..steps {
            job.step(Duration::from_secs(9)).unwrap();
        }
        drop(job);
        assert!(children().is_empty());
    }
}

#[test]
fn jobs_take_turns_in_one_thread() {
    let dir = tempfile::tempdir().unwrap();
    let texts = [rows_text(700), rows_text(300)];
    let path = write(dir.path(), "a", texts[0].as_bytes());
    let mut jobs = [
        start([Input::from(&path)], &tiny(2, 100)),
        start([Input::stream("b", io::Cursor::new(texts[1].clone()))], &tiny(1, 64)),
    ];
    while !jobs.iter().all(|job| job.progress().done) {
        for job in &mut jobs {
            job.step(Duration::from_millis(1)).unwrap();
        }
    }
    let rows = jobs.map(|job| job.finish().unwrap().1);
    assert_eq!(rows, [700, 300]);
}

/// A worker of a polled job is killed: the spare's descriptors take the place of its own.
#[test]
fn a_polled_job_goes_on_with_a_spare() {
    let dir = tempfile::tempdir().unwrap();
    let path = write(dir.path(), "a", rows_text(2_000).as_bytes());
    let expected = run(core::slice::from_ref(&path), "i4", &tiny(1, 1 << 20)).unwrap();
    let text = fs::read(&path).unwrap();
    for input in [Input::from(&path), Input::stream("a", io::Cursor::new(text))] {
        let mut job = start([input], &tiny(2, 100));
        while children().is_empty() {
            job.step(NOW).unwrap();
        }
        let victims = children();
        signal(&victims, "STOP");
        job.step(NOW).unwrap();
        kill(victims[0]);
        signal(&victims[1..], "CONT");
        drive(&mut job).unwrap();
        assert!(job.finish().unwrap().0.inputs == expected.inputs);
    }
}

/// One worker's share is read without a worker, whoever polls or waits; more is not.
#[test]
fn a_short_text_is_read_without_workers() {
    let dir = tempfile::tempdir().unwrap();
    let text = rows_text(100);
    let path = write(dir.path(), "a", text.as_bytes());
    for (piece, forks) in [(text.len() as u64, false), (text.len() as u64 - 1, true)] {
        let reader = Input::stream("a", io::Cursor::new(text.clone()));
        for input in [Input::from(&path), reader] {
            let mut job = start([input], &tiny(4, piece));
            let mut forked = !children().is_empty();
            while !job.step(NOW).unwrap().done {
                forked |= !children().is_empty();
            }
            assert_eq!((job.finish().unwrap().1, forked), (100, forks));
        }
    }
}

/// Slow, and without a descriptor to wait for.
struct Slow(u32);

impl Read for Slow {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        self.0 += 1;
        match self.0 {
            n if n % 2 == 1 => Err(io::ErrorKind::WouldBlock.into()),
            2..9 => {
                room[..2].copy_from_slice(b"1\n");
                Ok(2)
            }
            _ => Ok(0),
        }
    }
}

#[test]
fn a_reader_that_has_nothing_yet_is_asked_again() {
    let mut job = start([Input::stream("slow", Slow(0))], &tiny(1, 100));
    job.step(NOW).unwrap();
    assert_eq!(job.finish().unwrap().1, 4);
}

#[test]
fn no_inputs_are_done_at_once() {
    let mut job = start(Vec::<Input>::new(), &tiny(1, 100));
    assert!(job.step(NOW).unwrap().done);
}

/// Panics when it has given its text.
struct Panics(bool);

impl Read for Panics {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        assert!(!self.0, "a bug of the reader");
        self.0 = true;
        room[..4].copy_from_slice(b"1\n2\n");
        Ok(4)
    }
}

#[test]
fn a_job_whose_reader_panicked_is_over() {
    let mut job = start([Input::stream("bad", Panics(false))], &tiny(1, 100));
    let step = core::panic::AssertUnwindSafe(|| job.step(Duration::from_secs(9)));
    std::panic::catch_unwind(step).unwrap_err();
    assert!(matches!(job.step(NOW), Err(LoadError::Core(Error::Argument))));
    assert!(job.finish().is_err(), "the text behind the panic is lost");
    assert!(children().is_empty());
}

/// Whether a child says yes.
#[allow(unsafe_code, reason = "a host that forks")]
fn in_a_child(work: impl FnOnce() -> bool) -> bool {
    // SAFETY: the C library makes its allocator usable in the child, which takes no locks.
    let sys::Forked::Parent(child) = (unsafe { sys::fork_whole() }).unwrap() else {
        sys::exit_now(i32::from(!work()));
    };
    child.wait() == sys::Ended::Exited(0)
}

#[test]
fn a_forked_child_neither_steps_nor_stops_its_parents_job() {
    let dir = tempfile::tempdir().unwrap();
    let path = write(dir.path(), "a", rows_text(500).as_bytes());
    let (reader, mut writer) = io::pipe().unwrap();
    let inputs = [Input::from(&path), Input::descriptor("pipe", reader)];
    let mut job = start(inputs, &tiny(2, 100));
    job.step(NOW).unwrap();
    assert!(in_a_child(|| {
        let refused = matches!(job.step(NOW), Err(LoadError::Core(Error::Argument)));
        job.canceller().cancel();
        refused
    }));
    while job.progress().inputs_done < 1 || is_ready(job.raw_fd()) {
        job.step(NOW).unwrap();
    }
    assert!(!is_ready(job.raw_fd()), "there is nothing to do");
    writer.write_all(b"1,2\n").unwrap();
    drop(writer);
    drive(&mut job).unwrap();
    assert_eq!(job.finish().unwrap().1, 501);
}

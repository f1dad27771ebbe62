//! Conversions and loads as jobs: stepped, cancelled, dropped, in turns; and nothing
//! left behind by those that did not come to their end.

#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, reason = "helpers of tests, too")]

#[path = "common/child.rs"]
mod child;
mod common;

use core::num::NonZero;
use core::time::Duration;
use std::fs;
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};
use std::thread;

use child::in_a_child;
use common::{Folder, SegmentName, joined, send};
use ndshm::convert::{self, Arrange, Options, Provenance, convert};
use ndshm::dtype_buf::DTypeBuf;
use ndshm::error::code;
use ndshm::hdf5::Layout;
use ndshm::load::{self, Input, SegmentJob, SegmentOptions, load_segment};
use ndshm::segment::Name;
use ndshm::sys::{self, Watch};

const NOW: Duration = Duration::ZERO;

/// Small pieces, so that a job takes many steps.
fn options(concat: bool) -> Options {
    let mut options = Options::default();
    options.load.workers = Some(2);
    options.load.piece_bytes = Some(64);
    // Names and sizes of inputs differ.
    options.provenance = Provenance::None;
    if concat {
        options.arrange = Arrange::Concat("all".into());
    }
    options
}

fn start(inputs: Vec<Input>, output: &Path, concat: bool) -> convert::Job {
    let dtype = DTypeBuf::parse("f8").unwrap();
    convert::Job::start(inputs, output, dtype.as_dtype(), &options(concat)).unwrap()
}

fn files(paths: &[PathBuf]) -> Vec<Input> {
    paths.iter().map(Input::from).collect()
}

/// What a conversion from start to end makes.
fn expected(folder: &Folder, inputs: &[PathBuf], concat: bool) -> Vec<u8> {
    let output = folder.path("expected.h5");
    let dtype = DTypeBuf::parse("f8").unwrap();
    let go_on = false.into();
    convert(inputs, &output, dtype.as_dtype(), &options(concat), &go_on).unwrap();
    let bytes = fs::read(&output).unwrap();
    fs::remove_file(output).unwrap();
    bytes
}

fn rows(count: usize) -> String {
    joined(count, |i| format!("{i} {}\n", i % 7))
}

/// Children of this thread.
fn children() -> Vec<i32> {
    let list = fs::read_to_string("/proc/thread-self/children").unwrap();
    list.split_whitespace().map(|pid| pid.parse().unwrap()).collect()
}

#[test]
fn conversions_take_turns_in_one_thread() {
    let folder = Folder::new();
    let inputs = [folder.write("a.txt", rows(500)), folder.write("b.txt", rows(300))];
    let separate = expected(&folder, &inputs, false);
    let joined = expected(&folder, &inputs, true);
    let outputs = [folder.path("x.h5"), folder.path("y.h5")];
    let mut jobs =
        [start(files(&inputs), &outputs[0], false), start(files(&inputs), &outputs[1], true)];
    while !jobs.iter().all(|job| job.progress().done) {
        for job in &mut jobs {
            job.step(Duration::from_millis(1)).unwrap();
        }
    }
    let made = jobs.map(|job| job.finish().unwrap());
    assert_eq!(made.map(|summary| summary.rows), [800, 800]);
    assert!(fs::read(&outputs[0]).unwrap() == separate);
    assert!(fs::read(&outputs[1]).unwrap() == joined);
    assert_eq!(folder.names(), ["a.txt", "b.txt", "x.h5", "y.h5"]);
}

#[test]
fn conversions_run_in_threads_at_once_and_move_between_them() {
    fn is_send<T: Send>() {}
    is_send::<convert::Job>();
    let folder = Folder::new();
    let inputs = [folder.write("a.txt", rows(500))];
    let expected = expected(&folder, &inputs, false);
    let outputs: Vec<PathBuf> = (0..3).map(|i| folder.path(&format!("{i}.h5"))).collect();
    thread::scope(|scope| {
        for output in &outputs {
            let mut job = start(files(&inputs), output, false);
            scope.spawn(move || {
                job.step(Duration::from_millis(1)).unwrap();
                job.finish().unwrap();
            });
        }
    });
    for output in outputs {
        assert!(fs::read(output).unwrap() == expected);
    }
}

/// Whether a step would have something to do.
fn is_ready(job: &convert::Job) -> bool {
    let mut watch = [Watch::readable(job.raw_fd())];
    sys::poll(&mut watch, 0).unwrap();
    watch[0].is_ready()
}

/// Packers that stand still keep the job from its end, but no step from its own: neither where
/// all their room is taken nor where only the last chunks are missing.
#[test]
fn a_step_does_not_wait_for_packers() {
    let folder = Folder::new();
    let output = folder.path("x.h5");
    for count in [20, 2000] {
        let input = folder.write("a.txt", rows(count));
        for cancel in [false, true] {
            let dtype = DTypeBuf::parse("f8").unwrap();
            let mut options = options(false);
            options.hdf5.storage.layout = Layout::Chunked;
            options.hdf5.storage.chunk = [10, 2].map(|n| NonZero::new(n).unwrap()).to_vec();
            let mut job =
                convert::Job::start([&input], &output, dtype.as_dtype(), &options).unwrap();
            let packers = children().split_off(4);
            assert_eq!(packers.len(), 3);
            for &pid in &packers {
                send(pid, libc::SIGSTOP);
            }
            let mut idle = 0;
            while idle < 3 {
                idle = if is_ready(&job) { 0 } else { idle + 1 };
                assert!(!job.step(Duration::from_millis(20)).unwrap().done);
            }
            if cancel {
                job.canceller().cancel();
                assert_eq!(job.finish().unwrap_err().code(), code::CANCELLED);
                assert_eq!(folder.names(), ["a.txt"]);
            } else {
                for &pid in &packers {
                    send(pid, libc::SIGCONT);
                }
                assert_eq!(job.finish().unwrap().rows, count as u64);
                fs::remove_file(&output).unwrap();
            }
            assert!(children().is_empty());
        }
    }
}

/// Cancelled, or dropped, after every number of steps.
#[test]
fn a_conversion_that_does_not_end_leaves_nothing() {
    let folder = Folder::new();
    let input = folder.write("a.txt", rows(40));
    let output = folder.path("x.h5");
    let mut done = false;
    for steps in 0.. {
        for cancel in [true, false] {
            let mut job = start(files(core::slice::from_ref(&input)), &output, false);
            assert!(folder.has_temporary("x.h5") && children().len() == 4);
            for _ in 0..steps {
                done = job.step(Duration::from_secs(9)).unwrap().done;
            }
            if cancel {
                job.canceller().cancel();
                assert_eq!(job.finish().unwrap_err().code(), code::CANCELLED);
            } else {
                drop(job);
            }
            assert!(children().is_empty());
            assert_eq!(folder.names(), ["a.txt"]);
        }
        if done {
            return;
        }
    }
}

/// An error in a step: nothing is left, though the job is still there.
#[test]
fn a_conversion_that_fails_leaves_nothing() {
    let folder = Folder::new();
    let input = folder.write("a.txt", rows(100) + "1 x\n");
    let mut job = start(Vec::from([Input::from(&input)]), &folder.path("x.h5"), false);
    let error = loop {
        match job.step(Duration::from_secs(9)) {
            Ok(progress) => assert!(!progress.done),
            Err(error) => break error,
        }
    };
    assert_eq!((error.code(), error.errno()), (code::TEXT, 0));
    let at = error.position().unwrap();
    assert_eq!((at.input, at.path, at.line, at.row, at.column), (0, &*input, 101, 100, 2));
    assert!(children().is_empty());
    assert_eq!(folder.names(), ["a.txt"]);
    assert_eq!(job.step(NOW).unwrap_err().code(), -1);
}

#[test]
fn errors_have_their_codes() {
    let folder = Folder::new();
    let good = folder.write("a.txt", "1 2\n");
    let other = folder.write("b.txt", "1\n");
    let there = folder.write("there.h5", "precious");
    let x = folder.path("x.h5");
    let dtype = DTypeBuf::parse("f8").unwrap();
    let code_of = |inputs: Vec<PathBuf>, output: &Path, options: &Options| {
        let go_on = false.into();
        let error = convert(inputs, output, dtype.as_dtype(), options, &go_on).unwrap_err();
        (error.code(), error.errno())
    };
    let cases = [
        (vec![folder.path("missing")], x.clone(), false, code::INPUT, libc::ENOENT),
        (vec![folder.root().into()], x.clone(), false, code::INPUT, 0),
        (vec![folder.write("empty", "")], x.clone(), false, code::EMPTY, 0),
        (vec![good.clone(), other], x.clone(), true, code::COLUMNS, 0),
        (vec![good.clone()], there, false, code::TARGET_EXISTS, 0),
        (vec![good.clone()], folder.path("no/x.h5"), false, code::TARGET, 0),
        (vec![good.clone(), good.clone()], x.clone(), false, code::DATASET_NAME, 0),
        (vec![good.clone()], good.clone(), false, code::TARGET_EXISTS, 0),
    ];
    for (inputs, output, concat, code, errno) in cases {
        assert_eq!(code_of(inputs, &output, &options(concat)), (code, errno));
    }
    let mut small = options(false);
    small.load.memory = Some(1);
    assert_eq!(code_of(vec![good.clone()], &x, &small).0, code::MEMORY);
    let mut usecols = options(false);
    usecols.load.usecols = Some(vec![5.into()]);
    assert_eq!(code_of(vec![good.clone()], &x, &usecols).0, code::TEXT);
    let mut replace = options(false);
    replace.hdf5.force = true;
    assert_eq!(code_of(vec![good.clone()], &good, &replace).0, code::TARGET);
}

#[test]
fn a_stream_becomes_a_dataset_named_after_it() {
    let folder = Folder::new();
    let input = folder.write("a.txt", rows(500));
    let expected = expected(&folder, core::slice::from_ref(&input), false);
    let output = folder.path("x.h5");
    let stream = Input::stream("a", Cursor::new(rows(500)));
    let summary = start(Vec::from([stream]), &output, false).finish().unwrap();
    assert_eq!((summary.datasets[0].name.as_str(), summary.rows), ("a", 500));
    assert!(fs::read(&output).unwrap() == expected);
}

#[test]
fn a_killed_worker_costs_a_conversion_nothing() {
    let folder = Folder::new();
    let input = folder.write("a.txt", rows(500));
    let expected = expected(&folder, core::slice::from_ref(&input), false);
    for (i, given) in
        [Input::from(&input), Input::stream("a", Cursor::new(rows(500)))].into_iter().enumerate()
    {
        let output = folder.path(&format!("{i}.h5"));
        let mut job = start(Vec::from([given]), &output, false);
        while children().is_empty() {
            job.step(NOW).unwrap();
        }
        let workers = children();
        for &worker in &workers {
            send(worker, libc::SIGSTOP);
        }
        job.step(NOW).unwrap();
        send(workers[0], libc::SIGKILL);
        for &worker in &workers[1..] {
            send(worker, libc::SIGCONT);
        }
        assert_eq!(job.finish().unwrap().rows, 500);
        assert!(fs::read(&output).unwrap() == expected);
    }
}

fn start_segment(name: &Name, inputs: Vec<Input>) -> SegmentJob {
    let dtype = DTypeBuf::parse("f8").unwrap();
    let load = options(false).load;
    SegmentJob::start(inputs, name, dtype.as_dtype(), &load, SegmentOptions::default()).unwrap()
}

#[test]
fn a_segment_is_there_only_when_its_job_is_finished() {
    let folder = Folder::new();
    let input = folder.write("a.txt", rows(300));
    let name = SegmentName::new("job");
    let shm = Name::new(name.as_str()).unwrap();
    let inputs = || Vec::from([Input::from(&input), Input::stream("b", Cursor::new(rows(200)))]);
    for steps in [0, 3, 1_000] {
        let mut job = start_segment(&shm, inputs());
        for _ in 0..steps {
            job.step(Duration::from_millis(1)).unwrap();
        }
        drop(job);
        assert!(!name.has_left_something() && children().is_empty());
    }
    let mut job = start_segment(&shm, inputs());
    let mut bytes = 0;
    while !job.progress().done {
        let progress = job.step(Duration::from_millis(5)).unwrap();
        assert!(progress.bytes_done >= bytes);
        bytes = progress.bytes_done;
    }
    let segment = job.finish().unwrap();
    assert_eq!(segment.shape(), [500, 2]);
    let second = Name::new(&format!("{}-2", name.as_str())).unwrap();
    let dtype = DTypeBuf::parse("f8").unwrap();
    let (load, go_on) = (load::Options::default(), false.into());
    let made = SegmentOptions::default();
    let files = [&input, &folder.write("b.txt", rows(200))];
    let other = load_segment(files, &second, dtype.as_dtype(), &load, made, &go_on).unwrap();
    let bytes = |segment: &ndshm::segment::Segment| {
        let mut all = vec![0u8; segment.data_len()];
        segment.copy_to(&mut all, 0).unwrap();
        all
    };
    let same = bytes(&segment) == bytes(&other);
    ndshm::segment::unlink(&second).unwrap();
    assert!(same);
}

#[test]
fn jobs_that_a_forked_child_drops_go_on() {
    let folder = Folder::new();
    let input = folder.write("a.txt", rows(300));
    let expected = expected(&folder, core::slice::from_ref(&input), false);
    let output = folder.path("x.h5");
    let name = SegmentName::new("forked");
    let shm = Name::new(name.as_str()).unwrap();
    for steps in [0, 2, 1_000] {
        let mut job = start(files(core::slice::from_ref(&input)), &output, false);
        let mut load = start_segment(&shm, files(core::slice::from_ref(&input)));
        for _ in 0..steps {
            job.step(Duration::from_millis(1)).unwrap();
            load.step(Duration::from_millis(1)).unwrap();
        }
        // What the child drops are its copies of both.
        let (job, load) = (&mut Some(job), &mut Some(load));
        in_a_child(|| drop((job.take(), load.take())));
        job.take().unwrap().finish().unwrap();
        assert_eq!(load.take().unwrap().finish().unwrap().shape(), [300, 2]);
        ndshm::segment::unlink(&shm).unwrap();
        assert!(fs::read(&output).unwrap() == expected);
        fs::remove_file(&output).unwrap();
    }
}

/// Runs a test once more in a process of its own; whether this is that one.
fn is_alone(test: &str) -> bool {
    if std::env::var_os("NDSHM_TEST_ALONE").is_some() {
        return true;
    }
    let status = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--test-threads=1"])
        .env("NDSHM_TEST_ALONE", "1")
        .stdout(std::process::Stdio::null())
        .status();
    assert!(status.unwrap().success());
    false
}

#[test]
fn relative_inputs_stay_what_they_were_when_the_directory_changes() {
    if !is_alone("relative_inputs_stay_what_they_were_when_the_directory_changes") {
        return;
    }
    let folder = Folder::new();
    folder.write("a.txt", "1 2\n".repeat(500));
    folder.write("b.txt", "3 4\n".repeat(50));
    std::env::set_current_dir(folder.path(".")).unwrap();
    let inputs = Vec::from([Input::from("a.txt"), Input::from("b.txt")]);
    let mut job = start(inputs, Path::new("x.h5"), true);
    job.step(NOW).unwrap();
    std::env::set_current_dir("/").unwrap();
    assert_eq!(job.finish().unwrap().rows, 550);
    assert!(folder.path("x.h5").exists());
}

/// Descriptors of jobs go with them; no other test of this process may open any meanwhile.
#[test]
fn jobs_keep_no_descriptors() {
    if !is_alone("jobs_keep_no_descriptors") {
        return;
    }
    let folder = Folder::new();
    let input = folder.write("a.txt", rows(50));
    let count = || fs::read_dir("/proc/self/fd").unwrap().count();
    let mut before = 0;
    for round in 0..20 {
        let (reader, mut writer) = std::io::pipe().unwrap();
        writer.write_all(b"1 2\n").unwrap();
        let inputs = Vec::from([Input::from(&input), Input::descriptor("p", reader)]);
        let mut job = start(inputs, &folder.path("x.h5"), false);
        for _ in 0..round {
            job.step(NOW).unwrap();
        }
        if round % 2 == 0 {
            drop(writer);
            job.finish().unwrap();
            fs::remove_file(folder.path("x.h5")).unwrap();
        } else {
            drop((job, writer));
        }
        if round == 2 {
            before = count();
        }
    }
    assert_eq!(count(), before);
}

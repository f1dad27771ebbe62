//! Other processes: killed, forked, gone in the middle, with a full disk.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use ndshm::dtype_buf::DTypeBuf;
use ndshm::hdf5::{Error, Options, Writer};

use super::{add, append, forced, h5dump, names, pattern, skip};

/// Starts this test binary again for one of the `child_` tests below.
fn child(test: &str, dir: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &format!("children::{test}"), "--nocapture"])
        .env("NDSHM_TEST_DIR", dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Reads a child's lines up to one with `word`. The pipe must stay open while it runs.
fn wait_for(word: &str, child: &mut Child) -> BufReader<ChildStdout> {
    let mut reader = BufReader::new(child.stdout.take().unwrap());
    let mut lines = reader.by_ref().lines();
    assert!(lines.any(|line| line.unwrap().contains(word)), "no '{word}' from the child");
    reader
}

fn test_dir() -> Option<PathBuf> {
    std::env::var_os("NDSHM_TEST_DIR").map(PathBuf::from)
}

#[test]
fn child_writes_and_waits() {
    let Some(dir) = test_dir() else { return };
    let mut writer = Writer::create(&dir.join("x.h5"), &Options::default(), 0).unwrap();
    writer.begin_dataset().unwrap();
    append(&mut writer, &pattern(1 << 20, 0));
    println!("\nbegun");
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
    let dtype = DTypeBuf::parse("u1").unwrap();
    writer.finish_dataset("x", dtype.as_dtype(), &[1 << 20], &[]).unwrap();
    writer.close().unwrap();
}

#[test]
fn a_running_writer_is_left_alone_and_a_killed_one_is_swept() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.h5");
    let mut running = child("child_writes_and_waits", dir.path());
    let _output = wait_for("begun", &mut running);
    let theirs = names(dir.path());
    assert_eq!(theirs.len(), 1);
    drop(Writer::create(&path, &Options::default(), 0).unwrap());
    assert_eq!(names(dir.path()), theirs, "a running writer was swept");
    drop(running.stdin.take());
    assert!(running.wait().unwrap().success());
    assert_eq!(names(dir.path()), ["x.h5"]);
    fs::remove_file(&path).unwrap();

    let mut killed = child("child_writes_and_waits", dir.path());
    let _output = wait_for("begun", &mut killed);
    killed.kill().unwrap();
    killed.wait().unwrap();
    assert_eq!(names(dir.path()).len(), 1);
    let writer = Writer::create(&path, &Options::default(), 0).unwrap();
    assert_eq!(names(dir.path()).len(), 1, "a killed writer's file stayed");
    drop(writer);
    assert!(names(dir.path()).is_empty());
}

/// Leaves by `exit` in the middle of a file, as a host program may.
#[test]
fn child_exits_in_the_middle() {
    let Some(dir) = test_dir() else { return };
    let mut writer = Writer::create(&dir.join("x.h5"), &forced(), 0).unwrap();
    let dtype = DTypeBuf::parse("u1").unwrap();
    add(&mut writer, "x", &dtype, &pattern(1 << 20, 0), &[1 << 20]);
    std::process::exit(0);
}

#[test]
fn an_exit_in_the_middle_leaves_nothing_that_looks_complete() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.h5");
    fs::write(&path, "old").unwrap();
    let exited = child("child_exits_in_the_middle", dir.path()).wait().unwrap();
    assert!(exited.success(), "{exited}");
    assert_eq!(fs::read(&path).unwrap(), b"old");
    let left = names(dir.path());
    assert_eq!(left.len(), 2);
    let head = fs::read(dir.path().join(&left[0])).unwrap();
    assert!(!head.starts_with(b"\x89HDF"), "a partial file looks like HDF5");
    drop(Writer::create(&path, &forced(), 0).unwrap());
    assert_eq!(names(dir.path()), ["x.h5"]);
}

/// Forks a child that leaves by `exit` when it is told to: HDF5, which it has
/// inherited open, then writes what it had at the fork. Answers with the child
/// and the pipe to tell it.
fn fork_that_exits() -> (libc::pid_t, fs::File) {
    let mut ends = [0; 2];
    // SAFETY: room for two numbers.
    assert_eq!(unsafe { libc::pipe(ends.as_mut_ptr()) }, 0);
    // SAFETY: no other thread of this process uses HDF5 or allocates now.
    let pid = unsafe { libc::fork() };
    assert!(pid >= 0);
    if pid == 0 {
        let mut byte = 0_u8;
        // SAFETY: an own descriptor.
        unsafe { libc::close(ends[1]) };
        // SAFETY: room for one byte.
        unsafe { libc::read(ends[0], (&raw mut byte).cast(), 1) };
        // SAFETY: the library's own clean-up is what is tested here.
        unsafe { libc::exit(0) };
    }
    // SAFETY: just opened, owned by nobody else.
    (pid, unsafe { std::os::fd::FromRawFd::from_raw_fd(ends[1]) })
}

fn let_exit((pid, pipe): (libc::pid_t, fs::File)) {
    drop(pipe);
    let mut status = 0;
    // SAFETY: `status` is writable.
    assert_eq!(unsafe { libc::waitpid(pid, &raw mut status, 0) }, pid);
    assert_eq!(status, 0);
}

#[test]
fn child_forks_with_the_file_open() {
    let Some(dir) = test_dir() else { return };
    let dtype = DTypeBuf::parse("u1").unwrap();
    for when in ["before", "after"] {
        let path = dir.join(when);
        let mut writer = Writer::create(&path, &Options::default(), 0).unwrap();
        let first = pattern(1 << 20, 1);
        add(&mut writer, "first", &dtype, &first, &[1 << 20]);
        let mut forked = Some(fork_that_exits());
        let rows = pattern(1 << 20, 2);
        add(&mut writer, "second", &dtype, &rows, &[1 << 20]);
        if let Some(child) = forked.take_if(|_| when == "before") {
            let_exit(child);
        }
        writer.close().unwrap();
        // A child still holds a copy of the descriptor, and so of the lock.
        h5dump(&["-H"], &path);
        if let Some(child) = forked {
            let_exit(child);
        }
        let out = dir.join("bytes");
        let file = out.to_str().unwrap();
        if h5dump(&["-d", "/second", "-b", "FILE", "-o", file], &path).is_some() {
            assert!(fs::read(out).unwrap() == rows, "{when}");
        }
    }
    println!("\nforked");
}

#[test]
fn a_forked_child_that_exits_does_no_harm() {
    let dir = tempfile::tempdir().unwrap();
    let mut forking = child("child_forks_with_the_file_open", dir.path());
    let _output = wait_for("forked", &mut forking);
    assert!(forking.wait().unwrap().success());
}

/// Open descriptors of this process.
fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}

fn full_disk(dir: &Path, rows: usize, name: &str) -> Error {
    let target = dir.join("x.h5");
    let before = (descriptors(), fs::read(&target).unwrap());
    let dtype = DTypeBuf::parse("u1").unwrap();
    let mut writer = Writer::create(&target, &forced(), 0).unwrap();
    let piece = pattern(rows, 0);
    let failed = loop {
        let at = writer.begin_dataset().unwrap();
        // SAFETY: a live slice.
        if let Err(e) = unsafe { writer.append(piece.as_ptr(), piece.len()) } {
            break e;
        }
        let shape = [rows as u64];
        if let Err(e) = writer.finish_dataset(&format!("{name}{at}"), dtype.as_dtype(), &shape, &[])
        {
            break e;
        }
    };
    let again = writer.close().unwrap_err();
    assert!(matches!(again, Error::Order(_)), "{again}");
    assert_eq!(names(dir), ["x.h5"]);
    assert_eq!((descriptors(), fs::read(&target).unwrap()), before, "{name}");
    failed
}

#[test]
fn child_fills_a_disk() {
    let Some(dir) = test_dir() else { return };
    fs::write(dir.join("x.h5"), "old").unwrap();
    for (rows, name) in [(500_000, "large"), (40_000, "small"), (3_000_000, "one")] {
        let error = full_disk(&dir, rows, name);
        let Error::NoSpace { need, free: Some(free), .. } = error else {
            panic!("{name}: {error}");
        };
        assert!(need == rows as u64 && free < need, "{error}");
        assert!(error.to_string().contains("x.h5: disk is full:"), "{error}");
    }
    // The rows fit, the metadata does not: HDF5's own writing fails.
    let mut writer = Writer::create(&dir.join("x.h5"), &forced(), 0).unwrap();
    let dtype = DTypeBuf::parse("u1").unwrap();
    for i in 0..1000 {
        writer.begin_dataset().unwrap();
        writer.finish_dataset(&format!("{i}"), dtype.as_dtype(), &[0], &[]).unwrap();
    }
    let hog = fs::File::create(dir.join("hog")).unwrap();
    while std::os::unix::fs::FileExt::write_at(&hog, &[1; 4096], hog.metadata().unwrap().len())
        .is_ok()
    {}
    let fds = descriptors();
    let error = writer.close().unwrap_err();
    assert!(matches!(error, Error::NoSpace { .. }), "{error}");
    assert_eq!(names(&dir), ["hog", "x.h5"]);
    assert_eq!(fs::read(dir.join("x.h5")).unwrap(), b"old");
    assert!(descriptors() < fds, "the file stayed open");
    // Not even the first bytes fit.
    let fds = descriptors();
    let error = Writer::create(&dir.join("x.h5"), &forced(), 0).unwrap_err();
    assert!(matches!(error, Error::NoSpace { .. }), "{error}");
    assert_eq!((names(&dir), descriptors()), (vec!["hog".into(), "x.h5".into()], fds));
    println!("\nfilled: {error}");
}

#[test]
fn a_full_disk_is_a_clean_error() {
    let dir = tempfile::tempdir().unwrap();
    let script = "mount -t tmpfs -o size=2m,mode=777 tmpfs \"$NDSHM_TEST_DIR\" || exit 77
                  exec \"$0\" --exact children::child_fills_a_disk --nocapture";
    for flags in ["-m", "-rm"] {
        let out = Command::new("unshare")
            .args([flags, "sh", "-c", script])
            .arg(std::env::current_exe().unwrap())
            .env("NDSHM_TEST_DIR", dir.path())
            .output();
        let Ok(out) = out else { break };
        let text = String::from_utf8_lossy(&out.stdout).into_owned();
        if text.contains("filled: ") {
            return assert!(out.status.success(), "{text}{}", String::from_utf8_lossy(&out.stderr));
        }
        assert!(!text.contains("running"), "{text}{}", String::from_utf8_lossy(&out.stderr));
    }
    skip::skipped("a full disk", "no private file system can be mounted here");
}

//! Nothing is lost, whatever happens: two at once, kills, an interrupt, a full disk.

use core::time::Duration;
use std::fs;
use std::process::{Command, Stdio};

use ndshm::convert::{Arrange, ConvertError, Job, Options};
use ndshm::hdf5::{self, AppendFault};
use ndshm::load::RowTypeRef;

use super::{DTYPE, add, common, make_old, row, to};
use crate::common::{Folder, Running, Snapshot, eventually, poll, run};
use crate::full_disk::add_on_full_disks;

/// Waits until a run to `x.h5` has made its temporary file.
fn begun(folder: &Folder) {
    eventually("the copy", || folder.has_temporary("x.h5"));
}

#[test]
fn of_two_at_once_the_second_is_refused() {
    let folder = Folder::new();
    let path = make_old(&folder);
    let (read, write) = std::io::pipe().unwrap();
    let mut command = add(&folder, "x.h5", "t", "-");
    let slow = Running::start(command.stdin(read));
    drop(command);
    begun(&folder);
    run(&mut add(&folder, "x.h5", "t", "p1.txt")).ok();
    let after = Snapshot::of(&path);
    std::io::Write::write_all(&mut &write, b"c1 1 2 3\n").unwrap();
    drop(write);
    slow.wait().refused(&["x.h5: was changed by somebody else meanwhile"]);
    assert!(Snapshot::of(&path) == after && !folder.has_temporary("x.h5"));
}

#[test]
fn a_file_that_became_another_before_it_was_copied_is_not_written() {
    let folder = Folder::new();
    let path = make_old(&folder);
    let mut options = Options { append_rows: true, ..Options::default() };
    options.arrange = Arrange::Concat("t".into());
    let job = Job::start([folder.path("p1.txt")], &path, RowTypeRef::Auto, &options).unwrap();
    let other = ["p1.txt", "--concat", "t", "-t", DTYPE, "--compress", "gzip", "--force"];
    run(&mut to(&folder, "x.h5", &other)).ok();
    let before = Snapshot::of(&path);
    let error = job.finish().unwrap_err();
    let changed = AppendFault::Changed;
    assert!(
        matches!(error, ConvertError::Hdf5(hdf5::Error::Append { fault, .. }) if fault == changed),
        "{error:?}"
    );
    assert!(Snapshot::of(&path) == before && !folder.has_temporary("x.h5"));
}

/// What a run does to the file system and to its memory, where it may be killed.
const CALLS: &[&str] = &[
    "openat",
    "flock",
    "ioctl",
    "copy_file_range",
    "ftruncate",
    "memfd_create",
    "pwrite64",
    "pread64",
    "fallocate",
    "dup3",
    "fsync",
    "rename",
    "unlink",
    "close",
];

#[test]
fn killed_at_any_call_the_file_is_the_old_one_or_the_new_one() {
    let folder = Folder::new();
    let path = make_old(&folder);
    let old = fs::read(&path).unwrap();
    let mut more = add(&folder, "x.h5", "t", "p1.txt");
    more.args(["-j", "1", "-q"]);
    run(&mut more).ok();
    let new = fs::read(&path).unwrap();
    let (mut kept, mut replaced) = (0, 0);
    for call in CALLS {
        let mut n = 1;
        loop {
            fs::write(&path, &old).unwrap();
            let Some(done) = killed(&folder, call, n) else { return };
            let now = fs::read(&path).unwrap();
            assert!(now == old || now == new, "{call} {n}: another file");
            if done {
                assert!(now == new, "{call} {n}");
                break;
            }
            if now == old {
                kept += 1;
                run(&mut more).ok();
                assert!(fs::read(&path).unwrap() == new, "{call} {n}: another file after it");
                assert!(!folder.has_temporary("x.h5"), "{call} {n}");
            } else {
                replaced += 1;
            }
            n += if n < 6 { 1 } else { n / 3 };
        }
    }
    assert!(kept > 50 && replaced > 0, "{kept} {replaced}");
}

/// Kills a run at the `n`th such call of it; whether it ended before. None if processes
/// cannot be traced here.
fn killed(folder: &Folder, call: &str, n: usize) -> Option<bool> {
    let mut command = Command::new("strace");
    let inject = format!("inject={call}:signal=KILL:when={n}");
    command.args(["-o", "/dev/null", "-e", &format!("trace={call}"), "-e", &inject]);
    command.arg(common::NDSHM).args(["convert", "p1.txt", "-o", "x.h5", "--concat", "t"]);
    command.args(["--append-rows", "-j", "1", "-q"]).env_remove("NDSHM_PIECE_BYTES");
    let Ok(out) = command.current_dir(folder.root()).stdin(Stdio::null()).output() else {
        common::skipped("strace", "it is not installed");
        return None;
    };
    let message = String::from_utf8_lossy(&out.stderr).into_owned();
    if message.contains("ptrace") || message.contains("not permitted") {
        common::skipped("kills at every system call", "processes cannot be traced here");
        return None;
    }
    Some(out.status.success())
}

/// Killed after a time, by the clock, with parsers and packers at work.
#[test]
fn killed_at_any_time_the_file_is_the_old_one_or_the_new_one() {
    let folder = Folder::new();
    let path = make_old(&folder);
    folder.write("p1.txt", (0..60_000).map(row).collect::<String>());
    let old = fs::read(&path).unwrap();
    let mut more = add(&folder, "x.h5", "t", "p1.txt");
    run(&mut more).ok();
    let new = fs::read(&path).unwrap();
    for step in 0..30_u64 {
        fs::write(&path, &old).unwrap();
        let running = Running::start(&mut more);
        std::thread::sleep(Duration::from_micros(step * step * 200));
        running.signal(libc::SIGKILL);
        drop(running);
        let now = fs::read(&path).unwrap();
        assert!(now == old || now == new, "{step}: another file");
        if now == old {
            poll("the lock of the dead", || {
                run(&mut more).ok();
                let done = !folder.has_temporary("x.h5");
                (!done).then(|| fs::write(&path, &old).unwrap());
                done.then_some(())
            });
            assert!(fs::read(&path).unwrap() == new, "{step}");
        }
    }
}

#[test]
fn an_interrupt_leaves_the_file_as_it_was() {
    let folder = Folder::new();
    let path = make_old(&folder);
    let before = Snapshot::of(&path);
    let (read, write) = std::io::pipe().unwrap();
    let mut command = add(&folder, "x.h5", "t", "-");
    let running = Running::start(command.stdin(read));
    drop(command);
    begun(&folder);
    running.signal(libc::SIGINT);
    running.wait().interrupted();
    drop(write);
    assert!(Snapshot::of(&path) == before && !folder.has_temporary("x.h5"));
}

#[test]
fn a_full_disk_leaves_the_file_as_it_was() {
    let folder = Folder::new();
    let path = make_old(&folder);
    folder.write("p1.txt", (0..90_000).map(row).collect::<String>());
    let more = [
        0, 4, 12, 20, 28, 40, 60, 80, 100, 120, 140, 160, 180, 200, 220, 240, 260, 280, 300, 320,
        340, 360, 400, 500, 800, 1500, 2500, 4000, 8000,
    ];
    let options = "--concat t --append-rows";
    let Some((made, refused)) = add_on_full_disks(&folder, &path, "p1.txt", options, &more) else {
        return;
    };
    assert!(made >= 1 && refused >= 8, "{made} {refused}");
}

//! Others at the same file, kills, a full disk: nothing is lost.

use core::time::Duration;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

use ndshm::convert::{Job, Options};
use ndshm::dtype_buf::DTypeBuf;
use ndshm::load::Input;

use super::{append, common, dumped, make_old, names, tables};
use crate::common::{Folder, Ran, Running, Snapshot, eventually, joined, poll, python, run};
use crate::full_disk::add_on_full_disks;

/// Python that has a file open until its input ends.
struct Holder(Child, Option<ChildStdin>);

impl Holder {
    fn start(path: &Path, mode: &str) -> Option<Self> {
        let text = "import h5py, sys\nf = h5py.File(sys.argv[1], sys.argv[2], locking=True)\n\
                    print('open', flush=True)\nsys.stdin.read()\nprint(sorted(f), flush=True)";
        let mut command = python()?;
        command.args(["-c", text]).arg(path).arg(mode);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut word = [0; 5];
        child.stdout.as_mut().unwrap().read_exact(&mut word).unwrap();
        let stdin = child.stdin.take();
        Some(Self(child, stdin))
    }

    fn end(mut self) -> String {
        drop(self.1.take());
        let mut text = String::new();
        self.0.stdout.as_mut().unwrap().read_to_string(&mut text).unwrap();
        assert!(self.0.wait().unwrap().success());
        text
    }
}

#[test]
fn a_reader_is_no_obstacle_and_a_writer_is() {
    let folder = tables();
    let path = make_old(&folder, "x.h5");
    let Some(reader) = Holder::start(&path, "r") else { return };
    run(&mut append(&folder, "x.h5", &["big.txt"])).ok();
    // It sees what it opened.
    assert_eq!(reader.end().trim(), "['old', 'old few']");
    let writer = Holder::start(&path, "r+").unwrap();
    let before = Snapshot::of(&path);
    run(&mut append(&folder, "x.h5", &["few.txt"])).refused(&["x.h5: is open for writing"]);
    assert!(Snapshot::of(&path) == before);
    writer.end();
    run(&mut append(&folder, "x.h5", &["few.txt"])).ok();
}

/// A run to `x.h5` that waits for the end of its input.
struct Waiting {
    running: Running,
    input: ChildStdin,
}

impl Waiting {
    fn start(folder: &Folder, name: &str) -> Self {
        let (read, write) = std::io::pipe().unwrap();
        let mut command = append(folder, "x.h5", &["-", "--concat", name]);
        command.stdin(read);
        let running = Running::start(&mut command);
        drop(command);
        let mut input = ChildStdin::from(std::os::fd::OwnedFd::from(write));
        input.write_all(b"1 2\n3 4\n").unwrap();
        Self { running, input }
    }

    fn end(self) -> Ran {
        drop(self.input);
        self.running.wait()
    }
}

/// Waits until a run to `x.h5` has made its copy: it has the permissions then.
fn copied(folder: &Folder) {
    let mode = fs::metadata(folder.path("x.h5")).unwrap().mode();
    eventually("the copy", || {
        let copy = folder.temporary("x.h5").and_then(|path| fs::metadata(path).ok());
        copy.is_some_and(|data| data.mode() == mode)
    });
}

#[test]
fn of_two_at_once_the_second_does_not_lose_what_the_first_added() {
    let folder = tables();
    let path = make_old(&folder, "x.h5");
    let slow = Waiting::start(&folder, "slow");
    copied(&folder);
    run(&mut append(&folder, "x.h5", &["big.txt"])).ok();
    let after = Snapshot::of(&path);
    slow.end().refused(&["x.h5: was changed by somebody else meanwhile"]);
    assert!(Snapshot::of(&path) == after && !folder.has_temporary("x.h5"));
    run(&mut append(&folder, "x.h5", &["few.txt"])).ok();
    if !names(&path).is_empty() {
        assert_eq!(names(&path), ["/", "/big", "/few", "/old", "/old\\"]);
    }
}

#[test]
fn many_at_once_lose_nothing() {
    let folder = tables();
    make_old(&folder, "x.h5");
    let mut left: Vec<usize> = (0..8).collect();
    for _round in 0..8 {
        let start = |&i: &usize| {
            let name = format!("d{i}");
            (i, Running::start(&mut append(&folder, "x.h5", &["few.txt", "--concat", &name])))
        };
        let running: Vec<_> = left.iter().map(start).collect();
        left.clear();
        for (i, running) in running {
            let ran = running.wait();
            if !ran.status.success() {
                ran.refused(&["was changed by somebody else"]);
                left.push(i);
            }
        }
        if left.is_empty() {
            break;
        }
    }
    assert!(left.is_empty(), "nobody got on: {left:?}");
    let path = folder.path("x.h5");
    for i in 0..8 {
        let rows = dumped(&path, &format!("/d{i}"));
        assert!(rows.is_none_or(|rows| rows.len() == 24), "d{i}");
    }
    assert_eq!(folder.names(), ["big.txt", "few.txt", "x.h5"]);
}

#[test]
fn a_change_of_any_kind_is_noticed() {
    let folder = tables();
    let path = make_old(&folder, "x.h5");
    let good = fs::read(&path).unwrap();
    let changes: [(&str, &dyn Fn()); 4] = [
        ("written to", &|| {
            let file = fs::File::options().write(true).open(&path).unwrap();
            std::os::unix::fs::FileExt::write_all_at(&file, b"x", good.len() as u64 - 1).unwrap();
        }),
        ("replaced", &|| {
            fs::write(folder.path("z.h5"), &good).unwrap();
            fs::rename(folder.path("z.h5"), &path).unwrap();
        }),
        ("removed", &|| fs::remove_file(&path).unwrap()),
        ("made longer", &|| {
            let file = fs::File::options().append(true).open(&path).unwrap();
            (&file).write_all(b"more").unwrap();
        }),
    ];
    for (what, change) in changes {
        fs::write(&path, &good).unwrap();
        let slow = Waiting::start(&folder, "slow");
        copied(&folder);
        change();
        let after = path.exists().then(|| Snapshot::of(&path));
        slow.end().refused(&["was changed by somebody else"]);
        assert!(path.exists().then(|| Snapshot::of(&path)) == after, "{what}");
        assert!(!folder.has_temporary("x.h5"), "{what}");
    }
}

/// What a run does to the file system and to its memory, where it may be killed.
const CALLS: &[&str] = &[
    "openat",
    "flock",
    "ioctl",
    "statfs",
    "fstatfs",
    "copy_file_range",
    "ftruncate",
    "memfd_create",
    "pwrite64",
    "pread64",
    "dup3",
    "fchmod",
    "lseek",
    "fsync",
    "rename",
    "unlink",
    "close",
];

#[test]
fn killed_at_any_call_the_file_is_the_old_one_or_the_new_one() {
    let folder = Folder::new();
    folder.write("few.txt", joined(9000, |i| format!("{i}\n")));
    let path = make_old(&folder, "x.h5");
    let old = fs::read(&path).unwrap();
    run(&mut append(&folder, "x.h5", &["few.txt"])).ok();
    let new = fs::read(&path).unwrap();
    let (mut kept, mut replaced, mut swept) = (0, 0, 0);
    for call in CALLS {
        // Most calls come before the file is looked at: those that are left are told apart.
        let mut n = 1;
        loop {
            fs::write(&path, &old).unwrap();
            let Some(done) = killed(&folder, call, n) else { return };
            let now = fs::read(&path).unwrap();
            assert!(now == old || now == new, "{call} {n}: another file");
            swept += usize::from(folder.has_temporary("x.h5"));
            if done {
                assert!(now == new, "{call} {n}");
                break;
            }
            if now == old {
                kept += 1;
                run(&mut append(&folder, "x.h5", &["few.txt"])).ok();
                assert!(fs::read(&path).unwrap() == new, "{call} {n}: another file after it");
            } else {
                replaced += 1;
                let again = append(&folder, "x.h5", &["few.txt", "--concat", "again"]);
                run(&mut { again }).ok();
            }
            assert_eq!(folder.names(), ["few.txt", "x.h5"], "{call} {n}");
            n += if n < 8 { 1 } else { n / 4 };
        }
    }
    println!("killed {} times, {swept} files swept", kept + replaced);
    assert!(kept > 60 && replaced > 0 && swept > 20, "{kept} {replaced} {swept}");
}

/// Kills a run at the `n`th such call of it; whether it ended before. None if processes
/// cannot be traced here.
fn killed(folder: &Folder, call: &str, n: usize) -> Option<bool> {
    let mut command = Command::new("strace");
    let inject = format!("inject={call}:signal=KILL:when={n}");
    command.args(["-o", "/dev/null", "-e", &format!("trace={call}"), "-e", &inject]);
    command.arg(common::NDSHM).args(["convert", "--append", "-t", "f8", "-o", "x.h5", "-j", "1"]);
    command.args(["few.txt"]).env_remove("NDSHM_PIECE_BYTES").current_dir(folder.root());
    let Ok(out) = command.stdin(Stdio::null()).output() else {
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

/// Killed after a time, by the clock: the workers, too, have come this far or that.
#[test]
fn killed_at_any_time_the_file_is_the_old_one_or_the_new_one() {
    let folder = tables();
    let path = make_old(&folder, "x.h5");
    let old = fs::read(&path).unwrap();
    run(&mut append(&folder, "x.h5", &["big.txt"])).ok();
    let new = fs::read(&path).unwrap();
    for step in 0..40_u64 {
        fs::write(&path, &old).unwrap();
        let running = Running::start(&mut append(&folder, "x.h5", &["big.txt"]));
        std::thread::sleep(Duration::from_micros(step * step * 100));
        running.signal(libc::SIGKILL);
        drop(running);
        let now = fs::read(&path).unwrap();
        assert!(now == old || now == new, "{step}: another file");
        if now == old {
            poll("the lock of the dead", || {
                run(&mut append(&folder, "x.h5", &["big.txt"])).ok();
                let done = !folder.has_temporary("x.h5");
                (!done).then(|| fs::write(&path, &old).unwrap());
                done.then_some(())
            });
            assert!(fs::read(&path).unwrap() == new, "{step}");
        }
    }
    assert_eq!(folder.names(), ["big.txt", "few.txt", "x.h5"]);
}

#[test]
fn a_full_disk_leaves_the_file_as_it_was() {
    let folder = tables();
    let path = make_old(&folder, "x.h5");
    let more = [
        0, 4, 200, 500, 700, 704, 708, 712, 720, 800, 1000, 1200, 1300, 1320, 1328, 1332, 1336,
        1340, 1344, 1348, 1352, 1360, 1400, 1500,
    ];
    let options = "-t f8 --append";
    let Some((made, refused)) = add_on_full_disks(&folder, &path, "big.txt", options, &more) else {
        return;
    };
    assert!(made >= 1 && refused >= 12, "{made} {refused}");
}

#[test]
fn a_job_can_be_stopped_while_the_file_is_copied() {
    let folder = tables();
    let path = make_old(&folder, "x.h5");
    // A user block: all that lies in front of the superblock is copied, too.
    let mut bytes = vec![7; 64 << 20];
    bytes.extend(fs::read(&path).unwrap());
    fs::write(&path, &bytes).unwrap();
    let mut options = Options::default();
    options.hdf5.append = true;
    options.load.workers = Some(1);
    let dtype = DTypeBuf::parse("f8").unwrap();
    let input = || [Input::from(folder.path("big.txt"))];
    let mut job = Job::start(input(), &path, dtype.as_dtype(), &options).unwrap();
    for _ in 0..2 {
        assert!(!job.step(Duration::ZERO).unwrap().done);
    }
    assert_eq!(job.progress().rows, 0, "rows came before the file was copied");
    job.canceller().cancel();
    let error = job.step(Duration::ZERO).unwrap_err();
    assert!(error.to_string().contains("cancel") || error.code() != 0, "{error}");
    drop(job);
    assert!(fs::read(&path).unwrap() == bytes && !folder.has_temporary("x.h5"));
    let mut job = Job::start(input(), &path, dtype.as_dtype(), &options).unwrap();
    let mut steps = 0;
    while !job.step(Duration::from_millis(50)).unwrap().done {
        steps += 1;
    }
    assert!(steps > 3, "{steps}");
    job.finish().unwrap();
    assert!(fs::read(&path).unwrap().starts_with(&bytes[..64 << 20]));
    assert!(dumped(&path, "/big").is_none_or(|rows| rows.len() == 40_000 * 16));
}

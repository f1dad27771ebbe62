//! Adding to HDF5 files that are there: nothing of them is lost, whatever happens.
//!
//! `NDSHM_PYTHON` names a Python with h5py; without it files of other writers are not tried.

#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, reason = "helpers of tests, too")]

mod common;

use core::time::Duration;
use std::fs;
use std::io::{Cursor, Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use common::{
    Folder, NOBODY, Ran, Running, Snapshot, eventually, h5dump, is_root, joined, ndshm, poll,
    python, run, with_private_mounts,
};
use ndshm::convert::{Arrange, Job, Options};
use ndshm::dtype_buf::DTypeBuf;
use ndshm::hdf5::{self, AppendFault, AttrValue, Error, TargetFault, Writer, check_target};
use ndshm::load::Input;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/h5/append_files.py");

/// A folder with tables to be added.
fn tables() -> Folder {
    let folder = Folder::new();
    folder.write("big.txt", joined(40_000, |i| format!("{i} {}\n", i % 7)));
    folder.write("few.txt", "1\n2\n3\n");
    folder
}

/// `ndshm convert --append` of these tables to `output`.
fn append(folder: &Folder, output: &str, inputs: &[&str]) -> Command {
    let mut command = ndshm(["convert", "--append", "-t", "f8", "-o", output]);
    command.args(inputs).current_dir(folder.root());
    command
}

/// A file with one dataset of many rows and one of few.
fn make_old(folder: &Folder, name: &str) -> PathBuf {
    let old = folder.write("old.txt", joined(30_000, |i| format!("{i} 1 2\n")));
    folder.write("old few.txt", "7\n8\n");
    let mut command = append(folder, name, &["old.txt", "old few.txt"]);
    run(&mut command).ok();
    fs::remove_file(old).unwrap();
    fs::remove_file(folder.path("old few.txt")).unwrap();
    folder.path(name)
}

fn names(path: &Path) -> Vec<String> {
    let listed = Command::new("h5ls").args(["-r"]).arg(path).output();
    let Ok(listed) = listed else { return Vec::new() };
    let text = String::from_utf8(listed.stdout).unwrap();
    text.lines().filter_map(|line| line.split_whitespace().next()).map(Into::into).collect()
}

/// Runs the script; it must find no fault. What it printed, if there is a Python.
#[track_caller]
fn script(args: &[&str], folder: &Folder) -> Option<String> {
    let mut command = python()?;
    let ran = run(command.arg(SCRIPT).args(args).current_dir(folder.root()));
    assert!(ran.status.success(), "{args:?}: {}{}", ran.stdout, ran.stderr);
    Some(ran.stdout)
}

/// The bytes of a dataset, by h5dump.
fn dumped(file: &Path, dataset: &str) -> Option<Vec<u8>> {
    let out = file.with_extension("dump");
    let to = out.to_str().unwrap();
    h5dump(&["-d", dataset, "-b", "FILE", "-o", to], file)?;
    let bytes = fs::read(&out).unwrap();
    fs::remove_file(out).unwrap();
    Some(bytes)
}

#[test]
fn files_of_every_kind_keep_what_they_have() {
    let folder = tables();
    let Some(kinds) = script(&["make", "."], &folder) else { return };
    for kind in kinds.lines() {
        let (old, new) = (format!("{kind}.h5"), "new.h5");
        fs::copy(folder.path(&old), folder.path(new)).unwrap();
        let ran = run(&mut append(&folder, new, &["big.txt", "few.txt"])).ok();
        assert!(ran.stdout.contains("40,003 rows in 2 datasets"), "{kind}: {ran:?}");
        if kind != "latest" && kind != "userblock_latest" {
            h5dump(&["-H"], &folder.path(new));
        }
        script(&["check", &old, new, "big=big.txt", "few=few.txt"], &folder);
    }
}

#[test]
fn the_same_rows_added_to_the_same_file_make_the_same_bytes() {
    let folder = tables();
    make_old(&folder, "own.h5");
    let add = |kind: &str, workers: &str, piece: &str| {
        fs::copy(folder.path(&format!("{kind}.h5")), folder.path("new.h5")).unwrap();
        let mut command = append(&folder, "new.h5", &["big.txt", "few.txt", "-j", workers]);
        run(command.env("NDSHM_PIECE_BYTES", piece)).ok();
        fs::read(folder.path("new.h5")).unwrap()
    };
    let once = add("own", "1", "100000");
    std::thread::sleep(Duration::from_millis(1100));
    assert!(add("own", "3", "5000") == once);
    let Some(kinds) = script(&["make", "."], &folder) else { return };
    for kind in kinds.lines() {
        // Where groups keep the time of their last change, HDF5 notes the second.
        let same = || add(kind, "3", "5000") == add(kind, "1", "100000");
        assert!((0..5).any(|_| same()), "{kind}");
    }
}

#[test]
fn packed_chunks_can_be_added_as_well() {
    let folder = tables();
    let Some(kinds) = script(&["make", "."], &folder) else { return };
    for kind in kinds.lines() {
        for how in [&["--compress", "gzip"][..], &["--layout", "chunked"]] {
            fs::copy(folder.path(&format!("{kind}.h5")), folder.path("new.h5")).unwrap();
            run(append(&folder, "new.h5", &["big.txt", "few.txt"]).args(how)).ok();
            let old = format!("{kind}.h5");
            script(&["check", &old, "new.h5", "big=big.txt", "few=few.txt"], &folder);
        }
    }
}

#[test]
fn a_file_grows_run_by_run() {
    let folder = tables();
    let path = make_old(&folder, "x.h5");
    let first = dumped(&path, "/old");
    let mut all = vec!["old".to_string(), "old few".into()];
    for i in 0..12 {
        let input = format!("g{i}.txt");
        folder.write(&input, joined(i * 700, |j| format!("{j} {i}\n")));
        run(&mut append(&folder, "x.h5", &[&input, "--allow-empty"])).ok();
        all.push(format!("g{i}"));
    }
    assert!(!folder.has_temporary("x.h5"));
    assert_eq!(dumped(&path, "/old"), first);
    for i in 1..12 {
        let want = joined(i * 700, |j| format!("{j} {i}\n"));
        let want: Vec<u8> = want
            .split_whitespace()
            .flat_map(|number| number.parse::<f64>().unwrap().to_le_bytes())
            .collect();
        if let Some(found) = dumped(&path, &format!("/g{i}")) {
            assert!(found == want, "g{i}");
        }
    }
}

#[test]
fn a_file_that_is_not_there_is_made() {
    let folder = tables();
    run(&mut append(&folder, "x.h5", &["few.txt"])).ok();
    run(ndshm(["convert", "-t", "f8", "few.txt", "-o", "y.h5"]).current_dir(folder.root())).ok();
    assert_eq!(fs::read(folder.path("x.h5")).unwrap(), fs::read(folder.path("y.h5")).unwrap());
    let both = run(append(&folder, "x.h5", &["few.txt"]).arg("--force"));
    assert_eq!(both.status.code(), Some(2), "{both:?}");
    let mut options = hdf5::Options::default();
    (options.append, options.force) = (true, true);
    assert!(matches!(check_target(&folder.path("x.h5"), &options), Err(Error::Order(_))));
}

#[test]
fn a_name_that_is_there_is_refused_before_anything_is_parsed() {
    let folder = tables();
    let path = make_old(&folder, "x.h5");
    let before = Snapshot::of(&path);
    folder.write("old.txt", "not a number\n");
    run(&mut append(&folder, "x.h5", &["big.txt", "old.txt"]))
        .refused(&["dataset 'old'", "exists already"]);
    run(&mut append(&folder, "x.h5", &["big.txt", "--concat", "old/x"]))
        .refused(&["dataset 'old/x'", "is no group"]);
    assert!(Snapshot::of(&path) == before);
    assert!(!folder.has_temporary("x.h5"));
}

#[test]
fn links_are_no_place_for_a_dataset() {
    let folder = tables();
    if script(&["make", "."], &folder).is_none() {
        return;
    }
    for name in ["default.h5", "v110.h5"] {
        let before = fs::read(folder.path(name)).unwrap();
        let other = fs::read(folder.path("other.h5")).unwrap();
        let taken =
            ["soft", "dangling", "outside", "again", "again too", "type", "a/b", "again too/c"];
        for path in [&taken[..], &["a/loop/loop/b/c", "a/loop/b/c/x"]].concat() {
            let mut command = append(&folder, name, &["few.txt", "--concat", path]);
            run(&mut command).refused(&[path, "exists already"]);
        }
        for path in ["soft/x", "dangling/x", "outside/x", "plain/x", "type/x", "a/loop/b/c/x/y"] {
            let mut command = append(&folder, name, &["few.txt", "--concat", path]);
            run(&mut command).refused(&[path, "is no group"]);
        }
        assert!(fs::read(folder.path(name)).unwrap() == before);
        assert!(fs::read(folder.path("other.h5")).unwrap() == other);
        for (path, leads) in [
            ("a/b/c/new/x", "a/b/c/new/x"),
            ("again too/c/new/y", "a/b/c/new/y"),
            ("a/loop/loop/z", "a/z"),
        ] {
            run(&mut append(&folder, name, &["few.txt", "--concat", path])).ok();
            let rows = dumped(&folder.path(name), leads).map(|rows| rows.len());
            assert!(rows.is_none_or(|len| len == 24), "{path}");
        }
    }
}

#[test]
fn what_nothing_can_be_added_to_is_refused_and_left_alone() {
    let folder = tables();
    let whole = fs::read(make_old(&folder, "x.h5")).unwrap();
    let mut marked = whole.clone();
    marked[11] |= 1;
    let mut newer = whole.clone();
    newer[8] = 9;
    let cases: [(&[u8], &str); 6] = [
        (b"", "is not an HDF5 file"),
        (b"col1 col2\n1 2\n", "is not an HDF5 file"),
        (&whole[..whole.len() - 5000], "was not closed"),
        (&whole[..30], "of a kind"),
        (&marked, "was not closed"),
        (&newer, "of a kind"),
    ];
    for (bytes, words) in cases {
        let path = folder.write("bad.h5", bytes);
        let before = Snapshot::of(&path);
        run(&mut append(&folder, "bad.h5", &["few.txt"])).refused(&["bad.h5: ", words]);
        assert!(Snapshot::of(&path) == before && !folder.has_temporary("bad.h5"), "{words}");
    }
    fs::create_dir(folder.path("dir")).unwrap();
    symlink("nowhere", folder.path("dangling")).unwrap();
    run(&mut append(&folder, "dir", &["few.txt"])).refused(&["directory"]);
    run(&mut append(&folder, "dangling", &["few.txt"])).refused(&["link to nothing"]);
    run(&mut append(&folder, "/dev/null", &["few.txt"])).refused(&["not a regular file"]);
    fs::copy(folder.path("x.h5"), folder.path("y.h5")).unwrap();
    let as_input = run(&mut append(&folder, "y.h5", &["y.h5"]));
    as_input.refused(&["the output is one of the inputs"]);
}

/// A file that somebody has broken between its ends: an error or a good file, never a crash.
#[test]
fn broken_metadata_is_an_error() {
    let folder = tables();
    let whole = fs::read(make_old(&folder, "x.h5")).unwrap();
    let (mut good, mut bad) = (0, 0);
    for at in (16..4096).step_by(61) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0xff;
        let path = folder.write("bad.h5", &bytes);
        let ran = run(&mut append(&folder, "bad.h5", &["few.txt"]));
        if ran.status.success() {
            good += 1;
        } else {
            bad += 1;
            ran.refused(&[]);
            assert!(fs::read(&path).unwrap() == bytes, "{at}");
        }
        assert!(!folder.has_temporary("bad.h5"), "{at}");
    }
    assert!(good > 5 && bad > 2, "{good} {bad}");
}

#[test]
fn link_and_permissions_stay() {
    let folder = tables();
    let path = make_old(&folder, "x.h5");
    symlink("x.h5", folder.path("link.h5")).unwrap();
    for mode in [0o600, 0o664, 0o444] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        folder.write(&format!("m{mode}.txt"), "1 2\n");
        run(&mut append(&folder, "link.h5", &[&format!("m{mode}.txt")])).ok();
        assert!(fs::symlink_metadata(folder.path("link.h5")).unwrap().is_symlink());
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, mode);
    }
}

/// As a user who owns the file, which is not to be written to, and who owns nothing else.
#[test]
fn an_ordinary_user_may_add_where_files_may_be_made() {
    if !is_root() {
        return;
    }
    let folder = Folder::open_to_all();
    folder.write("few.txt", "1\n2\n");
    run(&mut append(&folder, "x.h5", &["few.txt"])).ok();
    let path = folder.path("x.h5");
    let other = || {
        let mut command = append(&folder, "x.h5", &["few.txt", "--concat", "more"]);
        std::os::unix::process::CommandExt::uid(&mut command, NOBODY);
        command
    };
    // Neither the folder nor the file may be written to.
    run(&mut other()).refused(&["x.h5: can't create a file beside it", "Permission denied"]);
    fs::set_permissions(folder.root(), fs::Permissions::from_mode(0o777)).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    run(&mut other()).refused(&["x.h5: can't open it", "Permission denied"]);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    std::os::unix::fs::chown(&path, Some(NOBODY), None).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).unwrap();
    run(&mut other()).ok();
    let data = fs::metadata(&path).unwrap();
    assert_eq!((data.mode() & 0o777, data.uid()), (0o400, NOBODY));
    // And replace it.
    let mut command = ndshm(["convert", "few.txt", "-t", "f8", "-o", "x.h5", "--force"]);
    std::os::unix::process::CommandExt::uid(&mut command, NOBODY);
    run(command.current_dir(folder.root())).ok();
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o400);
    assert_eq!(folder.names(), ["few.txt", "x.h5"]);
}

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

/// An environment that makes HDF5 lock in spite of everything.
#[test]
fn the_environment_is_no_obstacle() {
    let folder = tables();
    let path = make_old(&folder, "x.h5");
    for (i, (name, value)) in
        [("HDF5_USE_FILE_LOCKING", "TRUE"), ("HDF5_USE_FILE_LOCKING", "FALSE")].iter().enumerate()
    {
        let dataset = format!("d{i}");
        let mut command = append(&folder, "x.h5", &["few.txt", "--concat", &dataset]);
        run(command.env(name, value)).ok();
        assert!(dumped(&path, &dataset).is_none_or(|rows| rows.len() == 24), "{name}");
    }
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
    let old = fs::metadata(&path).unwrap().len() / 1024 + 1;
    let (disk, before) = (folder.path("disk"), folder.path("before"));
    fs::create_dir(&disk).unwrap();
    let script = "
        for more in 0 4 200 500 700 704 708 712 720 800 1000 1200 1300 1320 1328 1332 1336 1340 \
                1344 1348 1352 1360 1400 1500; do
            mount -t tmpfs -o size=$((OLD + more))k tmpfs \"$3\" && cd \"$3\" || exit 99
            cp \"$4\" x.h5 && ls -li --full-time x.h5 >\"$5\" || exit 98
            \"$1\" convert \"$2\" -o x.h5 -t f8 --quiet --append 2>\"$6\"
            status=$?
            ls -li --full-time x.h5 | cmp -s - \"$5\" && cmp -s x.h5 \"$4\" && echo -n 'kept ' ||
                echo -n 'new '
            echo \"$more $status $(ls -A | wc -l) $(cat \"$6\")\"
            cd / && umount \"$3\"
        done"
        .replace("OLD", &old.to_string());
    let args = [&folder.path("big.txt"), &disk, &path, &before, &folder.path("message")];
    let args: Vec<&Path> = args.iter().map(|path| path.as_path()).collect();
    let Some(ran) = with_private_mounts(&script, &args) else { return };
    let (mut made, mut refused) = (0, 0);
    for line in ran.ok().stdout.lines() {
        let fields: Vec<_> = line.splitn(5, ' ').collect();
        match (fields[0], fields[2], fields[3]) {
            ("new", "0", "1") => made += 1,
            ("kept", "1", "1") => {
                let message = fields[4];
                assert!(message.starts_with("ndshm: ") && !message.contains('\n'), "{line}");
                assert!(message.contains("x.h5: disk is full"), "{line}");
                refused += 1;
            }
            _ => panic!("{line}"),
        }
    }
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

#[test]
fn a_stream_is_added_as_it_comes() {
    let folder = tables();
    let path = make_old(&folder, "x.h5");
    let mut options = Options::default();
    options.hdf5.append = true;
    options.arrange = Arrange::Concat("stream".into());
    let dtype = DTypeBuf::parse("f8").unwrap();
    let input = Input::stream("text", Cursor::new(b"1 2\n3 4\n".to_vec()));
    let job = Job::start([input], &path, dtype.as_dtype(), &options).unwrap();
    assert_eq!(job.finish().unwrap().datasets.len(), 1);
    assert!(dumped(&path, "/stream").is_none_or(|rows| rows.len() == 32));
}

/// The writer itself, as a Rust program calls it.
mod writer {
    use super::*;

    fn add(writer: &mut Writer, name: &str, rows: &[u8]) -> u64 {
        let dtype = DTypeBuf::parse("u1").unwrap();
        let at = writer.begin_dataset().unwrap();
        // SAFETY: a live slice.
        #[allow(unsafe_code)]
        unsafe { writer.append(rows.as_ptr(), rows.len()) }.unwrap();
        let attrs = [("n", AttrValue::Int(7))];
        writer.finish_dataset(name, dtype.as_dtype(), &[rows.len() as u64], &attrs).unwrap();
        at
    }

    fn rows(len: usize, seed: u8) -> Vec<u8> {
        (0..len).map(|i| (i % 251) as u8 ^ seed).collect()
    }

    #[test]
    fn rows_lie_where_they_were_written() {
        let folder = Folder::new();
        make_old(&folder, "own.h5");
        let mut kinds = vec!["own".to_string()];
        if let Some(made) = script(&["make", "."], &folder) {
            // Those that know where they have room may use it.
            let usual = |kind: &&str| !matches!(*kind, "paged" | "persist");
            kinds.extend(made.lines().filter(usual).map(Into::into));
        }
        for kind in kinds {
            let path = folder.path(&format!("{kind}.h5"));
            let mut writer = Writer::add_to(&path, &hdf5::Options::default(), 4000).unwrap();
            let all = [rows(300_000, 1), rows(70_000, 2), rows(100, 3), rows(90_000, 4)];
            let named = (0..).zip(&all);
            let places: Vec<_> =
                named.map(|(i, rows)| add(&mut writer, &format!("new/d{i}"), rows)).collect();
            let made = writer.close().unwrap();
            assert_eq!(made.datasets, 4, "{kind}");
            let file = fs::read(&path).unwrap();
            assert_eq!(made.bytes, file.len() as u64, "{kind}");
            for (rows, at) in all.iter().zip(places) {
                let place = file.get(at as usize..at as usize + rows.len());
                assert!(rows.len() < 65_536 || place == Some(rows), "{kind}: rows were moved");
            }
        }
    }

    #[test]
    fn what_is_dropped_leaves_the_file_as_it_was() {
        let folder = Folder::new();
        let path = make_old(&folder, "x.h5");
        let before = Snapshot::of(&path);
        let mut writer = Writer::add_to(&path, &hdf5::Options::default(), 0).unwrap();
        add(&mut writer, "x", &rows(500_000, 0));
        assert!(Snapshot::of(&path) == before);
        drop(writer);
        let mut writer = Writer::add_to(&path, &hdf5::Options::default(), 0).unwrap();
        let dtype = DTypeBuf::parse("u1").unwrap();
        writer.begin_dataset().unwrap();
        let taken = writer.finish_dataset("old", dtype.as_dtype(), &[0], &[]);
        assert!(matches!(taken, Err(Error::Dataset { .. })), "{taken:?}");
        // It goes on after that.
        add(&mut writer, "x", &rows(500_000, 0));
        writer.close().unwrap();
        assert_eq!(folder.names(), ["x.h5"]);
    }

    #[test]
    fn two_writers_of_one_program_do_not_harm_each_other() {
        let folder = Folder::new();
        let path = make_old(&folder, "x.h5");
        let open = || Writer::add_to(&path, &hdf5::Options::default(), 0).unwrap();
        let (mut first, mut second) = (open(), open());
        add(&mut first, "first", &rows(500_000, 1));
        add(&mut second, "second", &rows(500_000, 2));
        first.close().unwrap();
        let refused = second.close().unwrap_err();
        assert!(
            matches!(refused, Error::Append { fault: AppendFault::Changed, .. }),
            "{refused:?}"
        );
        assert!(dumped(&path, "/first").is_none_or(|found| found == rows(500_000, 1)));
        assert_eq!(folder.names(), ["x.h5"]);
    }

    /// A file that appears while its maker is at work is not added to unseen.
    #[test]
    fn a_file_that_was_not_there_at_the_beginning_is_not_harmed() {
        let folder = Folder::new();
        let path = folder.path("x.h5");
        let mut writer = Writer::add_to(&path, &hdf5::Options::default(), 0).unwrap();
        add(&mut writer, "x", &rows(10, 0));
        fs::write(&path, "mine").unwrap();
        let refused = writer.close().unwrap_err();
        assert!(matches!(refused, Error::Target { fault: TargetFault::Exists, .. }), "{refused:?}");
        assert_eq!(fs::read(&path).unwrap(), b"mine");
    }
}

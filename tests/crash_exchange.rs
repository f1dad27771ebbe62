//! Whatever happens to `ndshm import`, `export`, `join` and `verify`: a target is the old file
//! or the new one, whole; a segment is there whole or not at all; no process is left, nothing
//! hangs, and the message says what was wrong.
//!
//! `tests/crash/shim.c` is preloaded to kill the command at its calls, to let them fail, and
//! to cut files while they are read. `tests/crash.rs` does the same to `ndshm convert`.

#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, reason = "helpers of tests, too")]

mod common;
#[path = "crash/crew.rs"]
mod crew;
#[path = "crash/marked.rs"]
mod marked;
#[path = "crash/shim.rs"]
mod shim;

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Command;

use common::{
    Folder, Ran, Running, SegmentName, Snapshot, eventually, is_stopped, joined, ndshm, run,
    with_private_mounts,
};
use shim::shim;

const OLD: &[u8] = b"precious";
const RECORD: &str = "name:S6,i:i4,x:f8";
/// So many that there are several pieces of what is read and written.
const ROWS: usize = 30_000;

/// What a command makes.
#[derive(Clone, Copy, PartialEq)]
enum Makes {
    File(&'static str),
    Segment,
}

/// A command, and what it makes if nothing happens.
struct Case {
    folder: Folder,
    args: Vec<String>,
    makes: Makes,
    /// What it reads.
    reads: &'static str,
    /// The segment that it makes, or reads.
    segment: SegmentName,
    expected: Vec<u8>,
    /// By which its processes are known.
    mark: String,
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(String::from).collect()
}

fn table(rows: usize) -> String {
    joined(rows, |i| format!("n{} {} {}.{:03}\n", i % 37, i * 7919 % 10_007, i, i % 997))
}

impl Case {
    /// `prepare` are commands, a line each, whose first word is one of `ndshm`'s; in all
    /// commands SEGMENT is the segment's name.
    fn new(makes: Makes, reads: &'static str, prepare: &str, command: &str, rows: usize) -> Self {
        let folder = Folder::new();
        folder.write("in.txt", table(rows));
        let segment = SegmentName::new("crash");
        let named = |text: &str| words(&text.replace("SEGMENT", segment.as_str()));
        for line in prepare.lines() {
            run(ndshm(named(line)).arg("-q").current_dir(folder.root())).ok();
        }
        fs::remove_file(folder.path("in.txt")).unwrap();
        let mark = format!("NDSHM_TEST_MARK={}", folder.root().display());
        let args = named(command);
        let mut case = Self { folder, args, makes, reads, segment, expected: Vec::new(), mark };
        run(&mut case.command(&[])).ok();
        case.expected = case.made().unwrap();
        case.put(None);
        case
    }

    fn command(&self, options: &[&str]) -> Command {
        let mut command = ndshm(&self.args);
        let (name, value) = self.mark.split_once('=').unwrap();
        command.args(options).arg("-q").env(name, value).current_dir(self.folder.root());
        command
    }

    /// With something that happens to one of its calls.
    fn disturbed(&self, shim: &Path, options: &[&str], at: u64, how: &[(&str, &str)]) -> Command {
        let mut command = self.command(options);
        command.env("LD_PRELOAD", shim).env("CRASH_AT", at.to_string());
        command.envs(how.iter().copied());
        command
    }

    /// How many calls there are that something may happen to.
    fn calls(&self, shim: &Path, options: &[&str], how: &[(&str, &str)]) -> u64 {
        let seen = Folder::new();
        let file = seen.path("seen");
        let mut command = self.disturbed(shim, options, 0, how);
        run(command.env("CRASH_SEEN", &file)).ok();
        self.put(None);
        fs::read_to_string(file).unwrap().trim().parse().unwrap()
    }

    /// What it has made; none if there is nothing.
    fn made(&self) -> Option<Vec<u8>> {
        match self.makes {
            Makes::File(name) => fs::read(self.folder.path(name)).ok(),
            Makes::Segment => {
                if !self.segment.file().exists() {
                    return None;
                }
                let other = Folder::new();
                let mut export = ndshm(["export", "-q", self.segment.as_str(), "-o", "x.npy"]);
                run(export.current_dir(other.root())).ok();
                Some(fs::read(other.path("x.npy")).unwrap())
            }
        }
    }

    /// Options to replace a file, which a segment cannot be.
    fn replacing(&self) -> &'static [&'static str] {
        if self.makes == Makes::Segment { &[] } else { &["--force"] }
    }

    /// Removes what was made, and puts this at its place.
    fn put(&self, old: Option<&[u8]>) -> Option<Snapshot> {
        match self.makes {
            Makes::Segment => {
                let _ = fs::remove_file(self.segment.file());
                None
            }
            Makes::File(name) => {
                let _ = fs::remove_file(self.folder.path(name));
                old.map(|old| Snapshot::of(&self.folder.write(name, old)))
            }
        }
    }

    /// What is there is what was, or what was to be made; which of them.
    #[track_caller]
    fn is_old_or_new(&self, before: Option<&Snapshot>, what: &str) -> bool {
        let Some(made) = self.made() else {
            assert!(before.is_none(), "{what}: the old file is gone");
            return false;
        };
        if made == self.expected {
            return true;
        }
        let Makes::File(name) = self.makes else { panic!("{what}: half a segment") };
        assert_eq!(Some(Snapshot::of(&self.folder.path(name))).as_ref(), before, "{what}");
        false
    }

    /// No process of this case is left.
    #[track_caller]
    fn has_no_process(&self, what: &str) {
        marked::has_no_process(&self.mark, what);
    }

    #[track_caller]
    fn has_no_temporary(&self, what: &str) {
        let names = self.folder.names();
        assert!(names.iter().all(|name| !name.contains("ndshm-tmp")), "{what}: {names:?}");
    }

    /// The next run makes it, and nothing is left but that.
    #[track_caller]
    fn next_run_cleans_up(&self, what: &str) {
        self.put(None);
        run(&mut self.command(&[])).ok();
        assert!(self.made().unwrap() == self.expected, "{what}");
        self.has_no_temporary(what);
        self.put(None);
        if self.makes == Makes::Segment {
            assert!(!self.segment.has_left_something(), "{what}: something is left of the segment");
        }
    }
}

fn imports(rows: usize) -> Vec<Case> {
    let convert = format!("convert in.txt -o in.h5 -t {RECORD} --concat data");
    let two = format!("{convert}\nconvert in.txt -o b.h5 -t {RECORD} --concat data\n");
    let (import, npy) = ("import in.h5 --name SEGMENT", "import in.npy --name SEGMENT");
    let saved = format!("{convert}\nimport in.h5 --name SEGMENT.x\nexport SEGMENT.x -o in.npy");
    let case = |reads, prepare: &str, command: &str| {
        Case::new(Makes::Segment, reads, prepare, command, rows)
    };
    let cases = vec![
        case("in.h5", &convert, import),
        case("in.h5", &format!("{convert} --compress gzip:1 --chunks 1000"), import),
        case("in.npy", &saved, npy),
        case("b.h5", &format!("{two}join in.h5 b.h5 -o all.h5"), "import all.h5 --name SEGMENT"),
    ];
    let _ = fs::remove_file(SegmentName(format!("{}.x", cases[2].segment.as_str())).file());
    cases
}

fn exports(rows: usize) -> Vec<Case> {
    let load = format!("load in.txt -t {RECORD} --name SEGMENT");
    let case = |name, command| Case::new(Makes::File(name), "", &load, command, rows);
    vec![
        case("x.h5", "export SEGMENT -o x.h5 --dataset x"),
        case("x.npy", "export SEGMENT -o x.npy"),
        case("x.csv", "export SEGMENT -o x.csv"),
    ]
}

fn joins(rows: usize) -> Vec<Case> {
    let part = |name: &str, more: &str| {
        format!("convert in.txt -o {name} -t {RECORD} --concat data {more}\n")
    };
    let parts = part("a.h5", "") + &part("b.h5", "--compress gzip:1 --chunks 1000");
    let whole = format!("{parts}join a.h5 b.h5 -o all.h5 --checksum");
    let case = |reads, prepare: &str, command| {
        Case::new(Makes::File("x.h5"), reads, prepare, command, rows)
    };
    vec![
        case("a.h5", &parts, "join a.h5 b.h5 -o x.h5 --checksum"),
        case("b.h5", &parts, "join a.h5 b.h5 -o x.h5 --materialize"),
        case("a.h5", &whole, "join all.h5 -o x.h5 --materialize"),
        case("b.h5", &parts, "join a.h5 b.h5 -o x.h5 --materialize --compress gzip:1 -j 2"),
    ]
}

fn all(rows: usize) -> impl Iterator<Item = Case> {
    imports(rows).into_iter().chain(exports(rows)).chain(joins(rows))
}

/// So many of the numbers up to one, from the first to the last.
fn spread(last: u64, count: u64) -> impl Iterator<Item = u64> {
    let count = count.min(last);
    (1..=count).map(move |i| i * last / count)
}

#[test]
fn a_kill_at_any_call_leaves_what_was_or_all_of_what_is_made() {
    let Some(shim) = shim() else { return };
    let mut all_made = 0;
    for case in all(3000) {
        let calls = case.calls(shim, case.replacing(), &[]);
        let (mut killed, mut made) = (0, 0);
        for at in spread(calls, 24) {
            let there = at % 2 == 0;
            let before = case.put(there.then_some(OLD));
            let ran = run(&mut case.disturbed(shim, case.replacing(), at, &[]));
            let what = format!("{:?}, call {at} of {calls}: {ran:?}", case.args);
            let is_new = case.is_old_or_new(before.as_ref(), &what);
            match ran.status.signal() {
                Some(signal) => assert_eq!(signal, libc::SIGKILL, "{what}"),
                None => assert!(ran.status.success() && is_new, "{what}"),
            }
            killed += usize::from(ran.status.signal().is_some());
            made += usize::from(is_new);
        }
        assert!(killed > 4, "{:?}: {killed} killed", case.args);
        all_made += made;
        case.has_no_process("kills");
        case.next_run_cleans_up("kills");
    }
    assert!(all_made > 4, "{all_made}");
}

#[test]
fn a_kill_at_any_time_leaves_what_was_or_all_of_what_is_made() {
    const POINTS: u32 = 7;
    for case in all(ROWS) {
        let begin = std::time::Instant::now();
        run(&mut case.command(&[])).ok();
        let whole = begin.elapsed();
        for point in 0..POINTS {
            let before = case.put((point % 2 == 0).then_some(OLD));
            let running = Running::start(&mut case.command(case.replacing()));
            std::thread::sleep(whole * point / POINTS);
            running.signal(libc::SIGKILL);
            let ran = running.wait();
            let what = format!("{:?} {point}: {ran:?}", case.args);
            let is_new = case.is_old_or_new(before.as_ref(), &what);
            assert!(ran.status.signal() == Some(libc::SIGKILL) || is_new, "{what}");
        }
        case.has_no_process("kills");
        case.next_run_cleans_up("kills");
    }
}

/// It ended with an error, has said why in one message, and has left what was there.
#[track_caller]
fn is_told(case: &Case, ran: &Ran, texts: &[&str], before: Option<&Snapshot>, what: &str) {
    assert_eq!(ran.status.code(), Some(1), "{what}");
    let is_said = texts.iter().any(|text| ran.stderr.contains(text));
    assert!(is_said && !ran.stderr.contains("panicked"), "{what}");
    assert!(ran.stderr.starts_with("ndshm: "), "{what}");
    let is_new = case.is_old_or_new(before, what);
    // The file has its name when its directory cannot be synced.
    assert!(!is_new || ran.stderr.contains("can't sync the directory"), "{what}");
    case.has_no_temporary(what);
}

#[test]
fn a_call_that_fails_is_an_error_and_leaves_what_was() {
    let Some(shim) = shim() else { return };
    for case in all(ROWS) {
        let sync: &[&str] = if case.makes == Makes::Segment { &[] } else { &["--force", "--sync"] };
        let mut failed = 0;
        for call in ["pwrite", "fsync", "ftruncate", "rename", "open", "linkat"] {
            let how = [("CRASH_CALL", call), ("CRASH_ERRNO", "5")];
            let calls = case.calls(shim, sync, &how);
            for at in spread(calls, 4) {
                let before = case.put((at % 2 == 0).then_some(OLD));
                let ran = run(&mut case.disturbed(shim, sync, at, &how));
                let what = format!("{:?}, {call} {at} of {calls}: {ran:?}", case.args);
                let may_be_done_otherwise = matches!(call, "ftruncate" | "open");
                if may_be_done_otherwise && ran.status.success() {
                    // There is another way to make a file, and more room than needed is no harm.
                    assert!(case.is_old_or_new(before.as_ref(), &what), "{what}");
                    case.put(None);
                    continue;
                }
                is_told(&case, &ran, &["Input/output error"], before.as_ref(), &what);
                failed += 1;
            }
        }
        assert!(failed > 1, "{:?}: {failed}", case.args);
        case.has_no_process("errors");
        case.next_run_cleans_up("errors");
    }
}

/// A disk with bad sectors: any read of what is read fails, by the command or by a process that
/// it has forked.
#[test]
fn a_read_that_fails_is_an_error_and_leaves_what_was() {
    let Some(shim) = shim() else { return };
    for case in all(ROWS).filter(|case| !case.reads.is_empty()) {
        let how = [("CRASH_CALL", "pread"), ("CRASH_FILE", case.reads), ("CRASH_ERRNO", "5")];
        let how = [&how[..], &[("CRASH_ON", "1")]].concat();
        let calls = case.calls(shim, case.replacing(), &how);
        assert!(calls > 2, "{:?}: {calls} reads of {}", case.args, case.reads);
        for at in spread(calls, 12) {
            let before = case.put((at % 2 == 0).then_some(OLD));
            let ran = run(&mut case.disturbed(shim, case.replacing(), at, &how));
            let what = format!("{:?}, read {at} of {calls}: {ran:?}", case.args);
            // HDF5 does not always say why it cannot list what is in a file.
            let texts = ["Input/output error", "has no datasets"];
            is_told(&case, &ran, &texts, before.as_ref(), &what);
            assert!(ran.stderr.contains(case.reads), "no file is named: {what}");
        }
        // Where reading is done by others, their first reads.
        for at in 1..=3 {
            let before = case.put(Some(OLD));
            let forked = [&how[..], &[("CRASH_FORKED", "1")]].concat();
            let ran = run(&mut case.disturbed(shim, case.replacing(), at, &forked));
            let what = format!("{:?}, read {at} of others: {ran:?}", case.args);
            if ran.status.success() {
                assert!(case.is_old_or_new(before.as_ref(), &what), "{what}");
            } else {
                is_told(&case, &ran, &["Input/output error"], before.as_ref(), &what);
            }
        }
        case.has_no_process("errors");
        case.next_run_cleans_up("errors");
    }
}

/// Somebody cuts the file in the middle.
#[test]
fn a_file_that_is_cut_while_it_is_read_is_an_error() {
    let Some(shim) = shim() else { return };
    for case in all(ROWS).filter(|case| !case.reads.is_empty()) {
        let path = case.folder.path(case.reads);
        let whole = fs::read(&path).unwrap();
        let cut = path.to_str().unwrap();
        let how = [("CRASH_CALL", "pread"), ("CRASH_FILE", case.reads), ("CRASH_CUT", cut)];
        let calls = case.calls(shim, case.replacing(), &how);
        let mut refused = 0;
        for at in spread(calls, 12) {
            fs::write(&path, &whole).unwrap();
            let before = case.put((at % 2 == 0).then_some(OLD));
            let ran = run(&mut case.disturbed(shim, case.replacing(), at, &how));
            let what = format!("{:?}, cut at read {at} of {calls}: {ran:?}", case.args);
            assert!(fs::metadata(&path).unwrap().len() < whole.len() as u64, "{what}");
            let is_new = case.is_old_or_new(before.as_ref(), &what);
            assert_eq!(ran.status.code(), Some(i32::from(!is_new)), "{what}");
            assert!(is_new || ran.stderr.starts_with("ndshm: "), "{what}");
            // HDF5 2 finds it while it reads the one that was given.
            let names = [case.reads, "all.h5"].iter().any(|name| ran.stderr.contains(name));
            assert!(is_new || names, "no file is named: {what}");
            assert!(!ran.stderr.contains("panicked"), "{what}");
            refused += usize::from(!is_new);
        }
        assert!(refused > 0, "{:?}", case.args);
        fs::write(&path, &whole).unwrap();
        case.has_no_process("cuts");
        case.next_run_cleans_up("cuts");
    }
}

/// Every size from a few pages to more than is needed.
#[test]
fn shared_memory_that_is_full_is_an_error() {
    for case in imports(3000) {
        let pages = case.expected.len() / 4096 + 8;
        let step = (pages / 8).max(1);
        let script = format!(
            "cd \"$2\" || exit 9
             for size in $(seq 1 {step} {pages}) {pages}; do
               mount -t tmpfs -o size=$((size * 4))k none /dev/shm || exit 9
               \"$1\" {} -q 2>err; status=$?
               echo \"$size $status $(ls -A /dev/shm | wc -l) $(cat err)\"
               umount /dev/shm || exit 9
             done",
            case.args.join(" ")
        );
        let Some(ran) = with_private_mounts(&script, &[case.folder.root()]) else { return };
        assert!(ran.status.success(), "{ran:?}");
        let (mut full, mut made) = (0, 0);
        for line in ran.stdout.lines() {
            let words: Vec<_> = line.splitn(4, ' ').collect();
            if words[1..3] == ["0", "1"] {
                made += 1;
            } else {
                assert_eq!(words[1..3], ["1", "0"], "{:?}: {line}", case.args);
                assert!(words[3].contains("shared memory is full"), "{:?}: {line}", case.args);
                full += 1;
            }
        }
        assert!(full > 3 && made > 0, "{:?}: {}", case.args, ran.stdout);
    }
}

#[test]
fn a_disk_that_is_full_leaves_the_old_file() {
    for case in exports(3000).into_iter().chain(joins(3000)) {
        let Makes::File(name) = case.makes else { continue };
        let pages = case.expected.len() / 4096 + 8;
        let step = (pages / 8).max(1);
        let args = case.args.join(" ").replace(&format!("-o {name}"), &format!("-o disk/{name}"));
        let script = format!(
            "cd \"$2\" && mkdir disk || exit 9
             for size in $(seq 2 {step} {pages}) {pages}; do
               mount -t tmpfs -o size=$((size * 4))k none disk || exit 9
               printf precious >disk/{name}
               \"$1\" {args} -q --force 2>err; status=$?
               old=other; [ \"$(head -c 9 disk/{name} | tr -d '\\000')\" = precious ] && old=old
               echo \"$size $status $old $(ls -A disk | wc -l) $(cat err)\"
               umount disk || exit 9
             done; rm -r disk err"
        );
        let Some(ran) = with_private_mounts(&script, &[case.folder.root()]) else { return };
        assert!(ran.status.success(), "{ran:?}");
        let (mut full, mut made) = (0, 0);
        for line in ran.stdout.lines() {
            let words: Vec<_> = line.splitn(5, ' ').collect();
            assert_eq!(words[3], "1", "something is left: {:?} {line}", case.args);
            if words[1] == "0" {
                assert_eq!(words[2], "other", "{:?} {line}", case.args);
                made += 1;
            } else {
                assert_eq!(words[1..3], ["1", "old"], "{:?} {line}", case.args);
                let message = words[4].to_lowercase();
                assert!(message.contains("no space") || message.contains("full"), "{line}");
                full += 1;
            }
        }
        assert!(full > 0 && made > 0, "{:?}: {}", case.args, ran.stdout);
    }
}

/// Runs the command with another target.
fn onto(case: &Case, target: &str, options: &[&str]) -> Ran {
    let Makes::File(name) = case.makes else { panic!("it makes no file") };
    let args = case.args.iter().map(|arg| if arg == name { target } else { arg });
    let mut command = ndshm(args);
    run(command.args(options).arg("-q").current_dir(case.folder.root()))
}

#[test]
fn targets_that_are_no_files_stay_what_they_are() {
    for case in exports(3000).into_iter().chain(joins(3000)) {
        let Makes::File(name) = case.makes else { continue };
        let kind = Path::new(name).extension().unwrap().to_str().unwrap();
        let is_join = case.args[0] == "join";
        let format: &[&str] = if is_join { &["--force"] } else { &["--force", "--format", kind] };
        let at = |name: &str| case.folder.path(name);
        fs::create_dir(at("dir")).unwrap();
        run(Command::new("mkfifo").arg(at("fifo"))).ok();
        symlink("nowhere", at("dangling")).unwrap();
        symlink("fifo", at("to-fifo")).unwrap();
        let names = case.folder.names();
        onto(&case, "dir", format).refused(&["dir", "is a directory"]);
        onto(&case, "fifo", format).refused(&["fifo", "not a regular file"]);
        onto(&case, "to-fifo", format).refused(&["fifo", "not a regular file"]);
        onto(&case, "/dev/null", format).refused(&["/dev/null", "not a regular file"]);
        onto(&case, "/dev/full", format).refused(&["/dev/full", "not a regular file"]);
        onto(&case, "dangling", format).refused(&["dangling", "link"]);
        onto(&case, &format!("none/{name}"), format).refused(&["none", "directory"]);
        onto(&case, "", format).failed_anyhow();
        onto(&case, "..", format).failed_anyhow();
        assert_eq!(case.folder.names(), names, "{:?}", case.args);
    }
}

impl Ran {
    /// It failed with a message; which one is looked at elsewhere.
    #[track_caller]
    fn failed_anyhow(self) {
        assert!(matches!(self.status.code(), Some(1 | 2)), "{self:?}");
        assert!(!self.stderr.is_empty() && !self.stderr.contains("panicked"), "{self:?}");
    }
}

#[test]
fn a_target_on_another_disk_or_on_one_that_is_read_only() {
    for case in exports(3000).into_iter().chain(joins(3000)) {
        let Makes::File(name) = case.makes else { continue };
        let script = format!(
            "cd \"$2\" && mkdir disk && mount -t tmpfs none disk || exit 9
             printf old >disk/{name}
             ln -s disk/{name} {name}
             \"$1\" {args} -q --force; echo $? $(ls -A disk)
             [ -L {name} ] && [ \"$(head -c 3 {name})\" != old ] && echo new
             mount -o remount,ro disk || exit 9
             sum=$(cksum {name})
             \"$1\" {args} -q --force 2>&1; echo $? $(ls -A disk)
             [ \"$sum\" = \"$(cksum {name})\" ] && echo same
             umount disk; rm -r disk {name}",
            args = case.args.join(" ")
        );
        let Some(ran) = with_private_mounts(&script, &[case.folder.root()]) else { return };
        let lines: Vec<_> = ran.stdout.lines().collect();
        let what = format!("{:?}: {ran:?}", case.args);
        assert_eq!(lines[..2], [&format!("0 {name}")[..], "new"], "{what}");
        assert!(lines[2].starts_with("ndshm: ") && lines[2].contains("ead-only"), "{what}");
        assert_eq!(lines[3..], [&format!("1 {name}")[..], "same"], "{what}");
    }
}

/// The command, stopped before it gives the file its name.
fn about_to_end(case: &Case, shim: &Path, options: &[&str]) -> Running {
    let how = [("CRASH_CALL", "rename"), ("CRASH_STOP", "1")];
    let running = Running::start(&mut case.disturbed(shim, options, 1, &how));
    eventually("the call of rename", || is_stopped(running.pid()));
    running
}

#[test]
fn of_two_to_one_target_the_first_to_end_makes_it() {
    let Some(shim) = shim() else { return };
    for case in exports(3000).into_iter().chain(joins(3000)) {
        let Makes::File(name) = case.makes else { continue };
        for options in [&[][..], &["--force"]] {
            case.put(None);
            let slow = about_to_end(&case, shim, options);
            assert!(case.folder.has_temporary(name));
            run(&mut case.command(options)).ok();
            assert!(case.folder.has_temporary(name), "the file of a living run was swept");
            let first = Snapshot::of(&case.folder.path(name));
            slow.signal(libc::SIGCONT);
            let ran = slow.wait();
            if options.is_empty() {
                ran.refused(&[name, "file exists"]);
                assert_eq!(Snapshot::of(&case.folder.path(name)), first);
            } else {
                ran.ok();
                assert_ne!(Snapshot::of(&case.folder.path(name)), first);
            }
            assert!(case.made().unwrap() == case.expected, "{:?}", case.args);
            case.has_no_temporary("two at once");
        }
    }
}

#[test]
fn of_two_to_one_name_the_first_to_end_makes_the_segment() {
    let Some(shim) = shim() else { return };
    for case in imports(3000) {
        case.put(None);
        let how = [("CRASH_CALL", "linkat"), ("CRASH_STOP", "1")];
        let slow = Running::start(&mut case.disturbed(shim, &[], 1, &how));
        eventually("the call of linkat", || is_stopped(slow.pid()));
        run(&mut case.command(&[])).ok();
        slow.signal(libc::SIGCONT);
        slow.wait().refused(&["exists"]);
        assert!(case.made().unwrap() == case.expected, "{:?}", case.args);
        case.put(None);
        assert!(!case.segment.has_left_something(), "{:?}", case.args);
    }
}

#[test]
fn an_interrupt_is_a_clean_end() {
    let Some(shim) = shim() else { return };
    for case in all(ROWS) {
        let how = [("CRASH_CALL", "pwrite"), ("CRASH_STOP", "1")];
        let calls = case.calls(shim, case.replacing(), &[how[0]]);
        for (at, times) in spread(calls, 2).zip([1, 3]) {
            let before = case.put((at % 2 == 0).then_some(OLD));
            let running = Running::start(&mut case.disturbed(shim, case.replacing(), at, &how));
            eventually("a call of pwrite", || is_stopped(running.pid()));
            for _ in 0..times {
                running.signal(libc::SIGINT);
            }
            running.signal(libc::SIGCONT);
            let ran = running.wait();
            let what = format!("{:?}, pwrite {at} of {calls}: {ran:?}", case.args);
            let is_new = case.is_old_or_new(before.as_ref(), &what);
            if !is_new {
                ran.interrupted();
            }
            case.has_no_temporary(&what);
        }
        case.has_no_process("interrupts");
        case.next_run_cleans_up("interrupts");
    }
}

//! Whatever happens to a conversion, the target is the old file or the new one, whole; and
//! what a dead run left behind goes with the next one.
//!
//! `tests/crash/shim.c` is preloaded to kill the command at its calls, and to let them fail.
//! `make torture` takes more points than the tests do.

#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, reason = "helpers of tests, too")]

mod common;
#[path = "crash/marked.rs"]
mod marked;
#[path = "crash/quota.rs"]
mod quota;
#[path = "crash/reads.rs"]
mod reads;
#[path = "crash/shim.rs"]
mod shim;

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::{
    Folder, NDSHM, Ran, Running, Snapshot, eventually, joined, ndshm, run, send, stop,
    with_private_mounts,
};
use shim::shim;

/// Ways of lying in the file, in so small chunks that a short run has many steps.
const LAYOUTS: [&[&str]; 3] = [
    &[],
    &["--compress", "gzip:1", "--chunks", "64"],
    &["--layout", "columns", "--compress", "gzip:1", "--chunks", "128"],
];
const WORKERS: usize = 2;
/// Parsers with their spares, and packers with theirs.
const PARSERS: usize = 4;
const PACKERS: usize = 3;

/// Whether this is the long form.
fn is_torture() -> bool {
    std::env::var_os("NDSHM_TORTURE").is_some()
}

/// A conversion, and what it makes if nothing happens.
struct Case {
    folder: Folder,
    layout: &'static [&'static str],
    expected: Vec<u8>,
    /// By which its processes are known.
    mark: String,
}

impl Case {
    fn new(layout: &'static [&'static str]) -> Self {
        let folder = Folder::new();
        let line = |i| format!("n{} {} {}.{:03}\n", i % 37, i * 7919 % 10_007, i, i % 997);
        folder.write("in.txt", joined(3000, line));
        let mark = format!("NDSHM_TEST_MARK={}", folder.root().display());
        let mut case = Self { folder, layout, expected: Vec::new(), mark };
        case.command(&[]).status().unwrap();
        case.expected = fs::read(case.target()).unwrap();
        case
    }

    fn target(&self) -> PathBuf {
        self.folder.path("x.h5")
    }

    fn command(&self, options: &[&str]) -> Command {
        let mut command =
            ndshm(["convert", "-q", "-t", "name:S6,i:i4,x:f8", "in.txt", "-o", "x.h5"]);
        command.args(["-j", &WORKERS.to_string()]).args(self.layout).args(options);
        let (name, value) = self.mark.split_once('=').unwrap();
        command.env("NDSHM_PIECE_BYTES", "2000").env(name, value).current_dir(self.folder.root());
        command
    }

    /// With something that happens to one of its calls.
    fn disturbed(&self, shim: &Path, options: &[&str], at: u64, how: &[(&str, &str)]) -> Ran {
        let mut command = self.command(options);
        command.env("LD_PRELOAD", shim).env("CRASH_AT", at.to_string());
        run(command.envs(how.iter().copied()))
    }

    /// How many calls there are that something may happen to.
    fn calls(&self, shim: &Path, options: &[&str], call: Option<&str>) -> u64 {
        let seen = self.folder.path("seen");
        let mut how = vec![("CRASH_SEEN", seen.to_str().unwrap()), ("CRASH_ERRNO", "5")];
        how.extend(call.map(|call| ("CRASH_CALL", call)));
        if call.is_none() {
            how.remove(1);
        }
        self.disturbed(shim, options, 0, &how).ok();
        let text = fs::read_to_string(&seen).unwrap();
        fs::remove_file(seen).unwrap();
        text.trim().parse().unwrap()
    }

    /// Puts this at the place of the target, or nothing.
    fn put(&self, old: Option<&[u8]>) -> Option<Snapshot> {
        let _ = fs::remove_file(self.target());
        old.map(|old| Snapshot::of(&self.folder.write("x.h5", old)))
    }

    /// The target is what it was, or the new file; which of them.
    #[track_caller]
    fn is_old_or_new(&self, before: Option<&Snapshot>, what: &str) -> bool {
        if !self.target().exists() {
            assert!(before.is_none(), "{what}: the old file is gone");
            return false;
        }
        if fs::read(self.target()).unwrap() == self.expected {
            return true;
        }
        assert_eq!(Some(Snapshot::of(&self.target())).as_ref(), before, "{what}");
        false
    }

    /// No process of this case is left.
    #[track_caller]
    fn has_no_process(&self, what: &str) {
        marked::has_no_process(&self.mark, what);
    }

    /// The next run makes the file, and nothing is left but that.
    #[track_caller]
    fn next_run_cleans_up(&self, what: &str) {
        run(&mut self.command(&["--force"])).ok();
        assert!(fs::read(self.target()).unwrap() == self.expected, "{what}");
        assert_eq!(self.folder.names(), ["in.txt", "x.h5"], "{what}");
    }
}

const OLD: &[u8] = b"precious";

/// A kill before each of so many calls, from the first to the last.
#[test]
fn a_kill_at_any_call_leaves_the_old_file_or_the_new_one() {
    let Some(shim) = shim() else { return };
    let points = if is_torture() { 2000 } else { 72 };
    for layout in LAYOUTS {
        let case = Case::new(layout);
        let (mut killed, mut made) = (0, 0);
        let calls = case.calls(shim, &["--force"], None);
        assert!(calls > 40, "{calls}");
        // All of the last ones, among which the file gets its name.
        let last = calls.saturating_sub(25)..=calls;
        let spread = (1..calls.saturating_sub(25)).step_by((calls / points).max(1) as usize);
        for at in spread.chain(last) {
            let there = at % 2 == 0;
            let before = case.put(there.then_some(OLD));
            let options: &[&str] = if there { &["--force"] } else { &[] };
            let ran = case.disturbed(shim, options, at, &[]);
            let what = format!("{layout:?}, call {at} of {calls}");
            let is_new = case.is_old_or_new(before.as_ref(), &what);
            match ran.status.signal() {
                Some(signal) => assert_eq!(signal, libc::SIGKILL, "{what}"),
                None => assert!(ran.status.success() && is_new, "{what}: {ran:?}"),
            }
            killed += usize::from(ran.status.signal().is_some());
            made += usize::from(is_new);
        }
        assert!(killed > 40 && made > 0, "{killed} killed, {made} made");
        case.has_no_process("kills");
        case.next_run_cleans_up("kills");
    }
}

/// Not only between calls of the command's own: while workers work, and HDF5.
#[test]
fn a_kill_at_any_time_leaves_the_old_file_or_the_new_one() {
    let points = if is_torture() { 1000 } else { 20 };
    for layout in [LAYOUTS[0], LAYOUTS[1]] {
        let case = Case::new(layout);
        let begin = std::time::Instant::now();
        run(&mut case.command(&["--force"])).ok();
        let whole = begin.elapsed();
        for point in 0..points {
            let before = case.put((point % 2 == 0).then_some(OLD));
            let running = Running::start(&mut case.command(&["--force"]));
            std::thread::sleep(whole * point / points);
            running.signal(libc::SIGKILL);
            let ran = running.wait();
            let is_new = case.is_old_or_new(before.as_ref(), &format!("{layout:?} {point}"));
            assert!(ran.status.signal() == Some(libc::SIGKILL) || is_new, "{ran:?}");
        }
        case.has_no_process("kills");
        case.next_run_cleans_up("kills");
    }
}

/// A disk that cannot do what it is told.
#[test]
fn a_call_that_fails_is_an_error_and_leaves_the_old_file() {
    let Some(shim) = shim() else { return };
    for layout in LAYOUTS {
        let case = Case::new(layout);
        let errors = [("5", "Input/output error"), ("122", "Disk quota exceeded")];
        let calls = ["pwrite", "fsync", "ftruncate", "rename", "open"];
        for (call, (errno, text)) in calls.iter().flat_map(|&c| errors.map(|error| (c, error))) {
            let calls = case.calls(shim, &["--force", "--sync"], Some(call));
            assert!(calls > 0, "{call}");
            let most = if is_torture() { calls } else { 12 };
            for at in (1..=calls).step_by(calls.div_ceil(most) as usize) {
                let before = case.put((at % 2 == 0).then_some(OLD));
                let how = [("CRASH_CALL", call), ("CRASH_ERRNO", errno)];
                let ran = case.disturbed(shim, &["--force", "--sync"], at, &how);
                let what = format!("{layout:?}, {call} {at} of {calls}: {ran:?}");
                let is_new = case.is_old_or_new(before.as_ref(), &what);
                if call == "open" && ran.status.success() {
                    // Not every file is needed.
                    assert!(is_new, "{what}");
                    continue;
                }
                // The directory is synced when the file has its name already.
                let late = call == "fsync" && is_new;
                assert!(ran.status.code() == Some(1) && (late || !is_new), "{what}");
                assert!(ran.stderr.contains("x.h5") || ran.stderr.contains("directory"), "{what}");
                let is_told = ran.stderr.contains(text)
                    || errno == "122" && ran.stderr.contains("disk quota is used up");
                assert!(is_told && !ran.stderr.contains("panicked"), "{what}");
                let names = case.folder.names();
                assert!(names.iter().all(|name| !name.contains("ndshm-tmp")), "{what} {names:?}");
            }
        }
        case.has_no_process("errors");
        case.next_run_cleans_up("errors");
    }
}

/// A run that waits in the middle of its input, and the other half.
fn halfway(case: &Case) -> (Running, std::io::PipeWriter, Vec<u8>, Vec<i32>) {
    let text = fs::read(case.folder.path("in.txt")).unwrap();
    let (reader, mut writer) = std::io::pipe().unwrap();
    let mut command = case.command(&["--no-provenance", "--force", "--concat", "in"]);
    let words: Vec<_> = command.get_args().map(std::ffi::OsStr::to_os_string).collect();
    // The same, but from standard input.
    let words = words.into_iter().map(|word| if word == "in.txt" { "-".into() } else { word });
    let mut piped = ndshm(words);
    piped.current_dir(case.folder.root()).env("NDSHM_PIECE_BYTES", "500").stdin(reader);
    piped.envs(
        command
            .get_envs()
            .filter_map(|(k, v)| Some((k, v?)))
            .filter(|(k, _)| *k != "NDSHM_PIECE_BYTES"),
    );
    command.env_clear();
    let running = Running::start(&mut piped);
    drop(piped);
    let (first, rest) = text.split_at(text.len() / 2);
    writer.write_all(first).unwrap();
    let packers = if case.layout.is_empty() { 0 } else { PACKERS };
    let workers = running.workers(PARSERS + packers);
    (running, writer, rest.to_vec(), workers)
}

/// Parsers are forked first, packers behind them.
#[test]
fn a_worker_that_is_killed_costs_nothing_in_any_layout() {
    for layout in LAYOUTS {
        let case = Case::new(layout);
        run(&mut case.command(&["--no-provenance", "--force", "--concat", "in"])).ok();
        let expected = fs::read(case.target()).unwrap();
        let packers = if layout.is_empty() { 0 } else { PACKERS };
        let all = 0..PARSERS + packers;
        let pairs =
            all.clone().map(|i| vec![i]).chain([vec![0, 1], vec![1, 4], vec![0, 5], vec![4]]);
        for victims in pairs.filter(|list| list.iter().all(|i| all.contains(i))) {
            let (running, mut writer, rest, workers) = halfway(&case);
            for &victim in &victims {
                send(workers[victim], libc::SIGKILL);
            }
            writer.write_all(&rest).unwrap();
            drop(writer);
            running.wait().ok();
            assert!(fs::read(case.target()).unwrap() == expected, "{layout:?} {victims:?}");
            assert_eq!(case.folder.names(), ["in.txt", "x.h5"]);
        }
        case.has_no_process("deaths of workers");
    }
}

#[test]
fn without_packers_a_run_ends_with_an_error() {
    let case = Case::new(LAYOUTS[1]);
    let before = case.put(Some(OLD));
    let (running, mut writer, rest, workers) = halfway(&case);
    stop(&workers[PARSERS..]);
    for &packer in &workers[PARSERS..] {
        send(packer, libc::SIGKILL);
    }
    let _ = writer.write_all(&rest);
    drop(writer);
    running.wait().refused(&["worker"]);
    assert!(!case.is_old_or_new(before.as_ref(), "no packers"));
    assert_eq!(case.folder.names(), ["in.txt", "x.h5"]);
    case.has_no_process("the end of all packers");
}

#[test]
fn an_interrupt_once_or_twice_is_a_clean_end_in_any_layout() {
    for layout in LAYOUTS {
        let case = Case::new(layout);
        for (there, times) in [(true, 1), (false, 1), (true, 2), (false, 5)] {
            let before = case.put(there.then_some(OLD));
            let (running, writer, ..) = halfway(&case);
            eventually("the temporary file", || case.folder.has_temporary("x.h5"));
            for _ in 0..times {
                running.signal_group(libc::SIGINT);
            }
            running.wait().interrupted();
            drop(writer);
            assert!(!case.is_old_or_new(before.as_ref(), "interrupted"));
            assert!(case.folder.names().iter().all(|name| !name.contains("ndshm-tmp")));
            case.has_no_process("an interrupt");
        }
    }
}

#[test]
fn the_run_that_ends_first_makes_the_file_in_any_layout() {
    for layout in LAYOUTS {
        let case = Case::new(layout);
        case.put(None);
        // One waits for its input while another makes the file.
        let (slow, mut writer, rest, _) = halfway(&case);
        eventually("the temporary file", || case.folder.has_temporary("x.h5"));
        run(&mut case.command(&[])).ok();
        assert!(fs::read(case.target()).unwrap() == case.expected);
        assert!(case.folder.has_temporary("x.h5"), "the file of a living run was swept");
        run(&mut case.command(&[])).refused(&["x.h5: file exists"]);
        writer.write_all(&rest).unwrap();
        drop(writer);
        slow.wait().ok();
        assert!(fs::read(case.target()).unwrap() != case.expected, "it was to be replaced");
        assert_eq!(case.folder.names(), ["in.txt", "x.h5"]);
    }
}

/// Runs a script on a small file system: `$1` is the command, `$2` the folder with the input.
#[track_caller]
fn on_a_small_disk(case: &Case, script: &str) -> Option<String> {
    let options = case.layout.join(" ");
    let head = format!(
        "cd \"$2\" && mkdir -p disk && export NDSHM_PIECE_BYTES=2000
         convert() {{ \"$1\" convert -q -t name:S6,i:i4,x:f8 in.txt -j 2 {options} -o \"$2\" $3 2>err; }}"
    );
    let ran = with_private_mounts(&format!("{head}\n{script}"), &[case.folder.root()])?;
    assert!(ran.status.success(), "{ran:?}");
    Some(ran.stdout)
}

/// Every size from a few pages to more than the file needs.
#[test]
fn a_disk_that_is_full_at_any_chunk_leaves_the_old_file() {
    for layout in LAYOUTS {
        let case = Case::new(layout);
        let pages = case.expected.len() / 4096 + 6;
        let step = if is_torture() { 1 } else { (pages / 24).max(1) };
        let script = format!(
            "for size in $(seq 2 {step} {pages}) {pages}; do
               mount -t tmpfs -o size=$((size * 4))k none disk || exit 9
               printf precious >disk/x.h5
               convert \"$1\" disk/x.h5 --force; status=$?
               new=other
               cmp -s disk/x.h5 x.h5 && new=new
               [ \"$(cat disk/x.h5 | tr -d '\\000')\" = precious ] && new=old
               echo \"$size $status $new $(ls -A disk | wc -l) $(cat err)\"
               umount disk || exit 9
             done"
        );
        let Some(said) = on_a_small_disk(&case, &script) else { return };
        let (mut full, mut made) = (0, 0);
        for line in said.lines() {
            let words: Vec<_> = line.splitn(5, ' ').collect();
            assert_eq!(words[3], "1", "something is left: {layout:?} {line}");
            if words[1] == "0" {
                assert_eq!(words[2], "new", "{layout:?} {line}");
                made += 1;
            } else {
                assert_eq!(words[1..3], ["1", "old"], "{layout:?} {line}");
                let message = words[4].to_lowercase();
                assert!(message.contains("no space") || message.contains("free"), "{line}");
                full += 1;
            }
        }
        assert!(full > 5 && made > 0, "{said}");
    }
}

#[test]
fn a_target_on_a_disk_that_is_read_only_or_elsewhere() {
    let case = Case::new(LAYOUTS[1]);
    let script = "
        mount -t tmpfs -o size=8m none disk || exit 9
        printf old >disk/y.h5
        ln -s disk/y.h5 link.h5
        convert \"$1\" link.h5 --force; echo $? $(cat err)
        cmp disk/y.h5 x.h5 && [ -L link.h5 ] && ls -A disk
        mount -o remount,ro disk || exit 9
        convert \"$1\" link.h5 --force; echo $? $(cat err)
        convert \"$1\" disk/z.h5; echo $? $(cat err)
        cmp disk/y.h5 x.h5 && ls -A disk
        umount disk";
    let Some(said) = on_a_small_disk(&case, script) else { return };
    let lines: Vec<_> = said.lines().collect();
    assert_eq!((lines[0], lines[1]), ("0", "y.h5"), "{said}");
    assert!(lines[2].starts_with("1 ndshm: ") && lines[2].contains("ead-only"), "{said}");
    assert!(lines[3].starts_with("1 ndshm: ") && lines[3].contains("z.h5"), "{said}");
    assert_eq!(lines[4..], ["y.h5"], "{said}");
}

#[test]
fn a_file_that_is_read_only_is_replaced_only_by_force_and_keeps_its_mode() {
    let case = Case::new(LAYOUTS[2]);
    case.put(Some(OLD));
    fs::set_permissions(case.target(), fs::Permissions::from_mode(0o444)).unwrap();
    run(&mut case.command(&[])).refused(&["file exists"]);
    assert_eq!(fs::read(case.target()).unwrap(), OLD);
    run(&mut case.command(&["--force"])).ok();
    assert!(fs::read(case.target()).unwrap() == case.expected);
    assert_eq!(fs::metadata(case.target()).unwrap().permissions().mode() & 0o777, 0o444);
}

/// Where nobody else has anything.
#[test]
fn shared_memory_has_no_trace_of_a_run() {
    for layout in LAYOUTS {
        let case = Case::new(layout);
        let script = "
            mount -t tmpfs none /dev/shm || exit 9
            convert \"$1\" y.h5 || exit 8
            ls -A /dev/shm
            (yes 'a 1 2' | head -n 100000000) >fifo &
            \"$1\" convert -q -t name:S6,i:i4,x:f8 fifo -o z.h5 --compress gzip &
            run=$!
            while ! ls -A | grep -q 'z.h5.*ndshm-tmp'; do sleep 0.01; done
            kill -9 $run
            wait
            ls -A /dev/shm";
        run(Command::new("mkfifo").arg(case.folder.path("fifo"))).ok();
        let Some(said) = on_a_small_disk(&case, script) else { return };
        assert_eq!(said, "");
        assert!(Path::new(NDSHM).exists());
    }
}

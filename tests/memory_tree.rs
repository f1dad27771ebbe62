//! The memory of a conversion and of all its workers: at most 64 MiB, and 16 MiB for each
//! worker, however much text there is.
//!
//! `NDSHM_COMMAND` names a command that is optimised: with that there are 2 GB of text, and
//! with `NDSHM_TORTURE` 20 GB. Without, there is what the command under test reads in a moment.

#![cfg(all(feature = "cli", target_os = "linux"))]
#![allow(clippy::unwrap_used, reason = "helpers of tests, too")]

mod common;

use core::time::Duration;
use std::collections::HashMap;
use std::fs;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::thread::sleep;

use common::{Folder, NDSHM, joined, run, skipped};

const MIB: u64 = 1 << 20;
const WORKERS: u64 = 2;
const LIMIT: u64 = (64 + 16 * WORKERS) * MIB;

/// Columns of a wide table, and chunks that are many.
const WIDE: usize = 3000;
const CHUNKS: usize = 400_000;

/// One at a time: they take all processors, and room on the disk.
static TURN: Mutex<()> = Mutex::new(());

/// A process and all that descend from it.
fn tree(pid: u32) -> Vec<u32> {
    let mut all = vec![pid];
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else { return all };
    for thread in threads.flatten() {
        let children = fs::read_to_string(thread.path().join("children")).unwrap_or_default();
        all.extend(children.split_whitespace().flat_map(|child| tree(child.parse().unwrap())));
    }
    all
}

/// Memory that the process has mapped, what is shared counted once among all who share it.
fn mapped(pid: u32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    Some(line.trim().trim_end_matches(" kB").parse::<u64>().ok()? * 1024)
}

/// Files in memory that the process has open: they are nobody's mappings.
fn files_in_memory(pid: u32, all: &mut HashMap<u64, u64>) {
    let Ok(fds) = fs::read_dir(format!("/proc/{pid}/fd")) else { return };
    for fd in fds.flatten() {
        let is_memory = fs::read_link(fd.path()).is_ok_and(|to| to.starts_with("/memfd:"));
        if let (true, Ok(data)) = (is_memory, fs::metadata(fd.path())) {
            all.insert(data.ino(), data.blocks() * 512);
        }
    }
}

fn memory(pid: u32) -> u64 {
    let (mut sum, mut files) = (0, HashMap::new());
    for pid in tree(pid) {
        sum += mapped(pid).unwrap_or(0);
        files_in_memory(pid, &mut files);
    }
    sum + files.values().sum::<u64>()
}

/// Writes so many bytes of lines into a FIFO.
fn feed(fifo: PathBuf, bytes: u64) -> std::thread::JoinHandle<()> {
    std::thread::spawn(move || {
        let lines = joined(30_000, |i| {
            format!(
                "chr{} {} {}.{:03} {}\n",
                i % 23,
                i * 7919 % 100_000_007,
                i * 37 % 100,
                i % 997,
                i % 1009
            )
        });
        let mut fifo = fs::OpenOptions::new().write(true).open(fifo).unwrap();
        for _ in 0..=bytes / lines.len() as u64 {
            match fifo.write_all(lines.as_bytes()) {
                Err(error) if error.kind() == ErrorKind::BrokenPipe => return,
                other => other.unwrap(),
            }
        }
    })
}

/// Bytes of text, not more than the disk has room for if they are stored as they are: as three
/// quarters of what the text takes, and others need room, too.
fn amount(folder: &Path, command: &Path, stored: bool) -> u64 {
    let most = match (command == Path::new(NDSHM), std::env::var_os("NDSHM_TORTURE")) {
        (true, _) => 24 * MIB,
        (false, None) => 2 << 30,
        (false, Some(_)) => 20 << 30,
    };
    let df = run(Command::new("df").args(["-B1", "--output=avail"]).arg(folder)).ok().stdout;
    let free: u64 = df.lines().last().unwrap().trim().parse().unwrap();
    let room = free.saturating_sub(4 << 30).max(free / 3);
    if stored && room < most {
        skipped("memory of the largest conversions", "the disk has too little room");
        return room;
    }
    most
}

/// The command under test, in a folder.
fn command(folder: &Folder, args: &[&str]) -> Command {
    let named = std::env::var_os("NDSHM_COMMAND").filter(|path| !path.is_empty());
    let mut command = Command::new(named.unwrap_or_else(|| NDSHM.into()));
    command.args(args).current_dir(folder.root()).stdin(Stdio::null());
    command
}

/// Runs it to its end with as many workers as the limit is for; the most memory that it and all
/// its workers had, unless nobody can tell here.
#[track_caller]
fn peak(command: &mut Command, what: &str) -> Option<u64> {
    let mut child = command.args(["-q", "-j", &WORKERS.to_string()]).spawn().unwrap();
    if mapped(child.id()).is_none() {
        child.kill().unwrap();
        child.wait().unwrap();
        skipped("memory of all processes", "/proc does not tell it here");
        return None;
    }
    let (mut peak, mut samples) = (0, 0);
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        peak = peak.max(memory(child.id()));
        samples += 1;
        sleep(Duration::from_millis(5));
    };
    println!("{what}: {} MiB at most, {samples} samples", peak / MIB);
    assert!(status.success() && samples > 20, "{what}: {status} {samples}");
    Some(peak)
}

#[track_caller]
fn is_below_the_limit(command: &mut Command, what: &str) {
    let Some(peak) = peak(command, what) else { return };
    assert!(peak > MIB && peak <= LIMIT, "{what}: {peak} bytes, {LIMIT} are allowed");
}

fn turn() -> std::sync::MutexGuard<'static, ()> {
    TURN.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

#[track_caller]
fn stays_below_the_limit(options: &[&str]) {
    let _turn = turn();
    let folder = Folder::new();
    let args = ["convert", "in.txt", "-o", "x.h5", "-t", "chr:S6,pos:i4,pct:f4,c:i4"];
    let mut command = command(&folder, &args);
    let named = PathBuf::from(command.get_program());
    let bytes = amount(folder.root(), &named, !options.contains(&"--compress"));
    let fifo = folder.path("in.txt");
    run(Command::new("mkfifo").arg(&fifo)).ok();
    if mapped(std::process::id()).is_none() {
        return skipped("memory of all processes", "/proc does not tell it here");
    }
    let feeder = feed(fifo, bytes);
    is_below_the_limit(command.args(options), &format!("{options:?}, {} MiB", bytes / MIB));
    feeder.join().unwrap();
}

/// A segment of a file, and no more memory than that takes.
#[track_caller]
fn imports_below_the_limit(folder: &Folder, what: &str) {
    let name = format!("test-tree-{}-{what}", std::process::id());
    let mut import = command(folder, &["import", "x.h5", "--name", &name]);
    is_below_the_limit(&mut import, &format!("import of {what}"));
    run(&mut command(folder, &["rm", &name])).ok();
}

/// Shards of some 200 MB, one packed and one as it is, copied to one file.
#[test]
fn shards_made_one() {
    let _turn = turn();
    let folder = Folder::new();
    let dtype = "x:f8,y:(5)f8";
    let lines = joined(2_000_000, |row| format!("{} 1 2 3 4 5\n", row * 7919 % 100_003));
    folder.write("in.txt", lines);
    for (output, options) in [("a.h5", &["--compress", "gzip:1"][..]), ("b.h5", &[])] {
        let args = ["convert", "-q", "in.txt", "--concat", "all", "-t", dtype, "-o", output];
        run(command(&folder, &args).args(options)).ok();
    }
    let join = ["join", "a.h5", "b.h5", "--materialize"];
    is_below_the_limit(command(&folder, &join).args(["-o", "plain.h5"]), "shards");
    let packed = ["-o", "packed.h5", "--compress", "gzip:1"];
    is_below_the_limit(command(&folder, &join).args(packed), "shards to be packed");
}

/// Columns of which each is a dataset with an index of its own.
#[test]
fn a_wide_table_in_columns() {
    let _turn = turn();
    let folder = Folder::new();
    let number = |row: usize, column: usize| (row * 7919 + column * 104_729) % 100_003;
    let line = |row| joined(WIDE, |column| format!("{} ", number(row, column))) + "\n";
    folder.write("in.txt", joined(1200, line));
    folder
        .write("dtype.txt", joined(WIDE, |column| format!("c{column}:f8,")).trim_end_matches(','));
    let args = ["convert", "in.txt", "-o", "x.h5", "-t", "@dtype.txt", "--layout", "columns"];
    let mut convert = command(&folder, &args);
    is_below_the_limit(convert.args(["--compress", "gzip:1"]), "a wide table");
    imports_below_the_limit(&folder, "columns");
}

/// Chunks that take more room in the index than for their rows.
#[test]
fn many_chunks() {
    let _turn = turn();
    let folder = Folder::new();
    folder.write("in.txt", joined(CHUNKS * 4, |row| format!("{}\n", row * 7919 % 100_003)));
    let args = ["convert", "in.txt", "-o", "x.h5", "-t", "x:f8", "--chunks", "4"];
    let mut convert = command(&folder, &args);
    is_below_the_limit(convert.args(["--compress", "gzip:1"]), "many chunks");
    imports_below_the_limit(&folder, "chunks");
}

#[test]
fn rows_in_one_block() {
    stays_below_the_limit(&[]);
}

#[test]
fn compressed_chunks() {
    stays_below_the_limit(&["--compress", "gzip:1"]);
}

#[test]
fn compressed_columns() {
    stays_below_the_limit(&["--layout", "columns", "--compress", "gzip:1"]);
}

#[test]
fn columns_as_they_are() {
    stays_below_the_limit(&["--layout", "columns"]);
}

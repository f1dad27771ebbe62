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

#[track_caller]
fn stays_below_the_limit(options: &[&str]) {
    let _turn = TURN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let named = std::env::var_os("NDSHM_COMMAND").filter(|path| !path.is_empty());
    let command = named.map_or_else(|| PathBuf::from(NDSHM), PathBuf::from);
    let folder = Folder::new();
    let bytes = amount(folder.root(), &command, !options.contains(&"--compress"));
    let fifo = folder.path("in.txt");
    run(Command::new("mkfifo").arg(&fifo)).ok();
    let mut child = Command::new(&command);
    child.args(["convert", "-q", "in.txt", "-o", "x.h5", "-t", "chr:S6,pos:i4,pct:f4,c:i4"]);
    child.args(["-j", &WORKERS.to_string()]).args(options).current_dir(folder.root());
    let mut child = child.stdin(Stdio::null()).spawn().unwrap();
    if mapped(child.id()).is_none() {
        child.kill().unwrap();
        child.wait().unwrap();
        return skipped("memory of all processes", "/proc does not tell it here");
    }
    let feeder = feed(fifo, bytes);
    let (mut peak, mut samples) = (0, 0);
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        peak = peak.max(memory(child.id()));
        samples += 1;
        sleep(Duration::from_millis(5));
    };
    feeder.join().unwrap();
    println!("{options:?}: {} MiB at most for {} MiB, {samples} samples", peak / MIB, bytes / MIB);
    assert!(status.success() && samples > 20, "{status} {samples}");
    assert!(peak > MIB && peak <= LIMIT, "{options:?}: {peak} bytes, {LIMIT} are allowed");
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

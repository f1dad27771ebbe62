//! Files whose global heap, or what refers to it, is damaged: HDF5 looks for ever for the end of
//! some, deaf to signals. Nothing that ndshm does with such a file hangs.
//!
//! Attributes of variable length are there by `convert` itself: `ndshm_dtype`, `units`,
//! `source_file`. One byte after the other is turned over, most of them in the heap.

#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, reason = "helpers of tests, too")]

mod common;

use core::time::Duration;
use std::fs;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Instant;

use common::{Folder, SegmentName, ndshm, run};

/// After this long it will never end. HDF5's own loops do not.
const PATIENCE: Duration = Duration::from_secs(20);
/// A byte of so many outside of the heap, and in it.
const FAR: usize = 211;
const NEAR: usize = 1;

/// A child that is killed when it is given up.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// How many crashed.
#[derive(Debug, Default)]
struct Seen {
    crashes: usize,
    refused: usize,
    done: usize,
}

impl Seen {
    /// Runs a command to its end, which must come.
    fn run(&mut self, command: &mut Command, what: &str) {
        let command = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let (mut child, begin) = (Killed(command.spawn().unwrap()), Instant::now());
        let status = loop {
            if let Some(status) = child.0.try_wait().unwrap() {
                break status;
            }
            assert!(begin.elapsed() < PATIENCE, "{what} hangs");
            sleep(Duration::from_millis(1));
        };
        match status.code() {
            Some(0) => self.done += 1,
            Some(1) => self.refused += 1,
            // A panic, or a wrong use of the command, is no way to refuse a file.
            Some(code) => panic!("{what} ended with {code}"),
            None => self.crashes += 1,
        }
    }
}

/// Everything that reads a file, with each of these files made of `whole`.
fn everywhere(folder: &Folder, whole: &[u8], places: impl Iterator<Item = usize>) -> Seen {
    let mut seen = Seen::default();
    for place in places {
        let mut damaged = whole.to_vec();
        damaged[place] ^= 0xFF;
        let one = everywhere_one(folder, &damaged, &format!("byte {place}"));
        seen.refused += one.refused;
        seen.done += one.done;
        seen.crashes += one.crashes;
    }
    seen
}

/// Everything that reads a file, with this one.
fn everywhere_one(folder: &Folder, damaged: &[u8], what: &str) -> Seen {
    let (name, mut seen) = (SegmentName::new("heaps"), Seen::default());
    let read: &[&[&str]] = &[
        &["import", "x.h5:/t", "--name", name.as_str()],
        &["verify", "x.h5"],
        &["join", "x.h5", "-o", "j.h5", "--force"],
        &["convert", "-q", "in.txt", "-t", "M8[s],U2", "-o", "x.h5", "--append"],
        &["convert", "-q", "in.txt", "-o", "x.h5", "--concat", "t", "--append-rows"],
    ];
    for args in read {
        fs::write(folder.path("x.h5"), damaged).unwrap();
        seen.run(ndshm(*args).current_dir(folder.root()), &format!("{args:?}, {what}"));
    }
    let _ = ndshm(["rm", name.as_str()]).stdout(Stdio::null()).stderr(Stdio::null()).status();
    seen
}

/// A file with a table that can grow and so many attributes more, and its heap's place.
fn made(folder: &Folder, attributes: usize) -> (Vec<u8>, usize) {
    folder.write("in.txt", "2020-01-01T00:00:00 a\n2020-01-02T00:00:00 b\n");
    let dtype = ["-t", "M8[s],U2", "--concat", "t", "--maxshape", "-o", "whole.h5"];
    let mut convert = ndshm(["convert", "-q", "in.txt"]);
    for i in 0..attributes {
        convert.arg("--attr").arg(format!("a{i}=text {i}"));
    }
    run(convert.args(dtype).current_dir(folder.root())).ok();
    let whole = fs::read(folder.path("whole.h5")).unwrap();
    let heap = whole.windows(4).position(|four| four == b"GCOL").unwrap();
    (whole, heap)
}

/// Places of the objects in a collection: index, and where its head is.
fn objects(file: &[u8], heap: usize) -> Vec<(u16, usize)> {
    let number = |at: usize| usize::from(u16::from_le_bytes([file[at], file[at + 1]]));
    let (mut at, end, mut found) = (heap + 16, heap + number(heap + 8), Vec::new());
    while at + 16 <= end {
        let (index, len) = (number(at) as u16, number(at + 8));
        found.push((index, at));
        at += if index == 0 { len } else { 16 + len.next_multiple_of(8) };
    }
    found
}

/// The free end of the heap is said to have no bytes: HDF5 stays where it is. That is found, however
/// many attributes there are: in the object's header, in a heap of their own, or in one with
/// a tree of two levels.
#[test]
fn what_hdf5_would_read_for_ever_is_refused() {
    for attributes in [0, 9, 60] {
        let folder = Folder::new();
        let (whole, heap) = made(&folder, attributes);
        let all = objects(&whole, heap);
        let &(_, free) = all.iter().find(|&&(index, _)| index == 0).unwrap();
        let mut damaged = whole.clone();
        damaged[free + 8..free + 16].fill(0);
        let seen = everywhere_one(&folder, &damaged, "the free end");
        // `verify` looks at no attributes but opens the objects; all five refuse.
        assert_eq!((seen.refused, seen.done), (5, 0), "{attributes}: {seen:?}");
        let seen = everywhere_one(&folder, &whole, "nothing");
        assert_eq!((seen.refused, seen.done), (0, 5), "{attributes}: {seen:?}");
    }
}

#[test]
fn a_damaged_heap_hangs_nobody() {
    let folder = Folder::new();
    let (whole, heap) = made(&folder, 0);
    let in_use = 208.min(whole.len() - heap);
    let seen = everywhere(&folder, &whole, (heap..heap + in_use).step_by(NEAR));
    println!("in the heap: {seen:?}");
    assert!(seen.refused > 50 && seen.crashes == 0, "{seen:?}");
}

#[test]
fn other_damage_hangs_nobody() {
    let folder = Folder::new();
    let (whole, heap) = made(&folder, 0);
    let seen = everywhere(&folder, &whole, (0..heap).step_by(FAR));
    println!("elsewhere: {seen:?}");
    assert_eq!(seen.crashes, 0, "{seen:?}");
}

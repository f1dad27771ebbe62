//! `ndshm import` of chunks that are unpacked without HDF5. h5py says what is right:
//! `exchange/packed.py`, by the Python that `NDSHM_PYTHON` names; without it these tests say so
//! and pass.
#![cfg(feature = "cli")]
#![allow(unsafe_code, clippy::unwrap_used)]

#[path = "common/case.rs"]
mod case;
#[path = "common/skip.rs"]
mod skip;

use core::time::Duration;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use case::run_case;
use ndshm::error::code;
use ndshm::exchange::{ExchangeError, ImportJob, ImportOptions};
use ndshm::load::SegmentOptions;
use ndshm::segment::{Name, Policy, glance, unlink};
use ndshm::sys::{self, Watch};

/// Runs one case of the script.
#[track_caller]
fn python(case: &str) {
    run_case("packed.py", "p", case);
}

#[test]
fn small_datasets_of_chunks_are_h5pys() {
    python("small");
}

#[test]
fn missing_chunks_are_filled_and_masks_obeyed() {
    python("holes");
}

#[test]
fn any_number_of_workers_makes_h5pys_array() {
    python("large");
}

#[test]
fn chunks_are_found_behind_a_user_block() {
    python("user_block");
}

#[test]
fn zstandard_is_read_without_a_plugin() {
    python("zstd");
}

#[test]
fn what_is_not_known_goes_through_hdf5() {
    python("foreign");
}

#[test]
fn a_damaged_chunk_is_named() {
    python("damaged");
}

#[test]
fn damaged_tables_are_errors() {
    python("hostile");
}

#[test]
fn trees_that_lead_nowhere_are_errors() {
    python("tree");
}

#[test]
fn kills_lose_nothing_and_leave_nothing() {
    python("kills");
}

/// A name of this process's own, removed at the end.
struct Own(Name);

impl Own {
    fn new(text: &str) -> Self {
        Self(Name::new(&format!("packed-{}-{text}", std::process::id())).unwrap())
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        let _ = unlink(&self.0);
    }
}

/// A file with numbers in packed chunks.
fn file(dir: &Path, rows: u32) -> PathBuf {
    let text: Vec<String> = (0..rows).map(|i| format!("{} {}\n", i, i / 3)).collect();
    let (from, to) = (dir.join("x.txt"), dir.join("x.h5"));
    fs::write(&from, text.concat()).unwrap();
    let done = Command::new(env!("CARGO_BIN_EXE_ndshm"))
        .arg("convert")
        .arg(&from)
        .args(["--dtype", "u4", "--compress", "gzip:1", "--chunks", "5000,2", "-q", "-o"])
        .arg(&to)
        .status()
        .unwrap();
    assert!(done.success());
    to
}

fn is_readable(fd: i32, timeout_ms: i32) -> bool {
    let mut watches = [Watch::readable(fd)];
    sys::poll(&mut watches, timeout_ms).unwrap();
    watches[0].is_ready()
}

fn options(workers: usize) -> ImportOptions {
    ImportOptions { workers: Some(workers), ..ImportOptions::default() }
}

#[test]
fn who_waits_for_the_descriptor_alone_comes_to_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let path = file(dir.path(), 1_000_000);
    for workers in [0, 1, 3] {
        let name = Own::new(&format!("wait{workers}"));
        let mut job = ImportJob::start(&path, None, &name.0, options(workers)).unwrap();
        let (mut last, fd) = (0, job.raw_fd());
        while !job.progress().done {
            assert!(is_readable(fd, -1));
            let now = job.step(Duration::ZERO).unwrap();
            assert!(now.bytes_done >= last && now.bytes_done <= now.bytes_total);
            assert!(
                now.done == (now.bytes_done == now.bytes_total) && now.bytes_total == 8_000_000
            );
            last = now.bytes_done;
            assert!(glance(&name.0).is_err());
        }
        assert!(is_readable(fd, 0) && job.progress().rows == 1_000_000);
        let made = job.finish().unwrap();
        let mut bytes = [0; 16];
        made.copy_to(&mut bytes, 7_999_984).unwrap();
        let wanted = [999_998_u32, 333_332, 999_999, 333_333].map(u32::to_le_bytes);
        assert_eq!(bytes, wanted.concat()[..]);
    }
}

#[test]
fn a_cancelled_or_dropped_job_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = file(dir.path(), 1_000_000);
    for cancels in [true, false] {
        let name = Own::new("cancel");
        let mut job = ImportJob::start(&path, None, &name.0, options(2)).unwrap();
        job.step(Duration::from_millis(1)).unwrap();
        if cancels {
            job.canceller().cancel();
            assert!(is_readable(job.raw_fd(), 0));
            assert!(matches!(job.step(Duration::MAX), Err(ExchangeError::Cancelled)));
            assert_eq!(job.finish().unwrap_err().code(), ndshm::error::Error::Argument.code());
        } else {
            drop(job);
        }
        assert!(glance(&name.0).is_err());
    }
    let name = Own::new("cancelled");
    let job = ImportJob::start(&path, None, &name.0, options(2)).unwrap();
    job.canceller().cancel();
    assert_eq!(job.finish().unwrap_err().code(), code::CANCELLED);
}

#[test]
fn a_segment_that_nobody_may_write_can_be_made() {
    let dir = tempfile::tempdir().unwrap();
    let path = file(dir.path(), 1_000_000);
    let segment = SegmentOptions { policy: Policy::Anonymous, mode: 0o400, ..Default::default() };
    let options = ImportOptions { segment, workers: Some(2) };
    // Sealing needs that no worker has it mapped any more.
    let made = ImportJob::start(&path, None, None, options).unwrap().finish().unwrap();
    assert_eq!(made.shape(), [1_000_000, 2]);
}

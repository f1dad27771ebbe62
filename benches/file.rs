//! What HDF5 costs beside the bytes: rows to a file, and a dataset to a segment.
//!
//! Rows that are parsed go to the file by [`Writer`]; beside it, the same bytes by `pwrite`.
//! A contiguous dataset becomes a segment by [`import`]; beside it, the same bytes read into
//! fresh shared memory, through a buffer or straight into a mapping. Files are in the page
//! cache, and new ones are made in `target`. Each is the median of some rounds in turns:
//!
//!     cargo bench --bench file

use core::sync::atomic::AtomicBool;
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Instant;

use ndshm::dtype_buf::DTypeBuf;
use ndshm::exchange::import;
use ndshm::hdf5::{Options, Writer};
use ndshm::load::SegmentOptions;
use ndshm::segment::Policy;
use ndshm::sys::{self, Access, Map};

const TOTAL: usize = 256 << 20;
const BUFFER: usize = 512 << 10;
const ROUNDS: usize = 9;

type Way<'a> = (&'a str, Box<dyn Fn() + 'a>);

fn main() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let file = |name: &str| folder.join(format!("bench-file-{}.{name}", std::process::id()));
    let source = vec![0x5A; BUFFER];
    let (made, plain) = (file("h5"), file("bin"));
    println!("{} MiB, median of {ROUNDS}", TOTAL >> 20);
    compare(&[
        ("pwrite to a new file", Box::new(|| write_plain(&plain, &source))),
        ("HDF5 file, one dataset", Box::new(|| write_hdf5(&made, &source))),
    ]);
    compare(&[
        ("read into shared memory, buffer", Box::new(|| read_by_buffer(&plain))),
        ("read into shared memory, mapped", Box::new(|| read_by_map(&plain))),
        ("import of the dataset", Box::new(|| read_hdf5(&made))),
    ]);
    for path in [made, plain] {
        fs::remove_file(path).expect("what was made");
    }
}

/// Times all ways in turns, and compares them with the first.
fn compare(ways: &[Way<'_>]) {
    let mut seconds = vec![Vec::new(); ways.len()];
    for _ in 0..ROUNDS {
        for ((_, way), seconds) in ways.iter().zip(&mut seconds) {
            let start = Instant::now();
            way();
            seconds.push(start.elapsed().as_secs_f64());
        }
    }
    let medians: Vec<f64> = seconds
        .iter_mut()
        .map(|seconds| {
            seconds.sort_by(f64::total_cmp);
            seconds[ROUNDS / 2]
        })
        .collect();
    for ((what, _), median) in ways.iter().zip(&medians) {
        let speed = TOTAL as f64 / median / 1e9;
        println!("{what:32} {median:6.3} s  {speed:5.2} GB/s  {:5.2}", median / medians[0]);
    }
}

fn write_plain(path: &Path, source: &[u8]) {
    let _ = fs::remove_file(path);
    let file = File::create(path).expect("a new file");
    for at in (0..TOTAL).step_by(BUFFER) {
        file.write_all_at(source, at as u64).expect("room on the disk");
    }
}

#[allow(unsafe_code)]
fn write_hdf5(path: &PathBuf, source: &[u8]) {
    let _ = fs::remove_file(path);
    let dtype = DTypeBuf::parse("f8").expect("a dtype");
    let mut writer = Writer::create(path, &Options::default(), 1024).expect("a new file");
    writer.begin_dataset().expect("a dataset");
    for _ in 0..TOTAL / BUFFER {
        // SAFETY: the source is readable for its length.
        unsafe { writer.append(source.as_ptr(), source.len()) }.expect("room on the disk");
    }
    let shape = [TOTAL as u64 / 8];
    writer.finish_dataset("x", dtype.as_dtype(), &shape, &[]).expect("a dataset");
    writer.close().expect("a file");
}

#[allow(unsafe_code)]
fn read_by_buffer(path: &Path) {
    let file = File::open(path).expect("the file");
    let memory = sys::open_unnamed(sys::SHM_DIR).expect("unnamed file in /dev/shm");
    let mut buffer = vec![0; BUFFER];
    for at in (0..TOTAL as u64).step_by(BUFFER) {
        file.read_exact_at(&mut buffer, at).expect("its bytes");
        // SAFETY: the buffer is readable for its length.
        unsafe { memory.write_at(buffer.as_ptr(), BUFFER, at) }.expect("room in /dev/shm");
    }
}

#[allow(unsafe_code)]
fn read_by_map(path: &Path) {
    let file = OpenOptions::new().read(true).open(path).expect("the file");
    let memory = sys::open_unnamed(sys::SHM_DIR).expect("unnamed file in /dev/shm");
    memory.reserve(0, TOTAL as u64).expect("room in /dev/shm");
    let map = Map::shared(&memory, TOTAL, Access::ReadWrite).expect("a mapping");
    // SAFETY: the mapping is this function's own, and as long.
    let bytes = unsafe { core::slice::from_raw_parts_mut(map.as_ptr(), TOTAL) };
    file.read_exact_at(bytes, 0).expect("its bytes");
}

fn read_hdf5(path: &Path) {
    let go_on = AtomicBool::new(false);
    let options = SegmentOptions { policy: Policy::Anonymous, ..SegmentOptions::default() };
    let made = import(path, Some("/x"), None, &options, &go_on).expect("a segment");
    assert_eq!(made.data_len(), TOTAL);
}

//! How fast fresh shared memory fills: what `load` decides by.
//!
//! Rows are parsed into a buffer that fits the cache. From there they can go to
//! the segment by `pwrite` through its descriptor, or the workers can store them
//! through a mapping whose pages they touch first. This times both, for one and
//! for several processes, each as the median of some rounds:
//!
//!     cargo bench --bench fill
//!
//! `pwrite` by one process is what `load` does.

use std::time::Instant;

use ndshm::sys::{self, Access, Fd, Forked, Map};

const TOTAL: usize = 256 << 20;
const BUFFER: usize = 512 << 10;
const ROUNDS: usize = 7;

fn main() {
    let source = vec![0x5A; BUFFER];
    let workers = sys::affinity_count();
    println!("{} MiB in pieces of {} KiB, median of {ROUNDS}", TOTAL >> 20, BUFFER >> 10);
    for processes in [1, workers] {
        report("pwrite", processes, || by_write(&source, processes));
        report("store, pages reserved first", processes, || by_store(&source, processes, true));
        report("store, pages touched first", processes, || by_store(&source, processes, false));
    }
}

fn report(what: &str, processes: usize, mut round: impl FnMut()) {
    let mut seconds: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            round();
            start.elapsed().as_secs_f64()
        })
        .collect();
    seconds.sort_by(f64::total_cmp);
    let speed = TOTAL as f64 / seconds[ROUNDS / 2] / 1e9;
    println!("{what:28} {processes:2} processes  {speed:5.2} GB/s");
}

/// Every process writes its share of the pieces to one unnamed file.
fn by_write(source: &[u8], processes: usize) {
    let fd = sys::open_unnamed(sys::SHM_DIR).expect("unnamed file in /dev/shm");
    in_processes(processes, |piece| write(&fd, source, piece));
    check(&fd, source);
}

#[allow(unsafe_code)]
fn write(fd: &Fd, source: &[u8], piece: usize) {
    // SAFETY: the source is readable for its length.
    let written = unsafe { fd.write_at(source.as_ptr(), source.len(), (piece * BUFFER) as u64) };
    written.expect("room in /dev/shm");
}

/// Every process stores its share of the pieces through a mapping.
#[allow(unsafe_code)]
fn by_store(source: &[u8], processes: usize, reserve: bool) {
    let fd = sys::open_unnamed(sys::SHM_DIR).expect("unnamed file in /dev/shm");
    if reserve {
        fd.reserve(0, TOTAL as u64).expect("room in /dev/shm");
    } else {
        fd.truncate(TOTAL as u64).expect("a size");
    }
    let map = Map::shared(&fd, TOTAL, Access::ReadWrite).expect("a mapping");
    in_processes(processes, |piece| {
        let to = map.as_ptr().wrapping_add(piece * BUFFER);
        // SAFETY: the piece lies in the mapping, and only one process stores to it.
        unsafe { to.copy_from_nonoverlapping(source.as_ptr(), BUFFER) };
    });
    check(&fd, source);
}

/// Runs `work` for each piece, in forked processes that take turns.
#[allow(unsafe_code)]
fn in_processes(processes: usize, work: impl Fn(usize)) {
    let pieces = |first: usize| (first..TOTAL / BUFFER).step_by(processes);
    let children: Vec<_> = (1..processes)
        .map(|first| {
            // SAFETY: the child copies or writes bytes and leaves by `_exit`.
            match unsafe { sys::fork() }.expect("a fork") {
                Forked::Parent(child) => child,
                Forked::Child => {
                    pieces(first).for_each(&work);
                    sys::exit_now(0)
                }
            }
        })
        .collect();
    pieces(0).for_each(&work);
    for child in children {
        assert_eq!(child.wait(), sys::Ended::Exited(0));
    }
}

/// A time counts only if the bytes are there.
fn check(fd: &Fd, source: &[u8]) {
    let mut last = [0; 8];
    let n = fd.read_at(&mut last, (TOTAL - 8) as u64).expect("what was written");
    assert!(n == 8 && last == source[..8]);
}

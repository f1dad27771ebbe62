//! Loads in one process, each beside what it cannot be faster than, taking turns:
//!
//!     cargo bench --bench load [-- FOLDER]
//!
//! FOLDER has the tables that `make bench` makes. A load to nowhere is the parsing alone: its
//! processor time, spread over the workers, is one limit, and `pwrite` of as many bytes to fresh
//! shared memory the other. The small files are made here.

#![allow(clippy::unwrap_used, reason = "a bench may fail")]

#[path = "common/seconds.rs"]
mod seconds;

use core::sync::atomic::AtomicBool;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use ndshm::dtype::DType;
use ndshm::dtype_buf::DTypeBuf;
use ndshm::load::{
    Block, Options, RowTypeRef, SegmentOptions, Sink, SinkError, load, load_segment,
};
use ndshm::segment::{Policy, Segment};
use ndshm::sys::{self, Map};
use ndshm::text::{Delimiter, Unicode};
use seconds::processor_seconds;

const ROUNDS: usize = 9;
const CALLS: &str = "chr:S10,pos:i4,pct:f4,c:i4,t:i4";
const SMALL: usize = 10_000;

/// A workload of `make bench`.
struct Table {
    name: &'static str,
    files: &'static [&'static str],
    dtype: &'static str,
    delimiter: char,
}

const TABLES: [Table; 3] = [
    Table {
        name: "meth",
        files: &["calls_0.tsv", "calls_1.tsv", "calls_2.tsv", "calls_3.tsv"],
        dtype: CALLS,
        delimiter: '\t',
    },
    Table { name: "grid", files: &["grid.csv"], dtype: "f8", delimiter: ',' },
    Table { name: "full", files: &["full.txt"], dtype: "f8", delimiter: ' ' },
];

/// Takes rows: to nowhere, or to memory that is there already.
struct Taker {
    memory: Option<&'static Map>,
    bytes: usize,
}

impl Sink for Taker {
    fn begin(&mut self, _: usize, _: Option<u32>) -> Result<(), SinkError> {
        Ok(())
    }

    #[allow(unsafe_code)]
    fn rows(&mut self, block: &Block) -> Result<(), SinkError> {
        if let Some(map) = self.memory {
            assert!(self.bytes + block.len() <= map.len());
            let to = map.as_ptr().wrapping_add(self.bytes);
            // SAFETY: there is room, and the ring is no part of this mapping.
            unsafe { to.copy_from(block.as_ptr(), block.len()) };
        }
        self.bytes += block.len();
        Ok(())
    }

    fn end(&mut self, _: usize, _: u64) -> Result<(), SinkError> {
        Ok(())
    }
}

/// What is read how.
struct Job {
    paths: Vec<PathBuf>,
    dtype: DTypeBuf,
    options: Options,
}

impl Job {
    fn new(paths: Vec<PathBuf>, dtype: &str, delimiter: char) -> Self {
        let options = Options { delimiter: Delimiter::Char(delimiter), ..Options::default() };
        Self { paths, dtype: DTypeBuf::parse(dtype).unwrap(), options }
    }

    /// A workload, if its tables are there.
    fn of(table: &Table, folder: &Path) -> Option<Self> {
        let paths: Vec<PathBuf> = table.files.iter().map(|name| folder.join(name)).collect();
        if !paths.iter().all(|path| path.exists()) {
            println!("{}: no tables in {}; `make bench` makes them", table.name, folder.display());
            return None;
        }
        Some(Self::new(paths, table.dtype, table.delimiter))
    }

    /// Bytes of rows, which go nowhere, or to memory that is there.
    fn parse<'t>(&'t self, rows: impl Into<RowTypeRef<'t>>, memory: Option<&'static Map>) -> usize {
        let open = move |_: DType<'_>| Ok(Taker { memory, bytes: 0 });
        let never = AtomicBool::new(false);
        load(&self.paths, rows, Unicode::Ucs4, &self.options, &never, open).unwrap().0.bytes
    }

    fn segment<'t>(&'t self, rows: impl Into<RowTypeRef<'t>>) -> Segment {
        let never = AtomicBool::new(false);
        let options = SegmentOptions { policy: Policy::Anonymous, ..SegmentOptions::default() };
        load_segment(&self.paths, None, rows, &self.options, options, &never).unwrap()
    }
}

/// Seconds of wall time, and of processor time here and in workers.
fn timed<T>(work: impl FnOnce() -> T) -> [f64; 2] {
    let (start, before) = (Instant::now(), processor_seconds());
    let made = work();
    let times = [start.elapsed().as_secs_f64(), processor_seconds() - before];
    drop(made);
    times
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// `pwrite` of so many bytes to fresh shared memory, which is answered, to be freed untimed.
#[allow(unsafe_code)]
fn write_fresh(bytes: usize) -> sys::Fd {
    let piece = vec![0x5A_u8; 1 << 20];
    let fd = sys::open_unnamed(sys::SHM_DIR).unwrap();
    for at in (0..bytes).step_by(piece.len()) {
        let len = piece.len().min(bytes - at);
        // SAFETY: the piece is readable for its length.
        unsafe { fd.write_at(piece.as_ptr(), len, at as u64) }.unwrap();
    }
    fd
}

fn segments(folder: &Path) {
    println!("to a segment: seconds, medians of {ROUNDS} rounds, taking turns");
    println!(
        "     | parsing/workers | pwrite | fresh segment | of the larger | memory that is there"
    );
    for table in &TABLES {
        let Some(job) = Job::of(table, folder) else { continue };
        let rows = || job.dtype.as_dtype();
        let bytes = job.parse(rows(), None);
        // For the rest of this process: a sink of a job has to be 'static.
        let warm: &Map = Box::leak(Box::new(Map::shared_anonymous(bytes).unwrap()));
        let mut times = [const { Vec::new() }; 4];
        for _ in 0..ROUNDS {
            times[0].push(timed(|| job.parse(rows(), None))[1]);
            times[1].push(timed(|| write_fresh(bytes))[0]);
            times[2].push(timed(|| job.segment(rows()))[0]);
            times[3].push(timed(|| job.parse(rows(), Some(warm)))[0]);
        }
        let [cpu, write, fresh, there] = times.map(median);
        let parsing = cpu / sys::affinity_count() as f64;
        let ratio = fresh / parsing.max(write);
        let name = table.name;
        println!(
            "{name} | {parsing:15.3} | {write:6.3} | {fresh:13.3} | {ratio:13.2} | {there:.3}"
        );
    }
}

/// The dtype that is found, beside the same one given.
fn found(folder: &Path) {
    println!("\ndtype auto, to nowhere, beside the dtype that it finds: seconds");
    for table in &TABLES {
        let Some(mut job) = Job::of(table, folder) else { continue };
        job.dtype = DTypeBuf::copy_of(job.segment(RowTypeRef::Auto).dtype()).unwrap();
        let mut times = [const { Vec::new() }; 2];
        for _ in 0..ROUNDS {
            times[0].push(timed(|| job.parse(job.dtype.as_dtype(), None))[0]);
            times[1].push(timed(|| job.parse(RowTypeRef::Auto, None))[0]);
        }
        let [given, auto] = times.map(median);
        let (name, ratio) = (table.name, auto / given);
        println!("{name} | given {given:.3} | auto {auto:.3} | {ratio:.2} times");
    }
}

/// A table of about a kilobyte.
fn kilobyte(number: usize) -> Vec<u8> {
    let mut text = Vec::new();
    for i in 0.. {
        let (pos, c) = (1000 * number + i, (number + i) % 30);
        writeln!(text, "chr{}\t{pos}\t{:.3}\t{c}\t{i}", number % 22, 1.5 * i as f64).unwrap();
        if text.len() > 1000 {
            break;
        }
    }
    text
}

/// Many files of 1 kB, and one of ten rows.
fn small() {
    let dir = std::env::temp_dir().join(format!("ndshm-load-{}", std::process::id()));
    fs::create_dir(&dir).unwrap();
    let paths: Vec<PathBuf> = (0..SMALL).map(|i| dir.join(format!("{i:05}.tsv"))).collect();
    for (number, path) in paths.iter().enumerate() {
        fs::write(path, kilobyte(number)).unwrap();
    }
    let ten = vec![dir.join("ten.tsv")];
    fs::write(&ten[0], "chr1\t30\t100\t1\t0\n".repeat(10)).unwrap();
    println!("\nsmall files, to a segment: milliseconds");
    for (name, paths) in [("10,000 of 1 kB", paths), ("one of ten rows", ten)] {
        let job = Job::new(paths, CALLS, '\t');
        let mut times = [const { Vec::new() }; 2];
        for _ in 0..ROUNDS {
            times[0].push(timed(|| read_all(&job.paths))[0]);
            times[1].push(timed(|| job.segment(job.dtype.as_dtype()))[0]);
        }
        let [read, load] = times.map(|times| 1e3 * median(times));
        println!(
            "{name} | opened and read {read:.3} | loaded {load:.3} | {:.1} times",
            load / read
        );
    }
    fs::remove_dir_all(&dir).unwrap();
}

/// Opens and reads files, and does nothing with them.
fn read_all(paths: &[PathBuf]) -> usize {
    let mut room = vec![0; 1 << 16];
    paths.iter().map(|path| File::open(path).unwrap().read(&mut room).unwrap()).sum()
}

fn main() {
    let folder = std::env::args().skip(1).find(|arg| !arg.starts_with('-'));
    let folder = folder.map_or_else(|| PathBuf::from("target/bench-data/scale-1"), PathBuf::from);
    segments(&folder);
    found(&folder);
    small();
}

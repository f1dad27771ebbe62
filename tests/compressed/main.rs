//! Compressed inputs against plain ones: the same rows and the same errors, from files,
//! pipes and readers; and what becomes of those that are cut off or damaged.

#![cfg(feature = "compress")]
#![allow(clippy::unwrap_used, reason = "a test may fail")]

#[path = "../common/child.rs"]
mod child;
mod damage;
#[path = "../common/drops.rs"]
mod drops;
mod encodings;
mod formats;
mod pack;
mod streams;

use core::sync::atomic::AtomicBool;
use core::time::Duration;
use std::fs;
use std::io::{self, Cursor, Write};
use std::path::{Path, PathBuf};
use std::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::thread;

use child::in_a_child;
use drops::Drops;
use ndshm::dtype::DType;
use ndshm::dtype_buf::DTypeBuf;
use ndshm::error::code;
use ndshm::load::{
    Block, Damage, Encoding, Input, InputFault, Job, LoadError, Options, Sink, SinkError, load,
};
use ndshm::text::{Delimiter, Unicode};
use pack::{ALL, CHECKED};
use zstd_safe::CParameter::{EnableLongDistanceMatching, WindowLog};

/// Tests that count threads have the process for themselves.
static ALONE: RwLock<()> = RwLock::new(());

fn beside_others() -> RwLockReadGuard<'static, ()> {
    ALONE.read().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn alone() -> RwLockWriteGuard<'static, ()> {
    ALONE.write().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Threads of this process that unpack.
fn unpacking_threads() -> usize {
    let tasks = fs::read_dir("/proc/self/task").unwrap();
    let name = |task: fs::DirEntry| fs::read_to_string(task.path().join("comm")).ok();
    tasks.filter_map(|task| name(task.unwrap())).filter(|name| name == "ndshm-unpack\n").count()
}

/// Whether they have all ended. One that was waited for may still be listed for a moment.
fn no_thread_is_left() -> bool {
    (0..100).any(|_| {
        let none = unpacking_threads() == 0;
        if !none {
            thread::sleep(Duration::from_millis(10));
        }
        none
    })
}

/// Rows and bytes of every input.
#[derive(Debug, Default, PartialEq, Eq)]
struct Keep(Vec<(u64, Vec<u8>)>);

impl Sink for Keep {
    fn begin(&mut self, _: usize, _: Option<u32>) -> Result<(), SinkError> {
        self.0.push((0, Vec::new()));
        Ok(())
    }

    fn rows(&mut self, block: &Block) -> Result<(), SinkError> {
        let input = self.0.last_mut().unwrap();
        input.0 += block.rows();
        input.1.extend_from_slice(block.as_bytes());
        Ok(())
    }

    fn end(&mut self, _: usize, _: u64) -> Result<(), SinkError> {
        Ok(())
    }
}

fn options(workers: usize, piece_bytes: Option<u64>) -> Options {
    Options {
        workers: Some(workers),
        piece_bytes,
        allow_empty: true,
        delimiter: Delimiter::Char(','),
        ..Options::default()
    }
}

fn start(inputs: Vec<Input>, options: &Options) -> Result<Job<Keep>, LoadError> {
    let dtype = DTypeBuf::parse("i8").unwrap();
    Job::start(inputs, dtype.as_dtype(), Unicode::Ucs4, options, |_| Ok(Keep::default()))
}

fn run(inputs: Vec<Input>, options: &Options) -> Result<Keep, LoadError> {
    let dtype = DTypeBuf::parse("i8").unwrap();
    let never = AtomicBool::new(false);
    let open = |_: DType<'_>| Ok(Keep::default());
    Ok(load(inputs, dtype.as_dtype(), Unicode::Ucs4, options, &never, open)?.0)
}

fn run_file(path: &Path, options: &Options) -> Result<Keep, LoadError> {
    run(vec![Input::from(path)], options)
}

/// Numbers from nowhere, always the same.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        (self.0 >> 33) % end
    }
}

fn text(rows: u64, seed: u64) -> Vec<u8> {
    let mut numbers = Numbers(seed);
    let mut text = Vec::new();
    for row in 0..rows {
        writeln!(text, "{row},{},-{}", numbers.below(1 << 31), numbers.below(9)).unwrap();
    }
    text
}

fn write(dir: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = dir.join(name);
    fs::write(&path, bytes).unwrap();
    path
}

/// A pipe that a thread writes to, and is not hurt if nobody reads to the end.
fn pipe(bytes: &[u8]) -> (Input, thread::JoinHandle<()>) {
    let (reader, mut writer) = io::pipe().unwrap();
    let bytes = bytes.to_vec();
    let feed = thread::spawn(move || {
        let _ = bytes.chunks(1_000).try_for_each(|part| writer.write_all(part));
    });
    (Input::descriptor("pipe", reader), feed)
}

/// Loads it as a file, from a pipe, and from readers that give all or a little at a time.
fn every_way(
    dir: &Path,
    suffix: &str,
    packed: &[u8],
    options: &Options,
) -> Vec<Result<Keep, LoadError>> {
    let file = write(dir, &format!("a.{suffix}"), packed);
    let mut found = vec![run_file(&file, options)];
    // Nothing is no compressed text without a name that says so.
    if !packed.is_empty() {
        let (input, feed) = pipe(packed);
        found.push(run(vec![input], options));
        feed.join().unwrap();
        let whole = Cursor::new(packed.to_vec());
        found.push(run(vec![Input::stream("reader", whole)], options));
        if packed.len() < 20_000 {
            let drops = Drops::new(packed, packed.len());
            found.push(run(vec![Input::stream("drops", drops)], options));
        }
    }
    found
}

fn damage(error: &LoadError) -> Option<(Damage, u64)> {
    match error {
        LoadError::Input { reason: InputFault::Compressed { damage, offset, .. }, .. } => {
            Some((*damage, *offset))
        }
        _ => None,
    }
}

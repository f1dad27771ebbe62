//! Compressed inputs against plain ones: the same rows and the same errors, from files,
//! pipes and readers; and what becomes of those that are cut off or damaged.

#![cfg(feature = "compress")]
#![allow(clippy::unwrap_used, reason = "a test may fail")]

#[path = "common/child.rs"]
mod child;
#[path = "common/drops.rs"]
mod drops;
#[path = "compressed/pack.rs"]
mod pack;

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

#[test]
fn what_was_packed_gives_the_rows_of_the_plain_text() {
    let _guard = beside_others();
    let dir = tempfile::tempdir().unwrap();
    let mut numbers = Numbers(1);
    for rows in [0, 1, 2, 30, 1_000, 20_000] {
        let text = text(rows + numbers.below(1 + rows / 3), rows);
        let plain = write(dir.path(), "plain", &text);
        for (suffix, pack) in ALL {
            let packed = pack(&text);
            let workers = 1 + numbers.below(4) as usize;
            let tiny = (rows < 2_000).then(|| 1 + numbers.below(300));
            let options = options(workers, tiny);
            let expected = run_file(&plain, &options).unwrap();
            for found in every_way(dir.path(), suffix, &packed, &options) {
                assert!(found.unwrap() == expected, "{suffix}, {rows} rows, {workers} workers");
            }
        }
    }
}

#[test]
fn members_follow_each_other_also_behind_zeros() {
    let _guard = beside_others();
    let dir = tempfile::tempdir().unwrap();
    let (one, two) = (text(700, 1), text(900, 2));
    let whole = [one.as_slice(), b"77,78,79\n", &two].concat();
    let plain = write(dir.path(), "plain", &whole);
    for workers in [1, 3] {
        let options = options(workers, Some(5_000));
        let expected = run_file(&plain, &options).unwrap();
        for (suffix, pack) in ALL {
            for zeros in [0, 1, 512, 200_000] {
                let parts = [&one[..], b"", &one[..0], b"77,78,7", b"9\n", &two];
                let mut packed = Vec::new();
                for part in parts {
                    packed.extend(pack(part));
                    packed.extend(vec![0; zeros]);
                }
                for found in every_way(dir.path(), suffix, &packed, &options) {
                    assert!(found.unwrap() == expected, "{suffix}, {zeros} zeros");
                }
            }
        }
    }
}

#[test]
fn blocks_of_bgzip_may_be_followed_by_other_members() {
    let _guard = beside_others();
    let dir = tempfile::tempdir().unwrap();
    let (one, two, three) = (text(60_000, 1), text(40_000, 2), text(30_000, 3));
    let plain = write(dir.path(), "plain", &[&one[..], &two, &three].concat());
    let packed = [pack::bgzip(&one), pack::gzip(&two), pack::bgzip(&three)].concat();
    for workers in 1..=4 {
        let options = options(workers, None);
        let expected = run_file(&plain, &options).unwrap();
        for found in every_way(dir.path(), "gz", &packed, &options) {
            assert!(found.unwrap() == expected);
        }
        // Without the empty block at the end, which tells that nothing was cut off.
        let short = pack::bgzip(&one);
        let file = write(dir.path(), "short.gz", &short[..short.len() - 28]);
        assert_eq!(run_file(&file, &options).unwrap().0[0].0, 60_000);
    }
}

fn damage(error: &LoadError) -> Option<(Damage, u64)> {
    match error {
        LoadError::Input { reason: InputFault::Compressed { damage, offset, .. }, .. } => {
            Some((*damage, *offset))
        }
        _ => None,
    }
}

#[test]
fn what_is_cut_off_or_damaged_is_an_error() {
    let _guard = beside_others();
    let dir = tempfile::tempdir().unwrap();
    let text = text(40, 5);
    let plain = write(dir.path(), "plain", &text);
    for (suffix, pack) in ALL {
        let packed = pack(&text);
        for cut in (6..packed.len() - 28).step_by(17) {
            let options = options(1 + cut % 3, Some(64));
            let file = write(dir.path(), &format!("a.{suffix}"), &packed[..cut]);
            let error = run_file(&file, &options).unwrap_err();
            assert_eq!(error.code(), code::INPUT, "{suffix} cut at {cut}: {error}");
            assert!(matches!(damage(&error), Some((Damage::CutOff, _))), "{error}");
        }
        for bit in (5..8 * packed.len()).step_by(71) {
            let mut flipped = packed.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let options = options(2, Some(50));
            let file = write(dir.path(), &format!("a.{suffix}"), &flipped);
            match run_file(&file, &options) {
                Ok(found) if suffix != "lzma" => {
                    assert!(found == run_file(&plain, &options).unwrap(), "{suffix}, bit {bit}");
                }
                Ok(_) | Err(LoadError::Input { .. } | LoadError::Text(_)) => {}
                Err(error) => panic!("{suffix}, bit {bit}: {error}"),
            }
        }
    }
}

#[test]
fn damage_is_told_behind_the_rows_before_it() {
    let _guard = beside_others();
    let dir = tempfile::tempdir().unwrap();
    let text = text(50_000, 7);
    for (suffix, pack) in CHECKED {
        let mut packed = pack(&text);
        let middle = packed.len() * 2 / 3;
        for byte in &mut packed[middle..middle + 20] {
            *byte ^= 0x55;
        }
        let file = write(dir.path(), &format!("a.{suffix}"), &packed);
        for workers in [1, 2, 4] {
            let error = run_file(&file, &options(workers, None)).unwrap_err();
            // Wrong bytes may come out before a checksum tells.
            match damage(&error) {
                Some((Damage::Corrupt(_), offset)) => assert!(offset as usize > middle - 70_000),
                _ => assert_eq!(error.code(), code::TEXT, "{suffix}: {error}"),
            }
            let few = Options { max_rows: Some(10), ..options(workers, None) };
            assert_eq!(run_file(&file, &few).unwrap().0[0].0, 10, "{suffix}");
        }
    }
    // An error of the text before it comes first.
    let bad = [b"1,2,3\n1,x,3\n".as_slice(), &text].concat();
    let packed = pack::gzip(&bad);
    let file = write(dir.path(), "b.gz", &packed[..packed.len() / 2]);
    let error = run_file(&file, &options(2, None)).unwrap_err();
    assert_eq!((error.code(), error.position().unwrap().line), (code::TEXT, 2));
}

#[test]
fn what_follows_the_packed_data_is_an_error() {
    let _guard = beside_others();
    let dir = tempfile::tempdir().unwrap();
    for (suffix, pack) in CHECKED {
        for garbage in [&b"x"[..], b"\0\0x", b"1,2,3\n", b"BZ", b"\x1f\x8b", b"\x1f"] {
            let packed = [&pack(b"1,2,3\n")[..], garbage].concat();
            let file = write(dir.path(), &format!("a.{suffix}"), &packed);
            let error = run_file(&file, &options(2, None)).unwrap_err();
            let (damage, _) = damage(&error).unwrap();
            assert!(matches!(damage, Damage::Trailing | Damage::CutOff), "{suffix}: {error}");
        }
    }
}

#[test]
fn names_and_first_bytes_tell_what_a_file_is() {
    let _guard = beside_others();
    let dir = tempfile::tempdir().unwrap();
    let options = options(1, None);
    let packed = pack::gzip(b"1,2\n");
    for name in ["a", "a.txt", "a.xz", "a.GZ"] {
        let file = write(dir.path(), name, &packed);
        assert_eq!(run_file(&file, &options).unwrap().0[0].0, 1, "{name}");
    }
    for name in ["b.gz", "b.bz2", "b.xz"] {
        let file = write(dir.path(), name, b"1,2\n");
        let error = run_file(&file, &options).unwrap_err();
        assert_eq!(damage(&error).unwrap().0, Damage::Misnamed, "{error}");
    }
    for (name, bytes) in [("c.zst", &b"1,2\n"[..]), ("c.gz", b""), ("BZh9", b"\n"), ("c.GZ", b"")] {
        let file = write(dir.path(), name, bytes);
        assert!(run_file(&file, &options).is_ok(), "{name}");
    }
    // A text that only begins as if it were packed.
    for text in ["BZh", "BZh9", "BZh91AY&SX", "(\n"] {
        let dtype = DTypeBuf::parse("S10").unwrap();
        let file = write(dir.path(), "d", text.as_bytes());
        let (reader, mut writer) = io::pipe().unwrap();
        writer.write_all(text.as_bytes()).unwrap();
        drop(writer);
        let drops = Drops::new(text.as_bytes(), 4);
        for input in [file.into(), Input::descriptor("pipe", reader), Input::stream("drops", drops)]
        {
            let never = AtomicBool::new(false);
            let open = |_: DType<'_>| Ok(Keep::default());
            let (keep, rows) =
                load([input], dtype.as_dtype(), Unicode::Ucs4, &options, &never, open).unwrap();
            assert_eq!(rows, 1);
            assert!(keep.0[0].1.starts_with(text.trim_end().as_bytes()));
        }
    }
    // Frames to be skipped come first in what several threads packed.
    let skippable = [b"\x50\x2a\x4d\x18\x03\0\0\0abc", &pack::zstd(b"1,2\n")[..]].concat();
    let file = write(dir.path(), "e.zst", &skippable);
    assert_eq!(run_file(&file, &options).unwrap().0[0].0, 1);
}

#[test]
fn a_missing_file_is_looked_for_with_the_suffixes_of_compressed_ones() {
    let _guard = beside_others();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.csv");
    assert_eq!(ndshm::load::find_compressed(&path), None);
    assert_eq!(run_file(&path, &options(1, None)).unwrap_err().code(), code::INPUT);
    for (rows, (suffix, pack)) in [(4, ALL[5]), (3, ALL[3]), (2, ALL[0]), (1, ALL[2])] {
        write(dir.path(), &format!("a.csv.{suffix}"), &pack(&text(rows, 1)));
        assert_eq!(run_file(&path, &options(1, None)).unwrap().0[0].0, rows);
        let found = ndshm::load::find_compressed(&path).unwrap();
        assert_eq!(found.extension().unwrap(), suffix);
    }
}

/// Files large enough to be unpacked ahead, small ones, plain ones, and a pipe.
#[test]
fn many_inputs_come_in_order() {
    let _guard = beside_others();
    let dir = tempfile::tempdir().unwrap();
    for workers in [1, 2, 4] {
        let (mut inputs, mut expected) = (Vec::new(), Vec::new());
        let mut feeds = Vec::new();
        for i in 0..14_u64 {
            let text = text([9, 20_000, 3_000][i as usize % 3] + i, i);
            let (suffix, pack) = ALL[i as usize % 6];
            let plain = write(dir.path(), "plain", &text);
            expected.extend(run_file(&plain, &options(1, None)).unwrap().0);
            inputs.push(match i % 5 {
                0 => Input::from(write(dir.path(), &format!("{i}"), &text)),
                1 => {
                    let (input, feed) = pipe(&pack(&text));
                    feeds.push(feed);
                    input
                }
                _ => Input::from(write(dir.path(), &format!("{i}.{suffix}"), &pack(&text))),
            });
        }
        let small = Options { memory: Some(ndshm::load::MIN_MEMORY), ..options(workers, None) };
        assert!(run(inputs, &small).unwrap().0 == expected);
        for feed in feeds {
            feed.join().unwrap();
        }
    }
}

#[test]
fn the_first_error_in_file_order_counts() {
    let _guard = beside_others();
    let dir = tempfile::tempdir().unwrap();
    let long = text(30_000, 3);
    let good = write(dir.path(), "good.gz", &pack::gzip(&long));
    let bad_text = write(dir.path(), "bad.gz", &pack::gzip(&[&long[..], b"1,x,1\n"].concat()));
    let packed = pack::bzip2(&long);
    let cut = write(dir.path(), "cut.bz2", &packed[..packed.len() - 9]);
    for workers in [1, 3] {
        let run = |files: &[&PathBuf]| {
            let inputs = files.iter().map(|&file| Input::from(file)).collect();
            run(inputs, &options(workers, None)).unwrap_err()
        };
        let error = run(&[&good, &bad_text, &cut]);
        let position = error.position().unwrap();
        assert_eq!((position.input, position.line, position.column), (1, 30_001, 2), "{error}");
        let error = run(&[&good, &cut, &bad_text]);
        assert_eq!(error.position().unwrap().input, 1, "{error}");
        assert!(matches!(damage(&error), Some((Damage::CutOff, _))), "{error}");
    }
}

fn fifo(dir: &Path) -> PathBuf {
    let fifo = dir.join("fifo.gz");
    assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    fifo
}

/// Waits by the descriptor alone, as a caller with an event loop does.
fn drive(job: &mut Job<Keep>) -> Result<u64, LoadError> {
    use ndshm::sys::{Watch, poll};
    let fd = job.raw_fd();
    for steps in 1.. {
        poll(&mut [Watch::readable(fd)], -1).unwrap();
        if job.step(Duration::ZERO)?.done {
            return Ok(steps);
        }
    }
    Ok(0)
}

#[test]
fn a_fifo_is_unpacked_as_it_comes_and_drives_the_job() {
    let _guard = beside_others();
    let dir = tempfile::tempdir().unwrap();
    for (_, pack) in CHECKED {
        let text = text(3_000, 8);
        let packed = pack(&text);
        let plain = write(dir.path(), "plain", &text);
        let path = fifo(dir.path());
        let mut job = start(vec![Input::from(&path)], &options(2, Some(500))).unwrap();
        let name = path.clone();
        let size = packed.len() / 40 + 1;
        let writer = thread::spawn(move || {
            let mut fifo = fs::OpenOptions::new().write(true).open(name).unwrap();
            for part in packed.chunks(size) {
                thread::sleep(Duration::from_micros(300));
                fifo.write_all(part).unwrap();
            }
        });
        let steps = drive(&mut job).unwrap();
        writer.join().unwrap();
        fs::remove_file(path).unwrap();
        let pieces = text.len() as u64 / 500 + 1;
        assert!(steps <= 20 * (pieces + 40), "{steps} steps");
        let expected = run_file(&plain, &options(2, Some(500))).unwrap();
        assert!(job.finish().unwrap().0 == expected);
    }
}

#[test]
fn threads_end_with_the_job_whatever_they_wait_for() {
    let _guard = alone();
    let dir = tempfile::tempdir().unwrap();
    let long = text(100_000, 9);
    for (suffix, pack) in ALL {
        let packed = pack(&long);
        let file = write(dir.path(), &format!("long.{suffix}"), &packed);
        let small = Options { memory: Some(ndshm::load::MIN_MEMORY), ..options(4, Some(1 << 16)) };
        for steps in [0, 1, 3, 9] {
            // They wait for room, since nobody takes what they made.
            let mut job = start(vec![Input::from(&file), Input::from(&file)], &small).unwrap();
            for _ in 0..steps {
                job.step(Duration::from_millis(1)).unwrap();
            }
            drop(job);
            assert!(no_thread_is_left(), "{suffix}, {steps} steps");
        }
        for cancel in [false, true] {
            // They wait for a writer who writes nothing.
            let (reader, mut writer) = io::pipe().unwrap();
            writer.write_all(&packed[..packed.len().min(3_000)]).unwrap();
            let mut job = start(vec![Input::descriptor("pipe", reader)], &small).unwrap();
            while unpacking_threads() == 0 {
                job.step(Duration::from_millis(1)).unwrap();
            }
            if cancel {
                job.canceller().cancel();
                let error = job.step(Duration::from_secs(60)).unwrap_err();
                assert!(matches!(error, LoadError::Cancelled));
            }
            drop(job);
            assert!(no_thread_is_left(), "{suffix}");
            assert!(writer.write_all(&packed).is_err(), "nobody reads any more");
        }
    }
}

/// How much text there is in what is packed nobody knows before.
#[test]
fn progress_counts_the_text_and_has_no_total() {
    let _guard = beside_others();
    let dir = tempfile::tempdir().unwrap();
    let text = text(5_000, 1);
    let len = text.len() as u64;
    let plain = write(dir.path(), "plain", &text);
    for (suffix, pack) in ALL {
        let packed = write(dir.path(), &format!("a.{suffix}"), &pack(&text));
        let mut job =
            start(vec![Input::from(&plain), Input::from(packed)], &options(2, None)).unwrap();
        loop {
            let now = job.step(Duration::from_millis(50)).unwrap();
            assert!(now.bytes_total == 0 && now.bytes_done <= 2 * len, "{suffix}: {now:?}");
            if now.done {
                assert_eq!(now.bytes_done, 2 * len, "{suffix}");
                break;
            }
        }
    }
}

/// It has none of the threads, and must neither wait for them nor end them.
#[test]
fn a_job_that_a_forked_child_drops_goes_on() {
    let _guard = alone();
    let dir = tempfile::tempdir().unwrap();
    let text = text(60_000, 2);
    let plain = write(dir.path(), "plain", &text);
    let small = Options { memory: Some(ndshm::load::MIN_MEMORY), ..options(3, None) };
    let expected = run_file(&plain, &small).unwrap();
    for (suffix, pack) in CHECKED {
        let file = write(dir.path(), &format!("a.{suffix}"), &pack(&text));
        for steps in [1, 4] {
            let mut job = start(vec![Input::from(&file)], &small).unwrap();
            for _ in 0..steps {
                job.step(Duration::from_millis(1)).unwrap();
            }
            let job = &mut Some(job);
            in_a_child(|| drop(job.take()));
            assert!(job.take().unwrap().finish().unwrap().0 == expected, "{suffix}");
        }
    }
}

/// A writer without end, which gets EPIPE.
#[test]
fn no_more_is_read_than_the_rows_that_are_wanted() {
    let _guard = alone();
    for pack in [pack::gzip, pack::bgzip, pack::zstd] {
        let (reader, mut writer) = io::pipe().unwrap();
        let member = pack(&text(5_000, 4));
        let feed = thread::spawn(move || {
            let mut members = 0;
            while writer.write_all(&member).is_ok() {
                members += 1;
            }
            members
        });
        let few = Options { max_rows: Some(7_777), ..options(2, None) };
        let keep = run(vec![Input::descriptor("endless", reader)], &few).unwrap();
        assert_eq!(keep.0[0].0, 7_777);
        assert!(no_thread_is_left());
        let members = feed.join().unwrap();
        assert!(members < 3_000, "{members} members of 5,000 rows");
    }
}

#[test]
fn a_dictionary_larger_than_the_memory_is_refused() {
    let _guard = beside_others();
    let dir = tempfile::tempdir().unwrap();
    // The window that is asked for is no larger than the text.
    let text = text(600_000, 4);
    let zstd = pack::zstd_with(&text, &[EnableLongDistanceMatching(true), WindowLog(24)]);
    let small = Options { memory: Some(5 << 20), ..options(1, None) };
    for (name, packed) in [("a.zst", zstd), ("a.xz", pack::xz_with(&text, 8 << 20))] {
        let file = write(dir.path(), name, &packed);
        let error = run_file(&file, &small).unwrap_err();
        assert_eq!(error.code(), code::MEMORY, "{error}");
        assert_eq!(run_file(&file, &options(1, None)).unwrap().0[0].0, 600_000);
    }
}

#[test]
fn a_file_that_is_replaced_before_its_turn_is_an_error() {
    let _guard = beside_others();
    let dir = tempfile::tempdir().unwrap();
    for rows in [10, 50_000] {
        let files =
            ["a.gz", "b.gz"].map(|name| write(dir.path(), name, &pack::gzip(&text(rows, 1))));
        let job = start(files.iter().map(Input::from).collect(), &options(1, None)).unwrap();
        fs::remove_file(&files[1]).unwrap();
        write(dir.path(), "other", b"takes the place of the old one");
        write(dir.path(), "b.gz", &pack::gzip(&text(rows + 1, 1)));
        let error = job.finish().unwrap_err();
        assert!(error.to_string().ends_with("b.gz: changed while it was read"), "{error}");
    }
}

const ENCODINGS: [Encoding; 9] = [
    Encoding::Utf8,
    Encoding::Utf8Sig,
    Encoding::Latin1,
    Encoding::Utf16,
    Encoding::Utf16Le,
    Encoding::Utf16Be,
    Encoding::Utf32,
    Encoding::Utf32Le,
    Encoding::Utf32Be,
];

/// The text as Python writes it.
fn encoded(encoding: Encoding, text: &str) -> Vec<u8> {
    let mark = if matches!(encoding, Encoding::Utf16 | Encoding::Utf32) { "\u{feff}" } else { "" };
    let text = [mark, text].concat();
    let bytes: Vec<Vec<u8>> = match encoding {
        Encoding::Utf16 | Encoding::Utf16Le => {
            text.encode_utf16().map(|unit| unit.to_le_bytes().to_vec()).collect()
        }
        Encoding::Utf16Be => text.encode_utf16().map(|unit| unit.to_be_bytes().to_vec()).collect(),
        Encoding::Utf32 | Encoding::Utf32Le => {
            text.chars().map(|c| u32::from(c).to_le_bytes().to_vec()).collect()
        }
        Encoding::Utf32Be => text.chars().map(|c| u32::from(c).to_be_bytes().to_vec()).collect(),
        Encoding::Latin1 => {
            text.chars().map(|c| vec![u8::try_from(u32::from(c)).unwrap()]).collect()
        }
        Encoding::Utf8Sig => vec![b"\xef\xbb\xbf".to_vec(), text.into_bytes()],
        _ => vec![text.into_bytes()],
    };
    bytes.concat()
}

#[test]
fn every_encoding_gives_the_rows_of_utf8() {
    let _guard = beside_others();
    let dir = tempfile::tempdir().unwrap();
    let mut plain = String::from("# caf\u{e9}\r\n");
    plain.push_str(core::str::from_utf8(&text(5_000, 4)).unwrap());
    let wide = plain.replace('\u{e9}', "\u{20ac}\u{1f600}");
    for (skiprows, piece) in [(0, None), (3, Some(3_000))] {
        let utf8 = Options { skiprows, ..options(2, piece) };
        let expected = run_file(&write(dir.path(), "utf8", wide.as_bytes()), &utf8).unwrap();
        for encoding in ENCODINGS {
            let text = if encoding == Encoding::Latin1 { &plain } else { &wide };
            let bytes = encoded(encoding, text);
            let options = Options { encoding, ..utf8.clone() };
            let mut found = every_way(dir.path(), "txt", &bytes, &options);
            found.extend(every_way(dir.path(), "gz", &pack::gzip(&bytes), &options));
            for keep in found {
                assert!(keep.unwrap() == expected, "{encoding}");
            }
        }
    }
}

#[test]
fn a_file_that_is_not_in_its_encoding_is_an_error_with_its_place() {
    let _guard = beside_others();
    let dir = tempfile::tempdir().unwrap();
    for (encoding, bytes, at) in [
        (Encoding::Utf16, &b"1\0\n\0"[..], 0),
        (Encoding::Utf16, b"\xff\xfe1\0\n", 4),
        (Encoding::Utf16Le, b"1\0\0\xd8\n\0", 2),
        (Encoding::Utf32, b"\xff\xfe\0\0\0\0\x11\0", 4),
    ] {
        for found in every_way(dir.path(), "txt", bytes, &Options { encoding, ..options(1, None) })
        {
            let error = found.unwrap_err();
            assert_eq!(error.code(), code::TEXT, "{error}");
            assert_eq!(error.position().unwrap().byte, Some(at), "{error}");
        }
    }
}

/// Rows are read as UTF-8: bytes of that say nothing of the bytes of the file.
#[test]
fn a_row_of_a_recoded_text_is_told_without_its_byte() {
    let _guard = beside_others();
    let dir = tempfile::tempdir().unwrap();
    for encoding in ENCODINGS {
        let bytes = encoded(encoding, "1,2\n3,x\n");
        let mark = if encoding == Encoding::Utf8Sig { 3 } else { 0 };
        let byte = (bytes.len() - mark == 8).then_some(mark as u64 + 6);
        let options = Options { encoding, ..options(1, None) };
        let mut found = every_way(dir.path(), "txt", &bytes, &options);
        found.extend(every_way(dir.path(), "gz", &pack::gzip(&bytes), &options));
        for found in found {
            let error = found.unwrap_err();
            let place = byte.map_or(String::new(), |byte| format!(", byte {byte}"));
            assert!(error.to_string().ends_with(&format!("(row 1{place})")), "{error}");
            let position = error.position().unwrap();
            assert_eq!((position.line, position.column, position.byte), (2, 2, byte), "{error}");
        }
    }
}

/// A byte order mark is left out only where that was asked for.
#[test]
fn a_byte_order_mark_is_a_character_of_plain_utf8() {
    let _guard = beside_others();
    let dir = tempfile::tempdir().unwrap();
    let twice = b"\xef\xbb\xbf\xef\xbb\xbf1,2\n";
    for (encoding, bytes, good) in [
        (Encoding::Utf8, &twice[3..], false),
        (Encoding::Utf8Sig, &twice[3..], true),
        (Encoding::Utf8Sig, twice, false),
        (Encoding::Utf8Sig, b"1,2\n", true),
        (Encoding::Utf8Sig, b"\xef\xbb\xbf", true),
        (Encoding::Utf8Sig, b"", true),
    ] {
        for workers in [1, 2] {
            let options = Options { encoding, ..options(workers, Some(1)) };
            for found in every_way(dir.path(), "txt", bytes, &options) {
                assert_eq!(found.is_ok(), good, "{bytes:?}");
                if let Err(error) = found {
                    let byte = error.position().unwrap().byte;
                    assert_eq!(byte, Some(bytes.len() as u64 - 7), "{error}");
                }
            }
        }
    }
}

//! Pipes and jobs: what threads do, how far they are, and when they end.

use super::*;

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

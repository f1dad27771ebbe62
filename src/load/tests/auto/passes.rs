//! New beginnings: samples, streams that are read again, deaths.

use core::sync::atomic::Ordering;
use core::time::Duration;
use std::io::{self, Read};
use std::sync::Arc;

use super::*;

#[test]
fn a_late_contradiction_begins_again() {
    let dir = tempfile::tempdir().unwrap();
    let text = "1,ab\n".repeat(2_000) + "2.5,abcdef\n";
    for workers in 1..4 {
        let options = tiny(workers, 500);
        for input in [file(dir.path(), "a", &text), stream(&text)] {
            let (dtype, keep) = found([input].into(), "auto", &options).unwrap();
            assert_eq!(dtype, "[('f0', '<f8'), ('f1', '|S6')]");
            assert_eq!((keep.inputs[0].0, keep.inputs[0].2.len()), (2_001, 2_001 * 14));
            assert_eq!(keep.inputs[0].2[..10], *b"\0\0\0\0\0\0\xf0\x3fab");
        }
    }
}

#[test]
fn sampling_all_over_a_file_saves_a_new_beginning() {
    let dir = tempfile::tempdir().unwrap();
    // Wider and wider, and integers at first.
    let line = |i: usize| {
        let number = if i < 20_000 { i.to_string() } else { format!("{i}.5") };
        format!("{number},{}\n", "x".repeat(1 + i / 6_000))
    };
    let text: String = (0..40_000).map(line).collect();
    let rows = RowType::parse("auto").unwrap();
    let open = |_: DType<'_>| Ok(Keep::default());
    for (header, first) in [(true, "number,name\n"), (false, "")] {
        let input = file(dir.path(), "a", &(first.to_string() + &text));
        let options = Options { piece_bytes: None, header, ..tiny(2, 1) };
        let mut job = Job::start([input], &rows, Unicode::Ucs4, &options, open).unwrap();
        while !job.step(Duration::from_secs(1)).unwrap().done {}
        assert_eq!((job.progress().pass, job.progress().rows), (1, 40_000));
        let dtype = job.dtype().unwrap();
        assert_eq!(dtype.field_at(2).itemsize(), 7);
        assert_eq!(dtype.field_at(1).name(), if header { "number" } else { "f0" });
    }
}

#[test]
fn streams_are_kept_and_read_again() {
    let text = "1\n".repeat(200_000) + "x\n";
    for descriptor in [false, true] {
        let (reader, mut writer) = std::io::pipe().unwrap();
        let input =
            if descriptor { Input::descriptor("x", reader) } else { Input::stream("x", reader) };
        let feed = std::thread::spawn({
            let text = text.clone();
            move || writer.write_all(text.as_bytes()).unwrap()
        });
        let rows = RowType::parse("auto").unwrap();
        let open = |_: DType<'_>| Ok(Keep::default());
        let options = Options { workers: Some(2), ..Options::default() };
        let mut job = Job::start([input], &rows, Unicode::Ucs4, &options, open).unwrap();
        while !job.step(Duration::from_secs(1)).unwrap().done {}
        feed.join().unwrap();
        assert_eq!((job.progress().pass, job.progress().rows), (3, 200_001));
        let spooled = &job.report().spooled[0];
        assert_eq!(
            (spooled.path.as_path(), spooled.bytes),
            (Path::new("x"), 400_002 - (128 << 10))
        );
        let done = job.run(None).unwrap();
        assert_eq!(done.dtype.to_string(), "[('f0', '|S1')]");
    }
    // What is small needs no file, and what is read once neither.
    let rows = RowType::parse("i4").unwrap();
    let header = Options { header: true, ..tiny(2, 5_000) };
    let open = |_: DType<'_>| Ok(Keep::default());
    let input = stream(&("a\n".to_string() + &"1\n".repeat(200_000)));
    let done = Job::start([input], &rows, Unicode::Ucs4, &header, open).unwrap().run(None).unwrap();
    assert_eq!((done.rows, done.report.spooled.len()), (200_000, 0));
}

#[test]
fn a_job_that_waits_for_the_beginning_can_be_polled_and_cancelled() {
    let (reader, mut writer) = std::io::pipe().unwrap();
    let rows = RowType::parse("auto").unwrap();
    let open = |_: DType<'_>| Ok(Keep::default());
    let options = Options { header: true, workers: Some(1), ..Options::default() };
    let input = Input::descriptor("x", reader);
    let mut job = Job::start([input], &rows, Unicode::Ucs4, &options, open).unwrap();
    let ready = |job: &Job<Keep>| {
        let mut watches = [crate::sys::Watch::readable(job.raw_fd())];
        crate::sys::poll(&mut watches, 0).unwrap();
        watches[0].is_ready()
    };
    assert!(ready(&job) && !job.step(Duration::ZERO).unwrap().done);
    assert!(!ready(&job) && job.progress().pass == 0 && job.dtype().is_none());
    writer.write_all(b"a b\n1 2\n").unwrap();
    assert!(ready(&job));
    for _ in 0..2 {
        job.step(Duration::ZERO).unwrap();
    }
    assert!(!ready(&job), "there may be more");
    job.canceller().cancel();
    assert!(ready(&job));
    assert!(matches!(job.step(Duration::ZERO), Err(LoadError::Cancelled)));
    assert!(ready(&job));
}

#[test]
fn there_is_one_sink_at_a_time() {
    struct One(Keep, Arc<AtomicBool>);

    impl Drop for One {
        fn drop(&mut self) {
            self.1.store(false, Ordering::Relaxed);
        }
    }

    impl Sink for One {
        fn begin(
            &mut self,
            input: usize,
            columns: Option<u32>,
        ) -> core::result::Result<(), SinkError> {
            self.0.begin(input, columns)
        }

        fn rows(&mut self, block: &Block) -> core::result::Result<(), SinkError> {
            self.0.rows(block)
        }

        fn end(&mut self, input: usize, rows: u64) -> core::result::Result<(), SinkError> {
            self.0.end(input, rows)
        }
    }

    let (alive, rows) = (Arc::new(AtomicBool::new(false)), RowType::parse("auto").unwrap());
    let flag = alive.clone();
    let mut made = 0;
    let open = move |_: DType<'_>| {
        assert!(!flag.swap(true, Ordering::Relaxed));
        made += 1;
        if made == 3 {
            Err("twice is enough".into())
        } else {
            Ok(One(Keep::default(), flag.clone()))
        }
    };
    let text = "1\n".repeat(500) + "x\n";
    let job = Job::start([stream(&text)], &rows, Unicode::Ucs4, &tiny(2, 50), open).unwrap();
    let done = job.run(None).unwrap();
    assert!(alive.load(Ordering::Relaxed) && done.rows == 501);
    drop(done);
    assert!(!alive.load(Ordering::Relaxed));
}

/// Kills a worker as soon as the sink is there, and again after some rows.
struct Murderer {
    keep: Keep,
    blocks: u32,
}

impl Sink for Murderer {
    fn begin(&mut self, input: usize, columns: Option<u32>) -> core::result::Result<(), SinkError> {
        self.keep.begin(input, columns)
    }

    fn rows(&mut self, block: &Block) -> core::result::Result<(), SinkError> {
        self.blocks += 1;
        if self.blocks == 3 {
            kill(children()[0]);
        }
        self.keep.rows(block)
    }

    fn end(&mut self, input: usize, rows: u64) -> core::result::Result<(), SinkError> {
        self.keep.end(input, rows)
    }
}

#[test]
fn workers_may_be_killed_in_every_pass() {
    let dir = tempfile::tempdir().unwrap();
    let text = "1,ab\n".repeat(3_000) + "2.5,abcdef\n";
    for is_stream in [false, true] {
        let input = if is_stream { stream(&text) } else { file(dir.path(), "a", &text) };
        let rows = RowType::parse("auto").unwrap();
        let open = |_: DType<'_>| Ok(Murderer { keep: Keep::default(), blocks: 0 });
        let mut job = Job::start([input], &rows, Unicode::Ucs4, &tiny(2, 300), open).unwrap();
        let mut passes = 0;
        loop {
            let now = job.step(Duration::from_millis(20)).unwrap();
            if now.pass > passes && !now.done {
                passes = now.pass;
                kill(children()[0]);
            }
            if now.done {
                break;
            }
        }
        let done = job.run(None).unwrap();
        assert_eq!(passes, 3);
        assert_eq!(done.dtype.to_string(), "[('f0', '<f8'), ('f1', '|S6')]");
        assert_eq!(done.sink.keep.inputs[0].2.len(), 3_001 * 14);
        assert!(children().is_empty());
    }
}

/// Fails behind its text, and then ends.
struct Torn(Cursor<Vec<u8>>, bool);

impl Read for Torn {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        match self.0.read(room) {
            Ok(0) if !core::mem::replace(&mut self.1, true) => Err(io::Error::other("torn")),
            read => read,
        }
    }
}

fn torn(text: &str) -> Vec<Input> {
    [Input::stream("torn", Torn(Cursor::new(text.as_bytes().to_vec()), false))].into()
}

#[test]
fn a_stream_that_fails_fails_every_pass() {
    let guessed = "1\n".repeat(100_000) + "x\n";
    for (text, options) in [(guessed.as_str(), Options::default()), ("1\nx\n", tiny(2, 2))] {
        for rows in ["auto", "S"] {
            let error = found(torn(text), rows, &options).unwrap_err();
            assert_eq!(error.to_string(), "torn: torn", "{rows}");
        }
    }
}

#[test]
fn what_is_wrong_before_the_failure_of_a_stream_comes_first() {
    let line_of = |text: &str, rows: &str, options: &Options| {
        let error = found(torn(text), rows, options).unwrap_err();
        error.position().unwrap().line
    };
    for piece in [None, Some(2), Some(1000)] {
        let plain = Options { piece_bytes: piece, ..tiny(2, 1) };
        let header = Options { header: true, ..plain.clone() };
        let skip = Options { skiprows: 1, ..header.clone() };
        for rows in ["auto", "S"] {
            assert_eq!(line_of("1,2\n3\n4,5\n", rows, &plain), 2);
            assert_eq!(line_of("a,b\n1,2\n3\n", rows, &header), 3);
            assert_eq!(line_of("x\n#\n", rows, &skip), 2);
            assert_eq!(line_of("a,b\n1,2\n", rows, &header), 0);
            // What would name the columns is not whole.
            assert_eq!(line_of("a,b", rows, &header), 0);
        }
        assert_eq!(line_of("a,b\n1,2\nx,3\n", "i4", &header), 3);
        let one = Options { max_rows: Some(1), ..header };
        assert_eq!(found(torn("a\n1\n2"), "auto", &one).unwrap().1.inputs[0].0, 1);
    }
}

#[test]
fn lines_before_the_names_are_in_the_encoding() {
    let options = Options { header: true, skiprows: 1, ..tiny(2, 1000) };
    for text in [&b"\xff\n#\n1\n"[..], b"\xff\nab"] {
        for rows in ["auto", "i4"] {
            let input = Input::stream("a", Torn(Cursor::new(text.to_vec()), false));
            let error = found([input].into(), rows, &options).unwrap_err().to_string();
            assert_eq!(error, "a: line 1 is not UTF-8 (byte 0)");
        }
    }
}

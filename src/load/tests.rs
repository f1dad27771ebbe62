//! The engine against one plain pass over the same text, for any number of
//! workers and any size of pieces; and what happens when workers die.

mod auto;
mod bad_rows;
mod job;
mod quotes;
mod small;
mod stream;

use core::sync::atomic::Ordering;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::string::ToString;
use std::vec;

use proptest::prelude::*;

use std::path::PathBuf;
use std::string::String;
use std::vec::Vec;

use super::recipe::{OwnFormat, column_storage};
use super::*;
use crate::dtype_buf::DTypeBuf;
use crate::text::{self, BadRows, Delimiter, Format, PADDING, Plan, PlanOptions, Span, Text};

/// Keeps everything; kills workers on the way if asked to.
#[derive(Debug, Default)]
struct Keep {
    inputs: Vec<(u64, Option<u32>, Vec<u8>)>,
    fail_at: Option<u64>,
}

impl Sink for Keep {
    fn begin(&mut self, input: usize, columns: Option<u32>) -> core::result::Result<(), SinkError> {
        assert_eq!(input, self.inputs.len());
        self.inputs.push((0, columns, Vec::new()));
        Ok(())
    }

    fn rows(&mut self, block: &Block) -> core::result::Result<(), SinkError> {
        let input = self.inputs.last_mut().unwrap();
        input.0 += block.rows();
        input.2.extend_from_slice(block.as_bytes());
        if self.fail_at.is_some_and(|n| input.0 >= n) {
            return Err("the disk is full".into());
        }
        Ok(())
    }

    fn end(&mut self, input: usize, rows: u64) -> core::result::Result<(), SinkError> {
        assert_eq!(self.inputs[input].0, rows);
        Ok(())
    }
}

fn run(paths: &[PathBuf], dtype: &str, options: &Options) -> Result<Keep> {
    run_into(paths, dtype, options, Keep::default())
}

fn run_into(paths: &[PathBuf], dtype: &str, options: &Options, keep: Keep) -> Result<Keep> {
    let dtype = DTypeBuf::parse(dtype).unwrap();
    let cancel = AtomicBool::new(false);
    load(paths, dtype.as_dtype(), Unicode::Ucs4, options, &cancel, once(keep)).map(|(keep, _)| keep)
}

/// Makes a sink that is there already: for jobs that begin but once.
fn once<S>(sink: S) -> impl FnMut(DType<'_>) -> core::result::Result<S, SinkError> {
    let mut sink = Some(sink);
    move |_| Ok(sink.take().unwrap())
}

fn tiny(workers: usize, piece: u64) -> Options {
    Options {
        workers: Some(workers),
        piece_bytes: Some(piece),
        allow_empty: true,
        delimiter: Delimiter::Char(','),
        ..Options::default()
    }
}

fn write(dir: &Path, name: &str, text: &[u8]) -> PathBuf {
    let path = dir.join(name);
    fs::File::create(&path).unwrap().write_all(text).unwrap();
    path
}

fn format(options: &Options) -> OwnFormat {
    OwnFormat::new(options).unwrap()
}

/// What a row by row reading gives, to compare with.
#[derive(Debug, Default, PartialEq)]
struct Naive {
    rows: u64,
    bytes: Vec<u8>,
    /// The bad rows, if they are left out; or the one that ends it.
    bad: Vec<Bad>,
    fault: Option<Bad>,
}

/// Line, row, column and byte of a fault, and whether its text does not convert.
type Bad = (u64, u64, u32, u64, bool);

fn bad_of(error: &TextError) -> Bad {
    let converts = matches!(error.problem, Problem::Convert { .. });
    (error.line, error.row, error.column, error.offset.unwrap(), converts)
}

/// Reads record after record, each by itself.
fn naive(text: &[u8], dtype: &str, options: &Options) -> Naive {
    let own = format(options);
    let skip = options.on_bad_rows == OnBadRows::Skip;
    let lines = text::skip(text, u64::MAX, true).0;
    let end = text::skip(text, lines.saturating_sub(options.skip_footer), true).1;
    let text = &text[..end];
    let (mut line, mut at) = text::skip(text, options.skiprows, true);
    let mut found = Naive::default();
    let dtype = DTypeBuf::parse(dtype).unwrap();
    let mut storage = column_storage(dtype.as_dtype(), None).unwrap();
    let plan_options = PlanOptions { format: own.get(), ..PlanOptions::default() };
    let plan = Plan::compile(dtype.as_dtype(), &plan_options, &mut storage).unwrap();
    let mut columns = 0;
    while at < text.len() && options.max_rows.is_none_or(|most| found.rows < most) {
        let (record_end, next) = text::record(text, at, &own.get(), true).unwrap();
        let record = &text[at..next];
        if columns == 0 {
            columns = text::field_count(&text[at..record_end], own.get());
        }
        let (rows, fault) = parse_alone(record, &plan.with_columns(columns).unwrap());
        found.rows += u64::from(fault.is_none() && !rows.is_empty());
        if let Some(fault) = fault {
            let row = found.rows + found.bad.len() as u64;
            let converts = matches!(fault.kind, text::FaultKind::Convert { .. });
            let offset = (at + fault.start) as u64;
            let bad = (line + fault.line + 1, row, fault.column, offset, converts);
            if !skip {
                found.fault = Some(bad);
                return found;
            }
            found.bad.push(bad);
        }
        found.bytes.extend(rows);
        line += text::skip(record, u64::MAX, true).0;
        at = next;
    }
    found
}

/// The row of one record, or why there is none.
fn parse_alone(record: &[u8], plan: &Plan<'_>) -> (Vec<u8>, Option<text::Fault>) {
    let mut input = record.to_vec();
    input.resize(record.len() + PADDING, 0);
    let mut out = vec![0; plan.row_size() + text::OVERRUN];
    let text = Text::new(&mut input, record.len()).unwrap();
    let progress = text::parse(plan, text, Span::whole(&text), 9, &mut out, &mut BadRows::stop());
    out.truncate(progress.rows as usize * plan.row_size());
    match progress.stop {
        text::Stop::Fault(fault) => (Vec::new(), Some(fault)),
        _ => (out, None),
    }
}

/// Whether a load gives what the naive reading gives.
#[track_caller]
fn same_as_naive(inputs: Vec<Input>, text: &[u8], dtype: &str, options: &Options) {
    let expected = naive(text, dtype, options);
    let found = run_reporting(inputs, dtype, options);
    let why = || std::format!("{options:?}\n{:?}", String::from_utf8_lossy(text));
    match (found, expected.fault) {
        (Ok((keep, report)), None) => {
            assert_eq!(
                (keep.inputs[0].0, &keep.inputs[0].2),
                (expected.rows, &expected.bytes),
                "{}",
                why()
            );
            let first: Vec<_> = report.first.iter().map(bad_of).collect();
            assert_eq!(report.bad_rows, expected.bad.len() as u64, "{}", why());
            assert_eq!(first, expected.bad[..expected.bad.len().min(10)], "{}", why());
        }
        (Err(LoadError::Text(error)), Some(fault)) => {
            assert_eq!(bad_of(&error), fault, "{}", why());
        }
        (found, fault) => panic!("{found:?}, not {fault:?}\n{}", why()),
    }
}

fn run_reporting(inputs: Vec<Input>, dtype: &str, options: &Options) -> Result<(Keep, Report)> {
    let dtype = DTypeBuf::parse(dtype).unwrap();
    let open = |_: DType<'_>| Ok(Keep::default());
    let mut job = Job::start(inputs, dtype.as_dtype(), Unicode::Ucs4, options, open)?;
    while !job.step(TICK)?.done {}
    let report = job.report().clone();
    Ok((job.finish()?.0, report))
}

/// One pass in this process: rows' bytes, and the line and column of the fault.
fn plain(dtype: &str, format: Format<'_>, text: &[u8]) -> (Vec<u8>, Option<(u64, u32)>) {
    let dtype = DTypeBuf::parse(dtype).unwrap();
    let mut columns = column_storage(dtype.as_dtype(), None).unwrap();
    let options = PlanOptions { format, ..PlanOptions::default() };
    let plan = Plan::compile(dtype.as_dtype(), &options, &mut columns).unwrap();
    let mut input = text.to_vec();
    input.resize(text.len() + PADDING, 0);
    let mut out = vec![0; text.len() * plan.row_size() + text::OVERRUN];
    let text = Text::new(&mut input, text.len()).unwrap();
    let progress =
        text::parse(&plan, text, Span::whole(&text), u64::MAX, &mut out, &mut BadRows::stop());
    out.truncate(progress.rows as usize * plan.row_size());
    let fault = match progress.stop {
        text::Stop::Fault(fault) => Some((fault.line + 1, fault.column)),
        _ => None,
    };
    (out, fault)
}

fn config() -> ProptestConfig {
    ProptestConfig {
        cases: 150,
        rng_seed: proptest::test_runner::RngSeed::Fixed(7),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

fn line() -> impl Strategy<Value = String> {
    let end = prop_oneof![4 => Just("\n"), 1 => Just("\r\n"), 1 => Just("\r")];
    let body = prop_oneof![
        20 => (any::<i32>(), "[a-z]{0,30}").prop_map(|(n, s)| std::format!("{n},{s}")),
        1 => Just(String::new()),
        1 => Just(String::from("# comment, with a comma")),
        1 => "[0-9a-z]{0,3},x,y".prop_map(String::from),
    ];
    (body, end).prop_map(|(body, end)| body + end)
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn any_cut_gives_what_one_pass_gives(lines in prop::collection::vec(line(), 0..40),
                                         workers in 1..4usize, piece in 1..80u64) {
        const DTYPE: &str = "n:i4,s:S12";
        let dir = tempfile::tempdir().unwrap();
        let text = lines.concat();
        let paths = [write(dir.path(), "a", text.as_bytes())];
        let options = tiny(workers, piece);
        let (rows, fault) = plain(DTYPE, format(&options).get(), text.as_bytes());
        match (run(&paths, DTYPE, &options), fault) {
            (Ok(keep), None) => assert_eq!(keep.inputs[0].2, rows),
            (Err(LoadError::Text(error)), Some(at)) => assert_eq!((error.line, error.column), at),
            (other, fault) => panic!("{other:?} {fault:?} {text:?}"),
        }
    }
}

#[test]
fn many_files_keep_their_order_and_their_columns() {
    let dir = tempfile::tempdir().unwrap();
    let paths: Vec<_> = (0..500)
        .map(|i| {
            write(
                dir.path(),
                &i.to_string(),
                std::format!("{i},1\n{i},2\n").repeat(i % 7 + 1).as_bytes(),
            )
        })
        .collect();
    let keep = run(&paths, "f8", &tiny(3, 10)).unwrap();
    for (i, (rows, columns, bytes)) in keep.inputs.iter().enumerate() {
        assert_eq!((*rows, *columns), (2 * (i as u64 % 7 + 1), Some(2)));
        assert_eq!(bytes[..8], (i as f64).to_le_bytes());
    }
    assert_eq!(keep.inputs.len(), 500);
}

#[test]
fn skiprows_and_max_rows_hold_for_each_file() {
    let dir = tempfile::tempdir().unwrap();
    let text = b"name,value\n# units\n1,10\n2,20\n\n3,30\n4,forty\n";
    let paths = [write(dir.path(), "a", text), write(dir.path(), "b", text)];
    for piece in [1, 5, 1000] {
        let options = Options { skiprows: 2, max_rows: Some(3), ..tiny(2, piece) };
        let keep = run(&paths, "i4", &options).unwrap();
        assert_eq!(keep.inputs.iter().map(|i| i.0).collect::<Vec<_>>(), [3, 3]);
        let error = run(&paths, "i4", &Options { max_rows: Some(4), ..options }).unwrap_err();
        let LoadError::Text(error) = error else { panic!("{error}") };
        assert_eq!((error.line, error.row, error.column, error.text.as_str()), (7, 3, 2, "forty"));
        assert_eq!(error.offset, Some(text.len() as u64 - 6));
    }
}

#[test]
fn rows_much_larger_than_their_text_need_no_larger_buffers() {
    let dir = tempfile::tempdir().unwrap();
    let text = "ab\n".repeat(5_000);
    let paths = [write(dir.path(), "a", text.as_bytes())];
    let options = Options { memory: Some(MIN_MEMORY), ..tiny(2, 1 << 20) };
    let keep = run(&paths, "S3000", &options).unwrap();
    assert_eq!(keep.inputs[0].0, 5_000);
    assert!(keep.inputs[0].2.chunks(3000).all(|row| row[..3] == *b"ab\0"));
}

/// Once the last line of a range was waited for, as its `\r` could have been half of a line end,
/// until the buffer was full: a line that no buffer can hold, it seemed.
#[test]
fn lines_may_end_with_a_lone_return_where_a_range_does() {
    let dir = tempfile::tempdir().unwrap();
    // Complex numbers, as no kernel reads them.
    let paths = [write(dir.path(), "a", "1+2j\r".repeat(300_000).as_bytes())];
    let options = Options { memory: Some(MIN_MEMORY), piece_bytes: None, ..tiny(2, 1) };
    assert_eq!(run(&paths, "c8", &options).unwrap().inputs[0].0, 300_000);
}

#[test]
fn a_line_that_fits_may_lie_anywhere() {
    let dir = tempfile::tempdir().unwrap();
    // The input buffers have 256 KiB, pieces half of it; a line may have the quarter of it all.
    let options = Options { memory: Some(4 << 20), piece_bytes: None, ..tiny(4, 1) };
    for lead in [0, 1, 2_000, 30_000, 50_000, 65_535, 65_536, 80_000, 140_000] {
        for (line, len) in [("#", 250_000), ("7", 250_000), ("7", 300_000), ("#", 1_000_000)] {
            let long = line.to_string() + &" ".repeat(len) + "\n";
            let text = "1\n".repeat(lead) + &long + "# more\n" + &long + "2\n";
            let path = write(dir.path(), "a", text.as_bytes());
            let rows = lead as u64 + 1 + if line == "7" { 2 } else { 0 };
            assert_eq!(run(&[path], "i4", &options).unwrap().inputs[0].0, rows, "{lead}");
        }
    }
    let text = "1\n".repeat(60_000) + "# \n" + &"8".repeat(1_100_000) + "\n";
    let error = run(&[write(dir.path(), "a", text.as_bytes())], "i4", &options).unwrap_err();
    let position = error.position().unwrap();
    assert_eq!((error.code(), position.line), (crate::error::code::MEMORY, 60_002), "{error}");
}

#[test]
fn what_fits_nowhere_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let long = write(dir.path(), "long", &[b"1\n2\n".as_slice(), &vec![b'7'; 3 << 20]].concat());
    let options = Options { memory: Some(MIN_MEMORY), ..tiny(2, 1 << 20) };
    let error = run(&[long], "S3", &options).unwrap_err().to_string();
    assert!(error.contains("line 3 is longer than"), "{error}");
    // What comes before such a line counts, and what comes behind the rows wanted does not.
    let text = [b"x\n1\n".as_slice(), &vec![b'7'; 3 << 20]].concat();
    let bad = write(dir.path(), "bad", &text);
    let error = run(&[bad], "i4", &options).unwrap_err().to_string();
    assert!(error.contains("bad:1:1: could not convert 'x'"), "{error}");
    let enough = write(dir.path(), "enough", text.get(2..).unwrap());
    let one = Options { max_rows: Some(1), ..options.clone() };
    assert_eq!(run(&[enough], "i4", &one).unwrap().inputs[0].0, 1);
    let error = run(&[], "S3000000", &options).unwrap_err().to_string();
    assert!(error.contains("one row needs"), "{error}");
    let wide = write(dir.path(), "wide", &b"1,".repeat(200_000));
    let narrow = write(dir.path(), "narrow", b"1,2\n");
    let error = run(&[narrow, wide], "f8", &options).unwrap_err().to_string();
    assert!(error.contains("wide: a row needs"), "{error}");
}

#[test]
fn the_first_error_in_file_order_wins() {
    let dir = tempfile::tempdir().unwrap();
    let good = "1,2\n".repeat(3_000);
    let first = write(dir.path(), "first", (good.clone() + "x,2\n" + &good).as_bytes());
    let second = write(dir.path(), "second", b"y,2\n");
    for workers in 1..4 {
        let error = run(&[first.clone(), second.clone()], "i4", &tiny(workers, 64)).unwrap_err();
        let LoadError::Text(error) = error else { panic!("{error}") };
        assert_eq!(
            (error.line, error.path.as_path(), error.text.as_str()),
            (3001, first.as_path(), "x")
        );
    }
    fs::remove_file(&second).unwrap();
    let error = run(&[first, second], "i4", &tiny(2, 64)).unwrap_err().to_string();
    assert!(error.ends_with("second: no such file"), "{error}");
}

#[test]
fn inputs_that_are_no_files_or_empty_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let error = run(&[dir.path().to_path_buf()], "i4", &tiny(1, 64)).unwrap_err().to_string();
    assert!(error.ends_with("is a directory"), "{error}");
    let socket = dir.path().join("socket");
    std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let error = run(&[socket], "i4", &tiny(1, 64)).unwrap_err().to_string();
    assert!(error.contains("socket: is a socket"), "{error}");
    let empty = write(dir.path(), "empty", b"# nothing\n");
    let strict = Options { allow_empty: false, ..tiny(2, 64) };
    let error = run(core::slice::from_ref(&empty), "i4", &strict).unwrap_err().to_string();
    assert!(error.contains("has no rows"), "{error}");
    assert_eq!(run(&[empty], "i4", &tiny(2, 64)).unwrap().inputs[0].1, Some(0));
}

#[test]
fn what_is_not_plain_text_is_called_by_its_name() {
    let dir = tempfile::tempdir().unwrap();
    for (bytes, what) in [
        (b"\x1f\x8b\x08\0\xff\xfe1\n".as_slice(), "gzip"),
        (b"\xff\xfe1\0\n\0", "UTF-16"),
        (b"\x28\xb5\x2f\xfd\x04", "zstd"),
        (b"x y\xe9\n", ":1:2: 'y\\xe9' is not UTF-8"),
    ] {
        let path = write(dir.path(), "a", bytes);
        let options = Options { delimiter: Delimiter::Whitespace, ..tiny(1, 64) };
        let error = run(&[path], "S9", &options).unwrap_err().to_string();
        assert!(error.contains(what), "{error}");
    }
}

#[test]
fn an_error_of_the_sink_stops_the_load() {
    let dir = tempfile::tempdir().unwrap();
    let paths = [write(dir.path(), "a", "1,2\n".repeat(9_000).as_bytes())];
    let keep = Keep { fail_at: Some(100), ..Keep::default() };
    let error = run_into(&paths, "i4", &tiny(2, 64), keep).unwrap_err().to_string();
    assert_eq!(error, "the disk is full");
}

#[test]
fn a_cancel_stops_the_load() {
    let dir = tempfile::tempdir().unwrap();
    let paths = [write(dir.path(), "a", "1,2\n".repeat(9_000).as_bytes())];
    let dtype = DTypeBuf::parse("i4").unwrap();
    let cancel = AtomicBool::new(true);
    let options = tiny(2, 64);
    let open = |_: DType<'_>| Ok(Keep::default());
    let error = load(&paths, dtype.as_dtype(), Unicode::Ucs4, &options, &cancel, open).unwrap_err();
    assert!(matches!(error, LoadError::Cancelled), "{error}");
}

/// A sink whose processes a signal ends, which is for the parent, too.
#[derive(Debug)]
struct Struck(&'static AtomicBool);

impl Sink for Struck {
    fn begin(&mut self, _: usize, _: Option<u32>) -> core::result::Result<(), SinkError> {
        Ok(())
    }

    fn rows(&mut self, _: &Block) -> core::result::Result<(), SinkError> {
        self.0.store(true, Ordering::Relaxed);
        Err("every process died".into())
    }

    fn end(&mut self, _: usize, _: u64) -> core::result::Result<(), SinkError> {
        Ok(())
    }
}

#[test]
fn what_goes_wrong_after_a_stop_is_the_stop() {
    static STOP: AtomicBool = AtomicBool::new(false);
    let dir = tempfile::tempdir().unwrap();
    let paths = [write(dir.path(), "a", "1,2\n".repeat(9_000).as_bytes())];
    let dtype = DTypeBuf::parse("i4").unwrap();
    let open = |_: DType<'_>| Ok(Struck(&STOP));
    let options = tiny(2, 64);
    let error = load(&paths, dtype.as_dtype(), Unicode::Ucs4, &options, &STOP, open).unwrap_err();
    assert!(matches!(error, LoadError::Cancelled), "{error}");
}

/// The children that this thread forked.
fn children() -> Vec<i32> {
    let list = fs::read_to_string(std::format!("/proc/self/task/{}/children", thread_id()));
    list.unwrap_or_default().split_whitespace().filter_map(|pid| pid.parse().ok()).collect()
}

fn thread_id() -> String {
    let link = fs::read_link("/proc/thread-self").unwrap();
    link.file_name().unwrap().to_string_lossy().into_owned()
}

/// A sink that kills workers while it takes rows.
struct Killer {
    keep: Keep,
    kills: u32,
    blocks: u32,
}

impl Sink for Killer {
    fn begin(&mut self, input: usize, columns: Option<u32>) -> core::result::Result<(), SinkError> {
        self.keep.begin(input, columns)
    }

    fn rows(&mut self, block: &Block) -> core::result::Result<(), SinkError> {
        self.blocks += 1;
        // The piece of the one killed before is committed by then: it may be lost only once.
        if self.kills > 0 && self.blocks.is_multiple_of(20) {
            self.kills -= 1;
            let victims = children();
            assert!(!victims.is_empty());
            kill(victims[self.kills as usize % victims.len()]);
        }
        self.keep.rows(block)
    }

    fn end(&mut self, input: usize, rows: u64) -> core::result::Result<(), SinkError> {
        self.keep.end(input, rows)
    }
}

/// Kills a child, and waits until it is dead: a spare that is only dying could be given
/// the piece of the next one.
fn kill(pid: i32) {
    assert!(
        std::process::Command::new("kill")
            .args(["-9", &pid.to_string()])
            .status()
            .unwrap()
            .success()
    );
    let stat = std::format!("/proc/{pid}/stat");
    let is_dead = |stat: String| stat.rsplit(") ").next().is_none_or(|rest| rest.starts_with('Z'));
    while !fs::read_to_string(&stat).map_or(true, is_dead) {
        std::thread::yield_now();
    }
}

#[test]
fn killed_workers_cost_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let text = (0..20_000).map(|i| std::format!("{i},{}\n", i * 7)).collect::<Vec<_>>().concat();
    let paths = [write(dir.path(), "a", text.as_bytes())];
    let options = tiny(3, 500);
    let (rows, _) = plain("a:i4,b:i4", format(&options).get(), text.as_bytes());
    let dtype = DTypeBuf::parse("a:i4,b:i4").unwrap();
    let cancel = AtomicBool::new(false);
    let open = |_: DType<'_>| Ok(Killer { keep: Keep::default(), kills: 4, blocks: 0 });
    let (killer, _) =
        load(&paths, dtype.as_dtype(), Unicode::Ucs4, &options, &cancel, open).unwrap();
    assert_eq!(killer.kills, 0);
    assert_eq!(killer.keep.inputs[0].2, rows);
    assert!(children().is_empty(), "every worker is reaped");
}

#[test]
fn when_all_workers_are_killed_the_load_fails() {
    let dir = tempfile::tempdir().unwrap();
    let paths = [write(dir.path(), "a", "1,2\n".repeat(50_000).as_bytes())];
    let dtype = DTypeBuf::parse("i4").unwrap();
    let cancel = AtomicBool::new(false);
    let open = |_: DType<'_>| Ok(Killer { keep: Keep::default(), kills: u32::MAX, blocks: 0 });
    let error =
        load(&paths, dtype.as_dtype(), Unicode::Ucs4, &tiny(2, 100), &cancel, open).err().unwrap();
    assert!(matches!(error, LoadError::NoWorkers | LoadError::Worker { .. }), "{error}");
}

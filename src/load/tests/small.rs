//! Many small files, which workers get many at a time: each is read as if it were alone.

use std::os::unix::fs::PermissionsExt;

use super::job::drive;
use super::*;
use crate::load::{Input, OnBadRows, RowType};

/// A line of a file that may be wrong; with quotes, one that has several.
fn any_line(wrong: u32) -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        60 => (any::<i16>(), "[a-z]{0,9}").prop_map(|(n, s)| std::format!("{n},{s}").into_bytes()),
        4 => Just(b"7,\"a\nb,\"\"c\"".to_vec()),
        2 => Just(b"# c".to_vec()),
        2 => Just(b"".to_vec()),
        wrong => Just(b"x,y".to_vec()),
        wrong => Just(b"1,2,3".to_vec()),
        wrong => Just(b"1".to_vec()),
        wrong => Just(b"1,\xff".to_vec()),
    ]
}

fn any_file(wrong: u32) -> impl Strategy<Value = Vec<u8>> {
    let end = prop_oneof![4 => Just("\n"), 1 => Just("\r\n"), 1 => Just("\r")];
    let line = (any_line(wrong), end).prop_map(|(line, end)| [&line, end.as_bytes()].concat());
    let tail = prop_oneof![1 => Just(Vec::new()), 1 => any_line(wrong)];
    (prop::collection::vec(line, 0..8), tail)
        .prop_map(|(lines, tail)| [lines.concat(), tail].concat())
}

fn files(dir: &Path, texts: &[Vec<u8>]) -> Vec<PathBuf> {
    (0..).zip(texts).map(|(i, text): (usize, _)| write(dir, &i.to_string(), text)).collect()
}

/// Whether a load of many files gives what the naive reading of each gives. `header` lines
/// of each are none for that.
#[track_caller]
fn same_as_naive_each(texts: &[Vec<u8>], dtype: &str, options: &Options) {
    let dir = tempfile::tempdir().unwrap();
    let alone = Options {
        skiprows: options.skiprows + u64::from(options.header),
        header: false,
        ..options.clone()
    };
    let expected: Vec<Naive> = texts.iter().map(|text| naive(text, dtype, &alone)).collect();
    let inputs = files(dir.path(), texts).into_iter().map(Input::from).collect();
    let found = run_reporting(inputs, dtype, options);
    let fault = (0..).zip(&expected).find_map(|(i, file)| file.fault.map(|bad| (i, bad)));
    let (keep, report) = match (found, fault) {
        (Err(LoadError::Text(error)), Some((input, bad))) => {
            assert_eq!((error.input, bad_of(&error)), (input, bad), "{options:?}");
            return;
        }
        (found, fault) => {
            assert!(found.is_ok() && fault.is_none(), "{found:?}, not {fault:?}");
            found.unwrap()
        }
    };
    assert_eq!(keep.inputs.len(), texts.len());
    for (i, (found, expected)) in keep.inputs.iter().zip(&expected).enumerate() {
        assert!((found.0, &found.2) == (expected.rows, &expected.bytes), "file {i}: {options:?}");
    }
    let bad =
        expected.iter().enumerate().flat_map(|(i, file)| file.bad.iter().map(move |b| (i, *b)));
    let bad: Vec<_> = bad.collect();
    assert_eq!(report.bad_rows, bad.len() as u64, "{options:?}");
    let first: Vec<_> = report.first.iter().map(|error| (error.input, bad_of(error))).collect();
    assert_eq!(first, bad[..bad.len().min(10)], "{options:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..config() })]

    #[test]
    fn each_is_read_as_if_it_were_alone(
        texts in prop_oneof![
            1 => prop::collection::vec(any_file(0), 1..60),
            1 => prop::collection::vec(any_file(1), 1..60),
            1 => prop::collection::vec(any_file(20), 1..60),
        ],
        workers in 1..4usize,
        piece in prop_oneof![1 => 1..80u64, 4 => 80..4000u64],
        skiprows in 0..2u64,
        header in any::<bool>(),
        max_rows in prop_oneof![2 => Just(None), 1 => (0..8u64).prop_map(Some)],
        dtype in prop::sample::select(vec!["n:i4,s:S12", "i4", "S5"]),
        quote in any::<bool>(),
        skip in any::<bool>(),
    ) {
        // A table has no names.
        let header = header && dtype.contains(',');
        let on_bad_rows = if skip { OnBadRows::Skip } else { OnBadRows::Error };
        let quote = quote.then_some('"');
        let options =
            Options { quote, skiprows, max_rows, header, on_bad_rows, ..tiny(workers, piece) };
        let lead = ["skipped, \u{e9}\n"; 2][..skiprows as usize].concat()
            + if header { "n,s\n" } else { "" };
        let texts: Vec<_> = texts.iter().map(|text| [lead.as_bytes(), text].concat()).collect();
        same_as_naive_each(&texts, dtype, &options);
    }
}

fn good(count: usize) -> Vec<Vec<u8>> {
    (0..count).map(|i| std::format!("{i},a\n{i},b").into_bytes()).collect()
}

#[test]
fn they_come_in_few_messages() {
    let dir = tempfile::tempdir().unwrap();
    let paths = files(dir.path(), &good(1000));
    let dtype = DTypeBuf::parse("n:i4,s:S3").unwrap();
    let open = |_: DType<'_>| Ok(Keep::default());
    for (workers, most) in [(1, 60), (3, 90)] {
        let options = tiny(workers, 1 << 20);
        let mut job = Job::start(&paths, dtype.as_dtype(), Unicode::Ucs4, &options, open).unwrap();
        let steps = drive(&mut job).unwrap();
        assert!(steps < most, "{steps} steps");
        assert_eq!(job.finish().unwrap().1, 2000);
    }
}

/// Seven rows fit a buffer, and each file has up to twenty, some of them bad.
#[test]
fn files_that_do_not_fit_wait_again() {
    let texts: Vec<Vec<u8>> = (0..80_usize)
        .map(|i| {
            let row = |j| if (i + j) % 11 == 3 { "a,b\n" } else { "ab\n" };
            (0..i * 7 % 20).map(row).collect::<String>().into_bytes()
        })
        .collect();
    let memory = Some(MIN_MEMORY);
    for (max_rows, on_bad_rows) in
        [(None, OnBadRows::Skip), (Some(9), OnBadRows::Skip), (Some(3), OnBadRows::Error)]
    {
        for workers in [1, 3] {
            let usual = tiny(workers, 1 << 20);
            let options = Options { max_rows, on_bad_rows, memory, ..usual.clone() };
            same_as_naive_each(&texts, "s:S70000", &options);
            let one = Options { max_rows: Some(1), ..options };
            same_as_naive_each(&texts, "s:S600000", &one);
        }
    }
}

/// The worker that opens file `at` dies, as often as `mode` has bits to execute it.
fn deadly(dir: &Path, texts: &[Vec<u8>], at: usize, mode: u32) -> Vec<PathBuf> {
    let paths = files(dir, texts);
    fs::set_permissions(&paths[at], fs::Permissions::from_mode(0o644 | mode)).unwrap();
    paths
}

#[test]
fn a_death_among_them_costs_nothing() {
    let dtype = "n:i4,s:S3";
    let texts = good(60);
    // With one worker the first fifteen are together.
    for (at, workers) in [(0, 1), (7, 1), (14, 1), (15, 1), (16, 1), (59, 1), (3, 2), (40, 3)] {
        let dir = tempfile::tempdir().unwrap();
        let paths = deadly(dir.path(), &texts, at, 0o100);
        let keep = run(&paths, dtype, &tiny(workers, 1 << 20)).unwrap();
        for (i, (found, text)) in keep.inputs.iter().zip(&texts).enumerate() {
            assert!(found.2 == naive(text, dtype, &tiny(1, 9)).bytes, "file {i}");
        }
        assert_eq!(fs::metadata(&paths[at]).unwrap().permissions().mode() & 0o777, 0o644);
        assert_eq!((keep.inputs.len(), children().len()), (60, 0));
    }
}

#[test]
fn a_file_that_kills_twice_is_the_only_one_blamed() {
    let texts = good(60);
    for (at, workers) in [(0, 1), (7, 1), (14, 1), (20, 1), (59, 1), (3, 2), (40, 3)] {
        let dir = tempfile::tempdir().unwrap();
        let paths = deadly(dir.path(), &texts, at, 0o110);
        let error = run(&paths, "n:i4,s:S3", &tiny(workers, 1 << 20)).unwrap_err();
        assert!(
            matches!(&error, LoadError::Worker { input, path, .. }
                if (*input, path) == (at, &paths[at])),
            "{at}: {error}"
        );
    }
}

/// Those that were together with one that kills are not blamed for what others do.
#[test]
fn deaths_in_different_groups_cost_nothing_either() {
    let dir = tempfile::tempdir().unwrap();
    let paths = deadly(dir.path(), &good(60), 4, 0o100);
    fs::set_permissions(&paths[20], fs::Permissions::from_mode(0o744)).unwrap();
    assert_eq!(run(&paths, "n:i4,s:S3", &tiny(1, 1 << 20)).unwrap().inputs.len(), 60);
}

#[test]
fn a_file_that_changed_is_an_error_behind_those_before_it() {
    let dtype = DTypeBuf::parse("n:i4,s:S3").unwrap();
    let mut texts = good(60);
    for (bad, changed) in [(None, 9), (None, 0), (Some(5), 9), (Some(12), 9), (Some(59), 58)] {
        let dir = tempfile::tempdir().unwrap();
        texts.clone_from(&good(60));
        if let Some(bad) = bad {
            texts[bad] = b"1,a\nx,b".to_vec();
        }
        let paths = files(dir.path(), &texts);
        let open = |_: DType<'_>| Ok(Keep::default());
        let options = tiny(1, 1 << 20);
        let job = Job::start(&paths, dtype.as_dtype(), Unicode::Ucs4, &options, open).unwrap();
        fs::OpenOptions::new()
            .append(true)
            .open(&paths[changed])
            .unwrap()
            .write_all(b"\n")
            .unwrap();
        match (job.finish().unwrap_err(), bad.filter(|&bad| bad < changed)) {
            (LoadError::Text(error), Some(bad)) => assert_eq!((error.input, error.line), (bad, 2)),
            (LoadError::Input { input, reason: InputFault::Changed, .. }, None) => {
                assert_eq!(input, changed);
            }
            (error, _) => panic!("{error}"),
        }
    }
}

#[test]
fn the_first_error_in_file_order_wins_among_them() {
    for bad in [&[3, 4][..], &[4, 40], &[0, 59], &[59]] {
        for workers in 1..4 {
            let mut texts = good(60);
            for &bad in bad {
                texts[bad].extend_from_slice(b"\n1");
            }
            same_as_naive_each(&texts, "n:i4,s:S3", &tiny(workers, 1 << 20));
        }
    }
}

/// One array of all.
struct Joined(Keep);

impl Sink for Joined {
    fn begin(&mut self, input: usize, columns: Option<u32>) -> core::result::Result<(), SinkError> {
        self.0.begin(input, columns)
    }

    fn joins_inputs(&self) -> bool {
        true
    }

    fn rows(&mut self, block: &Block) -> core::result::Result<(), SinkError> {
        self.0.rows(block)
    }

    fn end(&mut self, input: usize, rows: u64) -> core::result::Result<(), SinkError> {
        self.0.end(input, rows)
    }
}

#[test]
fn columns_are_compared_file_by_file() {
    let dtype = DTypeBuf::parse("i4").unwrap();
    let mut texts: Vec<_> = (0..60).map(|i| std::format!("{i},1\n").into_bytes()).collect();
    texts[7] = b"# nothing".to_vec();
    for (at, differs) in [(3, true), (12, true), (59, true), (7, false)] {
        let mut texts = texts.clone();
        texts[at] = if differs { b"1,2,3\n".to_vec() } else { Vec::new() };
        let dir = tempfile::tempdir().unwrap();
        let paths = files(dir.path(), &texts);
        let open = |_: DType<'_>| Ok(Joined(Keep::default()));
        let options = tiny(1, 1 << 20);
        let job = Job::start(&paths, dtype.as_dtype(), Unicode::Ucs4, &options, open).unwrap();
        match job.finish() {
            Err(LoadError::ColumnsDiffer { input, here, columns, .. }) => {
                assert_eq!((input, here, columns, differs), (at, 3, 2, true));
            }
            other => assert_eq!(other.unwrap().1, if differs { 0 } else { 59 }),
        }
    }
}

/// The dtype, the rows and the report of types that are found.
type Found = (String, u64, Report, Vec<(u64, Option<u32>, Vec<u8>)>);

fn find(paths: &[PathBuf], options: &Options) -> Found {
    let open = |_: DType<'_>| Ok(Keep::default());
    let rows = RowType::Auto;
    let job = Job::start(paths, &rows, Unicode::Ucs4, options, open).unwrap();
    let done = job.run(None).unwrap();
    (done.dtype.to_string(), done.rows, done.report, done.sink.inputs)
}

/// Cut into pieces of a few bytes, no file is a small one. A conflict is seen behind more bad
/// rows than are noted.
#[test]
fn types_are_found_in_all_of_them() {
    let dir = tempfile::tempdir().unwrap();
    for (wide, piece) in (0..15).map(|wide| (wide, 2000)).chain([(5, 64), (30, 64), (59, 64)]) {
        let mut texts = good(60);
        texts.iter_mut().take(5).for_each(|text| text.extend_from_slice(b"\n1\n2\n3"));
        texts[wide] = b"1.5,longer\nTrue\n2,\"x\ny\"\n".to_vec();
        let texts: Vec<_> = texts.iter().map(|text| [b"n,s\n", &text[..]].concat()).collect();
        let paths = files(dir.path(), &texts);
        let load = |piece| {
            let on_bad_rows = OnBadRows::Skip;
            find(&paths, &Options { header: true, on_bad_rows, ..tiny(1, piece) })
        };
        let (together, alone) = (load(piece), load(3));
        assert_eq!(together.0, "[('n', '<f8'), ('s', '|S6')]", "{wide}");
        let bad = if wide < 5 { 14 } else { 17 };
        assert_eq!((together.1, together.2.bad_rows), (120 - 2 + 2, bad));
        assert!(together == alone);
    }
}

/// What is seen of five thousand columns, for ten files at once, is more than a buffer holds.
#[test]
fn types_of_many_columns_need_no_larger_buffers() {
    let dir = tempfile::tempdir().unwrap();
    let text = "1,".repeat(5000) + "\n";
    let mut texts = std::vec![text.clone().into_bytes(); 60];
    texts[57] = text.replacen("1,1,", "1,x,", 1).into_bytes();
    let paths = files(dir.path(), &texts);
    let load = |piece| find(&paths, &Options { memory: Some(MIN_MEMORY), ..tiny(1, piece) });
    let (together, alone) = (load(1 << 20), load(6000));
    assert!(together.0.contains("('f1', '|S1'), ('f2', '<i8')"), "{}", &together.0[..100]);
    assert_eq!(together.1, 60);
    assert!(together == alone);
}

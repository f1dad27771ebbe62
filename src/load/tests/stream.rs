//! Streams against files: the same rows and the same errors, whatever the reader
//! gives at a time and wherever it is cut.

#[path = "../../../tests/common/drops.rs"]
mod drops;

use core::cell::Cell;
use core::sync::atomic::{AtomicU64, Ordering};
use std::io::{self, Read};
use std::sync::Arc;

pub(super) use drops::Drops;

use super::*;
use crate::error::code;
use crate::load::Input;

fn run_inputs(inputs: Vec<Input>, dtype: &str, options: &Options) -> Result<Keep> {
    let dtype = DTypeBuf::parse(dtype).unwrap();
    let cancel = AtomicBool::new(false);
    let open = |_: DType<'_>| Ok(Keep::default());
    load(inputs, dtype.as_dtype(), Unicode::Ucs4, options, &cancel, open).map(|(keep, _)| keep)
}

/// What a file gives, a stream of drops, a stream in one gulp and a pipe must give, too.
#[track_caller]
fn same_as_file(text: &[u8], dtype: &str, options: &Options) {
    let dir = tempfile::tempdir().unwrap();
    let path = write(dir.path(), "a", text);
    let name = path.to_str().unwrap();
    let expected = run(core::slice::from_ref(&path), dtype, options);
    let (reader, mut writer) = io::pipe().unwrap();
    let whole = text.to_vec();
    let feed = std::thread::spawn(move || {
        // A reader that has enough closes the pipe.
        let _ = whole.chunks(1000).try_for_each(|part| writer.write_all(part));
    });
    let mut inputs = Vec::from([
        Input::stream(name, io::Cursor::new(text.to_vec())),
        Input::descriptor(name, reader),
    ]);
    // Drop by drop a long text takes long.
    if text.len() < 100_000 {
        inputs.push(Input::stream(name, Drops::new(text, text.len())));
    }
    for input in inputs {
        match (&expected, run_inputs(Vec::from([input]), dtype, options)) {
            (Ok(expected), Ok(found)) => assert_eq!(expected.inputs, found.inputs),
            (Err(expected), Err(found)) => {
                assert_eq!(expected.to_string(), found.to_string());
                assert_eq!(expected.code(), found.code());
                assert_eq!(expected.position(), found.position());
            }
            (expected, found) => panic!("{expected:?} as a file, {found:?} as a stream"),
        }
    }
    feed.join().unwrap();
}

fn text_line() -> impl Strategy<Value = Vec<u8>> {
    let odd = prop_oneof![
        Just(b"\xff,x\n".to_vec()),
        Just(b"# caf\xc3\xa9\n".to_vec()),
        Just(b"# \xe9\n".to_vec()),
        Just(b"7,\xc3\xa9\n".to_vec()),
        Just(b"\r".to_vec()),
        Just(b"12".to_vec()),
    ];
    prop_oneof![30 => line().prop_map(String::into_bytes), 1 => odd]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..config() })]

    #[test]
    fn any_stream_gives_what_the_file_gives(
        lines in prop::collection::vec(text_line(), 0..30),
        workers in 1..4usize, piece in 1..80u64,
        skiprows in 0..6u64, max_rows in prop::option::of(0..12u64),
        dtype in prop::sample::select(vec!["n:i4,s:S12", "S5", "i4"]),
    ) {
        let options = Options { skiprows, max_rows, ..tiny(workers, piece) };
        same_as_file(&lines.concat(), dtype, &options);
    }
}

#[test]
fn a_stream_in_pieces_of_usual_size_is_what_the_file_is() {
    let text = (0..200_000).map(|i| std::format!("{i},{}\n", i * 7)).collect::<Vec<_>>().concat();
    let options = Options { piece_bytes: None, ..tiny(2, 1) };
    let dir = tempfile::tempdir().unwrap();
    let path = write(dir.path(), "a", text.as_bytes());
    let expected = run(&[path], "i4", &options).unwrap();
    let stream = Input::stream("a", io::Cursor::new(text.into_bytes()));
    let found = run_inputs(Vec::from([stream]), "i4", &options).unwrap();
    assert!(found.inputs == expected.inputs);
}

#[test]
fn columns_are_known_before_the_first_row() {
    let comments = "# nothing yet\n".repeat(300);
    for piece in [1, 100, 100_000] {
        for max_rows in [None, Some(0), Some(1)] {
            let options = Options { max_rows, ..tiny(2, piece) };
            same_as_file((comments.clone() + "1,2,3\n4,5,6\n").as_bytes(), "f8", &options);
            same_as_file(comments.as_bytes(), "f8", &options);
            same_as_file(b"", "f8", &options);
        }
    }
}

#[test]
fn skipped_lines_may_be_longer_than_any_buffer() {
    let long = "y".repeat(3 << 20);
    let text = [long.as_str(), "\r\n", &long, "\r1,2\n"].concat();
    let options = Options { skiprows: 2, memory: Some(MIN_MEMORY), ..tiny(2, 1 << 20) };
    let stream = Input::stream("a", io::Cursor::new(text.into_bytes()));
    assert_eq!(run_inputs(Vec::from([stream]), "i4", &options).unwrap().inputs[0].0, 1);
    let mut bad = long.into_bytes();
    bad.extend_from_slice(b"\xff\n1\n");
    let stream = Input::stream("a", io::Cursor::new(bad));
    let error = run_inputs(Vec::from([stream]), "i4", &options).unwrap_err();
    assert_eq!(error.to_string(), "a: line 1 is not UTF-8 (byte 3145728)");
    assert_eq!((error.code(), error.position().unwrap().line), (code::TEXT, 1));
}

/// Lines longer than a slot go through one at a time, and those that no buffer holds are
/// the same error as in a file.
#[test]
fn long_lines_go_through_or_are_refused() {
    let options = Options { memory: Some(MIN_MEMORY), ..tiny(2, 1 << 20) };
    let mut text = Vec::new();
    for i in 0..9 {
        text.extend(std::format!("{i}").repeat(1 + i * 60_000).bytes());
        text.extend_from_slice(b"\n1\n");
    }
    let (rows, _) = plain("S3", format(&options).get(), &text);
    let stream = Input::stream("a", io::Cursor::new(text));
    assert!(run_inputs(Vec::from([stream]), "S3", &options).unwrap().inputs[0].2 == rows);
    let long = [b"1\n2\n".as_slice(), &vec![b'7'; 3 << 20], b"\n3\n"].concat();
    same_as_file(&long, "S3", &options);
    let bad = [b"x\n1\n".as_slice(), &vec![b'7'; 3 << 20]].concat();
    same_as_file(&bad, "i4", &options);
    let one = Options { max_rows: Some(1), ..options };
    same_as_file(bad.get(2..).unwrap(), "i4", &one);
}

/// A buffer is full before the text is read: the rest of the piece is read where it lies.
#[test]
fn rows_much_larger_than_their_text_go_on_in_the_ring() {
    let text = (0..2_000).map(|i| std::format!("{i}\n")).collect::<Vec<_>>().concat();
    let options = Options { memory: Some(MIN_MEMORY), ..tiny(2, 1 << 20) };
    same_as_file(text.as_bytes(), "S3000", &options);
}

/// Each holds a slot when its rows are complete; the long line behind them needs all.
#[test]
fn streams_that_are_left_give_their_slots_back() {
    let mut inputs = Vec::new();
    let mut writers = Vec::new();
    for _ in 0..12 {
        let (reader, mut writer) = io::pipe().unwrap();
        writer.write_all(b"1\n2").unwrap();
        inputs.push(Input::descriptor("pipe", reader));
        writers.push(writer);
    }
    inputs.push(Input::stream("long", io::Cursor::new("7".repeat(400_000) + "\n")));
    let options = Options { max_rows: Some(1), memory: Some(MIN_MEMORY), ..tiny(1, 1) };
    assert_eq!(run_inputs(inputs, "S3", &options).unwrap().inputs.len(), 13);
}

#[test]
fn files_and_streams_come_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let file = write(dir.path(), "f", "1,2\n".repeat(100).as_bytes());
    let stream = |name: &str, text: &str| Input::stream(name, Drops::new(text.as_bytes(), 3));
    let inputs = Vec::from([
        stream("a", &"5,6\n".repeat(70)),
        Input::from(&file),
        stream("b", "# none\n"),
        stream("c", &"7,8\n".repeat(70)),
        Input::from(&file),
    ]);
    let keep = run_inputs(inputs, "i4", &tiny(3, 20)).unwrap();
    assert_eq!(keep.inputs.iter().map(|i| i.0).collect::<Vec<_>>(), [70, 100, 0, 70, 100]);
    let inputs = Vec::from([stream("a", "1,2\n3\n"), Input::from(&file), stream("b", "x\n")]);
    let error = run_inputs(inputs, "i4", &tiny(3, 20)).unwrap_err();
    let position = error.position().unwrap();
    assert_eq!((position.input, position.path, position.line), (0, Path::new("a"), 2));
    let inputs = Vec::from([stream("a", "1,2\n"), Input::from(&file), stream("b", "x\n")]);
    let error = run_inputs(inputs, "i4", &tiny(3, 20)).unwrap_err();
    assert_eq!(error.position().unwrap().input, 2);
}

#[test]
fn a_fifo_is_read_though_its_writer_comes_late() {
    let dir = tempfile::tempdir().unwrap();
    let fifo = dir.path().join("fifo");
    assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let path = fifo.clone();
    let writer = std::thread::spawn(move || {
        // By then the reader waits, or has waited; nothing depends on it.
        std::thread::sleep(core::time::Duration::from_millis(30));
        fs::write(path, "1,2\n3,4\n").unwrap();
    });
    assert_eq!(run(&[fifo], "i4", &tiny(2, 100)).unwrap().inputs[0].0, 2);
    writer.join().unwrap();
    // A file of the kernel's has no size.
    let options = Options { delimiter: Delimiter::Whitespace, max_rows: Some(3), ..tiny(1, 100) };
    assert_eq!(run(&["/proc/self/stat".into()], "S9", &options).unwrap().inputs[0].0, 1);
}

/// Fails behind its text.
struct Broken(io::Cursor<Vec<u8>>);

impl Read for Broken {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        match self.0.read(room) {
            Ok(0) => Err(io::Error::other("the archive is damaged")),
            read => read,
        }
    }
}

#[test]
fn a_reader_that_fails_fails_the_load_behind_its_rows() {
    let broken = |text: &str| {
        Vec::from([Input::stream("b", Broken(io::Cursor::new(text.as_bytes().to_vec())))])
    };
    let error = run_inputs(broken("1\n2\n3\n"), "i4", &tiny(2, 2)).unwrap_err();
    assert_eq!(
        (error.to_string().as_str(), error.code()),
        ("b: the archive is damaged", code::INPUT)
    );
    let error = run_inputs(broken("1\nx\n3\n"), "i4", &tiny(2, 2)).unwrap_err();
    assert_eq!((error.code(), error.position().unwrap().line), (code::TEXT, 2));
    let two = Options { max_rows: Some(2), ..tiny(2, 2) };
    assert_eq!(run_inputs(broken("1\n2\n3\n"), "i4", &two).unwrap().inputs[0].0, 2);
}

#[test]
fn a_compressed_stream_is_called_by_its_name() {
    let stream = Input::stream("z", Drops::new(b"\x1f\x8b\x08\0\xff\xfe1\n", 0));
    let error = run_inputs(Vec::from([stream]), "S9", &tiny(1, 64)).unwrap_err().to_string();
    let expected = if cfg!(feature = "compress") {
        "z: is cut off: its gzip"
    } else {
        "is compressed with gzip"
    };
    assert!(error.contains(expected), "{error}");
}

/// Rows without end, counting what is read of them.
struct Endless(Arc<AtomicU64>);

impl Read for Endless {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let at = self.0.fetch_add(room.len() as u64, Ordering::Relaxed) as usize;
        for (i, byte) in room.iter_mut().enumerate() {
            *byte = if (at + i) % 8 == 7 { b'\n' } else { b'1' };
        }
        Ok(room.len())
    }
}

/// Looks how far the reader is ahead of the rows.
struct Lag {
    read: Arc<AtomicU64>,
    rows: u64,
    most: Cell<u64>,
}

impl Sink for Lag {
    fn begin(&mut self, _: usize, _: Option<u32>) -> core::result::Result<(), SinkError> {
        Ok(())
    }

    fn rows(&mut self, block: &Block) -> core::result::Result<(), SinkError> {
        let lag = self.read.load(Ordering::Relaxed) - 8 * self.rows;
        self.most.set(self.most.get().max(lag));
        self.rows += block.rows();
        Ok(())
    }

    fn end(&mut self, _: usize, _: u64) -> core::result::Result<(), SinkError> {
        Ok(())
    }
}

#[test]
fn an_endless_stream_needs_no_more_memory_than_given() {
    let read = Arc::new(AtomicU64::new(0));
    let rows = 2_000_000;
    let options =
        Options { memory: Some(MIN_MEMORY), max_rows: Some(rows), piece_bytes: None, ..tiny(2, 1) };
    let lag = Lag { read: read.clone(), rows: 0, most: Cell::new(0) };
    let dtype = DTypeBuf::parse("i4").unwrap();
    let cancel = AtomicBool::new(false);
    let inputs = [Input::stream("endless", Endless(read))];
    let open = once(lag);
    let (lag, done) =
        load(inputs, dtype.as_dtype(), Unicode::Ucs4, &options, &cancel, open).unwrap();
    assert_eq!((done, lag.rows), (rows, rows));
    assert!(lag.most.get() <= MIN_MEMORY / 2, "{} bytes ahead", lag.most.get());
}

#[test]
fn killed_workers_cost_nothing_of_a_stream() {
    let text = (0..20_000).map(|i| std::format!("{i},{}\n", i * 7)).collect::<Vec<_>>().concat();
    let (rows, _) = plain("a:i4,b:i4", format(&tiny(1, 1)).get(), text.as_bytes());
    let dtype = DTypeBuf::parse("a:i4,b:i4").unwrap();
    let cancel = AtomicBool::new(false);
    let open = |_: DType<'_>| Ok(Killer { keep: Keep::default(), kills: 4, blocks: 0 });
    let inputs = [Input::stream("a", io::Cursor::new(text.into_bytes()))];
    let (killer, _) =
        load(inputs, dtype.as_dtype(), Unicode::Ucs4, &tiny(3, 500), &cancel, open).unwrap();
    assert_eq!(killer.kills, 0);
    assert!(killer.keep.inputs[0].2 == rows);
    assert!(children().is_empty(), "every worker is reaped");
}

//! Segments read without the library, as docs/interop.md says: by Python with
//! NumPy, and by C with nothing but system calls. Every line of code in that
//! document is a line of the files in `tests/interop`, which this runs.
//!
//! Python is the one that `NDSHM_PYTHON` names; without it, and without a C
//! compiler, the tests say that they were skipped.

#![allow(unsafe_code, clippy::unwrap_used, reason = "a test may fail, and says why it is safe")]

mod shm;

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use ndshm::dtype_buf::DTypeBuf;
use ndshm::segment::{Access, Draft, Policy, Segment, Spec, State};
use shm::skip::skipped;
use shm::{Scratch, publish, values};

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/interop"))
}

/// `run.py` in Python, if there is one with NumPy.
fn python(how: &str, name: &Scratch) -> Option<Command> {
    let Some(python) = std::env::var_os("NDSHM_PYTHON").filter(|path| !path.is_empty()) else {
        skipped("segments read by NumPy", "NDSHM_PYTHON names no Python with it");
        return None;
    };
    let mut command = Command::new(python);
    command.arg("-B").arg(folder().join("run.py")).args([how, name.0.as_str()]);
    Some(command)
}

/// What Python prints, after it has ended with all that it started.
fn said(command: &mut Command) -> String {
    let ran = command.output().unwrap();
    let errors = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{command:?}: {errors}");
    String::from_utf8(ran.stdout).unwrap()
}

/// 0.0 to 5.0 in two rows, as `run.py` reports them.
fn doubles(writeable: bool) -> String {
    format!(
        "{{\"dtype\": \"[('', '<f8')]\", \"shape\": [2, 3], \"strides\": [24, 8], \
         \"writeable\": {writeable}, \"items\": [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]}}\n"
    )
}

/// The name is there and the segment in use, however the reader did it.
fn assert_unharmed(scratch: &Scratch, made: &Segment) {
    assert!(scratch.exists() && made.is_current(), "the reader's end removed the name");
    assert_eq!(made.state(), Ok(State::Ready));
    assert_eq!(values(&Segment::attach(&scratch.0, Access::Read, None).unwrap())[4..], [4.0, 5.0]);
}

/// Python's issue gh-82300: with the recipes the reader's end removes nothing.
#[test]
fn segments_survive_their_python_readers() {
    for (how, writeable) in [("mmap", false), ("memmap", false), ("shared_memory", true)] {
        let scratch = Scratch::new("python");
        let Some(mut python) = python(how, &scratch) else { return };
        let made = publish(&scratch.0, &[2, 3], |_| {});
        assert_eq!(said(&mut python), doubles(writeable), "{how}");
        assert_unharmed(&scratch, &made);
    }
}

/// What the document warns of: the name goes with a reader that does not tell
/// the resource tracker, and the array stays for who has it.
#[test]
fn a_careless_reader_takes_the_name_along() {
    let scratch = Scratch::new("careless");
    let Some(mut python) = python("shared_memory_careless", &scratch) else { return };
    let made = publish(&scratch.0, &[2, 3], |_| {});
    assert_eq!(said(&mut python), doubles(true));
    assert!(!scratch.exists() && !made.is_current());
    assert_eq!(values(&made)[4..], [4.0, 5.0]);
}

#[test]
fn a_python_reader_keeps_a_segment_alive() {
    let scratch = Scratch::new("hold");
    let Some(mut python) = python("hold", &scratch) else { return };
    let made = publish(&scratch.0, &[2, 3], |_| {});
    let mut child = python.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut answers = BufReader::new(child.stdout.take().unwrap()).lines();
    let line = doubles(false);
    assert_eq!(answers.next().unwrap().unwrap(), line.trim_end());
    made.detach();
    let again = Segment::attach(&scratch.0, Access::Read, None);
    assert!(again.is_ok(), "the last of us went, but not the last one: {again:?}");
    drop(again);
    assert!(scratch.exists());
    writeln!(child.stdin.take().unwrap()).unwrap();
    assert_eq!(answers.next().unwrap().unwrap(), line.trim_end());
    assert!(child.wait().unwrap().success());
    // It does not know about names, so what it leaves is an orphan: whoever comes next removes it.
    assert!(scratch.exists());
    drop(Segment::attach(&scratch.0, Access::Read, None));
    assert!(!scratch.exists());
}

#[test]
fn what_python_writes_is_there() {
    let scratch = Scratch::new("write");
    let Some(mut python) = python("write", &scratch) else { return };
    let made = publish(&scratch.0, &[2, 3], |_| {});
    assert!(said(&mut python).contains("[[42.0, 1.0"));
    assert_eq!(values(&made)[..2], [42.0, 1.0]);
}

/// The node table becomes what NumPy prints for the same dtype.
#[test]
fn dtypes_are_read_by_python() {
    let dtypes = [
        "|u1",
        ">f8",
        "<c16",
        "|S5",
        "<U3",
        "|V7",
        "<M8[10s]",
        "<m8",
        "[('id', '>i4'), ('xyz', '<f4', (2, 3)), ('é', '|S3'), ('flag', '?')]",
        "[('', '|V2'), ('a', '<i2'), ('n', [('x', '<f8'), ('t', '<M8[ns]')], (2,)), ('', '|V4')]",
        "{'names': ['a', 'b'], 'formats': ['<i4', ('<f8', (2,))], 'offsets': [16, 0], 'itemsize': 32}",
    ];
    for text in dtypes {
        let scratch = Scratch::new("dtype");
        let Some(mut python) = python("dtype", &scratch) else { return };
        let dtype = DTypeBuf::parse(text).unwrap();
        let made = Draft::create(&scratch.0, &Spec::new(dtype.as_dtype(), &[2])).unwrap();
        let made = made.publish().map_err(|unpublished| unpublished.error).unwrap();
        let printed = said(&mut python);
        // A single type prints without quotes and, in its own order, by its long name.
        let again = DTypeBuf::parse(printed.trim()).unwrap();
        assert_eq!(again, dtype, "{printed}");
        drop(made);
    }
}

#[test]
fn shapes_and_strides_are_read_by_python() {
    let golden = Scratch::new("golden");
    let Some(mut python_golden) = python("mmap", &golden) else { return };
    if cfg!(target_endian = "little") {
        std::fs::write(golden.file(), include_bytes!("data/segment-1.0.bin")).unwrap();
        let line = said(&mut python_golden);
        assert!(line.contains("\"shape\": [2, 3], \"strides\": [40, 80]"), "{line}");
        // The first id, big-endian, is bytes 0 to 3 of the data: 0, 1, 2, 3.
        assert!(line.contains(&format!("\"items\": [[{}, ", 0x0001_0203)), "{line}");
    }
    for shape in [&[][..], &[0], &[2, 0, 3], &[1, 1, 1, 2]] {
        let scratch = Scratch::new("shape");
        let mut python = python("mmap", &scratch).unwrap();
        let _made = publish(&scratch.0, shape, |_| {});
        assert!(said(&mut python).contains(&format!("\"shape\": {shape:?}")));
    }
}

#[test]
fn what_is_no_segment_is_refused_by_python() {
    let scratch = Scratch::new("refused");
    let Some(mut command) = python("mmap", &scratch) else { return };
    publish(&scratch.0, &[2, 3], |spec| spec.policy = Policy::Persist).detach();
    let bytes = std::fs::read(scratch.file()).unwrap();
    let cases: [(usize, &[u8], &str); 5] = [
        (0, b"PK", "not a segment"),
        (12, &[2], "newer format"),
        (40, &[1], "lengths"),
        (64, &[0], "not ready"),
        (104, &[1], "checksum"),
    ];
    for (at, change, what) in cases {
        let mut damaged = bytes.clone();
        damaged[at..at + change.len()].copy_from_slice(change);
        std::fs::write(scratch.file(), &damaged).unwrap();
        let ran = command.output().unwrap();
        let errors = String::from_utf8_lossy(&ran.stderr);
        assert!(!ran.status.success() && errors.contains(what), "{what}: {errors}");
    }
}

/// The reader in C, compiled with every warning an error; none without a compiler.
fn plain_reader() -> Option<PathBuf> {
    let exe = Path::new(env!("CARGO_TARGET_TMPDIR")).join("plain_reader");
    let mut build = cc::Build::new();
    let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    build.target(&target).host(&target).opt_level(1).cargo_metadata(false).std("c11");
    for flag in ["-Wall", "-Wextra", "-Wpedantic", "-Werror"] {
        build.flag(flag);
    }
    let mut compile = build.try_get_compiler().ok()?.to_command();
    compile.arg(folder().join("plain_reader.c")).arg("-lrt").arg("-o").arg(&exe);
    let Ok(ran) = compile.output() else {
        skipped("segments read by C", "there is no compiler");
        return None;
    };
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    Some(exe)
}

#[test]
fn a_reader_in_plain_c() {
    let Some(reader) = plain_reader() else { return };
    let scratch = Scratch::new("c");
    let read = || Command::new(&reader).arg(scratch.0.as_str()).output().unwrap();
    let refused = |what: &str| {
        let ran = read();
        let errors = String::from_utf8_lossy(&ran.stderr).into_owned();
        assert!(!ran.status.success() && errors.contains(what), "{what}: {errors}");
    };
    refused("no such segment");
    let made = publish(&scratch.0, &[2, 3], |_| {});
    let ran = read();
    assert!(ran.status.success() && ran.stdout == b"15\n", "{ran:?}");
    assert_unharmed(&scratch, &made);
    let bytes = std::fs::read(scratch.file()).unwrap();
    for (at, value, what) in [
        (0, 0, "no segment"),
        (8, 1, "byte order"),
        (12, 2, "newer"),
        (40, 1, "lengths"),
        (64, 0, "not ready"),
    ] {
        let mut damaged = bytes.clone();
        damaged[at] = value;
        std::fs::write(scratch.file(), &damaged).unwrap();
        refused(what);
    }
}

/// A reader reads what the document shows, and the test runs what a reader reads.
#[test]
fn the_code_of_the_document_is_the_code_that_runs() {
    let document = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/interop.md");
    let document = std::fs::read_to_string(document).unwrap();
    let files = ["read_segment.py", "shared_memory.py", "run.py", "plain_reader.c"];
    let files = files.map(|file| std::fs::read_to_string(folder().join(file)).unwrap());
    let mut blocks = 0;
    for (i, block) in document.split("```").enumerate().filter(|(i, _)| i % 2 == 1) {
        let (language, code) = block.split_once('\n').unwrap();
        if matches!(language, "python" | "c") {
            assert!(files.iter().any(|file| file.contains(code)), "block {i}:\n{code}");
            blocks += 1;
        }
    }
    assert!(blocks >= 4, "{blocks} blocks of code");
}

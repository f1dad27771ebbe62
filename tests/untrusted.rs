//! Bytes from anywhere: the bodies of the fuzz targets on stable Rust, with
//! seeds that are fixed and the corpus in `fuzz/seeds`; `make fuzz` goes on
//! from there.

#![allow(unsafe_code, clippy::unwrap_used, reason = "a test may fail, and says why it is safe")]

#[path = "../fuzz/checks/mod.rs"]
mod checks;
mod shm;

use std::path::Path;

use checks::builder;
use ndshm::dtype_buf::DTypeBuf;
use ndshm::layout::{Array, Plan, Policy, Stamp, encode};
use ndshm::segment::{Access, Draft, Segment, Spec};
use ndshm::text::{
    BadRows, Column, Delimiter, Dialect, Format, OVERRUN, PADDING, Plan as Rows, PlanOptions, Span,
    Text, parse,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use shm::Scratch;

fn run<S: Strategy>(cases: u32, strategy: &S, test: impl Fn(S::Value)) {
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let tested = TestRunner::new_with_rng(config, rng).run(strategy, |value| {
        test(value);
        Ok(())
    });
    tested.unwrap_or_else(|error| panic!("{error}"));
}

/// Runs `check` on the committed inputs of a target, and on damaged copies.
fn seeds(target: &str, check: fn(&[u8])) {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/seeds")).join(target);
    let mut seeds = Vec::new();
    for entry in folder.read_dir().unwrap() {
        seeds.push(std::fs::read(entry.unwrap().path()).unwrap());
    }
    assert!(!seeds.is_empty(), "no seeds for {target}");
    seeds.sort();
    for seed in &seeds {
        check(seed);
    }
    run(300, &(select(seeds), vec((any::<Index>(), any::<u8>()), 1..6)), |(mut seed, changes)| {
        for (at, value) in changes {
            let at = at.index(seed.len().max(1));
            if let Some(byte) = seed.get_mut(at) {
                *byte = value;
            }
        }
        check(&seed);
    });
}

#[test]
fn every_seed_of_every_target_holds() {
    seeds("header", checks::header::check);
    seeds("dtype", checks::dtype::check);
    seeds("text_row", checks::text_row::check);
    seeds("reaping", checks::reaping::check);
    seeds("array", checks::array::check);
    // Of these the first byte says which kernels the target takes.
    seeds("text_block", |bytes| checks::text_block::check(bytes.get(1..).unwrap_or_default()));
    seeds("infer", |bytes| checks::infer::check(bytes.get(1..).unwrap_or_default()));
    #[cfg(feature = "capi")]
    seeds("options", checks::options::check);
}

#[test]
fn random_dtypes_are_built_printed_and_read() {
    run(1500, &vec(any::<u8>(), 0..200), |bytes| checks::dtype::check(&bytes));
}

#[test]
fn random_arrays_come_out_of_their_headers() {
    run(2000, &vec(any::<u8>(), 0..200), |bytes| checks::array::check(&bytes));
}

/// Fields near the edge of something.
fn field() -> impl Strategy<Value = String> {
    let sign = select(vec!["", "", "-", "+", " "]);
    let digits = "[0-9]{0,22}(\\.[0-9]{0,22})?([eE][+-]?[0-9]{0,4})?";
    let words = select(vec!["nan", "inf", "Infinity", "NaT", "abc", "é", "\u{2003}", "1+2j", ""]);
    let edges = select(vec!["127", "128", "255", "65536", "2147483648", "9223372036854775808"]);
    let value = prop_oneof![
        4 => any::<i16>().prop_map(|n| n.to_string()),
        2 => (-9999i32..9999).prop_map(|n| format!("{}", f64::from(n) / 64.0)),
        2 => digits,
        1 => words.prop_map(String::from),
        1 => edges.prop_map(String::from),
    ];
    (sign, value).prop_map(|(sign, value)| sign.to_owned() + &value)
}

/// A choice of dtype and columns, and rows for it, a few of them too long or short.
fn rows() -> impl Strategy<Value = Vec<u8>> {
    let end = select(vec!["\n", "\n", "\n", "\r\n", "#x\n", " \n", ",\n", "\n\n"]);
    (0..8_u8, 1..5_usize).prop_flat_map(move |(which, columns)| {
        let count = [columns, columns, columns, columns, 5, 5, 3, 4][usize::from(which)];
        let row = (vec(field(), count), end.clone());
        vec(row, 1..6).prop_map(move |rows| {
            let text: String = rows.iter().map(|(row, end)| row.join(",") + end).collect();
            let choice = [which, 3 | (columns as u8 - 1) << 2];
            [&choice[..], text.as_bytes()].concat()
        })
    })
}

#[test]
fn random_rows_are_read_alike() {
    run(6000, &rows(), |input| checks::text_row::check(&input));
    let anything = (rows(), vec((any::<Index>(), any::<u8>()), 1..4));
    run(2000, &anything, |(mut input, changes)| {
        for (at, value) in changes {
            let at = at.index(input.len());
            input[at] = value;
        }
        checks::text_row::check(&input);
    });
}

/// Choices for a whole text, and a text of fields that often meet.
fn block() -> impl Strategy<Value = Vec<u8>> {
    let pieces = vec![
        ",",
        ",",
        ",",
        " ",
        "\t",
        ";",
        "\n",
        "\n",
        "\n",
        "\r\n",
        "\r",
        "\"",
        "\"",
        "'",
        "#",
        "//",
        "--",
        "§",
        "é",
        "\u{2003}",
        "1",
        "1",
        "2",
        "-7",
        "+3",
        "0.5",
        "1,5",
        "1e5",
        "-9",
        "NA",
        "nan",
        "a",
        "abc",
        "True",
        "2000-01-01",
        "2020-02-03T04:05",
        "\"a,b\"",
        "\"1\"",
        "\"x\ny\"",
        "\"\"",
        "12345678901234567890",
        "0.1234567890123456789",
        "\0",
        "\u{1f}",
    ];
    let piece = prop_oneof![
        30 => select(pieces).prop_map(|piece| piece.as_bytes().to_vec()),
        3 => any::<i32>().prop_map(|n| n.to_string().into_bytes()),
        3 => any::<f64>().prop_map(|n| n.to_string().into_bytes()),
        1 => vec(any::<u8>(), 1..3),
    ];
    let text = vec(piece, 0..60).prop_map(|pieces| pieces.concat());
    (vec(any::<u8>(), 22), text).prop_map(|(choices, text)| [choices, text].concat())
}

#[test]
fn random_blocks_give_what_their_records_give() {
    run(if cfg!(debug_assertions) { 2500 } else { 40_000 }, &block(), |input| {
        checks::text_block::check(&input);
    });
}

/// Memory between two pages that nobody may touch.
struct Fenced {
    base: *mut u8,
    inside: usize,
}

impl Fenced {
    const PAGE: usize = 4096;

    fn new(inside: usize) -> Self {
        let inside = inside.next_multiple_of(Self::PAGE);
        let (len, flags) = (inside + 2 * Self::PAGE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
        // SAFETY: a new mapping of nothing that exists.
        let base = unsafe { libc::mmap(core::ptr::null_mut(), len, libc::PROT_NONE, flags, -1, 0) };
        assert_ne!(base, libc::MAP_FAILED);
        let usable = base.cast::<u8>().wrapping_add(Self::PAGE).cast();
        // SAFETY: pages of this mapping.
        let done = unsafe { libc::mprotect(usable, inside, libc::PROT_READ | libc::PROT_WRITE) };
        assert_eq!(done, 0);
        Self { base: base.cast(), inside }
    }

    /// The first bytes of the memory, or the last ones.
    fn part(&mut self, len: usize, last: bool) -> &mut [u8] {
        assert!(len <= self.inside);
        let skip = Self::PAGE + if last { self.inside - len } else { 0 };
        // SAFETY: within the memory, which is borrowed as this is.
        unsafe { core::slice::from_raw_parts_mut(self.base.wrapping_add(skip), len) }
    }
}

impl Drop for Fenced {
    fn drop(&mut self) {
        // SAFETY: the mapping, which nobody uses any more.
        let done = unsafe { libc::munmap(self.base.cast(), self.inside + 2 * Self::PAGE) };
        assert_eq!(done, 0);
    }
}

/// The kernels read before fields and behind them: but nothing before the text, nor behind its
/// padding; and they write nothing outside of the room for rows.
#[test]
fn kernels_keep_to_their_memory() {
    let lines =
        ["7\n", "12,3.5,x\n", "1.25e-7,-9,\"a\"\n", "é,1,2\n", "1234567890123456789.5,1,y\n"];
    let record = DTypeBuf::parse("a:<f8,b:<f4,c:S40").unwrap();
    let scalar = DTypeBuf::parse("<f8").unwrap();
    let quoted =
        Dialect { delimiter: Delimiter::Char(','), quote: Some('"'), ..Dialect::default() };
    let format = Format::new(quoted).unwrap();
    let (mut input, mut output) = (Fenced::new(1 << 15), Fenced::new(1 << 15));
    for (line, dtype) in [(0, &scalar), (1, &record), (2, &record), (3, &record), (4, &record)] {
        for times in [1, 2, 5, 20, 200] {
            for ends in [0, 1] {
                let text = lines[line].repeat(times);
                let text = &text.as_bytes()[..text.len() - ends];
                let mut columns = vec![Column::default(); 3];
                let options = PlanOptions { format, ..PlanOptions::default() };
                let plan = Rows::compile(dtype.as_dtype(), &options, &mut columns).unwrap();
                for last in [false, true] {
                    let bytes = input.part(text.len() + PADDING, last);
                    bytes[..text.len()].copy_from_slice(text);
                    let given = Text::new(bytes, text.len()).unwrap();
                    let out = output.part(times * plan.row_size() + OVERRUN, last);
                    let (span, stop) = (Span::whole(&given), &mut BadRows::stop());
                    let progress = parse(&plan, given, span, u64::MAX, out, stop);
                    let rows = if line == 3 { 0 } else { times };
                    assert_eq!(progress.rows, rows as u64, "{:?}", lines[line]);
                }
            }
        }
    }
}

/// Choices for a look, and rows of fields that have a type or nearly.
fn typed_rows() -> impl Strategy<Value = Vec<u8>> {
    let words =
        ["True", "false", "nan", "-inf", "NA", "", " -9", "-9", "-0", "1_0", "é", "日本", "ab c"];
    let field = prop_oneof![
        4 => (-200i64..200).prop_map(|n| n.to_string()),
        1 => any::<u64>().prop_map(|n| n.to_string()),
        1 => any::<i64>().prop_map(|n| n.to_string()),
        1 => any::<f64>().prop_map(|n| n.to_string()),
        1 => "[ ]{0,2}[+-]?[0-9]{0,20}[.]?[0-9]{0,20}([eE][+-]?[0-9]{0,2})?[ ]?",
        1 => select(words.to_vec()).prop_map(String::from),
    ];
    (any::<u8>(), 1..5_usize, any::<u64>()).prop_flat_map(move |(choice, columns, cuts)| {
        // A column is often of one kind.
        let row = vec(field.clone(), columns);
        (vec(row, 1..8), any::<bool>()).prop_map(move |(mut rows, alike)| {
            if alike {
                let first = rows[0].clone();
                for row in &mut rows {
                    row[0].clone_from(&first[0]);
                }
            }
            let by = [",", " ", "\t", ","][usize::from(choice & 3)];
            let text: String = rows.iter().map(|row| row.join(by) + "\n").collect();
            let head = [&[choice, columns as u8 - 1][..], &cuts.to_le_bytes()].concat();
            [&head[..], text.as_bytes()].concat()
        })
    })
}

#[test]
fn found_types_are_enough_and_least() {
    run(3000, &typed_rows(), |input| checks::infer::check(&input));
}

#[cfg(feature = "capi")]
#[test]
fn options_of_any_bytes_are_refused_or_taken() {
    let rest = prop_oneof![vec(any::<u8>(), 0..300), vec(select(vec![0, 0, 0, 1, 2, 255]), 0..300)];
    run(3000, &(0..3_u8, rest), |(which, rest)| {
        checks::options::check(&[&[which][..], &rest].concat());
    });
}

/// What a target's input looks like for a header of a random array.
fn random_header(program: &[u8], repair: u8) -> Vec<u8> {
    let dtype = builder::right(program);
    let (shape, strides) = ([3, 2], None);
    let array = Array { dtype: dtype.as_dtype(), shape: &shape, strides, metadata: b"meta" };
    let plan = Plan::new(&array, 4096).unwrap();
    let mut words = vec![0_u64; plan.header_len() as usize / 8];
    let header: &mut [u8] = bytemuck::cast_slice_mut(&mut words);
    let policy = Policy::Handoff { attaches: 2, within_ns: 5 };
    encode(header, &plan, &array, &Stamp { policy, ..Stamp::default() }).unwrap();
    [&[repair][..], &plan.total_len().to_le_bytes(), header].concat()
}

#[test]
fn damaged_headers_of_random_arrays_are_refused_or_in_bounds() {
    let small = prop_oneof![select(vec![0, 1, 2, 3, 8, 0x7f, 0x80, 0xff]), any::<u8>()];
    let changes = vec((any::<Index>(), small), 0..4);
    let input = (vec(any::<u8>(), 0..100), changes, select(vec![0, 2, 2, 3, 6, 10]));
    run(8000, &input, |(program, changes, repair)| {
        let mut header = random_header(&program, repair);
        for (at, value) in changes {
            let at = 9 + at.index(header.len() - 9);
            header[at] = value;
        }
        checks::header::check(&header);
        checks::reaping::check(&header[1..]);
    });
}

/// The whole way: a random dtype, through shared memory.
#[test]
fn random_dtypes_come_out_of_segments() {
    run(100, &vec(any::<u8>(), 0..200), |bytes| {
        let dtype = builder::right(&bytes);
        let shape = [2];
        let scratch = Scratch::new("dtype");
        let mut spec = Spec::new(dtype.as_dtype(), &shape);
        spec.metadata = &bytes;
        if dtype.as_dtype().itemsize() > 1 << 23 {
            return;
        }
        let made = Draft::create(&scratch.0, &spec).unwrap().publish().unwrap();
        let seen = Segment::attach(&scratch.0, Access::Read, None).unwrap();
        assert_eq!((seen.dtype(), seen.metadata()), (dtype.as_dtype(), &bytes[..]));
        checks::header::in_bounds(seen.header(), 1 << 40);
        drop((made, seen));
    });
}

//! Bytes from anywhere: the bodies of the fuzz targets on stable Rust, with
//! seeds that are fixed and the corpus in `fuzz/seeds`; `make fuzz` goes on
//! from there.

#![allow(unsafe_code, clippy::unwrap_used, reason = "a test may fail, and says why it is safe")]

#[path = "../fuzz/checks/mod.rs"]
mod checks;
mod shm;

use std::path::Path;

use checks::builder;
use ndshm::layout::{Array, Plan, Policy, Stamp, encode};
use ndshm::segment::{Access, Draft, Segment, Spec};
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

/// What a target's input looks like for a header of a random array.
fn random_header(program: &[u8], repair: u8) -> Vec<u8> {
    let dtype = builder::right(program);
    let (shape, strides) = ([3, 2], None);
    let array = Array { dtype: dtype.as_dtype(), shape: &shape, strides, metadata: b"meta" };
    let plan = Plan::new(&array, 4096).unwrap();
    let mut words = vec![0_u64; plan.header_len() as usize / 8];
    let header: &mut [u8] = bytemuck::cast_slice_mut(&mut words);
    let policy = Policy::Handoff { attaches: 2, expiry_ns: 5 };
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

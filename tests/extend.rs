//! Rows added to datasets that are there: the result is that of one conversion of all rows, and
//! nothing is lost, whatever happens.
//!
//! `NDSHM_PYTHON` names a Python with h5py, and with PyTables and pandas if they are to be tried.

#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, reason = "helpers of tests, too")]

mod common;

use core::time::Duration;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use common::{
    Folder, Running, Snapshot, eventually, h5dump, joined, ndshm, poll, python, run,
    with_private_mounts,
};
use ndshm::convert::{Arrange, ConvertError, Job, Options, convert};
use ndshm::hdf5::{self, AppendFault, Codec, Filters, Layout};
use ndshm::load::{RowType, RowTypeRef};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/h5/extend_files.py");
const DTYPE: &str = "chr:S5,pos:i4,v:f4,c:i2";

/// Runs the script; it must find no fault. What it printed, if there is a Python.
#[track_caller]
fn script(args: &[&str], folder: &Folder) -> Option<String> {
    let mut command = python()?;
    let ran = run(command.arg(SCRIPT).args(args).current_dir(folder.root()));
    assert!(ran.status.success(), "{args:?}: {}{}", ran.stdout, ran.stderr);
    Some(ran.stdout)
}

/// `ndshm convert` of these inputs to `output`.
fn to(folder: &Folder, output: &str, args: &[&str]) -> Command {
    let mut command = ndshm(["convert", "-o", output]);
    command.args(args).current_dir(folder.root());
    command
}

/// `ndshm convert --append-rows` of one input to a dataset.
fn add(folder: &Folder, output: &str, name: &str, input: &str) -> Command {
    to(folder, output, &[input, "--concat", name, "--append-rows"])
}

fn row(i: usize) -> String {
    format!("c{} {i} {}.25 {}\n", i % 7, i / 3, i % 5)
}

/// A table in portions: `p0.txt` and so on, and all of it.
fn portions(folder: &Folder, cuts: &[usize]) {
    let part = |from: usize, to: usize| (from..to).map(row).collect::<String>();
    for (i, ends) in cuts.windows(2).enumerate() {
        folder.write(&format!("p{i}.txt"), part(ends[0], ends[1]));
    }
    folder.write("all.txt", part(cuts[0], cuts[cuts.len() - 1]));
}

/// A file with one packed dataset, `t`, whose last chunk is not full.
fn make_old(folder: &Folder) -> PathBuf {
    portions(folder, &[0, 3000, 9000]);
    let made = ["p0.txt", "--concat", "t", "-t", DTYPE, "--compress", "gzip", "--chunks", "700"];
    run(&mut to(folder, "x.h5", &made)).ok();
    folder.path("x.h5")
}

#[test]
fn portions_make_what_one_run_makes() {
    let folder = Folder::new();
    let cuts = [0, 1000, 1777, 1780, 1780, 2100, 5000];
    portions(&folder, &cuts);
    let storages: [&[&str]; 7] = [
        &["--layout", "chunked"],
        &["--compress", "gzip"],
        &["--compress", "gzip:9", "--no-shuffle"],
        &["--compress", "gzip", "--fletcher32"],
        &["--compress", "zstd"],
        &["--layout", "columns"],
        &["--layout", "columns", "--compress", "gzip"],
    ];
    for storage in storages {
        let made = |input, output| {
            let table = [input, "--concat", "g/t", "-t", DTYPE, "--chunks", "300", "--force", "-q"];
            run(to(&folder, output, &table).args(storage))
        };
        assert!(made("all.txt", "one.h5").status.success());
        for workers in ["1", "3"] {
            assert!(made("p0.txt", "x.h5").status.success());
            for i in 1..cuts.len() - 1 {
                let mut more = add(&folder, "x.h5", "g/t", &format!("p{i}.txt"));
                let ran = run(more.args(["--allow-empty", "-j", workers]));
                assert!(ran.status.success(), "{storage:?}: {ran:?}");
                assert!(ran.stdout.contains(&format!("({},)", cuts[i + 1])), "{ran:?}");
            }
            script(&["same", "x.h5", "one.h5", "g/t"], &folder);
            if workers == "1" {
                fs::rename(folder.path("x.h5"), folder.path("y.h5")).unwrap();
            }
        }
        let same = fs::read(folder.path("x.h5")).unwrap() == fs::read(folder.path("y.h5")).unwrap();
        assert!(same, "{storage:?}: workers make a difference");
    }
}

#[test]
fn datasets_of_other_writers_grow() {
    let folder = Folder::new();
    let Some(kinds) = script(&["make", "."], &folder) else { return };
    for line in kinds.lines() {
        let [kind, path, rows] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let file = format!("{kind}.h5");
        fs::copy(folder.path(&file), folder.path("old.h5")).unwrap();
        let ran = run(&mut add(&folder, &file, path, &format!("{kind}.txt"))).ok();
        assert!(ran.stdout.contains(&format!(": {rows} rows in 1 dataset")), "{kind}: {ran:?}");
        if !["array", "tree", "fixed"].contains(&kind) {
            h5dump(&["-H"], &folder.path(&file));
        }
        script(&["check", ".", kind, "old.h5"], &folder);
    }
}

#[test]
fn what_cannot_grow_is_refused_and_left_alone() {
    let folder = Folder::new();
    folder.write("five.txt", "1 2 3 4 5\n".repeat(10));
    let Some(kinds) = script(&["refused", "."], &folder) else { return };
    for line in kinds.lines() {
        let [kind, path, words] = line.split('|').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let file = format!("{kind}.h5");
        let before = Snapshot::of(&folder.path(&file));
        run(&mut add(&folder, &file, path, "five.txt")).refused(&[words]);
        assert!(Snapshot::of(&folder.path(&file)) == before, "{kind}");
        assert!(!folder.has_temporary(&file), "{kind}");
    }
}

/// Chunks that do not get smaller by packing are stored as they are, and read so.
#[test]
fn noise_grows_as_well() {
    let folder = Folder::new();
    let mut seed = 7_u64;
    let mut line = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        format!("{seed} {}\n", seed.rotate_left(17).wrapping_mul(0x9e37_79b9_7f4a_7c15))
    };
    let all: Vec<String> = (0..4000).map(|_| line()).collect();
    folder.write("a.txt", all[..1500].concat());
    folder.write("b.txt", all[1500..].concat());
    folder.write("all.txt", all.concat());
    for filters in [&["gzip", "--fletcher32"][..], &["gzip", "--no-shuffle"], &["zstd"]] {
        let made = ["--concat", "t", "-t", "u8", "--chunks", "1000,1", "--force", "-q"];
        let made = [&made[..], &["--compress"], filters].concat();
        run(to(&folder, "one.h5", &["all.txt"]).args(&made)).ok();
        run(to(&folder, "x.h5", &["a.txt"]).args(&made)).ok();
        run(&mut add(&folder, "x.h5", "t", "b.txt")).ok();
        script(&["same", "x.h5", "one.h5", "t"], &folder);
    }
}

/// A file that somebody has broken between its ends: an error or a good file, never a crash. The
/// heap of texts is left out: HDF5 1.10 itself may crash of it.
#[test]
fn broken_metadata_is_an_error() {
    let folder = Folder::new();
    let path = make_old(&folder);
    let whole = fs::read(&path).unwrap();
    let (mut good, mut bad) = (0, 0);
    for at in (16..4096).step_by(37) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0xff;
        fs::write(&path, &bytes).unwrap();
        let ran = run(add(&folder, "x.h5", "t", "p1.txt").arg("-q"));
        if ran.status.success() {
            good += 1;
        } else {
            bad += 1;
            ran.refused(&[]);
            assert!(fs::read(&path).unwrap() == bytes, "{at}");
        }
        assert!(!folder.has_temporary("x.h5"), "{at}");
    }
    assert!(good > 5 && bad > 2, "{good} {bad}");
}

#[test]
fn a_chunk_that_is_read_again_must_be_whole() {
    let folder = Folder::new();
    let path = make_old(&folder);
    let mut bytes = fs::read(&path).unwrap();
    // The last chunk lies at the end.
    let end = bytes.len() - 300;
    bytes[end..].iter_mut().for_each(|byte| *byte ^= 0x55);
    fs::write(&path, &bytes).unwrap();
    run(&mut add(&folder, "x.h5", "t", "p1.txt"))
        .refused(&["dataset 't': its last chunk cannot be read"]);
    assert!(fs::read(&path).unwrap() == bytes);
}

#[test]
fn scales_grow_with_their_datasets_or_hold_them_up() {
    let folder = Folder::new();
    folder.write("temp.txt", "1 2\n3 4\n5 6\n");
    folder.write("time.txt", "7\n8\n9\n");
    folder.write("two.txt", "7\n8\n");
    if script(&["scaled", "x.h5"], &folder).is_none() {
        return;
    }
    let before = Snapshot::of(&folder.path("x.h5"));
    run(&mut to(&folder, "x.h5", &["temp.txt", "--append-rows"]))
        .refused(&["dataset 'temp'", "has the dimension scale 'time'"]);
    fs::copy(folder.path("time.txt"), folder.path("kept")).unwrap();
    fs::copy(folder.path("two.txt"), folder.path("time.txt")).unwrap();
    let both = ["temp.txt", "time.txt", "--append-rows"];
    run(&mut to(&folder, "x.h5", &both))
        .refused(&["it has 13 rows now, and its dimension scale 'time' 12"]);
    assert!(Snapshot::of(&folder.path("x.h5")) == before);
    fs::copy(folder.path("kept"), folder.path("time.txt")).unwrap();
    fs::copy(folder.path("two.txt"), folder.path("line.txt")).unwrap();
    run(&mut to(&folder, "x.h5", &["line.txt", "--append-rows"])).ok();
    fs::copy(folder.path("x.h5"), folder.path("y.h5")).unwrap();
    run(&mut to(&folder, "x.h5", &both)).ok();
    script(&["rescaled", "x.h5"], &folder);
    // One after the other, the scale first.
    run(&mut to(&folder, "y.h5", &["time.txt", "--append-rows"])).ok();
    run(&mut to(&folder, "y.h5", &["temp.txt", "--append-rows"])).ok();
    script(&["rescaled", "y.h5"], &folder);
    // One dataset by two names.
    folder.write("again.txt", "1 2\n");
    run(&mut to(&folder, "x.h5", &["temp.txt", "again.txt", "time.txt", "--append-rows"]))
        .refused(&["is the same dataset as 'temp'"]);
}

#[test]
fn grids_cubes_and_stacks_grow() {
    let folder = Folder::new();
    let lines = |from: usize, to: usize, columns: usize| {
        let cells = |i| joined(columns, |j| format!("{} ", (i * columns + j) * 7 % 1009));
        (from..to).map(|i| cells(i).trim_end().to_string() + "\n").collect::<String>()
    };
    folder.write("a.txt", lines(0, 48, 6));
    folder.write("b.txt", lines(48, 132, 6));
    folder.write("all.txt", lines(0, 132, 6));
    let cases: [(&[&str], &[&str]); 4] = [
        (&["--chunks", "20,4"], &[]),
        (&["--shape", "-1,4,6", "--compress", "gzip", "--chunks", "5,3,6"], &[]),
        (&["--shape", "-1,4,6", "--maxshape"], &["--shape", "-1,4,6"]),
        (&["--shape", "-1,6,2", "--maxshape"], &["--shape", "7,6,2"]),
    ];
    for (first, more) in cases {
        let made = |input: &str, output: &str| {
            let table = [input, "--concat", "t", "-t", "f8", "--force", "-q", "-o", output];
            run(ndshm(["convert"]).args(table).args(first).current_dir(folder.root())).ok();
        };
        made("a.txt", "x.h5");
        // Without a chunk's shape the first run makes one of its own size.
        let chunk = first.contains(&"--chunks");
        made("all.txt", "one.h5");
        let mut grow = add(&folder, "x.h5", "t", "b.txt");
        let ran = run(grow.args(more));
        if more.get(1).is_some_and(|shape| shape.starts_with('7')) {
            assert!(!ran.status.success(), "{ran:?}");
            continue;
        }
        assert!(ran.status.success(), "{first:?}: {ran:?}");
        if chunk {
            script(&["same", "x.h5", "one.h5", "t"], &folder);
        }
    }
    for i in 0..5 {
        folder.write(&format!("s{i}.txt"), lines(i * 9, i * 9 + 9, 4));
    }
    let stack = ["--stack", "s", "-t", "f4", "--chunks", "1,4,4"];
    let all = ["s0.txt", "s1.txt", "s2.txt", "s3.txt", "s4.txt"];
    run(to(&folder, "one.h5", &all).args(stack).arg("--force")).ok();
    run(to(&folder, "x.h5", &all[..2]).args(stack).arg("--force")).ok();
    let ran = run(to(&folder, "x.h5", &all[2..]).args(["--stack", "s", "--append-rows"])).ok();
    assert!(ran.stdout.contains("s  (5, 9, 4)"), "{ran:?}");
    script(&["same", "x.h5", "one.h5", "s"], &folder);
    folder.write("s5.txt", lines(0, 8, 4));
    let before = Snapshot::of(&folder.path("x.h5"));
    run(to(&folder, "x.h5", &["s5.txt"]).args(["--stack", "s", "--append-rows"]))
        .refused(&["its rows have the shape (9, 4), and those of the text (8, 4)"]);
    assert!(Snapshot::of(&folder.path("x.h5")) == before);
}

#[test]
fn each_input_goes_behind_the_dataset_of_its_name() {
    let folder = Folder::new();
    portions(&folder, &[0, 500, 900, 1700]);
    fs::create_dir(folder.path("day1")).unwrap();
    fs::create_dir(folder.path("day2")).unwrap();
    for (from, to) in [("p0", "day1/a"), ("p1", "day1/b"), ("p1", "day2/a"), ("p2", "day2/b")] {
        let from = folder.path(&format!("{from}.txt"));
        fs::copy(from, folder.path(&format!("{to}.txt"))).unwrap();
    }
    let first = ["day1/a.txt", "day1/b.txt", "-t", DTYPE, "--compress", "gzip"];
    run(&mut to(&folder, "x.h5", &first)).ok();
    let ran = run(&mut to(&folder, "x.h5", &["day2/b.txt", "day2/a.txt", "--append-rows"])).ok();
    assert!(ran.stdout.contains("1,200 rows in 2 datasets"), "{ran:?}");
    assert!(ran.stdout.contains("  b  (1200,)\n  a  (900,)"), "{ran:?}");
    // One that is not there stops all.
    let before = Snapshot::of(&folder.path("x.h5"));
    run(&mut to(&folder, "x.h5", &["day2/a.txt", "p0.txt", "--append-rows"]))
        .refused(&["dataset 'p0'", "no such dataset"]);
    assert!(Snapshot::of(&folder.path("x.h5")) == before);
    let all = ["day1/a.txt", "day2/a.txt", "--concat", "a", "-t", DTYPE, "--compress", "gzip"];
    run(&mut to(&folder, "one.h5", &[&all[..], &["--chunks", "500"]].concat())).ok();
    script(&["same", "x.h5", "one.h5", "a"], &folder);
}

#[test]
fn labels_keep_their_numbers_and_a_new_one_is_refused() {
    let folder = Folder::new();
    folder.write("a.txt", "x 1\ny 2\nlonger 3\n");
    folder.write("b.txt", "y 4\nlonger 5\nx 6\n");
    folder.write("c.txt", "x 7\nz 8\n");
    folder.write("d.txt", "longest 7\n");
    let labels = ["--category", "s=x,y,longer", "--chunks", "2", "-t", "s:S6,n:i4"];
    run(to(&folder, "x.h5", &["a.txt", "--concat", "t"]).args(labels)).ok();
    run(to(&folder, "one.h5", &["a.txt", "b.txt", "--concat", "t"]).args(labels)).ok();
    run(&mut add(&folder, "x.h5", "t", "b.txt")).ok();
    script(&["same", "x.h5", "one.h5", "t"], &folder);
    let before = Snapshot::of(&folder.path("x.h5"));
    run(&mut add(&folder, "x.h5", "t", "c.txt")).refused(&["'z' is none of its labels"]);
    run(&mut add(&folder, "x.h5", "t", "d.txt")).refused(&["'longest' is none of its labels"]);
    run(add(&folder, "x.h5", "t", "a.txt").args(["--category", "s=y,x"]))
        .refused(&["does not have these labels"]);
    run(add(&folder, "x.h5", "t", "a.txt").args(["--category", "n"]))
        .refused(&["does not have these labels"]);
    assert!(Snapshot::of(&folder.path("x.h5")) == before);
    run(add(&folder, "x.h5", "t", "a.txt").args(["--category", "s", "-t", "s:S6,n:i4"])).ok();
}

#[test]
fn the_column_of_sources_grows_as_well() {
    let folder = Folder::new();
    portions(&folder, &[0, 500, 900, 1700]);
    let made = ["-t", DTYPE, "--concat", "t", "--source-column", "from", "--chunks", "300"];
    run(to(&folder, "one.h5", &["p0.txt", "p1.txt", "p2.txt"]).args(made)).ok();
    run(to(&folder, "x.h5", &["p0.txt"]).args(made)).ok();
    let more = ["p1.txt", "p2.txt", "--concat", "t", "--append-rows", "--source-column", "from"];
    run(&mut to(&folder, "x.h5", &more)).ok();
    script(&["same", "x.h5", "one.h5", "t"], &folder);
    let before = Snapshot::of(&folder.path("x.h5"));
    folder.write("much longer.txt", "a 1 2 3\n");
    let long = ["much longer.txt", "--concat", "t", "--append-rows", "--source-column", "from"];
    run(&mut to(&folder, "x.h5", &long)).refused(&["does not fit the 6 bytes"]);
    run(add(&folder, "x.h5", "t", "p1.txt").args(["--source-column", "c"]))
        .refused(&["its last column is not 'c'"]);
    // Without it, the text lacks a column.
    run(&mut add(&folder, "x.h5", "t", "p1.txt")).refused(&[]);
    assert!(Snapshot::of(&folder.path("x.h5")) == before);
    // As labels: those that are there keep their numbers.
    let numbered = [&made[..6], &["--chunks", "300", "--category", "from"]].concat();
    run(to(&folder, "x.h5", &["p0.txt", "p1.txt", "--force"]).args(numbered)).ok();
    run(&mut to(&folder, "x.h5", &[&["p1.txt"], &more[2..]].concat())).ok();
    if let Some(last) = h5dump(&["-d", "/t", "-s", "1299", "-c", "1"], &folder.path("x.h5")) {
        let data = last.split_once("DATA {").unwrap().1.split_once('}').unwrap().0;
        assert!(data.contains("p1.txt") && !data.contains("p0.txt"), "{last}");
    }
    run(&mut to(&folder, "x.h5", &more)).refused(&["'p2.txt' is none of its labels"]);
}

#[test]
fn the_dtype_is_the_datasets() {
    let folder = Folder::new();
    make_old(&folder);
    for (dtype, fits) in [
        (DTYPE, true),
        ("chr:S,pos:i4,v:f4,c:i2", true),
        ("chr:S4,pos:i4,v:f4,c:i2", false),
        ("chr:S5,pos:i8,v:f4,c:i2", false),
        ("chr:S5,pos:>i4,v:f4,c:i2", false),
        ("chr:S5,pos:i4,v:f4,d:i2", false),
        ("chr:U,pos:i4,v:f4,c:i2", false),
        ("f8", false),
        ("auto", true),
    ] {
        let before = fs::read(folder.path("x.h5")).unwrap();
        let ran = run(add(&folder, "x.h5", "t", "p1.txt").args(["-t", dtype]));
        if fits {
            ran.ok();
        } else {
            ran.refused(&["dataset 't': its rows are ", "chr", "and not"]);
            assert!(fs::read(folder.path("x.h5")).unwrap() == before, "{dtype}");
        }
    }
    // A text that is too long is not cut.
    folder.write("long.txt", "chromosome 1 2 3\n");
    let before = fs::read(folder.path("x.h5")).unwrap();
    run(&mut add(&folder, "x.h5", "t", "long.txt")).refused(&["long.txt", "chromosome"]);
    run(add(&folder, "x.h5", "t", "long.txt").args(["-t", "chr:S,pos:i4,v:f4,c:i2"]))
        .refused(&["chromosome"]);
    folder.write("number.txt", "c1 1.5 2 3\n");
    run(&mut add(&folder, "x.h5", "t", "number.txt")).refused(&["number.txt", "1.5"]);
    assert!(fs::read(folder.path("x.h5")).unwrap() == before);
}

#[test]
fn names_of_a_header_are_compared() {
    let folder = Folder::new();
    make_old(&folder);
    let lines = "c1 1 2 3\nc2 4 5 6\n";
    for (names, dtype, fits) in [
        ("chr pos v c", None, true),
        ("chr v pos c", None, false),
        ("chr pos v", None, false),
        ("a b c d", Some(DTYPE), true),
    ] {
        folder.write("h.txt", format!("{names}\n{lines}"));
        let mut command = add(&folder, "x.h5", "t", "h.txt");
        command.arg("--header").args(dtype.map(|dtype| ["-t", dtype]).into_iter().flatten());
        let ran = run(&mut command);
        assert_eq!(ran.status.success(), fits, "{names}: {ran:?}");
    }
}

#[test]
fn storage_is_the_datasets() {
    let folder = Folder::new();
    let path = make_old(&folder);
    let before = Snapshot::of(&path);
    for (args, words) in [
        (&["--compress", "zstd"][..], "filters are not what was asked for"),
        (&["--compress", "gzip:9"], "filters are not"),
        (&["--fletcher32"], "filters are not"),
        (&["--chunks", "100"], "chunks are not"),
        (&["--layout", "columns"], "layout is not"),
        (&["--dims", "n"], "leave dims out"),
    ] {
        run(add(&folder, "x.h5", "t", "p1.txt").args(args)).refused(&["dataset 't'", words]);
    }
    for wrong in ["--force", "--append"] {
        assert_eq!(run(add(&folder, "x.h5", "t", "p1.txt").arg(wrong)).status.code(), Some(2));
    }
    run(&mut add(&folder, "none.h5", "t", "p1.txt")).refused(&["none.h5: is not there"]);
    folder.write("text.h5", "1 2 3\n");
    run(&mut add(&folder, "text.h5", "t", "p1.txt")).refused(&["is not an HDF5 file"]);
    assert!(Snapshot::of(&path) == before);
    let same = ["--compress", "gzip:4", "--chunks", "700", "--maxshape"];
    run(add(&folder, "x.h5", "t", "p1.txt").args(same)).ok();
}

#[test]
fn what_is_said_of_the_inputs_grows() {
    let folder = Folder::new();
    make_old(&folder);
    let attribute = |name: &str| {
        let text = h5dump(&["-a", &format!("/t/{name}")], &folder.path("x.h5"))?;
        let data = text.split_once("DATA {")?.1.split_once('}')?.0.to_string();
        Some(data.split_whitespace().collect::<Vec<_>>().join(" "))
    };
    let sizes = ["p0.txt", "p1.txt"].map(|name| fs::metadata(folder.path(name)).unwrap().len());
    run(add(&folder, "x.h5", "t", "p1.txt").args(["--checksum", "--attr", "run=2"])).ok();
    if let Some(names) = attribute("source_file") {
        assert!(names.contains("\"p0.txt\", \"p1.txt\""), "{names}");
        let bytes = attribute("source_bytes").unwrap();
        assert!(bytes.contains(&format!("{}, {}", sizes[0], sizes[1])), "{bytes}");
        let sums = attribute("source_crc32").unwrap();
        assert!(sums.contains("\"\", \""), "{sums}");
        assert!(attribute("run").unwrap().contains('2'));
    }
    run(add(&folder, "x.h5", "t", "p1.txt").args(["--no-provenance", "--attr", "run=3"])).ok();
    if let Some(names) = attribute("source_file") {
        assert!(names.ends_with("\"p0.txt\", \"p1.txt\""), "{names}");
        assert!(attribute("run").unwrap().contains('3'));
    }
}

#[test]
fn a_file_hardly_grows_by_more_than_its_rows() {
    let folder = Folder::new();
    portions(&folder, &[0, 3000]);
    let made = ["p0.txt", "--concat", "t", "-t", DTYPE, "--compress", "gzip", "--chunks", "50000"];
    run(to(&folder, "x.h5", &made).arg("--no-provenance")).ok();
    folder.write("few.txt", (0..10).map(row).collect::<String>());
    let before = fs::metadata(folder.path("x.h5")).unwrap().len();
    for _ in 0..20 {
        run(add(&folder, "x.h5", "t", "few.txt").arg("--no-provenance")).ok();
    }
    let after = fs::metadata(folder.path("x.h5")).unwrap().len();
    assert!(after < before + 8000, "{before} {after}");
}

/// Waits until a run to `x.h5` has made its temporary file.
fn begun(folder: &Folder) {
    eventually("the copy", || folder.has_temporary("x.h5"));
}

#[test]
fn of_two_at_once_the_second_is_refused() {
    let folder = Folder::new();
    let path = make_old(&folder);
    let (read, write) = std::io::pipe().unwrap();
    let mut command = add(&folder, "x.h5", "t", "-");
    let slow = Running::start(command.stdin(read));
    drop(command);
    begun(&folder);
    run(&mut add(&folder, "x.h5", "t", "p1.txt")).ok();
    let after = Snapshot::of(&path);
    std::io::Write::write_all(&mut &write, b"c1 1 2 3\n").unwrap();
    drop(write);
    slow.wait().refused(&["x.h5: was changed by somebody else meanwhile"]);
    assert!(Snapshot::of(&path) == after && !folder.has_temporary("x.h5"));
}

#[test]
fn a_file_that_became_another_before_it_was_copied_is_not_written() {
    let folder = Folder::new();
    let path = make_old(&folder);
    let mut options = Options { append_rows: true, ..Options::default() };
    options.arrange = Arrange::Concat("t".into());
    let job = Job::start([folder.path("p1.txt")], &path, RowTypeRef::Auto, &options).unwrap();
    let other = ["p1.txt", "--concat", "t", "-t", DTYPE, "--compress", "gzip", "--force"];
    run(&mut to(&folder, "x.h5", &other)).ok();
    let before = Snapshot::of(&path);
    let error = job.finish().unwrap_err();
    let changed = AppendFault::Changed;
    assert!(
        matches!(error, ConvertError::Hdf5(hdf5::Error::Append { fault, .. }) if fault == changed),
        "{error:?}"
    );
    assert!(Snapshot::of(&path) == before && !folder.has_temporary("x.h5"));
}

/// What a run does to the file system and to its memory, where it may be killed.
const CALLS: &[&str] = &[
    "openat",
    "flock",
    "ioctl",
    "copy_file_range",
    "ftruncate",
    "memfd_create",
    "pwrite64",
    "pread64",
    "fallocate",
    "dup3",
    "fsync",
    "rename",
    "unlink",
    "close",
];

#[test]
fn killed_at_any_call_the_file_is_the_old_one_or_the_new_one() {
    let folder = Folder::new();
    let path = make_old(&folder);
    let old = fs::read(&path).unwrap();
    let mut more = add(&folder, "x.h5", "t", "p1.txt");
    more.args(["-j", "1", "-q"]);
    run(&mut more).ok();
    let new = fs::read(&path).unwrap();
    let (mut kept, mut replaced) = (0, 0);
    for call in CALLS {
        let mut n = 1;
        loop {
            fs::write(&path, &old).unwrap();
            let Some(done) = killed(&folder, call, n) else { return };
            let now = fs::read(&path).unwrap();
            assert!(now == old || now == new, "{call} {n}: another file");
            if done {
                assert!(now == new, "{call} {n}");
                break;
            }
            if now == old {
                kept += 1;
                run(&mut more).ok();
                assert!(fs::read(&path).unwrap() == new, "{call} {n}: another file after it");
                assert!(!folder.has_temporary("x.h5"), "{call} {n}");
            } else {
                replaced += 1;
            }
            n += if n < 6 { 1 } else { n / 3 };
        }
    }
    assert!(kept > 50 && replaced > 0, "{kept} {replaced}");
}

/// Kills a run at the `n`th such call of it; whether it ended before. None if processes
/// cannot be traced here.
fn killed(folder: &Folder, call: &str, n: usize) -> Option<bool> {
    let mut command = Command::new("strace");
    let inject = format!("inject={call}:signal=KILL:when={n}");
    command.args(["-o", "/dev/null", "-e", &format!("trace={call}"), "-e", &inject]);
    command.arg(common::NDSHM).args(["convert", "p1.txt", "-o", "x.h5", "--concat", "t"]);
    command.args(["--append-rows", "-j", "1", "-q"]).env_remove("NDSHM_PIECE_BYTES");
    let Ok(out) = command.current_dir(folder.root()).stdin(Stdio::null()).output() else {
        common::skipped("strace", "it is not installed");
        return None;
    };
    let message = String::from_utf8_lossy(&out.stderr).into_owned();
    if message.contains("ptrace") || message.contains("not permitted") {
        common::skipped("kills at every system call", "processes cannot be traced here");
        return None;
    }
    Some(out.status.success())
}

/// Killed after a time, by the clock, with parsers and packers at work.
#[test]
fn killed_at_any_time_the_file_is_the_old_one_or_the_new_one() {
    let folder = Folder::new();
    let path = make_old(&folder);
    folder.write("p1.txt", (0..60_000).map(row).collect::<String>());
    let old = fs::read(&path).unwrap();
    let mut more = add(&folder, "x.h5", "t", "p1.txt");
    run(&mut more).ok();
    let new = fs::read(&path).unwrap();
    for step in 0..30_u64 {
        fs::write(&path, &old).unwrap();
        let running = Running::start(&mut more);
        std::thread::sleep(Duration::from_micros(step * step * 200));
        running.signal(libc::SIGKILL);
        drop(running);
        let now = fs::read(&path).unwrap();
        assert!(now == old || now == new, "{step}: another file");
        if now == old {
            poll("the lock of the dead", || {
                run(&mut more).ok();
                let done = !folder.has_temporary("x.h5");
                (!done).then(|| fs::write(&path, &old).unwrap());
                done.then_some(())
            });
            assert!(fs::read(&path).unwrap() == new, "{step}");
        }
    }
}

#[test]
fn an_interrupt_leaves_the_file_as_it_was() {
    let folder = Folder::new();
    let path = make_old(&folder);
    let before = Snapshot::of(&path);
    let (read, write) = std::io::pipe().unwrap();
    let mut command = add(&folder, "x.h5", "t", "-");
    let running = Running::start(command.stdin(read));
    drop(command);
    begun(&folder);
    running.signal(libc::SIGINT);
    running.wait().interrupted();
    drop(write);
    assert!(Snapshot::of(&path) == before && !folder.has_temporary("x.h5"));
}

#[test]
fn a_full_disk_leaves_the_file_as_it_was() {
    let folder = Folder::new();
    let path = make_old(&folder);
    folder.write("p1.txt", (0..90_000).map(row).collect::<String>());
    let old = fs::metadata(&path).unwrap().len() / 1024 + 1;
    let (disk, before) = (folder.path("disk"), folder.path("before"));
    fs::create_dir(&disk).unwrap();
    let script = "
        for more in 0 4 12 20 28 40 60 80 100 120 140 160 180 200 220 240 260 280 300 320 340 360 400 \
                500 800 1500 2500 4000 8000; do
            mount -t tmpfs -o size=$((OLD + more))k tmpfs \"$3\" && cd \"$3\" || exit 99
            cp \"$4\" x.h5 && ls -li --full-time x.h5 >\"$5\" || exit 98
            \"$1\" convert \"$2\" -o x.h5 --concat t --quiet --append-rows 2>\"$6\"
            status=$?
            ls -li --full-time x.h5 | cmp -s - \"$5\" && cmp -s x.h5 \"$4\" && echo -n 'kept ' ||
                echo -n 'new '
            echo \"$more $status $(ls -A | wc -l) $(cat \"$6\")\"
            cd / && umount \"$3\"
        done"
        .replace("OLD", &old.to_string());
    let args = [&folder.path("p1.txt"), &disk, &path, &before, &folder.path("message")];
    let args: Vec<&Path> = args.iter().map(|path| path.as_path()).collect();
    let Some(ran) = with_private_mounts(&script, &args) else { return };
    let (mut made, mut refused) = (0, 0);
    for line in ran.ok().stdout.lines() {
        let fields: Vec<_> = line.splitn(5, ' ').collect();
        match (fields[0], fields[2], fields[3]) {
            ("new", "0", "1") => made += 1,
            ("kept", "1", "1") => {
                let message = fields[4];
                assert!(message.starts_with("ndshm: ") && !message.contains('\n'), "{line}");
                assert!(message.contains("x.h5: disk is full"), "{line}");
                refused += 1;
            }
            _ => panic!("{line}"),
        }
    }
    assert!(made >= 1 && refused >= 8, "{made} {refused}");
}

/// As a Rust program calls it.
#[test]
fn the_library_adds_rows_as_the_command_does() {
    let folder = Folder::new();
    portions(&folder, &[0, 1000, 2500]);
    let mut options = Options { arrange: Arrange::Concat("g/t".into()), ..Options::default() };
    let gzip = Filters { shuffle: true, codec: Codec::Gzip(4), fletcher32: false };
    (options.hdf5.storage.layout, options.hdf5.storage.filters) = (Layout::Columns, gzip);
    options.hdf5.storage.chunk = vec![300.try_into().unwrap()];
    let rows = RowType::parse(DTYPE).unwrap();
    let cancel = false.into();
    let (x, one) = (folder.path("x.h5"), folder.path("one.h5"));
    let made = convert([folder.path("all.txt")], &one, rows.as_ref(), &options, &cancel).unwrap();
    assert_eq!(made.rows, 2500);
    convert([folder.path("p0.txt")], &x, rows.as_ref(), &options, &cancel).unwrap();
    let more =
        Options { append_rows: true, arrange: options.arrange.clone(), ..Options::default() };
    let made = convert([folder.path("p1.txt")], &x, RowTypeRef::Auto, &more, &cancel).unwrap();
    assert_eq!((made.rows, &made.datasets[0].shape[..]), (1500, &[2500][..]));
    assert_eq!(*made.dtype, ndshm::dtype_buf::DTypeBuf::parse(DTYPE).unwrap());
    script(&["same", "x.h5", "one.h5", "g/t"], &folder);
    let mut both = more.clone();
    both.hdf5.force = true;
    let refused = convert([folder.path("p1.txt")], &x, RowTypeRef::Auto, &both, &cancel);
    assert!(matches!(refused, Err(ConvertError::Hdf5(hdf5::Error::Order(_)))), "{refused:?}");
}

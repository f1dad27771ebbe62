//! What grows: portions, datasets of other writers, grids, stacks, labels, sources.

use std::fs;

use ndshm::convert::{Arrange, ConvertError, Options, convert};
use ndshm::hdf5::{self, Codec, Filters, Layout};
use ndshm::load::{RowType, RowTypeRef};

use super::{DTYPE, add, make_old, portions, row, script, to};
use crate::common::{Folder, Snapshot, h5dump, joined, ndshm, run};

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

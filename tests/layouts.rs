//! What lies in a file, whatever the layout: compared with what NumPy reads from the same
//! text by `tests/h5/layouts.py`, and by its bytes with what other numbers of workers make.

#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, reason = "helpers of tests, too")]

mod common;

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use common::{Folder, NDSHM, joined, ndshm, python, run, skipped_by_script};

/// One group of cases of the script.
#[track_caller]
fn compared_with_numpy(group: &str) {
    let Some(mut python) = python() else { return };
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/h5/layouts.py");
    let folder = Folder::new();
    let seed = std::env::var("NDSHM_TEST_SEED").unwrap_or_else(|_| "1".into());
    python.args(["-B", script, NDSHM, group, &seed]).env("NDSHM_TEST_DIR", folder.root());
    let output = python.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    skipped_by_script(&said);
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "seed {seed}\n{said}\n{complaints}");
}

#[test]
fn grids_in_blocks_and_chunks() {
    compared_with_numpy("grids");
}

#[test]
fn more_axes_and_stacks() {
    compared_with_numpy("shapes");
}

#[test]
fn every_type_in_every_layout() {
    compared_with_numpy("types");
}

#[test]
fn tables_of_one_input_and_of_several() {
    compared_with_numpy("tables");
}

#[test]
fn nothing_and_next_to_nothing() {
    compared_with_numpy("edges");
}

#[test]
fn rows_longer_than_a_chunk_and_thousands_of_columns() {
    compared_with_numpy("wide");
}

#[test]
fn two_thousand_files_in_one() {
    compared_with_numpy("many");
}

#[test]
fn attributes_are_those_that_were_asked_for() {
    compared_with_numpy("attributes");
}

#[test]
fn what_makes_no_sense_is_refused() {
    compared_with_numpy("refused");
}

#[test]
fn options_that_meet_seldom() {
    compared_with_numpy("meeting");
}

/// Every way of lying in a file, for a table and for a grid.
const LAYOUTS: [&[&str]; 9] = [
    &[],
    &["--layout", "chunked"],
    &["--maxshape", "--fletcher32"],
    &["--compress", "gzip"],
    &["--compress", "gzip:9", "--no-shuffle", "--fletcher32"],
    &["--compress", "zstd"],
    &["--layout", "columns"],
    &["--layout", "columns", "--compress", "gzip:1"],
    &["--layout", "columns", "--compress", "zstd:1", "--fletcher32"],
];

/// What a conversion makes of the inputs, which are read in this folder.
#[track_caller]
fn converted(folder: &Folder, inputs: &[&str], options: &[&str], piece: &str) -> Vec<u8> {
    let mut command = ndshm(["convert", "-q", "-f", "-o", "x.h5"]);
    command.args(inputs).args(options).current_dir(folder.root());
    if !piece.is_empty() {
        command.env("NDSHM_PIECE_BYTES", piece);
    }
    run(&mut command).ok();
    fs::read(folder.path("x.h5")).unwrap()
}

const RECORD: [&str; 2] = ["-t", "name:S6,i:i4,x:f8,t:M8[D],u:U3"];

fn table(folder: &Folder, name: &str, rows: usize, salt: usize) {
    let lines = joined(rows, |i| {
        let j = (i * 7919 + salt) % 1000;
        format!(
            "n{} {} {}.{:03} 20{:02}-01-0{} ü{}\n",
            j % 77,
            i,
            j,
            i % 997,
            j % 90 + 10,
            j % 9 + 1,
            j % 10
        )
    });
    folder.write(name, lines);
}

#[test]
fn workers_and_pieces_do_not_show_in_any_layout() {
    let folder = Folder::new();
    table(&folder, "a.txt", 3000, 1);
    table(&folder, "b.txt", 700, 2);
    folder.write("g.txt", joined(400, |i| format!("{} {} {}\n", i, i * i % 1009, i % 3)));
    let (both, grid) = (["a.txt", "b.txt"], ["g.txt", "g.txt", "g.txt"]);
    for layout in LAYOUTS {
        for chunks in [&[][..], &["--chunks", "256"]] {
            if !chunks.is_empty() && layout.is_empty() {
                continue;
            }
            let options = [&RECORD[..], layout, chunks].concat();
            for arrangement in [&[][..], &["--concat", "c", "--source-column", "from"]] {
                same_whoever_reads(&folder, &both, &[&options[..], arrangement].concat());
            }
        }
        let options = [&["-t", "f4", "--stack", "s"][..], layout].concat();
        same_whoever_reads(&folder, &grid, &options);
    }
}

/// More columns than datasets that stay open.
#[test]
fn workers_and_pieces_do_not_show_in_a_wide_table() {
    let folder = Folder::new();
    let row = |i: usize| joined(200, |j| format!("{} ", (i * j) % 30_000));
    folder.write("w.txt", joined(500, |i| row(i) + "\n"));
    let dtype: Vec<String> = (0..200).map(|i| format!("c{i}:i2")).collect();
    let dtype = dtype.join(",");
    let options = ["-t", &dtype, "--layout", "columns", "--chunks", "64", "--compress", "gzip"];
    same_whoever_reads(&folder, &["w.txt"], &options);
}

#[track_caller]
fn same_whoever_reads(folder: &Folder, inputs: &[&str], options: &[&str]) {
    let of = |workers: &str, piece: &str| {
        converted(folder, inputs, &[options, &["-j", workers]].concat(), piece)
    };
    let expected = of("1", "");
    for (workers, piece) in [("2", ""), ("5", "1500"), ("2", "311")] {
        assert!(of(workers, piece) == expected, "{workers} workers, {piece}, {options:?}");
    }
}

/// Bytes in a pipe that somebody else writes.
fn fed(to: &Path, bytes: Vec<u8>) -> std::thread::JoinHandle<()> {
    let to = to.to_path_buf();
    std::thread::spawn(move || {
        // Fewer at once than a pipe holds, so that the reader never has all.
        let mut fifo = fs::OpenOptions::new().write(true).open(to).unwrap();
        bytes.chunks(1000).for_each(|part| fifo.write_all(part).unwrap());
    })
}

#[test]
fn files_pipes_and_archives_make_the_same_file() {
    let folder = Folder::new();
    table(&folder, "a.txt", 3000, 3);
    let text = fs::read(folder.path("a.txt")).unwrap();
    let mut gzip = Command::new("gzip").arg("-k").arg(folder.path("a.txt")).spawn().unwrap();
    assert!(gzip.wait().unwrap().success());
    fs::create_dir(folder.path("pipe")).unwrap();
    let fifo = folder.path("pipe/a.txt");
    run(Command::new("mkfifo").arg(&fifo)).ok();
    for layout in LAYOUTS {
        // The name of the input is in the file otherwise.
        let mut options = [&RECORD[..], layout, &["--no-provenance", "-j", "2"]].concat();
        let expected = converted(&folder, &["a.txt"], &options, "");
        assert!(converted(&folder, &["a.txt.gz"], &options, "") == expected, "{layout:?}");
        for piece in ["", "700"] {
            let feeder = fed(&fifo, text.clone());
            let piped = converted(&folder, &["pipe/a.txt"], &options, piece);
            feeder.join().unwrap();
            assert!(piped == expected, "{layout:?} {piece}");
        }
        options.extend(["--concat", "a"]);
        let mut command = ndshm(["convert", "-q", "-f", "-o", "x.h5", "-"]);
        command.args(&options).current_dir(folder.root());
        command.stdin(Stdio::from(fs::File::open(folder.path("a.txt")).unwrap()));
        run(&mut command).ok();
        assert!(fs::read(folder.path("x.h5")).unwrap() == expected, "{layout:?} stdin");
    }
}

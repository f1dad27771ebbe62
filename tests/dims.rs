//! Dimension names and scales, as h5py sees them.
//!
//! `NDSHM_PYTHON` names a Python with h5py; without it the tests say so and pass.
#![cfg(feature = "hdf5")]
#![allow(clippy::unwrap_used)]

#[path = "common/skip.rs"]
mod skip;

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

/// Prints the labels, the scales and their values, and who uses them.
const LOOK: &str = r"
import sys, h5py
with h5py.File(sys.argv[1]) as f:
    def show(name, d):
        if not isinstance(d, h5py.Dataset): return
        if d.is_scale:
            users = [(f[r].name, int(i)) for r, i in d.attrs['REFERENCE_LIST']]
            print(name, 'scale', d.shape, d[()].tolist(), d.attrs['NAME'].decode(), users,
                  int(d.attrs['_Netcdf4Dimid']), d.attrs.get('units'))
        else:
            print(name, d.shape, [(x.label, x[0].name) for x in d.dims], d.attrs.get('units'))
    f.visititems(show)
    print(f.attrs.get('title'))
";

fn convert(dir: &Path, args: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ndshm"));
    let command = command.current_dir(dir).arg("convert").args(args.split(' '));
    command.output().unwrap()
}

fn made(dir: &Path, args: &str) {
    let out = convert(dir, args);
    assert!(out.status.success(), "{args}: {}", String::from_utf8_lossy(&out.stderr));
}

fn refused(dir: &Path, args: &str, why: &str) {
    let out = convert(dir, args);
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(!out.status.success() && said.contains(why), "{args}: {said}");
    assert!(!dir.join("no.h5").exists());
}

fn look(file: &Path) -> Option<String> {
    let Some(python) = std::env::var_os("NDSHM_PYTHON") else {
        skip::skipped("files read by h5py", "NDSHM_PYTHON names no Python with NumPy and h5py");
        return None;
    };
    let out = Command::new(python).args(["-c", LOOK]).arg(file).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    Some(String::from_utf8(out.stdout).unwrap())
}

fn grids() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for name in ["a", "b"] {
        fs::write(dir.path().join(format!("{name}.txt")), "1 2 3\n4 5 6\n").unwrap();
    }
    fs::write(dir.path().join("lat.txt"), "10.5\n20.5\n").unwrap();
    dir
}

const NONE: &str = "This is a netCDF dimension but not a netCDF variable.";

#[test]
fn datasets_of_a_group_share_their_scales() {
    let dir = grids();
    for layout in ["", " --compress gzip"] {
        let args = format!(
            "a.txt b.txt -o o.h5 --force --dtype f4 --dims lat,lon --coords lat=lat.txt \
             --attr lat@units=degrees_north --attr a@units=K --attr /@title=T{layout}"
        );
        made(dir.path(), &args);
        let first = fs::read(dir.path().join("o.h5")).unwrap();
        made(dir.path(), &args);
        assert!(first == fs::read(dir.path().join("o.h5")).unwrap(), "the bytes differ");
        let Some(seen) = look(&dir.path().join("o.h5")) else { return };
        let want = format!(
            "a (2, 3) [('lat', '/lat'), ('lon', '/lon')] K\n\
             b (2, 3) [('lat', '/lat'), ('lon', '/lon')] None\n\
             lat scale (2,) [10.5, 20.5] lat [('/a', 0), ('/b', 0)] 0 degrees_north\n\
             lon scale (3,) [0.0, 0.0, 0.0] {NONE}{:11} [('/a', 1), ('/b', 1)] 1 None\nT\n",
            3
        );
        assert_eq!(seen, want, "{layout}");
    }
}

#[test]
fn a_stack_and_a_shape_have_more_axes() {
    let dir = grids();
    let args = "--dtype f4 -o o.h5 --force --dims t,y,x --coords x=5:0.5 --coords t=0:1:1";
    for (how, shape) in [("--stack s", "(2, 2, 3)"), ("--concat s --shape 2,2,3", "(2, 2, 3)")] {
        made(dir.path(), &format!("a.txt b.txt {args} {how}"));
        let Some(seen) = look(&dir.path().join("o.h5")) else { return };
        let line = format!("s {shape} [('t', '/t'), ('y', '/y'), ('x', '/x')] None\n");
        assert!(seen.starts_with(&line), "{seen}");
        assert!(seen.contains("x scale (3,) [5.0, 5.5, 6.0] x [('/s', 2)]"), "{seen}");
    }
}

#[test]
fn what_does_not_fit_is_refused_and_nothing_is_left() {
    let dir = grids();
    let with = |rest: &str| format!("a.txt -o no.h5 --dtype f4 {rest}");
    refused(dir.path(), &with("--dims x"), "has 2 axes, and 1 dimension is");
    refused(dir.path(), &with("--dims a,x"), "'a'");
    refused(dir.path(), &with("--dims x,x"), "'x' has 2 elements, and 3");
    refused(
        dir.path(),
        &with("--dims y,x --coords x=lat.txt"),
        "2 coordinates, which are not as many as its 3",
    );
    refused(dir.path(), &with("--dims y,x --coords z=0:1"), "--dims does not name it");
    refused(dir.path(), &with("--attr z@units=K"), "'z'");
    refused(dir.path(), &with("--units z=K"), "'z'");
}

#[test]
fn records_have_rows_and_units() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("r.csv"), "1,2.5\n3,4.5\n").unwrap();
    let dtype = "[('n','<i4'),('v','<f8')]";
    let args =
        format!("r.csv -o o.h5 --force --delimiter , --dtype {dtype} --dims row --units v=m/s");
    made(dir.path(), &args);
    let Some(seen) = look(&dir.path().join("o.h5")) else { return };
    assert!(seen.starts_with("r (2,) [('row', '/row')] None\nrow scale (2,)"), "{seen}");
    made(dir.path(), &format!("{args} --layout columns"));
    let seen = look(&dir.path().join("o.h5")).unwrap();
    assert!(seen.contains("r/v (2,) [('row', '/r/row')] m/s\n"), "{seen}");
}

/// The first line cannot be read: who says something else has not tried.
#[test]
fn what_cannot_fit_is_refused_before_anything_is_parsed() {
    let dir = grids();
    fs::write(dir.path().join("bad.txt"), "x y z\n1 2 3\n").unwrap();
    let with = |rest: &str| format!("bad.txt -o no.h5 {rest}");
    let table = |rest: &str| with(&format!("--dtype f4 {rest}"));
    refused(dir.path(), &table("--skiprows 0"), "bad.txt:1");
    refused(dir.path(), &table("--dims x"), "has 2 axes, and 1 dimension is");
    refused(dir.path(), &table("--dims a,b,c --stack s --coords a=0:5:1"), "6 coordinates");
    refused(dir.path(), &table("--dims a,b --stack s"), "has 3 axes");
    refused(dir.path(), &table("--shape -1,4 --dims a,b --coords b=lat.txt"), "its 4 elements");
    refused(dir.path(), &table("--shape 3,4 --dims a,a"), "'a' has 3 elements, and 4");
    refused(dir.path(), &table("--dims a,b --coords a=0:1:0.3"), "do not come to their end");
    refused(dir.path(), &table("--dims a,bad"), "exists already");
    refused(dir.path(), &table("--attr z@units=K"), "'z'");
    refused(dir.path(), &table("--chunks 1,2,3"), "2 axes, and the shape of its chunks 3");
    refused(dir.path(), &table("--stack s --chunks 2,2,3"), "first extent must be 1");
    refused(dir.path(), &table("--units v=K"), "no column 'v'");
    let dtype = "[('n','<i4'),('t','S3')]";
    let record = |rest: &str| with(&format!("--dtype {dtype} {rest}"));
    refused(dir.path(), &record("--units v=K"), "no column 'v'");
    refused(dir.path(), &record("--dims a,b"), "has 1 axis, and 2 dimensions are");
    refused(dir.path(), &record("--category n"), "'n' cannot hold labels");
    refused(dir.path(), &record("--category v --compress gzip"), "'v' cannot hold labels");
    refused(dir.path(), &record("--chunks 2,2"), "1 axis, and the shape of its chunks 2");
    refused(dir.path(), &record("--layout columns --dims t"), "exists already");
    refused(dir.path(), &record("--layout columns --attr bad/v@k=1"), "'bad/v'");
}

/// What only rows can tell is said as soon as they do: the line behind cannot be read.
#[test]
fn what_turns_out_not_to_fit_is_refused_at_once() {
    let dir = grids();
    let lines = "1 2 3\n".repeat(200_000);
    fs::write(dir.path().join("long.txt"), format!("{lines}x\n")).unwrap();
    fs::write(dir.path().join("c.txt"), "1 2 3\n").unwrap();
    let with = |rest: &str| format!("long.txt -o no.h5 --dtype f4 --workers 1 {rest}");
    refused(dir.path(), &with("--skip-footer 0"), "long.txt:200001");
    refused(dir.path(), &with("--dims y,x --coords x=lat.txt"), "not as many as its 3");
    refused(dir.path(), &with("--dims y,x --coords y=lat.txt"), "2 coordinates, which");
    refused(dir.path(), &with("--shape 10,3"), "do not fill the shape (10, 3)");
    let two = "a.txt c.txt long.txt -o no.h5 --dtype f4 --dims y,x";
    refused(dir.path(), two, "'y' has 2 elements, and 1 in dataset 'c'");
}

/// The axes that a guess has are those of the text only if the guess was right.
#[test]
fn a_guess_is_no_reason_to_refuse() {
    let dir = tempfile::tempdir().unwrap();
    let mut text = "1 2\n".repeat(300_000);
    text.push_str("1 z\n");
    text.push_str(&"1 2\n".repeat(300_000));
    fs::write(dir.path().join("g.txt"), &text).unwrap();
    made(dir.path(), "g.txt -o g.h5 --dims row --category f1 --compress gzip:1");
    refused(dir.path(), "g.txt -o no.h5 --dims row,column", "has 1 axis, and 2 dimensions are");
}

#[test]
fn scales_that_are_there_are_used_again() {
    let dir = grids();
    fs::write(dir.path().join("bad.txt"), "x y z\n").unwrap();
    for layout in ["", " --compress gzip"] {
        let args = format!("-o o.h5 --dtype f4 --dims lat,lon{layout}");
        made(dir.path(), &format!("a.txt {args} --coords lat=lat.txt --force"));
        made(dir.path(), &format!("b.txt {args} --coords lat=lat.txt --append"));
        made(dir.path(), &format!("a.txt {args} --concat c --coords lat=10.5:10 --append"));
        made(dir.path(), &format!("a.txt {args} --concat d --append"));
        made(
            dir.path(),
            &format!("a.txt -o o.h5 --dtype f4 --dims z,lon --concat e --append{layout}"),
        );
        let before = fs::read(dir.path().join("o.h5")).unwrap();
        let all = format!("bad.txt {args} --concat n --append");
        refused(dir.path(), &format!("{all} --coords lat=1:2"), "with other coordinates");
        refused(dir.path(), &format!("{all} --coords lon=1:2"), "with other coordinates");
        refused(dir.path(), &format!("{all} --shape 3,3"), "'lat' has 2 elements, and 3");
        refused(dir.path(), &all.replace("lat,lon", "lat,a"), "exists already");
        assert!(fs::read(dir.path().join("o.h5")).unwrap() == before, "the file was changed");
        let Some(seen) = look(&dir.path().join("o.h5")) else { return };
        let of = |axis| ["a", "b", "c", "d"].map(|set| format!("('/{set}', {axis})")).join(", ");
        let lat = format!("lat scale (2,) [10.5, 20.5] lat [{}] 0 None\n", of(0));
        let lon = format!("[{}, ('/e', 1)] 1 None\n", of(1));
        assert!(seen.contains(&lat) && seen.contains(&lon), "{seen}");
        assert!(seen.contains("('/e', 0)] 2 None\n"), "numbers go on: {seen}");
        assert!(seen.contains("e (2, 3) [('z', '/z'), ('lon', '/lon')] None\n"), "{seen}");
    }
}

/// What xarray calls an unlimited dimension.
#[test]
fn the_scale_of_an_axis_that_may_grow_may_grow() {
    const LIMITS: &str = r"
import sys, h5py
with h5py.File(sys.argv[1]) as f:
    print({k: (d.shape, d.maxshape) for k, d in f.items()}, f['t'][()].tolist())
";
    let dir = grids();
    let Some(python) = std::env::var_os("NDSHM_PYTHON") else {
        skip::skipped("files read by h5py", "NDSHM_PYTHON names no Python with NumPy and h5py");
        return;
    };
    let args = "--dtype f4 --stack s --dims t,y,x --force -o o.h5";
    for (more, s, t) in [
        ("--chunks 1,2,3 --coords t=5:1", "(None, None, 3)", "(2,), (None,)), 'x': ((3,), (3,)), "),
        ("--chunks 1,2,3", "(None, None, 3)", "(2,), (None,)), 'x': ((3,), (3,)), "),
        ("--coords t=5:1", "(2, 2, 3)", "(2,), (2,)), 'x': ((3,), (3,)), "),
    ] {
        made(dir.path(), &format!("a.txt b.txt {args} {more}"));
        let mut run = Command::new(&python);
        run.args(["-c", LIMITS]).arg(dir.path().join("o.h5"));
        let seen = String::from_utf8(run.output().unwrap().stdout).unwrap();
        let values = if more.contains("coords") { "[5.0, 6.0]" } else { "[0.0, 0.0]" };
        let want = format!("{{'s': ((2, 2, 3), {s}), 't': ({t}'y': ((2,), (2,))}} {values}\n");
        assert_eq!(seen, want, "{more}");
    }
}

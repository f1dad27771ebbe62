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
    refused(dir.path(), &with("--dims x"), "has 2 axes, and 1 dimensions");
    refused(dir.path(), &with("--dims a,x"), "'a'");
    refused(dir.path(), &with("--dims x,x"), "'x' has 2 elements, and 3");
    refused(dir.path(), &with("--dims y,x --coords x=lat.txt"), "not as many as its 3");
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

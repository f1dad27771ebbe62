//! What nothing can be added to is refused, and left alone.

use std::fs;
use std::os::unix::fs::symlink;

use super::{append, dumped, make_old, script, tables};
use crate::common::{Snapshot, run};

#[test]
fn a_name_that_is_there_is_refused_before_anything_is_parsed() {
    let folder = tables();
    let path = make_old(&folder, "x.h5");
    let before = Snapshot::of(&path);
    folder.write("old.txt", "not a number\n");
    run(&mut append(&folder, "x.h5", &["big.txt", "old.txt"]))
        .refused(&["dataset 'old'", "exists already"]);
    run(&mut append(&folder, "x.h5", &["big.txt", "--concat", "old/x"]))
        .refused(&["dataset 'old/x'", "is no group"]);
    assert!(Snapshot::of(&path) == before);
    assert!(!folder.has_temporary("x.h5"));
}

#[test]
fn links_are_no_place_for_a_dataset() {
    let folder = tables();
    if script(&["make", "."], &folder).is_none() {
        return;
    }
    for name in ["default.h5", "v110.h5"] {
        let before = fs::read(folder.path(name)).unwrap();
        let other = fs::read(folder.path("other.h5")).unwrap();
        let taken =
            ["soft", "dangling", "outside", "again", "again too", "type", "a/b", "again too/c"];
        for path in [&taken[..], &["a/loop/loop/b/c", "a/loop/b/c/x"]].concat() {
            let mut command = append(&folder, name, &["few.txt", "--concat", path]);
            run(&mut command).refused(&[path, "exists already"]);
        }
        for path in ["soft/x", "dangling/x", "outside/x", "plain/x", "type/x", "a/loop/b/c/x/y"] {
            let mut command = append(&folder, name, &["few.txt", "--concat", path]);
            run(&mut command).refused(&[path, "is no group"]);
        }
        assert!(fs::read(folder.path(name)).unwrap() == before);
        assert!(fs::read(folder.path("other.h5")).unwrap() == other);
        for (path, leads) in [
            ("a/b/c/new/x", "a/b/c/new/x"),
            ("again too/c/new/y", "a/b/c/new/y"),
            ("a/loop/loop/z", "a/z"),
        ] {
            run(&mut append(&folder, name, &["few.txt", "--concat", path])).ok();
            let rows = dumped(&folder.path(name), leads).map(|rows| rows.len());
            assert!(rows.is_none_or(|len| len == 24), "{path}");
        }
    }
}

#[test]
fn what_nothing_can_be_added_to_is_refused_and_left_alone() {
    let folder = tables();
    let whole = fs::read(make_old(&folder, "x.h5")).unwrap();
    let mut marked = whole.clone();
    marked[11] |= 1;
    let mut newer = whole.clone();
    newer[8] = 9;
    let cases: [(&[u8], &str); 6] = [
        (b"", "is not an HDF5 file"),
        (b"col1 col2\n1 2\n", "is not an HDF5 file"),
        (&whole[..whole.len() - 5000], "was not closed"),
        (&whole[..30], "of a kind"),
        (&marked, "was not closed"),
        (&newer, "of a kind"),
    ];
    for (bytes, words) in cases {
        let path = folder.write("bad.h5", bytes);
        let before = Snapshot::of(&path);
        run(&mut append(&folder, "bad.h5", &["few.txt"])).refused(&["bad.h5: ", words]);
        assert!(Snapshot::of(&path) == before && !folder.has_temporary("bad.h5"), "{words}");
    }
    fs::create_dir(folder.path("dir")).unwrap();
    symlink("nowhere", folder.path("dangling")).unwrap();
    run(&mut append(&folder, "dir", &["few.txt"])).refused(&["directory"]);
    run(&mut append(&folder, "dangling", &["few.txt"])).refused(&["link to nothing"]);
    run(&mut append(&folder, "/dev/null", &["few.txt"])).refused(&["not a regular file"]);
    fs::copy(folder.path("x.h5"), folder.path("y.h5")).unwrap();
    let as_input = run(&mut append(&folder, "y.h5", &["y.h5"]));
    as_input.refused(&["the output is one of the inputs"]);
}

/// A file that somebody has broken between its ends: an error or a good file, never a crash.
#[test]
fn broken_metadata_is_an_error() {
    let folder = tables();
    let whole = fs::read(make_old(&folder, "x.h5")).unwrap();
    let (mut good, mut bad) = (0, 0);
    for at in (16..4096).step_by(61) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0xff;
        let path = folder.write("bad.h5", &bytes);
        let ran = run(&mut append(&folder, "bad.h5", &["few.txt"]));
        if ran.status.success() {
            good += 1;
        } else {
            bad += 1;
            ran.refused(&[]);
            assert!(fs::read(&path).unwrap() == bytes, "{at}");
        }
        assert!(!folder.has_temporary("bad.h5"), "{at}");
    }
    assert!(good > 5 && bad > 2, "{good} {bad}");
}

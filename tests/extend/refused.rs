//! What cannot grow is refused, and left alone.

use std::fs;

use super::{DTYPE, add, make_old, script};
use crate::common::{Folder, Snapshot, run};

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

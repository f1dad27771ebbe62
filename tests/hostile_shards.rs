//! What `ndshm verify`, `join` and `import` make of shards that are not what they seem: none
//! of it hangs, crashes or is taken for whole.

#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, reason = "helpers of tests, too")]

mod common;

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use common::{Folder, NOBODY, Ran, SegmentName, is_root, ndshm, python, run};

/// Two shards `a.h5` and `b.h5` of five rows, joined to `all.h5`.
fn joined(folder: &Folder) {
    folder.write("in.txt", "1\n2\n3\n4\n5\n");
    let at = |mut command: Command| drop(run(command.arg("-q").current_dir(folder.root())).ok());
    for shard in ["a.h5", "b.h5"] {
        at(ndshm(["convert", "in.txt", "-t", "f8", "--concat", "data", "-o", shard]));
    }
    at(ndshm(["join", "a.h5", "b.h5", "-o", "all.h5", "--checksum"]));
}

fn at(folder: &Folder, args: &[&str]) -> Ran {
    run(ndshm(args).current_dir(folder.root()))
}

/// Nothing takes the joined file for whole.
#[track_caller]
fn is_seen_by_all(folder: &Folder, words: &str) {
    let ran = at(folder, &["verify", "all.h5"]);
    assert_eq!((ran.status.code(), ran.stderr.as_str()), (Some(1), ""), "{ran:?}");
    assert!(ran.stdout.contains(words), "{words}: {ran:?}");
    assert!(!folder.path("one.h5").exists());
    for args in [
        &["join", "all.h5", "-o", "one.h5", "--materialize"][..],
        &["join", "a.h5", "b.h5", "-o", "one.h5"],
        &["join", "a.h5", "b.h5", "-o", "one.h5", "--materialize"],
    ] {
        at(folder, args).refused(&["b.h5"]);
        assert!(!folder.path("one.h5").exists() && !folder.has_temporary("one.h5"), "{args:?}");
    }
    is_not_imported(folder, "all.h5", &[]);
}

#[track_caller]
fn is_not_imported(folder: &Folder, file: &str, words: &[&str]) {
    let name = SegmentName::new("hostile");
    at(folder, &["import", file, "--name", name.as_str()]).refused(words);
    assert!(!name.has_left_something());
}

#[test]
fn something_else_in_the_place_of_a_shard_is_seen() {
    let folder = Folder::new();
    joined(&folder);
    let shard = folder.path("b.h5");
    let whole = fs::read(&shard).unwrap();
    fs::remove_file(&shard).unwrap();
    is_seen_by_all(&folder, "b.h5: is missing");
    run(Command::new("mkfifo").arg(&shard)).ok();
    is_seen_by_all(&folder, "b.h5: is no regular file");
    fs::remove_file(&shard).unwrap();
    fs::create_dir(&shard).unwrap();
    is_seen_by_all(&folder, "b.h5: is no regular file");
    fs::remove_dir(&shard).unwrap();
    for device in ["/dev/zero", "/dev/null"] {
        symlink(device, &shard).unwrap();
        is_seen_by_all(&folder, "b.h5: is no regular file");
        fs::remove_file(&shard).unwrap();
    }
    symlink("b.h5", &shard).unwrap();
    is_seen_by_all(&folder, "b.h5");
    fs::remove_file(&shard).unwrap();
    symlink("nowhere.h5", &shard).unwrap();
    is_seen_by_all(&folder, "b.h5: is missing");
    fs::remove_file(&shard).unwrap();
    fs::write(&shard, &whole[..whole.len() - 8]).unwrap();
    is_seen_by_all(&folder, "b.h5: is truncated");
    fs::write(&shard, "a,b\n").unwrap();
    is_seen_by_all(&folder, "b.h5: is no HDF5 file");
    fs::write(&shard, "").unwrap();
    is_seen_by_all(&folder, "b.h5: is no HDF5 file");
    // A link to the shard itself is as good as the shard.
    fs::write(folder.path("elsewhere.h5"), &whole).unwrap();
    fs::remove_file(&shard).unwrap();
    symlink("elsewhere.h5", &shard).unwrap();
    at(&folder, &["verify", "all.h5"]).ok();
    at(&folder, &["join", "all.h5", "-o", "one.h5", "--materialize", "-q"]).ok();
}

/// Files that are given themselves, and shards: nobody waits for a writer of a pipe.
#[test]
fn pipes_and_devices_are_refused_at_once() {
    let folder = Folder::new();
    joined(&folder);
    run(Command::new("mkfifo").arg(folder.path("fifo"))).ok();
    for odd in ["fifo", "/dev/zero", "/dev/null", "."] {
        let ran = at(&folder, &["verify", odd]);
        assert_eq!(ran.status.code(), Some(1), "{ran:?}");
        assert!(ran.stdout.contains("is no regular file"), "{ran:?}");
        at(&folder, &["join", "a.h5", odd, "-o", "x.h5"]).refused(&["is no regular file"]);
        at(&folder, &["join", odd, "-o", "x.h5", "--materialize"]).refused(&["is no regular file"]);
        is_not_imported(&folder, odd, &[]);
    }
    assert!(!folder.path("x.h5").exists());
}

#[test]
fn a_shard_that_nobody_may_read_is_seen() {
    let folder = Folder::open_to_all();
    joined(&folder);
    fs::set_permissions(folder.path("b.h5"), fs::Permissions::from_mode(0o000)).unwrap();
    let as_nobody = |args: &[&str]| {
        let mut command = ndshm(args);
        if is_root() {
            command.uid(NOBODY);
        }
        command.current_dir(folder.root());
        command.output().ok().map(|_| run(&mut command))
    };
    let Some(ran) = as_nobody(&["verify", "all.h5"]) else {
        return common::skipped("files of another user", "the command cannot be run as one here");
    };
    assert_eq!(ran.status.code(), Some(1), "{ran:?}");
    assert!(ran.stdout.contains("b.h5: ") && ran.stdout.contains("ermission denied"), "{ran:?}");
    let name = SegmentName::new("hostile");
    let imported = as_nobody(&["import", "all.h5", "--name", name.as_str()]).unwrap();
    imported.refused(&["b.h5", "ermission denied"]);
}

#[track_caller]
fn made(folder: &Folder, script: &str) -> bool {
    let Some(mut python) = python() else { return false };
    let head = "import h5py, numpy as np\nH = h5py.File\n";
    let ran = run(python.args(["-c", &format!("{head}{script}")]).current_dir(folder.root()));
    assert!(ran.status.success(), "{ran:?}");
    true
}

/// HDF5 would follow them until the stack is full.
#[test]
fn virtual_datasets_that_are_made_of_one_another_are_refused() {
    let folder = Folder::new();
    joined(&folder);
    // b.h5 becomes a virtual dataset of the file that is joined of it.
    let script = "
def loop(name, of, rows):
    with H(name, 'w', libver=('v108', 'latest')) as f:
        layout = h5py.VirtualLayout((rows,), '<f8')
        layout[:] = h5py.VirtualSource(of, 'data', (rows,))
        f.create_virtual_dataset('data', layout)
loop('b.h5', 'all.h5', 5)
loop('self.h5', 'self.h5', 4)
loop('one.h5', 'two.h5', 4)
loop('two.h5', 'one.h5', 4)
for i in range(20):
    loop(f'deep{i}.h5', f'deep{i + 1}.h5', 4)
H('deep20.h5', 'w')['data'] = np.arange(4.0)
";
    if !made(&folder, script) {
        return;
    }
    let ran = at(&folder, &["verify", "all.h5"]);
    assert_eq!(ran.status.code(), Some(1), "{ran:?}");
    for file in ["all.h5", "self.h5", "one.h5", "deep0.h5"] {
        is_not_imported(&folder, file, &["is virtual, and made of itself, or of too many others"]);
    }
    let name = SegmentName::new("hostile");
    at(&folder, &["import", "deep10.h5", "--name", name.as_str(), "-q"]).ok();
    // What they are joined and copied to is refused, or made; it ends.
    for options in [&["-f"][..], &["-f", "--materialize"]] {
        for files in [&["a.h5", "b.h5"][..], &["self.h5", "one.h5"], &["all.h5"]] {
            let ran = at(&folder, &[&["join", "-q", "-o", "x.h5"], files, options].concat());
            assert!(matches!(ran.status.code(), Some(0 | 1)), "{files:?} {options:?}: {ran:?}");
            if ran.status.success() && folder.path("x.h5").exists() {
                let verified = at(&folder, &["verify", "x.h5"]);
                assert!(matches!(verified.status.code(), Some(0 | 1)), "{verified:?}");
                fs::remove_file(folder.path("x.h5")).unwrap();
            }
        }
    }
}

/// Virtual datasets of others, which have no notes: what is missing is no zeros.
#[test]
fn a_virtual_dataset_of_another_program_is_read_whole_or_not_at_all() {
    let folder = Folder::new();
    fs::create_dir(folder.path("sub")).unwrap();
    let script = "
for i in range(3):
    H(f'sub/p{i}.h5', 'w')['g/x'] = np.arange(4.0) + 10 * i
with H('v.h5', 'w') as f:
    layout = h5py.VirtualLayout((3, 4), '<f8', )
    for i in range(3):
        layout[i] = h5py.VirtualSource(f'sub/p{i}.h5', 'g/x', (4,))
    f.create_virtual_dataset('v', layout, fillvalue=-1)
    own = h5py.VirtualLayout((4,), '<f8')
    f['own'] = np.arange(4.0)
    own[:] = h5py.VirtualSource('.', 'own', (4,))
    f.create_virtual_dataset('of-own', own)
";
    if !made(&folder, script) {
        return;
    }
    let name = SegmentName::new("hostile");
    for dataset in ["v", "of-own"] {
        let file = format!("v.h5:/{dataset}");
        at(&folder, &["import", &file, "--name", name.as_str(), "-q"]).ok();
        at(&folder, &["rm", name.as_str()]).ok();
    }
    fs::rename(folder.path("sub/p1.h5"), folder.path("sub/gone.h5")).unwrap();
    is_not_imported(&folder, "v.h5:/v", &["v.h5: dataset '/v'", "'sub/p1.h5', which is missing"]);
    fs::write(folder.path("sub/p1.h5"), "text").unwrap();
    is_not_imported(&folder, "v.h5:/v", &["p1.h5", "is not an HDF5 file"]);
    fs::copy(folder.path("sub/gone.h5"), folder.path("sub/p1.h5")).unwrap();
    made(&folder, "del H('sub/p1.h5', 'a')['g/x']");
    is_not_imported(&folder, "v.h5:/v", &["p1.h5: dataset 'g/x'", "no such dataset"]);
    assert!(Path::new(&folder.path("v.h5")).exists());
}

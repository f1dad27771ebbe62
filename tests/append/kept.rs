//! What is there stays, and what is added lies beside it.

use core::time::Duration;
use std::fs;
use std::io::Cursor;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

use ndshm::convert::{Arrange, Job, Options};
use ndshm::dtype_buf::DTypeBuf;
use ndshm::hdf5::{self, Error, check_target};
use ndshm::load::Input;

use super::{append, dumped, make_old, script, tables};
use crate::common::{Folder, NOBODY, h5dump, is_root, joined, ndshm, run};

#[test]
fn files_of_every_kind_keep_what_they_have() {
    let folder = tables();
    let Some(kinds) = script(&["make", "."], &folder) else { return };
    for kind in kinds.lines() {
        let (old, new) = (format!("{kind}.h5"), "new.h5");
        fs::copy(folder.path(&old), folder.path(new)).unwrap();
        let ran = run(&mut append(&folder, new, &["big.txt", "few.txt"])).ok();
        assert!(ran.stdout.contains("40,003 rows in 2 datasets"), "{kind}: {ran:?}");
        if kind != "latest" && kind != "userblock_latest" {
            h5dump(&["-H"], &folder.path(new));
        }
        script(&["check", &old, new, "big=big.txt", "few=few.txt"], &folder);
    }
}

#[test]
fn the_same_rows_added_to_the_same_file_make_the_same_bytes() {
    let folder = tables();
    make_old(&folder, "own.h5");
    let add = |kind: &str, workers: &str, piece: &str| {
        fs::copy(folder.path(&format!("{kind}.h5")), folder.path("new.h5")).unwrap();
        let mut command = append(&folder, "new.h5", &["big.txt", "few.txt", "-j", workers]);
        run(command.env("NDSHM_PIECE_BYTES", piece)).ok();
        fs::read(folder.path("new.h5")).unwrap()
    };
    let once = add("own", "1", "100000");
    std::thread::sleep(Duration::from_millis(1100));
    assert!(add("own", "3", "5000") == once);
    let Some(kinds) = script(&["make", "."], &folder) else { return };
    for kind in kinds.lines() {
        // Where groups keep the time of their last change, HDF5 notes the second.
        let same = || add(kind, "3", "5000") == add(kind, "1", "100000");
        assert!((0..5).any(|_| same()), "{kind}");
    }
}

#[test]
fn packed_chunks_can_be_added_as_well() {
    let folder = tables();
    let Some(kinds) = script(&["make", "."], &folder) else { return };
    for kind in kinds.lines() {
        for how in [&["--compress", "gzip"][..], &["--layout", "chunked"]] {
            fs::copy(folder.path(&format!("{kind}.h5")), folder.path("new.h5")).unwrap();
            run(append(&folder, "new.h5", &["big.txt", "few.txt"]).args(how)).ok();
            let old = format!("{kind}.h5");
            script(&["check", &old, "new.h5", "big=big.txt", "few=few.txt"], &folder);
        }
    }
}

#[test]
fn a_file_grows_run_by_run() {
    let folder = tables();
    let path = make_old(&folder, "x.h5");
    let first = dumped(&path, "/old");
    let mut all = vec!["old".to_string(), "old few".into()];
    for i in 0..12 {
        let input = format!("g{i}.txt");
        folder.write(&input, joined(i * 700, |j| format!("{j} {i}\n")));
        run(&mut append(&folder, "x.h5", &[&input, "--allow-empty"])).ok();
        all.push(format!("g{i}"));
    }
    assert!(!folder.has_temporary("x.h5"));
    assert_eq!(dumped(&path, "/old"), first);
    for i in 1..12 {
        let want = joined(i * 700, |j| format!("{j} {i}\n"));
        let want: Vec<u8> = want
            .split_whitespace()
            .flat_map(|number| number.parse::<f64>().unwrap().to_le_bytes())
            .collect();
        if let Some(found) = dumped(&path, &format!("/g{i}")) {
            assert!(found == want, "g{i}");
        }
    }
}

#[test]
fn a_file_that_is_not_there_is_made() {
    let folder = tables();
    run(&mut append(&folder, "x.h5", &["few.txt"])).ok();
    run(ndshm(["convert", "-t", "f8", "few.txt", "-o", "y.h5"]).current_dir(folder.root())).ok();
    assert_eq!(fs::read(folder.path("x.h5")).unwrap(), fs::read(folder.path("y.h5")).unwrap());
    let both = run(append(&folder, "x.h5", &["few.txt"]).arg("--force"));
    assert_eq!(both.status.code(), Some(2), "{both:?}");
    let mut options = hdf5::Options::default();
    (options.append, options.force) = (true, true);
    assert!(matches!(check_target(&folder.path("x.h5"), &options), Err(Error::Order(_))));
}

#[test]
fn link_and_permissions_stay() {
    let folder = tables();
    let path = make_old(&folder, "x.h5");
    symlink("x.h5", folder.path("link.h5")).unwrap();
    for mode in [0o600, 0o664, 0o444] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        folder.write(&format!("m{mode}.txt"), "1 2\n");
        run(&mut append(&folder, "link.h5", &[&format!("m{mode}.txt")])).ok();
        assert!(fs::symlink_metadata(folder.path("link.h5")).unwrap().is_symlink());
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, mode);
    }
}

/// As a user who owns the file, which is not to be written to, and who owns nothing else.
#[test]
fn an_ordinary_user_may_add_where_files_may_be_made() {
    if !is_root() {
        return;
    }
    let folder = Folder::open_to_all();
    folder.write("few.txt", "1\n2\n");
    run(&mut append(&folder, "x.h5", &["few.txt"])).ok();
    let path = folder.path("x.h5");
    let other = || {
        let mut command = append(&folder, "x.h5", &["few.txt", "--concat", "more"]);
        std::os::unix::process::CommandExt::uid(&mut command, NOBODY);
        command
    };
    // Neither the folder nor the file may be written to.
    run(&mut other()).refused(&["x.h5: can't create a file beside it", "Permission denied"]);
    fs::set_permissions(folder.root(), fs::Permissions::from_mode(0o777)).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    run(&mut other()).refused(&["x.h5: can't open it", "Permission denied"]);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    std::os::unix::fs::chown(&path, Some(NOBODY), None).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).unwrap();
    run(&mut other()).ok();
    let data = fs::metadata(&path).unwrap();
    assert_eq!((data.mode() & 0o777, data.uid()), (0o400, NOBODY));
    // And replace it.
    let mut command = ndshm(["convert", "few.txt", "-t", "f8", "-o", "x.h5", "--force"]);
    std::os::unix::process::CommandExt::uid(&mut command, NOBODY);
    run(command.current_dir(folder.root())).ok();
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o400);
    assert_eq!(folder.names(), ["few.txt", "x.h5"]);
}

/// An environment that makes HDF5 lock in spite of everything.
#[test]
fn the_environment_is_no_obstacle() {
    let folder = tables();
    let path = make_old(&folder, "x.h5");
    for (i, (name, value)) in
        [("HDF5_USE_FILE_LOCKING", "TRUE"), ("HDF5_USE_FILE_LOCKING", "FALSE")].iter().enumerate()
    {
        let dataset = format!("d{i}");
        let mut command = append(&folder, "x.h5", &["few.txt", "--concat", &dataset]);
        run(command.env(name, value)).ok();
        assert!(dumped(&path, &dataset).is_none_or(|rows| rows.len() == 24), "{name}");
    }
}

#[test]
fn a_stream_is_added_as_it_comes() {
    let folder = tables();
    let path = make_old(&folder, "x.h5");
    let mut options = Options::default();
    options.hdf5.append = true;
    options.arrange = Arrange::Concat("stream".into());
    let dtype = DTypeBuf::parse("f8").unwrap();
    let input = Input::stream("text", Cursor::new(b"1 2\n3 4\n".to_vec()));
    let job = Job::start([input], &path, dtype.as_dtype(), &options).unwrap();
    assert_eq!(job.finish().unwrap().datasets.len(), 1);
    assert!(dumped(&path, "/stream").is_none_or(|rows| rows.len() == 32));
}

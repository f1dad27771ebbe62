//! Targets and temporary files.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::PathBuf;

use ndshm::dtype_buf::DTypeBuf;
use ndshm::hdf5::{Error, Options, TargetFault, Writer, check_target};

use super::{add, forced, names, simple};

#[test]
fn targets_are_looked_at_before_anything_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    fs::write(at("file"), "old").unwrap();
    fs::create_dir(at("dir")).unwrap();
    symlink("nowhere", at("dangling")).unwrap();
    symlink("file", at("link")).unwrap();
    let cases = [
        (at("file"), TargetFault::Exists),
        (at("link"), TargetFault::Exists),
        (at("dir"), TargetFault::Directory),
        (at("dangling"), TargetFault::Dangling),
        (at("missing/x"), TargetFault::NoDirectory),
        (PathBuf::from("/dev/null"), TargetFault::Special),
        (PathBuf::from(""), TargetFault::Name),
        (PathBuf::from("/"), TargetFault::Directory),
        (PathBuf::from("a\0b"), TargetFault::Name),
    ];
    for (path, fault) in cases {
        let options = if fault == TargetFault::Exists { Options::default() } else { forced() };
        for result in
            [check_target(&path, &options), Writer::create(&path, &options, 0).map(|_| ())]
        {
            match result {
                Err(Error::Target { fault: found, .. }) => assert_eq!(found, fault, "{path:?}"),
                other => panic!("{path:?}: {other:?}"),
            }
        }
    }
    assert_eq!(names(dir.path()), ["dangling", "dir", "file", "link"]);
    assert_eq!(fs::read(at("file")).unwrap(), b"old");
}

#[test]
fn force_replaces_at_the_end_and_keeps_link_and_mode() {
    let dir = tempfile::tempdir().unwrap();
    let (file, link) = (dir.path().join("file"), dir.path().join("link"));
    fs::write(&file, "old").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    symlink("file", &link).unwrap();
    let dtype = DTypeBuf::parse("<f8").unwrap();
    let mut writer = Writer::create(&link, &forced(), 0).unwrap();
    add(&mut writer, "x", &dtype, &[0; 800], &[100]);
    assert_eq!(fs::read(&file).unwrap(), b"old");
    writer.close().unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(fs::metadata(&file).unwrap().mode() & 0o777, 0o600);
    assert!(fs::read(&file).unwrap().starts_with(b"\x89HDF"));
    assert_eq!(names(dir.path()), ["file", "link"]);
}

#[test]
fn a_target_that_appears_meanwhile_is_not_harmed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x");
    let writer = Writer::create(&path, &Options::default(), 0).unwrap();
    fs::write(&path, "mine").unwrap();
    let refused = writer.close();
    assert!(
        matches!(refused, Err(Error::Target { fault: TargetFault::Exists, .. })),
        "{refused:?}"
    );
    assert_eq!(fs::read(&path).unwrap(), b"mine");
    assert_eq!(names(dir.path()), ["x"]);
}

#[test]
fn a_removed_temporary_file_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let writer = Writer::create(&dir.path().join("x"), &Options::default(), 0).unwrap();
    fs::remove_file(dir.path().join(&names(dir.path())[0])).unwrap();
    assert!(matches!(writer.close(), Err(Error::Swept { .. })));
    assert!(names(dir.path()).is_empty());
}

#[test]
fn long_target_names_work_and_are_swept() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["ä".repeat(120), "x".repeat(255), "y".repeat(228)] {
        let path = dir.path().join(&name);
        let writer = Writer::create(&path, &Options::default(), 0).unwrap();
        let temporary = names(dir.path());
        assert!(temporary.len() == 1 && temporary[0].ends_with(".ndshm-tmp"));
        assert!(temporary[0].len() <= 255);
        drop(writer);
        fs::write(dir.path().join(&temporary[0]), "dead").unwrap();
        let writer = Writer::create(&path, &Options::default(), 0).unwrap();
        assert!(!names(dir.path()).contains(&temporary[0]), "{name} was not swept");
        writer.close().unwrap();
        assert_eq!(names(dir.path()), [name.as_str()]);
        fs::remove_file(path).unwrap();
    }
}

#[test]
fn only_dead_files_of_this_target_are_swept() {
    let dir = tempfile::tempdir().unwrap();
    let random = "0123456789abcdef";
    let others = [
        format!(".a.h5.{random}.ndshm-tmp.bak"),
        format!(".a.h5.{random}0.ndshm-tmp"),
        format!(".a.h5.b.{random}.ndshm-tmp"),
        format!(".b.a.h5.{random}.ndshm-tmp"),
        ".a.h5.0123456789abcdeg.ndshm-tmp".into(),
        format!("a.h5.{random}.ndshm-tmp"),
    ];
    for name in &others {
        fs::write(dir.path().join(name), "mine").unwrap();
    }
    let dead = dir.path().join(format!(".a.h5.{random}.ndshm-tmp"));
    let odd = dir.path().join(".a.h5.ffffffffffffffff.ndshm-tmp");
    fs::write(&dead, "dead").unwrap();
    symlink("a.h5", &odd).unwrap();
    simple(&dir.path().join("a.h5"), &Options::default(), 10).unwrap();
    assert!(!dead.exists() && fs::symlink_metadata(odd).is_ok());
    for name in &others {
        assert!(dir.path().join(name).exists(), "{name} was swept");
    }
}

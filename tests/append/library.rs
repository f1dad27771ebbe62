//! The writer of the library.

use std::fs;

use ndshm::dtype_buf::DTypeBuf;
use ndshm::hdf5::{self, AppendFault, AttrValue, Error, TargetFault, Writer};

use super::{dumped, make_old, script};
use crate::common::{Folder, Snapshot};

/// The writer itself, as a Rust program calls it.
mod writer {
    use super::*;

    fn add(writer: &mut Writer, name: &str, rows: &[u8]) -> u64 {
        let dtype = DTypeBuf::parse("u1").unwrap();
        let at = writer.begin_dataset().unwrap();
        // SAFETY: a live slice.
        #[allow(unsafe_code)]
        unsafe { writer.append(rows.as_ptr(), rows.len()) }.unwrap();
        let attrs = [("n", AttrValue::Int(7))];
        writer.finish_dataset(name, dtype.as_dtype(), &[rows.len() as u64], &attrs).unwrap();
        at
    }

    fn rows(len: usize, seed: u8) -> Vec<u8> {
        (0..len).map(|i| (i % 251) as u8 ^ seed).collect()
    }

    #[test]
    fn rows_lie_where_they_were_written() {
        let folder = Folder::new();
        make_old(&folder, "own.h5");
        let mut kinds = vec!["own".to_string()];
        if let Some(made) = script(&["make", "."], &folder) {
            // Those that know where they have room may use it.
            let usual = |kind: &&str| !matches!(*kind, "paged" | "persist");
            kinds.extend(made.lines().filter(usual).map(Into::into));
        }
        for kind in kinds {
            let path = folder.path(&format!("{kind}.h5"));
            let mut writer = Writer::add_to(&path, &hdf5::Options::default(), 4000).unwrap();
            let all = [rows(300_000, 1), rows(70_000, 2), rows(100, 3), rows(90_000, 4)];
            let named = (0..).zip(&all);
            let places: Vec<_> =
                named.map(|(i, rows)| add(&mut writer, &format!("new/d{i}"), rows)).collect();
            let made = writer.close().unwrap();
            assert_eq!(made.datasets, 4, "{kind}");
            let file = fs::read(&path).unwrap();
            assert_eq!(made.bytes, file.len() as u64, "{kind}");
            for (rows, at) in all.iter().zip(places) {
                let place = file.get(at as usize..at as usize + rows.len());
                assert!(rows.len() < 65_536 || place == Some(rows), "{kind}: rows were moved");
            }
        }
    }

    #[test]
    fn what_is_dropped_leaves_the_file_as_it_was() {
        let folder = Folder::new();
        let path = make_old(&folder, "x.h5");
        let before = Snapshot::of(&path);
        let mut writer = Writer::add_to(&path, &hdf5::Options::default(), 0).unwrap();
        add(&mut writer, "x", &rows(500_000, 0));
        assert!(Snapshot::of(&path) == before);
        drop(writer);
        let mut writer = Writer::add_to(&path, &hdf5::Options::default(), 0).unwrap();
        let dtype = DTypeBuf::parse("u1").unwrap();
        writer.begin_dataset().unwrap();
        let taken = writer.finish_dataset("old", dtype.as_dtype(), &[0], &[]);
        assert!(matches!(taken, Err(Error::Dataset { .. })), "{taken:?}");
        // It goes on after that.
        add(&mut writer, "x", &rows(500_000, 0));
        writer.close().unwrap();
        assert_eq!(folder.names(), ["x.h5"]);
    }

    #[test]
    fn two_writers_of_one_program_do_not_harm_each_other() {
        let folder = Folder::new();
        let path = make_old(&folder, "x.h5");
        let open = || Writer::add_to(&path, &hdf5::Options::default(), 0).unwrap();
        let (mut first, mut second) = (open(), open());
        add(&mut first, "first", &rows(500_000, 1));
        add(&mut second, "second", &rows(500_000, 2));
        first.close().unwrap();
        let refused = second.close().unwrap_err();
        assert!(
            matches!(refused, Error::Append { fault: AppendFault::Changed, .. }),
            "{refused:?}"
        );
        assert!(dumped(&path, "/first").is_none_or(|found| found == rows(500_000, 1)));
        assert_eq!(folder.names(), ["x.h5"]);
    }

    /// A file that appears while its maker is at work is not added to unseen.
    #[test]
    fn a_file_that_was_not_there_at_the_beginning_is_not_harmed() {
        let folder = Folder::new();
        let path = folder.path("x.h5");
        let mut writer = Writer::add_to(&path, &hdf5::Options::default(), 0).unwrap();
        add(&mut writer, "x", &rows(10, 0));
        fs::write(&path, "mine").unwrap();
        let refused = writer.close().unwrap_err();
        assert!(matches!(refused, Error::Target { fault: TargetFault::Exists, .. }), "{refused:?}");
        assert_eq!(fs::read(&path).unwrap(), b"mine");
    }
}

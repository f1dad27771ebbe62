//! `ndshm import`, `ndshm export`, and the jobs behind them. h5py and NumPy say what is
//! right: `exchange/run.py`, by the Python that `NDSHM_PYTHON` names; without it these tests
//! say so and pass.
#![cfg(feature = "cli")]
#![allow(unsafe_code, clippy::unwrap_used)]

#[path = "common/case.rs"]
mod case;
#[path = "common/skip.rs"]
mod skip;

use core::sync::atomic::AtomicBool;
use core::time::Duration;
use std::fs;

use case::run_case;
use ndshm::dtype_buf::DTypeBuf;
use ndshm::error::code;
use ndshm::exchange::{
    ExchangeError, ExportJob, ExportOptions, FileFault, Format, ImportJob, export, import,
    split_path,
};
use ndshm::hdf5::{Codec, Layout, Reader};
use ndshm::load::SegmentOptions;
use ndshm::segment::{Access, Draft, Name, Segment, Spec, glance, unlink};

/// Runs one case of the script.
#[track_caller]
fn python(case: &str) {
    run_case("run.py", "x", case);
}

#[test]
fn npy_files_become_segments() {
    python("npy_in");
}

#[test]
fn damaged_npy_files_are_refused() {
    python("npy_damaged");
}

#[test]
fn datasets_become_segments() {
    python("h5_in");
}

#[test]
fn datasets_of_every_layout_become_segments() {
    python("h5_layouts");
}

#[test]
fn types_of_others_are_understood_or_refused() {
    python("h5_types");
}

#[test]
fn strings_of_any_length_become_such_of_one() {
    python("h5_texts");
}

#[test]
fn groups_of_columns_become_records_again() {
    python("h5_columns");
}

#[test]
fn damaged_hdf5_files_are_refused() {
    python("h5_damaged");
}

#[test]
fn segments_become_datasets_and_come_back() {
    python("h5_out");
}

#[test]
fn segments_become_datasets_of_every_storage() {
    python("h5_storage");
}

#[test]
fn an_export_is_the_file_that_a_conversion_makes() {
    python("h5_as_convert");
}

#[test]
fn datasets_are_described_and_added() {
    python("h5_said");
}

#[test]
fn segments_become_npy_files() {
    python("npy_out");
}

#[test]
fn segments_become_lines_that_read_back() {
    python("csv_out");
}

#[test]
fn targets_are_replaced_only_if_asked_and_never_half() {
    python("targets");
}

#[test]
fn a_kill_leaves_nothing_under_a_name() {
    python("kills");
}

/// A name of this process's own, removed at the end.
struct Own(Name);

impl Own {
    fn new(text: &str) -> Self {
        Self(Name::new(&format!("exchange-{}-{text}", std::process::id())).unwrap())
    }

    fn is_there(&self) -> bool {
        glance(&self.0).is_ok()
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        let _ = unlink(&self.0);
    }
}

fn segment(name: &Own, dtype: &str, shape: &[u64]) -> Segment {
    let dtype = DTypeBuf::parse(dtype).unwrap();
    let mut draft = Draft::create(&name.0, &Spec::new(dtype.as_dtype(), shape)).unwrap();
    draft.data_mut().iter_mut().enumerate().for_each(|(i, byte)| *byte = ((i * i) >> 3) as u8);
    draft.publish().unwrap()
}

fn bytes(segment: &Segment) -> Vec<u8> {
    let mut bytes = vec![0; segment.data_len()];
    segment.copy_to(&mut bytes, 0).unwrap();
    bytes
}

#[test]
fn jobs_go_on_while_they_are_stepped() {
    let dir = tempfile::tempdir().unwrap();
    let (from, to) = (Own::new("from"), Own::new("to"));
    let made = segment(&from, "<u4", &[3_000_000, 2]);
    for file in ["a.h5", "a.npy"] {
        let path = dir.path().join(file);
        let mut job = ExportJob::start(&made, &path, &ExportOptions::default()).unwrap();
        let mut last = 0;
        while !job.step(Duration::ZERO).unwrap().done {
            let now = job.progress();
            assert!(now.bytes_done > last && now.bytes_total == 24_000_000);
            last = now.bytes_done;
            assert!(!path.exists());
        }
        let done = job.finish().unwrap();
        assert_eq!(done.bytes, fs::metadata(&path).unwrap().len());
        let mut job = ImportJob::start(&path, None, &to.0, SegmentOptions::default()).unwrap();
        let mut steps = 0;
        while !job.step(Duration::ZERO).unwrap().done {
            steps += 1;
            assert!(Segment::attach(&to.0, Access::Read, None).is_err());
        }
        assert!((3..20).contains(&steps), "{steps}");
        assert_eq!(job.shape().unwrap(), [3_000_000, 2]);
        let back = job.finish().unwrap();
        assert!(bytes(&back) == bytes(&made) && back.dtype() == made.dtype());
        drop(back);
        unlink(&to.0).unwrap();
    }
}

#[test]
fn a_job_with_packers_can_be_polled_and_cancelled() {
    let dir = tempfile::tempdir().unwrap();
    let from = Own::new("packed");
    let made = segment(&from, "<u4", &[2_000_000, 2]);
    let mut options = ExportOptions { workers: Some(2), ..ExportOptions::default() };
    options.storage.layout = Layout::Chunked;
    options.storage.filters.codec = Codec::Gzip(4);
    options.memory = Some(4 << 20);
    let path = dir.path().join("x.h5");
    let mut job = ExportJob::start(&made, &path, &options).unwrap();
    let mut waits = 0;
    loop {
        let before = job.progress();
        let now = job.step(Duration::ZERO).unwrap();
        assert!(!path.exists());
        if now.done {
            break;
        }
        waits += usize::from(now.bytes_done == before.bytes_done);
        let mut watch = [ndshm::sys::Watch::readable(job.raw_fd())];
        ndshm::sys::poll(&mut watch, -1).unwrap();
    }
    assert!(waits > 0);
    job.finish().unwrap();
    let cancel = AtomicBool::new(false);
    let to = Own::new("unpacked");
    let back = import(&path, None, &to.0, SegmentOptions::default(), &cancel).unwrap();
    assert!(bytes(&back) == bytes(&made));
    fs::remove_file(&path).unwrap();
    for cancels in [true, false] {
        let mut job = ExportJob::start(&made, &path, &options).unwrap();
        job.step(Duration::ZERO).unwrap();
        if cancels {
            job.canceller().cancel();
            assert!(matches!(job.finish(), Err(ExchangeError::Cancelled)));
        } else {
            drop(job);
        }
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}

#[test]
fn a_job_that_is_cancelled_or_dropped_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (from, to) = (Own::new("cancel"), Own::new("cancelled"));
    let made = segment(&from, "<f8", &[2_000_000]);
    export(&made, &dir.path().join("x.npy"), &ExportOptions::default(), &AtomicBool::new(false))
        .unwrap();
    for file in ["a.h5", "a.npy", "a.csv"] {
        for cancels in [true, false] {
            let path = dir.path().join(file);
            let mut job = ExportJob::start(&made, &path, &ExportOptions::default()).unwrap();
            job.step(Duration::ZERO).unwrap();
            if cancels {
                job.canceller().cancel();
                assert!(matches!(job.step(Duration::ZERO), Err(ExchangeError::Cancelled)));
                assert_eq!(job.step(Duration::ZERO).unwrap_err().code(), -1);
                assert!(job.finish().is_err());
            } else {
                drop(job);
            }
            assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "{file}");
        }
    }
    let x = dir.path().join("x.npy");
    for cancels in [true, false] {
        let mut job = ImportJob::start(&x, None, &to.0, SegmentOptions::default()).unwrap();
        job.step(Duration::ZERO).unwrap();
        if cancels {
            job.canceller().cancel();
            assert_eq!(job.finish().unwrap_err().code(), code::CANCELLED);
        } else {
            drop(job);
        }
        assert!(!to.is_there());
    }
    let cancel = AtomicBool::new(true);
    let stopped = import(&x, None, &to.0, SegmentOptions::default(), &cancel);
    assert!(matches!(stopped, Err(ExchangeError::Cancelled)) && !to.is_there());
}

#[test]
fn anonymous_segments_come_from_files_and_go_to_them() {
    let dir = tempfile::tempdir().unwrap();
    let from = Own::new("anon");
    let made = segment(&from, "[('a', '<M8[s]'), ('b', '>f4', (2,))]", &[7]);
    let never = AtomicBool::new(false);
    let (h5, npy) = (dir.path().join("x.h5"), dir.path().join("x.npy"));
    export(&made, &h5, &ExportOptions::default(), &never).unwrap();
    let options =
        SegmentOptions { policy: ndshm::segment::Policy::Anonymous, ..SegmentOptions::default() };
    let back = import(&h5, None, None, &options, &never).unwrap();
    assert!(back.name().is_none() && bytes(&back) == bytes(&made));
    assert_eq!(back.dtype(), made.dtype());
    let named = ExportOptions { format: Some(Format::Hdf5), force: true, ..Default::default() };
    export(&back, &h5, &named, &never).unwrap();
    assert_eq!(Reader::open(&h5).unwrap().datasets().unwrap(), ["data"]);
    export(&back, &npy, &ExportOptions::default(), &never).unwrap();
    assert!(bytes(&import(&npy, None, None, &options, &never).unwrap()) == bytes(&made));
}

/// What is asked for of an export.
type Change = fn(&mut ExportOptions);

#[test]
fn errors_have_codes() {
    let dir = tempfile::tempdir().unwrap();
    let from = Own::new("codes");
    let made = segment(&from, "V3", &[2]);
    let never = AtomicBool::new(false);
    let at = |name: &str| dir.path().join(name);
    let exported = |name: &str| {
        export(&made, &at(name), &ExportOptions::default(), &never).map_err(|error| error.code())
    };
    assert_eq!(exported("x"), Err(-1));
    assert_eq!(exported("x.csv"), Err(code::HDF5_TYPE));
    assert_eq!(exported("none/x.npy"), Err(code::TARGET));
    exported("x.npy").unwrap();
    assert_eq!(exported("x.npy"), Err(code::TARGET_EXISTS));
    let strange: [(&str, Change, &str); 8] = [
        ("y.npy", |of| of.delimiter = Some(';'), "only in CSV"),
        ("y.h5", |of| of.no_header = true, "only in CSV"),
        ("y.csv", |of| of.bool_as_u8 = true, "only in HDF5"),
        ("y.csv", |of| of.workers = Some(2), "only in HDF5"),
        ("y.npy", |of| of.memory = Some(1 << 20), "only in HDF5"),
        ("y.npy", |of| of.dataset = Some("a".into()), "only in HDF5"),
        ("y.csv", |of| of.delimiter = Some('"'), "the delimiter"),
        ("y.csv", |of| of.delimiter = Some('.'), "the delimiter"),
    ];
    for (name, change, said) in strange {
        let mut options = ExportOptions::default();
        change(&mut options);
        let error = export(&made, &at(name), &options, &never).unwrap_err();
        assert!(error.code() == -1 && error.to_string().contains(said), "{name}: {error}");
        assert!(!at(name).exists());
    }
    fs::write(at("text"), "x").unwrap();
    let imported = |name: &str, dataset: Option<&str>| {
        import(&at(name), dataset, &from.0, SegmentOptions::default(), &never).unwrap_err()
    };
    assert_eq!(imported("none", None).code(), code::INPUT);
    assert_eq!(imported("none", None).errno(), 2);
    let unknown = imported("text", None);
    assert!(matches!(&unknown, ExchangeError::File { fault: FileFault::Unknown, .. }));
    assert_eq!(imported("x.npy", None).code(), ndshm::error::Error::Exists.code());
    assert_eq!(imported("x.npy", Some("a")).code(), code::DATASET_NAME);
}

#[test]
fn paths_are_parted_where_a_file_ends() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    for name in ["a.h5", "b:c.h5", "d.h5:/x"] {
        fs::create_dir_all(at(name).parent().unwrap()).unwrap();
        fs::write(at(name), "").unwrap();
    }
    let parted = |name: &str| {
        let (file, dataset) = split_path(&at(name));
        (file.strip_prefix(dir.path()).unwrap().to_str().unwrap().to_string(), dataset)
    };
    let wanted = |file: &str, dataset: Option<&str>| (file.to_string(), dataset.map(String::from));
    assert_eq!(parted("a.h5"), wanted("a.h5", None));
    assert_eq!(parted("a.h5:/g/x"), wanted("a.h5", Some("/g/x")));
    assert_eq!(parted("a.h5:x:y"), wanted("a.h5", Some("x:y")));
    assert_eq!(parted("b:c.h5"), wanted("b:c.h5", None));
    assert_eq!(parted("b:c.h5:z"), wanted("b:c.h5", Some("z")));
    assert_eq!(parted("d.h5:/x"), wanted("d.h5:/x", None));
    assert_eq!(parted("none.h5:/x"), wanted("none.h5:/x", None));
}

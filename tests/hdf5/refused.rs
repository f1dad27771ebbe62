//! What is refused.

use ndshm::dtype_buf::DTypeBuf;
use ndshm::hdf5::{Error, Options, TypeFault, Writer, check_dtype};

use super::{add, names, run_python};

#[test]
fn calls_in_the_wrong_order_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let dtype = DTypeBuf::parse("<i4").unwrap();
    let mut writer = Writer::create(&dir.path().join("a"), &Options::default(), 0).unwrap();
    // SAFETY: nothing is read.
    let early = unsafe { writer.append([].as_ptr(), 0) };
    assert!(matches!(early, Err(Error::Order(_))));
    let early = writer.finish_dataset("x", dtype.as_dtype(), &[0], &[]);
    assert!(matches!(early, Err(Error::Order(_))));
    writer.begin_dataset().unwrap();
    assert!(matches!(writer.close(), Err(Error::Order(_))));
    assert!(names(dir.path()).is_empty());
}

#[test]
fn what_hdf5_cannot_hold_is_refused_before() {
    let options = Options::default();
    for (text, field) in [("S0", ""), ("<U0", ""), ("V0", ""), ("[('a', '<i4'), ('b', 'S0')]", "b")]
    {
        let Ok(dtype) = DTypeBuf::parse(text) else { continue };
        match check_dtype(dtype.as_dtype(), &options) {
            Err(Error::Type { field: found, fault }) => {
                assert_eq!((found.as_str(), fault), (field, TypeFault::ZeroSize));
            }
            other => panic!("{text}: {other:?}"),
        }
    }
    // The numbers that were measured with HDF5 1.10.8 by trial.
    for (kind, most) in [("<f8", 2113), ("<i4", 2849), ("S10", 3448), ("?", 1489)] {
        let columns = |n: usize| {
            let all: Vec<_> = (0..n).map(|i| format!("c{i:07}:{kind}")).collect();
            DTypeBuf::parse(&all.join(",")).unwrap()
        };
        assert!(check_dtype(columns(most).as_dtype(), &options).is_ok(), "{kind}");
        for n in [most + 1, 60_000] {
            match check_dtype(columns(n).as_dtype(), &options) {
                Err(Error::TooWide { columns, fit }) => assert_eq!((columns, fit), (n, most)),
                other => panic!("{kind}: {other:?}"),
            }
        }
    }
}

#[test]
fn as_many_timed_columns_as_fit_can_be_written() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("wide.h5");
    let all: Vec<_> = (0..1500).map(|i| format!("column{i:07}:<M8[ns]")).collect();
    let dtype = DTypeBuf::parse(&all.join(",")).unwrap();
    let bytes = check_dtype(dtype.as_dtype(), &Options::default()).unwrap();
    let mut writer = Writer::create(&path, &Options::default(), bytes).unwrap();
    add(&mut writer, "x", &dtype, &[0; 12_000], &[1]);
    writer.close().unwrap();
    let script = "
import h5py, sys
a = h5py.File(sys.argv[1])['x'].attrs
print(len(a), a['column0001499.units'], len(eval(a['ndshm_dtype'])))";
    if let Some(out) = run_python(script, &[&path]) {
        assert_eq!(out.trim(), "1501 nanoseconds since 1970-01-01T00:00:00 1500");
    }
}

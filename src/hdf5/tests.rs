//! Tests that need a look inside: the missed place, ids, the host's state.

use core::ffi::c_void;
use core::ptr;
use std::format;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::string::String;
use std::vec::Vec;

use hdf5_sys::h5::herr_t;
use hdf5_sys::h5e::{H5E_DEFAULT, H5E_auto2_t, H5Eget_auto2, H5Eset_auto2};
use hdf5_sys::h5i::{H5Iis_valid, hid_t};
use hdf5_sys::{h5f, h5p};

use super::*;
use crate::dtype_buf::DTypeBuf;

fn bytes(n: usize, seed: u8) -> Vec<u8> {
    (0..n).map(|i| (i.wrapping_mul(31) >> 3) as u8 ^ seed).collect()
}

/// Appends pieces of `piece` bytes.
fn append(writer: &mut Writer, rows: &[u8], piece: usize) {
    for part in rows.chunks(piece.max(1)) {
        // SAFETY: a live slice.
        unsafe { writer.append(part.as_ptr(), part.len()) }.unwrap();
    }
}

fn write(writer: &mut Writer, name: &str, rows: &[u8]) -> u64 {
    let dtype = DTypeBuf::parse("<u1").unwrap();
    let at = writer.begin_dataset().unwrap();
    append(writer, rows, 300_000);
    writer.finish_dataset(name, dtype.as_dtype(), &[rows.len() as u64], &[]).unwrap();
    at
}

/// The bytes of a dataset as h5dump reads them; none without h5dump.
fn dump(file: &Path, name: &str) -> Option<Vec<u8>> {
    let out = file.with_extension("bin");
    let done = Command::new("h5dump")
        .args(["-b", "FILE", "-d", name, "-o"])
        .arg(&out)
        .arg(file)
        .output()
        .ok()?;
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    Some(fs::read(&out).unwrap())
}

fn check_dump(file: &Path, name: &str, rows: &[u8]) {
    match dump(file, name) {
        Some(read) => assert!(read == rows, "{name} differs"),
        None => std::println!("h5dump is missing, {name} not read back"),
    }
}

#[test]
fn rows_lie_where_they_were_written() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.h5");
    let mut writer = Writer::create(&path, &Options::default(), 4096).unwrap();
    let sizes = [1 << 20, 3900, 3, 70_000, 0, 10, 65_535, 65_536, 3, 200_000];
    let all: Vec<_> = sizes.iter().enumerate().map(|(i, &n)| bytes(n, i as u8)).collect();
    let places: Vec<_> = all
        .iter()
        .enumerate()
        .map(|(i, rows)| write(&mut writer, &format!("d{i}"), rows))
        .collect();
    let summary = writer.close().unwrap();
    assert_eq!(summary.datasets, sizes.len());
    let file = fs::read(&path).unwrap();
    assert_eq!(summary.bytes, file.len() as u64);
    for ((i, rows), &at) in all.iter().enumerate().zip(&places) {
        if rows.len() >= 65_536 {
            assert!(&file[at as usize..][..rows.len()] == rows, "d{i} was moved");
        }
        check_dump(&path, &format!("d{i}"), rows);
    }
}

#[test]
fn a_missed_place_is_made_good() {
    for (miss, name) in [(4096, "behind"), (3 << 20, "far behind")] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.h5");
        let mut writer = Writer::create(&path, &Options::default(), 4096).unwrap();
        writer.miss = miss;
        let all = [bytes(2_500_000, 1), bytes(1000, 2), bytes(70_000, 3)];
        for (i, rows) in all.iter().enumerate() {
            write(&mut writer, &format!("d{i}"), rows);
        }
        writer.close().unwrap();
        for (i, rows) in all.iter().enumerate() {
            check_dump(&path, &format!("d{i}"), rows);
        }
        let len = fs::metadata(&path).unwrap().len();
        assert!(len < 2_700_000, "{name}: {len} bytes, the old place was not given back");
    }
}

/// A type that fills the metadata block puts the header where rows lie.
#[test]
fn metadata_that_takes_the_place_of_rows_does_no_harm() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.h5");
    let names: Vec<_> = (0..1500).map(|i| format!("column{i}:<i4")).collect();
    let wide = DTypeBuf::parse(&names.join(",")).unwrap();
    let mut writer = Writer::create(&path, &Options::default(), 0).unwrap();
    let all: Vec<_> = (0..4).map(|i| bytes(6000 * (20 + i), i as u8)).collect();
    let mut moved = 0;
    for (i, rows) in all.iter().enumerate() {
        let at = writer.begin_dataset().unwrap();
        append(&mut writer, rows, 6000);
        let shape = [rows.len() as u64 / 6000];
        writer.finish_dataset(&format!("d{i}"), wide.as_dtype(), &shape, &[]).unwrap();
        let next = writer.begin_dataset().unwrap();
        moved += u32::from(next > at + rows.len() as u64 + 4096);
    }
    writer.rows_dropped();
    writer.close().unwrap();
    assert!(moved > 0, "no row was in the way of metadata, so this tests nothing");
    for (i, rows) in all.iter().enumerate() {
        check_dump(&path, &format!("d{i}"), rows);
    }
}

#[test]
fn the_same_calls_make_the_same_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let make = |name: &str, piece: usize, miss: u64| {
        let path = dir.path().join(name);
        let mut writer = Writer::create(&path, &Options::default(), 4096).unwrap();
        writer.miss = miss;
        let dtype = DTypeBuf::parse("t:M8[ns],x:<f8").unwrap();
        for i in 0..20_usize {
            let rows = bytes(16 * i * i * 30, i as u8);
            writer.begin_dataset().unwrap();
            append(&mut writer, &rows, piece);
            let shape = [rows.len() as u64 / 16];
            let attrs = [("source", AttrValue::Str("x.txt")), ("n", AttrValue::Int(7))];
            writer
                .finish_dataset(&format!("g{}/d{i}", i % 3), dtype.as_dtype(), &shape, &attrs)
                .unwrap();
        }
        writer.close().unwrap();
        fs::read(&path).unwrap()
    };
    let first = make("a", 16, 0);
    std::thread::sleep(core::time::Duration::from_millis(1100));
    assert!(first == make("b", 16 << 10, 0), "the pieces show in the file");
    assert!(first == make("c", 1 << 20, 8192), "a missed place shows in the file");
}

/// New ids of the kinds that belong to no file: a type, a space, a list. HDF5 numbers
/// each kind on, so what lies between two of these was given out in between.
fn fresh() -> [hid_t; 3] {
    library::with(|session| {
        let text = types::text(session)?;
        let space = attribute::scalar(session)?;
        // SAFETY: takes no pointers.
        let list = unsafe { h5p::H5Pcreate(*h5p::H5P_CLS_LINK_CREATE) };
        let list = session.own("H5Pcreate", list, h5p::H5Pclose)?;
        Ok([text.raw(), space.raw(), list.raw()])
    })
    .unwrap()
}

/// Ids given out after `before` that are still open.
fn open_since(before: [hid_t; 3]) -> usize {
    let after = fresh();
    // SAFETY: takes no pointers; the caller holds the lock.
    let is_open = |&id: &hid_t| unsafe { H5Iis_valid(id) } > 0;
    let given = before.into_iter().zip(after).flat_map(|(from, to)| from + 1..to);
    given.filter(is_open).count()
}

/// Everything open in files, other tests' files included.
fn open_in_files() -> isize {
    let kinds = h5f::H5F_OBJ_ALL | h5f::H5F_OBJ_LOCAL;
    // SAFETY: takes no pointers; the caller holds the lock.
    unsafe { h5f::H5Fget_obj_count(hid_t::from(h5f::H5F_OBJ_ALL), kinds) }
}

#[test]
fn every_id_is_closed() {
    let dir = tempfile::tempdir().unwrap();
    let _alone = hdf5_sys::LOCK.lock();
    let (before, in_files) = (fresh(), open_in_files());
    let all = DTypeBuf::parse(
        "[('a', '<f2'), ('b', '?', (2, 3)), ('c', '<c8'), ('d', 'S3'), ('e', '<U2'), ('f', 'V5'), \
         ('g', '<M8[D]'), ('h', [('x', '<i4'), ('y', '>f8')])]",
    )
    .unwrap();
    check_dtype(all.as_dtype(), &Options::default()).unwrap();
    let size = all.as_dtype().itemsize() as usize;
    for end in ["close", "drop", "taken"] {
        let mut writer = Writer::create(&dir.path().join(end), &Options::default(), 0).unwrap();
        writer.begin_dataset().unwrap();
        append(&mut writer, &bytes(size * 2, 0), size);
        writer
            .finish_dataset("g/x", all.as_dtype(), &[2], &[("k", AttrValue::Float(0.5))])
            .unwrap();
        match end {
            "close" => drop(writer.close().unwrap()),
            "drop" => drop(writer),
            _ => {
                fs::write(dir.path().join(end), "mine").unwrap();
                writer.close().unwrap_err();
            }
        }
        assert_eq!((open_since(before), open_in_files()), (0, in_files), "{end}");
    }
    assert_eq!(fs::read(dir.path().join("taken")).unwrap(), b"mine");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
}

unsafe extern "C" fn noisy(_stack: hid_t, data: *mut c_void) -> herr_t {
    // SAFETY: the test passes a counter that outlives all calls.
    if let Some(calls) = unsafe { data.cast::<u32>().as_mut() } {
        *calls += 1;
    }
    0
}

fn handler() -> (H5E_auto2_t, *mut c_void) {
    let (mut function, mut data): (H5E_auto2_t, *mut c_void) = (None, ptr::null_mut());
    // SAFETY: both are writable.
    assert!(unsafe { H5Eget_auto2(H5E_DEFAULT, &raw mut function, &raw mut data) } >= 0);
    (function, data)
}

#[test]
fn the_hosts_error_handler_is_kept_and_not_called() {
    let dir = tempfile::tempdir().unwrap();
    let _alone = hdf5_sys::LOCK.lock();
    library::with(|_| Ok(())).unwrap();
    let old = handler();
    let mut calls = 0_u32;
    let mine = (&raw mut calls).cast::<c_void>();
    // SAFETY: `calls` outlives the handler, which is taken off below.
    unsafe { H5Eset_auto2(H5E_DEFAULT, Some(noisy), mine) };
    let writer = Writer::create(&dir.path().join("x"), &Options::default(), 0).unwrap();
    let missing = Writer::create(&dir.path().join("x/y"), &Options::default(), 0);
    let wide: Vec<_> = (0..5000).map(|i| format!("c{i}:<f8")).collect();
    let wide = DTypeBuf::parse(&wide.join(",")).unwrap();
    let too_wide = check_dtype(wide.as_dtype(), &Options::default());
    drop(writer);
    let (function, data) = handler();
    // SAFETY: gives back what was there.
    unsafe { H5Eset_auto2(H5E_DEFAULT, old.0, old.1) };
    assert!(missing.is_err() && too_wide.is_err());
    assert!(
        function.is_some_and(|f| ptr::fn_addr_eq(
            f,
            noisy as unsafe extern "C" fn(hid_t, *mut c_void) -> herr_t
        )) && data == mine
    );
    assert_eq!(calls, 0);
}

/// Chunks of zeros look as if they lay wherever nothing was written.
#[test]
fn chunks_of_zeros_do_not_lie_over_metadata() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.h5");
    let options = Options {
        storage: Storage { layout: Layout::Chunked, ..Storage::default() },
        ..Options::default()
    };
    let mut writer = Writer::create(&path, &options, 0).unwrap();
    let dtype = DTypeBuf::parse("<u1").unwrap();
    let (chunk, filters) = ([1000], Filters::default());
    let zeros = [0_u8; 1000];
    for name in ["a", "b"] {
        let plan = ChunkedPlan {
            path: name,
            dtype: dtype.as_dtype(),
            columns: false,
            chunk: &chunk,
            fixed: &[],
            filters,
        };
        writer.begin_chunked(plan).unwrap();
        for i in 0..500_u64 {
            let one = [crate::filter::Chunk { len: 1000, mask: 0 }];
            let block = ChunkBlock { shape: &[1000 * (i + 1)], origin: &[1000 * i], chunks: &one };
            // SAFETY: a live array of one chunk.
            unsafe { writer.append_chunks(block, zeros.as_ptr()) }.unwrap();
        }
        writer.finish_chunked(&[500_000], dtype.as_dtype(), &[]).unwrap();
    }
    writer.close().unwrap();
    check_dump(&path, "a", &std::vec![0; 500_000]);
    check_dump(&path, "b", &std::vec![0; 500_000]);
}

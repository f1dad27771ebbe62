//! HDF5 files as others see them: h5dump, h5py, other processes, a full disk.
//!
//! `NDSHM_PYTHON` names a Python with h5py; without it, and without h5dump,
//! the tests that need them say so and pass.
#![cfg(feature = "hdf5")]
#![allow(unsafe_code, clippy::unwrap_used)]

#[path = "common/skip.rs"]
mod skip;

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use ndshm::dtype_buf::DTypeBuf;
use ndshm::hdf5::{
    AttrValue, Error, Options, PathFault, TargetFault, TypeFault, Writer, check_dtype, check_target,
};

/// dtype as ndshm reads it, the dtype that h5py must see, and whether h5py
/// must call the strings UTF-8.
const TYPES: &[(&str, &str)] = &[
    ("<i1", "'i1'"),
    ("<i2", "'<i2'"),
    (">i2", "'>i2'"),
    ("<i4", "'<i4'"),
    (">i4", "'>i4'"),
    ("<i8", "'<i8'"),
    (">i8", "'>i8'"),
    ("<u1", "'u1'"),
    ("<u2", "'<u2'"),
    (">u2", "'>u2'"),
    ("<u4", "'<u4'"),
    (">u4", "'>u4'"),
    ("<u8", "'<u8'"),
    (">u8", "'>u8'"),
    ("<f2", "'<f2'"),
    (">f2", "'>f2'"),
    ("<f4", "'<f4'"),
    (">f4", "'>f4'"),
    ("<f8", "'<f8'"),
    (">f8", "'>f8'"),
    ("?", "'?'"),
    ("<c8", "'<c8'"),
    (">c8", "'>c8'"),
    ("<c16", "'<c16'"),
    (">c16", "'>c16'"),
    ("S1", "'S1'"),
    ("S7", "'S7'"),
    ("S70000", "'S70000'"),
    ("<U3", "'S12'"),
    (">U3", "'S12'"),
    ("V5", "'V5'"),
    ("<M8[ns]", "'<i8'"),
    (">M8[10s]", "'>i8'"),
    ("<m8[D]", "'<i8'"),
    ("<M8", "'<i8'"),
    ("[('a', '<i4'), ('b', '<f8')]", "[('a', '<i4'), ('b', '<f8')]"),
    ("[('a', '<i4', (3,)), ('b', '>f4', (2, 2))]", "[('a', '<i4', (3,)), ('b', '>f4', (2, 2))]"),
    ("[('a', '?', (3,)), ('s', 'S3', (2,))]", "[('a', '?', (3,)), ('s', 'S3', (2,))]"),
    (
        "[('a', [('x', '<i2'), ('y', [('z', '>c16'), ('b', '?')], (2,))]), ('v', 'V3')]",
        "[('a', [('x', '<i2'), ('y', [('z', '>c16'), ('b', '?')], (2,))]), ('v', 'V3')]",
    ),
    (
        "{'names': ['a', 'b'], 'formats': ['u1', '<f8'], 'offsets': [0, 8], 'itemsize': 24}",
        "{'names': ['a', 'b'], 'formats': ['u1', '<f8'], 'offsets': [0, 8], 'itemsize': 24}",
    ),
    (
        "{'names': ['a', 'b'], 'formats': ['<i4', '<f8'], 'offsets': [8, 0], 'itemsize': 12}",
        "{'names': ['a', 'b'], 'formats': ['<i4', '<f8'], 'offsets': [8, 0], 'itemsize': 12}",
    ),
    (
        "[('t', '<M8[us]'), ('d', [('n', '<U2'), ('dt', '<m8[ms]')]), ('x', '<f4')]",
        "[('t', '<i8'), ('d', [('n', 'S8'), ('dt', '<i8')]), ('x', '<f4')]",
    ),
    ("[('größe in µm', '<f4'), ('a b', 'S2')]", "[('größe in µm', '<f4'), ('a b', 'S2')]"),
];

/// Rows that any type can hold: only 0 and 1, so booleans stay booleans.
fn pattern(len: usize, seed: usize) -> Vec<u8> {
    (0..len).map(|i| u8::from((i * i + seed).is_multiple_of(3))).collect()
}

fn append(writer: &mut Writer, rows: &[u8]) {
    // SAFETY: a live slice.
    unsafe { writer.append(rows.as_ptr(), rows.len()) }.unwrap();
}

fn add(writer: &mut Writer, name: &str, dtype: &DTypeBuf, rows: &[u8], shape: &[u64]) {
    writer.begin_dataset().unwrap();
    append(writer, rows);
    writer.finish_dataset(name, dtype.as_dtype(), shape, &[]).unwrap();
}

/// A small file with one dataset, made in the usual way.
fn simple(path: &Path, options: &Options, rows: usize) -> Result<(), Error> {
    let dtype = DTypeBuf::parse("<f8").unwrap();
    let mut writer = Writer::create(path, options, 0)?;
    add(&mut writer, "x", &dtype, &pattern(rows * 8, 1), &[rows as u64]);
    writer.close().map(|_| ())
}

fn forced() -> Options {
    let mut options = Options::default();
    options.force = true;
    options
}

/// Names in a directory, in order.
fn names(dir: &Path) -> Vec<String> {
    let mut all: Vec<_> = fs::read_dir(dir)
        .unwrap()
        .map(|e| e.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    all.sort();
    all
}

fn python() -> Option<Command> {
    let python = std::env::var_os("NDSHM_PYTHON");
    if python.is_none() {
        skip::skipped("files read by h5py", "NDSHM_PYTHON names no Python with NumPy and h5py");
    }
    python.map(Command::new)
}

/// Runs a script with arguments and gives what it printed.
fn run_python(script: &str, args: &[&Path]) -> Option<String> {
    let out = python()?.arg("-c").arg(script).args(args).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    Some(String::from_utf8(out.stdout).unwrap())
}

fn h5dump(args: &[&str], file: &Path) -> Option<String> {
    let Ok(out) = Command::new("h5dump").args(args).arg(file).output() else {
        skip::skipped("files read by h5dump", "it is not installed");
        return None;
    };
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    Some(String::from_utf8_lossy(&out.stdout).into_owned())
}

#[test]
fn h5py_reads_back_every_type() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("all.h5");
    let mut writer = Writer::create(&path, &Options::default(), 1 << 16).unwrap();
    let mut list = String::new();
    for (i, (text, seen)) in TYPES.iter().enumerate() {
        let dtype = DTypeBuf::parse(text).unwrap_or_else(|e| panic!("{text}: {e}"));
        check_dtype(dtype.as_dtype(), &Options::default()).unwrap();
        let rows = pattern(dtype.as_dtype().itemsize() as usize * 6, i);
        add(&mut writer, &format!("t{i}"), &dtype, &rows, &[2, 3]);
        fs::write(dir.path().join(format!("t{i}")), &rows).unwrap();
        list.push_str(seen);
        list.push('\n');
    }
    writer.close().unwrap();
    fs::write(dir.path().join("list"), list).unwrap();
    h5dump(&["-H"], &path);
    let script = r"
import h5py, numpy as np, sys, os
from numpy.lib.recfunctions import repack_fields
path, folder = sys.argv[1:]
packed = lambda a: repack_fields(a, recurse=True).tobytes() if a.dtype.names else a.tobytes()
with h5py.File(path) as f, open(folder + '/list') as lines:
    for i, line in enumerate(lines):
        d, want = f[f't{i}'], np.dtype(eval(line))
        raw = open(folder + f'/t{i}', 'rb').read()
        assert d.dtype == want, (i, d.dtype, want)
        assert d.shape == (2, 3)
        at = d.id.get_offset()
        assert open(path, 'rb').read()[at:at + len(raw)] == raw, i
        assert packed(d[()]) == packed(np.frombuffer(raw, want).reshape(2, 3)), i
        assert d.id.get_create_plist().get_obj_track_times() == 0
print(i + 1)
";
    if let Some(out) = run_python(script, &[&path, dir.path()]) {
        assert_eq!(out.trim(), TYPES.len().to_string());
    }
}

#[test]
fn attributes_carry_what_the_type_loses() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.h5");
    let mut writer = Writer::create(&path, &Options::default(), 0).unwrap();
    let record =
        DTypeBuf::parse("[('t', '<M8[10ms]'), ('d', [('e', '<m8[h]')]), ('n', '<U2')]").unwrap();
    let attrs = [
        ("größe", AttrValue::Str("ä µ €")),
        ("empty", AttrValue::Str("")),
        ("n", AttrValue::Int(-7)),
        ("x", AttrValue::Float(0.1)),
        ("t.units", AttrValue::Str("mine")),
    ];
    writer.begin_dataset().unwrap();
    append(&mut writer, &[b'a'; 24]);
    writer.finish_dataset("r", record.as_dtype(), &[1], &attrs).unwrap();
    for (name, text) in [("ns", "<M8[ns]"), ("D", "<m8[D]"), ("generic", "<M8"), ("u", "<U1")] {
        let dtype = DTypeBuf::parse(text).unwrap();
        let rows = vec![0xC3; dtype.as_dtype().itemsize() as usize];
        add(&mut writer, name, &dtype, &rows, &[1]);
    }
    let plain = DTypeBuf::parse("a:<f8,b:S3").unwrap();
    add(&mut writer, "plain", &plain, &[0; 11], &[1]);
    // More than HDF5 keeps in an object's header.
    let many: Vec<_> = (0..20).map(|i| format!("attribute {i}")).collect();
    let many: Vec<_> = many.iter().map(|n| (n.as_str(), AttrValue::Str(n))).collect();
    writer.begin_dataset().unwrap();
    writer.finish_dataset("many", plain.as_dtype(), &[0], &many).unwrap();
    writer.close().unwrap();
    h5dump(&[], &path);
    let script = r"
import h5py, numpy as np, sys
f = h5py.File(sys.argv[1])
a = dict(f['r'].attrs)
assert a['größe'] == 'ä µ €' and type(a['größe']) is str and a['empty'] == ''
assert a['n'] == -7 and a['n'].dtype == '<i8' and a['x'] == 0.1 and a['x'].dtype == '<f8'
assert a['t.units'] == 'mine' and a['d.e.units'] == 'hours', a
want = np.dtype([('t', '<M8[10ms]'), ('d', [('e', '<m8[h]')]), ('n', '<U2')])
assert np.dtype(eval(a['ndshm_dtype'])) == want
assert dict(f['ns'].attrs) == {'units': 'nanoseconds since 1970-01-01T00:00:00', 'ndshm_dtype': f['ns'].attrs['ndshm_dtype']}
assert f['ns'].attrs['ndshm_dtype'] == '<M8[ns]'
assert f['D'].attrs['units'] == 'days' and 'units' not in f['generic'].attrs
assert h5py.check_string_dtype(f['u'].dtype).encoding == 'utf-8'
assert h5py.check_string_dtype(f['plain'].dtype['b']).encoding == 'ascii'
assert not f['plain'].attrs
assert {k: v for k, v in f['many'].attrs.items()} == {f'attribute {i}': f'attribute {i}' for i in range(20)}
print('read')
";
    if let Some(out) = run_python(script, &[&path]) {
        assert_eq!(out.trim(), "read");
    }
}

#[test]
fn h5dump_sees_the_types_of_the_documentation() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.h5");
    let mut options = Options::default();
    for as_u8 in [false, true] {
        options.bool_as_u8 = as_u8;
        options.force = true;
        let mut writer = Writer::create(&path, &options, 0).unwrap();
        let dtype =
            DTypeBuf::parse("[('b', '?'), ('s', 'S3'), ('u', '<U1'), ('v', 'V2'), ('c', '>c8')]");
        add(&mut writer, "x", &dtype.unwrap(), &[0; 18], &[1]);
        writer.close().unwrap();
        let Some(text) = h5dump(&["-H"], &path) else { return };
        let text: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let boolean = if as_u8 {
            "H5T_STD_U8LE \"b\";"
        } else {
            "H5T_ENUM { H5T_STD_I8LE; \"FALSE\" 0; \"TRUE\" 1; } \"b\";"
        };
        let rest = [
            boolean,
            "STRSIZE 3; STRPAD H5T_STR_NULLPAD; CSET H5T_CSET_ASCII; CTYPE H5T_C_S1; } \"s\";",
            "STRSIZE 4; STRPAD H5T_STR_NULLPAD; CSET H5T_CSET_UTF8; CTYPE H5T_C_S1; } \"u\";",
            "H5T_OPAQUE { OPAQUE_TAG \"\"; } \"v\";",
            "H5T_COMPOUND { H5T_IEEE_F32BE \"r\"; H5T_IEEE_F32BE \"i\"; } \"c\";",
        ];
        for part in rest {
            assert!(text.contains(part), "{part} is not in {text}");
        }
    }
}

#[test]
fn empty_shapes_groups_and_names() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.h5");
    let dtype = DTypeBuf::parse("<i4").unwrap();
    let mut writer = Writer::create(&path, &Options::default(), 0).unwrap();
    for (name, shape) in [("none", &[0_u64][..]), ("wide", &[5, 0]), ("g/none", &[0, 3])] {
        add(&mut writer, name, &dtype, &[], shape);
    }
    add(&mut writer, "/g/h/one", &dtype, &[1; 4], &[]);
    add(&mut writer, "ü ö/x:y", &dtype, &[2; 8], &[2]);
    let faults = [
        ("", PathFault::Empty),
        ("/", PathFault::Empty),
        ("a//b", PathFault::Empty),
        ("a/", PathFault::Empty),
        ("g/./x", PathFault::Dot),
        ("a\0b", PathFault::Nul),
        ("none", PathFault::Exists),
        ("g/h", PathFault::Exists),
        ("none/x", PathFault::NotGroup),
    ];
    for (name, fault) in faults {
        writer.begin_dataset().unwrap();
        append(&mut writer, &pattern(100_000, 0));
        match writer.finish_dataset(name, dtype.as_dtype(), &[25_000], &[]) {
            Err(Error::Dataset { fault: found, .. }) => assert_eq!(found, fault, "{name}"),
            other => panic!("{name}: {other:?}"),
        }
    }
    writer.begin_dataset().unwrap();
    append(&mut writer, &[0; 7]);
    let short = writer.finish_dataset("short", dtype.as_dtype(), &[2], &[]);
    assert!(matches!(short, Err(Error::Shape { need: Some(8), have: 7, .. })), "{short:?}");
    let huge = writer
        .begin_dataset()
        .and_then(|_| writer.finish_dataset("huge", dtype.as_dtype(), &[u64::MAX, 4], &[]));
    assert!(matches!(huge, Err(Error::Shape { need: None, .. })), "{huge:?}");
    assert_eq!(writer.close().unwrap().datasets, 5);
    assert!(fs::metadata(&path).unwrap().len() < 20_000, "refused rows stayed in the file");
    let script = r"
import h5py, sys
f = h5py.File(sys.argv[1])
found = {}
f.visititems(lambda k, v: found.update({k: v.shape}) if isinstance(v, h5py.Dataset) else None)
assert found == {'none': (0,), 'wide': (5, 0), 'g/none': (0, 3), 'g/h/one': (), 'ü ö/x:y': (2,)}, found
assert f['g/h/one'][()] == 0x01010101 and f['wide'][()].shape == (5, 0)
print('read')
";
    if let Some(out) = run_python(script, &[&path]) {
        assert_eq!(out.trim(), "read");
    }
}

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

/// Starts this test binary again for one of the `child_` tests below.
fn child(test: &str, dir: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env("NDSHM_TEST_DIR", dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Reads a child's lines up to one with `word`. The pipe must stay open while it runs.
fn wait_for(word: &str, child: &mut Child) -> BufReader<ChildStdout> {
    let mut reader = BufReader::new(child.stdout.take().unwrap());
    let mut lines = reader.by_ref().lines();
    assert!(lines.any(|line| line.unwrap().contains(word)), "no '{word}' from the child");
    reader
}

fn test_dir() -> Option<PathBuf> {
    std::env::var_os("NDSHM_TEST_DIR").map(PathBuf::from)
}

#[test]
fn child_writes_and_waits() {
    let Some(dir) = test_dir() else { return };
    let mut writer = Writer::create(&dir.join("x.h5"), &Options::default(), 0).unwrap();
    writer.begin_dataset().unwrap();
    append(&mut writer, &pattern(1 << 20, 0));
    println!("\nbegun");
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
    let dtype = DTypeBuf::parse("u1").unwrap();
    writer.finish_dataset("x", dtype.as_dtype(), &[1 << 20], &[]).unwrap();
    writer.close().unwrap();
}

#[test]
fn a_running_writer_is_left_alone_and_a_killed_one_is_swept() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.h5");
    let mut running = child("child_writes_and_waits", dir.path());
    let _output = wait_for("begun", &mut running);
    let theirs = names(dir.path());
    assert_eq!(theirs.len(), 1);
    drop(Writer::create(&path, &Options::default(), 0).unwrap());
    assert_eq!(names(dir.path()), theirs, "a running writer was swept");
    drop(running.stdin.take());
    assert!(running.wait().unwrap().success());
    assert_eq!(names(dir.path()), ["x.h5"]);
    fs::remove_file(&path).unwrap();

    let mut killed = child("child_writes_and_waits", dir.path());
    let _output = wait_for("begun", &mut killed);
    killed.kill().unwrap();
    killed.wait().unwrap();
    assert_eq!(names(dir.path()).len(), 1);
    let writer = Writer::create(&path, &Options::default(), 0).unwrap();
    assert_eq!(names(dir.path()).len(), 1, "a killed writer's file stayed");
    drop(writer);
    assert!(names(dir.path()).is_empty());
}

/// Leaves by `exit` in the middle of a file, as a host program may.
#[test]
fn child_exits_in_the_middle() {
    let Some(dir) = test_dir() else { return };
    let mut writer = Writer::create(&dir.join("x.h5"), &forced(), 0).unwrap();
    let dtype = DTypeBuf::parse("u1").unwrap();
    add(&mut writer, "x", &dtype, &pattern(1 << 20, 0), &[1 << 20]);
    std::process::exit(0);
}

#[test]
fn an_exit_in_the_middle_leaves_nothing_that_looks_complete() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.h5");
    fs::write(&path, "old").unwrap();
    let exited = child("child_exits_in_the_middle", dir.path()).wait().unwrap();
    assert!(exited.success(), "{exited}");
    assert_eq!(fs::read(&path).unwrap(), b"old");
    let left = names(dir.path());
    assert_eq!(left.len(), 2);
    let head = fs::read(dir.path().join(&left[0])).unwrap();
    assert!(!head.starts_with(b"\x89HDF"), "a partial file looks like HDF5");
    drop(Writer::create(&path, &forced(), 0).unwrap());
    assert_eq!(names(dir.path()), ["x.h5"]);
}

/// Forks a child that leaves by `exit` when it is told to: HDF5, which it has
/// inherited open, then writes what it had at the fork. Answers with the child
/// and the pipe to tell it.
fn fork_that_exits() -> (libc::pid_t, fs::File) {
    let mut ends = [0; 2];
    // SAFETY: room for two numbers.
    assert_eq!(unsafe { libc::pipe(ends.as_mut_ptr()) }, 0);
    // SAFETY: no other thread of this process uses HDF5 or allocates now.
    let pid = unsafe { libc::fork() };
    assert!(pid >= 0);
    if pid == 0 {
        let mut byte = 0_u8;
        // SAFETY: an own descriptor.
        unsafe { libc::close(ends[1]) };
        // SAFETY: room for one byte.
        unsafe { libc::read(ends[0], (&raw mut byte).cast(), 1) };
        // SAFETY: the library's own clean-up is what is tested here.
        unsafe { libc::exit(0) };
    }
    // SAFETY: just opened, owned by nobody else.
    (pid, unsafe { std::os::fd::FromRawFd::from_raw_fd(ends[1]) })
}

fn let_exit((pid, pipe): (libc::pid_t, fs::File)) {
    drop(pipe);
    let mut status = 0;
    // SAFETY: `status` is writable.
    assert_eq!(unsafe { libc::waitpid(pid, &raw mut status, 0) }, pid);
    assert_eq!(status, 0);
}

#[test]
fn child_forks_with_the_file_open() {
    let Some(dir) = test_dir() else { return };
    let dtype = DTypeBuf::parse("u1").unwrap();
    for when in ["before", "after"] {
        let path = dir.join(when);
        let mut writer = Writer::create(&path, &Options::default(), 0).unwrap();
        let first = pattern(1 << 20, 1);
        add(&mut writer, "first", &dtype, &first, &[1 << 20]);
        let mut forked = Some(fork_that_exits());
        let rows = pattern(1 << 20, 2);
        add(&mut writer, "second", &dtype, &rows, &[1 << 20]);
        if let Some(child) = forked.take_if(|_| when == "before") {
            let_exit(child);
        }
        writer.close().unwrap();
        // A child still holds a copy of the descriptor, and so of the lock.
        h5dump(&["-H"], &path);
        if let Some(child) = forked {
            let_exit(child);
        }
        let out = dir.join("bytes");
        let file = out.to_str().unwrap();
        if h5dump(&["-d", "/second", "-b", "FILE", "-o", file], &path).is_some() {
            assert!(fs::read(out).unwrap() == rows, "{when}");
        }
    }
    println!("\nforked");
}

#[test]
fn a_forked_child_that_exits_does_no_harm() {
    let dir = tempfile::tempdir().unwrap();
    let mut forking = child("child_forks_with_the_file_open", dir.path());
    let _output = wait_for("forked", &mut forking);
    assert!(forking.wait().unwrap().success());
}

/// Open descriptors of this process.
fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}

fn full_disk(dir: &Path, rows: usize, name: &str) -> Error {
    let target = dir.join("x.h5");
    let before = (descriptors(), fs::read(&target).unwrap());
    let dtype = DTypeBuf::parse("u1").unwrap();
    let mut writer = Writer::create(&target, &forced(), 0).unwrap();
    let piece = pattern(rows, 0);
    let failed = loop {
        let at = writer.begin_dataset().unwrap();
        // SAFETY: a live slice.
        if let Err(e) = unsafe { writer.append(piece.as_ptr(), piece.len()) } {
            break e;
        }
        let shape = [rows as u64];
        if let Err(e) = writer.finish_dataset(&format!("{name}{at}"), dtype.as_dtype(), &shape, &[])
        {
            break e;
        }
    };
    let again = writer.close().unwrap_err();
    assert!(matches!(again, Error::Order(_)), "{again}");
    assert_eq!(names(dir), ["x.h5"]);
    assert_eq!((descriptors(), fs::read(&target).unwrap()), before, "{name}");
    failed
}

#[test]
fn child_fills_a_disk() {
    let Some(dir) = test_dir() else { return };
    fs::write(dir.join("x.h5"), "old").unwrap();
    for (rows, name) in [(500_000, "large"), (40_000, "small"), (3_000_000, "one")] {
        let error = full_disk(&dir, rows, name);
        let Error::NoSpace { need, free: Some(free), .. } = error else {
            panic!("{name}: {error}");
        };
        assert!(need == rows as u64 && free < need, "{error}");
        assert!(error.to_string().contains("x.h5: disk is full:"), "{error}");
    }
    // The rows fit, the metadata does not: HDF5's own writing fails.
    let mut writer = Writer::create(&dir.join("x.h5"), &forced(), 0).unwrap();
    let dtype = DTypeBuf::parse("u1").unwrap();
    for i in 0..1000 {
        writer.begin_dataset().unwrap();
        writer.finish_dataset(&format!("{i}"), dtype.as_dtype(), &[0], &[]).unwrap();
    }
    let hog = fs::File::create(dir.join("hog")).unwrap();
    while std::os::unix::fs::FileExt::write_at(&hog, &[1; 4096], hog.metadata().unwrap().len())
        .is_ok()
    {}
    let fds = descriptors();
    let error = writer.close().unwrap_err();
    assert!(matches!(error, Error::NoSpace { .. }), "{error}");
    assert_eq!(names(&dir), ["hog", "x.h5"]);
    assert_eq!(fs::read(dir.join("x.h5")).unwrap(), b"old");
    assert!(descriptors() < fds, "the file stayed open");
    // Not even the first bytes fit.
    let fds = descriptors();
    let error = Writer::create(&dir.join("x.h5"), &forced(), 0).unwrap_err();
    assert!(matches!(error, Error::NoSpace { .. }), "{error}");
    assert_eq!((names(&dir), descriptors()), (vec!["hog".into(), "x.h5".into()], fds));
    println!("\nfilled: {error}");
}

#[test]
fn a_full_disk_is_a_clean_error() {
    let dir = tempfile::tempdir().unwrap();
    let script = "mount -t tmpfs -o size=2m,mode=777 tmpfs \"$NDSHM_TEST_DIR\" || exit 77
                  exec \"$0\" --exact child_fills_a_disk --nocapture";
    for flags in ["-m", "-rm"] {
        let out = Command::new("unshare")
            .args([flags, "sh", "-c", script])
            .arg(std::env::current_exe().unwrap())
            .env("NDSHM_TEST_DIR", dir.path())
            .output();
        let Ok(out) = out else { break };
        let text = String::from_utf8_lossy(&out.stdout).into_owned();
        if text.contains("filled: ") {
            return assert!(out.status.success(), "{text}{}", String::from_utf8_lossy(&out.stderr));
        }
        assert!(!text.contains("running"), "{text}{}", String::from_utf8_lossy(&out.stderr));
    }
    skip::skipped("a full disk", "no private file system can be mounted here");
}

#[test]
fn ten_thousand_datasets_make_a_small_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("many.h5");
    let dtype = DTypeBuf::parse("a:<f8,b:<i4,c:S4").unwrap();
    let each = check_dtype(dtype.as_dtype(), &Options::default()).unwrap() + 100;
    let mut writer = Writer::create(&path, &Options::default(), each * 10_000).unwrap();
    for i in 0..10_000 {
        add(&mut writer, &format!("d{i:05}"), &dtype, &pattern(160, i), &[10]);
    }
    let summary = writer.close().unwrap();
    assert!(summary.bytes < 10_000 * 1000, "{} bytes", summary.bytes);
    let script = "
import h5py, sys
f = h5py.File(sys.argv[1])
print(len(f), list(bytes(f['d09999'][()])))";
    if let Some(out) = run_python(script, &[&path]) {
        assert_eq!(out.trim(), format!("10000 {:?}", pattern(160, 9999)));
    }
}

#[test]
fn two_files_at_a_time_and_one_after_another() {
    let dir = tempfile::tempdir().unwrap();
    let dtype = DTypeBuf::parse("<f8").unwrap();
    let paths = ["a", "b", "c"].map(|name| dir.path().join(name));
    let mut both: Vec<_> =
        paths[..2].iter().map(|p| Writer::create(p, &Options::default(), 0).unwrap()).collect();
    for writer in &mut both {
        add(writer, "x", &dtype, &pattern(80_000, 1), &[10_000]);
    }
    for writer in both {
        writer.close().unwrap();
    }
    std::thread::scope(|scope| {
        scope.spawn(|| simple(&paths[2], &Options::default(), 10_000).unwrap());
    });
    let all = paths.map(|p| fs::read(p).unwrap());
    assert!(all[0] == all[1] && all[1] == all[2]);
}

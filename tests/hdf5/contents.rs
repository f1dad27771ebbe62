//! What other programs read.

use std::fs;

use ndshm::dtype_buf::DTypeBuf;
use ndshm::hdf5::{AttrValue, Error, Options, PathFault, Writer, check_dtype};

use super::{add, append, h5dump, pattern, run_python, simple};

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

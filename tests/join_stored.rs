//! `ndshm join --materialize` with chunks: what is read is what the virtual datasets have, and
//! the bytes do not depend on who packs.
//!
//! `NDSHM_PYTHON` names a Python with h5py, which makes the shards.

#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, reason = "helpers of tests, too")]

mod common;

use std::fs;

use common::{Folder, ndshm, python, run};

/// Shards with types that no dtype says, and more than a worker's share.
const SHARDS: &str = "
import sys, h5py, numpy as np
color = h5py.enum_dtype({'red': 0, 'green': 1}, basetype='i1')
inner = np.dtype([('p', '>f8'), ('q', 'S3', (2,))])
table = np.dtype([('i', '<i4'), ('in', inner), ('c', color), ('f', '?')], align=True)
for part, rows in enumerate([70000, 0, 1, 90001]):
    rng = np.random.default_rng(part)
    with h5py.File(f'{sys.argv[1]}/p{part}.h5', 'w') as f:
        t = np.zeros(rows, table)
        t['i'], t['in']['p'] = np.arange(rows) + 10 ** 6 * part, rng.random(rows)
        t['in']['q'] = b'abc'
        t['c'], t['f'] = rng.integers(0, 2, rows), True
        f.create_dataset('g/table', data=t, maxshape=(None,), compression='gzip').attrs['who'] = 'h5py'
        f['grid'] = rng.integers(0, 50, (rows // 100, 7, 30)).astype('>i2')
        utf8 = h5py.string_dtype('utf-8', 8)
        f['text'] = np.array(['\\u00e4bc'.encode()] * rows, 'S8').astype(utf8)
        f['none'] = np.zeros((rows, 0), 'f4')
";

const SAME: &str = "
import sys, h5py, numpy as np
folder, name, shuffle, fletcher, chunks = sys.argv[1:6]
with h5py.File(f'{folder}/all.h5') as a, h5py.File(f'{folder}/{name}.h5') as b:
    for path in ['g/table', 'grid', 'text', 'none']:
        x, y = a[path], b[path]
        assert (x.shape, x.dtype) == (y.shape, y.dtype), path
        assert x.id.get_type().equal(y.id.get_type()), path
        assert x[()].tobytes() == y[()].tobytes(), path
        assert dict(x.attrs) == dict(y.attrs), path
        assert y.maxshape[0] is None and not y.is_virtual, path
        assert (y.shuffle, y.fletcher32) == (shuffle == '1', fletcher == '1'), path
    assert b['g/table'].attrs['who'] == 'h5py'
    assert chunks == '-' or str(b['grid'].chunks) == chunks, b['grid'].chunks
print('ok')
";

#[test]
fn chunks_have_the_rows_of_the_virtual_datasets() {
    let folder = Folder::new();
    let root = folder.root().to_str().unwrap();
    let Some(mut maker) = python() else { return };
    run(maker.args(["-c", SHARDS, root])).ok();
    let shards = ["p0.h5", "p1.h5", "p2.h5", "p3.h5"];
    let join = |output: &str, options: &[&str]| {
        let mut command = ndshm(["join", "-q", "-o", output]);
        run(command.args(shards).args(options).current_dir(folder.root()))
    };
    join("all.h5", &[]).ok();
    let gzip: &[&str] = &["--compress", "gzip:2"];
    let plain: &[&str] = &["--layout", "chunked", "--fletcher32"];
    let small: &[&str] = &["--compress", "gzip", "--memory", "4M", "--no-shuffle"];
    let grid: &[&str] = &["--chunks", "11,4,30", "--dataset", "grid"];
    for (name, options, said) in [
        ("gzip", gzip, ["1", "0", "-"]),
        ("plain", plain, ["0", "1", "-"]),
        ("small", small, ["0", "0", "-"]),
    ] {
        let output = format!("{name}.h5");
        let materialized = [&["--materialize"], options].concat();
        join(&output, &[&materialized[..], &["-j", "1"]].concat()).ok();
        let mut reader = python().unwrap();
        let ran = run(reader.args(["-c", SAME, root, name]).args(said));
        assert_eq!(ran.stdout, "ok\n", "{name}: {ran:?}");
        let first = fs::read(folder.path(&output)).unwrap();
        for workers in ["2", "5"] {
            join("other.h5", &[&materialized[..], &["-f", "-j", workers]].concat()).ok();
            assert!(first == fs::read(folder.path("other.h5")).unwrap(), "{name}, -j {workers}");
        }
    }
    join("grid.h5", &[&["--materialize"], grid].concat()).ok();
    let script = "import sys, h5py\n\
        a, b = (h5py.File(f'{sys.argv[1]}/{n}.h5')['grid'] for n in ['all', 'grid'])\n\
        assert b.chunks == (11, 4, 30) and (a[()] == b[()]).all()";
    run(python().unwrap().args(["-c", script, root])).ok();
    // A joined file is copied the same way.
    let copied =
        ["join", "-q", "-o", "copied.h5", "all.h5", "--materialize", "--compress", "gzip:2"];
    run(ndshm(copied).current_dir(folder.root())).ok();
    let [copied, gzip] = ["copied.h5", "gzip.h5"].map(|name| fs::read(folder.path(name)).unwrap());
    assert!(copied == gzip);
}

/// More than is read at a time: of many elements, in lines that are longer, and of one element.
const LARGE: &str = "
import sys, h5py, numpy as np
for part, rows in enumerate([1_400_000, 1_100_003]):
    rng = np.random.default_rng(part)
    with h5py.File(f'{sys.argv[1]}/p{part}.h5', 'w') as f:
        def make(name, data, **how):
            f.create_dataset(name, data=data, maxshape=(None,) + data.shape[1:], **how)
        make('flat', rng.integers(0, 9, rows), compression='gzip', compression_opts=1)
        make('wide', rng.integers(0, 9, (2 + part, 3, 600_000), 'i8'), compression='gzip', compression_opts=1)
        cell = np.dtype('V9437184')
        cells = rng.integers(0, 3, (2 + part, cell.itemsize), 'u1').view(cell)[:, 0]
        make('cells', cells, chunks=(1,), compression='gzip', compression_opts=1)
        f['block'] = cells
";

#[test]
fn what_is_larger_than_a_piece_is_whole() {
    let folder = Folder::new();
    let root = folder.root().to_str().unwrap();
    let Some(mut maker) = python() else { return };
    run(maker.args(["-c", LARGE, root])).ok();
    let join = |output: &str, options: &[&str]| {
        let mut command = ndshm(["join", "-q", "p0.h5", "p1.h5", "-j", "2", "-o", output]);
        run(command.args(options).current_dir(folder.root())).ok();
    };
    join("plain.h5", &["--materialize"]);
    join("packed.h5", &["--materialize", "--compress", "gzip:1"]);
    let script = "import sys, h5py, numpy as np\n\
        open = lambda name: h5py.File(f'{sys.argv[1]}/{name}.h5')\n\
        parts = [open('p0'), open('p1')]\n\
        for name in ['plain', 'packed']:\n    \
            with open(name) as made:\n        \
                for path in ['flat', 'wide', 'cells', 'block']:\n            \
                    want = b''.join(part[path][()].tobytes() for part in parts)\n            \
                    assert made[path][()].tobytes() == want, (name, path)\n\
        print('ok')";
    let ran = run(python().unwrap().args(["-c", script, root]));
    assert_eq!(ran.stdout, "ok\n", "{ran:?}");
}

#[test]
fn what_cannot_be_stored_is_refused() {
    let folder = Folder::new();
    let input = folder.write("in.txt", "1 2\n3 4\n");
    let mut convert = ndshm(["convert", "-q", "-t", "i4", "--concat", "data"]);
    run(convert.arg(input).arg("-o").arg(folder.path("a.h5"))).ok();
    let join = |options: &[&str]| {
        let mut command = ndshm(["join", "-q", "a.h5", "-o", "x.h5"]);
        run(command.args(options).current_dir(folder.root()))
    };
    join(&["--compress", "gzip"]).refused(&["materialize"]);
    join(&["--materialize", "--layout", "columns"]).refused(&["columns"]);
    join(&["--materialize", "--chunks", "1,2,3"]).refused(&["data", "2 axes", "3"]);
    join(&["--materialize", "--layout", "contiguous", "--fletcher32"]).refused(&["contiguous"]);
    assert_eq!(folder.names(), ["a.h5", "in.txt"]);
}

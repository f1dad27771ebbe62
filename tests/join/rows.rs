//! What a joined file holds.

use core::slice::from_ref;
use std::fs;
use std::os::unix::fs::symlink;

use super::{RECORD, common, is_whole, joining, judge, problems, shard, shards, text};
use crate::common::{Folder, Snapshot, ndshm, run};

/// What the joined file must hold: the shards, in this order, one behind the other.
const SAME: &str = "
name, *parts = sys.argv[1:]
whole = np.concatenate([H(p)['data'][()] for p in parts])
with H(name) as f:
    d = f['data']
    assert d.dtype == whole.dtype, (d.dtype, whole.dtype)
    assert d.shape == whole.shape and (d[()] == whole).all()
    assert (d[3:9] == whole[3:9]).all() and d[-1] == whole[-1]
";

#[test]
fn rows_follow_one_another_and_the_folder_may_move() {
    let folder = Folder::new();
    let parts = shards(&folder, 3);
    let all = folder.path("all.h5");
    let said = run(&mut joining(&parts, &all, &[])).ok().stdout;
    assert!(said.contains("all.h5: 1 dataset of 3 shards"), "{said}");
    assert!(said.contains("data  (18,)  [('i', '<i4'), ('x', '<f8'), ('s', '|S3')]"), "{said}");
    is_whole(&all);
    let names = ["all.h5", "part-0.h5", "part-1.h5", "part-2.h5"];
    judge(
        &folder,
        &format!(
            "{SAME}
    assert d.is_virtual and [os.path.isabs(s.file_name) for s in d.virtual_sources()] == [False] * 3
    n = f['.ndshm/shards']
    assert list(n['file']) == [p.encode() for p in parts] and list(n['rows']) == [5, 6, 7]
    assert list(n['first']) == [0, 5, 11] and set(n['dataset']) == {{b'data'}}
    assert list(n['size']) == [os.path.getsize(p) for p in parts] and set(n['crc32']) == {{b''}}
"
        ),
        &names,
    );
    fs::create_dir(folder.path("moved")).unwrap();
    for name in names {
        fs::rename(folder.path(name), folder.path("moved").join(name)).unwrap();
    }
    is_whole(&folder.path("moved/all.h5"));
    judge(&folder, SAME, &names.map(|name| format!("moved/{name}")).each_ref().map(String::as_str));
}

#[test]
fn the_order_is_that_of_the_arguments_or_of_their_numbers() {
    let folder = Folder::new();
    let [a, b, c] =
        ["p-2.h5", "p-10.h5", "p-1.h5"].map(|name| shard(&folder, name, name.len(), 6, &[]));
    run(&mut joining(&[a.clone(), b.clone(), c.clone()], &folder.path("given.h5"), &[])).ok();
    run(&mut joining(&[a, b, c], &folder.path("sorted.h5"), &["--sort"])).ok();
    judge(&folder, SAME, &["given.h5", "p-2.h5", "p-10.h5", "p-1.h5"]);
    judge(&folder, SAME, &["sorted.h5", "p-1.h5", "p-2.h5", "p-10.h5"]);
}

#[test]
fn shards_may_lie_anywhere_and_have_odd_names() {
    let folder = Folder::new();
    for directory in ["in/deep", "out/%b", "real"] {
        fs::create_dir_all(folder.path(directory)).unwrap();
    }
    symlink(folder.path("real"), folder.path("link")).unwrap();
    let names = ["in/deep/%b%d.h5", "out/%b/größe 1.h5", "link/x.h5", "out/y.h5"];
    let parts: Vec<_> = (1..).zip(names).map(|(i, name)| shard(&folder, name, i, 4, &[])).collect();
    let all = folder.path("out/%b/all.h5");
    run(&mut joining(&parts, &all, &["--checksum"])).ok();
    is_whole(&all);
    let mut args = vec!["out/%b/all.h5"];
    args.extend(names);
    judge(&folder, SAME, &args);
    // The joined file behind a link of its own.
    symlink("out/%b/all.h5", folder.path("there.h5")).unwrap();
    is_whole(&folder.path("there.h5"));
    run(&mut joining(&parts, &folder.path("there.h5"), &["--force"])).ok();
    is_whole(&all);
    judge(&folder, SAME, &args);
}

#[test]
fn what_one_shard_has_is_a_link() {
    let folder = Folder::new();
    for (shard, inputs) in [("m1.h5", ["a", "b"]), ("m2.h5", ["c", "d"])] {
        let texts = inputs.map(|name| folder.write(&format!("{name}.tsv"), text(name.len(), 3)));
        run(ndshm(["convert", "-q", "-t", RECORD, "-o"]).arg(folder.path(shard)).args(texts)).ok();
    }
    let parts = ["m1.h5", "m2.h5"].map(|name| folder.path(name));
    let all = folder.path("all.h5");
    run(&mut joining(&parts, &all, &[])).ok();
    is_whole(&all);
    // No virtual dataset is in it, so it is a file of HDF5 1.8.
    judge(
        &folder,
        "
with H('all.h5') as f:
    assert sorted(f) == ['.ndshm', 'a', 'b', 'c', 'd']
    for name, part in zip('abcd', ['m1.h5', 'm1.h5', 'm2.h5', 'm2.h5']):
        link = f.get(name, getlink=True)
        assert (link.filename, link.path.strip('/')) == (part, name)
        assert (f[name][()] == H(part)[name][()]).all()
    assert set(f['.ndshm/shards']['join']) == {b'link'}
",
        &[],
    );
    run(&mut joining(from_ref(&all), &folder.path("one.h5"), &["--materialize"])).ok();
    judge(
        &folder,
        "
with H('one.h5') as f:
    assert sorted(f) == list('abcd')
    for name, part in zip('abcd', ['m1.h5', 'm1.h5', 'm2.h5', 'm2.h5']):
        assert not f.get(name, getlink=True, getclass=True) == h5py.ExternalLink
        assert (f[name][()] == H(part)[name][()]).all()
",
        &[],
    );
    fs::remove_file(folder.path("m2.h5")).unwrap();
    let said = problems(&all, &[]);
    assert_eq!(said, [format!("{}: is missing", folder.path("m2.h5").display())]);
}

#[test]
fn a_new_axis_has_a_place_for_each_shard() {
    let folder = Folder::new();
    let parts: Vec<_> = (0..3).map(|i| shard(&folder, &format!("t{i}.h5"), i, 4, &[])).collect();
    run(&mut joining(&parts, &folder.path("all.h5"), &["--new-axis", "--dataset", "/data"])).ok();
    run(&mut joining(&[folder.path("all.h5")], &folder.path("one.h5"), &["--materialize"])).ok();
    is_whole(&folder.path("all.h5"));
    judge(&folder, "
for name in 'all.h5', 'one.h5':
    d = H(name)['data']
    assert d.shape == (3, 4) and (d[()] == np.stack([H(f't{i}.h5')['data'][()] for i in range(3)])).all()
", &[]);
    run(&mut joining(&parts[..1], &folder.path("single.h5"), &["--new-axis"])).ok();
    judge(&folder, "assert H('single.h5')['data'].shape == (1, 4)", &[]);
    let odd = shard(&folder, "odd.h5", 9, 5, &[]);
    let parts = [parts[0].clone(), odd];
    run(&mut joining(&parts, &folder.path("no.h5"), &["--new-axis"]))
        .refused(&["odd.h5: dataset 'data' has shape (5,), that of", "t0.h5 has (4,)"]);
}

#[test]
fn grids_and_empty_shards_are_joined() {
    let folder = Folder::new();
    let grid = |name: &str, rows: usize, columns: usize| {
        let row = |r: usize| common::joined(columns, |c| format!("{} ", r * 10 + c)) + "\n";
        let input = folder.write("grid.txt", common::joined(rows, row));
        let mut command =
            ndshm(["convert", "-q", "--allow-empty", "-t", ">f4", "--concat", "data"]);
        run(command.arg(input).arg("-o").arg(folder.path(name))).ok();
        folder.path(name)
    };
    let parts = [grid("a.h5", 3, 4), grid("b.h5", 300, 4), grid("c.h5", 2, 4)];
    let empty = shard(&folder, "e0.h5", 0, 3, &["--max-rows", "0", "--allow-empty"]);
    let full = shard(&folder, "e1.h5", 1, 3, &[]);
    run(&mut joining(&parts, &folder.path("grid.h5"), &[])).ok();
    run(&mut joining(&[empty, full], &folder.path("rows.h5"), &[])).ok();
    let wide = grid("d.h5", 2, 5);
    let words = ["d.h5: dataset 'data' has shape (2, 5), that of", "a.h5 has (3, 4)", "hint: rows"];
    run(&mut joining(&[parts[0].clone(), wide], &folder.path("no.h5"), &[])).refused(&words);
    judge(&folder, "
same = lambda name, parts: (H(name)['data'][()] == np.concatenate([H(p)['data'][()] for p in parts])).all()
assert same('grid.h5', ['a.h5', 'b.h5', 'c.h5']) and H('grid.h5')['data'].shape == (305, 4)
assert same('rows.h5', ['e0.h5', 'e1.h5'])
", &[]);
}

#[test]
fn other_types_and_units_are_refused_by_name() {
    let folder = Folder::new();
    let make = |name: &str, dtype: &str, text: &str| {
        let input = folder.write("x.txt", text);
        let mut command = ndshm(["convert", "-q", "-f", "-t", dtype, "--concat", "data"]);
        run(command.arg(input).arg("-o").arg(folder.path(name))).ok();
        folder.path(name)
    };
    let [a, b] = [make("a.h5", "i:i4,x:f8", "1 2\n"), make("b.h5", "i:i4,x:f4", "1 2\n")];
    let no = folder.path("no.h5");
    run(&mut joining(&[a.clone(), a.clone(), b.clone()], &no, &[]))
        .refused(&["a.h5: is given twice"]);
    run(&mut joining(&[a, b], &no, &[])).refused(&[
        "b.h5: dataset 'data' has dtype [('i', '<i4'), ('x', '<f4')], that of",
        "a.h5 has [('i', '<i4'), ('x', '<f8')]",
        "--dtype",
    ]);
    let [s, ms] = [make("s.h5", "M8[s]", "2020-01-01\n"), make("ms.h5", "M8[ms]", "2020-01-01\n")];
    let plain = make("plain.h5", "i8", "5\n");
    let ran = run(&mut joining(&[s.clone(), ms], &no, &[]));
    ran.refused(&["ms.h5: dataset 'data' has ndshm_dtype '<M8[ms]', that of", "s.h5 has '<M8[s]'"]);
    let ran = run(&mut joining(&[plain, s], &no, &[]));
    ran.refused(&["s.h5: dataset 'data' has ndshm_dtype '<M8[s]', that of", "plain.h5 has none"]);
    assert!(!folder.names().iter().any(|name| name.contains("no.h5")), "{:?}", folder.names());
}

#[test]
fn a_dataset_that_some_shards_lack_is_refused() {
    let folder = Folder::new();
    let parts = shards(&folder, 3);
    let input = folder.write("other.tsv", text(0, 2));
    let other = folder.path("other.h5");
    run(ndshm(["convert", "-q", "-t", RECORD]).arg(input).arg("-o").arg(&other)).ok();
    let mixed = [&parts[..], &[other]].concat();
    let no = folder.path("no.h5");
    run(&mut joining(&mixed, &no, &[])).refused(&[
        "'data' is in",
        "part-0.h5",
        "but not in",
        "other.h5",
    ]);
    run(&mut joining(&mixed, &no, &["--dataset", "data"]))
        .refused(&["other.h5: dataset 'data' is missing"]);
    run(&mut joining(&parts, &no, &["--dataset", "x"]))
        .refused(&["part-0.h5: dataset 'x' is missing"]);
    run(&mut joining(&parts, &parts[0], &[])).refused(&["part-0.h5: file exists", "--force"]);
    let before = Snapshot::of(&parts[0]);
    run(&mut joining(&parts, &parts[0], &["--force"]))
        .refused(&["the output is one of the shards"]);
    assert_eq!(Snapshot::of(&parts[0]), before);
}

#[test]
fn attributes_that_all_share_are_kept() {
    let folder = Folder::new();
    let made = judge(
        &folder,
        "
for i in range(3):
    with H(f'p{i}.h5', 'w') as f:
        d = f.create_dataset('g/x', data=np.arange(4 + i) + i)
        d.attrs['title'] = 'größe'
        d.attrs['host'] = f'node{i}'
        d.attrs['valid'] = np.array([0.5, 9.5])
        d.attrs['fixed'] = np.bytes_('abc')
        d.attrs['names'] = ['a', 'bc']
        d.attrs['none'] = h5py.Empty('f4')
        d.attrs['ref'] = d.ref
        d.attrs['table'] = np.array([(1, 2.5)], [('a', 'i4'), ('b', 'f8')])
        if i != 1: d.attrs['some'] = 1
",
        &[],
    );
    if made.is_none() {
        return;
    }
    let parts: Vec<_> = (0..3).map(|i| folder.path(&format!("p{i}.h5"))).collect();
    run(&mut joining(&parts, &folder.path("all.h5"), &[])).ok();
    run(&mut joining(&parts, &folder.path("one.h5"), &["--materialize"])).ok();
    judge(&folder, "
for name in 'all.h5', 'one.h5':
    with H(name) as f:
        d = f['g/x']
        assert sorted(d.attrs) == ['fixed', 'names', 'none', 'table', 'title', 'valid'], sorted(d.attrs)
        assert d.attrs['title'] == 'größe' and list(d.attrs['names']) == ['a', 'bc']
        assert list(d.attrs['valid']) == [0.5, 9.5] and d.attrs['fixed'] == b'abc'
        assert d.attrs['table'][0]['b'] == 2.5 and d.attrs['none'].shape is None
        assert (d[()] == np.concatenate([np.arange(4 + i) + i for i in range(3)])).all()
", &[]);
}

#[test]
fn copied_rows_are_those_of_the_shards_however_they_are_stored() {
    let folder = Folder::new();
    let made = judge(&folder, "
rng = np.random.default_rng(1)
kinds = dict(chunks=dict(chunks=(7, 3)), gzip=dict(chunks=(50, 2), compression='gzip', shuffle=True),
             late={}, contiguous={})
for i, (name, options) in enumerate(kinds.items()):
    with H(f'p{i}.h5', 'w', userblock_size=1024 if i == 3 else 0) as f:
        if name == 'late':
            f.create_dataset('data', (40, 3), 'i8', fillvalue=7)
        else:
            f.create_dataset('data', data=rng.integers(0, 99, (100000 * (i == 1) + 30 + i, 3)), **options)
        f.create_dataset('one', data=rng.random(2))
        f.create_dataset(f'own{i}/scalar', data=i + 0.5)
        f[f'own{i}/none'] = h5py.Empty('f8')
        f[f'own{i}/bool'] = np.array([True, False])
", &[]);
    if made.is_none() {
        return;
    }
    let parts: Vec<_> = (0..4).map(|i| folder.path(&format!("p{i}.h5"))).collect();
    run(&mut joining(&parts, &folder.path("all.h5"), &["--checksum"])).ok();
    is_whole(&folder.path("all.h5"));
    run(&mut joining(&parts, &folder.path("one.h5"), &["--materialize"])).ok();
    run(&mut joining(&[folder.path("all.h5")], &folder.path("two.h5"), &["--materialize"])).ok();
    assert!(fs::read(folder.path("one.h5")).unwrap() == fs::read(folder.path("two.h5")).unwrap());
    judge(
        &folder,
        "
parts = [H(f'p{i}.h5') for i in range(4)]
for name in 'all.h5', 'one.h5':
    with H(name) as f:
        for path in 'data', 'one':
            assert (f[path][()] == np.concatenate([p[path][()] for p in parts])).all(), path
            assert f[path].is_virtual == (name == 'all.h5')
        for i in range(4):
            assert f[f'own{i}/scalar'][()] == i + 0.5 and f[f'own{i}/none'].shape is None
            assert list(f[f'own{i}/bool'][()]) == [True, False]
",
        &[],
    );
    is_whole(&folder.path("one.h5"));
}

#[test]
fn nothing_is_copied_of_shards_that_have_changed() {
    let folder = Folder::new();
    let parts = shards(&folder, 3);
    run(&mut joining(&parts, &folder.path("all.h5"), &["--checksum"])).ok();
    shard(&folder, "part-1.h5", 70, 6, &[]);
    fs::remove_file(&parts[2]).unwrap();
    let one = folder.path("one.h5");
    run(&mut joining(&[folder.path("all.h5")], &one, &["--materialize"]))
        .refused(&["part-1.h5: has changed: its checksum is", "part-2.h5: is missing"]);
    assert!(!one.exists() && !folder.has_temporary("one.h5"));
}

#[test]
fn joined_files_can_be_joined() {
    let folder = Folder::new();
    fs::create_dir(folder.path("sub")).unwrap();
    let a = shards(&folder, 2);
    let b: Vec<_> = (5..7).map(|i| shard(&folder, &format!("sub/q{i}.h5"), i, 4, &[])).collect();
    run(&mut joining(&a, &folder.path("a.h5"), &[])).ok();
    run(&mut joining(&b, &folder.path("sub/b.h5"), &[])).ok();
    let both = [folder.path("a.h5"), folder.path("sub/b.h5")];
    run(&mut joining(&both, &folder.path("all.h5"), &[])).ok();
    is_whole(&folder.path("all.h5"));
    let names = ["part-0.h5", "part-1.h5", "sub/q5.h5", "sub/q6.h5"];
    let args = [&["all.h5"], &names[..]].concat();
    judge(&folder, SAME, &args);
    run(&mut joining(&both, &folder.path("no.h5"), &["--materialize"]))
        .refused(&["'data' is itself a virtual"]);
    fs::remove_file(&b[1]).unwrap();
    let said = problems(&folder.path("all.h5"), &[]);
    assert_eq!(said, [format!("{}: is missing", b[1].display())]);
}

#[test]
fn a_thousand_shards_make_a_small_file() {
    let folder = Folder::new();
    let first = fs::read(shard(&folder, "first.h5", 3, 2, &[])).unwrap();
    let parts: Vec<_> = (0..1000).map(|i| folder.write(&format!("s{i:03}.h5"), &first)).collect();
    let all = folder.path("all.h5");
    run(&mut joining(&parts, &all, &["--checksum"])).ok();
    is_whole(&all);
    assert!(fs::metadata(&all).unwrap().len() < 300_000);
    judge(
        &folder,
        "
d = H('all.h5')['data']
assert d.shape == (2000,) and (d[1000:1100] == np.tile(H('first.h5')['data'][()], 50)).all()
",
        &[],
    );
    fs::remove_file(&parts[500]).unwrap();
    assert_eq!(problems(&all, &[]), [format!("{}: is missing", parts[500].display())]);
}

#[test]
fn the_same_shards_make_the_same_bytes() {
    let folder = Folder::new();
    let parts = shards(&folder, 4);
    for options in [&["--checksum"][..], &["--materialize"], &["--new-axis", "--dataset", "data"]] {
        let parts = if options.len() == 3 { &parts[..1] } else { &parts[..] };
        let made = ["x.h5", "y.h5"].map(|name| {
            run(joining(parts, &folder.path(name), options).arg("-f")).ok();
            fs::read(folder.path(name)).unwrap()
        });
        assert!(made[0] == made[1], "{options:?}");
    }
}

//! `ndshm join` and `ndshm verify`, end to end, with h5py as the judge of what a joined
//! file holds.
//!
//! `NDSHM_PYTHON` names a Python with h5py; without it what needs one is left out.

#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, reason = "helpers of tests, too")]

mod common;

use core::slice::from_ref;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::{Folder, Ran, Running, Snapshot, ndshm, python, run};
use ndshm::hdf5;
use ndshm::join::{Fault, Job, JoinError, Options, VerifyJob, VerifyOptions, join, verify};

const RECORD: &str = "i:i4,x:f8,s:S3";

/// Text of `rows` rows that no other `seed` has.
fn text(seed: usize, rows: usize) -> String {
    common::joined(rows, |i| format!("{} {}.5 s{}\n", seed * 1000 + i, i, seed % 10))
}

/// A shard with the dataset `data`.
#[track_caller]
fn shard(folder: &Folder, name: &str, seed: usize, rows: usize, options: &[&str]) -> PathBuf {
    let input = folder.write(&format!("{name}.txt"), text(seed, rows));
    let output = folder.path(name);
    let mut command = ndshm(["convert", "-q", "-f", "--concat", "data", "-t", RECORD]);
    run(command.arg(&input).arg("-o").arg(&output).args(options)).ok();
    fs::remove_file(input).unwrap();
    output
}

fn shards(folder: &Folder, count: usize) -> Vec<PathBuf> {
    (0..count).map(|i| shard(folder, &format!("part-{i}.h5"), i, 5 + i, &[])).collect()
}

fn joining(shards: &[PathBuf], output: &Path, options: &[&str]) -> Command {
    let mut command = ndshm(["join"]);
    command.args(shards).arg("-o").arg(output).args(options);
    command
}

fn verified(file: &Path, options: &[&str]) -> Ran {
    run(ndshm(["verify"]).arg(file).args(options))
}

/// The lines that `ndshm verify` prints for a file that is not whole.
#[track_caller]
fn problems(file: &Path, options: &[&str]) -> Vec<String> {
    let ran = verified(file, options);
    assert_eq!((ran.status.code(), ran.stderr.as_str()), (Some(1), ""), "{ran:?}");
    ran.stdout.lines().map(String::from).collect()
}

#[track_caller]
fn is_whole(file: &Path) {
    let said = verified(file, &[]).ok().stdout;
    assert!(said.contains(": whole, "), "{said}");
}

/// Runs a script, which must succeed, in `folder`; whether there is a Python.
#[track_caller]
fn judge(folder: &Folder, script: &str, args: &[&str]) -> Option<String> {
    let mut python = python()?;
    let head = "import glob, h5py, json, os, sys, numpy as np\nH = h5py.File\n";
    let ran =
        run(python.args(["-c", &format!("{head}{script}")]).args(args).current_dir(folder.root()));
    assert!(ran.status.success(), "{}{}", ran.stdout, ran.stderr);
    Some(ran.stdout)
}

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

/// Sets `script` on shards that were joined with checksums; what h5py still reads, and what
/// `verify` says.
#[track_caller]
fn disturbed(disturb: impl FnOnce(&Folder, &[PathBuf]), options: &[&str]) -> Vec<String> {
    let folder = Folder::new();
    let parts = shards(&folder, 3);
    let all = folder.path("all.h5");
    run(&mut joining(&parts, &all, &["--checksum"])).ok();
    is_whole(&all);
    disturb(&folder, &parts);
    let said = problems(&all, options);
    let head = format!("{}/", folder.root().display());
    said.iter().map(|line| line.replace(&head, "")).collect()
}

#[test]
fn missing_and_moved_shards_are_found() {
    let gone = disturbed(|_, parts| fs::remove_file(&parts[1]).unwrap(), &[]);
    assert_eq!(gone, ["part-1.h5: is missing"]);
    let renamed =
        disturbed(|f, parts| fs::rename(&parts[2], f.path("x.h5")).unwrap(), &["--quick"]);
    assert_eq!(renamed, ["part-2.h5: is missing"]);
    let both =
        disturbed(|_, parts| parts[..2].iter().for_each(|p| fs::remove_file(p).unwrap()), &[]);
    assert_eq!(both, ["part-0.h5: is missing", "part-1.h5: is missing"]);
    let directory = disturbed(
        |_, parts| {
            fs::remove_file(&parts[0]).unwrap();
            fs::create_dir(&parts[0]).unwrap();
        },
        &[],
    );
    assert_eq!(directory, ["part-0.h5: is no regular file"]);
}

#[test]
fn changed_shards_are_found() {
    let rows = disturbed(|f, _| drop(shard(f, "part-1.h5", 1, 60, &[])), &["--quick"]);
    assert_eq!(rows.len(), 2, "{rows:?}");
    assert!(rows[0].starts_with("part-1.h5: has changed: it has "), "{rows:?}");
    assert_eq!(rows[1], "part-1.h5: dataset 'data' has shape (60,), and had (6,)");
    let value = |f: &Folder, _: &[PathBuf]| drop(shard(f, "part-1.h5", 77, 6, &[]));
    let content = disturbed(value, &[]);
    assert_eq!(content.len(), 1);
    assert!(content[0].starts_with("part-1.h5: has changed: its checksum is "), "{content:?}");
    let swapped = disturbed(
        |f, parts| {
            fs::rename(&parts[0], f.path("x")).unwrap();
            fs::rename(&parts[1], &parts[0]).unwrap();
            fs::rename(f.path("x"), &parts[1]).unwrap();
        },
        &["--quick"],
    );
    assert_eq!(swapped.iter().filter(|line| line.contains("has shape")).count(), 2, "{swapped:?}");
}

#[test]
fn broken_shards_are_found() {
    let cut = |keep: u64| {
        move |_: &Folder, parts: &[PathBuf]| {
            let file = fs::OpenOptions::new().write(true).open(&parts[1]).unwrap();
            file.set_len(keep).unwrap();
        }
    };
    let truncated = disturbed(cut(4200), &["--quick"]);
    assert_eq!(truncated.len(), 1);
    assert!(
        truncated[0].starts_with("part-1.h5: is truncated: it has 4200 of its "),
        "{truncated:?}"
    );
    assert_eq!(disturbed(cut(0), &[]), ["part-1.h5: is no HDF5 file"]);
    let flagged = disturbed(
        |_, parts| {
            let mut bytes = fs::read(&parts[1]).unwrap();
            assert_eq!((bytes[8], bytes[11]), (2, 0), "the superblock is not what was expected");
            bytes[11] = 1;
            fs::write(&parts[1], bytes).unwrap();
        },
        &["--quick"],
    );
    assert!(flagged[0].starts_with("part-1.h5: was never closed by its writer"), "{flagged:?}");
    let other = disturbed(|_, parts| fs::write(&parts[1], "a text\n").unwrap(), &[]);
    assert_eq!(other, ["part-1.h5: is no HDF5 file"]);
}

#[test]
fn without_a_checksum_only_what_shows_is_found() {
    let folder = Folder::new();
    let parts = shards(&folder, 2);
    run(&mut joining(&parts, &folder.path("all.h5"), &[])).ok();
    shard(&folder, "part-1.h5", 5, 6, &[]);
    is_whole(&folder.path("all.h5"));
}

#[test]
fn json_is_for_programs() {
    let folder = Folder::new();
    let parts = shards(&folder, 2);
    let all = folder.path("all.h5");
    run(&mut joining(&parts, &all, &["--checksum"])).ok();
    let whole = verified(&all, &["--json"]).ok().stdout;
    assert!(whole.contains("\"whole\":true,\"shards\":2,\"datasets\":1,\"checksums\":2"));
    shard(&folder, "part-0.h5", 5, 5, &[]);
    fs::remove_file(&parts[1]).unwrap();
    let ran = run(ndshm(["verify", "--json"]).args([&all, &parts[0], &parts[1]]));
    assert_eq!(ran.status.code(), Some(1));
    fs::write(folder.path("said"), ran.stdout).unwrap();
    judge(
        &folder,
        "
a, b, c = [json.loads(line) for line in open('said')]
assert not a['whole'] and [p['kind'] for p in a['problems']] == ['checksum', 'missing']
assert a['problems'][1]['dataset'] is None and a['problems'][1]['file'].endswith('part-1.h5')
assert b['whole'] and b['shards'] == 0 and b['datasets'] == 1 and b['problems'] == []
assert not c['whole'] and c['problems'][0]['message'] == 'is missing'
",
        &[],
    );
}

#[test]
fn ordinary_files_are_looked_at_as_well() {
    let folder = Folder::new();
    let file = shard(&folder, "a.h5", 1, 9000, &[]);
    is_whole(&file);
    let bytes = fs::read(&file).unwrap();
    for keep in [bytes.len() - 1, bytes.len() / 2, 1000, 60, 20] {
        fs::write(&file, &bytes[..keep]).unwrap();
        assert_eq!(problems(&file, &[]).len(), 1, "{keep}");
    }
    let made = judge(
        &folder,
        "
with H('user.h5', 'w', userblock_size=1024) as f:
    f['x'] = np.arange(1000)
    f['s'] = ['a', 'bc']
    f.create_dataset('z', data=np.zeros((100, 100)), chunks=(10, 10), compression='gzip')
    f['none'] = h5py.Empty('i4')
with H('old.h5', 'w', libver='earliest') as f:
    f['x'] = 5.5
    f['loop'] = f['/']
with H('new.h5', 'w', libver='latest') as f:
    f['x'] = np.arange(1000)
    f['soft'] = h5py.SoftLink('/nowhere')
",
        &[],
    );
    if made.is_some() {
        is_whole(&folder.path("user.h5"));
        is_whole(&folder.path("new.h5"));
        let looped = problems(&folder.path("old.h5"), &[]);
        assert!(looped[0].contains("groups lie too deep"), "{looped:?}");
    }
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

#[test]
fn shards_that_are_no_files_are_refused() {
    let folder = Folder::new();
    let parts = shards(&folder, 2);
    let no = folder.path("no.h5");
    let refused = |shard: PathBuf, words: &[&str]| {
        run(&mut joining(&[parts[0].clone(), shard], &no, &[])).refused(words);
    };
    refused(folder.path("nowhere.h5"), &["nowhere.h5: is missing"]);
    refused(folder.write("text.h5", "1 2 3"), &["text.h5: is no HDF5 file"]);
    refused(folder.root().into(), &["is no regular file"]);
    run(Command::new("mkfifo").arg(folder.path("fifo"))).ok();
    refused(folder.path("fifo"), &["fifo: is no regular file"]);
    let mut bytes = fs::read(&parts[1]).unwrap();
    refused(folder.write("cut.h5", &bytes[..4000]), &["cut.h5: is truncated: it has 4000 of"]);
    bytes[11] = 1;
    refused(
        folder.write("open.h5", &bytes),
        &["open.h5: was never closed", "make this shard again"],
    );
    assert!(!no.exists() && !folder.has_temporary("no.h5"));
}

/// Neither what is cut nor what is changed anywhere ends in a panic or a crash.
#[test]
fn hostile_files_are_refused_or_read() {
    let folder = Folder::new();
    // HDF5 itself may look for ever for texts of attributes in a damaged file.
    let parts = ["p0.h5", "p1.h5"].map(|name| shard(&folder, name, 1, 5, &["--no-provenance"]));
    let all = folder.path("all.h5");
    run(&mut joining(&parts, &all, &["--checksum"])).ok();
    let (whole, shard) = (fs::read(&all).unwrap(), fs::read(&parts[1]).unwrap());
    let step = |len: usize| (len / 25).max(1);
    for at in (0..whole.len()).step_by(step(whole.len())) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x41;
        let file = folder.write("bad.h5", &bytes);
        let ran = verified(&file, &["--json"]);
        assert!(matches!(ran.status.code(), Some(0 | 1)) && ran.stderr.is_empty(), "{at}: {ran:?}");
        let file = folder.write("bad.h5", &whole[..at]);
        assert_eq!(verified(&file, &[]).status.code(), Some(1), "{at}");
    }
    for at in (0..shard.len()).step_by(step(shard.len())) {
        let mut bytes = shard.clone();
        bytes[at] ^= 0x41;
        fs::write(&parts[1], &bytes).unwrap();
        assert_eq!(verified(&all, &[]).status.code(), Some(1), "{at}");
        assert!(matches!(verified(&parts[1], &[]).status.code(), Some(0 | 1)), "{at}");
        let ran = run(joining(&parts, &folder.path("x.h5"), &["-f", "--materialize"]).arg("-q"));
        assert!(matches!(ran.status.code(), Some(0 | 1)), "{at}: {ran:?}");
    }
}

#[test]
fn notes_that_make_no_sense_are_said_to() {
    let folder = Folder::new();
    let made = judge(&folder, "
with H('a.h5', 'w') as f:
    f['.ndshm/shards'] = np.arange(5)
with H('b.h5', 'w') as f:
    f['.ndshm/shards'] = np.zeros(3, [('file', 'S4'), ('dataset', 'S4'), ('join', 'S4'), ('first', 'f8'),
        ('rows', 'u8'), ('shape', 'S4'), ('dtype', 'S4'), ('size', 'u8'), ('crc32', 'S8')])
", &[]);
    if made.is_some() {
        for name in ["a.h5", "b.h5"] {
            let said = problems(&folder.path(name), &[]);
            assert_eq!(said.len(), 1, "{said:?}");
        }
    }
}

#[test]
fn a_kill_leaves_the_target_as_it_was() {
    let folder = Folder::new();
    let large = folder.write("large.h5", "");
    let mut rows = vec![0_u8; 64 << 20];
    rows.iter_mut().enumerate().for_each(|(i, b)| *b = (i % 251) as u8);
    let dtype = ndshm::dtype_buf::DTypeBuf::parse("u1").unwrap();
    let mut options = hdf5::Options::default();
    options.force = true;
    let mut writer = hdf5::Writer::create(&large, &options, 0).unwrap();
    writer.begin_dataset().unwrap();
    // SAFETY: a live vector.
    #[allow(unsafe_code)]
    unsafe { writer.append(rows.as_ptr(), rows.len()) }.unwrap();
    writer.finish_dataset("data", dtype.as_dtype(), &[rows.len() as u64], &[]).unwrap();
    writer.close().unwrap();
    let one = folder.write("one.h5", "old");
    let running =
        Running::start(&mut joining(from_ref(&large), &one, &["--materialize", "-f", "-q"]));
    common::eventually("the temporary file", || folder.has_temporary("one.h5"));
    running.signal(libc::SIGKILL);
    let ran = running.wait();
    if ran.status.success() {
        println!("it was faster than the kill");
    } else {
        assert_eq!(fs::read(&one).unwrap(), b"old");
    }
    run(&mut joining(&[large], &one, &["--materialize", "-f", "-q"])).ok();
    assert!(!folder.has_temporary("one.h5"));
    let made = fs::read(&one).unwrap();
    assert!(made.ends_with(&rows[rows.len() - 4096..]) && made.len() >= rows.len());
}

#[test]
fn jobs_tell_how_far_they_are_and_can_be_stopped() {
    let folder = Folder::new();
    let parts = shards(&folder, 3);
    let all = folder.path("all.h5");
    let mut options = Options::default();
    options.checksum = true;
    let mut job = Job::start(&parts, &all, &options).unwrap();
    let mut steps = 0;
    while !job.step(core::time::Duration::ZERO).unwrap().done {
        steps += 1;
        assert!(!all.exists());
    }
    let now = job.progress();
    assert!(steps >= 6 && now.inputs_done == 3 && now.rows == 18, "{steps} {now:?}");
    assert!(now.bytes_done == now.bytes_total && now.bytes_done > 3000, "{now:?}");
    let made = job.finish().unwrap();
    assert_eq!((made.datasets[0].shape.as_slice(), made.shards.len()), (&[18][..], 3));
    assert!(made.shards.iter().all(|shard| shard.crc32.is_some()));

    let mut job = Job::start(&parts, &folder.path("stopped.h5"), &options).unwrap();
    job.step(core::time::Duration::ZERO).unwrap();
    job.canceller().cancel();
    assert!(matches!(job.step(core::time::Duration::ZERO), Err(JoinError::Cancelled)));
    assert!(job.step(core::time::Duration::ZERO).is_err());
    assert!(job.finish().is_err() && !folder.path("stopped.h5").exists());

    let looking = VerifyJob::start(&all, &VerifyOptions::default()).unwrap();
    looking.canceller().cancel();
    assert!(matches!(looking.finish(), Err(JoinError::Cancelled)));
    fs::remove_file(&parts[0]).unwrap();
    let found = verify(&all, &VerifyOptions::default(), &false.into()).unwrap();
    assert_eq!((found.shards, found.datasets, found.checksums), (3, 1, 2));
    assert_eq!(found.problems[0].fault, Fault::Missing);
    assert!(matches!(
        join(Vec::<PathBuf>::new(), &all, &options, &false.into()),
        Err(JoinError::NoShards | JoinError::Hdf5(_))
    ));
}

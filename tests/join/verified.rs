//! What `ndshm verify` finds.

use std::fs;
use std::path::PathBuf;

use super::{is_whole, joining, judge, problems, shard, shards, verified};
use crate::common::{Folder, ndshm, run};

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

//! Files that are none, kills, and jobs that are stopped.

use core::slice::from_ref;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use ndshm::hdf5;
use ndshm::join::{Fault, Job, JoinError, Options, VerifyJob, VerifyOptions, join, verify};

use super::{common, joining, judge, problems, shard, shards, verified};
use crate::common::{Folder, Running, run};

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

//! Segments from the shell.

use std::fs::{self, File};
use std::io::{PipeReader, Read};
use std::process::Stdio;

use ndshm::dtype_buf::DTypeBuf;
use ndshm::segment::{Access, Draft, Name, Segment, Spec, Via};

use super::{DESCR, SHORT, info, load};
use crate::common::{Folder, SegmentName, data, joined, locks_on, ndshm, run, with_private_mounts};

#[test]
fn a_segment_comes_and_goes() {
    let name = SegmentName::new("round-trip");
    let mut command = ndshm(["load", "-n", name.as_str(), "-t", SHORT]);
    let said = run(command.arg(data("sample_a.tsv"))).ok().stdout;
    assert!(said.contains(name.as_str()) && said.contains("ndshm rm"), "{said}");
    let listed = run(&mut ndshm(["ls", "--quiet"])).ok().stdout;
    assert!(listed.lines().any(|line| line == name.as_str()), "{listed}");
    let listed = run(&mut ndshm(["ls"])).ok().stdout;
    let line = listed.lines().find(|line| line.starts_with(name.as_str())).unwrap();
    assert!(line.contains("persistent") && line.contains("('chr', '|S10')"), "{listed}");
    let dtype = DTypeBuf::parse(DESCR).unwrap();
    assert_eq!(info(&name, "dtype"), dtype.as_dtype().to_string());
    assert_eq!(info(&name, "state"), "persistent");
    let shown = run(&mut ndshm(["head", name.as_str(), "-n", "2"])).ok().stdout;
    let text = fs::read_to_string(data("sample_a.tsv")).unwrap();
    let chromosome =
        text.lines().find(|l| !l.starts_with('#')).unwrap().split('\t').next().unwrap();
    assert!(shown.lines().nth(1).unwrap().starts_with(chromosome), "{shown}");
    assert!(shown.starts_with("chr") && shown.lines().count() == 4, "{shown}");
    run(&mut ndshm(["rm", name.as_str()])).ok();
    assert!(!name.has_left_something());
    run(&mut ndshm(["head", name.as_str()])).refused(&["no segment is named", name.as_str()]);
}

/// `prune` removes the dead, and nothing else. In a shared memory of its own,
/// where no other test's segments are.
#[test]
fn prune_removes_what_nobody_has() {
    let folder = Folder::new();
    let image = {
        let scratch = SegmentName::new("orphan");
        let dtype = DTypeBuf::parse("<f8").unwrap();
        let spec = Spec { via: Via::Auto, ..Spec::new(dtype.as_dtype(), &[3]) };
        let name = Name::new(scratch.as_str()).unwrap();
        let _held = Draft::create(&name, &spec).unwrap().publish().unwrap();
        folder.write("orphan", fs::read(scratch.file()).unwrap())
    };
    let script = "mount -t tmpfs tmpfs /dev/shm && cp \"$2\" /dev/shm/ndshm.orphan &&
        \"$1\" load \"$3\" -n kept -t f8 -q && \"$1\" ls && \"$1\" prune && \"$1\" ls -q &&
        \"$1\" rm kept && ls -A /dev/shm";
    let input = folder.write("x.txt", "1 2\n");
    let Some(ran) = with_private_mounts(script, &[&image, &input]) else { return };
    let said = ran.ok().stdout;
    let lines: Vec<_> = said.lines().collect();
    assert!(lines[1].starts_with("kept ") && lines[1].contains("persistent"), "{said}");
    assert!(lines[2].starts_with("orphan ") && lines[2].contains("dead"), "{said}");
    assert_eq!(lines[3..], ["removed orphan", "kept"], "{said}");
}

const MANY_ROWS: usize = 8000;

fn load_many_rows(name: &SegmentName) {
    let folder = Folder::new();
    let lines = joined(MANY_ROWS, |i| format!("{i} {} 3 4\n", i * 2));
    load(name, &folder.write("many.txt", lines), &["-t", "a:i8,b:f8,c:i2,d:S3"]);
}

/// `head` in the middle of its output: more than a pipe holds is not read.
fn head_in_the_middle(name: &SegmentName) -> (std::process::Child, PipeReader) {
    let (mut reader, writer) = std::io::pipe().unwrap();
    let mut command = ndshm(["head", name.as_str(), "-n", &MANY_ROWS.to_string()]);
    let child = command.stdout(writer).stderr(Stdio::piped()).spawn().unwrap();
    drop(command);
    reader.read_exact(&mut [0]).unwrap();
    (child, reader)
}

#[test]
fn looking_takes_no_lock_and_needs_none() {
    let name = SegmentName::new("looks");
    load_many_rows(&name);
    let before = fs::read(name.file()).unwrap();
    let (mut child, mut rest) = head_in_the_middle(&name);
    let found = locks_on(&name.file());
    assert!(found.is_none_or(|count| count == 0), "head has taken a lock");
    let mut text = String::new();
    rest.read_to_string(&mut text).unwrap();
    assert!(child.wait().unwrap().success() && text.lines().count() == MANY_ROWS + 1);
    assert!(info(&name, "attached").starts_with("no"));
    assert!(fs::read(name.file()).unwrap() == before, "a look has left a trace");

    let look = || {
        let listed = run(&mut ndshm(["ls"])).ok().stdout;
        let shown = run(&mut ndshm(["head", name.as_str()])).ok().stdout;
        assert!(shown.contains("8,000 rows in all"), "{shown}");
        listed.lines().find(|line| line.starts_with(name.as_str())).unwrap().to_string()
    };
    // Somebody has the segment attached.
    let held = Segment::attach(&Name::new(name.as_str()).unwrap(), Access::Read, None).unwrap();
    let found = locks_on(&name.file());
    assert!(found.is_none_or(|count| count > 0), "an attached segment is locked");
    assert!(look().contains("attached"));
    assert!(info(&name, "attached").starts_with("yes"));
    drop(held);
    // A stranger keeps everybody from locking it.
    let stranger = File::open(name.file()).unwrap();
    stranger.lock().unwrap();
    look();
    assert_eq!(info(&name, "state"), "persistent");
    drop(stranger);
    assert!(look().contains("persistent"));
}

#[test]
fn output_that_nobody_reads_is_no_error_worth_a_message() {
    let name = SegmentName::new("broken-pipe");
    load_many_rows(&name);
    let (child, reader) = head_in_the_middle(&name);
    drop(reader);
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert!(output.status.code().is_some_and(|code| code != 101), "{:?}", output.status);
    for args in [["ls", "-q"], ["info", name.as_str()], ["head", name.as_str()]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = ndshm(args).stdout(writer).stderr(Stdio::piped()).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{args:?}");
        assert!(output.status.code().is_some_and(|code| code != 101), "{args:?}");
    }
}

#[test]
fn what_was_made_is_told_to_programs() {
    let (folder, name, again) =
        (Folder::new(), SegmentName::new("told"), SegmentName::new("told-again"));
    load(&name, &data("sample_a.tsv"), &["-t", SHORT]);
    let page = include_str!("../../docs/json.md");
    let told = |args: &[&str]| -> serde_json::Value {
        let said = run(ndshm(args).current_dir(folder.root())).ok().stdout;
        let told: serde_json::Value =
            serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"));
        for key in told.as_object().into_iter().flat_map(|object| object.keys()) {
            assert!(page.contains(&format!("`{key}`")), "docs/json.md has no {key} of {args:?}");
        }
        told
    };
    let made = told(&["export", name.as_str(), "-o", "a.h5", "--dataset", "t", "--json"]);
    let shape = made["shape"].clone();
    assert_eq!((&made["format"], &shape[0]), (&"h5".into(), &421.into()));
    let bytes = fs::metadata(folder.path("a.h5")).unwrap().len();
    assert_eq!(
        (made["bytes"].as_u64(), made["file"].as_str()),
        (Some(bytes), folder.path("a.h5").to_str())
    );
    let made = told(&["join", "a.h5", "-o", "all.h5", "--json"]);
    assert_eq!((&made["shards"], &made["materialized"]), (&1.into(), &false.into()));
    assert_eq!(
        (&made["datasets"][0]["name"], &made["datasets"][0]["shape"]),
        (&"t".into(), &shape)
    );
    let made = told(&["import", "a.h5", "--name", again.as_str(), "--json"]);
    assert_eq!((&made["shape"], &made["name"]), (&shape, &again.as_str().into()));
    let (text, third) = (data("sample_a.tsv"), SegmentName::new("told-third"));
    let text = text.to_str().unwrap();
    for args in [
        &["convert", text, "-o", "c.h5", "--json"][..],
        &["convert", text, "-o", "d.h5", "--dry-run", "--compress", "gzip", "--json"],
        &["load", text, "--name", third.as_str(), "--dry-run", "--json"],
        &["load", text, "--name", third.as_str(), "--json"],
        &["info", third.as_str(), "--json"],
        &["verify", "all.h5", "--json"],
        &["doctor", "--json"],
    ] {
        told(args);
    }
    let both = ndshm(["export", name.as_str(), "-o", "-", "--json"]).output().unwrap();
    assert!(both.status.code() == Some(1) && both.stdout.is_empty());
}

/// A program that watches /dev/shm hears of what is damaged, too.
#[test]
fn damaged_segments_are_listed_for_programs() {
    let name = SegmentName::new("damaged");
    load(&name, &data("sample_a.tsv"), &["-t", SHORT]);
    fs::OpenOptions::new().write(true).open(name.file()).unwrap().set_len(100).unwrap();
    let told = run(&mut ndshm(["ls", "--json"])).ok().stdout;
    let line = told.lines().find(|line| line.contains(name.as_str())).unwrap();
    let told: serde_json::Value = serde_json::from_str(line).unwrap();
    assert!(told["code"].as_i64().unwrap() < 0 && told["error"].is_string(), "{line}");
}

#[test]
fn a_segment_goes_only_by_its_name() {
    let (one, other) = (SegmentName::new("rm"), SegmentName::new("rm"));
    for name in [&one, &other] {
        load(name, &data("sample_a.tsv"), &["-t", SHORT]);
    }
    let ran = run(&mut ndshm(["rm", "no-such-segment", one.as_str()]));
    ran.refused(&["no segment is named 'no-such-segment'"]);
    assert!(!one.has_left_something() && other.file().exists());
}

//! What the command finds out by itself, and what it shows of its work.

#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, reason = "helpers of tests, too")]

mod common;

use std::fs;
use std::path::Path;
use std::process::Stdio;

use common::{Folder, SegmentName, ndshm, run, with_private_mounts};
use ndshm::segment::{Draft, Name, Spec};
use serde_json::Value;

const PRICES: &str = "day;price;name\n2020-01-01;1,5;\"a;b\"\n2020-01-02;2,25;c\n";

/// The lines that are JSON.
fn objects(text: &str) -> Vec<Value> {
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

fn file(folder: &Folder, name: &str, text: &str) -> std::path::PathBuf {
    fs::write(folder.path(name), text).unwrap();
    folder.path(name)
}

/// Converts, and returns what standard output and standard error said.
fn convert(input: &Path, output: &Path, more: &[&str]) -> (String, String) {
    let ran = run(ndshm(["convert", "--force", "-o"]).arg(output).arg(input).args(more));
    assert!(ran.status.success(), "{ran:?}");
    (ran.stdout, ran.stderr)
}

#[test]
fn how_text_is_written_is_found_and_said() {
    let folder = Folder::new();
    let (found, pinned) = (folder.path("found.h5"), folder.path("pinned.h5"));
    let input = file(&folder, "prices.csv", PRICES);
    let (_, said) = convert(&input, &found, &["--no-provenance"]);
    let options = "--delimiter ';' --quotechar '\"' --decimal ',' --header --dtype \
                   \"[('day', '|S10'), ('price', '<f8'), ('name', '|S3')]\"";
    assert_eq!(said, format!("ndshm: found in the text: {options}\n"));
    // The options that were said make the same file.
    let options = ["-d;", "--quotechar=\"", "--decimal=,", "--header", "--no-provenance"];
    let dtype = "[('day', '|S10'), ('price', '<f8'), ('name', '|S3')]";
    let (_, said) = convert(&input, &pinned, &[&options[..], &["--dtype", dtype]].concat());
    assert_eq!(said, "");
    assert!(fs::read(&found).unwrap() == fs::read(&pinned).unwrap(), "the files differ");
}

#[test]
fn what_was_found_is_among_the_options_that_the_file_tells() {
    let folder = Folder::new();
    let input = file(&folder, "prices.csv", PRICES);
    let output = folder.path("out.h5");
    convert(&input, &output, &[]);
    let file = fs::read(output).unwrap();
    let text = b"delimiter=';' header quotechar='\"' decimal=','";
    assert!(file.windows(text.len()).any(|part| part == text));
}

#[test]
fn who_says_how_text_is_read_is_believed() {
    let folder = Folder::new();
    let input = file(&folder, "a.csv", "1,2\n3,4\n");
    let output = folder.path("out.h5");
    // As np.loadtxt: without a delimiter, white space.
    let ran = run(ndshm(["convert", "--dtype", "f8", "-o"]).arg(&output).arg(&input));
    assert!(ran.stderr.contains("could not convert '1,2'"), "{ran:?}");
    let (_, said) = convert(&input, &output, &["-d", "/"]);
    assert_eq!(said, "", "nothing was looked for");
}

/// Streams, compressed and in another encoding, too: nothing is read twice.
#[test]
fn streams_are_looked_at_as_files_are() {
    let folder = Folder::new();
    let name = SegmentName::new("command");
    let text: Vec<u8> = PRICES.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let input = folder.path("prices.utf16");
    fs::write(&input, text).unwrap();
    let stdin = Stdio::from(fs::File::open(&input).unwrap());
    let mut load =
        ndshm(["load", "-", "--encoding", "utf-16-le", "--json", "--name", name.as_str()]);
    let ran = run(load.stdin(stdin)).ok();
    let made = &objects(&ran.stdout)[0];
    assert_eq!(made["dtype"], "[('day', '|S10'), ('price', '<f8'), ('name', '|S3')]");
    assert_eq!((&made["shape"][0], &made["bad_rows"]), (&2.into(), &0.into()));
}

#[test]
fn json_says_what_was_made() {
    let folder = Folder::new();
    let input = file(&folder, "a.csv", "x,y\n1,2.5\n3,4\n");
    let output = folder.path("out.h5");
    let (said, aside) = convert(&input, &output, &["--json"]);
    let made = &objects(&said)[0];
    assert_eq!(made["rows"], 2);
    assert_eq!(made["bytes"], fs::metadata(&output).unwrap().len());
    assert_eq!(made["bytes_in"], fs::metadata(&input).unwrap().len());
    assert_eq!(made["datasets"][0]["name"], "a");
    assert_eq!(made["datasets"][0]["shape"], serde_json::json!([2]));
    assert_eq!(made["found"]["delimiter"], ",");
    assert_eq!(made["found"]["header"], true);
    assert_eq!(aside, "");
}

/// Programs get a line at once, and one at the end; the bytes never become less in a pass.
#[test]
fn progress_is_told_to_programs() {
    let folder = Folder::new();
    let text = "1 2 3\n".repeat(200_000);
    let input = file(&folder, "a.txt", &text);
    let (_, said) = convert(&input, &folder.path("out.h5"), &["--progress", "json", "-tf8"]);
    let lines = objects(&said);
    assert!(lines.len() >= 2, "{said}");
    let last = lines.last().unwrap();
    assert_eq!((&last["done"], &last["rows"]), (&true.into(), &200_000.into()));
    assert_eq!(
        (&last["bytes_done"], &last["bytes_total"]),
        (&text.len().into(), &text.len().into())
    );
    let bytes: Vec<u64> = lines.iter().map(|line| line["bytes_done"].as_u64().unwrap()).collect();
    assert!(bytes.is_sorted(), "{bytes:?}");
    // Of a stream nobody knows how much it is; and who does not ask gets nothing.
    let stdin = Stdio::from(fs::File::open(&input).unwrap());
    let mut piped = ndshm(["convert", "-", "-tf8", "--progress", "json", "--force", "-o"]);
    let ran = run(piped.arg(folder.path("out.h5")).stdin(stdin));
    assert!(objects(&ran.stderr).iter().all(|line| line["bytes_total"].is_null()), "{ran:?}");
    assert_eq!(convert(&input, &folder.path("out.h5"), &["-tf8"]).1, "");
}

#[test]
fn waiting_ends_when_the_segment_is_there_or_the_time_is_over() {
    let name = SegmentName::new("command");
    let ran = run(&mut ndshm(["wait", "--timeout", "0.05", name.as_str()]));
    assert_eq!(ran.status.code(), Some(1));
    assert!(ran.stderr.contains("is not there after 0."), "{ran:?}");
    let waiting = ndshm(["wait", "--timeout", "60", name.as_str()]).spawn().unwrap();
    let spec = Spec::of::<f64>(&[3]);
    let draft = Draft::create(&Name::new(name.as_str()).unwrap(), &spec).unwrap();
    let ran = run(&mut ndshm(["wait", "--timeout", "0.05", name.as_str()]));
    assert_eq!(ran.status.code(), Some(1), "a draft is not there: {ran:?}");
    let segment = draft.publish().unwrap();
    assert!(waiting.wait_with_output().unwrap().status.success());
    assert_eq!(segment.attach_epoch(), 0, "waiting is no attach");
}

#[test]
fn completions_know_all_options() {
    for shell in ["bash", "zsh", "fish"] {
        let ran = run(&mut ndshm(["completions", shell])).ok();
        assert!(ran.stdout.contains("append-rows") && ran.stdout.contains("wait"), "{shell}");
    }
}

#[test]
fn the_doctor_finds_this_machine_well() {
    let ran = run(&mut ndshm(["doctor"])).ok();
    for word in ["/dev/shm is tmpfs", "opened by its name, and is gone", "HDF5"] {
        assert!(ran.stdout.contains(word), "{word}: {ran:?}");
    }
    let findings: Value =
        serde_json::from_str(&run(&mut ndshm(["doctor", "--json"])).stdout).unwrap();
    assert!(findings.as_array().unwrap().iter().all(|finding| finding["state"] != "bad"));
}

/// A file system for segments that nobody can use, and a limit.
#[test]
fn the_doctor_says_what_is_wrong_and_what_to_do() {
    let small = "mount -t tmpfs -o size=64k tmpfs /dev/shm && \"$1\" doctor";
    let Some(ran) = with_private_mounts(small, &[]) else { return };
    assert!(ran.status.success() && ran.stdout.contains("--shm-size"), "{ran:?}");
    let closed = "mount -t tmpfs -o ro tmpfs /dev/shm && \"$1\" doctor";
    let ran = with_private_mounts(closed, &[]).unwrap();
    assert_eq!(ran.status.code(), Some(1));
    assert!(ran.stdout.contains("BAD   segments        none can be made"), "{ran:?}");
}

#[test]
fn info_names_who_has_a_segment_mapped() {
    let name = SegmentName::new("command");
    let segment =
        Draft::create(&Name::new(name.as_str()).unwrap(), &Spec::of::<f64>(&[2, 3])).unwrap();
    let segment = segment.publish().unwrap();
    let said = run(&mut ndshm(["info", "--json", name.as_str()])).ok().stdout;
    let told = &objects(&said)[0];
    assert_eq!(told["mapped_by"][0]["pid"], std::process::id());
    assert_eq!((&told["shape"], &told["dtype"]), (&serde_json::json!([2, 3]), &"<f8".into()));
    assert_eq!((&told["policy"], &told["state"]), (&"last-detach".into(), &"attached".into()));
    let said = run(&mut ndshm(["info", name.as_str()])).ok().stdout;
    assert!(said.contains(&format!("({})", std::process::id())), "{said}");
    let all = objects(&run(&mut ndshm(["ls", "--json"])).ok().stdout);
    assert!(all.iter().any(|one| one["name"] == name.as_str()));
    drop(segment);
}

//! A quota that is used up: any write may meet it.

use std::fs;
use std::process::Command;

use super::common::{Folder, SegmentName, Snapshot, joined, ndshm, run};
use super::shim;

const EDQUOT: &str = "122";
const RECORD: &str = "name:S6,i:i4,x:f8";

/// A command that makes or changes a file.
struct Case<'a> {
    folder: &'a Folder,
    args: String,
    target: &'a str,
    /// What is there before.
    old: Vec<u8>,
}

impl Case<'_> {
    fn command(&self) -> Command {
        let mut command = ndshm(self.args.split_whitespace());
        command.arg("-q").env("NDSHM_PIECE_BYTES", "2000").current_dir(self.folder.root());
        command
    }

    /// How many such calls there are, and what is made if none fails.
    fn calls(&self, call: &str) -> (u64, Vec<u8>) {
        let (other, at) = (Folder::new(), [("CRASH_AT", "0"), ("CRASH_ERRNO", EDQUOT)]);
        let seen = other.path("seen");
        self.folder.write(self.target, &self.old);
        let mut command = self.command();
        command.env("LD_PRELOAD", shim().unwrap()).envs(at).env("CRASH_CALL", call);
        run(command.env("CRASH_SEEN", &seen)).ok();
        let calls = fs::read_to_string(seen).unwrap().trim().parse().unwrap();
        (calls, fs::read(self.folder.path(self.target)).unwrap())
    }

    /// Every one of them fails, one in each run; how many were no errors, and how many were.
    fn meets_the_quota(&self, call: &str) -> (u64, u64) {
        let ((calls, expected), mut refused) = (self.calls(call), 0);
        for at in 1..=calls {
            self.folder.write(self.target, &self.old);
            let (path, names) = (self.folder.path(self.target), self.folder.names());
            let before = Snapshot::of(&path);
            let mut command = self.command();
            command.env("LD_PRELOAD", shim().unwrap()).env("CRASH_AT", at.to_string());
            let ran = run(command.env("CRASH_ERRNO", EDQUOT).env("CRASH_CALL", call));
            let what = format!("{}, {call} {at} of {calls}: {ran:?}", self.args);
            assert_eq!(self.folder.names(), names, "{what}");
            if ran.status.success() {
                // HDF5 marks a file when it opens it, which is of no use to anybody here.
                assert!(fs::read(&path).unwrap() == expected, "{what}");
                continue;
            }
            refused += 1;
            if ran.stderr.contains("can't sync the directory") {
                // The file has its name.
                assert!(ran.stderr.contains("quota"), "{what}");
                continue;
            }
            assert!(Snapshot::of(&path) == before, "{what}");
            ran.refused(&["disk quota is used up", self.target, "'quota' tells"]);
        }
        (calls - refused, refused)
    }
}

#[test]
fn a_quota_that_is_used_up_is_told_and_leaves_the_old_file() {
    if shim().is_none() {
        return;
    }
    let (folder, segment) = (Folder::new(), SegmentName::new("quota"));
    let row = |i| format!("n{} {} {}.{:03}\n", i % 37, i * 7919 % 10_007, i, i % 997);
    folder.write("in.txt", joined(5000, row));
    let convert = format!("convert in.txt -t {RECORD} -j 2");
    let chunks = "--compress gzip:1 --chunks 500";
    let prepare = [
        format!("{convert} --concat data -o a.h5"),
        format!("{convert} --concat data -o b.h5 {chunks}"),
        format!("load in.txt -t {RECORD} --name {}", segment.as_str()),
    ];
    for line in &prepare {
        run(ndshm(line.split_whitespace()).arg("-q").current_dir(folder.root())).ok();
    }
    let (a, b) = (fs::read(folder.path("a.h5")).unwrap(), fs::read(folder.path("b.h5")).unwrap());
    let export = format!("export {} --force --sync -o", segment.as_str());
    let cases = [
        (format!("{convert} --force --sync -o x.h5"), "x.h5", vec![1]),
        (format!("{convert} --force --sync -o x.h5 {chunks}"), "x.h5", vec![1]),
        (format!("{convert} --force --sync -o x.h5 {chunks} --layout columns"), "x.h5", vec![1]),
        (format!("{export} x.h5"), "x.h5", vec![1]),
        (format!("{export} x.npy"), "x.npy", vec![1]),
        (format!("{export} x.csv"), "x.csv", vec![1]),
        (format!("{convert} --append --concat more -o x.h5"), "x.h5", a),
        ("convert in.txt --append-rows --concat data -j 2 -o x.h5".into(), "x.h5", b),
        ("join a.h5 b.h5 --force --sync -o x.h5".into(), "x.h5", vec![1]),
        ("join a.h5 b.h5 --force --sync --materialize -o x.h5".into(), "x.h5", vec![1]),
    ];
    for (args, target, old) in cases {
        let case = Case { folder: &folder, args, target, old };
        let (done, refused) = case.meets_the_quota("pwrite");
        assert!(done <= 1 && refused > 0, "{}: {done} {refused}", case.args);
        for call in ["fsync", "ftruncate", "fallocate", "rename", "linkat", "open"] {
            case.meets_the_quota(call);
        }
        fs::remove_file(folder.path(target)).unwrap();
    }
}

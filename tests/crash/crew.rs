//! Workers that unpack the chunks of an import, and cannot read them.

use super::common::run;
use super::{Case, Makes, RECORD, is_told, shim};

/// More than is worth a fork.
const ROWS: usize = 300_000;
const CHUNKS: usize = 60;

/// Each worker reads with a `pread` of its own, for each chunk.
#[test]
fn a_worker_that_cannot_read_a_chunk_ends_the_import() {
    let Some(shim) = shim() else { return };
    let convert = format!(
        "convert in.txt -o in.h5 -t {RECORD} --concat data --compress gzip:1 --chunks {}",
        ROWS / CHUNKS
    );
    let import = "import in.h5 --name SEGMENT -j 2";
    let case = Case::new(Makes::Segment, "in.h5", &convert, import, ROWS);
    let how = [("CRASH_CALL", "pread"), ("CRASH_FILE", "in.h5"), ("CRASH_FORKED", "1")];
    for (at, on) in [(1, false), (1, true), (2, true), (7, false), (11, true)] {
        let mut command = case.disturbed(shim, &[], at, &how);
        command.env("CRASH_ERRNO", "5");
        if on {
            command.env("CRASH_ON", "1");
        }
        let ran = run(&mut command);
        let what = format!("read {at} of a worker, {on}: {ran:?}");
        is_told(&case, &ran, &["Input/output error"], None, &what);
        assert!(ran.stderr.contains("in.h5"), "no file is named: {what}");
        assert!(!case.segment.has_left_something(), "{what}");
    }
    case.has_no_process("reads that fail");
    case.next_run_cleans_up("reads that fail");
}

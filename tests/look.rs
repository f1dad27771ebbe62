//! `ndshm head` and `tail`: what a person sees, what conditions may say, and when they end. What
//! NumPy says of the same rows: `look/run.py`, by the Python that `NDSHM_PYTHON` names.
#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used)]

mod common;

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use common::{Folder, NDSHM, SegmentName, joined, ndshm, run, skipped};

const FLIGHTS: &str = "\
from,miles,late,day,seats
CGN,120.5,1,2024-02-27,12
日本,3,0,2024-02-28,9007199254740993
CGN,NA,1,2024-03-01,-4
MUC,88,1,,7
";

const FLAGS: [&str; 4] = ["--header", "-d,", "--missing=NA", "-tU,f8,?,M8[D],i8"];

/// What is printed of these flights.
fn flights(args: &[&str]) -> String {
    let folder = Folder::new();
    let path = folder.write("flights.csv", FLIGHTS);
    run(ndshm(args).args(FLAGS).arg(path).env("LC_ALL", "C.UTF-8")).ok().stdout
}

/// The lines of an error with a condition.
fn refused(condition: &str) -> String {
    let folder = Folder::new();
    let path = folder.write("flights.csv", FLIGHTS);
    let ran = run(ndshm(["head", "--where", condition]).args(FLAGS).arg(path));
    assert!(ran.status.code() == Some(1) && ran.stdout.is_empty(), "{ran:?}");
    ran.stderr
}

#[test]
fn rows_are_aligned() {
    assert_eq!(
        flights(&["head", "-n3"]),
        "\
from  miles   late  day                    seats
CGN   120.5   True  2024-02-27                12
日本    3.0  False  2024-02-28  9007199254740993
CGN     nan   True  2024-03-01                -4
"
    );
    assert_eq!(
        flights(&["tail", "-n1", "--columns", "seats,0"]),
        "seats  from\n    7  MUC\n... 4 rows in all\n"
    );
    assert_eq!(flights(&["head", "--columns", "from", "-n0"]), "from\n");
}

#[test]
fn rows_that_fit_are_found_and_counted() {
    let found = |condition: &str| {
        let args = ["head", "--columns", "seats", "--where", condition];
        let shown = flights(&args);
        let mut lines: Vec<&str> = shown.lines().skip(1).map(str::trim).collect();
        let last = lines.pop().unwrap().to_string();
        let count = flights(&["head", "--count", "--where", condition]);
        assert_eq!(last, format!("... {} of 4 rows fit", lines.len()));
        assert_eq!(count, format!("{}\n", lines.len()));
        lines.join(" ")
    };
    assert_eq!(found("from == 'CGN'"), "12 -4");
    assert_eq!(found("from in ('日本', \"MUC\") and not late"), "9007199254740993");
    assert_eq!(found("seats = 9007199254740993"), "9007199254740993");
    assert_eq!(found("seats >= 9007199254740992.5"), "9007199254740993");
    assert_eq!(found("seats == 9007199254740992"), "");
    assert_eq!(found("0 < seats <= 12"), "12 7");
    assert_eq!(found("miles is missing or day is missing"), "-4 7");
    assert_eq!(found("day > '2024-02-27T23:59' && late"), "-4");
    assert_eq!(found("not (miles < 100)"), "12 -4");
    assert_eq!(found("seats > miles"), "9007199254740993");
    let two = ["tail", "--count", "--where", "late", "--where", "seats > 0"];
    assert_eq!(flights(&two), "2\n");
    let some = flights(&["head", "-n1", "--columns=seats", "--where", "late"]);
    assert_eq!(some, "seats\n   12\n... there may be more that fit\n");
}

#[test]
fn rows_are_objects_for_programs() {
    assert_eq!(
        flights(&["tail", "-n2", "--json"]),
        "{\"from\":\"CGN\",\"miles\":\"NaN\",\"late\":true,\"day\":\"2024-03-01\",\"seats\":-4}\n\
         {\"from\":\"MUC\",\"miles\":88.0,\"late\":true,\"day\":\"NaT\",\"seats\":7}\n"
    );
}

#[test]
fn a_wrong_condition_shows_its_place() {
    for (condition, what, caret, hint) in [
        ("miels > 3", "there is no column 'miels'", "^^^^^", "maybe 'miles' is meant"),
        ("late and from.x == 'a'", "'from' has no fields", "             ^^", ""),
        ("miles >", "a column or a value is expected here", "       ^", ""),
        ("miles > 3 late", "'and' or 'or' is expected before this", "          ^^^^", ""),
        ("(miles > 3", "')' is expected here", "          ^", ""),
        ("miles > 3)", "there is no '(' for this", "         ^", ""),
        ("from == 3", "'from' is a text, and this is a number", "        ^", "'3'"),
        ("miles == '3'", "'miles' is a number, and this is a text", "         ^^^", "quotes: 3"),
        ("day > 2024", "'day' is a datetime, and this is a number", "      ^^^^", "'2000-12-31'"),
        ("day > 'soon'", "this is no date", "      ^^^^^^", ""),
        ("miles == nan", "nothing equals this", "         ^^^", "'miles is missing' finds it"),
        ("miles", "'miles' is a number, and alone no condition", "^^^^^", "comparison"),
        ("miles + 1 > 3", "a comparison such as", "      ^", ""),
        ("miles * 2 > 3", "values are compared, and not computed with '*'", "      ^", ""),
        ("from == 'x", "a closing ' is missing", "        ^^", ""),
        ("1 < 2", "a column is expected on one side", "^^^^^", "[1]"),
        ("miles in 3", "'(' is expected behind 'in'", "         ^", ""),
        ("日本 == 1", "there is no column '日本'", "^^^^", "'from'"),
        ("from > day", "they have no order", "^^^^^^^^^^", ""),
        ("late is true", "'missing' or 'not missing' is expected", "        ^^^^", ""),
        ("", "a column or a value is expected here", "^", ""),
    ] {
        let said = refused(condition);
        let mut lines = said.lines();
        let first = lines.next().unwrap();
        assert!(first.starts_with("ndshm: --where: ") && first.contains(what), "{said}");
        assert_eq!(lines.next().unwrap(), format!("  {condition}"), "{said}");
        assert_eq!(lines.next().unwrap(), format!("  {caret}"), "{said}");
        assert!(said.contains(hint), "no {hint} in {said}");
    }
}

#[test]
fn conditions_without_end_are_refused() {
    for deep in ["(".repeat(100_000), "not ".repeat(30_000), "!".repeat(100_000) + "late"] {
        assert!(refused(&deep).contains("nested too deeply"));
    }
    let long = joined(5_000, |i| format!("seats == {i} or ")) + "late";
    assert_eq!(flights(&["head", "--count", "--where", &long]), "3\n");
}

#[test]
fn columns_that_are_none_are_told() {
    let folder = Folder::new();
    let path = folder.write("flights.csv", FLIGHTS);
    let mut command = ndshm(["head", "--columns", "from,mile"]);
    run(command.args(FLAGS).arg(path)).refused(&["--columns: ", "'mile'", "maybe 'miles'"]);
}

#[test]
fn wide_rows_are_cut_on_a_terminal_only() {
    let folder = Folder::new();
    let path = folder.write("wide.txt", joined(300, |i| format!("{i} ")));
    let args = ["head", "-t", "i4", path.to_str().unwrap()];
    let narrow = run(ndshm(args).env("COLUMNS", "40").env("LC_ALL", "C.UTF-8")).ok().stdout;
    assert_eq!(
        narrow,
        "\
0  1  2  3  4  5  6  …  297  298  299
0  1  2  3  4  5  6  …  297  298  299
... 10 of 300 columns are shown; --columns names others
"
    );
    let piped = run(ndshm(args).env_remove("COLUMNS")).ok().stdout;
    assert!(piped.lines().all(|line| line.split_whitespace().count() == 300), "{piped}");
}

/// The beginning of a text is enough for its first rows, and so are the first that fit: a pipe
/// that nobody closes is not waited for.
#[test]
fn text_without_end_is_read_as_far_as_it_is_wanted() {
    for more in [&["-n3"][..], &["-n3", "--where", "n >= 100000"]] {
        let mut command = ndshm(["head", "-t", "n:i8,w:S3", "-"]);
        command.args(more).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut pipe = child.stdin.take().unwrap();
        let writer = std::thread::spawn(move || {
            let mut next = 0_u64;
            // Until the reader is gone.
            while pipe.write_all(format!("{next} x\n").as_bytes()).is_ok() {
                next += 1;
            }
        });
        let done = child.wait_with_output().unwrap();
        writer.join().unwrap();
        let said = String::from_utf8(done.stdout).unwrap();
        assert!(done.status.success() && said.lines().count() >= 4, "{said}");
    }
}

#[test]
fn whoever_closes_the_pipe_ends_it() {
    let name = SegmentName::new("look-pipe");
    let folder = Folder::new();
    let path = folder.write("many.txt", joined(200_000, |i| format!("{i}\n")));
    run(ndshm(["load", "-q", "-t", "n:i8", "-n", name.as_str()]).arg(path)).ok();
    for args in [["--json"], ["--where=n > 5"]] {
        let mut command = ndshm(["head", "-n", "1000000000", name.as_str()]);
        command.args(args).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut reader = child.stdout.take().unwrap();
        reader.read_exact(&mut [0; 10]).unwrap();
        drop(reader);
        let done = child.wait_with_output().unwrap();
        assert_eq!(String::from_utf8_lossy(&done.stderr), "");
        assert_eq!(done.status.code(), Some(0));
    }
}

#[test]
fn what_is_nowhere_may_be_a_file_or_a_segment() {
    for (input, says) in [
        ("no-such-thing", "no such file; no segment is named 'no-such-thing'"),
        ("no/such/thing", "no such file; segment name holds a slash"),
    ] {
        run(&mut ndshm(["tail", input])).refused(&[says]);
    }
    let folder = Folder::new();
    let empty = folder.write("x.npy", "");
    run(ndshm(["head"]).arg(empty)).refused(&["x.npy"]);
}

#[test]
fn numpy_says_the_same() {
    let Some(python) = std::env::var_os("NDSHM_PYTHON").filter(|path| !path.is_empty()) else {
        skipped("what NumPy says of rows", "NDSHM_PYTHON names no Python with NumPy and h5py");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/look/run.py");
    let done = Command::new(python).arg(script).arg(NDSHM).arg(folder.path()).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

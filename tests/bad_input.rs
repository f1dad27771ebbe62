//! Everything that can go wrong: one clear message, a status that is not 0, and
//! nothing half-done left anywhere.

#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, reason = "helpers of tests, too")]

mod common;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::{
    Folder, NDSHM, NOBODY, Ran, SegmentName, Snapshot, is_root, ndshm, run, skipped,
    with_private_mounts,
};

/// Bad text, the options to read it with, and what the message must say.
struct Refused {
    text: &'static [u8],
    options: &'static [&'static str],
    says: &'static [&'static str],
}

const fn refused(
    text: &'static [u8],
    options: &'static [&'static str],
    says: &'static [&'static str],
) -> Refused {
    Refused { text, options, says }
}

const TEXTS: &[Refused] = &[
    refused(b"", &["-t", "f8"], &["bad.txt: ", "no rows", "--allow-empty"]),
    refused(b"# only\n\n", &["-t", "f8"], &["bad.txt: ", "no rows"]),
    refused(b"1 2\n3\n", &["-t", "f8"], &["bad.txt:2: ", "columns changed from 2 to 1"]),
    refused(b"#\n1 2\n\n3 4 5\n", &["-t", "f8"], &["bad.txt:4: ", "from 2 to 3"]),
    refused(b"1 2\n3 x4\n", &["-t", "f8"], &["bad.txt:2:2: ", "'x4'", "<f8", "a number"]),
    refused(b"1,,3\n", &["-t", "f8", "-d,"], &["bad.txt:1:2: ", "''", "a number"]),
    refused(b"1\n300\n", &["-t", "i1"], &["bad.txt:2:1: ", "'300'", "-128 to 127"]),
    refused(b"1 -1\n", &["-t", "a:u2,b:u2"], &["bad.txt:1:2: ", "'-1'", "'b'", "0 to 65535"]),
    refused(
        b"1 9223372036854775808\n",
        &["-t", "i8"],
        &["bad.txt:1:2: ", "'9223372036854775808'", "9223372036854775807"],
    ),
    refused(b"1 2.5\n", &["-t", "i4"], &["bad.txt:1:2: ", "'2.5'", "an integer"]),
    refused(b"1 2 3\n", &["-t", "a:i4,b:i4"], &["bad.txt:1: ", "2 fields", "3 columns"]),
    refused(b"1 2\n3\n", &["-t", "a:i4,b:i4"], &["bad.txt:2: ", "2 fields", "1 columns"]),
    refused(b"a b\nc \xff\n", &["-t", "S3"], &["bad.txt:2", "UTF-8"]),
    refused(b"a b\nc \xff\n", &["-t", "U3"], &["bad.txt:2", "UTF-8"]),
    refused(b"1 2\n", &["-t", "i4", "--usecols=0,5"], &["bad.txt:1: ", "column 5", "2 columns"]),
    refused(b"1 2\n", &["-t", "i4", "--usecols=-3"], &["bad.txt:1: ", "column -3", "2 columns"]),
    refused(b"1 2\n", &["-t", "a:i4,b:i4", "--usecols=0"], &["usecols names 1 column", "2 fields"]),
    refused(b"1 2\n", &["-t", "a:i4,b:V4"], &["'b'", "cannot be read from text yet"]),
    refused(
        b"1 2\n",
        &["-t", "i4", "--delimiter=#"],
        &["delimiter, comments, quote", "cannot be told apart"],
    ),
    refused(b"1 2\n", &["-t", "i4", "--memory=1K"], &["give more memory", "hint: --memory"]),
    // What to try, if the line shows it.
    refused(
        b"1;2\n3;4\n",
        &["-t", "i4,i4", "-d,"],
        &["\n  1;2\n  hint: with ';' between fields", "--delimiter ';'"],
    ),
    refused(
        b"1,\"2,3\"\n",
        &["-t", "i4,S9", "-d,"],
        &["\n  1,\"2,3\"\n  hint: ", "--quotechar '\"'"],
    ),
    refused(b"1\n", &["-t", "i4", "--usecols", "a"], &["without a header\n  hint: --header"]),
    refused(b"#\n", &["-t", "i4", "--header"], &["has no names (skiprows)\n  hint: --skiprows"]),
    refused(b"1 2\n3 4\n", &["-t", "i4", "--skiprows=9"], &["bad.txt: ", "no rows"]),
];

/// Runs `convert` and `load` with the same bad options. Both must fail with one
/// message of these words, and leave everything as it was.
#[track_caller]
fn refuses(folder: &Folder, args: &[&str], check: impl Fn(Ran)) {
    let name = SegmentName::new("refused");
    let there = folder.write("there.h5", "precious");
    let (before, files) = (Snapshot::of(&there), folder.names());
    let convert = |output: &str| {
        let mut command = ndshm(["convert", "-o", output]);
        check(run(command.args(args).current_dir(folder.root())));
        assert_eq!(folder.names(), files);
    };
    convert("new.h5");
    let mut command = ndshm(["convert", "-o", "there.h5", "--force"]);
    check(run(command.args(args).current_dir(folder.root())));
    let mut command = ndshm(["load", "-n", name.as_str()]);
    check(run(command.args(args).current_dir(folder.root())));
    assert_eq!(folder.names(), files);
    assert_eq!(Snapshot::of(&there), before);
    assert!(!name.has_left_something());
}

#[test]
fn bad_text_is_refused_with_its_place() {
    for case in TEXTS {
        let folder = Folder::new();
        folder.write("bad.txt", case.text);
        let args = [&["bad.txt"], case.options].concat();
        refuses(&folder, &args, |ran| drop(ran.refused(case.says)));
    }
}

#[test]
fn the_first_error_in_file_order_wins() {
    let folder = Folder::new();
    let mut lines = vec!["1 2"; 400];
    lines[299] = "1 later";
    folder.write("a.txt", lines.join("\n"));
    lines[99] = "first 2";
    folder.write("b.txt", lines.join("\r\n"));
    folder.write("c.txt", "none\n".repeat(400));
    for (piece, workers) in [("1", "4"), ("7", "3"), ("100", "2"), ("1000", "8"), ("99999", "1")] {
        for (inputs, says) in [
            (["a.txt", "b.txt", "c.txt"], "a.txt:300:2: could not convert 'later'"),
            (["b.txt", "a.txt", "c.txt"], "b.txt:100:1: could not convert 'first'"),
        ] {
            let mut command = ndshm(["convert", "-o", "x.h5", "-t", "i4", "-j", workers]);
            command.args(inputs).env("NDSHM_PIECE_BYTES", piece).current_dir(folder.root());
            run(&mut command).refused(&[says]);
        }
    }
    assert_eq!(folder.names(), ["a.txt", "b.txt", "c.txt"]);
}

/// Says it in lines that a terminal takes for text.
#[track_caller]
fn is_printable(ran: &Ran) {
    let trick = |c: char| c.is_control() && c != '\n';
    assert!(!ran.stderr.trim_end().chars().any(trick), "{ran:?}");
}

#[test]
fn offending_text_cannot_play_tricks_on_a_terminal() {
    let folder = Folder::new();
    folder.write("bad.txt", "1 \x1b[2Jx\u{9b}\n");
    refuses(&folder, &["bad.txt", "-t", "f8"], |ran| {
        is_printable(&ran.refused(&["bad.txt:1:2: ", "[2J"]));
    });
}

#[test]
fn names_cannot_play_tricks_on_a_terminal() {
    let folder = Folder::new();
    folder.write("bad\nname\x1b.txt", "x\n");
    refuses(&folder, &["bad\nname\x1b.txt", "-t", "f8"], |ran| {
        is_printable(&ran.refused(&["name"]));
    });
    for command in ["info", "head", "rm"] {
        is_printable(&run(&mut ndshm([command, "a\nb"])).refused(&["control character"]));
    }
}

#[test]
fn text_that_is_not_utf8_is_shown() {
    let folder = Folder::new();
    folder.write("bad.txt", b"a b\nc d\xffe\n");
    for dtype in ["S3", "U3"] {
        let says = ["bad.txt:2:2: ", "d", "e", "UTF-8"];
        refuses(&folder, &["bad.txt", "-t", dtype], |ran| drop(ran.refused(&says)));
    }
}

#[test]
fn inputs_that_are_no_tables_are_refused() {
    let folder = Folder::new();
    folder.write("good.txt", "1 2\n");
    fs::create_dir(folder.path("dir")).unwrap();
    for (input, says) in [
        ("missing.txt", "missing.txt: no such file"),
        ("dir", "dir: is a directory"),
        ("dir/missing.txt", "dir/missing.txt: no such file"),
        ("good.txt/x", "good.txt/x: "),
        ("/dev/null", "/dev/null: has no rows"),
    ] {
        let case = |inputs: &[&str]| {
            let args = [inputs, &["-t", "f8"]].concat();
            refuses(&folder, &args, |ran| drop(ran.refused(&[says])));
        };
        case(&[input]);
        case(&["good.txt", input]);
    }
    let args = ["--files-from0", "missing", "-t", "f8"];
    refuses(&folder, &args, |ran| drop(ran.refused(&["missing: "])));
    let args = ["--files-from0", "/dev/null", "-t", "f8"];
    refuses(&folder, &args, |ran| drop(ran.refused(&["names no inputs"])));
}

#[test]
fn a_dtype_that_does_not_parse_is_shown_with_a_caret() {
    let folder = Folder::new();
    folder.write("good.txt", "1 2\n");
    for (dtype, words) in [
        ("f9", &["--dtype: ", "\n  f9\n  ^"][..]),
        ("a:i4,b:q7", &["unknown type", "\n  a:i4,b:q7\n         ^"]),
        ("[('a','<i4'),('b','<i4'", &["--dtype: ", "\n  [('a','<i4'),('b','<i4'\n"]),
        ("a:i4,a:i4", &["two fields have this name", "^"]),
        ("a:é4", &["\n  a:é4\n    ^"]),
        ("O", &["cannot be shared", "^"]),
        ("i4 i4", &["--dtype: ", "^"]),
    ] {
        refuses(&folder, &["good.txt", "-t", dtype], |ran| drop(ran.refused_with_caret(words)));
    }
    folder.write("long.txt", "x".repeat(500) + ":i4,\n  b:i4,\n  c:?9\n");
    let args = ["good.txt", "-t", "@long.txt"];
    refuses(&folder, &args, |ran| drop(ran.refused_with_caret(&["long.txt:3: ", "\n    c:?9\n"])));
    let wide = "abcdefgh:i4,".repeat(100) + "b:q";
    refuses(&folder, &["good.txt", "-t", &wide], |ran| {
        let ran = ran.refused_with_caret(&["--dtype: "]);
        assert!(ran.stderr.lines().all(|line| line.chars().count() < 80), "{ran:?}");
    });
    let args = ["good.txt", "-t", "@missing"];
    refuses(&folder, &args, |ran| drop(ran.refused(&["missing: "])));
    folder.write("empty", "");
    refuses(&folder, &["good.txt", "-t", "@empty"], |ran| drop(ran.refused_with_caret(&["empty"])));
}

#[test]
fn a_wrong_command_line_has_status_2() {
    let folder = Folder::new();
    folder.write("a.txt", "1 2\n");
    let cases: [&[&str]; 13] = [
        &[],
        &["no-such-command"],
        &["convert"],
        &["convert", "a.txt", "-t", "f8"],
        &["convert", "-o", "x.h5", "-t", "f8"],
        &["convert", "a.txt", "--files-from0", "-", "-o", "x.h5", "-t", "f8"],
        &["convert", "a.txt", "-o", "x.h5", "-t", "f8", "-j", "0"],
        &["convert", "a.txt", "-o", "x.h5", "-t", "f8", "-d", "ab"],
        &["convert", "a.txt", "-o", "x.h5", "-t", "f8", "--quotechar", "ab"],
        &["convert", "a.txt", "-o", "x.h5", "-t", "f8", "--usecols", "0,,1"],
        &["convert", "a.txt", "-o", "x.h5", "-t", "f8", "--memory", "lots"],
        &["load", "a.txt", "-t", "f8"],
        &["rm"],
    ];
    for args in cases {
        let ran = run(ndshm(args.iter()).current_dir(folder.root()));
        assert_eq!(ran.status.code(), Some(2), "{ran:?}");
        assert!(
            ran.stdout.is_empty() && ran.stderr.contains("Usage: ndshm")
                || ran.stderr.starts_with("error: "),
            "{ran:?}"
        );
        assert_eq!(folder.names(), ["a.txt"], "{args:?}");
    }
}

/// Runs `convert` of a good input in a folder; it must fail, and leave the
/// folder and all that is in it as it was.
#[track_caller]
fn refuses_output(folder: &Folder, args: &[&str], says: &[&str]) {
    let files = folder.names();
    let plain = |name: &&String| folder.path(name).is_file();
    let before: Vec<_> =
        files.iter().filter(plain).map(|n| Snapshot::of(&folder.path(n))).collect();
    let mut command = ndshm(["convert", "-t", "f8"]);
    run(command.args(args).current_dir(folder.root())).refused(says);
    assert_eq!(folder.names(), files);
    let after: Vec<_> = files.iter().filter(plain).map(|n| Snapshot::of(&folder.path(n))).collect();
    assert_eq!(after, before);
}

#[test]
fn outputs_that_cannot_be_are_refused() {
    let folder = Folder::new();
    folder.write("a.txt", "1 2\n");
    folder.write("there.h5", "precious");
    fs::create_dir(folder.path("dir")).unwrap();
    std::os::unix::fs::symlink("nowhere", folder.path("dangling")).unwrap();
    std::os::unix::fs::symlink("a.txt", folder.path("input-link")).unwrap();
    let refuses = |args: &[&str], says: &[&str]| refuses_output(&folder, args, says);
    refuses(&["a.txt", "-o", "there.h5"], &["there.h5: file exists", "hint: --force"]);
    // It is said before any work is done: this input is no table.
    refuses(&["there.h5", "-o", "there.h5"], &["there.h5: file exists"]);
    refuses(&["a.txt", "-o", "missing/x.h5"], &["missing/x.h5: ", "directory does not exist"]);
    refuses(&["a.txt", "-o", "a.txt/x.h5"], &["a.txt/x.h5: "]);
    refuses(&["a.txt", "-o", "/dev/null", "-f"], &["/dev/null: is not a regular file"]);
    for force in [&[][..], &["--force"]] {
        let case = |args: &[&str], says: &[&str]| refuses(&[args, force].concat(), says);
        case(&["a.txt", "-o", "dir"], &["dir: is a directory"]);
        case(&["a.txt", "-o", "dir/"], &["dir"]);
        case(&["a.txt", "-o", "dangling"], &["dangling: is a link to nothing"]);
        case(&["a.txt", "-o", "a.txt"], &["a.txt: "]);
        case(&["a.txt", "-o", "."], &["."]);
    }
    for output in ["a.txt", "./a.txt", "input-link", "dir/../a.txt"] {
        refuses(&["there.h5", "a.txt", "-o", output, "-f"], &["the output is one of the inputs"]);
    }
}

#[test]
fn names_of_datasets_that_cannot_be_are_refused() {
    let folder = Folder::new();
    fs::create_dir(folder.path("dir")).unwrap();
    for name in ["a.txt", "dir/a.csv", "b.txt", "."] {
        let _ = fs::write(folder.path(name), "1 2\n");
    }
    let refuses = |args: &[&str], says: &[&str]| refuses_output(&folder, args, says);
    let clash = ["a.txt and dir/a.csv", "dataset 'a'", "(concat)\n  hint: --groups"];
    refuses(&["a.txt", "b.txt", "dir/a.csv", "-o", "x.h5"], &clash);
    refuses(&["a.txt", "a.txt", "-o", "x.h5"], &["a.txt and a.txt", "--concat"]);
    refuses(&["a.txt", "-o", "x.h5", "--concat", ""], &["must not be empty"]);
    refuses(&["a.txt", "-o", "x.h5", "--concat", "a//b"], &["must not be empty"]);
    refuses(&["a.txt", "-o", "x.h5", "--concat", "a/./b"], &["'.'"]);
    folder.write("three.txt", "1 2 3\n");
    let says = ["three.txt", "3", "a.txt", "2", "cannot be one array"];
    refuses(&["a.txt", "three.txt", "-o", "x.h5", "--concat", "all"], &says);
    let columns: Vec<_> = (0..9000).map(|i| format!("column{i}:f4")).collect();
    let dtype = folder.write("columns", columns.join(","));
    let mut command = ndshm(["convert", "a.txt", "-o", "x.h5", "-t"]);
    let ran = run(command.arg(format!("@{}", dtype.display())).current_dir(folder.root()));
    ran.refused(&["9000 columns are too many"]);
    assert_eq!(folder.names(), ["a.txt", "b.txt", "columns", "dir", "three.txt"]);
}

/// The command in a folder, as somebody whom permissions bind would run it.
fn as_nobody(folder: &Folder, args: &[&str]) -> Command {
    let mut command = Command::new(folder.path("ndshm"));
    if is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    command.args(args).current_dir(folder.root());
    command
}

/// A folder with a copy of the command that everybody may run; none if another
/// user cannot run it all the same.
fn folder_of_nobody() -> Option<Folder> {
    let folder = Folder::open_to_all();
    fs::copy(NDSHM, folder.path("ndshm")).unwrap();
    let version = as_nobody(&folder, &["--version"]).output();
    if version.is_ok_and(|output| output.status.success()) {
        return Some(folder);
    }
    skipped("files of another user", "the command cannot be run as one here");
    None
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_file_that_may_not_be_read_is_refused() {
    let Some(folder) = folder_of_nobody() else { return };
    set_mode(&folder.write("secret.txt", "1 2\n"), 0o000);
    fs::create_dir(folder.path("out")).unwrap();
    set_mode(&folder.path("out"), 0o777);
    let name = SegmentName::new("unreadable");
    // The columns of a record are known, so that only workers open the file.
    for dtype in ["f8", "a:f8,b:f8"] {
        for output in [["convert", "-o", "out/x.h5"], ["load", "-n", name.as_str()]] {
            let args = [&output[..], &["-t", dtype, "secret.txt"]].concat();
            let ran = run(&mut as_nobody(&folder, &args));
            ran.refused(&["secret.txt: permission denied"]);
        }
    }
    assert_eq!(fs::read_dir(folder.path("out")).unwrap().count(), 0);
    assert!(!name.has_left_something());
}

#[test]
fn a_directory_that_may_not_be_written_is_refused() {
    let Some(folder) = folder_of_nobody() else { return };
    set_mode(&folder.write("a.txt", "1 2\n"), 0o444);
    let there = folder.write("there.h5", "precious");
    set_mode(&there, 0o666);
    let (before, files) = (Snapshot::of(&there), folder.names());
    set_mode(folder.root(), 0o555);
    let convert = ["convert", "-t", "f8", "a.txt", "-o"];
    let new = run(&mut as_nobody(&folder, &[&convert[..], &["new.h5"]].concat()));
    let replace = run(&mut as_nobody(&folder, &[&convert[..], &["there.h5", "-f"]].concat()));
    set_mode(folder.root(), 0o755);
    new.refused(&["ermission denied"]);
    replace.refused(&["ermission denied"]);
    assert_eq!(folder.names(), files);
    assert_eq!(Snapshot::of(&there), before);
}

/// Names that were in a folder at the end of a script, each in a line with `left`.
fn left(ran: &Ran) -> Vec<&str> {
    ran.stdout.lines().filter_map(|line| line.strip_prefix("left ")).collect()
}

/// 8192 rows of 32 bytes: 256 KiB and a little more.
fn table(folder: &Folder) -> PathBuf {
    folder.write("big.txt", "1 2 3 4\n".repeat(8192))
}

/// Whatever the size of the disk: the whole file, or nothing and a message.
#[test]
fn a_full_disk_leaves_nothing() {
    let folder = Folder::new();
    let input = table(&folder);
    let script = "
        for size in 4 8 64 128 250 252 254 256 257 258 259 260 261 262 264 268 280 1024; do
            mount -t tmpfs -o size=${size}k tmpfs \"$3\" && cd \"$3\" || exit 99
            \"$1\" convert \"$2\" -o x.h5 -t f8 --quiet 2>message
            status=$?
            size_of=$(stat -c %s x.h5 2>/dev/null)
            echo \"$size $status ${size_of:-none} $(ls -A | grep -v message | wc -l) $(cat message)\"
            cd / && umount \"$3\"
        done";
    let script = script.replace("2>message", "2>\"$4\"").replace("cat message", "cat \"$4\"");
    let (disk, message) = (folder.path("disk"), folder.write("message", ""));
    fs::create_dir(&disk).unwrap();
    let Some(ran) = with_private_mounts(&script, &[&input, &disk, &message]) else { return };
    let (mut made, mut refused) = (0, 0);
    for line in ran.ok().stdout.lines() {
        let fields: Vec<_> = line.splitn(5, ' ').collect();
        match fields[1..4] {
            ["0", bytes, "1"] => {
                assert!(
                    bytes.parse::<u64>().unwrap() > 8192 * 32 && fields[4].is_empty(),
                    "{line}"
                );
                made += 1;
            }
            ["1", "none", "0"] => {
                let message = fields[4];
                assert!(message.starts_with("ndshm: "), "{line}");
                assert!(message.contains("x.h5: disk is full"), "{line}");
                refused += 1;
            }
            _ => panic!("{line}"),
        }
    }
    assert!(made >= 2 && refused >= 5, "{made} {refused}");
}

#[test]
fn a_full_disk_does_not_harm_the_file_that_was_there() {
    let folder = Folder::new();
    let input = table(&folder);
    let disk = folder.path("disk");
    fs::create_dir(&disk).unwrap();
    let script = "mount -t tmpfs -o size=256k tmpfs \"$3\" && cd \"$3\" && echo precious >x.h5 &&
        ls -li --full-time x.h5 >/dev/shm/before-$$ || exit 99
        \"$1\" convert \"$2\" -o x.h5 -t f8 --quiet --force
        status=$?
        cat x.h5; ls -li --full-time x.h5 | cmp - /dev/shm/before-$$ && echo untouched
        rm /dev/shm/before-$$; ls -A | sed 's/^/left /'; exit $status";
    let Some(ran) = with_private_mounts(script, &[&input, &disk]) else { return };
    assert_eq!(left(&ran), ["x.h5"]);
    assert!(ran.stdout.starts_with("precious\nuntouched\n"), "{ran:?}");
    Ran { stdout: String::new(), ..ran }.refused(&["x.h5: disk is full"]);
}

/// `ulimit -f` is a full disk of another kind.
#[test]
fn a_limit_on_file_sizes_is_an_error() {
    let folder = Folder::new();
    table(&folder);
    let name = SegmentName::new("limit");
    let limited = "ulimit -f 20 && exec \"$0\" \"$@\"";
    for output in [["convert", "-o", "x.h5"], ["load", "-n", name.as_str()]] {
        let mut command = Command::new("sh");
        command.args(["-c", limited, NDSHM]).args(output).args(["-t", "f8", "big.txt"]);
        run(command.current_dir(folder.root())).refused(&[]);
        assert_eq!(folder.names(), ["big.txt"]);
        assert!(!name.has_left_something());
    }
}

/// Too few descriptors, wherever the last one goes.
#[test]
fn a_limit_on_descriptors_is_an_error() {
    let folder = Folder::new();
    table(&folder);
    let name = SegmentName::new("limit");
    for limit in (5..=40).step_by(5) {
        for output in [["convert", "-o", "x.h5"], ["load", "-n", name.as_str()]] {
            let limited = format!("ulimit -n {limit} && exec \"$0\" \"$@\"");
            let mut command = Command::new("sh");
            command.args(["-c", &limited, NDSHM]).args(output);
            command.args(["-t", "f8", "-j", "40", "big.txt"]).current_dir(folder.root());
            command.env("NDSHM_PIECE_BYTES", "1024");
            run(&mut command).refused(&[]);
            assert_eq!(folder.names(), ["big.txt"]);
            assert!(!name.has_left_something());
        }
    }
}

/// Whatever the size of shared memory: the whole segment, or nothing and a message.
#[test]
fn full_shared_memory_leaves_nothing() {
    let folder = Folder::new();
    let (input, message) = (table(&folder), folder.write("message", ""));
    let script = "
        for size in 4 8 64 128 252 256 260 264 268 1024; do
            mount -t tmpfs -o size=${size}k tmpfs /dev/shm || exit 99
            \"$1\" load \"$2\" -n full -t f8 --quiet 2>\"$3\"
            echo \"$size $? $(ls -A /dev/shm | wc -l) $(cat \"$3\")\"
            umount /dev/shm
        done";
    let Some(ran) = with_private_mounts(script, &[&input, &message]) else { return };
    for line in ran.ok().stdout.lines() {
        let fields: Vec<_> = line.splitn(4, ' ').collect();
        let size: u64 = fields[0].parse().unwrap();
        if size < 260 {
            assert_eq!(fields[1..3], ["1", "0"], "{line}");
            assert!(
                fields[3].starts_with("ndshm: segment 'full': shared memory is full"),
                "{line}"
            );
        } else {
            assert_eq!(fields[1..], ["0", "1", ""], "{line}");
        }
    }
}

#[test]
fn shared_memory_that_is_not_there_is_an_error_of_its_own() {
    let folder = Folder::new();
    let input = folder.write("a.txt", "1 2\n");
    let script = "mount -t tmpfs tmpfs /dev || exit 99
        \"$1\" load \"$2\" -n x -t f8; echo $?; \"$1\" ls; echo $?";
    let Some(ran) = with_private_mounts(script, &[&input]) else { return };
    assert_eq!(ran.stdout, "1\n1\n", "{ran:?}");
    for line in ran.stderr.lines() {
        assert!(line.starts_with("ndshm: ") && line.contains("/dev/shm"), "{ran:?}");
    }
}

/// Nothing but the segment asked for is ever left in shared memory.
#[test]
fn shared_memory_is_empty_after_errors_and_conversions() {
    let folder = Folder::new();
    let (input, bad) = (table(&folder), folder.write("bad.txt", "1 2 3 4\n".repeat(999) + "x\n"));
    let script = "mount -t tmpfs tmpfs /dev/shm && cd \"$4\" || exit 99
        \"$1\" convert \"$2\" -o a.h5 -t f8 --quiet || exit 1
        \"$1\" convert \"$3\" -o b.h5 -t f8 2>/dev/null; echo $?
        \"$1\" load \"$3\" -n b -t f8 2>/dev/null; echo $?
        ls -A /dev/shm
        \"$1\" load \"$2\" -n a -t f8 --quiet && ls -A /dev/shm";
    let Some(ran) = with_private_mounts(script, &[&input, &bad, folder.root()]) else { return };
    assert_eq!(ran.ok().stdout, "1\n1\nndshm.a\n");
    assert_eq!(folder.names(), ["a.h5", "bad.txt", "big.txt"]);
}

#[test]
fn a_segment_that_exists_stays_as_it_is() {
    let folder = Folder::new();
    let (first, second) = (folder.write("a.txt", "1 2\n"), folder.write("b.txt", "3 4 5\n"));
    let name = SegmentName::new("exists");
    let load =
        |input: &Path| run(ndshm(["load", "-q", "-t", "f8", "-n", name.as_str()]).arg(input));
    load(&first).ok();
    let before = Snapshot::of(&name.file());
    load(&second).refused(&["exists", "ndshm rm", name.as_str()]);
    assert_eq!(Snapshot::of(&name.file()), before);
}

#[test]
fn names_that_are_none_are_refused() {
    let folder = Folder::new();
    let input = folder.write("a.txt", "1 2\n");
    let long = "x".repeat(201);
    for (name, says) in
        [("", "empty"), ("a/b", "slash"), ("/a", "slash"), (&long, "longer than 200")]
    {
        let name = name.to_string();
        let load = run(ndshm(["load", "-t", "f8", "-n", &name]).arg(&input));
        assert!(load.refused(&["segment name", says]).stderr.len() < 400);
        for look in ["info", "head", "rm"] {
            // What is looked at may be a file, too, and no file is called nothing.
            if !(look == "head" && name.is_empty()) {
                run(&mut ndshm([look, &name])).refused(&[says]);
            }
        }
    }
    for look in ["info", "head", "rm"] {
        run(&mut ndshm([look, "cli-no-such-segment"])).refused(&["no segment is named"]);
    }
}

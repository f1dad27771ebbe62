//! Files that are made, many inputs, and runs at the same time.

use core::time::Duration;
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{SHORT, convert, converted, holds, info, load, loaded};
use crate::common::{
    Folder, NDSHM, Running, SegmentName, check_output, data, eventually, h5dump, joined, ndshm,
    numpy_bytes, run, skipped,
};

#[test]
fn bools_are_enumerations_unless_asked_otherwise() {
    let folder = Folder::new();
    let input = folder.write("b.txt", "1 0\n0 1\n");
    let plain = converted(&folder, &[&input], &["-t", "?"]);
    let dump = h5dump(&["-H"], &folder.path("converted.h5"));
    assert!(dump.is_none_or(|said| said.contains("H5T_ENUM") && said.contains("\"TRUE\"")));
    let bytes = converted(&folder, &[&input], &["-t", "?", "--bool-u8"]);
    let dump = h5dump(&["-H"], &folder.path("converted.h5"));
    assert!(dump.is_none_or(|said| !said.contains("H5T_ENUM") && said.contains("H5T_STD_U8LE")));
    assert!(plain != bytes && holds(&plain, &[1, 0, 0, 1]) && holds(&bytes, &[1, 0, 0, 1]));
}

#[test]
fn force_replaces_a_file_and_sync_changes_nothing_in_it() {
    let folder = Folder::new();
    let (input, output) = (data("sample_a.tsv"), folder.write("x.h5", "an old file"));
    let make = |options: &[&str]| {
        run(convert(&[&input], &output, &["-t", SHORT]).args(options)).ok();
        fs::read(&output).unwrap()
    };
    let forced = make(&["--force"]);
    assert!(holds(&forced, &numpy_bytes("sample_a_spaces.npy")));
    assert!(make(&["-f", "--sync"]) == forced);
    fs::remove_file(&output).unwrap();
    assert!(make(&["--sync"]) == forced);
    assert_eq!(folder.names(), ["x.h5"]);
}

/// Nor is it a failure that nobody hears what is worth a note.
#[test]
fn notes_that_nobody_reads_are_no_error() {
    let (folder, name) = (Folder::new(), SegmentName::new("notes"));
    load(&name, &data("sample_a.tsv"), &["-t", SHORT]);
    let (one, other) = (folder.path("a.h5"), folder.path("b.h5"));
    let mut converting = convert(&[&data("sample_a.tsv")], &one, &["-t", SHORT]);
    let mut exporting = ndshm(["export", name.as_str(), "-o", other.to_str().unwrap()]);
    for command in [&mut converting, &mut exporting] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let status = command.args(["--compress", "zstd"]).stderr(writer).status().unwrap();
        assert!(status.success(), "{status}");
    }
    assert!(one.exists() && other.exists());
}

#[test]
fn a_link_at_the_output_stays_a_link() {
    let folder = Folder::new();
    let (target, link) = (folder.write("target.h5", "old"), folder.path("link.h5"));
    std::os::unix::fs::symlink("target.h5", &link).unwrap();
    run(&mut convert(&[&data("sample_a.tsv")], &link, &["-t", SHORT, "--force"])).ok();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert!(holds(&fs::read(target).unwrap(), &numpy_bytes("sample_a_spaces.npy")));
    assert_eq!(folder.names(), ["link.h5", "target.h5"]);
}

#[test]
fn an_input_without_rows_fits_every_table() {
    let folder = Folder::new();
    let (none, some) = (folder.write("none.txt", "# none\n"), folder.write("some.txt", "1 2 3\n"));
    for inputs in [[none.as_path(), &some], [&some, &none]] {
        let options = ["-t", "u1", "--allow-empty", "--concat", "all"];
        assert!(holds(&converted(&folder, &inputs, &options), &[1, 2, 3]));
        let name = SegmentName::new("empty");
        let mut command = ndshm(["load", "-t", "u1", "--allow-empty", "-n", name.as_str()]);
        run(command.args(inputs)).ok();
        assert_eq!(info(&name, "shape"), "(1, 3)");
    }
}

#[test]
fn inputs_without_rows_are_accepted_if_asked() {
    let folder = Folder::new();
    let inputs =
        [folder.write("a.txt", ""), folder.write("b.txt", "#\n\n"), folder.write("c.txt", "7\n")];
    let inputs = inputs.each_ref().map(PathBuf::as_path);
    let output = folder.path("x.h5");
    let said = run(&mut convert(&inputs, &output, &["-t", "a:u1", "--allow-empty"])).ok().stdout;
    for word in ["1 rows in 3 datasets", "a  (0,)", "b  (0,)", "c  (1,)"] {
        assert!(said.contains(word), "{said}");
    }
    if let Some(said) = h5dump(&["-H"], &output) {
        assert_eq!(said.matches("SIMPLE { ( 0 ) / ( 0 ) }").count(), 2, "{said}");
    }
    run(&mut convert(&inputs[2..], &output, &["-t", "a:u1", "--max-rows", "0", "-f"])).ok();
}

#[test]
fn three_hundred_small_files_become_datasets() {
    let folder = Folder::new();
    let list = joined(300, |i| {
        let lines = format!("{i} {}\n", i * i).repeat(i % 7 + 1);
        format!("{}\0", folder.write(&format!("f{i:03}.txt"), lines).display())
    });
    let (list, output) = (folder.write("list", list), folder.path("all.h5"));
    let options = ["-t", "i4", "--files-from0", list.to_str().unwrap()];
    let said = run(&mut convert(&[], &output, &options)).ok().stdout;
    assert!(said.contains("rows in 300 datasets") && said.contains("280 more"), "{said}");
    let file = fs::read(&output).unwrap();
    for i in 0..300_i32 {
        let row = [i.to_le_bytes(), (i * i).to_le_bytes()].concat();
        assert!(holds(&file, &row.repeat((i % 7 + 1) as usize)), "f{i:03}");
    }
    if let Some(said) = h5dump(&["-n"], &output) {
        assert_eq!(said.matches("dataset    /f").count(), 300);
    }
}

#[test]
fn two_thousand_columns_by_a_file() {
    let folder = Folder::new();
    let columns: Vec<_> = (0..2000).map(|i| format!("('c{i}', '<i4')")).collect();
    let dtype = folder.write("columns.txt", format!("[{}]", columns.join(", ")));
    let lines = joined(4, |r| joined(2000, |i| format!("{} ", i * r)) + "\n");
    let input = folder.write("wide.txt", lines);
    let rows: Vec<u8> =
        (0..4_i32).flat_map(|r| (0..2000).flat_map(move |i| (i * r).to_le_bytes())).collect();
    let dtype = format!("@{}", dtype.display());
    let output = folder.path("wide.h5");
    run(&mut convert(&[&input], &output, &["--dtype", &dtype])).ok();
    assert!(holds(&fs::read(&output).unwrap(), &rows));
    let words = ["--against-loadtxt", output.to_str().unwrap(), "--dtype", &dtype, "--"];
    check_output(words.iter().map(AsRef::as_ref).chain([input.as_os_str()]));
    let name = SegmentName::new("wide");
    load(&name, &input, &["-t", &dtype]);
    assert_eq!(loaded(&name), rows);
}

#[test]
fn two_runs_to_one_output_leave_one_good_file() {
    let folder = Folder::new();
    let (input, output) = (folder.write("x.txt", "1 2\n".repeat(500_000)), folder.path("x.h5"));
    let mut slow = convert(&[&input], &output, &["-t", "u1"]);
    let slow = Running::start(slow.env("NDSHM_PIECE_BYTES", "1"));
    eventually("the slow run's temporary file", || folder.has_temporary("x.h5"));
    run(&mut convert(&[&input], &output, &["-t", "u1"])).ok();
    assert!(folder.has_temporary("x.h5"), "a living run's temporary file was swept");
    let good = fs::read(&output).unwrap();
    slow.signal(libc::SIGINT);
    slow.wait().interrupted();
    assert!(fs::read(&output).unwrap() == good);
    assert_eq!(folder.names(), ["x.h5", "x.txt"]);
}

/// They begin at the same time, and sweep what the dead have left.
#[test]
fn many_runs_to_one_output_get_along() {
    let folder = Folder::new();
    let (input, output) = (folder.write("x.txt", "1 2\n"), folder.path("x.h5"));
    for _ in 0..12 {
        let start = |_| Running::start(&mut convert(&[&input], &output, &["-t", "u1", "-qf"]));
        let rivals: Vec<_> = (0..16).map(start).collect();
        for rival in rivals {
            rival.wait().ok();
        }
    }
    assert_eq!(folder.names(), ["x.h5", "x.txt"]);
}

/// Several runs may share a terminal or a log. A socket for datagrams shows what
/// one call of the system has written.
#[test]
fn a_message_is_written_at_once() {
    let (ours, theirs) = UnixDatagram::pair().unwrap();
    let mut command = ndshm(["info", "cli-no-such-segment"]);
    let status = command.stderr(OwnedFd::from(theirs)).status().unwrap();
    assert_eq!(status.code(), Some(1));
    let mut message = [0; 500];
    let size = ours.recv(&mut message).unwrap();
    let said = String::from_utf8_lossy(&message[..size]);
    assert!(said.starts_with("ndshm: no segment") && said.ends_with('\n'), "{said:?}");
}

#[test]
fn standard_output_may_be_full() {
    let Ok(full) = fs::OpenOptions::new().write(true).open("/dev/full") else { return };
    let output = ndshm(["--version"]).stdout(full).stderr(Stdio::piped()).output().unwrap();
    assert!(!String::from_utf8_lossy(&output.stderr).contains("panicked"));
    let name = SegmentName::new("full");
    load(&name, &data("sample_a.tsv"), &["-t", SHORT]);
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut command = ndshm(["head", name.as_str()]);
    let output = command.stdout(full).stderr(Stdio::piped()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.starts_with("ndshm: standard output: "), "{said}");
    assert_eq!(output.status.code(), Some(1));
}

/// Workers unmap what the host shares from there, but not their own program.
#[test]
fn the_command_may_lie_in_shared_memory() {
    let folder = Folder::new();
    let name = SegmentName::new("program");
    let program = Path::new("/dev/shm").join(name.as_str());
    let copied = fs::copy(NDSHM, &program);
    let mut command = Command::new(&program);
    command.args(["convert", "-q", "-t", SHORT, "-o"]).arg(folder.path("x.h5"));
    command.arg(data("sample_a.tsv"));
    // What other tests fork meanwhile has the copy open for writing until it calls exec.
    let busy = |output: &io::Result<_>| {
        output.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::ExecutableFileBusy)
    };
    let mut output = command.output();
    for _ in 0..100 {
        if !busy(&output) {
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
        output = command.output();
    }
    let _ = fs::remove_file(&program);
    match (copied, output) {
        (Ok(_), Ok(output)) => assert!(output.status.success(), "{output:?}"),
        _ => skipped("a command in shared memory", "no program may lie there"),
    }
}

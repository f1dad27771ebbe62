//! Names and streams as inputs.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{SHORT, convert, converted, holds, piped};
use crate::common::{Folder, SegmentName, data, h5dump, ndshm, numpy_bytes, run};

#[test]
fn names_of_inputs_come_from_a_file_or_from_standard_input() {
    let folder = Folder::new();
    let names = ["plain.txt", "two words.txt", "new\nline.txt", "quote'.txt"];
    let inputs = names.map(|name| folder.write(name, "1 2\n3 4\n"));
    let inputs = inputs.each_ref().map(PathBuf::as_path);
    let expected = converted(&folder, &inputs, &["-t", "i4"]);
    let list = inputs.map(|path| format!("{}\0", path.display())).concat();
    let file = folder.write("list", &list);
    let output = folder.path("out.h5");
    for end in [0, 1] {
        // The last NUL may be missing.
        fs::write(&file, &list[..list.len() - end]).unwrap();
        let from_file = ["-t", "i4", "--files-from0", file.to_str().unwrap(), "--force"];
        run(&mut convert(&[], &output, &from_file)).ok();
        assert!(fs::read(&output).unwrap() == expected);
        let from_stdin = ["-t", "i4", "--files-from0", "-", "--force"];
        run(convert(&[], &output, &from_stdin).stdin(File::open(&file).unwrap())).ok();
        assert!(fs::read(&output).unwrap() == expected);
    }
}

/// Standard input, FIFOs and what a shell makes of `<(command)`.
#[test]
fn text_comes_from_pipes_as_it_comes_from_files() {
    let folder = Folder::new();
    let input = data("sample_a.tsv");
    // Names and sizes of the inputs differ.
    let options = ["-t", SHORT, "-d", "tab", "--concat", "all", "--no-provenance"];
    let expected = converted(&folder, &[&input], &options);
    let output = folder.path("out.h5");
    let is_same = |command: &mut Command| {
        run(command.arg("--force")).ok();
        assert!(fs::read(&output).unwrap() == expected);
    };
    let dash = Path::new("-");
    is_same(convert(&[dash], &output, &options).stdin(File::open(&input).unwrap()));
    is_same(convert(&[Path::new("/dev/stdin")], &output, &options).stdin(piped(&input)));
    is_same(convert(&[dash], &output, &options).stdin(piped(&input)));
    // A file by another name, which is another one in a worker; and one without any.
    for path in ["/dev/stdin", "/proc/self/fd/0"] {
        let path = Path::new(path);
        is_same(convert(&[path], &output, &options).stdin(File::open(&input).unwrap()));
        let removed = folder.write("removed", fs::read(&input).unwrap());
        let file = File::open(&removed).unwrap();
        fs::remove_file(removed).unwrap();
        is_same(convert(&[path], &output, &options).stdin(file));
    }
    let fifo = folder.path("fifo");
    run(Command::new("mkfifo").arg(&fifo)).ok();
    let (from, to) = (input.clone(), fifo.clone());
    let writer = std::thread::spawn(move || fs::write(to, fs::read(from).unwrap()).unwrap());
    is_same(&mut convert(&[&fifo], &output, &options));
    writer.join().unwrap();
    // Without --concat the dataset has a name all the same.
    let command = &mut convert(&[dash], &output, &["-t", SHORT, "-d", "tab", "--force"]);
    let said = run(command.stdin(piped(&input))).ok().stdout;
    assert!(said.contains("  stdin  ("), "{said}");
    let name = SegmentName::new("piped");
    let load = ["load", "-", "-n", name.as_str(), "-t", SHORT, "-d", "tab"];
    run(ndshm(load).stdin(piped(&input))).ok();
    let file = fs::read(name.file()).unwrap();
    assert!(holds(&file, &numpy_bytes("sample_a.npy")));
}

#[test]
fn errors_in_standard_input_have_their_place() {
    let folder = Folder::new();
    let input = folder.write("in.txt", "# head\n1 2\n3 x\n");
    let command = &mut convert(&[Path::new("-")], &folder.path("x.h5"), &["-t", "f8"]);
    run(command.stdin(piped(&input))).refused(&["stdin:3:2: could not convert 'x'"]);
    let command = &mut convert(&[Path::new("-")], &folder.path("x.h5"), &["-t", "f8"]);
    run(command).refused(&["stdin: has no rows"]);
    assert_eq!(folder.names(), ["in.txt"]);
}

#[test]
fn concat_puts_all_rows_into_one_dataset() {
    let folder = Folder::new();
    let (a, b) = (data("sample_a.tsv"), data("sample_b.tsv"));
    let options = ["-t", SHORT, "-d", "tab", "--concat", "calls/all"];
    let rows = [numpy_bytes("sample_a.npy"), numpy_bytes("sample_b.npy")].concat();
    assert!(holds(&converted(&folder, &[&a, &b], &options), &rows));
    assert!(!holds(&converted(&folder, &[&b, &a], &options), &rows), "the order counts");
    if let Some(said) = h5dump(&["-n"], &folder.path("converted.h5")) {
        assert_eq!(said.matches("dataset").count(), 1, "{said}");
        assert!(said.contains("dataset    /calls/all"), "{said}");
    }
    // A scalar dtype joins tables of equal width, skipping each one's own head.
    let inputs = [folder.write("p.txt", "x\n1 2\n"), folder.write("q.txt", "y\n3 4\n5 6\n")];
    let inputs = inputs.each_ref().map(PathBuf::as_path);
    let file = converted(&folder, &inputs, &["-t", "u1", "--concat", "t", "--skiprows", "1"]);
    assert!(holds(&file, &[1, 2, 3, 4, 5, 6]));
}

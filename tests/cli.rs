//! The command, end to end: what a person at a shell does, and sees.

#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, reason = "helpers of tests, too")]

mod common;

use std::fs::{self, File};
use std::io::{PipeReader, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use common::{
    Folder, NDSHM, Running, SegmentName, check_output, data, eventually, h5dump, joined, locks_on,
    ndshm, numpy_bytes, run, skipped, with_private_mounts,
};
use ndshm::dtype_buf::DTypeBuf;
use ndshm::segment::{Access, Draft, Name, Segment, Spec, Via};

/// The dtype of the methylation calls, in both forms.
const DESCR: &str = "[('chr','S10'),('pos','<i4'),('pct','<f4'),('c','<i4'),('t','<i4')]";
const SHORT: &str = "chr:S10,pos:i4,pct:f4,c:i4,t:i4";

/// A sample, the options to read it with, and what NumPy makes of it. Only such
/// whose rows lie in the file as NumPy has them.
const SAMPLES: [(&str, &[&str], &str); 6] = [
    ("sample_a.tsv", &["-t", DESCR, "-d", "tab"], "sample_a.npy"),
    ("sample_b.tsv", &["-t", SHORT, "-d", "\t"], "sample_b.npy"),
    ("sample_a.tsv", &["-t", SHORT], "sample_a_spaces.npy"),
    ("climate_grid.csv", &["-t", "f8", "-d", ","], "climate_grid.npy"),
    ("climate_grid.csv", &["-t", ">f4", "-d", ","], "climate_grid_f4.npy"),
    (
        "climate_grid.csv",
        &["-t", "f8", "-d,", "--usecols=0,-1,2,2", "--skiprows=5", "--max-rows=20"],
        "climate_grid_part.npy",
    ),
];

/// Samples whose strings and times only a segment holds as NumPy does.
const LOADED: [(&str, &[&str], &str); 4] = [
    ("every_dtype.txt", &["-t", "@every_dtype.dtype"], "every_dtype.npy"),
    ("prices.csv", &["-d;", "--comments=", "--skiprows=1", "-t", PRICES], "prices.npy"),
    (
        "prices.csv",
        &["-d;", "--comments=", "--skiprows=1", "-t", "f8", "--usecols=6,-1"],
        "prices_closes.npy",
    ),
    (
        "prices.csv",
        &["-d;", "--comments=", "--skiprows=1", "-t", "U6", "--usecols", "2,1"],
        "prices_names.npy",
    ),
];
const PRICES: &str = "date:S10,ticker:S8,name:U12,open:f8,high:f8,low:f8,close:f8,volume:i8";

/// Lines of every sort: three kinds of ends, comments, blanks, none at the end.
const TRICKY: &str = "# head\n1 2 3\r\n\n  4\t5  6 # tail\r7 8 9\n   \n#\n10 11 12\n13 14 15\r\n\
                      1e300 -0 nan\n16 17 18";

fn convert(inputs: &[&Path], output: &Path, options: &[&str]) -> Command {
    let mut command = ndshm(["convert"]);
    command.args(inputs).arg("-o").arg(output).args(options);
    command
}

/// The bytes of the file that a conversion makes.
#[track_caller]
fn converted(folder: &Folder, inputs: &[&Path], options: &[&str]) -> Vec<u8> {
    let output = folder.path("converted.h5");
    run(convert(inputs, &output, options).arg("--force")).ok();
    fs::read(output).unwrap()
}

fn holds(file: &[u8], rows: &[u8]) -> bool {
    file.windows(rows.len()).any(|window| window == rows)
}

/// The value behind a key that `ndshm info` prints.
#[track_caller]
fn info(name: &SegmentName, key: &str) -> String {
    let said = run(&mut ndshm(["info", name.as_str()])).ok().stdout;
    let line = said.lines().find(|line| line.split_whitespace().next() == Some(key));
    line.unwrap_or_else(|| panic!("no {key} in {said}"))[key.len()..].trim().into()
}

#[track_caller]
fn load(name: &SegmentName, input: &Path, options: &[&str]) {
    let mut command = ndshm(["load", "--name", name.as_str(), "--quiet"]);
    let said = run(command.arg(input).args(options).current_dir(data(""))).ok().stdout;
    assert_eq!(said, "");
}

/// The data of a segment, as anybody can read it.
#[track_caller]
fn loaded(name: &SegmentName) -> Vec<u8> {
    let offset: usize = info(name, "data").rsplit_once(' ').unwrap().1.parse().unwrap();
    fs::read(name.file()).unwrap()[offset..].to_vec()
}

#[test]
fn help_and_version_are_on_standard_output() {
    let version = format!("ndshm {}\n", env!("CARGO_PKG_VERSION"));
    for flag in ["--version", "-V"] {
        assert_eq!(run(&mut ndshm([flag])).ok().stdout, version);
    }
    for flag in ["--help", "-h"] {
        let said = run(&mut ndshm([flag])).ok().stdout;
        let commands = ["convert", "load", "ls", "info", "head", "rm", "prune"];
        for command in commands {
            assert!(said.contains(&format!("\n  {command} ")), "{said}");
            let own = run(&mut ndshm([command, flag])).ok().stdout;
            assert!(own.contains(&format!("Usage: ndshm {command}")), "{own}");
        }
        assert!(said.contains("130 interrupted"), "{said}");
    }
    let said = run(&mut ndshm(["convert", "--help"])).ok().stdout;
    for word in ["--files-from0", "--concat", "Examples:", "@columns.txt", "--sync"] {
        assert!(said.contains(word), "{said}");
    }
}

#[test]
fn samples_become_the_rows_that_numpy_reads() {
    let folder = Folder::new();
    for (sample, options, npy) in SAMPLES {
        let rows = numpy_bytes(npy);
        assert!(holds(&converted(&folder, &[&data(sample)], options), &rows), "{npy}");
        let name = SegmentName::new("sample");
        load(&name, &data(sample), options);
        assert_eq!(loaded(&name), rows, "{npy}");
    }
    for (sample, options, npy) in LOADED {
        let name = SegmentName::new("sample");
        load(&name, &data(sample), options);
        assert_eq!(loaded(&name), numpy_bytes(npy), "{npy}");
    }
    assert_eq!(folder.names(), ["converted.h5"]);
}

#[test]
fn h5py_reads_what_numpy_expects() {
    check_output(["--run", NDSHM]);
}

#[test]
fn both_forms_of_a_dtype_make_one_file() {
    let folder = Folder::new();
    let input = data("sample_a.tsv");
    let expected = converted(&folder, &[&input], &["--dtype", DESCR]);
    let lines = DESCR.replace("),", "),\n  ") + "\n";
    let forms = [
        SHORT.to_string(),
        " chr : S10, pos:<i4 ,pct:f4,c:i4,t:i4 ".into(),
        format!("@{}", folder.write("descr.txt", lines).display()),
        format!("@{}", folder.write("short.txt", format!("{SHORT}\n")).display()),
    ];
    for form in &forms {
        let file = converted(&folder, &[&input], &["--dtype", form]);
        assert!(file == expected, "{form}");
    }
}

#[test]
fn a_summary_says_what_was_made() {
    let folder = Folder::new();
    let (inputs, output) = ([data("sample_a.tsv"), data("sample_b.tsv")], folder.path("x.h5"));
    let inputs = inputs.each_ref().map(PathBuf::as_path);
    let said = run(&mut convert(&inputs, &output, &["-t", SHORT])).ok().stdout;
    for word in ["x.h5", "rows in 2 datasets", "sample_a  (", "sample_b  (", "('chr', '|S10')"] {
        assert!(said.contains(word), "{word}: {said}");
    }
    let again = convert(&inputs, &output, &["-t", SHORT, "--force", "--quiet"]).output().unwrap();
    assert!(again.status.success() && again.stdout.is_empty() && again.stderr.is_empty());
    check_output([output.as_os_str()]);
    assert_eq!(folder.names(), ["x.h5"]);
}

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

/// A pipe with a file's text in it.
fn piped(file: &Path) -> PipeReader {
    let (reader, mut writer) = std::io::pipe().unwrap();
    let text = fs::read(file).unwrap();
    std::thread::spawn(move || writer.write_all(&text));
    reader
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

#[test]
fn all_forms_of_a_delimiter_mean_the_same() {
    let folder = Folder::new();
    let text = fs::read_to_string(data("sample_a.tsv")).unwrap();
    // Dots are in the numbers, so no field holds one of these.
    let forms: [(&str, &[&str]); 7] = [
        ("\t", &["--delimiter", "\t"]),
        ("\t", &["--delimiter", "\\t"]),
        ("\t", &["-d", "tab"]),
        (",", &["-d,"]),
        (";", &["--delimiter=;"]),
        ("|", &["-d", "|"]),
        (" ", &["--delimiter", " "]),
    ];
    // What the file says of its options differs.
    let silent = ["-t", SHORT, "--no-provenance"];
    let options = [&["-d", "tab"][..], &silent].concat();
    let expected = converted(&folder, &[&data("sample_a.tsv")], &options);
    fs::create_dir(folder.path("same")).unwrap();
    for (character, options) in forms {
        let input = folder.write("same/sample_a.tsv", text.replace('\t', character));
        let file = converted(&folder, &[&input], &[options, &silent].concat());
        assert!(file == expected, "{options:?}");
    }
}

#[test]
fn comments_may_be_another_character_or_none() {
    let folder = Folder::new();
    let input = folder.write("x.txt", "#a #b\n%c d % e\n");
    let text = |options: &[&str]| converted(&folder, &[&input], &[&["-t", "S2"], options].concat());
    assert!(holds(&text(&["--comments", "%", "--max-rows=1"]), b"#a#b"));
    let options = ["--comments", "", "--usecols", "0,1"];
    assert!(holds(&text(&options), b"#a#b%cd\0"));
    assert!(!holds(&text(&["--comments", "#", "--usecols=0,1"]), b"#a"));
}

/// The same input and options give the same bytes, however the work is cut.
#[test]
fn workers_and_pieces_make_no_difference() {
    let folder = Folder::new();
    let (first, second) =
        (folder.write("one.txt", TRICKY), folder.write("two.txt", "1 2 3\n".repeat(5)));
    let inputs = [first.as_path(), &second];
    let cases: [&[&str]; 4] = [
        &["-t", "f8"],
        &["-t", "a:f4,b:S3,c:>f8"],
        &["-t", "f8", "--skiprows", "3", "--max-rows", "4"],
        &["-t", "f8", "--concat", "all", "--usecols", "2,0"],
    ];
    for options in cases {
        let expected = converted(&folder, &inputs, options);
        let output = folder.path("pieces.h5");
        for piece in 1..=64 {
            let workers = (1 + piece % 4).to_string();
            let mut command = convert(&inputs, &output, options);
            command.args(["--force", "--workers", &workers]);
            run(command.env("NDSHM_PIECE_BYTES", piece.to_string())).ok();
            assert!(fs::read(&output).unwrap() == expected, "{options:?} {piece} {workers}");
        }
    }
}

#[test]
fn samples_do_not_depend_on_workers_or_pieces_either() {
    let folder = Folder::new();
    let input = data("every_dtype.txt");
    let dtype = format!("@{}", data("every_dtype.dtype").display());
    let expected = converted(&folder, &[&input], &["-t", &dtype]);
    let output = folder.path("pieces.h5");
    for (workers, piece) in [("1", "37"), ("2", "500"), ("3", "1000"), ("4", "4096"), ("8", "64")] {
        let mut command = convert(&[&input], &output, &["-t", &dtype, "-f", "-j", workers]);
        run(command.env("NDSHM_PIECE_BYTES", piece)).ok();
        assert!(fs::read(&output).unwrap() == expected, "{workers} {piece}");
    }
}

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
    assert_eq!(info(&name, "state"), "ready");
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
    assert_eq!(info(&name, "state"), "ready");
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
fn a_segment_goes_only_by_its_name() {
    let (one, other) = (SegmentName::new("rm"), SegmentName::new("rm"));
    for name in [&one, &other] {
        load(name, &data("sample_a.tsv"), &["-t", SHORT]);
    }
    let ran = run(&mut ndshm(["rm", "no-such-segment", one.as_str()]));
    ran.refused(&["no segment is named 'no-such-segment'"]);
    assert!(!one.has_left_something() && other.file().exists());
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
    let output = command.arg(data("sample_a.tsv")).output();
    let _ = fs::remove_file(&program);
    match (copied, output) {
        (Ok(_), Ok(output)) => assert!(output.status.success(), "{output:?}"),
        _ => skipped("a command in shared memory", "no program may lie there"),
    }
}

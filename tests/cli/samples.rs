//! What the command prints and makes of the samples.

use std::fs;
use std::path::PathBuf;

use super::{DESCR, SHORT, convert, converted, holds, load, loaded};
use crate::common::{Folder, NDSHM, SegmentName, check_output, data, ndshm, numpy_bytes, run};

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

#[test]
fn help_and_version_are_on_standard_output() {
    let version = format!("ndshm {}\n", env!("CARGO_PKG_VERSION"));
    for flag in ["--version", "-V"] {
        assert_eq!(run(&mut ndshm([flag])).ok().stdout, version);
    }
    for flag in ["--help", "-h"] {
        let said = run(&mut ndshm([flag])).ok().stdout;
        let commands = ["convert", "load", "ls", "info", "head", "tail", "rm", "prune"];
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

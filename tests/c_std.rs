//! The second part of the C interface as a C program meets it: the whole library, as
//! `make lib` builds it, linked and run: text, jobs, HDF5, maps, and the examples of these.
//!
//! Needs make, a C compiler and pkg-config; a C++ compiler and valgrind are used if they are
//! there, and named if they are not. The libraries lie in the folder `NDSHM_LIBRARIES`: `make
//! check` names the optimised ones, which valgrind is far quicker with. Without it they are those
//! that `tests/install.rs` installs, so that they are built once.

#![cfg(all(feature = "cli", feature = "capi"))]
#![allow(clippy::unwrap_used, reason = "helpers of tests, too")]

mod tools;

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use tools::{build_folder, is_there, make, root, run};

fn temporary(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

/// The folder with the libraries.
fn libraries() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        fs::create_dir_all(temporary("c_std")).unwrap();
        env::var_os("NDSHM_LIBRARIES").map_or_else(
            || {
                run(&mut make("lib"));
                build_folder().join("lib")
            },
            PathBuf::from,
        )
    })
}

/// A compiler with every warning an error, and the header in reach.
fn compiler(language: &str, standard: &str) -> Command {
    let target = format!("{}-unknown-linux-gnu", env::consts::ARCH);
    let mut build = cc::Build::new();
    build.target(&target).host(&target).opt_level(1).debug(true).cargo_metadata(false);
    build.cpp(language == "c++").std(standard).warnings_into_errors(true);
    for flag in ["-Wall", "-Wextra", "-Wpedantic"] {
        build.flag(flag);
    }
    build.include(root().join("include")).get_compiler().to_command()
}

/// What a program needs that uses HDF5 itself, by the pkg-config of the Makefile's HDF5.
fn hdf5(what: &str) -> Vec<String> {
    let serial = Path::new("/usr/lib").join(format!("{}-linux-gnu/hdf5/serial", env::consts::ARCH));
    let names = if serial.exists() { ["hdf5-serial", "hdf5"] } else { ["hdf5", "hdf5-serial"] };
    let flags = names.iter().find_map(|name| {
        let Output { status, stdout, .. } =
            Command::new("pkg-config").args([what, name]).output().unwrap();
        status.success().then(|| String::from_utf8(stdout).unwrap())
    });
    flags.unwrap_or_default().split_whitespace().map(String::from).collect()
}

/// Compiles a program for one `test`, and links it with the shared library; its own library
/// is `ndshm` or `ndshm-core`.
fn program(test: &str, source: &str, library: &str) -> PathBuf {
    let folder = libraries();
    let name = Path::new(source).file_name().unwrap().to_str().unwrap();
    let exe = temporary("c_std").join(format!("{test}.{library}.{name}.exe"));
    let cpp = Path::new(source).extension() == Some(OsStr::new("cpp"));
    let mut compile = if cpp { compiler("c++", "c++17") } else { compiler("c", "c11") };
    compile.arg(root().join(source)).arg("-o").arg(&exe);
    compile.arg("-L").arg(folder).arg(format!("-l{library}"));
    compile.arg(format!("-Wl,-rpath,{}", folder.display()));
    let code = fs::read_to_string(root().join(source)).unwrap();
    if code.contains("#include \"hdf5_check.h\"") {
        compile.args(hdf5("--cflags")).args(hdf5("--libs"));
    }
    run(compile.arg("-pthread"));
    exe
}

fn is_compiled(source: &str) -> bool {
    Path::new(source).extension() != Some(OsStr::new("cpp")) || is_there("c++")
}

fn natively(source: &str) {
    if !is_compiled(source) {
        return;
    }
    print!("{}", run(&mut Command::new(program("native", source, "ndshm"))));
}

fn under_valgrind(source: &str) {
    if !is_compiled(source) || !is_there("valgrind") {
        return;
    }
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--quiet", "--error-exitcode=99", "--leak-check=full"]);
    valgrind.arg(format!("--suppressions={}", root().join("tests/c/valgrind.supp").display()));
    // Threads that never rest leave the others their turns.
    valgrind.arg("--fair-sched=try");
    valgrind.arg("--errors-for-leak-kinds=definite").env("TEST_QUICK", "1");
    run(valgrind.arg(program("valgrind", source, "ndshm")));
}

/// Tests of one program, natively and under valgrind, each of its own so that they run at once.
macro_rules! programs {
    ($($name:ident: $source:literal),* $(,)?) => {$(
        mod $name {
            #[test]
            fn runs() {
                super::natively($source);
            }

            #[test]
            fn is_clean_under_valgrind() {
                super::under_valgrind($source);
            }
        }
    )*};
}

programs! {
    text: "tests/c/std/text.c",
    convert: "tests/c/std/convert.c",
    host: "tests/c/std/host.c",
    threads: "tests/c/std/threads.c",
    join: "tests/c/std/join.c",
    map: "tests/c/std/map.c",
    exchange: "tests/c/std/exchange.c",
    describe: "tests/c/std/describe.c",
    cpp: "tests/c/std/jobs.cpp",
    example_text_to_hdf5: "c-examples/text_to_hdf5.c",
    example_forked_map: "c-examples/forked_map.c",
    example_must_fail_text: "c-examples/must_fail_text.c",
}

/// The examples say what was computed.
#[test]
fn examples_print_what_they_found() {
    let printed = |source| run(&mut Command::new(program("printed", source, "ndshm")));
    let map = printed("c-examples/forked_map.c");
    assert_eq!(map, "20 items, sum 1834634, longest 17647 (278 steps)\n");
    let text = printed("c-examples/text_to_hdf5.c");
    assert!(text.ends_with("/out.h5: 4 rows in 2 datasets\n"), "{text}");
}

/// The C++ side of it in its standards, with exceptions and without.
#[test]
fn the_cpp_header_is_clean_in_every_standard() {
    if !is_there("c++") {
        return;
    }
    let source = root().join("tests/c/std/jobs.cpp");
    let no_exceptions: [&[&str]; 3] =
        [&[], &["-fno-exceptions", "-fno-rtti"], &["-DNDSHM_NO_EXCEPTIONS"]];
    for standard in ["c++17", "c++20"] {
        for flags in no_exceptions {
            run(compiler("c++", standard).arg("-fsyntax-only").args(flags).arg(&source));
        }
    }
}

/// What does without HDF5 does with the library without it.
#[test]
fn the_core_library_has_text_jobs_and_maps() {
    for source in ["tests/c/std/text.c", "tests/c/std/map.c"] {
        run(Command::new(program("core", source, "ndshm-core")).env("TEST_QUICK", "1"));
    }
}

/// A panic of the library becomes a status only if it can be caught.
#[test]
fn panics_unwind() {
    for library in ["libndshm.so", "libndshm-core.so"] {
        let file = libraries().join(library);
        let text = run(Command::new("readelf").args(["--dyn-syms", "-W"]).arg(file));
        let raise = text.lines().find(|line| line.contains("_Unwind_RaiseException"));
        assert!(raise.is_some_and(|line| line.contains("UND")), "{library} cannot unwind");
    }
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    assert!(!manifest.contains("panic ="), "a profile says how panics end");
}

/// All sources are run by some test here.
#[test]
fn no_program_is_forgotten() {
    let here = fs::read_to_string(root().join("tests/c_std.rs")).unwrap();
    for entry in fs::read_dir(root().join("tests/c/std")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().and_then(OsStr::to_str).unwrap();
        let header = path.extension() == Some(OsStr::new("h"));
        assert!(header || here.contains(&format!("tests/c/std/{name}")), "{name}");
    }
}

//! What the README shows runs, block by block: the shell's commands, Python, C and C++. The
//! blocks in Rust are documentation tests of the crate.

#![cfg(all(feature = "cli", feature = "capi"))]
#![allow(clippy::unwrap_used, reason = "helpers of tests, too")]
#![allow(clippy::duplicate_mod, reason = "both folders of helpers note what was skipped")]

mod common;
#[path = "tools/mod.rs"]
mod tools;

use std::path::{Path, PathBuf};
use std::process::Command;

use common::{Folder, SegmentName, data, python};
use tools::{build_folder, make, root, run};

/// The README's blocks of a language.
fn blocks(language: &str) -> Vec<String> {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let mut blocks =
        readme.split("```").skip(1).step_by(2).map(|block| block.split_once('\n').unwrap());
    let found = blocks.by_ref().filter(|(name, _)| *name == language);
    found.map(|(_, code)| code.to_owned()).collect()
}

/// The folder with the library, which other tests use, too.
fn library() -> PathBuf {
    run(&mut make("lib"));
    build_folder().join("lib")
}

/// The tables that the README speaks of.
fn tables() -> Folder {
    let folder = Folder::new();
    for (name, sample) in [("a.tsv", "sample_a.tsv"), ("b.tsv", "sample_b.tsv")] {
        std::fs::copy(data(sample), folder.path(name)).unwrap();
    }
    folder
}

fn shell(code: &str, folder: &Folder) -> String {
    let command = Path::new(env!("CARGO_BIN_EXE_ndshm")).parent().unwrap();
    let path = format!("{}:{}", command.display(), std::env::var("PATH").unwrap());
    let mut shell = Command::new("sh");
    run(shell.args(["-euc", code]).env("PATH", path).current_dir(folder.root()))
}

#[test]
fn the_commands_of_a_first_look() {
    let (folder, name) = (tables(), SegmentName::new("readme-shell"));
    let code = &blocks("sh")[1];
    assert!(code.contains("ndshm head calls -n 3"), "another block: {code}");
    let said = shell(&code.replace("calls", name.as_str()), &folder);
    for part in ["all.h5", "pos", "565339", "it stays until"] {
        assert!(said.contains(part), "no {part} in:\n{said}");
    }
    assert_eq!(folder.names(), ["a.tsv", "all.h5", "b.tsv", &format!("{}.npy", name.as_str())]);
    assert!(!name.file().exists(), "its last line removes the segment");
}

#[test]
fn the_commands_of_what_it_does() {
    let (folder, name) = (tables(), SegmentName::new("readme-import"));
    folder.write("prices.csv", "date;name;close\n2024-01-01;\"a;b\";1.5\n2024-01-02;c;NA\n");
    for day in ["day1.csv", "day2.csv"] {
        folder.write(day, "1,2,3\n4,5,6\n");
    }
    folder.write("grid.csv", "1,2\n3,4\n");
    shell("gzip grid.csv; for i in a b; do ndshm convert -q $i.tsv -o part-$i.h5; done", &folder);
    let code = blocks("sh")[2].replace("--name temp", &format!("--name {}", name.as_str()));
    assert!(code.contains("ndshm import year.h5:/temp --name"), "another block: {code}");
    let said = shell(&code, &folder);
    assert!(said.contains("(2, 2, 3)"), "the stack of two days:\n{said}");
    assert!(name.file().exists());
}

#[test]
fn the_python_of_it() {
    let Some(mut python) = python() else { return };
    let (folder, name) = (tables(), SegmentName::new("readme-python"));
    let code = blocks("python").concat().replace("365, 720, 1440", "3, 4, 5");
    python.args(["-B", "-c", &code.replace("\"temps\"", &format!("\"{}\"", name.as_str()))]);
    python.env("NDSHM_LIBRARY", library().join("libndshm.so.1"));
    python.env("PYTHONPATH", root().join("python")).current_dir(folder.root());
    let said = run(&mut python);
    assert!(said.starts_with("273.15\n421 rows, 5 columns\n"), "{said}");
    assert_eq!(folder.names(), ["a.tsv", "all.h5", "b.tsv"]);
}

/// Compiles a program of the README with every warning an error, and runs it.
fn compiled(compiler: &[&str], code: &str, file: &str) -> String {
    let (folder, library) = (tables(), library());
    let (source, program) = (folder.write(file, code), folder.path("program"));
    let mut compile = Command::new(compiler[0]);
    compile.args(&compiler[1..]).args(["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-I"]);
    compile.arg(root().join("include")).arg(source).arg("-L").arg(&library).arg("-lndshm");
    run(compile.arg(format!("-Wl,-rpath,{}", library.display())).arg("-o").arg(&program));
    run(Command::new(program).current_dir(folder.root()))
}

#[test]
fn the_c_of_it() {
    let name = SegmentName::new("readme-c");
    let code = blocks("c").concat().replace("calls-of-c", name.as_str());
    assert_eq!(compiled(&["cc", "-std=c11"], &code, "program.c"), "421 rows\n");
    assert!(!name.file().exists(), "the last who has it removes it");
}

#[test]
fn the_cpp_of_it() {
    if !tools::is_there("c++") {
        return;
    }
    let name = SegmentName::new("readme-cpp");
    let code = blocks("cpp").concat().replace("grid-of-cpp", name.as_str());
    assert_eq!(compiled(&["c++", "-std=c++17"], &code, "program.cpp"), "42\n");
    assert!(!name.file().exists(), "the last who has it removes it");
}

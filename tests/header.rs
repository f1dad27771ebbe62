//! `include/ndshm.h` is what `src/ffi` says, or this fails.
//!
//! The prose of the header is `src/ffi/ndshm.h.in`; a line `@file.rs@` in it
//! stands for the items of that file, as cbindgen writes them. With
//! `NDSHM_BLESS=1` the header is written instead of compared.

#![allow(clippy::unwrap_used, reason = "helpers of tests, too")]

use std::fs;
use std::path::{Path, PathBuf};

fn path(relative: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(relative)
}

/// The items of one file of `src/ffi` in C.
fn items(file: &str) -> String {
    let config = cbindgen::Config::from_file(path("cbindgen.toml")).unwrap();
    let source = path("src/ffi").join(file);
    let bindings = cbindgen::Builder::new().with_config(config).with_src(source).generate();
    let mut text = Vec::new();
    bindings.unwrap().write(&mut text);
    let text = String::from_utf8(text).unwrap();
    text.trim_end().lines().map(|line| in_c(line) + "\n").collect()
}

/// A line in the words of C: the duties that Rust calls safety, and types by
/// their names, whether cbindgen met them in this file or not.
fn in_c(line: &str) -> String {
    let line = line.replace("// # Safety", "// Duties of the caller:");
    if line.starts_with("typedef struct") { line } else { line.replace("struct ndshm_", "ndshm_") }
}

fn header() -> String {
    let template = fs::read_to_string(path("src/ffi/ndshm.h.in")).unwrap();
    let expand = |line: &str| match line.strip_prefix('@').and_then(|l| l.strip_suffix('@')) {
        Some(file) => items(file),
        None => format!("{line}\n"),
    };
    template.lines().map(expand).collect()
}

#[test]
fn header_is_what_the_sources_say() {
    let (made, file) = (header(), path("include/ndshm.h"));
    if std::env::var_os("NDSHM_BLESS").is_some() {
        return fs::write(file, made).unwrap();
    }
    let there = fs::read_to_string(file).unwrap_or_default();
    let differs = there.lines().zip(made.lines()).position(|(a, b)| a != b);
    assert!(
        there == made,
        "include/ndshm.h is out of date from line {}; make it again with \
         NDSHM_BLESS=1 cargo test --test header",
        differs.map_or(there.lines().count().min(made.lines().count()), |n| n) + 1,
    );
}

/// Every function that is exported is in the header, and so is every public
/// constant and struct: a new file of `src/ffi` cannot be forgotten.
#[test]
fn header_leaves_nothing_out() {
    let header = header();
    for entry in fs::read_dir(path("src/ffi")).unwrap() {
        let file = entry.unwrap().path();
        if file.extension().is_none_or(|ext| ext != "rs") || file.ends_with("tests.rs") {
            continue;
        }
        let source = fs::read_to_string(&file).unwrap();
        for line in
            source.lines().filter(|line| line.starts_with("pub ") && !line.contains(" mod "))
        {
            let name = line.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            let name = name.into_iter().find(|word| word.to_lowercase().starts_with("ndshm_"));
            let Some(name) = name else { panic!("{}: what is this: {line}", file.display()) };
            assert!(header.contains(name), "{name} is not in the header");
        }
    }
}

/// The version is said in three places.
#[test]
fn versions_agree() {
    let header = header();
    for (name, number) in [
        ("MAJOR", env!("CARGO_PKG_VERSION_MAJOR")),
        ("MINOR", env!("CARGO_PKG_VERSION_MINOR")),
        ("PATCH", env!("CARGO_PKG_VERSION_PATCH")),
    ] {
        let line = format!("#define NDSHM_VERSION_{name} {number}\n");
        assert!(header.contains(&line), "no {line}");
    }
}

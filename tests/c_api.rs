//! The C library as a C program meets it: built without std, linked, run, and
//! looked at from outside.
//!
//! Needs a C compiler with its binutils; a C++ compiler and valgrind are used if
//! they are there, and named if they are not.

#![allow(clippy::unwrap_used, reason = "helpers of tests, too")]

mod tools;

use std::collections::BTreeSet;
use std::env;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use tools::{is_there, root, run};

/// Where this test builds: beside what `cargo test` builds, so that the two do
/// not wait for each other's lock.
fn out() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("c_api")
}

/// Builds the C library as `c-examples/README.md` says; the folder it is in.
///
/// A library without std has no unwinder, so it must be compiled for abort.
/// `panic = "abort"` in a profile of the manifest would do, but then `cargo test`
/// builds the library twice under one name; so the flag goes to this one crate,
/// behind `--`. Its dependencies, and `core` as it is shipped, stay compiled for
/// unwinding and ask for `rust_eh_personality`, which nobody has: a static library
/// built like that links only with `lto`, which compiles all of them again. That also
/// makes one object out of everything that is called and of nothing else, from which
/// the tests below read what the library can do.
fn library() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut build = Command::new(cargo);
        build.current_dir(root()).arg("rustc").arg("--target-dir").arg(out());
        build.args(["--release", "--lib", "--offline", "--no-default-features"]);
        build.args(["--features", "capi,panic-handler", "--crate-type", "staticlib,cdylib"]);
        build.args(["--config", "profile.release.lto=\"fat\""]);
        build.args(["--", "-C", "panic=abort"]);
        for flags in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_TARGET"] {
            build.env_remove(flags);
        }
        run(&mut build);
        out().join("release")
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
    let mut command = build.include(root().join("include")).get_compiler().to_command();
    command.arg("-x").arg(language);
    command
}

fn sources(folder: &str, extension: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join(folder)).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut paths: Vec<_> =
        paths.filter(|path| path.extension() == Some(OsStr::new(extension))).collect();
    paths.sort();
    assert!(!paths.is_empty(), "nothing to compile in {folder}");
    paths
}

/// Compiles a program for one `test`, and links it with one of the two libraries.
fn program(test: &str, source: &Path, library: &Path) -> PathBuf {
    let name = source.file_name().unwrap().to_str().unwrap();
    let exe = out().join(format!("{test}.{name}.exe"));
    let cpp = source.extension() == Some(OsStr::new("cpp"));
    let mut compile = if cpp { compiler("c++", "c++17") } else { compiler("c", "c11") };
    compile.arg(source).args(["-x", "none"]).arg(library).arg("-lrt").arg("-o").arg(&exe);
    compile.arg(format!("-Wl,-rpath,{}", library.parent().unwrap().display()));
    run(&mut compile);
    exe
}

fn static_library() -> PathBuf {
    library().join("libndshm.a")
}

fn shared_library() -> PathBuf {
    library().join("libndshm.so")
}

/// Examples of the second part, which a library without std has not: `tests/c_std.rs` runs them.
const SECOND_PART: [&str; 3] = ["text_to_hdf5.c", "forked_map.c", "must_fail_text.c"];

/// Of two examples one needs the other.
const PAIR: [&str; 2] = ["producer.c", "consumer.c"];

fn is_named(source: &Path, names: &[&str]) -> bool {
    names.iter().any(|name| source.ends_with(name))
}

fn programs() -> Vec<PathBuf> {
    let mut sources = [sources("c-examples", "c"), sources("tests/c", "c")].concat();
    if is_there("c++") {
        sources.extend(self::sources("c-examples", "cpp"));
        sources.extend(self::sources("tests/c", "cpp"));
    }
    sources.retain(|source| !is_named(source, &PAIR) && !is_named(source, &SECOND_PART));
    sources
}

/// Runs a program, or a tool with it, where it has shared memory to itself: some prune all of
/// it. Where that cannot be had those are left out, and the others run as they are.
fn run_alone(source: &Path, command: &[&OsStr]) -> String {
    static POSSIBLE: OnceLock<bool> = OnceLock::new();
    let alone = || {
        let mut unshare = Command::new("unshare");
        unshare.args(["--mount", "--map-root-user", "sh", "-c"]);
        unshare.arg("mount -t tmpfs tmpfs /dev/shm && exec \"$@\"").arg("sh");
        unshare
    };
    let possible = POSSIBLE
        .get_or_init(|| alone().arg("true").output().is_ok_and(|output| output.status.success()));
    if *possible {
        run(alone().args(command))
    } else if is_named(source, &["list_prune.c", "views.cpp"]) {
        let name = source.file_name().unwrap().to_string_lossy();
        tools::skip::skipped(&name, "no /dev/shm of its own can be mounted");
        String::new()
    } else {
        run(Command::new(command[0]).args(&command[1..]))
    }
}

#[test]
fn c_programs_run_with_the_static_library() {
    for source in programs() {
        let exe = program("static", &source, &static_library());
        print!("{}", run_alone(&source, &[exe.as_os_str()]));
    }
}

#[test]
fn c_programs_run_with_the_shared_library() {
    for source in programs() {
        let exe = program("shared", &source, &shared_library());
        run_alone(&source, &[exe.as_os_str()]);
    }
}

#[test]
fn c_programs_run_under_valgrind() {
    if !is_there("valgrind") {
        return;
    }
    for source in programs() {
        let exe = program("valgrind", &source, &static_library());
        run_alone(&source, &[VALGRIND.map(OsStr::new).as_slice(), &[exe.as_os_str()]].concat());
    }
}

const VALGRIND: [&str; 5] = [
    "valgrind",
    "--quiet",
    "--error-exitcode=99",
    "--leak-check=full",
    "--errors-for-leak-kinds=all",
];

/// The producer stays until its input ends, the consumer waits until there is something.
#[test]
fn the_pair_of_programs_meets() {
    let [producer, consumer] =
        PAIR.map(|name| program("pair", &root().join("c-examples").join(name), &static_library()));
    let with_valgrind = is_there("valgrind");
    for valgrind in [false, true] {
        if valgrind && !with_valgrind {
            continue;
        }
        let name = format!("test.pair.{}.{valgrind}", std::process::id());
        let start = |exe: &Path| {
            let mut command =
                Command::new(if valgrind { OsStr::new(VALGRIND[0]) } else { exe.as_os_str() });
            if valgrind {
                command.args(&VALGRIND[1..]).arg(exe);
            }
            command.arg(&name).stdout(Stdio::piped()).stderr(Stdio::piped());
            command
        };
        let waiting = start(&consumer).spawn().unwrap();
        let mut making = start(&producer).stdin(Stdio::piped()).spawn().unwrap();
        let read = waiting.wait_with_output().unwrap();
        assert!(
            Path::new("/dev/shm").join(format!("ndshm.{name}")).exists(),
            "the producer has it"
        );
        drop(making.stdin.take());
        let made = making.wait_with_output().unwrap();
        assert!(read.status.success() && made.status.success(), "{read:?} {made:?}");
        assert_eq!(read.stdout, b"1000 x 3, sum 1.49925e+06\n");
        assert!(!Path::new("/dev/shm").join(format!("ndshm.{name}")).exists(), "it is left");
    }
}

/// The C++ header in its standards, with exceptions and without.
#[test]
fn the_cpp_header_is_clean_in_every_standard() {
    if !is_there("c++") {
        return;
    }
    let source = root().join("tests/c/views.cpp");
    let no_exceptions: [&[&str]; 3] =
        [&[], &["-fno-exceptions", "-fno-rtti"], &["-DNDSHM_NO_EXCEPTIONS"]];
    for standard in ["c++17", "c++20"] {
        let header = root().join("include/ndshm.hpp");
        run(compiler("c++", standard).arg("-fsyntax-only").arg(header));
        for flags in no_exceptions {
            run(compiler("c++", standard).arg("-fsyntax-only").args(flags).arg(&source));
        }
    }
    let exe = out().join("views.no_exceptions.exe");
    let mut compile = compiler("c++", "c++20");
    compile.args(no_exceptions[1]).arg(&source).args(["-x", "none"]).arg(static_library());
    run(compile.arg("-lrt").arg("-o").arg(&exe));
    run_alone(&source, &[exe.as_os_str()]);
}

#[test]
fn the_header_is_clean_in_every_standard() {
    let header = root().join("include/ndshm.h");
    for standard in ["c99", "c11", "c17"] {
        run(compiler("c", standard).arg("-fsyntax-only").arg(&header));
    }
    if is_there("c++") {
        for standard in ["c++11", "c++17", "c++20"] {
            run(compiler("c++", standard).arg("-fsyntax-only").arg(&header));
        }
    }
}

/// The command in the README is the one that was run.
#[test]
fn the_examples_say_how_to_build_them() {
    let readme = fs::read_to_string(root().join("c-examples/README.md")).unwrap();
    let flags = ["--release --lib", "--no-default-features", "--features capi,panic-handler"];
    let more = ["--crate-type staticlib,cdylib", "profile.release.lto=\"fat\"", "panic=abort"];
    for part in flags.iter().chain(&more) {
        assert!(readme.contains(part), "README.md does not say {part}");
    }
    for source in sources("c-examples", "c").iter().chain(&sources("c-examples", "cpp")) {
        let name = source.file_name().unwrap().to_str().unwrap();
        assert!(readme.contains(name), "README.md does not mention {name}");
    }
}

/// What `nm` prints of a file, as pairs of a kind and a name.
fn symbols(file: &Path, flags: &[&str]) -> Vec<(char, String)> {
    let nm = env::var_os("NM").unwrap_or_else(|| "nm".into());
    let text = run(Command::new(nm).args(flags).arg(file));
    let symbol = |line: &str| {
        let mut words = line.split_whitespace().rev();
        let name = words.next()?.to_string();
        Some((words.next()?.chars().next()?, name))
    };
    text.lines().filter_map(symbol).collect()
}

/// The functions that the header declares for a library without std.
fn declared() -> BTreeSet<String> {
    let header = fs::read_to_string(root().join("include/ndshm.h")).unwrap();
    let (header, _) = header.split_once("Second part").unwrap();
    let code = header.lines().filter(|line| !line.starts_with("//") && !line.starts_with(" *"));
    let call = |line: &str| {
        let name = line.split('(').next()?.rsplit(|c: char| !is_name(c)).next()?.to_string();
        (line.contains('(') && name.starts_with("ndshm_")).then_some(name)
    };
    code.filter_map(call).collect()
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

#[test]
fn the_library_exports_what_the_header_declares() {
    let names = |symbols: Vec<(char, String)>| -> BTreeSet<String> {
        symbols.into_iter().map(|(_, name)| name).collect()
    };
    let declared = declared();
    assert!(declared.len() > 20, "the header was misread: {declared:?}");
    assert_eq!(names(symbols(&shared_library(), &["-D", "--defined-only"])), declared);
    assert_eq!(names(symbols(&object(), &["-g", "--defined-only"])), declared);
}

/// The library's own code, out of the archive: everything but the compiler's
/// support routines.
fn object() -> PathBuf {
    let archive = static_library();
    let members = run(Command::new("ar").arg("t").arg(&archive));
    let own: Vec<_> = members.lines().filter(|name| name.starts_with("ndshm.")).collect();
    assert_eq!(own.len(), 1, "lto makes one object: {own:?}");
    let bytes = Command::new("ar").arg("p").arg(&archive).arg(own[0]).output().unwrap().stdout;
    // Tests of other processes may look at it meanwhile, so it appears complete.
    let part =
        out().join(format!("ndshm.o.{}.{:?}", std::process::id(), std::thread::current().id()));
    fs::write(&part, bytes).unwrap();
    fs::rename(part, out().join("ndshm.o")).unwrap();
    out().join("ndshm.o")
}

/// The core does not allocate: there is nothing in it to allocate with.
#[test]
fn the_library_calls_nothing_but_the_listed_libc_functions() {
    let undefined: BTreeSet<String> =
        symbols(&object(), &["-u"]).into_iter().map(|(_, name)| name).collect();
    for name in &undefined {
        let allocator = ["malloc", "calloc", "realloc", "free", "memalign", "sbrk", "__rust"];
        assert!(!allocator.iter().any(|start| name.starts_with(start)), "{name}");
    }
    let list = fs::read_to_string(root().join("tests/c/libc_symbols.txt")).unwrap();
    let lines = list.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let (optional, needed): (Vec<&str>, Vec<&str>) = lines.partition(|line| line.starts_with('?'));
    let optional: BTreeSet<_> = optional.iter().map(|line| line[2..].to_string()).collect();
    let needed: BTreeSet<_> = needed.into_iter().map(String::from).collect();
    let undefined: BTreeSet<_> = undefined.difference(&optional).cloned().collect();
    let (new, gone) = (undefined.difference(&needed), needed.difference(&undefined));
    let (new, gone): (Vec<_>, Vec<_>) = (new.collect(), gone.collect());
    assert!(new.is_empty() && gone.is_empty(), "not in the list: {new:?}; not called: {gone:?}");
}

/// Functions of `core` that may panic, each with the reason why it does not.
const MAY_PANIC: [&str; 1] = [
    // By `char::escape_debug`, for a dtype's text: it indexes tables of its own.
    "4core7unicode9printable12is_printable",
];

/// The core does not panic: no function of it leads to a panic, as far as the
/// optimiser could see, which removes the checks that cannot fail.
#[test]
fn the_library_has_no_way_to_panic() {
    let objdump = env::var_os("OBJDUMP").unwrap_or_else(|| "objdump".into());
    let text = run(Command::new(objdump).arg("-r").arg(object()));
    // Every function has a section of its own. Those of core that end in a panic are cold
    // and call each other; what matters is who else calls them.
    let mut function = None;
    let mut seen = 0;
    for line in text.lines() {
        if let Some(section) = line.strip_prefix("RELOCATION RECORDS FOR [.text.") {
            let name = section.trim_end_matches("]:");
            let cold_core = name.starts_with("unlikely.") && name.contains("4core");
            function = (!cold_core).then_some(name);
            seen += 1;
        } else if line.starts_with("RELOCATION RECORDS") {
            function = None;
        } else if let Some(caller) = function
            && leads_to_panic(line)
        {
            let known = MAY_PANIC.iter().any(|known| caller.ends_with(known));
            assert!(known, "{caller} may panic: {line}");
        }
    }
    assert!(seen > declared().len(), "objdump was misread");
}

/// Whether a relocation is for one of core's functions that end in a panic.
fn leads_to_panic(relocation: &str) -> bool {
    let Some(to) = relocation.split_whitespace().nth(2) else { return false };
    let to = to.split(['+', '-']).next().unwrap_or_default();
    let core = to.contains("4core");
    core && (["panicking", "_fail", "unwrap_failed", "expect_failed"]
        .iter()
        .any(|p| to.contains(p)))
}

//! What `make install` installs, as a C programmer and a packager meet it: the files, the
//! libraries' names and symbols, programs that find them by pkg-config and cmake.
//!
//! Builds the libraries once, with the dev profile, in a target folder of its own. Needs make,
//! a C compiler with binutils, and pkg-config; a C++ compiler and cmake are used if they are there,
//! and named if they are not.

#![cfg(all(feature = "cli", feature = "capi"))]
#![allow(clippy::unwrap_used, reason = "helpers of tests, too")]

mod tools;

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use tools::{build_folder, is_there, root, run};

/// `make TARGET` with the libraries of these tests and the command that is under test.
fn make(target: &str, destination: &Path, settings: &[&str]) {
    let mut make = tools::make(target);
    make.args(settings).arg(format!("COMMAND={}", env!("CARGO_BIN_EXE_ndshm")));
    run(make.arg(format!("DESTDIR={}", destination.display())));
}

/// A fresh folder under the place of this test.
fn fresh(name: &str) -> PathBuf {
    let folder = build_folder().join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// Where everything is installed for the tests that look at it: `PREFIX=/usr` below a folder.
fn installed() -> &'static Path {
    static INSTALLED: OnceLock<PathBuf> = OnceLock::new();
    INSTALLED.get_or_init(|| {
        let destination = fresh("dest");
        make("install", &destination, &["PREFIX=/usr"]);
        destination
    })
}

fn libraries() -> PathBuf {
    installed().join("usr/lib")
}

/// The files below a folder, links with what they lead to.
fn files(folder: &Path) -> BTreeSet<String> {
    fn walk(top: &Path, folder: &Path, found: &mut BTreeSet<String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(top).unwrap().display().to_string();
            if let Ok(target) = fs::read_link(&path) {
                found.insert(format!("{name} -> {}", target.display()));
            } else if path.is_dir() {
                walk(top, &path, found);
            } else {
                found.insert(name);
            }
        }
    }
    let mut found = BTreeSet::new();
    walk(folder, folder, &mut found);
    found
}

const COMMANDS: [&str; 8] = [
    "ndshm",
    "ndshm-convert",
    "ndshm-head",
    "ndshm-info",
    "ndshm-load",
    "ndshm-ls",
    "ndshm-prune",
    "ndshm-rm",
];

/// Every file that is installed, below the prefix.
fn expected(libdir: &str) -> BTreeSet<String> {
    let mut expected = BTreeSet::new();
    let mut add = |name: String| assert!(expected.insert(name));
    add("bin/ndshm".into());
    add("include/ndshm.h".into());
    add("include/ndshm.hpp".into());
    for lib in ["libndshm", "libndshm-core"] {
        add(format!("{libdir}/{lib}.a"));
        add(format!("{libdir}/{lib}.so -> {lib}.so.1"));
        add(format!("{libdir}/{lib}.so.1 -> {lib}.so.{}", library_version()));
        add(format!("{libdir}/{lib}.so.{}", library_version()));
        add(format!("{libdir}/pkgconfig/{}.pc", &lib[3..]));
    }
    add(format!("{libdir}/cmake/ndshm/ndshm-config.cmake"));
    add(format!("{libdir}/cmake/ndshm/ndshm-config-version.cmake"));
    for command in manuals() {
        add(format!("share/man/man1/{command}"));
    }
    for name in ["README.md", "CHANGELOG.md", "LICENSE-APACHE", "LICENSE-MIT"] {
        add(format!("share/doc/ndshm/{name}"));
    }
    add("share/doc/ndshm/c.md".into());
    add("share/doc/ndshm/lifetime.md".into());
    add("share/bash-completion/completions/ndshm".into());
    add("share/zsh/site-functions/_ndshm".into());
    add("share/fish/vendor_completions.d/ndshm.fish".into());
    expected
}

/// The pages of the manual. That they are those of the command is a test of the command.
fn manuals() -> BTreeSet<String> {
    let entries = fs::read_dir(root().join("docs/man")).unwrap();
    let pages: BTreeSet<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    for command in COMMANDS {
        assert!(pages.contains(&format!("{command}.1")), "no manual of {command}");
    }
    pages
}

/// The value of a line `key = "value"` in a section of Cargo.toml.
fn manifest(section: &str, key: &str) -> String {
    let text = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let lines = text.lines().skip_while(|line| *line != format!("[{section}]")).skip(1);
    let mut lines = lines.take_while(|line| !line.starts_with('['));
    let line = lines.find_map(|line| line.strip_prefix(key)?.strip_prefix(" = "));
    line.unwrap_or_else(|| panic!("no {key} in [{section}]")).trim_matches('"').to_string()
}

fn library_version() -> String {
    manifest("package.metadata.capi.library", "version")
}

#[test]
fn every_file_is_where_it_belongs() {
    assert_eq!(files(&installed().join("usr")), expected("lib"));
    let command = installed().join("usr/bin/ndshm");
    let version = run(Command::new(command).arg("--version"));
    assert_eq!(version.trim(), concat!("ndshm ", env!("CARGO_PKG_VERSION")));
    for lib in ["libndshm.so", "libndshm-core.so"] {
        assert!(libraries().join(lib).metadata().unwrap().is_file(), "{lib} leads nowhere");
    }
}

/// A distribution's folders; what is beside the prefix is named in full, what is below it may
/// be moved with it. Nothing remains afterwards.
#[test]
fn folders_are_settings_and_uninstall_leaves_nothing() {
    installed(); // builds, which two at once must not
    let destination = fresh("elsewhere");
    let settings = ["PREFIX=/opt/ndshm", "LIBDIR=/opt/ndshm/lib/x86", "DOCDIR=/doc"];
    make("install", &destination, &settings);
    let found = files(&destination.join("opt/ndshm"));
    let of_lib = expected("lib/x86").into_iter().filter(|name| !name.starts_with("share/doc"));
    assert_eq!(found, of_lib.collect());
    assert!(destination.join("doc/LICENSE-MIT").exists());

    let read = |name| fs::read_to_string(destination.join("opt/ndshm/lib/x86").join(name)).unwrap();
    let pc = read("pkgconfig/ndshm-core.pc");
    assert!(pc.contains("prefix=/opt/ndshm\n") && pc.contains("libdir=${exec_prefix}/lib/x86\n"));
    let cmake = read("cmake/ndshm/ndshm-config.cmake");
    assert!(cmake.contains("\"${_ndshm_libdir}/../../include\""), "{cmake}");
    for name in ["pkgconfig/ndshm.pc", "pkgconfig/ndshm-core.pc", "cmake/ndshm/ndshm-config.cmake"]
    {
        let text = read(name);
        assert!(!text.contains('@'), "{name} has a place that was not filled:\n{text}");
        assert!(!text.contains("elsewhere"), "{name} names DESTDIR:\n{text}");
    }

    make("uninstall", &destination, &settings);
    assert_eq!(files(&destination), BTreeSet::new());
    for folder in ["opt/ndshm/lib/x86/cmake/ndshm", "doc"] {
        assert!(!destination.join(folder).exists(), "{folder} is left");
    }
}

/// What `readelf` says of a library's dynamic section, lines with `tag`.
fn dynamic(file: &Path, tag: &str) -> Vec<String> {
    let text = run(Command::new("readelf").arg("-dW").arg(file));
    let lines = text.lines().filter(|line| line.contains(tag));
    lines.map(|line| line.split(['[', ']']).nth(1).unwrap_or_default().to_string()).collect()
}

/// Defined global symbols of all objects in a file.
fn globals(file: &Path, table: &str) -> BTreeSet<String> {
    let text = run(Command::new("readelf").args([table, "-W"]).arg(file));
    let columns = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let defined =
        columns.filter(|c| c.len() >= 8 && ["GLOBAL", "WEAK"].contains(&c[4]) && c[6] != "UND");
    defined.map(|c| c[7].split('@').next().unwrap().to_string()).collect()
}

/// The functions that the header declares.
fn declared() -> BTreeSet<String> {
    let header = fs::read_to_string(root().join("include/ndshm.h")).unwrap();
    let code = header.lines().filter(|line| !line.starts_with("//") && !line.starts_with(" *"));
    let call = |line: &str| {
        let before = line.split('(').next()?;
        let name = before.rsplit(|c: char| !c.is_ascii_alphanumeric() && c != '_').next()?;
        (line.contains('(') && name.starts_with("ndshm_")).then(|| name.to_string())
    };
    code.filter_map(call).collect()
}

#[test]
fn shared_libraries_have_their_sonames_and_export_ndshm_only() {
    let major = library_version().split('.').next().unwrap().to_string();
    for lib in ["libndshm", "libndshm-core"] {
        let file = libraries().join(format!("{lib}.so"));
        assert_eq!(dynamic(&file, "(SONAME)"), [format!("{lib}.so.{major}")]);
        assert_eq!(dynamic(&file, "PATH)"), [""; 0], "a path of this machine");
        let exported = globals(&file, "--dyn-syms");
        let (declared, core) = (declared(), lib == "libndshm-core");
        assert!(declared.len() > 20, "the header was misread: {declared:?}");
        assert!(exported.is_subset(&declared), "{:?}", exported.difference(&declared));
        assert!(exported.contains("ndshm_segment_attach"));
        let missing: Vec<_> = declared.difference(&exported).map(String::as_str).collect();
        let of_hdf5 = |name: &&str| {
            let nouns =
                ["convert", "describe", "description", "export", "import", "join", "verify"];
            nouns.iter().any(|noun| name.starts_with(&format!("ndshm_{noun}")))
        };
        let wanted = declared.iter().map(String::as_str).filter(|name| core && of_hdf5(name));
        assert_eq!(missing, wanted.collect::<Vec<_>>(), "{lib}");
        assert_eq!(globals(&file.with_extension("a"), "-s"), exported);
    }
    for (lib, with_hdf5) in [("libndshm.so", true), ("libndshm-core.so", false)] {
        let needed = dynamic(&libraries().join(lib), "(NEEDED)");
        let hdf5 = needed.iter().any(|name| name.contains("hdf5"));
        assert_eq!(hdf5, with_hdf5, "{lib}: {needed:?}");
    }
}

/// The same numbers in every place that has one.
#[test]
fn versions_agree() {
    let header = fs::read_to_string(root().join("include/ndshm.h")).unwrap();
    let major = library_version().split('.').next().unwrap().to_string();
    assert!(header.contains(&format!("#define NDSHM_ABI_VERSION {major}\n")));
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(manifest("package.metadata.capi.pkg_config", "version"), version);
    for pc in ["ndshm", "ndshm-core"] {
        assert_eq!(pkg_config(&["--modversion", pc]).concat(), version);
    }
}

/// What pkg-config says of what is installed, as if the prefix were there.
fn pkg_config(arguments: &[&str]) -> Vec<String> {
    let mut command = Command::new("pkg-config");
    let prefix = installed().join("usr");
    command.arg(format!("--define-variable=prefix={}", prefix.display())).args(arguments);
    command.env("PKG_CONFIG_PATH", libraries().join("pkgconfig"));
    run(&mut command).split_whitespace().map(String::from).collect()
}

/// A compiler with every warning an error.
fn compiler(cpp: bool) -> Command {
    let mut command = Command::new(if cpp { "c++" } else { "cc" });
    command.args(["-Wall", "-Wextra", "-Wpedantic", "-Werror"]);
    command.arg(if cpp { "-std=c++17" } else { "-std=c11" });
    command
}

/// Compiles an example with those flags, and runs it.
fn builds_and_runs(source: &str, name: &str, flags: &[String]) -> PathBuf {
    let exe = build_folder().join(name);
    let mut compile = compiler(Path::new(source).extension().is_some_and(|ext| ext == "cpp"));
    compile.arg(root().join("c-examples").join(source)).args(flags);
    run(compile.arg("-o").arg(&exe));
    run(Command::new(&exe).env("LD_LIBRARY_PATH", libraries()));
    exe
}

/// An example that calls what only a library with std has: with HDF5, where that is there.
fn second_part(lib: &str) -> &'static str {
    if lib == "ndshm" { "text_to_hdf5.c" } else { "forked_map.c" }
}

#[test]
fn pkg_config_leads_to_the_shared_libraries() {
    for lib in ["ndshm", "ndshm-core"] {
        let flags = pkg_config(&["--cflags", "--libs", lib]);
        let exe = builds_and_runs("smoke.c", &format!("shared.{lib}.exe"), &flags);
        assert!(dynamic(&exe, "(NEEDED)").contains(&format!("lib{lib}.so.1")));
        builds_and_runs(second_part(lib), &format!("shared.{lib}.more.exe"), &flags);
        if is_there("c++") {
            builds_and_runs("records.cpp", &format!("shared.{lib}.cpp.exe"), &flags);
        }
    }
}

/// A cross compiler's way to the same files.
#[test]
fn pkg_config_follows_a_sysroot() {
    let mut command = Command::new("pkg-config");
    command.args(["--cflags", "--libs", "ndshm-core"]);
    command.env("PKG_CONFIG_PATH", libraries().join("pkgconfig"));
    command.env("PKG_CONFIG_SYSROOT_DIR", installed());
    command.env("PKG_CONFIG_ALLOW_SYSTEM_CFLAGS", "1").env("PKG_CONFIG_ALLOW_SYSTEM_LIBS", "1");
    let flags: Vec<_> = run(&mut command).split_whitespace().map(String::from).collect();
    assert!(flags.contains(&format!("-L{}", libraries().display())), "{flags:?}");
    builds_and_runs("smoke.c", "sysroot.exe", &flags);
}

/// The flags of a static link: those of `--static`, but the archive for the library.
fn static_flags(lib: &str) -> Vec<String> {
    let flags = pkg_config(&["--static", "--cflags", "--libs", lib]);
    let own = format!("-l{lib}");
    assert!(flags.contains(&own), "{flags:?}");
    let archive = |flag: String| if flag == own { format!("-l:lib{lib}.a") } else { flag };
    flags.into_iter().map(archive).collect()
}

#[test]
fn pkg_config_names_all_that_a_static_link_needs() {
    for lib in ["ndshm", "ndshm-core"] {
        let mut flags = static_flags(lib);
        flags.push("-Wl,--no-undefined".into());
        let exe = builds_and_runs("smoke.c", &format!("static.{lib}.exe"), &flags);
        let needed = dynamic(&exe, "(NEEDED)");
        assert!(!needed.iter().any(|name| name.contains("ndshm")), "{needed:?}");
        let exe = builds_and_runs(second_part(lib), &format!("static.{lib}.more.exe"), &flags);
        let needed = dynamic(&exe, "(NEEDED)");
        assert!(!needed.iter().any(|name| name.contains("ndshm")), "{needed:?}");
        assert_eq!(needed.iter().any(|name| name.contains("hdf5")), lib == "ndshm", "{needed:?}");
        // Every object of the archive, so that nothing is forgotten that smoke.c does not use.
        let mut whole = vec!["-Wl,--whole-archive".to_string()];
        whole.extend([format!("-L{}", libraries().display()), format!("-l:lib{lib}.a")]);
        whole.push("-Wl,--no-whole-archive".into());
        whole.extend(flags.into_iter().filter(|flag| !flag.starts_with("-l:")));
        builds_and_runs("smoke.c", &format!("whole.{lib}.exe"), &whole);
    }
}

/// Another static library of Rust's in the same program: both bring Rust's standard library, and
/// neither sees the other's.
#[test]
fn two_rust_static_libraries_do_not_clash() {
    let folder = fresh("clash");
    let (source, archive) = (folder.join("other.rs"), folder.join("libother.a"));
    let rust = r#"
        #[unsafe(no_mangle)]
        pub extern "C" fn other(n: usize) -> usize {
            let caught = std::panic::catch_unwind(|| assert!(n > 3)).is_err();
            vec![n; 1 + usize::from(caught)].len()
        }"#;
    fs::write(&source, rust).unwrap();
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let mut compile = Command::new(rustc);
    compile.args(["--crate-type", "staticlib", "--print", "native-static-libs=libs.txt"]);
    run(compile.current_dir(&folder).arg(&source).arg("-o").arg(&archive));
    // On some systems these are all empty, so that no link shows what is missing.
    let flags = static_flags("ndshm-core");
    for lib in fs::read_to_string(folder.join("libs.txt")).unwrap().split_whitespace() {
        assert!(lib == "-lc" || flags.iter().any(|flag| flag == lib), "{lib} is not in {flags:?}");
    }

    let program = folder.join("both.c");
    let c = r#"
        #include "ndshm.h"
        #include <stddef.h>
        size_t other(size_t n);
        int main(void)
        {
            ndshm_segment s = {0};
            return other(1) == 2 && other(5) == 1 &&
                   ndshm_segment_attach("test.clash", NULL, &s, NULL) == NDSHM_ERR_NOT_FOUND ? 0 : 1;
        }"#;
    fs::write(&program, c).unwrap();
    let exe = folder.join("both.exe");
    let (own, system): (Vec<_>, Vec<_>) = flags.iter().partition(|flag| flag.starts_with("-l:"));
    let mut link = compiler(false);
    // All of both: a name that both had would be defined twice.
    link.arg(&program).arg(format!("-L{}", libraries().display())).arg("-Wl,--whole-archive");
    link.args(own).arg(&archive).arg("-Wl,--no-whole-archive");
    run(link.args(system).arg("-o").arg(&exe));
    run(&mut Command::new(exe));
}

#[test]
fn headers_stand_alone() {
    let folder = fresh("headers");
    for (header, cpp) in [("ndshm.h", false), ("ndshm.h", true), ("ndshm.hpp", true)] {
        let source = folder.join(if cpp { "one.cpp" } else { "one.c" });
        fs::write(&source, format!("#include <{header}>\nint main(void) {{ return 0; }}\n"))
            .unwrap();
        if !cpp || is_there("c++") {
            let mut compile = compiler(cpp);
            compile.arg("-I").arg(installed().join("usr/include"));
            run(compile.arg("-fsyntax-only").arg(source));
        }
    }
}

/// What a page of the manual must not say: groff says so.
/// They name what the command can do, and the shells take them.
#[test]
fn completions_are_those_of_the_command() {
    let share = installed().join("usr/share");
    let bash = share.join("bash-completion/completions/ndshm");
    let text = fs::read_to_string(&bash).unwrap();
    assert!(text.contains("--append-rows") && text.contains("fletcher32"), "{text}");
    tools::run(Command::new("bash").arg("-n").arg(&bash));
}

#[test]
fn manual_is_well_formed() {
    if !is_there("groff") {
        return;
    }
    for page in manuals() {
        let file = installed().join("usr/share/man/man1").join(&page);
        let groff = ["-man", "-Tutf8", "-ww", "-z"];
        let Output { status, stderr, .. } =
            Command::new("groff").args(groff).arg(&file).output().unwrap();
        assert!(
            status.success() && stderr.is_empty(),
            "{page}: {}",
            String::from_utf8_lossy(&stderr)
        );
    }
}

#[test]
fn cmake_finds_the_package() {
    if !is_there("cmake") {
        return;
    }
    let folder = fresh("cmake");
    let example = |name: &str| root().join("c-examples").join(name).display().to_string();
    let lists = format!(
        "cmake_minimum_required(VERSION 3.12)\nproject(consumer C CXX)\n\
         find_package(ndshm {version} REQUIRED)\n\
         foreach(target ndshm core ndshm_static core_static)\n\
           add_executable(${{target}} {smoke})\n\
           set_target_properties(${{target}} PROPERTIES C_STANDARD 11)\n\
           target_link_libraries(${{target}} ndshm::${{target}})\n\
         endforeach()\n\
         foreach(target ndshm ndshm_static)\n\
           add_executable(convert_${{target}} {convert})\n\
           set_target_properties(convert_${{target}} PROPERTIES C_STANDARD 11)\n\
           target_link_libraries(convert_${{target}} ndshm::${{target}})\n\
         endforeach()\n\
         add_executable(cpp {raii})\n\
         set_target_properties(cpp PROPERTIES CXX_STANDARD 17)\n\
         target_link_libraries(cpp ndshm::core)\n",
        version = env!("CARGO_PKG_VERSION"),
        smoke = example("smoke.c"),
        convert = example("text_to_hdf5.c"),
        raii = example("raii.cpp"),
    );
    fs::write(folder.join("CMakeLists.txt"), lists).unwrap();
    let build = folder.join("build");
    let mut configure = Command::new("cmake");
    configure.arg("-S").arg(&folder).arg("-B").arg(&build);
    configure.arg(format!("-DCMAKE_PREFIX_PATH={}", installed().join("usr").display()));
    run(&mut configure);
    run(Command::new("cmake").arg("--build").arg(&build));
    let converting = ["convert_ndshm", "convert_ndshm_static"];
    for program in ["ndshm", "core", "ndshm_static", "core_static", "cpp"].iter().chain(&converting)
    {
        run(Command::new(build.join(program)).env("LD_LIBRARY_PATH", libraries()));
    }
    // A newer release than this one is not there.
    let newer = folder.join("newer");
    fs::create_dir(&newer).unwrap();
    let lists = "cmake_minimum_required(VERSION 3.12)\nproject(newer C)\nfind_package(ndshm 999 REQUIRED)\n";
    fs::write(newer.join("CMakeLists.txt"), lists).unwrap();
    let mut configure = Command::new("cmake");
    configure.arg("-S").arg(&newer).arg("-B").arg(newer.join("build"));
    configure.arg(format!("-DCMAKE_PREFIX_PATH={}", installed().join("usr").display()));
    assert!(!configure.output().unwrap().status.success());
}

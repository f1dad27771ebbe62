//! User workers as a C program meets them: the library with std, linked and run.
//!
//! Needs a C compiler; valgrind is used if it is there, and named if it is not.

#![allow(clippy::unwrap_used, reason = "helpers of tests, too")]

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Where this test builds, so that it does not wait for the lock of `cargo test`.
fn out() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("c_std")
}

/// Runs a command that must succeed.
fn run(command: &mut Command) {
    let Output { status, stdout, stderr } =
        command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let (stdout, stderr) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    assert!(status.success(), "{command:?}: {status}\n{stdout}\n{stderr}");
}

/// Builds the library without HDF5, and the program with it.
fn program() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut build = Command::new(cargo);
        build.current_dir(root()).arg("rustc").arg("--target-dir").arg(out());
        build.args(["--lib", "--offline", "--no-default-features", "--features", "std,capi"]);
        for flags in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_TARGET"] {
            build.env_remove(flags);
        }
        run(build.args(["--crate-type", "staticlib"]));
        let target = format!("{}-unknown-linux-gnu", env::consts::ARCH);
        let mut compiler = cc::Build::new();
        compiler.target(&target).host(&target).opt_level(1).debug(true).cargo_metadata(false);
        for flag in ["-Wall", "-Wextra", "-Wpedantic"] {
            compiler.flag(flag);
        }
        compiler.std("c11").warnings_into_errors(true).include(root().join("include"));
        let mut compile = compiler.get_compiler().to_command();
        let exe = out().join("map.exe");
        compile.arg(root().join("tests/c/std/map.c")).arg("-o").arg(&exe);
        compile.arg(out().join("debug/libndshm.a"));
        run(compile.args(["-lpthread", "-ldl", "-lm", "-lrt"]));
        exe
    })
}

#[test]
fn functions_run_over_items() {
    run(&mut Command::new(program()));
}

#[test]
fn maps_are_clean_under_valgrind() {
    let there = Command::new("valgrind").arg("--version").output();
    if !there.is_ok_and(|output| output.status.success()) {
        return eprintln!("skipped: there is no valgrind");
    }
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--quiet", "--error-exitcode=99", "--leak-check=full"]);
    run(valgrind.arg("--errors-for-leak-kinds=definite").arg(program()));
}

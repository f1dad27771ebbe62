//! Builds `tests/crash/shim.c`, a library that is preloaded into the command to kill it at its
//! calls, and to let them fail.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use super::common::skipped;

/// The library to preload; none where it cannot be built.
pub(crate) fn shim() -> Option<&'static Path> {
    static BUILT: OnceLock<Option<PathBuf>> = OnceLock::new();
    let built = BUILT.get_or_init(build_shim).as_deref();
    if built.is_none() {
        skipped("calls that kill or fail", "there is no compiler for the library to preload");
    }
    built
}

fn build_shim() -> Option<PathBuf> {
    if !cfg!(target_env = "gnu") {
        return None;
    }
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/crash/shim.c");
    let fresh = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join(format!("crash_shim.{}.so", std::process::id()));
    let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let mut build = cc::Build::new();
    build.target(&target).host(&target).opt_level(1).pic(true).cargo_metadata(false);
    build.warnings_into_errors(true).flag("-Wall").flag("-Wextra");
    let mut command: Command = build.try_get_compiler().ok()?.to_command();
    command.arg("-shared").arg("-o").arg(&fresh).arg(source).arg("-ldl");
    if !command.status().ok()?.success() {
        return None;
    }
    let library = fresh.with_file_name("crash_shim.so");
    // Another run of the tests may be using the old one.
    fs::rename(fresh, &library).ok()?;
    Some(library)
}

//! The library that is preloaded: see `tests/torture/kill_shim.c`.

use core::ffi::{CStr, c_char, c_int, c_long, c_void};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// What the library needs of the C library without calling the kernel, or
/// without anything that could be left half done.
const UNCOUNTED: [&str; 7] =
    ["__errno_location", "abort", "clock_gettime", "geteuid", "getpid", "nanosleep", "sysconf"];

#[test]
fn every_call_of_the_core_is_counted() {
    let list = include_str!("../c/libc_symbols.txt").lines();
    let shim = include_str!("kill_shim.c");
    for name in list.filter(|line| !line.is_empty() && !line.starts_with(['#', '?'])) {
        let counted = shim.contains(&format!("\"{name}\")")) || name == "syscall";
        assert!(counted != UNCOUNTED.contains(&name), "{name}");
    }
}

/// What happens at the chosen call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    Count,
    Kill,
    Stop,
    Fail(i32),
}

/// What a system can lack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lacks {
    Nothing = 0,
    /// `/proc/self/fd/N` cannot be opened, so that nobody can find out whether
    /// mappings carry locks.
    Reopen = 1,
    /// Files without a name.
    TmpFile = 2,
    /// `/proc`.
    Proc = 4,
}

/// Builds the library; `None` where there is no compiler for it.
pub(crate) fn build() -> Option<&'static Path> {
    static BUILT: OnceLock<Option<PathBuf>> = OnceLock::new();
    BUILT.get_or_init(compile).as_deref()
}

fn compile() -> Option<PathBuf> {
    if !cfg!(target_env = "gnu") {
        return None; // nothing can be put before a C library that is linked in
    }
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/torture/kill_shim.c");
    let library = Path::new(env!("CARGO_TARGET_TMPDIR")).join("kill_shim.so");
    let fresh = library.with_extension(std::process::id().to_string());
    let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let mut build = cc::Build::new();
    build.target(&target).host(&target).opt_level(1).pic(true).cargo_metadata(false);
    build.warnings_into_errors(true).flag("-Wall").flag("-Wextra");
    let mut command: Command = build.try_get_compiler().ok()?.to_command();
    command.arg("-shared").arg("-o").arg(&fresh).arg(source).arg("-ldl");
    if !command.status().ok()?.success() {
        return None;
    }
    // Another run of the tests may be using the old one.
    std::fs::rename(fresh, &library).ok()?;
    Some(library)
}

fn symbol(name: &CStr) -> *mut c_void {
    // SAFETY: `name` is a C string.
    let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
    assert!(!found.is_null(), "{name:?}: the library is not preloaded");
    found
}

/// From here on this thread's calls are counted, and at the `n`th `how` happens.
pub(crate) fn arm(how: How, n: u32) {
    let (what, errno) = match how {
        How::Count => (0, 0),
        How::Kill => (1, 0),
        How::Stop => (2, 0),
        How::Fail(errno) => (3, errno),
    };
    // SAFETY: the symbol is a function of this type.
    let arm = unsafe {
        core::mem::transmute::<*mut c_void, extern "C" fn(c_int, c_long, c_int)>(symbol(
            c"shim_arm",
        ))
    };
    arm(what, c_long::from(n), errno);
}

fn call_with(name: &CStr, argument: c_int) {
    // SAFETY: the symbols that are named here are functions of this type.
    let call = unsafe { core::mem::transmute::<*mut c_void, extern "C" fn(c_int)>(symbol(name)) };
    call(argument);
}

pub(crate) fn disarm() {
    call_with(c"shim_disarm", 0);
}

/// What this process and its children do without from now on.
pub(crate) fn lack(what: Lacks) {
    call_with(c"shim_fault", what as c_int);
}

/// From now on waiting takes no time in this process: only its clock goes on.
pub(crate) fn hurry() {
    call_with(c"shim_hurry", 1);
}

/// How many calls the process that armed itself last has made.
pub(crate) fn seen() -> u32 {
    // SAFETY: the symbol is a function of this type.
    let seen = unsafe {
        core::mem::transmute::<*mut c_void, extern "C" fn() -> c_long>(symbol(c"shim_seen"))
    };
    u32::try_from(seen()).unwrap()
}

/// Name of its `n`th.
pub(crate) fn call(n: u32) -> &'static str {
    // SAFETY: the symbol is a function of this type.
    let call = unsafe {
        core::mem::transmute::<*mut c_void, extern "C" fn(c_long) -> *const c_char>(symbol(
            c"shim_call",
        ))
    };
    // SAFETY: it answers with a string constant.
    unsafe { CStr::from_ptr(call(c_long::from(n))) }.to_str().unwrap()
}

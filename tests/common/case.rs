//! Cases of the scripts in `tests/exchange`.

use std::path::Path;
use std::process::Command;

use crate::skip::skipped;

/// Runs one case of a script, which must find no fault. `tag` begins the names of its segments.
#[track_caller]
pub(crate) fn run_case(script: &str, tag: &str, case: &str) {
    let Some(python) = std::env::var_os("NDSHM_PYTHON").filter(|path| !path.is_empty()) else {
        skipped("files read by h5py", "NDSHM_PYTHON names no Python with NumPy and h5py");
        return;
    };
    let (dir, root) = (tempfile::tempdir().unwrap(), Path::new(env!("CARGO_MANIFEST_DIR")));
    let done = Command::new(python)
        .arg(root.join("tests/exchange").join(script))
        .args([Path::new(env!("CARGO_BIN_EXE_ndshm")), &root.join("tests/interop"), dir.path()])
        .arg(format!("{tag}{}-{case}-", std::process::id()))
        .arg(format!("case_{case}"))
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

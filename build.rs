//! Tells the HDF5 module what the library that hdf5-sys has found can do.

use std::env;

/// Whether the library is this version or newer, by what hdf5-sys exports.
fn at_least(version: &str) -> bool {
    env::var_os(format!("DEP_HDF5_VERSION_{version}")).is_some()
}

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(hdf5_file_locking)");
    if env::var_os("CARGO_FEATURE_HDF5").is_none() {
        return;
    }
    if !at_least("1_10_5") {
        println!("cargo::error=ndshm needs HDF5 1.10.5 or newer");
    }
    // H5Pset_file_locking came with 1.10.7 and 1.12.1.
    if (at_least("1_10_7") && !at_least("1_12_0")) || at_least("1_12_1") {
        println!("cargo::rustc-cfg=hdf5_file_locking");
    }
}

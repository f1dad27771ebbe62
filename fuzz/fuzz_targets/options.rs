//! Runs `checks/options.rs` on whatever libFuzzer thinks of.

#![no_main]
#![allow(dead_code, reason = "each target uses one of the checks")]

#[path = "../checks/mod.rs"]
mod checks;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| checks::options::check(bytes));

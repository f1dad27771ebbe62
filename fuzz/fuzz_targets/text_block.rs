//! Runs `checks/text_block.rs` on whatever libFuzzer thinks of, with the kernels that the
//! first byte says.

#![no_main]
#![allow(dead_code, reason = "each target uses one of the checks")]

#[path = "../checks/mod.rs"]
mod checks;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some((level, rest)) = bytes.split_first() else { return };
    #[cfg(target_arch = "x86_64")]
    ndshm::text::at_most(*level);
    checks::text_block::check(rest);
});

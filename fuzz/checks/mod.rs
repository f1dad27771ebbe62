//! What must hold for any bytes: the bodies of the fuzz targets, which
//! `tests/untrusted.rs` runs as well, on stable Rust and with fixed seeds.
//!
//! Each takes bytes as they come and panics if something does not hold. They use
//! what the crate shows to everybody, so that both may include them; but for
//! `decode` and `unpack`, which are none of this module: `src/load/fuzzing.rs` has them.

pub(crate) mod array;
pub(crate) mod builder;
pub(crate) mod bytes;
pub(crate) mod dtype;
pub(crate) mod header;
pub(crate) mod infer;
#[cfg(feature = "capi")]
pub(crate) mod options;
pub(crate) mod reaping;
pub(crate) mod text_block;
pub(crate) mod text_case;
pub(crate) mod text_row;

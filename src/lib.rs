#![no_std]
#[cfg(feature = "std")]
extern crate std;
pub mod error;
pub mod dtype;
pub mod sys;
pub mod text;
#[cfg(feature = "std")]
pub mod pool;
#[cfg(feature = "std")]
pub mod load;
pub mod dtype_buf;

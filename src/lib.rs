#![no_std]
#[cfg(feature = "std")]
extern crate std;

pub mod dtype;
pub mod dtype_buf;
pub mod error;
pub mod layout;
pub mod lifetime;
pub mod segment;
pub mod sys;
pub mod text;

#[cfg(feature = "hdf5")]
pub mod convert;
#[cfg(feature = "hdf5")]
pub mod hdf5;
#[cfg(feature = "std")]
pub mod load;
#[cfg(feature = "std")]
pub mod pool;

//! Typed n-dimensional arrays in POSIX shared memory, described by themselves
//! and proof against `kill -9`; and text tables, parsed by forked workers
//! straight into shared memory, written to one HDF5 file.
//!
//! A segment is an array with a name that any process opens without a copy:
//!
//! ```
//! use ndshm::dtype_buf::DTypeBuf;
//! use ndshm::segment::{Access, Draft, Name, Segment, Spec};
//!
//! # fn main() -> ndshm::error::Result<()> {
//! let dtype = DTypeBuf::parse("[('pos', '<i4'), ('pct', '<f4')]")?;
//! let name = Name::new(&format!("doc-{}", std::process::id()))?;
//! let mut draft = Draft::create(&name, &Spec::new(dtype.as_dtype(), &[3]))?;
//! draft.data_mut().fill(0);
//! let segment = draft.publish()?;
//!
//! // In this process or in another one:
//! let other = Segment::attach(&name, Access::Read, None)?;
//! assert_eq!(other.shape(), [3]);
//! assert_eq!(other.dtype().to_string(), "[('pos', '<i4'), ('pct', '<f4')]");
//! # Ok(())
//! # }
//! ```
//!
//! Text tables become an HDF5 file like this (feature `hdf5`):
//!
//! ```no_run
//! # #[cfg(feature = "hdf5")]
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use ndshm::convert::{Options, convert};
//! use ndshm::dtype_buf::DTypeBuf;
//!
//! let dtype = DTypeBuf::parse("chr:S10,pos:i4,pct:f4,c:i4,t:i4")?;
//! let inputs = ["a.tsv".into(), "b.tsv".into()];
//! let cancel = false.into();
//! let made = convert(&inputs, "out.h5".as_ref(), dtype.as_dtype(), &Options::default(), &cancel)?;
//! println!("{} rows", made.rows);
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "hdf5"))]
//! # fn main() {}
//! ```
//!
//! # Layers
//!
//! Imports go only downwards; `docs/architecture.md` says more.
//!
//! ```text
//! ndshm (command)        C and C++ programs
//!      \                 ffi         C ABI (feature `capi`)
//!   convert               |          text -> HDF5             std + hdf5
//!    |     \              |
//!   load   hdf5           |          engine | writer          std | std + hdf5
//!    |      |             |
//!   pool    |             |          forked workers           std
//!    |      |             |
//!   text ---+---------- segment      kernels | arrays         no_std, no alloc
//!                       lifetime     kernel locks             no_std, no alloc
//!   dtype, layout                    the wire                 no_std, no alloc, no unsafe
//!   sys                              system calls             no_std
//!   error
//! ```
//!
//! # Features
//!
//! * `std`: [`load`], [`pool`]. The core does without, and without an allocator.
//! * `hdf5`: [`convert`], [`hdf5`]. Needs the HDF5 library.
//! * `cli`: the `ndshm` command.
//! * `capi`: the C functions of `include/ndshm.h`.
//! * `panic-handler`: what a C library without std needs besides.
//! * `static-hdf5`: builds HDF5 from source (needs cmake 3.26).

#![no_std]
#![cfg_attr(test, allow(clippy::unwrap_used))]

#[cfg(feature = "std")]
extern crate std;

pub mod dtype;
pub mod dtype_buf;
pub mod error;
pub mod layout;
pub mod lifetime;
#[allow(unsafe_code)]
pub mod segment;
#[allow(unsafe_code)]
pub mod sys;
pub mod text;

#[cfg(feature = "hdf5")]
pub mod convert;
#[cfg(feature = "capi")]
#[allow(unsafe_code)]
pub mod ffi;
#[cfg(feature = "hdf5")]
#[allow(unsafe_code)]
pub mod hdf5;
#[cfg(feature = "std")]
pub mod load;
#[cfg(feature = "std")]
pub mod pool;

/// The README's examples are tests.
#[cfg(all(doctest, feature = "std"))]
#[doc = include_str!("../README.md")]
pub mod readme {}

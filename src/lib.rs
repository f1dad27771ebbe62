//! Typed n-dimensional arrays in POSIX shared memory, described by themselves
//! and proof against `kill -9`; and text tables, parsed by forked workers
//! straight into shared memory, written to one HDF5 file.
//!
//! A segment is an array with a name that any process opens without a copy:
//!
//! ```
//! use ndshm::segment::{Access, Draft, Name, Segment, Spec};
//!
//! # fn main() -> ndshm::error::Result<()> {
//! let name = Name::new(&format!("doc-{}", std::process::id()))?;
//! let mut draft = Draft::create(&name, &Spec::of::<f64>(&[2, 3]))?;
//! draft.as_mut_slice::<f64>()?.copy_from_slice(&[0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
//! let segment = draft.publish()?;
//!
//! // In this process or in another one:
//! let other = Segment::attach(&name, Access::Read, None)?;
//! assert_eq!(other.shape(), [2, 3]);
//! assert_eq!(other.get::<f64>(&[1, 2])?, 5.0);
//! # #[cfg(feature = "std")]
//! assert_eq!(other.to_vec::<f64>()?, [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
//! # Ok(())
//! # }
//! ```
//!
//! Elements are records as well, for which [`record!`] declares the struct; of
//! a segment whose records nobody has declared, [`Segment::field`] reads one
//! field. Which dtype is which Rust type stands in [`segment::element`]; dtypes
//! that are known at run time only come from text, see [`dtype_buf`].
//!
//! ```
//! use ndshm::segment::element::Bytes;
//! use ndshm::segment::{Draft, Name, Spec};
//!
//! ndshm::record! {
//!     /// A methylation call.
//!     #[derive(Debug, PartialEq)]
//!     #[repr(packed)]
//!     struct Call { chr: Bytes<10>, pos: i32, pct: f32 }
//! }
//!
//! # fn main() -> ndshm::error::Result<()> {
//! let name = Name::new(&format!("doc-calls-{}", std::process::id()))?;
//! let mut draft = Draft::create(&name, &Spec::of::<Call>(&[1000]))?;
//! draft.as_mut_slice::<Call>()?[7].pos = 42;
//! let segment = draft.publish()?;
//! assert_eq!(segment.dtype().to_string(), "[('chr', '|S10'), ('pos', '<i4'), ('pct', '<f4')]");
//! assert_eq!(segment.field::<i32>("pos")?.get(&[7])?, 42);
//! # Ok(())
//! # }
//! ```
//!
//! [`Segment::field`]: segment::Segment::field
//!
//! What another process may be writing is copied, never borrowed: slices of a
//! published segment are `unsafe`, and say whose duty they are.
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
//! let inputs = ["a.tsv", "b.tsv"];
//! let cancel = false.into();
//! let made = convert(inputs, "out.h5".as_ref(), dtype.as_dtype(), &Options::default(), &cancel)?;
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
//!   map     |             |          a user's function        std, on segment
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
//! * `std`: [`load`], [`pool`], [`map`]. The core does without, and without an allocator.
//! * `hdf5`: modules `convert`, `hdf5` and `join`. Needs the HDF5 library.
//! * `compress`: [`load`] reads compressed text.
//! * `cli`: the `ndshm` command.
//! * `capi`: the C functions of `include/ndshm.h`.
//! * `ndarray`: array views and copies of the `ndarray` crate, in [`segment`].
//! * `panic-handler`: what a C library without std needs besides.
//! * `static-hdf5`: builds HDF5 from source (needs cmake 3.26).
//!
//! Who only attaches segments needs neither HDF5 nor a command line:
//! `default-features = false`, with `features = ["std"]` or without.

#![no_std]
#![cfg_attr(docsrs, feature(doc_cfg))]
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
#[cfg(feature = "hdf5")]
pub mod describe;
#[cfg(feature = "hdf5")]
pub mod exchange;
#[cfg(feature = "capi")]
#[allow(unsafe_code)]
pub mod ffi;
#[cfg(feature = "hdf5")]
mod filter;
#[cfg(feature = "hdf5")]
#[allow(unsafe_code)]
pub mod hdf5;
#[cfg(feature = "hdf5")]
pub mod join;
#[cfg(feature = "std")]
pub mod load;
#[cfg(feature = "hdf5")]
pub mod look;
#[cfg(feature = "std")]
pub mod map;
#[cfg(feature = "hdf5")]
mod pack;
#[cfg(feature = "std")]
pub mod pool;
#[cfg(feature = "hdf5")]
mod store;

/// The README's examples are tests.
#[cfg(all(doctest, feature = "std"))]
#[doc = include_str!("../README.md")]
pub mod readme {}

//! Many HDF5 files as one: for the command and for programs that spread work over
//! machines.
//!
//! Each machine makes a file, a shard. [`join()`] makes one small file in which their
//! datasets appear: those that all shards have as one virtual dataset, those that one
//! shard has as a link to it. It notes what each shard must look like, and [`verify()`]
//! compares: HDF5 itself reads fill values where a shard is missing, and says nothing.
//! With [`Options::materialize`] all rows are copied, and the shards are not needed any
//! more. `docs/shards.md` says how to use it.
//!
//! HDF5 files are opened one at a time and never kept open, and by the thread that steps.

mod check;
mod copy;
mod error;
mod fault;
mod job;
mod look;
mod names;
mod note;
mod plan;
mod sink;
mod sum;
mod verify;

pub use error::{Difference, JoinError, Result};
pub use fault::Fault;
pub use job::Job;
pub use names::natural_order;
pub use verify::{Problem, Verified, VerifyJob, VerifyOptions};

use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::path::{Path, PathBuf};
use std::string::String;
use std::vec::Vec;

use crate::hdf5;
use crate::load::Progress;

/// How shards become one file.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Options {
    /// How the file is written. Where rows lie, and how they are packed, can be said only if
    /// they are copied; there are no [columns](hdf5::Layout::Columns). A single value lies in
    /// one block in any case.
    pub hdf5: hdf5::Options,
    /// The datasets to join, which every shard must have; all that there are, if empty.
    pub datasets: Vec<String>,
    /// Join along a new first axis, in which each shard has one place, instead of putting
    /// the rows one behind the other.
    pub new_axis: bool,
    /// Note a checksum of each shard, for which all of it is read.
    pub checksum: bool,
    /// Copy the rows instead of referring to the shards.
    pub materialize: bool,
    /// Processes that pack chunks; without it, as many as there are cores, and with 0 it is done
    /// in this process. They make no difference to the file.
    pub workers: Option<usize>,
    /// Bytes that packing may use, about; without it 48 MiB. Some MiB are used beside them.
    pub memory: Option<u64>,
}

/// A dataset of a joined file.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Dataset {
    /// Its path.
    pub name: String,
    /// Its extents.
    pub shape: Vec<u64>,
    /// The type of its elements, in the words of NumPy.
    pub dtype: String,
    /// Shards that it comes from.
    pub shards: usize,
}

/// A shard, as it was when it was joined.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Shard {
    /// Its path, as it was given.
    pub path: PathBuf,
    /// Its path as seen from the joined file's directory.
    pub name: String,
    /// Its bytes.
    pub bytes: u64,
    /// CRC-32 of all of them, if that was asked for.
    pub crc32: Option<u32>,
}

/// What [`join()`] made.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Summary {
    /// The file, absolute.
    pub path: PathBuf,
    /// Its bytes.
    pub bytes: u64,
    /// The shards, in their order.
    pub shards: Vec<Shard>,
    /// The datasets, in the order of their names.
    pub datasets: Vec<Dataset>,
}

/// How long a step goes on that nobody else waits for.
const TICK: Duration = Duration::from_millis(50);

/// Steps a job until it is done, or its caller's flag is set.
fn step_to_end(
    flag: Option<&AtomicBool>,
    mut step: impl FnMut() -> Result<Progress>,
) -> Result<()> {
    while !step()?.done {
        if flag.is_some_and(|flag| flag.load(Ordering::Relaxed)) {
            return Err(JoinError::Cancelled);
        }
    }
    Ok(())
}

/// Joins shards to one file, in the order given: a [`Job`] from its start to its end. The
/// file appears under its name when it is complete; after an error, or when `cancel` is
/// set, everything is as it was before.
///
/// One file that is a joined one itself is first verified and then copied, if the rows are
/// to be copied.
///
/// ```no_run
/// use ndshm::join::{Options, join, verify};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let cancel = false.into();
/// let made = join(["part-0.h5", "part-1.h5"], "all.h5".as_ref(), &Options::default(), &cancel)?;
/// println!("{} datasets", made.datasets.len());
/// for problem in verify("all.h5".as_ref(), &Default::default(), &cancel)?.problems {
///     println!("{problem}");
/// }
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`JoinError`].
pub fn join<P: Into<PathBuf>>(
    shards: impl IntoIterator<Item = P>,
    output: &Path,
    options: &Options,
    cancel: &AtomicBool,
) -> Result<Summary> {
    Job::start(shards, output, options)?.run(Some(cancel))
}

/// Looks whether a file is whole: of a joined one, whether all its shards are there and as
/// they were when it was made.
///
/// # Errors
/// [`JoinError::Cancelled`]; all that is wrong with the file is a [`Problem`].
pub fn verify(file: &Path, options: &VerifyOptions, cancel: &AtomicBool) -> Result<Verified> {
    VerifyJob::start(file, options)?.run(Some(cancel))
}

//! Inputs that are arrays and no text.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use ndshm::error::Error;
use ndshm::exchange;
use ndshm::segment::{Info, Name};

/// What HDF5 files begin with, at one of some places, and `.npy` files.
const HDF5: &[u8] = b"\x89HDF\r\n\x1a\n";
const NPY: &[u8] = b"\x93NUMPY";

/// What is no text.
pub(crate) enum Array {
    File,
    Segment(Box<Name>),
}

impl Array {
    /// What a path means, unless it is text.
    pub(crate) fn find(path: &Path) -> Option<Self> {
        let (file, dataset) = exchange::split_path(path);
        if dataset.is_some() || begins_as_array(&file) {
            return Some(Self::File);
        }
        let name = Name::new(path.to_str()?).ok()?;
        let is_text = path == Path::new("-") || path.exists();
        // One that is damaged is there, too.
        let is_there = || !matches!(Info::peek(&name), Err(Error::NotFound));
        (!is_text && is_there()).then(|| Self::Segment(Box::new(name)))
    }
}

/// Whether a file is HDF5 or `.npy`, from what it begins with. A pipe is not touched.
fn begins_as_array(path: &Path) -> bool {
    let mut start = [0; 8];
    let is_file = path.metadata().is_ok_and(|is| is.is_file());
    let read = is_file && File::open(path).is_ok_and(|mut f| f.read_exact(&mut start).is_ok());
    let suffix = path.extension().and_then(|suffix| suffix.to_str());
    let is_named = matches!(suffix, Some("h5" | "hdf5" | "he5" | "npy"));
    read && (start == HDF5 || start.starts_with(NPY)) || is_file && is_named
}

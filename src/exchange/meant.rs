//! What a path or a name means to who takes text, files and segments alike.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::split_path;
use crate::error::Error;
use crate::segment::{Info, Name};

/// What HDF5 files begin with, at one of some places, and `.npy` files.
const HDF5: &[u8] = b"\x89HDF\r\n\x1a\n";
const NPY: &[u8] = b"\x93NUMPY";

/// What is read where somebody gives a path or a name, and says nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Meant {
    /// Text, also if there is no such file.
    Text,
    /// A `.npy` file, or a dataset, which [`split_path`] names.
    File,
    /// A segment.
    Segment,
}

impl Meant {
    /// A file is meant if what is given ends in the path of a dataset, or if it begins or is
    /// named as HDF5 or `.npy`; a segment if it is its name and no file. All else is text. A pipe
    /// is not touched.
    #[must_use]
    pub fn by(path: &Path) -> Self {
        let (file, dataset) = split_path(path);
        if dataset.is_some() || begins_as_array(&file) {
            return Self::File;
        }
        let is_text = path == Path::new("-") || path.exists();
        let name = path.to_str().and_then(|name| Name::new(name).ok());
        // One that is damaged is there, too.
        let is_segment = |name| !matches!(Info::peek(&name), Err(Error::NotFound));
        if !is_text && name.is_some_and(is_segment) { Self::Segment } else { Self::Text }
    }
}

/// Whether a file is HDF5 or `.npy`, from what it begins with.
fn begins_as_array(path: &Path) -> bool {
    let mut start = [0; 8];
    let is_file = path.metadata().is_ok_and(|is| is.is_file());
    let read = is_file && File::open(path).is_ok_and(|mut f| f.read_exact(&mut start).is_ok());
    let suffix = path.extension().and_then(|suffix| suffix.to_str());
    let is_named = matches!(suffix, Some("h5" | "hdf5" | "he5" | "npy"));
    read && (start == HDF5 || start.starts_with(NPY)) || is_file && is_named
}

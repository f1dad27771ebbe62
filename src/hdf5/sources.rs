//! The files that a dataset takes its elements from. HDF5 reads what is missing of a virtual
//! dataset as fill values, and what was cut off a file as zeros, and says nothing; so they are
//! looked at before, and again when all is read. For who reads datasets.

use core::ptr;
use std::ffi::{CString, OsStr};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::string::ToString;
use std::vec::Vec;

use hdf5_sys::h5i::hid_t;
use hdf5_sys::{h5d, h5p};

use super::error::{Error, Result};
use super::id::Id;
use super::library::{self, Session};
use super::open::Reader;
use super::read_error::ReadFault;
use super::stored::Stored;
use super::there;

/// Virtual datasets of virtual datasets that are followed.
const DEPTH: usize = 16;

/// A dataset that others are made of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Origin {
    file: Vec<u8>,
    dataset: Vec<u8>,
}

/// Reads one name of a mapping, or tells how long it is.
type Ask = unsafe extern "C" fn(hid_t, usize, *mut core::ffi::c_char, usize) -> isize;

/// Files as they were before something was read of them.
#[derive(Debug)]
pub struct Sources(Vec<(PathBuf, Stamp)>);

/// By what a file is known not to have changed: device, inode, size, and time.
type Stamp = (u64, u64, u64, i64, i64);

fn stamp(path: &Path) -> Result<Stamp> {
    let data = std::fs::metadata(path).map_err(|e| Error::io("look at it", path, e))?;
    Ok((data.dev(), data.ino(), data.size(), data.mtime(), data.mtime_nsec()))
}

impl Sources {
    /// A file before it is opened.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn begin(path: &Path) -> Result<Self> {
        Ok(Self(std::vec![(path.to_path_buf(), stamp(path)?)]))
    }

    /// Adds the files that have the datasets which a virtual dataset is made of; they must be
    /// there. Where names hold a number for each block, none of these is looked at.
    ///
    /// # Errors
    /// [`Error::Read`] if one is missing, or virtual datasets are made of one another; what
    /// opening a file or a dataset may say.
    pub fn follow(&mut self, dataset: &Stored) -> Result<()> {
        self.follow_to(DEPTH, dataset)
    }

    fn follow_to(&mut self, depth: usize, of: &Stored) -> Result<()> {
        // One that is read without HDF5 is in its own file.
        if of.is_apart() {
            return Ok(());
        }
        let mut origins = library::with(|session| origins(session, of.dataset_id()))?;
        origins.sort();
        origins.dedup();
        for origin in origins.iter().filter_map(Origin::named) {
            let refuse = |fault| {
                let subject = std::format!("{}: dataset '{}'", of.file().display(), of.path());
                Err(Error::Read { subject, fault })
            };
            let Some(depth) = depth.checked_sub(1) else { return refuse(ReadFault::SourcesLoop) };
            let Some(file) = find(Path::new(OsStr::from_bytes(&origin.file)), of.file()) else {
                let file = OsStr::from_bytes(&origin.file).to_string_lossy().to_string();
                return refuse(ReadFault::NoSource { file });
            };
            let Ok(dataset) = core::str::from_utf8(&origin.dataset) else { continue };
            let seen = stamp(&file)?;
            self.0.push((file.clone(), seen));
            self.follow_to(depth, &Reader::open(&file)?.dataset(dataset)?)?;
        }
        Ok(())
    }

    /// Looks whether all files are what they were, and can still be opened.
    ///
    /// # Errors
    /// As [`follow`](Self::follow); [`Error::Read`] if one has changed.
    pub fn compare(&self, dataset: &Stored) -> Result<()> {
        let mut again = Self::begin(dataset.file())?;
        again.follow(dataset)?;
        let mut both = self.0.iter().zip(&again.0);
        match both.find(|(before, now)| before != now) {
            None => Ok(()),
            Some(((path, _), _)) => {
                let subject = path.display().to_string();
                Err(Error::Read { subject, fault: ReadFault::Changed })
            }
        }
    }
}

impl Origin {
    /// With the names that are meant; none if each block has names of its own.
    fn named(&self) -> Option<Self> {
        Some(Self { file: unescaped(&self.file)?, dataset: unescaped(&self.dataset)? })
    }
}

/// A name in which `%%` stands for `%`; none with `%b`, the number of a block.
fn unescaped(name: &[u8]) -> Option<Vec<u8>> {
    let (mut made, mut rest) = (Vec::new(), name.iter());
    while let Some(&byte) = rest.next() {
        if byte == b'%' && rest.next() != Some(&b'%') {
            return None;
        }
        made.push(byte);
    }
    Some(made)
}

/// Where HDF5 finds a file that another one names: the first place of these where one is.
fn find(name: &Path, of: &Path) -> Option<PathBuf> {
    if name == Path::new(".") {
        return Some(of.to_path_buf());
    }
    if name.is_absolute() && name.exists() {
        return Some(name.to_path_buf());
    }
    // Of an absolute name that leads nowhere, the last part is looked for.
    let name = if name.is_absolute() { Path::new(name.file_name()?) } else { name };
    let directory = of.parent().unwrap_or(Path::new(""));
    let truth = std::fs::canonicalize(of).ok();
    let prefixes = std::env::var_os("HDF5_VDS_PREFIX").map(OsStringExt::into_vec);
    let prefixes = prefixes.unwrap_or_default();
    let prefixes = prefixes.split(|&b| b == b':').filter(|prefix| !prefix.is_empty());
    let prefixes = prefixes.map(|prefix| match prefix.strip_prefix(b"${ORIGIN}") {
        Some(rest) => {
            let rest = Path::new(OsStr::from_bytes(rest));
            directory.join(rest.strip_prefix("/").unwrap_or(rest))
        }
        None => PathBuf::from(OsStr::from_bytes(prefix)),
    });
    let own = [Some(directory), Some(Path::new("")), truth.as_deref().and_then(Path::parent)];
    let own = own.into_iter().flatten().map(Path::to_path_buf);
    prefixes.chain(own).map(|place| place.join(name)).find(|path| path.exists())
}

/// What a dataset is made of; nothing if it is not virtual.
fn origins(session: &Session, dataset: hid_t) -> Result<Vec<Origin>> {
    let list = there::creation(session, dataset)?;
    // SAFETY: the id is live, as those below.
    if unsafe { h5p::H5Pget_layout(list.raw()) } != h5d::H5D_VIRTUAL {
        return Ok(Vec::new());
    }
    let mut count = 0;
    // SAFETY: as above; `count` is writable.
    let status = unsafe { h5p::H5Pget_virtual_count(list.raw(), &raw mut count) };
    session.check("H5Pget_virtual_count", status)?;
    let one = |i| {
        Ok(Origin {
            file: name(session, &list, i, h5p::H5Pget_virtual_filename)?,
            dataset: name(session, &list, i, h5p::H5Pget_virtual_dsetname)?,
        })
    };
    (0..count).map(one).collect()
}

/// One name of the mapping with this number.
fn name(session: &Session, list: &Id, number: usize, ask: Ask) -> Result<Vec<u8>> {
    // SAFETY: the id is live; no room is told, so nothing is written.
    let len = unsafe { ask(list.raw(), number, ptr::null_mut(), 0) };
    session.check("H5Pget_virtual_filename", i32::from(len < 0).wrapping_neg())?;
    let mut text = std::vec![0_u8; len.unsigned_abs() + 1];
    // SAFETY: as above; there is room for the name and its end.
    let len = unsafe { ask(list.raw(), number, text.as_mut_ptr().cast(), text.len()) };
    session.check("H5Pget_virtual_filename", i32::from(len < 0).wrapping_neg())?;
    text.truncate(len.unsigned_abs());
    Ok(CString::new(text).unwrap_or_default().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_blocks_are_told_from_names_with_percents() {
        assert_eq!(unescaped(b"a%%b%%%%.h5").unwrap(), b"a%b%%.h5");
        assert_eq!(unescaped(b"a.h5").unwrap(), b"a.h5");
        assert!(unescaped(b"a%b.h5").is_none() && unescaped(b"a%03b.h5").is_none());
        assert!(unescaped(b"a%").is_none());
    }

    #[test]
    fn files_are_found_beside_the_one_that_names_them() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        for name in ["of.h5", "beside.h5"] {
            std::fs::write(at(name), "").unwrap();
        }
        std::fs::create_dir(at("sub")).unwrap();
        std::os::unix::fs::symlink(at("of.h5"), at("sub/link.h5")).unwrap();
        let found = |name: &str, of: &str| find(Path::new(name), &at(of));
        assert_eq!(found("beside.h5", "of.h5"), Some(at("beside.h5")));
        assert_eq!(found(".", "of.h5"), Some(at("of.h5")));
        assert_eq!(found("/nowhere/beside.h5", "of.h5"), Some(at("beside.h5")));
        assert_eq!(found(at("of.h5").to_str().unwrap(), "of.h5"), Some(at("of.h5")));
        assert_eq!(found("none.h5", "of.h5"), None);
        let real = std::fs::canonicalize(at("beside.h5")).unwrap();
        assert_eq!(found("beside.h5", "sub/link.h5"), Some(real));
    }
}

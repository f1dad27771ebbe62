//! Where the file goes: the target's name, the temporary name beside it, the
//! lock that says who is alive, and the renaming at the end.
//!
//! A temporary file belongs to whoever holds its `flock`. Nothing else decides:
//! no pid, no age. So a run finds the temporary files that killed runs to the
//! same target left behind, and no others.

use std::ffi::{CString, OsStr, OsString};
use std::format;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::vec::Vec;

use super::error::{Error, Result, TargetFault, io_error};
use crate::sys;

/// What every temporary name ends with.
const SUFFIX: &[u8] = b".ndshm-tmp";
/// Hexadecimal digits of the random part.
const RANDOM: usize = 16;
/// Bytes of a temporary name beside the target's: two dots, the random part, the suffix.
const EXTRA: usize = 2 + RANDOM + SUFFIX.len();

/// A checked target.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    /// Absolute, with a link at its end resolved.
    path: PathBuf,
    dir: PathBuf,
    /// What the temporary names of this target begin with.
    prefix: Vec<u8>,
    /// Permissions of the file that will be replaced.
    replaces: Option<Permissions>,
}

impl Target {
    /// Says what is in the way of writing `path`, or where it leads to.
    pub(crate) fn check(path: &Path, force: bool) -> Result<Self> {
        if path.as_os_str().as_bytes().contains(&0) {
            return Err(Error::target(path, TargetFault::Name));
        }
        let absolute =
            std::path::absolute(path).map_err(|_| Error::target(path, TargetFault::Name))?;
        let resolved = resolve(path, absolute)?;
        let replaces = existing(path, &resolved, force)?;
        let (Some(dir), Some(name)) = (resolved.parent(), resolved.file_name()) else {
            return Err(Error::target(path, TargetFault::Name));
        };
        if !dir.is_dir() {
            return Err(Error::target(path, TargetFault::NoDirectory));
        }
        let (dir, prefix) = (dir.to_path_buf(), prefix(name, name_max(dir)));
        Ok(Self { path: resolved, dir, prefix, replaces })
    }

    /// The absolute path of the target.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The directory that it is in.
    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Permissions of the file that will be replaced, if there is one.
    pub(crate) fn replaces(&self) -> Option<&Permissions> {
        self.replaces.as_ref()
    }

    /// A new temporary name beside the target.
    pub(crate) fn temporary(&self) -> Result<PathBuf> {
        let random = format!("{:0width$x}", random()?, width = RANDOM);
        let mut name = self.prefix.clone();
        name.extend_from_slice(random.as_bytes());
        name.extend_from_slice(SUFFIX);
        Ok(self.dir.join(OsString::from_vec(name)))
    }

    /// Removes the temporary files of dead runs to this target. What cannot be
    /// removed stays: it is in nobody's way.
    pub(crate) fn sweep(&self) {
        let Ok(entries) = fs::read_dir(&self.dir) else { return };
        for entry in entries.flatten() {
            if is_temporary(entry.file_name().as_bytes(), &self.prefix) {
                let _ = remove_if_dead(&entry.path());
            }
        }
    }

    /// Gives the finished file its name.
    pub(crate) fn rename(&self, from: &Path, force: bool) -> Result<()> {
        if force {
            return fs::rename(from, &self.path).map_err(|e| self.unnamed(from, e));
        }
        match rename_noreplace(from, &self.path) {
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
                Err(Error::target(&self.path, TargetFault::Exists))
            }
            other => other.map_err(|e| self.unnamed(from, e)),
        }
    }

    /// It could not get its name.
    fn unnamed(&self, from: &Path, source: io::Error) -> Error {
        Error::io("rename", from, source).on(&self.path)
    }

    /// Makes the renaming last through a power loss.
    pub(crate) fn sync_directory(&self) -> Result<()> {
        let synced = File::open(&self.dir).and_then(|dir| dir.sync_all());
        match synced {
            // Some file systems have no such thing.
            Err(e) if e.raw_os_error() == Some(sys::EINVAL) => Ok(()),
            // The file is there: that counts for more than what stopped this.
            other => other.map_err(|source| Error::Io {
                doing: "sync the directory",
                path: self.dir.clone(),
                source,
            }),
        }
    }
}

/// `.NAME.`; a name too long for the file system is cut and gets its hash.
fn prefix(name: &OsStr, name_max: usize) -> Vec<u8> {
    let mut prefix = Vec::from(b".");
    if name.len() + EXTRA <= name_max {
        prefix.extend_from_slice(name.as_bytes());
    } else {
        prefix.extend_from_slice(cut(name, name_max.saturating_sub(EXTRA + 1 + RANDOM)));
        prefix.extend_from_slice(format!("~{:016x}", hash(name.as_bytes())).as_bytes());
    }
    prefix.push(b'.');
    prefix
}

/// Follows a link at the end of the path, so that the link stays one.
fn resolve(given: &Path, absolute: PathBuf) -> Result<PathBuf> {
    match fs::symlink_metadata(&absolute) {
        Ok(found) if found.is_symlink() => {
            fs::canonicalize(&absolute).map_err(|_| Error::target(given, TargetFault::Dangling))
        }
        _ => Ok(absolute),
    }
}

/// Permissions of the file that is there and may be replaced.
fn existing(given: &Path, resolved: &Path, force: bool) -> Result<Option<Permissions>> {
    let found = match fs::metadata(resolved) {
        Ok(found) => found,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(Error::io("look at it", given, e)),
    };
    let fault = if found.is_dir() {
        TargetFault::Directory
    } else if !found.is_file() {
        TargetFault::Special
    } else if force {
        return Ok(Some(found.permissions()));
    } else {
        TargetFault::Exists
    };
    Err(Error::target(given, fault))
}

fn is_temporary(name: &[u8], prefix: &[u8]) -> bool {
    name.strip_prefix(prefix)
        .and_then(|rest| rest.strip_suffix(SUFFIX))
        .is_some_and(|middle| middle.len() == RANDOM && middle.iter().all(u8::is_ascii_hexdigit))
}

/// Unlinks a temporary file whose lock is free.
fn remove_if_dead(path: &Path) -> io::Result<()> {
    let file =
        OpenOptions::new().read(true).write(true).custom_flags(sys::OPEN_WARILY).open(path)?;
    // An error (held, or no locks here) leaves the file alone. The lock ends with `file`.
    file.try_lock()?;
    let (opened, named) = (file.metadata()?, fs::symlink_metadata(path)?);
    if opened.is_file() && opened.dev() == named.dev() && opened.ino() == named.ino() {
        fs::remove_file(path)?;
    }
    Ok(())
}

/// Takes the lock that says this file's writer is alive. Shared, so that readers,
/// who lock shared, too, can open the file from the moment it has its name. A file
/// system without locks is no error: nobody can sweep there either.
///
/// Answers whether the file still has its name; a sweep may have come first.
pub(crate) fn mark_alive(file: &File, path: &Path) -> Result<bool> {
    // Only a sweep can hold it now, and that for a moment.
    let _ = file.lock_shared();
    let status = file.metadata().map_err(|e| Error::io("look at it", path, e))?;
    Ok(status.nlink() > 0)
}

/// Renames unless the target exists, by the best way that the file system has.
fn rename_noreplace(from: &Path, to: &Path) -> io::Result<()> {
    let (c_from, c_to) =
        (CString::new(from.as_os_str().as_bytes())?, CString::new(to.as_os_str().as_bytes())?);
    match sys::rename_noreplace(&c_from, &c_to) {
        Ok(()) => Ok(()),
        Err(e) if matches!(e.errno(), sys::EINVAL | sys::ENOSYS) => link_and_unlink(from, to),
        Err(e) => Err(io::Error::from_raw_os_error(e.errno())),
    }
}

/// A second name, then the first one away: as safe, but not one step.
fn link_and_unlink(from: &Path, to: &Path) -> io::Result<()> {
    match fs::hard_link(from, to) {
        Ok(()) => fs::remove_file(from),
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Err(e),
        // No links here either: look, then rename. Somebody may be faster in between.
        Err(_) if fs::symlink_metadata(to).is_ok() => Err(io::ErrorKind::AlreadyExists.into()),
        Err(_) => fs::rename(from, to),
    }
}

/// Longest file name in a directory.
fn name_max(dir: &Path) -> usize {
    directory_space(dir).map_or(255, |space| space.name_max.clamp(64, 255) as usize)
}

/// Room on the file system of a directory.
pub(super) fn directory_space(dir: &Path) -> Result<sys::Space> {
    let path = CString::new(dir.as_os_str().as_bytes())
        .map_err(|_| Error::target(dir, TargetFault::Name))?;
    sys::Fd::open_read(&path)
        .and_then(|fd| sys::space(&fd))
        .map_err(|e| io_error("look at its file system", dir, e))
}

/// At most `keep` bytes of a name, not cut within a letter.
fn cut(name: &OsStr, keep: usize) -> &[u8] {
    let bytes = name.as_bytes();
    let mut end = keep.min(bytes.len());
    while end > 0 && bytes.get(end).is_some_and(|b| b & 0xC0 == 0x80) {
        end -= 1;
    }
    bytes.get(..end).unwrap_or_default()
}

/// FNV-1a, which never changes: another run must find the same name.
fn hash(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |h, &b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3))
}

/// Comes twice so rarely that nobody waits for it: HDF5 then refuses the name.
fn random() -> Result<u64> {
    let mut bytes = [0; 8];
    sys::random(&mut bytes).map_err(Error::Core)?;
    Ok(u64::from_ne_bytes(bytes))
}

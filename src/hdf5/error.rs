//! What can go wrong while an HDF5 file is made.

use core::ffi::{CStr, c_char, c_uint, c_void};
use core::fmt;
use std::format;
use std::io;
use std::path::{Path, PathBuf};
use std::string::{String, ToString};

use hdf5_sys::h5::herr_t;
use hdf5_sys::h5e::{H5E_DEFAULT, H5E_WALK_DOWNWARD, H5E_error2_t, H5Ewalk2};

use super::read_error::ReadFault;
use super::rows_fault::RowsFault;
use crate::error::code;
use crate::sys;

/// Result of this module.
pub type Result<T> = core::result::Result<T, Error>;

/// Why no HDF5 file came about. Display makes one sentence that names the file.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The target cannot become an HDF5 file.
    Target {
        /// The target as given.
        path: PathBuf,
        /// What is in the way.
        fault: TargetFault,
    },
    /// Nothing can be added to the file that is there.
    Append {
        /// The file.
        path: PathBuf,
        /// What is in the way.
        fault: AppendFault,
    },
    /// A dataset that is there cannot get more rows.
    Rows {
        /// The dataset.
        path: String,
        /// What is in the way.
        fault: RowsFault,
    },
    /// A system call failed.
    Io {
        /// What was tried.
        doing: &'static str,
        /// The file or directory it was tried on.
        path: PathBuf,
        /// What the system answered.
        source: io::Error,
    },
    /// The disk is full.
    NoSpace {
        /// The target.
        path: PathBuf,
        /// Bytes that were to be written when it failed, 0 if not known.
        need: u64,
        /// Bytes free when it failed, if known.
        free: Option<u64>,
    },
    /// What the user, the group or the project may have on the disk is used up.
    Quota {
        /// The target.
        path: PathBuf,
        /// Bytes that were to be written when it failed, 0 if not known.
        need: u64,
    },
    /// HDF5 has no type for a field.
    Type {
        /// The field by its dotted name, empty for the whole element.
        field: String,
        /// What is wrong with it.
        fault: TypeFault,
    },
    /// A record has more columns than a compound type can describe.
    TooWide {
        /// Columns of the record.
        columns: usize,
        /// How many of them, from the first, would fit.
        fit: usize,
    },
    /// The text cannot name a dataset, or the name is taken.
    Dataset {
        /// The text.
        path: String,
        /// What is wrong with it.
        fault: PathFault,
    },
    /// The bytes appended are not what shape and dtype ask for.
    Shape {
        /// The dataset.
        path: String,
        /// Bytes that shape and dtype ask for; none if that is no number.
        need: Option<u64>,
        /// Bytes appended.
        have: u64,
    },
    /// The calls came in an order that makes no file.
    Order(&'static str),
    /// Somebody removed the temporary file.
    Swept {
        /// The temporary file.
        path: PathBuf,
    },
    /// The file on disk is not what was written.
    Damaged {
        /// The target.
        path: PathBuf,
    },
    /// A file that is there, or a dataset in it, cannot be read.
    Read {
        /// The file, and the dataset if it is about one; may be empty.
        subject: String,
        /// What is wrong with it.
        fault: ReadFault,
    },
    /// The program closed HDF5 (`H5close`) while a file was open here.
    Lost,
    /// The core refused, for want of memory.
    Core(crate::error::Error),
    /// HDF5 refused.
    Hdf5 {
        /// The function that failed.
        call: &'static str,
        /// What it was busy with: a file or a dataset, may be empty.
        subject: String,
        /// What HDF5 recorded.
        stack: Stack,
    },
}

/// What is in the way of a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TargetFault {
    /// It is there, and replacing was not asked for.
    Exists,
    /// It is a directory.
    Directory,
    /// It is a device, a pipe or a socket.
    Special,
    /// It is a link to nothing.
    Dangling,
    /// The path has no file name, or holds a NUL.
    Name,
    /// Its directory does not exist.
    NoDirectory,
}

/// Why nothing can be added to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum AppendFault {
    /// It is not there, and rows are to be added to a dataset of it.
    Missing,
    /// It is no HDF5 file.
    Foreign,
    /// Its superblock is of an unknown kind.
    Version,
    /// Somebody has it open for writing.
    Busy,
    /// Its last writer has not closed it, or has it open.
    Unclean,
    /// It has more metadata than fits in memory.
    Metadata {
        /// How much.
        bytes: u64,
    },
    /// Somebody wrote to it, or replaced it, since it was copied.
    Changed,
}

/// Why a field has no HDF5 type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TypeFault {
    /// It has no bytes.
    ZeroSize,
    /// Its name is empty or holds a NUL.
    Name,
    /// Its size does not exist in HDF5.
    Size,
    /// Its labels are too many, or too long.
    Labels,
    /// It is to be a dataset, and its name holds a slash.
    Slash,
}

/// Why a text does not name a new dataset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PathFault {
    /// Empty, or with an empty part.
    Empty,
    /// A part is `.`, which HDF5 skips.
    Dot,
    /// A NUL.
    Nul,
    /// A dataset or a group has this name already.
    Exists,
    /// A part in front of the last is a dataset or a link.
    NotGroup,
}

/// HDF5's record of a failure, condensed to its two ends.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stack {
    /// What the called function said.
    pub outer: String,
    /// What the innermost function said.
    pub inner: String,
    /// The `errno` that HDF5 wrote into its text, 0 if none.
    pub errno: i32,
}

impl Stack {
    /// Reads the record of the call that just failed on this thread.
    pub(super) fn read() -> Self {
        let mut stack = Self::default();
        let data = (&raw mut stack).cast::<c_void>();
        // SAFETY: `visit` matches the callback's type and gets `stack`, which outlives the walk.
        unsafe { H5Ewalk2(H5E_DEFAULT, H5E_WALK_DOWNWARD, Some(visit), data) };
        stack
    }

    fn add(&mut self, function: &str, text: &str) {
        let frame = format!("{function}: {text}");
        if let Some(errno) = errno_in(text) {
            self.errno = errno;
        }
        if self.outer.is_empty() {
            self.outer = frame;
        } else {
            self.inner = frame;
        }
    }
}

/// Called by HDF5 for each frame, the outermost first.
unsafe extern "C" fn visit(_n: c_uint, frame: *const H5E_error2_t, data: *mut c_void) -> herr_t {
    // SAFETY: HDF5 passes a frame that lives during the call, or null.
    let Some(frame) = (unsafe { frame.as_ref() }) else { return 0 };
    // SAFETY: `data` is the `Stack` that `Stack::read` passed, which nobody else uses now.
    let Some(stack) = (unsafe { data.cast::<Stack>().as_mut() }) else { return 0 };
    // SAFETY: the text belongs to the frame.
    let function = unsafe { text(frame.func_name) };
    // SAFETY: as above.
    let description = unsafe { text(frame.desc) };
    stack.add(&function, &description);
    0
}

/// # Safety
/// * `at` is null or a C string.
unsafe fn text(at: *const c_char) -> String {
    if at.is_null() {
        return String::new();
    }
    // SAFETY: not null, so a C string by this function's contract.
    unsafe { CStr::from_ptr(at) }.to_string_lossy().into_owned()
}

/// The number behind `errno = `, which HDF5 writes into its texts and nowhere else.
fn errno_in(text: &str) -> Option<i32> {
    let digits = text.split_once("errno = ")?.1;
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    digits.get(..end)?.parse().ok().filter(|&errno| errno != 0)
}

impl Error {
    pub(super) const fn hdf5(call: &'static str, stack: Stack) -> Self {
        Self::Hdf5 { call, subject: String::new(), stack }
    }

    pub(super) fn target(path: &Path, fault: TargetFault) -> Self {
        Self::Target { path: path.to_path_buf(), fault }
    }

    /// A failed call on a file. A quota may stop more than writing: a new name, too.
    pub(crate) fn io(doing: &'static str, path: &Path, source: io::Error) -> Self {
        let path = path.to_path_buf();
        match source.raw_os_error() {
            Some(sys::EDQUOT) => Self::Quota { path, need: 0 },
            _ => Self::Io { doing, path, source },
        }
    }

    /// What it means that `need` bytes of the target could not be written.
    pub(crate) fn writing(target: &Path, source: io::Error, need: u64, free: Option<u64>) -> Self {
        let path = target.to_path_buf();
        match source.raw_os_error() {
            Some(sys::ENOSPC) => Self::NoSpace { path, need, free },
            Some(sys::EDQUOT) => Self::Quota { path, need },
            _ => Self::Io { doing: "write", path, source },
        }
    }

    /// What the system said to HDF5, which tried to write to the target.
    pub(super) fn of_system(self, target: &Path) -> Self {
        match self {
            Self::Hdf5 { stack: Stack { errno: errno @ 1.., .. }, .. } => {
                Self::writing(target, io::Error::from_raw_os_error(errno), 0, None)
            }
            other => other,
        }
    }

    /// Names what HDF5 was busy with, where it did not know.
    pub(super) fn about(self, what: &dyn fmt::Display) -> Self {
        match self {
            Self::Hdf5 { call, subject, stack } if subject.is_empty() => {
                Self::Hdf5 { call, subject: what.to_string(), stack }
            }
            Self::Read { subject, fault } if subject.is_empty() => {
                Self::Read { subject: what.to_string(), fault }
            }
            other => other,
        }
    }

    /// The same full disk, with the name that the caller knows.
    pub(super) fn on(self, target: &Path) -> Self {
        match self {
            Self::NoSpace { need, free, .. } => {
                Self::NoSpace { path: target.to_path_buf(), need, free }
            }
            Self::Quota { need, .. } => Self::Quota { path: target.to_path_buf(), need },
            other => other,
        }
    }

    /// The stable code of this error, see [`code`].
    #[must_use]
    pub const fn code(&self) -> i32 {
        match self {
            Self::Target { fault: TargetFault::Exists, .. } => code::TARGET_EXISTS,
            Self::Target { .. } | Self::Append { .. } | Self::Io { .. } | Self::Swept { .. } => {
                code::TARGET
            }
            Self::NoSpace { .. } | Self::Quota { .. } => code::DISK_FULL,
            Self::Type { .. } | Self::TooWide { .. } => code::HDF5_TYPE,
            Self::Dataset { .. } => code::DATASET_NAME,
            Self::Rows { fault, .. } => fault.code(),
            Self::Shape { .. } | Self::Order(_) => crate::error::Error::Argument.code(),
            Self::Damaged { .. } | Self::Lost | Self::Hdf5 { .. } => code::HDF5,
            Self::Read { fault, .. } => fault.code(),
            Self::Core(error) => error.code(),
        }
    }

    /// The `errno` behind it, 0 if none.
    #[must_use]
    pub fn errno(&self) -> i32 {
        match self {
            Self::Io { source, .. } => source.raw_os_error().unwrap_or(0),
            Self::NoSpace { .. } => sys::ENOSPC,
            Self::Quota { .. } => sys::EDQUOT,
            Self::Hdf5 { stack, .. } => stack.errno,
            _ => 0,
        }
    }
}

/// A failed call of the system layer on a file.
pub(super) fn io_error(doing: &'static str, path: &Path, error: crate::error::Error) -> Error {
    Error::io(doing, path, io::Error::from_raw_os_error(error.errno()))
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Target { path, fault } => write!(f, "{}: {fault}", path.display()),
            Self::Append { path, fault } => write!(f, "{}: {fault}", path.display()),
            Self::Rows { path, fault } => write!(f, "dataset '{path}': {fault}"),
            Self::Io { doing, path, source } => {
                write!(f, "{}: can't {doing}: {source}", path.display())
            }
            Self::NoSpace { path, need, free } => full(f, path, *need, *free),
            Self::Quota { path, need } => over_quota(f, path, *need),
            Self::Type { field, fault } if field.is_empty() => {
                write!(f, "the dtype cannot be stored in HDF5: {fault}")
            }
            Self::Type { field, fault } => {
                write!(f, "field '{field}' cannot be stored in HDF5: {fault}")
            }
            Self::TooWide { columns, fit } => too_wide(f, *columns, *fit),
            Self::Dataset { path, fault } => write!(f, "dataset '{path}': {fault}"),
            Self::Shape { path, need: Some(need), have } => {
                write!(f, "dataset '{path}': {have} bytes written where {need} are needed")
            }
            Self::Shape { path, .. } => write!(f, "dataset '{path}': larger than any file can be"),
            Self::Order(what) => f.write_str(what),
            Self::Swept { path } => {
                write!(f, "{}: somebody removed this file while it was written", path.display())
            }
            Self::Damaged { path } => write!(
                f,
                "{}: the disk does not hold what was written, so the file was dropped",
                path.display()
            ),
            Self::Read { subject, fault } if subject.is_empty() => write!(f, "{fault}"),
            Self::Read { subject, fault } => write!(f, "{subject}: {fault}"),
            Self::Lost => f.write_str(
                "the program closed HDF5 (H5close) while this was under way; begin it again",
            ),
            Self::Core(error) => write!(f, "{error}"),
            Self::Hdf5 { call, subject, stack } => refused(f, call, subject, stack),
        }
    }
}

fn full(f: &mut fmt::Formatter<'_>, path: &Path, need: u64, free: Option<u64>) -> fmt::Result {
    write!(f, "{}: disk is full", path.display())?;
    if need > 0 {
        write!(f, ": {need} more bytes needed")?;
    }
    free.map_or(Ok(()), |free| write!(f, ", {free} free"))
}

fn over_quota(f: &mut fmt::Formatter<'_>, path: &Path, need: u64) -> fmt::Result {
    write!(f, "{}: the disk quota is used up", path.display())?;
    if need > 0 {
        write!(f, ": {need} more bytes needed")?;
    }
    f.write_str(
        "; 'quota' tells how much is used: remove files there, have it raised, or write to another \
         file system",
    )
}

fn too_wide(f: &mut fmt::Formatter<'_>, columns: usize, fit: usize) -> fmt::Result {
    write!(
        f,
        "{columns} columns are too many for one HDF5 table, {fit} fit (its description is \
         limited to 64 KiB): make each column a dataset of its own (layout columns), choose fewer \
         columns, use shorter names, or make columns of one type a 2-D dataset"
    )
}

fn refused(f: &mut fmt::Formatter<'_>, call: &str, subject: &str, stack: &Stack) -> fmt::Result {
    if !subject.is_empty() {
        write!(f, "{subject}: ")?;
    }
    let outer = if stack.outer.is_empty() { call } else { &stack.outer };
    write!(f, "HDF5 failed in {outer}")?;
    if !stack.inner.is_empty() {
        write!(f, " ({})", stack.inner)?;
    }
    if stack.inner.contains("lock") {
        f.write_str("; if this file system has no locks, set HDF5_USE_FILE_LOCKING=FALSE")?;
    }
    Ok(())
}

impl fmt::Display for TargetFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Exists => "file exists, and is not to be replaced",
            Self::Directory => "is a directory, a file is needed",
            Self::Special => "is not a regular file, and cannot be replaced by one",
            Self::Dangling => "is a link to nothing",
            Self::Name => "is not a file name",
            Self::NoDirectory => "its directory does not exist; create it first",
        })
    }
}

impl fmt::Display for AppendFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => {
                "is not there, so there are no datasets in it that rows could be added to"
            }
            Self::Foreign => "is not an HDF5 file, so nothing can be added to it",
            Self::Version => {
                "is an HDF5 file of a kind that nothing can be added to; h5repack \
                              makes a usual one of it"
            }
            Self::Busy => "is open for writing in another program; add to it when that is done",
            Self::Unclean => {
                "is open for writing in another program, or was not closed by its \
                              last one; add to a clean copy of it (h5repack)"
            }
            Self::Metadata { bytes } => {
                let mib = bytes >> 20;
                return write!(
                    f,
                    "has {mib} MiB beside the rows of its datasets, too much to add to it; \
                     h5repack may make less of it"
                );
            }
            Self::Changed => {
                "was changed by somebody else meanwhile, so it was left as it is \
                              now; add to it again"
            }
        })
    }
}

impl fmt::Display for TypeFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ZeroSize => "it has no bytes; give it a width of at least 1",
            Self::Name => "a field name must not be empty or hold a NUL",
            Self::Size => "HDF5 has no such size",
            Self::Labels => "its labels do not fit the 64 KiB in which HDF5 describes a type",
            Self::Slash => {
                "a column's name must not hold '/' where each is a dataset; rename it, or keep \
                 the columns together (layout chunked)"
            }
        })
    }
}

impl fmt::Display for PathFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "a name must not be empty, nor a part of it between slashes",
            Self::Dot => "'.' is no name in HDF5",
            Self::Nul => "a name must not hold a NUL",
            Self::Exists => "this name exists already in the file; choose another",
            Self::NotGroup => "a part of this name is there already, and is no group",
        })
    }
}

impl core::error::Error for Error {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errno_is_found_in_hdf5_texts() {
        let text = "file write failed: time = Mon, filename = 'x', file descriptor = 3, \
                    errno = 28, error message = 'No space left on device'";
        assert_eq!(errno_in(text), Some(28));
        assert_eq!(errno_in("errno = 0, all is well"), None);
        assert_eq!(errno_in("errno = "), None);
        assert_eq!(errno_in("no number"), None);
    }

    #[test]
    fn both_ends_of_a_stack_are_kept() {
        let mut stack = Stack::default();
        stack.add("H5Dwrite", "can't write data");
        stack.add("H5D__write", "can't prepare");
        stack.add("H5FD_sec2_write", "file write failed, errno = 28, and so on");
        assert_eq!(stack.outer, "H5Dwrite: can't write data");
        assert!(stack.inner.starts_with("H5FD_sec2_write"));
        assert_eq!(stack.errno, 28);
    }
}

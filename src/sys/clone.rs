//! Copying a file without reading it: the kernel's own ways.

use super::{Fd, check, check_len, retry};
use crate::error::Result;

/// `FICLONE`: `to` shares all bytes of `from` until one of them is written to. Only some
/// file systems have it.
///
/// # Errors
/// [`Error::Os`](crate::error::Error::Os).
pub fn clone_file(from: &Fd, to: &Fd) -> Result<()> {
    // SAFETY: takes no pointers.
    check("ioctl", unsafe { libc::ioctl(to.raw(), libc::FICLONE as _, from.raw()) }).map(drop)
}

/// `copy_file_range`: some of these bytes to the same place of another file; 0 at the end.
/// Not every pair of files allows it.
///
/// # Errors
/// [`Error::Os`](crate::error::Error::Os).
pub fn copy_range(from: &Fd, to: &Fd, offset: u64, len: usize) -> Result<usize> {
    retry(|| {
        let (mut read, mut write) = (offset as libc::off64_t, offset as libc::off64_t);
        let (source, target) = (from.raw(), to.raw());
        // SAFETY: both offsets are writable.
        let n =
            unsafe { libc::copy_file_range(source, &raw mut read, target, &raw mut write, len, 0) };
        check_len("copy_file_range", n)
    })
}

#[cfg(test)]
mod tests {
    use super::super::memory_file;
    use super::*;

    #[test]
    fn bytes_come_to_the_same_place() {
        let (a, b) = (memory_file().unwrap(), memory_file().unwrap());
        // SAFETY: a live array.
        unsafe { a.write_at(b"0123456789".as_ptr(), 10, 0) }.unwrap();
        assert_eq!(copy_range(&a, &b, 3, 4), Ok(4));
        assert_eq!(copy_range(&a, &b, 10, 4), Ok(0));
        let mut read = [1; 8];
        assert_eq!(b.read_at(&mut read, 0), Ok(7));
        assert_eq!(&read, b"\0\0\x003456\x01");
        // A file in memory shares nothing.
        assert!(clone_file(&a, &b).is_err());
    }
}

//! The names in a directory, without an allocator.

use core::ffi::CStr;

use super::{Fd, check_len, retry};
use crate::error::Result;

/// Where `getdents64` puts the length of a record and its name.
const RECLEN: usize = 16;
const NAME: usize = 19;

/// Room for the records of one call.
#[repr(align(8))]
struct Records([u8; 4096]);

fn read_records(dir: &Fd, buf: &mut Records) -> Result<usize> {
    retry(|| {
        let (at, len) = (buf.0.as_mut_ptr(), buf.0.len());
        // SAFETY: `at` is writable for `len` bytes.
        let got = unsafe { libc::syscall(libc::SYS_getdents64, dir.raw(), at, len) };
        check_len("getdents64", got as isize)
    })
}

/// Splits the first record off: its name, and the other records.
fn split(records: &[u8]) -> Option<(&[u8], &[u8])> {
    let len = u16::from_ne_bytes(*records.get(RECLEN..)?.first_chunk()?);
    let (record, rest) = records.split_at_checked(usize::from(len))?;
    let name = CStr::from_bytes_until_nul(record.get(NAME..)?).ok()?;
    Some((name.to_bytes(), rest))
}

/// Calls `each` with every name in the directory `path`, `.` and `..` included.
///
/// # Errors
/// [`Error::Os`](crate::error::Error::Os), and what `each` returns.
pub fn for_each_name(path: &CStr, mut each: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
    let dir = Fd::open(path, libc::O_RDONLY | libc::O_DIRECTORY, 0)?;
    let mut buf = Records([0; 4096]);
    loop {
        let len = read_records(&dir, &mut buf)?;
        if len == 0 {
            return Ok(());
        }
        let mut records = buf.0.get(..len).unwrap_or_default();
        while let Some((name, rest)) = split(records) {
            each(name)?;
            records = rest;
        }
    }
}

#[cfg(all(test, feature = "std"))]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::os::unix::ffi::OsStringExt;
    use std::vec::Vec;

    #[test]
    fn lists_what_std_lists() {
        let mut ours = BTreeSet::new();
        for_each_name(c"/usr/bin", |name| {
            ours.insert(name.to_vec());
            Ok(())
        })
        .unwrap();
        let dots = [b".".to_vec(), b"..".to_vec()];
        let theirs = std::fs::read_dir("/usr/bin").unwrap();
        let theirs: BTreeSet<Vec<u8>> =
            theirs.map(|e| e.unwrap().file_name().into_vec()).chain(dots).collect();
        assert_eq!(ours, theirs);
    }
}

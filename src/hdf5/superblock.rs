//! The superblock of a file, read without HDF5: whether the file is one, was closed by
//! its writer, and where it ends. For what is added to and for what was written.

use crate::error::Result;
use crate::sys::Fd;

/// What a superblock begins with.
const SIGNATURE: &[u8] = b"\x89HDF\r\n\x1a\n";
/// More than the longest superblock has.
const LONGEST: usize = 128;
/// Where the second place is at which it may lie; every further one is twice as far.
const SECOND: u64 = 512;

/// What is known of a file by its superblock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Superblock {
    /// Where it lies: what is in front belongs to somebody else.
    pub(super) base: u64,
    /// End of the file.
    pub(super) end: u64,
    /// No writer has it open, or was killed.
    pub(super) clean: bool,
    /// Its addresses and sizes have eight bytes.
    pub(super) is_wide: bool,
}

/// What was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// No superblock: this is no HDF5 file.
    Nothing,
    /// One of a kind that is not known.
    Unknown,
    /// One that can be read.
    Block(Superblock),
}

/// Looks for the superblock of a file of `size` bytes.
pub(super) fn find(file: &Fd, size: u64) -> Result<Found> {
    let mut at = 0;
    while at < size {
        let mut block = [0; LONGEST];
        let n = file.read_at(&mut block, at)?;
        let block = block.get(..n).unwrap_or_default();
        if block.starts_with(SIGNATURE) {
            return Ok(parse(block, at).map_or(Found::Unknown, Found::Block));
        }
        at = if at == 0 { SECOND } else { at.saturating_mul(2) };
    }
    Ok(Found::Nothing)
}

/// The superblock that lies at `at`, if it is of a known version.
fn parse(block: &[u8], at: u64) -> Option<Superblock> {
    let byte = |i: usize| block.get(i).copied();
    let version = byte(8)?;
    // Where the size of an address is, where the addresses begin, which flags there are.
    let (width, first, flags) = match version {
        0 => (byte(13)?, 24, byte(20)?),
        1 => (byte(13)?, 28, byte(20)?),
        2 | 3 => (byte(9)?, 12, byte(11)?),
        _ => return None,
    };
    let other = byte(if version < 2 { 14 } else { 10 })?;
    let is_wide = (width, other) == (8, 8);
    let width = usize::from(width);
    let address = |n: usize| number(block.get(first + n * width..)?.get(..width)?);
    // Somebody may have put something in front later: then all addresses count from there.
    let base = address(0)?;
    let end = address(2)?.checked_sub(base)?.checked_add(at)?;
    Some(Superblock { base: at, end, clean: flags == 0, is_wide })
}

/// A number of 2, 4 or 8 bytes.
fn number(bytes: &[u8]) -> Option<u64> {
    if !matches!(bytes.len(), 2 | 4 | 8) {
        return None;
    }
    Some(bytes.iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys;
    use std::vec;
    use std::vec::Vec;

    fn block(version: u8, width: u8, flags: u8, base: u64, end: u64) -> Vec<u8> {
        let mut block = SIGNATURE.to_vec();
        match version {
            0 | 1 => {
                block.extend([version, 0, 0, 0, 0, width, width, 0, 4, 0, 16, 0, flags, 0, 0, 0]);
                block.extend(&[32, 0, 0, 0][..usize::from(version) * 4]);
            }
            _ => block.extend([version, width, width, flags]),
        }
        for number in [base, u64::MAX, end, 7] {
            block.extend(&number.to_le_bytes()[..usize::from(width)]);
        }
        block.extend([0; 8]);
        block
    }

    fn found(bytes: &[u8]) -> Found {
        let file = sys::memory_file().unwrap();
        // SAFETY: a live slice.
        unsafe { file.write_at(bytes.as_ptr(), bytes.len(), 0) }.unwrap();
        find(&file, bytes.len() as u64).unwrap()
    }

    #[test]
    fn every_version_is_read() {
        for version in 0..4 {
            for width in [2, 4, 8] {
                let found = found(&block(version, width, 0, 0, 1000));
                let block = Superblock { base: 0, end: 1000, clean: true, is_wide: width == 8 };
                assert_eq!(found, Found::Block(block), "{version} {width}");
            }
        }
        assert_eq!(found(&block(4, 8, 0, 0, 1000)), Found::Unknown);
        assert_eq!(found(&block(2, 3, 0, 0, 1000)), Found::Unknown);
    }

    #[test]
    fn a_flag_says_that_the_writer_is_not_done() {
        let clean = |version, flags| match found(&block(version, 8, flags, 0, 1000)) {
            Found::Block(block) => block.clean,
            other => panic!("{other:?}"),
        };
        for version in 0..4 {
            assert!(clean(version, 0) && !clean(version, 1) && !clean(version, 5), "{version}");
        }
    }

    #[test]
    fn it_may_lie_behind_a_user_block() {
        for at in [512, 1024, 1 << 20] {
            for base in [at, 0] {
                let mut bytes = vec![7; at as usize];
                bytes.extend(block(0, 8, 0, base, base + 1000));
                let block = Superblock { base: at, end: at + 1000, clean: true, is_wide: true };
                assert_eq!(found(&bytes), Found::Block(block), "{at} {base}");
            }
        }
        let mut bytes = vec![0; 513];
        bytes.extend(block(0, 8, 0, 0, 1000));
        assert_eq!(found(&bytes), Found::Nothing);
    }

    #[test]
    fn what_is_short_or_foreign_is_refused() {
        assert_eq!(found(b"no HDF5"), Found::Nothing);
        assert_eq!(found(b""), Found::Nothing);
        let whole = block(2, 8, 0, 0, 1000);
        for len in 8..36 {
            assert_eq!(found(&whole[..len]), Found::Unknown, "{len}");
        }
        assert_eq!(found(&block(0, 8, 0, 2000, 1000)), Found::Unknown);
    }
}

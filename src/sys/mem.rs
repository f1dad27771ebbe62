//! Memory: private pages for tables of any size, and shared mappings.

use core::ptr::{NonNull, null_mut};
use core::sync::atomic::{AtomicPtr, Ordering};

use super::Fd;
use crate::error::{Error, Result};

/// What a shared mapping allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// `PROT_READ`.
    Read,
    /// `PROT_READ | PROT_WRITE`.
    ReadWrite,
}

impl Access {
    const fn protection(self) -> i32 {
        match self {
            Self::Read => libc::PROT_READ,
            Self::ReadWrite => libc::PROT_READ | libc::PROT_WRITE,
        }
    }
}

/// Bytes of a page on this machine.
#[must_use]
pub fn page_size() -> usize {
    // SAFETY: takes no pointers.
    let bytes = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    usize::try_from(bytes).unwrap_or(4096).max(4096)
}

/// `len` rounded up to whole pages, if that fits.
#[must_use]
pub fn round_up_to_page(len: usize) -> Option<usize> {
    len.checked_next_multiple_of(page_size())
}

/// Has the kernel map the pages around `len` bytes at `data` that are not mapped yet, all at
/// once, for somebody who is about to read them. Nothing happens where it cannot (before Linux
/// 5.14), or where there is no memory.
pub fn map_ahead(data: *const u8, len: usize) {
    let before = data.addr() % page_size();
    let start = data.wrapping_sub(before).cast_mut();
    // SAFETY: this changes no byte of any memory, whoever has it, and an address that is
    // nobody's is an error.
    unsafe { libc::madvise(start.cast(), len + before, libc::MADV_POPULATE_READ) };
}

fn map(len: usize, prot: i32, flags: i32, fd: i32) -> Result<NonNull<u8>> {
    if len == 0 || len > isize::MAX as usize {
        return Err(Error::Overflow);
    }
    // SAFETY: a new mapping at an address of the kernel's choice harms nothing.
    let at = unsafe { libc::mmap(core::ptr::null_mut(), len, prot, flags, fd, 0) };
    if at == libc::MAP_FAILED {
        return Err(Error::Os { call: "mmap", errno: super::errno() });
    }
    NonNull::new(at.cast()).ok_or(Error::Overflow)
}

fn unmap(at: NonNull<u8>, len: usize) {
    // SAFETY: the caller owns the whole mapping and gives it up.
    unsafe { libc::munmap(at.as_ptr().cast(), len) };
}

/// Zeroed private memory straight from the system: the core's answer to tables
/// whose size is known only at run time.
#[derive(Debug)]
pub struct Pages {
    at: NonNull<u8>,
    len: usize,
    /// Whether a single page goes to [`SPARE`].
    reused: bool,
}

/// A page that nobody needs any more: the next one who does saves the kernel a mapping, a
/// fault and an end of it, which take longer than anything else that is done with a header.
static SPARE: AtomicPtr<u8> = AtomicPtr::new(null_mut());

// SAFETY: the memory belongs to this value alone, like a boxed slice.
unsafe impl Send for Pages {}
// SAFETY: shared access is read access to plain bytes.
unsafe impl Sync for Pages {}

impl Pages {
    /// At least `len` bytes of zeros; pages cost memory when they are touched.
    ///
    /// # Errors
    /// [`Error::Overflow`], [`Error::Os`].
    pub fn new(len: usize) -> Result<Self> {
        let len = round_up_to_page(len.max(1)).ok_or(Error::Overflow)?;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        let at = map(len, libc::PROT_READ | libc::PROT_WRITE, flags, -1)?;
        Ok(Self { at, len, reused: false })
    }

    /// The same for what comes and goes often. One page of it stays with the process.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn reused(len: usize) -> Result<Self> {
        let page = page_size();
        let spare =
            if len <= page { SPARE.swap(null_mut(), Ordering::Acquire) } else { null_mut() };
        let Some(at) = NonNull::new(spare) else {
            let mut pages = Self::new(len)?;
            pages.reused = true;
            return Ok(pages);
        };
        // SAFETY: a whole page that was taken out of its place, so that nobody else knows it.
        unsafe { at.write_bytes(0, page) };
        Ok(Self { at, len: page, reused: true })
    }
}

impl core::ops::Deref for Pages {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: mapped and zeroed for `len` bytes; nobody else knows the address.
        unsafe { core::slice::from_raw_parts(self.at.as_ptr(), self.len) }
    }
}

impl core::ops::DerefMut for Pages {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as for `deref`, and `&mut self` makes it exclusive.
        unsafe { core::slice::from_raw_parts_mut(self.at.as_ptr(), self.len) }
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        let fits = self.reused && self.len == page_size();
        let (none, at) = (null_mut(), self.at.as_ptr());
        if fits && SPARE.compare_exchange(none, at, Ordering::Release, Ordering::Relaxed).is_ok() {
            return;
        }
        unmap(self.at, self.len);
    }
}

/// A shared mapping. Its bytes may change under the reader at any time, so it
/// gives out pointers only.
#[derive(Debug)]
pub struct Map {
    at: NonNull<u8>,
    len: usize,
    access: Access,
    /// Whether it outlives this value.
    stays: bool,
}

// SAFETY: the mapping is process-wide; moving the handle moves no memory.
unsafe impl Send for Map {}
// SAFETY: a shared handle only yields raw pointers.
unsafe impl Sync for Map {}

impl Map {
    /// Maps the first `len` bytes of `fd`.
    ///
    /// # Errors
    /// [`Error::Overflow`], [`Error::Os`].
    pub fn shared(fd: &Fd, len: usize, access: Access) -> Result<Self> {
        let at = map(len, access.protection(), libc::MAP_SHARED, fd.raw())?;
        Ok(Self { at, len, access, stays: false })
    }

    /// The same for who touches all of it at once: the kernel maps its pages, too, if it can.
    ///
    /// # Errors
    /// As [`shared`](Self::shared).
    pub fn touched(fd: &Fd, len: usize, access: Access) -> Result<Self> {
        let flags = libc::MAP_SHARED | libc::MAP_POPULATE;
        let at = map(len, access.protection(), flags, fd.raw())?;
        Ok(Self { at, len, access, stays: false })
    }

    /// Anonymous memory that forked children share with this process.
    ///
    /// # Errors
    /// [`Error::Overflow`], [`Error::Os`].
    pub fn shared_anonymous(len: usize) -> Result<Self> {
        let len = round_up_to_page(len).ok_or(Error::Overflow)?;
        let flags = libc::MAP_SHARED | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        let at = map(len, libc::PROT_READ | libc::PROT_WRITE, flags, -1)?;
        Ok(Self { at, len, access: Access::ReadWrite, stays: false })
    }

    /// Puts a mapping of `fd`, another description of the same file, in its place:
    /// at the same address, with the same bytes.
    ///
    /// # Errors
    /// [`Error::Os`]; the mapping is then as it was.
    pub fn exchange(&mut self, fd: &Fd, access: Access) -> Result<()> {
        self.replace(fd, access, libc::MAP_SHARED)
    }

    /// The same with a description that can only be read: what is written from now on is
    /// this process's own, and whatever was not written yet is what others write.
    ///
    /// # Errors
    /// As [`exchange`](Self::exchange).
    pub fn exchange_apart(&mut self, fd: &Fd) -> Result<()> {
        self.replace(fd, self.access, libc::MAP_PRIVATE | libc::MAP_NORESERVE)
    }

    fn replace(&mut self, fd: &Fd, access: Access, flags: i32) -> Result<()> {
        let (at, flags) = (self.at.as_ptr().cast(), flags | libc::MAP_FIXED);
        // SAFETY: exactly this value's own mapping is replaced; only raw pointers lead to it.
        let new = unsafe { libc::mmap(at, self.len, access.protection(), flags, fd.raw(), 0) };
        if new == libc::MAP_FAILED {
            return Err(Error::Os { call: "mmap", errno: super::errno() });
        }
        self.access = access;
        Ok(())
    }

    /// Lets the mapping stay when this value goes: until the process ends.
    pub const fn stay(&mut self) {
        self.stays = true;
    }

    /// Start of the mapping, page-aligned.
    #[must_use]
    pub const fn as_ptr(&self) -> *mut u8 {
        self.at.as_ptr()
    }

    /// Bytes mapped; never 0.
    #[must_use]
    #[allow(clippy::len_without_is_empty, reason = "a mapping is never empty")]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// What the mapping allows.
    #[must_use]
    pub const fn access(&self) -> Access {
        self.access
    }
}

impl Drop for Map {
    fn drop(&mut self) {
        if !self.stays {
            unmap(self.at, self.len);
        }
    }
}

#[cfg(all(test, feature = "std"))]
mod tests {
    use super::*;

    #[test]
    fn a_page_that_is_used_again_is_zeros_and_ones_own() {
        for _ in 0..3 {
            let (mut one, mut two) = (Pages::reused(1).unwrap(), Pages::reused(4096).unwrap());
            assert!(one.as_ptr() != two.as_ptr());
            assert!(one.iter().chain(two.iter()).all(|&byte| byte == 0));
            one.fill(1);
            two.fill(2);
            assert!(one.iter().all(|&byte| byte == 1));
        }
        let large = Pages::reused(page_size() + 1).unwrap();
        assert_eq!(large.len(), 2 * page_size());
    }
}

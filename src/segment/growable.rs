//! A segment whose number of rows is not known yet.

use super::{Draft, Name, Policy, Spec, Via};
use crate::error::{Error, Result};
use crate::layout::{Plan, Stamp, encode, set_policy, set_rows};
use crate::lifetime::{Exit, Site, create_anonymous, create_named, create_unnamed, make_way};
use crate::sys::{self, Fd, Pages, page_size, random, real_ns};

/// How a segment comes to its name, and what is left of its bytes' freedom then.
#[derive(Debug, Clone, Copy)]
pub(super) enum Birth {
    /// It has it already, and says that it is not ready.
    Named(Name),
    /// It is linked to it when it is complete.
    Linked(Name),
    /// It never gets one; `frozen` if its bytes are sealed when it is complete.
    Anonymous { frozen: bool },
}

/// What name a segment is to have.
#[derive(Debug, Clone, Copy)]
pub(super) enum Home<'a> {
    /// This one.
    Named(&'a Name),
    /// One that follows from its uuid.
    Late,
    /// None, ever.
    Anonymous,
}

/// A segment in the making that grows as rows are written, and gets its number
/// of rows at the end. Nothing is reserved: rows go through `pwrite`, which
/// says so when memory is full.
#[derive(Debug)]
pub struct Growable {
    pub(super) site: Site,
    pub(super) head: Pages,
    pub(super) plan: Plan,
    pub(super) birth: Birth,
    /// Bytes of the file, from its start, that have pages.
    pub(super) backed: u64,
    end: u64,
    /// Whether it may go on as an anonymous segment.
    fallback: bool,
}

/// Bytes that are in both files at once when a segment is moved.
const MOVE_STEP: u64 = 16 << 20;
/// Bytes that are copied at once.
const COPY_STEP: usize = 1 << 20;

impl Growable {
    /// Begins a segment; of `spec.shape` the first extent is 0, for not known.
    pub(super) fn create(home: Home<'_>, spec: &Spec<'_>) -> Result<Self> {
        if spec.shape.first() != Some(&0) || spec.strides.is_some() {
            return Err(Error::Argument);
        }
        let mut parts = Self::begin(home, spec)?;
        // The header's room comes first, or rows could take the last of it.
        match reserve(parts.site.held.fd(), parts.plan.data_offset()) {
            Err(Error::NoSpace { .. }) if parts.fallback => parts.move_to_memory(0)?,
            result => result?,
        }
        parts.backed = parts.plan.data_offset();
        Ok(parts)
    }

    /// Everything that does not need the number of rows.
    pub(super) fn begin(home: Home<'_>, spec: &Spec<'_>) -> Result<Self> {
        let (policy, mode) = (spec.policy(home)?, spec.mode()?);
        let plan = Plan::new(&spec.array(), page_size())?;
        let len = usize::try_from(plan.header_len()).map_err(|_| Error::Overflow)?;
        let mut head = Pages::reused(len)?;
        let stamp = stamp(policy)?;
        encode(&mut head, &plan, &spec.array(), &stamp)?;
        let (site, birth) = match home {
            Home::Named(name) => place(name, Some(name), mode, spec)?,
            Home::Late => place(&Name::of_uuid(&stamp.uuid), None, mode, spec)?,
            Home::Anonymous => anonymous(mode)?,
        };
        let mut parts = Self { site, head, plan, birth, backed: 0, end: 0, fallback: false };
        match birth {
            Birth::Anonymous { .. } => set_policy(&mut parts.head, Policy::Anonymous)?,
            _ => parts.fallback = spec.fallback,
        }
        Ok(parts)
    }

    /// Goes on in memory that no size of `/dev/shm` limits, without a name, if `more` bytes
    /// are left there. What was written is moved piece by piece, from its end, so that it
    /// does not need its memory twice.
    pub(super) fn move_to_memory(&mut self, more: u64) -> Result<()> {
        self.fallback = false;
        let (site, birth) = anonymous(self.site.held.fd().stat()?.mode & 0o777)?;
        let (from, to, start) = (self.site.held.fd(), site.held.fd(), self.plan.data_offset());
        match to.free_bytes() {
            Ok(free) if free < more => return Err(Error::NoSpace { need: more, free }),
            _ => {}
        }
        reserve(to, start)?;
        let end = self.written();
        move_back_to_front(from, to, start, end)?;
        set_policy(&mut self.head, Policy::Anonymous)?;
        (self.site, self.birth, self.backed) = (site, birth, end);
        Ok(())
    }

    /// Bytes of the file up to the last one of data.
    pub(super) const fn written(&self) -> u64 {
        self.plan.data_offset().saturating_add(self.end)
    }

    /// Whether it may still go on as an anonymous segment.
    pub(super) const fn may_move(&self) -> bool {
        self.fallback
    }

    /// Bytes of one row.
    #[must_use]
    pub fn row_len(&self) -> u64 {
        self.plan.row_len().unwrap_or(0)
    }

    /// Bytes of data up to the last one written.
    #[must_use]
    pub const fn data_len(&self) -> u64 {
        self.end
    }

    /// Says that memory is short before any of it is taken, for who knows how much will come.
    ///
    /// # Errors
    /// [`Error::NoSpace`] if `bytes` of data do not fit what is free now.
    pub fn check_room(&self, bytes: u64) -> Result<()> {
        match self.site.held.fd().free_bytes() {
            Ok(free) if free < bytes && !self.fallback => Err(Error::NoSpace { need: bytes, free }),
            _ => Ok(()),
        }
    }

    /// Writes `len` bytes at `data` behind what was written so far.
    ///
    /// # Safety
    /// * `data` is readable for `len` bytes during the call. They may be
    ///   shared: the kernel copies them.
    ///
    /// # Errors
    /// [`Error::NoSpace`], [`Error::Overflow`], [`Error::Os`].
    pub unsafe fn append(&mut self, data: *const u8, len: usize) -> Result<()> {
        // SAFETY: the caller's promise, passed on.
        unsafe { self.write_at(self.end, data, len) }
    }

    /// Writes `len` bytes at `data` to `offset` of the data.
    ///
    /// # Safety
    /// * As for [`append`](Self::append).
    ///
    /// # Errors
    /// As for [`append`](Self::append).
    pub unsafe fn write_at(&mut self, offset: u64, data: *const u8, len: usize) -> Result<()> {
        let end = offset.checked_add(len as u64).ok_or(Error::Overflow)?;
        let at = self.plan.data_offset().checked_add(offset).ok_or(Error::Overflow)?;
        if at.checked_add(len as u64).is_none_or(|end| end > i64::MAX as u64) {
            return Err(Error::Overflow);
        }
        // SAFETY: the caller's promise, passed on.
        let mut written = unsafe { self.put(data, len, at) };
        if self.fallback && matches!(written, Err(Error::NoSpace { .. })) {
            self.move_to_memory(len as u64)?;
            // SAFETY: as above.
            written = unsafe { self.put(data, len, at) };
        }
        written?;
        self.end = self.end.max(end);
        if at <= self.backed {
            self.backed = self.backed.max(at + len as u64);
        }
        Ok(())
    }

    /// # Safety
    /// * As for [`append`](Self::append).
    unsafe fn put(&self, data: *const u8, len: usize, at: u64) -> Result<()> {
        let fd = self.site.held.fd();
        // SAFETY: the caller's promise, passed on.
        unsafe { fd.write_at(data, len, at) }.map_err(|e| no_space(fd, len as u64, e))
    }

    /// Sets the number of rows, all of which have been written; what was
    /// written behind them is cut off.
    ///
    /// # Errors
    /// [`Error::Argument`] if fewer rows were written; [`Error::NoSpace`],
    /// [`Error::Overflow`], [`Error::Os`].
    pub fn finish(mut self, rows: u64) -> Result<Draft> {
        set_rows(&mut self.head, &mut self.plan, rows)?;
        if self.plan.data_len() > self.end {
            return Err(Error::Argument);
        }
        self.site.held.fd().truncate(self.plan.total_len())?;
        Draft::complete(self)
    }
}

/// A file that is to have `name`. Who has `asked` for that may find a dead segment there.
fn place(name: &Name, asked: Option<&Name>, mode: u32, spec: &Spec<'_>) -> Result<(Site, Birth)> {
    let hidden = if spec.via == Via::Auto {
        asked.map_or(Ok(()), make_way)?;
        create_unnamed(mode)?
    } else {
        None
    };
    match hidden {
        Some(mut site) => {
            site.exit = Exit::late(name);
            Ok((site, Birth::Linked(*name)))
        }
        None if spec.fallback => anonymous(mode),
        None => Ok((create_named(name, mode)?, Birth::Named(*name))),
    }
}

fn anonymous(mode: u32) -> Result<(Site, Birth)> {
    Ok((create_anonymous(mode)?, Birth::Anonymous { frozen: mode & 0o222 == 0 }))
}

fn reserve(fd: &Fd, len: u64) -> Result<()> {
    fd.reserve(0, len).map_err(|error| no_space(fd, len, error))
}

/// Moves the bytes from `start` to `end`, and frees them where they were.
fn move_back_to_front(from: &Fd, to: &Fd, start: u64, mut end: u64) -> Result<()> {
    let mut buf = Pages::new(COPY_STEP)?;
    while end > start {
        let piece = end.saturating_sub(MOVE_STEP).max(start);
        let mut at = piece;
        while at < end {
            let len = usize::try_from(end - at).map_or(COPY_STEP, |len| len.min(COPY_STEP));
            let bytes = buf.get_mut(..len).unwrap_or_default();
            // Behind the end of the file there are zeros: rows that were never written.
            let got = from.read_full(bytes, at)?;
            bytes.get_mut(got..).unwrap_or_default().fill(0);
            // SAFETY: the bytes are readable for their length.
            unsafe { to.write_at(bytes.as_ptr(), len, at) }
                .map_err(|error| no_space(to, len as u64, error))?;
            at = at.saturating_add(len as u64);
        }
        from.truncate(piece)?;
        end = piece;
    }
    Ok(())
}

fn stamp(policy: Policy) -> Result<Stamp> {
    let mut uuid = [0; 16];
    random(&mut uuid)?;
    let creator_pid = sys::pid().unsigned_abs();
    Ok(Stamp { uuid, policy, created_ns: real_ns(), creator_pid, generation: 0 })
}

/// The error of a write or a reservation, with the numbers if memory is short.
pub(super) fn no_space(fd: &Fd, need: u64, error: Error) -> Error {
    match error {
        Error::Os { errno: sys::ENOSPC | sys::ENOMEM | sys::EDQUOT, .. } => {
            Error::NoSpace { need, free: fd.free_bytes().unwrap_or(0) }
        }
        error => error,
    }
}

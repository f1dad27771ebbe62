//! A segment whose number of rows is not known yet.

use super::{Draft, Name, Policy, Spec, Via};
use crate::error::{Error, Result};
use crate::layout::{Plan, Stamp, encode, set_rows};
use crate::lifetime::{Site, create_anonymous, create_named, create_unnamed, make_way};
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
}

impl Growable {
    /// Begins a segment; of `spec.shape` the first extent is 0, for not known.
    pub(super) fn create(name: Option<&Name>, spec: &Spec<'_>) -> Result<Self> {
        if spec.shape.first() != Some(&0) || spec.strides.is_some() {
            return Err(Error::Argument);
        }
        let mut parts = Self::begin(name, spec)?;
        // The header's room comes first, or rows could take the last of it.
        let (fd, need) = (parts.site.held.fd(), parts.plan.data_offset());
        fd.reserve(0, need).map_err(|error| no_space(fd, need, error))?;
        parts.backed = need;
        Ok(parts)
    }

    /// Everything that does not need the number of rows.
    pub(super) fn begin(name: Option<&Name>, spec: &Spec<'_>) -> Result<Self> {
        let (policy, mode) = (spec.policy(name.is_some())?, spec.mode()?);
        let plan = Plan::new(&spec.array(), page_size())?;
        let len = usize::try_from(plan.header_len()).map_err(|_| Error::Overflow)?;
        let mut head = Pages::new(len)?;
        encode(&mut head, &plan, &spec.array(), &stamp(policy)?)?;
        let hidden = match name {
            Some(name) if spec.via == Via::Auto => hidden(name, mode)?,
            _ => None,
        };
        let (site, birth) = match (name, hidden) {
            (None, _) => (create_anonymous(mode)?, Birth::Anonymous { frozen: spec.is_frozen() }),
            (Some(name), Some(site)) => (site, Birth::Linked(*name)),
            (Some(name), None) => (create_named(name, mode)?, Birth::Named(*name)),
        };
        Ok(Self { site, head, plan, birth, backed: 0, end: 0 })
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
            Ok(free) if free < bytes => Err(Error::NoSpace { need: bytes, free }),
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
        let fd = self.site.held.fd();
        // SAFETY: the caller's promise, passed on.
        unsafe { fd.write_at(data, len, at) }.map_err(|e| no_space(fd, len as u64, e))?;
        self.end = self.end.max(end);
        if at <= self.backed {
            self.backed = self.backed.max(at + len as u64);
        }
        Ok(())
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

/// A file without a name, if none is in the way of giving it one later.
fn hidden(name: &Name, mode: u32) -> Result<Option<Site>> {
    make_way(name)?;
    create_unnamed(mode)
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

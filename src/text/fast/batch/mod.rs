//! Many rows at once: first where all of their fields are, then column by column.
//!
//! An [`Index`] of the fields of some hundred rows is made from bit masks of 64 bytes each.
//! Then each column is converted over all of the rows, eight fields at a time, with no
//! branches that depend on the lengths of fields: these are as good as random, and
//! guessing them wrong is what reading costs otherwise.
//!
//! A batch holds plain rows only: each one line, with the same number of fields, without
//! comments, quotes and bytes beyond ASCII. The first row that is not, or has a field that a
//! kernel is not sure of, ends it; [`row`](mod@super::row) has the next try.

mod columns;
pub(super) mod cpu;
mod index;
mod machine;
mod marks;
mod structure;
#[cfg(test)]
mod twins;
mod x86;

use crate::text::plan::Plan;
use columns::Rows;
#[cfg(fuzzing)]
pub use cpu::at_most;
use index::{Index, REACH};
use machine::Machine;
pub(super) use marks::Marks;
pub(super) use x86::{avx2, avx512};

/// Bytes before a field's end that the kernels read.
pub(super) const LEAD: usize = 48;

/// A stretch of text that begins with a row, and where its rows go.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stretch {
    pub(super) base: *const u8,
    /// Lines that start here or later are not read.
    pub(super) until: usize,
    /// About as many bytes are looked at.
    pub(super) reach: usize,
    pub(super) out: *mut u8,
    pub(super) limit: u64,
}

/// What became of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Done {
    pub(super) rows: usize,
    /// Bytes of text that they took.
    pub(super) bytes: usize,
    /// The next row is not for a batch. Otherwise it may be.
    pub(super) unsure: bool,
}

/// Reading of a batch, compiled for one machine.
pub(super) type Read = unsafe fn(&Plan<'_>, &Marks, Stretch) -> Done;

/// Reads a batch.
///
/// # Safety
/// * The processor has the machine's instructions.
/// * [`LEAD`] bytes are readable before `base`; the text from there is as [`super::rows`]
///   asks for, and there is room for `limit` rows.
#[inline(always)]
unsafe fn read<M: Machine>(plan: &Plan<'_>, marks: &Marks, stretch: Stretch) -> Done {
    let Stretch { base, until, reach, out, limit } = stretch;
    let mut index = Index::new();
    // SAFETY: the caller's promises.
    let stopped = unsafe { index.fill::<M>(marks, base, until, reach.min(REACH - index::BLOCK)) };
    // SAFETY: the index is of the text at `base`.
    let (width, alike) = unsafe { structure::alike(plan, marks, &index, base) };
    let wanted = usize::try_from(limit).unwrap_or(usize::MAX).min(alike);
    let batch = Rows { plan, point: plan.format.decimal(), index: &index, base, width };
    // SAFETY: each of `wanted` rows has `width` fields, and there is room for them.
    let rows = unsafe { batch.convert::<M>(wanted, out) };
    // SAFETY: as before.
    let bytes = unsafe { structure::end(&index, base, rows * width, marks) };
    Done { rows, bytes, unsure: rows < wanted || alike < index.lines || stopped }
}

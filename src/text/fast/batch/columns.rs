//! Columns over many rows: eight fields at a time, by loops that know their type.

use core::marker::PhantomData;

use super::index::Index;
use super::machine::{Fields, Limits, Machine};
use crate::text::datetime::usual_count;
use crate::text::exact;
use crate::text::fast::row;
use crate::text::number::half_bits;
use crate::text::plan::{Column, Columns, Op, Plan};

/// Rows of a batch: their fields lie in the index one behind the other.
#[derive(Clone, Copy)]
pub(super) struct Rows<'r> {
    pub(super) plan: &'r Plan<'r>,
    /// The decimal point.
    pub(super) point: u8,
    pub(super) index: &'r Index,
    pub(super) base: *const u8,
    /// Fields of a row.
    pub(super) width: usize,
}

/// Fields of one type: every `step`th of the index, and the places of their values.
#[derive(Clone, Copy)]
pub(super) struct Items {
    fields: Fields,
    count: usize,
    out: *mut u8,
    out_step: usize,
    /// Their columns of the plan: from `slot` on, `slots` of them in turns.
    slot: usize,
    slots: usize,
    /// A row has no other fields: if one is empty, its line is blank.
    alone: bool,
}

impl Items {
    /// # Safety
    /// * There are at least `n` items.
    #[inline(always)]
    unsafe fn fields_from(&self, n: usize) -> Fields {
        let Fields { base, starts, ends, step } = self.fields;
        // SAFETY: the index has entries for all items.
        let starts = unsafe { starts.add(n * step) };
        // SAFETY: likewise.
        let ends = unsafe { ends.add(n * step) };
        Fields { base, starts, ends, step }
    }

    /// # Safety
    /// * There are at least `n` items.
    #[inline(always)]
    unsafe fn place(&self, n: usize) -> *mut u8 {
        // SAFETY: each item has a place in the rows.
        unsafe { self.out.add(n * self.out_step) }
    }

    /// Start of an item, and its length.
    ///
    /// # Safety
    /// * There are more than `n` items.
    #[inline(always)]
    unsafe fn text(&self, n: usize) -> (*const u8, usize) {
        // SAFETY: the caller's promise.
        let Fields { base, starts, ends, .. } = unsafe { self.fields_from(n) };
        // SAFETY: the index has entries for all items.
        let start = usize::from(unsafe { *starts });
        // SAFETY: likewise.
        let end = usize::from(unsafe { *ends });
        // SAFETY: a field lies in the text.
        (unsafe { base.add(start) }, end.wrapping_sub(start))
    }
}

impl Rows<'_> {
    /// Converts up to `rows` rows into `out`; how many from the first on are sure.
    ///
    /// # Safety
    /// * The processor has the machine's instructions.
    /// * The index has `rows * width` fields, of the text at `base`, which is readable for 48
    ///   bytes before and 64 bytes behind each of them.
    /// * `out` is writable for `rows` rows of the plan.
    #[inline(always)]
    pub(super) unsafe fn convert<M: Machine>(&self, rows: usize, out: *mut u8) -> usize {
        let size = self.plan.row_size;
        if self.plan.holes {
            // SAFETY: there is room for the rows.
            unsafe { out.write_bytes(0, rows * size) };
        }
        let starts = self.index.starts();
        let (base, ends) = (self.base, self.index.ends());
        match self.plan.columns {
            Columns::Uniform { first, count } => {
                let fields = Fields { base, starts, ends, step: 1 };
                let (count, out_step) = (count as usize, first.width as usize);
                let (slot, slots, alone) = (0, count, count == 1);
                let items =
                    Items { fields, count: rows * count, out, out_step, slot, slots, alone };
                // SAFETY: the rows have `count` fields each, and places for them.
                (unsafe { self.column::<M>(first, items) }) / count
            }
            Columns::Listed(list) => {
                let mut sure = rows;
                for (i, &column) in list.iter().enumerate() {
                    let Some(field) = self.field_of(i) else { return 0 };
                    // SAFETY: the field is in the first row.
                    let starts = unsafe { starts.add(field) };
                    // SAFETY: likewise.
                    let ends = unsafe { ends.add(field) };
                    // SAFETY: the plan's offsets lie in the row.
                    let out = unsafe { out.add(column.offset as usize) };
                    let fields = Fields { base, starts, ends, step: self.width };
                    let (slot, slots, alone) = (i, 1, self.width == 1);
                    let items =
                        Items { fields, count: sure, out, out_step: size, slot, slots, alone };
                    // SAFETY: each row has such a field, and a place for it.
                    sure = unsafe { self.column::<M>(column, items) };
                }
                sure
            }
        }
    }

    /// Which field of a row a column is read from.
    fn field_of(&self, column: usize) -> Option<usize> {
        let Some(list) = self.plan.usecols else { return Some(column) };
        let index = i64::from(*list.get(column)?);
        let place = if index < 0 { index + self.width as i64 } else { index };
        usize::try_from(place).ok().filter(|&place| place < self.width)
    }

    /// Converts a column; how many items from the first on are sure.
    ///
    /// # Safety
    /// * As for [`Self::convert`], for the fields and places of `items`.
    #[inline(always)]
    #[allow(clippy::multiple_unsafe_ops_per_block, reason = "one call is made, chosen by the type")]
    unsafe fn column<M: Machine>(&self, column: Column, items: Items) -> usize {
        // SAFETY: the caller's promises are those of each of the functions called.
        unsafe {
            match column.op {
                _ if column.has_lookalikes() => self.plainly(column, items),
                Op::F8 | Op::F4 | Op::F2 => M::float_column(self, column, items),
                Op::Bytes => texts::<M>(items, column, column.width),
                Op::Utf8 => texts::<M>(items, column, column.width / 4),
                Op::Ucs4 => wide_texts(items, column),
                Op::Datetime => self.dates(column, items),
                _ => match limits(column.op) {
                    Some(limits) => M::integer_column(self, column, limits, items),
                    None => self.plainly(column, items),
                },
            }
        }
    }

    /// Converts a column of dates and times.
    ///
    /// # Safety
    /// * As for [`Self::column`].
    unsafe fn dates(&self, column: Column, items: Items) -> usize {
        let Column { unit, multiple, swap, .. } = column;
        for n in 0..items.count {
            // SAFETY: there is such an item.
            let (start, len) = unsafe { items.text(n) };
            // SAFETY: a field lies in the text, which nobody writes to.
            let text = unsafe { core::slice::from_raw_parts(start, len) };
            if let Some(count) = usual_count(text, unit, multiple, column.is_strict()) {
                let count = if swap { count.swap_bytes() } else { count };
                // SAFETY: there is such an item.
                let place = unsafe { items.place(n) };
                // SAFETY: the place has room for the value; no alignment is asked for.
                unsafe { place.cast::<i64>().write_unaligned(count) };
            // SAFETY: the caller's promises.
            } else if !unsafe { self.exactly(column, items, n) } {
                return n;
            }
        }
        items.count
    }

    /// Converts a column of a type that has no kernel, or of one that must not be used.
    ///
    /// # Safety
    /// * As for [`Self::column`].
    unsafe fn plainly(&self, column: Column, items: Items) -> usize {
        // SAFETY: there are as many items.
        let is_unsure = |&n: &usize| !unsafe { self.exactly(column, items, n) };
        (0..items.count).find(is_unsure).unwrap_or(items.count)
    }

    /// Reads one item as [`exact`] does; false if it is for that to say what is wrong.
    ///
    /// # Safety
    /// * As for [`Self::column`]; there are more than `n` items.
    unsafe fn exactly(&self, column: Column, items: Items, n: usize) -> bool {
        // SAFETY: the caller's promise.
        let (start, len) = unsafe { items.text(n) };
        if items.alone && len == 0 {
            return false;
        }
        // SAFETY: a field lies in the text, which nobody writes to.
        let text = unsafe { core::slice::from_raw_parts(start, len) };
        // SAFETY: the caller's promise.
        let place = unsafe { items.place(n) };
        // SAFETY: the place is the column's in its row, and nobody else has it.
        let out = unsafe { core::slice::from_raw_parts_mut(place, column.width as usize) };
        out.fill(0);
        let slot = items.slot + n % items.slots;
        exact::field(self.plan, slot as u32, column, text, out).is_some()
    }

    /// Converts eight items at a time, and reads those that the kernel is not sure of, or that
    /// are too few, one by one.
    ///
    /// # Safety
    /// * As for [`Self::column`].
    #[inline(always)]
    unsafe fn eights<K: Eights>(&self, kernel: K, column: Column, items: Items) -> usize {
        let Some(last) = items.count.checked_sub(8) else {
            // SAFETY: the caller's promises.
            return unsafe { self.one_by_one(column, items, 0, (1 << items.count) - 1) };
        };
        let mut n = 0;
        loop {
            // The last eight may overlap those before.
            let at = n.min(last);
            // SAFETY: there are eight items from here on.
            let fields = unsafe { items.fields_from(at) };
            // SAFETY: likewise.
            let out = unsafe { items.place(at) };
            // SAFETY: likewise.
            let bad = unsafe { kernel.convert(fields, out, items.out_step) };
            if bad != 0 {
                // SAFETY: the caller's promises.
                let sure = unsafe { self.one_by_one(column, items, at, u32::from(bad)) };
                if sure < at + 8 {
                    return sure;
                }
            }
            n += 8;
            if n >= items.count {
                return items.count;
            }
        }
    }

    /// Reads the items from `from` on whose bits are set in `which`; where it stopped, all of
    /// eight or of all items if it did not.
    ///
    /// # Safety
    /// * As for [`Self::column`]; the bits are those of items.
    #[cold]
    unsafe fn one_by_one(&self, column: Column, items: Items, from: usize, which: u32) -> usize {
        let mut rest = which;
        while rest != 0 {
            let n = from + rest.trailing_zeros() as usize;
            rest &= rest - 1;
            // SAFETY: there is such an item.
            let (start, len) = unsafe { items.text(n) };
            // SAFETY: likewise.
            let out = unsafe { items.place(n) };
            // SAFETY: a field's start is a cursor, and the place has room for the value.
            let read = unsafe { row::single(column, self.point, start, len, out) };
            // SAFETY: the caller's promises.
            if !read && !unsafe { self.exactly(column, items, n) } {
                return n;
            }
        }
        items.count.min(from + 8)
    }
}

/// A kernel for eight fields of a column.
trait Eights: Copy {
    /// Converts them; a bit for each that is not sure.
    ///
    /// # Safety
    /// * The processor has the machine's instructions.
    /// * The index has entries for eight fields, whose text is readable as for [`Rows::convert`].
    /// * `out` is writable for eight values, `step` bytes apart.
    unsafe fn convert(self, fields: Fields, out: *mut u8, step: usize) -> u8;
}

#[derive(Clone, Copy)]
struct Integers<M> {
    column: Column,
    limits: Limits,
    machine: PhantomData<M>,
}

impl<M: Machine> Eights for Integers<M> {
    #[inline(always)]
    unsafe fn convert(self, fields: Fields, out: *mut u8, step: usize) -> u8 {
        // SAFETY: the caller's promises.
        let (values, bad) = unsafe { M::integers(fields, self.limits) };
        // SAFETY: likewise.
        unsafe { store::<M>(self.column, values, out, step) };
        bad
    }
}

#[derive(Clone, Copy)]
struct Floats<M> {
    column: Column,
    point: u8,
    machine: PhantomData<M>,
}

impl<M: Machine> Eights for Floats<M> {
    #[inline(always)]
    unsafe fn convert(self, fields: Fields, out: *mut u8, step: usize) -> u8 {
        // SAFETY: the caller's promises.
        let (values, bad) = unsafe { M::floats(fields, self.point) };
        // SAFETY: likewise.
        unsafe { store::<M>(self.column, values, out, step) };
        bad
    }
}

/// A column of integers.
///
/// # Safety
/// * As for [`Rows::convert`], for the fields and places of `items`.
#[inline(always)]
pub(super) unsafe fn integers<M: Machine>(
    rows: &Rows<'_>,
    column: Column,
    limits: Limits,
    items: Items,
) -> usize {
    let kernel = Integers::<M> { column, limits, machine: PhantomData };
    // SAFETY: the caller's promises.
    unsafe { rows.eights(kernel, column, items) }
}

/// A column of floats.
///
/// # Safety
/// * As for [`Rows::convert`], for the fields and places of `items`.
#[inline(always)]
pub(super) unsafe fn floats<M: Machine>(rows: &Rows<'_>, column: Column, items: Items) -> usize {
    let kernel = Floats::<M> { column, point: rows.point, machine: PhantomData };
    // SAFETY: the caller's promises.
    unsafe { rows.eights(kernel, column, items) }
}

/// What an integer type holds.
const fn limits(op: Op) -> Option<Limits> {
    Some(match op {
        Op::I1 => signed(i8::MAX as u64),
        Op::I2 => signed(i16::MAX as u64),
        Op::I4 => signed(i32::MAX as u64),
        Op::Bool | Op::I8 | Op::Timedelta => signed(i64::MAX as u64),
        Op::U1 => unsigned(u8::MAX as u64),
        Op::U2 => unsigned(u16::MAX as u64),
        Op::U4 => unsigned(u32::MAX as u64),
        Op::U8 => unsigned(u64::MAX),
        _ => return None,
    })
}

const fn signed(max: u64) -> Limits {
    Limits { positive: max, negative: max + 1, signed: true }
}

const fn unsigned(max: u64) -> Limits {
    Limits { positive: max, negative: 0, signed: false }
}

/// Stores eight values of a column, `step` bytes apart.
///
/// # Safety
/// * The processor has the machine's instructions.
/// * `out` is writable for eight values of the column.
#[inline(always)]
#[allow(clippy::multiple_unsafe_ops_per_block, reason = "one store is made, chosen by the type")]
unsafe fn store<M: Machine>(column: Column, values: M::Eight, out: *mut u8, step: usize) {
    // SAFETY: the caller's promises are those of each of the functions called.
    unsafe {
        match column.op {
            Op::F4 => put(M::singles(values), column.swap, u32::swap_bytes, out, step),
            Op::I4 | Op::U4 => put(M::halves(values), column.swap, u32::swap_bytes, out, step),
            Op::F2 => {
                let halves = M::words(values).map(|bits| half_bits(f64::from_bits(bits)));
                put(halves, column.swap, u16::swap_bytes, out, step);
            }
            Op::I2 | Op::U2 => {
                let values = M::halves(values).map(|value| value as u16);
                put(values, column.swap, u16::swap_bytes, out, step);
            }
            Op::I1 | Op::U1 => {
                put(M::halves(values).map(|value| value as u8), false, |byte| byte, out, step);
            }
            Op::Bool => {
                put(M::words(values).map(|value| u8::from(value != 0)), false, |b| b, out, step);
            }
            _ => put(M::words(values), column.swap, u64::swap_bytes, out, step),
        }
    }
}

/// # Safety
/// * `out` is writable for eight values, `step` bytes apart.
#[inline(always)]
unsafe fn put<T: Copy>(
    mut values: [T; 8],
    swap: bool,
    swapped: impl Fn(T) -> T,
    out: *mut u8,
    step: usize,
) {
    if swap {
        values = values.map(swapped);
    }
    if step == size_of::<T>() {
        // SAFETY: the values lie side by side; no alignment is asked for.
        return unsafe { out.cast::<[T; 8]>().write_unaligned(values) };
    }
    for (i, value) in values.into_iter().enumerate() {
        // SAFETY: the caller's promise.
        let place = unsafe { out.add(i * step) };
        // SAFETY: likewise; no alignment is asked for.
        unsafe { place.cast::<T>().write_unaligned(value) };
    }
}

/// Whether a kernel leaves a string alone: a lone empty field makes a blank line, and of a type
/// that was found in the text, a value must fit.
#[inline(always)]
const fn is_refused(len: usize, kept: usize, alone: bool, strict: bool) -> bool {
    (alone && len == 0) || (strict && len > kept)
}

/// Copies strings: the first `kept` bytes of each, and zeros behind them.
///
/// # Safety
/// * As for [`Rows::column`].
#[inline(always)]
unsafe fn texts<M: Machine>(items: Items, column: Column, kept: u32) -> usize {
    let (kept, width, strict) = (kept as usize, column.width as usize, column.is_strict());
    for n in 0..items.count {
        // SAFETY: there is such an item.
        let (from, len) = unsafe { items.text(n) };
        // SAFETY: likewise.
        let out = unsafe { items.place(n) };
        if is_refused(len, kept, items.alone, strict) {
            return n;
        }
        let len = len.min(kept);
        if width <= 64 {
            // SAFETY: 64 bytes are readable from a field's start, and `width` are writable.
            unsafe { M::copy(from, len, out, width) };
        } else {
            // SAFETY: the field is readable, its place is writable, and in other memory.
            unsafe { out.copy_from_nonoverlapping(from, len) };
            // SAFETY: `len` is at most `width`.
            let rest = unsafe { out.add(len) };
            // SAFETY: the rest of the place is writable.
            unsafe { rest.write_bytes(0, width - len) };
        }
    }
    items.count
}

/// Widens characters to four bytes each.
///
/// # Safety
/// * As for [`Rows::column`].
unsafe fn wide_texts(items: Items, column: Column) -> usize {
    for n in 0..items.count {
        // SAFETY: there is such an item.
        let (from, len) = unsafe { items.text(n) };
        if is_refused(len, column.width as usize / 4, items.alone, column.is_strict()) {
            return n;
        }
        // SAFETY: the field is readable, and is not written to.
        let bytes = unsafe { core::slice::from_raw_parts(from, len) };
        // SAFETY: there is such an item.
        let mut out = unsafe { items.place(n) };
        for i in 0..column.width as usize / 4 {
            let point = bytes.get(i).copied().map_or(0, u32::from);
            let point = if column.swap { point.swap_bytes() } else { point };
            // SAFETY: at most the column's width; no alignment is asked for.
            unsafe { out.cast::<u32>().write_unaligned(point) };
            // SAFETY: at most behind the column.
            out = unsafe { out.add(4) };
        }
    }
    items.count
}

//! What becomes of one field: the type, and where its bytes lie in a row.

use crate::dtype::{Field, Kind, Order, Unit};
use crate::error::{Error, Result};

/// How one field of text becomes bytes of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(u8)]
pub enum Op {
    /// `?`
    #[default]
    Bool,
    /// `i1`
    I1,
    /// `i2`
    I2,
    /// `i4`
    I4,
    /// `i8`
    I8,
    /// `u1`
    U1,
    /// `u2`
    U2,
    /// `u4`
    U4,
    /// `u8`
    U8,
    /// `f2`
    F2,
    /// `f4`
    F4,
    /// `f8`
    F8,
    /// `c8`
    C8,
    /// `c16`
    C16,
    /// `m8`: an integer or NaT.
    Timedelta,
    /// `S`*n*
    Bytes,
    /// `U`*n* as NumPy has it.
    Ucs4,
    /// `U`*n* as HDF5 has it: UTF-8 in the same 4 *n* bytes.
    Utf8,
    /// `M8`: a date, with a time or without, or NaT.
    Datetime,
    /// `?` of a found dtype: the words true and false.
    Word,
}

/// One converted column of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Column {
    /// Byte offset in the record.
    pub offset: u32,
    /// Bytes in the record.
    pub width: u32,
    /// Columns of the text to leave out before this one (plans in file order).
    pub skip: u32,
    /// Node of the dtype, for messages.
    pub node: u32,
    /// Multiple of the unit of a datetime.
    pub multiple: u32,
    /// How it is converted.
    pub op: Op,
    /// Unit of a datetime.
    pub unit: Unit,
    /// Whether its bytes are stored in the other order.
    pub swap: bool,
    /// [`Column::STRICT`] and the other bits.
    pub flags: u8,
}

impl Column {
    /// The type was found in the text: a longer string or a finer time is no value of it.
    pub const STRICT: u8 = 1;
    /// There are texts that stand for a missing value.
    pub const MISSING: u8 = 2;
    /// One of them would otherwise be read as a value, and as another one than the missing
    /// values become: a kernel must look before it reads.
    pub const LOOKALIKE: u8 = 4;

    /// Whether the type was found in the text.
    #[must_use]
    pub const fn is_strict(&self) -> bool {
        self.flags & Self::STRICT != 0
    }

    /// Whether texts may stand for a missing value.
    #[must_use]
    pub const fn has_missing(&self) -> bool {
        self.flags & Self::MISSING != 0
    }

    /// Whether a kernel must not read a field before it is compared with the markers.
    #[must_use]
    pub const fn has_lookalikes(&self) -> bool {
        self.flags & Self::LOOKALIKE != 0
    }

    /// Whether the values are strings.
    #[must_use]
    pub const fn is_string(&self) -> bool {
        matches!(self.op, Op::Bytes | Op::Ucs4 | Op::Utf8)
    }

    /// The column for a type at an offset; `found` says that the type was found in the text.
    pub(super) fn new(
        field: Field<'_>,
        offset: u32,
        unicode: Unicode,
        found: bool,
    ) -> Result<Self> {
        let (unit, multiple) = field.unit().unwrap_or((Unit::Generic, 1));
        let other = if cfg!(target_endian = "big") { Order::Little } else { Order::Big };
        Ok(Self {
            offset,
            width: field.itemsize(),
            skip: 0,
            node: field.index() as u32,
            multiple,
            op: op(field, unicode, found)?,
            unit,
            swap: field.order() == other,
            flags: if found { Self::STRICT } else { 0 },
        })
    }
}

/// How code points of `U` columns are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Unicode {
    /// Four bytes each, in the dtype's order: NumPy's layout.
    #[default]
    Ucs4,
    /// UTF-8: the file's layout, see [`hdf5`](crate#layers).
    Utf8,
}

fn op(field: Field<'_>, unicode: Unicode, found: bool) -> Result<Op> {
    Ok(match (field.kind(), field.itemsize()) {
        (Kind::Bool, _) if found => Op::Word,
        (Kind::Bool, _) => Op::Bool,
        (Kind::Int, 1) => Op::I1,
        (Kind::Int, 2) => Op::I2,
        (Kind::Int, 4) => Op::I4,
        (Kind::Int, _) => Op::I8,
        (Kind::Uint, 1) => Op::U1,
        (Kind::Uint, 2) => Op::U2,
        (Kind::Uint, 4) => Op::U4,
        (Kind::Uint, _) => Op::U8,
        (Kind::Float, 2) => Op::F2,
        (Kind::Float, 4) => Op::F4,
        (Kind::Float, _) => Op::F8,
        (Kind::Complex, 8) => Op::C8,
        (Kind::Complex, _) => Op::C16,
        (Kind::Datetime, _) => Op::Datetime,
        (Kind::Timedelta, _) => Op::Timedelta,
        (Kind::Bytes, _) => Op::Bytes,
        (Kind::Unicode, _) if unicode == Unicode::Utf8 => Op::Utf8,
        (Kind::Unicode, _) => Op::Ucs4,
        (Kind::Void | Kind::Record, _) => {
            return Err(Error::NotText { node: field.index() as u32 });
        }
    })
}

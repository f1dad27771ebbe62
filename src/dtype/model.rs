//! The tables and the validated view of them.

use bytemuck::{Pod, Zeroable};

use crate::error::{DTypeFault, Error, Result};

/// Most fields that a dtype may have, at all levels together.
pub const MAX_FIELDS: usize = 65_535;
/// Deepest nesting of records.
pub const MAX_DEPTH: usize = 32;
/// Most dimensions of a subarray (HDF5's limit; NumPy has 64).
pub const MAX_SUBARRAY_DIMS: usize = 32;
/// Largest itemsize in bytes (NumPy's limit: a C `int`).
pub const MAX_SIZE: u32 = i32::MAX as u32;

/// One type in a dtype: the root, or a field of a record. 32 bytes on the wire.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Pod, Zeroable)]
pub struct Node {
    /// Start of the name in the pool of names.
    pub name_start: u32,
    /// Bytes of the name (UTF-8); 0 for the root.
    pub name_len: u16,
    /// [`Kind`] as its code.
    pub kind: u8,
    /// [`Order`] as its code.
    pub order: u8,
    /// Bytes of one element, a subarray's extents not counted.
    pub itemsize: u32,
    /// Byte offset in the parent record; 0 for the root.
    pub offset: u32,
    /// Nodes of this subtree, this one included: 1 but for records.
    pub span: u32,
    /// Start of the subarray's extents in the pool of extents.
    pub dims_start: u32,
    /// Dimensions of the subarray, 0 for none.
    pub ndim: u16,
    /// [`Unit`] of a datetime or timedelta as its code, else 0.
    pub unit: u8,
    /// Always 0.
    pub reserved: u8,
    /// Multiple of the unit (the 10 of `M8[10s]`), 1 if none; 0 for other kinds.
    pub unit_count: u32,
}

/// What one element is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// `?`: one byte, 0 or 1.
    Bool = b'b',
    /// `i1` `i2` `i4` `i8`.
    Int = b'i',
    /// `u1` `u2` `u4` `u8`.
    Uint = b'u',
    /// `f2` `f4` `f8`.
    Float = b'f',
    /// `c8` `c16`: real part, imaginary part.
    Complex = b'c',
    /// `S`*n*: bytes, padded with NUL.
    Bytes = b'S',
    /// `U`*n*: UCS-4 code points, padded with NUL; itemsize is 4 *n*.
    Unicode = b'U',
    /// `V`*n*: bytes without a meaning.
    Void = b'V',
    /// `M8[unit]`: signed 8-byte count since 1970-01-01T00:00:00.
    Datetime = b'M',
    /// `m8[unit]`: signed 8-byte count.
    Timedelta = b'm',
    /// A record of named fields; its children follow it in the table.
    Record = b'r',
}

impl Kind {
    /// The kind of a code, as [`Node::kind`] holds it.
    #[must_use]
    pub const fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            b'b' => Self::Bool,
            b'i' => Self::Int,
            b'u' => Self::Uint,
            b'f' => Self::Float,
            b'c' => Self::Complex,
            b'S' => Self::Bytes,
            b'U' => Self::Unicode,
            b'V' => Self::Void,
            b'M' => Self::Datetime,
            b'm' => Self::Timedelta,
            b'r' => Self::Record,
            _ => return None,
        })
    }

    /// Whether one element may have this many bytes.
    #[must_use]
    pub const fn allows_itemsize(self, bytes: u32) -> bool {
        match self {
            Self::Bool => bytes == 1,
            Self::Int | Self::Uint => matches!(bytes, 1 | 2 | 4 | 8),
            Self::Float => matches!(bytes, 2 | 4 | 8),
            Self::Complex => matches!(bytes, 8 | 16),
            Self::Datetime | Self::Timedelta => bytes == 8,
            Self::Unicode => bytes.is_multiple_of(4) && bytes <= MAX_SIZE,
            Self::Bytes | Self::Void | Self::Record => bytes <= MAX_SIZE,
        }
    }

    /// Whether values of this many bytes have a byte order at all.
    #[must_use]
    pub const fn has_order(self, bytes: u32) -> bool {
        match self {
            Self::Int | Self::Uint | Self::Float => bytes > 1,
            Self::Complex | Self::Unicode | Self::Datetime | Self::Timedelta => true,
            Self::Bool | Self::Bytes | Self::Void | Self::Record => false,
        }
    }
}

/// Byte order of one element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Order {
    /// `<`
    Little = b'<',
    /// `>`
    Big = b'>',
    /// `|`: single bytes, strings of bytes, records.
    None = b'|',
}

impl Order {
    /// The order of this machine.
    pub const NATIVE: Self = if cfg!(target_endian = "big") { Self::Big } else { Self::Little };

    /// The order of a code, as [`Node::order`] holds it.
    #[must_use]
    pub const fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            b'<' => Self::Little,
            b'>' => Self::Big,
            b'|' => Self::None,
            _ => return None,
        })
    }
}

/// Unit of a datetime or a timedelta.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(u8)]
pub enum Unit {
    /// No unit given (`M8`).
    #[default]
    Generic = 1,
    /// `Y`
    Year,
    /// `M`
    Month,
    /// `W`
    Week,
    /// `D`
    Day,
    /// `h`
    Hour,
    /// `m`
    Minute,
    /// `s`
    Second,
    /// `ms`
    Milli,
    /// `us`
    Micro,
    /// `ns`
    Nano,
    /// `ps`
    Pico,
    /// `fs`
    Femto,
    /// `as`
    Atto,
}

impl Unit {
    /// Every unit, the coarsest first.
    pub const ALL: [Self; 14] = [
        Self::Generic,
        Self::Year,
        Self::Month,
        Self::Week,
        Self::Day,
        Self::Hour,
        Self::Minute,
        Self::Second,
        Self::Milli,
        Self::Micro,
        Self::Nano,
        Self::Pico,
        Self::Femto,
        Self::Atto,
    ];

    /// The unit of a code, as [`Node::unit`] holds it.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|&u| u as u8 == code)
    }

    /// NumPy's text for it, empty for [`Unit::Generic`].
    #[must_use]
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::Generic => "",
            Self::Year => "Y",
            Self::Month => "M",
            Self::Week => "W",
            Self::Day => "D",
            Self::Hour => "h",
            Self::Minute => "m",
            Self::Second => "s",
            Self::Milli => "ms",
            Self::Micro => "us",
            Self::Nano => "ns",
            Self::Pico => "ps",
            Self::Femto => "fs",
            Self::Atto => "as",
        }
    }
}

/// A validated dtype: every index in its tables is in range, every field lies
/// in its record, every code is known.
#[derive(Debug, Clone, Copy)]
pub struct DType<'a> {
    nodes: &'a [Node],
    dims: &'a [u32],
    names: &'a [u8],
}

impl<'a> DType<'a> {
    /// Validates tables that may come from anywhere.
    ///
    /// # Errors
    /// [`Error::DType`] whose `at` is the index of the first bad node.
    pub fn new(nodes: &'a [Node], dims: &'a [u32], names: &'a [u8]) -> Result<Self> {
        super::validate::tables(nodes, dims, names)?;
        Ok(Self::trusted(nodes, dims, names))
    }

    /// A view of tables that were validated before and have not changed since.
    /// Of others it may answer nonsense, but reads nothing out of range.
    pub(crate) const fn trusted(nodes: &'a [Node], dims: &'a [u32], names: &'a [u8]) -> Self {
        Self { nodes, dims, names }
    }

    /// The table of nodes.
    #[must_use]
    pub const fn nodes(&self) -> &'a [Node] {
        self.nodes
    }

    /// The pool of subarray extents.
    #[must_use]
    pub const fn dims(&self) -> &'a [u32] {
        self.dims
    }

    /// The pool of names.
    #[must_use]
    pub const fn names(&self) -> &'a [u8] {
        self.names
    }

    /// The type of a whole element.
    #[must_use]
    pub fn root(&self) -> Field<'a> {
        Field { table: *self, index: 0 }
    }

    /// Bytes of one element.
    #[must_use]
    pub fn itemsize(&self) -> u32 {
        self.root().itemsize()
    }

    /// Whether an element is a record.
    #[must_use]
    pub fn is_record(&self) -> bool {
        self.root().kind() == Kind::Record
    }

    /// The type at a node of the table; an empty one if there is no such node.
    #[must_use]
    pub const fn field_at(&self, node: u32) -> Field<'a> {
        Field { table: *self, index: node as usize }
    }

    fn node(&self, index: usize) -> Node {
        self.nodes.get(index).copied().unwrap_or_default()
    }
}

/// One type of a [`DType`]: the root or a field.
#[derive(Debug, Clone, Copy)]
pub struct Field<'a> {
    table: DType<'a>,
    index: usize,
}

impl<'a> Field<'a> {
    /// Index of its node in the table.
    #[must_use]
    pub const fn index(&self) -> usize {
        self.index
    }

    /// Its node.
    #[must_use]
    pub fn node(&self) -> Node {
        self.table.node(self.index)
    }

    /// Its name, empty for the root.
    #[must_use]
    pub fn name(&self) -> &'a str {
        let node = self.node();
        let start = node.name_start as usize;
        let bytes = self.table.names.get(start..start.saturating_add(usize::from(node.name_len)));
        core::str::from_utf8(bytes.unwrap_or_default()).unwrap_or_default()
    }

    /// What one element is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        Kind::from_code(self.node().kind).unwrap_or(Kind::Void)
    }

    /// Byte order of one element.
    #[must_use]
    pub fn order(&self) -> Order {
        Order::from_code(self.node().order).unwrap_or(Order::None)
    }

    /// Bytes of one element, a subarray's extents not counted.
    #[must_use]
    pub fn itemsize(&self) -> u32 {
        self.node().itemsize
    }

    /// Byte offset in the parent record.
    #[must_use]
    pub fn offset(&self) -> u32 {
        self.node().offset
    }

    /// Extents of the subarray, empty for none.
    #[must_use]
    pub fn dims(&self) -> &'a [u32] {
        let node = self.node();
        let start = node.dims_start as usize;
        self.table.dims.get(start..start.saturating_add(usize::from(node.ndim))).unwrap_or_default()
    }

    /// Elements of the subarray, 1 for none.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.dims().iter().fold(1, |n: u32, &d| n.saturating_mul(d))
    }

    /// Bytes in the parent: one element times the subarray's extents.
    #[must_use]
    pub fn size(&self) -> u32 {
        self.itemsize().saturating_mul(self.count())
    }

    /// Unit and its multiple, for datetimes and timedeltas.
    #[must_use]
    pub fn unit(&self) -> Option<(Unit, u32)> {
        let node = self.node();
        Unit::from_code(node.unit).map(|unit| (unit, node.unit_count))
    }

    /// The fields of a record in order; nothing for other kinds.
    #[must_use]
    pub fn fields(&self) -> Fields<'a> {
        let end = self.index.saturating_add(self.node().span as usize);
        Fields { table: self.table, next: self.index.saturating_add(1), end }
    }

    /// This field and everything in it, in the order of the table.
    pub(super) fn subtree(&self) -> impl Iterator<Item = Self> + use<'a> {
        let (table, first) = (self.table, self.index);
        let end = first.saturating_add(self.node().span as usize);
        (first..end).map(move |index| Field { table, index })
    }
}

/// The fields of one record.
#[derive(Debug, Clone)]
pub struct Fields<'a> {
    table: DType<'a>,
    next: usize,
    end: usize,
}

impl<'a> Iterator for Fields<'a> {
    type Item = Field<'a>;

    fn next(&mut self) -> Option<Field<'a>> {
        if self.next >= self.end {
            return None;
        }
        let field = Field { table: self.table, index: self.next };
        self.next = self.next.saturating_add(field.node().span.max(1) as usize);
        Some(field)
    }
}

/// Shorthand of this module's tree for a dtype fault.
pub(super) const fn fault<T>(at: usize, fault: DTypeFault) -> Result<T> {
    Err(Error::DType { at: at as u32, fault })
}

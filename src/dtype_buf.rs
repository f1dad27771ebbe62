//! A dtype that owns its tables.
//!
//! [`DType`] only borrows. [`DTypeBuf`] keeps the tables in private pages from
//! the system, so that a dtype of any size can be made and kept without an
//! allocator. Stands above `dtype` and `sys`; every layer above may use it.

use core::fmt;

use crate::dtype::{Builder, DType, Extent, Kind, MAX_FIELDS, Node, Order, parse, parse_open};
use crate::error::{DTypeFault, Error, Result};
use crate::sys::Pages;

/// Entries that the tables of a dtype need, or have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Room {
    /// Nodes: one per field at any level, and one for the root.
    pub nodes: usize,
    /// Extents of subarrays, all together.
    pub dims: usize,
    /// Bytes of names, all together.
    pub names: usize,
}

impl Room {
    /// What a dtype uses.
    #[must_use]
    pub const fn of(dtype: DType<'_>) -> Self {
        let (nodes, dims, names) = (dtype.nodes(), dtype.dims(), dtype.names());
        Self { nodes: nodes.len(), dims: dims.len(), names: names.len() }
    }

    /// No less than any text of this many bytes needs. Pages are free until
    /// they are used, so this may be generous.
    const fn for_text(bytes: usize) -> Self {
        // A field takes two bytes (`b,`); its name may be one that is counted.
        let fields = if bytes < MAX_FIELDS { bytes } else { MAX_FIELDS };
        let names = bytes.saturating_add(fields.saturating_mul("f65535".len()));
        Self { nodes: fields.saturating_add(1), dims: bytes, names }
    }

    /// Byte offsets of dims and names behind the nodes, and of the end.
    fn places(self) -> Option<[usize; 3]> {
        let dims_at = self.nodes.checked_mul(size_of::<Node>())?;
        let names_at = self.dims.checked_mul(size_of::<u32>())?.checked_add(dims_at)?;
        Some([dims_at, names_at, self.names.checked_add(names_at)?])
    }
}

/// A dtype with its own tables.
pub struct DTypeBuf {
    pages: Pages,
    /// Byte offsets of the extents and the names.
    dims_at: usize,
    names_at: usize,
    used: Room,
}

impl DTypeBuf {
    /// Makes tables with `room`, lets `fill` make a dtype in them, and keeps it.
    ///
    /// # Errors
    /// What `fill` says; [`Error::Overflow`], [`Error::Os`] for the pages.
    pub fn build(
        room: Room,
        fill: impl for<'b> FnOnce(Builder<'b>) -> Result<DType<'b>>,
    ) -> Result<Self> {
        let [dims_at, names_at, end] = room.places().ok_or(Error::Overflow)?;
        let mut pages = Pages::new(end)?;
        let (nodes, rest) = pages.split_at_mut_checked(dims_at).ok_or(Error::Overflow)?;
        let dims_len = names_at.saturating_sub(dims_at);
        let (dims, names) = rest.split_at_mut_checked(dims_len).ok_or(Error::Overflow)?;
        let nodes: &mut [Node] =
            bytemuck::try_cast_slice_mut(nodes).map_err(|_| Error::Overflow)?;
        let dims: &mut [u32] = bytemuck::try_cast_slice_mut(dims).map_err(|_| Error::Overflow)?;
        let tables: [*const u8; 3] = [nodes.as_ptr().cast(), dims.as_ptr().cast(), names.as_ptr()];
        let made = fill(Builder::new(nodes, dims, names))?;
        let used = Room::of(made);
        // What is not in these tables is not what was built.
        if tables
            != [made.nodes().as_ptr().cast(), made.dims().as_ptr().cast(), made.names().as_ptr()]
        {
            return Err(Error::Argument);
        }
        Ok(Self { pages, dims_at, names_at, used })
    }

    /// Reads the text of a dtype, see [`parse`].
    ///
    /// # Errors
    /// As for [`parse`], never [`Error::DTypeSpace`].
    pub fn parse(text: &str) -> Result<Self> {
        Self::build(Room::for_text(text.len()), |builder| parse(text, builder))
    }

    /// Reads the text of a dtype that may leave widths and units open, see [`parse_open`].
    ///
    /// # Errors
    /// As for [`parse_open`], never [`Error::DTypeSpace`].
    pub fn parse_open(text: &str, close: &mut dyn FnMut(usize, Kind) -> Extent) -> Result<Self> {
        Self::build(Room::for_text(text.len()), |builder| parse_open(text, builder, close))
    }

    /// One plain type.
    ///
    /// # Errors
    /// As for [`Builder::scalar`].
    pub fn scalar(kind: Kind, itemsize: u32, order: Order) -> Result<Self> {
        let room = Room { nodes: 1, ..Room::default() };
        Self::build(room, |builder| builder.scalar(kind, itemsize, order))
    }

    /// A copy with tables of its own.
    ///
    /// # Errors
    /// [`Error::Overflow`], [`Error::Os`].
    pub fn copy_of(dtype: DType<'_>) -> Result<Self> {
        Self::build(Room::of(dtype), |mut builder| {
            builder.copy("", dtype.root())?;
            builder.finish()
        })
    }

    /// A record of some fields of a record, see [`Builder::select`].
    ///
    /// # Errors
    /// [`Error::Argument`] if there is no such field; as for [`Builder::finish`].
    pub fn select(dtype: DType<'_>, fields: impl IntoIterator<Item = usize>) -> Result<Self> {
        let picked = Self::build(Room::of(dtype), |mut builder| {
            builder.select(dtype, fields)?;
            builder.finish()
        });
        // Only a field that is taken twice needs more than the whole dtype.
        let twice = Error::DType { at: 0, fault: DTypeFault::DuplicateName };
        picked.map_err(|error| if error == Error::DTypeSpace { twice } else { error })
    }

    /// The dtype, borrowed.
    #[must_use]
    pub fn as_dtype(&self) -> DType<'_> {
        DType::trusted(
            self.table(0, self.used.nodes),
            self.table(self.dims_at, self.used.dims),
            self.table(self.names_at, self.used.names),
        )
    }

    /// `len` entries of the table that begins at a byte offset.
    fn table<T: bytemuck::Pod>(&self, at: usize, len: usize) -> &[T] {
        let end = at.saturating_add(len.saturating_mul(size_of::<T>()));
        let bytes = self.pages.get(at..end).unwrap_or_default();
        bytemuck::try_cast_slice(bytes).unwrap_or_default()
    }
}

impl fmt::Debug for DTypeBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DTypeBuf({self})")
    }
}

impl fmt::Display for DTypeBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_dtype().fmt(f)
    }
}

impl PartialEq for DTypeBuf {
    fn eq(&self, other: &Self) -> bool {
        self.as_dtype() == other.as_dtype()
    }
}

impl Eq for DTypeBuf {}

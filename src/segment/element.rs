//! Which dtype a Rust type has: the ground of all typed access.
//!
//! For whoever reads or writes elements as Rust values. An [`Element`] is a
//! plain type with exactly one dtype: the same kind, size, byte order and
//! fields at the same offsets. Nothing is converted on the way, so a big-endian
//! array is not a `[f64]` on a little-endian machine, and an `i4` is no `u32`.
//!
//! | Rust | dtype |
//! |---|---|
//! | `i8` to `i64`, `u8` to `u64`, `f32`, `f64` | `i1` to `i8`, `u1` to `u8`, `f4`, `f8` |
//! | [`Bool`], [`F16`], [`Complex`] | `?`, `f2`, `c8` and `c16` |
//! | [`Bytes`], [`Void`], [`Unicode`] | `S`*n*, `V`*n*, `U`*n* |
//! | [`Datetime`], [`Timedelta`] | `M8[unit]`, `m8[unit]` |
//! | what [`record!`](crate::record) declares | a record |
//! | an array of them, as a field | a subarray |
//!
//! `bool` and `char` are not here: of the bytes that another process may write,
//! only some are one.
//!
//! Invariant of the unsafe code here: every element is a [`Pod`] of as many
//! bytes as its dtype says.

pub use super::plain::{Bool, Bytes, Complex, Datetime, F16, Timedelta, Unicode, Void};

use bytemuck::Pod;

use crate::dtype::{DType, Field, Kind, MAX_SUBARRAY_DIMS, Node, Order, Unit};

/// The tables of a dtype that is known when the program is compiled.
#[derive(Debug, Clone, Copy)]
pub struct Tables {
    pub(super) nodes: &'static [Node],
    pub(super) dims: &'static [u32],
    pub(super) names: &'static [u8],
    /// Records inside each other.
    pub(super) depth: usize,
}

impl Tables {
    /// The tables of one plain type, whose only node [`plain_node`] makes.
    #[must_use]
    pub const fn plain(node: &'static [Node; 1]) -> Self {
        Self { nodes: node, dims: &[], names: &[], depth: 0 }
    }

    const fn dtype(self) -> DType<'static> {
        DType::trusted(self.nodes, self.dims, self.names)
    }
}

/// The node of a type that is no record, in this machine's byte order.
///
/// # Panics
/// If the kind has no such size: when the program is compiled, in a constant.
#[must_use]
pub const fn plain_node(kind: Kind, itemsize: usize) -> [Node; 1] {
    assert!(itemsize > 0, "an element has at least one byte");
    assert!(itemsize <= crate::dtype::MAX_SIZE as usize, "larger than 2 GiB");
    let bytes = itemsize as u32;
    assert!(kind.allows_itemsize(bytes), "no such size for this kind");
    let order = if kind.has_order(bytes) { Order::NATIVE } else { Order::None };
    [Node { kind: kind as u8, order: order as u8, itemsize: bytes, span: 1, ..EMPTY }]
}

/// The node of a datetime or a timedelta.
pub(super) const fn timed_node(kind: Kind, unit: u8, count: u32) -> [Node; 1] {
    assert!(unit >= Unit::Generic as u8 && unit <= Unit::Atto as u8, "no such unit");
    let most = if unit == Unit::Generic as u8 { 1 } else { i32::MAX as u32 };
    assert!(count >= 1 && count <= most, "no such multiple of the unit");
    let [node] = plain_node(kind, size_of::<i64>());
    [Node { unit, unit_count: count, ..node }]
}

/// [`Node::default`], for constants.
pub(super) const EMPTY: Node = Node {
    name_start: 0,
    name_len: 0,
    kind: 0,
    order: 0,
    itemsize: 0,
    offset: 0,
    span: 0,
    dims_start: 0,
    ndim: 0,
    unit: 0,
    reserved: 0,
    unit_count: 0,
};

/// A type that elements of exactly one dtype have.
///
/// Records get it from [`record!`](crate::record). For a newtype of a plain
/// type it can be written by hand:
///
/// ```
/// use bytemuck::{Pod, Zeroable};
/// use ndshm::segment::element::{Element, Tables};
///
/// #[derive(Clone, Copy, Pod, Zeroable)]
/// #[repr(transparent)]
/// struct Kelvin(f64);
///
/// // SAFETY: transparent, so that an `f64`'s dtype is exactly its own.
/// unsafe impl Element for Kelvin {
///     const TABLES: Tables = f64::TABLES;
/// }
///
/// assert_eq!(Kelvin::dtype().to_string(), "<f8");
/// ```
///
/// # Safety
/// * The tables hold a valid dtype, whose itemsize is the type's size, and
///   whose fields lie where the type's fields lie.
/// * [`dtype`](Self::dtype) and [`matches`](Self::matches) are left as they are.
pub unsafe trait Element: Pod {
    /// The tables of its dtype.
    const TABLES: Tables;

    /// Its dtype.
    #[must_use]
    fn dtype() -> DType<'static> {
        Self::TABLES.dtype()
    }

    /// Whether elements of this dtype are of this type: kind, size, byte order,
    /// and for records the names, types and offsets of all fields.
    #[must_use]
    fn matches(dtype: DType<'_>) -> bool {
        Self::matches_field(dtype, dtype.root())
    }
}

/// What a field of a record may be: an [`Element`], or an array of them, which
/// is a subarray.
///
/// # Safety
/// * The type is an array of [`Item`](Self::Item) of these extents.
/// * [`matches_field`](Self::matches_field) is left as it is.
pub unsafe trait Value: Pod {
    /// What it is an array of; itself, if it is none.
    type Item: Element;
    /// The array's extents.
    const EXTENTS: Extents;

    /// Whether a field of `dtype` is of this type, whatever its name is.
    #[must_use]
    fn matches_field(dtype: DType<'_>, field: Field<'_>) -> bool {
        field.dims() == Self::EXTENTS.as_slice() && same(Self::Item::dtype(), dtype, field)
    }
}

// SAFETY: it is itself.
unsafe impl<T: Element> Value for T {
    type Item = T;
    const EXTENTS: Extents = Extents { dims: [0; MAX_SUBARRAY_DIMS], len: 0 };
}

// SAFETY: `N` in front of the extents of what is in the array.
unsafe impl<V: Value, const N: usize> Value for [V; N] {
    type Item = V::Item;
    const EXTENTS: Extents = V::EXTENTS.behind(N);
}

/// Extents of a subarray.
#[derive(Debug, Clone, Copy)]
pub struct Extents {
    pub(super) dims: [u32; MAX_SUBARRAY_DIMS],
    pub(super) len: usize,
}

impl Extents {
    /// These extents behind another one.
    const fn behind(self, first: usize) -> Self {
        assert!(first > 0 && first <= u32::MAX as usize, "an array in a record has elements");
        assert!(self.len < MAX_SUBARRAY_DIMS, "more than 32 dimensions");
        let (mut dims, mut i) = (self.dims, self.len);
        while i > 0 {
            dims[i] = dims[i - 1];
            i -= 1;
        }
        dims[0] = first as u32;
        Self { dims, len: self.len + 1 }
    }

    /// The extents, slowest first; none for no subarray.
    #[must_use]
    pub fn as_slice(&self) -> &[u32] {
        self.dims.get(..self.len).unwrap_or_default()
    }
}

/// Whether one element of `field` has the dtype `own`.
fn same(own: DType<'_>, dtype: DType<'_>, field: Field<'_>) -> bool {
    // What the record around it says of the field is not the element's.
    let outside = Node { name_len: 0, offset: 0, ndim: 0, ..field.node() };
    placeless(own.root().node()) == placeless(outside)
        && (1..field.node().span).all(|i| {
            let (a, b) = (own.field_at(i), dtype.field_at(i.saturating_add(field.index() as u32)));
            placeless(a.node()) == placeless(b.node())
                && a.name() == b.name()
                && a.dims() == b.dims()
        })
}

/// A node but for where its name and its extents lie in the pools.
const fn placeless(node: Node) -> Node {
    Node { name_start: 0, dims_start: 0, ..node }
}

macro_rules! plain {
    ($($type:ty: $kind:ident),+ $(,)?) => {$(
        // SAFETY: this kind and this size in the machine's byte order are the type.
        unsafe impl Element for $type {
            const TABLES: Tables = Tables::plain(const { &plain_node(Kind::$kind, size_of::<Self>()) });
        }
    )+};
}

plain! {
    i8: Int, i16: Int, i32: Int, i64: Int,
    u8: Uint, u16: Uint, u32: Uint, u64: Uint,
    f32: Float, f64: Float, F16: Float,
    Complex<f32>: Complex, Complex<f64>: Complex,
    Bool: Bool,
}

// SAFETY: `N` bytes.
unsafe impl<const N: usize> Element for Bytes<N> {
    const TABLES: Tables = Tables::plain(const { &plain_node(Kind::Bytes, N) });
}

// SAFETY: `N` bytes.
unsafe impl<const N: usize> Element for Void<N> {
    const TABLES: Tables = Tables::plain(const { &plain_node(Kind::Void, N) });
}

// SAFETY: `N` code points of four bytes in the machine's order.
unsafe impl<const N: usize> Element for Unicode<N> {
    const TABLES: Tables = Tables::plain(const { &plain_node(Kind::Unicode, size_of::<Self>()) });
}

// SAFETY: a signed count of 8 bytes.
unsafe impl<const UNIT: u8, const COUNT: u32> Element for Datetime<UNIT, COUNT> {
    const TABLES: Tables = Tables::plain(const { &timed_node(Kind::Datetime, UNIT, COUNT) });
}

// SAFETY: a signed count of 8 bytes.
unsafe impl<const UNIT: u8, const COUNT: u32> Element for Timedelta<UNIT, COUNT> {
    const TABLES: Tables = Tables::plain(const { &timed_node(Kind::Timedelta, UNIT, COUNT) });
}

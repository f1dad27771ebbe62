//! Records: Rust structs whose dtype the compiler works out.
//!
//! [`record!`](crate::record) declares the struct; the functions here make its
//! tables, in constants only: whatever is wrong with a record is an error of
//! the compiler, and nothing here is in the program.

use super::element::{EMPTY, Extents, Tables, Value};
use crate::dtype::{Kind, MAX_DEPTH, MAX_FIELDS, MAX_SIZE, Node, Order};

/// Most bytes that a type may be aligned to: data begins at such a border.
const MAX_ALIGN: usize = 4096;

/// One field of a record, or its padding.
#[doc(hidden)]
#[derive(Debug, Clone, Copy)]
pub struct Part {
    name: &'static str,
    offset: usize,
    size: usize,
    /// `None` for padding.
    field: Option<(Tables, Extents)>,
}

impl Part {
    /// A field.
    #[must_use]
    pub const fn field<V: Value>(name: &'static str, offset: usize) -> Self {
        let field = Some((<V::Item as super::Element>::TABLES, V::EXTENTS));
        Self { name, offset, size: size_of::<V>(), field }
    }

    /// Bytes that are no field.
    #[must_use]
    pub const fn padding<P: bytemuck::Pod>(offset: usize) -> Self {
        Self { name: "", offset, size: size_of::<P>(), field: None }
    }
}

/// A field's name as Rust spells it, without the mark of a raw identifier.
#[doc(hidden)]
#[must_use]
pub const fn plain_name(name: &'static str) -> &'static str {
    match name.as_bytes() {
        [b'r', b'#', ..] => name.split_at(2).1,
        _ => name,
    }
}

/// Entries that the tables of a record need: nodes, extents, bytes of names.
#[doc(hidden)]
#[must_use]
pub const fn room(parts: &[Part]) -> [usize; 3] {
    let (mut nodes, mut dims, mut names, mut i) = (1, 0, 0, 0);
    while i < parts.len() {
        if let Some((tables, extents)) = parts[i].field {
            nodes += tables.nodes.len();
            dims += extents.len + tables.dims.len();
            names += parts[i].name.len() + tables.names.len();
        }
        i += 1;
    }
    [nodes, dims, names]
}

/// The tables of a record, to be kept in a constant.
#[doc(hidden)]
#[derive(Debug)]
pub struct Record<const NODES: usize, const DIMS: usize, const NAMES: usize> {
    nodes: [Node; NODES],
    dims: [u32; DIMS],
    names: [u8; NAMES],
    used: [usize; 3],
    depth: usize,
}

impl<const NODES: usize, const DIMS: usize, const NAMES: usize> Record<NODES, DIMS, NAMES> {
    /// The tables of a record of these parts, `size` bytes long.
    ///
    /// # Panics
    /// If there is no such record; in a constant that is a compiler's error.
    #[must_use]
    pub const fn new(parts: &[Part], size: usize, align: usize) -> Self {
        check(parts, size, align);
        let (kind, order) = (Kind::Record as u8, Order::None as u8);
        let root = Node { kind, order, itemsize: size as u32, span: NODES as u32, ..EMPTY };
        let mut record = Self {
            nodes: [root; NODES],
            dims: [0; DIMS],
            names: [0; NAMES],
            used: [1, 0, 0],
            depth: 1,
        };
        let mut i = 0;
        while i < parts.len() {
            if let Some((tables, extents)) = parts[i].field {
                record.add(&parts[i], &tables, &extents);
            }
            i += 1;
        }
        assert!(record.depth <= MAX_DEPTH, "records are nested too deeply");
        record
    }

    /// Copies a field's tables behind those before it.
    const fn add(&mut self, part: &Part, tables: &Tables, extents: &Extents) {
        let [first, ..] = self.used;
        let (name, named) = (self.add_name(part.name.as_bytes()), part.name.len() as u16);
        let dims = self.add_dims(&extents.dims, extents.len);
        let (inner_names, inner_dims) =
            (self.add_name(tables.names), self.add_dims(tables.dims, tables.dims.len()));
        let mut i = 0;
        while i < tables.nodes.len() {
            let mut node = tables.nodes[i];
            if i == 0 {
                (node.name_start, node.name_len) = (name, named);
                (node.dims_start, node.ndim) = (dims, extents.len as u16);
                node.offset = part.offset as u32;
            } else {
                node.name_start += inner_names;
                node.dims_start += inner_dims;
            }
            self.nodes[first + i] = node;
            i += 1;
        }
        self.used[0] = first + i;
        if tables.depth >= self.depth {
            self.depth = tables.depth + 1;
        }
    }

    /// Where the bytes begin in the pool of names.
    const fn add_name(&mut self, bytes: &[u8]) -> u32 {
        let (start, mut i) = (self.used[2], 0);
        while i < bytes.len() {
            self.names[start + i] = bytes[i];
            i += 1;
        }
        self.used[2] = start + i;
        start as u32
    }

    /// Where the extents begin in their pool.
    const fn add_dims(&mut self, dims: &[u32], len: usize) -> u32 {
        let (start, mut i) = (self.used[1], 0);
        while i < len {
            self.dims[start + i] = dims[i];
            i += 1;
        }
        self.used[1] = start + i;
        start as u32
    }

    /// The tables, borrowed.
    #[must_use]
    pub const fn tables(&'static self) -> Tables {
        Tables { nodes: &self.nodes, dims: &self.dims, names: &self.names, depth: self.depth }
    }
}

/// Refuses what is no record that others may read and write.
const fn check(parts: &[Part], size: usize, align: usize) {
    assert!(size <= MAX_SIZE as usize, "the record is larger than 2 GiB");
    assert!(align <= MAX_ALIGN, "the record is aligned to more than a page");
    let (mut used, mut fields, mut i) = (0, 0, 0);
    while i < parts.len() {
        used += parts[i].size;
        if parts[i].field.is_some() {
            check_name(parts, i);
            fields += 1;
        }
        i += 1;
    }
    assert!(fields > 0, "a record needs a field that is not padding");
    assert!(room(parts)[0] <= MAX_FIELDS + 1, "the record has more than 65535 fields");
    assert!(
        used == size,
        "the record has padding, whose bytes nobody writes: add a field `pad: [u8; N] as _` where \
         it is, or put #[repr(packed)] on the record"
    );
}

const fn check_name(parts: &[Part], index: usize) {
    let name = parts[index].name.as_bytes();
    assert!(!name.is_empty() && name.len() <= u16::MAX as usize, "a field's name is empty or long");
    let mut i = 0;
    while i < name.len() {
        assert!(name[i] != 0, "a field's name has a NUL");
        i += 1;
    }
    let mut other = 0;
    while other < index {
        let taken = parts[other].field.is_some() && equal(parts[other].name.as_bytes(), name);
        assert!(!taken, "two fields of the record have the same name");
        other += 1;
    }
}

const fn equal(a: &[u8], b: &[u8]) -> bool {
    let mut i = 0;
    while i < a.len() && i < b.len() && a[i] == b[i] {
        i += 1;
    }
    i == a.len() && i == b.len()
}

/// Declares structs whose dtype is known: records of a structured array.
///
/// A record is a `#[repr(C)]` struct that is `Copy` and an
/// [`Element`](crate::segment::Element): its dtype has the struct's
/// fields, offsets and size.
///
/// ```
/// use ndshm::segment::element::{Bytes, Element};
///
/// ndshm::record! {
///     /// A call.
///     #[derive(Debug, PartialEq)]
///     #[repr(packed)]
///     pub struct Call {
///         /// Where.
///         pub chr: Bytes<10>,
///         pub pos: i32,
///         pub pct: f32,
///     }
/// }
///
/// let dtype = Call::dtype();
/// assert_eq!(dtype.to_string(), "[('chr', '|S10'), ('pos', '<i4'), ('pct', '<f4')]");
/// assert_eq!(dtype.itemsize(), 18);
/// ```
///
/// A field is an [`Element`](crate::segment::Element) (another record
/// too) or an array of them, which is a subarray. It has its Rust name, or the
/// one given with `as`; `as _` says that it is padding and no field at all:
///
/// ```
/// #![forbid(unsafe_code)] // it takes none of yours
/// use ndshm::segment::element::{Bool, Element};
///
/// ndshm::record! {
///     struct Point { xyz: [f32; 3], r#type: u8 as "type", ok: Bool, pad: [u8; 2] as _ }
///     struct Segment { from: Point, to: Point }
/// }
///
/// assert_eq!(Point::dtype().itemsize(), 16);
/// assert_eq!(Segment::dtype().root().fields().count(), 2);
/// ```
///
/// # What does not compile
///
/// Padding that is not named: its bytes are not initialised, and would get into
/// memory that others read.
///
/// ```compile_fail,E0080
/// ndshm::record! {
///     struct Call { strand: u8, pos: i32 }
/// }
/// ```
///
/// A type that not every bit pattern is a value of, or that has no dtype:
///
/// ```compile_fail,E0277
/// ndshm::record! {
///     struct Call { ok: bool }
/// }
/// ```
///
/// ```compile_fail,E0277
/// ndshm::record! {
///     struct Call { name: &'static str }
/// }
/// ```
///
/// Two fields of one name, or no field:
///
/// ```compile_fail,E0080
/// ndshm::record! {
///     struct Call { pos: i32, old: i32 as "pos" }
/// }
/// ```
///
/// ```compile_fail,E0080
/// ndshm::record! {
///     struct Call { pad: [u8; 4] as _ }
/// }
/// ```
///
/// An array of nothing:
///
/// ```compile_fail,E0080
/// ndshm::record! {
///     struct Call { pos: i32, none: [f32; 0] }
/// }
/// ```
#[macro_export]
macro_rules! record {
    ($(
        $(#[$meta:meta])*
        $vis:vis struct $name:ident {
            $($(#[$field_meta:meta])* $field_vis:vis $field:ident: $type:ty $(as $as:tt)?),+ $(,)?
        }
    )+) => {$(
        $(#[$meta])*
        #[derive(Clone, Copy)]
        #[repr(C)]
        $vis struct $name { $($(#[$field_meta])* $field_vis $field: $type),+ }

        // Names that no constant in a field's type has.
        const _: () = {
            const __PARTS: &[$crate::segment::__private::Part] = &[
                $($crate::__record_part!($name, $field, $type $(, $as)?)),+
            ];
            const __ROOM: [usize; 3] = $crate::segment::__private::room(__PARTS);
            const __RECORD: &$crate::segment::__private::Record<
                { __ROOM[0] }, { __ROOM[1] }, { __ROOM[2] },
            > = &$crate::segment::__private::Record::new(
                __PARTS,
                ::core::mem::size_of::<$name>(),
                ::core::mem::align_of::<$name>(),
            );

            // An attribute may have changed the struct: these are all fields, of these types.
            const _: fn($name) -> ($($type,)+) = |record| {
                let $name { $($field),+ } = record;
                ($($field,)+)
            };

            // SAFETY: every field is plain old data, zeros among its values.
            unsafe impl $crate::segment::__private::Zeroable for $name {}
            // SAFETY: `repr(C)`, every field is plain old data, and `__RECORD` could not be made
            // if the struct had padding.
            unsafe impl $crate::segment::__private::Pod for $name {}
            // SAFETY: the tables were made of the fields' types and offsets.
            unsafe impl $crate::segment::__private::Element for $name {
                const TABLES: $crate::segment::__private::Tables = __RECORD.tables();
            }
        };
    )+};
}

/// One field of [`record!`].
#[doc(hidden)]
#[macro_export]
macro_rules! __record_part {
    ($name:ident, $field:ident, $type:ty) => {
        $crate::segment::__private::Part::field::<$type>(
            $crate::segment::__private::plain_name(stringify!($field)),
            ::core::mem::offset_of!($name, $field),
        )
    };
    ($name:ident, $field:ident, $type:ty, _) => {
        $crate::segment::__private::Part::padding::<$type>(::core::mem::offset_of!($name, $field))
    };
    ($name:ident, $field:ident, $type:ty, $as:literal) => {
        $crate::segment::__private::Part::field::<$type>(
            $as,
            ::core::mem::offset_of!($name, $field),
        )
    };
}

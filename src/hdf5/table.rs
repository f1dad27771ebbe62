//! Datasets that are there and shall get more rows: what they are, and whether they can.
//!
//! For `convert`, which looks at them before any text is read, and for
//! [`extend`](super::extend), which looks again at the copy that they grow in. Nothing here
//! needs the rows.

use core::ffi::c_uint;
use std::collections::BTreeMap;
use std::path::Path;
use std::string::{String, ToString};
use std::sync::Arc;
use std::vec;
use std::vec::Vec;

use hdf5_sys::h5i::{self, hid_t};
use hdf5_sys::h5l::{self, H5L_info1_t};
use hdf5_sys::{h5d, h5g, h5p, h5s, h5t};

use super::append;
use super::attached;
use super::attribute::{Attribute, DTYPE};
use super::carried::{self, read_text};
use super::category::Category;
use super::dataset::c_path;
use super::error::{Error, Result};
use super::foreign;
use super::id::Id;
use super::library::{self, Session};
use super::meaning;
use super::pipeline::pipeline;
use super::read_types::{self, Element, Padding};
use super::rows_fault::RowsFault;
use super::sets::Sets;
use super::there::{self, Lock, There};
use super::types::slashed;
use crate::dtype::Kind;
use crate::dtype_buf::DTypeBuf;
use crate::filter::Filters;

/// What datasets say of their inputs.
pub(crate) const SOURCES: [&str; 4] =
    ["source_file", "source_bytes", "source_crc32", "source_count"];

/// A dataset of chunks that is there, or a group with one for each column.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Extendable {
    /// Its path in the file, as it was asked for.
    pub(crate) path: String,
    /// Of its elements as they lie in the file.
    pub(crate) dtype: Arc<DTypeBuf>,
    /// Fields that are numbers of labels.
    pub(crate) categories: Vec<Category>,
    /// A dataset for each field.
    pub(crate) columns: bool,
    /// Its extents, the first of which grows.
    pub(crate) extents: Vec<u64>,
    /// Rows that it may have; none if there is no limit.
    pub(crate) most: Option<u64>,
    /// Extents of a chunk.
    pub(crate) chunk: Vec<u64>,
    pub(crate) filters: Filters,
    /// An element that nobody has written.
    pub(crate) fill: Vec<u8>,
    /// What it says of its inputs.
    pub(crate) sources: Vec<(String, Attribute)>,
    /// The scales of its first axis, by their paths in the file.
    pub(super) scales: Vec<String>,
    /// The addresses of its datasets.
    pub(super) objects: Vec<u64>,
}

impl Extendable {
    /// Rows that lie in chunks which are full.
    pub(crate) fn full_rows(&self) -> u64 {
        let rows = self.extents.first().copied().unwrap_or(0);
        rows - rows % self.chunk.first().copied().unwrap_or(1).max(1)
    }

    /// Bytes of a row.
    pub(crate) fn row_bytes(&self) -> u64 {
        let element = u64::from(self.dtype.as_dtype().itemsize());
        self.extents.iter().skip(1).fold(element, |bytes, &n| bytes.saturating_mul(n))
    }

    pub(super) fn refused(&self, fault: RowsFault) -> Error {
        Error::Rows { path: self.path.clone(), fault }
    }
}

/// Looks at the datasets of these names, in their order.
///
/// # Errors
/// [`Error::Rows`] for one that cannot grow; [`Error::Append`], [`Error::Target`],
/// [`Error::Io`], [`Error::Read`], [`Error::Hdf5`].
pub(crate) fn look(path: &Path, names: &[String]) -> Result<Vec<Extendable>> {
    let path = append::check_file(path)?;
    library::with(|session| {
        let file = There::open(session, &path, Lock::Own)?;
        let tables = of_all(session, &file, names.iter().map(String::as_str))?;
        file.close(session)?;
        Ok(tables)
    })
    .map_err(|e| e.about(&path.display()))
}

/// The tables of an open file.
pub(super) fn of_all<'n>(
    session: &Session,
    file: &There,
    names: impl Iterator<Item = &'n str>,
) -> Result<Vec<Extendable>> {
    let tables: Vec<Extendable> =
        names.map(|name| table(session, file, name)).collect::<Result<_>>()?;
    let mut seen: BTreeMap<u64, &Extendable> = BTreeMap::new();
    for table in &tables {
        for &object in &table.objects {
            if let Some(first) = seen.insert(object, table) {
                return Err(table.refused(RowsFault::Twice { other: first.path.clone() }));
            }
        }
    }
    for table in &tables {
        for scale in &table.scales {
            let grows = tables.iter().any(|t| t.path.trim_start_matches('/') == scale);
            let rows = table.extents.first().copied().unwrap_or(0);
            let name = c_path(scale)?;
            drop(file.dataset(session, &name)?);
            let own = attached::look(session, file.raw(), scale)?;
            // One that has grown before has more rows.
            if !grows && !own.follows && own.rows <= rows {
                return Err(table.refused(RowsFault::Scale { scale: scale.clone() }));
            }
        }
    }
    Ok(tables)
}

fn table(session: &Session, file: &There, name: &str) -> Result<Extendable> {
    let refused = |fault| Error::Rows { path: name.to_string(), fault };
    let inner = name.strip_prefix('/').unwrap_or(name);
    let address = address(session, file.raw(), inner)?.map_err(refused)?;
    let object = file.object(session, &c_path(inner)?)?;
    // SAFETY: the id is live.
    let made = match unsafe { h5i::H5Iget_type(object.raw()) } {
        h5i::H5I_DATASET => single(session, file, &object, inner, address),
        h5i::H5I_GROUP => columns(session, file, &object, inner),
        _ => return Err(refused(RowsFault::NotThere)),
    };
    match made.map_err(|e| e.about(&std::format!("dataset '{name}'")))? {
        Ok(table) => Ok(Extendable { path: name.to_string(), ..table }),
        Err(fault) => Err(refused(fault)),
    }
}

/// What is asked of HDF5, and what is in the way.
type Found<T> = Result<core::result::Result<T, RowsFault>>;

/// Passes on what is in the way.
macro_rules! there {
    ($found:expr) => {
        match $found? {
            Ok(found) => found,
            Err(fault) => return Ok(Err(fault)),
        }
    };
}

/// The address of the object that hard links lead to. Others may lead out of the file.
fn address(session: &Session, file: hid_t, path: &str) -> Found<u64> {
    let mut address = Ok(0);
    let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
    for end in ends {
        let part = path.get(..end).unwrap_or_default();
        if part.is_empty() || part.ends_with('/') {
            return Ok(Err(RowsFault::NotThere));
        }
        let name = c_path(part)?;
        // SAFETY: the name is a C string, the id is live.
        let there = unsafe { h5l::H5Lexists(file, name.as_ptr(), h5p::H5P_DEFAULT) };
        if there <= 0 {
            return Ok(Err(RowsFault::NotThere));
        }
        let mut info = H5L_info1_t::default();
        #[allow(deprecated, reason = "this one is in every version")]
        // SAFETY: as above, and `info` is writable.
        let status =
            unsafe { h5l::H5Lget_info1(file, name.as_ptr(), &raw mut info, h5p::H5P_DEFAULT) };
        session.check("H5Lget_info", status)?;
        if info.type_ != h5l::H5L_TYPE_HARD {
            return Ok(Err(RowsFault::Link));
        }
        // SAFETY: a place within `info`, here and below.
        let at = unsafe { info.u.address() };
        // SAFETY: as above; of a hard link it is the object's address.
        address = Ok(unsafe { at.read_unaligned() });
    }
    Ok(address)
}

/// One dataset.
fn single(
    session: &Session,
    file: &There,
    set: &Id,
    path: &str,
    address: u64,
) -> Found<Extendable> {
    if has_index(session, file, path)? {
        return Ok(Err(RowsFault::Index));
    }
    let kind = there::type_of(session, set.raw())?;
    let element = read_types::element(session, &kind)?;
    if !element.dims.is_empty() {
        return Ok(Err(RowsFault::Array));
    }
    let said = read_text(session, set.raw(), DTYPE)?;
    let said = said.and_then(|text| DTypeBuf::parse(&text).ok());
    let agreed = said.and_then(|said| meaning::agree(&element, said.as_dtype().root()));
    let element = agreed.unwrap_or(element);
    there!(strings(session, kind.raw(), &element));
    let (extents, most) = there!(space(session, set));
    let stored = there!(storage(session, set, &kind, extents.len()));
    let categories =
        if element.kind == Kind::Record { labels(session, kind.raw())? } else { Vec::new() };
    Ok(Ok(Extendable {
        path: String::new(),
        dtype: Arc::new(element.dtype()?),
        categories,
        columns: false,
        extents,
        most,
        chunk: stored.chunk,
        filters: stored.filters,
        fill: stored.fill,
        sources: sources(session, set.raw())?,
        scales: attached::of_first_axis(session, file, set.raw())?,
        objects: vec![address],
    }))
}

/// A group with a dataset for each column, as ndshm makes it.
fn columns(session: &Session, file: &There, group: &Id, path: &str) -> Found<Extendable> {
    let said = read_text(session, group.raw(), DTYPE)?;
    let Some(dtype) = said.and_then(|text| DTypeBuf::parse(&text).ok()) else {
        return Ok(Err(RowsFault::Group));
    };
    let dtype = Arc::new(dtype);
    let mut whole: Option<Extendable> = None;
    let mut categories = Vec::new();
    let mut empty = vec![0; dtype.as_dtype().itemsize() as usize];
    for (place, field) in dtype.as_dtype().root().fields().enumerate() {
        let path = slashed(path, field.name());
        let address = there!(address(session, file.raw(), &path));
        let set = file.object(session, &c_path(&path)?)?;
        // SAFETY: the id is live.
        if unsafe { h5i::H5Iget_type(set.raw()) } != h5i::H5I_DATASET {
            return Ok(Err(RowsFault::Group));
        }
        let kind = there::type_of(session, set.raw())?;
        let mut element = read_types::element(session, &kind)?;
        // As a field of the row.
        (element.name, element.offset) = (field.name().to_string(), field.offset());
        let agreed = meaning::agree(&element, field).filter(|_| element.dims == field.dims());
        let same = agreed.is_some();
        there!(strings(session, kind.raw(), agreed.as_ref().unwrap_or(&element)));
        let (extents, most) = there!(space(session, &set));
        let stored = there!(storage(session, &set, &kind, extents.len()));
        let whole_rows = stored.chunk.get(1..) == extents.get(1..);
        if let Some(labels) = labels_of(session, kind.raw())? {
            categories.push(Category { field: place, labels });
        }
        let at = field.offset() as usize;
        if let Some(room) = empty.get_mut(at..at + stored.fill.len()) {
            room.copy_from_slice(&stored.fill);
        }
        let mut scales = attached::of_first_axis(session, file, set.raw())?;
        let table = whole.get_or_insert_with(|| Extendable {
            path: String::new(),
            dtype: dtype.clone(),
            categories: Vec::new(),
            columns: true,
            extents: extents.clone(),
            most,
            chunk: stored.chunk.clone(),
            filters: stored.filters,
            fill: Vec::new(),
            sources: Vec::new(),
            scales: Vec::new(),
            objects: Vec::new(),
        });
        let alike = (&table.extents, table.most, &table.chunk, table.filters)
            == (&extents, most, &stored.chunk, stored.filters);
        if !same || !alike || !whole_rows {
            return Ok(Err(RowsFault::Column { name: field.name().to_string() }));
        }
        table.objects.push(address);
        scales.retain(|scale| !table.scales.contains(scale));
        table.scales.append(&mut scales);
    }
    let Some(table) = whole else { return Ok(Err(RowsFault::Group)) };
    let sources = sources(session, group.raw())?;
    Ok(Ok(Extendable { categories, fill: empty, sources, ..table }))
}

/// Whether PyTables keeps an index of a table's columns beside it.
fn has_index(session: &Session, file: &There, path: &str) -> Result<bool> {
    let (group, name) = path.rsplit_once('/').unwrap_or(("", path));
    let index = slashed(group, &std::format!("_i_{name}"));
    let index = c_path(index.trim_start_matches('/'))?;
    // SAFETY: the name is a C string, the id is live.
    let there = unsafe { h5l::H5Lexists(file.raw(), index.as_ptr(), h5p::H5P_DEFAULT) };
    session.check("H5Lexists", there)?;
    Ok(there > 0)
}

/// Extents, and how many rows there may be.
fn space(session: &Session, set: &Id) -> Found<(Vec<u64>, Option<u64>)> {
    let space = there::space(session, set.raw())?;
    let Some((extents, most)) = there::extents(session, &space)?.filter(|(own, _)| !own.is_empty())
    else {
        return Ok(Err(RowsFault::Single));
    };
    let most = most.first().copied().filter(|&most| most != h5s::H5S_UNLIMITED);
    Ok(Ok((extents, most)))
}

/// How a dataset's chunks lie.
struct Chunks {
    chunk: Vec<u64>,
    filters: Filters,
    fill: Vec<u8>,
}

fn storage(session: &Session, set: &Id, kind: &Id, rank: usize) -> Found<Chunks> {
    let list = there::creation(session, set.raw())?;
    // SAFETY: the id is live, as those below.
    if unsafe { h5p::H5Pget_layout(list.raw()) } != h5d::H5D_CHUNKED {
        return Ok(Err(RowsFault::Contiguous));
    }
    let chunk = there::chunk(session, &list, rank)?;
    let mut edges: c_uint = 0;
    // SAFETY: as above; the place is writable.
    session.check("H5Pget_chunk_opts", unsafe {
        h5p::H5Pget_chunk_opts(list.raw(), &raw mut edges)
    })?;
    if edges != 0 {
        return Ok(Err(RowsFault::Edges));
    }
    let filters = there!(pipeline(session, &list));
    let mut fill = vec![0_u8; foreign::size(session, kind.raw())?];
    let at = fill.as_mut_ptr().cast();
    // SAFETY: as above; there is room for an element. Where none was set it is left as it is.
    if unsafe { h5p::H5Pget_fill_value(list.raw(), kind.raw(), at) } < 0 {
        fill.fill(0);
    }
    Ok(Ok(Chunks { chunk, filters, fill }))
}

/// Whether texts can be written as they lie in the file.
fn strings(session: &Session, kind: hid_t, element: &Element) -> Found<()> {
    let named = |name: &str| name.to_string();
    match (element.kind, foreign::class(session, kind)?) {
        (Kind::Bytes, h5t::H5T_class_t::H5T_STRING) => {
            // SAFETY: the id is live, and one of a string.
            let utf8 = unsafe { h5t::H5Tget_cset(kind) } != h5t::H5T_CSET_ASCII;
            if element.padding == Padding::Space {
                return Ok(Err(RowsFault::Blanks { field: named(&element.name) }));
            }
            if utf8 {
                return Ok(Err(RowsFault::Utf8 { field: named(&element.name) }));
            }
        }
        (_, h5t::H5T_class_t::H5T_ARRAY) => {
            let base = foreign::base(session, kind)?;
            return strings(session, base.raw(), element);
        }
        (Kind::Record, _) => {
            let members = foreign::members(session, kind)?;
            for (field, (.., member)) in element.fields.iter().zip(members) {
                there!(strings(session, member.raw(), field));
            }
        }
        _ => {}
    }
    Ok(Ok(()))
}

/// Which members of a compound are numbers of labels.
fn labels(session: &Session, kind: hid_t) -> Result<Vec<Category>> {
    let mut all = Vec::new();
    for (field, (.., member)) in foreign::members(session, kind)?.into_iter().enumerate() {
        if let Some(labels) = labels_of(session, member.raw())? {
            all.push(Category { field, labels });
        }
    }
    Ok(all)
}

/// The labels of an enumeration over `i2` that numbers them from 0 on; others are integers.
fn labels_of(session: &Session, kind: hid_t) -> Result<Option<Vec<String>>> {
    if foreign::class(session, kind)? != h5t::H5T_class_t::H5T_ENUM {
        return Ok(None);
    }
    let base = foreign::base(session, kind)?;
    // SAFETY: the ids are live.
    let is_i2 = unsafe { h5t::H5Tequal(base.raw(), *h5t::H5T_STD_I16LE) };
    session.check("H5Tequal", is_i2)?;
    if is_i2 == 0 {
        return Ok(None);
    }
    let mut labels = BTreeMap::new();
    for (label, value) in foreign::numbered(session, kind)? {
        let number = <[u8; 2]>::try_from(value.as_slice()).map_or(-1, i16::from_le_bytes);
        labels.insert(number, label);
    }
    let counted = labels.keys().copied().eq(0..labels.len() as i16);
    Ok(counted.then(|| labels.into_values().collect()))
}

/// What the object says of the inputs of its rows.
fn sources(session: &Session, object: hid_t) -> Result<Vec<(String, Attribute)>> {
    let mut all = Vec::new();
    for name in SOURCES {
        if let Some(value) = carried::given(session, object, name)? {
            all.push((name.to_string(), value));
        }
    }
    Ok(all)
}

/// The datasets of a table, opened to be written to, in the order of its columns.
pub(super) fn open_sets(session: &Session, file: hid_t, table: &Extendable) -> Result<Sets> {
    let path = table.path.strip_prefix('/').unwrap_or(&table.path);
    let mut sets = Sets::default();
    if table.columns {
        for field in table.dtype.as_dtype().root().fields() {
            sets.add(session, file, c_path(&slashed(path, field.name()))?)?;
        }
    } else {
        sets.add(session, file, c_path(path)?)?;
    }
    Ok(sets)
}

/// The group of a table's columns.
pub(super) fn open_group(session: &Session, file: hid_t, table: &Extendable) -> Result<Option<Id>> {
    if !table.columns {
        return Ok(None);
    }
    let name = c_path(table.path.strip_prefix('/').unwrap_or(&table.path))?;
    // SAFETY: the name is a C string, the id is live.
    let raw = unsafe { h5g::H5Gopen2(file, name.as_ptr(), h5p::H5P_DEFAULT) };
    session.own("H5Gopen2", raw, h5g::H5Gclose).map(Some)
}

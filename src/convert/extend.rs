//! Rows behind those of datasets that are there: what the text has to be for them, and what is
//! said of them.

use core::fmt;
use std::path::Path;
use std::string::{String, ToString};
use std::vec::Vec;

use super::error::{ConvertError, Result};
use super::options::{CategoryColumn, Options, Provenance};
use super::rows::{Rewrite, Wanted};
use super::scheme::{self, Join, Scheme, Source};
use crate::dtype::{DType, Field, Kind, Order};
use crate::dtype_buf::{DTypeBuf, Room};
use crate::error::{Error, code};
use crate::hdf5::{self, Attribute, Category, Extendable, Filters, Layout, SOURCES, Storage};
use crate::load::{RowType, RowTypeRef};

/// Characters of a column of labels beyond the longest of them: what is none of them is seen.
const MORE: usize = 16;
/// Inputs of one dataset that are listed.
const LISTED: usize = 2000;

/// Why rows do not fit datasets that are there.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExtendFault {
    /// The rows are of another type.
    DType {
        /// That of the dataset's rows, as text.
        has: String,
        /// The other.
        given: String,
    },
    /// The rows have another shape.
    Shape {
        /// Extents of the dataset behind the first.
        has: Vec<u64>,
        /// Those of the text.
        given: Vec<u64>,
    },
    /// Two datasets of one run differ.
    Differs {
        /// The other one.
        from: String,
        /// In what.
        what: &'static str,
    },
    /// An option asks for another storage than the dataset has.
    Storage {
        /// Which.
        what: &'static str,
    },
    /// A column has other labels, or is none of labels.
    Labels {
        /// The column.
        column: String,
    },
    /// The column for the names of inputs is not the last one, or no text.
    SourceColumn {
        /// Its name.
        column: String,
    },
    /// The name of an input is longer than the column for it is wide.
    SourceWidth {
        /// The name.
        text: String,
        /// Bytes that there are.
        width: usize,
    },
    /// Rows with labels or with names of inputs are to be put into records with gaps.
    Gaps,
    /// Names were given for axes that have theirs.
    Dims,
}

impl ExtendFault {
    pub(super) const fn code(&self) -> i32 {
        match self {
            Self::DType { .. } | Self::Shape { .. } | Self::Gaps => code::HDF5_TYPE,
            _ => Error::Argument.code(),
        }
    }
}

impl fmt::Display for ExtendFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DType { has, given } => write!(
                f,
                "its rows are {has}, and not {given}: leave the dtype out to take the dataset's"
            ),
            Self::Shape { has, given } => {
                write!(f, "its rows have the shape {}, and those of the text ", tuple(has))?;
                f.write_str(&tuple(given))
            }
            Self::Differs { from, what } => {
                write!(f, "its {what} not those of '{from}': add to them in two runs")
            }
            Self::Storage { what } => {
                write!(f, "its {what} not what was asked for: rows are added as the dataset is")
            }
            Self::Labels { column } => {
                write!(f, "column '{column}' does not have these labels: leave them out")
            }
            Self::SourceColumn { column } => {
                write!(f, "its last column is not '{column}', for the names of the inputs")
            }
            Self::SourceWidth { text, width } => {
                write!(f, "'{text}' does not fit the {width} bytes of the column for it")
            }
            Self::Gaps => f.write_str(
                "its records have gaps, and labels or names of inputs cannot be added to such",
            ),
            Self::Dims => f.write_str("its axes have the names that they have: leave dims out"),
        }
    }
}

fn tuple(extents: &[u64]) -> String {
    let all: Vec<String> = extents.iter().map(ToString::to_string).collect();
    if all.len() == 1 {
        std::format!("({},)", all.concat())
    } else {
        std::format!("({})", all.join(", "))
    }
}

/// Datasets that are there and get more rows.
#[derive(Debug)]
pub(super) struct Growth {
    /// In the order of the datasets of the [`Scheme`].
    pub(super) tables: Vec<Extendable>,
    /// What rows of the text are.
    text: DTypeBuf,
    categories: Vec<CategoryColumn>,
    /// The last column, and its text for each input.
    source: Option<(String, Vec<String>)>,
    /// Texts of the last column in front of those of the inputs.
    labelled: usize,
    pub(super) storage: Storage,
    /// Whether inputs are elements of the first axis.
    pub(super) stacked: bool,
}

impl Growth {
    /// Looks at the datasets that a scheme names.
    pub(super) fn look(output: &Path, scheme: &Scheme, options: &Options) -> Result<Self> {
        let tables = hdf5::look_at_tables(output, &scheme.names)?;
        let Some(first) = tables.first() else {
            return Err(hdf5::Error::Core(Error::Argument).into());
        };
        tables.iter().try_for_each(|table| alike(first, table))?;
        tables.iter().try_for_each(|table| check_options(table, scheme, options))?;
        let (source, labelled) = source(first, scheme)?;
        let categories = first.categories.iter().filter_map(|category| {
            let field = first.dtype.as_dtype().root().fields().nth(category.field)?;
            let labels = Some(category.labels.clone());
            Some(CategoryColumn { name: field.name().into(), labels })
        });
        let categories: Vec<CategoryColumn> = categories.collect();
        let text = text(first, source.as_ref().map(|(name, _)| name.as_str()))?;
        let layout = if first.columns { Layout::Columns } else { Layout::Chunked };
        let storage = Storage { layout, filters: first.filters, chunk: Vec::new() };
        let stacked = scheme.join == Join::Stack;
        Ok(Self { tables, text, categories, source, labelled, storage, stacked })
    }

    /// What the text is read as: as it has to be, if what was given fits that.
    pub(super) fn rows(&self, given: RowTypeRef<'_>, header: bool) -> Result<RowType> {
        let wanted = self.text.as_dtype();
        let own = |dtype: DType<'_>| DTypeBuf::copy_of(dtype).map_err(hdf5::Error::Core);
        match given {
            RowTypeRef::Auto if header && wanted.is_record() => {
                Ok(RowType::Exact(unnamed(wanted)?))
            }
            RowTypeRef::Auto => Ok(RowType::Exact(own(wanted)?)),
            RowTypeRef::Open(open) => {
                let closed = open.closed_as(wanted).map_err(hdf5::Error::Core)?;
                self.check(closed.as_dtype())?;
                Ok(RowType::Exact(own(wanted)?))
            }
            // The first line will say how the columns are called.
            RowTypeRef::Fixed(dtype) | RowTypeRef::Exact(dtype) if header => {
                Ok(RowType::Fixed(own(dtype)?))
            }
            RowTypeRef::Fixed(dtype) | RowTypeRef::Exact(dtype) => {
                self.check(dtype)?;
                Ok(RowType::Fixed(own(wanted)?))
            }
        }
    }

    fn check(&self, given: DType<'_>) -> Result<()> {
        let labelled = |name: &str| self.categories.iter().any(|column| column.name == name);
        if same(given.root(), self.text.as_dtype().root(), &labelled) {
            return Ok(());
        }
        Err(self.differs(given))
    }

    fn differs(&self, given: DType<'_>) -> ConvertError {
        let (has, given) = (self.text.to_string(), given.to_string());
        let name = self.tables.first().map(|table| table.path.clone()).unwrap_or_default();
        ConvertError::Extend { name, fault: ExtendFault::DType { has, given } }
    }

    /// How rows are made of those of the text, which are of this type; none if they are the
    /// same.
    pub(super) fn rewritten(&self, dtype: DType<'_>) -> Result<(Option<Rewrite>, DTypeBuf)> {
        if dtype != self.text.as_dtype() {
            return Err(self.differs(dtype));
        }
        let Some(table) = self.tables.first() else { return Err(self.differs(dtype)) };
        let source = self.source.as_ref().map(|(name, texts)| (name.as_str(), texts.clone()));
        let made = Rewrite::new(dtype, Wanted { categories: &self.categories, source })?;
        let own = DTypeBuf::copy_of(table.dtype.as_dtype()).map_err(hdf5::Error::Core)?;
        match made {
            None => Ok((None, own)),
            Some((rewrite, made)) if made == own => Ok((Some(rewrite), own)),
            Some(_) => Err(refused(table, ExtendFault::Gaps)),
        }
    }

    /// The number by which the text of an input is known in the last column.
    pub(super) const fn source_of(&self, input: usize) -> usize {
        self.labelled + input
    }

    /// Refuses rows of another shape than a dataset has. `shape` is the text's, without the
    /// rows.
    pub(super) fn check_shape(&self, table: usize, shape: &[u64]) -> Result<()> {
        let Some(table) = self.tables.get(table) else { return Ok(()) };
        let has = table.extents.get(1..).unwrap_or_default();
        // One number a line is what a dataset with one axis has.
        if has == shape || (has.is_empty() && shape == [1]) {
            return Ok(());
        }
        Err(refused(table, ExtendFault::Shape { has: has.into(), given: shape.into() }))
    }

    /// Extents behind the first.
    pub(super) fn rest(&self, table: usize) -> &[u64] {
        self.tables.get(table).and_then(|table| table.extents.get(1..)).unwrap_or_default()
    }
}

fn refused(table: &Extendable, fault: ExtendFault) -> ConvertError {
    ConvertError::Extend { name: table.path.clone(), fault }
}

/// All datasets of a run have one type, and one packer.
fn alike(first: &Extendable, other: &Extendable) -> Result<()> {
    let what = if first.dtype != other.dtype {
        "columns are"
    } else if first.categories != other.categories {
        "labels are"
    } else if (first.columns, first.filters) != (other.columns, other.filters) {
        "layout and filters are"
    } else {
        return Ok(());
    };
    Err(refused(other, ExtendFault::Differs { from: first.path.clone(), what }))
}

fn check_options(table: &Extendable, scheme: &Scheme, options: &Options) -> Result<()> {
    let storage = &options.hdf5.storage;
    let fault = |what| Err(refused(table, ExtendFault::Storage { what }));
    let chunk = storage.chunk.iter().map(|n| n.get());
    if storage.filters != Filters::default() && storage.filters != table.filters {
        return fault("filters are");
    }
    if !storage.chunk.is_empty() && !chunk.eq(table.chunk.iter().copied()) {
        return fault("chunks are");
    }
    let columns = match storage.layout {
        Layout::Contiguous => table.columns,
        layout => layout == Layout::Columns,
    };
    if columns != table.columns {
        return fault("layout is");
    }
    if !options.dims.is_empty() {
        return Err(refused(table, ExtendFault::Dims));
    }
    if scheme.join == Join::Stack && (table.chunk.first() != Some(&1) || table.extents.len() < 2) {
        return Err(crate::store::ChunkError::Stack.into());
    }
    if let Some(shape) = &options.shape {
        let given = shape.rest.clone();
        let has = table.extents.get(usize::from(scheme.join == Join::Stack) + 1..);
        if has.unwrap_or_default() != given {
            let has = has.unwrap_or_default().into();
            return Err(refused(table, ExtendFault::Shape { has, given }));
        }
    }
    let labels_of = |name: &str| {
        let of = |category: &&Category| {
            table
                .dtype
                .as_dtype()
                .root()
                .fields()
                .nth(category.field)
                .is_some_and(|f| f.name() == name)
        };
        table.categories.iter().find(of)
    };
    for column in &options.categories {
        let found = labels_of(&column.name);
        if found.is_none_or(|found| column.labels.as_ref().is_some_and(|l| *l != found.labels)) {
            let column = column.name.clone();
            return Err(refused(table, ExtendFault::Labels { column }));
        }
    }
    Ok(())
}

/// The last column, if it is for the names of the inputs, with its text for each of them; in
/// front of these its labels, if it has some, and their number.
#[allow(clippy::type_complexity, reason = "used once")]
fn source(table: &Extendable, scheme: &Scheme) -> Result<(Option<(String, Vec<String>)>, usize)> {
    let Some(column) = &scheme.source_column else { return Ok((None, 0)) };
    let fields = table.dtype.as_dtype().root().fields().enumerate();
    let last = fields.last().filter(|(_, field)| field.name() == column);
    let Some((place, field)) = last else {
        return Err(refused(table, ExtendFault::SourceColumn { column: column.clone() }));
    };
    let texts = scheme::source_texts(&scheme.sources);
    if let Some(labels) = table.categories.iter().find(|c| c.field == place).map(|c| &c.labels) {
        if let Some(text) = texts.iter().find(|text| !labels.contains(text)) {
            return Err(ConvertError::Label { column: column.clone(), text: text.clone() });
        }
        let count = labels.len();
        let all = labels.iter().cloned().chain(texts).collect();
        return Ok((Some((column.clone(), all)), count));
    }
    let width = field.size() as usize;
    if field.kind() != Kind::Bytes || !field.dims().is_empty() {
        return Err(refused(table, ExtendFault::SourceColumn { column: column.clone() }));
    }
    let padded = |text: String| {
        if text.len() > width {
            return Err(refused(table, ExtendFault::SourceWidth { text, width }));
        }
        Ok(std::format!("{text}{}", "\0".repeat(width - text.len())))
    };
    let all = texts.into_iter().map(padded).collect::<Result<_>>()?;
    Ok((Some((column.clone(), all)), 0))
}

/// What rows of the text are: with labels as texts, and without the column that is made.
fn text(table: &Extendable, source: Option<&str>) -> Result<DTypeBuf> {
    let dtype = table.dtype.as_dtype();
    if table.categories.is_empty() && source.is_none() {
        return Ok(DTypeBuf::copy_of(dtype).map_err(hdf5::Error::Core)?);
    }
    let built = DTypeBuf::build(Room::of(dtype), |mut builder| {
        builder.begin_record("")?;
        let mut at = 0;
        for (place, field) in dtype.root().fields().enumerate() {
            if Some(field.name()) == source {
                continue;
            }
            let mut size = field.size();
            if let Some(category) = table.categories.iter().find(|c| c.field == place) {
                let longest = category.labels.iter().map(|label| label.chars().count()).max();
                size = 4 * (longest.unwrap_or(0) + MORE) as u32;
                builder.leaf(field.name(), Kind::Unicode, size, Order::Little)?;
            } else {
                builder.copy(field.name(), field)?;
            }
            builder.place(at)?;
            at += size;
        }
        builder.end_record()?;
        builder.finish()
    });
    Ok(built.map_err(hdf5::Error::Core)?)
}

/// The same with numbers for names, which those of a header take the place of.
fn unnamed(dtype: DType<'_>) -> Result<DTypeBuf> {
    let count = dtype.root().fields().count();
    let room = Room::of(dtype);
    let room = Room { names: room.names + 12 * count, ..room };
    let built = DTypeBuf::build(room, |mut builder| {
        builder.begin_record("")?;
        for (place, field) in dtype.root().fields().enumerate() {
            builder.copy(&std::format!("f{place}"), field)?;
            builder.place(field.offset())?;
        }
        builder.end_record()?;
        builder.resize(dtype.root().itemsize())?;
        builder.finish()
    });
    Ok(built.map_err(hdf5::Error::Core)?)
}

/// Whether both are the same but for their places; a text of any width stands for labels.
fn same(given: Field<'_>, wanted: Field<'_>, labelled: &dyn Fn(&str) -> bool) -> bool {
    let is_text = matches!(given.kind(), Kind::Bytes | Kind::Unicode);
    if is_text
        && given.dims().is_empty()
        && given.name() == wanted.name()
        && labelled(wanted.name())
    {
        return true;
    }
    let plain = |field: Field<'_>| (field.kind(), field.order(), field.unit());
    let is_record = wanted.kind() == Kind::Record;
    let sized = is_record || given.itemsize() == wanted.itemsize();
    plain(given) == plain(wanted)
        && sized
        && given.name() == wanted.name()
        && given.dims() == wanted.dims()
        && given.fields().count() == wanted.fields().count()
        && given.fields().zip(wanted.fields()).all(|(a, b)| same(a, b, labelled))
}

/// What a dataset says of its inputs, when these come to those that it had. Nothing, if nothing
/// was said of the first ones.
pub(super) fn sources(
    table: &Extendable,
    new: &[Source],
    said: &[(&str, Attribute)],
    what: Provenance,
) -> Vec<(&'static str, Attribute)> {
    let [file, bytes, sums, count] = SOURCES;
    let had = |name: &str| table.sources.iter().find(|(n, _)| n == name).map(|(_, value)| value);
    let says = |name: &str| said.iter().find(|(n, _)| *n == name).map(|(_, value)| value);
    let (names, counted) = (texts(had(file)), numbers(had(count)));
    if what == Provenance::None || (names.is_empty() && counted.is_empty()) {
        return Vec::new();
    }
    let before = counted.first().map_or(names.len(), |&n| usize::try_from(n).unwrap_or(0));
    let all = before + new.len();
    if names.is_empty() || all > LISTED {
        let none = |name| (name, Attribute::Strs(Vec::new()));
        return Vec::from([
            none(file),
            none(bytes),
            none(sums),
            (count, Attribute::Int(all as i64)),
        ]);
    }
    let mut made = Vec::new();
    let mut list = names;
    list.extend(new.iter().map(|source| source.name.clone()));
    made.push((file, Attribute::Strs(list)));
    // Of what is not known of all there is -1, or an empty text.
    let (mut sizes, news) = (numbers(had(bytes)), numbers(says(bytes)));
    if !sizes.is_empty() || !news.is_empty() {
        sizes.resize(before, -1);
        sizes.extend(news);
        sizes.resize(all, -1);
        made.push((bytes, Attribute::Ints(sizes)));
    }
    let (mut crcs, news) = (texts(had(sums)), texts(says(sums)));
    if !crcs.is_empty() || !news.is_empty() {
        crcs.resize(before, String::new());
        crcs.extend(news);
        crcs.resize(all, String::new());
        made.push((sums, Attribute::Strs(crcs)));
    }
    made
}

fn texts(value: Option<&Attribute>) -> Vec<String> {
    match value {
        Some(Attribute::Str(text)) => Vec::from([text.clone()]),
        Some(Attribute::Strs(texts)) => texts.clone(),
        _ => Vec::new(),
    }
}

fn numbers(value: Option<&Attribute>) -> Vec<i64> {
    match value {
        Some(Attribute::Int(number)) => Vec::from([*number]),
        Some(Attribute::Ints(numbers)) => numbers.clone(),
        _ => Vec::new(),
    }
}

//! Arrays that no dataset holds as they are, but that are made of some: texts of a fixed length
//! out of texts of any, and a record out of a group of columns.

use std::format;
use std::string::String;
use std::vec::Vec;

use hdf5_sys::{h5i, h5t};

use super::attribute::DTYPE;
use super::carried::read_text;
use super::dataset::c_path;
use super::error::{Error, Result};
use super::heaps::REFERENCE;
use super::library;
use super::open::Reader;
use super::pieces::{Pieces, Unpackers};
use super::read_error::{Foreign, ReadFault};
use super::stored::{Stored, Wanted};
use super::types::slashed;
use crate::dtype::{DType, Field};
use crate::dtype_buf::DTypeBuf;

/// Bytes of references, or of a column, that are held at a time.
const PIECE: usize = 1 << 20;

/// An array that is made of a dataset, or of several.
#[derive(Debug)]
pub(crate) struct Made {
    dtype: DTypeBuf,
    shape: Vec<u64>,
    /// Elements in a row.
    across: usize,
    of: Of,
}

#[derive(Debug)]
enum Of {
    Texts(std::boxed::Box<Texts>),
    Columns(Columns),
}

/// Strings of variable length.
#[derive(Debug)]
struct Texts {
    stored: Stored,
    pieces: Pieces,
    unpackers: Unpackers,
    is_utf8: bool,
}

/// A record, column by column.
#[derive(Debug)]
struct Columns {
    columns: Vec<Column>,
    unpackers: Unpackers,
}

/// A column of a record.
#[derive(Debug)]
struct Column {
    stored: Stored,
    pieces: Pieces,
    /// Its place in an element, and its bytes.
    at: usize,
    size: usize,
}

impl Made {
    pub(crate) fn dtype(&self) -> DType<'_> {
        self.dtype.as_dtype()
    }

    pub(crate) fn shape(&self) -> &[u64] {
        &self.shape
    }

    /// What it is made of.
    pub(crate) fn datasets(&self) -> impl Iterator<Item = &Stored> {
        let (texts, columns) = match &self.of {
            Of::Texts(texts) => (Some(&texts.stored), &[][..]),
            Of::Columns(all) => (None, all.columns.as_slice()),
        };
        texts.into_iter().chain(columns.iter().map(|column| &column.stored))
    }

    /// Bytes of a row.
    pub(crate) fn row(&self) -> usize {
        self.across.saturating_mul(self.dtype().itemsize() as usize)
    }

    /// Makes rows from `first` on, as many as `into` has room for.
    ///
    /// # Errors
    /// What reading says; [`Error::Read`] for a text that cannot be, or is longer than when it
    /// was measured.
    pub(crate) fn read(&mut self, first: u64, into: &mut [u8]) -> Result<()> {
        let item = (self.dtype.as_dtype().itemsize() as usize).max(1);
        into.fill(0);
        match &mut self.of {
            Of::Texts(texts) => {
                let mut places = into.chunks_exact_mut(item);
                let rows = into_rows(places.len(), self.across);
                texts.each(first, rows, &mut |text, is_utf8| {
                    let place = places.next().ok_or(Wrong::TooLong)?;
                    put(text, place, is_utf8)
                })
            }
            Of::Columns(Columns { columns, unpackers }) => columns
                .iter_mut()
                .try_for_each(|column| column.scatter(first, into, item, unpackers)),
        }
    }
}

fn into_rows(elements: usize, across: usize) -> u64 {
    (elements / across.max(1)) as u64
}

/// Why a text cannot be.
enum Wrong {
    Utf8,
    TooLong,
}

/// Writes a text to its place.
fn put(text: &[u8], place: &mut [u8], is_utf8: bool) -> core::result::Result<(), Wrong> {
    if !is_utf8 {
        place.get_mut(..text.len()).ok_or(Wrong::TooLong)?.copy_from_slice(text);
        return Ok(());
    }
    let mut places = place.chunks_exact_mut(4);
    for c in core::str::from_utf8(text).map_err(|_| Wrong::Utf8)?.chars() {
        let point = u32::from(c).to_ne_bytes();
        places.next().ok_or(Wrong::TooLong)?.copy_from_slice(&point);
    }
    Ok(())
}

/// What is done with a text, which is UTF-8 or not.
type Each<'a> = dyn FnMut(&[u8], bool) -> core::result::Result<(), Wrong> + 'a;

impl Texts {
    /// Calls `each` for all texts of these rows.
    fn each(&mut self, first: u64, rows: u64, each: &mut Each<'_>) -> Result<()> {
        let row = self.pieces.row().max(1);
        let step = (PIECE / row).max(1) as u64;
        let (mut at, end, mut text, mut buf) = (first, first + rows, Vec::new(), Vec::new());
        let across = (row / REFERENCE) as u64;
        while at < end {
            let now = step.min(end - at);
            buf.resize(now as usize * row, 0);
            self.pieces.read(&self.stored, at, &mut buf, &mut self.unpackers)?;
            for (number, reference) in (at * across..).zip(buf.chunks_exact(REFERENCE)) {
                let heaps = self.stored.opened().there()?.heaps();
                heaps.text(reference, &mut text).ok_or_else(|| self.named(heaps.fault()))?;
                each(&text, self.is_utf8).map_err(|wrong| {
                    let too_long = matches!(wrong, Wrong::TooLong);
                    let field = String::new();
                    self.fault(ReadFault::Text { field, element: number, too_long })
                })?;
            }
            at += now;
        }
        Ok(())
    }

    fn fault(&self, fault: ReadFault) -> Error {
        self.named(Error::Read { subject: String::new(), fault })
    }

    fn named(&self, error: Error) -> Error {
        let (file, path) = (self.stored.file().display(), self.stored.path());
        error.about(&format_args!("{file}: dataset '{path}'"))
    }
}

/// Strings of variable length of which the longest is not known yet.
#[derive(Debug)]
pub(crate) struct Unmeasured {
    texts: std::boxed::Box<Texts>,
    /// Rows that were looked at.
    rows: u64,
    /// Letters of the longest text of these.
    most: usize,
}

impl Unmeasured {
    /// The dataset that they are of.
    pub(crate) fn stored(&self) -> &Stored {
        &self.texts.stored
    }

    /// Rows that were looked at, and all of them.
    pub(crate) fn progress(&self) -> (u64, u64) {
        (self.rows, self.stored().extents().first().copied().unwrap_or(1))
    }

    /// Bytes of a row in the dataset, which texts are not in.
    pub(crate) fn row(&self) -> u64 {
        self.texts.pieces.row() as u64
    }

    /// Looks at some more of them.
    ///
    /// # Errors
    /// As [`Made::read`].
    pub(crate) fn step(&mut self) -> Result<()> {
        let (done, all) = self.progress();
        let step = (PIECE as u64 / self.row().max(1)).max(1).min(all - done);
        let Self { texts, rows, most } = self;
        texts.each(done, step, &mut |text, is_utf8| {
            let len = if is_utf8 {
                core::str::from_utf8(text).map_err(|_| Wrong::Utf8)?.chars().count()
            } else {
                text.len()
            };
            *most = len.max(*most);
            Ok(())
        })?;
        *rows += step;
        Ok(())
    }

    /// As strings of the length of the longest: `U` if they are UTF-8, else `S`.
    ///
    /// # Errors
    /// [`Error::Read`] if no dtype is that long.
    pub(crate) fn made(self) -> Result<Made> {
        let (texts, width) = (self.texts, self.most.max(1));
        let letter = if texts.is_utf8 { 'U' } else { 'S' };
        let dtype = DTypeBuf::parse(&format!("{letter}{width}")).map_err(|_| {
            let error = crate::error::Error::Overflow;
            texts.fault(ReadFault::Type { field: String::new(), what: Foreign::DType(error) })
        })?;
        let shape = texts.stored.extents().to_vec();
        let across = texts.pieces.row() / REFERENCE;
        Ok(Made { dtype, shape, across, of: Of::Texts(texts) })
    }
}

impl Column {
    /// Writes its values to their places in elements of `item` bytes.
    fn scatter(
        &mut self,
        first: u64,
        into: &mut [u8],
        item: usize,
        unpackers: &mut Unpackers,
    ) -> Result<()> {
        let row = self.pieces.row().max(1);
        let across = (row / self.size.max(1)).max(1);
        let step = (PIECE / row).max(1) * across;
        let (mut at, mut buf) = (first, Vec::new());
        for rows in into.chunks_mut(step * item) {
            let elements = rows.len() / item;
            buf.resize(elements * self.size, 0);
            self.pieces.read(&self.stored, at, &mut buf, unpackers)?;
            if self.stored.needs_change() {
                self.stored.change(&mut buf, at * across as u64)?;
            }
            let values = buf.chunks_exact(self.size.max(1));
            for (element, value) in rows.chunks_exact_mut(item).zip(values) {
                if let Some(place) = element.get_mut(self.at..self.at + self.size) {
                    place.copy_from_slice(value);
                }
            }
            at += into_rows(elements, across);
        }
        Ok(())
    }
}

impl Reader {
    /// Strings of variable length, to be made such of a fixed one that holds the longest. All of
    /// them are read for that.
    ///
    /// # Errors
    /// As [`dataset`](Self::dataset); [`Error::Read`] if they are stored in a way that is not
    /// known here, or damaged.
    pub(crate) fn texts(&self, path: &str) -> Result<Unmeasured> {
        let stored =
            library::with(|session| Stored::open(session, self.file(), path, Wanted::Texts))?;
        let is_utf8 = library::with(|_| {
            let (_, kind) = stored.ids()?;
            // SAFETY: the id is live, and of a string.
            Ok(unsafe { h5t::H5Tget_cset(kind.raw()) } == h5t::H5T_cset_t::H5T_CSET_UTF8)
        })?;
        let pieces = stored.pieces()?;
        let unpackers = Unpackers::default();
        let texts = Texts { stored, pieces, unpackers, is_utf8 };
        let is_known = texts.stored.opened().there()?.heaps().is_usual();
        if texts.pieces.need_library() || !is_known {
            let (field, what) = (String::new(), Foreign::VariableString);
            return Err(texts.fault(ReadFault::Type { field, what }));
        }
        Ok(Unmeasured { texts: std::boxed::Box::new(texts), rows: 0, most: 0 })
    }

    /// A group of columns, as the layout `columns` writes it, as one record; none if it is not one.
    ///
    /// # Errors
    /// As [`dataset`](Self::dataset); [`Error::Read`] for a column that is not what the group says,
    /// or has another shape.
    pub(crate) fn columns(&self, path: &str) -> Result<Option<Made>> {
        let said = library::with(|session| {
            let there = self.file().there()?;
            let group = there.object(session, &c_path(path)?)?;
            // SAFETY: the id is live.
            if unsafe { h5i::H5Iget_type(group.raw()) } != h5i::H5I_GROUP {
                return Ok(None);
            }
            read_text(session, group.raw(), DTYPE)
        })
        .map_err(|e| e.about(&format_args!("{}: group '{path}'", self.path().display())))?;
        let Some(dtype) = said.and_then(|text| DTypeBuf::parse(&text).ok()) else {
            return Ok(None);
        };
        let (mut columns, mut known) = (Vec::new(), Vec::new());
        for field in dtype.as_dtype().root().fields() {
            let mut column = self.column(path, field)?;
            column.stored.share_dtype(&mut known);
            columns.push(column);
        }
        let shape = columns.first().map(|column| column.stored.extents().to_vec());
        let Some(shape) = shape else { return Ok(None) };
        if let Some(other) = columns.iter().find(|column| column.stored.extents() != shape) {
            return Err(other_column(&other.stored));
        }
        let across =
            shape.iter().skip(1).try_fold(1_usize, |n, &k| n.checked_mul(usize::try_from(k).ok()?));
        let across = across.ok_or(Error::Core(crate::error::Error::Overflow))?;
        let unpackers = Unpackers::default();
        Ok(Some(Made { dtype, shape, across, of: Of::Columns(Columns { columns, unpackers }) }))
    }

    fn column(&self, group: &str, field: Field<'_>) -> Result<Column> {
        let path = slashed(group.trim_end_matches('/'), field.name());
        let wanted = Wanted::Field(field);
        let mut stored =
            library::with(|session| Stored::open(session, self.file(), &path, wanted))?;
        let (at, size) = (field.offset() as usize, field.size() as usize);
        let pieces = stored.pieces()?;
        // An open dataset takes some 20 KiB, and there may be thousands.
        if pieces.lie_here() {
            library::with(|session| stored.part(session))?;
        }
        Ok(Column { stored, pieces, at, size })
    }
}

/// A column is not what the group says.
pub(super) fn other_column(of: &Stored) -> Error {
    let subject = format!("{}: dataset '{}'", of.file().display(), of.path());
    Error::Read { subject, fault: ReadFault::Column }
}

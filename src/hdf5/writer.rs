//! One HDF5 file being made: the face of this module.

use std::boxed::Box;
use std::path::{Path, PathBuf};
use std::vec::Vec;

use super::append::Old;
use super::attribute::{self, AttrValue};
use super::category::Category;
use super::chunks::{Chunked, Index};
use super::dataset::{self, Names, Plan};
use super::error::{Error, Result, Stack};
use super::extend::Growing;
use super::file::{self, ALIGNMENT, File};
use super::id::Id;
use super::layout::Storage;
use super::library::{self, Session};
use super::rows::{Rows, WRITEBACK};
use super::target::Target;
use super::temporary::{Extent, Temporary};
use super::types;
use crate::dtype::DType;
use crate::dtype_buf::DTypeBuf;
use crate::filter::Filters;

/// How a file is written.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
#[allow(clippy::struct_excessive_bools, reason = "choices that have nothing to do with each other")]
pub struct Options {
    /// Replace a file that is there; it stays until the new one is complete.
    pub force: bool,
    /// Add to a file that is there; it stays until the new one is complete.
    pub append: bool,
    /// Wait until the disk has it all, also where the target is new.
    pub sync: bool,
    /// `?` as plain `u1` instead of an enumeration.
    pub bool_as_u8: bool,
    /// Where the rows lie, and how they are packed.
    pub storage: Storage,
}

impl Options {
    /// What large datasets begin at a multiple of: nobody maps what is packed, and what lies
    /// between chunks is lost.
    pub(super) fn alignment(&self) -> u64 {
        if self.storage.filters == Filters::default() { ALIGNMENT } else { 1 }
    }
}

/// What [`Writer::close`] made.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Summary {
    /// The file, absolute.
    pub path: PathBuf,
    /// Its bytes.
    pub bytes: u64,
    /// Datasets that were made.
    pub datasets: usize,
}

/// Says what is in the way of writing `path`, without writing anything. Needs
/// no HDF5, so it may be called before workers are forked.
///
/// # Errors
/// [`Error::Target`], [`Error::Io`].
pub fn check_target(path: &Path, options: &Options) -> Result<()> {
    if options.force && options.append {
        return Err(Error::Order("a file is either replaced or added to"));
    }
    Target::check(path, options.force || options.append).map(|_| ())
}

/// One HDF5 file being made under a temporary name in its target's directory.
///
/// Datasets follow one another: [`begin_dataset`](Self::begin_dataset), any
/// number of [`append`](Self::append), [`finish_dataset`](Self::finish_dataset).
/// The target appears with [`close`](Self::close). Without it, and after any
/// error, the temporary file is removed and the target is as it was.
#[derive(Debug)]
pub struct Writer {
    pub(super) target: Target,
    pub(super) options: Options,
    /// None only while closing, and before [`prepare`](Self::prepare) is done.
    pub(super) file: Option<File>,
    pub(super) temporary: Temporary,
    will_sync: bool,
    /// The file that is added to.
    pub(super) old: Option<Box<Old>>,
    pub(super) names: Names,
    /// Names that were there before.
    pub(super) there: usize,
    /// What is to be added to the address that HDF5 tells of a chunk.
    pub(super) chunk_shift: u64,
    /// Datasets of the file that is added to that get more rows.
    pub(super) growing: Vec<Growing>,
    rows: Option<Rows>,
    /// The dataset of chunks that was begun last.
    pub(super) chunked: Option<Chunked>,
    /// How much HDF5 has to remember of chunks.
    pub(super) index: Index,
    /// End of the chunks that the disk was asked to write.
    written_back: u64,
    /// Where the rows of all datasets lie.
    pub(super) extents: Vec<Extent>,
    /// Fields of the datasets to come that are numbers of labels.
    categories: Vec<Category>,
    /// They are not those of the last type.
    types_changed: bool,
    /// The type of the last dataset: often the next one has it, too.
    last_type: Option<Known>,
    /// An error left the file incomplete.
    failed: bool,
    /// Bytes by which the next place is missed, for tests.
    #[cfg(test)]
    pub(super) miss: u64,
}

/// A file type and the dtype it was made from.
#[derive(Debug)]
struct Known {
    id: Id,
    dtype: DTypeBuf,
}

impl Writer {
    /// Begins a file: checks the target, removes what dead runs to the same
    /// target left, creates the temporary file.
    ///
    /// `metadata_bytes` is the room for the metadata of all datasets to come:
    /// about what [`check_dtype`](super::check_dtype) answers, and 100 bytes and
    /// the attributes, for each. Too little costs the copying of rows now and
    /// then, too much leaves a hole in the file.
    ///
    /// # Errors
    /// [`Error::Target`], [`Error::Io`], [`Error::Swept`], [`Error::Hdf5`].
    pub fn create(target: &Path, options: &Options, metadata_bytes: u64) -> Result<Self> {
        let target = Target::check(target, options.force)?;
        target.sweep();
        let alignment = options.alignment();
        let (file, temporary) =
            library::with(|session| file::create(session, &target, metadata_bytes, alignment))
                .map_err(|e| e.about(&target.path().display()))?;
        Ok(Self::new(target, options, Some(file), temporary, None))
    }

    pub(super) fn new(
        target: Target,
        options: &Options,
        file: Option<File>,
        temporary: Temporary,
        old: Option<Box<Old>>,
    ) -> Self {
        let will_sync = options.sync || target.replaces().is_some() || temporary.is_network();
        Self {
            target,
            options: options.clone(),
            file,
            temporary,
            will_sync,
            old,
            names: Names::default(),
            there: 0,
            chunk_shift: 0,
            growing: Vec::new(),
            rows: None,
            chunked: None,
            index: Index::default(),
            written_back: 0,
            extents: Vec::new(),
            categories: Vec::new(),
            types_changed: false,
            last_type: None,
            failed: false,
            #[cfg(test)]
            miss: 0,
        }
    }

    /// Begins the next dataset and answers where its bytes will lie if it is
    /// not a small one. A dataset begun before and not finished is dropped.
    ///
    /// # Errors
    /// [`Error::Order`], [`Error::Io`], [`Error::Hdf5`].
    pub fn begin_dataset(&mut self) -> Result<u64> {
        let file = self.usable()?;
        let end = library::with(|session| file.end(session))?;
        let start = end.checked_next_multiple_of(ALIGNMENT).unwrap_or(end);
        #[cfg(test)]
        let start = start + self.miss;
        // Rows of a dataset that was dropped or refused may lie there.
        self.temporary.cut(end)?;
        self.rows = Some(Rows::new(start, self.will_sync));
        Ok(start)
    }

    /// Appends rows, laid out as they are to lie on disk, straight out of the
    /// memory where they are.
    ///
    /// # Safety
    /// * `data` is readable for `len` bytes during the call. It may be shared
    ///   memory: the bytes are copied by the kernel, or by plain copying.
    ///
    /// # Errors
    /// [`Error::NoSpace`], [`Error::Io`], [`Error::Order`].
    pub unsafe fn append(&mut self, data: *const u8, len: usize) -> Result<()> {
        self.usable()?;
        let Some(rows) = &mut self.rows else {
            return Err(Error::Order("rows appended before a dataset was begun"));
        };
        // SAFETY: by this function's contract.
        let appended = unsafe { rows.append(&self.temporary, data, len) };
        self.remember(appended)
    }

    /// Ends the dataset: now that its shape is known, it is created over the
    /// bytes that were appended. Groups in `path` are created, too.
    ///
    /// After [`Error::Dataset`], [`Error::Shape`] and [`Error::Type`] the dataset's rows
    /// are dropped and the file can go on without them.
    ///
    /// # Errors
    /// As above, and [`Error::NoSpace`], [`Error::Io`], [`Error::Order`], [`Error::Hdf5`].
    pub fn finish_dataset(
        &mut self,
        path: &str,
        dtype: DType<'_>,
        shape: &[u64],
        attrs: &[(&str, AttrValue<'_>)],
    ) -> Result<()> {
        self.usable()?;
        let rows = self.rows.take().ok_or(Error::Order("dataset finished before it was begun"))?;
        let path = self.names.check(path)?;
        types::check(dtype.root(), "")?;
        check_size(&path, dtype, shape, rows.len())?;
        let made = self.make(Plan { path: &path, dtype, shape, attrs }, &rows);
        self.remember(made)
    }

    fn make(&mut self, plan: Plan<'_>, rows: &Rows) -> Result<()> {
        let offset = library::with(|session| {
            let end = self.file.as_ref().ok_or(CLOSED)?.end(session)?;
            let end = end.saturating_add(rows.len()).saturating_add(2 * ALIGNMENT);
            file::check_limit(self.target.path(), end)?;
            self.know_type(session, plan.dtype)?;
            let (Some(file), Some(known)) = (&self.file, &self.last_type) else {
                return Err(CLOSED);
            };
            dataset::create(session, file, &mut self.names, plan, &known.id)
        })
        .map_err(|e| e.about(&format_args!("dataset '{}'", plan.path)))?;
        match offset {
            Some(at) => {
                self.extents.push((at, rows.len()));
                rows.place(&self.temporary, at)
            }
            None if rows.len() == 0 => Ok(()),
            None => Err(Error::hdf5("H5Dget_offset", Stack::default())),
        }
    }

    /// Gives the file itself attributes: its root group.
    ///
    /// # Errors
    /// [`Error::Order`], [`Error::Dataset`] for a NUL, [`Error::Hdf5`].
    pub fn set_root_attributes(&mut self, attrs: &[(&str, AttrValue<'_>)]) -> Result<()> {
        let file = self.usable()?;
        let (kit, id) = (file.attributes(), file.id());
        let written = library::with(|session| attribute::write_given(session, kit, id, attrs));
        self.remember(written)
    }

    /// Says which fields of the datasets that are made from now on are numbers of labels.
    pub fn set_categories(&mut self, categories: Vec<Category>) {
        if self.categories != categories {
            self.categories = categories;
            self.types_changed = true;
        }
    }

    /// What of file types the dtype does not say.
    pub(super) fn forms(&self) -> types::Forms<'_> {
        types::Forms { bool_as_u8: self.options.bool_as_u8, categories: &self.categories }
    }

    fn know_type(&mut self, session: &Session, dtype: DType<'_>) -> Result<()> {
        let known = self.last_type.as_ref().filter(|_| !self.types_changed);
        if known.is_none_or(|known| known.dtype.as_dtype() != dtype) {
            let id = types::file_type(session, dtype.root(), self.forms(), usize::MAX)?;
            let dtype = DTypeBuf::copy_of(dtype).map_err(Error::Core)?;
            self.last_type = Some(Known { id, dtype });
            self.types_changed = false;
        }
        Ok(())
    }

    /// Completes the file and gives it its name.
    ///
    /// # Errors
    /// [`Error::Target`] if the target appeared meanwhile, [`Error::NoSpace`],
    /// [`Error::Io`], [`Error::Swept`], [`Error::Damaged`], [`Error::Order`], [`Error::Hdf5`].
    pub fn close(mut self) -> Result<Summary> {
        self.usable()?;
        if self.rows.is_some() || self.chunked.is_some() {
            return Err(Error::Order("file closed before its last dataset was finished"));
        }
        let completed = self.complete();
        let bytes = self.remember(completed)?;
        match &self.old {
            Some(old) => old.replace(&self.target, self.temporary.path())?,
            None => self.target.rename(self.temporary.path(), self.options.force)?,
        }
        self.temporary.renamed();
        if self.will_sync {
            self.target.sync_directory()?;
        }
        let path = self.target.path().to_path_buf();
        Ok(Summary { path, bytes, datasets: self.names.datasets() - self.there })
    }

    /// Closes HDF5's side and completes what lies on the disk.
    fn complete(&mut self) -> Result<u64> {
        let (file, known) = (self.file.take().ok_or(CLOSED)?, self.last_type.take());
        library::with(|session| {
            known.map_or(Ok(()), |known| known.id.close(session, "H5Tclose"))?;
            file.close(session)
        })?;
        if !self.temporary.mark_alive()? {
            return Err(Error::Swept { path: self.temporary.path().to_path_buf() });
        }
        let Some(bytes) = self.temporary.add_metadata(&mut self.extents)? else {
            return Err(Error::Damaged { path: self.target.path().to_path_buf() });
        };
        if self.will_sync {
            self.temporary.sync()?;
        }
        Ok(bytes)
    }

    /// Notes where bytes of a dataset lie, and answers with the piece that they are now part of.
    pub(super) fn note_extent(&mut self, at: u64, len: u64) -> Extent {
        if let Some(last) = self.extents.last_mut().filter(|(start, len)| start + len == at) {
            last.1 += len;
            return *last;
        }
        self.extents.push((at, len));
        (at, len)
    }

    /// Has the disk begin with what was written up to `end`, if there will be a sync.
    pub(super) fn hurry(&mut self, end: u64) {
        let begun = self.written_back;
        if self.will_sync && end.saturating_sub(begun) >= WRITEBACK {
            self.temporary.start_writeback(begun, end - begun);
            self.written_back = end;
        }
    }

    pub(super) fn usable(&self) -> Result<&File> {
        if self.failed {
            return Err(Error::Order("the file was given up after an error"));
        }
        self.file.as_ref().ok_or(CLOSED)
    }

    /// Notes a failure, and names the target.
    pub(super) fn remember<T>(&mut self, result: Result<T>) -> Result<T> {
        result.map_err(|error| {
            self.failed = true;
            let path = self.target.path();
            error.on(path).about(&path.display())
        })
    }
}

/// Only a bug can show this one.
pub(super) const CLOSED: Error = Error::Order("the file is closed already");

fn check_size(path: &str, dtype: DType<'_>, shape: &[u64], have: u64) -> Result<()> {
    let element = u64::from(dtype.root().size());
    let need = shape.iter().try_fold(element, |bytes, &n| bytes.checked_mul(n));
    if need == Some(have) {
        return Ok(());
    }
    Err(Error::Shape { path: path.into(), need, have })
}

impl Drop for Writer {
    fn drop(&mut self) {
        let (file, known) = (self.file.take(), self.last_type.take());
        let chunked = self.chunked.take();
        if file.is_none() && known.is_none() && chunked.is_none() {
            return;
        }
        if !self.temporary.is_own() {
            // A forked child: another thread may have held HDF5's lock at the fork.
            core::mem::forget((file, known, chunked));
            return;
        }
        // Ids are dropped inside the library, and nothing can be said about it here.
        let _ = library::with(move |_| {
            drop((chunked, known, file));
            Ok(())
        });
    }
}

#[cfg(test)]
impl Writer {
    pub(super) fn rows_dropped(&mut self) {
        self.rows = None;
    }
}

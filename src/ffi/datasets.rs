//! Which inputs become which datasets of an HDF5 file, and what is said of them.

use core::ffi::c_char;
use std::string::String;
use std::vec::Vec;

use super::args;
use super::convert::ndshm_hdf5_options;
use super::error::Fault;
use super::reading::{flag, texts};
use crate::convert::{Arrange, Attribute, CategoryColumn, Options, Provenance, Shape};
use crate::hdf5::Storage;

/// A dataset for each input, or for the rows of all of them, if `dataset` names it.
pub const NDSHM_ARRANGE_AUTO: u32 = 0;
/// A dataset for each input, in groups that are named after the directories in
/// which the inputs differ. Without `dataset`.
pub const NDSHM_ARRANGE_GROUPS: u32 = 1;
/// One dataset, which `dataset` names, with an axis more: each input, all of one
/// shape, is one element of the first axis.
pub const NDSHM_ARRANGE_STACK: u32 = 2;

/// The first extent of a shape that follows from the number of elements.
pub const NDSHM_OPEN_EXTENT: u64 = u64::MAX;

/// The value is `text`.
pub const NDSHM_ATTRIBUTE_TEXT: u32 = 0;
/// The value is `integer`.
pub const NDSHM_ATTRIBUTE_INTEGER: u32 = 1;
/// The value is `number`.
pub const NDSHM_ATTRIBUTE_NUMBER: u32 = 2;

/// An attribute of a dataset: `{.name = "units", .text = "K"}`.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct ndshm_attribute {
    /// Its name, which is not empty.
    pub name: *const c_char,
    /// `NDSHM_ATTRIBUTE_...`.
    pub kind: u32,
    /// 0.
    pub reserved: u32,
    /// A text.
    pub text: *const c_char,
    /// An integer.
    pub integer: i64,
    /// A float.
    pub number: f64,
}

/// A column of text that is stored as numbers with labels, an enumeration:
/// `{.name = "chr"}`. An empty text has the number -1.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct ndshm_category {
    /// The column's name.
    pub name: *const c_char,
    /// `labels_len` labels in the order of their numbers; another text is an error.
    /// NULL to number them as they appear.
    pub labels: *const *const c_char,
    /// Labels at `labels`.
    pub labels_len: usize,
}

impl ndshm_hdf5_options {
    /// What they say of a file with one dataset, which no input gives its name or shape.
    ///
    /// # Safety
    /// * `at` is NULL, or leads to options, and their pointers to what they say.
    pub(super) unsafe fn of_one_dataset(at: *const Self) -> Result<Options, Fault> {
        // SAFETY: the caller's promise, here and below.
        let own = unsafe { args::options(at) }?;
        // SAFETY: as above.
        let mut options = unsafe { own.datasets() }?;
        let about_inputs = own.arrange != NDSHM_ARRANGE_AUTO
            || own.append_rows != 0
            || options.arrange != Arrange::Each
            || options.shape.is_some()
            || options.source_column.is_some()
            || !options.categories.is_empty()
            || options.provenance == Provenance::Checksums;
        if about_inputs {
            return Err(Fault::Range("options->hdf5"));
        }
        // SAFETY: as above.
        options.hdf5 = unsafe { own.file() }?;
        Ok(options)
    }

    /// Where the elements of datasets lie, for what says nothing else of them.
    ///
    /// # Safety
    /// * As for [`of_one_dataset`](Self::of_one_dataset).
    pub(super) unsafe fn of_storage(at: *const Self) -> Result<Storage, Fault> {
        // SAFETY: the caller's promise.
        let found = unsafe { Self::of_one_dataset(at) }?;
        let file = &found.hdf5;
        let says_more = file.append
            || file.force
            || file.sync
            || file.bool_as_u8
            || !found.attributes.is_empty()
            || !found.object_attributes.is_empty()
            || !found.dims.is_empty()
            || !found.units.is_empty();
        if says_more {
            return Err(Fault::Range("options->hdf5"));
        }
        Ok(found.hdf5.storage)
    }

    /// What they say of datasets; the rest is as usual.
    ///
    /// # Safety
    /// * Its pointers are NULL, or lead to what their documentation says.
    pub(super) unsafe fn datasets(&self) -> Result<Options, Fault> {
        Ok(Options {
            // SAFETY: the caller's promise.
            arrange: unsafe { self.arrange() }?,
            // SAFETY: the caller's promise.
            shape: unsafe { self.shape() }?,
            // SAFETY: the caller's promise.
            source_column: unsafe { optional(self.source_column, "options->source_column") }?,
            // SAFETY: the caller's promise.
            categories: unsafe { self.categories() }?,
            // SAFETY: the caller's promise.
            attributes: unsafe { self.attributes() }?,
            provenance: self.provenance()?,
            // SAFETY: the caller's promise.
            dims: unsafe { self.dimensions() }?,
            // SAFETY: the caller's promise.
            units: unsafe { self.units() }?,
            // SAFETY: the caller's promise.
            object_attributes: unsafe { self.object_attributes() }?,
            ..Options::default()
        })
    }

    /// # Safety
    /// * `dataset` is NULL, or text.
    unsafe fn arrange(&self) -> Result<Arrange, Fault> {
        // SAFETY: the caller's promise.
        let dataset = unsafe { optional(self.dataset, "options->dataset") }?;
        match (self.arrange, dataset) {
            (NDSHM_ARRANGE_AUTO, None) => Ok(Arrange::Each),
            (NDSHM_ARRANGE_AUTO, Some(name)) => Ok(Arrange::Concat(name)),
            (NDSHM_ARRANGE_GROUPS, None) => Ok(Arrange::Groups),
            (NDSHM_ARRANGE_GROUPS, Some(_)) => Err(Fault::Conflict(
                "options->dataset",
                " names one dataset, and options->arrange makes one for each input",
            )),
            (NDSHM_ARRANGE_STACK, Some(name)) => Ok(Arrange::Stack(name)),
            (NDSHM_ARRANGE_STACK, None) => Err(Fault::Null("options->dataset")),
            _ => Err(Fault::Range("options->arrange")),
        }
    }

    /// # Safety
    /// * `shape` leads to as many extents as there are said to be.
    unsafe fn shape(&self) -> Result<Option<Shape>, Fault> {
        const WHAT: &str = "options->shape";
        // SAFETY: the caller's promise.
        let given = unsafe { args::items(self.shape, self.shape_len, WHAT) }?;
        let Some((&first, rest)) = given.split_first() else { return Ok(None) };
        if first == 0 || rest.iter().any(|&extent| extent == 0 || extent == NDSHM_OPEN_EXTENT) {
            return Err(Fault::Range(WHAT));
        }
        let first = (first != NDSHM_OPEN_EXTENT).then_some(first);
        Ok(Some(Shape { first, rest: rest.into() }))
    }

    /// # Safety
    /// * `categories` leads to as many items as there are said to be.
    unsafe fn categories(&self) -> Result<Vec<CategoryColumn>, Fault> {
        let (at, len) = (self.categories, self.categories_len);
        // SAFETY: the caller's promise.
        let given = unsafe { args::items(at, len, "options->categories") }?;
        // SAFETY: the caller's promise.
        given.iter().map(|column| unsafe { column.read() }).collect()
    }

    /// # Safety
    /// * `attributes` leads to as many items as there are said to be.
    unsafe fn attributes(&self) -> Result<Vec<(String, Attribute)>, Fault> {
        let (at, len) = (self.attributes, self.attributes_len);
        // SAFETY: the caller's promise.
        let given = unsafe { args::items(at, len, "options->attributes") }?;
        // SAFETY: the caller's promise.
        given.iter().map(|one| unsafe { one.read("options->attributes") }).collect()
    }

    fn provenance(&self) -> Result<Provenance, Fault> {
        let none = flag(self.no_provenance, "options->no_provenance")?;
        match (none, flag(self.checksum, "options->checksum")?) {
            (true, true) => Err(Fault::Conflict(
                "options->checksum",
                " is part of what no_provenance leaves out",
            )),
            (true, false) => Ok(Provenance::None),
            (false, true) => Ok(Provenance::Checksums),
            (false, false) => Ok(Provenance::Inputs),
        }
    }
}

impl ndshm_attribute {
    /// # Safety
    /// * Its texts are NULL, or stay as they are during the call.
    pub(super) unsafe fn read(&self, what: &'static str) -> Result<(String, Attribute), Fault> {
        // SAFETY: the caller's promise.
        let name = unsafe { args::text(self.name, what) }?;
        if name.is_empty() || self.reserved != 0 {
            return Err(Fault::Range(what));
        }
        let value = match self.kind {
            // SAFETY: the caller's promise.
            NDSHM_ATTRIBUTE_TEXT => Attribute::Str(unsafe { args::text(self.text, what) }?.into()),
            NDSHM_ATTRIBUTE_INTEGER => Attribute::Int(self.integer),
            NDSHM_ATTRIBUTE_NUMBER => Attribute::Float(self.number),
            _ => return Err(Fault::Range(what)),
        };
        Ok((name.into(), value))
    }
}

impl ndshm_category {
    /// # Safety
    /// * Its texts are NULL, or stay as they are during the call.
    unsafe fn read(&self) -> Result<CategoryColumn, Fault> {
        const WHAT: &str = "options->categories";
        // SAFETY: the caller's promise.
        let name = unsafe { args::text(self.name, WHAT) }?.into();
        if self.labels.is_null() && self.labels_len == 0 {
            return Ok(CategoryColumn { name, labels: None });
        }
        // SAFETY: the caller's promise.
        let labels = unsafe { texts(self.labels, self.labels_len, WHAT) }?;
        if labels.iter().any(String::is_empty) {
            return Err(Fault::Range(WHAT));
        }
        Ok(CategoryColumn { name, labels: Some(labels) })
    }
}

/// # Safety
/// * As for [`args::text`].
unsafe fn optional(at: *const c_char, what: &'static str) -> Result<Option<String>, Fault> {
    if at.is_null() {
        return Ok(None);
    }
    // SAFETY: the caller's promise, passed on.
    Ok(Some(unsafe { args::text(at, what) }?.into()))
}

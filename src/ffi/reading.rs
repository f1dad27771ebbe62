//! How text is read: the options that loads and conversions share.

use core::ffi::c_char;
use std::string::String;
use std::vec::Vec;

use super::args::{self, Options};
use super::error::Fault;
use crate::load::{self, ColumnRef, Comments, Encoding, Fill, Missing, OnBadRows, RowType};
use crate::text::Delimiter;

/// A bad row is an error: nothing is left of the work.
pub const NDSHM_BAD_ROWS_ERROR: u32 = 0;
/// Bad rows are left out, and counted.
pub const NDSHM_BAD_ROWS_SKIP: u32 = 1;

/// The text is about every column.
pub const NDSHM_COLUMN_ALL: u32 = 0;
/// The text is about the column `index`.
pub const NDSHM_COLUMN_INDEX: u32 = 1;
/// The text is about the column that the header calls `name`.
pub const NDSHM_COLUMN_NAME: u32 = 2;

/// A text that means something in one column or in all of them:
/// `{.text = "NA"}`.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct ndshm_column_text {
    /// `NDSHM_COLUMN_...`.
    pub which: u32,
    /// The column, from 0; a negative one counts from the end.
    pub index: i32,
    /// The column's name.
    pub name: *const c_char,
    /// The text.
    pub text: *const c_char,
}

/// How text is read, in the terms of `np.loadtxt` where it has them. Zeros are
/// defaults, but `dtype` must be there. A character is a text of one character in
/// UTF-8, whatever the encoding of the inputs.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct ndshm_text_options {
    /// `sizeof(ndshm_text_options)`.
    pub struct_size: u32,
    /// Worker processes, 0 for as many as there are processors to use.
    pub workers: u32,
    /// Type of the rows, if it is a record, or else of every value, as for
    /// `ndshm_create_options`. Strings without a width (`S`, `U`) become as wide as
    /// the longest one in the text, times without a unit (`M8`) get the finest one
    /// that is there. `"auto"`: the type that the text shows.
    pub dtype: *const c_char,
    /// The one character that parts fields; NULL for any white space.
    pub delimiter: *const c_char,
    /// The one character that begins a comment; NULL for `"#"`, `""` for none.
    pub comments: *const c_char,
    /// `usecols_len` columns to read, in this order, from 0; negative ones count
    /// from the end. NULL for all.
    pub usecols: *const i32,
    /// Columns at `usecols`.
    pub usecols_len: usize,
    /// Lines to skip at the start of each input.
    pub skiprows: u64,
    /// Rows to read of each input, 0 for all.
    pub max_rows: u64,
    /// Bytes of memory to use at most, 0 for 64 MiB and 16 MiB a worker.
    pub memory: u64,
    /// 1 if an input without rows is no error.
    pub allow_empty: u32,
    /// 1 if the first line of each input, behind those skipped, names its columns.
    pub header: u32,
    /// The one character that encloses fields which may hold anything, line ends,
    /// too; twice in such a field it means itself. NULL for none.
    pub quote: *const c_char,
    /// The decimal point: `"."` or `","`; NULL for `"."`.
    pub decimal: *const c_char,
    /// How the inputs are encoded: `"utf-8"`, `"utf-8-sig"`, `"latin1"`,
    /// `"ascii"`, `"utf-16"`, `"utf-32"`, both also with `"-le"` or `"-be"`; NULL
    /// for UTF-8.
    pub encoding: *const c_char,
    /// `comment_strings_len` texts that begin comments, instead of `comments`.
    /// Each cuts what the ones before it left of the line.
    pub comment_strings: *const *const c_char,
    /// Texts at `comment_strings`.
    pub comment_strings_len: usize,
    /// `usecols_names_len` names of columns in the header, instead of `usecols`.
    pub usecols_names: *const *const c_char,
    /// Names at `usecols_names`.
    pub usecols_names_len: usize,
    /// `missing_len` texts that stand for a missing value; the empty one for
    /// fields that hold nothing.
    pub missing: *const ndshm_column_text,
    /// Texts at `missing`.
    pub missing_len: usize,
    /// `fill_len` values, as text, that take the place of missing ones.
    pub fill: *const ndshm_column_text,
    /// Values at `fill`.
    pub fill_len: usize,
    /// Lines to leave out at the end of each input.
    pub skip_footer: u64,
    /// What becomes of rows that cannot be read: `NDSHM_BAD_ROWS_...`.
    pub on_bad_rows: u32,
    /// 1 if `max_rows` 0 means no rows.
    pub no_rows: u32,
    /// 0. For tests of the library: bytes of text in one piece of work.
    pub piece_bytes: u64,
    /// 1 to find in the beginning of the first input what nothing is said of: `delimiter`,
    /// `quote`, `decimal` and `header`, as the command does where it has no dtype. Not with
    /// `append_rows`.
    pub sniff: u32,
    /// 0.
    pub reserved: u32,
}

// SAFETY: `repr(C)`, the size first; integers and pointers, which may be zero.
unsafe impl Options for ndshm_text_options {
    const NAME: &'static str = "ndshm_text_options";
    const MIN_SIZE: usize = size_of::<Self>();
}

/// How text is read, in Rust's terms.
pub(super) struct Reading {
    pub(super) rows: RowType,
    pub(super) options: load::Options,
}

impl ndshm_text_options {
    /// # Safety
    /// * `options` is NULL, or points to options as [`args::options`] asks for,
    ///   whose pointers lead to what their documentation says.
    pub(super) unsafe fn reading(options: *const Self) -> Result<Reading, Fault> {
        // SAFETY: the caller's promise.
        let given = unsafe { args::options(options) }?;
        // SAFETY: the caller's promise.
        let rows = RowType::parse(unsafe { args::text(given.dtype, "options->dtype") }?)?;
        let options = load::Options {
            // SAFETY: the caller's promise.
            delimiter: unsafe { given.delimiter() }?,
            // SAFETY: the caller's promise.
            comments: unsafe { given.comments() }?,
            // SAFETY: the caller's promise.
            quote: unsafe { character(given.quote, "options->quote") }?,
            // SAFETY: the caller's promise.
            decimal: unsafe { given.decimal() }?,
            // SAFETY: the caller's promise.
            encoding: unsafe { given.encoding() }?,
            // SAFETY: the caller's promise.
            usecols: unsafe { given.usecols() }?,
            // SAFETY: the caller's promise.
            missing: unsafe { given.missing() }?,
            // SAFETY: the caller's promise.
            fill: unsafe { given.fill() }?,
            ..given.numbers()?
        };
        Ok(Reading { rows, options })
    }

    /// What is no text.
    fn numbers(&self) -> Result<load::Options, Fault> {
        let max_rows = match (flag(self.no_rows, "options->no_rows")?, self.max_rows) {
            (false, 0) => None,
            (false, rows) => Some(rows),
            (true, 0) => Some(0),
            (true, _) => return Err(Fault::Range("options->no_rows")),
        };
        if self.reserved != 0 {
            return Err(Fault::Range("options->reserved"));
        }
        Ok(load::Options {
            header: flag(self.header, "options->header")?,
            skiprows: self.skiprows,
            skip_footer: self.skip_footer,
            max_rows,
            on_bad_rows: match self.on_bad_rows {
                NDSHM_BAD_ROWS_ERROR => OnBadRows::Error,
                NDSHM_BAD_ROWS_SKIP => OnBadRows::Skip,
                _ => return Err(Fault::Range("options->on_bad_rows")),
            },
            workers: (self.workers != 0).then_some(self.workers as usize),
            memory: (self.memory != 0).then_some(self.memory),
            allow_empty: flag(self.allow_empty, "options->allow_empty")?,
            sniff: flag(self.sniff, "options->sniff")?,
            piece_bytes: (self.piece_bytes != 0).then_some(self.piece_bytes),
            ..load::Options::default()
        })
    }

    /// # Safety
    /// * `delimiter` is NULL, or text.
    unsafe fn delimiter(&self) -> Result<Delimiter, Fault> {
        // SAFETY: the caller's promise.
        let given = unsafe { character(self.delimiter, "options->delimiter") }?;
        Ok(given.map_or(Delimiter::Whitespace, Delimiter::Char))
    }

    /// # Safety
    /// * `comments` is NULL, or text; `comment_strings` leads to as many as it says.
    unsafe fn comments(&self) -> Result<Comments, Fault> {
        if self.comment_strings_len != 0 {
            if !self.comments.is_null() {
                return Err(Fault::Conflict(
                    "options->comments",
                    " and options->comment_strings are both set",
                ));
            }
            let (at, len) = (self.comment_strings, self.comment_strings_len);
            // SAFETY: the caller's promise.
            return unsafe { texts(at, len, "options->comment_strings") }.map(Comments::Strings);
        }
        if self.comments.is_null() {
            return Ok(Comments::default());
        }
        // SAFETY: the caller's promise.
        if unsafe { args::text(self.comments, "options->comments") }?.is_empty() {
            return Ok(Comments::None);
        }
        // SAFETY: the caller's promise.
        let given = unsafe { character(self.comments, "options->comments") }?;
        Ok(given.map_or(Comments::None, Comments::Char))
    }

    /// # Safety
    /// * `decimal` is NULL, or text.
    unsafe fn decimal(&self) -> Result<char, Fault> {
        // SAFETY: the caller's promise.
        match unsafe { character(self.decimal, "options->decimal") }? {
            None => Ok('.'),
            Some(point @ ('.' | ',')) => Ok(point),
            Some(_) => Err(Fault::Range("options->decimal")),
        }
    }

    /// # Safety
    /// * `encoding` is NULL, or text.
    unsafe fn encoding(&self) -> Result<Encoding, Fault> {
        if self.encoding.is_null() {
            return Ok(Encoding::default());
        }
        // SAFETY: the caller's promise.
        let name = unsafe { args::text(self.encoding, "options->encoding") }?;
        Encoding::named(name).ok_or(Fault::Range("options->encoding"))
    }

    /// # Safety
    /// * `usecols` and `usecols_names` lead to as many items as they say.
    unsafe fn usecols(&self) -> Result<Option<Vec<ColumnRef>>, Fault> {
        if self.usecols_names_len != 0 {
            if !self.usecols.is_null() {
                return Err(Fault::Range("options->usecols"));
            }
            let (at, len) = (self.usecols_names, self.usecols_names_len);
            // SAFETY: the caller's promise.
            let names = unsafe { texts(at, len, "options->usecols_names") }?;
            return Ok(Some(names.into_iter().map(ColumnRef::Name).collect()));
        }
        let all = self.usecols.is_null();
        // SAFETY: the caller's promise.
        let given = unsafe { args::items(self.usecols, self.usecols_len, "options->usecols") }?;
        Ok((!all).then(|| given.iter().copied().map(ColumnRef::Index).collect()))
    }

    /// # Safety
    /// * `missing` leads to as many items as it says.
    unsafe fn missing(&self) -> Result<Vec<Missing>, Fault> {
        // SAFETY: the caller's promise.
        let given = unsafe { args::items(self.missing, self.missing_len, "options->missing") }?;
        // SAFETY: the caller's promise.
        let read = |item: &ndshm_column_text| unsafe { item.read("options->missing") };
        let items = given.iter().map(read);
        items.map(|item| item.map(|(column, text)| Missing { column, text })).collect()
    }

    /// # Safety
    /// * `fill` leads to as many items as it says.
    unsafe fn fill(&self) -> Result<Vec<Fill>, Fault> {
        // SAFETY: the caller's promise.
        let given = unsafe { args::items(self.fill, self.fill_len, "options->fill") }?;
        // SAFETY: the caller's promise.
        let read = |item: &ndshm_column_text| unsafe { item.read("options->fill") };
        let items = given.iter().map(read);
        items.map(|item| item.map(|(column, value)| Fill { column, value })).collect()
    }
}

impl ndshm_column_text {
    /// # Safety
    /// * Its texts are NULL, or stay as they are during the call.
    unsafe fn read(&self, what: &'static str) -> Result<(Option<ColumnRef>, String), Fault> {
        let column = match self.which {
            NDSHM_COLUMN_ALL => None,
            NDSHM_COLUMN_INDEX => Some(ColumnRef::Index(self.index)),
            NDSHM_COLUMN_NAME => {
                // SAFETY: the caller's promise.
                Some(ColumnRef::Name(unsafe { args::text(self.name, what) }?.into()))
            }
            _ => return Err(Fault::Range(what)),
        };
        // SAFETY: the caller's promise.
        Ok((column, unsafe { args::text(self.text, what) }?.into()))
    }
}

/// A switch: 0 or 1.
pub(super) fn flag(value: u32, what: &'static str) -> Result<bool, Fault> {
    match value {
        0 | 1 => Ok(value == 1),
        _ => Err(Fault::Range(what)),
    }
}

/// The one character of a text, nothing for NULL.
///
/// # Safety
/// * As for [`args::text`].
unsafe fn character(at: *const c_char, what: &'static str) -> Result<Option<char>, Fault> {
    if at.is_null() {
        return Ok(None);
    }
    // SAFETY: the caller's promise, passed on.
    let mut characters = unsafe { args::text(at, what) }?.chars();
    match (characters.next(), characters.next()) {
        (Some(one), None) => Ok(Some(one)),
        _ => Err(Fault::Range(what)),
    }
}

/// # Safety
/// * `at` leads to `len` texts, which stay as they are during the call.
pub(super) unsafe fn texts(
    at: *const *const c_char,
    len: usize,
    what: &'static str,
) -> Result<Vec<String>, Fault> {
    // SAFETY: the caller's promise.
    let given = unsafe { args::items(at, len, what) }?;
    // SAFETY: the caller's promise.
    given.iter().map(|&text| unsafe { args::text(text, what) }.map(String::from)).collect()
}

//! What a load is about, as parent and workers both need it: owned, unchanged
//! from the fork on.

use std::ffi::CString;
use std::string::{String, ToString};
use std::vec::Vec;

use super::error::{LoadError, Result};
use super::options::Options;
use super::ring::Ring;
use crate::dtype::DType;
use crate::dtype_buf::DTypeBuf;
use crate::error::Error;
use crate::text::{Column, Format, Outline, Plan, Unicode, columns_needed};

/// A compiled dtype with everything that its plan refers to.
#[derive(Debug)]
pub(super) struct Compiled {
    dtype: DTypeBuf,
    outline: Outline,
    format: Format<'static>,
    columns: Vec<Column>,
    usecols: Option<Vec<i32>>,
}

impl Compiled {
    pub(super) fn new(dtype: DType<'_>, unicode: Unicode, options: &Options) -> Result<Self> {
        let usecols = options.usecols.as_deref();
        let mut columns = column_storage(dtype, usecols)?;
        let plan = Plan::compile(options.format, dtype, unicode, usecols, &mut columns)
            .map_err(|error| plan_error(error, dtype, usecols))?;
        let outline = Outline::of(&plan);
        let dtype = DTypeBuf::copy_of(dtype)?;
        Ok(Self {
            dtype,
            outline,
            format: options.format,
            columns,
            usecols: options.usecols.clone(),
        })
    }

    /// How a row is read.
    pub(super) fn plan(&self) -> Plan<'_> {
        self.outline.plan(self.format, &self.columns, self.usecols.as_deref())
    }

    pub(super) fn dtype(&self) -> DType<'_> {
        self.dtype.as_dtype()
    }
}

/// What workers work by.
#[derive(Debug)]
pub(super) struct Recipe {
    pub(super) compiled: Compiled,
    /// Paths of the inputs; empty for streams.
    pub(super) paths: Vec<CString>,
    pub(super) ring: Ring,
}

pub(super) fn column_storage(dtype: DType<'_>, usecols: Option<&[i32]>) -> Result<Vec<Column>> {
    let count = columns_needed(dtype, usecols)?;
    let mut columns = Vec::new();
    columns.try_reserve_exact(count).map_err(|_| Error::Overflow)?;
    columns.resize(count, Column::default());
    Ok(columns)
}

fn plan_error(error: Error, dtype: DType<'_>, usecols: Option<&[i32]>) -> LoadError {
    match error {
        Error::NotText { node } => {
            let field = dtype.field_at(node);
            LoadError::NoTextForm { field: String::from(field.name()), dtype: field.to_string() }
        }
        Error::Argument => LoadError::Usecols {
            given: usecols.map_or(0, <[i32]>::len),
            fields: dtype.leaf_count(),
        },
        other => LoadError::Core(other),
    }
}

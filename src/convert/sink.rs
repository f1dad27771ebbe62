//! The sink that writes rows to datasets of an HDF5 file.

#![allow(unsafe_code)]

use std::string::String;
use std::vec::Vec;

use super::error::boxed;
use crate::dtype_buf::DTypeBuf;
use crate::hdf5::{self, Writer};
use crate::load::{Block, Gather, Sink, SinkError};

/// Which dataset an input goes to.
#[derive(Debug, Clone)]
pub(super) enum Names {
    /// One of its own.
    Each(Vec<String>),
    /// All rows of all inputs, one behind the other.
    Concat(String),
}

/// A dataset that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dataset {
    /// Its path in the file.
    pub name: String,
    /// Its shape: rows, and columns if the dtype is a scalar.
    pub shape: Vec<u64>,
}

#[derive(Debug)]
pub(super) struct FileSink {
    pub(super) writer: Writer,
    dtype: DTypeBuf,
    names: Names,
    inputs: usize,
    pub(super) made: Vec<Dataset>,
    gather: Gather,
    /// Rows of all inputs together, if they are one dataset.
    rows: u64,
    columns: Option<u32>,
}

impl FileSink {
    pub(super) fn new(writer: Writer, dtype: DTypeBuf, names: Names, inputs: usize) -> Self {
        let (made, gather) = (Vec::new(), Gather::default());
        Self { writer, dtype, names, inputs, made, gather, rows: 0, columns: None }
    }

    fn finish(&mut self, name: &str, rows: u64) -> Result<(), SinkError> {
        self.gather.flush(appending(&mut self.writer)).map_err(boxed)?;
        let mut shape = Vec::from([rows]);
        // Without any row there is no telling; NumPy says one.
        shape.extend(self.columns.map(|columns| u64::from(columns.max(1))));
        self.writer.finish_dataset(name, self.dtype.as_dtype(), &shape, &[]).map_err(boxed)?;
        self.made.push(Dataset { name: name.into(), shape });
        Ok(())
    }
}

/// How rows come to a dataset.
fn appending(
    to: &mut Writer,
) -> impl FnMut(*const u8, usize) -> core::result::Result<(), hdf5::Error> + '_ {
    // SAFETY: what is gathered is readable during the call.
    |data, len| unsafe { to.append(data, len) }
}

impl Sink for FileSink {
    fn begin(&mut self, input: usize, columns: Option<u32>) -> Result<(), SinkError> {
        if !self.joins_inputs() || input == 0 {
            self.columns = columns;
            return self.writer.begin_dataset().map(|_| ()).map_err(boxed);
        }
        // An input without rows says nothing about those with rows.
        if columns != Some(0) {
            self.columns = columns;
        }
        Ok(())
    }

    fn joins_inputs(&self) -> bool {
        matches!(self.names, Names::Concat(_))
    }

    fn rows(&mut self, block: &Block) -> Result<(), SinkError> {
        self.gather.add(block, appending(&mut self.writer)).map_err(boxed)
    }

    fn end(&mut self, input: usize, rows: u64) -> Result<(), SinkError> {
        self.rows += rows;
        let (name, rows) = match &self.names {
            Names::Each(names) => (names.get(input).cloned().unwrap_or_default(), rows),
            Names::Concat(name) if input + 1 == self.inputs => (name.clone(), self.rows),
            Names::Concat(_) => return Ok(()),
        };
        self.finish(&name, rows)
    }
}

//! The sink that writes rows to datasets of an HDF5 file.

#![allow(unsafe_code)]

use std::path::PathBuf;
use std::string::String;
use std::vec::Vec;

use super::error::{ConvertError, boxed};
use crate::dtype::DType;
use crate::hdf5::Writer;
use crate::load::{Block, Sink, SinkError};

/// Which dataset an input goes to.
#[derive(Debug)]
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
pub(super) struct FileSink<'a> {
    pub(super) writer: Writer,
    pub(super) dtype: DType<'a>,
    pub(super) names: &'a Names,
    pub(super) inputs: &'a [PathBuf],
    pub(super) made: Vec<Dataset>,
    /// Rows of all inputs together, if they are one dataset.
    rows: u64,
    columns: Option<u32>,
    /// The input that has set the number of columns.
    first: usize,
}

impl<'a> FileSink<'a> {
    pub(super) const fn new(
        writer: Writer,
        dtype: DType<'a>,
        names: &'a Names,
        inputs: &'a [PathBuf],
    ) -> Self {
        Self { writer, dtype, names, inputs, made: Vec::new(), rows: 0, columns: None, first: 0 }
    }

    fn path(&self, input: usize) -> PathBuf {
        self.inputs.get(input).cloned().unwrap_or_default()
    }

    fn finish(&mut self, name: &str, rows: u64) -> Result<(), SinkError> {
        let mut shape = Vec::from([rows]);
        // Without any row there is no telling; NumPy says one.
        shape.extend(self.columns.map(|columns| u64::from(columns.max(1))));
        self.writer.finish_dataset(name, self.dtype, &shape, &[]).map_err(boxed)?;
        self.made.push(Dataset { name: name.into(), shape });
        Ok(())
    }
}

impl Sink for FileSink<'_> {
    fn begin(&mut self, input: usize, columns: Option<u32>) -> Result<(), SinkError> {
        if matches!(self.names, Names::Each(_)) || input == 0 {
            (self.columns, self.first) = (columns, input);
            return self.writer.begin_dataset().map(|_| ()).map_err(boxed);
        }
        match (self.columns, columns) {
            (_, None | Some(0)) => {}
            (Some(first), Some(here)) if first == here => {}
            (None | Some(0), Some(_)) => (self.columns, self.first) = (columns, input),
            (Some(first), Some(here)) => {
                return Err(boxed(ConvertError::ColumnsDiffer {
                    first: self.path(self.first),
                    columns: first,
                    path: self.path(input),
                    here,
                }));
            }
        }
        Ok(())
    }

    fn rows(&mut self, block: &Block) -> Result<(), SinkError> {
        // SAFETY: a block's bytes are readable as long as it is borrowed.
        unsafe { self.writer.append(block.as_ptr(), block.len()) }.map_err(boxed)
    }

    fn end(&mut self, input: usize, rows: u64) -> Result<(), SinkError> {
        match self.names {
            Names::Each(names) => {
                let name = names.get(input).map_or("", String::as_str);
                self.finish(name, rows)
            }
            Names::Concat(name) => {
                self.rows += rows;
                if input + 1 == self.inputs.len() { self.finish(name, self.rows) } else { Ok(()) }
            }
        }
    }
}

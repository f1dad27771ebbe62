//! The sink that writes rows to datasets of an HDF5 file.

use std::string::String;
use std::sync::Arc;
use std::vec::Vec;

use super::error::{ConvertError, Result, boxed};
use super::output::Output;
use super::provenance::Origin;
use super::rows::Rewrite;
use super::scheme::{Join, Scheme};
use crate::hdf5::{self, AttrValue};
use crate::load::{Block, Sink, SinkError};

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
    pub(super) output: Output,
    pub(super) scheme: Arc<Scheme>,
    rewrite: Option<Rewrite>,
    /// Bytes of an element in the text's rows.
    element: u64,
    pub(super) made: Vec<Dataset>,
    /// Whether the output can take rows.
    ready: bool,
    /// Input that is read.
    input: usize,
    /// Whether the output knows of the dataset that is read.
    begun: bool,
    /// Bytes of rows of this input, and of the dataset.
    bytes: u64,
    all_bytes: u64,
    /// Rows of the dataset.
    rows: u64,
    columns: Option<u32>,
    /// The first input of a stack, and its shape.
    first: Option<(usize, Vec<u64>)>,
}

impl FileSink {
    pub(super) fn new(
        output: Output,
        scheme: Arc<Scheme>,
        rewrite: Option<Rewrite>,
        element: u32,
    ) -> Self {
        Self {
            output,
            scheme,
            rewrite,
            element: u64::from(element).max(1),
            made: Vec::new(),
            ready: false,
            input: 0,
            begun: false,
            bytes: 0,
            all_bytes: 0,
            rows: 0,
            columns: None,
            first: None,
        }
    }

    /// Extents behind those that grow, as far as they are known. Without any row there is no
    /// telling how many columns; NumPy says one.
    fn fixed(&self) -> Vec<u64> {
        match &self.scheme.shape {
            Some(shape) => shape.rest.clone(),
            None => self.columns.map(|n| u64::from(n.max(1))).into_iter().collect(),
        }
    }

    /// Begins the dataset, now that its columns are known, or that it ends without any.
    fn begin_output(&mut self) -> Result<()> {
        if !self.begun {
            let stacked = self.scheme.join == Join::Stack;
            if let Some(rewrite) = &self.rewrite {
                // Those that are given; chunks have no others.
                self.output.set_categories(rewrite.categories());
            }
            self.output.begin(self.scheme.name(self.input), &self.fixed(), stacked)?;
            self.begun = true;
        }
        Ok(())
    }

    fn add(&mut self, block: &Block) -> Result<()> {
        self.begin_output()?;
        self.bytes += block.len() as u64;
        match &mut self.rewrite {
            None => self.output.add(block.as_bytes()),
            Some(rewrite) => {
                rewrite.rows(block.as_bytes(), self.input, |rows| self.output.add(rows))
            }
        }
    }

    /// The shape of so many bytes of rows: of an input, or of several that follow one another.
    fn shape(&self, rows: u64, bytes: u64) -> Result<Vec<u64>> {
        let Some(shape) = &self.scheme.shape else {
            return Ok([rows].into_iter().chain(self.fixed()).collect());
        };
        let elements = bytes / self.element;
        let rest = shape.rest.iter().try_fold(1, |n: u64, &extent| n.checked_mul(extent));
        let first =
            rest.filter(|&rest| rest > 0 && elements.is_multiple_of(rest)).map(|n| elements / n);
        let first = first.filter(|&first| shape.first.is_none_or(|wanted| wanted == first));
        let first = first.ok_or_else(|| ConvertError::Shape {
            name: self.scheme.name(self.input).into(),
            elements,
            first: shape.first,
            rest: shape.rest.clone(),
        })?;
        Ok([first].into_iter().chain(self.fixed()).collect())
    }

    /// Compares an input of a stack with the first one.
    fn stack(&mut self, shape: Vec<u64>) -> Result<()> {
        self.begin_output()?;
        self.output.next_element()?;
        let source = |i: usize| self.scheme.sources.get(i).map(|s| s.path.clone());
        match &self.first {
            None => self.first = Some((self.input, shape)),
            Some((first, wanted)) if *wanted != shape => {
                return Err(ConvertError::StackShape {
                    first: source(*first).unwrap_or_default(),
                    shape: wanted.clone(),
                    second: source(self.input).unwrap_or_default(),
                    other: shape,
                });
            }
            Some(_) => {}
        }
        Ok(())
    }

    fn end_input(&mut self, rows: u64) -> Result<()> {
        self.rows += rows;
        self.all_bytes += self.bytes;
        if self.scheme.join == Join::Stack {
            let shape = self.shape(rows, self.bytes)?;
            self.stack(shape)?;
        }
        self.bytes = 0;
        if !self.scheme.is_last(self.input) {
            return Ok(());
        }
        self.finish()
    }

    fn finish(&mut self) -> Result<()> {
        self.begin_output()?;
        let shape = match &self.first {
            Some((_, shape)) => {
                [self.scheme.sources.len() as u64].into_iter().chain(shape.clone()).collect()
            }
            None => self.shape(self.rows, self.all_bytes)?,
        };
        let dataset = Dataset { name: self.scheme.name(self.input).into(), shape };
        let sources = self.scheme.sources_of(self.input);
        let origin = Origin::of(sources, self.scheme.provenance).map_err(|source| {
            let path = sources.first().map(|s| s.path.clone()).unwrap_or_default();
            hdf5::Error::Io { doing: "read it for its checksum", path, source }
        })?;
        let given = self.scheme.attributes.iter();
        let mut attrs: Vec<(&str, AttrValue<'_>)> =
            given.map(|(name, value)| (name.as_str(), value.value())).collect();
        for (name, value) in origin.attributes() {
            if attrs.iter().all(|(other, _)| *other != name) {
                attrs.push((name, value));
            }
        }
        if let Some(rewrite) = &self.rewrite {
            self.output.set_categories(rewrite.categories());
        }
        self.output.finish(&dataset, &attrs)?;
        self.made.push(dataset);
        (self.begun, self.rows, self.all_bytes) = (false, 0, 0);
        Ok(())
    }
}

impl Sink for FileSink {
    fn prepare(&mut self) -> core::result::Result<bool, SinkError> {
        if !self.ready {
            self.ready = self.output.prepare(&self.scheme.names).map_err(boxed)?;
        }
        Ok(self.ready)
    }

    fn tend(&mut self) -> core::result::Result<bool, SinkError> {
        self.output.tend().map_err(boxed)
    }

    fn raw_fd(&self) -> Option<i32> {
        self.output.raw_fd()
    }

    fn complete(&mut self) -> core::result::Result<bool, SinkError> {
        self.output.complete().map_err(boxed)
    }

    fn begin(&mut self, input: usize, columns: Option<u32>) -> core::result::Result<(), SinkError> {
        self.input = input;
        // An input without rows says nothing about those with rows.
        if !self.joins_inputs() || input == 0 || columns != Some(0) {
            self.columns = columns;
        }
        Ok(())
    }

    fn joins_inputs(&self) -> bool {
        self.scheme.join != Join::Each
    }

    fn rows(&mut self, block: &Block) -> core::result::Result<(), SinkError> {
        if block.is_empty() { Ok(()) } else { self.add(block).map_err(boxed) }
    }

    fn end(&mut self, _: usize, rows: u64) -> core::result::Result<(), SinkError> {
        self.end_input(rows).map_err(boxed)
    }
}

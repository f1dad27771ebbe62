//! The sink that writes rows to datasets of an HDF5 file.

use std::string::String;
use std::sync::Arc;
use std::vec::Vec;

use super::error::{ConvertError, Result, boxed};
use super::extend::{self, Growth};
use super::options::Shape;
use super::output::Output;
use super::provenance::Origin;
use super::rows::Rewrite;
use super::scheme::{Join, Scheme};
use crate::hdf5::{self, AttrValue, Attribute};
use crate::load::{Block, Sink, SinkError};
use crate::store::{Dataset, Dims, Extent};

#[derive(Debug)]
pub(super) struct FileSink {
    pub(super) output: Output,
    pub(super) scheme: Arc<Scheme>,
    /// The datasets, if they are there before.
    growth: Option<Arc<Growth>>,
    rewrite: Option<Rewrite>,
    /// Bytes of an element in the text's rows.
    element: u64,
    pub(super) made: Vec<Dataset>,
    pub(super) dims: Dims,
    /// Whether the output can take rows.
    ready: bool,
    /// Input that is read.
    input: usize,
    /// Whether the output knows of the dataset that is read.
    begun: bool,
    /// Bytes of rows of this input, and of the dataset.
    bytes: u64,
    all_bytes: u64,
    /// Rows of the dataset, and those that came of the input that is read.
    rows: u64,
    arrived: u64,
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
            growth: None,
            rewrite,
            element: u64::from(element).max(1),
            made: Vec::new(),
            dims: Dims::default(),
            ready: false,
            input: 0,
            begun: false,
            bytes: 0,
            all_bytes: 0,
            rows: 0,
            arrived: 0,
            columns: None,
            first: None,
        }
    }

    /// Rows for datasets that are there.
    pub(super) fn growing(self, growth: Option<Arc<Growth>>) -> Self {
        Self { growth, ..self }
    }

    /// Columns of the input that is read, if its rows are no records.
    pub(super) fn columns(&self) -> Option<u32> {
        self.columns
    }

    /// Rows that a dataset has, and its extents behind them, if it is there before.
    pub(super) fn there(&self, dataset: usize) -> (u64, Option<Vec<u64>>) {
        let Some(growth) = &self.growth else { return (0, None) };
        let table = growth.tables.get(dataset);
        let rows = table.and_then(|table| table.extents.first().copied()).unwrap_or(0);
        (rows, Some(growth.rest(dataset).into()))
    }

    /// The number of the dataset that is read.
    fn dataset(&self) -> usize {
        if self.scheme.join == Join::Each { self.input } else { 0 }
    }

    /// Extents behind those that grow, as far as they are known. Without any row there is no
    /// telling how many columns; NumPy says one.
    fn fixed(&self) -> Vec<u64> {
        let stacked = usize::from(self.scheme.join == Join::Stack);
        if let Some(growth) = &self.growth {
            return growth.rest(self.dataset()).get(stacked..).unwrap_or_default().into();
        }
        match &self.scheme.shape {
            Some(shape) => shape.rest.clone(),
            None => self.columns.map(|n| u64::from(n.max(1))).into_iter().collect(),
        }
    }

    /// Begins the dataset, now that its columns are known, or that it ends without any.
    fn begin_output(&mut self) -> Result<()> {
        if !self.begun {
            self.begun = true;
            if let Some(growth) = self.growth.clone() {
                self.check_columns(&growth)?;
                self.output.begin_rows(&growth, self.dataset());
                return Ok(());
            }
            let stacked = self.scheme.join == Join::Stack;
            if let Some(rewrite) = &self.rewrite {
                self.output.set_categories(rewrite.categories());
            }
            self.check_dims()?;
            self.output.begin(self.scheme.name(self.input), &self.fixed(), stacked)?;
        }
        Ok(())
    }

    /// Refuses datasets that do not fit the dimensions that are there, as far as is known.
    fn check_names(&self, names: &[String]) -> Result<()> {
        let is_record = self.output.dtype().is_record();
        let extents = self.scheme.extents(is_record, Extent::Unknown, Extent::Unknown);
        let check = |name| self.scheme.ending.check_extents(&self.dims, name, &extents);
        Ok(names.iter().try_for_each(|name| check(name))?)
    }

    /// Refuses a dataset that does not fit its dimensions, as soon as that is seen.
    fn check_dims(&self) -> Result<()> {
        if !self.scheme.ending.names_axes() {
            return Ok(());
        }
        let columns = self.columns.map(|n| u64::from(n.max(1)));
        let columns_known = columns.map_or(Extent::Unknown, Extent::Exactly);
        let rows = match self.scheme.join {
            Join::Concat => self.rows + self.arrived,
            _ => self.arrived,
        };
        let extents = self.scheme.extents(columns.is_none(), Extent::AtLeast(rows), columns_known);
        let name = self.scheme.name(self.input);
        Ok(self.scheme.ending.check_extents(&self.dims, name, &extents)?)
    }

    /// Refuses more elements than the shape has, as soon as they come.
    fn check_shape(&self) -> Result<()> {
        let Some(shape) = &self.scheme.shape else { return Ok(()) };
        let mut extents = shape.first.into_iter().chain(shape.rest.iter().copied());
        let most =
            extents.try_fold(self.element, u64::checked_mul).filter(|_| shape.first.is_some());
        let joined = if self.scheme.join == Join::Concat { self.all_bytes } else { 0 };
        let bytes = joined + self.bytes;
        if most.is_none_or(|most| bytes <= most) {
            return Ok(());
        }
        self.shape(0, bytes).map(drop)
    }

    /// Whether lines have as many columns as the dataset. More than two axes are filled in the
    /// order of the elements, whatever the lines.
    fn check_columns(&self, growth: &Growth) -> Result<()> {
        let stacked = usize::from(self.scheme.join == Join::Stack);
        let axes = growth.rest(self.dataset()).len().saturating_sub(stacked);
        match self.columns {
            Some(columns) if columns > 0 && axes < 2 && self.scheme.shape.is_none() => {
                let mut shape =
                    growth.rest(self.dataset()).get(..stacked).unwrap_or_default().to_vec();
                shape.push(columns.into());
                growth.check_shape(self.dataset(), &shape)
            }
            _ => Ok(()),
        }
    }

    fn add(&mut self, block: &Block) -> Result<()> {
        self.begin_output()?;
        self.bytes += block.len() as u64;
        self.arrived += block.rows();
        self.check_dims()?;
        self.check_shape()?;
        match &mut self.rewrite {
            None => self.output.add(block.as_bytes()),
            Some(rewrite) => {
                let source = self.growth.as_ref().map_or(self.input, |g| g.source_of(self.input));
                rewrite.rows(block.as_bytes(), source, |rows| self.output.add(rows))
            }
        }
    }

    /// The shape of so many bytes of rows: of an input, or of several that follow one another.
    fn shape(&self, rows: u64, bytes: u64) -> Result<Vec<u64>> {
        let fixed = self.fixed();
        let own = match (&self.scheme.shape, &self.growth) {
            (Some(shape), _) => shape.clone(),
            // Where lines are no rows, elements are counted.
            (None, Some(_)) if fixed.len() > 1 || (fixed.len() == 1 && self.columns.is_none()) => {
                Shape { first: None, rest: fixed.clone() }
            }
            (None, _) => return Ok([rows].into_iter().chain(fixed).collect()),
        };
        let shape = &own;
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
        Ok([first].into_iter().chain(fixed).collect())
    }

    /// Compares an input of a stack with the first one.
    fn stack(&mut self, shape: Vec<u64>) -> Result<()> {
        self.begin_output()?;
        self.output.next_element()?;
        if let Some(growth) = &self.growth {
            return growth.check_shape(self.dataset(), &shape);
        }
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
        (self.bytes, self.arrived) = (0, 0);
        if !self.scheme.is_last(self.input) {
            return Ok(());
        }
        self.finish()
    }

    /// The shape of a dataset that is there, with what has come.
    fn grown(&self, mut shape: Vec<u64>) -> Vec<u64> {
        let Some(growth) = &self.growth else { return shape };
        let table = growth.tables.get(self.dataset());
        if growth.stacked {
            shape = [self.scheme.sources.len() as u64]
                .into_iter()
                .chain(growth.rest(0).iter().copied())
                .collect();
        }
        if let Some((rows, had)) = shape.first_mut().zip(table.and_then(|t| t.extents.first())) {
            *rows += had;
        }
        shape
    }

    fn finish(&mut self) -> Result<()> {
        self.begin_output()?;
        let shape = match &self.first {
            Some((_, shape)) => {
                [self.scheme.sources.len() as u64].into_iter().chain(shape.clone()).collect()
            }
            None => self.shape(self.rows, self.all_bytes)?,
        };
        let shape = self.grown(shape);
        let dataset = Dataset { name: self.scheme.name(self.input).into(), shape };
        let sources = self.scheme.sources_of(self.input);
        let origin = Origin::of(sources, self.scheme.provenance).map_err(|source| {
            let path = sources.first().map(|s| s.path.clone()).unwrap_or_default();
            hdf5::Error::Io { doing: "read it for its checksum", path, source }
        })?;
        let given = self.scheme.attributes.iter();
        let mut attrs: Vec<(&str, AttrValue<'_>)> =
            given.map(|(name, value)| (name.as_str(), value.value())).collect();
        let merged = self.growth.as_ref().and_then(|growth| growth.tables.get(self.dataset()));
        let said: Vec<(&str, Attribute)> =
            origin.attributes().into_iter().map(|(name, value)| (name, value.into())).collect();
        let said = match merged {
            Some(table) => extend::sources(table, sources, &said, self.scheme.provenance),
            None => said,
        };
        for (name, value) in said.iter().map(|(name, value)| (*name, value.value())) {
            if attrs.iter().all(|(other, _)| *other != name) {
                attrs.push((name, value));
            }
        }
        if let Some(rewrite) = self.rewrite.as_ref().filter(|_| self.growth.is_none()) {
            self.output.set_categories(rewrite.categories());
        }
        self.scheme.ending.note(&mut self.dims, &dataset, self.output.dtype())?;
        self.output.finish(&dataset, &attrs)?;
        self.made.push(dataset);
        (self.begun, self.rows, self.all_bytes) = (false, 0, 0);
        Ok(())
    }
}

impl Sink for FileSink {
    fn prepare(&mut self) -> core::result::Result<bool, SinkError> {
        if !self.ready {
            let scheme = self.scheme.clone();
            let made = if self.growth.is_some() { &[][..] } else { &scheme.names };
            if let Some(there) = self.output.prepare(made, &self.scheme.ending).map_err(boxed)? {
                (self.dims, self.ready) = (there, true);
                self.check_names(made).map_err(boxed)?;
            }
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

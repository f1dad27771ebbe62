//! Rows on their way to datasets of chunks: through packers, and in order to the file.
//!
//! Each dataset is a series of steps: it is made, its blocks are added, it is finished. The
//! steps are taken in the order of the rows, as soon as the block that is next is packed, so
//! datasets follow one another without a wait in between.

#![allow(unsafe_code)]

use std::collections::VecDeque;
use std::string::String;
use std::sync::Arc;
use std::vec::Vec;

use super::error::ChunkError;
use super::geometry::Geometry;
use super::held::{Held, Of, Plan};
use crate::dtype_buf::DTypeBuf;
use crate::hdf5::{
    AttrValue, Attribute, Category, ChunkBlock, ChunkedPlan, Described, Extendable, Layout,
    Storage, Writer,
};
use crate::pack::{Filling, PackError, Press, Settings};
use crate::pool::default_workers;

/// Blocks under way for each worker, at most: one that is packed, and one that waits.
const PER_WORKER: usize = 2;
/// Memory for what a file says of a dataset, and what of that is no part of that for packing.
const METADATA: u64 = 2560;
const SPARE_METADATA: u64 = 8 << 20;
/// Bytes of a block, at most.
const MOST: u64 = 1 << 31;

type Result<T> = core::result::Result<T, ChunkError>;

/// Rows of the dataset that is read at the moment.
#[derive(Debug)]
struct Current {
    name: String,
    geometry: Arc<Geometry>,
    filling: Option<Filling>,
    /// Elements of a stacked dataset that are complete.
    elements: u64,
    /// Rows of blocks that were sent, of this element.
    rows: u64,
    /// The most rows that an element has.
    most_rows: u64,
    /// Rows of each chunk, once the first was sent.
    chunk_rows: Option<u64>,
    /// The table that was there before, until rows come for it.
    grown: Option<usize>,
    /// An element of rows that nobody has given, unless that is zeros.
    fill: Vec<u8>,
    /// What it is to be.
    of: Of,
}

impl Current {
    /// A dataset without rows.
    fn new(name: &str, geometry: Geometry, of: Of) -> Self {
        Self {
            name: name.into(),
            geometry: Arc::new(geometry),
            filling: None,
            elements: 0,
            rows: 0,
            most_rows: 0,
            chunk_rows: None,
            grown: None,
            fill: Vec::new(),
            of,
        }
    }

    /// Rows of the block that is filled.
    fn block_rows(&self) -> u64 {
        self.chunk_rows.unwrap_or_else(|| self.geometry.block_rows())
    }

    /// Where the next `rows` rows begin, and the shape of the dataset with them.
    fn place(&mut self, rows: u64) -> (Vec<u64>, Vec<u64>) {
        let (mut origin, mut shape) = (Vec::new(), Vec::new());
        if self.geometry.stacked {
            origin.push(self.elements);
            shape.push(self.elements + 1);
        }
        origin.push(self.rows);
        self.rows += rows;
        self.most_rows = self.most_rows.max(self.rows);
        shape.push(self.most_rows);
        shape.extend(&self.geometry.fixed);
        (origin, shape)
    }
}

/// What is to be done next on the file.
#[derive(Debug)]
enum Step {
    Begin(Plan),
    Open {
        table: usize,
    },
    Block {
        slot: u32,
        origin: Vec<u64>,
        shape: Vec<u64>,
    },
    End {
        shape: Vec<u64>,
        dtype: Arc<DTypeBuf>,
        attrs: Vec<(String, Attribute)>,
        types: Vec<Category>,
    },
    /// The end of one that is [like](ChunkedRows::begin_like) another.
    Close {
        shape: Vec<u64>,
    },
}

/// The way of rows into chunks.
#[derive(Debug)]
pub(crate) struct ChunkedRows {
    pub(crate) writer: Writer,
    press: Press,
    storage: Storage,
    current: Option<Current>,
    steps: VecDeque<Step>,
    /// Blocks of the dataset that cannot be made as yet, if types are known at the end only.
    held: Option<Held>,
    /// Columns that are numbers of labels, as far as they are known.
    types: Vec<Category>,
}

/// What packers may use.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Packing {
    /// Processes; without it, as many as there are cores, and with 0 this one packs.
    pub(crate) workers: Option<usize>,
    /// Bytes.
    pub(crate) memory: u64,
}

/// Forks the packers; to be done before the file is opened.
pub(crate) fn press(dtype: &DTypeBuf, storage: &Storage, packing: Packing) -> Result<Press> {
    let root = dtype.as_dtype().root();
    let columns: Vec<_> = root.fields().map(|field| (field.offset(), field.size())).collect();
    let sets = if storage.layout == Layout::Columns { columns.len() as u64 } else { 0 };
    let more = sets.saturating_mul(METADATA).saturating_sub(SPARE_METADATA);
    press_of(columns, storage, packing, more)
}

/// The same for datasets of any types, whose columns are none.
pub(crate) fn press_of_rows(storage: &Storage, packing: Packing) -> Result<Press> {
    press_of(Vec::new(), storage, packing, 0)
}

/// Blocks are as large as `packing` says, but fewer may be under way if others have `taken` some
/// of the memory.
fn press_of(
    columns: Vec<(u32, u32)>,
    storage: &Storage,
    packing: Packing,
    taken: u64,
) -> Result<Press> {
    let Packing { workers, memory } = packing;
    let workers = workers.unwrap_or_else(default_workers);
    let most = (memory / 2).clamp(1 << 20, MOST);
    // One is filled, one is packed, and one waits.
    let slots = (PER_WORKER * workers + 1).max(3);
    let settings = Settings {
        filters: storage.filters,
        columns,
        most_bytes: most as usize,
        workers,
        slots,
        memory: memory.saturating_sub(taken),
    };
    Ok(Press::start(settings)?)
}

impl ChunkedRows {
    pub(crate) fn new(writer: Writer, press: Press, storage: Storage) -> Self {
        let (current, steps, held, types) = (None, VecDeque::new(), None, Vec::new());
        Self { writer, press, storage, current, steps, held, types }
    }

    /// Makes each dataset when it ends: only then the labels of its columns are known.
    pub(crate) fn hold(&mut self) -> Result<()> {
        let held = Held::new().map_err(PackError::Core)?;
        self.press.watch(held.raw_fd()).map_err(PackError::Core)?;
        self.held = Some(held);
        Ok(())
    }

    /// Says which fields are numbers of labels: of the datasets that are made from now on, or
    /// of the one that ends next, if they are [held](Self::hold).
    pub(crate) fn set_categories(&mut self, types: Vec<Category>) {
        match &self.held {
            Some(_) => self.types = types,
            None => self.writer.set_categories(types),
        }
    }

    /// Begins a dataset of a dtype: one whose columns the packers were made for.
    pub(crate) fn begin(
        &mut self,
        name: &str,
        dtype: &Arc<DTypeBuf>,
        fixed: &[u64],
        stacked: bool,
    ) -> Result<()> {
        let geometry = Geometry::new(name, dtype.as_dtype(), fixed, stacked, &self.storage)?;
        self.current = Some(Current::new(name, geometry, Of::Typed(Arc::clone(dtype))));
        Ok(())
    }

    /// Begins a dataset of the type and with the attributes that another one has. Its rows are
    /// bytes as they lie in files.
    pub(crate) fn begin_like(&mut self, like: &Arc<Described>, fixed: &[u64]) -> Result<()> {
        let (name, element) = (&like.path, like.kind.size() as u64);
        let geometry = Geometry::of_bytes(name, element, fixed, &self.storage)?;
        self.current = Some(Current::new(name, geometry, Of::Like(Arc::clone(like))));
        Ok(())
    }

    /// Begins to add rows to a dataset that is there: one of those that the writer was
    /// [started](Writer::start_rows) with. If it is stacked, elements of its first axis.
    pub(crate) fn begin_rows(
        &mut self,
        number: usize,
        table: &Extendable,
        dtype: &Arc<DTypeBuf>,
        stacked: bool,
    ) {
        let geometry = Geometry::of(table, stacked);
        let first = table.extents.first().copied().unwrap_or(0);
        let second = table.extents.get(1).copied().unwrap_or(0);
        let places = if stacked { (first, 0, second) } else { (0, table.full_rows(), first) };
        let fill =
            if table.fill.iter().all(|&byte| byte == 0) { Vec::new() } else { table.fill.clone() };
        self.current = Some(Current {
            chunk_rows: Some(geometry.block_rows()),
            elements: places.0,
            rows: places.1,
            most_rows: places.2,
            grown: Some(number).filter(|_| !stacked),
            fill,
            ..Current::new(&table.path, geometry, Of::Typed(Arc::clone(dtype)))
        });
        self.steps.push_back(Step::Open { table: number });
    }

    /// Adds rows to it.
    pub(crate) fn add(&mut self, rows: &[u8]) -> Result<()> {
        // Those of the last chunk, if it is not full, are written again in front of the first.
        if let Some(table) = self.current.as_mut().and_then(|current| current.grown.take()) {
            let tail = self.writer.tail(table)?;
            self.put(&tail)?;
        }
        self.put(rows)
    }

    fn put(&mut self, mut rows: &[u8]) -> Result<()> {
        while !rows.is_empty() {
            let Some(mut current) = self.current.take() else { return Ok(()) };
            let block = current.geometry.row_bytes() * current.block_rows();
            let mut filling = match current.filling.take() {
                Some(filling) => filling,
                None => self.free_slot(block)?,
            };
            let n = self.press.fill(&mut filling, rows, block as usize);
            rows = rows.get(n..).unwrap_or_default();
            let full = filling.len() as u64 >= block;
            if n == 0 && !full {
                return Err(PackError::TooLarge.into());
            }
            current.filling = Some(filling);
            if full {
                self.send(&mut current)?;
            }
            self.current = Some(current);
        }
        Ok(())
    }

    /// Ends an element of a stacked dataset: what comes next belongs to the next one.
    pub(crate) fn next_element(&mut self) -> Result<()> {
        let Some(mut current) = self.current.take() else { return Ok(()) };
        if current.filling.is_some() {
            self.send(&mut current)?;
        }
        current.elements += 1;
        current.rows = 0;
        self.current = Some(current);
        Ok(())
    }

    /// Ends the dataset: all its rows were added.
    pub(crate) fn finish(&mut self, shape: &[u64], attrs: &[(&str, AttrValue<'_>)]) -> Result<()> {
        let Some(mut current) = self.current.take() else { return Ok(()) };
        if current.filling.is_some() {
            self.send(&mut current)?;
        }
        if current.chunk_rows.is_none() {
            let rows = current.geometry.block_rows();
            self.make(&mut current, rows);
        }
        let attrs = attrs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        let types = self.types.clone();
        self.steps.push_back(match current.of {
            Of::Like(_) => Step::Close { shape: shape.into() },
            Of::Typed(dtype) => Step::End { shape: shape.into(), dtype, attrs, types },
        });
        self.advance()
    }

    /// Sends the block that was filled.
    fn send(&mut self, current: &mut Current) -> Result<()> {
        let Some(mut filling) = current.filling.take() else { return Ok(()) };
        let rows = filling.len() as u64 / current.geometry.row_bytes();
        // A dataset of less than one chunk has a chunk of its size, unless one was asked for.
        let first = current.chunk_rows.is_none() && self.storage.chunk.is_empty();
        let chunk_rows = if first { rows } else { current.block_rows() };
        let order = current.geometry.order(chunk_rows).ok_or(PackError::TooMany)?;
        if !current.fill.is_empty() {
            let block = (current.geometry.row_bytes() * chunk_rows) as usize;
            while self.press.fill(&mut filling, &current.fill, block) > 0 {}
        }
        let slot = self.press.send(&filling, order)?;
        if current.chunk_rows.is_none() {
            self.make(current, chunk_rows);
        }
        let (origin, shape) = current.place(rows);
        self.steps.push_back(Step::Block { slot, origin, shape });
        self.advance()
    }

    fn make(&mut self, current: &mut Current, chunk_rows: u64) {
        current.chunk_rows = Some(chunk_rows);
        let (name, geometry) = (current.name.clone(), current.geometry.clone());
        let of = current.of.clone();
        self.steps.push_back(Step::Begin(Plan { name, geometry, chunk_rows, of }));
    }

    /// A slot to fill: if all are under way, waits for the one that is next.
    fn free_slot(&mut self, bytes: u64) -> Result<Filling> {
        loop {
            if let Some(filling) = self.press.take(bytes) {
                return Ok(filling);
            }
            self.press.wait(-1)?;
            self.advance()?;
        }
    }

    /// Takes all steps that can be taken without waiting.
    fn advance(&mut self) -> Result<()> {
        while self.press.wait(0)? {}
        while let Some(step) = self.steps.pop_front() {
            if let Some(step) = self.take(step)? {
                self.steps.push_front(step);
                return Ok(());
            }
        }
        Ok(())
    }

    /// Takes a step, or gives it back if its block is not packed yet, or there is more of it.
    fn take(&mut self, step: Step) -> Result<Option<Step>> {
        match step {
            Step::Begin(plan) => match &mut self.held {
                Some(held) => held.plan = Some(plan),
                None => self.create(&plan)?,
            },
            Step::Open { table } => self.writer.begin_rows(table)?,
            Step::Block { slot, ref origin, ref shape } => {
                let Some((chunks, data)) = self.press.packed(slot)? else { return Ok(Some(step)) };
                let block = ChunkBlock { shape, origin, chunks };
                match &mut self.held {
                    // SAFETY: the chunks lie in the slot until it is released, here and below.
                    Some(held) => unsafe { held.keep(&self.writer, block, data) }?,
                    // SAFETY: as above.
                    None => unsafe { self.writer.append_chunks(block, data) }?,
                }
                self.press.release(slot);
            }
            Step::Close { shape } => self.writer.finish_like(&shape)?,
            Step::End { shape, dtype, attrs, types } => {
                if !self.put_held(&types)? {
                    return Ok(Some(Step::End { shape, dtype, attrs, types }));
                }
                let dtype = dtype.as_dtype();
                let attrs: Vec<_> =
                    attrs.iter().map(|(name, value)| (name.as_str(), value.value())).collect();
                self.writer.finish_chunked(&shape, dtype, &attrs)?;
            }
        }
        Ok(None)
    }

    /// Makes a dataset.
    fn create(&mut self, plan: &Plan) -> Result<()> {
        let Plan { name, geometry, chunk_rows, of } = plan;
        let mut chunk = geometry.chunk.clone();
        if let Some(rows) = chunk.get_mut(usize::from(geometry.stacked)) {
            *rows = (*chunk_rows).max(1);
        }
        let (fixed, filters) = (geometry.fixed.as_slice(), self.storage.filters);
        match of {
            Of::Like(like) => Ok(self.writer.begin_like(like, &chunk, fixed, filters)?),
            Of::Typed(dtype) => Ok(self.writer.begin_chunked(ChunkedPlan {
                path: name,
                dtype: dtype.as_dtype(),
                columns: geometry.columns,
                chunk: &chunk,
                fixed,
                filters,
            })?),
        }
    }

    /// Makes the dataset that was held and puts some of its blocks into it; whether it has
    /// all of them.
    fn put_held(&mut self, types: &[Category]) -> Result<bool> {
        let Some(held) = &mut self.held else { return Ok(true) };
        if let Some(plan) = held.plan.take() {
            self.writer.set_categories(types.into());
            self.create(&plan)?;
        }
        self.held.as_mut().map_or(Ok(true), |held| Ok(held.put(&mut self.writer)?))
    }

    /// Whether the blocks of a dataset are on their way to the file.
    fn is_putting(&self) -> bool {
        matches!(self.steps.front(), Some(Step::End { .. }))
    }

    /// Does what can be done without waiting; whether there is room for more rows. If not,
    /// there is more to do when [`raw_fd`](Self::raw_fd) is readable.
    pub(crate) fn tend(&mut self) -> Result<bool> {
        self.advance()?;
        Ok(!self.is_putting() && self.press.has_room(self.block_bytes()))
    }

    /// Bytes of a block of the dataset: after [`tend`](Self::tend) said that there is room, so
    /// many are added without a wait.
    pub(crate) fn block_bytes(&self) -> u64 {
        self.current.as_ref().map_or(0, |c| c.geometry.row_bytes() * c.block_rows())
    }

    /// Does what can be done without waiting; whether that was all.
    pub(crate) fn complete(&mut self) -> Result<bool> {
        self.advance()?;
        Ok(self.steps.is_empty())
    }

    /// The descriptor that is readable when packers have done something.
    pub(crate) const fn raw_fd(&self) -> i32 {
        self.press.raw_fd()
    }
}

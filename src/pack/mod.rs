//! Blocks of rows to packed chunks: forked workers that compress, beside those that parse.
//!
//! For [`convert`](crate::convert). A [`Press`] has slots of shared memory. The caller fills
//! one with the rows of a block, [sends](Press::send) it, and takes the chunks when they are
//! [there](Press::packed), in the order that it likes: that of the rows, so that the number of
//! workers makes no difference. The workers are forked before any HDF5 file is opened; which
//! shape a block has is said when it is sent.

#![allow(unsafe_code)]

mod order;

pub(crate) use order::{AXES, Order};

use std::collections::VecDeque;
use std::sync::Arc;
use std::vec::Vec;

use bytemuck::Zeroable;

use self::order::Answer;
use crate::error::{Error, Result};
use crate::filter::{Chunk, Filters, Packer, Tiles};
use crate::pool::{Event, Pool, Work};
use crate::sys::{Ended, Map, page_size};

/// Workers forked beyond those that are used at first.
const SPARES: usize = 1;
/// Blocks that a worker has at once: one to do, one to begin with right after.
const DEPTH: usize = 2;
/// Chunks that a block may have if its columns are not more.
const CHUNKS: usize = 4096;

/// What packers need to know.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) filters: Filters,
    /// Offset and bytes of each column in a row.
    pub(crate) columns: Vec<(u32, u32)>,
    /// Most bytes of a block.
    pub(crate) most_bytes: usize,
    /// Worker processes; 0 to pack in this one.
    pub(crate) workers: usize,
    /// Blocks that may be under way at once.
    pub(crate) slots: usize,
    /// Bytes that they may take, with their chunks; two may be under way in any case.
    pub(crate) memory: u64,
}

/// Why a block could not be packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PackError {
    /// The system refused.
    Core(Error),
    /// Workers died of it, twice.
    Died(Ended),
    /// The block does not fit the memory.
    TooLarge,
    /// The block has too many chunks, or they too many axes.
    TooMany,
}

impl From<Error> for PackError {
    fn from(error: Error) -> Self {
        Self::Core(error)
    }
}

/// Slots: for a block, for its chunks, and for the table of them.
#[derive(Debug)]
struct Slots {
    map: Map,
    block: usize,
    out: usize,
    size: usize,
    chunks: usize,
}

impl Slots {
    fn new(settings: &Settings) -> Result<Self> {
        let chunks = settings.columns.len().max(CHUNKS);
        let page = page_size();
        let round = |bytes: usize| bytes.checked_next_multiple_of(page).ok_or(Error::Overflow);
        let block = round(settings.most_bytes)?;
        // A chunk that gets larger is stored as it is, with a checksum at most; but chunks at the
        // edges are filled up.
        let out = round(block.saturating_mul(2).saturating_add(chunks * 8))?;
        let table = round(chunks * size_of::<Chunk>())?;
        let size = block.saturating_add(out).saturating_add(table);
        let all = size.checked_mul(settings.slots).ok_or(Error::Overflow)?;
        Ok(Self { map: Map::shared_anonymous(all)?, block, out, size, chunks })
    }

    /// Whether a block and its chunks fit a slot.
    fn hold(&self, tiles: &Tiles<'_>, filters: Filters) -> bool {
        tiles.block_bytes() <= self.block
            && tiles.count() <= self.chunks
            && tiles.packed_bound(filters) <= self.out
    }

    /// The block of a slot.
    fn block(&self, slot: u32) -> *mut u8 {
        self.map.as_ptr().wrapping_add(slot as usize * self.size)
    }

    /// The chunks of a slot, one behind the other.
    fn out(&self, slot: u32) -> *mut u8 {
        self.block(slot).wrapping_add(self.block)
    }

    /// One entry for each chunk.
    fn table(&self, slot: u32) -> *mut Chunk {
        self.out(slot).wrapping_add(self.out).cast()
    }
}

/// The worker's side.
#[derive(Debug)]
struct Packing {
    slots: Arc<Slots>,
    packer: Packer,
    columns: Vec<(u32, u32)>,
    filters: Filters,
}

// SAFETY: `run` computes on memory that was made before the fork: the packer allocates
// nothing after its construction. The slots are anonymous memory, no segment.
unsafe impl Work for Packing {
    type Task = Order;
    type Reply = Answer;

    fn run(&mut self, order: &Order) -> Answer {
        let slot = order.slot;
        let failed = Answer::new(slot, 0);
        let Some(tiles) = order.tiles(&self.columns) else {
            return failed;
        };
        if !self.slots.hold(&tiles, self.filters) {
            return failed;
        }
        let (block, out) = (self.slots.block(slot), self.slots.out(slot));
        let table = self.slots.table(slot);
        // SAFETY: block, chunks and table lie in the slot, which has room for them, and the
        // parent leaves it alone until the answer.
        let bytes = unsafe { self.packer.pack(&tiles, block, out, table) };
        Answer::new(slot, bytes as u64)
    }
}

/// A slot that is being filled.
#[derive(Debug)]
pub(crate) struct Filling {
    slot: u32,
    len: usize,
}

impl Filling {
    /// Bytes in it.
    pub(crate) const fn len(&self) -> usize {
        self.len
    }
}

/// A block that was sent.
#[derive(Debug)]
struct Sent {
    order: Order,
    deaths: u32,
    /// Its chunks, once it is packed. A copy: what was checked is what counts.
    done: Option<Vec<Chunk>>,
    /// How it failed.
    error: Option<PackError>,
}

/// Packers at work.
#[derive(Debug)]
pub(crate) struct Press {
    pool: Pool<Packing>,
    slots: Arc<Slots>,
    filters: Filters,
    columns: Vec<(u32, u32)>,
    /// Bytes that blocks under way may take, with their chunks.
    memory: u64,
    free: Vec<u32>,
    sent: Vec<Option<Sent>>,
    /// Slots that wait for a worker.
    waiting: VecDeque<u32>,
    /// The slots that each worker has, in its order.
    given: Vec<VecDeque<u32>>,
}

impl Press {
    /// Makes the slots and forks the workers.
    pub(crate) fn start(settings: Settings) -> core::result::Result<Self, PackError> {
        let slots = Arc::new(Slots::new(&settings)?);
        let Settings { filters, columns, most_bytes, workers, .. } = settings;
        let (count, memory) = (settings.slots, settings.memory);
        let packer = Packer::new(most_bytes, most_bytes, filters)?;
        let mut work = Packing { slots: slots.clone(), packer, columns: columns.clone(), filters };
        let pool = match workers {
            0 => Pool::here(work)?,
            _ => Pool::fork(workers, SPARES, &mut work)?,
        };
        let given = (0..pool.len()).map(|_| VecDeque::with_capacity(DEPTH)).collect();
        let sent = (0..count).map(|_| None).collect();
        let free = (0..count as u32).rev().collect();
        Ok(Self {
            pool,
            slots,
            filters,
            columns,
            memory,
            free,
            sent,
            waiting: VecDeque::new(),
            given,
        })
    }

    /// Whether there is a slot to fill with a block of so many bytes: not if all are under
    /// way, or as many as there is memory for.
    pub(crate) fn has_room(&self, bytes: u64) -> bool {
        let most = self.memory / bytes.saturating_mul(2).max(1);
        let used = self.sent.len() - self.free.len();
        !self.free.is_empty() && (used as u64) < most.max(2)
    }

    /// A slot to fill with a block of so many bytes, if there is [room](Self::has_room).
    pub(crate) fn take(&mut self, bytes: u64) -> Option<Filling> {
        if !self.has_room(bytes) {
            return None;
        }
        self.free.pop().map(|slot| Filling { slot, len: 0 })
    }

    /// The descriptor that is readable when [`wait`](Self::wait) has something to do.
    pub(crate) const fn raw_fd(&self) -> i32 {
        self.pool.raw_fd()
    }

    /// Makes a descriptor end a [`wait`](Self::wait), too, as long as it is readable.
    pub(crate) fn watch(&self, fd: i32) -> Result<()> {
        self.pool.watch(fd)
    }

    /// Adds bytes to a slot, as many as fit into a block of `most` bytes; answers how many.
    pub(crate) fn fill(&self, filling: &mut Filling, bytes: &[u8], most: usize) -> usize {
        let n = bytes.len().min(most.min(self.slots.block).saturating_sub(filling.len));
        let to = self.slots.block(filling.slot).wrapping_add(filling.len);
        // SAFETY: the slot has room for `n` bytes more, and no worker has it.
        unsafe { core::ptr::copy_nonoverlapping(bytes.as_ptr(), to, n) };
        filling.len += n;
        n
    }

    /// Sends a slot to be packed. What was not filled becomes zeros. Answers with the number
    /// by which [`packed`](Self::packed) knows it.
    pub(crate) fn send(
        &mut self,
        filling: &Filling,
        order: Order,
    ) -> core::result::Result<u32, PackError> {
        let slot = filling.slot;
        let tiles = order.tiles(&self.columns).ok_or(PackError::TooMany)?;
        if tiles.count() > self.slots.chunks {
            return Err(PackError::TooMany);
        }
        if !self.slots.hold(&tiles, self.filters) {
            return Err(PackError::TooLarge);
        }
        let rest = tiles.block_bytes().saturating_sub(filling.len);
        let at = self.slots.block(slot).wrapping_add(filling.len);
        // SAFETY: the block's bytes lie in the slot, as was just checked.
        unsafe { core::ptr::write_bytes(at, 0, rest) };
        let order = order.in_slot(slot);
        let place = self.sent.get_mut(slot as usize).ok_or(PackError::TooLarge)?;
        *place = Some(Sent { order, deaths: 0, done: None, error: None });
        self.waiting.push_back(slot);
        self.dispatch()?;
        Ok(slot)
    }

    fn dispatch(&mut self) -> Result<()> {
        while let Some(&slot) = self.waiting.front() {
            let Some(worker) = self.least_busy() else { return Ok(()) };
            self.waiting.pop_front();
            let Some(Some(sent)) = self.sent.get(slot as usize) else { continue };
            if let Some(list) = self.given.get_mut(worker) {
                list.push_back(slot);
            }
            self.pool.send(worker, &sent.order)?;
        }
        Ok(())
    }

    /// The living worker with the fewest blocks, if one can take more.
    fn least_busy(&self) -> Option<usize> {
        let alive = (0..self.given.len()).filter(|&w| self.pool.is_alive(w));
        let load = |w: &usize| self.given.get(*w).map_or(DEPTH, VecDeque::len);
        alive.min_by_key(load).filter(|w| load(w) < DEPTH)
    }

    /// Waits until a block is packed, or takes what is there (`timeout_ms` of 0); whether
    /// there was something.
    pub(crate) fn wait(&mut self, timeout_ms: i32) -> core::result::Result<bool, PackError> {
        match self.pool.wait(timeout_ms)? {
            Event::Reply { worker, reply } => self.answered(worker, reply),
            Event::Died { worker, how, .. } => self.died(worker, how)?,
            Event::Idle => return Ok(false),
        }
        self.dispatch()?;
        Ok(true)
    }

    fn answered(&mut self, worker: usize, answer: Answer) {
        let Some(slot) = self.given.get_mut(worker).and_then(VecDeque::pop_front) else { return };
        let chunks = self.believed(slot, answer);
        if let Some(Some(sent)) = self.sent.get_mut(slot as usize) {
            sent.error = if chunks.is_none() { Some(PackError::TooLarge) } else { None };
            sent.done = chunks;
        }
    }

    /// The chunks, if what a worker says of them can be: they are read by their lengths, and
    /// must lie in the slot.
    fn believed(&self, slot: u32, answer: Answer) -> Option<Vec<Chunk>> {
        let sent = self.sent.get(slot as usize)?.as_ref()?;
        let count = sent.order.tiles(&self.columns)?.count();
        let chunks = self.chunks(slot, count);
        let all: u64 = chunks.iter().map(|chunk| u64::from(chunk.len)).sum();
        let fits = all == answer.bytes && all <= self.slots.out as u64 && all > 0;
        (answer.slot == slot && fits).then_some(chunks)
    }

    /// A copy of a slot's table.
    fn chunks(&self, slot: u32, count: usize) -> Vec<Chunk> {
        let mut chunks = std::vec![Chunk::zeroed(); count.min(self.slots.chunks)];
        let table = self.slots.table(slot);
        for (i, chunk) in chunks.iter_mut().enumerate() {
            // SAFETY: the table lies in the slot, aligned as pages are, and any bytes are an
            // entry; its worker has answered.
            *chunk = unsafe { table.wrapping_add(i).read() };
        }
        chunks
    }

    /// Has others do what a dead worker had. What it was doing may have killed it.
    fn died(&mut self, worker: usize, how: Ended) -> core::result::Result<(), PackError> {
        let lost = self.given.get_mut(worker).map(core::mem::take).unwrap_or_default();
        for (i, &slot) in lost.iter().enumerate().rev() {
            let Some(Some(sent)) = self.sent.get_mut(slot as usize) else { continue };
            sent.deaths += u32::from(i == 0);
            if sent.deaths > 1 {
                return Err(PackError::Died(how));
            }
            self.waiting.push_front(slot);
        }
        if self.pool.is_empty() { Err(PackError::Died(how)) } else { Ok(()) }
    }

    /// The chunks of a block that was sent: their sizes and where the first one begins; none
    /// as long as it is under way.
    pub(crate) fn packed(
        &self,
        slot: u32,
    ) -> core::result::Result<Option<(&[Chunk], *const u8)>, PackError> {
        let Some(Some(sent)) = self.sent.get(slot as usize) else { return Ok(None) };
        if let Some(error) = sent.error {
            return Err(error);
        }
        let out: *const u8 = self.slots.out(slot);
        Ok(sent.done.as_deref().map(|chunks| (chunks, out)))
    }

    /// Gives a packed block's slot back.
    pub(crate) fn release(&mut self, slot: u32) {
        if let Some(place) = self.sent.get_mut(slot as usize) {
            *place = None;
            self.free.push(slot);
        }
    }
}

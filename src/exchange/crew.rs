//! Workers that unpack the chunks of a dataset, each to its place in the segment.
//!
//! For [`import`](super::import). Workers read the file themselves and write into the segment,
//! which they share with this process; HDF5 has nothing to do with it. Chunks are given out in
//! the order of their places in the file. What a worker had when it died is given to others; the
//! second death of a chunk is an error. Little work is done by this process.

#![allow(unsafe_code)]

use core::time::Duration;
use std::collections::VecDeque;
use std::sync::Arc;
use std::vec::Vec;

use super::error::Result;
use super::unpacking::{Failed, Reply, Task, Unpacking};
use crate::hdf5::{ChunkFault, Packed};
use crate::pool::{Event, Pool};
use crate::sys::{self, Ended};

/// Workers forked beyond those that are used at first.
const SPARES: usize = 2;
/// Tasks that a worker has at once: one to do, one to begin with right after.
const DEPTH: usize = 2;
/// Bytes of the array that a task is about.
const SHARE: u64 = 1 << 20;
/// Bytes from which on forks are worth it.
const WORTH_A_FORK: usize = 4 << 20;

/// A task on its way.
#[derive(Debug, Clone, Copy)]
struct Given {
    task: Task,
    deaths: u32,
}

/// Workers at work.
#[derive(Debug)]
pub(super) struct Crew {
    pool: Pool<Unpacking>,
    packed: Arc<Packed>,
    /// Elements that are filled before chunks are unpacked: up to which they were given, and all.
    filled: u64,
    to_fill: u64,
    /// The first chunk that was not given.
    next: usize,
    /// Tasks that dead workers had.
    lost: VecDeque<Given>,
    /// What each worker has, in its order.
    given: Vec<VecDeque<Given>>,
    /// Bytes of the array that are there.
    done: u64,
}

impl Crew {
    /// Begins to fill the array at `data`, with so many workers if that is worth it.
    ///
    /// # Safety
    /// * `data` is writable for the bytes of the array, and shared with children, as long as
    ///   this is there; nobody else uses it.
    pub(super) unsafe fn start(packed: Arc<Packed>, data: *mut u8, workers: usize) -> Result<Self> {
        // SAFETY: by this function's contract.
        let mut work = unsafe { Unpacking::new(packed.clone(), data) }?;
        let (count, all) = (packed.chunks.len(), packed.tiles.block_bytes());
        let pool = if count < 2 || all < WORTH_A_FORK || workers == 0 {
            Pool::here(work)?
        } else {
            Pool::fork(workers.min(count), SPARES, &mut work)?
        };
        let is_full = count == packed.tiles.count() || packed.fill.is_none();
        let to_fill = if is_full { 0 } else { (all / packed.element.max(1)) as u64 };
        let there: u64 = packed.chunks.iter().map(|chunk| packed.bytes(chunk.index)).sum();
        let given = (0..pool.len()).map(|_| VecDeque::with_capacity(DEPTH)).collect();
        let (done, lost) = ((all as u64).saturating_sub(there), VecDeque::new());
        let mut crew = Self { pool, packed, filled: 0, to_fill, next: 0, lost, given, done };
        if crew.is_forked() {
            // Whoever polls now waits for an answer.
            crew.dispatch()?;
        }
        Ok(crew)
    }

    /// Whether there are processes to be waited for.
    pub(super) fn is_forked(&self) -> bool {
        self.pool.processes() > 0
    }

    /// The descriptor that is readable when a step has something to do.
    pub(super) const fn raw_fd(&self) -> i32 {
        self.pool.raw_fd()
    }

    /// Ends waiting also when `bell` rings.
    pub(super) fn watch(&self, bell: i32) -> Result<()> {
        Ok(self.pool.watch(bell)?)
    }

    /// Waits for a worker, no longer than `timeout`, and takes what others have done; how many
    /// bytes of the array are there.
    pub(super) fn step(&mut self, timeout: Duration) -> Result<u64> {
        self.dispatch()?;
        let mut wait = sys::whole_ms(timeout);
        for _ in 0..self.given.len() * DEPTH {
            match self.pool.wait(wait)? {
                Event::Reply { worker, reply } => self.answered(worker, &reply)?,
                Event::Died { worker, how, .. } => self.died(worker, how)?,
                Event::Idle => break,
            }
            wait = 0;
            if !self.is_forked() {
                break;
            }
            self.dispatch()?;
        }
        Ok(self.bytes_done())
    }

    /// Not all before the last answer.
    fn bytes_done(&self) -> u64 {
        let all = self.packed.tiles.block_bytes() as u64;
        let under_way = self.given.iter().any(|list| !list.is_empty()) || !self.lost.is_empty();
        let rest = self.filled < self.to_fill || self.next < self.packed.chunks.len();
        if under_way || rest { self.done.min(all.saturating_sub(1)) } else { all }
    }

    fn dispatch(&mut self) -> Result<()> {
        while let Some(worker) = self.least_busy() {
            let Some(given) = self.next_task() else { break };
            if let Some(list) = self.given.get_mut(worker) {
                list.push_back(given);
            }
            self.pool.send(worker, &given.task)?;
        }
        Ok(())
    }

    /// The living worker with the fewest tasks, if one can take more.
    fn least_busy(&self) -> Option<usize> {
        let depth = if self.is_forked() { DEPTH } else { 1 };
        let alive = (0..self.given.len()).filter(|&worker| self.pool.is_alive(worker));
        let load = |&worker: &usize| self.given.get(worker).map_or(depth, VecDeque::len);
        alive.min_by_key(load).filter(|worker| load(worker) < depth)
    }

    fn next_task(&mut self) -> Option<Given> {
        let lost = self.lost.pop_front();
        lost.or_else(|| self.next_fill()).or_else(|| self.next_chunks())
    }

    fn next_fill(&mut self) -> Option<Given> {
        let count = (SHARE / self.packed.element.max(1) as u64).max(1);
        let count = count.min(self.to_fill - self.filled);
        let task = Task { first: self.filled, count, fills: 1 };
        self.filled += count;
        (count > 0).then_some(Given { task, deaths: 0 })
    }

    fn next_chunks(&mut self) -> Option<Given> {
        // What is filled must not be unpacked before.
        if self.given.iter().flatten().any(|given| given.task.fills == 1) {
            return None;
        }
        let count = (SHARE / self.packed.tiles.chunk_bytes(0).max(1) as u64).max(1);
        let count = count.min((self.packed.chunks.len() - self.next) as u64);
        let task = Task { first: self.next as u64, count, fills: 0 };
        self.next += count as usize;
        (count > 0).then_some(Given { task, deaths: 0 })
    }

    fn answered(&mut self, worker: usize, reply: &Reply) -> Result<()> {
        let Some(Given { task, .. }) = self.given.get_mut(worker).and_then(VecDeque::pop_front)
        else {
            return Ok(());
        };
        match reply.failed() {
            Some(Failed::Chunk(what)) => return self.refuse(reply.chunk, what),
            Some(Failed::Unreadable(errno)) => return Err(self.packed.unreadable(errno).into()),
            None => {}
        }
        if task.fills == 0 {
            let chunks = self.packed.chunks.iter().skip(task.first as usize);
            let bytes =
                chunks.take(task.count as usize).map(|chunk| self.packed.bytes(chunk.index));
            self.done += bytes.sum::<u64>();
        }
        Ok(())
    }

    fn refuse(&self, chunk: u64, what: ChunkFault) -> Result<()> {
        let index = self.packed.chunks.get(chunk as usize).map_or(0, |chunk| chunk.index);
        Err(self.packed.fault(index, what).into())
    }

    /// Has others do what a dead worker had. What it was doing may have killed it: each chunk of
    /// that is a task of its own from now on.
    fn died(&mut self, worker: usize, how: Ended) -> Result<()> {
        let lost = self.given.get_mut(worker).map(core::mem::take).unwrap_or_default();
        for (i, given) in lost.into_iter().enumerate().rev() {
            let Given { task, deaths } = given;
            if i > 0 || task.fills == 1 {
                self.lost.push_front(given);
                continue;
            }
            if deaths > 0 {
                return self.refuse(task.first, ChunkFault::Died(how));
            }
            for first in (task.first..task.first + task.count).rev() {
                self.lost.push_front(Given { task: Task { first, count: 1, fills: 0 }, deaths: 1 });
            }
        }
        let first = self.lost.front().map_or(self.next as u64, |given| given.task.first);
        if self.pool.is_empty() { self.refuse(first, ChunkFault::Died(how)) } else { Ok(()) }
    }
}

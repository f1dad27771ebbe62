//! Threads that take rows.
//!
//! They are forked from nowhere and touch nothing but copies of rows, so whatever order they
//! take them in and however many they are, what they have together is the same.

use std::collections::VecDeque;
use std::string::String;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::vec::Vec;

use super::columns::Table;
use super::error::{DescribeError, Result};
use crate::sys::Bell;

/// Name of the threads.
const NAME: &str = "ndshm-describe";

/// Rows on their way to threads.
#[derive(Debug)]
pub(super) struct Crew {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<Table>>,
    /// Blocks that were made, and how many there may be.
    blocks: usize,
    most: usize,
}

#[derive(Debug)]
struct Shared {
    queue: Mutex<Queue>,
    /// There are rows, or there will be none.
    filled: Condvar,
    /// A block is free.
    freed: Condvar,
    /// The same, for whoever polls.
    bell: Arc<Bell>,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: VecDeque<Vec<u8>>,
    /// Blocks that threads are at.
    taken: usize,
    free: Vec<Vec<u8>>,
    ended: bool,
    /// A thread is gone that should not be.
    broken: bool,
    /// Somebody waits for the bell.
    rings: bool,
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Crew {
    /// So many threads, each with a table like this one.
    /// The bell rings when there is room again, or all is done, after it was said that there is
    /// not.
    pub(super) fn new(like: &Table, threads: usize, bell: Arc<Bell>) -> Result<Self> {
        let shared =
            Shared { queue: Mutex::default(), filled: Condvar::new(), freed: Condvar::new(), bell };
        let most = threads + 2;
        let mut crew = Self { shared: Arc::new(shared), threads: Vec::new(), blocks: 0, most };
        for _ in 0..threads {
            let (shared, table) = (Arc::clone(&crew.shared), like.another());
            let thread = thread::Builder::new().name(String::from(NAME));
            let thread = thread.spawn(move || work(&shared, table));
            crew.threads.push(thread.map_err(DescribeError::Thread)?);
        }
        Ok(crew)
    }

    /// Whether rows can be [sent](Self::send) without a wait.
    pub(super) fn has_room(&self) -> bool {
        self.shared.bell.silence();
        let mut queue = self.shared.queue();
        let has = self.blocks < self.most || !queue.free.is_empty() || queue.broken;
        queue.rings = !has;
        has
    }

    /// Whether all rows were taken.
    pub(super) fn is_idle(&self) -> bool {
        self.shared.bell.silence();
        let mut queue = self.shared.queue();
        let is_idle = queue.broken || (queue.waiting.is_empty() && queue.taken == 0);
        queue.rings = !is_idle;
        is_idle
    }

    /// Gives whole rows to a thread; waits for room.
    pub(super) fn send(&mut self, rows: &[u8]) -> Result<()> {
        let mut queue = self.shared.queue();
        while queue.free.is_empty() && self.blocks >= self.most && !queue.broken {
            queue = self.shared.freed.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        if queue.broken {
            return Err(DescribeError::Panic);
        }
        let block = queue.free.pop();
        drop(queue);
        let mut block = block.unwrap_or_else(|| {
            self.blocks += 1;
            Vec::new()
        });
        block.clear();
        block.extend_from_slice(rows);
        self.shared.queue().waiting.push_back(block);
        self.shared.filled.notify_one();
        Ok(())
    }

    /// Waits until all rows are taken, and adds what the threads have.
    pub(super) fn finish(mut self, to: &mut Table) -> Result<()> {
        self.shared.queue().ended = true;
        self.shared.filled.notify_all();
        for thread in self.threads.drain(..) {
            to.merge(thread.join().map_err(|_| DescribeError::Panic)?);
        }
        Ok(())
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        let mut queue = self.shared.queue();
        queue.ended = true;
        queue.waiting.clear();
        drop(queue);
        self.shared.filled.notify_all();
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// Says that a block is done, however its thread ends.
struct Turn<'s> {
    shared: &'s Shared,
    block: Option<Vec<u8>>,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut queue = self.shared.queue();
        queue.taken -= 1;
        match self.block.take() {
            Some(block) if !thread::panicking() => queue.free.push(block),
            _ => queue.broken = true,
        }
        if core::mem::take(&mut queue.rings) {
            self.shared.bell.ring();
        }
        drop(queue);
        self.shared.freed.notify_one();
    }
}

/// A thread: takes blocks until there are no more.
fn work(shared: &Shared, mut table: Table) -> Table {
    loop {
        let mut queue = shared.queue();
        let block = loop {
            match queue.waiting.pop_front() {
                Some(block) => break block,
                None if queue.ended => return table,
                None => {
                    queue = shared.filled.wait(queue).unwrap_or_else(PoisonError::into_inner);
                }
            }
        };
        queue.taken += 1;
        drop(queue);
        let turn = Turn { shared, block: Some(block) };
        table.take(turn.block.as_deref().unwrap_or_default());
    }
}

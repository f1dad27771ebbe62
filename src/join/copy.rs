//! The rows of the shards, copied to their places in one file.

use core::ops::Range;
use std::string::String;
use std::vec;
use std::vec::Vec;

use super::Shard;
use super::error::{JoinError, Result};
use super::fault::Fault;
use super::look::{self, Seen, refused, unreadable};
use super::plan::{Joined, Plan, text_of};
use super::sink::{Home, Sink};
use crate::hdf5::{self, Box, Described, Kept};

/// Bytes of one piece, as a rule: one element may be larger.
const PIECE: u64 = 8 << 20;

/// A dataset of a shard on its way.
#[derive(Debug)]
struct Part {
    dataset: String,
    shard: usize,
    shape: Option<Vec<u64>>,
    /// Where its bytes go; none if it has chunks.
    to: Option<u64>,
    bytes: u64,
}

/// What is to be done.
#[derive(Debug)]
enum Task {
    /// A dataset of chunks is begun.
    Begin(String),
    Copy(Part),
    /// It has all its rows.
    End(String),
}

/// What a step has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Went {
    /// So many bytes were copied.
    On(u64),
    /// Nothing can be done as long as packers have enough to do.
    Waits,
    /// There is nothing more.
    Done,
}

/// All of it.
#[derive(Debug, Default)]
pub(super) struct Copy {
    /// In reverse order.
    tasks: Vec<Task>,
    now: Option<Now>,
    buffer: Vec<u8>,
    /// What of the buffer waits for packers.
    waiting: Range<usize>,
}

/// What is being copied.
#[derive(Debug)]
struct Now {
    part: Part,
    seen: Seen,
    found: Described,
    done: u64,
    pieces: Pieces,
}

impl Copy {
    /// Makes the datasets; their rows come later.
    pub(super) fn new(plan: &Plan, sink: &mut Sink) -> Result<Self> {
        let mut tasks = Vec::new();
        for joined in plan.datasets.values() {
            let element = joined.first.kind.size() as u64;
            let bytes = bytes(joined.shape.as_deref(), element);
            let bytes = bytes.ok_or_else(|| too_large(joined))?;
            let (home, name) = (sink.place(joined, bytes)?, || joined.first.path.clone());
            let mut to = match home {
                Home::Nowhere => continue,
                Home::Block(at) => Some(at),
                Home::Chunks => {
                    tasks.push(Task::Begin(name()));
                    None
                }
            };
            for part in &joined.parts {
                let (dataset, shard, shape) = (name(), part.shard, part.shape.clone());
                let bytes = self::bytes(shape.as_deref(), element).unwrap_or(0);
                tasks.push(Task::Copy(Part { dataset, shard, shape, to, bytes }));
                to = to.map(|at| at + bytes);
            }
            if home == Home::Chunks {
                tasks.push(Task::End(name()));
            }
        }
        tasks.reverse();
        Ok(Self { tasks, ..Self::default() })
    }

    /// Bytes that are to be copied.
    pub(super) fn bytes(&self) -> u64 {
        let bytes = |task: &Task| if let Task::Copy(part) = task { part.bytes } else { 0 };
        self.tasks.iter().map(bytes).sum()
    }

    /// Copies a piece, or hands on what was read.
    pub(super) fn step(&mut self, plan: &Plan, shards: &[Shard], to: &mut Sink) -> Result<Went> {
        if !self.waiting.is_empty() {
            return self.hand_on(to);
        }
        let mut now = match self.now.take() {
            Some(now) => now,
            None => match self.tasks.pop() {
                Some(Task::Copy(part)) => open(part, plan, shards)?,
                Some(Task::Begin(name)) => {
                    to.begin(find(plan, &name)?)?;
                    return Ok(Went::On(0));
                }
                Some(Task::End(name)) => {
                    to.end(find(plan, &name)?)?;
                    return Ok(Went::On(0));
                }
                None => return Ok(if to.complete()? { Went::Done } else { Went::Waits }),
            },
        };
        let read = now.read(&mut self.buffer, shards)?;
        let (at, done) = (now.part.to, now.done);
        now.done += read as u64;
        if now.done < now.part.bytes {
            self.now = Some(now);
        }
        match (at, self.buffer.get(..read)) {
            (Some(at), Some(bytes)) => to.writer().put(at + done, bytes)?,
            (None, Some([_, ..])) => {
                self.waiting = 0..read;
                return self.hand_on(to);
            }
            _ => {}
        }
        Ok(Went::On(read as u64))
    }

    /// Gives packers as much as they take.
    fn hand_on(&mut self, to: &mut Sink) -> Result<Went> {
        let added = to.add(self.buffer.get(self.waiting.clone()).unwrap_or_default())?;
        self.waiting.start += added;
        Ok(if added == 0 { Went::Waits } else { Went::On(added as u64) })
    }
}

fn find<'p>(plan: &'p Plan, name: &str) -> Result<&'p Joined> {
    let unknown = hdf5::Error::Order("a dataset was never looked at");
    Ok(plan.datasets.get(name).ok_or(unknown)?)
}

fn too_large(joined: &Joined) -> JoinError {
    let dataset = joined.first.path.clone();
    JoinError::Shape { dataset, why: "is larger than any file can be" }
}

fn bytes(shape: Option<&[u64]>, element: u64) -> Option<u64> {
    let Some(shape) = shape else { return Some(0) };
    shape.iter().try_fold(element, |bytes, &n| bytes.checked_mul(n))
}

pub(super) fn described(joined: &Joined) -> hdf5::Joined<'_> {
    hdf5::Joined {
        path: &joined.first.path,
        kind: &joined.first.kind,
        shape: joined.shape.as_deref(),
        attributes: &joined.first.attributes,
    }
}

/// Opens a shard once more, and looks whether it still is what it was.
fn open(part: Part, plan: &Plan, shards: &[Shard]) -> Result<Now> {
    let (Some(shard), Some(joined)) = (shards.get(part.shard), plan.datasets.get(&part.dataset))
    else {
        return Err(hdf5::Error::Order("a shard was never looked at").into());
    };
    let failed = |fault| JoinError::Shard {
        index: part.shard,
        path: shard.path.clone(),
        dataset: Some(part.dataset.clone()),
        fault,
    };
    let seen = look::open(&shard.path).map_err(failed)?;
    if seen.bytes != shard.bytes {
        return Err(failed(Fault::Size { noted: shard.bytes, found: seen.bytes }));
    }
    let found = hdf5::read(&shard.path, |reading| reading.describe(&part.dataset));
    let found = found.map_err(|error| failed(refused(&shard.path, &error)))?;
    if found.shape != part.shape {
        let texts = (text_of(part.shape.as_deref()), text_of(found.shape.as_deref()));
        return Err(failed(Fault::Shape { noted: texts.0, found: texts.1 }));
    }
    if !found.kind.is_same(&joined.first.kind)? {
        let texts = (joined.first.kind.text().into(), found.kind.text().into());
        return Err(failed(Fault::DType { noted: texts.0, found: texts.1 }));
    }
    let pieces = Pieces::new(found.shape.as_deref().unwrap_or_default(), found.kind.size() as u64);
    Ok(Now { part, seen, found, done: 0, pieces })
}

impl Now {
    /// Reads the next piece to the beginning of the buffer; its bytes.
    fn read(&mut self, buffer: &mut Vec<u8>, shards: &[Shard]) -> Result<usize> {
        let left = self.part.bytes - self.done;
        match self.found.storage {
            _ if left == 0 => Ok(0),
            Kept::Contiguous(at) if self.found.stored == self.part.bytes => {
                let piece = make_room(buffer, left.min(PIECE))?;
                let read = self.seen.file.read_at(piece, at + self.done).map_err(unreadable);
                match read.map_err(|fault| self.failed(fault, shards))? {
                    0 => Err(self.failed(self.cut_off(at), shards)),
                    read => Ok(read),
                }
            }
            _ => self.read_by_hdf5(buffer, shards),
        }
    }

    fn cut_off(&self, at: u64) -> Fault {
        Fault::Outside { end: at + self.part.bytes, size: at + self.done }
    }

    fn read_by_hdf5(&mut self, buffer: &mut Vec<u8>, shards: &[Shard]) -> Result<usize> {
        let Some((start, count)) = self.pieces.next() else {
            return Err(hdf5::Error::Order("a dataset ended before its last row").into());
        };
        let bytes = bytes(Some(&count), self.found.kind.size() as u64).unwrap_or(u64::MAX);
        let piece = make_room(buffer, bytes)?;
        let path = shards.get(self.part.shard).map(|shard| shard.path.clone()).unwrap_or_default();
        let part = Box { start: &start, count: &count };
        let read = hdf5::read(&path, |reading| reading.elements(&self.found, &part, piece));
        read.map_err(|error| self.failed(refused(&path, &error), shards))?;
        Ok(bytes as usize)
    }

    fn failed(&self, fault: Fault, shards: &[Shard]) -> JoinError {
        let path = shards.get(self.part.shard).map(|shard| shard.path.clone()).unwrap_or_default();
        let dataset = match fault {
            Fault::Hdf5(_) => None,
            _ => Some(self.part.dataset.clone()),
        };
        JoinError::Shard { index: self.part.shard, path, dataset, fault }
    }
}

/// The first bytes of a buffer, which grows if it must.
fn make_room(buffer: &mut Vec<u8>, bytes: u64) -> Result<&mut [u8]> {
    let wanted = usize::try_from(bytes).unwrap_or(usize::MAX);
    let missing = wanted.saturating_sub(buffer.len());
    let no_memory = crate::error::Error::Os { call: "malloc", errno: crate::sys::ENOMEM };
    buffer.try_reserve_exact(missing).map_err(|_| hdf5::Error::Core(no_memory))?;
    buffer.resize(wanted.max(buffer.len()), 0);
    Ok(buffer.get_mut(..wanted).unwrap_or_default())
}

/// The parts in which a dataset is read: boxes that follow one another in C order, as large
/// as a piece may be.
#[derive(Debug)]
struct Pieces {
    shape: Vec<u64>,
    /// The axis that is cut; those in front of it are gone through one by one.
    axis: usize,
    /// How many steps along that axis make a piece.
    run: u64,
    start: Vec<u64>,
    is_done: bool,
}

impl Pieces {
    fn new(shape: &[u64], element: u64) -> Self {
        let inner = |axis: usize| {
            let behind = shape.get(axis + 1..).unwrap_or_default();
            behind.iter().fold(element.max(1), |bytes, &n| bytes.saturating_mul(n))
        };
        let last = shape.len().saturating_sub(1);
        let axis = (0..last).find(|&axis| inner(axis) <= PIECE).unwrap_or(last);
        let run = (PIECE / inner(axis).max(1)).max(1);
        let (start, is_done) = (vec![0; shape.len()], shape.contains(&0));
        Self { shape: shape.to_vec(), axis, run, start, is_done }
    }
}

impl Iterator for Pieces {
    type Item = (Vec<u64>, Vec<u64>);

    fn next(&mut self) -> Option<Self::Item> {
        if core::mem::replace(&mut self.is_done, true) {
            return None;
        }
        let start = self.start.clone();
        let mut count = self.shape.clone();
        count.iter_mut().take(self.axis).for_each(|n| *n = 1);
        let mut carry = 1;
        if let (Some(n), Some(&from)) = (count.get_mut(self.axis), start.get(self.axis)) {
            *n = self.run.min(*n - from);
            carry = *n;
        }
        for axis in (0..=self.axis).rev() {
            let (Some(at), Some(&end)) = (self.start.get_mut(axis), self.shape.get(axis)) else {
                break;
            };
            *at += carry;
            if *at < end {
                self.is_done = false;
                break;
            }
            (*at, carry) = (0, 1);
        }
        Some((start, count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_cover_everything_in_order() {
        let mib = 1 << 20;
        for (shape, element) in [
            (vec![], 8),
            (vec![0], 8),
            (vec![5], 3 * mib),
            (vec![5], 30 * mib),
            (vec![3, 4, 5], mib),
            (vec![3, 4, 5], 3 * mib),
            (vec![2, 3, 7], 9 * mib),
            (vec![1_000_000, 3], 4),
            (vec![3, 0, 5], 8),
        ] {
            let mut next = 0;
            for (start, count) in Pieces::new(&shape, element) {
                let index = start.iter().zip(&shape).fold(0, |at, (&i, &n)| at * n + i);
                let len: u64 = count.iter().product();
                assert_eq!(index, next, "{shape:?}");
                assert!(len == 1 || len * element <= PIECE, "{shape:?}: {count:?}");
                next += len;
            }
            assert_eq!(next, shape.iter().product(), "{shape:?}");
        }
    }
}

//! Threads that unpack ahead of the thread that reads.
//!
//! Each takes a free block, then its turn at the input, where it reads what it will unpack,
//! or unpacks at once if the input can only be unpacked in order; then it puts the block
//! into its place. Who has a turn has a block, so the oldest place always gets filled.
//! The reader takes blocks in order and never waits: its bell, an eventfd, is readable as
//! long as there is something to take.

use core::sync::atomic::{AtomicBool, Ordering};
use std::boxed::Box;
use std::collections::VecDeque;
use std::io::{self, Cursor, Read};
use std::string::String;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::vec;
use std::vec::Vec;

use super::{Compression, Unpacking, text_of};
use crate::sys::{self, Bell, SignalMask, Watch};

/// The threads' name.
const NAME: &str = "ndshm-unpack";
/// Text in one block at most: more does not fit a core's cache, with less there are more turns.
const BLOCK: usize = 512 << 10;
/// Blocks have room for one of `bgzip`'s.
const LEAST_BLOCK: usize = 64 << 10;

/// What a crew unpacks.
pub(in crate::load) struct Reading {
    /// What was read of it already.
    pub(in crate::load) head: Vec<u8>,
    pub(in crate::load) reader: Box<dyn Read + Send>,
    /// The reader's descriptor, if it may have to be waited for.
    pub(in crate::load) fd: Option<i32>,
    pub(in crate::load) compression: Option<Compression>,
}

/// The text that threads make, as a reader that answers `WouldBlock` where it would wait.
/// Dropping it ends the threads.
pub(in crate::load) struct Crew {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    /// What is being read, and how much of it is.
    current: Option<(Block, usize)>,
    over: bool,
    /// The process whose threads they are: a forked child has none of them.
    owner: u32,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// A block is free, or everything is over.
    freed: Condvar,
    /// There is something to take.
    bell: Bell,
    stop: AtomicBool,
    /// Ends the wait of a thread for its input.
    stopped: Bell,
    block: usize,
}

#[derive(Debug, Default)]
struct State {
    free: Vec<Block>,
    /// Blocks that may still be made.
    unmade: usize,
    /// The blocks from the next one to be taken on; those not there yet are `None`.
    ready: VecDeque<Option<Block>>,
    /// Number of the first of them.
    front: u64,
    /// A thread ended by a panic.
    broken: bool,
}

#[derive(Debug)]
struct Block {
    text: Box<[u8]>,
    have: usize,
    /// What ends the text behind it.
    end: Option<io::Result<()>>,
    #[cfg(feature = "compress")]
    group: super::bgzf::Group,
}

impl Block {
    fn new(size: usize) -> Self {
        Self {
            text: vec![0; size].into_boxed_slice(),
            have: 0,
            end: None,
            #[cfg(feature = "compress")]
            group: super::bgzf::Group::default(),
        }
    }
}

/// The input, at which the threads take turns.
struct Turn<'a> {
    input: Producer<'a>,
    next: u64,
    over: bool,
}

enum Producer<'a> {
    /// What has to be unpacked in order. `eager` if its text comes in drops, for which
    /// nobody should have to wait longer than necessary.
    InOrder { reader: Box<dyn Read + Send + 'a>, eager: bool },
    #[cfg(feature = "compress")]
    Blocks(Box<super::bgzf::Blocks<Box<dyn Read + Send + 'a>>>),
}

impl Crew {
    /// Starts to unpack. The first bytes are read by a thread, so this never waits.
    pub(in crate::load) fn start(input: Reading, how: &Unpacking) -> io::Result<Self> {
        let (blocks, size) = blocks(input.compression, how);
        let shared = Arc::new(Shared {
            state: Mutex::new(State { unmade: blocks, ..State::default() }),
            freed: Condvar::new(),
            bell: bell()?,
            stop: AtomicBool::new(false),
            stopped: bell()?,
            block: size,
        });
        let how = Unpacking { threads: how.threads.min(blocks - 1).max(1), ..*how };
        let theirs = shared.clone();
        let thread = start_thread(move || work_first(&theirs, input, &how))?;
        let owner = sys::lineage();
        Ok(Self { shared, thread: Some(thread), current: None, over: false, owner })
    }

    /// Readable when there is something to read.
    pub(in crate::load) fn raw_fd(&self) -> i32 {
        self.shared.bell.raw()
    }

    /// Whether its threads have filled all blocks that they may have.
    #[cfg(test)]
    pub(super) fn is_full(&self) -> bool {
        let state = self.shared.lock();
        state.unmade == 0 && state.free.is_empty() && state.ready.iter().all(Option::is_some)
    }

    /// Bytes of the blocks that are waiting.
    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        let state = self.shared.lock();
        state.ready.iter().flatten().map(|block| block.text.len()).sum()
    }

    /// Takes the next block, if it is there.
    fn advance(&mut self) -> io::Result<bool> {
        let mut state = self.shared.lock();
        if let Some((block, _)) = self.current.take() {
            state.free.push(block);
            self.shared.freed.notify_one();
        }
        match state.ready.front_mut().and_then(Option::take) {
            Some(block) => {
                state.ready.pop_front();
                state.front += 1;
                self.current = Some((block, 0));
                Ok(true)
            }
            None if state.broken => Err(io::Error::other("unpacking it failed: a bug")),
            None => {
                self.shared.bell.silence();
                Ok(false)
            }
        }
    }

    /// Copies from the current block.
    fn copy(&mut self, room: &mut [u8]) -> usize {
        let Some((block, done)) = &mut self.current else { return 0 };
        let text = block.text.get(*done..block.have).unwrap_or_default();
        let n = text.len().min(room.len());
        if let (Some(room), Some(text)) = (room.get_mut(..n), text.get(..n)) {
            room.copy_from_slice(text);
        }
        *done += n;
        n
    }

    /// What ends the text, if the current block is read to its end and it is the last.
    fn end(&mut self) -> Option<io::Result<()>> {
        let (block, done) = self.current.as_mut()?;
        if *done == block.have { block.end.take() } else { None }
    }
}

impl Read for Crew {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let mut copied = 0;
        while copied < room.len() && !self.over {
            let n = self.copy(room.get_mut(copied..).unwrap_or_default());
            copied += n;
            if n > 0 {
                continue;
            }
            if copied > 0 && self.current.as_ref().is_some_and(|(block, _)| block.end.is_some()) {
                break;
            }
            match self.end() {
                Some(Ok(())) => self.over = true,
                Some(Err(error)) => {
                    self.over = true;
                    return Err(error);
                }
                None if self.advance()? => {}
                None if copied > 0 => break,
                None => return Err(io::ErrorKind::WouldBlock.into()),
            }
        }
        Ok(copied)
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        let thread = self.thread.take();
        if self.owner != sys::lineage() {
            // They are the parent's, who may hold the lock for ever.
            core::mem::forget((thread, self.shared.clone()));
            return;
        }
        self.shared.stop.store(true, Ordering::Release);
        self.shared.stopped.ring();
        drop(self.shared.lock());
        self.shared.freed.notify_all();
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }
}

impl core::fmt::Debug for Crew {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Crew").field("over", &self.over).finish_non_exhaustive()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stops(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    /// Waits for a block; none when everything is over.
    fn free_block(&self) -> Option<Block> {
        let mut state = self.lock();
        loop {
            if self.stops() || state.broken {
                return None;
            }
            if let Some(block) = state.free.pop() {
                return Some(block);
            }
            if state.unmade > 0 {
                state.unmade -= 1;
                return Some(Block::new(self.block));
            }
            state = self.freed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn put(&self, number: u64, block: Block) {
        let mut state = self.lock();
        let at = (number - state.front) as usize;
        while state.ready.len() <= at {
            state.ready.push_back(None);
        }
        if let Some(place) = state.ready.get_mut(at) {
            *place = Some(block);
        }
        if at == 0 {
            self.bell.ring();
        }
    }
}

fn bell() -> io::Result<Bell> {
    Bell::new().map_err(|error| io::Error::from_raw_os_error(error.errno()))
}

/// How many blocks, and of which size.
fn blocks(compression: Option<Compression>, how: &Unpacking) -> (usize, usize) {
    // A block of bgzip's needs as much again for what it is unpacked from.
    let parts = if compression == Some(Compression::Gzip) { 2 } else { 1 };
    let count = (how.memory / (parts * LEAST_BLOCK)).clamp(2, 2 * how.threads + 4);
    (count, (how.memory / (parts * count)).clamp(LEAST_BLOCK, BLOCK))
}

/// A thread that no signal of the host's comes to.
fn start_thread(work: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    let mask = SignalMask::block_all().map_err(|e| io::Error::from_raw_os_error(e.errno()))?;
    let thread = thread::Builder::new().name(String::from(NAME)).spawn(work);
    mask.restore();
    thread
}

/// Tells the reader if this thread ends by a panic.
struct Alarm<'a>(&'a Shared);

impl Drop for Alarm<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.lock().broken = true;
            self.0.bell.ring();
            self.0.freed.notify_all();
        }
    }
}

/// Looks what the input is, gets others to help if that is of use, and works.
fn work_first(shared: &Shared, input: Reading, how: &Unpacking) {
    let _alarm = Alarm(shared);
    let (input, helpers) = match begin(shared, input, how) {
        Ok(begun) => begun,
        Err(error) => {
            if let Some(mut block) = shared.free_block() {
                block.end = Some(Err(error));
                shared.put(0, block);
            }
            return;
        }
    };
    let turn = Mutex::new(Turn { input, next: 0, over: false });
    thread::scope(|scope| {
        for _ in 0..helpers {
            let thread = thread::Builder::new().name(String::from(NAME));
            // If there cannot be more threads, there are fewer.
            let _ = thread.spawn_scoped(scope, || work(shared, &turn));
        }
        work(shared, &turn);
    });
}

/// What gives the text, and how many threads can help.
#[cfg_attr(not(feature = "compress"), allow(clippy::unnecessary_wraps, reason = "reads nothing"))]
fn begin<'a>(
    shared: &'a Shared,
    input: Reading,
    how: &Unpacking,
) -> io::Result<(Producer<'a>, usize)> {
    let Reading { head, reader, fd, compression } = input;
    let reader = Cursor::new(head).chain(Watched { reader, fd, shared });
    #[cfg(feature = "compress")]
    if compression == Some(Compression::Gzip) && how.threads > 1 && !how.encoding.is_wide() {
        use super::{bgzf, unpack::Unpack, window::Window};
        let reader: Box<dyn Read + Send + 'a> = Box::new(reader);
        let mut window = Window::new(reader);
        window.want(bgzf::HEADER)?;
        if bgzf::size(window.rest()).is_some() {
            return Ok((Producer::Blocks(Box::new(bgzf::Blocks::new(window))), how.threads - 1));
        }
        let unpack = Unpack::going_on(window, Compression::Gzip, how.dictionary);
        return Ok((Producer::InOrder { reader: Box::new(unpack), eager: fd.is_some() }, 0));
    }
    let reader = text_of(reader, compression, how);
    Ok((Producer::InOrder { reader, eager: fd.is_some() }, 0))
}

/// Fills one block after the other.
fn work(shared: &Shared, turn: &Mutex<Turn<'_>>) {
    let _alarm = Alarm(shared);
    #[cfg(feature = "compress")]
    let mut inflate = None;
    while let Some(mut block) = shared.free_block() {
        (block.have, block.end) = (0, None);
        let mut now = lock(turn);
        if now.over || shared.stops() {
            return;
        }
        let number = now.next;
        now.next += 1;
        now.fill(&mut block, shared);
        drop(now);
        #[cfg(feature = "compress")]
        if !block.group.bytes.is_empty() {
            let inflate = inflate.get_or_insert_with(|| flate2::Decompress::new(false));
            let (have, result) = super::bgzf::unpack(&block.group, inflate, &mut block.text);
            block.have = have;
            if result.is_err() {
                // What the others do now is not wanted any more.
                block.end = Some(result);
                lock(turn).over = true;
            }
        }
        shared.put(number, block);
    }
}

fn lock<'a, 'b>(turn: &'a Mutex<Turn<'b>>) -> MutexGuard<'a, Turn<'b>> {
    turn.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Turn<'_> {
    /// Fills a block, or gets what it will be filled from.
    fn fill(&mut self, block: &mut Block, shared: &Shared) {
        loop {
            let room = block.text.get_mut(block.have..).unwrap_or_default();
            let (n, more) = match &mut self.input {
                Producer::InOrder { reader, eager } => (reader.read(room), !*eager),
                #[cfg(feature = "compress")]
                Producer::Blocks(blocks) => {
                    let n = blocks.next(&mut block.group, room);
                    if !block.group.bytes.is_empty() {
                        return;
                    }
                    (n, true)
                }
            };
            match n {
                Ok(0) => block.end = Some(Ok(())),
                Ok(n) => block.have += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted && !shared.stops() => {}
                Err(error) => block.end = Some(Err(error)),
            }
            self.over = block.end.is_some();
            if self.over || block.have == block.text.len() || (block.have > 0 && !more) {
                return;
            }
        }
    }
}

/// The input, which is waited for until it has something or everything is over.
struct Watched<'a> {
    reader: Box<dyn Read + Send>,
    fd: Option<i32>,
    shared: &'a Shared,
}

impl Watched<'_> {
    /// Waits until there is something to read.
    fn wait(&self, fd: i32) -> io::Result<()> {
        let mut watches = [Watch::readable(fd), Watch::readable(self.shared.stopped.raw())];
        while !watches.iter().any(Watch::is_ready) {
            sys::poll(&mut watches, -1).map_err(|e| io::Error::from_raw_os_error(e.errno()))?;
        }
        Ok(())
    }
}

impl Read for Watched<'_> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        loop {
            if let Some(fd) = self.fd {
                self.wait(fd)?;
            }
            if self.shared.stops() {
                return Err(io::Error::other("nobody wants the rest"));
            }
            match self.reader.read(room) {
                Err(error)
                    if error.kind() == io::ErrorKind::Interrupted
                        || (error.kind() == io::ErrorKind::WouldBlock && self.fd.is_some()) => {}
                other => return other,
            }
        }
    }
}

//! Forked workers: spawned together, driven by messages, replaced when they die. For little
//! work, this process in their place.
//!
//! Used by [`load`](crate::load). A worker is a child of this process that runs
//! core code only: between the fork and its `_exit` it does not allocate, lock,
//! unwind or enter HDF5, so forking is safe from a host with threads. It reads
//! one task at a time from its socket, does it, and answers.
//!
//! The parent learns of a death at once, by the worker's pidfd and by the end
//! of its socket, whatever the host does with SIGCHLD. Spare workers are forked
//! with the others, so that a death never needs a fork later. The workers learn
//! of the parent's death by a signal from the kernel and by the end of their
//! socket.

#![allow(unsafe_code)]

mod child;
mod count;

pub use count::default_workers;

use core::fmt::Debug;
use std::collections::VecDeque;
use std::vec::Vec;

use bytemuck::{AnyBitPattern, NoUninit};

use crate::error::{Error, Result};
use crate::sys::{self, Child, Ended, Epoll, Fd, Forked, SignalMask, Watch};

/// Added to twice a worker's place: its pidfd, not its socket.
const PIDFD: u8 = 1;
/// What [`Pool::watch`] was given.
const FOREIGN: u64 = u64::MAX;

/// What a worker does with its tasks.
///
/// # Safety
/// * `run` keeps to async-signal-safe code: no allocation, no locks, no
///   unwinding, no HDF5, no state of the host beyond what `self` refers to.
/// * `self` refers to no segment but the one that it [keeps](Self::kept): others are not
///   mapped in a worker.
pub unsafe trait Work {
    /// What the parent sends.
    type Task: AnyBitPattern + NoUninit;
    /// What the worker answers.
    type Reply: AnyBitPattern + NoUninit + Debug;

    /// Does one task, in the worker.
    fn run(&mut self, task: &Self::Task) -> Self::Reply;

    /// What of its parent a worker needs.
    fn kept(&self) -> Kept {
        Kept { fd: None, map: core::ptr::null() }
    }
}

/// What of its parent a worker keeps. A segment that workers have mapped lives until they end.
#[derive(Debug, Clone, Copy)]
pub struct Kept {
    /// A descriptor that stays open.
    pub fd: Option<i32>,
    /// An address in a shared mapping that stays; null for none.
    pub map: *const u8,
}

/// What [`Pool::wait`] saw.
#[derive(Debug)]
pub enum Event<R> {
    /// A worker answered.
    Reply {
        /// Its place in the pool.
        worker: usize,
        /// Its answer.
        reply: R,
    },
    /// A worker died; its tasks are lost.
    Died {
        /// Its place in the pool.
        worker: usize,
        /// How.
        how: Ended,
        /// Whether a spare stands in its place now.
        replaced: bool,
    },
    /// Nothing happened for the time given, or a signal came.
    Idle,
}

#[derive(Debug)]
struct Process {
    child: Child,
    socket: Fd,
}

/// Work that this process does itself, at once, and what has not been asked for of its answers.
#[derive(Debug)]
struct Own<W: Work> {
    work: W,
    answers: VecDeque<W::Reply>,
}

/// Workers, and spares for those that die. Dropping it kills them all.
#[derive(Debug)]
pub struct Pool<W: Work> {
    workers: Vec<Option<Process>>,
    spares: Vec<Process>,
    /// In the place of workers.
    own: Option<Own<W>>,
    /// The living workers' sockets and pidfds, and what else [`Pool::watch`] was given.
    ready: Epoll,
    /// The process that they belong to: a copy of this in a forked one leaves them alone.
    owner: u32,
}

impl<W: Work> Pool<W> {
    /// Forks `count` workers and `spares` more. Each runs its own copy of `work`.
    ///
    /// # Errors
    /// [`Error::Os`]; the workers forked so far are ended.
    pub fn fork(count: usize, spares: usize, work: &mut W) -> Result<Self> {
        let mut pool = Self {
            workers: Vec::with_capacity(count),
            spares: Vec::with_capacity(spares),
            own: None,
            ready: Epoll::new()?,
            owner: sys::lineage(),
        };
        for i in 0..count + spares {
            let process = fork_one(work)?;
            if i < count {
                pool.workers.push(Some(process));
                pool.listen(i)?;
            } else {
                pool.spares.push(process);
            }
        }
        Ok(pool)
    }

    /// A pool of one place, whose work [`send`](Self::send) does in this process: for less
    /// work than a fork is worth.
    ///
    /// # Errors
    /// [`Error::Os`].
    pub fn here(work: W) -> Result<Self> {
        Ok(Self {
            workers: Vec::new(),
            spares: Vec::new(),
            own: Some(Own { work, answers: VecDeque::new() }),
            ready: Epoll::new()?,
            owner: sys::lineage(),
        })
    }

    /// Places for workers, those of the dead included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.workers.len() + usize::from(self.own.is_some())
    }

    /// Places that have processes.
    #[must_use]
    pub(crate) fn processes(&self) -> usize {
        self.workers.len()
    }

    /// Whether every worker is dead.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.own.is_none() && self.workers.iter().all(Option::is_none)
    }

    /// Whether this place has a living worker.
    #[must_use]
    pub fn is_alive(&self, worker: usize) -> bool {
        self.own.is_some() || matches!(self.workers.get(worker), Some(Some(_)))
    }

    /// Whether [`wait`](Self::wait) has an answer that no descriptor tells of.
    #[must_use]
    pub fn has_answer(&self) -> bool {
        self.own.as_ref().is_some_and(|own| !own.answers.is_empty())
    }

    /// Process id of a worker, for messages and tests.
    #[must_use]
    pub fn pid(&self, worker: usize) -> Option<i32> {
        self.workers.get(worker)?.as_ref().map(|process| process.child.pid())
    }

    /// Sends a task. A worker that just died loses it: [`Pool::wait`] tells.
    ///
    /// # Errors
    /// [`Error::Os`].
    pub fn send(&mut self, worker: usize, task: &W::Task) -> Result<()> {
        if let Some(own) = &mut self.own {
            own.answers.push_back(own.work.run(task));
            return Ok(());
        }
        let Some(Some(process)) = self.workers.get(worker) else { return Ok(()) };
        match sys::send(&process.socket, bytemuck::bytes_of(task)) {
            Err(Error::Os { errno: sys::EPIPE | sys::ECONNRESET, .. }) => Ok(()),
            other => other,
        }
    }

    /// The descriptor that is readable when [`Pool::wait`] has something to tell, or
    /// what [`Pool::watch`] was given is ready. It stays the same for the pool's life.
    #[must_use]
    pub const fn raw_fd(&self) -> i32 {
        self.ready.raw()
    }

    /// Ends a [`Pool::wait`] also when `fd` can be read, with [`Event::Idle`].
    ///
    /// # Errors
    /// [`Error::Os`]; `EPERM` for a file that is always ready.
    pub fn watch(&self, fd: i32) -> Result<()> {
        self.ready.add(fd, FOREIGN)
    }

    /// Takes back [`Pool::watch`]; to be called before `fd` is closed.
    ///
    /// # Errors
    /// [`Error::Os`].
    pub fn unwatch(&self, fd: i32) -> Result<()> {
        self.ready.remove(fd)
    }

    /// Whether its workers are children of this process, and not of the one that this was
    /// forked from.
    #[must_use]
    pub fn is_own(&self) -> bool {
        self.owner == sys::lineage()
    }

    /// Kills and reaps every worker and every spare.
    pub fn end(&mut self) {
        if !self.is_own() {
            return;
        }
        for process in self.workers.iter().flatten().chain(&self.spares) {
            process.child.kill();
        }
        for worker in 0..self.workers.len() {
            self.ignore(worker);
        }
        let all = self.workers.iter_mut().filter_map(Option::take).chain(self.spares.drain(..));
        for process in all {
            let _ = process.child.wait();
        }
    }

    /// Waits for the next thing to happen, at most `timeout_ms` (negative: for ever).
    ///
    /// # Errors
    /// [`Error::Os`].
    pub fn wait(&mut self, timeout_ms: i32) -> Result<Event<W::Reply>> {
        if let Some(reply) = self.own.as_mut().and_then(|own| own.answers.pop_front()) {
            return Ok(Event::Reply { worker: 0, reply });
        }
        match self.ready.wait(timeout_ms)? {
            Some(token) if token != FOREIGN => {
                self.serve((token / 2) as usize, token % 2 == u64::from(PIDFD))
            }
            _ => Ok(Event::Idle),
        }
    }

    /// Adds a worker's descriptors to those that are waited for.
    fn listen(&self, worker: usize) -> Result<()> {
        let Some(Some(process)) = self.workers.get(worker) else { return Ok(()) };
        let token = 2 * worker as u64;
        self.ready.add(process.socket.raw(), token)?;
        process.child.pidfd().map_or(Ok(()), |fd| self.ready.add(fd, token + u64::from(PIDFD)))
    }

    /// Takes a worker's descriptors out again, while they are open.
    fn ignore(&self, worker: usize) {
        let Some(Some(process)) = self.workers.get(worker) else { return };
        for fd in [Some(process.socket.raw()), process.child.pidfd()].into_iter().flatten() {
            // It was added, or the pool would not be.
            let _ = self.ready.remove(fd);
        }
    }

    /// Takes a message of a worker, which may have sent one and died right after;
    /// one that has none to read, though its socket is ready, is dead.
    fn serve(&mut self, worker: usize, death: bool) -> Result<Event<W::Reply>> {
        if let Some(Some(process)) = self.workers.get(worker) {
            let mut reply = <W::Reply as bytemuck::Zeroable>::zeroed();
            let room = bytemuck::bytes_of_mut(&mut reply);
            let size = room.len();
            match sys::receive_now(&process.socket, room) {
                Ok(n) if n == size => return Ok(Event::Reply { worker, reply }),
                Err(Error::Os { errno: sys::EAGAIN, .. }) if !death => return Ok(Event::Idle),
                Ok(_) | Err(Error::Os { errno: sys::ECONNRESET | sys::EAGAIN, .. }) => {}
                Err(error) => return Err(error),
            }
        }
        let spare = self.living_spare();
        let replaced = spare.is_some();
        self.ignore(worker);
        let dead = self.workers.get_mut(worker).and_then(|place| core::mem::replace(place, spare));
        self.listen(worker)?;
        let how = dead.map_or(Ended::Unknown, end);
        Ok(Event::Died { worker, how, replaced })
    }
}

impl<W: Work> Pool<W> {
    /// A spare that did not die while it waited: one that did would take the
    /// next task with it.
    fn living_spare(&mut self) -> Option<Process> {
        while let Some(process) = self.spares.pop() {
            if !is_dead(&process) {
                return Some(process);
            }
            end(process);
        }
        None
    }
}

impl<W: Work> Drop for Pool<W> {
    fn drop(&mut self) {
        self.end();
    }
}

/// Whether a process that has no task has ended.
fn is_dead(process: &Process) -> bool {
    let pidfd = process.child.pidfd().unwrap_or(-1);
    let mut watches = [Watch::readable(process.socket.raw()), Watch::readable(pidfd)];
    sys::poll(&mut watches, 0).is_err() || watches.iter().any(Watch::is_ready)
}

/// Makes sure that a process is gone, and reaps it.
fn end(process: Process) -> Ended {
    process.child.kill();
    process.child.wait()
}

fn fork_one<W: Work>(work: &mut W) -> Result<Process> {
    let (ours, theirs) = sys::socket_pair()?;
    let parent = sys::pid();
    // No handler of the host may run in the child before its actions are reset.
    let mask = SignalMask::block_all()?;
    // SAFETY: the child goes to `child::run`, which keeps to core code and never returns.
    let forked = unsafe { sys::fork() };
    match forked {
        Ok(Forked::Child) => child::run(work, &theirs, parent),
        Ok(Forked::Parent(child)) => {
            mask.restore();
            Ok(Process { child, socket: ours })
        }
        Err(error) => {
            mask.restore();
            Err(error)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Adds one; panics, exits or kills itself on request.
    struct Tester;

    const PANIC: u64 = 1 << 32;
    const EXIT: u64 = 2 << 32;

    // SAFETY: additions, and the panic that a test asks for.
    unsafe impl Work for Tester {
        type Task = u64;
        type Reply = u64;

        fn run(&mut self, task: &u64) -> u64 {
            assert!(*task != PANIC, "a bug");
            if *task == EXIT {
                sys::exit_now(3);
            }
            task + 1
        }
    }

    fn next(pool: &mut Pool<Tester>) -> Event<u64> {
        loop {
            match pool.wait(1000).unwrap() {
                Event::Idle => {}
                event => return event,
            }
        }
    }

    #[test]
    fn work_done_here_is_answered_in_order() {
        let mut pool = Pool::here(Tester).unwrap();
        assert_eq!(
            (pool.len(), pool.is_alive(0), pool.is_empty(), pool.pid(0)),
            (1, true, false, None)
        );
        for task in [7, 8] {
            pool.send(0, &task).unwrap();
        }
        assert!(pool.has_answer());
        for reply in [8, 9] {
            assert!(matches!(next(&mut pool), Event::Reply { worker: 0, reply: r } if r == reply));
        }
        assert!(!pool.has_answer() && matches!(pool.wait(0), Ok(Event::Idle)));
    }

    #[test]
    fn answers_come_from_the_worker_that_was_asked() {
        let mut pool = Pool::fork(3, 0, &mut Tester).unwrap();
        for worker in [2, 0, 1, 1] {
            pool.send(worker, &(worker as u64)).unwrap();
            let Event::Reply { worker: from, reply } = next(&mut pool) else { panic!() };
            assert_eq!((from, reply), (worker, worker as u64 + 1));
        }
    }

    #[test]
    fn deaths_are_told_and_spares_take_their_place() {
        let mut pool = Pool::fork(1, 1, &mut Tester).unwrap();
        let first = pool.pid(0);
        pool.send(0, &EXIT).unwrap();
        let Event::Died { worker: 0, how, replaced: true } = next(&mut pool) else { panic!() };
        assert_eq!(how, Ended::Exited(3));
        assert_ne!(pool.pid(0), first);
        pool.send(0, &41).unwrap();
        assert!(matches!(next(&mut pool), Event::Reply { worker: 0, reply: 42 }));
        pool.send(0, &PANIC).unwrap();
        let Event::Died { worker: 0, how, replaced: false } = next(&mut pool) else { panic!() };
        assert_eq!(how, Ended::Signaled(6), "a panic aborts, it does not unwind");
        assert!(pool.is_empty() && !pool.is_alive(0));
        pool.send(0, &1).unwrap();
    }

    /// Counts the mappings from /dev/shm, and those of anonymous segments, of its process.
    struct Mappings;

    // SAFETY: reads a file into memory on the stack.
    unsafe impl Work for Mappings {
        type Task = u64;
        type Reply = u64;

        fn run(&mut self, _: &u64) -> u64 {
            let Ok(mut maps) = sys::Pages::new(1 << 18) else { return u64::MAX };
            let mut len = 0;
            let Ok(fd) = Fd::open_read(c"/proc/self/maps") else { return u64::MAX };
            while let Ok(n @ 1..) = fd.read(&mut maps[len..]) {
                len += n;
            }
            let count =
                |what: &[u8]| maps[..len].windows(what.len()).filter(|p| *p == what).count();
            (count(b"/dev/shm/") + (count(b"/memfd:ndshm") << 32)) as u64
        }
    }

    #[test]
    fn segments_of_the_host_are_not_mapped_in_workers() {
        let fd = sys::open_unnamed(sys::SHM_DIR).unwrap();
        fd.truncate(1 << 16).unwrap();
        let map = sys::Map::shared(&fd, 1 << 16, sys::Access::ReadWrite).unwrap();
        let anonymous = sys::memory_file().unwrap();
        anonymous.truncate(1 << 16).unwrap();
        let other = sys::Map::shared(&anonymous, 1 << 16, sys::Access::ReadWrite).unwrap();
        let has_both = || Mappings.run(&0) as u32 > 0 && Mappings.run(&0) >> 32 > 0;
        assert!(has_both(), "the host has them mapped");
        let mut pool = Pool::fork(1, 0, &mut Mappings).unwrap();
        pool.send(0, &0).unwrap();
        let reply = loop {
            match pool.wait(1000).unwrap() {
                Event::Reply { reply, .. } => break reply,
                Event::Idle => {}
                died @ Event::Died { .. } => panic!("{died:?}"),
            }
        };
        assert_eq!(reply, 0);
        assert!(has_both() && map.len() == other.len(), "and keeps them");
    }

    fn is_readable(fd: i32) -> bool {
        let mut watches = [Watch::readable(fd)];
        sys::poll(&mut watches, 0).unwrap();
        watches[0].is_ready()
    }

    /// Waits for the descriptor alone.
    fn until_readable(fd: i32) {
        sys::poll(&mut [Watch::readable(fd)], -1).unwrap();
    }

    #[test]
    fn one_descriptor_tells_of_answers_and_deaths_and_of_spares() {
        let mut pool = Pool::fork(2, 2, &mut Tester).unwrap();
        let fd = pool.raw_fd();
        assert!(!is_readable(fd));
        for worker in [0, 1, 0] {
            pool.send(worker, &EXIT).unwrap();
            until_readable(fd);
            let event = pool.wait(0).unwrap();
            assert!(matches!(event, Event::Died { worker: w, .. } if w == worker), "{event:?}");
            assert!(!is_readable(fd), "a dead worker's descriptors are waited for");
        }
        assert!(!pool.is_alive(0));
        pool.send(1, &1).unwrap();
        until_readable(fd);
        assert!(matches!(pool.wait(0), Ok(Event::Reply { worker: 1, reply: 2 })));
        assert!(!is_readable(fd));
    }

    #[test]
    fn what_is_watched_ends_a_wait() {
        let mut pool = Pool::fork(1, 0, &mut Tester).unwrap();
        let bell = sys::Bell::new().unwrap();
        pool.watch(bell.raw()).unwrap();
        bell.ring();
        assert!(is_readable(pool.raw_fd()));
        assert!(matches!(pool.wait(-1), Ok(Event::Idle)));
        pool.unwatch(bell.raw()).unwrap();
        assert!(!is_readable(pool.raw_fd()));
    }

    #[test]
    fn an_ended_pool_has_no_workers_and_nothing_to_tell() {
        let mut pool = Pool::fork(2, 1, &mut Tester).unwrap();
        let pids = [pool.pid(0), pool.pid(1)].map(Option::unwrap);
        pool.end();
        assert!(pool.is_empty() && !is_readable(pool.raw_fd()));
        assert!(pids.iter().all(|pid| !std::fs::exists(std::format!("/proc/{pid}")).unwrap()));
        assert!(matches!(pool.wait(0), Ok(Event::Idle)));
    }

    #[test]
    fn nothing_happens_without_tasks() {
        let mut pool = Pool::fork(2, 2, &mut Tester).unwrap();
        assert!(matches!(pool.wait(1), Ok(Event::Idle)));
    }
}

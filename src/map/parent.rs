//! The parent's side: items go out, results come in.

use core::time::Duration;
use std::collections::{BTreeSet, VecDeque};
use std::time::Instant;
use std::vec::Vec;

use bytemuck::{Zeroable, bytes_of, bytes_of_mut};

use super::data::Data;
use super::error::{Fault, MapError, Result};
use super::message::{
    ANONYMOUS, Answer, DO, FAILED, NAMED, NOTHING, Order, READY, RELEASE, UNKNOWN,
};
use super::spawn::{Process, Starter};
use super::{Items, Options, Work};
use crate::error::Error;
use crate::pool::default_workers;
use crate::segment::{Access, Name, Segment};
use crate::sys::{self, Bell, Ended, Epoll, Fd, Watch};

/// Workers that may die one after the other before they are ready.
const STILLBORN: u32 = 3;
/// How long a worker that has nothing to do may take to end.
const LAST_WORDS_MS: i32 = 1000;

/// What [`Map::next`] has to tell.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "there is one at a time")]
pub enum Event {
    /// An item is done.
    Done {
        /// Its number.
        index: u64,
        /// What the function made, attached.
        segment: Option<Segment>,
    },
    /// An item has no result; the others go on.
    Failed {
        /// Its number.
        index: u64,
        /// Why.
        fault: Fault,
    },
    /// The time is over.
    Idle,
    /// Every item was told of, or the map was cancelled.
    End,
}

/// A function on its way over items. Dropping it cancels.
#[derive(Debug)]
pub struct Map {
    starter: Starter,
    data: Data,
    access: Access,
    workers: Vec<Worker>,
    wanted: usize,
    /// The first item that nobody had yet.
    next: u64,
    /// Items whose worker died, to be done again.
    again: VecDeque<u64>,
    /// Items that a worker has died of.
    deadly: BTreeSet<u64>,
    stillborn: u32,
    /// The process that the workers are children of.
    owner: u32,
    /// What the workers say, and the bell, for who waits for the map and for other things.
    epoll: Epoll,
    /// Rings as long as [`Map::next`] has something to do that no worker tells of.
    bell: Bell,
}

#[derive(Debug)]
struct Worker {
    process: Process,
    ready: bool,
    item: Option<u64>,
}

impl Worker {
    /// Its socket and its pidfd: the end of either is its death.
    fn watches(&self) -> [Watch; 2] {
        let pidfd = self.process.child.pidfd().unwrap_or(-1);
        [Watch::readable(self.process.socket.raw()), Watch::readable(pidfd)]
    }
}

impl Map {
    /// Copies items and context, and starts the workers.
    ///
    /// # Errors
    /// [`MapError::Threads`] and [`MapError::NoName`] if workers cannot be started the
    /// way that is asked for or possible; [`MapError::Core`].
    pub fn start(work: Work, items: &Items<'_>, options: &Options<'_>) -> Result<Self> {
        let starter = Starter::new(work, options.way)?;
        let data = Data::new(items, options)?;
        let wanted = if options.workers == 0 { default_workers() } else { options.workers };
        let wanted = wanted.min(usize::try_from(data.count()).unwrap_or(usize::MAX));
        let (epoll, bell) = (Epoll::new()?, Bell::new()?);
        epoll.add(bell.raw(), 0)?;
        let mut map = Self {
            starter,
            data,
            access: options.access,
            workers: Vec::with_capacity(wanted),
            wanted,
            next: 0,
            again: VecDeque::new(),
            deadly: BTreeSet::new(),
            stillborn: 0,
            owner: sys::lineage(),
            epoll,
            bell,
        };
        map.hire()?;
        map.ring();
        Ok(map)
    }

    /// Process ids of the workers, for messages and tests.
    pub fn pids(&self) -> impl Iterator<Item = i32> {
        self.workers.iter().map(|worker| worker.process.child.pid())
    }

    /// A descriptor for `poll` and event loops: it can be read when [`next`](Self::next)
    /// may have something to tell, or has something to do; then call that with a timeout
    /// of 0. It belongs to the map and stays the same.
    #[must_use]
    pub const fn raw_fd(&self) -> i32 {
        self.epoll.raw()
    }

    /// Waits for the next item to be done, in no order, at most for `timeout` (for
    /// ever if there is none).
    ///
    /// # Errors
    /// [`MapError`]; the map is cancelled then.
    #[allow(clippy::should_implement_trait, reason = "it has a timeout")]
    pub fn next(&mut self, timeout: Option<Duration>) -> Result<Event> {
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let event = self.step(deadline);
        if event.is_err() {
            self.cancel();
        }
        self.ring();
        event
    }

    /// Sets the bell: an end is to be told, or a dead worker's place is to be filled.
    fn ring(&self) {
        let places = self.has_items() && self.workers.len() < self.wanted;
        if places || self.is_done() {
            self.bell.ring();
        } else {
            self.bell.silence();
        }
    }

    /// Ends the workers, whatever they do. Items that are not told of yet never are.
    pub fn cancel(&mut self) {
        (self.next, self.wanted) = (self.data.count(), 0);
        self.again.clear();
        let workers = core::mem::take(&mut self.workers);
        if sys::lineage() != self.owner {
            return;
        }
        for worker in &workers {
            worker.process.child.kill();
        }
        for worker in workers {
            self.unwatch(&worker.process);
            let _ = worker.process.child.wait();
            discard(&worker.process.socket);
        }
        self.ring();
    }

    fn step(&mut self, deadline: Option<Instant>) -> Result<Event> {
        loop {
            if self.is_done() {
                self.dismiss();
                return Ok(Event::End);
            }
            self.hire()?;
            self.feed()?;
            let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
            if let Some((worker, death)) = self.wait(left)? {
                if let Some(event) = self.serve(worker, death)? {
                    self.feed()?;
                    return Ok(event);
                }
            } else if left.is_some_and(|left| left.is_zero()) {
                return Ok(Event::Idle);
            }
        }
    }

    fn has_items(&self) -> bool {
        !self.again.is_empty() || self.next < self.data.count()
    }

    fn is_done(&self) -> bool {
        !self.has_items() && self.workers.iter().all(|worker| worker.item.is_none())
    }

    /// Fills the places of the dead, as long as there are items for them. In a process
    /// that has threads by now the others go on without them.
    fn hire(&mut self) -> Result<()> {
        while self.has_items() && self.workers.len() < self.wanted {
            match self.starter.start(&self.data) {
                Ok(process) => {
                    let worker = Worker { process, ready: false, item: None };
                    self.workers.push(worker);
                    self.watch()?;
                }
                Err(MapError::Threads) if !self.workers.is_empty() => {
                    self.wanted = self.workers.len();
                }
                Err(MapError::Threads) => return Err(MapError::NoWorkers),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Waits for the last worker, too.
    fn watch(&self) -> Result<()> {
        let Some(Worker { process, .. }) = self.workers.last() else { return Ok(()) };
        self.epoll.add(process.socket.raw(), 0)?;
        Ok(process.child.pidfd().map_or(Ok(()), |pidfd| self.epoll.add(pidfd, 0))?)
    }

    /// A fork of the caller's may keep the descriptors open, so closing is not enough.
    fn unwatch(&self, process: &Process) {
        for fd in [Some(process.socket.raw()), process.child.pidfd()].into_iter().flatten() {
            let _ = self.epoll.remove(fd);
        }
    }

    /// Gives an item to every worker that has none.
    fn feed(&mut self) -> Result<()> {
        for worker in &mut self.workers {
            if !worker.ready || worker.item.is_some() {
                continue;
            }
            let Some(index) = self.again.front().copied().or_else(|| {
                let more = self.next < self.data.count();
                more.then_some(self.next)
            }) else {
                return Ok(());
            };
            if tell(&worker.process.socket, DO, index)? {
                worker.item = Some(index);
                if self.again.pop_front().is_none() {
                    self.next += 1;
                }
            }
        }
        Ok(())
    }

    /// A worker that has something to say, and whether it died.
    fn wait(&self, left: Option<Duration>) -> Result<Option<(usize, bool)>> {
        let mut watches: Vec<_> = self.workers.iter().flat_map(Worker::watches).collect();
        let ms = left.map_or(-1, sys::whole_ms);
        sys::poll(&mut watches, ms)?;
        let ready = watches.iter().position(Watch::is_ready);
        Ok(ready.map(|i| (i / 2, watches[i | 1].is_ready())))
    }

    fn serve(&mut self, worker: usize, death: bool) -> Result<Option<Event>> {
        let mut answer = Answer::zeroed();
        let socket = &self.workers[worker].process.socket;
        match sys::receive_with_now(socket.raw(), bytes_of_mut(&mut answer)) {
            Ok((n, fd)) if n == size_of::<Answer>() => self.take(worker, &answer, fd),
            Err(Error::Os { errno: sys::EAGAIN, .. }) if !death => Ok(None),
            _ => self.bury(worker),
        }
    }

    /// Does what an answer asks for.
    fn take(&mut self, worker: usize, answer: &Answer, fd: Option<Fd>) -> Result<Option<Event>> {
        let Some(index) = self.workers[worker].item else {
            return match answer.kind {
                READY => {
                    self.workers[worker].ready = true;
                    self.stillborn = 0;
                    Ok(None)
                }
                UNKNOWN => Err(MapError::NoName),
                _ => self.bury(worker),
            };
        };
        let result = match (answer.kind, fd) {
            (NOTHING, _) => Ok(None),
            (FAILED, _) => Err(Fault::Function(answer.to_failed())),
            (ANONYMOUS, Some(fd)) => attached(Segment::attach_fd(fd.raw(), self.access)),
            // The descriptor was lost, for want of room in this process.
            (ANONYMOUS, None) => {
                Err(Fault::Attach(Error::Os { call: "recvmsg", errno: sys::EMFILE }))
            }
            (NAMED, _) => {
                let result = attached(self.attach(answer.text()));
                if result.is_err() && self.is_dead(worker) {
                    return self.bury(worker);
                }
                tell(&self.workers[worker].process.socket, RELEASE, index)?;
                result
            }
            _ => return self.bury(worker),
        };
        self.workers[worker].item = None;
        Ok(Some(match result {
            Ok(segment) => Event::Done { index, segment },
            Err(fault) => Event::Failed { index, fault },
        }))
    }

    fn attach(&self, name: &str) -> crate::error::Result<Segment> {
        Segment::attach(&Name::new(name)?, self.access, None)
    }

    /// Whether a worker that has said all it had to say is dead.
    fn is_dead(&self, worker: usize) -> bool {
        let mut watches = self.workers[worker].watches();
        sys::poll(&mut watches, 0).is_ok() && watches.iter().any(Watch::is_ready)
    }

    /// Reaps a worker that died, or that makes no sense. Its item waits for another
    /// one, if it is the first that died of it.
    fn bury(&mut self, worker: usize) -> Result<Option<Event>> {
        let Worker { process, ready, item } = self.workers.remove(worker);
        self.unwatch(&process);
        process.child.kill();
        let how = process.child.wait();
        if !ready {
            self.stillborn += 1;
            return if self.stillborn < STILLBORN { Ok(None) } else { Err(MapError::Start(how)) };
        }
        let Some(index) = item else { return Ok(None) };
        if !self.deadly.insert(index) {
            return Ok(Some(Event::Failed { index, fault: Fault::Died(how) }));
        }
        self.again.push_back(index);
        Ok(None)
    }

    /// Lets workers that have nothing to do go: each ends at the end of its socket.
    fn dismiss(&mut self) {
        for worker in &self.workers {
            sys::end_sending(&worker.process.socket);
        }
        for worker in core::mem::take(&mut self.workers) {
            self.unwatch(&worker.process);
            let _ = sys::poll(&mut worker.watches(), LAST_WORDS_MS);
            worker.process.child.kill();
            let _: Ended = worker.process.child.wait();
        }
    }
}

impl Drop for Map {
    fn drop(&mut self) {
        self.cancel();
    }
}

/// Sends an order; false if the worker is not there any more.
fn tell(socket: &Fd, kind: u64, index: u64) -> Result<bool> {
    match sys::send(socket, bytes_of(&Order { kind, index })) {
        Ok(()) => Ok(true),
        Err(Error::Os { errno: sys::EPIPE | sys::ECONNRESET, .. }) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn attached(
    segment: crate::error::Result<Segment>,
) -> core::result::Result<Option<Segment>, Fault> {
    segment.map(Some).map_err(Fault::Attach)
}

/// Takes the last answers of a worker that is dead: a name that it tells of would
/// stay until somebody prunes.
fn discard(socket: &Fd) {
    let mut answer = Answer::zeroed();
    while sys::receive_with_now(socket.raw(), bytes_of_mut(&mut answer))
        .is_ok_and(|(n, _)| n == size_of::<Answer>())
    {
        if answer.kind == NAMED
            && let Ok(name) = Name::new(answer.text())
        {
            drop(Segment::attach(&name, Access::Read, None));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Product, Way};
    use super::*;

    /// Tests run in threads, so a fork is out of the question here; `tests/c_std.rs` has
    /// processes with one.
    #[test]
    fn a_process_with_threads_does_not_fork() {
        let wanted = [
            (Way::Fork, MapError::Threads),
            (Way::Auto, MapError::Threads),
            (Way::Exec, MapError::NoName),
        ];
        std::thread::scope(|scope| {
            let (go, wait) = std::sync::mpsc::channel::<()>();
            scope.spawn(move || wait.recv());
            for (way, error) in wanted {
                let options = Options { way, ..Options::default() };
                let work = Work::new(|_| Ok(Product::Nothing));
                let map = Map::start(work, &Items::indices(1), &options);
                assert_eq!(map.unwrap_err(), error);
            }
            drop(go);
        });
    }

    /// A function that forks, and whose child comes back like its parent: only one of the
    /// two may answer.
    fn forks_and_returns(item: &super::super::Item<'_>) -> Product {
        let dtype = crate::dtype_buf::DTypeBuf::parse("<u8").unwrap();
        // SAFETY: a worker of this test has one thread.
        let _ = (unsafe { sys::fork_whole() }).unwrap();
        let spec = crate::segment::Spec::new(dtype.as_dtype(), &[]);
        let mut draft = crate::segment::Draft::create_anonymous(&spec).unwrap();
        draft.data_mut().copy_from_slice(&item.index.to_le_bytes());
        draft.into()
    }

    fn every_result_is_its_items() -> bool {
        let options = Options { workers: 3, way: Way::Fork, ..Options::default() };
        let work = Work::new(|item| Ok(forks_and_returns(&item)));
        let mut map = Map::start(work, &Items::indices(50), &options).unwrap();
        let mut done = 0;
        loop {
            match map.next(None).unwrap() {
                Event::Done { index, segment: Some(segment) } => {
                    let mut bytes = [0; 8];
                    segment.copy_to(&mut bytes, 0).unwrap();
                    done += u64::from(u64::from_le_bytes(bytes) == index);
                }
                Event::End => return done == 50,
                _ => return false,
            }
        }
    }

    #[test]
    fn a_function_whose_child_comes_back_mixes_no_results() {
        // SAFETY: the C library makes its allocator usable in the child, which has one thread.
        let sys::Forked::Parent(child) = (unsafe { sys::fork_whole() }).unwrap() else {
            let good = std::panic::catch_unwind(every_result_is_its_items);
            sys::exit_now(i32::from(!good.unwrap_or(false)));
        };
        assert_eq!(child.wait(), Ended::Exited(0));
    }

    #[test]
    fn codes_are_those_of_the_c_interface() {
        let started = MapError::Start(Ended::Exited(3));
        let codes = [MapError::Threads.code(), started.code(), Fault::Died(Ended::Unknown).code()];
        assert_eq!(codes, [-70, -73, -72]);
        assert_eq!(Fault::Attach(Error::Os { call: "mmap", errno: 12 }).errno(), 12);
        assert!(std::format!("{started}").contains("exit status 3"));
    }
}

//! From a name to a mapping.

use core::time::Duration;

use super::handle::Segment;
use super::head::{Head, Prefix};
use super::ready::{self, Outcome, Waiter};
use super::{Access, Name, Policy, State};
use crate::error::{Error, Result};
use crate::layout::{HEADER_SIZE, MAGIC, Promises, offset};
use crate::lifetime::{Deadline, Held, acquire, probe, refine};
use crate::sys::{Fd, Map, Seals, Stat, duplicate, shm_open};

/// How long a lock of somebody who looks for dead segments may last.
const BUSY_GRACE: Duration = Duration::from_millis(500);

/// How a segment is attached. Make it with [`Attach::new`] and change the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attach {
    /// What the mapping allows.
    pub access: Access,
    /// How long to wait until the segment is there and ready.
    pub timeout: Option<Duration>,
    /// The segment is only taken for the right one if it has this uuid.
    pub uuid: Option<[u8; 16]>,
    /// Claims one of the attaches that were [promised](Segment::promise), if one is
    /// outstanding. Who may not write the segment cannot; then the time decides.
    pub claim: bool,
}

impl Attach {
    /// Without waiting, whatever has the name, and without a claim.
    #[must_use]
    pub const fn new(access: Access) -> Self {
        Self { access, timeout: None, uuid: None, claim: false }
    }
}

pub(super) fn attach(name: &Name, how: &Attach) -> Result<Segment> {
    let timeout = how.timeout.unwrap_or_default();
    let deadline = Deadline::after(timeout);
    let patience = Deadline::after(timeout.max(BUSY_GRACE));
    loop {
        let lock = acquire(name, how.access, &patience);
        match lock.and_then(|lock| attach_held(lock, name, how, &deadline)) {
            Err(Error::NotFound | Error::NotReady) if deadline.pause() => {}
            result => return result,
        }
    }
}

fn attach_held(lock: Held, name: &Name, how: &Attach, deadline: &Deadline) -> Result<Segment> {
    match open(&lock, how.access, deadline).and_then(|found| right(found, how)) {
        Ok((head, map)) => {
            let claim = how.claim || matches!(head.view().policy(), Policy::Handoff { .. });
            count(&map, &lock, name, claim);
            Ok(Segment::new(head, map, lock, *name))
        }
        Err(error) => {
            lock.abandon(name);
            Err(error)
        }
    }
}

/// What was found, if it has the uuid that was asked for.
fn right(found: (Head, Map), how: &Attach) -> Result<(Head, Map)> {
    let uuid = found.0.view().header().uuid;
    if how.uuid.is_none_or(|asked| asked == uuid) { Ok(found) } else { Err(Error::NotFound) }
}

pub(super) fn attach_fd(raw_fd: i32, access: Access) -> Result<Segment> {
    let given = duplicate(raw_fd)?;
    if !given.seals()?.has(Seals::LENGTH) || !given.has_plain_pages() {
        return Err(Error::Unsealed);
    }
    // A description of its own allows no more than was asked for.
    let fd = match given.reopen(access).map_err(refine) {
        Err(Error::NotFound) => given, // there is no /proc
        result => result?,
    };
    let lock = Held::unlocked(fd)?;
    let (fd, prefix) = (lock.fd(), Prefix::read(lock.fd())?);
    let (head, map) = open_ready(fd, &prefix, lock.id().size, access).map_err(refine)?;
    if head.view().policy() != Policy::Anonymous || head.view().state() != State::Ready {
        return Err(Error::Unsealed);
    }
    count_anonymous(&map, fd);
    Ok(Segment::anonymous(head, map, lock))
}

fn open(lock: &Held, access: Access, deadline: &Deadline) -> Result<(Head, Map)> {
    let (fd, prefix) = (lock.fd(), Prefix::read(lock.fd())?);
    if prefix.is_ready() {
        // The size may be from before its creator sized it, and the bytes from before it
        // wrote them all: an error counts when they are read after the state.
        if let Ok(found) = open_ready(fd, &prefix, lock.id().size, access) {
            return Ok(found);
        }
    }
    wait_until_ready(fd, deadline)?;
    open_ready(fd, &Prefix::read(fd)?, fd.stat()?.size, access)
}

fn open_ready(fd: &Fd, prefix: &Prefix, size: u64, access: Access) -> Result<(Head, Map)> {
    let head = Head::copy(fd, prefix, size)?;
    let fixed = head.view().header();
    if access == Access::ReadWrite && !head.view().is_writable() {
        return Err(Error::TooNew { major: fixed.format_major, minor: fixed.format_minor });
    }
    let len = usize::try_from(fixed.total_len).map_err(|_| Error::Overflow)?;
    let map = Map::shared(fd, len, access)?;
    // By this load whatever was written before it was ready is visible.
    State::decode(map.load_u32(offset::STATE).unwrap_or(u32::MAX))?;
    Ok((head, map))
}

/// Waits for the state to be ready. What is no segment passes: the header's
/// validation says why. While the creator is alive nothing but the state is
/// looked at, since it may be writing the header just then.
fn wait_until_ready(fd: &Fd, deadline: &Deadline) -> Result<()> {
    let size = fd.stat()?.size;
    if size == 0 {
        return Err(Error::NotReady); // its creator has not got to sizing it
    }
    if size < HEADER_SIZE as u64 {
        return Ok(());
    }
    let page = Map::shared(fd, HEADER_SIZE, Access::Read)?;
    match ready::wait(&Watch { fd, page, deadline })? {
        Outcome::Ready => Ok(()),
        Outcome::Abandoned => abandoned(fd),
        Outcome::TimedOut => Err(Error::NotReady),
    }
}

/// The header's page, the locks and the clock, for who waits.
struct Watch<'a> {
    fd: &'a Fd,
    page: Map,
    deadline: &'a Deadline,
}

impl Waiter for Watch<'_> {
    type Error = Error;

    fn is_initializing(&self) -> bool {
        self.page.load_u32(offset::STATE) == Some(State::Initializing as u32)
    }

    fn has_writer(&self) -> Result<bool> {
        Ok(probe(self.fd)?.writing)
    }

    fn left_ns(&self) -> u64 {
        self.deadline.left_ns()
    }

    fn sleep(&self, ns: u64) {
        self.page.wait_u32(offset::STATE, State::Initializing as u32, ns);
    }
}

/// What to say of an object that nobody makes ready, unless it is foreign.
fn abandoned(fd: &Fd) -> Result<()> {
    let mut magic = [0; MAGIC.len()];
    fd.read_full(&mut magic, 0)?;
    let ours = magic == MAGIC || magic == [0; MAGIC.len()];
    if ours { Err(Error::CreatorDied) } else { Ok(()) }
}

/// A mapping of the words that count, if `fd` may be written.
pub(super) fn counters(fd: &Fd) -> Option<Map> {
    Map::touched(fd, HEADER_SIZE, Access::ReadWrite).ok()
}

/// Counts this process in, if the seals allow.
fn count_anonymous(map: &Map, fd: &Fd) {
    if map.access() == Access::ReadWrite {
        return increment(map, false);
    }
    if let Ok(fd) = fd.reopen(Access::ReadWrite)
        && let Some(page) = counters(&fd)
    {
        increment(&page, false);
    }
}

/// Counts this process in, if permissions allow.
fn count(map: &Map, lock: &Held, name: &Name, claim: bool) {
    if map.access() == Access::ReadWrite {
        return increment(map, claim);
    }
    if let Ok(page) = writable_page(name, lock.id()) {
        increment(&page, claim);
    }
}

/// The words that change, for who has mapped the inode `id` for reading only.
pub(super) fn writable_page(name: &Name, id: &Stat) -> Result<Map> {
    let fd = shm_open(name.posix(), Access::ReadWrite).map_err(refine)?;
    if !fd.stat()?.same_inode(id) {
        return Err(Error::NotFound);
    }
    Map::touched(&fd, HEADER_SIZE, Access::ReadWrite)
}

fn increment(page: &Map, claim: bool) {
    page.increment_u32(offset::REFCOUNT);
    page.increment_u32(offset::ATTACH_EPOCH);
    if claim {
        page.update_u64(offset::PROMISES, |word| {
            Promises::of_word(word).claimed().map(Promises::word)
        });
    }
}

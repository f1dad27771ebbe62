//! What a segment costs beside the system calls that it needs.
//!
//! Each line is a cycle by the library, and one by libc alone that makes the calls
//! which the protocol of docs/lifetime.md cannot do without, in the same order:
//!
//!     cargo bench --bench segment
//!
//! Both take turns; a number is the median of the rounds. The goal is a ratio of at
//! most 2. Last come 100,000 cycles that must leave memory and descriptors as they
//! were.

#![allow(unsafe_code)]

use core::ffi::CStr;
use core::hint::black_box;
use core::ptr::null_mut;
use std::time::Instant;

use ndshm::dtype_buf::DTypeBuf;
use ndshm::segment::{Access, Draft, Name, Segment, Spec};

const ROUNDS: usize = 15;
const CYCLES: usize = 2000;
const MANY: usize = 100_000;
/// Bytes of header and data: a page each.
const LEN: usize = 8192;
const PATH: &CStr = c"/dev/shm/ndshm.bench.cost";
const BARE_PATH: &CStr = c"/dev/shm/ndshm.bench.bare";

fn main() {
    let name = Name::new("bench.cost").expect("a name");
    let dtype = DTypeBuf::parse("<f8").expect("a dtype");
    let create = || {
        let spec = Spec::new(dtype.as_dtype(), &[512]);
        let published = Draft::create(&name, &spec).expect("room in /dev/shm").publish();
        published.map_err(|unpublished| unpublished.error).expect("a free name")
    };
    let attach = |access| drop(Segment::attach(&name, access, None).expect("a segment"));
    println!("microseconds, median of {ROUNDS} rounds of {CYCLES}   library   bare   ratio");
    report("create, publish, detach", || drop(create()), bare::create);
    let held = create();
    report("attach to write, detach", || attach(Access::ReadWrite), bare::attach_to_write);
    report("attach to read, detach", || attach(Access::Read), bare::attach_to_read);
    drop(held);
    report_many(|| {
        let held = create();
        attach(Access::Read);
        drop(held);
    });
}

/// Times two cycles in turns.
fn report(what: &str, library: impl Fn(), bare: impl Fn()) {
    let (mut of_library, mut of_bare) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        of_library.push(round(&library));
        of_bare.push(round(&bare));
    }
    let (library, bare) = (median(of_library), median(of_bare));
    println!("{what:45} {library:9.2} {bare:6.2} {:7.2}", library / bare);
}

/// Microseconds of one cycle.
fn round(cycle: &impl Fn()) -> f64 {
    let start = Instant::now();
    for _ in 0..CYCLES {
        cycle();
    }
    start.elapsed().as_secs_f64() * 1e6 / CYCLES as f64
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// Resident kilobytes, descriptors, and mappings of this process.
fn usage() -> [usize; 3] {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = resident.and_then(|text| text.split_whitespace().next()?.parse().ok());
    let descriptors = std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap_or_default();
    [kilobytes.unwrap_or(0), descriptors, maps.lines().count()]
}

fn report_many(cycle: impl Fn()) {
    (0..CYCLES).for_each(|_| cycle());
    let before = usage();
    (0..MANY).for_each(|_| cycle());
    let after = usage();
    println!("{MANY} cycles of create, attach, detach:");
    for (what, (before, after)) in
        ["kB resident", "descriptors", "mappings"].iter().zip(before.into_iter().zip(after))
    {
        println!("  {what:12} {before:6} before, {after:6} after");
    }
    assert_eq!(before[1..], after[1..], "descriptors or mappings are left over");
    assert!(after[0] <= before[0] + 256, "memory is left over");
}

/// The system calls alone. Each stops the benchmark if it fails, since an error
/// would be cheaper than what is to be measured.
mod bare {
    use super::{BARE_PATH, CStr, LEN, PATH, black_box, null_mut};

    const UP: u32 = 1;
    const DOWN: u32 = u32::MAX;
    const BOTH: i32 = libc::PROT_READ | libc::PROT_WRITE;

    fn ok(result: impl Into<i64>) -> i32 {
        let result = result.into();
        assert!(result >= 0, "{}", std::io::Error::last_os_error());
        result as i32
    }

    fn open(path: &CStr, flags: i32) -> i32 {
        // SAFETY: `path` is a C string.
        ok(unsafe { libc::open(path.as_ptr(), flags | libc::O_CLOEXEC | libc::O_NOFOLLOW, 0o600) })
    }

    fn close(fd: i32) {
        // SAFETY: the caller opened it, and does not use it any more.
        ok(unsafe { libc::close(fd) });
    }

    fn stat(fd: i32) -> libc::stat {
        // SAFETY: plain integers, for which zero is a value.
        let mut stat = unsafe { core::mem::zeroed() };
        // SAFETY: `stat` has room for one.
        ok(unsafe { libc::fstat(fd, &raw mut stat) });
        stat
    }

    fn flock(fd: i32, operation: i32) -> i32 {
        // SAFETY: takes no pointers.
        unsafe { libc::flock(fd, operation | libc::LOCK_NB) }
    }

    /// The byte lock that probes and removals look at.
    fn lock_byte(fd: i32, kind: i32, byte: i64) {
        // SAFETY: plain integers, for which zero is a value.
        let mut lock: libc::flock = unsafe { core::mem::zeroed() };
        (lock.l_type, lock.l_start, lock.l_len) = (kind as libc::c_short, byte, 1);
        // SAFETY: `lock` is one for the whole call.
        ok(unsafe { libc::fcntl(fd, libc::F_OFD_SETLK, &raw const lock) });
    }

    fn map(fd: i32, len: usize, prot: i32) -> *mut u8 {
        // SAFETY: a new mapping at an address of the kernel's choice harms nothing.
        let at = unsafe { libc::mmap(null_mut(), len, prot, libc::MAP_SHARED, fd, 0) };
        assert!(at != libc::MAP_FAILED, "{}", std::io::Error::last_os_error());
        at.cast()
    }

    fn unmap(at: *mut u8, len: usize) {
        // SAFETY: mapped by `map` with this length, and not used any more.
        ok(unsafe { libc::munmap(at.cast(), len) });
    }

    fn read_header(fd: i32) -> [u8; 304] {
        let mut header = [0; 304];
        // SAFETY: `header` has room for as many bytes.
        ok(unsafe { libc::pread(fd, header.as_mut_ptr().cast(), header.len(), 0) } as i64);
        black_box(header)
    }

    /// Counts up or down in the header's page, which may be mapped only for that.
    fn count(at: *mut u8, by: u32) {
        // SAFETY: the word lies in the page, which is mapped writable and aligned.
        let word = unsafe { core::sync::atomic::AtomicU32::from_ptr(at.wrapping_add(68).cast()) };
        word.fetch_add(by, core::sync::atomic::Ordering::AcqRel);
    }

    fn count_apart(fd: i32, by: u32) {
        let page = map(fd, 256, BOTH);
        count(page, by);
        unmap(page, 256);
    }

    /// A segment nobody sees before it is complete, and its removal by the last one.
    pub(crate) fn create() {
        let fd = open(c"/dev/shm", libc::O_TMPFILE | libc::O_RDWR);
        // SAFETY: takes no pointers.
        ok(unsafe { libc::fchmod(fd, 0o600) });
        ok(flock(fd, libc::LOCK_SH));
        lock_byte(fd, libc::F_RDLCK, 1);
        // SAFETY: takes no pointers.
        ok(-unsafe { libc::posix_fallocate(fd, 0, LEN as i64) });
        let at = map(fd, LEN, BOTH);
        let header = black_box([1_u8; 304]);
        // SAFETY: `header` is readable for its length.
        ok(unsafe { libc::pwrite(fd, header.as_ptr().cast(), header.len(), 0) } as i64);
        let link = std::format!("/proc/self/fd/{fd}\0");
        let (dir, follow) = (libc::AT_FDCWD, libc::AT_SYMLINK_FOLLOW);
        let (from, to) = (link.as_ptr().cast(), BARE_PATH.as_ptr());
        // SAFETY: both are C strings.
        ok(unsafe { libc::linkat(dir, from, dir, to, follow) });
        close(fd);
        let fresh = open(BARE_PATH, libc::O_RDWR);
        black_box(stat(fresh));
        count(at, DOWN);
        unmap(at, LEN);
        ok(flock(fresh, libc::LOCK_EX));
        read_header(fresh);
        lock_byte(fresh, libc::F_WRLCK, 2);
        // SAFETY: plain integers, for which zero is a value.
        let mut named = unsafe { core::mem::zeroed() };
        // SAFETY: a C string, and room for one `stat`.
        ok(unsafe { libc::lstat(BARE_PATH.as_ptr(), &raw mut named) });
        black_box(named); // is it still the same?
        // SAFETY: a C string.
        ok(unsafe { libc::unlink(BARE_PATH.as_ptr()) });
        close(fresh);
    }

    /// Locked, validated, mapped, counted; and the question who is left.
    pub(crate) fn attach_to_write() {
        let fd = open(PATH, libc::O_RDWR);
        let at = attach(fd, BOTH);
        count(at, UP);
        close(fd);
        let fresh = open(PATH, libc::O_RDWR);
        black_box(stat(fresh));
        count(at, DOWN);
        leave(fresh, at);
    }

    /// The same, counted through mappings of its own.
    pub(crate) fn attach_to_read() {
        let fd = open(PATH, libc::O_RDONLY);
        let at = attach(fd, libc::PROT_READ);
        let writable = open(PATH, libc::O_RDWR);
        black_box(stat(writable));
        count_apart(writable, UP);
        close(writable);
        close(fd);
        let fresh = open(PATH, libc::O_RDWR);
        black_box(stat(fresh));
        count_apart(fresh, DOWN);
        leave(fresh, at);
    }

    fn attach(fd: i32, prot: i32) -> *mut u8 {
        ok(flock(fd, libc::LOCK_SH));
        lock_byte(fd, libc::F_RDLCK, 1);
        black_box(stat(fd));
        read_header(fd);
        map(fd, LEN, prot)
    }

    fn leave(fresh: i32, at: *mut u8) {
        unmap(at, LEN);
        assert!(flock(fresh, libc::LOCK_EX) < 0, "the creator has it");
        close(fresh);
    }
}

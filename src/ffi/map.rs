//! User workers: a C function over items, in processes of their own.

use core::ffi::{c_int, c_void};
use core::mem::MaybeUninit;
use core::time::Duration;
use std::boxed::Box;
use std::fmt;
use std::vec::Vec;

use super::args::{self, Options};
use super::error::{Failure, Fault, NDSHM_NO_INPUT, NDSHM_OK, Place, ndshm_error};
use super::guard::{Failed as Refused, guard};
use super::handle::{self, Handle, Storage, borrow, borrow_mut, is_shareable, ndshm_segment};
use super::segment::access_of;
use super::serve::{ndshm_map_function, work};
use crate::error::Error;
use crate::map::{self, Event, Failed, Items, Map, MapError, Way};

/// Workers are forked if the process has one thread, else this program is started
/// again for them.
pub const NDSHM_MAP_AUTO: u32 = 0;
/// Workers are forked; `NDSHM_ERR_THREADS` if the process has threads.
pub const NDSHM_MAP_FORK: u32 = 1;
/// This program is started again for the workers.
pub const NDSHM_MAP_EXEC: u32 = 2;

/// How a map runs. All zeros: a worker per processor, results for reading.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct ndshm_map_options {
    /// `sizeof(ndshm_map_options)`.
    pub struct_size: u32,
    /// Worker processes, 0 for as many as there are processors to use.
    pub workers: u32,
    /// `NDSHM_MAP_...`.
    pub way: u32,
    /// How results are attached: `NDSHM_ACCESS_...`.
    pub access: u32,
    /// `context_size` bytes, of which each worker gets a copy. Pointers in them
    /// lead nowhere in a worker that is started by exec.
    pub context: *const c_void,
    /// Bytes at `context`.
    pub context_size: usize,
}

// SAFETY: `repr(C)`, the size first; integers and pointers, which may be zero.
unsafe impl Options for ndshm_map_options {
    const NAME: &'static str = "ndshm_map_options";
    const MIN_SIZE: usize = size_of::<Self>();
}

/// Words of storage in an `ndshm_map`.
pub const NDSHM_MAP_WORDS: usize = 15;

/// A handle: a map that runs. All zeros is a handle that is not open, so begin
/// with `ndshm_map m = {0};`.
#[repr(C)]
#[derive(Debug)]
pub struct ndshm_map {
    /// Says whether the handle is open.
    state: u64,
    /// The library's own.
    storage: [u64; NDSHM_MAP_WORDS],
}

// SAFETY: as it is written above.
unsafe impl Storage for ndshm_map {
    type Content = Box<Map>;
    const NAME: &'static str = "map";
}

const _: () = assert!(size_of::<ndshm_map>() == 128);
const _: () = is_shareable::<Map>();

/// What is mapped, for both kinds of calls.
struct Job {
    items: *const c_void,
    item_size: usize,
    count: usize,
    function: ndshm_map_function,
    options: *const ndshm_map_options,
}

impl Job {
    /// # Safety
    /// * As for [`ndshm_map_start`].
    unsafe fn start(&self) -> Result<Map, Refused> {
        let function = self.function.ok_or(Fault::Null("function"))?;
        // SAFETY: the caller's promise.
        let options = unsafe { args::options(self.options) }?;
        let len = self.item_size.checked_mul(self.count);
        let len = len.ok_or(Fault::Range("item_size"))?;
        // SAFETY: the caller's promise.
        let bytes = unsafe { args::items::<u8>(self.items.cast(), len, "items") }?;
        let items = match self.item_size {
            0 => Items::indices(self.count as u64),
            size => Items::new(bytes, size),
        };
        let context = options.context.cast();
        // SAFETY: the caller's promise.
        let context = unsafe { args::items(context, options.context_size, "options->context") }?;
        let options = map::Options {
            workers: options.workers as usize,
            way: way_of(options.way)?,
            access: access_of(options.access, "options->access")?,
            context,
        };
        Ok(Map::start(work(function), &items, &options)?)
    }
}

fn way_of(way: u32) -> Result<Way, Fault> {
    match way {
        NDSHM_MAP_AUTO => Ok(Way::Auto),
        NDSHM_MAP_FORK => Ok(Way::Fork),
        NDSHM_MAP_EXEC => Ok(Way::Exec),
        _ => Err(Fault::Range("options->way")),
    }
}

/// Starts a map: `function` runs over `count` items of `item_size` bytes each, in
/// worker processes, and `ndshm_map_next` tells of each item that is done. With
/// `item_size` 0 the function gets numbers only, and `items` is NULL. Items and
/// context are copied; they need not stay.
///
/// In a process with threads the function must be one that `ndshm_map_serve` got.
/// `options` may be NULL.
///
/// Returns `NDSHM_ERR_THREADS` if workers cannot be started in this process,
/// `NDSHM_ERR_ARGUMENT`, `NDSHM_ERR_OVERFLOW` for more than 2^32 - 2 items,
/// `NDSHM_ERR_OS`.
///
/// # Safety
/// * `items` and `options` stay as they are during the call.
/// * The function returns, and does not leave by `longjmp` or an exception.
/// * `map` can be written. What was in it is forgotten, not finished.
/// * `error` is NULL, or its `struct_size` is set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndshm_map_start(
    items: *const c_void,
    item_size: usize,
    count: usize,
    function: ndshm_map_function,
    options: *const ndshm_map_options,
    map: *mut ndshm_map,
    error: *mut ndshm_error,
) -> i32 {
    let call = || {
        let out = args::output(map, "map")?;
        let job = Job { items, item_size, count, function, options };
        // SAFETY: the caller's promise.
        let started = unsafe { job.start() }?;
        // SAFETY: the caller's promise; it is aligned.
        unsafe { handle::store(out, Box::new(started)) };
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard(error, call) }
}

/// Waits until an item is done, at most `timeout_ms` milliseconds (negative: for
/// ever): `*index` is its number, and `*segment` what the function made of it,
/// attached, or a handle that is not open if it made nothing. Items come in the
/// order in which they are done.
///
/// An item that failed is told by the status of its function, or by
/// `NDSHM_ERR_MAP_DIED` if two workers died of it, and `error->input` is its
/// number; then go on with the next one. If `error->input` is `NDSHM_NO_INPUT`, it
/// is no item that failed.
///
/// Returns `NDSHM_ERR_TIMEOUT`, then call it again; `NDSHM_ERR_END` when every item
/// was told of or the map was cancelled; `NDSHM_ERR_MAP_START` if workers die
/// before they get an item, `NDSHM_ERR_THREADS`, `NDSHM_ERR_HANDLE`,
/// `NDSHM_ERR_OS`: then the map is cancelled.
///
/// # Safety
/// * `map` is NULL, or a handle that no other thread uses.
/// * `index` and `segment` can be written. What was in `segment` is forgotten.
/// * `error` is NULL, or its `struct_size` is set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndshm_map_next(
    map: *mut ndshm_map,
    timeout_ms: i32,
    index: *mut u64,
    segment: *mut ndshm_segment,
    error: *mut ndshm_error,
) -> i32 {
    let call = || {
        let index_out = args::output(index, "index")?;
        let out = args::output(segment, "segment")?;
        // SAFETY: the caller's promise.
        let map = unsafe { borrow_mut(map) }?;
        let timeout = u64::try_from(timeout_ms).ok().map(Duration::from_millis);
        let (index, made) = match map.next(timeout)? {
            Event::Done { index, segment } => (index, segment),
            Event::Failed { index, fault } => return Err(ItemFailed { index, fault }.into()),
            Event::Idle => return Err(Nothing::Yet.into()),
            Event::End => return Err(Nothing::More.into()),
        };
        // SAFETY: the caller's promise; they are aligned.
        unsafe { index_out.write(index) };
        // SAFETY: likewise.
        unsafe { put(out, made) };
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard(error, call) }
}

/// # Safety
/// * `at` is aligned and can be written; an open handle there is forgotten.
unsafe fn put(at: *mut ndshm_segment, made: Option<crate::segment::Segment>) {
    match made {
        // SAFETY: the caller's promise.
        Some(segment) => unsafe { handle::store(at, Handle::Segment(segment)) },
        // SAFETY: all zeros is a handle that is not open.
        None => unsafe { at.write_bytes(0, 1) },
    }
}

/// A descriptor for `poll`, `epoll` and event loops: it can be read when
/// `ndshm_map_next` may have something to tell; then call that with a timeout of 0
/// until it says `NDSHM_ERR_TIMEOUT` or `NDSHM_ERR_END`. It belongs to the map and
/// stays the same. -1 if the handle is not open.
///
/// # Safety
/// * `map` is NULL, or a handle that no other thread uses.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndshm_map_fd(map: *const ndshm_map) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { borrow(map) }.map_or(-1, |map| map.raw_fd())
}

/// Ends the workers now, whatever they do; items that were not told of never
/// will be. The handle stays open, for `ndshm_map_discard`.
///
/// Returns `NDSHM_ERR_HANDLE`, `NDSHM_ERR_ARGUMENT`.
///
/// # Safety
/// * `map` is NULL, or a handle that no other thread uses.
/// * `error` is NULL, or its `struct_size` is set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndshm_map_cancel(map: *mut ndshm_map, error: *mut ndshm_error) -> i32 {
    let call = || {
        // SAFETY: the caller's promise.
        unsafe { borrow_mut(map) }?.cancel();
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard(error, call) }
}

/// Ends the workers, as `ndshm_map_cancel` does, and closes the handle. Segments
/// that came from it stay. NULL and a handle that never was open are fine; one
/// that is closed already is `NDSHM_ERR_HANDLE`.
///
/// # Safety
/// * `map` is NULL, or a handle that no other thread uses.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndshm_map_discard(map: *mut ndshm_map) -> i32 {
    if map.is_null() {
        return NDSHM_OK;
    }
    let call = || {
        // SAFETY: the caller's promise.
        drop(unsafe { handle::take(map) }?);
        Ok(())
    };
    // SAFETY: there is no record.
    unsafe { guard(core::ptr::null_mut(), call) }
}

/// Called in this process with the number of an item that is done and what the
/// function made of it, and `user` as it was given. What it leaves open in
/// `*segment` is detached when it returns; to keep it, copy the handle and set
/// this one to zeros. Returns 0 to go on; anything else ends the map and is what
/// `ndshm_map_each` returns.
pub type ndshm_map_callback =
    Option<unsafe extern "C" fn(index: u64, segment: *mut ndshm_segment, user: *mut c_void) -> i32>;

/// Maps all items, and calls `done` with each result in the order in which they
/// are done. Otherwise as `ndshm_map_all`.
///
/// # Safety
/// * As for `ndshm_map_start`; and `done` returns in the same way.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndshm_map_each(
    items: *const c_void,
    item_size: usize,
    count: usize,
    function: ndshm_map_function,
    options: *const ndshm_map_options,
    done: ndshm_map_callback,
    user: *mut c_void,
    error: *mut ndshm_error,
) -> i32 {
    let call = || {
        let done = done.ok_or(Fault::Null("done"))?;
        let job = Job { items, item_size, count, function, options };
        // SAFETY: the caller's promise.
        each(unsafe { job.start() }?, |index, segment| {
            let mut handle = MaybeUninit::<ndshm_segment>::zeroed();
            // SAFETY: it is this function's own.
            unsafe { put(handle.as_mut_ptr(), segment) };
            // SAFETY: the caller's promise.
            let answer = unsafe { done(index, handle.as_mut_ptr(), user) };
            // SAFETY: zeros, or what was put there.
            drop(unsafe { handle::take(handle.as_mut_ptr()) });
            if answer == 0 { Ok(()) } else { Err(Fault::Stopped(answer).into()) }
        })
    };
    // SAFETY: the caller's promise.
    unsafe { guard(error, call) }
}

/// Maps all items and waits for them: `segments[i]` is what the function made of
/// item `i`, attached, or a handle that is not open if it made nothing.
///
/// The first item that fails ends the map, and what it has made is detached; the
/// status is the item's, and `error->input` its number (see `ndshm_map_next`).
/// Other statuses are as for `ndshm_map_start` and `ndshm_map_next`.
///
/// # Safety
/// * As for `ndshm_map_start`.
/// * `segments` leads to `count` handles that can be written, NULL if `count` is 0.
///   What was in them is forgotten, not detached.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndshm_map_all(
    items: *const c_void,
    item_size: usize,
    count: usize,
    function: ndshm_map_function,
    options: *const ndshm_map_options,
    segments: *mut ndshm_segment,
    error: *mut ndshm_error,
) -> i32 {
    let call = || {
        if count > 0 {
            args::output(segments, "segments")?;
        }
        let job = Job { items, item_size, count, function, options };
        // SAFETY: the caller's promise.
        let map = unsafe { job.start() }?;
        let mut made = Vec::new();
        made.try_reserve_exact(count).map_err(|_| Error::Overflow)?;
        made.resize_with(count, || None);
        each(map, |index, segment| {
            if let Some(place) = made.get_mut(index as usize) {
                *place = segment;
            }
            Ok(())
        })?;
        for (i, segment) in made.into_iter().enumerate() {
            // SAFETY: the caller's promise; there are `count` of them.
            unsafe { put(segments.wrapping_add(i), segment) };
        }
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard(error, call) }
}

/// Takes every result of a map, until the first item fails.
fn each(
    mut map: Map,
    mut done: impl FnMut(u64, Option<crate::segment::Segment>) -> Result<(), Refused>,
) -> Result<(), Refused> {
    loop {
        match map.next(None)? {
            Event::Done { index, segment } => done(index, segment)?,
            Event::Failed { index, fault } => return Err(ItemFailed { index, fault }.into()),
            Event::Idle => {}
            Event::End => return Ok(()),
        }
    }
}

impl Failure for MapError {
    fn code(&self) -> i32 {
        MapError::code(self)
    }

    fn errno(&self) -> i32 {
        MapError::errno(self)
    }
}

/// The error of an item.
struct ItemFailed {
    index: u64,
    fault: map::Fault,
}

impl fmt::Display for ItemFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "item {}: {}", self.index, self.fault)
    }
}

impl Failure for ItemFailed {
    fn code(&self) -> i32 {
        self.fault.code()
    }

    fn errno(&self) -> i32 {
        self.fault.errno()
    }

    fn place(&self) -> Place {
        let place = match &self.fault {
            map::Fault::Function(Failed { line, row, byte, column, .. }) => {
                Place { line: *line, row: *row, byte: *byte, column: *column, ..Place::NONE }
            }
            _ => Place::NONE,
        };
        Place { input: u32::try_from(self.index).unwrap_or(NDSHM_NO_INPUT), ..place }
    }
}

/// There is no item to tell of.
enum Nothing {
    Yet,
    More,
}

impl fmt::Display for Nothing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Yet => "no item was done in this time",
            Self::More => "there are no more items",
        })
    }
}

impl Failure for Nothing {
    fn code(&self) -> i32 {
        match self {
            Self::Yet => super::error::NDSHM_ERR_TIMEOUT,
            Self::More => super::error::NDSHM_ERR_END,
        }
    }
}

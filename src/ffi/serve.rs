//! What runs in workers: C functions, and their names.

use core::ffi::{c_char, c_void};
use core::mem::MaybeUninit;
use std::format;
use std::string::String;
use std::sync::{Arc, Mutex, PoisonError};
use std::vec::Vec;

use super::args;
use super::error::{
    Fault, NDSHM_ERR_END, NDSHM_ERR_MAP_FUNCTION, NDSHM_ERR_THREADS, NDSHM_OK, meaning, ndshm_error,
};
use super::guard::guard;
use super::handle::{self, Handle, ndshm_segment};
use crate::map::{self, Failed, Function, Item, Product, Work};

/// What runs in a worker, for one item.
///
/// It gets the `item_size` bytes of the item, which it does not change, and the
/// item's number from 0. `context` is the worker's own copy of the context, NULL
/// if there is none: what the function changes there, its next call in the same
/// worker sees, and nobody else.
///
/// It leaves in `*result` a draft, which the library publishes, or a segment that
/// is published or attached, or zeros for no result, and returns 0. Otherwise it returns a
/// negative status and, if it likes, what `error` is to say; calls of this library
/// may write it. Statuses from -79 to -70 are the library's. It returns, and does
/// not leave by `longjmp` or an exception. A child that it forks, and that comes
/// back out of it, ends there.
pub type ndshm_map_function = Option<
    unsafe extern "C" fn(
        item: *const c_void,
        item_size: usize,
        index: u64,
        context: *mut c_void,
        result: *mut ndshm_segment,
        error: *mut ndshm_error,
    ) -> i32,
>;

/// A function and its name.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct ndshm_map_entry {
    /// Any text of at most 200 bytes.
    pub name: *const c_char,
    /// What it stands for.
    pub function: ndshm_map_function,
}

/// Names of the functions that `ndshm_map_serve` got, by their addresses.
static NAMES: Mutex<Vec<(usize, String)>> = Mutex::new(Vec::new());

/// It, if it is not NULL.
pub(super) type Callable = unsafe extern "C" fn(
    *const c_void,
    usize,
    u64,
    *mut c_void,
    *mut ndshm_segment,
    *mut ndshm_error,
) -> i32;

/// Call it first in `main`, with every function that a process with threads is
/// going to map. In a worker that was started by exec it does not return: it
/// runs items and ends the process. In any other process it remembers the
/// functions and returns. A program whose maps only fork does not need it.
///
/// Returns `NDSHM_ERR_ARGUMENT`.
///
/// # Safety
/// * `functions` leads to `count` entries, during the call.
/// * The process has one thread, and has done nothing yet that a worker should not
///   do as well.
/// * `error` is NULL, or its `struct_size` is set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndshm_map_serve(
    functions: *const ndshm_map_entry,
    count: usize,
    error: *mut ndshm_error,
) -> i32 {
    let call = || {
        // SAFETY: the caller's promise.
        let entries = unsafe { args::items(functions, count, "functions") }?;
        let mut known = Vec::with_capacity(count);
        for entry in entries {
            // SAFETY: the caller's promise.
            let name = unsafe { args::text(entry.name, "name of a function") }?;
            if name.is_empty() || name.len() > 200 {
                return Err(Fault::Range("name of a function").into());
            }
            known.push((name, entry.function.ok_or(Fault::Null("function"))?));
        }
        map::serve(known.iter().map(|&(name, function)| (name.into(), wrapped(function))));
        let mut names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
        names.extend(known.iter().map(|&(name, function)| (function as usize, name.into())));
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard(error, call) }
}

/// A C function as the core calls it.
fn wrapped(function: Callable) -> Function {
    Arc::new(move |item| {
        // SAFETY: who gave the function has promised that it can be called in a worker.
        unsafe { run(function, item) }
    })
}

/// # Safety
/// * `function` does what [`ndshm_map_function`] asks for.
unsafe fn run(function: Callable, item: Item<'_>) -> Result<Product, Failed> {
    let Item { index, bytes, context } = item;
    let at = if bytes.is_empty() { core::ptr::null() } else { bytes.as_ptr().cast() };
    let own = if context.is_empty() { core::ptr::null_mut() } else { context.as_mut_ptr().cast() };
    let mut result = MaybeUninit::<ndshm_segment>::zeroed();
    let mut error = ndshm_error::EMPTY;
    // SAFETY: the caller's promise; the arguments are what the function is told they are.
    let status =
        unsafe { function(at, bytes.len(), index, own, result.as_mut_ptr(), &raw mut error) };
    // SAFETY: it was zeroed, and only functions of this library change it.
    let left = unsafe { handle::take(result.as_mut_ptr()) };
    if status != NDSHM_OK {
        return Err(failed(status, &error));
    }
    // What is neither open nor zeros is a mistake, and not an item without a result.
    let closed =
        |_| Failed::new(NDSHM_ERR_MAP_FUNCTION, "the function left a handle that is closed");
    Ok(match left.map_err(closed)? {
        None => Product::Nothing,
        Some(Handle::Draft(draft)) => Product::Draft(draft),
        Some(Handle::Segment(segment)) => Product::Segment(segment),
    })
}

/// What the function says of its failure.
fn failed(status: i32, error: &ndshm_error) -> Failed {
    let bytes = error.message.map(|c| c as u8);
    let text = bytes.split(|&b| b == 0).next().unwrap_or_default();
    let text = String::from_utf8_lossy(text);
    let reserved = NDSHM_ERR_END..=NDSHM_ERR_THREADS;
    if status > 0 || reserved.contains(&status) {
        let what = format!("the function returned {status}, which is no status of its own");
        return Failed::new(NDSHM_ERR_MAP_FUNCTION, what);
    }
    if text.is_empty() {
        let known = meaning(status).to_string_lossy();
        return Failed::new(status, format!("the function returned {status} ({known})"));
    }
    let ndshm_error { os_errno, line, row, byte, column, .. } = *error;
    Failed { os_errno, line, row, byte, column, ..Failed::new(status, text) }
}

/// The function with its name, if it has one.
pub(super) fn work(function: Callable) -> Work {
    let names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
    // The last one counts: the table may have given an earlier name to another function.
    let name = names.iter().rev().find(|(known, _)| *known == function as usize);
    let name = name.map(|(_, name)| name.clone());
    Work { name, function: wrapped(function) }
}

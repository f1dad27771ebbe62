//! The boundary of the functions that need std: their errors own memory, and
//! their code may panic. No panic leaves this library.

use core::any::Any;
use core::fmt;
use core::panic::AssertUnwindSafe;
use std::boxed::Box;
use std::panic::catch_unwind;
use std::string::String;

use super::error::{
    Failure, Fault, NDSHM_ERR_ARGUMENT, NDSHM_ERR_PANIC, NDSHM_OK, ndshm_error, record,
    size_of_record,
};
use crate::error::Error;

/// Why a call that needs std fails. `?` makes it of everything that is a
/// [`Failure`].
pub(super) struct Failed(Box<dyn Failure>);

impl<F: Failure + 'static> From<F> for Failed {
    fn from(failure: F) -> Self {
        Self(Box::new(failure))
    }
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Fault::from(error).into()
    }
}

/// [`report`](super::error::report) for functions that need std: makes the
/// status of a call, and its record, also if it panics.
///
/// # Safety
/// * `error` is NULL, or points to an `ndshm_error` that nobody else uses.
pub(super) unsafe fn guard(
    error: *mut ndshm_error,
    call: impl FnOnce() -> Result<(), Failed>,
) -> i32 {
    // SAFETY: the caller's promise, passed on.
    let Some(struct_size) = (unsafe { size_of_record(error) }) else { return NDSHM_ERR_ARGUMENT };
    // Whatever the panic left half done is in handles of the caller's, which is told not to
    // use them again.
    let failure = match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(())) => return NDSHM_OK,
        Ok(Err(failed)) => failed.0,
        Err(payload) => Box::new(Panicked::new(payload)),
    };
    // SAFETY: the caller's promise; the size is what the record said.
    unsafe { record(error, struct_size, &*failure) }
}

/// A panic, as an error.
struct Panicked(String);

impl Panicked {
    fn new(payload: Box<dyn Any + Send>) -> Self {
        let text = payload.downcast_ref::<&str>().map(|&text| text.into());
        let text = text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_default();
        // The payload may be anything, also something that panics when it is dropped.
        core::mem::forget(payload);
        Self(text)
    }
}

impl fmt::Display for Panicked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "bug in the library: {}", self.0)
    }
}

impl Failure for Panicked {
    fn code(&self) -> i32 {
        NDSHM_ERR_PANIC
    }
}

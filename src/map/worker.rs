//! The worker's side: one item after the other, until the parent has no more.

use core::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::string::String;

use bytemuck::{Zeroable, bytes_of, bytes_of_mut};

use super::data::Copy;
use super::message::{
    ANONYMOUS, Answer, DO, Hello, LIFELINE, MAGIC, NOTHING, Order, READY, RELEASE, UNKNOWN,
};
use super::{Failed, Function, Item, Product};
use crate::error::{Result, code};
use crate::segment::Segment;
use crate::sys::{self, Fd};

/// Status of a worker whose socket or whose data is not as it should be.
pub(super) const BROKEN: i32 = 70;

/// Serves with the function that the parent names, if `find` has it.
pub(super) fn serve(socket: &Fd, find: impl FnOnce(&str) -> Option<Function>) -> ! {
    match run(socket, find) {
        Ok(()) => sys::exit_now(0),
        Err(_) => sys::exit_now(BROKEN),
    }
}

fn run(socket: &Fd, find: impl FnOnce(&str) -> Option<Function>) -> Result<()> {
    let mut hello = Hello::zeroed();
    let (n, file) = sys::receive_with(socket.raw(), bytes_of_mut(&mut hello))?;
    let (Some(file), true) = (file, n == size_of::<Hello>() && hello.magic == MAGIC) else {
        return Ok(());
    };
    let Some(function) = find(hello.name()) else {
        return answer(socket, &Answer::of(UNKNOWN), None);
    };
    let mut data = Copy::new(&file, &hello)?;
    drop(file);
    let mut order = Order::zeroed();
    let (n, lifeline) = sys::receive_with(socket.raw(), bytes_of_mut(&mut order))?;
    let (Some(lifeline), true) = (lifeline, n == size_of::<Order>() && order.kind == LIFELINE)
    else {
        return Ok(());
    };
    answer(socket, &Answer::of(READY), None)?;
    // What the parent has not attached yet.
    let mut held: Option<Segment> = None;
    while sys::receive(socket, bytes_of_mut(&mut order))? == size_of::<Order>() {
        drop(held.take());
        if order.kind == DO {
            held = reply(socket, call(&lifeline, &function, &mut data, order.index)?)?;
        } else {
            debug_assert_eq!(order.kind, RELEASE);
        }
    }
    Ok(())
}

fn answer(socket: &Fd, answer: &Answer, passenger: Option<i32>) -> Result<()> {
    sys::send_with(socket.raw(), bytes_of(answer), passenger)
}

/// Runs the function, and publishes what it made.
fn call(
    lifeline: &Fd,
    function: &Function,
    data: &mut Copy,
    index: u64,
) -> Result<core::result::Result<Option<Segment>, Failed>> {
    let (bytes, context) = data.item(index);
    let item = Item { index, bytes, context };
    // Not the end of the socket for orders: the kernel may tell of an order a moment after it has
    // been taken.
    sys::die_with_socket(lifeline, true)?;
    let worker = sys::lineage();
    let made = catch_unwind(AssertUnwindSafe(|| function(item).and_then(publish)));
    if sys::lineage() != worker {
        // The function has forked, and its child came back, too: it must not answer.
        sys::exit_now(BROKEN);
    }
    sys::die_with_socket(lifeline, false)?;
    Ok(made.unwrap_or_else(|payload| {
        core::mem::forget(payload); // which may panic when it is dropped
        Err(Failed::new(code::PANIC, String::from("the function panicked")))
    }))
}

fn publish(product: Product) -> core::result::Result<Option<Segment>, Failed> {
    match product {
        Product::Nothing => Ok(None),
        Product::Draft(draft) => Ok(Some(draft.publish().map_err(crate::error::Error::from)?)),
        Product::Segment(segment) => Ok(Some(segment)),
    }
}

/// Tells the parent; what it has to attach by its name stays here until then.
fn reply(
    socket: &Fd,
    made: core::result::Result<Option<Segment>, Failed>,
) -> Result<Option<Segment>> {
    match made {
        Err(failed) => answer(socket, &Answer::failed(&failed), None)?,
        Ok(None) => answer(socket, &Answer::of(NOTHING), None)?,
        Ok(Some(segment)) => match (segment.raw_fd(), segment.name()) {
            (None, Some(name)) => {
                answer(socket, &Answer::named(name), None)?;
                return Ok(Some(segment));
            }
            // From here on the message keeps it.
            (fd, _) => answer(socket, &Answer::of(ANONYMOUS), fd)?,
        },
    }
    Ok(None)
}

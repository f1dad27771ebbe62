//! Functions by name, for workers that are this program once more.

use std::env;
use std::string::String;
use std::sync::{Arc, Mutex, PoisonError};
use std::vec::Vec;

use super::Function;
use super::worker::{self, BROKEN};
use crate::sys::{self, Fd};

/// What an exec'd worker has in its environment: number and inode of its socket.
pub(super) const VARIABLE: &str = "NDSHM_MAP_SOCKET";

static TABLE: Mutex<Vec<(String, Function)>> = Mutex::new(Vec::new());

/// To be called first in `main`, with every function that a process with threads
/// is going to map. In a worker it does not return: it serves, and ends the
/// process. In any other process it remembers the functions; one of a name that
/// was there takes its place.
pub fn serve(functions: impl IntoIterator<Item = (String, Function)>) {
    let functions: Vec<_> = functions.into_iter().collect();
    if let Some(socket) = inherited() {
        worker::serve(&socket, |name| {
            functions.iter().find(|(known, _)| known == name).map(|(_, f)| Arc::clone(f))
        });
    }
    let mut table = TABLE.lock().unwrap_or_else(PoisonError::into_inner);
    for (name, function) in functions {
        table.retain(|(known, _)| *known != name);
        table.push((name, function));
    }
}

/// The function that [`serve`] got under a name.
#[must_use]
pub fn lookup(name: &str) -> Option<Function> {
    let table = TABLE.lock().unwrap_or_else(PoisonError::into_inner);
    table.iter().find(|(known, _)| known == name).map(|(_, f)| Arc::clone(f))
}

/// The socket of this process, if it was started to be a worker. One that was, and has
/// closed its socket before it came here, ends: going on as the program it would start
/// workers that start workers.
fn inherited() -> Option<Fd> {
    let text = env::var(VARIABLE).ok().filter(|_| !sys::has_more_rights())?;
    // SAFETY: a worker has one thread at this point, the first call of `main`; in any other
    // process the variable is not there, unless somebody has set it on purpose.
    unsafe { env::remove_var(VARIABLE) };
    let (raw, inode) = text.split_once(':')?;
    let (raw, inode) = (raw.parse().ok()?, inode.parse().ok()?);
    // SAFETY: if that is the socket, it was made for this worker and nobody else has it.
    let socket = unsafe { sys::inherited_socket(raw, inode) };
    if sys::duplicate(raw).is_err() {
        sys::exit_now(BROKEN);
    }
    socket
}

#[cfg(test)]
mod tests {
    use super::super::{Product, Work};
    use super::*;

    #[test]
    fn a_worker_that_lost_its_socket_does_not_go_on_as_the_program() {
        // SAFETY: the C library makes its allocator usable in the child, which takes no locks.
        let sys::Forked::Parent(child) = (unsafe { sys::fork_whole() }).unwrap() else {
            // SAFETY: the child has one thread.
            unsafe { env::set_var(VARIABLE, "1000000:1") };
            serve([]);
            sys::exit_now(0);
        };
        assert_eq!(child.wait(), sys::Ended::Exited(BROKEN));
    }

    #[test]
    fn the_last_function_of_a_name_counts() {
        for code in [1, 2] {
            let function: Function = Arc::new(move |_| Err(super::super::Failed::new(code, "")));
            serve([(String::from("twice"), function)]);
        }
        let nothing: Function = Arc::new(|_| Ok(Product::Nothing));
        serve([(String::from("other"), nothing)]);
        let item = super::super::Item { index: 0, bytes: &[], context: &mut [] };
        assert_eq!(lookup("twice").unwrap()(item).unwrap_err().code, 2);
        assert!(Work::named("other").is_some() && Work::named("nobody").is_none());
    }
}

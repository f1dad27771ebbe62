//! Starting a worker, by a fork or by an exec.

use core::ffi::c_char;
use core::ptr::null;
use std::env;
use std::ffi::{CString, OsString};
use std::format;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::sync::Arc;
use std::vec::Vec;

use bytemuck::bytes_of;

use super::data::Data;
use super::error::{MapError, Result};
use super::message::{LIFELINE, Order};
use super::{Way, Work, table, worker};
use crate::error::Error;
use crate::sys::{self, Child, Fd, Forked, SignalMask};

/// Status of a worker that could not become its program.
const NO_EXEC: i32 = 127;

/// A worker process, and the parent's ends of its sockets.
#[derive(Debug)]
pub(super) struct Process {
    pub(super) child: Child,
    pub(super) socket: Fd,
    #[expect(dead_code, reason = "the worker sees when it is closed")]
    lifeline: Fd,
}

/// How the workers of a map are started, for all its life.
#[derive(Debug)]
pub(super) struct Starter {
    work: Work,
    exec: bool,
}

impl Starter {
    pub(super) fn new(work: Work, way: Way) -> Result<Self> {
        let exec = match (way, has_one_thread()) {
            (Way::Fork, false) => return Err(MapError::Threads),
            (Way::Auto, one_thread) => !one_thread,
            (way, _) => way == Way::Exec,
        };
        if exec && work.name.is_none() {
            return Err(if way == Way::Auto { MapError::Threads } else { MapError::NoName });
        }
        if exec && sys::has_more_rights() {
            // Its workers would not believe what tells them that they are workers.
            return Err(Error::Permission.into());
        }
        Ok(Self { work, exec })
    }

    /// Starts one more, and tells it what it needs to know.
    pub(super) fn start(&self, data: &Data) -> Result<Process> {
        let (child, socket) = if self.exec { exec_worker()? } else { self.fork()? };
        match self.greet(&socket, data) {
            Ok(lifeline) => Ok(Process { child, socket, lifeline }),
            Err(error) => {
                child.kill();
                let _ = child.wait();
                Err(error.into())
            }
        }
    }

    /// The first messages to a worker; the parent's end of its lifeline.
    fn greet(&self, socket: &Fd, data: &Data) -> crate::error::Result<Fd> {
        let hello = data.hello(self.work.name.as_deref().unwrap_or_default());
        let (ours, theirs) = sys::socket_pair()?;
        let order = Order { kind: LIFELINE, index: 0 };
        let messages = [(bytes_of(&hello), data.raw_fd()), (bytes_of(&order), theirs.raw())];
        for (message, passenger) in messages {
            match sys::send_with(socket.raw(), message, Some(passenger)) {
                // It died already, which shows when it is waited for.
                Ok(()) | Err(Error::Os { errno: sys::EPIPE | sys::ECONNRESET, .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(ours)
    }

    fn fork(&self) -> Result<(Child, Fd)> {
        if !has_one_thread() {
            return Err(MapError::Threads);
        }
        let (ours, theirs) = sys::socket_pair()?;
        let parent = sys::pid();
        // No handler of the host may run in the child before its actions are reset.
        let mask = SignalMask::block_all()?;
        // SAFETY: this process has one thread.
        let forked = unsafe { sys::fork_whole() };
        if let Ok(Forked::Child) = forked {
            sys::default_signals();
            SignalMask::allow_all();
            sys::close_all_but_standard_and(theirs.raw());
            if !sys::die_with_parent(parent) {
                sys::exit_now(0);
            }
            worker::serve(&theirs, |_| Some(Arc::clone(&self.work.function)));
        }
        mask.restore();
        parents_side(forked, ours)
    }
}

/// Starts this program once more, to be a worker.
fn exec_worker() -> Result<(Child, Fd)> {
    let (ours, theirs) = sys::socket_pair()?;
    let program = Program::new(&theirs)?;
    let mask = SignalMask::block_all()?;
    // SAFETY: the child makes system calls only, until it is another program.
    let forked = unsafe { sys::fork() };
    if let Ok(Forked::Child) = forked {
        sys::default_signals();
        SignalMask::allow_all();
        sys::close_all_but_standard_and(theirs.raw());
        if sys::set_inherited(&theirs, true).is_ok() {
            program.exec();
        }
        sys::exit_now(NO_EXEC);
    }
    mask.restore();
    parents_side(forked, ours)
}

fn parents_side(forked: crate::error::Result<Forked>, socket: Fd) -> Result<(Child, Fd)> {
    match forked? {
        Forked::Parent(child) => Ok((child, socket)),
        Forked::Child => sys::exit_now(NO_EXEC), // it is gone before it gets here
    }
}

/// Whether nobody else runs in this process. What cannot be found out is a no.
fn has_one_thread() -> bool {
    fs::read_dir("/proc/self/task").is_ok_and(|tasks| tasks.count() == 1)
}

/// This program, with arguments and an environment in the form that `execve` takes.
struct Program {
    path: CString,
    args: Vec<CString>,
    env: Vec<CString>,
    arg_pointers: Vec<*const c_char>,
    env_pointers: Vec<*const c_char>,
}

impl Program {
    fn new(socket: &Fd) -> Result<Self> {
        let first = env::args_os().next().unwrap_or_else(|| OsString::from("ndshm"));
        let args: Vec<_> = c_string(first).into_iter().collect();
        let mark = format!("{}={}:{}", table::VARIABLE, socket.raw(), socket.stat()?.ino);
        let ours = |name: &OsString| name != table::VARIABLE;
        let others = env::vars_os().filter(|(name, _)| ours(name)).map(|(mut name, value)| {
            name.push("=");
            name.push(value);
            name
        });
        let env: Vec<_> = others.chain([OsString::from(mark)]).filter_map(c_string).collect();
        let (arg_pointers, env_pointers) = (pointers(&args), pointers(&env));
        // The link leads to the program also when its name was removed; the name to the program
        // itself also under a tool that runs it inside another one.
        let named = env::current_exe().ok().filter(|path| path.exists());
        let path = named.and_then(|path| c_string(path.into_os_string()));
        let path = path.unwrap_or_else(|| CString::from(c"/proc/self/exe"));
        Ok(Self { path, args, env, arg_pointers, env_pointers })
    }

    /// Becomes it, or comes back.
    fn exec(&self) {
        debug_assert!(self.arg_pointers.len() == self.args.len() + 1);
        debug_assert!(self.env_pointers.len() == self.env.len() + 1);
        let (args, env) = (self.arg_pointers.as_ptr(), self.env_pointers.as_ptr());
        // SAFETY: both arrays end with a null pointer, and lead to the strings beside them.
        let _ = unsafe { sys::exec(&self.path, args, env) };
    }
}

fn c_string(text: OsString) -> Option<CString> {
    CString::new(text.into_vec()).ok()
}

fn pointers(strings: &[CString]) -> Vec<*const c_char> {
    strings.iter().map(|s| s.as_ptr()).chain([null()]).collect()
}

//! `ndshm doctor`: whether this machine is one where ndshm can work, and what to do if not.

use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::thread::available_parallelism;

use ndshm::error::Error;
use ndshm::layout::{FORMAT_MAJOR, FORMAT_MINOR};
use ndshm::segment::{self, Access, Draft, Info, Name, Segment, Spec};
use ndshm::{hdf5, sys, text};
use serde::Serialize;

use crate::args::DoctorArgs;
use crate::json;
use crate::output::{Failure, human, shm_error, thousands};
use crate::segments::{DEAD, standing};

/// Less shared memory than this is what containers have that nobody gave any.
const LITTLE: u64 = 128 << 20;
/// A limit that is none.
const MUCH: u64 = 1 << 60;
/// Fewer open files than this are not enough for a table of many inputs.
const FEW_FILES: u32 = 256;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Ok,
    /// Works, but not for everything.
    Note,
    Bad,
}

/// What was found about one thing.
#[derive(Debug, Serialize)]
struct Finding {
    what: &'static str,
    state: State,
    found: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<&'static str>,
}

impl Finding {
    fn ok(what: &'static str, found: impl Into<String>) -> Self {
        Self { what, state: State::Ok, found: found.into(), advice: None }
    }

    fn note(what: &'static str, found: impl Into<String>, advice: &'static str) -> Self {
        Self { what, state: State::Note, found: found.into(), advice: Some(advice) }
    }

    fn bad(what: &'static str, found: impl Into<String>, advice: &'static str) -> Self {
        Self { what, state: State::Bad, found: found.into(), advice: Some(advice) }
    }
}

pub(crate) fn run(args: &DoctorArgs) -> Result<(), Failure> {
    hdf5::command_mode();
    let findings = [
        itself(),
        kernel(),
        shared_memory(),
        named(),
        unnamed(),
        dead(),
        logout(),
        memory(),
        files(),
        file_size(),
        processors(),
        library(),
    ];
    if args.json {
        json::print(&findings)?;
    } else {
        print(&findings)?;
    }
    let is_bad = findings.iter().any(|finding| finding.state == State::Bad);
    if is_bad { Err(Failure::reported()) } else { Ok(()) }
}

fn print(findings: &[Finding]) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    for Finding { what, state, found, advice } in findings {
        let state = match state {
            State::Ok => "ok",
            State::Note => "note",
            State::Bad => "BAD",
        };
        writeln!(out, "{state:<4}  {what:<14}  {found}")?;
        if let Some(advice) = advice {
            writeln!(out, "{:>22}{advice}", "")?;
        }
    }
    Ok(())
}

fn itself() -> Finding {
    let version = env!("CARGO_PKG_VERSION");
    Finding::ok("ndshm", format!("{version}, wire format {FORMAT_MAJOR}.{FORMAT_MINOR}"))
}

fn kernel() -> Finding {
    let read = |name| fs::read_to_string(Path::new("/proc/sys/kernel").join(name));
    let name = read("ostype").unwrap_or_default();
    let release = read("osrelease").unwrap_or_default();
    Finding::ok("kernel", format!("{} {}", name.trim(), release.trim()))
}

/// The file system that segments are in.
fn shared_memory() -> Finding {
    const WHAT: &str = "shared memory";
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let mounted = mounts.lines().rev().find(|line| line.split(' ').nth(1) == Some("/dev/shm"));
    let kind = mounted.and_then(|line| line.split(' ').nth(2));
    let space = sys::Fd::open_read(c"/dev/shm").and_then(|fd| sys::space(&fd));
    let (Some(kind), Ok(space)) = (kind, space) else {
        return Finding::bad(WHAT, "/dev/shm is no file system of its own", "mount a tmpfs there");
    };
    let found =
        format!("/dev/shm is {kind}, {} of {} are free", human(space.free), human(space.total));
    match kind {
        "tmpfs" | "ramfs" if space.free < LITTLE => Finding::note(
            WHAT,
            found,
            "a container wants a larger --shm-size, a pod an emptyDir of medium Memory; else \
             mount -o remount,size=... /dev/shm",
        ),
        "tmpfs" | "ramfs" => Finding::ok(WHAT, found),
        _ => Finding::note(WHAT, found, "a tmpfs is faster, and empty after a crash"),
    }
}

/// Makes a segment, and opens it by its name.
fn named() -> Finding {
    const WHAT: &str = "segments";
    let tried = || -> Result<(), Error> {
        let name = Name::new(&format!("ndshm-doctor-{}", std::process::id()))?;
        let segment = Draft::create(&name, &Spec::of::<u8>(&[4096]))?.publish()?;
        let other = Segment::attach(&name, Access::Read, None)?;
        drop((segment, other));
        match Info::peek(&name) {
            Err(Error::NotFound) => Ok(()),
            _ => Err(Error::Busy),
        }
    };
    match tried() {
        Ok(()) => Finding::ok(WHAT, "one was made, opened by its name, and is gone"),
        Err(error) => Finding::bad(
            WHAT,
            format!("none can be made: {}", shm_error(error)),
            "look at the rights of /dev/shm (1777), at quotas, and whether a sandbox forbids it",
        ),
    }
}

/// Makes a segment without a name.
fn unnamed() -> Finding {
    const WHAT: &str = "without a name";
    match Draft::create_anonymous(&Spec::of::<u8>(&[4096])).map(Draft::publish) {
        Ok(Ok(_)) => Finding::ok(WHAT, "sealed memory files can be made (memfd)"),
        _ => Finding::note(
            WHAT,
            "sealed memory files cannot be made (memfd)",
            "segments without a name do not work here; named ones do",
        ),
    }
}

/// Counts what nobody has any more.
fn dead() -> Finding {
    const WHAT: &str = "left behind";
    let (mut all, mut dead) = (0, 0);
    let listed = segment::list(|name| {
        all += 1;
        dead += u64::from(Info::peek(name).is_ok_and(|info| standing(&info) == DEAD));
        Ok(())
    });
    match (listed, dead) {
        (Err(error), _) => {
            Finding::note(WHAT, shm_error(error), "'ndshm ls' needs to read /dev/shm")
        }
        (Ok(()), 0) => Finding::ok(WHAT, format!("nothing; segments: {}", thousands(all))),
        (Ok(()), n) => {
            let found = format!("{} of {} segments that nobody has", thousands(n), thousands(all));
            Finding::note(WHAT, found, "'ndshm prune' removes them")
        }
    }
}

/// Whether the system removes what users have in shared memory when they log out.
fn logout() -> Finding {
    const WHAT: &str = "logging out";
    if !Path::new("/run/systemd/system").exists() {
        return Finding::ok(WHAT, "no systemd, which would remove segments then");
    }
    let is_system_user = sys::user_id() < 1000;
    let says_no = removes_ipc() == Some(false);
    if is_system_user || says_no {
        return Finding::ok(WHAT, "segments stay");
    }
    Finding::note(
        WHAT,
        "systemd may remove this user's segments when the last session ends (RemoveIPC)",
        "loginctl enable-linger, or RemoveIPC=no in /etc/systemd/logind.conf",
    )
}

/// What the last file says that says something.
fn removes_ipc() -> Option<bool> {
    let mut files = vec![Path::new("/etc/systemd/logind.conf").to_path_buf()];
    let more = fs::read_dir("/etc/systemd/logind.conf.d").into_iter().flatten().flatten();
    let mut more: Vec<_> = more.map(|entry| entry.path()).collect();
    more.sort();
    files.extend(more);
    let mut said = None;
    for text in files.iter().filter_map(|file| fs::read_to_string(file).ok()) {
        let values = text.lines().filter_map(|line| line.trim().strip_prefix("RemoveIPC="));
        said =
            values.map(|is| matches!(is.trim(), "yes" | "true" | "on" | "1")).next_back().or(said);
    }
    said
}

/// What the control groups of a container leave.
fn memory() -> Finding {
    const WHAT: &str = "memory";
    match sys::memory_left() {
        MUCH.. => Finding::ok(WHAT, "no control group limits it"),
        left if left < LITTLE => Finding::note(
            WHAT,
            format!("the control group has {} left", human(left)),
            "segments count as this memory: give the container more, or --memory less",
        ),
        left => Finding::ok(WHAT, format!("the control group has {} left", human(left))),
    }
}

fn files() -> Finding {
    const WHAT: &str = "open files";
    match sys::descriptor_limit() {
        few if few < FEW_FILES => Finding::note(
            WHAT,
            format!("{few} at once"),
            "'ulimit -n 1024' or more, for many inputs",
        ),
        many => Finding::ok(WHAT, format!("{} at once", thousands(u64::from(many)))),
    }
}

fn file_size() -> Finding {
    const WHAT: &str = "size of files";
    match sys::file_size_limit() {
        u64::MAX => Finding::ok(WHAT, "not limited"),
        limit => Finding::note(
            WHAT,
            format!("{} at most, segments too", human(limit)),
            "'ulimit -f unlimited', where that is allowed",
        ),
    }
}

fn processors() -> Finding {
    const WHAT: &str = "processors";
    let count = available_parallelism().map_or(1, usize::from);
    match text::kernels() {
        None => Finding::note(
            WHAT,
            format!("{count} may be used; without AVX2"),
            "text is read some times slower than on a processor with AVX2 or AVX-512",
        ),
        Some(kernels) => {
            Finding::ok(WHAT, format!("{count} may be used; kernels for {kernels} read text"))
        }
    }
}

fn library() -> Finding {
    const WHAT: &str = "HDF5";
    let about = match hdf5::about() {
        Ok(about) => about,
        Err(error) => {
            return Finding::bad(WHAT, error.to_string(), "reinstall the HDF5 library");
        }
    };
    let (major, minor, release) = about.version;
    let reads =
        if about.zstd { "reads gzip and zstd" } else { "reads gzip, and zstd with a plugin" };
    let found = format!("{major}.{minor}.{release}, {reads}");
    if !about.gzip {
        return Finding::note(
            WHAT,
            found,
            "it was built without zlib: other programs here may be, too",
        );
    }
    Finding::ok(WHAT, found)
}

//! `ndshm ls`, `info`, `rm`, `prune`.

use core::time::Duration;
use std::io::{self, BufWriter, Write};
use std::time::{SystemTime, UNIX_EPOCH};

use ndshm::error::Error;
use ndshm::layout::State;
use ndshm::segment::{self, Alive, Info, Name, Policy, Removal};
use ndshm::sys::boot_ns;
use serde::Serialize;

use crate::args::{InfoArgs, LsArgs, NamesArgs};
use crate::holders::{Holder, holders};
use crate::json;
use crate::output::{
    Failure, complain, human, printable, shape, shm_error, shortened, table, thousands,
};

pub(crate) fn name(text: &str) -> Result<Name, Failure> {
    Name::new(text).map_err(|error| Failure::about(text, error))
}

pub(crate) fn peek(text: &str) -> Result<Info, Failure> {
    Info::peek(&name(text)?).map_err(|error| Failure::new(about(text, error)))
}

pub(crate) fn about(name: &str, error: Error) -> String {
    match error {
        Error::NotFound => format!("no segment is named '{name}'; 'ndshm ls' lists them"),
        error => format!("segment '{name}': {}", shm_error(error)),
    }
}

fn all_names() -> Result<Vec<Name>, Failure> {
    let mut names = Vec::new();
    segment::list(|name| {
        names.push(*name);
        Ok(())
    })
    .map_err(|error| Failure::new(shm_error(error)))?;
    names.sort_by(|a, b| a.as_str().cmp(b.as_str()));
    Ok(names)
}

pub(crate) fn ls(args: &LsArgs) -> Result<(), Failure> {
    let names = all_names()?;
    let mut out = io::stdout().lock();
    if args.json {
        return names.iter().try_for_each(|name| match Info::peek(name) {
            Ok(info) => tell(&info),
            // It went between the listing and the look.
            Err(Error::NotFound) => Ok(()),
            Err(error) => json::print(&Damaged::of(name, error)),
        });
    }
    if args.quiet {
        for name in &names {
            writeln!(out, "{}", name.as_str())?;
        }
        return Ok(());
    }
    let mut rows =
        vec![["NAME", "SHAPE", "DTYPE", "SIZE", "STATE", "AGE"].map(String::from).into()];
    for name in &names {
        match Info::peek(name) {
            Ok(info) => rows.push(ls_row(&info)),
            // It went between the listing and the look.
            Err(Error::NotFound) => {}
            Err(error) => rows.push(vec![name.as_str().into(), format!("({error})")]),
        }
    }
    if rows.len() == 1 {
        complain("no segments");
        return Ok(());
    }
    Ok(table(&mut out, &rows, &[false, false, false, true, false, true])?)
}

fn ls_row(info: &Info) -> Vec<String> {
    let header = info.header();
    vec![
        info.name().as_str().into(),
        shape(header.shape()),
        shortened(&header.dtype().to_string(), 40),
        human(header.header().data_len),
        standing(info).into(),
        age(header.header().created_ns),
    ]
}

/// Of a segment whose name nothing keeps: the next create or prune takes it away.
pub(crate) const DEAD: &str = "dead";

/// What keeps a segment's name.
pub(crate) fn standing(info: &Info) -> &'static str {
    let policy = info.header().policy();
    if info.glance().alive.attached {
        "attached"
    } else if policy == Policy::Persist {
        "persistent"
    } else if info.promised() > 0 {
        "waiting"
    } else {
        DEAD
    }
}

fn age(created_ns: u64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    duration(now.saturating_sub(Duration::from_nanos(created_ns)).as_secs())
}

fn duration(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min", seconds / 60),
        3600..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}

/// What programs read of a segment.
#[derive(Serialize)]
struct Told<'i> {
    name: &'i str,
    shape: &'i [u64],
    strides: &'i [i64],
    dtype: String,
    itemsize: u32,
    /// Of the data, and where it begins in the object.
    bytes: u64,
    offset: u64,
    state: &'static str,
    policy: &'static str,
    attached: bool,
    promised: u32,
    attaches: u32,
    uid: u32,
    mode: u32,
    created_ns: u64,
    creator_pid: u32,
    uuid: String,
    mapped_by: Vec<Holder>,
}

/// What programs read of a segment that cannot be looked at.
#[derive(Serialize)]
struct Damaged<'n> {
    name: &'n str,
    error: String,
    /// The status that the C functions return.
    code: i32,
}

impl<'n> Damaged<'n> {
    fn of(name: &'n Name, error: Error) -> Self {
        Self { name: name.as_str(), error: error.to_string(), code: error.code() }
    }
}

fn tell(info: &Info) -> Result<(), Failure> {
    let (view, glance) = (info.header(), info.glance());
    let header = view.header();
    json::print(&Told {
        name: info.name().as_str(),
        shape: view.shape(),
        strides: view.strides(),
        dtype: view.dtype().to_string(),
        itemsize: header.itemsize,
        bytes: header.data_len,
        offset: header.data_offset,
        state: standing(info),
        policy: policy_name(view.policy()),
        attached: glance.alive.attached,
        promised: info.promised(),
        attaches: header.attach_epoch,
        uid: glance.uid,
        mode: glance.mode,
        created_ns: header.created_ns,
        creator_pid: header.creator_pid,
        uuid: uuid(&header.uuid),
        mapped_by: holders(info.name()),
    })
}

pub(crate) fn info(args: &InfoArgs) -> Result<(), Failure> {
    if args.json {
        return args.names.iter().try_for_each(|name| tell(&peek(name)?));
    }
    let mut out = BufWriter::new(io::stdout().lock());
    for (i, name) in args.names.iter().enumerate() {
        if i > 0 {
            writeln!(out)?;
        }
        print_info(&mut out, &peek(name)?)?;
    }
    Ok(out.flush()?)
}

fn print_info(out: &mut dyn Write, info: &Info) -> io::Result<()> {
    let (view, glance) = (info.header(), info.glance());
    let header = view.header();
    let name = info.name();
    let mut line = |key: &str, value: String| writeln!(out, "{key:<10} {value}");
    line("name", name.as_str().into())?;
    line("object", name.posix().to_string_lossy().into_owned())?;
    line("shape", shape(view.shape()))?;
    line("dtype", view.dtype().to_string())?;
    line("itemsize", format!("{} bytes", thousands(u64::from(header.itemsize))))?;
    line("strides", format!("{:?}", view.strides()))?;
    let stage = if view.state() == State::Ready { "" } else { ", being written" };
    line("data", format!("{} at offset {}{stage}", human(header.data_len), header.data_offset))?;
    line("state", standing(info).into())?;
    line("policy", policy(view.policy()))?;
    if let Some(promised) = promised(info) {
        line("promised", promised)?;
    }
    line("attached", attached(glance.alive, header.refcount))?;
    let by: Vec<_> =
        holders(name).iter().map(|h| format!("{} ({})", printable(&h.command), h.pid)).collect();
    if !by.is_empty() {
        line("mapped by", by.join(", "))?;
    }
    line("attaches", format!("{} so far", header.attach_epoch))?;
    line("created", format!("{} ago by process {}", age(header.created_ns), header.creator_pid))?;
    line("owner", format!("user {}, mode {:04o}", glance.uid, glance.mode))?;
    line("uuid", uuid(&header.uuid))?;
    line("format", format!("{}.{}", header.format_major, header.format_minor))?;
    if !view.metadata().is_empty() {
        line("metadata", human(view.metadata().len() as u64))?;
    }
    Ok(())
}

/// A policy's name, as the functions of all languages have it.
fn policy_name(policy: Policy) -> &'static str {
    match policy {
        Policy::LastDetach => "last-detach",
        Policy::Persist => "persist",
        Policy::Owner => "owner",
        Policy::Handoff { .. } => "handoff",
        _ => "anonymous",
    }
}

fn policy(policy: Policy) -> String {
    match policy {
        Policy::LastDetach => "last-detach: goes when nobody has it attached".into(),
        Policy::Persist => "persist: stays until it is removed".into(),
        Policy::Owner => "owner: goes when its creator detaches".into(),
        Policy::Handoff { attaches, .. } => format!("handoff: waits for attach number {attaches}"),
        other => format!("{other:?}").to_lowercase(),
    }
}

/// How often it is still to be attached, and how long it waits for that.
fn promised(info: &Info) -> Option<String> {
    let (expiry_ns, now) = (info.header().promises().expiry_ns(), boot_ns());
    let seconds = expiry_ns.saturating_sub(now) / 1_000_000_000;
    match (info.promised(), expiry_ns) {
        (0, 1..) if expiry_ns <= now => Some("the time is over".into()),
        (0, _) => None,
        (n, 0) => Some(format!("{n} attaches to come")),
        (n, _) => Some(format!("{n} attaches to come, {} more", duration(seconds))),
    }
}

fn attached(alive: Alive, refcount: u32) -> String {
    let now = if alive.attached { "yes" } else { "no" };
    format!("{now} ({refcount} counted)")
}

fn uuid(bytes: &[u8; 16]) -> String {
    let hex = format!("{:032x}", u128::from_be_bytes(*bytes));
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

pub(crate) fn rm(args: &NamesArgs) -> Result<(), Failure> {
    let mut failed = false;
    for text in &args.names {
        let removed = name(text).and_then(|name| {
            segment::unlink(&name).map_err(|error| Failure::new(about(text, error)))
        });
        if let Err(failure) = removed {
            let _ = failure.report();
            failed = true;
        }
    }
    if failed { Err(Failure::reported()) } else { Ok(()) }
}

pub(crate) fn prune() -> Result<(), Failure> {
    let mut removed = 0;
    let mut foreign = 0;
    segment::prune(|name, result| {
        match result {
            Ok(Removal::Removed) => {
                removed += 1;
                let _ = writeln!(io::stdout(), "removed {}", name.as_str());
            }
            Ok(Removal::Foreign) => foreign += 1,
            Ok(_) => {}
            Err(error) => complain(about(name.as_str(), error)),
        }
        Ok(())
    })
    .map_err(|error| Failure::new(shm_error(error)))?;
    if removed == 0 {
        complain("nothing to remove");
    }
    if foreign > 0 {
        complain(format!("{foreign} segments of other users were left alone"));
    }
    Ok(())
}

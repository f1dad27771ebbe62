//! `ndshm verify`.

use core::sync::atomic::AtomicBool;
use std::io::Write;
use std::path::Path;

use ndshm::hdf5;
use ndshm::join::{Fault, JoinError, Problem, Verified, VerifyJob, VerifyOptions};
use serde::Serialize;

use crate::args::VerifyArgs;
use crate::json::path;
use crate::output::{Failure, printable, thousands};

pub(crate) fn run(args: &VerifyArgs) -> Result<(), Failure> {
    hdf5::command_mode();
    let cancel = crate::cancel_on_signals()?;
    let mut options = VerifyOptions::default();
    options.quick = args.quick;
    let mut whole = true;
    for file in &args.files {
        let found = look(file, &options, args, cancel).map_err(|error| match error {
            JoinError::Cancelled => Failure::interrupted(),
            error => Failure::new(error),
        })?;
        whole &= found.problems.is_empty();
        if args.json {
            json(file, &found)?;
        } else {
            report(file, &found, args.quiet)?;
        }
    }
    if whole { Ok(()) } else { Err(Failure::reported()) }
}

fn look(
    file: &Path,
    options: &VerifyOptions,
    args: &VerifyArgs,
    cancel: &AtomicBool,
) -> Result<Verified, JoinError> {
    let mut job = VerifyJob::start(file, options)?;
    let canceller = job.canceller();
    args.progress.meter(args.quiet).drive(cancel, &canceller, |time| job.step(time))?;
    job.finish()
}

fn report(file: &Path, found: &Verified, quiet: bool) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    for problem in &found.problems {
        writeln!(out, "{}", printable(&problem.to_string()))?;
    }
    if found.problems.is_empty() && !quiet {
        writeln!(out, "{}: {}", printable(&file.display().to_string()), summary(found))?;
    }
    Ok(())
}

fn summary(found: &Verified) -> String {
    let count = |n: usize, what: &str| {
        format!("{} {what}{}", thousands(n as u64), if n == 1 { "" } else { "s" })
    };
    let datasets = count(found.datasets, "dataset");
    match (found.shards, found.checksums) {
        (0, _) => format!("whole, {datasets}"),
        (shards, 0) => format!("whole, {datasets} of {}", count(shards, "shard")),
        (shards, sums) => {
            let (shards, sums) = (count(shards, "shard"), count(sums, "checksum"));
            format!("whole, {datasets} of {shards}, {sums} compared")
        }
    }
}

/// One object a line.
#[derive(Serialize)]
struct Found<'v> {
    file: String,
    whole: bool,
    shards: usize,
    datasets: usize,
    checksums: usize,
    problems: Vec<One<'v>>,
}

#[derive(Serialize)]
struct One<'v> {
    file: String,
    dataset: Option<&'v str>,
    kind: &'static str,
    message: String,
    #[serde(flatten)]
    detail: Option<Detail>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Detail {
    Bytes { noted: u64, found: u64 },
    Texts { noted: String, found: String },
}

fn json(file: &Path, found: &Verified) -> Result<(), Failure> {
    crate::json::print(&Found {
        file: path(file),
        whole: found.problems.is_empty(),
        shards: found.shards,
        datasets: found.datasets,
        checksums: found.checksums,
        problems: found.problems.iter().map(one).collect(),
    })
}

fn one(problem: &Problem) -> One<'_> {
    let fault = &problem.fault;
    One {
        file: path(&problem.file),
        dataset: problem.dataset.as_deref(),
        kind: fault.kind(),
        message: fault.to_string(),
        detail: detail(fault),
    }
}

fn detail(fault: &Fault) -> Option<Detail> {
    Some(match fault {
        Fault::Size { noted, found } => Detail::Bytes { noted: *noted, found: *found },
        Fault::Truncated { need, have } => Detail::Bytes { noted: *need, found: *have },
        Fault::Checksum { noted, found } => {
            Detail::Texts { noted: format!("{noted:08x}"), found: format!("{found:08x}") }
        }
        Fault::Shape { noted, found } | Fault::DType { noted, found } => {
            Detail::Texts { noted: noted.clone(), found: found.clone() }
        }
        _ => return None,
    })
}

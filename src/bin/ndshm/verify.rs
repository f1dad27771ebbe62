//! `ndshm verify`.

use std::io::Write;
use std::path::Path;

use ndshm::hdf5;
use ndshm::join::{Fault, JoinError, Problem, Verified, VerifyOptions, verify};

use crate::args::VerifyArgs;
use crate::json::string;
use crate::output::{Failure, printable, thousands};

pub(crate) fn run(args: &VerifyArgs) -> Result<(), Failure> {
    hdf5::command_mode();
    let cancel = crate::cancel_on_signals()?;
    let mut options = VerifyOptions::default();
    options.quick = args.quick;
    let mut whole = true;
    for file in &args.files {
        let found = verify(file, &options, cancel).map_err(|error| match error {
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
fn json(file: &Path, found: &Verified) -> Result<(), Failure> {
    let problems: Vec<String> = found.problems.iter().map(object).collect();
    let Verified { shards, datasets, checksums, .. } = found;
    writeln!(
        std::io::stdout(),
        "{{\"file\": {}, \"whole\": {}, \"shards\": {shards}, \"datasets\": {datasets}, \
         \"checksums\": {checksums}, \"problems\": [{}]}}",
        string(&file.display().to_string()),
        found.problems.is_empty(),
        problems.join(", ")
    )?;
    Ok(())
}

fn object(problem: &Problem) -> String {
    let Problem { file, dataset, fault, .. } = problem;
    let dataset = dataset.as_ref().map_or("null".into(), |name| string(name));
    let detail = match fault {
        Fault::Size { noted, found } => format!(", \"noted\": {noted}, \"found\": {found}"),
        Fault::Truncated { need, have } => format!(", \"noted\": {need}, \"found\": {have}"),
        Fault::Checksum { noted, found } => {
            format!(", \"noted\": \"{noted:08x}\", \"found\": \"{found:08x}\"")
        }
        Fault::Shape { noted, found } | Fault::DType { noted, found } => {
            format!(", \"noted\": {}, \"found\": {}", string(noted), string(found))
        }
        _ => String::new(),
    };
    format!(
        "{{\"file\": {}, \"dataset\": {dataset}, \"kind\": \"{}\", \"message\": {}{detail}}}",
        string(&file.display().to_string()),
        fault.kind(),
        string(&fault.to_string()),
    )
}

//! `ndshm join`.

use std::io::Write;
use std::path::PathBuf;

use ndshm::hdf5::{self, TargetFault};
use ndshm::join::{Dataset, Fault, Job, JoinError, Options, Problem, Summary, natural_order};
use serde::Serialize;

use crate::args::JoinArgs;
use crate::json;
use crate::output::{Failure, human, printable, shape, shortened, thousands};

/// Datasets that the summary lists.
const LISTED: usize = 20;
/// Problems of a joined file that the message lists.
const PROBLEMS: usize = 10;

pub(crate) fn run(args: &JoinArgs) -> Result<(), Failure> {
    let mut shards: Vec<PathBuf> = args.shards.clone();
    if args.sort {
        shards.sort_by(|a, b| natural_order(a, b));
    }
    hdf5::command_mode();
    let cancel = crate::cancel_on_signals()?;
    let options = options(args)?;
    let mut meter = args.progress.meter(args.quiet);
    let done = || {
        let mut job = Job::start(shards, &args.output, &options)?;
        let canceller = job.canceller();
        meter.drive(cancel, &canceller, |time| job.step(time))?;
        job.finish()
    };
    let made = done().map_err(|e| failure(&e))?;
    meter.end();
    if args.json {
        json::print(&Made::of(&made, args.materialize, meter.seconds()))
    } else if args.quiet {
        Ok(())
    } else {
        report(&made, args, meter.seconds())
    }
}

/// What programs read.
#[derive(Serialize)]
struct Made<'a> {
    file: String,
    bytes: u64,
    /// How many there are.
    shards: usize,
    materialized: bool,
    datasets: Vec<Part<'a>>,
    seconds: f64,
}

#[derive(Serialize)]
struct Part<'a> {
    name: &'a str,
    shape: &'a [u64],
    dtype: &'a str,
}

impl<'a> Made<'a> {
    fn of(made: &'a Summary, materialized: bool, seconds: f64) -> Self {
        let part =
            |one: &'a Dataset| Part { name: &one.name, shape: &one.shape, dtype: &one.dtype };
        let (file, datasets) = (json::path(&made.path), made.datasets.iter().map(part).collect());
        let (bytes, shards) = (made.bytes, made.shards.len());
        Self { file, bytes, shards, materialized, datasets, seconds }
    }
}

fn options(args: &JoinArgs) -> Result<Options, Failure> {
    let mut options = Options::default();
    options.hdf5.force = args.force;
    options.hdf5.sync = args.sync;
    options.datasets.clone_from(&args.datasets);
    options.new_axis = args.new_axis;
    options.checksum = args.checksum;
    options.materialize = args.materialize;
    options.hdf5.storage = args.storage.storage()?;
    (options.workers, options.memory) = (args.workers.map(usize::from), args.memory);
    Ok(options)
}

fn failure(error: &JoinError) -> Failure {
    match error {
        JoinError::Cancelled => Failure::interrupted(),
        JoinError::Problems(problems) => {
            let more = problems.iter().skip(1).take(PROBLEMS).map(Problem::to_string);
            Failure::new(error).showing(more.collect::<Vec<_>>())
        }
        error => Failure::new(error).hinting(hint(error)),
    }
}

/// What to try.
fn hint(error: &JoinError) -> Option<String> {
    let hint = match error {
        JoinError::Partly { dataset, .. } => {
            return Some(format!(
                "give the shards that have it, with --dataset {dataset}; --dataset PATH of \
                 another leaves it out"
            ));
        }
        JoinError::Differs(difference) if difference.what == "shape" => {
            "rows are put one behind the other, so all other extents must agree; --dataset PATH \
             chooses other datasets"
        }
        JoinError::Differs(_) => "convert all shards with the same --dtype",
        JoinError::Storage { .. } => "docs/shards.md says what join --materialize can store",
        JoinError::Chunks(error) => return crate::hints::packing(error),
        JoinError::Shape { .. } => "--dataset PATH chooses other datasets",
        JoinError::Shard { fault: Fault::NotClosed | Fault::Truncated { .. }, .. } => {
            "if nobody writes it any more, make this shard again"
        }
        JoinError::Shard { dataset: Some(_), fault: Fault::NoDataset, .. } => {
            "without --dataset everything that the shards have is joined"
        }
        JoinError::Hdf5(hdf5::Error::Target { fault: TargetFault::Exists, .. }) => {
            "--force replaces it"
        }
        _ => return None,
    };
    Some(hint.into())
}

fn report(made: &Summary, args: &JoinArgs, seconds: f64) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    let (datasets, shards) = (made.datasets.len(), made.shards.len());
    let s = |count: usize| if count == 1 { "" } else { "s" };
    writeln!(
        out,
        "{}: {} dataset{} {} {} shard{}, {} in {seconds:.2} s",
        printable(&made.path.display().to_string()),
        thousands(datasets as u64),
        s(datasets),
        if args.materialize { "copied from" } else { "of" },
        thousands(shards as u64),
        s(shards),
        human(made.bytes),
    )?;
    for dataset in made.datasets.iter().take(LISTED) {
        let (name, dtype) = (printable(&dataset.name), shortened(&dataset.dtype, 100));
        writeln!(out, "  {name}  {}  {}", shape(&dataset.shape), printable(&dtype))?;
    }
    if datasets > LISTED {
        writeln!(out, "  ... and {} more", thousands((datasets - LISTED) as u64))?;
    }
    Ok(())
}

//! `ndshm describe`.

mod json;
mod table;

use core::sync::atomic::AtomicBool;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use ndshm::describe::{ArrayJob, DescribeError, Options, Summary, TextJob};
use ndshm::error::Error;
use ndshm::exchange::{self, ExchangeError, Meant};
use ndshm::hdf5;
use ndshm::segment::{Access, Name, Segment};

use crate::args::DescribeArgs;
use crate::output::{Failure, aside, found, has_unicode, shm_error, terminal_columns};
use crate::parse::parted;
use crate::text::TextSource;

pub(crate) fn run(args: &DescribeArgs) -> Result<(), Failure> {
    let columns = args.columns.iter().flat_map(|list| parted(list)).map(named).collect();
    let options = Options { columns, quick: args.quick, threads: args.text.workers() };
    let only = args.text.only_input().map(|path| (Meant::by(path), path));
    let summary = match only.filter(|&(source, _)| source != Meant::Text) {
        Some((source, path)) => array(source, path, &options, args)?,
        None => text(args, &options)?,
    };
    aside(&summary.report);
    if args.json {
        return json::print(&summary);
    }
    let mut out = BufWriter::new(io::stdout().lock());
    let look = table::Look { width: terminal_columns(), ascii: args.ascii || !has_unicode() };
    table::write(&mut out, &summary, look)?;
    out.flush()?;
    found(&summary.report, None);
    Ok(())
}

/// A name, which may stand in backticks.
fn named(part: &str) -> String {
    let bare = part.strip_prefix('`').and_then(|rest| rest.strip_suffix('`'));
    bare.unwrap_or(part).into()
}

fn text(args: &DescribeArgs, options: &Options) -> Result<Summary, Failure> {
    let TextSource { inputs, rows, options: text } = args.text.source()?;
    let cancel = crate::cancel_on_signals()?;
    let described = || {
        let mut job = TextJob::start_watching(inputs, &rows, &text, options, Some(cancel))?;
        let canceller = job.canceller();
        args.progress.meter(false).drive(cancel, &canceller, |time| job.step(time))?;
        job.finish()
    };
    described().map_err(|error| match error {
        DescribeError::Load(error) => Failure::loading(&error, &text),
        error => Failure::new(error),
    })
}

/// Describes what is no text.
fn array(
    source: Meant,
    path: &Path,
    options: &Options,
    args: &DescribeArgs,
) -> Result<Summary, Failure> {
    hdf5::command_mode();
    let cancel = crate::cancel_on_signals()?;
    let about =
        |error: Error| Failure::new(format!("segment '{}': {}", path.display(), shm_error(error)));
    let described = if source == Meant::Segment {
        let name = Name::new(path.to_str().unwrap_or_default()).map_err(about)?;
        let segment = Segment::attach(&name, Access::Read, None).map_err(about)?;
        ArrayJob::of_segment(&segment, options).and_then(|job| run_array(job, args, cancel))
    } else {
        let (file, dataset) = exchange::split_path(path);
        ArrayJob::of_file(&file, dataset.as_deref(), options)
            .and_then(|job| run_array(job, args, cancel))
    };
    described.map_err(|error| match error {
        DescribeError::Exchange(ExchangeError::Cancelled) => Failure::interrupted(),
        DescribeError::Core(error) => about(error),
        error => Failure::new(error),
    })
}

fn run_array(
    mut job: ArrayJob<'_>,
    args: &DescribeArgs,
    cancel: &AtomicBool,
) -> Result<Summary, DescribeError> {
    let canceller = job.canceller();
    args.progress.meter(false).drive(cancel, &canceller, |time| job.step(time))?;
    job.finish()
}

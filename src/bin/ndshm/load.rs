//! `ndshm load`.

use ndshm::error::Error;
use ndshm::load::{LoadError, Options, Report, SegmentJob, SegmentOptions};
use ndshm::segment::{Name, Segment};
use serde::Serialize;

use crate::args::LoadArgs;
use crate::dry_run;
use crate::json;
use crate::output::{Failure, Read, aside, found, human, loaded, shm_error};
use crate::text::TextSource;

pub(crate) fn run(args: &LoadArgs) -> Result<(), Failure> {
    let source = args.text.source()?;
    let name = Name::new(&args.name).map_err(|error| Failure::about(&args.name, error))?;
    if args.dry_run {
        return dry_run::load(args, source, &name);
    }
    let TextSource { inputs, rows, options } = source;
    let cancel = crate::cancel_on_signals()?;
    let mut meter = args.progress.meter(args.quiet);
    let done = || {
        let made = SegmentOptions::default();
        let mut job =
            SegmentJob::start_watching(inputs, &name, &rows, &options, made, Some(cancel))?;
        let canceller = job.canceller();
        let progress = meter.drive(cancel, &canceller, |time| job.step(time))?;
        let report = job.report().clone();
        Ok((job.finish()?, report, progress.bytes_done))
    };
    let (segment, report, bytes_in) =
        done().map_err(|error| failure(&args.name, error, &options))?;
    meter.end();
    aside(&report);
    let read = Read { bytes_in, seconds: meter.seconds() };
    if args.json {
        json::print(&Loaded::of(&args.name, &segment, &report, read))
    } else if args.quiet {
        Ok(())
    } else {
        loaded(&args.name, &segment, &read)?;
        found(&report, Some(&segment.dtype().to_string()));
        Ok(())
    }
}

/// What programs read.
#[derive(Serialize)]
pub(crate) struct Loaded<'a> {
    name: &'a str,
    shape: &'a [u64],
    /// As `--dtype` takes it.
    dtype: String,
    /// Of the data.
    bytes: usize,
    bad_rows: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    found: Option<json::Found>,
    #[serde(flatten)]
    read: Read,
}

impl<'a> Loaded<'a> {
    pub(crate) fn of(name: &'a str, segment: &'a Segment, report: &Report, read: Read) -> Self {
        let (shape, dtype) = (segment.shape(), segment.dtype().to_string());
        let found = report.dialect.as_ref().map(json::Found::from);
        let (bytes, bad_rows) = (segment.data_len(), report.bad_rows);
        Self { name, shape, dtype, bytes, bad_rows, found, read }
    }
}

pub(crate) fn taken(name: &str) -> Failure {
    Failure::new(format!("segment '{name}' exists: 'ndshm rm {name}' removes it"))
}

fn failure(name: &str, error: LoadError, options: &Options) -> Failure {
    match error {
        LoadError::Core(Error::Exists) => taken(name),
        LoadError::Core(Error::NoSpace { need, free }) => Failure::new(format!(
            "segment '{name}': shared memory is full: {} are free in /dev/shm, {} more were \
             needed (a container wants a larger --shm-size)",
            human(free),
            human(need)
        )),
        // Nobody asked for one by its name: it is the place that is missing.
        LoadError::Core(Error::NotFound) => Failure::new(format!(
            "segment '{name}': there is no /dev/shm: shared memory needs a tmpfs mounted there"
        )),
        LoadError::Core(error) => Failure::new(format!("segment '{name}': {}", shm_error(error))),
        error => Failure::loading(&error, options),
    }
}

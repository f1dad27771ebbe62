//! `ndshm import` and `ndshm export`.

use std::io::{self, Write};
use std::path::Path;

use ndshm::error::Error;
use ndshm::exchange::{
    self, ExchangeError, ExportJob, ExportOptions, Exported, Format, ImportJob, ImportOptions,
};
use ndshm::hdf5::{self, TargetFault};
use ndshm::load::Report;
use ndshm::segment::{Access, Name, Segment};
use serde::Serialize;

use crate::args::{ExportArgs, ExportFormat, ImportArgs};
use crate::hints;
use crate::json;
use crate::load::Loaded;
use crate::output::{Failure, Read, complain, human, loaded, shape, shm_error, shortened};

pub(crate) fn import(args: &ImportArgs) -> Result<(), Failure> {
    hdf5::command_mode();
    let name = name(&args.name)?;
    let cancel = crate::cancel_on_signals()?;
    let (file, dataset) = exchange::split_path(&args.file);
    let mut meter = args.progress.meter(args.quiet);
    let options =
        ImportOptions { workers: args.workers.map(usize::from), ..ImportOptions::default() };
    let done = || {
        let mut job = ImportJob::start(&file, dataset.as_deref(), &name, options)?;
        let canceller = job.canceller();
        let progress = meter.drive(cancel, &canceller, |time| job.step(time))?;
        Ok((job.finish()?, progress.bytes_done))
    };
    let (segment, bytes_in) = done().map_err(|error| failure(&args.name, false, error))?;
    meter.end();
    let read = Read { bytes_in, seconds: meter.seconds() };
    if args.json {
        return json::print(&Loaded::of(&args.name, &segment, &Report::default(), read));
    }
    if args.quiet { Ok(()) } else { loaded(&args.name, &segment, &read) }
}

pub(crate) fn export(args: &ExportArgs) -> Result<(), Failure> {
    hdf5::command_mode();
    let options = options(args)?;
    args.said.check().map_err(Failure::new)?;
    let is_file = args.output != Path::new("-");
    if args.json && !is_file {
        return Err(Failure::new("--json: standard output has the rows"));
    }
    let cancel = crate::cancel_on_signals()?;
    let segment = Segment::attach(&name(&args.name)?, Access::Read, None).map_err(|error| {
        Failure::new(match error {
            Error::NotFound => {
                format!("no segment is named '{}'; 'ndshm ls' lists them", args.name)
            }
            error => format!("segment '{}': {}", args.name, shm_error(error)),
        })
    })?;
    let mut meter = args.progress.meter(args.quiet);
    let is_hdf5 = options.format.or_else(|| Format::of(&args.output)) == Some(Format::Hdf5);
    let mut done = || {
        let mut job = ExportJob::start(&segment, &args.output, &options)?;
        let canceller = job.canceller();
        meter.drive(cancel, &canceller, |time| job.step(time))?;
        job.finish()
    };
    let made = done().map_err(|error| failure(&args.name, is_hdf5, error))?;
    meter.end();
    if matches!(options.storage.filters.codec, hdf5::Codec::Zstd(_)) && !args.quiet {
        complain(crate::convert::ZSTD);
    }
    if args.json {
        return json::print(&Made::of(&segment, &made, meter.seconds()));
    }
    if !args.quiet && is_file {
        tell(args, &segment, &made, meter.seconds())?;
    }
    Ok(())
}

/// What programs read of a file.
#[derive(Serialize)]
struct Made<'a> {
    file: String,
    /// `h5`, `npy` or `csv`.
    format: &'static str,
    /// Of the file.
    bytes: u64,
    shape: &'a [u64],
    dtype: String,
    seconds: f64,
}

impl<'a> Made<'a> {
    fn of(segment: &'a Segment, made: &Exported, seconds: f64) -> Self {
        let format = match made.format {
            Format::Hdf5 => "h5",
            Format::Npy => "npy",
            _ => "csv",
        };
        let (shape, dtype) = (segment.shape(), segment.dtype().to_string());
        Self { file: json::path(&made.path), format, bytes: made.bytes, shape, dtype, seconds }
    }
}

fn tell(
    args: &ExportArgs,
    segment: &Segment,
    made: &Exported,
    seconds: f64,
) -> Result<(), Failure> {
    writeln!(
        io::stdout().lock(),
        "{}: {} {}, {} in {seconds:.2} s",
        args.output.display(),
        shape(segment.shape()),
        shortened(&segment.dtype().to_string(), 300),
        human(made.bytes),
    )?;
    Ok(())
}

fn name(text: &str) -> Result<Name, Failure> {
    Name::new(text).map_err(|error| Failure::about(text, error))
}

fn options(args: &ExportArgs) -> Result<ExportOptions, Failure> {
    let format = args.format.map(|format| match format {
        ExportFormat::H5 => Format::Hdf5,
        ExportFormat::Npy => Format::Npy,
        ExportFormat::Csv => Format::Csv,
    });
    let said = args.said.options();
    Ok(ExportOptions {
        format,
        force: args.force,
        sync: args.sync,
        dataset: args.dataset.clone(),
        bool_as_u8: args.bool_u8,
        delimiter: args.delimiter,
        no_header: args.no_header,
        append: args.append,
        storage: args.storage.storage()?,
        attributes: said.attributes,
        object_attributes: said.object_attributes,
        dims: said.dims,
        units: said.units,
        workers: args.workers.map(usize::from),
        memory: args.memory,
    })
}

fn failure(name: &str, is_hdf5: bool, error: ExchangeError) -> Failure {
    match error {
        ExchangeError::Cancelled => Failure::interrupted(),
        // Somebody has seen enough.
        ExchangeError::Io { source, .. } if source.kind() == io::ErrorKind::BrokenPipe => {
            source.into()
        }
        ExchangeError::Core(Error::Exists) => {
            Failure::new(format!("segment '{name}' exists: 'ndshm rm {name}' removes it"))
        }
        ExchangeError::Core(Error::NoSpace { need, free }) => Failure::new(format!(
            "segment '{name}': shared memory is full: {} are free in /dev/shm, {} were needed (a \
             container wants a larger --shm-size)",
            human(free),
            human(need)
        )),
        ExchangeError::Core(Error::NotFound) => Failure::new(format!(
            "segment '{name}': there is no /dev/shm: shared memory needs a tmpfs mounted there"
        )),
        ExchangeError::Core(error) => {
            Failure::new(format!("segment '{name}': {}", shm_error(error)))
        }
        error => {
            let hint = match &error {
                // Only datasets can be added.
                ExchangeError::Hdf5(hdf5::Error::Target { fault, .. }) if !is_hdf5 => {
                    (*fault == TargetFault::Exists).then(|| "--force replaces it".into())
                }
                ExchangeError::Hdf5(error) => hints::writing(error),
                ExchangeError::Chunks(error) => hints::packing(error),
                _ => None,
            };
            Failure::new(&error).hinting(hint)
        }
    }
}

//! `ndshm convert`.

use std::io::Write;

use ndshm::convert::{ConvertError, Job, Options, Summary};
use ndshm::{hdf5, load};
use serde::Serialize;

use crate::args::ConvertArgs;
use crate::dry_run;
use crate::hints;
use crate::json;
use crate::output::{
    Failure, Read, aside, complain, found, human, printable, shape, shortened, thousands,
};
use crate::text::TextSource;

/// Said when a file is made that not everybody can read.
pub(crate) const ZSTD: &str = "note: HDF5 reads zstd only with a plugin (in Python 'import hdf5plugin', \
                    elsewhere HDF5_PLUGIN_PATH); gzip is read everywhere";

/// Datasets that the summary lists.
const LISTED: usize = 20;

pub(crate) fn run(args: &ConvertArgs) -> Result<(), Failure> {
    let TextSource { inputs, rows, options: text } = args.text.source()?;
    let mut file = hdf5::Options::default();
    file.force = args.force;
    file.append = args.append;
    file.sync = args.sync;
    file.bool_as_u8 = args.bool_u8;
    file.storage = args.storage.storage()?;
    args.datasets.check().map_err(Failure::new)?;
    let append_rows = args.append_rows;
    let options = Options { load: text, hdf5: file, append_rows, ..args.datasets.options() };
    hdf5::command_mode();
    if args.dry_run {
        return dry_run::convert(args, inputs, &rows, &options);
    }
    let cancel = crate::cancel_on_signals()?;
    let mut meter = args.progress.meter(args.quiet);
    let done = || {
        let mut job = Job::start_watching(inputs, &args.output, &rows, &options, Some(cancel))?;
        let canceller = job.canceller();
        let progress = meter.drive(cancel, &canceller, |time| job.step(time))?;
        Ok((job.finish()?, progress.bytes_done))
    };
    let (summary, bytes_in) = done().map_err(|error| failure(error, &options.load))?;
    meter.end();
    let read = Read { bytes_in, seconds: meter.seconds() };
    aside(&summary.report);
    if matches!(options.hdf5.storage.filters.codec, hdf5::Codec::Zstd(_)) && !args.quiet {
        complain(ZSTD);
    }
    if args.json {
        json::print(&made(&summary, read))
    } else if args.quiet {
        Ok(())
    } else {
        report(&summary, read)?;
        found(&summary.report, Some(&summary.dtype.as_dtype().to_string()));
        Ok(())
    }
}

/// What went wrong with text that was read with `text`.
pub(crate) fn failure(error: ConvertError, text: &load::Options) -> Failure {
    match error {
        ConvertError::Load(error) => Failure::loading(&error, text),
        error => Failure::new(&error).hinting(hints::converting(&error)),
    }
}

/// What programs read.
#[derive(Serialize)]
struct Made {
    file: String,
    /// Of the file.
    bytes: u64,
    rows: u64,
    /// Of the rows, as `--dtype` takes it.
    dtype: String,
    bad_rows: u64,
    datasets: Vec<Dataset>,
    #[serde(skip_serializing_if = "Option::is_none")]
    found: Option<json::Found>,
    #[serde(flatten)]
    read: Read,
}

#[derive(Serialize)]
struct Dataset {
    name: String,
    shape: Vec<u64>,
}

fn made(summary: &Summary, read: Read) -> Made {
    let dataset =
        |is: &ndshm::convert::Dataset| Dataset { name: is.name.clone(), shape: is.shape.clone() };
    Made {
        file: json::path(&summary.path),
        bytes: summary.bytes,
        rows: summary.rows,
        dtype: summary.dtype.as_dtype().to_string(),
        bad_rows: summary.report.bad_rows,
        datasets: summary.datasets.iter().map(dataset).collect(),
        found: summary.report.dialect.as_ref().map(json::Found::from),
        read,
    }
}

fn report(summary: &Summary, read: Read) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    let count = summary.datasets.len();
    writeln!(
        out,
        "{}: {} rows in {} dataset{}, {} {read}",
        printable(&summary.path.display().to_string()),
        thousands(summary.rows),
        thousands(count as u64),
        if count == 1 { "" } else { "s" },
        human(summary.bytes),
    )?;
    for dataset in summary.datasets.iter().take(LISTED) {
        writeln!(out, "  {}  {}", printable(&dataset.name), shape(&dataset.shape))?;
    }
    if count > LISTED {
        writeln!(out, "  ... and {} more", thousands((count - LISTED) as u64))?;
    }
    writeln!(out, "  dtype {}", shortened(&summary.dtype.as_dtype().to_string(), 300))?;
    Ok(())
}

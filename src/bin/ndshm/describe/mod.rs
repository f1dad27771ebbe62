//! `ndshm describe`.

mod json;
mod table;

use core::sync::atomic::AtomicBool;
use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::path::Path;

use ndshm::describe::{ArrayJob, DescribeError, Options, Summary, TextJob};
use ndshm::error::Error;
use ndshm::exchange::{self, ExchangeError};
use ndshm::hdf5;
use ndshm::segment::{Access, Name, Segment};

use crate::args::DescribeArgs;
use crate::output::{Failure, aside, found, has_unicode, shm_error, terminal_columns};
use crate::text::TextSource;

/// What HDF5 files begin with, at one of some places, and `.npy` files.
const HDF5: &[u8] = b"\x89HDF\r\n\x1a\n";
const NPY: &[u8] = b"\x93NUMPY";

pub(crate) fn run(args: &DescribeArgs) -> Result<(), Failure> {
    let options =
        Options { columns: args.columns.clone(), quick: args.quick, threads: args.text.workers() };
    let summary = match args.text.only_input() {
        Some(path) => match Array::find(path) {
            Some(array) => array.describe(path, &options, args)?,
            None => text(args, &options)?,
        },
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

/// What is no text.
enum Array {
    File,
    Segment(Box<Name>),
}

impl Array {
    /// What a path means, unless it is text.
    fn find(path: &Path) -> Option<Self> {
        let (file, dataset) = exchange::split_path(path);
        if dataset.is_some() || begins_as_array(&file) {
            return Some(Self::File);
        }
        let name = Name::new(path.to_str()?).ok()?;
        let is_text = path == Path::new("-") || path.exists();
        (!is_text && ndshm::segment::Info::peek(&name).is_ok())
            .then(|| Self::Segment(Box::new(name)))
    }

    fn describe(
        &self,
        path: &Path,
        options: &Options,
        args: &DescribeArgs,
    ) -> Result<Summary, Failure> {
        hdf5::command_mode();
        let cancel = crate::cancel_on_signals()?;
        let about = |error: Error| {
            Failure::new(format!("segment '{}': {}", path.display(), shm_error(error)))
        };
        let described = match self {
            Self::File => {
                let (file, dataset) = exchange::split_path(path);
                ArrayJob::of_file(&file, dataset.as_deref(), options)
                    .and_then(|job| run_array(job, args, cancel))
            }
            Self::Segment(name) => {
                let segment = Segment::attach(name, Access::Read, None).map_err(about)?;
                ArrayJob::of_segment(&segment, options).and_then(|job| run_array(job, args, cancel))
            }
        };
        described.map_err(|error| match error {
            DescribeError::Exchange(ExchangeError::Cancelled) => Failure::interrupted(),
            DescribeError::Core(error) => about(error),
            error => Failure::new(error),
        })
    }
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

/// Whether a file is HDF5 or `.npy`, from what it begins with. A pipe is not touched.
fn begins_as_array(path: &Path) -> bool {
    let mut start = [0; 8];
    let is_file = path.metadata().is_ok_and(|is| is.is_file());
    let read = is_file && File::open(path).is_ok_and(|mut f| f.read_exact(&mut start).is_ok());
    let suffix = path.extension().and_then(|suffix| suffix.to_str());
    let is_named = matches!(suffix, Some("h5" | "hdf5" | "he5" | "npy"));
    read && (start == HDF5 || start.starts_with(NPY)) || is_file && is_named
}

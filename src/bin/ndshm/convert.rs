//! `ndshm convert`.

use std::io::Write;
use std::time::Instant;

use ndshm::convert::{ConvertError, Options, Summary, convert};
use ndshm::hdf5;

use crate::args::ConvertArgs;
use crate::hints;
use crate::output::{Failure, aside, human, printable, shape, shortened, thousands};
use crate::text::TextSource;

/// Said when a file is made that not everybody can read.
pub(crate) const ZSTD: &str = "ndshm: note: HDF5 reads zstd only with a plugin (in Python 'import hdf5plugin', \
                    elsewhere HDF5_PLUGIN_PATH); gzip is read everywhere";

/// Datasets that the summary lists.
const LISTED: usize = 20;

pub(crate) fn run(args: &ConvertArgs) -> Result<(), Failure> {
    let TextSource { inputs, rows, options: load } = args.text.source()?;
    let mut file = hdf5::Options::default();
    file.force = args.force;
    file.append = args.append;
    file.sync = args.sync;
    file.bool_as_u8 = args.bool_u8;
    file.storage = args.storage.storage()?;
    args.datasets.check().map_err(Failure::new)?;
    let append_rows = args.append_rows;
    let options = Options { load, hdf5: file, append_rows, ..args.datasets.options() };
    hdf5::command_mode();
    let cancel = crate::cancel_on_signals()?;
    let start = Instant::now();
    let summary =
        convert(inputs, &args.output, &rows, &options, cancel).map_err(|error| match error {
            ConvertError::Load(error) => Failure::loading(&error, &options.load),
            error => Failure::new(&error).hinting(hints::converting(&error)),
        })?;
    aside(&summary.report);
    if matches!(options.hdf5.storage.filters.codec, hdf5::Codec::Zstd(_)) && !args.quiet {
        eprintln!("{ZSTD}");
    }
    if !args.quiet {
        report(&summary, start.elapsed().as_secs_f64())?;
    }
    Ok(())
}

fn report(summary: &Summary, seconds: f64) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    let count = summary.datasets.len();
    writeln!(
        out,
        "{}: {} rows in {} dataset{}, {} in {seconds:.2} s",
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

//! The command line.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand};

use crate::datasets::DatasetArgs;
use crate::storage::StorageArgs;
use crate::text::TextArgs;

const EXIT_CODES: &str =
    "Exit status: 0 done, 1 an error, 2 a wrong command line, 130 interrupted.";

/// Typed arrays in shared memory, and text tables into HDF5.
#[derive(Debug, Parser)]
#[command(name = "ndshm", version, about, after_help = EXIT_CODES, max_term_width = 100)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Convert text tables to one HDF5 file
    #[command(after_long_help = CONVERT_EXAMPLES)]
    Convert(ConvertArgs),
    /// Load text tables into a named segment that stays
    #[command(after_long_help = LOAD_EXAMPLES)]
    Load(LoadArgs),
    /// List segments
    Ls(LsArgs),
    /// Show what a segment is
    Info(NamesArgs),
    /// Print the first rows of a segment
    Head(HeadArgs),
    /// Remove segments
    Rm(NamesArgs),
    /// Remove segments that nobody has and no policy keeps
    Prune,
}

const CONVERT_EXAMPLES: &str = "\
Examples:
  ndshm convert a.tsv b.tsv -o out.h5 --dtype \"chr:S10,pos:i4,pct:f4,c:i4,t:i4\"
  ndshm convert grid.csv -o grid.h5 --dtype f8 --delimiter ,
  ndshm convert *.txt -o all.h5 --dtype @columns.txt --concat data
  zcat a.tsv.gz | ndshm convert - -o a.h5 --dtype f8 --concat a
  find . -name '*.tsv' -print0 | ndshm convert --files-from0 - -o all.h5 --dtype f8

A new file is left to the kernel to write back, as cp and h5py do; --sync waits for the disk.";

const LOAD_EXAMPLES: &str = "\
Examples:
  ndshm load a.tsv --name a --dtype \"chr:S10,pos:i4,pct:f4,c:i4,t:i4\"
  ndshm head a
  ndshm rm a";

#[derive(Debug, ClapArgs)]
#[allow(clippy::struct_excessive_bools, reason = "flags of a command line")]
pub(crate) struct ConvertArgs {
    #[command(flatten)]
    pub(crate) text: TextArgs,

    /// HDF5 file to make
    #[arg(short, long, value_name = "FILE", help_heading = "Output")]
    pub(crate) output: PathBuf,

    #[command(flatten)]
    pub(crate) datasets: DatasetArgs,

    /// Replace the file if it exists
    #[arg(short, long, help_heading = "Output")]
    pub(crate) force: bool,

    /// Wait until the disk has the file
    #[arg(long, help_heading = "Output")]
    pub(crate) sync: bool,

    /// Store bool as plain u1, not as the enumeration that h5py uses
    #[arg(long, help_heading = "Output")]
    pub(crate) bool_u8: bool,

    #[command(flatten)]
    pub(crate) storage: StorageArgs,

    /// Print nothing when done
    #[arg(short, long, help_heading = "Output")]
    pub(crate) quiet: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct LoadArgs {
    #[command(flatten)]
    pub(crate) text: TextArgs,

    /// Name of the segment
    #[arg(short, long, value_name = "NAME", help_heading = "Output")]
    pub(crate) name: String,

    /// Print nothing when done
    #[arg(short, long, help_heading = "Output")]
    pub(crate) quiet: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct LsArgs {
    /// Print names only, one a line
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct NamesArgs {
    /// Names of segments
    #[arg(value_name = "NAME", required = true)]
    pub(crate) names: Vec<String>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct HeadArgs {
    /// Name of a segment
    #[arg(value_name = "NAME")]
    pub(crate) name: String,

    /// Rows to print
    #[arg(short = 'n', long, value_name = "N", default_value_t = 10)]
    pub(crate) rows: u64,
}

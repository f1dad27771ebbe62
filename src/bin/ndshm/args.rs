//! The command line.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand};

use crate::parse;

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

/// How text is read; the names are those of np.loadtxt.
#[derive(Debug, ClapArgs)]
pub(crate) struct TextArgs {
    /// Text tables to read: files, FIFOs, or '-' for standard input
    #[arg(value_name = "INPUT", required_unless_present = "files_from0")]
    pub(crate) inputs: Vec<PathBuf>,

    /// Read the names of the inputs from FILE, each ended by NUL; '-' is standard input
    #[arg(long, value_name = "FILE", conflicts_with = "inputs", help_heading = "Text")]
    pub(crate) files_from0: Option<PathBuf>,

    /// Type of a row: NumPy's descr text, 'name:type,...', or one type for a 2-D table; @FILE
    /// reads it from a file
    #[arg(short = 't', long, value_name = "DTYPE", help_heading = "Text")]
    pub(crate) dtype: String,

    /// Character between fields, '\t' or 'tab' for the tabulator [default: any white space]
    #[arg(short, long, value_name = "CHAR", value_parser = parse::delimiter, help_heading = "Text")]
    pub(crate) delimiter: Option<u8>,

    /// Character that starts a comment; '' for none
    #[arg(long, value_name = "CHAR", default_value = "#", value_parser = parse::comment, help_heading = "Text")]
    pub(crate) comments: parse::Comment,

    /// Lines to skip at the start of each input
    #[arg(long, value_name = "N", default_value_t = 0, help_heading = "Text")]
    pub(crate) skiprows: u64,

    /// Rows to read of each input
    #[arg(long, value_name = "N", help_heading = "Text")]
    pub(crate) max_rows: Option<u64>,

    /// Columns to read, from 0, such as '0,3,-1'; negative ones count from the end
    #[arg(long, value_name = "LIST", value_parser = parse::usecols, allow_hyphen_values = true, help_heading = "Text")]
    pub(crate) usecols: Option<parse::Usecols>,

    /// Accept inputs without rows
    #[arg(long, help_heading = "Text")]
    pub(crate) allow_empty: bool,

    /// Worker processes [default: the processors that may be used]
    #[arg(short = 'j', long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024), help_heading = "Resources")]
    pub(crate) workers: Option<u16>,

    /// Memory to use at most, such as 200M [default: 64M and 16M a worker]
    #[arg(long, value_name = "SIZE", value_parser = parse::size, help_heading = "Resources")]
    pub(crate) memory: Option<u64>,
}

#[derive(Debug, ClapArgs)]
#[allow(clippy::struct_excessive_bools, reason = "flags of a command line")]
pub(crate) struct ConvertArgs {
    #[command(flatten)]
    pub(crate) text: TextArgs,

    /// HDF5 file to make
    #[arg(short, long, value_name = "FILE", help_heading = "Output")]
    pub(crate) output: PathBuf,

    /// Put all rows of all inputs into one dataset [default: a dataset per input, named after
    /// the file, 'stdin' for '-']
    #[arg(long, value_name = "NAME", help_heading = "Output")]
    pub(crate) concat: Option<String>,

    /// Replace the file if it exists
    #[arg(short, long, help_heading = "Output")]
    pub(crate) force: bool,

    /// Wait until the disk has the file
    #[arg(long, help_heading = "Output")]
    pub(crate) sync: bool,

    /// Store bool as plain u1, not as the enumeration that h5py uses
    #[arg(long, help_heading = "Output")]
    pub(crate) bool_u8: bool,

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

//! The command line.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand};

use crate::datasets::{DatasetArgs, SaidArgs};
use crate::look::{HEAD_EXAMPLES, LookArgs, TAIL_EXAMPLES};
use crate::progress::ProgressArgs;
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
#[allow(clippy::large_enum_variant, reason = "there is one in a process")]
pub(crate) enum Command {
    /// Convert text tables to one HDF5 file
    #[command(after_long_help = CONVERT_EXAMPLES)]
    Convert(ConvertArgs),
    /// Join HDF5 files, made on many machines, into one
    #[command(after_long_help = JOIN_EXAMPLES)]
    Join(JoinArgs),
    /// Check that HDF5 files are complete, with every shard that they are joined of
    #[command(after_long_help = VERIFY_EXAMPLES)]
    Verify(VerifyArgs),
    /// Load text tables into a named segment that stays
    #[command(after_long_help = LOAD_EXAMPLES)]
    Load(LoadArgs),
    /// Load a dataset of an HDF5 file, or a .npy file, into a named segment that stays
    #[command(after_long_help = IMPORT_EXAMPLES)]
    Import(ImportArgs),
    /// Write a segment to an HDF5, .npy or CSV file
    #[command(after_long_help = EXPORT_EXAMPLES)]
    Export(ExportArgs),
    /// Say what is in each column of text tables, of a segment or of a dataset
    #[command(after_long_help = DESCRIBE_EXAMPLES, mut_arg("inputs", |arg| arg.help(ARRAY_INPUTS)))]
    Describe(DescribeArgs),
    /// List segments
    Ls(LsArgs),
    /// Show what a segment is, and who has it
    Info(InfoArgs),
    /// Print the first rows of text tables, of a segment or of a dataset, or those that fit
    #[command(after_long_help = HEAD_EXAMPLES, mut_arg("inputs", |arg| arg.help(ARRAY_INPUTS)))]
    Head(LookArgs),
    /// Print the last rows of text tables, of a segment or of a dataset, or those that fit
    #[command(after_long_help = TAIL_EXAMPLES, mut_arg("inputs", |arg| arg.help(ARRAY_INPUTS)))]
    Tail(LookArgs),
    /// Remove segments
    Rm(NamesArgs),
    /// Remove segments that nobody has and no policy keeps
    Prune,
    /// Wait until a segment is there, with all its data
    #[command(after_long_help = WAIT_EXAMPLES)]
    Wait(WaitArgs),
    /// Check whether ndshm can work on this machine, and say what to do if not
    Doctor(DoctorArgs),
    /// Print a completion script for a shell
    #[command(after_long_help = COMPLETIONS_EXAMPLES)]
    Completions(CompletionsArgs),
}

const CONVERT_EXAMPLES: &str = "\
Examples:
  ndshm convert a.tsv b.tsv -o out.h5 --dtype \"chr:S10,pos:i4,pct:f4,c:i4,t:i4\"
  ndshm convert grid.csv -o grid.h5 --dtype f8 --delimiter ,
  ndshm convert *.txt -o all.h5 --dtype @columns.txt --concat data
  ndshm convert *.csv -o all.h5 --compress gzip --dry-run
  ndshm convert new.tsv -o all.h5 --dtype @columns.txt --append
  ndshm convert today.tsv -o all.h5 --concat calls --append-rows
  zcat a.tsv.gz | ndshm convert - -o a.h5 --dtype f8 --concat a
  find . -name '*.tsv' -print0 | ndshm convert --files-from0 - -o all.h5 --dtype f8

A new file is left to the kernel to write back, as cp and h5py do; --sync waits for the disk.";

const JOIN_EXAMPLES: &str = "\
Examples:
  ndshm join part-*.h5 -o all.h5
  ndshm join --sort --checksum part-*.h5 -o all.h5
  ndshm join --new-axis --dataset temp day-*.h5 -o year.h5
  ndshm join --materialize part-*.h5 -o one.h5
  ndshm join --materialize all.h5 -o one.h5

A dataset that all shards have becomes one, their rows one behind the other in the order of
the shards. One that a single shard has becomes a link to it. The joined file refers to the
shards by paths relative to its own directory: move them together. A missing shard reads as
NaN, as the smallest or largest integer, or as empty text, without an error: 'ndshm verify'
finds it.";

const VERIFY_EXAMPLES: &str = "\
Examples:
  ndshm verify all.h5
  ndshm verify --quick --quiet all.h5 && python analysis.py all.h5
  ndshm verify --json part-*.h5

Prints a line for each problem, and exits with 1 if there is one.";

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

    /// Add to the file if it exists; it stays as it is until the new one is complete
    #[arg(long, conflicts_with = "force", help_heading = "Output")]
    pub(crate) append: bool,

    /// Add the rows behind those of the datasets that would be made, which must be there and have
    /// chunks; their dtype, chunks and filters stay. The file stays as it is until the new one is
    /// complete
    #[arg(long, conflicts_with_all = ["force", "append"], help_heading = "Output")]
    pub(crate) append_rows: bool,

    /// Wait until the disk has the file
    #[arg(long, help_heading = "Output")]
    pub(crate) sync: bool,

    /// Store bool as plain u1, not as the enumeration that h5py uses
    #[arg(long, help_heading = "Output")]
    pub(crate) bool_u8: bool,

    #[command(flatten)]
    pub(crate) storage: StorageArgs,

    #[command(flatten, next_help_heading = "Output")]
    pub(crate) progress: ProgressArgs,

    /// Look at the beginning of the text, say what would be made, and make nothing
    #[arg(long, help_heading = "Output")]
    pub(crate) dry_run: bool,

    /// Print what was made as a JSON object
    #[arg(long, help_heading = "Output")]
    pub(crate) json: bool,

    /// Print nothing when done
    #[arg(short, long, help_heading = "Output")]
    pub(crate) quiet: bool,
}

#[derive(Debug, ClapArgs)]
#[allow(clippy::struct_excessive_bools, reason = "flags of a command line")]
pub(crate) struct JoinArgs {
    /// HDF5 files, in the order of their rows; with --materialize also one joined file
    #[arg(value_name = "SHARD", required = true)]
    pub(crate) shards: Vec<PathBuf>,

    /// HDF5 file to make
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,

    /// Dataset to join, which every shard must have; may be given again [default: all]
    #[arg(long = "dataset", value_name = "PATH")]
    pub(crate) datasets: Vec<String>,

    /// Give each shard a place of a new first axis instead of putting rows one behind the other
    #[arg(long)]
    pub(crate) new_axis: bool,

    /// Take the shards in the order of their names, part-2 before part-10
    #[arg(long)]
    pub(crate) sort: bool,

    /// Note a CRC-32 of each shard, so that 'ndshm verify' finds any change: reads all of them
    #[arg(long, conflicts_with = "materialize")]
    pub(crate) checksum: bool,

    /// Copy all rows, so that the shards are not needed any more
    #[arg(long)]
    pub(crate) materialize: bool,

    #[command(flatten)]
    pub(crate) storage: StorageArgs,

    /// Worker processes that pack chunks [default: the processors that may be used]
    #[arg(short = 'j', long, value_name = "N", requires = "materialize", help_heading = "Storage",
          value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) workers: Option<u16>,

    /// Memory for packing, such as 200M [default: 48M]
    #[arg(long, value_name = "SIZE", requires = "materialize", help_heading = "Storage",
          value_parser = crate::parse::size)]
    pub(crate) memory: Option<u64>,

    /// Replace the file if it exists
    #[arg(short, long)]
    pub(crate) force: bool,

    /// Wait until the disk has the file
    #[arg(long)]
    pub(crate) sync: bool,

    #[command(flatten)]
    pub(crate) progress: ProgressArgs,

    /// Print what was made as a JSON object
    #[arg(long)]
    pub(crate) json: bool,

    /// Print nothing when done
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct VerifyArgs {
    /// HDF5 files, joined or not
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,

    /// Leave out the checksums, for which all of each shard is read
    #[arg(long)]
    pub(crate) quick: bool,

    /// Print a JSON object for each file, one a line
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) progress: ProgressArgs,

    /// Print problems only
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct LoadArgs {
    #[command(flatten)]
    pub(crate) text: TextArgs,

    /// Name of the segment
    #[arg(short, long, value_name = "NAME", help_heading = "Output")]
    pub(crate) name: String,

    #[command(flatten, next_help_heading = "Output")]
    pub(crate) progress: ProgressArgs,

    /// Look at the beginning of the text, say what would be made, and make nothing
    #[arg(long, help_heading = "Output")]
    pub(crate) dry_run: bool,

    /// Print what was made as a JSON object
    #[arg(long, help_heading = "Output")]
    pub(crate) json: bool,

    /// Print nothing when done
    #[arg(short, long, help_heading = "Output")]
    pub(crate) quiet: bool,
}

const IMPORT_EXAMPLES: &str = "\
Examples:
  ndshm import all.h5:/run1/calls --name calls
  ndshm import grid.npy --name grid
  ndshm import one.h5 --name one
  ndshm rm calls";

const EXPORT_EXAMPLES: &str = "\
Examples:
  ndshm export calls -o calls.h5
  ndshm export calls -o calls.h5 --compress gzip --layout columns
  ndshm export grid -o all.h5 --append --dataset run2/grid --dims time,lat,lon
  ndshm export calls -o calls.csv --delimiter ';'
  ndshm export grid -o grid.npy --force
  ndshm export calls -o - | head

A CSV file reads back as the same array:
  ndshm load calls.csv --name again --delimiter , --quotechar '\"' --header --dtype ...";

#[derive(Debug, ClapArgs)]
pub(crate) struct ImportArgs {
    /// HDF5 file, with the path of a dataset behind a colon if it has more than one; or .npy file
    #[arg(value_name = "FILE[:/PATH]")]
    pub(crate) file: PathBuf,

    /// Name of the segment
    #[arg(short, long, value_name = "NAME")]
    pub(crate) name: String,

    /// Processes that unpack chunks [default: the processors that may be used]
    #[arg(short = 'j', long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) workers: Option<u16>,

    #[command(flatten)]
    pub(crate) progress: ProgressArgs,

    /// Print what was made as a JSON object
    #[arg(long)]
    pub(crate) json: bool,

    /// Print nothing when done
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

#[derive(Debug, ClapArgs)]
#[allow(clippy::struct_excessive_bools, reason = "flags of a command line")]
pub(crate) struct ExportArgs {
    /// Name of a segment
    #[arg(value_name = "NAME")]
    pub(crate) name: String,

    /// File to make; '-' is standard output, for csv
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,

    /// Kind of file [default: by the suffix: .h5, .npy, .csv or .tsv]
    #[arg(long, value_name = "FORMAT", value_enum)]
    pub(crate) format: Option<ExportFormat>,

    /// Replace the file if it exists
    #[arg(short, long)]
    pub(crate) force: bool,

    /// Wait until the disk has the file
    #[arg(long)]
    pub(crate) sync: bool,

    /// h5: path of the dataset [default: the segment's name]
    #[arg(long, value_name = "PATH")]
    pub(crate) dataset: Option<String>,

    /// h5: store bool as plain u1, not as the enumeration that h5py uses
    #[arg(long)]
    pub(crate) bool_u8: bool,

    /// csv: character between values, 'tab' for a tabulator [default: ',', in .tsv a tabulator]
    #[arg(short, long, value_name = "C", value_parser = crate::parse::delimiter)]
    pub(crate) delimiter: Option<char>,

    /// csv: no line of names before records
    #[arg(long)]
    pub(crate) no_header: bool,

    /// h5: add to the file if it exists; it stays as it is until the new one is complete
    #[arg(long, conflicts_with = "force")]
    pub(crate) append: bool,

    /// h5: worker processes that pack chunks [default: the processors that may be used]
    #[arg(short = 'j', long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) workers: Option<u16>,

    /// h5: memory for packing, such as 200M [default: 48M]
    #[arg(long, value_name = "SIZE", value_parser = crate::parse::size)]
    pub(crate) memory: Option<u64>,

    #[command(flatten)]
    pub(crate) progress: ProgressArgs,

    /// Print what was made as a JSON object
    #[arg(long)]
    pub(crate) json: bool,

    /// Print nothing when done
    #[arg(short, long)]
    pub(crate) quiet: bool,

    #[command(flatten)]
    pub(crate) storage: StorageArgs,

    #[command(flatten)]
    pub(crate) said: SaidArgs,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(crate) enum ExportFormat {
    /// HDF5
    H5,
    /// NumPy's .npy
    Npy,
    /// Lines of text
    Csv,
}

const ARRAY_INPUTS: &str = "\
Text tables to read: files, plain or compressed (gzip, bzip2, xz, zstd), FIFOs, or '-' for standard \
input; or one .npy file, dataset (FILE.h5:/PATH) or segment, by its name if no file is called like it";

const DESCRIBE_EXAMPLES: &str = "\
Examples:
  ndshm describe --header -d , flights.csv
  zcat calls.tsv.gz | ndshm describe -
  ndshm describe all.h5:/run1/calls --columns pct,pos
  ndshm describe calls --json | jq '.columns[] | {name, mean}'

Everything is read once. Means and standard deviations are exact, and rounded once. What is
marked with '~' is estimated, from bins or registers of a fixed number; the lines below the table
and --json say how far it may be from the truth. Frequent values are counted exactly.";

#[derive(Debug, ClapArgs)]
pub(crate) struct DescribeArgs {
    #[command(flatten)]
    pub(crate) text: TextArgs,

    /// Columns to describe, by their names, in this order [default: all]
    #[arg(long, value_name = "LIST", help_heading = "Output")]
    pub(crate) columns: Vec<String>,

    /// Leave out quantiles, histograms, distinct and frequent values
    #[arg(long, help_heading = "Output")]
    pub(crate) quick: bool,

    /// Print a JSON object with all digits
    #[arg(long, help_heading = "Output")]
    pub(crate) json: bool,

    #[command(flatten, next_help_heading = "Output")]
    pub(crate) progress: ProgressArgs,

    /// Draw with ASCII characters, as it is done where the locale is not UTF-8
    #[arg(long, help_heading = "Output")]
    pub(crate) ascii: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct LsArgs {
    /// Print names only, one a line
    #[arg(short, long)]
    pub(crate) quiet: bool,

    /// Print a JSON object for each, one a line
    #[arg(long, conflicts_with = "quiet")]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct InfoArgs {
    /// Names of segments
    #[arg(value_name = "NAME", required = true)]
    pub(crate) names: Vec<String>,

    /// Print a JSON object for each, one a line
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct NamesArgs {
    /// Names of segments
    #[arg(value_name = "NAME", required = true)]
    pub(crate) names: Vec<String>,
}

const WAIT_EXAMPLES: &str = "\
Examples:
  ndshm wait temps && python analysis.py temps
  ndshm wait --timeout 60 temps || echo 'nobody has made it'

It is not attached: no policy counts it.";

#[derive(Debug, ClapArgs)]
pub(crate) struct WaitArgs {
    /// Names of segments
    #[arg(value_name = "NAME", required = true)]
    pub(crate) names: Vec<String>,

    /// Seconds to wait in all [default: for ever]
    #[arg(long, value_name = "SECONDS", value_parser = crate::parse::seconds)]
    pub(crate) timeout: Option<core::time::Duration>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct DoctorArgs {
    /// Print a JSON list
    #[arg(long)]
    pub(crate) json: bool,
}

const COMPLETIONS_EXAMPLES: &str = "\
Examples:
  ndshm completions bash > ~/.local/share/bash-completion/completions/ndshm
  ndshm completions zsh > ~/.zfunc/_ndshm
  ndshm completions fish > ~/.config/fish/completions/ndshm.fish

'make install' puts them where the shells look for them.";

#[derive(Debug, ClapArgs)]
pub(crate) struct CompletionsArgs {
    /// For which shell
    #[arg(value_name = "SHELL", value_enum)]
    pub(crate) shell: clap_complete::Shell,
}

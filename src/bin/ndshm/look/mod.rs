//! `ndshm head` and `tail`.

mod json;
mod table;

use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::Path;

use clap::Args as ClapArgs;
use ndshm::error::Error;
use ndshm::exchange::{self, ExchangeError, Meant};
use ndshm::hdf5;
use ndshm::load::LoadError;
use ndshm::look::{ArrayJob, Found, LookError, Query, Table, Take, TextJob};
use ndshm::segment::Name;

use crate::output::{Failure, aside, found, marked, thousands};
use crate::parse::parted;
use crate::progress::ProgressArgs;
use crate::segments;
use crate::text::{TextArgs, TextSource};

pub(crate) const HEAD_EXAMPLES: &str = "\
Examples:
  ndshm head calls
  ndshm head -n 3 --columns chr,pos all.h5:/run1/calls
  ndshm head --where \"chr == 'chr1' and pos >= 1000\" calls.tsv.gz
  ndshm head --count --where 'pct is missing' calls
  ndshm head --json -n 1000 calls | jq .pos

A condition compares columns with values or with each other (== != < <= > >=), says what they
are in ('a', 'b') or that they are missing, and may join such tests with and, or, not and
parentheses. Texts and times stand in quotes: day >= '2024-02-01'.";

pub(crate) const TAIL_EXAMPLES: &str = "\
Examples:
  ndshm tail calls
  ndshm tail -n 3 all.h5:/run1/calls
  ndshm tail --where 'pct < 0.5' calls.tsv.gz

'ndshm head --help' says what a condition is. Of text all rows are read, and as many kept as are
printed.";

/// Rows that are aligned with each other.
const PAGE: usize = 1000;
/// The same, in bytes.
const PAGE_BYTES: usize = 64 << 20;

#[derive(Debug, ClapArgs)]
#[allow(clippy::struct_excessive_bools, reason = "flags of a command line")]
pub(crate) struct LookArgs {
    #[command(flatten)]
    text: TextArgs,

    /// Rows to print
    #[arg(short = 'n', long, value_name = "N", default_value_t = 10, help_heading = "Output")]
    rows: u64,

    /// Columns to print, by names, by places from 0 on, or ranges of these such as 2-4; a.b and a[0]
    /// are parts of a column [default: all]
    #[arg(long, value_name = "LIST", help_heading = "Output")]
    columns: Vec<String>,

    /// Take only rows for which this holds; may be given several times: all must hold
    #[arg(
        long = "where",
        value_name = "CONDITION",
        allow_hyphen_values = true,
        help_heading = "Output"
    )]
    conditions: Vec<String>,

    /// Print only how many rows there are, or for how many the condition holds
    #[arg(long, conflicts_with_all = ["rows", "columns", "json"], help_heading = "Output")]
    count: bool,

    /// Print a JSON object for each row, one a line, with all digits and all values
    #[arg(long, help_heading = "Output")]
    json: bool,

    #[command(flatten, next_help_heading = "Output")]
    progress: ProgressArgs,
}

/// Which end of the rows is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Head,
    Tail,
}

pub(crate) fn run(args: &LookArgs, end: End) -> Result<(), Failure> {
    let take = match end {
        _ if args.count => Take::Count,
        End::Head => Take::First(args.rows),
        End::Tail => Take::Last(args.rows),
    };
    let mut query = Query::new(take).columns(args.columns.iter().flat_map(|list| parted(list)));
    for condition in &args.conditions {
        query = query.holding(condition).map_err(|error| refused(error.into()))?;
    }
    let look = Look { args, take, query };
    match args.text.only_input() {
        Some(path) => match Meant::by(path) {
            Meant::Text if is_nowhere(path) => Err(nowhere(path)),
            Meant::Text => look.text(),
            source => look.array(source, path),
        },
        None => look.text(),
    }
}

/// Whether there is no file for a name that may be one of a segment.
fn is_nowhere(path: &Path) -> bool {
    path != Path::new("-") && !path.exists()
}

fn nowhere(path: &Path) -> Failure {
    let shown = path.display();
    match path.to_str().map(Name::new) {
        Some(Ok(name)) => {
            let said = segments::about(name.as_str(), Error::NotFound);
            Failure::new(format!("{shown}: no such file; {said}"))
        }
        Some(Err(error)) => Failure::new(format!("'{shown}': no such file; {error}")),
        None => Failure::new(format!("{shown}: no such file")),
    }
}

/// What is looked for, and how it is shown.
struct Look<'a> {
    args: &'a LookArgs,
    take: Take,
    query: Query,
}

impl Look<'_> {
    fn text(&self) -> Result<(), Failure> {
        let TextSource { inputs, rows, options } = self.args.text.source()?;
        let cancel = crate::cancel_on_signals()?;
        let mut meter = self.args.progress.meter(false);
        let looked = || {
            let mut job =
                TextJob::start_watching(inputs, &rows, &options, &self.query, Some(cancel))?;
            let canceller = job.canceller();
            meter.drive(cancel, &canceller, |time| job.step(time))?;
            job.finish()
        };
        let all = looked().map_err(|error| match error {
            LookError::Load(error) => Failure::loading(&error, &options),
            error => refused(error),
        })?;
        meter.end();
        aside(&all.report);
        self.finish(self.printer(&all.table), &all)?;
        found(&all.report, None);
        Ok(())
    }

    fn array(&self, source: Meant, path: &Path) -> Result<(), Failure> {
        hdf5::command_mode();
        let cancel = crate::cancel_on_signals()?;
        let fails = |error| refused_array(path, error);
        let mut job = if source == Meant::Segment {
            let name = path.to_str().unwrap_or_default();
            ArrayJob::of_segment(segments::peek(name)?, &self.query).map_err(fails)?
        } else {
            let (file, dataset) = exchange::split_path(path);
            ArrayJob::of_file(&file, dataset.as_deref(), &self.query).map_err(fails)?
        };
        let (canceller, mut printer) = (job.canceller(), self.printer(job.table()));
        let mut meter = self.args.progress.meter(self.args.json && io::stdout().is_terminal());
        meter.drive(cancel, &canceller, |time| {
            let progress = job.step(time).map_err(fails)?;
            let rows = job.rows();
            printer.take(job.table(), &rows)?;
            Ok::<_, Failure>(progress)
        })?;
        meter.end();
        self.finish(printer, &job.finish().map_err(fails)?)
    }

    fn printer(&self, of: &Table) -> Printer {
        let shown = if self.args.json { Shown::Json } else { Shown::Table(table::Grid::new(of)) };
        let out = BufWriter::new(io::stdout());
        Printer { out, shown, kept: Vec::new(), printed: 0, bare: self.args.count }
    }

    /// Prints the rows that are left, and what there is besides.
    fn finish(&self, mut printer: Printer, all: &Found) -> Result<(), Failure> {
        if self.args.count {
            writeln!(printer.out, "{}", all.fitting)?;
            return Ok(printer.out.flush()?);
        }
        printer.take(&all.table, &all.rows)?;
        printer.page(&all.table, true)?;
        if let Shown::Table(grid) = &printer.shown {
            for line in [grid.besides(), self.besides(all, printer.printed)].into_iter().flatten() {
                writeln!(printer.out, "... {line}")?;
            }
        }
        Ok(printer.out.flush()?)
    }

    /// What is said of the rows that are not printed.
    fn besides(&self, all: &Found, printed: u64) -> Option<String> {
        let is_full = matches!(self.take, Take::First(most) if all.fitting >= most);
        let is_all = all.total.map_or(!is_full, |total| all.seen == total);
        if self.args.conditions.is_empty() {
            let rows = all.total.or(is_all.then_some(all.seen))?;
            return (rows > printed).then(|| format!("{} rows in all", thousands(rows)));
        }
        let (fitting, seen) = (thousands(all.fitting), thousands(all.seen));
        let more = || "there may be more that fit".into();
        Some(if is_all { format!("{fitting} of {seen} rows fit") } else { more() })
    }
}

/// What prints rows as they come.
struct Printer {
    out: BufWriter<io::Stdout>,
    shown: Shown,
    /// Rows that are not printed yet.
    kept: Vec<u8>,
    printed: u64,
    /// No row is printed.
    bare: bool,
}

enum Shown {
    Table(table::Grid),
    Json,
}

impl Printer {
    fn take(&mut self, of: &Table, rows: &[u8]) -> Result<(), Failure> {
        self.kept.extend_from_slice(rows);
        self.page(of, false)
    }

    /// Prints what is kept, if it is enough or the rest.
    fn page(&mut self, of: &Table, rest: bool) -> Result<(), Failure> {
        let row = of.row().max(1);
        let is_enough = match self.shown {
            Shown::Table(_) => self.kept.len() / row >= PAGE || self.kept.len() > PAGE_BYTES,
            Shown::Json => !self.kept.is_empty(),
        };
        if self.bare || !(is_enough || rest) {
            return Ok(());
        }
        self.printed += (self.kept.len() / row) as u64;
        for page in self.kept.chunks(row * PAGE) {
            match &mut self.shown {
                Shown::Table(grid) => grid.write(&mut self.out, of, page)?,
                Shown::Json => json::write(&mut self.out, of, page)?,
            }
        }
        if let (Shown::Table(grid), 0) = (&mut self.shown, self.printed) {
            grid.write(&mut self.out, of, &[])?;
        }
        self.kept.clear();
        Ok(self.out.flush()?)
    }
}

fn refused_array(path: &Path, error: LookError) -> Failure {
    match error {
        LookError::Exchange(ExchangeError::Cancelled) => Failure::interrupted(),
        LookError::Exchange(ExchangeError::Core(error)) | LookError::Core(error) => {
            Failure::new(segments::about(&path.display().to_string(), error))
        }
        error => refused(error),
    }
}

fn refused(error: LookError) -> Failure {
    match error {
        LookError::Condition(error) => {
            let place = marked(&error.condition, error.at.clone());
            Failure::about("--where", &error).showing(place).hinting(error.hint)
        }
        LookError::Column { what, hint } => Failure::about("--columns", what).hinting(hint),
        LookError::Load(LoadError::Cancelled) => Failure::interrupted(),
        error => Failure::new(error),
    }
}

//! `--dry-run`: what would be made, and nothing is.

use std::ffi::CString;
use std::fs;
use std::io::{self, BufWriter, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use ndshm::convert::{self, Length, Options, Planned, Preview, Target};
use ndshm::dtype::DType;
use ndshm::hdf5::{Codec, Layout, Storage};
use ndshm::load::{self, Input};
use ndshm::segment::{Info, Name};
use ndshm::sys;
use ndshm::text::Unicode;
use serde::Serialize;

use crate::args::{ConvertArgs, LoadArgs};
use crate::convert::failure;
use crate::json;
use crate::output::{Failure, found, human, padded, printable, thousands};
use crate::segments;
use crate::text::TextSource;

/// Datasets and columns that are listed.
const LISTED: usize = 20;
/// Where segments are.
const SHM: &str = "/dev/shm";

/// `ndshm convert --dry-run`.
pub(crate) fn convert(
    args: &ConvertArgs,
    inputs: Vec<Input>,
    rows: &load::RowType,
    options: &Options,
) -> Result<(), Failure> {
    let sources = Sources::of(&inputs)?;
    let cancel = crate::cancel_on_signals()?;
    let seen = convert::preview(inputs, &args.output, rows, options, Some(cancel));
    let seen = seen.map_err(|error| failure(error, &options.load))?;
    let dtype = seen.dtype.as_ref().map(|dtype| dtype.as_dtype());
    let plan = Plan {
        target: json::path(&args.output),
        becomes: becomes(seen.target),
        text: Text::of(&sources, &seen.load),
        dtype: dtype.map(|dtype| dtype.to_string()),
        bytes: seen.bytes(),
        free: free(&folder_of(&args.output)),
        datasets: seen.datasets.iter().map(Dataset::of).collect(),
        layout: Some(Stored::of(&seen)),
    };
    plan.show(args.json, dtype, &seen.load)
}

/// `ndshm load --dry-run`.
pub(crate) fn load(args: &LoadArgs, source: TextSource, name: &Name) -> Result<(), Failure> {
    let TextSource { inputs, rows, options } = source;
    let sources = Sources::of(&inputs)?;
    if Info::peek(name).is_ok_and(|info| segments::standing(&info) != segments::DEAD) {
        return Err(crate::load::taken(&args.name));
    }
    let cancel = crate::cancel_on_signals()?;
    let seen = load::preview(inputs, &rows, Unicode::Ucs4, &options, Some(cancel));
    let seen = seen.map_err(|error| Failure::loading(&error, &options))?;
    let dtype = seen.dtype.as_ref().map(|dtype| dtype.as_dtype());
    let columns = seen.columns.map(|n| u64::from(n.max(1)));
    let length = |rows| if seen.read.done { Length::Exactly(rows) } else { Length::About(rows) };
    let shape: Vec<Length> = [seen.rows().map_or(Length::Unknown, length)]
        .into_iter()
        .chain(columns.map(Length::Exactly))
        .collect();
    let item = dtype.map(|dtype| u64::from(dtype.itemsize()) * columns.unwrap_or(1));
    let plan = Plan {
        target: args.name.clone(),
        becomes: "a new segment",
        text: Text::of(&sources, &seen),
        dtype: dtype.map(|dtype| dtype.to_string()),
        bytes: item.zip(seen.rows()).and_then(|(item, rows)| item.checked_mul(rows)),
        free: free(Path::new(SHM)),
        datasets: Vec::from([Dataset::new(&args.name, &shape, &[])]),
        layout: None,
    };
    plan.show(args.json, dtype, &seen)
}

/// The inputs, as files.
struct Sources {
    count: usize,
    bytes: u64,
}

impl Sources {
    /// A stream can be read only once, and not by who only looks.
    fn of(inputs: &[Input]) -> Result<Self, Failure> {
        let mut all = Self { count: inputs.len(), bytes: 0 };
        for input in inputs {
            let data = fs::metadata(input.path()).ok();
            let is_stream = match input {
                Input::Stream(_) => true,
                Input::File(_) => data.as_ref().is_some_and(|data| {
                    let kind = data.file_type();
                    kind.is_fifo() || kind.is_char_device() || kind.is_socket()
                }),
            };
            if is_stream {
                let what = format!(
                    "{}: --dry-run cannot look at a stream, which can be read only once",
                    input.path().display()
                );
                let hint = "put its first lines into a file, and give that".into();
                return Err(Failure::new(what).hinting(Some(hint)));
            }
            all.bytes += data.map_or(0, |data| data.len());
        }
        Ok(all)
    }
}

/// What would be made, as programs read it.
#[derive(Serialize)]
struct Plan {
    target: String,
    becomes: &'static str,
    #[serde(flatten)]
    text: Text,
    /// Of the rows where they go; none if all of the text has to be read to know.
    dtype: Option<String>,
    /// Of the rows, before they are packed.
    bytes: Option<u64>,
    /// Where they go.
    free: Option<u64>,
    datasets: Vec<Dataset>,
    #[serde(flatten)]
    layout: Option<Stored>,
}

#[derive(Serialize)]
struct Text {
    inputs: usize,
    /// Of the files.
    input_bytes: u64,
    /// Bytes of text that were looked at.
    looked_at: u64,
    /// All of it: then everything else is exact.
    exact: bool,
    rows: Option<u64>,
    bad_rows: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    found: Option<json::Found>,
    /// The dtype was found in what was looked at, and the rest may need another one.
    dtype_may_change: bool,
    /// Processes that parse; 0 if there is so little text that the command does.
    workers: usize,
    /// Bytes that all processes together take at most.
    memory: u64,
}

impl Text {
    fn of(sources: &Sources, seen: &load::Preview) -> Self {
        Self {
            inputs: sources.count,
            input_bytes: sources.bytes,
            looked_at: seen.read.bytes_done,
            exact: seen.read.done,
            rows: seen.rows(),
            bad_rows: seen.report.bad_rows,
            found: seen.report.dialect.as_ref().map(json::Found::from),
            dtype_may_change: seen.may_change,
            workers: seen.workers,
            memory: seen.memory,
        }
    }
}

#[derive(Serialize)]
struct Dataset {
    name: String,
    /// An extent is null if nobody knows it before all is read.
    shape: Vec<Option<u64>>,
    /// Whether these are exact.
    exact: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    chunk: Vec<u64>,
    #[serde(skip)]
    shown: String,
}

impl Dataset {
    fn of(planned: &Planned) -> Self {
        Self::new(&planned.name, &planned.shape, &planned.chunk)
    }

    fn new(name: &str, shape: &[Length], chunk: &[u64]) -> Self {
        let extent = |length: &Length| match *length {
            Length::Exactly(extent) | Length::About(extent) => Some(extent),
            Length::Unknown => None,
        };
        let list: Vec<String> = shape.iter().map(spelled).collect();
        let comma = if list.len() == 1 { "," } else { "" };
        Self {
            name: name.into(),
            shape: shape.iter().map(extent).collect(),
            exact: shape.iter().all(|length| matches!(length, Length::Exactly(_))),
            chunk: chunk.into(),
            shown: format!("({}{comma})", list.join(", ")),
        }
    }
}

fn spelled(length: &Length) -> String {
    match *length {
        Length::Exactly(extent) => extent.to_string(),
        Length::About(extent) => format!("about {extent}"),
        Length::Unknown => "?".into(),
    }
}

#[derive(Serialize)]
struct Stored {
    layout: &'static str,
    compression: Option<String>,
    shuffle: bool,
    fletcher32: bool,
}

impl Stored {
    fn of(seen: &Preview) -> Self {
        let Storage { layout, filters, .. } = &seen.storage;
        let compression = match filters.codec {
            Codec::None => None,
            Codec::Gzip(level) => Some(format!("gzip:{level}")),
            Codec::Zstd(level) => Some(format!("zstd:{level}")),
        };
        let layout = match layout {
            Layout::Columns => "columns",
            _ if seen.storage.is_chunked() => "chunked",
            _ => "contiguous",
        };
        let (shuffle, fletcher32) = (filters.shuffle, filters.fletcher32);
        Self { layout, compression, shuffle, fletcher32 }
    }

    fn shown(&self, chunk: &[u64]) -> String {
        let mut words = Vec::from([match self.layout {
            "columns" => "a group of datasets, one for each column, in chunks".into(),
            "chunked" => "in chunks".into(),
            _ => String::from("in one piece"),
        }]);
        if !chunk.is_empty() {
            let list: Vec<String> = chunk.iter().map(ToString::to_string).collect();
            words.push(format!("of {}", list.join(" x ")));
        }
        let filters = [
            self.shuffle.then(|| "shuffle".to_owned()),
            self.compression.clone(),
            self.fletcher32.then(|| "fletcher32".to_owned()),
        ];
        let filters: Vec<String> = filters.into_iter().flatten().collect();
        let filters =
            if filters.is_empty() { String::new() } else { format!(", {}", filters.join(", ")) };
        words.join(" ") + &filters
    }
}

const fn becomes(target: Target) -> &'static str {
    match target {
        Target::New => "a new file",
        Target::Replaced => "replaced",
        Target::Added => "datasets are added",
        Target::Grown => "rows are added",
    }
}

impl Plan {
    fn show(
        &self,
        as_json: bool,
        dtype: Option<DType<'_>>,
        seen: &load::Preview,
    ) -> Result<(), Failure> {
        if as_json {
            return json::print(self);
        }
        let mut out = BufWriter::new(io::stdout().lock());
        writeln!(
            out,
            "{}: {} (a dry run: nothing is made)",
            printable(&self.target),
            self.becomes
        )?;
        self.write_text(&mut out)?;
        self.write_columns(&mut out, dtype)?;
        self.write_datasets(&mut out)?;
        self.write_sizes(&mut out)?;
        out.flush()?;
        found(
            &seen.report,
            seen.dtype.as_ref().map(|dtype| dtype.as_dtype().to_string()).as_deref(),
        );
        Ok(())
    }

    fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        let Text { inputs, input_bytes, looked_at, exact, workers, .. } = self.text;
        let files = if inputs == 1 { "file" } else { "files" };
        let by = match workers {
            0 => "read by this process".into(),
            1 => "read by 1 worker".into(),
            n => format!("read by {n} workers"),
        };
        row(
            out,
            "inputs",
            &format!("{} {files}, {}, {by}", thousands(inputs as u64), human(input_bytes)),
        )?;
        let looked = if exact {
            "all of the text".into()
        } else {
            format!("the first {} of text", human(looked_at))
        };
        row(out, "looked at", &looked)?;
        let rows = match (self.text.rows, exact) {
            (Some(rows), true) => thousands(rows),
            (Some(rows), false) => format!("about {}", thousands(rows)),
            (None, _) => "as many as there are: the size of the text is not known".into(),
        };
        row(out, "rows", &rows)?;
        if self.text.bad_rows > 0 {
            row(
                out,
                "left out",
                &format!("{} of them cannot be read", thousands(self.text.bad_rows)),
            )?;
        }
        Ok(())
    }

    fn write_columns(&self, out: &mut impl Write, dtype: Option<DType<'_>>) -> io::Result<()> {
        let Some(dtype) = dtype else {
            return row(
                out,
                "types",
                "not known before all of the text is read: a sample does not show them",
            );
        };
        let root = dtype.root();
        if dtype.is_record() {
            let names: Vec<&str> = root.fields().map(|field| field.name()).collect();
            let width =
                names.iter().take(LISTED).map(|name| name.chars().count()).max().unwrap_or(0);
            for (at, field) in root.fields().take(LISTED).enumerate() {
                let label = if at == 0 { "columns" } else { "" };
                let name = padded(&printable(field.name()), width, false);
                row(out, label, &format!("{name}  {field}"))?;
            }
            if names.len() > LISTED {
                row(
                    out,
                    "",
                    &format!("... and {} more", thousands((names.len() - LISTED) as u64)),
                )?;
            }
        } else {
            row(out, "type", &dtype.to_string())?;
        }
        if self.text.dtype_may_change {
            row(
                out,
                "",
                "found in a part of the text: wider ones are taken if the rest needs them",
            )?;
        }
        Ok(())
    }

    fn write_datasets(&self, out: &mut impl Write) -> io::Result<()> {
        let what = if self.layout.is_some() { "datasets" } else { "shape" };
        for (at, dataset) in self.datasets.iter().take(LISTED).enumerate() {
            let name =
                if self.layout.is_some() { printable(&dataset.name) + "  " } else { String::new() };
            row(out, if at == 0 { what } else { "" }, &(name + &dataset.shown))?;
        }
        if self.datasets.len() > LISTED {
            row(
                out,
                "",
                &format!("... and {} more", thousands((self.datasets.len() - LISTED) as u64)),
            )?;
        }
        match &self.layout {
            Some(stored) => {
                let first = self.datasets.first().map_or(&[][..], |dataset| &dataset.chunk);
                row(out, "layout", &stored.shown(first))
            }
            None => Ok(()),
        }
    }

    fn write_sizes(&self, out: &mut impl Write) -> io::Result<()> {
        let is_packed = self.layout.as_ref().is_some_and(|stored| stored.compression.is_some());
        let packed = if is_packed { " before they are packed" } else { "" };
        let about = if self.text.exact { "" } else { "about " };
        let size = self
            .bytes
            .map_or("not known".into(), |n| format!("{about}{} of rows{packed}", human(n)));
        let free = self.free.map(|n| format!("; {} are free there", human(n))).unwrap_or_default();
        row(out, "size", &(size + &free))?;
        if self.bytes.zip(self.free).is_some_and(|(bytes, free)| bytes > free) && !is_packed {
            row(out, "", "this does not fit")?;
        }
        row(
            out,
            "memory",
            &format!("at most {} for all processes together", human(self.text.memory)),
        )
    }
}

fn row(out: &mut impl Write, label: &str, text: &str) -> io::Result<()> {
    writeln!(out, "  {label:<9}  {text}")
}

/// The directory that a file lies in.
fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if folder != Path::new("") => folder.into(),
        _ => ".".into(),
    }
}

/// Bytes that are free where a directory is.
fn free(folder: &Path) -> Option<u64> {
    let path = CString::new(folder.as_os_str().as_bytes()).ok()?;
    let fd = sys::Fd::open_read(&path).ok()?;
    Some(sys::space(&fd).ok()?.free)
}

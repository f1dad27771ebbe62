//! What the command says: errors and the lines they are about, sizes, tables.

use core::fmt::Display;
use core::ops::Range;
use std::env;
use std::io::{self, Write};
use std::process::ExitCode;

use ndshm::error::Error;
use ndshm::load::{Dialect, InputFault, LoadError, Options, Report, Spooled, TextError};
use ndshm::segment::Segment;
use ndshm::text::Delimiter;

use serde::Serialize;

use crate::hints;

/// Columns that a line of the input may take on the terminal.
const WIDTH: usize = 76;

/// Status after a signal, as shells report SIGINT.
const INTERRUPTED: u8 = 130;

/// An error on its way to the user.
#[derive(Debug)]
pub(crate) struct Failure {
    message: String,
    /// Lines that show the place, if there are any.
    excerpt: Vec<String>,
    /// What to try.
    hint: Option<String>,
    status: u8,
}

impl Failure {
    pub(crate) fn new(error: impl Display) -> Self {
        Self { message: error.to_string(), excerpt: Vec::new(), hint: None, status: 1 }
    }

    pub(crate) fn about(what: impl Display, error: impl Display) -> Self {
        Self::new(format!("{what}: {error}"))
    }

    /// An error of text that was read with `options`, with the line that it is about.
    pub(crate) fn loading(error: &LoadError, options: &Options) -> Self {
        let failure = match error {
            LoadError::Cancelled => Self::interrupted(),
            LoadError::Text(text) => Self::new(error).showing(place(text)),
            LoadError::Input { reason: InputFault::AllBad { first: Some(first), .. }, .. } => {
                Self::new(error).showing(place(first))
            }
            error => Self::new(error),
        };
        failure.hinting(hints::loading(error, options))
    }

    /// The same with lines that show the place.
    pub(crate) fn showing(self, excerpt: impl Into<Vec<String>>) -> Self {
        Self { excerpt: excerpt.into(), ..self }
    }

    /// The same with what to try.
    pub(crate) fn hinting(self, hint: Option<String>) -> Self {
        Self { hint, ..self }
    }

    pub(crate) fn interrupted() -> Self {
        Self { status: INTERRUPTED, ..Self::new("interrupted") }
    }

    /// What went wrong was reported already.
    pub(crate) fn reported() -> Self {
        Self::new("")
    }

    /// Prints it; the exit status.
    pub(crate) fn report(&self) -> ExitCode {
        if !self.message.is_empty() {
            let mut text = printable(&self.message);
            for line in &self.excerpt {
                text.push_str("\n  ");
                text.push_str(&printable(line));
            }
            if let Some(hint) = &self.hint {
                text.push_str("\n  hint: ");
                text.push_str(&printable(hint));
            }
            say(&text);
        }
        ExitCode::from(self.status)
    }
}

impl From<io::Error> for Failure {
    /// Standard output that nobody reads any more is no error.
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self { status: 0, ..Self::reported() },
            _ => Self::about("standard output", error),
        }
    }
}

/// One message on standard error.
pub(crate) fn complain(message: impl Display) {
    say(&printable(&message.to_string()));
}

/// Written at once, so that several runs can share a terminal; standard error
/// may be closed.
fn say(message: &str) {
    let _ = io::stderr().write_all(format!("ndshm: {message}\n").as_bytes());
}

/// Text whose control characters are spelled out, so that no file name and no
/// input can play tricks on a terminal.
pub(crate) fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    shown
}

/// Longest dtype that is printed as an option.
const DTYPE_OPTION: usize = 500;

/// Says how the text was found to be written, as the options that say so.
pub(crate) fn found(report: &Report, dtype: Option<&str>) {
    let Some(Dialect { delimiter, quote, decimal, header }) = &report.dialect else { return };
    let delimiter = match delimiter {
        Delimiter::Whitespace => None,
        Delimiter::Char('\t') => Some("--delimiter tab".into()),
        Delimiter::Char(c) => Some(format!("--delimiter '{c}'")),
    };
    let is_plain = |dtype: &&str| !dtype.contains(['\\', '"', '$', '`', '!']);
    let dtype = dtype.filter(is_plain).filter(|dtype| dtype.chars().count() <= DTYPE_OPTION);
    let options = [
        delimiter,
        quote.map(|quote| format!("--quotechar '{quote}'")),
        (*decimal != '.').then(|| format!("--decimal '{decimal}'")),
        header.then(|| "--header".into()),
        dtype.map(|dtype| format!("--dtype \"{dtype}\"")),
    ];
    let options: Vec<String> = options.into_iter().flatten().collect();
    if !options.is_empty() {
        complain(format!("found in the text: {}", options.join(" ")));
    }
}

/// Says what went on beside: what was kept in a file, and which rows were left out.
pub(crate) fn aside(report: &Report) {
    for Spooled { path, bytes, directory } in &report.spooled {
        complain(format!(
            "{}: kept in an unnamed file of {} in {} meanwhile, because its types were found by \
             reading it",
            path.display(),
            human(*bytes),
            directory.display()
        ));
    }
    skipped(report);
}

fn skipped(report: &Report) {
    let Report { bad_rows, first, .. } = report;
    let mut text = match (*bad_rows, first.len() as u64) {
        (0, _) => return,
        (1, _) => String::from("1 bad row was left out:"),
        (all, shown) if all > shown => {
            format!("{} bad rows were left out, the first {shown} are:", thousands(all))
        }
        (all, _) => format!("{all} bad rows were left out:"),
    };
    for error in first {
        text.push_str("\n  ");
        text.push_str(&printable(&error.to_string()));
    }
    say(&text);
}

/// The line that an error is about, and one with a mark under the text that is meant.
fn place(error: &TextError) -> Vec<String> {
    if error.column == 0 && error.caret.is_empty() {
        return marked(&error.line_text, 0..0).into_iter().take(1).collect();
    }
    marked(&error.line_text, error.caret.clone())
}

/// A line, and one with a mark under the characters that are meant.
pub(crate) fn marked(line: &str, meant: Range<usize>) -> Vec<String> {
    let shown: Vec<(char, usize)> = line.chars().map(visible).collect();
    let width_of = |part: &[(char, usize)]| part.iter().map(|(_, width)| width).sum::<usize>();
    // What does not fit goes: behind the mark first, then before it.
    let caret = meant.start.min(shown.len());
    let (mut from, mut until) = (0, shown.len());
    let (mut before, mut all) = (width_of(&shown[..caret]), width_of(&shown));
    while before > WIDTH / 2 && all > WIDTH {
        before -= shown[from].1;
        all -= shown[from].1;
        from += 1;
    }
    while all > WIDTH {
        until -= 1;
        all -= shown[until].1;
    }
    let mark = |cut| if cut { "..." } else { "" };
    let part: String = shown[from..until].iter().map(|(c, _)| c).collect();
    let line = [mark(from > 0), &part, mark(until < shown.len())].concat();
    let end = meant.end.clamp(caret, until.max(caret));
    let blanks = mark(from > 0).len() + before;
    let carets = width_of(&shown[caret..end]).max(1);
    vec![line, [" ".repeat(blanks), "^".repeat(carets)].concat()]
}

/// A character as a line of the input shows it, and the columns that it takes: one for a
/// tabulator and for what has no shape or changes the direction.
fn visible(c: char) -> (char, usize) {
    match c {
        '\t' => (' ', 1),
        '\0'..'\x20' => (char::from_u32(0x2400 + u32::from(c)).unwrap_or(' '), 1),
        '\x7f' => ('\u{2421}', 1),
        c if c.is_control() => (char::REPLACEMENT_CHARACTER, 1),
        '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{feff}' => (char::REPLACEMENT_CHARACTER, 1),
        c => (c, width(c)),
    }
}

/// Columns of a character: none for marks on the one before, two for East Asian ones and
/// pictures. Near enough for a mark in the line below.
pub(crate) fn width(c: char) -> usize {
    match u32::from(c) {
        0x0300..=0x036F
        | 0x0483..=0x0489
        | 0x0591..=0x05BD
        | 0x0610..=0x061A
        | 0x064B..=0x065F
        | 0x0E34..=0x0E3A
        | 0x0E47..=0x0E4E
        | 0x1AB0..=0x1AFF
        | 0x1DC0..=0x1DFF
        | 0x20D0..=0x20FF
        | 0xFE00..=0xFE0F
        | 0xFE20..=0xFE2F
        | 0xE0100..=0xE01EF => 0,
        0x1100..=0x115F
        | 0x2E80..=0x303E
        | 0x3041..=0xA4CF
        | 0xA960..=0xA97F
        | 0xAC00..=0xD7A3
        | 0xF900..=0xFAFF
        | 0xFE30..=0xFE6F
        | 0xFF00..=0xFF60
        | 0xFFE0..=0xFFE6
        | 0x1F300..=0x1F64F
        | 0x1F680..=0x1F6FF
        | 0x1F900..=0x1F9FF
        | 0x20000..=0x3FFFD => 2,
        _ => 1,
    }
}

/// An error about shared memory, with the words of the system where it has some.
pub(crate) fn shm_error(error: Error) -> String {
    match error {
        Error::Os { call, errno } => {
            format!("/dev/shm: {call}: {}", io::Error::from_raw_os_error(errno))
        }
        error => error.to_string(),
    }
}

/// Says what a command has made of its inputs: a segment that stays.
pub(crate) fn loaded(name: &str, segment: &Segment, read: &Read) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "{name}: {} {}, {} {read}; it stays until 'ndshm rm {name}'",
        shape(segment.shape()),
        shortened(&segment.dtype().to_string(), 300),
        human(segment.data_len() as u64),
    )?;
    Ok(())
}

/// Bytes that were read, and how long that took.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Read {
    pub(crate) bytes_in: u64,
    pub(crate) seconds: f64,
}

impl Display for Read {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "from {} in {:.2} s", human(self.bytes_in), self.seconds)?;
        // A speed of next to nothing says nothing.
        if self.seconds >= 0.01 && self.bytes_in >= 1 << 20 {
            let speed = self.bytes_in as f64 / self.seconds;
            write!(f, ", {}/s", human(speed as u64))?;
        }
        Ok(())
    }
}

/// Columns of the terminal, or of one that does not say how many it has.
pub(crate) fn terminal_columns() -> usize {
    let given = env::var("COLUMNS").ok().and_then(|n| n.parse().ok()).filter(|&n| n > 0);
    given.or_else(ndshm::sys::terminal_width).unwrap_or(80)
}

/// Whether the locale is one of UTF-8, by the first variable that says something.
pub(crate) fn has_unicode() -> bool {
    let said = |name: &&str| env::var(name).ok().filter(|value| !value.is_empty());
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].iter().find_map(said).unwrap_or_default();
    let locale = locale.to_ascii_lowercase();
    let is_dumb = env::var("TERM").is_ok_and(|term| term == "dumb");
    !is_dumb && (locale.contains("utf-8") || locale.contains("utf8"))
}

/// Bytes as people read them.
pub(crate) fn human(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64 / 1024.0;
    let mut unit = 0;
    while value >= 1023.95 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

/// A number with its thousands apart.
pub(crate) fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(c);
    }
    text
}

/// A shape as NumPy prints it.
pub(crate) fn shape(extents: &[u64]) -> String {
    let list: Vec<_> = extents.iter().map(ToString::to_string).collect();
    let comma = if extents.len() == 1 { "," } else { "" };
    format!("({}{comma})", list.join(", "))
}

/// Text cut to a width, with a mark where something is missing.
pub(crate) fn shortened(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.into();
    }
    let mut short: String = text.chars().take(width.saturating_sub(3)).collect();
    short.push_str("...");
    short
}

/// Prints rows of cells in aligned columns; `right` says which are numbers.
pub(crate) fn table(out: &mut dyn Write, rows: &[Vec<String>], right: &[bool]) -> io::Result<()> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width =
        |c: usize| rows.iter().filter_map(|row| row.get(c)).map(|cell| width_of(cell)).max();
    let widths: Vec<usize> = (0..columns).map(|c| width(c).unwrap_or(0)).collect();
    for row in rows {
        let cells = row.iter().zip(&widths).enumerate();
        let cells =
            cells.map(|(c, (cell, &width))| padded(cell, width, right.get(c) == Some(&true)));
        writeln!(out, "{}", cells.collect::<Vec<_>>().join("  ").trim_end())?;
    }
    Ok(())
}

/// Columns that a text takes on a terminal.
pub(crate) fn width_of(text: &str) -> usize {
    text.chars().map(width).sum()
}

/// A cell as wide as its column.
pub(crate) fn padded(cell: &str, width: usize, right: bool) -> String {
    let pad = " ".repeat(width.saturating_sub(width_of(cell)));
    if right { pad + cell } else { format!("{cell}{pad}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_readable() {
        assert_eq!(human(1023), "1023 B");
        assert_eq!(human(1536), "1.5 KiB");
        assert_eq!(human(1 << 30), "1.0 GiB");
        assert_eq!(thousands(0), "0");
        assert_eq!(thousands(1_234_567), "1,234,567");
        assert_eq!(shape(&[3]), "(3,)");
        assert_eq!(shape(&[3, 4]), "(3, 4)");
        assert_eq!(shape(&[]), "()");
    }

    fn error(line: &str, field: &str, column: u32) -> TextError {
        let start = line.find(field).unwrap();
        let from = line[..start].chars().count();
        TextError {
            input: 0,
            path: "a".into(),
            line: 1,
            row: 0,
            column,
            offset: None,
            text: field.into(),
            line_text: line.into(),
            caret: from..from + field.chars().count(),
            problem: ndshm::load::Problem::ColumnsChanged { from: 1, to: 2 },
        }
    }

    #[test]
    fn a_mark_stands_under_what_is_meant() {
        assert_eq!(place(&error("1,x2,3", "x2", 2)), ["1,x2,3", "  ^^"]);
        assert_eq!(place(&error("a\tb\x1b[0m x", "x", 3)), ["a b\u{241b}[0m x", "        ^"]);
        assert_eq!(place(&error("日本,e\u{301}x,!", "!", 3)), ["日本,e\u{301}x,!", "        ^"]);
        assert_eq!(place(&error("\u{202e}1,日", "日", 2)), ["\u{fffd}1,日", "   ^^"]);
        // An empty field has a place, a row as a whole has none.
        assert_eq!(place(&error("1,", "", 1)), ["1,", "^"]);
        assert_eq!(place(&error("1,2", "", 0)), ["1,2"]);
    }

    #[test]
    fn of_a_wide_line_what_is_around_the_mark_is_shown() {
        for (lead, behind) in [(0, 200), (30, 200), (100, 100), (200, 3), (200, 0)] {
            let line = "a".repeat(lead) + "xyz" + &"b".repeat(behind);
            let [shown, mark] = place(&error(&line, "xyz", 1)).try_into().unwrap();
            let start = mark.find('^').unwrap();
            assert_eq!(&shown[start..mark.len()], "xyz");
            assert!(shown.len() <= WIDTH + 6);
            assert_eq!(shown.starts_with("..."), lead > WIDTH / 2, "{shown}");
            assert_eq!(shown.ends_with("..."), behind > 50, "{shown}");
        }
        let [_, mark] = place(&error(&"x".repeat(300), &"x".repeat(300), 1)).try_into().unwrap();
        assert_eq!(mark, "^".repeat(WIDTH));
    }

    #[test]
    fn tables_are_aligned() {
        let rows = [["a", "1"], ["bcd", "20"]].map(|row| row.map(String::from).to_vec());
        let mut out = Vec::new();
        table(&mut out, &rows, &[false, true]).unwrap();
        assert_eq!(out, b"a     1\nbcd  20\n");
    }
}

//! What the command says: errors, sizes, tables.

use core::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;

use ndshm::error::Error;

/// Status after a signal, as shells report SIGINT.
const INTERRUPTED: u8 = 130;

/// An error on its way to the user.
#[derive(Debug)]
pub(crate) struct Failure {
    message: String,
    /// Lines that show the place, if there are any.
    excerpt: Vec<String>,
    status: u8,
}

impl Failure {
    pub(crate) fn new(error: impl Display) -> Self {
        Self { message: error.to_string(), excerpt: Vec::new(), status: 1 }
    }

    pub(crate) fn about(what: impl Display, error: impl Display) -> Self {
        Self::new(format!("{what}: {error}"))
    }

    /// The same with lines that show the place.
    pub(crate) fn showing(self, excerpt: impl Into<Vec<String>>) -> Self {
        Self { excerpt: excerpt.into(), ..self }
    }

    pub(crate) fn interrupted() -> Self {
        Self { status: INTERRUPTED, ..Self::new("interrupted: nothing was written") }
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

/// An error about shared memory, with the words of the system where it has some.
pub(crate) fn shm_error(error: Error) -> String {
    match error {
        Error::Os { call, errno } => {
            format!("/dev/shm: {call}: {}", io::Error::from_raw_os_error(errno))
        }
        error => error.to_string(),
    }
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
    let width = |c: usize| {
        rows.iter().filter_map(|row| row.get(c)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    for row in rows {
        let cells = row.iter().zip(&widths).enumerate().map(|(c, (cell, width))| {
            let pad = " ".repeat(width.saturating_sub(cell.chars().count()));
            if right.get(c) == Some(&true) { pad + cell } else { format!("{cell}{pad}") }
        });
        writeln!(out, "{}", cells.collect::<Vec<_>>().join("  ").trim_end())?;
    }
    Ok(())
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

    #[test]
    fn tables_are_aligned() {
        let rows = [["a", "1"], ["bcd", "20"]].map(|row| row.map(String::from).to_vec());
        let mut out = Vec::new();
        table(&mut out, &rows, &[false, true]).unwrap();
        assert_eq!(out, b"a     1\nbcd  20\n");
    }
}

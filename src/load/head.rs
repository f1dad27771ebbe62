//! The head of an input, looked at by the parent before it is cut into pieces: where
//! the rows begin, and how many columns the first one has.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::vec::Vec;

use super::cancel::Stop;
use super::error::InputFault;
use super::header::Header;
use crate::text::{self, Encoding, Format};

const BLOCK: usize = 64 * 1024;
/// Bytes that [`sniff`] looks at.
pub(super) const SNIFFED: usize = 6;

/// What the head of a file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    /// Byte at which the first line that is not skipped starts.
    pub(super) start: u64,
    /// Lines skipped.
    pub(super) skipped: u64,
    /// Columns of the first row; 0 if there is none, or nobody asked.
    pub(super) columns: u32,
}

/// From the start of the text on skips `skiprows` lines, and a header that must be as the first
/// one; counts the columns of the first row if asked to. `Interrupted` if it is stopped
/// meanwhile.
#[allow(clippy::too_many_arguments, reason = "facts that have nothing to do with each other")]
pub(super) fn read(
    path: &Path,
    (start, size): (u64, u64),
    format: Format<'_>,
    skiprows: u64,
    header: Option<&Header>,
    count_columns: bool,
    limit: usize,
    stop: &Stop<'_>,
) -> Result<Head, InputFault> {
    let file = File::open(path).map_err(InputFault::Io)?;
    let mut lines = Lines { file, size, offset: start, buf: Vec::new(), from: 0, limit, stop };
    let mut skipped = lines.skip(Skip::new(skiprows, format.encoding()))?;
    let offset = lines.position();
    if let Some(header) = header
        && let Some(record) = lines.next(format, skipped + 1)?
    {
        header.check(record, &format, skipped + 1, offset)?;
        skipped += text::skip(record, u64::MAX, true).0.max(1);
    }
    let start = lines.position();
    let mut columns = 0;
    let mut line_number = skipped + 1;
    while count_columns && columns == 0 {
        match lines.next(format, line_number)? {
            Some(record) => {
                columns = text::field_count(record, format);
                // One of several lines is a row, and nothing comes behind it.
                line_number += 1;
            }
            None => break,
        }
    }
    Ok(Head { start, skipped, columns })
}

/// The first bytes of a file, for [`sniff`].
pub(super) fn start_of(path: &Path) -> Vec<u8> {
    let mut start = [0; SNIFFED];
    let read = File::open(path).and_then(|file| file.read_at(&mut start, 0));
    start.get(..read.unwrap_or(0)).unwrap_or_default().to_vec()
}

/// What an input is that begins like no UTF-8 text.
pub(super) fn sniff(start: &[u8]) -> Option<&'static str> {
    match start {
        [0x1F, 0x8B, ..] => Some("compressed with gzip, which this build cannot unpack"),
        [b'B', b'Z', b'h', ..] => Some("compressed with bzip2, which this build cannot unpack"),
        [0xFD, b'7', b'z', b'X', b'Z', 0] => {
            Some("compressed with xz, which this build cannot unpack")
        }
        [0x28, 0xB5, 0x2F, 0xFD, ..] => {
            Some("compressed with zstd, which this build cannot unpack")
        }
        [0xFF, 0xFE, 0, 0, ..] | [0, 0, 0xFE, 0xFF, ..] => {
            Some("text in UTF-32: the encoding utf-32 reads it")
        }
        [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] => Some("text in UTF-16: the encoding utf-16 reads it"),
        [b'P', b'K', 3, 4, ..] => Some("a zip archive: unpack it first"),
        [0x89, b'H', b'D', b'F', ..] => Some("an HDF5 file, and not text"),
        _ => None,
    }
}

/// Lines to skip, of a text that is seen window by window.
#[derive(Debug)]
pub(super) struct Skip {
    pub(super) left: u64,
    pub(super) done: u64,
    encoding: Encoding,
}

impl Skip {
    pub(super) const fn new(count: u64, encoding: Encoding) -> Self {
        Self { left: count, done: 0, encoding }
    }

    /// Behind `done` lines, with nothing more to skip.
    pub(super) const fn behind(done: u64, encoding: Encoding) -> Self {
        Self { left: 0, done, encoding }
    }

    /// Skips in `window`, which lies at `offset` of the input; `whole` says that the
    /// input ends with it. Answers how many bytes are not needed any more: whole lines,
    /// or the begin of one that goes on.
    pub(super) fn pass(
        &mut self,
        window: &[u8],
        offset: u64,
        whole: bool,
    ) -> Result<usize, InputFault> {
        let (lines, bytes) = text::skip(window, self.left, whole);
        self.check(window.get(..bytes).unwrap_or_default(), offset)?;
        self.done += lines;
        self.left -= lines;
        if self.left > 0 && bytes == 0 { self.forget(window, offset) } else { Ok(bytes) }
    }

    /// Leaves out what there is of a line that goes on: only a `\r` at the end is still
    /// needed, or a character that is not complete.
    fn forget(&self, window: &[u8], offset: u64) -> Result<usize, InputFault> {
        let good = match (self.encoding, core::str::from_utf8(window)) {
            (Encoding::Utf8, Err(error)) if error.error_len().is_none() => error.valid_up_to(),
            _ => {
                self.check(window, offset)?;
                window.len()
            }
        };
        let cr = window.get(..good).is_some_and(|text| text.ends_with(b"\r"));
        Ok(good - usize::from(cr))
    }

    /// Refuses lines that are not in the encoding: like NumPy, which decodes what it skips,
    /// too.
    pub(super) fn check(&self, lines: &[u8], offset: u64) -> Result<(), InputFault> {
        let encoding = self.encoding;
        let bad = match encoding {
            Encoding::Utf8 => core::str::from_utf8(lines).err().map(|error| error.valid_up_to()),
            Encoding::Ascii => lines.iter().position(|byte| !byte.is_ascii()),
            Encoding::Latin1 => None,
        };
        let Some(good) = bad else { return Ok(()) };
        let (before, _) = text::skip(lines.get(..good).unwrap_or_default(), u64::MAX, false);
        let line = self.done + before + 1;
        Err(InputFault::Encoding { encoding, line, offset: offset + good as u64 })
    }
}

/// A window of a file that begins at the start of a line.
struct Lines<'a> {
    file: File,
    size: u64,
    /// Place of `buf` in the file.
    offset: u64,
    buf: Vec<u8>,
    /// Start of the window in `buf`.
    from: usize,
    limit: usize,
    stop: &'a Stop<'a>,
}

impl Lines<'_> {
    fn window(&self) -> &[u8] {
        self.buf.get(self.from..).unwrap_or_default()
    }

    /// Place of the window in the file.
    fn position(&self) -> u64 {
        self.offset + self.from as u64
    }

    /// Whether the window reaches to the end of the file.
    fn is_whole(&self) -> bool {
        self.offset + self.buf.len() as u64 >= self.size
    }

    /// Makes the window longer by a block; false at the end of the file.
    fn grow(&mut self) -> Result<bool, InputFault> {
        if self.stop.is_set() {
            return Err(InputFault::Io(io::ErrorKind::Interrupted.into()));
        }
        self.buf.drain(..self.from);
        self.offset += self.from as u64;
        self.from = 0;
        let old = self.buf.len();
        let at = self.offset + old as u64;
        let left = usize::try_from(self.size.saturating_sub(at)).unwrap_or(usize::MAX);
        self.buf.resize(old + left.min(BLOCK.max(old)), 0);
        let room = self.buf.get_mut(old..).unwrap_or_default();
        self.file.read_exact_at(room, at).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => InputFault::Changed,
            _ => InputFault::Io(error),
        })?;
        Ok(left > 0)
    }

    fn skip(&mut self, mut skip: Skip) -> Result<u64, InputFault> {
        while skip.left > 0 {
            self.from += skip.pass(self.window(), self.position(), self.is_whole())?;
            if skip.left > 0 && !self.grow()? {
                break;
            }
        }
        Ok(skip.done)
    }

    /// The next record without its line end; it starts at line `number`.
    fn next(&mut self, format: Format<'_>, number: u64) -> Result<Option<&[u8]>, InputFault> {
        loop {
            let whole = self.is_whole();
            if whole && self.window().is_empty() {
                return Ok(None);
            }
            if let Some((end, next)) = text::record(self.window(), 0, &format, whole) {
                let start = self.from;
                self.from += next;
                return Ok(Some(self.buf.get(start..start + end).unwrap_or_default()));
            }
            if self.window().len() >= self.limit {
                return Err(InputFault::LineTooLong { limit: self.limit as u64, line: number });
            }
            self.grow()?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::cancel::Canceller;
    use super::*;
    use std::io::Write;
    use std::string::ToString;
    use std::vec;

    fn head(text: &[u8], skiprows: u64, limit: usize) -> Result<Head, InputFault> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text).unwrap();
        let go_on = Stop::new(Canceller::new().unwrap(), None);
        let place = (0, text.len() as u64);
        read(file.path(), place, Format::default(), skiprows, None, true, limit, &go_on)
    }

    #[test]
    fn the_first_row_gives_the_columns() {
        let found = head(b"# a comment\r\n\r \n1 2 3 # x\n4 5\n", 0, 100).unwrap();
        assert_eq!(found, Head { start: 0, skipped: 0, columns: 3 });
        assert_eq!(head(b"", 0, 100).unwrap().columns, 0);
        assert_eq!(head(b"# only\n", 0, 100).unwrap().columns, 0);
    }

    #[test]
    fn skipped_lines_are_physical_lines() {
        let found = head(b"1 2\r# c\n\n4 5 6", 3, 100).unwrap();
        assert_eq!(found, Head { start: 9, skipped: 3, columns: 3 });
        assert_eq!(head(b"1\n2\n", 9, 100).unwrap(), Head { start: 4, skipped: 2, columns: 0 });
    }

    #[test]
    fn skipped_lines_are_utf8_too() {
        let error = head(b"a\n\nb\xffc\n1\n", 3, 100).unwrap_err();
        assert!(matches!(error, InputFault::Encoding { line: 3, offset: 4, .. }), "{error:?}");
        assert!(head(b"a\n\nb\xffc\n1\n", 2, 100).is_ok());
        let skip = |text: &[u8], encoding| Skip::new(9, encoding).pass(text, 10, true);
        assert_eq!(skip(b"\xe9\n\xff", Encoding::Latin1).unwrap(), 3);
        assert_eq!(skip(b"a\nb", Encoding::Ascii).unwrap(), 3);
        let error = skip("a\né".as_bytes(), Encoding::Ascii).unwrap_err();
        assert_eq!(error.to_string(), "line 2 is not ASCII (byte 12)");
    }

    #[test]
    fn long_skipped_lines_are_not_kept() {
        for pad in [BLOCK - 1, BLOCK - 2, BLOCK, 3 * BLOCK - 1] {
            for (end, wide) in [("\r\n", "x"), ("\r", "x"), ("\n", "\u{1F600}")] {
                let text = ["y".repeat(pad).as_str(), wide, end, "1 2 3\n"].concat();
                let start = (text.len() - 6) as u64;
                let expected = Head { start, skipped: 1, columns: 3 };
                assert_eq!(head(text.as_bytes(), 1, 100).unwrap(), expected, "{pad} {end:?}");
                let bad = [&vec![b'y'; pad], b"\xff".as_slice(), b"z\n1\n"].concat();
                let error = head(&bad, 1, 100).unwrap_err();
                assert!(matches!(error, InputFault::Encoding { line: 1, .. }), "{error:?}");
            }
        }
    }

    #[test]
    fn a_long_head_is_read_block_by_block() {
        let mut text = std::vec![b'#'; 3 * BLOCK];
        text.extend_from_slice(b"\n1 2\n");
        assert_eq!(head(&text, 1, 100).unwrap().start, 3 * BLOCK as u64 + 1);
        assert_eq!(head(&text, 0, 4 * BLOCK).unwrap().columns, 2);
        let error = head(&text, 0, 2 * BLOCK).unwrap_err();
        assert!(matches!(error, InputFault::LineTooLong { line: 1, .. }), "{error:?}");
    }
}

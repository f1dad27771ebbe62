//! Notes of bad rows: a worker leaves them in a buffer, behind the room for rows, and
//! the parent makes errors of them. Plain bytes of fixed size, written by core code only.

use bytemuck::{Pod, Zeroable};

use crate::text::{Fault, FaultKind};

/// Notes of rows left out that a buffer has room for.
pub(super) const KEPT: usize = 10;
/// Bytes of a buffer that are kept for notes: for the fault that ends it, too.
pub(super) const NOTES_SIZE: usize = (KEPT + 1) * size_of::<Note>();

/// Bytes of the offending text that are kept.
const TEXT_BYTES: usize = 400;
/// Bytes of its line that are kept.
const LINE_BYTES: usize = 160;
/// As many of them lie before the offending text, in a long line.
const LEAD: usize = 60;

/// One fault, with its place in the input.
#[repr(C)]
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
pub(super) struct Note {
    /// Lines of the task before it.
    pub(super) line: u64,
    /// Good rows of the task before it.
    pub(super) row: u64,
    /// Byte of the input at which the offending text starts.
    pub(super) offset: u64,
    kind: u32,
    a: u32,
    b: u32,
    /// Column from 1, 0 if the row as a whole is meant.
    pub(super) column: u32,
    text_len: u32,
    line_len: u32,
    /// Where in the kept part of the line the offending text lies.
    from: u32,
    until: u32,
    /// Whether the line goes on before the part that is kept, and behind it.
    before: u32,
    behind: u32,
    text: [u8; TEXT_BYTES],
    window: [u8; LINE_BYTES],
}

impl Note {
    /// Notes a fault in `text`, which lies at `offset` of the input. `quote` is the quote
    /// character as it is written there, or nothing.
    pub(super) fn new(fault: &Fault, text: &[u8], offset: u64, quote: &[u8]) -> Self {
        let (kind, a, b) = numbers(fault.kind);
        let mut note = Self {
            line: fault.line,
            row: fault.row,
            offset: offset + fault.start as u64,
            kind,
            a,
            b,
            column: fault.column,
            ..Self::zeroed()
        };
        let end = fault.start.saturating_add(fault.len).min(text.len());
        let raw = text.get(fault.start..end).unwrap_or_default();
        note.text_len = unquoted(raw, quote, &mut note.text) as u32;
        note.show(text, fault.start, end);
        note
    }

    /// Keeps a part of the line in which the offending text starts.
    fn show(&mut self, text: &[u8], start: usize, end: usize) {
        let is_end = |byte: &u8| matches!(byte, b'\n' | b'\r');
        let head = text.get(..start).unwrap_or_default();
        let line = head.iter().rposition(is_end).map_or(0, |at| at + 1);
        let tail = text.get(start..).unwrap_or_default();
        let line_end = start + tail.iter().position(is_end).unwrap_or(tail.len());
        // The whole line if it fits, else what is around the start of the text.
        let latest = line_end.saturating_sub(LINE_BYTES).max(line);
        let from = boundary(text, start.saturating_sub(LEAD).clamp(line, latest.min(start)));
        let until = boundary_before(text, from.saturating_add(LINE_BYTES).min(line_end), from);
        let part = text.get(from..until).unwrap_or_default();
        self.line_len = copy(part, &mut self.window) as u32;
        let within = |at: usize| (at.clamp(from, until) - from) as u32;
        (self.from, self.until) = (within(start), within(end));
        (self.before, self.behind) = (u32::from(from > line), u32::from(until < line_end));
    }

    /// What is wrong.
    pub(super) fn kind(&self) -> FaultKind {
        let (a, b) = (self.a, self.b);
        match self.kind {
            1 => FaultKind::Convert { slot: a },
            2 => FaultKind::ColumnsChanged { from: a, to: b },
            3 => FaultKind::ColumnsRequired { need: a, found: b },
            4 => FaultKind::ColumnIndex { index: a.cast_signed(), found: b },
            _ => FaultKind::Encoding,
        }
    }

    /// The offending text without its quotes, or its beginning.
    pub(super) fn text(&self) -> &[u8] {
        self.text.get(..self.text_len as usize).unwrap_or_default()
    }

    /// A part of its line: what lies before the offending text, the text, and what lies
    /// behind it.
    pub(super) fn parts(&self) -> [&[u8]; 3] {
        let line = self.window.get(..self.line_len as usize).unwrap_or_default();
        let part = |from: u32, until: u32| line.get(from as usize..until as usize);
        [part(0, self.from), part(self.from, self.until), part(self.until, self.line_len)]
            .map(Option::unwrap_or_default)
    }

    /// Whether the line goes on before its part, and behind it.
    pub(super) const fn is_cut(&self) -> (bool, bool) {
        (self.before != 0, self.behind != 0)
    }
}

const fn numbers(kind: FaultKind) -> (u32, u32, u32) {
    match kind {
        FaultKind::Convert { slot } => (1, slot, 0),
        FaultKind::ColumnsChanged { from, to } => (2, from, to),
        FaultKind::ColumnsRequired { need, found } => (3, need, found),
        FaultKind::ColumnIndex { index, found } => (4, index.cast_unsigned(), found),
        FaultKind::Encoding => (5, 0, 0),
    }
}

const fn continues(byte: u8) -> bool {
    byte & 0xC0 == 0x80
}

/// The first place from `at` on that is not inside a character; a character of UTF-8 ends
/// within four bytes, and what does not is none.
fn boundary(text: &[u8], at: usize) -> usize {
    let bytes = text.get(at..).unwrap_or_default();
    let inside = bytes.iter().take(4).take_while(|&&byte| continues(byte)).count();
    if inside < 4 { at + inside } else { at }
}

/// The last place up to `at`, and behind `from`, that is not inside a character.
fn boundary_before(text: &[u8], at: usize, from: usize) -> usize {
    let inside = |at: usize| text.get(at).is_some_and(|&byte| continues(byte));
    (from.max(at.saturating_sub(3))..=at).rev().find(|&at| !inside(at)).unwrap_or(at)
}

/// Copies what fits.
fn copy(bytes: &[u8], out: &mut [u8]) -> usize {
    for (to, &from) in out.iter_mut().zip(bytes) {
        *to = from;
    }
    bytes.len().min(out.len())
}

/// What is behind the quote that `text` begins with.
fn behind<'t>(text: &'t [u8], quote: &[u8]) -> Option<&'t [u8]> {
    text.strip_prefix(quote).filter(|_| !quote.is_empty())
}

/// Writes a field as it is meant: quotes around it are gone, two of them inside are one, and
/// a line end is `\n`. Returns the bytes written: as many whole characters as fit.
fn unquoted(raw: &[u8], quote: &[u8], out: &mut [u8]) -> usize {
    let (mut rest, mut quoted) = behind(raw, quote).map_or((raw, false), |rest| (rest, true));
    let mut len = 0;
    while let Some((byte, mut next)) = rest.split_at_checked(1) {
        let mut piece = byte;
        match behind(rest, quote).filter(|_| quoted) {
            Some(after) => {
                let Some(behind_both) = behind(after, quote) else {
                    (rest, quoted) = (after, false);
                    continue;
                };
                (piece, next) = (quote, behind_both);
            }
            None if quoted && byte == b"\r" => {
                (piece, next) = (b"\n", next.strip_prefix(b"\n").unwrap_or(next));
            }
            None => {}
        }
        let room = out.get_mut(len..).unwrap_or_default();
        if room.len() < piece.len() {
            // The character that does not fit may have begun before.
            let inside = byte.iter().any(|&byte| continues(byte));
            return if inside { last_char_start(out, len) } else { len };
        }
        len += copy(piece, room);
        rest = next;
    }
    len
}

/// Where the last character of the first `len` bytes starts.
fn last_char_start(text: &[u8], len: usize) -> usize {
    let starts = |at: &usize| text.get(*at).is_some_and(|&byte| !continues(byte));
    (len.saturating_sub(4)..len).rev().find(starts).unwrap_or(len)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::String;
    use std::vec::Vec;

    fn note(text: &str, start: usize, len: usize) -> Note {
        let kind = FaultKind::Convert { slot: 3 };
        let fault = Fault { kind, line: 1, row: 2, column: 4, start, len };
        Note::new(&fault, text.as_bytes(), 1000, b"'")
    }

    fn shown(note: &Note) -> [&str; 3] {
        note.parts().map(|part| core::str::from_utf8(part).unwrap())
    }

    #[test]
    fn a_short_line_is_kept_whole() {
        let note = note("1,2\r\nab,'x''y',c\n3,4\n", 8, 6);
        assert_eq!(shown(&note), ["ab,", "'x''y'", ",c"]);
        assert_eq!((note.text(), note.is_cut(), note.offset), (&b"x'y"[..], (false, false), 1008));
        assert_eq!(note.kind(), FaultKind::Convert { slot: 3 });
    }

    #[test]
    fn of_a_long_line_what_is_around_the_field_is_kept() {
        let line = (0..200).map(|i| std::format!("é{i:03}")).collect::<Vec<_>>().join(",");
        let at = line.find("é100").unwrap();
        let middle = note(&std::format!("# c\n{line}\n"), at + 4, 5);
        let [before, field, behind] = shown(&middle);
        assert_eq!(
            (field, middle.text(), middle.is_cut()),
            ("é100", "é100".as_bytes(), (true, true))
        );
        assert!(line.contains(&[before, field, behind].concat()));
        assert!(before.len() >= LEAD - 1 && before.len() + behind.len() + 5 > LINE_BYTES - 4);
        let end = note(&line, line.len() - 5, 5);
        assert_eq!((shown(&end)[1], shown(&end)[2], end.is_cut()), ("é199", "", (true, false)));
        assert!(shown(&end)[0].len() > LINE_BYTES - 5 - 4);
        let start = note(&line, 0, 5);
        assert_eq!((shown(&start)[0], start.is_cut()), ("", (false, true)));
    }

    #[test]
    fn text_is_cut_between_characters() {
        for lead in 0..4 {
            let text = "x".repeat(lead) + &"\u{1F600}".repeat(200);
            let note = note(&text, 0, text.len());
            let kept = core::str::from_utf8(note.text()).unwrap();
            assert!(text.starts_with(kept) && kept.len() > TEXT_BYTES - 4);
            assert!(shown(&note)[1].len() > LINE_BYTES - 4);
        }
    }

    #[test]
    fn any_bytes_can_be_noted() {
        for bytes in [&[0xBF; 900][..], b"", b"\xff\xfe\x80", b"'\r\r\n''", b"'''"] {
            for start in 0..=bytes.len() {
                for len in [0, 1, bytes.len(), usize::MAX] {
                    let kind = FaultKind::Encoding;
                    let fault = Fault { kind, line: 0, row: 0, column: 0, start, len };
                    let note = Note::new(&fault, bytes, 0, b"'");
                    let all: usize = note.parts().iter().map(|part| part.len()).sum();
                    assert!(all <= LINE_BYTES && note.text().len() <= TEXT_BYTES);
                }
            }
        }
    }

    #[test]
    fn fields_are_noted_as_they_are_meant() {
        for (raw, meant) in [
            ("'a''b'c'd", String::from("a'bc'd")),
            ("'a\r\nb\rc\nd'", String::from("a\nb\nc\nd")),
            ("'open", String::from("open")),
            ("a'b'", String::from("a'b'")),
            ("''", String::new()),
            ("''''", String::from("'")),
        ] {
            assert_eq!(note(raw, 0, raw.len()).text(), meant.as_bytes(), "{raw:?}");
        }
    }
}

//! Records and fields: where they end, and the characters of a field.
//!
//! A record is a line, or several if quotes hold line ends. Per field, as `np.loadtxt` has
//! it: without a delimiter, white space is skipped first; a quote there opens a quoted part
//! that goes on to the next lone quote; then comes anything up to a delimiter, a comment
//! character or a line end, in which quotes are ordinary.

use super::super::format::Mark;
use super::super::{Comments, Delimiter, Encoding, Format, lines, space};

/// Longest text of a number that is not in one piece: with quotes in it.
pub(crate) const SCRATCH: usize = 1024;

/// A field as it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Field<'t> {
    /// Where it starts in its record.
    pub(crate) start: usize,
    /// Its bytes, quotes and all.
    pub(crate) raw: &'t [u8],
    /// It begins with a quote.
    pub(crate) quoted: bool,
}

impl<'t> Field<'t> {
    pub(crate) const EMPTY: Self = Self { start: 0, raw: &[], quoted: false };

    /// Its characters: without the quotes around it, doubled ones as one, line ends as `\n`.
    /// Ends early where bytes are not in the encoding.
    pub(crate) fn chars(&self, format: &Format<'_>) -> Chars<'t> {
        let (quote, encoding) = (format.quote, format.encoding());
        let at = if self.quoted { quote.at(self.raw) } else { 0 };
        let rest = self.raw.get(at..).unwrap_or_default();
        Chars { rest, inside: self.quoted, quote, encoding }
    }

    /// Whether it has no characters.
    pub(crate) fn is_empty(&self, format: &Format<'_>) -> bool {
        self.raw.is_empty() || (self.quoted && self.chars(format).next().is_none())
    }

    /// Its characters as UTF-8: where they lie if they are in one piece, else put together in
    /// `scratch`. `None` if that is too short, which it is for no number that anybody writes.
    pub(crate) fn utf8<'s>(
        &self,
        format: &Format<'_>,
        scratch: &'s mut [u8; SCRATCH],
    ) -> Option<&'s [u8]>
    where
        't: 's,
    {
        let body = if self.quoted { self.body(format) } else { Some(self.raw) };
        if let Some(body) = body
            && (format.encoding() == Encoding::Utf8 || body.is_ascii())
        {
            return Some(body);
        }
        let mut len = 0;
        for c in self.chars(format) {
            len += c.encode_utf8(scratch.get_mut(len..len + c.len_utf8())?).len();
        }
        scratch.get(..len)
    }

    /// What is between its quotes, if it is just that: nothing doubled, nothing behind them.
    fn body(&self, format: &Format<'_>) -> Option<&'t [u8]> {
        let n = format.quote.at(self.raw);
        let body = self.raw.get(n..self.raw.len().checked_sub(n)?)?;
        let closed = format.quote.at(self.raw.get(n + body.len()..)?) > 0;
        (closed && !format.quote.is_in(body)).then_some(body)
    }
}

/// The characters of a field.
#[derive(Debug, Clone)]
pub(crate) struct Chars<'t> {
    rest: &'t [u8],
    inside: bool,
    quote: Mark,
    encoding: Encoding,
}

impl Chars<'_> {
    fn pass(&mut self, n: usize) {
        self.rest = self.rest.get(n..).unwrap_or_default();
    }
}

impl Iterator for Chars<'_> {
    type Item = char;

    fn next(&mut self) -> Option<char> {
        if self.inside {
            let n = self.quote.at(self.rest);
            if n > 0 {
                self.pass(n);
                // The second of two is the character that they stand for.
                self.inside = self.quote.at(self.rest) > 0;
            }
        }
        let (c, n) = first_char(self.rest, self.encoding)?;
        let line_end = lines::end_len(self.rest);
        self.pass(n.max(line_end));
        Some(if line_end > 0 { '\n' } else { c })
    }
}

/// The first character and its bytes; `None` at the end, and where there is none.
fn first_char(text: &[u8], encoding: Encoding) -> Option<(char, usize)> {
    let tail = |byte: u8| u32::from(byte & 0x3F);
    let (point, len) = match (encoding, text) {
        (Encoding::Latin1, [byte, ..]) => (u32::from(*byte), 1),
        (_, &[a @ ..0x80, ..]) => (u32::from(a), 1),
        (_, &[a @ 0xC0..0xE0, b, ..]) => (u32::from(a & 0x1F) << 6 | tail(b), 2),
        (_, &[a @ 0xE0..0xF0, b, c, ..]) => (u32::from(a & 0x0F) << 12 | tail(b) << 6 | tail(c), 3),
        (_, &[a @ 0xF0..=0xF7, b, c, d, ..]) => {
            (u32::from(a & 0x07) << 18 | tail(b) << 12 | tail(c) << 6 | tail(d), 4)
        }
        _ => return None,
    };
    Some((char::from_u32(point)?, len))
}

/// What follows a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    /// Another field, behind a delimiter of so many bytes.
    Field(usize),
    /// A comment, a line end, or the end of the text.
    Comment,
    LineEnd,
    End,
    /// The end of the text, in the middle of quotes.
    Open,
}

/// The end of the field that starts at `at`, behind blanks; and what follows it.
fn field_end(text: &[u8], at: usize, format: &Format<'_>) -> (usize, Next) {
    let rest = |at: usize| text.get(at..).unwrap_or_default();
    let mut end = at;
    if format.quote.at(rest(at)) > 0 {
        match quoted_end(text, at, format.quote) {
            Some(behind) => end = behind,
            None => return (text.len(), Next::Open),
        }
    }
    let by_space = format.delimiter() == Delimiter::Whitespace;
    loop {
        let here = rest(end);
        let next = match here {
            [] => Next::End,
            [b'\n' | b'\r', ..] => Next::LineEnd,
            _ if format.comment.at(here) > 0 => Next::Comment,
            _ => {
                let n = if by_space {
                    space::leading_in(here, format.encoding())
                } else {
                    format.delimiter.at(here)
                };
                if n == 0 {
                    end += 1;
                    continue;
                }
                Next::Field(n)
            }
        };
        return (end, next);
    }
}

/// The place behind the quote that closes the part opened at `at`.
fn quoted_end(text: &[u8], at: usize, quote: Mark) -> Option<usize> {
    let rest = |at: usize| text.get(at..).unwrap_or_default();
    let mut at = at + quote.at(rest(at));
    loop {
        match (quote.at(rest(at)), rest(at)) {
            (_, []) => return None,
            (0, _) => at += 1,
            (n, _) if quote.at(rest(at + n)) > 0 => at += 2 * n,
            (n, _) => return Some(at + n),
        }
    }
}

/// Skips blanks in front of a field, but no line end.
fn skip_blanks(text: &[u8], mut at: usize, format: &Format<'_>) -> usize {
    if format.delimiter() == Delimiter::Whitespace {
        loop {
            match text.get(at..).unwrap_or_default() {
                [b'\n' | b'\r', ..] => break,
                here => match space::leading_in(here, format.encoding()) {
                    0 => break,
                    n => at += n,
                },
            }
        }
    }
    at
}

/// The fields of one record without its line end, up to a comment. The last one may be one
/// that does not count, see [`field_count`].
#[derive(Debug, Clone)]
pub(crate) struct Fields<'t> {
    record: &'t [u8],
    format: Format<'t>,
    at: usize,
    done: bool,
}

impl<'t> Fields<'t> {
    pub(crate) fn new(record: &'t [u8], format: Format<'t>) -> Self {
        Self { record: without_comment_strings(record, &format), format, at: 0, done: false }
    }
}

impl<'t> Iterator for Fields<'t> {
    type Item = Field<'t>;

    fn next(&mut self) -> Option<Field<'t>> {
        if self.done {
            return None;
        }
        let start = skip_blanks(self.record, self.at, &self.format);
        let (end, next) = field_end(self.record, start, &self.format);
        match next {
            Next::Field(n) => self.at = end + n,
            _ => self.done = true,
        }
        let raw = self.record.get(start..end).unwrap_or_default();
        let quoted = self.format.quote.at(raw) > 0;
        Some(Field { start, raw, quoted })
    }
}

/// Cuts a line at the comment strings of its format, one after the other.
fn without_comment_strings<'t>(mut line: &'t [u8], format: &Format<'_>) -> &'t [u8] {
    if let Comments::Strings(list) = format.comments() {
        for string in list.split('\n') {
            let end = find_string(line, string, format.encoding()).unwrap_or(line.len());
            line = line.get(..end).unwrap_or_default();
        }
    }
    line
}

/// The first place of a string in a text.
pub(crate) fn find_string(text: &[u8], string: &str, encoding: Encoding) -> Option<usize> {
    if encoding == Encoding::Utf8 || string.is_ascii() {
        return memchr::memmem::find(text, string.as_bytes());
    }
    let begins = |at: &usize| {
        let mut here = text.get(*at..).unwrap_or_default().iter();
        string.chars().all(|c| here.next().is_some_and(|&byte| u32::from(c) == u32::from(byte)))
    };
    (0..text.len()).find(begins)
}

/// Fields of a record; 0 for one that does not count: blank, or a comment.
///
/// By white space, an empty field at the end is none; but NumPy looks at the quotes of the
/// record's first field to tell whether it is empty, and so does this.
pub(crate) fn field_count(record: &[u8], format: Format<'_>) -> u32 {
    let mut count = 0u32;
    let mut first_quoted = false;
    let mut last = Field::EMPTY;
    for field in Fields::new(record, format) {
        first_quoted |= count == 0 && field.quoted;
        count = count.saturating_add(1);
        last = field;
    }
    let droppable = count == 1 || format.delimiter() == Delimiter::Whitespace;
    if droppable && !first_quoted && last.is_empty(&format) { count - 1 } else { count }
}

/// A record that starts at `from`: where it ends without its line end, and where the next
/// one starts. `ends` says that the text ends where the input ends; otherwise `None` means
/// that more of the input is needed to tell.
pub(crate) fn record(
    text: &[u8],
    from: usize,
    format: &Format<'_>,
    ends: bool,
) -> Option<(usize, usize)> {
    let rest = text.get(from..).unwrap_or_default();
    let line = lines::find_end(rest).map(|len| from + len);
    let first = text.get(from..line.unwrap_or(text.len())).unwrap_or_default();
    if !format.quote.is_in(first) {
        return with_line_end(text, line, ends);
    }
    let mut at = from;
    loop {
        let start = skip_blanks(text, at, format);
        let (end, next) = field_end(text, start, format);
        match next {
            Next::Field(n) => at = end + n,
            Next::LineEnd => return with_line_end(text, Some(end), ends),
            Next::End | Next::Open => return with_line_end(text, None, ends),
            Next::Comment => {
                let behind = lines::find_end(text.get(end..).unwrap_or_default());
                return with_line_end(text, behind.map(|len| end + len), ends);
            }
        }
    }
}

fn with_line_end(text: &[u8], end: Option<usize>, ends: bool) -> Option<(usize, usize)> {
    let Some(end) = end else { return ends.then_some((text.len(), text.len())) };
    let behind = text.get(end..).unwrap_or_default();
    // A `\r` at the very end may be half of a line end.
    (ends || behind != b"\r").then(|| (end, end + lines::end_len(behind)))
}

#[cfg(test)]
mod tests {
    use super::super::super::Dialect;
    use super::*;
    use std::string::String;
    use std::vec::Vec;

    const COMMA: Delimiter = Delimiter::Char(',');
    const SPACE: Delimiter = Delimiter::Whitespace;

    fn format(delimiter: Delimiter, quote: Option<char>) -> Format<'static> {
        Format::new(Dialect { delimiter, quote, ..Dialect::default() }).unwrap()
    }

    /// The fields that count, as text.
    fn split(record: &str, format: Format<'_>) -> Vec<String> {
        let count = field_count(record.as_bytes(), format) as usize;
        let fields = Fields::new(record.as_bytes(), format).take(count);
        fields.map(|field| field.chars(&format).collect()).collect()
    }

    #[test]
    fn fields_by_a_delimiter() {
        let comma = format(COMMA, None);
        assert_eq!(split("1,2,", comma), ["1", "2", ""]);
        assert_eq!(split("1,#x", comma), ["1", ""]);
        assert_eq!(split("a # b,c", comma), ["a "]);
        assert_eq!(split(" , ", comma), [" ", " "]);
        assert_eq!(split("a§b", format(Delimiter::Char('§'), None)), ["a", "b"]);
        assert!(split("", comma).is_empty());
    }

    #[test]
    fn fields_by_white_space() {
        let space = format(SPACE, None);
        assert_eq!(split("  a\u{2003}b\tc#d", space), ["a", "b", "c"]);
        assert_eq!(split("a #b", space), ["a"]);
        assert_eq!(split("a b  ", space), ["a", "b"]);
        assert!(split(" \t# b", space).is_empty());
        assert!(split("", space).is_empty());
    }

    #[test]
    fn blank_lines_do_not_count() {
        let comma = format(COMMA, None);
        for line in ["", "#", "# 1,2"] {
            assert_eq!(field_count(line.as_bytes(), comma), 0, "{line:?}");
        }
        assert_eq!(field_count(b"  ", comma), 1);
        assert_eq!(field_count(b",", comma), 2);
        assert_eq!(field_count(b"  # x", Format::default()), 0);
    }

    #[test]
    fn quotes_are_read_as_numpy_does() {
        let comma = format(COMMA, Some('"'));
        assert_eq!(split(r#""a,b",c"#, comma), ["a,b", "c"]);
        assert_eq!(split(r#""a""b"cd,"#, comma), [r#"a"bcd"#, ""]);
        assert_eq!(split(r#"a"b,"c"  "#, comma), [r#"a"b"#, "c  "]);
        assert_eq!(split("\"a#\r\nb\",2 # \"", comma), ["a#\nb", "2 "]);
        assert_eq!(split(r#""""#, comma), [""]);
        assert_eq!(split(r#""open,"#, comma), ["open,"]);
        let space = format(SPACE, Some('\''));
        assert_eq!(split("  'a b' c", space), ["a b", "c"]);
        // NumPy's own: the first field's quotes decide about the last one.
        assert_eq!(split("'a' b ", space), ["a", "b", ""]);
        assert_eq!(split("a ''", space), ["a"]);
    }

    #[test]
    fn comment_strings_cut_in_their_order() {
        let with = |list| {
            let comments = Comments::Strings(list);
            Format::new(Dialect { comments, delimiter: COMMA, ..Dialect::default() }).unwrap()
        };
        assert_eq!(split("xaby", with("b\nab")), ["xa"]);
        assert_eq!(split("xaby", with("ab\nb")), ["x"]);
        assert_eq!(split("1,2//3", with("//")), ["1", "2"]);
        assert!(split("//", with("//")).is_empty());
    }

    #[test]
    fn latin1_bytes_are_characters() {
        let dialect = Dialect { encoding: Encoding::Latin1, ..Dialect::default() };
        let latin1 = Format::new(dialect).unwrap();
        let fields = Fields::new(b"\xe9\xa0b", latin1);
        let fields: Vec<String> = fields.map(|field| field.chars(&latin1).collect()).collect();
        assert_eq!(fields, ["é", "b"]);
    }

    #[test]
    fn a_record_ends_outside_of_quotes() {
        let comma = format(COMMA, Some('"'));
        let text = b"1,\"a\nb\"\r\n2,x\n3,\"";
        assert_eq!(record(text, 0, &comma, false), Some((7, 9)));
        assert_eq!(record(text, 9, &comma, false), Some((12, 13)));
        assert_eq!(record(text, 13, &comma, false), None);
        assert_eq!(record(text, 13, &comma, true), Some((16, 16)));
        assert_eq!(record(b"\"a\"", 0, &comma, false), None);
        assert_eq!(record(b"1\r", 0, &comma, false), None);
        assert_eq!(record(b"a\" \"\n,", 0, &comma, false), Some((4, 5)));
    }

    #[test]
    fn numbers_in_quotes_are_found_where_they_lie() {
        let comma = format(COMMA, Some('"'));
        let mut scratch = [0; SCRATCH];
        let mut text = |record: &[u8]| {
            let field = Fields::new(record, comma).next().unwrap();
            field.utf8(&comma, &mut scratch).map(<[u8]>::to_vec)
        };
        assert_eq!(text(b"\" 12 \"").unwrap(), b" 12 ");
        assert_eq!(text(b"\"1\"2").unwrap(), b"12");
        assert_eq!(text(b"\"1").unwrap(), b"1");
        assert_eq!(text(b"\"").unwrap(), b"");
        let long = [b"\"1\"".as_slice(), &[b'2'; SCRATCH]].concat();
        assert_eq!(text(&long), None);
    }
}

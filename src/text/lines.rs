//! Lines: where they start and end, and cutting a text between them.
//!
//! A line ends with `\n`, `\r\n` or `\r`, mixed freely; nothing else ends one.

/// Position of the first byte that is `\n` or `\r`.
#[must_use]
pub(crate) fn find_end(text: &[u8]) -> Option<usize> {
    memchr::memchr2(b'\n', b'\r', text)
}

/// Bytes of the line end at the start of `text`.
#[must_use]
pub(crate) fn end_len(text: &[u8]) -> usize {
    match text {
        [b'\r', b'\n', ..] => 2,
        [b'\n' | b'\r', ..] => 1,
        _ => 0,
    }
}

/// First place at or behind `from` where a line starts, the text's end if none.
/// `whole` says that the text ends where the file ends; otherwise `None` means
/// that more of the file is needed to tell.
#[must_use]
pub fn start_from(text: &[u8], from: usize, whole: bool) -> Option<usize> {
    if from == 0 {
        return Some(0);
    }
    // A line starts at `from` if a line end lies right before it.
    let search = text.get(from - 1..)?;
    let Some(end) = find_end(search) else {
        return whole.then_some(text.len());
    };
    let rest = search.get(end..)?;
    if rest == b"\r" && !whole {
        return None;
    }
    let start = from - 1 + end + end_len(rest);
    // `\r` right before `from` and `\n` at it are one line end.
    Some(start)
}

/// Where the last line starts, and so all lines before it are whole, if the text goes on;
/// none before `from` is known to end.
#[must_use]
pub fn last_start(text: &[u8], from: usize) -> Option<usize> {
    let before = |to: usize| Some(memchr::memrchr2(b'\n', b'\r', text.get(from..to)?)? + from);
    let mut end = before(text.len())?;
    if end + 1 == text.len() && text.ends_with(b"\r") {
        // Whether a line ends with it shows the next byte.
        end = before(end)?;
    }
    Some(end + 1)
}

/// Line ends in a text.
#[must_use]
pub(super) fn count(text: &[u8]) -> u64 {
    skip(text, u64::MAX, false).0 + u64::from(text.ends_with(b"\r"))
}

/// Skips `count` lines. Returns how many were there, and where the next starts.
#[must_use]
pub fn skip(text: &[u8], count: u64, whole: bool) -> (u64, usize) {
    let mut at = 0;
    let mut done = 0;
    while done < count {
        match start_from(text, at + 1, whole) {
            Some(next) if at < text.len() => at = next,
            _ => break,
        }
        done += 1;
    }
    (done, at)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &[u8] = b"ab\ncd\r\n\r\re\n\nf";

    /// Line starts found by reading from the front.
    fn starts(text: &[u8]) -> std::vec::Vec<usize> {
        let mut all = std::vec![0];
        let mut at = 0;
        while at < text.len() {
            let n = end_len(&text[at..]);
            at += n.max(1);
            if n > 0 {
                all.push(at);
            }
        }
        all
    }

    #[test]
    fn a_cut_anywhere_finds_the_next_line() {
        let all = starts(TEXT);
        for from in 0..=TEXT.len() {
            let expected = all.iter().copied().find(|&s| s >= from).unwrap_or(TEXT.len());
            assert_eq!(start_from(TEXT, from, true), Some(expected), "from {from}");
        }
    }

    #[test]
    fn a_text_that_goes_on_is_not_decided_too_early() {
        assert_eq!(start_from(b"ab\r", 2, false), None);
        assert_eq!(start_from(b"ab\r", 2, true), Some(3));
        assert_eq!(start_from(b"ab", 1, false), None);
        assert_eq!(start_from(b"ab\n", 1, false), Some(3));
    }

    #[test]
    fn lines_are_whole_when_it_is_seen_that_they_end() {
        assert_eq!(last_start(b"ab\ncd", 0), Some(3));
        assert_eq!(last_start(b"ab\r\n", 0), Some(4));
        assert_eq!(last_start(b"ab\r", 0), None);
        assert_eq!(last_start(b"ab\r\r", 0), Some(3));
        assert_eq!(last_start(b"ab\rc", 2), Some(3));
        assert_eq!(last_start(b"abc", 0), None);
    }

    #[test]
    fn line_ends_are_counted_whole() {
        assert_eq!(count(TEXT), 6);
        assert_eq!((count(b"a\r"), count(b""), count(b"\r\n"), count(b"a")), (1, 0, 1, 0));
    }

    #[test]
    fn skipping_counts_lines_of_every_kind() {
        for (count, at) in starts(TEXT).into_iter().enumerate() {
            assert_eq!(skip(TEXT, count as u64, true), (count as u64, at));
        }
        assert_eq!(skip(TEXT, 99, true), (7, TEXT.len()));
        assert_eq!(skip(b"", 1, true), (0, 0));
    }
}

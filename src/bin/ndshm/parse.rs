//! Values of options.

/// A comment character, or none.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Comment(pub(crate) Option<u8>);

/// A list of columns.
#[derive(Debug, Clone)]
pub(crate) struct Usecols(pub(crate) Vec<i32>);

/// One ASCII character, or a name for the tabulator.
pub(crate) fn delimiter(text: &str) -> Result<u8, String> {
    match text {
        "\\t" | "tab" => Ok(b'\t'),
        _ => single(text),
    }
}

pub(crate) fn comment(text: &str) -> Result<Comment, String> {
    if text.is_empty() { Ok(Comment(None)) } else { single(text).map(|c| Comment(Some(c))) }
}

fn single(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        [byte] if byte.is_ascii() && !matches!(byte, b'\n' | b'\r') => Ok(*byte),
        _ => Err("one ASCII character is needed; longer ones are not supported yet".into()),
    }
}

pub(crate) fn usecols(text: &str) -> Result<Usecols, String> {
    let column =
        |part: &str| part.trim().parse().map_err(|_| format!("'{part}' is not a column number"));
    text.split(',').map(column).collect::<Result<_, _>>().map(Usecols)
}

/// A number of bytes, with K, M, G or T for powers of 1024.
pub(crate) fn size(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let number = text.trim_end_matches(['B', 'b']).trim_end_matches(['i', 'I']);
    let (digits, shift) = match number.char_indices().last() {
        Some((at, 'k' | 'K')) => (&number[..at], 10),
        Some((at, 'm' | 'M')) => (&number[..at], 20),
        Some((at, 'g' | 'G')) => (&number[..at], 30),
        Some((at, 't' | 'T')) => (&number[..at], 40),
        _ => (number, 0),
    };
    let value: u64 = digits.trim().parse().map_err(|_| "not a size such as 200M".to_string())?;
    value.checked_mul(1 << shift).ok_or_else(|| "too large".to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_binary_units() {
        assert_eq!(size("200M"), Ok(200 << 20));
        assert_eq!(size("1GiB"), Ok(1 << 30));
        assert_eq!(size("4096"), Ok(4096));
        assert!(size("x").is_err() && size("M").is_err() && size("99999999T").is_err());
    }

    #[test]
    fn columns_may_be_negative() {
        assert_eq!(usecols("0, 3,-1").unwrap().0, [0, 3, -1]);
        assert!(usecols("0,,1").is_err());
    }

    #[test]
    fn delimiters_are_single_characters() {
        assert_eq!(delimiter("tab"), Ok(b'\t'));
        assert_eq!(delimiter("\\t"), Ok(b'\t'));
        assert!(delimiter("").is_err() && delimiter("ab").is_err() && delimiter("é").is_err());
    }
}

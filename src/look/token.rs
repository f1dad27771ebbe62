//! The words of a condition.

use core::ops::Range;
use std::string::String;
use std::vec::Vec;

/// A word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    /// Of a column, or one that means something.
    Word(String),
    /// Of a column, in backticks.
    Name(String),
    /// A number without a sign, as it is written.
    Number(String),
    /// A text in quotes.
    Text(String),
    Sign(Sign),
}

/// Signs, some of which can be written in several ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    Equal,
    Unequal,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    And,
    Or,
    Not,
    Open,
    Close,
    OpenPlace,
    ClosePlace,
    Comma,
    Dot,
    Minus,
    Plus,
}

/// The longer ones first.
const SIGNS: [(&str, Sign); 25] = [
    ("==", Sign::Equal),
    ("!=", Sign::Unequal),
    ("<>", Sign::Unequal),
    ("<=", Sign::LessEqual),
    (">=", Sign::GreaterEqual),
    ("&&", Sign::And),
    ("||", Sign::Or),
    ("≤", Sign::LessEqual),
    ("≥", Sign::GreaterEqual),
    ("≠", Sign::Unequal),
    ("=", Sign::Equal),
    ("<", Sign::Less),
    (">", Sign::Greater),
    ("&", Sign::And),
    ("|", Sign::Or),
    ("!", Sign::Not),
    ("~", Sign::Not),
    ("(", Sign::Open),
    (")", Sign::Close),
    ("[", Sign::OpenPlace),
    ("]", Sign::ClosePlace),
    (",", Sign::Comma),
    (".", Sign::Dot),
    ("-", Sign::Minus),
    ("+", Sign::Plus),
];

/// A word and its place, counted in characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Placed {
    pub(super) token: Token,
    pub(super) at: Range<usize>,
}

/// Characters that are no word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unknown {
    pub(super) at: Range<usize>,
    pub(super) what: String,
}

/// Takes a text apart.
pub(super) fn tokens(text: &str) -> Result<Vec<Placed>, Unknown> {
    let chars: Vec<char> = text.chars().collect();
    let (mut at, mut all) = (0, Vec::new());
    while let Some(&c) = chars.get(at) {
        if c.is_whitespace() {
            at += 1;
            continue;
        }
        let rest = chars.get(at..).unwrap_or_default();
        let (token, len) = token(rest).map_err(|(what, len)| Unknown { at: at..at + len, what })?;
        all.push(Placed { token, at: at..at + len });
        at += len;
    }
    Ok(all)
}

/// The first word, and its characters.
fn token(rest: &[char]) -> Result<(Token, usize), (String, usize)> {
    let first = rest.first().copied().unwrap_or_default();
    let digit = |at: usize| rest.get(at).is_some_and(char::is_ascii_digit);
    if digit(0) || (first == '.' && digit(1)) {
        let len = number_len(rest);
        return Ok((Token::Number(rest.iter().take(len).collect()), len));
    }
    if first.is_alphabetic() || first == '_' {
        let len = rest.iter().take_while(|c| c.is_alphanumeric() || **c == '_').count();
        return Ok((Token::Word(rest.iter().take(len).collect()), len));
    }
    if matches!(first, '\'' | '"' | '`') {
        return quoted(rest, first);
    }
    let starts = |sign: &str| sign.chars().zip(rest.iter().chain([&'\0'; 2])).all(|(a, b)| a == *b);
    match SIGNS.iter().find(|(sign, _)| starts(sign)) {
        Some((sign, which)) => Ok((Token::Sign(*which), sign.chars().count())),
        None if matches!(first, '*' | '/' | '%' | '^') => {
            Err((std::format!("values are compared, and not computed with '{first}'"), 1))
        }
        None => Err((std::format!("'{first}' means nothing here"), 1)),
    }
}

/// Characters of a number: digits, a point, an exponent.
fn number_len(rest: &[char]) -> usize {
    let digits = |from: usize| rest.iter().skip(from).take_while(|c| c.is_ascii_digit()).count();
    let mut len = digits(0);
    if rest.get(len) == Some(&'.') {
        len += 1 + digits(len + 1);
    }
    if matches!(rest.get(len), Some('e' | 'E')) {
        let sign = usize::from(matches!(rest.get(len + 1), Some('+' | '-')));
        let exponent = digits(len + 1 + sign);
        len += if exponent > 0 { 1 + sign + exponent } else { 0 };
    }
    len
}

/// What stands in quotes; a quote that is doubled stands for itself.
fn quoted(rest: &[char], quote: char) -> Result<(Token, usize), (String, usize)> {
    let (mut text, mut at) = (String::new(), 1);
    while let Some(&c) = rest.get(at) {
        at += 1;
        if c != quote {
            text.push(c);
        } else if rest.get(at) == Some(&quote) {
            text.push(quote);
            at += 1;
        } else {
            let token = if quote == '`' { Token::Name(text) } else { Token::Text(text) };
            return Ok((token, at));
        }
    }
    Err((std::format!("a closing {quote} is missing"), rest.len()))
}

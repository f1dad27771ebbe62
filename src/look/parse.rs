//! Conditions as trees.
//!
//! ```text
//! any   = all (("or" | "||" | "|") all)*
//! all   = one (("and" | "&&" | "&") one)*
//! one   = ("not" | "!" | "~") one | "(" any ")" | value [is]
//! is    = (compare value)+ | ["not"] "in" "(" value ("," value)* ")" | "is" ["not"] missing
//! value = column | [+-] number | text | true | false | nan | inf
//! column = (name | "[" n, ... "]") ("." name | "[" n, ... "]")*
//! ```

use core::ops::Range;
use std::boxed::Box;
use std::string::String;
use std::vec::Vec;

use super::number::Number;
use super::table::Step;
use super::token::{Placed, Sign, Token, Unknown, tokens};

/// How deep parentheses may be.
const MAX_DEPTH: usize = 64;

/// A condition.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Expr {
    All(Vec<Expr>),
    Any(Vec<Expr>),
    Not(Box<Expr>),
    /// A column of truth values.
    True(Path),
    Compare(Operand, Compare, Operand),
    In(Path, Vec<Operand>),
    Missing(Path),
}

/// How two values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compare {
    Equal,
    Unequal,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
}

/// What is compared, and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Operand {
    pub(super) at: Range<usize>,
    pub(super) what: What,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum What {
    Column(Path),
    Number(Number),
    Text(String),
    Bool(bool),
    /// Not a number, or not a time.
    Nothing,
}

/// The steps to a column, and where each of them stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Path {
    pub(super) steps: Vec<Step>,
    pub(super) places: Vec<Range<usize>>,
}

/// What is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wrong {
    pub(super) at: Range<usize>,
    pub(super) what: String,
    pub(super) hint: Option<String>,
    /// It is about the types of columns, and may be right with other ones.
    pub(super) by_type: bool,
}

impl Wrong {
    pub(super) fn new(at: Range<usize>, what: impl Into<String>) -> Self {
        Self { at, what: what.into(), hint: None, by_type: false }
    }

    pub(super) fn hinting(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}

type Parsed<T> = Result<T, Wrong>;

impl From<Unknown> for Wrong {
    fn from(unknown: Unknown) -> Self {
        Self::new(unknown.at, unknown.what)
    }
}

/// Reads a whole condition.
pub(super) fn condition(text: &str) -> Parsed<Expr> {
    let tokens = tokens(text)?;
    let end = text.trim_end().chars().count();
    let mut parser = Parser { tokens: &tokens, next: 0, end, depth: 0 };
    let expr = parser.any()?;
    match parser.peek() {
        None => Ok(expr),
        Some(Token::Sign(Sign::Close)) => Err(parser.wrong("there is no '(' for this")),
        Some(_) => Err(parser.wrong("'and' or 'or' is expected before this")),
    }
}

/// Reads the steps to a column.
pub(super) fn steps(text: &str) -> Option<Vec<Step>> {
    let tokens = tokens(text).ok()?;
    let mut parser = Parser { tokens: &tokens, next: 0, end: 0, depth: 0 };
    let path = parser.path().ok()?;
    parser.peek().is_none().then_some(path.steps)
}

struct Parser<'t> {
    tokens: &'t [Placed],
    next: usize,
    /// Characters of the text.
    end: usize,
    depth: usize,
}

impl Parser<'_> {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.next).map(|placed| &placed.token)
    }

    /// Where the next word stands.
    fn at(&self) -> Range<usize> {
        self.tokens.get(self.next).map_or(self.end..self.end, |placed| placed.at.clone())
    }

    /// The place of all words from this one up to the last that was taken.
    fn since(&self, first: usize) -> Range<usize> {
        let last = self.tokens.get(self.next.saturating_sub(1)).map_or(self.end, |p| p.at.end);
        self.tokens.get(first).map_or(self.end, |p| p.at.start)..last
    }

    fn wrong(&self, what: &str) -> Wrong {
        Wrong::new(self.at(), what)
    }

    fn takes(&mut self, sign: Sign) -> bool {
        let is_here = self.peek() == Some(&Token::Sign(sign));
        self.next += usize::from(is_here);
        is_here
    }

    fn takes_word(&mut self, word: &str) -> bool {
        let is_here =
            matches!(self.peek(), Some(Token::Word(here)) if here.eq_ignore_ascii_case(word));
        self.next += usize::from(is_here);
        is_here
    }

    fn expect(&mut self, sign: Sign, what: &str) -> Parsed<()> {
        if self.takes(sign) { Ok(()) } else { Err(self.wrong(what)) }
    }

    fn any(&mut self) -> Parsed<Expr> {
        let mut list = Vec::from([self.all()?]);
        while self.takes_word("or") || self.takes(Sign::Or) {
            list.push(self.all()?);
        }
        Ok(only(list, Expr::Any))
    }

    fn all(&mut self) -> Parsed<Expr> {
        let mut list = Vec::from([self.one()?]);
        while self.takes_word("and") || self.takes(Sign::And) {
            list.push(self.one()?);
        }
        Ok(only(list, Expr::All))
    }

    fn one(&mut self) -> Parsed<Expr> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.wrong("this is nested too deeply"));
        }
        let expr = if self.takes_word("not") || self.takes(Sign::Not) {
            Expr::Not(Box::new(self.one()?))
        } else if self.takes(Sign::Open) {
            let inner = self.any()?;
            self.expect(Sign::Close, "')' is expected here")?;
            inner
        } else {
            self.test()?
        };
        self.depth -= 1;
        Ok(expr)
    }

    /// A comparison, or a column of truth values.
    fn test(&mut self) -> Parsed<Expr> {
        let first = self.operand()?;
        let negated = self.takes_word("not");
        if self.takes_word("in") {
            let list = self.list()?;
            let expr = Expr::In(column(first)?, list);
            return Ok(if negated { Expr::Not(Box::new(expr)) } else { expr });
        }
        if negated {
            return Err(self.wrong("'in' is expected behind 'not'"));
        }
        if self.takes_word("is") {
            return self.is(first);
        }
        let mut tests = Vec::new();
        let mut left = first.clone();
        while let Some(compare) = self.compare() {
            let right = self.operand()?;
            tests.push(Expr::Compare(left, compare, right.clone()));
            left = right;
        }
        if !tests.is_empty() {
            return Ok(only(tests, Expr::All));
        }
        match first.what {
            What::Column(path) if self.is_at_end() => Ok(Expr::True(path)),
            _ => Err(self.wrong("a comparison such as '==', '<' or 'in' is expected here")),
        }
    }

    /// Whether what comes next cannot belong to a comparison.
    fn is_at_end(&self) -> bool {
        match self.peek() {
            None | Some(Token::Sign(Sign::And | Sign::Or | Sign::Close)) => true,
            Some(Token::Word(word)) => {
                word.eq_ignore_ascii_case("and") || word.eq_ignore_ascii_case("or")
            }
            _ => false,
        }
    }

    fn is(&mut self, first: Operand) -> Parsed<Expr> {
        let negated = self.takes_word("not");
        let words = ["missing", "nan", "nat", "null", "na"];
        if !words.into_iter().any(|word| self.takes_word(word)) {
            return Err(self.wrong("'missing' or 'not missing' is expected behind 'is'"));
        }
        let expr = Expr::Missing(column(first)?);
        Ok(if negated { Expr::Not(Box::new(expr)) } else { expr })
    }

    fn list(&mut self) -> Parsed<Vec<Operand>> {
        self.expect(Sign::Open, "'(' is expected behind 'in'")?;
        let mut list = Vec::new();
        loop {
            list.push(self.operand()?);
            if self.takes(Sign::Close) {
                return Ok(list);
            }
            self.expect(Sign::Comma, "',' or ')' is expected here")?;
            if self.takes(Sign::Close) {
                return Ok(list);
            }
        }
    }

    fn compare(&mut self) -> Option<Compare> {
        let Some(Token::Sign(sign)) = self.peek() else { return None };
        let compare = match sign {
            Sign::Equal => Compare::Equal,
            Sign::Unequal => Compare::Unequal,
            Sign::Less => Compare::Less,
            Sign::LessEqual => Compare::LessEqual,
            Sign::Greater => Compare::Greater,
            Sign::GreaterEqual => Compare::GreaterEqual,
            _ => return None,
        };
        self.next += 1;
        Some(compare)
    }

    fn operand(&mut self) -> Parsed<Operand> {
        let first = self.next;
        let what = self.what()?;
        Ok(Operand { at: self.since(first), what })
    }

    fn what(&mut self) -> Parsed<What> {
        let negative = self.takes(Sign::Minus);
        let signed = negative || self.takes(Sign::Plus);
        if self.takes_word("inf") || self.takes_word("infinity") {
            return Ok(What::Number(Number::infinite(negative)));
        }
        if let Some(Token::Number(text)) = self.peek() {
            let number = Number::parse(text, negative);
            self.next += 1;
            return Ok(What::Number(number));
        }
        if signed {
            return Err(self.wrong("a number is expected behind a sign"));
        }
        for (word, truth) in [("true", true), ("false", false)] {
            if self.takes_word(word) {
                return Ok(What::Bool(truth));
            }
        }
        if self.takes_word("nan") || self.takes_word("nat") {
            return Ok(What::Nothing);
        }
        if let Some(Token::Text(text)) = self.peek() {
            let text = text.clone();
            self.next += 1;
            return Ok(What::Text(text));
        }
        Ok(What::Column(self.path()?))
    }

    fn path(&mut self) -> Parsed<Path> {
        let mut path = Path { steps: Vec::new(), places: Vec::new() };
        loop {
            let first = self.next;
            let step = if self.takes(Sign::OpenPlace) {
                Step::Place(self.indices()?)
            } else if path.steps.is_empty() || self.takes(Sign::Dot) {
                Step::Name(self.name()?)
            } else {
                return Ok(path);
            };
            path.steps.push(step);
            path.places.push(self.since(first));
        }
    }

    fn name(&mut self) -> Parsed<String> {
        let expected = "a column or a value is expected here";
        let name = match self.peek() {
            Some(Token::Name(name)) => name.clone(),
            Some(Token::Word(word)) if !is_keyword(word) => word.clone(),
            Some(Token::Word(word)) => {
                let hint = std::format!("a column of this name stands in backticks: `{word}`");
                return Err(self.wrong(expected).hinting(hint));
            }
            _ => return Err(self.wrong(expected)),
        };
        self.next += 1;
        Ok(name)
    }

    fn indices(&mut self) -> Parsed<Vec<u64>> {
        let mut list = Vec::new();
        loop {
            let Some(Token::Number(text)) = self.peek() else {
                return Err(self.wrong("a place is expected here, a number from 0 on"));
            };
            let place = text.parse();
            list.push(place.map_err(|_| self.wrong("a place is a whole number from 0 on"))?);
            self.next += 1;
            if self.takes(Sign::ClosePlace) {
                return Ok(list);
            }
            self.expect(Sign::Comma, "',' or ']' is expected here")?;
        }
    }
}

fn is_keyword(word: &str) -> bool {
    ["and", "or", "not", "in", "is"].iter().any(|keyword| keyword.eq_ignore_ascii_case(word))
}

fn column(operand: Operand) -> Parsed<Path> {
    match operand.what {
        What::Column(path) => Ok(path),
        _ => Err(Wrong::new(operand.at, "a column is expected here")),
    }
}

/// The only one of a list, or all of them.
fn only(mut list: Vec<Expr>, of: fn(Vec<Expr>) -> Expr) -> Expr {
    match list.len() {
        1 => list.remove(0),
        _ => of(list),
    }
}

impl Path {
    /// Where all of it stands.
    pub(super) fn at(&self) -> Range<usize> {
        let start = self.places.first().map_or(0, |place| place.start);
        start..self.places.last().map_or(start, |place| place.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The tree of a condition, in parentheses.
    fn shown(expr: &Expr) -> String {
        let list = |list: &[Expr], word| {
            let parts: Vec<String> = list.iter().map(shown).collect();
            std::format!("({})", parts.join(word))
        };
        match expr {
            Expr::All(all) => list(all, " and "),
            Expr::Any(all) => list(all, " or "),
            Expr::Not(inner) => std::format!("not {}", shown(inner)),
            Expr::True(path) => std::format!("{:?}", path.steps),
            Expr::Compare(left, compare, right) => {
                std::format!("{} {compare:?} {}", operand(left), operand(right))
            }
            Expr::In(_, list) => std::format!("in {}", list.len()),
            Expr::Missing(_) => "missing".into(),
        }
    }

    fn operand(operand: &Operand) -> String {
        match &operand.what {
            What::Column(path) => std::format!("{:?}", path.steps),
            What::Number(number) => number.text().into(),
            other => std::format!("{other:?}"),
        }
    }

    fn tree(text: &str) -> String {
        let name = |name: &str| std::format!("[Name(\"{name}\")]");
        shown(&condition(text).unwrap())
            .replace(&name("a"), "a")
            .replace(&name("b"), "b")
            .replace(&name("c"), "c")
    }

    #[test]
    fn and_binds_closer_than_or_and_not_closest() {
        assert_eq!(tree("a or b and not c"), "(a or (b and not c))");
        assert_eq!(tree("not a and b or c"), "((not a and b) or c)");
        assert_eq!(tree("not (a and b)"), "not (a and b)");
        assert_eq!(tree("a|b&!c"), tree("a OR b && NOT c"));
        assert_eq!(tree("a<b<=c"), "(a Less b and b LessEqual c)");
        assert_eq!(tree("not a == 1"), "not a Equal 1");
        assert_eq!(tree("a not in (1, 2,) or b is not nan"), "(not in 2 or not missing)");
    }

    #[test]
    fn values_are_what_they_look_like() {
        assert_eq!(tree("a<-1"), "a Less -1");
        assert_eq!(tree("a == 1.5e-3"), "a Equal 1.5e-3");
        assert_eq!(tree("a == .5"), "a Equal .5");
        assert_eq!(tree("a == - inf"), "a Equal -inf");
        assert_eq!(tree("a == 'it''s'"), "a Equal Text(\"it's\")");
        assert_eq!(tree("a == \"'\""), "a Equal Text(\"'\")");
        assert_eq!(tree("a == True"), "a Equal Bool(true)");
    }

    #[test]
    fn columns_are_reached_by_steps() {
        let name = |name: &str| Step::Name(name.into());
        assert_eq!(
            steps("a.b[0,1].c"),
            Some([name("a"), name("b"), Step::Place([0, 1].into()), name("c")].into())
        );
        assert_eq!(steps("[3].`a b`"), Some([Step::Place([3].into()), name("a b")].into()));
        for wrong in ["a.", "a[", "a[]", "a[-1]", "a[1.5]", "1", "a b", "", "."] {
            assert_eq!(steps(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn any_text_is_a_condition_or_shows_where_it_is_none() {
        let words = [
            "a", "1", ".", "e", "'", "`", "(", ")", "[", "]", ",", "<", "=", "!", "é", "-", " ",
            "in", "is", "not", "and", "inf", "\0",
        ];
        let mut state = 5_u64;
        for _ in 0..30_000 {
            let mut text = String::new();
            for _ in 0..12 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                text.push_str(words[(state >> 33) as usize % words.len()]);
            }
            let length = text.chars().count();
            if let Err(wrong) = condition(&text) {
                assert!(wrong.at.start <= wrong.at.end && wrong.at.end <= length, "{text:?}");
            }
            let _ = steps(&text);
        }
    }
}

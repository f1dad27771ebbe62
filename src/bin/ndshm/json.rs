//! What programs read on standard output.

use std::io::{self, Write};
use std::path::Path;

use ndshm::load::Dialect;
use ndshm::text::Delimiter;
use serde::{Serialize, Serializer};

use crate::output::Failure;

/// Prints a value as one line of JSON.
pub(crate) fn print(value: &impl Serialize) -> Result<(), Failure> {
    let line = serde_json::to_string(value).map_err(Failure::new)?;
    writeln!(io::stdout().lock(), "{line}")?;
    Ok(())
}

/// A path as a text; what is no UTF-8 in it is replaced.
pub(crate) fn path(path: &Path) -> String {
    path.display().to_string()
}

/// A number, all digits of it; what JSON has no number for is a text, as Python and pandas spell
/// it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Number(pub(crate) f64);

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let Self(value) = *self;
        match value {
            f64::INFINITY => to.serialize_str("Infinity"),
            f64::NEG_INFINITY => to.serialize_str("-Infinity"),
            _ if value.is_nan() => to.serialize_str("NaN"),
            _ => to.serialize_f64(value),
        }
    }
}

/// How a text was found to be written.
#[derive(Debug, Serialize)]
pub(crate) struct Found {
    /// None for white space.
    delimiter: Option<char>,
    quotechar: Option<char>,
    decimal: char,
    header: bool,
}

impl From<&Dialect> for Found {
    fn from(found: &Dialect) -> Self {
        let &Dialect { delimiter, quote, decimal, header } = found;
        let delimiter = match delimiter {
            Delimiter::Whitespace => None,
            Delimiter::Char(c) => Some(c),
        };
        Self { delimiter, quotechar: quote, decimal, header }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_json() {
        let all = [1.0, -0.5, 1e300, 1e-9, f64::NAN, f64::NEG_INFINITY].map(Number);
        let shown = serde_json::to_string(&all).unwrap();
        assert_eq!(shown, r#"[1.0,-0.5,1e+300,1e-9,"NaN","-Infinity"]"#);
    }
}

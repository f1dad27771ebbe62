//! Values as JSON writes them, for programs.

/// A text as JSON writes it.
pub(crate) fn string(text: &str) -> String {
    let mut shown = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => shown.extend(['\\', c]),
            c if c.is_ascii_control() => shown.extend(format!("\\u{:04x}", u32::from(c)).chars()),
            c => shown.push(c),
        }
    }
    shown.push('"');
    shown
}

/// A number, all digits of it; what JSON has no number for is a text, as Python and pandas spell
/// it.
pub(crate) fn number(value: f64) -> String {
    if value.is_nan() {
        "\"NaN\"".into()
    } else if value.is_infinite() {
        if value > 0.0 { "\"Infinity\"" } else { "\"-Infinity\"" }.into()
    } else if value != 0.0 && !(1e-5..1e17).contains(&value.abs()) {
        format!("{value:e}")
    } else {
        format!("{value:?}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_json() {
        assert_eq!(string("a\"b\\c\nd\x7fé"), "\"a\\\"b\\\\c\\u000ad\\u007fé\"");
    }

    #[test]
    fn numbers_are_json() {
        let shown = [1.0, -0.5, 1e300, 1e-9, f64::NAN, f64::NEG_INFINITY].map(number);
        assert_eq!(shown, ["1.0", "-0.5", "1e300", "1e-9", "\"NaN\"", "\"-Infinity\""]);
    }
}

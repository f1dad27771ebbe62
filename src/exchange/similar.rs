//! Names that are like one that is not there.

use std::string::String;
use std::vec::Vec;

/// Names that a hint tells.
const NAMED: usize = 12;

/// The names that may be meant, or the first ones that there are.
pub(crate) fn similar(name: &str, names: &[&str]) -> Option<String> {
    let lower = name.to_lowercase();
    let mut near: Vec<(usize, &str)> = names
        .iter()
        .map(|there| (apart(&lower, &there.to_lowercase()), *there))
        .filter(|(apart, there)| 5 * apart <= 2 * there.chars().count().max(3))
        .collect();
    near.sort_by_key(|(apart, _)| *apart);
    let quoted = |names: &mut dyn Iterator<Item = &str>| {
        names.map(|name| std::format!("'{name}'")).collect::<Vec<_>>().join(", ")
    };
    if !near.is_empty() {
        let list = quoted(&mut near.iter().take(3).map(|(_, name)| *name));
        return Some(std::format!("maybe {list} is meant"));
    }
    let more = if names.len() > NAMED { ", ..." } else { "" };
    let list = quoted(&mut names.iter().take(NAMED).copied());
    (!names.is_empty()).then(|| std::format!("there are {list}{more}"))
}

/// How far names are from each other; one that goes on where the other ends is near.
fn apart(one: &str, other: &str) -> usize {
    let is_begun = one.starts_with(other) || other.starts_with(one);
    let short = one.len().min(other.len());
    if is_begun && short > 1 && one != other { 1 } else { strsim::osa_distance(one, other) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_may_be_meant_are_told() {
        let names = ["chr", "pos", "percent"];
        assert_eq!(similar("chrom", &names).unwrap(), "maybe 'chr' is meant");
        assert_eq!(similar("start", &names).unwrap(), "there are 'chr', 'pos', 'percent'");
        assert_eq!(similar("CHR", &names).unwrap(), "maybe 'chr' is meant");
        assert_eq!(similar("precent", &names).unwrap(), "maybe 'percent' is meant");
        assert_eq!(similar("x", &[]), None);
    }
}

//! Names of datasets, made from names of inputs.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::string::{String, ToString};
use std::vec::Vec;

use super::error::{ConvertError, Result};
use crate::load::without_compression;

/// One name per input: its file name without the last suffix, `a` for `a.tsv` and `a.tsv.gz`.
pub(super) fn of_inputs(inputs: &[PathBuf]) -> Result<Vec<String>> {
    let mut names = Vec::with_capacity(inputs.len());
    let mut seen: HashMap<String, &PathBuf> = HashMap::with_capacity(inputs.len());
    for path in inputs {
        let name = of_input(path)?;
        if let Some(first) = seen.insert(name.clone(), path) {
            return Err(ConvertError::SameName {
                name,
                first: first.clone(),
                second: path.clone(),
            });
        }
        names.push(name);
    }
    Ok(names)
}

fn of_input(path: &Path) -> Result<String> {
    let stem = without_compression(path)
        .file_stem()
        .and_then(|stem| stem.to_str())
        .filter(|stem| *stem != ".");
    stem.map(ToString::to_string).ok_or_else(|| ConvertError::NoName { path: path.into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_suffix_goes() {
        let inputs = ["x/a.b.tsv".into(), "../c".into(), ".hidden".into()];
        assert_eq!(of_inputs(&inputs).unwrap(), ["a.b", "c", ".hidden"]);
    }

    #[test]
    fn and_that_of_a_compression_goes_first() {
        let inputs = ["x/a.tsv.gz", "b.bz2", "c.d.e.zst", "f.lzma", ".gz", "g.xz.xz", "gz"];
        let inputs = inputs.map(PathBuf::from);
        assert_eq!(of_inputs(&inputs).unwrap(), ["a", "b", "c.d", "f", ".gz", "g", "gz"]);
    }

    #[test]
    fn what_names_nothing_in_a_file_is_refused_at_once() {
        assert!(of_inputs(&["x/..tsv".into()]).is_err());
    }

    #[test]
    fn two_inputs_of_one_name_are_told_apart_in_the_error() {
        let error = of_inputs(&["x/a.tsv".into(), "y/a.csv".into()]).unwrap_err().to_string();
        assert!(error.contains("x/a.tsv") && error.contains("y/a.csv"), "{error}");
    }
}

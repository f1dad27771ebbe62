//! Names of datasets, made from names of inputs.

use std::collections::HashMap;
use std::path::{Component, Path, PathBuf};
use std::string::{String, ToString};
use std::vec::Vec;

use super::error::{ConvertError, Result};
use crate::load::without_compression;

/// One name per input: its file name without the last suffix, `a` for `a.tsv` and `a.tsv.gz`.
pub(super) fn of_inputs(inputs: &[PathBuf]) -> Result<Vec<String>> {
    all_different(inputs, of_input)
}

/// One name per input, behind the names of the directories that lead to it, but for those
/// that lead to all.
pub(super) fn in_groups(inputs: &[PathBuf]) -> Result<Vec<String>> {
    let directories: Vec<Vec<String>> = inputs.iter().map(|path| directories(path)).collect();
    let first = directories.first().map(Vec::as_slice).unwrap_or_default();
    let same = |other: &Vec<String>| first.iter().zip(other).take_while(|(a, b)| a == b).count();
    let common = directories.iter().map(same).min().unwrap_or(0);
    all_different(inputs, |path| {
        let mut name = directories_behind(path, common);
        name.push(of_input(path)?);
        Ok(name.join("/"))
    })
}

/// The directories of a path, without what leads nowhere.
fn directories(path: &Path) -> Vec<String> {
    let parent = path.parent().unwrap_or(Path::new(""));
    let named = parent.components().filter_map(|part| match part {
        Component::Normal(name) => Some(name.to_string_lossy().into_owned()),
        _ => None,
    });
    named.collect()
}

fn directories_behind(path: &Path, common: usize) -> Vec<String> {
    directories(path).into_iter().skip(common).collect()
}

fn all_different(
    inputs: &[PathBuf],
    name: impl Fn(&Path) -> Result<String>,
) -> Result<Vec<String>> {
    let mut names = Vec::with_capacity(inputs.len());
    let mut seen: HashMap<String, &PathBuf> = HashMap::with_capacity(inputs.len());
    for path in inputs {
        let name = name(path)?;
        if let Some(first) = seen.insert(name.clone(), path) {
            return Err(ConvertError::SameName {
                name,
                first: first.clone(),
                second: path.clone(),
            });
        }
        names.push(name);
    }
    // Where groups are made, one of them may have the name of a dataset.
    for (name, second) in names.iter().zip(inputs) {
        let mut groups = name.match_indices('/').filter_map(|(at, _)| name.get(..at));
        if let Some((group, first)) = groups.find_map(|g| seen.get_key_value(g)) {
            let (name, first, second) = (group.clone(), (*first).clone(), second.clone());
            return Err(ConvertError::SameName { name, first, second });
        }
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
    fn groups_are_what_tells_directories_apart() {
        let names = |inputs: &[&str]| {
            in_groups(&inputs.iter().map(PathBuf::from).collect::<Vec<_>>()).unwrap()
        };
        assert_eq!(names(&["/d/2020/a.tsv", "/d/2021/a.tsv"]), ["2020/a", "2021/a"]);
        assert_eq!(names(&["./d/a.tsv", "d/b.tsv", "d/e/b.tsv.gz"]), ["a", "b", "e/b"]);
        assert_eq!(names(&["a.tsv", "d/b.tsv"]), ["a", "d/b"]);
        assert_eq!(names(&["x/a.tsv"]), ["a"]);
        assert!(names(&[]).is_empty());
        assert!(in_groups(&["d1.txt".into(), "d1/x.txt".into()]).is_err());
    }

    #[test]
    fn two_inputs_of_one_name_are_told_apart_in_the_error() {
        let error = of_inputs(&["x/a.tsv".into(), "y/a.csv".into()]).unwrap_err().to_string();
        assert!(error.contains("x/a.tsv") && error.contains("y/a.csv"), "{error}");
    }
}

//! Names of shards: where they are from the joined file, and in which order.

use core::cmp::Ordering;
use std::ffi::OsStr;
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::string::String;
use std::vec::Vec;

/// Orders names as people do: `part-2` before `part-10`.
#[must_use]
pub fn natural_order(a: &Path, b: &Path) -> Ordering {
    let (left, right) = (a.to_string_lossy(), b.to_string_lossy());
    pieces(&left).cmp(pieces(&right)).then_with(|| a.cmp(b))
}

/// A text in pieces: numbers, by their length without zeros in front, and what is between.
fn pieces(text: &str) -> impl Iterator<Item = (bool, usize, &str)> {
    let mut rest = text;
    core::iter::from_fn(move || {
        let is_digit = rest.bytes().next()?.is_ascii_digit();
        let end = rest.bytes().position(|b| b.is_ascii_digit() != is_digit);
        let (piece, behind) = rest.split_at_checked(end.unwrap_or(rest.len()))?;
        rest = behind;
        if !is_digit {
            return Some((true, 0, piece));
        }
        let number = piece.trim_start_matches('0');
        Some((false, number.len(), number))
    })
}

/// The path that leads from a directory to a file, if it is UTF-8. The directory is absolute
/// and without links; the file's own directory is taken as it is in truth, its name as it
/// was given.
pub(super) fn relative(file: &Path, directory: &Path) -> Option<String> {
    let absolute = std::path::absolute(file).ok()?;
    let name = absolute.file_name()?;
    let home = absolute.parent()?;
    let home = fs::canonicalize(home).unwrap_or_else(|_| home.to_path_buf());
    let (home, from): (Vec<_>, Vec<_>) =
        (home.components().collect(), directory.components().collect());
    let common = home.iter().zip(&from).take_while(|(a, b)| a == b).count();
    let up = from.iter().skip(common).map(|_| Component::ParentDir);
    let down = home.iter().skip(common).copied();
    let path: PathBuf = up.chain(down).collect::<PathBuf>().join(name);
    path.to_str().filter(|text| !text.contains('\0')).map(String::from)
}

/// Where a noted name leads.
pub(super) fn resolve(name: &str, directory: &Path) -> PathBuf {
    directory.join(OsStr::new(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_count() {
        let sorted = ["a", "a1", "a2b", "a02c", "a10", "b1", "b-1-2", "b-1-10", "b-01-11", "ä"];
        for pair in sorted.windows(2) {
            let (a, b) = (Path::new(pair[0]), Path::new(pair[1]));
            assert_eq!(natural_order(a, b), Ordering::Less, "{pair:?}");
            assert_eq!(natural_order(b, a), Ordering::Greater, "{pair:?}");
        }
        let long = ["x99999999999999999999999", "x100000000000000000000000"];
        assert_eq!(natural_order(long[0].as_ref(), long[1].as_ref()), Ordering::Less);
        assert_ne!(natural_order("x1".as_ref(), "x01".as_ref()), Ordering::Equal);
    }

    #[test]
    fn names_lead_from_one_directory_to_another() {
        let dir = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(dir.path()).unwrap();
        fs::create_dir_all(root.join("a/b")).unwrap();
        fs::create_dir_all(root.join("c")).unwrap();
        std::os::unix::fs::symlink(root.join("c"), root.join("link")).unwrap();
        for (file, from, wanted) in [
            ("a/x.h5", "a", "x.h5"),
            ("a/b/x.h5", "a", "b/x.h5"),
            ("a/x.h5", "a/b", "../x.h5"),
            ("c/x.h5", "a/b", "../../c/x.h5"),
            ("link/x.h5", "a", "../c/x.h5"),
            ("a/../c/x%b.h5", "c", "x%b.h5"),
        ] {
            let name = relative(&root.join(file), &root.join(from)).unwrap();
            assert_eq!(name, wanted, "{file} from {from}");
        }
        assert_eq!(resolve("../x", Path::new("/a/b")), Path::new("/a/b/../x"));
    }
}

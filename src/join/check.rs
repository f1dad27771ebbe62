//! Whether a shard is what was noted of it.

use std::path::Path;
use std::string::String;
use std::vec::Vec;

use super::fault::Fault;
use super::look::{self, Seen, refused};
use super::note::{Note, dtype_text};
use super::plan::text_of;
use super::verify::Problem;
use crate::hdf5::{self, Described, Kept, Reading};

/// Looks at the file itself. What is wrong with it keeps everything else from being seen.
pub(super) fn file(path: &Path) -> Result<Seen, Problem> {
    let looked = look::open(path).and_then(|seen| seen.check().map(|()| seen));
    looked.map_err(|fault| Problem::of(path, None, fault))
}

/// Compares a shard with its notes; the open file, if it has the size that it had.
pub(super) fn shard(path: &Path, notes: &[Note], problems: &mut Vec<Problem>) -> Option<Seen> {
    let seen = match file(path) {
        Ok(seen) => seen,
        Err(problem) => {
            problems.push(problem);
            return None;
        }
    };
    let before = notes.first().map_or(seen.bytes, |note| note.size);
    if before != seen.bytes {
        let fault = Fault::Size { noted: before, found: seen.bytes };
        problems.push(Problem::of(path, None, fault));
    }
    let compared = hdf5::read(path, |reading| {
        for note in notes {
            let fault = dataset(reading, note, seen.bytes);
            let dataset = || Some(note.dataset.clone());
            problems.extend(fault.map(|fault| Problem::of(path, dataset(), fault)));
        }
        Ok(())
    });
    if let Err(error) = compared {
        problems.push(Problem::of(path, None, refused(path, &error)));
    }
    Some(seen).filter(|seen| seen.bytes == before)
}

fn dataset(reading: &Reading<'_>, note: &Note, size: u64) -> Option<Fault> {
    let found = match reading.has(&note.dataset) {
        Ok(true) => reading.describe(&note.dataset),
        Ok(false) => return Some(Fault::NoDataset),
        Err(error) => Err(error),
    };
    let found = match found {
        Ok(found) => found,
        Err(error) => return Some(Fault::Hdf5(std::format!("cannot be opened: {error}"))),
    };
    let (shape, dtype) = (text_of(found.shape.as_deref()), dtype_text(found.kind.text()));
    if shape != note.shape {
        return Some(Fault::Shape { noted: note.shape.clone(), found: shape });
    }
    if dtype != note.dtype {
        return Some(Fault::DType { noted: note.dtype.clone(), found: dtype });
    }
    outside(&found, size)
}

/// Whether bytes of a dataset lie behind the end of its file.
fn outside(found: &Described, size: u64) -> Option<Fault> {
    let start = match found.storage {
        Kept::Contiguous(at) => at,
        Kept::Other => 0,
        Kept::Virtual => return None,
    };
    let end = start.saturating_add(found.stored);
    (end > size).then_some(Fault::Outside { end, size })
}

/// Looks at all datasets of a file that nobody has noted anything of; how many it has.
pub(super) fn plain(path: &Path, size: u64, problems: &mut Vec<Problem>) -> usize {
    let listed = hdf5::read(path, |reading| {
        let names = reading.datasets()?;
        for name in &names {
            let fault = match reading.describe(name) {
                Ok(found) => outside(&found, size),
                Err(error) => Some(Fault::Hdf5(std::format!("cannot be opened: {error}"))),
            };
            let dataset: Option<String> = Some(name.clone());
            problems.extend(fault.map(|fault| Problem::of(path, dataset, fault)));
        }
        Ok(names.len())
    });
    listed.unwrap_or_else(|error| {
        problems.push(Problem::of(path, None, refused(path, &error)));
        0
    })
}

//! What can be known before anything is parsed.

use std::vec::Vec;

use super::dataset::{self, Names, Plan};
use super::error::{Error, Result};
use super::layout::Layout;
use super::library::{self, Session};
use super::writer::Options;
use super::{chunks, file, types};
use crate::dtype::{DType, Field};

/// Bytes of the message in an object's header that describes its type.
const MESSAGE: usize = 64 << 10;
/// Bytes of a dataset of chunks, without them: a node of their index, a header, a link.
const COLUMN_DATASET: u64 = 2096 + 272 + 56;
/// Bytes that any column takes there beside its name: the name's end, an
/// offset, the head of the member's type.
const COLUMN: usize = 1 + 1 + 8;

/// Refuses a dtype that no HDF5 dataset can have. Needs no file, so it may be
/// called before workers are forked.
///
/// Answers with the bytes of metadata that one dataset of this dtype takes,
/// the caller's attributes not counted: see
/// [`Writer::create`](super::Writer::create).
///
/// # Errors
/// [`Error::Type`], [`Error::TooWide`], [`Error::Hdf5`].
pub fn check_dtype(dtype: DType<'_>, options: &Options) -> Result<u64> {
    types::check(dtype.root(), "")?;
    if options.storage.layout == Layout::Columns && dtype.is_record() {
        return check_columns(dtype);
    }
    library::with(|session| {
        let columns = dtype.root().fields().count();
        let plausible = plausible(dtype.root());
        if plausible == columns {
            match try_out(session, dtype, options, columns) {
                Err(Error::Hdf5 { call: "H5Dcreate2", .. }) if columns > 1 => {}
                other => return other,
            }
        }
        let fit = most(plausible, |n| try_out(session, dtype, options, n).is_ok());
        Err(Error::TooWide { columns, fit })
    })
}

/// The same where each column is a dataset, of which there may be any number.
fn check_columns(dtype: DType<'_>) -> Result<u64> {
    chunks::check_columns(dtype)?;
    let bytes = dtype.root().fields().map(|field| COLUMN_DATASET + field.name().len() as u64);
    Ok(bytes.sum())
}

/// Makes a dataset with the first `columns` columns in a file that is memory.
fn try_out(session: &Session, dtype: DType<'_>, options: &Options, columns: usize) -> Result<u64> {
    let file = file::scratch(session)?;
    let before = file.end(session)?;
    let forms = types::Forms { bool_as_u8: options.bool_as_u8, categories: &[] };
    let element = types::file_type(session, dtype.root(), forms, columns)?;
    let plan = Plan { path: "rows", dtype, shape: &[1], attrs: &[] };
    dataset::create(session, &file, &mut Names::default(), plan, &element)?;
    Ok(file.end(session)? - before)
}

/// Columns from the first on whose names alone do not fill the message.
fn plausible(record: Field<'_>) -> usize {
    let mut left = MESSAGE;
    let costs: Vec<usize> = record.fields().map(|f| COLUMN + f.name().len()).collect();
    costs
        .iter()
        .take_while(|&&cost| {
            let fits = cost <= left;
            left = left.saturating_sub(cost);
            fits
        })
        .count()
}

/// The largest number up to `limit` that fits, if everything smaller does.
fn most(limit: usize, mut fits: impl FnMut(usize) -> bool) -> usize {
    let (mut low, mut high) = (0, limit);
    while low < high {
        let middle = low + (high - low).div_ceil(2);
        if fits(middle) {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    low
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bisection_finds_the_border() {
        for limit in 0..20 {
            for border in 0..=limit {
                assert_eq!(most(limit, |n| n <= border), border);
            }
        }
    }
}

//! The filters of a dataset that is there: those that are written here, or what is in the way.

use core::ffi::{c_char, c_uint};
use std::string::{String, ToString};
use std::vec::Vec;

use hdf5_sys::h5p;
use hdf5_sys::h5z::{self, H5Z_filter_t};

use super::error::Result;
use super::id::Id;
use super::layout::ZSTD;
use super::library::Session;
use super::rows_fault::RowsFault;
use crate::filter::{Codec, Filters};

/// Zstandard's level where a dataset does not say it.
const ZSTD_LEVEL: i8 = 3;
/// Values of a filter that are looked at.
const VALUES: usize = 8;

/// The filters, if they are some of those that are written here, in their order.
pub(super) fn pipeline(
    session: &Session,
    list: &Id,
) -> Result<core::result::Result<Filters, RowsFault>> {
    // SAFETY: the id is live.
    let count = unsafe { h5p::H5Pget_nfilters(list.raw()) };
    session.check("H5Pget_nfilters", count)?;
    let (mut filters, mut before) = (Filters::default(), 0);
    for i in 0..count.unsigned_abs() {
        let (id, name, values) = filter(session, list, i)?;
        let other = || Ok(Err(RowsFault::Filter { name: filter_name(id, &name) }));
        let level = values.first().copied();
        let place = match id {
            h5z::H5Z_FILTER_SHUFFLE => {
                filters.shuffle = true;
                1
            }
            h5z::H5Z_FILTER_DEFLATE => {
                filters.codec = Codec::Gzip(level.unwrap_or(4).min(9) as u8);
                2
            }
            ZSTD => {
                let level = level.map_or(ZSTD_LEVEL, |level| level.clamp(1, 22) as i8);
                filters.codec = Codec::Zstd(level);
                2
            }
            h5z::H5Z_FILTER_FLETCHER32 => {
                filters.fletcher32 = true;
                3
            }
            _ => return other(),
        };
        if place <= before {
            return Ok(Err(RowsFault::Order { name: filter_name(id, &name) }));
        }
        before = place;
    }
    Ok(Ok(filters))
}

fn filter(session: &Session, list: &Id, i: c_uint) -> Result<(H5Z_filter_t, String, Vec<c_uint>)> {
    let (mut flags, mut config): (c_uint, c_uint) = (0, 0);
    let (mut values, mut count): ([c_uint; VALUES], usize) = ([0; VALUES], VALUES);
    let mut name: [c_char; 64] = [0; 64];
    let (f, c, v) = (&raw mut flags, &raw mut count, values.as_mut_ptr());
    let (at, len, how) = (name.as_mut_ptr(), name.len() - 1, &raw mut config);
    // SAFETY: the id is live, there is room for as many values and letters as announced.
    let id = unsafe { h5p::H5Pget_filter2(list.raw(), i, f, c, v, len, at, how) };
    session.check("H5Pget_filter2", if id < 0 { -1 } else { 0 })?;
    let letters: Vec<u8> = name.iter().map(|&c| c as u8).take_while(|&c| c != 0).collect();
    let values = values.get(..count.min(VALUES)).unwrap_or_default().to_vec();
    Ok((id, String::from_utf8_lossy(&letters).into_owned(), values))
}

/// What people call a filter.
fn filter_name(id: H5Z_filter_t, name: &str) -> String {
    let known = match id {
        h5z::H5Z_FILTER_FLETCHER32 => "fletcher32",
        h5z::H5Z_FILTER_SHUFFLE => "shuffle",
        h5z::H5Z_FILTER_DEFLATE => "gzip",
        h5z::H5Z_FILTER_SZIP => "szip",
        h5z::H5Z_FILTER_NBIT => "nbit",
        h5z::H5Z_FILTER_SCALEOFFSET => "scaleoffset",
        ZSTD => "zstd",
        32000 => "lzf",
        32001 => "blosc",
        32004 => "lz4",
        32008 => "bitshuffle",
        32026 => "blosc2",
        _ if name.is_empty() => return std::format!("number {id}"),
        _ => name,
    };
    known.to_string()
}

#[cfg(test)]
mod tests {
    use super::super::layout::chunked_list;
    use super::super::library;
    use super::*;

    #[test]
    fn what_is_written_is_known_again() {
        for codec in [Codec::None, Codec::Gzip(1), Codec::Gzip(9), Codec::Zstd(3), Codec::Zstd(19)]
        {
            for (shuffle, fletcher32) in
                [(false, false), (true, false), (false, true), (true, true)]
            {
                let filters = Filters { shuffle, codec, fletcher32 };
                let found = library::with(|session| {
                    pipeline(session, &chunked_list(session, &[10], filters)?)
                });
                assert_eq!(found.unwrap(), Ok(filters));
            }
        }
    }

    #[test]
    fn others_are_refused_by_their_names() {
        let found = |set: fn(i64)| {
            library::with(|session| {
                let list = chunked_list(session, &[10], Filters::default())?;
                set(list.raw());
                pipeline(session, &list)
            })
            .unwrap()
        };
        let unknown = found(|list| {
            let (flag, none) = (h5z::H5Z_FLAG_OPTIONAL, core::ptr::null());
            // SAFETY: a dataset creation list, here and below; no values are announced.
            unsafe { h5p::H5Pset_filter(list, 32000, flag, 0, none) };
        });
        assert_eq!(unknown, Err(RowsFault::Filter { name: "lzf".into() }));
        let late = found(|list| {
            // SAFETY: as above.
            unsafe { h5p::H5Pset_deflate(list, 4) };
            // SAFETY: as above.
            unsafe { h5p::H5Pset_shuffle(list) };
        });
        assert_eq!(late, Err(RowsFault::Order { name: "shuffle".into() }));
    }
}

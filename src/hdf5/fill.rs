//! What a virtual dataset holds where its file is missing: values that catch the eye,
//! as far as a type has any.

use std::vec;
use std::vec::Vec;

use hdf5_sys::h5i::hid_t;
use hdf5_sys::h5t::{self, H5T_class_t, H5T_order_t, H5T_sign_t};

use super::error::Result;
use super::foreign;
use super::library::Session;

/// A larger element gets none: HDF5 keeps it in a message of 64 KiB at most.
const MOST: usize = 32 << 10;

/// An element of type `id`: NaN for floats, the smallest number for integers, which is
/// NaT of times, the largest for those without a sign. None if nothing in it can tell.
pub(super) fn telling(session: &Session, id: hid_t) -> Result<Option<Vec<u8>>> {
    let size = foreign::size(session, id)?;
    if size > MOST {
        return Ok(None);
    }
    let mut bytes = vec![0; size];
    paint(session, id, &mut bytes)?;
    Ok(Some(bytes).filter(|bytes| bytes.iter().any(|&b| b != 0)))
}

fn paint(session: &Session, id: hid_t, bytes: &mut [u8]) -> Result<()> {
    match foreign::class(session, id)? {
        H5T_class_t::H5T_FLOAT => ordered(id, bytes, nan),
        // SAFETY: the id is live.
        H5T_class_t::H5T_INTEGER => match unsafe { h5t::H5Tget_sign(id) } {
            H5T_sign_t::H5T_SGN_2 => ordered(id, bytes, smallest),
            _ => bytes.fill(0xFF),
        },
        H5T_class_t::H5T_COMPOUND => {
            for (_, at, member) in foreign::members(session, id)? {
                let size = foreign::size(session, member.raw())?;
                if let Some(part) = bytes.get_mut(at..).and_then(|rest| rest.get_mut(..size)) {
                    paint(session, member.raw(), part)?;
                }
            }
        }
        H5T_class_t::H5T_ARRAY => {
            let base = foreign::base(session, id)?;
            let size = foreign::size(session, base.raw())?;
            let count = foreign::array_len(session, id)?;
            for part in bytes.chunks_exact_mut(size).take(count) {
                paint(session, base.raw(), part)?;
            }
        }
        _ => {}
    }
    Ok(())
}

/// Writes a little-endian number and turns it round where the type wants that.
fn ordered(id: hid_t, bytes: &mut [u8], little: impl FnOnce(&mut [u8])) {
    little(bytes);
    // SAFETY: the id is live.
    if unsafe { h5t::H5Tget_order(id) } == H5T_order_t::H5T_ORDER_BE {
        bytes.reverse();
    }
}

fn nan(bytes: &mut [u8]) {
    let top: &[u8] = match bytes.len() {
        2 => &[0x00, 0x7E],
        4 => &[0xC0, 0x7F],
        8 => &[0xF8, 0x7F],
        _ => return,
    };
    let at = bytes.len() - top.len();
    if let Some(place) = bytes.get_mut(at..) {
        place.copy_from_slice(top);
    }
}

fn smallest(bytes: &mut [u8]) {
    if let Some(top) = bytes.last_mut() {
        *top = 0x80;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtype_buf::DTypeBuf;
    use crate::hdf5::{library, types};

    fn of(dtype: &str) -> Option<Vec<u8>> {
        let dtype = DTypeBuf::parse(dtype).unwrap();
        let forms = types::Forms { bool_as_u8: false, categories: &[] };
        library::with(|session| {
            let id = types::file_type(session, dtype.as_dtype().root(), forms, usize::MAX)?;
            telling(session, id.raw())
        })
        .unwrap()
    }

    #[test]
    fn numbers_tell_and_texts_do_not() {
        assert!(f64::from_le_bytes(of("<f8").unwrap().try_into().unwrap()).is_nan());
        assert!(f32::from_be_bytes(of(">f4").unwrap().try_into().unwrap()).is_nan());
        assert_eq!(of("<f2"), Some(vec![0x00, 0x7E]));
        assert_eq!(of("<i4"), Some(i32::MIN.to_le_bytes().into()));
        assert_eq!(of(">M8[s]"), Some(i64::MIN.to_be_bytes().into()));
        assert_eq!(of("u2"), Some(vec![0xFF; 2]));
        for silent in ["S5", "?", "U3", "V4"] {
            assert_eq!(of(silent), None, "{silent}");
        }
        let record = of("[('s', 'S3'), ('a', '<i2', (2,)), ('z', '<c8')]").unwrap();
        assert_eq!(record[..7], [0, 0, 0, 0, 0x80, 0, 0x80]);
        assert!(f32::from_le_bytes(record[11..].try_into().unwrap()).is_nan());
    }
}

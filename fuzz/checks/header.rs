//! Bytes become a view whose every element lies in the data, or an error.

use ndshm::error::Error;
use ndshm::layout::{
    Array, HEADER_SIZE, MAGIC, MAX_HEADER_LEN, MAX_NDIM, Plan, Stamp, View, check_prefix, decode,
    is_intact,
};

use super::array::with_header;
use super::builder::holds;
use super::bytes::Bytes;

/// The first byte says what is made right before, the next eight how long the
/// object is; the header follows.
pub(crate) fn check(bytes: &[u8]) {
    let mut bytes = Bytes::new(bytes);
    let (repair, object_size) = (bytes.u8(), bytes.u64());
    let header = bytes.rest();
    let mut words = vec![0_u64; header.len().div_ceil(8)];
    let copy: &mut [u8] = bytemuck::cast_slice_mut(&mut words);
    let copy = &mut copy[..header.len()];
    copy.copy_from_slice(header);
    if repair & 1 != 0 {
        write_prefix(copy);
    }
    if repair & 2 != 0 {
        reseal(copy);
    }
    look(copy, object_size);
    if repair & 4 != 0 {
        look(copy, u64::MAX);
    }
    if repair & 8 != 0 {
        look(copy, object_size / 2);
    }
}

/// Decodes and, if that is accepted, looks at everything.
pub(crate) fn look(bytes: &[u8], object_size: u64) {
    let prefix = check_prefix(bytes, object_size);
    match decode(bytes, object_size) {
        Ok(view) => {
            assert_eq!(prefix.as_ref(), Ok(view.header()));
            in_bounds(&view, object_size);
            let len = view.header().header_len as usize;
            assert!(is_intact(&bytes[..len]));
            holds(view.dtype());
            comes_out_the_same(&view);
        }
        Err(error) => {
            assert!(prefix.is_ok() || prefix == Err(error), "{error}");
            let known = matches!(
                error,
                Error::NotNdshm
                    | Error::Endian
                    | Error::TooNew { .. }
                    | Error::Truncated { .. }
                    | Error::Corrupt(_)
                    | Error::Argument
            );
            assert!(known, "{error}");
        }
    }
}

/// Magic, byte order, version and no features, so that more is looked at.
fn write_prefix(header: &mut [u8]) {
    let fixed = [&MAGIC[..], &0x0102_0304_u32.to_ne_bytes(), &1_u16.to_ne_bytes(), &[0; 10]];
    let fixed = fixed.concat();
    let len = header.len().min(fixed.len());
    header[..len].copy_from_slice(&fixed[..len]);
}

/// Makes the checksum right, as the documented table has it.
pub(crate) fn reseal(header: &mut [u8]) {
    let Some(len) = header.get(32..40) else { return };
    let len = u64::from_ne_bytes(len.try_into().unwrap_or_default());
    let len = usize::try_from(len).unwrap_or(usize::MAX).min(header.len());
    if len < HEADER_SIZE {
        return;
    }
    let mut crc = crc32fast::Hasher::new();
    crc.update(&header[..64]);
    crc.update(&header[88..len]);
    header[76..80].copy_from_slice(&crc.finalize().to_ne_bytes());
}

/// Whatever is computed from the view stays inside the object.
pub(crate) fn in_bounds(view: &View<'_>, object_size: u64) {
    let header = view.header();
    assert!(header.total_len <= object_size && header.header_len <= MAX_HEADER_LEN);
    assert!(header.header_len <= header.data_offset);
    assert_eq!(header.data_offset.checked_add(header.data_len), Some(header.total_len));
    assert!(header.data_offset.is_multiple_of(4096));
    assert_eq!(view.dtype().itemsize(), header.itemsize);
    assert!(view.shape().len() <= MAX_NDIM && view.shape().len() == view.strides().len());
    if view.shape().contains(&0) {
        return;
    }
    let room = i128::from(header.data_len) - i128::from(header.itemsize);
    let product = view.shape().iter().try_fold(1_u64, |n, &extent| n.checked_mul(extent));
    match product.filter(|&n| n <= 4096) {
        Some(count) => (0..count).for_each(|n| assert!(inside(view, n, room))),
        None => assert!(corner(view, false) >= 0 && corner(view, true) <= room),
    }
}

/// Whether the `n`th element, in C order, lies inside.
fn inside(view: &View<'_>, mut n: u64, room: i128) -> bool {
    let mut at = 0_i128;
    for (&extent, &stride) in view.shape().iter().zip(view.strides()).rev() {
        at += i128::from(n % extent) * i128::from(stride);
        n /= extent;
    }
    (0..=room).contains(&at)
}

/// Offset of the first element in memory, or of the last.
fn corner(view: &View<'_>, last: bool) -> i128 {
    let reach = |(&extent, &stride): (&u64, &i64)| i128::from(stride) * (i128::from(extent) - 1);
    let reaches = view.shape().iter().zip(view.strides()).map(reach);
    reaches.filter(|&reach| (reach > 0) == last).sum()
}

/// A header written of what was read means the same.
fn comes_out_the_same(view: &View<'_>) {
    let header = view.header();
    let array = Array {
        dtype: view.dtype(),
        shape: view.shape(),
        strides: Some(view.strides()),
        metadata: view.metadata(),
    };
    let page = header.alignment as usize;
    // Sections that share bytes get places of their own, for which there may be no room.
    if header.total_len > 1 << 62 && Plan::new(&array, page).is_err() {
        return;
    }
    let stamp = Stamp {
        uuid: header.uuid,
        policy: view.policy(),
        created_ns: header.created_ns,
        creator_pid: header.creator_pid,
        generation: header.generation,
    };
    with_header(&array, page, &stamp, |again| {
        assert_eq!(again.dtype(), view.dtype());
        assert_eq!((again.shape(), again.strides()), (view.shape(), view.strides()));
        assert_eq!((again.metadata(), again.policy()), (view.metadata(), view.policy()));
        assert!(again.header().data_len <= header.data_len, "no more than it had");
        assert_eq!(again.header().uuid, header.uuid);
    });
}

//! The table against the struct, golden bytes, round trips, and damage.

use core::mem::offset_of;
use std::vec::Vec;

use bytemuck::Zeroable;

use super::header::{ENDIAN, checksum};
use super::*;
use crate::dtype_buf::DTypeBuf;
use crate::error::{Error, HeaderPart};
use crate::sys::Pages;

/// Made by another encoder than this crate's: Python's struct and zlib.
const GOLDEN: &[u8] = include_bytes!("../../tests/data/header-1.0.bin");

fn size_of_field<T>(_: &T) -> usize {
    size_of::<T>()
}

macro_rules! fields {
    ($($field:ident)*) => {{
        let header = Header::zeroed();
        std::vec![$((offset_of!(Header, $field), size_of_field(&header.$field), stringify!($field))),*]
    }};
}

fn struct_rows() -> Vec<(usize, usize, &'static str)> {
    fields!(magic endian format_major format_minor incompat ro_compat compat policy header_len
        total_len data_offset data_len state refcount attach_epoch checksum promises handoff_ns
        created_ns generation uuid ndim itemsize shape strides nodes dims names metadata
        alignment handoff creator_pid reserved)
}

fn doc_rows() -> impl Iterator<Item = Vec<&'static str>> {
    let cells = |line: &'static str| line.split('|').map(str::trim).collect::<Vec<_>>();
    let rows = include_str!("mod.rs").lines().filter(|line| line.starts_with("//! | "));
    rows.map(cells).filter(|row| row[1].parse::<usize>().is_ok())
}

#[test]
fn the_table_in_the_documentation_is_the_struct() {
    let doc: Vec<_> = doc_rows()
        .map(|row| (row[1].parse().unwrap(), row[2].parse().unwrap(), row[3].trim_matches('`')))
        .collect();
    assert_eq!(doc, struct_rows());
    let ends = doc.iter().scan(0, |end, row| {
        let gap = row.0 - *end;
        *end = row.0 + row.1;
        Some(gap)
    });
    assert!(ends.eq(doc.iter().map(|_| 0)), "a gap or an overlap");
    assert_eq!(doc.last().map(|row| row.0 + row.1), Some(HEADER_SIZE));
}

#[test]
fn the_types_in_the_table_have_the_sizes_in_the_table() {
    for row in doc_rows() {
        let size = match row[4] {
            "u16" => 2,
            "u32" | "atomic u32" => 4,
            "u64" | "atomic u64" | "section" => 8,
            _ => continue,
        };
        assert_eq!(row[2].parse(), Ok(size), "{}", row[3]);
    }
}

/// A copy with the alignment that a header needs.
fn aligned(bytes: &[u8]) -> Pages {
    let mut pages = Pages::new(bytes.len()).unwrap();
    pages[..bytes.len()].copy_from_slice(bytes);
    pages
}

fn encoded(array: &Array<'_>, stamp: &Stamp) -> (Plan, Pages) {
    let plan = Plan::new(array, 4096).unwrap();
    let mut pages = Pages::new(plan.header_len() as usize).unwrap();
    encode(&mut pages, &plan, array, stamp).unwrap();
    (plan, pages)
}

#[test]
#[cfg(target_endian = "little")]
fn golden_bytes() {
    let dtype = DTypeBuf::parse("id:<i4, xy:(2)<f4").unwrap();
    let array =
        Array { dtype: dtype.as_dtype(), shape: &[2, 3], strides: None, metadata: b"unit=m" };
    let stamp = Stamp {
        uuid: core::array::from_fn(|i| i as u8),
        policy: Policy::Persist,
        created_ns: 1_700_000_000_000_000_000,
        creator_pid: 4242,
        generation: 0,
    };
    let (plan, pages) = encoded(&array, &stamp);
    assert_eq!(&pages[..plan.header_len() as usize], GOLDEN);
    assert_eq!(plan.total_len(), 4096 + 72);
}

#[test]
#[cfg(target_endian = "little")]
fn golden_bytes_are_read() {
    let pages = aligned(GOLDEN);
    let view = decode(&pages, 4096 + 72).unwrap();
    assert_eq!((view.shape(), view.strides()), (&[2, 3][..], &[36, 12][..]));
    assert_eq!(std::format!("{}", view.dtype()), "[('id', '<i4'), ('xy', '<f4', (2,))]");
    assert_eq!((view.policy(), view.state()), (Policy::Persist, State::Initializing));
    assert_eq!(view.metadata(), b"unit=m");
    assert_eq!(view.header().creator_pid, 4242);
    assert_eq!(decode(&pages, 4096 + 71).unwrap_err(), Error::Truncated { need: 4168, have: 4167 });
}

#[test]
fn what_goes_in_comes_out() {
    let dtypes = ["<f8", "|S3", "|V0", "a:|u1, b:(3,2)>i8, c:<U4", "t:<M8[10s]"];
    let shapes: [&[u64]; 7] = [&[], &[0], &[1], &[5, 0, 7], &[2, 3, 4], &[1; 32], &[1 << 40, 0]];
    for text in dtypes {
        let dtype = DTypeBuf::parse(text).unwrap();
        for shape in shapes {
            for metadata in [&b""[..], b"x", &[7; 5000]] {
                let array = Array { dtype: dtype.as_dtype(), shape, strides: None, metadata };
                let (plan, pages) = encoded(&array, &Stamp::default());
                let view = decode(&pages, plan.total_len()).unwrap();
                assert_eq!(view.shape(), shape);
                assert_eq!(view.metadata(), metadata);
                assert_eq!(view.dtype().nodes(), dtype.as_dtype().nodes());
                assert_eq!(view.dtype().names(), dtype.as_dtype().names());
                let count: u64 = shape.iter().product();
                assert_eq!(plan.data_len(), count * u64::from(dtype.as_dtype().itemsize()));
                assert!(plan.data_offset() >= plan.header_len());
                assert_eq!(plan.data_offset() % 4096, 0);
            }
        }
    }
}

#[test]
fn rows_set_later_give_the_same_bytes_as_rows_known_before() {
    let dtype = DTypeBuf::parse("a:<i4, b:<f8").unwrap();
    for tail in [&[][..], &[3], &[2, 0]] {
        for rows in [0, 1, 1000] {
            let shape = |first| [&[first][..], tail].concat();
            let (unknown, known) = (shape(0), shape(rows));
            let array =
                |shape| Array { dtype: dtype.as_dtype(), shape, strides: None, metadata: b"m" };
            let (mut plan, mut pages) = encoded(&array(&unknown), &Stamp::default());
            set_rows(&mut pages, &mut plan, rows).unwrap();
            let (direct, expected) = encoded(&array(&known), &Stamp::default());
            assert_eq!(pages[..], expected[..]);
            assert_eq!(plan.total_len(), direct.total_len());
        }
    }
}

#[test]
fn what_cannot_be_planned_is_refused() {
    let dtype = DTypeBuf::parse("<f8").unwrap();
    let plan = |shape: &[u64], strides: Option<&[i64]>| {
        Plan::new(&Array { dtype: dtype.as_dtype(), shape, strides, metadata: &[] }, 4096)
    };
    assert_eq!(plan(&[1; 33], None).unwrap_err(), Error::Argument);
    assert_eq!(plan(&[1 << 60], None).unwrap_err(), Error::Overflow);
    assert_eq!(plan(&[1 << 31, 1 << 31, 4], None).unwrap_err(), Error::Overflow);
    assert_eq!(plan(&[u64::MAX, u64::MAX], None).unwrap_err(), Error::Overflow);
    assert_eq!(plan(&[3], Some(&[-8])).unwrap_err(), Error::Argument);
    assert_eq!(plan(&[3], Some(&[8, 8])).unwrap_err(), Error::Argument);
    assert_eq!(plan(&[3, 2], Some(&[8, 24])).unwrap().data_len(), 48);
    assert_eq!(plan(&[3], Some(&[16])).unwrap().data_len(), 40);
    assert_eq!(plan(&[], None).unwrap().row_len(), Err(Error::Argument));
}

/// One header to damage, with every section in use.
fn sample() -> Vec<u8> {
    let dtype = DTypeBuf::parse("id:<i4, xy:(2,2)<f4, name:|S3").unwrap();
    let array =
        Array { dtype: dtype.as_dtype(), shape: &[4, 3], strides: None, metadata: b"twelve bytes" };
    let (plan, pages) = encoded(&array, &Stamp::default());
    pages[..plan.header_len() as usize].to_vec()
}

/// Makes the checksum right again, as far as the length can be found.
fn reseal(bytes: &mut [u8]) {
    let len = u64::from_ne_bytes(bytes[32..40].try_into().unwrap());
    let len = usize::try_from(len).unwrap_or(usize::MAX).min(bytes.len());
    if let Ok(crc) = checksum(&bytes[..len]) {
        bytes[76..80].copy_from_slice(&crc.to_ne_bytes());
    }
}

fn view_is_in_bounds(view: &View<'_>, object_size: u64) {
    let header = view.header();
    assert!(header.total_len <= object_size);
    assert_eq!(header.data_offset + header.data_len, header.total_len);
    assert!(header.header_len <= header.data_offset);
    assert_eq!(view.dtype().itemsize(), header.itemsize);
    assert!(view.shape().len() <= MAX_NDIM);
    let corners = 1_u64 << view.shape().len().min(12);
    for corner in 0..corners {
        if view.shape().contains(&0) {
            break;
        }
        let mut at = 0_i128;
        for (i, (&extent, &stride)) in view.shape().iter().zip(view.strides()).enumerate() {
            let index = if i < 12 && corner >> i & 1 == 1 { extent - 1 } else { 0 };
            at += i128::from(index) * i128::from(stride);
        }
        assert!(at >= 0 && at + i128::from(header.itemsize) <= i128::from(header.data_len));
    }
}

#[test]
fn a_damaged_header_is_refused_or_in_bounds() {
    let sample = sample();
    let mut pages = aligned(&sample);
    let (mut seed, mut accepted, mut refused) = (0x9e37_79b9_7f4a_7c15_u64, 0, 0);
    let mut random = move || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed
    };
    let full = 8192;
    let rounds = if cfg!(miri) { 100 } else { 60_000 };
    for _ in 0..rounds {
        pages[..sample.len()].copy_from_slice(&sample);
        for _ in 0..=random() % 3 {
            let at = random() as usize % sample.len();
            let small = [0, 1, 2, 3, 8, 0x7f, 0x80, 0xff][random() as usize % 8];
            pages[at] = if random() % 2 == 0 { small } else { random() as u8 };
        }
        if random() % 8 != 0 {
            reseal(&mut pages[..sample.len()]);
        }
        let size = if random() % 8 == 0 { random() % full } else { full };
        let _ = reaping(&pages[..sample.len()], random());
        match decode(&pages[..sample.len()], size) {
            Ok(view) => {
                view_is_in_bounds(&view, size);
                accepted += 1;
            }
            Err(_) => refused += 1,
        }
    }
    assert!(accepted > rounds / 20 && refused > rounds / 20, "{accepted} {refused}");
}

#[test]
fn a_short_header_is_refused() {
    let sample = sample();
    let pages = aligned(&sample);
    for len in 0..sample.len() {
        let error = decode(&pages[..len], len as u64).unwrap_err();
        let expected = match len {
            0..8 => matches!(error, Error::NotNdshm),
            _ => matches!(error, Error::Truncated { .. }),
        };
        assert!(expected, "{len}: {error:?}");
    }
    assert_eq!(decode(&pages[..sample.len() - 8], 1 << 20).unwrap_err(), Error::Argument);
}

/// What a reaper may take, by state, policy and format.
#[test]
fn only_the_dead_may_be_reaped() {
    let mut bytes = sample();
    bytes[64] = 1;
    let with = |at: usize, change: &[u8]| {
        let mut bytes = bytes.clone();
        bytes[at..at + change.len()].copy_from_slice(change);
        reaping(&bytes, 1000)
    };
    let promised = |policy: u32, n: u64, ms: u64| {
        let mut bytes = bytes.clone();
        bytes[28..32].copy_from_slice(&policy.to_ne_bytes());
        bytes[80..88].copy_from_slice(&(n << 40 | ms).to_ne_bytes());
        bytes[188..192].copy_from_slice(&u32::from(policy == 4).to_ne_bytes());
        reaping(&bytes, 3_000_000)
    };
    let goes = Reaping::IfIntact { header_len: bytes.len() as u64 };
    assert_eq!(with(0, &[]), goes, "last detach");
    assert_eq!(with(28, &2_u32.to_ne_bytes()), Reaping::Never, "persistent");
    assert_eq!(with(28, &3_u32.to_ne_bytes()), goes, "its owner is gone");
    assert_eq!(with(28, &99_u32.to_ne_bytes()), Reaping::Never, "unknown policy");
    assert_eq!(with(32, &u64::MAX.to_ne_bytes()), Reaping::Never, "header too long");
    assert_eq!(with(64, &0_u32.to_ne_bytes()), Reaping::Always, "never finished");
    assert_eq!(with(0, b"PK"), Reaping::Never, "not ours");
    assert_eq!(with(12, &9_u16.to_ne_bytes()), Reaping::Never, "newer");
    assert_eq!(with(16, &1_u32.to_ne_bytes()), Reaping::Never, "unknown feature");
    assert_eq!(with(8, &ENDIAN.swap_bytes().to_ne_bytes()), Reaping::Never, "byte order");
    for policy in [1, 3, 4] {
        let forever = (1 << 40) - 1;
        for (n, ms) in [(1, 4), (2, forever)] {
            assert_eq!(promised(policy, n, ms), Reaping::Never, "promised");
        }
        for (n, ms) in [(0, 4), (0, forever), (1, 3), (9, 0)] {
            assert_eq!(promised(policy, n, ms), goes, "claimed, or too late");
        }
    }
    for zeros in [&[][..], &[0; 100], &[0; 4096]] {
        assert_eq!(reaping(zeros, 0), Reaping::Always, "never begun");
    }
    let mut almost = [0; 4096];
    almost[100] = 1;
    assert_eq!(reaping(&almost, 0), Reaping::Never, "not ours");
    assert_eq!(reaping(&almost[..101], 0), Reaping::Never, "not ours");
}

#[test]
fn a_damaged_header_is_not_intact() {
    let sample = sample();
    assert!(is_intact(&sample));
    assert!(!is_intact(&sample[..sample.len() - 8]) && !is_intact(&[]));
    for at in (0..sample.len()).filter(|at| !(64..76).contains(at) && !(80..88).contains(at)) {
        let mut damaged = sample.clone();
        damaged[at] ^= 0x10;
        assert!(!is_intact(&damaged), "byte {at}");
    }
}

#[test]
fn states_and_parts() {
    assert_eq!(State::decode(0), Ok(State::Initializing));
    assert_eq!(State::decode(1), Ok(State::Ready));
    assert_eq!(State::decode(2), Err(Error::Corrupt(HeaderPart::State)));
}

#[test]
fn promises_add_up_are_claimed_and_lapse() {
    const MS: u64 = 1_000_000;
    let none = Promises::default();
    assert_eq!((none.outstanding(0), none.expiry_ns(), none.claimed()), (0, 0, None));
    let two = none.and(2, 3 * MS, 7 * MS).unwrap();
    assert_eq!((two.outstanding(10 * MS - 1), two.outstanding(10 * MS)), (2, 0));
    assert_eq!(two.expiry_ns(), 10 * MS);
    let five = two.and(3, 1, 8 * MS).unwrap();
    assert_eq!((five.outstanding(9 * MS), five.expiry_ns()), (5, 10 * MS), "the later moment");
    let fresh = five.and(1, MS, 10 * MS).unwrap();
    assert_eq!((fresh.outstanding(10 * MS), fresh.expiry_ns()), (1, 11 * MS), "lapsed ones go");
    let forever = fresh.and(1, 0, 10 * MS).unwrap();
    assert_eq!((forever.outstanding(u64::MAX), forever.expiry_ns()), (2, 0));
    assert_eq!(none.and(1, u64::MAX, 5).unwrap().outstanding(u64::MAX), 1, "too far away");
    let one = forever.claimed().unwrap();
    let none = one.claimed().unwrap();
    assert_eq!((one.outstanding(5), none.outstanding(5), none.claimed()), (1, 0, None));
    assert_ne!(none.word(), 0, "there was one");
    let soon = none.and(1, MS, 0).unwrap();
    assert_eq!((soon.outstanding(0), soon.outstanding(MS)), (1, 0), "an old moment is over");
    assert_eq!(none.and(1, 1, 1).unwrap().expiry_ns(), MS, "rounded up");
    let most = none.and(Promises::MAX, 0, 0).unwrap();
    assert_eq!((most.outstanding(5), most.and(1, 0, 0)), (Promises::MAX, None));
    assert_eq!(Promises::of_word(most.word()), most);
}

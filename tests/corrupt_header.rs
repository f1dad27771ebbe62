//! One change to a header, one error: a segment is untrusted input.

#![allow(unsafe_code, clippy::unwrap_used, reason = "a test may fail, and says why it is safe")]

mod shm;

use ndshm::error::{Error, HeaderPart};
use ndshm::segment::{Access, Draft, Info, Policy, Segment, Spec};
use shm::{Scratch, publish};

/// The bytes of a valid persistent segment of 3 doubles with metadata.
fn valid() -> Vec<u8> {
    let scratch = Scratch::new("valid");
    publish(&scratch.0, &[3], |spec| {
        spec.policy = Policy::Persist;
        spec.metadata = b"twelve bytes";
    })
    .detach();
    std::fs::read(scratch.file()).unwrap()
}

fn put(bytes: &mut [u8], offset: usize, value: &[u8]) {
    bytes[offset..offset + value.len()].copy_from_slice(value);
}

fn get_u32(bytes: &[u8], offset: usize) -> u32 {
    u32::from_ne_bytes(bytes[offset..offset + 4].try_into().unwrap())
}

/// The checksum as the documented table has it.
fn reseal(bytes: &mut [u8]) {
    let len = get_u32(bytes, 32) as usize;
    let mut crc = crc32fast::Hasher::new();
    crc.update(&bytes[..64]);
    crc.update(&bytes[88..len]);
    put(bytes, 76, &crc.finalize().to_ne_bytes());
}

/// What attaching and peeking say to an object of these bytes.
fn verdict(bytes: &[u8]) -> Result<(), Error> {
    let scratch = Scratch::new("corrupt");
    std::fs::write(scratch.file(), bytes).unwrap();
    let attached = Segment::attach(&scratch.0, Access::Read, None).map(drop);
    assert!(scratch.exists(), "what is not ours to remove was removed");
    assert_eq!(Info::peek(&scratch.0).map(drop), attached);
    attached
}

const fn corrupt(part: HeaderPart) -> Result<(), Error> {
    Err(Error::Corrupt(part))
}

#[test]
fn a_copy_of_a_segment_is_a_segment() {
    let mut bytes = valid();
    assert_eq!(verdict(&bytes), Ok(()));
    reseal(&mut bytes);
    assert_eq!(verdict(&bytes), Ok(()), "the checksum covers what the table says");
    bytes.extend([0; 100]);
    assert_eq!(verdict(&bytes), Ok(()), "an object may be longer");
}

/// What it is, where, the bytes put there, and what is said to it.
type Case<'a> = (&'a str, usize, &'a [u8], Result<(), Error>);

#[test]
fn one_change_one_error() {
    use HeaderPart::{DType, Data, Lengths, Policy, Shape, State, Strides};
    let bytes = valid();
    let nodes = get_u32(&bytes, 152) as usize;
    let shape = get_u32(&bytes, 136) as usize;
    let strides = get_u32(&bytes, 144) as usize;
    let cases: &[Case<'_>] = &[
        ("magic", 0, b"\x89PNG", Err(Error::NotNdshm)),
        ("other byte order", 8, &0x0403_0201_u32.to_ne_bytes(), Err(Error::Endian)),
        ("no byte order", 8, &[7], corrupt(Lengths)),
        ("major", 12, &2_u16.to_ne_bytes(), Err(Error::TooNew { major: 2, minor: 0 })),
        ("major 0", 12, &0_u16.to_ne_bytes(), corrupt(Lengths)),
        ("minor", 14, &9_u16.to_ne_bytes(), Ok(())),
        ("incompat", 16, &1_u32.to_ne_bytes(), Err(Error::TooNew { major: 1, minor: 0 })),
        ("ro_compat", 20, &1_u32.to_ne_bytes(), Ok(())),
        ("compat", 24, &u32::MAX.to_ne_bytes(), Ok(())),
        ("policy", 28, &77_u32.to_ne_bytes(), corrupt(Policy)),
        ("no policy", 28, &0_u32.to_ne_bytes(), corrupt(Policy)),
        ("header_len short", 32, &128_u64.to_ne_bytes(), corrupt(Lengths)),
        ("header_len huge", 32, &u64::MAX.to_ne_bytes(), corrupt(Lengths)),
        ("header_len odd", 32, &257_u64.to_ne_bytes(), corrupt(Lengths)),
        ("header_len past data", 32, &8192_u64.to_ne_bytes(), corrupt(Data)),
        ("total_len", 40, &9999_u64.to_ne_bytes(), corrupt(Data)),
        ("data_offset", 48, &4097_u64.to_ne_bytes(), corrupt(Data)),
        ("data_len", 56, &u64::MAX.to_ne_bytes(), corrupt(Data)),
        ("state", 64, &2_u32.to_ne_bytes(), corrupt(State)),
        ("refcount", 68, &u32::MAX.to_ne_bytes(), Ok(())),
        ("handoff", 188, &1_u32.to_ne_bytes(), corrupt(Policy)),
        ("handoff_ns", 88, &1_u64.to_ne_bytes(), corrupt(Policy)),
        ("ndim", 128, &2_u32.to_ne_bytes(), corrupt(Shape)),
        ("ndim huge", 128, &u32::MAX.to_ne_bytes(), corrupt(Shape)),
        ("itemsize", 132, &4_u32.to_ne_bytes(), corrupt(DType)),
        ("itemsize huge", 132, &u32::MAX.to_ne_bytes(), corrupt(Strides)),
        ("shape inside the fixed part", 136, &128_u32.to_ne_bytes(), corrupt(Shape)),
        ("shape not aligned", 136, &260_u32.to_ne_bytes(), corrupt(Shape)),
        ("shape outside", 136, &0x7fff_fff8_u32.to_ne_bytes(), corrupt(Shape)),
        ("shape count", 140, &u32::MAX.to_ne_bytes(), corrupt(Shape)),
        ("strides outside", 144, &0x7fff_fff8_u32.to_ne_bytes(), corrupt(Strides)),
        ("strides count", 148, &0_u32.to_ne_bytes(), corrupt(Strides)),
        ("nodes count", 156, &0_u32.to_ne_bytes(), corrupt(DType)),
        ("nodes many", 156, &u32::MAX.to_ne_bytes(), corrupt(DType)),
        ("names outside", 172, &u32::MAX.to_ne_bytes(), corrupt(DType)),
        ("metadata outside", 180, &u32::MAX.to_ne_bytes(), corrupt(Lengths)),
        ("alignment", 184, &1_u32.to_ne_bytes(), corrupt(Data)),
        ("alignment no power", 184, &4095_u32.to_ne_bytes(), corrupt(Data)),
        ("extent", shape, &4_u64.to_ne_bytes(), corrupt(Strides)),
        ("extent huge", shape, &u64::MAX.to_ne_bytes(), corrupt(Strides)),
        ("stride", strides, &(-8_i64).to_ne_bytes(), corrupt(Strides)),
        ("stride wide", strides, &16_i64.to_ne_bytes(), corrupt(Strides)),
        ("stride huge", strides, &i64::MAX.to_ne_bytes(), corrupt(Strides)),
        ("stride overlapping", strides, &0_i64.to_ne_bytes(), Ok(())),
        ("dtype kind", nodes + 6, b"Z", corrupt(DType)),
        ("dtype itemsize", nodes + 8, &3_u32.to_ne_bytes(), corrupt(DType)),
        ("dtype span", nodes + 16, &2_u32.to_ne_bytes(), corrupt(DType)),
    ];
    for (what, offset, value, expected) in cases {
        let mut damaged = bytes.clone();
        put(&mut damaged, *offset, value);
        if (*offset < 32 || *offset >= 40) && *expected != Err(Error::NotNdshm) {
            reseal(&mut damaged);
        }
        assert_eq!(verdict(&damaged), *expected, "{what}");
    }
}

#[test]
fn every_bit_that_never_changes_is_covered() {
    let bytes = valid();
    let len = get_u32(&bytes, 32) as usize;
    for at in (0..64).chain(88..len) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1;
        assert!(verdict(&damaged).is_err(), "byte {at}");
    }
}

#[test]
fn a_checksum_that_is_wrong() {
    let mut bytes = valid();
    bytes[104] ^= 1; // the generation, which nothing else constrains
    assert_eq!(verdict(&bytes), corrupt(HeaderPart::Checksum));
}

#[test]
fn short_objects() {
    let bytes = valid();
    let full = bytes.len() as u64;
    assert_eq!(full, 4096 + 24);
    for len in [8, 100, 255] {
        let error = Error::Truncated { need: 256, have: len };
        assert_eq!(verdict(&bytes[..len as usize]), Err(error));
    }
    for len in [256, 300, 4096, full - 1] {
        let error = Error::Truncated { need: full, have: len };
        assert_eq!(verdict(&bytes[..len as usize]), Err(error));
    }
    assert_eq!(verdict(b"\x89NDS"), Err(Error::NotNdshm));
    assert_eq!(verdict(&b"not a segment at all".repeat(30)), Err(Error::NotNdshm));
}

/// What a name says whose creator died before it wrote a header, and what sizing
/// alone leaves. It is nobody's, so it goes with the attach.
#[test]
fn objects_of_zeros() {
    for len in [0, 256, 257, 4096, 1 << 20] {
        let scratch = Scratch::new("zeros");
        std::fs::write(scratch.file(), vec![0; len]).unwrap();
        let peeked = Info::peek(&scratch.0).map(drop);
        let attached = Segment::attach(&scratch.0, Access::Read, None).map(drop);
        let expected = if len == 0 { Error::NotReady } else { Error::CreatorDied };
        assert_eq!(peeked, Err(expected), "{len}");
        assert_eq!((attached, scratch.exists()), (Err(expected), false), "{len}");
    }
}

/// Not the tag alone: every number as a machine of the other byte order has it.
#[test]
fn a_segment_of_the_other_byte_order() {
    let mut bytes = valid();
    let len = get_u32(&bytes, 32) as usize;
    bytes[12..14].reverse();
    bytes[14..16].reverse();
    let words = (8..12).step_by(4).chain((16..32).step_by(4)).chain((64..88).step_by(4));
    for at in words.chain((128..188).step_by(4)) {
        bytes[at..at + 4].reverse();
    }
    for at in (32..64).step_by(8).chain((88..112).step_by(8)).chain((256..len).step_by(8)) {
        bytes[at..at + 8].reverse();
    }
    assert_eq!(verdict(&bytes), Err(Error::Endian));
}

#[test]
fn unknown_features_for_writers_allow_readers() {
    let mut bytes = valid();
    put(&mut bytes, 20, &1_u32.to_ne_bytes());
    reseal(&mut bytes);
    let scratch = Scratch::new("rocompat");
    std::fs::write(scratch.file(), &bytes).unwrap();
    let writer = Segment::attach(&scratch.0, Access::ReadWrite, None);
    assert_eq!(writer.unwrap_err(), Error::TooNew { major: 1, minor: 0 });
    assert!(Segment::attach(&scratch.0, Access::Read, None).is_ok());
}

/// What a newer version may want to keep is nothing an older one removes.
#[test]
fn newer_and_foreign_objects_are_never_in_the_way_of_being_kept() {
    let mut newer = valid();
    put(&mut newer, 12, &2_u16.to_ne_bytes());
    for bytes in [&newer[..], b"somebody's notes"] {
        let scratch = Scratch::new("foreign");
        std::fs::write(scratch.file(), bytes).unwrap();
        let dtype = shm::float64();
        let create = Draft::create(&scratch.0, &Spec::new(dtype.as_dtype(), &[1]));
        assert_eq!(create.unwrap_err(), Error::Exists);
        assert_eq!(std::fs::read(scratch.file()).unwrap(), bytes);
    }
}

/// A dead segment goes with the attach that fails, as with everybody else who
/// meets it; but not one whose policy cannot be believed.
#[test]
fn only_an_intact_header_says_that_it_may_go() {
    let scratch = Scratch::new("dead");
    let made = publish(&scratch.0, &[3], |_| {});
    let mut bytes = std::fs::read(scratch.file()).unwrap();
    drop(made);
    let attach = |bytes: &[u8]| {
        std::fs::write(scratch.file(), bytes).unwrap();
        (Segment::attach(&scratch.0, Access::Read, None).map(drop), scratch.exists())
    };
    put(&mut bytes, 128, &2_u32.to_ne_bytes());
    assert_eq!(attach(&bytes), (corrupt(HeaderPart::Checksum), true));
    reseal(&mut bytes);
    assert_eq!(attach(&bytes), (corrupt(HeaderPart::Shape), false));
}

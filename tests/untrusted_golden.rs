//! A whole segment of format 1.0, by another encoder (`tests/data/make_segment.py`):
//! it is read, and the library writes the same bytes. A later version of the
//! format keeps this file and adds its own.

#![cfg(target_endian = "little")]
#![allow(unsafe_code, clippy::unwrap_used, reason = "a test may fail, and says why it is safe")]

mod shm;

use ndshm::dtype_buf::DTypeBuf;
use ndshm::layout::{Array, Plan, Policy, Stamp, State, encode};
use ndshm::segment::{Access, Info, Segment};
use shm::Scratch;

const GOLDEN: &[u8] = include_bytes!("data/segment-1.0.bin");
const DTYPE: &str = "{'names': ['id', 'position', 'time', 'é'], 'formats': ['>i4', \
                     ({'names': ['x', 'flag'], 'formats': ['<f8', '|b1'], 'offsets': [2, 0], \
                     'itemsize': 10}, (2,)), '<M8[10s]', '|S3'], 'offsets': [0, 4, 28, 24], \
                     'itemsize': 40}";
const POLICY: Policy = Policy::Handoff { attaches: 3, within_ns: 600_000_000_000 };

#[test]
fn a_segment_of_format_1_0_is_attached() {
    let scratch = Scratch::new("golden");
    std::fs::write(scratch.file(), GOLDEN).unwrap();
    let info = Info::peek(&scratch.0).unwrap();
    assert_eq!((info.refcount(), info.header().state()), (0, State::Ready));
    let seen = Segment::attach(&scratch.0, Access::Read, None).unwrap();
    assert_eq!(seen.dtype(), DTypeBuf::parse(DTYPE).unwrap().as_dtype());
    assert_eq!(seen.dtype().to_string(), DTYPE);
    assert_eq!((seen.shape(), seen.strides()), (&[2, 3][..], &[40, 80][..]));
    assert_eq!((seen.itemsize(), seen.data_len()), (40, 240));
    assert_eq!(seen.metadata(), b"{\"unit\": \"m\"}");
    assert_eq!(seen.policy(), POLICY);
    assert_eq!(seen.uuid(), core::array::from_fn(|i| i as u8));
    let fixed = seen.header().header();
    assert_eq!((fixed.format_major, fixed.format_minor), (1, 0));
    assert_eq!((fixed.creator_pid, fixed.generation), (4242, 7));
    assert_eq!((fixed.created_ns, fixed.alignment), (1_700_000_000_000_000_000, 4096));
    let mut data = [0; 240];
    seen.copy_to(&mut data, 0).unwrap();
    assert_eq!(data, core::array::from_fn(|i| i as u8));
}

#[test]
fn a_segment_of_format_1_0_is_written() {
    let dtype = DTypeBuf::parse(DTYPE).unwrap();
    let array = Array {
        dtype: dtype.as_dtype(),
        shape: &[2, 3],
        strides: Some(&[40, 80]),
        metadata: b"{\"unit\": \"m\"}",
    };
    let stamp = Stamp {
        uuid: core::array::from_fn(|i| i as u8),
        policy: POLICY,
        created_ns: 1_700_000_000_000_000_000,
        creator_pid: 4242,
        generation: 7,
    };
    let plan = Plan::new(&array, 4096).unwrap();
    let mut header = vec![0; plan.header_len() as usize];
    encode(&mut header, &plan, &array, &stamp).unwrap();
    // The golden one is ready, and nobody has it attached.
    assert_eq!((header[64], header[68]), (0, 1));
    (header[64], header[68]) = (1, 0);
    assert_eq!(header, GOLDEN[..header.len()]);
    assert_eq!(plan.total_len(), GOLDEN.len() as u64);
}

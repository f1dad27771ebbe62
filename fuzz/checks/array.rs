//! Random arrays go through a header and come out the same.

use ndshm::layout::{Array, Plan, Policy, Stamp, View, decode, encode};

use super::builder::right;
use super::bytes::Bytes;

/// Makes an array of a right dtype, as the bytes say, and a header of it.
pub(crate) fn check(bytes: &[u8]) {
    let dtype = right(bytes);
    let mut bytes = Bytes::new(bytes);
    let ndim = bytes.below(6);
    let shape: Vec<u64> = (0..ndim).map(|_| u64::from(bytes.u8() % 7)).collect();
    let strides = strides(&mut bytes, &shape, i64::from(dtype.as_dtype().itemsize()));
    let stamp = stamp(&mut bytes);
    let metadata = bytes.rest();
    let array =
        Array { dtype: dtype.as_dtype(), shape: &shape, strides: strides.as_deref(), metadata };
    with_header(&array, 4096, &stamp, |view| {
        assert_eq!(view.dtype(), dtype.as_dtype());
        assert_eq!((view.shape(), view.metadata()), (&shape[..], metadata));
        assert!(strides.as_deref().is_none_or(|strides| view.strides() == strides));
        assert_eq!(view.policy(), stamp.policy);
        let fixed = view.header();
        assert_eq!((fixed.uuid, fixed.generation), (stamp.uuid, stamp.generation));
        assert_eq!((fixed.created_ns, fixed.creator_pid), (stamp.created_ns, stamp.creator_pid));
    });
}

/// Fortran order, every other element, or the default.
fn strides(bytes: &mut Bytes<'_>, shape: &[u64], itemsize: i64) -> Option<Vec<i64>> {
    let mut step = match bytes.below(3) {
        0 => return None,
        gap => itemsize * gap as i64,
    };
    let of = |&extent: &u64| {
        let here = step;
        step = step.saturating_mul(extent.max(1).cast_signed());
        here
    };
    Some(shape.iter().map(of).collect())
}

fn stamp(bytes: &mut Bytes<'_>) -> Stamp {
    let policy = match bytes.below(5) {
        0 => Policy::LastDetach,
        1 => Policy::Persist,
        2 => Policy::Owner,
        3 => Policy::Handoff { attaches: bytes.u32(), within_ns: bytes.u64() },
        _ => Policy::Anonymous,
    };
    let uuid = core::array::from_fn(|_| bytes.u8());
    let (created_ns, creator_pid, generation) = (bytes.u64(), bytes.u32(), bytes.u64());
    Stamp { uuid, policy, created_ns, creator_pid, generation }
}

/// Lets `look` see what is read from the header of `array`.
pub(crate) fn with_header(
    array: &Array<'_>,
    page: usize,
    stamp: &Stamp,
    look: impl FnOnce(&View<'_>),
) {
    let plan = Plan::new(array, page).expect("an array that holds together");
    let len = usize::try_from(plan.header_len()).expect("a header in memory");
    let mut words = vec![0_u64; len.div_ceil(8)];
    let buf: &mut [u8] = bytemuck::cast_slice_mut(&mut words);
    encode(buf, &plan, array, stamp).expect("room for the header");
    look(&decode(buf, plan.total_len()).expect("what was written is read"));
}

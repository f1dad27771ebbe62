//! A dtype built step by step, as bytes say: random dtypes that are right, and
//! a builder that is misused.

use ndshm::dtype::{Builder, DType, Kind, Order, Unit};
use ndshm::dtype_buf::{DTypeBuf, Room};
use ndshm::error::Result;

use super::bytes::Bytes;

/// Kinds with sizes, most of which are right.
const LEAVES: [(Kind, u32); 24] = {
    use Kind::{
        Bool, Bytes, Complex, Datetime, Float, Int, Record, Timedelta, Uint, Unicode, Void,
    };
    [
        (Bool, 1),
        (Int, 1),
        (Int, 2),
        (Int, 4),
        (Int, 8),
        (Uint, 1),
        (Uint, 2),
        (Uint, 4),
        (Uint, 8),
        (Float, 2),
        (Float, 4),
        (Float, 8),
        (Complex, 8),
        (Complex, 16),
        (Bytes, 0),
        (Bytes, 5),
        (Unicode, 12),
        (Unicode, 0),
        (Void, 0),
        (Void, 9),
        (Datetime, 8),
        (Timedelta, 8),
        (Int, 3),
        (Record, 4),
    ]
};

const ROOM: Room = Room { nodes: 300, dims: 600, names: 6000 };

/// The dtype that a whole program makes, with everything a caller may do wrong.
pub(crate) fn misused(program: &[u8]) -> Result<DTypeBuf> {
    DTypeBuf::build(ROOM, |mut builder| {
        let mut bytes = Bytes::new(program);
        for i in 0..200 {
            if bytes.is_empty() {
                break;
            }
            step(&mut builder, &mut bytes, i)?;
        }
        builder.finish()
    })
}

fn step(builder: &mut Builder<'_>, bytes: &mut Bytes<'_>, i: u32) -> Result<()> {
    match bytes.below(10) {
        0..=2 => leaf(builder, bytes, i),
        3 => builder.begin_record(&name(bytes, i)),
        4 => builder.end_record(),
        5 => builder.subarray(&[bytes.u32() % 5, u32::from(bytes.u8())]),
        6 => builder.unit(Unit::ALL[bytes.below(14)], bytes.u32()),
        7 => builder.place(bytes.u32() % 64),
        8 => builder.skip(bytes.u32() % 64),
        _ => builder.resize(bytes.u32()),
    }
}

fn leaf(builder: &mut Builder<'_>, bytes: &mut Bytes<'_>, i: u32) -> Result<()> {
    let (kind, size) = LEAVES[bytes.below(LEAVES.len())];
    let order = [Order::Little, Order::Big, Order::None][bytes.below(3)];
    builder.leaf(&name(bytes, i), kind, size, order)
}

/// Names of all kinds, `i` keeping most of them apart; the root's is empty.
fn name(bytes: &mut Bytes<'_>, i: u32) -> String {
    match bytes.below(8) {
        0 => String::new(),
        1 => "twice".into(),
        2 => format!("{}{i}", char::from_u32(bytes.u32() % 0x11_0000).unwrap_or('\u{fffd}')),
        3 => format!("'\"\\{i}"),
        4 => format!("\n\t\r\0{i}"),
        _ => format!("f{i}"),
    }
}

/// A dtype that is right, whatever the bytes: nested records, subarrays, units,
/// fields out of order and overlapping, unused bytes, both byte orders.
pub(crate) fn right(program: &[u8]) -> DTypeBuf {
    let mut bytes = Bytes::new(program);
    let room = Room { nodes: 2000, dims: 4000, names: 40_000 };
    let made = DTypeBuf::build(room, |mut builder| {
        part(&mut builder, &mut bytes, "", 0)?;
        builder.finish()
    });
    made.unwrap_or_else(|error| panic!("{program:?}: {error}"))
}

fn part(builder: &mut Builder<'_>, bytes: &mut Bytes<'_>, name: &str, depth: u32) -> Result<()> {
    let choice = bytes.below(8);
    if depth < 4 && (choice < 3 || depth == 0 && choice < 7) {
        record(builder, bytes, name, depth)?;
    } else {
        let (kind, size) = LEAVES[bytes.below(22)];
        let big = bytes.u8().is_multiple_of(2);
        builder.leaf(name, kind, size, if big { Order::Big } else { Order::Little })?;
        if matches!(kind, Kind::Datetime | Kind::Timedelta) && bytes.u8().is_multiple_of(2) {
            let unit = Unit::ALL[1 + bytes.below(13)];
            builder.unit(unit, bytes.u32() % 0x7fff_ffff + 1)?;
        }
    }
    Ok(())
}

fn record(builder: &mut Builder<'_>, bytes: &mut Bytes<'_>, name: &str, depth: u32) -> Result<()> {
    builder.begin_record(name)?;
    for i in 0..=bytes.below(5) {
        let strange = char::from_u32(bytes.u32() % 0x11_0000).filter(|&c| c != '\0');
        let name = format!("{}{i}", strange.unwrap_or('f'));
        part(builder, bytes, &name, depth + 1)?;
        for _ in 0..bytes.below(3) {
            builder.subarray(&[1 + bytes.u32() % 3])?;
        }
        if bytes.below(4) == 0 {
            builder.place(u32::from(bytes.u8()))?;
        }
        builder.skip(bytes.u32() % 4)?;
    }
    builder.end_record()
}

/// Every field lies in its record, every value in the element, and the names
/// and the text read back.
pub(crate) fn holds(dtype: DType<'_>) {
    for index in 0..dtype.nodes().len() {
        let record = dtype.field_at(index as u32);
        for field in record.fields() {
            let end = u64::from(field.offset()) + u64::from(field.size());
            assert!(end <= u64::from(record.itemsize()), "{dtype}");
            assert!(!field.name().is_empty() && !field.name().contains('\0'), "{dtype}");
        }
    }
    for leaf in dtype.leaves().take(1000) {
        let end = u64::from(leaf.offset) + u64::from(leaf.field.itemsize());
        assert!(end <= u64::from(dtype.itemsize()), "{dtype}");
    }
    let text = dtype.to_string();
    let again = DTypeBuf::parse(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
    assert_eq!(again.as_dtype(), dtype, "{text}");
    assert_eq!(again.to_string(), text);
}

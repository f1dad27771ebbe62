//! Random dtypes, random text, random damage. Seeds are fixed.

use std::string::{String, ToString};
use std::vec::Vec;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::tables::Tables;
use crate::dtype::{Builder, DType, Kind, Node, Order, Unit};
use crate::dtype_buf::{DTypeBuf, Room};
use crate::error::{Error, Result};

fn run<S: Strategy>(cases: u32, strategy: &S, test: impl Fn(S::Value)) {
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let tested = runner.run(strategy, |value| {
        test(value);
        Ok(())
    });
    tested.unwrap_or_else(|error| panic!("{error}"));
}

#[derive(Debug, Clone)]
enum Type {
    Leaf(Kind, u32, Order, Option<(Unit, u32)>),
    Record(Vec<Part>, u32),
}

#[derive(Debug, Clone)]
struct Part {
    name: String,
    of: Type,
    dims: Vec<u32>,
    /// Bytes that it is moved by from its packed place.
    shift: i32,
}

fn leaf() -> impl Strategy<Value = Type> {
    use Kind::*;
    let sized = select(std::vec![
        (Bool, 1),
        (Int, 1),
        (Int, 4),
        (Int, 8),
        (Uint, 1),
        (Uint, 2),
        (Float, 2),
        (Float, 8),
        (Complex, 8),
        (Complex, 16),
        (Bytes, 0),
        (Bytes, 7),
        (Unicode, 12),
        (Void, 0),
        (Void, 9),
        (Datetime, 8),
        (Timedelta, 8),
    ]);
    let unit = (1..14_usize, select(std::vec![1_u32, 10, 2_147_483_647]), any::<bool>());
    (sized, any::<bool>(), unit).prop_map(|((kind, size), big, (unit, count, generic))| {
        let order = if big { Order::Big } else { Order::Little };
        let unit = if generic { (Unit::Generic, 1) } else { (Unit::ALL[unit], count) };
        let timed = matches!(kind, Datetime | Timedelta);
        Type::Leaf(kind, size, order, timed.then_some(unit))
    })
}

fn types() -> impl Strategy<Value = Type> {
    leaf().prop_recursive(4, 24, 6, |inner| {
        let shift = prop_oneof![4 => Just(0), 1 => 1..9_i32, 1 => -9..9_i32];
        let part = (any::<String>(), inner, vec(1..4_u32, 0..3), shift)
            .prop_map(|(name, of, dims, shift)| Part { name, of, dims, shift });
        (vec(part, 1..6), prop_oneof![Just(0), 0..9_u32]).prop_map(|(p, pad)| Type::Record(p, pad))
    })
}

fn add(builder: &mut Builder<'_>, name: &str, of: &Type) -> Result<()> {
    let (parts, pad) = match of {
        Type::Record(parts, pad) => (parts, *pad),
        &Type::Leaf(kind, size, order, unit) => {
            builder.leaf(name, kind, size, order)?;
            return unit.map_or(Ok(()), |(unit, count)| builder.unit(unit, count));
        }
    };
    builder.begin_record(name)?;
    for (i, part) in parts.iter().enumerate() {
        // Names differ by their number, and hold no NUL.
        let name = std::format!("{}{i}", part.name.replace('\0', "0"));
        add(builder, &name, &part.of)?;
        builder.subarray(&part.dims)?;
        if part.shift != 0 {
            let offset = builder.last_node()?.1.offset.saturating_add_signed(part.shift);
            builder.place(offset)?;
        }
    }
    builder.end_record()?;
    let itemsize = builder.last_node()?.1.itemsize;
    builder.resize(itemsize + pad)
}

fn build(of: &Type) -> DTypeBuf {
    let room = Room { nodes: 4000, dims: 4000, names: 400_000 };
    let made = DTypeBuf::build(room, |mut builder| {
        add(&mut builder, "", of)?;
        builder.finish()
    });
    made.unwrap_or_else(|error| panic!("{of:?}: {error}"))
}

/// Every value lies in the element, and there are as many as there should be.
fn walk(dtype: DType<'_>) {
    let mut count = 0;
    for leaf in dtype.leaves().take(1000) {
        assert!(
            u64::from(leaf.offset) + u64::from(leaf.field.itemsize()) <= dtype.itemsize().into()
        );
        count += 1;
    }
    assert_eq!(count, dtype.leaf_count().min(1000));
}

#[test]
fn what_is_printed_is_read_back() {
    run(2000, &types(), |of| {
        let made = build(&of);
        walk(made.as_dtype());
        let text = made.to_string();
        assert_eq!(DTypeBuf::parse(&text).as_ref(), Ok(&made), "{text}");
        if made.as_dtype().is_record() {
            let wrapped = DTypeBuf::parse(&std::format!(" np.dtype( {text} ,\n)\n"));
            assert_eq!(wrapped.as_ref(), Ok(&made), "{text}");
        }
        assert_eq!(DTypeBuf::copy_of(made.as_dtype()).as_ref(), Ok(&made));
    });
}

/// Whatever the text: no panic, an error inside of it, or a dtype that holds.
fn read_anything(text: &str) {
    match DTypeBuf::parse(text) {
        Ok(made) => {
            walk(made.as_dtype());
            assert_eq!(DTypeBuf::parse(&made.to_string()), Ok(made), "{text:?}");
        }
        Err(Error::DType { at, .. }) => assert!(at as usize <= text.len(), "{text:?}"),
        Err(other) => panic!("{text:?}: {other}"),
    }
}

#[test]
fn random_text_never_panics() {
    run(5000, &any::<String>(), |text| read_anything(&text));
    run(5000, &vec(any::<u8>(), 0..64), |bytes| read_anything(&String::from_utf8_lossy(&bytes)));
}

/// Pieces of real dtypes in any order get further than random bytes do.
#[test]
fn random_pieces_never_panic() {
    let pieces = select(std::vec![
        "[",
        "]",
        "(",
        ")",
        "{",
        "}",
        ",",
        ":",
        "'",
        "\"",
        "\\",
        " ",
        "\n",
        "#",
        "=",
        "<",
        ">",
        "|",
        "f8",
        "i4",
        "S10",
        "U2",
        "V3",
        "M8",
        "[ns]",
        "M8[10s]",
        "O",
        "a",
        "b",
        "x",
        "0",
        "1",
        "2",
        "-1",
        "2147483647",
        "65536",
        "('a', 'i4')",
        "('', 'V2')",
        "('n', [('x', '>f4', (2,))])",
        "('a', ",
        "{'names': ['a'], 'formats': ['i4']}",
        "'names': ",
        "'formats': ",
        "'offsets': ",
        "'itemsize': ",
        "'aligned': True",
        "dtype(",
        ", align=True)",
        "n:{",
        "x:f8",
        "y:(2,3)i2",
        "(2,)",
        "é",
        "np.",
    ]);
    run(30_000, &vec(pieces, 0..14), |text| read_anything(&text.concat()));
}

/// One change in a text that is right.
#[test]
fn damaged_text_never_panics() {
    let change = (any::<proptest::sample::Index>(), "[ -~\n]{0,3}", 0..4_usize);
    run(3000, &(types(), change), |(of, (at, new, cut))| {
        let mut text: Vec<char> = build(&of).to_string().chars().collect();
        let at = at.index(text.len());
        let end = text.len().min(at + cut);
        text.splice(at..end, new.chars());
        read_anything(&text.into_iter().collect::<String>());
    });
}

fn damage(node: &mut Node, part: usize, value: u32) {
    let (short, byte) = (value as u16, value as u8);
    match part {
        0 => node.name_start = value,
        1 => node.name_len = short,
        2 => node.kind = byte,
        3 => node.order = byte,
        4 => node.itemsize = value,
        5 => node.offset = value,
        6 => node.span = value,
        7 => node.dims_start = value,
        8 => node.ndim = short,
        9 => node.unit = byte,
        10 => node.reserved = byte,
        _ => node.unit_count = value,
    }
}

#[test]
fn damaged_tables_are_refused_or_hold() {
    let values = prop_oneof![
        3 => 0..16_u32,
        2 => any::<u32>(),
        1 => select(b"biufcSUVMmr<>|=".to_vec()).prop_map(u32::from),
        1 => select(std::vec![u32::MAX, 1 << 31, i32::MAX as u32, 65_536, 32, 33]),
    ];
    let change = (any::<proptest::sample::Index>(), 0..14_usize, values);
    run(6000, &(types(), vec(change, 1..4)), |(of, changes)| {
        let mut tables = Tables::of(build(&of).as_dtype());
        for (at, part, value) in changes {
            match part {
                12 if !tables.dims.is_empty() => {
                    let at = at.index(tables.dims.len());
                    tables.dims[at] = value;
                }
                13 if !tables.names.is_empty() => {
                    let at = at.index(tables.names.len());
                    tables.names[at] = value as u8;
                }
                _ => {
                    let at = at.index(tables.nodes.len());
                    damage(&mut tables.nodes[at], part, value);
                }
            }
        }
        match tables.check() {
            Ok(dtype) => {
                walk(dtype);
                assert_eq!(DTypeBuf::parse(&dtype.to_string()).unwrap().as_dtype(), dtype);
            }
            Err(Error::DType { at, .. }) => assert!((at as usize) < tables.nodes.len()),
            Err(other) => panic!("{other}"),
        }
    });
}

#[test]
fn random_tables_never_panic() {
    let node = vec(any::<u32>(), 8);
    let tables = (vec(node, 0..6), vec(any::<u32>(), 0..4), vec(any::<u8>(), 0..8));
    run(5000, &tables, |(nodes, dims, names)| {
        let words: Vec<u32> = nodes.into_iter().flatten().collect();
        let nodes: &[Node] = bytemuck::cast_slice(&words);
        if let Ok(dtype) = DType::new(nodes, &dims, &names) {
            walk(dtype);
        }
    });
}

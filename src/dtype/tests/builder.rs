//! Building, copying and selecting without text.

use std::string::ToString;

use super::{node_fault, read};
use crate::dtype::{Builder, DType, Kind, MAX_SIZE, Node, Order, Unit};
use crate::dtype_buf::{DTypeBuf, Room};
use crate::error::{DTypeFault, Error, Result};

const ROOM: Room = Room { nodes: 40, dims: 40, names: 80 };

fn build(fill: impl FnOnce(&mut Builder<'_>) -> Result<()>) -> Result<DTypeBuf> {
    DTypeBuf::build(ROOM, |mut builder| {
        fill(&mut builder)?;
        builder.finish()
    })
}

#[test]
fn fields_follow_each_other() {
    let made = build(|b| {
        b.begin_record("")?;
        b.leaf("a", Kind::Int, 4, Order::Big)?;
        b.begin_record("n")?;
        b.leaf("s", Kind::Bytes, 3, Order::Little)?;
        b.leaf("t", Kind::Datetime, 8, Order::Little)?;
        b.unit(Unit::Second, 10)?;
        b.end_record()?;
        b.subarray(&[3])?;
        b.subarray(&[2])?;
        b.skip(5)?;
        b.leaf("z", Kind::Float, 8, Order::Little)?;
        b.end_record()?;
        b.resize(100)
    });
    let expected = "[('a', '>i4'), ('n', [('s', '|S3'), ('t', '<M8[10s]')], (2, 3)), \
                    ('', '|V5'), ('z', '<f8'), ('', '|V17')]";
    assert_eq!(made.unwrap().to_string(), expected);
}

#[test]
fn a_placed_field_does_not_stretch_the_record() {
    let made = build(|b| {
        b.begin_record("")?;
        b.leaf("a", Kind::Uint, 4, Order::Little)?;
        b.leaf("b", Kind::Uint, 4, Order::Little)?;
        b.place(0)?;
        b.end_record()
    });
    assert_eq!(made.unwrap().as_dtype().itemsize(), 4);
}

#[test]
fn one_plain_type() {
    let made = DTypeBuf::scalar(Kind::Float, 8, Order::Big).unwrap();
    assert_eq!(made, read(">f8"));
    assert_eq!(DTypeBuf::scalar(Kind::Bool, 1, Order::Little).unwrap(), read("?"));
    let none = DTypeBuf::scalar(Kind::Float, 8, Order::None);
    assert_eq!(node_fault(none), (0, DTypeFault::Table));
    assert_eq!(node_fault(DTypeBuf::scalar(Kind::Int, 3, Order::Big)), (0, DTypeFault::Size));
}

#[test]
fn misuse_is_refused() {
    let is_misuse = |made: Result<DTypeBuf>| assert_eq!(made, Err(Error::Argument));
    is_misuse(build(|b| {
        b.leaf("", Kind::Int, 4, Order::Big)?;
        b.end_record()
    }));
    is_misuse(build(|b| b.subarray(&[2])));
    is_misuse(build(|b| b.skip(1)));
    is_misuse(build(|b| b.begin_record("")));
    is_misuse(build(|b| {
        b.leaf("", Kind::Int, 4, Order::Big)?;
        b.place(0)
    }));
    is_misuse(build(|b| {
        b.leaf("", Kind::Int, 4, Order::Big)?;
        b.unit(Unit::Day, 1)
    }));
    is_misuse(build(|b| {
        b.leaf("", Kind::Int, 4, Order::Big)?;
        b.resize(8)
    }));
}

#[test]
fn faults_name_the_node() {
    let empty = build(|b| {
        b.begin_record("")?;
        b.begin_record("n")?;
        b.end_record()
    });
    assert_eq!(node_fault(empty), (1, DTypeFault::Empty));
    let two_roots = build(|b| {
        b.leaf("", Kind::Int, 4, Order::Big)?;
        b.leaf("", Kind::Int, 4, Order::Big)
    });
    assert_eq!(node_fault(two_roots), (1, DTypeFault::Trailing));
    let named_root = build(|b| b.leaf("x", Kind::Int, 4, Order::Big));
    assert_eq!(node_fault(named_root), (0, DTypeFault::Name));
    let nameless = build(|b| {
        b.begin_record("")?;
        b.leaf("", Kind::Int, 4, Order::Big)?;
        b.end_record()
    });
    assert_eq!(node_fault(nameless), (1, DTypeFault::Name));
    let large = build(|b| {
        b.begin_record("")?;
        b.leaf("a", Kind::Void, MAX_SIZE, Order::None)?;
        b.leaf("b", Kind::Void, 1, Order::None)?;
        b.end_record()
    });
    assert_eq!(node_fault(large), (2, DTypeFault::TooLarge));
    assert_eq!(node_fault(build(|_| Ok(()))), (0, DTypeFault::Empty));
    let at_once = build(|b| {
        b.leaf("", Kind::Int, 4, Order::Big)?;
        assert_eq!(node_fault(b.subarray(&[2, 0])), (0, DTypeFault::Subarray));
        assert_eq!(node_fault(b.subarray(&[1; 33])), (0, DTypeFault::Subarray));
        assert_eq!(node_fault(b.subarray(&[1 << 30])), (0, DTypeFault::TooLarge));
        Err(Error::Argument)
    });
    assert_eq!(at_once, Err(Error::Argument));
}

/// Whatever table is too small, the answer is the same; just enough is enough.
#[test]
fn small_tables_are_an_error() {
    let whole = read("chr:S10,n:(2){xyz:(3,4)f4,y:i4}");
    let exact = Room::of(whole.as_dtype());
    let copy = |room| {
        DTypeBuf::build(room, |mut b| {
            b.copy("", whole.as_dtype().root())?;
            b.finish()
        })
    };
    assert_eq!(copy(exact), Ok(read(&whole.to_string())));
    let (mut nodes, mut dims, mut names) = ([Node::default(); 9], [0; 9], [0; 9]);
    let tight = [
        Room { nodes: exact.nodes - 1, ..exact },
        Room { dims: exact.dims - 1, ..exact },
        Room { names: exact.names - 1, ..exact },
    ];
    for room in tight {
        let mut builder = Builder::new(
            &mut nodes[..room.nodes],
            &mut dims[..room.dims],
            &mut names[..room.names],
        );
        assert_eq!(builder.copy("", whole.as_dtype().root()), Err(Error::DTypeSpace));
        let builder = Builder::new(
            &mut nodes[..room.nodes],
            &mut dims[..room.dims],
            &mut names[..room.names],
        );
        let text = whole.to_string();
        assert_eq!(crate::dtype::parse(&text, builder).unwrap_err(), Error::DTypeSpace);
    }
}

#[test]
fn copies_are_equal_wherever_they_go() {
    let from = read("a:>i4,n:2{s:S3,t:(2,2)M8[ms]},v:V4");
    assert_eq!(DTypeBuf::copy_of(from.as_dtype()).unwrap(), from);
    let inside = build(|b| {
        b.begin_record("")?;
        b.leaf("k", Kind::Int, 1, Order::None)?;
        b.copy("all", from.as_dtype().root())?;
        b.subarray(&[2])?;
        b.copy("again", from.as_dtype().root().fields().nth(1).unwrap())?;
        b.end_record()
    });
    let record = from.to_string();
    let n = "[('s', '|S3'), ('t', '<M8[ms]', (2, 2))], (2,)";
    let expected = std::format!("[('k', '|i1'), ('all', {record}, (2,)), ('again', {n})]");
    assert_eq!(inside.unwrap().to_string(), expected);
}

#[test]
fn selections_are_packed_in_the_order_given() {
    let from = read(
        "{'names':['a','b','c'],'formats':['<i4',('<f8',(2,)),[('x','u1')]],'offsets':[4,16,40]}",
    );
    let pick = |fields: &[usize]| DTypeBuf::select(from.as_dtype(), fields.iter().copied());
    let all = "[('a', '<i4'), ('b', '<f8', (2,)), ('c', [('x', '|u1')])]";
    assert_eq!(pick(&[0, 1, 2]).unwrap().to_string(), all);
    assert_eq!(pick(&[2, 0]).unwrap().to_string(), "[('c', [('x', '|u1')]), ('a', '<i4')]");
    assert_eq!(pick(&[3]), Err(Error::Argument));
    assert_eq!(node_fault(pick(&[])), (0, DTypeFault::Empty));
    assert_eq!(node_fault(pick(&[0, 0])), (2, DTypeFault::DuplicateName));
    assert_eq!(node_fault(pick(&[2, 2, 2, 2])), (0, DTypeFault::DuplicateName));
    assert_eq!(DTypeBuf::select(read("f8").as_dtype(), [0]), Err(Error::Argument));
}

#[test]
fn only_what_was_built_is_kept() {
    static NODE: [Node; 1] = [Node {
        name_start: 0,
        name_len: 0,
        kind: b'b',
        order: b'|',
        itemsize: 1,
        offset: 0,
        span: 1,
        dims_start: 0,
        ndim: 0,
        unit: 0,
        reserved: 0,
        unit_count: 0,
    }];
    let foreign = DType::new(&NODE, &[], &[]).unwrap();
    assert_eq!(DTypeBuf::build(ROOM, |_| Ok(foreign)), Err(Error::Argument));
}

#[test]
fn equality_is_of_meaning() {
    let (a, b) = (read("x:i4,y:(2)f8"), read("[('x', 'i4'), ('y', 'f8', 2)]"));
    assert_eq!(a, b);
    for other in ["x:i4,y:(3)f8", "x:i4,z:(2)f8", "x:>i4,y:(2)f8", "x:i4", "x:u4,y:(2)f8", "S20"] {
        assert_ne!(a, read(other), "{other}");
    }
    assert_ne!(read("x:(2,3)f8"), read("x:(3,2)f8"));
    assert_ne!(read("x:M8[s]"), read("x:M8[ms]"));
    assert_ne!(read("x:f8,y:f8"), read("x:f8,y:f8,z:S0"));
}

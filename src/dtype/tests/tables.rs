//! Tables that nobody made by building: each one thing wrong, one fault.

use std::collections::BTreeSet;
use std::string::{String, ToString};
use std::vec::Vec;
use std::{format, vec};

use super::{node_fault, read};
use crate::dtype::{DType, Kind, MAX_SIZE, Node, unique};
use crate::error::DTypeFault::{self, *};

/// The tables of a dtype, free to be broken.
#[derive(Debug, Clone)]
pub(super) struct Tables {
    pub(super) nodes: Vec<Node>,
    pub(super) dims: Vec<u32>,
    pub(super) names: Vec<u8>,
}

impl Tables {
    pub(super) fn of(dtype: DType<'_>) -> Self {
        let (nodes, dims, names) = (dtype.nodes(), dtype.dims(), dtype.names());
        Self { nodes: nodes.to_vec(), dims: dims.to_vec(), names: names.to_vec() }
    }

    pub(super) fn check(&self) -> crate::error::Result<DType<'_>> {
        DType::new(&self.nodes, &self.dims, &self.names)
    }
}

/// 0 root, 1 `a`, 2 `n`, 3 `x`, 4 `t`, 5 `s`; itemsize 4 + 2 * 28 + 5.
fn good() -> Tables {
    let made = read("a:<i4,n:(2){x:(5)<f4,t:<M8[ns]},s:S5");
    Tables::of(made.as_dtype())
}

fn broken(break_it: impl FnOnce(&mut Tables)) -> (u32, DTypeFault) {
    let mut tables = good();
    break_it(&mut tables);
    node_fault(tables.check())
}

fn node(index: u32, fault: DTypeFault, break_it: impl FnOnce(&mut Node)) {
    let got = broken(|tables| break_it(&mut tables.nodes[index as usize]));
    assert_eq!(got, (index, fault), "node {index}");
}

#[test]
fn the_unbroken_table_passes() {
    let tables = good();
    assert_eq!(tables.nodes.len(), 6);
    assert_eq!(tables.check().unwrap().itemsize(), 65);
}

#[test]
fn codes_and_sizes() {
    node(1, UnknownType, |n| n.kind = b'x');
    node(1, UnknownType, |n| n.kind = 0);
    node(1, Table, |n| n.order = b'=');
    node(1, Table, |n| n.order = b'|');
    node(5, Table, |n| n.order = b'<');
    node(0, Table, |n| n.order = b'<');
    node(1, Size, |n| n.itemsize = 3);
    node(4, Size, |n| n.itemsize = 4);
    node(5, Size, |n| n.itemsize = MAX_SIZE + 1);
    node(0, Size, |n| n.itemsize = u32::MAX);
    node(1, Table, |n| n.reserved = 1);
    node(1, Unit, |n| n.unit = 1);
    node(1, Unit, |n| n.unit_count = 1);
    node(4, Unit, |n| n.unit = 0);
    node(4, Unit, |n| n.unit = 15);
    node(4, Unit, |n| n.unit_count = 0);
    node(4, Unit, |n| n.unit_count = 1 << 31);
    node(4, Unit, |n| (n.unit, n.unit_count) = (1, 2));
}

#[test]
fn spans() {
    node(0, Table, |n| n.span = 5);
    node(0, Table, |n| n.span = 7);
    node(0, Table, |n| n.span = 0);
    node(1, Table, |n| n.span = 0);
    node(1, Table, |n| n.span = 2);
    node(2, Table, |n| n.span = 0);
    node(2, Empty, |n| n.span = 1);
    node(2, Table, |n| n.span = 5);
    node(2, Table, |n| n.span = u32::MAX);
    // `t` leaves its record and no longer fits where it says it is; or it does.
    node(2, Size, |n| (n.span, n.itemsize) = (2, u32::MAX));
    let mut tables = good();
    tables.nodes[2].span = 2;
    assert!(tables.check().is_ok());
    tables.nodes[0].itemsize = 64;
    assert_eq!(node_fault(tables.check()), (5, Offset));
    assert_eq!(broken(|t| t.nodes.truncate(5)), (0, Table));
    assert_eq!(broken(|t| t.nodes.clear()), (0, Empty));
}

#[test]
fn places() {
    node(5, Offset, |n| n.offset = 61);
    node(5, Offset, |n| n.offset = u32::MAX);
    node(3, Offset, |n| n.offset = 9);
    node(5, Offset, |n| n.itemsize = 6);
    node(0, Offset, |n| n.offset = 1);
    node(1, Offset, |n| n.offset = 62);
    assert_eq!(broken(|t| t.nodes[0].itemsize = 64), (5, Offset));
    assert_eq!(broken(|t| t.nodes[2].itemsize = 27), (4, Offset));
    assert_eq!(broken(|t| t.nodes[2].itemsize = 31), (2, Offset));
    // Overlapping is allowed.
    let mut tables = good();
    tables.nodes[5].offset = 0;
    assert!(tables.check().is_ok());
}

#[test]
fn subarrays() {
    let dims = |dims: [u32; 2]| broken(|t| t.dims.copy_from_slice(&dims));
    assert_eq!(good().dims, [5, 2]);
    assert_eq!(dims([0, 2]), (3, Subarray));
    assert_eq!(dims([5, 0]), (2, Subarray));
    assert_eq!(dims([8, 2]), (3, Offset));
    assert_eq!(dims([5, 3]), (2, Offset));
    assert_eq!(dims([u32::MAX, 2]), (3, TooLarge));
    assert_eq!(dims([1 << 30, 2]), (3, TooLarge));
    node(3, Table, |n| n.dims_start = 2);
    node(3, Table, |n| n.dims_start = u32::MAX);
    node(5, Table, |n| n.ndim = 1);
    node(3, Subarray, |n| n.ndim = 33);
    node(0, Subarray, |n| n.ndim = 1);
    // Extents of nothing: the product must not wrap, whatever the itemsize.
    let mut tables = good();
    tables.nodes[5] = Node { itemsize: 0, dims_start: 2, ndim: 3, ..tables.nodes[5] };
    tables.dims.extend([1 << 20; 3]);
    assert_eq!(node_fault(tables.check()), (5, TooLarge));
}

#[test]
fn names() {
    assert_eq!(good().names, b"anxts");
    node(1, Name, |n| n.name_len = 0);
    node(5, Table, |n| n.name_start = 5);
    node(5, Table, |n| n.name_start = u32::MAX);
    node(5, Table, |n| n.name_len = 2);
    node(1, Table, |n| n.name_len = u16::MAX);
    node(0, Name, |n| n.name_len = 1);
    assert_eq!(broken(|t| t.names[0] = 0), (1, Name));
    assert_eq!(broken(|t| t.names[3] = 0xff), (4, Name));
    assert_eq!(broken(|t| t.names[1] = b'a'), (2, DuplicateName));
    assert_eq!(broken(|t| t.names[3] = b'x'), (4, DuplicateName));
    assert_eq!(broken(|t| t.nodes[5].name_start = 0), (5, DuplicateName));
    // What is wrong with one name is said before what is wrong with two.
    assert_eq!(broken(|t| (t.nodes[1].name_len, t.nodes[2].name_len) = (0, 0)), (1, Name));
    // The same name in another record is another name.
    let mut tables = good();
    tables.names[3] = b'a';
    assert!(tables.check().is_ok());
}

#[test]
fn counts_and_depth() {
    let mut tables = good();
    let leaf = Node { name_len: 0, offset: 0, ..tables.nodes[5] };
    tables.nodes.resize(65_537, leaf);
    tables.nodes[0].span = 65_537;
    assert_eq!(node_fault(tables.check()), (65_536, TooManyFields));
    let record = Node { kind: Kind::Record as u8, order: b'|', itemsize: 1, ..Node::default() };
    let chain = |depth: u32| -> Tables {
        let name = |i| u16::from(i > 0);
        let mut nodes: Vec<_> = (0..depth)
            .map(|i| Node { span: depth - i + 1, name_len: name(i), name_start: i, ..record })
            .collect();
        nodes.push(Node { span: 1, kind: b'V', name_len: 1, name_start: depth, ..record });
        Tables { nodes, dims: vec![], names: vec![b'x'; depth as usize + 1] }
    };
    assert!(chain(32).check().is_ok());
    assert_eq!(node_fault(chain(33).check()), (32, Depth));
}

/// Nodes of one record with these names.
fn record(names: &[String]) -> (Vec<Node>, Vec<u8>) {
    let mut nodes = vec![Node { span: u32::try_from(names.len()).unwrap() + 1, ..Node::default() }];
    let mut pool = Vec::new();
    for name in names {
        let (start, len) = (pool.len().try_into().unwrap(), name.len().try_into().unwrap());
        nodes.push(Node { name_start: start, name_len: len, span: 1, ..Node::default() });
        pool.extend_from_slice(name.as_bytes());
    }
    (nodes, pool)
}

/// A few thousand names from a small supply, against a set: around the size of
/// one batch, far above it, and with the only duplicate anywhere.
#[test]
fn duplicates_are_found_in_records_of_any_size() {
    let find = |names: &[String]| {
        let (nodes, pool) = record(names);
        unique::duplicate(&nodes, &pool, 0)
    };
    for count in [1, 2, 3, 4095, 4096, 4097, 8192, 10_000, 65_535] {
        let mut names: Vec<String> = (0..count)
            .map(|i: u64| format!("{:x}", i.wrapping_mul(0x9e37_79b9) % 0x1_0000_0000))
            .collect();
        let unique: BTreeSet<_> = names.iter().collect();
        assert_eq!(unique.len(), names.len());
        assert_eq!(find(&names), None, "{count}");
        // The duplicate in the first batch, in the last, and between.
        let last = names.len() - 1;
        for from in (0..last).step_by(last / 8 + 1) {
            let twice = names[from].clone();
            let kept = core::mem::replace(&mut names[last], twice);
            assert_eq!(find(&names), Some(last + 1), "{count}: {from}");
            names[last] = kept;
        }
    }
    let same = vec!["x".to_string(); 5000];
    assert!(find(&same).is_some());
    let mut sorted: Vec<String> = (0..9000).map(|i| format!("{i:05}")).collect();
    assert_eq!(find(&sorted), None);
    sorted.reverse();
    assert_eq!(find(&sorted), None);
}

//! The walk over the plain values of an element.

use std::string::String;
use std::vec::Vec;
use std::{format, vec};

use super::read;
use crate::dtype::Kind;

fn walk(text: &str) -> Vec<(String, u32)> {
    let made = read(text);
    let dtype = made.as_dtype();
    let leaves: Vec<_> =
        dtype.leaves().map(|leaf| (leaf.field.name().into(), leaf.offset)).collect();
    assert_eq!(dtype.leaf_count(), leaves.len() as u64, "{text}");
    leaves
}

#[test]
fn depth_first_with_absolute_offsets() {
    assert_eq!(walk("f8"), [(String::new(), 0)]);
    let leaves = walk("a:u1,n:(2,2){x:u2,y:2{z:3u1}},b:u4");
    let mut expected = vec![(String::from("a"), 0)];
    for record in 0..4 {
        let at = 1 + 8 * record;
        expected.push(("x".into(), at));
        expected.extend((0..6).map(|i| ("z".into(), at + 2 + i)));
    }
    expected.push(("b".into(), 33));
    assert_eq!(leaves, expected);
}

#[test]
fn holes_and_overlaps_keep_their_offsets() {
    let text = "{'names':['b','a'],'formats':[('u2',(2,)),'u4'],'offsets':[6,4],'itemsize':16}";
    assert_eq!(walk(text), [("b".into(), 6), ("b".into(), 8), ("a".into(), 4)]);
}

#[test]
fn deep_and_wide() {
    let deep = format!("{}x:u1{}", "n:{".repeat(31), "}".repeat(31));
    assert_eq!(walk(&deep), [("x".into(), 0)]);
    let doubled = format!("{}x:u1{}", "n:2{".repeat(16), "}".repeat(16));
    assert_eq!(
        walk(&doubled).iter().map(|leaf| leaf.1).collect::<Vec<_>>(),
        (0..65_536).collect::<Vec<_>>()
    );
}

#[test]
fn more_values_than_anybody_can_count() {
    let made = read(&format!("{}x:S0{}", "n:1000000{".repeat(5), "}".repeat(5)));
    assert_eq!(made.as_dtype().leaf_count(), u64::MAX);
    assert_eq!(made.as_dtype().itemsize(), 0);
    assert_eq!(made.as_dtype().leaves().take(1000).count(), 1000);
}

#[test]
fn holes_leave_nothing_in_the_tables() {
    let made = read("[('a','i1'),('','V2',(3,)),('b','i1',(4,))]");
    let dtype = made.as_dtype();
    assert_eq!((dtype.nodes().len(), dtype.dims(), dtype.names()), (3, &[4][..], &b"ab"[..]));
}

#[test]
fn fields_of_a_record_skip_what_is_inside() {
    let made = read("a:u1,n:{x:u2,m:{y:u2}},b:u4");
    let dtype = made.as_dtype();
    let names: Vec<_> = dtype.root().fields().map(|field| field.name()).collect();
    assert_eq!(names, ["a", "n", "b"]);
    let kinds: Vec<_> = dtype.root().fields().map(|field| field.kind()).collect();
    assert_eq!(kinds, [Kind::Uint, Kind::Record, Kind::Uint]);
    assert_eq!(read("f8").as_dtype().root().fields().count(), 0);
}

//! Texts that leave widths and units open.

use std::string::{String, ToString};
use std::vec::Vec;

use crate::dtype::{Extent, Kind, Unit};
use crate::dtype_buf::DTypeBuf;
use crate::error::{DTypeFault, Error};

/// The text with every open thing closed, and what was asked for.
fn close(text: &str) -> (String, Vec<(usize, Kind)>) {
    let mut asked = Vec::new();
    let dtype = DTypeBuf::parse_open(text, &mut |node, kind| {
        asked.push((node, kind));
        match kind {
            Kind::Datetime => Extent::Unit(Unit::Second, 25),
            _ => Extent::Chars(10 + node as u32),
        }
    });
    (dtype.unwrap().to_string(), asked)
}

#[test]
fn what_is_open_is_asked_for_in_the_order_of_the_text() {
    let text = "a:S,b:U,c:i4,d:M8,e:S4,f:(2,3)<U";
    let (closed, asked) = close(text);
    assert_eq!(
        closed,
        "[('a', '|S11'), ('b', '<U12'), ('c', '<i4'), ('d', '<M8[25s]'), ('e', '|S4'), \
         ('f', '<U16', (2, 3))]"
    );
    let kinds = [(1, Kind::Bytes), (2, Kind::Unicode), (4, Kind::Datetime), (6, Kind::Unicode)];
    assert_eq!(asked, kinds);
}

#[test]
fn every_form_may_be_open() {
    for (text, closed) in [
        ("S", "S10"),
        ("str", "<U10"),
        (">U", ">U10"),
        ("np.bytes_", "S10"),
        ("datetime64", "<M8[25s]"),
        ("M8[generic]", "<M8[25s]"),
        ("S,M8", "[('f0', 'S11'), ('f1', '<M8[25s]')]"),
        ("[('a', [('b', 'S')]), ('c', 'S0')]", "[('a', [('b', 'S12')]), ('c', 'S0')]"),
        (
            "{'names': ['a', 'b'], 'formats': ['U', 'i2'], 'aligned': True}",
            "{'names': ['a', 'b'], 'formats': ['<U11', '<i2'], 'offsets': [0, 44], \
             'itemsize': 48, 'aligned': True}",
        ),
    ] {
        let (made, asked) = close(text);
        let expected = DTypeBuf::parse(closed).unwrap();
        assert_eq!((made, asked.is_empty()), (expected.to_string(), false), "{text}");
    }
}

#[test]
fn what_is_not_open_is_not_asked_for() {
    for text in ["S3", "i4", "m8", "M8[D]", "S0"] {
        assert!(close(text).1.is_empty(), "{text}");
    }
}

#[test]
fn faults_are_those_of_closed_texts() {
    let wide = &mut |_, _| Extent::Chars(u32::MAX / 4);
    let error = |text: &str| DTypeBuf::parse_open(text, &mut |_, _| Extent::Chars(1)).unwrap_err();
    assert_eq!(
        DTypeBuf::parse_open("a:i4, b:U", wide).unwrap_err(),
        Error::DType { at: 8, fault: DTypeFault::TooLarge }
    );
    assert_eq!(error("a:S,b:V"), Error::DType { at: 6, fault: DTypeFault::Size });
    assert_eq!(error("a:S,a:S"), Error::DType { at: 4, fault: DTypeFault::DuplicateName });
    let error = DTypeBuf::parse("a:i4, b:<S").unwrap_err();
    assert_eq!(error, Error::DType { at: 9, fault: DTypeFault::Size });
    let unit = &mut |_, _| Extent::Unit(Unit::Day, 1);
    assert!(DTypeBuf::parse_open("S", unit).is_err());
}

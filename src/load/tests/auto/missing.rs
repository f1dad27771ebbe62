//! Missing values and what takes their place, where types are found.

use super::*;
use crate::load::{Fill, Missing};

fn missing(column: Option<ColumnRef>, text: &str) -> Missing {
    Missing { column, text: text.into() }
}

fn fill(column: Option<ColumnRef>, value: &str) -> Fill {
    Fill { column, value: value.into() }
}

#[test]
fn missing_values_are_filled() {
    let text = "a,b,c\n1,NA,x\nNA,2.5,NA\n,4,\n";
    let all = Options { header: true, missing: [missing(None, "NA")].into(), ..tiny(2, 3) };
    let made = |options: &Options| {
        let (dtype, keep) = found([stream(text)].into(), "auto", options).unwrap();
        (dtype, keep.inputs[0].2.clone())
    };
    let (dtype, bytes) = made(&all);
    assert_eq!(dtype, "[('a', '<f8'), ('b', '<f8'), ('c', '|S1')]");
    assert!(f64::from_le_bytes(bytes[17..25].try_into().unwrap()).is_nan());
    assert_eq!([bytes[16], bytes[33], bytes[50]], [b'x', 0, 0]);
    // A fill of the column's own is a value of it, whether it is needed or not.
    let own = Options {
        fill: [fill(Some("a".into()), "-1"), fill(Some(2.into()), "none"), fill(None, "7")].into(),
        ..all.clone()
    };
    let (dtype, bytes) = made(&own);
    assert_eq!(dtype, "[('a', '<i8'), ('b', '<f8'), ('c', '|S4')]");
    assert_eq!(i64::from_le_bytes(bytes[20..28].try_into().unwrap()), -1);
    assert_eq!(bytes[8..16], 7f64.to_le_bytes());
    assert_eq!(&bytes[36..40], b"none");
    // What is for all columns is for numbers, were it to fit a string.
    let wide = "a,c\n1,xyz\nNA,NA\n";
    let common = Options { fill: [fill(None, "-1")].into(), ..all.clone() };
    let (dtype, keep) = found([stream(wide)].into(), "auto", &common).unwrap();
    assert_eq!(dtype, "[('a', '<i8'), ('c', '|S3')]");
    assert_eq!(keep.inputs[0].2[19..], [0; 3]);
    let common = Options { fill: [fill(None, "-1")].into(), ..all.clone() };
    let (dtype, bytes) = made(&common);
    assert_eq!((dtype.as_str(), bytes[33]), ("[('a', '<i8'), ('b', '<f8'), ('c', '|S1')]", 0));
    let useless = Options { fill: [fill(None, "long")].into(), ..all.clone() };
    assert_eq!(made(&useless).0, "[('a', '<f8'), ('b', '<f8'), ('c', '|S1')]");
    // Only in one column.
    let one = Options { missing: [missing(Some(0.into()), "NA")].into(), ..all };
    assert_eq!(made(&one).0, "[('a', '<f8'), ('b', '|S3'), ('c', '|S2')]");
}

#[test]
fn fills_of_fixed_and_open_types_are_values_of_them() {
    let options = Options { missing: [missing(None, "NA")].into(), ..tiny(2, 3) };
    let with = |list: &[Fill]| Options { fill: list.to_vec(), ..options.clone() };
    let text = "1,ab\nNA,NA\n";
    let error = error_of(text, "i4,S2", &with(&[fill(Some(0.into()), "x")]));
    assert!(error.contains("'x', is none of <i4"), "{error}");
    let error = error_of(text, "i4", &with(&[fill(None, "x")]));
    assert!(error.contains("'x', is none of any column"), "{error}");
    let twice = with(&[fill(Some(0.into()), "1"), fill(Some(0.into()), "2")]);
    assert!(error_of(text, "i4,S2", &twice).contains("two values"));
    let none = error_of(text, "i4,S2", &options);
    assert!(none.contains("could not convert 'NA' to <i4"), "{none}");
    let open = |list: &[Fill]| found([stream(text)].into(), "i4,S", &with(list)).unwrap().0;
    assert_eq!(open(&[fill(None, "-1")]), "[('f0', '<i4'), ('f1', '|S2')]");
    assert_eq!(open(&[fill(None, "-1000")]), "[('f0', '<i4'), ('f1', '|S5')]");
    let own = [fill(Some(0.into()), "-1"), fill(Some((-1).into()), "absent")];
    assert_eq!(open(&own), "[('f0', '<i4'), ('f1', '|S6')]");
}

#[test]
fn a_marker_of_a_nested_field_is_one_of_its_columns_only() {
    let missing = [Missing { column: Some("a".into()), text: "NA".into() }].into();
    let options = Options { missing, ..tiny(2, 100) };
    let dtype = "a:{x:f8,y:f8},b:f8";
    assert!(found([stream("1,NA,3\nNA,2,3\n")].into(), dtype, &options).is_ok());
    let error = error_of("1,NA,3\nNA,2,NA\n", dtype, &options);
    assert!(error.starts_with("stream:2:3: "), "{error}");
}

//! Which fault, and at which byte of the text.

use std::format;
use std::string::{String, ToString};
use std::vec::Vec;

use super::{read, refusal};
use crate::dtype::MAX_FIELDS;
use crate::error::DTypeFault::{self, *};

/// A `^` in the text marks the byte that is wrong and is taken out.
fn check(marked: &str, fault: DTypeFault) {
    let at = marked.find('^').unwrap();
    let text: String = marked.chars().filter(|&c| c != '^').collect();
    assert_eq!(refusal(&text), (u32::try_from(at).unwrap(), fault), "{marked}");
}

#[test]
fn single_types() {
    check("^", Empty);
    check(" \n^", Empty);
    check("^x8", UnknownType);
    check("<^x8", UnknownType);
    check("<^i3", Size);
    check("^S", Size);
    check("^str", Size);
    check("^S2147483648", TooLarge);
    check("^U536870912", TooLarge);
    check("^O", Unshareable);
    check("<^f16", Unshareable);
    check("M8[^7x]", Unit);
    check("M8[^0s]", Unit);
    check("M8[^s", Unit);
    check("^M4", Size);
    check("f8^[ns]", Trailing);
    check("f8 ^f8", Trailing);
    check("^3f8", Subarray);
    check("^(2,)f8", Subarray);
    check("<(2,)^>f8,i4", Syntax);
    check("<^", Empty);
}

#[test]
fn short_form() {
    check("x:f8,y:^q7", UnknownType);
    check("x:f8,y^", Syntax);
    check("x:f8,y^\nz:f8", Syntax);
    check("x:f8,y:i4,^x:f4", DuplicateName);
    check("n:{x:i4},x:i4,m:{x:i4,^x:i4}", DuplicateName);
    check("x:f8\n# y\n^x:i4", DuplicateName);
    check(" ^:f8", Name);
    check("^:f8,:i4", Name);
    check(&format!("x:f8,^{}:f8", "y".repeat(65_536)), Name);
    check("x:f8,^,y:i4", Syntax);
    check("x:f8 ^y:i4", Syntax);
    check("x:(2,^0)f8", Subarray);
    check("x:(2,^f8", Syntax);
    check("n:^{}", Empty);
    check("n:{a:i4^", Syntax);
    check("n:{a:i4}^}", Syntax);
    check("x:^", Empty);
    check("x:^S", Size);
    check("x:V2147483647,y:^?,z:f8", TooLarge);
    check("x:^(2000,2000)S2000", TooLarge);
    check("^a\0:f8", Name);
}

#[test]
fn python_forms() {
    check("^[]", Empty);
    check("[('a','^x8')]", UnknownType);
    check("[('a','i4'),(^'a','f8')]", DuplicateName);
    check("[('n',[('a','i4'),(^\"a\",'f8')])]", DuplicateName);
    check("[('a','i4'),(('t',^'a'),'f8')]", DuplicateName);
    check("[(^'a\\x00','i4')]", Name);
    check("[('a^\\q','i4')]", Syntax);
    check("[('a^\\ud800','i4')]", Syntax);
    check("[('a,'^i4)]", Syntax);
    check("[('a','i4') ^('b','f8')]", Syntax);
    check("[('a','i4')^", Syntax);
    check("[('a','i4')]^]", Trailing);
    check("[^'i4']", Syntax);
    check("[('a','f8',(^-1,))]", Subarray);
    check("[('a','f8',(2,^'x'))]", Syntax);
    check("[('a','f8',^0)]", Subarray);
    check("[('a','f8',^99999999999)]", Subarray);
    check("('f8',^(2,))", Subarray);
    check("[(^'a", Syntax);
}

#[test]
fn dicts() {
    check("^{'names':['a']}", Syntax);
    check("{'names':['a'],^'bogus':1}", Syntax);
    check("{'names':['a',^'a'],'formats':['i1','i4']}", DuplicateName);
    check("{'names':['a',^'b'],'formats':['i1']}", Syntax);
    check("{'names':['a'],'formats':['i1',^'i4']}", Syntax);
    check("{'names':['a','b'],'formats':['i1','^i3']}", Size);
    check("{'names':['a'],'formats':['i1'],'offsets':[0,^1]}", Offset);
    check("{'names':['a'],'formats':['i1'],'offsets':[^-1]}", Offset);
    check("{'names':['a','b'],'formats':['i1','i1'],'offsets':[0]^}", Offset);
    check("{'names':['a'],'formats':['i4'],'itemsize':^2}", Offset);
    check("{'names':['a'],'formats':['i4'],'offsets':[^2],'aligned':True}", Offset);
    check("{'names':['a'],'formats':['i4'],'itemsize':^5,'aligned':True}", Offset);
    check("{'names':['a'],'formats':['i4'],'itemsize':^4294967295}", TooLarge);
}

#[test]
fn nesting_is_bounded() {
    let nest = |n: usize| format!("{}'i1'{}", "[('a',".repeat(n), ")]".repeat(n));
    assert_eq!(read(&nest(32)).as_dtype().nodes().len(), 33);
    assert_eq!(refusal(&nest(33)), (32 * 6, Depth));
    assert_eq!(refusal(&nest(50_000)), (32 * 6, Depth));
    assert_eq!(refusal(&"(".repeat(50_000)).1, Depth);
    assert_eq!(refusal(&"dtype(".repeat(50_000)).1, Syntax);
    assert_eq!(refusal(&"x:{".repeat(50_000)).1, Depth);
}

/// `c0:f8,c1:f8,...`
fn columns(n: usize) -> String {
    (0..n).map(|i| format!("c{i}:f8\n")).collect::<Vec<_>>().concat()
}

#[test]
fn as_many_columns_as_allowed() {
    let made = read(&columns(MAX_FIELDS));
    assert_eq!(made.as_dtype().itemsize(), 8 * 65_535);
    let text = made.to_string();
    assert_eq!(read(&text), made);
    assert_eq!(refusal(&columns(MAX_FIELDS + 1)).1, TooManyFields);
    let counted = read(&"b,".repeat(MAX_FIELDS));
    assert_eq!(counted.as_dtype().root().fields().last().unwrap().name(), "f65534");
}

#[test]
fn the_last_of_many_columns_has_the_name_of_the_first() {
    let mut text = columns(MAX_FIELDS - 1);
    let at = u32::try_from(text.len()).unwrap();
    text.push_str("c0:i4");
    assert_eq!(refusal(&text), (at, DuplicateName));
}

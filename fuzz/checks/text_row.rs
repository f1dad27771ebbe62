//! The kernels and the plain reading give the same for any bytes.
//!
//! A comment character that numbers may hold makes the reader do without its
//! kernels. So a text is read twice: with a harmless comment character, and with
//! one of the others in its place, that the text does not hold anywhere else.

use ndshm::dtype_buf::DTypeBuf;
use ndshm::text::{
    BadRows, Column, Comments, Delimiter, Dialect, Format, OVERRUN, PADDING, Plan, PlanOptions,
    Progress, Span, Text, columns_needed, parse,
};

use super::bytes::Bytes;

const DTYPES: [&str; 8] = [
    "<f8",
    "<i4",
    "|S3",
    ">u2",
    "chr:S10,pos:<i4,pct:<f4,c:<i4,t:<i4",
    "a:?,b:>f8,c:<f2,d:<i8,e:<U2",
    "{'names':['a','b','c'],'formats':['S5','<i4','<f8'],'offsets':[12,0,20],'itemsize':32}",
    "a:|i1,b:S20,c:<m8[s],d:<c16",
];

/// Characters that the kernels leave to the plain reading.
const STRANGE: &[u8] = b"ABCDFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz\t ";

/// Two bytes choose dtype, delimiter and columns; the text follows.
pub(crate) fn check(bytes: &[u8]) {
    let mut bytes = Bytes::new(bytes);
    let dtype = DTYPES[bytes.below(DTYPES.len())];
    let choice = bytes.u8();
    let delimiter = match choice & 3 {
        0 => Delimiter::Whitespace,
        1 => Delimiter::Char('\t'),
        _ => Delimiter::Char(','),
    };
    let columns = u32::from(choice >> 2 & 3) + 1;
    let text = bytes.rest();
    let format = |comment: u8| {
        let comments = Comments::Char(comment.into());
        Format::new(Dialect { delimiter, comments, ..Dialect::default() })
    };
    let plain = format(b'#').expect("two characters");
    let strange = STRANGE.iter().filter(|byte| !text.contains(byte));
    let Some((byte, strange)) = strange.copied().find_map(|byte| Some((byte, format(byte).ok()?)))
    else {
        return;
    };
    let replaced: Vec<u8> = text.iter().map(|&b| if b == b'#' { byte } else { b }).collect();
    let by_kernels = read(dtype, columns, plain, text);
    let plainly = read(dtype, columns, strange, &replaced);
    assert_eq!(by_kernels, plainly, "{dtype} {:?}", String::from_utf8_lossy(text));
}

/// The rows and how far it came.
fn read(dtype: &str, columns: u32, format: Format<'_>, text: &[u8]) -> (Vec<u8>, Progress) {
    let dtype = DTypeBuf::parse(dtype).expect("a dtype");
    let mut storage = vec![Column::default(); columns_needed(dtype.as_dtype(), None).expect("few")];
    let options = PlanOptions { format, ..PlanOptions::default() };
    let plan = Plan::compile(dtype.as_dtype(), &options, &mut storage);
    let plan = plan.and_then(|plan| plan.with_columns(columns)).expect("a plan");
    let mut input = text.to_vec();
    input.resize(text.len() + PADDING, 0xEE);
    let mut out = vec![0xAA; (text.len() + 1) * plan.row_size() + OVERRUN];
    let input = Text::new(&mut input, text.len()).expect("padding");
    let progress =
        parse(&plan, input, Span::whole(&input), u64::MAX, &mut out, &mut BadRows::stop());
    out.truncate(progress.rows as usize * plan.row_size());
    (out, progress)
}

//! Options and dtypes as they come through the C interface, of any bytes: refused or taken, but
//! never a panic, and nothing is written where an error is returned.

use core::ffi::{CStr, c_char};
use core::mem::MaybeUninit;
use core::ptr;
use std::ffi::CString;

use ndshm::ffi::error::{NDSHM_ERR_PANIC, NDSHM_OK};
use ndshm::ffi::parsed::{ndshm_dtype, ndshm_dtype_close, ndshm_dtype_parse, ndshm_dtype_text};
use ndshm::ffi::reading::{ndshm_column_text, ndshm_text_options};
use ndshm::ffi::segment::ndshm_create_options;
use ndshm::ffi::text::{NDSHM_INPUT_FILE, ndshm_input};
use ndshm::ffi::{ndshm_error, ndshm_segment};

use super::bytes::Bytes;

const DTYPES: [&CStr; 6] = [c"f8", c"auto", c"S,M8,U", c"a:i4,b:S", c"V4", c"M8[s]"];
const TEXTS: [&CStr; 12] =
    [c",", c"", c"#", c"\"", c"\t", c".", c"utf-16", c"latin1", c"NA", c"ab", c"\xff", c"\xc2\xa7"];

/// Bytes of texts, options and their size.
pub(crate) fn check(bytes: &[u8]) {
    let mut bytes = Bytes::new(bytes);
    match bytes.below(3) {
        0 => dtype(bytes.rest()),
        1 => raw(bytes.rest()),
        _ => chosen(&mut bytes),
    }
}

/// A record of errors, all of whose texts end within it.
struct Record(ndshm_error);

impl Record {
    fn new() -> Self {
        // SAFETY: integers and texts, which may be zero.
        let mut error: ndshm_error = unsafe { MaybeUninit::zeroed().assume_init() };
        error.struct_size = size_of::<ndshm_error>() as u32;
        Self(error)
    }

    /// Not a panic; and an error says something.
    fn is_sound(&self, status: i32) {
        assert_ne!(status, NDSHM_ERR_PANIC, "{:?}", self.message());
        assert!(status <= NDSHM_OK);
        if status != NDSHM_OK {
            assert_eq!(self.0.code, status);
            assert!(!self.message().is_empty());
        }
    }

    fn message(&self) -> String {
        // SAFETY: bytes of the record.
        let text = unsafe { CStr::from_ptr((&raw const self.0.message).cast()) };
        text.to_str().expect("UTF-8").into()
    }
}

/// Any text as a dtype: what is taken prints, and reads as itself.
fn dtype(text: &[u8]) {
    let Ok(text) = CString::new(text.split(|&b| b == 0).next().unwrap_or_default()) else { return };
    let mut record = Record::new();
    let mut dtype = MaybeUninit::<ndshm_dtype>::zeroed();
    // SAFETY: text that ends, room for a dtype, and a record.
    let status = unsafe { ndshm_dtype_parse(text.as_ptr(), dtype.as_mut_ptr(), &raw mut record.0) };
    record.is_sound(status);
    let mut small = [0x55 as c_char; 24];
    // SAFETY: a handle, open or of zeros; 16 bytes to write.
    let len = unsafe { ndshm_dtype_text(dtype.as_ptr(), small.as_mut_ptr(), 16) };
    assert!(small[16..].iter().all(|&byte| byte == 0x55), "written behind the buffer");
    assert_eq!(len > 0, status == NDSHM_OK);
    // SAFETY: likewise.
    let closed = unsafe { ndshm_dtype_close(dtype.as_mut_ptr()) };
    assert_eq!(closed, NDSHM_OK);
}

/// Options whose numbers are any bytes, and whose pointers lead nowhere.
fn raw(given: &[u8]) {
    // SAFETY: zeros are options.
    let mut options: ndshm_text_options = unsafe { MaybeUninit::zeroed().assume_init() };
    let size = size_of::<ndshm_text_options>();
    // SAFETY: the struct's own bytes, of which none is padding that matters.
    let bytes = unsafe { core::slice::from_raw_parts_mut((&raw mut options).cast::<u8>(), size) };
    bytes.iter_mut().zip(given).for_each(|(to, from)| *to = *from);
    let o = &mut options;
    let known = size as u32;
    // More than there is cannot be promised.
    o.struct_size = if o.struct_size > known { known } else { o.struct_size };
    (o.dtype, o.delimiter, o.comments) = (DTYPES[0].as_ptr(), ptr::null(), ptr::null());
    (o.quote, o.decimal, o.encoding) = (ptr::null(), ptr::null(), ptr::null());
    (o.usecols, o.comment_strings, o.usecols_names) = (ptr::null(), ptr::null(), ptr::null());
    (o.missing, o.fill) = (ptr::null(), ptr::null());
    load(o);
}

/// Options of texts that may be right, in any combination.
fn chosen(bytes: &mut Bytes<'_>) {
    let own = CString::new(vec![bytes.u8().max(1), bytes.u8().max(1)]).expect("no NUL");
    let mut text = |null: bool| {
        let choice = bytes.below(TEXTS.len() + 2 + 6 * usize::from(null));
        match choice.checked_sub(TEXTS.len()) {
            None => TEXTS[choice].as_ptr(),
            Some(0 | 1) => own.as_ptr(),
            Some(_) => ptr::null(),
        }
    };
    // SAFETY: zeros are options.
    let mut options: ndshm_text_options = unsafe { MaybeUninit::zeroed().assume_init() };
    let o = &mut options;
    (o.delimiter, o.comments, o.quote) = (text(true), text(true), text(true));
    (o.decimal, o.encoding) = (text(true), text(true));
    let texts = [text(false), text(true), text(false)];
    let pairs = [(text(true), text(false)), (text(true), text(true))];
    let items = pairs.map(|(name, text)| ndshm_column_text {
        which: bytes.u32() % 4,
        index: i32::from(bytes.u8()) - 100,
        name,
        text,
    });
    let columns = [bytes.u32().cast_signed(), -1, 0];
    o.struct_size = size_of::<ndshm_text_options>() as u32;
    o.dtype = DTYPES[bytes.below(DTYPES.len())].as_ptr();
    let flags = bytes.u8();
    if flags & 1 == 1 {
        (o.comment_strings, o.comment_strings_len) = (texts.as_ptr(), bytes.below(4));
    }
    if flags & 2 == 2 {
        (o.usecols_names, o.usecols_names_len) = (texts.as_ptr(), bytes.below(4));
    }
    if flags & 4 == 4 {
        (o.usecols, o.usecols_len) = (columns.as_ptr(), bytes.below(4));
    }
    (o.missing, o.missing_len) = (items.as_ptr(), bytes.below(3));
    (o.fill, o.fill_len) = (items.as_ptr(), bytes.below(3));
    (o.header, o.on_bad_rows) = (u32::from(flags >> 7), u32::from(flags >> 6 & 1));
    o.no_rows = u32::from(flags & 0x18 == 0x18);
    (o.skiprows, o.max_rows, o.memory) = (bytes.u64(), bytes.u64(), bytes.u64());
    (o.skip_footer, o.piece_bytes, o.workers) = (bytes.u64(), bytes.u64(), bytes.u32());
    load(o);
}

/// A load of a file that is not there: the options are looked at, no worker is forked.
fn load(text: &ndshm_text_options) {
    let input = ndshm_input {
        kind: NDSHM_INPUT_FILE,
        fd: -1,
        path: c"/nowhere/to/be/found".as_ptr(),
        read: None,
        context: ptr::null_mut(),
    };
    // SAFETY: zeros are options, and a handle that is not open.
    let mut create: ndshm_create_options = unsafe { MaybeUninit::zeroed().assume_init() };
    create.struct_size = size_of::<ndshm_create_options>() as u32;
    let mut segment = MaybeUninit::<ndshm_segment>::zeroed();
    let mut record = Record::new();
    // SAFETY: one input; options whose pointers lead to what they say; a segment to write.
    let status = unsafe {
        ndshm::ffi::load::ndshm_load(
            &raw const input,
            1,
            text,
            c"fuzz-nothing".as_ptr(),
            &raw const create,
            segment.as_mut_ptr(),
            &raw mut record.0,
        )
    };
    record.is_sound(status);
    assert_ne!(status, NDSHM_OK, "a load of nothing");
    // SAFETY: bytes of the handle.
    let bytes = unsafe {
        core::slice::from_raw_parts(segment.as_ptr().cast::<u8>(), size_of_val(&segment))
    };
    assert!(bytes.iter().all(|&byte| byte == 0), "an output was written");
}

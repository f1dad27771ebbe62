//! The header of a `.npy` file, both ways.
//!
//! Magic, version, the length of a text, and the text: a Python dict with the dtype, the
//! order and the shape. What comes from a file is believed only as far as the file is long.

use std::format;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::string::{String, ToString};
use std::vec::Vec;

use super::error::{ExchangeError, FileFault, Result};
use crate::dtype::{DType, Field, Kind};
use crate::dtype_buf::DTypeBuf;
use crate::layout::MAX_NDIM;

/// What a `.npy` file begins with.
pub(super) const MAGIC: &[u8] = b"\x93NUMPY";
/// The data begins at a multiple of this.
const ALIGN: usize = 64;
/// Longest header that is read; a table of 65,535 columns takes less.
const MAX_HEADER: u64 = 64 << 20;

/// What a `.npy` file holds.
#[derive(Debug)]
pub(super) struct Header {
    pub(super) dtype: DTypeBuf,
    pub(super) shape: Vec<u64>,
    /// The first axis is the fastest.
    pub(super) fortran: bool,
    /// Where the array begins.
    pub(super) data_at: u64,
}

/// Reads the header of a file of `len` bytes, and checks that the array is all there.
pub(super) fn read(file: &File, path: &Path, len: u64) -> Result<Header> {
    let fault = |fault| ExchangeError::file(path, fault);
    let mut start = [0; 12];
    let got = fill(file, path, &mut start, 0)?;
    let short = || fault(FileFault::Short { need: 12, have: got as u64 });
    let (&[.., major, minor], rest) = start.split_first_chunk::<8>().ok_or_else(short)?;
    if got < 10 {
        return Err(short());
    }
    let length = *rest.first_chunk::<4>().ok_or_else(short)?;
    let (at, text_len) = match (major, minor) {
        (1, 0) => (10, u32::from_le_bytes(length) & 0xFFFF),
        (2 | 3, 0) => (12, u32::from_le_bytes(length)),
        _ => return Err(fault(FileFault::Version(major, minor))),
    };
    let data_at = at + u64::from(text_len);
    if data_at > len || u64::from(text_len) > MAX_HEADER {
        return Err(fault(FileFault::Short { need: data_at, have: len }));
    }
    let mut text = std::vec![0; text_len as usize];
    let got = fill(file, path, &mut text, at)?;
    if got < text.len() {
        return Err(fault(FileFault::Short { need: data_at, have: at + got as u64 }));
    }
    let text = decode(text, major);
    let (dtype, shape, fortran) = parse(&text, at).map_err(fault)?;
    let header = Header { dtype, shape, fortran, data_at };
    header.check(len).map_err(fault)?;
    Ok(header)
}

/// Latin-1 up to version 2, UTF-8 from version 3 on.
fn decode(text: Vec<u8>, major: u8) -> String {
    match String::from_utf8(text) {
        Ok(text) if major >= 3 || text.is_ascii() => text,
        Ok(text) => text.bytes().map(char::from).collect(),
        Err(error) => error.into_bytes().into_iter().map(char::from).collect(),
    }
}

/// Reads until `buf` is full or the file ends.
fn fill(file: &File, path: &Path, buf: &mut [u8], at: u64) -> Result<usize> {
    let mut done = 0;
    while let Some(rest) = buf.get_mut(done..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, at + done as u64) {
            Ok(0) => break,
            Ok(n) => done += n,
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
            Err(e) => return Err(ExchangeError::io("read", path, e)),
        }
    }
    Ok(done)
}

impl Header {
    fn check(&self, len: u64) -> core::result::Result<(), FileFault> {
        if self.shape.len() > MAX_NDIM {
            return Err(FileFault::Axes(self.shape.len()));
        }
        let need = self.data_len().ok_or(FileFault::Shape)?;
        let have = len - self.data_at.min(len);
        if need > have {
            return Err(FileFault::Short { need, have });
        }
        Ok(())
    }

    /// Bytes of the array.
    pub(super) fn data_len(&self) -> Option<u64> {
        let item = u64::from(self.dtype.as_dtype().itemsize());
        let whole = self.shape.iter().try_fold(item, |n, &extent| n.checked_mul(extent))?;
        i64::try_from(whole).is_ok().then_some(whole)
    }

    /// Steps in bytes, if the order is not the usual one.
    pub(super) fn strides(&self) -> Option<Vec<i64>> {
        if !self.fortran || self.shape.len() < 2 {
            return None;
        }
        let mut step = i64::from(self.dtype.as_dtype().itemsize());
        let mut strides = Vec::new();
        for &extent in &self.shape {
            strides.push(step);
            step = step.saturating_mul(i64::try_from(extent.max(1)).unwrap_or(i64::MAX));
        }
        Some(strides)
    }
}

/// A walk through the text of a header.
struct Cursor<'t> {
    text: &'t str,
    at: usize,
    /// Where the text begins in the file.
    base: u64,
}

type Parsed<T> = core::result::Result<T, FileFault>;

fn parse(text: &str, base: u64) -> Parsed<(DTypeBuf, Vec<u64>, bool)> {
    let mut cursor = Cursor { text, at: 0, base };
    let (mut descr, mut fortran, mut shape) = (None, None, None);
    cursor.expect('{', "'{'")?;
    while !cursor.takes('}') {
        let key = cursor.string()?;
        cursor.expect(':', "':'")?;
        match key {
            "descr" => descr = Some(cursor.literal()?),
            "fortran_order" => fortran = Some(cursor.boolean()?),
            "shape" => shape = Some(cursor.tuple()?),
            _ => return Err(cursor.fault("'descr', 'fortran_order' or 'shape'")),
        }
        if !cursor.takes(',') {
            cursor.expect('}', "',' or '}'")?;
            break;
        }
    }
    if !cursor.rest().trim().is_empty() {
        return Err(cursor.fault("the end of the header"));
    }
    let descr = descr.ok_or_else(|| cursor.fault("'descr'"))?;
    let fortran = fortran.ok_or_else(|| cursor.fault("'fortran_order'"))?;
    let shape = shape.ok_or_else(|| cursor.fault("'shape'"))?;
    let dtype = DTypeBuf::parse(descr)
        .map_err(|error| FileFault::DType { text: descr.chars().take(200).collect(), error })?;
    Ok((dtype, shape, fortran))
}

impl<'t> Cursor<'t> {
    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn fault(&self, expected: &'static str) -> FileFault {
        FileFault::Header { expected, at: self.base + self.at as u64 }
    }

    fn skip_blanks(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
    }

    fn takes(&mut self, c: char) -> bool {
        self.skip_blanks();
        let is_here = self.rest().starts_with(c);
        self.at += if is_here { c.len_utf8() } else { 0 };
        is_here
    }

    fn expect(&mut self, c: char, expected: &'static str) -> Parsed<()> {
        if self.takes(c) { Ok(()) } else { Err(self.fault(expected)) }
    }

    /// A string without escapes.
    fn string(&mut self) -> Parsed<&'t str> {
        self.skip_blanks();
        let rest = self.rest();
        let quote = rest.chars().next().filter(|c| matches!(c, '\'' | '"'));
        let inner = quote.and_then(|quote| rest.get(1..)?.split_once(quote));
        let (text, _) = inner.ok_or_else(|| self.fault("a string"))?;
        self.at += text.len() + 2;
        Ok(text)
    }

    fn boolean(&mut self) -> Parsed<bool> {
        self.skip_blanks();
        for (word, value) in [("True", true), ("False", false)] {
            if self.rest().starts_with(word) {
                self.at += word.len();
                return Ok(value);
            }
        }
        Err(self.fault("True or False"))
    }

    fn tuple(&mut self) -> Parsed<Vec<u64>> {
        self.expect('(', "'('")?;
        let mut all = Vec::new();
        while !self.takes(')') {
            all.push(self.number()?);
            // Python 2 wrote some as long ones.
            self.takes('L');
            if !self.takes(',') {
                self.expect(')', "',' or ')'")?;
                break;
            }
        }
        Ok(all)
    }

    fn number(&mut self) -> Parsed<u64> {
        self.skip_blanks();
        let rest = self.rest();
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let digits = rest.get(..end).unwrap_or_default();
        if digits.is_empty() {
            return Err(self.fault("a number"));
        }
        self.at += end;
        digits.parse().map_err(|_| FileFault::Shape)
    }

    /// A string's contents, or a list as it stands.
    fn literal(&mut self) -> Parsed<&'t str> {
        self.skip_blanks();
        let rest = self.rest();
        if rest.starts_with(['\'', '"']) {
            return self.string();
        }
        let end = literal_end(rest).ok_or_else(|| self.fault("a dtype"))?;
        self.at += end;
        Ok(rest.get(..end).unwrap_or_default())
    }
}

/// The end of what begins with a bracket.
fn literal_end(text: &str) -> Option<usize> {
    let (mut depth, mut quote, mut escaped) = (0_usize, None, false);
    for (i, b) in text.bytes().enumerate() {
        match (quote, b) {
            (Some(_), _) if escaped => escaped = false,
            (Some(_), b'\\') => escaped = true,
            (Some(q), b) if q == b => quote = None,
            (None, b'\'' | b'"') => quote = Some(b),
            (None, b'[' | b'(' | b'{') => depth += 1,
            (None, b']' | b')' | b'}') => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(i + 1);
                }
            }
            (None, _) if depth == 0 => return None,
            _ => {}
        }
    }
    None
}

/// The header of an array, padded so that the data is aligned.
pub(super) fn header(dtype: DType<'_>, shape: &[u64], fortran: bool) -> Result<Vec<u8>> {
    check(dtype.root(), "")?;
    let descr = if dtype.is_record() { dtype.to_string() } else { format!("'{dtype}'") };
    let extents: Vec<_> = shape.iter().map(u64::to_string).collect();
    let comma = if shape.len() == 1 { "," } else { "" };
    let order = if fortran { "True" } else { "False" };
    let text = format!(
        "{{'descr': {descr}, 'fortran_order': {order}, 'shape': ({}{comma}), }}",
        extents.join(", ")
    );
    Ok(framed(&text))
}

fn framed(text: &str) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    let padded = |before: usize| (before + text.len() + 1).next_multiple_of(ALIGN) - before;
    let version = match text.is_ascii() {
        false => 3,
        true if padded(10) > usize::from(u16::MAX) => 2,
        true => 1,
    };
    bytes.extend([version, 0]);
    let len = padded(if version == 1 { 10 } else { 12 });
    match version {
        1 => bytes.extend((len as u16).to_le_bytes()),
        _ => bytes.extend((len as u32).to_le_bytes()),
    }
    bytes.extend(text.as_bytes());
    bytes.resize(bytes.len() + len - text.len() - 1, b' ');
    bytes.push(b'\n');
    bytes
}

/// Refuses records that NumPy's list of fields cannot say.
fn check(field: Field<'_>, path: &str) -> Result<()> {
    let mut end = 0;
    for child in field.fields() {
        let below = if path.is_empty() {
            child.name().to_string()
        } else {
            format!("{path}.{}", child.name())
        };
        if child.offset() < end {
            let reason = "lies before the end of the one in front of it, which .npy cannot say: \
                          export to HDF5";
            return Err(ExchangeError::DType { field: below, reason });
        }
        end = child.offset() + child.size();
        if child.kind() == Kind::Record {
            check(child, &below)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Parsed<(String, Vec<u64>, bool)> {
        parse(text, 10).map(|(dtype, shape, fortran)| (dtype.to_string(), shape, fortran))
    }

    #[test]
    fn numpys_texts_are_read() {
        let plain = "{'descr': '<f8', 'fortran_order': False, 'shape': (3, 4), }   \n";
        assert_eq!(parsed(plain).unwrap(), ("<f8".into(), [3, 4].into(), false));
        let fields = "{'shape': (7L,), 'fortran_order': True,\
                      'descr': [('a\\'{', '<i4', (2,)), ('', '|V4'), ('b', '|S3')]}";
        let (dtype, shape, fortran) = parsed(fields).unwrap();
        assert_eq!(dtype, r#"[("a'{", '<i4', (2,)), ('', '|V4'), ('b', '|S3')]"#);
        assert_eq!((shape.as_slice(), fortran), (&[7][..], true));
        assert_eq!(parsed("{'descr':'|b1','fortran_order':False,'shape':()}").unwrap().1, []);
    }

    #[test]
    fn damage_is_told_with_its_place() {
        let good = "{'descr': '<f8', 'fortran_order': False, 'shape': (3, 4), }";
        for end in 0..good.len() {
            assert!(parsed(&good[..end]).is_err(), "{end}");
        }
        for bad in [
            "{'descr': '<f8', 'fortran_order': False, 'shape': (3, -4), }",
            "{'descr': '<f8', 'fortran_order': 0, 'shape': (3,), }",
            "{'descr': '|O', 'fortran_order': False, 'shape': (3,), }",
            "{'descr': [('a', '<f8']), 'fortran_order': False, 'shape': (3,), }",
            "{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999999999999,), }",
            "{'descr': '<f8', 'fortran_order': False, 'shape': (3,), 'x': 1}",
            "{'descr': '<f8', 'fortran_order': False, 'shape': (3,), } x",
        ] {
            assert!(parsed(bad).is_err(), "{bad}");
        }
        let Err(FileFault::Header { at, .. }) = parsed(&good[..20]) else { panic!() };
        assert_eq!(at, 10 + 17);
    }

    #[test]
    fn headers_are_aligned_and_read_back() {
        let many: Vec<_> = (0..9000).map(|i| format!("c{i}:<f8")).collect();
        for (text, version) in
            [("<f8", 1), ("a:<i4,b:(2)S3", 1), ("µ:<f8", 3), (&*many.join(","), 2)]
        {
            let dtype = DTypeBuf::parse(text).unwrap();
            let bytes = header(dtype.as_dtype(), &[2, 0], false).unwrap();
            assert_eq!((bytes.len() % ALIGN, bytes[6], bytes.last()), (0, version, Some(&b'\n')));
            let skip = if version == 1 { 10 } else { 12 };
            let read = parse(core::str::from_utf8(&bytes[skip..]).unwrap(), 0).unwrap();
            assert_eq!((read.0, read.1, read.2), (dtype, [2, 0].to_vec(), false));
        }
    }
}

//! Compressed input of any bytes, and such that was damaged: what comes out is right, or an
//! error follows it; nothing hangs, and how it is read makes no difference.

use std::format;
use std::vec;
use std::vec::Vec;

use super::pack;
use super::readers::{Drops, Opened, read_all};

/// Opens a reader of one of [`pack::ALL`].
pub(crate) type Open = fn(Opened, usize) -> Opened;

/// Bytes that are unpacked at most: a few of them may stand for very many.
const LIMIT: usize = 1 << 18;

/// Some bytes choose what is done; of the others it is done.
pub(crate) fn check(bytes: &[u8], open: Open) {
    let &[what, which, come, asked, place, change, ref rest @ ..] = bytes else { return };
    let which = usize::from(which) % pack::ALL.len();
    let how = How { which, come: come.into(), asked: asked.into(), open };
    let place = usize::from(place);
    match what % 4 {
        0 => how.any(rest),
        1 => how.cut(rest, place),
        2 => how.damaged(rest, place, change),
        _ => how.behind(rest, change),
    }
}

struct How {
    which: usize,
    come: usize,
    asked: usize,
    open: Open,
}

impl How {
    fn pack(&self, text: &[u8]) -> Vec<u8> {
        pack::ALL[self.which].1(text)
    }

    /// What comes out; whether an error follows. It is the same in drops.
    fn unpack(&self, packed: &[u8]) -> (Vec<u8>, bool) {
        let whole =
            read_all((self.open)(Drops::open(packed, usize::MAX), self.which), 1 << 16, LIMIT);
        let drops =
            read_all((self.open)(Drops::open(packed, self.come), self.which), self.asked, LIMIT);
        let shown = || format!("{}: {}", pack::ALL[self.which].0, packed.escape_ascii());
        assert_eq!(whole.1.is_some(), drops.1.is_some(), "{}", shown());
        if whole.1.is_none() {
            assert_eq!(whole.0, drops.0, "{}", shown());
        } else {
            // Before a fault, more or less may come out.
            let common = whole.0.len().min(drops.0.len());
            assert_eq!(whole.0[..common], drops.0[..common], "{}", shown());
        }
        (whole.0, whole.1.is_some())
    }

    fn any(&self, packed: &[u8]) {
        let (text, fails) = self.unpack(packed);
        if !fails && text.len() < LIMIT && !packed.is_empty() {
            // What is whole is so twice.
            let (both, fails) = self.unpack(&[packed, packed].concat());
            let twice = [&text[..], &text].concat();
            assert!(!fails && twice.starts_with(&both), "{}", packed.escape_ascii());
        }
    }

    /// A part of it is an error, unless whole members are left.
    fn cut(&self, text: &[u8], place: usize) {
        let packed = self.pack(text);
        let cut = place * packed.len() / 256;
        let (found, fails) = self.unpack(&packed[..cut]);
        assert!(text.starts_with(&found), "{} {cut}", packed.escape_ascii());
        let blocks = pack::ALL[self.which].0.starts_with("bgz");
        assert!(fails || blocks, "{} cut at {cut}", packed.escape_ascii());
        let (found, fails) = self.unpack(&packed);
        assert!(found == text && !fails, "{}", packed.escape_ascii());
    }

    fn damaged(&self, text: &[u8], place: usize, change: u8) {
        let mut packed = self.pack(text);
        let at = place * packed.len() / 256;
        packed[at] ^= change;
        let (found, fails) = self.unpack(&packed);
        let name = pack::ALL[self.which].0;
        // Nothing checks gzip's header: if that says that it has more, the text may be less.
        let is_checked = pack::CHECKED.iter().any(|(checked, _)| *checked == name)
            && !(name == "bgz.gz" && is_in_header(&self.pack(text), at));
        assert!(fails || found == text || !is_checked, "{} at {at}", packed.escape_ascii());
    }

    /// Something else behind it is an error; zeros are none, nor is more of it.
    fn behind(&self, text: &[u8], change: u8) {
        let packed = self.pack(text);
        let zeros = vec![0; usize::from(change)];
        let (found, fails) = self.unpack(&[&packed[..], &zeros, &packed].concat());
        let twice = [text, text].concat();
        let is_lzma = pack::ALL[self.which].0 == "lzma";
        assert!(is_lzma || (found == twice && !fails), "{}", packed.escape_ascii());
        let (found, fails) = self.unpack(&[&packed[..], b"\x01", text].concat());
        assert!(is_lzma || (found == text && fails), "{}", packed.escape_ascii());
    }
}

/// Whether a byte of the blocks of `bgzip` is in the header of one of them.
fn is_in_header(packed: &[u8], at: usize) -> bool {
    let mut start = 0;
    while let Some(size) = packed.get(start + 16..start + 18) {
        if (start..start + 18).contains(&at) {
            return true;
        }
        start += usize::from(u16::from_le_bytes([size[0], size[1]])) + 1;
    }
    false
}

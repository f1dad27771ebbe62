//! Inputs that are compressed: how they are known, and what unpacks them.
//!
//! Used by the inputs and streams of [`load`](crate::load). `Unpack` is a reader that
//! gives what another one's bytes were before they were compressed; a `Crew` is one
//! or more threads that do this ahead of who reads it. Threads are made when the
//! workers have been forked, and never by them.

#[cfg(feature = "compress")]
mod bgzf;
#[cfg(feature = "compress")]
mod codec;
mod crew;
#[cfg(all(test, feature = "compress"))]
mod tests;
#[cfg(feature = "compress")]
mod unpack;
#[cfg(feature = "compress")]
mod window;

pub(super) use crew::{Crew, Reading};

use core::fmt;
use std::boxed::Box;
use std::ffi::OsString;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::decode::{Encoding, Transcode};

/// A way to compress a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Compression {
    /// `.gz`: any number of members, also the blocks of `bgzip`.
    Gzip,
    /// `.bz2`.
    Bzip2,
    /// `.xz`.
    Xz,
    /// `.lzma`, the older form of xz.
    Lzma,
    /// `.zst`.
    Zstd,
}

/// Why what is compressed cannot be unpacked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Damage {
    /// It does not begin as its name says.
    Misnamed,
    /// It ends in the middle.
    CutOff,
    /// A checksum or something else is wrong; what, in the library's words.
    Corrupt(&'static str),
    /// Something else follows it.
    Trailing,
    /// It needs more memory to be unpacked than it may have.
    Memory,
}

/// What the first bytes of an input tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    Compressed(Compression),
    Plain,
    /// Too few bytes to tell.
    Unsure,
}

/// The least and the largest byte in each place.
type Pattern = &'static [(u8, u8)];

/// How compressed inputs begin. The last byte of gzip's are flags, of which three must be 0;
/// a bzip2 file goes on with the mark of a block or of its end.
const PATTERNS: [(Compression, Pattern); 5] = [
    (Compression::Gzip, &[(0x1F, 0x1F), (0x8B, 0x8B), (8, 8), (0, 0x1F)]),
    (Compression::Xz, &only(*b"\xFD7zXZ\0")),
    (Compression::Zstd, &only(*b"\x28\xB5\x2F\xFD")),
    (Compression::Bzip2, &bzip2(*b"BZh0\x31\x41\x59\x26\x53\x59")),
    (Compression::Bzip2, &bzip2(*b"BZh0\x17\x72\x45\x38\x50\x90")),
];

/// Bytes that [`Compression::seen`] needs at most.
pub(super) const SNIFFED: usize = LZMA_HEADER;
/// Bytes of the header of the older lzma.
const LZMA_HEADER: usize = 13;

const fn only<const N: usize>(bytes: [u8; N]) -> [(u8, u8); N] {
    let mut pattern = [(0, 0); N];
    let mut i = 0;
    while i < N {
        pattern[i] = (bytes[i], bytes[i]);
        i += 1;
    }
    pattern
}

/// The size of its blocks, in 100 kB, is a digit.
const fn bzip2(bytes: [u8; 10]) -> [(u8, u8); 10] {
    let mut pattern = only(bytes);
    pattern[3] = (b'1', b'9');
    pattern
}

impl Compression {
    /// What an input that begins like this is.
    pub(super) fn seen(start: &[u8]) -> Seen {
        if cfg!(not(feature = "compress")) {
            return Seen::Plain;
        }
        let fits = |(_, pattern): &&(Self, Pattern)| {
            pattern.iter().zip(start).all(|(&(least, most), byte)| (least..=most).contains(byte))
        };
        match PATTERNS.iter().find(fits) {
            None => lzma(start),
            Some((_, pattern)) if start.len() < pattern.len() => Seen::Unsure,
            Some((compression, _)) => Seen::Compressed(*compression),
        }
    }

    /// What a file is that begins like this and has this name. A name that tells of a
    /// compression is believed, so that a file that is none is an error.
    pub(super) fn of_file(start: &[u8], path: &Path) -> Option<Self> {
        if let Seen::Compressed(compression) = Self::seen(start) {
            return Some(compression);
        }
        if cfg!(not(feature = "compress")) {
            return None;
        }
        match path.extension()?.to_str()? {
            // An empty one is an empty text, as for Python.
            "gz" if !start.is_empty() => Some(Self::Gzip),
            "bz2" => Some(Self::Bzip2),
            "xz" if start.first() != Some(&LZMA_START) => Some(Self::Xz),
            "xz" | "lzma" => Some(Self::Lzma),
            // Frames to be skipped come first where several threads compressed.
            "zst" if skippable(start) => Some(Self::Zstd),
            _ => None,
        }
    }

    /// Its name in messages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Bzip2 => "bzip2",
            Self::Xz => "xz",
            Self::Lzma => "lzma",
            Self::Zstd => "zstd",
        }
    }
}

/// What a file with the usual settings of the older lzma begins with.
const LZMA_START: u8 = 0x5D;
/// The least dictionary of such files.
const LZMA_DICTIONARY: u32 = 4 << 10;

/// Whether a text begins as the older lzma, which has no mark, does with its usual settings:
/// they, the size of a dictionary that is a power of two or one and a half times that, and the
/// size of the text, less than 256 GiB or not known. So many of these bytes are 0, or all ones,
/// that no text begins so, in UTF-16 and UTF-32 either: it would hold a NUL or a U+FFFF.
fn lzma(start: &[u8]) -> Seen {
    let Some((header, _)) = start.split_first_chunk::<LZMA_HEADER>() else {
        let begins = start.iter().zip([LZMA_START, 0]).all(|(&byte, is)| byte == is);
        return if begins { Seen::Unsure } else { Seen::Plain };
    };
    let [settings, a, b, c, d, size @ ..] = *header;
    let (dictionary, size) = (u32::from_le_bytes([a, b, c, d]), u64::from_le_bytes(size));
    let top = dictionary.checked_ilog2().map_or(0, |power| 1 << power);
    let is_usual = dictionary == top || dictionary == top | top >> 1;
    let is_dictionary = is_usual && dictionary >= LZMA_DICTIONARY;
    let is_size = size == u64::MAX || size < 1 << 38;
    if settings == LZMA_START && is_dictionary && is_size {
        Seen::Compressed(Compression::Lzma)
    } else {
        Seen::Plain
    }
}

/// A frame of zstd that holds no text.
fn skippable(start: &[u8]) -> bool {
    matches!(start, [0x50..=0x5F, 0x2A, 0x4D, 0x18, ..])
}

impl Damage {
    /// Says what is wrong with an input.
    pub(super) fn describe(
        self,
        compression: Compression,
        offset: u64,
        f: &mut fmt::Formatter<'_>,
    ) -> fmt::Result {
        match self {
            Self::Misnamed => {
                return write!(f, "is named like a {compression} file, and does not begin so");
            }
            Self::Memory => {
                return write!(f, "needs more memory to unpack its {compression} data");
            }
            Self::CutOff => write!(f, "is cut off: its {compression} data has no end"),
            Self::Corrupt(what) => write!(f, "is damaged {compression} data: {what}"),
            Self::Trailing => {
                write!(f, "goes on with something else behind its {compression} data")
            }
        }?;
        write!(f, " (byte {offset} of the compressed input)")
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Suffixes of compressed files, in the order in which NumPy looks for them.
const SUFFIXES: [&str; 4] = ["bz2", "gz", "xz", "lzma"];

/// The compressed file that stands in for a missing `path`: with `.bz2`, `.gz`, `.xz` or
/// `.lzma` added, as `np.loadtxt` looks for it.
#[must_use]
pub fn find_compressed(path: &Path) -> Option<PathBuf> {
    if cfg!(not(feature = "compress")) {
        return None;
    }
    let with = |suffix: &&str| {
        let mut name = OsString::from(path);
        name.push(".");
        name.push(suffix);
        PathBuf::from(name)
    };
    SUFFIXES.iter().map(with).find(|path| path.is_file())
}

/// The file's name without the suffix of a compression, if it has one.
#[must_use]
pub fn without_compression(path: &Path) -> &Path {
    let suffix = path.extension().and_then(|suffix| suffix.to_str());
    match (suffix, path.file_stem()) {
        (Some("bz2" | "gz" | "xz" | "lzma" | "zst"), Some(stem)) => Path::new(stem),
        _ => path,
    }
}

/// How compressed inputs, and those in wide encodings, are made plain text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Unpacking {
    pub(super) encoding: Encoding,
    /// Threads for an input that several can unpack.
    pub(super) threads: usize,
    /// Bytes for unpacked text that waits.
    pub(super) memory: usize,
    /// Bytes that a decoder may have for its dictionary.
    #[cfg_attr(not(feature = "compress"), allow(dead_code, reason = "there are none"))]
    pub(super) dictionary: u64,
}

impl Default for Unpacking {
    fn default() -> Self {
        Self { encoding: Encoding::default(), threads: 1, memory: 1 << 20, dictionary: 64 << 20 }
    }
}

/// Plain text in UTF-8, or in an encoding that is read as it is, made of what `reader` gives.
pub(super) fn text_of<'r>(
    reader: impl Read + Send + 'r,
    compression: Option<Compression>,
    how: &Unpacking,
) -> Box<dyn Read + Send + 'r> {
    let Some(compression) = compression else { return decoded(reader, how.encoding) };
    #[cfg(feature = "compress")]
    return decoded(unpack::Unpack::new(reader, compression, how.dictionary), how.encoding);
    #[cfg(not(feature = "compress"))]
    {
        let _ = compression; // None is ever seen.
        decoded(reader, how.encoding)
    }
}

fn decoded<'r>(reader: impl Read + Send + 'r, encoding: Encoding) -> Box<dyn Read + Send + 'r> {
    match Transcode::new(reader, encoding) {
        Ok(transcode) => Box::new(transcode),
        Err(reader) => Box::new(reader),
    }
}

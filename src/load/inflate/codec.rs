//! The libraries that unpack, behind one function: some bytes in, some bytes out.
//!
//! gzip is done by zlib-rs and bzip2 by libbz2-rs, which are Rust; xz and zstd by the
//! libraries that define them, built from source: nothing in Rust comes near their speed
//! (`docs/performance.md`).

use bzip2::Decompress as Bunzip2;
use flate2::{Decompress as Inflate, FlushDecompress};
use liblzma::stream::{Action, Stream as Lzma};
use zstd_safe::{DCtx, DParameter, InBuffer, OutBuffer};

use super::{Compression, Damage};

/// The window of gzip, in powers of two.
const GZIP_WINDOW: u8 = 15;
/// What zstd takes for its window, in powers of two.
const ZSTD_WINDOW: core::ops::RangeInclusive<u32> = 10..=31;

/// What one step did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) used: usize,
    pub(super) made: usize,
    /// A member, stream or frame is over.
    pub(super) done: bool,
}

/// What is wrong, and how far behind the bytes given.
pub(super) type Fault = (Damage, usize);

/// A decoder of one member, stream or frame after the other.
pub(super) enum Codec {
    Gzip(Inflate),
    Bzip2(Bunzip2),
    Lzma(Lzma),
    Zstd(DCtx<'static>),
}

impl Codec {
    /// A decoder at the start of a member, with so many bytes for its dictionary.
    pub(super) fn new(compression: Compression, dictionary: u64) -> Result<Self, Damage> {
        let lzma = |stream: Result<Lzma, _>| stream.map(Self::Lzma).map_err(|_| Damage::Memory);
        match compression {
            Compression::Gzip => Ok(Self::Gzip(Inflate::new_gzip(GZIP_WINDOW))),
            Compression::Bzip2 => Ok(Self::Bzip2(Bunzip2::new(false))),
            Compression::Xz => lzma(Lzma::new_stream_decoder(dictionary, 0)),
            Compression::Lzma => lzma(Lzma::new_auto_decoder(dictionary, 0)),
            Compression::Zstd => {
                let mut context = DCtx::try_create().ok_or(Damage::Memory)?;
                let window = dictionary.max(1).ilog2();
                let window = window.clamp(*ZSTD_WINDOW.start(), *ZSTD_WINDOW.end());
                context
                    .set_parameter(DParameter::WindowLogMax(window))
                    .map_err(|_| Damage::Memory)?;
                Ok(Self::Zstd(context))
            }
        }
    }

    /// Goes on with another member.
    pub(super) fn again(
        &mut self,
        compression: Compression,
        dictionary: u64,
    ) -> Result<(), Damage> {
        // zstd goes on by itself.
        if !matches!(self, Self::Zstd(_)) {
            *self = Self::new(compression, dictionary)?;
        }
        Ok(())
    }

    /// Unpacks some of `input` to `out`.
    pub(super) fn step(&mut self, input: &[u8], out: &mut [u8]) -> Result<Step, Fault> {
        match self {
            Self::Gzip(inflate) => gzip(inflate, input, out),
            Self::Bzip2(stream) => bzip2(stream, input, out),
            Self::Lzma(stream) => lzma(stream, input, out),
            Self::Zstd(context) => zstd(context, input, out),
        }
    }
}

/// Differences of the counters that the libraries keep.
fn step(before: (u64, u64), after: (u64, u64), done: bool) -> Step {
    Step { used: (after.0 - before.0) as usize, made: (after.1 - before.1) as usize, done }
}

fn gzip(inflate: &mut Inflate, input: &[u8], out: &mut [u8]) -> Result<Step, Fault> {
    let before = (inflate.total_in(), inflate.total_out());
    let status = inflate.decompress(input, out, FlushDecompress::None);
    let step = |done| step(before, (inflate.total_in(), inflate.total_out()), done);
    match status {
        Ok(status) => Ok(step(status == flate2::Status::StreamEnd)),
        Err(error) => Err((Damage::Corrupt(gzip_words(&error)), step(false).used)),
    }
}

/// The library's messages are few.
fn gzip_words(error: &flate2::DecompressError) -> &'static str {
    match error.message() {
        Some("incorrect data check") => "the checksum is another",
        Some("incorrect length check") => "the length is another",
        Some("header crc mismatch") => "the checksum of the header is another",
        Some("unknown header flags set") => "unknown flags in the header",
        _ => "no valid code",
    }
}

fn bzip2(stream: &mut Bunzip2, input: &[u8], out: &mut [u8]) -> Result<Step, Fault> {
    let before = (stream.total_in(), stream.total_out());
    let status = stream.decompress(input, out);
    let step = |done| step(before, (stream.total_in(), stream.total_out()), done);
    match status {
        Ok(bzip2::Status::MemNeeded) => Err((Damage::Memory, 0)),
        Ok(status) => Ok(step(status == bzip2::Status::StreamEnd)),
        Err(_) => Err((Damage::Corrupt("a checksum or a code is wrong"), step(false).used)),
    }
}

fn lzma(stream: &mut Lzma, input: &[u8], out: &mut [u8]) -> Result<Step, Fault> {
    use liblzma::stream::{Error, Status};
    let before = (stream.total_in(), stream.total_out());
    let status = stream.process(input, out, Action::Run);
    let step = |done| step(before, (stream.total_in(), stream.total_out()), done);
    let damage = match status {
        Ok(status) => return Ok(step(status == Status::StreamEnd)),
        Err(Error::MemLimit | Error::Mem) => Damage::Memory,
        Err(Error::Options) => Damage::Corrupt("it asks for what this library does not know"),
        Err(Error::Format) => Damage::Corrupt("no valid header"),
        Err(_) => Damage::Corrupt("a checksum or a code is wrong"),
    };
    Err((damage, step(false).used))
}

fn zstd(context: &mut DCtx<'_>, input: &[u8], out: &mut [u8]) -> Result<Step, Fault> {
    let (mut from, mut to) = (InBuffer::around(input), OutBuffer::around(out));
    match context.decompress_stream(&mut to, &mut from) {
        Ok(hint) => Ok(Step { used: from.pos(), made: to.pos(), done: hint == 0 }),
        Err(code) => {
            let words = zstd_safe::get_error_name(code);
            let damage = if words.contains("too much memory") || words.contains("Allocation") {
                Damage::Memory
            } else {
                Damage::Corrupt(words)
            };
            Err((damage, from.pos()))
        }
    }
}

impl core::fmt::Debug for Codec {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Codec")
    }
}

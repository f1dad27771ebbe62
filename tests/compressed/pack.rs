//! Compressing, with the libraries' own encoders; `bgzip`'s blocks are put together by hand.

use std::io::Write;
use std::vec;
use std::vec::Vec;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder};

/// A suffix, and a way to pack a text for such files.
pub(crate) type Pack = (&'static str, fn(&[u8]) -> Vec<u8>);

/// Those that notice any change of their bytes.
pub(crate) const CHECKED: [Pack; 5] =
    [("gz", gzip), ("bgz.gz", bgzip), ("bz2", bzip2), ("xz", xz), ("zst", zstd)];
/// And the one that does not.
pub(crate) const ALL: [Pack; 6] =
    [CHECKED[0], CHECKED[1], CHECKED[2], CHECKED[3], CHECKED[4], ("lzma", lzma)];

pub(crate) fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

/// Blocks of 1 to 65,280 bytes and the empty one at the end.
pub(crate) fn bgzip(text: &[u8]) -> Vec<u8> {
    let mut packed = Vec::new();
    let (mut rest, mut size) = (text, 1);
    while !rest.is_empty() {
        let (block, behind) = rest.split_at(size.min(rest.len()));
        packed.extend(bgzip_block(block));
        rest = behind;
        size = size * 7 % 65_280 + 1;
    }
    packed.extend(bgzip_block(b""));
    packed
}

fn bgzip_block(text: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text).unwrap();
    let code = encoder.finish().unwrap();
    let mut crc = flate2::Crc::new();
    crc.update(text);
    let size = u16::try_from(18 + code.len() + 8 - 1).unwrap();
    let mut block = b"\x1f\x8b\x08\x04\0\0\0\0\0\xff\x06\0BC\x02\0".to_vec();
    block.extend(size.to_le_bytes());
    block.extend(code);
    block.extend(crc.sum().to_le_bytes());
    block.extend(u32::try_from(text.len()).unwrap().to_le_bytes());
    block
}

pub(crate) fn bzip2(text: &[u8]) -> Vec<u8> {
    let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn xz(text: &[u8]) -> Vec<u8> {
    let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 0);
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

/// With a dictionary of so many bytes.
pub(crate) fn xz_with(text: &[u8], dictionary: u32) -> Vec<u8> {
    let mut options = liblzma::stream::LzmaOptions::new_preset(0).unwrap();
    options.dict_size(dictionary);
    let mut filters = liblzma::stream::Filters::new();
    filters.lzma2(&options);
    let check = liblzma::stream::Check::Crc64;
    let stream = liblzma::stream::Stream::new_stream_encoder(&filters, check).unwrap();
    let mut encoder = liblzma::write::XzEncoder::new_stream(Vec::new(), stream);
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn lzma(text: &[u8]) -> Vec<u8> {
    let options = liblzma::stream::LzmaOptions::new_preset(0).unwrap();
    let stream = liblzma::stream::Stream::new_lzma_encoder(&options).unwrap();
    let mut encoder = liblzma::write::XzEncoder::new_stream(Vec::new(), stream);
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn zstd(text: &[u8]) -> Vec<u8> {
    zstd_with(text, &[zstd_safe::CParameter::ChecksumFlag(true)])
}

pub(crate) fn zstd_with(text: &[u8], parameters: &[zstd_safe::CParameter]) -> Vec<u8> {
    let mut context = zstd_safe::CCtx::create();
    for parameter in parameters {
        context.set_parameter(*parameter).unwrap();
    }
    let mut packed = vec![0; zstd_safe::compress_bound(text.len())];
    let size = context.compress2(&mut packed[..], text).unwrap();
    packed.truncate(size);
    packed
}

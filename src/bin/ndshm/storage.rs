//! How datasets lie in an HDF5 file: options of commands that write one.

use core::num::NonZero;

use clap::{Args as ClapArgs, ValueEnum};
use ndshm::hdf5::{Codec, Filters, Layout, Storage};

/// How the rows lie in the file.
#[derive(Debug, ClapArgs)]
pub(crate) struct StorageArgs {
    /// How rows lie in the file [default: contiguous, or chunked where chunks are asked for]
    #[arg(long, value_enum, value_name = "LAYOUT", help_heading = "Storage")]
    layout: Option<LayoutArg>,

    /// Compress chunks in the workers: gzip, which every HDF5 reads, or zstd, which needs a
    /// plugin; a level may follow, as in 'gzip:6' [default levels: gzip:4, zstd:3]
    #[arg(long, value_name = "CODEC", value_parser = codec, help_heading = "Storage")]
    compress: Option<Codec>,

    /// Compress without sorting the bytes of numbers by significance before
    #[arg(long, requires = "compress", help_heading = "Storage")]
    no_shuffle: bool,

    /// Give each chunk a checksum, which readers check
    #[arg(long, help_heading = "Storage")]
    fletcher32: bool,

    /// Shape of a chunk, such as '10000' or '1000,73' [default: about 1 MiB of whole rows]
    #[arg(long, value_name = "SHAPE", value_parser = extents, help_heading = "Storage")]
    chunks: Option<Extents>,

    /// Make datasets that rows can be added to later on: chunked, without a limit of rows
    #[arg(long, help_heading = "Storage")]
    maxshape: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum LayoutArg {
    /// One block, which may be mapped
    Contiguous,
    /// Chunks of rows, which may be compressed and extended
    Chunked,
    /// A dataset for each column in a group, in chunks: compresses best, and one column is
    /// read without the others
    Columns,
}

/// A shape, in parts that are not 0.
#[derive(Debug, Clone)]
struct Extents(Vec<NonZero<u64>>);

impl StorageArgs {
    pub(crate) fn storage(&self) -> Result<Storage, crate::output::Failure> {
        let codec = self.compress.unwrap_or_default();
        let shuffle = codec != Codec::None && !self.no_shuffle;
        let filters = Filters { shuffle, codec, fletcher32: self.fletcher32 };
        let chunk = self.chunks.as_ref().map(|list| list.0.clone()).unwrap_or_default();
        let chunked = filters != Filters::default() || !chunk.is_empty() || self.maxshape;
        let layout = match self.layout {
            Some(LayoutArg::Contiguous) if chunked => {
                return Err(crate::output::Failure::new(
                    "a contiguous dataset has no chunks, so it cannot be compressed, checked or \
                     extended: leave --layout contiguous out",
                ));
            }
            None if chunked => Layout::Chunked,
            Some(LayoutArg::Contiguous) | None => Layout::Contiguous,
            Some(LayoutArg::Chunked) => Layout::Chunked,
            Some(LayoutArg::Columns) => Layout::Columns,
        };
        Ok(Storage { layout, filters, chunk })
    }
}

/// `gzip`, `gzip:6`, `zstd`, `zstd:9`, `none`.
fn codec(text: &str) -> Result<Codec, String> {
    let (name, level) = match text.split_once(':') {
        Some((name, level)) => (name, Some(level)),
        None => (text, None),
    };
    let level_in = |most: u8, usual: u8| match level.map(str::parse::<u8>) {
        None => Ok(usual),
        Some(Ok(level)) if (1..=most).contains(&level) => Ok(level),
        Some(_) => Err(format!("the level is a number from 1 to {most}")),
    };
    match name {
        "none" if level.is_none() => Ok(Codec::None),
        "gzip" => level_in(9, 4).map(Codec::Gzip),
        "zstd" => level_in(19, 3).map(|level| Codec::Zstd(level as i8)),
        _ => Err("gzip, zstd or none is needed, with a level as in 'gzip:6'".into()),
    }
}

fn extents(text: &str) -> Result<Extents, String> {
    let parts = text.split([',', 'x']);
    let all = parts.map(|part| part.trim().parse().map_err(|_| part));
    all.collect::<Result<_, _>>()
        .map(Extents)
        .map_err(|part| format!("'{part}' is no number of elements: one of at least 1 is needed"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codecs_have_levels() {
        assert_eq!(codec("gzip"), Ok(Codec::Gzip(4)));
        assert_eq!(codec("gzip:9"), Ok(Codec::Gzip(9)));
        assert_eq!(codec("zstd:19"), Ok(Codec::Zstd(19)));
        assert_eq!(codec("none"), Ok(Codec::None));
        for wrong in ["", "lzf", "gzip:", "gzip:0", "gzip:10", "zstd:20", "none:1"] {
            assert!(codec(wrong).is_err(), "{wrong}");
        }
    }
}

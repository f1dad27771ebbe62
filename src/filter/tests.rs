//! Packing and unpacking against a plain model, and each other.

use std::vec::Vec;

use bytemuck::Zeroable;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::unpack::{Broken, Unpacker};
use super::{Chunk, Codec, Filters, Packer, Tiles, checksum};

/// What behind the bytes that may be written must stay.
const GUARD: [u8; 8] = *b"keep out";

/// Tiles with what they were made of.
#[derive(Debug, Clone)]
pub(super) enum Shape {
    Rows { row: usize, rows: usize, element: usize },
    Columns { row: usize, rows: usize, columns: Vec<(u32, u32)> },
    Boxes { element: usize, block: Vec<usize>, chunk: Vec<usize> },
}

impl Shape {
    pub(super) fn tiles(&self) -> Tiles<'_> {
        match self {
            Self::Rows { row, rows, element } => Tiles::rows(*row, *rows, *element),
            Self::Columns { row, rows, columns } => Tiles::columns(*row, *rows, columns),
            Self::Boxes { element, block, chunk } => Tiles::boxes(*element, block, chunk),
        }
        .unwrap()
    }

    /// Bytes of each chunk's elements, and for each byte of it where it is in the block.
    fn places(&self) -> Vec<(usize, Vec<Option<usize>>)> {
        match self {
            &Self::Rows { row, rows, element } => {
                Vec::from([(element, (0..row * rows).map(Some).collect())])
            }
            Self::Columns { row, rows, columns } => columns
                .iter()
                .map(|&(offset, size)| {
                    let one =
                        |i| (0..size).map(move |byte| Some(i * row + (offset + byte) as usize));
                    (size as usize, (0..*rows).flat_map(one).collect())
                })
                .collect(),
            Self::Boxes { element, block, chunk } => indices(&grid(block, chunk))
                .into_iter()
                .map(|place| (*element, box_places(*element, block, chunk, &place)))
                .collect(),
        }
    }
}

fn grid(block: &[usize], chunk: &[usize]) -> Vec<usize> {
    block.iter().zip(chunk).map(|(block, chunk)| block.div_ceil(*chunk)).collect()
}

/// All indices of an array, last axis fastest.
fn indices(extents: &[usize]) -> Vec<Vec<usize>> {
    extents.iter().fold(Vec::from([Vec::new()]), |all, &extent| {
        let longer = |index: Vec<usize>| {
            (0..extent).map(move |i| index.iter().copied().chain([i]).collect::<Vec<_>>())
        };
        all.into_iter().flat_map(longer).collect()
    })
}

fn box_places(
    element: usize,
    block: &[usize],
    chunk: &[usize],
    place: &[usize],
) -> Vec<Option<usize>> {
    let byte = |index: &Vec<usize>| {
        let at: Vec<usize> = index
            .iter()
            .zip(place)
            .zip(chunk)
            .map(|((i, place), chunk)| place * chunk + i)
            .collect();
        let inside = at.iter().zip(block).all(|(at, block)| at < block);
        let flat = at.iter().zip(block).fold(0, |flat, (at, block)| flat * block + at);
        (0..element).map(move |byte| inside.then_some(flat * element + byte)).collect::<Vec<_>>()
    };
    indices(chunk).iter().flat_map(byte).collect()
}

/// HDF5's shuffle, by its definition.
fn shuffled(element: usize, raw: &[u8]) -> Vec<u8> {
    let whole = raw.len() / element;
    let bytes = (0..element).flat_map(|byte| (0..whole).map(move |i| i * element + byte));
    bytes.chain(whole * element..raw.len()).map(|at| raw[at]).collect()
}

/// The chunks that a packer makes.
pub(super) fn pack(
    packer: &mut Packer,
    tiles: &Tiles<'_>,
    filters: Filters,
    block: &[u8],
) -> Vec<(Vec<u8>, u32)> {
    let bound = tiles.packed_bound(filters);
    let mut out = std::vec![0; bound];
    out.extend(GUARD);
    let mut table = std::vec![Chunk::zeroed(); tiles.count() + 1];
    // SAFETY: as long as they have to be.
    let used = unsafe { packer.pack(tiles, block.as_ptr(), out.as_mut_ptr(), table.as_mut_ptr()) };
    assert!((1..=bound).contains(&used), "{used} of {bound}");
    assert_eq!(out[bound..], GUARD);
    assert_eq!(table.pop(), Some(Chunk::zeroed()));
    let mut rest = &out[..used];
    let mut chunks = Vec::new();
    for Chunk { len, mask } in table {
        let (chunk, behind) = rest.split_at(len as usize);
        chunks.push((chunk.to_vec(), mask));
        rest = behind;
    }
    assert!(rest.is_empty());
    chunks
}

/// Packs, looks at what no codec has changed, and unpacks.
fn check(shape: &Shape, filters: Filters, block: &[u8]) {
    let tiles = shape.tiles();
    let places = shape.places();
    assert_eq!((tiles.block_bytes(), tiles.count()), (block.len(), places.len()));
    let most = places.iter().map(|(_, chunk)| chunk.len()).max().unwrap();
    let mut packer = Packer::new(block.len(), most, filters).unwrap();
    let chunks = pack(&mut packer, &tiles, filters, block);
    // A second time gives the same.
    assert_eq!(chunks, pack(&mut packer, &tiles, filters, block));

    let mut unpacker = Unpacker::new(most, filters).unwrap();
    let mut back = std::vec![0xA5; block.len() + GUARD.len()];
    back[block.len()..].copy_from_slice(&GUARD);
    let mut covered = std::vec![0xA5; block.len()];
    for (i, ((element, places), (chunk, mask))) in places.iter().zip(&chunks).enumerate() {
        assert_eq!(tiles.chunk_bytes(i), places.len());
        let raw: Vec<u8> = places.iter().map(|at| at.map_or(0, |at| block[at])).collect();
        let raw = if filters.shuffle { shuffled(*element, &raw) } else { raw };
        let codec = filters.codec_bit();
        if filters.codec == Codec::None || *mask == codec {
            let (data, sum) = chunk.split_at(chunk.len() - filters.added());
            assert_eq!(data, raw);
            assert!(sum.is_empty() || sum == checksum::fletcher32(&raw));
        } else {
            assert_eq!(*mask, 0);
            assert!(chunk.len() < raw.len() + filters.added());
        }
        // SAFETY: the block is as long as it has to be.
        unsafe { unpacker.unpack(&tiles, i, chunk, *mask, back.as_mut_ptr()) }.unwrap();
        for at in places.iter().flatten() {
            covered[*at] = block[*at];
        }
        assert_eq!(back[..block.len()], covered);
    }
    assert_eq!(back[block.len()..], GUARD);
}

fn shapes() -> impl Strategy<Value = Shape> {
    let element = prop_oneof![Just(1_usize), Just(2), Just(4), Just(8), Just(16), 1..70_usize];
    let rows = (element.clone(), 1..5_usize, 0..7_usize, 1..200_usize).prop_map(
        |(element, items, more, rows)| Shape::Rows { row: element * items + more, rows, element },
    );
    let columns = (proptest::collection::vec((0..4_u32, 1..40_u32), 1..8), 0..5_u32, 1..150_usize)
        .prop_map(|(gaps, end, rows)| {
            let mut at = 0;
            let columns = gaps.iter().map(|&(gap, size)| {
                let offset = at + gap;
                at = offset + size;
                (offset, size)
            });
            let columns = columns.collect();
            Shape::Columns { row: (at + end) as usize, rows, columns }
        });
    let boxes = (element, proptest::collection::vec((1..12_usize, 1..7_usize), 1..5)).prop_map(
        |(element, axes)| {
            let (block, chunk) = axes.into_iter().unzip();
            Shape::Boxes { element, block, chunk }
        },
    );
    prop_oneof![rows, columns, boxes]
}

fn filters() -> impl Strategy<Value = Filters> {
    let codec = prop_oneof![
        Just(Codec::None),
        (0..=9_u8).prop_map(Codec::Gzip),
        (1..=6_i8).prop_map(Codec::Zstd)
    ];
    (any::<bool>(), codec, any::<bool>()).prop_map(|(shuffle, codec, fletcher32)| Filters {
        shuffle,
        codec,
        fletcher32,
    })
}

/// Bytes that are noise, or all but equal.
pub(super) fn content(seed: u64, noise: bool, len: usize) -> Vec<u8> {
    let mut state = seed;
    let mut next = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 56) as u8
    };
    (0..len).map(|i| if noise { next() } else { (i / 97) as u8 ^ (next() & 1) }).collect()
}

fn runner(cases: u32) -> TestRunner {
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]))
}

#[test]
fn what_is_packed_is_as_hdf5_has_it_and_comes_back() {
    let cases = (shapes(), filters(), any::<u64>(), any::<bool>());
    runner(400)
        .run(&cases, |(shape, filters, seed, noise)| {
            let block = content(seed, noise, shape.tiles().block_bytes());
            check(&shape, filters, &block);
            Ok(())
        })
        .unwrap();
}

#[test]
fn broken_chunks_are_refused_and_write_nothing_outside() {
    let cases = (shapes(), filters(), any::<u64>(), 0..4_u32, any::<prop::sample::Index>());
    runner(300)
        .run(&cases, |(shape, filters, seed, mask, at)| {
            let tiles = shape.tiles();
            let block = content(seed, seed % 2 == 0, tiles.block_bytes());
            let most = tiles.most_chunk_bytes();
            let mut packer = Packer::new(block.len(), most, filters).unwrap();
            let mut unpacker = Unpacker::new(most, filters).unwrap();
            for (i, (mut chunk, own)) in
                pack(&mut packer, &tiles, filters, &block).into_iter().enumerate()
            {
                let mut back = block.clone();
                back.extend(GUARD);
                let mut take = |chunk: &[u8], mask| {
                    // SAFETY: the block is as long as it has to be.
                    let made =
                        unsafe { unpacker.unpack(&tiles, i, chunk, mask, back.as_mut_ptr()) };
                    assert_eq!(back[block.len()..], GUARD);
                    made
                };
                let longer: Vec<u8> = chunk.iter().copied().chain([7]).collect();
                // What is behind a zlib stream does not matter to HDF5 either.
                let stored = filters.codec == Codec::None || own != 0 || filters.fletcher32;
                assert!(take(&longer, own).is_err() || !stored);
                assert!(take(&chunk[..chunk.len() - 1], own).is_err());
                assert!(take(&[], own).is_err());
                let _ = take(&chunk, mask);
                assert_eq!(take(&chunk, 8), Err(Broken::Mask));
                let at = at.index(chunk.len());
                chunk[at] ^= 0x10;
                let made = take(&chunk, own);
                assert!(!filters.fletcher32 || made == Err(Broken::Checksum));
                let noise = content(seed, true, chunk.len());
                let _ = take(&noise, own);
                let _ = take(&noise, mask);
            }
            Ok(())
        })
        .unwrap();
}

#[test]
fn noise_is_stored_without_the_codec() {
    let block = content(3, true, 4000);
    let tiles = Tiles::rows(8, 500, 8).unwrap();
    for (shuffle, codec, expected) in [
        (true, Codec::Gzip(4), 2),
        (false, Codec::Gzip(9), 1),
        (true, Codec::Zstd(3), 2),
        (true, Codec::Gzip(0), 2),
        (true, Codec::None, 0),
    ] {
        let filters = Filters { shuffle, codec, fletcher32: true };
        let mut packer = Packer::new(4000, 4000, filters).unwrap();
        let chunks = pack(&mut packer, &tiles, filters, &block);
        assert_eq!((chunks[0].0.len(), chunks[0].1), (4004, expected), "{filters:?}");
    }
}

#[test]
fn tiles_that_cannot_be_are_none() {
    assert!(Tiles::rows(0, 5, 1).is_none());
    assert!(Tiles::rows(5, 0, 5).is_none());
    assert!(Tiles::rows(5, 5, 0).is_none());
    assert!(Tiles::rows(usize::MAX, 2, 1).is_none());
    assert!(Tiles::rows(1, u32::MAX as usize, 1).is_some());
    assert!(Tiles::rows(1, u32::MAX as usize + 1, 1).is_none());
    assert!(Tiles::columns(8, 3, &[]).is_none());
    assert!(Tiles::columns(8, 3, &[(0, 0)]).is_none());
    assert!(Tiles::columns(8, 3, &[(4, 5)]).is_none());
    assert!(Tiles::columns(8, 3, &[(4, 4), (0, 4)]).is_some());
    assert!(Tiles::columns(8, 0, &[(0, 4)]).is_none());
    assert!(Tiles::columns(8, 1 << 31, &[(0, 4)]).is_none());
    assert!(Tiles::boxes(8, &[], &[]).is_none());
    assert!(Tiles::boxes(8, &[2, 2], &[2]).is_none());
    assert!(Tiles::boxes(8, &[2, 0], &[2, 1]).is_none());
    assert!(Tiles::boxes(8, &[2, 1], &[2, 0]).is_none());
    assert!(Tiles::boxes(0, &[2], &[2]).is_none());
    assert!(Tiles::boxes(8, &[1; 9], &[1; 9]).is_none());
    assert!(Tiles::boxes(8, &[1; 8], &[1; 8]).is_some());
    assert!(Tiles::boxes(8, &[usize::MAX, 3], &[1, 1]).is_none());
    assert!(Tiles::boxes(1, &[8, 1 << 40], &[8, 1 << 40]).is_none());
}

#[test]
fn tiles_larger_than_promised_are_not_packed() {
    let filters = Filters::default();
    let block = [1_u8; 64];
    let mut out = [0_u8; 64];
    let mut table = [Chunk::zeroed(); 2];
    let tiles = Tiles::boxes(1, &[2, 32], &[2, 16]).unwrap();
    for (most_block, most_chunk, used) in [(64, 32, 64), (63, 32, 0), (64, 31, 0)] {
        let mut packer = Packer::new(most_block, most_chunk, filters).unwrap();
        // SAFETY: as long as they have to be.
        let made =
            unsafe { packer.pack(&tiles, block.as_ptr(), out.as_mut_ptr(), table.as_mut_ptr()) };
        assert_eq!(made, used);
    }
}

#[test]
fn levels_that_no_codec_has_are_refused() {
    for codec in [Codec::Gzip(10), Codec::Zstd(0), Codec::Zstd(-1), Codec::Zstd(23)] {
        let filters = Filters { codec, ..Filters::default() };
        assert!(Packer::new(64, 64, filters).is_err(), "{codec:?}");
    }
}

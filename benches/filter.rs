//! The filters alone: blocks of rows to chunks of 1 MiB and back, one core.
//!
//!     cargo bench --bench filter [-- PART_OF_A_NAME]
//!
//! Prints the best of some rounds, which is what a quiet machine would give, for rows like
//! those of `benches/pipeline`. MB/s are those of the rows, `ratio` is what they become smaller.

#[allow(dead_code, unused_imports, unreachable_pub)]
#[path = "../src/filter/mod.rs"]
mod filter;

use std::time::Instant;

use bytemuck::Zeroable;
use filter::{Chunk, Codec, Filters, Packer, Tiles, Unpacker};
use ndshm::{error, sys};

const BYTES: usize = 1 << 20;

fn main() {
    let (calls, grid, full) = (calls(), grid(), full());
    let columns = [(0, 10), (10, 4), (14, 4), (18, 4), (22, 4)];
    let rows = BYTES / 26;
    for (name, codec) in [
        ("shuffle alone", Codec::None),
        ("gzip 1", Codec::Gzip(1)),
        ("gzip 4", Codec::Gzip(4)),
        ("gzip 6", Codec::Gzip(6)),
        ("gzip 9", Codec::Gzip(9)),
        ("zstd 3", Codec::Zstd(3)),
    ] {
        bench(&format!("{name}, calls"), codec, Tiles::rows(26, rows, 26), &calls);
        bench(
            &format!("{name}, calls by column"),
            codec,
            Tiles::columns(26, rows, &columns),
            &calls,
        );
        bench(&format!("{name}, grid"), codec, Tiles::rows(8, BYTES / 8, 8), &grid);
        let boxes = Tiles::boxes(8, &[BYTES / 1024, 128], &[BYTES / 1024, 50]);
        bench(&format!("{name}, grid in boxes"), codec, boxes, &grid);
        bench(&format!("{name}, full"), codec, Tiles::rows(8, BYTES / 8, 8), &full);
    }
}

/// Packs and unpacks a block, and says how fast.
#[allow(unsafe_code)]
fn bench(name: &str, codec: Codec, tiles: Option<Tiles<'_>>, block: &[u8]) {
    let wanted = std::env::args().nth(1).filter(|arg| !arg.starts_with("--"));
    if wanted.is_some_and(|wanted| !name.contains(&wanted)) {
        return;
    }
    let tiles = tiles.expect("tiles");
    let bytes = tiles.block_bytes();
    assert!(bytes <= block.len());
    let filters = Filters { shuffle: true, codec, fletcher32: false };
    let mut packer = Packer::new(bytes, 2 * BYTES, filters).expect("a packer");
    let mut out = vec![0; tiles.packed_bound(filters)];
    let mut table = vec![Chunk::zeroed(); tiles.count()];
    let mut used = 0;
    let pack = best(|| {
        // SAFETY: all are as long as the tiles ask for.
        used = unsafe { packer.pack(&tiles, block.as_ptr(), out.as_mut_ptr(), table.as_mut_ptr()) };
    });
    let mut unpacker = Unpacker::new(2 * BYTES, filters).expect("an unpacker");
    let mut back = vec![0; bytes];
    let unpack = best(|| {
        let mut rest = out.as_slice();
        for (i, chunk) in table.iter().enumerate() {
            let (stored, behind) = rest.split_at(chunk.len as usize);
            rest = behind;
            // SAFETY: the block is as long as it has to be.
            unsafe { unpacker.unpack(&tiles, i, stored, chunk.mask, back.as_mut_ptr()) }
                .expect("what was packed");
        }
    });
    assert!(back == block[..bytes], "other rows came back");
    let speed = |seconds: f64| bytes as f64 / seconds / 1e6;
    println!(
        "{name:32} {:6.0} MB/s  back {:6.0} MB/s  ratio {:.3}",
        speed(pack),
        speed(unpack),
        bytes as f64 / used as f64
    );
}

/// Seconds that the fastest round took, of as many as half a second has.
fn best(mut work: impl FnMut()) -> f64 {
    let (start, mut best) = (Instant::now(), f64::INFINITY);
    while start.elapsed().as_secs_f64() < 0.5 {
        let start = Instant::now();
        work();
        best = best.min(start.elapsed().as_secs_f64());
    }
    best
}

/// Methylation calls: chromosome, position, percent, two counts.
fn calls() -> Vec<u8> {
    let mut random = Random(7);
    let (mut rows, mut pos) = (Vec::new(), 0_u32);
    while rows.len() < BYTES {
        let (c, t) = (random.next() % 40, random.next() % 20 + 1);
        let percent = 100.0 * c as f32 / (c + t) as f32;
        pos += (random.next() % 2400) as u32;
        rows.extend(b"chr7\0\0\0\0\0");
        rows.extend(pos.to_le_bytes());
        rows.extend(percent.to_le_bytes());
        rows.extend((c as u32).to_le_bytes());
        rows.extend((t as u32).to_le_bytes());
    }
    rows
}

/// Temperatures with six digits behind the point.
fn grid() -> Vec<u8> {
    let mut random = Random(8);
    let value = |_| ((60.0 * random.unit() - 30.0) * 1e6).round() / 1e6;
    (0..BYTES / 8).map(value).flat_map(f64::to_le_bytes).collect()
}

/// Numbers with all their digits.
fn full() -> Vec<u8> {
    let mut random = Random(9);
    (0..BYTES / 8).flat_map(|_| (random.unit() * 3.0 - random.unit()).to_le_bytes()).collect()
}

/// A generator with a fixed seed (splitmix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

//! What stock readers of HDF5 make of packed chunks: `tests/h5/check_chunks.py` has h5py and
//! h5repack read them. Python is the one that `NDSHM_PYTHON` names; without it nothing is checked.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::string::String;
use std::vec::Vec;
use std::{format, println};

use super::tests::{Shape, content, pack};
use super::{Codec, Filters, Packer};

fn shapes() -> Vec<Shape> {
    let boxes = |element, block: &[usize], chunk: &[usize]| Shape::Boxes {
        element,
        block: block.to_vec(),
        chunk: chunk.to_vec(),
    };
    Vec::from([
        boxes(26, &[3000], &[3000]),
        boxes(8, &[500, 40], &[500, 40]),
        boxes(8, &[64, 100], &[64, 33]),
        boxes(4, &[10, 7, 9], &[10, 3, 4]),
        boxes(2, &[5, 1001], &[5, 100]),
        boxes(1, &[77, 30], &[77, 7]),
        boxes(16, &[100, 3], &[7, 2]),
        // Large enough for noise to be told from the rest.
        boxes(8, &[40_000], &[40_000]),
        Shape::Columns {
            row: 26,
            rows: 4000,
            columns: Vec::from([(0, 10), (10, 4), (14, 4), (18, 1), (19, 2), (22, 3)]),
        },
    ])
}

/// The case for the script, which knows nothing of tiles.
fn described(name: &str, shape: &Shape, filters: Filters) -> String {
    let (codec, level) = match filters.codec {
        Codec::None => ("none", 0),
        Codec::Gzip(level) => ("gzip", i32::from(level)),
        Codec::Zstd(level) => ("zstd", i32::from(level)),
    };
    let parted = match shape {
        Shape::Columns { row, columns, .. } => {
            let columns: Vec<[u32; 2]> = columns.iter().map(|&column| column.into()).collect();
            format!(r#""kind": "columns", "row": {row}, "columns": {columns:?}"#)
        }
        Shape::Boxes { element, block, chunk } => format!(
            r#""kind": "boxes", "element": {element}, "block": {block:?}, "chunk": {chunk:?}"#
        ),
        Shape::Rows { .. } => unreachable!("no such shape"),
    };
    let Filters { shuffle, fletcher32, .. } = filters;
    format!(
        r#"{{"name": "{name}", {parted}, "shuffle": {shuffle}, "codec": "{codec}", "level": {level}, "fletcher32": {fletcher32}}}"#
    )
}

/// Elements that vary in their last bytes; half of them, every third time, noise alone.
fn elements(seed: usize, len: usize) -> Vec<u8> {
    let noise = content(seed as u64, true, len);
    let smooth = (0..len).map(|i| (i / 997) as u8);
    let mixed = noise.iter().zip(smooth).enumerate();
    let some = |(i, (&noise, smooth)): (usize, (&u8, u8))| if i % 8 < 5 { noise } else { smooth };
    let half = if seed.is_multiple_of(3) { len / 2 } else { len };
    mixed.map(|(i, pair)| if i < half { some((i, pair)) } else { *pair.0 }).collect()
}

fn write_case(folder: &Path, name: &str, shape: &Shape, filters: Filters, block: &[u8]) {
    let tiles = shape.tiles();
    let mut packer = Packer::new(block.len(), tiles.most_chunk_bytes(), filters).unwrap();
    let chunks = pack(&mut packer, &tiles, filters, block);
    let table = chunks.iter().flat_map(|(chunk, mask)| [chunk.len() as u32, *mask]);
    let table: Vec<u8> = table.flat_map(u32::to_le_bytes).collect();
    let data: Vec<u8> = chunks.iter().flat_map(|(chunk, _)| chunk.iter().copied()).collect();
    for (kind, bytes) in [("block", block), ("chunks", &data), ("table", &table)] {
        fs::write(folder.join(format!("{name}.{kind}")), bytes).unwrap();
    }
}

#[test]
fn stock_readers_read_the_chunks() {
    let Some(python) = std::env::var_os("NDSHM_PYTHON").filter(|path| !path.is_empty()) else {
        return println!("skipped: NDSHM_PYTHON names no Python with NumPy and h5py");
    };
    let folder = tempfile::tempdir().unwrap();
    let mut cases = String::new();
    let codecs = [Codec::None, Codec::Gzip(0), Codec::Gzip(1), Codec::Gzip(9), Codec::Zstd(3)];
    for (s, shape) in shapes().iter().enumerate() {
        for (c, codec) in codecs.into_iter().enumerate() {
            for (shuffle, fletcher32) in [(true, false), (false, true), (true, true)] {
                let filters = Filters { shuffle, codec, fletcher32 };
                let name = format!("s{s}c{c}{}{}", u8::from(shuffle), u8::from(fletcher32));
                let block = elements(s + c, shape.tiles().block_bytes());
                write_case(folder.path(), &name, shape, filters, &block);
                cases += &described(&name, shape, filters);
                cases.push('\n');
            }
        }
    }
    fs::write(folder.path().join("cases"), cases).unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/h5/check_chunks.py");
    let ran = Command::new(python).arg(script).arg(folder.path()).output().unwrap();
    println!("{}", String::from_utf8_lossy(&ran.stdout));
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
}

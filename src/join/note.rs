//! What a joined file notes of its shards: the table `.ndshm/shards`, a row for each
//! dataset of each shard. `docs/shards.md` has its columns.

use std::format;
use std::path::Path;
use std::string::{String, ToString};
use std::vec::Vec;

use super::Shard;
use super::error::Result;
use super::fault::Fault;
use super::look::refused;
use super::plan::{Plan, text_of};
use crate::dtype_buf::DTypeBuf;
use crate::hdf5::{self, NOTES, Table, Writer};

/// Its columns, in their order.
const COLUMNS: [&core::ffi::CStr; 9] =
    [c"file", c"dataset", c"join", c"first", c"rows", c"shape", c"dtype", c"size", c"crc32"];
/// A longer dtype is noted by its beginning and a checksum of all of it.
const LONG: usize = 1000;

/// A dataset of a shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Note {
    /// The shard, relative to the joined file's directory.
    pub(super) file: String,
    pub(super) dataset: String,
    /// How it is joined: `rows`, `axis` or `link`.
    pub(super) join: String,
    /// Where its rows begin in the joined dataset.
    pub(super) first: u64,
    pub(super) rows: u64,
    pub(super) shape: String,
    pub(super) dtype: String,
    /// Bytes of the shard.
    pub(super) size: u64,
    /// Checksum of the shard.
    pub(super) crc32: Option<u32>,
}

/// What is noted of a type.
pub(super) fn dtype_text(text: &str) -> String {
    if text.len() <= LONG {
        return text.into();
    }
    let end = text.char_indices().map(|(at, _)| at).take_while(|&at| at <= LONG).last();
    let head = text.get(..end.unwrap_or(0)).unwrap_or_default();
    format!("{head}... ({} bytes, crc32 {:08x})", text.len(), crc32fast::hash(text.as_bytes()))
}

fn table_path() -> String {
    format!("{NOTES}/shards")
}

/// Writes the notes into a joined file.
pub(super) fn write(writer: &mut Writer, plan: &Plan, shards: &[Shard]) -> Result<()> {
    let notes = notes(plan, shards);
    let widths = notes.iter().fold([1; 4], |[a, b, c, d], n| {
        [a.max(n.file.len()), b.max(n.dataset.len()), c.max(n.shape.len()), d.max(n.dtype.len())]
    });
    let [file, dataset, shape, dtype] = widths;
    let text = format!(
        "[('file', 'S{file}'), ('dataset', 'S{dataset}'), ('join', 'S4'), ('first', '<u8'), \
         ('rows', '<u8'), ('shape', 'S{shape}'), ('dtype', 'S{dtype}'), ('size', '<u8'), \
         ('crc32', 'S8')]"
    );
    let row = DTypeBuf::parse(&text).map_err(hdf5::Error::Core)?;
    let mut rows = Vec::new();
    for note in &notes {
        let crc32 = note.crc32.map(|crc| format!("{crc:08x}")).unwrap_or_default();
        padded(&mut rows, &note.file, file);
        padded(&mut rows, &note.dataset, dataset);
        padded(&mut rows, &note.join, 4);
        rows.extend_from_slice(&note.first.to_le_bytes());
        rows.extend_from_slice(&note.rows.to_le_bytes());
        padded(&mut rows, &note.shape, shape);
        padded(&mut rows, &note.dtype, dtype);
        rows.extend_from_slice(&note.size.to_le_bytes());
        padded(&mut rows, &crc32, 8);
    }
    Ok(writer.add_table(&table_path(), row.as_dtype(), &rows)?)
}

fn padded(to: &mut Vec<u8>, text: &str, width: usize) {
    let end = to.len() + width;
    to.extend_from_slice(text.as_bytes());
    to.resize(end, 0);
}

/// By the names of datasets, then in the order of the shards.
fn notes(plan: &Plan, shards: &[Shard]) -> Vec<Note> {
    let datasets = plan.datasets.values();
    let notes = datasets.flat_map(|joined| {
        joined.parts.iter().filter_map(|part| {
            let shard = shards.get(part.shard)?;
            Some(Note {
                file: shard.name.clone(),
                dataset: joined.first.path.clone(),
                join: joined.way.name().into(),
                first: part.first,
                rows: part.rows(),
                shape: text_of(part.shape.as_deref()),
                dtype: dtype_text(joined.first.kind.text()),
                size: shard.bytes,
                crc32: shard.crc32,
            })
        })
    });
    notes.collect()
}

/// Reads the notes of a file; none if it is not a joined one.
pub(super) fn read(path: &Path) -> core::result::Result<Option<Vec<Note>>, Fault> {
    let table = hdf5::read(path, |reading| reading.table(&table_path(), &COLUMNS));
    let Some(table) = table.map_err(|error| refused(path, &error))? else { return Ok(None) };
    let notes: Option<Vec<Note>> = (0..table.rows).map(|row| note(&table, row)).collect();
    notes.map(Some).ok_or(Fault::Notes)
}

fn note(table: &Table, row: u64) -> Option<Note> {
    let text = |column| table.text(row, column).map(ToString::to_string);
    let number = |column| table.number(row, column);
    let crc32 = match table.text(row, 8)? {
        "" => None,
        digits => Some(u32::from_str_radix(digits, 16).ok()?),
    };
    Some(Note {
        file: text(0).filter(|file| !file.is_empty())?,
        dataset: text(1).filter(|path| !path.is_empty())?,
        join: text(2)?,
        first: number(3)?,
        rows: number(4)?,
        shape: text(5)?,
        dtype: text(6)?,
        size: number(7)?,
        crc32,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_type_is_told_from_others_by_its_checksum() {
        let (a, b) = ("é".repeat(900) + "a", "é".repeat(900) + "b");
        assert_ne!(dtype_text(&a), dtype_text(&b));
        assert!(dtype_text(&a).len() < LONG + 50);
        assert_eq!(dtype_text("<f8"), "<f8");
    }
}

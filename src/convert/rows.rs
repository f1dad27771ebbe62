//! Rows with a column more: the name of the file that they come from.

use std::string::String;
use std::vec::Vec;

use super::error::{ConvertError, Result};
use crate::dtype::{DType, Kind, Order};
use crate::dtype_buf::{DTypeBuf, Room};
use crate::hdf5;
use crate::load::Block;

/// Bytes of rows that are made at once.
const ROOM: usize = 256 << 10;

/// A last column of text that is the same for all rows of an input.
#[derive(Debug)]
pub(super) struct SourceColumn {
    /// Bytes of a row as it was read.
    from: usize,
    width: usize,
    /// For each input.
    texts: Vec<String>,
    rows: Vec<u8>,
}

impl SourceColumn {
    /// The column, and the dtype of the rows with it.
    pub(super) fn new(
        dtype: DType<'_>,
        name: &str,
        texts: Vec<String>,
    ) -> Result<(Self, DTypeBuf)> {
        if !dtype.is_record() {
            return Err(ConvertError::SourceColumn);
        }
        let width = texts.iter().map(String::len).max().unwrap_or(0).max(1);
        let from = dtype.root().size() as usize;
        let room = Room::of(dtype);
        let room = Room { nodes: room.nodes + 2, names: room.names + name.len(), dims: room.dims };
        let extended = DTypeBuf::build(room, |mut builder| {
            builder.begin_record("")?;
            for field in dtype.root().fields() {
                builder.copy(field.name(), field)?;
                // Where the dtype has it, so that a row is copied as it is.
                builder.place(field.offset())?;
            }
            builder.leaf(name, Kind::Bytes, width as u32, Order::None)?;
            builder.place(from as u32)?;
            builder.end_record()?;
            builder.finish()
        });
        let extended = extended.map_err(hdf5::Error::Core)?;
        Ok((Self { from, width, texts, rows: Vec::new() }, extended))
    }

    /// Gives `take` the rows of a block with the column of an input, some at a time.
    pub(super) fn extend(
        &mut self,
        block: &Block,
        input: usize,
        mut take: impl FnMut(&[u8]) -> Result<()>,
    ) -> Result<()> {
        let text = self.texts.get(input).map_or(&b""[..], |text| text.as_bytes());
        let most = (ROOM / (self.from + self.width)).max(1);
        for rows in block.as_bytes().chunks(self.from * most) {
            self.rows.clear();
            for row in rows.chunks_exact(self.from) {
                self.rows.extend_from_slice(row);
                self.rows.extend_from_slice(text);
                self.rows.resize(self.rows.len() + self.width - text.len(), 0);
            }
            take(&self.rows)?;
        }
        Ok(())
    }
}

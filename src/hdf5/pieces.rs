//! Rows of a dataset, in the order of its rows and as they lie in the file, by whatever way
//! there is: straight from the file, by unpacking its chunks here, or by HDF5.

use std::vec;
use std::vec::Vec;

use super::error::{Error, Result};
use super::packed::{Packed, PackedChunk};
use super::read_error::{ChunkFault, ReadFault};
use super::stored::{Place, Stored};
use crate::filter::{Broken, Filters, Tiles, Unpacker};

/// Bytes of a row of chunks that are held at most.
const MOST_BAND: usize = 512 << 20;

/// What unpacks chunks, for all that are read side by side: one for each set of filters.
#[derive(Debug, Default)]
pub(crate) struct Unpackers(Vec<(Filters, usize, Unpacker)>);

impl Unpackers {
    /// For chunks that were of up to so many bytes.
    fn of(&mut self, filters: Filters, most: usize) -> Result<&mut Unpacker> {
        let known = self.0.iter().position(|(of, _, _)| *of == filters);
        let fits = known.and_then(|at| self.0.get(at)).is_some_and(|(_, size, _)| *size >= most);
        if !fits {
            let made = (filters, most, Unpacker::new(most, filters).map_err(Error::Core)?);
            if let Some(at) = known {
                self.0.swap_remove(at);
            }
            self.0.push(made);
        }
        let found = self.0.iter_mut().find(|(of, _, _)| *of == filters);
        found.map(|(_, _, unpacker)| unpacker).ok_or(Error::Order("an unpacker was lost"))
    }
}

/// A way through the rows of a dataset.
#[derive(Debug)]
pub(crate) struct Pieces {
    /// Bytes of a row.
    row: usize,
    from: From,
}

#[derive(Debug)]
enum From {
    /// The rows lie one behind the other.
    Flat { offset: u64 },
    /// Chunks, of which a row is unpacked at a time.
    Bands(std::boxed::Box<Bands>),
    /// HDF5 has them.
    Library,
    /// Nobody has written any.
    Nowhere,
}

#[derive(Debug)]
struct Bands {
    packed: Packed,
    /// In the order of their places in the grid.
    chunks: Vec<PackedChunk>,
    /// Rows of a chunk.
    rows: u64,
    /// Bytes of elements that nobody has written.
    fill: Vec<u8>,
    /// Which row of chunks is unpacked.
    at: Option<u64>,
    block: Vec<u8>,
}

impl Stored {
    /// A way through its rows.
    ///
    /// # Errors
    /// As [`packed`](Self::packed) and [`offset`](Self::offset); [`Error::Core`] for want of
    /// memory.
    pub(crate) fn pieces(&self) -> Result<Pieces> {
        let rows = self.extents().first().copied().unwrap_or(1).max(1);
        let row = usize::try_from(self.len().unwrap_or(u64::MAX) / rows).unwrap_or(usize::MAX);
        let from = match (self.place(), self.offset()?) {
            _ if self.is_empty() => From::Nowhere,
            (_, Some(offset)) => From::Flat { offset },
            (Place::Chunked { chunk }, None) => {
                let band = chunk.first().copied().unwrap_or(1).min(rows);
                let fits = band.checked_mul(row as u64).is_some_and(|n| n <= MOST_BAND as u64);
                match if fits { self.packed_as_is()? } else { None } {
                    Some(packed) => From::Bands(std::boxed::Box::new(Bands::new(self, packed)?)),
                    None => From::Library,
                }
            }
            (Place::Elsewhere, None) if self.is_nowhere()? => From::Nowhere,
            _ => From::Library,
        };
        Ok(Pieces { row, from })
    }
}

impl Pieces {
    /// Whether only HDF5 can read them.
    pub(crate) const fn need_library(&self) -> bool {
        matches!(self.from, From::Library)
    }

    /// Whether they are read from the file itself.
    pub(super) const fn lie_here(&self) -> bool {
        matches!(self.from, From::Flat { .. } | From::Bands(_))
    }

    /// Bytes of a row.
    pub(crate) const fn row(&self) -> usize {
        self.row
    }

    /// Reads rows from `first` on into all of `into`.
    ///
    /// # Errors
    /// What reading says; [`Error::Read`] for a chunk that cannot be unpacked.
    pub(crate) fn read(
        &mut self,
        of: &Stored,
        first: u64,
        into: &mut [u8],
        unpackers: &mut Unpackers,
    ) -> Result<()> {
        let row = self.row.max(1);
        match &mut self.from {
            From::Nowhere => into.fill(0),
            From::Flat { offset } => read_all(of, into, *offset + first * row as u64)?,
            From::Library => {
                let rows = (into.len() / row) as u64;
                // SAFETY: there is room for so many rows.
                unsafe { of.read_rows(first, rows, into.as_mut_ptr()) }?;
            }
            From::Bands(bands) => {
                let (mut at, mut into) = (first, into);
                while !into.is_empty() {
                    let skip = (at % bands.rows) as usize * row;
                    let block = bands.unpacked(at / bands.rows, unpackers)?;
                    let block = block.get(skip..).unwrap_or_default();
                    let (now, later) = into.split_at_mut(block.len().min(into.len()));
                    now.copy_from_slice(block.get(..now.len()).unwrap_or_default());
                    if now.is_empty() {
                        return Err(Error::Order("rows behind the last one"));
                    }
                    at += (now.len() / row) as u64;
                    into = later;
                }
            }
        }
        Ok(())
    }
}

fn read_all(of: &Stored, mut into: &mut [u8], mut at: u64) -> Result<()> {
    while !into.is_empty() {
        let n = of.read_file(into, at)?;
        if n == 0 {
            let subject = std::format!("{}: dataset '{}'", of.file().display(), of.path());
            return Err(Error::Read { subject, fault: ReadFault::Truncated });
        }
        into = into.get_mut(n..).unwrap_or_default();
        at += n as u64;
    }
    Ok(())
}

impl Bands {
    fn new(of: &Stored, mut packed: Packed) -> Result<Self> {
        let mut chunks = core::mem::take(&mut packed.chunks);
        chunks.sort_unstable_by_key(|chunk| chunk.index);
        let Place::Chunked { chunk } = of.place() else {
            return Err(Error::Order("a dataset without chunks"));
        };
        let rows = chunk.first().copied().unwrap_or(1).max(1);
        let fill = packed.fill.clone().unwrap_or_else(|| vec![0; packed.element]);
        Ok(Self { packed, chunks, rows, fill, at: None, block: Vec::new() })
    }

    /// A row of chunks.
    fn unpacked(&mut self, band: u64, unpackers: &mut Unpackers) -> Result<&[u8]> {
        if self.at != Some(band) {
            self.at = None;
            self.unpack(band, unpackers)?;
            self.at = Some(band);
        }
        Ok(&self.block)
    }

    fn unpack(&mut self, band: u64, unpackers: &mut Unpackers) -> Result<()> {
        let unpacker = unpackers.of(self.packed.filters, self.packed.tiles.chunk_bytes(0))?;
        let (tiles, across) = self.tiles(band).ok_or(Error::Order("rows behind the last one"))?;
        self.block = self.fill.repeat(tiles.block_bytes() / self.fill.len().max(1));
        let (from, to) = (band * across, (band + 1) * across);
        let start = self.chunks.partition_point(|chunk| chunk.index < from);
        let end = self.chunks.partition_point(|chunk| chunk.index < to);
        for chunk in self.chunks.get(start..end).unwrap_or_default() {
            let mut stored = vec![0; chunk.len as usize];
            let read = self.packed.fd.read_at(&mut stored, chunk.at);
            let n = read.map_err(|e| self.packed.unreadable(e.errno()))?;
            stored.truncate(n);
            let (i, block) = ((chunk.index - from) as usize, self.block.as_mut_ptr());
            // SAFETY: the block has the bytes of the tiles' block.
            let done = unsafe { unpacker.unpack(&tiles, i, &stored, chunk.mask, block) };
            done.map_err(|broken| self.packed.fault(chunk.index, fault(broken)))?;
        }
        Ok(())
    }

    /// The chunks of a row, and how many there are.
    fn tiles(&self, band: u64) -> Option<(Tiles<'static>, u64)> {
        self.packed.band(band)
    }
}

/// What is wrong with a chunk.
pub(super) const fn fault(broken: Broken) -> ChunkFault {
    match broken {
        Broken::Mask => ChunkFault::Mask,
        Broken::Checksum => ChunkFault::Checksum,
        Broken::Tile | Broken::Content => ChunkFault::Content,
    }
}

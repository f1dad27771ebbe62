//! Small blocks on their way to a sink's file: gathered, so that each write is worth its call.

use std::vec::Vec;

/// Bytes that are gathered.
const ROOM: usize = 64 << 10;
/// A block of as many is not worth copying.
const LARGE: usize = 16 << 10;

/// Blocks that one dataset is made of, one behind the other.
#[derive(Debug, Default)]
pub(crate) struct Gather(Vec<u8>);

impl Gather {
    /// Writes a block, or keeps it for later.
    pub(crate) fn add<E>(
        &mut self,
        block: &[u8],
        mut write: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        if block.len() >= LARGE || self.0.len() + block.len() > ROOM {
            self.flush(&mut write)?;
        }
        if block.len() >= LARGE {
            return write(block);
        }
        self.0.extend_from_slice(block);
        Ok(())
    }

    /// Writes what was kept.
    pub(crate) fn flush<E>(
        &mut self,
        mut write: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        if !self.0.is_empty() {
            write(&self.0)?;
            self.0.clear();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::convert::Infallible;

    #[test]
    fn blocks_come_out_in_order_and_whole() {
        let mut gather = Gather::default();
        let (mut written, mut calls) = (Vec::new(), 0);
        let mut write = |bytes: &[u8]| {
            written.extend_from_slice(bytes);
            calls += 1;
            Ok::<_, Infallible>(())
        };
        let mut expected = Vec::new();
        for (i, len) in [3, 0, LARGE, 1, LARGE - 1, 2 * ROOM, 900, LARGE - 2].iter().enumerate() {
            for _ in 0..5 {
                let bytes = std::vec![i as u8; *len];
                expected.extend_from_slice(&bytes);
                gather.add(&bytes, &mut write).unwrap();
            }
        }
        gather.flush(&mut write).unwrap();
        gather.flush(&mut write).unwrap();
        assert!(written == expected && calls < 20, "{calls}");
    }
}

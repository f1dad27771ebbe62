//! Datasets of chunks that are like a dataset of another file: with its type, whatever that is, and
//! its attributes.

use std::vec::Vec;

use hdf5_sys::h5::hsize_t;
use hdf5_sys::h5s::H5S_UNLIMITED;

use super::chunks::Chunked;
use super::dataset;
use super::error::Result;
use super::layout::{chunked_list, uncached_list};
use super::library;
use super::sets::Sets;
use super::shard::Described;
use super::r#virtual::{self, Joined};
use super::writer::{CLOSED, Writer};
use crate::filter::Filters;

impl Writer {
    /// Makes a dataset of chunks, without rows as yet, to which
    /// [chunks are added](Self::append_chunks). `fixed` are its extents behind the first.
    ///
    /// # Errors
    /// [`Error::Dataset`](super::Error::Dataset), [`Error::Order`](super::Error::Order),
    /// [`Error::Hdf5`](super::Error::Hdf5).
    pub(crate) fn begin_like(
        &mut self,
        like: &Described,
        chunk: &[u64],
        fixed: &[u64],
        filters: Filters,
    ) -> Result<()> {
        let mut shape: Vec<hsize_t> = Vec::from([0]);
        shape.extend(fixed);
        let mut most: Vec<hsize_t> = Vec::from([H5S_UNLIMITED]);
        most.extend(fixed);
        let Described { path, kind, attributes, .. } = like;
        let joined = Joined { path, kind, shape: Some(&shape), attributes };
        let sets = self.add(path, |session, file, names| {
            let space = dataset::space_of(session, &shape, &most)?;
            let list = chunked_list(session, chunk, filters)?;
            let access = uncached_list(session)?;
            let lists = (list.raw(), access.raw());
            let set = r#virtual::create_in(session, file, names, &joined, &space, lists)?;
            let mut sets = Sets::default();
            sets.push(session, set, dataset::c_path(path)?)?;
            Ok(sets)
        })?;
        let chunk = chunk.to_vec();
        self.chunked =
            Some(Chunked { sets, group: None, chunk, shape, columns: false, grown: None });
        Ok(())
    }

    /// Ends a dataset that was begun with [`begin_like`](Self::begin_like).
    ///
    /// # Errors
    /// [`Error::Order`](super::Error::Order), [`Error::Hdf5`](super::Error::Hdf5).
    pub(crate) fn finish_like(&mut self, shape: &[u64]) -> Result<()> {
        self.usable()?;
        let mut chunked = self.chunked.take().ok_or(CLOSED)?;
        let finished = library::with(|session| {
            let file = self.file.as_ref().ok_or(CLOSED)?;
            chunked.grow(session, file.id(), shape, true)?;
            chunked.close(session)
        });
        self.remember(finished)
    }
}

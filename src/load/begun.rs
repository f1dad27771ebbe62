//! What a sink is told when rows are about to come, and how it says that they do not suit it.

use core::fmt;
use std::boxed::Box;

use super::options::Options;
use super::sink::SinkError;
use crate::dtype::DType;

/// Makes the sink of an attempt.
pub(super) struct Open<S>(Box<MakeSink<S>>);

/// What a sink is made for.
#[derive(Debug, Clone, Copy)]
#[cfg_attr(not(feature = "hdf5"), allow(dead_code, reason = "a segment needs less"))]
pub(crate) struct Begun<'a> {
    /// Of the rows.
    pub(crate) dtype: DType<'a>,
    /// How the text is read, with what was found in it.
    pub(crate) options: &'a Options,
    /// Processes that parse; 0 if this one does, because the text is short.
    pub(crate) processes: usize,
    /// The dtype is a guess, and the text may show that it is another one.
    pub(crate) guess: bool,
}

/// Why no sink is made of a guess: who says so does not fit it, but may fit the dtype that the
/// whole text shows.
#[derive(Debug)]
pub(crate) struct Misfit;

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("what is asked for does not fit the types that were guessed")
    }
}

impl core::error::Error for Misfit {}

type MakeSink<S> = dyn FnMut(Begun<'_>) -> core::result::Result<S, SinkError> + Send;

impl<S> Open<S> {
    pub(super) fn new(
        make: impl FnMut(Begun<'_>) -> core::result::Result<S, SinkError> + Send + 'static,
    ) -> Self {
        Self(Box::new(make))
    }

    pub(super) fn make(&mut self, begun: Begun<'_>) -> core::result::Result<S, SinkError> {
        (self.0)(begun)
    }
}

impl<S> fmt::Debug for Open<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Open")
    }
}

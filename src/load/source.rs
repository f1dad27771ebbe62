//! Where the streams of each pass come from.

use std::boxed::Box;
use std::vec::Vec;

use super::auto::Spool;
use super::error::Result;
use super::input::{Origin, Packed, Stream};
use super::setup::Setup;

/// Where the streams of a pass come from.
#[derive(Debug)]
pub(super) enum Source {
    /// The input is a file.
    File,
    /// A stream that is read once.
    Once(Option<Stream>),
    /// One that may be read again.
    Kept(Spool),
    /// A file that is unpacked.
    Packed(Packed),
}

/// Streams that may have to be read again are kept.
pub(super) fn sources(streams: Vec<Option<Stream>>, setup: &Setup) -> Result<Vec<Source>> {
    let keeps = |input: usize| setup.can_begin_again() || (setup.needs_beginning() && input == 0);
    let source = |(input, stream): (usize, Option<Stream>)| match stream {
        None => Ok(Source::File),
        Some(stream) if keeps(input) => Ok(match stream.into_origin() {
            Origin::Packed(file) => Source::Packed(file),
            Origin::Reader(reader, fd) => Source::Kept(Spool::new(reader, fd)?),
        }),
        once => Ok(Source::Once(once)),
    };
    (0..).zip(streams).map(source).collect()
}

impl Source {
    /// The stream for the next pass.
    pub(super) fn stream(&mut self) -> Option<Stream> {
        match self {
            Self::File => None,
            Self::Once(stream) => stream.take(),
            Self::Kept(spool) => {
                let (reader, fd) = spool.replay();
                Some(Stream::reading(Box::new(reader), fd))
            }
            Self::Packed(file) => Some(Stream::packed(file.clone())),
        }
    }
}

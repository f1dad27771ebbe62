//! Where the rows go.

#![allow(unsafe_code)]

use std::boxed::Box;

/// An error of a sink.
pub type SinkError = Box<dyn core::error::Error + Send + Sync>;

/// Rows of one piece in a buffer of the ring, laid out as they are to be stored.
#[derive(Debug)]
pub struct Block {
    data: *const u8,
    rows: u64,
    len: usize,
}

impl Block {
    /// In a pass that makes no rows, what was found out about so many.
    pub(super) const fn new(data: *const u8, rows: u64, len: usize) -> Self {
        Self { data, rows, len }
    }

    /// First byte of the first row. The bytes are readable, and do not change,
    /// as long as the block is borrowed.
    #[must_use]
    pub const fn as_ptr(&self) -> *const u8 {
        self.data
    }

    /// Number of rows.
    #[must_use]
    pub const fn rows(&self) -> u64 {
        self.rows
    }

    /// Bytes of all rows.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no bytes.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The rows' bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        // SAFETY: a block is made of a buffer whose worker has answered: `len` bytes of it
        // are readable, and no process writes them until the block is given back.
        unsafe { core::slice::from_raw_parts(self.data, self.len) }
    }
}

/// Takes the rows of every input, in file order.
///
/// The calls for an input are [`begin`](Sink::begin), [`rows`](Sink::rows) any
/// number of times, [`end`](Sink::end). Workers are forked before the first.
pub trait Sink {
    /// Does a piece of what has to be done before the first row, in a moment; whether that
    /// was the last one. It is called until it says so, and may be called after that.
    ///
    /// # Errors
    /// Any error stops the load.
    fn prepare(&mut self) -> Result<bool, SinkError> {
        Ok(true)
    }

    /// Does what can be done without waiting, and says whether it takes rows. As long as it
    /// does not, no [`rows`](Self::rows) come; it is asked again when its
    /// [descriptor](Self::raw_fd) is readable.
    ///
    /// # Errors
    /// Any error stops the load.
    fn tend(&mut self) -> Result<bool, SinkError> {
        Ok(true)
    }

    /// A descriptor that is readable when there is something to [do](Self::tend), if there
    /// is one. It stays the same.
    fn raw_fd(&self) -> Option<i32> {
        None
    }

    /// Does a piece of what is left to do after the last input, without waiting; whether
    /// that was the last one. It is called until it says so.
    ///
    /// # Errors
    /// Any error stops the load.
    fn complete(&mut self) -> Result<bool, SinkError> {
        Ok(true)
    }

    /// An input begins. `columns` is the number of columns of its rows if the
    /// dtype is a scalar, 0 if it has no rows to tell; `None` if the dtype is a
    /// record.
    ///
    /// # Errors
    /// Any error stops the load.
    fn begin(&mut self, input: usize, columns: Option<u32>) -> Result<(), SinkError>;

    /// Whether the rows of all inputs become one array: then they must have the same
    /// number of columns.
    fn joins_inputs(&self) -> bool {
        false
    }

    /// Takes some rows.
    ///
    /// # Errors
    /// Any error stops the load.
    fn rows(&mut self, block: &Block) -> Result<(), SinkError>;

    /// An input ends after `rows` rows.
    ///
    /// # Errors
    /// Any error stops the load.
    fn end(&mut self, input: usize, rows: u64) -> Result<(), SinkError>;
}

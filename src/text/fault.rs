//! Why a row could not be read.

/// A row that could not be read. Positions are relative to the text given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// What is wrong.
    pub kind: FaultKind,
    /// Lines before it.
    pub line: u64,
    /// Rows before it.
    pub row: u64,
    /// Column in the file from 1, 0 if it is the row as a whole.
    pub column: u32,
    /// Byte at which the offending text starts.
    pub start: usize,
    /// Bytes of the offending text.
    pub len: usize,
}

/// What is wrong with a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FaultKind {
    /// A field does not convert to its type.
    Convert {
        /// Column of the plan, for its type.
        slot: u32,
    },
    /// The row has another number of columns than the rows before it.
    ColumnsChanged {
        /// Columns so far.
        from: u32,
        /// Columns here.
        to: u32,
    },
    /// The row has another number of columns than the dtype has fields.
    ColumnsRequired {
        /// Columns that the dtype has.
        need: u32,
        /// Columns here.
        found: u32,
    },
    /// `usecols` asks for a column that the row does not have.
    ColumnIndex {
        /// The index as it was given.
        index: i32,
        /// Columns here.
        found: u32,
    },
    /// Bytes that are not UTF-8.
    Encoding,
}

//! Why a row could not be read.

/// A row that could not be read; of several lines, if quotes hold line ends. Positions are relative to the text given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// What is wrong.
    pub kind: FaultKind,
    /// Lines before the offending text.
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

impl Fault {
    /// No fault, for room to put some in.
    pub const NONE: Self =
        Self { kind: FaultKind::Encoding, line: 0, row: 0, column: 0, start: 0, len: 0 };
}

/// Rows that could not be read and are left out: how many, and the first of them.
#[derive(Debug)]
pub struct BadRows<'a> {
    skip: bool,
    count: u64,
    first: &'a mut [Fault],
}

impl<'a> BadRows<'a> {
    /// The first bad row stops the reading.
    #[must_use]
    pub const fn stop() -> Self {
        Self { skip: false, count: 0, first: &mut [] }
    }

    /// Bad rows are left out; as many as there is room for are kept in `first`.
    #[must_use]
    pub const fn skip(first: &'a mut [Fault]) -> Self {
        Self { skip: true, count: 0, first }
    }

    /// Whether bad rows are left out.
    pub(super) const fn skips(&self) -> bool {
        self.skip
    }

    /// Rows left out.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// The first of them.
    #[must_use]
    pub fn first(&self) -> &[Fault] {
        let kept = usize::try_from(self.count).unwrap_or(usize::MAX);
        self.first.get(..kept).unwrap_or(self.first)
    }

    /// Takes a bad row, or gives it back if it stops the reading.
    pub(super) fn take(&mut self, fault: Fault) -> Result<(), Fault> {
        if !self.skip {
            return Err(fault);
        }
        let place = usize::try_from(self.count).ok().and_then(|at| self.first.get_mut(at));
        if let Some(place) = place {
            *place = fault;
        }
        self.count += 1;
        Ok(())
    }
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
    /// Bytes that are not in the encoding.
    Encoding,
}

//! How far a job is.

/// How far a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// Bytes of text whose rows are with the sink. They are those of the input, but of one
    /// that is compressed, or in UTF-16 or UTF-32, those of the UTF-8 made of it: more than
    /// its file has, as a rule.
    pub bytes_done: u64,
    /// Bytes of all inputs; 0 if one of them is a stream, or is read as one because it is
    /// compressed or in UTF-16 or UTF-32: then it is not known before how much text it is.
    pub bytes_total: u64,
    /// Rows that are with the sink.
    pub rows: u64,
    /// Inputs that are read to their end.
    pub inputs_done: usize,
    /// Inputs.
    pub inputs_total: usize,
    /// Which pass over the inputs this is, from 1; at most 3. When the types that were found
    /// in a part of the text do not fit all of it, the load begins again, and so do the
    /// numbers above.
    pub pass: u32,
    /// Everything is done but [`Job::finish`](super::Job::finish).
    pub done: bool,
}

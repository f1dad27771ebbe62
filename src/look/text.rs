//! Rows of text.

use core::sync::atomic::AtomicBool;
use core::time::Duration;

use super::error::{LookError, Result, boxed};
use super::query::{Query, Take};
use super::sieve::{Found, Sieve};
use crate::dtype::DType;
use crate::dtype_buf::DTypeBuf;
use crate::load::{
    self, Begun, Block, Canceller, Done, Input, Job, Misfit, Progress, RowTypeRef, Sink, SinkError,
    TICK,
};
use crate::text::Unicode;

/// Text whose rows are looked at: a [`Job`] that keeps those that are wanted.
#[derive(Debug)]
pub struct TextJob(Job<Looker>);

impl TextJob {
    /// As [`Job::start`]; all inputs are one table. Where the first rows are wanted, and any
    /// rows will do, no more than these are read.
    ///
    /// # Errors
    /// [`LookError`].
    pub fn start<'t, I: Into<Input>>(
        inputs: impl IntoIterator<Item = I>,
        rows: impl Into<RowTypeRef<'t>>,
        text: &load::Options,
        query: &Query,
    ) -> Result<Self> {
        Self::start_watching(inputs, rows, text, query, None)
    }

    /// The same, which `flag` can stop while it reads the head of a file.
    ///
    /// # Errors
    /// [`LookError`].
    pub fn start_watching<'t, I: Into<Input>>(
        inputs: impl IntoIterator<Item = I>,
        rows: impl Into<RowTypeRef<'t>>,
        text: &load::Options,
        query: &Query,
        flag: Option<&AtomicBool>,
    ) -> Result<Self> {
        let mut text = text.clone();
        if let (Take::First(most), true) = (query.take(), query.takes_any()) {
            text.max_rows = Some(text.max_rows.map_or(most, |given| given.min(most)));
        }
        let query = query.clone();
        let open = move |begun: Begun<'_>| Looker::new(begun, query.clone());
        Ok(Self(Job::start_with(inputs, rows, Unicode::Ucs4, &text, flag, open)?))
    }

    /// As [`Job::step`].
    ///
    /// # Errors
    /// [`LookError`]; the job is over then.
    pub fn step(&mut self, timeout: Duration) -> Result<Progress> {
        let progress = if self.is_full() { self.0.progress() } else { self.0.step(timeout)? };
        Ok(Progress { done: progress.done || self.is_full(), ..progress })
    }

    /// Whether nothing more is wanted.
    fn is_full(&self) -> bool {
        self.0.sink().and_then(|sink| sink.sieve.as_ref()).is_some_and(Sieve::is_full)
    }

    /// A handle that stops the job.
    #[must_use]
    pub fn canceller(&self) -> Canceller {
        self.0.canceller()
    }

    /// Steps until everything that is wanted is read.
    ///
    /// # Errors
    /// [`LookError`].
    pub fn finish(mut self) -> Result<Found> {
        while !self.step(TICK)?.done {}
        let Done { mut sink, report, .. } = self.0.so_far()?;
        sink.begin_rows(None)?;
        let sieve = sink.sieve.ok_or(crate::error::Error::Argument)?;
        Ok(Found { report, ..sieve.finish() })
    }
}

/// The sink that keeps the rows that are wanted.
#[derive(Debug)]
struct Looker {
    dtype: DTypeBuf,
    query: Query,
    sieve: Option<Sieve>,
}

impl Looker {
    fn new(begun: Begun<'_>, query: Query) -> core::result::Result<Self, SinkError> {
        let dtype = DTypeBuf::copy_of(begun.dtype).map_err(|error| boxed(error.into()))?;
        let mut looker = Self { dtype, query, sieve: None };
        if !begun.dtype.is_record() {
            // How many columns a table has is known when its rows begin.
            return Ok(looker);
        }
        match looker.begin_rows(None) {
            // Other types may fit the condition, if the text shows them.
            Err(LookError::Condition(error)) if begun.guess && error.by_type => {
                Err(std::boxed::Box::new(Misfit))
            }
            begun => begun.map(|()| looker).map_err(boxed),
        }
    }

    fn begin_rows(&mut self, columns: Option<u32>) -> Result<()> {
        if self.sieve.is_none() {
            let dims = columns.map(u64::from);
            let take = self.query.take();
            self.sieve = Some(self.query.sieve(self.dtype(), dims.as_slice(), take)?);
        }
        Ok(())
    }

    fn dtype(&self) -> DType<'_> {
        self.dtype.as_dtype()
    }
}

impl Sink for Looker {
    fn begin(
        &mut self,
        _input: usize,
        columns: Option<u32>,
    ) -> core::result::Result<(), SinkError> {
        // An input without rows does not say how many columns there are.
        if columns == Some(0) { Ok(()) } else { self.begin_rows(columns).map_err(boxed) }
    }

    fn joins_inputs(&self) -> bool {
        true
    }

    fn rows(&mut self, block: &Block) -> core::result::Result<(), SinkError> {
        if let Some(sieve) = &mut self.sieve {
            sieve.take(block.as_bytes());
        }
        Ok(())
    }

    fn end(&mut self, _input: usize, _rows: u64) -> core::result::Result<(), SinkError> {
        Ok(())
    }
}

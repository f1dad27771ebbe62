//! Text on its way to a description.

use core::sync::atomic::AtomicBool;
use core::time::Duration;
use std::sync::Arc;

use super::columns::Options;
use super::count::Count;
use super::error::{DescribeError, Result, boxed};
use super::summary::Summary;
use crate::dtype::DType;
use crate::dtype_buf::DTypeBuf;
use crate::load::{
    self, Block, Canceller, Done, Input, Job, Progress, RowTypeRef, Sink, SinkError,
};
use crate::sys::Bell;
use crate::text::Unicode;

/// Describes the rows of all inputs together: a [`TextJob`] from its start to its end, which
/// `cancel` stops.
///
/// # Errors
/// [`DescribeError`].
pub fn describe_text<'t, I: Into<Input>>(
    inputs: impl IntoIterator<Item = I>,
    rows: impl Into<RowTypeRef<'t>>,
    text: &load::Options,
    options: &Options,
    cancel: &AtomicBool,
) -> Result<Summary> {
    let open = Describer::maker(options);
    let job = Job::start_watching(inputs, rows, Unicode::Ucs4, text, Some(cancel), open)?;
    summed_up(job.run(Some(cancel))?)
}

/// Text whose rows are described: a [`Job`] whose rows stay nowhere.
#[derive(Debug)]
pub struct TextJob(Job<Describer>);

impl TextJob {
    /// As [`Job::start`].
    ///
    /// # Errors
    /// [`DescribeError`].
    pub fn start<'t, I: Into<Input>>(
        inputs: impl IntoIterator<Item = I>,
        rows: impl Into<RowTypeRef<'t>>,
        text: &load::Options,
        options: &Options,
    ) -> Result<Self> {
        Self::start_watching(inputs, rows, text, options, None)
    }

    /// The same, which `flag` can stop while it reads the head of a file.
    ///
    /// # Errors
    /// [`DescribeError`].
    pub fn start_watching<'t, I: Into<Input>>(
        inputs: impl IntoIterator<Item = I>,
        rows: impl Into<RowTypeRef<'t>>,
        text: &load::Options,
        options: &Options,
        flag: Option<&AtomicBool>,
    ) -> Result<Self> {
        let open = Describer::maker(options);
        Ok(Self(Job::start_watching(inputs, rows, Unicode::Ucs4, text, flag, open)?))
    }

    /// As [`Job::step`].
    ///
    /// # Errors
    /// [`DescribeError`]; the job is over then.
    pub fn step(&mut self, timeout: Duration) -> Result<Progress> {
        Ok(self.0.step(timeout)?)
    }

    /// How far it is.
    #[must_use]
    pub const fn progress(&self) -> Progress {
        self.0.progress()
    }

    /// The rows that were left out, as far as it is.
    #[must_use]
    pub fn report(&self) -> &load::Report {
        self.0.report()
    }

    /// As [`Job::raw_fd`].
    #[must_use]
    pub const fn raw_fd(&self) -> i32 {
        self.0.raw_fd()
    }

    /// A handle that stops the job.
    #[must_use]
    pub fn canceller(&self) -> Canceller {
        self.0.canceller()
    }

    /// Steps until everything is done.
    ///
    /// # Errors
    /// [`DescribeError`].
    pub fn finish(self) -> Result<Summary> {
        summed_up(self.0.run(None)?)
    }
}

fn summed_up(done: Done<Describer>) -> Result<Summary> {
    let Done { mut sink, report, .. } = done;
    sink.begin_rows(None)?;
    let count = sink.count.ok_or(DescribeError::Panic)?;
    Ok(Summary { report, ..Summary::of(&count.finish()?) })
}

/// The sink that keeps of rows what a description is made of.
#[derive(Debug)]
struct Describer {
    dtype: DTypeBuf,
    options: Options,
    bell: Arc<Bell>,
    count: Option<Count>,
}

impl Describer {
    fn maker(
        options: &Options,
    ) -> impl FnMut(DType<'_>) -> core::result::Result<Self, SinkError> + Send + 'static {
        let options = options.clone();
        move |dtype| Self::new(dtype, options.clone()).map_err(boxed)
    }

    fn new(dtype: DType<'_>, options: Options) -> Result<Self> {
        let dtype = DTypeBuf::copy_of(dtype)?;
        Ok(Self { dtype, options, bell: Arc::new(Bell::new()?), count: None })
    }

    fn begin_rows(&mut self, columns: Option<u32>) -> Result<()> {
        if self.count.is_none() {
            let (dtype, bell) = (self.dtype.as_dtype(), Arc::clone(&self.bell));
            self.count = Some(Count::new(dtype, columns, &self.options, bell)?);
        }
        Ok(())
    }
}

impl Sink for Describer {
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

    fn tend(&mut self) -> core::result::Result<bool, SinkError> {
        Ok(self.count.as_ref().is_none_or(Count::has_room))
    }

    fn raw_fd(&self) -> Option<i32> {
        Some(self.bell.raw())
    }

    fn complete(&mut self) -> core::result::Result<bool, SinkError> {
        Ok(self.count.as_ref().is_none_or(Count::is_idle))
    }

    fn rows(&mut self, block: &Block) -> core::result::Result<(), SinkError> {
        let Some(count) = &mut self.count else { return Ok(()) };
        count.take(block.as_bytes()).map_err(boxed)
    }

    fn end(&mut self, _input: usize, _rows: u64) -> core::result::Result<(), SinkError> {
        Ok(())
    }
}

//! Cutting the inputs into pieces of work, by bytes and in order.

use core::cell::Cell;
use core::sync::atomic::{AtomicBool, Ordering};
use std::ffi::CString;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::vec::Vec;

use super::error::{InputFault, LoadError, Result};
use super::head::{self, Head};
use super::options::Options;
use super::task::FileId;
use crate::text::{OVERRUN, Plan};

/// The inputs, as they were when the load began.
#[derive(Debug)]
pub(super) struct Inputs<'a> {
    pub(super) paths: &'a [PathBuf],
    pub(super) c_paths: Vec<CString>,
    pub(super) files: Vec<FileId>,
    pub(super) cancel: &'a AtomicBool,
    /// The first input's head, which is asked for twice.
    first_head: Cell<Option<Head>>,
}

impl<'a> Inputs<'a> {
    /// Looks at every input once, so that a wrong name fails before any work.
    pub(super) fn look(paths: &'a [PathBuf], cancel: &'a AtomicBool) -> Result<Self> {
        let mut inputs = Self {
            paths,
            c_paths: Vec::with_capacity(paths.len()),
            files: Vec::with_capacity(paths.len()),
            cancel,
            first_head: Cell::new(None),
        };
        for path in paths {
            let (c_path, file) =
                look(path).map_err(|reason| LoadError::Input { path: path.clone(), reason })?;
            inputs.c_paths.push(c_path);
            inputs.files.push(file);
        }
        Ok(inputs)
    }

    pub(super) fn path(&self, input: usize) -> PathBuf {
        self.paths.get(input).cloned().unwrap_or_default()
    }

    pub(super) fn file(&self, input: usize) -> FileId {
        self.files.get(input).copied().unwrap_or(FileId { dev: 0, ino: 0, size: 0 })
    }

    /// Reads the head of an input, as far as plan and options ask for it.
    pub(super) fn head(
        &self,
        input: usize,
        plan: &Plan<'_>,
        options: &Options,
        line_limit: usize,
    ) -> Result<Head> {
        if let (0, Some(head)) = (input, self.first_head.get()) {
            return Ok(head);
        }
        let (path, size) = (self.path(input), self.file(input).size);
        let count = plan.needs_column_count();
        let head = head::read(
            &path,
            size,
            plan.format(),
            options.skiprows,
            count,
            line_limit,
            self.cancel,
        )
        .map_err(|reason| match (&reason, head::sniff(&path)) {
            (InputFault::Encoding { .. }, Some(what)) => {
                self.error(input, InputFault::NotPlain(what))
            }
            _ if self.cancel.load(Ordering::Relaxed) => LoadError::Cancelled,
            _ => self.error(input, reason),
        })?;
        if input == 0 {
            self.first_head.set(Some(head));
        }
        Ok(head)
    }

    pub(super) fn error(&self, input: usize, reason: InputFault) -> LoadError {
        LoadError::Input { path: self.path(input), reason }
    }
}

fn look(path: &Path) -> core::result::Result<(CString, FileId), InputFault> {
    let data = fs::metadata(path).map_err(InputFault::Io)?;
    if data.is_dir() {
        return Err(InputFault::Directory);
    }
    if !data.is_file() {
        return Err(InputFault::NotRegular);
    }
    // A file of the kernel's says that it is empty, and is not.
    let claims_nothing = data.size() == 0;
    if claims_nothing
        && fs::File::open(path).and_then(|f| f.read_at(&mut [0], 0)).is_ok_and(|n| n > 0)
    {
        return Err(InputFault::NotRegular);
    }
    let c_path = CString::new(path.as_os_str().as_bytes())
        .map_err(|_| InputFault::Io(io::Error::from(io::ErrorKind::InvalidInput)))?;
    Ok((c_path, FileId { dev: data.dev(), ino: data.ino(), size: data.size() }))
}

/// A range of an input: the lines that start in it are one piece of work.
#[derive(Debug, Clone, Copy)]
pub(super) struct Range {
    pub(super) input: usize,
    pub(super) start: u64,
    pub(super) end: u64,
    /// A line is known to start at `start`.
    pub(super) at_line_start: bool,
    /// The input ends with it.
    pub(super) last: bool,
    pub(super) columns: u32,
    /// Lines skipped before the input's first range.
    pub(super) skipped: u64,
}

/// Cuts one input after the other.
#[derive(Debug)]
pub(super) struct Cutter {
    next_input: usize,
    /// What is left of the current input.
    rest: Option<Range>,
    piece: u64,
    /// Bytes of rows that a byte of text makes: the most of the last pieces.
    growth: f64,
    max_piece: u64,
}

impl Cutter {
    /// Begins with small pieces, until it is seen how much rows they make.
    pub(super) fn new(piece: u64) -> Self {
        Self {
            next_input: 0,
            rest: None,
            piece: piece.min(64 << 10),
            growth: 0.0,
            max_piece: piece,
        }
    }

    /// Tells how many bytes of rows came of a piece of text, so that the next
    /// ones fit a buffer.
    pub(super) fn learn(&mut self, text: u64, rows: u64, buffer: usize) {
        if text == 0 {
            return;
        }
        self.growth = (rows as f64 / text as f64).max(0.9 * self.growth);
        let fits = 0.9 * buffer as f64 / self.growth.max(1e-9);
        self.piece = (fits as u64).clamp(self.max_piece.min(1024), self.max_piece);
    }

    /// Leaves out the rest of an input.
    pub(super) fn stop(&mut self, input: usize) {
        if self.rest.is_some_and(|rest| rest.input == input) {
            self.rest = None;
        }
    }

    /// The next range; an error belongs to the input given with it.
    pub(super) fn next(
        &mut self,
        inputs: &Inputs<'_>,
        plan: &Plan<'_>,
        options: &Options,
        limits: (usize, usize),
    ) -> Option<core::result::Result<Range, LoadError>> {
        let mut range = if let Some(rest) = self.rest.take() {
            rest
        } else {
            let input = self.next_input;
            if input >= inputs.files.len() {
                return None;
            }
            self.next_input += 1;
            match begin(inputs, input, plan, options, limits) {
                Ok(range) => range,
                Err(error) => return Some(Err(error)),
            }
        };
        let size = range.end;
        if size - range.start > self.piece + self.piece / 2 {
            range.end = range.start + self.piece;
            range.last = false;
            self.rest = Some(Range {
                start: range.end,
                end: size,
                at_line_start: false,
                last: true,
                ..range
            });
        }
        Some(Ok(range))
    }
}

/// The whole of an input as one range.
fn begin(
    inputs: &Inputs<'_>,
    input: usize,
    plan: &Plan<'_>,
    options: &Options,
    (line_limit, buffer): (usize, usize),
) -> Result<Range> {
    let size = inputs.file(input).size;
    let mut range = Range {
        input,
        start: 0,
        end: size,
        at_line_start: true,
        last: true,
        columns: 0,
        skipped: 0,
    };
    if size > 0 && (plan.needs_column_count() || options.skiprows > 0) {
        let head = inputs.head(input, plan, options, line_limit)?;
        (range.start, range.skipped, range.columns) = (head.start, head.skipped, head.columns);
    }
    if plan.needs_column_count() {
        let row = plan.with_columns(range.columns)?.row_size() + OVERRUN;
        if row > buffer {
            let (need, have) = (row as u64, buffer as u64);
            return Err(inputs.error(input, InputFault::RowTooLong { need, have }));
        }
    }
    Ok(range)
}

//! Looking whether a file is whole, and all that it refers to.

use core::fmt;
use core::sync::atomic::AtomicBool;
use core::time::Duration;
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::string::String;
use std::time::Instant;
use std::vec::Vec;

use super::error::{JoinError, Result};
use super::fault::Fault;
use super::note::{self, Note};
use super::sum::Sum;
use super::{TICK, check, names, step_to_end};
use crate::hdf5::{self, Error};
use crate::load::{Canceller, Progress};

/// Joined files within joined files that are looked at.
const DEPTH: usize = 16;

/// How a file is looked at.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct VerifyOptions {
    /// Leave out the checksums, for which all of each shard is read.
    pub quick: bool,
}

/// Something that is wrong. Display makes one line of it, with the file's name.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Problem {
    /// The file or shard that it is about.
    pub file: PathBuf,
    /// The dataset in it, if it is about one.
    pub dataset: Option<String>,
    /// What is wrong.
    pub fault: Fault,
}

impl Problem {
    pub(super) fn of(file: &Path, dataset: Option<String>, fault: Fault) -> Self {
        Self { file: file.into(), dataset, fault }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.file.display())?;
        if let Some(dataset) = &self.dataset {
            write!(f, "dataset '{dataset}' ")?;
        }
        self.fault.fmt(f)
    }
}

/// What came out of looking.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verified {
    /// Everything that is wrong, in the order of the shards.
    pub problems: Vec<Problem>,
    /// Shards that the file refers to; 0 if it is not a joined one.
    pub shards: usize,
    /// Shards whose checksum was compared.
    pub checksums: usize,
    /// Datasets that were looked at.
    pub datasets: usize,
}

/// A shard that is still to be looked at.
#[derive(Debug)]
struct Waiting {
    path: PathBuf,
    notes: Vec<Note>,
    depth: usize,
}

/// A look at a file that goes on when it is stepped.
#[derive(Debug)]
pub struct VerifyJob {
    options: VerifyOptions,
    file: Option<PathBuf>,
    /// In reverse order.
    waiting: Vec<Waiting>,
    /// Shards that are or were in the list, by their paths.
    known: HashSet<PathBuf>,
    sum: Option<(PathBuf, u32, Sum)>,
    found: Verified,
    progress: Progress,
    canceller: Canceller,
}

impl VerifyJob {
    /// Begins.
    ///
    /// # Errors
    /// [`JoinError::Hdf5`], if the process has no descriptor left.
    pub fn start(file: &Path, options: &VerifyOptions) -> Result<Self> {
        let canceller = Canceller::always_ready().map_err(Error::Core)?;
        let progress = Progress { inputs_total: 1, pass: 1, ..Progress::default() };
        Ok(Self {
            options: options.clone(),
            file: Some(file.into()),
            waiting: Vec::new(),
            known: HashSet::new(),
            sum: None,
            found: Verified::default(),
            progress,
            canceller,
        })
    }

    /// Goes on for as long as `timeout`, or until everything is done; at least by one shard,
    /// or by some MiB of one.
    ///
    /// # Errors
    /// [`JoinError::Cancelled`].
    pub fn step(&mut self, timeout: Duration) -> Result<Progress> {
        let begin = Instant::now();
        while !self.progress.done {
            if self.canceller.is_cancelled() {
                return Err(JoinError::Cancelled);
            }
            self.go_on();
            if begin.elapsed() >= timeout {
                break;
            }
        }
        Ok(self.progress)
    }

    /// How far it is.
    #[must_use]
    pub const fn progress(&self) -> Progress {
        self.progress
    }

    /// A handle that stops the job.
    #[must_use]
    pub fn canceller(&self) -> Canceller {
        self.canceller.clone()
    }

    /// A descriptor that can always be read: a step never waits.
    #[must_use]
    pub fn raw_fd(&self) -> i32 {
        self.canceller.raw_fd()
    }

    /// Steps until everything is done: what came out.
    ///
    /// # Errors
    /// [`JoinError::Cancelled`].
    pub fn finish(self) -> Result<Verified> {
        self.run(None)
    }

    pub(super) fn run(mut self, flag: Option<&AtomicBool>) -> Result<Verified> {
        step_to_end(flag, || self.step(TICK))?;
        Ok(self.found)
    }

    fn go_on(&mut self) {
        if let Some(file) = self.file.take() {
            self.begin(&file);
        } else if let Some(sum) = self.sum.take() {
            self.add_up(sum);
        } else if let Some(shard) = self.waiting.pop() {
            self.look(&shard);
        } else {
            self.progress.done = true;
        }
    }

    /// Looks at the file itself.
    fn begin(&mut self, file: &Path) {
        self.progress.inputs_done += 1;
        let seen = match check::file(file) {
            Ok(seen) => seen,
            Err(problem) => return self.found.problems.push(problem),
        };
        if self.expect(file, DEPTH) {
            let names: HashSet<&String> = self.waiting.iter().flat_map(joined_in).collect();
            self.found.datasets = names.len();
            self.found.shards = self.waiting.len();
            let own = names.into_iter().cloned().collect();
            self.found.problems.extend(own_datasets(file, own));
        } else if self.found.problems.is_empty() {
            self.found.datasets = check::plain(file, seen.bytes, &mut self.found.problems);
        }
    }

    /// Reads the notes of a joined file, so that its shards wait to be looked at; whether
    /// it has any.
    fn expect(&mut self, file: &Path, depth: usize) -> bool {
        let notes = match note::read(file) {
            Ok(Some(notes)) => notes,
            Ok(None) => return false,
            Err(fault) => {
                self.found.problems.push(Problem::of(file, None, fault));
                return false;
            }
        };
        let truth = std::fs::canonicalize(file).unwrap_or_else(|_| file.into());
        let given = file.parent().unwrap_or(Path::new(""));
        // A link leads to where the shards are; else the name that people know is kept.
        let is_link = std::fs::symlink_metadata(file).is_ok_and(|status| status.is_symlink());
        let directory = if is_link { truth.parent().unwrap_or(given) } else { given };
        let mut shards: Vec<Waiting> = Vec::new();
        let mut places: HashMap<PathBuf, usize> = HashMap::new();
        for note in notes {
            let path = names::resolve(&note.file, directory);
            let place = *places.entry(path.clone()).or_insert(shards.len());
            if place == shards.len() {
                shards.push(Waiting { path, notes: Vec::new(), depth });
            }
            if let Some(shard) = shards.get_mut(place) {
                shard.notes.push(note);
            }
        }
        shards.retain(|shard| self.known.insert(shard.path.clone()));
        self.progress.inputs_total += shards.len();
        shards.reverse();
        self.waiting.append(&mut shards);
        true
    }

    fn look(&mut self, shard: &Waiting) {
        self.progress.inputs_done += 1;
        self.progress.rows += shard.notes.iter().map(|note| note.rows).sum::<u64>();
        let Some(seen) = check::shard(&shard.path, &shard.notes, &mut self.found.problems) else {
            return;
        };
        if let Some(depth) = shard.depth.checked_sub(1) {
            self.expect(&shard.path, depth);
        }
        let noted = shard.notes.first().and_then(|note| note.crc32);
        if let Some(noted) = noted.filter(|_| !self.options.quick) {
            self.progress.bytes_total += seen.bytes;
            self.sum = Some((shard.path.clone(), noted, Sum::new(seen)));
        }
    }

    /// Adds a piece to the checksum of a shard.
    fn add_up(&mut self, (path, noted, mut sum): (PathBuf, u32, Sum)) {
        match sum.step() {
            Ok((read, None)) => {
                self.progress.bytes_done += read;
                self.sum = Some((path, noted, sum));
            }
            Ok((_, Some(found))) => {
                self.found.checksums += 1;
                if found != noted {
                    let fault = Fault::Checksum { noted, found };
                    self.found.problems.push(Problem::of(&path, None, fault));
                }
            }
            Err(fault) => self.found.problems.push(Problem::of(&path, None, fault)),
        }
    }
}

/// Datasets that must be in the joined file itself.
fn joined_in(shard: &Waiting) -> impl Iterator<Item = &String> {
    shard.notes.iter().map(|note| &note.dataset)
}

/// Looks whether the joined file has what it has notes of: a dataset, or a link.
fn own_datasets(file: &Path, mut wanted: Vec<String>) -> Vec<Problem> {
    wanted.sort_unstable();
    let mut problems = Vec::new();
    let looked = hdf5::read(file, |reading| {
        for name in &wanted {
            if !reading.has_name(name)? {
                problems.push(Problem::of(file, Some(name.clone()), Fault::NoDataset));
            }
        }
        Ok(())
    });
    if let Err(error) = looked {
        problems.push(Problem::of(file, None, super::look::refused(file, &error)));
    }
    problems
}

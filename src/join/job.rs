//! Joining that goes on when it is stepped.

use core::sync::atomic::AtomicBool;
use core::time::Duration;
use std::boxed::Box;
use std::collections::{HashMap, HashSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::string::String;
use std::time::Instant;
use std::vec::Vec;

use super::copy::{Copy, Went, described};
use super::error::{JoinError, Result};
use super::fault::Fault;
use super::look::{self, refused};
use super::names;
use super::note;
use super::plan::{Joined, Part, Plan, Way};
use super::sink::{self, Sink};
use super::sum::Sum;
use super::verify::{VerifyJob, VerifyOptions};
use super::{Options, Shard, Summary, TICK, step_to_end};
use crate::hdf5::{self, Described, Error, Kept, Reading, Writer, check_target};
use crate::load::{Canceller, Progress};
use crate::pack::Press;
use crate::sys::Epoll;

/// Bytes of metadata for a dataset, and for each shard that it comes from.
const METADATA: u64 = 600;

/// Which datasets are joined.
#[derive(Debug)]
struct Chosen {
    /// All, if empty.
    paths: Vec<String>,
    /// Whether each shard must have each of them.
    everywhere: bool,
}

/// What is to be done next.
#[derive(Debug)]
enum Stage {
    /// A joined file is verified before it is copied.
    Verify(Box<VerifyJob>),
    /// A shard is looked at.
    Look(usize),
    /// The checksum of a shard is made.
    Sum(usize, Box<Sum>),
    /// The file is made.
    Lay,
    /// Rows are copied.
    Copy(Box<Copy>),
    /// The file only waits for its name.
    Done,
    /// It has failed.
    Over,
}

/// Shards on their way to one file. Dropping it leaves everything as it was before.
///
/// HDF5 is entered by the thread that starts, steps, finishes or drops the job.
#[derive(Debug)]
pub struct Job {
    options: Options,
    output: PathBuf,
    chosen: Chosen,
    shards: Vec<Shard>,
    /// Where each shard lies, so that none is joined twice.
    inodes: HashMap<(u64, u64), usize>,
    plan: Plan,
    stage: Stage,
    /// Packs chunks, until the sink has it.
    press: Option<Press>,
    sink: Option<Sink>,
    /// The canceller's bell and what packers ring, if there are any.
    ready: Option<Epoll>,
    progress: Progress,
    canceller: Canceller,
}

impl Job {
    /// Looks at the target.
    ///
    /// # Errors
    /// [`JoinError`].
    pub fn start<P: Into<PathBuf>>(
        shards: impl IntoIterator<Item = P>,
        output: &Path,
        options: &Options,
    ) -> Result<Self> {
        sink::check(options)?;
        check_target(output, &options.hdf5)?;
        let paths: Vec<PathBuf> = shards.into_iter().map(Into::into).collect();
        let mut datasets = options.datasets.clone();
        for path in &mut datasets {
            *path = path.trim_start_matches('/').into();
        }
        datasets.sort_unstable();
        datasets.dedup();
        let chosen = Chosen { paths: datasets, everywhere: true };
        let mut job = Self {
            options: options.clone(),
            output: output.into(),
            chosen,
            shards: Vec::new(),
            inodes: HashMap::new(),
            plan: Plan::new(options.new_axis),
            stage: Stage::Look(0),
            press: None,
            sink: None,
            ready: None,
            progress: Progress { pass: 1, ..Progress::default() },
            canceller: Canceller::always_ready().map_err(Error::Core)?,
        };
        match paths.as_slice() {
            [] => return Err(JoinError::NoShards),
            [one] if options.materialize => job.expect_joined(one)?,
            paths => job.name(paths)?,
        }
        job.progress.inputs_total = job.shards.len();
        job.fork()?;
        Ok(job)
    }

    /// Forks the packers, if there are any, while no HDF5 file is open.
    fn fork(&mut self) -> Result<()> {
        let length = |shard: &Shard| fs::metadata(&shard.path).map_or(0, |status| status.len());
        self.press = sink::press(&self.options, self.shards.iter().map(length).sum())?;
        if let Some(press) = &self.press {
            let both = Epoll::new().map_err(Error::Core)?;
            both.add(self.canceller.bell().raw(), 0).map_err(Error::Core)?;
            both.add(press.raw_fd(), 1).map_err(Error::Core)?;
            self.ready = Some(both);
        }
        Ok(())
    }

    /// Goes on for as long as `timeout`, or until everything is done but [`finish`](Self::finish);
    /// at least by one shard, or by some MiB.
    ///
    /// # Errors
    /// [`JoinError`]; the job is over then, and nothing is left of it.
    pub fn step(&mut self, timeout: Duration) -> Result<Progress> {
        let begin = Instant::now();
        while !self.progress.done {
            let stage = core::mem::replace(&mut self.stage, Stage::Over);
            let next = if self.canceller.is_cancelled() {
                Err(JoinError::Cancelled)
            } else {
                self.go_on(stage)
            };
            let (stage, waits) = next.inspect_err(|_| self.give_up())?;
            self.stage = stage;
            self.progress.done = matches!(self.stage, Stage::Done);
            let left = timeout.saturating_sub(begin.elapsed());
            if waits {
                self.wait(left)?;
            } else if self.ready.is_some() {
                // There is more to do, or nothing to wait for.
                self.canceller.bell().ring();
            }
            if left.is_zero() {
                break;
            }
        }
        Ok(self.progress)
    }

    fn give_up(&mut self) {
        (self.sink, self.press) = (None, None);
    }

    /// Waits until packers have done something, or somebody cancels.
    fn wait(&self, time: Duration) -> Result<()> {
        let Some(ready) = &self.ready else { return Ok(()) };
        self.canceller.bell().silence();
        if self.canceller.is_cancelled() {
            // It may have been rung just before.
            self.canceller.bell().ring();
            return Ok(());
        }
        let ms = time.as_micros().div_ceil(1000).min(60_000) as i32;
        Ok(ready.wait(ms).map(drop).map_err(Error::Core)?)
    }

    /// How far it is. The bytes are those of checksums and of rows that are copied; how many
    /// there are becomes known on the way.
    #[must_use]
    pub const fn progress(&self) -> Progress {
        self.progress
    }

    /// A handle that stops the job.
    #[must_use]
    pub fn canceller(&self) -> Canceller {
        self.canceller.clone()
    }

    /// A descriptor that can be read whenever a step has something to do: always, unless
    /// packers have all that they can take. Only for them a step waits.
    #[must_use]
    pub fn raw_fd(&self) -> i32 {
        self.ready.as_ref().map_or_else(|| self.canceller.raw_fd(), Epoll::raw)
    }

    /// Steps until everything is done, and gives the file its name.
    ///
    /// # Errors
    /// [`JoinError`]; everything is as it was before then.
    pub fn finish(self) -> Result<Summary> {
        self.run(None)
    }

    pub(super) fn run(mut self, flag: Option<&AtomicBool>) -> Result<Summary> {
        step_to_end(flag, || self.step(TICK))?;
        let sink = self.sink.take().ok_or(Error::Order("the job has failed before"))?;
        let hdf5::Summary { path, bytes, .. } = sink.close()?;
        Ok(Summary { path, bytes, datasets: self.plan.summary(), shards: self.shards })
    }

    /// What comes next, and whether there is nothing to do before packers have done something.
    fn go_on(&mut self, stage: Stage) -> Result<(Stage, bool)> {
        let next = match stage {
            Stage::Verify(job) => self.verify(job),
            Stage::Look(index) => self.look(index),
            Stage::Sum(index, sum) => self.add_up(index, sum),
            Stage::Lay => self.lay(),
            Stage::Copy(copy) => return self.copy(copy),
            Stage::Done => Ok(Stage::Done),
            Stage::Over => Err(Error::Order("the job has failed before").into()),
        };
        Ok((next?, false))
    }

    /// The shards by their names as the joined file will know them.
    fn name(&mut self, paths: &[PathBuf]) -> Result<()> {
        let directory = directory(&self.output)?;
        for path in paths {
            let name = names::relative(path, &directory)
                .ok_or_else(|| JoinError::Name { path: path.clone() })?;
            self.shards.push(Shard { path: path.clone(), name, bytes: 0, crc32: None });
        }
        Ok(())
    }

    /// Prepares to copy what a joined file refers to; of another file, what it has itself.
    fn expect_joined(&mut self, file: &Path) -> Result<()> {
        let failed = |fault| JoinError::Shard { index: 0, path: file.into(), dataset: None, fault };
        look::open(file).and_then(|seen| seen.check()).map_err(failed)?;
        let Some(notes) = note::read(file).map_err(failed)? else {
            return self.name(&[file.into()]);
        };
        let home = directory(file)?;
        let mut paths: Vec<PathBuf> = Vec::new();
        let mut datasets: Vec<String> = Vec::new();
        let mut known = HashSet::new();
        for note in &notes {
            let path = names::resolve(&note.file, &home);
            if known.insert(path.clone()) {
                paths.push(path);
            }
            if self.chosen.paths.is_empty() || self.chosen.paths.contains(&note.dataset) {
                datasets.push(note.dataset.clone());
            }
        }
        let new_axis = notes.iter().any(|note| note.join == Way::Axis.name());
        self.plan = Plan::new(new_axis);
        self.options.new_axis = new_axis;
        datasets.sort_unstable();
        datasets.dedup();
        if let Some(missing) = self.chosen.paths.iter().find(|&path| !datasets.contains(path)) {
            let (path, dataset) = (file.into(), Some(missing.clone()));
            return Err(JoinError::Shard { index: 0, path, dataset, fault: Fault::NoDataset });
        }
        self.chosen = Chosen { paths: datasets, everywhere: false };
        self.name(&paths)?;
        let job = VerifyJob::start(file, &VerifyOptions::default())?;
        self.stage = Stage::Verify(job.into());
        Ok(())
    }

    fn verify(&mut self, mut job: Box<VerifyJob>) -> Result<Stage> {
        let now = job.step(Duration::ZERO)?;
        (self.progress.bytes_done, self.progress.bytes_total) = (now.bytes_done, now.bytes_total);
        if !now.done {
            return Ok(Stage::Verify(job));
        }
        let found = job.finish()?;
        if found.problems.is_empty() {
            Ok(Stage::Look(0))
        } else {
            Err(JoinError::Problems(found.problems))
        }
    }

    /// Looks at a shard and adds its datasets to the plan.
    fn look(&mut self, index: usize) -> Result<Stage> {
        let Some(path) = self.shards.get(index).map(|shard| shard.path.clone()) else {
            return Ok(Stage::Lay);
        };
        let failed = |fault| JoinError::Shard { index, path: path.clone(), dataset: None, fault };
        let seen = look::open(&path).map_err(failed)?;
        seen.check().map_err(failed)?;
        self.know(index, &path)?;
        if let Some(shard) = self.shards.get_mut(index) {
            shard.bytes = seen.bytes;
        }
        let found = hdf5::read(&path, |reading| self.chosen.find(reading));
        let found = found.map_err(|error| failed(refused(&path, &error)))?;
        let found = found.map_err(|fault| self.missing(index, fault))?;
        for dataset in found {
            if self.options.materialize {
                copyable(&dataset)?;
            }
            self.plan.add(dataset, &self.shards, index)?;
        }
        self.progress.inputs_done += 1;
        if self.options.checksum && !self.options.materialize {
            self.progress.bytes_total += seen.bytes;
            return Ok(Stage::Sum(index, Sum::new(seen).into()));
        }
        Ok(Stage::Look(index + 1))
    }

    /// The error that a shard lacks what it must have.
    fn missing(&self, index: usize, dataset: Option<String>) -> JoinError {
        let path = self.shards.get(index).map(|shard| shard.path.clone()).unwrap_or_default();
        let fault = if dataset.is_some() { Fault::NoDataset } else { Fault::NoDatasets };
        JoinError::Shard { index, path, dataset, fault }
    }

    /// Refuses a file that is a shard already, or that would be replaced.
    fn know(&mut self, index: usize, path: &Path) -> Result<()> {
        let status = fs::metadata(path).map_err(|e| Error::Io {
            doing: "look at it",
            path: path.into(),
            source: e,
        })?;
        let inode = (status.dev(), status.ino());
        if self.inodes.insert(inode, index).is_some() {
            return Err(JoinError::Twice { path: path.into() });
        }
        let target = fs::metadata(&self.output);
        if target.is_ok_and(|target| (target.dev(), target.ino()) == inode) {
            return Err(JoinError::OutputIsShard { path: path.into() });
        }
        Ok(())
    }

    fn add_up(&mut self, index: usize, mut sum: Box<Sum>) -> Result<Stage> {
        let path = self.shards.get(index).map(|shard| shard.path.clone()).unwrap_or_default();
        let failed = |fault| JoinError::Shard { index, path, dataset: None, fault };
        let (read, crc32) = sum.step().map_err(failed)?;
        self.progress.bytes_done += read;
        if crc32.is_none() {
            return Ok(Stage::Sum(index, sum));
        }
        if let Some(shard) = self.shards.get_mut(index) {
            shard.crc32 = crc32;
        }
        Ok(Stage::Look(index + 1))
    }

    /// Makes the file, but for rows that are copied.
    fn lay(&mut self) -> Result<Stage> {
        self.plan.settle(&self.shards)?;
        let datasets = self.plan.datasets.values();
        let names = datasets.map(|joined| joined.first.path.len() as u64 * 2 + METADATA);
        let writer = Writer::create(&self.output, &self.options.hdf5, names.sum())?;
        let mut sink = Sink::new(writer, self.press.take(), &self.options.hdf5.storage);
        let parts = self.plan.datasets.values().flat_map(|joined| &joined.parts);
        self.progress.rows = parts.map(Part::rows).sum();
        let next = if self.options.materialize {
            let copy = Copy::new(&self.plan, &mut sink)?;
            self.progress.bytes_total += copy.bytes();
            Stage::Copy(copy.into())
        } else {
            self.refer(sink.writer())?;
            Stage::Done
        };
        self.sink = Some(sink);
        Ok(next)
    }

    fn refer(&self, writer: &mut Writer) -> Result<()> {
        let name = |shard: usize| self.shards.get(shard).map_or("", |shard| shard.name.as_str());
        for joined in self.plan.datasets.values() {
            let Joined { first, parts, way, .. } = joined;
            if let (Way::Link, [part]) = (way, parts.as_slice()) {
                writer.add_link(&first.path, name(part.shard))?;
                continue;
            }
            let parts = parts.iter().map(|part| hdf5::Part {
                file: name(part.shard),
                shape: part.shape.as_deref().unwrap_or_default(),
                first: part.first,
            });
            writer.add_virtual(&described(joined), *way == Way::Axis, parts)?;
        }
        note::write(writer, &self.plan, &self.shards)
    }

    fn copy(&mut self, mut copy: Box<Copy>) -> Result<(Stage, bool)> {
        let sink = self.sink.as_mut().ok_or(Error::Order("the job has failed before"))?;
        let went = copy.step(&self.plan, &self.shards, sink)?;
        if let Went::On(bytes) = went {
            self.progress.bytes_done += bytes;
        }
        let next = if went == Went::Done { Stage::Done } else { Stage::Copy(copy) };
        Ok((next, went == Went::Waits))
    }
}

impl Chosen {
    /// The datasets of a shard, or the one that it lacks; none, if it has no datasets.
    fn find(
        &self,
        reading: &Reading<'_>,
    ) -> hdf5::Result<core::result::Result<Vec<Described>, Option<String>>> {
        let mut found = Vec::new();
        let all = if self.paths.is_empty() { reading.datasets()? } else { Vec::new() };
        for path in all.iter().chain(&self.paths) {
            if all.is_empty() && !reading.has(path)? {
                if self.everywhere {
                    return Ok(Err(Some(path.clone())));
                }
                continue;
            }
            found.push(reading.describe_all(path)?);
        }
        Ok(if found.is_empty() { Err(None) } else { Ok(found) })
    }
}

/// Refuses what cannot be copied as bytes.
fn copyable(dataset: &Described) -> Result<()> {
    let why = if !dataset.kind.is_plain() {
        "has elements of no fixed size, which are not copied; h5repack -l NAME:CONTI makes one \
         file of the joined one"
    } else if dataset.storage == Kept::Virtual {
        "is itself a virtual dataset of a shard: copy the rows of that shard first"
    } else if dataset.bytes().is_none() {
        "is larger than any file can be"
    } else {
        return Ok(());
    };
    Err(JoinError::Shape { dataset: dataset.path.clone(), why })
}

/// The directory of a file, without links, where shards are looked for from.
fn directory(file: &Path) -> Result<PathBuf> {
    let failed = |source| Error::Io { doing: "find its directory", path: file.into(), source };
    let is_link = fs::symlink_metadata(file).is_ok_and(|status| status.is_symlink());
    let path = if is_link { fs::canonicalize(file) } else { std::path::absolute(file) };
    let path = path.map_err(failed)?;
    let home = path.parent().unwrap_or(Path::new("/"));
    Ok(fs::canonicalize(home).map_err(failed)?)
}

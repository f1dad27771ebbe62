//! Streams that may have to be read again: what they give is kept in a temporary file.

#![allow(unsafe_code)]

use core::sync::atomic::{AtomicU64, Ordering};
use std::boxed::Box;
use std::env;
use std::ffi::CString;
use std::format;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::fd::{FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process;
use std::string::ToString;
use std::sync::{Arc, Mutex, MutexGuard};
use std::vec::Vec;

use crate::error::{Error, Result};
use crate::sys::{self, Bell, Epoll};

/// Bytes of each stream that are not put into a file.
const IN_MEMORY: usize = 128 << 10;

/// A stream that was kept in a temporary file, because its types are found by reading it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spooled {
    /// The stream's name.
    pub path: PathBuf,
    /// Bytes of the file. It has no name any more, and goes with the job.
    pub bytes: u64,
    /// The directory that it lies in: `TMPDIR`, or the system's own for such files.
    pub directory: PathBuf,
}

/// What a stream gives, to be read from its beginning any number of times, one time after
/// the other.
#[derive(Debug, Clone)]
pub(in crate::load) struct Spool(Arc<Mutex<Tape>>);

struct Tape {
    reader: Box<dyn Read + Send>,
    /// Says when there is something to read, if the reader has a descriptor.
    ready: Option<Ready>,
    /// The first of it is kept in memory: there may not be more.
    begin: Vec<u8>,
    file: Option<File>,
    kept: u64,
    keeps: bool,
    ended: bool,
    /// Why nothing more comes, if that is no end: every reading meets it in the same place.
    failed: Option<io::Error>,
}

impl core::fmt::Debug for Tape {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Tape").field("kept", &self.kept).finish_non_exhaustive()
    }
}

impl Spool {
    /// Keeps what `reader` gives; `fd` is its descriptor, if it has one.
    pub(in crate::load) fn new(reader: Box<dyn Read + Send>, fd: Option<i32>) -> Result<Self> {
        let ready = fd.map(Ready::new).transpose()?;
        let tape = Tape {
            reader,
            ready,
            begin: Vec::new(),
            file: None,
            kept: 0,
            keeps: true,
            ended: false,
            failed: None,
        };
        Ok(Self(Arc::new(Mutex::new(tape))))
    }

    /// Another reading, from the beginning; the one before is of no use any more. Its
    /// descriptor, if there is one, says when there is something to read.
    pub(in crate::load) fn replay(&self) -> (impl Read + Send + use<>, Option<i32>) {
        let tape = self.tape();
        let fd = tape.as_ref().ok().and_then(|tape| {
            tape.ready.as_ref().map(|ready| {
                ready.bell.ring();
                ready.either.raw()
            })
        });
        drop(tape);
        (Replay { spool: self.clone(), at: 0 }, fd)
    }

    /// The next reading is the last one: nothing more has to be kept.
    pub(in crate::load) fn keep_no_more(&self) {
        if let Ok(mut tape) = self.tape() {
            tape.keeps = false;
        }
    }

    /// Bytes of the file.
    fn in_file(&self) -> u64 {
        self.tape().map_or(0, |tape| tape.kept - tape.begin.len() as u64)
    }

    fn tape(&self) -> io::Result<MutexGuard<'_, Tape>> {
        // A reader has panicked: what it had is lost.
        self.0.lock().map_err(|_| io::ErrorKind::Other.into())
    }
}

/// One descriptor that is readable if the reader's is, or as long as the bell rings: while
/// there is something in the file.
struct Ready {
    either: Epoll,
    bell: Bell,
    /// The reader is a file, and always ready.
    always: bool,
}

impl Ready {
    fn new(fd: i32) -> Result<Self> {
        let (either, bell) = (Epoll::new()?, Bell::new()?);
        let always = match either.add(fd, 0) {
            Ok(()) => false,
            Err(Error::Os { errno: sys::EPERM, .. }) => true,
            Err(error) => return Err(error),
        };
        either.add(bell.raw(), 1)?;
        Ok(Self { either, bell, always })
    }

    /// Whether the reader has something.
    fn is_set(&self) -> io::Result<bool> {
        if self.always {
            return Ok(true);
        }
        self.bell.silence();
        let ready = self.either.wait(0);
        Ok(ready.map_err(|error| io::Error::from_raw_os_error(error.errno()))?.is_some())
    }
}

struct Replay {
    spool: Spool,
    at: u64,
}

impl Read for Replay {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let mut tape = self.spool.tape()?;
        let n =
            if self.at < tape.kept { tape.read_again(room, self.at)? } else { tape.read_on(room)? };
        self.at += n as u64;
        Ok(n)
    }
}

impl Tape {
    fn read_again(&mut self, room: &mut [u8], at: u64) -> io::Result<usize> {
        let left = usize::try_from(self.kept - at).unwrap_or(usize::MAX).min(room.len());
        let room = room.get_mut(..left).unwrap_or_default();
        let begin = usize::try_from(at).ok().and_then(|at| self.begin.get(at..));
        if let Some(begin @ [_, ..]) = begin {
            let pairs = room.iter_mut().zip(begin);
            return Ok(pairs.map(|(to, &from)| *to = from).count());
        }
        let at = at - self.begin.len() as u64;
        match self.file.as_ref().map_or(Ok(0), |file| file.read_at(room, at))? {
            0 if !room.is_empty() => Err(io::ErrorKind::UnexpectedEof.into()),
            n => Ok(n),
        }
    }

    fn read_on(&mut self, room: &mut [u8]) -> io::Result<usize> {
        if let Some(error) = &self.failed {
            return Err(same(error));
        }
        if self.ended {
            return Ok(0);
        }
        if let Some(ready) = &self.ready
            && !ready.is_set()?
        {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let read = self.take(room);
        if let Err(error) = &read
            && !matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
        {
            self.failed = Some(same(error));
        }
        read
    }

    /// Reads what comes next; what cannot be kept then is lost.
    fn take(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let n = self.reader.read(room)?.min(room.len());
        self.ended = n == 0 && !room.is_empty();
        if self.keeps {
            self.keep(room.get(..n).unwrap_or_default())?;
        }
        Ok(n)
    }

    fn keep(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.file.is_none() && self.begin.len() + bytes.len() <= IN_MEMORY {
            self.begin.extend_from_slice(bytes);
            self.kept += bytes.len() as u64;
            return Ok(());
        }
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(unnamed(&directory()).map_err(|error| cannot_keep(&error))?),
        };
        let at = self.kept - self.begin.len() as u64;
        file.write_all_at(bytes, at).map_err(|error| cannot_keep(&error))?;
        self.kept += bytes.len() as u64;
        Ok(())
    }
}

/// An error once more, in its own words.
fn same(error: &io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(errno) => io::Error::from_raw_os_error(errno),
        None => io::Error::new(error.kind(), error.to_string()),
    }
}

/// Where temporary files lie.
fn directory() -> PathBuf {
    env::temp_dir()
}

fn cannot_keep(error: &io::Error) -> io::Error {
    let place = directory();
    let what = format!("cannot be kept in a temporary file in {}: {error}", place.display());
    io::Error::new(error.kind(), what)
}

/// A file without a name, so that nothing is left of it whatever happens.
fn unnamed(directory: &Path) -> io::Result<File> {
    let place = CString::new(directory.as_os_str().as_bytes())?;
    match sys::open_unnamed(&place) {
        Ok(fd) => {
            // SAFETY: just opened, and nobody else knows the number.
            Ok(File::from(unsafe { OwnedFd::from_raw_fd(fd.into_raw()) }))
        }
        Err(Error::Os { errno: sys::EOPNOTSUPP | sys::EISDIR, .. }) => named(directory),
        Err(error) => Err(io::Error::from_raw_os_error(error.errno())),
    }
}

/// On file systems that have no other: one with a name, which it loses at once.
fn named(directory: &Path) -> io::Result<File> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    loop {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = directory.join(format!(".ndshm-{}-{number}", process::id()));
        match OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path) {
            Ok(file) => return fs::remove_file(&path).map(|()| file),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
}

impl Spooled {
    /// What was kept of an input; `None` if nothing was.
    pub(in crate::load) fn of(path: PathBuf, spool: &Spool) -> Option<Self> {
        let bytes = spool.in_file();
        (bytes > 0).then(|| Self { path, bytes, directory: directory() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::vec;

    fn all(reader: &mut impl Read) -> Vec<u8> {
        let mut bytes = Vec::new();
        reader.read_to_end(&mut bytes).unwrap();
        bytes
    }

    #[test]
    fn what_was_read_comes_again_and_then_the_rest() {
        for len in [0, 10, IN_MEMORY, IN_MEMORY + 1, 3 * IN_MEMORY] {
            let text: Vec<u8> = (0..len).map(|i| (i % 251) as u8).collect();
            for step in [1 + len / 7, IN_MEMORY - 1, len + 1] {
                let spool = Spool::new(Box::new(io::Cursor::new(text.clone())), None).unwrap();
                let mut first = spool.replay().0;
                let mut begin = vec![0; step];
                let read = first.read(&mut begin).unwrap();
                assert_eq!(begin[..read], text[..read]);
                assert_eq!(all(&mut spool.replay().0), text);
                assert_eq!(all(&mut spool.replay().0), text);
                let kept = Spooled::of(PathBuf::from("x"), &spool).map_or(0, |kept| kept.bytes);
                assert_eq!(kept > 0, len > IN_MEMORY, "{len} {step}");
            }
        }
    }

    #[test]
    fn the_last_reading_keeps_nothing_more() {
        let spool = Spool::new(Box::new(&b"0123456789"[..]), None).unwrap();
        assert_eq!(spool.replay().0.read(&mut [0; 4]).unwrap(), 4);
        spool.keep_no_more();
        assert_eq!(all(&mut spool.replay().0), b"0123456789");
        assert_eq!(spool.tape().unwrap().kept, 4);
    }

    #[test]
    fn a_descriptor_tells_of_what_is_kept_and_of_what_comes() {
        let (reader, mut writer) = io::pipe().unwrap();
        let fd = std::os::fd::AsRawFd::as_raw_fd(&reader);
        let spool = Spool::new(Box::new(reader), Some(fd)).unwrap();
        let is_ready = |fd: i32| {
            let mut watches = [sys::Watch::readable(fd)];
            sys::poll(&mut watches, 0).unwrap();
            watches[0].is_ready()
        };
        let (mut first, ready) = spool.replay();
        let blocks = |reader: &mut dyn Read| {
            reader.read(&mut [0; 9]).unwrap_err().kind() == io::ErrorKind::WouldBlock
        };
        assert!(blocks(&mut first) && !is_ready(ready.unwrap()));
        writer.write_all(b"abc").unwrap();
        assert!(is_ready(ready.unwrap()) && first.read(&mut [0; 9]).unwrap() == 3);
        assert!(blocks(&mut first) && !is_ready(ready.unwrap()));
        let (mut again, ready) = spool.replay();
        assert!(is_ready(ready.unwrap()) && again.read(&mut [0; 2]).unwrap() == 2);
        assert!(is_ready(ready.unwrap()) && again.read(&mut [0; 2]).unwrap() == 1);
        assert!(blocks(&mut again) && !is_ready(ready.unwrap()));
        drop(writer);
        assert!(is_ready(ready.unwrap()) && again.read(&mut [0; 2]).unwrap() == 0);
    }

    #[test]
    fn a_file_is_always_ready() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"abc").unwrap();
        let fd = std::os::fd::AsRawFd::as_raw_fd(&file);
        let spool = Spool::new(Box::new(file), Some(fd)).unwrap();
        let mut replay = spool.replay().0;
        assert_eq!(replay.read(&mut [0; 9]).unwrap(), 0);
    }

    /// Fails behind its text, once.
    struct Fails(&'static [u8], Option<io::Error>);

    impl Read for Fails {
        fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
            match self.0.read(room)? {
                0 => self.1.take().map_or(Ok(0), Err),
                n => Ok(n),
            }
        }
    }

    #[test]
    fn every_reading_meets_the_same_error_in_the_same_place() {
        for error in [io::Error::from_raw_os_error(5), io::Error::other("torn")] {
            let told = error.to_string();
            let spool = Spool::new(Box::new(Fails(b"abc", Some(error))), None).unwrap();
            for _ in 0..3 {
                let (mut replay, mut bytes) = (spool.replay().0, Vec::new());
                assert_eq!(replay.read_to_end(&mut bytes).unwrap_err().to_string(), told);
                assert_eq!(bytes, b"abc");
                assert_eq!(replay.read(&mut [0; 4]).unwrap_err().to_string(), told);
            }
        }
        // What only asks to come again is no error.
        for kind in [io::ErrorKind::WouldBlock, io::ErrorKind::Interrupted] {
            let spool = Spool::new(Box::new(Fails(b"", Some(kind.into()))), None).unwrap();
            let mut replay = spool.replay().0;
            assert_eq!(replay.read(&mut [0; 4]).unwrap_err().kind(), kind);
            assert_eq!(replay.read(&mut [0; 4]).unwrap(), 0);
        }
    }

    #[test]
    fn what_could_not_be_kept_is_not_passed_over() {
        let spool = Spool::new(Box::new(&b"0123456789"[..]), None).unwrap();
        // One that takes nothing, and then one that would.
        spool.tape().unwrap().file = Some(File::open("/dev/null").unwrap());
        let told = spool.replay().0.read(&mut [0; 4]).unwrap_err().to_string();
        assert!(told.starts_with("cannot be kept in a temporary file in "), "{told}");
        spool.tape().unwrap().file = None;
        assert_eq!(spool.replay().0.read(&mut [0; 4]).unwrap_err().to_string(), told);
    }

    #[test]
    fn files_with_a_name_lose_it() {
        let dir = tempfile::tempdir().unwrap();
        let mut file = named(dir.path()).unwrap();
        file.write_all(b"x").unwrap();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
        assert!(unnamed(Path::new("/nowhere")).is_err());
    }
}

//! Opening an HDF5 file that is there, for reading.

use core::ffi::{c_char, c_void};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::string::{String, ToString};
use std::sync::{Arc, OnceLock};
use std::vec::Vec;

use hdf5_sys::h5::{H5_INDEX_NAME, H5_ITER_INC, herr_t};
use hdf5_sys::h5i::hid_t;
use hdf5_sys::h5o;

use super::error::{Error, Result, io_error};
use super::library::{self, Session};
use super::read_error::ReadFault;
use super::stored::{Stored, Wanted};
use super::superblock::{self, Found};
use super::temporary::fd_of;
use super::there::{Lock, There};
use crate::sys::{self, Fd};

/// An HDF5 file that is open for reading.
///
/// Its datasets keep it open. HDF5 is entered under the lock that all of this module
/// takes, for each call alone.
#[derive(Debug)]
pub struct Reader {
    file: Arc<Opened>,
}

/// The file behind a [`Reader`] and its datasets.
#[derive(Debug)]
pub(super) struct Opened {
    /// None only while it is dropped.
    there: Option<There>,
    path: PathBuf,
    /// The file, for whoever has it longer.
    copy: OnceLock<Arc<Fd>>,
    /// The process that opened it.
    owner: u32,
}

impl Reader {
    /// Opens a file.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Hdf5`]; [`Error::Read`] if it is not a file, not HDF5, not
    /// closed by its writer, or cut.
    pub fn open(path: &Path) -> Result<Self> {
        look(path)?;
        let opened = library::with(|session| Opened::open(session, path))
            .map_err(|e| cut(path, e).about(&path.display()))?;
        Ok(Self { file: Arc::new(opened) })
    }

    /// The path as it was given.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.file.path()
    }

    pub(super) fn file(&self) -> &Arc<Opened> {
        &self.file
    }

    /// The paths of all datasets, groups before what is behind them in the order of names.
    /// Links to other files, and by name, are not followed; a dataset that several names
    /// lead to is told once.
    ///
    /// # Errors
    /// [`Error::Hdf5`].
    pub fn datasets(&self) -> Result<Vec<String>> {
        let mut found = Vec::new();
        let data = (&raw mut found).cast::<c_void>();
        let listed = library::with(|session| {
            let (by, order) = (H5_INDEX_NAME, H5_ITER_INC);
            let file = self.file.there()?.raw();
            // SAFETY: the id is live; `visit` gets `found`, which outlives the call and is
            // used by nobody else meanwhile.
            let status = unsafe { visit_all(file, by, order, data) };
            session.check("H5Ovisit", status)
        });
        listed.map_err(|e| e.about(&self.path().display()))?;
        Ok(found)
    }

    /// Opens a dataset.
    ///
    /// # Errors
    /// [`Error::Read`] if there is none, or one without a dtype; [`Error::Dataset`],
    /// [`Error::Hdf5`].
    pub fn dataset(&self, path: &str) -> Result<Stored> {
        library::with(|session| Stored::open(session, &self.file, path, Wanted::Any))
    }
}

impl Opened {
    fn open(session: &Session, path: &Path) -> Result<Self> {
        let there = Some(There::open(session, path, Lock::Usual)?);
        let copy = OnceLock::new();
        Ok(Self { there, path: path.to_path_buf(), copy, owner: sys::lineage() })
    }

    /// The open file.
    pub(super) fn there(&self) -> Result<&There> {
        self.there.as_ref().ok_or(Error::Order("the file is closed already"))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it belongs to this process, and not to the one that this was forked from.
    pub(super) fn is_own(&self) -> bool {
        self.owner == sys::lineage()
    }

    /// Bytes of the file.
    pub(super) fn len(&self) -> Result<u64> {
        let stat = self.fd()?.stat().map_err(|e| io_error("look at it", &self.path, e))?;
        Ok(stat.size)
    }

    /// The file, for reading without HDF5.
    pub(super) fn fd(&self) -> Result<&Fd> {
        Ok(self.there()?.heaps().fd())
    }

    /// The same, for somebody who has it longer: one for all of them.
    pub(super) fn shared(&self) -> Result<Arc<Fd>> {
        if let Some(fd) = self.copy.get() {
            return Ok(Arc::clone(fd));
        }
        let fd = sys::duplicate(self.fd()?.raw());
        let fd = Arc::new(fd.map_err(|e| io_error("open it", &self.path, e))?);
        Ok(Arc::clone(self.copy.get_or_init(|| fd)))
    }

    pub(super) fn read(&self, buf: &mut [u8], at: u64) -> Result<usize> {
        self.fd()?.read_at(buf, at).map_err(|e| io_error("read", &self.path, e))
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        let there = self.there.take();
        if self.is_own() {
            let _ = library::with(move |_| {
                drop(there);
                Ok(())
            });
        } else {
            core::mem::forget(there);
        }
    }
}

/// Looks at a file without HDF5, which would say less of what is none, and would open one
/// that is being written.
fn look(path: &Path) -> Result<()> {
    let refuse = |fault| Err(Error::Read { subject: path.display().to_string(), fault });
    let io = |e| Error::io("open it", path, e);
    if !std::fs::metadata(path).map_err(io)?.is_file() {
        return refuse(ReadFault::NotRegular);
    }
    let file = File::open(path).map_err(io)?;
    let size = file.metadata().map_err(io)?.len();
    let fd = fd_of(&file).map_err(io)?;
    match superblock::find(&fd, size).map_err(|e| io_error("read", path, e))? {
        Found::Nothing => refuse(ReadFault::NotHdf5),
        Found::Block(block) if !block.clean => refuse(ReadFault::NotClosed),
        Found::Block(_) | Found::Unknown => Ok(()),
    }
}

/// A file that ends too early, by what HDF5 says.
fn cut(path: &Path, error: Error) -> Error {
    match error {
        Error::Hdf5 { ref stack, .. } if stack.inner.contains("truncated file") => {
            Error::Read { subject: path.display().to_string(), fault: ReadFault::Truncated }
        }
        other => other,
    }
}

/// `H5Ovisit2`, which is in every library from 1.10.3 on.
///
/// # Safety
/// * `data` is a `Vec<String>` that nobody else uses during the call.
unsafe fn visit_all(
    object: hid_t,
    by: hdf5_sys::h5::H5_index_t,
    order: hdf5_sys::h5::H5_iter_order_t,
    data: *mut c_void,
) -> herr_t {
    #[allow(deprecated, reason = "this one is in every version, with one signature")]
    // SAFETY: the id is live, and `note` matches the callback's type and gets `data`.
    unsafe {
        h5o::H5Ovisit2(object, by, order, Some(note), data, h5o::H5O_INFO_BASIC)
    }
}

/// Called by HDF5 for each object.
extern "C" fn note(
    _object: hid_t,
    name: *const c_char,
    info: *const h5o::H5O_info1_t,
    data: *mut c_void,
) -> herr_t {
    // SAFETY: HDF5 passes an info that lives during the call.
    let Some(info) = (unsafe { info.as_ref() }) else { return 0 };
    if info.type_ != h5o::H5O_TYPE_DATASET || name.is_null() {
        return 0;
    }
    // SAFETY: not null, so the C string that HDF5 made.
    let name = unsafe { core::ffi::CStr::from_ptr(name) };
    // SAFETY: `data` is the `Vec` that `Reader::datasets` passed.
    let found = unsafe { data.cast::<Vec<String>>().as_mut() };
    if let (Some(found), Ok(name)) = (found, name.to_str()) {
        found.push(name.to_string());
    }
    0
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::{AttrValue, Options, Place, Writer};
    use super::*;
    use crate::dtype_buf::DTypeBuf;

    const TYPES: &[&str] = &[
        "<i1",
        "<i2",
        ">i2",
        "<i4",
        ">i4",
        "<i8",
        ">i8",
        "<u1",
        "<u2",
        ">u2",
        "<u4",
        ">u4",
        "<u8",
        ">u8",
        "<f2",
        ">f2",
        "<f4",
        ">f4",
        "<f8",
        ">f8",
        "?",
        "<c8",
        ">c8",
        "<c16",
        ">c16",
        "S1",
        "S7",
        "S70000",
        "<U3",
        ">U3",
        "V5",
        "<M8[ns]",
        ">M8[10s]",
        "<m8[D]",
        "<M8",
        "[('a', '<i4'), ('b', '<f8')]",
        "[('r', '<f4'), ('i', '<f4')]",
        "[('r', '<f4'), ('i', '<f4'), ('z', [('r', '>f8'), ('i', '>f8')], (2,))]",
        "[('a', '<i4', (3,)), ('b', '>f4', (2, 2))]",
        "[('a', [('x', '<i2'), ('y', [('z', '>c16'), ('b', '?')], (2,))]), ('v', 'V3')]",
        "{'names': ['a', 'b'], 'formats': ['u1', '<f8'], 'offsets': [0, 8], 'itemsize': 24}",
        "{'names': ['a', 'b'], 'formats': ['<i4', '<f8'], 'offsets': [8, 0], 'itemsize': 12}",
        "[('t', '<M8[us]'), ('d', [('n', '<U2'), ('dt', '<m8[ms]')], (2,)), ('x', '<f4')]",
        "[('u', '>U1', (2, 1)), ('a', 'u1'), ('b', 'i1', (3,)), ('c', '?')]",
    ];

    #[test]
    fn every_dtype_comes_back_with_its_bytes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.h5");
        let mut writer = Writer::create(&path, &Options::default(), 0).unwrap();
        for (i, text) in TYPES.iter().enumerate() {
            let dtype = DTypeBuf::parse(text).unwrap();
            let rows = std::vec![1_u8; 6 * dtype.as_dtype().itemsize() as usize];
            writer.begin_dataset().unwrap();
            // SAFETY: a live slice.
            unsafe { writer.append(rows.as_ptr(), rows.len()) }.unwrap();
            let name = std::format!("g{}/d{i:02}", i / 10);
            writer
                .finish_dataset(&name, dtype.as_dtype(), &[2, 3], &[("k", AttrValue::Str("v"))])
                .unwrap();
        }
        writer.close().unwrap();
        let reader = Reader::open(&path).unwrap();
        let names = reader.datasets().unwrap();
        let file = fs::read(&path).unwrap();
        assert_eq!(names.len(), TYPES.len());
        for (i, (name, text)) in names.iter().zip(TYPES).enumerate() {
            assert_eq!(*name, std::format!("g{}/d{i:02}", i / 10));
            let stored = reader.dataset(name).unwrap();
            assert_eq!(stored.dtype(), DTypeBuf::parse(text).unwrap().as_dtype(), "{text}");
            assert_eq!((stored.shape(), stored.extents()), (&[2, 3][..], &[2, 3][..]));
            assert_eq!(stored.attribute_text("k").unwrap().as_deref(), Some("v"));
            assert_eq!(stored.attribute_text("none").unwrap(), None);
            let len = stored.len().unwrap() as usize;
            let mut bytes = std::vec![0; len];
            // SAFETY: there is room for all rows.
            unsafe { stored.read_rows(0, 2, bytes.as_mut_ptr()) }.unwrap();
            assert!(bytes.iter().all(|&b| b == 1), "{text}");
            let offset = stored.offset().unwrap().unwrap() as usize;
            assert_eq!(bytes, file[offset..offset + len]);
            assert_eq!(*stored.place(), Place::Contiguous { offset: offset as u64 });
            assert_eq!(stored.needs_change(), text.contains('U'));
        }
    }

    #[test]
    fn a_box_is_read_and_one_outside_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.h5");
        let mut writer = Writer::create(&path, &Options::default(), 0).unwrap();
        writer.begin_dataset().unwrap();
        let rows: Vec<u8> = (0..60).collect();
        // SAFETY: a live slice.
        unsafe { writer.append(rows.as_ptr(), rows.len()) }.unwrap();
        let dtype = DTypeBuf::parse("u1").unwrap();
        writer.finish_dataset("x", dtype.as_dtype(), &[3, 4, 5], &[]).unwrap();
        writer.close().unwrap();
        let stored = Reader::open(&path).unwrap().dataset("/x").unwrap();
        let mut bytes = [0; 8];
        // SAFETY: there is room for as many elements.
        unsafe { stored.read_box(&[1, 1, 3], &[2, 2, 2], bytes.as_mut_ptr()) }.unwrap();
        assert_eq!(bytes, [28, 29, 33, 34, 48, 49, 53, 54]);
        for (start, count) in
            [([0, 0, 0], [4, 1, 1]), ([3, 0, 0], [1, 1, 1]), ([0, u64::MAX, 0], [1, 2, 1])]
        {
            // SAFETY: nothing is written.
            let refused = unsafe { stored.read_box(&start, &count, bytes.as_mut_ptr()) };
            assert!(matches!(refused, Err(Error::Shape { .. })), "{refused:?}");
        }
    }

    /// Descriptors of this process that lead to a file.
    fn descriptors(path: &Path) -> usize {
        let all = fs::read_dir("/proc/self/fd").unwrap().flatten();
        all.filter(|fd| fs::read_link(fd.path()).is_ok_and(|to| to == path)).count()
    }

    #[test]
    fn a_dataset_keeps_its_file_open_and_nothing_stays_open() {
        let dir = tempfile::tempdir().unwrap();
        let path = fs::canonicalize(dir.path()).unwrap().join("a.h5");
        let mut writer = Writer::create(&path, &Options::default(), 0).unwrap();
        writer.begin_dataset().unwrap();
        // SAFETY: a live slice.
        unsafe { writer.append([1, 2, 3].as_ptr(), 3) }.unwrap();
        let dtype = DTypeBuf::parse("u1").unwrap();
        writer.finish_dataset("x", dtype.as_dtype(), &[3], &[]).unwrap();
        writer.close().unwrap();
        let reader = Reader::open(&path).unwrap();
        let (stored, again) = (reader.dataset("x").unwrap(), reader.dataset("x").unwrap());
        assert!(reader.dataset("y").is_err());
        drop(reader);
        assert!(descriptors(&path) > 0);
        drop(again);
        let mut bytes = [0; 2];
        // SAFETY: there is room for two rows.
        unsafe { stored.read_rows(1, 2, bytes.as_mut_ptr()) }.unwrap();
        assert_eq!(bytes, [2, 3]);
        drop(stored);
        assert_eq!(descriptors(&path), 0);
    }

    #[test]
    fn what_is_no_closed_file_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        let mut writer = Writer::create(&at("good"), &Options::default(), 0).unwrap();
        writer.begin_dataset().unwrap();
        // SAFETY: a live slice.
        unsafe { writer.append(std::vec![7; 100_000].as_ptr(), 100_000) }.unwrap();
        let dtype = DTypeBuf::parse("u1").unwrap();
        writer.finish_dataset("g/x", dtype.as_dtype(), &[100_000], &[]).unwrap();
        writer.close().unwrap();
        let good = fs::read(at("good")).unwrap();
        let open = good[..11].iter().chain(&[1]).chain(&good[12..]).copied().collect::<Vec<_>>();
        for (name, bytes, fault) in [
            ("text", &b"a,b\n"[..], ReadFault::NotHdf5),
            ("empty", b"", ReadFault::NotHdf5),
            ("cut", &good[..good.len() - 5000], ReadFault::Truncated),
            ("open", &open, ReadFault::NotClosed),
        ] {
            fs::write(at(name), bytes).unwrap();
            let error = Reader::open(&at(name)).unwrap_err();
            let Error::Read { fault: found, subject } = error else { panic!("{name}: {error}") };
            assert!(found == fault && subject.ends_with(name), "{name}: {found}");
        }
        let error = Reader::open(dir.path()).unwrap_err();
        assert!(error.to_string().contains("not a regular file"), "{error}");
        assert!(matches!(Reader::open(&at("none")), Err(Error::Io { .. })));
        let reader = Reader::open(&at("good")).unwrap();
        for (path, fault) in [
            ("y", ReadFault::NoDataset),
            ("g/x/y", ReadFault::NoDataset),
            ("g", ReadFault::NotDataset),
            ("/", ReadFault::NotDataset),
        ] {
            let error = reader.dataset(path).unwrap_err();
            assert!(matches!(&error, Error::Read { fault: f, .. } if *f == fault), "{error}");
        }
        for n in (0..good.len()).step_by(97) {
            fs::write(at("part"), &good[..n]).unwrap();
            assert!(Reader::open(&at("part")).is_err(), "{n}");
        }
    }
}

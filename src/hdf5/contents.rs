//! What is in a file that is there: its names, and where the rows of its datasets lie.
//!
//! Only what surely is rows counts as such. What cannot be looked into, or would take too
//! long to, is left to be treated as metadata: that takes memory, and does no harm.

use core::ffi::{CStr, c_char, c_int, c_void};
use core::ptr;
use std::borrow::ToOwned;
use std::collections::{BTreeMap, VecDeque};
use std::ffi::CString;
use std::path::Path;
use std::string::String;
use std::vec::Vec;

use hdf5_sys::h5::{H5_INDEX_NAME, H5_ITER_NATIVE, HADDR_UNDEF, haddr_t, herr_t, hsize_t};
use hdf5_sys::h5i::{self, hid_t};
use hdf5_sys::h5l::{self, H5L_info_t};
use hdf5_sys::{h5d, h5g, h5p, h5t};

use super::dataset;
use super::error::{Error, PathFault, Result};
use super::file;
use super::header::View;
use super::id::Id;
use super::layout;
use super::library::Session;
use super::temporary::Extent;
use super::there::{self, Lock, There};
use crate::filter::Filters;

/// Axes that a dataset has at most, and one for the element.
const AXES: usize = 33;
/// Bytes in front of the superblock of a file that is made to see what addresses count from.
const PROBE: u64 = 1 << 20;
/// Steps over chunks that are made at most where no tree can be read: to ask for one of *n* chunks, HDF5 walks over
/// half of them. This many take some seconds.
const STEPS: u64 = 500_000_000;

/// What a file has.
#[derive(Debug, Default)]
pub(super) struct Contents {
    /// Every path without a slash in front, and whether it is a group in which something
    /// can be made. A link to another place is none.
    pub(super) names: Vec<(String, bool)>,
    /// Further paths of groups, and the path by which the names in the group are listed.
    pub(super) aliases: Vec<(String, String)>,
    /// Where rows lie, in no order.
    pub(super) rows: Vec<Extent>,
}

/// Looks into the file at `path`, which `tree` reads, too, and in which HDF5 tells addresses of
/// chunks less by `shift`.
pub(super) fn look(session: &Session, path: &Path, tree: View<'_>, shift: u64) -> Result<Contents> {
    let file = There::open(session, path, Lock::Own)?;
    let mut walk = Walk {
        session,
        file: &file,
        tree,
        shift,
        steps: STEPS,
        seen: BTreeMap::new(),
        groups: VecDeque::from([Vec::new()]),
        contents: Contents::default(),
    };
    while let Some(group) = walk.groups.pop_front() {
        walk.visit_group(&group)?;
    }
    let contents = walk.contents;
    file.close(session)?;
    Ok(contents)
}

/// A way through all groups.
#[derive(Debug)]
struct Walk<'a> {
    session: &'a Session,
    file: &'a There,
    tree: View<'a>,
    /// What is to be added to the address that HDF5 tells of a chunk.
    shift: u64,
    /// Steps over chunks that may still be made.
    steps: u64,
    /// Objects that were met, and where.
    seen: BTreeMap<u64, Vec<u8>>,
    /// Groups to be visited.
    groups: VecDeque<Vec<u8>>,
    contents: Contents,
}

/// A link in a group.
#[derive(Debug)]
struct Link {
    name: CString,
    /// The object that it belongs to; none if it but names another place.
    object: Option<u64>,
}

impl Walk<'_> {
    fn visit_group(&mut self, path: &[u8]) -> Result<()> {
        for link in links(self.session, self.file.raw(), path)? {
            let mut inner = path.to_vec();
            if !path.is_empty() {
                inner.push(b'/');
            }
            inner.extend_from_slice(link.name.to_bytes());
            let is_group = match link.object {
                Some(object) => self.visit(&inner, object)?,
                None => false,
            };
            // No name that anybody gives here can be equal to one that is no UTF-8.
            if let Ok(name) = String::from_utf8(inner) {
                self.contents.names.push((name, is_group));
            }
        }
        Ok(())
    }

    /// Notes an object; whether it is a group.
    fn visit(&mut self, path: &[u8], object: u64) -> Result<bool> {
        let opened = match self.file.object(self.session, &c_path(path)?) {
            Ok(opened) => opened,
            // HDF5 may come to what is damaged later, and never back.
            Err(error @ Error::Read { .. }) => return Err(error),
            // An object of a kind that this HDF5 does not know cannot be opened.
            Err(_) => return Ok(false),
        };
        // SAFETY: the id is live.
        let kind = unsafe { h5i::H5Iget_type(opened.raw()) };
        if let Some(first) = self.seen.get(&object) {
            let alias = text(path).zip(text(first)).filter(|_| kind == h5i::H5I_GROUP);
            let is_group = alias.is_some();
            self.contents.aliases.extend(alias);
            return Ok(is_group);
        }
        self.seen.insert(object, path.to_vec());
        match kind {
            h5i::H5I_GROUP => self.groups.push_back(path.to_vec()),
            h5i::H5I_DATASET => self.note_rows(&opened, object),
            _ => {}
        }
        Ok(kind == h5i::H5I_GROUP)
    }

    fn note_rows(&mut self, set: &Id, object: u64) {
        // SAFETY: the id is live.
        let at = unsafe { h5d::H5Dget_offset(set.raw()) };
        if at != HADDR_UNDEF {
            // SAFETY: the id is live.
            let len = unsafe { h5d::H5Dget_storage_size(set.raw()) };
            self.contents.rows.push((at, len));
        } else if is_chunked(self.session, set) {
            self.note_chunks(set, object);
        }
    }

    fn note_chunks(&mut self, set: &Id, object: u64) {
        let Ok(space) = there::space(self.session, set.raw()) else { return };
        let mut count: hsize_t = 0;
        // SAFETY: the ids are live, `count` is writable.
        let status = unsafe { h5d::H5Dget_num_chunks(set.raw(), space.raw(), &raw mut count) };
        if status < 0 {
            return;
        }
        // SAFETY: the id is live.
        let bytes = unsafe { h5d::H5Dget_storage_size(set.raw()) };
        let is_all = |found: &Vec<Extent>| {
            let sum = found.iter().fold(0_u64, |sum, &(_, len)| sum.saturating_add(len));
            found.len() as u64 == count && sum == bytes
        };
        if let Some(chunks) = self.tree.chunks(object, count).filter(is_all) {
            self.contents.rows.extend(chunks);
            return;
        }
        let steps = count.saturating_mul(count) / 2;
        if steps > self.steps {
            return;
        }
        self.steps -= steps;
        for index in 0..count {
            if let Some((at, len)) = chunk(set, &space, index) {
                self.contents.rows.push((at.saturating_add(self.shift), len));
            }
        }
    }
}

/// Where a chunk lies.
fn chunk(set: &Id, space: &Id, index: hsize_t) -> Option<Extent> {
    let (mut origin, mut mask): ([hsize_t; AXES], _) = ([0; AXES], 0);
    let (mut at, mut len): (haddr_t, hsize_t) = (HADDR_UNDEF, 0);
    let (o, m, a, l) = (origin.as_mut_ptr(), &raw mut mask, &raw mut at, &raw mut len);
    // SAFETY: the ids are live; there is room for as many numbers as a dataset can have axes,
    // and the other places are writable.
    let status = unsafe { h5d::H5Dget_chunk_info(set.raw(), space.raw(), index, o, m, a, l) };
    (status >= 0 && at != HADDR_UNDEF).then_some((at, len))
}

/// What is to be added to the address that HDF5 tells of a chunk in a file whose superblock
/// lies at `base`: some versions count from the file's beginning, others from there.
pub(super) fn chunk_shift(session: &Session, base: u64) -> Result<u64> {
    if base == 0 {
        return Ok(0);
    }
    let file = file::scratch_behind(session, PROBE)?;
    let list = layout::chunked_list(session, &[1], Filters::default())?;
    let space = dataset::space_of(session, &[1], &[1])?;
    let (name, element, list) = (c"x".as_ptr(), *h5t::H5T_STD_U8LE, list.raw());
    let (link, access) = (h5p::H5P_DEFAULT, h5p::H5P_DEFAULT);
    // SAFETY: the name is a C string, the ids are live.
    let raw = unsafe { h5d::H5Dcreate2(file.id(), name, element, space.raw(), link, list, access) };
    let set = session.own("H5Dcreate2", raw, h5d::H5Dclose)?;
    let (origin, byte) = ([0], 0_u8);
    let (at, data) = (origin.as_ptr(), (&raw const byte).cast());
    // SAFETY: the id is live; one axis and one byte, as the dataset has.
    let status = unsafe { h5d::H5Dwrite_chunk(set.raw(), h5p::H5P_DEFAULT, 0, at, 1, data) };
    session.check("H5Dwrite_chunk", status)?;
    Ok(if chunk(&set, &space, 0).is_some_and(|(at, _)| at < PROBE) { base } else { 0 })
}

fn text(path: &[u8]) -> Option<String> {
    String::from_utf8(path.to_vec()).ok()
}

fn is_chunked(session: &Session, set: &Id) -> bool {
    let Ok(list) = there::creation(session, set.raw()) else { return false };
    // SAFETY: the id is live.
    let layout = unsafe { h5p::H5Pget_layout(list.raw()) };
    layout == h5d::H5D_CHUNKED
}

/// The links of a group, as they lie there.
fn links(session: &Session, file: hid_t, path: &[u8]) -> Result<Vec<Link>> {
    let name = if path.is_empty() { c"/".into() } else { c_path(path)? };
    // SAFETY: the name is a C string, the id is live.
    let raw = unsafe { h5g::H5Gopen2(file, name.as_ptr(), h5p::H5P_DEFAULT) };
    let group = session.own("H5Gopen2", raw, h5g::H5Gclose)?;
    let mut links: Vec<Link> = Vec::new();
    let data = (&raw mut links).cast::<c_void>();
    let (by, order, from) = (H5_INDEX_NAME, H5_ITER_NATIVE, ptr::null_mut());
    // SAFETY: `note_link` takes what HDF5 passes, and `links`, which outlives the call.
    let status = unsafe { h5l::H5Literate(group.raw(), by, order, from, Some(note_link), data) };
    session.check("H5Literate", status)?;
    Ok(links)
}

/// Called by HDF5 for each link of a group.
unsafe extern "C" fn note_link(
    _group: hid_t,
    name: *const c_char,
    info: *const H5L_info_t,
    data: *mut c_void,
) -> herr_t {
    // SAFETY: `data` is the list that `links` passed, which nobody else uses now.
    let Some(links) = (unsafe { data.cast::<Vec<Link>>().as_mut() }) else { return -1 };
    // The kind of a link may be one that the enumeration does not have.
    let kind = info.cast::<c_int>();
    // SAFETY: HDF5 passes a whole description, which begins with the kind.
    let is_hard = unsafe { kind.read() } == h5l::H5L_TYPE_HARD as c_int;
    // SAFETY: as above; nothing is read.
    let object = unsafe { &raw const (*info).u }.cast::<u64>();
    // SAFETY: of a hard link it has the object's address, or a token that begins with it.
    let object = is_hard.then(|| unsafe { object.read_unaligned() });
    // SAFETY: HDF5 passes a C string.
    let name = unsafe { CStr::from_ptr(name) }.to_owned();
    links.push(Link { name, object });
    0
}

fn c_path(path: &[u8]) -> Result<CString> {
    CString::new(path).map_err(|e| Error::Dataset {
        path: String::from_utf8_lossy(&e.into_vec()).into_owned(),
        fault: PathFault::Nul,
    })
}

/// The whole pages within `rows`, in order and none twice, as far as the file goes.
pub(super) fn pages(mut rows: Vec<Extent>, page: u64, size: u64) -> Vec<Extent> {
    rows.sort_unstable();
    let mut merged: Vec<(u64, u64)> = Vec::new();
    for (start, len) in rows {
        let end = start.saturating_add(len).min(size);
        match merged.last_mut().filter(|last| start <= last.1) {
            Some(last) => last.1 = last.1.max(end),
            None => merged.push((start, end)),
        }
    }
    let whole = |(start, end): (u64, u64)| {
        let (start, end) = (start.checked_next_multiple_of(page)?, end / page * page);
        (start < end).then(|| (start, end - start))
    };
    merged.into_iter().filter_map(whole).collect()
}

#[cfg(test)]
mod tests {
    use super::super::chunks::{ChunkBlock, ChunkedPlan};
    use super::super::library;
    use super::super::temporary::fd_of;
    use super::super::writer::{Options, Writer};
    use super::*;
    use crate::dtype_buf::DTypeBuf;
    use crate::filter::Chunk;
    use crate::sys;
    use proptest::prelude::*;
    use std::{format, fs, vec};

    /// A file with datasets of chunks; bytes of each chunk, chunks on either axis.
    fn with_chunks(path: &Path, all: &[(u32, u64, u64)]) {
        let mut writer = Writer::create(path, &Options::default(), 0).unwrap();
        let dtype = DTypeBuf::parse("u1").unwrap();
        for (i, &(len, rows, columns)) in all.iter().enumerate() {
            let (path, fixed) = (format!("g/d{i}"), [columns * u64::from(len)]);
            let (columns, filters) = (false, Filters::default());
            let plan = ChunkedPlan {
                path: &path,
                dtype: dtype.as_dtype(),
                columns,
                chunk: &[1, len.into()],
                fixed: &fixed,
                filters,
            };
            writer.begin_chunked(plan).unwrap();
            let chunks = vec![Chunk { len, mask: 0 }; all[i].2 as usize];
            let bytes = vec![7_u8; fixed[0] as usize];
            for row in 0..rows {
                let block =
                    ChunkBlock { shape: &[row + 1, fixed[0]], origin: &[row], chunks: &chunks };
                // SAFETY: as many bytes as all chunks have.
                unsafe { writer.append_chunks(block, bytes.as_ptr()) }.unwrap();
            }
            writer.finish_chunked(&[rows, fixed[0]], dtype.as_dtype(), &[]).unwrap();
        }
        writer.close().unwrap();
    }

    #[test]
    fn the_tree_says_what_hdf5_says() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.h5");
        with_chunks(&path, &[(100, 3000, 1), (5000, 40, 7), (1, 1, 1), (64, 0, 3)]);
        let fd = fd_of(&fs::File::open(&path).unwrap()).unwrap();
        let rows = |base| {
            let tree = View::new(&fd, base);
            let mut rows = library::with(|s| look(s, &path, tree, 0)).unwrap().rows;
            rows.sort_unstable();
            rows
        };
        // Seen from elsewhere there is no tree, and HDF5 is asked for every chunk.
        let (by_tree, by_hdf5) = (rows(0), rows(3));
        assert_eq!(by_tree.len(), 3000 + 40 * 7 + 1);
        assert_eq!(by_tree, by_hdf5);
        let is_found = |object| View::new(&fd, 0).chunks(object, 5000).is_some();
        assert!((0..fs::metadata(&path).unwrap().len()).filter(|&at| is_found(at)).count() >= 4);
    }

    #[test]
    fn a_broken_tree_is_no_answer() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.h5");
        with_chunks(&path, &[(10, 200, 1)]);
        let good = fs::read(&path).unwrap();
        let object = (0..good.len()).filter(|&at| good[at..].starts_with(b"OHDR\x02"));
        let objects: Vec<_> = object.collect();
        for at in 0..good.len() {
            let mut bytes = good.clone();
            bytes[at] ^= 0xff;
            let file = sys::memory_file().unwrap();
            // SAFETY: a live slice.
            unsafe { file.write_at(bytes.as_ptr(), bytes.len(), 0) }.unwrap();
            for &object in &objects {
                let found = View::new(&file, 0).chunks(object as u64, 200);
                assert!(found.is_none_or(|found| found.len() <= 200), "{at}");
            }
        }
    }

    #[test]
    fn neighbours_are_one_and_edges_stay() {
        let rows = [(4000, 200), (4200, 8000), (20_000, 100), (30_000, 5000), (31_000, 100)];
        assert_eq!(pages(rows.to_vec(), 4096, 1 << 20), [(4096, 4096), (32_768, 0)][..1]);
        assert_eq!(pages([(0, 1 << 20)].to_vec(), 4096, 10_000), [(0, 8192)]);
        assert_eq!(pages([(u64::MAX - 5, 100)].to_vec(), 4096, 10_000), []);
        assert_eq!(pages(Vec::new(), 4096, 10_000), []);
    }

    proptest! {
        #![proptest_config(ProptestConfig { rng_seed: proptest::test_runner::RngSeed::Fixed(7), ..Default::default() })]
        #[test]
        fn a_page_is_given_if_rows_fill_it(
            rows in prop::collection::vec((0_u64..200, 0_u64..40), 0..20),
            size in 0_u64..220,
        ) {
            let page = 8;
            let is_row = |at: u64| rows.iter().any(|&(start, len)| (start..start + len).contains(&at));
            let found = pages(rows.clone(), page, size);
            for number in 0..40 {
                let whole = (number * page..(number + 1) * page).all(|at| at < size && is_row(at));
                let given = found.iter().filter(|&&(start, len)| {
                    (start..start + len).contains(&(number * page))
                });
                prop_assert_eq!(given.count(), usize::from(whole), "{}", number);
            }
            prop_assert!(found.iter().all(|(start, len)| start % page == 0 && len % page == 0));
        }
    }
}

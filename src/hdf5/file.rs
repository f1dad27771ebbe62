//! The HDF5 file itself: property lists, creation, closing.

use core::ffi::{c_int, c_uint, c_void};
use core::ptr;
use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use hdf5_sys::h5::hsize_t;
use hdf5_sys::h5ac::{H5AC__CURR_CACHE_CONFIG_VERSION, H5AC_cache_config_t};
use hdf5_sys::h5c::{H5C_cache_decr_mode, H5C_cache_flash_incr_mode, H5C_cache_incr_mode};
use hdf5_sys::h5i::hid_t;
use hdf5_sys::{h5d, h5f, h5g, h5p, h5t};

use super::attribute::Kit;
use super::error::{Error, Result, TargetFault};
use super::id::Id;
use super::library::Session;
use super::target::Target;
use super::temporary::Temporary;
use crate::sys;

/// Datasets of this many bytes and more begin at a multiple of [`ALIGNMENT`]:
/// they can be mapped. Smaller ones lie side by side.
pub(super) const THRESHOLD: u64 = 64 << 10;
/// A page.
pub(super) const ALIGNMENT: u64 = 4096;
/// Bytes of the superblock, which lies in front of the metadata.
const SUPERBLOCK: u64 = 48;
/// Metadata of a file without datasets.
const EMPTY_FILE: u64 = 512;
/// How often a new temporary name is tried when somebody sweeps it at once.
pub(super) const ATTEMPTS: usize = 8;
/// Bytes of metadata, as they are on disk, that HDF5 keeps before it writes any.
const CACHE: usize = 4 << 20;
/// The same where there is much of it.
const SMALL_CACHE: usize = 512 << 10;
/// The same of a file that is read.
const READ_CACHE: usize = 1 << 20;

/// A file that HDF5 holds open, with the lists to make things in it.
#[derive(Debug)]
pub(super) struct File {
    id: Id,
    /// For datasets.
    dataset: Id,
    /// For groups.
    group: Id,
    /// For the names of both.
    link: Id,
    /// For attributes.
    attributes: Kit,
}

impl File {
    /// Its id.
    pub(super) fn id(&self) -> hid_t {
        self.id.raw()
    }

    /// Creation list of datasets.
    pub(super) fn dataset_list(&self) -> hid_t {
        self.dataset.raw()
    }

    /// Creation list of groups.
    pub(super) fn group_list(&self) -> hid_t {
        self.group.raw()
    }

    /// Creation list of links.
    pub(super) fn link_list(&self) -> hid_t {
        self.link.raw()
    }

    /// What attributes are made with.
    pub(super) const fn attributes(&self) -> &Kit {
        &self.attributes
    }

    /// End of everything that HDF5 has given a place to.
    pub(super) fn end(&self, session: &Session) -> Result<u64> {
        let mut end: hsize_t = 0;
        // SAFETY: the id is live, `end` is writable.
        let status = unsafe { h5f::H5Fget_filesize(self.id(), &raw mut end) };
        session.check("H5Fget_filesize", status)?;
        Ok(end)
    }

    /// Has HDF5 take its block for metadata now, so that the place of the first dataset,
    /// behind it, is known: a group is made that never gets a name.
    pub(super) fn take_block(&self, session: &Session) -> Result<()> {
        // SAFETY: the ids are live.
        let raw = unsafe { h5g::H5Gcreate_anon(self.id(), self.group.raw(), h5p::H5P_DEFAULT) };
        session.own("H5Gcreate_anon", raw, h5g::H5Gclose)?.close(session, "H5Gclose")
    }

    /// Leaves HDF5 less memory for metadata. The index of chunks takes ten times of what it takes
    /// in the file, and what was written is read again from memory, which costs little.
    pub(super) fn save_memory(&self, session: &Session) -> Result<()> {
        let mut config = empty_config();
        // SAFETY: the id is live, `config` is writable and says its version.
        let status = unsafe { h5f::H5Fget_mdc_config(self.id(), &raw mut config) };
        session.check("H5Fget_mdc_config", status)?;
        set_size(&mut config, SMALL_CACHE);
        // SAFETY: the id is live, `config` is a whole configuration.
        let status = unsafe { h5f::H5Fset_mdc_config(self.id(), &raw mut config) };
        session.check("H5Fset_mdc_config", status)
    }

    /// Writes everything out and closes.
    pub(super) fn close(self, session: &Session) -> Result<()> {
        // SAFETY: the id is live. Closing alone may hide that writing failed.
        let status = unsafe { h5f::H5Fflush(self.id(), h5f::H5F_SCOPE_LOCAL) };
        session.check("H5Fflush", status)?;
        self.id.close(session, "H5Fclose")?;
        for list in [self.dataset, self.group, self.link] {
            list.close(session, "H5Pclose")?;
        }
        self.attributes.close(session)
    }

    fn new(session: &Session, id: Id, alloc: h5d::H5D_alloc_time_t) -> Result<Self> {
        let dataset = dataset_list(session, alloc)?;
        let group = untimed(session, *h5p::H5P_CLS_GROUP_CREATE)?;
        let link = new_list(session, *h5p::H5P_CLS_LINK_CREATE)?;
        // SAFETY: `link` is a link creation list.
        let status = unsafe { h5p::H5Pset_char_encoding(link.raw(), h5t::H5T_CSET_UTF8) };
        session.check("H5Pset_char_encoding", status)?;
        let attributes = Kit::new(session)?;
        Ok(Self { id, dataset, group, link, attributes })
    }
}

/// Makes the temporary file of a target: created, parted from HDF5, locked, and
/// still there after that.
pub(super) fn create(
    session: &Session,
    target: &Target,
    metadata_bytes: u64,
    alignment: u64,
) -> Result<(File, Temporary)> {
    check_limit(target.path(), meta_block(metadata_bytes))?;
    let access = access_list(session, metadata_bytes, alignment)?;
    for _ in 0..ATTEMPTS {
        let temporary = Temporary::create(target)?;
        let id = match create_at(session, temporary.path(), h5f::H5F_ACC_TRUNC, &access) {
            // Until it is locked another run may take it for a dead one's and sweep it.
            Err(_) if !temporary.is_named()? => continue,
            result => result.map_err(|e| e.of_system(target.path()))?,
        };
        let descriptor = descriptor(session, &id)?;
        // SAFETY: HDF5's own descriptor, open as long as the file is. HDF5 reads and writes
        // there, and asks only at opening what is behind it.
        let temporary = unsafe { temporary.part_from(descriptor, target) }?;
        if temporary.mark_alive()? {
            return Ok((File::new(session, id, h5d::H5D_ALLOC_TIME_EARLY)?, temporary));
        }
    }
    Err(Error::Swept { path: target.path().to_path_buf() })
}

/// Opens the copy of a file to add to it, and parts it from HDF5.
pub(super) fn open_to_add(
    session: &Session,
    copy: &Temporary,
    base: u64,
    metadata_bytes: u64,
    alignment: u64,
) -> Result<File> {
    let access = access_list(session, metadata_bytes, alignment)?;
    let (low, high) = (h5f::H5F_LIBVER_V18, h5f::H5F_LIBVER_LATEST);
    // SAFETY: `access` is a file access list. What is there may be newer than what is added.
    let status = unsafe { h5p::H5Pset_libver_bounds(access.raw(), low, high) };
    session.check("H5Pset_libver_bounds", status)?;
    copy.unshare(base)?;
    let opened = open_at(session, copy.path(), h5f::H5F_ACC_RDWR, &access).or_else(|_| {
        // An HDF5 that insists on its lock: it goes with HDF5's descriptor.
        copy.unlock();
        open_at(session, copy.path(), h5f::H5F_ACC_RDWR, &access)
    });
    let id = opened?;
    let descriptor = descriptor(session, &id)?;
    // SAFETY: HDF5's own descriptor, open as long as the file is. HDF5 reads and writes
    // there, and asks only at opening what is behind it.
    unsafe { copy.part_at(descriptor) }?;
    if !copy.mark_alive()? {
        return Err(Error::Swept { path: copy.path().to_path_buf() });
    }
    File::new(session, id, h5d::H5D_ALLOC_TIME_EARLY)
}

/// Metadata that may lie behind the last dataset.
const BEHIND: u64 = 16 << 10;

/// Refuses a file of `end` bytes and some metadata if this process may not have one as
/// large. The limit holds for HDF5's memory file, too, and HDF5 can never close a file
/// that it could not bring to its length: the process would crash at its end.
pub(super) fn check_limit(target: &Path, end: u64) -> Result<()> {
    let (need, limit) = (end.saturating_add(BEHIND), sys::file_size_limit());
    if need <= limit {
        return Ok(());
    }
    Err(Error::NoSpace { path: target.to_path_buf(), need, free: Some(limit) })
}

fn create_at(session: &Session, path: &Path, flags: c_uint, access: &Id) -> Result<Id> {
    let list = untimed(session, *h5p::H5P_CLS_FILE_CREATE)?;
    create_with(session, path, flags, &list, access)
}

fn create_with(
    session: &Session,
    path: &Path,
    flags: c_uint,
    create: &Id,
    access: &Id,
) -> Result<Id> {
    let name = CString::new(path.as_os_str().as_bytes())
        .map_err(|_| Error::target(path, TargetFault::Name))?;
    let (name, create, access) = (name.as_ptr(), create.raw(), access.raw());
    // SAFETY: the name is a C string, the lists are live.
    let raw = unsafe { h5f::H5Fcreate(name, flags, create, access) };
    session.own("H5Fcreate", raw, h5f::H5Fclose)
}

/// The descriptor by which HDF5 has a file open.
pub(super) fn descriptor(session: &Session, id: &Id) -> Result<c_int> {
    let mut handle: *mut c_void = ptr::null_mut();
    // SAFETY: the id is live, `handle` is writable.
    let status = unsafe { h5f::H5Fget_vfd_handle(id.raw(), h5p::H5P_DEFAULT, &raw mut handle) };
    session.check("H5Fget_vfd_handle", status)?;
    // SAFETY: the driver chosen in `access_list` answers with the address of its
    // descriptor, which lives as long as the file is open.
    Ok(unsafe { *handle.cast::<c_int>() })
}

fn open_at(session: &Session, path: &Path, flags: c_uint, access: &Id) -> Result<Id> {
    let name = CString::new(path.as_os_str().as_bytes())
        .map_err(|_| Error::target(path, TargetFault::Name))?;
    // SAFETY: the name is a C string, the list is live.
    let raw = unsafe { h5f::H5Fopen(name.as_ptr(), flags, access.raw()) };
    session.own("H5Fopen", raw, h5f::H5Fclose)
}

/// How the file lies on disk.
fn access_list(session: &Session, metadata_bytes: u64, alignment: u64) -> Result<Id> {
    let list = new_list(session, *h5p::H5P_CLS_FILE_ACCESS)?;
    // SAFETY: `list` is a file access list, here and in all calls below.
    // The environment may name another driver, which would have no descriptor.
    session.check("H5Pset_fapl_sec2", unsafe { h5p::H5Pset_fapl_sec2(list.raw()) })?;
    bounds(session, &list)?;
    // SAFETY: as above.
    let status = unsafe { h5p::H5Pset_fclose_degree(list.raw(), h5f::H5F_CLOSE_STRONG) };
    session.check("H5Pset_fclose_degree", status)?;
    // SAFETY: as above.
    let status = unsafe { h5p::H5Pset_alignment(list.raw(), THRESHOLD, alignment) };
    session.check("H5Pset_alignment", status)?;
    // SAFETY: as above.
    let status = unsafe { h5p::H5Pset_meta_block_size(list.raw(), meta_block(metadata_bytes)) };
    session.check("H5Pset_meta_block_size", status)?;
    // SAFETY: as above. Without blocks of small data, raw data is placed at the end of
    // the file: the one place that can be known in advance.
    let status = unsafe { h5p::H5Pset_small_data_block_size(list.raw(), 0) };
    session.check("H5Pset_small_data_block_size", status)?;
    no_locking(session, &list)?;
    fixed_cache(session, &list, CACHE)?;
    Ok(list)
}

/// One block for all metadata, so that it ends where a page ends.
fn meta_block(metadata_bytes: u64) -> u64 {
    let need = metadata_bytes.saturating_add(SUPERBLOCK + EMPTY_FILE);
    need.checked_next_multiple_of(ALIGNMENT).unwrap_or(ALIGNMENT) - SUPERBLOCK
}

/// The file format of HDF5 1.8, which every reader knows.
pub(super) fn bounds(session: &Session, list: &Id) -> Result<()> {
    let v18 = h5f::H5F_LIBVER_V18;
    // SAFETY: `list` is a file access list.
    let status = unsafe { h5p::H5Pset_libver_bounds(list.raw(), v18, v18) };
    session.check("H5Pset_libver_bounds", status)
}

/// The lock is ours. HDF5's would fail where the file system has none.
#[cfg(hdf5_file_locking)]
pub(super) fn no_locking(session: &Session, list: &Id) -> Result<()> {
    // SAFETY: `list` is a file access list.
    let status = unsafe { h5p::H5Pset_file_locking(list.raw(), 0, 1) };
    session.check("H5Pset_file_locking", status)
}

/// This HDF5 cannot leave its lock away. It goes with HDF5's descriptor, before
/// ours is taken.
#[cfg(not(hdf5_file_locking))]
#[allow(clippy::unnecessary_wraps, reason = "the other one can fail")]
pub(super) fn no_locking(_session: &Session, _list: &Id) -> Result<()> {
    Ok(())
}

/// Gives HDF5 little memory for the metadata of a file that is read: objects are opened one after
/// the other, and each takes some twenty times of it.
pub(super) fn read_cache(session: &Session, list: &Id) -> Result<()> {
    fixed_cache(session, list, READ_CACHE)
}

/// Gives HDF5's cache of metadata one size for good. Within it HDF5 writes
/// metadata at the end and not before, so that a child that was forked with the
/// file open, and makes HDF5 write its old state when it leaves by `exit`, does no
/// harm: all of it is written again. The room is for about ten thousand datasets;
/// an object takes some twenty times of it while it is in the cache, which is why wide tables
/// and many chunks get [less](File::save_memory).
fn fixed_cache(session: &Session, list: &Id, bytes: usize) -> Result<()> {
    let mut config = empty_config();
    // SAFETY: `list` is a file access list, `config` is writable and says its version.
    let status = unsafe { h5p::H5Pget_mdc_config(list.raw(), &raw mut config) };
    session.check("H5Pget_mdc_config", status)?;
    set_size(&mut config, bytes);
    config.incr_mode = H5C_cache_incr_mode::H5C_incr__off;
    config.flash_incr_mode = H5C_cache_flash_incr_mode::H5C_flash_incr__off;
    config.decr_mode = H5C_cache_decr_mode::H5C_decr__off;
    // SAFETY: `list` is a file access list, `config` is a whole configuration.
    let status = unsafe { h5p::H5Pset_mdc_config(list.raw(), &raw const config) };
    session.check("H5Pset_mdc_config", status)
}

fn empty_config() -> H5AC_cache_config_t {
    H5AC_cache_config_t { version: H5AC__CURR_CACHE_CONFIG_VERSION, ..Default::default() }
}

fn set_size(config: &mut H5AC_cache_config_t, bytes: usize) {
    config.set_initial_size = 1;
    (config.initial_size, config.min_size, config.max_size) = (bytes, bytes, bytes);
}

/// Contiguous, a place at once, nothing written into it.
fn dataset_list(session: &Session, alloc: h5d::H5D_alloc_time_t) -> Result<Id> {
    let list = untimed(session, *h5p::H5P_CLS_DATASET_CREATE)?;
    // SAFETY: `list` is a dataset creation list, here and below.
    let status = unsafe { h5p::H5Pset_layout(list.raw(), h5d::H5D_CONTIGUOUS) };
    session.check("H5Pset_layout", status)?;
    // SAFETY: as above.
    let status = unsafe { h5p::H5Pset_alloc_time(list.raw(), alloc) };
    session.check("H5Pset_alloc_time", status)?;
    // SAFETY: as above.
    let status = unsafe { h5p::H5Pset_fill_time(list.raw(), h5d::H5D_FILL_TIME_NEVER) };
    session.check("H5Pset_fill_time", status)?;
    Ok(list)
}

/// A creation list of objects without times: the same input gives the same bytes.
pub(super) fn untimed(session: &Session, class: hid_t) -> Result<Id> {
    let list = new_list(session, class)?;
    // SAFETY: `list` is a list of an object creation class.
    let status = unsafe { h5p::H5Pset_obj_track_times(list.raw(), 0) };
    session.check("H5Pset_obj_track_times", status)?;
    Ok(list)
}

/// A property list of a class.
pub(super) fn new_list(session: &Session, class: hid_t) -> Result<Id> {
    // SAFETY: takes no pointers; a wrong class is an error return.
    session.own("H5Pcreate", unsafe { h5p::H5Pcreate(class) }, h5p::H5Pclose)
}

/// A file in memory that never reaches a disk, for trying things out.
pub(super) fn scratch(session: &Session) -> Result<File> {
    scratch_behind(session, 0)
}

/// One that has so many bytes in front of its superblock.
pub(super) fn scratch_behind(session: &Session, bytes: u64) -> Result<File> {
    let access = new_list(session, *h5p::H5P_CLS_FILE_ACCESS)?;
    // SAFETY: `access` is a file access list, here and below.
    let status = unsafe { h5p::H5Pset_fapl_core(access.raw(), 1, 0) };
    session.check("H5Pset_fapl_core", status)?;
    // SAFETY: as above. Without blocks the file's size tells what each object takes.
    let status = unsafe { h5p::H5Pset_meta_block_size(access.raw(), 0) };
    session.check("H5Pset_meta_block_size", status)?;
    bounds(session, &access)?;
    let name = Path::new("/ndshm/scratch/not a file");
    let create = untimed(session, *h5p::H5P_CLS_FILE_CREATE)?;
    // SAFETY: `create` is a file creation list.
    session.check("H5Pset_userblock", unsafe { h5p::H5Pset_userblock(create.raw(), bytes) })?;
    let id = create_with(session, name, h5f::H5F_ACC_EXCL, &create, &access)?;
    File::new(session, id, h5d::H5D_ALLOC_TIME_LATE)
}

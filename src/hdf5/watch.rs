//! Whether the host closed HDF5 (`H5close`) while ids were kept between calls.
//!
//! For `library` and `id`. After `H5close` all ids are gone, and their numbers are given
//! out anew: an old id may be the host's new file. So as long as this crate keeps ids, it keeps a
//! property list, too, whose class has HDF5 tell when it is closed. An id remembers
//! in which [`life`] of the library it was made, and is used and closed in that one only.
//!
//! All of it is called under the lock of `library::with`, but for [`ended`].

use core::ffi::{CStr, c_void};
use core::ptr;
use core::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};

use hdf5_sys::h5::herr_t;
use hdf5_sys::h5i::hid_t;
use hdf5_sys::h5p::{self, H5Pclose, H5Pclose_class, H5Pcreate, H5Pcreate_class};

/// The class of the list, as HDF5 lists it.
const CLASS: &CStr = c"ndshm";

/// The list is open.
static WATCHED: AtomicBool = AtomicBool::new(false);
/// Its id, if it is.
static LIST: AtomicI64 = AtomicI64::new(-1);
/// How often the list was closed, by whomever.
static LIFE: AtomicUsize = AtomicUsize::new(0);
/// Ids that are open, of all lives.
static IDS: AtomicUsize = AtomicUsize::new(0);
/// An id of a life that is over was asked for.
static LOST: AtomicBool = AtomicBool::new(false);

/// Notes an id that was made; in which life.
pub(super) fn made() -> usize {
    IDS.fetch_add(1, Ordering::Relaxed);
    LIFE.load(Ordering::Relaxed)
}

/// Notes an id that is not used any more; whether HDF5 still has it.
pub(super) fn gone(life: usize) -> bool {
    IDS.fetch_sub(1, Ordering::Relaxed);
    life == LIFE.load(Ordering::Relaxed)
}

/// Whether HDF5 still has the ids of a life. If not, what is done with them cannot succeed.
pub(super) fn is_there(life: usize) -> bool {
    let there = life == LIFE.load(Ordering::Relaxed);
    if !there {
        LOST.store(true, Ordering::Relaxed);
    }
    there
}

/// Whether an id was asked for, since the last time, that HDF5 does not have any more.
pub(super) fn take_lost() -> bool {
    LOST.swap(false, Ordering::Relaxed)
}

/// Keeps watch if there are ids, and else not; whether that was possible.
pub(super) fn settle() -> bool {
    let (wanted, watched) = (IDS.load(Ordering::Relaxed) != 0, WATCHED.load(Ordering::Relaxed));
    match (wanted, watched) {
        (true, false) => begin(),
        (false, true) => {
            // SAFETY: the list is open, as `ended` has not been told of its end, and no one
            // else's. It tells now.
            unsafe { H5Pclose(LIST.load(Ordering::Relaxed)) >= 0 }
        }
        _ => true,
    }
}

fn begin() -> bool {
    let Some(list) = watching() else { return false };
    LIST.store(list, Ordering::Relaxed);
    WATCHED.store(true, Ordering::Relaxed);
    true
}

/// A list that says when it is closed.
fn watching() -> Option<hid_t> {
    let (root, none) = (*h5p::H5P_CLS_ROOT, ptr::null_mut());
    // SAFETY: the name is a C string, and `ended` needs no data. It stays where it is as long as
    // this crate keeps ids, which needs the crate.
    let class =
        unsafe { H5Pcreate_class(root, CLASS.as_ptr(), None, none, None, none, Some(ended), none) };
    if class < 0 {
        return None;
    }
    // SAFETY: the class was just made.
    let list = unsafe { H5Pcreate(class) };
    // SAFETY: it is closed once. The list keeps it.
    unsafe { H5Pclose_class(class) };
    (list >= 0).then_some(list)
}

/// Called by HDF5 when the list is closed: by `settle`, by `H5close`, at exit.
unsafe extern "C" fn ended(_list: hid_t, _data: *mut c_void) -> herr_t {
    WATCHED.store(false, Ordering::Relaxed);
    LIFE.fetch_add(1, Ordering::Relaxed);
    0
}

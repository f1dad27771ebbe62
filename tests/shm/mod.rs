//! What the tests of segments share: names that clean up after themselves.

#![allow(dead_code, reason = "not every test file uses all of it")]

use core::sync::atomic::{AtomicU32, Ordering};
use std::fs::File;
use std::path::PathBuf;

use ndshm::dtype_buf::DTypeBuf;
use ndshm::segment::{Draft, Name, Removal, Segment, Spec, Via, prune};

pub(crate) mod helper;
#[path = "../common/skip.rs"]
pub(crate) mod skip;

/// Both ways to get a name.
pub(crate) const BOTH: [Via; 2] = [Via::Auto, Via::ShmOpen];

/// A name that nobody else has, whose object goes at the end of the test.
pub(crate) struct Scratch(pub(crate) Name);

impl Scratch {
    pub(crate) fn new(what: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        Self(Name::new(&format!("test.{what}.{}.{n}", std::process::id())).unwrap())
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.0.path().to_str().unwrap().into()
    }

    pub(crate) fn exists(&self) -> bool {
        self.file().symlink_metadata().is_ok()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(self.file());
    }
}

pub(crate) fn float64() -> DTypeBuf {
    DTypeBuf::parse("<f8").unwrap()
}

/// Publishes 0.0, 1.0, 2.0, … in `shape`.
pub(crate) fn publish(name: &Name, shape: &[u64], change: impl FnOnce(&mut Spec<'_>)) -> Segment {
    let dtype = float64();
    let mut spec = Spec::new(dtype.as_dtype(), shape);
    change(&mut spec);
    let mut draft = Draft::create(name, &spec).unwrap();
    for (i, item) in (0_u32..).zip(draft.data_mut().chunks_exact_mut(8)) {
        item.copy_from_slice(&f64::from(i).to_ne_bytes());
    }
    draft.publish().unwrap()
}

/// All the data, copied out.
pub(crate) fn values(segment: &Segment) -> Vec<f64> {
    let mut bytes = vec![0; segment.data_len()];
    segment.copy_to(&mut bytes, 0).unwrap();
    bytes.chunks_exact(8).map(|item| f64::from_ne_bytes(item.try_into().unwrap())).collect()
}

/// Held by tests that prune, and by those that have a dead segment for a while: `prune` takes
/// everybody's, and tests run side by side, in threads or in processes.
pub(crate) struct Graveyard(File);

impl Graveyard {
    pub(crate) fn lock() -> Self {
        let file = File::create(concat!(env!("CARGO_TARGET_TMPDIR"), "/prune.lock")).unwrap();
        file.lock().unwrap();
        Self(file)
    }
}

impl Drop for Graveyard {
    /// A child that another test has forked meanwhile has the file, too: closing is not enough.
    fn drop(&mut self) {
        let _ = self.0.unlock();
    }
}

/// What `prune` does to the one segment.
pub(crate) fn pruned(_alone: &Graveyard, name: &Name) -> Option<Removal> {
    let mut seen = None;
    prune(|each, removal| {
        if each == name {
            seen = removal.ok();
        }
        Ok(())
    })
    .unwrap();
    seen
}

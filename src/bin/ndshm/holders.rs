//! Who has a segment mapped, as far as `/proc` tells this user.

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use ndshm::segment::Name;
use serde::Serialize;

/// A process that has a segment mapped.
#[derive(Debug, Serialize)]
pub(crate) struct Holder {
    pub(crate) pid: u32,
    /// As the kernel calls it.
    pub(crate) command: String,
}

/// Processes that have the segment mapped, by their ids. Those of other users are seen by root
/// alone, and those in other namespaces by nobody here.
pub(crate) fn holders(name: &Name) -> Vec<Holder> {
    let object = name.posix().to_string_lossy().trim_start_matches('/').to_string();
    let path = Path::new("/dev/shm").join(object);
    let Ok(object) = fs::metadata(path).map(|is| Object::of(&is)) else { return Vec::new() };
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let mut found: Vec<_> = processes
        .filter_map(|entry| {
            let pid = entry.file_name().to_str()?.parse().ok()?;
            object.is_mapped_by(&entry.path()).then(|| holder(pid, &entry.path()))
        })
        .collect();
    found.sort_by_key(|holder| holder.pid);
    found
}

/// A file, as the lines of `maps` tell it. Their path may be another one: a segment is made
/// before it has its name.
struct Object {
    device: String,
    inode: String,
}

impl Object {
    fn of(file: &Metadata) -> Self {
        let device = file.dev();
        let major = (device >> 8) & 0xFFF | (device >> 32) & !0xFFF;
        let minor = device & 0xFF | (device >> 12) & !0xFF & 0xFFFF_FFFF;
        Self { device: format!("{major:02x}:{minor:02x}"), inode: file.ino().to_string() }
    }

    fn is_mapped_by(&self, process: &Path) -> bool {
        let Ok(maps) = fs::read_to_string(process.join("maps")) else { return false };
        maps.lines().any(|line| {
            let mut parts = line.split_whitespace().skip(3);
            parts.next() == Some(&self.device) && parts.next() == Some(&self.inode)
        })
    }
}

fn holder(pid: u32, process: &Path) -> Holder {
    let command = fs::read_to_string(process.join("comm")).unwrap_or_default();
    Holder { pid, command: command.trim_end().into() }
}

//! How many workers are worth having: affinity and the cgroup's CPU quota.

use std::fs;
use std::path::Path;

use crate::sys;

/// Processors that this process may use: its affinity, and no more than the CPU
/// quota of its cgroup and of those above it (`cpu.max`, version 2, or
/// `cpu.cfs_quota_us`, version 1), rounded up.
#[must_use]
pub fn default_workers() -> usize {
    let cgroups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let limit = quota(Path::new("/sys/fs/cgroup"), &cgroups);
    // Each worker costs its parent two descriptors.
    let descriptors = (sys::descriptor_limit() as usize).saturating_sub(64) / 2;
    sys::affinity_count().min(limit.unwrap_or(usize::MAX)).min(descriptors).max(1)
}

/// The smallest quota along the paths that `/proc/self/cgroup` names.
fn quota(root: &Path, cgroups: &str) -> Option<usize> {
    cgroups.lines().filter_map(|line| quota_of_line(root, line)).min()
}

fn quota_of_line(root: &Path, line: &str) -> Option<usize> {
    let mut parts = line.splitn(3, ':');
    let (_, controllers, path) = (parts.next()?, parts.next()?, parts.next()?);
    let path = path.trim_start_matches('/');
    if controllers.is_empty() {
        return smallest(root, path, |dir| {
            parse_max(&fs::read_to_string(dir.join("cpu.max")).ok()?)
        });
    }
    if controllers.split(',').any(|c| c == "cpu") {
        return smallest(&root.join("cpu"), path, |dir| {
            let read = |name: &str| fs::read_to_string(dir.join(name)).ok();
            ratio(&read("cpu.cfs_quota_us")?, &read("cpu.cfs_period_us")?)
        });
    }
    None
}

/// The smallest limit of a cgroup and its ancestors. In a container the path is
/// often not visible; then the root of what is visible counts.
fn smallest(root: &Path, path: &str, limit: impl Fn(&Path) -> Option<usize>) -> Option<usize> {
    let full = root.join(path);
    full.ancestors().take_while(|dir| dir.starts_with(root)).filter_map(limit).min()
}

/// `cpu.max`: quota and period in microseconds, or `max`.
fn parse_max(text: &str) -> Option<usize> {
    let (quota, period) = text.trim().split_once(' ')?;
    ratio(quota, period)
}

fn ratio(quota: &str, period: &str) -> Option<usize> {
    let quota: u64 = quota.trim().parse().ok()?;
    let period: u64 = period.trim().parse().ok()?;
    let cpus = quota.checked_add(period.checked_sub(1)?)?.checked_div(period)?;
    usize::try_from(cpus).ok().filter(|&n| n > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotas_are_rounded_up_and_no_quota_is_none() {
        assert_eq!(parse_max("150000 100000\n"), Some(2));
        assert_eq!(parse_max("50000 100000"), Some(1));
        assert_eq!(parse_max("max 100000"), None);
        assert_eq!(ratio("-1", "100000"), None);
        assert_eq!(ratio("1", "0"), None);
    }

    #[test]
    fn the_smallest_quota_on_the_way_up_counts() {
        let root = tempfile::tempdir().unwrap();
        let leaf = root.path().join("a/b");
        fs::create_dir_all(&leaf).unwrap();
        fs::write(leaf.join("cpu.max"), "max 100000").unwrap();
        fs::write(root.path().join("a/cpu.max"), "300000 100000").unwrap();
        assert_eq!(quota(root.path(), "0::/a/b\n"), Some(3));
        assert_eq!(quota(root.path(), "0::/a/b/hidden\n"), Some(3));
        assert_eq!(quota(root.path(), "0::/\n"), None);
        let v1 = root.path().join("cpu/x");
        fs::create_dir_all(&v1).unwrap();
        fs::write(v1.join("cpu.cfs_quota_us"), "200000").unwrap();
        fs::write(v1.join("cpu.cfs_period_us"), "100000").unwrap();
        assert_eq!(quota(root.path(), "4:cpu,cpuacct:/x\n"), Some(2));
    }

    #[test]
    fn there_is_always_one() {
        assert!(default_workers() >= 1);
    }
}

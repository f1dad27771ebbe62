//! What the memory control group of this process still allows.
//!
//! Shared memory counts for the group, and a group at its limit is not refused
//! memory: somebody in it is killed. So whoever is about to reserve much asks
//! here first. It is a hint: others in the group may be faster.

use core::ffi::CStr;

use super::Fd;

const ROOT: &[u8] = b"/sys/fs/cgroup";

/// Where a version of control groups keeps its numbers.
struct Layout {
    /// Between the root and the group's own path.
    mount: &'static [u8],
    limit: &'static [u8],
    /// Lines of `memory.stat` that count what can only be swapped out.
    used: [&'static [u8]; 2],
}

const V2: Layout = Layout { mount: b"", limit: b"/memory.max", used: [b"anon ", b"shmem "] };
const V1: Layout = Layout {
    mount: b"/memory",
    limit: b"/memory.limit_in_bytes",
    used: [b"total_rss ", b"total_shmem "],
};

/// Bytes that this process's groups leave without counting swap, `u64::MAX` if
/// none of them says.
#[must_use]
pub fn memory_left() -> u64 {
    let mut text = [0; 4096];
    let text = read(c"/proc/self/cgroup", &mut text);
    text.split(|&b| b == b'\n')
        .filter_map(group)
        .map(|(kind, path)| left_above(&kind, path))
        .fold(u64::MAX, u64::min)
}

/// A line of `/proc/self/cgroup`, if it is about memory: `0::PATH` or `N:memory:PATH`.
fn group(line: &[u8]) -> Option<(Layout, &[u8])> {
    let mut parts = line.splitn(3, |&b| b == b':');
    let (number, controllers, path) = (parts.next()?, parts.next()?, parts.next()?);
    if number == b"0" && controllers.is_empty() {
        return Some((V2, path));
    }
    controllers.split(|&b| b == b',').any(|name| name == b"memory").then_some((V1, path))
}

/// The least that the group and those above it leave. In a container the path may
/// be one of the host's, of which only the root is to be seen here.
fn left_above(kind: &Layout, path: &[u8]) -> u64 {
    let mut path = path.strip_suffix(b"/").unwrap_or(path);
    let mut least = u64::MAX;
    loop {
        least = least.min(left(kind, path).unwrap_or(u64::MAX));
        let Some(slash) = path.iter().rposition(|&b| b == b'/') else { return least };
        path = path.get(..slash).unwrap_or_default();
    }
}

/// What one group leaves, if it has a limit.
fn left(kind: &Layout, path: &[u8]) -> Option<u64> {
    let mut text = [0; 4096];
    let limit = number(at(kind, path, kind.limit, &mut text)?)?;
    let stat = at(kind, path, b"/memory.stat", &mut text)?;
    let used = kind.used.iter().map(|key| count(stat, key)).fold(0, u64::saturating_add);
    Some(limit.saturating_sub(used))
}

/// The start of a group's file.
fn at<'a>(kind: &Layout, path: &[u8], file: &[u8], text: &'a mut [u8]) -> Option<&'a [u8]> {
    let mut name = [0; 1024];
    let parts = [ROOT, kind.mount, path, file, b"\0"];
    let len = parts.iter().map(|part| part.len()).fold(0, usize::saturating_add);
    let room = name.get_mut(..len)?;
    let bytes = parts.iter().flat_map(|part| part.iter());
    room.iter_mut().zip(bytes).for_each(|(to, &from)| *to = from);
    Some(read(CStr::from_bytes_until_nul(&name).ok()?, text))
}

/// The start of a file, nothing of one that cannot be read.
fn read<'a>(path: &CStr, text: &'a mut [u8]) -> &'a [u8] {
    let len = Fd::open_read(path).and_then(|fd| fd.read_full(text, 0)).unwrap_or(0);
    text.get(..len).unwrap_or_default()
}

/// The number at the start of a text; none for `max`.
fn number(text: &[u8]) -> Option<u64> {
    let digits = text.split(|b| !b.is_ascii_digit()).next()?;
    if digits.is_empty() {
        return None;
    }
    let digit = |sum: u64, &b: &u8| sum.checked_mul(10)?.checked_add(u64::from(b - b'0'));
    digits.iter().try_fold(0, digit)
}

/// The number behind `key` at the start of a line, 0 if there is none.
fn count(stat: &[u8], key: &[u8]) -> u64 {
    let line = stat.split(|&b| b == b'\n').find_map(|line| line.strip_prefix(key));
    line.and_then(number).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_of_both_versions_are_found() {
        let path = |line: &'static [u8]| group(line).map(|(kind, path)| (kind.mount, path));
        assert_eq!(path(b"0::/user.slice/a"), Some((&b""[..], &b"/user.slice/a"[..])));
        assert_eq!(path(b"4:memory:/x:y"), Some((&b"/memory"[..], &b"/x:y"[..])));
        assert_eq!(path(b"4:cpu,memory:/"), Some((&b"/memory"[..], &b"/"[..])));
        for line in [&b"3:cpuset:/"[..], b"", b"0:", b"12:name=systemd:/"] {
            assert!(group(line).is_none());
        }
    }

    #[test]
    fn numbers_are_read_and_nothing_else() {
        assert_eq!(number(b"4096\n"), Some(4096));
        assert_eq!(number(b"18446744073709551615"), Some(u64::MAX));
        for text in [&b"max\n"[..], b"", b"18446744073709551616", b"-1"] {
            assert_eq!(number(text), None);
        }
        let stat = b"anon 12\nfile 3\nshmem 40\n";
        assert_eq!(V2.used.map(|key| count(stat, key)), [12, 40]);
        assert_eq!(V1.used.map(|key| count(stat, key)), [0, 0]);
    }

    #[test]
    fn this_machine_has_an_answer() {
        assert!(memory_left() > 1 << 20);
    }
}

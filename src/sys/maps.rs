//! What is mapped into this process, and getting rid of some of it.

use super::Fd;
use crate::error::Result;

/// Bytes of `/proc/self/maps` looked at together: any line fits.
const WINDOW: usize = 8192;

/// Unmaps every shared mapping of a file whose path begins with one of `places`, such as
/// `/dev/shm/`. Private ones stay: programs and libraries that lie there are mapped so.
/// Without `/proc` nothing is unmapped. The mapping in which `kept` lies stays.
///
/// # Safety
/// * The process will not use any other memory that is mapped from there and shared.
///
/// # Errors
/// [`Error::Os`](crate::error::Error::Os).
pub unsafe fn unmap_shared_below(places: &[&[u8]], kept: *const u8) -> Result<()> {
    let fd = Fd::open_read(c"/proc/self/maps")?;
    let mut window = [0; WINDOW];
    let mut have = 0;
    loop {
        let room = window.get_mut(have..).unwrap_or_default();
        let read = fd.read(room)?;
        have += read;
        let mut done = 0;
        let text = window.get(..have).unwrap_or_default();
        for line in text.split_inclusive(|&b| b == b'\n').filter(|line| line.ends_with(b"\n")) {
            done += line.len();
            let found = mapping_below(line, places);
            let is_kept = |start, len| kept.addr().wrapping_sub(start) < len;
            if let Some((start, len)) = found.filter(|&(start, len)| !is_kept(start, len)) {
                // SAFETY: a whole mapping, which the caller gives up.
                unsafe { libc::munmap(start as *mut libc::c_void, len) };
            }
        }
        window.copy_within(done..have, 0);
        have -= done;
        if read == 0 || have == WINDOW {
            return Ok(());
        }
    }
}

/// Start and length of the mapping in a line of `maps`, if it is shared and its file
/// is below one of `places`.
fn mapping_below(line: &[u8], places: &[&[u8]]) -> Option<(usize, usize)> {
    let path = line.get(line.iter().position(|&b| b == b'/')?..)?;
    if !places.iter().any(|place| path.starts_with(place)) {
        return None;
    }
    let (start, rest) = hexadecimal(line)?;
    let (end, rest) = hexadecimal(rest.strip_prefix(b"-")?)?;
    // A blank, then the permissions, the last of which is `s` or `p`.
    if rest.get(4) != Some(&b's') {
        return None;
    }
    Some((start, end.checked_sub(start)?))
}

/// The hexadecimal number at the start of a text, and what follows it.
fn hexadecimal(text: &[u8]) -> Option<(usize, &[u8])> {
    let len = text.iter().position(|b| !b.is_ascii_hexdigit())?;
    let (digits, rest) = text.split_at_checked(len)?;
    let digits = core::str::from_utf8(digits).ok()?;
    usize::from_str_radix(digits, 16).ok().map(|number| (number, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_told_by_their_path() {
        let line = b"7f00-8000 rw-s 00000000 00:16 5    /dev/shm/ndshm.a b (deleted)\n";
        assert_eq!(mapping_below(line, &[b"/memfd:ndshm ", b"/dev/shm/"]), Some((0x7F00, 0x100)));
        assert_eq!(mapping_below(line, &[b"/dev/shmem/"]), None);
        let program = b"7f00-8000 r-xp 00000000 00:16 5    /dev/shm/bin/ndshm\n";
        assert_eq!(mapping_below(program, &[b"/memfd:ndshm ", b"/dev/shm/"]), None);
        assert_eq!(
            mapping_below(b"7f00-8000 rw-p 00000000 00:00 0 \n", &[b"/memfd:ndshm ", b"/dev/shm/"]),
            None
        );
        assert_eq!(
            mapping_below(
                b"7f00-8000 r--p 0 00:01 2 /lib/x.so\n",
                &[b"/memfd:ndshm ", b"/dev/shm/"]
            ),
            None
        );
        assert_eq!(mapping_below(b"/dev/shm/\n", &[b"/memfd:ndshm ", b"/dev/shm/"]), None);
    }
}

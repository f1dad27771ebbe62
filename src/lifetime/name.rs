//! Names: what the user says, and where the kernel keeps it.

use core::ffi::CStr;
use core::fmt;

use crate::error::{Error, NameFault, Result};

/// Most bytes of a name.
pub const MAX_NAME: usize = 200;

const DIR: &[u8] = b"/dev/shm";
const PREFIX: &[u8] = b"/ndshm.";
const START: usize = DIR.len() + PREFIX.len();

/// A valid segment name: 1 to 200 bytes of UTF-8 without slashes and control
/// characters. Its object has the POSIX name `/ndshm.NAME`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Name {
    path: [u8; START + MAX_NAME + 1],
    len: u8,
}

impl Name {
    /// Checks a name.
    ///
    /// # Errors
    /// [`Error::Name`].
    pub fn new(name: &str) -> Result<Self> {
        let fault = if name.is_empty() {
            NameFault::Empty
        } else if name.len() > MAX_NAME {
            NameFault::TooLong
        } else if name.chars().any(|c| c == '/' || c.is_control()) {
            NameFault::Character
        } else {
            return Ok(Self::spell(name));
        };
        Err(Error::Name(fault))
    }

    fn spell(name: &str) -> Self {
        let mut path = [0; START + MAX_NAME + 1];
        let text = DIR.iter().chain(PREFIX).chain(name.as_bytes());
        for (to, from) in path.iter_mut().zip(text) {
            *to = *from;
        }
        Self { path, len: name.len() as u8 }
    }

    /// The name of the segment with this uuid that was given none: nobody else has it, and
    /// nobody guesses it.
    #[must_use]
    pub fn of_uuid(uuid: &[u8; 16]) -> Self {
        let mut text = *b"anon-00000000000000000000000000000000";
        let nibbles = uuid.iter().flat_map(|byte| [byte >> 4, byte & 15]);
        for (to, nibble) in text.iter_mut().skip(5).zip(nibbles) {
            *to = if nibble < 10 { b'0' + nibble } else { b'a' + (nibble - 10) };
        }
        Self::spell(core::str::from_utf8(&text).unwrap_or_default())
    }

    /// The name of a file in the directory of shared memory, if it is a segment's.
    #[must_use]
    pub fn from_file(file: &[u8]) -> Option<Self> {
        let name = file.strip_prefix(PREFIX.get(1..)?)?;
        Self::new(core::str::from_utf8(name).ok()?).ok()
    }

    /// The name as the user says it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let bytes = self.path.get(START..START.saturating_add(usize::from(self.len)));
        core::str::from_utf8(bytes.unwrap_or_default()).unwrap_or_default()
    }

    /// The name as `shm_open` takes it.
    #[must_use]
    pub fn posix(&self) -> &CStr {
        let bytes = self.path.get(DIR.len()..).unwrap_or_default();
        CStr::from_bytes_until_nul(bytes).unwrap_or_default()
    }

    /// The file that Linux keeps it in.
    #[must_use]
    pub fn path(&self) -> &CStr {
        CStr::from_bytes_until_nul(&self.path).unwrap_or_default()
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Name").field(&self.as_str()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_three_spellings() {
        let name = Name::new("run 7.é").unwrap();
        assert_eq!(name.as_str(), "run 7.é");
        assert_eq!(name.posix(), c"/ndshm.run 7.é");
        assert_eq!(name.path(), c"/dev/shm/ndshm.run 7.é");
        assert_eq!(Name::from_file("ndshm.run 7.é".as_bytes()), Some(name));
    }

    #[test]
    fn the_longest_name_fits() {
        let text = [b'x'; MAX_NAME + 1];
        let text = core::str::from_utf8(&text).unwrap();
        let name = Name::new(&text[1..]).unwrap();
        assert_eq!(name.as_str(), &text[1..]);
        assert_eq!(name.posix().count_bytes(), 7 + MAX_NAME);
        assert_eq!(Name::new(text), Err(Error::Name(NameFault::TooLong)));
    }

    #[test]
    fn bad_names_say_why() {
        assert_eq!(Name::new(""), Err(Error::Name(NameFault::Empty)));
        for name in ["a/b", "/a", "a\0", "a\n", "\u{7f}", "\u{85}"] {
            assert_eq!(Name::new(name), Err(Error::Name(NameFault::Character)), "{name:?}");
        }
    }

    #[test]
    fn foreign_files_have_no_name() {
        for file in [&b"psm_1"[..], b"ndshm.", b"ndshm", b"ndshm.\xff", b"xndshm.a", b""] {
            assert_eq!(Name::from_file(file), None);
        }
    }
}

//! The global heap of a file, which has what is of variable length, looked at before HDF5 does.
//!
//! HDF5 believes what it finds there. Some versions look for ever for the end of a damaged
//! collection, deaf to signals, or copy more than there is room for. So before an object is opened, each collection
//! that it refers to is walked here: by its attributes, its fill value, and as a virtual
//! dataset. Texts of datasets are read here, too, see [`texts`](super::texts).
//!
//! Not looked at: what is shared between headers, and more attributes than
//! [`dense`](super::dense) finds.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::string::String;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::vec::Vec;

use super::error::{Error, Result, io_error};
use super::header::{ADDRESS, Message, View, number_at};
use super::read_error::ReadFault;
use super::superblock::{self, Found};
use crate::error::Error as CoreError;
use crate::sys::Fd;

/// Messages of headers that may refer to the heap.
const TYPE: u16 = 3;
const OLD_FILL: u16 = 4;
const FILL: u16 = 5;
const LAYOUT: u16 = 8;
const ATTRIBUTE: u16 = 12;
const DENSE: u16 = 21;
/// Bytes in front of a collection, and of an object in it.
const HEAD: u64 = 16;
/// Collections of up to so many bytes are kept in memory, and of all together.
const KEPT: u64 = 1 << 20;
const ALL_KEPT: usize = 32 << 20;
/// Objects that a collection can have.
const OBJECTS: usize = 1 << 16;
/// Bytes of a reference to an element of variable length.
pub(super) const REFERENCE: usize = 16;

/// The heap of an open file.
#[derive(Debug)]
pub(super) struct Heaps {
    fd: Fd,
    path: PathBuf,
    size: u64,
    base: u64,
    /// Addresses have eight bytes; of others nothing is known.
    is_usual: bool,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    bytes: usize,
    collections: BTreeMap<u64, Arc<Collection>>,
    /// Why the file could not be read, which says nothing of the heap.
    failed: Option<CoreError>,
}

/// A collection, which is what it should be.
#[derive(Debug)]
struct Collection {
    /// Its address.
    at: u64,
    /// Index, place in the collection, and bytes of each object, by their index.
    objects: Vec<(u16, u64, u64)>,
    /// All of it, if that is not much.
    bytes: Vec<u8>,
}

/// A reference to something in the heap.
#[derive(Debug, Clone, Copy)]
struct Reference {
    /// Bytes that it has, as whoever reads it makes room for; none if nobody says.
    len: Option<u64>,
    collection: u64,
    index: u64,
}

impl Heaps {
    /// The heap of the file that `fd` is open to.
    pub(super) fn of(fd: Fd, path: &Path) -> Result<Self> {
        let unread = |e| io_error("read", path, e);
        let size = fd.stat().map_err(unread)?.size;
        let (base, is_usual) = match superblock::find(&fd, size).map_err(unread)? {
            Found::Block(block) => (block.base, block.is_wide),
            Found::Unknown | Found::Nothing => (0, false),
        };
        let path = path.to_path_buf();
        Ok(Self { fd, path, size, base, is_usual, known: Mutex::default() })
    }

    /// The file.
    pub(super) const fn fd(&self) -> &Fd {
        &self.fd
    }

    fn view(&self) -> View<'_> {
        View::new(&self.fd, self.base)
    }

    /// Looks at all that HDF5 may look for in the heap for the object with this address.
    ///
    /// # Errors
    /// [`Error::Read`] if something is wrong with it.
    pub(super) fn check(&self, object: u64) -> Result<()> {
        if !self.is_usual {
            return Ok(());
        }
        let view = self.view();
        let references = references(&view, object);
        if let Some(error) = view.failed() {
            return Err(io_error("read", &self.path, error));
        }
        let is_found = references.iter().all(|it| self.find(*it).is_some());
        if is_found { Ok(()) } else { Err(self.fault()) }
    }

    /// What is wrong, after something was not found.
    pub(super) fn fault(&self) -> Error {
        match self.known().failed.take() {
            Some(error) => io_error("read", &self.path, error),
            None => Error::Read { subject: String::new(), fault: ReadFault::Heap },
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The text that 16 bytes refer to, as far as there is no NUL; none if that is damaged.
    pub(super) fn text(&self, reference: &[u8], into: &mut Vec<u8>) -> Option<()> {
        into.clear();
        let Some(reference) = Reference::of(reference, 1)? else { return Some(()) };
        let (collection, at, len) = self.find(reference)?;
        let len = usize::try_from(len).ok()?;
        if let Some(bytes) = collection.bytes.get(usize::try_from(at).ok()?..) {
            into.extend_from_slice(bytes.get(..len)?);
        } else {
            *into = self.view().read(collection.at.checked_add(at)?, len)?;
        }
        into.truncate(into.iter().position(|&byte| byte == 0).unwrap_or(len));
        Some(())
    }

    /// Whether it can be looked at.
    pub(super) const fn is_usual(&self) -> bool {
        self.is_usual
    }

    /// Where a thing lies.
    fn find(&self, of: Reference) -> Option<(Arc<Collection>, u64, u64)> {
        let collection = self.collection(of.collection)?;
        let index = u16::try_from(of.index).ok()?;
        let place = collection.objects.binary_search_by_key(&index, |&(index, ..)| index).ok()?;
        let &(_, at, len) = collection.objects.get(place)?;
        of.len.is_none_or(|said| said == len).then_some((collection, at, len))
    }

    fn collection(&self, at: u64) -> Option<Arc<Collection>> {
        let mut known = self.known();
        if let Some(known) = known.collections.get(&at) {
            return Some(Arc::clone(known));
        }
        let view = self.view();
        let Some(made) = self.walk(&view, at).map(Arc::new) else {
            known.failed = view.failed();
            return None;
        };
        if known.bytes > ALL_KEPT {
            *known = Known::default();
        }
        known.bytes += made.bytes.len() + made.objects.len() * 24;
        known.collections.insert(at, Arc::clone(&made));
        Some(made)
    }

    /// Walks over a collection from its beginning to its end.
    fn walk(&self, view: &View<'_>, at: u64) -> Option<Collection> {
        let head = view.read(at, HEAD as usize)?;
        let size = number_at(&head, 8, 8).filter(|_| head.starts_with(b"GCOL\x01"))?;
        if at.checked_add(self.base)?.checked_add(size)? > self.size {
            return None;
        }
        let kept = if size <= KEPT { size as usize } else { 0 };
        let (mut objects, bytes) = (Vec::new(), view.read(at, kept)?);
        let mut place = HEAD;
        // A rest that is shorter is empty.
        while size.checked_sub(place)? >= HEAD {
            let mut head = [0; HEAD as usize];
            match bytes.get(place as usize..) {
                Some(bytes) => head.copy_from_slice(bytes.get(..HEAD as usize)?),
                None => view.read_into(at.checked_add(place)?, &mut head)?,
            }
            let (index, len) = (number_at(&head, 0, 2)? as u16, number_at(&head, 8, 8)?);
            // What is free counts its head.
            let need = if index == 0 { len } else { len.checked_next_multiple_of(8)? + HEAD };
            if need < HEAD || objects.len() == OBJECTS || need > size - place {
                return None;
            }
            objects.push((index, place + HEAD, len));
            place += need;
        }
        objects.sort_unstable();
        objects.retain(|&(index, ..)| index != 0);
        let is_twice = objects.iter().zip(objects.iter().skip(1)).any(|(a, b)| a.0 == b.0);
        (!is_twice).then_some(Collection { at, objects, bytes })
    }
}

impl Reference {
    /// A reference to elements of so many bytes; none for a null pointer.
    #[allow(clippy::option_option, reason = "none for what is too short, and for nothing")]
    fn of(bytes: &[u8], element: u64) -> Option<Option<Self>> {
        let len = Some(number_at(bytes, 0, 4)?.saturating_mul(element));
        let (collection, index) = (number_at(bytes, 4, 8)?, number_at(bytes, 12, 4)?);
        Some((collection != 0).then_some(Self { len, collection, index }))
    }
}

/// What the object refers to. A header that cannot be read is for HDF5 to refuse.
fn references(view: &View<'_>, object: u64) -> Vec<Reference> {
    let (mut found, mut fills, mut element) = (Vec::new(), Vec::new(), None);
    let _ = view.messages(object, &mut |message| {
        match message.kind {
            _ if message.is_shared && message.kind != TYPE => {}
            TYPE => element = element_of(view, message.bytes, message.is_shared),
            FILL | OLD_FILL => fills.push(fill_of(message).unwrap_or_default()),
            LAYOUT => found.extend(virtual_of(message.bytes)),
            ATTRIBUTE => of_attribute(view, message.bytes, &mut found),
            DENSE => {
                for one in view.dense_attributes(message.bytes).unwrap_or_default() {
                    of_attribute(view, &one, &mut found);
                }
            }
            _ => {}
        }
        Some(())
    });
    for fill in fills {
        add(&fill, element, &mut found);
    }
    found
}

/// Bytes of the elements that a type of variable length has; none for another type.
fn element_of(view: &View<'_>, kind: &[u8], is_shared: bool) -> Option<u64> {
    let elsewhere;
    let kind = if is_shared {
        let place = if kind.first() == Some(&1) { 8 } else { 2 };
        elsewhere = view.message(number_at(kind, place, ADDRESS)?, TYPE)?;
        elsewhere.as_slice()
    } else {
        kind
    };
    if kind.first()? & 15 == 9 { number_at(kind, 12, 4) } else { None }
}

/// Adds the references that the value of an attribute has.
fn of_attribute(view: &View<'_>, bytes: &[u8], found: &mut Vec<Reference>) {
    if let Some((element, value)) = value(view, bytes) {
        add(value, Some(element), found);
    }
}

fn value<'m>(view: &View<'_>, bytes: &'m [u8]) -> Option<(u64, &'m [u8])> {
    let &[version, flags, ..] = bytes else { return None };
    let len = |at| number_at(bytes, at, 2).map(|len| len as usize);
    let padded = |len: usize| if version == 1 { len.next_multiple_of(8) } else { len };
    let kind = match version {
        1 | 2 => 8,
        3 => 9,
        _ => return None,
    } + padded(len(2)?);
    let behind = kind + padded(len(4)?);
    let is_shared = version > 1 && flags & 1 != 0;
    let element = element_of(view, bytes.get(kind..behind)?, is_shared)?;
    Some((element, bytes.get(behind + padded(len(6)?)..)?))
}

/// Adds all references to elements of so many bytes.
fn add(bytes: &[u8], element: Option<u64>, found: &mut Vec<Reference>) {
    let Some(element) = element else { return };
    let all = bytes.chunks_exact(REFERENCE).filter_map(|one| Reference::of(one, element));
    found.extend(all.flatten());
}

/// The bytes of a fill value.
fn fill_of(message: Message<'_>) -> Option<Vec<u8>> {
    let bytes = message.bytes;
    let at = match (message.kind, bytes.first()?) {
        (OLD_FILL, _) => 0,
        (_, 3) => 2,
        _ => 4,
    };
    let len = number_at(bytes, at, 4).unwrap_or(0) as usize;
    Some(bytes.get(at + 4..)?.get(..len)?.to_vec())
}

/// What a virtual dataset is made of.
fn virtual_of(layout: &[u8]) -> Option<Reference> {
    if layout.first().is_none_or(|&version| version < 4) || layout.get(1) != Some(&3) {
        return None;
    }
    let (collection, index) = (number_at(layout, 2, 8)?, number_at(layout, 10, 4)?);
    // Without mappings there is nothing.
    (collection != u64::MAX).then_some(Reference { len: None, collection, index })
}

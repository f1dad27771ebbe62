//! A header that changes while it is read: attaching copies it once, validates
//! the copy and uses only the copy, so it never crashes, and whatever it accepts
//! lies inside the object.

#![allow(unsafe_code, clippy::unwrap_used, reason = "a test may fail, and says why it is safe")]

#[path = "../fuzz/checks/mod.rs"]
#[allow(dead_code, reason = "only what headers need is used here")]
mod checks;
mod shm;

use core::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::os::unix::process::ExitStatusExt;

use checks::header::{in_bounds, reseal};
use ndshm::dtype_buf::DTypeBuf;
use ndshm::error::{Error, HeaderPart};
use ndshm::segment::{Access, Draft, Info, Name, Policy, Segment, Spec, Via};
use ndshm::sys::{Map, shm_open};
use shm::Scratch;
use shm::helper::{Helper, pause, say};

/// Not a test of its own: what the helpers are.
#[test]
fn helper() {
    let Ok(role) = std::env::var("NDSHM_TEST_ROLE") else { return };
    let words: Vec<_> = role.split(' ').collect();
    let name = Name::new(words[1]).unwrap();
    match words[0] {
        "attach" => {
            pause("ready");
            let (accepted, refused) = attach_often(&name, ROUNDS);
            say(&format!("{accepted} {refused}"));
        }
        "flip" => {
            let page = writable(&name);
            say("flipping");
            let header = header_of(&name);
            change(&page, &header, || false);
        }
        "attach-shortened" => {
            say("ready");
            loop {
                look_at_all(&name);
            }
        }
        "peek-shortened" => {
            pause("ready");
            for _ in 0..ROUNDS {
                let _ = Info::peek(&name).map(|info| info.read_at(&mut [0; 64], 4000));
            }
            say("alive");
        }
        other => panic!("no such role: {other}"),
    }
}

const ROUNDS: u32 = 3000;
/// Rows of the array; there is as much in the object.
const ROWS: u64 = 5;

/// A segment with every section in use, attached here so that nobody removes it.
fn make(name: &Name) -> Segment {
    let text = "{'names':['a','b'],'formats':['<i4',('<f8',(2,))],'offsets':[16,0],'itemsize':24}";
    let dtype = DTypeBuf::parse(text).unwrap();
    let shape = [ROWS, 2];
    let mut spec = Spec::new(dtype.as_dtype(), &shape);
    spec.metadata = b"twelve bytes";
    spec.policy = Policy::Persist;
    Draft::create(name, &spec).unwrap().publish().unwrap()
}

fn file(name: &Name) -> File {
    OpenOptions::new().read(true).write(true).open(name.path().to_str().unwrap()).unwrap()
}

fn writable(name: &Name) -> Map {
    let fd = shm_open(name.posix(), Access::ReadWrite).unwrap();
    Map::shared(&fd, 4096, Access::ReadWrite).unwrap()
}

fn header_of(name: &Name) -> Vec<u8> {
    let len = Info::peek(name).unwrap().header().header().header_len;
    let mut header = vec![0; len as usize];
    file(name).read_exact_at(&mut header, 0).unwrap();
    header
}

/// Writes one byte of the shared header.
fn store(page: &Map, at: usize, value: u8) {
    // SAFETY: `at` is below the page's 4096 bytes, which are mapped writable.
    let byte = unsafe { AtomicU8::from_ptr(page.as_ptr().wrapping_add(at)) };
    byte.store(value, Ordering::Relaxed);
}

/// Changes a few bytes, three times in four with a checksum that is right for
/// it, and sometimes puts the header back as it was.
fn flip(page: &Map, header: &[u8], seed: u64) {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state >> 11
    };
    let mut changed = header.to_vec();
    for _ in 0..random() % 4 {
        let at = random() as usize % changed.len();
        let small = [0, 1, 2, 3, 8, 0x7f, 0x80, 0xff];
        changed[at] = if random() % 2 == 0 { small[random() as usize % 8] } else { random() as u8 };
    }
    if random() % 4 > 0 {
        reseal(&mut changed);
    }
    for (at, &byte) in changed.iter().enumerate() {
        store(page, at, byte);
    }
}

/// The header of the same segment with its first row alone.
fn of_one_row(header: &[u8]) -> Vec<u8> {
    let mut other = header.to_vec();
    let shape = u32::from_ne_bytes(header[136..140].try_into().unwrap()) as usize;
    other[shape..shape + 8].copy_from_slice(&1_u64.to_ne_bytes());
    other[56..64].copy_from_slice(&48_u64.to_ne_bytes());
    other[40..48].copy_from_slice(&(4096 + 48_u64).to_ne_bytes());
    reseal(&mut other);
    other
}

/// Goes to and fro between two headers that are both right, so that each of two
/// looks may be at another one.
fn alternate(page: &Map, headers: [&[u8]; 2]) {
    let differing: Vec<_> =
        (0..headers[0].len()).filter(|&at| headers[0][at] != headers[1][at]).collect();
    for (at, &byte) in headers[0].iter().enumerate() {
        store(page, at, byte);
    }
    for round in 0..200 {
        for &at in &differing {
            store(page, at, headers[round % 2][at]);
        }
        for _ in 0..round * 3 {
            core::hint::spin_loop();
        }
    }
}

/// Both kinds of change in turns, until `done`.
fn change(page: &Map, header: &[u8], done: impl Fn() -> bool) {
    let other = of_one_row(header);
    for seed in 1.. {
        if done() {
            break;
        }
        alternate(page, [header, &other]);
        (0..20).for_each(|n| flip(page, header, seed * 20 + n));
    }
}

/// Attaches again and again; how often it was accepted and refused.
fn attach_often(name: &Name, rounds: u32) -> (u32, u32) {
    let mut accepted = 0;
    for round in 0..rounds {
        let access = if round % 4 == 0 { Access::ReadWrite } else { Access::Read };
        match Segment::attach(name, access, None) {
            Ok(segment) => {
                accepted += 1;
                use_everything(&segment);
            }
            Err(error) => assert!(is_about_a_header(error), "{error:?}"),
        }
    }
    (accepted, rounds - accepted)
}

const fn is_about_a_header(error: Error) -> bool {
    matches!(
        error,
        Error::NotNdshm
            | Error::Endian
            | Error::TooNew { .. }
            | Error::Truncated { .. }
            | Error::Corrupt(_)
            | Error::CreatorDied
            | Error::NotReady
    )
}

/// Nothing that the handle says can lead outside, or changes any more.
fn use_everything(segment: &Segment) {
    let view = *segment.header();
    let size = 4096 + ROWS * 2 * 24;
    in_bounds(&view, size);
    assert_eq!(segment.data_len() as u64, view.header().data_len);
    let mut data = vec![0; segment.data_len()];
    segment.copy_to(&mut data, 0).unwrap();
    let text = view.dtype().to_string();
    let (shape, metadata) = (segment.shape().to_vec(), segment.metadata().to_vec());
    std::thread::yield_now();
    assert_eq!((segment.dtype().to_string(), segment.shape()), (text, &shape[..]));
    assert_eq!(segment.metadata(), metadata);
}

fn look_at_all(name: &Name) {
    if let Ok(segment) = Segment::attach(name, Access::Read, None) {
        let mut data = vec![0; segment.data_len()];
        segment.copy_to(&mut data, 0).unwrap();
    }
}

#[test]
fn a_thread_that_flips_header_bytes_during_attach() {
    let scratch = Scratch::new("flip");
    let _held = make(&scratch.0);
    let (page, header) = (writable(&scratch.0), header_of(&scratch.0));
    let done = AtomicBool::new(false);
    let (accepted, refused) = std::thread::scope(|scope| {
        scope.spawn(|| change(&page, &header, || done.load(Ordering::Relaxed)));
        let counted = std::panic::catch_unwind(|| attach_often(&scratch.0, ROUNDS));
        done.store(true, Ordering::Relaxed);
        counted.unwrap()
    });
    assert!(accepted > 0 && refused > 0, "{accepted} accepted, {refused} refused");
}

#[test]
fn a_process_that_flips_header_bytes_during_attach() {
    let scratch = Scratch::new("flips");
    let _held = make(&scratch.0);
    let mut flips = Helper::start(&format!("flip {}", scratch.0));
    flips.expect("flipping");
    let mut attacher = Helper::start(&format!("attach {}", scratch.0));
    attacher.expect("ready");
    attacher.go();
    let counted = attacher.answer().expect("an attacher that lives");
    let (accepted, refused) = counted.split_once(' ').unwrap();
    assert!(accepted != "0" && refused != "0", "{counted}");
    attacher.end();
}

/// Shortens the object and puts it back, some thousand times.
fn shorten_often(name: &Name, until: impl Fn(u32) -> bool) {
    let (file, size) = (file(name), 4096 + ROWS * 2 * 24);
    let mut whole = vec![0; size as usize];
    file.read_exact_at(&mut whole, 0).unwrap();
    for round in 0.. {
        if until(round) {
            break;
        }
        file.set_len([0, 100, 256, 4096, size - 1][round as usize % 5]).unwrap();
        file.set_len(size).unwrap();
        file.write_all_at(&whole, 0).unwrap();
    }
}

/// Whoever only peeks reads through the kernel, and gets an error at most.
#[test]
fn an_object_that_is_shortened_during_a_peek() {
    let scratch = Scratch::new("peek");
    let _held = make(&scratch.0);
    let mut peeks = Helper::start(&format!("peek-shortened {}", scratch.0));
    peeks.expect("ready");
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| shorten_often(&scratch.0, |_| done.load(Ordering::Relaxed)));
        peeks.go();
        let answer = peeks.answer();
        done.store(true, Ordering::Relaxed);
        assert_eq!(answer.as_deref(), Some("alive"));
    });
    peeks.end();
}

/// Who may write an object may shorten it, and whoever has it mapped gets SIGBUS:
/// that is what docs/lifetime.md says, and it is the worst that happens.
#[test]
fn an_object_that_is_shortened_during_an_attach() {
    let scratch = Scratch::new("short");
    let _held = make(&scratch.0);
    for _ in 0..5 {
        let mut attacher = Helper::start(&format!("attach-shortened {}", scratch.0));
        attacher.expect("ready");
        shorten_often(&scratch.0, |round| round == 500);
        attacher.child.kill().unwrap();
        let signal = attacher.child.wait().unwrap().signal();
        assert!(matches!(signal, Some(libc::SIGBUS | libc::SIGKILL)), "{signal:?}");
    }
}

/// Lengths that nothing has.
#[test]
fn an_object_that_says_it_is_huge() {
    let scratch = Scratch::new("huge");
    make(&scratch.0).detach();
    let (file, mut header) = (file(&scratch.0), header_of(&scratch.0));
    let mut attach = |data_len: u64| {
        header[56..64].copy_from_slice(&data_len.to_ne_bytes());
        header[40..48].copy_from_slice(&data_len.wrapping_add(4096).to_ne_bytes());
        reseal(&mut header);
        file.write_all_at(&header, 0).unwrap();
        Segment::attach(&scratch.0, Access::Read, None).map(|segment| segment.data_len())
    };
    let have = 4096 + ROWS * 2 * 24;
    for need in [1 << 40, 1 << 62, i64::MAX as u64] {
        assert_eq!(attach(need - 4096), Err(Error::Truncated { need, have }));
    }
    for data_len in [i64::MAX as u64, u64::MAX - 4096, u64::MAX] {
        assert_eq!(attach(data_len), Err(Error::Corrupt(HeaderPart::Data)));
    }
    // A hole costs nothing; whatever the system says to mapping it is an answer.
    file.set_len(4096 + (1 << 40)).unwrap();
    let attached = attach(1 << 40);
    assert!(matches!(attached, Ok(0x100_0000_0000) | Err(Error::Os { .. })), "{attached:?}");
}

/// A creator whose name shows before its header is whole is waited for, or said
/// not to be ready; nobody calls its segment damaged.
#[test]
fn a_header_that_is_being_written_is_not_a_corrupt_one() {
    let scratch = Scratch::new("torn");
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let creator = scope.spawn(|| {
            let dtype = shm::float64();
            let metadata = [7; 900];
            for _ in 0..3000 {
                let mut spec = Spec::new(dtype.as_dtype(), &[2]);
                (spec.via, spec.metadata) = (Via::ShmOpen, &metadata);
                let made = Draft::create(&scratch.0, &spec).map(|draft| {
                    draft.publish().map_or_else(|unpublished| unpublished.error, |_| Error::Exists)
                });
                assert!(matches!(made, Ok(Error::Exists) | Err(Error::Exists)), "{made:?}");
            }
            done.store(true, Ordering::Relaxed);
        });
        let mut attached = 0;
        while !done.load(Ordering::Relaxed) && !creator.is_finished() {
            match Segment::attach(&scratch.0, Access::Read, None) {
                Ok(_) => attached += 1,
                Err(Error::NotFound | Error::NotReady | Error::Busy) => {}
                Err(other) => panic!("{other:?}"),
            }
        }
        assert!(attached > 0);
    });
}

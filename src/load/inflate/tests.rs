//! What is unpacked against what was packed, at every place where it may be cut, with every
//! bit flipped, and in drops of a byte.

use std::io::{self, Cursor, Read};
use std::path::Path;
use std::string::ToString;
use std::vec;
use std::vec::Vec;

use super::*;
use crate::load::error::InputFault;

#[path = "../../../tests/compressed/pack.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod pack;

const COMPRESSIONS: [Compression; 6] = [
    Compression::Gzip,
    Compression::Gzip,
    Compression::Bzip2,
    Compression::Xz,
    Compression::Zstd,
    Compression::Lzma,
];

/// Some text that packs, and some that does not.
fn text(len: usize) -> Vec<u8> {
    let mut state = 7_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        (state >> 33) as u8
    };
    (0..len).map(|i| if i / 100 % 2 == 0 { b'0' + (i % 9) as u8 } else { next() }).collect()
}

/// Everything that comes, and the fault behind it.
fn read_all(reader: impl Read) -> (Vec<u8>, Option<InputFault>) {
    read_by(reader, 1 << 16)
}

fn read_by(mut reader: impl Read, most: usize) -> (Vec<u8>, Option<InputFault>) {
    let (mut all, mut room) = (Vec::new(), vec![0; most]);
    loop {
        match reader.read(&mut room) {
            Ok(0) => return (all, None),
            Ok(n) => all.extend_from_slice(&room[..n]),
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted => {}
                _ => return (all, Some(error.into())),
            },
        }
    }
}

fn unpack(packed: &[u8], compression: Compression) -> (Vec<u8>, Option<InputFault>) {
    read_all(text_of(Cursor::new(packed), Some(compression), &Unpacking::default()))
}

/// A byte at a time, and between any two of them nothing, or a signal.
struct Drops<'a>(&'a [u8], usize);

impl Read for Drops<'_> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        self.1 += 1;
        match (self.1 % 4, self.0) {
            (1, _) => Err(io::ErrorKind::WouldBlock.into()),
            (3, _) => Err(io::ErrorKind::Interrupted.into()),
            (_, [first, rest @ ..]) => {
                (room[0], self.0) = (*first, rest);
                Ok(1)
            }
            _ => Ok(0),
        }
    }
}

#[test]
fn what_was_packed_comes_back_however_it_is_read() {
    for len in [0, 1, 2, 1_000, 70_000, 300_000] {
        let text = text(len);
        for ((suffix, pack), compression) in pack::ALL.into_iter().zip(COMPRESSIONS) {
            let packed = pack(&text);
            let how = Unpacking::default();
            let (found, fault) = unpack(&packed, compression);
            assert!(found == text && fault.is_none(), "{suffix}, {len} bytes: {fault:?}");
            for most in [1, 7, 300] {
                if len / most > 1_000 {
                    continue;
                }
                let reader = text_of(Drops(&packed, 0), Some(compression), &how);
                let (found, fault) = read_by(reader, most);
                assert!(found == text && fault.is_none(), "{suffix}, {len} by {most}: {fault:?}");
            }
        }
    }
}

fn damage_of(fault: Option<InputFault>) -> Option<(Damage, u64)> {
    match fault? {
        InputFault::Compressed { damage, offset, .. } => Some((damage, offset)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_cut_is_noticed_wherever_it_is() {
    let text = text(400);
    for ((suffix, pack), compression) in pack::ALL.into_iter().zip(COMPRESSIONS) {
        let (one, two) = (pack(&text), pack(&text[..50]));
        let packed = [&one[..], &two].concat();
        for cut in 0..packed.len() {
            let (found, fault) = unpack(&packed[..cut], compression);
            let whole = [&text[..], &text[..50]].concat();
            assert!(whole.starts_with(&found), "{suffix} cut at {cut}");
            match damage_of(fault) {
                Some((damage, at)) => {
                    assert_eq!((damage, at), (Damage::CutOff, cut as u64), "{suffix}");
                }
                // Behind a member, or a block of bgzip's, it is whole.
                None if suffix == "bgz.gz" => assert!(bgzf_ends(&packed[..cut]), "cut at {cut}"),
                None => assert!(cut == one.len() && found == text, "{suffix} cut at {cut}"),
            }
        }
    }
}

fn bgzf_ends(mut blocks: &[u8]) -> bool {
    while let Some(size) = bgzf::size(blocks) {
        let Some(rest) = blocks.get(size..) else { return false };
        blocks = rest;
    }
    blocks.is_empty()
}

/// In the text: what comes out before the checksum is read may be wrong, but then an error
/// follows.
#[test]
fn a_flipped_bit_is_noticed_or_changes_nothing() {
    let text = text(300);
    for ((suffix, pack), compression) in pack::CHECKED.into_iter().zip(COMPRESSIONS) {
        let packed = pack(&text);
        for bit in 0..8 * packed.len() {
            let mut flipped = packed.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let (found, fault) = unpack(&flipped, compression);
            assert!(fault.is_some() || found == text, "{suffix}, bit {bit}");
            if compression == Compression::Gzip {
                let (found, fault) = crew(&flipped, 3);
                assert!(fault.is_some() || found == text, "{suffix}, bit {bit}, by threads");
            }
        }
    }
    // The older lzma has no checksum, but it must not hang or panic.
    let packed = pack::lzma(&text);
    for bit in 0..8 * packed.len() {
        let mut flipped = packed.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let reader = text_of(Cursor::new(flipped), Some(Compression::Lzma), &Unpacking::default());
        let _ = read_all(reader.take(1 << 20));
    }
}

/// A decoder may have all input, and much left to give.
#[test]
fn what_is_left_comes_out_when_the_input_has_ended() {
    let text = text(100_000);
    let mut packs: Vec<_> = pack::ALL.map(|(_, pack)| pack(&text)).into();
    packs[4] = pack::zstd_with(&text, &[]);
    for (packed, compression) in packs.iter().zip(COMPRESSIONS) {
        let how = Unpacking::default();
        let reader = text_of(Cursor::new(packed), Some(compression), &how);
        let (found, fault) = read_by(reader, 100);
        assert!(found == text && fault.is_none(), "{compression}: {fault:?}");
    }
}

/// Gives what it has, and then nothing for ever.
struct Stops<'a>(&'a [u8]);

impl Read for Stops<'_> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        if self.0.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.0.read(room)
    }
}

/// Bytes of text that come before it waits for more input.
fn before_it_waits(packed: &[u8], compression: Compression, most: usize) -> usize {
    let mut reader = text_of(Stops(packed), Some(compression), &Unpacking::default());
    let (mut all, mut room) = (0, vec![0; most]);
    loop {
        match reader.read(&mut room) {
            Ok(n) => all += n,
            Err(error) => {
                assert_eq!(error.kind(), io::ErrorKind::WouldBlock, "{compression}");
                return all;
            }
        }
    }
}

/// Text that the decoder has made is not kept until more input comes.
#[test]
fn text_is_given_before_more_input_is_waited_for() {
    let text = [text(1_000), vec![b'7'; 100_000]].concat();
    for ((_, pack), compression) in pack::ALL.into_iter().zip(COMPRESSIONS) {
        let packed = pack(&text);
        for cut in 6..packed.len() {
            let found = before_it_waits(&packed[..cut], compression, 500);
            let expected = before_it_waits(&packed[..cut], compression, 1 << 20);
            assert_eq!(found, expected, "{compression} cut at {cut}");
        }
    }
}

/// A block whose code ends before the block does is not what gzip would make of it.
#[test]
fn a_block_has_the_size_that_it_says() {
    let mut block = pack::bgzip(b"1,2\n");
    let size = bgzf::size(&block).unwrap();
    let more = u16::try_from(size).unwrap();
    block.splice(16..18, more.to_le_bytes());
    block.insert(size - 8, 0);
    let (found, fault) = crew(&block, 3);
    assert_eq!(found, b"1", "the first block has one byte");
    assert!(matches!(damage_of(fault), Some((Damage::Corrupt(_), _))));
}

#[test]
fn members_may_be_padded_with_zeros_and_nothing_else() {
    for ((suffix, pack), compression) in pack::ALL.into_iter().zip(COMPRESSIONS) {
        let one = pack(b"1,2\n");
        for zeros in [1, 3, 5_000, 300_000] {
            let padded = [&one[..], &vec![0; zeros], &one, &vec![0; zeros]].concat();
            let (found, fault) = unpack(&padded, compression);
            assert!(fault.is_none() && found == b"1,2\n1,2\n", "{suffix}: {fault:?}");
            let garbage = [&one[..], &vec![0; zeros], b"1,2\n"].concat();
            let (found, fault) = unpack(&garbage, compression);
            assert_eq!(found, b"1,2\n");
            let at = (one.len() + zeros) as u64;
            match damage_of(fault).unwrap() {
                (Damage::Trailing, offset) => assert_eq!(offset, at, "{suffix}"),
                // Whatever follows may be the older lzma.
                (Damage::Corrupt(_) | Damage::CutOff, _) => assert_eq!(suffix, "lzma"),
                other => panic!("{suffix}: {other:?}"),
            }
        }
    }
}

/// By threads, and from nothing that has to be waited for.
fn crew(packed: &[u8], threads: usize) -> (Vec<u8>, Option<InputFault>) {
    let how = Unpacking { threads, memory: threads * 300_000, ..Unpacking::default() };
    let reader = std::boxed::Box::new(Cursor::new(packed.to_vec()));
    let compression = Some(Compression::Gzip);
    let input = Reading { head: Vec::new(), reader, fd: None, compression };
    let mut crew = Crew::start(input, &how).unwrap();
    let (mut all, mut room) = (Vec::new(), vec![0; 10_007]);
    loop {
        match crew.read(&mut room) {
            Ok(0) => return (all, None),
            Ok(n) => all.extend_from_slice(&room[..n]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                let mut watches = [crate::sys::Watch::readable(crew.raw_fd())];
                crate::sys::poll(&mut watches, -1).unwrap();
            }
            Err(error) => return (all, Some(error.into())),
        }
    }
}

#[test]
fn any_number_of_threads_gives_the_text_in_order() {
    let text = text(2_000_000);
    let mut packed = pack::bgzip(&text);
    for threads in [1, 2, 3, 8] {
        let (found, fault) = crew(&packed, threads);
        assert!(found == text && fault.is_none(), "{threads} threads: {fault:?}");
    }
    // One bit in the middle: everything before that block comes, and then the fault.
    let middle = packed.len() / 2;
    packed[middle] ^= 4;
    for threads in [1, 3] {
        let (found, fault) = crew(&packed, threads);
        let (_, at) = damage_of(fault).unwrap();
        assert!(at.abs_diff(middle as u64) < 70_000, "{at}, not {middle}");
        let same = found.iter().zip(&text).take_while(|(a, b)| a == b).count();
        assert!(same + 65_536 >= found.len() && same > 500_000, "{same} of {}", found.len());
    }
}

/// The crew stops when its blocks are full, and nobody has taken one.
#[test]
fn a_crew_goes_ahead_no_further_than_it_may() {
    let packed = pack::gzip(&text(4_000_000));
    let how = Unpacking { threads: 2, memory: 400_000, ..Unpacking::default() };
    let reader = std::boxed::Box::new(Cursor::new(packed));
    let compression = Some(Compression::Gzip);
    let input = Reading { head: Vec::new(), reader, fd: None, compression };
    let crew = Crew::start(input, &how).unwrap();
    while !crew.is_full() {
        std::thread::yield_now();
    }
    assert!(crew.waiting() <= 400_000, "{}", crew.waiting());
}

#[test]
fn first_bytes_tell() {
    let whole = |bytes: &[u8]| match Compression::seen(bytes) {
        Seen::Compressed(compression) => Some(compression),
        _ => None,
    };
    for ((_, pack), compression) in pack::ALL.into_iter().zip(COMPRESSIONS) {
        for text in [&b""[..], b"1\n"] {
            let packed = pack(text);
            assert_eq!(whole(&packed), Some(compression));
            let known = (0..packed.len()).find(|&n| whole(&packed[..n]).is_some()).unwrap();
            assert!((0..known).all(|n| Compression::seen(&packed[..n]) == Seen::Unsure));
        }
    }
    for plain in [&b"1,2"[..], b"BZh0", b"BZx", b"\x1f\x8b\x08\x20", b"\x1f\x8b\x07", b"\xfd7zXY"] {
        assert_eq!(Compression::seen(plain), Seen::Plain, "{plain:?}");
    }
    let named = |start: &[u8], name| Compression::of_file(start, Path::new(name));
    assert_eq!(named(b"", "a.gz"), None);
    assert_eq!(named(b"1", "a.gz"), Some(Compression::Gzip));
    assert_eq!(named(b"", "a.bz2"), Some(Compression::Bzip2));
    assert_eq!(named(b"\x5d\0\0", "a.xz"), Some(Compression::Lzma));
    assert_eq!(named(b"1,2", "a.xz"), Some(Compression::Xz));
    assert_eq!(named(b"1,2", "a.zst"), None);
    assert_eq!(named(b"1,2", "gz"), None);
}

/// How `lzma` begins.
fn lzma_header(dictionary: u32, size: u64) -> [u8; 13] {
    let mut header = [0x5D; 13];
    header[1..5].copy_from_slice(&dictionary.to_le_bytes());
    header[5..].copy_from_slice(&size.to_le_bytes());
    header
}

#[test]
fn the_older_lzma_is_known_and_no_text_is_taken_for_it() {
    let is_lzma = |header: [u8; 13]| match Compression::seen(&header) {
        Seen::Compressed(compression) => {
            assert_eq!(compression, Compression::Lzma);
            true
        }
        other => {
            assert_eq!(other, Seen::Plain);
            false
        }
    };
    for power in 12..32 {
        for dictionary in [1_u32 << power, 3 << (power - 1)] {
            for size in [0, 1, 0x01_0101_0101, (1 << 38) - 1, u64::MAX] {
                let header = lzma_header(dictionary, size);
                assert!(is_lzma(header), "{dictionary:#x} {size:#x}");
                let other: [u8; 13] = core::array::from_fn(|i| header[i] + u8::from(i == 0));
                assert!(!is_lzma(other), "other settings");
                // As text of one byte, two or four it would hold what no text holds.
                assert!(header.contains(&0));
                let bytes = [&header[..], b"abc"].concat();
                let units = bytes.as_chunks::<2>().0;
                for unit in [u16::from_le_bytes, u16::from_be_bytes] {
                    assert!(units.iter().any(|two| matches!(unit(*two), 0 | 0xFFFF)));
                }
                let units = bytes.as_chunks::<4>().0;
                for unit in [u32::from_le_bytes, u32::from_be_bytes] {
                    assert!(units.iter().any(|four| matches!(unit(*four), 0 | 0x11_0000..)));
                }
            }
            for size in [1 << 38, u64::MAX - 1] {
                assert!(!is_lzma(lzma_header(dictionary, size)));
            }
            for other in [dictionary - 1, dictionary + 1, dictionary | 1 << 11 | 1 << 8] {
                assert!(!is_lzma(lzma_header(other, 1)), "{other:#x}");
            }
        }
    }
    for dictionary in [0, 1 << 11, u32::MAX] {
        assert!(!is_lzma(lzma_header(dictionary, 1)));
    }
    for plain in ["]", "],1", "]\n1,2,3,4,5,6,7,8"] {
        let seen = Compression::seen(plain.as_bytes());
        assert_eq!(seen == Seen::Unsure, plain == "]", "one more byte tells");
        assert!(!matches!(seen, Seen::Compressed(_)));
    }
}

#[test]
fn messages_name_the_byte() {
    let fault =
        |damage| InputFault::Compressed { compression: Compression::Gzip, damage, offset: 7 };
    let at = " (byte 7 of the compressed input)";
    for (damage, words) in [
        (Damage::CutOff, "is cut off: its gzip data has no end"),
        (
            Damage::Corrupt("the checksum is another"),
            "is damaged gzip data: the checksum is another",
        ),
        (Damage::Trailing, "goes on with something else behind its gzip data"),
    ] {
        assert_eq!(fault(damage).to_string(), [words, at].concat());
    }
}

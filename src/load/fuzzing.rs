//! A door for the fuzz targets to the readers that make text of inputs. Other builds do not
//! have it, but for the tests, which run the same checks.

use std::boxed::Box;
use std::io::Read;

use super::inflate::{Unpacking, text_of};
use super::{Compression, Encoding};

/// Text made of what `reader` gives.
#[must_use]
pub fn text<'r>(
    reader: Box<dyn Read + Send + 'r>,
    compression: Option<Compression>,
    encoding: Encoding,
) -> Box<dyn Read + Send + 'r> {
    text_of(reader, compression, &Unpacking { encoding, ..Unpacking::default() })
}

#[cfg(test)]
#[path = "../../fuzz/checks/decode.rs"]
mod decode;
#[cfg(all(test, feature = "compress"))]
#[path = "../../tests/compressed/pack.rs"]
#[allow(dead_code, clippy::duplicate_mod, reason = "other tests have it, and use the rest")]
mod pack;
#[cfg(test)]
#[path = "../../fuzz/checks/readers.rs"]
mod readers;
#[cfg(all(test, feature = "compress"))]
#[path = "../../fuzz/checks/unpack.rs"]
mod unpack;

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::select;
    use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

    use super::*;

    fn run<S: Strategy>(cases: u32, strategy: &S, test: impl Fn(S::Value)) {
        let config = Config { cases, failure_persistence: None, ..Config::default() };
        let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
        let tested = TestRunner::new_with_rng(config, rng).run(strategy, |value| {
            test(value);
            Ok(())
        });
        tested.unwrap_or_else(|error| panic!("{error}"));
    }

    fn wide(reader: readers::Opened, which: usize) -> readers::Opened {
        const WIDE: [Encoding; 6] = [
            Encoding::Utf16,
            Encoding::Utf16Le,
            Encoding::Utf16Be,
            Encoding::Utf32,
            Encoding::Utf32Le,
            Encoding::Utf32Be,
        ];
        text(reader, None, WIDE[which])
    }

    /// Bytes of units that are characters, halves of such, marks, or nothing of the kind.
    fn units() -> impl Strategy<Value = Vec<u8>> {
        let unit: Vec<&[u8]> = std::vec![
            &[0xFF, 0xFE],
            &[0xFE, 0xFF],
            &[0xFF, 0xFE, 0, 0],
            &[0, 0, 0xFE, 0xFF],
            b"a\0",
            b"\0a",
            b"a\0\0\0",
            b"\0\0\0a",
            b"1\x002\x003\x004\x005\x00",
            &[0x3D, 0xD8],
            &[0xD8, 0x3D],
            &[0x00, 0xDE],
            &[0xDE, 0x00],
            &[0xFF, 0xFF, 0x10, 0],
            &[0, 0x11, 0, 0],
            &[0xE9],
        ];
        let unit = select(unit).prop_map(<[u8]>::to_vec);
        vec(prop_oneof![9 => unit, 1 => vec(any::<u8>(), 1..5)], 0..12)
            .prop_map(|units| units.concat())
    }

    #[test]
    fn wide_encodings_are_those_of_the_standard_library() {
        let input = (0..6_u8, any::<u8>(), 1..9_u8, units());
        run(6_000, &input, |(which, come, asked, units)| {
            decode::check(&[&[which, come, asked][..], &units].concat(), wide);
        });
    }

    #[cfg(feature = "compress")]
    fn packed(reader: readers::Opened, which: usize) -> readers::Opened {
        use Compression::{Bzip2, Gzip, Lzma, Xz, Zstd};
        let compression = [Gzip, Gzip, Bzip2, Xz, Zstd, Lzma][which];
        text(reader, Some(compression), Encoding::Utf8)
    }

    #[cfg(feature = "compress")]
    #[test]
    fn damage_of_packed_text_is_noticed_however_it_is_read() {
        let choices = (0..4_u8, 0..6_u8, any::<[u8; 4]>());
        let text = prop_oneof![
            vec(select(b"0123456789,\n".to_vec()), 0..300),
            vec(any::<u8>(), 0..100),
            (any::<u8>(), 0..5_000_usize).prop_map(|(byte, n)| std::vec![byte; n]),
        ];
        run(2_000, &(choices, text), |((what, which, rest), text)| {
            unpack::check(&[&[what, which][..], &rest, &text].concat(), packed);
        });
    }
}

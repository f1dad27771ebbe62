//! Fletcher's checksum as HDF5 computes it.

/// Bytes of a checksum.
pub(super) const LEN: usize = 4;
/// Words after which sums are folded: far fewer than 64 bits can take.
const WORDS: usize = 1 << 15;

/// Adds what is above 16 bits to what is below, until nothing is.
const fn fold(mut sum: u64) -> u64 {
    while sum > 0xFFFF {
        sum = (sum & 0xFFFF) + (sum >> 16);
    }
    sum
}

/// The checksum: the sum of all 16-bit words, most significant byte first, and above it the sum
/// of all of its states. A last single byte is the upper half of a word.
pub(super) fn fletcher32(data: &[u8]) -> [u8; LEN] {
    let (mut sum, mut states) = (0, 0);
    for block in data.chunks(2 * WORDS) {
        let mut words = block.chunks_exact(2);
        for word in &mut words {
            let [high, low] = [word[0], word[1]];
            sum += u64::from(u16::from_be_bytes([high, low]));
            states += sum;
        }
        if let [last] = words.remainder() {
            sum += u64::from(*last) << 8;
            states += sum;
        }
        (sum, states) = (fold(sum), fold(states));
    }
    ((states << 16 | sum) as u32).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_those_of_the_definition() {
        assert_eq!(fletcher32(&[]), [0; 4]);
        // Words 0x0102 and 0x0300.
        assert_eq!(fletcher32(&[1, 2, 3]), [0x02, 0x04, 0x04, 0x05]);
        // 0xFFFF stays: a sum that is no zero does not become one.
        assert_eq!(fletcher32(&[0xFF; 6]), [0xFF; 4]);
    }

    #[test]
    fn long_runs_of_the_largest_words_do_not_overflow() {
        assert_eq!(fletcher32(&std::vec![0xFF; 1 << 20]), [0xFF; 4]);
    }
}

//! Which vector instructions this processor has, and the system lets us use.

use core::arch::x86_64::{__cpuid, __cpuid_count, _xgetbv};
use core::sync::atomic::{AtomicU8, Ordering};

/// The best set of instructions that kernels are written for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(in crate::text::fast) enum Level {
    /// What every processor of the architecture has: rows are read one by one.
    Base = 1,
    /// AVX2 with the bit instructions of its time.
    Avx2 = 2,
    /// AVX-512 with byte permutations and compression.
    Avx512 = 3,
}

/// The level found, 0 before the first look: asking a virtual machine's processor is slow.
static FOUND: AtomicU8 = AtomicU8::new(0);

/// The best level of this machine.
pub(in crate::text::fast) fn level() -> Level {
    match FOUND.load(Ordering::Relaxed) {
        1 => Level::Base,
        2 => Level::Avx2,
        3 => Level::Avx512,
        _ => {
            let found = detect();
            FOUND.store(found as u8, Ordering::Relaxed);
            found
        }
    }
}

/// Takes the processor for a lesser one, of the level with this number at most.
#[cfg(fuzzing)]
pub fn at_most(number: u8) {
    FOUND.store((detect() as u8).min(number % 3 + 1), Ordering::Relaxed);
}

/// Whether all of the bits with these numbers are set.
const fn has(word: u32, bits: &[u32]) -> bool {
    let mut rest = bits;
    while let [bit, others @ ..] = rest {
        if word >> *bit & 1 == 0 {
            return false;
        }
        rest = others;
    }
    true
}

fn detect() -> Level {
    if __cpuid(0).eax < 7 || __cpuid(0x8000_0000).eax < 0x8000_0001 {
        return Level::Base;
    }
    let (basic, extended) = (__cpuid(1), __cpuid(0x8000_0001));
    let structured = __cpuid_count(7, 0);
    // POPCNT, XSAVE in use, AVX; LZCNT; BMI1, AVX2, BMI2.
    let avx2 =
        has(basic.ecx, &[23, 27, 28]) && has(extended.ecx, &[5]) && has(structured.ebx, &[3, 5, 8]);
    if !avx2 {
        return Level::Base;
    }
    // SAFETY: the system has XSAVE in use, so the instruction is there.
    let kept = unsafe { enabled() };
    // Registers that the system keeps: XMM, YMM; then masks and both halves of ZMM.
    if !has(kept, &[1, 2]) {
        return Level::Base;
    }
    // F, DQ, CD, BW, VL; VBMI, VBMI2.
    let avx512 = has(structured.ebx, &[16, 17, 28, 30, 31]) && has(structured.ecx, &[1, 6]);
    if avx512 && has(kept, &[5, 6, 7]) { Level::Avx512 } else { Level::Avx2 }
}

/// The registers that the system keeps when it switches threads.
///
/// # Safety
/// * The system has XSAVE in use.
#[target_feature(enable = "xsave")]
unsafe fn enabled() -> u32 {
    // SAFETY: register 0 is always there.
    unsafe { _xgetbv(0) as u32 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_finds_what_the_standard_library_finds() {
        let avx512 = std::is_x86_feature_detected!("avx512vbmi2")
            && std::is_x86_feature_detected!("avx512vbmi");
        let avx2 = std::is_x86_feature_detected!("avx2") && std::is_x86_feature_detected!("bmi2");
        let expected = match (avx512, avx2) {
            (true, _) => Level::Avx512,
            (_, true) => Level::Avx2,
            _ => Level::Base,
        };
        assert_eq!(detect(), expected);
        assert_eq!((level(), level()), (expected, expected));
    }
}

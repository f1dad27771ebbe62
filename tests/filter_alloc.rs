//! A packer allocates nothing after its construction: it is used after a fork, when another
//! thread of the parent may have held the allocator's lock.
//!
//! Every allocation of the program is counted, of Rust and of the C libraries alike, by
//! functions in the place of those of the C library. Only for glibc, which has other names for
//! its own.

#[allow(dead_code, unused_imports, unreachable_pub)]
#[path = "../src/filter/mod.rs"]
mod filter;

#[path = "common/skip.rs"]
mod skip;

use ndshm::{error, sys};

#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[allow(unsafe_code)]
mod count {
    //! Allocations, counted.

    use core::ffi::{c_int, c_void};
    use core::ptr;
    use core::sync::atomic::{AtomicUsize, Ordering};

    static COUNT: AtomicUsize = AtomicUsize::new(0);

    unsafe extern "C" {
        fn __libc_malloc(size: usize) -> *mut c_void;
        fn __libc_calloc(count: usize, size: usize) -> *mut c_void;
        fn __libc_realloc(old: *mut c_void, size: usize) -> *mut c_void;
        fn __libc_memalign(align: usize, size: usize) -> *mut c_void;
    }

    /// Allocations up to now.
    pub(super) fn allocations() -> usize {
        COUNT.load(Ordering::Relaxed)
    }

    fn one_more() {
        COUNT.fetch_add(1, Ordering::Relaxed);
    }

    #[unsafe(no_mangle)]
    extern "C" fn malloc(size: usize) -> *mut c_void {
        one_more();
        // SAFETY: any size will do.
        unsafe { __libc_malloc(size) }
    }

    #[unsafe(no_mangle)]
    extern "C" fn calloc(count: usize, size: usize) -> *mut c_void {
        one_more();
        // SAFETY: likewise.
        unsafe { __libc_calloc(count, size) }
    }

    /// # Safety
    /// * As for the C function.
    #[unsafe(no_mangle)]
    unsafe extern "C" fn realloc(old: *mut c_void, size: usize) -> *mut c_void {
        one_more();
        // SAFETY: by this function's contract.
        unsafe { __libc_realloc(old, size) }
    }

    #[unsafe(no_mangle)]
    extern "C" fn aligned_alloc(align: usize, size: usize) -> *mut c_void {
        one_more();
        // SAFETY: the C library looks at the alignment.
        unsafe { __libc_memalign(align, size) }
    }

    /// # Safety
    /// * As for the C function.
    #[unsafe(no_mangle)]
    unsafe extern "C" fn posix_memalign(to: *mut *mut c_void, align: usize, size: usize) -> c_int {
        let made = aligned_alloc(align, size);
        // SAFETY: by this function's contract.
        unsafe { ptr::write(to, made) };
        if made.is_null() { 12 } else { 0 }
    }
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn main() {
    skip::skipped("allocations of the filters", "only glibc has other names for its allocator");
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[allow(unsafe_code)]
fn main() {
    use bytemuck::Zeroable;
    use filter::{Chunk, Codec, Filters, Packer, Tiles};

    const MOST: usize = 1 << 20;
    // What runners of tests ask for.
    if std::env::args().any(|arg| arg == "--list") {
        if !std::env::args().any(|arg| arg == "--ignored") {
            println!("packing_allocates_nothing: test");
        }
        return;
    }
    // Bytes that can be packed, and noise, which cannot.
    let mut state = 1_u64;
    let mut noise = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 56) as u8
    };
    let block: Vec<u8> =
        (0..MOST).map(|i| if i < MOST / 2 { (i / 97) as u8 } else { noise() }).collect();
    let columns = [(0, 10), (10, 4), (14, 4), (18, 8)];
    let tiles = [
        Tiles::rows(26, 40_000, 26),
        Tiles::rows(8, 131_072, 8),
        Tiles::columns(26, 40_000, &columns),
        Tiles::boxes(8, &[100, 1000], &[100, 300]),
        Tiles::rows(8, 4, 8),
        Tiles::rows(1, 2000, 1),
    ];
    let mut out = vec![0; MOST + MOST / 2];
    let mut table = vec![Chunk::zeroed(); 16];
    let codecs = [Codec::None, Codec::Gzip(1), Codec::Gzip(4), Codec::Gzip(9)];
    let codecs = codecs.into_iter().chain([1, 3, 6, 12].map(Codec::Zstd));
    for codec in codecs {
        let filters = Filters { shuffle: true, codec, fletcher32: true };
        let before = count::allocations();
        let mut packer = Packer::new(2 * MOST, MOST, filters).expect("a packer");
        if matches!(codec, Codec::Gzip(_)) {
            assert!(count::allocations() > before, "libdeflate's own memory is counted");
        }
        let made = count::allocations();
        for tiles in tiles.iter().flatten() {
            // SAFETY: all are as long as the tiles ask for.
            let used =
                unsafe { packer.pack(tiles, block.as_ptr(), out.as_mut_ptr(), table.as_mut_ptr()) };
            assert!(used > 0);
        }
        // Zstandard would take a smaller workspace after some time, had it an allocator.
        let small = tiles[4].expect("tiles");
        for _ in 0..300 {
            // SAFETY: as before.
            let used = unsafe {
                packer.pack(&small, block.as_ptr(), out.as_mut_ptr(), table.as_mut_ptr())
            };
            assert!(used > 0);
        }
        assert_eq!(count::allocations() - made, 0, "{codec:?}");
    }
    println!("no allocation after construction");
}

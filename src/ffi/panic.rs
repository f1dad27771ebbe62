//! The panic handler of C libraries without std: the process ends.
//!
//! Nobody calls it but the compiler. The core is written not to panic; this is
//! what remains if it does, and what the linker asks for in any case.

use core::panic::PanicInfo;

use crate::sys;

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    sys::abort()
}

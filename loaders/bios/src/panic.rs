//! The end of a panic, which is a defect of the boot code: a message that says so.

use core::panic::PanicInfo;

use crate::console::fail;

#[panic_handler]
fn panic(_: &PanicInfo) -> ! {
    fail("the boot code has failed")
}

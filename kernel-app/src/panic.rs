//! The message of a panic: one line, and a blank one that ends it.
//!
//! The message, and where it was: the file and line where they are known. Most code is built without them
//! (`-Zlocation-detail=none`, see cargo.sh), for they take more room than the code that they are of; there the line has
//! the code addresses that are on the stack, innermost first, for which the map that the linker writes beside the image
//! (`fathom-image.map` in cargo's target directory) has names.
//!
//! Unsafe here: reading the stack.

use core::fmt::{self, Write as _};
use core::panic::PanicInfo;
use core::sync::atomic::{AtomicBool, Ordering};

use crate::arch::{Console, end_machine};

/// Number of words of the stack that are searched for them.
const STACK_WORDS: usize = 256;

/// Maximum number of addresses that are printed.
const ADDRESSES: usize = 8;

unsafe extern "C" {
    static __text_start: u8;
    static __text_end: u8;
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    static PANICKED: AtomicBool = AtomicBool::new(false);
    // A panic while another is printed: of that, what could be printed is there already.
    if !PANICKED.swap(true, Ordering::Relaxed) {
        // The console takes whatever it can.
        let _ = print_message(info);
    }
    let _ = Console.write_str("\n\n");
    end_machine(1)
}

fn print_message(info: &PanicInfo<'_>) -> fmt::Result {
    write!(Console, "[0][PANIC] panicked")?;
    let location = info.location().filter(|location| location.line() != 0);
    if let Some(location) = location {
        // Columns are left out of the image.
        let (file, line) = (location.file(), location.line());
        return write!(Console, " at {file}:{line}: {}", info.message());
    }
    write!(Console, ": {}, code at", info.message())?;
    // Their addresses alone: the linker script defines them.
    let code = &raw const __text_start as usize..&raw const __text_end as usize;
    let mut printed = 0;
    let stack: *const usize = core::ptr::from_ref(&printed);
    for i in 0..STACK_WORDS {
        // SAFETY: an aligned word of the stack that this runs on; past its end, where the stack is that shallow, is
        // memory of the image, or a page that is not mapped, and the fault ends the machine just as well.
        let word = unsafe { stack.add(i).read_volatile() };
        if code.contains(&word) {
            write!(Console, " {word:#x}")?;
            printed += 1;
            if printed == ADDRESSES {
                break;
            }
        }
    }
    Ok(())
}

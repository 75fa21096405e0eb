//! Lines on the firmware's console.

use core::sync::atomic::{AtomicBool, Ordering};

use uefi::{CStr16, system};

/// Whether the firmware still has a console.
static OPEN: AtomicBool = AtomicBool::new(true);

/// Characters that are printed at once.
const PIECE_LEN: usize = 64;

/// Prints `fathom VERSION: ` and then the parts, on a line of their own. An error has nobody to go to.
pub fn say(parts: &[&str]) {
    if !OPEN.load(Ordering::Relaxed) {
        return;
    }
    for part in ["fathom ", env!("CARGO_PKG_VERSION"), ": "] {
        print(part);
    }
    for part in parts {
        print(part);
    }
    print("\r\n");
}

/// Says that there is no console from here on.
pub fn close() {
    OPEN.store(false, Ordering::Relaxed);
}

fn print(text: &str) {
    for piece in text.as_bytes().chunks(PIECE_LEN) {
        // Zeros behind the piece end the string.
        let mut units = [0u16; PIECE_LEN + 1];
        for (unit, &byte) in units.iter_mut().zip(piece) {
            *unit = u16::from(byte);
        }
        if let Ok(text) = CStr16::from_u16_until_nul(&units) {
            system::with_stdout(|console| {
                let _ = console.output_string(text);
            });
        }
    }
}

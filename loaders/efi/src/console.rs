//! Lines on the firmware's console.

use core::sync::atomic::{AtomicBool, Ordering};

use handover::FATAL_PREFIX;
use uefi::{CStr16, system};

/// True while the firmware still has a console.
static OPEN: AtomicBool = AtomicBool::new(true);

/// Characters that are printed at once.
const PIECE_LEN: usize = 64;

/// Prints a line that starts with name and version.
pub fn say(message: &str) {
    print_line(&["fathom ", env!("CARGO_PKG_VERSION"), ": ", message, "\r\n"]);
}

/// Prints the line that says why the unikernel can't be started.
pub fn say_fatal(message: &str) {
    print_line(&[FATAL_PREFIX, message, "\r\n"]);
}

fn print_line(parts: &[&str]) {
    if OPEN.load(Ordering::Relaxed) {
        parts.iter().for_each(|part| print(part));
    }
}

/// Says that there is no console from here on.
pub fn close() {
    OPEN.store(false, Ordering::Relaxed);
}

/// Prints `text`, which is ASCII. A failure has nobody to be told to.
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

//! The console: the PC's first serial port.
//!
//! Unsafe here: the port accesses, and the port's state.

use core::fmt;
use core::ptr::addr_of_mut;

use x86_64::instructions::port::Port;

use super::serial::{Registers, SerialPort};

/// The first port's base.
const COM1: u16 = 0x3f8;

struct Ports;

impl Registers for Ports {
    fn read(&mut self, register: u16) -> u8 {
        // SAFETY: reading a serial port's register does nothing to memory, nor does a port that is not there.
        unsafe { Port::new(COM1 + register).read() }
    }

    fn write(&mut self, register: u16, value: u8) {
        // SAFETY: as above.
        unsafe { Port::new(COM1 + register).write(value) }
    }
}

static mut PORT: Option<SerialPort<Ports>> = None;

/// The console.
#[derive(Clone, Copy, Debug)]
pub struct Console;

impl Console {
    /// Sends `bytes`.
    pub fn send(self, bytes: &[u8]) {
        // Interrupts off: a fault's handler is the only other code that there is, and does not come back.
        x86_64::instructions::interrupts::without_interrupts(|| {
            // SAFETY: one processor, and nothing else on it until this is done.
            let port = unsafe { &mut *addr_of_mut!(PORT) };
            port.get_or_insert_with(|| SerialPort::new(Ports))
                .send(bytes);
        });
    }
}

impl fmt::Write for Console {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.send(text.as_bytes());
        Ok(())
    }
}

/// The kernel's console, as its patch has it.
///
/// # Safety
///
/// `bytes` points to `len` readable bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn console_write(bytes: *const u8, len: usize) {
    // SAFETY: the caller's contract.
    Console.send(unsafe { core::slice::from_raw_parts(bytes, len) });
}

//! The console: the PC's first serial port, and the log that waits for it.
//!
//! Unsafe here: the port accesses, and the state of port and log.

use core::fmt;
use core::ptr::{addr_of, addr_of_mut};

use log::Level;
use x86_64::instructions::interrupts::without_interrupts;
use x86_64::instructions::port::Port;

use super::serial::{Registers, SerialPort};
use crate::logging::{self, LogSettings, Outlet, RecordRing};

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

/// Apart from the port, so that it is memory that is zero at the start and takes no room in the image.
static mut LOG: RecordRing = RecordRing::new();

/// The console.
#[derive(Clone, Copy, Debug)]
pub struct Console;

impl Console {
    /// Sends what waits in the log, and then `bytes`.
    pub fn send(self, bytes: &[u8]) {
        with_state(|port, log| {
            while let len @ 1.. = {
                let waiting = log.waiting();
                port.send(waiting);
                waiting.len()
            } {
                log.remove(len);
            }
            port.send(bytes);
        });
    }

    /// Adds a record to the log.
    pub fn log(self, level: Level, text: fmt::Arguments<'_>) {
        with_state(|_, log| {
            log.push(level, text);
            logging::count_left_out(log.left_out());
        });
    }

    /// Sends what of the log `outlet` lets out at `now_ns` under `settings`, as far as the console takes it without waiting
    /// and `nothing_waits`. Returns whether there was something in the log.
    #[inline(never)]
    pub fn send_log(
        self,
        outlet: &mut Outlet,
        settings: &LogSettings,
        now_ns: u64,
        nothing_waits: &dyn Fn() -> bool,
    ) -> bool {
        let level = settings.level();
        if level != log::max_level() {
            log::set_max_level(level);
        }
        // SAFETY: one processor, and nothing else on it has a reference.
        if unsafe { (*addr_of!(LOG)).is_empty() } {
            return false;
        }
        with_state(|port, log| {
            outlet.run(log, settings, now_ns, nothing_waits, port);
        });
        true
    }
}

/// Calls `with` with port and log.
fn with_state<R>(with: impl FnOnce(&mut SerialPort<Ports>, &mut RecordRing) -> R) -> R {
    // Interrupts off: a fault's handler is the only other code that there is, and does not come back.
    without_interrupts(|| {
        // SAFETY: one processor, and nothing else on it until this is done.
        let (port, log) = unsafe { (&mut *addr_of_mut!(PORT), &mut *addr_of_mut!(LOG)) };
        with(port.get_or_insert_with(|| SerialPort::new(Ports)), log)
    })
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

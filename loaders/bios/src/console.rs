//! Lines on the screen, by the BIOS, and errors on the first serial port as well, where the unikernel's own are.

use core::arch::asm;

use handover::FATAL_PREFIX;

use crate::Message;
use crate::call::Registers;

/// The first serial port, and its registers (National Semiconductor's 16550).
const COM1: u16 = 0x3f8;
const INTERRUPTS: u16 = COM1 + 1;
const FIFO: u16 = COM1 + 2;
const LINE_CONTROL: u16 = COM1 + 3;
const LINE_STATUS: u16 = COM1 + 5;
const DIVISOR_ACCESS: u8 = 0x80;
const EIGHT_BITS: u8 = 0x03;
const EMPTY: u8 = 0x20;

/// Longest wait for the port to send a byte, in reads of its status: where there is no port, it may never be ready.
const MAX_READS: u32 = 100_000;

/// Prints a line on the screen.
pub fn say(message: Message) {
    for part in ["fathom ", env!("CARGO_PKG_VERSION"), ": ", message, "\r\n"] {
        part.bytes().for_each(screen);
    }
}

/// Says on screen and serial port why the unikernel can't be started, and stands still.
pub fn fail(message: Message) -> ! {
    // 115,200 baud, eight bits, no parity.
    for (port, value) in [
        (INTERRUPTS, 0),
        (LINE_CONTROL, DIVISOR_ACCESS),
        (COM1, 1),
        (INTERRUPTS, 0),
        (LINE_CONTROL, EIGHT_BITS),
        (FIFO, 0),
    ] {
        write(port, value);
    }
    for part in [FATAL_PREFIX, message, "\r\n"] {
        for byte in part.bytes() {
            screen(byte);
            serial(byte);
        }
    }
    loop {
        // SAFETY: no interrupt comes, so that the processor stands still.
        unsafe { asm!("cli", "hlt") };
    }
}

fn screen(byte: u8) {
    let mut registers = Registers {
        eax: 0x0e00 | u32::from(byte),
        ebx: 7,
        ..Registers::default()
    };
    // SAFETY: teletype output writes to the screen's memory only.
    unsafe { registers.call(0x10) };
}

fn serial(byte: u8) {
    for _ in 0..MAX_READS {
        if read(LINE_STATUS) & EMPTY != 0 {
            break;
        }
    }
    write(COM1, byte);
}

fn read(port: u16) -> u8 {
    let value;
    // SAFETY: the serial port's registers are nobody else's now; a port without a device reads as anything.
    unsafe { asm!("in al, dx", in("dx") port, out("al") value) };
    value
}

fn write(port: u16, value: u8) {
    // SAFETY: as above; a port without a device ignores the write.
    unsafe { asm!("out dx, al", in("dx") port, in("al") value) };
}

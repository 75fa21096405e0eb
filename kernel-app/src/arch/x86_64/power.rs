//! Switches the machine off, resets or halts it, on every kind of machine; its power button.
//!
//! Each end goes on to the next if the machine does not know it:
//!
//! - exit: QEMU's `isa-debug-exit`; ACPI's S5; halt;
//! - reset: QEMU's `isa-debug-exit`, by which whoever put it there wants to know; port 0xcf9; the keyboard controller; a
//!   triple fault; halt;
//! - halt: interrupts off, for ever: what is on the console stays there, and the memory can be looked at.
//!
//! Unsafe here: ports, registers, and the static that the boot code fills in.

use core::fmt::Write as _;
use core::ptr::{addr_of, addr_of_mut};

use wire::ready::FATAL_PREFIX;
use x86_64::VirtAddr;
use x86_64::instructions::port::Port;
use x86_64::instructions::{hlt, interrupts, tables};
use x86_64::structures::DescriptorTablePointer;

use super::console::Console;
use super::page_tables;
use crate::args::PanicEnd;
use crate::boot::acpi::{Off, POWER_BUTTON, Power, Register};
use crate::ending;

/// QEMU's `isa-debug-exit`, at the address that `fathom` gives it.
const DEBUG_EXIT: u16 = 0xf4;
/// Reset control register of PIIX and ICH, and its values: choose a full reset, do it.
const RESET_CONTROL: u16 = 0xcf9;
const FULL_RESET: u8 = 0x02;
const RESET_NOW: u8 = 0x06;
/// The keyboard controller's command port, its status bit for a full input buffer, its reset command.
const KEYBOARD: u16 = 0x64;
const INPUT_FULL: u8 = 0x02;
const PULSE_RESET: u8 = 0xfe;
/// A write to this port takes about a microsecond, and does nothing else.
const DELAY: u16 = 0x80;
/// Time that the machine may take to end, in such writes.
const PATIENCE: u32 = 10_000;

static mut POWER: Power = Power::UNKNOWN;

/// Keeps what the tables say about power.
///
/// # Safety
///
/// To be called once, while nothing else runs.
pub unsafe fn keep(power: Power) {
    // SAFETY: nothing else runs, and no reference was given out yet.
    unsafe { *addr_of_mut!(POWER) = power };
    if let Some((status, enable)) = power.button {
        // SAFETY: the power button's own bits; pressed before, it is of a former boot. The interrupt
        // that it raises is not enabled anywhere.
        unsafe {
            let mut enable = Port::<u16>::new(enable);
            let enabled = enable.read();
            enable.write(enabled | POWER_BUTTON);
            Port::<u16>::new(status).write(POWER_BUTTON);
        }
    }
}

fn power() -> Power {
    // SAFETY: written by `keep` alone, while nothing else ran.
    unsafe { *addr_of!(POWER) }
}

/// Returns whether there is a power button that can be looked at.
#[must_use]
pub fn has_power_button() -> bool {
    power().button.is_some()
}

/// Returns whether the power button was pressed.
#[must_use]
pub fn is_power_button_pressed() -> bool {
    power().button.is_some_and(|(status, _)| {
        // SAFETY: reading the status changes nothing.
        let status: u16 = unsafe { Port::new(status).read() };
        // A port that is not there reads as all ones.
        status != u16::MAX && status & POWER_BUTTON != 0
    })
}

/// Says why the image can't start, and ends the machine.
pub fn fail_to_start(message: core::fmt::Arguments<'_>) -> ! {
    // The console takes whatever it can.
    let _ = writeln!(Console, "{FATAL_PREFIX}{message}");
    end(1)
}

/// The end of the kernel, as its patch has it.
#[unsafe(no_mangle)]
pub extern "C" fn end_machine(error_code: i32) -> ! {
    end(error_code)
}

fn end(error_code: i32) -> ! {
    interrupts::disable();
    if error_code == 0 {
        power_off();
    }
    let end = ending::of_failure();
    if end != PanicEnd::Halt {
        // SAFETY: the machine is to end here; a port without a device ignores the write.
        unsafe { Port::<u32>::new(DEBUG_EXIT).write(0) };
    }
    match end {
        PanicEnd::Reset => reset(),
        PanicEnd::Exit => power_off(),
        PanicEnd::Halt => halt(),
    }
}

/// Gives the machine time to end.
fn wait() {
    for _ in 0..PATIENCE {
        // SAFETY: the port shows codes of the power-on self-test, to nobody here.
        unsafe { Port::<u8>::new(DELAY).write(0) };
    }
}

fn reset() -> ! {
    // SAFETY: the machine is to end here, and that is what these do, or nothing.
    unsafe {
        let mut control = Port::<u8>::new(RESET_CONTROL);
        control.write(FULL_RESET);
        control.write(RESET_NOW);
        wait();
        let mut keyboard = Port::<u8>::new(KEYBOARD);
        // Without a controller it reads as all ones, which is waited for in vain and not for long.
        let _ = (0..PATIENCE).any(|_| keyboard.read() & INPUT_FULL == 0);
        keyboard.write(PULSE_RESET);
        wait();
        tables::lidt(&DescriptorTablePointer {
            limit: 0,
            base: VirtAddr::zero(),
        });
        core::arch::asm!("int3");
    }
    halt()
}

/// Switches the machine off, or halts where that can't be done.
pub fn power_off() -> ! {
    interrupts::disable();
    match power().off {
        Some(Off::Control(registers)) => {
            for (port, value) in registers.into_iter().flatten() {
                // SAFETY: the machine is to end here.
                unsafe { Port::<u16>::new(port).write(value) };
            }
            wait();
        }
        Some(Off::Sleep(Register::Port(port), value)) => {
            // SAFETY: the machine is to end here.
            unsafe { Port::<u8>::new(port).write(value) };
            wait();
        }
        Some(Off::Sleep(Register::Memory(address), value)) if address < page_tables::MAPPED => {
            // SAFETY: the machine is to end here: nothing is used any more but this code, which is mapped
            // either way.
            unsafe {
                page_tables::map_firmware(true);
                let register = core::ptr::with_exposed_provenance_mut::<u8>(address as usize);
                register.write_volatile(value);
            }
            wait();
        }
        Some(Off::Sleep(..)) | None => {}
    }
    halt()
}

fn halt() -> ! {
    interrupts::disable();
    loop {
        hlt();
    }
}

//! The end of the machine: once and for all, on every kind of machine.
//!
//! | what happened | what is done |
//! |---|---|
//! | it can't start: a bad argument, no network device, a panic while it boots | [`PanicEnd::Exit`]: it would come to the same again, for ever |
//! | it can't go on: a panic, a failed device | [`PanicEnd::Reset`]: nobody may be there to start it again, and a fresh boot is good for most of what can happen |
//! | the power button | switched off |
//!
//! The boot argument `panic=` decides otherwise in the first two cases, once it is read. Each end goes on to
//! the next if the machine does not know it:
//!
//! - exit: QEMU's `isa-debug-exit`; ACPI's S5; halt;
//! - reset: QEMU's `isa-debug-exit`, by which whoever put it there wants to know; port 0xcf9; the keyboard controller; a
//!   triple fault; halt;
//! - halt: interrupts off, for ever: what is on the console stays there, and the memory can be looked at.
//!
//! Unsafe here, on bare metal: ports, registers, and the statics that the boot code fills in.

use crate::args::PanicEnd;

/// Returns the end of a machine that can't go on: what `panic=` says, else what is right for a service that
/// was ready or was not.
#[must_use]
pub fn choose(argument: Option<PanicEnd>, was_ready: bool) -> PanicEnd {
    argument.unwrap_or(if was_ready {
        PanicEnd::Reset
    } else {
        PanicEnd::Exit
    })
}

/// Period at which the power button is looked at, in nanoseconds: people and orchestrators wait for seconds, and each look
/// leaves the virtual machine.
pub const BUTTON_PERIOD_NS: u64 = 100_000_000;

/// When the power button is looked at the next time.
#[derive(Clone, Copy, Debug, Default)]
pub struct ButtonTimer {
    due_ns: u64,
}

impl ButtonTimer {
    /// Returns whether it is time to look, at `now_ns`; if so, the next time is a period later.
    pub fn is_due(&mut self, now_ns: u64) -> bool {
        let is_due = now_ns >= self.due_ns;
        if is_due {
            self.due_ns = now_ns + BUTTON_PERIOD_NS;
        }
        is_due
    }
}

#[cfg(target_os = "none")]
pub use bare::{
    end_machine, ends_by, fail_to_start, has_button, is_button_pressed, keep, power_off, was_ready,
};

#[cfg(target_os = "none")]
mod bare {
    use core::fmt::Write as _;
    use core::ptr::{addr_of, addr_of_mut};
    use core::sync::atomic::{AtomicBool, AtomicU8, Ordering};

    use wire::ready::FATAL_PREFIX;
    use x86_64::VirtAddr;
    use x86_64::instructions::port::Port;
    use x86_64::instructions::{hlt, interrupts, tables};
    use x86_64::structures::DescriptorTablePointer;

    use super::{PanicEnd, choose};
    use crate::arch::x86_64::acpi::{Off, POWER_BUTTON, Power, Register};
    use crate::arch::x86_64::entry;
    use crate::arch::x86_64::serial::Console;

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
    static READY: AtomicBool = AtomicBool::new(false);

    /// Value of `panic=`: 0 for nothing, else its number and one.
    static ARGUMENT: AtomicU8 = AtomicU8::new(0);
    const ENDS: [PanicEnd; 3] = [PanicEnd::Reset, PanicEnd::Exit, PanicEnd::Halt];

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

    /// Sets what `panic=` says.
    pub fn ends_by(argument: Option<PanicEnd>) {
        let number = ENDS.iter().position(|&end| Some(end) == argument);
        let number = number.map_or(0, |number| number as u8 + 1);
        ARGUMENT.store(number, Ordering::Relaxed);
    }

    /// Notes that the service was ready.
    pub fn was_ready() {
        READY.store(true, Ordering::Relaxed);
    }

    /// Returns whether there is a power button that can be looked at.
    #[must_use]
    pub fn has_button() -> bool {
        power().button.is_some()
    }

    /// Returns whether the power button was pressed.
    #[must_use]
    pub fn is_button_pressed() -> bool {
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
        let argument = usize::from(ARGUMENT.load(Ordering::Relaxed));
        let argument = argument.checked_sub(1).and_then(|number| ENDS.get(number));
        let end = choose(argument.copied(), READY.load(Ordering::Relaxed));
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
            Some(Off::Sleep(Register::Memory(address), value)) if address < entry::MAPPED => {
                // SAFETY: the machine is to end here: nothing is used any more but this code, which is mapped
                // either way.
                unsafe {
                    entry::map_firmware(true);
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_that_was_ready_comes_back_and_one_that_was_not_stays_down() {
        assert_eq!(choose(None, false), PanicEnd::Exit);
        assert_eq!(choose(None, true), PanicEnd::Reset);
        for end in [PanicEnd::Reset, PanicEnd::Exit, PanicEnd::Halt] {
            assert_eq!(choose(Some(end), false), end);
            assert_eq!(choose(Some(end), true), end);
        }
    }

    #[test]
    fn the_button_is_looked_at_once_a_period() {
        let mut timer = ButtonTimer::default();
        let looks: Vec<u64> = (0..1000)
            .map(|ms| 5_000_000_000 + ms * 1_000_000)
            .filter(|&now_ns| timer.is_due(now_ns))
            .collect();
        assert_eq!(looks.len(), 10);
        assert!(
            looks
                .windows(2)
                .all(|pair| pair[1] - pair[0] == BUTTON_PERIOD_NS)
        );
    }
}

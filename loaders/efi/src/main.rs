//! The entry of `fathom.efi`, and the unikernel in it. See the library for what happens between them.

#![cfg_attr(target_os = "uefi", no_std, no_main)]

/// The program as the firmware sees it.
#[cfg(target_os = "uefi")]
mod program {
    use core::panic::PanicInfo;

    use uefi::{Status, entry};

    /// The unikernel, in a section of its own: sections start at multiples of 512 bytes in the file, which is what
    /// a disk's boot code needs that reads it from there sector by sector.
    #[unsafe(link_section = ".fathom")]
    static ELF: [u8; include_bytes!(env!("FATHOM_ELF")).len()] =
        *include_bytes!(env!("FATHOM_ELF"));

    #[entry]
    fn main() -> Status {
        fathom_efi::start(&ELF)
    }

    #[panic_handler]
    fn panic(_: &PanicInfo) -> ! {
        fathom_efi::console::say_fatal("the loader has failed");
        loop {
            core::hint::spin_loop();
        }
    }
}

/// Elsewhere there is nothing to start: the library is compiled for its tests.
#[cfg(not(target_os = "uefi"))]
fn main() {}

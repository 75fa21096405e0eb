//! Runs between the entry code and the kernel: makes `BootInfo`, then jumps.
//!
//! Unsafe here: reading the start info where the firmware says it is, the statics that this
//! single thread fills before anything else runs, and the jump itself.

use core::arch::asm;
use core::arch::x86_64::{__cpuid_count, CpuidResult};
use core::num::NonZero;
use core::ops::Range;
use core::ptr::addr_of_mut;

use hermit_entry::boot_info::{
    BootInfo, DeviceTreeAddress, HardwareInfo, LoadInfo, PlatformInfo, RawBootInfo, SerialPortBase,
};

use super::frequency::{ClockFactor, Frequency, Source};
use super::identity::Identity;
use super::local_apic::ApicTimer;
use super::pit::Pit;
use super::power::{self, fail_to_start};
use super::{frequency, kvm_clock, linux, page_tables, pvh, stamps, timer};
use crate::boot::acpi::Power;
use crate::boot::firmware::Firmware;
use crate::boot::hermit_network::KernelArguments;
use crate::boot::{channels, fdt};

/// Serial port that the boot information names. The kernel does not use it: its console is
/// [`console`](super::console).
const SERIAL_PORT: u16 = 0x3f8;

/// Room for the entry code and the kernel's first stack, which may not be smaller than the
/// kernel's own `KERNEL_STACK_SIZE` of 32 KiB.
pub const BOOT_STACK_SIZE: usize = 80 * 1024;

/// The least memory that the kernel gets ready in, with some left for it to live on, in MiB.
const MIN_MEMORY_MIB: u64 = 16;

/// Protocol by which the image was entered; a number, because assembly passes it on.
pub mod protocol {
    /// PVH.
    pub const PVH: u32 = 0;
    /// Linux's 64-bit boot protocol.
    pub const LINUX: u32 = 1;
}

/// A stack, aligned as the ABI wants it.
#[repr(C, align(4096))]
pub struct Stack([u8; BOOT_STACK_SIZE]);

/// The stack of the entry code and then of the kernel's boot.
pub static mut BOOT_STACK: Stack = Stack([0; BOOT_STACK_SIZE]);

static mut DEVICE_TREE: fdt::Buffer = fdt::Buffer::new();
static mut BOOT_INFO: Option<RawBootInfo> = None;

unsafe extern "C" {
    /// First byte of the image in memory; the linker script sets it.
    static __image_start: u8;
    /// First byte after the image in memory; the linker script sets it.
    static __image_end: u8;
    /// Hermit's entry point, see `hermit_entry::Entry`.
    fn _start(boot_info: &'static RawBootInfo, cpu_id: u32) -> !;
}

/// Finds out the time stamp counter's frequency.
fn find_tsc_frequency(command_line: &str) -> Option<Frequency> {
    let cpuid = |leaf| {
        let CpuidResult { eax, ebx, ecx, edx } = __cpuid_count(leaf, 0);
        [eax, ebx, ecx, edx]
    };
    // SAFETY: it is called where there is such a clock, ring 0 is ours, and nothing else runs yet.
    let kvm_clock = || -> ClockFactor { unsafe { kvm_clock::factor() } };
    let by = |source| move |khz| Frequency { khz, source };
    frequency::of_command_line(command_line)
        .map(by(Source::CommandLine))
        .or_else(|| frequency::of_machine(cpuid, kvm_clock))
        .or_else(|| {
            // SAFETY: nothing else runs yet.
            let mut timer = unsafe { Pit::new() };
            timer::khz(&mut timer).map(by(Source::Timer))
        })
        .or_else(|| {
            // SAFETY: as above, and the entry code's page tables are in use.
            let mut timer = frequency::is_emulated(cpuid)
                .then(|| unsafe { ApicTimer::new(&MEMORY) })
                .flatten()?;
            timer::khz(&mut timer).map(by(Source::Timer))
        })
}

/// The most memory that the kernel is given, in bytes: what it takes to map it is a part of the time that
/// the image takes to boot, and one task needs no more.
const MAX_MEMORY: u64 = 64 << 20;

/// Physical memory, as long as the image boots.
// SAFETY: read by `start` alone, before the kernel runs, and not where the image itself is.
static MEMORY: Identity = unsafe { Identity::new() };

/// Called by the entry code in long mode, with what the loader left and the protocol that it boots by.
///
/// # Safety
///
/// Only the entry code may call it, once.
pub unsafe extern "C" fn start(address: u64, protocol: u32) -> ! {
    stamps::note_start();
    let read = match protocol {
        protocol::LINUX => linux::firmware(&MEMORY, address),
        _ => pvh::firmware(&MEMORY, address),
    };
    let firmware = read.unwrap_or_else(|error| fail_to_start(format_args!("{error}")));
    // SAFETY: nothing else runs yet.
    unsafe { power::keep(Power::find(&MEMORY, firmware.rsdp)) };
    refuse_processor();
    let memory = memory_for_kernel(&firmware);
    // SAFETY: nothing else runs yet.
    unsafe { channels::keep(&firmware, &MEMORY) }
        .unwrap_or_else(|error| fail_to_start(format_args!("{error}")));
    // SAFETY: nothing else runs yet, and nothing else ever refers to these statics mutably.
    let (device_tree, boot_info) = unsafe {
        (
            &mut *addr_of_mut!(DEVICE_TREE),
            &mut *addr_of_mut!(BOOT_INFO),
        )
    };
    // Hermit's own network, where there is one, is set up before anything of ours runs again.
    let kernel_arguments = if cfg!(feature = "sockets") {
        KernelArguments::of_command_line(firmware.command_line)
    } else {
        KernelArguments::NONE
    };
    let Some(tsc) = find_tsc_frequency(firmware.command_line) else {
        fail_to_start(format_args!(
            "the frequency of the time stamp counter is unknown: neither hypervisor nor processor tell it, and \
             there is no timer to measure it by; give it as tsc_khz=N"
        ));
    };
    stamps::keep_frequency(tsc);
    let written = fdt::write(
        device_tree,
        &memory,
        kernel_arguments.as_str(),
        firmware.command_line,
        firmware.rsdp,
        // The kernel cuts it off to whole MHz.
        tsc.khz.saturating_add(500),
    );
    if written.is_err() {
        fail_to_start(format_args!(
            "the boot arguments are too long for the device tree"
        ));
    }
    let raw = boot_info.insert(RawBootInfo::from(BootInfo {
        hardware_info: HardwareInfo {
            phys_addr_range: memory[0].clone(),
            serial_port_base: SerialPortBase::new(SERIAL_PORT),
            device_tree: DeviceTreeAddress::new(device_tree.address()),
        },
        load_info: LoadInfo {
            kernel_image_addr_range: image_start()..image_end(),
            tls_info: None,
        },
        platform_info: PlatformInfo::Fdt,
    }));
    // SAFETY: nothing else runs, and what is read there was read.
    unsafe {
        page_tables::map_firmware(false);
        page_tables::protect();
    }
    stamps::note_kernel();
    // SAFETY: Hermit's entry contract: `rdi` the boot info, `esi` the CPU, `rsp` the bottom of a
    // stack (it adds the size itself). We never come back, so our own frame may be overwritten.
    unsafe {
        asm!(
            "mov rsp, {stack}",
            "xor esi, esi",
            "jmp {entry}",
            stack = in(reg) addr_of_mut!(BOOT_STACK),
            entry = sym _start,
            in("rdi") core::ptr::from_ref(raw),
            options(noreturn),
        )
    }
}

/// Refuses a processor without what Hermit takes for granted, and says what that is.
fn refuse_processor() {
    /// CPUID leaves, and what bits in `ecx` and `edx` of the second say.
    const FEATURES: u32 = 1;
    const HIGHEST_EXTENDED: u32 = 0x8000_0000;
    const EXTENDED_FEATURES: u32 = 0x8000_0001;
    const ADDRESS_SIZES: u32 = 0x8000_0008;
    const FXSR: u32 = 1 << 24;
    const APIC: u32 = 1 << 9;
    const NO_EXECUTE: u32 = 1 << 20;

    let lacks = |bit, leaf| __cpuid_count(leaf, 0).edx & bit == 0;
    let missing = if lacks(APIC, FEATURES) {
        "a local APIC (apic)"
    } else if lacks(FXSR, FEATURES) {
        "FXSAVE and FXRSTOR (fxsr)"
    } else if lacks(NO_EXECUTE, EXTENDED_FEATURES) {
        "no-execute pages (nx)"
    } else if __cpuid_count(HIGHEST_EXTENDED, 0).eax < ADDRESS_SIZES {
        "address sizes (CPUID leaf 0x80000008)"
    } else {
        return;
    };
    fail_to_start(format_args!(
        "the processor lacks {missing}, which the service needs: give the machine another CPU model"
    ));
}

/// Returns the memory that the kernel is given, the image's first: two ranges at most, for its list of free ranges
/// takes sixteen at that time, and UEFI's map has more.
fn memory_for_kernel(firmware: &Firmware<'_>) -> [Range<u64>; 2] {
    let image = image_start()..image_end();
    let Some(memory) = firmware.memory_map.for_kernel(&image, MAX_MEMORY) else {
        fail_to_start(format_args!(
            "the memory at {:#x} to {:#x}, where the image is, is no usable memory by the loader's map",
            image.start, image.end
        ));
    };
    let [first, second] = &memory;
    // Firmware keeps some for itself, so what is usable falls short of what the machine has.
    let memory_mib = (first.end + (second.end - second.start)).div_ceil(1 << 20);
    if memory_mib < MIN_MEMORY_MIB {
        fail_to_start(format_args!(
            "not enough memory: the machine has {memory_mib} MiB, the service needs \
             {MIN_MEMORY_MIB}"
        ));
    }
    memory
}

fn image_start() -> u64 {
    (&raw const __image_start).addr() as u64
}

fn image_end() -> u64 {
    (&raw const __image_end).addr() as u64
}

const _: () = assert!(NonZero::<u16>::new(SERIAL_PORT).is_some());

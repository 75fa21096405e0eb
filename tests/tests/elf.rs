//! The image as an ELF file: loaded by the crate that Firecracker and Cloud Hypervisor load kernels with.
#![forbid(unsafe_code)]

use std::fs::File;

use linux_loader::loader::elf::PvhBootCapability;
use linux_loader::loader::{Elf, KernelLoader};
use tests::built;
use vm_memory::{Bytes, GuestAddress, GuestMemoryMmap};

/// Both VMMs have their own tables below, and start the kernel's memory here.
const HIGH_MEMORY: GuestAddress = GuestAddress(0x10_0000);

/// Returns a machine's memory after the image was loaded into it, and what the loader says.
fn loaded() -> (GuestMemoryMmap, linux_loader::loader::KernelLoaderResult) {
    let memory = GuestMemoryMmap::from_ranges(&[(GuestAddress(0), 32 << 20)]).expect("memory");
    let mut image = File::open(built::image()).expect("the image is built");
    let result = Elf::load(&memory, None, &mut image, Some(HIGH_MEMORY));
    (memory, result.expect("an ELF file that it loads"))
}

#[test]
fn the_vmms_loader_finds_the_entry_point_of_pvh() {
    let (memory, result) = loaded();
    let PvhBootCapability::PvhEntryPresent(entry) = result.pvh_boot_cap else {
        panic!("no entry point: {:?}", result.pvh_boot_cap);
    };
    assert!(entry >= HIGH_MEMORY && entry.0 < result.kernel_end);
    // The code starts by turning interrupts off and the direction flag: cli; cld.
    let code: [u8; 2] = memory.read_obj(entry).expect("it is loaded");
    assert_eq!(code, [0xfa, 0xfc]);
}

#[test]
fn the_elf_files_own_entry_point_is_for_either_mode() {
    let (memory, result) = loaded();
    // xor eax, eax; inc eax in 32-bit mode, and a prefix in 64-bit mode; nop; test eax, eax; jnz.
    let code: [u8; 8] = memory.read_obj(result.kernel_load).expect("it is loaded");
    assert_eq!(code[..6], [0x31, 0xc0, 0x40, 0x90, 0x85, 0xc0]);
    assert!(matches!(code[6..], [0x75, _] | [0x0f, 0x85]), "{code:x?}");
}

#[test]
fn the_image_lies_where_every_machine_has_memory() {
    let (_, result) = loaded();
    const FIRST: u64 = 2 << 20;
    const MOST: u64 = 4 << 20;
    assert!((FIRST..FIRST + MOST).contains(&result.kernel_load.0));
    assert!(
        result.kernel_end <= FIRST + MOST,
        "{:#x}",
        result.kernel_end
    );
}

//! The image as an ELF file: loaded by the crate that Firecracker and Cloud Hypervisor load kernels with, and booted by
//! the entry point that a loader of Linux's 64-bit boot protocol takes.
#![forbid(unsafe_code)]

use std::fs::{self, File};

use linux_loader::loader::elf::PvhBootCapability;
use linux_loader::loader::{Elf, KernelLoader};
use tests::guest::Machine;
use tests::qemu_lock::lock_qemu;
use tests::{artifacts, kernel};
use vm_memory::{Bytes, GuestAddress, GuestMemoryMmap};

/// Both VMMs have their own tables below, and start the kernel's memory here.
const HIGH_MEMORY: GuestAddress = GuestAddress(0x10_0000);

/// Returns a machine's memory after the image was loaded into it, and what the loader says.
fn loaded() -> (GuestMemoryMmap, linux_loader::loader::KernelLoaderResult) {
    let memory = GuestMemoryMmap::from_ranges(&[(GuestAddress(0), 32 << 20)]).expect("memory");
    let mut image = File::open(artifacts::image()).expect("the image is built");
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

/// A kernel that goes to long mode with the first GiB identity-mapped and its own descriptors, and enters at `entry`
/// with Linux's `boot_params` in RSI: what a loader of the 64-bit boot protocol does.
fn linux_loader(entry: u64, command_line: &str) -> Vec<u8> {
    const PAGE: usize = 4096;
    // Pages of the kernel, by number: code and descriptors, page tables of three levels, parameters, command line.
    let [p4, p3, p2, params, text] = [1, 2, 3, 4, 5];
    const LONG_MODE: usize = 0x100;
    const DESCRIPTORS: usize = 0x800;
    let address = |page: usize| kernel::ENTRY + (page * PAGE) as u64;
    let mut memory = vec![0; 6 * PAGE];
    let mut put = |at: usize, bytes: &[u8]| memory[at..at + bytes.len()].copy_from_slice(bytes);

    // CR3, CR4.PAE, EFER.LME, CR0.PG; lgdt; a far jump to selector 0x10, Linux's.
    put(
        0,
        &[
            0xfa, 0xb8, 0x00, 0x10, 0x10, 0x00, 0x0f, 0x22, 0xd8, 0x0f, 0x20, 0xe0, 0x83, 0xc8,
            0x20, 0x0f, 0x22, 0xe0, 0xb9, 0x80, 0x00, 0x00, 0xc0, 0x0f, 0x32, 0x0d, 0x00, 0x01,
            0x00, 0x00, 0x0f, 0x30, 0x0f, 0x20, 0xc0, 0x0d, 0x00, 0x00, 0x00, 0x80, 0x0f, 0x22,
            0xc0, 0x0f, 0x01, 0x15, 0x00, 0x08, 0x10, 0x00, 0xea, 0x00, 0x01, 0x10, 0x00, 0x10,
            0x00,
        ],
    );
    // mov esi, parameters; mov eax, entry; jmp rax.
    put(LONG_MODE, &[0xbe, 0x00, 0x40, 0x10, 0x00, 0xb8]);
    put(LONG_MODE + 6, &(entry as u32).to_le_bytes());
    put(LONG_MODE + 10, &[0xff, 0xe0]);
    // The pointer, and the descriptors it points to: code and data at 0x10 and 0x18.
    put(DESCRIPTORS, &31_u16.to_le_bytes());
    put(
        DESCRIPTORS + 2,
        &(address(0) + DESCRIPTORS as u64 + 16).to_le_bytes(),
    );
    put(DESCRIPTORS + 32, &0x00af_9a00_0000_ffff_u64.to_le_bytes());
    put(DESCRIPTORS + 40, &0x00cf_9200_0000_ffff_u64.to_le_bytes());
    // Present and writable; the last level in pages of 2 MiB.
    put(p4 * PAGE, &(address(p3) | 3).to_le_bytes());
    put(p3 * PAGE, &(address(p2) | 3).to_le_bytes());
    for entry in 0..512_usize {
        let page = (entry as u64) << 21 | 0x83;
        put(p2 * PAGE + 8 * entry, &page.to_le_bytes());
    }
    // Documentation/arch/x86/zero-page.rst.
    let params = params * PAGE;
    put(params + 0x1fe, &0xaa55_u16.to_le_bytes());
    put(params + 0x202, b"HdrS");
    put(params + 0x228, &(address(text) as u32).to_le_bytes());
    put(params + 0x1e8, &[2]);
    for (index, (start, len)) in [(0_u64, 0x9_fc00_u64), (0x10_0000, 31 << 20)]
        .iter()
        .enumerate()
    {
        let at = params + 0x2d0 + 20 * index;
        put(at, &start.to_le_bytes());
        put(at + 8, &len.to_le_bytes());
        put(at + 16, &1_u32.to_le_bytes());
    }
    put(text * PAGE, command_line.as_bytes());
    kernel::elf(&memory)
}

#[test]
fn boots_by_linuxs_64_bit_protocol() {
    let lock = lock_qemu();
    let image = fs::read(artifacts::image()).expect("the image is built");
    let entry = u64::from_le_bytes(image[24..32].try_into().expect("eight bytes"));
    let dir = tempfile::tempdir().expect("a temporary directory");
    let loader = dir.path().join("loader.elf");
    fs::write(&loader, linux_loader(entry, "ip=10.0.2.15/24 port=4321")).expect("it is written");
    let data = format!("loader,file={}", artifacts::image().display());
    let machine = Machine {
        // QEMU puts the image into memory and does no more; the last kernel given is the one that is booted.
        more: &["-device", &data, "-kernel", loader.to_str().expect("UTF-8")],
        ..Machine::new("ip=10.0.2.99/24")
    };
    let mut guest = machine.start(&lock);
    assert_eq!(guest.ready().port, 4321);
    let flow = guest.station.to_service();
    guest.station.ask_service(&flow, 1, 64);
}

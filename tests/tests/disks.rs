//! The disk image under BIOS and UEFI, from every kind of disk, and what its boot code refuses: QEMU is started by the
//! test itself.
#![forbid(unsafe_code)]

use std::fs;
use std::net::Ipv4Addr;
use std::os::unix::fs::FileExt;
use std::process::Command;

use suite::Capability;
use tests::dhcp::{self, Lease};
use tests::disk::{Bus, Disk, Firmware, Image};
use tests::guest::{Guest, MAC, Machine};
use tests::qemu_lock::{QemuLock, lock_qemu};
use tests::{artifacts, process, soak};
use wire::Ready;
use wire::ready::FATAL_PREFIX;

const STATIC: &str = "ip=10.0.2.77/24 gw=10.0.2.2 port=7777";
const LEASE: Lease = Lease {
    address: Ipv4Addr::new(10, 0, 2, 88),
    mask: Ipv4Addr::new(255, 255, 255, 0),
    router: Ipv4Addr::new(10, 0, 2, 2),
    server: Ipv4Addr::new(10, 0, 2, 2),
    lease_s: 3600,
    more: &[],
};

/// Length of a disk's sector, in bytes.
const SECTOR: u64 = 512;

/// First sector of the EFI system partition.
const PARTITION_LBA: u64 = 64;

fn start<'t>(image: &Image, bus: Bus, firmware: Firmware, lock: &'t QemuLock) -> Guest<'t> {
    let source = image.source();
    let disk = Disk {
        source: &source,
        bus,
        firmware,
    };
    println!("{disk:?}");
    Machine::with_disk(disk).start(lock)
}

/// Waits for the service, and has it answer a request.
fn answers(guest: &mut Guest<'_>) -> Ready {
    let ready = guest.ready();
    let flow = guest.station.to_service();
    guest.station.ask_service(&flow, 1, 1000);
    ready
}

/// Boots `image`, which is configured by [`STATIC`].
fn serves_at_its_address(image: &Image, bus: Bus, firmware: Firmware, lock: &QemuLock) {
    let ready = answers(&mut start(image, bus, firmware, lock));
    let ip = Some((Ipv4Addr::new(10, 0, 2, 77), 24).into());
    assert_eq!((ready.ip, ready.port), (ip, 7777));
}

/// Boots `image`, which is told to ask a DHCP server.
fn serves_at_a_leased_address(image: &Image, bus: Bus, firmware: Firmware, lock: &QemuLock) {
    let mut guest = start(image, bus, firmware, lock);
    dhcp::serve(&mut guest.station, MAC, &LEASE);
    let ready = answers(&mut guest);
    assert_eq!(ready.ip, Some((LEASE.address, 24).into()));
}

/// Boots `image` under SeaBIOS, which must say why it can't be booted.
fn refusal(image: &Image, lock: &QemuLock) -> String {
    let mut guest = start(image, Bus::Virtio, Firmware::SeaBios, lock);
    let line = guest.wait_for_line("reason", |line| line.starts_with(FATAL_PREFIX));
    line[FATAL_PREFIX.len()..].to_owned()
}

#[test]
fn the_disk_boots_under_seabios_from_every_bus() {
    let lock = lock_qemu();
    let image = Image::new(STATIC, &lock);
    for bus in [Bus::Virtio, Bus::Usb, Bus::Ide] {
        serves_at_its_address(&image, bus, Firmware::SeaBios, &lock);
    }
    image.set("ip=dhcp", &lock);
    serves_at_a_leased_address(&image, Bus::Ahci, Firmware::SeaBios, &lock);
}

#[test]
fn the_disk_boots_under_ovmf_from_every_bus_and_every_time() {
    if !Firmware::Ovmf.is_installed() {
        return;
    }
    let lock = lock_qemu();
    let image = Image::new(STATIC, &lock);
    for _ in 0..soak::count("FATHOM_COLD_BOOTS", 1) {
        serves_at_its_address(&image, Bus::Virtio, Firmware::Ovmf, &lock);
    }
    serves_at_its_address(&image, Bus::Usb, Firmware::Ovmf, &lock);
    image.set("ip=dhcp", &lock);
    serves_at_a_leased_address(&image, Bus::Ahci, Firmware::Ovmf, &lock);
}

/// A UEFI shell starts the program as any other, from a directory: with its name and arguments.
#[test]
fn the_efi_program_takes_its_arguments_before_the_configuration_file() {
    if !Firmware::Ovmf.is_installed() {
        return;
    }
    let lock = lock_qemu();
    let directory = tempfile::tempdir().expect("a directory");
    let file = |name| directory.path().join(name);
    fs::copy(artifacts::loader("fathom.efi"), file("fathom.efi")).expect("it is there");
    fs::write(file("startup.nsh"), "FS0:\\fathom.efi port=4242\r\n").expect("there is room");
    fs::write(file("FATHOM.CFG"), format!("{STATIC}\n\n")).expect("there is room");
    let source = format!("fat:{}", directory.path().display());
    let disk = Disk {
        source: &source,
        bus: Bus::Virtio,
        firmware: Firmware::Ovmf,
    };
    let ready = answers(&mut Machine::with_disk(disk).start(&lock));
    let ip = Some((Ipv4Addr::new(10, 0, 2, 77), 24).into());
    assert_eq!((ready.ip, ready.port), (ip, 4242));
}

#[test]
fn the_bios_boot_code_finds_the_file_that_another_tool_wrote_elsewhere() {
    if !process::is_installed("mcopy", Capability::Mtools) {
        return;
    }
    let lock = lock_qemu();
    let image = Image::new("ip=10.0.2.66/24", &lock);
    let volume = format!("{}@@{}", image.source(), PARTITION_LBA * SECTOR);
    let mtools = |command: &str, from: Option<&str>, to: &str| {
        let status = Command::new(command)
            .env("MTOOLS_SKIP_CHECK", "1")
            .args(["-i", &volume])
            .args(from)
            .arg(to)
            .status();
        assert!(status.is_ok_and(|status| status.success()), "{command}");
    };
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("new.cfg");
    fs::write(&file, STATIC.replace(' ', "\r\n")).expect("there is room");
    let file = file.to_str();
    // The other file takes the cluster, and the entry of the directory.
    mtools("mdel", None, "::FATHOM.CFG");
    mtools("mcopy", file, "::OTHER.TXT");
    mtools("mcopy", file, "::FATHOM.CFG");
    serves_at_its_address(&image, Bus::Virtio, Firmware::SeaBios, &lock);

    mtools("mdel", None, "::FATHOM.CFG");
    serves_at_a_leased_address(&image, Bus::Virtio, Firmware::SeaBios, &lock);
}

#[test]
fn the_bios_boot_code_says_in_a_line_why_it_cannot_boot() {
    let lock = lock_qemu();
    let image = Image::new(STATIC, &lock);
    let disk = fs::File::options()
        .read(true)
        .write(true)
        .open(image.path());
    let disk = disk.expect("it was made");
    let bytes = fs::read(image.path()).expect("it was made");
    let partition = (PARTITION_LBA * SECTOR) as usize;
    let position = |from: usize, what: &[u8]| {
        let mut windows = bytes[from..].windows(what.len());
        let found = windows.position(|window| window == what);
        (from + found.expect("it is on the disk")) as u64
    };
    // Each is put back, for the next.
    let with = |at: u64, changed: &[u8]| {
        disk.write_all_at(changed, at).expect("there is room");
        let reason = refusal(&image, &lock);
        let at_first = &bytes[at as usize..at as usize + changed.len()];
        disk.write_all_at(at_first, at).expect("there is room");
        reason
    };
    let fields = position(0, b"FTHMBOOT") + 8;
    assert_eq!(
        with(fields, &[0; 4]),
        "the disk was not finished: make it by `fathom image new`"
    );
    assert_eq!(with(fields, &[0xff; 4]), "the disk can't be read");
    let elf = position(
        partition,
        &fs::read(artifacts::image()).expect("it is there")[..4096],
    );
    assert_eq!(
        with(elf, b"\x7fELG"),
        "the unikernel is no ELF file for x86-64"
    );
    // The length in the file's entry in the directory.
    let entry = position(partition, b"FATHOM  CFG");
    let too_long = with(entry + 28, &4097u32.to_le_bytes());
    assert!(too_long.starts_with("FATHOM.CFG is too long"), "{too_long}");
    assert_eq!(
        with(entry + 26, &[1, 0]),
        "the disk's file system is damaged"
    );

    let source = image.source();
    let small = Machine {
        memory_mib: 2,
        ..Machine::with_disk(Disk {
            source: &source,
            bus: Bus::Virtio,
            firmware: Firmware::SeaBios,
        })
    };
    let mut guest = small.start(&lock);
    guest.wait_for_line("reason", |line| {
        line == format!(
            "{FATAL_PREFIX}there is no memory where the unikernel is linked to, from 2 MiB"
        )
    });
    // As it was, it boots.
    drop(guest);
    serves_at_its_address(&image, Bus::Virtio, Firmware::SeaBios, &lock);
}

#[test]
fn the_loaders_are_small() {
    let len = |path| fs::metadata(path).expect("it is there").len();
    let efi = len(artifacts::loader("fathom.efi")) - len(artifacts::image());
    assert!(
        efi <= 40 << 10,
        "fathom.efi has {efi} bytes beside the ELF file"
    );
    let first = len(artifacts::loader("bios-mbr.bin"));
    assert!(first <= 440, "{first} bytes before the partition table");
    let second = len(artifacts::loader("bios-stage2.bin"));
    assert!(second <= 30 * SECTOR, "{second} bytes before the partition");
}

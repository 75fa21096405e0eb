//! The command line's words, and what made-up registers are taken for.

use std::collections::BTreeMap;
use std::format;
use std::string::ToString;
use std::vec::Vec;

use proptest::prelude::*;

use super::*;

fn window(address: u64, size: u64) -> Window {
    Window { address, size }
}

#[test]
fn reads_the_words_that_machine_monitors_append() {
    for (word, address, size) in [
        // QEMU's microvm without ACPI.
        ("virtio_mmio.device=512@0xfeb00e00:12", 0xfeb0_0e00, 512),
        // Firecracker, now and before.
        ("virtio_mmio.device=4K@0xc0001000:5", 0xc000_1000, 4096),
        ("virtio_mmio.device=4K@0xd0000000:5", 0xd000_0000, 4096),
        // As Linux documents it.
        ("virtio_mmio.device=1K@0x1001e000:74:3", 0x1001_e000, 1024),
        ("virtio_mmio.device=0x200@268566528:74", 0x1002_0000, 512),
        ("virtio_mmio.device=1m@0X100000000:1", 1 << 32, 1 << 20),
    ] {
        assert_eq!(
            Window::of_word(word),
            Some(Ok(window(address, size))),
            "{word}"
        );
    }
}

#[test]
fn refuses_a_word_that_it_cannot_use() {
    for word in [
        "virtio_mmio.device=",
        "virtio_mmio.device=512",
        "virtio_mmio.device=512@",
        "virtio_mmio.device=512@0xfeb00e00",
        "virtio_mmio.device=512@0xfeb00e00:",
        "virtio_mmio.device=512@0xfeb00e00:12:",
        "virtio_mmio.device=512@0xfeb00e00:12:0:1",
        "virtio_mmio.device=512@0xfeb00e00:4294967296",
        "virtio_mmio.device=512@feb00e00:12",
        "virtio_mmio.device=512@+4272950784:12",
        "virtio_mmio.device=512@0x+feb00e00:12",
        "virtio_mmio.device=512@0:12",
        "virtio_mmio.device=512@0xfeb00e01:12",
        // Too small for a network device, and beyond all addresses.
        "virtio_mmio.device=256@0xfeb00e00:12",
        "virtio_mmio.device=K@0xfeb00e00:12",
        "virtio_mmio.device=512@0xffffffffffffff00:12",
        "virtio_mmio.device=512@0xfffffffffff00:12",
        "virtio_mmio.device=99999999999G@0xfeb00e00:12",
    ] {
        let error = Window::of_word(word).unwrap().unwrap_err();
        let expected = "expected virtio_mmio.device=SIZE@ADDRESS:IRQ[:ID], such as \
                        virtio_mmio.device=4K@0xc0001000:5";
        assert_eq!(
            error.to_string(),
            format!("malformed boot argument \"{word}\": {expected}")
        );
    }
}

#[test]
fn leaves_other_words_alone() {
    for word in [
        "",
        "virtio_mmio.device",
        "virtio_mmio.devices=512@0xfeb00e00:12",
        "virtio_net.device=512@0xfeb00e00:12",
        "ip=10.0.2.15/24",
    ] {
        assert_eq!(Window::of_word(word), None, "{word}");
    }
}

proptest! {
    #[test]
    fn reads_back_what_can_be_there(
        address in (1_u64..1 << 50).prop_map(|address| address * 4),
        size in 262_u64..1 << 32,
        irq: u32,
        id in proptest::option::of(any::<u32>()),
    ) {
        let id = id.map_or_else(Default::default, |id| format!(":{id}"));
        for value in [
            format!("{size}@{address:#x}:{irq}{id}"),
            format!("{size:#x}@{address}:{irq}{id}"),
        ] {
            prop_assert_eq!(Window::parse(&value), Window::new(address, size));
        }
    }

    #[test]
    fn whatever_it_takes_is_in_the_address_space(text in "[0-9a-fxKMG@:+ ]{0,40}") {
        if let Some(window) = Window::parse(&text) {
            let registers = window.registers();
            prop_assert!(registers.start != 0 && registers.start % 4 == 0);
            prop_assert!(registers.end <= 1 << ADDRESS_BITS);
            prop_assert!((NEEDED..=2 * CONFIG).contains(&(registers.end - registers.start)));
        }
    }

    #[test]
    fn no_text_is_too_much_for_it(text in ".*") {
        let _ = Window::parse(&text);
    }
}

/// Registers by address; the others read as `filler`.
fn identify(window: Window, registers: &[(u64, u32)], filler: u32) -> Identity {
    let registers: BTreeMap<u64, u32> = registers.iter().copied().collect();
    window.identify(|address| registers.get(&address).copied().unwrap_or(filler))
}

#[test]
fn identifies_what_is_there() {
    let at = window(0xfeb0_0e00, 512);
    for nothing in [0, u32::MAX] {
        assert_eq!(identify(at, &[], nothing), Identity::Nothing);
    }
    let device = |version, id| {
        identify(
            at,
            &[
                (0xfeb0_0e00, 0x7472_6976),
                (0xfeb0_0e04, version),
                (0xfeb0_0e08, id),
            ],
            0,
        )
    };
    assert_eq!(device(2, 0), Identity::Other, "an empty place");
    assert_eq!(device(2, 2), Identity::Other, "a disk");
    assert_eq!(device(2, 1), Identity::Network { version: 2 });
    assert_eq!(device(1, 1), Identity::Network { version: 1 });
}

#[test]
fn the_windows_of_a_row_are_side_by_side() {
    let rows = [
        WindowRow {
            first: 0xfeb0_0000,
            size: 0x200,
            count: 24,
        },
        WindowRow {
            first: 0xd000_0000,
            size: 0x1000,
            count: 1,
        },
    ];
    let windows: Vec<Window> = windows(&rows).collect();
    assert_eq!(windows.len(), 25);
    for (number, address, size) in [
        (0, 0xfeb0_0000, 512),
        (7, 0xfeb0_0e00, 512),
        (23, 0xfeb0_2e00, 512),
        (24, 0xd000_0000, 4096),
    ] {
        assert_eq!(windows[number], window(address, size));
    }
    for Window { address, size } in windows {
        assert_eq!(Window::new(address, size), Some(window(address, size)));
    }
}

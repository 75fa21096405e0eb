//! The image on QEMU's microvm, the machine that is most like Firecracker's: virtio-mmio, no firmware to
//! speak of, and little else of a PC.
#![forbid(unsafe_code)]

use serde_json::json;
use tests::guest::{Guest, Machine, refusal};
use tests::qemu_lock::lock_qemu;

/// Without it QEMU has the registers of virtio before 1.0.
const MODERN: [&str; 2] = ["-global", "virtio-mmio.force-legacy=false"];

const ARGUMENTS: &str = "ip=10.0.2.15/24";
const WITH_FREQUENCY: &str = "ip=10.0.2.15/24 tsc_khz=1000000";

fn machine(board: &'static str) -> Machine<'static> {
    Machine {
        board,
        device: "virtio-net-device",
        more: &MODERN,
        ..Machine::new(ARGUMENTS)
    }
}

/// Asks the service, and checks its answer.
fn ask(guest: &mut Guest<'_>, seq: u64) {
    let flow = guest.station.to_service();
    guest.station.ask_service(&flow, seq, 200);
}

/// Without ACPI the devices are on the command line, with it nowhere but in tables that are not read.
#[test]
fn serves_on_every_microvm() {
    let lock = lock_qemu();
    for (device, boards) in [
        (
            "virtio-net-device",
            &["microvm", "microvm,acpi=off", "microvm,pcie=on"][..],
        ),
        ("virtio-net-pci,romfile=", &["microvm,pcie=on"]),
    ] {
        for board in boards {
            for (absent, arguments) in [
                ("", ARGUMENTS),
                (",rtc=off", ARGUMENTS),
                // Under TCG there is nothing else to measure the processor's clock by.
                (",pit=off", WITH_FREQUENCY),
                (",rtc=off,pit=off,pic=off", WITH_FREQUENCY),
            ] {
                let board = format!("{board}{absent}");
                println!("{board} {device}");
                let mut guest = Machine {
                    board: &board,
                    device,
                    arguments,
                    ..machine("microvm")
                }
                .start(&lock);
                let nic = guest.ready().nic.expect("it drives one");
                assert_eq!((nic.number, nic.count), (1, 1));
                for seq in 1..=3 {
                    ask(&mut guest, seq);
                }
            }
        }
    }
}

/// On PCI the device's interrupt is switched off there; here it can't be, and a link that goes down and up
/// again raises it.
#[test]
fn serves_on_after_an_interrupt_that_nobody_asked_for() {
    let lock = lock_qemu();
    let mut guest = machine("microvm,acpi=off").start(&lock);
    guest.ready();
    for seq in [2, 4, 6] {
        ask(&mut guest, seq);
        for up in [false, true] {
            let arguments = json!({ "name": "n0", "up": up });
            guest.monitor().execute("set_link", &arguments);
        }
        ask(&mut guest, seq + 1);
    }
}

#[test]
fn the_device_is_chosen_by_its_address() {
    let lock = lock_qemu();
    // QEMU fills the last place first, and the first to be found is that of the lowest address.
    let more = [
        &MODERN[..],
        &["-netdev", "user,id=n1"],
        &[
            "-device",
            "virtio-net-device,netdev=n1,mac=52:54:00:00:00:11",
        ],
        &["-device", "virtio-rng-device"],
    ]
    .concat();
    for board in ["microvm,acpi=off", "microvm"] {
        let mut guest = Machine {
            arguments: "ip=10.0.2.15/24 nic=52:54:00:12:34:56",
            more: &more,
            ..machine(board)
        }
        .start(&lock);
        let nic = guest.ready().nic.expect("it drives one");
        assert_eq!(nic.count, 2, "{board}");
        ask(&mut guest, 1);
    }
}

#[test]
fn the_registers_of_old_virtio_are_named() {
    let reason = refusal(
        &Machine {
            more: &[],
            ..machine("microvm")
        },
        &lock_qemu(),
    );
    assert!(reason.contains("legacy"), "{reason}");
    assert!(reason.contains("force-legacy=false"), "{reason}");
}

#[test]
fn a_malformed_place_of_a_device_is_named() {
    let word = "virtio_mmio.device=4K@nowhere:5";
    let arguments = format!("ip=10.0.2.15/24 {word}");
    let reason = refusal(
        &Machine {
            arguments: &arguments,
            ..machine("microvm")
        },
        &lock_qemu(),
    );
    assert!(reason.contains(word), "{reason}");
}

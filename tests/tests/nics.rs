//! Network devices on PCI: which of several it is, what a device may insist on, and what is said of one
//! that there is no driver for.
#![forbid(unsafe_code)]

use tests::guest::{Guest, Machine, Network, refusal};
use tests::qemu_lock::lock_qemu;

const ARGUMENTS: &str = "ip=10.0.2.15/24";

/// A network device that the service is not to take, in front of its own.
const ANOTHER: [&str; 4] = [
    "-netdev",
    "user,id=n1",
    "-device",
    "virtio-net-pci,netdev=n1,mac=52:54:00:00:00:11,romfile=,addr=8",
];

/// Asks the service, and checks its answer.
fn ask(guest: &mut Guest<'_>) {
    let flow = guest.station.to_service();
    guest.station.ask_service(&flow, 1, 200);
}

/// Boots `machine` and asks the service. Returns which device of how many it has.
fn serve(machine: &Machine<'_>) -> (u8, u8) {
    println!("{machine:?}");
    let lock = lock_qemu();
    let mut guest = machine.start(&lock);
    let nic = guest.ready().nic.expect("it drives one");
    ask(&mut guest);
    (nic.number, nic.count)
}

#[test]
fn the_device_is_chosen_by_its_address() {
    let machine = Machine {
        device: "virtio-net-pci,romfile=,addr=9",
        arguments: "ip=10.0.2.15/24 nic=52:54:00:12:34:56",
        more: &ANOTHER,
        ..Machine::new(ARGUMENTS)
    };
    assert_eq!(serve(&machine), (2, 2));
    let lock = lock_qemu();
    let unchosen = Machine {
        arguments: ARGUMENTS,
        network: Network::User {
            host_port: 0,
            guest_port: wire::DEFAULT_PORT,
        },
        ..machine
    };
    let ready = unchosen.start(&lock).ready();
    let nic = ready.nic.expect("it drives one");
    assert_eq!((nic.number, nic.count), (1, 2));
    assert_eq!(ready.mac, Some(wire::Mac::new([0x52, 0x54, 0, 0, 0, 0x11])));
    let nobodys = Machine {
        arguments: "ip=10.0.2.15/24 nic=52:54:00:00:00:99",
        ..machine
    };
    let reason = refusal(&nobodys, &lock);
    for mac in [
        "52:54:00:00:00:99",
        "52:54:00:00:00:11",
        "52:54:00:12:34:56",
    ] {
        assert!(reason.contains(mac), "{reason}");
    }
}

#[test]
fn serves_on_every_kind_of_virtio_device() {
    for device in [
        "virtio-net-pci,romfile=",
        "virtio-net-pci-transitional,romfile=",
        "virtio-net-pci-non-transitional,romfile=",
        "virtio-net-pci,romfile=,disable-legacy=on,iommu_platform=on",
        "virtio-net-pci,romfile=,mq=on,vectors=0,packed=on",
    ] {
        let machine = Machine {
            device,
            ..Machine::new(ARGUMENTS)
        };
        assert_eq!(serve(&machine), (1, 1));
    }
}

/// As libvirt, KubeVirt and Proxmox have it.
#[test]
fn serves_behind_ports_and_bridges() {
    for (device, more) in [
        (
            "virtio-net-pci,romfile=,bus=root0",
            &["-device", "pcie-root-port,id=root0,chassis=1"][..],
        ),
        (
            "virtio-net-pci,romfile=,bus=bridge1,addr=3",
            &[
                "-device",
                "i82801b11-bridge,id=bridge0",
                "-device",
                "pci-bridge,id=bridge1,bus=bridge0,chassis_nr=2",
            ],
        ),
    ] {
        let machine = Machine {
            board: "q35",
            device,
            more,
            ..Machine::new(ARGUMENTS)
        };
        assert_eq!(serve(&machine), (1, 1));
    }
}

#[test]
fn a_device_that_it_does_not_drive_is_named() {
    let lock = lock_qemu();
    for (device, name) in [
        ("e1000,romfile=", "e1000 (8086:100e)"),
        ("rtl8139,romfile=", "rtl8139 (10ec:8139)"),
        ("vmxnet3,romfile=", "vmxnet3 (15ad:07b0)"),
    ] {
        let machine = Machine {
            device,
            ..Machine::new(ARGUMENTS)
        };
        let reason = refusal(&machine, &lock);
        assert!(
            reason.contains(&format!("found {name}, which it does not drive")),
            "{reason}"
        );
    }
    let legacy = Machine {
        device: "virtio-net-pci,romfile=,disable-modern=on,disable-legacy=off",
        ..Machine::new(ARGUMENTS)
    };
    let reason = refusal(&legacy, &lock);
    assert!(reason.contains("disable-modern=off"), "{reason}");
}

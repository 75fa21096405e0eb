//! Cold boots, one after another: every one answers. Two in the suite, FATHOM_COLD_BOOTS of them on request.
#![forbid(unsafe_code)]

use tests::guest::Machine;
use tests::qemu_lock::lock_qemu;
use tests::soak;

#[test]
fn every_cold_boot_answers() {
    let lock = lock_qemu();
    let boots = soak::count("FATHOM_COLD_BOOTS", 2);
    let modern = ["-global", "virtio-mmio.force-legacy=false"];
    for boot in 1..=boots {
        for machine in [
            Machine::new("ip=10.0.2.15/24"),
            Machine {
                board: "microvm",
                device: "virtio-net-device",
                more: &modern,
                ..Machine::new("ip=10.0.2.15/24")
            },
        ] {
            let machine = Machine {
                is_plain: true,
                ..machine
            };
            let mut guest = machine.start(&lock);
            guest.ready();
            let flow = guest.station.to_service();
            guest.station.ask_service(&flow, boot, 64);
        }
    }
    println!("{boots} cold boots of each machine, every one answered");
}

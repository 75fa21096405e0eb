//! Machines of every kind, by what CPUID says.

use super::*;

#[test]
fn the_command_line_has_it_in_either_unit() {
    for (command_line, khz) in [
        ("", None),
        ("ip=dhcp", None),
        ("ip=dhcp tsc_khz=2599998 port=1", Some(2_599_998)),
        ("-freq 2300 -- ip=dhcp", Some(2_300_000)),
        ("-freq 2300 -- tsc_khz=2299987", Some(2_299_987)),
        // Ours comes after the separator, the kernel's before it.
        ("tsc_khz=2299987 -- ip=dhcp", None),
        ("-- -freq 2300", None),
        // What can't be used stops the boot later on, with a message.
        ("tsc_khz=0", None),
        ("tsc_khz=fast", None),
        ("-freq 0 --", None),
        ("-freq", None),
    ] {
        assert_eq!(of_command_line(command_line), khz, "{command_line}");
    }
}

fn word(signature: &[u8; 12], at: usize) -> u32 {
    u32::from_le_bytes(signature[4 * at..][..4].try_into().unwrap())
}

/// A machine with a hypervisor of that signature, whose leaf says `khz`.
fn hypervisor(signature: &[u8; 12], highest: u32, khz: u32) -> Option<u32> {
    let found = of_machine(
        |leaf| match leaf {
            leaf::FEATURES => [0, 0, HYPERVISOR_PRESENT, 0],
            leaf::HYPERVISOR => {
                let [b, c, d] = [0, 1, 2].map(|at| word(signature, at));
                [highest, b, c, d]
            }
            leaf::HYPERVISOR_TIMING => [khz, 1_000_000, 0, 0],
            _ => [0; 4],
        },
        || panic!("no clock was promised"),
    );
    found.map(|found| {
        assert_eq!(found.source, Source::Hypervisor);
        found.khz
    })
}

/// A machine under KVM with a clock of that factor and a processor that says 2592 MHz.
fn kvm(highest: u32, features: u32, timing_khz: u32, factor: ClockFactor) -> (u32, Source) {
    let found = of_machine(
        |leaf| match leaf {
            leaf::BASIC => [0x16, 0, 0, 0],
            leaf::FEATURES => [0, 0, HYPERVISOR_PRESENT, 0],
            leaf::TIME_STAMP_COUNTER => [2, 216, 24_000_000, 0],
            leaf::HYPERVISOR => {
                let [b, c, d] = [0, 1, 2].map(|at| word(KVM, at));
                [highest, b, c, d]
            }
            leaf::KVM_FEATURES => [features, 0, 0, 0],
            leaf::HYPERVISOR_TIMING => [timing_khz, 0, 0, 0],
            _ => [0; 4],
        },
        || factor,
    );
    let found = found.expect("the processor says it at the least");
    (found.khz, found.source)
}

#[test]
fn kvms_clock_is_asked_after_its_timing_leaf_and_before_the_processor() {
    let multiplier = ((1_000_000_u64 << 32) / 2_599_998) as u32;
    let factor = ClockFactor {
        multiplier,
        shift: 0,
    };
    let (timing, features) = (leaf::HYPERVISOR_TIMING, leaf::KVM_FEATURES);
    let reported = kvm(timing, KVM_CLOCK, 2_599_991, factor);
    assert_eq!(reported, (2_599_991, Source::Hypervisor));
    for highest in [features, 0] {
        let clock = kvm(highest, KVM_CLOCK, 0, factor);
        assert_eq!(clock, (2_599_998, Source::KvmClock));
    }
    let none = ClockFactor {
        multiplier: 0,
        shift: 0,
    };
    for without in [
        kvm(features, 0, 0, factor),
        kvm(features, KVM_CLOCK, 0, none),
    ] {
        assert_eq!(without, (2_592_000, Source::Processor));
    }
}

#[test]
fn a_factor_of_kvms_clock_is_a_frequency() {
    let khz = |multiplier, shift| ClockFactor { multiplier, shift }.khz();
    // One nanosecond a tick, by either way to say it.
    assert_eq!(khz(1 << 31, 1), Some(1_000_000));
    assert_eq!(khz(u32::MAX, 0), Some(1_000_000));
    assert_eq!(khz(1 << 31, -1), Some(4_000_000));
    for nonsense in [
        khz(0, 0),
        khz(1, 0),
        khz(1, i8::MIN),
        khz(1 << 31, i8::MAX),
        khz(1 << 31, i8::MIN),
    ] {
        assert_eq!(nonsense, None);
    }
}

#[test]
fn a_hypervisor_that_has_the_leaf_is_believed() {
    let highest = leaf::HYPERVISOR_TIMING;
    assert_eq!(hypervisor(KVM, highest, 2_599_998), Some(2_599_998));
    assert_eq!(hypervisor(b"VMwareVMware", highest, 1000), Some(1000));
    assert_eq!(hypervisor(KVM, highest - 1, 2_599_998), None);
    assert_eq!(hypervisor(KVM, highest, 0), None);
    assert_eq!(hypervisor(TCG, highest, 2_599_998), None);
    // Without a hypervisor there is no such leaf.
    let nothing = of_machine(|_| [0; 4], || panic!("no hypervisor, no clock"));
    assert_eq!(nothing, None);
}

#[test]
fn emulation_is_recognised_by_its_signature() {
    let machine = |signature: &'static [u8; 12], features| {
        is_emulated(move |leaf| match leaf {
            leaf::FEATURES => [0, 0, features, 0],
            leaf::HYPERVISOR => {
                let [b, c, d] = [0, 1, 2].map(|at| word(signature, at));
                [leaf::HYPERVISOR, b, c, d]
            }
            _ => [0; 4],
        })
    };
    assert!(machine(TCG, HYPERVISOR_PRESENT));
    assert!(!machine(TCG, 0));
    assert!(!machine(KVM, HYPERVISOR_PRESENT));
}

#[test]
fn a_processor_reports_its_ratio_to_the_crystal() {
    let processor = |highest, leaf: Registers| {
        let found = of_machine(
            |number| match number {
                leaf::BASIC => [highest, 0, 0, 0],
                leaf::TIME_STAMP_COUNTER => leaf,
                // The base frequency, in MHz.
                0x16 => [2600, 3000, 100, 0],
                _ => [0; 4],
            },
            || panic!("no hypervisor, no clock"),
        );
        found.map(|found| {
            assert_eq!(found.source, Source::Processor);
            found.khz
        })
    };
    let reported = [2, 216, 24_000_000, 0];
    assert_eq!(processor(0x16, reported), Some(2_592_000));
    assert_eq!(processor(0x14, reported), None);
    for unknown in [
        [0, 216, 24_000_000, 0],
        [2, 0, 24_000_000, 0],
        [2, 216, 0, 0],
    ] {
        assert_eq!(processor(0x16, unknown), None);
    }
    assert_eq!(processor(0x15, [1, u32::MAX, u32::MAX, 0]), None);
}

//! The frequency of the time stamp counter, as far as somebody says it.
//!
//! Left to itself the kernel takes the processor's base frequency for it (CPUID leaf 0x16), or counts
//! three ticks of 10 ms, which a hypervisor that is put off delivers late or together: a third too
//! much or too little has been seen. So it is told, by the first of these that knows:
//!
//! 1. the command line: `tsc_khz=KHZ`, or the kernel's own `-freq MHZ`;
//! 2. the hypervisor (CPUID leaf 0x4000_0010);
//! 3. KVM's clock (CPUID leaf 0x4000_0001), by the factor that it has guests multiply the counter with;
//! 4. the processor (CPUID leaf 0x15);
//! 5. a measurement against the machine's timer, or under QEMU's own emulation against the local APIC's, see
//!    [`timer`](super::timer).
//!
//! All are in kHz but `-freq`. The base frequency is not asked for at all: the counter's may be 0.3 %
//! off it, which is more than the measurement is. Nor is a device tree, which PVH does not have.
//!
//! Pure functions; what reads CPUID is handed in. No unsafe code.
#![forbid(unsafe_code)]

use core::fmt;

use crate::args::tsc_khz;

/// Origin of the counter's frequency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Source {
    /// The command line.
    CommandLine,
    /// CPUID leaf 0x4000_0010.
    Hypervisor,
    /// KVM's clock.
    KvmClock,
    /// CPUID leaf 0x15.
    Processor,
    /// A measurement against the machine's timer.
    Timer,
}

impl Source {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 5] = [
        Self::CommandLine,
        Self::Hypervisor,
        Self::KvmClock,
        Self::Processor,
        Self::Timer,
    ];
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CommandLine => "the command line",
            Self::Hypervisor => "the hypervisor",
            Self::KvmClock => "KVM's clock",
            Self::Processor => "the processor",
            Self::Timer => "a measurement against the timer",
        })
    }
}

/// The counter's frequency, and who says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frequency {
    /// In kHz; not 0.
    pub khz: u32,
    /// Its origin.
    pub source: Source,
}

/// Leaf 0x4000_0000's signature of hypervisors that have leaf 0x4000_0010, in EBX, ECX, EDX.
const WITH_TIMING_LEAF: [&[u8; 12]; 2] = [KVM, b"VMwareVMware"];

/// KVM's signature.
const KVM: &[u8; 12] = b"KVMKVMKVM\0\0\0";

/// The signature of QEMU without a hypervisor of the host's.
const TCG: &[u8; 12] = b"TCGTCGTCGTCG";

/// CPUID leaves.
mod leaf {
    pub const BASIC: u32 = 0;
    pub const FEATURES: u32 = 1;
    pub const TIME_STAMP_COUNTER: u32 = 0x15;
    pub const HYPERVISOR: u32 = 0x4000_0000;
    pub const KVM_FEATURES: u32 = 0x4000_0001;
    pub const HYPERVISOR_TIMING: u32 = 0x4000_0010;
}

/// Leaf 1, ECX: there is a hypervisor.
const HYPERVISOR_PRESENT: u32 = 1 << 31;

/// Leaf 0x4000_0001, EAX: there is a clock at model-specific registers 0x4b56_4d00 and 0x4b56_4d01
/// (`KVM_FEATURE_CLOCKSOURCE2`).
const KVM_CLOCK: u32 = 1 << 3;

/// EAX, EBX, ECX and EDX.
pub type Registers = [u32; 4];

/// Returns the frequency given on the command line, in kHz; `None` if there is none, or none that
/// can be used.
#[must_use]
pub fn of_command_line(command_line: &str) -> Option<u32> {
    let words = command_line.split_ascii_whitespace();
    let mut ours = words.clone();
    if words.clone().any(|word| word == "--") {
        ours.find(|&word| word == "--");
    }
    let told = ours.find_map(|word| tsc_khz(word.strip_prefix("tsc_khz=")?).ok());
    told.or_else(|| {
        let mut kernels = words.take_while(|&word| word != "--");
        kernels.find(|&word| word == "-freq")?;
        let mhz: u16 = kernels.next()?.parse().ok()?;
        (mhz != 0).then_some(u32::from(mhz) * 1000)
    })
}

/// Returns the frequency that hypervisor or processor report; `None` if they report none that can be used.
/// `kvm_clock` reads KVM's clock, and is called only if there is one.
#[must_use]
pub fn of_machine(
    cpuid: impl Fn(u32) -> Registers,
    kvm_clock: impl FnOnce() -> ClockFactor,
) -> Option<Frequency> {
    let by = |source| move |khz| Frequency { khz, source };
    let hypervisor = Hypervisor::find(&cpuid);
    let told = || hypervisor.as_ref()?.khz(&cpuid).map(by(Source::Hypervisor));
    let clock = || {
        let has_clock = hypervisor.as_ref()?.has_kvm_clock(&cpuid);
        has_clock.then(kvm_clock)?.khz().map(by(Source::KvmClock))
    };
    told()
        .or_else(clock)
        .or_else(|| of_processor(&cpuid).map(by(Source::Processor)))
}

/// Returns whether the machine is emulated by QEMU alone (TCG), whose local APIC's timer counts nanoseconds.
#[must_use]
pub fn is_emulated(cpuid: impl Fn(u32) -> Registers) -> bool {
    Hypervisor::find(&cpuid).is_some_and(|hypervisor| hypervisor.is(TCG))
}

/// A hypervisor's leaf 0x4000_0000.
struct Hypervisor {
    highest: u32,
    signature: [u32; 3],
}

impl Hypervisor {
    fn find(cpuid: &impl Fn(u32) -> Registers) -> Option<Self> {
        let [.., features, _] = cpuid(leaf::FEATURES);
        (features & HYPERVISOR_PRESENT != 0).then(|| {
            let [highest, signature @ ..] = cpuid(leaf::HYPERVISOR);
            Self { highest, signature }
        })
    }

    fn is(&self, known: &[u8; 12]) -> bool {
        let mut words = known.chunks_exact(4).zip(self.signature);
        words.all(|(bytes, word)| bytes == word.to_le_bytes())
    }

    fn khz(&self, cpuid: &impl Fn(u32) -> Registers) -> Option<u32> {
        let has_leaf = WITH_TIMING_LEAF.iter().any(|known| self.is(known));
        if !has_leaf || self.highest < leaf::HYPERVISOR_TIMING {
            return None;
        }
        let [khz, ..] = cpuid(leaf::HYPERVISOR_TIMING);
        usable(khz.into())
    }

    fn has_kvm_clock(&self, cpuid: &impl Fn(u32) -> Registers) -> bool {
        // Old versions say 0 for the highest leaf (the kernel's Documentation/virt/kvm/x86/cpuid.rst).
        let has_leaf = self.highest == 0 || self.highest >= leaf::KVM_FEATURES;
        let [features, ..] = cpuid(leaf::KVM_FEATURES);
        self.is(KVM) && has_leaf && features & KVM_CLOCK != 0
    }
}

/// The factor of KVM's clock: nanoseconds are ticks, shifted to the left by `shift` bits, times
/// `multiplier`, over 2³² (`struct pvclock_vcpu_time_info`, the kernel's
/// Documentation/virt/kvm/x86/msr.rst).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockFactor {
    /// `tsc_to_system_mul`
    pub multiplier: u32,
    /// `tsc_shift`; to the right if it is negative.
    pub shift: i8,
}

impl ClockFactor {
    /// Returns the counter's frequency in kHz; `None` if the factor is none.
    #[must_use]
    pub fn khz(self) -> Option<u32> {
        // A second has a million times as many nanoseconds as a kHz has ticks.
        let ticks = (1_000_000_u64 << 32).checked_div(self.multiplier.into())?;
        let by = u32::from(self.shift.unsigned_abs());
        let khz = if self.shift < 0 {
            // What is shifted out would not be a frequency.
            ticks.checked_mul(1_u64.checked_shl(by)?)?
        } else {
            ticks.checked_shr(by)?
        };
        usable(khz)
    }
}

/// The counter's ratio to a crystal whose frequency is told as well (Intel SDM volume 2, CPUID).
fn of_processor(cpuid: &impl Fn(u32) -> Registers) -> Option<u32> {
    let [highest, ..] = cpuid(leaf::BASIC);
    if highest < leaf::TIME_STAMP_COUNTER {
        return None;
    }
    let [denominator, numerator, crystal_hz, _] = cpuid(leaf::TIME_STAMP_COUNTER).map(u64::from);
    let khz = (crystal_hz * numerator).checked_div(denominator)? / 1000;
    usable(khz)
}

/// Returns `khz` if a counter may run at that frequency, else `None`.
pub(super) fn usable(khz: u64) -> Option<u32> {
    let khz = u32::try_from(khz).ok()?;
    crate::args::TSC_KHZ.contains(&khz).then_some(khz)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_tells_it_in_either_way() {
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
        let told = kvm(timing, KVM_CLOCK, 2_599_991, factor);
        assert_eq!(told, (2_599_991, Source::Hypervisor));
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
    fn a_processor_tells_its_ratio_to_the_crystal() {
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
        let told = [2, 216, 24_000_000, 0];
        assert_eq!(processor(0x16, told), Some(2_592_000));
        assert_eq!(processor(0x14, told), None);
        for unknown in [
            [0, 216, 24_000_000, 0],
            [2, 0, 24_000_000, 0],
            [2, 216, 0, 0],
        ] {
            assert_eq!(processor(0x16, unknown), None);
        }
        assert_eq!(processor(0x15, [1, u32::MAX, u32::MAX, 0]), None);
    }
}

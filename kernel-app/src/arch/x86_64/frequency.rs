//! The frequency of the time stamp counter, as far as somebody says it.
//!
//! Left to itself the kernel takes the processor's base frequency for it (CPUID leaf 0x16), or counts
//! three ticks of 10 ms, which a hypervisor that is put off delivers late or together: a third too
//! much or too little has been seen. So the frequency is passed to it, from the first of these that has it:
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
    /// Origin.
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
    let given = ours.find_map(|word| tsc_khz(word.strip_prefix("tsc_khz=")?).ok());
    given.or_else(|| {
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
    let reported = || hypervisor.as_ref()?.khz(&cpuid).map(by(Source::Hypervisor));
    let clock = || {
        let has_clock = hypervisor.as_ref()?.has_kvm_clock(&cpuid);
        has_clock.then(kvm_clock)?.khz().map(by(Source::KvmClock))
    };
    reported()
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

/// Returns the frequency in kHz by the counter's ratio to a crystal whose frequency CPUID has as well (Intel SDM
/// volume 2, CPUID).
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
mod tests;

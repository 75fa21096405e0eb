//! The frequency of the time stamp counter, as far as somebody says it.
//!
//! Left to itself the kernel takes the processor's base frequency for it (CPUID leaf 0x16), or counts
//! three ticks of 10 ms, which a hypervisor that is put off delivers late or together: a third too
//! much or too little has been seen. So it is told, by the first of these that knows:
//!
//! 1. the command line: `tsc_khz=KHZ`, or the kernel's own `-freq MHZ`;
//! 2. the hypervisor (CPUID leaf 0x4000_0010);
//! 3. the processor (CPUID leaf 0x15);
//! 4. a measurement against the machine's timer, see [`timer`](super::timer).
//!
//! Pure functions; what reads CPUID is handed in. No unsafe code.

use crate::args::tsc_khz;

/// Leaf 0x4000_0000's signature of hypervisors that have leaf 0x4000_0010, in EBX, ECX, EDX.
const WITH_TIMING_LEAF: [&[u8; 12]; 2] = [b"KVMKVMKVM\0\0\0", b"VMwareVMware"];

/// CPUID leaves.
mod leaf {
    pub const BASIC: u32 = 0;
    pub const FEATURES: u32 = 1;
    pub const TIME_STAMP_COUNTER: u32 = 0x15;
    pub const HYPERVISOR: u32 = 0x4000_0000;
    pub const HYPERVISOR_TIMING: u32 = 0x4000_0010;
}

/// Leaf 1, ECX: there is a hypervisor.
const HYPERVISOR_PRESENT: u32 = 1 << 31;

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

/// Returns the frequency that CPUID reports, in kHz; `None` if it reports none that can be used.
#[must_use]
pub fn of_cpuid(cpuid: impl Fn(u32) -> Registers) -> Option<u32> {
    of_hypervisor(&cpuid).or_else(|| of_processor(&cpuid))
}

fn of_hypervisor(cpuid: &impl Fn(u32) -> Registers) -> Option<u32> {
    let [.., features, _] = cpuid(leaf::FEATURES);
    if features & HYPERVISOR_PRESENT == 0 {
        return None;
    }
    let [highest, signature @ ..] = cpuid(leaf::HYPERVISOR);
    let is_signature = |known: &&[u8; 12]| {
        let mut words = known.chunks_exact(4).zip(signature);
        words.all(|(bytes, word)| bytes == word.to_le_bytes())
    };
    if highest < leaf::HYPERVISOR_TIMING || !WITH_TIMING_LEAF.iter().any(is_signature) {
        return None;
    }
    let [khz, ..] = cpuid(leaf::HYPERVISOR_TIMING);
    usable(khz.into())
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
        of_cpuid(|leaf| match leaf {
            leaf::FEATURES => [0, 0, HYPERVISOR_PRESENT, 0],
            leaf::HYPERVISOR => {
                let [b, c, d] = [0, 1, 2].map(|at| word(signature, at));
                [highest, b, c, d]
            }
            leaf::HYPERVISOR_TIMING => [khz, 1_000_000, 0, 0],
            _ => [0; 4],
        })
    }

    #[test]
    fn a_hypervisor_that_has_the_leaf_is_believed() {
        let kvm = b"KVMKVMKVM\0\0\0";
        let highest = leaf::HYPERVISOR_TIMING;
        assert_eq!(hypervisor(kvm, highest, 2_599_998), Some(2_599_998));
        assert_eq!(hypervisor(b"VMwareVMware", highest, 1000), Some(1000));
        assert_eq!(hypervisor(kvm, highest - 1, 2_599_998), None);
        assert_eq!(hypervisor(kvm, highest, 0), None);
        assert_eq!(hypervisor(b"TCGTCGTCGTCG", highest, 2_599_998), None);
        // Without a hypervisor there is no such leaf.
        assert_eq!(of_cpuid(|_| [0; 4]), None);
    }

    #[test]
    fn a_processor_tells_its_ratio_to_the_crystal() {
        let processor = |highest, leaf: Registers| {
            of_cpuid(|number| match number {
                leaf::BASIC => [highest, 0, 0, 0],
                leaf::TIME_STAMP_COUNTER => leaf,
                _ => [0; 4],
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

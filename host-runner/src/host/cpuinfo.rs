//! The processor, from `/proc/cpuinfo` (proc(5)) and, for the hypervisor's name, the CPUID instruction.

use super::tree::Tree;

/// Text of `/proc/cpuinfo`.
#[derive(Clone, Debug)]
pub struct CpuInfo(String);

impl CpuInfo {
    /// Reads it.
    #[must_use]
    pub fn read(tree: &Tree) -> Option<Self> {
        tree.read("proc/cpuinfo").map(Self)
    }

    /// Returns the processor's name.
    #[must_use]
    pub fn model(&self) -> Option<String> {
        self.field("model name").map(str::to_owned)
    }

    /// Returns the revision of the microcode.
    #[must_use]
    pub fn microcode(&self) -> Option<String> {
        self.field("microcode").map(str::to_owned)
    }

    /// Returns whether this host is itself a virtual machine that does not hide it.
    #[must_use]
    pub fn is_virtual(&self) -> Option<bool> {
        let flags = self.field("flags")?;
        Some(flags.split_whitespace().any(|flag| flag == "hypervisor"))
    }

    /// Returns the value of the first CPU's line of this name.
    fn field(&self, name: &str) -> Option<&str> {
        let value = |line: &str| line.split_once(':').map(|(key, _)| key.trim() == name);
        let line = self.0.lines().find(|line| value(line) == Some(true))?;
        line.split_once(':').map(|(_, value)| value.trim())
    }
}

/// Returns the hypervisor that this host is a guest of, `none` if it is none's, by the signature that
/// hypervisors give (CPUID leaf 4000_0000h) or the firmware's tables; `None` if that is not known.
#[must_use]
pub fn hypervisor(tree: &Tree, info: Option<&CpuInfo>) -> Option<String> {
    if !info?.is_virtual()? {
        return Some("none".to_owned());
    }
    let vendor = || tree.read("sys/class/dmi/id/sys_vendor");
    let product = || tree.read("sys/class/dmi/id/product_name");
    let machine = vendor().map(|vendor| match product() {
        Some(product) => format!("{vendor} {product}"),
        None => vendor,
    });
    let name = signature().or_else(|| tree.read("sys/hypervisor/type"));
    match (name, machine) {
        (Some(name), Some(machine)) => Some(format!("{name}, {machine}")),
        (name, machine) => name.or(machine).or_else(|| Some("unnamed".to_owned())),
    }
}

/// Returns the name for the hypervisor's signature.
fn signature() -> Option<String> {
    let bytes = hypervisor_leaf()?.map(u32::to_le_bytes);
    named(&String::from_utf8_lossy(bytes.as_flattened()))
}

/// Returns EBX, ECX and EDX of the hypervisor's CPUID leaf.
#[cfg(target_arch = "x86_64")]
fn hypervisor_leaf() -> Option<[u32; 3]> {
    let leaf = core::arch::x86_64::__cpuid(0x4000_0000);
    Some([leaf.ebx, leaf.ecx, leaf.edx])
}

/// Returns `None`: processors of this architecture have no CPUID.
#[cfg(not(target_arch = "x86_64"))]
const fn hypervisor_leaf() -> Option<[u32; 3]> {
    None
}

/// Returns the name that people know for a signature, else the signature itself.
fn named(signature: &str) -> Option<String> {
    let signature = signature.trim_matches(['\0', ' ']);
    let name = match signature {
        "" => return None,
        "KVMKVMKVM" => "KVM",
        "Microsoft Hv" => "Hyper-V",
        "VMwareVMware" => "VMware",
        "XenVMMXenVMM" => "Xen",
        "TCGTCGTCGTCG" => "QEMU TCG",
        "bhyve bhyve" => "bhyve",
        other => other,
    };
    let name = name
        .chars()
        .filter(|character| !character.is_control())
        .collect();
    Some(name)
}

#[cfg(test)]
mod tests {
    use super::super::tree::testing::tree;
    use super::*;

    fn info(text: &str) -> CpuInfo {
        CpuInfo(text.to_owned())
    }

    #[test]
    fn reads_the_first_processor() {
        let found = info(
            "processor\t: 0\nmodel\t\t: 85\nmodel name\t: A CPU: fast\nmicrocode\t: 0x5\n\
             flags\t\t: fpu hypervisor\n\nprocessor\t: 1\nmicrocode\t: 0x6\n",
        );
        assert_eq!(found.model().as_deref(), Some("A CPU: fast"));
        assert_eq!(found.microcode().as_deref(), Some("0x5"));
        assert_eq!(found.is_virtual(), Some(true));
        let silent = info("processor\t: 0\n");
        assert_eq!((silent.model(), silent.is_virtual()), (None, None));
        let bare = info("flags\t\t: fpu hypervisors\n");
        assert_eq!(bare.is_virtual(), Some(false));
    }

    #[test]
    fn a_hypervisor_is_named_where_there_is_one() {
        let (_directory, tree) = tree(&[
            ("sys/class/dmi/id/sys_vendor", "Amazon EC2\n"),
            ("sys/class/dmi/id/product_name", "m7i.large\n"),
        ]);
        let of = |flags: &str| hypervisor(&tree, Some(&info(&format!("flags: {flags}\n"))));
        assert_eq!(of("fpu").as_deref(), Some("none"));
        let found = of("fpu hypervisor").unwrap();
        assert!(found.ends_with("Amazon EC2 m7i.large"), "{found}");
        assert_eq!(hypervisor(&tree, None), None);
    }

    #[test]
    fn signatures_have_names() {
        assert_eq!(named("KVMKVMKVM\0\0\0").as_deref(), Some("KVM"));
        assert_eq!(named("\u{1b}[2Jnew").as_deref(), Some("[2Jnew"));
        assert_eq!(named("\0\0\0"), None);
    }
}

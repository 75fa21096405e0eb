//! The capabilities of a host that tests depend on, and which of them must be there.

use std::collections::BTreeSet;
use std::env;
use std::fmt;
use std::str::FromStr;

/// The environment variable that names the capabilities that must be there, separated by commas, or
/// `all`: a test that lacks one of them fails instead of being skipped.
pub const REQUIRE: &str = "FATHOM_REQUIRE";

/// Something that not every host has, or not every user may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Capability {
    /// `AF_XDP` sockets.
    AfXdp,
    /// Chromium, which opens the HTML report.
    Chromium,
    /// Writing `/dev/cpu_dma_latency`.
    CpuLatency,
    /// `io_uring`, which a kernel or a container may forbid.
    IoUring,
    /// IPv6 on the loopback device.
    Ipv6,
    /// API types of Kubernetes, KubeVirt and Grafana from npm, and Node.js, which checks files by them.
    Kubevirt,
    /// libvirt's schemas, and `virt-xml-validate`, which checks files by them.
    Libvirt,
    /// Mounting a file system in a mount namespace.
    Mount,
    /// mtools, which edit files on disk images.
    Mtools,
    /// Apache Otava, another change detector.
    Otava,
    /// OVMF, a UEFI firmware.
    Ovmf,
    /// Prometheus and `promtool`, which checks rules and expressions.
    Prometheus,
    /// `qemu-img`, QEMU's tool for disk images.
    QemuImg,
    /// Giving files to another user.
    Root,
    /// scapy, with its layer for STAMP.
    Scapy,
    /// `sockperf`, another instrument.
    Sockperf,
    /// `stamp-suite`, another implementation of STAMP.
    StampSuite,
    /// A CPU on which short measurements repeat, as they do under `SCHED_FIFO`.
    SteadyCpu,
    /// Network namespaces and tap devices, which take root.
    Tap,
    /// `tshark`, which reads captures.
    Tshark,
    /// Two CPUs or more.
    TwoCpus,
}

impl Capability {
    /// All of them, in the order of their names.
    pub const ALL: [Self; 21] = [
        Self::AfXdp,
        Self::Chromium,
        Self::CpuLatency,
        Self::IoUring,
        Self::Ipv6,
        Self::Kubevirt,
        Self::Libvirt,
        Self::Mount,
        Self::Mtools,
        Self::Otava,
        Self::Ovmf,
        Self::Prometheus,
        Self::QemuImg,
        Self::Root,
        Self::Scapy,
        Self::Sockperf,
        Self::StampSuite,
        Self::SteadyCpu,
        Self::Tap,
        Self::Tshark,
        Self::TwoCpus,
    ];

    /// Returns its name in [`REQUIRE`].
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AfXdp => "af_xdp",
            Self::Chromium => "chromium",
            Self::CpuLatency => "cpu_latency",
            Self::IoUring => "io_uring",
            Self::Ipv6 => "ipv6",
            Self::Kubevirt => "kubevirt",
            Self::Libvirt => "libvirt",
            Self::Mount => "mount",
            Self::Mtools => "mtools",
            Self::Otava => "otava",
            Self::Ovmf => "ovmf",
            Self::Prometheus => "prometheus",
            Self::QemuImg => "qemu_img",
            Self::Root => "root",
            Self::Scapy => "scapy",
            Self::Sockperf => "sockperf",
            Self::StampSuite => "stamp_suite",
            Self::SteadyCpu => "steady_cpu",
            Self::Tap => "tap",
            Self::Tshark => "tshark",
            Self::TwoCpus => "two_cpus",
        }
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Capability {
    type Err = UnknownCapability;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let mut all = Self::ALL.into_iter();
        all.find(|capability| capability.name() == name)
            .ok_or_else(|| UnknownCapability(name.to_owned()))
    }
}

/// A name in [`REQUIRE`] that is no capability's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownCapability(String);

impl fmt::Display for UnknownCapability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = Capability::ALL.map(Capability::name).join(", ");
        let Self(name) = self;
        write!(f, "{REQUIRE} names \"{name}\"; there are all, {names}")
    }
}

impl std::error::Error for UnknownCapability {}

/// The capabilities that must be there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Required(BTreeSet<Capability>);

impl Required {
    /// Reads [`REQUIRE`]; without it nothing is required.
    ///
    /// # Errors
    ///
    /// If it names something that is no capability.
    pub fn from_env() -> Result<Self, UnknownCapability> {
        let value = env::var_os(REQUIRE).unwrap_or_default();
        value.to_string_lossy().parse()
    }

    /// Returns whether `capability` must be there.
    #[must_use]
    pub fn contains(&self, capability: Capability) -> bool {
        self.0.contains(&capability)
    }
}

impl FromStr for Required {
    type Err = UnknownCapability;

    fn from_str(list: &str) -> Result<Self, Self::Err> {
        let names = list
            .split(',')
            .map(str::trim)
            .filter(|name| !name.is_empty());
        let mut required = BTreeSet::new();
        for name in names {
            if name == "all" {
                required.extend(Capability::ALL);
            } else {
                required.insert(name.parse()?);
            }
        }
        Ok(Self(required))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_names_is_what_is_required() {
        let required: Required = "tap, io_uring,,".parse().unwrap();
        let all = Capability::ALL.into_iter();
        let found: Vec<_> = all
            .filter(|capability| required.contains(*capability))
            .collect();
        assert_eq!(found, [Capability::IoUring, Capability::Tap]);
        assert_eq!("".parse(), Ok(Required::default()));
    }

    #[test]
    fn all_stands_for_every_capability() {
        let required: Required = "all".parse().unwrap();
        assert!(
            Capability::ALL
                .iter()
                .all(|capability| required.contains(*capability))
        );
    }

    #[test]
    fn a_name_that_is_unknown_is_an_error_that_lists_the_known_ones() {
        let error = "tap,tuntap".parse::<Required>().unwrap_err().to_string();
        assert!(
            error.contains("\"tuntap\"") && error.contains("two_cpus"),
            "{error}"
        );
    }
}

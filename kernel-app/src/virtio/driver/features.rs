//! The features that the driver takes of a device, and the names of those that it leaves.

use core::fmt;

/// A set of feature bits (virtio 1.2 §5.1.3 and §6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Features(pub u64);

impl Features {
    /// The device says what the network's MTU is.
    pub const MTU: Self = Self(1 << 3);
    /// The device has an Ethernet address.
    pub const MAC: Self = Self(1 << 5);
    /// The device's configuration says whether the link is up.
    pub const STATUS: Self = Self(1 << 16);
    /// Has the interface of virtio 1, without which there is no driving it here.
    pub const VERSION_1: Self = Self(1 << 32);
    /// Wants addresses as the platform gives them to a device. That is what it gets: the image is
    /// identity-mapped, and an IOMMU, where there is one, is off or maps the same until somebody
    /// sets it up.
    const ACCESS_PLATFORM: Self = Self(1 << 33);
    /// No program but hardware, and wants memory ordered as for such. x86 orders stores for both,
    /// and the fence in front of a look at the device's flag is a full one.
    const ORDER_PLATFORM: Self = Self(1 << 36);

    /// Features that the driver accepts where they are offered: no offloads, and nothing that would cost a frame more.
    const TAKEN: Self = Self(
        Self::MTU.0
            | Self::MAC.0
            | Self::STATUS.0
            | Self::VERSION_1.0
            | Self::ACCESS_PLATFORM.0
            | Self::ORDER_PLATFORM.0,
    );

    /// Returns whether all of `other` are among these.
    #[must_use]
    pub const fn contain(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Returns these without `other`.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Returns the offered features that the driver takes.
    #[must_use]
    pub const fn taken(self) -> Self {
        Self(self.0 & Self::TAKEN.0)
    }

    /// Returns the offered features that the driver leaves.
    #[must_use]
    pub const fn left(self) -> Self {
        Self(self.0 & !Self::TAKEN.0)
    }
}

/// The standard's names, without their prefixes.
const NAMES: [(u8, &str); 38] = [
    (0, "CSUM"),
    (1, "GUEST_CSUM"),
    (2, "CTRL_GUEST_OFFLOADS"),
    (3, "MTU"),
    (5, "MAC"),
    (7, "GUEST_TSO4"),
    (8, "GUEST_TSO6"),
    (9, "GUEST_ECN"),
    (10, "GUEST_UFO"),
    (11, "HOST_TSO4"),
    (12, "HOST_TSO6"),
    (13, "HOST_ECN"),
    (14, "HOST_UFO"),
    (15, "MRG_RXBUF"),
    (16, "STATUS"),
    (17, "CTRL_VQ"),
    (18, "CTRL_RX"),
    (19, "CTRL_VLAN"),
    (21, "GUEST_ANNOUNCE"),
    (22, "MQ"),
    (23, "CTRL_MAC_ADDR"),
    (28, "INDIRECT_DESC"),
    (29, "EVENT_IDX"),
    (32, "VERSION_1"),
    (33, "ACCESS_PLATFORM"),
    (34, "RING_PACKED"),
    (35, "IN_ORDER"),
    (36, "ORDER_PLATFORM"),
    (37, "SR_IOV"),
    (38, "NOTIFICATION_DATA"),
    (39, "NOTIF_CONFIG_DATA"),
    (40, "RING_RESET"),
    (56, "HOST_USO"),
    (57, "HASH_REPORT"),
    (59, "GUEST_HDRLEN"),
    (60, "RSS"),
    (61, "RSC_EXT"),
    (62, "STANDBY"),
];

impl fmt::Display for Features {
    /// Writes the names, and numbers of those that have none.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for bit in (0..64).filter(|bit| self.0 & 1 << bit != 0) {
            f.write_str(separator)?;
            match NAMES.iter().find(|&&(number, _)| number == bit) {
                Some((_, name)) => f.write_str(name)?,
                None => write!(f, "{bit}")?,
            }
            separator = " ";
        }
        if self.0 == 0 {
            f.write_str("none")?;
        }
        Ok(())
    }
}

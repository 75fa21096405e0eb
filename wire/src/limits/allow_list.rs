//! The networks of `allow=`.

use core::net::{Ipv4Addr, Ipv6Addr};
use core::str::FromStr;

use super::{LimitError, MAX_NETWORKS};
use crate::Cidr;

/// A network: the bits that its addresses share, and which those are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Network<B> {
    address: B,
    mask: B,
}

/// The networks whose hosts are answered; all, if there are none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AllowList {
    v4: [Network<u32>; MAX_NETWORKS],
    v4_len: usize,
    v6: [Network<u128>; MAX_NETWORKS],
    v6_len: usize,
}

impl AllowList {
    /// Allows all sources.
    pub const ALL: Self = Self {
        v4: [Network {
            address: 0,
            mask: 0,
        }; MAX_NETWORKS],
        v4_len: 0,
        v6: [Network {
            address: 0,
            mask: 0,
        }; MAX_NETWORKS],
        v6_len: 0,
    };

    /// Returns the number of networks.
    pub(super) const fn len(&self) -> usize {
        self.v4_len + self.v6_len
    }

    /// Returns true if the IPv4 address is of one of the networks.
    #[inline(always)]
    pub(super) fn has_ipv4(&self, source: u32) -> bool {
        let mut networks = self.v4.iter().take(self.v4_len);
        networks.any(|network| (source ^ network.address) & network.mask == 0)
    }

    /// Returns true if the IPv6 address is of one of the networks.
    pub(super) fn has_ipv6(&self, source: u128) -> bool {
        let mut networks = self.v6.iter().take(self.v6_len);
        networks.any(|network| (source ^ network.address) & network.mask == 0)
    }

    fn add_ipv4(&mut self, Cidr { address, prefix }: Cidr<Ipv4Addr>) -> Result<(), LimitError> {
        let (address, mask) = (
            address.to_bits(),
            !u32::MAX.checked_shr(prefix.into()).unwrap_or(0),
        );
        if address & !mask != 0 {
            return Err(LimitError::HostBits);
        }
        self.v4[self.v4_len] = Network { address, mask };
        self.v4_len += 1;
        Ok(())
    }

    fn add_ipv6(&mut self, Cidr { address, prefix }: Cidr<Ipv6Addr>) -> Result<(), LimitError> {
        let (address, mask) = (
            address.to_bits(),
            !u128::MAX.checked_shr(prefix.into()).unwrap_or(0),
        );
        if address & !mask != 0 {
            return Err(LimitError::HostBits);
        }
        self.v6[self.v6_len] = Network { address, mask };
        self.v6_len += 1;
        Ok(())
    }
}

impl FromStr for AllowList {
    type Err = LimitError;

    /// Reads networks with commas between them: `10.0.0.0/8,fd00::/8`.
    fn from_str(text: &str) -> Result<Self, LimitError> {
        let mut list = Self::ALL;
        for text in text.split(',') {
            if list.len() == MAX_NETWORKS {
                return Err(LimitError::TooManyNetworks);
            }
            match text.parse() {
                Ok(network) => list.add_ipv4(network)?,
                Err(_) => list.add_ipv6(text.parse().map_err(|_| LimitError::Network)?)?,
            }
        }
        Ok(list)
    }
}

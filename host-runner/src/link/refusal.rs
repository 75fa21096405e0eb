//! Reasons for which this host refuses to send a datagram, and may send the next one.
#![forbid(unsafe_code)]

use rustix::io::Errno;

/// The errors of a send that are about this datagram or this moment, and the names that results carry.
/// Any other one is about the socket itself, which is then of no more use.
const KNOWN: [(Errno, &str); Refusal::COUNT] = [
    // A firewall on this host.
    (Errno::PERM, "EPERM"),
    (Errno::ACCESS, "EACCES"),
    // A full queue.
    (Errno::AGAIN, "EAGAIN"),
    (Errno::NOBUFS, "ENOBUFS"),
    (Errno::NOMEM, "ENOMEM"),
    // A device that is down or gone, and the routes and addresses that went with it.
    (Errno::NETDOWN, "ENETDOWN"),
    (Errno::NETUNREACH, "ENETUNREACH"),
    (Errno::HOSTDOWN, "EHOSTDOWN"),
    (Errno::HOSTUNREACH, "EHOSTUNREACH"),
    (Errno::ADDRNOTAVAIL, "EADDRNOTAVAIL"),
    (Errno::NODEV, "ENODEV"),
    (Errno::NXIO, "ENXIO"),
    // A route that swallows everything (`ip route add blackhole`).
    (Errno::INVAL, "EINVAL"),
    // What ICMP says of an earlier datagram.
    (Errno::CONNREFUSED, "ECONNREFUSED"),
    (Errno::NOPROTOOPT, "ENOPROTOOPT"),
    (Errno::OPNOTSUPP, "EOPNOTSUPP"),
    (Errno::PROTO, "EPROTO"),
    (Errno::NONET, "ENONET"),
];

/// Reason for which this host refused to send a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal(u8);

impl Refusal {
    /// Number of reasons.
    pub const COUNT: usize = 18;

    /// Every reason.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..Self::COUNT as u8).map(Self)
    }

    /// A queue of this host's is full: there may be room in a moment.
    pub const FULL: Self = Self(3);

    /// Nobody is at the other end at the moment.
    pub const NOBODY: Self = Self(13);

    /// Returns whether the reason is a full queue, which makes room again by itself: the same datagram is
    /// worth another attempt. Any other reason lasts until somebody does something about it.
    #[must_use]
    #[inline]
    pub const fn is_for_want_of_room(self) -> bool {
        matches!(self.errno(), Errno::AGAIN | Errno::NOBUFS | Errno::NOMEM)
    }

    /// The refusal that `error` of a send means; `None` if the socket can't be used any more.
    #[must_use]
    pub fn of(error: Errno) -> Option<Self> {
        let at = KNOWN.iter().position(|(known, _)| *known == error)?;
        u8::try_from(at).ok().map(Self)
    }

    /// A number under [`Refusal::COUNT`], another one for each reason.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// The error's name, such as `EPERM`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        KNOWN[self.index()].1
    }

    /// The error itself.
    #[must_use]
    pub const fn errno(self) -> Errno {
        KNOWN[self.index()].0
    }

    /// Returns advice for a refusal that never ends.
    #[must_use]
    pub fn remedy(self) -> &'static str {
        match self.errno() {
            Errno::PERM | Errno::ACCESS => "let the firewall of this host pass it",
            _ if self.is_for_want_of_room() => "lower the rate",
            _ => "see that this host has a route to the service and that its network device is up",
        }
    }
}

/// Returns whether `error` of a send may be what ICMP says of an earlier datagram: the kernel reports that
/// once, in place of sending the next one.
pub(super) fn may_be_of_an_earlier_datagram(error: Errno) -> bool {
    matches!(
        error,
        Errno::CONNREFUSED
            | Errno::HOSTUNREACH
            | Errno::NETUNREACH
            | Errno::HOSTDOWN
            | Errno::NONET
            | Errno::NOPROTOOPT
            | Errno::OPNOTSUPP
            | Errno::PROTO
            | Errno::ACCESS
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_has_a_name_of_its_own() {
        for refusal in Refusal::all() {
            assert_eq!(Refusal::of(refusal.errno()), Some(refusal));
            assert!(refusal.name().starts_with('E'), "{refusal:?}");
        }
        let names: std::collections::BTreeSet<_> = Refusal::all().map(Refusal::name).collect();
        assert_eq!(names.len(), Refusal::COUNT);
    }

    #[test]
    fn a_full_queue_is_distinguished_from_a_network_that_is_down() {
        assert_eq!(Refusal::FULL.name(), "ENOBUFS");
        assert_eq!(Refusal::NOBODY.name(), "ECONNREFUSED");
        let passing = Refusal::all().filter(|refusal| refusal.is_for_want_of_room());
        let names: Vec<_> = passing.map(Refusal::name).collect();
        assert_eq!(names, ["EAGAIN", "ENOBUFS", "ENOMEM"]);
    }

    #[test]
    fn a_socket_that_is_of_no_more_use_is_no_refusal() {
        for error in [Errno::BADF, Errno::NOTSOCK, Errno::MSGSIZE] {
            assert_eq!(Refusal::of(error), None, "{error}");
        }
    }
}

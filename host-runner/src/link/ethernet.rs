//! A link over anything that carries Ethernet frames: requests are built and replies taken apart here
//! ([`super::frame`]); what is no datagram of ours goes to a small stack (`super::stack`), which
//! resolves addresses both ways and answers pings.
#![forbid(unsafe_code)]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use wire::{Cidr, Mac};

use super::codec::Codec;
use super::dscp::Dscp;
use super::fault::InjectedFaults;
use super::frame::{Flow, MAX_FRAME, Parsed};
use super::stack::{Endpoint, Stack};
use super::{Family, Link, LinkError, Received, Sent, Signals, wait};
use crate::clock;
use crate::host::gaps::Gaps;

/// The instrument's Ethernet address on such links: locally administered.
pub const OWN_MAC: Mac = Mac::new([0x52, 0x55, 0x0a, 0x00, 0x02, 0x02]);

/// The instrument's IPv4 address, wherever the service's network has it.
pub const OWN_IP: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 2);

/// The UDP port that requests come from.
pub const OWN_PORT: u16 = 40_000;

/// Time that the service may take to tell its Ethernet address.
const RESOLVE_TIMEOUT: Duration = Duration::from_secs(5);

/// Interval at which the stack is asked in the meantime whether it wants to repeat its question.
const RESOLVE_INTERVAL: Duration = Duration::from_millis(50);

/// One end of an Ethernet.
pub trait Frames {
    /// The name of the link that it makes.
    fn name(&self) -> &'static str;

    /// Sends a frame; refuses it if there is no room, or nobody at the other end.
    ///
    /// # Errors
    ///
    /// [`LinkError`] if nothing can be sent any more.
    fn send(&mut self, frame: &[u8]) -> Result<Sent, LinkError>;

    /// Takes the next frame, waiting for it until `deadline_ns` of [`crate::clock`].
    ///
    /// # Errors
    ///
    /// [`LinkError`] if nothing can be received any more.
    fn receive(
        &mut self,
        frame: &mut [u8],
        deadline_ns: u64,
    ) -> Result<Option<Received>, LinkError>;

    /// As [`Link::signals`].
    fn signals(&self) -> Option<Signals> {
        None
    }

    /// As [`Link::clock_was_read`].
    fn clock_was_read(&mut self, _at_ns: u64) {}

    /// As [`Link::take_gaps`].
    fn take_gaps(&mut self) -> Option<Gaps> {
        None
    }

    /// As [`Link::take_faults`].
    fn take_faults(&mut self) -> Option<InjectedFaults> {
        None
    }

    /// As [`Link::drop_waiting`], in frames.
    fn drop_waiting(&mut self) -> u64 {
        0
    }

    /// As [`Link::take_too_long`].
    fn take_too_long(&mut self) -> u64 {
        0
    }

    /// As [`Link::capacity`].
    fn capacity(&self) -> Option<u64> {
        None
    }

    /// As [`Link::is_polled`].
    fn is_polled(&self) -> bool {
        false
    }
}

/// The link.
#[derive(Debug)]
pub struct EthernetLink<F> {
    frames: F,
    stack: Stack,
    codec: Codec,
    outgoing: Box<[u8; MAX_FRAME]>,
    incoming: Box<[u8; MAX_FRAME]>,
}

impl<F: Frames> EthernetLink<F> {
    /// Opens the link to the service that said `ready`, once it has told its Ethernet address.
    ///
    /// # Errors
    ///
    /// [`LinkError`] if the service has no address of `family`, or does not answer.
    pub fn open(mut frames: F, ready: &wire::Ready, family: Family) -> Result<Self, LinkError> {
        let own_end = neighbour_of(ready);
        let (own, peer) = ends(&own_end, ready, family)?;
        let peer = SocketAddr::new(peer, ready.port);
        let mut stack = Stack::new(own_end);
        let mut buffer = [0; MAX_FRAME];
        let peer_mac = resolve(&mut stack, &mut frames, &mut buffer, peer)?;
        wait::sharpen_sleeps();
        let flow = Flow {
            own_mac: own_end.mac,
            peer_mac,
            own: SocketAddr::new(own, OWN_PORT),
            peer,
        };
        Ok(Self::with(frames, stack, flow))
    }

    /// A link between the two ends of `flow`, which need not be looked for.
    pub fn between(frames: F, own_end: Endpoint, flow: Flow) -> Self {
        Self::with(frames, Stack::new(own_end), flow)
    }

    fn with(frames: F, stack: Stack, flow: Flow) -> Self {
        Self {
            frames,
            stack,
            codec: Codec::new(flow),
            outgoing: Box::new([0; MAX_FRAME]),
            incoming: Box::new([0; MAX_FRAME]),
        }
    }

    /// Sends in the class `dscp` from now on.
    #[must_use]
    pub fn in_class(mut self, dscp: Dscp) -> Self {
        self.codec = self.codec.in_class(dscp.traffic_class());
        self
    }

    /// Wraps the frames of the link.
    #[must_use]
    pub fn wrapped<G>(self, wrap: impl FnOnce(F) -> G) -> EthernetLink<G> {
        EthernetLink {
            frames: wrap(self.frames),
            stack: self.stack,
            codec: self.codec,
            outgoing: self.outgoing,
            incoming: self.incoming,
        }
    }

    /// The two ends that the link connects.
    #[must_use]
    pub const fn flow(&self) -> &Flow {
        self.codec.flow()
    }
}

impl<F: Frames> Link for EthernetLink<F> {
    fn name(&self) -> &'static str {
        self.frames.name()
    }

    fn signals(&self) -> Option<Signals> {
        self.frames.signals()
    }

    #[inline]
    fn clock_was_read(&mut self, at_ns: u64) {
        self.frames.clock_was_read(at_ns);
    }

    fn take_gaps(&mut self) -> Option<Gaps> {
        self.frames.take_gaps()
    }

    fn take_faults(&mut self) -> Option<InjectedFaults> {
        self.frames.take_faults()
    }

    fn drop_waiting(&mut self) -> u64 {
        self.frames.drop_waiting()
    }

    fn take_too_long(&mut self) -> u64 {
        self.frames.take_too_long()
    }

    fn capacity(&self) -> Option<u64> {
        self.frames.capacity()
    }

    fn is_polled(&self) -> bool {
        self.frames.is_polled()
    }

    fn send(&mut self, datagram: &[u8]) -> Result<Sent, LinkError> {
        let built = self.codec.build(&mut self.outgoing, datagram);
        let len = built.ok_or(LinkError::TooLong {
            link: self.frames.name(),
            len: datagram.len(),
        })?;
        self.frames.send(&self.outgoing[..len])
    }

    fn receive(
        &mut self,
        buffer: &mut [u8],
        deadline_ns: u64,
    ) -> Result<Option<Received>, LinkError> {
        loop {
            let received = self.frames.receive(&mut self.incoming[..], deadline_ns);
            let Some(Received { len, at_ns }) = received? else {
                return Ok(None);
            };
            let frame = &self.incoming[..len];
            match self.codec.parse(frame) {
                Parsed::Datagram(payload) => {
                    // As a socket does it: what has no room is cut off.
                    let len = payload.len().min(buffer.len());
                    buffer[..len].copy_from_slice(&payload[..len]);
                    return Ok(Some(Received { len, at_ns }));
                }
                // Dropped without a word, as any stack does: it counts as lost.
                Parsed::Damaged => {}
                Parsed::Other => {
                    self.stack.input(frame);
                    // An answer that there is no room for is asked for again.
                    self.stack.poll(|frame| self.frames.send(frame).map(drop))?;
                }
            }
            // There may be more of that than time to look at it.
            if at_ns >= deadline_ns {
                return Ok(None);
            }
        }
    }
}

/// Returns the IP addresses of `own_end` and of the service in `family`.
pub(super) fn ends(
    own_end: &Endpoint,
    ready: &wire::Ready,
    family: Family,
) -> Result<(IpAddr, IpAddr), LinkError> {
    let missing = |family| LinkError::NoAddress { family };
    match family {
        Family::V4 => {
            let (own, peer) = own_end.ip.zip(ready.ip).ok_or(missing("IPv4"))?;
            Ok((own.address.into(), peer.address.into()))
        }
        Family::V6 => {
            let (own, peer) = own_end.ip6.zip(ready.ip6).ok_or(missing("IPv6"))?;
            Ok((own.address.into(), peer.address.into()))
        }
    }
}

/// Finds out the Ethernet address of `peer`.
fn resolve(
    stack: &mut Stack,
    frames: &mut impl Frames,
    buffer: &mut [u8],
    peer: SocketAddr,
) -> Result<Mac, LinkError> {
    let deadline_ns = clock::now_ns() + nanoseconds(RESOLVE_TIMEOUT);
    let mut resolution = stack.resolve(peer);
    loop {
        if let Some(mac) = resolution.poll(|frame| frames.send(frame).map(drop))? {
            return Ok(mac);
        }
        let now_ns = clock::now_ns();
        if now_ns >= deadline_ns {
            return Err(LinkError::Unreachable {
                link: frames.name(),
                peer: peer.ip(),
                timeout_ms: nanoseconds(RESOLVE_TIMEOUT) / 1_000_000,
            });
        }
        let next_ns = deadline_ns.min(now_ns + nanoseconds(RESOLVE_INTERVAL));
        if let Some(received) = frames.receive(buffer, next_ns)? {
            resolution.input(&buffer[..received.len]);
        }
    }
}

const fn nanoseconds(duration: Duration) -> u64 {
    // The durations here are constants of a few seconds.
    duration.as_nanos() as u64
}

/// Returns the addresses of an end on the same networks as the service.
pub(super) fn neighbour_of(ready: &wire::Ready) -> Endpoint {
    Endpoint {
        mac: OWN_MAC,
        ip: (ready.ip).map(|ip| Cidr::new(ipv4_beside(ip), ip.prefix.min(MOST_PREFIX_4))),
        ip6: (ready.ip6).map(|ip6| Cidr::new(ipv6_beside(ip6), ip6.prefix.min(MOST_PREFIX_6))),
    }
}

/// The longest prefixes of this end's network, which has to hold the service as well: a service in a network of its
/// own (/32, /128) answers whoever asks, but nobody finds it from there.
const MOST_PREFIX_4: u8 = 31;
const MOST_PREFIX_6: u8 = 126;

/// [`OWN_IP`] if it is in the service's network, else the network's first address that the service
/// does not have itself.
fn ipv4_beside(
    Cidr {
        address: ip,
        prefix,
    }: Cidr<Ipv4Addr>,
) -> Ipv4Addr {
    let host_bits = 32 - u32::from(prefix.min(32));
    let network = |ip: Ipv4Addr| ip.to_bits().checked_shr(host_bits).unwrap_or(0);
    if network(ip) == network(OWN_IP) && ip != OWN_IP {
        return OWN_IP;
    }
    let base = ip.to_bits() & u32::MAX.checked_shl(host_bits).unwrap_or(0);
    // A network of two (RFC 3021) has no address for itself, so it starts to count at once.
    let first = match host_bits {
        // A network of one has no neighbours: the next address is as good as any.
        0 => base ^ 1,
        1 => base,
        _ => base + 1,
    };
    if first == ip.to_bits() {
        Ipv4Addr::from_bits(first + 1)
    } else {
        Ipv4Addr::from_bits(first)
    }
}

/// The address that our Ethernet address makes in the service's network (RFC 4291, appendix A),
/// or, where that leaves no room for 64 bits, the one next to the service's own.
fn ipv6_beside(
    Cidr {
        address: ip6,
        prefix,
    }: Cidr<Ipv6Addr>,
) -> Ipv6Addr {
    if prefix > 64 {
        // Beside ::1 there would be no address.
        let difference = if ip6.to_bits() == 1 { 2 } else { 1 };
        return Ipv6Addr::from_bits(ip6.to_bits() ^ difference);
    }
    let [a, b, c, d, e, f] = OWN_MAC.octets();
    let identifier = u64::from_be_bytes([a ^ 0x02, b, c, 0xff, 0xfe, d, e, f]);
    let network = ip6.to_bits() & !u128::from(u64::MAX);
    Ipv6Addr::from_bits(network | u128::from(identifier))
}

#[cfg(test)]
mod tests;

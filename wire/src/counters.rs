//! The service's event counters.
//!
//! The counters are an array of `u64` in the guest's memory, little-endian, in the order of
//! [`Counters::NAMES`]. The ready line gives its physical address, and the instrument reads it
//! through the machine monitor, so that looking costs the guest nothing.

use zerocopy::{FromBytes, Immutable, IntoBytes};

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident $variant:ident),* $(,)?) => {
        /// Events since boot. See the [module documentation](self) for the layout.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, Immutable, IntoBytes)]
        #[repr(C)]
        pub struct Counters { $($(#[$doc])* pub $name: u64),* }

        /// Names one of the [`Counters`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Counter { $($(#[$doc])* $variant),* }

        impl Counters {
            /// Adds one to a counter.
            #[inline(always)]
            pub const fn add(&mut self, counter: Counter) {
                match counter { $(Counter::$variant => self.$name += 1),* }
            }

            /// Takes one away from a counter: what it counted has not happened after all.
            #[inline(always)]
            pub const fn take_back(&mut self, counter: Counter) {
                match counter { $(Counter::$variant => self.$name -= 1),* }
            }

            /// The names of the counters, in the order in which they stand in memory.
            pub const NAMES: &'static [&'static str] = &[$(stringify!($name)),*];

            /// All counters zero.
            pub const ZERO: Self = Self { $($name: 0),* };

            /// The counters in the order of [`Counters::NAMES`].
            #[must_use]
            pub const fn to_array(&self) -> [u64; Counters::LEN] {
                zerocopy::transmute!(*self)
            }

            /// The counters from an array in the order of [`Counters::NAMES`].
            #[must_use]
            pub const fn from_array(counts: [u64; Counters::LEN]) -> Self {
                zerocopy::transmute!(counts)
            }
        }
    };
}

counters! {
    /// Frames taken from the receive ring.
    frames_received FramesReceived,
    /// Frames posted on the transmit ring.
    frames_sent FramesSent,
    /// Datagrams for one of the services' ports, good or bad.
    datagrams_received DatagramsReceived,
    /// Requests answered with a reply.
    replied Replied,
    /// Datagrams of another version, answered with "unsupported".
    unsupported Unsupported,
    /// Datagrams dropped for their magic.
    dropped_magic DroppedMagic,
    /// Datagrams with our magic dropped for their length.
    dropped_short DroppedShort,
    /// Replies and unknown kinds dropped.
    dropped_not_a_request DroppedNotARequest,
    /// Datagrams dropped for the address that they came from or were sent to ([`crate::peer`]).
    dropped_source DroppedSource,
    /// Answers that found the transmit path full.
    dropped_transmit DroppedTransmit,
    /// Completions from the network device that made no sense and were refused.
    device_faults DeviceFaults,
    /// Doorbells rung at the network device: transmit and receive queue together.
    doorbells Doorbells,
    /// Datagrams for the echo port sent back.
    echoed Echoed,
    /// Status requests answered ([`crate::status`]).
    status_replies StatusReplies,
    /// STAMP test packets answered ([`crate::stamp`]).
    stamp_replies StampReplies,
    /// STAMP test packets dropped for their HMAC.
    stamp_forged StampForged,
    /// STAMP test packets dropped because they had been answered before.
    stamp_replayed StampReplayed,
    /// DHCP leases that ended without a renewal, were refused or declined.
    leases_lost LeasesLost,
    /// Packets of other hosts that use one of our addresses (RFC 5227, RFC 4862 §5.4).
    address_conflicts AddressConflicts,
    /// Frames of other protocols than IP and ARP, and of virtual LANs: LLC, spanning tree, LLDP.
    dropped_ethertype DroppedEthertype,
    /// Datagrams dropped for the port that they came from ([`crate::peer`]).
    dropped_port DroppedPort,
    /// Packets dropped as fragments.
    dropped_fragment DroppedFragment,
    /// Packets dropped for a bad checksum, or for none where there must be one.
    dropped_checksum DroppedChecksum,
    /// Packets dropped because their lengths disagree.
    dropped_length DroppedLength,
    /// Packets dropped for their protocol: neither UDP, ping nor neighbour discovery, or behind extension headers; and
    /// pings to groups.
    dropped_protocol DroppedProtocol,
    /// Requests dropped because `allow=` does not name their source ([`crate::limits`]).
    dropped_not_allowed DroppedNotAllowed,
    /// Requests dropped because their source sent more than `rate=` ([`crate::limits`]).
    dropped_rate DroppedRate,
    /// Requests dropped because there were more than `rate-all=` ([`crate::limits`]).
    dropped_rate_all DroppedRateAll,
    /// Questions of ARP, neighbour discovery and ping dropped because there were too many.
    dropped_stack_rate DroppedStackRate,
    /// Questions and messages of neighbours and pings dropped for the address that they came from.
    dropped_stack_source DroppedStackSource,
    /// Resets of the network device after a fault, or because it asked for one.
    device_resets DeviceResets,
    /// Times that the network link was found to be down.
    link_down_events LinkDownEvents,
    /// Log requests answered ([`crate::log_control`]).
    log_replies LogReplies,
    /// Log requests dropped for their boot id, or because too many had had a wrong one.
    log_forged LogForged,
    /// Log records left out because the log was full.
    log_left_out LogLeftOut,
    /// Frames that were not for a service's port and were dropped because they were longer than the network carries: 1514
    /// bytes, unless the device tells another MTU.
    dropped_oversize DroppedOversize,
}

impl Counters {
    /// Number of counters.
    pub const LEN: usize = Self::NAMES.len();

    /// Returns the number of datagrams that were answered.
    #[must_use]
    pub const fn answers(&self) -> u64 {
        let of_requests = self.replied + self.unsupported + self.echoed + self.stamp_replies;
        of_requests + self.status_replies + self.log_replies
    }

    /// Returns the number of datagrams that were refused; of those whose answer could not be sent none.
    #[must_use]
    pub const fn refusals(&self) -> u64 {
        let of_messages = self.dropped_magic + self.dropped_short + self.dropped_not_a_request;
        let of_peers = self.dropped_source + self.dropped_port + self.dropped_not_allowed;
        let of_rates = self.dropped_rate + self.dropped_rate_all;
        let of_forgers = self.stamp_forged + self.stamp_replayed + self.log_forged;
        of_messages + of_peers + of_rates + of_forgers
    }

    /// Returns true if each datagram that came was answered, refused, or lost where its answer was to be sent.
    /// Frames of the network stack's are lost there as well.
    #[must_use]
    pub const fn add_up(&self) -> bool {
        let decided = self.answers() + self.refusals();
        decided <= self.datagrams_received
            && self.datagrams_received <= decided + self.dropped_transmit
    }

    /// Counts the verdict on one datagram.
    pub const fn count(&mut self, verdict: crate::Verdict) {
        self.add(verdict.counter());
    }
}

const _: () = assert!(core::mem::size_of::<Counters>() == Counters::LEN * 8);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DropReason, Verdict};

    #[test]
    fn names_and_array_agree() {
        let mut counters = Counters::ZERO;
        counters.replied = 3;
        let at = Counters::NAMES.iter().position(|&name| name == "replied");
        assert_eq!(counters.to_array()[at.unwrap()], 3);
        assert_eq!(Counters::from_array(counters.to_array()), counters);
    }

    #[test]
    fn a_counter_changes_the_field_of_its_name() {
        let mut counters = Counters::ZERO;
        counters.add(Counter::FramesReceived);
        counters.add(Counter::StatusReplies);
        counters.add(Counter::StatusReplies);
        assert_eq!((counters.frames_received, counters.status_replies), (1, 2));
        counters.take_back(Counter::StatusReplies);
        assert_eq!((counters.frames_received, counters.status_replies), (1, 1));
    }

    #[test]
    fn each_verdict_has_its_own_counter() {
        let mut counters = Counters::ZERO;
        counters.count(Verdict::Reply);
        counters.count(Verdict::Unsupported);
        counters.count(Verdict::Drop(DropReason::Magic));
        counters.count(Verdict::Drop(DropReason::TooShort));
        counters.count(Verdict::Drop(DropReason::NotARequest));
        counters.count(Verdict::Status);
        counters.count(Verdict::LogControl);
        counters.datagrams_received = 7;
        assert_eq!((counters.answers(), counters.refusals()), (4, 3));
        assert!(counters.add_up());
        counters.datagrams_received = 8;
        assert!(!counters.add_up(), "one has no outcome");
        counters.dropped_transmit = 1;
        assert!(counters.add_up());
        (counters.datagrams_received, counters.dropped_transmit) = (0, 0);
        let expected = Counters {
            replied: 1,
            unsupported: 1,
            dropped_magic: 1,
            dropped_short: 1,
            dropped_not_a_request: 1,
            status_replies: 1,
            log_replies: 1,
            ..Counters::ZERO
        };
        assert_eq!(counters, expected);
    }
}

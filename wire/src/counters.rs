//! What the service counts.
//!
//! The counters are an array of `u64` in the guest's memory, little-endian, in the order of
//! [`Counters::NAMES`]. The ready line gives its physical address, and the instrument reads it
//! through the machine monitor, so that looking costs the guest nothing.

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
        /// Events since boot. See the [module documentation](self) for the layout.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        #[repr(C)]
        pub struct Counters { $($(#[$doc])* pub $name: u64),* }

        impl Counters {
            /// The names of the counters, in the order in which they stand in memory.
            pub const NAMES: &'static [&'static str] = &[$(stringify!($name)),*];

            /// All counters zero.
            pub const ZERO: Self = Self { $($name: 0),* };

            /// The counters in the order of [`Counters::NAMES`].
            #[must_use]
            pub const fn to_array(&self) -> [u64; Counters::LEN] {
                [$(self.$name),*]
            }

            /// The counters from an array in the order of [`Counters::NAMES`].
            #[must_use]
            pub const fn from_array([$($name),*]: [u64; Counters::LEN]) -> Self {
                Self { $($name),* }
            }
        }
    };
}

counters! {
    /// Frames taken from the receive ring.
    frames_received,
    /// Frames posted on the transmit ring.
    frames_sent,
    /// Datagrams for one of the services' ports, good or bad.
    datagrams_received,
    /// Requests answered with a reply.
    replied,
    /// Datagrams of another version, answered with "unsupported".
    unsupported,
    /// Datagrams dropped for their magic.
    dropped_magic,
    /// Datagrams with our magic dropped for their length.
    dropped_short,
    /// Replies and unknown kinds dropped.
    dropped_not_a_request,
    /// Datagrams dropped for where they came from ([`crate::peer`]).
    dropped_source,
    /// Answers that found the transmit path full.
    dropped_transmit,
    /// Completions from the network device that made no sense and were refused.
    device_faults,
    /// Doorbells rung at the network device: transmit and receive queue together.
    doorbells,
    /// Datagrams for the echo port sent back.
    echoed,
    /// Status requests answered ([`crate::status`]).
    status_replies,
}

impl Counters {
    /// How many counters there are.
    pub const LEN: usize = Self::NAMES.len();

    /// Counts what became of one datagram.
    pub const fn count(&mut self, verdict: crate::Verdict) {
        use crate::{DropReason, Verdict};
        let counter = match verdict {
            Verdict::Reply => &mut self.replied,
            Verdict::Unsupported => &mut self.unsupported,
            Verdict::Status => &mut self.status_replies,
            Verdict::Drop(DropReason::Magic) => &mut self.dropped_magic,
            Verdict::Drop(DropReason::TooShort) => &mut self.dropped_short,
            Verdict::Drop(DropReason::NotARequest) => &mut self.dropped_not_a_request,
        };
        *counter += 1;
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
    fn each_verdict_has_its_own_counter() {
        let mut counters = Counters::ZERO;
        counters.count(Verdict::Reply);
        counters.count(Verdict::Unsupported);
        counters.count(Verdict::Drop(DropReason::Magic));
        counters.count(Verdict::Drop(DropReason::TooShort));
        counters.count(Verdict::Drop(DropReason::NotARequest));
        counters.count(Verdict::Status);
        let expected = [0, 0, 0, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 1];
        assert_eq!(counters.to_array(), expected);
    }
}

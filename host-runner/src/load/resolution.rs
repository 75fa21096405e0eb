//! Resolution of the measuring loop: how long it takes to read the clock, and to poll the link.

use crate::link::Link;

/// Number of measurements of each, of which the median counts: one in which the thread was off its CPU says
/// nothing.
const TRIALS: usize = 65;

/// Times that bound how finely the measuring loop sees anything, in nanoseconds. `None` if the link is
/// broken, or something came meanwhile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resolution {
    /// Median time from one reading of the clock to the next.
    pub clock_read_ns: Option<u64>,
    /// Median time of two readings of the clock and one poll of the link.
    pub resolution_ns: Option<u64>,
}

impl Resolution {
    /// Measures both on `link`, on which nothing is in flight; takes some microseconds. What is left of an
    /// earlier measurement is thrown away.
    pub fn measure<L: Link + ?Sized>(link: &mut L, now_ns: &mut impl FnMut() -> u64) -> Self {
        let mut clock_reads_ns = [0; TRIALS];
        for read_ns in &mut clock_reads_ns {
            let from_ns = now_ns();
            *read_ns = now_ns().saturating_sub(from_ns);
        }
        let mut buffer = [0; wire::MAX_JUMBO_PAYLOAD];
        let mut polls_ns = [0; TRIALS];
        let mut polled = 0;
        // The last reading is the poll's own or the one after it, whichever way the link does it: a poll
        // that finds nothing reads the clock once to know that its deadline is past.
        for _ in 0..2 * TRIALS {
            if polled == TRIALS {
                break;
            }
            let from_ns = now_ns();
            match link.receive(&mut buffer, 0) {
                Ok(None) => {
                    polls_ns[polled] = now_ns().saturating_sub(from_ns);
                    polled += 1;
                }
                Ok(Some(_)) => {}
                Err(_) => break,
            }
        }
        Self {
            clock_read_ns: Some(median(&mut clock_reads_ns)),
            resolution_ns: (polled == TRIALS).then(|| median(&mut polls_ns)),
        }
    }
}

fn median(times_ns: &mut [u64; TRIALS]) -> u64 {
    times_ns.sort_unstable();
    times_ns[TRIALS / 2]
}

#[cfg(test)]
mod tests {
    use wire::Header;

    use super::super::fake::{FakeLink, VirtualClock};
    use super::*;
    use crate::link::LinkError;
    use crate::link::{Received, Sent};

    #[test]
    fn a_poll_is_measured_with_the_readings_around_it() {
        let clock = VirtualClock::default();
        let mut link = FakeLink::new(&clock, |_: &Header, _: &[u8]| vec![]);
        let resolution = Resolution::measure(&mut link, &mut || clock.now_ns());
        // Each call takes 10 ns of virtual time.
        let expected = Resolution {
            clock_read_ns: Some(10),
            resolution_ns: Some(20),
        };
        assert_eq!(resolution, expected);
    }

    /// A link that is broken, or on which there is always something.
    struct Other(bool);

    impl Link for Other {
        fn name(&self) -> &'static str {
            "other"
        }

        fn send(&mut self, _: &[u8]) -> Result<Sent, LinkError> {
            Ok(Sent::Out)
        }

        fn receive(&mut self, _: &mut [u8], at_ns: u64) -> Result<Option<Received>, LinkError> {
            let broken = LinkError::NoAddress { family: "no" };
            self.0
                .then_some(Some(Received { len: 0, at_ns }))
                .ok_or(broken)
        }
    }

    #[test]
    fn a_link_that_can_not_be_polled_has_no_resolution() {
        for other in [false, true] {
            let clock = VirtualClock::default();
            let resolution = Resolution::measure(&mut Other(other), &mut || clock.now_ns());
            assert_eq!(resolution.resolution_ns, None);
        }
    }
}

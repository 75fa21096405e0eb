//! STAMP's Session-Reflector (RFC 8762, RFC 8972), which is [`wire::stamp`]'s, with this machine's clock.
//!
//! The machine has no date: timestamps count from its boot, and the error estimate says that nothing
//! synchronises them.

extern crate alloc;

use alloc::vec;

use wire::stamp::packet::UNAUTHENTICATED_LEN;
use wire::stamp::{Arrival, ClockState, Key, Mode, Reflector, Session, Sessions, Verdict};

use super::{Handler, Request, Response};
use crate::args::StampConfig;
use crate::clock::Clock;

/// Number of sessions that a stateful reflector remembers.
const SESSIONS: usize = 256;

/// STAMP's Session-Reflector.
#[derive(Debug)]
pub struct Stamp(Reflector<'static>);

impl Stamp {
    /// Creates a reflector as `config` says. If that is stateful, its sessions take memory for ever; `seed` is
    /// the table's ([`Sessions::new`]).
    #[inline(never)]
    #[must_use]
    pub fn new(config: &StampConfig, seed: u64) -> Self {
        let sessions = match config.mode {
            Mode::Stateless => None,
            Mode::Stateful => {
                let memory = vec![Session::FREE; SESSIONS].leak();
                Some(Sessions::new(memory, seed))
            }
        };
        let key = config.key.as_ref().map(Key::new);
        Self(Reflector::new(key, sessions))
    }
}

impl Handler for Stamp {
    /// Base packets of unauthenticated mode; all else is declared as rewritten.
    const CHANGES: usize = UNAUTHENTICATED_LEN;

    #[inline(always)]
    fn handle(&mut self, payload: &mut [u8], request: &Request, clock: &impl Clock) -> Response {
        let arrival = Arrival {
            source: request.source,
            own: (request.destination, request.port).into(),
            received_ns: request.received_ns,
            hop_limit: request.ip.map(|ip| ip.hop_limit),
            traffic_class: request.ip.map(|ip| ip.traffic_class),
        };
        let transmit_ns = || clock.stamp_ns();
        let verdict = self
            .0
            .reflect(payload, &arrival, ClockState::SINCE_BOOT, transmit_ns);
        let response = match verdict {
            Verdict::Reply { is_base_only: true } => Response::reply(payload.len()),
            Verdict::Reply {
                is_base_only: false,
            } => Response::reply(payload.len()).rewritten(),
            Verdict::Drop(_) => Response::DROP,
        };
        response.counted_as(verdict.counter())
    }
}
